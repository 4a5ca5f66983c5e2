/* Paths of files: compared, and read as a profile writes them. Pure. */
#include "mapping/profile_int.h"

#include <string.h>

#include "base/err.h"
#include "mapping/p15.h"

bool
path_eq(const struct path *a, const struct path *b)
{
	return a->from == b->from && a->len == b->len && memcmp(a->b, b->b, a->len) == 0;
}

int
take_path(struct load *l, const struct schema_rule *rule, const struct ynode *n, void *field)
{
	struct buf bytes = BUF_INIT;
	int r = take_hex(l, rule, n, &bytes);

	if (!r && p15_path_decode(buf_peek(&bytes), field))
		r = schema_complain(l, n, "%s: \"%.60s\" is not a path, allowed: file ids of four "
		    "digits, from the application or from 3F00, or an AID", rule->key, n->text);
	buf_free(&bytes);
	return r;
}

/* How a card wants SELECT: the key "select" of a profile. Pure. */
#include "mapping/profile_int.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"

/* One byte. Field: uint8_t. */
static int
take_byte(struct load *l, const struct schema_rule *rule, const struct ynode *n, void *field)
{
	const struct schema_rule byte = { .key = rule->key, .hi = 255 };
	unsigned value;
	int r = take_unsigned(l, &byte, n, &value);

	if (!r)
		*(uint8_t *)field = (uint8_t)value;
	return r;
}

static const struct schema_rule name_rules[] = {
	{ .key = "path", .take = take_path, .must = true, .lo = 2, .hi = PATH_BYTES_MAX,
	    .off = offsetof(struct df_name, path) },
	{ .key = "name", .take = take_hex, .must = true, .lo = 1, .hi = 16,
	    .off = offsetof(struct df_name, name) }
};
static const struct schema_level name_level = { "names", name_rules, 2 };

void
profile_select_free(struct select_how *s)
{
	for (size_t i = 0; i < s->nnames; i++)
		buf_free(&s->names[i].name);
	free(s->names);
	memset(s, 0, sizeof *s);
}

/* Field: struct select_how. */
static int
take_df_names(struct load *l, const struct schema_rule *rule, const struct ynode *n, void *field)
{
	struct select_how *s = field;
	int r = 0;

	if (schema_want_list(l, rule, n))
		return E_FORMAT;
	if (!(s->names = calloc(schema_list_len(n), sizeof *s->names)))
		return E_MEM;
	for (const struct ynode *e = n->child; e && !r; e = e->next)
		r = schema_read(l, &name_level, e, &s->names[s->nnames++]);
	return r;
}

static const struct schema_rule select_rules[] = {
	{ .key = "p2", .take = take_byte, .off = offsetof(struct select_how, p2) },
	{ .key = "p2-fci", .take = take_byte, .off = offsetof(struct select_how, p2_fci) },
	{ .key = "ef", .take = take_byte, .off = offsetof(struct select_how, ef) },
	{ .key = "df", .take = take_byte, .off = offsetof(struct select_how, df) },
	{ .key = "walk", .take = take_bool, .off = offsetof(struct select_how, walk) },
	{ .key = "names", .take = take_df_names, .lo = 1, .hi = 8 }
};
static const struct schema_level select_level = { "select", select_rules, 6 };

int
take_select(struct load *l, const struct schema_rule *rule, const struct ynode *n, void *field)
{
	(void)rule;
	profile_select_free(field); /* of a profile that this one extends */
	return schema_read(l, &select_level, n, field);
}

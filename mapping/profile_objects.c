/* What the card's directory may leave out: the key "objects" of a profile. Pure. */
#include "mapping/profile_int.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "mapping/p15.h"

static const struct schema_word kind_array[] = { { "rsa", KEY_RSA }, { "ec", KEY_EC } };
static const struct schema_word usage_array[] = { /* bits of KeyUsageFlags */
	{ "decrypt", 1 }, { "sign", 2 }, { "sign-recover", 3 }, { "unwrap", 5 }, { "derive", 8 },
	{ "non-repudiation", 9 }
};
static const struct schema_words kind_words = WORDS(kind_array);
static const struct schema_words usage_words = WORDS(usage_array);

/* An entry of `objects:` before it becomes a record. */
struct object_text {
	struct buf id, auth;
	char *label;
	unsigned kind, usage, bits;
	int ref;
	struct path path;
	bool authority;
};

static const struct schema_rule given_key_rules[] = {
	{ .key = "id", .take = take_hex, .must = true, .lo = 1, .hi = 64,
	    .off = offsetof(struct object_text, id) },
	{ .key = "label", .take = take_text, .must = true, .lo = 1, .hi = 64,
	    .off = offsetof(struct object_text, label) },
	{ .key = "type", .take = take_word, .must = true, .words = &kind_words,
	    .off = offsetof(struct object_text, kind) },
	{ .key = "usage", .take = take_set, .must = true, .lo = 1, .hi = 6, .words = &usage_words,
	    .off = offsetof(struct object_text, usage) },
	{ .key = "pin", .take = take_hex, .must = true, .lo = 1, .hi = 64,
	    .off = offsetof(struct object_text, auth) },
	{ .key = "bits", .take = take_unsigned, .lo = 192, .hi = 16384,
	    .off = offsetof(struct object_text, bits) },
	{ .key = "ref", .take = take_int, .hi = 255, .off = offsetof(struct object_text, ref) },
	{ .key = "path", .take = take_path, .lo = 2, .hi = PATH_BYTES_MAX,
	    .off = offsetof(struct object_text, path) }
};
static const struct schema_rule given_cert_rules[] = {
	{ .key = "id", .take = take_hex, .must = true, .lo = 1, .hi = 64,
	    .off = offsetof(struct object_text, id) },
	{ .key = "label", .take = take_text, .must = true, .lo = 1, .hi = 64,
	    .off = offsetof(struct object_text, label) },
	{ .key = "path", .take = take_path, .must = true, .lo = 2, .hi = PATH_BYTES_MAX,
	    .off = offsetof(struct object_text, path) },
	{ .key = "ca", .take = take_bool, .off = offsetof(struct object_text, authority) }
};
static const struct {
	const char *word;
	enum p15_kind kind;
	struct schema_level level;
} given_kinds[] = {
	{ "key", P15_PRIVATE, { "key", given_key_rules, sizeof given_key_rules / sizeof given_key_rules[0] } },
	{ "cert", P15_CERT, { "cert", given_cert_rules, sizeof given_cert_rules / sizeof given_cert_rules[0] } },
};

static void
id_of(const struct buf *bytes, struct p15_id *id)
{
	id->len = (uint8_t)bytes->len;
	if (bytes->len)
		memcpy(id->b, bytes->p, bytes->len);
}

/* Takes the label. */
static struct p15_object *
object_of(enum p15_kind kind, struct object_text *t)
{
	struct p15_object *o = calloc(1, sizeof *o);

	if (!o)
		return NULL;
	o->kind = kind;
	o->label = t->label;
	t->label = NULL;
	id_of(&t->id, &o->id);
	id_of(&t->auth, &o->auth_id);
	o->usage = t->usage;
	o->native = true;
	if (kind == P15_PRIVATE) {
		o->flags = P15_FLAG_PRIVATE;
		o->access = ACCESS_SENSITIVE | ACCESS_ALWAYS_SENSITIVE | ACCESS_NEVER_EXTRACTABLE;
		o->key.kind = (enum key_kind)t->kind;
		o->key.bits = t->bits;
		o->key.path = t->path;
		o->key.ref = t->ref;
		o->key.ref_valid = t->ref >= 0;
	}
	o->authority = o->trusted = t->authority;
	o->path = t->path;
	o->range.whole = true;
	return o;
}

static int
take_object(struct load *l, const struct ynode *e, struct p15_objects *all)
{
	struct object_text t = { .ref = -1, .path.from = PATH_APP };
	const struct ynode *n = e->kind == YN_MAP ? e->child : NULL;
	size_t i = 0;
	int r;

	while (n && i < sizeof given_kinds / sizeof given_kinds[0] && strcmp(given_kinds[i].word, n->key) != 0)
		i++;
	if (!n || n->next || i == sizeof given_kinds / sizeof given_kinds[0])
		return schema_complain(l, e, "objects: an entry is one of key, cert");
	if (!(r = schema_read(l, &given_kinds[i].level, n, &t)))
		r = p15_objects_take(all, object_of(given_kinds[i].kind, &t));
	buf_free(&t.id);
	buf_free(&t.auth);
	free(t.label);
	return r;
}

/* Field: struct profile. */
int
take_objects(struct load *l, const struct schema_rule *rule, const struct ynode *n, void *field)
{
	struct profile *p = field;
	int r = 0;

	if (schema_want_list(l, rule, n))
		return E_FORMAT;
	if (p->objects)
		p15_objects_free(p->objects);
	else if (!(p->objects = calloc(1, sizeof *p->objects)))
		return E_MEM;
	for (const struct ynode *e = n->child; e && !r; e = e->next)
		r = take_object(l, e, p->objects);
	return r;
}

#include "token/object.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"

/* What a body can add, by class. */
static const struct lazy_row {
	CK_OBJECT_CLASS cls;
	CK_ATTRIBUTE_TYPE type;
} lazy[] = {
	{ CKO_DATA, CKA_VALUE },
	{ CKO_CERTIFICATE, CKA_VALUE }, { CKO_CERTIFICATE, CKA_SUBJECT },
	{ CKO_CERTIFICATE, CKA_ISSUER }, { CKO_CERTIFICATE, CKA_SERIAL_NUMBER },
	{ CKO_CERTIFICATE, CKA_START_DATE }, { CKO_CERTIFICATE, CKA_END_DATE },
	{ CKO_CERTIFICATE, CKA_PUBLIC_KEY_INFO },
	{ CKO_PUBLIC_KEY, CKA_SUBJECT }, { CKO_PUBLIC_KEY, CKA_MODULUS },
	{ CKO_PUBLIC_KEY, CKA_MODULUS_BITS }, { CKO_PUBLIC_KEY, CKA_PUBLIC_EXPONENT },
	{ CKO_PUBLIC_KEY, CKA_EC_PARAMS }, { CKO_PUBLIC_KEY, CKA_EC_POINT },
	{ CKO_PUBLIC_KEY, CKA_PUBLIC_KEY_INFO },
	{ CKO_PRIVATE_KEY, CKA_SUBJECT }, { CKO_PRIVATE_KEY, CKA_MODULUS },
	{ CKO_PRIVATE_KEY, CKA_PUBLIC_EXPONENT }, { CKO_PRIVATE_KEY, CKA_EC_PARAMS },
	{ CKO_PRIVATE_KEY, CKA_EC_POINT }, { CKO_PRIVATE_KEY, CKA_PUBLIC_KEY_INFO },
	{ CKO_PRIVATE_KEY, CKA_ALWAYS_AUTHENTICATE },
};

/* Handles start high, so that one taken for an index or a slot id misses at once. */
static atomic_ulong next_handle = 0x10001;

struct object *
object_new(struct attrs *base, CK_SESSION_HANDLE owner, unsigned pin)
{
	struct object *o = base ? calloc(1, sizeof *o) : NULL;

	if (!o) {
		attrs_free(&base);
		return NULL;
	}
	object_rename(o);
	atomic_init(&o->refs, 1);
	o->base = base;
	o->cls = attrs_get_ulong(base, CKA_CLASS, CKO_DATA);
	o->token = attrs_get_bool(base, CKA_TOKEN, false);
	o->priv = attrs_get_bool(base, CKA_PRIVATE, false);
	o->owner = owner;
	o->pin = pin;
	return o;
}

void
object_rename(struct object *o)
{
	atomic_store(&o->h, atomic_fetch_add(&next_handle, 1));
}

struct object *
object_ref(struct object *o)
{
	atomic_fetch_add(&o->refs, 1);
	return o;
}

void
object_unref(struct object **o)
{
	struct object *dead = *o;
	struct attrs *full;

	*o = NULL;
	if (!dead || atomic_fetch_sub(&dead->refs, 1) != 1)
		return;
	full = atomic_load(&dead->full);
	attrs_free(&full);
	attrs_free(&dead->base);
	source_unref(&dead->src);
	free(dead);
}

struct source *
source_new(enum source_kind kind)
{
	struct source *s = calloc(1, sizeof *s);

	if (s) {
		atomic_init(&s->refs, 1);
		s->kind = kind;
	}
	return s;
}

struct source *
source_ref(struct source *s)
{
	atomic_fetch_add(&s->refs, 1);
	return s;
}

void
source_unref(struct source **s)
{
	struct source *dead = *s;
	struct buf *body;

	*s = NULL;
	if (!dead || atomic_fetch_sub(&dead->refs, 1) != 1)
		return;
	if ((body = atomic_load(&dead->body))) {
		buf_free(body);
		free(body);
	}
	free(dead);
}

const struct attrs *
object_attrs(const struct object *o)
{
	const struct attrs *full = atomic_load(&o->full);

	return full ? full : o->base;
}

bool
object_is_lazy(CK_OBJECT_CLASS cls, CK_ATTRIBUTE_TYPE type)
{
	for (size_t i = 0; i < sizeof lazy / sizeof lazy[0]; i++)
		if (lazy[i].cls == cls && lazy[i].type == type)
			return true;
	return false;
}

bool
object_needs_body(const struct object *o, CK_ATTRIBUTE_TYPE type)
{
	return o->src && object_attrs(o) == o->base && !attrs_get(o->base, type) &&
	    object_is_lazy(o->cls, type);
}

enum match
object_match(const struct object *o, const CK_ATTRIBUTE *t, CK_ULONG n)
{
	const struct attrs *a = object_attrs(o);
	const struct attr *at;
	enum match m = MATCH_YES;

	for (CK_ULONG i = 0; i < n; i++) {
		at = attrs_get(a, t[i].type);
		if (!at && object_needs_body(o, t[i].type)) {
			m = MATCH_NEEDS_BODY;
			continue;
		}
		if (!at || at->hidden ||
		    !view_eq(at->value, view_of(t[i].pValue, t[i].pValue ? t[i].ulValueLen : 0)))
			return MATCH_NO;
	}
	return m;
}

CK_RV
object_get(const struct object *o, CK_ATTRIBUTE *t, CK_ULONG n)
{
	const struct attrs *a = object_attrs(o);
	const struct attr *at;
	CK_RV rv = CKR_OK;

	for (CK_ULONG i = 0; i < n; i++) {
		at = attrs_get(a, t[i].type);
		if (!at || at->hidden) {
			rv = at ? CKR_ATTRIBUTE_SENSITIVE : CKR_ATTRIBUTE_TYPE_INVALID;
			t[i].ulValueLen = CK_UNAVAILABLE_INFORMATION;
		} else if (!t[i].pValue) {
			t[i].ulValueLen = at->value.len;
		} else if (t[i].ulValueLen < at->value.len) {
			rv = CKR_BUFFER_TOO_SMALL;
			t[i].ulValueLen = CK_UNAVAILABLE_INFORMATION;
		} else {
			if (at->value.len)
				memcpy(t[i].pValue, at->value.p, at->value.len);
			t[i].ulValueLen = at->value.len;
		}
	}
	return rv;
}

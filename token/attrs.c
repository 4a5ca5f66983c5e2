#include "token/attrs.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#define ATTRS_MAX 64 /* of one object; a caller's template cannot make it larger */

static void
put(struct attrs_build *b, CK_ATTRIBUTE_TYPE type, bool hidden, struct view value)
{
	size_t i, cap;
	void *a;

	for (i = 0; i < b->n && b->a[i].type != type; i++)
		;
	if (i == b->cap) {
		cap = b->cap ? b->cap * 2 : 32;
		if (cap > ATTRS_MAX || !(a = realloc(b->a, cap * sizeof *b->a))) {
			b->bad = true;
			return;
		}
		b->a = a;
		b->cap = cap;
	}
	if (i == b->n)
		b->n++;
	b->bytes.secret = true;
	b->a[i].type = type;
	b->a[i].hidden = hidden;
	b->a[i].off = b->bytes.len;
	b->a[i].len = value.len;
	buf_view(&b->bytes, value);
}

void
attrs_put(struct attrs_build *b, CK_ATTRIBUTE_TYPE type, struct view value)
{
	put(b, type, false, value);
}

void
attrs_bool(struct attrs_build *b, CK_ATTRIBUTE_TYPE type, bool value)
{
	CK_BBOOL v = value ? CK_TRUE : CK_FALSE;

	attrs_put(b, type, view_of(&v, sizeof v));
}

void
attrs_ulong(struct attrs_build *b, CK_ATTRIBUTE_TYPE type, CK_ULONG value)
{
	attrs_put(b, type, view_of(&value, sizeof value));
}

void
attrs_text(struct attrs_build *b, CK_ATTRIBUTE_TYPE type, const char *value)
{
	attrs_put(b, type, view_str(value));
}

void
attrs_hide(struct attrs_build *b, CK_ATTRIBUTE_TYPE type)
{
	put(b, type, true, view_of(NULL, 0));
}

bool
attrs_has(const struct attrs_build *b, CK_ATTRIBUTE_TYPE type)
{
	for (size_t i = 0; i < b->n; i++)
		if (b->a[i].type == type)
			return true;
	return false;
}

void
attrs_add_all(struct attrs_build *b, const struct attrs *from)
{
	for (size_t i = 0; i < from->n; i++)
		if (!attrs_has(b, from->a[i].type))
			put(b, from->a[i].type, from->a[i].hidden, from->a[i].value);
}

static int
by_type(const void *a, const void *b)
{
	const struct attr *x = a, *y = b;

	return x->type < y->type ? -1 : x->type > y->type;
}

struct attrs *
attrs_seal(struct attrs_build *b)
{
	size_t size = sizeof(struct attrs) + b->n * sizeof(struct attr) + b->bytes.len;
	struct attrs *s = NULL;
	uint8_t *bytes;

	if (!b->bad && !buf_err(&b->bytes))
		s = malloc(size);
	if (s) {
		s->size = size;
		s->n = b->n;
		bytes = (uint8_t *)&s->a[b->n];
		if (b->bytes.len)
			memcpy(bytes, b->bytes.p, b->bytes.len);
		for (size_t i = 0; i < b->n; i++) {
			s->a[i].type = b->a[i].type;
			s->a[i].hidden = b->a[i].hidden;
			s->a[i].value = view_of(bytes + b->a[i].off, b->a[i].len);
		}
		qsort(s->a, s->n, sizeof s->a[0], by_type);
	}
	attrs_build_free(b);
	return s;
}

void
attrs_build_free(struct attrs_build *b)
{
	free(b->a);
	buf_free(&b->bytes);
	memset(b, 0, sizeof *b);
}

void
attrs_free(struct attrs **a)
{
	if (!*a)
		return;
	/* all of it: a value that a later one replaced is still inside */
	OPENSSL_cleanse(*a, (*a)->size);
	free(*a);
	*a = NULL;
}

const struct attr *
attrs_get(const struct attrs *a, CK_ATTRIBUTE_TYPE type)
{
	struct attr key = { .type = type };

	return bsearch(&key, a->a, a->n, sizeof a->a[0], by_type);
}

struct view
attrs_get_view(const struct attrs *a, CK_ATTRIBUTE_TYPE type)
{
	const struct attr *at = attrs_get(a, type);

	return at && !at->hidden ? at->value : view_of(NULL, 0);
}

bool
attrs_get_bool(const struct attrs *a, CK_ATTRIBUTE_TYPE type, bool def)
{
	struct view v = attrs_get_view(a, type);

	return v.len == sizeof(CK_BBOOL) ? v.p[0] != CK_FALSE : def;
}

CK_ULONG
attrs_get_ulong(const struct attrs *a, CK_ATTRIBUTE_TYPE type, CK_ULONG def)
{
	struct view v = attrs_get_view(a, type);

	if (v.len == sizeof def)
		memcpy(&def, v.p, sizeof def);
	return def;
}

const CK_ATTRIBUTE *
template_get(const CK_ATTRIBUTE *t, CK_ULONG n, CK_ATTRIBUTE_TYPE type)
{
	for (CK_ULONG i = 0; i < n; i++)
		if (t[i].type == type)
			return &t[i];
	return NULL;
}

CK_RV
template_bool(const CK_ATTRIBUTE *t, CK_ULONG n, CK_ATTRIBUTE_TYPE type, bool *value)
{
	const CK_ATTRIBUTE *a = template_get(t, n, type);

	if (!a)
		return CKR_OK;
	if (!a->pValue || a->ulValueLen != sizeof(CK_BBOOL) ||
	    *(const CK_BBOOL *)a->pValue > CK_TRUE)
		return CKR_ATTRIBUTE_VALUE_INVALID;
	*value = *(const CK_BBOOL *)a->pValue != CK_FALSE;
	return CKR_OK;
}

CK_RV
template_ulong(const CK_ATTRIBUTE *t, CK_ULONG n, CK_ATTRIBUTE_TYPE type, CK_ULONG *value)
{
	const CK_ATTRIBUTE *a = template_get(t, n, type);

	if (!a)
		return CKR_OK;
	if (!a->pValue || a->ulValueLen != sizeof *value)
		return CKR_ATTRIBUTE_VALUE_INVALID;
	memcpy(value, a->pValue, sizeof *value);
	return CKR_OK;
}

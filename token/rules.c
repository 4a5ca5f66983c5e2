#include "token/rules.h"

#include <string.h>

#define ANY ((CK_ULONG)-1)

/* Forms of a value. DATE: empty or YYYYMMDD. NUMBER: big-endian, leading zeros are cut. */
enum form { BOOL, ULONG, BYTES, DATE, NUMBER };
/* DEF_*: may be given, else that is its value. OURS: never given. FIXED: given only as it is. */
enum need { REQUIRED, OPTIONAL, DEF_FALSE, DEF_TRUE, DEF_EMPTY, OURS_FALSE, OURS_NO_MECH };
/* How it may change later. */
enum change { NEVER, FREELY, COPY_ONLY, TO_TRUE, TO_FALSE };

static const struct rule {
	CK_OBJECT_CLASS cls;
	CK_KEY_TYPE key_type;
	CK_ATTRIBUTE_TYPE type;
	enum form form;
	enum need need;
	enum change change;
} rules[] = {
	{ ANY, ANY, CKA_CLASS, ULONG, REQUIRED, NEVER },
	{ ANY, ANY, CKA_TOKEN, BOOL, DEF_FALSE, COPY_ONLY },
	{ CKO_SECRET_KEY, ANY, CKA_PRIVATE, BOOL, DEF_TRUE, COPY_ONLY },
	{ CKO_PRIVATE_KEY, ANY, CKA_PRIVATE, BOOL, DEF_TRUE, COPY_ONLY },
	{ ANY, ANY, CKA_PRIVATE, BOOL, DEF_FALSE, COPY_ONLY },
	{ ANY, ANY, CKA_MODIFIABLE, BOOL, DEF_TRUE, COPY_ONLY },
	{ ANY, ANY, CKA_COPYABLE, BOOL, DEF_TRUE, TO_FALSE },
	{ ANY, ANY, CKA_DESTROYABLE, BOOL, DEF_TRUE, COPY_ONLY },
	{ ANY, ANY, CKA_LABEL, BYTES, DEF_EMPTY, FREELY },

	{ CKO_DATA, ANY, CKA_APPLICATION, BYTES, DEF_EMPTY, FREELY },
	{ CKO_DATA, ANY, CKA_OBJECT_ID, BYTES, DEF_EMPTY, FREELY },
	{ CKO_DATA, ANY, CKA_VALUE, BYTES, DEF_EMPTY, FREELY },

	{ CKO_CERTIFICATE, ANY, CKA_CERTIFICATE_TYPE, ULONG, REQUIRED, NEVER },
	{ CKO_CERTIFICATE, ANY, CKA_TRUSTED, BOOL, OURS_FALSE, NEVER },
	{ CKO_CERTIFICATE, ANY, CKA_CERTIFICATE_CATEGORY, ULONG, OPTIONAL, NEVER },
	{ CKO_CERTIFICATE, ANY, CKA_CHECK_VALUE, BYTES, OPTIONAL, NEVER },
	{ CKO_CERTIFICATE, ANY, CKA_START_DATE, DATE, DEF_EMPTY, NEVER },
	{ CKO_CERTIFICATE, ANY, CKA_END_DATE, DATE, DEF_EMPTY, NEVER },
	{ CKO_CERTIFICATE, ANY, CKA_SUBJECT, BYTES, REQUIRED, NEVER },
	{ CKO_CERTIFICATE, ANY, CKA_ID, BYTES, DEF_EMPTY, FREELY },
	{ CKO_CERTIFICATE, ANY, CKA_ISSUER, BYTES, DEF_EMPTY, FREELY },
	{ CKO_CERTIFICATE, ANY, CKA_SERIAL_NUMBER, BYTES, DEF_EMPTY, FREELY },
	{ CKO_CERTIFICATE, ANY, CKA_VALUE, BYTES, REQUIRED, NEVER },
	{ CKO_CERTIFICATE, ANY, CKA_URL, BYTES, DEF_EMPTY, NEVER },
	{ CKO_CERTIFICATE, ANY, CKA_HASH_OF_SUBJECT_PUBLIC_KEY, BYTES, DEF_EMPTY, NEVER },
	{ CKO_CERTIFICATE, ANY, CKA_HASH_OF_ISSUER_PUBLIC_KEY, BYTES, DEF_EMPTY, NEVER },
	{ CKO_CERTIFICATE, ANY, CKA_PUBLIC_KEY_INFO, BYTES, DEF_EMPTY, NEVER },

#define KEY(cls) \
	{ cls, ANY, CKA_KEY_TYPE, ULONG, REQUIRED, NEVER }, \
	{ cls, ANY, CKA_ID, BYTES, DEF_EMPTY, FREELY }, \
	{ cls, ANY, CKA_START_DATE, DATE, DEF_EMPTY, FREELY }, \
	{ cls, ANY, CKA_END_DATE, DATE, DEF_EMPTY, FREELY }, \
	{ cls, ANY, CKA_DERIVE, BOOL, DEF_FALSE, FREELY }, \
	{ cls, ANY, CKA_LOCAL, BOOL, OURS_FALSE, NEVER }, \
	{ cls, ANY, CKA_KEY_GEN_MECHANISM, ULONG, OURS_NO_MECH, NEVER }
	KEY(CKO_PUBLIC_KEY), KEY(CKO_PRIVATE_KEY), KEY(CKO_SECRET_KEY),
#undef KEY

	{ CKO_PUBLIC_KEY, ANY, CKA_SUBJECT, BYTES, DEF_EMPTY, FREELY },
	{ CKO_PUBLIC_KEY, ANY, CKA_ENCRYPT, BOOL, DEF_FALSE, FREELY },
	{ CKO_PUBLIC_KEY, ANY, CKA_VERIFY, BOOL, DEF_FALSE, FREELY },
	{ CKO_PUBLIC_KEY, ANY, CKA_VERIFY_RECOVER, BOOL, DEF_FALSE, FREELY },
	{ CKO_PUBLIC_KEY, ANY, CKA_WRAP, BOOL, DEF_FALSE, FREELY },
	{ CKO_PUBLIC_KEY, ANY, CKA_TRUSTED, BOOL, OURS_FALSE, NEVER },
	{ CKO_PUBLIC_KEY, ANY, CKA_PUBLIC_KEY_INFO, BYTES, DEF_EMPTY, NEVER },
	{ CKO_PUBLIC_KEY, CKK_RSA, CKA_MODULUS, NUMBER, REQUIRED, NEVER },
	{ CKO_PUBLIC_KEY, CKK_RSA, CKA_PUBLIC_EXPONENT, NUMBER, REQUIRED, NEVER },
	{ CKO_PUBLIC_KEY, CKK_RSA, CKA_MODULUS_BITS, ULONG, OPTIONAL, NEVER },
	{ CKO_PUBLIC_KEY, CKK_EC, CKA_EC_PARAMS, BYTES, REQUIRED, NEVER },
	{ CKO_PUBLIC_KEY, CKK_EC, CKA_EC_POINT, BYTES, REQUIRED, NEVER },

	{ CKO_PRIVATE_KEY, ANY, CKA_SUBJECT, BYTES, DEF_EMPTY, FREELY },
	{ CKO_PRIVATE_KEY, ANY, CKA_SENSITIVE, BOOL, DEF_TRUE, TO_TRUE },
	{ CKO_PRIVATE_KEY, ANY, CKA_DECRYPT, BOOL, DEF_FALSE, FREELY },
	{ CKO_PRIVATE_KEY, ANY, CKA_SIGN, BOOL, DEF_FALSE, FREELY },
	{ CKO_PRIVATE_KEY, ANY, CKA_SIGN_RECOVER, BOOL, DEF_FALSE, FREELY },
	{ CKO_PRIVATE_KEY, ANY, CKA_UNWRAP, BOOL, DEF_FALSE, FREELY },
	{ CKO_PRIVATE_KEY, ANY, CKA_EXTRACTABLE, BOOL, DEF_FALSE, TO_FALSE },
	{ CKO_PRIVATE_KEY, ANY, CKA_ALWAYS_SENSITIVE, BOOL, OURS_FALSE, NEVER },
	{ CKO_PRIVATE_KEY, ANY, CKA_NEVER_EXTRACTABLE, BOOL, OURS_FALSE, NEVER },
	{ CKO_PRIVATE_KEY, ANY, CKA_WRAP_WITH_TRUSTED, BOOL, DEF_FALSE, TO_TRUE },
	{ CKO_PRIVATE_KEY, ANY, CKA_ALWAYS_AUTHENTICATE, BOOL, DEF_FALSE, NEVER },
	{ CKO_PRIVATE_KEY, ANY, CKA_PUBLIC_KEY_INFO, BYTES, DEF_EMPTY, NEVER },
	{ CKO_PRIVATE_KEY, CKK_RSA, CKA_MODULUS, NUMBER, REQUIRED, NEVER },
	{ CKO_PRIVATE_KEY, CKK_RSA, CKA_PUBLIC_EXPONENT, NUMBER, OPTIONAL, NEVER },
	{ CKO_PRIVATE_KEY, CKK_RSA, CKA_PRIVATE_EXPONENT, NUMBER, REQUIRED, NEVER },
	{ CKO_PRIVATE_KEY, CKK_RSA, CKA_PRIME_1, NUMBER, OPTIONAL, NEVER },
	{ CKO_PRIVATE_KEY, CKK_RSA, CKA_PRIME_2, NUMBER, OPTIONAL, NEVER },
	{ CKO_PRIVATE_KEY, CKK_RSA, CKA_EXPONENT_1, NUMBER, OPTIONAL, NEVER },
	{ CKO_PRIVATE_KEY, CKK_RSA, CKA_EXPONENT_2, NUMBER, OPTIONAL, NEVER },
	{ CKO_PRIVATE_KEY, CKK_RSA, CKA_COEFFICIENT, NUMBER, OPTIONAL, NEVER },
	{ CKO_PRIVATE_KEY, CKK_EC, CKA_EC_PARAMS, BYTES, REQUIRED, NEVER },
	{ CKO_PRIVATE_KEY, CKK_EC, CKA_EC_POINT, BYTES, OPTIONAL, NEVER },
	{ CKO_PRIVATE_KEY, CKK_EC, CKA_VALUE, NUMBER, REQUIRED, NEVER },

	{ CKO_SECRET_KEY, ANY, CKA_SENSITIVE, BOOL, DEF_FALSE, TO_TRUE },
	{ CKO_SECRET_KEY, ANY, CKA_ENCRYPT, BOOL, DEF_FALSE, FREELY },
	{ CKO_SECRET_KEY, ANY, CKA_DECRYPT, BOOL, DEF_FALSE, FREELY },
	{ CKO_SECRET_KEY, ANY, CKA_SIGN, BOOL, DEF_FALSE, FREELY },
	{ CKO_SECRET_KEY, ANY, CKA_VERIFY, BOOL, DEF_FALSE, FREELY },
	{ CKO_SECRET_KEY, ANY, CKA_WRAP, BOOL, DEF_FALSE, FREELY },
	{ CKO_SECRET_KEY, ANY, CKA_UNWRAP, BOOL, DEF_FALSE, FREELY },
	{ CKO_SECRET_KEY, ANY, CKA_EXTRACTABLE, BOOL, DEF_TRUE, TO_FALSE },
	{ CKO_SECRET_KEY, ANY, CKA_ALWAYS_SENSITIVE, BOOL, OURS_FALSE, NEVER },
	{ CKO_SECRET_KEY, ANY, CKA_NEVER_EXTRACTABLE, BOOL, OURS_FALSE, NEVER },
	{ CKO_SECRET_KEY, ANY, CKA_TRUSTED, BOOL, OURS_FALSE, NEVER },
	{ CKO_SECRET_KEY, ANY, CKA_WRAP_WITH_TRUSTED, BOOL, DEF_FALSE, TO_TRUE },
	{ CKO_SECRET_KEY, ANY, CKA_CHECK_VALUE, BYTES, OPTIONAL, NEVER },
	{ CKO_SECRET_KEY, ANY, CKA_VALUE, BYTES, REQUIRED, NEVER },
	{ CKO_SECRET_KEY, ANY, CKA_VALUE_LEN, ULONG, OPTIONAL, NEVER },
};

#define N_RULES (sizeof rules / sizeof rules[0])

static bool
applies(const struct rule *r, CK_OBJECT_CLASS cls, CK_KEY_TYPE key_type)
{
	return (r->cls == ANY || r->cls == cls) && (r->key_type == ANY || r->key_type == key_type);
}

/* The first that applies: rows of one class stand before those of any. */
static const struct rule *
find(CK_OBJECT_CLASS cls, CK_KEY_TYPE key_type, CK_ATTRIBUTE_TYPE type)
{
	for (size_t i = 0; i < N_RULES; i++)
		if (rules[i].type == type && applies(&rules[i], cls, key_type))
			return &rules[i];
	return NULL;
}

static bool
form_ok(enum form form, struct view v)
{
	switch (form) {
	case BOOL:
		return v.len == sizeof(CK_BBOOL) && v.p[0] <= CK_TRUE;
	case ULONG:
		return v.len == sizeof(CK_ULONG);
	case DATE:
		return v.len == 0 || v.len == 8;
	case NUMBER:
		return v.len > 0;
	default:
		return true;
	}
}

static void
put(struct attrs_build *b, const struct rule *r, struct view v)
{
	while (r->form == NUMBER && v.len > 1 && !v.p[0])
		v = view_part(v, 1, v.len - 1);
	attrs_put(b, r->type, v);
}

static void
put_default(struct attrs_build *b, const struct rule *r)
{
	switch (r->need) {
	case DEF_TRUE:
		attrs_bool(b, r->type, true);
		break;
	case DEF_FALSE:
	case OURS_FALSE:
		attrs_bool(b, r->type, false);
		break;
	case OURS_NO_MECH:
		attrs_ulong(b, r->type, CK_UNAVAILABLE_INFORMATION);
		break;
	case DEF_EMPTY:
		attrs_put(b, r->type, view_of(NULL, 0));
		break;
	default:
		break;
	}
}

static CK_RV
given(struct attrs_build *b, const struct rule *r, const CK_ATTRIBUTE *a)
{
	struct view v = view_of(a->pValue, a->pValue ? a->ulValueLen : 0);

	if (!r)
		return CKR_ATTRIBUTE_TYPE_INVALID;
	if (r->need == OURS_FALSE || r->need == OURS_NO_MECH)
		return CKR_ATTRIBUTE_READ_ONLY;
	if ((!a->pValue && a->ulValueLen) || !form_ok(r->form, v))
		return CKR_ATTRIBUTE_VALUE_INVALID;
	if (attrs_has(b, r->type))
		return CKR_TEMPLATE_INCONSISTENT;
	put(b, r, v);
	return CKR_OK;
}

CK_RV
rules_new(const CK_ATTRIBUTE *t, CK_ULONG n, struct attrs **out)
{
	struct attrs_build b = { 0 };
	CK_OBJECT_CLASS cls = ANY;
	CK_KEY_TYPE key_type = ANY;
	CK_RV rv;

	if ((rv = template_ulong(t, n, CKA_CLASS, &cls)) ||
	    (rv = template_ulong(t, n, CKA_KEY_TYPE, &key_type)))
		return rv;
	if (cls == ANY)
		return CKR_TEMPLATE_INCOMPLETE;
	if (!find(cls, key_type, CKA_VALUE) && !find(cls, key_type, CKA_KEY_TYPE))
		return CKR_ATTRIBUTE_VALUE_INVALID; /* a class callers cannot make */
	if (key_type == ANY && find(cls, ANY, CKA_KEY_TYPE))
		return CKR_TEMPLATE_INCOMPLETE; /* before its numbers pass for somebody else's */
	for (CK_ULONG i = 0; i < n && !rv; i++)
		rv = given(&b, find(cls, key_type, t[i].type), &t[i]);
	for (size_t i = 0; i < N_RULES && !rv; i++) {
		if (!applies(&rules[i], cls, key_type) || attrs_has(&b, rules[i].type))
			continue;
		if (rules[i].need == REQUIRED)
			rv = b.bad ? CKR_HOST_MEMORY : CKR_TEMPLATE_INCOMPLETE;
		put_default(&b, &rules[i]);
	}
	if (!rv && !(*out = attrs_seal(&b)))
		rv = CKR_HOST_MEMORY;
	attrs_build_free(&b);
	return rv;
}

CK_RV
rules_check(CK_OBJECT_CLASS cls, CK_KEY_TYPE key_type, const CK_ATTRIBUTE *t, CK_ULONG n)
{
	struct attrs_build b = { 0 };
	CK_RV rv = CKR_OK;

	for (CK_ULONG i = 0; i < n && !rv; i++)
		rv = given(&b, find(cls, key_type, t[i].type), &t[i]);
	attrs_build_free(&b);
	return rv;
}

static CK_RV
may_change(const struct rule *r, const struct attrs *from, const CK_ATTRIBUTE *a, bool copy)
{
	bool value = a->pValue && a->ulValueLen == sizeof(CK_BBOOL) && *(const CK_BBOOL *)a->pValue;
	const struct attr *is = r ? attrs_get(from, r->type) : NULL;
	struct view want = view_of(a->pValue, a->pValue ? a->ulValueLen : 0);

	if (!r)
		return CKR_ATTRIBUTE_TYPE_INVALID;
	if (is && !is->hidden && view_eq(is->value, want))
		return CKR_OK;
	if ((r->change == TO_TRUE && !value) || (r->change == TO_FALSE && value))
		return CKR_ATTRIBUTE_READ_ONLY;
	/* a copy may become private, never public */
	if (r->type == CKA_PRIVATE && copy && !value)
		return CKR_TEMPLATE_INCONSISTENT;
	return r->change == NEVER || (r->change == COPY_ONLY && !copy) ? CKR_ATTRIBUTE_READ_ONLY :
	    CKR_OK;
}

CK_RV
rules_change(const struct attrs *from, const CK_ATTRIBUTE *t, CK_ULONG n, bool copy,
    struct attrs **out)
{
	CK_OBJECT_CLASS cls = attrs_get_ulong(from, CKA_CLASS, ANY);
	CK_KEY_TYPE key_type = attrs_get_ulong(from, CKA_KEY_TYPE, ANY);
	struct attrs_build b = { 0 };
	const struct rule *r;
	CK_RV rv = CKR_OK;

	for (CK_ULONG i = 0; i < n && !rv; i++) {
		r = find(cls, key_type, t[i].type);
		if (!(rv = may_change(r, from, &t[i], copy)))
			rv = given(&b, r, &t[i]);
	}
	attrs_add_all(&b, from);
	if (!rv && !(*out = attrs_seal(&b)))
		rv = CKR_HOST_MEMORY;
	attrs_build_free(&b);
	return rv;
}

#include "token/generate.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "mapping/algs.h"
#include "token/rules.h"
#include "token/write.h"

/* CKA_ -> PKCS#15 usage of the private half, and what a key of that kind may do when the
 * template is silent. */
static const struct usage_row {
	CK_ATTRIBUTE_TYPE type;
	unsigned usage;
	bool rsa, ec; /* default */
} usage_rows[] = {
	{ CKA_SIGN, USAGE_SIGN, true, true },
	{ CKA_SIGN_RECOVER, USAGE_SIGN_RECOVER, false, false },
	{ CKA_DECRYPT, USAGE_DECRYPT, true, false },
	{ CKA_UNWRAP, USAGE_UNWRAP, false, false },
	{ CKA_DERIVE, USAGE_DERIVE, false, true },
};

static const struct { unsigned priv, pub; } twin_usage[] = {
	{ USAGE_SIGN, USAGE_VERIFY }, { USAGE_SIGN_RECOVER, USAGE_VERIFY_RECOVER },
	{ USAGE_DECRYPT, USAGE_ENCRYPT }, { USAGE_UNWRAP, USAGE_WRAP },
	{ USAGE_DERIVE, USAGE_DERIVE },
};

#define N(a) (sizeof(a) / sizeof((a)[0]))

/* A boolean that must be what the card can do anyway. */
static CK_RV
must_be(const CK_ATTRIBUTE *t, CK_ULONG n, CK_ATTRIBUTE_TYPE type, bool want)
{
	bool value = want;
	CK_RV rv = template_bool(t, n, type, &value);

	return rv ? rv : value == want ? CKR_OK : CKR_TEMPLATE_INCONSISTENT;
}

static CK_RV
check_half(const CK_ATTRIBUTE *t, CK_ULONG n, CK_OBJECT_CLASS cls, CK_KEY_TYPE type)
{
	CK_ULONG c = cls, k = type;
	CK_RV rv;

	if ((rv = template_ulong(t, n, CKA_CLASS, &c)) ||
	    (rv = template_ulong(t, n, CKA_KEY_TYPE, &k)))
		return rv;
	if (c != cls || k != type)
		return CKR_TEMPLATE_INCONSISTENT;
	return rules_check(cls, type, t, n);
}

static CK_RV
rsa_size(const struct pair_template *t, const struct profile *pf, unsigned card_max, unsigned *bits)
{
	const CK_ATTRIBUTE *e = template_get(t->pub, t->npub, CKA_PUBLIC_EXPONENT);
	static const uint8_t f4[] = { 0x01, 0x00, 0x01 };
	CK_ULONG want = 0;
	struct view v;
	CK_RV rv;

	if ((rv = template_ulong(t->pub, t->npub, CKA_MODULUS_BITS, &want)))
		return rv;
	if (!want)
		return CKR_TEMPLATE_INCOMPLETE;
	if (want < pf->rsa_min || want > pf->rsa_max || (card_max && want > card_max) ||
	    (pf->rsa_step && (want - pf->rsa_min) % pf->rsa_step))
		return CKR_KEY_SIZE_RANGE;
	if (e) {
		v = view_of(e->pValue, e->pValue ? e->ulValueLen : 0);
		while (v.len > 1 && !v.p[0])
			v = view_part(v, 1, v.len - 1);
		if (!view_eq(v, view_of(f4, sizeof f4)))
			return CKR_TEMPLATE_INCONSISTENT;
	}
	*bits = (unsigned)want;
	return CKR_OK;
}

static CK_RV
ec_curve(const struct pair_template *t, const struct profile *pf, unsigned card_max,
    enum curve *curve)
{
	const CK_ATTRIBUTE *a = template_get(t->pub, t->npub, CKA_EC_PARAMS);

	if (!a)
		return CKR_TEMPLATE_INCOMPLETE;
	*curve = curve_by_oid(view_of(a->pValue, a->pValue ? a->ulValueLen : 0));
	if (*curve == CURVE_NONE || !(pf->ec_curves & 1u << *curve) ||
	    curve_info(*curve)->bits > card_max)
		return CKR_DOMAIN_PARAMS_INVALID;
	return CKR_OK;
}

/* Text or bytes both halves may name; the private one's word counts. */
static struct view
either(const struct pair_template *t, CK_ATTRIBUTE_TYPE type)
{
	const CK_ATTRIBUTE *a = template_get(t->priv, t->npriv, type);

	if (!a || !a->ulValueLen)
		a = template_get(t->pub, t->npub, type);
	return a && a->pValue ? view_of(a->pValue, a->ulValueLen) : view_of(NULL, 0);
}

/* What the two records say. */
static CK_RV
describe(const struct pair_template *t, struct new_pair *pair)
{
	struct view label = either(t, CKA_LABEL), id = either(t, CKA_ID),
	    subject = either(t, CKA_SUBJECT);
	bool may;
	CK_RV rv;

	if (label.len > 255 || id.len > sizeof pair->priv.id.b ||
	    memchr(label.len ? label.p : (const void *)"", 0, label.len))
		return CKR_ATTRIBUTE_VALUE_INVALID;
	for (size_t i = 0; i < N(usage_rows); i++) {
		may = pair->kind == KEY_RSA ? usage_rows[i].rsa : usage_rows[i].ec;
		if ((rv = template_bool(t->priv, t->npriv, usage_rows[i].type, &may)))
			return rv;
		pair->priv.usage |= may ? usage_rows[i].usage : 0;
	}
	for (size_t i = 0; i < N(twin_usage); i++)
		pair->pub.usage |= pair->priv.usage & twin_usage[i].priv ? twin_usage[i].pub : 0;
	pair->priv.access = ACCESS_SENSITIVE | ACCESS_ALWAYS_SENSITIVE | ACCESS_NEVER_EXTRACTABLE |
	    ACCESS_LOCAL;
	pair->pub.access = ACCESS_LOCAL;
	pair->priv.id.len = pair->pub.id.len = (uint8_t)id.len;
	if (id.len) {
		memcpy(pair->priv.id.b, id.p, id.len);
		memcpy(pair->pub.id.b, id.p, id.len);
	}
	buf_view(&pair->priv.subject, subject);
	pair->priv.label = label.len ? strndup((const char *)label.p, label.len) : strdup("");
	pair->pub.label = pair->priv.label ? strdup(pair->priv.label) : NULL;
	return pair->pub.label && !buf_err(&pair->priv.subject) ? CKR_OK : CKR_HOST_MEMORY;
}

CK_RV
generate_pair(struct session *s, const CK_MECHANISM *ck, const struct pair_template *t,
    CK_OBJECT_HANDLE *pub, CK_OBJECT_HANDLE *priv)
{
	const struct mech *m = mech_find(ck->mechanism);
	const struct profile *pf = NULL;
	struct new_pair pair = { .make = true };
	struct card_caps caps = { 0 };
	CK_RV rv;

	pthread_mutex_lock(&s->r->lock);
		if (s->r->gen == s->gen && s->r->token) {
			pf = s->r->token->pf;
			caps = s->r->token->caps;
		}
	pthread_mutex_unlock(&s->r->lock);
	if (!pf)
		return CKR_DEVICE_REMOVED;
	if (!m || !(mech_flags(m, pf, ~0u) & CKF_GENERATE_KEY_PAIR))
		return CKR_MECHANISM_INVALID;
	if (ck->pParameter || ck->ulParameterLen)
		return CKR_MECHANISM_PARAM_INVALID;
	if ((rv = write_allowed(s)))
		return rv;
	pair.kind = m->scheme == SCHEME_RSA_KEYGEN ? KEY_RSA : KEY_EC;
	if ((rv = check_half(t->pub, t->npub, CKO_PUBLIC_KEY, m->key_type)) ||
	    (rv = check_half(t->priv, t->npriv, CKO_PRIVATE_KEY, m->key_type)) ||
	    (rv = must_be(t->priv, t->npriv, CKA_SENSITIVE, true)) ||
	    (rv = must_be(t->priv, t->npriv, CKA_EXTRACTABLE, false)) ||
	    (rv = must_be(t->priv, t->npriv, CKA_PRIVATE, true)) ||
	    (rv = must_be(t->pub, t->npub, CKA_PRIVATE, false)))
		return rv;
	if (pair.kind == KEY_RSA)
		rv = rsa_size(t, pf, caps.rsa_max, &pair.bits);
	else if (!(rv = ec_curve(t, pf, caps.ec_max, &pair.curve)))
		pair.bits = curve_info(pair.curve)->bits;
	/* keys live on the card: one that shall not is asked of the wrong place */
	if (!rv && (rv = must_be(t->priv, t->npriv, CKA_TOKEN, true)) == CKR_OK &&
	    !template_get(t->priv, t->npriv, CKA_TOKEN))
		rv = CKR_TEMPLATE_INCONSISTENT;
	if (!rv && !(rv = describe(t, &pair)))
		rv = write_pair(s, &pair, pub, priv);
	free(pair.priv.label);
	free(pair.pub.label);
	buf_free(&pair.priv.subject);
	key_parts_free(&pair.parts);
	return rv;
}

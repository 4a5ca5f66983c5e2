#include "token/soft_int.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

/* Key types by OID: by name OpenSSL would first ask the engine the host program has made its
 * default, which may be libp11's, and that one is us again. Source: crypto/evp/pmeth_lib.c,
 * int_ctx_new; RFC 3279 2.3.1, RFC 5480 2.1.1. */
#define RSA_TYPE "1.2.840.113549.1.1.1"
#define EC_TYPE  "1.2.840.10045.2.1"

#define RSA_BITS_MIN 512
#define RSA_BITS_MAX 16384

static struct view
strip_zeros(struct view v)
{
	while (v.len && !v.p[0])
		v = view_part(v, 1, v.len - 1);
	return v;
}

static unsigned
bit_length(struct view v)
{
	unsigned bits = (unsigned)v.len * 8;

	for (unsigned top = 0x80; v.len && !(v.p[0] & top); top >>= 1)
		bits--;
	return bits;
}

static EVP_PKEY *
pkey_make(struct soft *s, const char *type, OSSL_PARAM *params)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(s->ctx, type, NULL);
	EVP_PKEY *pkey = NULL;

	if (ctx && EVP_PKEY_fromdata_init(ctx) == 1 &&
	    EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1)
		pkey = NULL;
	EVP_PKEY_CTX_free(ctx);
	return pkey;
}

static EVP_PKEY *
rsa_pkey(struct soft *s, struct view n, struct view e)
{
	BIGNUM *bn = BN_bin2bn(n.p, (int)n.len, NULL), *be = BN_bin2bn(e.p, (int)e.len, NULL);
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	OSSL_PARAM *params = NULL;
	EVP_PKEY *pkey = NULL;

	if (bn && be && bld && OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, bn) &&
	    OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_E, be) &&
	    (params = OSSL_PARAM_BLD_to_param(bld)))
		pkey = pkey_make(s, RSA_TYPE, params);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(bld);
	BN_free(bn);
	BN_free(be);
	return pkey;
}

int
soft_pub_rsa(struct soft *s, struct view n, struct view e, struct soft_pub **out)
{
	struct soft_pub *p;
	unsigned bits;

	n = strip_zeros(n);
	e = strip_zeros(e);
	if (n.len > RSA_BITS_MAX / 8 || e.len > n.len)
		return E_FORMAT;
	bits = bit_length(n);
	if (bits < RSA_BITS_MIN || !(n.p[n.len - 1] & 1))
		return E_FORMAT;
	if (!e.len || !(e.p[e.len - 1] & 1) || (e.len == 1 && e.p[0] == 1))
		return E_FORMAT;
	if (!(p = calloc(1, sizeof *p)) || !(p->n = malloc(n.len))) {
		soft_pub_free(&p);
		return E_MEM;
	}
	p->type = CKK_RSA;
	p->bits = bits;
	p->k = n.len;
	memcpy(p->n, n.p, n.len);
	ERR_set_mark();
	p->pkey = rsa_pkey(s, n, e);
	ERR_pop_to_mark();
	if (!p->pkey) {
		soft_pub_free(&p);
		return E_FORMAT;
	}
	*out = p;
	return 0;
}

static EVP_PKEY *
ec_pkey(struct soft *s, const struct curve_info *ci, struct view point)
{
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	OSSL_PARAM *params = NULL;
	EVP_PKEY *pkey = NULL;

	/* a point that is not on the curve is refused here */
	if (bld &&
	    OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_GROUP_NAME, ci->group, 0) &&
	    OSSL_PARAM_BLD_push_octet_string(bld, OSSL_PKEY_PARAM_PUB_KEY, point.p, point.len) &&
	    (params = OSSL_PARAM_BLD_to_param(bld)))
		pkey = pkey_make(s, EC_TYPE, params);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(bld);
	return pkey;
}

int
soft_pub_ec(struct soft *s, struct view curve_oid, struct view point, struct soft_pub **out)
{
	enum curve curve = curve_by_oid(curve_oid);
	const struct curve_info *ci = curve_info(curve);
	struct soft_pub *p;

	if (!ci)
		return E_UNSUPPORTED;
	if (point.len != 1 + 2 * ci->bytes || point.p[0] != 0x04)
		return E_FORMAT;
	if (!(p = calloc(1, sizeof *p)))
		return E_MEM;
	p->type = CKK_EC;
	p->bits = ci->bits;
	p->k = ci->bytes;
	p->curve = curve;
	ERR_set_mark();
	p->pkey = ec_pkey(s, ci, point);
	ERR_pop_to_mark();
	if (!p->pkey) {
		soft_pub_free(&p);
		return E_FORMAT;
	}
	*out = p;
	return 0;
}

void
soft_pub_free(struct soft_pub **p)
{
	if (!*p)
		return;
	EVP_PKEY_free((*p)->pkey);
	free((*p)->n);
	free(*p);
	*p = NULL;
}

unsigned
soft_pub_bits(const struct soft_pub *p)
{
	return p->bits;
}

size_t
soft_pub_sig_len(const struct soft_pub *p)
{
	return p->type == CKK_RSA ? p->k : 2 * p->k;
}

int
soft_pub_spki(const struct soft_pub *p, struct buf *out)
{
	unsigned char *der = NULL;
	int n;

	ERR_set_mark();
	n = i2d_PUBKEY(p->pkey, &der);
	ERR_pop_to_mark();
	if (n <= 0)
		return E_CRYPTO;
	buf_put(out, der, (size_t)n);
	OPENSSL_free(der);
	return buf_err(out);
}

bool
soft_below_modulus(const struct soft_pub *pub, struct view x)
{
	return x.len == pub->k && memcmp(x.p, pub->n, pub->k) < 0;
}

bool
soft_rsa_public(struct soft *s, const struct soft_pub *pub, struct view x, struct buf *out)
{
	EVP_PKEY_CTX *ctx = NULL;
	size_t start = out->len, n = pub->k;
	uint8_t *p;
	bool ok = false;

	if (!soft_below_modulus(pub, x) || !(p = buf_room(out, pub->k)))
		return false;
	ERR_set_mark();
	ctx = EVP_PKEY_CTX_new_from_pkey(s->ctx, pub->pkey, NULL);
	ok = ctx && EVP_PKEY_encrypt_init(ctx) == 1 &&
	    EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING) == 1 &&
	    EVP_PKEY_encrypt(ctx, p, &n, x.p, x.len) == 1 && n == pub->k;
	EVP_PKEY_CTX_free(ctx);
	ERR_pop_to_mark();
	if (!ok)
		buf_trim(out, start);
	return ok;
}

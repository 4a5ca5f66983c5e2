/* What keys do, by OpenSSL's EVP; how a card wants it asked is the models' matter. */
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "t/vcard/vc_card.h"

static const struct curve { unsigned bits; const char *name; int nid; } curves[] = {
	{ 192, "prime192v1", NID_X9_62_prime192v1 },
	{ 256, "prime256v1", NID_X9_62_prime256v1 },
	{ 384, "secp384r1", NID_secp384r1 },
	{ 521, "secp521r1", NID_secp521r1 },
};

static const struct curve *curve_of(size_t bits)
{
	size_t i;

	for (i = 0; i < sizeof curves / sizeof curves[0]; i++)
		if (curves[i].bits == bits)
			return &curves[i];
	return NULL;
}

const char *vc_curve_name(size_t bits)
{
	const struct curve *curve = curve_of(bits);

	return curve != NULL ? curve->name : NULL;
}

int vc_curve_nid(size_t bits)
{
	const struct curve *curve = curve_of(bits);

	return curve != NULL ? curve->nid : 0;
}

size_t vc_key_bytes(const struct vc_file *f)
{
	return (f->size + 7) / 8;
}

static bool key_matches(const struct vc_file *f, EVP_PKEY *key)
{
	char group[64];
	size_t len;
	const struct curve *curve;

	if (f->type == VC_RSA)
		return EVP_PKEY_is_a(key, "RSA") && (size_t)EVP_PKEY_get_bits(key) == f->size;
	curve = curve_of(f->size);
	return f->type == VC_EC && curve != NULL && EVP_PKEY_is_a(key, "EC") &&
		EVP_PKEY_get_group_name(key, group, sizeof group, &len) == 1 &&
		OBJ_txt2nid(group) == curve->nid;
}

bool vc_key_take(struct vc_file *f, EVP_PKEY *key)
{
	if (key == NULL || !key_matches(f, key)) {
		EVP_PKEY_free(key);
		return false;
	}
	EVP_PKEY_free(f->key);
	f->key = key;
	return true;
}

/* --- RSA --- */

bool vc_rsa_raw(const struct vc_file *f, const uint8_t *in, uint8_t *out)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, f->key, NULL);
	size_t k = vc_key_bytes(f), len = VC_RSA_MAX;
	bool ok = ctx != NULL && EVP_PKEY_decrypt_init(ctx) == 1 &&
		EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING) == 1 &&
		EVP_PKEY_decrypt(ctx, out, &len, in, k) == 1 && len == k;

	EVP_PKEY_CTX_free(ctx);
	ERR_clear_error();
	return ok;
}

bool vc_rsa_pkcs1(const struct vc_file *f, const uint8_t *t, size_t len, uint8_t *out)
{
	uint8_t block[VC_RSA_MAX];
	size_t k = vc_key_bytes(f);

	if (len > k - 11)
		return false;
	memset(block, 0xFF, k);
	block[0] = 0x00;
	block[1] = 0x01;
	block[k - len - 1] = 0x00;
	memcpy(block + k - len, t, len);
	return vc_rsa_raw(f, block, out);
}

bool vc_rsa_pss(const struct vc_file *f, const char *md, const uint8_t *hash, size_t len, uint8_t *out)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, f->key, NULL);
	size_t n = VC_RSA_MAX;
	bool ok = ctx != NULL && EVP_PKEY_sign_init(ctx) == 1 &&
		EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
		EVP_PKEY_CTX_set_signature_md(ctx, EVP_get_digestbyname(md)) == 1 &&
		EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) == 1 &&
		EVP_PKEY_sign(ctx, out, &n, hash, len) == 1 && n == vc_key_bytes(f);

	EVP_PKEY_CTX_free(ctx);
	ERR_clear_error();
	return ok;
}

size_t vc_rsa_unpad2(const uint8_t *em, size_t k)
{
	const uint8_t *zero;

	if (em[0] != 0x00 || em[1] != 0x02)
		return 0;
	zero = memchr(em + 2, 0x00, k - 2);
	return zero != NULL && zero - em >= 10 ? (size_t)(zero - em) + 1 : 0;
}

static int decrypt_oaep(const struct vc_file *f, const char *md, const uint8_t *in, uint8_t *out)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, f->key, NULL);
	const EVP_MD *hash = EVP_get_digestbyname(md);
	size_t n = VC_RSA_MAX;
	int len = -1;

	if (ctx != NULL && EVP_PKEY_decrypt_init(ctx) == 1 &&
	    EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) == 1 &&
	    EVP_PKEY_CTX_set_rsa_oaep_md(ctx, hash) == 1 &&
	    EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, hash) == 1 &&
	    EVP_PKEY_decrypt(ctx, out, &n, in, vc_key_bytes(f)) == 1)
		len = (int)n;
	EVP_PKEY_CTX_free(ctx);
	ERR_clear_error();
	return len;
}

int vc_rsa_decrypt(const struct vc_file *f, const char *md, const uint8_t *in, uint8_t *out)
{
	uint8_t em[VC_RSA_MAX];
	size_t k = vc_key_bytes(f), at;
	int len = -1;

	if (md != NULL)
		return decrypt_oaep(f, md, in, out);
	if (vc_rsa_raw(f, in, em) && (at = vc_rsa_unpad2(em, k)) != 0) {
		memcpy(out, em + at, k - at);
		len = (int)(k - at);
	}
	OPENSSL_cleanse(em, sizeof em);
	return len;
}

/* --- hashes --- */

size_t vc_digest_info(const char *md, const uint8_t *hash, size_t len, uint8_t *out)
{
	X509_SIG *sig = X509_SIG_new();
	const EVP_MD *type = EVP_get_digestbyname(md);
	X509_ALGOR *alg;
	ASN1_OCTET_STRING *value;
	int n = 0;

	if (sig != NULL && type != NULL && (size_t)EVP_MD_get_size(type) == len) {
		X509_SIG_getm(sig, &alg, &value);
		if (X509_ALGOR_set0(alg, OBJ_nid2obj(EVP_MD_get_type(type)), V_ASN1_NULL, NULL) == 1 &&
		    ASN1_OCTET_STRING_set(value, hash, (int)len) == 1)
			n = i2d_X509_SIG(sig, &out);
	}
	X509_SIG_free(sig);
	return n > 0 ? (size_t)n : 0;
}

size_t vc_digest(const char *md, const uint8_t *p, size_t len, uint8_t *out)
{
	size_t n = 0;

	return EVP_Q_digest(NULL, md, NULL, p, len, out, &n) == 1 ? n : 0;
}

/* --- elliptic curves --- */

/* The DER signature; its length, or 0. `der` has 2 * VC_EC_MAX + 16 bytes. */
static size_t ecdsa(const struct vc_file *f, const uint8_t *hash, size_t len, uint8_t *der)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, f->key, NULL);
	size_t n = 2 * VC_EC_MAX + 16;

	if (ctx == NULL || EVP_PKEY_sign_init(ctx) != 1 || EVP_PKEY_sign(ctx, der, &n, hash, len) != 1)
		n = 0;
	EVP_PKEY_CTX_free(ctx);
	ERR_clear_error();
	return n;
}

bool vc_ecdsa_der(const struct vc_file *f, const uint8_t *hash, size_t len, struct vc_blob *out)
{
	uint8_t der[2 * VC_EC_MAX + 16];
	size_t n = ecdsa(f, hash, len, der);

	return n != 0 && vc_blob_add(out, der, n);
}

bool vc_ecdsa_rs(const struct vc_file *f, const uint8_t *hash, size_t len, struct vc_blob *out)
{
	uint8_t der[2 * VC_EC_MAX + 16], rs[2 * VC_EC_MAX];
	const unsigned char *p = der;
	size_t n = ecdsa(f, hash, len, der), k = vc_key_bytes(f);
	ECDSA_SIG *sig = n != 0 ? d2i_ECDSA_SIG(NULL, &p, (long)n) : NULL;
	bool ok = sig != NULL && BN_bn2binpad(ECDSA_SIG_get0_r(sig), rs, (int)k) == (int)k &&
		BN_bn2binpad(ECDSA_SIG_get0_s(sig), rs + k, (int)k) == (int)k &&
		vc_blob_add(out, rs, 2 * k);

	ECDSA_SIG_free(sig);
	return ok;
}

EVP_PKEY *vc_ec_build(size_t bits, const uint8_t *point, size_t len, const BIGNUM *priv)
{
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	OSSL_PARAM *params = NULL;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	EVP_PKEY *key = NULL;

	if (bld == NULL || ctx == NULL || vc_curve_name(bits) == NULL ||
		OSSL_PARAM_BLD_push_utf8_string(
			bld, OSSL_PKEY_PARAM_GROUP_NAME, vc_curve_name(bits), 0) != 1 ||
		OSSL_PARAM_BLD_push_octet_string(bld, OSSL_PKEY_PARAM_PUB_KEY, point, len) != 1 ||
		(priv != NULL && OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_PRIV_KEY, priv) != 1))
		goto out;
	params = OSSL_PARAM_BLD_to_param(bld);
	if (params == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
		EVP_PKEY_fromdata(ctx, &key, priv != NULL ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY,
			params) != 1)
		key = NULL;
out:
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(bld);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

bool vc_ecdh(const struct vc_file *f, const uint8_t *point, size_t len, struct vc_blob *out)
{
	EVP_PKEY *peer = vc_ec_build(f->size, point, len, NULL);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, f->key, NULL);
	uint8_t x[VC_EC_MAX];
	size_t n = sizeof x;
	bool ok = peer != NULL && ctx != NULL && EVP_PKEY_derive_init(ctx) == 1 &&
		EVP_PKEY_derive_set_peer(ctx, peer) == 1 && EVP_PKEY_derive(ctx, x, &n) == 1 &&
		vc_blob_add(out, x, n);

	OPENSSL_cleanse(x, sizeof x);
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(peer);
	ERR_clear_error();
	return ok;
}

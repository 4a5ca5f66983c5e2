#include "t/unit/softkey.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/rsa.h>

#include "t/unit/unit.h"

EVP_PKEY *
softkey_rsa(unsigned bits)
{
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)bits);

	ck_assert_ptr_nonnull(key);
	ck_assert_int_eq(EVP_PKEY_get_bits(key), (int)bits);
	return key;
}

EVP_PKEY *
softkey_ec(enum curve c)
{
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", curve_info(c)->group);

	ck_assert_ptr_nonnull(key);
	return key;
}

static void
number(EVP_PKEY *key, const char *name, struct buf *out)
{
	BIGNUM *bn = NULL;
	size_t n;

	ck_assert_int_eq(EVP_PKEY_get_bn_param(key, name, &bn), 1);
	n = (size_t)BN_num_bytes(bn);
	BN_bn2bin(bn, buf_room(out, n));
	BN_free(bn);
}

struct soft_pub *
softkey_pub(struct soft *s, EVP_PKEY *key)
{
	struct buf a = BUF_INIT, b = BUF_INIT;
	struct soft_pub *pub = NULL;
	unsigned char point[200];
	size_t n = 0;

	if (EVP_PKEY_is_a(key, "RSA")) {
		number(key, OSSL_PKEY_PARAM_RSA_N, &a);
		number(key, OSSL_PKEY_PARAM_RSA_E, &b);
		ck_assert_int_eq(soft_pub_rsa(s, buf_peek(&a), buf_peek(&b), &pub), 0);
	} else {
		ck_assert_int_eq(EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY,
		    point, sizeof point, &n), 1);
		ck_assert_int_eq(soft_pub_ec(s,
		    curve_info(curve_by_bits((unsigned)EVP_PKEY_get_bits(key)))->oid,
		    view_of(point, n), &pub), 0);
	}
	buf_free(&a);
	buf_free(&b);
	return pub;
}

void
softkey_raise(EVP_PKEY *key, struct view block, struct buf *out)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
	size_t n = (size_t)EVP_PKEY_get_size(key);
	uint8_t *p = buf_room(out, n);

	ck_assert_uint_eq(block.len, n);
	ck_assert_int_eq(EVP_PKEY_decrypt_init(ctx), 1);
	ck_assert_int_eq(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING), 1);
	ck_assert_int_eq(EVP_PKEY_decrypt(ctx, p, &n, block.p, block.len), 1);
	ck_assert_uint_eq(n, block.len);
	EVP_PKEY_CTX_free(ctx);
}

void
softkey_ecdsa(EVP_PKEY *key, struct view digest, size_t half, struct buf *out)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
	unsigned char der[200];
	const unsigned char *at = der;
	size_t n = sizeof der;
	ECDSA_SIG *sig;
	uint8_t *p = buf_room(out, 2 * half);

	ck_assert_int_eq(EVP_PKEY_sign_init(ctx), 1);
	ck_assert_int_eq(EVP_PKEY_sign(ctx, der, &n, digest.p, digest.len), 1);
	sig = d2i_ECDSA_SIG(NULL, &at, (long)n);
	ck_assert_ptr_nonnull(sig);
	ck_assert_int_gt(BN_bn2binpad(ECDSA_SIG_get0_r(sig), p, (int)half), 0);
	ck_assert_int_gt(BN_bn2binpad(ECDSA_SIG_get0_s(sig), p + half, (int)half), 0);
	ECDSA_SIG_free(sig);
	EVP_PKEY_CTX_free(ctx);
}

bool
softkey_ecdsa_good(EVP_PKEY *key, struct view digest, struct view sig)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
	int half = (int)sig.len / 2, n;
	ECDSA_SIG *es = ECDSA_SIG_new();
	unsigned char *der = NULL;
	bool good;

	ECDSA_SIG_set0(es, BN_bin2bn(sig.p, half, NULL), BN_bin2bn(sig.p + half, half, NULL));
	n = i2d_ECDSA_SIG(es, &der);
	ck_assert_int_eq(EVP_PKEY_verify_init(ctx), 1);
	good = EVP_PKEY_verify(ctx, der, (size_t)n, digest.p, digest.len) == 1;
	OPENSSL_free(der);
	ECDSA_SIG_free(es);
	EVP_PKEY_CTX_free(ctx);
	return good;
}

bool
softkey_rsa_good(EVP_PKEY *key, int padding, enum hash h, size_t salt, struct view digest,
    struct view sig)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
	const EVP_MD *md = EVP_get_digestbyname(hash_info(h)->name);
	bool good;

	ck_assert_int_eq(EVP_PKEY_verify_init(ctx), 1);
	ck_assert_int_eq(EVP_PKEY_CTX_set_rsa_padding(ctx, padding), 1);
	ck_assert_int_eq(EVP_PKEY_CTX_set_signature_md(ctx, md), 1);
	if (padding == RSA_PKCS1_PSS_PADDING)
		ck_assert_int_eq(EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, (int)salt), 1);
	good = EVP_PKEY_verify(ctx, sig.p, sig.len, digest.p, digest.len) == 1;
	EVP_PKEY_CTX_free(ctx);
	return good;
}

void
softkey_noise(unsigned seed, size_t n, struct buf *out)
{
	uint32_t x = seed * 2654435761u + 1;

	for (size_t i = 0; i < n; i++) {
		x = x * 1664525u + 1013904223u;
		buf_u8(out, x >> 24);
	}
}

const struct mech *
softkey_mech(CK_MECHANISM_TYPE type)
{
	const struct mech *m = mech_find(type);

	ck_assert_ptr_nonnull(m);
	return m;
}

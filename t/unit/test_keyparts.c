/* What is computed is held against keys that OpenSSL made. */
#include "token/keyparts.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <string.h>

#include "base/err.h"
#include "token/soft.h"
#include "t/unit/bytes.h"
#include "t/unit/unit.h"

/* One context for each test's process. */
static struct soft *
soft(void)
{
	static struct soft *s;

	if (!s)
		ck_assert_ptr_nonnull(s = soft_new());
	return s;
}

static void
take(EVP_PKEY *key, const char *name, struct buf *out)
{
	BIGNUM *v = NULL;
	uint8_t *p;

	ck_assert_int_eq(EVP_PKEY_get_bn_param(key, name, &v), 1);
	buf_reset(out);
	ck_assert_ptr_nonnull(p = buf_room(out, (size_t)BN_num_bytes(v)));
	BN_bn2bin(v, p);
	BN_clear_free(v);
}

static const struct { const char *name; size_t at; } parts[] = {
	{ OSSL_PKEY_PARAM_RSA_N, offsetof(struct key_parts, n) },
	{ OSSL_PKEY_PARAM_RSA_E, offsetof(struct key_parts, e) },
	{ OSSL_PKEY_PARAM_RSA_D, offsetof(struct key_parts, d) },
	{ OSSL_PKEY_PARAM_RSA_FACTOR1, offsetof(struct key_parts, p) },
	{ OSSL_PKEY_PARAM_RSA_FACTOR2, offsetof(struct key_parts, q) },
	{ OSSL_PKEY_PARAM_RSA_EXPONENT1, offsetof(struct key_parts, dp) },
	{ OSSL_PKEY_PARAM_RSA_EXPONENT2, offsetof(struct key_parts, dq) },
	{ OSSL_PKEY_PARAM_RSA_COEFFICIENT1, offsetof(struct key_parts, qi) },
};

#define N_PARTS (sizeof parts / sizeof parts[0])

static struct buf *
part(struct key_parts *k, size_t i)
{
	return (struct buf *)(void *)((uint8_t *)k + parts[i].at);
}

static EVP_PKEY *
rsa(unsigned bits)
{
	EVP_PKEY *key = EVP_RSA_gen(bits);

	ck_assert_ptr_nonnull(key);
	return key;
}

/* A key of which the first `known` parts are given: n, e and d are the first three. */
static void
rsa_parts(EVP_PKEY *key, size_t known, struct key_parts *k)
{
	memset(k, 0, sizeof *k);
	for (size_t i = 0; i < known; i++)
		take(key, parts[i].name, part(k, i));
}

static void
same_as_openssl(EVP_PKEY *key, struct key_parts *k)
{
	struct buf want = BUF_INIT, *t;
	bool swapped;

	/* OpenSSL may call the smaller prime p; ours is the larger unless both were given */
	take(key, OSSL_PKEY_PARAM_RSA_FACTOR1, &want);
	swapped = !view_eq(buf_peek(&want), buf_peek(&k->p));
	for (size_t i = 0; i < N_PARTS; i++) {
		take(key, parts[i].name, &want);
		t = part(k, i);
		if (swapped && (t == &k->p || t == &k->q))
			t = t == &k->p ? &k->q : &k->p;
		else if (swapped && (t == &k->dp || t == &k->dq))
			t = t == &k->dp ? &k->dq : &k->dp;
		if (!(swapped && t == &k->qi))
			ck_assert_msg(view_eq(buf_peek(&want), buf_peek(t)), "%s", parts[i].name);
	}
	buf_free(&want);
}

START_TEST(primes_are_found_from_n_e_and_d)
{
	static const struct { unsigned bits; int times; } sizes[] = { { 1024, 20 }, { 2048, 4 }, { 3072, 1 } };
	struct key_parts k;
	EVP_PKEY *key;

	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
		for (int n = 0; n < sizes[i].times; n++) {
			key = rsa(sizes[i].bits);
			rsa_parts(key, 3, &k);
			ck_assert_int_eq(keyparts_complete_rsa(soft(), &k), 0);
			same_as_openssl(key, &k);
			key_parts_free(&k);
			EVP_PKEY_free(key);
		}
}
END_TEST

START_TEST(an_exponent_that_is_not_given_is_65537)
{
	struct key_parts k;
	EVP_PKEY *key = rsa(1024);

	rsa_parts(key, 3, &k);
	buf_reset(&k.e);
	ck_assert_int_eq(keyparts_complete_rsa(soft(), &k), 0);
	ck_assert_view_hex(buf_peek(&k.e), "010001");
	same_as_openssl(key, &k);
	key_parts_free(&k);
	EVP_PKEY_free(key);
}
END_TEST

START_TEST(given_primes_are_kept)
{
	struct key_parts k;
	EVP_PKEY *key = rsa(1024);

	rsa_parts(key, 5, &k);
	ck_assert_int_eq(keyparts_complete_rsa(soft(), &k), 0);
	same_as_openssl(key, &k);
	key_parts_free(&k);
	EVP_PKEY_free(key);
}
END_TEST

START_TEST(a_large_exponent_is_as_good)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	BIGNUM *e = BN_new();
	EVP_PKEY *key = NULL;
	struct key_parts k;

	ck_assert(BN_set_word(e, 0x1000000000Fu) && EVP_PKEY_keygen_init(ctx) == 1);
	ck_assert(EVP_PKEY_CTX_set_params(ctx, (OSSL_PARAM[]){ OSSL_PARAM_END }) == 1);
	ck_assert_int_eq(EVP_PKEY_CTX_ctrl_str(ctx, "rsa_keygen_bits", "1024"), 1);
	ck_assert_int_eq(EVP_PKEY_CTX_ctrl_str(ctx, "rsa_keygen_pubexp", "1099511627791"), 1);
	ck_assert_int_eq(EVP_PKEY_generate(ctx, &key), 1);
	rsa_parts(key, 3, &k);
	ck_assert_int_eq(keyparts_complete_rsa(soft(), &k), 0);
	same_as_openssl(key, &k);
	key_parts_free(&k);
	EVP_PKEY_free(key);
	EVP_PKEY_CTX_free(ctx);
	BN_free(e);
}
END_TEST

/* Damages one part of a good key and wants E_FORMAT, whether primes are given or not. */
START_TEST(numbers_that_make_no_key_are_refused)
{
	static const struct { const char *name; size_t part; enum { FLIP, ZERO, ONE, EMPTY, EVEN } how; } cases[] = {
		{ "another n", 0, FLIP }, { "n of zero", 0, ZERO }, { "n of one", 0, ONE }, { "no n", 0, EMPTY },
		{ "an even n", 0, EVEN },
		{ "another e", 1, FLIP }, { "e of zero", 1, ZERO },
		{ "another d", 2, FLIP }, { "d of zero", 2, ZERO }, { "d of one", 2, ONE }, { "no d", 2, EMPTY },
	};
	static const struct { const char *name; size_t part; } primes[] = { { "another p", 3 }, { "another q", 4 } };
	EVP_PKEY *key = rsa(1024);
	struct key_parts k;
	struct buf *b;

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		rsa_parts(key, 3, &k);
		b = part(&k, cases[i].part);
		switch (cases[i].how) {
		case FLIP:
			b->p[b->len - 1] ^= 2;
			break;
		case EVEN:
			b->p[b->len - 1] &= 0xFE;
			break;
		case ZERO:
			memset(b->p, 0, b->len);
			break;
		case ONE:
			buf_reset(b);
			buf_u8(b, 1);
			break;
		default:
			buf_reset(b);
			break;
		}
		ck_assert_msg(keyparts_complete_rsa(soft(), &k) == E_FORMAT, "%s", cases[i].name);
		key_parts_free(&k);
	}
	for (size_t i = 0; i < 2; i++) {
		rsa_parts(key, 5, &k);
		b = part(&k, primes[i].part);
		b->p[b->len - 1] ^= 2;
		ck_assert_msg(keyparts_complete_rsa(soft(), &k) == E_FORMAT, "%s", primes[i].name);
		key_parts_free(&k);
	}
	EVP_PKEY_free(key);
}
END_TEST

/* A private exponent that does not belong to the primes given with it. */
START_TEST(an_exponent_of_another_key_is_refused_with_primes_too)
{
	EVP_PKEY *key = rsa(1024);
	struct key_parts k;

	rsa_parts(key, 5, &k);
	k.d.p[k.d.len - 1] ^= 2;
	ck_assert_int_eq(keyparts_complete_rsa(soft(), &k), E_FORMAT);
	key_parts_free(&k);
	rsa_parts(key, 5, &k);
	k.e.p[k.e.len - 1] ^= 2;
	ck_assert_int_eq(keyparts_complete_rsa(soft(), &k), E_FORMAT);
	key_parts_free(&k);
	EVP_PKEY_free(key);
}
END_TEST

/* What made the loops of the search endless or very long would do so here. */
START_TEST(a_number_of_any_size_is_answered)
{
	struct key_parts k = { .n = BUF_INIT };

	buf_fill(&k.n, 0xFF, 3000);
	buf_fill(&k.d, 0xFF, 3000);
	ck_assert_int_eq(keyparts_complete_rsa(soft(), &k), E_FORMAT);
	key_parts_free(&k);
	memset(&k, 0, sizeof k);
	buf_fill(&k.n, 0xFF, 63); /* 504 bits */
	buf_fill(&k.d, 0xFF, 63);
	ck_assert_int_eq(keyparts_complete_rsa(soft(), &k), E_FORMAT);
	key_parts_free(&k);
	memset(&k, 0, sizeof k);
	buf_fill(&k.n, 0xFF, 128);
	buf_fill(&k.d, 0xFF, 128);
	ck_assert_int_eq(keyparts_complete_rsa(soft(), &k), E_FORMAT);
	key_parts_free(&k);
}
END_TEST

static const struct { enum curve curve; const char *name; } curves[] = {
	{ CURVE_P256, "P-256" }, { CURVE_P384, "P-384" }, { CURVE_P521, "P-521" },
};

static void
order_of(const char *name, struct buf *out)
{
	EVP_PKEY *key = EVP_EC_gen(name);

	ck_assert_ptr_nonnull(key);
	take(key, OSSL_PKEY_PARAM_EC_ORDER, out);
	EVP_PKEY_free(key);
}

START_TEST(a_point_is_computed_from_its_scalar)
{
	struct buf point = BUF_INIT;
	struct key_parts k;
	EVP_PKEY *key;
	size_t n;

	for (size_t i = 0; i < 3; i++)
		for (int times = 0; times < 10; times++) {
			ck_assert_ptr_nonnull(key = EVP_EC_gen(curves[i].name));
			memset(&k, 0, sizeof k);
			take(key, OSSL_PKEY_PARAM_PRIV_KEY, &k.scalar);
			ck_assert_int_eq(keyparts_complete_ec(soft(), &k, curves[i].curve), 0);
			buf_reset(&point);
			ck_assert_ptr_nonnull(buf_room(&point, 200));
			ck_assert_int_eq(EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point.p,
			    point.len, &n), 1);
			ck_assert(view_eq(view_of(point.p, n), buf_peek(&k.point)));
			key_parts_free(&k);
			EVP_PKEY_free(key);
		}
	buf_free(&point);
}
END_TEST

START_TEST(a_scalar_of_zero_or_beyond_the_order_is_refused)
{
	struct key_parts k = { .n = BUF_INIT };

	for (size_t i = 0; i < 3; i++) {
		memset(&k, 0, sizeof k);
		order_of(curves[i].name, &k.scalar);
		ck_assert_int_eq(keyparts_complete_ec(soft(), &k, curves[i].curve), E_FORMAT);
		k.scalar.p[k.scalar.len - 1]--; /* the largest there is; all orders are odd */
		ck_assert_int_eq(keyparts_complete_ec(soft(), &k, curves[i].curve), 0);
		buf_reset(&k.point);
		memset(k.scalar.p, 0, k.scalar.len);
		ck_assert_int_eq(keyparts_complete_ec(soft(), &k, curves[i].curve), E_FORMAT);
		buf_reset(&k.scalar);
		ck_assert_int_eq(keyparts_complete_ec(soft(), &k, curves[i].curve), E_FORMAT);
		buf_fill(&k.scalar, 0xFF, 67);
		ck_assert_int_eq(keyparts_complete_ec(soft(), &k, curves[i].curve), E_FORMAT);
		key_parts_free(&k);
	}
	memset(&k, 0, sizeof k);
	buf_u8(&k.scalar, 1);
	ck_assert_int_eq(keyparts_complete_ec(soft(), &k, CURVE_NONE), E_FORMAT);
	key_parts_free(&k);
}
END_TEST

/* A point that comes with its scalar and is not its own would be written on the card and seen
 * by everybody. */
START_TEST(a_point_of_another_key_is_refused)
{
	struct key_parts k = { .n = BUF_INIT }, other = { .n = BUF_INIT };

	buf_u8(&k.scalar, 5);
	buf_u8(&other.scalar, 6);
	ck_assert_int_eq(keyparts_complete_ec(soft(), &other, CURVE_P256), 0);
	buf_view(&k.point, buf_peek(&other.point));
	ck_assert_int_eq(keyparts_complete_ec(soft(), &k, CURVE_P256), E_FORMAT);
	buf_reset(&k.point);
	ck_assert_int_eq(keyparts_complete_ec(soft(), &k, CURVE_P256), 0);
	ck_assert_int_eq(keyparts_complete_ec(soft(), &k, CURVE_P256), 0); /* its own is fine */
	key_parts_free(&k);
	key_parts_free(&other);
}
END_TEST

UNIT_MAIN("keyparts", primes_are_found_from_n_e_and_d, an_exponent_that_is_not_given_is_65537,
    given_primes_are_kept, a_large_exponent_is_as_good, numbers_that_make_no_key_are_refused,
    an_exponent_of_another_key_is_refused_with_primes_too, a_number_of_any_size_is_answered,
    a_point_is_computed_from_its_scalar, a_scalar_of_zero_or_beyond_the_order_is_refused,
    a_point_of_another_key_is_refused)

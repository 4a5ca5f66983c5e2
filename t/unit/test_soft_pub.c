#include "token/soft_int.h"

#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <string.h>

#include "base/err.h"
#include "t/unit/softkey.h"
#include "t/unit/unit.h"

static const unsigned sizes[] = { 512, 1024, 1025, 1031, 2048, 3072 };

START_TEST(spki_is_what_openssl_writes)
{
	struct soft *s = soft_new();
	struct buf der = BUF_INIT;
	unsigned char *want;
	struct soft_pub *pub;
	EVP_PKEY *key;
	int n;

	for (size_t i = 0; i < 4; i++) {
		key = i ? softkey_ec((enum curve)i) : softkey_rsa(1024);
		pub = softkey_pub(s, key);
		buf_reset(&der);
		want = NULL;
		ck_assert_int_eq(soft_pub_spki(pub, &der), 0);
		n = i2d_PUBKEY(key, &want);
		ck_assert(view_eq(buf_peek(&der), view_of(want, (size_t)n)));
		OPENSSL_free(want);
		soft_pub_free(&pub);
		EVP_PKEY_free(key);
	}
	ck_assert_ptr_null(pub);
	soft_pub_free(&pub);
	buf_free(&der);
	soft_free(&s);
}
END_TEST

START_TEST(lengths_of_signatures)
{
	struct soft *s = soft_new();
	struct soft_pub *pub;
	EVP_PKEY *key;

	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		key = softkey_rsa(sizes[i]);
		pub = softkey_pub(s, key);
		ck_assert_uint_eq(soft_pub_bits(pub), sizes[i]);
		ck_assert_uint_eq(soft_pub_sig_len(pub), (sizes[i] + 7) / 8);
		soft_pub_free(&pub);
		EVP_PKEY_free(key);
	}
	for (int c = CURVE_P256; c < CURVE_COUNT; c++) {
		key = softkey_ec((enum curve)c);
		pub = softkey_pub(s, key);
		ck_assert_uint_eq(soft_pub_bits(pub), curve_info((enum curve)c)->bits);
		ck_assert_uint_eq(soft_pub_sig_len(pub), 2 * curve_info((enum curve)c)->bytes);
		soft_pub_free(&pub);
		EVP_PKEY_free(key);
	}
	soft_free(&s);
}
END_TEST

/* bytes of n, its first and last byte; bytes of e and its last; leading zeros of both */
static const struct {
	size_t n;
	uint8_t first, last;
	size_t e;
	uint8_t e_last;
	size_t zeros;
	int want;
} numbers[] = {
	{ 128, 0xC1, 1, 1, 3, 0, 0 },
	{ 128, 0xC1, 1, 1, 3, 5, 0 },
	{ 128, 0xC1, 1, 3, 1, 0, 0 },
	{ 64, 0x80, 1, 1, 3, 0, 0 },
	{ 2048, 0x80, 1, 1, 3, 0, 0 },
	{ 64, 0x7F, 1, 1, 3, 0, E_FORMAT },
	{ 2049, 0x01, 1, 1, 3, 0, E_FORMAT },
	{ 128, 0xC1, 2, 1, 3, 0, E_FORMAT },
	{ 128, 0xC1, 1, 1, 1, 0, E_FORMAT },
	{ 128, 0xC1, 1, 1, 2, 0, E_FORMAT },
	{ 128, 0xC1, 1, 1, 0, 0, E_FORMAT },
	{ 128, 0xC1, 1, 0, 0, 0, E_FORMAT },
	{ 128, 0xC1, 1, 129, 3, 0, E_FORMAT },
	{ 0, 0, 0, 1, 3, 0, E_FORMAT },
	{ 0, 0, 0, 1, 3, 200, E_FORMAT },
};

START_TEST(numbers_that_make_no_rsa_key)
{
	struct soft *s = soft_new();
	struct buf n = BUF_INIT, e = BUF_INIT;
	struct soft_pub *pub;

	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
		buf_reset(&n);
		buf_reset(&e);
		buf_fill(&n, 0, numbers[i].zeros);
		buf_fill(&e, 0, numbers[i].zeros);
		buf_fill(&n, 0x55, numbers[i].n);
		buf_fill(&e, numbers[i].e > 1 ? 1 : 0, numbers[i].e);
		if (numbers[i].n) {
			n.p[numbers[i].zeros] = numbers[i].first;
			n.p[n.len - 1] = numbers[i].last;
		}
		if (numbers[i].e)
			e.p[e.len - 1] = numbers[i].e_last;
		pub = NULL;
		ck_assert_msg(soft_pub_rsa(s, buf_peek(&n), buf_peek(&e), &pub) == numbers[i].want,
		    "row %zu", i);
		ck_assert((pub != NULL) == (numbers[i].want == 0));
		soft_pub_free(&pub);
	}
	buf_free(&n);
	buf_free(&e);
	soft_free(&s);
}
END_TEST

START_TEST(points_that_make_no_ec_key)
{
	static const uint8_t k1[] = { 0x06, 0x05, 0x2B, 0x81, 0x04, 0x00, 0x0A };
	struct soft *s = soft_new();
	EVP_PKEY *key = softkey_ec(CURVE_P256);
	struct soft_pub *pub = NULL;
	struct view oid = curve_info(CURVE_P256)->oid;
	unsigned char point[65];
	size_t n;

	ck_assert_int_eq(EVP_PKEY_get_octet_string_param(key, "pub", point, sizeof point, &n), 1);
	ck_assert_int_eq(soft_pub_ec(s, view_of(k1, sizeof k1), view_of(point, 65), &pub),
	    E_UNSUPPORTED);
	ck_assert_int_eq(soft_pub_ec(s, curve_info(CURVE_P384)->oid, view_of(point, 65), &pub),
	    E_FORMAT);
	for (size_t i = 0; i < 65; i++) {
		point[i] ^= 1;
		ck_assert_int_eq(soft_pub_ec(s, oid, view_of(point, 65), &pub), E_FORMAT);
		point[i] ^= 1;
		ck_assert_int_eq(soft_pub_ec(s, oid, view_of(point, i), &pub), E_FORMAT);
	}
	memset(point + 1, 0xFF, 64);
	ck_assert_int_eq(soft_pub_ec(s, oid, view_of(point, 65), &pub), E_FORMAT);
	memset(point + 1, 0, 64);
	ck_assert_int_eq(soft_pub_ec(s, oid, view_of(point, 65), &pub), E_FORMAT);
	ck_assert_ptr_null(pub);
	EVP_PKEY_free(key);
	soft_free(&s);
}
END_TEST

START_TEST(a_number_must_be_below_the_modulus)
{
	struct soft *s = soft_new();
	EVP_PKEY *key = softkey_rsa(1024);
	struct soft_pub *pub = softkey_pub(s, key);
	struct buf out = BUF_INIT, x = BUF_INIT;

	buf_put(&x, pub->n, pub->k);
	ck_assert(!soft_below_modulus(pub, buf_peek(&x)));
	ck_assert(!soft_rsa_public(s, pub, buf_peek(&x), &out));
	x.p[x.len - 1]--;
	ck_assert(soft_below_modulus(pub, buf_peek(&x)));
	/* (n - 1)^e is n - 1 for an odd e */
	ck_assert(soft_rsa_public(s, pub, buf_peek(&x), &out));
	ck_assert(view_eq(buf_peek(&out), buf_peek(&x)));
	ck_assert(!soft_below_modulus(pub, view_of(x.p, x.len - 1)));
	buf_free(&out);
	buf_free(&x);
	soft_pub_free(&pub);
	EVP_PKEY_free(key);
	soft_free(&s);
}
END_TEST

UNIT_MAIN("soft_pub", spki_is_what_openssl_writes, lengths_of_signatures,
    numbers_that_make_no_rsa_key, points_that_make_no_ec_key, a_number_must_be_below_the_modulus)

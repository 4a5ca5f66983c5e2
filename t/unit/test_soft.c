/* what hosts of today still do is tested, old or not */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "token/soft_int.h"

#include <openssl/err.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "t/unit/softkey.h"
#include "t/unit/unit.h"

/* Digests of "abc". Source: RFC 1321 A.5, FIPS 180 examples. */
static const struct {
	enum hash h;
	const char *hex;
} abc[] = {
	{ HASH_MD5, "900150983CD24FB0D6963F7D28E17F72" },
	{ HASH_SHA1, "A9993E364706816ABA3E25717850C26C9CD0D89D" },
	{ HASH_SHA224, "23097D223405D8228642A477BDA255B32AADBCE4BDA0B3F7E36C9DA7" },
	{ HASH_SHA256, "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD" },
	{ HASH_SHA384, "CB00753F45A35E8BB5A03D699AC65007272C32AB0EDED1631A8B605A43FF5BED"
	    "8086072BA1E7CC2358BAECA134C825A7" },
	{ HASH_SHA512, "DDAF35A193617ABACC417349AE20413112E6FA4E89A97EA20A9EEEE64B55D39A"
	    "2192992A274FC1A836BA3C23A3FEEBBD454D4423643CE80E2A9AC94FA54CA49F" },
};

START_TEST(digests_of_abc)
{
	struct soft *s = soft_new();
	struct buf out = BUF_INIT, hex = BUF_INIT;
	struct soft_md *md, *copy;

	ck_assert_ptr_nonnull(s);
	for (size_t i = 0; i < sizeof abc / sizeof abc[0]; i++) {
		buf_reset(&out);
		buf_reset(&hex);
		ck_assert_int_eq(soft_hash(s, abc[i].h, view_str("abc"), &out), 0);
		buf_hex(&hex, buf_peek(&out));
		ck_assert_str_eq(buf_text(&hex), abc[i].hex);
		/* in parts, and with a copy that goes its own way */
		buf_reset(&out);
		buf_reset(&hex);
		md = soft_md_new(s, abc[i].h);
		ck_assert_int_eq(soft_md_update(md, view_str("ab")), 0);
		ck_assert_int_eq(soft_md_update(md, view_of(NULL, 0)), 0);
		copy = soft_md_copy(md);
		ck_assert_int_eq(soft_md_update(md, view_str("x")), 0);
		ck_assert_int_eq(soft_md_update(copy, view_str("c")), 0);
		ck_assert_int_eq(soft_md_final(copy, &out), 0);
		buf_hex(&hex, buf_peek(&out));
		ck_assert_str_eq(buf_text(&hex), abc[i].hex);
		soft_md_free(&md);
		soft_md_free(&copy);
		ck_assert_ptr_null(md);
	}
	ck_assert_ptr_null(soft_md_new(s, HASH_NONE));
	ck_assert_ptr_null(soft_md_new(s, HASH_COUNT));
	buf_free(&out);
	buf_free(&hex);
	soft_free(&s);
	ck_assert_ptr_null(s);
	soft_free(&s);
}
END_TEST

START_TEST(random_bytes_differ_and_follow_what_was_there)
{
	struct soft *s = soft_new();
	struct buf a = BUF_INIT, b = BUF_INIT;

	buf_str(&a, "head");
	ck_assert_int_eq(soft_random(s, 100000, &a), 0);
	ck_assert_int_eq(soft_random(s, 100000, &b), 0);
	ck_assert_uint_eq(a.len, 100004);
	ck_assert_int_eq(memcmp(a.p, "head", 4), 0);
	ck_assert_int_ne(memcmp(a.p + 4, b.p, 100000), 0);
	ck_assert_int_eq(soft_random(s, 0, &b), 0);
	buf_free(&a);
	buf_free(&b);
	soft_free(&s);
}
END_TEST

static int
host_bytes(unsigned char *p, int n)
{
	(void)p;
	(void)n;
	ck_abort_msg("the host program's generator was asked");
	return 0;
}

/* The host's engine may be the one that calls us (a PKCS#11 engine as source of randomness). */
START_TEST(the_random_method_of_the_host_is_never_asked)
{
	static const RAND_METHOD method = { .bytes = host_bytes, .pseudorand = host_bytes };
	CK_RSA_PKCS_OAEP_PARAMS p = { CKM_SHA_1, CKG_MGF1_SHA1, 0, NULL, 0 };
	CK_MECHANISM ck = { CKM_RSA_PKCS_OAEP, &p, sizeof p };
	struct mech_params mp = { 0 };
	struct soft *s = soft_new();
	EVP_PKEY *key = softkey_rsa(1024);
	struct soft_pub *pub = softkey_pub(s, key);
	struct buf out = BUF_INIT;

	ck_assert_int_eq(RAND_set_rand_method(&method), 1);
	ck_assert_int_eq(soft_random(s, 32, &out), 0);
	ck_assert_uint_eq(mech_params_parse(softkey_mech(CKM_RSA_PKCS_OAEP), &ck, &mp), CKR_OK);
	ck_assert_uint_eq(soft_encrypt(s, softkey_mech(CKM_RSA_PKCS_OAEP), &mp, pub,
	    view_str("x"), &out), CKR_OK);
	ck_assert_uint_eq(soft_encrypt(s, softkey_mech(CKM_RSA_PKCS), NULL, pub, view_str("x"), &out),
	    CKR_OK);
	RAND_set_rand_method(NULL);
	buf_free(&out);
	soft_pub_free(&pub);
	EVP_PKEY_free(key);
	soft_free(&s);
}
END_TEST

START_TEST(the_error_queue_of_the_host_is_left_alone)
{
	static const uint8_t bad_point[65] = { 0x04, 1 };
	struct soft *s;
	struct soft_pub *pub = NULL;

	ERR_raise(ERR_LIB_USER, 42);
	s = soft_new();
	ck_assert_int_ne(soft_pub_ec(s, curve_info(CURVE_P256)->oid,
	    view_of(bad_point, sizeof bad_point), &pub), 0);
	ck_assert_ptr_null(pub);
	ck_assert_int_eq(ERR_GET_REASON(ERR_get_error()), 42);
	ck_assert_uint_eq(ERR_peek_error(), 0);
	soft_free(&s);
}
END_TEST

/* A configuration file that takes every algorithm away must not reach us. */
START_TEST(the_configuration_of_the_host_is_not_read)
{
	char path[] = "/tmp/castor-ossl-XXXXXX";
	int fd = mkstemp(path);
	FILE *f = fdopen(fd, "w");
	struct soft *s;
	struct buf out = BUF_INIT;

	fputs("openssl_conf = i\n[i]\nproviders = p\nalg_section = a\n[p]\nnull = n\n[n]\n"
	    "activate = 1\n[a]\ndefault_properties = provider=nobody\n", f);
	fclose(f);
	setenv("OPENSSL_CONF", path, 1);
	s = soft_new();
	ck_assert_ptr_nonnull(s);
	ck_assert_int_eq(soft_hash(s, HASH_SHA256, view_str("abc"), &out), 0);
	ck_assert_int_eq(soft_random(s, 8, &out), 0);
	/* and we have not kept the host from reading it */
	OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CONFIG, NULL);
	ck_assert_ptr_null(EVP_MD_fetch(NULL, "SHA256", NULL));
	ck_assert_int_eq(soft_hash(s, HASH_SHA256, view_str("abc"), &out), 0);
	unlink(path);
	buf_free(&out);
	soft_free(&s);
}
END_TEST

START_TEST(many_contexts_come_and_go)
{
	struct soft *s[20];

	for (int round = 0; round < 5; round++) {
		for (int i = 0; i < 20; i++)
			ck_assert_ptr_nonnull(s[i] = soft_new());
		for (int i = 0; i < 20; i++)
			soft_free(&s[i]);
	}
}
END_TEST

struct shared {
	struct soft *s;
	struct soft_pub *rsa, *ec;
	struct view digest, rsa_sig, ec_sig;
};

static void *
verify_much(void *arg)
{
	const struct shared *t = arg;
	struct buf b = BUF_INIT;
	void *bad = NULL;

	for (int i = 0; i < 200 && !bad; i++) {
		buf_reset(&b);
		if (soft_random(t->s, 16, &b) || soft_hash(t->s, HASH_SHA256, t->digest, &b) ||
		    soft_verify(t->s, softkey_mech(CKM_SHA256_RSA_PKCS), NULL, t->rsa, t->digest,
		    t->rsa_sig) != CKR_OK ||
		    soft_verify(t->s, softkey_mech(CKM_ECDSA), NULL, t->ec, t->digest,
		    t->ec_sig) != CKR_OK)
			bad = arg;
	}
	buf_free(&b);
	return bad;
}

START_TEST(threads_share_a_context_and_its_keys)
{
	struct soft *s = soft_new();
	EVP_PKEY *rsa = softkey_rsa(1024), *ec = softkey_ec(CURVE_P256);
	struct buf digest = BUF_INIT, block = BUF_INIT, sig = BUF_INIT, ec_sig = BUF_INIT;
	struct shared t = { s, softkey_pub(s, rsa), softkey_pub(s, ec), { 0 }, { 0 }, { 0 } };
	const struct profile pf = { .sign_algs = 1u << ALG_RSA_RAW };
	enum card_alg alg;
	enum hash hash;
	pthread_t th[4];
	void *bad;

	buf_fill(&digest, 3, 32);
	t.digest = buf_peek(&digest);
	ck_assert_uint_eq(soft_sign_prepare(s, softkey_mech(CKM_SHA256_RSA_PKCS), NULL, t.rsa,
	    &pf, t.digest, &alg, &hash, &block), CKR_OK);
	softkey_raise(rsa, buf_peek(&block), &sig);
	softkey_ecdsa(ec, t.digest, 32, &ec_sig);
	t.rsa_sig = buf_peek(&sig);
	t.ec_sig = buf_peek(&ec_sig);
	for (int i = 0; i < 4; i++)
		pthread_create(&th[i], NULL, verify_much, &t);
	for (int i = 0; i < 4; i++) {
		pthread_join(th[i], &bad);
		ck_assert_ptr_null(bad);
	}
	soft_pub_free(&t.rsa);
	soft_pub_free(&t.ec);
	EVP_PKEY_free(rsa);
	EVP_PKEY_free(ec);
	buf_free(&digest);
	buf_free(&block);
	buf_free(&sig);
	buf_free(&ec_sig);
	soft_free(&s);
}
END_TEST

UNIT_MAIN("soft", digests_of_abc, random_bytes_differ_and_follow_what_was_there,
    the_random_method_of_the_host_is_never_asked, the_error_queue_of_the_host_is_left_alone,
    the_configuration_of_the_host_is_not_read, many_contexts_come_and_go,
    threads_share_a_context_and_its_keys)

#include "mapping/algs.h"
#include "t/unit/bytes.h"
#include "t/unit/mutate.h"
#include "t/unit/unit.h"

#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/x509.h>

/* OpenSSL's own X509_SIG is the second opinion on the prefixes. */
START_TEST(prefixes_are_those_of_openssl)
{
	for (int h = HASH_NONE + 1; h < HASH_COUNT; h++) {
		const struct hash_info *info = hash_info((enum hash)h);
		const EVP_MD *md = EVP_get_digestbyname(info->name);
		X509_SIG *sig = X509_SIG_new();
		X509_ALGOR *alg;
		ASN1_OCTET_STRING *digest;
		unsigned char zero[64] = { 0 }, *der = NULL;
		struct view found;
		int len;

		ck_assert_ptr_nonnull(md);
		ck_assert_uint_eq((size_t)EVP_MD_get_size(md), info->size);
		X509_SIG_getm(sig, &alg, &digest);
		X509_ALGOR_set0(alg, OBJ_nid2obj(EVP_MD_get_type(md)), V_ASN1_NULL, NULL);
		ASN1_OCTET_STRING_set(digest, zero, (int)info->size);
		len = i2d_X509_SIG(sig, &der);
		ck_assert_int_gt(len, 0);
		ck_assert(view_eq(view_of(der, info->prefix.len), info->prefix));
		ck_assert_uint_eq((size_t)len, info->prefix.len + info->size);
		ck_assert_int_eq((int)digest_info_parse(view_of(der, (size_t)len), &found), h);
		ck_assert_uint_eq(found.len, info->size);
		ck_assert_ptr_eq(found.p, der + info->prefix.len);
		OPENSSL_free(der);
		X509_SIG_free(sig);
	}
}
END_TEST

START_TEST(curves_are_those_of_openssl)
{
	for (int c = CURVE_NONE + 1; c < CURVE_COUNT; c++) {
		const struct curve_info *info = curve_info((enum curve)c);
		ASN1_OBJECT *oid = OBJ_txt2obj(info->group, 0);
		unsigned char *der = NULL;
		int len = i2d_ASN1_OBJECT(oid, &der);

		ck_assert_int_gt(len, 0);
		ck_assert(view_eq(view_of(der, (size_t)len), info->oid));
		ck_assert_int_eq((int)curve_by_oid(info->oid), c);
		ck_assert_int_eq((int)curve_by_bits(info->bits), c);
		ck_assert_uint_eq(info->bytes, (info->bits + 7) / 8);
		OPENSSL_free(der);
		ASN1_OBJECT_free(oid);
	}
	ck_assert_int_eq((int)curve_by_bits(255), CURVE_NONE);
	ck_assert_int_eq((int)curve_by_oid(view_of("\x06\x00", 2)), CURVE_NONE);
}
END_TEST

START_TEST(what_is_out_of_range_has_no_row)
{
	ck_assert_ptr_null(hash_info(HASH_NONE));
	ck_assert_ptr_null(hash_info(HASH_COUNT));
	ck_assert_ptr_null(curve_info(CURVE_NONE));
	ck_assert_ptr_null(curve_info(CURVE_COUNT));
}
END_TEST

static const char sha1_info[] =
    "3021300906052B0E03021A05000414 000102030405060708090A0B0C0D0E0F10111213";

START_TEST(a_digest_info_is_read_strictly)
{
	static const struct { const char *name, *hex; enum hash h; } cases[] = {
		{ "SHA-1", sha1_info, HASH_SHA1 },
		{ "SHA-1 without NULL",
		    "301F300706052B0E03021A0414 000102030405060708090A0B0C0D0E0F10111213",
		        HASH_SHA1 },
		{ "a byte behind it",
		    "3021300906052B0E03021A05000414 000102030405060708090A0B0C0D0E0F10111213 00",
		    HASH_NONE },
		{ "digest too short",
		    "3020300906052B0E03021A05000413 000102030405060708090A0B0C0D0E0F101112",
		        HASH_NONE },
		{ "bytes inside behind the digest",
		    "3023300906052B0E03021A05000414 000102030405060708090A0B0C0D0E0F10111213 0500",
		    HASH_NONE },
		{ "unknown OID",
		    "3021300906052B0E03021B05000414 000102030405060708090A0B0C0D0E0F10111213",
		    HASH_NONE },
		{ "nothing", "", HASH_NONE }
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct buf b = hex(cases[i].hex);
		struct view digest;

		ck_assert_msg(digest_info_parse(buf_peek(&b), &digest) == cases[i].h, "%s",
		    cases[i].name);
		buf_free(&b);
	}
}
END_TEST

static void
parse(struct view v, void *arg)
{
	struct view digest;

	(void)arg;
	digest_info_parse(v, &digest);
}

START_TEST(damage_is_survived)
{
	struct buf b = hex(sha1_info);
	struct mutate m = { buf_peek(&b), parse, NULL, 0 };

	mutate(&m);
	buf_free(&b);
}
END_TEST

UNIT_MAIN("algs", prefixes_are_those_of_openssl, curves_are_those_of_openssl,
    what_is_out_of_range_has_no_row, a_digest_info_is_read_strictly, damage_is_survived)

#include "token/mech.h"

#include <string.h>

#include "t/unit/unit.h"

#define RAW   (1u << ALG_RSA_RAW)
#define PKCS1 (1u << ALG_RSA_PKCS1)
#define EC    (CKF_EC_F_P | CKF_EC_NAMEDCURVE | CKF_EC_UNCOMPRESS)

START_TEST(every_row_is_found_by_its_type_once)
{
	size_t n;
	const struct mech *t = mech_table(&n);

	ck_assert_uint_gt(n, 25);
	for (size_t i = 0; i < n; i++) {
		ck_assert_ptr_eq(mech_find(t[i].type), &t[i]);
		ck_assert_int_eq(strncmp(t[i].name, "CKM_", 4), 0);
	}
	ck_assert_ptr_null(mech_find(CKM_AES_CBC));
	ck_assert_ptr_null(mech_find((CK_MECHANISM_TYPE)-1));
}
END_TEST

/* Every flag only where it means something. Source: facts of section 12, PKCS#11 2.40. */
START_TEST(flags_are_those_of_the_scheme)
{
	size_t n;
	const struct mech *t = mech_table(&n);

	for (size_t i = 0; i < n; i++) {
		ck_assert_uint_eq(t[i].flags & EC, t[i].key_type == CKK_EC ? EC : 0);
		ck_assert_uint_eq(t[i].flags & (CKF_WRAP | CKF_UNWRAP | CKF_HW), 0);
		if (t[i].hash != HASH_NONE)
			ck_assert_uint_eq(t[i].flags & (CKF_SIGN_RECOVER | CKF_DECRYPT), 0);
		ck_assert_uint_eq(!!(t[i].flags & CKF_SIGN), t[i].card_sign != 0);
		ck_assert_uint_eq(!!(t[i].flags & CKF_DECRYPT), t[i].card_decipher != 0);
		ck_assert_uint_eq(!!(t[i].flags & CKF_DERIVE), t[i].card_derive != 0);
	}
}
END_TEST

static const struct {
	CK_MECHANISM_TYPE type;
	unsigned sign, decipher, derive;
	bool keygen;
	CK_FLAGS want;
} offers[] = {
	/* a card with nothing but digests to offer */
	{ CKM_SHA256, 0, 0, 0, false, CKF_DIGEST },
	{ CKM_RSA_PKCS, 0, 0, 0, false, 0 },
	{ CKM_RSA_PKCS, PKCS1, 0, 0, false,
	    CKF_HW | CKF_SIGN | CKF_VERIFY | CKF_SIGN_RECOVER | CKF_VERIFY_RECOVER },
	{ CKM_RSA_PKCS, 0, PKCS1, 0, false, CKF_HW | CKF_ENCRYPT | CKF_DECRYPT },
	/* PSS and OAEP cannot be emulated without raw RSA */
	{ CKM_RSA_PKCS_PSS, PKCS1, 0, 0, false, 0 },
	{ CKM_RSA_PKCS_PSS, RAW, 0, 0, false, CKF_HW | CKF_SIGN | CKF_VERIFY },
	{ CKM_SHA512_RSA_PKCS_PSS, RAW, 0, 0, false, CKF_HW | CKF_SIGN | CKF_VERIFY },
	{ CKM_RSA_PKCS_OAEP, RAW, PKCS1, 0, false, 0 },
	{ CKM_RSA_PKCS_OAEP, 0, RAW, 0, false, CKF_HW | CKF_ENCRYPT | CKF_DECRYPT },
	{ CKM_RSA_X_509, PKCS1, PKCS1, 0, false, 0 },
	{ CKM_SHA256_RSA_PKCS, RAW, 0, 0, false, CKF_HW | CKF_SIGN | CKF_VERIFY },
	{ CKM_ECDSA_SHA384, RAW, 0, 0, false, 0 },
	{ CKM_ECDSA_SHA384, 1u << ALG_ECDSA, 0, 0, false, CKF_HW | CKF_SIGN | CKF_VERIFY | EC },
	{ CKM_ECDH1_DERIVE, 0, 0, 1u << ALG_ECDH, false, CKF_HW | CKF_DERIVE | EC },
	{ CKM_ECDH1_COFACTOR_DERIVE, 0, 0, 0, false, 0 },
	{ CKM_RSA_PKCS_KEY_PAIR_GEN, RAW, 0, 0, false, 0 },
	{ CKM_RSA_PKCS_KEY_PAIR_GEN, 0, 0, 0, true, CKF_HW | CKF_GENERATE_KEY_PAIR },
	{ CKM_EC_KEY_PAIR_GEN, 0, 0, 0, true, CKF_HW | CKF_GENERATE_KEY_PAIR | EC },
};

START_TEST(a_card_offers_what_it_can_do)
{
	struct profile pf = { .rsa_max = 2048, .ec_curves = 1u << CURVE_P384 };

	for (size_t i = 0; i < sizeof offers / sizeof offers[0]; i++) {
		pf.sign_algs = offers[i].sign;
		pf.decipher_algs = offers[i].decipher;
		pf.derive_algs = offers[i].derive;
		pf.keygen = offers[i].keygen;
		ck_assert_msg(mech_flags(mech_find(offers[i].type), &pf, ~0u) == offers[i].want,
		    "row %zu: %lx", i, mech_flags(mech_find(offers[i].type), &pf, ~0u));
	}
}
END_TEST

/* What there is no key for is not offered; digests want none. */
START_TEST(a_token_offers_what_its_keys_can_do)
{
	const struct profile pf = { .rsa_max = 2048, .sign_algs = RAW | 1u << ALG_ECDSA, .derive_algs = 1u << ALG_ECDH };
	static const struct { CK_MECHANISM_TYPE type; unsigned kinds; bool offered; } cases[] = {
		{ CKM_SHA256_RSA_PKCS, 1u << KEY_RSA, true }, { CKM_SHA256_RSA_PKCS, 1u << KEY_EC, false },
		{ CKM_ECDSA, 1u << KEY_RSA, false }, { CKM_ECDSA, 1u << KEY_EC, true },
		{ CKM_ECDH1_DERIVE, 1u << KEY_RSA, false }, { CKM_ECDH1_DERIVE, 1u << KEY_RSA | 1u << KEY_EC, true },
		{ CKM_SHA256, 0, true },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		ck_assert_msg((mech_flags(mech_find(cases[i].type), &pf, cases[i].kinds) != 0) == cases[i].offered,
		    "case %zu", i);
}
END_TEST

/* A card that pads digests itself, as FINEID ones do: no raw RSA, no MD5. */
static const char hashing[] = "schema: 1\nprofile: x\nsource: [ s ]\ndriver: thales\nmatch: [ { hist-tail: X } ]\n"
    "environment:\n  key-by: [ reference ]\n"
    "  sign: { rsa-pkcs1: { sha256: 0x42 }, rsa-pss: { sha256: 0x45 }, ecdsa: { sha256: 0x44 } }\n"
    "  decipher: { rsa-pkcs1: { any: 0x1A }, rsa-oaep: { sha1: 0x1D } }\n"
    "algs: { curves: [ P-256 ] }\nkeys: { rsa: { min: 1024, max: 4096, step: 8 } }\n";

static const struct { CK_MECHANISM_TYPE type; CK_FLAGS want; } hashing_offers[] = {
	{ CKM_RSA_PKCS, CKF_HW | CKF_SIGN | CKF_VERIFY | CKF_ENCRYPT | CKF_DECRYPT }, /* nothing to recover */
	{ CKM_SHA256_RSA_PKCS, CKF_HW | CKF_SIGN | CKF_VERIFY },
	{ CKM_SHA1_RSA_PKCS, 0 },
	{ CKM_MD5_RSA_PKCS, 0 },
	{ CKM_RSA_X_509, 0 },
	{ CKM_RSA_PKCS_PSS, CKF_HW | CKF_SIGN | CKF_VERIFY },
	{ CKM_SHA256_RSA_PKCS_PSS, CKF_HW | CKF_SIGN | CKF_VERIFY },
	{ CKM_SHA384_RSA_PKCS_PSS, 0 },
	{ CKM_RSA_PKCS_OAEP, CKF_HW | CKF_ENCRYPT | CKF_DECRYPT },
	{ CKM_ECDSA, CKF_HW | CKF_SIGN | CKF_VERIFY | EC },
	{ CKM_ECDSA_SHA512, CKF_HW | CKF_SIGN | CKF_VERIFY | EC }, /* hashed by the host, cut to the field */
	{ CKM_ECDH1_DERIVE, 0 },
};

static struct profile *
hashing_profile(void)
{
	struct buf why = BUF_INIT;
	struct profile *pf = NULL;

	ck_assert_msg(profile_parse(view_str(hashing), "f", &pf, &why) == 0, "%s", buf_text(&why));
	buf_free(&why);
	return pf;
}

START_TEST(a_card_that_pads_offers_its_hashes)
{
	struct profile *pf = hashing_profile();

	for (size_t i = 0; i < sizeof hashing_offers / sizeof hashing_offers[0]; i++)
		ck_assert_msg(mech_flags(mech_find(hashing_offers[i].type), pf, ~0u) == hashing_offers[i].want,
		    "row %zu: %lx", i, mech_flags(mech_find(hashing_offers[i].type), pf, ~0u));
	profile_free(&pf);
}
END_TEST

/* Of PSS and OAEP such a card has one kind: a salt as long as the hash, one hash, no label. */
START_TEST(a_card_that_pads_takes_its_own_parameters)
{
	const struct mech *pss = mech_find(CKM_RSA_PKCS_PSS), *oaep = mech_find(CKM_RSA_PKCS_OAEP);
	struct profile *pf = hashing_profile();
	struct mech_params p = { .hash = HASH_SHA256, .mgf = HASH_SHA256, .salt_len = 32 };

	ck_assert_uint_eq(mech_params_fit(pss, &p, pf), CKR_OK);
	p.salt_len = 20;
	ck_assert_uint_eq(mech_params_fit(pss, &p, pf), CKR_MECHANISM_PARAM_INVALID);
	p = (struct mech_params){ .hash = HASH_SHA1, .mgf = HASH_SHA1, .salt_len = 20 };
	ck_assert_uint_eq(mech_params_fit(pss, &p, pf), CKR_MECHANISM_PARAM_INVALID);
	ck_assert_uint_eq(mech_params_fit(oaep, &p, pf), CKR_OK);
	p.mgf = HASH_SHA256;
	ck_assert_uint_eq(mech_params_fit(oaep, &p, pf), CKR_MECHANISM_PARAM_INVALID);
	p.mgf = HASH_SHA1;
	buf_str(&p.label, "label");
	ck_assert_uint_eq(mech_params_fit(oaep, &p, pf), CKR_MECHANISM_PARAM_INVALID);
	/* one that raises whole blocks as well takes any */
	pf->sign_algs |= 1u << ALG_RSA_RAW;
	pf->decipher_algs |= 1u << ALG_RSA_RAW;
	ck_assert_uint_eq(mech_params_fit(oaep, &p, pf), CKR_OK);
	p.salt_len = 7;
	ck_assert_uint_eq(mech_params_fit(pss, &p, pf), CKR_OK);
	mech_params_free(&p);
	profile_free(&pf);
}
END_TEST

START_TEST(sizes_are_bits_of_the_card)
{
	struct profile pf = { .rsa_min = 512, .rsa_max = 2048,
	    .ec_curves = 1u << CURVE_P256 | 1u << CURVE_P384 };
	CK_ULONG min, max;

	mech_sizes(mech_find(CKM_RSA_PKCS), &pf, &min, &max);
	ck_assert(min == 512 && max == 2048);
	mech_sizes(mech_find(CKM_ECDSA), &pf, &min, &max);
	ck_assert(min == 256 && max == 384);
	mech_sizes(mech_find(CKM_SHA256), &pf, &min, &max);
	ck_assert(min == 0 && max == 0);
	memset(&pf, 0, sizeof pf);
	mech_sizes(mech_find(CKM_RSA_PKCS), &pf, &min, &max);
	ck_assert(min == 1024 && max == 4096);
	mech_sizes(mech_find(CKM_ECDSA), &pf, &min, &max);
	ck_assert(min == 256 && max == 521);
}
END_TEST

static CK_RV
parse(CK_MECHANISM_TYPE type, void *p, size_t n, struct mech_params *out)
{
	CK_MECHANISM ck = { type, p, n };

	memset(out, 0, sizeof *out);
	return mech_params_parse(mech_find(type), &ck, out);
}

static const struct {
	CK_MECHANISM_TYPE type;
	CK_RSA_PKCS_PSS_PARAMS p;
	CK_RV want;
} pss_cases[] = {
	{ CKM_RSA_PKCS_PSS, { CKM_SHA256, CKG_MGF1_SHA256, 32 }, CKR_OK },
	{ CKM_RSA_PKCS_PSS, { CKM_SHA_1, CKG_MGF1_SHA1, 0 }, CKR_OK },
	{ CKM_SHA224_RSA_PKCS_PSS, { CKM_SHA224, CKG_MGF1_SHA224, 28 }, CKR_OK },
	{ CKM_SHA384_RSA_PKCS_PSS, { CKM_SHA384, CKG_MGF1_SHA384, 48 }, CKR_OK },
	/* hash of another mechanism, hashes that differ, none of ours, silly salts */
	{ CKM_SHA384_RSA_PKCS_PSS, { CKM_SHA256, CKG_MGF1_SHA256, 32 }, CKR_MECHANISM_PARAM_INVALID },
	{ CKM_RSA_PKCS_PSS, { CKM_SHA256, CKG_MGF1_SHA1, 32 }, CKR_MECHANISM_PARAM_INVALID },
	{ CKM_RSA_PKCS_PSS, { CKM_MD5, CKG_MGF1_SHA1, 16 }, CKR_MECHANISM_PARAM_INVALID },
	{ CKM_RSA_PKCS_PSS, { CKM_SHA256_RSA_PKCS, CKG_MGF1_SHA256, 32 }, CKR_MECHANISM_PARAM_INVALID },
	{ CKM_RSA_PKCS_PSS, { CKM_SHA256, 0, 32 }, CKR_MECHANISM_PARAM_INVALID },
	{ CKM_RSA_PKCS_PSS, { CKM_SHA256, CKG_MGF1_SHA256, (CK_ULONG)-1 }, CKR_MECHANISM_PARAM_INVALID },
	{ CKM_RSA_PKCS_PSS, { CKM_SHA256, CKG_MGF1_SHA256, (CK_ULONG)-2 }, CKR_MECHANISM_PARAM_INVALID },
};

START_TEST(pss_parameters)
{
	struct mech_params out;
	CK_RSA_PKCS_PSS_PARAMS p;
	char shifted[sizeof p + 1];

	for (size_t i = 0; i < sizeof pss_cases / sizeof pss_cases[0]; i++) {
		p = pss_cases[i].p;
		ck_assert_msg(parse(pss_cases[i].type, &p, sizeof p, &out) == pss_cases[i].want,
		    "row %zu", i);
		if (pss_cases[i].want == CKR_OK)
			ck_assert(out.hash == out.mgf && out.salt_len == p.sLen);
		ck_assert_uint_eq(parse(pss_cases[i].type, &p, sizeof p - 1, &out),
		    CKR_MECHANISM_PARAM_INVALID);
		ck_assert_uint_eq(parse(pss_cases[i].type, NULL, sizeof p, &out),
		    CKR_MECHANISM_PARAM_INVALID);
		ck_assert_uint_eq(parse(pss_cases[i].type, NULL, 0, &out),
		    CKR_MECHANISM_PARAM_INVALID);
	}
	memcpy(shifted + 1, &pss_cases[0].p, sizeof p);
	ck_assert_uint_eq(parse(CKM_RSA_PKCS_PSS, shifted + 1, sizeof p, &out), CKR_OK);
}
END_TEST

static const struct {
	CK_RSA_PKCS_OAEP_PARAMS p;
	CK_RV want;
} oaep_cases[] = {
	{ { CKM_SHA_1, CKG_MGF1_SHA1, CKZ_DATA_SPECIFIED, NULL, 0 }, CKR_OK },
	{ { CKM_SHA_1, CKG_MGF1_SHA1, 0, NULL, 0 }, CKR_OK },
	{ { CKM_SHA512, CKG_MGF1_SHA512, CKZ_DATA_SPECIFIED, (void *)"label", 5 }, CKR_OK },
	{ { CKM_SHA256, CKG_MGF1_SHA1, CKZ_DATA_SPECIFIED, NULL, 0 }, CKR_OK },
	{ { CKM_SHA_1, CKG_MGF1_SHA1, 0, (void *)"label", 5 }, CKR_MECHANISM_PARAM_INVALID },
	{ { CKM_SHA_1, CKG_MGF1_SHA1, 2, NULL, 0 }, CKR_MECHANISM_PARAM_INVALID },
	{ { CKM_SHA_1, CKG_MGF1_SHA1, CKZ_DATA_SPECIFIED, NULL, 5 }, CKR_MECHANISM_PARAM_INVALID },
	{ { CKM_SHA_1, CKG_MGF1_SHA1, CKZ_DATA_SPECIFIED, (void *)"", (CK_ULONG)-1 },
	    CKR_MECHANISM_PARAM_INVALID },
	{ { CKM_MD5, CKG_MGF1_SHA1, CKZ_DATA_SPECIFIED, NULL, 0 }, CKR_MECHANISM_PARAM_INVALID },
	{ { CKM_SHA_1, 99, CKZ_DATA_SPECIFIED, NULL, 0 }, CKR_MECHANISM_PARAM_INVALID },
};

START_TEST(oaep_parameters)
{
	struct mech_params out;
	CK_RSA_PKCS_OAEP_PARAMS p;

	for (size_t i = 0; i < sizeof oaep_cases / sizeof oaep_cases[0]; i++) {
		p = oaep_cases[i].p;
		ck_assert_msg(parse(CKM_RSA_PKCS_OAEP, &p, sizeof p, &out) == oaep_cases[i].want,
		    "row %zu", i);
		if (oaep_cases[i].want == CKR_OK)
			ck_assert(view_eq(buf_peek(&out.label),
			    view_of(p.pSourceData, p.ulSourceDataLen)));
		mech_params_free(&out);
	}
	ck_assert_uint_eq(parse(CKM_RSA_PKCS_OAEP, NULL, 0, &out), CKR_MECHANISM_PARAM_INVALID);
}
END_TEST

/* bytes of the point, head of the OCTET STRING around it, its length, first byte of the point */
static const struct {
	size_t point;
	uint8_t head[3];
	size_t nhead;
	uint8_t first;
	CK_RV want;
} ecdh_cases[] = {
	{ 65, { 0 }, 0, 0x04, CKR_OK },
	{ 97, { 0 }, 0, 0x04, CKR_OK },
	{ 133, { 0 }, 0, 0x04, CKR_OK },
	{ 65, { 0x04, 0x41 }, 2, 0x04, CKR_OK },
	{ 97, { 0x04, 0x61 }, 2, 0x04, CKR_OK },
	{ 133, { 0x04, 0x81, 0x85 }, 3, 0x04, CKR_OK },
	{ 64, { 0 }, 0, 0x04, CKR_MECHANISM_PARAM_INVALID },
	{ 66, { 0 }, 0, 0x04, CKR_MECHANISM_PARAM_INVALID },
	{ 0, { 0 }, 0, 0, CKR_MECHANISM_PARAM_INVALID },
	{ 1, { 0 }, 0, 0, CKR_MECHANISM_PARAM_INVALID },
	{ 33, { 0 }, 0, 0x02, CKR_MECHANISM_PARAM_INVALID },
	{ 65, { 0 }, 0, 0x06, CKR_MECHANISM_PARAM_INVALID },
	{ 65, { 0x04, 0x40 }, 2, 0x04, CKR_MECHANISM_PARAM_INVALID },
	{ 65, { 0x03, 0x41 }, 2, 0x04, CKR_MECHANISM_PARAM_INVALID },
	{ 65, { 0x04, 0x41 }, 2, 0x02, CKR_MECHANISM_PARAM_INVALID },
};

START_TEST(ecdh_points_raw_and_wrapped)
{
	CK_ECDH1_DERIVE_PARAMS p = { CKD_NULL, 0, NULL, 0, NULL };
	struct mech_params out;
	struct buf in = BUF_INIT;

	for (size_t i = 0; i < sizeof ecdh_cases / sizeof ecdh_cases[0]; i++) {
		buf_reset(&in);
		buf_put(&in, ecdh_cases[i].head, ecdh_cases[i].nhead);
		if (ecdh_cases[i].point) {
			buf_u8(&in, ecdh_cases[i].first);
			buf_fill(&in, 0x5A, ecdh_cases[i].point - 1);
		}
		p.pPublicData = in.p;
		p.ulPublicDataLen = in.len;
		ck_assert_msg(parse(CKM_ECDH1_DERIVE, &p, sizeof p, &out) == ecdh_cases[i].want,
		    "row %zu", i);
		if (ecdh_cases[i].want == CKR_OK)
			ck_assert(out.point.len == ecdh_cases[i].point && out.point.p[0] == 0x04);
		mech_params_free(&out);
	}
	buf_free(&in);
}
END_TEST

static const struct {
	ck_ec_kdf_t kdf;
	size_t shared;
	CK_RV want;
} kdf_cases[] = {
	{ CKD_NULL, 0, CKR_OK },
	{ CKD_NULL, 3, CKR_MECHANISM_PARAM_INVALID },
	{ CKD_SHA1_KDF, 0, CKR_OK },
	{ CKD_SHA224_KDF, 3, CKR_OK },
	{ CKD_SHA512_KDF, 3, CKR_OK },
	{ CKD_SHA1_KDF_ASN1, 0, CKR_MECHANISM_PARAM_INVALID },
	{ 0, 0, CKR_MECHANISM_PARAM_INVALID },
	{ 99, 0, CKR_MECHANISM_PARAM_INVALID },
};

START_TEST(ecdh_derivation_functions)
{
	uint8_t point[65] = { 0x04 }, shared[] = "abc";
	CK_ECDH1_DERIVE_PARAMS p = { 0, 0, shared, sizeof point, point };
	struct mech_params out;

	for (size_t i = 0; i < sizeof kdf_cases / sizeof kdf_cases[0]; i++) {
		p.kdf = kdf_cases[i].kdf;
		p.ulSharedDataLen = kdf_cases[i].shared;
		ck_assert_msg(parse(CKM_ECDH1_DERIVE, &p, sizeof p, &out) == kdf_cases[i].want,
		    "row %zu", i);
		if (kdf_cases[i].want == CKR_OK)
			ck_assert_uint_eq(out.shared.len, kdf_cases[i].shared);
		mech_params_free(&out);
	}
	p.pPublicData = NULL;
	p.kdf = CKD_NULL;
	p.ulSharedDataLen = 0;
	ck_assert_uint_eq(parse(CKM_ECDH1_DERIVE, &p, sizeof p, &out), CKR_MECHANISM_PARAM_INVALID);
}
END_TEST

START_TEST(where_there_is_no_parameter_none_is_taken)
{
	struct mech_params out;
	char junk[8] = { 0 };

	ck_assert_uint_eq(parse(CKM_SHA256_RSA_PKCS, NULL, 0, &out), CKR_OK);
	ck_assert_uint_eq(parse(CKM_SHA256_RSA_PKCS, junk, 0, &out), CKR_OK);
	ck_assert_uint_eq(parse(CKM_SHA256_RSA_PKCS, junk, 8, &out), CKR_MECHANISM_PARAM_INVALID);
	ck_assert_uint_eq(parse(CKM_ECDSA, junk, 1, &out), CKR_MECHANISM_PARAM_INVALID);
}
END_TEST

UNIT_MAIN("mech", every_row_is_found_by_its_type_once, flags_are_those_of_the_scheme,
    a_card_offers_what_it_can_do, a_token_offers_what_its_keys_can_do, a_card_that_pads_offers_its_hashes,
    a_card_that_pads_takes_its_own_parameters, sizes_are_bits_of_the_card, pss_parameters, oaep_parameters,
    ecdh_points_raw_and_wrapped, ecdh_derivation_functions,
    where_there_is_no_parameter_none_is_taken)

#include "token/soft_int.h"

#include <openssl/rsa.h>
#include <string.h>

#include "t/unit/softkey.h"
#include "t/unit/unit.h"

#define RAW   (1u << ALG_RSA_RAW)
#define PKCS1 (1u << ALG_RSA_PKCS1)
#define ECDSA (1u << ALG_ECDSA)

/* 1025: the padded number has a byte less than the modulus; 1031, 1028: bits to be cleared */
static const unsigned sizes[] = { 1024, 1025, 1028, 1031, 2048, 3072 };

#define SIZES (sizeof sizes / sizeof sizes[0])

static const struct {
	enum hash h;
	CK_MECHANISM_TYPE pkcs1, pss, ckm;
	CK_RSA_PKCS_MGF_TYPE mgf;
} kinds[] = {
	{ HASH_MD5, CKM_MD5_RSA_PKCS, 0, 0, 0 },
	{ HASH_SHA1, CKM_SHA1_RSA_PKCS, CKM_SHA1_RSA_PKCS_PSS, CKM_SHA_1, CKG_MGF1_SHA1 },
	{ HASH_SHA224, CKM_SHA224_RSA_PKCS, CKM_SHA224_RSA_PKCS_PSS, CKM_SHA224, CKG_MGF1_SHA224 },
	{ HASH_SHA256, CKM_SHA256_RSA_PKCS, CKM_SHA256_RSA_PKCS_PSS, CKM_SHA256, CKG_MGF1_SHA256 },
	{ HASH_SHA384, CKM_SHA384_RSA_PKCS, CKM_SHA384_RSA_PKCS_PSS, CKM_SHA384, CKG_MGF1_SHA384 },
	{ HASH_SHA512, CKM_SHA512_RSA_PKCS, CKM_SHA512_RSA_PKCS_PSS, CKM_SHA512, CKG_MGF1_SHA512 },
};

#define KINDS (sizeof kinds / sizeof kinds[0])

static const struct mech_params none;

/* A key on both sides, and what the tests put together with it. */
struct pair {
	struct soft *s;
	EVP_PKEY *key;
	struct soft_pub *pub;
	struct buf digest, block, sig;
};

static void
pair_open(struct pair *t, EVP_PKEY *key)
{
	memset(t, 0, sizeof *t);
	t->s = soft_new();
	t->key = key;
	t->pub = softkey_pub(t->s, key);
}

static void
pair_close(struct pair *t)
{
	soft_pub_free(&t->pub);
	EVP_PKEY_free(t->key);
	soft_free(&t->s);
	buf_free(&t->digest);
	buf_free(&t->block);
	buf_free(&t->sig);
}

static CK_RV
prepare(struct pair *t, CK_MECHANISM_TYPE type, const struct mech_params *p, unsigned algs,
    enum card_alg want)
{
	const struct profile pf = { .sign_algs = algs };
	enum card_alg alg = ALG_COUNT;
	enum hash hash;
	CK_RV rv;

	buf_reset(&t->block);
	rv = soft_sign_prepare(t->s, softkey_mech(type), p, t->pub, &pf, buf_peek(&t->digest), &alg,
	    &hash, &t->block);
	if (rv == CKR_OK)
		ck_assert_int_eq((int)alg, (int)want);
	else
		ck_assert_uint_eq(t->block.len, 0);
	return rv;
}

/* The good signature verifies, and nothing near it does. */
static void
check_verify(struct pair *t, CK_MECHANISM_TYPE type, const struct mech_params *p)
{
	const struct mech *m = softkey_mech(type);
	struct view sig = buf_peek(&t->sig), digest = buf_peek(&t->digest);

	ck_assert_uint_eq(soft_verify(t->s, m, p, t->pub, digest, sig), CKR_OK);
	ck_assert_uint_eq(soft_verify(t->s, m, p, t->pub, digest, view_of(sig.p, sig.len - 1)),
	    CKR_SIGNATURE_LEN_RANGE);
	ck_assert_uint_eq(soft_verify(t->s, m, p, t->pub, digest, view_of(sig.p, 0)),
	    CKR_SIGNATURE_LEN_RANGE);
	for (size_t i = 0; i < sig.len; i += 9) {
		t->sig.p[i] ^= 0x20;
		ck_assert_uint_eq(soft_verify(t->s, m, p, t->pub, digest, sig), CKR_SIGNATURE_INVALID);
		t->sig.p[i] ^= 0x20;
	}
	t->digest.p[0] ^= 1;
	ck_assert_uint_eq(soft_verify(t->s, m, p, t->pub, digest, sig), CKR_SIGNATURE_INVALID);
	t->digest.p[0] ^= 1;
	if (m->hash != HASH_NONE || m->scheme == SCHEME_RSA_PSS)
		ck_assert_uint_eq(soft_verify(t->s, m, p, t->pub, view_of(digest.p, digest.len - 1), sig),
		    CKR_DATA_LEN_RANGE);
}

START_TEST(pkcs1_with_every_hash_and_size)
{
	struct pair t;
	struct buf plain = BUF_INIT;

	pair_open(&t, softkey_rsa(sizes[_i]));
	for (size_t i = 0; i < KINDS; i++) {
		buf_reset(&t.digest);
		buf_reset(&t.sig);
		soft_hash(t.s, kinds[i].h, view_str("data"), &t.digest);
		ck_assert_uint_eq(prepare(&t, kinds[i].pkcs1, &none, RAW, ALG_RSA_RAW), CKR_OK);
		softkey_raise(t.key, buf_peek(&t.block), &t.sig);
		ck_assert(softkey_rsa_good(t.key, RSA_PKCS1_PADDING, kinds[i].h, 0, buf_peek(&t.digest),
		    buf_peek(&t.sig)));
		check_verify(&t, kinds[i].pkcs1, &none);
		/* a card that pads itself is given what is inside */
		ck_assert_uint_eq(prepare(&t, kinds[i].pkcs1, &none, RAW | PKCS1, ALG_RSA_PKCS1), CKR_OK);
		buf_reset(&plain);
		buf_view(&plain, hash_info(kinds[i].h)->prefix);
		buf_view(&plain, buf_peek(&t.digest));
		ck_assert(view_eq(buf_peek(&plain), buf_peek(&t.block)));
		/* the caller's own DigestInfo gives the same signature */
		buf_move(&t.digest, &plain);
		check_verify(&t, CKM_RSA_PKCS, &none);
	}
	buf_free(&plain);
	pair_close(&t);
}
END_TEST

START_TEST(pss_with_every_hash_size_and_salt)
{
	CK_RSA_PKCS_PSS_PARAMS ck;
	CK_MECHANISM mech = { 0, &ck, sizeof ck };
	struct mech_params p;
	size_t salts[3], em = (sizes[_i] + 6) / 8, h;
	struct pair t;

	pair_open(&t, softkey_rsa(sizes[_i]));
	for (size_t i = 1; i < KINDS; i++) {
		h = hash_info(kinds[i].h)->size;
		salts[0] = 0;
		salts[1] = h + h + 2 <= em ? h : 1;
		salts[2] = em - h - 2;
		for (size_t j = 0; j < 4; j++) {
			memset(&p, 0, sizeof p);
			ck.hashAlg = kinds[i].ckm;
			ck.mgf = kinds[i].mgf;
			ck.sLen = j < 3 ? salts[j] : em - h - 1;
			buf_reset(&t.digest);
			buf_reset(&t.sig);
			soft_hash(t.s, kinds[i].h, view_str("data"), &t.digest);
			ck_assert_uint_eq(mech_params_parse(mech_find(kinds[i].pss), &mech, &p), CKR_OK);
			if (j == 3) {
				ck_assert_uint_eq(prepare(&t, kinds[i].pss, &p, RAW, ALG_RSA_RAW),
				    CKR_KEY_SIZE_RANGE);
				continue;
			}
			ck_assert_uint_eq(prepare(&t, kinds[i].pss, &p, RAW | PKCS1, ALG_RSA_RAW), CKR_OK);
			ck_assert_uint_eq(t.block.len, soft_pub_sig_len(t.pub));
			softkey_raise(t.key, buf_peek(&t.block), &t.sig);
			ck_assert(softkey_rsa_good(t.key, RSA_PKCS1_PSS_PADDING, kinds[i].h, salts[j],
			    buf_peek(&t.digest), buf_peek(&t.sig)));
			check_verify(&t, kinds[i].pss, &p);
			check_verify(&t, CKM_RSA_PKCS_PSS, &p);
			p.salt_len++;
			ck_assert_uint_ne(soft_verify(t.s, softkey_mech(kinds[i].pss), &p, t.pub,
			    buf_peek(&t.digest), buf_peek(&t.sig)), CKR_OK);
		}
	}
	ck_assert_uint_eq(prepare(&t, CKM_RSA_PKCS_PSS, &p, PKCS1, 0), CKR_MECHANISM_INVALID);
	pair_close(&t);
}
END_TEST

START_TEST(a_pss_salt_is_never_the_same)
{
	struct mech_params p = { .hash = HASH_SHA256, .mgf = HASH_SHA256, .salt_len = 32 };
	struct buf first = BUF_INIT;
	struct pair t;

	pair_open(&t, softkey_rsa(1024));
	buf_fill(&t.digest, 1, 32);
	ck_assert_uint_eq(prepare(&t, CKM_RSA_PKCS_PSS, &p, RAW, ALG_RSA_RAW), CKR_OK);
	buf_move(&first, &t.block);
	ck_assert_uint_eq(prepare(&t, CKM_RSA_PKCS_PSS, &p, RAW, ALG_RSA_RAW), CKR_OK);
	ck_assert(!view_eq(buf_peek(&first), buf_peek(&t.block)));
	buf_free(&first);
	pair_close(&t);
}
END_TEST

START_TEST(pkcs1_takes_what_fits)
{
	struct pair t;
	size_t k;

	/* NSS signs 36 bytes of MD5 and SHA-1 with no DigestInfo; nothing at all is legal too */
	pair_open(&t, softkey_rsa(1024));
	k = soft_pub_sig_len(t.pub);
	for (size_t n = 0; n <= k + 1; n++) {
		buf_reset(&t.digest);
		buf_fill(&t.digest, 0xFF, n);
		ck_assert_uint_eq(prepare(&t, CKM_RSA_PKCS, &none, PKCS1, ALG_RSA_PKCS1),
		    n <= k - 11 ? CKR_OK : CKR_DATA_LEN_RANGE);
		ck_assert_uint_eq(prepare(&t, CKM_RSA_PKCS, &none, RAW, ALG_RSA_RAW),
		    n <= k - 11 ? CKR_OK : CKR_DATA_LEN_RANGE);
	}
	buf_reset(&t.digest);
	buf_fill(&t.digest, 1, 33);
	ck_assert_uint_eq(prepare(&t, CKM_SHA256_RSA_PKCS, &none, RAW, 0), CKR_DATA_LEN_RANGE);
	buf_trim(&t.digest, 32);
	ck_assert_uint_eq(prepare(&t, CKM_SHA256_RSA_PKCS, &none, ECDSA, 0), CKR_MECHANISM_INVALID);
	ck_assert_uint_eq(prepare(&t, CKM_RSA_PKCS_OAEP, &none, RAW, 0), CKR_MECHANISM_INVALID);
	ck_assert_uint_eq(prepare(&t, CKM_SHA256, &none, RAW, 0), CKR_MECHANISM_INVALID);
	ck_assert_uint_eq(prepare(&t, CKM_ECDSA, &none, ECDSA, 0), CKR_KEY_TYPE_INCONSISTENT);
	pair_close(&t);
	/* 62 bytes of overhead and a SHA-512 do not fit into 512 bits */
	pair_open(&t, softkey_rsa(512));
	buf_fill(&t.digest, 1, 64);
	ck_assert_uint_eq(prepare(&t, CKM_SHA512_RSA_PKCS, &none, RAW, 0), CKR_KEY_SIZE_RANGE);
	pair_close(&t);
}
END_TEST

/* A card that makes the DigestInfo and the padding itself is given the digest alone, also when a caller has made
 * a DigestInfo; what is none of a hash that it has it cannot sign. */
START_TEST(a_card_that_pads_digests_gets_digests)
{
	struct profile pf = { .sign_algs = PKCS1 | 1u << ALG_RSA_PSS, .env.given = true };
	struct mech_params pss = { .hash = HASH_SHA256, .mgf = HASH_SHA256, .salt_len = 32 };
	const struct hash_info *sha256 = hash_info(HASH_SHA256), *sha384 = hash_info(HASH_SHA384);
	struct buf info = BUF_INIT, other = BUF_INIT;
	enum card_alg alg = ALG_COUNT;
	enum hash hash = HASH_NONE;
	struct pair t;

	pair_open(&t, softkey_rsa(2048));
	pf.env.use[USE_SIGN].alg[ALG_RSA_PKCS1].hashes = 1u << HASH_SHA256;
	pf.env.use[USE_SIGN].alg[ALG_RSA_PSS].hashes = 1u << HASH_SHA256;
	buf_fill(&t.digest, 0x77, sha256->size);
	buf_view(&info, sha256->prefix);
	buf_view(&info, buf_peek(&t.digest));
	buf_view(&other, sha384->prefix);
	buf_fill(&other, 0x77, sha384->size);
#define PREPARE(ckm, params, data) (buf_reset(&t.block), \
	soft_sign_prepare(t.s, softkey_mech(ckm), params, t.pub, &pf, data, &alg, &hash, &t.block))
#define GETS_DIGEST(a) (alg == (a) && hash == HASH_SHA256 && view_eq(buf_peek(&t.block), buf_peek(&t.digest)))
	ck_assert_uint_eq(PREPARE(CKM_SHA256_RSA_PKCS, &none, buf_peek(&t.digest)), CKR_OK);
	ck_assert(GETS_DIGEST(ALG_RSA_PKCS1));
	ck_assert_uint_eq(PREPARE(CKM_RSA_PKCS, &none, buf_peek(&info)), CKR_OK);
	ck_assert(GETS_DIGEST(ALG_RSA_PKCS1));
	ck_assert_uint_eq(PREPARE(CKM_SHA256_RSA_PKCS_PSS, &pss, buf_peek(&t.digest)), CKR_OK);
	ck_assert(GETS_DIGEST(ALG_RSA_PSS));
	ck_assert_uint_eq(PREPARE(CKM_RSA_PKCS, &none, buf_peek(&other)), CKR_DATA_INVALID);
	ck_assert_uint_eq(PREPARE(CKM_RSA_PKCS, &none, buf_peek(&t.digest)), CKR_DATA_INVALID);
	ck_assert_uint_eq(t.block.len, 0);
	pss.salt_len = 0;
	ck_assert_uint_eq(PREPARE(CKM_RSA_PKCS_PSS, &pss, buf_peek(&t.digest)), CKR_MECHANISM_PARAM_INVALID);
	/* with whole blocks the host does what is left */
	pf.sign_algs |= RAW;
	ck_assert_uint_eq(PREPARE(CKM_RSA_PKCS, &none, buf_peek(&other)), CKR_OK);
	ck_assert(alg == ALG_RSA_RAW && hash == HASH_NONE && t.block.len == 256);
	ck_assert_uint_eq(PREPARE(CKM_RSA_PKCS_PSS, &pss, buf_peek(&t.digest)), CKR_OK);
	ck_assert(alg == ALG_RSA_RAW && hash == HASH_NONE && t.block.len == 256);
	buf_free(&info);
	buf_free(&other);
	pair_close(&t);
}
END_TEST

START_TEST(raw_rsa_is_a_number_below_the_modulus)
{
	struct buf out = BUF_INIT;
	struct pair t;
	size_t k;

	pair_open(&t, softkey_rsa(1031));
	k = soft_pub_sig_len(t.pub);
	buf_str(&t.digest, "short");
	ck_assert_uint_eq(prepare(&t, CKM_RSA_X_509, &none, RAW, ALG_RSA_RAW), CKR_OK);
	ck_assert_uint_eq(t.block.len, k);
	ck_assert_int_eq(memcmp(t.block.p + k - 5, "short", 5), 0);
	softkey_raise(t.key, buf_peek(&t.block), &t.sig);
	check_verify(&t, CKM_RSA_X_509, &none);
	ck_assert_uint_eq(soft_verify_recover(t.s, softkey_mech(CKM_RSA_X_509), t.pub,
	    buf_peek(&t.sig), &out), CKR_OK);
	ck_assert(view_eq(buf_peek(&out), buf_peek(&t.block)));
	ck_assert_uint_eq(prepare(&t, CKM_RSA_X_509, &none, PKCS1, 0), CKR_MECHANISM_INVALID);
	buf_reset(&t.digest);
	buf_put(&t.digest, t.pub->n, k);
	ck_assert_uint_eq(prepare(&t, CKM_RSA_X_509, &none, RAW, 0), CKR_DATA_LEN_RANGE);
	t.digest.p[k - 1]--;
	ck_assert_uint_eq(prepare(&t, CKM_RSA_X_509, &none, RAW, ALG_RSA_RAW), CKR_OK);
	buf_reset(&t.digest);
	buf_fill(&t.digest, 0, k + 1);
	ck_assert_uint_eq(prepare(&t, CKM_RSA_X_509, &none, RAW, 0), CKR_DATA_LEN_RANGE);
	buf_free(&out);
	pair_close(&t);
}
END_TEST

START_TEST(recover_gives_the_message_back)
{
	struct buf out = BUF_INIT;
	struct pair t;

	pair_open(&t, softkey_rsa(1024));
	for (size_t n = 0; n <= 117; n += 13) {
		buf_reset(&t.digest);
		buf_reset(&t.sig);
		buf_reset(&out);
		softkey_noise((unsigned)n, n, &t.digest);
		ck_assert_uint_eq(prepare(&t, CKM_RSA_PKCS, &none, RAW, ALG_RSA_RAW), CKR_OK);
		softkey_raise(t.key, buf_peek(&t.block), &t.sig);
		ck_assert_uint_eq(soft_verify_recover(t.s, softkey_mech(CKM_RSA_PKCS), t.pub,
		    buf_peek(&t.sig), &out), CKR_OK);
		ck_assert(view_eq(buf_peek(&out), buf_peek(&t.digest)));
		t.sig.p[3] ^= 1;
		ck_assert_uint_eq(soft_verify_recover(t.s, softkey_mech(CKM_RSA_PKCS), t.pub,
		    buf_peek(&t.sig), &out), CKR_SIGNATURE_INVALID);
	}
	ck_assert_uint_eq(soft_verify_recover(t.s, softkey_mech(CKM_RSA_PKCS), t.pub,
	    view_of(t.sig.p, 127), &out), CKR_SIGNATURE_LEN_RANGE);
	ck_assert_uint_eq(soft_verify_recover(t.s, softkey_mech(CKM_SHA256_RSA_PKCS), t.pub,
	    buf_peek(&t.sig), &out), CKR_MECHANISM_INVALID);
	ck_assert_uint_eq(soft_verify_recover(t.s, softkey_mech(CKM_ECDSA), t.pub,
	    buf_peek(&t.sig), &out), CKR_MECHANISM_INVALID);
	buf_free(&out);
	pair_close(&t);
}
END_TEST

/* hashes shorter and longer than the field; 66 bytes are 7 bits more than P-521 has */
static const size_t digests[] = { 1, 20, 28, 32, 33, 47, 48, 49, 64, 65, 66, 67, 100 };

START_TEST(ecdsa_digests_short_and_long)
{
	struct pair t;

	pair_open(&t, softkey_ec((enum curve)_i));
	for (size_t i = 0; i < sizeof digests / sizeof digests[0]; i++) {
		buf_reset(&t.digest);
		buf_reset(&t.sig);
		buf_fill(&t.digest, 0xC7, digests[i]);
		ck_assert_uint_eq(prepare(&t, CKM_ECDSA, &none, ECDSA, ALG_ECDSA), CKR_OK);
		ck_assert_uint_le(t.block.len, t.pub->k);
		/* the card signs the cut hash; OpenSSL is given the whole one */
		softkey_ecdsa(t.key, buf_peek(&t.block), t.pub->k, &t.sig);
		ck_assert(softkey_ecdsa_good(t.key, buf_peek(&t.digest), buf_peek(&t.sig)));
		check_verify(&t, CKM_ECDSA, &none);
	}
	buf_reset(&t.digest);
	ck_assert_uint_eq(prepare(&t, CKM_ECDSA, &none, ECDSA, 0), CKR_DATA_LEN_RANGE);
	buf_fill(&t.digest, 1, 31);
	ck_assert_uint_eq(prepare(&t, CKM_ECDSA_SHA256, &none, ECDSA, 0), CKR_DATA_LEN_RANGE);
	buf_u8(&t.digest, 1);
	ck_assert_uint_eq(prepare(&t, CKM_ECDSA_SHA256, &none, ECDSA, ALG_ECDSA), CKR_OK);
	ck_assert_uint_eq(prepare(&t, CKM_ECDSA_SHA256, &none, RAW, 0), CKR_MECHANISM_INVALID);
	ck_assert_uint_eq(prepare(&t, CKM_RSA_PKCS, &none, RAW, 0), CKR_KEY_TYPE_INCONSISTENT);
	pair_close(&t);
}
END_TEST

START_TEST(ecdsa_numbers_with_leading_zeros)
{
	unsigned seen = 0;
	struct pair t;

	pair_open(&t, softkey_ec(CURVE_P256));
	for (unsigned i = 0; i < 3000 && seen < 4; i++) {
		buf_reset(&t.digest);
		buf_reset(&t.sig);
		softkey_noise(i, 32, &t.digest);
		softkey_ecdsa(t.key, buf_peek(&t.digest), 32, &t.sig);
		if (i >= 100 && t.sig.p[0] && t.sig.p[32])
			continue;
		seen += !t.sig.p[0] || !t.sig.p[32];
		check_verify(&t, CKM_ECDSA_SHA256, &none);
	}
	ck_assert_uint_ge(seen, 2);
	pair_close(&t);
}
END_TEST

START_TEST(ecdsa_numbers_out_of_range)
{
	static const uint8_t order[] = { /* of P-256, FIPS 186-4 D.1.2.3 */
		0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
		0xFF, 0xBC, 0xE6, 0xFA, 0xAD, 0xA7, 0x17, 0x9E, 0x84, 0xF3, 0xB9, 0xCA, 0xC2, 0xFC, 0x63,
		0x25, 0x51
	};
	static const uint8_t zeros[32];
	struct pair t;
	struct buf bad = BUF_INIT;

	pair_open(&t, softkey_ec(CURVE_P256));
	buf_fill(&t.digest, 0, 32);
	softkey_ecdsa(t.key, buf_peek(&t.digest), 32, &t.sig);
	for (int i = 0; i < 6; i++) {
		buf_reset(&bad);
		buf_put(&bad, i & 1 ? t.sig.p : i < 4 ? zeros : order, 32);
		buf_put(&bad, i & 1 ? (i < 4 ? zeros : order) : t.sig.p + 32, 32);
		if (i == 2 || i == 3)
			memset(bad.p, i == 2 ? 0 : 0xFF, 64);
		ck_assert_uint_eq(soft_verify(t.s, softkey_mech(CKM_ECDSA), &none, t.pub,
		    buf_peek(&t.digest), buf_peek(&bad)), CKR_SIGNATURE_INVALID);
	}
	buf_free(&bad);
	pair_close(&t);
}
END_TEST

START_TEST(encryption_is_read_by_openssl_and_back)
{
	CK_RSA_PKCS_OAEP_PARAMS ck = { CKM_SHA256, CKG_MGF1_SHA1, CKZ_DATA_SPECIFIED, NULL, 0 };
	CK_MECHANISM mech = { CKM_RSA_PKCS_OAEP, &ck, sizeof ck };
	const CK_MECHANISM_TYPE types[] = { CKM_RSA_PKCS, CKM_RSA_PKCS_OAEP };
	const int pads[] = { RSA_PKCS1_PADDING, RSA_PKCS1_OAEP_PADDING };
	struct mech_params p = { 0 };
	struct buf out = BUF_INIT, raised = BUF_INIT_SECRET, clear = BUF_INIT_SECRET;
	uint8_t got[256];
	EVP_PKEY_CTX *ctx;
	struct pair t;
	size_t n;

	pair_open(&t, softkey_rsa(1031));
	ck_assert_uint_eq(mech_params_parse(mech_find(CKM_RSA_PKCS_OAEP), &mech, &p), CKR_OK);
	for (int i = 0; i < 4; i++) {
		buf_reset(&out);
		buf_reset(&raised);
		buf_reset(&clear);
		ctx = EVP_PKEY_CTX_new(t.key, NULL);
		n = sizeof got;
		ck_assert_int_eq(i & 1 ? EVP_PKEY_encrypt_init(ctx) : EVP_PKEY_decrypt_init(ctx), 1);
		ck_assert_int_eq(EVP_PKEY_CTX_set_rsa_padding(ctx, pads[i / 2]), 1);
		if (i / 2) {
			ck_assert_int_eq(EVP_PKEY_CTX_set_rsa_oaep_md(ctx, EVP_sha256()), 1);
			ck_assert_int_eq(EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, EVP_sha1()), 1);
		}
		if (i & 1) {
			ck_assert_int_eq(EVP_PKEY_encrypt(ctx, got, &n, (const uint8_t *)"secret", 6), 1);
			softkey_raise(t.key, view_of(got, n), &raised);
			ck_assert_uint_eq(soft_unpad(t.s, softkey_mech(types[i / 2]), &p,
			    buf_peek(&raised), &clear), CKR_OK);
			ck_assert(view_eq(buf_peek(&clear), view_str("secret")));
		} else {
			ck_assert_uint_eq(soft_encrypt(t.s, softkey_mech(types[i / 2]), &p, t.pub,
			    view_str("secret"), &out), CKR_OK);
			ck_assert_uint_eq(out.len, soft_pub_sig_len(t.pub));
			ck_assert_int_eq(EVP_PKEY_decrypt(ctx, got, &n, out.p, out.len), 1);
			ck_assert(view_eq(view_of(got, n), view_str("secret")));
		}
		EVP_PKEY_CTX_free(ctx);
	}
	buf_reset(&out);
	buf_fill(&t.digest, 1, 119);
	ck_assert_uint_eq(soft_encrypt(t.s, softkey_mech(CKM_RSA_PKCS), &p, t.pub,
	    buf_peek(&t.digest), &out), CKR_DATA_LEN_RANGE);
	ck_assert_uint_eq(soft_encrypt(t.s, softkey_mech(CKM_RSA_PKCS_OAEP), &p, t.pub,
	    view_of(t.digest.p, 64), &out), CKR_DATA_LEN_RANGE);
	ck_assert_uint_eq(soft_encrypt(t.s, softkey_mech(CKM_RSA_X_509), &p, t.pub,
	    view_of(t.pub->n, t.pub->k), &out), CKR_DATA_LEN_RANGE);
	ck_assert_uint_eq(soft_encrypt(t.s, softkey_mech(CKM_SHA256_RSA_PKCS), &p, t.pub,
	    view_str("x"), &out), CKR_MECHANISM_INVALID);
	ck_assert_uint_eq(out.len, 0);
	ck_assert_uint_eq(soft_encrypt(t.s, softkey_mech(CKM_RSA_X_509), &p, t.pub,
	    view_str("x"), &out), CKR_OK);
	softkey_raise(t.key, buf_peek(&out), &clear);
	ck_assert_uint_eq(clear.p[clear.len - 1], 'x');
	buf_free(&out);
	buf_free(&raised);
	buf_free(&clear);
	mech_params_free(&p);
	pair_close(&t);
}
END_TEST

/* Check runs a looped test once for each value of _i, which UNIT_MAIN does not do. */
#define LOOP(f, from, to) tcase_add_loop_test(tc, f, from, to)

int
main(void)
{
	Suite *suite = suite_create("soft_sign");
	TCase *tc = tcase_create("soft_sign");

	tcase_set_timeout(tc, 120);
	LOOP(pkcs1_with_every_hash_and_size, 0, (int)SIZES);
	LOOP(pss_with_every_hash_size_and_salt, 0, (int)SIZES);
	LOOP(ecdsa_digests_short_and_long, CURVE_P256, CURVE_COUNT);
	tcase_add_test(tc, a_pss_salt_is_never_the_same);
	tcase_add_test(tc, pkcs1_takes_what_fits);
	tcase_add_test(tc, a_card_that_pads_digests_gets_digests);
	tcase_add_test(tc, raw_rsa_is_a_number_below_the_modulus);
	tcase_add_test(tc, recover_gives_the_message_back);
	tcase_add_test(tc, ecdsa_numbers_with_leading_zeros);
	tcase_add_test(tc, ecdsa_numbers_out_of_range);
	tcase_add_test(tc, encryption_is_read_by_openssl_and_back);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}

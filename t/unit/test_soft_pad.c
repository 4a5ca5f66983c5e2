#include "token/soft_int.h"

#include <openssl/rsa.h>
#include <string.h>

#include "base/err.h"
#include "t/unit/softkey.h"
#include "t/unit/unit.h"

static const enum hash hashes[] = { HASH_SHA1, HASH_SHA224, HASH_SHA256, HASH_SHA384, HASH_SHA512 };

#define HASHES (sizeof hashes / sizeof hashes[0])

/* The same rules written the plain way, to hold the constant-time one against. */
static bool
plain_unpad(struct view b, struct view *msg)
{
	size_t i = 2;

	if (b.len < 11 || b.p[0] != 0 || b.p[1] != 2)
		return false;
	while (i < b.len && b.p[i])
		i++;
	if (i == b.len || i < 10)
		return false;
	*msg = view_part(b, i + 1, b.len);
	return true;
}

static void
same_as_plain(struct soft *s, struct view block)
{
	struct buf out = BUF_INIT_SECRET;
	struct view msg = { NULL, 0 };
	bool good = plain_unpad(block, &msg);

	buf_u8(&out, 0x77);
	ck_assert_uint_eq(soft_unpad(s, softkey_mech(CKM_RSA_PKCS), NULL, block, &out),
	    good ? CKR_OK : CKR_ENCRYPTED_DATA_INVALID);
	ck_assert_int_eq(buf_err(&out), 0);
	ck_assert_uint_eq(out.len, 1 + (good ? msg.len : 0));
	ck_assert(view_eq(view_of(out.p + 1, out.len - 1), good ? msg : view_of(NULL, 0)));
	ck_assert_uint_eq(out.p[0], 0x77);
	buf_free(&out);
}

START_TEST(pkcs1_every_length)
{
	struct soft *s = soft_new();
	struct buf msg = BUF_INIT, block = BUF_INIT, out = BUF_INIT_SECRET;

	softkey_noise(1, 245, &msg);
	for (size_t n = 0; n <= 245; n++) {
		buf_reset(&block);
		buf_reset(&out);
		ck_assert_uint_eq(soft_pkcs1_type2(s, 256, view_of(msg.p, n), &block), CKR_OK);
		ck_assert_uint_eq(block.len, 256);
		ck_assert_uint_eq(soft_unpad(s, softkey_mech(CKM_RSA_PKCS), NULL, buf_peek(&block),
		    &out), CKR_OK);
		ck_assert(view_eq(buf_peek(&out), view_of(msg.p, n)));
	}
	buf_free(&msg);
	buf_free(&block);
	buf_free(&out);
	soft_free(&s);
}
END_TEST

START_TEST(pkcs1_every_byte_with_every_value)
{
	struct soft *s = soft_new();
	struct buf block = BUF_INIT;
	uint8_t was;

	for (size_t n = 0; n <= 53; n += 53) {
		buf_reset(&block);
		buf_be16(&block, 2);
		buf_fill(&block, 0xA5, 64 - 3 - n);
		buf_u8(&block, 0);
		buf_fill(&block, 0x5A, n);
		for (size_t i = 0; i < 64; i++) {
			was = block.p[i];
			for (unsigned v = 0; v < 256; v++) {
				block.p[i] = (uint8_t)v;
				same_as_plain(s, buf_peek(&block));
			}
			block.p[i] = was;
		}
	}
	buf_free(&block);
	soft_free(&s);
}
END_TEST

START_TEST(pkcs1_random_blocks_rich_in_zeros)
{
	struct soft *s = soft_new();
	struct buf block = BUF_INIT;

	for (unsigned i = 0; i < 20000; i++) {
		buf_reset(&block);
		softkey_noise(i, 11 + i % 120, &block);
		for (size_t j = 2; j < block.len; j++)
			if (block.p[j] < (i % 7) * 4)
				block.p[j] = 0;
		block.p[0] = 0;
		block.p[1] = i % 11 ? 2 : block.p[1];
		same_as_plain(s, buf_peek(&block));
	}
	for (size_t n = 0; n < 16; n++) {
		buf_reset(&block);
		buf_be16(&block, 2);
		buf_fill(&block, 1, 14);
		same_as_plain(s, view_of(block.p, n));
	}
	buf_free(&block);
	soft_free(&s);
}
END_TEST

START_TEST(oaep_round_trips_for_every_pair_of_hashes)
{
	struct soft *s = soft_new();
	struct buf msg = BUF_INIT, block = BUF_INIT, out = BUF_INIT_SECRET;
	struct mech_params p = { 0 };
	size_t most;

	softkey_noise(2, 256, &msg);
	buf_str(&p.label, "a label");
	for (size_t i = 0; i < HASHES * HASHES; i++) {
		p.hash = hashes[i / HASHES];
		p.mgf = hashes[i % HASHES];
		most = 256 - 2 * hash_info(p.hash)->size - 2;
		for (size_t n = 0; n <= most; n += n < 4 || n >= most - 8 ? 1 : 7) {
			buf_reset(&block);
			buf_reset(&out);
			ck_assert_uint_eq(soft_oaep_encode(s, &p, 256, view_of(msg.p, n), &block), CKR_OK);
			ck_assert_uint_eq(soft_unpad(s, softkey_mech(CKM_RSA_PKCS_OAEP), &p,
			    buf_peek(&block), &out), CKR_OK);
			ck_assert(view_eq(buf_peek(&out), view_of(msg.p, n)));
		}
		ck_assert_uint_eq(soft_oaep_encode(s, &p, 256, view_of(msg.p, most + 1), &block),
		    CKR_DATA_LEN_RANGE);
		ck_assert_uint_eq(soft_oaep_encode(s, &p, 2 * hash_info(p.hash)->size + 1,
		    view_of(msg.p, 0), &block), CKR_KEY_SIZE_RANGE);
	}
	buf_free(&msg);
	buf_free(&block);
	buf_free(&out);
	mech_params_free(&p);
	soft_free(&s);
}
END_TEST

START_TEST(oaep_any_wrong_byte_is_the_one_failure)
{
	struct soft *s = soft_new();
	struct buf block = BUF_INIT, out = BUF_INIT_SECRET;
	struct mech_params p = { .hash = HASH_SHA256, .mgf = HASH_SHA256 };
	const struct mech *m = softkey_mech(CKM_RSA_PKCS_OAEP);

	ck_assert_uint_eq(soft_oaep_encode(s, &p, 128, view_str("message"), &block), CKR_OK);
	for (size_t i = 0; i < 128; i++) {
		for (unsigned bit = 1; bit < 256; bit <<= 1) {
			block.p[i] ^= (uint8_t)bit;
			/* a change in the masked message spoils the seed, and so everything */
			ck_assert_uint_eq(soft_unpad(s, m, &p, buf_peek(&block), &out),
			    CKR_ENCRYPTED_DATA_INVALID);
			ck_assert_uint_eq(out.len, 0);
			block.p[i] ^= (uint8_t)bit;
		}
	}
	buf_str(&p.label, "other");
	ck_assert_uint_eq(soft_unpad(s, m, &p, buf_peek(&block), &out), CKR_ENCRYPTED_DATA_INVALID);
	p.hash = HASH_SHA1;
	ck_assert_uint_eq(soft_unpad(s, m, &p, buf_peek(&block), &out), CKR_ENCRYPTED_DATA_INVALID);
	for (size_t n = 0; n < 128; n++)
		ck_assert_uint_eq(soft_unpad(s, m, &p, view_of(block.p, n), &out),
		    CKR_ENCRYPTED_DATA_INVALID);
	buf_free(&block);
	buf_free(&out);
	mech_params_free(&p);
	soft_free(&s);
}
END_TEST

/* The data block inside, masked by hand: label hash, zeros, 01, message, each broken. */
START_TEST(oaep_rules_inside_the_mask)
{
	struct soft *s = soft_new();
	struct mech_params p = { .hash = HASH_SHA1, .mgf = HASH_SHA1 };
	struct buf plain = BUF_INIT, block = BUF_INIT, out = BUF_INIT_SECRET;
	const size_t k = 64, h = 20, n = k - h - 1;
	CK_RV want;

	for (size_t at = 0; at < n; at++) {
		for (unsigned v = 0; v < 3; v++) {
			buf_reset(&plain);
			soft_hash(s, HASH_SHA1, view_of(NULL, 0), &plain);
			buf_fill(&plain, 0, 10);
			buf_u8(&plain, 1);
			buf_fill(&plain, 0x33, n - h - 11);
			/* free: the message; in the zeros a 01 only ends them early */
			want = plain.p[at] == v || at > h + 10 || (at >= h && at < h + 10 && v == 1) ?
			    CKR_OK : CKR_ENCRYPTED_DATA_INVALID;
			plain.p[at] = (uint8_t)v;
			buf_reset(&block);
			buf_reset(&out);
			buf_u8(&block, 0);
			softkey_noise(v, h, &block);
			buf_view(&block, buf_peek(&plain));
			soft_mgf1_xor(s, HASH_SHA1, view_of(block.p + 1, h), block.p + 1 + h, n);
			soft_mgf1_xor(s, HASH_SHA1, view_of(block.p + 1 + h, n), block.p + 1, h);
			ck_assert_msg(soft_unpad(s, softkey_mech(CKM_RSA_PKCS_OAEP), &p,
			    buf_peek(&block), &out) == want, "byte %zu value %u", at, v);
			if (want == CKR_OK && at >= h && at < h + 10 && v == 1)
				ck_assert_uint_eq(out.len, n - at - 1);
		}
	}
	buf_free(&plain);
	buf_free(&block);
	buf_free(&out);
	soft_free(&s);
}
END_TEST

static bool
no_random(struct soft *s, uint8_t *p, size_t n)
{
	(void)s;
	(void)p;
	(void)n;
	return false;
}

static bool
zeros_first(struct soft *s, uint8_t *p, size_t n)
{
	static unsigned calls;

	(void)s;
	memset(p, calls++ % 3 == 2 ? 9 : 0, n);
	return true;
}

START_TEST(random_bytes_come_through_one_seam)
{
	struct soft *s = soft_new();
	struct soft_pss pss = { HASH_SHA256, HASH_SHA256, 32 };
	struct mech_params p = { .hash = HASH_SHA256, .mgf = HASH_SHA256 };
	struct buf out = BUF_INIT, digest = BUF_INIT;

	buf_fill(&digest, 7, 32);
	s->random = no_random;
	ck_assert_uint_eq(soft_pkcs1_type2(s, 64, view_str("x"), &out), CKR_FUNCTION_FAILED);
	ck_assert_uint_eq(soft_pss_encode(s, &pss, 1024, buf_peek(&digest), &out),
	    CKR_FUNCTION_FAILED);
	ck_assert_uint_eq(soft_oaep_encode(s, &p, 128, view_str("x"), &out), CKR_FUNCTION_FAILED);
	ck_assert_int_eq(soft_random(s, 1, &out), E_CRYPTO);
	/* a zero among the padding bytes is drawn again */
	s->random = zeros_first;
	buf_reset(&out);
	ck_assert_uint_eq(soft_pkcs1_type2(s, 64, view_str("x"), &out), CKR_OK);
	for (size_t i = 2; i < 62; i++)
		ck_assert_uint_eq(out.p[i], 9);
	buf_free(&out);
	buf_free(&digest);
	soft_free(&s);
}
END_TEST

START_TEST(type_1_blocks_are_read_strictly)
{
	struct buf b = BUF_INIT;
	struct view data;

	for (size_t n = 0; n <= 53; n++) {
		buf_reset(&b);
		soft_pkcs1_type1(64, view_of("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
		    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", n), &b);
		ck_assert_uint_eq(b.len, 64);
		ck_assert(soft_pkcs1_type1_parse(buf_peek(&b), &data) && data.len == n);
		for (size_t i = 0; i < 64 - n; i++) {
			b.p[i] ^= 0x10;
			ck_assert(!soft_pkcs1_type1_parse(buf_peek(&b), &data));
			b.p[i] ^= 0x10;
		}
	}
	memset(b.p + 2, 0xFF, 62);
	ck_assert(!soft_pkcs1_type1_parse(buf_peek(&b), &data));
	b.p[9] = 0; /* seven bytes of padding */
	ck_assert(!soft_pkcs1_type1_parse(buf_peek(&b), &data));
	buf_free(&b);
}
END_TEST

static const struct {
	CK_MECHANISM_TYPE type;
	unsigned algs;
	CK_RV want;
	enum card_alg alg;
} decrypts[] = {
	{ CKM_RSA_PKCS, 1u << ALG_RSA_PKCS1 | 1u << ALG_RSA_RAW, CKR_OK, ALG_RSA_PKCS1 },
	{ CKM_RSA_PKCS, 1u << ALG_RSA_RAW, CKR_OK, ALG_RSA_RAW },
	{ CKM_RSA_PKCS_OAEP, 1u << ALG_RSA_PKCS1 | 1u << ALG_RSA_RAW, CKR_OK, ALG_RSA_RAW },
	{ CKM_RSA_PKCS_OAEP, 1u << ALG_RSA_PKCS1, CKR_MECHANISM_INVALID, 0 },
	{ CKM_RSA_X_509, 1u << ALG_RSA_RAW, CKR_OK, ALG_RSA_RAW },
	{ CKM_RSA_X_509, 1u << ALG_RSA_PKCS1, CKR_MECHANISM_INVALID, 0 },
	{ CKM_RSA_PKCS, 0, CKR_MECHANISM_INVALID, 0 },
	{ CKM_ECDSA, 0xFF, CKR_MECHANISM_INVALID, 0 },
};

START_TEST(the_card_unpads_where_it_can)
{
	enum card_alg alg;

	for (size_t i = 0; i < sizeof decrypts / sizeof decrypts[0]; i++) {
		alg = ALG_COUNT;
		ck_assert_uint_eq(soft_decrypt_alg(softkey_mech(decrypts[i].type), decrypts[i].algs,
		    &alg), decrypts[i].want);
		if (decrypts[i].want == CKR_OK)
			ck_assert_int_eq((int)alg, (int)decrypts[i].alg);
	}
}
END_TEST

UNIT_MAIN("soft_pad", pkcs1_every_length, pkcs1_every_byte_with_every_value,
    pkcs1_random_blocks_rich_in_zeros, oaep_round_trips_for_every_pair_of_hashes,
    oaep_any_wrong_byte_is_the_one_failure, oaep_rules_inside_the_mask,
    random_bytes_come_through_one_seam, type_1_blocks_are_read_strictly,
    the_card_unpads_where_it_can)

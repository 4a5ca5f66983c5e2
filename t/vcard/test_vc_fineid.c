/*
 * The virtual FINEID citizen's card: the recorded exchanges, and what catches a driver out. Source: facts on
 * FINEID, sections 3 to 6; facts on Gemalto eID, sections 3, 7, 8.
 */
#include <limits.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "t/unit/unit.h"
#include "t/vcard/vct.h"
#include "t/vcard/vct_t0.h"

#define SELECT "00 A4 04 0C 0C " AID
#define BLOCK_1234 "31 32 33 34 00 00 00 00 00 00 00 00"
#define BLOCK_123456 "31 32 33 34 35 36 00 00 00 00 00 00"
#define BLOCK_PUK "31 32 33 34 35 36 37 38 00 00 00 00"
#define BLOCK_CODE "37 33 35 31 39 32 34 00 00 00 00 00"
#define BLOCK_NEW "39 38 37 36 35 34 33 32 00 00 00 00"
#define BLOCK_WRONG "30 30 30 30 30 30 30 30 30 30 00 00"
#define VERIFY1 "00 20 00 11 0C " BLOCK_1234
#define VERIFY2 "00 20 00 82 0C " BLOCK_123456
#define INTO_5016 "00 A4 01 0C 02 50 16"
#define HASH_20 "00 01 02 03 04 05 06 07 08 09 0A 0B 0C 0D 0E 0F 10 11 12 13"
#define HASH_32 HASH_20 " 14 15 16 17 18 19 1A 1B 1C 1D 1E 1F"
#define HASH_48 HASH_32 " 20 21 22 23 24 25 26 27 28 29 2A 2B 2C 2D 2E 2F"
#define HASH_64 HASH_48 " 30 31 32 33 34 35 36 37 38 39 3A 3B 3C 3D 3E 3F"

/* HASH_20 to HASH_64 as bytes. */
static const uint8_t counting[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22,
	23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49,
	50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63 };

/* A card from an image of t/cards with other lines at its top. */
static struct vc *variant(const char *image, const char *lines)
{
	char name[256], full[PATH_MAX], text[PATH_MAX + 512], err[512] = "";
	struct vc *vc;

	snprintf(name, sizeof name, "t/cards/%s", image);
	ck_assert(realpath(vct_path(name), full) != NULL);
	snprintf(text, sizeof text, "extends: %s\n%s", full, lines);
	vc = vct_text(text, err, sizeof err);
	ck_assert_msg(vc != NULL, "%s", err);
	return vc;
}

/* The public key of a certificate of t/cards/pki. */
static EVP_PKEY *public_key(const char *name)
{
	X509 *cert = vct_cert(name);
	EVP_PKEY *key = X509_get_pubkey(cert);

	X509_free(cert);
	ck_assert(key != NULL);
	return key;
}

/* Whether r and s of a certificate's key fit the first `len` bytes of counting. */
static bool ecdsa_fits(const char *cert, size_t len, const uint8_t *rs, size_t n)
{
	EVP_PKEY *key = public_key(cert);
	bool ok = vct_verifies_rs(key, rs, n, counting, len);

	EVP_PKEY_free(key);
	return ok;
}

/* The same for RSA with a padding. */
static bool rsa_fits(const char *cert, int padding, const EVP_MD *md, const uint8_t *sig, size_t n)
{
	EVP_PKEY *key = public_key(cert);
	bool ok = vct_verifies(key, padding, md, sig, n, counting, (size_t)EVP_MD_get_size(md));

	EVP_PKEY_free(key);
	return ok;
}

/* Sends a command and fetches what 61xx holds back; the status word, data and its length in out. */
static unsigned fetch(struct vc *vc, const char *hex, uint8_t *out, size_t *len)
{
	size_t n = vct_send(vc, hex, out, 1024);

	n = vct_t0_rest(vc, 0x00, out, n, 1024);
	*len = n - 2;
	return vct_sw(out, n);
}

/* A signature with the key and PIN as they are: MSE, HASH of the alg's length, CDS; its length. */
static size_t sign(struct vc *vc, const char *mse, const char *hash, const char *le, uint8_t *out)
{
	char cds[32];
	size_t n;

	EXPECT(vc, mse, "90 00");
	EXPECT(vc, hash, "90 00");
	snprintf(cds, sizeof cds, "00 2A 9E 9A %s", le);
	ck_assert_uint_eq(fetch(vc, cds, out, &n), 0x9000);
	return n;
}

/* An EF by the recorded way: SELECT by path, its size, READ BINARY of 181 bytes. */
static size_t read_ef(struct vc *vc, const char *select, uint8_t *out, size_t cap)
{
	uint8_t fcp[16], part[300];
	char read[32];
	size_t n = vct_send(vc, select, fcp, sizeof fcp), size, at, want;

	ck_assert_msg(n == 8 && memcmp(fcp, "\x62\x04\x81\x02", 4) == 0 && vct_sw(fcp, n) == 0x9000,
		"%s: %04X", select, vct_sw(fcp, n));
	size = (size_t)(fcp[4] << 8 | fcp[5]);
	ck_assert(size <= cap);
	for (at = 0; at < size; at += want) {
		want = size - at < 181 ? size - at : 181;
		snprintf(read, sizeof read, "00 B0 %02zX %02zX %02zX", at >> 8, at & 0xFF, want);
		n = vct_send(vc, read, part, sizeof part);
		ck_assert_uint_eq(n, want + 2);
		ck_assert_uint_eq(vct_sw(part, n), 0x9000);
		memcpy(out + at, part, want);
	}
	return size;
}

/* --- the recorded exchanges --- */

#define PIN_OBJECT(ref) "A0 23 83 01 " ref " 8C 04 F0 00 00 00 9C 04 F0 00 00 00 DF 21 04 05 FF A5 03 " \
	"DF 27 02 FF FF DF 28 01 0C DF 2F 01 01 90 00"

START_TEST(recorded_v3_authentication)
{
	struct vc *vc = variant("fineid-v3.0.yaml", "t0: no\nselect: 00 01 02 04 08 09\n");
	uint8_t cert[4096], sig[1024];
	size_t n;

	EXPECT(vc, "00A4040C0C A000000063504B43532D3135", "9000");
	n = read_ef(vc, "00A4080402433100", cert, sizeof cert);
	ck_assert(n > 1500 && cert[0] == 0x30 && cert[1] == 0x82);
	EXPECT(vc, "00CB00FF05A00383011100", PIN_OBJECT("11"));
	EXPECT(vc, "002000110C 31323334 0000000000000000", "9000");
	EXPECT(vc, "002241B606800145840101", "9000");
	EXPECT(vc, "002A90A022 9020 " HASH_32, "9000");
	ck_assert_uint_eq(vct_send(vc, "002A9E9A00", sig, sizeof sig), 258);
	ck_assert(rsa_fits("fineid-v30-auth", RSA_PKCS1_PSS_PADDING, EVP_sha256(), sig, 256));
	vc_free(&vc);
}
END_TEST

START_TEST(recorded_v3_signature)
{
	struct vc *vc = variant("fineid-v3.1.yaml", "t0: no\n");
	uint8_t cert[4096], sig[300];

	EXPECT(vc, "00A4040C0C A000000063504B43532D3135", "9000");
	ck_assert(read_ef(vc, "00A40804045016433500", cert, sizeof cert) > 1000);
	EXPECT(vc, "00CB00FF05A00383018200", PIN_OBJECT("82"));
	EXPECT(vc, "002000820C 313233343536 000000000000", "9000");
	EXPECT(vc, "002241B606800144840103", "9000");
	EXPECT(vc, "002A90A022 9020 " HASH_32, "9000");
	ck_assert_uint_eq(vct_send(vc, "002A9E9A00", sig, sizeof sig), 66);
	ck_assert_uint_eq(vct_sw(sig, 66), 0x9000);
	ck_assert(ecdsa_fits("fineid-v31-sign2", 32, sig, 64));
	vc_free(&vc);
}
END_TEST

START_TEST(recorded_v4)
{
	static const struct { const char *select, *object, *want, *verify, *mse, *cert; } runs[] = {
		{ "00A4080402433100", "00CB00FF05A00383011100", PIN_OBJECT("11"), VERIFY1,
			"002241B606800154840101", "fineid-v4-auth" },
		{ "00A40804045016433200", "00CB00FF05A00383018200", PIN_OBJECT("82"), VERIFY2,
			"002241B606800154840102", "fineid-v4-sign" },
	};
	struct vc *vc = vct_card("fineid-v4-reader.yaml");
	uint8_t cert[4096], sig[300];
	size_t i;

	for (i = 0; i < sizeof runs / sizeof runs[0]; i++) {
		EXPECT(vc, "00A4040C0C A000000063504B43532D3135", "9000");
		ck_assert(read_ef(vc, runs[i].select, cert, sizeof cert) > 1000);
		EXPECT(vc, runs[i].object, runs[i].want);
		EXPECT(vc, runs[i].verify, "9000");
		EXPECT(vc, runs[i].mse, "9000");
		EXPECT(vc, "002A90A032 9030 " HASH_48, "9000");
		ck_assert_uint_eq(vct_send(vc, "002A9E9A00", sig, sizeof sig), 98);
		ck_assert_uint_eq(vct_sw(sig, 98), 0x9000);
		ck_assert(ecdsa_fits(runs[i].cert, 48, sig, 96));
	}
	vc_free(&vc);
}
END_TEST

/* Over T=0 the same needs GET RESPONSE and the exact Le. */
START_TEST(t0_asks_for_more)
{
	struct vc *vc = vct_card("fineid-v3.1.yaml");
	uint8_t out[1024];
	size_t n;

	EXPECT(vc, SELECT, "90 00");
	EXPECT(vc, "00 CB 00 FF 05 A0 03 83 01 11", "61 25");
	EXPECT(vc, "00 C0 00 00 25", PIN_OBJECT("11"));
	EXPECT(vc, "00 C0 00 00 25", "69 85");
	EXPECT(vc, "00 CB 00 FF 05 A0 03 83 01 11 00", "61 25");
	EXPECT(vc, "00 C0 00 00 00", "6C 25");
	EXPECT(vc, "00 C0 00 00 20", "A0 23 83 01 11 8C 04 F0 00 00 00 9C 04 F0 00 00 00 DF 21 04 05 FF A5 03 "
		"DF 27 02 FF FF DF 28 01 61 05");
	EXPECT(vc, "00 A4 08 04 02 2F 01", "61 06");
	EXPECT(vc, "00 C0 00 00 06", "62 04 81 02 00 0A 90 00");
	EXPECT(vc, "00 B0 00 00 00", "6C 0A");
	EXPECT(vc, "00 B0 00 00 0A", "43 01 B8 46 05 B0 85 04 02 1B 90 00");
	EXPECT(vc, "00 B0 00 0A 00", "6B 00");
	EXPECT(vc, VERIFY1, "90 00");
	EXPECT(vc, "00 22 41 B6 06 80 01 42 84 01 01", "90 00");
	EXPECT(vc, "00 2A 90 A0 22 90 20 " HASH_32, "90 00");
	n = vct_send(vc, "00 2A 9E 9A 00", out, sizeof out);
	ck_assert_uint_eq(n, 258);
	ck_assert_uint_eq(vct_sw(out, n), 0x6180);
	ck_assert_uint_eq(vct_send(vc, "00 C0 00 00 80", out + 256, 300), 130);
	ck_assert(rsa_fits("fineid-v31-auth", RSA_PKCS1_PADDING, EVP_sha256(), out, 384));
	vc_free(&vc);
}
END_TEST

/* --- files --- */

/* The directory records of section 6, byte for byte. */
START_TEST(directories_are_the_known_ones)
{
	static const struct { const char *image, *select, *want; size_t at; } cases[] = {
		{ "fineid-v3.0.yaml", "00A408040450154401",     /* PIN1 and PIN2, 6.4 */
			"303C30150C0F706572757374756E6E75736C756B75030206C030030401 01A11E301C0302020C0A01"
			"0102010402010C02010C800111040100300404023F00"
			"3047301D0C17616C6C656B69726A6F69747573 74756E6E75736C756B75030206C03003040102A121"
			"301F0302024C0A010102010602010C02010C8002008204010030060404 3F005016 00", 0 },
		{ "fineid-v3.0.yaml", "00A408040450154402",     /* the key of PIN1, 6.5 */
			"304830230C1A746F64656E74616D69732D206A612073616C6175736176 61696E030206C004010130"
			"110401450302026401 01FF030203B8020101A10E300C300604043F004B0102020800", 0 },
		{ "fineid-v4.yaml", "00A4080406 3F0050155035",  /* an EC key with consent, 6.5 */
			"A046301E0C12616C6C656B69726A6F697475736176 61696E03020780040102020101301204014603"
			"030600400101FF030203B8020102A110300E300804063F0050164B0202020180", 1 },
		{ "fineid-v3.0.yaml", "00A408040450154403",     /* 6.7 */
			"303830230C1D746F64656E74616D69732D206A612073616C6175737661726D656E6E65 03020640"
			"3003040145A10C300A300804063F0050154331", 0 },
		{ "fineid-v3.0.yaml", "00A4080402 2F00",        /* 3.1 */
			"612D4F0CA000000063504B43532D3135500B46494E45494420 53342D3151043F005015730A0608"
			"2A81768405040101 00", 0 },
		{ "fineid-v3.0.yaml", "00A408040450155031",     /* 6.1: relative paths */
			"A80630040402 4401A00630040402 4402A40630040402 4403A40630040402 4404", 0 },
		{ "fineid-v4.yaml", "00A408040450155031",       /* absolute ones */
			"A80A300804063F0050155034A00A300804063F0050155035", 0 },
	};
	uint8_t data[4096], want[512];
	size_t i, n, skip, k;
	int len;

	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct vc *vc = variant(cases[i].image, "t0: no\n");

		n = read_ef(vc, cases[i].select, data, sizeof data);
		len = vc_hex(cases[i].want, want, sizeof want);
		ck_assert_int_gt(len, 0);
		for (skip = 0, k = cases[i].at; k != 0; k--)
			skip += 2U + data[skip + 1];
		ck_assert(skip + (size_t)len <= n);
		ck_assert_msg(memcmp(data + skip, want, (size_t)len) == 0, "case %zu", i);
		vc_free(&vc);
	}
}
END_TEST

/* Newer cards write references of one byte, 82 being -126, and name the PUK. */
START_TEST(references_may_be_negative)
{
	static const uint8_t ref[] = { 0x80, 0x01, 0x82, 0x04, 0x01, 0x00, 0x30, 0x06, 0x04, 0x04, 0x3F, 0x00,
		0x50, 0x16 };
	struct vc *vc = vct_card("fineid-v4-reader.yaml");
	uint8_t data[512];
	size_t end;

	ck_assert(read_ef(vc, "00 A4 08 04 06 3F 00 50 15 50 34 00", data, sizeof data) == 256);
	end = 2U + data[1];
	end += 2U + data[end + 1];
	ck_assert(memcmp(data + end - sizeof ref, ref, sizeof ref) == 0);
	ck_assert(data[end] == 0x30 && memcmp(data + end + 6, "PUK-tunnusluku", 14) == 0);
	vc_free(&vc);
}
END_TEST

START_TEST(select_by_every_way)
{
	struct vc *vc = variant("fineid-v4.yaml", "t0: no\n");

	EXPECT(vc, "00 A4 04 0C 07 A0 00 00 02 47 10 01", "69 82");    /* before PACE */
	EXPECT(vc, "00 A4 04 0C 06 A0 00 00 03 08 00", "6A 82");
	EXPECT(vc, SELECT, "90 00");
	EXPECT(vc, "00 A4 02 0C 02 43 31", "90 00");
	EXPECT(vc, "00 A4 00 0C 02 43 31", "90 00");
	EXPECT(vc, "00 A4 02 0C 02 43 32", "6A 82");
	EXPECT(vc, "00 A4 02 0C 02 50 16", "6A 82");
	EXPECT(vc, INTO_5016, "90 00");
	EXPECT(vc, "00 A4 02 0C 02 43 32", "90 00");
	EXPECT(vc, "00 A4 08 0C 06 3F 00 50 16 43 32", "90 00");
	EXPECT(vc, "00 A4 08 0C 02 43 33", "6A 82");    /* one algorithm: no second certificate */
	EXPECT(vc, "00 A4 08 0C 04 50 16 43 35", "6A 82");
	EXPECT(vc, "00 A4 08 0C 02 43 36", "90 00");
	EXPECT(vc, "00 A4 08 0C 04 50 16 4B 02", "6A 82");
	EXPECT(vc, "00 A4 00 0C 02 3F 00", "90 00");
	EXPECT(vc, "00 A4 04 0C 02 3F 00", "90 00");
	EXPECT(vc, "00 A4 03 0C 02 3F 00", "6A 86");
	EXPECT(vc, "00 B0 9C 00 00", "31 14 30 12 06 0A 04 00 7F 00 07 02 02 04 02 04 02 01 02 02 01 10 90 00");
	EXPECT(vc, "00 B0 9D 00 FF", "43 01 B8 46 05 B0 85 05 10 24 62 82");
	EXPECT(vc, "00 B0 81 00 00", "6A 82");
	vc_free(&vc);
	vc = vct_card("fineid-v3.0.yaml");
	EXPECT(vc, SELECT, "90 00");
	EXPECT(vc, "00 A4 02 0C 02 43 31", "6A 86");    /* cards disagree; this one wants 00 */
	EXPECT(vc, "00 A4 00 0C 02 43 31", "90 00");
	EXPECT(vc, "00 B0 00 00 00", "6C B5");
	vc_free(&vc);
}
END_TEST

/* What cards of other makers and families are asked, and how this one says no. */
START_TEST(others_are_refused)
{
	struct vc *vc = vct_card("fineid-v4.yaml");

	EXPECT(vc, SELECT, "90 00");
	EXPECT(vc, "00 20 00 03", "6A 88");                     /* organisation cards */
	EXPECT(vc, "00 20 00 04", "6A 88");
	EXPECT(vc, "00 20 00 12", "6A 88");
	EXPECT(vc, "00 20 00 83", "6A 88");                     /* the PUK is told by GET DATA only */
	EXPECT(vc, "00 20 00 03 04 31 32 33 34", "6A 88");
	EXPECT(vc, "00 20 00 01 08 31 32 33 34 00 00 00 00", "6A 88");  /* SetCOS */
	EXPECT(vc, "80 20 00 11", "6E 00");
	EXPECT(vc, "00 CA DF 30 05", "6A 88");
	EXPECT(vc, "00 CA 01 A0 00", "6A 88");                  /* MyEID */
	EXPECT(vc, "80 CA 9F 7F 2D", "6A 88");                  /* MultiApp 3 only */
	EXPECT(vc, "00 CB 3F FF 0A 4D 08 70 06 BF 81 01 02 A0 80 00", "6A 86"); /* IAS-ECC */
	EXPECT(vc, "00 2E 00 00", "6D 00");
	EXPECT(vc, VERIFY1, "90 00");
	EXPECT(vc, "00 22 81 B6 06 80 01 54 84 01 01", "6A 86");
	EXPECT(vc, "00 22 41 B6 0A 80 01 54 81 02 4B 01 84 01 00", "6A 80");
	EXPECT(vc, "00 22 41 B6 06 80 01 54 84 01 82", "6A 88"); /* an organisation card's key */
	EXPECT(vc, "00 22 41 B6 06 80 01 42 84 01 01", "6A 80"); /* no RSA key */
	EXPECT(vc, "00 22 41 B6 06 80 01 04 84 01 01", "6A 80"); /* no hash named */
	EXPECT(vc, "00 22 41 B6 06 80 01 54 84 01 01", "90 00");
	EXPECT(vc, "00 2A 9E 9A 30 " HASH_48 " 60", "67 00");    /* a hash inline */
	EXPECT(vc, "10 A4 04 0C 0C " AID, "68 84");
	vc_free(&vc);
}
END_TEST

/* --- PINs --- */

/* A PIN wrong by form costs nothing; a wrong one does. */
START_TEST(pins_have_a_form)
{
	struct vc *vc = vct_card("fineid-v3.1.yaml");

	EXPECT(vc, SELECT, "90 00");
	EXPECT(vc, "00 20 00 11", "63 C5");
	EXPECT(vc, "00 20 00 11 04 31 32 33 34", "67 00");
	EXPECT(vc, "00 20 00 11 08 31 32 33 34 00 00 00 00", "67 00");
	EXPECT(vc, "00 20 00 11 0C 31 32 33 34 FF FF FF FF FF FF FF FF", "6A 80");
	EXPECT(vc, "00 20 00 11 0C 31 32 33 00 00 00 00 00 00 00 00 00", "6A 80");
	EXPECT(vc, "00 20 00 11 0C 31 32 33 34 00 35 00 00 00 00 00 00", "6A 80");
	EXPECT(vc, "00 20 00 11 0C 41 32 33 34 00 00 00 00 00 00 00 00", "6A 80");
	EXPECT(vc, "00 20 00 11", "63 C5");
	EXPECT(vc, "00 20 00 11 0C " BLOCK_WRONG, "63 C4");
	EXPECT(vc, "00 20 00 11", "63 C4");
	EXPECT(vc, VERIFY1, "90 00");
	EXPECT(vc, "00 20 00 11", "90 00");
	ck_assert_int_eq(vc_pin_is_open(vc, 1), 1);
	EXPECT(vc, "00 20 00 11 0C " BLOCK_WRONG, "63 C4");
	ck_assert_int_eq(vc_pin_is_open(vc, 1), 0);
	EXPECT(vc, "00 20 00 11 0C " BLOCK_WRONG, "63 C3");
	EXPECT(vc, "00 20 00 11 0C " BLOCK_WRONG, "63 C2");
	EXPECT(vc, "00 20 00 11 0C " BLOCK_WRONG, "63 C1");
	EXPECT(vc, "00 20 00 11 0C " BLOCK_WRONG, "63 C0");
	EXPECT(vc, VERIFY1, "69 83");
	EXPECT(vc, "00 20 00 11", "69 83");
	vc_free(&vc);
	vc = vct_card("fineid-v3.0.yaml");
	EXPECT(vc, SELECT, "90 00");
	vc_set_tries(vc, 1, 0);
	EXPECT(vc, "00 20 00 11", "69 84");             /* MultiApp 3 says it so */
	vc_free(&vc);
}
END_TEST

/* PIN2 is found from within DF 5016, and each signature uses it up. */
START_TEST(pin2_is_local)
{
	struct vc *vc = vct_card("fineid-v4.yaml");
	uint8_t sig[1024];

	EXPECT(vc, SELECT, "90 00");
	EXPECT(vc, "00 20 00 82", "6A 88");
	EXPECT(vc, VERIFY2, "6A 88");
	EXPECT(vc, "00 24 00 82 18 " BLOCK_123456 BLOCK_NEW, "6A 88");
	ck_assert_int_eq(vc_tries(vc, 2), 5);
	EXPECT(vc, INTO_5016, "90 00");
	EXPECT(vc, "00 20 00 82", "63 C5");
	EXPECT(vc, "00 22 41 B6 06 80 01 54 84 01 02", "90 00");
	EXPECT(vc, "00 2A 90 A0 32 90 30 " HASH_48, "90 00");
	EXPECT(vc, "00 2A 9E 9A 60", "69 82");
	EXPECT(vc, VERIFY1, "90 00");                   /* opens the other key only */
	EXPECT(vc, "00 2A 9E 9A 60", "69 82");
	EXPECT(vc, VERIFY2, "90 00");
	ck_assert_uint_eq(vct_send(vc, "00 2A 9E 9A 60", sig, sizeof sig), 98);
	ck_assert(ecdsa_fits("fineid-v4-sign", 48, sig, 96));
	EXPECT(vc, "00 20 00 82", "63 C5");
	EXPECT(vc, "00 2A 90 A0 32 90 30 " HASH_48, "90 00");
	EXPECT(vc, "00 2A 9E 9A 60", "69 82");
	EXPECT(vc, "00 20 00 11", "90 00");
	vc_free(&vc);
}
END_TEST

/* MultiApp 5 has no PINs before the application is selected; MultiApp 4 is lax. */
START_TEST(application_first)
{
	struct vc *vc = vct_card("fineid-v4.yaml");

	EXPECT(vc, "00 20 00 11", "69 85");
	EXPECT(vc, VERIFY1, "69 85");
	EXPECT(vc, SELECT, "90 00");
	EXPECT(vc, VERIFY1, "90 00");
	EXPECT(vc, "00 A4 00 0C 02 3F 00", "90 00");
	EXPECT(vc, "00 20 00 11", "69 85");
	EXPECT(vc, SELECT, "90 00");
	EXPECT(vc, "00 20 00 11", "63 C5");             /* selected again: it forgot */
	vc_free(&vc);
	vc = vct_card("fineid-v3.1.yaml");
	EXPECT(vc, VERIFY1, "90 00");
	EXPECT(vc, SELECT, "90 00");
	EXPECT(vc, "00 20 00 11", "90 00");
	EXPECT(vc, "00 20 FF 11", "6A 86");
	vc_reset(vc);
	EXPECT(vc, "00 20 00 11", "63 C5");
	vc_free(&vc);
	vc = vct_card("fineid-v3.0.yaml");
	EXPECT(vc, SELECT, "90 00");
	EXPECT(vc, VERIFY1, "90 00");
	EXPECT(vc, "00 20 FF 11", "90 00");
	EXPECT(vc, "00 20 00 11", "63 C5");
	vc_free(&vc);
}
END_TEST

START_TEST(pins_change)
{
	struct vc *vc = vct_card("fineid-v3.1.yaml");

	EXPECT(vc, SELECT, "90 00");
	EXPECT(vc, "00 24 00 11 08 31 32 33 34 35 36 37 38", "67 00");
	EXPECT(vc, "00 24 00 11 18 " BLOCK_1234 "31 32 33 00 00 00 00 00 00 00 00 00", "6A 80");
	EXPECT(vc, "00 24 00 11 18 " BLOCK_1234 "31 32 33 34 35 FF FF FF FF FF FF FF", "6A 80");
	ck_assert_int_eq(vc_tries(vc, 1), 5);
	EXPECT(vc, "00 24 00 11 18 " BLOCK_WRONG BLOCK_NEW, "63 C4");
	EXPECT(vc, "00 24 00 11 18 " BLOCK_1234 BLOCK_NEW, "90 00");
	EXPECT(vc, "00 20 00 11", "63 C5");
	EXPECT(vc, "00 20 00 11 0C " BLOCK_NEW, "90 00");
	vc_free(&vc);
	vc = variant("fineid-v3.1.yaml", "change-opens: yes\n");
	EXPECT(vc, SELECT, "90 00");
	EXPECT(vc, "00 24 00 11 18 " BLOCK_1234 BLOCK_NEW, "90 00");
	EXPECT(vc, "00 20 00 11", "90 00");
	vc_free(&vc);
}
END_TEST

/* One PUK for both PINs, with tries of its own. */
START_TEST(puk_is_shared)
{
	struct vc *vc = vct_card("fineid-v3.1.yaml");

	EXPECT(vc, SELECT, "90 00");
	vc_set_tries(vc, 1, 0);
	vc_set_tries(vc, 2, 0);
	EXPECT(vc, "00 2C 00 11 10 31 32 33 34 35 36 37 38 39 38 37 36 35 34 33 32", "67 00");
	EXPECT(vc, "00 2C 00 11 18 31 32 33 34 35 36 37 38 FF FF FF FF " BLOCK_NEW, "6A 80");
	ck_assert_int_eq(vc_puk_tries(vc, 1), 5);
	EXPECT(vc, "00 2C 00 11 18 " BLOCK_WRONG BLOCK_NEW, "63 C4");
	ck_assert_int_eq(vc_puk_tries(vc, 2), 4);
	EXPECT(vc, "00 CB 00 FF 05 A0 03 83 01 83", "61 25");
	EXPECT(vc, "00 C0 00 00 15", "A0 23 83 01 83 8C 04 F0 00 00 00 9C 04 F0 00 00 00 DF 21 04 04 61 10");
	EXPECT(vc, "00 2C 00 11 18 " BLOCK_PUK BLOCK_NEW, "90 00");
	ck_assert_int_eq(vc_puk_tries(vc, 1), 5);
	EXPECT(vc, "00 20 00 11", "63 C5");
	EXPECT(vc, "00 20 00 11 0C " BLOCK_NEW, "90 00");
	EXPECT(vc, INTO_5016, "90 00");
	EXPECT(vc, "00 2C 00 82 18 " BLOCK_PUK BLOCK_NEW, "90 00");
	EXPECT(vc, "00 20 00 82 0C " BLOCK_NEW, "90 00");
	vc_set_tries(vc, 3, 1);
	EXPECT(vc, "00 2C 00 11 18 " BLOCK_WRONG BLOCK_NEW, "63 C0");
	EXPECT(vc, "00 2C 00 11 18 " BLOCK_PUK BLOCK_NEW, "69 83");
	EXPECT(vc, "00 2C 00 83 18 " BLOCK_PUK BLOCK_NEW, "6A 88");
	vc_free(&vc);
}
END_TEST

/* The state of DF2F, the byte at 36 of a PIN object. */
static unsigned changed(struct vc *vc, const char *ref)
{
	char ask[64];
	uint8_t out[1024];
	size_t n;

	snprintf(ask, sizeof ask, "00 CB 00 FF 05 A0 03 83 01 %s", ref);
	ck_assert_uint_eq(fetch(vc, ask, out, &n), 0x9000);
	ck_assert_uint_eq(n, 37);
	return out[36];
}

START_TEST(activation_by_puk)
{
	struct vc *vc = vct_card("fineid-v3-new.yaml");

	EXPECT(vc, SELECT, "90 00");
	EXPECT(vc, "00 20 00 11", "69 83");
	EXPECT(vc, VERIFY1, "69 83");
	ck_assert_uint_eq(changed(vc, "11"), 0);
	EXPECT(vc, "00 2C 00 11 18 " BLOCK_PUK BLOCK_1234, "90 00");
	EXPECT(vc, VERIFY1, "90 00");
	ck_assert_uint_eq(changed(vc, "11"), 1);
	ck_assert_uint_eq(changed(vc, "82"), 0);
	EXPECT(vc, INTO_5016, "90 00");
	EXPECT(vc, "00 2C 00 82 18 " BLOCK_PUK BLOCK_123456, "90 00");
	EXPECT(vc, VERIFY2, "90 00");
	ck_assert_uint_eq(changed(vc, "82"), 1);
	vc_free(&vc);
}
END_TEST

START_TEST(activation_by_code)
{
	struct vc *vc = vct_card("fineid-v4-new.yaml");

	EXPECT(vc, SELECT, "90 00");
	EXPECT(vc, "00 20 00 11", "63 C5");
	ck_assert_uint_eq(changed(vc, "11"), 0);
	EXPECT(vc, "00 20 00 11 0C " BLOCK_CODE, "69 85");      /* it opens nothing */
	EXPECT(vc, "00 20 00 11", "63 C5");
	EXPECT(vc, "00 24 00 11 18 " BLOCK_WRONG BLOCK_1234, "63 C4");
	EXPECT(vc, "00 24 00 11 18 " BLOCK_CODE BLOCK_1234, "90 00");
	EXPECT(vc, VERIFY1, "90 00");
	ck_assert_uint_eq(changed(vc, "11"), 1);
	EXPECT(vc, "00 24 00 11 18 " BLOCK_CODE BLOCK_1234, "63 C4");
	ck_assert_uint_eq(changed(vc, "82"), 0);
	EXPECT(vc, INTO_5016, "90 00");
	EXPECT(vc, "00 24 00 82 18 " BLOCK_CODE BLOCK_123456, "90 00");
	EXPECT(vc, VERIFY2, "90 00");
	ck_assert_uint_eq(changed(vc, "82"), 1);
	vc_free(&vc);
}
END_TEST

/* --- keys --- */

/* Every hash with every scheme that the table of algorithms names for the key. */
START_TEST(every_algorithm_signs)
{
	static const struct { unsigned nibble; const char *data, *md; } hashes[] = {
		{ 1, "00 2A 90 A0 16 90 14 " HASH_20, "SHA1" },
		{ 4, "00 2A 90 A0 22 90 20 " HASH_32, "SHA256" },
		{ 5, "00 2A 90 A0 32 90 30 " HASH_48, "SHA384" },
		{ 6, "00 2A 90 A0 42 90 40 " HASH_64, "SHA512" },
		{ 3, "00 2A 90 A0 1E 90 1C 000102030405060708090A0B0C0D0E0F101112131415161718191A1B", "SHA224" },
	};
	struct vc *vc = vct_card("fineid-v4-dual.yaml");
	char mse[64];
	uint8_t sig[1024];
	size_t i, n;

	EXPECT(vc, SELECT, "90 00");
	for (i = 0; i < sizeof hashes / sizeof hashes[0]; i++) {
		const EVP_MD *md = EVP_get_digestbyname(hashes[i].md);
		size_t len = (size_t)EVP_MD_get_size(md);

		EXPECT(vc, VERIFY1, "90 00");
		snprintf(mse, sizeof mse, "00 22 41 B6 06 80 01 %u2 84 01 04", hashes[i].nibble);
		n = sign(vc, mse, hashes[i].data, "00", sig);
		ck_assert(n == 384 && rsa_fits("fineid-v4-auth2", RSA_PKCS1_PADDING, md, sig, n));
		snprintf(mse, sizeof mse, "00 22 41 B6 06 84 01 04 80 01 %u5", hashes[i].nibble);
		n = sign(vc, mse, hashes[i].data, "00", sig);
		ck_assert(n == 384 && rsa_fits("fineid-v4-auth2", RSA_PKCS1_PSS_PADDING, md, sig, n));
		snprintf(mse, sizeof mse, "00 22 41 B6 06 80 01 %u4 84 01 01", hashes[i].nibble);
		n = sign(vc, mse, hashes[i].data, "60", sig);
		ck_assert(n == 96 && ecdsa_fits("fineid-v4-auth", len, sig, n));
	}
	EXPECT(vc, INTO_5016, "90 00");                 /* the second certificate of PIN2 */
	EXPECT(vc, VERIFY2, "90 00");
	n = sign(vc, "00 22 41 B6 06 80 01 42 84 01 03", hashes[1].data, "00", sig);
	ck_assert(n == 384 && rsa_fits("fineid-v4-sign2", RSA_PKCS1_PADDING, EVP_sha256(), sig, n));
	vc_free(&vc);
}
END_TEST

START_TEST(hashes_have_their_length)
{
	struct vc *vc = vct_card("fineid-v4.yaml");
	uint8_t sig[1024];

	EXPECT(vc, SELECT, "90 00");
	EXPECT(vc, "00 2A 90 A0 32 90 30 " HASH_48, "69 85");   /* before MSE */
	EXPECT(vc, VERIFY1, "90 00");
	EXPECT(vc, "00 22 41 B6 06 80 01 54 84 01 01", "90 00");
	EXPECT(vc, "00 2A 9E 9A 60", "69 85");
	EXPECT(vc, "00 2A 90 A0 22 90 20 " HASH_32, "6A 80");   /* 54 wants exactly 48 */
	EXPECT(vc, "00 2A 90 A0 42 90 40 " HASH_64, "6A 80");
	EXPECT(vc, "00 2A 90 A0 30 " HASH_48, "6A 80");
	EXPECT(vc, "00 2A 9E 9A 60", "69 85");
	EXPECT(vc, "00 2A 90 A0 32 90 30 " HASH_48, "90 00");
	ck_assert_uint_eq(vct_send(vc, "00 2A 9E 9A 60", sig, sizeof sig), 98);
	EXPECT(vc, "00 2A 9E 9A 60", "69 85");                  /* it is consumed */
	EXPECT(vc, "00 2A 90 A0 32 90 30 " HASH_48, "90 00");   /* the environment stays */
	EXPECT(vc, "00 22 41 B6 06 80 01 54 84 01 01", "90 00");
	EXPECT(vc, "00 2A 9E 9A 60", "69 85");
	vc_free(&vc);
}
END_TEST

/* The trap: 6Cxx, the same again with the right Le, 9000, and the signature is of nothing. */
START_TEST(a_wrong_le_loses_the_hash)
{
	struct vc *vc = vct_card("fineid-v4.yaml");
	uint8_t sig[1024];
	size_t n;

	EXPECT(vc, SELECT, "90 00");
	EXPECT(vc, VERIFY1, "90 00");
	EXPECT(vc, "00 22 41 B6 06 80 01 54 84 01 01", "90 00");
	EXPECT(vc, "00 2A 90 A0 32 90 30 " HASH_48, "90 00");
	EXPECT(vc, "00 2A 9E 9A 00", "6C 60");
	n = vct_send(vc, "00 2A 9E 9A 60", sig, sizeof sig);
	ck_assert_uint_eq(n, 98);
	ck_assert_uint_eq(vct_sw(sig, n), 0x9000);
	ck_assert(!ecdsa_fits("fineid-v4-auth", 48, sig, 96));
	n = sign(vc, "00 22 41 B6 06 80 01 54 84 01 01", "00 2A 90 A0 32 90 30 " HASH_48, "60", sig);
	ck_assert(ecdsa_fits("fineid-v4-auth", 48, sig, n));
	/* Hashed again after 6Cxx: right. */
	EXPECT(vc, "00 2A 90 A0 32 90 30 " HASH_48, "90 00");
	EXPECT(vc, "00 2A 9E 9A 40", "6C 60");
	EXPECT(vc, "00 2A 90 A0 32 90 30 " HASH_48, "90 00");
	ck_assert_uint_eq(vct_send(vc, "00 2A 9E 9A 60", sig, sizeof sig), 98);
	ck_assert(ecdsa_fits("fineid-v4-auth", 48, sig, 96));
	vc_free(&vc);
}
END_TEST

/* The card hashes: whole blocks, then the rest. Checked against the hash made outside. */
START_TEST(the_card_hashes)
{
	struct vc *vc = vct_card("fineid-v3.0.yaml");
	uint8_t text[64 + 64 + 3], sig[1024], hash[64];
	EVP_PKEY *key = public_key("fineid-v30-auth");
	size_t n, len;

	memcpy(text, counting, 64);
	memcpy(text + 64, counting, 64);
	memcpy(text + 128, "end", 3);
	EXPECT(vc, SELECT, "90 00");
	EXPECT(vc, VERIFY1, "90 00");
	EXPECT(vc, "00 22 41 B6 06 80 01 42 84 01 01", "90 00");
	EXPECT(vc, "00 2A 90 80 03 65 6E 64", "6A 80");
	EXPECT(vc, "00 2A 90 80 40 " HASH_64, "90 00");
	EXPECT(vc, "00 2A 90 80 40 " HASH_64, "90 00");
	EXPECT(vc, "00 2A 90 A0 05 80 03 65 6E 64", "90 00");
	ck_assert_uint_eq(fetch(vc, "00 2A 9E 9A 00", sig, &n), 0x9000);
	ck_assert_uint_eq(n, 256);
	ck_assert(EVP_Q_digest(NULL, "SHA256", NULL, text, sizeof text, hash, &len) == 1);
	ck_assert(vct_verifies(key, RSA_PKCS1_PADDING, EVP_sha256(), sig, n, hash, len));
	/* A hash made outside does not go on from blocks. */
	EXPECT(vc, "00 2A 90 80 40 " HASH_64, "90 00");
	EXPECT(vc, "00 2A 90 A0 22 90 20 " HASH_32, "6A 80");
	EXPECT(vc, "00 2A 9E 9A 00", "69 85");
	EVP_PKEY_free(key);
	vc_free(&vc);
}
END_TEST

/* Ciphertext for a certificate: PKCS#1 v1.5 with md NULL, else OAEP. */
static size_t encrypt(const char *cert, const EVP_MD *md, const char *plain, uint8_t *out)
{
	EVP_PKEY *key = public_key(cert);
	size_t n = vct_encrypt(key, md != NULL ? RSA_PKCS1_OAEP_PADDING : RSA_PKCS1_PADDING, md, plain, strlen(plain),
		out, 512);

	EVP_PKEY_free(key);
	return n;
}

/* Deciphers by chaining, the first byte being the indicator; the final answer in out. */
static size_t decipher(struct vc *vc, unsigned indicator, const uint8_t *p, size_t len, uint8_t *out)
{
	uint8_t data[600];
	char more[32];
	size_t n;

	data[0] = (uint8_t)indicator;
	memcpy(data + 1, p, len);
	len++;
	if (len > 255) {
		n = vct_data(vc, "10 2A 80 86", data, 255, false, out, 300);
		ck_assert_uint_eq(vct_sw(out, n), 0x9000);
		n = vct_data(vc, "00 2A 80 86", data + 255, len - 255, true, out, 300);
	} else {
		n = vct_data(vc, "00 2A 80 86", data, len, true, out, 300);
	}
	if (n == 2 && out[0] == 0x61) {
		snprintf(more, sizeof more, "00 C0 00 00 %02X", out[1]);
		n = vct_send(vc, more, out, 300);
	}
	return n;
}

START_TEST(rsa_deciphers)
{
	static const struct { const char *mse, *md; } cases[] = {
		{ "00 22 41 B8 06 80 01 1A 84 01 01", NULL }, { "00 22 41 B8 06 80 01 1D 84 01 01", "SHA1" },
		{ "00 22 41 B8 06 80 01 3D 84 01 01", "SHA224" }, { "00 22 41 B8 06 80 01 4D 84 01 01", "SHA256" },
		{ "00 22 41 B8 06 80 01 5D 84 01 01", "SHA384" }, { "00 22 41 B8 06 80 01 6D 84 01 01", "SHA512" },
	};
	static const char *const images[] = { "fineid-v3.0.yaml", "fineid-v3.1.yaml" };
	static const char *const certs[] = { "fineid-v30-auth", "fineid-v31-auth" };
	uint8_t secret[512], out[300];
	size_t i, k, n;

	for (k = 0; k < 2; k++) {
		struct vc *vc = vct_card(images[k]);

		EXPECT(vc, SELECT, "90 00");
		for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
			const EVP_MD *md = cases[i].md != NULL ? EVP_get_digestbyname(cases[i].md) : NULL;

			n = encrypt(certs[k], md, "sala", secret);
			vc_reset(vc);
			EXPECT(vc, SELECT, "90 00");
			EXPECT(vc, cases[i].mse, "90 00");
			ck_assert_uint_eq(vct_sw(out, decipher(vc, 0x81, secret, n, out)), 0x6982);
			EXPECT(vc, VERIFY1, "90 00");
			ck_assert_uint_eq(vct_sw(out, decipher(vc, 0x00, secret, n, out)), 0x6A80);
			ck_assert_uint_eq(vct_sw(out, decipher(vc, 0x81, secret, n - 1, out)), 0x6700);
			ck_assert_uint_eq(decipher(vc, 0x81, secret, n, out), 6);
			ck_assert(memcmp(out, "sala\x90", 5) == 0);
			secret[0] ^= 1;
			secret[n - 1] ^= 1;
			ck_assert_uint_eq(vct_sw(out, decipher(vc, 0x81, secret, n, out)), 0x6A80);
		}
		EXPECT(vc, "00 22 41 B8 06 80 01 2A 84 01 01", "6A 80");
		EXPECT(vc, "00 22 41 B8 03 84 01 01", "6A 80");
		EXPECT(vc, "00 22 41 B8 06 80 01 1A 84 01 02", "6A 88");        /* it only signs */
		vc_free(&vc);
	}
}
END_TEST

START_TEST(ecdh_agrees)
{
	struct vc *vc = vct_card("fineid-v4.yaml");
	EVP_PKEY *peer = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-384"), *key = public_key("fineid-v4-auth");
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(peer, NULL);
	unsigned char *point = NULL;
	uint8_t x[48], out[300];
	size_t n = sizeof x, len = EVP_PKEY_get1_encoded_public_key(peer, &point);

	ck_assert_uint_eq(len, 97);
	ck_assert(EVP_PKEY_derive_init(ctx) == 1 && EVP_PKEY_derive_set_peer(ctx, key) == 1 &&
		EVP_PKEY_derive(ctx, x, &n) == 1 && n == 48);
	EXPECT(vc, SELECT, "90 00");
	EXPECT(vc, "00 22 41 B8 03 84 01 01", "90 00");
	ck_assert_uint_eq(vct_sw(out, decipher(vc, 0x00, point, len, out)), 0x6982);
	EXPECT(vc, VERIFY1, "90 00");
	ck_assert_uint_eq(decipher(vc, 0x00, point, len, out), 50);
	ck_assert(memcmp(out, x, 48) == 0 && vct_sw(out, 50) == 0x9000);
	ck_assert_uint_eq(vct_sw(out, decipher(vc, 0x81, point, len, out)), 0x6A80);
	point[96] ^= 1;
	ck_assert_uint_eq(vct_sw(out, decipher(vc, 0x00, point, len, out)), 0x6A80);    /* off the curve */
	EXPECT(vc, "00 22 41 B8 03 84 01 02", "6A 88");
	EXPECT(vc, "00 22 41 B8 06 80 01 1A 84 01 01", "6A 80");
	OPENSSL_free(point);
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(peer);
	EVP_PKEY_free(key);
	vc_free(&vc);
}
END_TEST

START_TEST(pin1_may_be_good_for_one_use)
{
	struct vc *vc = vct_card("fineid-v4-consent.yaml");
	uint8_t sig[1024];
	size_t n;

	EXPECT(vc, SELECT, "90 00");
	EXPECT(vc, VERIFY1, "90 00");
	n = sign(vc, "00 22 41 B6 06 80 01 54 84 01 01", "00 2A 90 A0 32 90 30 " HASH_48, "60", sig);
	ck_assert(ecdsa_fits("fineid-v4-auth", 48, sig, n));
	EXPECT(vc, "00 20 00 11", "63 C5");
	EXPECT(vc, "00 2A 90 A0 32 90 30 " HASH_48, "90 00");
	EXPECT(vc, "00 2A 9E 9A 60", "69 82");
	vc_free(&vc);
}
END_TEST

START_TEST(slots_may_be_empty)
{
	struct vc *vc = variant("fineid-v4-dual.yaml", "t0: no\nsize-tag: 80\nwithout: [ 50154333, 50164335 ]\n");
	char err[512] = "";

	EXPECT(vc, SELECT, "90 00");
	EXPECT(vc, "00 A4 08 04 04 50 16 43 35 00", "6A 82");
	EXPECT(vc, "00 A4 08 04 02 43 33 00", "6A 82");
	EXPECT(vc, "00 A4 08 04 02 2F 01 00", "62 04 80 02 00 0A 90 00");
	vc_free(&vc);
	vc = vct_card("fineid-v4-gaps.yaml");
	EXPECT(vc, "00 A4 08 04 04 50 16 43 35", "6A 82");
	EXPECT(vc, "00 A4 08 04 04 50 16 43 32", "61 06");
	vc_free(&vc);
	ck_assert(vct_text("os: mute\natr: 3B00\nwithout: [ 0001 ]\n", err, sizeof err) == NULL);
	ck_assert(strstr(err, "'without' must name files") != NULL);
}
END_TEST

START_TEST(odds_and_ends)
{
	struct vc *vc = vct_card("fineid-v3.0.yaml");
	uint8_t out[300];

	ck_assert_uint_eq(vct_send(vc, "80 CA 9F 7F 2D", out, sizeof out), 47);
	ck_assert(memcmp(out, "\x9F\x7F\x2A", 3) == 0 && memcmp(out + 15, "\x12\x34\x56\x07", 4) == 0);
	EXPECT(vc, "80 CA 9F 7F 00", "6C 2D");
	ck_assert_uint_eq(vct_send(vc, "00 84 00 00 08", out, sizeof out), 10);
	EXPECT(vc, "00 84 00 00 10", "67 00");
	vc_free(&vc);
}
END_TEST

START_TEST(every_image_loads)
{
	static const char *const names[] = { "fineid-v3.0.yaml", "fineid-v3.1.yaml", "fineid-v4.yaml",
		"fineid-v4-dual.yaml", "fineid-v3-new.yaml", "fineid-v4-new.yaml", "fineid-v4-reader.yaml",
		"fineid-v4-consent.yaml", "fineid-v4-gaps.yaml", "fineid-v3.0-new.yaml", "fineid-v4-blocked.yaml" };
	/* Historical bytes of the citizen's card; section 2. */
	static const uint8_t hist[] = { 0x80, 0x31, 0xB8, 0x65, 0xB0, 0x85 };
	size_t i;

	for (i = 0; i < sizeof names / sizeof names[0]; i++) {
		struct vc *vc = vct_card(names[i]);
		uint8_t atr[VC_MAX_ATR];

		ck_assert_uint_eq(vc_atr(vc, atr, sizeof atr), 20);     /* no TCK: T=0 alone */
		ck_assert(memcmp(atr + 5, hist, sizeof hist) == 0);
		vc_free(&vc);
	}
}
END_TEST

UNIT_MAIN("vc_fineid", recorded_v3_authentication, recorded_v3_signature, recorded_v4,
	t0_asks_for_more, directories_are_the_known_ones, references_may_be_negative, select_by_every_way,
	others_are_refused, pins_have_a_form, pin2_is_local, application_first, pins_change, puk_is_shared,
	activation_by_puk, activation_by_code, every_algorithm_signs, hashes_have_their_length,
	a_wrong_le_loses_the_hash, the_card_hashes, rsa_deciphers, ecdh_agrees,
	pin1_may_be_good_for_one_use, slots_may_be_empty, odds_and_ends, every_image_loads)

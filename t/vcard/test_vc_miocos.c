/* The virtual MIOCOS against the rules and the reconstructed exchanges of the fact file. */
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/sha.h>

#include "t/unit/unit.h"
#include "t/vcard/vct.h"
#include "t/vcard/vct_t0.h"

#define OK "90 00"
#define Z "00 00 00 00"
#define AUTH_PIN "31 32 33 34 " Z
#define SIGN_PIN "31 32 33 34 35 36 00 00"
#define WRONG "39 39 39 39 " Z
#define NEW "34 33 32 31 " Z
#define PUK_1 "31 32 33 34 35 36 37 38"
#define SELECT_MF "00 A4 00 0C 02 3F 00"
#define SELECT_5015 "00 A4 08 0C 02 50 15"

static const uint8_t info256[19] = { 0x30, 0x31, 0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03,
	0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20 };

/* A card without files and PINs, whose MF lets everything be made. */
static struct vc *blank(void)
{
	char err[512] = "";
	struct vc *vc = vct_text("os: miocos\natr: 3B9D94402300681011"
				 "4D696F434F53009000\nt0: yes\nactivated: no\n",
		err, sizeof err);

	ck_assert_msg(vc != NULL, "%s", err);
	return vc;
}

START_TEST(files)
{
	static const char *const images[] = { "miocos-1.1.yaml", "miocos-2.3.yaml" };

	for (size_t i = 0; i < 2; i++) {
		struct vc *vc = vct_card(images[i]);

		EXPECT(vc, "80 A4 00 0C 02 3F 00", "6E 00");
		EXPECT(vc, "00 A4 04 0C 0C " AID, OK);
		EXPECT(vc, "00 A4 00 0C 02 44 99", "6A 82");
		/* An EF: DELETE never, READ always, UPDATE after entry 1. */
		EXPECT(vc, "00 A4 08 00 04 50 15 44 04", "61 13");
		EXPECT(vc, "00 C0 00 00 13",
			"6F 11 81 02 02 00 82 01 01 83 02 44 04 86 04 FF 01 FF FF 90 00");
		/* A key: CRYPTO after entry 2. */
		ck_assert_str_eq(vct_t0(vc, "00 A4 08 00 04 50 15 4B 02"),
			vct_plain("6F 11 81 02 01 0A 82 01 09 83 02 4B 02 86 04 FF FF 2F FF 90 00"));
		ck_assert_str_eq(vct_t0(vc, "00 A4 08 00 02 50 15"),
			vct_plain("6F 1F 81 02 00 00 82 01 38 83 02 50 15 84 0C " AID
				  " 86 04 FF FF FF FF 90 00"));
		/* What a DF holds, and its conditions: both PINs have entries where they live. */
		EXPECT(vc, "00 CA 01 01 05", "30 03 82 01 01 90 00");
		EXPECT(vc, "00 CA 01 01 00", "6C 05");
		EXPECT(vc, "00 CA 01 00 04", "6C 18");
		EXPECT(vc, SELECT_MF, OK);
		EXPECT(vc, "00 CA 01 00 06", "2F 00 50 15 4B 01 90 00");
		EXPECT(vc, "00 CA 01 01 05", "30 03 81 01 01 90 00");
		EXPECT(vc, "00 CA DF 30 05", "6A 88");
		vc_free(&vc);
	}
}
END_TEST

START_TEST(transfers_are_short)
{
	struct vc *vc = vct_card("miocos-1.1.yaml");
	uint8_t out[300], in[250] = { 0x30 };
	size_t n;

	EXPECT(vc, "00 A4 08 0C 04 50 15 43 31", OK);
	/* 244 bytes are the most that comes and goes. */
	EXPECT(vc, "00 B0 00 00 00", "6C F4");
	EXPECT(vc, "00 B0 00 00 F5", "6C F4");
	ck_assert_uint_eq(vct_send(vc, "00 B0 00 00 F4", out, sizeof out), 246);
	EXPECT(vc, "00 B0 04 00 F4", "6C 39");
	EXPECT(vc, "00 B2 01 04 00", "69 81");
	n = vct_data(vc, "00 2A 9E 9A", in, 245, false, out, sizeof out);
	ck_assert_uint_eq(vct_sw(out, n), 0x6700);
	EXPECT(vc, SELECT_MF, OK);
	EXPECT(vc, "00 20 00 01 08 " AUTH_PIN, OK);
	EXPECT(vc, "00 A4 08 0C 04 50 15 44 04", OK);
	n = vct_data(vc, "00 D6 00 00", in, 245, false, out, sizeof out);
	ck_assert_uint_eq(vct_sw(out, n), 0x6700);
	n = vct_data(vc, "00 D6 00 00", in, 244, false, out, sizeof out);
	ck_assert_uint_eq(vct_sw(out, n), 0x9000);
	vc_free(&vc);
}
END_TEST

START_TEST(pins_count)
{
	struct vc *vc = vct_card("miocos-1.1.yaml");

	EXPECT(vc, "00 20 00 01", "67 00");
	EXPECT(vc, "00 20 00 01 00", "67 00");
	EXPECT(vc, "00 20 00 01 04 31 32 33 34", "67 00");
	EXPECT(vc, "00 20 00 02 08 " SIGN_PIN, "6A 88");
	EXPECT(vc, "00 20 00 11 0C " AUTH_PIN Z, "6A 88");
	ck_assert_int_eq(vc_tries(vc, 1), 3);
	EXPECT(vc, "00 20 00 01 08 " WRONG, "63 C2");
	EXPECT(vc, "00 20 00 01 08 " WRONG, "63 C1");
	EXPECT(vc, "00 20 00 01 08 " WRONG, "63 C0");
	EXPECT(vc, "00 20 00 01 08 " AUTH_PIN, "69 83");
	EXPECT(vc, "00 2C 00 01 10 " WRONG NEW, "63 C4");
	EXPECT(vc, "00 2C 00 01 10 " PUK_1 NEW, OK);
	EXPECT(vc, "00 24 00 01 10 " NEW AUTH_PIN, OK);
	EXPECT(vc, "00 20 00 01 08 " AUTH_PIN, OK);
	EXPECT(vc, "00 2E 00 01", "6D 00");
	EXPECT(vc, "00 84 00 00 08", "6D 00");
	EXPECT(vc, SELECT_5015, OK);
	EXPECT(vc, "00 20 00 02 08 " SIGN_PIN, OK);
	vc_free(&vc);
}
END_TEST

START_TEST(keys_work)
{
	struct vc *vc = vct_card("miocos-1.1.yaml");
	EVP_PKEY *key = vct_key("auth1024"), *key2 = vct_key("sign1024");
	uint8_t in[130], out[300], hash[32];
	size_t n;

	SHA256((const uint8_t *)"castor", 6, hash);
	memcpy(in, info256, sizeof info256);
	memcpy(in + sizeof info256, hash, 32);
	EXPECT(vc, "00 22 41 B6 0A 80 01 02 81 02 4B 01 84 01 01", OK);
	EXPECT(vc, "00 2A 9E 9A 02 30 00", "69 82");
	EXPECT(vc, "00 20 00 01 08 " AUTH_PIN, OK);
	/* The exchange of the fact file. */
	EXPECT(vc, "00 22 41 B6 0A 80 01 02 81 02 4B 01 84 01 01", OK);
	n = vct_data(vc, "00 2A 9E 9A", in, 51, false, out, sizeof out);
	ck_assert_uint_eq(n, 2);
	ck_assert_uint_eq(vct_sw(out, n), 0x6180);
	ck_assert_uint_eq(vct_send(vc, "00 C0 00 00 80", out, sizeof out), 130);
	ck_assert(vct_verifies(key, RSA_PKCS1_PADDING, EVP_sha256(), out, 128, hash, 32));
	/* The card puts SHA-1's DigestInfo together itself. */
	EXPECT(vc, "00 22 41 B6 0A 80 01 12 81 02 4B 01 84 01 01", OK);
	n = vct_t0_data(vc, "00 2A 9E 9A", hash, 20, out, sizeof out);
	ck_assert_uint_eq(n, 130);
	ck_assert(vct_verifies(key, RSA_PKCS1_PADDING, EVP_sha1(), out, 128, hash, 20));
	/* Decipherment; 81 is another family's indicator. */
	in[0] = 0x00;
	vct_encrypt(key, RSA_PKCS1_PADDING, NULL, "secret", 6, in + 1, 128);
	EXPECT(vc, "00 22 41 B8 0A 80 01 02 81 02 4B 01 84 01 01", OK);
	n = vct_t0_data(vc, "00 2A 80 86", in, 129, out, sizeof out);
	ck_assert_uint_eq(n, 8);
	ck_assert_mem_eq(out, "secret", 6);
	in[0] = 0x81;
	n = vct_t0_data(vc, "00 2A 80 86", in, 129, out, sizeof out);
	ck_assert_uint_eq(vct_sw(out, n), 0x6A80);
	/* Entry 2 is of 5015. */
	EXPECT(vc, SELECT_5015, OK);
	EXPECT(vc, "00 20 00 02 08 " SIGN_PIN, OK);
	EXPECT(vc, "00 22 41 B6 0A 80 01 02 81 02 4B 02 84 01 02", OK);
	memcpy(in, info256, sizeof info256);
	memcpy(in + sizeof info256, hash, 32);
	n = vct_t0_data(vc, "00 2A 9E 9A", in, 51, out, sizeof out);
	ck_assert_uint_eq(n, 130);
	ck_assert(vct_verifies(key2, RSA_PKCS1_PADDING, EVP_sha256(), out, 128, hash, 32));
	EXPECT(vc, "00 22 81 B6 0A 80 01 02 81 02 4B 02 84 01 02", "6A 86");
	EXPECT(vc, "00 22 41 B6 06 80 01 42 84 01 02", "6A 80");
	EVP_PKEY_free(key);
	EVP_PKEY_free(key2);
	vc_free(&vc);
}
END_TEST

/* Writes a part of an RSA key, `len` bytes long. */
static void put_part(const EVP_PKEY *key, const char *name, uint8_t *out)
{
	BIGNUM *n = NULL;

	ck_assert_int_eq(EVP_PKEY_get_bn_param(key, name, &n), 1);
	ck_assert_int_eq(BN_bn2binpad(n, out, 128), 128);
	BN_clear_free(n);
}

START_TEST(everything_is_made)
{
	struct vc *vc = blank();
	EVP_PKEY *pkey = vct_key("auth1024");
	uint8_t key[266], out[300], hash[20] = { 1 };
	size_t n;

	/* Entry 1 of the MF; the same number will be another PIN in 5015. */
	EXPECT(vc, "00 1E 01 01 14 55 FF " SIGN_PIN " AA FF " PUK_1, OK);
	EXPECT(vc, "00 20 00 01 08 " SIGN_PIN, OK);
	/* DF 5015: DELETE, CREATE file and CREATE AC always. A name of up to 16 bytes follows. */
	EXPECT(vc, "00 E0 00 00 17 50 15 20 00 00 00 F0 0F FF 00 01 " AID, OK);
	EXPECT(vc, SELECT_MF, OK);
	EXPECT(vc, "00 E0 00 00 17 50 15 20 00 00 00 F0 0F FF 00 01 " AID, "6A 89");
	EXPECT(vc, "00 A4 04 0C 0C " AID, OK);
	/* The exchange of the fact file: PIN 1234, PUK 12345678, 3 and 10 tries. */
	EXPECT(vc, "00 1E 01 01 14 33 FF " AUTH_PIN " AA FF " PUK_1, OK);
	EXPECT(vc, "00 1E 01 01 14 33 FF " AUTH_PIN " AA FF " PUK_1, "6A 89");
	EXPECT(vc, "00 1E 02 02 14 33 FF " AUTH_PIN " AA FF " PUK_1, "6A 86");
	EXPECT(vc, "00 1E 01 0F 14 33 FF " AUTH_PIN " AA FF " PUK_1, "6A 86");
	EXPECT(vc, "00 1E 01 02 14 34 FF " AUTH_PIN " AA FF " PUK_1, "6A 80");
	EXPECT(vc, "00 1E 01 02 13 33 FF " AUTH_PIN " AA FF 31 32 33 34 35 36 37", "67 00");
	EXPECT(vc, "00 CA 01 01 05", "30 03 81 01 01 90 00");
	ck_assert_int_eq(vc_tries(vc, 1), 5);
	ck_assert_int_eq(vc_tries(vc, 2), 3);
	ck_assert_int_eq(vc_puk_tries(vc, 2), 10);
	EXPECT(vc, SELECT_MF, OK);
	EXPECT(vc, "00 20 00 01 08 " AUTH_PIN, "63 C4");
	EXPECT(vc, "00 20 00 01 08 " SIGN_PIN, OK);
	/* A key file and its key, in two pieces. */
	EXPECT(vc, SELECT_5015, OK);
	EXPECT(vc, "00 E0 00 00 0B 4B 01 44 01 0A 1F F1 1F FF 00 01", OK);
	ck_assert_str_eq(vct_t0(vc, "00 A4 08 00 04 50 15 4B 01"),
		vct_plain("6F 11 81 02 01 0A 82 01 09 83 02 4B 01 86 04 1F F1 1F FF 90 00"));
	EXPECT(vc, "00 22 41 B6 0A 80 01 02 81 02 4B 01 84 01 00", "6A 88");
	memcpy(key, "\x30\x82\x01\x06\x80\x81\x80", 7);
	put_part(pkey, OSSL_PKEY_PARAM_RSA_N, key + 7);
	memcpy(key + 135, "\x82\x81\x80", 3);
	put_part(pkey, OSSL_PKEY_PARAM_RSA_D, key + 138);
	/* Entry 1 is that of 5015 here, whatever the MF's. */
	EXPECT(vc, "00 D6 00 00 01 30", "69 82");
	EXPECT(vc, "00 20 00 01 08 " AUTH_PIN, OK);
	EXPECT(vc, "00 D6 01 0A 01 00", "6B 00");
	n = vct_data(vc, "00 D6 00 00", key, 244, false, out, sizeof out);
	ck_assert_uint_eq(vct_sw(out, n), 0x9000);
	key[265] ^= 1;
	n = vct_data(vc, "00 D6 00 F4", key + 244, 22, false, out, sizeof out);
	ck_assert_uint_eq(vct_sw(out, n), 0x6A80);
	key[265] ^= 1;
	n = vct_data(vc, "00 D6 00 00", key, 244, false, out, sizeof out);
	ck_assert_uint_eq(vct_sw(out, n), 0x9000);
	n = vct_data(vc, "00 D6 00 F4", key + 244, 22, false, out, sizeof out);
	ck_assert_uint_eq(vct_sw(out, n), 0x9000);
	EXPECT(vc, "00 22 41 B6 0A 80 01 12 81 02 4B 01 84 01 00", OK);
	n = vct_t0_data(vc, "00 2A 9E 9A", hash, 20, out, sizeof out);
	ck_assert_uint_eq(n, 130);
	ck_assert(vct_verifies(pkey, RSA_PKCS1_PADDING, EVP_sha1(), out, 128, hash, 20));
	/* DELETE has class A0; 00 will do. */
	EXPECT(vc, "00 A4 00 0C 02 4B 01", OK);
	EXPECT(vc, "A0 E4 00 00", OK);
	EXPECT(vc, "00 A4 00 0C 02 4B 01", "6A 82");
	EXPECT(vc, "00 E4 00 00", OK);
	EXPECT(vc, SELECT_5015, "6A 82");
	EVP_PKEY_free(pkey);
	vc_free(&vc);
}
END_TEST

START_TEST(a_citizens_card_lets_nobody_make_anything)
{
	struct vc *vc = vct_card("miocos-1.1.yaml");

	EXPECT(vc, "00 E0 00 00 0B 44 20 40 00 10 00 00 00 00 00 01", "69 82");
	EXPECT(vc, "00 1E 01 03 14 33 FF " AUTH_PIN " AA FF " PUK_1, "69 82");
	EXPECT(vc, "A0 E4 00 00", "69 85");
	EXPECT(vc, SELECT_5015, OK);
	EXPECT(vc, "A0 E4 00 00", "69 82");
	EXPECT(vc, "00 A4 08 0C 02 4B 01", OK);
	EXPECT(vc, "00 D6 00 00 01 30", "69 82");
	vc_free(&vc);
}
END_TEST

START_TEST(the_log_hides_keys_and_pins)
{
	struct vc *vc = blank();
	char path[] = "/tmp/vct-log-XXXXXX", text[4096];
	int fd = mkstemp(path);
	ssize_t n;

	ck_assert(fd >= 0 && vc_log(vc, path));
	EXPECT(vc, "00 1E 01 01 14 33 FF " AUTH_PIN " AA FF " PUK_1, OK);
	EXPECT(vc, "00 20 00 01 08 " AUTH_PIN, OK);
	EXPECT(vc, "00 E0 00 00 0B 4B 01 44 01 0A 1F F1 1F FF 00 01", OK);
	EXPECT(vc, "00 D6 00 00 04 DE AD BE EF", OK);
	EXPECT(vc, "00 E0 00 00 0B 44 20 40 00 10 00 00 00 00 00 01", OK);
	EXPECT(vc, "00 D6 00 00 02 CA FE", OK);
	ck_assert(vc_log(vc, NULL));
	n = read(fd, text, sizeof text - 1);
	ck_assert(n > 0);
	text[n] = '\0';
	ck_assert(strstr(text, "> 001E0101 14 [*20]\n") != NULL && strstr(text, "31323334") == NULL);
	ck_assert(strstr(text, "> 00D60000 04 [*4]\n") != NULL && strstr(text, "DEADBEEF") == NULL);
	ck_assert(strstr(text, "> 00D6000002CAFE\n") != NULL);
	close(fd);
	unlink(path);
	vc_free(&vc);
}
END_TEST

UNIT_MAIN("vc_miocos", files, transfers_are_short, pins_count, keys_work, everything_is_made,
	a_citizens_card_lets_nobody_make_anything, the_log_hides_keys_and_pins)

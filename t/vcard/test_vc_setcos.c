/* The virtual SetCOS cards against the rules and the reconstructed exchanges of the fact file. */
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
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

/* Every type: what tells it apart. */
static const struct type {
	const char *image;
	const char *cla;                /* of ISO commands: the one that all its programs use */
	const char *sign_p1;
	const char *pin2;
	const char *keys[2];
	size_t bytes;                   /* of a modulus */
	bool keyref;                    /* MSE takes tag 84 */
	bool lists;                     /* FCI in the form of 4.4 */
} types[] = {
	{ "setcos-4.3.1.yaml", "80", "81", "02", { "auth1024", "sign1024" }, 128, true, false },
	{ "setcos-4.3.2.yaml", "80", "81", "02", { "auth1024", "sign1024" }, 128, true, false },
	{ "setcos-4.4.1.yaml", "00", "41", "02", { "auth1024", "sign1024" }, 128, true, true },
	{ "setcos-nidel.yaml", "00", "41", "02", { "auth1024", "sign1024" }, 128, false, true },
	{ "setcos-eid20.yaml", "00", "41", "82", { "auth1024", "sign1024" }, 128, true, true },
	{ "setcos-eid21.yaml", "00", "41", "82", { "auth1024", "sign1024" }, 128, true, true },
	{ "fineid-eid2048.yaml", "00", "41", "82", { "eidauth2048", "eidsign2048" }, 256, false, false },
	{ "fineid-oberthur.yaml", "00", "41", "82", { "orgauth1024", "orgsign1024" }, 128, true, false },
};
#define TYPES (sizeof types / sizeof types[0])

/* A command of a type: class, then the text with its marks filled in. */
__attribute__((format(printf, 2, 3)))
static const char *cmd(const struct type *t, const char *format, ...)
{
	static char text[4][1200];
	static unsigned turn;
	char *at = text[turn++ % 4];
	va_list ap;
	int n = snprintf(at, sizeof text[0], "%s ", t->cla);

	va_start(ap, format);
	vsnprintf(at + n, sizeof text[0] - (size_t)n, format, ap);
	va_end(ap);
	return at;
}

/* MSE SET of key 1 or 2 as the type wants it. */
static const char *mse(const struct type *t, unsigned key, unsigned alg, bool decipher)
{
	return cmd(t, "22 %s %s %02X 80 01 %02X 81 02 4B %02X%s%s", decipher ? "41" : t->sign_p1,
		decipher ? "B8" : "B6", t->keyref ? 10U : 7U, alg, key, t->keyref ? " 84 01 " : "",
		!t->keyref ? "" : key == 1 ? "01" : "02");
}

static void open_pin(struct vc *vc, const struct type *t, unsigned pin)
{
	EXPECT(vc, cmd(t, pin == 1 ? "A4 00 0C 02 3F 00" : "A4 08 0C 02 50 15"), OK);
	EXPECT(vc, cmd(t, "20 00 %s 08 %s", pin == 1 ? "01" : t->pin2, pin == 1 ? AUTH_PIN : SIGN_PIN), OK);
}

START_TEST(a_type_is_told_by_its_answers)
{
	static const char *const versions[] = { "6A88", "6A88", "6A88", "6A88", "76322E30209000",
		"76322E31209000", "6A88", "6A88" };

	for (size_t i = 0; i < TYPES; i++) {
		struct vc *vc = vct_card(types[i].image);

		if (i != 1)
			EXPECT(vc, "00 CA DF 30 05", versions[i]);
		EXPECT(vc, "0C CA DF 30 05", "6E00");
		vc_free(&vc);
	}
}
END_TEST

START_TEST(classes)
{
	for (size_t i = 0; i < TYPES; i++) {
		struct vc *vc = vct_card(types[i].image);

		EXPECT(vc, "80 A4 00 0C 02 3F 00", OK);
		/* 4.3.2 makes the one who begins with class 00 learn. */
		EXPECT(vc, "00 A4 00 0C 02 3F 00", i == 1 ? "6E00" : "9000");
		EXPECT(vc, "A0 A4 00 00 02 3F 00", "6E00");
		vc_free(&vc);
	}
}
END_TEST

START_TEST(fci_of_43)
{
	struct vc *vc = vct_card("setcos-4.3.1.yaml");

	/* Case 4 over T=0: 61xx, then GET RESPONSE. */
	EXPECT(vc, "80 A4 08 00 04 50 15 44 04", "61 1A");
	EXPECT(vc, "80 C0 00 00 1A",
		"6F 18 81 02 02 00 82 01 01 83 02 44 04 85 03 00 00 00 86 06 00 11 FF FF FF FF 90 00");
	EXPECT(vc, "80 C0 00 00 1A", "69 85");
	/* With an Le all the same (a reader that makes TPDUs itself): no difference. */
	EXPECT(vc, "80 A4 08 00 02 4B 01 00", "61 1A");
	EXPECT(vc, "80 C0 00 00 1A",
		"6F 18 81 02 00 80 82 01 09 83 02 4B 01 85 03 00 00 00 86 06 FF FF FF FF FF FF 90 00");
	EXPECT(vc, "80 A4 08 00 02 50 15", "61 28");
	EXPECT(vc, "80 C0 00 00 28",
		"6F 26 81 02 00 00 82 01 38 83 02 50 15 84 0C " AID
		" 85 03 00 00 00 86 06 00 FF FF FF FF FF 90 00");
	vc_free(&vc);
}
END_TEST

START_TEST(fci_of_44)
{
	struct vc *vc = vct_card("setcos-4.4.1.yaml");

	/* An EF: READ always, UPDATE after PIN1. */
	ck_assert_str_eq(vct_t0(vc, "00 A4 08 00 04 50 15 44 04"),
		vct_plain("6F 15 81 02 02 00 82 01 01 83 02 44 04 86 05 01 01 02 02 01 8A 01 07 90 00"));
	/* A key: its public half may be read, INS 2A after PIN2. */
	ck_assert_str_eq(vct_t0(vc, "00 A4 08 00 04 50 15 4B 02"),
		vct_plain("6F 16 81 02 00 80 82 01 11 83 02 4B 02 86 06 01 01 83 01 2A 02 8A 01 07 90 00"));
	/* A DF: where its PINs are. */
	ck_assert_str_eq(vct_t0(vc, "00 A4 08 00 02 50 15"),
		vct_plain("6F 28 81 02 00 1A 82 01 38 83 02 50 15 84 0C " AID
			  " 86 00 8A 01 07 A5 08 C1 04 01 02 03 04 C2 00 90 00"));
	vc_free(&vc);
	vc = vct_card("setcos-eid21.yaml");
	ck_assert_str_eq(vct_t0(vc, "00 A4 08 00 04 50 15 4B 02"),
		vct_plain("6F 16 81 02 00 00 82 01 11 83 02 4B 02 86 06 01 01 83 01 2A 82 8A 01 07 90 00"));
	vc_free(&vc);
}
END_TEST

START_TEST(files_are_found_and_missing)
{
	for (size_t i = 0; i < TYPES; i++) {
		const struct type *t = &types[i];
		const char *missing = strcmp(t->image, "fineid-oberthur.yaml") == 0 ? "6A88" : "6A82";
		struct vc *vc = vct_card(t->image);

		EXPECT(vc, cmd(t, "A4 04 0C 0C " AID), OK);
		EXPECT(vc, cmd(t, "A4 02 0C 02 50 31"), OK);
		EXPECT(vc, cmd(t, "A4 01 0C 02 50 31"), missing);
		EXPECT(vc, cmd(t, "A4 00 0C 02 44 09"), missing);
		EXPECT(vc, cmd(t, "A4 08 0C 04 50 15 44 99"), missing);
		EXPECT(vc, cmd(t, "A4 04 0C 07 A0 00 00 02 47 10 01"), missing);
		EXPECT(vc, cmd(t, "A4 09 0C 02 44 01"), OK);
		EXPECT(vc, cmd(t, "A4 03 0C"), OK);
		EXPECT(vc, cmd(t, "A4 02 0C 02 50 15"), missing);
		EXPECT(vc, cmd(t, "A4 01 0C 02 50 15"), OK);
		EXPECT(vc, cmd(t, "A4 00 0C 02 3F 00"), OK);
		EXPECT(vc, cmd(t, "A4 00 0C 02 2F 00"), OK);
		EXPECT(vc, cmd(t, "B0 00 00 02"),
			strcmp(t->image, "fineid-oberthur.yaml") == 0 ? "612C9000" : "612D9000");
		/* Over T=0 more than there is says how much there is; behind the end nothing is. */
		EXPECT(vc, cmd(t, "B0 00 00 00"), "6C 40");
		EXPECT(vc, cmd(t, "B0 00 3E 10"), "6C 02");
		EXPECT(vc, cmd(t, "B0 00 3E 02"), "00 00 90 00");
		EXPECT(vc, cmd(t, "B0 00 40 02"), "6B 00");
		EXPECT(vc, cmd(t, "D6 00 00 01 00"), "69 82");
		vc_free(&vc);
	}
}
END_TEST

START_TEST(the_holders_files_open_with_pin1)
{
	for (size_t i = 0; i < TYPES; i++) {
		const struct type *t = &types[i];
		struct vc *vc = vct_card(t->image);

		EXPECT(vc, cmd(t, "A4 08 0C 04 50 15 44 06"), OK);
		EXPECT(vc, cmd(t, "D6 00 00 02 30 00"), "69 82");
		open_pin(vc, t, 1);
		EXPECT(vc, cmd(t, "A4 08 0C 04 50 15 44 06"), OK);
		EXPECT(vc, cmd(t, "D6 00 00 02 30 00"), OK);
		EXPECT(vc, cmd(t, "B0 00 00 03"), "30 00 FF 90 00");
		vc_free(&vc);
	}
}
END_TEST

START_TEST(pins_count)
{
	for (size_t i = 0; i < TYPES; i++) {
		const struct type *t = &types[i];
		struct vc *vc = vct_card(t->image);

		/* A VERIFY without a PIN is not known, neither as case 1 nor as T=0 shows it. */
		EXPECT(vc, cmd(t, "20 00 01"), "67 00");
		EXPECT(vc, cmd(t, "20 00 01 00"), "67 00");
		/* Nor a PIN of another length: no try is lost. */
		EXPECT(vc, cmd(t, "20 00 01 04 31 32 33 34"), "67 00");
		EXPECT(vc, cmd(t, "20 00 01 0C " AUTH_PIN Z), "67 00");
		ck_assert_int_eq(vc_tries(vc, 1), 3);
		/* Padded with FF it is another PIN. */
		EXPECT(vc, cmd(t, "20 00 01 08 31 32 33 34 FF FF FF FF"), "63 C2");
		EXPECT(vc, cmd(t, "20 00 01 08 " WRONG), "63 C1");
		EXPECT(vc, cmd(t, "20 00 01 08 " AUTH_PIN), OK);
		ck_assert_int_eq(vc_tries(vc, 1), 3);
		ck_assert_int_eq(vc_pin_is_open(vc, 1), 1);
		EXPECT(vc, cmd(t, "20 00 01 08 " WRONG), "63 C2");
		ck_assert_int_eq(vc_pin_is_open(vc, 1), 0);
		EXPECT(vc, cmd(t, "20 00 01 08 " WRONG), "63 C1");
		EXPECT(vc, cmd(t, "20 00 01 08 " WRONG), "63 C0");
		EXPECT(vc, cmd(t, "20 00 01 08 " AUTH_PIN), "69 83");
		EXPECT(vc, cmd(t, "24 00 01 10 " AUTH_PIN NEW), "69 83");
		EXPECT(vc, cmd(t, "2C 00 01 10 " WRONG NEW), "63 C4");
		EXPECT(vc, cmd(t, "2C 00 01 10 " PUK_1 NEW), OK);
		ck_assert_int_eq(vc_tries(vc, 1), 3);
		ck_assert_int_eq(vc_puk_tries(vc, 1), 5);
		EXPECT(vc, cmd(t, "20 00 01 08 " NEW), OK);
		EXPECT(vc, cmd(t, "24 00 01 10 " NEW "31 32 33 " Z "00"), "6A 80");
		EXPECT(vc, cmd(t, "24 00 01 10 " NEW AUTH_PIN), OK);
		EXPECT(vc, cmd(t, "20 00 01 08 " AUTH_PIN), OK);
		/* Nothing logs out; a reset does. */
		EXPECT(vc, cmd(t, "20 FF 01"), "6A 86");
		EXPECT(vc, cmd(t, "2E 00 01"), "6D 00");
		ck_assert_int_eq(vc_pin_is_open(vc, 1), 1);
		vc_reset(vc);
		ck_assert_int_eq(vc_pin_is_open(vc, 1), 0);
		vc_free(&vc);
	}
}
END_TEST

START_TEST(pin2_is_local)
{
	for (size_t i = 0; i < TYPES; i++) {
		const struct type *t = &types[i];
		struct vc *vc = vct_card(t->image);

		EXPECT(vc, cmd(t, "20 00 %s 08 " SIGN_PIN, t->pin2), "6A 88");
		ck_assert_int_eq(vc_tries(vc, 2), 3);
		EXPECT(vc, cmd(t, "A4 08 0C 02 50 15"), OK);
		EXPECT(vc, cmd(t, "20 00 %s 08 " SIGN_PIN, t->pin2), OK);
		/* The global PIN is known everywhere. */
		EXPECT(vc, cmd(t, "20 00 01 08 " AUTH_PIN), OK);
		vc_free(&vc);
	}
}
END_TEST

/* References of other families, and what only their cards know. */
START_TEST(other_families_get_nowhere)
{
	for (size_t i = 0; i < TYPES; i++) {
		const struct type *t = &types[i];
		struct vc *vc = vct_card(t->image);

		EXPECT(vc, cmd(t, "A4 04 0C 0C " AID), OK);
		EXPECT(vc, cmd(t, "20 00 11 0C " AUTH_PIN Z), "6A 88");
		EXPECT(vc, cmd(t, "20 00 11"), "6A 88");
		EXPECT(vc, cmd(t, "20 00 03 04 31 32 33 34"), "6A 88");
		EXPECT(vc, cmd(t, "20 00 04 06 31 32 33 34 35 36"), "6A 88");
		EXPECT(vc, cmd(t, "CB 00 FF 05 A0 03 83 01 11"), "6D 00");
		EXPECT(vc, cmd(t, "CA 01 A0 00"), "6A 88");
		open_pin(vc, t, 1);
		EXPECT(vc, cmd(t, "22 41 B6 06 80 01 42 84 01 01"),
			strcmp(t->sign_p1, "41") == 0 ? "6A 80" : "6A 86");
		EXPECT(vc, cmd(t, "2A 90 A0 22 90 20 " PUK_1 PUK_1 PUK_1 PUK_1), "6A 86");
		EXPECT(vc, "10 22 41 B6 03 80 01 02", "6E 00");
		vc_free(&vc);
	}
}
END_TEST

START_TEST(mse_is_particular)
{
	for (size_t i = 0; i < TYPES; i++) {
		const struct type *t = &types[i];
		struct vc *vc = vct_card(t->image);
		bool odd = strcmp(t->sign_p1, "81") == 0;

		open_pin(vc, t, 1);
		EXPECT(vc, cmd(t, "2A 9E 9A 02 30 00"), "69 85");
		EXPECT(vc, cmd(t, "22 %s B6 07 80 01 02 81 02 4B 01", odd ? "41" : "81"), "6A 86");
		EXPECT(vc, cmd(t, "22 81 B8 07 80 01 02 81 02 4B 01"), "6A 86");
		EXPECT(vc, cmd(t, "22 %s A4 07 80 01 02 81 02 4B 01", t->sign_p1), "6A 86");
		EXPECT(vc, cmd(t, "22 %s B6 07 80 01 03 81 02 4B 01", t->sign_p1), "6A 80");
		EXPECT(vc, cmd(t, "22 %s B6 07 80 01 02 81 02 4B 05", t->sign_p1), "6A 88");
		/* The key of the other DF is not seen from here, its path leads there. */
		EXPECT(vc, cmd(t, "22 %s B6 07 80 01 02 81 02 4B 02", t->sign_p1), "6A 88");
		EXPECT(vc, cmd(t, "22 %s B6 09 80 01 02 81 04 50 15 4B 02", t->sign_p1), OK);
		EXPECT(vc, cmd(t, "22 %s B6 0B 80 01 02 81 06 3F 00 50 15 4B 02", t->sign_p1), OK);
		EXPECT(vc, cmd(t, "22 %s B6 07 80 01 02 81 02 4B 01", t->sign_p1), OK);
		EXPECT(vc, cmd(t, "22 %s B6 0A 80 01 02 81 02 4B 01 84 01 01", t->sign_p1),
			t->keyref ? OK : "6A80");
		EXPECT(vc, cmd(t, "22 %s B6 0A 80 01 02 81 02 4B 01 84 01 02", t->sign_p1),
			t->keyref ? "6A88" : "6A80");
		EXPECT(vc, cmd(t, "22 %s B6 06 80 01 02 84 01 01", t->sign_p1), t->keyref ? OK : "6A80");
		EXPECT(vc, cmd(t, "22 %s B6 03 80 01 02", t->sign_p1), "6A 80");
		EXPECT(vc, cmd(t, "22 %s B6 06 80 01 02 81 02 4B", t->sign_p1), "6A 80");
		vc_free(&vc);
	}
}
END_TEST

/* Signs with key 1 or 2; the answer's length with its status word. */
static size_t sign(struct vc *vc, const struct type *t, unsigned key, unsigned alg, const uint8_t *data,
	size_t len, uint8_t *out, size_t cap)
{
	char header[16];

	EXPECT(vc, mse(t, key, alg, false), OK);
	snprintf(header, sizeof header, "%s 2A 9E 9A", t->cla);
	return vct_t0_data(vc, header, data, len, out, cap);
}

static const uint8_t info256[19] = { 0x30, 0x31, 0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03,
	0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20 };

START_TEST(rsa_signs)
{
	uint8_t info[51], hash[32], raw[256], out[300];

	SHA256((const uint8_t *)"castor", 6, hash);
	memcpy(info, info256, sizeof info256);
	memcpy(info + sizeof info256, hash, sizeof hash);
	for (size_t i = 0; i < TYPES; i++) {
		const struct type *t = &types[i];
		struct vc *vc = vct_card(t->image);
		size_t n;

		for (unsigned key = 1; key <= 2; key++) {
			EVP_PKEY *pkey = vct_key(t->keys[key - 1]);

			/* Without the PIN nothing. */
			EXPECT(vc, cmd(t, key == 1 ? "A4 00 0C 02 3F 00" : "A4 08 0C 02 50 15"), OK);
			EXPECT(vc, mse(t, key, 0x02, false), OK);
			EXPECT(vc, cmd(t, "2A 9E 9A 02 30 00"), "69 82");
			open_pin(vc, t, key);
			n = sign(vc, t, key, 0x02, info, sizeof info, out, sizeof out);
			ck_assert_uint_eq(n, t->bytes + 2);
			ck_assert_uint_eq(vct_sw(out, n), 0x9000);
			ck_assert(
				vct_verifies(pkey, RSA_PKCS1_PADDING, EVP_sha256(), out, t->bytes, hash, 32));

			open_pin(vc, t, key);
			n = sign(vc, t, key, 0x12, hash, 20, out, sizeof out);
			ck_assert_uint_eq(n, t->bytes + 2);
			ck_assert(vct_verifies(pkey, RSA_PKCS1_PADDING, EVP_sha1(), out, t->bytes, hash, 20));
			/* 12 takes a SHA-1 hash alone. */
			open_pin(vc, t, key);
			ck_assert_uint_eq(
				vct_sw(out, sign(vc, t, key, 0x12, hash, 32, out, sizeof out)), 0x6700);

			if (t->bytes == 128) {
				memset(raw, 0x5A, sizeof raw);
				raw[0] = 0;
				n = sign(vc, t, key, 0x00, raw, 128, out, sizeof out);
				ck_assert_uint_eq(n, 130);
				ck_assert(vct_verifies(pkey, RSA_NO_PADDING, NULL, out, 128, raw, 128));
				ck_assert_uint_eq(
					vct_sw(out, sign(vc, t, key, 0x00, raw, 127, out, sizeof out)),
					0x6700);
				/* PKCS#1 leaves eleven bytes to the padding. */
				ck_assert_uint_eq(
					vct_sw(out, sign(vc, t, key, 0x02, raw, 118, out, sizeof out)),
					0x6700);
			}
			EVP_PKEY_free(pkey);
		}
		vc_free(&vc);
	}
}
END_TEST

START_TEST(pin2_of_eid2048_is_asked_for_every_time)
{
	const struct type *t = &types[6];
	struct vc *vc = vct_card(t->image);
	uint8_t out[300];

	open_pin(vc, t, 2);
	ck_assert_uint_eq(sign(vc, t, 2, 0x02, info256, 19, out, sizeof out), 258);
	ck_assert_uint_eq(vct_sw(out, sign(vc, t, 2, 0x02, info256, 19, out, sizeof out)), 0x6982);
	open_pin(vc, t, 2);
	ck_assert_uint_eq(sign(vc, t, 2, 0x02, info256, 19, out, sizeof out), 258);
	/* PIN1 stays. */
	open_pin(vc, t, 1);
	ck_assert_uint_eq(sign(vc, t, 1, 0x02, info256, 19, out, sizeof out), 258);
	ck_assert_uint_eq(sign(vc, t, 1, 0x02, info256, 19, out, sizeof out), 258);
	vc_free(&vc);
}
END_TEST

START_TEST(rsa_deciphers)
{
	static const uint8_t secret[] = "hello, old card";
	uint8_t in[257], out[300];
	char header[16];

	for (size_t i = 0; i < TYPES; i++) {
		const struct type *t = &types[i];
		struct vc *vc = vct_card(t->image);
		EVP_PKEY *pkey = vct_key(t->keys[0]);
		size_t n;

		in[0] = 0x00;
		vct_encrypt(pkey, RSA_PKCS1_PADDING, NULL, secret, sizeof secret, in + 1, t->bytes);
		open_pin(vc, t, 1);
		EXPECT(vc, mse(t, 1, 0x02, true), OK);
		if (t->bytes == 256) {
			/* 257 bytes: the first 255 with class 10. */
			n = vct_data(vc, "10 2A 80 86", in, 255, false, out, sizeof out);
			ck_assert_uint_eq(vct_sw(out, n), 0x9000);
			n = vct_t0_data(vc, "00 2A 80 86", in + 255, 2, out, sizeof out);
		} else {
			snprintf(header, sizeof header, "%s 2A 80 86", t->cla);
			EXPECT(vc, strcmp(t->cla, "80") == 0 ? "90 2A 80 86 01 00" : "10 2A 80 86 01 00", "6E 00");
			in[0] = 0x81;
			n = vct_t0_data(vc, header, in, t->bytes + 1, out, sizeof out);
			ck_assert_uint_eq(vct_sw(out, n), 0x6A80);
			in[0] = 0x00;
			n = vct_t0_data(vc, header, in, t->bytes + 1, out, sizeof out);
		}
		ck_assert_uint_eq(n, sizeof secret + 2);
		ck_assert_mem_eq(out, secret, sizeof secret);
		/* The signature key deciphers nothing. */
		open_pin(vc, t, 2);
		EXPECT(vc, mse(t, 2, 0x02, true), OK);
		EXPECT(vc, cmd(t, "2A 80 86 01 00"), "69 85");
		EVP_PKEY_free(pkey);
		vc_free(&vc);
	}
}
END_TEST

START_TEST(lists_and_challenges)
{
	struct vc *vc = vct_card("setcos-4.4.1.yaml");
	uint8_t out[300];

	EXPECT(vc, SELECT_MF, OK);
	EXPECT(vc, "80 AA 00 00 06", "2F 00 50 15 4B 01 90 00");
	EXPECT(vc, "80 AA 00 00 00", "6C 06");
	EXPECT(vc, "00 AA 00 00 06", "6E 00");
	ck_assert_uint_eq(vct_send(vc, "00 84 00 00 08", out, sizeof out), 10);
	vc_free(&vc);
	vc = vct_card("setcos-4.3.2.yaml");
	EXPECT(vc, "80 A4 00 0C 02 3F 00", OK);
	EXPECT(vc, "80 AA 00 00 06", "2F 00 50 15 4B 01 90 00");
	vc_free(&vc);
}
END_TEST

/* A blank 4.4.1: all is made by the commands of the fact file; then its exchange, 5101 with reference 1. */
START_TEST(files_pins_and_keys_are_made)
{
	char text[5000], err[512] = "", *image = realpath(vct_path("t/cards/setcos-4.4.1.yaml"), NULL);
	uint8_t out[300], in[160], n[256];
	struct vc *vc;
	EVP_PKEY *pkey = vct_key("auth1024");
	BIGNUM *p = NULL, *q = NULL;
	size_t len;

	ck_assert(image != NULL);
	snprintf(text, sizeof text, "extends: %s\nos: setcos\nactivated: no\npins: []\nfiles: []\n", image);
	free(image);
	vc = vct_text(text, err, sizeof err);
	ck_assert_msg(vc != NULL, "%s", err);
	/* The MF goes, and with it all; without one nothing is found and only an MF can be made. */
	EXPECT(vc, "00 E4 00 00", OK);
	EXPECT(vc, SELECT_MF, "6A 82");
	EXPECT(vc, "00 20 00 01 08 " AUTH_PIN, "6A 88");
	EXPECT(vc, "80 AA 00 00 02", "6A 82");
	EXPECT(vc,
		"00 E0 00 00 19 6F 17 81 02 00 70 82 05 0A 41 00 1C 04 83 02 00 80 86 03 02 06 01 8A 01 01",
		"6A 80");
	EXPECT(vc,
		"00 E0 00 00 21 6F 1F 81 02 00 2A 82 01 38 83 02 3F 00 86 05 01 79 02 06 01 8A 01 01 "
		"A5 08 C1 04 81 82 83 84 C2 00",
		OK);
	EXPECT(vc,
		"00 E0 00 00 19 6F 17 81 02 00 70 82 05 0A 41 00 1C 04 83 02 00 80 86 03 02 06 01 8A 01 01",
		OK);
	ck_assert_str_eq(vct_t0(vc, "00 A4 08 00 02 00 80"),
		vct_plain(
			"6F 17 81 02 00 70 82 05 0A 41 00 1C 04 83 02 00 80 86 03 02 06 01 8A 01 01 90 00"));
	/* The first PIN into a file in creation state, then that and the MF are activated. */
	EXPECT(vc, "00 DA 01 01 18 01 38 37 36 35 34 33 32 31 " PUK_1 " 03 03 F5 00 00 00 00", OK);
	EXPECT(vc, "00 DA 01 01 18 01 38 37 36 35 34 33 32 31 " PUK_1 " 03 03 F5 00 00 00 00", "6A 89");
	EXPECT(vc, "00 DA 01 01 18 09 38 37 36 35 34 33 32 31 " PUK_1 " 03 03 F5 00 00 00 00", "6A 80");
	EXPECT(vc, "00 44 00 00", OK);
	EXPECT(vc, "00 44 00 00", "69 85");
	EXPECT(vc, SELECT_MF, OK);
	EXPECT(vc, "00 44 00 00", OK);
	/* From here on the conditions hold. */
	ck_assert_str_eq(vct_t0(vc, "00 A4 08 00 02 00 80"),
		vct_plain(
			"6F 17 81 02 00 70 82 05 0A 41 00 1C 04 83 02 00 80 86 03 02 06 01 8A 01 07 90 00"));
	EXPECT(vc, "00 DA 01 01 18 02 " AUTH_PIN PUK_1 " 03 03 F5 00 00 00 00", "69 82");
	EXPECT(vc, SELECT_MF, OK);
	EXPECT(vc, "00 E0 00 00 14 6F 12 81 02 00 10 82 01 01 83 02 2F 00 86 02 01 5F 8A 01 07", "69 82");
	EXPECT(vc, "00 20 00 01 08 38 37 36 35 34 33 32 31", OK);
	EXPECT(vc, "00 E0 00 00 14 6F 12 81 02 00 10 82 01 01 83 02 2F 00 86 02 01 5F 8A 01 07", OK);
	EXPECT(vc, "00 E0 00 00 14 6F 12 81 02 00 10 82 01 01 83 02 2F 00 86 02 01 5F 8A 01 07", "6A 89");
	EXPECT(vc, "00 D6 00 00 02 61 00", OK);
	EXPECT(vc, "00 A4 08 0C 02 00 80", OK);
	EXPECT(vc, "00 DA 01 01 18 02 " AUTH_PIN PUK_1 " 03 03 F5 00 00 00 00", OK);
	EXPECT(vc, SELECT_MF, OK);
	EXPECT(vc, "00 E0 00 00 2F 6F 2D 81 02 00 52 82 01 38 83 02 50 15 84 0C " AID
		   " 86 05 01 06 02 79 01 8A 01 07 A5 08 C1 04 01 02 03 04 C2 00", OK);
	/* Key 5101: made by SO PIN 1, used by PIN 2; it has no value yet. */
	EXPECT(vc,
		"00 E0 00 00 1B 6F 19 81 02 02 00 82 01 11 83 02 51 01 86 09 01 01 02 46 01 83 01 2A 02 8A "
		"01 07",
		OK);
	ck_assert_str_eq(vct_t0(vc, "00 A4 08 00 04 50 15 51 01"),
		vct_plain("6F 19 81 02 00 00 82 01 11 83 02 51 01 86 09 01 01 02 46 01 83 01 2A 02 8A 01 07 "
			  "90 00"));
	EXPECT(vc, "00 22 41 B6 0A 80 01 02 81 02 51 01 84 01 01", "6A 88");
	EXPECT(vc, "00 CA 01 01 00", "6A 88");
	EXPECT(vc, "00 46 00 00 09 92 00 04 00 00 18 01 00 01", OK);
	ck_assert_uint_eq(vct_send(vc, "00 CA 01 01 82", out, sizeof out), 132);
	ck_assert_mem_eq(out, "\x04\x00", 2);
	/* The same file with a key from outside. */
	ck_assert_int_eq(EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_FACTOR1, &p), 1);
	ck_assert_int_eq(EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_FACTOR2, &q), 1);
	memcpy(in, "\x9A\x00\x04\x00\x00\x18\x01\x00\x01\x02\x00", 11);
	BN_bn2binpad(p, in + 11, 64);
	memcpy(in + 75, "\x02\x00", 2);
	BN_bn2binpad(q, in + 77, 64);
	len = vct_data(vc, "00 46 00 00", in, 140, false, out, sizeof out);
	ck_assert_uint_eq(vct_sw(out, len), 0x6A80);
	len = vct_data(vc, "00 46 00 00", in, 141, false, out, sizeof out);
	ck_assert_uint_eq(vct_sw(out, len), 0x9000);
	ck_assert_uint_eq(vct_send(vc, "00 CA 01 01 82", out, sizeof out), 132);
	BN_free(q);
	ck_assert(EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_N, &p) == 1);
	BN_bn2binpad(p, n, 128);
	ck_assert_mem_eq(out + 2, n, 128);
	BN_free(p);
	/* The exchange of the fact file. */
	EXPECT(vc, "00 22 41 B6 0A 80 01 02 81 02 51 01 84 01 01", OK);
	EXPECT(vc, "00 2A 9E 9A 02 30 00", "69 82");
	EXPECT(vc, "00 20 00 02 08 " AUTH_PIN, OK);
	memcpy(in, info256, sizeof info256);
	SHA256((const uint8_t *)"castor", 6, in + sizeof info256);
	len = vct_data(vc, "00 2A 9E 9A", in, 51, true, out, sizeof out);
	ck_assert_uint_eq(len, 2);
	ck_assert_uint_eq(vct_sw(out, len), 0x6180);
	ck_assert_uint_eq(vct_send(vc, "00 C0 00 00 80", out, sizeof out), 130);
	ck_assert(vct_verifies(pkey, RSA_PKCS1_PADDING, EVP_sha256(), out, 128, in + sizeof info256, 32));
	/* DELETE: the key by SO PIN, for nobody else. */
	vc_reset(vc);
	EXPECT(vc, "00 A4 08 0C 04 50 15 51 01", OK);
	EXPECT(vc, "00 E4 00 00", "69 82");
	EXPECT(vc, "00 20 00 01 08 38 37 36 35 34 33 32 31", OK);
	EXPECT(vc, "00 A4 08 0C 04 50 15 51 01", OK);
	EXPECT(vc, "00 E4 00 00", OK);
	EXPECT(vc, "00 A4 08 0C 04 50 15 51 01", "6A 82");
	/* Anybody may delete the MF, as it was made; its PINs go too. */
	vc_reset(vc);
	ck_assert_int_eq(vc_tries(vc, 1), 3);
	EXPECT(vc, "00 E4 00 00", OK);
	ck_assert_int_eq(vc_tries(vc, 1), -1);
	EVP_PKEY_free(pkey);
	vc_free(&vc);
}
END_TEST

START_TEST(who_cannot_be_made_refuses)
{
	struct vc *vc = vct_card("setcos-4.3.1.yaml");

	EXPECT(vc, "80 44 00 00", "6D 00");
	EXPECT(vc, "80 46 00 00 09 92 00 04 00 00 18 01 00 01", "6D 00");
	EXPECT(vc, "80 A4 08 0C 02 4B 01", OK);
	EXPECT(vc, "80 CA 01 01 00", "6A 88");
	EXPECT(vc, "80 E0 00 00 10 6F 0E 81 02 00 10 82 01 01 83 02 44 20 86 01 00", "69 82");
	EXPECT(vc, "80 E4 00 00", "69 82");
	vc_free(&vc);
	vc = vct_card("setcos-4.4.1.yaml");
	EXPECT(vc, "00 E0 00 00 14 6F 12 81 02 00 10 82 01 01 83 02 2F 01 86 02 01 5F 8A 01 07", "69 82");
	EXPECT(vc, "00 E4 00 00", "69 82");
	EXPECT(vc, "00 A4 08 0C 02 4B 01", OK);
	EXPECT(vc, "00 46 00 00 09 92 00 04 00 00 18 01 00 01", "69 82");
	vc_free(&vc);
}
END_TEST

/* Interface bytes, historical bytes and TCK add up. ISO/IEC 7816-3, 8.2. */
START_TEST(atrs_are_whole)
{
	static const char *const images[] = { "miocos-1.1.yaml", "miocos-2.3.yaml" };

	for (size_t i = 0; i < TYPES + 2; i++) {
		const char *image = i < TYPES ? types[i].image : images[i - TYPES];
		struct vc *vc = vct_card(image);
		uint8_t atr[VC_MAX_ATR], x = 0, presence;
		size_t n = vc_atr(vc, atr, sizeof atr), at = 2, k;
		bool tck = false;

		presence = atr[1] & 0xF0;
		while (presence != 0) {
			for (k = 4; k < 7; k++)
				at += (unsigned)presence >> k & 1U;
			if (!(presence & 0x80))
				break;
			presence = atr[at] & 0xF0;
			/* Any protocol but T=0 brings a TCK. */
			tck = tck || (atr[at] & 0x0F) != 0;
			at++;
		}
		ck_assert_msg(n == at + (atr[1] & 0x0F) + tck, "%s", image);
		for (k = 1; k < n; k++)
			x ^= atr[k];
		ck_assert_msg(!tck || x == 0, "%s: TCK", image);
		vc_free(&vc);
	}
}
END_TEST

UNIT_MAIN("vc_setcos", a_type_is_told_by_its_answers, classes, fci_of_43, fci_of_44,
	files_are_found_and_missing, the_holders_files_open_with_pin1, pins_count, pin2_is_local,
	other_families_get_nowhere, mse_is_particular, rsa_signs, pin2_of_eid2048_is_asked_for_every_time,
	rsa_deciphers, lists_and_challenges, files_pins_and_keys_are_made, who_cannot_be_made_refuses,
	atrs_are_whole)

/* The virtual organisation and health-care cards against the exchanges and rules of the fact files. */
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "t/unit/unit.h"
#include "t/vcard/vct.h"

#define OK "90 00"
#define APP "00 A4 04 0C 0C " AID
#define ESIGN "00 A4 04 0C 06 45 2E 53 49 47 4E"
#define IAS "00 A4 04 0C 10 A0 00 00 00 77 01 08 00 07 00 00 FE 00 00 01 00"
#define LOGIN1 "00 20 00 03 04 31 32 33 34"
#define LOGIN2 "00 20 00 04 06 31 32 33 34 35 36"
#define LOGIN2_COSMO7 "00 20 00 04 06 36 35 34 33 32 31"
#define PUK "00 20 00 12 08 31 32 33 34 35 36 37 38"
/* After one block of 64 times "a"; computed apart from OpenSSL. */
#define STATE_64A "DF 5B B8 1C E8 1E 06 26 FB 45 A8 94 4F D4 0F 31 " \
	"B2 5E 68 16 D6 D4 99 C1 AB 90 49 29 00 63 5E 66"
#define STATE1_64A "DA 49 68 EB 2E 37 7C 1F 88 4E 8F 52 83 52 4B EB E7 4E BD BD"
#define HASH32 HASH16 " " HASH16
#define HASH16 "11 22 33 44 55 66 77 88 11 22 33 44 55 66 77 88"
#define MSE(use, alg, key) "00 22 41 " use " 06 80 01 " alg " 84 01 " key

enum { PIN_AUTH = 1, PIN_SIG, PIN_PUK };    /* numbers of the console */

static const char *const images[] = { "fineid-org-cosmo7.yaml", "fineid-org-idme.yaml",
	"fineid-org-cosmox.yaml", "fineid-org-new.yaml" };

#define COSMO7 images[0]
#define IDME images[1]
#define COSMOX images[2]
#define NEW images[3]

/* A card with its application selected. */
static struct vc *card(const char *image)
{
	struct vc *vc = vct_card(image);

	EXPECT(vc, APP, OK);
	return vc;
}

/* A command whose answer is fetched to its end, as a T=0 reader does; the length without SW1 SW2. */
static size_t transact(
	struct vc *vc, const uint8_t *in, size_t inlen, uint8_t out[1024], unsigned *sw)
{
	uint8_t more[5] = { 0x00, 0xC0, 0x00, 0x00, 0 };
	size_t n = vc_apdu(vc, in, inlen, out, 1024), at;

	ck_assert_uint_ge(n, 2);
	*sw = vct_sw(out, n);
	at = n - 2;
	while (*sw >> 8 == 0x61) {
		more[4] = (uint8_t)*sw;
		n = vc_apdu(vc, more, sizeof more, out + at, 1024 - at);
		ck_assert_uint_ge(n, 2);
		*sw = vct_sw(out + at, n);
		ck_assert(n > 2 || *sw >> 8 != 0x61);
		at += n - 2;
	}
	return at;
}

/* --- telling the family, PINs --- */

START_TEST(the_probe_tells_the_family_and_spends_nothing)
{
	for (size_t i = 0; i < 3; i++) {
		struct vc *vc = vct_card(images[i]);

		/* References are the application's: before it is selected there are none. */
		EXPECT(vc, "00 20 00 03", "6A 88");
		EXPECT(vc, LOGIN1, "6A 88");
		EXPECT(vc, APP, OK);
		EXPECT(vc, "00 20 00 11", "6A 88");
		EXPECT(vc, "00 20 00 03", "63 C5");
		EXPECT(vc, "00 20 00 04", "63 C5");
		EXPECT(vc, "00 20 00 12", "63 C5");
		EXPECT(vc, "00 20 00 82", "6A 88");
		EXPECT(vc, "00 20 00 01", "6A 88");
		EXPECT(vc, "00 20 00 83", "6A 88");
		ck_assert_int_eq(vc_tries(vc, PIN_AUTH), 5);
		ck_assert_int_eq(vc_tries(vc, PIN_SIG), 5);
		ck_assert_int_eq(vc_tries(vc, PIN_PUK), 5);
		vc_free(&vc);
	}
}
END_TEST

START_TEST(a_pin_is_its_bare_digits)
{
	struct vc *vc = card(IDME);

	EXPECT(vc, LOGIN1, OK);
	EXPECT(vc, "00 20 00 03", OK);
	EXPECT(vc, "00 20 00 03 00", OK);
	EXPECT(vc, "00 20 00 04", "63 C5");
	EXPECT(vc, LOGIN2, OK);
	ck_assert_int_eq(vc_pin_is_open(vc, PIN_SIG), 1);
	EXPECT(vc, "00 20 00 03 04 39 39 39 39", "63 C4");
	ck_assert_int_eq(vc_pin_is_open(vc, PIN_AUTH), 0);
	EXPECT(vc, "00 20 00 03", "63 C4");
	EXPECT(vc, LOGIN1, OK);
	ck_assert_int_eq(vc_tries(vc, PIN_AUTH), 5);
	EXPECT(vc, "00 20 01 03 04 31 32 33 34", "6A 86");
	/* The ISO logout is a guess of one program: not here. */
	EXPECT(vc, "00 20 FF 03", "6A 86");
	ck_assert_int_eq(vc_pin_is_open(vc, PIN_AUTH), 1);
	vc_free(&vc);
}
END_TEST

/* The trap of this family: what can never match is compared all the same. */
START_TEST(a_padded_or_longer_pin_spends_a_try)
{
	static const char *const wrong[] = {
		"00 20 00 03 08 31 32 33 34 FF FF FF FF",
		"00 20 00 03 0C 31 32 33 34 00 00 00 00 00 00 00 00",
		"00 20 00 03 09 31 32 33 34 35 36 37 38 39",
		"00 20 00 03 03 31 32 33",
		"00 20 00 03 11 31 32 33 34 35 36 37 38 39 30 31 32 33 34 35 36 37",
	};
	struct vc *vc = card(COSMO7);

	for (int i = 0; i < 5; i++) {
		char answer[8];

		snprintf(answer, sizeof answer, "63 C%u", (unsigned)(4 - i) & 15U);
		EXPECT(vc, wrong[i], answer);
		ck_assert_int_eq(vc_tries(vc, PIN_AUTH), 4 - i);
	}
	EXPECT(vc, LOGIN1, "69 83");
	EXPECT(vc, "00 20 00 03", "69 83");
	vc_free(&vc);
}
END_TEST

START_TEST(change_takes_two_bare_pins)
{
	struct vc *vc = card(IDME);

	EXPECT(vc, "00 24 00 03 0A 31 32 33 34 31 31 32 32 33 33", OK);
	EXPECT(vc, LOGIN1, "63 C4");
	EXPECT(vc, "00 20 00 03 06 31 31 32 32 33 33", OK);
	/* The old one is wrong: a try is spent, and the state is lost. */
	EXPECT(vc, "00 24 00 03 08 31 32 33 34 35 35 35 35", "63 C4");
	EXPECT(vc, "00 20 00 03", "63 C4");
	/* The old one padded, as on other cards. */
	EXPECT(vc, "00 24 00 03 10 31 31 32 32 33 33 FF FF 34 33 32 31 FF FF FF FF", "6A 80");
	EXPECT(vc, "00 24 00 03 10 31 31 32 32 FF FF FF FF 34 33 32 31 FF FF FF FF", "63 C3");
	/* The new one too short, too long, not of digits: no try. */
	EXPECT(vc, "00 24 00 03 09 31 31 32 32 33 33 34 33 32", "6A 80");
	EXPECT(vc, "00 24 00 03 0F 31 31 32 32 33 33 31 32 33 34 35 36 37 38 39", "6A 80");
	EXPECT(vc, "00 24 00 03 0A 31 31 32 32 33 33 41 42 43 44", "6A 80");
	EXPECT(vc, "00 24 00 03 06 31 31 32 32 33 33", "6A 80");
	EXPECT(vc, "00 24 00 03", "67 00");
	ck_assert_int_eq(vc_tries(vc, PIN_AUTH), 3);
	ck_assert(vc_set_tries(vc, PIN_AUTH, 0));
	EXPECT(vc, "00 24 00 03 0A 31 31 32 32 33 33 34 33 32 31", "69 83");
	/* PIN2 of an organisation's card has six digits at least, of a health-care card four. */
	EXPECT(vc, "00 24 00 04 0A 31 32 33 34 35 36 34 33 32 31", "6A 80");
	vc_free(&vc);
	vc = card(COSMO7);
	EXPECT(vc, "00 24 00 04 0A 36 35 34 33 32 31 34 33 32 31", OK);
	EXPECT(vc, "00 20 00 04 04 34 33 32 31", OK);
	EXPECT(vc, "00 24 01 04 04 34 33 32 31", "6A 86");
	EXPECT(vc, "00 24 00 11 08 31 32 33 34 34 33 32 31", "6A 88");
	/* The activation code is the issuer's. */
	EXPECT(vc, "00 24 00 12 10 31 32 33 34 35 36 37 38 38 37 36 35 34 33 32 31", "69 82");
	ck_assert_int_eq(vc_tries(vc, PIN_PUK), 5);
	vc_free(&vc);
}
END_TEST

/* `verify-first`: nothing is compared, so no try is spent, before the PIN is verified. */
START_TEST(some_cards_change_only_a_verified_pin)
{
#define CHANGE "00 24 00 03 09 31 32 33 34 34 33 32 31 30"
	static const struct { const char *head, *want; } refused[] = {
		{ "os: mute\natr: 3B00\nverify-first: yes\n", ":3: unknown key 'verify-first'" },
		{ "os: fineid\natr: 3B00\nverify-first: yes\n", ":3: unknown key 'verify-first'" },
		{ "os: iasecc\natr: 3B00\ntype: idme\nverify-first: 7\n", ":4: 'verify-first' must be yes or no" },
	};
	char text[4300], err[512] = "", *image = realpath(vct_path("t/cards/fineid-org-idme.yaml"), NULL);
	struct vc *vc;

	ck_assert(image != NULL);
	snprintf(text, sizeof text, "os: iasecc\ntype: idme\natr: 3B00\nverify-first: yes\nextends: %s\n", image);
	free(image);
	vc = vct_text(text, err, sizeof err);
	ck_assert_msg(vc != NULL, "%s", err);
	EXPECT(vc, APP, OK);
	EXPECT(vc, CHANGE, "69 82");
	EXPECT(vc, "00 24 00 03 09 39 39 39 39 34 33 32 31 30", "69 82");
	ck_assert_int_eq(vc_tries(vc, PIN_AUTH), 5);
	EXPECT(vc, LOGIN1, OK);
	EXPECT(vc, CHANGE, OK);
	/* The new one was not verified, and the PIN's being changed is of no use to the next change. */
	EXPECT(vc, CHANGE, "69 82");
	EXPECT(vc, "00 20 00 03 05 34 33 32 31 30", OK);
	/* What is wrong within the command is counted as on other cards. */
	EXPECT(vc, CHANGE, "63 C4");
	EXPECT(vc, "00 20 00 03", "63 C4");
	vc_free(&vc);
	vc = card(IDME);
	EXPECT(vc, CHANGE, OK);
	vc_free(&vc);
	for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
		err[0] = '\0';
		ck_assert(vct_text(refused[i].head, err, sizeof err) == NULL);
		ck_assert_msg(strstr(err, refused[i].want) != NULL, "%s", err);
	}
#undef CHANGE
}
END_TEST

START_TEST(a_pin_is_unblocked_after_the_puk)
{
	struct vc *vc = card(IDME);

	ck_assert(vc_set_tries(vc, PIN_AUTH, 0));
	EXPECT(vc, LOGIN1, "69 83");
	EXPECT(vc, "00 2C 02 03 04 34 33 32 31", "69 82");
	/* The form of other families, PUK and new PIN in one, costs nothing. */
	EXPECT(vc, "00 2C 00 03 0C 31 32 33 34 35 36 37 38 34 33 32 31", "6A 86");
	EXPECT(vc, "00 20 00 12 08 38 38 38 38 38 38 38 38", "63 C4");
	EXPECT(vc, "00 2C 02 03 04 34 33 32 31", "69 82");
	EXPECT(vc, PUK, OK);
	ck_assert_int_eq(vc_tries(vc, PIN_PUK), 5);
	EXPECT(vc, "00 2C 02 03 03 34 33 32", "6A 80");
	EXPECT(vc, "00 2C 02 03 08 34 33 32 31 FF FF FF FF", "6A 80");
	ck_assert_int_eq(vc_tries(vc, PIN_AUTH), 0);
	EXPECT(vc, "00 2C 02 03 04 34 33 32 31", OK);
	EXPECT(vc, "00 20 00 03", "63 C5");
	EXPECT(vc, "00 20 00 03 04 34 33 32 31", OK);
	/* Of the counter alone. */
	ck_assert(vc_set_tries(vc, PIN_SIG, 0));
	EXPECT(vc, "00 2C 03 04", OK);
	EXPECT(vc, LOGIN2, OK);
	/* The code itself has nobody above it. */
	EXPECT(vc, "00 2C 02 12 08 31 31 31 31 32 32 32 32", "69 82");
	vc_free(&vc);
}
END_TEST

START_TEST(a_puk_blocks_for_good)
{
	struct vc *vc = card(COSMOX);

	for (int i = 4; i >= 0; i--) {
		EXPECT(vc, "00 20 00 12 08 30 30 30 30 30 30 30 30",
			((const char *[]){ "63 C0", "63 C1", "63 C2", "63 C3", "63 C4" })[i]);
	}
	EXPECT(vc, PUK, "69 83");
	EXPECT(vc, "00 20 00 12", "69 83");
	EXPECT(vc, "00 2C 02 03 04 34 33 32 31", "69 82");
	vc_free(&vc);
}
END_TEST

START_TEST(a_new_card_is_activated_with_its_code)
{
	struct vc *vc = card(NEW);

	EXPECT(vc, "00 20 00 03", "69 83");
	EXPECT(vc, "00 20 00 04", "69 83");
	EXPECT(vc, "00 20 00 12", "63 C5");
	EXPECT(vc, "00 20 00 12 08 37 33 35 31 39 32 34 36", OK);
	EXPECT(vc, "00 2C 02 03 04 31 32 33 34", OK);
	EXPECT(vc, "00 2C 02 04 04 35 36 37 38", "6A 80");
	EXPECT(vc, "00 2C 02 04 06 35 36 37 38 39 30", OK);
	vc_reset(vc);
	EXPECT(vc, APP, OK);
	EXPECT(vc, "00 2C 02 03 04 34 33 32 31", "69 82");
	EXPECT(vc, LOGIN1, OK);
	EXPECT(vc, "00 20 00 04 06 35 36 37 38 39 30", OK);
	vc_free(&vc);
}
END_TEST

START_TEST(a_reset_and_the_ias_application_forget_pins)
{
	struct vc *vc = card(COSMO7);

	EXPECT(vc, LOGIN1, OK);
	EXPECT(vc, ESIGN, OK);
	EXPECT(vc, "00 20 00 03", OK);
	EXPECT(vc, APP, OK);
	EXPECT(vc, "00 20 00 03", OK);
	EXPECT(vc, IAS, OK);
	EXPECT(vc, "00 20 00 03", "6A 88");
	EXPECT(vc, APP, OK);
	EXPECT(vc, "00 20 00 03", "63 C5");
	EXPECT(vc, LOGIN1, OK);
	vc_reset(vc);
	EXPECT(vc, "00 20 00 03", "6A 88");
	EXPECT(vc, APP, OK);
	EXPECT(vc, "00 20 00 03", "63 C5");
	vc_free(&vc);
}
END_TEST

/* --- files --- */

START_TEST(files_are_where_s4_2_has_them)
{
	static const struct { const char *image, *fid, *where; } files[] = {
		{ "careauth", "43 31", APP }, { "caresign", "43 32", ESIGN },
		{ "careissuing", "43 33", "00 A4 00 0C 02 3F 00" }, { "root", "43 34", "00 A4 00 0C" },
	};
	struct vc *vc = card(COSMO7);

	for (size_t i = 0; i < 4; i++) {
		char select[40], read[20];
		uint8_t want[4096], have[4096], out[300];
		unsigned char *der = want;
		size_t at = 0, n;
		X509 *x;
		int len;

		EXPECT(vc, files[i].where, OK);
		snprintf(select, sizeof select, "00 A4 02 0C 02 %s", files[i].fid);
		EXPECT(vc, select, OK);
		do {
			snprintf(read, sizeof read, "00 B0 %02X %02X E7", (unsigned)at >> 8 & 0x7F,
				(unsigned)at & 0xFF);
			n = vct_send(vc, read, out, sizeof out);
			ck_assert_uint_ge(n, 2);
			memcpy(have + at, out, n - 2);
			at += n - 2;
		} while (vct_sw(out, n) == 0x9000);
		ck_assert_uint_eq(vct_sw(out, n), 0x6282);
		x = vct_cert(files[i].image);
		len = i2d_X509(x, &der);
		X509_free(x);
		ck_assert_uint_eq(at, (size_t)len);
		ck_assert(memcmp(have, want, at) == 0);
	}
	/* Each only there; and the keys are no files. */
	EXPECT(vc, "00 A4 02 0C 02 43 31", "6A 82");
	EXPECT(vc, "00 A4 02 0C 02 4B 01", "6A 82");
	EXPECT(vc, APP, OK);
	EXPECT(vc, "00 A4 02 0C 02 43 32", "6A 82");
	EXPECT(vc, "00 A4 02 0C 02 43 33", "6A 82");
	EXPECT(vc, "00 A4 02 0C 02 43 35", "6A 82");
	vc_free(&vc);
}
END_TEST

/* SELECT of DF.ESIGN by its identifier does not lead there; its name does. */
START_TEST(esign_is_selected_by_name)
{
	for (size_t i = 0; i < 3; i++) {
		struct vc *vc = card(images[i]);
		/* The log is Cosmo X's; older cards refuse. */
		const char *answer = i == 0 ? "6A 82" : OK;

		EXPECT(vc, "00 A4 01 0C 02 50 16", answer);
		EXPECT(vc, "00 A4 02 0C 02 43 32", "6A 82");
		EXPECT(vc, MSE("B6", "42", "82"), "6A 88");
		EXPECT(vc, "00 A4 00 0C 02 3F 00", OK);
		EXPECT(vc, "00 A4 01 0C 02 50 16", answer);
		EXPECT(vc, "00 A4 00 0C 02 50 16", answer);
		EXPECT(vc, "00 A4 02 0C 02 50 16", answer);
		EXPECT(vc, "00 A4 09 0C 02 50 16", answer);
		EXPECT(vc, "00 A4 04 0C 02 50 16", "6A 82");
		EXPECT(vc, "00 A4 02 0C 02 43 32", "6A 82");
		/* It is the MF that is still selected. */
		EXPECT(vc, "00 A4 02 0C 02 43 33", OK);
		EXPECT(vc, ESIGN, OK);
		EXPECT(vc, "00 A4 02 0C 02 43 32", OK);
		EXPECT(vc, APP, OK);
		EXPECT(vc, "00 A4 02 0C 02 43 32", "6A 82");
		/* By a path below the current DF an EF is reached. */
		EXPECT(vc, "00 A4 09 0C 04 50 16 43 32", "6A 82");
		EXPECT(vc, "00 A4 00 0C", OK);
		EXPECT(vc, "00 A4 09 0C 04 50 16 43 32", OK);
		vc_free(&vc);
	}
}
END_TEST

START_TEST(select_speaks_as_oberthur_does)
{
	struct vc *vc = card(COSMOX);

	EXPECT(vc, "00 A4 02 04 02 50 32 00",
		"62 1B 80 02 02 00 82 01 01 83 02 50 32 88 00 A1 09 8C 07 7B FF FF FF FF FF 00 8A 01 05 "
		OK);
	EXPECT(vc, "00 A4 01 04 02 50 32 00",
		"62 1B 80 02 02 00 82 01 01 83 02 50 32 88 00 A1 09 8C 07 7B FF FF FF FF FF 00 8A 01 05 "
		OK);
	EXPECT(vc, "00 A4 03 0C", OK);
	EXPECT(vc, "00 A4 02 04 02 2F 01 00",
		"62 1C 80 02 00 24 82 01 01 83 02 2F 01 88 01 E8 A1 09 8C 07 7B FF FF FF FF FF 00 8A 01 05 "
		OK);
	EXPECT(vc, "00 A4 00 04 02 3F 00 00",
		"62 25 82 01 38 83 02 3F 00 84 10 A0 00 00 00 77 01 08 00 07 00 00 FE 00 00 01 00 "
		"A1 07 8C 05 5A FF FF FF FF 8A 01 05 90 00");
	/* The first forms that were tried on such a card, and refused. */
	EXPECT(vc, "00 A4 00 00 02 3F 00", "6A 86");
	EXPECT(vc, "00 A4 08 04 04 50 16 43 32 00", "6A 86");
	EXPECT(vc, "00 A4 04 04 0C " AID " 00", "6A 86");
	EXPECT(vc, "00 A4 04 00 0C " AID, "6A 86");
	EXPECT(vc, "00 A4 04 0C 02 3F 00", "6A 82");
	EXPECT(vc, "00 A4 04 0C 0B A0 00 00 00 63 50 4B 43 53 2D 31", "6A 82");
	EXPECT(vc, "00 A4 02 0C 03 50 32 00", "67 00");
	EXPECT(vc, "00 A4 09 0C 03 50 15 50", "67 00");
	EXPECT(vc, "00 A4 09 0C", "67 00");
	EXPECT(vc, "00 A4 03 0C", "6A 82");             /* nothing is above the MF */
	EXPECT(vc, "00 A4 02 0C", "67 00");
	vc_free(&vc);
}
END_TEST

START_TEST(reading_is_in_pieces_of_231_bytes)
{
	struct vc *vc = vct_card(COSMO7);
	uint8_t out[300];
	size_t n;

	EXPECT(vc, "00 B0 00 00 10", "69 86");
	/* EF.ATR and EF.SN by their short identifiers. */
	EXPECT(vc, "00 B0 9D 00 E7",
		"43 01 B8 46 04 04 29 EC C1 47 03 94 01 80 E0 10 02 02 00 FF 02 02 00 E7 02 02 00 E7 "
		"02 02 00 E7 82 02 90 00 62 82");
	EXPECT(vc, "00 B0 9C 00 0E", "5A 0C 92 46 00 00 01 60 00 47 11 01 23 45 90 00");
	/* It is current then. */
	EXPECT(vc, "00 B0 00 06 08", "01 60 00 47 11 01 23 45 90 00");
	EXPECT(vc, "00 B0 00 0E 01", "6B 00");
	EXPECT(vc, "00 B0 9B 00 E7", "6A 82");
	n = vct_send(vc, "00 B0 9E 00 80", out, sizeof out);
	ck_assert_uint_eq(n, 130);
	EXPECT(vc, "00 A4 02 0C 02 43 33", OK);
	n = vct_send(vc, "00 B0 00 00 E7", out, sizeof out);
	ck_assert_uint_eq(n, 0xE7 + 2);
	ck_assert_uint_eq(vct_sw(out, n), 0x9000);
	EXPECT(vc, "00 B0 00 00 E8", "67 00");
	EXPECT(vc, "00 B0 00 00 00", "67 00");
	EXPECT(vc, "00 B0 00 00", "67 00");
	vc_free(&vc);
}
END_TEST

START_TEST(nobody_writes_to_an_issued_card)
{
	static const char *const forbidden[] = {
		"00 D6 00 00 01 00", "00 0E 00 00", "00 E4 00 00", "00 47 00 00 05 70 03 BF 90 02 00",
		"00 E0 00 00 0F 62 0D 80 02 00 10 82 01 01 83 02 50 33 88 00",
		"00 DB 3F FF 0E 70 0C BF A0 02 08 7F 49 05 82 03 01 00 01",
	};
	struct vc *vc = card(IDME);

	EXPECT(vc, LOGIN1, OK);
	EXPECT(vc, LOGIN2, OK);
	EXPECT(vc, PUK, OK);
	EXPECT(vc, "00 A4 02 0C 02 50 32", OK);
	for (size_t i = 0; i < sizeof forbidden / sizeof forbidden[0]; i++)
		EXPECT(vc, forbidden[i], "69 82");
	EXPECT(vc, "10 DB 3F FF 02 70 0C", OK);
	EXPECT(vc, "00 DB 3F FF 02 BF A0", "69 82");
	vc_free(&vc);
}
END_TEST

START_TEST(a_challenge_has_eight_bytes)
{
	struct vc *vc = vct_card(IDME);
	uint8_t a[10], b[10];

	ck_assert_uint_eq(vct_send(vc, "00 84 00 00 08", a, sizeof a), 10);
	ck_assert_uint_eq(vct_send(vc, "00 84 00 00 08", b, sizeof b), 10);
	ck_assert_uint_eq(vct_sw(a, 10), 0x9000);
	ck_assert(memcmp(a, b, 8) != 0);
	EXPECT(vc, "00 84 00 00 10", "67 00");
	EXPECT(vc, "00 84 00 00 00", "67 00");
	EXPECT(vc, "00 84 00 00", "67 00");
	EXPECT(vc, "00 84 00 00 01 11 08", "67 00");
	EXPECT(vc, "00 84 01 00 08", "6A 86");
	EXPECT(vc, "00 84 00 01 08", "6A 86");
	vc_free(&vc);
}
END_TEST

/* --- data objects --- */

START_TEST(a_pin_object_is_as_logged)
{
	static const char *const bad[] = {
		"00 CB 3F FF 0A 4E 08 70 06 BF 81 03 02 A0 80 00",
		"00 CB 3F FF 0A 4D 07 70 06 BF 81 03 02 A0 80 00",
		"00 CB 3F FF 0A 4D 08 71 06 BF 81 03 02 A0 80 00",
		"00 CB 3F FF 0A 4D 08 70 07 BF 81 03 02 A0 80 00",
		"00 CB 3F FF 0A 4D 08 70 06 BE 81 03 02 A0 80 00",
		"00 CB 3F FF 0A 4D 08 70 06 BF 81 03 03 A0 80 00",
		"00 CB 3F FF 0A 4D 08 70 06 BF 81 03 02 A0 00 00",
		"00 CB 3F FF 09 4D 07 70 05 BF 81 03 01 A0 00",
		"00 CB 3F FF 0C 4D 0A 70 08 BF 81 03 04 7F 41 00 80 00",
		"00 CB 3F FF 01 4D 00",
	};
	struct vc *vc = card(COSMOX);

	/* The log's is of reference 01 with three tries; ours are 03, 04 and 12, with five. */
	EXPECT(vc, "00 CB 3F FF 0A 4D 08 70 06 BF 81 03 02 A0 80 00",
		"70 1E BF 81 03 1A A0 18 9A 01 05 9B 01 05 A1 10 8C 06 F3 00 00 73 43 00 "
		"9C 06 F3 00 00 73 43 00" OK);
	EXPECT(vc, "00 20 00 04 06 30 30 30 30 30 30", "63 C4");
	EXPECT(vc, "00 CB 3F FF 0A 4D 08 70 06 BF 81 04 02 A0 80 00",
		"70 1E BF 81 04 1A A0 18 9A 01 05 9B 01 04 A1 10 8C 06 F3 00 00 73 43 00 "
		"9C 06 F3 00 00 73 43 00" OK);
	EXPECT(vc, "00 CB 3F FF 0A 4D 08 70 06 BF 81 12 02 A0 80 00",
		"70 1E BF 81 12 1A A0 18 9A 01 05 9B 01 05 A1 10 8C 06 F3 FF 00 FF 43 00 "
		"9C 06 F3 FF 00 FF 43 00" OK);
	EXPECT(vc, "00 CB 3F FF 0A 4D 08 70 06 BF 81 01 02 A0 80 00", "6A 88");
	/* The value block with the lengths is not told. */
	EXPECT(vc, "00 CB 3F FF 0B 4D 09 70 07 BF 81 03 03 7F 41 80 00", "6A 88");
	/* The security environment 3 of those conditions: the activation code. */
	EXPECT(vc, "00 CB 3F FF 0A 4D 08 70 06 BF FB 03 02 7B 80 00",
		"70 0E BF FB 03 0A 7B 08 A4 06 95 01 08 83 01 12 90 00");
	EXPECT(vc, "00 CB 3F FF 0A 4D 08 70 06 BF FB 07 02 7B 80 00", "6A 88");
	/* Keys: public halves are in certificates only. */
	EXPECT(vc, "00 CB 3F FF 0B 4D 09 70 07 BF A0 01 03 7F 49 80 00", "6A 86");
	EXPECT(vc, "00 CB 3F FF 0B 4D 09 70 07 BF A0 05 03 7F 49 80 00", "6A 88");
	EXPECT(vc, "00 CB 3F FF 0A 4D 08 70 06 BF 90 01 02 A0 80 00",
		"70 1E BF 90 01 1A A0 18 80 02 01 00 A1 12 8C 07 7B 11 FF 11 FF FF 00 "
		"9C 07 7B 11 FF 11 FF FF 00" OK);
	/* Key 82 is the object 02 of its DF. */
	EXPECT(vc, "00 CB 3F FF 0A 4D 08 70 06 BF 90 02 02 A0 80 00", "6A 88");
	EXPECT(vc, ESIGN, OK);
	EXPECT(vc, "00 CB 3F FF 0A 4D 08 70 06 BF 90 02 02 A0 80 00",
		"70 1E BF 90 02 1A A0 18 80 02 00 30 A1 12 8C 07 7B 12 FF FF FF FF 00 "
		"9C 07 7B 12 FF FF FF FF 00" OK);
	/* Citizens' cards tell PINs otherwise. */
	EXPECT(vc, "00 CB 00 FF 05 A0 03 83 01 03 00", "6A 88");
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		EXPECT(vc, bad[i], "6A 80");
	EXPECT(vc, "00 CB 3F FF 0A 4D 08 70 06 BF 8A 01 02 A0 80 00", "6A 88");
	EXPECT(vc, "00 CB 3F FF", "67 00");
	vc_free(&vc);
	vc = card(IDME);
	EXPECT(vc, "00 CB 3F FF 0A 4D 08 70 06 BF 81 03 02 A0 80", "61 20");
	EXPECT(vc, "00 C0 00 00 20",
		"70 1E BF 81 03 1A A0 18 9A 01 05 9B 01 05 A1 10 8C 06 F3 00 00 73 43 00 "
		"9C 06 F3 00 00 73 43 00" OK);
	vc_free(&vc);
}
END_TEST

/* --- keys --- */

static const struct hash { unsigned nibble; size_t len; const char *name; } hashes[] = {
	{ 4, 32, "SHA256" }, { 5, 48, "SHA384" }, { 6, 64, "SHA512" }
};

static bool verifies(const char *name, unsigned alg, const struct hash *h, const uint8_t *hash,
	const uint8_t *sig, size_t n)
{
	EVP_PKEY *key = vct_key(name);
	EVP_MD *md = EVP_MD_fetch(NULL, h->name, NULL);
	int padding = (alg & 15) == 5 ? RSA_PKCS1_PSS_PADDING : RSA_PKCS1_PADDING;
	bool ok = (alg & 15) == 4 ? vct_verifies_rs(key, sig, n, hash, h->len) :
		vct_verifies(key, padding, md, sig, n, hash, h->len);

	EVP_MD_free(md);
	EVP_PKEY_free(key);
	return ok;
}

/* PSO CDS with a hash of n bytes of 11 22 ..; the signature's length, status word in *sw. */
static size_t sign(struct vc *vc, size_t n, uint8_t *hash, uint8_t sig[1024], unsigned *sw)
{
	uint8_t in[80] = { 0x00, 0x2A, 0x9E, 0x9A, (uint8_t)n };

	for (size_t i = 0; i < n; i++)
		in[5 + i] = hash[i] = (uint8_t)(0x11 * (i + 1));
	return transact(vc, in, 6 + n, sig, sw);
}

static unsigned sign_sw(struct vc *vc, size_t n)
{
	uint8_t hash[64], sig[1024];
	unsigned sw;

	sign(vc, n, hash, sig, &sw);
	return sw;
}

static void mse(struct vc *vc, unsigned use, unsigned alg, unsigned key, const char *answer)
{
	char text[40];

	snprintf(text, sizeof text, "00 22 41 %02X 06 80 01 %02X 84 01 %02X", use, alg, key);
	EXPECT(vc, text, answer);
}

START_TEST(a_hash_is_signed_inline)
{
	static const struct {
		const char *const *image;
		const char *pin1, *pin2, *auth, *sign;
		size_t len1, len2;
		bool ec2;
	} cards[] = {
		{ &images[0], LOGIN1, LOGIN2_COSMO7, "careauth", "caresign", 256, 256, false },
		{ &images[1], LOGIN1, LOGIN2, "orgauth", "orgsign", 384, 384, false },
		{ &images[2], LOGIN1, LOGIN2, "xauth", "xsign", 256, 96, true },
	};
	static const unsigned rsa[] = { 2, 5 }, ec[] = { 4 };

	for (size_t i = 0; i < 3; i++) {
		struct vc *vc = card(*cards[i].image);

		for (size_t k = 0; k < 2; k++) {
			const unsigned *schemes = k == 1 && cards[i].ec2 ? ec : rsa;
			size_t count = k == 1 && cards[i].ec2 ? 1 : 2;

			if (k == 1)
				EXPECT(vc, ESIGN, OK);
			for (size_t h = 0; h < 3; h++)
				for (size_t s = 0; s < count; s++) {
					uint8_t hash[64], sig[1024];
					unsigned alg = hashes[h].nibble << 4 | schemes[s], sw;
					size_t n;

					mse(vc, 0xB6, alg, k == 0 ? 0x01 : 0x82, OK);
					if (k == 1)
						ck_assert_uint_eq(sign_sw(vc, hashes[h].len), 0x6982);
					EXPECT(vc, k == 0 ? cards[i].pin1 : cards[i].pin2, OK);
					n = sign(vc, hashes[h].len, hash, sig, &sw);
					ck_assert_uint_eq(sw, 0x9000);
					ck_assert_uint_eq(n, k == 0 ? cards[i].len1 : cards[i].len2);
					ck_assert(verifies(k == 0 ? cards[i].auth : cards[i].sign, alg,
						&hashes[h], hash, sig, n));
					/* PIN1 stays, PIN2 is for one signature. */
					ck_assert_int_eq(vc_pin_is_open(vc, PIN_AUTH), 1);
					ck_assert_int_eq(vc_pin_is_open(vc, PIN_SIG), 0);
				}
		}
		vc_free(&vc);
	}
}
END_TEST

START_TEST(a_signature_needs_its_pin_its_hash_and_its_key)
{
	struct vc *vc = card(IDME);

	ck_assert_uint_eq(sign_sw(vc, 32), 0x6985);     /* nothing is set */
	mse(vc, 0xB6, 0x42, 0x01, OK);
	ck_assert_uint_eq(sign_sw(vc, 32), 0x6982);
	EXPECT(vc, LOGIN1, OK);
	ck_assert_uint_eq(sign_sw(vc, 20), 0x6A80);
	ck_assert_uint_eq(sign_sw(vc, 51), 0x6A80);     /* a DigestInfo is not a hash */
	/* The forms of other cards: an empty body, a hash sent before. */
	EXPECT(vc, "00 2A 9E 9A 00", "69 85");
	EXPECT(vc, "00 2A 90 A0 22 90 20 " HASH32, "6A 86");
	EXPECT(vc, "00 2A 9E 9A 00", "69 85");
	ck_assert_uint_eq(sign_sw(vc, 32), 0x9000);
	/* Keys: 01 everywhere, 82 in DF.ESIGN, 02 nowhere. */
	mse(vc, 0xB6, 0x42, 0x02, "6A 88");
	mse(vc, 0xB6, 0x42, 0x82, "6A 88");
	mse(vc, 0xB6, 0x42, 0x81, "6A 88");
	mse(vc, 0xB6, 0x42, 0x03, "6A 88");
	EXPECT(vc, ESIGN, OK);
	mse(vc, 0xB6, 0x42, 0x02, "6A 88");
	mse(vc, 0xB6, 0x42, 0x01, OK);
	ck_assert_uint_eq(sign_sw(vc, 32), 0x9000);
	mse(vc, 0xB6, 0x42, 0x82, OK);
	EXPECT(vc, LOGIN2, OK);
	EXPECT(vc, "00 22 F3 01", OK);
	ck_assert_uint_eq(sign_sw(vc, 32), 0x6985);
	mse(vc, 0xB6, 0x42, 0x82, OK);
	/* Another DF becomes current: the environment is gone with the old one. */
	EXPECT(vc, "00 B0 9C 00 01", "5A 90 00");
	ck_assert_uint_eq(sign_sw(vc, 32), 0x6985);
	EXPECT(vc, ESIGN, OK);
	mse(vc, 0xB6, 0x42, 0x82, OK);
	EXPECT(vc, "00 A4 02 0C 02 43 32", OK);         /* an EF of the same is no other DF */
	EXPECT(vc, APP, OK);
	ck_assert_uint_eq(sign_sw(vc, 32), 0x6985);
	ck_assert_int_eq(vc_pin_is_open(vc, PIN_SIG), 1);
	EXPECT(vc, ESIGN, OK);
	/* The other order of the two objects, and VERIFY after MSE. */
	EXPECT(vc, "00 22 41 B6 06 84 01 82 80 01 62", OK);
	EXPECT(vc, LOGIN2, OK);
	ck_assert_uint_eq(sign_sw(vc, 64), 0x9000);
	ck_assert_uint_eq(sign_sw(vc, 64), 0x6982);
	vc_free(&vc);
}
END_TEST

START_TEST(an_environment_names_what_the_key_can)
{
	struct vc *vc = card(COSMOX);
	static const unsigned unknown[] = { 0x00, 0x02, 0x12, 0x22, 0x41, 0x43, 0x1A, 0x46, 0x72 };

	for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++)
		mse(vc, 0xB6, unknown[i], 0x01, "6A 80");
	mse(vc, 0xB6, 0x54, 0x01, "6A 80");
	EXPECT(vc, ESIGN, OK);
	mse(vc, 0xB6, 0x52, 0x82, "6A 80");
	mse(vc, 0xB6, 0x54, 0x82, OK);
	/* The P-384 key wants what its reference says. */
	EXPECT(vc, LOGIN2, OK);
	ck_assert_uint_eq(sign_sw(vc, 32), 0x6A80);
	ck_assert_int_eq(vc_pin_is_open(vc, PIN_SIG), 1);
	ck_assert_uint_eq(sign_sw(vc, 48), 0x9000);
	EXPECT(vc, "00 22 41 B6 03 84 01 82", "6A 80");
	EXPECT(vc, "00 22 41 B6 06 80 01 54 84 02 82", "6A 80");
	EXPECT(vc, "00 22 81 B6 06 80 01 54 84 01 82", "6A 86");
	EXPECT(vc, "00 22 41 A6 06 80 01 54 84 01 82", "6A 86");
	EXPECT(vc, "00 2A 9E 86 00", "6A 86");
	EXPECT(vc, "00 2A 80 9A 00", "6A 86");
	EXPECT(vc, "00 22 41 B6 06 80 02 54 84 01 82", "6A 80");
	EXPECT(vc, "00 22 41 B6 06 80 01 54 80 01 54", "6A 80");
	EXPECT(vc, "00 22 41 B6 06 84 01 82 84 01 82", "6A 80");
	EXPECT(vc, "00 22 41 B6 07 80 01 54 84 01 82 00", "6A 80");
	EXPECT(vc, "00 22 41 B6", "67 00");
	EXPECT(vc, "00 22 41 AA 03 80 01 40", "6A 86");
	/* Cosmo v7 knows SHA-1 yet. */
	vc_free(&vc);
	vc = card(COSMO7);
	mse(vc, 0xB6, 0x12, 0x01, OK);
	EXPECT(vc, LOGIN1, OK);
	ck_assert_uint_eq(sign_sw(vc, 20), 0x9000);
	vc_free(&vc);
}
END_TEST

/* --- the last round of a hash, on Cosmo v7 --- */

/* Whether the signature with key 01 is one of the message's hash. */
static bool signs_hash(struct vc *vc, const struct hash *h, const void *message, size_t len)
{
	static const uint8_t cds[] = { 0x00, 0x2A, 0x9E, 0x9A, 0x00 };
	uint8_t hash[64], sig[1024];
	unsigned sw;
	size_t n;

	ck_assert(EVP_Q_digest(NULL, h->name, NULL, message, len, hash, NULL) == 1);
	n = transact(vc, cds, sizeof cds, sig, &sw);
	return sw == 0x9000 && verifies("careauth", h->nibble << 4 | 2, h, hash, sig, n);
}

static bool signs_message(struct vc *vc, const void *message, size_t len)
{
	return signs_hash(vc, &hashes[0], message, len);
}

START_TEST(cosmo_v7_ends_a_hash_itself)
{
	struct vc *vc = card(COSMO7);
	/* The state of SHA-256 (FIPS 180-4) after 64 times "a": 512 bits; six more "a" are the rest. */
	static const char state[] =
		"00 2A 90 A0 32 90 28 " STATE_64A " 00 00 00 00 00 00 02 00 80 06 61 61 61 61 61 61";
	static const char *const bad[] = {
		"00 2A 90 A0", "00 2A 90 A0 01 90", "00 2A 90 A0 02 90 00", "00 2A 90 A0 03 90 00 80",
		"00 2A 90 A0 06 90 00 80 03 61 62", "00 2A 90 A0 07 91 00 80 03 61 62 63",
		"00 2A 90 A0 07 90 00 81 03 61 62 63", "00 2A 90 A0 08 90 01 61 80 03 61 62 63",
		"00 2A 90 A0 44 90 00 80 40 " HASH32 HASH32,
		"00 2A 90 A0 28 90 24 " HASH32 " 00 00 02 00 80 00",
	};
	static const struct hash sha1 = { 1, 20, "SHA1" };
	char message[70];

	memset(message, 'a', sizeof message);
	EXPECT(vc, LOGIN1, OK);
	mse(vc, 0xB6, 0x42, 0x01, OK);
	EXPECT(vc, "00 2A 90 A0 07 90 00 80 03 61 62 63", OK);
	ck_assert(signs_message(vc, "abc", 3));
	/* The hash is used up. */
	EXPECT(vc, "00 2A 9E 9A 00", "69 85");
	EXPECT(vc, state, OK);
	ck_assert(signs_message(vc, message, sizeof message));
	/* The counter is of whole blocks, and not zero beside a state. */
	EXPECT(vc,
		"00 2A 90 A0 32 90 28 " STATE_64A " 00 00 00 00 00 00 02 08 80 06 61 61 61 61 61 61",
		"6A 80");
	EXPECT(vc,
		"00 2A 90 A0 32 90 28 " STATE_64A " 00 00 00 00 00 00 00 00 80 06 61 61 61 61 61 61",
		"6A 80");
	/* Objects missing, unknown, too long; a hash that came before is lost. */
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		EXPECT(vc, "00 2A 90 A0 07 90 00 80 03 61 62 63", OK);
		EXPECT(vc, bad[i], "6A 80");
		EXPECT(vc, "00 2A 9E 9A 00", "69 85");
	}
	EXPECT(vc, "00 2A 90 A0 07 90 00 80 03 61 62 63", OK);
	mse(vc, 0xB6, 0x42, 0x01, OK);
	EXPECT(vc, "00 2A 9E 9A 00", "69 85");
	EXPECT(vc, "00 2A 90 A0 04 90 00 80 00", OK);
	ck_assert(signs_message(vc, "", 0));
	/* A whole hash in the object 90 is the form of citizens' cards. */
	EXPECT(vc, "00 2A 90 A0 22 90 20 " HASH32, "6A 80");
	EXPECT(vc, "00 2A 9E 9A 00", "69 85");
	/* The hash may be named before the signature, and then holds for it. */
	EXPECT(vc, "00 22 41 AA 03 80 01 40", OK);
	EXPECT(vc, "00 2A 90 A0 07 90 00 80 03 61 62 63", "69 85");
	mse(vc, 0xB6, 0x12, 0x01, "6A 80");
	mse(vc, 0xB6, 0x42, 0x01, OK);
	EXPECT(vc, "00 2A 90 A0 07 90 00 80 03 61 62 63", OK);
	ck_assert(signs_message(vc, "abc", 3));
	EXPECT(vc, "00 22 41 AA 03 80 01 40", OK);
	EXPECT(vc, ESIGN, OK);
	mse(vc, 0xB6, 0x12, 0x01, OK);
	EXPECT(vc, "00 2A 90 A0 26 90 1C " STATE1_64A " 00 00 00 00 00 00 02 00 80 06 61 61 61 61 61 61",
		OK);
	ck_assert(signs_hash(vc, &sha1, message, sizeof message));
	EXPECT(vc, "00 2A 90 A0 07 90 00 80 03 61 62 63", OK);
	ck_assert(signs_hash(vc, &sha1, "abc", 3));
	/* A reset forgets the hash that was named. */
	EXPECT(vc, "00 22 41 AA 03 80 01 40", OK);
	vc_reset(vc);
	EXPECT(vc, APP, OK);
	EXPECT(vc, LOGIN1, OK);
	mse(vc, 0xB6, 0x12, 0x01, OK);
	/* Longer hashes come inline only. */
	mse(vc, 0xB6, 0x52, 0x01, OK);
	EXPECT(vc, "00 2A 90 A0 07 90 00 80 03 61 62 63", "6A 80");
	mse(vc, 0xB8, 0x1A, 0x01, OK);
	EXPECT(vc, "00 2A 90 A0 07 90 00 80 03 61 62 63", "69 85");
	EXPECT(vc, APP, OK);
	EXPECT(vc, "00 22 41 AA", "6A 80");
	EXPECT(vc, "00 22 41 AA 03 81 01 40", "6A 80");
	EXPECT(vc, "00 22 41 AA 03 80 02 40", "6A 80");
	EXPECT(vc, "00 22 41 AA 04 80 01 40 00", "6A 80");
	EXPECT(vc, "00 22 41 AA 03 80 01 41", "6A 80");
	EXPECT(vc, "00 22 41 AA 03 80 01 20", "6A 80");
	/* Without a key there is no algorithm to go on with. */
	EXPECT(vc, ESIGN, OK);
	EXPECT(vc, "00 2A 90 A0 07 90 00 80 03 61 62 63", "69 85");
	vc_free(&vc);
}
END_TEST

/* --- decipherment --- */

/* The padding indicator and the cryptogram of the first `part` bytes of "hello" for a key; its length. */
static size_t encrypt_part(const char *name, unsigned indicator, size_t part, uint8_t out[600])
{
	EVP_PKEY *key = vct_key(name);
	size_t n = vct_encrypt(key, RSA_PKCS1_PADDING, NULL, "hello", part, out + 1, 599);

	out[0] = (uint8_t)indicator;
	EVP_PKEY_free(key);
	return n + 1;
}

static size_t encrypt(const char *name, unsigned indicator, uint8_t out[600])
{
	return encrypt_part(name, indicator, 5, out);
}

/* Sends data of PSO DECIPHER in links of `link` bytes; the plain text's length. */
static size_t decipher(struct vc *vc, const uint8_t *data, size_t len, size_t link, uint8_t out[1024],
	unsigned *sw)
{
	uint8_t in[300] = { 0x10, 0x2A, 0x80, 0x86 };

	while (len > link) {
		in[4] = (uint8_t)link;
		memcpy(in + 5, data, link);
		ck_assert_uint_eq(transact(vc, in, 5 + link, out, sw), 0);
		if (*sw != 0x9000)
			return 0;
		data += link;
		len -= link;
	}
	in[0] = 0x00;
	in[4] = (uint8_t)len;
	memcpy(in + 5, data, len);
	in[5 + len] = 0;
	return transact(vc, in, 6 + len, out, sw);
}

START_TEST(a_cryptogram_comes_in_links_behind_81)
{
	static const struct { const char *const *image; const char *key; size_t link; } cards[] = {
		{ &images[0], "careauth", 0xFA }, { &images[1], "orgauth", 0xFF },
		{ &images[2], "xauth", 0x80 },
	};

	for (size_t i = 0; i < 3; i++) {
		struct vc *vc = card(*cards[i].image);
		uint8_t data[600], out[1024];
		size_t n = encrypt(cards[i].key, 0x81, data);
		unsigned sw;

		mse(vc, 0xB8, 0x1A, 0x01, OK);
		decipher(vc, data, n, cards[i].link, out, &sw);
		ck_assert_uint_eq(sw, 0x6982);
		EXPECT(vc, LOGIN1, OK);
		ck_assert_uint_eq(decipher(vc, data, n, cards[i].link, out, &sw), 5);
		ck_assert_uint_eq(sw, 0x9000);
		ck_assert(memcmp(out, "hello", 5) == 0);
		n = encrypt_part(cards[i].key, 0x81, 0, data);
		ck_assert_uint_eq(decipher(vc, data, n, cards[i].link, out, &sw), 0);
		ck_assert_uint_eq(sw, 0x9000);
		/* The indicator of ISO 7816-8, and a cryptogram that is none. */
		data[0] = 0x00;
		decipher(vc, data, n, cards[i].link, out, &sw);
		ck_assert_uint_eq(sw, 0x6A80);
		data[0] = 0x81;
		decipher(vc, data, n - 1, cards[i].link, out, &sw);
		ck_assert_uint_eq(sw, 0x6A80);
		data[40] ^= 1;
		decipher(vc, data, n, cards[i].link, out, &sw);
		ck_assert_uint_eq(sw, 0x6A80);
		/* A signature's environment does not decipher, and the other way round. */
		mse(vc, 0xB6, 0x42, 0x01, OK);
		decipher(vc, data, n, cards[i].link, out, &sw);
		ck_assert_uint_eq(sw, 0x6985);
		mse(vc, 0xB8, 0x1A, 0x01, OK);
		ck_assert_uint_eq(sign_sw(vc, 32), 0x6985);
		mse(vc, 0xB8, 0x0A, 0x01, "6A 80");
		EXPECT(vc, ESIGN, OK);
		/* The signature key is for nothing else. */
		EXPECT(vc, "00 22 41 B8 06 80 01 1A 84 01 82", i == 2 ? "6A 80" : OK);
		EXPECT(vc, i == 0 ? LOGIN2_COSMO7 : LOGIN2, OK);
		decipher(vc, data, n, cards[i].link, out, &sw);
		ck_assert_uint_eq(sw, i == 2 ? 0x6985 : 0x6982);
		vc_free(&vc);
	}
}
END_TEST

START_TEST(a_command_is_as_long_as_ef_atr_says)
{
	struct vc *vc = card(COSMO7);
	uint8_t data[600], out[1024];
	size_t n = encrypt("careauth", 0x81, data);
	unsigned sw;

	/* Oberthur counts the whole command: 255 bytes with the header are 250 of data. */
	EXPECT(vc, LOGIN1, OK);
	mse(vc, 0xB8, 0x1A, 0x01, OK);
	decipher(vc, data, n, 0xFB, out, &sw);
	ck_assert_uint_eq(sw, 0x6700);
	ck_assert_uint_eq(decipher(vc, data, n, 0xFA, out, &sw), 5);
	/* A chain is broken off by another command. */
	EXPECT(vc, "10 2A 80 86 03 81 11 22", OK);
	EXPECT(vc, "00 20 00 03", OK);
	ck_assert_uint_eq(decipher(vc, data, n, 0xFA, out, &sw), 5);
	EXPECT(vc, "10 20 00 03 04 31 32 33 34", "68 84");
	vc_free(&vc);
}
END_TEST

START_TEST(over_t0_answers_are_fetched)
{
	struct vc *vc = card(IDME);
	uint8_t out[600];
	size_t n;

	EXPECT(vc, "00 A4 02 04 02 50 32", "61 1D");
	n = vct_send(vc, "00 C0 00 00 1D", out, sizeof out);
	ck_assert_uint_eq(n, 0x1F);
	EXPECT(vc, "00 C0 00 00 1D", "69 85");
	EXPECT(vc, LOGIN1, OK);
	EXPECT(vc, MSE("B6", "42", "01"), OK);
	EXPECT(vc, "00 2A 9E 9A 20 " HASH32, "61 00");
	n = vct_send(vc, "00 C0 00 00 00", out, sizeof out);
	ck_assert_uint_eq(n, 258);
	ck_assert_uint_eq(vct_sw(out, n), 0x6180);
	n = vct_send(vc, "00 C0 00 00 80", out, sizeof out);
	ck_assert_uint_eq(n, 130);
	ck_assert_uint_eq(vct_sw(out, n), 0x9000);
	vc_free(&vc);
	/* Over T=1 they come at once. */
	vc = card(COSMOX);
	EXPECT(vc, LOGIN1, OK);
	EXPECT(vc, MSE("B6", "42", "01"), OK);
	n = vct_send(vc, "00 2A 9E 9A 20 " HASH32 " 00", out, sizeof out);
	ck_assert_uint_eq(n, 258);
	ck_assert_uint_eq(vct_sw(out, n), 0x9000);
	vc_free(&vc);
}
END_TEST

/* --- what is not this card's --- */

START_TEST(other_families_are_refused)
{
	static const struct { const char *command, *answer; } cases[] = {
		/* Estonia and Latvia: the IAS application is here, theirs are not. */
		{ IAS, OK },
		{ "00 A4 09 04 04 AD F1 34 01 00", "6A 82" },
		{ "00 A4 01 0C 02 AD F2", "6A 82" },
		{ "00 A4 04 0C 0D E8 28 BD 08 0F F2 50 4F 54 20 41 57 50", "6A 82" },
		{ "00 A4 04 0C 10 51 53 43 44 20 41 70 70 6C 69 63 61 74 69 6F 6E", "6A 82" },
		{ "00 A4 04 0C 07 A0 00 00 01 51 00 00", "6A 82" },
		{ "00 CB 3F FF 0A 4D 08 70 06 BF 81 01 02 A0 80 00", "6A 88" },
		{ "00 22 41 A4 06 80 01 04 84 01 81", "6A 88" },
		{ "00 20 00 01 0C 31 32 33 34 FF FF FF FF FF FF FF FF", "6A 88" },
		{ "00 20 00 85 0C 31 32 33 34 35 FF FF FF FF FF FF FF", "6A 88" },
		{ "00 88 00 00 04 01 02 03 04 00", "69 85" },
		{ "00 22 41 B6 06 80 01 54 84 01 9F", "6A 88" },
		{ "00 22 41 B8 06 80 01 0B 84 01 81", "6A 88" },
		/* Citizens' cards. */
		{ APP, OK },
		{ "00 20 00 11 0C 31 32 33 34 00 00 00 00 00 00 00 00", "6A 88" },
		{ "00 20 00 82 0C 31 32 33 34 35 36 00 00 00 00 00 00", "6A 88" },
		{ "00 CB 00 FF 05 A0 03 83 01 11 00", "6A 88" },
		{ "00 2C 00 11 18 31 32 33 34 35 36 37 38 00 00 00 00 31 32 33 34 00 00 00 00 00 00 00 00",
			"6A 86" },
		{ "00 A4 08 04 02 43 31 00", "6A 86" },
		{ "80 CA 9F 7F 2D", "6E 00" },
		/* SetCOS, MyEID, MIOCOS. */
		{ "00 CA DF 30 05", "6D 00" },
		{ "00 CA 01 A0 00", "6D 00" },
		{ "80 20 00 01 08 31 32 33 34 00 00 00 00", "6E 00" },
		{ "80 AA 00 00 00", "6E 00" },
		{ "00 22 41 B6 0A 80 01 02 81 02 4B 01 84 01 00", "6A 80" },
		{ "A0 E4 00 00", "6E 00" },
		/* Secure messaging without a channel. */
		{ "0C 84 00 00 0D 97 01 08 8E 08 11 22 33 44 55 66 77 88 00", "6E 00" },
		{ "00 46 00 00 07 30 05 81 03 01 00 01 00", "6D 00" },
		{ "00 C0 00 00 10", "69 85" },
		{ "00 A4 04", "67 00" },
	};

	for (size_t i = 0; i < 3; i++) {
		struct vc *vc = vct_card(images[i]);

		for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++)
			EXPECT(vc, cases[k].command, cases[k].answer);
		ck_assert_int_eq(vc_tries(vc, PIN_AUTH), 5);
		ck_assert_int_eq(vc_tries(vc, PIN_SIG), 5);
		ck_assert_int_eq(vc_tries(vc, PIN_PUK), 5);
		vc_free(&vc);
	}
}
END_TEST

/* What the directories say in the forms that are easily read wrong. */
START_TEST(directories_are_as_the_facts_have_them)
{
	static const struct { const char *fid, *bytes; } forms[] = {
		/* EF.DIR: AID, label, path, the OID of S4-2 by its label. */
		{ "2F 00", "61 2C 4F 0C " AID " 50 0B 46 49 4E 45 49 44 20 53 34 2D 32 51 04 3F 00 50 15 "
			"73 09 06 07 2A 81 76 84 05 03 01 00" },
		/* EF.AOD: PIN1 without padding, by the code 03; the code is an unblocking PIN. */
		{ "70 02", "0C 0F 70 65 72 75 73 74 75 6E 6E 75 73 6C 75 6B 75 03 02 06 C0 04 01 03 "
			"30 03 04 01 01 A1 1B 30 19 03 02 03 08 0A 01 01 02 01 04 02 01 08 02 01 08 80 01 03 "
			"30 04 04 02 3F 00" },
		{ "70 02", "03 02 01 0A 0A 01 01 02 01 08 02 01 08 02 01 08 80 01 12" },
		/* EF.PrKD: key 82 is a negative number; its path is DF.ESIGN's. */
		{ "70 01", "02 01 01 30 26 04 01 46 03 03 06 00 40 03 02 03 B8 02 01 82 A1 15 02 01 12" },
		{ "70 01", "04 04 3F 00 50 16 02 02 08 00" },
	};
	struct vc *vc = card(COSMO7);

	for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
		uint8_t content[600], out[300], want[80];
		char text[40];
		int len = vc_hex(forms[i].bytes, want, sizeof want);
		size_t at = 0, n, k;

		ck_assert_int_gt(len, 0);
		EXPECT(vc, i == 0 ? "00 A4 00 0C" : APP, OK);
		snprintf(text, sizeof text, "00 A4 02 0C 02 %s", forms[i].fid);
		EXPECT(vc, text, OK);
		do {
			snprintf(text, sizeof text, "00 B0 %02X %02X E7", (unsigned)at >> 8 & 0x7F,
				(unsigned)at & 0xFF);
			n = vct_send(vc, text, out, sizeof out);
			ck_assert(n >= 2 && at + n <= sizeof content);
			memcpy(content + at, out, n - 2);
			at += n - 2;
		} while (vct_sw(out, n) == 0x9000);
		for (k = 0; k + (size_t)len <= at && memcmp(content + k, want, (size_t)len) != 0; k++)
			;
		ck_assert_msg(k + (size_t)len <= at, "not in %s: %s", forms[i].fid, forms[i].bytes);
	}
	vc_free(&vc);
}
END_TEST

START_TEST(an_image_says_which_card_it_is)
{
	static const char *const texts[] = {
		"os: iasecc\natr: 3B00\n", "os: iasecc\natr: 3B00\ntype: cosmo8\n",
	};
	char err[512];

	for (size_t i = 0; i < 2; i++) {
		ck_assert(vct_text(texts[i], err, sizeof err) == NULL);
		ck_assert_msg(strstr(err, "'type' must be cosmo7, idme or cosmox") != NULL, "%s", err);
	}
}
END_TEST

START_TEST(a_card_tells_lengths_when_the_image_says_so)
{
	static const char text[] = "os: iasecc\natr: 3B00\ntype: cosmo7\npin-attributes: yes\n"
		"pins: [ { number: 1, ref: 3, value: \"1234\", min: 4, max-digits: 8 } ]\n"
		"files: [ { path: 5015, type: df, name: A000000063504B43532D3135 } ]\n";
	char err[512] = "";
	struct vc *vc = vct_text(text, err, sizeof err);

	ck_assert_msg(vc != NULL, "%s", err);
	EXPECT(vc, "00 CB 3F FF 0B 4D 09 70 07 BF 81 03 03 7F 41 80 00", "6A 88");
	EXPECT(vc, APP, OK);
	EXPECT(vc, "00 CB 3F FF 0B 4D 09 70 07 BF 81 03 03 7F 41 80 00",
		"70 0D BF 81 03 09 7F 41 06 80 01 08 81 01 04 90 00");
	EXPECT(vc, "00 B0 9D 00 10", "6A 82");
	vc_free(&vc);
}
END_TEST

/* An image says who reads a file, whether a PIN is for one use, and opens what was changed. */
START_TEST(a_card_obeys_its_image)
{
	char text[2048], err[512] = "", *pki = realpath(vct_path("t/cards/pki"), NULL);
	uint8_t data[600], out[1024];
	struct vc *vc;
	unsigned sw;
	size_t n;

	ck_assert(pki != NULL);
	snprintf(text, sizeof text,
		"os: iasecc\natr: 3B00\ntype: idme\nchange-opens: yes\npins:\n"
		" - { number: 1, ref: 3, value: \"1234\", each-use: yes, unblocked-by: 2 }\n"
		" - { number: 2, ref: 18, value: \"12345678\", unblocking: yes }\nfiles:\n"
		" - { path: 5015, type: df, name: A000000063504B43532D3135 }\n"
		" - { path: 50150001, read: 1, content: [ { hex: AA } ] }\n"
		" - { path: 50150002, read: never, content: [ { hex: BB } ] }\n"
		" - { path: 4B01, type: rsa, ref: 1, pin: 1, use: [ decipher ],\n"
		"     key: %s/TEST-xauth.key.pem }\n",
		pki);
	free(pki);
	vc = vct_text(text, err, sizeof err);
	ck_assert_msg(vc != NULL, "%s", err);
	EXPECT(vc, APP, OK);
	EXPECT(vc, "00 A4 02 04 02 00 02 00",
		"62 1B 80 02 00 01 82 01 01 83 02 00 02 88 00 A1 09 8C 07 7B FF FF FF FF FF FF 8A 01 05 " OK);
	EXPECT(vc, "00 B0 00 00 01", "69 82");
	EXPECT(vc, "00 A4 02 04 02 00 01 00",
		"62 1B 80 02 00 01 82 01 01 83 02 00 01 88 00 A1 09 8C 07 7B FF FF FF FF FF 11 8A 01 05 " OK);
	EXPECT(vc, "00 B0 00 00 01", "69 82");
	EXPECT(vc, LOGIN1, OK);
	EXPECT(vc, "00 B0 00 00 01", "AA 90 00");
	/* Without EF.ATR a command is as long as a short one can be. */
	n = encrypt("xauth", 0x81, data);
	mse(vc, 0xB8, 0x1A, 0x01, OK);
	ck_assert_uint_eq(decipher(vc, data, n, 0xFF, out, &sw), 5);
	EXPECT(vc, "00 B0 00 00 01", "69 82");
	/* Signing is not what the key is for. */
	mse(vc, 0xB6, 0x42, 0x01, OK);
	EXPECT(vc, "00 24 00 03 08 31 32 33 34 34 33 32 31", OK);
	EXPECT(vc, "00 B0 00 00 01", "AA 90 00");
	ck_assert_uint_eq(sign_sw(vc, 32), 0x6982);
	EXPECT(vc, PUK, OK);
	EXPECT(vc, "00 2C 02 03 04 31 32 33 34", OK);
	EXPECT(vc, "00 20 00 03", OK);
	vc_free(&vc);
}
END_TEST

START_TEST(answers_to_reset_are_those_of_the_facts)
{
	static const char *const atrs[] = {
		"3BDF96008031FE450031B8640429ECC173940180829000DA",
		"3BDD96008031FE450031B8640429ECC1739401808248",
		"3BDD96008031FE450031B8640429ECC1739401808349",
		"3BDD96008031FE450031B8640429ECC1739401808248" };

	for (size_t i = 0; i < 4; i++) {
		struct vc *vc = vct_card(images[i]);
		uint8_t want[VC_MAX_ATR], have[VC_MAX_ATR], x = 0;
		int n = vc_hex(atrs[i], want, sizeof want);

		ck_assert_uint_eq(vc_atr(vc, have, sizeof have), (size_t)n);
		ck_assert(memcmp(have, want, (size_t)n) == 0);
		for (int k = 1; k < n; k++)
			x ^= have[k];
		ck_assert_uint_eq(x, 0);
		vc_free(&vc);
	}
}
END_TEST

UNIT_MAIN("vc_iasecc", the_probe_tells_the_family_and_spends_nothing, a_pin_is_its_bare_digits,
	a_padded_or_longer_pin_spends_a_try, change_takes_two_bare_pins,
	some_cards_change_only_a_verified_pin, a_pin_is_unblocked_after_the_puk,
	a_puk_blocks_for_good, a_new_card_is_activated_with_its_code,
	a_reset_and_the_ias_application_forget_pins,
	files_are_where_s4_2_has_them, esign_is_selected_by_name, select_speaks_as_oberthur_does,
	reading_is_in_pieces_of_231_bytes, nobody_writes_to_an_issued_card, a_challenge_has_eight_bytes,
	a_pin_object_is_as_logged, a_hash_is_signed_inline,
	a_signature_needs_its_pin_its_hash_and_its_key, an_environment_names_what_the_key_can,
	cosmo_v7_ends_a_hash_itself, a_cryptogram_comes_in_links_behind_81,
	a_command_is_as_long_as_ef_atr_says, over_t0_answers_are_fetched, other_families_are_refused,
	directories_are_as_the_facts_have_them, an_image_says_which_card_it_is,
	a_card_tells_lengths_when_the_image_says_so, a_card_obeys_its_image,
	answers_to_reset_are_those_of_the_facts)

/* The virtual MyEID against the traces and rules of the fact file. */
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>

#include "t/unit/unit.h"
#include "t/vcard/vct.h"

#define LOGIN "00 20 00 01 08 " PIN1
#define OK "90 00"

/*
 * Trace T1 of the fact file: the OsEID console. Changed only where it needs the key that the trace
 * left out.
 */
START_TEST(trace_t1_oseid)
{
	struct vc *vc = vct_card("oseid.yaml");
	uint8_t out[300],
		hash[51] = { 0x30, 0x31, 0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03,
			0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20 };
	size_t n;

	EXPECT(vc, SELECT_APP, OK);
	EXPECT(vc, "00 CA 01 A0 00",
		"4F 73 45 49 44 04 05 02 00 00 00 00 00 00 00 00 00 01 00 01 90 00");
	EXPECT(vc, "00 CA 01 AC 02", "FF FF 90 00");
	EXPECT(vc, "00 DA 01 E0 08 FF FF 11 3F FF 11 1F FF", OK);
	EXPECT(vc, "00 DA 01 01 13 31 32 33 34 FF FF FF FF 31 32 33 34 35 36 37 38 03 0A 00", OK);
	EXPECT(vc, "00 CA 01 B1 09", "03 0A 03 0A 00 00 00 04 04 90 00");
	EXPECT(vc, "00 A4 00 00 02 3F 00 00",
		"6F 17 81 02 7F FF 82 01 38 83 02 3F 00 86 03 11 3F FF 85 02 00 02 8A 01 01 90 00");
	EXPECT(vc, "00 A4 00 00 02 50 15 00",
		"6F 25 81 02 7F FF 82 01 38 83 02 50 15 86 03 11 1F FF 85 02 00 02 8A 01 01 "
		"84 0C " AID " 90 00");
	EXPECT(vc,
		"00 E0 00 00 19 62 17 81 02 04 00 82 01 11 83 02 4B 01 86 03 11 11 FF 85 02 00 00 "
		"8A 01 00",
		OK);
	n = vct_send(vc, "00 46 00 00 07 30 05 81 03 01 00 01 00", out, sizeof out);
	ck_assert_uint_eq(n, 130);
	EXPECT(vc, "00 CA 01 00 00", "92 00 00 18 04 00 90 00");
	EXPECT(vc, "00 44 04 00 0C " AID, OK);
	EXPECT(vc, "00 CA 01 AC 02", "00 00 90 00");
	EXPECT(vc, "00 20 00 01", "63 C3");
	EXPECT(vc, "00 20 00 01 08 31 31 31 31 FF FF FF FF", "63 C2");
	EXPECT(vc, LOGIN, OK);
	EXPECT(vc, "00 CA 01 AC 02", "00 01 90 00");
	EXPECT(vc, "00 22 41 B6 0A 80 01 02 81 02 4B 01 84 01 00", OK);
	n = vct_data(vc, "00 2A 9E 9A", hash, sizeof hash, true, out, sizeof out);
	ck_assert_uint_eq(n, 130);
	ck_assert_uint_eq(vct_sw(out, n), 0x9000);
	/* OsEID has no 40 % limit. */
	n = vct_data(vc, "00 2A 9E 9A", hash, sizeof hash, false, out, sizeof out);
	ck_assert_uint_eq(vct_sw(out, n), 0x9000);
	EXPECT(vc, "00 2C 00 01 10 39 39 39 39 39 39 39 39 31 32 33 34 FF FF FF FF", "63 C9");
	EXPECT(vc, "00 2C 00 01 10 " PUK1 " 31 32 33 34 FF FF FF FF", OK);
	EXPECT(vc, "00 20 00 01 08 31 31 31 31 FF FF FF FF", "63 C2");
	EXPECT(vc, "00 20 00 01 08 31 31 31 31 FF FF FF FF", "63 C1");
	EXPECT(vc, "00 20 00 01 08 31 31 31 31 FF FF FF FF", "63 C0");
	EXPECT(vc, LOGIN, "69 83");
	EXPECT(vc, "00 20 00 01", "69 83");
	EXPECT(vc, "00 B2 01 04 00", "6D 00");
	EXPECT(vc, "00 CA 01 A0 05", "6C 14");
	vc_free(&vc);
}
END_TEST

START_TEST(trace_t1_consent)
{
	struct vc *vc = vct_card("oseid.yaml");
	uint8_t out[300];
	size_t n;

	EXPECT(vc, SELECT_APP, OK);
	EXPECT(vc, "00 DA 01 01 13 " PIN1 PUK1 "03 0A 00", OK);
	EXPECT(vc,
		"00 E0 00 00 19 62 17 81 02 01 00 82 01 22 83 02 4B 02 86 03 11 11 FF 85 02 10 00 "
		"8A 01 00",
		OK);
	n = vct_send(vc, "00 46 00 00 00", out, sizeof out);
	ck_assert_uint_eq(n, 69);
	ck_assert(memcmp(out, "\x86\x41\x04", 3) == 0);
	EXPECT(vc, "00 A4 00 00 02 4B 02 00",
		"6F 17 81 02 01 00 82 01 22 83 02 4B 02 86 03 11 11 FF 85 02 12 00 8A 01 01 90 00");
	EXPECT(vc, "00 44 04 00 0C " AID, OK);
	EXPECT(vc, LOGIN, OK);
	EXPECT(vc, "00 22 41 B6 0A 80 01 04 81 02 4B 02 84 01 00", OK);
	n = vct_send(vc, "00 2A 9E 9A 04 01 02 03 04 00", out, sizeof out);
	ck_assert_uint_eq(vct_sw(out, n), 0x9000);
	ck_assert_uint_eq(out[0], 0x30);
	EXPECT(vc, "00 2A 9E 9A 04 01 02 03 04 00", "69 85");
	EXPECT(vc, "00 20 00 01", "63 C3");
	EXPECT(vc, LOGIN, OK);
	n = vct_send(vc, "00 2A 9E 9A 04 01 02 03 04 00", out, sizeof out);
	ck_assert_uint_eq(vct_sw(out, n), 0x9000);
	vc_free(&vc);
}
END_TEST

/* Trace T2, OpenSC #2188; and who may erase an activated card. */
START_TEST(trace_t2_and_erase)
{
	struct vc *vc = vct_card("myeid-blank.yaml");

	EXPECT(vc, "00 DA 01 E0 08 FF FF 11 3F FF 11 1F FF", "69 82");
	EXPECT(vc, "00 20 00 03 08 38 37 36 35 34 33 32 31", OK);
	EXPECT(vc, "00 DA 01 E0 08 FF FF 11 30 FF 11 1F FF", "6A 80");
	EXPECT(vc, "00 DA 01 E0 08 FF FF 11 3F FF 11 1F FF", OK);
	EXPECT(vc, "00 CA 01 A1 00", "50 15 90 00");
	EXPECT(vc, "00 CA 01 B1 00", "6A 88");
	EXPECT(vc, "00 A4 00 00 02 50 15",
		"6F 25 81 02 7F FF 82 01 38 83 02 50 15 86 03 11 1F FF 85 02 00 02 8A 01 01 "
		"84 0C " AID " 90 00");
	EXPECT(vc,
		"00 E0 00 00 19 62 17 80 02 00 FF 82 01 01 83 02 50 31 86 03 01 3F FF 85 02 00 00 "
		"8A 01 00",
		OK);
	EXPECT(vc,
		"00 E0 00 00 19 62 17 80 02 00 FF 82 01 01 83 02 50 31 86 03 01 3F FF 85 02 00 00 "
		"8A 01 00",
		"6A 89");
	EXPECT(vc, "00 A4 00 00 02 50 31",
		"6F 17 80 02 00 FF 82 01 01 83 02 50 31 86 03 01 3F FF 85 02 00 00 8A 01 01 90 00");
	EXPECT(vc, "00 B0 00 F0 0F", "FF FF FF FF FF FF FF FF FF FF FF FF FF FF FF 90 00");
	/* The PIN of the MF's DELETE nibble must exist before activation. */
	EXPECT(vc, "00 44 04 00 0C " AID, "69 85");
	EXPECT(vc, "00 DA 01 03 13 " PIN1 PUK1 "03 0A 00", OK);
	EXPECT(vc, "00 44 04 00 0B A0 00 00 00 63 50 4B 43 53 2D 31", "6A 80");
	EXPECT(vc, "00 44 04 00 0C " AID, OK);
	EXPECT(vc, "00 DA 01 01 13 " PIN1 PUK1 "03 0A 00", "69 82");
	vc_free(&vc);
}
END_TEST

static const char minimal[] =
	"os: myeid\natr: 3BF51800008131FE454D794549449A\nserial: 00000000000000000001\n"
	"pins: [ { number: 1, value: \"1234\", puk: \"12345678\" } ]\n"
	"files:\n - { path: 50150001, size: 4, acl: 001FFF }\n - { path: 50150002, size: 4, acl: "
	"000FFF }\nversion: ";

static struct vc *version(const char *v)
{
	char text[1024], err[512];
	struct vc *vc;

	snprintf(text, sizeof text, "%s%s\n", minimal, v);
	vc = vct_text(text, err, sizeof err);
	ck_assert_msg(vc != NULL, "%s", err);
	return vc;
}

/* Trace T4, OpenSC #3821. */
START_TEST(trace_t4_delete_class)
{
	static const struct { const char *version, *old_class; } cases[] = {
		{ "3.3.3", OK }, { "4.5.5", OK }, { "4.9.1", "6E 00" }
	};

	for (size_t i = 0; i < 3; i++) {
		struct vc *vc = version(cases[i].version);

		EXPECT(vc, SELECT_APP,
			"6F 25 81 02 7F FF 82 01 38 83 02 50 15 86 03 11 1F FF 85 02 00 02 8A 01 "
			"07 84 0C " AID " 90 00");
		vct_ask(vc, "00 A4 00 00 02 00 02");
		EXPECT(vc, "A0 E4 00 00", cases[i].old_class);
		vct_ask(vc, "00 A4 00 00 02 00 01");
		EXPECT(vc, "00 E4 00 00", "69 82");
		EXPECT(vc, LOGIN, OK);
		EXPECT(vc, "00 E4 00 00", OK);
		EXPECT(vc, "00 A4 00 00 02 00 01", "6A 82");
		EXPECT(vc, "00 E4 00 00", "69 85");     /* the application cannot be deleted */
		vc_free(&vc);
	}
}
END_TEST

START_TEST(old_cards_know_less)
{
	struct vc *vc = vct_card("myeid-3.3.yaml");
	uint8_t out[300];

	EXPECT(vc, "00 CA 01 AA 0B", "6A 88");
	EXPECT(vc, "00 84 00 00 00", "6F 00");
	ck_assert_uint_eq(vct_send(vc, "00 84 00 00 08", out, sizeof out), 10);
	EXPECT(vc, LOGIN, OK);
	vct_ask(vc, SELECT_APP);
	EXPECT(vc, "00 22 41 B6 0A 80 01 00 81 02 4B 01 84 01 00", OK);
	EXPECT(vc, "10 2A 9E 9A 01 00", "6E 00");
	EXPECT(vc,
		"00 E0 00 00 19 62 17 81 02 01 00 82 01 22 83 02 4B 02 86 03 11 11 FF 85 02 00 00 "
		"8A 01 00",
		"69 84");
	EXPECT(vc,
		"00 E0 00 00 19 62 17 81 02 08 40 82 01 11 83 02 4B 02 86 03 11 11 FF 85 02 00 00 "
		"8A 01 00",
		"69 84");
	EXPECT(vc,
		"00 E0 00 00 19 62 17 81 02 08 00 82 01 11 83 02 4B 02 86 03 11 11 FF 85 02 00 00 "
		"8A 01 00",
		OK);
	vc_free(&vc);
}
END_TEST

START_TEST(pins_count)
{
	struct vc *vc = vct_card("myeid.yaml");

	EXPECT(vc, "00 20 00 01", "63 C3");
	EXPECT(vc, "00 20 00 01 00", "63 C3");
	EXPECT(vc, "00 20 00 02", "6A 88");
	EXPECT(vc, "00 20 00 00", "6A 86");
	EXPECT(vc, "00 20 00 01 04 31 32 33 34", "67 00");
	EXPECT(vc, "00 20 00 01 08 39 39 39 39 FF FF FF FF", "63 C2");
	ck_assert_int_eq(vc_tries(vc, 1), 2);
	EXPECT(vc, "00 CA 01 B1 00", "02 0A 03 0A 00 00 00 04 04 90 00");
	EXPECT(vc, LOGIN, OK);
	EXPECT(vc, "00 20 00 01", OK);
	ck_assert_int_eq(vc_tries(vc, 1), 3);
	EXPECT(vc, "00 2E 00 00", OK);
	EXPECT(vc, "00 20 00 01", "63 C3");
	EXPECT(vc, LOGIN, OK);
	EXPECT(vc, "00 2E 00 03", OK);
	EXPECT(vc, "00 20 00 01", OK);
	EXPECT(vc, "00 2E 00 01", OK);
	EXPECT(vc, "00 20 00 01", "63 C3");
	/* CHANGE leaves the PIN unverified, and a short new one costs nothing. */
	EXPECT(vc, "00 24 00 01 10 " PIN1 "34 33 32 FF FF FF FF FF", "6A 80");
	EXPECT(vc, "00 24 00 01 10 39 39 39 39 FF FF FF FF 34 33 32 31 FF FF FF FF", "63 C2");
	EXPECT(vc, "00 24 00 01 10 " PIN1 "34 33 32 31 FF FF FF FF", OK);
	EXPECT(vc, "00 20 00 01", "63 C3");
	EXPECT(vc, "00 20 00 01 08 34 33 32 31 FF FF FF FF", OK);
	vc_reset(vc);
	EXPECT(vc, "00 20 00 01", "63 C3");
	ck_assert(vc_set_tries(vc, 1, 1));
	EXPECT(vc, LOGIN, "63 C0");
	EXPECT(vc, "00 20 00 01 08 34 33 32 31 FF FF FF FF", "69 83");
	EXPECT(vc, "00 2C 00 01 08 " PIN1, "67 00");
	for (unsigned left = 9; left > 0; left--) {
		vct_ask(vc, "00 2C 00 01 10 39 39 39 39 39 39 39 39" PIN1);
		ck_assert_int_eq(vc_puk_tries(vc, 1), (int)left);
	}
	EXPECT(vc, "00 2C 00 01 10 " PUK1 PIN1, OK);
	ck_assert_int_eq(vc_puk_tries(vc, 1), 10);
	EXPECT(vc, "00 20 00 01", "63 C3");
	EXPECT(vc, LOGIN, OK);
	vc_free(&vc);
}
END_TEST

START_TEST(pins_are_looked_at_and_set_from_outside)
{
	struct vc *vc = vct_card("myeid-citizen.yaml");

	ck_assert_int_eq(vc_pin_is_open(vc, 1), 0);
	ck_assert_int_eq(vc_pin_is_open(vc, 4), -1);
	EXPECT(vc, LOGIN, OK);
	ck_assert_int_eq(vc_pin_is_open(vc, 1), 1);
	ck_assert_int_eq(vc_pin_is_open(vc, 2), 0);
	ck_assert(vc_set_tries(vc, 2, 1));
	ck_assert(vc_set_pin(vc, 2, "87654321"));
	ck_assert_int_eq(vc_tries(vc, 2), 3);
	EXPECT(vc, "00 20 00 02 08 " PIN2, "63 C2");
	EXPECT(vc, "00 20 00 02 08 38 37 36 35 34 33 32 31", OK);
	ck_assert(vc_set_pin(vc, 1, "4321"));
	ck_assert_int_eq(vc_pin_is_open(vc, 1), 0);
	ck_assert_int_eq(vc_pin_is_open(vc, 2), 1);
	EXPECT(vc, "00 20 00 01 08 34 33 32 31 FF FF FF FF", OK);
	ck_assert(!vc_set_pin(vc, 1, ""));
	ck_assert(!vc_set_pin(vc, 1, "123456789"));
	ck_assert(!vc_set_pin(vc, 4, "1234"));
	vc_free(&vc);
}
END_TEST

#define PIN2_CHANGE "00 24 00 02 10 " PIN2 PIN2
#define PIN2_UNBLOCK "00 2C 00 02 10 " PUK1 PIN2

START_TEST(a_changed_pin_is_open_where_the_image_says_so)
{
	static const struct { const char *image; int open; } cards[] = {
		{ "myeid-citizen.yaml", 0 }, { "myeid-openers.yaml", 1 } };

	for (size_t i = 0; i < sizeof cards / sizeof cards[0]; i++) {
		struct vc *vc = vct_card(cards[i].image);

		EXPECT(vc, PIN2_CHANGE, OK);
		ck_assert_int_eq(vc_pin_is_open(vc, 2), cards[i].open);
		EXPECT(vc, "00 20 00 02", cards[i].open ? OK : "63 C3");
		EXPECT(vc, "00 2E 00 02", OK);
		ck_assert_int_eq(vc_pin_is_open(vc, 2), 0);
		EXPECT(vc, PIN2_UNBLOCK, OK);
		ck_assert_int_eq(vc_pin_is_open(vc, 2), cards[i].open);
		ck_assert_int_eq(vc_pin_is_open(vc, 1), 0);
		/* a wrong one opens nothing on any card */
		EXPECT(vc, "00 24 00 02 10 39 39 39 39 39 39 39 39" PIN2, "63 C2");
		ck_assert_int_eq(vc_pin_is_open(vc, 2), 0);
		EXPECT(vc, "00 2C 00 02 10 39 39 39 39 39 39 39 39" PIN2, "63 C9");
		ck_assert_int_eq(vc_pin_is_open(vc, 2), 0);
		vc_free(&vc);
	}
}
END_TEST

START_TEST(a_card_without_deauthenticate_forgets_at_a_reset_only)
{
	struct vc *vc = vct_card("p15-noforget.yaml");

	EXPECT(vc, "00 20 00 02 08 " PIN2, OK);
	EXPECT(vc, "00 2E 00 02", "6D 00");
	EXPECT(vc, "00 2E 00 00", "6D 00");
	vct_ask(vc, SELECT_APP);
	ck_assert_int_eq(vc_pin_is_open(vc, 2), 1);
	vc_reset(vc);
	ck_assert_int_eq(vc_pin_is_open(vc, 2), 0);
	vc_free(&vc);
}
END_TEST

#define MSE_SIGN(fid) "00 22 41 B6 0A 80 01 02 81 02 " fid " 84 01 00"
#define PSO_SIGN "00 2A 9E 9A 14 000102030405060708090A0B0C0D0E0F10111213 00"

/* The trap: without consent a verified PIN2 serves for as many signatures as anybody likes. */
START_TEST(only_consent_shuts_pin2_after_a_signature)
{
	static const struct { const char *image; bool shuts; } cards[] = {
		{ "myeid-citizen.yaml", false }, { "myeid-consent.yaml", true },
		{ "p15-noforget.yaml", false } };
	uint8_t out[300];

	for (size_t i = 0; i < sizeof cards / sizeof cards[0]; i++) {
		struct vc *vc = vct_card(cards[i].image);

		vct_ask(vc, SELECT_APP);
		EXPECT(vc, MSE_SIGN("4B02"), OK);
		EXPECT(vc, PSO_SIGN, "69 82");
		EXPECT(vc, LOGIN, OK);
		EXPECT(vc, PSO_SIGN, "69 82");
		EXPECT(vc, "00 20 00 02 08 " PIN2, OK);
		ck_assert_uint_eq(vct_send(vc, PSO_SIGN, out, sizeof out), 256 + 2);
		ck_assert_int_eq(vc_pin_is_open(vc, 2), !cards[i].shuts);
		ck_assert_uint_eq(vct_send(vc, PSO_SIGN, out, sizeof out),
			cards[i].shuts ? 2u : 256 + 2u);
		ck_assert_int_eq(vc_pin_is_open(vc, 1), 1);
		vc_free(&vc);
	}
}
END_TEST

START_TEST(files_obey_their_acl)
{
	struct vc *vc = vct_card("myeid.yaml");
	uint8_t out[300];
	size_t n;

	EXPECT(vc, "00 A4 00 0C 02 50 15", "6A 86");
	EXPECT(vc, "00 A4 02 00 02 50 31", "6A 86");
	EXPECT(vc, "00 A4 00 00 02 12 34", "6A 82");
	EXPECT(vc, "00 A4 04 00 02 A0 00", "6A 82");
	EXPECT(vc, "00 B0 00 00 00", "69 86");
	EXPECT(vc, "00 A4 08 00 04 50 15 50 31",
		"6F 17 80 02 00 FF 82 01 01 83 02 50 31 86 03 01 3F FF 85 02 00 00 8A 01 07 90 00");
	EXPECT(vc, "00 B0 00 00 0E", "A8 0A 30 08 04 06 3F 00 50 15 44 01 A0 0A 90 00");
	n = vct_send(vc, "00 B0 00 00 00", out, sizeof out);
	ck_assert_uint_eq(n, 257);
	n = vct_send(vc, "00 B0 00 F0 00", out, sizeof out);
	ck_assert_uint_eq(n, 17);
	EXPECT(vc, "00 B0 00 F0 10", "67 00");
	EXPECT(vc, "00 B0 00 FF 01", "67 00");
	EXPECT(vc, "00 B0 80 00 01", "6A 86");
	EXPECT(vc, "00 D6 00 00 01 00", "69 82");
	EXPECT(vc, "00 E4 00 00", "69 82");
	EXPECT(vc, LOGIN, OK);
	EXPECT(vc, "00 D6 00 FE 01 55", OK);
	EXPECT(vc, "00 B0 00 FE 01", "55 90 00");
	EXPECT(vc, "00 D6 00 FE 02 55 55", "6B 00");
	EXPECT(vc, "00 0E 00 00", "6D 00");
	EXPECT(vc, "00 E4 00 00", "69 82");             /* DELETE is PIN 3's */
	EXPECT(vc, "00 A4 00 00 02 4B 01",
		"6F 17 81 02 08 00 82 01 11 83 02 4B 01 86 03 11 11 FF 85 02 01 00 8A 01 07 90 00");
	EXPECT(vc, "00 B0 00 00 01", "69 85");
	EXPECT(vc, "00 CA 01 A4 00", "4B 01 90 00");
	EXPECT(vc, "00 CA 01 A5 00", "4B 02 4B 03 90 00");
	EXPECT(vc, "00 CA 01 A6 00", OK);
	EXPECT(vc, "00 CA 01 A3 00", OK);
	EXPECT(vc, "00 CA 01 AA 0B", "01 00 0F 10 00 00 C0 01 00 02 09 90 00");
	EXPECT(vc, "00 CA 02 A0 00", "6A 86");
	EXPECT(vc, "00 CA 01 55 00", "6A 88");
	EXPECT(vc, "00 B2 01 04 00", "6D 00");
	EXPECT(vc, "80 A4 00 00", "6E 00");
	EXPECT(vc, "0C 20 00 01", "6E 00");
	EXPECT(vc, "00 A4 00 00 03 50 15", "67 00");
	EXPECT(vc, "00", "67 00");
	EXPECT(vc, "00 C0 00 00 00", "69 85");
	vc_free(&vc);
}
END_TEST

START_TEST(the_change_counter_grows)
{
	struct vc *vc = version("4.5.5");

	vct_ask(vc, SELECT_APP);
	EXPECT(vc, "00 CA 01 A0 14",
		"4D 79 45 49 44 04 05 05 00 00 00 00 00 00 00 00 00 01 00 01 90 00");
	EXPECT(vc, LOGIN, OK);
	EXPECT(vc,
		"00 E0 00 00 19 62 17 80 02 00 02 82 01 01 83 02 46 01 86 03 11 1F FF 85 02 00 00 "
		"8A 01 00",
		OK);
	EXPECT(vc, "00 D6 00 00 02 01 02", OK);
	EXPECT(vc, "00 B0 00 00 00", "01 02 90 00");
	EXPECT(vc, "00 CA 01 A0 00",
		"4D 79 45 49 44 04 05 05 00 00 00 00 00 00 00 00 00 01 00 03 90 00");
	EXPECT(vc, "00 2E 00 00", OK);
	EXPECT(vc, "00 B0 00 00 00", "69 82");
	EXPECT(vc,
		"00 E0 00 00 19 62 17 80 02 00 02 82 01 01 83 02 46 02 86 03 11 1F FF 85 02 00 00 "
		"8A 01 00",
		"69 82");
	vc_free(&vc);
}
END_TEST

static struct vc *signing(const char *mse)
{
	struct vc *vc = vct_card("myeid.yaml");

	vct_ask(vc, SELECT_APP);
	EXPECT(vc, mse, OK);
	EXPECT(vc, "00 2A 9E 9A 01 00 00", "69 82");
	EXPECT(vc, LOGIN, OK);
	return vc;
}

START_TEST(rsa_signs)
{
	struct vc *vc = signing("00 22 41 B6 0A 80 01 02 81 02 4B 01 84 01 00");
	EVP_PKEY *key = vct_key("rsa2048");
	uint8_t out[300],
		info[103] = { 0x30, 0x31, 0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65,
			0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20 },
		block[256];
	size_t n;

	memset(info + 19, 0x5A, 32);
	n = vct_data(vc, "00 2A 9E 9A", info, 51, true, out, sizeof out);
	ck_assert_uint_eq(n, 258);
	ck_assert(vct_verifies(key, RSA_PKCS1_PADDING, EVP_sha256(), out, 256, info + 19, 32));
	/* 40 % of 256 bytes is 102. */
	n = vct_data(vc, "00 2A 9E 9A", info, 102, true, out, sizeof out);
	ck_assert_uint_eq(vct_sw(out, n), 0x9000);
	n = vct_data(vc, "00 2A 9E 9A", info, 103, true, out, sizeof out);
	ck_assert_uint_eq(vct_sw(out, n), 0x6700);
	EXPECT(vc, "00 22 41 B6 0A 80 01 12 81 02 4B 01 84 01 00", OK);
	n = vct_data(vc, "00 2A 9E 9A", info + 19, 20, true, out, sizeof out);
	ck_assert(
		n == 258 && vct_verifies(key, RSA_PKCS1_PADDING, EVP_sha1(), out, 256, info + 19, 20));
	/* A raw block does not fit in one command. */
	EXPECT(vc, "00 22 41 B6 0A 80 01 00 81 02 4B 01 84 01 00", OK);
	memset(block, 0x33, sizeof block);
	n = vct_data(vc, "10 2A 9E 9A", block, 255, false, out, sizeof out);
	ck_assert_uint_eq(vct_sw(out, n), 0x9000);
	n = vct_data(vc, "00 2A 9E 9A", block, 1, true, out, sizeof out);
	ck_assert_uint_eq(n, 258);
	ck_assert(vct_verifies(key, RSA_NO_PADDING, NULL, out, 256, block, 256));
	/* A command between breaks the chain. */
	n = vct_data(vc, "10 2A 9E 9A", block, 255, false, out, sizeof out);
	EXPECT(vc, "00 20 00 01", OK);
	n = vct_data(vc, "00 2A 9E 9A", block, 1, true, out, sizeof out);
	ck_assert_uint_eq(vct_sw(out, n), 0x6700);
	EXPECT(vc, "00 22 41 B6 0A 80 01 02 81 02 4B 77 84 01 00", "6A 88");
	EXPECT(vc, "00 22 41 B6 07 80 01 02 81 02 4B 01", "6A 81");
	EXPECT(vc, "00 22 41 B6 0A 80 01 03 81 02 4B 01 84 01 00", "6A 81");
	EXPECT(vc, "00 22 41 B7 0A 80 01 02 81 02 4B 01 84 01 00", "6A 86");
	EXPECT(vc, "00 22 F3 00", OK);
	EXPECT(vc, "00 2A 9E 9A 01 00 00", "69 85");
	EVP_PKEY_free(key);
	vc_free(&vc);
}
END_TEST

START_TEST(ecdsa_signs)
{
	static const struct { const char *mse, *key; size_t len; } cases[] = {
		{ "00 22 41 B6 0A 80 01 04 81 02 4B 02 84 01 00", "p384", 48 },
		{ "00 22 41 B6 0A 80 01 04 81 02 4B 03 84 01 00", "p256", 32 },
	};
	uint8_t out[300], hash[67] = { 0 };
	size_t n;

	memset(hash + 28, 0xC3, 20);
	for (size_t i = 0; i < 2; i++) {
		struct vc *vc = signing(cases[i].mse);
		EVP_PKEY *key = vct_key(cases[i].key);

		/* Strict DER is what OpenSSL's verification wants. */
		n = vct_data(vc, "00 2A 9E 9A", hash, cases[i].len, true, out, sizeof out);
		ck_assert_uint_eq(vct_sw(out, n), 0x9000);
		ck_assert_uint_eq(out[1], n - 4);
		ck_assert(vct_verifies(key, 0, NULL, out, n - 2, hash, cases[i].len));
		n = vct_data(vc, "00 2A 9E 9A", hash, cases[i].len + 1, true, out, sizeof out);
		ck_assert_uint_eq(vct_sw(out, n), 0x6700);
		EVP_PKEY_free(key);
		vc_free(&vc);
	}
}
END_TEST

/* The public key that a point of GENERATE or GET DATA tells. */
static EVP_PKEY *point_key(const char *group, const uint8_t *point, size_t len)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	EVP_PKEY *key = NULL;
	OSSL_PARAM params[] = { OSSL_PARAM_construct_utf8_string(
					OSSL_PKEY_PARAM_GROUP_NAME, (char *)(uintptr_t)group, 0),
		OSSL_PARAM_construct_octet_string(
			OSSL_PKEY_PARAM_PUB_KEY, (void *)(uintptr_t)point, len),
		OSSL_PARAM_construct_end() };

	ck_assert(EVP_PKEY_fromdata_init(ctx) == 1 &&
		EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) == 1);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

START_TEST(keys_are_generated)
{
	struct vc *vc = vct_card("myeid-blank.yaml");
	uint8_t made[300], out[300], hash[66] = { 0 };
	EVP_PKEY *key;
	size_t n;

	vct_ask(vc, SELECT_APP);
	EXPECT(vc, LOGIN, OK);
	/* P-521: lengths in the 81 form, a 64-byte hash padded to 66. */
	EXPECT(vc,
		"00 E0 00 00 19 62 17 81 02 02 09 82 01 22 83 02 4B 01 86 03 11 11 FF 85 02 00 00 "
		"8A 01 00",
		OK);
	EXPECT(vc, "00 CA 01 86 00", "6A 88");
	n = vct_send(vc, "00 46 00 00 00", made, sizeof made);
	ck_assert_uint_eq(n, 3 + 133 + 2);
	ck_assert(memcmp(made, "\x86\x81\x85\x04", 4) == 0);
	ck_assert_uint_eq(vct_send(vc, "00 CA 01 86 00", out, sizeof out), n);
	ck_assert(out[0] == 0x30 && memcmp(out + 1, made + 1, n - 1) == 0);
	ck_assert_uint_eq(vct_send(vc, "00 CA 01 84 00", out, sizeof out), 133 + 2);
	EXPECT(vc, "00 A4 00 00 02 4B 01",
		"6F 17 81 02 02 09 82 01 22 83 02 4B 01 86 03 11 11 FF 85 02 03 00 8A 01 07 90 00");
	EXPECT(vc, "00 22 41 B6 0A 80 01 04 81 02 4B 01 84 01 00", OK);
	memset(hash + 2, 0xE7, 64);
	n = vct_data(vc, "00 2A 9E 9A", hash, 66, true, out, sizeof out);
	ck_assert_uint_eq(vct_sw(out, n), 0x9000);
	key = point_key("P-521", made + 3, 133);
	ck_assert(vct_verifies(key, 0, NULL, out, n - 2, hash + 2, 64));
	EVP_PKEY_free(key);
	/* RSA: the bare modulus, as 3.3.3 answers; exponent under either tag. */
	EXPECT(vc,
		"00 E0 00 00 19 62 17 81 02 04 00 82 01 11 83 02 4B 02 86 03 11 11 FF 85 02 00 00 "
		"8A 01 00",
		OK);
	EXPECT(vc, "00 46 00 00", "6A 80");
	n = vct_send(vc, "00 46 00 00 07 30 05 02 03 01 00 01 00", made, sizeof made);
	ck_assert_uint_eq(n, 130);
	ck_assert_uint_eq(vct_send(vc, "00 CA 01 01 00", out, sizeof out), 130);
	ck_assert(memcmp(made, out, n) == 0);
	EXPECT(vc, "00 CA 01 02 00", "01 00 01 90 00");
	EXPECT(vc, "00 2E 00 00", OK);
	EXPECT(vc, "00 46 00 00 07 30 05 02 03 01 00 01 00", "69 82");
	vc_free(&vc);
}
END_TEST

START_TEST(rsa_deciphers)
{
	struct vc *vc = vct_card("myeid.yaml");
	EVP_PKEY *key = vct_key("rsa2048");
	uint8_t in[257] = { 0 }, part[130], out[300];
	size_t n = vct_encrypt(key, RSA_PKCS1_PADDING, NULL, "hello", 5, in + 1, 256);

	ck_assert_uint_eq(n, 256);
	vct_ask(vc, SELECT_APP);
	EXPECT(vc, LOGIN, OK);
	EXPECT(vc, "00 22 41 B8 0A 80 01 02 81 02 4B 01 84 01 00", OK);
	/* Two halves. */
	part[0] = 0x81;
	memcpy(part + 1, in + 1, 128);
	n = vct_data(vc, "00 2A 80 86", part, 129, false, out, sizeof out);
	ck_assert(n == 2 && vct_sw(out, n) == 0x9000);
	part[0] = 0x82;
	memcpy(part + 1, in + 129, 128);
	n = vct_data(vc, "00 2A 80 86", part, 129, true, out, sizeof out);
	ck_assert(n == 7 && memcmp(out, "hello", 5) == 0);
	/* The second without the first. */
	n = vct_data(vc, "00 2A 80 86", part, 129, true, out, sizeof out);
	ck_assert_uint_eq(vct_sw(out, n), 0x6985);
	/* A chain. */
	n = vct_data(vc, "10 2A 80 86", in, 255, false, out, sizeof out);
	ck_assert_uint_eq(vct_sw(out, n), 0x9000);
	n = vct_data(vc, "00 2A 80 86", in + 255, 2, true, out, sizeof out);
	ck_assert(n == 7 && memcmp(out, "hello", 5) == 0);
	/* Raw: the whole block. */
	EXPECT(vc, "00 22 41 B8 0A 80 01 00 81 02 4B 01 84 01 00", OK);
	n = vct_data(vc, "10 2A 80 86", in, 255, false, out, sizeof out);
	n = vct_data(vc, "00 2A 80 86", in + 255, 2, true, out, sizeof out);
	ck_assert(n == 258 && memcmp(out + 251, "hello", 5) == 0 && out[1] == 2);
	EVP_PKEY_free(key);
	vc_free(&vc);
}
END_TEST

START_TEST(ecdh_agrees)
{
	struct vc *vc = vct_card("myeid.yaml");
	EVP_PKEY *mine = vct_key("p256"), *peer = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, mine, NULL);
	uint8_t in[69] = { 0x7C, 0x43, 0x85, 0x41 }, out[300], want[32];
	unsigned char *point;
	size_t n = sizeof want;

	ck_assert_uint_eq(EVP_PKEY_get1_encoded_public_key(peer, &point), 65);
	memcpy(in + 4, point, 65);
	ck_assert(EVP_PKEY_derive_init(ctx) == 1 && EVP_PKEY_derive_set_peer(ctx, peer) == 1 &&
		EVP_PKEY_derive(ctx, want, &n) == 1);
	vct_ask(vc, SELECT_APP);
	EXPECT(vc, "00 22 41 A4 0A 80 01 04 81 02 4B 03 84 01 00", OK);
	n = vct_data(vc, "00 86 00 00", in, sizeof in, true, out, sizeof out);
	ck_assert_uint_eq(vct_sw(out, n), 0x6982);
	EXPECT(vc, LOGIN, OK);
	n = vct_data(vc, "00 86 00 00", in, sizeof in, true, out, sizeof out);
	ck_assert(n == 34 && memcmp(out, want, 32) == 0);
	in[68] ^= 1;            /* not on the curve */
	n = vct_data(vc, "00 86 00 00", in, sizeof in, true, out, sizeof out);
	ck_assert_uint_eq(vct_sw(out, n), 0x6A80);
	OPENSSL_free(point);
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(mine);
	EVP_PKEY_free(peer);
	vc_free(&vc);
}
END_TEST

/* One component by PUT DATA, in halves of 128 bytes when it is longer than a command. */
static unsigned put(struct vc *vc, EVP_PKEY *key, const char *name, unsigned p2)
{
	BIGNUM *bn = NULL;
	uint8_t buf[257] = { 0 }, out[300];
	char header[16];
	size_t n, at = 0;

	ck_assert(EVP_PKEY_get_bn_param(key, name, &bn) == 1);
	n = (size_t)BN_num_bytes(bn);
	BN_bn2bin(bn, buf);
	BN_clear_free(bn);
	if (n == 256) {
		snprintf(header, sizeof header, "00DA01%02X", p2 == 0x80 ? 0x88 : 0x8A);
		n = vct_data(vc, header, buf, 128, false, out, sizeof out);
		ck_assert_uint_eq(vct_sw(out, n), 0x9000);
		p2 = p2 == 0x80 ? 0x89 : 0x8B;
		at = n = 128;
	}
	snprintf(header, sizeof header, "00DA01%02X", p2);
	n = vct_data(vc, header, buf + at, n, false, out, sizeof out);
	return vct_sw(out, n);
}

START_TEST(keys_are_imported)
{
	static const struct { const char *name; unsigned p2;
	} rsa[] = { { OSSL_PKEY_PARAM_RSA_FACTOR1, 0x83 }, { OSSL_PKEY_PARAM_RSA_FACTOR2, 0x84 },
		{ OSSL_PKEY_PARAM_RSA_EXPONENT1, 0x85 }, { OSSL_PKEY_PARAM_RSA_EXPONENT2, 0x86 },
		{ OSSL_PKEY_PARAM_RSA_COEFFICIENT1, 0x87 }, { OSSL_PKEY_PARAM_RSA_N, 0x80 },
		{ OSSL_PKEY_PARAM_RSA_E, 0x81 } };
	struct vc *vc = vct_card("myeid-blank.yaml");
	EVP_PKEY *key = vct_key("rsa2048");
	uint8_t out[300], hash[32] = { 7 };
	unsigned char *point;
	size_t n, i;

	vct_ask(vc, SELECT_APP);
	EXPECT(vc, LOGIN, OK);
	EXPECT(vc,
		"00 E0 00 00 19 62 17 81 02 08 00 82 01 11 83 02 4B 01 86 03 11 11 FF 85 02 00 00 "
		"8A 01 00",
		OK);
	EXPECT(vc, "00 22 41 B6 0A 80 01 12 81 02 4B 01 84 01 00", OK);
	EXPECT(vc, "00 2A 9E 9A 14 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00",
		"69 85");
	for (i = 0; i < sizeof rsa / sizeof rsa[0]; i++)
		ck_assert_uint_eq(put(vc, key, rsa[i].name, rsa[i].p2), 0x9000);
	n = vct_data(vc, "00 2A 9E 9A", hash, 20, true, out, sizeof out);
	ck_assert(n == 258 && vct_verifies(key, RSA_PKCS1_PADDING, EVP_sha1(), out, 256, hash, 20));
	/* Parts that do not belong together: no key. */
	for (i = 0; i < sizeof rsa / sizeof rsa[0]; i++)
		n = put(vc, key, rsa[i == 0 ? 1 : i].name, rsa[i].p2);
	ck_assert_uint_eq(n, 0x6A80);
	EVP_PKEY_free(key);
	key = vct_key("p256");
	EXPECT(vc,
		"00 E0 00 00 19 62 17 81 02 01 00 82 01 22 83 02 4B 02 86 03 11 11 FF 85 02 00 00 "
		"8A 01 00",
		OK);
	ck_assert_uint_eq(put(vc, key, OSSL_PKEY_PARAM_PRIV_KEY, 0x87), 0x9000);
	n = EVP_PKEY_get1_encoded_public_key(key, &point);
	n = vct_data(vc, "00 DA 01 86", point, n, false, out, sizeof out);
	ck_assert_uint_eq(vct_sw(out, n), 0x9000);
	OPENSSL_free(point);
	EXPECT(vc, "00 22 41 B6 0A 80 01 04 81 02 4B 02 84 01 00", OK);
	n = vct_data(vc, "00 2A 9E 9A", hash, 32, true, out, sizeof out);
	ck_assert(vct_sw(out, n) == 0x9000 && vct_verifies(key, 0, NULL, out, n - 2, hash, 32));
	EVP_PKEY_free(key);
	vc_free(&vc);
}
END_TEST

/* FIPS 197, appendix C.1; then the same key wrapped and unwrapped. */
START_TEST(secret_keys_work)
{
	struct vc *vc = vct_card("myeid-blank.yaml");
	char unwrap[128];

	vct_ask(vc, SELECT_APP);
	EXPECT(vc, LOGIN, OK);
	EXPECT(vc,
		"00 E0 00 00 19 62 17 81 02 00 80 82 01 29 83 02 4D 01 86 03 11 11 FF 85 02 00 00 "
		"8A 01 00",
		OK);
	EXPECT(vc, "00 DA 01 A0 10 00 01 02 03 04 05 06 07 08 09 0A 0B 0C 0D 0E 0F", OK);
	EXPECT(vc,
		"00 22 81 B8 1C 80 01 00 81 02 4D 01 83 01 00 87 10 00 00 00 00 00 00 00 00 00 00 "
		"00 00 00 00 00 00",
		OK);
	EXPECT(vc, "00 2A 84 80 10 00 11 22 33 44 55 66 77 88 99 AA BB CC DD EE FF 00",
		"69 C4 E0 D8 6A 7B 04 30 D8 CD B7 80 70 B4 C5 5A 90 00");
	EXPECT(vc, "00 2A 84 80 0F 00 11 22 33 44 55 66 77 88 99 AA BB CC DD EE 00", "67 00");
	/* CBC in pieces, each answered: the second block is chained to the first. */
	EXPECT(vc, "10 2A 84 80 10 00 11 22 33 44 55 66 77 88 99 AA BB CC DD EE FF 00",
		"69 C4 E0 D8 6A 7B 04 30 D8 CD B7 80 70 B4 C5 5A 90 00");
	EXPECT(vc, "00 2A 84 80 10 69 D5 C2 EB 2E 2E 62 47 50 54 1D 3B BC 69 2B A5 00",
		"69 C4 E0 D8 6A 7B 04 30 D8 CD B7 80 70 B4 C5 5A 90 00");
	EXPECT(vc, "00 22 41 B8 0A 80 01 00 81 02 4D 01 83 01 00", OK);
	EXPECT(vc, "00 2A 80 84 10 69 C4 E0 D8 6A 7B 04 30 D8 CD B7 80 70 B4 C5 5A 00",
		"00 11 22 33 44 55 66 77 88 99 AA BB CC DD EE FF 90 00");
	/* Wrap 4D02 (extractable) with 4D01, unwrap into 4D03, use that. */
	EXPECT(vc,
		"00 E0 00 00 19 62 17 81 02 00 80 82 01 29 83 02 4D 02 86 03 11 11 FF 85 02 00 08 "
		"8A 01 00",
		OK);
	EXPECT(vc, "00 DA 01 A0 10 00 11 22 33 44 55 66 77 88 99 AA BB CC DD EE FF", OK);
	EXPECT(vc,
		"00 E0 00 00 19 62 17 81 02 00 80 82 01 29 83 02 4D 03 86 03 11 11 FF 85 02 00 01 "
		"8A 01 00",
		OK);
	EXPECT(vc, "00 22 81 B8 0E 80 01 0A 81 02 4D 01 83 01 00 83 02 4D 02", OK);
	EXPECT(vc, "00 2A 84 00 00", "69 C4 E0 D8 6A 7B 04 30 D8 CD B7 80 70 B4 C5 5A 90 00");
	EXPECT(vc, "00 22 81 B8 0E 80 01 0A 81 02 4D 01 83 01 00 83 02 4D 01", OK);
	EXPECT(vc, "00 2A 84 00 00", "69 85");          /* not extractable */
	EXPECT(vc, "00 22 41 B8 0E 80 01 0A 81 02 4D 01 83 01 00 83 02 4D 03", OK);
	snprintf(unwrap, sizeof unwrap,
		"00 2A 00 84 10 69 C4 E0 D8 6A 7B 04 30 D8 CD B7 80 70 B4 C5 5A");
	EXPECT(vc, unwrap, OK);
	EXPECT(vc, unwrap, "69 85");                    /* holds a key by now */
	EXPECT(vc, "00 22 81 B8 0A 80 01 00 81 02 4D 03 83 01 00", OK);
	EXPECT(vc, "00 2A 84 80 10 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00",
		"FD E4 FB AE 4A 09 E0 20 EF F7 22 96 9F 83 83 2B 90 00");
	/* 4D03 was a session key. */
	vc_reset(vc);
	vct_ask(vc, SELECT_APP);
	EXPECT(vc, "00 CA 01 A6 00", "4D 01 4D 02 90 00");
	vc_free(&vc);
}
END_TEST

START_TEST(long_answers_come_in_parts)
{
	static const char text[] = "os: myeid\natr: 3BF51800008131FE454D794549449A\nserial: "
				   "00000000000000000001\nfiles:\n"
				   " - { path: 50154B01, type: rsa, acl: 0000FF, key: %s }\n";
	char image[8192], err[512];
	EVP_PKEY *key = vct_key("root");
	uint8_t out[300], sig[512],
		info[51] = { 0x30, 0x31, 0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03,
			0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20 };
	struct vc *vc;
	size_t n;

	snprintf(image, sizeof image, text, vct_path("t/cards/pki/TEST-root.key.pem"));
	vc = vct_text(image, err, sizeof err);
	ck_assert_msg(vc != NULL, "%s", err);
	vct_ask(vc, SELECT_APP);
	EXPECT(vc, "00 22 41 B6 0A 80 01 02 81 02 4B 01 84 01 00", OK);
	n = vct_data(vc, "00 2A 9E 9A", info, sizeof info, true, out, sizeof out);
	ck_assert(n == 258 && vct_sw(out, n) == 0x6100);
	memcpy(sig, out, 256);
	n = vct_send(vc, "00 C0 00 00 80", out, sizeof out);
	ck_assert(n == 130 && vct_sw(out, n) == 0x6180);
	memcpy(sig + 256, out, 128);
	n = vct_send(vc, "00 C0 00 00 00", out, sizeof out);
	ck_assert(n == 130 && vct_sw(out, n) == 0x9000);
	memcpy(sig + 384, out, 128);
	ck_assert(vct_verifies(key, RSA_PKCS1_PADDING, EVP_sha256(), sig, 512, info + 19, 32));
	EXPECT(vc, "00 C0 00 00 00", "69 85");
	EVP_PKEY_free(key);
	vc_free(&vc);
}
END_TEST

START_TEST(faults_fire_once)
{
	struct vc *vc = vct_card("myeid.yaml");
	static uint8_t big[VC_MAX_RESPONSE];
	uint32_t events = vc_counts(vc).events;

	vc_fault(vc, 2, VC_FAULT_6F00);
	EXPECT(vc, "00 20 00 01", "63 C3");
	EXPECT(vc, "00 20 00 01", "6F 00");
	EXPECT(vc, "00 20 00 01", "63 C3");
	vc_fault(vc, 1, VC_FAULT_1BYTE);
	ck_assert_uint_eq(vct_send(vc, "00 20 00 01", big, sizeof big), 1);
	vc_fault(vc, 1, VC_FAULT_EMPTY);
	ck_assert_uint_eq(vct_send(vc, "00 20 00 01", big, sizeof big), 0);
	vc_fault(vc, 1, VC_FAULT_64K);
	ck_assert_uint_eq(vct_send(vc, "00 20 00 01", big, sizeof big), VC_MAX_RESPONSE);
	vc_fault(vc, 1, VC_FAULT_TIMEOUT);
	ck_assert(vct_send(vc, "00 20 00 01", big, sizeof big) == VC_SILENT);
	vc_fault(vc, 1, VC_FAULT_61LOOP);
	EXPECT(vc, "00 CA 01 A0 00", "61 10");
	for (int i = 0; i < 3; i++)
		ck_assert_uint_eq(vct_send(vc, "00 C0 00 00 10", big, sizeof big), 18);
	EXPECT(vc, "00 20 00 01", "63 C3");
	vc_fault(vc, 1, VC_FAULT_6CLOOP);
	EXPECT(vc, "00 CA 01 A0 00", "6C 10");
	EXPECT(vc, "00 CA 01 A0 10", "6C 10");
	EXPECT(vc, "00 20 00 01", "63 C3");
	EXPECT(vc, LOGIN, OK);
	vc_fault(vc, 1, VC_FAULT_RESET);
	ck_assert_uint_eq(vct_send(vc, "00 20 00 01", big, sizeof big), 0);
	ck_assert(vc_present(vc));
	EXPECT(vc, "00 20 00 01", "63 C3");
	vc_fault(vc, 1, VC_FAULT_REMOVED);
	ck_assert_uint_eq(vct_send(vc, "00 20 00 01", big, sizeof big), 0);
	ck_assert(!vc_present(vc));
	ck_assert_uint_eq(vc_atr(vc, big, sizeof big), 0);
	ck_assert_uint_eq(vct_send(vc, "00 20 00 01", big, sizeof big), 0);
	ck_assert(vc_insert(vc) && !vc_insert(vc));
	ck_assert_uint_eq(vc_counts(vc).events, events + 2);
	EXPECT(vc, "00 20 00 01", "63 C3");
	ck_assert_int_eq(vc_tries(vc, 1), 3);
	vc_free(&vc);
}
END_TEST

START_TEST(images_are_strict)
{
#define CARD "os: myeid\natr: 3B00\n"
#define END "serial: 00112233445566778899\n"
	static const struct { const char *text, *want;
	} cases[] = {
		{ "os: [", ":2: " },
		{ "", ":1: the file is empty" },
		{ "os: myeid\nfoo: 1\n", ":2: unknown key 'foo'" },
		{ "os: vax\n", "'os' must be" },
		{ "os: mute\natr: 3\n", "'atr' must be" },
		{ "os: mute\natr: 3B00\nos: mute\n", ":3: 'os' is given twice" },
		{ "os: myeid\natr: 3B00\nserial: 00\n", ":3: 'serial' must be" },
		{ CARD "no-deauth: 7\n" END, ":3: 'no-deauth' must be" },
		{ "os: mute\natr: 3B00\nchange-opens: 7\n", ":3: 'change-opens' must be" },
		{ CARD "pins:\n - { number: 15, value: \"1\", puk: \"1\" }\n" END,
			":4: 'number' must be" },
		{ CARD "files:\n - { path: 5015, acl: 000000 }\n" END,
			":4: file 5015 is there already" },
		{ CARD "files:\n - { path: 00010002, acl: 000000 }\n" END,
			":4: there is no DF above" },
		{ CARD "files:\n - { path: 0001, size: 1 }\n" END,
			":4: 'acl' is missing" },
		{ CARD "files:\n - { path: 0001, size: 1, acl: 000000, content: [ "
		  "{ hex: 0000 } ] }\n" END,
			":4: the content has 2 bytes, the file 1" },
		{ CARD "files:\n - { path: 0001, type: rsa, bits: 1000, acl: "
		  "000000 }\n" END,
			":4: a card of this" },
		{ CARD "files:\n - { path: 0001, acl: 000000, content: [ { file: "
		  "nowhere } ] }\n" END,
			":4: cannot read" },
		{ "os: mute\natr: 3B00\nno-deauth: yes\n", ":3: unknown key 'no-deauth'" },
		{ "os: mute\natr: 3B00\nfiles:\n - { path: 0001, acl: 000000 }\n",
			":4: unknown key 'acl'" },
		{ "extends: nowhere.yaml\n", "nowhere.yaml: cannot be opened" },
		{ "os: mute\natr: 3B00\npins:\n - { number: 1, value: \"1\", puk: \"1\", unblocked-by: 2 }\n",
			":4: a PIN has 'puk' or 'unblocked-by'" },
	};
	char err[512];
#undef CARD
#undef END

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		err[0] = '\0';
		ck_assert(vct_text(cases[i].text, err, sizeof err) == NULL);
		ck_assert_msg(strstr(err, cases[i].want) != NULL, "%s, not %s", err, cases[i].want);
	}
}
END_TEST

START_TEST(every_image_loads)
{
	static const char *const names[] = { "myeid.yaml", "myeid-3.3.yaml", "myeid-blank.yaml",
		"myeid-garbage.yaml", "myeid-citizen.yaml", "myeid-consent.yaml",
		"myeid-certnr.yaml", "myeid-pin2first.yaml", "myeid-threepins.yaml",
		"myeid-openers.yaml", "p15-noforget.yaml", "oseid.yaml", "unknown.yaml" };

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		struct vc *vc = vct_card(names[i]);
		uint8_t atr[VC_MAX_ATR], x = 0;
		size_t n = vc_atr(vc, atr, sizeof atr), k;

		for (k = 1; k < n; k++)
			x ^= atr[k];
		ck_assert_msg(x == 0, "%s: TCK", names[i]);
		vc_free(&vc);
	}
}
END_TEST

START_TEST(the_unknown_card_knows_nothing)
{
	struct vc *vc = vct_card("unknown.yaml");

	EXPECT(vc, SELECT_APP, "6A 82");
	EXPECT(vc, "00 A4 00 00 02 3F 00", "6A 82");
	EXPECT(vc, "00 B0 00 00 00", "6D 00");
	EXPECT(vc, "80 CA 9F 7F 00", "6E 00");
	vc_free(&vc);
}
END_TEST

START_TEST(the_log_hides_pins)
{
	struct vc *vc = vct_card("myeid.yaml");
	char path[] = "/tmp/vct-log-XXXXXX", text[4096];
	int fd = mkstemp(path);
	ssize_t n;

	ck_assert(fd >= 0 && vc_log(vc, path));
	EXPECT(vc, LOGIN, OK);
	EXPECT(vc, "00 24 00 01 10 " PIN1 "34 33 32 31 FF FF FF FF", OK);
	EXPECT(vc, "00 20 00 01", "63 C3");
	ck_assert(vc_log(vc, NULL));
	n = read(fd, text, sizeof text - 1);
	ck_assert(n > 0);
	text[n] = '\0';
	ck_assert(strstr(text, "= atr 3BF518") != NULL);
	ck_assert(strstr(text, "> 00200001 08 [*8]\n< 9000\n") != NULL);
	ck_assert(strstr(text, "> 00200001\n< 63C3\n") != NULL);
	ck_assert(strstr(text, "31323334") == NULL && strstr(text, "34333231") == NULL);
	close(fd);
	unlink(path);
	vc_free(&vc);
}
END_TEST

UNIT_MAIN("vc_myeid", trace_t1_oseid, trace_t1_consent, trace_t2_and_erase, trace_t4_delete_class,
	old_cards_know_less, pins_count, pins_are_looked_at_and_set_from_outside,
	a_changed_pin_is_open_where_the_image_says_so,
	a_card_without_deauthenticate_forgets_at_a_reset_only,
	only_consent_shuts_pin2_after_a_signature, files_obey_their_acl, the_change_counter_grows, rsa_signs,
	ecdsa_signs, keys_are_generated, rsa_deciphers, ecdh_agrees, keys_are_imported,
	secret_keys_work, long_answers_come_in_parts, faults_fire_once, images_are_strict,
	every_image_loads, the_unknown_card_knows_nothing, the_log_hides_pins)

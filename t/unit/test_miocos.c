/* MioCOS, against cards whose answers are written here. Source: card-miocos. */
#include "t/unit/oldcard.h"

START_TEST(the_version_is_in_the_historical_bytes)
{
	static const struct { const char *atr; unsigned version; } cases[] = {
		{ "3B9D944023006810114D696F434F53009000", 0x0100 }, { "3B9D114023006820014D696F434F53009000", 0x0200 },
		{ "3B9D944023006823014D696F434F53009000", 0x0203 }, { "3B9D944023006823014D696F434F", 0 }, { "", 0 },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct buf atr = BUF_INIT;
		struct oldcard o;

		ck_assert_int_eq(hex_parse(cases[i].atr, strlen(cases[i].atr), &atr), 0);
		oldcard_new(&o, "miocos", NULL);
		o.s.atr = buf_peek(&atr);
		ck_assert_int_eq(o.card.ops->open(&o.card), 0);
		ck_assert_uint_eq(o.card.caps.version, cases[i].version);
		ck_assert(o.card.caps.max_send == 244 && o.card.caps.max_recv == 244 && !o.card.caps.chaining);
		ck_assert_str_eq(buf_text(&o.s.all), "00" APP);
		oldcard_free(&o);
		buf_free(&atr);
	}
}
END_TEST

START_TEST(keys_are_named_by_file_and_reference)
{
	static const char *const answers[] = { "9000", "9000", "6180", BYTES_128 "9000", NULL };
	struct oldcard o;
	uint8_t c[128];

	oldcard_new(&o, "miocos", answers);
	iso_caps(&o.card);
	ck_assert_int_eq(oldcard_sign(&o, &old_key1, ALG_RSA_PKCS1), 0);
	ck_assert_str_eq(buf_text(&o.s.all), "00" MF "002241B60A80010281024B01840101\n" "002A9E9A33" INFO_51 "00\n"
	    "00C0000080\n");
	oldcard_says(&o, answers);
	ck_assert_int_eq(oldcard_sign(&o, &old_key2, ALG_RSA_RAW), 0);
	ck_assert_str_eq(buf_text(&o.s.all), "00" APP "002241B60A80010081024B02840102\n" "002A9E9A80" BYTES_128 "00\n"
	    "00C0000080\n");
	oldcard_says(&o, answers);
	memset(c, 0x5A, sizeof c);
	ck_assert_int_eq(o.card.ops->decipher(&o.card, &old_key1, ALG_RSA_RAW, HASH_NONE, view_of(c, sizeof c), &o.out), 0);
	ck_assert_str_eq(buf_text(&o.s.all), "00" MF "002241B80A80010081024B01840101\n" "002A80868100" BYTES_128 "00\n"
	    "00C0000080\n");
	oldcard_free(&o);
}
END_TEST

/* No chaining: what 244 bytes do not hold the card cannot do. */
START_TEST(a_long_key_signs_what_fits)
{
	static const char *const answers[] = { "9000", "9000", "6100", BYTES_128 BYTES_128 "9000", NULL };
	struct key_ref key = old_key2;
	struct oldcard o;
	uint8_t c[256] = { 0 };

	key.bits = 2048;
	oldcard_new(&o, "miocos", answers);
	iso_caps(&o.card);
	ck_assert_int_eq(oldcard_sign(&o, &key, ALG_RSA_PKCS1), 0);
	ck_assert_uint_eq(o.out.len, 256);
	oldcard_says(&o, NULL);
	ck_assert_int_eq(oldcard_sign(&o, &key, ALG_RSA_RAW), E_UNSUPPORTED);
	ck_assert_int_eq(o.card.ops->decipher(&o.card, &key, ALG_RSA_PKCS1, HASH_NONE, view_of(c, sizeof c), &o.out),
	    E_UNSUPPORTED);
	ck_assert_ptr_null(strstr(buf_text(&o.s.all), "2A"));
	oldcard_free(&o);
}
END_TEST

/* A reference counts in its own directory alone, so that is current: the MF for PIN1, the application for a
 * PIN without a path. */
START_TEST(a_pin_is_sent_in_its_own_directory)
{
	static const char *const no_mf[] = { "9000", "6A82", NULL };
	struct pin_ref pathless = old_pin1;
	struct oldcard o;
	int tries;

	oldcard_new(&o, "miocos", NULL);
	iso_caps(&o.card);
	ck_assert_int_eq(card_pin_verify(&o.card, &old_pin1, view_str("1234"), &tries), 0);
	ck_assert_str_eq(buf_text(&o.s.all), "00" APP "00" MF "00200001083132333400000000\n");
	oldcard_says(&o, NULL);
	ck_assert_int_eq(card_pin_verify(&o.card, &old_pin2, view_str("1234"), &tries), 0);
	ck_assert_str_eq(buf_text(&o.s.all), "00" APP "00200002083132333400000000\n");
	oldcard_says(&o, NULL);
	pathless.path.from = PATH_APP;
	ck_assert_int_eq(card_pin_change(&o.card, &pathless, view_str("1234"), view_str("4321"), &tries), 0);
	ck_assert_str_eq(buf_text(&o.s.all), "00" APP "002400011031323334000000003433323100000000\n");
	oldcard_says(&o, NULL);
	ck_assert_int_eq(card_pin_unblock(&o.card, &old_pin1, view_str("12345678"), view_str("4321"), &tries), 0);
	ck_assert_str_eq(buf_text(&o.s.all), "00" APP "00" MF "002C00011031323334353637383433323100000000\n");
	oldcard_says(&o, no_mf);
	ck_assert_int_eq(card_pin_verify(&o.card, &old_pin1, view_str("1234"), &tries), E_NOT_FOUND);
	ck_assert_ptr_null(strstr(buf_text(&o.s.all), "\n0020"));
	ck_assert(!o.card.ops->pin_info && !o.card.ops->pin_forget);
	oldcard_free(&o);
}
END_TEST

UNIT_MAIN("miocos", the_version_is_in_the_historical_bytes, keys_are_named_by_file_and_reference,
    a_long_key_signs_what_fits, a_pin_is_sent_in_its_own_directory)

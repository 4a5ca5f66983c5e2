/* SetCOS and its applets, against cards whose answers are written here. Source: card-setcos. */
#include "t/unit/oldcard.h"

/* Which class a card takes shows at the first command; a reset does not change it. */
START_TEST(the_class_is_found_out_once)
{
	static const char *const both[] = { "9000", NULL };
	static const char *const old[] = { "6E00", "6E00", "9000", NULL };
	static const char *const older[] = { "6D00", "6D00", "9000", NULL };
	static const struct { const char *const *answers; uint8_t cla; const char *sent; } cases[] = {
		{ both, 0x00, "00" APP },
		{ old, 0x80, "00" APP "00A40800025015\n" "80" APP },
		{ older, 0x80, "00" APP "00A40800025015\n" "80" APP },
	};

	for (size_t i = 0; i < 3; i++) {
		struct oldcard o;

		oldcard_new(&o, "setcos-4-3", cases[i].answers);
		ck_assert_int_eq(o.card.ops->open(&o.card), 0);
		ck_assert_uint_eq(o.card.caps.cla, cases[i].cla);
		ck_assert_uint_eq(o.card.caps.max_send, 244);
		ck_assert_uint_eq(o.card.caps.challenge, 8);
		ck_assert_str_eq(buf_text(&o.s.all), cases[i].sent);
		oldcard_says(&o, both);
		ck_assert_int_eq(o.card.ops->open(&o.card), 0);
		ck_assert_str_eq(buf_text(&o.s.all), cases[i].cla ? "80" APP : "00" APP);
		oldcard_free(&o);
	}
}
END_TEST

START_TEST(a_card_without_the_application_is_another)
{
	static const char *const missing[] = { "6A82", "6A82", NULL }, *const none[] = { "6E00", NULL };
	struct oldcard o;

	oldcard_new(&o, "setcos-4-4", missing);
	ck_assert_int_eq(o.card.ops->open(&o.card), E_NOT_FOUND);
	ck_assert_uint_eq(o.s.sent, 2);
	oldcard_says(&o, none);
	ck_assert_int_eq(o.card.ops->open(&o.card), E_UNSUPPORTED);
	ck_assert_uint_eq(o.s.sent, 4);
	oldcard_free(&o);
}
END_TEST

START_TEST(the_applet_tells_its_version)
{
	static const struct { const char *answer; unsigned version; } cases[] = {
		{ "76322E31209000", 0x0201 }, { "76322E30209000", 0x0200 }, { "76332E30209000", 0 },
		{ "76322E39209000", 0 }, { "76329000", 0 }, { "9000", 0 }, { "6A88", 0 }, { "6D00", 0 }, { "6F00", 0 },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const char *const answers[] = { "9000", cases[i].answer, NULL }, *const fine[] = { "9000", NULL };
		struct oldcard o;

		oldcard_new(&o, "setcos-eid", answers);
		ck_assert_int_eq(o.card.ops->open(&o.card), 0);
		ck_assert_uint_eq(o.card.caps.version, cases[i].version);
		ck_assert_str_eq(buf_text(&o.s.all), "00" APP "00CADF3005\n");
		/* known once, it is not asked again after a reset */
		oldcard_says(&o, fine);
		ck_assert_int_eq(o.card.ops->open(&o.card), 0);
		ck_assert_uint_eq(o.s.sent, cases[i].version ? 1 : 2);
		ck_assert_uint_eq(o.card.caps.version, cases[i].version);
		oldcard_free(&o);
	}
}
END_TEST

/* MSE and PSO of each kind of card, for a key in the MF and one in the application. The answer comes by GET
 * RESPONSE, as over T=0. */
static const struct kind { const char *profile; uint8_t cla; const char *mse1, *mse2, *dec1; } kinds[] = {
	{ "setcos-4-3", 0x80, "802281B60A80010281024B01840101\n", "802281B60A80010281024B02840102\n",
	    "802241B80A80010281024B01840101\n" },
	{ "setcos-4-4", 0x00, "002241B60A80010281024B01840101\n", "002241B60A80010281024B02840102\n",
	    "002241B80A80010281024B01840101\n" },
	{ "setcos-nidel", 0x00, "002241B60780010281024B01\n", "002241B60780010281024B02\n",
	    "002241B80780010281024B01\n" },
	{ "setcos-eid", 0x00, "002241B60A80010281024B01840101\n", "002241B60A80010281024B02840102\n",
	    "002241B80A80010281024B01840101\n" },
	{ "fineid-eid2048", 0x00, "002241B60780010281024B01\n", "002241B60780010281024B02\n",
	    "002241B80780010281024B01\n" },
	{ "fineid-oberthur", 0x00, "002241B60A80010281024B01840101\n", "002241B60A80010281024B02840102\n",
	    "002241B80A80010281024B01840101\n" },
};
#define KINDS (sizeof kinds / sizeof kinds[0])

START_TEST(keys_sign_as_each_kind_of_card_wants_it)
{
	static const char *const answers[] = { "9000", "9000", "6180", BYTES_128 "9000", NULL };
	struct buf want = BUF_INIT;

	for (size_t i = 0; i < KINDS; i++) {
		const unsigned cla = kinds[i].cla;
		struct oldcard o;

		oldcard_new(&o, kinds[i].profile, answers);
		iso_caps(&o.card);
		o.card.caps.cla = kinds[i].cla;
		ck_assert_int_eq(oldcard_sign(&o, &old_key1, ALG_RSA_PKCS1), 0);
		ck_assert_uint_eq(o.out.len, 128);
		buf_reset(&want);
		buf_fmt(&want, "%02X" MF "%s%02X2A9E9A33" INFO_51 "00\n%02XC0000080\n", cla, kinds[i].mse1, cla, cla);
		ck_assert_str_eq(buf_text(&o.s.all), buf_text(&want));
		oldcard_says(&o, answers);
		ck_assert_int_eq(oldcard_sign(&o, &old_key2, ALG_RSA_PKCS1), 0);
		buf_reset(&want);
		buf_fmt(&want, "%02X" APP "%s%02X2A9E9A33" INFO_51 "00\n%02XC0000080\n", cla, kinds[i].mse2, cla, cla);
		ck_assert_str_eq(buf_text(&o.s.all), buf_text(&want));
		oldcard_free(&o);
	}
	buf_free(&want);
}
END_TEST

START_TEST(keys_decipher_behind_a_zero)
{
	static const char *const answers[] = { "9000", "9000", "6104", "0102030A9000", NULL };
	struct buf want = BUF_INIT;
	uint8_t c[128];

	memset(c, 0x5A, sizeof c);
	for (size_t i = 0; i < KINDS; i++) {
		const unsigned cla = kinds[i].cla;
		struct oldcard o;

		oldcard_new(&o, kinds[i].profile, answers);
		iso_caps(&o.card);
		o.card.caps.cla = kinds[i].cla;
		ck_assert_int_eq(o.card.ops->decipher(&o.card, &old_key1, ALG_RSA_PKCS1, HASH_NONE, view_of(c, sizeof c),
		    &o.out), 0);
		ck_assert(view_eq(buf_peek(&o.out), view_of("\1\2\3\n", 4)));
		buf_reset(&want);
		buf_fmt(&want, "%02X" MF "%s%02X2A80868100" BYTES_128 "00\n%02XC0000004\n", cla, kinds[i].dec1, cla, cla);
		ck_assert_str_eq(buf_text(&o.s.all), buf_text(&want));
		oldcard_free(&o);
	}
	buf_free(&want);
}
END_TEST

/* A whole block, for what the host pads: algorithm 00. Of 2048 bits it goes in two parts. */
START_TEST(a_whole_block_is_raised)
{
	static const char *const small[] = { "9000", "9000", BYTES_128 "9000", NULL };
	static const char *const large[] = { "9000", "9000", "9000", "6100", BYTES_128 BYTES_128 "9000", NULL };
	struct key_ref key = old_key2;
	struct oldcard o;

	oldcard_new(&o, "setcos-4-4", small);
	iso_caps(&o.card);
	ck_assert_int_eq(oldcard_sign(&o, &key, ALG_RSA_RAW), 0);
	ck_assert_str_eq(buf_text(&o.s.all), "00" APP "002241B60A80010081024B02840102\n" "002A9E9A80" BYTES_128 "00\n");
	oldcard_free(&o);
	oldcard_new(&o, "fineid-eid2048", large);
	iso_caps(&o.card);
	key.bits = 2048;
	ck_assert_int_eq(oldcard_sign(&o, &key, ALG_RSA_RAW), 0);
	ck_assert_uint_eq(o.out.len, 256);
	ck_assert_ptr_nonnull(strstr(buf_text(&o.s.all), "\n002241B60780010081024B02\n102A9E9AF45A"));
	ck_assert_ptr_nonnull(strstr(buf_text(&o.s.all), "\n002A9E9A0C5A5A5A5A5A5A5A5A5A5A5A5A00\n00C0000000\n"));
	oldcard_free(&o);
}
END_TEST

/* Eight bytes filled up with zeros, after the application; the local PIN in its directory, which is the
 * application. Nothing asks for a state that these cards do not tell. */
START_TEST(pins_go_in_as_blocks_of_eight)
{
	static const char *const wrong[] = { "9000", "63C2", NULL };
	struct pin_ref no_ref = old_pin1;
	struct pin_state state;
	struct oldcard o;
	int tries;

	oldcard_new(&o, "setcos-4-4", NULL);
	iso_caps(&o.card);
	ck_assert_int_eq(card_pin_verify(&o.card, &old_pin1, view_str("1234"), &tries), 0);
	ck_assert_int_eq(card_pin_verify(&o.card, &old_pin2, view_str("123456"), &tries), 0);
	ck_assert_str_eq(buf_text(&o.s.all), "00" APP "00200001083132333400000000\n" "00" APP
	    "00200002083132333435360000\n");
	oldcard_says(&o, NULL);
	ck_assert_int_eq(card_pin_change(&o.card, &old_pin1, view_str("1234"), view_str("43215"), &tries), 0);
	ck_assert_int_eq(card_pin_unblock(&o.card, &old_pin1, view_str("12345678"), view_str("4321"), &tries), 0);
	ck_assert_str_eq(buf_text(&o.s.all), "00" APP "002400011031323334000000003433323135000000\n" "00" APP
	    "002C00011031323334353637383433323100000000\n");
	oldcard_says(&o, wrong);
	ck_assert_int_eq(card_pin_verify(&o.card, &old_pin1, view_str("1235"), &tries), E_PIN_WRONG);
	ck_assert_int_eq(tries, 2);
	oldcard_says(&o, NULL);
	/* what cannot be one of its PINs, or has no reference, is not sent */
	ck_assert_int_eq(card_pin_verify(&o.card, &old_pin1, view_str("123456789"), &tries), E_PIN_UNFIT);
	no_ref.ref = -1;
	ck_assert_int_eq(card_pin_verify(&o.card, &no_ref, view_str("1234"), &tries), E_DENIED);
	ck_assert_int_eq(card_pin_info(&o.card, &old_pin1, -1, &state), E_UNSUPPORTED);
	ck_assert(state.tries == -1 && state.verified == -1);
	ck_assert(!o.card.ops->pin_forget);
	ck_assert_uint_eq(o.s.sent, 0);
	oldcard_free(&o);
}
END_TEST

UNIT_MAIN("setcos", the_class_is_found_out_once, a_card_without_the_application_is_another, the_applet_tells_its_version,
    keys_sign_as_each_kind_of_card_wants_it, keys_decipher_behind_a_zero, a_whole_block_is_raised,
    pins_go_in_as_blocks_of_eight)

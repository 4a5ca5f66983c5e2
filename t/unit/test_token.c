#include "token/token.h"

#include "t/unit/unit.h"

#include <string.h>

START_TEST(a_text_is_padded_with_blanks_and_cut_between_characters)
{
	static const struct { const char *text; size_t size; const char *want; } cases[] = {
		{ "", 4, "    " }, { NULL, 4, "    " }, { "ab", 4, "ab  " }, { "abcd", 4, "abcd" },
		{ "abcde", 4, "abcd" },
		{ "ab\xC3\xA4", 4, "ab\xC3\xA4" },         /* just fits */
		{ "abc\xC3\xA4", 4, "abc " },              /* two bytes, one would fit */
		{ "ab\xE2\x82\xAC", 4, "ab  " },           /* three bytes, two would fit */
		{ "a\xF0\x9F\x98\x80", 4, "a   " },        /* four bytes, three would fit */
		{ "\xF0\x9F\x98\x80", 3, "   " },
		{ "\x80\x80\x80\x80\x80", 4, "    " },     /* no character at all */
		{ "\xC3\xA4\xC3\xA4\xC3\xA4", 4, "\xC3\xA4\xC3\xA4" },
	};
	CK_UTF8CHAR field[6];

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		memset(field, 0xEE, sizeof field);
		pad_text(field, cases[i].size, cases[i].text);
		ck_assert_msg(memcmp(field, cases[i].want, cases[i].size) == 0, "case %zu", i);
		ck_assert_msg(field[cases[i].size] == 0xEE, "case %zu wrote past the field", i);
	}
}
END_TEST

static struct profile pf = { .name = (char *)(uintptr_t)"test", .model = (char *)(uintptr_t)"Model" };

START_TEST(the_flags_tell_the_tries_that_are_left)
{
	static const struct { int tries, max, puk; CK_FLAGS want; } cases[] = {
		{ 3, 3, -1, 0 }, { -1, 3, -1, 0 }, { -1, -1, -1, 0 },
		{ 2, 3, -1, CKF_USER_PIN_COUNT_LOW },
		{ 1, 3, -1, CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY },
		{ 1, -1, -1, CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY },
		{ 0, 3, -1, CKF_USER_PIN_LOCKED },
		{ 3, 3, 1, CKF_SO_PIN_COUNT_LOW | CKF_SO_PIN_FINAL_TRY }, { 3, 3, 0, CKF_SO_PIN_LOCKED },
		{ 3, 3, 10, 0 },
	};
	const CK_FLAGS asked = CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY | CKF_USER_PIN_LOCKED |
	    CKF_SO_PIN_COUNT_LOW | CKF_SO_PIN_FINAL_TRY | CKF_SO_PIN_LOCKED;
	struct token t = { .pf = &pf };
	CK_TOKEN_INFO info;

	t.slot[0].has_pin = t.slot[0].initialized = true;
	t.slot[0].new_min = 4;
	t.slot[0].pin.max = 8;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		t.slot[0].tries = cases[i].tries;
		t.slot[0].pin.tries_max = cases[i].max;
		t.slot[0].puk_tries = cases[i].puk;
		token_info_locked(&t, 0, TEXT_EN, &info);
		ck_assert_msg((info.flags & asked) == cases[i].want, "case %zu: 0x%lX", i, info.flags);
		ck_assert(info.flags & CKF_LOGIN_REQUIRED);
		ck_assert(info.flags & CKF_USER_PIN_INITIALIZED);
		ck_assert(info.flags & CKF_TOKEN_INITIALIZED);
		ck_assert_uint_eq(info.ulMinPinLen, 4);
		ck_assert_uint_eq(info.ulMaxPinLen, 8);
	}
	t.slot[0].has_pin = false;
	token_info_locked(&t, 0, TEXT_EN, &info);
	ck_assert(!(info.flags & (CKF_LOGIN_REQUIRED | asked)));
}
END_TEST

START_TEST(a_token_without_a_label_is_named_by_its_model)
{
	struct token t = { .pf = &pf };
	CK_TOKEN_INFO info;

	token_info_locked(&t, 0, TEXT_EN, &info);
	ck_assert_int_eq(memcmp(info.label, "TEST CARD Model       ", 22), 0);
	ck_assert_int_eq(memcmp(info.model, "Model           ", 16), 0);
	t.label = (char *)(uintptr_t)"";
	token_info_locked(&t, 0, TEXT_EN, &info);
	ck_assert_int_eq(memcmp(info.label, "TEST CARD Model       ", 22), 0);
	t.label = (char *)(uintptr_t)"A label much longer than a field has room for";
	token_info_locked(&t, 0, TEXT_EN, &info);
	ck_assert_int_eq(memcmp(info.label, "TEST CARD A label much longer th", 32), 0);
}
END_TEST

START_TEST(a_token_with_two_pins_says_which_one_it_is)
{
	static const struct { const char *label; unsigned pin; enum text_lang lang; const char *want; } cases[] = {
		{ "TEST CARD", 0, TEXT_EN, "TEST CARD (PIN1 login)          " },
		{ "TEST CARD", 1, TEXT_EN, "TEST CARD (PIN2 signature)      " },
		{ "TEST CARD", 1, TEXT_FI, "TEST CARD (PIN2 allekirjoitus)  " },
		{ "TEST CARD", 1, TEXT_SV, "TEST CARD (PIN2 underskrift)    " },
		/* too long: at a word, outside of brackets, and never without its warning */
		{ "TEST CARD FOR EVERYBODY", 1, TEXT_EN, "TEST CARD FOR (PIN2 signature)  " },
		{ "TEST CARD (FOR EVERYBODY)", 1, TEXT_EN, "TEST CARD (PIN2 signature)      " },
		{ "HENKILOKORTTI (TEST CARD)", 1, TEXT_EN, "TEST CARD (PIN2 signature)      " },
		{ "HENKILOKORTTIKORTTI", 1, TEXT_EN, "TEST CARD (PIN2 signature)      " },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct token t = { .pf = &pf, .label = (char *)(uintptr_t)cases[i].label };
		CK_TOKEN_INFO info;

		t.slot[0].has_pin = t.slot[1].has_pin = true;
		token_info_locked(&t, cases[i].pin, cases[i].lang, &info);
		ck_assert_msg(memcmp(info.label, cases[i].want, 32) == 0, "case %zu: %.32s", i, info.label);
	}
}
END_TEST

UNIT_MAIN("token", a_token_with_two_pins_says_which_one_it_is, a_text_is_padded_with_blanks_and_cut_between_characters,
    the_flags_tell_the_tries_that_are_left, a_token_without_a_label_is_named_by_its_model)

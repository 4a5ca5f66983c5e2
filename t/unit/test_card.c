/* One command with all its transport, status words, PIN blocks, FCIs: against answers that no
 * sane card gives. */
#include "cardos/card.h"

#include "base/err.h"
#include "cardos/iso.h"
#include "cardos/sw.h"
#include "t/unit/scripted.h"
#include "t/unit/unit.h"

START_TEST(status_words_become_errors)
{
	static const struct sw_rule own[] = { { 0x6985, 0xFFFF, E_PIN_NEEDED }, { 0x9100, 0xFF00, E_FULL },
		{ 0, 0, 0 } };
	static const struct { uint16_t sw; int plain, own; } cases[] = {
		{ 0x9000, 0, 0 }, { 0x6300, E_PIN_WRONG, E_PIN_WRONG }, { 0x63C0, E_PIN_BLOCKED, E_PIN_BLOCKED },
		{ 0x63C1, E_PIN_WRONG, E_PIN_WRONG }, { 0x63CF, E_PIN_WRONG, E_PIN_WRONG },
		{ 0x6983, E_PIN_BLOCKED, E_PIN_BLOCKED }, { 0x6982, E_PIN_NEEDED, E_PIN_NEEDED },
		{ 0x6985, E_DENIED, E_PIN_NEEDED }, { 0x6986, E_DENIED, E_DENIED },
		{ 0x6984, E_DENIED, E_DENIED }, { 0x6A80, E_DATA, E_DATA }, { 0x6A82, E_NOT_FOUND, E_NOT_FOUND },
		{ 0x6A83, E_NOT_FOUND, E_NOT_FOUND }, { 0x6A88, E_NOT_FOUND, E_NOT_FOUND },
		{ 0x6700, E_PROTOCOL, E_PROTOCOL }, { 0x6B00, E_PROTOCOL, E_PROTOCOL },
		{ 0x6A86, E_PROTOCOL, E_PROTOCOL }, { 0x6E00, E_PROTOCOL, E_PROTOCOL },
		{ 0x6C10, E_PROTOCOL, E_PROTOCOL }, { 0x6D00, E_UNSUPPORTED, E_UNSUPPORTED },
		{ 0x6A81, E_UNSUPPORTED, E_UNSUPPORTED }, { 0x6A84, E_FULL, E_FULL }, { 0x6581, E_FULL, E_FULL },
		{ 0x6A89, E_EXISTS, E_EXISTS }, { 0x6F00, E_CARD, E_CARD }, { 0x6282, E_CARD, E_CARD },
		{ 0x9123, E_CARD, E_FULL }, { 0x0000, E_CARD, E_CARD }, { 0xFFFF, E_CARD, E_CARD },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		ck_assert_int_eq(sw_err(NULL, cases[i].sw), cases[i].plain);
		ck_assert_int_eq(sw_err(own, cases[i].sw), cases[i].own);
	}
	for (unsigned sw = 0; sw <= 0xFFFF; sw++)
		ck_assert_int_eq(sw_err(NULL, (uint16_t)sw) == 0, sw == 0x9000);
	ck_assert_int_eq(sw_tries(0x63C7), 7);
	ck_assert_int_eq(sw_tries(0x6300), -1);
}
END_TEST

START_TEST(the_rest_of_an_answer_is_fetched)
{
	static const char *const answers[] = { "0102" "6103", "030405" "6102", "6C01", "06" "9000", NULL };
	const struct apdu a = { .cla = 0x00, .ins = 0xCB, .le = LE_ANY };
	struct resp resp = { BUF_INIT, 0 };
	struct scripted s;
	struct card card;

	scripted_card(&s, &card, answers);
	ck_assert_int_eq(card_apdu(&card, &a, &resp), 0);
	ck_assert_uint_eq(resp.sw, 0x9000);
	ck_assert(view_eq(buf_peek(&resp.data), view_of("\1\2\3\4\5\6", 6)));
	ck_assert_str_eq(buf_text(&s.all), "00CB000000\n00C0000003\n00C0000002\n00C0000001\n");
	resp_free(&resp);
	scripted_free(&s);
}
END_TEST

/* A card of old has a class of its own, and what is left of an answer is asked for in it. */
START_TEST(the_class_is_the_cards)
{
	static const char *const answers[] = { "6102", "0102" "9000", NULL };
	const struct apdu a = { .ins = 0xCA, .le = LE_ANY }, other = { .cla = 0xA0, .ins = 0xE4 };
	struct resp resp = { BUF_INIT, 0 };
	struct scripted s;
	struct card card;

	scripted_card(&s, &card, answers);
	card.caps.cla = 0x80;
	ck_assert_int_eq(card_apdu(&card, &a, &resp), 0);
	ck_assert_int_eq(card_apdu(&card, &other, &resp), 0);
	ck_assert_str_eq(buf_text(&s.all), "80CA000000\n80C0000002\nA0E40000\n");
	resp_free(&resp);
	scripted_free(&s);
}
END_TEST

/* Over T=0 each SELECT has an answer to be fetched, whether anybody wants it or not. */
START_TEST(what_nobody_wants_is_not_fetched)
{
	static const char *const answers[] = { "6114", NULL }, *const asked[] = { "6102", "6F00" "9000", NULL };
	const struct apdu plain = { .ins = 0xA4, .data = { (const uint8_t *)"\x3F\0", 2 } };
	struct apdu fci = plain;
	struct scripted s;
	struct card card;

	scripted_card(&s, &card, answers);
	ck_assert_int_eq(card_command(&card, &plain, NULL, NULL), 0);
	ck_assert_uint_eq(s.sent, 1);
	scripted_free(&s);
	scripted_card(&s, &card, asked);
	fci.le = LE_ANY;
	ck_assert_int_eq(card_command(&card, &fci, NULL, NULL), 0);
	ck_assert_uint_eq(s.sent, 2);
	scripted_free(&s);
}
END_TEST

START_TEST(a_wrong_le_is_mended_once)
{
	static const char *const right[] = { "6C05", "0102030405" "9000", NULL };
	static const char *const loop[] = { "6C05", NULL };
	const struct apdu read = { .ins = 0xB0, .le = LE_ANY };
	const struct apdu verify = { .ins = 0x20, .data = { (const uint8_t *)"1234", 4 },
		.flags = APDU_SECRET_IN };
	struct resp resp = { BUF_INIT, 0 };
	struct scripted s;
	struct card card;

	scripted_card(&s, &card, right);
	ck_assert_int_eq(card_apdu(&card, &read, &resp), 0);
	ck_assert_uint_eq(resp.data.len, 5);
	ck_assert_str_eq(buf_text(&s.all), "00B0000000\n00B0000005\n");
	scripted_free(&s);
	scripted_card(&s, &card, loop);
	resp_free(&resp);
	ck_assert_int_eq(card_apdu(&card, &read, &resp), 0);
	ck_assert_uint_eq(resp.sw, 0x6C05);
	ck_assert_uint_eq(s.sent, 2);
	scripted_free(&s);
	/* a VERIFY is sent once whatever comes */
	scripted_card(&s, &card, loop);
	ck_assert_int_eq(card_command(&card, &verify, NULL, NULL), E_PROTOCOL);
	ck_assert_uint_eq(s.sent, 1);
	scripted_free(&s);
	resp_free(&resp);
}
END_TEST

START_TEST(endless_answers_end)
{
	static const char *const empty_loop[] = { "6110", NULL };
	static const char *const full_loop[] = { "000102030405060708090A0B0C0D0E0F" "6110", NULL };
	const struct apdu a = { .ins = 0xCA, .le = LE_ANY };
	struct resp resp = { BUF_INIT, 0 };
	struct scripted s;
	struct card card;

	scripted_card(&s, &card, empty_loop);
	ck_assert_int_eq(card_apdu(&card, &a, &resp), E_PROTOCOL);
	ck_assert_uint_eq(s.sent, 2);
	scripted_free(&s);
	resp_free(&resp);
	scripted_card(&s, &card, full_loop);
	ck_assert_int_eq(card_apdu(&card, &a, &resp), E_PROTOCOL);
	ck_assert_uint_le(s.sent, 302);
	scripted_free(&s);
	resp_free(&resp);
	scripted_card(&s, &card, NULL);
	s.big = 65536;
	ck_assert_int_eq(card_apdu(&card, &a, &resp), 0);
	ck_assert_uint_eq(resp.data.len, 65536);
	resp_free(&resp);
	s.big = 65537;
	ck_assert_int_eq(card_apdu(&card, &a, &resp), E_PROTOCOL);
	scripted_free(&s);
	resp_free(&resp);
}
END_TEST

START_TEST(short_answers_are_errors)
{
	static const char *const cases[] = { "", "90" };
	const struct apdu a = { .ins = 0xCA, .le = LE_ANY };

	for (size_t i = 0; i < 2; i++) {
		const char *const answers[] = { cases[i], NULL };
		struct resp resp = { BUF_INIT, 0 };
		struct scripted s;
		struct card card;

		scripted_card(&s, &card, answers);
		ck_assert_int_eq(card_apdu(&card, &a, &resp), E_PROTOCOL);
		ck_assert_uint_eq(s.sent, 1);
		resp_free(&resp);
		scripted_free(&s);
	}
}
END_TEST

START_TEST(an_answer_where_none_was_wanted_is_no_success)
{
	static const char *const answers[] = { "6F00" "9000", NULL };
	const struct apdu verify = { .ins = 0x20, .data = { (const uint8_t *)"1234", 4 },
		.flags = APDU_SECRET_IN };
	const struct apdu select = { .ins = 0xA4, .data = { (const uint8_t *)"\x50\x15", 2 } };
	struct scripted s;
	struct card card;

	scripted_card(&s, &card, answers);
	ck_assert_int_eq(card_command(&card, &verify, NULL, NULL), E_PROTOCOL);
	/* real cards give the FCI unasked */
	ck_assert_int_eq(card_command(&card, &select, NULL, NULL), 0);
	scripted_free(&s);
}
END_TEST

START_TEST(long_data_is_chained_or_extended_or_refused)
{
	static const char *const refused[] = { "9000", "6A80", "9000", NULL };
	uint8_t data[600] = { 0 };
	const struct apdu a = { .ins = 0x2A, .p1 = 0x9E, .p2 = 0x9A, .data = { data, sizeof data },
		.le = LE_ANY, .flags = APDU_CHAIN };
	struct resp resp = { BUF_INIT, 0 };
	struct scripted s;
	struct card card;

	scripted_card(&s, &card, NULL);
	ck_assert_int_eq(card_apdu(&card, &a, &resp), E_UNSUPPORTED);
	ck_assert_uint_eq(s.sent, 0);
	card.caps.chaining = true;
	ck_assert_int_eq(card_apdu(&card, &a, &resp), 0);
	ck_assert_uint_eq(s.sent, 3);
	ck_assert_uint_eq(s.last.p[0], 0x00);
	ck_assert_uint_eq(s.last.len, 5 + 90 + 1);
	ck_assert_int_eq(memcmp(s.all.p, "102A9E9AFF", 10), 0);
	scripted_free(&s);
	scripted_card(&s, &card, refused);
	card.caps.chaining = true;
	ck_assert_int_eq(card_apdu(&card, &a, &resp), 0);
	ck_assert_uint_eq(resp.sw, 0x6A80);
	ck_assert_uint_eq(s.sent, 2);
	scripted_free(&s);
	scripted_card(&s, &card, NULL);
	card.caps.extended = true;
	ck_assert_int_eq(card_apdu(&card, &a, &resp), 0);
	ck_assert_uint_eq(s.sent, 1);
	ck_assert_uint_eq(s.last.len, 4 + 3 + 600 + 2);
	scripted_free(&s);
	resp_free(&resp);
}
END_TEST

START_TEST(a_file_is_read_to_its_end_and_no_further)
{
	static const struct { const char *answers[4]; size_t size, want, sent; int r; } cases[] = {
		{ { "01020304" "9000", NULL }, 4, 4, 1, 0 },
		{ { "0102" "6282", NULL }, 4, 2, 1, 0 },
		{ { "6282", NULL }, 4, 0, 1, 0 },
		{ { "6B00", NULL }, 4, 0, 1, E_PROTOCOL },
		{ { "6982", NULL }, 4, 0, 1, E_PIN_NEEDED },
		{ { "0102030405" "9000", NULL }, 4, 0, 1, E_PROTOCOL }, /* more than was asked */
	};
	const struct range whole = { true, 0, 0, 0 };

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct buf out = BUF_INIT;
		struct scripted s;
		struct card card;

		scripted_card(&s, &card, cases[i].answers);
		ck_assert_int_eq(iso_read_binary(&card, cases[i].size, &whole, &out), cases[i].r);
		ck_assert_uint_eq(out.len, cases[i].want);
		ck_assert_uint_eq(s.sent, cases[i].sent);
		scripted_free(&s);
		buf_free(&out);
	}
}
END_TEST

START_TEST(a_file_of_unknown_size_ends_where_the_card_says)
{
	const struct range whole = { true, 0, 0, 0 };
	struct buf out = BUF_INIT;
	struct scripted s;
	struct card card;

	scripted_card(&s, &card, NULL);
	s.big = 256;
	ck_assert_int_eq(iso_read_binary(&card, 0, &whole, &out), 0);
	ck_assert_uint_eq(out.len, 0x8000);
	ck_assert_uint_eq(s.sent, 128);
	ck_assert_int_eq(iso_read_binary(&card, 0x8001, &whole, &out), E_LIMIT);
	scripted_free(&s);
	buf_free(&out);
}
END_TEST

START_TEST(pins_become_blocks)
{
	static const struct { enum pin_coding coding; const char *pin; size_t min, max, stored; uint8_t pad;
		bool pads; int r; const char *want; } cases[] = {
		{ PIN_ASCII, "1234", 4, 8, 8, 0xFF, true, 0, "31323334FFFFFFFF" },
		{ PIN_ASCII, "12345678", 4, 8, 8, 0xFF, true, 0, "3132333435363738" },
		{ PIN_ASCII, "123456789", 4, 8, 8, 0xFF, true, E_PIN_LEN, "" },
		{ PIN_ASCII, "123456789", 4, 0, 8, 0xFF, true, E_PIN_LEN, "" },
		{ PIN_ASCII, "123", 4, 8, 8, 0xFF, true, E_PIN_LEN, "" },
		{ PIN_ASCII, "", 0, 8, 8, 0xFF, true, E_PIN_LEN, "" },
		{ PIN_ASCII, "12\n34", 4, 8, 8, 0xFF, true, E_PIN_LEN, "" },
		{ PIN_ASCII, "12\x7F" "34", 4, 8, 8, 0xFF, true, E_PIN_LEN, "" },
		{ PIN_ASCII, "12\xC3\xA4", 4, 8, 8, 0xFF, true, E_PIN_LEN, "" },
		{ PIN_UTF8, "12\t4", 4, 8, 8, 0xFF, true, E_PIN_LEN, "" },
		{ PIN_ASCII, "1234", 4, 12, 12, 0x00, true, 0, "313233340000000000000000" },
		{ PIN_ASCII, "1234", 4, 8, 0, 0xFF, false, 0, "31323334" },
		{ PIN_BCD, "1234", 4, 8, 8, 0xFF, true, 0, "1234FFFFFFFFFFFF" },
		{ PIN_BCD, "12345", 4, 8, 8, 0xFF, true, 0, "12345FFFFFFFFFFF" },
		{ PIN_BCD, "12a4", 4, 8, 8, 0xFF, true, E_PIN_LEN, "" },
		{ PIN_HALF_NIBBLE_BCD, "1234", 4, 8, 8, 0xFF, true, 0, "F1F2F3F4FFFFFFFF" },
		{ PIN_GLP, "1234", 4, 8, 0, 0x00, false, 0, "241234FFFFFFFFFF" },
		{ PIN_GLP, "12345", 4, 12, 8, 0x00, true, 0, "2512345FFFFFFFFF" },
		{ PIN_GLP, "123456789012345", 4, 0, 8, 0, true, E_PIN_LEN, "" },
		{ PIN_UTF8, "\xC3\xA4\xC3\xB6\xC3\xA5x", 4, 4, 8, 0x00, true, 0, "C3A4C3B6C3A57800" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct pin_ref ref = { .ref = 1, .coding = cases[i].coding, .min = cases[i].min,
			.max = cases[i].max, .stored = cases[i].stored, .pad = cases[i].pad, .pads = cases[i].pads };
		struct buf out = BUF_INIT_SECRET, want = BUF_INIT;

		ck_assert_int_eq(hex_parse(cases[i].want, strlen(cases[i].want), &want), 0);
		ck_assert_int_eq(card_pin_block(&ref, view_str(cases[i].pin), &out), cases[i].r);
		ck_assert(view_eq(buf_peek(&out), buf_peek(&want)));
		buf_reset(&out);
		ref.guess = true;
		ck_assert_int_eq(card_pin_block(&ref, view_str(cases[i].pin), &out), E_DENIED);
		ref.guess = false;
		ref.ref = -1;
		ck_assert_int_eq(card_pin_block(&ref, view_str(cases[i].pin), &out), E_DENIED);
		ck_assert_uint_eq(out.len, 0);
		buf_free(&out);
		buf_free(&want);
	}
}
END_TEST

static const char *const fcis[] = {
	"6F178002" "00FF" "820101" "83025031" "8603013FFF" "85020000" "8A0101", /* OpenSC#2188 */
	"6F2581027FFF82013883025015860311" "1FFF850200028A0101840CA000000063504B43532D3135",
	"62178102040082011183024B01860311" "11FF850200008A0100",
};

static void
fci_copy(const uint8_t *p, size_t n)
{
	uint8_t *copy = malloc(n ? n : 1);
	struct fci f;

	memcpy(copy, p, n);
	if (fci_parse(view_of(copy, n), &f) == 0)
		ck_assert_uint_le(f.acl_len, sizeof f.acl);
	free(copy);
}

START_TEST(file_control_information_is_read)
{
	static const struct { size_t size; unsigned descriptor, fid, acl0, life; } want[] = {
		{ 0xFF, 0x01, 0x5031, 0x01, 1 }, { 0x7FFF, 0x38, 0x5015, 0x11, 1 },
		{ 0x400, 0x11, 0x4B01, 0x11, 0 },
	};

	for (size_t i = 0; i < 3; i++) {
		struct buf b = BUF_INIT;
		struct fci f;

		ck_assert_int_eq(hex_parse(fcis[i], strlen(fcis[i]), &b), 0);
		ck_assert_int_eq(fci_parse(buf_peek(&b), &f), 0);
		ck_assert_uint_eq(f.size, want[i].size);
		ck_assert_uint_eq(f.descriptor, want[i].descriptor);
		ck_assert_uint_eq(f.fid, want[i].fid);
		ck_assert_uint_eq(f.acl_len, 3);
		ck_assert_uint_eq(f.acl[0], want[i].acl0);
		ck_assert_uint_eq(f.life, want[i].life);
		for (size_t n = 0; n <= b.len; n++)
			fci_copy(b.p, n);
		for (size_t at = 0; at < b.len; at++) {
			uint8_t was = b.p[at];

			for (unsigned v = 0; v < 256; v++) {
				b.p[at] = (uint8_t)v;
				fci_copy(b.p, b.len);
			}
			b.p[at] = was;
		}
		buf_free(&b);
	}
}
END_TEST

/* A reset may have cut off the answer, not the try: the verb must not run again. */
START_TEST(a_pin_sent_is_a_change)
{
	static const char *const answers[] = { "63C2", NULL };
	static const struct pin_ref ref = { .ref = 1, .min = 4, .max = 8 };
	static const struct card_ops ops = { .pin_verify = iso_pin_verify, .pin_info = iso_pin_info };
	struct pin_state state;
	struct scripted s;
	struct card card;
	int tries;

	scripted_card(&s, &card, answers);
	card.ops = &ops;
	ck_assert_int_eq(card.ops->pin_info(&card, &ref, &state), 0);
	ck_assert(!card.changed && state.tries == 2);
	ck_assert_int_eq(card_pin_verify(&card, &ref, view_str("1234"), &tries), E_PIN_WRONG);
	ck_assert(card.changed && tries == 2);
	scripted_free(&s);
}
END_TEST

UNIT_MAIN("card", a_pin_sent_is_a_change, status_words_become_errors, the_rest_of_an_answer_is_fetched,
    the_class_is_the_cards, what_nobody_wants_is_not_fetched,
    a_wrong_le_is_mended_once, endless_answers_end, short_answers_are_errors,
    an_answer_where_none_was_wanted_is_no_success,
    long_data_is_chained_or_extended_or_refused, a_file_is_read_to_its_end_and_no_further,
    a_file_of_unknown_size_ends_where_the_card_says, pins_become_blocks,
    file_control_information_is_read)

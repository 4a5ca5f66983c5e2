#include "cardos/wire/apdu.h"

#include <string.h>

#include "base/err.h"
#include "t/unit/unit.h"

static const struct { const char *hex; struct apdu a; size_t data; } forms[] = {
	/* ISO 7816-4 5.1: case 1, 2, 3, 4 short, then extended */
	{ "00A40000", { .ins = 0xA4 }, 0 },
	{ "00B0000010", { .ins = 0xB0, .le = 16 }, 0 },
	{ "00B0000000", { .ins = 0xB0, .le = LE_ANY }, 0 },
	{ "00A40004023F00", { .ins = 0xA4, .p2 = 4 }, 2 },
	{ "00A40000023F0000", { .ins = 0xA4, .le = LE_ANY }, 2 },
	{ "002281B6033F000005", { .ins = 0x22, .p1 = 0x81, .p2 = 0xB6, .le = 5 }, 3 },
	{ "00B00000000101", { .ins = 0xB0, .le = 257 }, 0 },
	{ "00B00000000000", { .ins = 0xB0, .le = 65536 }, 0 },
};

START_TEST(each_form_is_written_and_read_back)
{
	static const uint8_t data[] = { 0x3F, 0x00, 0x00 };

	for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
		struct buf want = BUF_INIT, got = BUF_INIT;
		struct apdu a = forms[i].a, back;

		a.data = view_of(data, forms[i].data);
		ck_assert_int_eq(hex_parse(forms[i].hex, strlen(forms[i].hex), &want), 0);
		ck_assert_int_eq(apdu_encode(&a, &got), 0);
		ck_assert(view_eq(buf_peek(&want), buf_peek(&got)));
		ck_assert_int_eq(apdu_decode(buf_peek(&got), &back), 0);
		ck_assert_uint_eq(back.le, a.le);
		ck_assert_uint_eq(back.p1, a.p1);
		ck_assert_uint_eq(back.p2, a.p2);
		ck_assert(view_eq(back.data, a.data));
		buf_free(&want);
		buf_free(&got);
	}
}
END_TEST

START_TEST(long_data_takes_the_extended_form)
{
	static const size_t sizes[] = { 255, 256, 65535 };
	static uint8_t data[65536];

	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		for (uint32_t le = 0; le <= 65536; le += 256) {
			struct apdu a = { .cla = 0x80, .ins = 0x2A, .data = { data, sizes[i] }, .le = le }, back;
			struct buf b = BUF_INIT;

			ck_assert_int_eq(apdu_encode(&a, &b), 0);
			ck_assert_int_eq(apdu_decode(buf_peek(&b), &back), 0);
			ck_assert_uint_eq(back.data.len, sizes[i]);
			ck_assert_uint_eq(back.le, le);
			buf_free(&b);
		}
	}
}
END_TEST

START_TEST(too_much_is_refused)
{
	static uint8_t data[65536];
	struct buf b = BUF_INIT;

	ck_assert_int_eq(apdu_encode(&(struct apdu){ .data = { data, 65536 } }, &b), E_ARG);
	ck_assert_int_eq(apdu_encode(&(struct apdu){ .le = 65537 }, &b), E_ARG);
	ck_assert_uint_eq(b.len, 0);
	buf_free(&b);
}
END_TEST

START_TEST(answers_are_data_and_a_status_word)
{
	struct buf data = BUF_INIT;
	uint16_t sw;

	ck_assert_int_eq(apdu_answer(view_of("\x90\x00", 2), &data, &sw), 0);
	ck_assert_uint_eq(sw, 0x9000);
	ck_assert_uint_eq(data.len, 0);
	ck_assert_int_eq(apdu_answer(view_of("\x01\x02\x61\x10", 4), &data, &sw), 0);
	ck_assert_uint_eq(sw, 0x6110);
	ck_assert(view_eq(buf_peek(&data), view_of("\x01\x02", 2)));
	ck_assert_int_eq(apdu_answer(view_of("\x90", 1), &data, &sw), E_PROTOCOL);
	ck_assert_int_eq(apdu_answer(view_of(NULL, 0), &data, &sw), E_PROTOCOL);
	buf_free(&data);
}
END_TEST

/* Every bit flip, byte and truncation: decoded or refused, and what decodes encodes again to a
 * command of the same meaning. Exact-size copies, so that a sanitizer sees a read too far. */
static void
decode_copy(const uint8_t *p, size_t n)
{
	uint8_t *copy = malloc(n ? n : 1);
	struct buf again = BUF_INIT;
	struct apdu a, b;

	memcpy(copy, p, n);
	if (apdu_decode(view_of(copy, n), &a) == 0) {
		ck_assert_int_eq(apdu_encode(&a, &again), 0);
		ck_assert_int_eq(apdu_decode(buf_peek(&again), &b), 0);
		ck_assert_uint_eq(a.le, b.le);
		ck_assert(view_eq(a.data, b.data));
	}
	buf_free(&again);
	free(copy);
}

START_TEST(no_mutation_hurts)
{
	for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
		struct buf b = BUF_INIT;

		ck_assert_int_eq(hex_parse(forms[i].hex, strlen(forms[i].hex), &b), 0);
		for (size_t n = 0; n <= b.len; n++)
			decode_copy(b.p, n);
		for (size_t at = 0; at < b.len; at++) {
			uint8_t was = b.p[at];

			for (unsigned v = 0; v < 256; v++) {
				b.p[at] = (uint8_t)v;
				decode_copy(b.p, b.len);
			}
			b.p[at] = was;
		}
		buf_free(&b);
	}
}
END_TEST

UNIT_MAIN("apdu", each_form_is_written_and_read_back, long_data_takes_the_extended_form,
    too_much_is_refused, answers_are_data_and_a_status_word, no_mutation_hurts)

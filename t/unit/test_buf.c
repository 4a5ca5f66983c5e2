#include "base/buf.h"

#include <string.h>

#include "base/err.h"
#include "t/unit/unit.h"

START_TEST(appends_are_big_endian_and_in_order)
{
	static const uint8_t want[] = { 0x12, 0x12, 0x34, 0x12, 0x34, 0x56, 0x78, 'a', 'b', 9, 9, '4',
	    '2', 'F', '0' };
	struct buf b = BUF_INIT;

	buf_u8(&b, 0x112);
	buf_be16(&b, 0x1234);
	buf_be32(&b, 0x12345678);
	buf_str(&b, "ab");
	buf_fill(&b, 9, 2);
	buf_fmt(&b, "%d", 42);
	buf_hex(&b, view_of("\xF0", 1));
	ck_assert_int_eq(buf_err(&b), 0);
	ck_assert(view_eq(buf_peek(&b), view_of(want, sizeof want)));
	buf_free(&b);
	ck_assert(!b.p && !b.len && !b.cap);
	buf_free(&b);
}
END_TEST

START_TEST(too_much_is_bad_until_the_next_reset)
{
	struct buf b = BUF_INIT;

	buf_str(&b, "head");
	ck_assert_ptr_null(buf_room(&b, BUF_MAX));
	ck_assert_int_eq(buf_err(&b), E_MEM);
	ck_assert_uint_eq(buf_peek(&b).len, 0);
	ck_assert_str_eq(buf_text(&b), "");
	buf_str(&b, "more");
	ck_assert_uint_eq(b.len, 4);
	ck_assert_ptr_null(buf_room(&b, 1));
	buf_reset(&b);
	ck_assert_int_eq(buf_err(&b), 0);
	ck_assert_ptr_nonnull(buf_room(&b, BUF_MAX));
	ck_assert_uint_eq(b.len, BUF_MAX);
	buf_u8(&b, 0);
	ck_assert_int_eq(buf_err(&b), E_MEM);
	buf_free(&b);
	ck_assert_ptr_null(buf_room(&b, (size_t)-1));
	buf_free(&b);
}
END_TEST

START_TEST(room_is_zeroed_even_where_there_was_something)
{
	struct buf b = BUF_INIT;
	uint8_t *p;

	buf_fill(&b, 0xFF, 60);
	buf_trim(&b, 10);
	p = buf_room(&b, 50);
	for (size_t i = 0; i < 50; i++)
		ck_assert_uint_eq(p[i], 0);
	ck_assert_ptr_nonnull(buf_room(&b, 0));
	ck_assert_uint_eq(b.len, 60);
	buf_free(&b);
}
END_TEST

START_TEST(a_secret_is_cleansed_when_it_goes)
{
	struct buf b = BUF_INIT_SECRET, c = BUF_INIT;

	buf_fill(&b, 0xAA, 32);
	buf_trim(&b, 4);
	for (size_t i = 4; i < b.cap; i++)
		ck_assert_uint_ne(b.p[i], 0xAA);
	buf_reset(&b);
	for (size_t i = 0; i < 32; i++)
		ck_assert_uint_eq(b.p[i], 0);
	/* what was secret stays it wherever it goes */
	buf_str(&b, "pin");
	buf_move(&c, &b);
	ck_assert(c.secret && c.len == 3 && !b.p && !b.len);
	ck_assert(b.secret);
	buf_free(&b);
	buf_free(&c);
}
END_TEST

START_TEST(text_ends_behind_the_content)
{
	struct buf b = BUF_INIT;

	ck_assert_str_eq(buf_text(&b), "");
	for (int i = 0; i < 200; i++) {
		buf_u8(&b, 'x');
		ck_assert_uint_eq(strlen(buf_text(&b)), (size_t)i + 1);
		ck_assert_uint_eq(b.len, (size_t)i + 1);
	}
	buf_free(&b);
}
END_TEST

START_TEST(views_are_consumed_only_when_whole)
{
	static const uint8_t data[] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	struct view v = view_of(data, 8), part;
	unsigned n;
	uint32_t m;

	ck_assert(view_u8(&v, &n) && n == 1);
	ck_assert(view_be16(&v, &n) && n == 0x0203);
	ck_assert(view_be32(&v, &m) && m == 0x04050607);
	ck_assert(!view_be16(&v, &n) && v.len == 1);
	ck_assert(!view_be32(&v, &m) && v.len == 1);
	ck_assert(!view_take(&v, 2, &part) && v.len == 1);
	ck_assert(view_take(&v, 0, &part) && part.len == 0 && v.len == 1);
	ck_assert(view_u8(&v, &n) && n == 8 && v.len == 0);
	ck_assert(!view_u8(&v, &n));
	v = view_of(NULL, 0);
	ck_assert(view_take(&v, 0, &part) && !view_u8(&v, &n));
}
END_TEST

static const struct {
	size_t off, n, want_off, want_n;
} parts[] = {
	{ 0, 8, 0, 8 }, { 2, 3, 2, 3 }, { 2, 100, 2, 6 }, { 8, 1, 0, 0 }, { 9, 1, 0, 0 },
	{ 7, (size_t)-1, 7, 1 }, { (size_t)-1, (size_t)-1, 0, 0 }, { 3, 0, 3, 0 },
};

START_TEST(parts_are_clipped)
{
	static const uint8_t data[8] = { 0, 1, 2, 3, 4, 5, 6, 7 };
	struct view v;

	for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
		v = view_part(view_of(data, 8), parts[i].off, parts[i].n);
		ck_assert_uint_eq(v.len, parts[i].want_n);
		if (v.len)
			ck_assert_ptr_eq(v.p, data + parts[i].want_off);
	}
	ck_assert(view_eq(view_of(NULL, 0), view_of(data, 0)));
	ck_assert(view_eq(view_str("ab"), view_of("abc", 2)));
	ck_assert(!view_eq(view_str("ab"), view_str("ac")));
	ck_assert(!view_eq(view_str("ab"), view_str("a")));
}
END_TEST

static const struct {
	const char *text;
	int want;
	const char *bytes;
	size_t n;
} hexes[] = {
	{ "", 0, "", 0 },
	{ "00FFaB", 0, "\x00\xFF\xAB", 3 },
	{ " 00 \t FF ", 0, "\x00\xFF", 2 },
	{ "0", E_FORMAT, "", 0 },
	{ "0 0", E_FORMAT, "", 0 },
	{ "001", E_FORMAT, "", 0 },
	{ "0G", E_FORMAT, "", 0 },
	{ "00:11", E_FORMAT, "", 0 },
	{ "00\n", E_FORMAT, "", 0 },
};

START_TEST(hexadecimal_text)
{
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < sizeof hexes / sizeof hexes[0]; i++) {
		buf_reset(&b);
		buf_u8(&b, 0x77);
		ck_assert_int_eq(hex_parse(hexes[i].text, strlen(hexes[i].text), &b), hexes[i].want);
		ck_assert_uint_eq(b.len, 1 + hexes[i].n);
		ck_assert_int_eq(memcmp(b.p + 1, hexes[i].bytes, hexes[i].n), 0);
	}
	buf_free(&b);
}
END_TEST

UNIT_MAIN("buf", appends_are_big_endian_and_in_order, too_much_is_bad_until_the_next_reset,
    room_is_zeroed_even_where_there_was_something, a_secret_is_cleansed_when_it_goes,
    text_ends_behind_the_content, views_are_consumed_only_when_whole, parts_are_clipped,
    hexadecimal_text)

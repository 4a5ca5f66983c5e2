#include "base/utf8.h"

#include "t/unit/unit.h"

/* bytes, the characters in them; bad: what comes after is none */
static const struct {
	const char *bytes;
	uint32_t c[3];
	size_t n;
	bool bad;
} rows[] = {
	{ "", { 0 }, 0, false },
	{ "a\x7F", { 'a', 0x7F }, 2, false },
	{ "\xC2\x80\xDF\xBF", { 0x80, 0x7FF }, 2, false },
	{ "\xE0\xA0\x80\xEF\xBF\xBF", { 0x800, 0xFFFF }, 2, false },
	{ "\xED\x9F\xBF\xEE\x80\x80", { 0xD7FF, 0xE000 }, 2, false },
	{ "\xF0\x90\x80\x80\xF4\x8F\xBF\xBF", { 0x10000, 0x10FFFF }, 2, false },
	{ "a\x80", { 'a' }, 1, true },       /* a follower alone */
	{ "\xC0\x80", { 0 }, 0, true },      /* not the shortest form */
	{ "\xC1\xBF", { 0 }, 0, true },
	{ "\xE0\x9F\xBF", { 0 }, 0, true },
	{ "\xF0\x8F\xBF\xBF", { 0 }, 0, true },
	{ "\xED\xA0\x80", { 0 }, 0, true },  /* surrogates */
	{ "\xED\xBF\xBF", { 0 }, 0, true },
	{ "\xF4\x90\x80\x80", { 0 }, 0, true }, /* beyond the last */
	{ "\xF8\x88\x80\x80\x80", { 0 }, 0, true },
	{ "\xFF", { 0 }, 0, true },
	{ "x\xC3", { 'x' }, 1, true },       /* cut */
	{ "\xE2\x82", { 0 }, 0, true },
	{ "\xF0\x9F\x98", { 0 }, 0, true },
	{ "\xC3g", { 0 }, 0, true },         /* no follower */
};

START_TEST(characters_are_taken_one_by_one)
{
	struct view v;
	uint32_t c;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		v = view_str(rows[i].bytes);
		for (size_t n = 0; n < rows[i].n; n++) {
			ck_assert_msg(utf8_take(&v, &c), "row %zu", i);
			ck_assert_uint_eq(c, rows[i].c[n]);
		}
		ck_assert_msg(!utf8_take(&v, &c), "row %zu", i);
		ck_assert_msg((v.len != 0) == rows[i].bad, "row %zu", i);
	}
	v = view_of("\0", 1);
	ck_assert(utf8_take(&v, &c) && c == 0 && !v.len);
}
END_TEST

UNIT_MAIN("utf8", characters_are_taken_one_by_one)

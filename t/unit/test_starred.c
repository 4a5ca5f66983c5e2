#include "base/starred.h"

#include <string.h>

#include "base/err.h"
#include "t/unit/mutate.h"
#include "t/unit/unit.h"

static const struct {
	const char *text;
	int err;
	const char *bytes, *mask; /* hexadecimal */
	const char *comment;
} cases[] = {
	{ "", 0, "", "", "" },
	{ " \t\r", 0, "", "", "" },
	{ "00A4", 0, "00A4", "FFFF", "" },
	{ "00 a4\t0c\r", 0, "00A40C", "FFFFFF", "" },
	{ "00200001 08 [*3]", 0, "0020000108000000", "FFFFFFFFFF000000", "" },
	{ "[*1][*2]90 00", 0, "0000009000", "000000FFFF", "" },
	{ "9000 # fine", 0, "9000", "FFFF", "# fine" },
	{ "#", 0, "", "", "#" },
	{ "[*0]", 0, "", "", "" },
	{ "9", E_FORMAT, NULL, NULL, NULL },
	{ "9 0", E_FORMAT, NULL, NULL, NULL },
	{ "90x0", E_FORMAT, NULL, NULL, NULL },
	{ "[*]", E_FORMAT, NULL, NULL, NULL },
	{ "[*3", E_FORMAT, NULL, NULL, NULL },
	{ "[3]", E_FORMAT, NULL, NULL, NULL },
	{ "[*3x]", E_FORMAT, NULL, NULL, NULL },
	{ "[*-1]", E_FORMAT, NULL, NULL, NULL },
	{ "[*65545]", E_FORMAT, NULL, NULL, NULL },
	{ "[*99999999999999999999]", E_FORMAT, NULL, NULL, NULL },
};

START_TEST(bytes_stars_blanks_and_comments)
{
	struct buf bytes = BUF_INIT, mask = BUF_INIT, hex = BUF_INIT;
	struct view comment;

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		buf_reset(&bytes);
		buf_reset(&mask);
		ck_assert_msg(starred_parse(view_str(cases[i].text), 1000, &bytes, &mask, &comment) == cases[i].err,
		    "%s", cases[i].text);
		if (cases[i].err)
			continue;
		buf_reset(&hex);
		buf_hex(&hex, buf_peek(&bytes));
		ck_assert_str_eq(buf_text(&hex), cases[i].bytes);
		buf_reset(&hex);
		buf_hex(&hex, buf_peek(&mask));
		ck_assert_str_eq(buf_text(&hex), cases[i].mask);
		ck_assert(view_eq(comment, view_str(cases[i].comment)));
	}
	buf_free(&bytes);
	buf_free(&mask);
	buf_free(&hex);
}
END_TEST

START_TEST(no_more_than_wanted)
{
	struct buf bytes = BUF_INIT, mask = BUF_INIT;

	ck_assert_int_eq(starred_parse(view_str("[*4]"), 4, &bytes, &mask, NULL), 0);
	/* what is there already does not count */
	ck_assert_int_eq(starred_parse(view_str("[*2]0102"), 4, &bytes, &mask, NULL), 0);
	ck_assert_uint_eq(bytes.len, 8);
	ck_assert_uint_eq(mask.len, 8);
	ck_assert_int_eq(starred_parse(view_str("[*2]010203"), 4, &bytes, &mask, NULL), E_LIMIT);
	buf_free(&bytes);
	buf_free(&mask);
}
END_TEST

START_TEST(words_and_blanks)
{
	struct view rest;

	ck_assert(view_eq(starred_trim(view_str(" \ta b\r ")), view_str("a b")));
	ck_assert(view_eq(starred_trim(view_str("  ")), view_str("")));
	ck_assert(starred_begins(view_str("= atr  3B "), "= atr", &rest));
	ck_assert(view_eq(rest, view_str("3B")));
	ck_assert(!starred_begins(view_str("= at"), "= atr", &rest));
}
END_TEST

static void
parse(struct view damaged, void *arg)
{
	struct buf bytes = BUF_INIT, mask = BUF_INIT;

	(void)arg;
	if (!starred_parse(damaged, 1 << 20, &bytes, &mask, NULL))
		ck_assert_uint_eq(bytes.len, mask.len);
	buf_free(&bytes);
	buf_free(&mask);
}

START_TEST(damaged_text_does_no_harm)
{
	struct mutate m = { .good = view_str("00A4 0400[*12] 90\t00 # a comment [*3]"), .run = parse };

	ck_assert_uint_gt(mutate(&m), 300);
}
END_TEST

UNIT_MAIN("starred", bytes_stars_blanks_and_comments, no_more_than_wanted, words_and_blanks, damaged_text_does_no_harm)

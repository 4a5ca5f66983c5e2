#include "mapping/der.h"
#include "t/unit/bytes.h"
#include "t/unit/mutate.h"
#include "t/unit/unit.h"

START_TEST(elements_are_read_by_tag_and_length)
{
	static const struct {
		const char *name, *hex;
		unsigned tag;
		size_t content, rest;
	} cases[] = {
		{ "short form", "0403010203", 0x04, 3, 0 },
		{ "empty", "3000FF", 0x30, 0, 1 },
		{ "two-byte tag", "7F490101", 0x7F49, 1, 0 },
		{ "length of one byte", "0481020102", 0x04, 2, 0 },
		{ "length of two bytes with a zero before it", "048200020102", 0x04, 2, 0 },
		{ "length of four bytes", "0484000000010A0B", 0x04, 1, 1 }
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct buf b = hex(cases[i].hex);
		struct view v = buf_peek(&b);
		struct der d;

		ck_assert_msg(der_next(&v, &d), "%s", cases[i].name);
		ck_assert_uint_eq(d.tag, cases[i].tag);
		ck_assert_uint_eq(d.content.len, cases[i].content);
		ck_assert_uint_eq(v.len, cases[i].rest);
		ck_assert_uint_eq(d.whole.len, b.len - cases[i].rest);
		buf_free(&b);
	}
}
END_TEST

START_TEST(malformed_elements_leave_the_cursor)
{
	static const struct { const char *name, *hex; } cases[] = {
		{ "nothing", "" },
		{ "tag alone", "30" },
		{ "tag 00", "0000" },
		{ "content too short", "040201" },
		{ "indefinite length", "30800000" },
		{ "length of five bytes", "04850000000001AA" },
		{ "length cut", "0482" },
		{ "two-byte tag cut", "7F" },
		{ "tag of three bytes", "7F81010100" },
		{ "length near 2^32", "0484FFFFFFFF00" }
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct buf b = hex(cases[i].hex);
		struct view v = buf_peek(&b);
		struct der d;

		ck_assert_msg(!der_next(&v, &d), "%s", cases[i].name);
		ck_assert_uint_eq(v.len, b.len);
		buf_free(&b);
	}
}
END_TEST

START_TEST(an_optional_field_is_taken_only_by_its_tag)
{
	struct buf b = hex("020105040100");
	struct view v = buf_peek(&b);
	struct der d;

	ck_assert(!der_take(&v, 0x04, &d));
	ck_assert(der_take(&v, 0x02, &d));
	ck_assert(der_take(&v, 0x04, &d));
	ck_assert(!der_take(&v, 0x04, &d));
	buf_free(&b);
}
END_TEST

START_TEST(numbers_are_read)
{
	static const struct { const char *name, *hex; bool wrap, ok; unsigned value; } cases[] = {
		{ "zero", "00", false, true, 0 },
		{ "0x82 with its zero", "0082", false, true, 0x82 },
		{ "0x82 without, where negative is an error", "82", false, false, 0 },
		{ "0x82 without, a card's reference", "82", true, true, 0x82 },
		{ "FF is 255 of a card's references", "FF", true, true, 255 },
		{ "two negative bytes are no reference", "FF82", true, false, 0 },
		{ "four bytes", "00FFFFFFFF", false, true, 0xFFFFFFFF },
		{ "five bytes", "0100000000", false, false, 0 },
		{ "empty", "", true, false, 0 },
		{ "many zeros", "000000000000000007", false, true, 7 }
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct buf b = hex(cases[i].hex);
		unsigned value = 0;

		ck_assert_msg(der_uint(buf_peek(&b), cases[i].wrap, &value) == cases[i].ok, "%s",
		    cases[i].name);
		ck_assert_msg(value == cases[i].value, "%s", cases[i].name);
		buf_free(&b);
	}
}
END_TEST

START_TEST(named_bits_are_read)
{
	static const struct { const char *name, *hex; bool ok; unsigned set; } cases[] = {
		{ "private and modifiable", "06C0", true, 3 },
		{ "private", "0780", true, 1 },
		{ "modifiable", "0640", true, 2 },
		{ "none", "00", true, 0 },
		{ "nonRepudiation in the second byte", "060040", true, 512 },
		{ "an unused bit that is set does not count", "07C0", true, 1 },
		{ "bits above 31 are dropped", "008000000080", true, 1 },
		{ "eight unused bits", "0880", false, 0 },
		{ "unused bits of nothing", "01", false, 0 },
		{ "empty", "", false, 0 }
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct buf b = hex(cases[i].hex);
		unsigned set = 0;

		ck_assert_msg(der_bits(buf_peek(&b), &set) == cases[i].ok, "%s", cases[i].name);
		ck_assert_msg(set == cases[i].set, "%s: %u", cases[i].name, set);
		buf_free(&b);
	}
}
END_TEST

START_TEST(what_is_written_is_der)
{
	static const uint8_t big[300] = { 0 };
	struct buf b = BUF_INIT;

	der_put(&b, 0x7F49, view_of(big, 1));
	der_put_uint(&b, 0x02, 0);
	der_put_uint(&b, 0x80, 0x7F);
	der_put_uint(&b, 0x02, 0x82);
	der_put_uint(&b, 0x02, 2048);
	der_put_uint(&b, 0x02, 0xFFFFFFFF);
	ck_assert_view_hex(buf_peek(&b), "7F490100 020100 80017F 02020082 02020800 020500FFFFFFFF");
	buf_reset(&b);
	der_put_bits(&b, 0x03, 0);
	der_put_bits(&b, 0x03, 3);
	der_put_bits(&b, 0x03, 512);
	der_put_bits(&b, 0x03, 0x80000001);
	ck_assert_view_hex(buf_peek(&b), "030100 030206C0 0303060040 03050080000001");
	buf_reset(&b);
	der_put_magnitude(&b, view_of("\0\0\x80", 3));
	der_put_magnitude(&b, view_of("\x7F", 1));
	der_put_magnitude(&b, view_of(NULL, 0));
	ck_assert_view_hex(buf_peek(&b), "02020080 02017F 020100");
	buf_reset(&b);
	der_put(&b, 0x04, view_of(big, 0x80));
	ck_assert_view_hex(view_part(buf_peek(&b), 0, 3), "048180");
	buf_reset(&b);
	der_put(&b, 0x04, view_of(big, 300));
	ck_assert_view_hex(view_part(buf_peek(&b), 0, 4), "0482012C");
	buf_free(&b);
}
END_TEST

static void
walk(struct view v, void *arg)
{
	struct der d;
	unsigned n;

	(void)arg;
	while (der_next(&v, &d)) {
		der_uint(d.content, true, &n);
		der_bits(d.content, &n);
		der_magnitude(d.content);
	}
}

START_TEST(damage_is_survived)
{
	struct buf b = hex("020105 0482000401020304 7F49020082 03020780 0484000000020102");
	struct mutate m = { buf_peek(&b), walk, NULL, 0 };

	ck_assert_uint_gt(mutate(&m), 300);
	buf_free(&b);
}
END_TEST

UNIT_MAIN("der", elements_are_read_by_tag_and_length, malformed_elements_leave_the_cursor,
    an_optional_field_is_taken_only_by_its_tag, numbers_are_read, named_bits_are_read,
    what_is_written_is_der, damage_is_survived)

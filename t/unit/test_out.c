#include "p11/p11.h"

#include "t/unit/unit.h"

#include <string.h>

/* PKCS#11 v2.40 5.2. */
START_TEST(a_buffer_is_asked_for_refused_or_filled)
{
	static const struct {
		const char *name;
		bool buffer;
		CK_ULONG have, need, told;
		CK_RV rv;
		bool go;
	} cases[] = {
		{ "a length query is told what is needed", false, 0, 20, 20, CKR_OK, false },
		{ "its length going in does not matter", false, 1000, 20, 20, CKR_OK, false },
		{ "a query of nothing", false, 5, 0, 0, CKR_OK, false },
		{ "one byte short", true, 19, 20, 20, CKR_BUFFER_TOO_SMALL, false },
		{ "no byte at all", true, 0, 20, 20, CKR_BUFFER_TOO_SMALL, false },
		{ "just enough", true, 20, 20, 20, CKR_OK, true },
		{ "more than enough is left to out_put", true, 21, 20, 21, CKR_OK, true },
		{ "nothing into nothing", true, 0, 0, 0, CKR_OK, true },
		{ "the largest length", true, ~0UL, 20, ~0UL, CKR_OK, true },
	};
	CK_BYTE buffer[32];
	CK_ULONG len;
	bool go;

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct out o = { cases[i].buffer ? buffer : NULL, &len };

		len = cases[i].have;
		go = !cases[i].go;
		ck_assert_msg(out_room(o, cases[i].need, &go) == cases[i].rv, "%s", cases[i].name);
		ck_assert_msg(go == cases[i].go, "%s", cases[i].name);
		ck_assert_msg(len == cases[i].told, "%s: %lu", cases[i].name, len);
	}
}
END_TEST

START_TEST(the_exact_length_is_set_and_nothing_behind_it_is_touched)
{
	CK_BYTE buffer[8];
	CK_ULONG len = sizeof buffer;
	struct out o = { buffer, &len };

	memset(buffer, 0xEE, sizeof buffer);
	out_put(o, view_str("abc"));
	ck_assert_uint_eq(len, 3);
	ck_assert_int_eq(memcmp(buffer, "abc\xEE\xEE", 5), 0);
	out_put(o, view_of(NULL, 0));
	ck_assert_uint_eq(len, 0);
	ck_assert_int_eq(buffer[0], 'a');
}
END_TEST

START_TEST(no_data_may_be_no_pointer)
{
	ck_assert(p11_data_ok(NULL, 0));
	ck_assert(p11_data_ok("", 0));
	ck_assert(p11_data_ok("x", 1));
	ck_assert(!p11_data_ok(NULL, 1));
}
END_TEST

UNIT_MAIN("out", a_buffer_is_asked_for_refused_or_filled,
    the_exact_length_is_set_and_nothing_behind_it_is_touched, no_data_may_be_no_pointer)

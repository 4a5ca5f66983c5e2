#include "base/err.h"
#include "t/unit/unit.h"

#include <string.h>

START_TEST(every_code_has_a_name_and_a_text)
{
	for (int e = 0; e < E_COUNT; e++) {
		ck_assert_int_eq(strncmp(err_name(e), "E_", 2), 0);
		ck_assert_int_gt((int)strlen(err_text(e)), 5);
	}
}
END_TEST

START_TEST(a_number_that_is_no_code_is_answered)
{
	ck_assert_str_eq(err_text(-1), "unknown error");
	ck_assert_str_eq(err_text(E_COUNT), "unknown error");
	ck_assert_str_eq(err_name(E_COUNT), "E_?");
}
END_TEST

UNIT_MAIN("err", every_code_has_a_name_and_a_text, a_number_that_is_no_code_is_answered)

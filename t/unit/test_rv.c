#include "token/rv.h"

#include "base/err.h"
#include "t/unit/unit.h"

#include <stdbool.h>
#include <string.h>

/* What a private key operation may answer. Source: PKCS#11 v2.40 5.11 (C_Sign), 5.9 (C_Decrypt). */
static const CK_RV of_sign[] = {
	CKR_OK, CKR_ARGUMENTS_BAD, CKR_BUFFER_TOO_SMALL, CKR_CRYPTOKI_NOT_INITIALIZED, CKR_DATA_INVALID,
	CKR_DATA_LEN_RANGE, CKR_DEVICE_ERROR, CKR_DEVICE_MEMORY, CKR_DEVICE_REMOVED, CKR_FUNCTION_CANCELED,
	CKR_FUNCTION_FAILED, CKR_GENERAL_ERROR, CKR_HOST_MEMORY, CKR_OPERATION_NOT_INITIALIZED,
	CKR_SESSION_CLOSED, CKR_SESSION_HANDLE_INVALID, CKR_USER_NOT_LOGGED_IN, CKR_FUNCTION_REJECTED,
};

static bool
in(CK_RV rv, const CK_RV *set, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (set[i] == rv)
			return true;
	return false;
}

/* E_UNSUPPORTED is MECHANISM_INVALID there, E_UNKNOWN, E_PIN_LEN and E_PIN_USED cannot come.
 * PIN_EXPIRED is for C_SignInit (5.11); C_Sign can learn of it only where it asks for the PIN itself. */
START_TEST(an_operation_never_answers_with_a_pin_code)
{
	for (int e = 0; e < E_COUNT; e++) {
		if (e == E_UNSUPPORTED || e == E_UNKNOWN || e == E_PIN_LEN || e == E_PIN_USED ||
		    e == E_PIN_EXPIRED)
			continue;
		ck_assert_msg(in(rv_from(e), of_sign, sizeof of_sign / sizeof of_sign[0]), "%s is 0x%lX",
		    err_name(e), rv_from(e));
	}
}
END_TEST

START_TEST(every_error_has_a_code_of_its_own_table)
{
	for (int e = 0; e < E_COUNT; e++) {
		ck_assert_msg(rv_from(e) != CKR_GENERAL_ERROR, "%s", err_name(e));
		ck_assert_msg((rv_from(e) == CKR_OK) == (e == E_OK), "%s", err_name(e));
		ck_assert_msg(strncmp(rv_name(rv_from(e)), "CKR_", 4) == 0, "%s", err_name(e));
		ck_assert_msg(strncmp(rv_name(rv_from_pin(e)), "CKR_", 4) == 0, "%s", err_name(e));
	}
	ck_assert_uint_eq(rv_from(E_COUNT), CKR_GENERAL_ERROR);
	ck_assert_uint_eq(rv_from(-1), CKR_GENERAL_ERROR);
}
END_TEST

START_TEST(where_pins_are_given_their_codes_are_told)
{
	static const struct { int err; CK_RV op, pin; } cases[] = {
		{ E_PIN_WRONG, CKR_USER_NOT_LOGGED_IN, CKR_PIN_INCORRECT },
		{ E_PIN_BLOCKED, CKR_USER_NOT_LOGGED_IN, CKR_PIN_LOCKED },
		{ E_PIN_LEN, CKR_PIN_LEN_RANGE, CKR_PIN_LEN_RANGE },
		{ E_DATA, CKR_DATA_INVALID, CKR_PIN_INVALID }, /* the card refuses a new PIN as it is */
		{ E_CANCEL, CKR_FUNCTION_REJECTED, CKR_FUNCTION_CANCELED },
		{ E_GONE, CKR_DEVICE_REMOVED, CKR_DEVICE_REMOVED },
		{ E_MEM, CKR_HOST_MEMORY, CKR_HOST_MEMORY },
		{ E_FULL, CKR_DEVICE_MEMORY, CKR_DEVICE_MEMORY },
		{ E_UNKNOWN, CKR_TOKEN_NOT_RECOGNIZED, CKR_TOKEN_NOT_RECOGNIZED },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		ck_assert_uint_eq(rv_from(cases[i].err), cases[i].op);
		ck_assert_uint_eq(rv_from_pin(cases[i].err), cases[i].pin);
	}
}
END_TEST

UNIT_MAIN("rv", an_operation_never_answers_with_a_pin_code, every_error_has_a_code_of_its_own_table,
    where_pins_are_given_their_codes_are_told)

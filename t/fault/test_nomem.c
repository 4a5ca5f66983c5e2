/* The walk with memory running out: the n-th request of the library fails, for one n after the
 * other. Every call answers HOST_MEMORY or what it may else, nothing crashes or leaks, and the
 * library works when there is memory again. */
#include "base/err.h"
#include "mapping/profile.h"
#include "t/fault/module.h"
#include "t/fault/walk.h"
#include "t/unit/cards.h"
#include "t/unit/nomem.h"
#include "t/unit/unit.h"

#define FAR 20000

int __real_profile_set_builtin(struct profile_set *set, struct buf *why);
int __wrap_profile_set_builtin(struct profile_set *set, struct buf *why);

/* Thousands of requests, which t/unit/test_profile makes fail one by one: here they are as one. */
int
__wrap_profile_set_builtin(struct profile_set *set, struct buf *why)
{
	size_t left;
	int r;

	if (nomem_now())
		return E_MEM;
	left = nomem_left;
	nomem_left = 0;
	r = __real_profile_set_builtin(set, why);
	nomem_left = left;
	return r;
}

static CK_RV first_rv;
static const char *first_at;
static char wrong[200];

/* How the first step to fail may fail: for want of memory, or (OpenSSL does not say why it has no
 * context) as a function that failed. USER_NOT_LOGGED_IN: whether a PIN was changed meanwhile could not
 * be looked up, so that one given for one use is not used. */
static bool
is_defined(CK_RV rv)
{
	return rv == CKR_OK || rv == CKR_HOST_MEMORY || rv == CKR_FUNCTION_FAILED || rv == CKR_DEVICE_ERROR ||
	    rv == CKR_DEVICE_MEMORY || rv == CKR_USER_NOT_LOGGED_IN ||
	    rv == CKR_KEY_HANDLE_INVALID || rv == CKR_SLOT_ID_INVALID || rv == CKR_TOKEN_NOT_RECOGNIZED;
}

enum what { USE, MAKE, PIN2 };

static bool
once(enum what what, size_t n)
{
	struct walk w = { .make = what == MAKE, .pin2 = what == PIN2, .nomem = n > 0 };
	bool right;

	nomem_failed = false;
	nomem_left = n;
	walk(&w);
	nomem_left = 0;
	first_at = walk_failed(&w, &first_rv);
	memcpy(wrong, w.wrong, sizeof wrong);
	right = !wrong[0] && is_defined(first_rv);
	if (w.open)
		C_Finalize(NULL);
	return right;
}

static size_t
run(enum what what, size_t step)
{
	static const char *const images[] = { "myeid.yaml", "myeid-blank.yaml", "myeid-citizen.yaml" };
	const bool make = what == MAKE;
	size_t n = 1;
	bool failed = true;

	for (n = 1; failed && n < FAR; n += step) {
		if (make || n == 1)
			module_card(images[what], NULL, NULL);
		ck_assert_msg(once(what, n), "request %zu: %s gave 0x%lX; %s", n, first_at, first_rv, wrong);
		failed = nomem_failed;
		ck_assert_int_eq(vc_tries(module.vc[0], 1), 3);
		/* and with memory again, the same card */
		ck_assert_msg(once(what, 0) && !first_at, "after request %zu: %s gave 0x%lX", n, first_at, first_rv);
		if (make)
			module_free();
	}
	module_free();
	return n;
}

START_TEST(a_program_that_uses_keys)
{
	size_t n = run(USE, 1);

	ck_assert_uint_gt(n, 200);
	ck_assert_uint_lt(n, FAR);
}
END_TEST

START_TEST(a_program_that_makes_keys)
{
	size_t n = run(MAKE, 2);

	ck_assert_uint_gt(n, 200);
	ck_assert_uint_lt(n, FAR);
}
END_TEST

START_TEST(a_program_that_uses_pin2)
{
	size_t n = run(PIN2, 1);

	ck_assert_uint_gt(n, 200);
	ck_assert_uint_lt(n, FAR);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("nomem");
	TCase *tc = tcase_create("walk");

	setenv("CASTOR_CONF", "/dev/null", 1);
	tcase_set_timeout(tc, 200);
	tcase_add_test(tc, a_program_that_uses_keys);
	tcase_add_test(tc, a_program_that_makes_keys);
	tcase_add_test(tc, a_program_that_uses_pin2);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}

/* A unit test program is a table of Check test functions and UNIT_MAIN. */
#ifndef CASTOR_T_UNIT_H
#define CASTOR_T_UNIT_H

#include <check.h>
#include <stdlib.h>

/* Runs a suite and reports in TAP: what main() returns. Takes it. */
static inline int
unit_run(Suite *suite)
{
	SRunner *runner = srunner_create(suite);
	int failed;

	srunner_set_tap(runner, "-");
	srunner_run_all(runner, CK_SILENT);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}

/* Runs every test of `tests` in a process of its own and reports in TAP. */
#define UNIT_MAIN(suite_name, ...) \
	int main(void) \
	{ \
		const TTest *tests[] = { __VA_ARGS__ }; \
		Suite *suite = suite_create(suite_name); \
\
		for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++) { \
			TCase *tc = tcase_create(tests[i]->name); \
\
			tcase_set_timeout(tc, 120); \
			tcase_add_test(tc, tests[i]); \
			suite_add_tcase(suite, tc); \
		} \
		return unit_run(suite); \
	}

#endif

#include "token/pincache.h"

#include <string.h>

#include "t/unit/unit.h"

static struct secret *
pin(const char *text)
{
	struct secret *s = secret_new(text, strlen(text));

	ck_assert_ptr_nonnull(s);
	return s;
}

START_TEST(nothing_fits_where_nothing_is_kept)
{
	const struct pincache_limits none = { 0, 0 }, tight = { 1, 1 };
	struct pincache c = { 0 };

	ck_assert(!pincache_fits(&c, 3, 0));
	ck_assert(!pincache_fits(&c, 0, 0));
	ck_assert(!pincache_is_over(&c, &none, 1000000));
	ck_assert(!pincache_is_over(&c, &tight, 1000000));
	pincache_wipe(&c);
	ck_assert_ptr_null(c.pin);
}
END_TEST

START_TEST(a_copy_is_kept_instead_of_the_last_one)
{
	struct pincache c = { 0 };
	struct secret *a = pin("1234"), *b = pin("567890");

	pincache_put(&c, a, 3, 7, 1000);
	ck_assert(c.pin != a && secret_eq(c.pin, a));
	secret_free(&a);
	pincache_used(&c, 2000);
	pincache_put(&c, b, 3, 8, 3000);
	ck_assert(secret_eq(c.pin, b));
	ck_assert_int_eq(c.uses, 0);
	ck_assert(pincache_fits(&c, 3, 8) && !pincache_fits(&c, 3, 7));
	pincache_wipe(&c);
	ck_assert_ptr_null(c.pin);
	ck_assert(!pincache_fits(&c, 3, 8));
	secret_free(&b);
}
END_TEST

/* DESIGN 18.4: as many tries as when it was kept, more than one, and no change told since. */
START_TEST(it_is_sent_only_where_that_costs_nothing)
{
	static const struct { int kept, seen; uint64_t kept_epoch, epoch; bool fits; } cases[] = {
		{ 3, 3, 0, 0, true }, { 3, 3, 9, 9, true }, { 2, 2, 0, 0, true }, { 10, 10, 1, 1, true },
		{ 3, 2, 0, 0, false }, { 3, 4, 0, 0, false }, { 3, 1, 0, 0, false }, { 3, 0, 0, 0, false },
		{ 3, -1, 0, 0, false },
		{ 3, 3, 0, 1, false }, { 3, 3, 1, 0, false }, { 3, 3, 5, UINT64_MAX, false },
		/* not kept at all */
		{ 1, 1, 0, 0, false }, { 0, 0, 0, 0, false }, { -1, -1, 0, 0, false }, { -1, 3, 0, 0, false },
	};
	struct secret *a = pin("1234");

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct pincache c = { 0 };

		pincache_put(&c, a, cases[i].kept, cases[i].kept_epoch, 0);
		ck_assert_msg(pincache_fits(&c, cases[i].seen, cases[i].epoch) == cases[i].fits,
		    "case %zu", i);
		pincache_wipe(&c);
	}
	secret_free(&a);
}
END_TEST

START_TEST(it_is_over_in_time)
{
	static const struct { long idle_s, uses; int64_t used_at, now; long served; bool over; } cases[] = {
		{ 0, 0, 0, INT64_MAX / 2, 1000000, false },
		{ 1, 0, 5000, 6000, 9, false }, { 1, 0, 5000, 6001, 0, true },
		{ 900, 0, 0, 900000, 0, false }, { 900, 0, 0, 900001, 0, true },
		{ 86400, 0, 0, 86400001, 0, true },
		/* a clock that has not moved, or is behind */
		{ 1, 0, 5000, 5000, 0, false }, { 1, 0, 5000, 0, 0, false },
		{ 0, 3, 0, 0, 2, false }, { 0, 3, 0, 0, 3, true }, { 0, 3, 0, 0, 4, true },
		{ 1, 3, 0, 1001, 0, true }, { 1, 3, 0, 1000, 3, true }, { 1, 3, 0, 1000, 2, false },
	};
	struct secret *a = pin("1234");

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const struct pincache_limits max = { cases[i].idle_s, cases[i].uses };
		struct pincache c = { 0 };

		pincache_put(&c, a, 3, 0, cases[i].used_at);
		c.uses = cases[i].served;
		ck_assert_msg(pincache_is_over(&c, &max, cases[i].now) == cases[i].over, "case %zu", i);
		pincache_wipe(&c);
	}
	secret_free(&a);
}
END_TEST

START_TEST(use_keeps_it_alive)
{
	const struct pincache_limits max = { 1, 3 };
	struct pincache c = { 0 };
	struct secret *a = pin("1234");

	pincache_put(&c, a, 3, 0, 0);
	for (int64_t t = 900; t <= 1800; t += 900) {
		ck_assert(!pincache_is_over(&c, &max, t));
		pincache_used(&c, t);
	}
	ck_assert(!pincache_is_over(&c, &max, 2700));
	pincache_used(&c, 2700);
	ck_assert(pincache_is_over(&c, &max, 2700)); /* it has served three times */
	pincache_wipe(&c);
	secret_free(&a);
}
END_TEST

UNIT_MAIN("pincache", nothing_fits_where_nothing_is_kept, a_copy_is_kept_instead_of_the_last_one,
    it_is_sent_only_where_that_costs_nothing, it_is_over_in_time, use_keeps_it_alive)

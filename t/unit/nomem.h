/* Memory that runs out at the n-th request. Link with $(nomem_ldflags); the program then has
 * these in place of the allocator of what is linked statically, tests and our libraries. */
#ifndef CASTOR_T_UNIT_NOMEM_H
#define CASTOR_T_UNIT_NOMEM_H

#include <check.h>
#include <stdbool.h>
#include <stddef.h>

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
char *__real_strdup(const char *s);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
char *__wrap_strdup(const char *s);

static size_t nomem_left; /* requests until one fails; 0: none does */
static bool nomem_failed; /* one did */

static inline bool
nomem_now(void)
{
	if (nomem_left == 0 || --nomem_left)
		return false;
	nomem_failed = true;
	return true;
}

void *
__wrap_malloc(size_t n)
{
	return nomem_now() ? NULL : __real_malloc(n);
}

void *
__wrap_calloc(size_t n, size_t size)
{
	return nomem_now() ? NULL : __real_calloc(n, size);
}

void *
__wrap_realloc(void *p, size_t n)
{
	return nomem_now() ? NULL : __real_realloc(p, n);
}

char *
__wrap_strdup(const char *s)
{
	return nomem_now() ? NULL : __real_strdup(s);
}

/* Calls run(arg) with the 1st, 2nd, ... request failing until none is left to fail. run answers
 * whether the outcome is right, knowing nomem_failed; it must not use ck_assert, which wants
 * memory of its own. Returns how many requests there were. */
static inline size_t
nomem(bool (*run)(void *arg), void *arg)
{
	size_t n = 0;
	bool right;

	do {
		nomem_failed = false;
		nomem_left = ++n;
		right = run(arg);
		nomem_left = 0;
		ck_assert_msg(right, "request %zu", n);
	} while (nomem_failed);
	return n - 1;
}

#endif

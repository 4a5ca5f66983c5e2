#include "base/secret.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "t/unit/unit.h"

START_TEST(a_cell_holds_a_copy)
{
	char pin[] = "1234";
	struct secret *a = secret_new(pin, 4), *b, *c = secret_new(NULL, 0);

	memset(pin, 0, sizeof pin);
	ck_assert(view_eq(secret_view(a), view_str("1234")));
	b = secret_new("1234", 4);
	ck_assert_ptr_ne(a, b);
	ck_assert(secret_eq(a, b) && !secret_eq(a, c) && secret_eq(c, c));
	secret_free(&b);
	ck_assert_ptr_null(b);
	secret_free(&b);
	b = secret_new("1235", 4);
	ck_assert(!secret_eq(a, b));
	ck_assert_uint_eq(secret_view(c).len, 0);
	ck_assert_uint_eq(secret_view(NULL).len, 0);
	secret_free(&a);
	secret_free(&b);
	secret_free(&c);
}
END_TEST

START_TEST(lengths_have_a_limit)
{
	char long_pin[SECRET_MAX + 1];
	struct secret *s;

	memset(long_pin, '9', sizeof long_pin);
	ck_assert_ptr_null(secret_new(long_pin, SECRET_MAX + 1));
	s = secret_new(long_pin, SECRET_MAX);
	ck_assert_uint_eq(secret_view(s).len, SECRET_MAX);
	secret_free(&s);
}
END_TEST

START_TEST(a_cell_given_back_is_clean)
{
	struct secret *keeps_the_page = secret_new("", 0), *s = secret_new("123456", 6), *again = s;

	secret_free(&s);
	for (size_t i = 0; i < sizeof *again; i++)
		ck_assert_uint_eq(((const uint8_t *)again)[i], 0);
	s = secret_new("1", 1);
	ck_assert_ptr_eq(s, again);
	secret_free(&s);
	secret_free(&keeps_the_page);
}
END_TEST

START_TEST(cells_run_out_and_come_back)
{
	struct secret *s[1000];
	size_t n = 0;

	while (n < 1000 && (s[n] = secret_new("1234", 4)))
		n++;
	ck_assert(n >= 64 && n < 1000);
	secret_free(&s[0]);
	ck_assert_ptr_nonnull(s[0] = secret_new("1234", 4));
	for (size_t i = 0; i < n; i++)
		secret_free(&s[i]);
}
END_TEST

START_TEST(a_forked_child_sees_zeros)
{
	struct secret *s = secret_new("123456", 6), *mine;
	int status;
	pid_t child = fork();

	if (child == 0) {
		for (size_t i = 0; i < sizeof *s; i++)
			if (((const uint8_t *)s)[i])
				_exit(1);
		/* and can have cells of its own */
		mine = secret_new("99", 2);
		_exit(mine && view_eq(secret_view(mine), view_str("99")) ? 0 : 2);
	}
	ck_assert_int_eq((int)waitpid(child, &status, 0), (int)child);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 0);
	ck_assert(view_eq(secret_view(s), view_str("123456")));
	secret_free(&s);
}
END_TEST

/* The flags of the mapping that holds p: "dd" not in core files, "wf" wiped on fork. */
static bool
map_has(const void *p, const char *flag)
{
	char line[512], word[8];
	unsigned long from, to, at = (unsigned long)(uintptr_t)p;
	bool inside = false, found = false;
	FILE *f = fopen("/proc/self/smaps", "r");

	ck_assert_ptr_nonnull(f);
	snprintf(word, sizeof word, " %s", flag);
	while (fgets(line, sizeof line, f)) {
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			inside = at >= from && at < to;
		else if (inside && strncmp(line, "VmFlags:", 8) == 0)
			found = strstr(line, word) != NULL;
	}
	fclose(f);
	return found;
}

START_TEST(the_page_stays_out_of_core_files_and_children)
{
	struct secret *s = secret_new("1234", 4);
	void *locked;

	ck_assert(map_has(s, "dd"));
	ck_assert(map_has(s, "wf"));
	/* where anything can be locked (not under AddressSanitizer), this page is */
	locked = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (mlock(locked, 4096) == 0 && map_has(locked, "lo"))
		ck_assert(map_has(s, "lo"));
	munmap(locked, 4096);
	secret_free(&s);
}
END_TEST

static void *
hammer(void *arg)
{
	const char *pin = arg;
	struct secret *s;

	for (int i = 0; i < 20000; i++) {
		if (!(s = secret_new(pin, 4)))
			return arg;
		if (!view_eq(secret_view(s), view_of(pin, 4)))
			return arg;
		secret_free(&s);
	}
	return NULL;
}

START_TEST(threads_never_share_a_cell)
{
	static char pins[4][5] = { "1111", "2222", "3333", "4444" };
	pthread_t t[4];
	void *bad;

	for (int i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, hammer, pins[i]);
	for (int i = 0; i < 4; i++) {
		pthread_join(t[i], &bad);
		ck_assert_ptr_null(bad);
	}
}
END_TEST

UNIT_MAIN("secret", a_cell_holds_a_copy, lengths_have_a_limit, a_cell_given_back_is_clean,
    cells_run_out_and_come_back, a_forked_child_sees_zeros,
    the_page_stays_out_of_core_files_and_children, threads_never_share_a_cell)

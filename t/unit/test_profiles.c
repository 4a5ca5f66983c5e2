#include "token/profiles.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/os.h"
#include "t/unit/unit.h"

static const char good[] =
	"schema: 1\nprofile: %s\nsource: [ \"a test\" ]\ndriver: generic\nmodel: \"%s\"\n"
	"match:\n  - { hist-tail: \"MyEID\", rank: 1 }\n";

struct folders { char top[64], system[80], user[80], log[80]; };

static struct folders
folders_new(void)
{
	struct folders f;

	snprintf(f.top, sizeof f.top, "/tmp/castor-profiles-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(f.top));
	snprintf(f.system, sizeof f.system, "%s/system", f.top);
	snprintf(f.user, sizeof f.user, "%s/user", f.top);
	snprintf(f.log, sizeof f.log, "%s/log", f.top);
	ck_assert_int_eq(mkdir(f.system, 0755), 0);
	ck_assert_int_eq(mkdir(f.user, 0755), 0);
	log_open(LOG_WARN, f.log);
	return f;
}

static void
put(const char *folder, const char *name, const char *profile, const char *model)
{
	char path[160];
	FILE *file;

	snprintf(path, sizeof path, "%s/%s", folder, name);
	ck_assert_ptr_nonnull(file = fopen(path, "w"));
	if (model)
		fprintf(file, good, profile, model);
	else
		fputs(profile, file);
	fclose(file);
	ck_assert_int_eq(chmod(path, 0644), 0);
}

/* The log so far, which must be that many lines. */
static const char *
lines(const struct folders *f, size_t want)
{
	static struct buf text = BUF_INIT;
	size_t n = 0;

	buf_reset(&text);
	os_file_read(f->log, 1 << 16, false, &text);
	for (size_t i = 0; i < text.len; i++)
		n += text.p[i] == '\n';
	ck_assert_msg(n == want, "%zu lines: %s", n, buf_text(&text));
	return buf_text(&text);
}

static const struct profile *
named(const struct profile_set *set, const char *name)
{
	for (size_t i = 0; i < set->n; i++)
		if (strcmp(set->p[i]->name, name) == 0)
			return set->p[i];
	return NULL;
}

static void
folders_free(const struct folders *f, struct profile_set *set)
{
	char command[128];

	profile_set_free(set);
	log_close();
	snprintf(command, sizeof command, "rm -rf %s", f->top);
	ck_assert_int_eq(system(command), 0);
}

START_TEST(a_profile_of_ones_own_is_added_but_never_comes_first)
{
	static const uint8_t atr[] = { 0x3B, 0xF5, 0x18, 0x00, 0x00, 0x81, 0x31, 0xFE, 0x45, 0x4D, 0x79,
		0x45, 0x49, 0x44, 0x9A };
	struct folders f = folders_new();
	struct profile_set set = { 0 };
	const struct atr_match *m;
	const struct profile *first;

	put(f.user, "mine.yaml", "mine", "Mine");
	ck_assert_int_eq(profiles_load(f.system, f.user, &set), 0);
	ck_assert_ptr_nonnull(named(&set, "mine"));
	first = profile_match(&set, view_of(atr, sizeof atr), NULL, &m);
	ck_assert_str_eq(first->name, "myeid");
	ck_assert_str_eq(profile_match(&set, view_of(atr, sizeof atr), first, &m)->name, "mine");
	lines(&f, 0);
	folders_free(&f, &set);
}
END_TEST

START_TEST(the_system_may_replace_what_is_shipped_and_a_user_may_not)
{
	struct folders f = folders_new();
	struct profile_set set = { 0 };

	put(f.system, "myeid.yaml", "myeid", "By system");
	put(f.user, "other.yaml", "myeid", "By user");
	ck_assert_int_eq(profiles_load(f.system, f.user, &set), 0);
	ck_assert_str_eq(named(&set, "myeid")->model, "By system");
	ck_assert_ptr_nonnull(strstr(lines(&f, 1), "other.yaml: left out: there is a profile \"myeid\" already"));
	folders_free(&f, &set);
}
END_TEST

START_TEST(a_typo_costs_one_line_with_file_and_line_and_the_rest_works)
{
	struct folders f = folders_new();
	struct profile_set set = { 0 };

	put(f.user, "bad.yaml", "schema: 1\nprofile: bad\nsuorce: [ \"x\" ]\n", NULL);
	put(f.user, "good.yaml", "good", "Good");
	put(f.user, "readme.txt", "no profile", NULL);
	ck_assert_int_eq(profiles_load(f.system, f.user, &set), 0);
	ck_assert_ptr_nonnull(named(&set, "good"));
	ck_assert_ptr_null(named(&set, "bad"));
	ck_assert_ptr_nonnull(strstr(lines(&f, 1), "bad.yaml:3: unknown key \"suorce\""));
	folders_free(&f, &set);
}
END_TEST

START_TEST(what_others_can_write_is_left_out)
{
	struct folders f = folders_new();
	struct profile_set set = { 0 };
	char path[160];

	put(f.user, "open.yaml", "open", "Open");
	snprintf(path, sizeof path, "%s/open.yaml", f.user);
	ck_assert_int_eq(chmod(path, 0666), 0);
	ck_assert_int_eq(profiles_load(f.system, f.user, &set), 0);
	ck_assert_ptr_null(named(&set, "open"));
	ck_assert_ptr_nonnull(strstr(lines(&f, 1), "open.yaml: left out: others can write it; run chmod go-w"));
	folders_free(&f, &set);
}
END_TEST

START_TEST(folders_that_are_not_there_are_empty)
{
	struct profile_set set = { 0 };

	ck_assert_int_eq(profiles_load("/nowhere/system", "/nowhere/user", &set), 0);
	ck_assert_ptr_nonnull(named(&set, "myeid"));
	profile_set_free(&set);
}
END_TEST

UNIT_MAIN("profiles", a_profile_of_ones_own_is_added_but_never_comes_first,
    the_system_may_replace_what_is_shipped_and_a_user_may_not,
    a_typo_costs_one_line_with_file_and_line_and_the_rest_works, what_others_can_write_is_left_out,
    folders_that_are_not_there_are_empty)

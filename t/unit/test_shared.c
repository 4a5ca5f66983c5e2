/* What the processes of a user share: the epoch, and the turn to show a dialog. */
#include "token/shared.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/os.h"
#include "t/unit/unit.h"

static char root[64];

static const char *
in_root(const char *name)
{
	static char path[4][128];
	static unsigned turn;
	char *p = path[turn++ % 4];

	snprintf(p, sizeof path[0], "%s/%s", root, name);
	return p;
}

static void
put(const char *name, const char *text, mode_t mode)
{
	int fd = open(in_root(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq((int)write(fd, text, strlen(text)), (int)strlen(text));
	fchmod(fd, mode);
	close(fd);
}

static struct shared
open_in(const char *folder)
{
	struct settings_from from = { .test_card = true };
	struct settings *s = NULL;
	struct shared sh = { 0 };
	char conf[] = "shared-XXXXXX", text[256];
	int fd = mkstemp(conf);

	snprintf(text, sizeof text, "DataPath = %s\n", folder);
	ck_assert_int_eq((int)write(fd, text, strlen(text)), (int)strlen(text));
	close(fd);
	setenv("CASTOR_CONF", conf, 1);
	ck_assert_int_eq(settings_load(&from, &s), 0);
	unlink(conf);
	shared_open(s, &sh);
	settings_free(&s);
	return sh;
}

static struct shared
begin(void)
{
	strcpy(root, "/tmp/castor-shared-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(root));
	return open_in(in_root("run"));
}

static void
end(struct shared *sh)
{
	static const char *const names[] = { "run/epoch", "run/epoch.lock", "run/dialog.lock", "run" };

	shared_close(sh);
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (unlink(in_root(names[i])) < 0)
			rmdir(in_root(names[i]));
	ck_assert_int_eq(rmdir(root), 0);
}

START_TEST(the_epoch_grows)
{
	struct shared sh = begin(), other = open_in(in_root("run"));
	struct stat st;

	ck_assert_uint_eq(shared_epoch(&sh), 0);
	for (uint64_t i = 1; i < 5; i++) {
		shared_bump(i % 2 ? &sh : &other);
		ck_assert_uint_eq(shared_epoch(&sh), i);
		ck_assert_uint_eq(shared_epoch(&other), i);
	}
	ck_assert_int_eq(stat(in_root("run/epoch"), &st), 0);
	ck_assert_int_eq((int)(st.st_mode & 0777), 0600);
	shared_close(&other);
	end(&sh);
}
END_TEST

/* Whatever stands in the file, a bump makes it another number than before. */
START_TEST(a_damaged_epoch_still_changes)
{
	static const char *const texts[] = { "", "\n", "x", "-1", "12x", " 7\n", "0x10", "99999999999999999999",
		"18446744073709551615\n", "123456789012345678901234567890123456789012345678901234567890\n" };
	struct shared sh = begin();
	uint64_t before;

	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		put("run/epoch", texts[i], 0600);
		before = shared_epoch(&sh);
		shared_bump(&sh);
		ck_assert_msg(shared_epoch(&sh) != before, "after \"%s\": %lu", texts[i],
		    (unsigned long)before);
		before = shared_epoch(&sh);
		shared_bump(&sh);
		ck_assert_msg(shared_epoch(&sh) != before, "once more after \"%s\"", texts[i]);
	}
	/* one that others can write says nothing */
	put("run/epoch", "77\n", 0666);
	ck_assert_uint_eq(shared_epoch(&sh), 0);
	shared_bump(&sh);
	ck_assert_uint_ne(shared_epoch(&sh), 77);
	unlink(in_root("run/epoch"));
	ck_assert_int_eq(mkdir(in_root("run/epoch"), 0700), 0);
	ck_assert_uint_eq(shared_epoch(&sh), 0);
	shared_bump(&sh); /* cannot be written, which is logged */
	rmdir(in_root("run/epoch"));
	end(&sh);
}
END_TEST

START_TEST(without_a_folder_each_is_alone)
{
	struct shared sh;
	bool waited = true;
	int fd = 7;

	strcpy(root, "/tmp/castor-shared-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(root));
	sh = open_in(in_root("none/such"));
	ck_assert_ptr_null(sh.folder);
	ck_assert_uint_eq(shared_epoch(&sh), 0);
	shared_bump(&sh);
	ck_assert_uint_eq(shared_epoch(&sh), 0);
	ck_assert_int_eq(shared_turn(&sh, 1000, NULL, NULL, &fd, &waited), 0);
	ck_assert_int_eq(fd, -1);
	ck_assert(!waited);
	/* it went away while it was in use */
	shared_close(&sh);
	sh = open_in(in_root("run"));
	shared_bump(&sh);
	ck_assert_uint_eq(shared_epoch(&sh), 1);
	unlink(in_root("run/epoch"));
	unlink(in_root("run/epoch.lock"));
	ck_assert_int_eq(rmdir(in_root("run")), 0);
	ck_assert_uint_eq(shared_epoch(&sh), 0);
	shared_bump(&sh);
	ck_assert_int_eq(shared_turn(&sh, 1000, NULL, NULL, &fd, &waited), 0);
	ck_assert_int_eq(fd, -1);
	end(&sh);
}
END_TEST

START_TEST(no_bump_of_two_programs_is_lost)
{
	enum { EACH = 100, PROGRAMS = 3 };
	struct shared sh = begin();
	pid_t pid[PROGRAMS];
	int status;

	for (int p = 0; p < PROGRAMS; p++) {
		if ((pid[p] = fork()) == 0) {
			for (int i = 0; i < EACH; i++)
				shared_bump(&sh);
			_exit(0);
		}
	}
	for (int p = 0; p < PROGRAMS; p++) {
		ck_assert_int_eq(waitpid(pid[p], &status, 0), pid[p]);
		ck_assert_int_eq(status, 0);
	}
	ck_assert_uint_eq(shared_epoch(&sh), EACH * PROGRAMS);
	end(&sh);
}
END_TEST

static bool
not_wanted(void *arg)
{
	return --*(int *)arg > 0;
}

START_TEST(a_turn_is_waited_for_but_not_for_ever)
{
	struct shared sh = begin();
	int fd = -1, second = 9, left = 3;
	bool waited = true;
	int64_t since;

	ck_assert_int_eq(shared_turn(&sh, 1000, NULL, NULL, &fd, &waited), 0);
	ck_assert(fd >= 0 && !waited);
	/* its time is over: without the lock */
	since = os_clock_ms();
	ck_assert_int_eq(shared_turn(&sh, 300, NULL, NULL, &second, &waited), 0);
	ck_assert_int_eq(second, -1);
	ck_assert(waited);
	ck_assert_int_ge((int)(os_clock_ms() - since), 300);
	/* nobody wants it any more */
	ck_assert_int_eq(shared_turn(&sh, 60000, not_wanted, &left, &second, &waited), E_CLOSED);
	ck_assert_int_eq(second, -1);
	ck_assert_int_eq(left, 0);
	os_lock_drop(&fd);
	ck_assert_int_eq(shared_turn(&sh, 1000, NULL, NULL, &second, &waited), 0);
	ck_assert(second >= 0 && !waited);
	os_lock_drop(&second);
	end(&sh);
}
END_TEST

UNIT_MAIN("shared", the_epoch_grows, a_damaged_epoch_still_changes, without_a_folder_each_is_alone,
    no_bump_of_two_programs_is_lost, a_turn_is_waited_for_but_not_for_ever)

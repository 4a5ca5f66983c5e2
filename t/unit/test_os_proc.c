#include "base/os.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/err.h"
#include "t/unit/children.h"
#include "t/unit/unit.h"

static char root[64];

static void
clean_up(void)
{
	char command[128];

	snprintf(command, sizeof command, "rm -rf '%s'", root);
	if (system(command) != 0)
		fprintf(stderr, "%s is left\n", root);
}

/* A folder of the test's own; each test is a process, at whose end it goes. */
static bool
make_root(const char *where)
{
	snprintf(root, sizeof root, "%s/os_procXXXXXX", where);
	return mkdtemp(root) && atexit(clean_up) == 0;
}

static const char *
in_root(const char *name)
{
	static char path[4][512];
	static int turn;

	if (!root[0])
		ck_assert(make_root("/tmp"));
	turn = (turn + 1) % 4;
	snprintf(path[turn], sizeof path[turn], "%s/%s", root, name);
	return path[turn];
}

static void
run(const char *script, struct os_child *c)
{
	const char *argv[] = { "/bin/sh", "-c", script, NULL };
	const char *env[] = { "PATH=/usr/bin:/bin", "LC_ALL=C", "ONE=1", NULL };

	ck_assert_int_eq(os_child_start((char *const *)argv, (char *const *)env, c), 0);
	ck_assert_int_gt((int)c->pid, 0);
}

START_TEST(a_child_hears_and_answers)
{
	struct os_child c;
	char got[64];
	long n;

	run("read x; echo \"$x, $ONE, $(pwd)\"", &c);
	ck_assert_int_eq((int)os_read_ms(c.from, got, sizeof got, 50), -2);
	ck_assert(os_child_write(&c, "hello\n", 6, 1000));
	n = os_read_ms(c.from, got, sizeof got, 5000);
	ck_assert_int_eq((int)n, 12);
	ck_assert_int_eq(memcmp(got, "hello, 1, /\n", 12), 0);
	ck_assert_int_eq((int)os_read_ms(c.from, got, sizeof got, 5000), 0);
	ck_assert_int_eq(os_child_end(&c, 5000), 0);
	ck_assert_int_eq((int)c.pid, -1);
	ck_assert_int_eq(c.to, -1);
	ck_assert_int_eq(c.from, -1);
	no_children();
	/* ending it twice, or one that never was, does no harm */
	ck_assert_int_ne(os_child_end(&c, 5000), 0);
	ck_assert_int_eq((int)os_read_ms(-1, got, sizeof got, 0), -2);
	ck_assert_int_eq((int)os_read_ms(1000, got, sizeof got, 0), -1);
}
END_TEST

START_TEST(a_child_that_fails_is_told_from_one_that_does_not)
{
	struct os_child c;

	run("exit 0", &c);
	ck_assert_int_eq(os_child_end(&c, 5000), 0);
	run("exit 7", &c);
	ck_assert_int_ne(os_child_end(&c, 5000), 0);
	run("kill -9 $$", &c);
	ck_assert_int_ne(os_child_end(&c, 5000), 0);
	no_children();
}
END_TEST

START_TEST(a_child_that_stays_is_made_to_go)
{
	static const struct {
		const char *script;
		int ms, least, most;
	} cases[] = {
		{ "exec sleep 100", 0, 0, 400 },
		{ "exec sleep 100", 300, 300, 700 },
		{ "trap '' TERM; echo; exec sleep 100", 0, 500, 1000 },
		{ "kill -STOP $$", 200, 200, 800 },
		{ "trap '' TERM; echo; kill -STOP $$; exec sleep 100", 0, 500, 1000 },
	};
	struct os_child c;
	int64_t start;
	char got[8];
	int took;

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		run(cases[i].script, &c);
		if (strstr(cases[i].script, "echo"))
			ck_assert_int_eq((int)os_read_ms(c.from, got, sizeof got, 5000), 1);
		start = os_clock_ms();
		ck_assert_int_ne(os_child_end(&c, cases[i].ms), 0);
		took = (int)(os_clock_ms() - start);
		ck_assert_msg(took >= cases[i].least && took < cases[i].most + 2000, "%zu: %d ms", i, took);
		no_children();
	}
}
END_TEST

/* A dialog that the person stopped gives the terminal back before it ends. */
START_TEST(a_stopped_child_may_tidy_up)
{
	struct os_child c;
	char script[256], got[8];

	snprintf(script, sizeof script, "trap 'echo >%s; exit' TERM; echo; kill -STOP $$; exec sleep 100",
	    in_root("tidy"));
	run(script, &c);
	ck_assert_int_eq((int)os_read_ms(c.from, got, sizeof got, 5000), 1);
	ck_assert_int_eq(os_child_end(&c, 300), 0);
	ck_assert_int_eq(access(in_root("tidy"), F_OK), 0);
	no_children();
}
END_TEST

START_TEST(a_child_that_does_not_read_cannot_hold_us)
{
	static char much[1 << 20];
	struct os_child c;
	int64_t start = os_clock_ms();

	run("exec sleep 100", &c);
	ck_assert(!os_child_write(&c, much, sizeof much, 200));
	ck_assert_int_ge((int)(os_clock_ms() - start), 200);
	os_child_end(&c, 0);
	/* and one that reads gets it all */
	run("test $(wc -c) -eq 1048576", &c);
	ck_assert(os_child_write(&c, much, sizeof much, 5000));
	ck_assert_int_eq(os_child_end(&c, 5000), 0);
	/* nobody there: no signal */
	signal(SIGPIPE, SIG_DFL);
	run("exec <&-; echo; sleep 100", &c);
	ck_assert_int_eq((int)os_read_ms(c.from, much, 8, 5000), 1);
	ck_assert(!os_child_write(&c, "x", 1, 1000));
	os_child_end(&c, 0);
	no_children();
}
END_TEST

START_TEST(a_child_that_cannot_start_leaves_nothing)
{
	static const struct {
		const char *path;
		int err;
	} cases[] = {
		{ "/nonexistent", E_NOT_FOUND }, { "/etc/passwd/x", E_NOT_FOUND }, { "/etc/passwd", E_IO }, { "/", E_IO },
	};
	const char *env[] = { NULL };
	struct os_child c;
	int fds = open_fds();

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const char *argv[] = { cases[i].path, NULL };

		ck_assert_int_eq(os_child_start((char *const *)argv, (char *const *)env, &c), cases[i].err);
		ck_assert_int_eq((int)c.pid, -1);
		ck_assert_int_eq(c.to, -1);
		ck_assert_int_eq(c.from, -1);
	}
	no_children();
	ck_assert_int_eq(open_fds(), fds);
}
END_TEST

/* A host without standard streams: the pipes would get their numbers. */
START_TEST(a_host_without_streams_can_have_children)
{
	struct os_child c;
	char got[64];
	int keep[3];
	long n;

	for (int closed = 1; closed < 8; closed++) {
		for (int fd = 0; fd < 3; fd++) {
			keep[fd] = fcntl(fd, F_DUPFD_CLOEXEC, 10);
			if (closed & 1 << fd)
				close(fd);
		}
		run("read x; echo $x; echo no >&2; for n in 0 1 2 3 4 5 6 7 8 9 11 12 13 14 15 16; do "
		    "test ! -e /proc/$$/fd/$n || printf \"$n \"; done", &c);
		ck_assert(os_child_write(&c, "hello\n", 6, 1000));
		memset(got, 0, sizeof got);
		for (size_t len = 0; (n = os_read_ms(c.from, got + len, sizeof got - 1 - len, 5000)) > 0; )
			len += (size_t)n;
		for (int fd = 0; fd < 3; fd++) {
			dup2(keep[fd], fd);
			close(keep[fd]);
		}
		/* what the host prints meanwhile must not get into the pipes */
		ck_assert_int_gt(c.to, 2);
		ck_assert_int_gt(c.from, 2);
		ck_assert_int_eq(os_child_end(&c, 5000), 0);
		ck_assert_str_eq(got, "hello\n0 1 2 ");
	}
}
END_TEST

START_TEST(interruptions_do_not_shorten_a_wait)
{
	struct sigaction sa = { .sa_handler = SIG_DFL };
	struct os_child c;
	char got[8];
	int64_t start = os_clock_ms();

	run("p=$(ps -o ppid= $$); for i in 1 2 3; do sleep 0.1; kill -WINCH $p; done; sleep 100", &c);
	sigaction(SIGWINCH, &sa, NULL);
	ck_assert_int_eq((int)os_read_ms(c.from, got, sizeof got, 700), -2);
	ck_assert_int_ge((int)(os_clock_ms() - start), 700);
	os_child_end(&c, 0);
}
END_TEST

static int looks;

static bool
thrice(void *arg)
{
	(void)arg;
	return ++looks < 3;
}

/* Another process takes the lock and tells; it gives it back when it is told to, or dies. */
static long
holder(const char *path, int *tell)
{
	int ready[2], stop[2], fd;
	char c = 0;
	pid_t pid;

	ck_assert_int_eq(pipe(ready), 0);
	ck_assert_int_eq(pipe(stop), 0);
	if ((pid = fork()) == 0) {
		close(stop[1]);
		if (os_lock_take(path, 0, NULL, NULL, &fd) != 0 || write(ready[1], &c, 1) != 1)
			_exit(1);
		if (read(stop[0], &c, 1) == 1)
			os_lock_drop(&fd);
		if (write(ready[1], &c, 1) != 1)
			_exit(1);
		pause();
	}
	close(ready[1]);
	close(stop[0]);
	ck_assert_int_eq((int)read(ready[0], &c, 1), 1);
	tell[0] = stop[1];
	tell[1] = ready[0];
	return pid;
}

START_TEST(a_lock_has_one_holder)
{
	const char *path = in_root("lock");
	int fd, tell[2], fds = open_fds();
	int64_t start;
	struct stat st;
	long pid = holder(path, tell);
	char c = 1;

	/* a holder that is stopped holds it all the same */
	kill((pid_t)pid, SIGSTOP);
	start = os_clock_ms();
	ck_assert_int_eq(os_lock_take(path, 250, NULL, NULL, &fd), E_BUSY);
	ck_assert_int_eq(fd, -1);
	ck_assert_int_ge((int)(os_clock_ms() - start), 250);
	ck_assert_int_lt((int)(os_clock_ms() - start), 2000);
	ck_assert_int_eq(os_lock_take(path, 0, NULL, NULL, &fd), E_BUSY);
	ck_assert_int_eq(os_lock_take(path, 60000, thrice, NULL, &fd), E_CLOSED);
	ck_assert_int_eq(looks, 3);
	kill((pid_t)pid, SIGCONT);
	/* given back */
	ck_assert_int_eq((int)write(tell[0], &c, 1), 1);
	ck_assert_int_eq((int)read(tell[1], &c, 1), 1);
	ck_assert_int_eq(os_lock_take(path, 0, NULL, NULL, &fd), 0);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert_int_eq((int)(st.st_mode & 07777), 0600);
	/* two of one process are two */
	ck_assert_int_eq(os_lock_take(path, 0, NULL, NULL, &tell[1]), E_BUSY);
	os_lock_drop(&fd);
	ck_assert_int_eq(fd, -1);
	os_lock_drop(&fd);
	kill((pid_t)pid, SIGKILL);
	waitpid((pid_t)pid, NULL, 0);
	close(tell[0]);

	/* the end of the holder frees it */
	pid = holder(path, tell);
	kill((pid_t)pid, SIGKILL);
	ck_assert_int_eq(os_lock_take(path, 5000, NULL, NULL, &fd), 0);
	os_lock_drop(&fd);
	waitpid((pid_t)pid, NULL, 0);
	close(tell[0]);
	close(tell[1]);
	ck_assert_int_le(open_fds(), fds + 1);
}
END_TEST

START_TEST(a_lock_outlives_no_forked_copy)
{
	const char *path = in_root("lock");
	int fd, again;
	pid_t pid;

	ck_assert_int_eq(os_lock_take(path, 0, NULL, NULL, &fd), 0);
	if ((pid = fork()) == 0) {
		pause();
		_exit(0);
	}
	os_lock_drop(&fd);
	ck_assert_int_eq(os_lock_take(path, 0, NULL, NULL, &again), 0);
	os_lock_drop(&again);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}
END_TEST

START_TEST(only_a_plain_file_of_ones_own_is_a_lock)
{
	int fd, fds = open_fds();

	ck_assert_int_eq(symlink("elsewhere", in_root("link")), 0);
	ck_assert_int_eq(os_lock_take(in_root("link"), 0, NULL, NULL, &fd), E_IO);
	ck_assert_int_ne(access(in_root("elsewhere"), F_OK), 0);
	ck_assert_int_eq(mkfifo(in_root("pipe"), 0600), 0);
	ck_assert_int_eq(os_lock_take(in_root("pipe"), 0, NULL, NULL, &fd), E_IO);
	ck_assert_int_eq(os_lock_take(root, 0, NULL, NULL, &fd), E_IO);
	ck_assert_int_eq(os_lock_take(in_root("no/such/folder"), 0, NULL, NULL, &fd), E_IO);
	if (getuid() == 0) {
		ck_assert_int_eq(close(open(in_root("theirs"), O_CREAT | O_WRONLY, 0666)), 0);
		ck_assert_int_eq(chown(in_root("theirs"), 65534, 65534), 0);
		ck_assert_int_eq(os_lock_take(in_root("theirs"), 0, NULL, NULL, &fd), E_IO);
	}
	ck_assert_int_eq(fd, -1);
	ck_assert_int_eq(open_fds(), fds);
}
END_TEST

static void
folder_is(const char *set, int err, const char *want)
{
	struct buf b = BUF_INIT;
	int got = os_runtime_folder(set, &b);

	ck_assert_msg(got == err, "%s: %s", set, err_name(got));
	ck_assert_str_eq(buf_text(&b), err ? "" : want);
	buf_free(&b);
}

START_TEST(the_runtime_folder_is_private)
{
	const char *folder = in_root("castor");
	struct stat st;
	char keep[512];

	snprintf(keep, sizeof keep, "%s", folder);
	folder = keep;
	setenv("XDG_RUNTIME_DIR", root, 1);
	folder_is("", 0, folder);
	ck_assert_int_eq(lstat(folder, &st), 0);
	ck_assert_int_eq((int)(st.st_mode & 07777), 0700);
	ck_assert(S_ISDIR(st.st_mode));
	folder_is("", 0, folder);
	/* others may look, not write */
	chmod(folder, 0755);
	folder_is("", 0, folder);
	chmod(folder, 0770);
	folder_is("", E_DENIED, NULL);
	chmod(folder, 0702);
	folder_is("", E_DENIED, NULL);
	rmdir(folder);
	/* a link to one's own folder is still a link that another may have made */
	ck_assert_int_eq(mkdir(in_root("own"), 0700), 0);
	ck_assert_int_eq(symlink("own", folder), 0);
	folder_is("", E_DENIED, NULL);
	unlink(folder);
	ck_assert_int_eq(close(open(folder, O_CREAT | O_WRONLY, 0600)), 0);
	folder_is("", E_DENIED, NULL);
	unlink(folder);

	/* the setting goes first, and is one folder below one that is there */
	folder_is(in_root("set"), 0, in_root("set"));
	folder_is(in_root("not/there"), E_NOT_FOUND, NULL);
	folder_is("relative", E_NOT_FOUND, NULL);
	ck_assert_int_eq(lstat(folder, &st), -1);
	if (getuid() == 0) {
		ck_assert_int_eq(mkdir(in_root("theirs"), 0700), 0);
		ck_assert_int_eq(chown(in_root("theirs"), 65534, 65534), 0);
		folder_is(in_root("theirs"), E_DENIED, NULL);
	}
}
END_TEST

/* What su leaves in the environment of the new user: it must not be used, nor be an error. */
START_TEST(the_runtime_folder_of_another_user_is_not_ours)
{
	struct buf b = BUF_INIT;
	char user[64];

	setenv("XDG_RUNTIME_DIR", in_root("theirs"), 1);
	if (getuid() == 0) {
		ck_assert_int_eq(mkdir(in_root("theirs"), 0777), 0);
		ck_assert_int_eq(chown(in_root("theirs"), 65534, 65534), 0);
		ck_assert_int_eq(chmod(in_root("theirs"), 0777), 0);
		/* and not root any more, nobody's folder is none of ours either */
		ck_assert_int_eq(setegid(65533), 0);
		ck_assert_int_eq(seteuid(65533), 0);
	} else {
		setenv("XDG_RUNTIME_DIR", "/", 1);
	}
	snprintf(user, sizeof user, "/run/user/%lu", (unsigned long)geteuid());
	if (access(user, W_OK) == 0)
		ck_assert_int_eq(os_runtime_folder("", &b), 0);
	else
		ck_assert_int_eq(os_runtime_folder("", &b), E_NOT_FOUND);
	ck_assert_int_ne(access(in_root("theirs/castor"), F_OK), 0);
	buf_free(&b);
	if (getuid() == 0)
		ck_assert_int_eq(seteuid(0), 0);
}
END_TEST

static const char *
program(const char *name, unsigned mode)
{
	const char *path = in_root(name);
	int fd = open(path, O_CREAT | O_WRONLY, 0755);

	ck_assert_int_ge(fd, 0);
	close(fd);
	ck_assert_int_eq(chmod(path, mode), 0);
	return path;
}

START_TEST(a_program_is_trusted_when_root_alone_can_change_it)
{
	ck_assert(os_program_is_trusted("/bin/sh"));
	ck_assert(os_program_is_trusted("//usr/./bin/../bin//sh"));
	ck_assert(os_program_is_trusted("/../bin/sh"));
	ck_assert(!os_program_is_trusted("bin/sh"));
	ck_assert(!os_program_is_trusted(""));
	ck_assert(!os_program_is_trusted("/"));
	ck_assert(!os_program_is_trusted("/bin"));
	ck_assert(!os_program_is_trusted("/etc/passwd"));
	ck_assert(!os_program_is_trusted("/dev/null"));
	ck_assert(!os_program_is_trusted("/nonexistent"));
	/* in /tmp others can put a file of that name in the place of a folder that is removed */
	ck_assert(!os_program_is_trusted(program("safe", 0755)));
	ck_assert(os_program_exists(in_root("safe")));
	ck_assert_int_eq(symlink("/bin/sh", in_root("link")), 0);
	ck_assert(!os_program_is_trusted(in_root("link")));
	ck_assert(os_program_exists(in_root("link")));
	ck_assert_int_eq(symlink("round", in_root("round")), 0);
	ck_assert(!os_program_is_trusted(in_root("round")));
	ck_assert(!os_program_exists(program("plain", 0644)));
	ck_assert(!os_program_exists(root));
	ck_assert(!os_program_exists("bin/sh"));
}
END_TEST

/* In a place below / where root alone writes, which only root can make. */
START_TEST(every_folder_and_link_on_the_way_counts)
{
	if (getuid() != 0 || !make_root("/root"))
		return;
	ck_assert_int_eq(chmod(root, 0755), 0);
	ck_assert_int_eq(mkdir(in_root("a"), 0755), 0);
	ck_assert_int_eq(mkdir(in_root("a/b"), 0755), 0);
	ck_assert(os_program_is_trusted(program("a/b/x", 0755)));
	ck_assert(os_program_is_trusted(program("a/b/x", 0700)));
	ck_assert(!os_program_is_trusted(program("a/b/x", 0775)));
	ck_assert(!os_program_is_trusted(program("a/b/x", 0757)));
	ck_assert(os_program_is_trusted(program("a/b/x", 04755)));
	/* folders */
	ck_assert_int_eq(chmod(in_root("a"), 0775), 0);
	ck_assert(!os_program_is_trusted(in_root("a/b/x")));
	ck_assert_int_eq(chmod(in_root("a"), 01777), 0);
	ck_assert(!os_program_is_trusted(in_root("a/b/x")));
	ck_assert_int_eq(chmod(in_root("a"), 0755), 0);
	ck_assert_int_eq(chown(in_root("a"), 65534, 0), 0);
	ck_assert(!os_program_is_trusted(in_root("a/b/x")));
	/* a link from another place leads through a folder that counts, too */
	ck_assert_int_eq(mkdir(in_root("c"), 0755), 0);
	ck_assert_int_eq(symlink("../a/b/x", in_root("c/link")), 0);
	ck_assert(!os_program_is_trusted(in_root("c/link")));
	ck_assert_int_eq(chown(in_root("a"), 0, 0), 0);
	ck_assert(os_program_is_trusted(in_root("a/b/x")));
	ck_assert(os_program_is_trusted(in_root("c/link")));
	ck_assert_int_eq(symlink("a", in_root("d")), 0);
	ck_assert(os_program_is_trusted(in_root("d/b/x")));
	ck_assert(os_program_is_trusted(in_root("d/../a/./b//x")));
	/* a good program behind a link in a folder that others write */
	ck_assert_int_eq(chmod(in_root("c"), 0777), 0);
	ck_assert(!os_program_is_trusted(in_root("c/link")));
	ck_assert_int_eq(symlink(in_root("c/link"), in_root("far")), 0);
	ck_assert(!os_program_is_trusted(in_root("far")));
	ck_assert_int_eq(chmod(in_root("c"), 0755), 0);
	ck_assert(os_program_is_trusted(in_root("far")));
	/* its owner */
	ck_assert_int_eq(chown(in_root("a/b/x"), 65534, 0), 0);
	ck_assert(!os_program_is_trusted(in_root("a/b/x")));
}
END_TEST

START_TEST(a_terminal_is_found_by_any_stream)
{
	struct buf b = BUF_INIT;
	int master = posix_openpt(O_RDWR | O_NOCTTY), slave, null = open("/dev/null", O_RDWR);
	char name[64];

	for (int fd = 0; fd < 3; fd++)
		dup2(null, fd);
	ck_assert_int_eq(os_tty_name(&b), E_NOT_FOUND);
	ck_assert_int_eq(grantpt(master), 0);
	ck_assert_int_eq(unlockpt(master), 0);
	ck_assert_int_eq(ptsname_r(master, name, sizeof name), 0);
	slave = open(name, O_RDWR | O_NOCTTY);
	for (int fd = 0; fd < 3; fd++) {
		dup2(slave, fd);
		ck_assert_int_eq(os_tty_name(&b), 0);
		ck_assert_str_eq(buf_text(&b), name);
		buf_reset(&b);
		dup2(null, fd);
	}
	buf_free(&b);
}
END_TEST

START_TEST(today_and_root)
{
	long today = os_today();
	time_t now = time(NULL);
	struct tm tm;

	gmtime_r(&now, &tm);
	tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
	ck_assert_int_le((int)(timegm(&tm) / 86400 - today), 1);
	ck_assert_int_ge((int)(timegm(&tm) / 86400 - today), 0);
	ck_assert_int_eq(os_is_root(), getuid() == 0);
	if (getuid() == 0) {
		ck_assert_int_eq(seteuid(65534), 0);
		ck_assert(os_is_root());
		ck_assert_int_eq(seteuid(0), 0);
		ck_assert_int_eq(setresuid(65534, 65534, 65534), 0);
		ck_assert(!os_is_root());
	}
}
END_TEST

UNIT_MAIN("os_proc", a_child_hears_and_answers, a_child_that_fails_is_told_from_one_that_does_not,
    a_child_that_stays_is_made_to_go, a_stopped_child_may_tidy_up,
    a_child_that_does_not_read_cannot_hold_us,
    a_child_that_cannot_start_leaves_nothing, a_host_without_streams_can_have_children,
    interruptions_do_not_shorten_a_wait, a_lock_has_one_holder, a_lock_outlives_no_forked_copy,
    only_a_plain_file_of_ones_own_is_a_lock, the_runtime_folder_is_private,
    the_runtime_folder_of_another_user_is_not_ours, a_program_is_trusted_when_root_alone_can_change_it,
    every_folder_and_link_on_the_way_counts, a_terminal_is_found_by_any_stream, today_and_root)

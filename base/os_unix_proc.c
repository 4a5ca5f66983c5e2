/* Of os.h: child processes, and what programs can be trusted. */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/os.h"

#define TERM_MS      500  /* between the request to end and the kill */
#define KILL_MS      5000 /* a process that the kernel cannot end is left behind after that */
#define WALK_MAX     200  /* names on the way to a program, links included */

static void
fd_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* Away from 0, 1 and 2, which are free in a host that closed them: what it prints all the same must
 * not get to the child, nor one of the pipes be overwritten before its turn to be copied there. */
static bool
fd_lift(int *fd)
{
	int high;

	if (*fd > 2)
		return true;
	if ((high = fcntl(*fd, F_DUPFD_CLOEXEC, 3)) < 0)
		return false;
	close(*fd);
	*fd = high;
	return true;
}

/* Whether this program may use its terminal now. A child in our group can then, too, and gets the
 * person's Ctrl-C and Ctrl-Z together with us. Otherwise the kernel would stop it as soon as it
 * touches the terminal's settings, unless it is in a session of its own. */
static bool
in_foreground(void)
{
	int fd = open("/dev/tty", O_RDONLY | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	bool ours;

	if (fd < 0)
		return false;
	ours = tcgetpgrp(fd) == getpgrp();
	close(fd);
	return ours;
}

static int
set_attributes(posix_spawnattr_t *a)
{
	short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
	sigset_t set;
	int r;

	sigemptyset(&set);
	if ((r = posix_spawnattr_setsigmask(a, &set)) != 0)
		return r;
	sigfillset(&set);
	if ((r = posix_spawnattr_setsigdefault(a, &set)) != 0)
		return r;
	if (!in_foreground())
		flags |= POSIX_SPAWN_SETSID;
	return posix_spawnattr_setflags(a, flags);
}

#ifndef HAVE_POSIX_SPAWN_FILE_ACTIONS_ADDCLOSEFROM_NP
/* Those that are open now. One that another thread opens meanwhile gets into the child unless it
 * is marked for closing, as all of ours are. */
static int
add_closes(posix_spawn_file_actions_t *acts)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *e;
	int fd, r = 0;

	if (!dir)
		return errno;
	while (r == 0 && (e = readdir(dir)))
		if ((fd = atoi(e->d_name)) > 2)
			r = posix_spawn_file_actions_addclose(acts, fd);
	closedir(dir);
	return r;
}
#endif

static int
set_actions(posix_spawn_file_actions_t *acts, int in, int out)
{
	int r;

	if ((r = posix_spawn_file_actions_adddup2(acts, in, 0)) != 0 ||
	    (r = posix_spawn_file_actions_adddup2(acts, out, 1)) != 0 ||
	    (r = posix_spawn_file_actions_addopen(acts, 2, "/dev/null", O_WRONLY, 0)) != 0)
		return r;
#ifdef HAVE_POSIX_SPAWN_FILE_ACTIONS_ADDCHDIR_NP
	/* otherwise the folder of the host stays in use, which is all the harm there is */
	if ((r = posix_spawn_file_actions_addchdir_np(acts, "/")) != 0)
		return r;
#endif
#ifdef HAVE_POSIX_SPAWN_FILE_ACTIONS_ADDCLOSEFROM_NP
	return posix_spawn_file_actions_addclosefrom_np(acts, 3);
#else
	return add_closes(acts);
#endif
}

static int
spawn(char *const argv[], char *const env[], int in, int out, long *pid)
{
	posix_spawn_file_actions_t acts;
	posix_spawnattr_t attr;
	pid_t child = -1;
	int r;

	if ((r = posix_spawnattr_init(&attr)) != 0)
		return r;
	if ((r = posix_spawn_file_actions_init(&acts)) != 0) {
		posix_spawnattr_destroy(&attr);
		return r;
	}
	if ((r = set_attributes(&attr)) == 0 && (r = set_actions(&acts, in, out)) == 0)
		r = posix_spawn(&child, argv[0], &acts, &attr, argv, env);
	posix_spawn_file_actions_destroy(&acts);
	posix_spawnattr_destroy(&attr);
	*pid = (long)child;
	return r;
}

int
os_child_start(char *const argv[], char *const env[], struct os_child *c)
{
	/* a socket to the child: only there can a write be told not to raise SIGPIPE in the host */
	int to[2] = { -1, -1 }, from[2] = { -1, -1 };
	int err = E_IO, r;

	*c = (struct os_child){ -1, -1, -1 };
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, to) < 0 ||
	    pipe2(from, O_CLOEXEC) < 0)
		goto out;
	if (!fd_lift(&to[0]) || !fd_lift(&to[1]) || !fd_lift(&from[0]) || !fd_lift(&from[1]))
		goto out;
	if ((r = spawn(argv, env, to[1], from[1], &c->pid)) != 0) {
		c->pid = -1;
		err = r == ENOENT || r == ENOTDIR ? E_NOT_FOUND : r == ENOMEM ? E_MEM : E_IO;
		goto out;
	}
	c->to = to[0];
	c->from = from[0];
	to[0] = from[0] = -1;
	err = 0;
out:
	fd_close(&to[0]);
	fd_close(&to[1]);
	fd_close(&from[0]);
	fd_close(&from[1]);
	return err;
}

/* Waits until fd is ready: 1; 0 the time is over; -1 error. */
static int
wait_fd(int fd, short events, int64_t until)
{
	struct pollfd p = { fd, events, 0 };
	int64_t left;
	int r;

	do {
		left = until - os_clock_ms();
		r = poll(&p, 1, left > 0 ? (int)left : 0);
	} while (r < 0 && errno == EINTR);
	return r;
}

long
os_read_ms(int fd, void *p, size_t n, int ms)
{
	int64_t until = os_clock_ms() + ms;
	ssize_t got;
	int r;

	for (;;) {
		if ((r = wait_fd(fd, POLLIN, until)) <= 0)
			return r == 0 ? -2 : -1;
		got = read(fd, p, n);
		if (got >= 0 || errno != EINTR)
			return got >= 0 ? (long)got : -1;
	}
}

bool
os_child_write(const struct os_child *c, const void *p, size_t n, int ms)
{
	int64_t until = os_clock_ms() + ms;
	const uint8_t *at = p;
	ssize_t done;

	while (n) {
		done = send(c->to, at, n, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0 && errno == EAGAIN && wait_fd(c->to, POLLOUT, until) == 1)
			continue;
		if (done <= 0)
			return false;
		at += done;
		n -= (size_t)done;
	}
	return true;
}

/* True once the child is no more. A host that ignores SIGCHLD, or waits for any child, may have
 * reaped it: its status is lost then, and counts as a bad one. */
static bool
child_gone(long pid, int ms, int *status)
{
	int64_t until = os_clock_ms() + ms;
	int pause = 1;
	pid_t r;

	for (;;) {
		r = waitpid((pid_t)pid, status, WNOHANG);
		if (r == (pid_t)pid)
			return true;
		if (r < 0 && errno != EINTR) {
			*status = -1;
			return true;
		}
		if (os_clock_ms() >= until)
			return false;
		os_sleep_ms(pause);
		pause = pause < 16 ? pause * 2 : 16;
	}
}

int
os_child_end(struct os_child *c, int ms)
{
	int status = -1;

	fd_close(&c->to);
	fd_close(&c->from);
	if (c->pid <= 0)
		return E_IO;
	/* it is ours and not reaped a moment ago: the number cannot be another process's yet. The
	 * polite signal lets a dialog give the terminal back as it was; SIGCONT wakes a stopped one */
	if (!child_gone(c->pid, ms, &status)) {
		kill((pid_t)c->pid, SIGTERM);
		kill((pid_t)c->pid, SIGCONT);
		if (!child_gone(c->pid, TERM_MS, &status)) {
			kill((pid_t)c->pid, SIGKILL);
			child_gone(c->pid, KILL_MS, &status);
		}
	}
	c->pid = -1;
	return status == 0 ? 0 : E_IO;
}

static bool
only_root_changes(const struct stat *st)
{
	return st->st_uid == 0 && !(st->st_mode & (S_IWGRP | S_IWOTH));
}

bool
os_program_exists(const char *path)
{
	struct stat st;

	return path[0] == '/' && stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

/* One name below the folder `at`, which only root changes. A link puts its target in front of what
 * is left to walk. */
static bool
walk_step(struct buf *at, const char *name, struct buf *rest)
{
	struct buf joined = BUF_INIT;
	char target[PATH_MAX];
	struct stat st;
	ssize_t n;

	if (strcmp(name, "..") == 0) {
		while (at->len > 1 && at->p[--at->len] != '/')
			;
		if (at->len == 0)
			buf_u8(at, '/');
		return true;
	}
	if (at->len > 1)
		buf_u8(at, '/');
	buf_str(at, name);
	if (buf_err(at) || lstat(buf_text(at), &st) < 0)
		return false;
	if (!S_ISLNK(st.st_mode))
		return only_root_changes(&st);
	n = readlink(buf_text(at), target, sizeof target);
	if (n <= 0 || (size_t)n >= sizeof target)
		return false;
	buf_put(&joined, target, (size_t)n);
	buf_u8(&joined, '/');
	buf_view(&joined, buf_peek(rest));
	buf_move(rest, &joined);
	if (target[0] == '/')
		buf_trim(at, 1);
	else
		walk_step(at, "..", rest);
	return !buf_err(rest);
}

bool
os_program_is_trusted(const char *path)
{
	struct buf at = BUF_INIT, rest = BUF_INIT, tail = BUF_INIT;
	char name[NAME_MAX + 1];
	bool safe = os_program_exists(path);
	struct stat st;
	size_t len;

	/* name by name, since not only the folders above the program but also those of the links on
	 * the way to it decide what is run */
	buf_str(&at, "/");
	buf_str(&rest, path);
	safe = safe && stat("/", &st) == 0 && only_root_changes(&st);
	for (int steps = 0; safe && rest.len; steps++) {
		len = strcspn(buf_text(&rest), "/");
		safe = steps < WALK_MAX && len <= NAME_MAX;
		if (!safe)
			break;
		memcpy(name, rest.p, len);
		name[len] = 0;
		buf_reset(&tail);
		buf_view(&tail, view_part(buf_peek(&rest), len + 1, rest.len));
		buf_move(&rest, &tail);
		if (len && strcmp(name, ".") != 0)
			safe = walk_step(&at, name, &rest);
		safe = safe && !buf_err(&rest) && !buf_err(&at);
	}
	buf_free(&at);
	buf_free(&rest);
	buf_free(&tail);
	return safe;
}

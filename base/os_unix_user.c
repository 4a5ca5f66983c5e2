/* Of os.h: the user, their terminal and session, and what their programs share while they run. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/os.h"

#define POLL_MS      100  /* `wanted` is asked this often */
#define SESSION_MS   1500 /* for the questions; what ends a child makes it the 2 s that are promised */
#define SESSION_TEXT 64   /* bytes of an answer of loginctl; longer ones are none of ours */

#define LOGINCTL "/usr/bin/loginctl"

bool
os_files_are_roots(void)
{
	return geteuid() == 0;
}

bool
os_is_root(void)
{
	return getuid() == 0 || geteuid() == 0;
}

int
os_tty_name(struct buf *out)
{
	char name[PATH_MAX];

	for (int fd = 0; fd < 3; fd++) {
		if (!isatty(fd) || ttyname_r(fd, name, sizeof name) != 0)
			continue;
		buf_str(out, name);
		return buf_err(out);
	}
	return E_NOT_FOUND;
}

/* The folder itself: made, or there already and fit. */
static int
folder_ready(const char *path)
{
	struct stat st;

	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return errno == ENOENT || errno == ENOTDIR ? E_NOT_FOUND :
		       errno == EACCES || errno == EPERM ? E_DENIED : E_IO;
	if (lstat(path, &st) < 0)
		return E_IO;
	if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid() || st.st_mode & (S_IWGRP | S_IWOTH))
		return E_DENIED;
	return 0;
}

/* Another user's XDG_RUNTIME_DIR is what su leaves in the environment: not meant for us. */
static bool
is_own_folder(const char *path)
{
	struct stat st;

	return path[0] == '/' && stat(path, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid();
}

int
os_runtime_folder(const char *set, struct buf *out)
{
	struct buf path = BUF_INIT;
	char user[32];
	const char *xdg;
	int err;

	snprintf(user, sizeof user, "/run/user/%lu", (unsigned long)geteuid());
	err = E_NOT_FOUND;
	if (set[0])
		buf_str(&path, set);
	else if ((xdg = os_env("XDG_RUNTIME_DIR")) && is_own_folder(xdg))
		buf_fmt(&path, "%s/castor", xdg);
	else if (is_own_folder(user))
		buf_fmt(&path, "%s/castor", user);
	else if (geteuid() == 0)
		buf_str(&path, "/run/castor");
	else
		goto out;
	if (set[0] && set[0] != '/')
		goto out;
	if ((err = buf_err(&path)) != 0 || (err = folder_ready(buf_text(&path))) != 0)
		goto out;
	buf_view(out, buf_peek(&path));
	err = buf_err(out);
out:
	buf_free(&path);
	return err;
}

int
os_lock_take(const char *path, int ms, bool (*wanted)(void *), void *arg, int *fd)
{
	int64_t until = os_clock_ms() + ms, left;
	struct stat st;
	int err = E_IO;

	/* O_NONBLOCK: opening a pipe somebody put there must not hang */
	*fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (*fd < 0)
		return E_IO;
	if (fstat(*fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid())
		goto out;
	for (;;) {
		if (flock(*fd, LOCK_EX | LOCK_NB) == 0)
			return 0;
		if (errno != EWOULDBLOCK && errno != EINTR)
			goto out;
		if (wanted && !wanted(arg)) {
			err = E_CLOSED;
			goto out;
		}
		left = until - os_clock_ms();
		if (left <= 0) {
			err = E_BUSY;
			goto out;
		}
		os_sleep_ms(left < POLL_MS ? (int)left : POLL_MS);
	}
out:
	close(*fd);
	*fd = -1;
	return err;
}

void
os_lock_drop(int *fd)
{
	/* a process forked meanwhile has the same open file: closing ours would not be enough */
	if (*fd >= 0) {
		flock(*fd, LOCK_UN);
		close(*fd);
	}
	*fd = -1;
}

/* The one word that loginctl prints; false when it prints none or fails. */
static bool
loginctl(const char *verb, const char *what, const char *property, int64_t until,
    char word[SESSION_TEXT])
{
	const char *argv[] = { LOGINCTL, verb, what, "-p", property, "--value", NULL };
	const char *env[] = { "PATH=/usr/bin:/bin", "LC_ALL=C", NULL };
	int64_t left = until - os_clock_ms();
	struct os_child c;
	size_t len = 0;
	long n;

	if (left <= 0 || os_child_start((char *const *)argv, (char *const *)env, &c) != 0)
		return false;
	do {
		left = until - os_clock_ms();
		n = os_read_ms(c.from, word + len, SESSION_TEXT - 1 - len, left > 0 ? (int)left : 0);
		len += n > 0 ? (size_t)n : 0;
	} while (n > 0 && len < SESSION_TEXT - 1);
	left = until - os_clock_ms();
	if (os_child_end(&c, n == 0 && left > 0 ? (int)left : 0) != 0 || n != 0)
		return false;
	word[len] = 0;
	word[strcspn(word, "\n")] = 0;
	return word[0] != 0;
}

static bool
is_session_name(const char *s)
{
	return s && s[0] && strlen(s) < SESSION_TEXT &&
	    strspn(s, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") == strlen(s);
}

int
os_session_locked(void)
{
	int64_t until = os_clock_ms() + SESSION_MS;
	char word[SESSION_TEXT], user[32], found[SESSION_TEXT];
	const char *session = os_env("XDG_SESSION_ID");

	if (access("/run/systemd/sessions", F_OK) < 0)
		return -1;
	if (!is_session_name(session)) {
		snprintf(user, sizeof user, "%lu", (unsigned long)getuid());
		if (!loginctl("show-user", user, "Display", until, found) || !is_session_name(found))
			return -1;
		session = found;
	}
	if (!loginctl("show-session", session, "LockedHint", until, word))
		return -1;
	return strcmp(word, "yes") == 0 ? 1 : strcmp(word, "no") == 0 ? 0 : -1;
}

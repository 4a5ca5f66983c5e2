#include "bridges/castor/program.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/os.h"

#define LINE_MAX_ 200  /* bytes */
#define LINE_MS   2000

extern char **environ;

static bool
put_real(const char *path, struct buf *out)
{
	char *real = realpath(path, NULL);

	if (real)
		buf_str(out, real);
	free(real);
	return real != NULL;
}

int
program_path(const char *name, struct buf *out)
{
	const char *path = os_env("PATH"), *end;
	struct buf try = BUF_INIT;
	bool found;

	if (strchr(name, '/')) {
		found = put_real(name, out);
		if (!found && *name == '/') {
			buf_str(out, name);
			found = true;
		}
		return buf_err(out) ? E_MEM : found ? 0 : E_NOT_FOUND;
	}
	for (found = false; *name && path && *path && !found; path = *end ? end + 1 : end) {
		end = path + strcspn(path, ":");
		buf_reset(&try);
		buf_put(&try, path, (size_t)(end - path));
		buf_fmt(&try, "/%s", name);
		found = end > path && !access(buf_text(&try), X_OK) && put_real(buf_text(&try), out);
	}
	buf_free(&try);
	return buf_err(out) ? E_MEM : found ? 0 : E_NOT_FOUND;
}

int
program_run(char *const argv[], int *status)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN }, was_int, was_quit;
	posix_spawnattr_t attr;
	sigset_t normal;
	pid_t pid, done;
	int err, how;

	/* what castor ignores, the program does not: system(3) has the same rules */
	sigemptyset(&normal);
	sigaddset(&normal, SIGPIPE);
	sigaddset(&normal, SIGINT);
	sigaddset(&normal, SIGQUIT);
	if (posix_spawnattr_init(&attr))
		return E_IO;
	posix_spawnattr_setsigdefault(&attr, &normal);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF);
	sigaction(SIGINT, &ignore, &was_int);
	sigaction(SIGQUIT, &ignore, &was_quit);
	err = posix_spawnp(&pid, argv[0], NULL, &attr, argv, environ);
	posix_spawnattr_destroy(&attr);
	if (!err) {
		do
			done = waitpid(pid, &how, 0);
		while (done < 0 && errno == EINTR);
		if (done == pid)
			*status = WIFSIGNALED(how) ? 128 + WTERMSIG(how) : WEXITSTATUS(how);
		else
			err = errno;
	}
	sigaction(SIGINT, &was_int, NULL);
	sigaction(SIGQUIT, &was_quit, NULL);
	return !err ? 0 : err == ENOENT ? E_NOT_FOUND : err == EACCES || err == ENOEXEC ? E_DENIED : E_IO;
}

void
program_line(const char *path, const char *arg, struct buf *out)
{
	char *argv[] = { (char *)(uintptr_t)path, (char *)(uintptr_t)arg, NULL }, *env[] = { NULL };
	int64_t until = os_clock_ms() + LINE_MS;
	struct os_child child;
	char byte;
	long n;

	if (!os_program_exists(path) || os_child_start(argv, env, &child))
		return;
	for (size_t i = 0; i < LINE_MAX_ && os_clock_ms() < until; i++) {
		n = os_read_ms(child.from, &byte, 1, 100);
		if ((n != 1 && n != -2) || (n == 1 && byte == '\n'))
			break;
		if (n == 1)
			buf_u8(out, (unsigned char)byte);
	}
	os_child_end(&child, 100);
}

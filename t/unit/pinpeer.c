/* A dialog helper that plays a scenario, for the tests of base/askpin. PINENTRY_USER_DATA holds lines
 *
 *   HELLO TEXT         the greeting
 *   COMMAND TEXT       the answer to each command that begins with that word
 *   LOG PATH           a file that every command received is appended to
 *   REPORT PATH        a file that is told what this process was given
 *   QUEUE PATH         a file with answers to GETPIN, a line each: every dialog takes the first one
 *                      away, but one that begins with "*", which stays
 *   SHOWN PATH         a file that gets a "+" for a dialog shown, and a "-" when it is no more
 *
 * Without a line the answer is OK; GETPIN's is "D 1234" and OK. In a TEXT:
 *
 *   \n \\     an end of line, a backslash     \t     the title that was set
 *   \^        the bytes from here on (to the next \^) are sent XOR 1
 *   \p \h     pauses 100 ms; does nothing any more
 *   \s        is deaf to SIGTERM from now on
 *   \c \i     closes its output; its input   \q     ends
 *   \wPATH;   waits until there is such a file
 *   \fN;      N bytes "x"                    \aN;   N comment lines
 */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

extern char **environ;

static const char *script = "";
static char title[256];
static int shown = -1; /* the file of SHOWN, once there is a dialog */

/* What is not written yet: an answer goes out in one piece, so that a test of two answers at once
 * is always that. */
static char held[4096];
static size_t held_len;

static void
put_now(const char *p, size_t n)
{
	ssize_t done;

	while (n) {
		if ((done = write(1, p, n)) <= 0)
			_exit(4);
		p += done;
		n -= (size_t)done;
	}
}

static void
flush(void)
{
	put_now(held, held_len);
	held_len = 0;
}

static void
put(const char *p, size_t n)
{
	if (held_len + n > sizeof held)
		flush();
	memcpy(held + held_len, p, n);
	held_len += n;
}

static void
put_many(const char *unit, long n)
{
	static char block[1 << 16];
	size_t len = strlen(unit), fits = sizeof block / len, now;

	flush();
	for (size_t i = 0; i < fits; i++)
		memcpy(block + i * len, unit, len);
	for (; n > 0; n -= (long)now) {
		now = (size_t)n < fits ? (size_t)n : fits;
		put_now(block, now * len);
	}
}

/* The script's line for a word, up to its end; NULL. */
static const char *
line_of(const char *word, size_t *n)
{
	size_t len = strlen(word);

	for (const char *p = script; p && *p; p = strchr(p, '\n') ? strchr(p, '\n') + 1 : NULL) {
		if (strncmp(p, word, len) != 0 || p[len] != ' ')
			continue;
		*n = strcspn(p + len + 1, "\n");
		return p + len + 1;
	}
	return NULL;
}

static FILE *
open_named(const char *word)
{
	size_t n;
	const char *p = line_of(word, &n);
	char path[512];

	if (!p)
		return NULL;
	snprintf(path, sizeof path, "%.*s", (int)n, p);
	return fopen(path, "a");
}

static void
report(void)
{
	FILE *out = open_named("REPORT"), *in;
	struct dirent *e;
	char text[512];
	DIR *dir;
	int fd;

	if (!out)
		return;
	fcntl(fileno(out), F_SETFD, FD_CLOEXEC);
	for (char **v = environ; *v; v++)
		fprintf(out, "env %s\n", *v);
	dir = opendir("/proc/self/fd");
	while ((e = readdir(dir))) {
		fd = atoi(e->d_name);
		if (e->d_name[0] != '.' && fd != dirfd(dir) && fd != fileno(out))
			fprintf(out, "fd %d\n", fd);
	}
	closedir(dir);
	in = fopen("/proc/self/status", "r");
	while (fgets(text, sizeof text, in))
		if (strncmp(text, "Sig", 3) == 0)
			fputs(text, out);
	fclose(in);
	fprintf(out, "cwd %s\n", getcwd(text, sizeof text));
	text[readlink("/proc/self/fd/2", text, sizeof text - 1)] = 0;
	fprintf(out, "stderr %s\n", text);
	fprintf(out, "session %s\n", getsid(0) == getpid() ? "own" : "parent's");
	fclose(out);
}

static void
wait_for(const char *p, const char *end)
{
	char path[512];

	snprintf(path, sizeof path, "%.*s", (int)(end - p), p);
	while (access(path, F_OK) < 0)
		usleep(10000);
}

static void
play(const char *p, size_t n)
{
	const char *end = p + n, *at;
	char c, mask = 0;

	while (p < end) {
		c = *p++;
		if (c != '\\') {
			c = (char)(c ^ mask);
			put(&c, 1);
			continue;
		}
		if (strchr("phscqw", *p))
			flush();
		switch (*p++) {
		case 'n': put("\n", 1); break;
		case '\\': put("\\", 1); break;
		case 't': put(title, strlen(title)); break;
		case '^': mask ^= 1; break;
		case 'p': usleep(100000); break;
		case 'h': for (;;) pause();
		case 's': signal(SIGTERM, SIG_IGN); break;
		case 'c': close(1); break;
		case 'i': close(0); break;
		case 'q':
			if (shown >= 0 && write(shown, "-", 1) != 1)
				_exit(9);
			_exit(3);
		case 'w':
			at = p;
			while (p < end && *p != ';')
				p++;
			wait_for(at, p++);
			break;
		case 'f': put_many("x", strtol(p, (char **)&p, 10)); p++; break;
		case 'a': put_many("# comment\n", strtol(p, (char **)&p, 10)); p++; break;
		default: _exit(5);
		}
	}
	flush();
}

/* Takes the first line of the queue. False: there is none. */
static int
take_queued(char *line, size_t cap)
{
	FILE *f = NULL;
	char path[512], rest[8192];
	const char *p;
	size_t n;

	if (!(p = line_of("QUEUE", &n)))
		return 0;
	snprintf(path, sizeof path, "%.*s", (int)n, p);
	if (!(f = fopen(path, "r+")))
		return 0;
	flock(fileno(f), LOCK_EX);
	line[0] = 0;
	if (fgets(line, (int)cap, f) && line[0] != '*') {
		n = fread(rest, 1, sizeof rest, f);
		rewind(f);
		if (ftruncate(fileno(f), 0) < 0 || fwrite(rest, 1, n, f) != n)
			_exit(7);
	}
	fclose(f);
	line[strcspn(line, "\n")] = 0;
	return line[0] != 0;
}

static void
taken_away(int sig)
{
	(void)sig;
	_exit(write(shown, "-", 1) == 1 ? 8 : 9);
}

static void
answer(const char *word, const char *usual)
{
	size_t n;
	const char *p = line_of(word, &n);

	play(p ? p : usual, p ? n : strlen(usual));
}

/* The dialog itself. */
static void
get_pin(void)
{
	char path[512], line[1024];
	const char *p;
	size_t n;

	if ((p = line_of("SHOWN", &n))) {
		snprintf(path, sizeof path, "%.*s", (int)n, p);
		shown = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
		signal(SIGTERM, taken_away);
		if (write(shown, "+", 1) != 1)
			_exit(9);
	}
	if (take_queued(line, sizeof line))
		play(line + (line[0] == '*'), strlen(line) - (line[0] == '*'));
	else
		answer("GETPIN", "D 1234\\nOK\\n");
	if (shown >= 0 && write(shown, "-", 1) != 1)
		_exit(9);
}

int
main(void)
{
	char line[1100], word[32];
	FILE *log;

	if (getenv("PINENTRY_USER_DATA"))
		script = getenv("PINENTRY_USER_DATA");
	log = open_named("LOG");
	report();
	answer("HELLO", "OK at your service\\n");
	while (fgets(line, sizeof line, stdin)) {
		if (log) {
			fputs(line, log);
			fflush(log);
		}
		line[strcspn(line, "\n")] = 0;
		if (sscanf(line, "%31s", word) != 1)
			return 6;
		if (strcmp(word, "SETTITLE") == 0)
			snprintf(title, sizeof title, "%.255s", line + 9);
		if (strcmp(word, "GETPIN") == 0)
			get_pin();
		else
			answer(word, "OK\\n");
		if (strcmp(word, "BYE") == 0)
			return 0;
	}
	return 0;
}

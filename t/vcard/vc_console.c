/* The console: what a test or a person at a demo may do to the card from outside. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "t/vcard/vc_door.h"

#define LINE_MAX_BYTES 1024
#define WORDS 4

struct vc_console {
	struct vc *vc;
	int listener;
	char *path;
	void (*on_quit)(void);
	pthread_t thread;
};

struct line { struct vc *vc; char *word[WORDS]; int n; char *answer; size_t cap; };

static void say(const struct line *l, const char *text)
{
	snprintf(l->answer, l->cap, "%s\n", text);
}

/* A word as a number up to max; false with an error said. */
static bool number(const struct line *l, int i, unsigned long max, unsigned *value)
{
	char *end;
	unsigned long v = strtoul(l->word[i], &end, 10);

	if (end == l->word[i] || *end != '\0' || v > max) {
		snprintf(
			l->answer, l->cap, "error: '%s' is no number up to %lu\n", l->word[i], max);
		return false;
	}
	*value = (unsigned)v;
	return true;
}

static void do_insert(const struct line *l)
{
	say(l, vc_insert(l->vc) ? "ok" : "ok: was in");
}

static void do_remove(const struct line *l)
{
	say(l, vc_remove(l->vc) ? "ok" : "ok: was out");
}

static void do_reset(const struct line *l)
{
	vc_reset(l->vc);
	say(l, "ok");
}

static void do_tries(const struct line *l)
{
	unsigned pin, tries;

	if (!number(l, 1, 14, &pin))
		return;
	if (l->n == 2 && vc_tries(l->vc, pin) >= 0)
		snprintf(l->answer, l->cap, "%d\n", vc_tries(l->vc, pin));
	else if (l->n == 2)
		say(l, "error: there is no such PIN");
	else if (number(l, 2, 15, &tries))
		say(l, vc_set_tries(l->vc, pin, tries) ? "ok" : "error: there is no such PIN");
}

static void do_open(const struct line *l)
{
	static const char *const answers[] = { "error: there is no such PIN", "no", "yes" };
	unsigned pin;

	if (number(l, 1, 14, &pin))
		say(l, answers[vc_pin_is_open(l->vc, pin) + 1]);
}

static void do_setpin(const struct line *l)
{
	unsigned pin;

	if (number(l, 1, 14, &pin))
		say(l, vc_set_pin(l->vc, pin, l->word[2])
			? "ok" : "error: there is no such PIN, or it does not fit");
}

static void do_pins(const struct line *l)
{
	vc_pins(l->vc, l->answer, l->cap - 1);
	strcat(l->answer, "\n");
}

static void do_slow(const struct line *l)
{
	unsigned ms;

	if (number(l, 1, 60000, &ms)) {
		vc_slow(l->vc, ms);
		say(l, "ok");
	}
}

static void do_fault(const struct line *l)
{
	enum vc_fault kind = vc_fault_named(l->word[2]);
	unsigned n;

	if (!number(l, 1, 1000000, &n))
		return;
	if (kind == VC_FAULTS) {
		say(l,
			"error: kinds are none removed reset 6F00 6982 empty 1byte 64k 61loop "
			"6cloop timeout");
		return;
	}
	vc_fault(l->vc, n, kind);
	say(l, "ok");
}

static void do_apdus(const struct line *l)
{
	struct vc_counts c = vc_counts(l->vc);

	snprintf(l->answer, l->cap, "%lu apdus %lu resets\n", (unsigned long)c.apdus,
		(unsigned long)c.resets);
}

static void do_state(const struct line *l)
{
	struct vc_counts c = vc_counts(l->vc);

	snprintf(l->answer, l->cap, "%s, event %lu\n", c.present ? "in" : "out",
		(unsigned long)c.events);
}

static void do_swap(const struct line *l)
{
	char err[512];

	if (vc_swap(l->vc, l->word[1], err, sizeof err))
		say(l, "ok");
	else
		snprintf(l->answer, l->cap, "error: %s\n", err);
}

static void do_log(const struct line *l)
{
	const char *path = strcmp(l->word[1], "off") == 0 ? NULL : l->word[1];

	say(l, vc_log(l->vc, path) ? "ok" : "error: the file cannot be written");
}

static void do_help(const struct line *l);

static void do_quit(const struct line *l)
{
	say(l, "ok");
}

static const struct {
	const char *name, *args, *help;
	int min, max;                   /* words, the name included */
	void (*run)(const struct line *);
} verbs[] = {
	{ "insert", "", "put the card in", 1, 1, do_insert },
	{ "remove", "", "take the card out", 1, 1, do_remove },
	{ "reset", "", "reset the card, as another program would", 1, 1, do_reset },
	{ "tries", "PIN [N]", "show or set the tries left of a PIN", 2, 3, do_tries },
	{ "open", "PIN", "whether the card takes a PIN for verified", 2, 2, do_open },
	{ "setpin", "PIN VALUE", "give a PIN another value", 3, 3, do_setpin },
	{ "pins", "", "the values of all PINs", 1, 1, do_pins },
	{ "slow", "MS", "every APDU takes MS milliseconds more", 2, 2, do_slow },
	{ "fault", "N KIND", "the N-th APDU from now fails", 3, 3, do_fault },
	{ "apdus", "", "how many APDUs and resets since the start", 1, 1, do_apdus },
	{ "state", "", "whether a card is in", 1, 1, do_state },
	{ "swap", "IMAGE", "put another card in the reader", 2, 2, do_swap },
	{ "log", "FILE|off", "write every APDU to a file, PINs starred", 2, 2, do_log },
	{ "help", "", "this list", 1, 1, do_help },
	{ "quit", "", "end the program", 1, 1, do_quit },
};

static void do_help(const struct line *l)
{
	size_t at = 0, i;
	int n;

	for (i = 0; i < sizeof verbs / sizeof verbs[0] && at < l->cap; i++) {
		n = snprintf(l->answer + at, l->cap - at, "%-7s %-9s %s\n", verbs[i].name,
			verbs[i].args, verbs[i].help);
		at += n > 0 ? (size_t)n : 0;
	}
}

bool vc_console_line(struct vc *vc, const char *text, char *answer, size_t cap)
{
	char copy[LINE_MAX_BYTES], *rest = NULL, *word;
	struct line l = { .vc = vc, .answer = answer, .cap = cap };
	size_t i;

	answer[0] = '\0';
	if (strlen(text) >= sizeof copy) {
		say(&l, "error: the line is too long");
		return true;
	}
	memcpy(copy, text, strlen(text) + 1);
	for (word = strtok_r(copy, " \t\r\n", &rest); word != NULL;
		word = strtok_r(NULL, " \t\r\n", &rest)) {
		if (l.n == WORDS)
			break;
		l.word[l.n++] = word;
	}
	if (l.n == 0)
		return true;
	for (i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
		if (strcmp(verbs[i].name, l.word[0]) == 0)
			break;
	if (i == sizeof verbs / sizeof verbs[0]) {
		snprintf(answer, cap, "error: no command '%s'; try help\n", l.word[0]);
		return true;
	}
	if (l.n < verbs[i].min || l.n > verbs[i].max) {
		snprintf(answer, cap, "error: it is: %s %s\n", verbs[i].name, verbs[i].args);
		return true;
	}
	verbs[i].run(&l);
	return verbs[i].run != do_quit;
}

/* One line of a connection, without its newline; false when none came. */
static bool read_line(int fd, char *line, size_t cap)
{
	size_t n = 0;
	ssize_t got;

	while (n + 1 < cap) {
		got = recv(fd, line + n, 1, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0 || line[n] == '\n')
			break;
		n++;
	}
	line[n] = '\0';
	return n != 0;
}

static void *console_main(void *arg)
{
	struct vc_console *con = arg;
	char line[LINE_MAX_BYTES], answer[2048];
	struct timeval patience = { .tv_sec = 5 };
	bool go_on = true;
	int fd;

	while (go_on) {
		fd = accept(con->listener, NULL, NULL);
		if (fd < 0) {
			/* vc_console_free shut the listener. */
			if (errno == EINVAL || errno == EBADF)
				break;
			continue;
		}
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
		if (read_line(fd, line, sizeof line)) {
			go_on = vc_console_line(con->vc, line, answer, sizeof answer);
			if (send(fd, answer, strlen(answer), MSG_NOSIGNAL) < 0)
				shutdown(fd, SHUT_RDWR);
		}
		close(fd);
	}
	if (!go_on && con->on_quit != NULL)
		con->on_quit();
	return NULL;
}

struct vc_console *vc_console_listen(
	struct vc *vc, const char *path, void (*on_quit)(void), char *err, size_t errlen)
{
	struct vc_console *con = calloc(1, sizeof *con);

	if (con == NULL)
		return NULL;
	con->vc = vc;
	con->on_quit = on_quit;
	con->path = strdup(path);
	con->listener = vc_unix_listen(path, err, errlen);
	if (con->listener < 0 || con->path == NULL ||
	    pthread_create(&con->thread, NULL, console_main, con) != 0) {
		if (con->listener >= 0)
			close(con->listener);
		free(con->path);
		free(con);
		return NULL;
	}
	return con;
}

void vc_console_free(struct vc_console **con)
{
	struct vc_console *c = *con;

	if (c == NULL)
		return;
	shutdown(c->listener, SHUT_RDWR);
	pthread_join(c->thread, NULL);
	close(c->listener);
	unlink(c->path);
	free(c->path);
	free(c);
	*con = NULL;
}

int vc_console_ctl(const char *path, char **words, int n)
{
	char line[LINE_MAX_BYTES] = "", answer[4096];
	size_t at = 0;
	ssize_t got;
	int fd, i;

	for (i = 0; i < n && at < sizeof line; i++)
		at += (size_t)snprintf(
			line + at, sizeof line - at, "%s%s", words[i], i + 1 < n ? " " : "\n");
	if (n == 0 || at >= sizeof line) {
		fprintf(stderr, "castor-vcard: ctl PATH COMMAND...\n");
		return 2;
	}
	fd = vc_unix_connect(path);
	if (fd < 0 || send(fd, line, at, MSG_NOSIGNAL) != (ssize_t)at) {
		fprintf(stderr, "castor-vcard: %s: %s\n", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return 2;
	}
	at = 0;
	while (at + 1 < sizeof answer &&
		(got = recv(fd, answer + at, sizeof answer - 1 - at, 0)) > 0)
		at += (size_t)got;
	answer[at] = '\0';
	close(fd);
	fputs(answer, stdout);
	return strncmp(answer, "error: ", 7) == 0;
}

#include "config.h"

#include "t/conform/dialogs.h"

#include "t/conform/kit.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum { WAIT_MS = 10000, STEP_MS = 10 };

static const char *folder;

static const char *in_folder(const char *name)
{
	static char path[8][512];
	static unsigned turn;
	char *p = path[turn++ % 8];

	snprintf(p, sizeof path[0], "%s/%s", folder, name);
	return p;
}

static size_t read_all(const char *name, char *text, size_t cap)
{
	FILE *f = fopen(in_folder(name), "r");
	size_t n = f != NULL ? fread(text, 1, cap - 1, f) : 0;

	if (f != NULL)
		fclose(f);
	text[n] = '\0';
	return n;
}

void dialogs_open(void)
{
	dialogs_script("");
}

void dialogs_script(const char *more)
{
	char script[2048];

	folder = getenv("CASTOR_TEST_DIALOGS");
	if (folder == NULL)
		tap_bail("CASTOR_TEST_DIALOGS is not set");
	snprintf(script, sizeof script, "LOG %s\nQUEUE %s\nSHOWN %s\n%s\n", in_folder("said"),
		 in_folder("queue"), in_folder("shown"), more);
	setenv("PINENTRY_USER_DATA", script, 1);
}

static void restart(const char *queue, size_t n)
{
	int fd = open(in_folder("queue"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0 || flock(fd, LOCK_EX) != 0 || ftruncate(fd, 0) != 0
	    || write(fd, queue, n) != (ssize_t)n)
		tap_bail("the queue of dialogs cannot be written");
	close(fd);
	unlink(in_folder("said"));
	unlink(in_folder("shown"));
	unlink(in_folder("go"));
}

void dialogs_will(const char *first, ...)
{
	char queue[8192] = "";
	size_t n = 0;
	va_list ap;

	va_start(ap, first);
	for (const char *p = first, *next; p != NULL && n < sizeof queue; p = next) {
		next = va_arg(ap, const char *);
		n += (size_t)snprintf(queue + n, sizeof queue - n, "%s%s\n",
				      next == NULL ? "*" : "", p);
	}
	va_end(ap);
	restart(queue, n);
}

void dialogs_hold(const char *answer)
{
	char line[1024];
	int n = snprintf(line, sizeof line, "*\\w%s;%s\n", in_folder("go"), answer);

	restart(line, (size_t)n);
}

void dialogs_release(void)
{
	close(open(in_folder("go"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

static void count(size_t *shown, size_t *most, size_t *now)
{
	char marks[4096];
	size_t n = read_all("shown", marks, sizeof marks);

	*shown = *most = *now = 0;
	for (size_t i = 0; i < n; i++) {
		*shown += marks[i] == '+';
		*now += marks[i] == '+' ? 1 : *now > 0 ? (size_t)-1 : 0;
		*most = *now > *most ? *now : *most;
	}
}

size_t dialogs_shown(void)
{
	size_t shown, most, now;

	count(&shown, &most, &now);
	return shown;
}

size_t dialogs_at_once(void)
{
	size_t shown, most, now;

	count(&shown, &most, &now);
	return most;
}

size_t dialogs_open_now(void)
{
	size_t shown, most, now;

	count(&shown, &most, &now);
	return now;
}

bool dialogs_wait(size_t n)
{
	uint64_t end = kit_ms() + WAIT_MS;

	while (dialogs_shown() < n && kit_ms() < end)
		kit_sleep_ms(STEP_MS);
	return dialogs_shown() >= n;
}

bool dialogs_said(const char *text)
{
	char *all = malloc(1 << 20);
	bool found;

	if (all == NULL)
		return false;
	read_all("said", all, 1 << 20);
	found = strstr(all, text) != NULL;
	free(all);
	return found;
}

const char *console(const char *fmt, ...)
{
	static char answer[256];
	const char *ctl = getenv("CASTOR_TEST_CTL");
	char words[256], command[1024];
	va_list ap;
	FILE *f;

	if (ctl == NULL)
		tap_bail("CASTOR_TEST_CTL is not set");
	va_start(ap, fmt);
	vsnprintf(words, sizeof words, fmt, ap);
	va_end(ap);
	snprintf(command, sizeof command, "%s %s", ctl, words);
	answer[0] = '\0';
	f = popen(command, "r");
	if (f == NULL || fgets(answer, sizeof answer, f) == NULL || pclose(f) != 0)
		tap_bail("the virtual card does not answer: %s", command);
	answer[strcspn(answer, "\n")] = '\0';
	return answer;
}

bool card_is_open(unsigned pin)
{
	return strcmp(console("open %u", pin), "yes") == 0;
}

int card_tries(unsigned pin)
{
	return atoi(console("tries %u", pin));
}

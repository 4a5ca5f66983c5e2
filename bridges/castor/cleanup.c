#include "bridges/castor/cleanup.h"

#include <limits.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PLACES 8

/* Empty: free. Written while the signals are blocked, since the handler reads them. */
static char places[PLACES][PATH_MAX];
static const int signals[] = { SIGINT, SIGTERM, SIGHUP };

static void
on_signal(int sig)
{
	for (size_t i = 0; i < PLACES; i++)
		if (*places[i])
			unlink(places[i]);
	for (size_t i = 0; i < PLACES; i++)
		if (*places[i])
			rmdir(places[i]);
	signal(sig, SIG_DFL);
	raise(sig);
}

static void
block(sigset_t *was)
{
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
		sigaddset(&set, signals[i]);
	sigprocmask(SIG_BLOCK, &set, was);
}

void
cleanup_add(const char *path)
{
	struct sigaction act = { .sa_handler = on_signal };
	sigset_t was;

	if (strlen(path) >= PATH_MAX)
		return;
	block(&was);
	for (size_t i = 0; i < PLACES; i++) {
		if (*places[i])
			continue;
		snprintf(places[i], PATH_MAX, "%s", path);
		break;
	}
	for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
		sigaction(signals[i], &act, NULL);
	sigprocmask(SIG_SETMASK, &was, NULL);
}

void
cleanup_drop(const char *path)
{
	sigset_t was;

	block(&was);
	for (size_t i = 0; i < PLACES; i++)
		if (!strcmp(places[i], path))
			*places[i] = 0;
	sigprocmask(SIG_SETMASK, &was, NULL);
}

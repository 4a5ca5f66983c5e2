#include "bridges/castor/progress.h"

#include <pthread.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static struct {
	pthread_mutex_t lock;
	pthread_cond_t stop;
	pthread_t thread;
	bool on;       /* lock: wanted */
	bool started;  /* of the one thread that starts and stops */
	const char *what;
} progress = { .lock = PTHREAD_MUTEX_INITIALIZER, .stop = PTHREAD_COND_INITIALIZER };

static void *
show(void *arg)
{
	unsigned seconds = 0;
	struct timespec until;

	(void)arg;
	clock_gettime(CLOCK_REALTIME, &until);
	pthread_mutex_lock(&progress.lock);
		while (progress.on) {
			until.tv_sec++;
			while (progress.on && !pthread_cond_timedwait(&progress.stop, &progress.lock, &until))
				;
			if (progress.on)
				fprintf(stderr, "\r%s … %u s", progress.what, ++seconds);
		}
		if (seconds)
			fputs("\r\033[K", stderr);
	pthread_mutex_unlock(&progress.lock);
	return NULL;
}

void
progress_start(const struct app *a, const char *what)
{
	if (a->opt[OPT_JSON] || !isatty(STDERR_FILENO) || progress.started)
		return;
	progress.on = true;
	progress.what = what;
	progress.started = !pthread_create(&progress.thread, NULL, show, NULL);
}

void
progress_stop(void)
{
	if (!progress.started)
		return;
	pthread_mutex_lock(&progress.lock);
		progress.on = false;
		pthread_cond_signal(&progress.stop);
	pthread_mutex_unlock(&progress.lock);
	pthread_join(progress.thread, NULL);
	progress.started = false;
}

#include "base/log.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/os.h"

static const char *const level_names[] = { "off", "error", "warn", "info", "debug", "apdu" };

#define LINE_MAX_BYTES 1024

static atomic_int current = LOG_OFF;
/* a line is written, or the target changed: never the one to a number that was closed meanwhile */
static pthread_mutex_t target_lock = PTHREAD_MUTEX_INITIALIZER;
static int target = STDERR_FILENO; /* target_lock */

void
log_open(enum log_level level, const char *path)
{
	int fd = STDERR_FILENO, old;

	if (path && *path && level != LOG_OFF && (fd = os_log_file_open(path)) < 0)
		fd = STDERR_FILENO;
	pthread_mutex_lock(&target_lock);
		old = target;
		target = fd;
		if (old != STDERR_FILENO)
			close(old);
	pthread_mutex_unlock(&target_lock);
	atomic_store(&current, (int)level);
	if (path && *path && level != LOG_OFF && fd == STDERR_FILENO)
		log_warn("cannot log to %s (must be a plain file of yours); logging here", path);
}

void
log_close(void)
{
	log_open(LOG_OFF, NULL);
}

void
log_forget(void)
{
	pthread_mutex_init(&target_lock, NULL);
}

int
log_fd(void)
{
	int fd;

	pthread_mutex_lock(&target_lock);
		fd = fcntl(target, F_DUPFD_CLOEXEC, 3);
	pthread_mutex_unlock(&target_lock);
	return fd;
}

bool
log_wants(enum log_level level)
{
	return (int)level <= atomic_load(&current);
}

bool
log_level_parse(const char *word, enum log_level *level)
{
	for (size_t i = 0; i < sizeof level_names / sizeof level_names[0]; i++) {
		if (strcmp(word, level_names[i]) == 0) {
			*level = (enum log_level)i;
			return true;
		}
	}
	return false;
}

void
log_write(enum log_level level, const char *func, const char *fmt, ...)
{
	char line[LINE_MAX_BYTES];
	size_t n;
	va_list ap;
	int r;

	if (!log_wants(level))
		return;
	n = os_time_text(line, 32);
	r = snprintf(line + n, sizeof line - n, " castor[%ld.%lu] %s: %s: ", os_pid(), os_thread_id(),
	    level_names[level], func);
	n += r > 0 ? (size_t)r : 0;
	if (n > sizeof line - 2)
		n = sizeof line - 2;
	va_start(ap, fmt);
	r = vsnprintf(line + n, sizeof line - n, fmt, ap);
	va_end(ap);
	n += r > 0 ? (size_t)r : 0;
	if (n > sizeof line - 2)
		n = sizeof line - 2;
	/* one line is one line, whatever a card put into its label */
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)line[i] < ' ' || line[i] == 127)
			line[i] = '?';
	line[n++] = '\n';
	pthread_mutex_lock(&target_lock);
		os_write_all(target, line, n);
	pthread_mutex_unlock(&target_lock);
}

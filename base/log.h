/* One line per event: time, process, thread, level, function, text. Silent unless a
 * level is set. Never given a PIN, a key, or the bytes of an APDU (those go through
 * cardos/wire/io_trace.c alone). */
#ifndef CASTOR_BASE_LOG_H
#define CASTOR_BASE_LOG_H

#include <stdbool.h>

enum log_level { LOG_OFF, LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG, LOG_APDU };

/* Sets level and target. path NULL: standard error. A file is made 0600 and appended to;
 * one that is a link or another user's is refused and standard error used. Thread-safe. */
void log_open(enum log_level level, const char *path);
/* Back to silence; closes the file. */
void log_close(void);
/* In a forked child, before anything else: the parent's lock may be held by a thread that was
 * not copied. */
void log_forget(void);
/* A descriptor of the target's own, the caller's, for what writes lines of another form; -1: none. */
int log_fd(void);
/* Whether a line of this level would be written. */
bool log_wants(enum log_level level);
/* "off", "error", "warn", "info", "debug", "apdu" -> level; false for another word. */
bool log_level_parse(const char *word, enum log_level *level);
/* Writes one line; use the macros. */
void log_write(enum log_level level, const char *func, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#define log_error(...) log_write(LOG_ERROR, __func__, __VA_ARGS__)
#define log_warn(...)  log_write(LOG_WARN, __func__, __VA_ARGS__)
#define log_info(...)  log_write(LOG_INFO, __func__, __VA_ARGS__)
#define log_debug(...) log_write(LOG_DEBUG, __func__, __VA_ARGS__)

#endif

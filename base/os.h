/* What differs between operating systems, and nothing else. os_unix.c is the
 * implementation for Linux and other Unix systems. */
#ifndef CASTOR_BASE_OS_H
#define CASTOR_BASE_OS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* The process and the calling thread, as numbers. */
long os_pid(void);
unsigned long os_thread_id(void);
/* Milliseconds of a clock that never goes back; its zero means nothing. */
int64_t os_clock_ms(void);
void os_sleep_ms(int ms);
/* Local time as text, "2026-11-24 12:00:00.123", NUL-terminated; returns its length. */
size_t os_time_text(char *out, size_t cap);
/* True when the program runs with more rights than its user (set-id, capabilities):
 * the environment is not to be trusted then. */
bool os_secure_mode(void);
/* A variable of the environment; NULL when unset or when os_secure_mode(). */
const char *os_env(const char *name);
/* Appends the real path of the running program. E_IO when the system will not say. */
int os_exe_path(struct buf *out);

/* n bytes (rounded up to pages) outside of core files, zeroed in a forked child, locked
 * in memory when the limits allow (*locked). NULL: none. Free with the same n. */
void *os_page_new(size_t n, bool *locked);
void os_page_free(void *p, size_t n);

/* Appends the path of `name` in the user's own configuration folder of this product:
 * $XDG_CONFIG_HOME/castor/ or ~/.config/castor/. E_NOT_FOUND: there is no such user or folder
 * to speak of, as in a program with more rights than its user. E_MEM. */
int os_user_config(const char *name, struct buf *out);
/* Appends the names of the files in a folder that end in `suffix`, each with its NUL, in the
 * order of their bytes; hidden ones are left out. A folder that is not there has none. E_LIMIT:
 * more than OS_DIR_MAX; E_IO, E_MEM. */
#define OS_DIR_MAX 256
int os_dir_list(const char *path, const char *suffix, struct buf *names);

enum os_trust {
	OS_TRUST_OK,      /* read */
	OS_TRUST_ABSENT,  /* there is no such file */
	OS_TRUST_OWNER,   /* belongs neither to root nor to the effective user */
	OS_TRUST_MODE,    /* others than its owner can write it */
	OS_TRUST_PRIVATE, /* others than its owner can read it, and it must be private */
	OS_TRUST_KIND,    /* not a plain file, or a link nobody should follow */
	OS_TRUST_SIZE,    /* larger than max */
	OS_TRUST_ERROR    /* could not be opened or read */
};
/* Appends the whole file, at most max bytes, if it can be trusted: root's or the effective
 * user's, and nobody else can write it. want_private: nor read it. */
enum os_trust os_file_read(const char *path, size_t max, bool want_private, struct buf *out);
/* One sentence on why a file was not read; static. */
const char *os_trust_text(enum os_trust why);
/* Opens a log or trace file for appending: made 0600, no link followed, own files only.
 * -1 when it cannot be. */
int os_log_file_open(const char *path);
/* Writes all n bytes, going on after interruptions; false on error. */
bool os_write_all(int fd, const void *p, size_t n);

#endif

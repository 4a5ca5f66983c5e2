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
/* True when the program runs with more rights than its user (set-id, capabilities), or acts for another
 * one for a while: the environment is not to be trusted then. */
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
/* Puts a file with that content, made 0600, in the place of whatever was there, at once: readers see
 * the old or the new one. E_IO. */
int os_file_replace(const char *path, struct view content);
/* Opens a log or trace file for appending: made 0600, no link followed, own files only.
 * -1 when it cannot be. */
int os_log_file_open(const char *path);
/* Writes all n bytes, going on after interruptions; false on error. */
bool os_write_all(int fd, const void *p, size_t n);

/* True for uid 0, real or effective. */
bool os_is_root(void);
/* Whether files must be root's to be trusted by this process: its effective user is root. */
bool os_files_are_roots(void);
/* Days since 1970-01-01, UTC. */
long os_today(void);

/* A child process and pipes to it. The parent's signals, descriptors and environment stay out of
 * it; nothing but it is ever waited for, so that the host program's own children are left alone. */
struct os_child {
	long pid;
	int to, from; /* its standard input to write, its standard output to read; -1 when closed */
};
/* Starts argv[0], an absolute path, with that environment (both NULL-terminated) and standard
 * error closed off; in the folder /. A terminal that this program may use now is the child's, too,
 * with its Ctrl-C; else it has a session of its own. E_NOT_FOUND, E_IO, E_MEM. */
int os_child_start(char *const argv[], char *const env[], struct os_child *c);
/* Reads up to n bytes, waiting at most ms: the count; 0 end; -1 error; -2 nothing yet. */
long os_read_ms(int fd, void *p, size_t n, int ms);
/* Writes all n bytes to the child, waiting at most ms for it to make room. False: it does not read,
 * or is no more; the host gets no SIGPIPE for that. */
bool os_child_write(const struct os_child *c, const void *p, size_t n, int ms);
/* Closes the pipes, waits at most ms for its end, then asks it to end (SIGTERM), kills it half a
 * second later, and waits. 0 when it had ended by itself with status 0 and nobody else, as a host
 * that ignores SIGCHLD, took that status. */
int os_child_end(struct os_child *c, int ms);
/* Whether a program can be trusted with a PIN: an absolute path to a plain file that can be run,
 * which root owns and only root can change, the folders and links on the way to it included. */
bool os_program_is_trusted(const char *path);
/* Whether there is such a file that this user may run. */
bool os_program_exists(const char *path);
/* Appends the name of the terminal this program has (standard input, output or error). E_NOT_FOUND. */
int os_tty_name(struct buf *out);

/* Appends the path of a folder for what the programs of one user share while they run: `set` (may
 * be ""), or castor/ in $XDG_RUNTIME_DIR or /run/user/UID, or /run/castor for root. Made with mode
 * 0700 unless it is there. E_NOT_FOUND: there is no place for it. E_DENIED: it belongs to another
 * user or others can write it. E_IO, E_MEM. */
int os_runtime_folder(const char *set, struct buf *out);
/* Takes an exclusive lock on a file (made 0600), waiting at most ms and asking `wanted` (may be
 * NULL) ten times a second. *fd holds it until os_lock_drop, or the end of the process. E_BUSY after
 * the time, E_CLOSED when not wanted any more, E_IO. */
int os_lock_take(const char *path, int ms, bool (*wanted)(void *), void *arg, int *fd);
void os_lock_drop(int *fd);
/* Whether the desktop session of this user is locked: 1, 0; -1 nobody can tell. At most 2 s.
 * Source: systemd-logind's LockedHint. */
int os_session_locked(void);

#endif

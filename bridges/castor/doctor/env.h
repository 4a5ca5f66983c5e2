/* Where the things are that surround castor on a computer: a few roots of paths, so that a test can hold a
 * small tree of its own against them, and what is read from below them. */
#ifndef CASTOR_BRIDGES_CASTOR_DOCTOR_ENV_H
#define CASTOR_BRIDGES_CASTOR_DOCTOR_ENV_H

#include <stdbool.h>

#include "base/buf.h"

struct doctor_env {
	const char *root;   /* in front of every path of the system; "" in the product */
	const char *proc;   /* "/proc" */
	const char *home;   /* the person's folder; "" when there is none to speak of */
	const char *socket; /* of the smart card service */
	bool is_root;       /* the person is root */
};

/* The computer as it is. Static, and of the environment. */
void env_real(struct doctor_env *env);
/* Appends root and path. */
void env_path(const struct doctor_env *env, const char *path, struct buf *out);
/* Whether something is there, links followed; as that user. */
bool env_exists(const struct doctor_env *env, const char *path);
/* Appends at most max bytes of a plain file (which may be one of /proc), whoever owns it. E_NOT_FOUND,
 * E_IO, E_LIMIT. */
int file_slurp(const char *path, size_t max, struct buf *out);
/* Appends the names in a folder, hidden ones and all but "." and "..", each with its NUL, in the order of
 * their bytes; nothing when there is no such folder. At most NAMES_MAX. */
#define NAMES_MAX 4096
void dir_names(const char *path, struct buf *names);
/* For the names of such a list: the first with at NULL, the one behind it; NULL at the end. */
const char *names_next(const struct buf *names, const char *at);
/* Takes a line without its end off the front; false when there is none. */
bool line_take(struct view *text, struct view *line);
/* Without blanks around. */
struct view view_trim(struct view v);
/* Whether v is that text, to the letter; begins with it. */
bool view_is(struct view v, const char *text);
bool view_starts(struct view v, const char *text);
/* The name behind the last slash. */
const char *path_name(const char *path);
/* Whether two paths lead to one file. */
bool same_file(const char *a, const char *b);
/* Where the process of that number has its program: appends "firefox" or the like, from its executable or
 * else its comm. E_NOT_FOUND. */
int process_name(const struct doctor_env *env, long pid, struct buf *out);
/* Who has a socket open, by its inode: the process, among those that this person may look into. 0: nobody. */
long socket_owner(const struct doctor_env *env, unsigned long inode);

#endif

#include "bridges/castor/doctor/env.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"

void
env_path(const struct doctor_env *env, const char *path, struct buf *out)
{
	buf_fmt(out, "%s%s", env->root, path);
}

bool
env_exists(const struct doctor_env *env, const char *path)
{
	struct buf full = BUF_INIT;
	bool is;

	env_path(env, path, &full);
	is = !buf_err(&full) && access(buf_text(&full), F_OK) == 0;
	buf_free(&full);
	return is;
}

int
file_slurp(const char *path, size_t max, struct buf *out)
{
	/* O_NONBLOCK: opening a pipe somebody put there must not hang */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), err = 0;
	size_t total = 0;
	struct stat st;
	char part[4096];
	ssize_t n = 0;

	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? E_NOT_FOUND : E_IO;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		err = E_IO;
	while (!err && (n = read(fd, part, sizeof part)) > 0) {
		total += (size_t)n;
		if (total > max)
			err = E_LIMIT;
		else
			buf_put(out, part, (size_t)n);
	}
	close(fd);
	return err ? err : n < 0 ? E_IO : buf_err(out);
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void
dir_names(const char *path, struct buf *names)
{
	char **found = calloc(NAMES_MAX, sizeof *found);
	DIR *dir = opendir(path);
	struct dirent *e;
	size_t n = 0;

	while (found && dir && n < NAMES_MAX && (e = readdir(dir)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 && (found[n] = strdup(e->d_name)))
			n++;
	if (dir)
		closedir(dir);
	if (n)
		qsort(found, n, sizeof *found, by_name);
	for (size_t i = 0; i < n; i++) {
		buf_put(names, found[i], strlen(found[i]) + 1);
		free(found[i]);
	}
	free(found);
}

const char *
names_next(const struct buf *names, const char *at)
{
	if (!at)
		return names->len && !names->bad ? (const char *)names->p : NULL;
	at += strlen(at) + 1;
	return at < (const char *)names->p + names->len ? at : NULL;
}

bool
line_take(struct view *text, struct view *line)
{
	const uint8_t *end;
	struct view rest;
	size_t n;

	if (!text->len)
		return false;
	end = memchr(text->p, '\n', text->len);
	n = end ? (size_t)(end - text->p) : text->len;
	view_take(text, n, line);
	if (end)
		view_take(text, 1, &rest);
	return true;
}

struct view
view_trim(struct view v)
{
	while (v.len && isspace(v.p[0]))
		v = view_part(v, 1, v.len);
	while (v.len && isspace(v.p[v.len - 1]))
		v.len--;
	return v;
}

bool
view_is(struct view v, const char *text)
{
	return view_eq(v, view_str(text));
}

bool
view_starts(struct view v, const char *text)
{
	return v.len >= strlen(text) && !memcmp(v.p, text, strlen(text));
}

const char *
path_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

bool
same_file(const char *a, const char *b)
{
	struct stat sa, sb;

	if (!strcmp(a, b))
		return true;
	return stat(a, &sa) == 0 && stat(b, &sb) == 0 && sa.st_dev == sb.st_dev && sa.st_ino == sb.st_ino;
}

int
process_name(const struct doctor_env *env, long pid, struct buf *out)
{
	struct buf path = BUF_INIT, comm = BUF_INIT;
	char exe[PATH_MAX];
	ssize_t n;
	int err = 0;

	buf_fmt(&path, "%s/%ld/exe", env->proc, pid);
	n = readlink(buf_text(&path), exe, sizeof exe - 1);
	if (n > 0) {
		exe[n] = 0;
		buf_str(out, path_name(exe));
	} else {
		buf_reset(&path);
		buf_fmt(&path, "%s/%ld/comm", env->proc, pid);
		if (!(err = file_slurp(buf_text(&path), 256, &comm)))
			buf_view(out, view_trim(buf_peek(&comm)));
	}
	buf_free(&path);
	buf_free(&comm);
	return err ? E_NOT_FOUND : buf_err(out);
}

/* Whether that process has it. */
static bool
has_socket(const struct doctor_env *env, const char *pid, const char *wanted)
{
	struct buf folder = BUF_INIT, names = BUF_INIT, path = BUF_INIT;
	const char *fd = NULL;
	bool found = false;
	char target[64];
	ssize_t n;

	buf_fmt(&folder, "%s/%s/fd", env->proc, pid);
	dir_names(buf_text(&folder), &names);
	while (!found && (fd = names_next(&names, fd))) {
		buf_reset(&path);
		buf_fmt(&path, "%s/%s", buf_text(&folder), fd);
		n = readlink(buf_text(&path), target, sizeof target - 1);
		if (n > 0) {
			target[n] = 0;
			found = !strcmp(target, wanted);
		}
	}
	buf_free(&folder);
	buf_free(&names);
	buf_free(&path);
	return found;
}

long
socket_owner(const struct doctor_env *env, unsigned long inode)
{
	struct buf names = BUF_INIT;
	const char *name = NULL;
	char wanted[64];
	long pid = 0;

	snprintf(wanted, sizeof wanted, "socket:[%lu]", inode);
	dir_names(env->proc, &names);
	while (!pid && (name = names_next(&names, name)))
		if (isdigit((unsigned char)*name) && has_socket(env, name, wanted))
			pid = strtol(name, NULL, 10);
	buf_free(&names);
	return pid;
}

#include "bridges/castor/file.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "bridges/castor/cleanup.h"

static int
cannot(struct app *a, const char *path, int why)
{
	return app_fail(a, ST_USAGE, "%s: %s", path, strerror(why));
}

BIO *
file_read(struct app *a, const char *path, int *status)
{
	bool in = !strcmp(path, "-");
	int fd = in ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	BIO *bio = NULL;

	*status = ST_OK;
	if (fd < 0 || fstat(fd, &st))
		*status = cannot(a, path, errno);
	else if (S_ISDIR(st.st_mode))
		*status = cannot(a, path, EISDIR);
	else if (!(bio = BIO_new_fd(fd, BIO_CLOSE)))
		*status = app_fail(a, ST_FAILED, "%s", text(a->lang, err_text(E_MEM)));
	if (!bio && fd >= 0)
		close(fd);
	return bio;
}

int
file_read_all(struct app *a, const char *path, size_t max, struct buf *out)
{
	unsigned char part[16384];
	int status, n = 0;
	BIO *bio = file_read(a, path, &status);

	if (!bio)
		return status;
	errno = 0;
	while (out->len <= max && (n = BIO_read(bio, part, sizeof part)) > 0)
		buf_put(out, part, (size_t)n);
	BIO_free(bio);
	ERR_clear_error();
	if (n < 0 && errno)
		return cannot(a, path, errno);
	if (out->len > max)
		return app_fail(a, ST_USAGE, text(a->lang, "%s is too large"), path);
	return buf_err(out) ? app_fail(a, ST_FAILED, "%s", text(a->lang, err_text(E_MEM))) : ST_OK;
}

/* "DIR/.NAME.XXXXXX" beside the file. */
static char *
temp_beside(const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	struct buf b = BUF_INIT;
	char *temp;

	buf_put(&b, path, (size_t)(name - path));
	buf_fmt(&b, ".%s.XXXXXX", name);
	temp = buf_err(&b) ? NULL : strdup(buf_text(&b));
	buf_free(&b);
	return temp;
}

/* Where a link that stands at `path` leads, or path itself; the caller's. */
static char *
follow(const char *path)
{
	char *real = realpath(path, NULL);

	return real ? real : strdup(path);
}

/* The descriptor to write to; -1 with errno. *exists: it would have to be replaced. */
static int
open_output(struct file_out *f, const char *path, bool *exists)
{
	struct stat st;
	int fd;

	*exists = false;
	if (!(f->path = follow(path)))
		return -1;
	if (!stat(f->path, &st) && !S_ISREG(st.st_mode))
		return open(f->path, O_WRONLY | O_CLOEXEC);
	if (!f->force && !lstat(f->path, &st)) {
		*exists = true;
		errno = EEXIST;
		return -1;
	}
	if (!(f->temp = temp_beside(f->path)))
		return -1;
	if ((fd = mkostemp(f->temp, O_CLOEXEC)) >= 0) {
		cleanup_add(f->temp);
	} else {
		free(f->temp); /* there is no such file */
		f->temp = NULL;
	}
	return fd;
}

int
file_begin(struct app *a, const char *path, struct file_out *f)
{
	bool exists = false;

	*f = (struct file_out){ .fd = -1, .force = a->opt[OPT_FORCE] != NULL };
	if (!path || !strcmp(path, "-"))
		f->fd = dup(STDOUT_FILENO);
	else
		f->fd = open_output(f, path, &exists);
	if (f->fd >= 0 && (f->bio = BIO_new_fd(f->fd, BIO_NOCLOSE)))
		return ST_OK;
	if (exists)
		app_fail(a, ST_USAGE, text(a->lang, "%s exists; --force replaces it"), path);
	else
		cannot(a, path ? path : "-", f->fd < 0 ? errno : ENOMEM);
	file_end(a, f, false);
	return ST_USAGE;
}

bool
file_name(const char *from, const char *to, bool force)
{
	if (force)
		return !rename(from, to);
	if (!renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE))
		return true;
	if (errno != EINVAL && errno != ENOSYS)
		return false;
	if (!access(to, F_OK)) {
		errno = EEXIST;
		return false;
	}
	return !rename(from, to);
}

/* Everything is on the disk, with the mode of any file. */
static bool
settle(const struct file_out *f)
{
	mode_t mask;

	if (BIO_flush(f->bio) <= 0)
		return false;
	if (!f->temp)
		return true;
	umask(mask = umask(0));
	return !fchmod(f->fd, 0666 & ~mask) && !fsync(f->fd);
}

int
file_end(struct app *a, struct file_out *f, bool keep)
{
	int status = ST_OK;
	bool good;

	errno = 0;
	good = !keep || settle(f);
	BIO_free(f->bio);
	if (f->fd >= 0 && close(f->fd) && keep)
		good = false;
	if (keep && good && f->temp)
		good = file_name(f->temp, f->path, f->force);
	if (keep && !good)
		status = cannot(a, f->path ? f->path : "-", errno ? errno : EIO);
	if (f->temp) {
		if (!keep || !good)
			unlink(f->temp);
		cleanup_drop(f->temp);
	}
	free(f->temp);
	free(f->path);
	*f = (struct file_out){ .fd = -1 };
	return status;
}

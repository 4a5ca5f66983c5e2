#include "bridges/castor/file.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"

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

int
file_begin(struct app *a, const char *path, struct file_out *f)
{
	struct stat st;
	mode_t mask;
	int fd;

	*f = (struct file_out){ .force = a->opt[OPT_FORCE] != NULL };
	if (!path || !strcmp(path, "-")) {
		fd = dup(STDOUT_FILENO);
	} else {
		if (!(f->path = strdup(path)))
			return app_fail(a, ST_FAILED, "%s", text(a->lang, err_text(E_MEM)));
		if (!stat(path, &st) && !S_ISREG(st.st_mode)) {
			fd = open(path, O_WRONLY | O_CLOEXEC);
		} else if (!lstat(path, &st) && !f->force) {
			free(f->path);
			f->path = NULL;
			return app_fail(a, ST_USAGE, text(a->lang, "%s exists; --force replaces it"), path);
		} else if (!(f->temp = temp_beside(path))) {
			fd = -1;
			errno = ENOMEM;
		} else if ((fd = mkostemp(f->temp, O_CLOEXEC)) >= 0) {
			umask(mask = umask(0));
			fchmod(fd, 0666 & ~mask);
		}
	}
	if (fd >= 0 && (f->bio = BIO_new_fd(fd, BIO_CLOSE)))
		return ST_OK;
	cannot(a, path ? path : "-", fd < 0 ? errno : ENOMEM);
	if (fd >= 0)
		close(fd);
	else {
		free(f->temp); /* there is no such file */
		f->temp = NULL;
	}
	file_end(a, f, false);
	return ST_USAGE;
}

int
file_end(struct app *a, struct file_out *f, bool keep)
{
	int status = ST_OK;
	bool flushed;

	errno = 0;
	flushed = !f->bio || BIO_flush(f->bio) > 0;
	if (keep && !flushed)
		status = cannot(a, f->path ? f->path : "-", errno ? errno : EIO);
	BIO_free(f->bio);
	if (f->temp) {
		/* without --force a file that has come meanwhile is not replaced */
		if (keep && !status && (f->force ? rename(f->temp, f->path) : link(f->temp, f->path)))
			status = cannot(a, f->path, errno);
		if (!keep || status || !f->force)
			unlink(f->temp);
	}
	free(f->temp);
	free(f->path);
	*f = (struct file_out){ 0 };
	return status;
}

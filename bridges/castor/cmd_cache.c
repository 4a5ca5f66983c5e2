/* castor cache: what Castor keeps for a user beyond the end of a program. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "bridges/castor/command.h"

#define NAME_LEN   64   /* of a cache file: a SHA-256 in hexadecimal digits */
#define EPOCH_MAX  32   /* bytes of that file */

struct kept {
	size_t files;
	uint64_t bytes;
	size_t removed, left; /* of castor cache clear */
};

static bool
is_cache_name(const char *name)
{
	return strlen(name) == NAME_LEN && strspn(name, "0123456789abcdef") == NAME_LEN;
}

/* Opens a folder that is this user's and nobody else can write to. -1 with errno; EPERM: it is not. */
static int
open_folder(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;

	if (fd >= 0 && (fstat(fd, &st) || st.st_uid != geteuid() || st.st_mode & 022)) {
		close(fd);
		errno = EPERM;
		return -1;
	}
	return fd;
}

/* Counts, and with `remove` removes, the files that are the cache's by name and owner. Returns 0 or errno. */
static int
each_file(const char *path, bool remove, struct kept *k)
{
	struct dirent *e;
	struct stat st;
	DIR *dir;
	int fd;

	memset(k, 0, sizeof *k);
	if ((fd = open_folder(path)) < 0)
		return errno;
	if (!(dir = fdopendir(fd))) {
		close(fd);
		return ENOMEM;
	}
	while ((e = readdir(dir))) {
		if (!is_cache_name(e->d_name) || fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) ||
		    !S_ISREG(st.st_mode) || st.st_uid != geteuid())
			continue;
		k->files++;
		k->bytes += (uint64_t)st.st_size;
		if (remove && !unlinkat(dirfd(dir), e->d_name, 0))
			k->removed++;
		else if (remove)
			k->left++;
	}
	closedir(dir);
	return 0;
}

static int
load(struct app *a, struct settings **s, const char **folder)
{
	struct settings_from from = { .user = a->opt[OPT_USER_FILE], .exe = "" };

	if (settings_load(&from, s))
		return app_fail(a, ST_FAILED, "%s", text(a->lang, err_text(E_MEM)));
	*folder = settings_str(*s, SET_SmartCardCachePath);
	return ST_OK;
}

/* ---- the runtime folder ---- */

struct runtime {
	struct buf path;
	bool known;      /* there is such a folder */
	bool epoch_known;
	uint64_t epoch;  /* of PINs */
	bool dialog;     /* one is open */
};

/* One of its files, read-only; -1. */
static int
open_in(const struct runtime *r, const char *name)
{
	struct buf path = BUF_INIT;
	int fd;

	buf_view(&path, buf_peek(&r->path));
	buf_fmt(&path, "/%s", name);
	fd = buf_err(&path) ? -1 : open(buf_text(&path), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	buf_free(&path);
	return fd;
}

/* The folder is made when it is not there, as any program that uses a card does. */
static void
runtime_read(const struct settings *s, struct runtime *r)
{
	char text[EPOCH_MAX + 1];
	ssize_t n;
	int fd;

	memset(r, 0, sizeof *r);
	if (os_runtime_folder(settings_str(s, SET_DataPath), &r->path))
		return;
	r->known = true;
	if ((fd = open_in(r, "epoch")) >= 0) {
		if ((n = read(fd, text, EPOCH_MAX)) > 0) {
			text[n] = 0;
			r->epoch = strtoull(text, NULL, 10);
			r->epoch_known = true;
		}
		close(fd);
	}
	if ((fd = open_in(r, "dialog.lock")) >= 0) {
		/* shared, so that two who look do not see each other */
		r->dialog = flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
		close(fd);
	}
}

static void
put_runtime(struct app *a, const struct runtime *r)
{
	put(a, "%s%s%s\n", paint(a, PAINT_BOLD), text(a->lang, "While programs run"), paint(a, PAINT_OFF));
	if (!r->known) {
		put(a, "  %s\n", text(a->lang, "there is no runtime folder: each program is alone"));
		return;
	}
	put(a, "  ");
	put(a, text(a->lang, "folder: %s"), "");
	put_foreign(a, buf_peek(&r->path));
	put(a, "\n  ");
	if (r->epoch_known)
		put(a, text(a->lang, "epoch of PINs: %llu; it grows when a PIN changes, so that no program uses an old one"),
		    (unsigned long long)r->epoch);
	else
		put(a, "%s", text(a->lang, "epoch of PINs: none yet"));
	put(a, "\n  %s\n", r->dialog ? text(a->lang, "a PIN dialog is open") : text(a->lang, "no PIN dialog is open"));
}

/* ---- the commands ---- */

static void
put_disk(struct app *a, const struct settings *s, const char *folder, const struct kept *k, int error)
{
	put(a, "%s%s%s\n", paint(a, PAINT_BOLD), text(a->lang, "On disk"), paint(a, PAINT_OFF));
	put(a, "  %s\n", text(a->lang, "this version keeps nothing of cards on disk"));
	put(a, "  SmartCardSNCache = %ld\n  SmartCardCachePath = ", settings_int(s, SET_SmartCardSNCache));
	put_foreign(a, view_str(folder));
	put(a, "\n");
	if (!*folder)
		return;
	put(a, "  ");
	if (error == ENOENT)
		put(a, "%s", text(a->lang, "there is no such folder"));
	else if (error == EPERM || error == ELOOP || error == ENOTDIR)
		put(a, "%s", text(a->lang, "it is no folder of yours that only you can write to"));
	else if (error)
		put(a, "%s", strerror(error));
	else
		put(a, text_n(a->lang, "%zu file of the cache, %llu bytes", "%zu files of the cache, %llu bytes", k->files),
		    k->files, (unsigned long long)k->bytes);
	put(a, "\n");
}

static void
json_kept(struct app *a, const struct settings *s, const char *folder, const struct kept *k, int error)
{
	json_object(&a->json, "disk");
	json_bool(&a->json, "used", false); /* by this version */
	json_number(&a->json, "mode", settings_int(s, SET_SmartCardSNCache));
	json_bytes_text(&a->json, "folder", view_str(folder));
	if (*folder && !error) {
		json_number(&a->json, "files", (long long)k->files);
		json_number(&a->json, "bytes", (long long)k->bytes);
	}
	json_object_end(&a->json);
}

int
cmd_cache_info(struct app *a)
{
	struct settings *s = NULL;
	struct runtime r = { .path = BUF_INIT };
	const char *folder = "";
	int status = load(a, &s, &folder), error = 0;
	struct kept k = { 0 };

	if (status)
		return status;
	if (*folder)
		error = each_file(folder, false, &k);
	runtime_read(s, &r);
	if (a->opt[OPT_JSON]) {
		json_object(&a->json, NULL);
		json_kept(a, s, folder, &k, error);
		json_object(&a->json, "runtime");
		json_bytes_text(&a->json, "folder", buf_peek(&r.path));
		if (r.epoch_known)
			json_number(&a->json, "epoch", (long long)r.epoch);
		json_bool(&a->json, "dialog", r.dialog);
		json_object_end(&a->json);
		json_object_end(&a->json);
	} else {
		put_disk(a, s, folder, &k, error);
		put_runtime(a, &r);
	}
	buf_free(&r.path);
	settings_free(&s);
	return ST_OK;
}

/* The runtime folder is left alone: a lock that is taken would be taken twice, and an epoch that begins anew
 * could make a program believe in a PIN that was changed. */
int
cmd_cache_clear(struct app *a)
{
	struct settings *s = NULL;
	const char *folder = "";
	int status = load(a, &s, &folder), error = 0;
	struct kept k = { 0 };

	if (status)
		return status;
	if (*folder)
		error = each_file(folder, true, &k);
	if (error && error != ENOENT)
		status = error == EPERM || error == ELOOP || error == ENOTDIR ?
		    app_fail(a, ST_FAILED, "%s: %s", folder,
		    text(a->lang, "it is no folder of yours that only you can write to")) :
		    app_fail(a, ST_FAILED, "%s: %s", folder, strerror(error));
	else if (k.left)
		status = app_fail(a, ST_FAILED, text_n(a->lang, "%zu file cannot be removed from %s",
		    "%zu files cannot be removed from %s", k.left), k.left, folder);
	else if (a->opt[OPT_JSON]) {
		json_object(&a->json, NULL);
		json_number(&a->json, "removed", (long long)k.removed);
		json_object_end(&a->json);
	} else if (k.removed) {
		put(a, text_n(a->lang, "%zu file was removed.", "%zu files were removed.", k.removed), k.removed);
		put(a, "\n");
	} else {
		put(a, "%s\n", text(a->lang, "There was nothing to remove."));
	}
	settings_free(&s);
	return status;
}

#include "base/os.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/text.h"

#define PATH_MAX_BYTES 4096

static const char *const trust_texts[] = {
	[OS_TRUST_OK] = N_("read"),
	[OS_TRUST_ABSENT] = N_("there is no such file"),
	[OS_TRUST_OWNER] = N_("it must belong to root or to you; run chown"),
	[OS_TRUST_MODE] = N_("others can write it; run chmod go-w"),
	[OS_TRUST_PRIVATE] = N_("it holds secrets and others can read it; run chmod 600"),
	[OS_TRUST_KIND] = N_("it is not a plain file"),
	[OS_TRUST_SIZE] = N_("it is too large"),
	[OS_TRUST_ERROR] = N_("it cannot be read; look at its permissions"),
};

long
os_pid(void)
{
	return (long)getpid();
}

unsigned long
os_thread_id(void)
{
	return (unsigned long)gettid();
}

int64_t
os_clock_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

long
os_today(void)
{
	return (long)(time(NULL) / (24L * 60 * 60));
}

void
os_sleep_ms(int ms)
{
	struct timespec ts = { ms / 1000, (long)(ms % 1000) * 1000000 };

	while (ms > 0 && nanosleep(&ts, &ts) < 0 && errno == EINTR)
		;
}

size_t
os_time_text(char *out, size_t cap)
{
	struct timespec ts;
	struct tm tm;
	size_t n;
	int r;

	clock_gettime(CLOCK_REALTIME, &ts);
	localtime_r(&ts.tv_sec, &tm);
	n = strftime(out, cap, "%Y-%m-%d %H:%M:%S", &tm);
	r = snprintf(out + n, cap - n, ".%03d", (int)(ts.tv_nsec / 1000000));
	return r > 0 && (size_t)r < cap - n ? n + (size_t)r : n;
}

bool
os_secure_mode(void)
{
	return getauxval(AT_SECURE) != 0 || getuid() != geteuid() || getgid() != getegid();
}

const char *
os_env(const char *name)
{
	return os_secure_mode() ? NULL : getenv(name);
}

int
os_exe_path(struct buf *out)
{
	char path[PATH_MAX_BYTES];
	ssize_t n = readlink("/proc/self/exe", path, sizeof path);

	if (n <= 0 || (size_t)n >= sizeof path)
		return E_IO;
	buf_put(out, path, (size_t)n);
	return buf_err(out);
}

int
os_user_config(const char *name, struct buf *out)
{
	const char *p;

	if ((p = os_env("XDG_CONFIG_HOME")) && *p == '/')
		buf_fmt(out, "%s/castor/%s", p, name);
	else if ((p = os_env("HOME")) && *p == '/')
		buf_fmt(out, "%s/.config/castor/%s", p, name);
	else
		return E_NOT_FOUND;
	return buf_err(out);
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int
os_dir_list(const char *path, const char *suffix, struct buf *names)
{
	char *found[OS_DIR_MAX];
	struct dirent *e;
	size_t n = 0, len;
	int err = 0;
	DIR *dir;

	if (!(dir = opendir(path)))
		return errno == ENOENT || errno == ENOTDIR ? 0 : E_IO;
	while (!err && (e = readdir(dir))) {
		len = strlen(e->d_name);
		if (e->d_name[0] == '.' || len < strlen(suffix) ||
		    strcmp(e->d_name + len - strlen(suffix), suffix) != 0)
			continue;
		if (n == OS_DIR_MAX)
			err = E_LIMIT;
		else if (!(found[n] = strdup(e->d_name)))
			err = E_MEM;
		else
			n++;
	}
	closedir(dir);
	qsort(found, n, sizeof found[0], by_name);
	for (size_t i = 0; i < n; i++) {
		buf_put(names, found[i], strlen(found[i]) + 1);
		free(found[i]);
	}
	return err ? err : buf_err(names);
}

static size_t
whole_pages(size_t n)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return (n + page - 1) / page * page;
}

void *
os_page_new(size_t n, bool *locked)
{
	void *p;

	n = whole_pages(n);
	p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return NULL;
	*locked = mlock(p, n) == 0;
	if (madvise(p, n, MADV_DONTDUMP) < 0 || madvise(p, n, MADV_WIPEONFORK) < 0) {
		munmap(p, n);
		return NULL;
	}
	return p;
}

void
os_page_free(void *p, size_t n)
{
	n = whole_pages(n);
	explicit_bzero(p, n);
	munmap(p, n);
}

static enum os_trust
file_trust(const struct stat *st, size_t max, bool want_private)
{
	if (!S_ISREG(st->st_mode))
		return OS_TRUST_KIND;
	if (st->st_uid != 0 && st->st_uid != geteuid())
		return OS_TRUST_OWNER;
	if (st->st_mode & (S_IWGRP | S_IWOTH))
		return OS_TRUST_MODE;
	if (want_private && st->st_mode & (S_IRGRP | S_IROTH))
		return OS_TRUST_PRIVATE;
	if (st->st_size < 0 || (size_t)st->st_size > max)
		return OS_TRUST_SIZE;
	return OS_TRUST_OK;
}

enum os_trust
os_file_read(const char *path, size_t max, bool want_private, struct buf *out)
{
	char part[4096];
	struct stat st;
	enum os_trust why = OS_TRUST_ERROR;
	size_t total = 0;
	ssize_t n;
	int fd;

	/* O_NONBLOCK: opening a pipe somebody put there must not hang */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? OS_TRUST_ABSENT : OS_TRUST_ERROR;
	if (fstat(fd, &st) < 0 || (why = file_trust(&st, max, want_private)) != OS_TRUST_OK)
		goto out;
	for (;;) {
		n = read(fd, part, sizeof part);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		total += (size_t)n;
		if (total > max) {
			why = OS_TRUST_SIZE;
			goto out;
		}
		buf_put(out, part, (size_t)n);
	}
	why = n < 0 || buf_err(out) ? OS_TRUST_ERROR : OS_TRUST_OK;
out:
	explicit_bzero(part, sizeof part);
	close(fd);
	return why;
}

const char *
os_trust_text(enum os_trust why)
{
	return trust_texts[why];
}

int
os_file_replace(const char *path, struct view content)
{
	struct buf temp = BUF_INIT;
	int fd = -1, err = E_IO;

	buf_fmt(&temp, "%s.%ld", path, os_pid());
	if (!buf_err(&temp))
		fd = open(buf_text(&temp), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		goto out;
	if (os_write_all(fd, content.p, content.len))
		err = 0;
	if (close(fd) || (!err && rename(buf_text(&temp), path)))
		err = E_IO;
	if (err)
		unlink(buf_text(&temp));
out:
	buf_free(&temp);
	return err;
}

int
os_log_file_open(const char *path)
{
	struct stat st;
	int fd;

	fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (fd < 0)
		return -1;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid()) {
		close(fd);
		return -1;
	}
	return fd;
}

bool
os_write_all(int fd, const void *p, size_t n)
{
	const uint8_t *at = p;
	ssize_t done;

	while (n) {
		done = write(fd, at, n);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return false;
		at += done;
		n -= (size_t)done;
	}
	return true;
}

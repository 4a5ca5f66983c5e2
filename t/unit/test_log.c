#include "base/log.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/os.h"
#include "t/unit/unit.h"

static char dir[] = "/tmp/castor-log-XXXXXX";
static char path[64], other[64];

static void
place_new(void)
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/log", dir);
	snprintf(other, sizeof other, "%s/other", dir);
}

static void
place_free(void)
{
	log_close();
	unlink(path);
	unlink(other);
	rmdir(dir);
}

static const char *
content(struct buf *b)
{
	buf_reset(b);
	os_file_read(path, 1 << 20, false, b);
	return buf_text(b);
}

START_TEST(silent_until_opened_and_again_when_closed)
{
	struct buf b = BUF_INIT;

	place_new();
	ck_assert(!log_wants(LOG_ERROR));
	log_error("nobody hears this");
	log_open(LOG_WARN, path);
	ck_assert(log_wants(LOG_ERROR) && log_wants(LOG_WARN) && !log_wants(LOG_INFO));
	log_warn("one %d", 1);
	log_info("two");
	log_error("three");
	log_close();
	log_error("four");
	content(&b);
	ck_assert_ptr_nonnull(strstr(buf_text(&b), ": one 1\n"));
	ck_assert_ptr_nonnull(strstr(buf_text(&b), " error: "));
	ck_assert_ptr_nonnull(strstr(buf_text(&b), ": three\n"));
	ck_assert_ptr_null(strstr(buf_text(&b), "two"));
	ck_assert_ptr_null(strstr(buf_text(&b), "four"));
	ck_assert_ptr_null(strstr(buf_text(&b), "nobody"));
	buf_free(&b);
	place_free();
}
END_TEST

START_TEST(a_card_cannot_write_lines_of_its_own)
{
	struct buf b = BUF_INIT;
	char text[256];
	size_t n = 0, lines = 0;

	place_new();
	for (int c = 1; c < 256; c++)
		text[n++] = (char)c;
	text[n] = 0;
	log_open(LOG_INFO, path);
	log_info("label %s end", text);
	content(&b);
	for (size_t i = 0; i < b.len; i++) {
		lines += b.p[i] == '\n';
		ck_assert(b.p[i] >= ' ' || b.p[i] == '\n');
		ck_assert_uint_ne(b.p[i], 127);
	}
	ck_assert_uint_eq(lines, 1);
	buf_free(&b);
	place_free();
}
END_TEST

START_TEST(a_long_line_is_cut_and_still_one_line)
{
	struct buf b = BUF_INIT;
	static char text[5000];

	place_new();
	memset(text, 'x', sizeof text - 1);
	log_open(LOG_INFO, path);
	log_info("%s", text);
	log_info("next");
	content(&b);
	ck_assert_uint_lt(b.len, 2100);
	ck_assert_ptr_nonnull(strstr(buf_text(&b), "x\n"));
	ck_assert_ptr_nonnull(strstr(buf_text(&b), ": next\n"));
	buf_free(&b);
	place_free();
}
END_TEST

START_TEST(the_file_is_private_and_appended_to)
{
	struct buf b = BUF_INIT;
	struct stat st;

	place_new();
	umask(0);
	log_open(LOG_INFO, path);
	log_info("first");
	log_open(LOG_INFO, path);
	log_info("second");
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq((int)(st.st_mode & 07777), 0600);
	content(&b);
	ck_assert_ptr_nonnull(strstr(buf_text(&b), "first\n"));
	ck_assert_ptr_nonnull(strstr(buf_text(&b), "second\n"));
	buf_free(&b);
	place_free();
}
END_TEST

/* Whoever can make a link in a common folder must not choose what we write into. */
START_TEST(a_link_a_pipe_or_a_folder_is_refused)
{
	struct stat st;
	int fd, was = dup(STDERR_FILENO);

	place_new();
	fd = open("/dev/null", O_WRONLY);
	dup2(fd, STDERR_FILENO);
	fd = open(other, O_WRONLY | O_CREAT, 0600);
	close(fd);
	ck_assert_int_eq(symlink(other, path), 0);
	log_open(LOG_INFO, path);
	log_info("not there");
	log_close();
	ck_assert_int_eq(stat(other, &st), 0);
	ck_assert_int_eq((int)st.st_size, 0);
	unlink(path);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	log_open(LOG_INFO, path);
	log_info("not hanging either");
	log_close();
	log_open(LOG_INFO, dir);
	log_info("nor here");
	log_close();
	log_open(LOG_INFO, "/nonexistent/log");
	log_info("nor here");
	dup2(was, STDERR_FILENO);
	place_free();
}
END_TEST

START_TEST(words_for_levels)
{
	static const char *const names[] = { "off", "error", "warn", "info", "debug", "apdu" };
	enum log_level level = LOG_APDU;

	for (size_t i = 0; i < 6; i++) {
		ck_assert(log_level_parse(names[i], &level));
		ck_assert_int_eq((int)level, (int)i);
	}
	ck_assert(!log_level_parse("", &level));
	ck_assert(!log_level_parse("Info", &level));
	ck_assert(!log_level_parse("verbose", &level));
}
END_TEST

static void *
talk(void *arg)
{
	for (int i = 0; i < 500; i++)
		log_info("%s", (const char *)arg);
	return NULL;
}

START_TEST(lines_of_threads_do_not_mix)
{
	static char words[3][41];
	struct buf b = BUF_INIT;
	struct view rest;
	pthread_t t[3];
	size_t lines = 0;
	const char *at, *end;

	place_new();
	log_open(LOG_INFO, path);
	for (int i = 0; i < 3; i++) {
		memset(words[i], 'a' + i, 40);
		pthread_create(&t[i], NULL, talk, words[i]);
	}
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	content(&b);
	rest = buf_peek(&b);
	at = (const char *)rest.p;
	for (; (end = memchr(at, '\n', (size_t)((const char *)rest.p + rest.len - at))); at = end + 1) {
		lines++;
		ck_assert_int_eq(end[-40], end[-1]);
		ck_assert_int_eq(end[-41], ' ');
	}
	ck_assert_uint_eq(lines, 1500);
	buf_free(&b);
	place_free();
}
END_TEST

UNIT_MAIN("log", silent_until_opened_and_again_when_closed, a_card_cannot_write_lines_of_its_own,
    a_long_line_is_cut_and_still_one_line, the_file_is_private_and_appended_to,
    a_link_a_pipe_or_a_folder_is_refused, words_for_levels, lines_of_threads_do_not_mix)

#include "bridges/castor/testcard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/os.h"
#include "bridges/castor/cleanup.h"

#define ANSWER_MS 10000 /* until the card answers; a slow machine needs one second */
#define ANSWER_MAX 4096 /* bytes */

struct test_card {
	struct os_child child;
};

static char folder[64], place[80]; /* of the one there is; "": none */

static void
forget(void)
{
	if (*place) {
		unlink(place);
		cleanup_drop(place);
	}
	if (*folder) {
		rmdir(folder);
		cleanup_drop(folder);
	}
	*place = *folder = 0;
}

/* One line of the card's console into `line`, without its end. */
static bool
read_line(struct os_child *c, struct buf *line)
{
	int64_t until = os_clock_ms() + ANSWER_MS;
	char byte;

	buf_reset(line);
	while (line->len < ANSWER_MAX && os_clock_ms() < until) {
		long n = os_read_ms(c->from, &byte, 1, 100);

		if (n == 1 && byte == '\n')
			return true;
		if (n == 1)
			buf_u8(line, (unsigned char)byte);
		else if (n != -2)
			return false;
	}
	return false;
}

/* The image: a file, or the name of one that is installed. */
static char *
find_image(const char *wanted)
{
	struct buf path = BUF_INIT;
	char *found;

	if (!*wanted)
		wanted = "myeid-citizen";
	if (strchr(wanted, '/') || (strlen(wanted) > 5 && !strcmp(wanted + strlen(wanted) - 5, ".yaml")))
		buf_str(&path, wanted);
	else
		buf_fmt(&path, "%s/cards/%s.yaml", PKGDATADIR, wanted);
	found = realpath(buf_text(&path), NULL);
	buf_free(&path);
	return found;
}

/* castor-vcard is beside this program. */
static int
find_program(struct buf *path)
{
	int err = os_exe_path(path);
	const char *slash;

	if (err)
		return err;
	slash = strrchr(buf_text(path), '/');
	buf_trim(path, (size_t)(slash + 1 - (const char *)path->p));
	buf_str(path, "castor-vcard");
	return buf_err(path);
}

static bool
make_place(void)
{
	const char *tmp = os_env("TMPDIR");

	/* a socket's name has 107 bytes at most: unix(7) */
	if (!tmp || strlen(tmp) > 32)
		tmp = "/tmp";
	snprintf(folder, sizeof folder, "%s/castor-XXXXXX", tmp);
	if (!mkdtemp(folder)) {
		*folder = 0;
		return false;
	}
	snprintf(place, sizeof place, "%s/card", folder);
	cleanup_add(place);
	cleanup_add(folder);
	return true;
}

int
testcard_start(struct app *a, const char **module)
{
	struct buf program = BUF_INIT, line = BUF_INIT, where = BUF_INIT;
	char *image = find_image(a->opt[OPT_TEST_CARD]);
	char *env[] = { NULL };
	int status = ST_OK;

	if (!image) {
		status = app_fail(a, ST_USAGE, text(a->lang, "there is no test card “%s”"), a->opt[OPT_TEST_CARD]);
		goto out;
	}
	if (!(a->test = calloc(1, sizeof *a->test)) || find_program(&program) || !make_place()) {
		status = app_fail(a, ST_FAILED, text(a->lang, "a virtual card cannot be started here"));
		goto out;
	}
	buf_fmt(&where, "unix:%s", place);
	{
		char *argv[] = {
			(char *)(uintptr_t)buf_text(&program), (char *)(uintptr_t)"--image", image,
			(char *)(uintptr_t)"--socket", place, (char *)(uintptr_t)"--attached", NULL
		};

		if (os_child_start(argv, env, &a->test->child) || !read_line(&a->test->child, &line) ||
		    !os_child_write(&a->test->child, "pins\n", 5, 1000) || !read_line(&a->test->child, &line)) {
			status = app_fail(a, ST_FAILED, text(a->lang, "the virtual card does not start; try: %s --image %s"),
			    buf_text(&program), image);
			goto out;
		}
	}
	setenv("CASTOR_VIRTUAL", buf_text(&where), 1);
	if (!*module)
		*module = PKGLIBDIR "/libcryptoki-virtual.so";
	note(a, text(a->lang, "This is a test card, which proves nothing. Its PINs: %s"), buf_text(&line));
out:
	free(image);
	buf_free(&program);
	buf_free(&line);
	buf_free(&where);
	return status;
}

void
testcard_stop(struct test_card **t)
{
	if (!*t)
		return;
	if ((*t)->child.pid > 0)
		os_child_end(&(*t)->child, 2000);
	forget();
	free(*t);
	*t = NULL;
}

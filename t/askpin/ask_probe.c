/* Asks for a PIN as the module would, and tells the outcome in a file:
 *
 *   ask_probe out=FILE [NAME=VALUE]...
 *
 *   helper=PATH        the dialog; without it, what askpin_helper finds (any=1: whoever owns it)
 *   title= text= prompt= error= ok= cancel= language= timeout=      as in base/askpin.h
 *   while=FILE         the dialog is wanted while that file exists
 *   expect=FD          the PIN that is typed should be the bytes that can be read there
 *   log=FILE           what is logged goes there
 *   find=SETTING       only looks for the helper
 *   locked=1           only asks whether the session is locked
 *
 * FILE gets "result E_...", "length N" and "equal yes|no", or "helper PATH", or "locked N"; and
 * "done" as its last line. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/askpin.h"
#include "base/err.h"
#include "base/log.h"

static int nargs;
static char **args;

static const char *
arg(const char *name, const char *usual)
{
	size_t n = strlen(name);

	for (int i = 1; i < nargs; i++)
		if (strncmp(args[i], name, n) == 0 && args[i][n] == '=')
			return args[i] + n + 1;
	return usual;
}

static bool
is_there(void *path)
{
	return access(path, F_OK) == 0;
}

static int
find(const char *set, struct buf *path)
{
	return askpin_helper(set, arg("any", NULL) != NULL, path);
}

static void
tell_pin(FILE *out, const struct secret *pin)
{
	char want[256];
	ssize_t n = -1;

	fprintf(out, "length %zu\n", secret_view(pin).len);
	if (arg("expect", NULL))
		n = read(atoi(arg("expect", "")), want, sizeof want);
	if (n >= 0)
		fprintf(out, "equal %s\n", view_eq(secret_view(pin), view_of(want, (size_t)n)) ? "yes" : "no");
}

static void
ask(FILE *out, const char *helper)
{
	struct askpin q = { .helper = helper, .title = arg("title", "Castor"), .text = arg("text", "Give the PIN"),
		.prompt = arg("prompt", "PIN:"), .error = arg("error", NULL), .ok = arg("ok", "_OK"),
		.cancel = arg("cancel", "Cancel"), .language = arg("language", "en"),
		.timeout_s = atoi(arg("timeout", "60")) };
	struct secret *pin;
	int err;

	if (arg("while", NULL)) {
		q.wanted = is_there;
		q.arg = (void *)(uintptr_t)arg("while", NULL);
	}
	err = askpin(&q, &pin);
	fprintf(out, "result %s\n", err_name(err));
	if (pin)
		tell_pin(out, pin);
	secret_free(&pin);
}

int
main(int argc, char **argv)
{
	struct buf path = BUF_INIT;
	FILE *out;
	int err;

	nargs = argc;
	args = argv;
	if (!(out = fopen(arg("out", "/dev/stdout"), "w")))
		return 2;
	if (arg("log", NULL))
		log_open(LOG_DEBUG, arg("log", NULL));
	if (arg("locked", NULL)) {
		fprintf(out, "locked %d\n", os_session_locked());
	} else if (arg("find", NULL)) {
		err = find(arg("find", ""), &path);
		fprintf(out, "helper %s\n", err ? err_name(err) : buf_text(&path));
	} else if (arg("helper", NULL)) {
		ask(out, arg("helper", NULL));
	} else if ((err = find("", &path)) != 0) {
		fprintf(out, "result %s\n", err_name(err));
	} else {
		ask(out, buf_text(&path));
	}
	fprintf(out, "done\n");
	buf_free(&path);
	return fclose(out) != 0;
}

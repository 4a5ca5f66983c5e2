#include "bridges/castor/app.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/os.h"
#include "base/utf8.h"
#include "bridges/castor/progress.h"
#include "bridges/castor/testcard.h"

/* ---- what is said ---- */

static const char *const words[] = {
#define STATUS(name, number, word, doc) [number] = word,
#include "bridges/castor/status.def"
};

const char *
status_word(int status)
{
	return status >= 0 && (size_t)status < sizeof words / sizeof words[0] ? words[status] : words[ST_FAILED];
}

/* Appends a formatted text of any length. */
static void __attribute__((format(printf, 2, 0)))
put_v(struct buf *out, const char *fmt, va_list ap)
{
	va_list again;
	char *p;
	int n;

	va_copy(again, ap);
	if ((n = vsnprintf(NULL, 0, fmt, again)) < 0)
		out->bad = true;
	else if ((p = malloc((size_t)n + 1))) {
		vsnprintf(p, (size_t)n + 1, fmt, ap);
		buf_put(out, p, (size_t)n);
		free(p);
	} else {
		out->bad = true;
	}
	va_end(again);
}

void
put(struct app *a, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	put_v(&a->out, fmt, ap);
	va_end(ap);
}

void
put_foreign_to(struct buf *out, struct view text)
{
	struct view was;
	uint32_t c;

	while (text.len) {
		was = text;
		if (!utf8_take(&text, &c))
			text = view_part(text, 1, text.len);
		else if (utf8_is_plain(c)) {
			buf_put(out, was.p, was.len - text.len);
			continue;
		}
		buf_u8(out, '?');
	}
}

void
put_foreign(struct app *a, struct view text)
{
	put_foreign_to(&a->out, text);
}

static const char *const paints[] = {
	[PAINT_OFF] = "\033[0m", [PAINT_BOLD] = "\033[1m", [PAINT_DIM] = "\033[2m",
	[PAINT_GOOD] = "\033[32m", [PAINT_WARN] = "\033[33m", [PAINT_BAD] = "\033[31m",
};

const char *
paint(const struct app *a, enum paint p)
{
	return a->color ? paints[p] : "";
}

void
note(struct app *a, const char *fmt, ...)
{
	struct buf text = BUF_INIT;
	va_list ap;

	if (a->opt[OPT_JSON])
		return;
	va_start(ap, fmt);
	put_v(&text, fmt, ap);
	va_end(ap);
	fprintf(stderr, "%s\n", buf_text(&text));
	buf_free(&text);
}

int
app_fail(struct app *a, enum status status, const char *fmt, ...)
{
	va_list ap;

	if (a->error.len)
		return (int)status;
	va_start(ap, fmt);
	put_v(&a->error, fmt, ap);
	va_end(ap);
	fprintf(stderr, "%scastor:%s %s\n", a->err_color ? paints[PAINT_BAD] : "", a->err_color ? paints[PAINT_OFF] : "",
	    buf_text(&a->error));
	return (int)status;
}

enum status
app_status(CK_RV rv)
{
	static const struct { CK_RV rv; enum status status; } known[] = {
		{ CKR_OK, ST_OK },
		{ CKR_DEVICE_REMOVED, ST_NO_CARD }, { CKR_TOKEN_NOT_PRESENT, ST_NO_CARD },
		{ CKR_SESSION_HANDLE_INVALID, ST_NO_CARD }, { CKR_SESSION_CLOSED, ST_NO_CARD },
		{ CKR_TOKEN_NOT_RECOGNIZED, ST_NO_CARD },
		{ CKR_FUNCTION_CANCELED, ST_CANCELLED }, { CKR_FUNCTION_REJECTED, ST_CANCELLED },
		{ CKR_PIN_INCORRECT, ST_PIN_WRONG }, { CKR_PIN_INVALID, ST_PIN_WRONG },
		{ CKR_PIN_LEN_RANGE, ST_PIN_WRONG }, { CKR_PIN_LOCKED, ST_PIN_BLOCKED },
		{ CKR_ENCRYPTED_DATA_INVALID, ST_BAD }, { CKR_ENCRYPTED_DATA_LEN_RANGE, ST_BAD },
	};

	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
		if (known[i].rv == rv)
			return known[i].status;
	return ST_FAILED;
}

int
app_fail_rv(struct app *a, CK_RV rv, const char *what)
{
	char name[KIT_RV_NAME];
	const char *sentence = text(a->lang, kit_rv_text(rv)), *code = kit_rv_name(rv, name);

	return what ? app_fail(a, app_status(rv), "%s: %s (%s)", what, sentence, code) :
	    app_fail(a, app_status(rv), "%s (%s)", sentence, code);
}

/* ---- begin and end ---- */

static bool
wants_color(const char *when, int fd)
{
	const char *no = os_env("NO_COLOR"), *term = os_env("TERM");

	if (when && strcmp(when, "auto"))
		return !strcmp(when, "always");
	return isatty(fd) && !(no && *no) && term && strcmp(term, "dumb") != 0;
}

static bool
is_one_of(const char *word, const char *const *list)
{
	for (; *list; list++)
		if (!strcmp(word, *list))
			return true;
	return false;
}

int
app_begin(struct app *a)
{
	static const char *const whens[] = { "auto", "always", "never", NULL };
	static const char *const langs[] = { "en", "fi", "sv", NULL };
	struct settings_from from = { .auto_login = "", .user = a->opt[OPT_USER_FILE] };
	const char *language = a->opt[OPT_LANGUAGE], *when = a->opt[OPT_COLOR], *fd = a->opt[OPT_PIN_FD];
	char *end;
	long n;

	a->json.out = &a->out;
	a->pin_fd = -1;
	if (settings_load(a->opt[OPT_USER_FILE] ? &from : NULL, &a->settings))
		return app_fail(a, ST_FAILED, "%s", text(a->lang, err_text(E_MEM)));
	a->lang = text_lang(language ? language : settings_str(a->settings, SET_Language));
	if (language && !is_one_of(language, langs))
		return app_fail(a, ST_USAGE, text(a->lang, "--language takes en, fi or sv"));
	if (when && !is_one_of(when, whens))
		return app_fail(a, ST_USAGE, text(a->lang, "--color takes auto, always or never"));
	a->color = !a->opt[OPT_JSON] && wants_color(when, STDOUT_FILENO);
	a->err_color = wants_color(when, STDERR_FILENO);
	if (fd) {
		n = strtol(fd, &end, 10);
		if (!*fd || *end || n < 0 || n > 65535 || fcntl((int)n, F_GETFD) < 0)
			return app_fail(a, ST_USAGE, text(a->lang, "--pin-fd takes the number of an open file descriptor"));
		if (isatty((int)n))
			return app_fail(a, ST_USAGE, text(a->lang, "--pin-fd takes no terminal, which would show the PIN"));
		a->pin_fd = (int)n;
	}
	return ST_OK;
}

/* In JSON an error is an answer of its own, so that programs always have something to parse. */
static void
json_error(struct app *a, int status)
{
	if (!a->error.len)
		return;
	buf_reset(&a->out);
	a->json = (struct json){ .out = &a->out };
	json_object(&a->json, NULL);
	json_text(&a->json, "error", buf_text(&a->error));
	json_text(&a->json, "status", status_word(status));
	json_object_end(&a->json);
}

int
app_end(struct app *a, int status)
{
	progress_stop();
	kit_cards_free(&a->cards);
	kit_module_close(&a->module);
	testcard_stop(&a->test);
	if (a->opt[OPT_JSON])
		json_error(a, status);
	errno = 0;
	if (buf_err(&a->out))
		status = app_fail(a, ST_FAILED, "%s", text(a->lang, err_text(E_MEM)));
	else if (a->out.len && !os_write_all(STDOUT_FILENO, a->out.p, a->out.len) && errno != EPIPE)
		status = app_fail(a, ST_FAILED, text(a->lang, "the answer cannot be written: %s"), strerror(errno));
	else if (a->out.len && errno == EPIPE && status == ST_OK)
		status = ST_FAILED;
	buf_free(&a->out);
	buf_free(&a->error);
	settings_free(&a->settings);
	return status;
}

/* ---- the module ---- */

int
app_module(struct app *a)
{
	const char *path = a->opt[OPT_MODULE];
	struct buf why = BUF_INIT;
	CK_RV rv = CKR_OK;
	int err, status;

	if (a->module.up)
		return ST_OK;
	if (a->opt[OPT_TEST_CARD] && (status = testcard_start(a, &path)))
		return status;
	if (!path)
		path = LIBDIR "/libcryptoki.so";
	/* the dialogs are ours: castor asks at the terminal, or shows them itself */
	setenv("disableCryptokiAutoLogin", "1", 1);
	setenv("PCSCLITE_NO_BLOCKING", "1", 0);
	err = kit_module_open(path, &a->module, &rv, &why);
	status = ST_OK;
	if (err == E_CARD)
		status = app_fail_rv(a, rv, path);
	else if (err == E_FORMAT)
		status = app_fail(a, ST_USAGE, text(a->lang, "%s is no PKCS#11 module"), path);
	else if (err)
		status = app_fail(a, ST_USAGE, text(a->lang, "the module cannot be loaded: %s"), buf_text(&why));
	buf_free(&why);
	return status;
}

int
app_cards(struct app *a, bool card)
{
	size_t present = 0;
	CK_RV rv;
	int status;

	if ((status = app_module(a)))
		return status;
	progress_start(a, text(a->lang, "Reading the card"));
	rv = kit_cards_read(a->module.f, true, a->opt[OPT_READER], &a->cards);
	progress_stop();
	if (rv)
		return app_fail_rv(a, rv, NULL);
	if (a->opt[OPT_READER] && a->cards.others && !a->cards.nslot)
		return app_fail(a, ST_NO_CARD, text(a->lang, "no reader has “%s” in its name"), a->opt[OPT_READER]);
	if (!card)
		return ST_OK;
	if (!a->cards.nslot)
		return app_fail(a, ST_NO_CARD, text(a->lang, "there is no smart card reader; castor doctor tells why"));
	for (size_t i = 0; i < a->cards.nslot; i++)
		present += a->cards.slot[i].present;
	if (!present)
		return app_fail(a, ST_NO_CARD, text(a->lang, "there is no card in the reader"));
	return ST_OK;
}

#include "base/askpin.h"

#include <string.h>

#include "base/askpin_find.h"
#include "base/askpin_talk.h"
#include "base/err.h"
#include "base/log.h"
#include "base/os.h"

#define START_MS 15000 /* for a helper to come up and listen to what it shall show */
#define GRACE_MS 3000  /* it ends the dialog itself when the time is over; and if it does not */
#define BYE_MS   1000

/* Of libgpg-error, in the low 16 bits: GPG_ERR_TIMEOUT, CANCELED, NOT_CONFIRMED, FULLY_CANCELED. */
static const unsigned cancels[] = { 62, 99, 114, 198 };

static const struct text {
	const char *command;
	size_t at;   /* in struct askpin */
	bool needed; /* without it the person would not know what they type and why */
	bool label;  /* of a button: an underscore there marks the next letter as its key */
} texts[] = {
	{ "SETTITLE", offsetof(struct askpin, title), false, false },
	{ "SETDESC", offsetof(struct askpin, text), true, false },
	{ "SETPROMPT", offsetof(struct askpin, prompt), true, false },
	{ "SETERROR", offsetof(struct askpin, error), true, false },
	{ "SETOK", offsetof(struct askpin, ok), false, true },
	{ "SETCANCEL", offsetof(struct askpin, cancel), false, true },
};

/* Sends one line. An error in answer to what is not needed is no reason to show no dialog. */
static int
say(struct talk *t, struct buf *line, bool needed)
{
	unsigned code = 0;
	int err = buf_err(line);

	if (!err)
		err = talk_ask(t, buf_text(line), false, &code);
	if (!err && code) {
		log_info("the PIN dialog does not take %.10s (error %u)", buf_text(line), code);
		err = needed ? E_UNSUPPORTED : 0;
	}
	buf_free(line);
	return err;
}

/* The bytes of the UTF-8 character at p, at least 1 and within the text. */
static size_t
char_len(const char *p)
{
	size_t n = 1;

	while (((uint8_t)p[n] & 0xC0) == 0x80)
		n++;
	return n;
}

/* Appends a text as Assuan wants it. One that is too long for a line is cut at the end, where what
 * is not ours stands. */
static void
put_text(struct buf *line, const char *p, bool label)
{
	static const char more[] = "\xE2\x80\xA6";
	struct buf one = BUF_INIT;
	size_t n;

	for (; *p; p += n) {
		buf_reset(&one);
		n = char_len(p);
		if (*p == '%' || (uint8_t)*p < ' ' || *p == 0x7F) {
			buf_u8(&one, '%');
			buf_hex(&one, view_of(p, 1));
			n = 1;
		} else if (*p == '_' && label) {
			buf_str(&one, "__");
		} else {
			buf_put(&one, p, n);
		}
		if (line->len + one.len + sizeof more > TALK_LINE_MAX) {
			buf_str(line, more);
			break;
		}
		buf_view(line, buf_peek(&one));
	}
	if (buf_err(&one))
		line->bad = true;
	buf_free(&one);
}

static int
say_text(struct talk *t, const struct askpin *q, const struct text *x)
{
	struct buf line = BUF_INIT;
	const char *p;

	memcpy(&p, (const char *)q + x->at, sizeof p);
	if (!p)
		return 0;
	buf_fmt(&line, "%s ", x->command);
	put_text(&line, p, x->label);
	return say(t, &line, x->needed);
}

static int
say_option(struct talk *t, const char *name, const char *value)
{
	struct buf line = BUF_INIT;

	if (!value || !*value)
		return 0;
	buf_fmt(&line, "OPTION %s=%s", name, value);
	if (line.len > TALK_LINE_MAX || strpbrk(value, "\r\n")) {
		buf_free(&line);
		return 0;
	}
	return say(t, &line, false);
}

static int
say_options(struct talk *t, const char *locale)
{
	struct buf tty = BUF_INIT;
	int err = 0;

	if (helper_tty(&tty) == 0)
		err = say_option(t, "ttyname", buf_text(&tty));
	buf_free(&tty);
	if (!err)
		err = say_option(t, "ttytype", os_env("TERM"));
	if (!err)
		err = say_option(t, "display", os_env("DISPLAY"));
	if (!err)
		err = say_option(t, "lc-ctype", locale);
	return err ? err : say_option(t, "lc-messages", locale);
}

/* All that comes before the dialog is shown. */
static int
prepare(struct talk *t, const struct askpin *q, const char *locale)
{
	struct buf line = BUF_INIT;
	unsigned code = 0;
	int err;

	if ((err = talk_ask(t, NULL, false, &code)) != 0)
		return err;
	if (code)
		return E_UNSUPPORTED;
	if ((err = say_options(t, locale)) != 0)
		return err;
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		if ((err = say_text(t, q, &texts[i])) != 0)
			return err;
	buf_fmt(&line, "SETTIMEOUT %d", q->timeout_s);
	return say(t, &line, false);
}

static int
get_pin(struct talk *t, bool asks, struct secret **pin, bool *answered)
{
	struct view data;
	unsigned code = 0;
	int err;

	if ((err = talk_ask(t, asks ? "GETPIN" : "MESSAGE", asks, &code)) != 0)
		return err;
	*answered = true;
	for (size_t i = 0; i < sizeof cancels / sizeof cancels[0]; i++)
		if (code == cancels[i])
			return E_CANCEL;
	if (code) {
		log_warn("the PIN dialog cannot be shown (error %u)", code);
		return E_UNSUPPORTED;
	}
	if (!asks)
		return 0;
	data = talk_data(t);
	if (data.len > SECRET_MAX)
		return E_PIN_LEN;
	return (*pin = secret_new(data.p, data.len)) ? 0 : E_MEM;
}

/* The helper may be gone by now. But data that come after the answer mean that the answer was to
 * something else. */
static int
say_bye(struct talk *t)
{
	unsigned code = 0;
	int err;

	t->wanted = NULL;
	t->deadline = os_clock_ms() + BYE_MS;
	err = talk_ask(t, "BYE", false, &code);
	return err == E_UNSUPPORTED && !t->ended ? err : 0;
}

int
askpin_talk(const struct askpin *q, const char *locale, struct os_child *child, struct secret **pin)
{
	int64_t whole = (int64_t)q->timeout_s * 1000 + GRACE_MS;
	bool answered = false;
	struct talk t = { 0 };
	int err, late;

	*pin = NULL;
	if ((err = talk_open(&t, child)) != 0)
		goto out;
	t.wanted = q->wanted;
	t.arg = q->arg;
	t.deadline = os_clock_ms() + (whole < START_MS ? whole : START_MS);
	if ((err = prepare(&t, q, locale)) != 0) {
		/* nobody has seen a dialog, so nobody let its time pass */
		if (err == E_CANCEL)
			err = E_UNSUPPORTED;
		goto out;
	}
	t.deadline = os_clock_ms() + whole;
	err = get_pin(&t, q->prompt != NULL, pin, &answered);
	if (answered && (late = say_bye(&t)) != 0)
		err = late;
	if (err)
		secret_free(pin);
out:
	talk_close(&t);
	/* one that has answered gets time to give the terminal back; a dialog that still stands does not */
	os_child_end(child, answered ? BYE_MS : 0);
	return err;
}

int
askpin(const struct askpin *q, struct secret **pin)
{
	const char *locale = helper_locale(q->language);
	char *argv[] = { (char *)(uintptr_t)q->helper, NULL };
	struct helper_env env;
	struct os_child child;
	int err;

	*pin = NULL;
	if (q->wanted && !q->wanted(q->arg))
		return E_CLOSED;
	if ((err = helper_env_make(locale, &env)) == 0 &&
	    (err = os_child_start(argv, env.vars, &child)) != 0) {
		log_warn("%s cannot be started: %s", q->helper, err_text(err));
		err = err == E_MEM ? err : E_UNSUPPORTED;
	}
	helper_env_free(&env);
	return err ? err : askpin_talk(q, locale, &child, pin);
}

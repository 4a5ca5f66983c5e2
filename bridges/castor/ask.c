#include "bridges/castor/ask.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/askpin.h"
#include "base/err.h"
#include "base/utf8.h"
#include "bridges/castor/show.h"

/* ---- the words ---- */

static const struct words { const char *ask[2], *prompt; } words[] = {
	[ASKED_PIN] = { { N_("PIN1, to log in and to decrypt"), N_("PIN2, for legally binding signatures") }, N_("PIN") },
	[ASKED_NEW] = { { N_("A new PIN1"), N_("A new PIN2") }, N_("New PIN") },
	[ASKED_AGAIN] = { { N_("The new PIN1 once more"), N_("The new PIN2 once more") }, N_("Once more") },
	[ASKED_PUK] = { { N_("The PUK code, to unblock PIN1"), N_("The PUK code, to unblock PIN2") }, N_("PUK") },
	[ASKED_CODE] = { { N_("The activation code of the card"), N_("The activation code of the card") },
	    N_("Activation code") },
};

static void
put_tries(struct app *a, const struct kit_slot *slot, enum asked kind, struct buf *out)
{
	/* a code that is changed is the PIN itself */
	bool pin = kind == ASKED_PIN || (kind == ASKED_CODE && slot->pin.activation == KIT_ACTIVATE_BY_CHANGING);
	CK_ULONG left = pin ? slot->pin.tries : slot->pin.puk_tries;

	if (kind == ASKED_NEW || kind == ASKED_AGAIN || left == KIT_UNKNOWN || (pin && left == slot->pin.tries_max))
		return;
	buf_str(out, "\n");
	if (left == 1)
		buf_str(out, text(a->lang, "This is the last try: a wrong one blocks it."));
	else
		buf_fmt(out, text_n(a->lang, "%lu try left.", "%lu tries left.", left), left);
}

#define FOREIGN_MAX 200 /* bytes of a text that is not ours */

/* A text of somebody else's, without its end and what a dialog takes for markup. */
static const char *
foreign(struct buf *clean, struct view text)
{
	buf_reset(clean);
	put_foreign_to(clean, text);
	buf_trim(clean, utf8_cut(buf_text(clean), FOREIGN_MAX));
	for (size_t i = 0; i < clean->len; i++)
		if (strchr("<>&", clean->p[i]))
			clean->p[i] = '?';
	return buf_text(clean);
}

/* What is asked for and where it goes. */
static void
put_question(struct app *a, const struct kit_slot *slot, enum asked kind, struct buf *out)
{
	struct buf name = BUF_INIT, clean = BUF_INIT;

	buf_str(out, text(a->lang, words[kind].ask[slot->pin.number == 2]));
	put_tries(a, slot, kind, out);
	show_card_name(&name, slot);
	buf_u8(out, '\n');
	buf_fmt(out, text(a->lang, "Card: %s"), foreign(&clean, buf_peek(&name)));
	if (a->file) {
		buf_u8(out, '\n');
		buf_fmt(out, text(a->lang, "File: %s"), foreign(&clean, view_str(a->file)));
	}
	buf_free(&clean);
	buf_free(&name);
}

/* ---- from a descriptor ---- */

/* A line, byte by byte: nothing of it stays in a buffer. 0 end, 1 a line, 2 a line that is too long. */
static int
read_line(int fd, struct secret *pin)
{
	unsigned char c;
	ssize_t n;
	bool some = false, longer = false;

	for (;;) {
		do
			n = read(fd, &c, 1);
		while (n < 0 && errno == EINTR);
		if (n != 1 || c == '\n')
			break;
		some = true;
		if (pin->len < SECRET_MAX)
			pin->p[pin->len++] = c;
		else
			longer = true;
		c = 0;
	}
	if (pin->len && pin->p[pin->len - 1] == '\r')
		pin->p[--pin->len] = 0;
	return longer ? 2 : n == 1 || some;
}

static int
ask_fd(struct app *a, struct secret *pin)
{
	int got = read_line(a->pin_fd, pin);

	if (!got)
		return app_fail(a, ST_PIN_WRONG, text(a->lang, "--pin-fd has no more lines, and another PIN is needed"));
	if (got == 2 || !pin->len)
		return app_fail(a, ST_PIN_WRONG, text(a->lang, "a line of --pin-fd is empty or too long; nothing was sent to the card"));
	return ST_OK;
}

/* ---- at the terminal ---- */

static volatile sig_atomic_t stopped;

static void
on_signal(int sig)
{
	stopped = sig;
}

static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP };
#define SIGNALS (sizeof signals / sizeof signals[0])

/* A line without echo. False: the person pressed Ctrl-C, or the terminal is gone. */
static bool
read_hidden(int tty, struct secret *pin, bool *too_long)
{
	struct sigaction act = { .sa_handler = on_signal }, was[SIGNALS];
	struct termios shown, hidden;
	unsigned char c = 0;
	ssize_t n = 0;

	stopped = 0;
	*too_long = false;
	if (tcgetattr(tty, &shown))
		return false;
	for (size_t i = 0; i < SIGNALS; i++)
		sigaction(signals[i], &act, &was[i]);
	hidden = shown;
	hidden.c_lflag &= (tcflag_t)~(tcflag_t)ECHO;
	hidden.c_lflag |= ICANON | ISIG | ECHONL;
	if (!tcsetattr(tty, TCSAFLUSH, &hidden)) {
		while (!stopped && (n = read(tty, &c, 1)) == 1 && c != '\n') {
			if (pin->len < SECRET_MAX)
				pin->p[pin->len++] = c;
			else
				*too_long = true;
		}
		tcsetattr(tty, TCSAFLUSH, &shown);
	}
	c = 0;
	for (size_t i = 0; i < SIGNALS; i++)
		sigaction(signals[i], &was[i], NULL);
	return !stopped && n == 1;
}

static bool
say(int tty, const char *s)
{
	size_t len = strlen(s);

	return write(tty, s, len) == (ssize_t)len;
}

static int
ask_terminal(struct app *a, int tty, const char *question, const char *prompt, const char *error, struct secret *pin)
{
	struct buf all = BUF_INIT;
	bool too_long, ok;

	if (error)
		buf_fmt(&all, "%s\n", error);
	buf_fmt(&all, "%s\n%s: ", question, prompt);
	for (ok = say(tty, buf_text(&all)); ok; ok = say(tty, prompt) && say(tty, ": ")) {
		if (!(ok = read_hidden(tty, pin, &too_long))) {
			say(tty, "\n");
			break;
		}
		if (pin->len && !too_long)
			break;
		if (!pin->len) {
			ok = false; /* an empty line is the usual way out */
			break;
		}
		memset(pin, 0, sizeof *pin);
		say(tty, text(a->lang, "That is too long for a PIN."));
		say(tty, "\n");
	}
	buf_free(&all);
	return ok ? ST_OK : app_fail(a, ST_CANCELLED, "%s", text(a->lang, "cancelled"));
}

/* The terminal of this program; -1: there is none, or a dialog is wanted. */
static int
open_terminal(const struct app *a)
{
	return a->opt[OPT_DIALOG] ? -1 : open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
}

/* ---- in a dialog ---- */

static int
ask_dialog(struct app *a, const char *question, const char *prompt, const char *error, struct secret **pin)
{
	struct buf helper = BUF_INIT;
	struct askpin q = {
		.title = text(a->lang, "Smart card"), .text = question, .prompt = prompt, .error = error,
		.ok = text(a->lang, "OK"), .cancel = text(a->lang, "Cancel"), .language = text_lang_code(a->lang),
		.timeout_s = (int)settings_int(a->settings, SET_pinDialogTimeout),
	};
	int err;

	err = askpin_helper(settings_str(a->settings, SET_pinHelper), a->test != NULL, &helper);
	if (!err) {
		q.helper = buf_text(&helper);
		err = askpin(&q, pin);
	}
	buf_free(&helper);
	if (!err && (*pin)->len)
		return ST_OK;
	secret_free(pin);
	if (!err || err == E_CANCEL)
		return app_fail(a, ST_CANCELLED, "%s", text(a->lang, "cancelled"));
	if (err == E_PIN_LEN)
		return app_fail(a, ST_PIN_WRONG, text(a->lang, "That is too long for a PIN."));
	return app_fail(a, ST_FAILED, text(a->lang,
	    "nobody can be asked for the PIN: there is no terminal and no dialog; see --pin-fd"));
}

/* ---- together ---- */

bool
ask_can_repeat(const struct app *a)
{
	return a->pin_fd < 0;
}

bool
ask_may_repeat(const struct app *a, CK_ULONG left)
{
	return ask_can_repeat(a) && left != KIT_UNKNOWN && left > 1;
}

void
ask_keypad(struct app *a, const struct kit_slot *slot)
{
	struct buf b = BUF_INIT;

	buf_str(&b, text(a->lang, "Type the PIN on the keypad of the reader."));
	put_tries(a, slot, ASKED_PIN, &b);
	note(a, "%s", buf_text(&b));
	buf_free(&b);
}

int
ask_pin(struct app *a, const struct kit_slot *slot, enum asked kind, const char *error, struct secret **pin)
{
	struct buf question = BUF_INIT;
	const char *prompt = text(a->lang, words[kind].prompt);
	int tty = -1, status;

	*pin = NULL;
	put_question(a, slot, kind, &question);
	if (a->pin_fd < 0 && (tty = open_terminal(a)) < 0) {
		status = ask_dialog(a, buf_text(&question), prompt, error, pin);
	} else if (!(*pin = secret_new("", 0))) {
		status = app_fail(a, ST_FAILED, "%s", text(a->lang, err_text(E_MEM)));
	} else if (a->pin_fd >= 0) {
		status = ask_fd(a, *pin);
	} else {
		status = ask_terminal(a, tty, buf_text(&question), prompt, error, *pin);
		close(tty);
	}
	if (status)
		secret_free(pin);
	buf_free(&question);
	return status;
}

int
ask_new_pin(struct app *a, const struct kit_slot *slot, const char *error, struct secret **pin)
{
	struct secret *again = NULL;
	bool same;
	int status;

	for (;;) {
		if ((status = ask_pin(a, slot, ASKED_NEW, error, pin)) || !ask_can_repeat(a))
			return status;
		if ((status = ask_pin(a, slot, ASKED_AGAIN, NULL, &again))) {
			secret_free(pin);
			return status;
		}
		same = secret_eq(*pin, again);
		secret_free(&again);
		if (same)
			return ST_OK;
		secret_free(pin);
		error = text(a->lang, "The two were not the same.");
	}
}

int
ask_yes(struct app *a, const char *question)
{
	int tty, n = 0;
	char answer[16] = "";
	struct buf all = BUF_INIT;
	struct secret *typed = NULL;
	int status = ST_OK;
	bool yes;

	if (a->pin_fd >= 0)
		return ST_OK;
	buf_fmt(&all, text(a->lang, "%s Type yes to go on:"), question);
	buf_u8(&all, ' ');
	if ((tty = open_terminal(a)) < 0) {
		/* a dialog that shows stars: the same word */
		if ((status = ask_dialog(a, buf_text(&all), text(a->lang, "yes"), NULL, &typed)) == ST_OK) {
			n = typed->len;
			if ((size_t)n < sizeof answer)
				memcpy(answer, typed->p, (size_t)n);
		}
		secret_free(&typed);
	} else {
		if (say(tty, buf_text(&all)))
			n = (int)read(tty, answer, sizeof answer - 1);
		close(tty);
	}
	buf_free(&all);
	if (status)
		return status;
	answer[n > 0 && (size_t)n < sizeof answer ? n : 0] = 0;
	answer[strcspn(answer, "\r\n")] = 0;
	yes = *answer && (!strcmp(answer, "yes") || !strcmp(answer, text(a->lang, "yes")));
	OPENSSL_cleanse(answer, sizeof answer); /* somebody may have typed a PUK here */
	if (yes)
		return ST_OK;
	return app_fail(a, ST_CANCELLED, "%s", text(a->lang, "cancelled"));
}

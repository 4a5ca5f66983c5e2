#include "token/dialog.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/askpin.h"
#include "base/err.h"
#include "base/log.h"
#include "base/os.h"
#include "base/utf8.h"
#include "token/dialog_text.h"

#define FOREIGN_MAX 200     /* characters of text that is not ours */
#define LOOK_MS 300         /* between two looks whether the card is still there */
#define TURN_LOOK_MS 100    /* while another thread has the turn */

struct watch { struct session *s; int64_t looked_at; };

/* Whether the answer would still be of use. */
static bool
is_wanted(void *arg)
{
	struct watch *w = arg;
	int64_t now = os_clock_ms();

	if (now - w->looked_at >= LOOK_MS) {
		w->looked_at = now;
		reader_poll(w->s->r);
	}
	return !atomic_load(&w->s->world->finalizing) && !atomic_load(&w->s->closed) &&
	    !session_is_over(w->s);
}

int
dialog_seconds(const struct session *s)
{
	return (int)settings_int(s->world->settings, SET_pinDialogTimeout);
}

int
dialog_lang_id(const struct session *s)
{
	static const int ids[] = { [TEXT_EN] = 0x0409, [TEXT_FI] = 0x040B, [TEXT_SV] = 0x041D };

	return ids[s->world->lang];
}

/* Waits for a turn to end, for a moment. The lock is held. */
static void
wait_a_moment(pthread_cond_t *ended, pthread_mutex_t *lock)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += TURN_LOOK_MS * 1000000L;
	if (until.tv_nsec >= 1000000000L) {
		until.tv_nsec -= 1000000000L;
		until.tv_sec++;
	}
	pthread_cond_timedwait(ended, lock, &until);
}

/* The turn among the threads that ask about this PIN. *last: what the turn that was waited for ended with. */
static int
take_among_threads(struct session *s, struct turn *t, int *last)
{
	struct asking *a = &s->r->asking[s->pin];
	struct watch w = { .s = s };
	bool mine = false;

	*last = 0;
	while (!mine) {
		if (!is_wanted(&w))
			return E_CLOSED;
		pthread_mutex_lock(&s->r->lock);
			if (a->busy) {
				t->waited = true;
				wait_a_moment(&s->r->asked, &s->r->lock);
			}
			if (!a->busy) {
				mine = a->busy = true;
				*last = a->last;
			}
		pthread_mutex_unlock(&s->r->lock);
	}
	return 0;
}

/* The turn among those that ask about other PINs. The programs' turn would do, were there always a
 * folder for it. */
static int
take_among_pins(struct session *s)
{
	struct world *world = s->world;
	struct watch w = { .s = s };
	bool mine = false;

	while (!mine) {
		if (!is_wanted(&w))
			return E_CLOSED;
		pthread_mutex_lock(&world->lock);
			if (world->showing)
				wait_a_moment(&world->asked, &world->lock);
			if (!world->showing)
				mine = world->showing = true;
		pthread_mutex_unlock(&world->lock);
	}
	return 0;
}

static void
give_back_pins(struct session *s)
{
	pthread_mutex_lock(&s->world->lock);
		s->world->showing = false;
		pthread_cond_broadcast(&s->world->asked);
	pthread_mutex_unlock(&s->world->lock);
}

/* The turn in this process, then the one among programs. */
static int
take_outer(struct session *s, struct turn *t)
{
	struct watch w = { .s = s };
	bool others = false;
	int err;

	if ((err = take_among_pins(s)))
		return err;
	if ((err = shared_turn(&s->world->shared, dialog_seconds(s) * 1000, is_wanted, &w, &t->fd,
	    &others)))
		give_back_pins(s);
	t->waited |= others;
	return err;
}

static void
give_back(struct session *s, int err)
{
	pthread_mutex_lock(&s->r->lock);
		s->r->asking[s->pin].busy = false;
		s->r->asking[s->pin].last = err;
		pthread_cond_broadcast(&s->r->asked);
	pthread_mutex_unlock(&s->r->lock);
}

/* What happened to the session while its lock was not held. */
static int
still_there(struct session *s)
{
	if (atomic_load(&s->world->finalizing) || atomic_load(&s->closed))
		return E_CLOSED;
	return session_is_over(s) ? E_GONE : 0;
}

/* What a person has settled for all who waited: no second dialog makes it better. */
static bool
is_final(int err)
{
	return err == E_CANCEL || err == E_PIN_WRONG || err == E_PIN_BLOCKED;
}

int
turn_take(struct session *s, bool shares, struct turn *t)
{
	int err, last;

	*t = (struct turn){ .s = s, .shares = shares, .fd = -1 };
	if (!world_has_dialogs(s->world))
		return E_UNSUPPORTED;
	if (!world_asking_begin(s->world))
		return E_CLOSED;
	pthread_mutex_unlock(&s->lock);
	if (!(err = take_among_threads(s, t, &last))) {
		if (shares && t->waited && is_final(last))
			err = last;
		else if (!world_has_dialogs(s->world))
			err = E_UNSUPPORTED; /* it failed the other thread */
		else
			err = take_outer(s, t);
		if (err)
			give_back(s, last);
		t->held = !err;
	}
	pthread_mutex_lock(&s->lock);
	if (!t->held)
		world_asking_end(s->world);
	if (!err && (err = still_there(s)))
		turn_end(t, err);
	return err == E_CLOSED && session_is_over(s) ? E_GONE : err;
}

void
turn_end(struct turn *t, int err)
{
	if (!t->held)
		return;
	t->held = false;
	if (t->fd >= 0)
		os_lock_drop(&t->fd);
	give_back_pins(t->s);
	give_back(t->s, t->shares ? err : 0);
	world_asking_end(t->s->world);
}

/* Control characters, what turns the direction of writing around, what a helper may take for
 * markup. Source: Unicode 15 (Bidi_Control), Pango's markup. */
static bool
is_plain(uint32_t c)
{
	return c >= 0x20 && c != 0x7F && (c < 0x80 || c > 0x9F) && c != '<' && c != '>' && c != '&' &&
	    c != 0x061C && c != 0x200E && c != 0x200F && (c < 0x2028 || c > 0x202E) &&
	    (c < 0x2066 || c > 0x2069) && c != 0xFEFF;
}

void
dialog_quote(struct buf *out, const char *foreign)
{
	struct view v = view_str(foreign), was;
	uint32_t c;

	for (size_t n = 0; n < FOREIGN_MAX && v.len; n++) {
		was = v;
		if (!utf8_take(&v, &c))
			v = view_part(v, 1, v.len);
		else if (is_plain(c)) {
			buf_put(out, was.p, was.len - v.len);
			continue;
		}
		buf_u8(out, '?');
	}
}

/* One line with a foreign text in it, which `put` knows where. */
static void
quote_line(struct buf *out, enum text_lang lang,
    void (*put)(struct buf *, enum text_lang, const char *), const char *foreign)
{
	struct buf clean = BUF_INIT;

	dialog_quote(&clean, foreign);
	buf_u8(out, '\n');
	put(out, lang, buf_text(&clean));
	out->bad |= buf_err(&clean) != 0;
	buf_free(&clean);
}

static void
tries_line(struct buf *out, enum text_lang lang, enum ask about, int tries, int max)
{
	if (about == ASK_NEW || tries < 1 || (tries > 1 && (max < 0 || tries >= max)))
		return;
	buf_u8(out, '\n');
	if (tries > 1)
		dialog_put_tries(out, lang, (unsigned long)tries);
	else
		buf_str(out, dialog_text(lang, about == ASK_PUK ? DIALOG_LAST_PUK : DIALOG_LAST_TRY));
}

/* What is asked for, by slot. */
static const struct words {
	enum dialog_text use, sign, old, new, prompt;
} words[PINS_PER_READER] = {
	{ DIALOG_LOGIN, DIALOG_SIGN1, DIALOG_CURRENT1, DIALOG_NEW1, DIALOG_PROMPT_PIN1 },
	{ DIALOG_USE2, DIALOG_SIGN, DIALOG_CURRENT2, DIALOG_NEW2, DIALOG_PROMPT_PIN2 },
};

/* The dialog's words. The first line is ours and always the same; text from elsewhere comes last. */
static void
compose(struct session *s, enum ask about, struct buf *out, enum dialog_text *prompt)
{
	const struct words *w = &words[s->pin];
	enum text_lang lang = s->world->lang;
	struct token *t = reader_token(s->r, s->gen);
	struct pinslot *slot;
	struct buf exe = BUF_INIT, label = BUF_INIT;
	CK_TOKEN_INFO info = { .flags = 0 };
	int tries = -1, max = -1;
	bool pin2 = false;

	*prompt = w->prompt;
	if (t) {
		pthread_mutex_lock(&s->r->lock);
			slot = &t->slot[s->pin];
			tries = about == ASK_PUK ? slot->puk_tries : slot->tries;
			max = about == ASK_PUK ? -1 : slot->pin.tries_max;
			pin2 = slot->is_pin2;
			token_info_locked(t, s->pin, lang, &info);
		pthread_mutex_unlock(&s->r->lock);
		token_unref(&t);
	}
	switch (about) {
	case ASK_USE:
		buf_str(out, dialog_text(lang, pin2 ? w->sign : w->use));
		break;
	case ASK_OLD:
		buf_str(out, dialog_text(lang, w->old));
		break;
	case ASK_NEW:
		buf_str(out, dialog_text(lang, w->new));
		*prompt = DIALOG_PROMPT_NEW;
		break;
	case ASK_PUK:
	default:
		buf_str(out, dialog_text(lang, DIALOG_PUK));
		*prompt = DIALOG_PROMPT_PUK;
		break;
	}
	tries_line(out, lang, about, tries, max);
	buf_put(&label, info.label, sizeof info.label);
	while (label.len && (label.p[label.len - 1] == ' ' || !label.p[label.len - 1]))
		buf_trim(&label, label.len - 1);
	if (label.len)
		quote_line(out, lang, dialog_put_card, buf_text(&label));
	if (!os_exe_path(&exe))
		quote_line(out, lang, dialog_put_program, buf_text(&exe));
	out->bad |= buf_err(&label) != 0 || buf_err(&exe) != 0;
	buf_free(&label);
	buf_free(&exe);
}

/* One dialog. The session's lock is not held. */
static int
show(struct session *s, const struct askpin *q, struct secret **pin)
{
	int err = askpin(q, pin);

	if (err == E_UNSUPPORTED) {
		log_warn("the PIN helper %s could not be used; programs have to ask by themselves",
		    q->helper);
		world_dialog_failed(s->world);
	}
	return err;
}

int
dialog_away(struct session *s, card_verb verb, void *arg)
{
	int err, gone;

	if (!world_asking_begin(s->world))
		return E_CLOSED;
	pthread_mutex_unlock(&s->lock);
	err = reader_run(s->r, s->gen, verb, arg);
	pthread_mutex_lock(&s->lock);
	world_asking_end(s->world);
	return (gone = still_there(s)) ? gone : err;
}

int
dialog_ask(struct turn *t, enum ask about, const char *error, struct secret **pin)
{
	struct session *s = t->s;
	enum text_lang lang = s->world->lang;
	struct watch w = { .s = s };
	struct buf words_now = BUF_INIT;
	struct secret *again = NULL;
	struct askpin q = { .wanted = is_wanted, .arg = &w };
	const char *what = error;
	enum dialog_text prompt;
	int err, gone;

	*pin = NULL;
	compose(s, about, &words_now, &prompt);
	if ((err = buf_err(&words_now)))
		goto out;
	q.helper = s->world->helper;
	q.title = dialog_text(lang, DIALOG_TITLE);
	q.text = buf_text(&words_now);
	q.ok = dialog_text(lang, DIALOG_OK);
	q.cancel = dialog_text(lang, DIALOG_CANCEL);
	q.language = text_lang_code(lang);
	q.timeout_s = dialog_seconds(s);
	pthread_mutex_unlock(&s->lock);
	do {
		secret_free(pin);
		secret_free(&again);
		q.error = what ? text(lang, what) : NULL;
		q.prompt = dialog_text(lang, prompt);
		if ((err = show(s, &q, pin)) || about != ASK_NEW)
			break;
		q.error = NULL;
		q.prompt = dialog_text(lang, DIALOG_PROMPT_AGAIN);
		if ((err = show(s, &q, &again)))
			break;
		what = dialog_texts[DIALOG_DIFFERENT];
	} while (!secret_eq(*pin, again));
	pthread_mutex_lock(&s->lock);
	if ((gone = still_there(s)))
		err = gone;
out:
	if (err)
		secret_free(pin);
	secret_free(&again);
	buf_free(&words_now);
	return err;
}

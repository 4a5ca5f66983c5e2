#include "token/dialog.h"

#include <string.h>

#include "base/askpin.h"
#include "base/err.h"
#include "base/log.h"
#include "base/os.h"
#include "base/utf8.h"
#include "token/certend.h"
#include "token/dialog_text.h"

#define FOREIGN_MAX 200     /* characters of text that is not ours */

int
dialog_lang_id(const struct session *s)
{
	static const int ids[] = { [TEXT_EN] = 0x0409, [TEXT_FI] = 0x040B, [TEXT_SV] = 0x041D };

	return ids[s->world->lang];
}

/* Also no character that a helper may take for markup (Pango's). */
static bool
is_plain(uint32_t c)
{
	return utf8_is_plain(c) && c != '<' && c != '>' && c != '&';
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
tries_line(struct buf *out, enum text_lang lang, const struct question *q)
{
	if (q->about == ASK_NEW || q->tries < 1 ||
	    (q->tries > 1 && (q->tries_max < 0 || q->tries >= q->tries_max)))
		return;
	buf_u8(out, '\n');
	if (q->tries > 1)
		dialog_put_tries(out, lang, (unsigned long)q->tries);
	else
		buf_str(out, dialog_text(lang, q->last));
}

/* The certificate of the key that the PIN is for ends soon: once for a card. */
static void
end_line(struct buf *out, struct session *s, const struct question *q)
{
	struct certend end;

	if (q->about != ASK_USE || !certend_find(s, &end))
		return;
	buf_u8(out, '\n');
	dialog_put_end(out, s->world->lang, end.is_over, end.date);
}

/* What is asked for, by slot, and what stands in front of the field. */
static const struct words { enum dialog_text text, prompt; } words[PINS_PER_READER][ASKS] = {
	{ [ASK_USE] = { DIALOG_LOGIN, DIALOG_PROMPT_PIN1 }, [ASK_OLD] = { DIALOG_CURRENT1, DIALOG_PROMPT_PIN1 },
	  [ASK_NEW] = { DIALOG_NEW1, DIALOG_PROMPT_NEW }, [ASK_PUK] = { DIALOG_PUK, DIALOG_PROMPT_PUK },
	  [ASK_CODE] = { DIALOG_ACTIVATE, DIALOG_PROMPT_CODE } },
	{ [ASK_USE] = { DIALOG_USE2, DIALOG_PROMPT_PIN2 }, [ASK_OLD] = { DIALOG_CURRENT2, DIALOG_PROMPT_PIN2 },
	  [ASK_NEW] = { DIALOG_NEW2, DIALOG_PROMPT_NEW }, [ASK_PUK] = { DIALOG_PUK, DIALOG_PROMPT_PUK },
	  [ASK_CODE] = { DIALOG_ACTIVATE, DIALOG_PROMPT_CODE } },
};
/* ASK_USE of a PIN whose keys bind legally. */
static const enum dialog_text binding[PINS_PER_READER] = { DIALOG_SIGN1, DIALOG_SIGN };

/* What dialog_ask asks of the session's slot. */
static void
question_of(struct session *s, enum ask about, const char *error, struct question *q)
{
	struct pinslot *slot;

	*q = (struct question){ .about = about, .pin = s->pin, .first = words[s->pin][about].text,
		.last = about == ASK_PUK ? DIALOG_LAST_PUK : DIALOG_LAST_TRY, .tries = -1, .tries_max = -1,
		.error = error };
	pthread_mutex_lock(&s->r->lock);
		if ((slot = reader_slot_locked(s->r, s->gen, s->pin))) {
			q->tries = about == ASK_PUK ? slot->puk_tries : slot->tries;
			q->tries_max = about == ASK_PUK ? -1 : slot->pin.tries_max;
			if (about == ASK_USE && slot->is_pin2)
				q->first = binding[s->pin];
		}
	pthread_mutex_unlock(&s->r->lock);
}

/* The dialog's words. The first line is ours and always the same; text from elsewhere comes last. */
static void
compose(struct session *s, const struct question *q, struct buf *out)
{
	enum text_lang lang = s->world->lang;
	struct token *t = reader_token(s->r, s->gen);
	struct buf exe = BUF_INIT, label = BUF_INIT;
	CK_TOKEN_INFO info = { .flags = 0 };

	if (t) {
		pthread_mutex_lock(&s->r->lock);
			token_info_locked(t, q->pin, lang, &info);
		pthread_mutex_unlock(&s->r->lock);
		token_unref(&t);
	}
	buf_str(out, dialog_text(lang, q->first));
	tries_line(out, lang, q);
	end_line(out, s, q);
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

/* One dialog. No lock is held. */
static int
show(struct world *w, const struct askpin *q, struct secret **pin)
{
	int err = askpin(q, pin);

	if (err == E_UNSUPPORTED) {
		log_warn("the PIN helper %s could not be used; programs have to ask by themselves",
		    q->helper);
		world_dialog_failed(w);
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
	return (gone = turn_session_gone(s)) ? gone : err;
}

int
dialog_put(struct turn *t, const struct question *about, struct secret **pin)
{
	struct session *s = t->s;
	enum text_lang lang = s->world->lang;
	struct watch w = { .s = s };
	struct buf words_now = BUF_INIT;
	struct secret *again = NULL;
	struct askpin q = { .wanted = turn_wanted, .arg = &w };
	const char *what = about->error;
	int err, gone;

	*pin = NULL;
	compose(s, about, &words_now);
	if ((err = buf_err(&words_now)))
		goto out;
	q.helper = s->world->helper;
	q.title = dialog_text(lang, DIALOG_TITLE);
	q.text = buf_text(&words_now);
	q.ok = dialog_text(lang, DIALOG_OK);
	q.cancel = dialog_text(lang, DIALOG_CANCEL);
	q.language = text_lang_code(lang);
	q.timeout_s = turn_seconds(s->world);
	pthread_mutex_unlock(&s->lock);
	do {
		secret_free(pin);
		secret_free(&again);
		q.error = what ? text(lang, what) : NULL;
		q.prompt = about->about == ASK_NOTHING ? NULL :
		    dialog_text(lang, words[about->pin][about->about].prompt);
		if ((err = show(s->world, &q, pin)) || about->about != ASK_NEW)
			break;
		q.error = NULL;
		q.prompt = dialog_text(lang, DIALOG_PROMPT_AGAIN);
		if ((err = show(s->world, &q, &again)))
			break;
		what = dialog_texts[DIALOG_DIFFERENT];
	} while (!secret_eq(*pin, again));
	pthread_mutex_lock(&s->lock);
	if ((gone = turn_session_gone(s)))
		err = gone;
out:
	if (err)
		secret_free(pin);
	secret_free(&again);
	buf_free(&words_now);
	return err;
}

int
dialog_ask(struct turn *t, enum ask about, const char *error, struct secret **pin)
{
	struct question q;

	question_of(t->s, about, error, &q);
	return dialog_put(t, &q, pin);
}

int
dialog_ask_can(struct world *w, const char *reader, const char *error, bool (*wanted)(void *), void *arg,
    struct secret **can)
{
	struct buf words_now = BUF_INIT, exe = BUF_INIT;
	struct askpin q = { .helper = w->helper, .title = dialog_text(w->lang, DIALOG_TITLE),
		.prompt = dialog_text(w->lang, DIALOG_PROMPT_CAN), .error = error ? text(w->lang, error) : NULL,
		.ok = dialog_text(w->lang, DIALOG_OK), .cancel = dialog_text(w->lang, DIALOG_CANCEL),
		.language = text_lang_code(w->lang), .timeout_s = turn_seconds(w), .wanted = wanted, .arg = arg };
	int err;

	*can = NULL;
	buf_str(&words_now, dialog_text(w->lang, DIALOG_CAN));
	quote_line(&words_now, w->lang, dialog_put_reader, reader);
	if (!os_exe_path(&exe))
		quote_line(&words_now, w->lang, dialog_put_program, buf_text(&exe));
	words_now.bad |= buf_err(&exe) != 0;
	if (!(err = buf_err(&words_now))) {
		q.text = buf_text(&words_now);
		err = show(w, &q, can);
	}
	buf_free(&words_now);
	buf_free(&exe);
	return err;
}

int
dialog_ask_alone(struct session *s, enum ask about, const char *error, struct secret **pin)
{
	struct turn t;
	int err;

	*pin = NULL;
	if ((err = turn_take(s, false, &t)))
		return err;
	err = dialog_ask(&t, about, error, pin);
	turn_end(&t, err);
	return err;
}

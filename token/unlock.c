#include "token/unlock.h"

#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/os.h"
#include "token/activate.h"
#include "token/dialog.h"
#include "token/dialog_text.h"
#include "token/expiry_card.h"
#include "token/pinclass.h"
#include "token/rv.h"

#define ONCE_MS 30000  /* how long a PIN2 given by C_Login waits for its operation (DESIGN 18.2) */
#define TRIES_USUAL 3  /* the fewest a card gives: where fewer were seen, some had been spent */
#define ASK_MAX 10     /* dialogs in a row; each costs a person's time, and may cost a try */

enum from { FROM_NOWHERE, FROM_PROGRAM, FROM_PERSON, FROM_LOGIN };

/* One thing to be done under the PIN. */
struct job {
	struct session *s;
	unsigned flags;
	card_verb verb;         /* NULL: a login */
	void *arg;
	bool login, context;    /* which login */

	struct pin_ref ref;
	bool each;              /* entered and forgotten for this use alone */
	bool user;              /* somebody is logged in */
	bool opened;            /* by us, and not closed since, as far as we know */
	bool stale;             /* the kept PIN is over: the card is to forget it first */
	struct secret *given;   /* to be entered; NULL: see what is open or kept */
	enum from from;
	int64_t once_until;     /* FROM_LOGIN: when it is void */
	bool on_pad, pad_failed; /* to be typed on the reader; which could not take it */
	int desktop_locked;     /* os_session_locked; -2: not asked yet */

	/* what came of it */
	bool accepted;          /* the card took `given` */
	bool refused;           /* ... or did not */
	bool uncertain;         /* its answer got lost */
	bool wants_desktop;     /* the kept PIN may be used if the desktop is not locked */
	bool cache_used, cache_dead;
	int tries;              /* left after a wrong one; -1 not said */
	int tries_seen;         /* by looking; -1 */
	uint64_t epoch;         /* when the card took `given` */
	enum login who;         /* a login that found somebody logged in */
};

static const struct pincache_limits *
limits(const struct session *s, struct pincache_limits *out)
{
	out->idle_s = settings_int(s->world->settings, SET_pinCacheTimeout);
	out->uses = settings_int(s->world->settings, SET_pinCacheUses);
	return out;
}

/* ---- inside the transaction ---- */

/* 1 open, 0 closed, -1 the card does not say. Notes the tries left. */
static int
look(struct card *card, struct job *j)
{
	struct pin_state state = PIN_STATE_UNKNOWN;

	if (j->ref.guess || !card->ops->pin_info || card->ops->pin_info(card, &j->ref, &state))
		return -1;
	if (state.tries >= 0)
		j->tries_seen = state.tries;
	return state.verified;
}

static int
enter(struct card *card, struct job *j)
{
	int err;

	if (!j->on_pad && (err = activate_check(j->s, card, ACTIVATION_CHANGE, secret_view(j->given))))
		return err;
	if (!j->on_pad)
		err = card_pin_verify(card, &j->ref, secret_view(j->given), &j->tries);
	else if ((err = card_pin_verify_pad(card, &j->ref, turn_seconds(j->s->world), dialog_lang_id(j->s),
	    &j->tries)) == E_PIN_LEN)
		err = E_PIN_UNFIT; /* the reader has not sent it */
	j->accepted = !err;
	j->refused = err == E_PIN_WRONG || err == E_PIN_BLOCKED;
	j->uncertain = err_is_uncertain(err);
	/* read in the transaction: later, a change by another program might have counted already */
	if (j->accepted)
		j->epoch = shared_epoch(&j->s->world->shared);
	/* only now the card shows how many tries it gives */
	if (j->accepted && j->ref.tries_max < TRIES_USUAL)
		look(card, j);
	return err;
}

/* A copy of the kept PIN if it may be sent now; NULL else. What makes it useless is noted. */
static struct secret *
take_kept(struct job *j)
{
	struct reader *r = j->s->r;
	struct secret *pin = NULL;
	struct pinslot *slot;
	uint64_t epoch;
	bool kept;

	pthread_mutex_lock(&r->lock);
		kept = (slot = reader_slot_locked(r, j->s->gen, j->s->pin)) && slot->cache.pin;
	pthread_mutex_unlock(&r->lock);
	if (!kept)
		return NULL;
	if (j->desktop_locked == -2 && j->s->world->shared.heeds_lock) {
		j->wants_desktop = true; /* which takes too long to be asked in a transaction */
		return NULL;
	}
	epoch = shared_epoch(&j->s->world->shared);
	pthread_mutex_lock(&r->lock);
		if ((slot = reader_slot_locked(r, j->s->gen, j->s->pin)) && j->desktop_locked != 1 &&
		    pincache_fits(&slot->cache, j->tries_seen, epoch))
			pin = secret_new(slot->cache.pin->p, slot->cache.pin->len);
	pthread_mutex_unlock(&r->lock);
	j->cache_dead = !pin;
	return pin;
}

/* Enters the kept PIN1, if the card shows that this costs nothing (DESIGN 18.4). */
static int
reenter(struct card *card, struct job *j)
{
	struct secret *pin;
	int err;

	/* the caller may have looked; what it saw was in this transaction too */
	if ((j->tries_seen < 0 && look(card, j) == 1) || !(pin = take_kept(j)))
		return E_PIN_NEEDED;
	err = card_pin_verify(card, &j->ref, secret_view(pin), &j->tries);
	secret_free(&pin);
	if (err == E_PIN_WRONG || err == E_PIN_BLOCKED) {
		/* Another program has changed it, and no tries were lost by that: this one is the price.
		 * The others of this user must not pay it again; told before they can begin. */
		shared_bump(&j->s->world->shared);
		log_warn("%s: the kept PIN is not the card's any more", j->s->r->name);
		j->cache_dead = true;
		j->tries_seen = err == E_PIN_BLOCKED ? 0 : j->tries;
		return E_PIN_NEEDED;
	}
	j->cache_used = !err;
	return err;
}

/* The verb when the PIN is not given: it is open, or can be opened without a word. */
static int
run_open(struct card *card, struct job *j)
{
	int err;

	if (j->stale) {
		reader_close_pin(j->s->r, card, &j->ref);
		return E_PIN_NEEDED;
	}
	if (j->flags & UNLOCK_PROBE && !j->opened && look(card, j) == 0 &&
	    (err = reenter(card, j)))
		return err;
	if ((err = j->verb(card, j->arg)) != E_PIN_NEEDED)
		return err;
	/* refused although the PIN is open: what is missing is not a login */
	if (j->cache_used || look(card, j) == 1)
		return E_DENIED;
	if (card->changed)
		return E_PIN_NEEDED;
	if ((err = reenter(card, j)))
		return err;
	return (err = j->verb(card, j->arg)) == E_PIN_NEEDED ? E_DENIED : err;
}

/* The card is ours alone here, so who is logged in can be asked and told without a race: of two
 * threads that log in at once the second must not spend a try, nor undo what the first has done. */
static int
run_login(struct card *card, struct job *j)
{
	struct reader *r = j->s->r;
	int err;

	j->who = reader_login_state(r, j->s->gen, j->s->pin);
	if (!j->context && j->who != LOGIN_PUBLIC)
		return E_EXISTS;
	if ((err = enter(card, j)))
		return err;
	if ((err = expiry_verified(j->s, card))) {
		/* no login, so nothing that it has opened */
		reader_close_pin(r, card, &j->ref);
		j->accepted = false;
		return err;
	}
	if (!j->context)
		reader_set_login(r, j->s->gen, j->s->pin, LOGIN_USER);
	return 0;
}

static int
run_given(struct card *card, struct job *j)
{
	int err;

	if ((err = j->login ? run_login(card, j) : enter(card, j)) || j->login)
		return err;
	if ((err = expiry_verified(j->s, card)))
		return err;
	if (j->flags & UNLOCK_KEY && (expiry_is_due(j->s) || activate_needed(j->s) == ACTIVATION_CHANGE))
		return E_PIN_EXPIRED;
	return (err = j->verb(card, j->arg)) == E_PIN_NEEDED ? E_DENIED : err;
}

static int
verb_job(struct card *card, void *arg)
{
	struct job *j = arg;
	int err;

	j->accepted = j->refused = j->uncertain = j->cache_used = j->cache_dead = false;
	j->wants_desktop = false;
	j->tries = j->tries_seen = -1;
	if (j->on_pad && !j->each && !j->login && look(card, j) == 1)
		err = run_open(card, j); /* another thread's PIN was typed while we waited */
	else if (j->given || j->on_pad) {
		err = run_given(card, j);
	} else if (j->each || j->login) {
		look(card, j); /* the tries left, for the dialog */
		err = E_PIN_NEEDED;
	} else {
		err = run_open(card, j);
	}
	if (err == E_PIN_NEEDED && j->tries_seen == 0)
		err = E_PIN_BLOCKED; /* nobody need be asked */
	/* The card forgets such a PIN by itself only by using it for a key. */
	if (j->each && (j->accepted || j->uncertain) &&
	    (err || !(j->flags & UNLOCK_KEY) || j->ref.forget != PIN_FORGET_CARD))
		reader_close_pin(j->s->r, card, &j->ref);
	return err;
}

/* ---- around it ---- */

/* A PIN given by C_Login for this use: the session's own first. *until: when it is void.
 * reader->lock held. */
static struct secret *
take_once_locked(struct session *s, struct pinslot *slot, uint64_t epoch, int64_t *until)
{
	struct once *o = once_is_good(&s->once, epoch) ? &s->once : &slot->once;
	struct secret *pin = NULL;

	if (once_is_good(o, epoch)) {
		pin = o->pin;
		*until = o->until;
		o->pin = NULL;
	}
	once_wipe(&s->once);
	if (!once_is_good(&slot->once, epoch))
		once_wipe(&slot->once);
	return pin;
}

/* What is known before the transaction. */
static int
prepare(struct job *j)
{
	struct session *s = j->s;
	struct pincache_limits max;
	struct pinslot *slot;
	uint64_t epoch = shared_epoch(&s->world->shared);
	int err = 0;

	pthread_mutex_lock(&s->r->lock);
		if (!(slot = reader_slot_locked(s->r, s->gen, s->pin))) {
			err = E_GONE;
		} else {
			j->ref = slot->pin;
			/* nobody is asked for what cannot be sent (DESIGN 18.5) */
			if (j->ref.guess || j->ref.ref < 0)
				err = E_DENIED;
			j->each = pinslot_each_time(slot, s->world->settings);
			j->user = slot->login == LOGIN_USER;
			j->stale = pincache_is_over(&slot->cache, limits(s, &max), os_clock_ms());
			if (j->stale)
				pincache_wipe(&slot->cache);
			j->opened = slot->opened;
			j->stale &= slot->opened;
			/* A PIN2 typed for a login a moment ago was typed for this operation, too. */
			if (!j->given && j->each && (!j->login || j->context) &&
			    (j->given = take_once_locked(s, slot, epoch, &j->once_until)))
				j->from = FROM_LOGIN;
			/* without a login and without anybody to ask, an open card is not for us */
			if (!err && !j->given && !j->login && (slot->login == LOGIN_SO ||
			    (!j->user && !reader_asks_locked(s->r))))
				err = E_PIN_NEEDED;
		}
	pthread_mutex_unlock(&s->r->lock);
	return err;
}

static void
keep_locked(struct job *j, struct pinslot *slot)
{
	int64_t now = os_clock_ms();
	struct once *once = j->context ? &j->s->once : &slot->once;

	if (!j->each) {
		slot->opened = true;
		if (j->given && j->s->world->keeps_pin1 && !slot->is_pin2)
			pincache_put(&slot->cache, j->given, slot->tries, j->epoch, now);
	} else if (j->login && j->given) {
		/* verified and forgotten again; the operation it was typed for comes next, and no other */
		once_wipe(&slot->once);
		/* one entry lasts as long, however often it is verified */
		once_put(once, &j->given, j->from == FROM_LOGIN ? j->once_until : now + ONCE_MS, j->epoch);
	}
}

/* What the run has told. */
static void
note(struct job *j, int err)
{
	struct session *s = j->s;
	struct pinslot *slot;

	pthread_mutex_lock(&s->r->lock);
		if ((slot = reader_slot_locked(s->r, s->gen, s->pin))) {
			if (j->tries_seen > slot->pin.tries_max)
				slot->pin.tries_max = j->tries_seen;
			if (j->accepted || j->refused)
				pinslot_answered_locked(slot, j->accepted ? 0 : err, j->tries);
			else if (j->tries_seen >= 0)
				slot->tries = j->tries_seen;
			if (j->cache_dead || j->refused)
				pincache_wipe(&slot->cache);
			if (j->stale || j->refused)
				slot->opened = false;
			if (j->accepted)
				keep_locked(j, slot);
			if (j->cache_used || (j->uncertain && !j->each))
				slot->opened = true; /* and will be closed by a logout */
			if (!err && slot->cache.pin && !j->login)
				pincache_used(&slot->cache, os_clock_ms());
			if (err == E_PIN_BLOCKED)
				slot->login = LOGIN_PUBLIC;
		}
	pthread_mutex_unlock(&s->r->lock);
	reader_tell_pins(s->r, s->gen);
}

static int
run_verb(struct job *j)
{
	return j->on_pad ? dialog_away(j->s, verb_job, j) :
	    reader_run(j->s->r, j->s->gen, verb_job, j);
}

/* A login whose session was closed while the PIN was typed on the reader: it must not be there for the
 * next session that somebody opens. */
static void
pin_of_nobody(struct session *s)
{
	CK_ULONG all, rw;

	session_count(s->world, s->r, s->pin, &all, &rw);
	if (!all) {
		reader_set_login(s->r, s->gen, s->pin, LOGIN_PUBLIC);
		unlock_forget(s->r, s->pin, s->gen);
	}
}

static int
run(struct job *j)
{
	int err;

	if ((err = prepare(j)))
		return err;
	err = run_verb(j);
	if (j->wants_desktop) {
		/* asked once for the job, outside of the transaction */
		j->desktop_locked = os_session_locked();
		j->wants_desktop = false;
		/* that the PIN is closed is known by now */
		j->flags |= UNLOCK_PROBE;
		j->opened = false;
		err = run_verb(j);
	}
	note(j, err);
	if (err == E_CLOSED && j->login && j->accepted)
		pin_of_nobody(j->s);
	/* a PIN of an earlier C_Login that is no good any more: as if it had not been given */
	if (j->refused && j->from == FROM_LOGIN && err == E_PIN_WRONG)
		err = E_PIN_NEEDED;
	secret_free(&j->given);
	return err;
}

/* Whether a person is to be asked after that, and what to tell them was wrong. */
static bool
ask_again(struct job *j, int err, const char **wrong)
{
	*wrong = NULL;
	if (err == E_PIN_NEEDED)
		return true;
	if ((err != E_PIN_WRONG && err != E_PIN_UNFIT) || j->from != FROM_PERSON)
		return false;
	*wrong = dialog_texts[err == E_PIN_UNFIT ? DIALOG_LENGTH : DIALOG_WRONG];
	/* with one try left it is never opened by itself (DESIGN 18.5); nor when nobody knows */
	return err == E_PIN_UNFIT || j->tries > 1;
}

/* Nobody could be asked, so that a login that the card has forgotten is over. */
static void
lose_login(struct job *j)
{
	if (reader_login_state(j->s->r, j->s->gen, j->s->pin) == LOGIN_SO)
		return;
	/* not a logout: handles of private keys stay true, and serve again after the next login */
	reader_set_login(j->s->r, j->s->gen, j->s->pin, LOGIN_PUBLIC);
}

/* Has the person type it on the reader. False: that cannot be. */
static bool
type_on_pad(struct job *j, int *err)
{
	struct token *t = reader_token(j->s->r, j->s->gen);
	int r;

	j->on_pad = t && t->has_pad && !j->pad_failed && (j->login || j->s->world->auto_login);
	token_unref(&t);
	if (!j->on_pad)
		return false;
	j->from = FROM_PERSON;
	r = run(j);
	j->on_pad = false;
	/* this reader cannot take such a PIN: a dialog may */
	j->pad_failed = r == E_UNSUPPORTED && !j->accepted && !j->refused;
	if (!j->pad_failed)
		*err = r;
	return !j->pad_failed;
}

/* Has the person type it in a dialog. False: that is all, and *err says what came of it. */
static bool
type_in_dialog(struct job *j, struct turn *t, const char *wrong, int *err)
{
	/* asked anew: a certificate may have said so meanwhile */
	bool shares = !j->login && !reader_each_time(j->s->r, j->s->gen, j->s->pin);
	int r = 0;

	if (!t->held && !(r = turn_take(j->s, shares, t)) && t->waited && shares &&
	    /* somebody else was asked meanwhile, and it may be all done */
	    (*err = run(j)) != E_PIN_NEEDED)
		return false;
	if (!r) {
		j->from = FROM_PERSON;
		r = dialog_ask(t, ASK_USE, wrong, &j->given);
	}
	if (!r)
		*err = run(j);
	else if (r == E_PIN_LEN)
		*err = E_PIN_UNFIT;
	else if (r != E_UNSUPPORTED)
		*err = r;
	return !r || r == E_PIN_LEN;
}

/* Whether the card is offered to be activated before anything else; where nobody can be asked, all stays as
 * with any PIN that is blocked, or too old. */
static bool
wants_activation(const struct job *j)
{
	struct session *s = j->s;

	return !(j->flags & UNLOCK_QUIET) && j->from != FROM_PROGRAM && s->world->auto_login &&
	    world_has_dialogs(s->world) && activate_needed(s) != ACTIVATION_NONE &&
	    reader_login_state(s->r, s->gen, s->pin) != LOGIN_SO;
}

/* The new PIN is the one to be used next. E_EXISTS and E_UNSUPPORTED, which are no news here, are 0. */
static int
activate_first(struct job *j, struct turn *t)
{
	int err;

	/* what a PIN may do is known before it is chosen, and entered */
	if (!wants_activation(j) || (!j->login && pinclass_find(j->s)))
		return 0;
	if (!(err = activate_ask(j->s, !j->login, t, &j->given)))
		j->from = FROM_PERSON;
	/* nobody could be asked after all: a card that is open with the code is no reason to use its keys */
	if (err == E_UNSUPPORTED && j->flags & UNLOCK_KEY)
		return activate_gate(j->s);
	return err == E_EXISTS || err == E_UNSUPPORTED ? 0 : err;
}

static int
work(struct job *j)
{
	struct turn t = { .s = NULL };
	bool asks = !(j->flags & UNLOCK_QUIET) && j->from != FROM_PROGRAM;
	const char *wrong = NULL;
	int err;

	j->desktop_locked = -2;
	if ((err = activate_first(j, &t))) {
		turn_end(&t, err);
		goto out;
	}
	err = run(j);
	/* what a PIN may do is known before it is entered */
	if (asks && ask_again(j, err, &wrong) && !j->each && !j->login && pinclass_find(j->s))
		asks = false;
	for (int n = 0; n < ASK_MAX && asks && ask_again(j, err, &wrong); n++)
		if (!type_on_pad(j, &err) && !type_in_dialog(j, &t, wrong, &err))
			break;
	turn_end(&t, err);
	if (err == E_PIN_NEEDED && j->login && j->from != FROM_PROGRAM)
		err = E_UNSUPPORTED;
	else if (!j->login && (err == E_PIN_NEEDED || err == E_PIN_WRONG || err == E_PIN_BLOCKED))
		lose_login(j);
	else if (!err)
		reader_regain_login(j->s->r, j->s->gen, j->s->pin);
out:
	secret_free(&j->given);
	if (err && err != E_EXISTS)
		log_info("%s: %s", j->s->r->name, err_text(err));
	return err;
}

int
unlock_run(struct session *s, unsigned flags, card_verb verb, void *arg)
{
	struct job j = { .s = s, .flags = flags, .verb = verb, .arg = arg };
	int err = 0;

	if (flags & UNLOCK_KEY && !(err = activate_gate(s)))
		err = expiry_gate(s);
	return err ? err : work(&j);
}

int
unlock_login(struct session *s, struct view pin, bool context, enum login *who)
{
	struct job j = { .s = s, .login = true, .context = context };
	int err;

	*who = LOGIN_PUBLIC;
	if (pin.p) {
		/* an empty PIN never reaches a card (CVE-2023-40660 was that), nor one it cannot have */
		if (!pin.len || pin.len > SECRET_MAX)
			return E_PIN_UNFIT;
		j.from = FROM_PROGRAM;
		if (!(j.given = secret_new(pin.p, pin.len)))
			return E_MEM;
	}
	err = work(&j);
	*who = j.who;
	return err;
}

CK_RV
unlock_fill(struct session *s, struct object *o)
{
	int err = 0;

	/* a look must not cost the PIN that was given for a signature */
	if (o->src && o->priv && o->cls == CKO_DATA && !atomic_load(&o->src->body) &&
	    !reader_each_time(s->r, s->gen, s->pin))
		err = unlock_run(s, 0, reader_read_source, o->src);
	return err && err != E_PIN_NEEDED ? rv_from(err) : reader_fill(s->r, s->gen, o);
}

static int
verb_nothing(struct card *card, void *arg)
{
	(void)card;
	(void)arg;
	return 0;
}

/* A PIN for the session's next use, typed now. */
static int
ask_once(struct session *s)
{
	struct secret *pin = NULL; /* the session's own may be freed by another thread meanwhile */
	struct job j = { .s = s };
	struct turn t = { .s = NULL };
	const char *wrong = NULL;
	int err = E_EXISTS;

	if (wants_activation(&j)) {
		err = activate_ask(s, false, &t, &pin);
		turn_end(&t, err == E_EXISTS ? 0 : err);
	}
	if (err == E_EXISTS)
		do {
			secret_free(&pin);
			err = dialog_ask_alone(s, ASK_USE, wrong, &pin);
			wrong = dialog_texts[DIALOG_LENGTH];
		} while (err == E_PIN_LEN || (!err && !pin->len));
	if (!err)
		once_put(&s->once, &pin, os_clock_ms() + ONCE_MS, shared_epoch(&s->world->shared));
	return err == E_UNSUPPORTED ? E_PIN_NEEDED : err;
}

int
unlock_ready(struct session *s)
{
	uint64_t epoch = shared_epoch(&s->world->shared);
	struct pinslot *slot;
	bool has;

	if (!reader_each_time(s->r, s->gen, s->pin))
		return unlock_run(s, UNLOCK_PROBE, verb_nothing, NULL);
	pthread_mutex_lock(&s->r->lock);
		has = once_is_good(&s->once, epoch) || ((slot = reader_slot_locked(s->r, s->gen,
		    s->pin)) && once_is_good(&slot->once, epoch));
	pthread_mutex_unlock(&s->r->lock);
	return has ? 0 : ask_once(s);
}

static int
verb_forget(struct card *card, void *arg)
{
	const struct pin_ref *ref = arg;

	/* a reset would take away from others what is theirs: a logout is no reason for one */
	if (card->ops->pin_forget)
		card->ops->pin_forget(card, ref);
	return 0;
}

void
unlock_forget(struct reader *r, unsigned pin, uint64_t gen)
{
	struct pinslot *slot;
	struct pin_ref ref;
	bool opened = false;

	pthread_mutex_lock(&r->lock);
		if ((slot = reader_slot_locked(r, gen, pin))) {
			ref = slot->pin;
			opened = slot->opened;
			slot->opened = false;
			pinslot_wipe_locked(slot);
		}
	pthread_mutex_unlock(&r->lock);
	if (opened)
		reader_run(r, gen, verb_forget, &ref);
}

#include "token/reader.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/os.h"
#include "base/secret.h"
#include "base/wildcard.h"
#include "token/can.h"
#include "token/rv.h"
#include "token/session.h"
#include "token/tokeninfo.h"

#define GONE_POLL_MS 50

struct reader *
reader_new(struct world *w, const char *name, CK_SLOT_ID base, bool at_start)
{
	struct reader *r = calloc(1, sizeof *r);
	pthread_condattr_t steady;

	if (!r || !(r->name = strdup(name))) {
		free(r);
		return NULL;
	}
	r->world = w;
	r->base = base;
	r->at_start = at_start;
	r->gen = 1;
	pthread_mutex_init(&r->change_lock, NULL);
	pthread_mutex_init(&r->io_lock, NULL);
	pthread_mutex_init(&r->lock, NULL);
	pthread_condattr_init(&steady);
	pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
	pthread_cond_init(&r->asked, &steady);
	pthread_condattr_destroy(&steady);
	return r;
}

void
reader_free(struct reader **r)
{
	struct reader *dead = *r;

	*r = NULL;
	if (!dead)
		return;
	card_close(&dead->card);
	object_list_free(&dead->objects);
	token_unref(&dead->token);
	secret_free(&dead->can);
	pthread_mutex_destroy(&dead->change_lock);
	pthread_mutex_destroy(&dead->io_lock);
	pthread_mutex_destroy(&dead->lock);
	pthread_cond_destroy(&dead->asked);
	free(dead->name);
	free(dead);
}

/* Ends the generation: what belonged to the card that was there is taken out and handed over,
 * to be freed when no lock is held. */
static void
end_generation_locked(struct reader *r, struct object_list *objects, struct token **token)
{
	r->gen++;
	r->unknown = false;
	secret_free(&r->can);
	*objects = r->objects;
	memset(&r->objects, 0, sizeof r->objects);
	*token = r->token;
	r->token = NULL;
	/* a reference elsewhere may outlive it, what was typed must not */
	for (unsigned i = 0; *token && i < PINS_PER_READER; i++)
		pinslot_wipe_locked(&(*token)->slot[i]);
}

static bool
is_over(struct reader *r, uint64_t gen)
{
	bool over;

	pthread_mutex_lock(&r->lock);
		over = r->gen != gen;
	pthread_mutex_unlock(&r->lock);
	return over;
}

/* The connection to a card that is gone is given up at once, with the keys of its channel; by whoever uses it now,
 * where somebody does. No lock held. */
static void
release_card(struct reader *r)
{
	if (pthread_mutex_trylock(&r->io_lock))
		return;
	if (r->card && is_over(r, r->card_gen))
		card_close(&r->card);
	pthread_mutex_unlock(&r->io_lock);
}

bool
reader_has_card_locked(const struct reader *r)
{
	return r->presence == IO_PRESENT || r->presence == IO_MUTE;
}

bool
reader_has_token_locked(const struct reader *r, unsigned pin)
{
	return reader_has_card_locked(r) && (!r->token || !pin || r->token->slot[pin].has_pin);
}

uint64_t
reader_expect(struct reader *r, struct io_state *s)
{
	uint64_t gen;

	s->reader = r->name;
	pthread_mutex_lock(&r->lock);
		s->now = r->presence;
		s->events = r->events;
		gen = r->gen;
	pthread_mutex_unlock(&r->lock);
	return gen;
}

bool
reader_saw(struct reader *r, uint64_t gen, const struct io_state *s)
{
	struct object_list objects = { 0 };
	struct token *token = NULL;
	bool in_time, changed = false, was, is = s->now == IO_PRESENT || s->now == IO_MUTE;

	pthread_mutex_lock(&r->lock);
		if ((in_time = r->gen == gen)) {
			was = reader_has_card_locked(r);
			changed = !r->polled || s->events != r->events || was != is;
			if (changed)
				end_generation_locked(r, &objects, &token);
			for (unsigned i = 0; i < r->world->slots; i++)
				r->event[i] |= changed && (r->polled || (is && !r->at_start));
			r->presence = s->now;
			r->events = s->events;
			r->polled = true;
		}
	pthread_mutex_unlock(&r->lock);
	object_list_free(&objects);
	token_unref(&token);
	if (changed) {
		release_card(r);
		log_info("%s: %s", r->name, is ? "there is a card" : "there is no card");
		session_purge(r->world, r);
	}
	return in_time;
}

void
reader_poll(struct reader *r)
{
	world_poll(r->world, &r, 1);
}

void
reader_drop(struct reader *r, uint64_t gen)
{
	struct object_list objects = { 0 };
	struct token *token = NULL;

	pthread_mutex_lock(&r->lock);
		if (r->gen == gen)
			end_generation_locked(r, &objects, &token);
	pthread_mutex_unlock(&r->lock);
	object_list_free(&objects);
	token_unref(&token);
	release_card(r);
	session_purge(r->world, r);
	/* the event is raised by whoever sees that the card is out, and once */
	reader_poll(r);
}

/* The connection of this generation, opened if need be; with the number `can`, or, NULL, what is known of one. */
static int
connect_io_locked(struct reader *r, uint64_t gen, const struct secret *can)
{
	const struct profile_set *set;
	struct secret *known = NULL;
	enum can_from from = CAN_TYPED;
	bool said;
	int err;

	if (is_over(r, gen))
		return E_GONE;
	if (r->card && r->card_gen == gen)
		return 0;
	card_close(&r->card);
	if (!(set = world_profiles(r->world)))
		return E_MEM;
	if (!can && (err = can_take(r, gen, &known, &from)))
		return err;
	err = card_open_with(r->world->io, r->name, set,
	    settings_bool(r->world->settings, SET_allowUnknownCards), can ? can : known, &said, &r->card);
	if (said)
		err = can_tried(r, gen, can ? can : known, from, err);
	secret_free(&known);
	if (err)
		return err;
	/* it is this generation's card only if no other one was put in before it was opened */
	reader_poll(r);
	if (is_over(r, gen)) {
		card_close(&r->card);
		return E_GONE;
	}
	r->card_gen = gen;
	return 0;
}

/* A card pulled out in the middle of a command shows as a fault of transmission first: pcscd
 * gives SCARD_F_COMM_ERROR, SCARD_E_NOT_TRANSACTED or an answer of no bytes, and only its next
 * look finds the reader empty. So that look is waited for, as long as the io may lag. No lock but
 * a session's. */
static bool
turns_out_gone(struct reader *r, uint64_t gen)
{
	reader_poll(r);
	for (int waited = 0; !is_over(r, gen) && waited < r->world->io->lag_ms; waited += GONE_POLL_MS) {
		os_sleep_ms(GONE_POLL_MS);
		reader_poll(r);
	}
	return is_over(r, gen);
}

/* The card was reset: no PIN of it is open any more. */
static void
note_reset(struct reader *r, uint64_t gen)
{
	pthread_mutex_lock(&r->lock);
		for (unsigned i = 0; r->gen == gen && r->token && i < PINS_PER_READER; i++)
			pinslot_closed_locked(&r->token->slot[i], r->world->settings);
	pthread_mutex_unlock(&r->lock);
	log_info("%s: the card was reset", r->name);
}

/* Behind a reset by others somebody may have changed the card, which not every driver can tell. In a transaction. */
static int
still_the_card(struct reader *r, uint64_t gen)
{
	struct token *t = reader_token(r, gen);
	int err = t ? tokeninfo_same(r->card, t) : 0;

	token_unref(&t);
	return err;
}

/* One attempt at a verb, in a transaction of its own. */
static int
run_once_io_locked(struct reader *r, uint64_t gen, card_verb verb, void *arg)
{
	int deadline = (int)settings_int(r->world->settings, SET_cryptokiTimeout);
	int err;

	if ((err = card_begin(r->card, deadline ? deadline : -1)))
		return err;
	if (r->card->was_reset) {
		note_reset(r, gen);
		if (r->card->others_reset && (err = still_the_card(r, gen))) {
			card_end(r->card, IO_END_LEAVE);
			return err;
		}
		r->card->was_reset = r->card->others_reset = false;
	}
	/* for cards shared with programs that select something else and reset nothing */
	if (settings_bool(r->world->settings, SET_forceSelectApplet))
		r->card->app_selected = false;
	r->end_reset = false;
	err = verb(r->card, arg);
	if (card_end(r->card, r->end_reset ? IO_END_RESET : IO_END_LEAVE) && r->end_reset)
		log_warn("%s: the card could not be reset: its PIN may still be open", r->name);
	if (r->end_reset)
		note_reset(r, gen);
	return err;
}

int
reader_run(struct reader *r, uint64_t gen, card_verb verb, void *arg)
{
	return reader_run_with(r, gen, NULL, verb, arg);
}

int
reader_run_with(struct reader *r, uint64_t gen, const struct secret *can, card_verb verb, void *arg)
{
	int err;

	pthread_mutex_lock(&r->io_lock);
	if (!(err = connect_io_locked(r, gen, can)) &&
	    (err = run_once_io_locked(r, gen, verb, arg)) == E_RESET && !r->card->changed)
		/* nothing was changed yet: the verb may run again from its start */
		err = run_once_io_locked(r, gen, verb, arg);
	/* a call that was meant for a card of before leaves the connection to the one of now alone */
	if (r->card && (is_over(r, r->card_gen) ||
	    (r->card_gen == gen && (err == E_GONE || err == E_NO_READER || err == E_RESET))))
		card_close(&r->card);
	if (err == E_RESET)
		note_reset(r, gen);
	pthread_mutex_unlock(&r->io_lock);
	if ((err == E_IO || err == E_RESET || err == E_PROTOCOL) && turns_out_gone(r, gen))
		err = E_GONE;
	if (err == E_GONE || err == E_NO_READER)
		reader_drop(r, gen);
	return err;
}

void
reader_close_pin(struct reader *r, struct card *card, const struct pin_ref *ref)
{
	if (ref->forget == PIN_FORGET_RESET || ref->forget == PIN_FORGET_NONE ||
	    !card->ops->pin_forget || card->ops->pin_forget(card, ref))
		r->end_reset = true;
}

struct read_token { const struct settings *s; struct token *token; };

static int
verb_read_token(struct card *card, void *arg)
{
	struct read_token *read = arg;

	return token_read(card, read->s, &read->token);
}

/* validTokenInfoLabel: only cards with such a label are ours. */
static bool
label_is_wanted(const struct reader *r, const struct token *t)
{
	const char *wanted = settings_str(r->world->settings, SET_validTokenInfoLabel);

	return !*wanted || wildcard_list_match(wanted, t->label ? t->label : "");
}

/* What is known of a card without asking it. True: no more need be done. */
static bool
is_bound(struct reader *r, unsigned pin, uint64_t *gen, CK_RV *rv)
{
	bool done = true;

	*rv = CKR_OK;
	pthread_mutex_lock(&r->lock);
		*gen = r->gen;
		if (!reader_has_token_locked(r, pin))
			*rv = CKR_TOKEN_NOT_PRESENT;
		else if (r->unknown)
			*rv = CKR_TOKEN_NOT_RECOGNIZED;
		else
			done = r->token != NULL;
	pthread_mutex_unlock(&r->lock);
	return done;
}

CK_RV
reader_bind(struct reader *r, unsigned pin, uint64_t *gen)
{
	struct read_token read = { .s = r->world->settings };
	bool unknown;
	CK_RV rv;
	int err;

	reader_poll(r);
	if (is_bound(r, pin, gen, &rv))
		return rv;
	err = reader_run(r, *gen, verb_read_token, &read);
	if (err == E_CAN_NEEDED || err == E_CAN_WRONG)
		err = can_ask(r, *gen, err, verb_read_token, &read);
	if (err == E_CLOSED)
		return CKR_CRYPTOKI_NOT_INITIALIZED;
	if (!err && !label_is_wanted(r, read.token))
		err = E_UNKNOWN;
	pthread_mutex_lock(&r->lock);
		/* another thread may have been faster, or the card is gone: ours is dropped then */
		if (!err && r->gen != *gen)
			err = E_GONE;
		if (!err && !r->token) {
			r->token = read.token;
			read.token = NULL;
		}
		if (!err && !reader_has_token_locked(r, pin))
			err = E_GONE; /* of this slot, that is */
		/* remembered until it is removed: a browser asks again and again (OpenSC#2030) */
		if (err && r->gen != *gen)
			err = E_GONE; /* whatever it was about, that card is gone */
		unknown = r->gen == *gen && (err == E_UNKNOWN || err == E_CARD ||
		    err == E_PROTOCOL ||
		    err == E_UNSUPPORTED || err == E_NOT_FOUND || err == E_FORMAT ||
		    /* nobody knows its number, or wants to say it */
		    ((err == E_CAN_NEEDED || err == E_CAN_WRONG) && !world_dialogs_pause(r->world)) ||
		    err == E_CANCEL);
		r->unknown |= unknown;
	pthread_mutex_unlock(&r->lock);
	if (unknown)
		log_warn("%s: card cannot be used: %s", r->name, err_text(err));
	token_unref(&read.token);
	if (unknown || err == E_CAN_NEEDED || err == E_CAN_WRONG)
		return CKR_TOKEN_NOT_RECOGNIZED;
	return err == E_GONE || err == E_NO_READER ? CKR_TOKEN_NOT_PRESENT : rv_from(err);
}

uint64_t
reader_generation(struct reader *r)
{
	uint64_t gen;

	pthread_mutex_lock(&r->lock);
		gen = r->gen;
	pthread_mutex_unlock(&r->lock);
	return gen;
}

struct pinslot *
reader_slot_locked(struct reader *r, uint64_t gen, unsigned pin)
{
	return r->gen == gen && r->token ? &r->token->slot[pin] : NULL;
}

CK_RV
reader_slot_now(struct reader *r, uint64_t gen, unsigned pin, struct pinslot *out)
{
	struct pinslot *slot;

	pthread_mutex_lock(&r->lock);
		if ((slot = reader_slot_locked(r, gen, pin)))
			*out = *slot;
	pthread_mutex_unlock(&r->lock);
	return slot ? CKR_OK : CKR_DEVICE_REMOVED;
}

bool
reader_each_time(struct reader *r, uint64_t gen, unsigned pin)
{
	struct pinslot *slot;
	bool each = true;

	pthread_mutex_lock(&r->lock);
		if ((slot = reader_slot_locked(r, gen, pin)))
			each = pinslot_each_time(slot, r->world->settings);
	pthread_mutex_unlock(&r->lock);
	return each;
}

struct token *
reader_token(struct reader *r, uint64_t gen)
{
	struct token *t = NULL;

	pthread_mutex_lock(&r->lock);
		if (r->gen == gen && r->token)
			t = token_ref(r->token);
	pthread_mutex_unlock(&r->lock);
	return t;
}

void
reader_forget(struct reader *r)
{
	/* the connection is the parent's: not closed, not told */
	card_forget(&r->card);
}

bool
reader_asks_locked(const struct reader *r)
{
	return r->world->auto_login &&
	    (world_has_dialogs(r->world) || (r->token && r->token->has_pad));
}

bool
reader_asks(struct reader *r)
{
	bool asks;

	pthread_mutex_lock(&r->lock);
		asks = reader_asks_locked(r);
	pthread_mutex_unlock(&r->lock);
	return asks;
}

bool
reader_can_ask(struct reader *r)
{
	bool can;

	pthread_mutex_lock(&r->lock);
		can = world_has_dialogs(r->world) || (r->token && r->token->has_pad);
	pthread_mutex_unlock(&r->lock);
	return can;
}

void
reader_set_login(struct reader *r, uint64_t gen, unsigned pin, enum login login)
{
	struct pinslot *slot;

	pthread_mutex_lock(&r->lock);
		if ((slot = reader_slot_locked(r, gen, pin))) {
			secret_free(&slot->puk);
			slot->login = login;
			slot->lost = false;
		}
	pthread_mutex_unlock(&r->lock);
}

void
reader_regain_login(struct reader *r, uint64_t gen, unsigned pin)
{
	struct pinslot *slot;

	pthread_mutex_lock(&r->lock);
		if ((slot = reader_slot_locked(r, gen, pin)) && slot->lost) {
			slot->lost = false;
			slot->login = LOGIN_USER;
		}
	pthread_mutex_unlock(&r->lock);
}

enum login
reader_login_state(struct reader *r, uint64_t gen, unsigned pin)
{
	struct pinslot *slot;
	enum login login = LOGIN_PUBLIC;

	pthread_mutex_lock(&r->lock);
		if ((slot = reader_slot_locked(r, gen, pin)))
			login = slot->login;
	pthread_mutex_unlock(&r->lock);
	return login;
}

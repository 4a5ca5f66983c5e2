#include "token/pin.h"

#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/secret.h"
#include "token/rv.h"

enum pin_verb { PIN_VERIFY, PIN_CHANGE, PIN_UNBLOCK, PIN_FORGET };

struct pin_call {
	enum pin_verb verb;
	struct pin_ref pin;
	struct view first, second; /* PIN; old and new; PUK and new */
	int tries;
};

static int
verb_pin(struct card *card, void *arg)
{
	struct pin_call *c = arg;

	switch (c->verb) {
	case PIN_VERIFY:
		return card_pin_verify(card, &c->pin, c->first, &c->tries);
	case PIN_CHANGE:
		return card_pin_change(card, &c->pin, c->first, c->second, &c->tries);
	case PIN_UNBLOCK:
		return card_pin_unblock(card, &c->pin, c->first, c->second, &c->tries);
	default:
		return card->ops->pin_forget ? card->ops->pin_forget(card, &c->pin) : 0;
	}
}

/* Notes what an answer of the card tells of the tries left. */
static void
note_tries_locked(struct pinslot *slot, enum pin_verb verb, int err, int tries)
{
	int *count = verb == PIN_UNBLOCK ? &slot->puk_tries : &slot->tries;

	if (err == E_PIN_BLOCKED)
		*count = 0;
	else if (err == E_PIN_WRONG)
		/* without a number nothing was sent: the PIN was of a length the card cannot have */
		*count = tries >= 0 ? tries : *count;
	else if (err == 0 && verb != PIN_FORGET)
		slot->tries = slot->pin.tries_max;
}

/* One command about the slot's PIN. No lock but the session's. */
static int
pin_run(struct reader *r, unsigned pin, uint64_t gen, struct pin_call *c)
{
	int err = 0;

	pthread_mutex_lock(&r->lock);
		if (r->gen != gen || !r->token)
			err = E_GONE;
		else
			c->pin = r->token->slot[pin].pin;
	pthread_mutex_unlock(&r->lock);
	if (err)
		return err;
	c->tries = -1;
	err = reader_run(r, gen, verb_pin, c);
	pthread_mutex_lock(&r->lock);
		if (r->gen == gen && r->token)
			note_tries_locked(&r->token->slot[pin], c->verb, err, c->tries);
	pthread_mutex_unlock(&r->lock);
	if (err)
		log_info("%s: %s", r->name, err_text(err));
	return err;
}

static void
set_login(struct reader *r, unsigned pin, uint64_t gen, enum login login, struct secret *puk)
{
	struct secret *old = puk;

	pthread_mutex_lock(&r->lock);
		if (r->gen == gen && r->token) {
			old = r->token->slot[pin].puk;
			r->token->slot[pin].puk = puk;
			r->token->slot[pin].login = login;
		}
	pthread_mutex_unlock(&r->lock);
	secret_free(&old);
}

void
pin_lost(struct reader *r, uint64_t gen)
{
	bool was = false;

	for (unsigned i = 0; i < PINS_PER_READER; i++) {
		if (reader_login_state(r, gen, i) != LOGIN_USER)
			continue;
		set_login(r, i, gen, LOGIN_PUBLIC, NULL);
		reader_hide_private(r, i);
		was = true;
	}
	if (was)
		log_info("%s: the card forgot the PIN (reset or logged out by another program)", r->name);
}

static bool
has_read_only_session(struct session *s)
{
	CK_ULONG all, rw;

	session_count(s->world, s->r, s->pin, &all, &rw);
	return rw < all;
}

static CK_RV
login_user(struct session *s, struct view pin)
{
	struct pin_call c = { .verb = PIN_VERIFY, .first = pin };
	int err;

	if ((err = pin_run(s->r, s->pin, s->gen, &c)))
		return rv_from_pin(err);
	set_login(s->r, s->pin, s->gen, LOGIN_USER, NULL);
	return CKR_OK;
}

/* A PUK can only be tried by unblocking with it, so C_Login keeps it and C_InitPIN uses it. */
static CK_RV
login_so(struct session *s, struct view puk)
{
	struct secret *cell;

	if (!(cell = secret_new(puk.p, puk.len)))
		return puk.len > SECRET_MAX ? CKR_PIN_INCORRECT : CKR_HOST_MEMORY;
	set_login(s->r, s->pin, s->gen, LOGIN_SO, cell);
	return CKR_OK;
}

/* A context-specific login belongs to a key that wants its PIN each time, in the middle of an
 * operation with it. */
static CK_RV
login_context(struct session *s, struct view pin)
{
	static const enum op_kind kinds[] = { OP_SIGN, OP_SIGN_RECOVER, OP_DECRYPT };
	CK_RV rv;

	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		if (!op_active(s, kinds[i]) || !s->op[kinds[i]].key->at.user_consent)
			continue;
		rv = login_user(s, pin);
		if (rv == CKR_PIN_LOCKED)
			pin_logout_slot(s->r, s->pin, s->gen);
		return rv;
	}
	return CKR_OPERATION_NOT_INITIALIZED;
}

CK_RV
pin_login(struct session *s, CK_USER_TYPE user, struct view pin)
{
	enum login now, asked = user == CKU_SO ? LOGIN_SO : LOGIN_USER;
	bool has_pin = false, can_unblock = false, initialized = false;

	if (user != CKU_SO && user != CKU_USER && user != CKU_CONTEXT_SPECIFIC)
		return CKR_USER_TYPE_INVALID;
	pthread_mutex_lock(&s->r->lock);
		if (s->r->gen == s->gen && s->r->token) {
			has_pin = s->r->token->slot[s->pin].has_pin;
			can_unblock = s->r->token->slot[s->pin].can_unblock;
			initialized = s->r->token->slot[s->pin].initialized;
		}
	pthread_mutex_unlock(&s->r->lock);
	if (user == CKU_CONTEXT_SPECIFIC && !pin.p)
		return CKR_ARGUMENTS_BAD;
	if (user == CKU_CONTEXT_SPECIFIC)
		return login_context(s, pin);
	now = reader_login_state(s->r, s->gen, s->pin);
	if (now == asked)
		return CKR_USER_ALREADY_LOGGED_IN;
	if (now != LOGIN_PUBLIC)
		return CKR_USER_ANOTHER_ALREADY_LOGGED_IN;
	if (user == CKU_SO && has_read_only_session(s))
		return CKR_SESSION_READ_ONLY_EXISTS;
	if (!pin.p)
		return CKR_ARGUMENTS_BAD;
	/* DESIGN 18.3: an empty PIN never reaches a card (CVE-2023-40660 was that) */
	if (!pin.len)
		return CKR_PIN_INCORRECT;
	if (!has_pin || (user == CKU_USER && !initialized))
		return CKR_USER_PIN_NOT_INITIALIZED;
	if (user == CKU_SO && !can_unblock)
		return CKR_FUNCTION_NOT_SUPPORTED;
	return user == CKU_SO ? login_so(s, pin) : login_user(s, pin);
}

void
pin_logout_slot(struct reader *r, unsigned pin, uint64_t gen)
{
	struct pin_call c = { .verb = PIN_FORGET };
	enum login was = reader_login_state(r, gen, pin);

	if (was == LOGIN_PUBLIC)
		return;
	set_login(r, pin, gen, LOGIN_PUBLIC, NULL);
	reader_hide_private(r, pin);
	if (was == LOGIN_USER)
		pin_run(r, pin, gen, &c);
}

CK_RV
pin_logout(struct session *s)
{
	if (reader_login_state(s->r, s->gen, s->pin) == LOGIN_PUBLIC)
		return CKR_USER_NOT_LOGGED_IN;
	pin_logout_slot(s->r, s->pin, s->gen);
	return CKR_OK;
}

CK_RV
pin_set(struct session *s, struct view old, struct view new)
{
	struct pin_call c = { .verb = PIN_CHANGE, .first = old, .second = new };
	enum login now = reader_login_state(s->r, s->gen, s->pin);
	bool can = false;
	int err;

	if (!(s->flags & CKF_RW_SESSION))
		return CKR_SESSION_READ_ONLY;
	pthread_mutex_lock(&s->r->lock);
		if (s->r->gen == s->gen && s->r->token)
			can = s->r->token->slot[s->pin].has_pin && s->r->token->slot[s->pin].can_change;
	pthread_mutex_unlock(&s->r->lock);
	/* in the SO state this would change the PUK, which the cards at hand cannot */
	if (!can || now == LOGIN_SO)
		return CKR_FUNCTION_NOT_SUPPORTED;
	if (!old.p || !new.p)
		return CKR_ARGUMENTS_BAD;
	if (!old.len)
		return CKR_PIN_INCORRECT;
	if ((err = pin_run(s->r, s->pin, s->gen, &c)))
		return rv_from_pin(err);
	/* a change leaves the PIN unverified on some cards and verified on others: whoever was
	 * logged in stays so, by the new PIN */
	if (now == LOGIN_USER) {
		c = (struct pin_call){ .verb = PIN_VERIFY, .first = new };
		if (pin_run(s->r, s->pin, s->gen, &c))
			pin_lost(s->r, s->gen);
	}
	return CKR_OK;
}

CK_RV
pin_init(struct session *s, struct view new)
{
	struct pin_call c = { .verb = PIN_UNBLOCK, .second = new };
	struct secret *puk = NULL;
	int err;

	if (reader_login_state(s->r, s->gen, s->pin) != LOGIN_SO)
		return CKR_USER_NOT_LOGGED_IN;
	if (!new.p)
		return CKR_ARGUMENTS_BAD;
	pthread_mutex_lock(&s->r->lock);
		if (s->r->gen == s->gen && s->r->token && s->r->token->slot[s->pin].puk)
			puk = secret_new(s->r->token->slot[s->pin].puk->p, s->r->token->slot[s->pin].puk->len);
	pthread_mutex_unlock(&s->r->lock);
	if (!puk)
		return CKR_USER_NOT_LOGGED_IN;
	c.first = secret_view(puk);
	err = pin_run(s->r, s->pin, s->gen, &c);
	secret_free(&puk);
	/* a wrong PUK must not be tried again by the next C_InitPIN */
	if (err == E_PIN_WRONG || err == E_PIN_BLOCKED)
		set_login(s->r, s->pin, s->gen, LOGIN_PUBLIC, NULL);
	return rv_from_pin(err);
}

CK_RV
pin_ready(struct session *s, const struct object *key)
{
	if (!key->at.is || reader_login_state(s->r, s->gen, s->pin) == LOGIN_USER)
		return CKR_OK;
	return CKR_USER_NOT_LOGGED_IN;
}

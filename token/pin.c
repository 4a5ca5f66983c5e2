#include "token/pin.h"

#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/secret.h"
#include "token/rv.h"

enum pin_verb { PIN_LOGIN, PIN_VERIFY, PIN_CHANGE, PIN_UNBLOCK, PIN_LOGOUT };

struct pin_call {
	enum pin_verb verb;
	struct reader *r;
	unsigned slot;
	uint64_t gen;
	struct pin_ref pin;
	struct view first, second; /* PIN; old and new; PUK and new */
	int tries;
	bool done;                 /* PIN_LOGOUT: nobody is logged in any more */
	enum login seen;           /* PIN_LOGIN that ends with E_EXISTS: who was */
};

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

/* The card is ours alone here, so who is logged in can be asked and told without a race: of two
 * threads that log in at once the second must not spend a try, nor undo what the first has done. */
static int
verb_login(struct card *card, struct pin_call *c)
{
	int err;

	if ((c->seen = reader_login_state(c->r, c->gen, c->slot)) != LOGIN_PUBLIC)
		return E_EXISTS;
	if (!(err = card_pin_verify(card, &c->pin, c->first, &c->tries)))
		set_login(c->r, c->slot, c->gen, LOGIN_USER, NULL);
	return err;
}

static int
verb_logout(struct card *card, struct pin_call *c)
{
	set_login(c->r, c->slot, c->gen, LOGIN_PUBLIC, NULL);
	c->done = true;
	return card->ops->pin_forget ? card->ops->pin_forget(card, &c->pin) : 0;
}

static int
verb_pin(struct card *card, void *arg)
{
	struct pin_call *c = arg;

	switch (c->verb) {
	case PIN_LOGIN:
		return verb_login(card, c);
	case PIN_VERIFY:
		return card_pin_verify(card, &c->pin, c->first, &c->tries);
	case PIN_CHANGE:
		return card_pin_change(card, &c->pin, c->first, c->second, &c->tries);
	case PIN_UNBLOCK:
		return card_pin_unblock(card, &c->pin, c->first, c->second, &c->tries);
	default:
		return verb_logout(card, c);
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
		/* without a number nothing was sent: no PIN of the card has that length */
		*count = tries >= 0 ? tries : *count;
	else if (err == 0 && verb != PIN_LOGOUT)
		slot->tries = slot->pin.tries_max > 0 ? slot->pin.tries_max : -1;
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
	c->r = r;
	c->slot = pin;
	c->gen = gen;
	c->tries = -1;
	err = reader_run(r, gen, verb_pin, c);
	pthread_mutex_lock(&r->lock);
		if (r->gen == gen && r->token)
			note_tries_locked(&r->token->slot[pin], c->verb, err, c->tries);
	pthread_mutex_unlock(&r->lock);
	if (err && err != E_EXISTS)
		log_info("%s: %s", r->name, err_text(err));
	return err;
}

bool
pin_is_open(struct reader *r, uint64_t gen, struct card *card)
{
	struct pin_state state;
	struct pin_ref pin;
	bool user;

	for (unsigned i = 0; i < PINS_PER_READER; i++) {
		pthread_mutex_lock(&r->lock);
			user = r->gen == gen && r->token && r->token->slot[i].login == LOGIN_USER;
			if (user)
				pin = r->token->slot[i].pin;
		pthread_mutex_unlock(&r->lock);
		if (user && card->ops->pin_info && !card->ops->pin_info(card, &pin, &state) &&
		    state.verified == 1)
			return true;
	}
	return false;
}

void
pin_lost(struct reader *r, uint64_t gen)
{
	bool was = false;

	for (unsigned i = 0; i < PINS_PER_READER; i++) {
		if (reader_login_state(r, gen, i) != LOGIN_USER)
			continue;
		/* not a logout: handles of private keys stay true, and serve again after the next login */
		set_login(r, i, gen, LOGIN_PUBLIC, NULL);
		was = true;
	}
	if (was)
		log_info("%s: the card forgot the PIN (reset or logged out by another program)",
		    r->name);
}

static bool
has_read_only_session(struct session *s)
{
	CK_ULONG all, rw;

	session_count(s->world, s->r, s->pin, &all, &rw);
	return rw < all;
}

/* What C_Login says when somebody is logged in. */
static CK_RV
taken(enum login now, enum login asked)
{
	return now == asked ? CKR_USER_ALREADY_LOGGED_IN : CKR_USER_ANOTHER_ALREADY_LOGGED_IN;
}

static CK_RV
login_user(struct session *s, struct view pin)
{
	struct pin_call c = { .verb = PIN_LOGIN, .first = pin };
	int err = pin_run(s->r, s->pin, s->gen, &c);

	if (err == E_EXISTS)
		return taken(c.seen, LOGIN_USER); /* by now that one may have left */
	return rv_from_pin(err);
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
	struct pin_call c = { .verb = PIN_VERIFY, .first = pin };
	CK_RV rv;

	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		if (!op_active(s, kinds[i]) || !s->op[kinds[i]].key->at.user_consent)
			continue;
		rv = rv_from_pin(pin_run(s->r, s->pin, s->gen, &c));
		if (rv == CKR_PIN_LOCKED)
			pin_logout_slot(s->r, s->pin, s->gen);
		return rv;
	}
	return CKR_OPERATION_NOT_INITIALIZED;
}

/* The slot as it is now; its pointers are not to be used. CKR_DEVICE_REMOVED. */
static CK_RV
slot_now(struct session *s, struct pinslot *out)
{
	CK_RV rv = CKR_DEVICE_REMOVED;

	pthread_mutex_lock(&s->r->lock);
		if (s->r->gen == s->gen && s->r->token) {
			*out = s->r->token->slot[s->pin];
			rv = CKR_OK;
		}
	pthread_mutex_unlock(&s->r->lock);
	return rv;
}

CK_RV
pin_login(struct session *s, CK_USER_TYPE user, struct view pin)
{
	enum login asked = user == CKU_SO ? LOGIN_SO : LOGIN_USER;
	struct pinslot slot;
	CK_RV rv;

	if (user != CKU_SO && user != CKU_USER && user != CKU_CONTEXT_SPECIFIC)
		return CKR_USER_TYPE_INVALID;
	if ((rv = slot_now(s, &slot)))
		return rv;
	if (user == CKU_CONTEXT_SPECIFIC && !pin.p)
		return CKR_ARGUMENTS_BAD;
	if (user == CKU_CONTEXT_SPECIFIC)
		return login_context(s, pin);
	if (slot.login != LOGIN_PUBLIC)
		return taken(slot.login, asked);
	if (user == CKU_SO && has_read_only_session(s))
		return CKR_SESSION_READ_ONLY_EXISTS;
	if (!pin.p)
		return CKR_ARGUMENTS_BAD;
	/* DESIGN 18.3: an empty PIN never reaches a card (CVE-2023-40660 was that) */
	if (!pin.len)
		return CKR_PIN_INCORRECT;
	if (!slot.has_pin || (user == CKU_USER && !slot.initialized))
		return CKR_USER_PIN_NOT_INITIALIZED;
	if (user == CKU_SO && !slot.can_unblock)
		return CKR_FUNCTION_NOT_SUPPORTED;
	return user == CKU_SO ? login_so(s, pin) : login_user(s, pin);
}

void
pin_logout_slot(struct reader *r, unsigned pin, uint64_t gen)
{
	struct pin_call c = { .verb = PIN_LOGOUT };
	enum login was = reader_login_state(r, gen, pin);

	if (was == LOGIN_PUBLIC)
		return;
	if (was == LOGIN_USER)
		pin_run(r, pin, gen, &c);
	if (!c.done) /* a card that cannot be asked is logged out of all the same */
		set_login(r, pin, gen, LOGIN_PUBLIC, NULL);
	reader_hide_private(r, pin);
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
	struct pinslot slot;
	CK_RV rv;
	int err;

	if (!(s->flags & CKF_RW_SESSION))
		return CKR_SESSION_READ_ONLY;
	if ((rv = slot_now(s, &slot)))
		return rv;
	/* in the SO state this would change the PUK, which the cards at hand cannot */
	if (!slot.has_pin || !slot.can_change || slot.login == LOGIN_SO)
		return CKR_FUNCTION_NOT_SUPPORTED;
	if (!old.p || !new.p)
		return CKR_ARGUMENTS_BAD;
	if (!old.len)
		return CKR_PIN_INCORRECT;
	if ((err = pin_run(s->r, s->pin, s->gen, &c)))
		return rv_from_pin(err);
	/* a change leaves the PIN unverified on some cards and verified on others: whoever was
	 * logged in stays so, by the new PIN */
	if (slot.login == LOGIN_USER) {
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
			puk = secret_new(s->r->token->slot[s->pin].puk->p,
			    s->r->token->slot[s->pin].puk->len);
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

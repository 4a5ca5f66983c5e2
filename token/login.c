#include "token/login.h"

#include "base/err.h"
#include "base/secret.h"
#include "token/dialog.h"
#include "token/pinclass.h"
#include "token/rv.h"
#include "token/unlock.h"

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
	enum login who;
	CK_RV rv;
	int err;

	/* what a PIN may do is known before it is entered */
	if ((rv = pinclass_find(s)))
		return rv;
	if ((err = unlock_login(s, pin, false, &who)) == E_EXISTS)
		return taken(who, LOGIN_USER);
	return rv_from_asked(err, pin);
}

/* A PUK can only be tried by unblocking with it, so C_Login keeps it and C_InitPIN uses it. */
static CK_RV
login_so(struct session *s, struct view puk)
{
	struct secret *cell = NULL;
	struct pinslot *slot;
	int err;

	if (!puk.p) {
		if ((err = dialog_ask_alone(s, ASK_PUK, NULL, &cell)))
			return rv_from_asked(err, puk);
	} else if (!(cell = secret_new(puk.p, puk.len))) {
		return puk.len > SECRET_MAX ? CKR_PIN_INCORRECT : CKR_HOST_MEMORY;
	}
	if (!cell->len) {
		secret_free(&cell);
		return CKR_PIN_INCORRECT;
	}
	pthread_mutex_lock(&s->r->lock);
		if ((slot = reader_slot_locked(s->r, s->gen, s->pin)) &&
		    slot->login == LOGIN_PUBLIC) {
			secret_free(&slot->puk);
			slot->puk = cell;
			slot->login = LOGIN_SO;
			cell = NULL;
		}
	pthread_mutex_unlock(&s->r->lock);
	if (!cell)
		return CKR_OK;
	secret_free(&cell);
	return session_is_over(s) ? CKR_DEVICE_REMOVED :
	    taken(reader_login_state(s->r, s->gen, s->pin), LOGIN_SO);
}

/* Whether an operation with a key that wants its PIN each time is going on. */
static bool
wants_context(struct session *s)
{
	static const enum op_kind kinds[] = { OP_SIGN, OP_SIGN_RECOVER, OP_DECRYPT };

	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		if (op_active(s, kinds[i]) && attrs_get_bool(object_attrs(s->op[kinds[i]].key),
		    CKA_ALWAYS_AUTHENTICATE, false))
			return true;
	return false;
}

static CK_RV
login_context(struct session *s, struct view pin)
{
	enum login who;
	CK_RV rv;

	if (!wants_context(s))
		return CKR_OPERATION_NOT_INITIALIZED;
	rv = rv_from_asked(unlock_login(s, pin, true, &who), pin);
	if (rv == CKR_PIN_LOCKED)
		login_drop(s->r, s->pin, s->gen);
	return rv;
}

CK_RV
login_begin(struct session *s, CK_USER_TYPE user, struct view pin)
{
	enum login asked = user == CKU_SO ? LOGIN_SO : LOGIN_USER;
	struct pinslot slot;
	CK_RV rv;

	if (user != CKU_SO && user != CKU_USER && user != CKU_CONTEXT_SPECIFIC)
		return CKR_USER_TYPE_INVALID;
	if ((rv = reader_slot_now(s->r, s->gen, s->pin, &slot)))
		return rv;
	if (user != CKU_CONTEXT_SPECIFIC && slot.login != LOGIN_PUBLIC)
		return taken(slot.login, asked);
	if (user == CKU_SO && has_read_only_session(s))
		return CKR_SESSION_READ_ONLY_EXISTS;
	if (!pin.p && !reader_can_ask(s->r))
		return CKR_ARGUMENTS_BAD;
	/* DESIGN 18.3: an empty PIN never reaches a card (CVE-2023-40660 was that) */
	if (pin.p && !pin.len)
		return CKR_PIN_INCORRECT;
	if (user == CKU_CONTEXT_SPECIFIC)
		return login_context(s, pin);
	if (!slot.has_pin || (user == CKU_USER && !slot.initialized))
		return CKR_USER_PIN_NOT_INITIALIZED;
	if (user == CKU_SO && !slot.can_unblock)
		return CKR_FUNCTION_NOT_SUPPORTED;
	return user == CKU_SO ? login_so(s, pin) : login_user(s, pin);
}

void
login_drop(struct reader *r, unsigned pin, uint64_t gen)
{
	enum login was = reader_login_state(r, gen, pin);

	/* nobody is logged in any more before the card is asked, and also when it cannot be */
	reader_set_login(r, gen, pin, LOGIN_PUBLIC);
	unlock_forget(r, pin, gen);
	if (was != LOGIN_PUBLIC)
		reader_hide_private(r, pin);
}

/* The slot's last session was closed: that ends a login (PKCS#11 v2.40 5.6, C_CloseSession), but not what
 * a person was asked for without one: programs open a session for every signature. */
static void
sessions_ended(struct reader *r, unsigned pin, uint64_t gen)
{
	if (reader_login_state(r, gen, pin) != LOGIN_PUBLIC)
		login_drop(r, pin, gen);
	else
		reader_set_login(r, gen, pin, LOGIN_PUBLIC); /* nor is a lost one to come back */
}

void
login_close_session(struct session *s)
{
	CK_ULONG left, rw;

	session_close(s);
	session_count(s->world, s->r, s->pin, &left, &rw);
	if (!left)
		sessions_ended(s->r, s->pin, s->gen);
}

void
login_close_sessions(struct reader *r, unsigned pin)
{
	session_close_all(r->world, r, pin);
	sessions_ended(r, pin, reader_generation(r));
}

void
login_close_world(struct world *w)
{
	struct reader *r;

	/* cards forget what we verified: a PIN must not outlive the program that gave it */
	for (size_t i = 0; (r = world_reader(w, i)); i++) {
		for (unsigned pin = 0; pin < PINS_PER_READER; pin++) {
			session_close_all(w, r, pin);
			login_drop(r, pin, reader_generation(r));
		}
	}
}

CK_RV
login_end(struct session *s)
{
	enum login was = reader_login_state(s->r, s->gen, s->pin);

	/* also what a dialog has opened without a login */
	login_drop(s->r, s->pin, s->gen);
	return was == LOGIN_PUBLIC ? CKR_USER_NOT_LOGGED_IN : CKR_OK;
}

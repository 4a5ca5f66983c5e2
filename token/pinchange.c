#include "token/pinchange.h"

#include "base/err.h"
#include "base/log.h"
#include "base/os.h"
#include "base/secret.h"
#include "token/activate.h"
#include "token/dialog.h"
#include "token/dialog_text.h"
#include "token/expiry_card.h"
#include "token/login.h"
#include "token/pinclass.h"
#include "token/pinrule.h"
#include "token/rv.h"
#include "token/unlock.h"

#define ASK_MAX 10 /* dialogs in a row about one PIN */

/* A PIN that is changed or unblocked. */
struct change {
	struct session *s;
	struct pin_ref ref;
	struct pinrule rule;
	bool unblock;           /* first is the PUK; else the old PIN */
	bool pad;               /* the PINs are typed on the reader */
	bool stays_open;        /* somebody is logged in with a PIN that may stay open */
	bool ages;              /* its age and the old PINs are kept on the card */
	struct view first, second;
	int tries;
	uint64_t epoch;         /* once it is done */
};

/* Where old PINs are remembered: whether the new one is none of them. Only the old one opens that
 * memory, so it is entered first, which is its one try: CHANGE REFERENCE DATA cannot refuse it
 * afterwards. Nothing is changed by an error, nor left open that was not. */
static int
prove_old(struct card *card, struct change *c)
{
	struct pin_state state = PIN_STATE_UNKNOWN;
	int err;

	if (card->ops->pin_info && card->ops->pin_info(card, &c->ref, &state))
		state.verified = -1;
	if (!(err = card_pin_verify(card, &c->ref, c->first, &c->tries)) &&
	    !(err = expiry_verified(c->s, card)))
		err = expiry_may_become(c->s, card, c->first, c->second);
	/* a wrong one has opened nothing; one whose answer got lost may have */
	if (err && err != E_PIN_WRONG && err != E_PIN_BLOCKED && err != E_PIN_UNFIT &&
	    state.verified != 1)
		reader_close_pin(c->s->r, card, &c->ref);
	return err;
}

/* Puts the card into the state that was wanted. It leaves the PIN closed on some cards and open on
 * others (seed 2.2): open it shall be for whoever was logged in, and else closed. */
static void
settle(struct card *card, struct change *c)
{
	bool close = !c->stays_open || c->pad;
	int err, tries;

	if (c->pad && c->ages) {
		expiry_renew_later(c->s);
	} else if (!close || c->ages) {
		if ((err = card_pin_verify(card, &c->ref, c->second, &tries))) {
			log_warn("the new PIN does not open the card: %s", err_text(err));
			c->stays_open = false;
			if (c->ages)
				expiry_renew_later(c->s);
		} else if (c->ages) {
			expiry_renew(c->s, card, c->unblock ? view_of(NULL, 0) : c->first);
		}
	}
	if (close) {
		reader_close_pin(c->s->r, card, &c->ref);
		c->stays_open = false;
	}
}

static int
verb_change(struct card *card, void *arg)
{
	struct change *c = arg;
	int err;

	c->tries = -1;
	if (!c->pad && (err = activate_check(c->s, card, c->unblock ? ACTIVATION_UNBLOCK : ACTIVATION_CHANGE,
	    c->first)))
		return err;
	if (!c->pad && !c->unblock && view_eq(c->first, c->second) && activate_needed(c->s) == ACTIVATION_CHANGE)
		return E_PIN_USED; /* it would still be the code */
	if (c->ages && !c->pad && !c->unblock && (err = prove_old(card, c)))
		return err;
	err = c->pad ? card_pin_change_pad(card, &c->ref, turn_seconds(c->s->world), dialog_lang_id(c->s),
	    &c->tries) : c->unblock ? card_pin_unblock(card, &c->ref, c->first, c->second, &c->tries) :
	    card_pin_change(card, &c->ref, c->first, c->second, &c->tries);
	/* A PIN kept by another program of this user is the old one now, or may be when the answer got
	 * lost; told before it can be sent. */
	if (!err || err_is_uncertain(err)) {
		shared_bump(&c->s->world->shared);
		c->epoch = shared_epoch(&c->s->world->shared);
	}
	if (!err)
		settle(card, c);
	else if ((err_is_uncertain(err) || (c->ages && !c->pad && !c->unblock)) &&
	    (!c->stays_open || c->pad))
		reader_close_pin(c->s->r, card, &c->ref);
	return err;
}

/* What a change means for who is logged in and for what is kept. */
static void
note_change(struct change *c, int err)
{
	struct session *s = c->s;
	struct pinslot *slot;
	struct secret *kept = NULL;

	if (!err && c->stays_open)
		kept = secret_new(c->second.p, c->second.len);
	pthread_mutex_lock(&s->r->lock);
		if ((slot = reader_slot_locked(s->r, s->gen, s->pin))) {
			if (c->unblock && err == E_PIN_BLOCKED)
				slot->puk_tries = 0;
			else if (c->unblock && err == E_PIN_WRONG)
				slot->puk_tries = c->tries;
			else
				/* one that was used before came with the right old one */
				pinslot_answered_locked(slot, err == E_PIN_USED ? 0 : err, c->tries);
			if (!err || err == E_PIN_WRONG || err == E_PIN_BLOCKED || err_is_uncertain(err)) {
				pincache_wipe(&slot->cache);
				once_wipe(&slot->once);
				once_wipe(&s->once);
			}
			if (c->unblock && (err == E_PIN_WRONG || err == E_PIN_BLOCKED))
				slot->begun = true;
			if (!err) {
				slot->fresh = false;
				if (c->unblock && slot->puk_max > 0)
					slot->puk_tries = slot->puk_max;
				slot->opened = c->stays_open;
				if (slot->login == LOGIN_USER && !c->stays_open &&
				    !pinslot_each_time(slot, s->world->settings))
					slot->login = LOGIN_PUBLIC;
			}
			if (kept && s->world->keeps_pin1 && !slot->is_pin2)
				pincache_put(&slot->cache, kept, slot->tries, c->epoch, os_clock_ms());
		}
	pthread_mutex_unlock(&s->r->lock);
	secret_free(&kept);
	reader_tell_pins(s->r, s->gen);
}

static int
run_change(struct change *c)
{
	int err = reader_run(c->s->r, c->s->gen, verb_change, c);

	note_change(c, err);
	if (err)
		log_info("%s: %s", c->s->r->name, err_text(err));
	return err;
}

/* Fills in what the slot says. CKR_DEVICE_REMOVED. */
static CK_RV
change_begin(struct session *s, struct pinslot *slot, struct change *c)
{
	CK_RV rv;

	if ((rv = reader_slot_now(s->r, s->gen, s->pin, slot)))
		return rv;
	*c = (struct change){ .s = s, .ref = slot->pin, .ages = expiry_is_on(s) };
	pinrule_of(s->world->settings, &c->ref, &c->rule);
	return CKR_OK;
}

/* A new PIN that the rules allow, of a person. *cell: the caller's, and what it held is freed. */
static CK_RV
take_new(struct change *c, const char *wrong, struct secret **cell)
{
	enum pin_fault fault = PIN_FINE;
	int err;

	for (int n = 0; n < ASK_MAX; n++) {
		secret_free(cell);
		err = dialog_ask_alone(c->s, ASK_NEW, fault ? pinrule_text(fault) : wrong, cell);
		if (err && err != E_PIN_LEN)
			return rv_from_asked(err, view_of(NULL, 0));
		fault = err ? PIN_LONG : pinrule_check(&c->rule, secret_view(*cell));
		if (!fault)
			break;
	}
	c->second = secret_view(*cell);
	return pinrule_rv(fault);
}

/* Old and new PIN are typed on the reader, where no rule but the card's lengths can be held against
 * the new one. */
static int
change_on_pad(struct change *c)
{
	struct session *s = c->s;
	int err;

	c->pad = true;
	do {
		err = dialog_away(s, verb_change, c);
		note_change(c, err);
	} while (err == E_PIN_WRONG && c->tries > 1);
	c->pad = false;
	return err;
}

/* Both PINs, and the change. A person is asked again for what was wrong: for the old one unless there
 * is one try left, for the new one when it was used before. */
static CK_RV
change_by_both(struct change *c, struct view old, struct view new)
{
	struct secret *new_cell = NULL, *old_cell = NULL;
	const char *wrong_old = NULL, *wrong_new = NULL;
	bool again = true;
	CK_RV rv = new.p ? pinrule_rv(pinrule_check(&c->rule, new)) : CKR_OK;
	int err = 0;

	c->first = old;
	c->second = new;
	for (int n = 0; n < ASK_MAX && !rv && again; n++) {
		if (!c->first.p) {
			err = dialog_ask_alone(c->s, ASK_OLD, wrong_old, &old_cell);
			wrong_old = dialog_texts[DIALOG_LENGTH];
			c->first = secret_view(old_cell);
			if ((again = err == E_PIN_LEN) || err)
				continue;
		}
		if (!c->second.p && (rv = take_new(c, wrong_new, &new_cell)))
			break;
		err = run_change(c);
		again = false;
		if (err == E_PIN_USED && !new.p) {
			wrong_new = dialog_texts[DIALOG_USED];
			c->second = view_of(NULL, 0);
			again = true;
		} else if (!old.p && (err == E_PIN_UNFIT || (err == E_PIN_WRONG && c->tries > 1))) {
			if (err == E_PIN_WRONG)
				wrong_old = dialog_texts[DIALOG_WRONG];
			secret_free(&old_cell);
			c->first = view_of(NULL, 0);
			again = true;
		}
	}
	secret_free(&new_cell);
	secret_free(&old_cell);
	return rv ? rv : rv_from_asked(err, old);
}

static bool
slot_has_pad(struct session *s)
{
	struct token *t = reader_token(s->r, s->gen);
	bool has = t && t->has_pad;

	token_unref(&t);
	return has;
}

/* A reader's keys know no rule but the card's own lengths: where there are others, and a dialog that can
 * hold to them, it is asked for instead. */
static bool
wants_dialog(const struct change *c, const struct pinslot *slot)
{
	return world_has_dialogs(c->s->world) &&
	    (c->rule.min > slot->pin.min || c->rule.complexity);
}

CK_RV
pinchange_set(struct session *s, struct view old, struct view new)
{
	struct pinslot slot;
	struct change c;
	CK_RV rv;
	int err;

	if (!(s->flags & CKF_RW_SESSION))
		return CKR_SESSION_READ_ONLY;
	if ((rv = pinclass_find(s)) || (rv = change_begin(s, &slot, &c)))
		return rv;
	/* in the SO state this would change the PUK, which the cards at hand cannot */
	if (!slot.has_pin || !slot.can_change || slot.login == LOGIN_SO)
		return CKR_FUNCTION_NOT_SUPPORTED;
	if ((!old.p || !new.p) && !reader_can_ask(s->r))
		return CKR_ARGUMENTS_BAD;
	if (old.p && !old.len)
		return CKR_PIN_INCORRECT;
	c.stays_open = slot.login == LOGIN_USER && !pinslot_each_time(&slot, s->world->settings);
	if (!old.p && !new.p && slot_has_pad(s) && !wants_dialog(&c, &slot) &&
	    ((err = change_on_pad(&c)) != E_UNSUPPORTED || !world_has_dialogs(s->world)))
		return rv_from_asked(err, old);
	return change_by_both(&c, old, new);
}

CK_RV
pinchange_init(struct session *s, struct view new)
{
	struct pinslot slot, *now;
	struct change c;
	struct secret *puk = NULL, *typed = NULL;
	CK_RV rv;
	int err;

	if (reader_login_state(s->r, s->gen, s->pin) != LOGIN_SO)
		return CKR_USER_NOT_LOGGED_IN;
	if (!new.p && !reader_can_ask(s->r))
		return CKR_ARGUMENTS_BAD;
	if ((rv = change_begin(s, &slot, &c)))
		goto out;
	c.second = new;
	rv = new.p ? pinrule_rv(pinrule_check(&c.rule, new)) : take_new(&c, NULL, &typed);
	if (rv)
		goto out;
	pthread_mutex_lock(&s->r->lock);
		if ((now = reader_slot_locked(s->r, s->gen, s->pin)) && now->puk)
			puk = secret_new(now->puk->p, now->puk->len);
	pthread_mutex_unlock(&s->r->lock);
	if (!puk) {
		rv = CKR_USER_NOT_LOGGED_IN;
		goto out;
	}
	c.unblock = true;
	c.first = secret_view(puk);
	err = run_change(&c);
	/* a wrong PUK must not be tried again by the next C_InitPIN */
	if (err == E_PIN_WRONG || err == E_PIN_BLOCKED)
		login_drop(s->r, s->pin, s->gen);
	rv = rv_from_pin(err);
out:
	secret_free(&puk);
	secret_free(&typed);
	return rv;
}

/* Opening a slot's PIN for a verb: by what was typed for this one use, by the card's own open state,
 * by the PIN1 that is kept, or by asking the person. Rules: DESIGN 18, 6.
 *
 * PIN2, and any PIN with dropAuthentication=1, is entered, used and forgotten by the card in one
 * transaction. PIN1 stays open on the card until a logout. */
#ifndef CASTOR_TOKEN_UNLOCK_H
#define CASTOR_TOKEN_UNLOCK_H

#include "base/secret.h"
#include "token/session.h"

enum unlock_flags {
	/* The verb changes the card step by step, so it must not find out by a refusal that the PIN is
	 * closed: the card is asked before. */
	UNLOCK_PROBE = 1,
	/* Nobody is asked: the caller holds more than the session's lock, and has called unlock_ready. */
	UNLOCK_QUIET = 2,
	/* The verb uses a private key, which a PIN that is too old does not allow. */
	UNLOCK_KEY = 4
};

/* Runs a verb with the slot's PIN open. 0; E_PIN_NEEDED: nobody is logged in and nobody can be asked
 * (the login is over then, should there have been one); E_PIN_WRONG, E_PIN_BLOCKED of what a person
 * typed; E_PIN_EXPIRED with UNLOCK_KEY; E_CANCEL, E_CLOSED, E_GONE; else the verb's own E_*. Lock: the
 * session's, let go of while a person is asked; with UNLOCK_QUIET it is held throughout. */
int unlock_run(struct session *s, unsigned flags, card_verb verb, void *arg);
/* Asks now, where a following unlock_run with UNLOCK_QUIET would have to. The same errors. */
int unlock_ready(struct session *s);

/* Verifies a PIN that a program gave, or, with p NULL, a person types. The card has accepted it in this
 * call, or it is no 0: an open card is no login. `context`: it is for the operation going on in this
 * session alone; else the session's user is logged in. E_EXISTS: somebody is already (*who);
 * E_PIN_WRONG, E_PIN_BLOCKED, E_PIN_UNFIT, E_UNSUPPORTED (no dialogs here), E_CANCEL, E_CLOSED, E_GONE, E_MEM.
 * Lock: as unlock_run. */
int unlock_login(struct session *s, struct view pin, bool context, enum login *who);

/* Makes sure an object's body was read: private data under the slot's PIN. CKR_OK also when it cannot
 * be read. Lock: as unlock_run. */
CK_RV unlock_fill(struct session *s, struct object *o);

/* Makes the card forget the slot's PIN, where it was we who opened it, and us what was typed. */
void unlock_forget(struct reader *r, unsigned pin, uint64_t gen);

#endif

/* Making the PINs of a new card its owner's (mapping/activation.h): what is yet to be done, and doing it
 * with a person at a dialog. The code is asked for once, then a new PIN for each that is not theirs yet;
 * only then the card is told, PIN1 first. What fails in between leaves the rest for the next use.
 * Rules: DESIGN 18. */
#ifndef CASTOR_TOKEN_ACTIVATE_H
#define CASTOR_TOKEN_ACTIVATE_H

#include "base/secret.h"
#include "token/turn.h"

/* What the PIN of the session's slot needs, as far as is known; ACTIVATION_NONE when the card is gone. No
 * command is sent. */
enum pin_activation activate_needed(struct session *s);
/* For a use of a private key: 0, or E_PIN_EXPIRED where the PIN is still the code, and nobody can be asked
 * for another one. A card that is said to be so is asked again: others may have changed it. Lock: the
 * session's. */
int activate_gate(struct session *s);
/* Before a PIN of the session's slot is sent as the code of `how`, in the transaction that will send it:
 * E_PIN_UNFIT when the PIN is one that needs just that, and the code is none that could be right. Nothing
 * is looked up of cards that need nothing. E_GONE, E_RESET, E_IO, E_MEM. */
int activate_check(struct session *s, struct card *card, enum pin_activation how, struct view code);

/* Has the person activate the card, in a turn that it takes (`shares` as for turn_take) and that the caller
 * ends, whatever came of it: not before the new PIN was used, or others would ask for it. 0: *pin is the new
 * PIN of the session's slot, the caller's, and the card is closed; other PINs may have failed, which is
 * logged. E_EXISTS: nothing need be done any more. E_PIN_WRONG, E_PIN_BLOCKED: of the code; E_CANCEL,
 * E_CLOSED, E_GONE, E_UNSUPPORTED (no dialog here), E_MEM, and what the card says. Lock: the session's,
 * let go of while the person is asked, and no other. */
int activate_ask(struct session *s, bool shares, struct turn *t, struct secret **pin);

#endif

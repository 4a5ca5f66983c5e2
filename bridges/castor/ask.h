/* Asks a person, or the descriptor of --pin-fd, for a PIN. */
#ifndef CASTOR_BRIDGES_CASTOR_ASK_H
#define CASTOR_BRIDGES_CASTOR_ASK_H

#include "base/secret.h"
#include "bridges/castor/app.h"

enum asked { ASKED_PIN, ASKED_NEW, ASKED_AGAIN, ASKED_PUK, ASKED_CODE };

/* Asks for the PIN of a slot, without echo: from --pin-fd (a line of it), else at the terminal, else (or
 * with --dialog) in a dialog. `error` (may be NULL) says what was wrong with the last one; `wrong` that it
 * was sent to the card. Says how many tries are left where it matters. ST_OK with *pin the caller's, 1 to
 * SECRET_MAX bytes; ST_CANCELLED; ST_PIN_WRONG: the descriptor has no line, or none of that length;
 * ST_FAILED: nobody can be asked here. */
int ask_pin(struct app *a, const struct kit_slot *slot, enum asked kind, const char *error, struct secret **pin);
/* A new PIN, twice where a person types it, until both are the same. As ask_pin. */
int ask_new_pin(struct app *a, const struct kit_slot *slot, const char *error, struct secret **pin);
/* Whether a person is asked, who can be asked again. */
bool ask_can_repeat(const struct app *a);
/* Whether a person who was wrong may try again without having asked for it: never with the last try, nor when
 * nobody knows how many are left. */
bool ask_may_repeat(const struct app *a, CK_ULONG left);
/* Tells the person to type the PIN of the slot on the reader's keypad, and of the tries where they matter. */
void ask_keypad(struct app *a, const struct kit_slot *slot);
/* A question to be answered with yes, as before the last try of a PUK; ST_OK or ST_CANCELLED. Where nobody
 * can be asked (--pin-fd): ST_OK, since the one who wrote the lines knew. */
int ask_yes(struct app *a, const char *question);

#endif

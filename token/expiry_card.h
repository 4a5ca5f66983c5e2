/* How old the PINs of a card are, by one data object per PIN on the card itself, which only that PIN
 * opens (changePinPeriod). With the period 0 nothing here does anything. Format: token/expiry.h. */
#ifndef CASTOR_TOKEN_EXPIRY_CARD_H
#define CASTOR_TOKEN_EXPIRY_CARD_H

#include "token/session.h"

/* Whether the PIN of the session's slot can expire, by settings and the card's directory. */
bool expiry_is_on(struct session *s);
/* To be called when the card has accepted the slot's PIN, in the same transaction and before the card
 * forgets it: finds out how old it is. What the card has no object for it gets one, should it take
 * it; what cannot be read or made is logged. E_GONE, E_RESET, E_IO, E_MEM and the like only. */
int expiry_verified(struct session *s, struct card *card);
/* Whether the slot's PIN is too old, as far as that is known. */
bool expiry_is_due(struct session *s);
/* 0, or E_PIN_EXPIRED when it is. Asks the card once more only where another program of this user has
 * changed a PIN since. Lock: the session's. */
int expiry_gate(struct session *s);
/* After expiry_verified of the old PIN, in the same transaction: whether the new one may be taken.
 * E_PIN_USED; else as expiry_verified. */
int expiry_may_become(struct session *s, struct card *card, struct view old, struct view new);
/* The PIN was changed, and the new one is open: notes day and old PIN (p NULL: not known) on the
 * card. What fails is logged. In a transaction. */
void expiry_renew(struct session *s, struct card *card, struct view old);
/* The PIN was changed but is not open: the day is noted when it is verified next. */
void expiry_renew_later(struct session *s);

#endif

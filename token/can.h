/* The card access number (CAN): printed on a card, it opens the channel that a contactless card is spoken to
 * through. It is no PIN: no try is lost by a wrong one, but the card may take longer to answer after each, so
 * that none is ever tried a second time unless a person types it again. It comes from the setting cardAccessNumber or from a person, and is
 * kept while the card stays. */
#ifndef CASTOR_TOKEN_CAN_H
#define CASTOR_TOKEN_CAN_H

#include "token/reader.h"

/* Where a number came from. */
enum can_from {
	CAN_PROVEN, /* it has opened this card before */
	CAN_SETTING,
	CAN_TYPED   /* by a person, a moment ago */
};

/* The number to open the card of this generation with, the caller's: the one that opened it before, else the
 * setting's unless it has failed this card; NULL: none is known. E_MEM. Takes the reader's lock. */
int can_take(struct reader *r, uint64_t gen, struct secret **can, enum can_from *from);
/* What came of one that was said (card_open_with): a right one is kept; the setting's, when it was wrong or nobody
 * knows, is not tried again while the card stays. What opened a card before and does not now is put before another
 * card: E_GONE; else err itself, or E_MEM. Takes the reader's lock. */
int can_tried(struct reader *r, uint64_t gen, const struct secret *can, enum can_from from, int err);

/* Asks a person, and runs the verb (reader_run) with what they typed, until it is the right number or they
 * have had enough. `err`: what the verb ended with before, E_CAN_NEEDED or E_CAN_WRONG. One dialog at a time
 * for all programs of a user; a thread that waited for another one's dialog has what came of that. err itself:
 * nobody can be asked; E_CANCEL: they do not want to, E_CLOSED: the library ends; else as reader_run. No lock
 * held. */
int can_ask(struct reader *r, uint64_t gen, int err, card_verb verb, void *arg);

#endif

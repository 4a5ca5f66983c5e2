/* The card access number (CAN): printed on a card, it opens the channel that a contactless card is spoken to
 * through. It is no PIN: no try is lost by a wrong one, but the card may take longer to answer after each, so
 * that none is ever tried a second time. It comes from the setting cardAccessNumber or from a person, and is
 * kept while the card stays. */
#ifndef CASTOR_TOKEN_CAN_H
#define CASTOR_TOKEN_CAN_H

#include "token/reader.h"

/* The number to open the card of this generation with, the caller's: what a person has typed, else the
 * setting's unless it has failed this card; NULL: none is known. E_MEM. Takes the reader's lock. */
int can_take(struct reader *r, uint64_t gen, struct secret **can);
/* What can_take gave is not this card's. */
void can_failed(struct reader *r, uint64_t gen);

/* Asks a person, and runs the verb (reader_run) with what they typed, until it is the right number or they
 * have had enough. `err`: what the verb ended with before, E_CAN_NEEDED or E_CAN_WRONG. One dialog at a time
 * for all programs of a user; a thread that waited for another one's dialog has what came of that. err itself:
 * nobody can be asked; E_CANCEL: they do not want to, E_CLOSED: the library ends; else as reader_run. No lock
 * held. */
int can_ask(struct reader *r, uint64_t gen, int err, card_verb verb, void *arg);

#endif

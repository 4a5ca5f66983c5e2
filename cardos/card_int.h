/* What card.c and exchange.c share. */
#ifndef CASTOR_CARDOS_CARD_INT_H
#define CASTOR_CARDOS_CARD_INT_H

#include "cardos/card.h"

/* What is current on the card is not known any more. */
void card_moved(struct card *card);
/* An error of the io: what it means for what was known. */
void card_lost(struct card *card, int err);

#endif

/* The channel of secure messaging that a profile wants for its cards: when it is made, and when it is over. */
#ifndef CASTOR_CARDOS_CHANNEL_H
#define CASTOR_CARDOS_CHANNEL_H

#include "cardos/card.h"

/* Whether the ATR is one that a reader makes for a contactless card. Pure. Source: PC/SC part 3, 3.1.3.2.3. */
bool channel_atr_contactless(struct view atr);
/* Whether a card with that ATR gets a channel by its profile, before anything is asked of it. Pure. */
bool channel_wanted(const struct profile *pf, struct view atr);

/* Makes the channel with the card's CAN: card->sm is there then, and the MF current. E_CAN_NEEDED: there is no
 * CAN, and nothing was sent; E_CAN_WRONG; else as pace_run. Inside a transaction, without a channel. */
int channel_open(struct card *card);
/* The keys are wiped, if there are any. */
void channel_end(struct card *card);
/* The same because the card and we do not understand each other any more: as after a reset by others, and the
 * transaction's end resets the card, so that nothing of the channel is left there either. */
void channel_break(struct card *card);
/* While there is a channel: capabilities are lowered to what its APDUs hold. */
void channel_fit(struct card *card);
/* Bytes of plain data that fit into one short APDU now; le: an answer is wanted. */
size_t channel_send_max(const struct card *card, bool le);
/* Shows the plain command and what came of it to whoever traces. */
void channel_tell(struct card *card, const struct apdu *plain, const struct resp *resp, size_t start, int err);

#endif

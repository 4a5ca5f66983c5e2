/* PACE, the terminal's side: a password that both know becomes the keys of a channel, without a word from
 * which somebody who listens could find it. Generic mapping over elliptic curves with standardised
 * parameters; the other forms are not used by any card we know. Source: BSI TR-03110-3 3.2, ICAO 9303-11 4.4. */
#ifndef CASTOR_CARDOS_PACE_H
#define CASTOR_CARDOS_PACE_H

#include "cardos/card.h"
#include "cardos/crypt.h"
#include "cardos/sm.h"

#define CAN_DIGITS 6u           /* printed on the card. Source: ICAO 9303-11 4.4.1, fineid 5 */
#define CARD_ACCESS_MAX 4096u   /* bytes of EF.CardAccess that are read */

/* Which password it is: tag 83. Source: BSI TR-03110-3 B.1. */
enum pace_password { PACE_MRZ = 1, PACE_CAN = 2 };

/* One of the ways to run PACE that a card offers. */
struct pace_offer {
	enum cipher cipher;
	unsigned parameter;     /* standardised domain parameters, BSI TR-03110-3 A.2.1.1 */
};

/* The best offer in the content of EF.CardAccess: of the ciphers in `ciphers` (a set of 1u << enum cipher) the
 * strongest, and with it the largest curve. What is not known is passed over. E_UNSUPPORTED: there is none;
 * E_PROTOCOL: broken. Pure. */
int pace_choose(struct view card_access, unsigned ciphers, struct pace_offer *best);

/* Reads EF.CardAccess, runs PACE and gives the channel; the MF is current afterwards. The card must have
 * none, and a transaction must be open. E_CAN_WRONG: the card says the password is not its own;
 * E_UNSUPPORTED: no offer that we have; E_PROTOCOL: the card does not know the password either, or strays from the
 * protocol; E_CARD and others of its status words; E_CRYPTO, and what card_apdu gives. */
int pace_run(struct card *card, struct crypt *crypt, unsigned ciphers, enum pace_password which,
    struct view password, struct sm **out);

/* Whether it can be a CAN: as many digits as one has. Pure. */
bool pace_can_fits(struct view can);

#endif

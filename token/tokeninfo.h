/* EF(TokenInfo): what a card says of itself as a whole. Source: ISO 7816-15 8.9. */
#ifndef CASTOR_TOKEN_TOKENINFO_H
#define CASTOR_TOKEN_TOKENINFO_H

#include "token/token.h"

/* Label, manufacturer and serial number, the driver's where it reads one; what cannot be read stays empty. Inside a
 * transaction. E_GONE, E_RESET, E_IO, E_MEM. */
int tokeninfo_read(struct card *card, struct token *t);
/* After a reset: whether the card still has the serial number of `t`; 0 also where there is none to compare. Inside
 * a transaction. E_GONE: it is another card; else E_* of the card's read: nobody knows. */
int tokeninfo_same(struct card *card, const struct token *t);

#endif

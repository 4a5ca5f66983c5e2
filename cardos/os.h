/* The drivers, one per family of card operating systems. */
#ifndef CASTOR_CARDOS_OS_H
#define CASTOR_CARDOS_OS_H

#include "cardos/card.h"

extern const struct card_ops os_myeid;   /* Aventra MyEID, OsEID */
extern const struct card_ops os_generic; /* any PKCS#15 card: read and VERIFY only */

#endif

/* The drivers, one per family of card operating systems. */
#ifndef CASTOR_CARDOS_OS_H
#define CASTOR_CARDOS_OS_H

#include "cardos/card.h"

extern const struct card_ops os_myeid;   /* Aventra MyEID, OsEID */
extern const struct card_ops os_thales;  /* Gemalto and Thales IAS Classic: FINEID citizens' cards */
extern const struct card_ops os_iasecc;  /* Oberthur and IDEMIA IAS-ECC: FINEID organisations' cards */
extern const struct card_ops os_generic; /* any PKCS#15 card: read and VERIFY only */

#endif

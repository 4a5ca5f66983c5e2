/* The drivers, one per family of card operating systems. */
#ifndef CASTOR_CARDOS_OS_H
#define CASTOR_CARDOS_OS_H

#include "cardos/card.h"

extern const struct card_ops os_myeid;   /* Aventra MyEID, OsEID */
extern const struct card_ops os_thales;  /* Gemalto and Thales IAS Classic: FINEID citizens' cards */
extern const struct card_ops os_iasecc;  /* Oberthur and IDEMIA IAS-ECC: FINEID organisations' cards */
extern const struct card_ops os_setcos;  /* Setec SetCOS and the applets after it: FINEID cards until 2016 */
extern const struct card_ops os_miocos;  /* Miotec MioCOS: the first FINEID cards */
extern const struct card_ops os_generic; /* any PKCS#15 card: read and VERIFY only */

#endif

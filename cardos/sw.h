/* Status words of ISO 7816-4 as errors. */
#ifndef CASTOR_CARDOS_SW_H
#define CASTOR_CARDOS_SW_H

#include <stdint.h>

#include "cardos/card.h"

#define SW_OK 0x9000u
#define SW_END_OF_FILE 0x6282u

/* Looks a status word up in `driver` (may be NULL) and then in ISO's table. 0 for 9000 alone;
 * E_CARD for what neither knows. Source: ISO 7816-4 5.6, DESIGN 10. */
int sw_err(const struct sw_rule *driver, uint16_t sw);
/* The count in 63Cx, else -1. */
int sw_tries(uint16_t sw);

#endif

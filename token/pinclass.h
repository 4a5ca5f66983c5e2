/* Whether a slot's PIN is of the PIN2 class (DESIGN 18.1). The card's directory says it of most; of the
 * rest the certificates of its keys do, which are read later. */
#ifndef CASTOR_TOKEN_PINCLASS_H
#define CASTOR_TOKEN_PINCLASS_H

#include "token/session.h"

/* Whether it is, as far as is known; false when the generation is over. */
bool pinclass_is_pin2(struct reader *r, uint64_t gen, unsigned pin);
/* Finds it out, reading the certificates that were not read yet: for whoever enters the PIN, since what
 * it may do must be known before. CKR_DEVICE_*, CKR_HOST_MEMORY. Lock: the session's. */
CK_RV pinclass_find(struct session *s);
/* A certificate says that it is: the slot's keys come under the rule that their PIN is given anew for
 * every use, and no PIN stays kept. No lock but a session's held. */
void pinclass_tighten(struct reader *r, uint64_t gen, unsigned pin);

#endif

/* A card that is a chan, whose PACE and secure messaging are libeac's, not ours: a second opinion. It answers
 * commands of its channel with their own data. A file of its own, since both sides have the same names for
 * things. */
#ifndef CASTOR_T_UNIT_EACCARD_H
#define CASTOR_T_UNIT_EACCARD_H

#include "cardos/wire/io.h"

/* parameter: 12 to 18, suite: 1 to 4 (the last number of the OID). NULL: libeac cannot do that. */
struct chan *eaccard_new(unsigned parameter, unsigned suite, const char *can);
void eaccard_free(struct chan **chan);

#endif

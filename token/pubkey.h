/* A usable public key out of an object's attributes. */
#ifndef CASTOR_TOKEN_PUBKEY_H
#define CASTOR_TOKEN_PUBKEY_H

#include "token/attrs.h"
#include "token/soft.h"

/* From MODULUS and PUBLIC_EXPONENT, or EC_PARAMS and EC_POINT (an OCTET STRING around 04 X Y, or
 * the bare point, which some callers give). E_FORMAT, E_UNSUPPORTED, E_MEM. Owner: caller. */
int pubkey_from_attrs(struct soft *soft, const struct attrs *a, struct soft_pub **out);

#endif

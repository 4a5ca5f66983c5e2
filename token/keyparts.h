/* The numbers of a private key that is to be put on a card, made complete. */
#ifndef CASTOR_TOKEN_KEYPARTS_H
#define CASTOR_TOKEN_KEYPARTS_H

#include "cardos/card.h"
#include "mapping/algs.h"

struct soft;

/* RSA: from n, d and (default 65537) e: the primes and what a CRT key needs besides, where they
 * are missing. E_FORMAT when the numbers are no key. Source: NIST SP 800-56B appendix C. */
int keyparts_complete_rsa(struct soft *s, struct key_parts *k);
/* The public numbers as pub_decode reads them, appended: RSAPublicKey, or the bare point. */
int keyparts_public_der(const struct key_parts *k, enum key_kind kind, struct buf *out);
/* EC: the public point, where it is missing. E_FORMAT: the scalar is 0 or not below the order. */
int keyparts_complete_ec(struct soft *s, struct key_parts *k, enum curve curve);

#endif

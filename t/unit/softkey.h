/* Software key pairs for tests, made by OpenSSL in its own default context: what Castor
 * computes is held against what somebody else computes. All functions fail the test. */
#ifndef CASTOR_T_SOFTKEY_H
#define CASTOR_T_SOFTKEY_H

#include <openssl/evp.h>

#include "token/soft.h"

EVP_PKEY *softkey_rsa(unsigned bits);
EVP_PKEY *softkey_ec(enum curve c);
/* The public half, as the library sees it. */
struct soft_pub *softkey_pub(struct soft *s, EVP_PKEY *key);
/* The card's part: x^d mod n, block of k bytes. */
void softkey_raise(EVP_PKEY *key, struct view block, struct buf *out);
/* r||s over a digest, as a card gives it; and whether OpenSSL takes r||s for good. */
void softkey_ecdsa(EVP_PKEY *key, struct view digest, size_t half, struct buf *out);
bool softkey_ecdsa_good(EVP_PKEY *key, struct view digest, struct view sig);
/* Whether OpenSSL takes an RSA signature over a digest: padding RSA_PKCS1_PADDING or
 * RSA_PKCS1_PSS_PADDING with that salt. */
bool softkey_rsa_good(EVP_PKEY *key, int padding, enum hash h, size_t salt, struct view digest,
    struct view sig);
/* n bytes that look random and are the same each time. */
void softkey_noise(unsigned seed, size_t n, struct buf *out);
/* A mechanism and its parameter, "CKM_..." found by value. */
const struct mech *softkey_mech(CK_MECHANISM_TYPE type);

#endif

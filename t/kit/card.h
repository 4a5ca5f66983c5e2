/* A card behind a module, as the tests of bridges/kit use it: KIT_MODULE names the module. Every
 * call may be looked at or answered by the test, since the function list is a copy of its own.
 * All functions fail the test. */
#ifndef CASTOR_T_KIT_CARD_H
#define CASTOR_T_KIT_CARD_H

#include <openssl/x509.h>
#include <p11-kit/pkcs11.h>

#include "bridges/kit/pkey.h"

struct card {
	struct kit_lib lib;
	CK_FUNCTION_LIST *module, f; /* f is what keys use */
	CK_SESSION_HANDLE h;
};

/* One private key of the card. */
struct card_key {
	struct kit_key kit;
	EVP_PKEY *key;
	X509 *cert; /* NULL: it has none */
};

/* Loads the module and opens a session in the n-th slot that has a token; PIN NULL: no login. */
void card_open(struct card *c, unsigned n, const char *pin);
/* After all its keys are closed. */
void card_close(struct card *c);
/* The private key with that CKA_ID (one byte) and its certificate. */
void card_key_open(struct card *c, CK_BYTE id, struct card_key *k);
void card_key_close(struct card_key *k);
/* A certificate or key of t/cards/pki in the card's context: "root" is root.cert.pem. */
X509 *card_pki_cert(struct card *c, const char *name);
EVP_PKEY *card_pki_key(struct card *c, const char *name);
/* Runs a command of the environment, such as CASTOR_TEST_REMOVE. */
void card_hook(const char *variable);

#endif

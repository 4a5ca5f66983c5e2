/* What the files of the provider share: a key, and the private operations on a module. */
#ifndef CASTOR_BRIDGES_KIT_PKEY_INT_H
#define CASTOR_BRIDGES_KIT_PKEY_INT_H

#include <openssl/core_dispatch.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/buf.h"
#include "bridges/kit/pkey.h"

/* What is fetched for work with public keys and digests must not come back to us. */
#define PKEY_OTHERS "provider!=castor"
#define PKEY_BITS_MAX 16384 /* of a modulus, as the default provider has it */
#define PKEY_BYTES_MAX (PKEY_BITS_MAX / 8)

/* A key of a card, or a public key alone (card NULL), such as the peer of an ECDH. */
struct pkey {
	atomic_int refs;
	OSSL_LIB_CTX *lib;    /* borrowed */
	bool ec;              /* else RSA */
	EVP_PKEY *pub;        /* of the default provider; NULL until something is imported */
	struct kit_key *card; /* borrowed */
	CK_SLOT_ID slot;
	CK_BBOOL sign, decrypt, derive, each_time; /* CKA_... of the card's key */
};

enum pkey_scheme { PKEY_PKCS1, PKEY_PSS, PKEY_ECDSA, PKEY_SCHEMES };

/* A hash that PKCS#11 has a name for. */
struct pkey_hash {
	const char *name;
	CK_MECHANISM_TYPE ckm;
	CK_ULONG mgf; /* CKG_..., whose type headers name differently */
	CK_MECHANISM_TYPE with[PKEY_SCHEMES]; /* the mechanisms that hash by themselves */
};

/* How something is to be signed. */
struct pkey_how {
	enum pkey_scheme scheme;
	const EVP_MD *md;                   /* NULL: what is signed goes in as it is */
	const struct pkey_hash *hash, *mgf; /* of md; of PSS's mask */
	size_t salt;                        /* bytes, PSS */
	bool whole; /* the data itself is given, for a token that only signs what it hashes */
};

/* The row of a digest, or NULL: PKCS#11 has no name for it. Static. */
const struct pkey_hash *pkey_hash_of(const EVP_MD *md);
/* The same of a digest's name, as parameters of OpenSSL give it. */
const struct pkey_hash *pkey_hash_named(OSSL_LIB_CTX *lib, const char *name);

struct pkey *pkey_ref(struct pkey *k);
void pkey_unref(struct pkey *k);
/* Bytes of a modulus, or of the order of a curve. */
size_t pkey_bytes(const struct pkey *k);

/* Whether the token can sign so only when it is given all of the data. */
bool pkey_sign_whole(const struct pkey *k, const struct pkey_how *how);
/* Signs a digest (or data, see pkey_how) and appends the signature as OpenSSL wants it: for ECDSA
 * in DER. False: k->card->rv says what the module, or we in its place, answered. */
bool pkey_sign(struct pkey *k, const struct pkey_how *how, struct view in, struct buf *out);
/* Decrypts; oaep is NULL for PKCS#1 v1.5. Appends to out, which is to be secret. */
bool pkey_decrypt(struct pkey *k, CK_RSA_PKCS_OAEP_PARAMS *oaep, struct view in, struct buf *out);
/* The X coordinate that this key and a point 04 X Y have in common, appended to out (secret). */
bool pkey_derive(struct pkey *k, struct view point, struct buf *out);

extern const OSSL_DISPATCH pkey_sign_rsa[], pkey_sign_ecdsa[], pkey_cipher_rsa[], pkey_exchange_ecdh[];

#endif

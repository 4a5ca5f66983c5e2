/* OpenSSL's word on what the keys of a card compute, with public keys from files that the card's maker signed:
 * nothing of the library under test is asked. */
#ifndef CASTOR_T_WITNESS_H
#define CASTOR_T_WITNESS_H

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>

#include "token/cryptoki.h"

enum scheme_kind { KIND_PKCS1, KIND_RAW, KIND_PSS, KIND_ECDSA };

/* A way to sign, as PKCS#11 names it. */
struct way {
	CK_MECHANISM_TYPE type;
	CK_KEY_TYPE key;
	enum scheme_kind kind;
	const char *md;         /* OpenSSL's name of the hash that is part of it; NULL: the caller's own */
};

/* All ways to sign that PKCS#11 v2.40 has and a card of ours may list. */
extern const struct way ways[];
extern const size_t n_ways;

/* A hash by its names: OpenSSL's, PKCS#11's, and those of what goes with it. */
struct hash_name {
	const char *md;
	CK_MECHANISM_TYPE ckm, rsa, pss; /* alone, with PKCS#1 v1.5, with PSS */
	CK_ULONG mgf;
	unsigned bytes;
};
extern const struct hash_name hash_names[];
extern const size_t n_hash_names;
const struct hash_name *hash_named(const char *md);

/* A certificate in PEM below t/cards, or NULL. The caller frees it. */
X509 *witness_cert(const char *file);
/* A public key in PEM below t/cards, or NULL. The caller frees it. */
EVP_PKEY *witness_key(const char *file);

/* The digest of data; its length. out: EVP_MAX_MD_SIZE bytes. */
size_t witness_digest(const char *md, const CK_BYTE *data, size_t n, CK_BYTE *out);
/* The DigestInfo of a digest as PKCS#1 v1.5 has it (DER by OpenSSL); its length. */
size_t witness_digest_info(const char *md, const CK_BYTE *digest, size_t n, CK_BYTE *out, size_t room);

/* Whether sig is the signature of `in` with this key: what the mechanism was given, and, where it is PSS, with
 * that hash and salt. */
bool witness_verifies(EVP_PKEY *key, const struct way *way, const struct hash_name *pss, size_t salt,
    const CK_BYTE *in, size_t n, const CK_BYTE *sig, size_t nsig);

/* Encrypts with PKCS#1 v1.5 (md NULL) or OAEP (label NULL: none); the length, 0 when OpenSSL would not. */
size_t witness_encrypts(EVP_PKEY *key, const char *md, const char *label, const CK_BYTE *in, size_t n,
    CK_BYTE *out, size_t room);
/* A key on the curve of `key`: its public point to point (*npoint bytes of room, then its length), the X that
 * both share to x; the length of that, 0: it could not. */
size_t witness_shares(EVP_PKEY *key, CK_BYTE *point, size_t *npoint, CK_BYTE *x, size_t room);

#endif

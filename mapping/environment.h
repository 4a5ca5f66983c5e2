/* How a card's private keys are used: MSE SET, then PSO, and which byte of the card's names which
 * algorithm, as its profile says (key "environment"). A card that is not described so has a driver that
 * knows. Schema: castor-profile(5), "Environment". Source: ISO 7816-8 (PSO), ISO 7816-4 10 (MSE, CRTs).
 * Pure. */
#ifndef CASTOR_MAPPING_ENVIRONMENT_H
#define CASTOR_MAPPING_ENVIRONMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum hash {
	HASH_NONE, HASH_MD5, HASH_SHA1, HASH_SHA224, HASH_SHA256, HASH_SHA384, HASH_SHA512,
	HASH_COUNT
};

/* What a card can do with a private key; a set is an OR of 1u << alg. */
enum card_alg {
	ALG_RSA_RAW,   /* x^d mod n over a whole block; also decipher without unpadding */
	ALG_RSA_PKCS1, /* the card adds (sign) or takes off (decipher) PKCS#1 v1.5 padding */
	ALG_RSA_PSS,   /* the card pads a digest, with a salt as long as it and MGF1 with its hash */
	ALG_RSA_OAEP,  /* the card takes it off: no label, MGF1 with the same hash */
	ALG_ECDSA,     /* over a hash no longer than the field */
	ALG_ECDH,      /* X coordinate of the shared point */
	ALG_COUNT
};

/* The card's byte (tag 80 of MSE) for one algorithm with each hash. */
struct alg_refs {
	unsigned hashes;         /* set of 1u << hash that it has; HASH_NONE: whatever the hash is */
	uint8_t ref[HASH_COUNT];
};

/* One of the things that are done with a private key. */
struct key_use {
	uint8_t mse[2];          /* P1 P2 of MSE: 41 B6 signs, 41 B8 deciphers */
	bool hash_first;         /* sign: PSO HASH takes the hash, and PSO CDS comes without data */
	bool exact_le;           /* sign: Le is the signature's length: a 6Cxx would lose the hash */
	bool no_alg;             /* MSE has no tag 80 */
	int indicator;           /* decipher, derive: the byte before the data; -1: none */
	struct alg_refs alg[ALG_COUNT];
};

enum use_kind { USE_SIGN, USE_DECIPHER, USE_DERIVE, USE_COUNT };

struct environment {
	bool given;
	unsigned key_by;         /* set of 1u << enum key_by: how MSE names the key */
	struct key_use use[USE_COUNT];
};
enum key_by {
	KEY_BY_FILE,             /* tag 81: the last file id of its path */
	KEY_BY_REFERENCE         /* tag 84: the reference that the directory gives */
};

/* Whether the card has the algorithm with that hash: what HASH_NONE stands for is only there where the card
 * does not care. A card without an environment has whatever its profile's algs say. */
bool environment_takes(const struct environment *e, enum use_kind use, enum card_alg alg, enum hash h);
/* The set of card_alg that it has for a use. */
unsigned environment_algs(const struct environment *e, enum use_kind use);
/* Its byte for that; -1: it has none. */
int environment_ref(const struct environment *e, enum use_kind use, enum card_alg alg, enum hash h);

/* The key "environment" of a profile: base is a struct environment, set up before by environment_init. */
extern const struct schema_level environment_level;
void environment_init(struct environment *e);
/* What no single key can tell: what is wrong with it as a whole; NULL: nothing. Static. */
const char *environment_fault(const struct environment *e);

#endif

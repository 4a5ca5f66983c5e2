/* Every mechanism we offer, as one const table, and the parameters callers pass with them. */
#ifndef CASTOR_TOKEN_MECH_H
#define CASTOR_TOKEN_MECH_H

#include <p11-kit/pkcs11.h>

#include "mapping/algs.h"
#include "mapping/profile.h"

enum scheme {
	SCHEME_DIGEST,     /* hashing alone */
	SCHEME_RSA_RAW,    /* CKM_RSA_X_509 */
	SCHEME_RSA_PKCS1,  /* PKCS#1 v1.5, with a hash or over what the caller gives */
	SCHEME_RSA_PSS,
	SCHEME_RSA_OAEP,
	SCHEME_ECDSA,
	SCHEME_ECDH,
	SCHEME_RSA_KEYGEN,
	SCHEME_EC_KEYGEN
};

struct mech {
	CK_MECHANISM_TYPE type;
	const char *name;       /* "CKM_SHA256_RSA_PKCS", for logs and the manual */
	enum scheme scheme;
	CK_KEY_TYPE key_type;   /* CKK_RSA, CKK_EC; (CK_KEY_TYPE)-1 for digests */
	enum hash hash;         /* done by us before the scheme; HASH_NONE: the caller has */
	CK_FLAGS flags;         /* what it can be used for (CKF_SIGN ...), without CKF_HW */
	unsigned card_sign, card_decipher, card_derive; /* sets of 1u << card_alg: one of them must
	                         * be the card's for the mechanism to be offered for card keys */
};

/* What a caller gave besides the mechanism type, checked and copied. */
struct mech_params {
	enum hash hash, mgf;    /* PSS, OAEP */
	size_t salt_len;        /* PSS, bytes */
	struct buf label;       /* OAEP pSourceData */
	struct buf point;       /* ECDH: 04 X Y, taken out of an OCTET STRING when it was in one */
	ck_ec_kdf_t kdf;        /* ECDH: CKD_NULL or CKD_SHA1_KDF .. CKD_SHA512_KDF */
	struct buf shared;      /* ECDH: shared data of the KDF */
};

/* The row of a mechanism, or NULL. Static. */
const struct mech *mech_find(CK_MECHANISM_TYPE type);
/* All rows, in the order of the manual. */
const struct mech *mech_table(size_t *n);
/* Whether a token with these card algorithms offers it, and with which flags (CKF_HW where the
 * card does the private part). key_kinds: of the keys that it has or can get, set of 1u << enum key_kind. 0: not
 * offered. */
CK_FLAGS mech_flags(const struct mech *m, const struct profile *pf, unsigned key_kinds);
/* The sizes C_GetMechanismInfo gives: bits for RSA and EC, 0 for digests. */
void mech_sizes(const struct mech *m, const struct profile *pf, CK_ULONG *min, CK_ULONG *max);
/* Checks and copies the parameter. CKR_MECHANISM_PARAM_INVALID (missing where needed, given
 * where there is none, a hash that does not go with the mechanism), CKR_HOST_MEMORY. Owner:
 * caller, mech_params_free; *out is to be zeroed before. */
CK_RV mech_params_parse(const struct mech *m, const CK_MECHANISM *ck, struct mech_params *out);
/* Whether the card can do that with a private key: one that pads by itself has PSS with a salt as long as its
 * hash and OAEP without a label only. CKR_MECHANISM_PARAM_INVALID. */
CK_RV mech_params_fit(const struct mech *m, const struct mech_params *p, const struct profile *pf);
void mech_params_free(struct mech_params *p);
/* Whether a key derivation function of ECDH is one of ours, and its hash (HASH_NONE: CKD_NULL). */
bool mech_kdf(ck_ec_kdf_t kdf, enum hash *hash);

#endif

/* What the host computes: digests, padding, and everything with public keys, in a library
 * context of our own (DESIGN 17.7), so that the host program's OpenSSL settings neither change
 * us nor lead back into us. All functions are thread-safe; no lock is needed. */
#ifndef CASTOR_TOKEN_SOFT_H
#define CASTOR_TOKEN_SOFT_H

#include "token/mech.h"

struct soft;      /* one library context */
struct soft_pub;  /* a public key, immutable */
struct soft_md;   /* a running digest */

/* A context with the default and legacy providers and no configuration file. NULL: OpenSSL
 * has none. It must outlive the keys and digests made with it. After a fork the child makes
 * its own. Nothing of ours is left in the caller's OpenSSL error queue by any function here. */
struct soft *soft_new(void);
void soft_free(struct soft **s);

/* Digests. soft_md_final appends hash_info(h)->size bytes and ends the digest. NULL / E_CRYPTO. */
struct soft_md *soft_md_new(struct soft *s, enum hash h);
struct soft_md *soft_md_copy(const struct soft_md *md);
int soft_md_update(struct soft_md *md, struct view data);
int soft_md_final(struct soft_md *md, struct buf *out);
void soft_md_free(struct soft_md **md);
/* One call for all three. */
int soft_hash(struct soft *s, enum hash h, struct view data, struct buf *out);
/* n random bytes appended. */
int soft_random(struct soft *s, size_t n, struct buf *out);

/* Public keys from raw numbers (big-endian) or an EC point 04 X Y on a named curve (DER OID).
 * E_FORMAT when the numbers make no key (point not on curve, modulus under 512 or over 16384
 * bits, exponent 0, 1 or even), E_UNSUPPORTED for another curve. */
int soft_pub_rsa(struct soft *s, struct view n, struct view e, struct soft_pub **out);
int soft_pub_ec(struct soft *s, struct view curve_oid, struct view point, struct soft_pub **out);
void soft_pub_free(struct soft_pub **p);
unsigned soft_pub_bits(const struct soft_pub *p);   /* modulus or field */
size_t soft_pub_sig_len(const struct soft_pub *p);  /* bytes: modulus, or r||s */
/* DER SubjectPublicKeyInfo appended. */
int soft_pub_spki(const struct soft_pub *p, struct buf *out);

/* The host's part of a signature: from `data` (a finished digest for mechanisms with a hash,
 * for RSA_PKCS_PSS and ECDSA too; else what the caller wants signed) to what the card is given.
 * Picks among the profile's sign_algs: for PKCS#1 v1.5 and PSS the card's own padding if it has one
 * that fits, else a padded block for ALG_RSA_RAW. *hash: what made the digest in `block` where the card
 * has to know; HASH_NONE: it is no digest (a DigestInfo, a whole block), or the card need not know.
 * CKR_DATA_LEN_RANGE (longer than k-11; digest of the wrong length; raw longer than k or not
 * less than n), CKR_DATA_INVALID (the card pads digests only, and this is no DigestInfo of one it has),
 * CKR_KEY_SIZE_RANGE (hash too large for the modulus), CKR_MECHANISM_PARAM_INVALID (a PSS that the card has
 * not), CKR_MECHANISM_INVALID (card has nothing that helps), CKR_HOST_MEMORY, CKR_FUNCTION_FAILED. `block`
 * is appended to. */
CK_RV soft_sign_prepare(struct soft *s, const struct mech *m, const struct mech_params *p,
    const struct soft_pub *pub, const struct profile *pf, struct view data,
    enum card_alg *alg, enum hash *hash, struct buf *block);
/* Whether `sig` is a good signature for the same arguments. CKR_SIGNATURE_LEN_RANGE,
 * CKR_SIGNATURE_INVALID, CKR_DATA_LEN_RANGE. ECDSA: sig is r||s, digest cut to the field. */
CK_RV soft_verify(struct soft *s, const struct mech *m, const struct mech_params *p,
    const struct soft_pub *pub, struct view data, struct view sig);
/* Verify with recovery, RSA_PKCS and RSA_X_509: the message appended to out. */
CK_RV soft_verify_recover(struct soft *s, const struct mech *m, const struct soft_pub *pub,
    struct view sig, struct buf *out);
/* Public key encryption, RSA_PKCS, RSA_X_509, RSA_PKCS_OAEP. CKR_DATA_LEN_RANGE. */
CK_RV soft_encrypt(struct soft *s, const struct mech *m, const struct mech_params *p,
    const struct soft_pub *pub, struct view data, struct buf *out);

/* Which card algorithm serves a decryption: the card's own unpadding for PKCS#1 v1.5 if it has
 * it, else ALG_RSA_RAW; OAEP the raw one if the card has it, else the card's own; X.509 always
 * ALG_RSA_RAW. CKR_MECHANISM_INVALID. */
CK_RV soft_decrypt_alg(const struct mech *m, unsigned card_algs, enum card_alg *alg);
/* The host's part after the card's: takes the padding off a block of k bytes that came from
 * ALG_RSA_RAW. PKCS#1 v1.5 in constant time; every failure is the one CKR_ENCRYPTED_DATA_INVALID.
 * out must be secret. `block` is k bytes. */
CK_RV soft_unpad(struct soft *s, const struct mech *m, const struct mech_params *p,
    struct view block, struct buf *out);
/* X9.63 KDF over the shared X coordinate (CKD_NULL: X itself), `want` bytes (0: as long as X;
 * shorter than X with CKD_NULL: leading bytes are cut, PKCS#11 v2.40 ECDH1). out secret.
 * CKR_TEMPLATE_INCONSISTENT: more bytes than CKD_NULL has, or than a key can be long. */
CK_RV soft_kdf(struct soft *s, const struct mech_params *p, struct view x, size_t want,
    struct buf *out);
/* n bytes of PBKDF2-HMAC-SHA-256 appended. E_CRYPTO, E_MEM. Source: RFC 8018 5.2. */
int soft_stretch(struct soft *s, struct view secret, struct view salt, unsigned rounds, size_t n,
    struct buf *out);

#endif

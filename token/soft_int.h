/* Inside token/soft*.c, token/keyparts.c and their tests only: what the contexts are made of. */
#ifndef CASTOR_TOKEN_SOFT_INT_H
#define CASTOR_TOKEN_SOFT_INT_H

#include <openssl/evp.h>

#include "token/soft.h"

struct soft { /* invariant once made */
	OSSL_LIB_CTX *ctx;
	OSSL_PROVIDER *base, *legacy; /* "default"; "legacy", NULL where it is not installed */
	EVP_MD *md[HASH_COUNT];       /* NULL: OpenSSL has it not */
	/* where random bytes come from; tests put their own here */
	bool (*random)(struct soft *s, uint8_t *p, size_t n);
};

struct soft_pub { /* invariant */
	CK_KEY_TYPE type;
	EVP_PKEY *pkey;
	unsigned bits;      /* modulus or field */
	size_t k;           /* bytes of the modulus, or of a coordinate */
	uint8_t *n;         /* RSA: the modulus, k bytes; owned */
	enum curve curve;
};

/* One padding operation: shapes are in bytes. */
struct soft_pss {
	enum hash hash, mgf;
	size_t salt_len;
};

/* k bytes of x become x XOR MGF1(seed). E_CRYPTO. Source: RFC 8017 B.2.1. */
int soft_mgf1_xor(struct soft *s, enum hash h, struct view seed, uint8_t *x, size_t k);
/* EMSA-PSS-ENCODE: a block of k bytes appended. CKR_KEY_SIZE_RANGE. Source: RFC 8017 9.1.1. */
CK_RV soft_pss_encode(struct soft *s, const struct soft_pss *pss, unsigned bits,
    struct view digest, struct buf *block);
/* EME-OAEP: a block of k bytes appended; CKR_DATA_LEN_RANGE, CKR_KEY_SIZE_RANGE. 7.1.1. */
CK_RV soft_oaep_encode(struct soft *s, const struct mech_params *p, size_t k, struct view data,
    struct buf *block);
/* 00 01 FF.. 00 data and 00 02 random.. 00 data, k bytes; data is at most k - 11 bytes. */
void soft_pkcs1_type1(size_t k, struct view data, struct buf *block);
CK_RV soft_pkcs1_type2(struct soft *s, size_t k, struct view data, struct buf *block);
/* The data behind 00 01 FF.. 00; false when the block is not of that form. */
bool soft_pkcs1_type1_parse(struct view block, struct view *data);
/* x^e mod n, x of k bytes; k bytes appended. False when x is not less than n. */
bool soft_rsa_public(struct soft *s, const struct soft_pub *pub, struct view x, struct buf *out);
/* Whether x, of k bytes, is less than the modulus. */
bool soft_below_modulus(const struct soft_pub *pub, struct view x);

#endif

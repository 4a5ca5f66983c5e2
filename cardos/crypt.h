/* The ciphers that a channel to a card is made of, in a library context of our own (DESIGN 17.7), for a
 * host program's engine may be us. Nothing is left in the caller's OpenSSL error queue. One thread at a
 * time. */
#ifndef CASTOR_CARDOS_CRYPT_H
#define CASTOR_CARDOS_CRYPT_H

#include <openssl/types.h>
#include <stdbool.h>

#include "base/buf.h"

/* The suites of PACE, the weakest first. Source: BSI TR-03110-3 A.1.1.1. */
#define CIPHER_LIST(X) \
	X(CIPHER_3DES, "3des") X(CIPHER_AES128, "aes-128") \
	X(CIPHER_AES192, "aes-192") X(CIPHER_AES256, "aes-256")

enum cipher {
#define X(code, word) code,
	CIPHER_LIST(X)
#undef X
	CIPHER_COUNT
};

#define CIPHER_BLOCK_MAX 16u
#define CIPHER_KEY_MAX 32u
#define MAC_SIZE 8u       /* bytes of a MAC, of either kind */

struct crypt {
	OSSL_LIB_CTX *ctx;      /* owned */
	OSSL_PROVIDER *base;    /* owned */
	/* n random bytes; false: there are none. The one seam for randomness: tests put their own here. */
	bool (*random)(struct crypt *c, uint8_t *p, size_t n);
	void *arg;              /* of a test's random */
};

/* A context with the default provider and no configuration file. Owner: caller. E_CRYPTO, E_MEM. */
int crypt_new(struct crypt **out);
void crypt_free(struct crypt **c);

/* Bytes of a block, and of a key. Static facts. */
size_t cipher_block(enum cipher);
size_t cipher_key(enum cipher);
/* "aes-256". Static. */
const char *cipher_name(enum cipher);

/* CBC without padding: `in` is whole blocks, as many bytes are appended to out. iv: a block, or NULL for
 * zeros. out should be secret where the plain text is. E_ARG for a key or text of another length, E_CRYPTO,
 * E_MEM. */
int crypt_cbc(struct crypt *c, enum cipher, bool encrypt, struct view key, const uint8_t *iv, struct view in,
    struct buf *out);
/* AES: CMAC, its first 8 bytes. 3DES: ISO 9797-1 algorithm 3, for which `in` must be whole blocks, one at
 * least. E_ARG, E_CRYPTO. Source: NIST SP 800-38B; ISO/IEC 9797-1. */
int crypt_mac(struct crypt *c, enum cipher, struct view key, struct view in, uint8_t mac[MAC_SIZE]);
/* KDF(secret, counter): a key of the cipher appended to out, which should be secret. The parity bits of a
 * 3DES key are as they come: nobody looks at them. E_CRYPTO, E_MEM. Source: BSI TR-03110-3 A.2.3. */
int crypt_kdf(struct crypt *c, enum cipher, struct view secret, uint32_t counter, struct buf *out);
/* Pads by 80 00.. up to the next whole block. Source: ISO/IEC 9797-1 method 2. */
void crypt_pad(enum cipher, struct buf *b, size_t from);

#endif

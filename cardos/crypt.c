#include "cardos/crypt.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

#define DES_KEY 8u      /* bytes of one of the two keys of 3DES */

static const struct suite {
	const char *word;
	size_t block, key;      /* bytes */
	const char *cbc, *cmac, *hash; /* OpenSSL's names; cmac NULL: the retail MAC */
} suites[CIPHER_COUNT] = {
	[CIPHER_3DES] = { "3des", 8, 16, "DES-EDE3-CBC", NULL, "SHA1" },
	[CIPHER_AES128] = { "aes-128", 16, 16, "AES-128-CBC", "AES-128-CBC", "SHA1" },
	[CIPHER_AES192] = { "aes-192", 16, 24, "AES-192-CBC", "AES-192-CBC", "SHA256" },
	[CIPHER_AES256] = { "aes-256", 16, 32, "AES-256-CBC", "AES-256-CBC", "SHA256" },
};

/* RAND_bytes_ex would ask an engine of the host program's, which may be us: see token/soft.c. */
static bool
random_own(struct crypt *c, uint8_t *p, size_t n)
{
	EVP_RAND_CTX *drbg;
	bool ok;

	ERR_set_mark();
	drbg = RAND_get0_private(c->ctx);
	ok = drbg && EVP_RAND_generate(drbg, p, n, 0, 0, NULL, 0) == 1;
	ERR_pop_to_mark();
	return ok;
}

int
crypt_new(struct crypt **out)
{
	struct crypt *c = calloc(1, sizeof *c);
	int r = 0;

	*out = NULL;
	if (!c)
		return E_MEM;
	OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL);
	c->random = random_own;
	ERR_set_mark();
	if (!(c->ctx = OSSL_LIB_CTX_new()) || !(c->base = OSSL_PROVIDER_load(c->ctx, "default")))
		r = E_CRYPTO;
	ERR_pop_to_mark();
	if (r)
		crypt_free(&c);
	*out = c;
	return r;
}

void
crypt_free(struct crypt **c)
{
	struct crypt *dead = *c;

	*c = NULL;
	if (!dead)
		return;
	if (dead->base)
		OSSL_PROVIDER_unload(dead->base);
	OSSL_LIB_CTX_free(dead->ctx);
	free(dead);
}

size_t
cipher_block(enum cipher cipher)
{
	return suites[cipher].block;
}

size_t
cipher_key(enum cipher cipher)
{
	return suites[cipher].key;
}

const char *
cipher_name(enum cipher cipher)
{
	return suites[cipher].word;
}

/* CBC by OpenSSL's name, in one go. p has room for `in`. */
static bool
cbc(struct crypt *c, const char *name, bool encrypt, const uint8_t *key, const uint8_t *iv, struct view in,
    uint8_t *p)
{
	static const uint8_t zero[CIPHER_BLOCK_MAX];
	EVP_CIPHER *cipher;
	EVP_CIPHER_CTX *x;
	bool ok;
	int n = 0;

	ERR_set_mark();
	cipher = EVP_CIPHER_fetch(c->ctx, name, NULL);
	x = EVP_CIPHER_CTX_new();
	ok = cipher && x && EVP_CipherInit_ex2(x, cipher, key, iv ? iv : zero, encrypt, NULL) == 1 &&
	    EVP_CIPHER_CTX_set_padding(x, 0) == 1 && EVP_CipherUpdate(x, p, &n, in.p, (int)in.len) == 1 &&
	    n >= 0 && (size_t)n == in.len;
	EVP_CIPHER_CTX_free(x);
	EVP_CIPHER_free(cipher);
	ERR_pop_to_mark();
	return ok;
}

/* The three keys that OpenSSL wants, of the two there are. */
static void
des_key(const uint8_t *k1, const uint8_t *k2, uint8_t out[3 * DES_KEY])
{
	memcpy(out, k1, DES_KEY);
	memcpy(out + DES_KEY, k2, DES_KEY);
	memcpy(out + 2 * DES_KEY, k1, DES_KEY);
}

int
crypt_cbc(struct crypt *c, enum cipher cipher, bool encrypt, struct view key, const uint8_t *iv, struct view in,
    struct buf *out)
{
	const struct suite *s = &suites[cipher];
	uint8_t three[3 * DES_KEY] = { 0 };
	const uint8_t *k = key.p;
	size_t start = out->len;
	uint8_t *p;
	int r = 0;

	if (key.len != s->key || in.len % s->block || in.len > BUF_MAX)
		return E_ARG;
	if (!in.len)
		return 0;
	if (!(p = buf_room(out, in.len)))
		return E_MEM;
	if (cipher == CIPHER_3DES) {
		des_key(key.p, key.p + DES_KEY, three);
		k = three;
	}
	if (!cbc(c, s->cbc, encrypt, k, iv, in, p)) {
		OPENSSL_cleanse(p, in.len);
		buf_trim(out, start);
		r = E_CRYPTO;
	}
	OPENSSL_cleanse(three, sizeof three);
	return r;
}

/* Algorithm 3: single DES with the first key up to the last block, two-key 3DES over that one. Single DES is
 * 3DES with one key, which the default provider has. */
static int
retail_mac(struct crypt *c, const uint8_t *key, struct view in, uint8_t mac[MAC_SIZE])
{
	struct view last = view_part(in, in.len - DES_KEY, DES_KEY), before = view_part(in, 0, in.len - DES_KEY);
	uint8_t three[3 * DES_KEY], iv[DES_KEY] = { 0 };
	struct buf chain = BUF_INIT_SECRET;
	uint8_t *p;
	int r = 0;

	des_key(key, key, three);
	if (before.len && !(p = buf_room(&chain, before.len)))
		r = E_MEM;
	else if (before.len && !cbc(c, "DES-EDE3-CBC", true, three, NULL, before, p))
		r = E_CRYPTO;
	else if (before.len)
		memcpy(iv, p + before.len - DES_KEY, DES_KEY);
	des_key(key, key + DES_KEY, three);
	if (!r && !cbc(c, "DES-EDE3-CBC", true, three, iv, last, mac))
		r = E_CRYPTO;
	OPENSSL_cleanse(three, sizeof three);
	OPENSSL_cleanse(iv, sizeof iv);
	buf_free(&chain);
	return r;
}

static int
cmac(struct crypt *c, const char *name, struct view key, struct view in, uint8_t mac[MAC_SIZE])
{
	char cipher[16];
	uint8_t full[CIPHER_BLOCK_MAX];
	OSSL_PARAM params[2];
	EVP_MAC_CTX *x = NULL;
	EVP_MAC *m;
	size_t n = 0;
	bool ok;

	memcpy(cipher, name, strlen(name) + 1);
	params[0] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_CIPHER, cipher, 0);
	params[1] = OSSL_PARAM_construct_end();
	ERR_set_mark();
	ok = (m = EVP_MAC_fetch(c->ctx, "CMAC", NULL)) && (x = EVP_MAC_CTX_new(m)) &&
	    EVP_MAC_init(x, key.p, key.len, params) == 1 &&
	    (!in.len || EVP_MAC_update(x, in.p, in.len) == 1) &&
	    EVP_MAC_final(x, full, &n, sizeof full) == 1 && n == sizeof full;
	EVP_MAC_CTX_free(x);
	EVP_MAC_free(m);
	ERR_pop_to_mark();
	if (ok)
		memcpy(mac, full, MAC_SIZE);
	OPENSSL_cleanse(full, sizeof full);
	return ok ? 0 : E_CRYPTO;
}

int
crypt_mac(struct crypt *c, enum cipher cipher, struct view key, struct view in, uint8_t mac[MAC_SIZE])
{
	const struct suite *s = &suites[cipher];

	if (key.len != s->key)
		return E_ARG;
	if (s->cmac)
		return cmac(c, s->cmac, key, in, mac);
	if (!in.len || in.len % s->block)
		return E_ARG;
	return retail_mac(c, key.p, in, mac);
}

int
crypt_kdf(struct crypt *c, enum cipher cipher, struct view secret, uint32_t counter, struct buf *out)
{
	const struct suite *s = &suites[cipher];
	const uint8_t number[4] = { (uint8_t)(counter >> 24), (uint8_t)(counter >> 16), (uint8_t)(counter >> 8),
		(uint8_t)counter };
	uint8_t hash[EVP_MAX_MD_SIZE];
	EVP_MD *md;
	EVP_MD_CTX *x;
	unsigned n = 0;
	bool ok;

	ERR_set_mark();
	md = EVP_MD_fetch(c->ctx, s->hash, NULL);
	x = EVP_MD_CTX_new();
	ok = md && x && EVP_DigestInit_ex2(x, md, NULL) == 1 &&
	    (!secret.len || EVP_DigestUpdate(x, secret.p, secret.len) == 1) &&
	    EVP_DigestUpdate(x, number, sizeof number) == 1 && EVP_DigestFinal_ex(x, hash, &n) == 1 &&
	    n >= s->key;
	EVP_MD_CTX_free(x);
	EVP_MD_free(md);
	ERR_pop_to_mark();
	if (ok)
		buf_put(out, hash, s->key);
	OPENSSL_cleanse(hash, sizeof hash);
	return ok ? buf_err(out) : E_CRYPTO;
}

void
crypt_pad(enum cipher cipher, struct buf *b, size_t from)
{
	size_t block = suites[cipher].block;

	buf_u8(b, 0x80);
	if (!b->bad)
		buf_fill(b, 0, (block - (b->len - from) % block) % block);
}

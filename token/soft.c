#include "token/soft_int.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/provider.h>
#include <openssl/rand.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/log.h"

struct soft_md {
	EVP_MD_CTX *ctx;
	size_t size; /* bytes of the digest */
};

/* RAND_bytes_ex would ask an engine the host program may have set, and that engine may be
 * us: the generator of our own context is asked by name. */
static bool
random_own(struct soft *s, uint8_t *p, size_t n)
{
	EVP_RAND_CTX *drbg;
	bool ok;

	ERR_set_mark();
	drbg = RAND_get0_public(s->ctx);
	ok = drbg && EVP_RAND_generate(drbg, p, n, 0, 0, NULL, 0) == 1;
	ERR_pop_to_mark();
	return ok;
}

struct soft *
soft_new(void)
{
	struct soft *s = NULL;

	/* Where we are the first to use OpenSSL it must not clean up behind a program that
	 * does not know it is there. Where we are not, this changes nothing. */
	OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL);
	ERR_set_mark();
	if (!(s = calloc(1, sizeof *s)) || !(s->ctx = OSSL_LIB_CTX_new()) ||
	    !(s->base = OSSL_PROVIDER_load(s->ctx, "default")))
		goto fail;
	s->random = random_own;
	if (!(s->legacy = OSSL_PROVIDER_load(s->ctx, "legacy")))
		log_info("OpenSSL has no legacy provider here: old ciphers are missing");
	for (int h = HASH_NONE + 1; h < HASH_COUNT; h++)
		s->md[h] = EVP_MD_fetch(s->ctx, hash_info((enum hash)h)->name, NULL);
	ERR_pop_to_mark();
	return s;
fail:
	ERR_pop_to_mark();
	soft_free(&s);
	return NULL;
}

void
soft_free(struct soft **s)
{
	struct soft *x = *s;

	if (!x)
		return;
	for (int h = 0; h < HASH_COUNT; h++)
		EVP_MD_free(x->md[h]);
	if (x->legacy)
		OSSL_PROVIDER_unload(x->legacy);
	if (x->base)
		OSSL_PROVIDER_unload(x->base);
	OSSL_LIB_CTX_free(x->ctx);
	free(x);
	*s = NULL;
}

struct soft_md *
soft_md_new(struct soft *s, enum hash h)
{
	struct soft_md *md;

	if (!hash_info(h) || !s->md[h] || !(md = calloc(1, sizeof *md)))
		return NULL;
	md->size = hash_info(h)->size;
	ERR_set_mark();
	md->ctx = EVP_MD_CTX_new();
	if (!md->ctx || EVP_DigestInit_ex2(md->ctx, s->md[h], NULL) != 1)
		soft_md_free(&md);
	ERR_pop_to_mark();
	return md;
}

struct soft_md *
soft_md_copy(const struct soft_md *md)
{
	struct soft_md *copy = calloc(1, sizeof *copy);

	if (!copy)
		return NULL;
	copy->size = md->size;
	ERR_set_mark();
	copy->ctx = EVP_MD_CTX_new();
	if (!copy->ctx || EVP_MD_CTX_copy_ex(copy->ctx, md->ctx) != 1)
		soft_md_free(&copy);
	ERR_pop_to_mark();
	return copy;
}

int
soft_md_update(struct soft_md *md, struct view data)
{
	int ok;

	if (!data.len)
		return 0;
	ERR_set_mark();
	ok = EVP_DigestUpdate(md->ctx, data.p, data.len);
	ERR_pop_to_mark();
	return ok == 1 ? 0 : E_CRYPTO;
}

int
soft_md_final(struct soft_md *md, struct buf *out)
{
	size_t start = out->len;
	uint8_t *p = buf_room(out, md->size);
	int ok;

	if (!p)
		return E_MEM;
	ERR_set_mark();
	ok = EVP_DigestFinal_ex(md->ctx, p, NULL);
	ERR_pop_to_mark();
	if (ok != 1)
		buf_trim(out, start);
	return ok == 1 ? 0 : E_CRYPTO;
}

void
soft_md_free(struct soft_md **md)
{
	if (!*md)
		return;
	EVP_MD_CTX_free((*md)->ctx);
	free(*md);
	*md = NULL;
}

int
soft_hash(struct soft *s, enum hash h, struct view data, struct buf *out)
{
	struct soft_md *md = soft_md_new(s, h);
	int r;

	if (!md)
		return E_CRYPTO;
	r = soft_md_update(md, data);
	if (!r)
		r = soft_md_final(md, out);
	soft_md_free(&md);
	return r;
}

int
soft_random(struct soft *s, size_t n, struct buf *out)
{
	size_t start = out->len;
	uint8_t *p = buf_room(out, n);

	if (!p)
		return E_MEM;
	if (n && !s->random(s, p, n)) {
		buf_trim(out, start);
		return E_CRYPTO;
	}
	return 0;
}

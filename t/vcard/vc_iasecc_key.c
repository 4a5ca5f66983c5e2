/* Keys of an organisation card: the environment, signatures with the hash inline, decipherment. */
/* The state of a hash comes from outside, which only SHA256_CTX takes. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <string.h>

#include "t/vcard/vc_iasecc.h"

#define PADDING_INDICATOR 0x81  /* FINEID's; ISO 7816-8 has 00 */
#define RSAES_PKCS1 0x1A
#define HASH_TEMPLATE 0xAA      /* P2 of MSE SET */
#define BLOCK 64                /* bytes of a block of SHA-1 and SHA-256 */

enum { SCHEME_PKCS1 = 2, SCHEME_ECDSA = 4, SCHEME_PSS = 5 };   /* low nibble of a signature's algorithm */

/* High nibble of a signature's algorithm. Source: facts on FINEID, section 5. */
static const struct hash { uint8_t nibble; const char *name; size_t len; bool old; } hashes[] = {
	{ 1, "SHA1", 20, true }, { 4, "SHA256", 32, false }, { 5, "SHA384", 48, false },
	{ 6, "SHA512", 64, false },
};

static const struct hash *hash_of(const struct vc_card *c, unsigned alg)
{
	size_t i;

	for (i = 0; i < sizeof hashes / sizeof hashes[0]; i++)
		if (hashes[i].nibble == alg >> 4 && (!hashes[i].old || ias(c)->type->last_round))
			return &hashes[i];
	return NULL;
}

struct vc_file *vc_iasecc_key(const struct vc_card *c, unsigned ref)
{
	struct vc_file *f;

	for (f = c->files; f != NULL; f = f->next)
		if (vc_file_is_key(f) && f->ref == ref && (!(ref & IASECC_LOCAL) || f->parent == c->df))
			return f;
	return NULL;
}

void vc_iasecc_forget(struct vc_card *c)
{
	memset(&c->se, 0, sizeof c->se);
	ias(c)->ht = 0;
	OPENSSL_cleanse(ias(c)->hash, sizeof ias(c)->hash);
	ias(c)->hash_len = 0;
}

/* Whether a key does what the algorithm says, in an environment for signatures or decipherment. */
static bool alg_fits(const struct vc_card *c, const struct vc_file *key, unsigned use, unsigned alg)
{
	unsigned scheme = alg & 15U;

	if (use == IASECC_CT)
		return alg == RSAES_PKCS1 && key->type == VC_RSA;
	if (use != IASECC_DST || hash_of(c, alg) == NULL)
		return false;
	if (key->type == VC_EC)
		return scheme == SCHEME_ECDSA;
	return scheme == SCHEME_PKCS1 || scheme == SCHEME_PSS;
}

/* `80 01 hh` before the signature's environment, as plain IAS-ECC has it. Facts on IAS-ECC, 4.1. */
static uint16_t mse_hash(struct vc_card *c, const struct vc_cmd *cmd)
{
	const uint8_t *d = cmd->data;

	if (!ias(c)->type->last_round)
		return SW_P1P2;
	if (cmd->lc != 3 || d[0] != 0x80 || d[1] != 1 || (d[2] & 15) != 0 || hash_of(c, d[2]) == NULL)
		return SW_DATA;
	vc_iasecc_forget(c);
	ias(c)->ht = d[2];
	return SW_OK;
}

uint16_t vc_iasecc_mse(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out)
{
	static const uint8_t uses[] = { 0xA4, IASECC_DST, IASECC_CT };
	const uint8_t *d = cmd->data;
	struct vc_se se = { .use = cmd->p2, .dir = cmd->p1 };
	uint8_t ht = ias(c)->ht;
	unsigned ref;

	(void)out;
	if (cmd->p1 == 0xF3) {          /* RESTORE */
		vc_iasecc_forget(c);
		return SW_OK;
	}
	if (cmd->p1 == 0x41 && cmd->p2 == HASH_TEMPLATE)
		return mse_hash(c, cmd);
	if (cmd->p1 != 0x41 || memchr(uses, cmd->p2, sizeof uses) == NULL)
		return SW_P1P2;
	if (cmd->lc == 0)
		return SW_LENGTH;
	/* Algorithm and key, in either order. */
	if (cmd->lc != 6 || d[1] != 1 || d[4] != 1 ||
	    !((d[0] == 0x80 && d[3] == 0x84) || (d[0] == 0x84 && d[3] == 0x80)))
		return SW_DATA;
	se.alg = d[0] == 0x80 ? d[2] : d[5];
	ref = d[0] == 0x84 ? d[2] : d[5];
	se.key = vc_iasecc_key(c, ref);
	if (se.key == NULL)
		return SW_REF_NOT_FOUND;
	/* A hash that was named before must be the signature's. */
	if (!alg_fits(c, se.key, se.use, se.alg) ||
	    (ht != 0 && se.use == IASECC_DST && ht >> 4 != se.alg >> 4))
		return SW_DATA;
	vc_iasecc_forget(c);
	c->se = se;
	return SW_OK;
}

/* SW_OK when the environment is there for that use and the key may be used now. */
static uint16_t key_ready(const struct vc_card *c, unsigned use, unsigned deed)
{
	const struct vc_file *key = c->se.key;

	if (key == NULL || c->se.use != use || key->key == NULL)
		return SW_CONDITIONS;
	if (!(key->use & deed) || !vc_pin_opens_key(c, key))
		return SW_SECURITY;
	return SW_OK;
}

static bool sign(
	const struct vc_card *c, const struct hash *h, const uint8_t *hash, struct vc_blob *out)
{
	const struct vc_file *key = c->se.key;
	uint8_t info[83], sig[VC_RSA_MAX];
	size_t n, k = vc_key_bytes(key);

	switch (c->se.alg & 15U) {
	case SCHEME_ECDSA:
		return vc_ecdsa_rs(key, hash, h->len, out);
	case SCHEME_PSS:
		return vc_rsa_pss(key, h->name, hash, h->len, sig) && vc_blob_add(out, sig, k);
	default:
		n = vc_digest_info(h->name, hash, h->len, info);
		return n != 0 && vc_rsa_pkcs1(key, info, n, sig) && vc_blob_add(out, sig, k);
	}
}

static uint16_t pso_sign(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out)
{
	const struct hash *h = hash_of(c, c->se.alg);
	const uint8_t *hash = cmd->data;
	uint16_t sw = key_ready(c, IASECC_DST, VC_SIGN);
	bool ok;

	if (sw != SW_OK)
		return sw;
	if (cmd->lc == 0) {             /* of the hash that the card ended itself */
		if (h == NULL || ias(c)->hash_len != h->len)
			return SW_CONDITIONS;
		hash = ias(c)->hash;
	} else if (h == NULL || cmd->lc != h->len) {
		return SW_DATA;
	}
	ok = sign(c, h, hash, out);
	ias(c)->hash_len = 0;
	if (!ok)
		return SW_ERROR;
	vc_pin_used(c, c->se.key);
	return SW_OK;
}

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Goes on with SHA-1 from a state, or from the start (state NULL), and ends it. */
static bool end_sha1(
	const uint8_t *state, uint64_t bits, const uint8_t *rest, size_t len, uint8_t *hash)
{
	SHA_CTX ctx;
	SHA_LONG *const h[] = { &ctx.h0, &ctx.h1, &ctx.h2, &ctx.h3, &ctx.h4 };
	size_t i;

	if (SHA1_Init(&ctx) != 1)
		return false;
	for (i = 0; state != NULL && i < 5; i++)
		*h[i] = be32(state + 4 * i);
	ctx.Nl = (SHA_LONG)bits;
	ctx.Nh = (SHA_LONG)(bits >> 32);
	return SHA1_Update(&ctx, rest, len) == 1 && SHA1_Final(hash, &ctx) == 1;
}

static bool end_sha256(
	const uint8_t *state, uint64_t bits, const uint8_t *rest, size_t len, uint8_t *hash)
{
	SHA256_CTX ctx;
	size_t i;

	if (SHA256_Init(&ctx) != 1)
		return false;
	for (i = 0; state != NULL && i < 8; i++)
		ctx.h[i] = be32(state + 4 * i);
	ctx.Nl = (SHA_LONG)bits;
	ctx.Nh = (SHA_LONG)(bits >> 32);
	return SHA256_Update(&ctx, rest, len) == 1 && SHA256_Final(hash, &ctx) == 1;
}

/*
 * The last round: `90 L {state, counter of bits in 8 bytes} 80 L {less than a block}`; a message shorter
 * than a block has 90 00. Source: facts on IAS-ECC, section 4.2.
 */
static uint16_t pso_hash(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out)
{
	const struct hash *h = hash_of(c, c->se.alg);
	const uint8_t *d = cmd->data, *state = NULL, *rest;
	uint64_t bits = 0;
	size_t n, len;
	bool ok;

	(void)out;
	if (!ias(c)->type->last_round)
		return SW_P1P2;
	if (c->se.key == NULL || c->se.use != IASECC_DST || h == NULL)
		return SW_CONDITIONS;
	ias(c)->hash_len = 0;
	if (h->len > 32 || cmd->lc < 2 || d[0] != 0x90 || (d[1] != 0 && d[1] != h->len + 8))
		return SW_DATA;
	n = 2U + d[1];
	if (cmd->lc < n + 2 || d[n] != 0x80 || d[n + 1] != cmd->lc - n - 2 || d[n + 1] >= BLOCK)
		return SW_DATA;
	rest = d + n + 2;
	len = d[n + 1];
	if (d[1] != 0) {
		state = d + 2;
		bits = (uint64_t)be32(state + h->len) << 32 | be32(state + h->len + 4);
		/* Of whole blocks, and of one at least: else it would be the state of the start. */
		if (bits == 0 || bits % (8 * BLOCK) != 0)
			return SW_DATA;
	}
	ok = h->len == 20 ? end_sha1(state, bits, rest, len, ias(c)->hash)
			  : end_sha256(state, bits, rest, len, ias(c)->hash);
	if (!ok)
		return SW_ERROR;
	ias(c)->hash_len = h->len;
	return SW_OK;
}

static uint16_t pso_decipher(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out)
{
	uint8_t plain[VC_RSA_MAX];
	uint16_t sw = key_ready(c, IASECC_CT, VC_DECIPHER);
	int n;

	if (sw != SW_OK)
		return sw;
	if (cmd->lc != 1 + vc_key_bytes(c->se.key) || cmd->data[0] != PADDING_INDICATOR)
		return SW_DATA;
	n = vc_rsa_decrypt(c->se.key, NULL, cmd->data + 1, plain);
	if (n >= 0) {
		vc_blob_add(out, plain, (size_t)n);
		vc_pin_used(c, c->se.key);
	}
	OPENSSL_cleanse(plain, sizeof plain);
	return n >= 0 ? SW_OK : SW_DATA;
}

static const struct vc_operation operations[] = {
	{ 0x9E, 0x9A, pso_sign },
	{ 0x90, 0xA0, pso_hash },
	{ 0x80, 0x86, pso_decipher },
};

uint16_t vc_iasecc_pso(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out)
{
	return vc_operate(operations, sizeof operations / sizeof operations[0], c, cmd, out);
}

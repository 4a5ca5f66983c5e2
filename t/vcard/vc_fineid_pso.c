/*
 * Signatures, decipherment and key agreement of the FINEID citizen's card: the hash goes in first, by PSO
 * HASH, then an empty PSO CDS. Source: facts on FINEID 5, "MSE SET + PSO"; facts on Gemalto eID, section 3.
 */
#include <openssl/crypto.h>
#include <string.h>

#include "t/vcard/vc_fineid.h"

enum { MSE_DST = 0xB6, MSE_CT = 0xB8, MSE_HT = 0xAA, MSE_AT = 0xA4 };
enum { SCHEME_PKCS1 = 2, SCHEME_ECDSA = 4, SCHEME_PSS = 5, SCHEME_RSAES = 0xA, SCHEME_OAEP = 0xD };

#define ALG_RSAES 0x1A          /* RSAES-PKCS1-v1_5: its high nibble names no hash */
#define FINEID_RSA 0x81         /* padding indicator of a cryptogram */
#define FINEID_ECDH 0x00        /* and of a point */

/* High nibble of an algorithm reference. */
static const struct { uint8_t nibble; const char *name; size_t len, block; } hashes[] = {
	{ 1, "SHA1", 20, 64 },
	{ 3, "SHA224", 28, 64 },
	{ 4, "SHA256", 32, 64 },
	{ 5, "SHA384", 48, 128 },
	{ 6, "SHA512", 64, 128 },
};

/* Index in hashes, or -1. */
static int hash_of(uint8_t alg)
{
	size_t i;

	for (i = 0; i < sizeof hashes / sizeof hashes[0]; i++)
		if (hashes[i].nibble == alg >> 4)
			return (int)i;
	return -1;
}

/* OpenSSL's name of the hash of an algorithm that MSE SET took, or NULL. */
static const char *hash_name(uint8_t alg)
{
	return hash_of(alg) >= 0 ? hashes[hash_of(alg)].name : NULL;
}

/* What each template takes: low nibbles of the reference for each kind of key, and the key's use. */
static const struct mse { uint8_t p2, type, use; uint8_t schemes[3]; } mse_table[] = {
	{ MSE_DST, VC_RSA, VC_SIGN, { SCHEME_PKCS1, SCHEME_PSS } },
	{ MSE_DST, VC_EC, VC_SIGN, { SCHEME_ECDSA } },
	{ MSE_CT, VC_RSA, VC_DECIPHER, { SCHEME_RSAES, SCHEME_OAEP } },
	{ MSE_CT, VC_EC, VC_DERIVE, { 0 } },
	{ MSE_AT, VC_RSA, VC_SIGN, { SCHEME_PKCS1, SCHEME_PSS } },
	{ MSE_AT, VC_EC, VC_SIGN, { SCHEME_ECDSA } },
};

/*
 * Algorithm 80 and key 84, one byte each, in any order; nothing else, as the tag 81 of SetCOS. False:
 * something else is there.
 */
static bool read_crt(const struct vc_cmd *cmd, int *alg, int *ref)
{
	const uint8_t *p = cmd->data, *end = p + cmd->lc;

	*alg = *ref = -1;
	for (; end - p >= 3 && p[1] == 1; p += 3) {
		if (p[0] == 0x80 && *alg < 0)
			*alg = p[2];
		else if (p[0] == 0x84 && *ref < 0)
			*ref = p[2];
		else
			return false;
	}
	return p == end;
}

/* Whether a key does what an algorithm says; an EC key agrees without any. */
static uint16_t fits(const struct mse *mse, int alg)
{
	if (mse->schemes[0] == 0)
		return alg < 0 ? SW_OK : SW_DATA;
	/* An alg with no hash ("02", the caller's DigestInfo) is Uruguay's, not FINEID's. */
	if (alg < 0 || hash_of((uint8_t)alg) < 0)
		return SW_DATA;
	if ((alg & 15) == SCHEME_RSAES && alg != ALG_RSAES)
		return SW_DATA;
	return memchr(mse->schemes, alg & 15, sizeof mse->schemes) != NULL ? SW_OK : SW_DATA;
}

uint16_t fineid_mse(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out)
{
	struct vc_se se = { .use = cmd->p2, .dir = cmd->p1 };
	const struct mse *mse = mse_table, *end = mse + sizeof mse_table / sizeof mse_table[0];
	int alg, ref;
	uint16_t sw;

	(void)out;
	if (cmd->p1 != 0x41 || (cmd->p2 != MSE_HT && memchr("\xB6\xB8\xA4", cmd->p2, 3) == NULL))
		return SW_P1P2;
	if (cmd->lc == 0)
		return SW_LENGTH;
	if (!read_crt(cmd, &alg, &ref))
		return SW_DATA;
	if (cmd->p2 == MSE_HT) {                /* only a hash */
		if (ref >= 0 || alg < 0 || hash_of((uint8_t)alg) < 0)
			return SW_DATA;
		se.alg = (uint8_t)alg;
		c->se = se;
		fineid_drop_hash(c);
		return SW_OK;
	}
	if (ref < 0)
		return SW_DATA;
	se.key = vc_file_key(c, NULL, (unsigned)ref);
	if (se.key == NULL || se.key->key == NULL)
		return SW_REF_NOT_FOUND;
	while (mse < end && (mse->p2 != cmd->p2 || mse->type != se.key->type || !(mse->use & se.key->use)))
		mse++;
	if (mse == end)
		return SW_REF_NOT_FOUND;
	sw = fits(mse, alg);
	if (sw != SW_OK)
		return sw;
	se.alg = alg < 0 ? 0 : (uint8_t)alg;
	c->se = se;
	fineid_drop_hash(c);
	return SW_OK;
}

/* --- PSO HASH --- */

/* Goes on with what the card hashes by itself. */
static bool hash_on(struct fineid *f, int hash, const uint8_t *p, size_t len)
{
	if (f->running == NULL) {
		f->running = EVP_MD_CTX_new();
		if (f->running == NULL ||
			EVP_DigestInit_ex2(f->running, EVP_get_digestbyname(hashes[hash].name), NULL) != 1)
			return false;
	}
	return EVP_DigestUpdate(f->running, p, len) == 1;
}

/* Whole blocks, more to come. */
static uint16_t hash_blocks(struct vc_card *c, const struct vc_cmd *cmd, int hash)
{
	if (cmd->lc == 0 || cmd->lc % hashes[hash].block != 0)
		return SW_DATA;
	fineid(c)->hash_len = 0;
	fineid(c)->hash_lost = false;
	return hash_on(fineid(c), hash, cmd->data, cmd->lc) ? SW_OK : SW_ERROR;
}

/* `90 len hash`, made outside; or `80 len text`, the last part of what the card hashes. */
static uint16_t hash_last(struct vc_card *c, const struct vc_cmd *cmd, int hash)
{
	struct fineid *f = fineid(c);
	const uint8_t *d = cmd->data;
	uint8_t result[FINEID_HASH];

	if (cmd->lc < 2 || d[1] != cmd->lc - 2)
		return SW_DATA;
	if (d[0] == 0x90 && f->running == NULL && d[1] == hashes[hash].len) {
		memcpy(result, d + 2, d[1]);
	} else if (d[0] == 0x80) {
		if (!hash_on(f, hash, d + 2, d[1]) || EVP_DigestFinal_ex(f->running, result, NULL) != 1)
			return SW_ERROR;
	} else {
		fineid_drop_hash(c);
		return SW_DATA;
	}
	fineid_drop_hash(c);
	f->hash_len = hashes[hash].len;
	memcpy(f->hash, result, f->hash_len);
	return SW_OK;
}

static uint16_t pso_hash(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out)
{
	int hash = hash_of(c->se.alg);

	(void)out;
	if ((c->se.use != MSE_DST && c->se.use != MSE_HT) || hash < 0)
		return SW_CONDITIONS;
	return cmd->p2 == 0x80 ? hash_blocks(c, cmd, hash) : hash_last(c, cmd, hash);
}

/* --- PSO COMPUTE DIGITAL SIGNATURE --- */

static bool sign(const struct vc_card *c, const struct vc_file *key, const uint8_t *hash, size_t len,
	struct vc_blob *out)
{
	uint8_t result[VC_RSA_MAX], info[FINEID_HASH + 19];
	const char *md = hash_name(c->se.alg);
	size_t n;

	if ((c->se.alg & 15) == SCHEME_ECDSA)
		return vc_ecdsa_rs(key, hash, len, out);
	if ((c->se.alg & 15) == SCHEME_PSS)
		return vc_rsa_pss(key, md, hash, len, result) &&
			vc_blob_add(out, result, vc_key_bytes(key));
	n = vc_digest_info(md, hash, len, info);
	return n != 0 && vc_rsa_pkcs1(key, info, n, result) && vc_blob_add(out, result, vc_key_bytes(key));
}

/*
 * A wrong Le over T=0 gets 6Cxx and loses the hash; the command sent again signs what is left in the
 * card's memory, with 9000. Source: facts on FINEID 5, "Quirks" (S1 v4.2, 3.8.1.1).
 */
static uint16_t pso_sign(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out)
{
	struct fineid *f = fineid(c);
	const struct vc_file *key = c->se.key;
	uint8_t hash[FINEID_HASH] = { 0 };
	size_t len = hash_of(c->se.alg) >= 0 ? hashes[hash_of(c->se.alg)].len : 0;
	uint16_t sw;

	if (cmd->lc != 0 || !cmd->has_le)
		return SW_LENGTH;
	if (c->se.use != MSE_DST || key == NULL)
		return SW_CONDITIONS;
	if (!vc_pin_opens_key(c, key))
		return SW_SECURITY;
	if (f->hash_len == 0 && !f->hash_lost)
		return SW_CONDITIONS;
	sw = vc_t0_le(c, cmd, key->type == VC_EC ? 2 * vc_key_bytes(key) : vc_key_bytes(key));
	if (sw != SW_OK) {
		f->hash_len = 0;
		f->hash_lost = true;
		return sw;
	}
	if (!f->hash_lost)
		memcpy(hash, f->hash, len);
	fineid_drop_hash(c);
	if (!sign(c, key, hash, len, out))
		return SW_ERROR;
	vc_pin_used(c, key);
	return SW_OK;
}

/* --- PSO DECIPHER --- */

static uint16_t decipher_rsa(const struct vc_card *c, const struct vc_file *key, const struct vc_cmd *cmd,
	struct vc_blob *out)
{
	uint8_t plain[VC_RSA_MAX];
	int n;

	if (cmd->data[0] != FINEID_RSA)
		return SW_DATA;
	if (cmd->lc != vc_key_bytes(key) + 1)
		return SW_LENGTH;
	n = vc_rsa_decrypt(key, c->se.alg == ALG_RSAES ? NULL : hash_name(c->se.alg), cmd->data + 1,
		plain);
	if (n >= 0)
		vc_blob_add(out, plain, (size_t)n);
	OPENSSL_cleanse(plain, sizeof plain);
	return n >= 0 ? SW_OK : SW_DATA;
}

static uint16_t pso_decipher(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out)
{
	const struct vc_file *key = c->se.key;
	uint16_t sw;

	if (c->se.use != MSE_CT || key == NULL)
		return SW_CONDITIONS;
	if (!vc_pin_opens_key(c, key))
		return SW_SECURITY;
	if (cmd->lc < 2)
		return SW_LENGTH;
	if (key->type == VC_RSA)
		sw = decipher_rsa(c, key, cmd, out);
	else if (cmd->data[0] == FINEID_ECDH && cmd->data[1] == 0x04 &&
		cmd->lc == 2 * vc_key_bytes(key) + 2 && vc_ecdh(key, cmd->data + 1, cmd->lc - 1, out))
		sw = SW_OK;
	else
		sw = SW_DATA;
	if (sw == SW_OK)
		vc_pin_used(c, key);
	return sw;
}

static const struct vc_operation operations[] = {
	{ 0x90, 0x80, pso_hash },
	{ 0x90, 0xA0, pso_hash },
	{ 0x9E, 0x9A, pso_sign },
	{ 0x80, 0x86, pso_decipher },
};

uint16_t fineid_pso(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out)
{
	return vc_operate(operations, sizeof operations / sizeof operations[0], c, cmd, out);
}

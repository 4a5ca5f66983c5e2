/* MyEID's key files: generation, import, and how their keys are asked. */
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

#include "t/vcard/vc_myeid.h"

#define KEY_VALID 1             /* low nibble of prop byte 0 */
#define KEY_MADE_HERE 3
#define EXTRACTABLE 0x08        /* prop byte 1 */

enum {                          /* algorithm references; facts on MyEID 5.1 */
	ALG_RAW = 0x00, ALG_PKCS1 = 0x02, ALG_EC = 0x04, ALG_WRAP = 0x0A, ALG_SHA1 = 0x12,
	ALG_SYM_PAD = 0x80, ALG_WRAP_PAD = 0x8A
};

/* Parts of an imported key: index = P2 & 0F; 88 and 89 (8A, 8B) are halves of 80 (82). */
enum {
	PART_N, PART_E, PART_D, PART_P, PART_Q, PART_DP, PART_DQ, PART_QINV,
	PART_N1, PART_N2, PART_D1, PART_D2
};
#define PART_EC_PUB PART_DQ
#define PART_EC_PRIV PART_QINV

static const uint8_t sha1_prefix[] = {  /* DigestInfo of SHA-1 without the hash; RFC 8017, 9.2 */
	0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2B, 0x0E, 0x03, 0x02, 0x1A, 0x05, 0x00, 0x04, 0x14
};

bool vc_key_fits(const struct vc_card *c, uint8_t type, size_t bits)
{
	size_t max = vc_version_at_least(c, 4, 5, 0) && !my(c)->oseid ? 4096 : 2048;

	switch (type) {
	case VC_RSA:
		if (!vc_version_at_least(c, 3, 0, 0))
			return bits == 1024 || bits == 2048;
		return bits >= 512 && bits <= max && bits % 64 == 0;
	case VC_EC:
		if (bits == 256)
			return vc_version_at_least(c, 3, 5, 0);
		return vc_curve_name(bits) != NULL && vc_version_at_least(c, 4, 0, 0);
	case VC_AES:
		return vc_version_at_least(c, 4, 0, 0) &&
			(bits == 128 || bits == 192 || bits == 256);
	case VC_3DES:
		return vc_version_at_least(c, 4, 0, 0) &&
			(bits == 64 || bits == 128 || bits == 192);
	case VC_SECRET:
		return vc_version_at_least(c, 4, 0, 0) && bits >= 8 && bits <= 2048 &&
			bits % 8 == 0;
	default:
		return false;
	}
}

static void part_clear(struct myeid_part *part)
{
	OPENSSL_clear_free(part->p, part->len);
	part->p = NULL;
	part->len = 0;
}

static void parts_clear(struct vc_file *f)
{
	size_t i;

	for (i = 0; i < MYEID_PARTS; i++)
		part_clear(&my_file(f)->part[i]);
}

void vc_key_clear(struct vc_file *f)
{
	parts_clear(f);
	EVP_PKEY_free(f->key);
	f->key = NULL;
	if (f->data != NULL)
		OPENSSL_cleanse(f->data, vc_key_bytes(f));
	free(f->data);
	f->data = NULL;
	my_file(f)->prop[0] &= 0xF0;
}

bool vc_key_set(struct vc_file *f, EVP_PKEY *key, uint8_t state)
{
	if (!vc_key_take(f, key))
		return false;
	parts_clear(f);
	my_file(f)->prop[0] = (uint8_t)((my_file(f)->prop[0] & 0xF0) | state);
	return true;
}

/* --- generation --- */

static EVP_PKEY *generate_rsa(size_t bits, const uint8_t *exponent, size_t len)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	BIGNUM *e = BN_bin2bn(exponent, (int)len, NULL);
	EVP_PKEY *key = NULL;

	if (ctx == NULL || e == NULL || EVP_PKEY_keygen_init(ctx) != 1 ||
	    EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, (int)bits) != 1 ||
	    EVP_PKEY_CTX_set1_rsa_keygen_pubexp(ctx, e) != 1)
		goto out;
	if (EVP_PKEY_generate(ctx, &key) != 1)
		key = NULL;
out:
	BN_free(e);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

/* The exponent of `30 L 81|02 n e`; the manual says 02, OpenSC sends 81. */
static bool generate_exponent(const struct vc_cmd *cmd, const uint8_t **e, size_t *len)
{
	const uint8_t *d = cmd->data;

	if (cmd->lc < 5 || d[0] != 0x30 || d[1] != cmd->lc - 2 || (d[2] != 0x81 && d[2] != 0x02) ||
	    d[3] != cmd->lc - 4 || d[3] > 4)
		return false;
	*e = d + 4;
	*len = d[3];
	return true;
}

/* 04 X Y of an EC key; its length, or 0. The caller OPENSSL_frees *point. */
static size_t ec_point(EVP_PKEY *key, unsigned char **point)
{
	*point = NULL;
	return EVP_PKEY_get1_encoded_public_key(key, point);
}

/* `tag L 04 X Y`, with the 81 form of the length for P-521. */
static bool put_point(struct vc_blob *out, unsigned tag, EVP_PKEY *key)
{
	unsigned char *point;
	size_t len = ec_point(key, &point);
	bool ok = len != 0 && vc_blob_byte(out, tag) && (len < 0x80 || vc_blob_byte(out, 0x81)) &&
		vc_blob_byte(out, (unsigned)len) && vc_blob_add(out, point, len);

	OPENSSL_free(point);
	return ok;
}

static bool put_bn(struct vc_blob *out, const BIGNUM *bn, size_t len)
{
	uint8_t tmp[VC_RSA_MAX];

	return bn != NULL && len <= sizeof tmp && BN_bn2binpad(bn, tmp, (int)len) == (int)len &&
		vc_blob_add(out, tmp, len);
}

/* A number of the key, by OSSL_PARAM name; len 0 = as short as it can be. */
static bool put_param(struct vc_blob *out, EVP_PKEY *key, const char *name, size_t len)
{
	BIGNUM *bn = NULL;
	bool ok = false;

	if (EVP_PKEY_get_bn_param(key, name, &bn) == 1)
		ok = put_bn(out, bn, len != 0 ? len : (size_t)BN_num_bytes(bn));
	BN_clear_free(bn);
	return ok;
}

uint16_t vc_key_generate(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out)
{
	struct vc_file *f = c->ef;
	EVP_PKEY *key;
	const uint8_t *e;
	size_t len;

	if (cmd->p1 != 0 || cmd->p2 != 0)
		return SW_P1P2;
	if (f == NULL)
		return SW_NO_EF;
	if (f->type != VC_RSA && f->type != VC_EC)
		return SW_CONDITIONS;
	if (!vc_file_may(c, f, VC_GENERATE))
		return SW_SECURITY;
	if (f->type == VC_RSA) {
		if (!generate_exponent(cmd, &e, &len))
			return SW_DATA;
		key = generate_rsa(f->size, e, len);
		if (key == NULL)
			return SW_DATA;
	} else {
		if (cmd->lc != 0)
			return SW_LENGTH;
		key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", vc_curve_name(f->size));
	}
	if (!vc_key_set(f, key, KEY_MADE_HERE))
		return SW_ERROR;
	my(c)->change++;
	if (f->type == VC_EC)
		return put_point(out, 0x86, f->key) ? SW_OK : SW_ERROR;
	return put_param(out, f->key, OSSL_PKEY_PARAM_RSA_N, vc_key_bytes(f)) ? SW_OK : SW_ERROR;
}

/* --- GET DATA --- */

/* One of p, a, b, G, n (P2 81..85) of the key file's curve. */
static uint16_t get_curve(const struct vc_file *f, unsigned p2, struct vc_blob *out)
{
	int nid = vc_curve_nid(f->size);
	EC_GROUP *group = nid != 0 ? EC_GROUP_new_by_curve_name(nid) : NULL;
	BIGNUM *v[3] = { BN_new(), BN_new(), BN_new() };
	uint8_t point[2 * 66 + 1];
	size_t len;
	bool ok = false;

	if (group == NULL || v[0] == NULL || v[1] == NULL || v[2] == NULL ||
	    EC_GROUP_get_curve(group, v[0], v[1], v[2], NULL) != 1)
		goto out;
	if (p2 == 0x84) {
		len = EC_POINT_point2oct(group, EC_GROUP_get0_generator(group),
			POINT_CONVERSION_UNCOMPRESSED, point, sizeof point, NULL);
		ok = len != 0 && vc_blob_add(out, point, len);
	} else {
		ok = put_bn(out, p2 == 0x85 ? EC_GROUP_get0_order(group) : v[p2 - 0x81],
			vc_key_bytes(f));
	}
out:
	BN_free(v[0]);
	BN_free(v[1]);
	BN_free(v[2]);
	EC_GROUP_free(group);
	return ok ? SW_OK : SW_ERROR;
}

uint16_t vc_key_get(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out)
{
	const struct vc_file *f = c->ef;
	bool ok = false;

	if (f == NULL || (f->type != VC_RSA && f->type != VC_EC))
		return SW_REF_NOT_FOUND;
	if (f->type == VC_EC && cmd->p2 >= 0x81 && cmd->p2 <= 0x85)
		return get_curve(f, cmd->p2, out);
	if (f->type == VC_RSA && cmd->p2 == 0x00) {
		/* Seen for RSA 1024 only: 92 00 00 18 04 00, the last two being the bits. */
		const uint8_t block[] = { 0x92, 0x00, 0x00, 0x18, (uint8_t)(f->size >> 8),
			(uint8_t)f->size };

		return vc_blob_add(out, block, sizeof block) ? SW_OK : SW_ERROR;
	}
	if (f->key == NULL)
		return SW_REF_NOT_FOUND;
	if (f->type == VC_RSA && cmd->p2 == 0x01)
		ok = put_param(out, f->key, OSSL_PKEY_PARAM_RSA_N, vc_key_bytes(f));
	else if (f->type == VC_RSA && cmd->p2 == 0x02)
		ok = put_param(out, f->key, OSSL_PKEY_PARAM_RSA_E, 0);
	else if (f->type == VC_EC && cmd->p2 == 0x86)
		ok = put_point(out, 0x30, f->key);
	else
		return SW_REF_NOT_FOUND;
	return ok ? SW_OK : SW_ERROR;
}

/* --- PUT DATA: import --- */

static BIGNUM *part_bn(const struct vc_file *f, unsigned part)
{
	return my_file(f)->part[part].p != NULL ? BN_bin2bn(my_file(f)->part[part].p, (int)my_file(f)->part[part].len, NULL)
				       : NULL;
}

static bool same_or_absent(const struct vc_file *f, unsigned part, const BIGNUM *want)
{
	BIGNUM *have = part_bn(f, part);
	bool ok = have == NULL || BN_cmp(have, want) == 0;

	BN_clear_free(have);
	return ok;
}

/* An RSA key of n, e, p, q; dP, dQ, qInv and d are computed, and must be what the host sent. */
static EVP_PKEY *import_rsa(const struct vc_file *f)
{
	BN_CTX *bc = BN_CTX_new();
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	OSSL_PARAM *params = NULL;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	EVP_PKEY *key = NULL;
	BIGNUM *n = part_bn(f, PART_N), *e = part_bn(f, PART_E), *p = part_bn(f, PART_P),
	       *q = part_bn(f, PART_Q);
	BIGNUM *p1 = BN_new(), *q1 = BN_new(), *d = BN_new(), *dp = BN_new(), *dq = BN_new(),
	       *qi = BN_new();

	if (bc == NULL || bld == NULL || ctx == NULL || n == NULL || e == NULL || p == NULL ||
		q == NULL || p1 == NULL || q1 == NULL || d == NULL || dp == NULL || dq == NULL ||
		qi == NULL)
		goto out;
	BN_set_flags(p1, BN_FLG_CONSTTIME);
	if (BN_mul(d, p, q, bc) != 1 || BN_cmp(d, n) != 0)
		goto out;
	if (BN_sub(p1, p, BN_value_one()) != 1 || BN_sub(q1, q, BN_value_one()) != 1 ||
	    BN_mod_inverse(dp, e, p1, bc) == NULL || BN_mod_inverse(dq, e, q1, bc) == NULL ||
	    BN_mod_inverse(qi, q, p, bc) == NULL)
		goto out;
	if (!same_or_absent(f, PART_DP, dp) || !same_or_absent(f, PART_DQ, dq) ||
	    !same_or_absent(f, PART_QINV, qi))
		goto out;
	if (BN_mul(d, p1, q1, bc) != 1 || BN_mod_inverse(d, e, d, bc) == NULL)
		goto out;
	if (OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, n) != 1 ||
	    OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_E, e) != 1 ||
	    OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_D, d) != 1 ||
	    OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_FACTOR1, p) != 1 ||
	    OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_FACTOR2, q) != 1 ||
	    OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_EXPONENT1, dp) != 1 ||
	    OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_EXPONENT2, dq) != 1 ||
	    OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_COEFFICIENT1, qi) != 1)
		goto out;
	params = OSSL_PARAM_BLD_to_param(bld);
	if (params == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
	    EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params) != 1)
		key = NULL;
out:
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(bld);
	EVP_PKEY_CTX_free(ctx);
	BN_CTX_free(bc);
	BN_free(n);
	BN_free(e);
	BN_clear_free(p);
	BN_clear_free(q);
	BN_clear_free(p1);
	BN_clear_free(q1);
	BN_clear_free(d);
	BN_clear_free(dp);
	BN_clear_free(dq);
	BN_clear_free(qi);
	return key;
}

static EVP_PKEY *import_ec(const struct vc_file *f)
{
	BIGNUM *priv = part_bn(f, PART_EC_PRIV);
	EVP_PKEY *key = NULL;
	EVP_PKEY_CTX *check = NULL;

	if (priv != NULL)
		key = vc_ec_build(f->size, my_file(f)->part[PART_EC_PUB].p, my_file(f)->part[PART_EC_PUB].len, priv);
	if (key != NULL)
		check = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
	if (key != NULL && (check == NULL || EVP_PKEY_pairwise_check(check) != 1)) {
		EVP_PKEY_free(key);
		key = NULL;
	}
	EVP_PKEY_CTX_free(check);
	BN_clear_free(priv);
	return key;
}

static bool part_put(struct myeid_part *part, const uint8_t *p, size_t len)
{
	uint8_t *copy = OPENSSL_malloc(part->len + len + 1);

	if (copy == NULL)
		return false;
	if (part->len != 0)
		memcpy(copy, part->p, part->len);
	memcpy(copy + part->len, p, len);
	len += part->len;
	part_clear(part);
	part->p = copy;
	part->len = len;
	return true;
}

static bool all_parts(const struct vc_file *f, const uint8_t *need, size_t n)
{
	while (n-- != 0)
		if (my_file(f)->part[need[n]].p == NULL)
			return false;
	return true;
}

/* Joins the halves of modulus and private exponent as soon as both are there. */
static bool join_halves(struct vc_file *f, unsigned whole, unsigned first)
{
	struct myeid_part *a = &my_file(f)->part[first], *b = &my_file(f)->part[first + 1];
	bool ok = true;

	if (a->p == NULL || b->p == NULL)
		return true;
	part_clear(&my_file(f)->part[whole]);
	ok = part_put(&my_file(f)->part[whole], a->p, a->len) && part_put(&my_file(f)->part[whole], b->p, b->len);
	part_clear(a);
	part_clear(b);
	return ok;
}

static uint16_t put_secret(struct vc_card *c, struct vc_file *f, const uint8_t *p, size_t len)
{
	if (len != vc_key_bytes(f))
		return SW_LENGTH;
	vc_key_clear(f);
	f->data = malloc(len);
	if (f->data == NULL)
		return SW_NO_ROOM;
	memcpy(f->data, p, len);
	my_file(f)->prop[0] = (uint8_t)((my_file(f)->prop[0] & 0xF0) | KEY_VALID);
	my(c)->change++;
	return SW_OK;
}

uint16_t vc_key_put(struct vc_card *c, const struct vc_cmd *cmd)
{
	static const uint8_t need_rsa[] = { PART_N, PART_E, PART_P, PART_Q, PART_DP, PART_DQ,
		PART_QINV };
	static const uint8_t need_ec[] = { PART_EC_PRIV, PART_EC_PUB };
	struct vc_file *f = c->ef;
	unsigned part = cmd->p2 & 15U;
	bool whole;

	if (f == NULL)
		return SW_NO_EF;
	if (!vc_file_is_key(f))
		return SW_CONDITIONS;
	if (!vc_file_may(c, f, VC_LOAD))
		return SW_SECURITY;
	if (cmd->lc == 0)
		return SW_LENGTH;
	if (f->type != VC_RSA && f->type != VC_EC)
		return cmd->p2 == 0xA0 ? put_secret(c, f, cmd->data, cmd->lc) : SW_FUNCTION;
	if (cmd->p2 < 0x80 || part >= MYEID_PARTS ||
		(f->type == VC_EC && part != PART_EC_PUB && part != PART_EC_PRIV))
		return SW_FUNCTION;
	if (cmd->lc > vc_key_bytes(f) * (f->type == VC_EC ? 2 : 1) + 1)
		return SW_LENGTH;
	if (f->key != NULL)
		vc_key_clear(f);        /* a new import replaces the old key */
	part_clear(&my_file(f)->part[part]);
	if (!part_put(&my_file(f)->part[part], cmd->data, cmd->lc) || !join_halves(f, PART_N, PART_N1) ||
	    !join_halves(f, PART_D, PART_D1))
		return SW_ERROR;
	my(c)->change++;
	whole = f->type == VC_RSA ? all_parts(f, need_rsa, sizeof need_rsa)
				  : all_parts(f, need_ec, sizeof need_ec);
	if (!whole)
		return SW_OK;
	whole = vc_key_set(f, f->type == VC_RSA ? import_rsa(f) : import_ec(f), KEY_VALID);
	parts_clear(f);
	return whole ? SW_OK : SW_DATA;
}

/* --- PSO --- */

static uint16_t sign_rsa(const struct vc_card *c, const struct vc_file *f, const struct vc_cmd *cmd,
	struct vc_blob *out)
{
	uint8_t block[VC_RSA_MAX], result[VC_RSA_MAX];
	size_t k = vc_key_bytes(f), tail = cmd->lc;

	switch (c->se.alg) {
	case ALG_RAW:
		if (cmd->lc != k)
			return SW_LENGTH;
		break;
	case ALG_PKCS1:
		/*
		 * The applet takes 40 % of the modulus (measured, OpenSC #2173); OsEID what fits.
		 */
		if (cmd->lc == 0 || cmd->lc > (my(c)->oseid ? k - 11 : k * 2 / 5))
			return SW_LENGTH;
		break;
	case ALG_SHA1:
		if (cmd->lc != 20)
			return SW_LENGTH;
		tail += sizeof sha1_prefix;
		break;
	default:
		return SW_FUNCTION;
	}
	if (c->se.alg != ALG_RAW) {     /* EMSA-PKCS1-v1_5, RFC 8017 9.2 */
		memset(block, 0xFF, k);
		block[0] = 0x00;
		block[1] = 0x01;
		block[k - tail - 1] = 0x00;
		if (c->se.alg == ALG_SHA1)
			memcpy(block + k - tail, sha1_prefix, sizeof sha1_prefix);
	}
	memcpy(block + k - cmd->lc, cmd->data, cmd->lc);
	if (!vc_rsa_raw(f, block, result))
		return SW_DATA;
	vc_blob_add(out, result, k);
	return SW_OK;
}

static uint16_t sign_ec(const struct vc_card *c, const struct vc_file *f, const struct vc_cmd *cmd,
	struct vc_blob *out)
{
	const uint8_t *hash = cmd->data;
	size_t len = cmd->lc;

	if (c->se.alg != ALG_EC)
		return SW_FUNCTION;
	if (len == 0 || len > vc_key_bytes(f))
		return SW_LENGTH;
	/*
	 * The card takes a number: zeros in front must not make OpenSSL shift it (P-521: 66 bytes,
	 * 521 bits).
	 */
	while (len * 8 > f->size && *hash == 0) {
		hash++;
		len--;
	}
	if (len * 8 > f->size)
		return SW_DATA;
	return vc_ecdsa_der(f, hash, len, out) ? SW_OK : SW_ERROR;
}

static uint16_t pso_sign(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out)
{
	const struct vc_file *f = c->se.key;

	if (f->key == NULL)
		return SW_CONDITIONS;
	return f->type == VC_RSA ? sign_rsa(c, f, cmd, out) : sign_ec(c, f, cmd, out);
}

/*
 * Padding indicator 00 + cryptogram, or its halves with 81 and 82. SW_OK with *whole false when the
 * second half has still to come.
 */
static uint16_t cryptogram(struct vc_card *c, const struct vc_cmd *cmd, uint8_t *block, bool *whole)
{
	const struct vc_file *f = c->se.key;
	size_t k = vc_key_bytes(f), len = cmd->lc - 1;
	const uint8_t *d = cmd->data + 1;

	*whole = false;
	if (cmd->lc == 0)
		return SW_LENGTH;
	switch (cmd->data[0]) {
	case 0x00:
		if (len != k)
			return SW_LENGTH;
		memcpy(block, d, k);
		*whole = true;
		return SW_OK;
	case 0x81:
		if (len != k / 2)
			return SW_LENGTH;
		memcpy(my(c)->half.p, d, len);
		my(c)->half.len = len;
		my(c)->half_key = f;
		return SW_OK;
	case 0x82:
		if (my(c)->half_key != f || my(c)->half.len != k / 2)
			return SW_CONDITIONS;
		if (len != k / 2)
			return SW_LENGTH;
		memcpy(block, my(c)->half.p, k / 2);
		memcpy(block + k / 2, d, k / 2);
		my(c)->half.len = 0;
		my(c)->half_key = NULL;
		*whole = true;
		return SW_OK;
	default:
		return SW_DATA;
	}
}

static uint16_t pso_decipher(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out)
{
	const struct vc_file *f = c->se.key;
	uint8_t block[VC_RSA_MAX], plain[VC_RSA_MAX];
	size_t k = vc_key_bytes(f), at = 0;
	uint16_t sw;
	bool whole;

	if (f->type != VC_RSA || f->key == NULL)
		return SW_CONDITIONS;
	if (c->se.alg != ALG_RAW && c->se.alg != ALG_PKCS1 && c->se.alg != ALG_WRAP)
		return SW_FUNCTION;
	sw = cryptogram(c, cmd, block, &whole);
	if (sw != SW_OK || !whole)
		return sw;
	sw = vc_rsa_raw(f, block, plain) ? SW_OK : SW_DATA;
	if (sw == SW_OK && c->se.alg != ALG_RAW) {
		at = vc_rsa_unpad2(plain, k);
		if (at == 0)
			sw = SW_DATA;
	}
	if (sw == SW_OK)
		vc_blob_add(out, plain + at, k - at);
	OPENSSL_cleanse(plain, sizeof plain);
	return sw;
}

static const struct {
	uint8_t type;
	unsigned bits;
	const char *name;
} ciphers[] = {
	{ VC_AES, 128, "AES-128-CBC" },
	{ VC_AES, 192, "AES-192-CBC" },
	{ VC_AES, 256, "AES-256-CBC" },
	{ VC_3DES, 128, "DES-EDE-CBC" },
	{ VC_3DES, 192, "DES-EDE3-CBC" },
};

static const char *cipher_name(const struct vc_file *f)
{
	size_t i;

	for (i = 0; i < sizeof ciphers / sizeof ciphers[0]; i++)
		if (ciphers[i].type == f->type && ciphers[i].bits == f->size)
			return ciphers[i].name;
	return NULL;
}

/* CBC over whole blocks with a secret key; the last block of ciphertext goes on in iv. */
static bool cbc(const struct vc_file *f, bool enc, uint8_t *iv, const uint8_t *in, size_t len,
	uint8_t *result)
{
	EVP_CIPHER *cipher =
		cipher_name(f) != NULL ? EVP_CIPHER_fetch(NULL, cipher_name(f), NULL) : NULL;
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	size_t block = f->type == VC_AES ? 16 : 8;
	int n = 0;
	bool ok = cipher != NULL && ctx != NULL && len % block == 0 && len != 0 &&
		EVP_CipherInit_ex2(ctx, cipher, f->data, iv, enc, NULL) == 1 &&
		EVP_CIPHER_CTX_set_padding(ctx, 0) == 1 &&
		EVP_CipherUpdate(ctx, result, &n, in, (int)len) == 1 && (size_t)n == len;

	if (ok)
		memcpy(iv, (enc ? result : in) + len - block, block);
	EVP_CIPHER_CTX_free(ctx);
	EVP_CIPHER_free(cipher);
	return ok;
}

/* Bytes left after PKCS#7 padding is taken off; len + 1 when it is wrong. */
static size_t unpad_pkcs7(const uint8_t *p, size_t len, size_t block)
{
	size_t n = len != 0 ? p[len - 1] : 0, i;

	if (n == 0 || n > block || n > len)
		return len + 1;
	for (i = 0; i < n; i++)
		if (p[len - 1 - i] != n)
			return len + 1;
	return len - n;
}

/*
 * ENCIPHER and DECIPHER with a secret key. CLA 10 = more pieces follow, each answered at once; the
 * IV runs on until the last one (CLA 00).
 */
static uint16_t pso_symmetric(
	struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out, bool enc)
{
	const struct vc_file *f = c->se.key;
	size_t block = f->type == VC_AES ? 16 : 8, len = cmd->lc;
	uint8_t in[256 + 16], result[256 + 16], iv[16], start[16];
	bool last = cmd->cla == 0x00, pad = c->se.alg == ALG_SYM_PAD || c->se.alg == ALG_WRAP_PAD;

	if (f->data == NULL || f->type == VC_SECRET)
		return SW_CONDITIONS;
	if (c->se.alg != ALG_RAW && c->se.alg != ALG_WRAP && !pad)
		return SW_FUNCTION;
	if (c->se.iv_len != 0 && c->se.iv_len != block)
		return SW_CONDITIONS;
	if (len > 255)
		return SW_LENGTH;
	memcpy(start, c->se.iv, sizeof start);
	/* `half` keeps the running IV between pieces. */
	memcpy(iv, my(c)->half_key == f && my(c)->half.len == sizeof iv ? my(c)->half.p : start, sizeof iv);
	if (len != 0)
		memcpy(in, cmd->data, len);
	if (pad && enc && last) {
		memset(in + len, (int)(block - len % block), block - len % block);
		len += block - len % block;
	}
	my(c)->half_key = NULL;
	my(c)->half.len = 0;
	if (len == 0 || len % block != 0)
		return SW_LENGTH;
	if (!cbc(f, enc, iv, in, len, result))
		return SW_CONDITIONS;
	if (pad && !enc && last) {
		len = unpad_pkcs7(result, len, block);
		if (len > 256)
			return SW_DATA;
	}
	if (len > cmd->lc + block)
		return SW_DATA;
	if (!last) {
		memcpy(my(c)->half.p, iv, sizeof iv);
		my(c)->half.len = sizeof iv;
		my(c)->half_key = f;
	}
	vc_blob_add(out, result, len);
	OPENSSL_cleanse(in, sizeof in);
	OPENSSL_cleanse(result, sizeof result);
	return SW_OK;
}

static uint16_t pso_encipher(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out)
{
	return pso_symmetric(c, cmd, out, true);
}

static uint16_t pso_decrypt(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out)
{
	return pso_symmetric(c, cmd, out, false);
}

/* UNWRAP: what comes out of the decipherment becomes the target file's key. */
static uint16_t pso_unwrap(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out)
{
	struct vc_file *to = c->se.target;
	struct vc_blob plain = { .len = 0 };
	uint16_t sw;

	(void)out;
	if (to == NULL)
		return SW_FUNCTION;
	if (vc_file_has_key(to) || to->type == VC_RSA || to->type == VC_EC)
		return SW_CONDITIONS;
	if (!vc_file_may(c, to, VC_LOAD))
		return SW_SECURITY;
	sw = cmd->p2 == 0x86 ? pso_decipher(c, cmd, &plain) : pso_symmetric(c, cmd, &plain, false);
	/* A first half gives nothing yet. */
	if (sw == SW_OK && !(cmd->p2 == 0x86 && my(c)->half_key == c->se.key))
		sw = put_secret(c, to, plain.p, plain.len);
	OPENSSL_cleanse(plain.p, sizeof plain.p);
	return sw;
}

static uint16_t pso_wrap(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out)
{
	const struct vc_file *from = c->se.target;
	struct vc_cmd inner = *cmd;

	if (from == NULL)
		return SW_FUNCTION;
	if (cmd->lc != 0)
		return SW_LENGTH;
	if (from->data == NULL || !(my_file(from)->prop[1] & EXTRACTABLE))
		return SW_CONDITIONS;
	if (!vc_file_may(c, from, VC_USE))
		return SW_SECURITY;
	inner.data = from->data;
	inner.lc = vc_key_bytes(from);
	return pso_symmetric(c, &inner, out, true);
}

/* P1 P2 of PSO, the environment it needs (P1 P2 of its MSE SET), the first version that has it. */
static const struct pso {
	uint8_t p1, p2, dir, use, major;
	uint16_t (*run)(struct vc_card *, const struct vc_cmd *, struct vc_blob *);
} pso_table[] = {
	{ 0x9E, 0x9A, 0x41, 0xB6, 0, pso_sign },
	{ 0x80, 0x86, 0x41, 0xB8, 0, pso_decipher },
	{ 0x00, 0x86, 0x41, 0xB8, 4, pso_unwrap },
	{ 0x00, 0x84, 0x41, 0xB8, 4, pso_unwrap },
	{ 0x84, 0x00, 0x81, 0xB8, 4, pso_wrap },
	{ 0x84, 0x80, 0x81, 0xB8, 4, pso_encipher },
	{ 0x80, 0x84, 0x41, 0xB8, 4, pso_decrypt },
};

uint16_t vc_key_pso(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out)
{
	const struct pso *pso = pso_table, *end = pso + sizeof pso_table / sizeof pso_table[0];
	const struct vc_file *key = c->se.key;
	uint16_t sw;

	while (pso < end && (pso->p1 != cmd->p1 || pso->p2 != cmd->p2))
		pso++;
	if (pso == end || !vc_version_at_least(c, pso->major, 0, 0))
		return SW_P1P2;
	if (key == NULL || c->se.dir != pso->dir || c->se.use != pso->use || !vc_file_has_key(key))
		return SW_CONDITIONS;
	sw = vc_sec_use(c, key);
	if (sw != SW_OK)
		return sw;
	sw = pso->run(c, cmd, out);
	/* The consent is used up by a result, not by the first half of a cryptogram. */
	if (sw == SW_OK && my(c)->half_key == NULL)
		vc_sec_consent(c, key);
	return sw;
}

/* The point inside 7C L 85 L 04 X Y, lengths in the short or the 81 form. */
static const uint8_t *agree_point(const uint8_t *d, size_t n, size_t *len)
{
	static const uint8_t tags[] = { 0x7C, 0x85 };
	size_t i, skip;

	for (i = 0; i < sizeof tags; i++) {
		skip = n >= 3 && d[1] == 0x81 ? 3 : 2;
		if (n < skip || d[0] != tags[i] || d[1] > 0x81 || d[1] == 0x80 ||
			n - skip != d[skip - 1])
			return NULL;
		d += skip;
		n -= skip;
	}
	*len = n;
	return d;
}

uint16_t vc_key_agree(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out)
{
	const struct vc_file *f = c->se.key;
	const uint8_t *point;
	size_t len;
	uint16_t sw;

	if (cmd->p1 != 0 || cmd->p2 != 0)
		return SW_P1P2;
	if (f == NULL || c->se.use != 0xA4 || f->type != VC_EC || f->key == NULL)
		return SW_CONDITIONS;
	if (c->se.alg != ALG_EC)
		return SW_FUNCTION;
	sw = vc_sec_use(c, f);
	if (sw != SW_OK)
		return sw;
	point = agree_point(cmd->data, cmd->lc, &len);
	if (point == NULL || len != 2 * vc_key_bytes(f) + 1)
		return SW_DATA;
	if (!vc_ecdh(f, point, len, out))
		return SW_DATA;
	vc_sec_consent(c, f);
	return SW_OK;
}

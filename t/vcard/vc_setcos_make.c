/*
 * Personalisation of SetCOS 4.4 and the Java EID applet: files, PINs and keys are made. Source: facts on
 * SetCOS 3.2 to 3.4, 4 and 6.
 */
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <string.h>

#include "t/vcard/vc_setcos.h"

#define MF 0x3F00
#define PIN_BLOCK 8
#define PIN_RECORD 24           /* bytes of PUT DATA 0101 */

/* Tag 82. */
enum { DESCRIPTOR_EF = 0x01, DESCRIPTOR_PINS = 0x0A, DESCRIPTOR_KEY = 0x11, DESCRIPTOR_DF = 0x38 };
#define SHAREABLE 0x40

enum { KEY_GENERATE = 0x92, KEY_STORE = 0x9A };

struct fcp { const uint8_t *value[256]; uint8_t len[256]; };

static bool read_fcp(const struct vc_cmd *cmd, struct fcp *fcp)
{
	const uint8_t *p = cmd->data;
	size_t n = cmd->lc;

	memset(fcp, 0, sizeof *fcp);
	if (n < 2 || p[0] != 0x6F || p[1] != n - 2)
		return false;
	for (p += 2, n -= 2; n >= 2 && n - 2 >= p[1]; n -= 2U + p[1], p += 2 + p[1]) {
		fcp->value[p[0]] = p + 2;
		fcp->len[p[0]] = p[1];
	}
	return n == 0 && fcp->len[0x81] == 2 && fcp->len[0x82] >= 1 && fcp->len[0x83] == 2 &&
		fcp->value[0x86] != NULL;
}

static uint16_t kind_of(uint8_t descriptor)
{
	switch (descriptor & ~SHAREABLE) {
	case DESCRIPTOR_DF:
		return VC_DF;
	case DESCRIPTOR_KEY:
		return VC_RSA;
	case DESCRIPTOR_PINS:
		return VC_SECRET;
	case DESCRIPTOR_EF:
		return VC_EF;
	default:
		return 0;
	}
}

uint16_t vc_setcos_create(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out)
{
	struct fcp fcp;
	struct vc_file *f;
	uint16_t fid, kind;
	size_t size;

	(void)out;
	if (cmd->p1 != 0 || cmd->p2 != 0)
		return SW_P1P2;
	if (!read_fcp(cmd, &fcp))
		return SW_DATA;
	kind = kind_of(fcp.value[0x82][0]);
	fid = (uint16_t)(fcp.value[0x83][0] << 8 | fcp.value[0x83][1]);
	size = kind == VC_EF ? (size_t)(fcp.value[0x81][0] << 8 | fcp.value[0x81][1]) : 0;
	if (kind == 0 || fcp.len[0x84] > 16 || (fid == MF) != (c->files == NULL) ||
		(fid == MF && kind != VC_DF))
		return SW_DATA;
	if (c->files != NULL && !vc_iso_may(c, c->df, VC_ISO_CREATE))
		return SW_SECURITY;
	if (c->files != NULL && vc_file_child(c, c->df, fid) != NULL)
		return SW_EXISTS;
	f = vc_file_add(c, c->df, fid, (uint8_t)kind, size);
	if (f == NULL)
		return SW_NO_ROOM;
	vc_iso_file(f)->status = fcp.len[0x8A] == 1 && fcp.value[0x8A][0] == VC_ISO_CREATION
		? VC_ISO_CREATION
		: VC_ISO_ACTIVATED;
	if (!vc_setcos_rights(c, f, fcp.value[0x86], fcp.len[0x86])) {
		vc_file_remove(c, f);
		return SW_DATA;
	}
	if (kind == VC_DF && fcp.len[0x84] != 0) {
		memcpy(f->name, fcp.value[0x84], fcp.len[0x84]);
		f->name_len = fcp.len[0x84];
	}
	/* The reference that programs use for the one key of a file. */
	f->ref = (uint8_t)fid;
	f->use = VC_SIGN | VC_DECIPHER;
	vc_file_select(c, f);
	return SW_OK;
}

/* A file goes when its own conditions or those of its DF say so (a guess: the facts name both deeds, not who
 * asks). */
static bool may_delete(const struct vc_card *c, const struct vc_file *f)
{
	return vc_iso_may(c, f, f->type == VC_DF ? VC_ISO_DELETE : VC_ISO_ERASE) ||
		(f->parent != NULL && vc_iso_may(c, f->parent, VC_ISO_DELETE_IN));
}

uint16_t vc_setcos_delete(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out)
{
	struct vc_file *f = c->ef != NULL ? c->ef : c->df;
	unsigned i;

	(void)out;
	if (cmd->p1 != 0 || cmd->p2 != 0)
		return SW_P1P2;
	if (cmd->lc != 0 && cmd->lc != 2)
		return SW_LENGTH;
	if (cmd->lc == 2 && c->df != NULL)
		f = vc_file_child(c, c->df, (uint16_t)(cmd->data[0] << 8 | cmd->data[1]));
	if (f == NULL)
		return SW_NOT_FOUND;
	if (!may_delete(c, f))
		return SW_SECURITY;
	/* The PINs are in a file of the MF. */
	for (i = 1; f->parent == NULL && i < VC_PINS; i++)
		OPENSSL_cleanse(&c->pin[i], sizeof c->pin[i]);
	vc_file_remove(c, f);
	return SW_OK;
}

uint16_t vc_setcos_activate(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out)
{
	struct vc_file *f = c->ef != NULL ? c->ef : c->df;

	(void)out;
	if (cmd->p1 != 0 || cmd->p2 != 0)
		return SW_P1P2;
	if (f == NULL || (vc_iso_file(f)->status != VC_ISO_CREATION && (c->activated || f->parent != NULL)))
		return SW_CONDITIONS;
	vc_iso_file(f)->status = VC_ISO_ACTIVATED;
	if (f->parent == NULL)
		c->activated = true;
	return SW_OK;
}

uint16_t vc_setcos_put_pin(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out)
{
	const uint8_t *d = cmd->data;
	struct vc_pin *pin;

	(void)out;
	if (cmd->p1 != 0x01 || cmd->p2 != 0x01)
		return SW_P1P2;
	if (c->ef == NULL || c->ef->type != VC_SECRET)
		return SW_NO_EF;
	if (cmd->lc != PIN_RECORD)
		return SW_LENGTH;
	if (!vc_iso_may(c, c->ef, VC_ISO_UPDATE))
		return SW_SECURITY;
	if (d[0] < 1 || d[0] > SETCOS_PIN_RECORDS || (d[17] & 0x0F) == 0)
		return SW_DATA;
	pin = &c->pin[d[0]];
	if (pin->set)
		return SW_EXISTS;
	memcpy(pin->pin.p, d + 1, PIN_BLOCK);
	memcpy(pin->puk.p, d + 9, PIN_BLOCK);
	pin->pin.len = pin->puk.len = pin->block = pin->digits = PIN_BLOCK;
	pin->ref = d[0];
	pin->tries = pin->max = d[17] & 0x0F;
	pin->puk_tries = pin->puk_max = d[19] & 0x0F;
	pin->each_use = d[20] == 1;
	pin->changed = (d[21] & 0x80) == 0;
	pin->min = 4;
	pin->set = true;
	return SW_OK;
}

/* A number with its bits in front (two bytes); false at the end. */
static bool take_number(const uint8_t **p, size_t *n, BIGNUM **number)
{
	size_t bytes;

	if (*n < 2)
		return false;
	bytes = (size_t)((*p)[0] << 8 | (*p)[1]);
	bytes = (bytes + 7) / 8;
	if (bytes == 0 || bytes > *n - 2)
		return false;
	*number = BN_bin2bn(*p + 2, (int)bytes, NULL);
	*p += 2 + bytes;
	*n -= 2 + bytes;
	return *number != NULL;
}

static EVP_PKEY *generate(size_t bits, const BIGNUM *e)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	EVP_PKEY *key = NULL;
	BIGNUM *copy = BN_dup(e);

	if (ctx == NULL || copy == NULL || EVP_PKEY_keygen_init(ctx) != 1 ||
	    EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, (int)bits) != 1 ||
	    EVP_PKEY_CTX_set1_rsa_keygen_pubexp(ctx, copy) != 1 || EVP_PKEY_generate(ctx, &key) != 1)
		key = NULL;
	BN_free(copy);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

/* The whole key from exponent and primes; NULL when they are none. */
static EVP_PKEY *from_primes(const BIGNUM *e, const BIGNUM *p, const BIGNUM *q)
{
	BN_CTX *bn = BN_CTX_new();
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	OSSL_PARAM *params = NULL;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	BIGNUM *n = BN_new(), *p1 = BN_dup(p), *q1 = BN_dup(q), *phi = BN_new(), *d = BN_new(),
	       *dp = BN_new(), *dq = BN_new(), *qinv = BN_new();
	EVP_PKEY *key = NULL;

	if (bn == NULL || bld == NULL || ctx == NULL || n == NULL || p1 == NULL || q1 == NULL ||
		phi == NULL || d == NULL || dp == NULL || dq == NULL || qinv == NULL)
		goto out;
	if (!BN_mul(n, p, q, bn) || !BN_sub_word(p1, 1) || !BN_sub_word(q1, 1) || !BN_mul(phi, p1, q1, bn) ||
	    BN_mod_inverse(d, e, phi, bn) == NULL || !BN_mod(dp, d, p1, bn) || !BN_mod(dq, d, q1, bn) ||
	    BN_mod_inverse(qinv, q, p, bn) == NULL)
		goto out;
	if (OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, n) &&
		OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_E, e) &&
		OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_D, d) &&
		OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_FACTOR1, p) &&
		OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_FACTOR2, q) &&
		OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_EXPONENT1, dp) &&
		OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_EXPONENT2, dq) &&
		OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_COEFFICIENT1, qinv))
		params = OSSL_PARAM_BLD_to_param(bld);
	if (params == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
		EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params) != 1)
		key = NULL;
out:
	BN_clear_free(p1);
	BN_clear_free(q1);
	BN_clear_free(phi);
	BN_clear_free(d);
	BN_clear_free(dp);
	BN_clear_free(dq);
	BN_clear_free(qinv);
	BN_free(n);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(bld);
	EVP_PKEY_CTX_free(ctx);
	BN_CTX_free(bn);
	return key;
}

uint16_t vc_setcos_generate(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out)
{
	const uint8_t *p = cmd->data;
	size_t n = cmd->lc, bits;
	BIGNUM *e = NULL, *p1 = NULL, *q1 = NULL;
	EVP_PKEY *key = NULL;
	uint16_t r = SW_DATA;

	(void)out;
	if (cmd->p1 != 0 || cmd->p2 != 0)
		return SW_P1P2;
	if (c->ef == NULL || c->ef->type != VC_RSA)
		return SW_NO_EF;
	if (!vc_iso_may(c, c->ef, VC_ISO_UPDATE))
		return SW_SECURITY;
	if (n < 4 || (p[0] != KEY_GENERATE && p[0] != KEY_STORE) || p[1] != 0x00)
		return SW_DATA;
	bits = (size_t)(p[2] << 8 | p[3]);
	p += 4;
	n -= 4;
	if (bits < 512 || bits > 2048 || bits % 8 != 0 || !take_number(&p, &n, &e))
		goto out;
	if (cmd->data[0] == KEY_GENERATE && n == 0)
		key = generate(bits, e);
	else if (cmd->data[0] == KEY_STORE && take_number(&p, &n, &p1) && take_number(&p, &n, &q1) && n == 0)
		key = from_primes(e, p1, q1);
	if (key == NULL)
		goto out;
	EVP_PKEY_free(c->ef->key);
	c->ef->key = NULL;
	c->ef->size = bits;
	if (vc_key_take(c->ef, key))
		r = SW_OK;
out:
	BN_clear_free(p1);
	BN_clear_free(q1);
	BN_free(e);
	return r;
}

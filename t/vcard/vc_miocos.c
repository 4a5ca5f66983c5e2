/*
 * MIOCOS of Miotec: the other maker's first citizen card. Access conditions are nibbles that name entries of
 * the DF's own list, and a key is a file that is written. Source: facts on MIOCOS; where they are silent,
 * ISO/IEC 7816-4.
 */
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <string.h>

#include "t/vcard/vc_iso.h"
#include "t/vcard/vc_yaml.h"

#define TRANSFER 244            /* data bytes of a command or an answer */
#define BLOCK 8
#define AC_PIN 0x01             /* kind of an access condition: a PIN */
#define AC_RECORD (2 * BLOCK + 4)
#define NEVER_NIBBLE 0x0F
#define NO (-1)

/* An imported key: SEQUENCE of modulus [0] and private exponent [2], RSA-1024. */
#define KEY_BYTES 128
#define KEY_FILE 266
#define KEY_N 7                 /* where they begin */
#define KEY_D 138

enum { TYPE_DF = 0x20, TYPE_EF = 0x40, TYPE_KEY = 0x44 };
enum { KIND_DF, KIND_EF, KIND_KEY };

struct miocos_file {
	struct vc_iso_file iso;         /* first: vc_iso.c knows this part */
	uint8_t key[KEY_FILE];          /* a key while it is written */
};

/* Deeds by nibble of tag 86. */
static const int nibbles[][8] = {
	[KIND_DF] = { VC_ISO_DELETE, VC_ISO_CREATE, NO, VC_ISO_CREATE_AC, VC_ISO_UPDATE_AC, NO, NO, NO },
	[KIND_EF] = { VC_ISO_DELETE, NO, VC_ISO_READ, VC_ISO_UPDATE, NO, NO, VC_ISO_INVALIDATE,
		VC_ISO_REHABILITATE },
	[KIND_KEY] = { VC_ISO_DELETE, NO, NO, VC_ISO_UPDATE, VC_ISO_USE, NO, VC_ISO_INVALIDATE,
		VC_ISO_REHABILITATE },
};

static int kind_of(const struct vc_file *f)
{
	return f->type == VC_DF ? KIND_DF : f->type == VC_EF ? KIND_EF : KIND_KEY;
}

static void attr_bytes(const struct vc_file *f, uint8_t attr[4])
{
	const int *deeds = nibbles[kind_of(f)];
	unsigned i, nibble;

	memset(attr, 0, 4);
	for (i = 0; i < 8; i++) {
		/* What has no deed is for nobody. */
		nibble = deeds[i] == NO ? NEVER_NIBBLE : vc_iso_file(f)->right[deeds[i]] & 0x0FU;
		attr[i / 2] = (uint8_t)(attr[i / 2] | nibble << (i % 2 == 0 ? 4 : 0));
	}
}

static void set_rights(struct vc_file *f, const uint8_t attr[4])
{
	const int *deeds = nibbles[kind_of(f)];
	struct vc_iso_file *own = vc_iso_file(f);
	unsigned i, nibble;

	memset(own->right, VC_NEVER, sizeof own->right);
	own->status = VC_ISO_ACTIVATED;
	for (i = 0; i < 8; i++) {
		nibble = i % 2 == 0 ? attr[i / 2] >> 4 : attr[i / 2] & 0x0FU;
		if (deeds[i] != NO)
			own->right[deeds[i]] = nibble == NEVER_NIBBLE ? VC_NEVER : (uint8_t)nibble;
	}
}

static void put(struct vc_blob *out, unsigned tag, const void *p, size_t len)
{
	vc_blob_byte(out, tag);
	vc_blob_byte(out, (unsigned)len);
	vc_blob_add(out, p, len);
}

static void fci(const struct vc_card *c, const struct vc_file *f, struct vc_blob *out)
{
	/* Descriptor bytes of ISO/IEC 7816-4, an internal EF for a key (a guess). */
	static const uint8_t types[] = { [KIND_DF] = 0x38, [KIND_EF] = 0x01, [KIND_KEY] = 0x09 };
	size_t size = f->type == VC_DF ? 0 : f->type == VC_EF ? f->size : KEY_FILE;
	const uint8_t size_be[2] = { (uint8_t)(size >> 8), (uint8_t)size };
	const uint8_t fid[2] = { (uint8_t)(f->fid >> 8), (uint8_t)f->fid };
	uint8_t attr[4];
	struct vc_blob body;

	(void)c;
	body.len = 0;
	attr_bytes(f, attr);
	put(&body, 0x81, size_be, 2);
	put(&body, 0x82, &types[kind_of(f)], 1);
	put(&body, 0x83, fid, 2);
	if (f->name_len != 0)
		put(&body, 0x84, f->name, f->name_len);
	put(&body, 0x86, attr, sizeof attr);
	put(out, 0x6F, body.p, body.len);
}

/* The access conditions of the current DF: [n] is entry n, its first byte says what it is. */
static void list_conditions(const struct vc_card *c, struct vc_blob *out)
{
	static const uint8_t pin_kind = AC_PIN;
	struct vc_blob list;
	unsigned ref, i;

	list.len = 0;
	for (ref = 1; ref < NEVER_NIBBLE; ref++)
		for (i = 1; i < VC_PINS; i++)
			if (c->pin[i].set && vc_iso_pin_home(&c->pin[i]) == c->df->fid &&
				c->pin[i].ref == ref)
				put(&list, 0x80 | ref, &pin_kind, 1);
	put(out, 0x30, list.p, list.len);
}

static uint16_t get_data(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out)
{
	if (cmd->lc != 0)
		return SW_LENGTH;
	if (cmd->p1 != 0x01 || cmd->p2 > 0x01)
		return SW_REF_NOT_FOUND;
	if (cmd->p2 == 0x00)
		vc_iso_list(c, out);
	else
		list_conditions(c, out);
	return SW_OK;
}

/* fid, type, size, conditions, record length, status, and a DF's name. */
static uint16_t create(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out)
{
	const uint8_t *d = cmd->data;
	uint8_t type;
	struct vc_file *f;
	uint16_t fid;

	(void)out;
	if (cmd->p1 != 0 || cmd->p2 != 0)
		return SW_P1P2;
	if (cmd->lc < 11 || cmd->lc > 11 + sizeof f->name)
		return SW_LENGTH;
	fid = (uint16_t)(d[0] << 8 | d[1]);
	type = d[2] == TYPE_DF ? VC_DF : d[2] == TYPE_EF ? VC_EF : d[2] == TYPE_KEY ? VC_RSA : 0;
	/* Files of records: no image needs them. */
	if (type == 0 || d[9] != 0 || (type != VC_DF && cmd->lc != 11))
		return SW_DATA;
	if (!vc_iso_may(c, c->df, VC_ISO_CREATE))
		return SW_SECURITY;
	if (vc_file_child(c, c->df, fid) != NULL)
		return SW_EXISTS;
	f = vc_file_add(c, c->df, fid, type, type == VC_EF ? (size_t)(d[3] << 8 | d[4]) : 0);
	if (f == NULL)
		return SW_NO_ROOM;
	set_rights(f, d + 5);
	f->name_len = cmd->lc - 11;
	memcpy(f->name, d + 11, f->name_len);
	/* The reference that programs use for the one key of a file. */
	f->ref = (uint8_t)fid;
	f->use = VC_SIGN | VC_DECIPHER;
	vc_file_select(c, f);
	return SW_OK;
}

static uint16_t delete(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out)
{
	struct vc_file *f = c->ef != NULL ? c->ef : c->df;

	(void)out;
	if (cmd->p1 != 0 || cmd->p2 != 0)
		return SW_P1P2;
	if (cmd->lc != 0)
		return SW_LENGTH;
	if (f->parent == NULL)
		return SW_CONDITIONS;
	if (!vc_iso_may(c, f, VC_ISO_DELETE))
		return SW_SECURITY;
	vc_file_remove(c, f);
	return SW_OK;
}

/* CREATE AC: tries twice in a byte, FF, the value; and so again for what unblocks it. */
static uint16_t create_ac(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out)
{
	const uint8_t *d = cmd->data;
	struct vc_pin *pin, *free_pin = NULL;

	(void)out;
	if (cmd->p1 != AC_PIN || cmd->p2 == 0 || cmd->p2 >= NEVER_NIBBLE)
		return SW_P1P2;
	if (cmd->lc != AC_RECORD)
		return SW_LENGTH;
	if (!vc_iso_may(c, c->df, VC_ISO_CREATE_AC))
		return SW_SECURITY;
	if (d[0] >> 4 == 0 || d[0] >> 4 != (d[0] & 0x0F) || d[10] >> 4 != (d[10] & 0x0F))
		return SW_DATA;
	for (pin = c->pin + VC_PINS - 1; pin > c->pin; pin--) {
		if (!pin->set)
			free_pin = pin;
		else if (pin->ref == cmd->p2 && vc_iso_pin_home(pin) == c->df->fid)
			return SW_EXISTS;
	}
	if (free_pin == NULL)
		return SW_NO_ROOM;
	memcpy(free_pin->pin.p, d + 2, BLOCK);
	memcpy(free_pin->puk.p, d + 12, BLOCK);
	free_pin->pin.len = free_pin->puk.len = free_pin->block = free_pin->digits = BLOCK;
	free_pin->ref = cmd->p2;
	free_pin->local = c->df->parent != NULL ? c->df->fid : 0;
	free_pin->tries = free_pin->max = d[0] >> 4;
	free_pin->puk_tries = free_pin->puk_max = d[10] >> 4;
	free_pin->min = 4;
	free_pin->changed = free_pin->set = true;
	return SW_OK;
}

/* A key of modulus and private exponent; its public exponent is not written, so the usual ones are tried. */
static EVP_PKEY *key_of(const uint8_t *p)
{
	static const unsigned exponents[] = { 65537, 3, 17 };
	BN_CTX *bn = BN_CTX_new();
	BIGNUM *n = BN_bin2bn(p + KEY_N, KEY_BYTES, NULL), *d = BN_bin2bn(p + KEY_D, KEY_BYTES, NULL),
	       *e = BN_new(), *m = BN_new(), *s = BN_new();
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	OSSL_PARAM *params = NULL;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	EVP_PKEY *key = NULL;
	size_t i, count = sizeof exponents / sizeof exponents[0];

	if (bn == NULL || n == NULL || d == NULL || e == NULL || m == NULL || s == NULL || bld == NULL ||
		ctx == NULL || !BN_is_odd(n))
		goto out;
	for (i = 0; i < count; i++)
		if (BN_set_word(e, exponents[i]) && BN_set_word(m, 42) && BN_mod_exp(s, m, d, n, bn) &&
			BN_mod_exp(s, s, e, n, bn) && BN_cmp(s, m) == 0)
			break;
	if (i == count)
		goto out;
	if (OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, n) &&
		OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_E, e) &&
		OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_D, d))
		params = OSSL_PARAM_BLD_to_param(bld);
	if (params == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
		EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params) != 1)
		key = NULL;
out:
	BN_clear_free(d);
	BN_free(n);
	BN_free(e);
	BN_free(m);
	BN_free(s);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(bld);
	EVP_PKEY_CTX_free(ctx);
	BN_CTX_free(bn);
	return key;
}

/* UPDATE BINARY of a key file: with its last byte written it is a key. */
static uint16_t update_key(struct vc_card *c, const struct vc_cmd *cmd)
{
	static const uint8_t head[] = { 0x30, 0x82, 0x01, 0x06, 0x80, 0x81, KEY_BYTES },
			     middle[] = { 0x82, 0x81, KEY_BYTES };
	struct vc_file *f = c->ef;
	struct miocos_file *own = f->own;
	size_t off = (size_t)(cmd->p1 << 8 | cmd->p2);
	EVP_PKEY *key;
	bool ok;

	if (!vc_iso_may(c, f, VC_ISO_UPDATE))
		return SW_SECURITY;
	if (off > KEY_FILE || cmd->lc > KEY_FILE - off)
		return SW_OFFSET;
	memcpy(own->key + off, cmd->data, cmd->lc);
	if (off + cmd->lc < KEY_FILE)
		return SW_OK;
	ok = memcmp(own->key, head, sizeof head) == 0 &&
		memcmp(own->key + KEY_N + KEY_BYTES, middle, sizeof middle) == 0;
	key = ok ? key_of(own->key) : NULL;
	OPENSSL_cleanse(own->key, sizeof own->key);
	if (key == NULL)
		return SW_DATA;
	EVP_PKEY_free(f->key);
	f->key = NULL;
	f->size = 8 * KEY_BYTES;
	return vc_key_take(f, key) ? SW_OK : SW_DATA;
}

static uint16_t update(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out)
{
	if (c->ef == NULL || c->ef->type != VC_RSA || (cmd->p1 & 0x80) != 0)
		return vc_iso_update(c, cmd, out);
	if (cmd->lc == 0 || cmd->lc > TRANSFER)
		return SW_LENGTH;
	return update_key(c, cmd);
}

enum { INS_CREATE_AC = 0x1E, INS_UPDATE = 0xD6, INS_DELETE = 0xE4 };

static const struct vc_command commands[] = {
	{ INS_CREATE_AC, false, create_ac },
	{ 0x20, false, vc_iso_verify },
	{ 0x22, false, vc_iso_mse },
	{ 0x24, false, vc_iso_change },
	{ 0x2A, false, vc_iso_pso },
	{ 0x2C, false, vc_iso_unblock },
	{ 0xA4, false, vc_iso_select },
	{ 0xB0, false, vc_iso_read },
	{ 0xB2, false, vc_iso_record },
	{ 0xC0, false, vc_get_response },
	{ 0xCA, false, get_data },
	{ INS_UPDATE, false, update },
	{ 0xDC, false, vc_iso_record },
	{ 0xE0, false, create },
	{ INS_DELETE, false, delete },
};

/* Class 00; the one program that deletes does it with A0. */
static uint16_t admit(const struct vc_card *c, const struct vc_cmd *cmd, const struct vc_command *command)
{
	(void)c;
	if (cmd->cla != 0x00 && !(cmd->cla == 0xA0 && cmd->ins == INS_DELETE))
		return SW_CLA;
	if (command == NULL)
		return SW_INS;
	return cmd->lc > TRANSFER ? SW_LENGTH : SW_OK;
}

static bool secret(const struct vc_card *c, const uint8_t *in)
{
	return in[1] == INS_CREATE_AC || (in[1] == INS_UPDATE && c->ef != NULL && c->ef->type == VC_RSA);
}

static bool key_fits(const struct vc_card *c, uint8_t type, size_t bits)
{
	(void)c;
	return type == VC_RSA && bits == 8 * KEY_BYTES;
}

static void load(struct vc_yaml *y, struct vc_card *c)
{
	static const struct vc_iso_ways ways = { 0x41, true, SW_NOT_FOUND, TRANSFER, fci };
	struct vc_iso_state *state = c->state;

	(void)y;
	state->ways = &ways;
	vc_iso_image_rights(c, c->files, NULL);
}

static void load_file(struct vc_yaml *y, yaml_node_t *map, struct vc_card *c, struct vc_file *f)
{
	if (!vc_iso_image_rights(c, f, vcy_text(y, map, "update")))
		vcy_fail(y, map, "'update' must be always, never or a PIN's number");
}

const struct vc_model vc_miocos = {
	.name = "miocos",
	.commands = commands,
	.n_commands = sizeof commands / sizeof commands[0],
	.state_size = sizeof (struct vc_iso_state),
	.file_size = sizeof (struct miocos_file),
	.pin_block = BLOCK,
	.pin_pad = 0x00,
	.admit = admit,
	.secret = secret,
	.key_fits = key_fits,
	.file_keys = " update ",
	.load = load,
	.load_file = load_file,
};

/* SetCOS: its types, and the commands that files, PINs and keys do not bring. Source: facts on SetCOS. */
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <string.h>

#include "t/vcard/vc_setcos.h"
#include "t/vcard/vc_yaml.h"

#define TRANSFER 256
#define INS_PSO 0x2A
#define INS_GENERATE 0x46
#define INS_LIST 0xAA
#define CHAINED 0x10            /* bit of a class */

/* Tag A5 of a DF: the native card's names the MF's PINs, the applet's its own. */
static const char parents_pins[] = "\xC1\x04\x01\x02\x03\x04\xC2\x00";
static const char pins_20[] = "\xC1\x04\x81\x82";       /* the length is wrong on the card, too */
static const char pins_21[] = "\xC1\x04\x81\x82\x83\x84";

/*
 * What the facts do not say is a guess, made so that a driver which begins wrongly must learn: 4.3.2 of class
 * 80 alone, a key reference refused where no program sends one, chained data taken by the one card of 2048
 * bits.
 */
static const struct vc_setcos_type types[] = {
	{ .name = "4.3.1", .ways = { 0x81, true, SW_NOT_FOUND, TRANSFER, vc_setcos_fci_43 },
		.classes = SETCOS_00 | SETCOS_80 },
	{ .name = "4.3.2",
		.ways = { 0x81, true, SW_NOT_FOUND, TRANSFER, vc_setcos_fci_43 },
		.classes = SETCOS_80 },
	{ .name = "4.4.1",
		.ways = { 0x41, true, SW_NOT_FOUND, TRANSFER, vc_setcos_fci_44 },
		.classes = SETCOS_00 | SETCOS_80,
		.lists = true,
		.df_pins = parents_pins,
		.df_pins_len = sizeof parents_pins - 1 },
	{ .name = "nidel", .ways = { 0x41, false, SW_NOT_FOUND, TRANSFER, vc_setcos_fci_44 },
		.classes = SETCOS_00 | SETCOS_80, .lists = true, .df_pins = parents_pins,
		.df_pins_len = sizeof parents_pins - 1 },
	{ .name = "eid-2.0", .ways = { 0x41, true, SW_NOT_FOUND, TRANSFER, vc_setcos_fci_44 },
		.classes = SETCOS_00 | SETCOS_80, .lists = true, .applet = true, .version = "v2.0 ",
		.df_pins = pins_20, .df_pins_len = sizeof pins_20 - 1 },
	{ .name = "eid-2.1", .ways = { 0x41, true, SW_NOT_FOUND, TRANSFER, vc_setcos_fci_44 },
		.classes = SETCOS_00 | SETCOS_80, .lists = true, .applet = true, .version = "v2.1 ",
		.df_pins = pins_21, .df_pins_len = sizeof pins_21 - 1 },
	{ .name = "eid2048", .ways = { 0x41, false, SW_NOT_FOUND, TRANSFER, vc_setcos_fci_43 },
		.classes = SETCOS_00 | SETCOS_80, .chains = true },
	{ .name = "oberthur", .ways = { 0x41, true, SW_REF_NOT_FOUND, TRANSFER, vc_setcos_fci_43 },
		.classes = SETCOS_00 | SETCOS_80 },
};

const struct vc_setcos_type *vc_setcos_type(const struct vc_card *c)
{
	return (const struct vc_setcos_type *)vc_iso_ways(c);
}

/* The modulus of the current key: its bits in two bytes, and itself. */
static uint16_t get_modulus(const struct vc_card *c, struct vc_blob *out)
{
	uint8_t modulus[VC_RSA_MAX];
	BIGNUM *n = NULL;
	size_t k;
	bool ok;

	if (c->ef == NULL || c->ef->type != VC_RSA || c->ef->key == NULL)
		return SW_REF_NOT_FOUND;
	if (!vc_iso_may(c, c->ef, VC_ISO_READ))
		return SW_SECURITY;
	k = vc_key_bytes(c->ef);
	ok = EVP_PKEY_get_bn_param(c->ef->key, OSSL_PKEY_PARAM_RSA_N, &n) == 1 &&
		BN_bn2binpad(n, modulus, (int)k) == (int)k;
	BN_free(n);
	if (!ok)
		return SW_ERROR;
	vc_blob_byte(out, (unsigned)(8 * k) >> 8);
	vc_blob_byte(out, (unsigned)(8 * k) & 0xFF);
	vc_blob_add(out, modulus, k);
	return SW_OK;
}

static uint16_t get_data(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out)
{
	const struct vc_setcos_type *type = vc_setcos_type(c);
	unsigned tag = (unsigned)cmd->p1 << 8 | cmd->p2;

	if (cmd->lc != 0)
		return SW_LENGTH;
	if (tag == 0x0101 && type->lists)
		return get_modulus(c, out);
	if (tag != 0xDF30 || type->version == NULL)
		return SW_REF_NOT_FOUND;
	vc_blob_add(out, type->version, strlen(type->version));
	return SW_OK;
}

/* 4.4 has no list of nothing. */
static uint16_t list_files(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out)
{
	if (cmd->p1 != 0 || cmd->p2 != 0)
		return SW_P1P2;
	vc_iso_list(c, out);
	return out->len == 0 && vc_setcos_type(c)->lists ? SW_NOT_FOUND : SW_OK;
}

static const struct vc_command commands[] = {
	{ 0x20, false, vc_iso_verify },
	{ 0x22, false, vc_iso_mse },
	{ 0x24, false, vc_iso_change },
	{ INS_PSO, true, vc_iso_pso },
	{ 0x2C, false, vc_iso_unblock },
	{ 0x44, false, vc_setcos_activate },
	{ INS_GENERATE, false, vc_setcos_generate },
	{ 0x84, false, vc_iso_challenge },
	{ 0xA4, false, vc_iso_select },
	{ INS_LIST, false, list_files },
	{ 0xB0, false, vc_iso_read },
	{ 0xB2, false, vc_iso_record },
	{ 0xC0, false, vc_get_response },
	{ 0xCA, false, get_data },
	{ 0xD6, false, vc_iso_update },
	{ 0xDA, false, vc_setcos_put_pin },
	{ 0xDC, false, vc_iso_record },
	{ 0xE0, false, vc_setcos_create },
	{ 0xE4, false, vc_setcos_delete },
};

/* Commands of the cards whose attributes are lists alone; of the others nobody has told us. */
static bool is_known(const struct vc_setcos_type *type, uint8_t ins)
{
	static const uint8_t lists_only[] = { 0x44, INS_GENERATE, 0xDA };

	return type->lists || memchr(lists_only, ins, sizeof lists_only) == NULL;
}

static uint16_t admit(const struct vc_card *c, const struct vc_cmd *cmd, const struct vc_command *command)
{
	const struct vc_setcos_type *type = vc_setcos_type(c);
	unsigned class = cmd->cla, classes = type->classes;

	if (type->chains && cmd->ins == INS_PSO)
		class &= ~(unsigned)CHAINED;
	if (type->lists && cmd->ins == INS_LIST)
		classes = SETCOS_80;
	if (!(class == 0x00 && (classes & SETCOS_00)) && !(class == 0x80 && (classes & SETCOS_80)))
		return SW_CLA;
	return command != NULL && is_known(type, cmd->ins) ? SW_OK : SW_INS;
}

/* It may bring a key. */
static bool secret(const struct vc_card *c, const uint8_t *in)
{
	(void)c;
	return in[1] == INS_GENERATE;
}

static bool key_fits(const struct vc_card *c, uint8_t type, size_t bits)
{
	(void)c;
	return type == VC_RSA && bits >= 512 && bits <= 2048 && bits % 8 == 0;
}

/* --- the image --- */

static void load(struct vc_yaml *y, struct vc_card *c)
{
	struct vc_iso_state *state = c->state;
	const char *name = vcy_text(y, y->root, "type");
	size_t i;

	for (i = 0; i < sizeof types / sizeof types[0]; i++)
		if (name != NULL && strcmp(types[i].name, name) == 0)
			state->ways = &types[i].ways;
	if (state->ways == NULL) {
		vcy_fail(y, y->root,
			"'type' must be one of 4.3.1, 4.3.2, 4.4.1, nidel, eid-2.0, eid-2.1, eid2048, "
			"oberthur");
		return;
	}
	vc_iso_image_rights(c, c->files, NULL);
}

static void load_file(struct vc_yaml *y, yaml_node_t *map, struct vc_card *c, struct vc_file *f)
{
	if (!vc_iso_image_rights(c, f, vcy_text(y, map, "update")))
		vcy_fail(y, map, "'update' must be always, never or a PIN's number");
}

const struct vc_model vc_setcos = {
	.name = "setcos",
	.commands = commands,
	.n_commands = sizeof commands / sizeof commands[0],
	.state_size = sizeof (struct vc_iso_state),
	.file_size = sizeof (struct vc_iso_file),
	.pin_block = 8,
	.pin_pad = 0x00,
	.admit = admit,
	.secret = secret,
	.key_fits = key_fits,
	.image_keys = " type ",
	.file_keys = " update ",
	.load = load,
	.load_file = load_file,
};

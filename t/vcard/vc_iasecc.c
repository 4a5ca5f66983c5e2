/* The Finnish organisation and health-care cards: their three kinds and the table of commands. */
#include <openssl/rand.h>
#include <string.h>

#include "t/vcard/vc_iasecc.h"
#include "t/vcard/vc_yaml.h"

#define CHALLENGE 8             /* bytes; no other length is given */

static const uint8_t ias_aid[] = {
	0xA0, 0x00, 0x00, 0x00, 0x77, 0x01, 0x08, 0x00, 0x07, 0x00, 0x00, 0xFE, 0x00, 0x00, 0x01, 0x00
};

static const struct iasecc_type types[] = {
	{ "cosmo7", SW_NOT_FOUND, true },
	{ "idme", SW_OK, false },
	{ "cosmox", SW_OK, false },
};

static uint16_t challenge(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out)
{
	uint8_t random[CHALLENGE];

	(void)c;
	if (cmd->p1 != 0 || cmd->p2 != 0)
		return SW_P1P2;
	if (cmd->lc != 0 || !cmd->has_le || cmd->le != CHALLENGE)
		return SW_LENGTH;
	return RAND_bytes(random, CHALLENGE) == 1 && vc_blob_add(out, random, CHALLENGE) ? SW_OK : SW_ERROR;
}

/* No key of these cards has a condition for it, and so no environment for it can be set. */
static uint16_t internal_authenticate(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out)
{
	(void)c;
	(void)cmd;
	(void)out;
	return SW_CONDITIONS;
}

/* What only the issuer may, over secure messaging with keys of its own. */
static uint16_t refuse(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out)
{
	(void)c;
	(void)cmd;
	(void)out;
	return SW_SECURITY;
}

static const struct vc_command commands[] = {
	{ 0x0E, false, refuse },        /* ERASE BINARY */
	{ 0x20, false, vc_iasecc_verify },
	{ 0x22, false, vc_iasecc_mse },
	{ 0x24, false, vc_iasecc_change },
	{ 0x2A, true, vc_iasecc_pso },
	{ 0x2C, false, vc_iasecc_unblock },
	{ 0x47, false, refuse },        /* GENERATE */
	{ 0x84, false, challenge },
	{ 0x88, false, internal_authenticate },
	{ 0xA4, false, vc_iasecc_select },
	{ 0xB0, false, vc_iasecc_read },
	{ 0xC0, false, vc_get_response },
	{ 0xCB, false, vc_iasecc_get },
	{ 0xD6, false, refuse },        /* UPDATE BINARY */
	{ 0xDB, true, refuse },         /* PUT DATA */
	{ 0xE0, false, refuse },        /* CREATE FILE */
	{ 0xE4, false, refuse },        /* DELETE FILE */
};

static uint16_t admit(const struct vc_card *c, const struct vc_cmd *cmd, const struct vc_command *command)
{
	if (cmd->cla != 0x00 && cmd->cla != 0x10)
		return SW_CLA;
	if (command == NULL)
		return SW_INS;
	if (cmd->cla == 0x10 && !command->chains)
		return SW_NO_CHAINING;
	/* Oberthur counts the header too. Facts on IAS-ECC, section 2. */
	return 5 + cmd->lc > vc_iasecc_command_max(c) ? SW_LENGTH : SW_OK;
}

static void reset(struct vc_card *c)
{
	ias(c)->app = false;
	vc_iasecc_forget(c);
}

static void load(struct vc_yaml *y, struct vc_card *c)
{
	const char *type = vcy_text(y, y->root, "type");
	size_t i;

	for (i = 0; type != NULL && i < sizeof types / sizeof types[0]; i++)
		if (strcmp(types[i].name, type) == 0)
			ias(c)->type = &types[i];
	if (ias(c)->type == NULL)
		vcy_fail(y, vcy_get(y, y->root, "type"), "'type' must be cosmo7, idme or cosmox");
	ias(c)->verify_first = vcy_boolean(y, y->root, "verify-first", false);
	memcpy(c->files->name, ias_aid, sizeof ias_aid);
	c->files->name_len = sizeof ias_aid;
}

const struct vc_model vc_iasecc = {
	.name = "iasecc",
	.commands = commands,
	.n_commands = sizeof commands / sizeof commands[0],
	.state_size = sizeof(struct iasecc),
	.admit = admit,
	.reset = reset,
	.image_keys = " type verify-first ",
	.load = load,
};

/* The Aventra MyEID applet: its command table. Source: facts on MyEID. */
#include <openssl/rand.h>
#include <string.h>

#include "t/vcard/vc_myeid.h"

static const char names[2][6] = { "MyEID", "OsEID" };

/* GET DATA A1..A6: which files of the current DF are listed. */
static bool listed(const struct vc_file *f, unsigned p2)
{
	switch (p2) {
	case 0xA2:
		return f->type == VC_EF;
	case 0xA3:
		return f->type == VC_DF;
	case 0xA4:
		return f->type == VC_RSA;
	case 0xA5:
		return f->type == VC_EC;
	case 0xA6:
		return f->type == VC_AES || f->type == VC_3DES || f->type == VC_SECRET;
	default:
		return true;
	}
}

static uint16_t get_list(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out)
{
	const struct vc_file *f;

	for (f = c->files; f != NULL; f = f->next)
		if (f->parent == c->df && listed(f, cmd->p2)) {
			vc_blob_byte(out, f->fid >> 8);
			vc_blob_byte(out, f->fid & 0xFF);
		}
	return SW_OK;
}

static uint16_t get_info(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out)
{
	(void)cmd;
	vc_blob_add(out, names[my(c)->oseid], 5);
	vc_blob_add(out, c->version, sizeof c->version);
	vc_blob_add(out, c->serial, c->serial_len);
	vc_blob_byte(out, my(c)->change >> 8);
	vc_blob_byte(out, my(c)->change & 0xFF);
	return SW_OK;
}

static uint16_t get_capabilities(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out)
{
	unsigned rsa = vc_key_fits(c, VC_RSA, 4096) ? 4096 : 2048;
	/* Structure 01; RSA, 3DES, AES, ECC; bits of RSA, DES, AES, EC. */
	const uint8_t caps[] = { 0x01, 0x00, 0x0F, (uint8_t)(rsa >> 8), (uint8_t)rsa, 0x00, 0xC0,
		0x01, 0x00, 0x02, 0x09 };

	(void)cmd;
	if (!vc_version_at_least(c, 4, 0, 0))
		return SW_REF_NOT_FOUND;
	vc_blob_add(out, caps, sizeof caps);
	return SW_OK;
}

static uint16_t get_verified(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out)
{
	uint16_t map = vc_pin_bitmap(c);

	(void)cmd;
	vc_blob_byte(out, map >> 8);
	vc_blob_byte(out, map & 0xFF);
	return SW_OK;
}

static uint16_t get_pin(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out)
{
	const struct vc_pin *pin = vc_pin_get(c, cmd->p2 & 15U);

	if (pin == NULL)
		return SW_REF_NOT_FOUND;
	vc_blob_byte(out, pin->tries);
	vc_blob_byte(out, pin->puk_tries);
	vc_blob_byte(out, pin->max);
	vc_blob_byte(out, pin->puk_max);
	vc_blob_byte(out, my_pin(c, pin)->flags);
	vc_blob_byte(out, my_pin(c, pin)->type);
	vc_blob_byte(out, my_pin(c, pin)->grid);
	vc_blob_byte(out, pin->min);
	vc_blob_byte(out, my_pin(c, pin)->puk_min);
	return SW_OK;
}

/* P2 of GET DATA, first to last. */
static const struct {
	uint8_t first, last;
	uint16_t (*run)(struct vc_card *, const struct vc_cmd *, struct vc_blob *);
} get_table[] = {
	{ 0xA0, 0xA0, get_info },
	{ 0xA1, 0xA6, get_list },
	{ 0xAA, 0xAA, get_capabilities },
	{ 0xAC, 0xAC, get_verified },
	{ 0xB1, 0xBE, get_pin },
	{ 0x00, 0x02, vc_key_get },
	{ 0x81, 0x86, vc_key_get },
};

static uint16_t get_data(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out)
{
	uint16_t sw = SW_REF_NOT_FOUND;
	size_t i;

	if (cmd->p1 != 0x01)
		return SW_P1P2;
	if (cmd->lc != 0)
		return SW_LENGTH;
	for (i = 0; i < sizeof get_table / sizeof get_table[0]; i++)
		if (cmd->p2 >= get_table[i].first && cmd->p2 <= get_table[i].last)
			sw = get_table[i].run(c, cmd, out);
	/* Le only matters to OsEID; the applet sends the whole value whatever Le says. */
	if (my(c)->oseid && sw == SW_OK && cmd->has_le && cmd->le != 256 && cmd->le != out->len &&
		out->len < 256) {
		sw = (uint16_t)(0x6C00 | out->len);
		out->len = 0;
	}
	return sw;
}

/*
 * What a FINEID card tells of a PIN, on cards that do: the tries left among DF21, the block's length
 * in DF28, and in DF2F whether the PIN was changed since it was made. Source: facts on FINEID,
 * section 5, "PIN attributes".
 */
static uint16_t get_attributes(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out)
{
	static const uint8_t ask[] = { 0xA0, 0x03, 0x83, 0x01 };
	/* Tries left, no limit of uses and of unblockings, method; the unlimited counter of uses. */
	uint8_t attributes[] = { 0xA0, 0x17, 0x83, 0x01, 0, 0xDF, 0x21, 0x04, 0, 0xFF, 0xA5, 0x03,
		0xDF, 0x27, 0x02, 0xFF, 0xFF, 0xDF, 0x28, 0x01, MYEID_PIN, 0xDF, 0x2F, 0x01, 0 };
	const struct vc_pin *pin;

	if (!c->pin_attributes)
		return SW_INS;
	if (cmd->p1 != 0x00 || cmd->p2 != 0xFF)
		return SW_P1P2;
	if (cmd->lc != sizeof ask + 1 || memcmp(cmd->data, ask, sizeof ask) != 0)
		return SW_DATA;
	pin = vc_pin_get(c, cmd->data[sizeof ask]);
	if (pin == NULL)
		return SW_REF_NOT_FOUND;
	attributes[4] = cmd->data[sizeof ask];
	attributes[8] = pin->tries;
	attributes[sizeof attributes - 1] = pin->changed;
	vc_blob_add(out, attributes, sizeof attributes);
	return SW_OK;
}

/* INITIALIZE APPLET: FF FF a b FF c d FF. */
static uint16_t init_applet(struct vc_card *c, const struct vc_cmd *cmd)
{
	const uint8_t *d = cmd->data;
	unsigned i;

	if (cmd->lc != 8)
		return SW_LENGTH;
	if (d[0] != 0xFF || d[1] != 0xFF || d[4] != 0xFF || d[7] != 0xFF || (d[3] & 15) != 15 ||
		(d[6] & 15) != 15)
		return SW_DATA;
	if (!vc_file_may(c, c->files, VC_DELETE))
		return SW_SECURITY;
	vc_pin_drop(c, 0);
	for (i = 0; i < VC_PINS; i++) {
		memset(&c->pin[i], 0, sizeof c->pin[i]);
		memset(&my(c)->pin[i], 0, sizeof my(c)->pin[i]);
	}
	c->activated = false;
	my(c)->change++;
	return vc_fs_format(c, d + 2, d + 5) ? SW_OK : SW_ERROR;
}

static uint16_t put_data(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out)
{
	(void)out;
	if (cmd->p1 != 0x01)
		return SW_P1P2;
	if (cmd->p2 == 0xE0)
		return init_applet(c, cmd);
	if (cmd->p2 >= 1 && cmd->p2 < VC_PINS)
		return vc_sec_init_pin(c, cmd);
	if ((cmd->p2 >= 0x80 && cmd->p2 <= 0x8B) || cmd->p2 == 0xA0)
		return vc_key_put(c, cmd);
	return SW_P1P2;
}

static uint16_t activate(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out)
{
	const struct vc_file *app;
	unsigned need;

	(void)out;
	if (cmd->p1 != 0x04 || cmd->p2 != 0x00)
		return SW_P1P2;
	for (app = c->files; app != NULL && app->name_len == 0; app = app->next)
		;
	if (app == NULL || cmd->lc != app->name_len || memcmp(cmd->data, app->name, cmd->lc) != 0)
		return SW_DATA;
	need = vc_file_acl(c, c->files, VC_DELETE);
	if (!my(c)->oseid && need != 0 && need != 15 && vc_pin_get(c, need) == NULL)
		return SW_CONDITIONS;
	c->activated = true;
	my(c)->change++;
	return SW_OK;
}

static uint16_t challenge(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out)
{
	uint8_t random[256];

	if (cmd->p1 != 0 || cmd->p2 != 0)
		return SW_P1P2;
	if (cmd->lc != 0 || !cmd->has_le)
		return SW_LENGTH;
	/* Seen on 3.3.3. */
	if (cmd->le == 256 && !vc_version_at_least(c, 4, 0, 0))
		return SW_ERROR;
	if (RAND_bytes(random, (int)cmd->le) != 1)
		return SW_ERROR;
	vc_blob_add(out, random, cmd->le);
	return SW_OK;
}

static const struct vc_command commands[] = {
	{ 0x0E, false, vc_fs_erase },
	{ 0x20, false, vc_sec_verify },
	{ 0x22, false, vc_sec_mse },
	{ 0x24, false, vc_sec_change },
	{ 0x2A, true, vc_key_pso },
	{ 0x2C, false, vc_sec_unblock },
	{ 0x2E, false, vc_sec_logout },
	{ 0x44, false, activate },
	{ 0x46, false, vc_key_generate },
	{ 0x84, false, challenge },
	{ 0x86, true, vc_key_agree },
	{ 0xA4, false, vc_fs_select },
	{ 0xB0, false, vc_fs_read },
	{ 0xC0, false, vc_get_response },
	{ 0xCA, false, get_data },
	{ 0xCB, false, get_attributes },
	{ 0xD6, false, vc_fs_update },
	{ 0xDA, true, put_data },
	{ 0xE0, false, vc_fs_create },
	{ 0xE4, false, vc_fs_delete },
};

/* Secret-key pieces use CLA 10 too, but each is answered: that is no chain. */
static bool is_piece(const struct vc_card *c, const struct vc_cmd *cmd)
{
	return cmd->ins == 0x2A && vc_version_at_least(c, 4, 0, 0) &&
		((cmd->p1 == 0x84 && cmd->p2 == 0x80) || (cmd->p1 == 0x80 && cmd->p2 == 0x84));
}

static bool class_fits(
	const struct vc_card *c, const struct vc_cmd *cmd, const struct vc_command *command)
{
	switch (cmd->cla) {
	case 0x00:
		return true;
	case 0x10:
		return is_piece(c, cmd) ||
			(command != NULL && command->chains && vc_version_at_least(c, 4, 5, 0));
	case 0xA0:
		return cmd->ins == 0xE4 && !vc_version_at_least(c, 4, 9, 0);
	default:
		return false;
	}
}

static uint16_t admit(
	const struct vc_card *c, const struct vc_cmd *cmd, const struct vc_command *command)
{
	return class_fits(c, cmd, command) ? SW_OK : SW_CLA;
}

/* Session keys live as long as the power. */
static void reset(struct vc_card *c)
{
	struct vc_file *f, *next;

	my(c)->half.len = 0;
	my(c)->half_key = NULL;
	for (f = c->files; f != NULL; f = next) {
		next = f->next;
		if (vc_file_is_key(f) && (my_file(f)->prop[1] & 0x01) && vc_version_at_least(c, 4, 0, 10)) {
			vc_file_remove(c, f);
			my(c)->change++;
		}
	}
}

const struct vc_model vc_myeid = {
	.name = "myeid",
	.commands = commands,
	.n_commands = sizeof commands / sizeof commands[0],
	.state_size = sizeof(struct myeid),
	.file_size = sizeof(struct myeid_file),
	.pin_block = MYEID_PIN,
	.pin_pad = 0xFF,
	.admit = admit,
	.piece = is_piece,
	.reset = reset,
	.file_gone = vc_fs_gone,
	.pin_dropped = vc_sec_dropped,
	.key_fits = vc_key_fits,
	.image_keys = " memory quirks mf application no-deauth ",
	.pin_keys = " flags puk-min ",
	.file_keys = " acl prop ",
	.load = vc_myeid_load,
	.load_pin = vc_myeid_load_pin,
	.load_file = vc_myeid_load_file,
};

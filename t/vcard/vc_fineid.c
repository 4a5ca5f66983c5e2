/*
 * The FINEID citizen's card: its files and its command table. Where the sources say nothing, the card
 * takes the stricter way; each such place says so. Source: facts on FINEID, sections 3.2 and 5.
 */
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <string.h>

#include "t/vcard/vc_fineid.h"
#include "t/vcard/vc_yaml.h"

#define MF 0x3F00
#define CHALLENGE 8

void fineid_drop_hash(struct vc_card *c)
{
	fineid(c)->hash_len = 0;
	fineid(c)->hash_lost = false;
	EVP_MD_CTX_free(fineid(c)->running);
	fineid(c)->running = NULL;
}

/* --- SELECT --- */

/* The DF of the application: the first with a name. */
static struct vc_file *application(const struct vc_card *c)
{
	struct vc_file *f = c->files;

	while (f != NULL && f->name_len == 0)
		f = f->next;
	return f;
}

/*
 * A path from the MF, with or without its identifier. The recorded path 4331 names a file of the
 * application: what is not below the MF is looked for there. Source: facts on FINEID 3.2, 5.
 */
static struct vc_file *by_path(const struct vc_card *c, const uint8_t *path, size_t len)
{
	struct vc_file *f;

	if (len >= 2 && path[0] == MF >> 8 && path[1] == (MF & 0xFF)) {
		path += 2;
		len -= 2;
	}
	f = vc_file_path(c, c->files, path, len);
	return f != NULL ? f : vc_file_path(c, application(c), path, len);
}

/* The names of applications; and the MF's identifier, which the cards take for one. */
static struct vc_file *by_name(const struct vc_card *c, const uint8_t *name, size_t len)
{
	if (len == 2 && name[0] == MF >> 8 && name[1] == (MF & 0xFF))
		return c->files;
	return vc_file_named(c, name, len);
}

/* A child of the current DF, or a DF beside it. */
static struct vc_file *child(const struct vc_card *c, const uint8_t *fid, bool df)
{
	struct vc_file *f = vc_file_by_fid(c, (uint16_t)(fid[0] << 8 | fid[1]));

	return f != NULL && (f->type == VC_DF) == df ? f : NULL;
}

static struct vc_file *find(const struct vc_card *c, const struct vc_cmd *cmd, uint16_t *sw)
{
	const uint8_t *d = cmd->data;

	*sw = SW_NOT_FOUND;
	switch (cmd->p1) {
	case 0x00:
	case 0x01:
	case 0x02:
		if (cmd->lc != 2) {
			*sw = SW_LENGTH;
			return NULL;
		}
		return cmd->p1 == 0x00 ? vc_file_by_fid(c, (uint16_t)(d[0] << 8 | d[1]))
				       : child(c, d, cmd->p1 == 0x01);
	case 0x04:
		return by_name(c, d, cmd->lc);
	case 0x08:
		return cmd->lc != 0 ? by_path(c, d, cmd->lc) : NULL;
	case 0x09:
		return cmd->lc != 0 ? vc_file_path(c, c->df, d, cmd->lc) : NULL;
	default:
		*sw = SW_P1P2;
		return NULL;
	}
}

/*
 * FCP: nothing but the size. Source: facts on FINEID 5, recorded; that some cards have tag 80, facts on
 * Gemalto eID 3. What a DF says was not recorded: its identifier.
 */
static void put_fcp(const struct vc_card *c, const struct vc_file *f, struct vc_blob *out)
{
	const uint8_t fcp[] = { 0x62, 0x04, f->type == VC_DF ? 0x83 : fineid(c)->size_tag, 0x02,
		(uint8_t)((f->type == VC_DF ? f->fid : f->size) >> 8),
		(uint8_t)(f->type == VC_DF ? f->fid : f->size) };

	vc_blob_add(out, fcp, sizeof fcp);
}

static uint16_t select_file(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out)
{
	struct vc_file *f;
	uint16_t sw;

	if (fineid(c)->n_select != 0 &&
		memchr(fineid(c)->select, cmd->p1, fineid(c)->n_select) == NULL)
		return SW_P1P2;
	/* 00: that the card gives the FCP for it is a guess. */
	if (cmd->p2 != 0x00 && cmd->p2 != 0x04 && cmd->p2 != 0x0C)
		return SW_P1P2;
	f = find(c, cmd, &sw);
	if (f == NULL || vc_file_is_key(f))
		return sw;
	/* The travel document's application is closed before PACE. */
	if (f->type == VC_DF && !vc_file_may_read(c, f, false))
		return SW_SECURITY;
	vc_file_select(c, f);
	fineid_drop_hash(c);
	if (f == c->files)
		fineid(c)->app = false;
	if (f == application(c) && cmd->p1 == 0x04) {
		fineid(c)->app = true;
		if (fineid(c)->logout == FINEID_SELECT)
			vc_pin_drop(c, 0);
	}
	if (cmd->p2 != 0x0C)
		put_fcp(c, f, out);
	return SW_OK;
}

/* --- READ BINARY --- */

/* Short identifiers of files of the MF. Source: ICAO 9303-11, 9.2; ISO/IEC 7816-4, 8.2.1. */
static const struct { uint8_t sfi; uint16_t fid; } short_ids[] = {
	{ 0x1C, 0x011C }, { 0x1D, 0x2F01 }, { 0x1E, 0x2F00 },
};

static uint16_t select_short(struct vc_card *c, unsigned sfi)
{
	struct vc_file *f = NULL;
	size_t i;

	for (i = 0; i < sizeof short_ids / sizeof short_ids[0]; i++)
		if (short_ids[i].sfi == sfi)
			f = vc_file_child(c, c->files, short_ids[i].fid);
	if (f == NULL)
		return SW_NOT_FOUND;
	vc_file_select(c, f);
	return SW_OK;
}

static uint16_t read_binary(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out)
{
	size_t off = (size_t)(cmd->p1 << 8 | cmd->p2), left, take;
	uint16_t sw;

	if (cmd->lc != 0 || !cmd->has_le)
		return SW_LENGTH;
	if (cmd->p1 & 0x80) {
		if ((cmd->p1 & 0x60) != 0)
			return SW_P1P2;
		sw = select_short(c, cmd->p1 & 0x1FU);
		if (sw != SW_OK)
			return sw;
		off = cmd->p2;
	}
	if (c->ef == NULL)
		return SW_NO_EF;
	if (!vc_file_may_read(c, c->ef, false))
		return SW_SECURITY;
	if (off >= c->ef->size)
		return SW_OFFSET;
	left = c->ef->size - off;
	take = left < c->max_read ? left : c->max_read;
	if (cmd->le < take)
		take = cmd->le;
	vc_blob_add(out, c->ef->data + off, take);
	/* Over T=0, vc_run says 6Cxx when Le is not the length; else the end is told, but not to Le 00. */
	return !c->t0 && cmd->le != 256 && take == left && take < cmd->le ? SW_EOF : SW_OK;
}

/* --- other commands --- */

/* The chip's data (CPLC), only of MultiApp 3. Source: facts on FINEID 5, "Other": serial at 15..18. */
static uint16_t get_data(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out)
{
	uint8_t cplc[45] = { 0x9F, 0x7F, 0x2A, 0x40, 0x90, 0x61, 0x64, 0x40, 0x91 };
	size_t n = c->serial_len < 4 ? c->serial_len : 4;

	if (cmd->cla != 0x80 || cmd->p1 != 0x9F || cmd->p2 != 0x7F || vc_version_at_least(c, 4, 0, 0))
		return SW_REF_NOT_FOUND;
	memcpy(cplc + 15, c->serial + c->serial_len - n, n);
	vc_blob_add(out, cplc, sizeof cplc);
	return SW_OK;
}

/* Eight bytes or none, as the same applet elsewhere. Source: facts on Gemalto eID 3, unverified. */
static uint16_t challenge(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out)
{
	uint8_t random[CHALLENGE];

	(void)c;
	if (cmd->p1 != 0 || cmd->p2 != 0)
		return SW_P1P2;
	if (cmd->lc != 0 || !cmd->has_le || cmd->le != CHALLENGE)
		return SW_LENGTH;
	if (RAND_bytes(random, CHALLENGE) != 1)
		return SW_ERROR;
	vc_blob_add(out, random, CHALLENGE);
	return SW_OK;
}

static const struct vc_command commands[] = {
	{ 0x20, false, fineid_verify },
	{ 0x22, false, fineid_mse },
	{ 0x24, false, fineid_change },
	{ 0x2A, true, fineid_pso },
	{ 0x2C, false, fineid_unblock },
	{ 0x84, false, challenge },
	{ 0xA4, false, select_file },
	{ 0xB0, false, read_binary },
	{ 0xC0, false, vc_get_response },
	{ 0xCA, false, get_data },
	{ 0xCB, false, fineid_pin_object },
};

/* Class 80 is only for GET DATA of the chip; the SetCOS that wants it everywhere is another card. */
static uint16_t admit(
	const struct vc_card *c, const struct vc_cmd *cmd, const struct vc_command *command)
{
	(void)c;
	if (cmd->cla == 0x80 && cmd->ins == 0xCA)
		return SW_OK;
	if (cmd->cla != 0x00 && cmd->cla != 0x10)
		return SW_CLA;
	if (command == NULL)
		return SW_INS;
	return cmd->cla == 0x10 && !command->chains ? SW_NO_CHAINING : SW_OK;
}

static void reset(struct vc_card *c)
{
	fineid(c)->app = false;
	OPENSSL_cleanse(fineid(c)->hash, sizeof fineid(c)->hash);
	fineid_drop_hash(c);
}

static void load(struct vc_yaml *y, struct vc_card *c)
{
	static const char words[] = "never verify-ff select";
	const char *logout = vcy_text(y, y->root, "logout");
	int way = logout != NULL ? vcy_word(words, logout) : FINEID_NEVER;

	if (way < 0)
		vcy_fail(y, vcy_get(y, y->root, "logout"), "'logout' must be one of: %s", words);
	else
		fineid(c)->logout = (enum fineid_logout)way;
	fineid(c)->size_tag = 0x81;
	vcy_hex(y, y->root, "size-tag", &fineid(c)->size_tag, 1, 1);
	fineid(c)->n_select = vcy_hex(
		y, y->root, "select", fineid(c)->select, 1, sizeof fineid(c)->select);
}

const struct vc_model vc_fineid = {
	.name = "fineid",
	.commands = commands,
	.n_commands = sizeof commands / sizeof commands[0],
	.state_size = sizeof(struct fineid),
	.pin_block = 12,
	.pin_pad = 0x00,
	.admit = admit,
	.reset = reset,
	.gone = fineid_drop_hash,
	.image_keys = " logout select size-tag ",
	.load = load,
};

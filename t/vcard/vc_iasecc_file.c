/* Files of an IAS-ECC card as Oberthur has them: SELECT, FCP, READ BINARY. */
#include <string.h>

#include "t/vcard/vc_iasecc.h"

#define MF 0x3F00
#define EF_ATR 0x2F01
#define APP 0x5015
#define RETURN_FCP 0x04
#define RETURN_NOTHING 0x0C

/* Short identifiers, which are good everywhere on the card. Source: facts on IAS-ECC, section 2. */
static const struct { uint8_t sfi; uint16_t fid; } sfis[] = {
	{ 0x1E, 0x2F00 }, { 0x1D, EF_ATR }, { 0x1C, 0xD003 }
};

static unsigned sfi_of(const struct vc_card *c, const struct vc_file *f)
{
	size_t i;

	for (i = 0; i < sizeof sfis / sizeof sfis[0]; i++)
		if (f->parent == c->files && f->fid == sfis[i].fid)
			return sfis[i].sfi;
	return 0;
}

static struct vc_file *by_sfi(const struct vc_card *c, unsigned sfi)
{
	size_t i;

	for (i = 0; i < sizeof sfis / sizeof sfis[0]; i++)
		if (sfis[i].sfi == sfi)
			return vc_file_child(c, c->files, sfis[i].fid);
	return NULL;
}

/* The security condition of reading: always, never, or a PIN's by the environment of its number. */
static unsigned read_condition(const struct vc_file *f)
{
	if (f->read == VC_ALWAYS)
		return 0x00;
	return f->read < VC_PINS ? 0x10U | f->read : 0xFF;
}

/* FCP of an EF in the form of the log, of a DF with its name. Source: facts on IAS-ECC, 3 and 3.1. */
static void put_fcp(const struct vc_card *c, const struct vc_file *f, struct vc_blob *out)
{
	/* Delete, activate, deactivate, create: an issued card lets nobody. */
	static const uint8_t df_access[] = { 0xA1, 0x07, 0x8C, 0x05, 0x5A, 0xFF, 0xFF, 0xFF, 0xFF };
	const uint8_t fid[] = { 0x83, 0x02, (uint8_t)(f->fid >> 8), (uint8_t)f->fid };
	const uint8_t ef[] = { 0x80, 0x02, (uint8_t)(f->size >> 8), (uint8_t)f->size, 0x82, 0x01,
		0x01 };
	const uint8_t ef_access[] = { 0xA1, 0x09, 0x8C, 0x07, 0x7B, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
		(uint8_t)read_condition(f) };
	unsigned sfi = sfi_of(c, f);

	vc_blob_byte(out, 0x62);
	vc_blob_byte(out, 0);
	if (f->type == VC_DF) {
		vc_blob_add(out, "\x82\x01\x38", 3);
		vc_blob_add(out, fid, sizeof fid);
		if (f->name_len != 0) {
			vc_blob_byte(out, 0x84);
			vc_blob_byte(out, (unsigned)f->name_len);
			vc_blob_add(out, f->name, f->name_len);
		}
		vc_blob_add(out, df_access, sizeof df_access);
	} else {
		vc_blob_add(out, ef, sizeof ef);
		vc_blob_add(out, fid, sizeof fid);
		vc_blob_byte(out, 0x88);
		vc_blob_byte(out, sfi != 0);
		if (sfi != 0)
			vc_blob_byte(out, sfi << 3);
		vc_blob_add(out, ef_access, sizeof ef_access);
	}
	vc_blob_add(out, "\x8A\x01\x05", 3);
	out->p[1] = (uint8_t)(out->len - 2);
}

/* The file that SELECT names below or above the current DF; NULL with a status word. */
static struct vc_file *named(const struct vc_card *c, const struct vc_cmd *cmd, uint16_t *sw)
{
	struct vc_file *f = NULL;
	uint16_t fid = (uint16_t)(cmd->lc == 2 ? cmd->data[0] << 8 | cmd->data[1] : 0);

	*sw = SW_NOT_FOUND;
	switch (cmd->p1) {
	case 0x00:
		if (cmd->lc == 0 || fid == MF)
			return c->files;
		/* FALLTHROUGH */
	case 0x01:                      /* Oberthur's for any file; 02 is the standard's for an EF */
	case 0x02:
		if (cmd->lc != 2)
			*sw = SW_LENGTH;
		else
			f = vc_file_child(c, c->df, fid);
		break;
	case 0x03:
		f = c->df->parent;
		break;
	case 0x04:
		f = vc_file_named(c, cmd->data, cmd->lc);
		break;
	case 0x09:
		if (cmd->lc == 0 || cmd->lc % 2 != 0)
			*sw = SW_LENGTH;
		else
			f = vc_file_path(c, c->df, cmd->data, cmd->lc);
		break;
	default:
		*sw = SW_P1P2;
	}
	/* Keys are objects, not files. */
	return f != NULL && vc_file_is_key(f) ? NULL : f;
}

/* DF.ESIGN is named by its identifier, alone or at the end of a path. */
static bool is_esign(const struct vc_cmd *cmd)
{
	const uint8_t *d = cmd->data;
	size_t n = cmd->lc;

	return (cmd->p1 <= 0x02 ? n == 2 : cmd->p1 == 0x09 && n >= 2) &&
		(d[n - 2] << 8 | d[n - 1]) == IASECC_ESIGN;
}

uint16_t vc_iasecc_select(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out)
{
	const struct vc_file *df = c->df;
	struct vc_file *f;
	uint16_t sw;

	if (cmd->p2 != RETURN_NOTHING && (cmd->p2 != RETURN_FCP || cmd->p1 == 0x04))
		return SW_P1P2;
	/* 9000 although nothing was selected: seen on Cosmo X. Facts on IDEMIA, section 2. */
	if (is_esign(cmd))
		return ias(c)->type->esign_by_fid;
	f = named(c, cmd, &sw);
	if (f == NULL)
		return sw;
	vc_file_select(c, f);
	if (c->df != df)
		vc_iasecc_forget(c);
	if (c->df->fid == APP)
		ias(c)->app = true;
	/* The IAS application is the MF's; selecting it anew is this card's way to log out. */
	if (cmd->p1 == 0x04 && f == c->files) {
		vc_pin_drop(c, 0);
		ias(c)->app = false;
	}
	if (cmd->p2 == RETURN_FCP && (cmd->has_le || c->t0))
		put_fcp(c, f, out);
	return SW_OK;
}

uint16_t vc_iasecc_read(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out)
{
	size_t at = (size_t)(cmd->p1 << 8 | cmd->p2), take;
	struct vc_file *f = c->ef;

	if (cmd->lc != 0 || !cmd->has_le || cmd->le > c->max_read)
		return SW_LENGTH;
	if (cmd->p1 & 0x80) {
		f = by_sfi(c, cmd->p1 & 0x1FU);
		at = cmd->p2;
		if (f == NULL)
			return SW_NOT_FOUND;
		if (c->df != f->parent)
			vc_iasecc_forget(c);
		vc_file_select(c, f);
	}
	if (f == NULL)
		return SW_NO_EF;
	if (!vc_file_may_read(c, f, false))
		return SW_SECURITY;
	if (at >= f->size)
		return SW_OFFSET;
	take = cmd->le < f->size - at ? cmd->le : f->size - at;
	vc_blob_add(out, f->data + at, take);
	return take < cmd->le ? SW_EOF : SW_OK;
}

size_t vc_iasecc_command_max(const struct vc_card *c)
{
	const struct vc_file *f = vc_file_child(c, c->files, EF_ATR);
	size_t at = 0;

	/* 43 47 46 82: all have short lengths. In E0 the first of four `02 02 hh ll` is that of commands. */
	while (f != NULL && at + 6 <= f->size && f->data[at] != 0xE0)
		at += 2U + f->data[at + 1];
	if (f == NULL || at + 6 > f->size)
		return 5 + 255;
	return (size_t)(f->data[at + 4] << 8 | f->data[at + 5]);
}

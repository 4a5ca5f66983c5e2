/* MyEID's files: FCI, access conditions, creation. */
#include <string.h>

#include "t/vcard/vc_myeid.h"

#define MF 0x3F00
#define APP_DF 0x5015
#define EF_MAX 32767

static const uint8_t app_aid[] = {
	0xA0, 0x00, 0x00, 0x00, 0x63, 0x50, 0x4B, 0x43, 0x53, 0x2D, 0x31, 0x35
};

/* Where tag 86 holds a right: byte and whether it is the high nibble. */
static const struct { uint8_t byte; bool high; } acl_place[] = {
	[VC_READ] = { 0, true },
	[VC_UPDATE] = { 0, false },
	[VC_DELETE] = { 1, true },
	[VC_USE] = { 0, true },
	[VC_LOAD] = { 0, false },
	[VC_GENERATE] = { 1, false },
	[VC_CREATE_DF] = { 0, true },
	[VC_CREATE_EF] = { 0, false },
};

unsigned vc_file_acl(const struct vc_card *c, const struct vc_file *f, enum vc_right right)
{
	uint8_t byte;

	/* OsEID has the two nibbles of CREATE the other way round. */
	if (my(c)->oseid && right == VC_CREATE_DF)
		right = VC_CREATE_EF;
	else if (my(c)->oseid && right == VC_CREATE_EF)
		right = VC_CREATE_DF;
	byte = my_file(f)->acl[acl_place[right].byte];
	return acl_place[right].high ? byte >> 4 : byte & 15U;
}

bool vc_file_may(const struct vc_card *c, const struct vc_file *f, enum vc_right right)
{
	unsigned need = vc_file_acl(c, f, right);

	if (!c->activated || need == 0)
		return true;
	return need < VC_PINS && c->pin[need].verified;
}

static size_t file_cost(const struct vc_file *f)
{
	size_t body = f->type == VC_DF ? 0 : f->size;

	/* A private key takes about five times its modulus in halves and exponents. */
	if (vc_file_is_key(f))
		body = f->size / 8 * 5;
	return body + 32;
}

void vc_fs_gone(struct vc_card *c, struct vc_file *f)
{
	if (my(c)->room + file_cost(f) > my(c)->room)
		my(c)->room += file_cost(f);
	if (my(c)->half_key == f)
		my(c)->half_key = NULL;
	if (vc_file_is_key(f))
		vc_key_clear(f);
}

bool vc_fs_format(struct vc_card *c, const uint8_t mf_acl[2], const uint8_t df_acl[2])
{
	struct vc_file *mf, *df;

	vc_files_clear(c);
	mf = vc_file_add(c, NULL, MF, VC_DF, 0);
	if (mf == NULL)
		return false;
	df = vc_file_add(c, mf, APP_DF, VC_DF, 0);
	if (df == NULL)
		return false;
	memcpy(my_file(mf)->acl, mf_acl, 2);
	memcpy(my_file(df)->acl, df_acl, 2);
	my_file(mf)->acl[2] = my_file(df)->acl[2] = 0xFF;
	my_file(mf)->prop[1] = my_file(df)->prop[1] = 0x02;
	memcpy(df->name, app_aid, sizeof app_aid);
	df->name_len = sizeof app_aid;
	c->df = mf;
	c->ef = NULL;
	return true;
}

static uint8_t prop_state(const struct vc_card *c, const struct vc_file *f)
{
	uint8_t state = my_file(f)->prop[0];

	/* OsEID shows 2 where the applet shows 3, "made on the card". */
	if (my(c)->oseid && vc_file_is_key(f) && (state & 15) == 3)
		state = (uint8_t)((state & 0xF0) | 2);
	return state;
}

static void fci_put(const struct vc_card *c, const struct vc_file *f, struct vc_blob *out)
{
	uint8_t fci[] = { 0x6F, 0x17, f->type == VC_EF ? 0x80 : 0x81, 0x02, (uint8_t)(f->size >> 8),
		(uint8_t)f->size, 0x82, 0x01, f->type, 0x83, 0x02, (uint8_t)(f->fid >> 8),
		(uint8_t)f->fid, 0x86, 0x03, my_file(f)->acl[0], my_file(f)->acl[1], my_file(f)->acl[2], 0x85, 0x02,
		prop_state(c, f), my_file(f)->prop[1], 0x8A, 0x01, c->activated ? 0x07 : 0x01 };

	if (f->name_len != 0)
		fci[1] = (uint8_t)(fci[1] + 2 + f->name_len);
	vc_blob_add(out, fci, sizeof fci);
	if (f->name_len != 0) {
		vc_blob_byte(out, 0x84);
		vc_blob_byte(out, (unsigned)f->name_len);
		vc_blob_add(out, f->name, f->name_len);
	}
}

uint16_t vc_fs_select(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out)
{
	struct vc_file *f = NULL;

	if (cmd->p2 != 0)
		return SW_P1P2;
	switch (cmd->p1) {
	case 0x00:
		if (cmd->lc != 0 && cmd->lc != 2)
			return SW_LENGTH;
		f = cmd->lc == 0 ? c->files
				 : vc_file_by_fid(c, (uint16_t)(cmd->data[0] << 8 | cmd->data[1]));
		break;
	case 0x04:
		f = vc_file_named(c, cmd->data, cmd->lc);
		break;
	case 0x08:
	case 0x09:
		if (cmd->lc == 0 || cmd->lc % 2 != 0)
			return SW_LENGTH;
		f = vc_file_path(c, cmd->p1 == 0x08 ? c->files : c->df, cmd->data, cmd->lc);
		break;
	default:
		return SW_P1P2;
	}
	if (f == NULL)
		return SW_NOT_FOUND;
	vc_file_select(c, f);
	/* A real card sends the FCI whether or not Le asked for it; OsEID does not. */
	if (!my(c)->oseid || cmd->has_le)
		fci_put(c, f, out);
	return SW_OK;
}

/* The value of a TLV in the FCP with exactly `len` bytes, or NULL. */
static const uint8_t *fcp_get(const uint8_t *p, size_t n, uint8_t tag, size_t len)
{
	while (n >= 2 && n - 2 >= p[1]) {
		if (p[0] == tag)
			return p[1] == len ? p + 2 : NULL;
		n -= 2U + p[1];
		p += 2 + p[1];
	}
	return NULL;
}

/* DF name, optional: 1..16 bytes. */
static size_t fcp_name(const uint8_t *p, size_t n, uint8_t name[16])
{
	while (n >= 2 && n - 2 >= p[1]) {
		if (p[0] == 0x84 && p[1] >= 1 && p[1] <= 16) {
			memcpy(name, p + 2, p[1]);
			return p[1];
		}
		n -= 2U + p[1];
		p += 2 + p[1];
	}
	return 0;
}

static bool fcp_whole(const uint8_t *p, size_t n)
{
	while (n >= 2 && n - 2 >= p[1]) {
		n -= 2U + p[1];
		p += 2 + p[1];
	}
	return n == 0;
}

uint16_t vc_fs_create(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out)
{
	const uint8_t *p = cmd->data, *size, *type, *fid, *acl, *prop;
	struct vc_file *f, want = { 0 };
	size_t n = cmd->lc;

	(void)out;
	if (cmd->p1 != 0 || cmd->p2 != 0)
		return SW_P1P2;
	if (n < 2)
		return SW_LENGTH;
	if (p[0] != 0x62 || p[1] != n - 2 || !fcp_whole(p + 2, n - 2))
		return SW_BAD_REF;
	p += 2;
	n -= 2;
	size = fcp_get(p, n, 0x80, 2);
	if (size == NULL)
		size = fcp_get(p, n, 0x81, 2);
	type = fcp_get(p, n, 0x82, 1);
	fid = fcp_get(p, n, 0x83, 2);
	acl = fcp_get(p, n, 0x86, 3);
	prop = fcp_get(p, n, 0x85, 2);
	if (size == NULL || type == NULL || fid == NULL || acl == NULL || prop == NULL)
		return SW_BAD_REF;
	want.size = (size_t)(size[0] << 8 | size[1]);
	want.fid = (uint16_t)(fid[0] << 8 | fid[1]);
	/* The bit 40 "shareable" is tolerated, except where it makes a type of its own. */
	want.type = type[0] == VC_SECRET ? VC_SECRET : type[0] & 0xBF;
	if (want.fid == MF || want.fid == 0x3FFF || want.fid == 0xFFFF || want.fid == 0)
		return SW_BAD_REF;
	if (want.type == VC_EF ? want.size > EF_MAX :
	    want.type != VC_DF && !vc_key_fits(c, want.type, want.size))
		return SW_BAD_REF;
	if (!vc_file_may(c, c->df, want.type == VC_DF ? VC_CREATE_DF : VC_CREATE_EF))
		return SW_SECURITY;
	if (vc_file_child(c, c->df, want.fid) != NULL)
		return SW_EXISTS;
	if (file_cost(&want) > my(c)->room)
		return my(c)->oseid ? SW_CONDITIONS : SW_NO_ROOM;
	f = vc_file_add(c, c->df, want.fid, want.type, want.size);
	if (f == NULL)
		return SW_NO_ROOM;
	my(c)->room -= file_cost(f);
	memcpy(my_file(f)->acl, acl, 3);
	memcpy(my_file(f)->prop, prop, 2);
	if (vc_file_is_key(f))
		my_file(f)->prop[0] &= 0xF0;     /* the low nibble is the card's own: empty */
	if (f->type == VC_DF) {
		f->name_len = fcp_name(p, n, f->name);
		c->df = f;
		c->ef = NULL;
	} else {
		c->ef = f;
	}
	my(c)->change++;
	return SW_OK;
}

uint16_t vc_fs_delete(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out)
{
	struct vc_file *f = c->ef != NULL ? c->ef : c->df;

	(void)out;
	if (cmd->p1 != 0 || cmd->p2 != 0)
		return SW_P1P2;
	if (cmd->lc != 0)
		return SW_LENGTH;
	if (f->parent == NULL || (f->type == VC_DF && my_file(f)->prop[1] == 0x02))
		return SW_CONDITIONS;
	if (!vc_file_may(c, f, VC_DELETE))
		return SW_SECURITY;
	vc_file_remove(c, f);
	my(c)->change++;
	return SW_OK;
}

/* The current EF for a deed at the offset of P1 P2; NULL with a status word. */
static struct vc_file *ef_at(
	struct vc_card *c, const struct vc_cmd *cmd, enum vc_right right, uint16_t *sw)
{
	*sw = SW_OK;
	if (cmd->p1 & 0x80)
		*sw = SW_P1P2;
	else if (c->ef == NULL)
		*sw = SW_NO_EF;
	else if (c->ef->type != VC_EF)
		*sw = SW_CONDITIONS;
	else if (!vc_file_may(c, c->ef, right))
		*sw = SW_SECURITY;
	return *sw == SW_OK ? c->ef : NULL;
}

uint16_t vc_fs_read(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out)
{
	size_t off = (size_t)(cmd->p1 << 8 | cmd->p2), left, want, take;
	uint16_t sw;
	const struct vc_file *f;

	if (cmd->lc != 0 || !cmd->has_le)
		return SW_LENGTH;
	f = ef_at(c, cmd, VC_READ, &sw);
	if (f == NULL)
		return sw;
	left = off < f->size ? f->size - off : 0;
	want = cmd->le;
	if (want == 256 && left != 0 && left < 256)
		want = left;            /* Le 00: up to the end */
	take = want < left ? want : left;
	/* OsEID cuts and says 6282; the applet (4.0.1) refuses. */
	if (take < want && !my(c)->oseid)
		return SW_LENGTH;
	vc_blob_add(out, f->data + off, take);
	return take < want ? SW_EOF : SW_OK;
}

uint16_t vc_fs_update(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out)
{
	size_t off = (size_t)(cmd->p1 << 8 | cmd->p2);
	uint16_t sw;
	struct vc_file *f;

	(void)out;
	if (cmd->lc == 0)
		return SW_LENGTH;
	f = ef_at(c, cmd, VC_UPDATE, &sw);
	if (f == NULL)
		return sw;
	if (off > f->size || cmd->lc > f->size - off)
		return SW_OFFSET;
	memcpy(f->data + off, cmd->data, cmd->lc);
	my(c)->change++;
	return SW_OK;
}

uint16_t vc_fs_erase(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out)
{
	size_t off = (size_t)(cmd->p1 << 8 | cmd->p2), end;
	uint16_t sw;
	struct vc_file *f;

	(void)out;
	if (!my(c)->oseid)
		return SW_INS;
	if (cmd->lc != 0 && cmd->lc != 2)
		return SW_LENGTH;
	f = ef_at(c, cmd, VC_UPDATE, &sw);
	if (f == NULL)
		return sw;
	end = cmd->lc == 2 ? (size_t)(cmd->data[0] << 8 | cmd->data[1]) : f->size;
	if (end > f->size || off > end)
		return SW_OFFSET;
	if (f->size != 0)
		memset(f->data + off, 0xFF, end - off);
	my(c)->change++;
	return SW_OK;
}

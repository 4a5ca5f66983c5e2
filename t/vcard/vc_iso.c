/* Files and PINs by the letter of ISO/IEC 7816-4, as SetCOS and MIOCOS have them. */
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#include "t/vcard/vc_iso.h"

#define MF 0x3F00
#define LOCAL 0x80U             /* bit of a PIN's reference: known in its DF only */

struct vc_iso_file *vc_iso_file(const struct vc_file *f)
{
	return f->own;
}

const struct vc_iso_ways *vc_iso_ways(const struct vc_card *c)
{
	return ((const struct vc_iso_state *)c->state)->ways;
}

uint16_t vc_iso_pin_home(const struct vc_pin *pin)
{
	return pin->local != 0 ? pin->local : MF;
}

const struct vc_pin *vc_iso_pin(const struct vc_card *c, const struct vc_file *f, unsigned ref)
{
	const struct vc_pin *pin;
	const struct vc_file *df;

	for (df = f->type == VC_DF ? f : f->parent; df != NULL; df = df->parent)
		for (pin = c->pin + 1; pin < c->pin + VC_PINS; pin++)
			if (pin->set && vc_iso_pin_home(pin) == df->fid && ((pin->ref ^ ref) & ~LOCAL) == 0)
				return pin;
	return NULL;
}

bool vc_iso_may(const struct vc_card *c, const struct vc_file *f, enum vc_iso_right right)
{
	const struct vc_iso_file *own = vc_iso_file(f);
	uint8_t need = own->right[right];
	const struct vc_pin *pin;

	if (own->status == VC_ISO_CREATION || need == VC_ALWAYS)
		return true;
	pin = need != VC_NEVER ? vc_iso_pin(c, f, need) : NULL;
	return pin != NULL && pin->verified;
}

/* An image names PINs by number, a card by reference. */
static uint8_t ref_of(const struct vc_card *c, unsigned number)
{
	return number >= 1 && number < VC_PINS && c->pin[number].set ? c->pin[number].ref : VC_NEVER;
}

bool vc_iso_image_rights(const struct vc_card *c, struct vc_file *f, const char *update)
{
	struct vc_iso_file *own = vc_iso_file(f);
	char *end;
	unsigned long number;

	memset(own->right, VC_NEVER, sizeof own->right);
	own->status = VC_ISO_ACTIVATED;
	if (f->type == VC_EF)
		own->right[VC_ISO_READ] =
			f->read == VC_ALWAYS || f->read >= VC_SM ? f->read : ref_of(c, f->read);
	if (vc_file_is_key(f)) {
		own->right[VC_ISO_READ] = VC_ALWAYS;       /* the public half, where a card tells it */
		own->right[VC_ISO_USE] = f->pin == 0 ? VC_ALWAYS : ref_of(c, f->pin);
	}
	if (update == NULL || strcmp(update, "never") == 0)
		return true;
	if (strcmp(update, "always") == 0) {
		own->right[VC_ISO_UPDATE] = VC_ALWAYS;
		return true;
	}
	number = strtoul(update, &end, 10);
	own->right[VC_ISO_UPDATE] = ref_of(c, number < VC_PINS ? (unsigned)number : 0);
	return *end == '\0' && own->right[VC_ISO_UPDATE] != VC_NEVER;
}

void vc_iso_image_mf(struct vc_card *c, bool blank)
{
	vc_iso_image_rights(c, c->files, NULL);
	if (blank)
		memset(vc_iso_file(c->files)->right, VC_ALWAYS, VC_ISO_RIGHTS);
}

/* The file that P1 and the data name; NULL with a status word. */
static struct vc_file *named(const struct vc_card *c, const struct vc_cmd *cmd, uint16_t *sw)
{
	struct vc_file *f = NULL;
	uint16_t fid = 0;

	if (cmd->lc == 2)
		fid = (uint16_t)((unsigned)cmd->data[0] << 8 | cmd->data[1]);
	*sw = vc_iso_ways(c)->missing;
	switch (cmd->p1) {
	case 0x00:
		if (cmd->lc == 0)
			f = c->files;
		else if (cmd->lc == 2)
			f = vc_file_by_fid(c, fid);
		else
			*sw = SW_LENGTH;
		break;
	case 0x01:
	case 0x02:
		f = cmd->lc == 2 ? vc_file_child(c, c->df, fid) : NULL;
		if (f != NULL && (f->type == VC_DF) != (cmd->p1 == 0x01))
			f = NULL;
		break;
	case 0x03:
		f = c->df->parent;
		break;
	case 0x04:
		f = vc_file_named(c, cmd->data, cmd->lc);
		break;
	case 0x08:
	case 0x09:
		if (cmd->lc == 0 || cmd->lc % 2 != 0)
			*sw = SW_LENGTH;
		else
			f = vc_file_path(c, cmd->p1 == 0x08 ? c->files : c->df, cmd->data, cmd->lc);
		break;
	default:
		*sw = SW_P1P2;
	}
	return f;
}

uint16_t vc_iso_select(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out)
{
	uint16_t sw;
	struct vc_file *f;

	if (cmd->p2 != 0x00 && cmd->p2 != 0x0C)
		return SW_P1P2;
	f = c->files != NULL ? named(c, cmd, &sw) : NULL;
	if (c->files == NULL)
		sw = vc_iso_ways(c)->missing;
	if (f == NULL)
		return sw;
	vc_file_select(c, f);
	if (cmd->p2 == 0x00)
		vc_iso_ways(c)->fci(c, f, out);
	return SW_OK;
}

/* The current EF for a deed at the offset of P1 P2; NULL with a status word. */
static struct vc_file *ef_at(
	struct vc_card *c, const struct vc_cmd *cmd, enum vc_iso_right right, uint16_t *sw)
{
	*sw = SW_OK;
	if (cmd->p1 & 0x80)
		*sw = SW_P1P2;
	else if (c->ef == NULL)
		*sw = SW_NO_EF;
	else if (c->ef->type != VC_EF)
		*sw = SW_NO_RECORDS;
	else if (!vc_iso_may(c, c->ef, right))
		*sw = SW_SECURITY;
	return *sw == SW_OK ? c->ef : NULL;
}

uint16_t vc_iso_read(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out)
{
	size_t off = (size_t)(cmd->p1 << 8 | cmd->p2), take = cmd->le;
	uint16_t sw;
	const struct vc_file *f;

	if (cmd->lc != 0 || !cmd->has_le)
		return SW_LENGTH;
	f = ef_at(c, cmd, VC_ISO_READ, &sw);
	if (f == NULL)
		return sw;
	if (off >= f->size)
		return SW_OFFSET;
	if (take > c->max_read)
		take = c->max_read;
	if (take > vc_iso_ways(c)->transfer)
		take = vc_iso_ways(c)->transfer;
	/* Less than was asked for: vc_run says 6Cxx, as over T=0. */
	if (take > f->size - off)
		take = f->size - off;
	vc_blob_add(out, f->data + off, take);
	return SW_OK;
}

uint16_t vc_iso_update(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out)
{
	size_t off = (size_t)(cmd->p1 << 8 | cmd->p2);
	uint16_t sw;
	struct vc_file *f;

	(void)out;
	if (cmd->lc == 0 || cmd->lc > vc_iso_ways(c)->transfer)
		return SW_LENGTH;
	f = ef_at(c, cmd, VC_ISO_UPDATE, &sw);
	if (f == NULL)
		return sw;
	if (off > f->size || cmd->lc > f->size - off)
		return SW_OFFSET;
	memcpy(f->data + off, cmd->data, cmd->lc);
	return SW_OK;
}

uint16_t vc_iso_record(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out)
{
	(void)cmd;
	(void)out;
	return c->ef == NULL ? SW_NO_EF : SW_NO_RECORDS;
}

uint16_t vc_iso_challenge(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out)
{
	uint8_t random[256];

	(void)c;
	if (cmd->p1 != 0 || cmd->p2 != 0)
		return SW_P1P2;
	if (cmd->lc != 0 || !cmd->has_le)
		return SW_LENGTH;
	if (RAND_bytes(random, (int)cmd->le) != 1)
		return SW_ERROR;
	vc_blob_add(out, random, cmd->le);
	return SW_OK;
}

void vc_iso_list(const struct vc_card *c, struct vc_blob *out)
{
	const struct vc_file *f;

	for (f = c->files; f != NULL; f = f->next)
		if (f->parent == c->df && c->df != NULL) {
			vc_blob_byte(out, f->fid >> 8);
			vc_blob_byte(out, f->fid & 0xFF);
		}
}

/* The PIN of a reference, of the current DF or the nearest above. */
static struct vc_pin *named_pin(struct vc_card *c, unsigned ref)
{
	const struct vc_file *df;
	struct vc_pin *pin;

	for (df = c->df; df != NULL; df = df->parent)
		for (pin = c->pin + 1; pin < c->pin + VC_PINS; pin++)
			if (pin->set && pin->ref == ref && vc_iso_pin_home(pin) == df->fid)
				return pin;
	return NULL;
}

/* The PIN of P2 for a command with `blocks` blocks; NULL with a status word. */
static struct vc_pin *pin_for(struct vc_card *c, const struct vc_cmd *cmd, size_t blocks, uint16_t *sw)
{
	struct vc_pin *pin = cmd->p1 == 0 ? named_pin(c, cmd->p2) : NULL;

	*sw = SW_OK;
	if (cmd->p1 != 0)
		*sw = SW_P1P2;
	else if (pin == NULL)
		*sw = SW_REF_NOT_FOUND;
	else if (cmd->lc != blocks * pin->block)
		*sw = SW_LENGTH;
	return *sw == SW_OK ? pin : NULL;
}

uint16_t vc_iso_verify(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out)
{
	uint16_t sw;
	struct vc_pin *pin = pin_for(c, cmd, 1, &sw);

	(void)out;
	if (pin == NULL)
		return sw;
	if (pin->locked)
		return SW_BLOCKED;
	sw = vc_pin_try(pin, cmd->data, cmd->lc);
	pin->verified = sw == SW_OK;
	return sw;
}

uint16_t vc_iso_change(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out)
{
	uint16_t sw;
	struct vc_pin *pin = pin_for(c, cmd, 2, &sw);

	(void)out;
	if (pin == NULL)
		return sw;
	if (pin->locked)
		return SW_BLOCKED;
	if (!vc_pin_fits(pin, cmd->data + pin->block, pin->block))
		return SW_DATA;
	sw = vc_pin_try(pin, cmd->data, pin->block);
	pin->verified = false;
	if (sw != SW_OK)
		return sw;
	vc_pin_put(pin, cmd->data + pin->block, pin->block);
	pin->changed = true;
	pin->verified = c->change_opens;
	return SW_OK;
}

uint16_t vc_iso_unblock(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out)
{
	uint16_t sw;
	struct vc_pin *pin = pin_for(c, cmd, 2, &sw);

	(void)out;
	if (pin == NULL)
		return sw;
	if (!vc_pin_fits(pin, cmd->data + pin->block, pin->block))
		return SW_DATA;
	sw = vc_pin_try_puk(c, pin, cmd->data, pin->block);
	if (sw != SW_OK)
		return sw;
	vc_pin_put(pin, cmd->data + pin->block, pin->block);
	pin->locked = false;
	pin->changed = true;
	pin->verified = c->change_opens;
	return SW_OK;
}

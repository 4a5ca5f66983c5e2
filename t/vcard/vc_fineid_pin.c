/*
 * PINs of the FINEID citizen's card: blocks of 12 bytes with 00, one PUK for both, PIN2 local to DF 5016.
 * Source: facts on FINEID, sections 4 and 5; facts on Gemalto eID, section 3.
 */
#include <string.h>

#include "t/vcard/vc_fineid.h"

/* A PIN without tries: MultiApp 3 says 6984, as in Uruguay, later ones 6983. */
static uint16_t blocked(const struct vc_card *c)
{
	return vc_version_at_least(c, 4, 0, 0) ? SW_BLOCKED : SW_BAD_REF;
}

/*
 * The PIN that P2 names, that is no PUK and whose DF is current. MultiApp 5 has no PINs before the
 * application is selected, MultiApp 4 is lax; what it says then was not recorded. NULL with a status word.
 */
static struct vc_pin *pin_of(struct vc_card *c, const struct vc_cmd *cmd, uint16_t *sw)
{
	struct vc_pin *pin = vc_pin_by_ref(c, cmd->p2);

	*sw = SW_OK;
	if (!fineid(c)->app && vc_version_at_least(c, 5, 0, 0))
		*sw = SW_CONDITIONS;
	else if (pin == NULL || pin->unblocking)
		*sw = SW_REF_NOT_FOUND;
	return *sw == SW_OK ? pin : NULL;
}

/* Another length, another padding, other than digits: no try is lost. */
static uint16_t check_form(const struct vc_pin *pin, const uint8_t *block)
{
	return vc_pin_fits(pin, block, pin->block) ? SW_OK : SW_DATA;
}

/* The counter as the card tells it: 63Cx, or that none is left. */
static uint16_t tried(const struct vc_card *c, uint16_t sw)
{
	return sw == SW_BLOCKED ? blocked(c) : sw;
}

static uint16_t status(const struct vc_card *c, const struct vc_pin *pin)
{
	if (pin->verified)
		return SW_OK;
	return pin->tries == 0 ? blocked(c) : (uint16_t)(SW_WRONG_PIN | pin->tries);
}

uint16_t fineid_verify(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out)
{
	uint16_t sw;
	struct vc_pin *pin = pin_of(c, cmd, &sw);

	(void)out;
	if (cmd->p1 != 0x00 && !(cmd->p1 == 0xFF && fineid(c)->logout == FINEID_VERIFY_FF))
		return SW_P1P2;
	if (pin == NULL)
		return sw;
	if (cmd->p1 == 0xFF) {
		if (cmd->lc != 0)
			return SW_LENGTH;
		pin->verified = false;
		return SW_OK;
	}
	if (cmd->lc == 0)
		return status(c, pin);
	if (cmd->lc != pin->block)
		return SW_LENGTH;
	sw = check_form(pin, cmd->data);
	if (sw != SW_OK)
		return sw;
	if (pin->tries == 0)
		return blocked(c);
	/* The code that the card comes with is good for CHANGE only. Facts on FINEID 4, "Activation". */
	if (!pin->changed)
		return SW_CONDITIONS;
	sw = tried(c, vc_pin_try(pin, cmd->data, cmd->lc));
	pin->verified = sw == SW_OK;
	return sw;
}

/* Old block, new block. */
uint16_t fineid_change(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out)
{
	uint16_t sw;
	struct vc_pin *pin = pin_of(c, cmd, &sw);
	const uint8_t *fresh;

	(void)out;
	if (cmd->p1 != 0x00)
		return SW_P1P2;
	if (pin == NULL)
		return sw;
	if (cmd->lc != 2U * pin->block)
		return SW_LENGTH;
	fresh = cmd->data + pin->block;
	if (check_form(pin, cmd->data) != SW_OK || check_form(pin, fresh) != SW_OK)
		return SW_DATA;
	pin->verified = false;
	sw = tried(c, vc_pin_try(pin, cmd->data, pin->block));
	if (sw != SW_OK)
		return sw;
	vc_pin_put(pin, fresh, pin->block);
	pin->changed = true;
	pin->verified = c->change_opens;
	return SW_OK;
}

/* PUK's block, new block; what is counted, and told by 63Cx, are the PUK's tries. */
uint16_t fineid_unblock(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out)
{
	uint16_t sw;
	struct vc_pin *pin = pin_of(c, cmd, &sw), *puk;
	const uint8_t *fresh;

	(void)out;
	if (cmd->p1 != 0x00)
		return SW_P1P2;
	if (pin == NULL)
		return sw;
	puk = vc_pin_get(c, pin->puk_number);
	if (puk == NULL)
		return SW_REF_NOT_FOUND;
	if (cmd->lc != (size_t)puk->block + pin->block)
		return SW_LENGTH;
	fresh = cmd->data + puk->block;
	if (check_form(puk, cmd->data) != SW_OK || check_form(pin, fresh) != SW_OK)
		return SW_DATA;
	sw = tried(c, vc_pin_try_puk(c, pin, cmd->data, puk->block));
	if (sw != SW_OK)
		return sw;
	vc_pin_put(pin, fresh, pin->block);
	pin->changed = true;
	pin->verified = c->change_opens;
	return SW_OK;
}

/* Of any DF: what a PIN object says is no secret, and the PUK's is told nowhere else. */
static const struct vc_pin *pin_named(const struct vc_card *c, uint8_t ref)
{
	size_t i;

	for (i = 1; i < VC_PINS; i++)
		if (c->pin[i].set && c->pin[i].ref == ref)
			return &c->pin[i];
	return NULL;
}

/* GET DATA of a PIN object. Source: facts on FINEID 5, "PIN attributes", recorded. */
uint16_t fineid_pin_object(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out)
{
	static const uint8_t ask[] = { 0xA0, 0x03, 0x83, 0x01 };
	/* Access rules; tries left, no limit of uses and of unblockings, method; counter of uses. */
	uint8_t object[] = { 0xA0, 0x23, 0x83, 0x01, 0x00, 0x8C, 0x04, 0xF0, 0x00, 0x00, 0x00, 0x9C, 0x04,
		0xF0, 0x00, 0x00, 0x00, 0xDF, 0x21, 0x04, 0x00, 0xFF, 0xA5, 0x03, 0xDF, 0x27, 0x02, 0xFF,
		0xFF, 0xDF, 0x28, 0x01, 0x00, 0xDF, 0x2F, 0x01, 0x00 };
	const struct vc_pin *pin;

	if (cmd->p1 != 0x00 || cmd->p2 != 0xFF)
		return SW_P1P2;
	if (cmd->lc != sizeof ask + 1)
		return SW_LENGTH;
	if (memcmp(cmd->data, ask, sizeof ask) != 0)
		return SW_DATA;
	pin = pin_named(c, cmd->data[sizeof ask]);
	if (pin == NULL)
		return SW_REF_NOT_FOUND;
	object[4] = pin->ref;
	object[20] = pin->tries;
	object[32] = pin->block;
	object[36] = pin->changed;
	vc_blob_add(out, object, sizeof object);
	return SW_OK;
}

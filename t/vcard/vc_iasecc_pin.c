/* PINs of an organisation card: bare digits, one code that unblocks both. */
#include <openssl/crypto.h>
#include <string.h>

#include "t/vcard/vc_iasecc.h"

enum { NEW_PIN = 0x02, COUNTER_ONLY = 0x03 };  /* P1 of RESET RETRY COUNTER */

struct vc_pin *vc_iasecc_pin(struct vc_card *c, unsigned ref)
{
	return ias(c)->app ? vc_pin_by_ref(c, ref) : NULL;
}

uint16_t vc_iasecc_verify(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out)
{
	struct vc_pin *pin = vc_iasecc_pin(c, cmd->p2);
	uint16_t sw;

	(void)out;
	if (cmd->p1 != 0)
		return SW_P1P2;
	if (pin == NULL)
		return SW_REF_NOT_FOUND;
	if (cmd->lc == 0) {
		if (pin->verified)
			return SW_OK;
		return pin->tries == 0 ? SW_BLOCKED : (uint16_t)(SW_WRONG_PIN | pin->tries);
	}
	/* No look at the form: what is too long or padded is wrong, and counts. */
	sw = vc_pin_try(pin, cmd->data, cmd->lc);
	pin->verified = sw == SW_OK;
	return sw;
}

/* Old and new are bare digits side by side: only the right old PIN tells where the new one begins. */
uint16_t vc_iasecc_change(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out)
{
	struct vc_pin *pin = vc_iasecc_pin(c, cmd->p2);
	size_t old;

	(void)out;
	if (cmd->p1 != 0)
		return SW_P1P2;
	if (pin == NULL)
		return SW_REF_NOT_FOUND;
	if (cmd->lc == 0)
		return SW_LENGTH;
	if (pin->unblocking)
		return SW_SECURITY;
	/* Nothing is compared, so nothing counts. Facts on IAS-ECC, section 3, "CHANGE". */
	if (ias(c)->verify_first && !pin->verified)
		return SW_SECURITY;
	old = pin->pin.len;
	if (pin->tries == 0 || cmd->lc < old || CRYPTO_memcmp(cmd->data, pin->pin.p, old) != 0) {
		pin->verified = false;
		return vc_pin_try(pin, cmd->data, cmd->lc);
	}
	if (!vc_pin_fits(pin, cmd->data + old, cmd->lc - old))
		return SW_DATA;
	vc_pin_put(pin, cmd->data + old, cmd->lc - old);
	pin->verified = c->change_opens;
	return SW_OK;
}

uint16_t vc_iasecc_unblock(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out)
{
	struct vc_pin *pin = vc_iasecc_pin(c, cmd->p2);
	const struct vc_pin *puk;

	(void)out;
	if (cmd->p1 != NEW_PIN && cmd->p1 != COUNTER_ONLY)
		return SW_P1P2;
	if (pin == NULL)
		return SW_REF_NOT_FOUND;
	puk = vc_pin_get(c, pin->puk_number);
	if (puk == NULL || !puk->verified)
		return SW_SECURITY;
	if (cmd->p1 == COUNTER_ONLY && cmd->lc != 0)
		return SW_LENGTH;
	if (cmd->p1 == NEW_PIN && !vc_pin_fits(pin, cmd->data, cmd->lc))
		return SW_DATA;
	if (cmd->p1 == NEW_PIN)
		vc_pin_put(pin, cmd->data, cmd->lc);
	pin->tries = pin->max;
	pin->verified = c->change_opens;
	return SW_OK;
}

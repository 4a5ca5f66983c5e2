/* Gemalto's and Thales' IAS Classic applet on MultiApp 3 to 5, as Finnish citizens' cards have it from S1 v3.0
 * on. Everything of keys is in the profile's environment. Facts by number: card-gemalto-eid, fineid. */
#include "base/err.h"
#include "cardos/iso.h"
#include "cardos/os.h"

#define TAG_PIN 0xA0
#define TAG_COUNTERS 0xDF21     /* first byte: tries left */
#define TAG_CHANGED 0xDF2F      /* 00: never since the card was made */

/* What the card tells of a PIN object: tries left, and whether it was ever changed; -1 what it does not.
 * Source: fineid 5, "PIN attributes" [log]. */
static int
pin_object(struct card *card, unsigned ref, int *tries, int *changed)
{
	const uint8_t ask[] = { TAG_PIN, 0x03, 0x83, 0x01, (uint8_t)ref };
	const struct apdu a = { .ins = 0xCB, .p2 = 0xFF, .data = { ask, sizeof ask }, .le = LE_ANY };
	struct buf answer = BUF_INIT;
	struct view v, fields, value;
	unsigned tag;
	int r;

	*tries = *changed = -1;
	if ((r = card_command(card, &a, &answer, NULL)) != 0)
		goto out;
	v = buf_peek(&answer);
	if ((r = tlv_next(&v, &tag, &fields)) == 0 && tag != TAG_PIN)
		r = E_PROTOCOL;
	while (!r && fields.len && (r = tlv_next(&fields, &tag, &value)) == 0) {
		if (tag == TAG_COUNTERS && value.len)
			*tries = value.p[0];
		else if (tag == TAG_CHANGED && value.len == 1)
			*changed = value.p[0];
	}
out:
	buf_free(&answer);
	return r;
}

static int
thales_pin_object(struct card *card, const struct pin_ref *ref, struct pin_state *state)
{
	int changed, r;

	if ((r = iso_enter_pin_df(card, ref)) == 0 &&
	    (r = pin_object(card, (unsigned)ref->ref, &state->tries, &changed)) == 0 && changed >= 0)
		state->fresh = changed == 0;
	return r;
}

static int
thales_puk_info(struct card *card, const struct pin_ref *ref, struct pin_state *state)
{
	int ignored;

	return pin_object(card, (unsigned)ref->unblock_ref, &state->puk_tries, &ignored);
}

const struct card_ops os_thales = {
	.name = "thales",
	.pin_6984_blocked = true, /* card-gemalto-eid 3 */
	.open = iso_open,
	.select_app = iso_select_app,
	.read = iso_read,
	.info = iso_info,
	.pin_info = iso_pin_info,
	.pin_verify = iso_pin_verify,
	.pin_change = iso_pin_change,
	.pin_unblock = iso_pin_unblock,
	.pin_forget = iso_pin_forget,
	.pin_object = thales_pin_object,
	.puk_info = thales_puk_info,
	.sign = iso_sign,
	.decipher = iso_decipher,
	.derive = iso_derive,
	.challenge = iso_challenge,
};

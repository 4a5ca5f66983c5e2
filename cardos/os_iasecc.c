/* IAS-ECC cards as Finnish organisations and health care have them: Oberthur Cosmo v7, IDEMIA ID.me, Cosmo X.
 * Everything of keys is in the profile's environment. Facts by number: card-idemia, card-iasecc. */
#include "base/err.h"
#include "cardos/iso.h"
#include "cardos/os.h"

/* The PUK has a reference of its own, and an empty VERIFY shows its tries, card-idemia 2. */
static int
iasecc_puk_info(struct card *card, const struct pin_ref *ref, struct pin_state *state)
{
	const struct pin_ref puk = { .ref = ref->unblock_ref };
	struct pin_state s;
	int r;

	if ((r = iso_pin_info(card, &puk, &s)) == 0)
		state->puk_tries = s.tries;
	return r;
}

/* Some of these cards want the old PIN verified before they change it (card-iasecc 3), and say so by 6982: the old PIN
 * was not compared, so no try was lost. */
static int
iasecc_pin_change(struct card *card, const struct pin_ref *ref, struct view old, struct view new, int *tries)
{
	int r = iso_pin_change(card, ref, old, new, tries);

	if (r != E_PIN_NEEDED)
		return r;
	if (card->typed)
		return E_DENIED; /* the reader's keys would have to be asked twice */
	if ((r = iso_pin_verify(card, ref, old, tries)) != 0)
		return r;
	if ((r = iso_pin_change(card, ref, old, new, tries)) == E_PIN_NEEDED)
		r = E_DENIED;
	/* it was closed before, and nobody who asked for a change expects it open after a refusal */
	if (r && iso_pin_forget(card, ref) != 0)
		card->end_reset = true;
	return r;
}

/* VERIFY of the PUK, then RESET RETRY COUNTER with the new PIN alone, card-idemia 2. An open PUK must not
 * stay on the card. */
static int
iasecc_pin_unblock(struct card *card, const struct pin_ref *ref, struct view puk, struct view new,
    int *tries)
{
	const struct pin_ref puk_ref = { .ref = ref->unblock_ref };
	const struct apdu a = { .ins = 0x2C, .p1 = 0x02, .p2 = (uint8_t)ref->ref, .data = new,
		.flags = APDU_SECRET_IN | APDU_STATE };
	int ignored, r;

	if (puk_ref.ref < 0)
		return E_DENIED;
	if ((r = iso_pin_verify(card, &puk_ref, puk, tries)) != 0) {
		/* an answer that got lost may have been a yes */
		card->end_reset |= r != E_PIN_WRONG && r != E_PIN_BLOCKED && r != E_NOT_FOUND;
		return r;
	}
	if ((r = iso_enter_pin_df(card, ref)) == 0)
		r = card_command(card, &a, NULL, &ignored);
	*tries = -1; /* those of the PUK are full again */
	if (r == E_PIN_WRONG || r == E_PIN_BLOCKED || r == E_PIN_NEEDED)
		r = E_DENIED; /* the PUK was right: nothing of it is to be told */
	if (iso_pin_forget(card, &puk_ref) != 0)
		card->end_reset = true;
	return r;
}

const struct card_ops os_iasecc = {
	.name = "iasecc",
	.pin_6984_blocked = true, /* fineid 5, "VERIFY" */
	.open = iso_open,
	.select_app = iso_select_app,
	.read = iso_read,
	.info = iso_info,
	.pin_info = iso_pin_info,
	.pin_verify = iso_pin_verify,
	.pin_change = iasecc_pin_change,
	.pin_unblock = iasecc_pin_unblock,
	.pin_forget = iso_pin_forget,
	.puk_info = iasecc_puk_info,
	.sign = iso_sign,
	.decipher = iso_decipher,
	.derive = iso_derive,
	.challenge = iso_challenge,
};

/* PINs: VERIFY, CHANGE REFERENCE DATA, RESET RETRY COUNTER. Source: ISO 7816-4 11.6. */
#include "cardos/iso.h"

#include "base/err.h"
#include "cardos/sw.h"

int
iso_enter_pin_df(struct card *card, const struct pin_ref *ref)
{
	int r = ref->local && ref->path.len ? iso_enter_df(card, &ref->path) : 0;

	/* not the PIN was refused, which was not sent */
	return r == E_PIN_NEEDED ? E_DENIED : r;
}

/* A PIN that is blocked may answer 6984 besides, where the driver says so. */
static int
pin_sw_err(const struct card *card, uint16_t sw)
{
	return sw == 0x6984 && card->ops->pin_6984_blocked ? E_PIN_BLOCKED : card_sw_err(card, sw);
}

/* A command that carries a PIN and wants no answer. */
static int
pin_command(struct card *card, const struct apdu *a, int *tries)
{
	struct resp resp = { BUF_INIT, 0 };
	int r;

	*tries = -1;
	if ((r = card_apdu(card, a, &resp)) != 0)
		goto out;
	*tries = sw_tries(resp.sw);
	if ((r = pin_sw_err(card, resp.sw)) == 0 && resp.data.len)
		r = E_PROTOCOL;
out:
	resp_free(&resp);
	return r;
}

int
iso_pin_info(struct card *card, const struct pin_ref *ref, struct pin_state *state)
{
	const struct apdu a = { .ins = 0x20, .p2 = (uint8_t)ref->ref };
	struct resp resp = { BUF_INIT, 0 };
	int r;

	*state = (struct pin_state)PIN_STATE_UNKNOWN;
	/* what another application says of its own PIN is no answer: a neighbour may have moved the card */
	if (!card->app_sure && !card->df.len && card->ops->select_app && (r = card->ops->select_app(card)) != 0)
		goto out;
	if ((r = iso_enter_pin_df(card, ref)) != 0 || (r = card_apdu(card, &a, &resp)) != 0)
		goto out;
	r = pin_sw_err(card, resp.sw);
	if (r && r != E_PIN_WRONG && r != E_PIN_BLOCKED)
		goto out;
	state->verified = r == 0;
	state->tries = r == E_PIN_BLOCKED ? 0 : sw_tries(resp.sw);
	r = 0;
out:
	resp_free(&resp);
	return r;
}

int
iso_pin_verify(struct card *card, const struct pin_ref *ref, struct view block, int *tries)
{
	const struct apdu a = { .ins = 0x20, .p2 = (uint8_t)ref->ref, .data = block,
		.flags = APDU_SECRET_IN | APDU_PINPAD | APDU_STATE }; /* it may cost a try: never sent again unasked */
	int r = iso_enter_pin_df(card, ref);

	return r ? r : pin_command(card, &a, tries);
}

/* CHANGE REFERENCE DATA and RESET RETRY COUNTER carry two blocks one after the other. */
static int
two_blocks(struct card *card, unsigned ins, const struct pin_ref *ref, struct view first,
    struct view second, int *tries)
{
	struct buf both = BUF_INIT_SECRET;
	struct apdu a = { .ins = (uint8_t)ins, .p2 = (uint8_t)ref->ref,
		.flags = APDU_SECRET_IN | APDU_PINPAD | APDU_STATE };
	int r;

	buf_view(&both, first);
	buf_view(&both, second);
	a.data = buf_peek(&both);
	if ((r = buf_err(&both)) == 0 && (r = iso_enter_pin_df(card, ref)) == 0)
		r = pin_command(card, &a, tries);
	buf_free(&both);
	return r;
}

int
iso_pin_change(struct card *card, const struct pin_ref *ref, struct view old, struct view new,
    int *tries)
{
	return two_blocks(card, 0x24, ref, old, new, tries);
}

int
iso_pin_unblock(struct card *card, const struct pin_ref *ref, struct view puk, struct view new,
    int *tries)
{
	return two_blocks(card, 0x2C, ref, puk, new, tries);
}

int
iso_pin_forget(struct card *card, const struct pin_ref *ref)
{
	const struct apdu a = { .ins = 0x20, .p1 = 0xFF, .p2 = (uint8_t)ref->ref };
	struct pin_state state;
	int r = iso_pin_info(card, ref, &state);

	if (r || state.verified == 0)
		return r;
	/* not every card that answers 9000 has done it; some forget when the application is selected anew */
	if ((r = card_command(card, &a, NULL, NULL)) == E_GONE || r == E_RESET || r == E_IO || r == E_MEM)
		return r;
	if (!r && ((r = iso_pin_info(card, ref, &state)) != 0 || state.verified == 0))
		return r;
	if ((r = card->ops->select_app(card)) != 0 || (r = iso_pin_info(card, ref, &state)) != 0)
		return r;
	return state.verified == 0 ? 0 : E_UNSUPPORTED;
}

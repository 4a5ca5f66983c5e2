/* The verbs of PINs over the drivers': padding, what precedes them, and PINs that are typed on the
 * reader. Source: DESIGN 18.5, 18.6. */
#include "cardos/card.h"

#include "base/err.h"

/* The PUK that goes with a PIN: coded and padded alike, with lengths of its own. */
static struct pin_ref
puk_of(const struct pin_ref *pin)
{
	struct pin_ref puk = *pin;

	puk.min = pin->puk_min;
	puk.max = pin->puk_max;
	if (pin->puk_stored)
		puk.stored = pin->puk_stored;
	return puk;
}

/* A PIN the card cannot have is a wrong one, and not worth a try. */
static int
block_of_known(const struct pin_ref *ref, struct view pin, struct buf *out)
{
	int r = card_pin_block(ref, pin, out);

	return r == E_PIN_LEN ? E_PIN_UNFIT : r;
}

/* "Not verified" in answer to the PIN itself is a wrong PIN, whatever it has cost. */
static int
pin_answer(int r)
{
	return r == E_PIN_NEEDED ? E_PIN_WRONG : r;
}

/* DESIGN 18.6: references are local to the application, and a neighbour may have moved. By
 * name even when a path led into it: another applet may have the same path, and PINs of its own. */
static int
select_for_pin(struct card *card)
{
	int r = card->ops->select_app ? card->ops->select_app(card) : 0;

	return r == E_PIN_NEEDED ? E_DENIED : r; /* no PIN helps where none can be entered */
}

int
card_pin_verify(struct card *card, const struct pin_ref *ref, struct view pin, int *tries)
{
	struct buf block = BUF_INIT_SECRET;
	int r;

	*tries = -1;
	if (!card->ops->pin_verify)
		return E_UNSUPPORTED;
	if ((r = block_of_known(ref, pin, &block)) != 0 || (r = select_for_pin(card)) != 0)
		goto out;
	r = pin_answer(card->ops->pin_verify(card, ref, buf_peek(&block), tries));
out:
	buf_free(&block);
	return r;
}

int
card_pin_change(struct card *card, const struct pin_ref *ref, struct view old, struct view new,
    int *tries)
{
	struct buf old_block = BUF_INIT_SECRET, new_block = BUF_INIT_SECRET;
	int r;

	*tries = -1;
	if (!card->ops->pin_change)
		return E_UNSUPPORTED;
	if ((r = card_pin_block(ref, new, &new_block)) != 0
	    || (r = block_of_known(ref, old, &old_block)) != 0
	    || (r = select_for_pin(card)) != 0)
		goto out;
	r = pin_answer(card->ops->pin_change(card, ref, buf_peek(&old_block), buf_peek(&new_block),
	    tries));
out:
	buf_free(&old_block);
	buf_free(&new_block);
	return r;
}

int
card_pin_unblock(struct card *card, const struct pin_ref *ref, struct view puk, struct view new,
    int *tries)
{
	struct buf puk_block = BUF_INIT_SECRET, new_block = BUF_INIT_SECRET;
	const struct pin_ref puk_ref = puk_of(ref);
	int r;

	*tries = -1;
	if (!card->ops->pin_unblock)
		return E_UNSUPPORTED;
	if ((r = card_pin_block(ref, new, &new_block)) != 0
	    || (r = block_of_known(&puk_ref, puk, &puk_block)) != 0
	    || (r = select_for_pin(card)) != 0)
		goto out;
	r = pin_answer(card->ops->pin_unblock(card, ref, buf_peek(&puk_block), buf_peek(&new_block),
	    tries));
out:
	buf_free(&puk_block);
	buf_free(&new_block);
	return r;
}

/* ---- what the card says of it ---- */

/* Whether the PIN was changed since the card was made, by the profile's command. A card that does not
 * answer it does not say. */
static int
ask_fresh(struct card *card, const struct pin_ref *ref, int *fresh)
{
	const struct activation *how = &card->pf->activation;
	struct buf cmd = BUF_INIT, answer = BUF_INIT;
	struct apdu a = { .le = LE_ANY };
	int r;

	if ((r = select_for_pin(card)) != 0)
		return r;
	buf_view(&cmd, buf_peek(&how->ask));
	if ((r = buf_err(&cmd)) != 0)
		goto out;
	if (how->ask_ref)
		cmd.p[how->ask_ref] = (uint8_t)ref->ref;
	a.cla = cmd.p[0];
	a.ins = cmd.p[1];
	a.p1 = cmd.p[2];
	a.p2 = cmd.p[3];
	if (cmd.len > 4)
		a.data = view_of(cmd.p + 5, cmd.len - 5);
	if ((r = card_command(card, &a, &answer, NULL)) == 0)
		*fresh = activation_is_fresh(how, buf_peek(&answer));
out:
	buf_free(&cmd);
	buf_free(&answer);
	return r;
}

static bool
ends_all(int r)
{
	return r == E_GONE || r == E_RESET || r == E_IO || r == E_MEM;
}

/* The tries left, and whatever else comes with them. */
static int
ask_tries(struct card *card, const struct pin_ref *ref, struct pin_state *state)
{
	int r, fresh;

	if (card->ops->pin_object && ends_all(r = card->ops->pin_object(card, ref, state)))
		return r;
	if (state->tries >= 0)
		return 0;
	fresh = state->fresh;
	if (!card->ops->pin_info)
		return E_UNSUPPORTED;
	r = card->ops->pin_info(card, ref, state);
	if (state->fresh < 0)
		state->fresh = fresh;
	return r;
}

int
card_pin_info(struct card *card, const struct pin_ref *ref, int puk_tries, struct pin_state *state)
{
	int r;

	*state = (struct pin_state)PIN_STATE_UNKNOWN;
	if (ref->guess)
		return E_DENIED;
	if ((r = ask_tries(card, ref, state)) != 0)
		return r;
	if (state->puk_tries < 0)
		state->puk_tries = puk_tries;
	/* what the card does not tell of it is not missed */
	if (state->puk_tries < 0 && ref->unblock_ref >= 0 && card->ops->puk_info &&
	    ends_all(r = card->ops->puk_info(card, ref, state)))
		return r;
	if (state->fresh < 0 && card->pf->activation.ask.len && ref->ref >= 0 &&
	    ends_all(r = ask_fresh(card, ref, &state->fresh)))
		return r;
	return 0;
}

/* ---- typed on the reader ---- */

static int
pad_need(struct card *card, struct pinpad *out)
{
	int r = card->pad_asked ? 0 : pinpad_ask(card->ch, &card->pad);

	card->pad_asked = r == 0;
	*out = card->pad;
	return r;
}

bool
card_pinpad(struct card *card, struct pinpad *out)
{
	/* a reader that fills in a PIN cannot wrap it */
	return !card->sm && pad_need(card, out) == 0 && out->verify;
}

/* The driver builds its command around a block without digits, which the reader fills in. */
static int
pin_on_pad(struct card *card, const struct pin_ref *ref, struct pinpad_entry entry, int *tries)
{
	bool able = entry.change ? card->ops->pin_change != NULL : card->ops->pin_verify != NULL;
	struct buf block = BUF_INIT;
	struct pinpad pad;
	int r;

	*tries = -1;
	if (!able)
		return E_UNSUPPORTED;
	if ((r = pad_need(card, &pad)) != 0 || !(entry.change ? pad.modify : pad.verify))
		return r ? r : E_UNSUPPORTED;
	if ((r = pinpad_template(ref, &block)) != 0)
		goto out;
	/* where the new PIN begins is not known before the old one is typed */
	if (entry.change && !block.len)
		r = E_UNSUPPORTED;
	if (r || (r = select_for_pin(card)) != 0)
		goto out;
	entry.pad = &pad;
	card->typed = &entry;
	r = pin_answer(entry.change ?
	    card->ops->pin_change(card, ref, buf_peek(&block), buf_peek(&block), tries) :
	    card->ops->pin_verify(card, ref, buf_peek(&block), tries));
	card->typed = NULL;
out:
	buf_free(&block);
	return r;
}

int
card_pin_verify_pad(struct card *card, const struct pin_ref *ref, int timeout_s, int lang_id,
    int *tries)
{
	return pin_on_pad(card, ref, (struct pinpad_entry){ .ref = ref, .timeout_s = timeout_s,
	    .lang_id = lang_id }, tries);
}

int
card_pin_change_pad(struct card *card, const struct pin_ref *ref, int timeout_s, int lang_id,
    int *tries)
{
	return pin_on_pad(card, ref, (struct pinpad_entry){ .ref = ref, .timeout_s = timeout_s,
	    .lang_id = lang_id, .change = true }, tries);
}

/* What drivers of PKCS#15 cards do when they meet one. */
#include "base/err.h"
#include "cardos/iso.h"

static const uint8_t pkcs15_aid[] = { 0xA0, 0, 0, 0, 0x63, 'P', 'K', 'C', 'S', '-', '1', '5' };
static const uint8_t pkcs15_path[] = { 0x50, 0x15 };

#define CHALLENGE_BYTES 8       /* any card gives so many, some no other number (card-iasecc 3, card-gemalto-eid 3) */

void
iso_caps(struct card *card)
{
	const struct profile *pf = card->pf;

	card->caps = (struct card_caps){ .max_send = SHORT_DATA_MAX, .max_recv = LE_ANY,
		.chaining = !(pf->quirks & 1u << QUIRK_NO_CHAINING), .rsa_max = pf->rsa_max,
		.challenge = CHALLENGE_BYTES };
	if (pf->max_send)
		card->caps.max_send = pf->max_send;
	if (pf->max_recv)
		card->caps.max_recv = pf->max_recv;
}

int
iso_select_app(struct card *card)
{
	struct view aid = buf_peek(&card->pf->aid);
	int r;

	if (!aid.len)
		aid = view_of(pkcs15_aid, sizeof pkcs15_aid);
	card->df.len = 0;
	r = card->caps.app_by_path ?
	    iso_select(card, 0x08, view_of(pkcs15_path, sizeof pkcs15_path), NULL) :
	    iso_select(card, 0x04, aid, NULL);
	card->app_selected = card->app_sure = r == 0;
	return r;
}

int
iso_find_app(struct card *card)
{
	int r = iso_select_app(card);

	switch (r) {
	case 0:
	case E_GONE:
	case E_RESET:
	case E_IO:
	case E_MEM:
	case E_CARD: /* it failed, which is no answer */
		return r;
	default:
		card->caps.app_by_path = true;
		return iso_select_app(card);
	}
}

/* Whether the card has the profile's first PIN, by the VERIFY without data, which costs no try. */
static int
want_pin(struct card *card)
{
	const struct pin_ref *pin = &card->pf->pin[0];
	struct pin_state state;
	int r;

	if (!card->pf->has_pin[0] || pin->guess || pin->ref < 0)
		return 0;
	r = iso_pin_info(card, pin, &state);
	return r == E_NOT_FOUND || r == E_UNSUPPORTED || r == E_PROTOCOL ? E_UNKNOWN : r;
}

int
iso_open(struct card *card)
{
	int r;

	iso_caps(card);
	return (r = iso_find_app(card)) != 0 ? r : want_pin(card);
}

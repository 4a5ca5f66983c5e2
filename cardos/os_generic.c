/* Any card with a PKCS#15 directory that no profile knows: its files can be read and its PINs
 * verified as its own directory describes them. Nothing is signed, for how a card wants that is
 * not in the directory. Source: ISO 7816-15 5, ISO 7816-4. */
#include "base/err.h"
#include "cardos/iso.h"
#include "cardos/os.h"

static const uint8_t pkcs15_aid[] = { 0xA0, 0, 0, 0, 0x63, 'P', 'K', 'C', 'S', '-', '1', '5' };
static const uint8_t pkcs15_path[] = { 0x50, 0x15 };

static int
generic_select_app(struct card *card)
{
	struct view aid = buf_peek(&card->pf->aid);
	int r;

	if (!aid.len)
		aid = view_of(pkcs15_aid, sizeof pkcs15_aid);
	r = iso_select(card, 0x04, aid, NULL);
	if (r && r != E_GONE && r != E_RESET && r != E_IO && r != E_MEM)
		r = iso_select(card, 0x08, view_of(pkcs15_path, sizeof pkcs15_path), NULL);
	card->app_selected = card->app_sure = r == 0;
	return r;
}

static int
generic_open(struct card *card)
{
	card->caps = (struct card_caps){ .max_send = SHORT_DATA_MAX, .max_recv = LE_ANY };
	if (card->pf->max_send)
		card->caps.max_send = card->pf->max_send;
	if (card->pf->max_recv)
		card->caps.max_recv = card->pf->max_recv;
	return generic_select_app(card);
}

const struct card_ops os_generic = {
	.name = "generic",
	.open = generic_open,
	.select_app = generic_select_app,
	.read = iso_read,
	.info = iso_info,
	.pin_info = iso_pin_info,
	.pin_verify = iso_pin_verify,
};

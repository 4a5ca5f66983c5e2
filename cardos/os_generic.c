/* Any card with a PKCS#15 directory that no profile knows: its files can be read and its PINs
 * verified as its own directory describes them. Nothing is signed, for how a card wants that is
 * not in the directory. Source: ISO 7816-15 5, ISO 7816-4. */
#include "base/err.h"
#include "cardos/channel.h"
#include "cardos/iso.h"
#include "cardos/os.h"

static int
generic_open(struct card *card)
{
	iso_caps(card);
	return iso_find_app(card);
}

/* Over the air a PIN is not said in plain to a card that nobody knows. */
static int
generic_pin_verify(struct card *card, const struct pin_ref *ref, struct view block, int *tries)
{
	if (channel_atr_contactless(card->ch->ops->atr(card->ch)))
		return E_DENIED;
	return iso_pin_verify(card, ref, block, tries);
}

const struct card_ops os_generic = {
	.name = "generic",
	.open = generic_open,
	.select_app = iso_select_app,
	.read = iso_read,
	.info = iso_info,
	.pin_info = iso_pin_info,
	.pin_verify = generic_pin_verify,
};

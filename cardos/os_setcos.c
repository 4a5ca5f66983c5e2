/* Setec's SetCOS 4.x, its Java EID applet and the applets after that: Finnish citizens' and organisations'
 * cards until 2016, and others' (RSA SecurID, Swedish NIDEL). Everything of keys is in the profile's
 * environment. Their PINs have neither a status nor a logout: no VERIFY without data, no pin_forget. Facts
 * by number: card-setcos. */
#include "base/err.h"
#include "base/log.h"
#include "cardos/iso.h"
#include "cardos/os.h"

#define CLA_OLD 0x80            /* of all commands, 2 */

/* "v2.0" or "v2.1" and one more character. Other cards have other text there, 1.1. */
static int
read_version(struct card *card)
{
	const struct apdu a = { .ins = 0xCA, .p1 = 0xDF, .p2 = 0x30, .le = 5 };
	struct buf answer = BUF_INIT;
	int r = card_command(card, &a, &answer, NULL);

	if (!r && answer.len >= 4 && answer.p[0] == 'v' && answer.p[1] == '2' && answer.p[2] == '.' &&
	    (answer.p[3] == '0' || answer.p[3] == '1'))
		card->caps.version = 0x0200u | (answer.p[3] & 0x0Fu);
	buf_free(&answer);
	/* a card that does not tell it is as good */
	return r == E_GONE || r == E_RESET || r == E_IO || r == E_MEM ? r : 0;
}

static int
setcos_open(struct card *card)
{
	const struct card_caps was = card->caps; /* of a card that was reset: what was found out is known */
	int r;

	iso_caps(card);
	card->caps.cla = was.cla;
	card->caps.version = was.version;
	/* which class a card of this family takes is not told by its ATR, 2 */
	if ((r = iso_find_app(card)) == E_UNSUPPORTED && !was.cla) {
		card->caps.cla = CLA_OLD;
		card->caps.app_by_path = false;
		r = iso_find_app(card);
	}
	if (!r && !was.version && card->pf->quirks & 1u << QUIRK_APPLET_VERSION)
		r = read_version(card);
	if (!r)
		log_debug("%s: class 0x%X, version 0x%X", card->pf->name, card->caps.cla, card->caps.version);
	return r;
}

/* The class of a command is not its own, 8. */
static const struct sw_rule sw_rules[] = { { 0x6E00, 0xFFFF, E_UNSUPPORTED }, { 0, 0, 0 } };

const struct card_ops os_setcos = {
	.name = "setcos",
	.sw = sw_rules,
	.open = setcos_open,
	.select_app = iso_select_app,
	.read = iso_read,
	.info = iso_info,
	.pin_verify = iso_pin_verify,
	.pin_change = iso_pin_change,
	.pin_unblock = iso_pin_unblock,
	.sign = iso_sign,
	.decipher = iso_decipher,
	.challenge = iso_challenge,
};

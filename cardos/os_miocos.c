/* Miotec's MioCOS: the first FINEID cards. Everything of keys is in the profile's environment. Its PINs have
 * neither a status nor a logout. Facts by number: card-miocos. */
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "cardos/iso.h"
#include "cardos/os.h"

static const char name[] = "MioCOS";

/* The two bytes before the name in the historical bytes, as 10 11 or 20 01. What they mean in full nobody has
 * told; the first is the version's number, 1. */
static void
read_version(struct card *card)
{
	struct view hist = atr_historical(card->ch->ops->atr(card->ch));

	for (size_t i = 2; i + sizeof name - 1 <= hist.len; i++) {
		if (memcmp(hist.p + i, name, sizeof name - 1) != 0)
			continue;
		log_info("MioCOS: version bytes 0x%X 0x%X", hist.p[i - 2], hist.p[i - 1]);
		card->caps.version = (hist.p[i - 2] >> 4 & 0x0Fu) << 8 | (hist.p[i - 2] & 0x0Fu);
	}
}

static int
miocos_open(struct card *card)
{
	iso_caps(card);
	read_version(card);
	return iso_find_app(card);
}

/* A PIN's reference is a number in the list of its DF, 3: whatever the directory says of its being local, it
 * counts nowhere else. Without a path it is the application's, 4. */

static int
enter(struct card *card, const struct pin_ref *ref)
{
	int r = iso_enter_df(card, &ref->path);

	return r == E_PIN_NEEDED ? E_DENIED : r; /* not the PIN was refused, which was not sent */
}

static int
miocos_pin_verify(struct card *card, const struct pin_ref *ref, struct view block, int *tries)
{
	int r = enter(card, ref);

	return r ? r : iso_pin_verify(card, ref, block, tries);
}

static int
miocos_pin_change(struct card *card, const struct pin_ref *ref, struct view old, struct view new, int *tries)
{
	int r = enter(card, ref);

	return r ? r : iso_pin_change(card, ref, old, new, tries);
}

static int
miocos_pin_unblock(struct card *card, const struct pin_ref *ref, struct view puk, struct view new, int *tries)
{
	int r = enter(card, ref);

	return r ? r : iso_pin_unblock(card, ref, puk, new, tries);
}

const struct card_ops os_miocos = {
	.name = "miocos",
	.open = miocos_open,
	.select_app = iso_select_app,
	.read = iso_read,
	.info = iso_info,
	.pin_verify = miocos_pin_verify,
	.pin_change = miocos_pin_change,
	.pin_unblock = miocos_pin_unblock,
	.sign = iso_sign,
	.decipher = iso_decipher,
};

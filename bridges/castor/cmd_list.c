/* castor list: readers, cards, PINs, certificates and keys. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "bridges/castor/command.h"
#include "bridges/castor/show.h"

/* What a slot without a card that can be read says. */
static void
put_trouble(struct app *a, const struct kit_slot *slot)
{
	char name[KIT_RV_NAME];

	if (!slot->present)
		put(a, "  %s%s%s\n", paint(a, PAINT_DIM), text(a->lang, "no card"), paint(a, PAINT_OFF));
	else
		put(a, "  %s%s%s (%s)\n", paint(a, PAINT_BAD), text(a->lang, kit_rv_text(slot->rv)),
		    paint(a, PAINT_OFF), kit_rv_name(slot->rv, name));
}

static void
put_card(struct app *a, const struct kit_slot *slot)
{
	put(a, "  %s", paint(a, PAINT_BOLD));
	show_card_name(&a->out, slot);
	put(a, "%s  ", paint(a, PAINT_OFF));
	put_foreign(a, buf_peek(&slot->model));
	put(a, " · ");
	put(a, text(a->lang, "serial number %s"), "");
	put_foreign(a, buf_peek(&slot->serial));
	put(a, "\n");
}

static void
put_slot(struct app *a, const struct kit_slot *slot)
{
	put(a, "    %s", paint(a, PAINT_BOLD));
	show_pin_name(a, slot);
	put(a, "%s  ", paint(a, PAINT_OFF));
	show_pin_state(a, slot);
	put(a, "\n");
	for (size_t i = 0; i < slot->nitem; i++)
		show_item(a, slot, slot->item + i);
	if (slot->rv)
		put_trouble(a, slot);
}

static void
put_all(struct app *a)
{
	const struct kit_slot *slot = a->cards.slot, *before = NULL;
	bool same, shown = false;

	for (size_t i = 0; i < a->cards.nslot; i++, slot++) {
		same = before && kit_same_reader(before, slot);
		if (!same) {
			put(a, "%s", before ? "\n" : "");
			put_foreign(a, buf_peek(&slot->reader));
			put(a, "\n");
			shown = false;
		}
		if (slot->present && !slot->label.len && slot->rv && same && before->rv)
			; /* the first slot has said so */
		else if (slot->present && slot->label.len) {
			if (!shown)
				put_card(a, slot);
			put_slot(a, slot);
			shown = true;
		} else if (!same) {
			put_trouble(a, slot);
		}
		before = slot;
	}
}

static void
json_all(struct app *a)
{
	const struct kit_slot *slot = a->cards.slot;

	json_object(&a->json, NULL);
	json_array(&a->json, "slots");
	for (size_t i = 0; i < a->cards.nslot; i++, slot++)
		show_slot_json(a, slot);
	json_array_end(&a->json);
	json_object_end(&a->json);
}

int
cmd_list(struct app *a)
{
	int status = app_cards(a, false);

	if (status)
		return status;
	if (!a->cards.nslot)
		return app_fail(a, ST_NO_CARD, text(a->lang, "there is no smart card reader; castor doctor tells why"));
	if (a->opt[OPT_JSON])
		json_all(a);
	else
		put_all(a);
	return ST_OK;
}

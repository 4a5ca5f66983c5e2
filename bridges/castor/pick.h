/* Which card, PIN and certificate a command is about. */
#ifndef CASTOR_BRIDGES_CASTOR_PICK_H
#define CASTOR_BRIDGES_CASTOR_PICK_H

#include "bridges/castor/app.h"

/* Reads the cards; the one card there is (or that --reader leaves) must be one that can be read: its first
 * slot, and its second or NULL. ST_NO_CARD, ST_NOT_FOUND: several cards. */
int pick_card(struct app *a, struct kit_slot **pin1, struct kit_slot **pin2);
/* The slot that --pin names; without it the only one of the card. ST_USAGE: the card has two, or --pin is
 * no 1 or 2; ST_NOT_FOUND: the card has no such PIN. */
int pick_pin(struct app *a, struct kit_slot **slot);

/* The certificate or key that --id, --pin and --reader leave, of those whose use has a bit of `use` (0: any).
 * An ID that the card has goes before names. Without --id, `first` decides among several, then the order on
 * the card; with it, several are an error. with_key: its key is on the card. ST_NOT_FOUND. */
struct wanted {
	unsigned use;        /* kit_use */
	unsigned first;      /* the bit that goes before others */
	bool with_key;
};
int pick_item(struct app *a, const struct wanted *w, struct kit_slot **slot, struct kit_item **item);

#endif

/* Cards, PINs and certificates in words, and in JSON. */
#ifndef CASTOR_BRIDGES_CASTOR_SHOW_H
#define CASTOR_BRIDGES_CASTOR_SHOW_H

#include "bridges/castor/app.h"

/* The card's own name, which is its token's label without the purpose of the slot behind it. */
void show_card_name(struct buf *out, const struct kit_slot *slot);
/* "PIN1 (login)" or "PIN2 (signature)", as an answer. */
void show_pin_name(struct app *a, const struct kit_slot *slot);
/* Tries left, blocked, to be activated; when it was changed: one line, without its end. */
void show_pin_state(struct app *a, const struct kit_slot *slot);
/* A certificate, or a key without one, in a few lines. */
void show_item(struct app *a, const struct kit_slot *slot, const struct kit_item *item);
/* "to log in, to decrypt" for bits of kit_use. */
void show_use(struct app *a, unsigned use);
/* Whose name it is, for people; the whole of it, as JSON. */
void show_name(struct app *a, const X509_NAME *name);
void show_name_json(struct app *a, const char *key, const X509_NAME *name);
/* A slot, with its PIN and its certificates; a certificate; a PIN's members; as JSON. */
void show_slot_json(struct app *a, const struct kit_slot *slot);
void show_item_json(struct app *a, const char *key, const struct kit_item *item);
void show_pin_json(struct app *a, const char *key, const struct kit_slot *slot);

#endif

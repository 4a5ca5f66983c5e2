/* PKCS#11 URIs, by which programs name what is on a card. Source: RFC 7512. */
#ifndef CASTOR_BRIDGES_KIT_URI_H
#define CASTOR_BRIDGES_KIT_URI_H

#include "bridges/kit/cards.h"

/* Appends the URI of an item's certificate (or, without one, its private key): token, serial number and ID,
 * and the class. Nothing when it has no ID. */
void kit_uri(const struct kit_slot *slot, const struct kit_item *item, struct buf *out);

#endif

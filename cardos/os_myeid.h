/* What the files of the MyEID driver share: the card as os_myeid.c asks it, and the verbs of its
 * keys. Sizes are bytes, of keys bits. All run inside a transaction; outputs are appended to and
 * stay the caller's. Errors: E_*. Source: card-myeid, by number. */
#ifndef CASTOR_CARDOS_OS_MYEID_H
#define CASTOR_CARDOS_OS_MYEID_H

#include "cardos/card.h"
#include "cardos/iso.h"

#define TYPE_DF 0x38u           /* FCI tag 82, 2.2 */
#define TYPE_KEY_RSA 0x11u
#define TYPE_KEY_EC 0x22u
#define PIN_LAST 14
#define HALF_BYTES 128u         /* the split of a 2048-bit block, 5.3 */

extern const uint8_t myeid_app_df[2]; /* the application's DF, below the MF */

/* GET DATA 01xx. The length of a fixed answer is asked for as it is: OsEID answers another short
 * one with 6Cxx, the applet ignores it (1.2, 7). */
int myeid_get_data(struct card *card, unsigned what, struct buf *out);
/* Selects the application unless it is, as far as we know, current. */
int myeid_need_app(struct card *card);
/* Selects a file by its absolute path. E_PROTOCOL when the card names another. fci NULL: not
 * asked for. */
int myeid_select_file(struct card *card, const struct path *path, struct fci *fci);
/* What a card says whose current DF, or applet, is not the one we think. Pure. */
bool myeid_worth_reselecting(int r);
/* Whether PIN 1 to PIN_LAST is verified now: its bit in the bitmap. */
int myeid_pin_open(struct card *card, unsigned pin, bool *open);

/* The verbs of card_ops: os_myeid_use.c */
int myeid_sign(struct card *card, const struct key_ref *key, enum card_alg alg,
    const struct sign_in *in, struct buf *out);
int myeid_decipher(struct card *card, const struct key_ref *key, enum card_alg alg, enum hash hash,
    struct view in, struct buf *out);
int myeid_derive(struct card *card, const struct key_ref *key, struct view point,
    struct buf *out);
/* and os_myeid_keys.c */
int myeid_genkey(struct card *card, const struct key_ref *key, struct key_parts *pub);
int myeid_public_key(struct card *card, const struct key_ref *key, struct key_parts *pub);
int myeid_import(struct card *card, const struct key_ref *key, const struct key_parts *k);

#endif

/* ISO 7816-4, -8 and -9 as most cards do them: a driver is these and a few verbs of its own. */
#ifndef CASTOR_CARDOS_ISO_H
#define CASTOR_CARDOS_ISO_H

#include "cardos/card.h"

/* File control information, what a driver asks of it. Source: ISO 7816-4 5.3.3. */
struct fci {
	bool has_size;
	size_t size;            /* bytes as the card counts them (tag 80, else 81) */
	unsigned descriptor;    /* first byte of tag 82; 0 when missing */
	uint16_t fid;           /* tag 83; 0 when missing */
	uint8_t acl[8];         /* tag 86 */
	size_t acl_len;
	uint8_t prop[4];        /* tag 85 */
	size_t prop_len;
	unsigned life;          /* tag 8A; 0 when missing */
};

/* Reads an FCI or FCP (6F, 62, or the bare fields). Unknown fields are skipped. E_PROTOCOL on
 * broken TLV. Pure. */
int fci_parse(struct view in, struct fci *out);
/* One BER-TLV off the front of v: tag of one or two bytes, definite length to 3 bytes.
 * E_PROTOCOL when it is none. Pure. Source: ISO 7816-4 5.2.2. */
int tlv_next(struct view *v, unsigned *tag, struct view *value);

/* SELECT. p1: 00 file id, 04 name, 08 path from MF, 09 path from the current DF. fci NULL: not
 * asked for. */
int iso_select(struct card *card, unsigned p1, struct view id, struct fci *fci);
/* Makes a DF current, by its name where the profile has one: the application for its own path and for an empty one
 * of PATH_APP, the MF for an empty one of PATH_MF. Nothing is sent when it is current already, as far as we
 * know: of the MF nothing is remembered. */
int iso_enter_df(struct card *card, const struct path *df);
/* The DF that a local PIN reference belongs to; nothing for a global one. */
int iso_enter_pin_df(struct card *card, const struct pin_ref *ref);
/* The DF where a file is, which may be a DF that has a name itself; the application for what is in the MF, or
 * nowhere. Pure. */
struct path iso_df_of(const struct card *card, const struct path *file);
/* Selects the file of a path; PATH_APP through ops->select_app and the path below it. Keeps
 * card->app_selected true to what is current. */
int iso_select_path(struct card *card, const struct path *path, struct fci *fci);
/* READ BINARY of the selected file from its size (0: unknown, until it ends) as range says.
 * E_LIMIT over 32767 bytes. */
int iso_read_binary(struct card *card, size_t size, const struct range *range, struct buf *out);
/* UPDATE BINARY of the selected file in pieces the card takes. E_LIMIT. */
int iso_update_binary(struct card *card, size_t off, struct view data);

/* Opening, iso_open.c. What the profile says of lengths, else the most that short APDUs have. */
void iso_caps(struct card *card);
/* Selects the profile's application by name (that of PKCS#15 when it names none); DF 5015 by path where iso_find_app
 * found that it has none. */
int iso_select_app(struct card *card);
/* The same when a card is met: by name, or else by path, as from then on. What stands at that path later may be
 * another application, with PINs of its own. */
int iso_find_app(struct card *card);
/* The verb of cards that are told by a PIN (fineid 4): the same ATR may be another product's. E_UNKNOWN: the
 * application is there, and the profile's first PIN, if it names one, is not. */
int iso_open(struct card *card);

/* MSE SET: tag 80 with the algorithm (-1: none), 81 with a file id (NULL: none), 84 with a key reference (-1: none). */
int iso_mse(struct card *card, const uint8_t p1p2[2], int alg, const uint8_t *fid, int ref);
/* A hash as the integer ECDSA signs over a field of so many bits: its leftmost bits, in as many bytes as the field,
 * zeros in front. E_MEM. Pure. Source: FIPS 186-5 6.4.1 step 2. */
int iso_ecdsa_integer(struct view hash, size_t bits, struct buf *out);
/* Private keys by MSE and PSO as the profile's environment says, iso_key.c. The key's DF is made current
 * first, and once more when a neighbour may have moved it. key->bits must be set. E_UNSUPPORTED: an
 * algorithm or a hash that the environment does not name. */
int iso_sign(struct card *card, const struct key_ref *key, enum card_alg alg, const struct sign_in *in,
    struct buf *out);
int iso_decipher(struct card *card, const struct key_ref *key, enum card_alg alg, enum hash hash,
    struct view in, struct buf *out);
int iso_derive(struct card *card, const struct key_ref *key, struct view point, struct buf *out);

/* The verbs of card_ops. */
int iso_read(struct card *card, const struct path *path, const struct range *range,
    struct buf *out);
int iso_info(struct card *card, const struct path *path, struct file_info *info);
int iso_write(struct card *card, const struct path *path, size_t off, struct view data);
/* By the VERIFY without data, which costs no try. */
int iso_pin_info(struct card *card, const struct pin_ref *ref, struct pin_state *state);
int iso_pin_verify(struct card *card, const struct pin_ref *ref, struct view block, int *tries);
int iso_pin_change(struct card *card, const struct pin_ref *ref, struct view old, struct view new,
    int *tries);
int iso_pin_unblock(struct card *card, const struct pin_ref *ref, struct view puk,
    struct view new, int *tries);
/* P1 FF of VERIFY, where an empty VERIFY shows the PIN open, then the application selected anew; E_UNSUPPORTED when
 * it is still open after that. Source: ISO 7816-4 (2020) 11.6.6; card-gemalto-eid 3 (un-verify). */
int iso_pin_forget(struct card *card, const struct pin_ref *ref);
int iso_challenge(struct card *card, size_t n, struct buf *out);

#endif

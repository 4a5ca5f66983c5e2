/* What is known of one card while it stays in its reader: its names, its PINs and who is
 * logged in. Objects are in the reader's list. */
#ifndef CASTOR_TOKEN_TOKEN_H
#define CASTOR_TOKEN_TOKEN_H

#include "cardos/card.h"
#include "token/build.h"
#include "token/pinslot.h"
#include "token/world.h"

struct token {              /* fields marked `load` do not change while it lives */
	atomic_int refs;                /* one is its reader's */
	const struct profile *pf;       /* load */
	struct buf serial;              /* load: as the card gives it */
	char *label, *manufacturer;     /* load: may be NULL */
	char serial_text[17];           /* load: for CK_TOKEN_INFO */
	struct p15_odf odf;             /* load */
	struct p15_objects keys;        /* load: the directory of private keys */
	unsigned key_kinds;             /* load: of those, or that may come; set of 1u << enum key_kind */
	struct pinslot slot[PINS_PER_READER];
	struct card_caps caps;          /* load */
	bool has_pad;                   /* load: its reader takes PINs on keys of its own, and may */
	bool objects_loaded;            /* reader->lock */
	bool end_told;                  /* reader->lock: a dialog has told when a certificate ends */
};

/* Reads what CK_TOKEN_INFO needs: EF(ODF), EF(TokenInfo), EF(AODF), EF(PrKDF), tries left. The
 * first PIN that guards no key of the PIN2 class is slot 0, the next one slot 1. Inside a
 * transaction. E_MEM, E_GONE, E_RESET; unreadable directories give a token without PINs. */
int token_read(struct card *card, const struct settings *s, struct token **out);
struct token *token_ref(struct token *t);
void token_unref(struct token **t);
/* Reads a file, once more if the answer was garbled: what is missed now is missed until the card
 * is taken out. Inside a transaction. E_* of the card's read, E_MEM. */
int token_read_file(struct card *card, const struct path *path, const struct range *range, struct buf *out);
/* The same; what cannot be found or read is logged by that name and left out, since a card with one bad file must
 * still serve the rest. range NULL: the whole file. Appends to *out. */
int token_spare_file(struct card *card, const struct path *path, const struct range *range, const char *what,
    struct buf *out);
/* Reads the object directories that EF(ODF) names, but for that of the private keys, whose records
 * are `keys`. Inside a transaction. Appends to *out. */
int token_read_objects(struct card *card, const struct p15_odf *odf, const struct p15_objects *keys,
    const struct build_slots *slots, struct object_list *out);
/* Whether an error is of one file alone, so that the rest of the card is served without it. */
bool token_can_spare(int err);
/* CK_TOKEN_INFO of one slot, its label in that language; session counts and what depends on the
 * process are for the caller. reader->lock held. */
void token_info_locked(const struct token *t, unsigned pin, enum text_lang lang, CK_TOKEN_INFO *info);
/* Copies a text into a blank-padded field, cut between characters. */
void pad_text(CK_UTF8CHAR *field, size_t size, const char *text);

#endif

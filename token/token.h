/* What is known of one card while it stays in its reader: its names, its PINs and who is
 * logged in. Objects are in the reader's list. */
#ifndef CASTOR_TOKEN_TOKEN_H
#define CASTOR_TOKEN_TOKEN_H

#include "cardos/card.h"
#include "token/build.h"
#include "token/world.h"

struct secret;

enum login { LOGIN_PUBLIC, LOGIN_USER, LOGIN_SO };

/* One PIN of the card, which is one slot. */
struct pinslot {
	struct pin_ref pin;     /* load */
	bool has_pin;           /* load: the card has such a PIN */
	struct p15_id auth_id;  /* load */
	char *label;            /* load: of the PIN; may be "" */
	bool can_change, can_unblock; /* load */
	bool initialized;       /* load */
	enum login login;       /* reader->lock */
	struct secret *puk;     /* reader->lock: given by C_Login(CKU_SO), for C_InitPIN; or NULL */
	int tries, puk_tries;   /* reader->lock: left, as last seen; -1 unknown */
};

struct token {              /* owned by its reader, under reader->lock; fields marked `load` do
	                         * not change while it lives */
	const struct profile *pf;       /* load */
	struct buf serial;              /* load: as the card gives it */
	char *label, *manufacturer;     /* load: may be NULL */
	char serial_text[17];           /* load: for CK_TOKEN_INFO */
	struct p15_odf odf;             /* load */
	struct pinslot slot[PINS_PER_READER];
	struct card_caps caps;          /* load */
	bool objects_loaded;            /* reader->lock */
};

/* Reads what CK_TOKEN_INFO needs: EF(ODF), EF(TokenInfo), EF(AODF), tries left. Inside a
 * transaction. E_MEM, E_GONE, E_RESET; unreadable directories give a token without PINs. */
int token_read(struct card *card, struct token **out);
void token_free(struct token **t);
/* Reads a file, once more if the answer was garbled: what is missed now is missed until the card
 * is taken out. Inside a transaction. E_* of the card's read, E_MEM. */
int token_read_file(struct card *card, const struct path *path, const struct range *range, struct buf *out);
/* Reads the object directories that EF(ODF) names. Inside a transaction. Appends to *out. */
int token_read_objects(struct card *card, const struct p15_odf *odf, struct object_list *out);
/* Whether an error is of one file alone, so that the rest of the card is served without it. */
bool token_can_spare(int err);
/* CK_TOKEN_INFO of one slot; session counts are for the caller. reader->lock held. */
void token_info_locked(const struct token *t, unsigned pin, CK_TOKEN_INFO *info);
/* Copies a text into a blank-padded field, cut between characters. */
void pad_text(CK_UTF8CHAR *field, size_t size, const char *text);

#endif

/* What is known of one card while it stays in its reader: its names, its PINs and who is
 * logged in. Objects are in the reader's list. */
#ifndef CASTOR_TOKEN_TOKEN_H
#define CASTOR_TOKEN_TOKEN_H

#include "cardos/card.h"
#include "token/build.h"
#include "token/pincache.h"
#include "token/world.h"

struct secret;

enum login { LOGIN_PUBLIC, LOGIN_USER, LOGIN_SO };

/* How old a PIN is, by its object on the card (token/expiry_card.h). */
struct pin_age {
	bool looked;            /* the card was searched for it when this PIN was verified */
	bool has_file;
	struct path file;       /* the object's, with has_file */
	bool known;             /* it was read since the card was put in; with the next four */
	bool first;             /* no change was seen yet: the day of the last one is not known */
	int64_t changed, due;   /* days since 1970-01-01: the last change; too old from then on */
	uint64_t epoch;         /* of the user's processes, when it was read */
	bool pending;           /* the PIN was changed, and the object does not say so yet */
	bool told;              /* the log knows what is wrong with it */
};

/* A PIN that was given for one use, which comes next. */
struct once {
	struct secret *pin;     /* or NULL */
	int64_t until;          /* os_clock_ms when it is void */
	uint64_t epoch;         /* of the user's processes when it was verified */
};

/* One PIN of the card, which is one slot. */
struct pinslot {
	struct pin_ref pin;     /* load */
	bool has_pin;           /* load: the card has such a PIN */
	struct p15_id auth_id;  /* load */
	char *label;            /* load: of the PIN; may be "" */
	bool can_change, can_unblock; /* load */
	bool initialized;       /* load */
	size_t new_min;         /* load: characters a new PIN has at least */
	bool is_pin2;           /* reader->lock: of the PIN2 class (DESIGN 18.1); never becomes false */
	enum login login;       /* reader->lock */
	bool lost;              /* reader->lock: a reset ended a user's login, which nobody was told yet */
	bool opened;            /* reader->lock: we verified it and the card was not told to forget */
	struct pincache cache;  /* reader->lock: PIN1 for silent re-entry */
	struct once once;       /* reader->lock: PIN2 of a C_Login, for the next operation */
	struct secret *puk;     /* reader->lock: given by C_Login(CKU_SO), for C_InitPIN; or NULL */
	int tries, puk_tries;   /* reader->lock: left, as last seen; -1 unknown */
	struct pin_age age;     /* reader->lock */
};

struct token {              /* fields marked `load` do not change while it lives */
	atomic_int refs;                /* one is its reader's */
	const struct profile *pf;       /* load */
	struct buf serial;              /* load: as the card gives it */
	char *label, *manufacturer;     /* load: may be NULL */
	char serial_text[17];           /* load: for CK_TOKEN_INFO */
	struct p15_odf odf;             /* load */
	struct p15_objects keys;        /* load: the directory of private keys */
	struct pinslot slot[PINS_PER_READER];
	struct card_caps caps;          /* load */
	bool has_pad;                   /* load: its reader takes PINs on keys of its own, and may */
	bool objects_loaded;            /* reader->lock */
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
/* Reads the object directories that EF(ODF) names, but for that of the private keys, whose records
 * are `keys`. Inside a transaction. Appends to *out. */
int token_read_objects(struct card *card, const struct p15_odf *odf, const struct p15_objects *keys,
    const struct build_slots *slots, struct object_list *out);
/* Whether the PIN of a slot is given anew for every use, and never left open on the card. */
bool pinslot_each_time(const struct pinslot *slot, const struct settings *s);
/* The card was reset: what was verified is closed again, and who was logged in by that stays so only
 * when it can be opened again without a word. reader->lock held. */
void pinslot_closed_locked(struct pinslot *slot, const struct settings *s);
/* Forgets all that was typed for it. reader->lock held. */
void pinslot_wipe_locked(struct pinslot *slot);
/* Whether an error is of one file alone, so that the rest of the card is served without it. */
bool token_can_spare(int err);
/* CK_TOKEN_INFO of one slot, its label in that language; session counts and what depends on the
 * process are for the caller. reader->lock held. */
void token_info_locked(const struct token *t, unsigned pin, enum text_lang lang, CK_TOKEN_INFO *info);
/* Whether the PIN is too old today, as far as is known. */
bool pin_age_is_due(const struct pin_age *age);
/* Appends a text, cut to that many bytes between characters. */
void token_text_cut(struct buf *out, const char *text, size_t most);
/* Copies a text into a blank-padded field, cut between characters. */
void pad_text(CK_UTF8CHAR *field, size_t size, const char *text);

#endif

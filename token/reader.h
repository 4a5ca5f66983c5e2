/* One reader, the card in it, and the objects of that card. */
#ifndef CASTOR_TOKEN_READER_H
#define CASTOR_TOKEN_READER_H

#include "token/token.h"

struct reader {
	struct world *world;            /* invariant, no reference: the world outlives it */
	char *name;                     /* invariant */
	CK_SLOT_ID base;                /* invariant: id of its first slot */
	bool at_start;                  /* invariant: there when readers were first looked for */

	pthread_mutex_t change_lock;    /* one C_SetAttributeValue or C_DestroyObject at a time */

	pthread_mutex_t io_lock;        /* one card's APDUs */
	struct card *card;              /* io_lock; NULL: not connected */
	uint64_t card_gen;              /* io_lock: generation the card was opened in */
	bool end_reset;                 /* io_lock: a verb wants the transaction to end with a reset */

	pthread_mutex_t lock;           /* held for microseconds, never over I/O */
	uint64_t gen;                   /* lock: grows with every change seen: card in, card out */
	enum io_presence presence;      /* lock */
	uint32_t events;                /* lock: the reader's own counter, as last seen */
	bool polled;                    /* lock: presence was looked at before */
	bool listed[PINS_PER_READER];   /* lock: had a token when C_GetSlotList last counted */
	bool unknown;                   /* lock: the card of this generation is not recognised */
	bool event[PINS_PER_READER];    /* lock: C_WaitForSlotEvent has not told it yet */
	struct asking {                 /* lock: the dialog about a slot's PIN */
		bool busy;              /* a thread has the turn */
		int last;               /* E_* the last one ended with */
	} asking[PINS_PER_READER];
	pthread_cond_t asked;           /* with lock: a turn ended */
	struct secret *can;             /* lock: the access number that has opened this card; NULL: none has */
	bool can_set_failed;            /* lock: the one of the settings is not that of the card that was there at */
	uint32_t can_failed_at;         /* lock: ... this count of events */
	bool can_asking;                /* lock: a thread has the turn to ask for it */
	struct token *token;            /* lock: NULL until somebody asked for it */
	struct object_list objects;     /* lock: the card's and the sessions' */
};

/* An empty reader of that name; no look at it yet. at_start: a card found at the first look is
 * no event. NULL: no memory. Freed with its world, when no call is inside any more. */
struct reader *reader_new(struct world *w, const char *name, CK_SLOT_ID base, bool at_start);
void reader_free(struct reader **r);

/* Looks whether the card is still there; no APDU. Notices insertions and removals. */
void reader_poll(struct reader *r);
/* Fills in what a look is to be compared with. The generation it belongs to. */
uint64_t reader_expect(struct reader *r, struct io_state *s);
/* What a look that began in generation `gen` has seen. False: another thread's look has changed
 * things meanwhile, so that this one may be the older: nothing is done. */
bool reader_saw(struct reader *r, uint64_t gen, const struct io_state *s);
/* Whether there is a card in it, as last seen. reader->lock held. */
bool reader_has_card_locked(const struct reader *r);
/* Whether one of its slots has a token, as last seen: a card known to have one PIN only is no token
 * of the second slot. reader->lock held. */
bool reader_has_token_locked(const struct reader *r, unsigned pin);
/* Recognises the card unless that was done; asks a person for its access number where it wants one, once for a
 * card (token/can.h). CKR_TOKEN_NOT_PRESENT (also of a slot whose PIN the card
 * has not), CKR_TOKEN_NOT_RECOGNIZED (also where the number is not known), CKR_DEVICE_REMOVED, CKR_DEVICE_ERROR,
 * CKR_CRYPTOKI_NOT_INITIALIZED when the world ends. No lock held. *gen: of the card
 * found. */
CK_RV reader_bind(struct reader *r, unsigned pin, uint64_t *gen);
/* The generation of now. */
uint64_t reader_generation(struct reader *r);
/* The token of that generation, as a reference; NULL when it is over. */
struct token *reader_token(struct reader *r, uint64_t gen);
/* A slot of the card of that generation; NULL when it is over. reader->lock held. */
struct pinslot *reader_slot_locked(struct reader *r, uint64_t gen, unsigned pin);
/* A copy of it, as it is now, whose pointers are not to be used. CKR_DEVICE_REMOVED. */
CK_RV reader_slot_now(struct reader *r, uint64_t gen, unsigned pin, struct pinslot *out);
/* Whether the slot's PIN is given anew for every use; true when the generation is over. */
bool reader_each_time(struct reader *r, uint64_t gen, unsigned pin);
/* Reads the card's objects unless that was done. */
CK_RV reader_load(struct reader *r, uint64_t gen);
/* The card is gone (or was another one): sessions, objects and PINs of that generation end. */
void reader_drop(struct reader *r, uint64_t gen);
/* In a forked child: the connection's memory goes, nothing is said to the card. */
void reader_forget(struct reader *r);

/* A verb with the card, in one transaction: connects, recovers from a reset by others, tries
 * the whole verb once more after a reset if nothing was changed yet. E_GONE when the
 * generation is over. Takes io_lock: hold nothing but a session's lock. */
typedef int (*card_verb)(struct card *card, void *arg);
int reader_run(struct reader *r, uint64_t gen, card_verb verb, void *arg);
/* The same, and a card that wants an access number is opened with this one, which is kept once it was right. */
int reader_run_with(struct reader *r, uint64_t gen, const struct secret *can, card_verb verb, void *arg);

/* Makes the card forget a PIN, by its command or by a reset at the end of the transaction, in which
 * this is called. */
void reader_close_pin(struct reader *r, struct card *card, const struct pin_ref *ref);

/* Whether a person can be asked for a PIN of this card: by a dialog, or on the reader's own keys. */
bool reader_can_ask(struct reader *r);
/* ... and is, when an operation needs it and nobody is logged in (auto-login). */
bool reader_asks(struct reader *r);
bool reader_asks_locked(const struct reader *r); /* the same, reader->lock held */
/* Whether the slot shows an object now: private ones only to a logged-in user, but private keys to
 * everybody where a dialog will ask for their PIN (DESIGN 17.3). reader->lock held. */
bool reader_shows_locked(const struct reader *r, unsigned pin, const struct object *o);
/* The object of a handle that the slot shows now, as a reference. NULL: there is none. */
struct object *reader_object(struct reader *r, unsigned pin, CK_OBJECT_HANDLE h);
/* The same for a key that is to be used: CKR_KEY_HANDLE_INVALID, or CKR_USER_NOT_LOGGED_IN when
 * it is there but private, so that a program that lost its login knows to ask for the PIN. */
CK_RV reader_key(struct reader *r, unsigned pin, CK_OBJECT_HANDLE h, struct object **key);
/* Adds an object (taken). E_GONE when the generation is over, E_MEM. */
int reader_add_object(struct reader *r, uint64_t gen, struct object *o);
/* Makes objects of records that were put on the card by us, each in the slot of its PIN, unless the
 * card's are still to be read. E_GONE, E_MEM. */
int reader_add_records(struct reader *r, uint64_t gen, const struct p15_objects *recs);
/* The object of that handle gets other attributes (taken; NULL: no memory) and, unless `at` is
 * NULL, another place on the card; its handle stays. CKR_OBJECT_HANDLE_INVALID, CKR_DEVICE_REMOVED,
 * CKR_HOST_MEMORY. change_lock held. */
CK_RV reader_replace_attrs(struct reader *r, uint64_t gen, CK_OBJECT_HANDLE h, struct attrs *a,
    const struct on_card *at);
void reader_remove_object(struct reader *r, CK_OBJECT_HANDLE h);
/* Removes the session objects of a session. */
void reader_remove_owned(struct reader *r, CK_SESSION_HANDLE owner);
/* What a logout ends: private session objects are gone, and the handles of private token
 * objects are void for ever, since they get new ones. */
void reader_hide_private(struct reader *r, unsigned pin);
/* A card_verb: reads the body of a struct source. E_PIN_NEEDED: may be read later. */
int reader_read_source(struct card *card, void *source);
/* Makes sure the object's body was read. CKR_OK also when it cannot be read. */
CK_RV reader_fill(struct reader *r, uint64_t gen, struct object *o);
/* Whether its certificate turned out not to be on the card, although the directory names it. reader_fill takes
 * such objects out of the list: this one and those that hang on the same certificate. */
bool reader_is_hollow(const struct object *o);
/* Who is logged in in a slot from now on; nothing when the generation is over. */
void reader_set_login(struct reader *r, uint64_t gen, unsigned pin, enum login login);
/* A user whose login a reset has ended, without anybody being told, is back. */
void reader_regain_login(struct reader *r, uint64_t gen, unsigned pin);
/* Puts what is known of the slots' PINs into the objects that tell of it (CKO_HW_FEATURE). */
void reader_tell_pins(struct reader *r, uint64_t gen);
/* Who is logged in; LOGIN_PUBLIC when the generation is over. */
enum login reader_login_state(struct reader *r, uint64_t gen, unsigned pin);

#endif

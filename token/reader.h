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

	pthread_mutex_t lock;           /* held for microseconds, never over I/O */
	uint64_t gen;                   /* lock: grows with every change seen: card in, card out */
	enum io_presence presence;      /* lock */
	uint32_t events;                /* lock: the reader's own counter, as last seen */
	bool polled;                    /* lock: presence was looked at before */
	bool listed;                    /* lock: had a card when C_GetSlotList last counted */
	bool unknown;                   /* lock: the card of this generation is not recognised */
	bool event[PINS_PER_READER];    /* lock: C_WaitForSlotEvent has not told it yet */
	struct token *token;            /* lock: NULL until somebody asked for it */
	struct object_list objects;     /* lock: the card's and the sessions' */
};

/* Nothing is asked of the reader yet. at_start: a card found at the first look is no event.
 * NULL: no memory. */
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
/* Recognises the card unless that was done. CKR_TOKEN_NOT_PRESENT, CKR_TOKEN_NOT_RECOGNIZED,
 * CKR_DEVICE_REMOVED, CKR_DEVICE_ERROR. *gen: of the card found. */
CK_RV reader_bind(struct reader *r, uint64_t *gen);
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

/* The object of a handle that the slot shows now, as a reference; private ones only to a
 * logged-in user. NULL: there is none. */
struct object *reader_object(struct reader *r, unsigned pin, CK_OBJECT_HANDLE h);
/* Adds an object (taken). E_GONE when the generation is over, E_MEM. */
int reader_add_object(struct reader *r, uint64_t gen, struct object *o);
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
/* Makes sure the object's body was read. CKR_OK also when it cannot be read. */
CK_RV reader_fill(struct reader *r, uint64_t gen, struct object *o);
/* Who is logged in; LOGIN_PUBLIC when the generation is over. */
enum login reader_login_state(struct reader *r, uint64_t gen, unsigned pin);

#endif

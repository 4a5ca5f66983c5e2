/* One PIN of a card, which is one slot: what the card's directory says of it, who is logged in, what was
 * typed for it. */
#ifndef CASTOR_TOKEN_PINSLOT_H
#define CASTOR_TOKEN_PINSLOT_H

#include "base/secret.h"
#include "base/settings.h"
#include "mapping/p15.h"
#include "token/pincache.h"

#define PINS_PER_READER 2u /* slots of a reader: PIN1's and PIN2's; also the step of slot ids */

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
	const struct activation *how; /* load: how such cards are activated; the profile's, or NULL */
	int puk_max;            /* load: tries of a PUK that nobody has used; -1 unknown */
	bool fresh;             /* reader->lock: it was never changed since the card was made */
	bool begun;             /* reader->lock: a code was tried since the card was put in */
	struct pin_age age;     /* reader->lock */
};

/* How much of a card's directories was seen. Garbled: up to there; a write that was cut short leaves
 * so. */
enum p15_seen { SEEN_ALL, SEEN_GARBLED, SEEN_NOTHING };

/* Which PINs of a card become its slots, and what is known of them; slot: PINS_PER_READER, zeroed. The
 * first PIN that guards no key of the PIN2 class is slot 0, so that nobody's order of records makes a
 * browser ask for PIN2; where the directory names none, the profile's, with its `guess` mark.
 * keys_seen: how much of the directory of keys was. E_MEM. */
int pinslots_fill(struct pinslot *slot, const struct p15_objects *auths, const struct p15_objects *keys,
    enum p15_seen keys_seen, const struct profile *pf, const struct settings *s);

/* Whether the PIN is given anew for every use, and never left open on the card. reader->lock held, as
 * for all below. */
bool pinslot_each_time(const struct pinslot *slot, const struct settings *s);
/* The card was reset: what was verified is closed again, and who was logged in by that stays so only
 * when it can be opened again without a word. */
void pinslot_closed_locked(struct pinslot *slot, const struct settings *s);
/* Notes what the card's answer to a PIN tells of the tries left. tries: -1 it does not say. */
void pinslot_answered_locked(struct pinslot *slot, int err, int tries);
/* Notes what the card says of the PIN. */
struct pin_state;
void pinslot_state_locked(struct pinslot *slot, const struct pin_state *state);
/* What its owner has yet to do to make it theirs, as last seen. A PIN is blocked as on a new card when
 * nobody has tried its PUK, or has since the card was put in. */
enum pin_activation pinslot_activation(const struct pinslot *slot);
/* Forgets all that was typed for it. */
void pinslot_wipe_locked(struct pinslot *slot);
/* Whether it is too old today, as far as is known. */
bool pin_age_is_due(const struct pin_age *age);

/* A PIN for the use that comes next (taken), instead of one given before; until: os_clock_ms. */
void once_put(struct once *o, struct secret **pin, int64_t until, uint64_t epoch);
/* Whether it may still be used: its time is not over, and no PIN was changed since. */
bool once_is_good(const struct once *o, uint64_t epoch);
void once_wipe(struct once *o);

#endif

/* One card: a connection, the profile that describes it and the driver that speaks to it.
 * Used by one thread at a time (the reader's io_lock). All verbs run between card_begin and
 * card_end. Errors: E_*. */
#ifndef CASTOR_CARDOS_CARD_H
#define CASTOR_CARDOS_CARD_H

#include "base/secret.h"
#include "cardos/pinpad.h"
#include "cardos/wire/apdu.h"
#include "cardos/wire/io.h"
#include "mapping/profile.h"

struct card;
struct crypt;
struct sm;

/* {value, mask, error}: the first row that fits decides; a driver's rows come before ISO's. */
struct sw_rule { uint16_t value, mask; int err; };

struct pin_state {
	int tries;              /* left; -1 the card does not say */
	int puk_tries;          /* left; -1 the card does not say */
	int tries_max;          /* that a success gives back; -1 the card does not say */
	int verified;           /* 1 now open, 0 not, -1 the card does not say */
	int puk_tries_max;      /* of a PUK that nobody has tried; -1 the card does not say */
	int fresh;              /* 1 never changed since the card was made, 0 changed, -1 not known */
};
#define PIN_STATE_UNKNOWN { -1, -1, -1, -1, -1, -1 }

/* What is to be signed. */
struct sign_in {
	enum { IN_BLOCK, IN_DIGEST_INFO, IN_DIGEST } kind;
	/* IN_BLOCK: as long as the modulus (ALG_RSA_RAW). IN_DIGEST_INFO: what PKCS#1 v1.5 pads,
	 * at most k - 11 bytes (ALG_RSA_PKCS1). IN_DIGEST: a hash; of ALG_ECDSA cut to the field, of
	 * ALG_RSA_PSS and of an ALG_RSA_PKCS1 that wants no DigestInfo as long as `hash` is. */
	struct view data;
	enum hash hash;         /* that made an IN_DIGEST; HASH_NONE: not known (ALG_ECDSA) */
};

struct file_info {
	enum file_type { FILE_EF, FILE_DF, FILE_KEY, FILE_OTHER } type;
	size_t size;            /* bytes; of a key: bits */
	uint16_t fid;
};

struct new_file {           /* create */
	struct path path;       /* its parent must exist */
	enum { NEW_EF, NEW_KEY } type;
	size_t size;            /* bytes; of a key: bits */
	enum key_kind kind;
	bool public_read;       /* an EF anybody may read; else behind the user PIN */
	uint8_t pin;            /* reference of the PIN that guards it; 0: the profile's PIN1 */
	bool consent;           /* of a key: the card drops that PIN after each use */
};

struct key_parts {          /* big-endian, no leading zeros needed; import and genkey */
	struct buf n, e, d, p, q, dp, dq, qi; /* RSA */
	struct buf point, scalar;             /* EC: 04 X Y; private value */
};

struct card_caps {
	unsigned max_send, max_recv; /* bytes of data in one APDU */
	bool chaining, extended;
	unsigned rsa_max;       /* bits */
	unsigned ec_max;        /* bits; 0: no EC */
	unsigned version;       /* major << 8 | minor, as the driver means it */
	bool app_by_path;       /* found out: the application answers to no name (iso_find_app) */
	bool plain_select;      /* found out: P1 00 for files, whatever the profile says */
	unsigned challenge;     /* bytes of one GET CHALLENGE; 0: any number */
	uint8_t cla;            /* of all commands that name none: 00, or 80 of a card of old */
};

/* The verbs a token needs. NULL: the card cannot (card_* then gives E_UNSUPPORTED). Each is
 * called inside a transaction. Outputs are appended to. */
struct card_ops {
	const char *name;
	const struct sw_rule *sw;   /* ends with err 0 and mask 0; may be NULL */
	bool pin_6984_blocked;      /* 6984 to a PIN command says that the PIN is blocked */
	/* Selects the application, reads serial and capabilities. Called at bind and after each
	 * reset. */
	int (*open)(struct card *);
	/* Makes the application current again, cheaply; what a VERIFY needs before it. */
	int (*select_app)(struct card *);
	/* The file's content; range->whole: up to its end. E_NOT_FOUND, E_PIN_NEEDED. */
	int (*read)(struct card *, const struct path *, const struct range *, struct buf *);
	int (*info)(struct card *, const struct path *, struct file_info *);
	/* PINs. tries: left after a wrong one (-1 unknown). The PIN comes padded by card_pin_*. */
	int (*pin_info)(struct card *, const struct pin_ref *, struct pin_state *);
	int (*pin_verify)(struct card *, const struct pin_ref *, struct view block, int *tries);
	int (*pin_change)(struct card *, const struct pin_ref *, struct view old, struct view new,
	    int *tries);
	int (*pin_unblock)(struct card *, const struct pin_ref *, struct view puk, struct view new,
	    int *tries);
	int (*pin_forget)(struct card *, const struct pin_ref *);
	/* What a card tells of a PIN in one command of its own: its tries, and whether it was ever changed. Fills
	 * what it learns. */
	int (*pin_object)(struct card *, const struct pin_ref *, struct pin_state *);
	/* The tries of the PUK that unblocks it (ref->unblock_ref). */
	int (*puk_info)(struct card *, const struct pin_ref *, struct pin_state *);
	/* Private key operations. sign: RSA as long as the modulus; ECDSA r||s, each of the field's
	 * length. decipher: whole block for ALG_RSA_RAW, else the message (secret out); the hash is
	 * that of ALG_RSA_OAEP. */
	int (*sign)(struct card *, const struct key_ref *, enum card_alg, const struct sign_in *,
	    struct buf *out);
	int (*decipher)(struct card *, const struct key_ref *, enum card_alg, enum hash, struct view in,
	    struct buf *out);
	int (*derive)(struct card *, const struct key_ref *, struct view point, struct buf *out);
	int (*challenge)(struct card *, size_t n, struct buf *out);
	/* The public numbers of a key that is on the card. E_NOT_FOUND: there is no key in the file. */
	int (*public_key)(struct card *, const struct key_ref *, struct key_parts *pub);
	/* Personalisation. */
	int (*write)(struct card *, const struct path *, size_t off, struct view);
	int (*create)(struct card *, const struct new_file *);
	int (*erase)(struct card *, const struct path *);
	/* The lowest unused file id in [from, to] below `parent`. E_FULL. */
	int (*free_fid)(struct card *, const struct path *parent, uint16_t from, uint16_t to,
	    uint16_t *fid);
	int (*genkey)(struct card *, const struct key_ref *, struct key_parts *pub);
	int (*import)(struct card *, const struct key_ref *, const struct key_parts *);
	/* A number that differs whenever the card's content does (profile watch: data). */
	int (*change_mark)(struct card *, uint64_t *mark);
	void (*free)(struct card *);
};

struct card {
	struct chan *ch;            /* owned */
	const struct card_ops *ops;
	const struct profile *pf;   /* borrowed from the world's set */
	struct card_caps caps;
	struct buf serial;          /* as the card gives it; set by ops->open */
	void *os;                   /* the driver's own, freed by ops->free */
	uint64_t apdus;             /* sent since the card was opened; for logs and tests */
	bool changed;               /* an APDU_STATE command was sent since card_begin */
	bool was_reset;             /* card_begin or a verb found the card reset since last asked */
	bool others_reset;          /* ... and not by us, so that it may have been changed for another */
	bool app_selected;          /* as far as we know; false after a reset */
	bool app_sure;              /* selected by us in this very transaction: nobody moved it */
	struct path df;             /* the DF besides the application that we selected in this very
	                             * transaction; len 0: none (iso_enter_df) */
	bool stale;                 /* a verb met a reset, or we made one; the next card_begin
	                             * opens anew */
	bool end_reset;             /* something is open on the card that must not stay: the end of this
	                             * transaction resets it */
	struct pinpad pad;          /* of the reader, when pad_asked */
	bool pad_asked;
	/* secure messaging (cardos/channel.h) */
	struct sm *sm;              /* owned; the channel that commands go through; NULL: none */
	struct crypt *crypt;        /* owned; NULL until a channel was wanted */
	struct secret *can;         /* owned; what opens the channel; NULL: not known */
	bool sm_wanted;             /* this card is not spoken to without one */
	bool sm_broken;             /* it ended in the middle: the card is to be reset */
	bool sm_opening;            /* PACE runs: the one thing that is said to such a card without a channel */
	bool sm_at_mf;              /* the last command through it selected a file in the MF */
	bool sm_not_mf;             /* found out: such a SELECT ends it, too; lasts as long as the card stays */
	bool sm_failed;             /* the last try to open one came to nothing */
	bool can_sent;              /* ... after the card had a word made from the CAN: it was wrong, or nobody knows */
	bool refused;               /* an application could not be selected for want of a right */
	const struct pinpad_entry *typed; /* borrowed: while a verb's PIN is typed on the reader */
};

/* Connects to the card in a reader and recognises it: profiles by ATR, their probes, then the
 * driver's open; E_UNKNOWN when none fits (the generic profile is tried last when `generic`).
 * The card is outside a transaction afterwards. E_CAN_NEEDED: its profile wants a channel, which takes the
 * card's access number. Owner: caller. */
int card_open(struct io *io, const char *reader, const struct profile_set *set, bool generic,
    struct card **out);
/* The same with that number (pace_can_fits; NULL: none is known), which is copied and serves again after a reset.
 * It is tried once: E_CAN_WRONG, and the card may take long to answer next time. No PIN's try is lost.
 * *said: the card had a word made from the number; with any error but E_CAN_WRONG nobody knows whether it was right. */
int card_open_with(struct io *io, const char *reader, const struct profile_set *set, bool generic,
    const struct secret *can, bool *said, struct card **out);
void card_close(struct card **);
/* In a forked child, before io_forget: frees the memory, says nothing to the card. */
void card_forget(struct card **);

/* A transaction. card_begin after a reset by others runs ops->open again and compares the
 * serial (another card: E_GONE); then was_reset is true and the caller decides what is lost.
 * After an error no transaction is open. A verb that gives E_RESET met a reset in the middle:
 * card_end, card_begin, and the caller decides whether to repeat the verb (not when `changed`). */
int card_begin(struct card *, int deadline_ms);
/* IO_END_RESET: the card is reset, whatever PINs it held open are shut, and the next card_begin
 * behaves as after a reset by others (was_reset, ops->open). */
int card_end(struct card *, enum io_end);

/* Whether a file can be selected in the way the card is spoken to now; no command is sent. */
bool card_can_select(const struct card *, const struct path *);

/* One command with all its transport: chaining or extended length by caps, 61xx and 6Cxx
 * (bounded; 6Cxx of an APDU_ONCE is the caller's), secrets cleansed. 0 whatever the status word; E_* of io.
 * Where there is a channel, through it: what the card has not answered in it ends it with E_RESET, as a reset
 * does, and no 6Cxx is mended. */
int card_apdu(struct card *, const struct apdu *, struct resp *);
/* The same, and the status word turned into an error by the driver's and ISO's tables; *tries,
 * if not NULL, gets the count of a 63Cx, else -1. */
int card_command(struct card *, const struct apdu *, struct buf *data, int *tries);
/* Status word -> E_*. Source: ISO 7816-4 table 5; DESIGN 10. */
int card_sw_err(const struct card *, uint16_t sw);

/* The padded block of a PIN. E_PIN_LEN: shorter or longer than the card takes, or characters
 * its coding has not; E_DENIED: the reference is only a guess. out must be secret. */
int card_pin_block(const struct pin_ref *, struct view pin, struct buf *out);
/* Verbs over the vtable: E_UNSUPPORTED for NULL; VERIFY, CHANGE and UNBLOCK select the
 * application first (DESIGN 18.6) and pad. A new PIN of a wrong length is E_PIN_LEN; one to
 * verify, an old one or a PUK that the card cannot have is E_PIN_UNFIT, and nothing was sent.
 * E_PIN_WRONG with tries -1: the card does not say how many are left. */
int card_pin_verify(struct card *, const struct pin_ref *, struct view pin, int *tries);
int card_pin_change(struct card *, const struct pin_ref *, struct view old, struct view new,
    int *tries);
int card_pin_unblock(struct card *, const struct pin_ref *, struct view puk, struct view new,
    int *tries);

/* All that is to be known of a PIN when a card is met: by pin_object where the driver has it, else by pin_info;
 * the tries of its PUK, which may cost a command more (puk_tries >= 0: known already); and, where the profile says
 * how and the driver has not, whether it was changed since the card was made. What the card does not tell stays
 * unknown. E_DENIED: the reference is only a guess; E_UNSUPPORTED; E_GONE, E_RESET, E_IO, E_MEM and what pin_info
 * gives. Inside a transaction. */
int card_pin_info(struct card *card, const struct pin_ref *ref, int puk_tries, struct pin_state *state);

/* Whether the PIN can be typed on the reader; asked once per connection. Inside a transaction. */
bool card_pinpad(struct card *, struct pinpad *out);
/* card_pin_verify and card_pin_change with the PINs typed on the reader; blocks until that is done,
 * timeout_s seconds at most (0: as the reader likes). lang_id: struct pinpad_entry. E_UNSUPPORTED:
 * not on this reader, or not this PIN; E_CANCEL: cancelled or timed out; E_PIN_LEN: the reader
 * refused the length, or the two new PINs differ; E_IO: it failed. *tries as above. */
int card_pin_verify_pad(struct card *, const struct pin_ref *, int timeout_s, int lang_id,
    int *tries);
int card_pin_change_pad(struct card *, const struct pin_ref *, int timeout_s, int lang_id,
    int *tries);

/* The drivers compiled in; NULL for an unknown name. */
const struct card_ops *card_driver(const char *name);
void key_parts_free(struct key_parts *);

#endif

/* A card generation, as its YAML file describes it, and the small types that name things
 * on a card. Read from text (profile.c over yaml.c), never changed afterwards, shared by
 * all threads. cardos/ includes this header for the types alone.
 * Schema: castor-profile(5). */
#ifndef CASTOR_MAPPING_PROFILE_H
#define CASTOR_MAPPING_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "mapping/activation.h"
#include "mapping/environment.h"

#define PATH_BYTES_MAX 24 /* a path of ten files, or an AID, and room */

/* Where a file is. Source: ISO 7816-4 (SELECT), ISO 7816-15 8.2.5 (Path). */
struct path {
	enum path_from {
		PATH_MF,  /* absolute: file ids from the MF, 3F00 itself left out */
		PATH_APP, /* file ids relative to the application the profile selects */
		PATH_AID  /* an application or DF by name */
	} from;
	uint8_t len;               /* bytes used; even unless PATH_AID; 0: the start itself */
	uint8_t b[PATH_BYTES_MAX];
};

/* Whether both name the same place in the same way. */
bool path_eq(const struct path *a, const struct path *b);

/* The part of a file that is wanted. Source: ISO 7816-15 Path.index, Path.length. */
struct range {
	bool whole;      /* everything; the other fields are 0 then */
	uint32_t off;    /* bytes from the start of a transparent EF, or the record number */
	uint32_t len;    /* bytes; 0 with a record number */
	uint32_t filler; /* bytes of 00 or of FF in a row that end it: nothing comes behind them. 0: all is read */
};

/* How a PIN is made into the bytes of VERIFY. Source: ISO 7816-15 PasswordType. */
enum pin_coding { PIN_BCD, PIN_ASCII, PIN_UTF8, PIN_HALF_NIBBLE_BCD, PIN_GLP };

/* How many characters a block of `stored` bytes holds. Of UTF-8: of one byte each.
 * Source: ISO 7816-15 PasswordType, ISO 9564-1 format 2. */
size_t pin_block_holds(enum pin_coding coding, size_t stored);

/* What makes the card forget a verified PIN (DESIGN 18.2). */
enum pin_forget {
	PIN_FORGET_NONE,    /* nothing but a reset */
	PIN_FORGET_CARD,    /* the card itself, after each use of the key */
	PIN_FORGET_COMMAND, /* the driver's pin_forget verb */
	PIN_FORGET_RESET    /* a reset at the end of the transaction */
};

/* One PIN or PUK of a card, all that a driver needs to send it. Comes from the card's own
 * directory (p15.c) or, where that is silent, from the profile. */
struct pin_ref {
	int ref;                /* P2 of VERIFY, 0..255; -1 unknown */
	enum pin_coding coding;
	size_t min, max;        /* characters a person may type */
	size_t stored;          /* length of the padded block in bytes; 0: not padded */
	uint8_t pad;            /* byte that fills the block */
	bool pads;              /* whether the block is filled up to `stored` */
	int tries_max;          /* tries after a success; -1 unknown */
	struct path path;       /* DF that must be current, when `local` */
	bool local;
	bool guess;             /* not from the card: must never be sent to it (DESIGN 18.5) */
	enum pin_forget forget;
	int unblock_ref;        /* P2 of the PUK where it has a reference of its own; -1 none */
	size_t puk_min, puk_max, puk_stored; /* of the PUK that unblocks it; 0 unknown */
};

enum key_kind { KEY_RSA, KEY_EC, KEY_SECRET };

/* One private or secret key on a card. */
struct key_ref {
	enum key_kind kind;
	unsigned bits;          /* RSA modulus, EC field; 0 unknown until the public key is read */
	struct path path;       /* its file or DF */
	int ref;                /* key reference inside it, 0..255; -1 none */
	bool ref_valid;         /* the directory gave `ref` */
};

/* Closed list of oddities a profile may name; an unknown word is an error with its line. */
#define QUIRK_LIST(X) \
	X(QUIRK_NO_CHAINING, "no-chaining") /* never use CLA bit 10 */ \
	X(QUIRK_APPLET_VERSION, "applet-version") /* GET DATA DF30 tells the applet's version, as "v2.1" */ \
	X(QUIRK_FINEID_SERIAL, "fineid-serial") /* the token's serial number is what FINEID cards have
	    printed on them: the last nine of a text, or nine of twenty digits from the tenth on */

enum quirk {
#define X(code, word) code,
	QUIRK_LIST(X)
#undef X
	QUIRK_COUNT
};

struct atr_match {
	struct buf bytes, mask; /* same length; a byte counts where mask says so */
	/* compared with the whole ATR, with the historical bytes, with their end */
	enum { MATCH_ATR, MATCH_HIST, MATCH_HIST_TAIL } what;
	int rank;               /* of several that fit, the lowest wins; default 50. A user's own
	                         * profiles come after all others: their ranks are raised on loading */
	struct buf probe;       /* C-APDU that must be answered too; empty: none */
	struct buf expect;      /* pairs of u16 value, u16 mask: one must fit the probe's SW */
};

/* What new files on a card are for, and which file ids they take. */
enum file_use { FILES_PRIVATE, FILES_PUBLIC, FILES_CERT, FILES_DATA, FILES_COUNT };
struct fid_range { uint16_t from, to; }; /* both included; 0 0: the card takes none */

/* An EF whose state is asked live before cached content is trusted. */
enum watch_kind { WATCH_NONE, WATCH_DATA, WATCH_EF, WATCH_CERTHEAD };

/* How a card wants SELECT; all 0: as ISO 7816-4 has it, with an answer that nobody reads. */
struct select_how {
	uint8_t p2, p2_fci;     /* without and with an answer */
	uint8_t ef, df;         /* P1 for an EF and a DF below the current one */
	bool walk;              /* no path from the MF in one command: from DF to DF */
	struct df_name {        /* DFs that are found by their name alone */
		struct path path;
		struct buf name;
	} *names;
	size_t nnames;
};

struct p15_objects; /* mapping/p15.h */

/* When a card is spoken to through secure messaging, behind PACE with its access number. Source: fineid 5. */
enum sm_use { SM_NONE, SM_CONTACTLESS, SM_ALWAYS };

struct profile {
	char *name;             /* "myeid" */
	char *driver;           /* "myeid": cardos/os_myeid.c */
	char *model;            /* text for CK_TOKEN_INFO.model; may be NULL */
	char *manufacturer;     /* text for CK_TOKEN_INFO.manufacturerID; NULL: from the card */
	struct atr_match *match;
	size_t nmatch;
	struct buf aid;         /* application to select; empty: by path 3F00/5015 */
	struct path app_path;   /* PATH_MF: of the application, so that paths into it are taken from there;
	                         * len 0: not known */
	struct path odf, token_info; /* where the directories start, PATH_APP */
	struct pin_ref pin[2];  /* fallback values for PIN1 and PIN2; ref -1: only the card tells it */
	bool has_pin[2];        /* whether there are any */
	struct activation activation; /* of new cards */
	struct environment env; /* how keys are used, where the driver does not know by itself */
	unsigned sign_algs, decipher_algs, derive_algs; /* sets of card_alg */
	unsigned ec_curves;     /* set of 1u << enum curve (mapping/algs.h) */
	unsigned rsa_min, rsa_max, rsa_step; /* bits of a key the card can make */
	bool keygen;            /* the card can make and import keys */
	struct fid_range files[FILES_COUNT]; /* ids of files that we make */
	unsigned max_send, max_recv; /* bytes of data in one APDU; 0: the driver's default */
	struct select_how select;
	struct p15_objects *objects; /* what the card's directory may leave out; NULL: nothing */
	unsigned sm;            /* enum sm_use */
	unsigned pace;          /* ciphers that are taken: set of 1u << enum cipher (cardos/crypt.h); 0: all */
	unsigned quirks;        /* set of 1u << enum quirk */
	enum watch_kind watch;
	struct path watch_path;
	bool fallback;          /* generic: tried for a card no other profile matches */
};

struct profile_set {        /* owned by whoever loaded it; const once loaded */
	struct profile **p;
	size_t n;
};

/* Parses one YAML text into *out (owner: caller). `where` names it in the message.
 * E_FORMAT with one line in *why ("file:line: what is wrong, what is allowed") on anything
 * the schema does not know; E_LIMIT, E_MEM. Pure. */
int profile_parse(struct view text, const char *where, struct profile **out, struct buf *why);
void profile_free(struct profile **p);
/* Adds a profile to a set; a name already there is E_EXISTS (DESIGN 17.11); E_MEM. Takes it: *p
 * is NULL then; on an error it stays the caller's. */
int profile_set_take(struct profile_set *set, struct profile **p);
/* The same, but one of that name gives way. E_MEM. */
int profile_set_replace(struct profile_set *set, struct profile **p);
void profile_set_free(struct profile_set *set);
/* The profiles compiled in. E_FORMAT is a bug a unit test catches; *why as above. */
int profile_set_builtin(struct profile_set *set, struct buf *why);
/* The next profile for this ATR after `after` (NULL: the first), in the order of rank; NULL:
 * none is left. *m: the rule that fitted, whose probe, if any, is for the caller to send (of
 * a profile's fitting rules one without a probe, then the lowest rank); NULL with NULL.
 * Profiles marked `fallback` are not among them. Pure. */
const struct profile *profile_match(const struct profile_set *set, struct view atr,
    const struct profile *after, const struct atr_match **m);
/* Whether the answer to a probe counts as a match. */
bool profile_probe_fits(const struct atr_match *m, unsigned sw);
/* The profile marked `fallback` with the lowest name, or NULL. */
const struct profile *profile_fallback(const struct profile_set *set);
/* The historical bytes inside an ATR; empty when the ATR is malformed. Pure.
 * Source: ISO 7816-3 section 8. */
struct view atr_historical(struct view atr);

#endif

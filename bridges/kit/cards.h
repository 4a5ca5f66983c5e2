/* Readers, cards, slots and what is in them, read once through C_* for those who show or choose. */
#ifndef CASTOR_BRIDGES_KIT_CARDS_H
#define CASTOR_BRIDGES_KIT_CARDS_H

#include <openssl/x509.h>
#include <p11-kit/pkcs11.h>

#include "base/buf.h"

/* The vendor's attributes of a PIN; libcryptoki(7), "Slots and PINs". */
#define KIT_CASTOR (CKA_VENDOR_DEFINED | 0x43530000UL)
enum kit_pin_attr {
	KIT_PIN_NUMBER = 0x10, KIT_PIN_TRIES, KIT_PIN_TRIES_MAX, KIT_PUK_TRIES, KIT_PIN_EACH_TIME,
	KIT_PIN_CHANGED, KIT_PIN_EXPIRES, KIT_PIN_ACTIVATION
};

#define KIT_UNKNOWN (~0UL) /* a number that is not known */

/* What KIT_PIN_ACTIVATION says. */
enum kit_activation { KIT_ACTIVE, KIT_ACTIVATE_BY_UNBLOCKING, KIT_ACTIVATE_BY_CHANGING };

struct kit_pin {
	bool known;          /* the module has told */
	CK_ULONG number;     /* 1 or 2 */
	CK_ULONG tries, tries_max, puk_tries; /* KIT_UNKNOWN */
	bool each_time;      /* given anew for every use */
	CK_ULONG activation; /* enum kit_activation */
	char changed[11], expires[11]; /* "2026-11-25"; "" when not known */
};

/* A certificate, or a key pair that has none (cert NULL). */
struct kit_item {
	struct buf id;          /* CKA_ID */
	struct buf label;       /* UTF-8 */
	X509 *cert;             /* owned */
	bool has_key;           /* the private key is in this slot, seen or not (before a login) */
};

struct kit_slot {
	CK_SLOT_ID id;
	struct buf reader;      /* name */
	bool present;           /* a card is in it, and this slot exists on it */
	CK_RV rv;               /* what reading the token or its objects answered */
	CK_TOKEN_INFO token;
	struct buf label, serial, model, maker; /* of the token, without the blanks behind */
	CK_SESSION_HANDLE session; /* read-only; CK_INVALID_HANDLE: none */
	struct kit_pin pin;
	struct kit_item *item;  /* owned */
	size_t nitem;
};

struct kit_cards {
	CK_FUNCTION_LIST *f;
	struct kit_slot *slot; /* owned; in the order of their numbers */
	size_t nslot;
	size_t others;         /* slots of readers that were not wanted */
};

/* Reads all slots, or those whose reader has the text `reader` (may be NULL) in its name, whatever the
 * case of its letters; with `bodies` what is in them, too, each in a session that stays open until
 * kit_cards_free. A slot that fails says so in its rv, and the others go on. Returns the answer of
 * C_GetSlotList, or CKR_HOST_MEMORY. */
CK_RV kit_cards_read(CK_FUNCTION_LIST *f, bool bodies, const char *reader, struct kit_cards *out);
/* Closes the sessions and frees. */
void kit_cards_free(struct kit_cards *c);
/* Whether two slots are those of one reader, the second behind the first. */
bool kit_same_reader(const struct kit_slot *a, const struct kit_slot *b);
/* The private key of an item, as far as this session may see it; CK_INVALID_HANDLE: it may not. */
CK_OBJECT_HANDLE kit_key_find(CK_FUNCTION_LIST *f, CK_SESSION_HANDLE s, const struct kit_item *item);
/* Ends the slot's session and opens one that may write: *slot's. Any answer of C_OpenSession. */
CK_RV kit_slot_write(CK_FUNCTION_LIST *f, struct kit_slot *slot);
/* Whether a text has another in it, whatever the case of the letters A-Z and of Latin-1. */
bool kit_has_text(struct view text, const char *wanted);
/* Reads the token's flags and the PIN's feature object anew; where a module does not tell numbers, its flags
 * for the last try and for none do. */
void kit_slot_look(CK_FUNCTION_LIST *f, struct kit_slot *slot);
/* Reads the PIN's feature object of an open session anew. */
void kit_pin_read(CK_FUNCTION_LIST *f, CK_SESSION_HANDLE s, struct kit_pin *pin);

#endif

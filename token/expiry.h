/* What the PIN expiry object of a card holds: the day of a PIN's last change, and salted hashes of
 * old PINs in a ring. Bytes and days only; pure. Source: the format is ours, libcryptoki(7). */
#ifndef CASTOR_TOKEN_EXPIRY_H
#define CASTOR_TOKEN_EXPIRY_H

#include "base/buf.h"

#define EXPIRY_APPLICATION "castor PIN expiry" /* CKA_APPLICATION of the object */
#define EXPIRY_HEAD 28u     /* bytes before the first entry, written in one command */
#define EXPIRY_HASH 32u     /* bytes of an entry */
#define EXPIRY_SALT 16u     /* bytes */
#define EXPIRY_ROUNDS 20000 /* of PBKDF2-HMAC-SHA-256, some 10 ms */
#define EXPIRY_ROOM_MAX 100 /* entries */

struct expiry {
	uint32_t day;   /* of the last change, or on which the object was made; since 1970-01-01 UTC */
	bool first;     /* no change was seen since the object was made */
	unsigned room, used, next; /* entries there is room for, that are in use; where the next goes */
	uint8_t salt[EXPIRY_SALT];
};

/* The head, from the first EXPIRY_HEAD bytes of the file or more. E_NOT_FOUND: the file is as the card
 * made it, nothing was put there yet. E_FORMAT: it is no such object, or damaged. */
int expiry_decode(struct view ef, struct expiry *out);
/* Appends the head. */
void expiry_encode(const struct expiry *e, struct buf *out);
/* Bytes of a file with that many entries, which is also where the entry of that number begins; and
 * how many entries there are in a file of so many bytes, EXPIRY_ROOM_MAX at most. */
size_t expiry_size(unsigned room);
unsigned expiry_room(size_t size);
/* Whether the hash is one of the `most` latest entries in the whole file `ef`. False also when the
 * file is shorter than its head says. */
bool expiry_has(const struct expiry *e, struct view ef, unsigned most, struct view hash);
/* One more entry stands at e->next. */
void expiry_pushed(struct expiry *e);
/* The day from which the PIN is too old, by changePinPeriod and changePinInitialPeriod. */
int64_t expiry_due(const struct expiry *e, long period, long initial);
/* A day since 1970-01-01 as the eight digits of a CK_DATE; false where it has none. */
bool expiry_date(int64_t day, char out[9]);

#endif

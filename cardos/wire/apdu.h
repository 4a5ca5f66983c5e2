/* Command and response APDUs as values, and their bytes. Source: ISO 7816-4 section 5. */
#ifndef CASTOR_CARDOS_WIRE_APDU_H
#define CASTOR_CARDOS_WIRE_APDU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum apdu_flag {
	APDU_SECRET_IN = 1,  /* data holds a PIN or key: never traced, copies cleansed */
	APDU_SECRET_OUT = 2, /* the answer holds a secret (a decrypted message) */
	APDU_CHAIN = 4,      /* data longer than one APDU may be chained (CLA bit 10) */
	APDU_ONCE = 32,      /* not sent anew for a 6Cxx: what a command before it left would be lost */
	APDU_PINPAD = 16,    /* data is PIN blocks, which a reader with keys can fill in */
	APDU_STATE = 8       /* changes the card: must not be sent a second time by a retry */
};

#define LE_NONE 0u       /* no answer data wanted */
#define LE_ANY 256u      /* Le 00: all there is, at most 256 bytes in one answer */
#define APDU_DATA_MAX 65535u
#define SHORT_DATA_MAX 255u

struct apdu {
	uint8_t cla, ins, p1, p2;
	struct view data;    /* borrowed; empty: no Lc */
	uint32_t le;         /* bytes wanted, LE_NONE, LE_ANY, or more (extended) */
	unsigned flags;      /* set of apdu_flag */
};

struct resp {
	struct buf data;     /* without the status word */
	uint16_t sw;
};

/* Appends the bytes of one command: short form when data and le allow, else extended.
 * E_ARG: data over 65535 or le over 65536 bytes. */
int apdu_encode(const struct apdu *a, struct buf *out);
/* Splits an answer into data (appended) and *sw. E_PROTOCOL: shorter than 2 bytes. */
int apdu_answer(struct view answer, struct buf *data, uint16_t *sw);
/* Reads a command back from bytes; a->data borrows from cmd. E_FORMAT when it is no
 * well-formed command. For the tracer and for tests. */
int apdu_decode(struct view cmd, struct apdu *a);
void resp_free(struct resp *r);

#endif

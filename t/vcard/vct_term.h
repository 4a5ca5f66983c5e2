/*
 * A terminal for the tests of the virtual card. It is written from the facts on its own and calls nothing of
 * vc_sm.c or vc_pace.c but the card's door. What a card answers wrongly ends the test.
 */
#ifndef CASTOR_T_VCT_TERM_H
#define CASTOR_T_VCT_TERM_H

#include <openssl/ec.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "t/vcard/vc_card.h"

#define TERM_CAN "123456"
#define TERM_LONGEST 2600       /* bytes of an answer here */
#define TERM_CIPHERS 4
#define TERM_CURVES 6

struct term_cipher {
	const char *word, *md, *cbc, *ecb;      /* ecb NULL: DES */
	size_t key, block;              /* bytes */
	uint8_t oid;                    /* last byte of id-PACE-ECDH-GM-... */
};
struct term_curve { const char *word; int nid; uint8_t id; };
extern const struct term_cipher term_ciphers[TERM_CIPHERS];
extern const struct term_curve term_curves[TERM_CURVES];

struct term {
	struct vc *vc;                  /* either a card in its reader, */
	struct vc_card *bare;           /* or one without */
	const struct term_cipher *cipher;
	const struct term_curve *curve;
	const char *can;
	const char *map_key, *eph_key;  /* hex of private numbers, or NULL */
	EC_GROUP *group;
	size_t field;
	uint8_t nonce[16], kpi[32], kenc[32], kmac[32], ssc[16];
	EC_POINT *base;
	uint8_t base_point[133], own[133], card[133], shared[66], h[133], token[8], card_token[8];
	unsigned resends;               /* GET RESPONSEs so far */
	bool t0;                        /* as over T=0: no Le beside data, answers by GET RESPONSE */
};

/* How a wrapped command is spoilt. */
enum spoil {
	WHOLE, NO_MAC, BAD_MAC, SHORT_MAC, OLD_SSC, BAD_INDICATOR, BAD_PADDING, LONG_PADDING,
	PART_BLOCK, TWO_LE, DATA_AFTER_LE,
	UNKNOWN_OBJECT, AFTER_MAC, WRONG_PARITY, BAD_TLV, NO_LE, OTHER_HEADER, LONG_LE
};

/* Sets up all but the card (vc or bare) and the private numbers; curve and cipher by their words. */
void term_open(struct term *t, const char *curve, const char *cipher);
void term_close(struct term *t);

/* Sends what it is given, wrapped or not; bytes of the answer, at most TERM_LONGEST. */
size_t term_raw(struct term *t, const uint8_t *in, size_t n, uint8_t *out);
/* The same of hex; the status word. out and len may be NULL. */
unsigned term_raw_hex(struct term *t, const char *hex, uint8_t *out, size_t *len);
/* The same, and fetches what comes by 61xx. */
size_t term_gathered(struct term *t, const uint8_t *in, size_t n, uint8_t *out);

/* The steps of PACE; the status word of each. */
unsigned term_mse(struct term *t);
unsigned term_nonce(struct term *t);
unsigned term_map(struct term *t);
unsigned term_agree(struct term *t);
unsigned term_token(struct term *t);
/* All of them; the status word of the step where it ended. */
unsigned term_pace(struct term *t);
/* GENERAL AUTHENTICATE; the value of the answer's inner object goes to out. The status word. */
unsigned term_ga(struct term *t, uint8_t cla, uint8_t tag, const uint8_t *value, size_t len, uint8_t *out,
	size_t *outlen);
/* A point, uncompressed. */
void term_point(const struct term *t, const EC_POINT *p, uint8_t *out);

/* The send sequence counter goes on by one. */
void term_ssc_next(struct term *t);
/* Wraps a plain command of short lengths, spoilt as told; the length. */
size_t term_wrap(struct term *t, const uint8_t *in, size_t n, bool extended, enum spoil spoil, uint8_t *out);
/* Checks and opens a wrapped answer: data and status word go to plain, its length is returned. */
size_t term_unwrap(struct term *t, uint8_t ins, const uint8_t *in, size_t n, uint8_t *plain);
/* Sends a command through the channel; data and status word of the answer. */
size_t term_through(struct term *t, const uint8_t *in, size_t n, bool extended, uint8_t *plain);
/* The same of hex, as hex in static memory. */
const char *term_through_hex(struct term *t, const char *hex);

#endif

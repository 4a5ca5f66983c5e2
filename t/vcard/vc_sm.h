/*
 * Secure messaging of ISO/IEC 7816-4, the card's end: commands are unwrapped, answers wrapped. For PACE
 * and whatever else agrees on two keys. Source: facts on secure messaging, sections 1 and 3.
 */
#ifndef CASTOR_T_VC_SM_H
#define CASTOR_T_VC_SM_H

#include "t/vcard/vc_card.h"

#define VC_SM_KEY 32            /* bytes of the longest key */
#define VC_SM_BLOCK 16          /* bytes of the longest block */
#define VC_SM_MAC 8
#define VC_SM_APDU (VC_MAX_DATA + 16)   /* bytes of a command: header, extended Lc, data, Le */

/*
 * What a channel enciphers with: the word of images, the last byte of the PACE object identifier, bytes of
 * key and block, and OpenSSL's names. AES makes its IV of the counter (`ecb`) and MACs by CMAC; 3DES
 * has IV 0 and the retail MAC.
 */
struct vc_sm_suite { const char *name; uint8_t oid; size_t key, block; const char *md, *cbc, *ecb; };

/* One end of a channel. It is up from vc_sm_start to vc_sm_end. */
struct vc_sm {
	const struct vc_sm_suite *suite;
	bool up;
	uint8_t enc[VC_SM_KEY], mac[VC_SM_KEY];
	uint8_t ssc[VC_SM_BLOCK];       /* send sequence counter, `block` bytes */
};

/* A command's parts, and (`extended`) how long its lengths were. data points into what was parsed. */
struct vc_sm_apdu { struct vc_cmd cmd; bool extended; };

/* The suite of an image's word (3des, aes-128, aes-192, aes-256), or NULL. */
const struct vc_sm_suite *vc_sm_suite(const char *name);

/*
 * KDF(K, c) into out, `key` bytes of the suite (3DES: two keys, odd parity). False: OpenSSL failed.
 * Source: facts 2.3, TR-03110-3 A.2.3.
 */
bool vc_sm_kdf(const struct vc_sm_suite *s, const uint8_t *secret, size_t len, unsigned c, uint8_t *out);

/*
 * The 8-byte MAC of `len` bytes; 3DES pads them by method 2 when `pad`, else they must be whole blocks.
 * False: OpenSSL failed, or no whole blocks.
 */
bool vc_sm_mac(const struct vc_sm_suite *s, const uint8_t *key, const uint8_t *p, size_t len, bool pad,
	uint8_t out[VC_SM_MAC]);

/* Enciphers or deciphers whole blocks, CBC, without padding, from one place to another. */
bool vc_sm_cbc(const struct vc_sm_suite *s, bool encrypt, const uint8_t *key, const uint8_t *iv,
	const uint8_t *in, size_t len, uint8_t *out);

/* Opens a channel with keys of the suite's length; the counter is 0. Closes it and wipes the keys. */
void vc_sm_start(struct vc_sm *sm, const struct vc_sm_suite *s, const uint8_t *enc, const uint8_t *mac);
void vc_sm_end(struct vc_sm *sm);

/*
 * Takes an APDU apart, cases 1 to 4, short and extended; false when its lengths do not add up. An absent
 * Le is has_le false; 00 is 256, 00 00 is 65536.
 */
bool vc_sm_parse(const uint8_t *in, size_t len, struct vc_sm_apdu *apdu);

/*
 * Checks and deciphers a wrapped command into a plain one of short lengths where they fit (at most
 * VC_SM_APDU bytes), and counts. SW_OK; else the status word of an error that ends the channel: 6700,
 * 6987, 6988. The channel is still up then: the caller ends it.
 */
uint16_t vc_sm_unwrap(struct vc_sm *sm, const struct vc_sm_apdu *apdu, uint8_t *plain, size_t *len);

/*
 * Wraps an answer of `len` bytes and a status word for a command with that INS; what goes before SW1 SW2
 * is appended to out. False: OpenSSL failed, or there is no room.
 */
bool vc_sm_wrap(struct vc_sm *sm, uint8_t ins, const uint8_t *data, size_t len, uint16_t sw,
	struct vc_blob *out);

#endif

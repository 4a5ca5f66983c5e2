/*
 * PACE, the card's end, with a CAN (generic mapping, ECDH), and the channel that it opens: a layer around any
 * model of a card. Source: facts on secure messaging, sections 2 and 3; BSI TR-03110-3; ICAO 9303-11.
 */
#ifndef CASTOR_T_VC_PACE_H
#define CASTOR_T_VC_PACE_H

#include "t/vcard/vc_card.h"

/*
 * Fills `len` bytes with what PACE takes for random: nonce, then the private numbers of mapping and
 * agreement, each as long as the curve's order. OpenSSL's generator, until a test replaces it (before it
 * uses a card). 1 on success.
 */
extern int (*vc_pace_random)(unsigned char *out, int len);

/*
 * What an image says of PACE. `curve` and `cipher` are its words; max = 0: what the cipher's cards take;
 * delay in milliseconds; mf_ends: NULL or one of VC_PACE_MF_ENDS.
 */
struct vc_pace_setup {
	const char *can, *curve, *cipher, *mf_ends;
	bool demand;
	unsigned delay;
	size_t max;
};

#define VC_PACE_CURVES "brainpoolP256r1, brainpoolP384r1, brainpoolP512r1, P-256, P-384, P-521"
#define VC_PACE_CIPHERS "3des, aes-128, aes-192, aes-256"
#define VC_PACE_MF_ENDS "select, any"

/* A layer; NULL with *what, a word for people, when a value does not fit. vc_pace_free it. */
struct vc_pace *vc_pace_new(const struct vc_pace_setup *setup, const char **what);
/* Frees a layer and wipes its keys; NULL is fine. */
void vc_pace_free(struct vc_pace *p);

/* Reset or loss of power: channel and half-done runs are gone. NULL is fine. */
void vc_pace_reset(struct vc_pace *p);

/* Milliseconds that the next answer takes for the wrong CANs before it; NULL: 0. */
unsigned vc_pace_delay(const struct vc_pace *p);

/*
 * One APDU to a card with c->pace, as vc_model's run: EF.CardAccess, PACE and the channel are answered here,
 * what comes out of the channel or may come without goes to the model.
 */
uint16_t vc_pace_run(struct vc_card *c, const uint8_t *in, size_t inlen, struct vc_blob *out);

#endif

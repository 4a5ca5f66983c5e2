/*
 * The FINEID citizen's cards on MultiApp 3 to 5 (IAS Classic, "EID classic with PACE/SM"): what their
 * state has that no other card has. Source: facts on FINEID, family B; facts on Gemalto eID, section 7.
 */
#ifndef CASTOR_T_VC_FINEID_H
#define CASTOR_T_VC_FINEID_H

#include "t/vcard/vc_card.h"

#define FINEID_HASH 64          /* bytes of the longest hash */

/* How the card forgets its PINs without a reset. */
enum fineid_logout {
	FINEID_NEVER,
	FINEID_VERIFY_FF,               /* 00 20 FF pp; facts on FINEID 5, "Logout" */
	FINEID_SELECT                   /* selecting the application again; facts on Gemalto eID 3 */
};

struct fineid {
	bool app;                       /* the application was selected, and the MF not since */
	enum fineid_logout logout;
	uint8_t select[8];              /* the P1 of SELECT that the card knows; none = all */
	size_t n_select;
	uint8_t size_tag;               /* of the FCP: 81, or 80 */
	uint8_t hash[FINEID_HASH];      /* of PSO HASH, for the next signature */
	size_t hash_len;                /* 0 none */
	bool hash_lost;                 /* by a wrong Le: the card signs what is left in its memory */
	EVP_MD_CTX *running;            /* blocks that the card hashes by itself; NULL = none */
};

static inline struct fineid *fineid(const struct vc_card *c)
{
	return c->state;
}

/* Forgets a loaded hash and half-hashed blocks. */
void fineid_drop_hash(struct vc_card *c);

/* vc_fineid_pin.c: VERIFY, CHANGE, RESET RETRY COUNTER, GET DATA of a PIN object. */
uint16_t fineid_verify(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out);
uint16_t fineid_change(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out);
uint16_t fineid_unblock(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out);
uint16_t fineid_pin_object(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out);
/* vc_fineid_pso.c: MANAGE SECURITY ENVIRONMENT, PERFORM SECURITY OPERATION. */
uint16_t fineid_mse(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out);
uint16_t fineid_pso(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out);

#endif

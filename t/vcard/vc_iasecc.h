/*
 * The Finnish organisation and health-care cards, an IAS-ECC v1.0.1 profile (FINEID S4-2) on Oberthur
 * Cosmo v7, IDEMIA ID.me and Cosmo X. Source: facts on FINEID, family C; on IDEMIA, sections 1 and 2; on
 * IAS-ECC.
 */
#ifndef CASTOR_T_VC_IASECC_H
#define CASTOR_T_VC_IASECC_H

#include "t/vcard/vc_card.h"

#define IASECC_ESIGN 0x5016     /* DF.ESIGN */
#define IASECC_LOCAL 0x80       /* bit of a reference: the object is the current DF's */

enum { IASECC_DST = 0xB6, IASECC_CT = 0xB8 };   /* P2 of MSE SET: signature, decipherment */

/* How the three cards differ; `type` of an image. */
struct iasecc_type {
	const char *name;
	uint16_t esign_by_fid;          /* answer to SELECT of DF.ESIGN by FID, which selects nothing */
	bool last_round;                /* ends a hash itself, as plain IAS-ECC does, and knows SHA-1 */
};

struct iasecc {
	const struct iasecc_type *type;
	bool verify_first;              /* CHANGE wants the PIN verified before */
	bool app;                       /* the application was selected: PINs can be named */
	uint8_t ht;                     /* hash algorithm that MSE SET named, 0 = none */
	uint8_t hash[64];               /* what a last round gave, for the signature to come */
	size_t hash_len;
};

static inline struct iasecc *ias(const struct vc_card *c)
{
	return c->state;
}

/* --- vc_iasecc_file.c --- */

/* SELECT, READ BINARY. Source: facts on IAS-ECC, section 3; on IDEMIA, section 2. */
uint16_t vc_iasecc_select(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out);
uint16_t vc_iasecc_read(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out);
/*
 * How many bytes a command may have with its header, by the E0 object of EF.ATR; what a short one holds
 * where there is none. Source: facts on IAS-ECC, section 2.
 */
size_t vc_iasecc_command_max(const struct vc_card *c);

/* --- vc_iasecc_pin.c --- */

/* The PIN of a reference, once the application was selected; NULL: there is none. */
struct vc_pin *vc_iasecc_pin(struct vc_card *c, unsigned ref);
/* VERIFY, CHANGE REFERENCE DATA, RESET RETRY COUNTER. Source: facts on FINEID, sections 4 and 5. */
uint16_t vc_iasecc_verify(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out);
uint16_t vc_iasecc_change(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out);
uint16_t vc_iasecc_unblock(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out);

/* --- vc_iasecc_key.c --- */

/* The key of a reference that can be named in the current DF, or NULL. */
struct vc_file *vc_iasecc_key(const struct vc_card *c, unsigned ref);
/* Empties the security environment, a hash under way with it. */
void vc_iasecc_forget(struct vc_card *c);
/* MANAGE SECURITY ENVIRONMENT, PERFORM SECURITY OPERATION. Source: facts on FINEID, section 5. */
uint16_t vc_iasecc_mse(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out);
uint16_t vc_iasecc_pso(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out);

/* --- vc_iasecc_sdo.c --- */

/* GET DATA of security data objects. Source: facts on IAS-ECC, section 5.1. */
uint16_t vc_iasecc_get(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out);

#endif

/*
 * What the cards of about 2000 do alike, SetCOS and MIOCOS: files, PINs and keys by the letter of ISO/IEC
 * 7816-4 and -8, access conditions one for each deed. Where they differ is in struct vc_iso_ways.
 */
#ifndef CASTOR_T_VC_ISO_H
#define CASTOR_T_VC_ISO_H

#include "t/vcard/vc_card.h"

enum { SW_NO_RECORDS = 0x6981 };

/* What an access condition is for. Which of them a kind of file has is the encoding's matter. */
enum vc_iso_right {
	/* EFs and keys */
	VC_ISO_READ, VC_ISO_UPDATE, VC_ISO_WRITE, VC_ISO_ERASE, VC_ISO_INVALIDATE, VC_ISO_REHABILITATE,
	/* keys */
	VC_ISO_USE,
	/* DFs */
	VC_ISO_CREATE, VC_ISO_DELETE_IN, VC_ISO_LOCK, VC_ISO_CREATE_AC, VC_ISO_UPDATE_AC,
	/* the file itself */
	VC_ISO_DELETE,
	VC_ISO_RIGHTS
};

/* Life cycle as in tag 8A: in creation state no condition holds. */
enum { VC_ISO_CREATION = 0x01, VC_ISO_ACTIVATED = 0x07 };

/* vc_file.own of these models. */
struct vc_iso_file {
	/* VC_ALWAYS, VC_NEVER, or the reference of the PIN that must be verified. */
	uint8_t right[VC_ISO_RIGHTS];
	uint8_t status;                 /* VC_ISO_CREATION or VC_ISO_ACTIVATED */
};

/* Where models and types differ. */
struct vc_iso_ways {
	uint8_t sign_p1;                /* P1 of MSE SET for a signature */
	bool keyref;                    /* MSE SET takes tag 84 */
	uint16_t missing;               /* SELECT of a file that is not there */
	size_t transfer;                /* data bytes of a command or an answer */
	/* Writes the FCI of a file. */
	void (*fci)(const struct vc_card *, const struct vc_file *, struct vc_blob *);
};

/* vc_card.state of these models. */
struct vc_iso_state { const struct vc_iso_ways *ways; };

/* The conditions of a file; those of the card's own. */
struct vc_iso_file *vc_iso_file(const struct vc_file *f);
const struct vc_iso_ways *vc_iso_ways(const struct vc_card *c);
/* Whether the verified PINs allow a deed; always in creation state. */
bool vc_iso_may(const struct vc_card *c, const struct vc_file *f, enum vc_iso_right right);
/* The DF that a PIN belongs to. */
uint16_t vc_iso_pin_home(const struct vc_pin *pin);
/*
 * The PIN that a condition of the file names, in its DF or the nearest above; the reference's "local" bit
 * does not count. NULL: none.
 */
const struct vc_pin *vc_iso_pin(const struct vc_card *c, const struct vc_file *f, unsigned ref);
/*
 * Sets the conditions of a file of an image from its `read` and `pin`, and what `update` says of an EF:
 * "always", "never" or a PIN's number; nothing may be done that they do not name. Returns false when `update`
 * is none of these.
 */
bool vc_iso_image_rights(const struct vc_card *c, struct vc_file *f, const char *update);

/*
 * SELECT (by identifier, name, path, parent; with FCI or without), READ and UPDATE BINARY, records (there are
 * none), GET CHALLENGE. Source: ISO/IEC 7816-4; facts on SetCOS 3, on MIOCOS 3.
 */
uint16_t vc_iso_select(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out);
uint16_t vc_iso_read(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out);
uint16_t vc_iso_update(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out);
uint16_t vc_iso_record(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out);
uint16_t vc_iso_challenge(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out);
/* File identifiers of what is below the current DF, two bytes each. */
void vc_iso_list(const struct vc_card *c, struct vc_blob *out);

/*
 * VERIFY, CHANGE REFERENCE DATA, RESET RETRY COUNTER: whole blocks only, PUK and old value in front. The
 * facts know no VERIFY without data; it gets the 6700 of any wrong length. Source: facts on SetCOS 4, on
 * MIOCOS 4.
 */
uint16_t vc_iso_verify(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out);
uint16_t vc_iso_change(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out);
uint16_t vc_iso_unblock(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out);

/*
 * MSE SET and PERFORM SECURITY OPERATION (signature, decipherment) of RSA keys. Source: facts on SetCOS 5 and
 * 6, on MIOCOS 5.
 */
uint16_t vc_iso_mse(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out);
uint16_t vc_iso_pso(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out);

#endif

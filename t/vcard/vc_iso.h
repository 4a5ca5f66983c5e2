/*
 * What the cards of about 2000 do alike, SetCOS and MIOCOS: files, PINs and keys by the letter of ISO/IEC 7816-4 and -8,
 * access conditions one for each deed. Where they differ is in struct iso_ways.
 */
#ifndef CASTOR_T_VC_ISO_H
#define CASTOR_T_VC_ISO_H

#include "t/vcard/vc_card.h"

enum { SW_NO_RECORDS = 0x6981 };

/* What an access condition is for. Which of them a kind of file has is the encoding's matter. */
enum iso_right {
	ISO_READ, ISO_UPDATE, ISO_WRITE, ISO_ERASE, ISO_INVALIDATE, ISO_REHABILITATE,   /* EFs, keys */
	ISO_USE,                                                                        /* keys */
	ISO_CREATE, ISO_DELETE_IN, ISO_LOCK, ISO_CREATE_AC, ISO_UPDATE_AC,              /* DFs */
	ISO_DELETE,                                                                     /* the file itself */
	ISO_RIGHTS
};

/* Life cycle as in tag 8A: in creation state no condition holds. */
enum { ISO_CREATION = 0x01, ISO_ACTIVATED = 0x07 };

/* vc_file.own of these models. */
struct iso_file {
	/* VC_ALWAYS, VC_NEVER, or the reference of the PIN that must be verified. */
	uint8_t right[ISO_RIGHTS];
	uint8_t status;                 /* ISO_CREATION or ISO_ACTIVATED */
};

/* Where models and types differ. */
struct iso_ways {
	uint8_t sign_p1;                /* P1 of MSE SET for a signature */
	bool keyref;                    /* MSE SET takes tag 84 */
	uint16_t missing;               /* SELECT of a file that is not there */
	size_t transfer;                /* data bytes of a command or an answer */
	/* Writes the FCI of a file. */
	void (*fci)(const struct vc_card *, const struct vc_file *, struct vc_blob *);
};

/* vc_card.state of these models. */
struct iso_state { const struct iso_ways *ways; };

/* The conditions of a file; those of the card's own. */
struct iso_file *iso_file(const struct vc_file *f);
const struct iso_ways *iso_ways(const struct vc_card *c);
/* Whether the verified PINs allow a deed; always in creation state. */
bool iso_may(const struct vc_card *c, const struct vc_file *f, enum iso_right right);
/* The DF that a PIN belongs to. */
uint16_t iso_pin_home(const struct vc_pin *pin);
/*
 * The PIN that a condition of the file names, in its DF or the nearest above; the reference's "local" bit does not
 * count. NULL: none.
 */
const struct vc_pin *iso_pin(const struct vc_card *c, const struct vc_file *f, unsigned ref);
/*
 * Sets the conditions of a file of an image from its `read` and `pin`, and what `update` says of an EF: "always",
 * "never" or a PIN's number; nothing may be done that they do not name. Returns false when `update` is none of these.
 */
bool iso_image_rights(const struct vc_card *c, struct vc_file *f, const char *update);

/*
 * SELECT (by identifier, name, path, parent; with FCI or without), READ and UPDATE BINARY, records (there are none),
 * GET CHALLENGE. Source: ISO/IEC 7816-4; facts on SetCOS 3, on MIOCOS 3.
 */
uint16_t iso_select(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out);
uint16_t iso_read(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out);
uint16_t iso_update(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out);
uint16_t iso_record(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out);
uint16_t iso_challenge(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out);
/* File identifiers of what is below the current DF, two bytes each. */
void iso_list(const struct vc_card *c, struct vc_blob *out);

/*
 * VERIFY, CHANGE REFERENCE DATA, RESET RETRY COUNTER: whole blocks only, PUK and old value in front. The facts know no
 * VERIFY without data; it gets the 6700 of any wrong length. Source: facts on SetCOS 4, on MIOCOS 4.
 */
uint16_t iso_verify(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out);
uint16_t iso_change(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out);
uint16_t iso_unblock(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out);

/*
 * MSE SET and PERFORM SECURITY OPERATION (signature, decipherment) of RSA keys. Source: facts on SetCOS 5 and 6, on
 * MIOCOS 5.
 */
uint16_t iso_mse(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out);
uint16_t iso_pso(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out);

#endif

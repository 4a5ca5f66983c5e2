/*
 * SetCOS of Setec and what came of it: native 4.3 and 4.4, the Java EID applet, Gemalto's EID2048, and the
 * applet of Oberthur's FINEID cards. Source: facts on SetCOS; on FINEID, family A.
 */
#ifndef CASTOR_T_VC_SETCOS_H
#define CASTOR_T_VC_SETCOS_H

#include "t/vcard/vc_iso.h"

/* The file of PINs: bytes of a record and how many; a SO PIN and three more. */
enum { SETCOS_PIN_RECORD = 28, SETCOS_PIN_RECORDS = 4 };

/* Bits of vc_setcos_type.classes. */
enum { SETCOS_00 = 1, SETCOS_80 = 2 };

struct vc_setcos_type {
	struct vc_iso_ways ways;        /* first: the card's state points here */
	const char *name;               /* `type` of an image */
	uint8_t classes;                /* that ISO commands may have */
	bool lists;                     /* 4.4: attributes are lists; LIST FILES has class 80 alone */
	bool applet;                    /* Java: keys and PINs have no size, a PIN's reference its bit 8 */
	bool chains;                    /* PSO takes chained data */
	const char *version;            /* answer to GET DATA DF30, or NULL */
	const char *df_pins;            /* tag A5 in the FCI of a DF below the MF, or NULL */
	size_t df_pins_len;
};

/* The type of a card of this model. */
const struct vc_setcos_type *vc_setcos_type(const struct vc_card *c);

/* --- vc_setcos_fci.c: tag 86 and the FCI --- */

void vc_setcos_fci_43(const struct vc_card *c, const struct vc_file *f, struct vc_blob *out);
void vc_setcos_fci_44(const struct vc_card *c, const struct vc_file *f, struct vc_blob *out);
/*
 * Takes conditions from the value of tag 86, in the form of the card's type; what is not listed is never.
 * False when it is cut short.
 */
bool vc_setcos_rights(const struct vc_card *c, struct vc_file *f, const uint8_t *attr, size_t len);

/* --- vc_setcos_make.c: personalisation of 4.4 and the applet. Source: facts on SetCOS 3.3, 4, 6 --- */

uint16_t vc_setcos_create(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out);
uint16_t vc_setcos_delete(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out);
uint16_t vc_setcos_activate(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out);
uint16_t vc_setcos_put_pin(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out);
uint16_t vc_setcos_generate(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out);

#endif

/* What C_* has no call for: how many tries a PIN has left and the like, as an object of class
 * CKO_HW_FEATURE in its slot (DESIGN 17.5). Documented in libcryptoki(7). */
#ifndef CASTOR_TOKEN_FEATURE_H
#define CASTOR_TOKEN_FEATURE_H

#include "token/token.h"

#define CASTOR_VENDOR (CKA_VENDOR_DEFINED | 0x43530000UL)
#define CKH_CASTOR_PIN (CASTOR_VENDOR | 0x01UL)          /* CKA_HW_FEATURE_TYPE */
#define CKA_CASTOR_PIN_NUMBER (CASTOR_VENDOR | 0x10UL)   /* CK_ULONG: 1 or 2 */
#define CKA_CASTOR_PIN_TRIES (CASTOR_VENDOR | 0x11UL)    /* CK_ULONG, left; or unavailable */
#define CKA_CASTOR_PIN_TRIES_MAX (CASTOR_VENDOR | 0x12UL) /* CK_ULONG; or unavailable */
#define CKA_CASTOR_PUK_TRIES (CASTOR_VENDOR | 0x13UL)    /* CK_ULONG, left; or unavailable */
#define CKA_CASTOR_PIN_EACH_TIME (CASTOR_VENDOR | 0x14UL) /* CK_BBOOL: given for every use */
#define CKA_CASTOR_PIN_CHANGED (CASTOR_VENDOR | 0x15UL)  /* CK_DATE; empty when not known */
#define CKA_CASTOR_PIN_EXPIRES (CASTOR_VENDOR | 0x16UL)  /* CK_DATE: too old from then; or empty */
#define CKA_CASTOR_PIN_ACTIVATION (CASTOR_VENDOR | 0x17UL) /* CK_ULONG: enum pin_activation */

/* The attributes of a slot's PIN now; its CKA_LABEL is the card's name for it. NULL: no memory.
 * reader->lock held. */
struct attrs *feature_attrs_locked(const struct pinslot *slot, unsigned pin, const struct settings *s);

#endif

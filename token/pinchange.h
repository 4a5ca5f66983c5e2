/* Changing and unblocking PINs. Rules: DESIGN 18. */
#ifndef CASTOR_TOKEN_PINCHANGE_H
#define CASTOR_TOKEN_PINCHANGE_H

#include "token/session.h"

/* C_SetPIN and C_InitPIN; a PIN with p NULL is asked of a person. CKR_PIN_INCORRECT, CKR_PIN_LOCKED (the
 * old one, or the PUK), CKR_PIN_LEN_RANGE and CKR_PIN_INVALID (the new one), CKR_FUNCTION_CANCELED,
 * CKR_FUNCTION_FAILED (the dialog), CKR_ARGUMENTS_BAD (nobody can be asked),
 * CKR_FUNCTION_NOT_SUPPORTED (the card cannot), CKR_SESSION_READ_ONLY, CKR_USER_NOT_LOGGED_IN,
 * CKR_DEVICE_*. Lock: the session's, let go of while a person is asked. */
CK_RV pinchange_set(struct session *s, struct view old, struct view new);
CK_RV pinchange_init(struct session *s, struct view new);

#endif

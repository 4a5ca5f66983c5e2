/* Logging in and changing PINs. Rules: DESIGN 18. */
#ifndef CASTOR_TOKEN_PIN_H
#define CASTOR_TOKEN_PIN_H

#include "token/session.h"

/* C_Login. pin.p NULL: none given, a person is asked (CKR_ARGUMENTS_BAD where that cannot be,
 * CKR_FUNCTION_CANCELED). CKR_USER_TYPE_INVALID, CKR_USER_ALREADY_LOGGED_IN,
 * CKR_USER_ANOTHER_ALREADY_LOGGED_IN, CKR_SESSION_READ_ONLY_EXISTS, CKR_PIN_INCORRECT,
 * CKR_PIN_LOCKED, CKR_USER_PIN_NOT_INITIALIZED, CKR_OPERATION_NOT_INITIALIZED (no operation for a
 * context-specific login), CKR_DEVICE_*. Lock: the session's. */
CK_RV pin_login(struct session *s, CK_USER_TYPE user, struct view pin);
/* C_Logout. CKR_USER_NOT_LOGGED_IN. Lock: the session's. */
CK_RV pin_logout(struct session *s);
/* Forgets a login, and a PIN that a dialog has opened without one. No lock but a session's held. */
void pin_logout_slot(struct reader *r, unsigned pin, uint64_t gen);
/* The slot's last session was closed: that ends a login (PKCS#11 v2.40 5.6, C_CloseSession), but not
 * what a person was asked for without one: programs open a session for every signature. */
void pin_sessions_ended(struct reader *r, unsigned pin, uint64_t gen);
/* C_SetPIN and C_InitPIN; a PIN with p NULL is asked of a person. CKR_PIN_INCORRECT, CKR_PIN_LOCKED (the
 * old one, or the PUK), CKR_PIN_LEN_RANGE and CKR_PIN_INVALID (the new one), CKR_FUNCTION_CANCELED,
 * CKR_FUNCTION_FAILED (the dialog), CKR_ARGUMENTS_BAD (nobody can be asked),
 * CKR_FUNCTION_NOT_SUPPORTED (the card cannot), CKR_SESSION_READ_ONLY, CKR_USER_NOT_LOGGED_IN,
 * CKR_DEVICE_*. Lock: the session's, let go of while a person is asked. */
CK_RV pin_set(struct session *s, struct view old, struct view new);
CK_RV pin_init(struct session *s, struct view new);

#endif

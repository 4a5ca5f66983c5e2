/* Logging in and changing PINs. Rules: DESIGN 18. */
#ifndef CASTOR_TOKEN_PIN_H
#define CASTOR_TOKEN_PIN_H

#include "token/session.h"

/* C_Login. pin.p NULL: none given. CKR_USER_TYPE_INVALID, CKR_USER_ALREADY_LOGGED_IN,
 * CKR_USER_ANOTHER_ALREADY_LOGGED_IN, CKR_SESSION_READ_ONLY_EXISTS, CKR_PIN_INCORRECT,
 * CKR_PIN_LOCKED, CKR_USER_PIN_NOT_INITIALIZED, CKR_OPERATION_NOT_INITIALIZED (no operation for a
 * context-specific login), CKR_DEVICE_*. Lock: the session's. */
CK_RV pin_login(struct session *s, CK_USER_TYPE user, struct view pin);
/* C_Logout. CKR_USER_NOT_LOGGED_IN. Lock: the session's. */
CK_RV pin_logout(struct session *s);
/* Forgets a login without a session: the slot's last one was closed. No lock held. */
void pin_logout_slot(struct reader *r, unsigned pin, uint64_t gen);
/* C_SetPIN and C_InitPIN. CKR_PIN_INCORRECT, CKR_PIN_LOCKED, CKR_PIN_LEN_RANGE (of a new one),
 * CKR_SESSION_READ_ONLY, CKR_USER_NOT_LOGGED_IN. Lock: the session's. */
CK_RV pin_set(struct session *s, struct view old, struct view new);
CK_RV pin_init(struct session *s, struct view new);
/* Whether a private key may be used now; CKR_USER_NOT_LOGGED_IN if not. */
CK_RV pin_ready(struct session *s, const struct object *key);
/* The card turned out not to hold the PIN any more (reset, or logged out by others). */
void pin_lost(struct reader *r, uint64_t gen);
/* Whether the card itself says that the PIN of somebody logged in is verified. Inside a
 * transaction. */
bool pin_is_open(struct reader *r, uint64_t gen, struct card *card);

#endif

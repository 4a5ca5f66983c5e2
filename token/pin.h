/* Logging in and changing PINs. Rules: DESIGN 18. */
#ifndef CASTOR_TOKEN_PIN_H
#define CASTOR_TOKEN_PIN_H

#include "token/session.h"

/* C_Login. pin.p NULL: none given. Locks: the session's. */
CK_RV pin_login(struct session *s, CK_USER_TYPE user, struct view pin);
CK_RV pin_logout(struct session *s);
/* Forgets a login without a session: the slot's last one was closed. No lock held. */
void pin_logout_slot(struct reader *r, unsigned pin, uint64_t gen);
/* C_SetPIN and C_InitPIN. */
CK_RV pin_set(struct session *s, struct view old, struct view new);
CK_RV pin_init(struct session *s, struct view new);
/* Whether a private key may be used now; CKR_USER_NOT_LOGGED_IN if not. */
CK_RV pin_ready(struct session *s, const struct object *key);
/* The card turned out not to hold the PIN any more (reset, or logged out by others). */
void pin_lost(struct reader *r, uint64_t gen);

#endif

/* Who is logged in in a slot. Rules: DESIGN 18. */
#ifndef CASTOR_TOKEN_LOGIN_H
#define CASTOR_TOKEN_LOGIN_H

#include "token/session.h"

/* C_Login. pin.p NULL: none given, a person is asked (CKR_ARGUMENTS_BAD where that cannot be,
 * CKR_FUNCTION_CANCELED). CKR_USER_TYPE_INVALID, CKR_USER_ALREADY_LOGGED_IN,
 * CKR_USER_ANOTHER_ALREADY_LOGGED_IN, CKR_SESSION_READ_ONLY_EXISTS, CKR_PIN_INCORRECT,
 * CKR_PIN_LOCKED, CKR_USER_PIN_NOT_INITIALIZED, CKR_OPERATION_NOT_INITIALIZED (no operation for a
 * context-specific login), CKR_DEVICE_*. Lock: the session's. */
CK_RV login_begin(struct session *s, CK_USER_TYPE user, struct view pin);
/* C_Logout. CKR_USER_NOT_LOGGED_IN. Lock: the session's. */
CK_RV login_end(struct session *s);
/* Forgets a login, and a PIN that a dialog has opened without one. No lock but a session's held. */
void login_drop(struct reader *r, unsigned pin, uint64_t gen);
/* Close a session, which the caller has entered and leaves; all of a slot; all there are, and what cards
 * hold open with them. The last one of a slot ends its login. */
void login_close_session(struct session *s);
void login_close_sessions(struct reader *r, unsigned pin);
void login_close_world(struct world *w);

#endif

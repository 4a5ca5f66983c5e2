/* E_* to CKR_*: the only place that knows both (DESIGN 10). */
#ifndef CASTOR_TOKEN_RV_H
#define CASTOR_TOKEN_RV_H

#include "base/buf.h"
#include "token/cryptoki.h"

/* For calls in general. */
CK_RV rv_from(int err);
/* For C_Login, C_SetPIN, C_InitPIN, whose return lists have the PIN codes. */
CK_RV rv_from_pin(int err);
/* The same, where a person was asked when no PIN was given (p NULL): CKR_FUNCTION_FAILED when that could
 * not be after all, which the next C_GetTokenInfo says. */
CK_RV rv_from_asked(int err, struct view given);
/* "CKR_OK", or "CKR_0x..." for one without a name here. For logs. Static or thread-local. */
const char *rv_name(CK_RV rv);

#endif

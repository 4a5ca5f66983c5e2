/* E_* to CKR_*: the only place that knows both (DESIGN 10). */
#ifndef CASTOR_TOKEN_RV_H
#define CASTOR_TOKEN_RV_H

#include "token/cryptoki.h"

/* For calls in general. */
CK_RV rv_from(int err);
/* For C_Login, C_SetPIN, C_InitPIN, whose return lists have the PIN codes. */
CK_RV rv_from_pin(int err);
/* "CKR_OK", or "CKR_0x..." for one without a name here. For logs. Static or thread-local. */
const char *rv_name(CK_RV rv);

#endif

/* Objects made, copied, changed and destroyed by callers. Session objects live in memory;
 * token objects are written to the card. Source: PKCS#11 v2.40 4.1, 5.7. */
#ifndef CASTOR_TOKEN_CREATE_H
#define CASTOR_TOKEN_CREATE_H

#include "token/session.h"

/* C_CreateObject, C_CopyObject, C_DestroyObject, C_SetAttributeValue. Lock: the session's. The
 * errors of token/rules.h for a template; CKR_OBJECT_HANDLE_INVALID, CKR_ACTION_PROHIBITED,
 * CKR_SESSION_READ_ONLY, CKR_USER_NOT_LOGGED_IN, CKR_DEVICE_MEMORY, CKR_DEVICE_*. */
CK_RV create_object(struct session *s, const CK_ATTRIBUTE *t, CK_ULONG n, CK_OBJECT_HANDLE *out);
CK_RV copy_object(struct session *s, CK_OBJECT_HANDLE from, const CK_ATTRIBUTE *t, CK_ULONG n,
    CK_OBJECT_HANDLE *out);
CK_RV destroy_object(struct session *s, CK_OBJECT_HANDLE h);
/* A session object of a secret key made by a mechanism: the template of create_object without its
 * class, type and value, which are given beside it. */
CK_RV create_secret(struct session *s, CK_KEY_TYPE type, struct view value, const CK_ATTRIBUTE *t,
    CK_ULONG n, CK_OBJECT_HANDLE *out);
CK_RV change_object(struct session *s, CK_OBJECT_HANDLE h, const CK_ATTRIBUTE *t, CK_ULONG n);

#endif

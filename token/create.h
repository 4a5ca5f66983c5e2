/* Objects made, copied, changed and destroyed by callers. Session objects live in memory;
 * token objects are written to the card. Source: PKCS#11 v2.40 4.1, 5.7. */
#ifndef CASTOR_TOKEN_CREATE_H
#define CASTOR_TOKEN_CREATE_H

#include "token/session.h"

CK_RV create_object(struct session *s, const CK_ATTRIBUTE *t, CK_ULONG n, CK_OBJECT_HANDLE *out);
CK_RV copy_object(struct session *s, CK_OBJECT_HANDLE from, const CK_ATTRIBUTE *t, CK_ULONG n,
    CK_OBJECT_HANDLE *out);
CK_RV destroy_object(struct session *s, CK_OBJECT_HANDLE h);
CK_RV change_object(struct session *s, CK_OBJECT_HANDLE h, const CK_ATTRIBUTE *t, CK_ULONG n);

#endif

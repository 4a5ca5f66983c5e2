/* Key pairs made by the card. */
#ifndef CASTOR_TOKEN_GENERATE_H
#define CASTOR_TOKEN_GENERATE_H

#include "token/session.h"

struct pair_template {
	const CK_ATTRIBUTE *pub;
	CK_ULONG npub;
	const CK_ATTRIBUTE *priv;
	CK_ULONG npriv;
};

/* C_GenerateKeyPair: all or nothing. CKR_MECHANISM_INVALID, CKR_USER_NOT_LOGGED_IN,
 * CKR_SESSION_READ_ONLY, CKR_TEMPLATE_INCOMPLETE, CKR_TEMPLATE_INCONSISTENT, CKR_KEY_SIZE_RANGE,
 * CKR_DOMAIN_PARAMS_INVALID, CKR_DEVICE_MEMORY. */
CK_RV generate_pair(struct session *s, const CK_MECHANISM *ck, const struct pair_template *t,
    CK_OBJECT_HANDLE *pub, CK_OBJECT_HANDLE *priv);

#endif

/* Which attributes a caller may give an object, by class and key type: one const table.
 * Source: PKCS#11 v2.40 4.4 to 4.11. */
#ifndef CASTOR_TOKEN_RULES_H
#define CASTOR_TOKEN_RULES_H

#include "token/attrs.h"

/* A new object's attributes from a template: every attribute known for its class and of the
 * right form, what is required there, defaults filled in. CKR_TEMPLATE_INCOMPLETE,
 * CKR_TEMPLATE_INCONSISTENT, CKR_ATTRIBUTE_TYPE_INVALID, CKR_ATTRIBUTE_VALUE_INVALID,
 * CKR_ATTRIBUTE_READ_ONLY, CKR_HOST_MEMORY. *out is the caller's. */
CK_RV rules_new(const CK_ATTRIBUTE *t, CK_ULONG n, struct attrs **out);
/* Whether every attribute of a template may be given to such an object, in form and kind; what
 * is missing is not looked for. For key generation. */
CK_RV rules_check(CK_OBJECT_CLASS cls, CK_KEY_TYPE key_type, const CK_ATTRIBUTE *t, CK_ULONG n);
/* An object's attributes with a template's changes on them. `copy`: the rules of C_CopyObject,
 * else those of C_SetAttributeValue. The same errors. */
CK_RV rules_change(const struct attrs *from, const CK_ATTRIBUTE *t, CK_ULONG n, bool copy,
    struct attrs **out);

#endif

/* Objects of a token and their attributes, through C_* alone. */
#ifndef CASTOR_BRIDGES_KIT_OBJECT_H
#define CASTOR_BRIDGES_KIT_OBJECT_H

#include <p11-kit/pkcs11.h>

#include "base/buf.h"

#define KIT_OBJECTS_MAX 256 /* of one search; no card has as many */

/* All objects that match, at most KIT_OBJECTS_MAX: *n handles. Any answer of C_FindObjects*. */
CK_RV kit_find(CK_FUNCTION_LIST *f, CK_SESSION_HANDLE s, CK_ATTRIBUTE *match, CK_ULONG count,
    CK_OBJECT_HANDLE found[KIT_OBJECTS_MAX], size_t *n);
/* Appends the value of one attribute. Any answer of C_GetAttributeValue; CKR_HOST_MEMORY. */
CK_RV kit_attr(CK_FUNCTION_LIST *f, CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, CK_ATTRIBUTE_TYPE type,
    struct buf *out);
/* A CK_ULONG, or `none` when there is none or it is unavailable. */
CK_ULONG kit_attr_ulong(CK_FUNCTION_LIST *f, CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o,
    CK_ATTRIBUTE_TYPE type, CK_ULONG none);
/* Whether a CK_BBOOL is there and true. */
bool kit_attr_true(CK_FUNCTION_LIST *f, CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, CK_ATTRIBUTE_TYPE type);

#endif

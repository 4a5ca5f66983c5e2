#include "bridges/kit/object.h"

#include <string.h>

CK_RV
kit_find(CK_FUNCTION_LIST *f, CK_SESSION_HANDLE s, CK_ATTRIBUTE *match, CK_ULONG count,
    CK_OBJECT_HANDLE found[KIT_OBJECTS_MAX], size_t *n)
{
	CK_ULONG got = 1;
	CK_RV rv;

	*n = 0;
	if ((rv = f->C_FindObjectsInit(s, match, count)))
		return rv;
	while (*n < KIT_OBJECTS_MAX && got) {
		if ((rv = f->C_FindObjects(s, found + *n, KIT_OBJECTS_MAX - *n, &got)))
			break;
		*n += got;
	}
	f->C_FindObjectsFinal(s);
	return rv;
}

CK_RV
kit_attr(CK_FUNCTION_LIST *f, CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, CK_ATTRIBUTE_TYPE type,
    struct buf *out)
{
	CK_ATTRIBUTE a = { type, NULL, 0 };
	size_t was = out->len;
	CK_RV rv;

	if ((rv = f->C_GetAttributeValue(s, o, &a, 1)))
		return rv;
	if (a.ulValueLen == CK_UNAVAILABLE_INFORMATION)
		return CKR_ATTRIBUTE_TYPE_INVALID;
	if (!a.ulValueLen)
		return CKR_OK;
	if (!(a.pValue = buf_room(out, a.ulValueLen)))
		return CKR_HOST_MEMORY;
	if ((rv = f->C_GetAttributeValue(s, o, &a, 1)) || a.ulValueLen == CK_UNAVAILABLE_INFORMATION)
		buf_trim(out, was);
	else
		buf_trim(out, was + a.ulValueLen);
	return rv;
}

CK_ULONG
kit_attr_ulong(CK_FUNCTION_LIST *f, CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, CK_ATTRIBUTE_TYPE type,
    CK_ULONG none)
{
	CK_ULONG value = none;
	CK_ATTRIBUTE a = { type, &value, sizeof value };

	if (f->C_GetAttributeValue(s, o, &a, 1) || a.ulValueLen != sizeof value ||
	    value == CK_UNAVAILABLE_INFORMATION)
		return none;
	return value;
}

bool
kit_attr_true(CK_FUNCTION_LIST *f, CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, CK_ATTRIBUTE_TYPE type)
{
	CK_BBOOL value = CK_FALSE;
	CK_ATTRIBUTE a = { type, &value, sizeof value };

	return !f->C_GetAttributeValue(s, o, &a, 1) && a.ulValueLen == sizeof value && value;
}

/* PKCS#11 v2.40 5.7: object management. */
#include "p11/p11.h"

#include "token/create.h"
#include "token/rv.h"
#include "token/unlock.h"

/* A template is NULL only when it is empty. */
static bool
template_ok(const CK_ATTRIBUTE *t, CK_ULONG n)
{
	return t || !n;
}

P11_API CK_RV
C_CreateObject(CK_SESSION_HANDLE h, CK_ATTRIBUTE_PTR t, CK_ULONG n, CK_OBJECT_HANDLE_PTR out)
{
	struct call c;
	CK_RV rv;

	if (!(rv = p11_enter_session(&c, __func__, h)))
		rv = template_ok(t, n) && out ? create_object(c.s, t, n, out) : CKR_ARGUMENTS_BAD;
	return p11_leave(&c, rv);
}

P11_API CK_RV
C_CopyObject(CK_SESSION_HANDLE h, CK_OBJECT_HANDLE from, CK_ATTRIBUTE_PTR t, CK_ULONG n,
    CK_OBJECT_HANDLE_PTR out)
{
	struct call c;
	CK_RV rv;

	if (!(rv = p11_enter_session(&c, __func__, h)))
		rv = template_ok(t, n) && out ? copy_object(c.s, from, t, n, out) :
		    CKR_ARGUMENTS_BAD;
	return p11_leave(&c, rv);
}

P11_API CK_RV
C_DestroyObject(CK_SESSION_HANDLE h, CK_OBJECT_HANDLE object)
{
	struct call c;
	CK_RV rv;

	if (!(rv = p11_enter_session(&c, __func__, h)))
		rv = destroy_object(c.s, object);
	return p11_leave(&c, rv);
}

P11_API CK_RV
C_GetObjectSize(CK_SESSION_HANDLE h, CK_OBJECT_HANDLE object, CK_ULONG_PTR size)
{
	const struct attrs *a;
	struct object *o;
	struct call c;
	CK_RV rv;

	if ((rv = p11_enter_session(&c, __func__, h)))
		return p11_leave(&c, rv);
	if (!size)
		return p11_leave(&c, CKR_ARGUMENTS_BAD);
	if (!(o = reader_object(c.r, c.pin, object)))
		return p11_leave(&c, CKR_OBJECT_HANDLE_INVALID);
	if (!(rv = unlock_fill(c.s, o))) {
		a = object_attrs(o);
		*size = 0;
		for (size_t i = 0; i < a->n; i++)
			*size += sizeof a->a[i].type + a->a[i].value.len;
	}
	object_unref(&o);
	return p11_leave(&c, rv);
}

P11_API CK_RV
C_GetAttributeValue(CK_SESSION_HANDLE h, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_PTR t, CK_ULONG n)
{
	struct object *o;
	struct call c;
	CK_RV rv;

	if ((rv = p11_enter_session(&c, __func__, h)))
		return p11_leave(&c, rv);
	if (!template_ok(t, n))
		return p11_leave(&c, CKR_ARGUMENTS_BAD);
	if (!(o = reader_object(c.r, c.pin, object)))
		return p11_leave(&c, CKR_OBJECT_HANDLE_INVALID);
	for (CK_ULONG i = 0; i < n && !rv; i++)
		if (object_needs_body(o, t[i].type))
			rv = unlock_fill(c.s, o);
	if (!rv)
		rv = object_get(o, t, n);
	object_unref(&o);
	return p11_leave(&c, rv);
}

P11_API CK_RV
C_SetAttributeValue(CK_SESSION_HANDLE h, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_PTR t, CK_ULONG n)
{
	struct call c;
	CK_RV rv;

	if (!(rv = p11_enter_session(&c, __func__, h)))
		rv = template_ok(t, n) ? change_object(c.s, object, t, n) : CKR_ARGUMENTS_BAD;
	return p11_leave(&c, rv);
}

P11_API CK_RV
C_FindObjectsInit(CK_SESSION_HANDLE h, CK_ATTRIBUTE_PTR t, CK_ULONG n)
{
	struct call c;
	CK_RV rv;

	if (!(rv = p11_enter_session(&c, __func__, h)))
		rv = template_ok(t, n) ? session_find_init(c.s, t, n) : CKR_ARGUMENTS_BAD;
	return p11_leave(&c, rv);
}

P11_API CK_RV
C_FindObjects(CK_SESSION_HANDLE h, CK_OBJECT_HANDLE_PTR out, CK_ULONG max, CK_ULONG_PTR n)
{
	struct call c;
	CK_RV rv;

	if (!(rv = p11_enter_session(&c, __func__, h)))
		rv = out && n && max ? session_find(c.s, out, max, n) : CKR_ARGUMENTS_BAD;
	return p11_leave(&c, rv);
}

P11_API CK_RV
C_FindObjectsFinal(CK_SESSION_HANDLE h)
{
	struct call c;
	CK_RV rv;

	if (!(rv = p11_enter_session(&c, __func__, h)))
		rv = session_find_final(c.s);
	return p11_leave(&c, rv);
}

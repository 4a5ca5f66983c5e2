/* PKCS#11 v2.40 5.14 and 5.16, and the state functions of 5.6: what no card of ours has a use
 * for. Each still checks its session first, as the order of errors wants (5.1). */
#include "p11/p11.h"

static CK_RV
refuse(const char *func, CK_SESSION_HANDLE h, CK_RV answer)
{
	struct call c;
	CK_RV rv = p11_enter_session(&c, func, h);

	return p11_leave(&c, rv ? rv : answer);
}

P11_API CK_RV
C_GetOperationState(CK_SESSION_HANDLE h, CK_BYTE_PTR state, CK_ULONG_PTR state_len)
{
	(void)state;
	(void)state_len;
	return refuse(__func__, h, CKR_FUNCTION_NOT_SUPPORTED);
}

P11_API CK_RV
C_SetOperationState(CK_SESSION_HANDLE h, CK_BYTE_PTR state, CK_ULONG state_len,
    CK_OBJECT_HANDLE enc, CK_OBJECT_HANDLE auth)
{
	(void)state;
	(void)state_len;
	(void)enc;
	(void)auth;
	return refuse(__func__, h, CKR_FUNCTION_NOT_SUPPORTED);
}

P11_API CK_RV
C_DigestEncryptUpdate(CK_SESSION_HANDLE h, CK_BYTE_PTR in, CK_ULONG in_len, CK_BYTE_PTR out,
    CK_ULONG_PTR out_len)
{
	(void)in;
	(void)in_len;
	(void)out;
	(void)out_len;
	return refuse(__func__, h, CKR_FUNCTION_NOT_SUPPORTED);
}

P11_API CK_RV
C_DecryptDigestUpdate(CK_SESSION_HANDLE h, CK_BYTE_PTR in, CK_ULONG in_len, CK_BYTE_PTR out,
    CK_ULONG_PTR out_len)
{
	(void)in;
	(void)in_len;
	(void)out;
	(void)out_len;
	return refuse(__func__, h, CKR_FUNCTION_NOT_SUPPORTED);
}

P11_API CK_RV
C_SignEncryptUpdate(CK_SESSION_HANDLE h, CK_BYTE_PTR in, CK_ULONG in_len, CK_BYTE_PTR out,
    CK_ULONG_PTR out_len)
{
	(void)in;
	(void)in_len;
	(void)out;
	(void)out_len;
	return refuse(__func__, h, CKR_FUNCTION_NOT_SUPPORTED);
}

P11_API CK_RV
C_DecryptVerifyUpdate(CK_SESSION_HANDLE h, CK_BYTE_PTR in, CK_ULONG in_len, CK_BYTE_PTR out,
    CK_ULONG_PTR out_len)
{
	(void)in;
	(void)in_len;
	(void)out;
	(void)out_len;
	return refuse(__func__, h, CKR_FUNCTION_NOT_SUPPORTED);
}

P11_API CK_RV
C_GetFunctionStatus(CK_SESSION_HANDLE h)
{
	return refuse(__func__, h, CKR_FUNCTION_NOT_PARALLEL);
}

P11_API CK_RV
C_CancelFunction(CK_SESSION_HANDLE h)
{
	return refuse(__func__, h, CKR_FUNCTION_NOT_PARALLEL);
}

/* PKCS#11 v2.40 5.11: signing. */
#include "p11/p11.h"

P11_API CK_RV
C_SignInit(CK_SESSION_HANDLE h, CK_MECHANISM_PTR mech, CK_OBJECT_HANDLE key)
{
	struct call c;
	CK_RV rv;

	if (!(rv = p11_enter_session(&c, __func__, h)))
		rv = p11_init(&c, OP_SIGN, mech, key);
	return p11_leave(&c, rv);
}

P11_API CK_RV
C_Sign(CK_SESSION_HANDLE h, CK_BYTE_PTR data, CK_ULONG data_len, CK_BYTE_PTR sig,
    CK_ULONG_PTR sig_len)
{
	struct call c;
	CK_RV rv;

	if (!(rv = p11_enter_session(&c, __func__, h)))
		rv = p11_one_part(&c, OP_SIGN, view_of(data, data_len),
		    (struct out){ sig, sig_len });
	return p11_leave(&c, rv);
}

P11_API CK_RV
C_SignUpdate(CK_SESSION_HANDLE h, CK_BYTE_PTR part, CK_ULONG part_len)
{
	struct call c;
	CK_RV rv;

	if (!(rv = p11_enter_session(&c, __func__, h)))
		rv = p11_update(&c, OP_SIGN, view_of(part, part_len));
	return p11_leave(&c, rv);
}

P11_API CK_RV
C_SignFinal(CK_SESSION_HANDLE h, CK_BYTE_PTR sig, CK_ULONG_PTR sig_len)
{
	struct call c;
	CK_RV rv;

	if (!(rv = p11_enter_session(&c, __func__, h)))
		rv = p11_final(&c, OP_SIGN, (struct out){ sig, sig_len });
	return p11_leave(&c, rv);
}

P11_API CK_RV
C_SignRecoverInit(CK_SESSION_HANDLE h, CK_MECHANISM_PTR mech, CK_OBJECT_HANDLE key)
{
	struct call c;
	CK_RV rv;

	if (!(rv = p11_enter_session(&c, __func__, h)))
		rv = p11_init(&c, OP_SIGN_RECOVER, mech, key);
	return p11_leave(&c, rv);
}

P11_API CK_RV
C_SignRecover(CK_SESSION_HANDLE h, CK_BYTE_PTR data, CK_ULONG data_len, CK_BYTE_PTR sig,
    CK_ULONG_PTR sig_len)
{
	struct call c;
	CK_RV rv;

	if (!(rv = p11_enter_session(&c, __func__, h)))
		rv = p11_one_part(&c, OP_SIGN_RECOVER, view_of(data, data_len),
		    (struct out){ sig, sig_len });
	return p11_leave(&c, rv);
}

/* PKCS#11 v2.40 5.12: verifying. */
#include "p11/p11.h"

P11_API CK_RV
C_VerifyInit(CK_SESSION_HANDLE h, CK_MECHANISM_PTR mech, CK_OBJECT_HANDLE key)
{
	struct call c;
	CK_RV rv;

	if (!(rv = p11_enter_session(&c, __func__, h)))
		rv = p11_init(&c, OP_VERIFY, mech, key);
	return p11_leave(&c, rv);
}

/* There is no output, so every end of the call is the end of the operation. */
static CK_RV
check(struct call *c, struct view sig)
{
	CK_RV rv = sig.p ? op_verify(c->s, sig) : CKR_ARGUMENTS_BAD;

	op_end(c->s, OP_VERIFY);
	return rv;
}

P11_API CK_RV
C_Verify(CK_SESSION_HANDLE h, CK_BYTE_PTR data, CK_ULONG data_len, CK_BYTE_PTR sig,
    CK_ULONG sig_len)
{
	struct call c;
	CK_RV rv;

	if ((rv = p11_enter_session(&c, __func__, h)))
		return p11_leave(&c, rv);
	if (op_active(c.s, OP_VERIFY) && c.s->op[OP_VERIFY].updated) {
		op_end(c.s, OP_VERIFY);
		rv = CKR_OPERATION_ACTIVE;
	} else if (!(rv = p11_update(&c, OP_VERIFY, view_of(data, data_len)))) {
		rv = check(&c, view_of(sig, sig_len));
	}
	return p11_leave(&c, rv);
}

P11_API CK_RV
C_VerifyUpdate(CK_SESSION_HANDLE h, CK_BYTE_PTR part, CK_ULONG part_len)
{
	struct call c;
	CK_RV rv;

	if (!(rv = p11_enter_session(&c, __func__, h)))
		rv = p11_update(&c, OP_VERIFY, view_of(part, part_len));
	return p11_leave(&c, rv);
}

P11_API CK_RV
C_VerifyFinal(CK_SESSION_HANDLE h, CK_BYTE_PTR sig, CK_ULONG sig_len)
{
	struct call c;
	CK_RV rv;

	if (!(rv = p11_enter_session(&c, __func__, h)))
		rv = op_active(c.s, OP_VERIFY) ? check(&c, view_of(sig, sig_len)) :
		    CKR_OPERATION_NOT_INITIALIZED;
	return p11_leave(&c, rv);
}

P11_API CK_RV
C_VerifyRecoverInit(CK_SESSION_HANDLE h, CK_MECHANISM_PTR mech, CK_OBJECT_HANDLE key)
{
	struct call c;
	CK_RV rv;

	if (!(rv = p11_enter_session(&c, __func__, h)))
		rv = p11_init(&c, OP_VERIFY_RECOVER, mech, key);
	return p11_leave(&c, rv);
}

P11_API CK_RV
C_VerifyRecover(CK_SESSION_HANDLE h, CK_BYTE_PTR sig, CK_ULONG sig_len, CK_BYTE_PTR data,
    CK_ULONG_PTR data_len)
{
	struct call c;
	CK_RV rv;

	if (!(rv = p11_enter_session(&c, __func__, h)))
		rv = p11_one_part(&c, OP_VERIFY_RECOVER, view_of(sig, sig_len),
		    (struct out){ data, data_len });
	return p11_leave(&c, rv);
}

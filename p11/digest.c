/* PKCS#11 v2.40 5.10: message digesting. */
#include "p11/p11.h"

P11_API CK_RV
C_DigestInit(CK_SESSION_HANDLE h, CK_MECHANISM_PTR mech)
{
	struct call c;
	CK_RV rv;

	if (!(rv = p11_enter_session(&c, __func__, h)))
		rv = p11_init(&c, OP_DIGEST, mech, 0);
	return p11_leave(&c, rv);
}

P11_API CK_RV
C_Digest(CK_SESSION_HANDLE h, CK_BYTE_PTR data, CK_ULONG data_len, CK_BYTE_PTR digest,
    CK_ULONG_PTR digest_len)
{
	struct call c;
	CK_RV rv;

	if (!(rv = p11_enter_session(&c, __func__, h)))
		rv = p11_one_part(&c, OP_DIGEST, view_of(data, data_len),
		    (struct out){ digest, digest_len });
	return p11_leave(&c, rv);
}

P11_API CK_RV
C_DigestUpdate(CK_SESSION_HANDLE h, CK_BYTE_PTR part, CK_ULONG part_len)
{
	struct call c;
	CK_RV rv;

	if (!(rv = p11_enter_session(&c, __func__, h)))
		rv = p11_update(&c, OP_DIGEST, view_of(part, part_len));
	return p11_leave(&c, rv);
}

P11_API CK_RV
C_DigestKey(CK_SESSION_HANDLE h, CK_OBJECT_HANDLE key)
{
	struct call c;
	CK_RV rv;

	if ((rv = p11_enter_session(&c, __func__, h)))
		return p11_leave(&c, rv);
	if (!op_active(c.s, OP_DIGEST))
		rv = CKR_OPERATION_NOT_INITIALIZED;
	else if ((rv = op_digest_key(c.s, key)))
		op_end(c.s, OP_DIGEST);
	else
		c.s->op[OP_DIGEST].updated = true;
	return p11_leave(&c, rv);
}

P11_API CK_RV
C_DigestFinal(CK_SESSION_HANDLE h, CK_BYTE_PTR digest, CK_ULONG_PTR digest_len)
{
	struct call c;
	CK_RV rv;

	if (!(rv = p11_enter_session(&c, __func__, h)))
		rv = p11_final(&c, OP_DIGEST, (struct out){ digest, digest_len });
	return p11_leave(&c, rv);
}

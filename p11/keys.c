/* PKCS#11 v2.40 5.13: key management. */
#include "p11/p11.h"

#include "token/create.h"
#include "token/generate.h"

/* No mechanism of ours makes secret keys, wraps or unwraps: the arguments are checked, and that
 * is the answer. */
static CK_RV
no_mechanism(struct call *c, const char *func, CK_SESSION_HANDLE h, bool args_ok)
{
	CK_RV rv = p11_enter_session(c, func, h);

	if (!rv)
		rv = args_ok ? CKR_FUNCTION_NOT_SUPPORTED : CKR_ARGUMENTS_BAD;
	return p11_leave(c, rv);
}

P11_API CK_RV
C_GenerateKey(CK_SESSION_HANDLE h, CK_MECHANISM_PTR mech, CK_ATTRIBUTE_PTR t, CK_ULONG n,
    CK_OBJECT_HANDLE_PTR key)
{
	struct call c;

	return no_mechanism(&c, __func__, h, mech && key && (t || !n));
}

P11_API CK_RV
C_GenerateKeyPair(CK_SESSION_HANDLE h, CK_MECHANISM_PTR mech, CK_ATTRIBUTE_PTR pub, CK_ULONG npub,
    CK_ATTRIBUTE_PTR priv, CK_ULONG npriv, CK_OBJECT_HANDLE_PTR pub_key,
    CK_OBJECT_HANDLE_PTR priv_key)
{
	struct pair_template t = { pub, npub, priv, npriv };
	struct call c;
	CK_RV rv;

	if ((rv = p11_enter_session(&c, __func__, h)))
		return p11_leave(&c, rv);
	if (!mech || !pub_key || !priv_key || (!pub && npub) || (!priv && npriv))
		rv = CKR_ARGUMENTS_BAD;
	else
		rv = generate_pair(c.s, mech, &t, pub_key, priv_key);
	return p11_leave(&c, rv);
}

P11_API CK_RV
C_WrapKey(CK_SESSION_HANDLE h, CK_MECHANISM_PTR mech, CK_OBJECT_HANDLE with, CK_OBJECT_HANDLE key,
    CK_BYTE_PTR out, CK_ULONG_PTR out_len)
{
	struct call c;

	(void)with;
	(void)key;
	(void)out;
	return no_mechanism(&c, __func__, h, mech && out_len);
}

P11_API CK_RV
C_UnwrapKey(CK_SESSION_HANDLE h, CK_MECHANISM_PTR mech, CK_OBJECT_HANDLE with, CK_BYTE_PTR in,
    CK_ULONG in_len, CK_ATTRIBUTE_PTR t, CK_ULONG n, CK_OBJECT_HANDLE_PTR key)
{
	struct call c;

	(void)with;
	(void)in_len;
	return no_mechanism(&c, __func__, h, mech && in && key && (t || !n));
}

P11_API CK_RV
C_DeriveKey(CK_SESSION_HANDLE h, CK_MECHANISM_PTR mech, CK_OBJECT_HANDLE base, CK_ATTRIBUTE_PTR t,
    CK_ULONG n, CK_OBJECT_HANDLE_PTR key)
{
	struct call c;
	CK_RV rv;

	if ((rv = p11_enter_session(&c, __func__, h)))
		return p11_leave(&c, rv);
	rv = mech && key && (t || !n) ? op_derive(c.s, mech, base, t, n, key) : CKR_ARGUMENTS_BAD;
	return p11_leave(&c, rv);
}

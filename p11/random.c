/* PKCS#11 v2.40 5.15: random numbers. */
#include "p11/p11.h"

P11_API CK_RV
C_SeedRandom(CK_SESSION_HANDLE h, CK_BYTE_PTR seed, CK_ULONG seed_len)
{
	struct call c;
	CK_RV rv;

	if (!(rv = p11_enter_session(&c, __func__, h)))
		/* NSS seeds at start and takes this answer in good part (pkcs11 4) */
		rv = p11_data_ok(seed, seed_len) ? CKR_RANDOM_SEED_NOT_SUPPORTED :
		    CKR_ARGUMENTS_BAD;
	return p11_leave(&c, rv);
}

P11_API CK_RV
C_GenerateRandom(CK_SESSION_HANDLE h, CK_BYTE_PTR out, CK_ULONG len)
{
	struct call c;
	CK_RV rv;

	if (!(rv = p11_enter_session(&c, __func__, h)))
		rv = p11_data_ok(out, len) ? op_random(c.s, out, len) : CKR_ARGUMENTS_BAD;
	return p11_leave(&c, rv);
}

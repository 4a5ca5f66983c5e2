/* PKCS#11 v2.40 5.8 and 5.9: encryption and decryption. With the mechanisms of card keys
 * nothing comes out before the end, so an update collects and gives no bytes. */
#include "p11/p11.h"

static CK_RV
collect(struct call *c, enum op_kind kind, struct view in, struct out o)
{
	CK_RV rv;

	if (op_active(c->s, kind) && !o.len) {
		op_end(c->s, kind);
		return CKR_ARGUMENTS_BAD;
	}
	/* a length query: nothing will come, and nothing is taken in yet */
	if (op_active(c->s, kind) && !o.p) {
		*o.len = 0;
		return CKR_OK;
	}
	if (!(rv = p11_update(c, kind, in)))
		*o.len = 0;
	return rv;
}

P11_API CK_RV
C_EncryptInit(CK_SESSION_HANDLE h, CK_MECHANISM_PTR mech, CK_OBJECT_HANDLE key)
{
	struct call c;
	CK_RV rv;

	if (!(rv = p11_enter_session(&c, __func__, h)))
		rv = p11_init(&c, OP_ENCRYPT, mech, key);
	return p11_leave(&c, rv);
}

P11_API CK_RV
C_Encrypt(CK_SESSION_HANDLE h, CK_BYTE_PTR data, CK_ULONG data_len, CK_BYTE_PTR enc,
    CK_ULONG_PTR enc_len)
{
	struct call c;
	CK_RV rv;

	if (!(rv = p11_enter_session(&c, __func__, h)))
		rv = p11_one_part(&c, OP_ENCRYPT, view_of(data, data_len),
		    (struct out){ enc, enc_len });
	return p11_leave(&c, rv);
}

P11_API CK_RV
C_EncryptUpdate(CK_SESSION_HANDLE h, CK_BYTE_PTR part, CK_ULONG part_len, CK_BYTE_PTR enc,
    CK_ULONG_PTR enc_len)
{
	struct call c;
	CK_RV rv;

	if (!(rv = p11_enter_session(&c, __func__, h)))
		rv = collect(&c, OP_ENCRYPT, view_of(part, part_len), (struct out){ enc, enc_len });
	return p11_leave(&c, rv);
}

P11_API CK_RV
C_EncryptFinal(CK_SESSION_HANDLE h, CK_BYTE_PTR enc, CK_ULONG_PTR enc_len)
{
	struct call c;
	CK_RV rv;

	if (!(rv = p11_enter_session(&c, __func__, h)))
		rv = p11_final(&c, OP_ENCRYPT, (struct out){ enc, enc_len });
	return p11_leave(&c, rv);
}

P11_API CK_RV
C_DecryptInit(CK_SESSION_HANDLE h, CK_MECHANISM_PTR mech, CK_OBJECT_HANDLE key)
{
	struct call c;
	CK_RV rv;

	if (!(rv = p11_enter_session(&c, __func__, h)))
		rv = p11_init(&c, OP_DECRYPT, mech, key);
	return p11_leave(&c, rv);
}

P11_API CK_RV
C_Decrypt(CK_SESSION_HANDLE h, CK_BYTE_PTR enc, CK_ULONG enc_len, CK_BYTE_PTR data,
    CK_ULONG_PTR data_len)
{
	struct call c;
	CK_RV rv;

	if (!(rv = p11_enter_session(&c, __func__, h)))
		rv = p11_one_part(&c, OP_DECRYPT, view_of(enc, enc_len),
		    (struct out){ data, data_len });
	return p11_leave(&c, rv);
}

P11_API CK_RV
C_DecryptUpdate(CK_SESSION_HANDLE h, CK_BYTE_PTR enc, CK_ULONG enc_len, CK_BYTE_PTR part,
    CK_ULONG_PTR part_len)
{
	struct call c;
	CK_RV rv;

	if (!(rv = p11_enter_session(&c, __func__, h)))
		rv = collect(&c, OP_DECRYPT, view_of(enc, enc_len), (struct out){ part, part_len });
	return p11_leave(&c, rv);
}

P11_API CK_RV
C_DecryptFinal(CK_SESSION_HANDLE h, CK_BYTE_PTR part, CK_ULONG_PTR part_len)
{
	struct call c;
	CK_RV rv;

	if (!(rv = p11_enter_session(&c, __func__, h)))
		rv = p11_final(&c, OP_DECRYPT, (struct out){ part, part_len });
	return p11_leave(&c, rv);
}

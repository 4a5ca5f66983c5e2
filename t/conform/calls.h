/* The 68 functions of v2.40 as data: one calling shape, and what each asks of its arguments. */
#ifndef CASTOR_T_CONFORM_CALLS_H
#define CASTOR_T_CONFORM_CALLS_H

#include "t/conform/kit.h"

/* Arguments of any C_ function; each one takes those it has a parameter for. */
struct args {
	CK_SLOT_ID slot;
	CK_SESSION_HANDLE h;
	CK_OBJECT_HANDLE o, o2;
	CK_MECHANISM *mech;
	CK_ATTRIBUTE *t;
	CK_ULONG nt;
	CK_BYTE *in;
	CK_ULONG nin;
	CK_BYTE *out;
	CK_ULONG *nout;
	CK_OBJECT_HANDLE *oh, *oh2;
	CK_ULONG *count;
	CK_ULONG word; /* user type, flags, maximum, mechanism type */
	void *info;
	void *reserved;
};

enum fn {
	F_Initialize, F_Finalize, F_GetInfo, F_GetFunctionList, F_GetSlotList, F_GetSlotInfo,
	F_GetTokenInfo, F_GetMechanismList, F_GetMechanismInfo, F_InitToken, F_InitPIN, F_SetPIN,
	F_OpenSession, F_CloseSession, F_CloseAllSessions, F_GetSessionInfo, F_GetOperationState,
	F_SetOperationState, F_Login, F_Logout, F_CreateObject, F_CopyObject, F_DestroyObject,
	F_GetObjectSize, F_GetAttributeValue, F_SetAttributeValue, F_FindObjectsInit,
	F_FindObjects, F_FindObjectsFinal, F_EncryptInit, F_Encrypt, F_EncryptUpdate,
	F_EncryptFinal, F_DecryptInit, F_Decrypt, F_DecryptUpdate, F_DecryptFinal, F_DigestInit,
	F_Digest, F_DigestUpdate, F_DigestKey, F_DigestFinal, F_SignInit, F_Sign, F_SignUpdate,
	F_SignFinal, F_SignRecoverInit, F_SignRecover, F_VerifyInit, F_Verify, F_VerifyUpdate,
	F_VerifyFinal, F_VerifyRecoverInit, F_VerifyRecover, F_DigestEncryptUpdate,
	F_DecryptDigestUpdate, F_SignEncryptUpdate, F_DecryptVerifyUpdate, F_GenerateKey,
	F_GenerateKeyPair, F_WrapKey, F_UnwrapKey, F_DeriveKey, F_SeedRandom, F_GenerateRandom,
	F_GetFunctionStatus, F_CancelFunction, F_WaitForSlotEvent,
	F_COUNT
};

enum kind { LIB, SLOT, SESSION };

/* Operations of a session; each has one Init function. */
enum op {
	OP_NONE, OP_FIND, OP_DIGEST, OP_SIGN, OP_VERIFY, OP_ENCRYPT, OP_DECRYPT, OP_SIGN_RECOVER,
	OP_VERIFY_RECOVER,
	OP_COUNT
};

/* Which object of the token an argument names. */
enum key { K_NONE, K_CERT, K_RSA_PRV, K_RSA_PUB, K_EC_PRV, K_EC_PUB, K_NOWHERE, K_COUNT };

enum {
	/* pointers that must not be NULL */
	PTR_IN = 1 << 0, PTR_NOUT = 1 << 1, PTR_MECH = 1 << 2, PTR_TEMPL = 1 << 3, PTR_OH = 1 << 4,
	PTR_OH2 = 1 << 5, PTR_INFO = 1 << 6, PTR_OUT = 1 << 7, PTR_COUNT = 1 << 8,
	PTR_ALL = (1 << 9) - 1,
	/* a card may answer CKR_FUNCTION_NOT_SUPPORTED */
	OPTIONAL = 1 << 9,
	/* starts the operation `op`; without this bit a function with an `op` uses it */
	STARTS = 1 << 10,
	/* the operation goes on after success */
	GOES_ON = 1 << 11,
};

struct fn_row {
	const char *name;
	const char *section; /* of the v2.40 base specification */
	CK_RV (*call)(const struct args *a);
	enum kind kind;
	enum op op;
	unsigned bits;
	CK_MECHANISM_TYPE mech; /* of the default mechanism, without parameter */
	enum key key;           /* default object */
};

extern const struct fn_row fns[F_COUNT];
/* The Init function of an operation. */
extern const enum fn init_of[OP_COUNT];

#endif

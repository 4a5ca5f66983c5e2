/*
 * The conformance matrix: C_ function x state x bad argument -> allowed answers.
 *
 *   matrix MODULE        (environment: kit.h)
 *
 * Two kinds of rows. The sweeps are made from fns[]: every function of the list against what holds
 * for all of them. `rules` below are the rules of single functions. Strict conformance is claimed
 * with disableCryptokiAutoLogin=1; without it, some rules have a counterpart.
 */
#include "config.h"

#include "t/conform/calls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define COUNT(a) (sizeof (a) / sizeof (a)[0])
#define TOO_LONG ~0UL /* one more than ulMaxPinLen */
#define ZERO ~0UL     /* a word that is really 0: a field left out means the usual word */

enum state { UNINIT, RO_PUBLIC, RW_PUBLIC, RO_USER, RW_USER, RW_SO, STATE_COUNT };

/* When a rule holds: without auto-login; where nobody can be asked; where a person is asked, and gives
 * the right PIN, or cancels. */
enum when { ALWAYS, STRICT, UNASKED, ANSWERED, CANCELLED };

/* What must be true of the operation afterwards. */
enum fate { ANY, KEPT, ENDED };

struct template {
	CK_ULONG n;
	CK_ATTRIBUTE *t;
};

struct rule {
	const char *rule;
	enum state state;
	enum fn fn;
	enum op op;               /* begun before the call */
	enum fate fate;
	unsigned null;            /* P_*: pointers that are NULL */
	const CK_MECHANISM *mech; /* instead of the function's own */
	enum key key;             /* instead of the function's own */
	CK_ULONG word, nin, nout; /* nin, nout: instead of 32 and the whole buffer */
	const struct template *t;
	struct rvs allow;
	enum when when;
};

static CK_BBOOL yes = CK_TRUE, no = CK_FALSE, neither = 7;
static CK_OBJECT_CLASS cls_data = CKO_DATA, cls_secret = CKO_SECRET_KEY, cls_bad = 0x7ffffff0;
static CK_OBJECT_CLASS cls_cert = CKO_CERTIFICATE;
static CK_KEY_TYPE key_generic = CKK_GENERIC_SECRET;
static CK_ULONG bits_2048 = 2048, number = 5;
static CK_BYTE secret48[48] = { 1, 2, 3 }, text[] = "castor";

static CK_ATTRIBUTE a_empty[] = { { CKA_TOKEN, &no, 1 } };
static CK_ATTRIBUTE a_label[] = { { CKA_LABEL, text, 6 } };
static CK_ATTRIBUTE a_class_set[] = { { CKA_CLASS, &cls_data, sizeof cls_data } };
static CK_ATTRIBUTE a_bad_class[] = { { CKA_CLASS, &cls_bad, sizeof cls_bad } };
static CK_ATTRIBUTE a_short_class[] = { { CKA_CLASS, &cls_data, 3 } };
static CK_ATTRIBUTE a_data[] = { { CKA_CLASS, &cls_data, sizeof cls_data },
	{ CKA_TOKEN, &no, 1 }, { CKA_PRIVATE, &no, 1 }, { CKA_VALUE, text, 6 } };
static CK_ATTRIBUTE a_data_private[] = { { CKA_CLASS, &cls_data, sizeof cls_data },
	{ CKA_TOKEN, &no, 1 }, { CKA_PRIVATE, &yes, 1 }, { CKA_VALUE, text, 6 } };
static CK_ATTRIBUTE a_data_token[] = { { CKA_CLASS, &cls_data, sizeof cls_data },
	{ CKA_TOKEN, &yes, 1 }, { CKA_PRIVATE, &no, 1 }, { CKA_VALUE, text, 6 } };
static CK_ATTRIBUTE a_data_unknown[] = { { CKA_CLASS, &cls_data, sizeof cls_data },
	{ CKA_TOKEN, &no, 1 }, { CKA_PRIVATE, &no, 1 }, { CKA_VENDOR_DEFINED + 77, text, 6 } };
static CK_ATTRIBUTE a_data_modulus[] = { { CKA_CLASS, &cls_data, sizeof cls_data },
	{ CKA_TOKEN, &no, 1 }, { CKA_PRIVATE, &no, 1 }, { CKA_MODULUS, text, 6 } };
static CK_ATTRIBUTE a_data_bool2[] = { { CKA_CLASS, &cls_data, sizeof cls_data },
	{ CKA_TOKEN, &no, 1 }, { CKA_PRIVATE, &number, sizeof number } };
static CK_ATTRIBUTE a_data_bool7[] = { { CKA_CLASS, &cls_data, sizeof cls_data },
	{ CKA_TOKEN, &no, 1 }, { CKA_PRIVATE, &neither, 1 } };
static CK_ATTRIBUTE a_secret[] = { { CKA_CLASS, &cls_secret, sizeof cls_secret },
	{ CKA_KEY_TYPE, &key_generic, sizeof key_generic }, { CKA_TOKEN, &no, 1 },
	{ CKA_PRIVATE, &no, 1 }, { CKA_VALUE, secret48, sizeof secret48 } };
static CK_ATTRIBUTE a_derived[] = { { CKA_CLASS, &cls_secret, sizeof cls_secret },
	{ CKA_KEY_TYPE, &key_generic, sizeof key_generic }, { CKA_TOKEN, &no, 1 },
	{ CKA_PRIVATE, &no, 1 } };
static CK_ATTRIBUTE a_secret_local[] = { { CKA_CLASS, &cls_secret, sizeof cls_secret },
	{ CKA_KEY_TYPE, &key_generic, sizeof key_generic }, { CKA_TOKEN, &no, 1 },
	{ CKA_PRIVATE, &no, 1 }, { CKA_VALUE, secret48, sizeof secret48 }, { CKA_LOCAL, &yes, 1 } };
static CK_ATTRIBUTE a_secret_no_type[] = { { CKA_CLASS, &cls_secret, sizeof cls_secret },
	{ CKA_TOKEN, &no, 1 }, { CKA_PRIVATE, &no, 1 }, { CKA_VALUE, secret48, sizeof secret48 } };
static CK_ATTRIBUTE a_keygen_token[] = { { CKA_TOKEN, &yes, 1 },
	{ CKA_MODULUS_BITS, &bits_2048, sizeof bits_2048 } };
static CK_ATTRIBUTE a_keygen_no_bits[] = { { CKA_TOKEN, &yes, 1 } };
static CK_ATTRIBUTE a_keygen_cert[] = { { CKA_TOKEN, &yes, 1 },
	{ CKA_CLASS, &cls_cert, sizeof cls_cert },
	{ CKA_MODULUS_BITS, &bits_2048, sizeof bits_2048 } };

static const struct template t_label = { 1, a_label };
static const struct template t_class_set = { 1, a_class_set };
static const struct template t_bad_class = { 1, a_bad_class };
static const struct template t_short_class = { 1, a_short_class };
static const struct template t_empty = { 1, a_empty };
static const struct template t_data = { COUNT(a_data), a_data };
static const struct template t_data_private = { COUNT(a_data_private), a_data_private };
static const struct template t_data_token = { COUNT(a_data_token), a_data_token };
static const struct template t_data_unknown = { COUNT(a_data_unknown), a_data_unknown };
static const struct template t_data_modulus = { COUNT(a_data_modulus), a_data_modulus };
static const struct template t_data_bool2 = { COUNT(a_data_bool2), a_data_bool2 };
static const struct template t_data_bool7 = { COUNT(a_data_bool7), a_data_bool7 };
static const struct template t_secret = { COUNT(a_secret), a_secret };
static const struct template t_derived = { COUNT(a_derived), a_derived };
static const struct template t_secret_local = { COUNT(a_secret_local), a_secret_local };
static const struct template t_secret_no_type = { COUNT(a_secret_no_type), a_secret_no_type };
static const struct template t_keygen = { COUNT(a_keygen_token), a_keygen_token };
static const struct template t_keygen_no_bits = { COUNT(a_keygen_no_bits), a_keygen_no_bits };
static const struct template t_keygen_cert = { COUNT(a_keygen_cert), a_keygen_cert };

static CK_RSA_PKCS_PSS_PARAMS p_pss_md5 = { CKM_SHA_1, CKG_MGF1_SHA1, 20 };
static CK_RSA_PKCS_PSS_PARAMS p_pss_mgf = { CKM_SHA256, 99, 32 };
static CK_RSA_PKCS_PSS_PARAMS p_pss = { CKM_SHA256, CKG_MGF1_SHA256, 32 };
static CK_RSA_PKCS_PSS_PARAMS p_pss_salt = { CKM_SHA256, CKG_MGF1_SHA256, 100000 };
static CK_RSA_PKCS_OAEP_PARAMS p_oaep_hash = { 0x7fffffff, CKG_MGF1_SHA1, CKZ_DATA_SPECIFIED,
	NULL, 0 };
static CK_RSA_PKCS_OAEP_PARAMS p_oaep_source = { CKM_SHA_1, CKG_MGF1_SHA1, 77, NULL, 0 };
static CK_ECDH1_DERIVE_PARAMS p_ecdh_point = { CKD_NULL, 0, NULL, 6, text };
static CK_ECDH1_DERIVE_PARAMS p_ecdh_kdf = { 0x7777, 0, NULL, 6, text };

static const CK_MECHANISM m_unknown = { 0x7fffff01, NULL, 0 };
static const CK_MECHANISM m_rsa = { CKM_RSA_PKCS, NULL, 0 };
static const CK_MECHANISM m_raw = { CKM_RSA_X_509, NULL, 0 };
static const CK_MECHANISM m_sha256 = { CKM_SHA256, NULL, 0 };
static const CK_MECHANISM m_ecdsa = { CKM_ECDSA, NULL, 0 };
static const CK_MECHANISM m_sha256_rsa = { CKM_SHA256_RSA_PKCS, NULL, 0 };
static const CK_MECHANISM m_pss_none = { CKM_RSA_PKCS_PSS, NULL, 0 };
static const CK_MECHANISM m_pss_short = { CKM_RSA_PKCS_PSS, &p_pss, 3 };
static const CK_MECHANISM m_pss_mgf = { CKM_RSA_PKCS_PSS, &p_pss_mgf, sizeof p_pss_mgf };
static const CK_MECHANISM m_pss_salt = { CKM_RSA_PKCS_PSS, &p_pss_salt, sizeof p_pss_salt };
static const CK_MECHANISM m_pss = { CKM_RSA_PKCS_PSS, &p_pss, sizeof p_pss };
static const CK_MECHANISM m_sha256_pss_none = { CKM_SHA256_RSA_PKCS_PSS, NULL, 0 };
static const CK_MECHANISM m_sha256_pss_sha1 = { CKM_SHA256_RSA_PKCS_PSS, &p_pss_md5,
	sizeof p_pss_md5 };
static const CK_MECHANISM m_oaep_none = { CKM_RSA_PKCS_OAEP, NULL, 0 };
static const CK_MECHANISM m_oaep_hash = { CKM_RSA_PKCS_OAEP, &p_oaep_hash, sizeof p_oaep_hash };
static const CK_MECHANISM m_oaep_source = { CKM_RSA_PKCS_OAEP, &p_oaep_source,
	sizeof p_oaep_source };
static const CK_MECHANISM m_ecdh_none = { CKM_ECDH1_DERIVE, NULL, 0 };
static const CK_MECHANISM m_ecdh_point = { CKM_ECDH1_DERIVE, &p_ecdh_point,
	sizeof p_ecdh_point };
static const CK_MECHANISM m_ecdh_kdf = { CKM_ECDH1_DERIVE, &p_ecdh_kdf, sizeof p_ecdh_kdf };

#define ONE(a) { 1, { CKR_##a } }
#define TWO(a, b) { 2, { CKR_##a, CKR_##b } }
#define THREE(a, b, c) { 3, { CKR_##a, CKR_##b, CKR_##c } }

static const struct rule rules[] = {
	/* -- general purpose ------------------------------------------------------------------ */
	{ "a second C_Initialize is told so", RO_PUBLIC, F_Initialize, .null = PTR_ALL,
		.allow = ONE(CRYPTOKI_ALREADY_INITIALIZED) },
	{ "C_Finalize: pReserved must be NULL", RO_PUBLIC, F_Finalize,
		.allow = ONE(ARGUMENTS_BAD) },
	{ "C_GetFunctionList: NULL is refused, also before C_Initialize", UNINIT, F_GetFunctionList,
		.null = PTR_INFO, .allow = ONE(ARGUMENTS_BAD) },
	{ "C_GetFunctionList works before C_Initialize", UNINIT, F_GetFunctionList,
		.allow = ONE(OK) },
	{ "C_Initialize: pReserved of the arguments must be NULL", UNINIT, F_Initialize,
		.word = 1, .allow = ONE(ARGUMENTS_BAD) },
	{ "C_Initialize: some but not all mutex functions are refused", UNINIT, F_Initialize,
		.word = 2, .allow = ONE(ARGUMENTS_BAD) },

	/* -- slots and tokens ----------------------------------------------------------------- */
	{ "an unknown mechanism has no information", RO_PUBLIC, F_GetMechanismInfo,
		.word = 0x7fffff01, .allow = ONE(MECHANISM_INVALID) },
	{ "C_WaitForSlotEvent: pReserved must be NULL", RO_PUBLIC, F_WaitForSlotEvent,
		.word = CKF_DONT_BLOCK, .key = K_NOWHERE, .allow = ONE(ARGUMENTS_BAD) },
	{ "C_WaitForSlotEvent: nothing happened, do not block", RO_PUBLIC, F_WaitForSlotEvent,
		.word = CKF_DONT_BLOCK, .allow = ONE(NO_EVENT) },
	{ "C_InitToken: not while a session is open", RO_PUBLIC, F_InitToken,
		.allow = TWO(SESSION_EXISTS, FUNCTION_NOT_SUPPORTED) },
	{ "C_InitPIN is for the SO: public", RW_PUBLIC, F_InitPIN,
		.allow = ONE(USER_NOT_LOGGED_IN) },
	{ "C_InitPIN is for the SO: user", RW_USER, F_InitPIN, .allow = ONE(USER_NOT_LOGGED_IN) },
	{ "C_InitPIN: a PIN of one character is too short", RW_SO, F_InitPIN, .nin = 1,
		.allow = TWO(PIN_LEN_RANGE, PIN_INVALID) },
	{ "C_InitPIN: a PIN longer than ulMaxPinLen", RW_SO, F_InitPIN, .nin = TOO_LONG,
		.allow = TWO(PIN_LEN_RANGE, PIN_INVALID) },
	{ "C_SetPIN needs an R/W session: public", RO_PUBLIC, F_SetPIN,
		.allow = ONE(SESSION_READ_ONLY) },
	{ "C_SetPIN needs an R/W session: user", RO_USER, F_SetPIN,
		.allow = ONE(SESSION_READ_ONLY) },

	/* -- sessions ------------------------------------------------------------------------- */
	{ "parallel sessions are a thing of the past", RO_PUBLIC, F_OpenSession,
		.word = CKF_RW_SESSION,
		.allow = ONE(SESSION_PARALLEL_NOT_SUPPORTED) },
	{ "no R/O session while the SO is logged in", RW_SO, F_OpenSession,
		.word = CKF_SERIAL_SESSION, .allow = ONE(SESSION_READ_WRITE_SO_EXISTS) },
	{ "an R/W session opens while the user is logged in", RO_USER, F_OpenSession,
		.word = CKF_SERIAL_SESSION | CKF_RW_SESSION, .allow = ONE(OK) },
	{ "C_Login: unknown type of user", RW_PUBLIC, F_Login, .word = 99,
		.allow = ONE(USER_TYPE_INVALID) },
	{ "C_Login: NULL is no PIN where there is no protected path", RW_PUBLIC, F_Login,
		.word = CKU_USER, .null = PTR_IN, .allow = ONE(ARGUMENTS_BAD), .when = UNASKED },
	{ "C_Login: NULL has a person asked", RW_PUBLIC, F_Login, .word = CKU_USER, .null = PTR_IN,
		.allow = ONE(OK), .when = ANSWERED },
	{ "C_Login: NULL has a person asked, who cancels", RW_PUBLIC, F_Login, .word = CKU_USER,
		.null = PTR_IN, .allow = ONE(FUNCTION_CANCELED), .when = CANCELLED },
	{ "C_Login: a PIN of impossible length is simply wrong", RW_PUBLIC, F_Login,
		.word = CKU_USER, .nin = TOO_LONG, .allow = ONE(PIN_INCORRECT) },
	{ "C_Login: the SO cannot log in while an R/O session is open", RO_PUBLIC, F_Login,
		.word = ZERO /* CKU_SO */, .allow = ONE(SESSION_READ_ONLY_EXISTS) },
	{ "C_Login: the same user twice, whatever the PIN", RW_USER, F_Login, .word = CKU_USER,
		.allow = ONE(USER_ALREADY_LOGGED_IN) },
	{ "C_Login: the SO while the user is logged in", RW_USER, F_Login, .word = ZERO /* CKU_SO */,
		.allow = TWO(USER_ANOTHER_ALREADY_LOGGED_IN, SESSION_READ_ONLY_EXISTS) },
	{ "C_Login: the user while the SO is logged in", RW_SO, F_Login, .word = CKU_USER,
		.allow = ONE(USER_ANOTHER_ALREADY_LOGGED_IN) },
	{ "C_Login: context-specific needs an active operation", RW_USER, F_Login,
		.word = CKU_CONTEXT_SPECIFIC, .allow = ONE(OPERATION_NOT_INITIALIZED) },
	{ "C_Login: context-specific needs a key that asks for it", RW_USER, F_Login, OP_SIGN,
		KEPT, .word = CKU_CONTEXT_SPECIFIC, .allow = ONE(OPERATION_NOT_INITIALIZED) },
	{ "C_Logout: nobody is logged in", RO_PUBLIC, F_Logout, .allow = ONE(USER_NOT_LOGGED_IN) },
	{ "C_Logout: nobody is logged in, R/W", RW_PUBLIC, F_Logout,
		.allow = ONE(USER_NOT_LOGGED_IN) },
	{ "C_Logout of the user", RW_USER, F_Logout, .allow = ONE(OK) },
	{ "C_Logout of the SO", RW_SO, F_Logout, .allow = ONE(OK) },
	{ "C_GetOperationState: no operation", RW_USER, F_GetOperationState,
		.allow = TWO(OPERATION_NOT_INITIALIZED, FUNCTION_NOT_SUPPORTED) },
	{ "C_SetOperationState: not a state", RW_USER, F_SetOperationState,
		.allow = TWO(SAVED_STATE_INVALID, FUNCTION_NOT_SUPPORTED) },

	/* -- objects -------------------------------------------------------------------------- */
	{ "C_CreateObject: a session object in an R/O session", RO_PUBLIC, F_CreateObject,
		.t = &t_data, .allow = ONE(OK) },
	{ "C_CreateObject: a 48-byte generic secret in an R/O session", RO_USER, F_CreateObject,
		.t = &t_secret, .allow = ONE(OK) },
	{ "C_CreateObject: no class", RW_USER, F_CreateObject, .t = &t_empty,
		.allow = ONE(TEMPLATE_INCOMPLETE) },
	{ "C_CreateObject: a key without a type", RW_USER, F_CreateObject, .t = &t_secret_no_type,
		.allow = ONE(TEMPLATE_INCOMPLETE) },
	{ "C_CreateObject: a class that does not exist", RW_USER, F_CreateObject, .t = &t_bad_class,
		.allow = THREE(ATTRIBUTE_VALUE_INVALID, TEMPLATE_INCONSISTENT,
			TEMPLATE_INCOMPLETE) },
	{ "C_CreateObject: a class of three bytes", RW_USER, F_CreateObject, .t = &t_short_class,
		.allow = ONE(ATTRIBUTE_VALUE_INVALID) },
	{ "C_CreateObject: an attribute that does not exist", RW_USER, F_CreateObject,
		.t = &t_data_unknown, .allow = ONE(ATTRIBUTE_TYPE_INVALID) },
	{ "C_CreateObject: an attribute of another class", RW_USER, F_CreateObject,
		.t = &t_data_modulus, .allow = TWO(ATTRIBUTE_TYPE_INVALID, TEMPLATE_INCONSISTENT) },
	{ "C_CreateObject: CK_BBOOL is one byte", RW_USER, F_CreateObject, .t = &t_data_bool2,
		.allow = ONE(ATTRIBUTE_VALUE_INVALID) },
	{ "C_CreateObject: CK_BBOOL is 0 or 1", RW_USER, F_CreateObject, .t = &t_data_bool7,
		.allow = ONE(ATTRIBUTE_VALUE_INVALID) },
	{ "C_CreateObject: CKA_LOCAL is not the caller's to say", RW_USER, F_CreateObject,
		.t = &t_secret_local,
		.allow = TWO(ATTRIBUTE_READ_ONLY, ATTRIBUTE_TYPE_INVALID) },
	{ "C_CreateObject: no token object in an R/O session", RO_USER, F_CreateObject,
		.t = &t_data_token, .allow = TWO(SESSION_READ_ONLY, TOKEN_WRITE_PROTECTED) },
	{ "C_CreateObject: no private object in public state", RW_PUBLIC, F_CreateObject,
		.t = &t_data_private, .allow = ONE(USER_NOT_LOGGED_IN) },
	{ "C_CreateObject: a private session object for the user", RO_USER, F_CreateObject,
		.t = &t_data_private, .allow = ONE(OK) },
	{ "C_CopyObject: no such object", RW_USER, F_CopyObject, .key = K_NOWHERE,
		.allow = TWO(OBJECT_HANDLE_INVALID, FUNCTION_NOT_SUPPORTED) },
	{ "C_DestroyObject: no such object", RW_USER, F_DestroyObject, .key = K_NOWHERE,
		.allow = ONE(OBJECT_HANDLE_INVALID) },
	{ "C_DestroyObject: no token object in an R/O session", RO_USER, F_DestroyObject,
		.allow = THREE(SESSION_READ_ONLY, TOKEN_WRITE_PROTECTED, ACTION_PROHIBITED) },
	{ "C_GetObjectSize: no such object", RW_USER, F_GetObjectSize, .key = K_NOWHERE,
		.allow = TWO(OBJECT_HANDLE_INVALID, FUNCTION_NOT_SUPPORTED) },
	{ "C_GetObjectSize answers", RO_PUBLIC, F_GetObjectSize,
		.allow = THREE(OK, INFORMATION_SENSITIVE, FUNCTION_NOT_SUPPORTED) },
	{ "C_GetAttributeValue: no such object", RW_USER, F_GetAttributeValue, .key = K_NOWHERE,
		.allow = ONE(OBJECT_HANDLE_INVALID) },
	{ "C_GetAttributeValue: a private object does not exist for the public", RO_PUBLIC,
		F_GetAttributeValue, .key = K_RSA_PRV, .allow = ONE(OBJECT_HANDLE_INVALID),
		.when = STRICT },
	{ "C_SetAttributeValue: no such object", RW_USER, F_SetAttributeValue, .key = K_NOWHERE,
		.allow = ONE(OBJECT_HANDLE_INVALID) },
	{ "C_SetAttributeValue: no token object in an R/O session", RO_USER, F_SetAttributeValue,
		.t = &t_label, .allow = THREE(SESSION_READ_ONLY, TOKEN_WRITE_PROTECTED,
			ACTION_PROHIBITED) },
	{ "C_SetAttributeValue: CKA_CLASS never changes", RW_USER, F_SetAttributeValue,
		.t = &t_class_set, .allow = TWO(ATTRIBUTE_READ_ONLY, ACTION_PROHIBITED) },
	{ "C_FindObjects: a maximum of 0 is refused", RO_PUBLIC, F_FindObjects, OP_FIND,
		.word = ZERO, .allow = ONE(ARGUMENTS_BAD) },

	/* -- starting an operation ------------------------------------------------------------ */
	{ "C_EncryptInit: no such key", RW_USER, F_EncryptInit, .key = K_NOWHERE,
		.allow = ONE(KEY_HANDLE_INVALID) },
	{ "C_DecryptInit: no such key", RW_USER, F_DecryptInit, .key = K_NOWHERE,
		.allow = ONE(KEY_HANDLE_INVALID) },
	{ "C_SignInit: no such key", RW_USER, F_SignInit, .key = K_NOWHERE,
		.allow = ONE(KEY_HANDLE_INVALID) },
	{ "C_SignInit: no such key, public session", RO_PUBLIC, F_SignInit, .key = K_NOWHERE,
		.allow = TWO(KEY_HANDLE_INVALID, USER_NOT_LOGGED_IN) },
	{ "C_SignInit: a private key of yesterday's login", RO_PUBLIC, F_SignInit, .key = K_RSA_PRV,
		.allow = TWO(KEY_HANDLE_INVALID, USER_NOT_LOGGED_IN), .when = STRICT },
	{ "C_VerifyInit: no such key", RW_USER, F_VerifyInit, .key = K_NOWHERE,
		.allow = ONE(KEY_HANDLE_INVALID) },
	{ "C_SignRecoverInit: no such key", RW_USER, F_SignRecoverInit, .key = K_NOWHERE,
		.allow = THREE(KEY_HANDLE_INVALID, FUNCTION_NOT_SUPPORTED, MECHANISM_INVALID) },
	{ "C_VerifyRecoverInit: no such key", RW_USER, F_VerifyRecoverInit, .key = K_NOWHERE,
		.allow = THREE(KEY_HANDLE_INVALID, FUNCTION_NOT_SUPPORTED, MECHANISM_INVALID) },
	{ "C_DigestKey: no such key; the digest ends", RW_USER, F_DigestKey, OP_DIGEST, ENDED,
		.key = K_NOWHERE, .allow = TWO(KEY_HANDLE_INVALID, FUNCTION_NOT_SUPPORTED) },
	{ "C_DigestKey: a private key cannot be digested; the digest ends", RW_USER, F_DigestKey,
		OP_DIGEST, ENDED, .key = K_RSA_PRV,
		.allow = TWO(KEY_INDIGESTIBLE, FUNCTION_NOT_SUPPORTED) },
	{ "C_DigestInit: unknown mechanism", RO_PUBLIC, F_DigestInit, .mech = &m_unknown,
		.allow = ONE(MECHANISM_INVALID) },
	{ "C_DigestInit: a mechanism that does not digest", RO_PUBLIC, F_DigestInit, .mech = &m_rsa,
		.allow = ONE(MECHANISM_INVALID) },
	{ "C_SignInit: unknown mechanism", RW_USER, F_SignInit, .mech = &m_unknown,
		.allow = ONE(MECHANISM_INVALID) },
	{ "C_SignInit: a mechanism that does not sign", RW_USER, F_SignInit, .mech = &m_sha256,
		.allow = ONE(MECHANISM_INVALID) },
	{ "C_EncryptInit: unknown mechanism", RW_USER, F_EncryptInit, .mech = &m_unknown,
		.allow = ONE(MECHANISM_INVALID) },
	{ "C_EncryptInit: a mechanism that does not encrypt", RW_USER, F_EncryptInit,
		.mech = &m_sha256, .allow = ONE(MECHANISM_INVALID) },
	{ "C_DecryptInit: unknown mechanism", RW_USER, F_DecryptInit, .mech = &m_unknown,
		.allow = ONE(MECHANISM_INVALID) },
	{ "C_DecryptInit: a mechanism that does not decrypt", RW_USER, F_DecryptInit,
		.mech = &m_sha256_rsa, .allow = ONE(MECHANISM_INVALID) },
	{ "C_VerifyInit: unknown mechanism", RW_USER, F_VerifyInit, .mech = &m_unknown,
		.allow = ONE(MECHANISM_INVALID) },
	{ "C_GenerateKey: unknown mechanism", RW_USER, F_GenerateKey, .mech = &m_unknown,
		.allow = TWO(MECHANISM_INVALID, FUNCTION_NOT_SUPPORTED) },
	{ "C_GenerateKeyPair: unknown mechanism", RW_USER, F_GenerateKeyPair, .mech = &m_unknown,
		.t = &t_keygen, .allow = ONE(MECHANISM_INVALID) },
	{ "C_WrapKey: unknown mechanism", RW_USER, F_WrapKey, .mech = &m_unknown,
		.allow = TWO(MECHANISM_INVALID, FUNCTION_NOT_SUPPORTED) },
	{ "C_UnwrapKey: unknown mechanism", RW_USER, F_UnwrapKey, .mech = &m_unknown,
		.t = &t_derived, .allow = TWO(MECHANISM_INVALID, FUNCTION_NOT_SUPPORTED) },
	{ "C_DeriveKey: unknown mechanism", RW_USER, F_DeriveKey, .mech = &m_unknown,
		.t = &t_derived,
		.allow = TWO(MECHANISM_INVALID, FUNCTION_NOT_SUPPORTED) },
	{ "C_SignInit: RSA mechanism, EC key", RW_USER, F_SignInit, .key = K_EC_PRV,
		.allow = ONE(KEY_TYPE_INCONSISTENT) },
	{ "C_SignInit: EC mechanism, RSA key", RW_USER, F_SignInit, .mech = &m_ecdsa,
		.allow = ONE(KEY_TYPE_INCONSISTENT) },
	{ "C_SignInit: a public key does not sign", RW_USER, F_SignInit, .key = K_RSA_PUB,
		.allow = TWO(KEY_TYPE_INCONSISTENT, KEY_FUNCTION_NOT_PERMITTED) },
	{ "C_SignInit: a certificate is no key", RW_USER, F_SignInit, .key = K_CERT,
		.allow = TWO(KEY_HANDLE_INVALID, KEY_TYPE_INCONSISTENT) },
	{ "C_VerifyInit: a private key does not verify", RW_USER, F_VerifyInit, .key = K_RSA_PRV,
		.allow = TWO(KEY_TYPE_INCONSISTENT, KEY_FUNCTION_NOT_PERMITTED) },
	{ "C_VerifyInit: RSA mechanism, EC key", RW_USER, F_VerifyInit, .key = K_EC_PUB,
		.allow = ONE(KEY_TYPE_INCONSISTENT) },
	{ "C_DecryptInit: an EC key does not decrypt", RW_USER, F_DecryptInit, .key = K_EC_PRV,
		.allow = ONE(KEY_TYPE_INCONSISTENT) },
	{ "C_EncryptInit: a private key does not encrypt", RW_USER, F_EncryptInit, .key = K_RSA_PRV,
		.allow = TWO(KEY_TYPE_INCONSISTENT, KEY_FUNCTION_NOT_PERMITTED) },
	{ "C_DeriveKey: an RSA key does not derive", RW_USER, F_DeriveKey, .mech = &m_ecdh_point,
		.key = K_RSA_PRV,
		.t = &t_derived,
		.allow = TWO(KEY_TYPE_INCONSISTENT, KEY_FUNCTION_NOT_PERMITTED) },

	/* -- mechanism parameters ------------------------------------------------------------- */
	{ "PSS without its parameter", RW_USER, F_SignInit, .mech = &m_pss_none,
		.allow = ONE(MECHANISM_PARAM_INVALID) },
	{ "PSS with a parameter of three bytes", RW_USER, F_SignInit, .mech = &m_pss_short,
		.allow = ONE(MECHANISM_PARAM_INVALID) },
	{ "PSS with an unknown MGF", RW_USER, F_SignInit, .mech = &m_pss_mgf,
		.allow = ONE(MECHANISM_PARAM_INVALID) },
	{ "PSS with a salt longer than the key", RW_USER, F_SignInit, .mech = &m_pss_salt,
		.allow = TWO(MECHANISM_PARAM_INVALID, KEY_SIZE_RANGE) },
	{ "SHA256_RSA_PKCS_PSS without its parameter", RW_USER, F_SignInit,
		.mech = &m_sha256_pss_none, .allow = ONE(MECHANISM_PARAM_INVALID) },
	{ "SHA256_RSA_PKCS_PSS with the hash of SHA-1", RW_USER, F_SignInit,
		.mech = &m_sha256_pss_sha1, .allow = ONE(MECHANISM_PARAM_INVALID) },
	{ "OAEP without its parameter", RW_USER, F_DecryptInit, .mech = &m_oaep_none,
		.allow = ONE(MECHANISM_PARAM_INVALID) },
	{ "OAEP with an unknown hash", RW_USER, F_DecryptInit, .mech = &m_oaep_hash,
		.allow = ONE(MECHANISM_PARAM_INVALID) },
	{ "OAEP with an unknown source", RW_USER, F_DecryptInit, .mech = &m_oaep_source,
		.allow = ONE(MECHANISM_PARAM_INVALID) },
	{ "OAEP encryption without its parameter", RW_USER, F_EncryptInit, .mech = &m_oaep_none,
		.allow = ONE(MECHANISM_PARAM_INVALID) },
	{ "ECDH without its parameter", RW_USER, F_DeriveKey, .mech = &m_ecdh_none,
		.t = &t_derived, .allow = ONE(MECHANISM_PARAM_INVALID) },
	{ "ECDH with a point of six bytes", RW_USER, F_DeriveKey, .mech = &m_ecdh_point,
		.t = &t_derived,
		.allow = ONE(MECHANISM_PARAM_INVALID) },
	{ "ECDH with an unknown KDF", RW_USER, F_DeriveKey, .mech = &m_ecdh_kdf,
		.t = &t_derived,
		.allow = ONE(MECHANISM_PARAM_INVALID) },

	/* -- lengths of data ------------------------------------------------------------------ */
	{ "RSA_PKCS signs at most k-11 bytes", RW_USER, F_Sign, OP_SIGN, ENDED, .mech = &m_rsa,
		.nin = 2000, .allow = ONE(DATA_LEN_RANGE) },
	{ "RSA_X_509 signs at most k bytes", RW_USER, F_Sign, OP_SIGN, ENDED, .mech = &m_raw,
		.nin = 2000, .allow = ONE(DATA_LEN_RANGE) },
	{ "PSS signs exactly one hash", RW_USER, F_Sign, OP_SIGN, ENDED, .mech = &m_pss, .nin = 31,
		.allow = ONE(DATA_LEN_RANGE) },
	{ "RSA_PKCS encrypts at most k-11 bytes", RW_USER, F_Encrypt, OP_ENCRYPT, ENDED,
		.nin = 2000, .allow = ONE(DATA_LEN_RANGE) },
	{ "RSA_PKCS decrypts exactly k bytes", RW_USER, F_Decrypt, OP_DECRYPT, ENDED, .nin = 31,
		.allow = ONE(ENCRYPTED_DATA_LEN_RANGE) },
	{ "C_Verify: a signature of the wrong length", RW_USER, F_Verify, OP_VERIFY, ENDED,
		.nin = 31, .allow = ONE(SIGNATURE_LEN_RANGE) },
	{ "C_VerifyFinal: a signature of the wrong length", RW_USER, F_VerifyFinal, OP_VERIFY,
		ENDED,
		.nin = 31, .allow = ONE(SIGNATURE_LEN_RANGE) },
	{ "C_SignUpdate: RSA_PKCS is one-part or takes parts; never a crash", RW_USER, F_SignUpdate,
		OP_SIGN, .mech = &m_rsa, .allow = { 4, { CKR_OK, CKR_FUNCTION_NOT_SUPPORTED,
			CKR_MECHANISM_INVALID, CKR_OPERATION_NOT_INITIALIZED } } },

	/* -- keys ----------------------------------------------------------------------------- */
	{ "C_GenerateKeyPair: no token key in an R/O session", RO_USER, F_GenerateKeyPair,
		.t = &t_keygen, .allow = TWO(SESSION_READ_ONLY, TOKEN_WRITE_PROTECTED) },
	{ "C_GenerateKeyPair: a private key needs a login", RW_PUBLIC, F_GenerateKeyPair,
		.t = &t_keygen, .allow = TWO(USER_NOT_LOGGED_IN, TOKEN_WRITE_PROTECTED),
		.when = UNASKED },
	{ "C_GenerateKeyPair: a private key has a person asked, who cancels", RW_PUBLIC,
		F_GenerateKeyPair, .t = &t_keygen,
		.allow = TWO(FUNCTION_REJECTED, TOKEN_WRITE_PROTECTED), .when = CANCELLED },
	{ "C_GenerateKeyPair: RSA needs CKA_MODULUS_BITS", RW_USER, F_GenerateKeyPair,
		.t = &t_keygen_no_bits, .allow = ONE(TEMPLATE_INCOMPLETE) },
	{ "C_GenerateKeyPair: the class of a public key is no certificate", RW_USER,
		F_GenerateKeyPair, .t = &t_keygen_cert,
		.allow = TWO(TEMPLATE_INCONSISTENT, ATTRIBUTE_VALUE_INVALID) },
	{ "C_WrapKey: no such wrapping key", RW_USER, F_WrapKey, .key = K_NOWHERE,
		.allow = THREE(WRAPPING_KEY_HANDLE_INVALID, FUNCTION_NOT_SUPPORTED,
			MECHANISM_INVALID) },
	{ "C_UnwrapKey: no such unwrapping key", RW_USER, F_UnwrapKey, .key = K_NOWHERE,
		.t = &t_derived, .allow = { 3, { KIT_CKR_UNWRAPPING_KEY_HANDLE_INVALID,
			CKR_FUNCTION_NOT_SUPPORTED, CKR_MECHANISM_INVALID } } },
	{ "C_DeriveKey: no such key", RW_USER, F_DeriveKey, .key = K_NOWHERE, .mech = &m_ecdh_point,
		.t = &t_derived,
		.allow = ONE(KEY_HANDLE_INVALID) },

	/* -- the rest ------------------------------------------------------------------------- */
	{ "C_SeedRandom is done or refused, and the session lives", RO_PUBLIC, F_SeedRandom,
		.allow = TWO(OK, RANDOM_SEED_NOT_SUPPORTED) },
	{ "C_GenerateRandom: one byte", RO_PUBLIC, F_GenerateRandom, .nin = 1, .allow = ONE(OK) },
	{ "C_GenerateRandom: a length no card gives at once", RO_PUBLIC, F_GenerateRandom,
		.nin = 1013, .allow = ONE(OK) },
	{ "C_GetFunctionStatus: nothing is parallel", RO_PUBLIC, F_GetFunctionStatus,
		.allow = ONE(FUNCTION_NOT_PARALLEL) },
	{ "C_CancelFunction: nothing is parallel", RO_PUBLIC, F_CancelFunction,
		.allow = ONE(FUNCTION_NOT_PARALLEL) },
	{ "C_DigestEncryptUpdate without its operations", RW_USER, F_DigestEncryptUpdate,
		.allow = TWO(OPERATION_NOT_INITIALIZED, FUNCTION_NOT_SUPPORTED) },
	{ "C_DecryptDigestUpdate without its operations", RW_USER, F_DecryptDigestUpdate,
		.allow = TWO(OPERATION_NOT_INITIALIZED, FUNCTION_NOT_SUPPORTED) },
	{ "C_SignEncryptUpdate without its operations", RW_USER, F_SignEncryptUpdate,
		.allow = TWO(OPERATION_NOT_INITIALIZED, FUNCTION_NOT_SUPPORTED) },
	{ "C_DecryptVerifyUpdate without its operations", RW_USER, F_DecryptVerifyUpdate,
		.allow = TWO(OPERATION_NOT_INITIALIZED, FUNCTION_NOT_SUPPORTED) },
};

static const struct {
	unsigned bit;
	const char *name;
} pointers[] = {
	{ PTR_IN, "input" }, { PTR_NOUT, "length of the output" }, { PTR_MECH, "mechanism" },
	{ PTR_TEMPL, "template" }, { PTR_OH, "handle" }, { PTR_OH2, "second handle" },
	{ PTR_INFO, "structure" }, { PTR_OUT, "buffer" }, { PTR_COUNT, "count" },
};

/* The buffers behind struct args; one set, every call gets it fresh. */
struct buffers {
	CK_BYTE in[4096], out[4096];
	CK_ULONG nout, count;
	CK_OBJECT_HANDLE oh[4], oh2;
	CK_MECHANISM mech;
	CK_C_INITIALIZE_ARGS init;
	CK_BYTE info[1024];
	CK_ATTRIBUTE attr;
};

static CK_OBJECT_HANDLE keys[K_COUNT];
static enum state now = UNINIT;
static CK_SESSION_HANDLE standing = CK_INVALID_HANDLE;
static struct buffers buffers;
static CK_ULONG pin_max;

static CK_RV some_mutex(void **m)
{
	(void)m;
	return CKR_OK;
}

static struct args fresh(enum fn fn, CK_SESSION_HANDLE h, enum key key)
{
	struct buffers *b = &buffers;
	struct args a = { .slot = kit.slot, .h = h, .in = b->in, .nin = 32, .out = b->out };

	memset(b, 0, sizeof *b);
	memset(b->in, 'A', sizeof b->in);
	b->nout = sizeof b->out;
	b->mech.mechanism = fns[fn].mech;
	b->attr = (CK_ATTRIBUTE){ CKA_LABEL, b->out, sizeof b->out };
	a.nout = &b->nout;
	a.mech = &b->mech;
	a.t = &b->attr;
	a.nt = 1;
	a.oh = b->oh;
	a.oh2 = &b->oh2;
	a.count = &b->count;
	a.info = b->info;
	a.word = fn == F_WaitForSlotEvent ? CKF_DONT_BLOCK : 1;
	if (fn == F_OpenSession)
		a.word = CKF_SERIAL_SESSION;
	a.o = keys[key != K_NONE ? key : fns[fn].key];
	a.o2 = keys[K_RSA_PUB];
	return a;
}

static void spoil(struct args *a, unsigned bits)
{
	a->in = bits & PTR_IN ? NULL : a->in;
	a->out = bits & PTR_OUT ? NULL : a->out;
	a->nout = bits & PTR_NOUT ? NULL : a->nout;
	a->mech = bits & PTR_MECH ? NULL : a->mech;
	a->t = bits & PTR_TEMPL ? NULL : a->t;
	a->oh = bits & PTR_OH ? NULL : a->oh;
	a->oh2 = bits & PTR_OH2 ? NULL : a->oh2;
	a->info = bits & PTR_INFO ? NULL : a->info;
	a->count = bits & PTR_COUNT ? NULL : a->count;
}

/* Starts an operation with the mechanism and key that `fn` works with, or with `mech`. */
static CK_RV begin(enum op op, enum fn fn, CK_SESSION_HANDLE h, const CK_MECHANISM *mech,
		   enum key key)
{
	struct args a = fresh(init_of[op], h, K_NONE);

	if (fns[fn].op == op) {
		a.mech->mechanism = fns[fn].mech;
		if (fns[fn].key != K_NONE && fn != F_DigestKey)
			a.o = keys[fns[fn].key];
	}
	if (key != K_NONE)
		a.o = keys[key];
	if (mech != NULL)
		*a.mech = *mech;
	if (op == OP_FIND)
		a.nt = 0;
	return fns[init_of[op]].call(&a);
}

static void remember_token(void)
{
	CK_TOKEN_INFO info;

	if (kit.f->C_GetTokenInfo(kit.slot, &info) != CKR_OK || info.ulMaxPinLen > 4000)
		tap_bail("C_GetTokenInfo gives no sensible ulMaxPinLen");
	pin_max = info.ulMaxPinLen;
}

static void remember_keys(void)
{
	keys[K_CERT] = kit_find_key(standing, CKO_CERTIFICATE, ~0UL);
	keys[K_RSA_PRV] = kit_find_key(standing, CKO_PRIVATE_KEY, CKK_RSA);
	keys[K_RSA_PUB] = kit_find_key(standing, CKO_PUBLIC_KEY, CKK_RSA);
	keys[K_EC_PRV] = kit_find_key(standing, CKO_PRIVATE_KEY, CKK_EC);
	keys[K_EC_PUB] = kit_find_key(standing, CKO_PUBLIC_KEY, CKK_EC);
	keys[K_NOWHERE] = KIT_NOWHERE;
}

static CK_RV login_as(enum state s)
{
	if (s == RO_USER || s == RW_USER)
		return kit.f->C_Login(standing, CKU_USER, kit.pin, kit.pin_len);
	if (s == RW_SO)
		return kit.f->C_Login(standing, CKU_SO, kit.so_pin, kit.so_pin_len);
	return CKR_OK;
}

static CK_FLAGS session_flags(enum state s)
{
	return s == RW_PUBLIC || s == RW_USER || s == RW_SO ? CKF_RW_SESSION : 0;
}

/* Brings the library into a state; the standing session keeps the login alive. */
static void enter(enum state s)
{
	CK_RV r;

	if (s == now)
		return;
	if (s == UNINIT) {
		if (now != UNINIT)
			kit.f->C_Finalize(NULL);
		now = UNINIT;
		return;
	}
	if (now == UNINIT) {
		kit_start();
		kit_pick_slot();
		/* The keys are learnt once as the user: their handles serve as dead ones later. */
		remember_token();
		standing = kit_session(0);
		kit_login(standing);
		remember_keys();
	}
	kit.f->C_CloseAllSessions(kit.slot);
	standing = kit_session(session_flags(s));
	r = login_as(s);
	if (r != CKR_OK)
		tap_bail("login for state %d: %s", (int)s, rv_name(r));
	if (s == RO_USER || s == RW_USER)
		remember_keys();
	now = s;
}

/* A call may have logged out or closed sessions: look, and come back next time. */
static void leave(CK_SESSION_HANDLE h)
{
	static const CK_STATE expected[STATE_COUNT] = {
		[RO_PUBLIC] = CKS_RO_PUBLIC_SESSION, [RW_PUBLIC] = CKS_RW_PUBLIC_SESSION,
		[RO_USER] = CKS_RO_USER_FUNCTIONS, [RW_USER] = CKS_RW_USER_FUNCTIONS,
		[RW_SO] = CKS_RW_SO_FUNCTIONS,
	};
	CK_SESSION_INFO info;

	if (now == UNINIT)
		return;
	kit.f->C_CloseSession(h);
	if (kit.f->C_GetSessionInfo(standing, &info) != CKR_OK || info.state != expected[now]) {
		kit.f->C_CloseAllSessions(kit.slot);
		now = RO_PUBLIC;
		standing = kit_session(0);
	}
}

static void check_fate(const struct rule *r, CK_SESSION_HANDLE h)
{
	const char *name = fns[r->fn].name;

	if (r->fate == KEPT)
		tap_rv(begin(r->op, r->fn, h, r->mech, r->key), CKR_OPERATION_ACTIVE,
		       "%s: and the operation goes on [2.40 5.2]", name);
	if (r->fate == ENDED)
		tap_rv(begin(r->op, r->fn, h, r->mech, r->key), CKR_OK,
		       "%s: and the operation has ended [2.40 %s]", name, fns[r->fn].section);
}

static bool holds_now(enum when when)
{
	switch (when) {
	case STRICT:
		return kit.strict;
	case UNASKED:
		return !kit.dialogs;
	case ANSWERED:
		return kit.dialogs && !kit.cancels;
	case CANCELLED:
		return kit.dialogs && kit.cancels;
	default:
		return true;
	}
}

static void run_rule(const struct rule *r)
{
	CK_SESSION_HANDLE h = CK_INVALID_HANDLE;
	struct args a;
	CK_RV rv;

	tap_doing(r->rule);
	if ((r->state == RW_SO && kit.so_pin_len == 0) || !holds_now(r->when))
		return;
	if (kit.skip != NULL && strstr(r->rule, kit.skip) != NULL) {
		tap(true, "%s # SKIP left out by CASTOR_TEST_SKIP", r->rule);
		return;
	}
	enter(r->state);
	if (r->state != UNINIT)
		h = kit_session(session_flags(r->state));
	if (r->op != OP_NONE) {
		rv = begin(r->op, r->fn, h, r->mech, r->key);
		if (rv != CKR_OK) {
			tap_rv(rv, CKR_OK, "%s (the operation starts)", r->rule);
			goto out;
		}
	}
	a = fresh(r->fn, h, r->key);
	if (r->mech != NULL)
		*a.mech = *r->mech;
	if (r->word != 0)
		a.word = r->word == ZERO ? 0 : r->word;
	a.nin = r->nin == TOO_LONG ? pin_max + 1 : r->nin != 0 ? r->nin : a.nin;
	if (r->t != NULL) {
		a.t = r->t->t;
		a.nt = r->t->n;
	}
	spoil(&a, r->null);
	if (r->fn == F_Initialize && r->state == UNINIT) {
		buffers.init.flags = CKF_OS_LOCKING_OK;
		buffers.init.pReserved = r->word == 1 ? text : NULL;
		buffers.init.CreateMutex = r->word == 2 ? some_mutex : NULL;
		a.reserved = &buffers.init;
	}
	if (r->fn == F_Finalize || (r->fn == F_WaitForSlotEvent && r->key == K_NOWHERE))
		a.reserved = text;
	rv = fns[r->fn].call(&a);
	tap_rvs(rv, &r->allow, "%s [2.40 %s]", r->rule, fns[r->fn].section);
	if (r->op != OP_NONE)
		check_fate(r, h);
	if (r->fn == F_Initialize && r->state == UNINIT && rv == CKR_OK)
		kit.f->C_Finalize(NULL);
out:
	leave(h);
}

/* -- sweeps ------------------------------------------------------------------------------------ */

static bool before_initialize(enum fn fn)
{
	return fn == F_Initialize || fn == F_GetFunctionList;
}

static void uninitialised(const char *when)
{
	for (enum fn fn = 0; fn < F_COUNT; fn++) {
		struct args a = fresh(fn, 1, K_NOWHERE);
		CK_RV rv;

		if (before_initialize(fn))
			continue;
		tap_doing(fns[fn].name);
		rv = fns[fn].call(&a);
		if (rv == CKR_CRYPTOKI_NOT_INITIALIZED) {
			spoil(&a, PTR_ALL);
			rv = fns[fn].call(&a);
		}
		tap_rv(rv, CKR_CRYPTOKI_NOT_INITIALIZED,
		       "%s %s, arguments good or NULL: not initialised [2.40 5.4]",
		       fns[fn].name, when);
	}
}

/* The child answers with one CK_RV per function through a pipe: TAP is the parent's. */
static void forked_child(void)
{
	CK_RV rv[F_COUNT] = { 0 };
	ssize_t n = 0;
	int fd[2];
	pid_t pid;

	enter(RW_USER);
	tap_doing("fork");
	if (pipe(fd) != 0)
		tap_bail("pipe");
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		alarm(60);
		/* C_Finalize comes last, or it would hide what the others say. */
		for (enum fn fn = 0; fn < F_COUNT; fn++) {
			struct args a = fresh(fn, standing, K_NONE);

			if (!before_initialize(fn) && fn != F_Finalize)
				rv[fn] = fns[fn].call(&a);
		}
		rv[F_Finalize] = kit.f->C_Finalize(NULL);
		n = write(fd[1], rv, sizeof rv);
		_exit(n != (ssize_t)sizeof rv);
	}
	close(fd[1]);
	if (pid > 0)
		n = read(fd[0], rv, sizeof rv);
	close(fd[0]);
	waitpid(pid, NULL, 0);
	if (!tap(n == (ssize_t)sizeof rv, "a forked child can call every function and lives"))
		return;
	for (enum fn fn = 0; fn < F_COUNT; fn++)
		if (!before_initialize(fn))
			tap_rv(rv[fn], CKR_CRYPTOKI_NOT_INITIALIZED,
			       "%s in a forked child: not initialised [2.40 usage guide 2.5]",
			       fns[fn].name);
	tap(kit.f->C_GetSessionInfo(standing, fresh(F_GetSessionInfo, standing, 0).info) == CKR_OK,
	    "the parent's session lives on after the child's calls");
}

static void bad_slots(void)
{
	static const CK_SLOT_ID bad[] = { KIT_NOWHERE, ~0UL };

	enter(RW_USER);
	for (enum fn fn = 0; fn < F_COUNT; fn++) {
		const struct rvs allow = { fns[fn].bits & OPTIONAL ? 2 : 1,
			{ CKR_SLOT_ID_INVALID, CKR_FUNCTION_NOT_SUPPORTED } };

		if (fns[fn].kind != SLOT)
			continue;
		tap_doing(fns[fn].name);
		for (size_t i = 0; i < COUNT(bad); i++) {
			struct args a = fresh(fn, standing, K_NONE);

			a.slot = bad[i];
			tap_rvs(fns[fn].call(&a), &allow,
				"%s: slot 0x%lx does not exist [2.40 5.5]",
				fns[fn].name, bad[i]);
		}
	}
}

static void bad_sessions(void)
{
	CK_SESSION_HANDLE closed, bad[3] = { CK_INVALID_HANDLE, ~0UL, 0 };

	enter(RW_USER);
	closed = kit_session(0);
	kit.f->C_CloseSession(closed);
	bad[2] = closed;
	for (enum fn fn = 0; fn < F_COUNT; fn++) {
		const struct rvs allow = { fns[fn].bits & OPTIONAL ? 2 : 1,
			{ CKR_SESSION_HANDLE_INVALID, CKR_FUNCTION_NOT_SUPPORTED } };

		if (fns[fn].kind != SESSION)
			continue;
		tap_doing(fns[fn].name);
		for (size_t i = 0; i < COUNT(bad); i++) {
			struct args a = fresh(fn, bad[i], K_NONE);

			tap_rvs(fns[fn].call(&a), &allow, "%s: %s is no session [2.40 5.6]",
				fns[fn].name,
				bad[i] == closed ? "a closed handle" : bad[i] ? "~0" : "0");
		}
	}
}

static void no_operation(void)
{
	enter(RW_USER);
	for (enum fn fn = 0; fn < F_COUNT; fn++) {
		const struct rvs allow = { fns[fn].bits & OPTIONAL ? 2 : 1,
			{ CKR_OPERATION_NOT_INITIALIZED, CKR_FUNCTION_NOT_SUPPORTED } };
		CK_SESSION_HANDLE h;
		struct args a;

		if (fns[fn].op == OP_NONE || fns[fn].bits & STARTS)
			continue;
		tap_doing(fns[fn].name);
		h = kit_session(CKF_RW_SESSION);
		a = fresh(fn, h, K_NONE);
		tap_rvs(fns[fn].call(&a), &allow, "%s without its Init [2.40 %s]", fns[fn].name,
			fns[fn].section);
		leave(h);
	}
}

static bool not_offered(CK_RV rv, enum fn fn)
{
	return fns[init_of[fns[fn].op]].bits & OPTIONAL && rv != CKR_OK;
}

static void null_pointer(enum fn fn, unsigned bit, const char *what)
{
	const struct rvs allow = { fns[fn].bits & OPTIONAL ? 2 : 1,
		{ CKR_ARGUMENTS_BAD, CKR_FUNCTION_NOT_SUPPORTED } };
	const bool uses = fns[fn].op != OP_NONE && !(fns[fn].bits & STARTS);
	CK_SESSION_HANDLE h = kit_session(CKF_RW_SESSION);
	struct args a;
	CK_RV rv;

	tap_doing(fns[fn].name);
	if (uses && not_offered(rv = begin(fns[fn].op, fn, h, NULL, K_NONE), fn)) {
		static const struct rvs none = { 3, { CKR_FUNCTION_NOT_SUPPORTED,
			CKR_MECHANISM_INVALID, CKR_KEY_FUNCTION_NOT_PERMITTED } };

		tap_rvs(rv, &none, "%s: what is not offered says so",
			fns[init_of[fns[fn].op]].name);
		goto out;
	}
	a = fresh(fn, h, K_NONE);
	spoil(&a, bit);
	rv = fns[fn].call(&a);
	tap_rvs(rv, &allow, "%s: NULL for the %s [2.40 %s]", fns[fn].name, what, fns[fn].section);
	if (uses && fns[fn].op != OP_FIND && fn != F_GetOperationState
	    && !(rv == CKR_FUNCTION_NOT_SUPPORTED))
		tap_rv(begin(fns[fn].op, fn, h, NULL, K_NONE), CKR_OK,
		       "%s: NULL for the %s ends the operation [2.40 %s]", fns[fn].name, what,
		       fns[fn].section);
out:
	leave(h);
}

static void null_pointers(void)
{
	for (enum fn fn = 0; fn < F_COUNT; fn++)
		for (size_t i = 0; i < COUNT(pointers); i++)
			/* a PIN that is missing is asked for */
			if (fns[fn].bits & pointers[i].bit && !(kit.dialogs && fn == F_SetPIN)) {
				enter(RW_USER);
				null_pointer(fn, pointers[i].bit, pointers[i].name);
			}
}

static void second_init(void)
{
	for (enum op op = OP_NONE + 1; op < OP_COUNT; op++) {
		const char *name = fns[init_of[op]].name;
		CK_SESSION_HANDLE h, other;
		CK_RV rv;

		enter(RW_USER);
		tap_doing(name);
		h = kit_session(CKF_RW_SESSION);
		other = kit_session(CKF_RW_SESSION);
		rv = begin(op, init_of[op], h, NULL, K_NONE);
		if (!not_offered(rv, init_of[op])) {
			tap_rv(rv, CKR_OK, "%s starts [2.40 %s]", name, fns[init_of[op]].section);
			tap_rv(begin(op, init_of[op], h, NULL, K_NONE), CKR_OPERATION_ACTIVE,
			       "%s a second time [2.40 %s]", name, fns[init_of[op]].section);
			tap_rv(begin(op, init_of[op], h, NULL, K_NONE), CKR_OPERATION_ACTIVE,
			       "%s: the refusal leaves the first one alone [2.40 %s]", name,
			       fns[init_of[op]].section);
			tap_rv(begin(op, init_of[op], other, NULL, K_NONE), CKR_OK,
			       "%s in another session at the same time [2.40 5.6]", name);
		}
		kit.f->C_CloseSession(other);
		leave(h);
	}
}

/* Each kind of operation lives by itself: start all, then look that all are there. */
static void independent(void)
{
	static const enum op all[] = { OP_FIND, OP_DIGEST, OP_SIGN, OP_VERIFY, OP_ENCRYPT,
		OP_DECRYPT };
	CK_SESSION_HANDLE h;

	enter(RW_USER);
	h = kit_session(CKF_RW_SESSION);
	for (size_t i = 0; i < COUNT(all); i++)
		tap_rv(begin(all[i], init_of[all[i]], h, NULL, K_NONE), CKR_OK,
		       "%s beside %zu other kinds of operation [2.40 5.6]",
		       fns[init_of[all[i]]].name, i);
	for (size_t i = 0; i < COUNT(all); i++)
		tap_rv(begin(all[i], init_of[all[i]], h, NULL, K_NONE), CKR_OPERATION_ACTIVE,
		       "%s: its operation was not disturbed by the others [2.40 5.6]",
		       fns[init_of[all[i]]].name);
	leave(h);
}

/* -- the two-call convention (2.40 section 5.2) ------------------------------------------------ */

static const struct sized {
	enum fn fn;
	const CK_MECHANISM *mech;
	enum key key;
	CK_ULONG nin;
	enum { FIXED_32, MODULUS, TWO_ORDERS } len;
} sized[] = {
	{ F_Digest, &m_sha256, K_NONE, 100, FIXED_32 },
	{ F_DigestFinal, &m_sha256, K_NONE, 0, FIXED_32 },
	{ F_Sign, &m_rsa, K_RSA_PRV, 32, MODULUS },
	{ F_Sign, &m_pss, K_RSA_PRV, 32, MODULUS },
	{ F_Sign, &m_sha256_rsa, K_RSA_PRV, 1000, MODULUS },
	{ F_SignFinal, &m_sha256_rsa, K_RSA_PRV, 0, MODULUS },
	{ F_Sign, &m_ecdsa, K_EC_PRV, 32, TWO_ORDERS },
	{ F_Encrypt, &m_rsa, K_RSA_PUB, 32, MODULUS },
};

static CK_ULONG exact_len(const struct sized *s)
{
	struct blob b = { 0 };

	if (s->len == FIXED_32)
		return 32;
	if (s->len == MODULUS)
		return kit_attr(standing, keys[K_RSA_PUB], CKA_MODULUS, &b) ? b.len : 0;
	/* OCTET STRING of 04 || X || Y: only the long form of the length begins with 81. */
	if (!kit_attr(standing, keys[K_EC_PUB], CKA_EC_POINT, &b))
		return 0;
	return b.len - 1 - (b.p[1] == 0x81 ? 3 : 2);
}

static CK_RV sized_call(const struct sized *s, CK_SESSION_HANDLE h, CK_BYTE *out, CK_ULONG *len)
{
	struct args a = fresh(s->fn, h, K_NONE);

	a.nin = s->nin;
	a.out = out;
	a.nout = len;
	return fns[s->fn].call(&a);
}

static bool untouched(const CK_BYTE *p, size_t n)
{
	size_t i = 0;

	while (i < n && p[i] == 0xa5)
		i++;
	return i == n;
}

static void two_calls(const struct sized *s)
{
	const char *name = fns[s->fn].name;
	CK_SESSION_HANDLE h;
	CK_BYTE out[2048];
	CK_ULONG want, len;
	CK_RV rv;

	enter(RW_USER);
	tap_doing(name);
	h = kit_session(CKF_RW_SESSION);
	want = exact_len(s);
	rv = begin(fns[s->fn].op, s->fn, h, s->mech, s->key);
	if (!tap(rv == CKR_OK && want > 0 && want < 1024, "%s with mechanism 0x%lx starts", name,
		 s->mech->mechanism))
		goto out;
	memset(out, 0xa5, sizeof out);
	len = 1; /* means nothing beside a NULL buffer */
	rv = sized_call(s, h, NULL, &len);
	tap(rv == CKR_OK && len == want, "%s 0x%lx: NULL buffer, length %lu [2.40 5.2]", name,
	    s->mech->mechanism, want);
	if (rv != CKR_OK || len != want)
		tap_note("%s, length %lu", rv_name(rv), len);
	len = want - 1;
	rv = sized_call(s, h, out, &len);
	tap(rv == CKR_BUFFER_TOO_SMALL && len == want && untouched(out, sizeof out),
	    "%s 0x%lx: one byte short, told how much, nothing written [2.40 5.2]", name,
	    s->mech->mechanism);
	tap_rv(begin(fns[s->fn].op, s->fn, h, s->mech, s->key), CKR_OPERATION_ACTIVE,
	       "%s 0x%lx: and the operation waits [2.40 5.2]", name, s->mech->mechanism);
	len = want;
	rv = sized_call(s, h, out, &len);
	tap(rv == CKR_OK && len == want && untouched(out + want, sizeof out - want),
	    "%s 0x%lx: exactly the length, nothing written behind it [2.40 5.2]", name,
	    s->mech->mechanism);
	if (rv != CKR_OK)
		tap_note("%s", rv_name(rv));
	tap_rv(begin(fns[s->fn].op, s->fn, h, s->mech, s->key), CKR_OK,
	       "%s 0x%lx: and the operation has ended [2.40 5.2]", name, s->mech->mechanism);
out:
	leave(h);
}

/* One-part and multi-part calls do not mix within one operation (2.40 5.10, 5.11, 5.12). */
static void parts_do_not_mix(void)
{
	static const struct {
		enum op op;
		enum fn update, one_part;
	} mixes[] = {
		{ OP_DIGEST, F_DigestUpdate, F_Digest },
		{ OP_SIGN, F_SignUpdate, F_Sign },
		{ OP_VERIFY, F_VerifyUpdate, F_Verify },
	};
	static const struct rvs active = TWO(OPERATION_ACTIVE, OPERATION_NOT_INITIALIZED);

	for (size_t i = 0; i < COUNT(mixes); i++) {
		const char *name = fns[mixes[i].one_part].name;
		CK_SESSION_HANDLE h;
		struct args a;

		enter(RW_USER);
		tap_doing(name);
		h = kit_session(CKF_RW_SESSION);
		tap_rv(begin(mixes[i].op, mixes[i].update, h, NULL, K_NONE), CKR_OK,
		       "%s starts", fns[init_of[mixes[i].op]].name);
		a = fresh(mixes[i].update, h, K_NONE);
		tap_rv(fns[mixes[i].update].call(&a), CKR_OK, "%s", fns[mixes[i].update].name);
		a = fresh(mixes[i].one_part, h, K_NONE);
		tap_rvs(fns[mixes[i].one_part].call(&a), &active, "%s after %s [2.40 %s]", name,
			fns[mixes[i].update].name, fns[mixes[i].one_part].section);
		tap_rv(begin(mixes[i].op, mixes[i].update, h, NULL, K_NONE), CKR_OK,
		       "%s after %s: the refusal ends the operation [2.40 %s]", name,
		       fns[mixes[i].update].name, fns[mixes[i].one_part].section);
		leave(h);
	}
}

/* -- removal ----------------------------------------------------------------------------------- */

static void old_handles(CK_SESSION_HANDLE h, const char *when)
{
	for (enum fn fn = 0; fn < F_COUNT; fn++) {
		const struct rvs allow = { fns[fn].bits & OPTIONAL ? 2 : 1,
			{ CKR_SESSION_HANDLE_INVALID, CKR_FUNCTION_NOT_SUPPORTED } };
		struct args a = fresh(fn, h, K_NONE);

		if (fns[fn].kind != SESSION)
			continue;
		tap_doing(fns[fn].name);
		tap_rvs(fns[fn].call(&a), &allow, "%s: sessions end with removal; %s [2.40 5.6]",
			fns[fn].name, when);
	}
}

static void removal(void)
{
	/* What a slot function says of an empty slot. */
	static const struct {
		enum fn fn;
		struct rvs allow;
	} empty[] = {
		{ F_GetSlotInfo, ONE(OK) },
		{ F_GetTokenInfo, ONE(TOKEN_NOT_PRESENT) },
		{ F_GetMechanismList, ONE(TOKEN_NOT_PRESENT) },
		{ F_GetMechanismInfo, ONE(TOKEN_NOT_PRESENT) },
		{ F_InitToken, TWO(TOKEN_NOT_PRESENT, FUNCTION_NOT_SUPPORTED) },
		{ F_OpenSession, ONE(TOKEN_NOT_PRESENT) },
		{ F_CloseAllSessions, TWO(OK, TOKEN_NOT_PRESENT) },
	};
	static const struct rvs first = TWO(DEVICE_REMOVED, SESSION_HANDLE_INVALID);
	CK_SESSION_HANDLE old, fresh_one;
	CK_SESSION_INFO info;

	if (kit.remove == NULL || kit.insert == NULL)
		return;
	enter(RW_USER);
	old = standing;
	tap(begin(OP_SIGN, F_SignInit, old, NULL, K_NONE) == CKR_OK,
	    "an operation is active at removal");
	tap_doing("removal");
	tap(kit_take_out(), "C_GetSlotInfo tells of the removal [2.40 5.5]");
	tap_rvs(kit.f->C_GetSessionInfo(old, &info), &first, "the first call after removal");
	old_handles(old, "card out");
	for (size_t i = 0; i < COUNT(empty); i++) {
		struct args a = fresh(empty[i].fn, old, K_NONE);

		tap_doing(fns[empty[i].fn].name);
		tap_rvs(fns[empty[i].fn].call(&a), &empty[i].allow,
			"%s: the slot is empty [2.40 5.5]",
			fns[empty[i].fn].name);
	}
	tap(kit_put_in(), "C_GetSlotInfo tells of the insertion [2.40 5.5]");
	old_handles(old, "card back");
	fresh_one = kit_session(0);
	tap(fresh_one != old && fresh_one != CK_INVALID_HANDLE,
	    "a session handle is not given out twice: stale ones must miss");
	tap(kit.f->C_GetSessionInfo(fresh_one, &info) == CKR_OK
	    && info.state == CKS_RO_PUBLIC_SESSION, "removal logs out [2.40 5.6]");
	standing = fresh_one;
	now = RO_PUBLIC;
}

int main(int argc, char **argv)
{
	kit_open(argc, argv);
	tap_watchdog(60);
	uninitialised("before C_Initialize");
	for (size_t i = 0; i < COUNT(rules); i++)
		run_rule(&rules[i]);
	bad_slots();
	bad_sessions();
	no_operation();
	null_pointers();
	second_init();
	independent();
	for (size_t i = 0; i < COUNT(sized); i++)
		two_calls(&sized[i]);
	parts_do_not_mix();
	forked_child();
	removal();
	enter(UNINIT);
	uninitialised("after C_Finalize");
	return tap_end();
}

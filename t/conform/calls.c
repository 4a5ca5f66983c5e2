#include "config.h"

#include "t/conform/calls.h"

static CK_RV do_initialize(const struct args *a)
{
	return kit.f->C_Initialize(a->reserved);
}

static CK_RV do_finalize(const struct args *a)
{
	return kit.f->C_Finalize(a->reserved);
}

static CK_RV do_get_info(const struct args *a)
{
	return kit.f->C_GetInfo(a->info);
}

static CK_RV do_get_function_list(const struct args *a)
{
	return kit.f->C_GetFunctionList(a->info);
}

static CK_RV do_get_slot_list(const struct args *a)
{
	return kit.f->C_GetSlotList(CK_FALSE, NULL, a->count);
}

static CK_RV do_get_slot_info(const struct args *a)
{
	return kit.f->C_GetSlotInfo(a->slot, a->info);
}

static CK_RV do_get_token_info(const struct args *a)
{
	return kit.f->C_GetTokenInfo(a->slot, a->info);
}

static CK_RV do_get_mechanism_list(const struct args *a)
{
	return kit.f->C_GetMechanismList(a->slot, NULL, a->count);
}

static CK_RV do_get_mechanism_info(const struct args *a)
{
	return kit.f->C_GetMechanismInfo(a->slot, a->word, a->info);
}

static CK_RV do_init_token(const struct args *a)
{
	return kit.f->C_InitToken(a->slot, a->in, a->nin, a->out);
}

static CK_RV do_init_pin(const struct args *a)
{
	return kit.f->C_InitPIN(a->h, a->in, a->nin);
}

static CK_RV do_set_pin(const struct args *a)
{
	return kit.f->C_SetPIN(a->h, a->in, a->nin, a->out, a->nin);
}

static CK_RV do_open_session(const struct args *a)
{
	return kit.f->C_OpenSession(a->slot, a->word, NULL, NULL, a->oh);
}

static CK_RV do_close_session(const struct args *a)
{
	return kit.f->C_CloseSession(a->h);
}

static CK_RV do_close_all_sessions(const struct args *a)
{
	return kit.f->C_CloseAllSessions(a->slot);
}

static CK_RV do_get_session_info(const struct args *a)
{
	return kit.f->C_GetSessionInfo(a->h, a->info);
}

static CK_RV do_get_operation_state(const struct args *a)
{
	return kit.f->C_GetOperationState(a->h, a->out, a->nout);
}

static CK_RV do_set_operation_state(const struct args *a)
{
	return kit.f->C_SetOperationState(a->h, a->in, a->nin, 0, 0);
}

static CK_RV do_login(const struct args *a)
{
	return kit.f->C_Login(a->h, a->word, a->in, a->nin);
}

static CK_RV do_logout(const struct args *a)
{
	return kit.f->C_Logout(a->h);
}

static CK_RV do_create_object(const struct args *a)
{
	return kit.f->C_CreateObject(a->h, a->t, a->nt, a->oh);
}

static CK_RV do_copy_object(const struct args *a)
{
	return kit.f->C_CopyObject(a->h, a->o, a->t, a->nt, a->oh);
}

static CK_RV do_destroy_object(const struct args *a)
{
	return kit.f->C_DestroyObject(a->h, a->o);
}

static CK_RV do_get_object_size(const struct args *a)
{
	return kit.f->C_GetObjectSize(a->h, a->o, a->count);
}

static CK_RV do_get_attribute_value(const struct args *a)
{
	return kit.f->C_GetAttributeValue(a->h, a->o, a->t, a->nt);
}

static CK_RV do_set_attribute_value(const struct args *a)
{
	return kit.f->C_SetAttributeValue(a->h, a->o, a->t, a->nt);
}

static CK_RV do_find_objects_init(const struct args *a)
{
	return kit.f->C_FindObjectsInit(a->h, a->t, a->nt);
}

static CK_RV do_find_objects(const struct args *a)
{
	return kit.f->C_FindObjects(a->h, a->oh, a->word, a->count);
}

static CK_RV do_find_objects_final(const struct args *a)
{
	return kit.f->C_FindObjectsFinal(a->h);
}

static CK_RV do_encrypt_init(const struct args *a)
{
	return kit.f->C_EncryptInit(a->h, a->mech, a->o);
}

static CK_RV do_encrypt(const struct args *a)
{
	return kit.f->C_Encrypt(a->h, a->in, a->nin, a->out, a->nout);
}

static CK_RV do_encrypt_update(const struct args *a)
{
	return kit.f->C_EncryptUpdate(a->h, a->in, a->nin, a->out, a->nout);
}

static CK_RV do_encrypt_final(const struct args *a)
{
	return kit.f->C_EncryptFinal(a->h, a->out, a->nout);
}

static CK_RV do_decrypt_init(const struct args *a)
{
	return kit.f->C_DecryptInit(a->h, a->mech, a->o);
}

static CK_RV do_decrypt(const struct args *a)
{
	return kit.f->C_Decrypt(a->h, a->in, a->nin, a->out, a->nout);
}

static CK_RV do_decrypt_update(const struct args *a)
{
	return kit.f->C_DecryptUpdate(a->h, a->in, a->nin, a->out, a->nout);
}

static CK_RV do_decrypt_final(const struct args *a)
{
	return kit.f->C_DecryptFinal(a->h, a->out, a->nout);
}

static CK_RV do_digest_init(const struct args *a)
{
	return kit.f->C_DigestInit(a->h, a->mech);
}

static CK_RV do_digest(const struct args *a)
{
	return kit.f->C_Digest(a->h, a->in, a->nin, a->out, a->nout);
}

static CK_RV do_digest_update(const struct args *a)
{
	return kit.f->C_DigestUpdate(a->h, a->in, a->nin);
}

static CK_RV do_digest_key(const struct args *a)
{
	return kit.f->C_DigestKey(a->h, a->o);
}

static CK_RV do_digest_final(const struct args *a)
{
	return kit.f->C_DigestFinal(a->h, a->out, a->nout);
}

static CK_RV do_sign_init(const struct args *a)
{
	return kit.f->C_SignInit(a->h, a->mech, a->o);
}

static CK_RV do_sign(const struct args *a)
{
	return kit.f->C_Sign(a->h, a->in, a->nin, a->out, a->nout);
}

static CK_RV do_sign_update(const struct args *a)
{
	return kit.f->C_SignUpdate(a->h, a->in, a->nin);
}

static CK_RV do_sign_final(const struct args *a)
{
	return kit.f->C_SignFinal(a->h, a->out, a->nout);
}

static CK_RV do_sign_recover_init(const struct args *a)
{
	return kit.f->C_SignRecoverInit(a->h, a->mech, a->o);
}

static CK_RV do_sign_recover(const struct args *a)
{
	return kit.f->C_SignRecover(a->h, a->in, a->nin, a->out, a->nout);
}

static CK_RV do_verify_init(const struct args *a)
{
	return kit.f->C_VerifyInit(a->h, a->mech, a->o);
}

static CK_RV do_verify(const struct args *a)
{
	return kit.f->C_Verify(a->h, a->in, a->nin, a->out, a->nin);
}

static CK_RV do_verify_update(const struct args *a)
{
	return kit.f->C_VerifyUpdate(a->h, a->in, a->nin);
}

static CK_RV do_verify_final(const struct args *a)
{
	return kit.f->C_VerifyFinal(a->h, a->out, a->nin);
}

static CK_RV do_verify_recover_init(const struct args *a)
{
	return kit.f->C_VerifyRecoverInit(a->h, a->mech, a->o);
}

static CK_RV do_verify_recover(const struct args *a)
{
	return kit.f->C_VerifyRecover(a->h, a->in, a->nin, a->out, a->nout);
}

static CK_RV do_digest_encrypt_update(const struct args *a)
{
	return kit.f->C_DigestEncryptUpdate(a->h, a->in, a->nin, a->out, a->nout);
}

static CK_RV do_decrypt_digest_update(const struct args *a)
{
	return kit.f->C_DecryptDigestUpdate(a->h, a->in, a->nin, a->out, a->nout);
}

static CK_RV do_sign_encrypt_update(const struct args *a)
{
	return kit.f->C_SignEncryptUpdate(a->h, a->in, a->nin, a->out, a->nout);
}

static CK_RV do_decrypt_verify_update(const struct args *a)
{
	return kit.f->C_DecryptVerifyUpdate(a->h, a->in, a->nin, a->out, a->nout);
}

static CK_RV do_generate_key(const struct args *a)
{
	return kit.f->C_GenerateKey(a->h, a->mech, a->t, a->nt, a->oh);
}

/* The first attribute is CKA_TOKEN and serves both halves. */
static CK_RV do_generate_key_pair(const struct args *a)
{
	return kit.f->C_GenerateKeyPair(a->h, a->mech, a->t, a->nt, a->t, 1, a->oh, a->oh2);
}

static CK_RV do_wrap_key(const struct args *a)
{
	return kit.f->C_WrapKey(a->h, a->mech, a->o, a->o2, a->out, a->nout);
}

static CK_RV do_unwrap_key(const struct args *a)
{
	return kit.f->C_UnwrapKey(a->h, a->mech, a->o, a->in, a->nin, a->t, a->nt, a->oh);
}

static CK_RV do_derive_key(const struct args *a)
{
	return kit.f->C_DeriveKey(a->h, a->mech, a->o, a->t, a->nt, a->oh);
}

static CK_RV do_seed_random(const struct args *a)
{
	return kit.f->C_SeedRandom(a->h, a->in, a->nin);
}

static CK_RV do_generate_random(const struct args *a)
{
	return kit.f->C_GenerateRandom(a->h, a->out, a->nin);
}

static CK_RV do_get_function_status(const struct args *a)
{
	return kit.f->C_GetFunctionStatus(a->h);
}

static CK_RV do_cancel_function(const struct args *a)
{
	return kit.f->C_CancelFunction(a->h);
}

static CK_RV do_wait_for_slot_event(const struct args *a)
{
	return kit.f->C_WaitForSlotEvent(a->word, a->count, a->reserved);
}

const struct fn_row fns[F_COUNT] = {
	[F_Initialize] = { "C_Initialize", "5.4", do_initialize,
		LIB, OP_NONE, 0, 0, K_NONE },
	[F_Finalize] = { "C_Finalize", "5.4", do_finalize,
		LIB, OP_NONE, 0, 0, K_NONE },
	[F_GetInfo] = { "C_GetInfo", "5.4", do_get_info,
		LIB, OP_NONE, PTR_INFO, 0, K_NONE },
	[F_GetFunctionList] = { "C_GetFunctionList", "5.4", do_get_function_list,
		LIB, OP_NONE, PTR_INFO, 0, K_NONE },
	[F_GetSlotList] = { "C_GetSlotList", "5.5", do_get_slot_list,
		LIB, OP_NONE, PTR_COUNT, 0, K_NONE },
	[F_GetSlotInfo] = { "C_GetSlotInfo", "5.5", do_get_slot_info,
		SLOT, OP_NONE, PTR_INFO, 0, K_NONE },
	[F_GetTokenInfo] = { "C_GetTokenInfo", "5.5", do_get_token_info,
		SLOT, OP_NONE, PTR_INFO, 0, K_NONE },
	[F_GetMechanismList] = { "C_GetMechanismList", "5.5", do_get_mechanism_list,
		SLOT, OP_NONE, PTR_COUNT, 0, K_NONE },
	[F_GetMechanismInfo] = { "C_GetMechanismInfo", "5.5", do_get_mechanism_info,
		SLOT, OP_NONE, PTR_INFO, 0, K_NONE },
	[F_InitToken] = { "C_InitToken", "5.5", do_init_token,
		SLOT, OP_NONE, OPTIONAL, 0, K_NONE },
	[F_InitPIN] = { "C_InitPIN", "5.5", do_init_pin,
		SESSION, OP_NONE, 0, 0, K_NONE },
	[F_SetPIN] = { "C_SetPIN", "5.5", do_set_pin,
		SESSION, OP_NONE, PTR_IN | PTR_OUT, 0, K_NONE },
	[F_OpenSession] = { "C_OpenSession", "5.6", do_open_session,
		SLOT, OP_NONE, PTR_OH, 0, K_NONE },
	[F_CloseSession] = { "C_CloseSession", "5.6", do_close_session,
		SESSION, OP_NONE, 0, 0, K_NONE },
	[F_CloseAllSessions] = { "C_CloseAllSessions", "5.6", do_close_all_sessions,
		SLOT, OP_NONE, 0, 0, K_NONE },
	[F_GetSessionInfo] = { "C_GetSessionInfo", "5.6", do_get_session_info,
		SESSION, OP_NONE, PTR_INFO, 0, K_NONE },
	[F_GetOperationState] = { "C_GetOperationState", "5.6", do_get_operation_state,
		SESSION, OP_DIGEST, PTR_NOUT | OPTIONAL | GOES_ON, CKM_SHA256, K_NONE },
	[F_SetOperationState] = { "C_SetOperationState", "5.6", do_set_operation_state,
		SESSION, OP_NONE, PTR_IN | OPTIONAL, 0, K_NONE },
	[F_Login] = { "C_Login", "5.6", do_login,
		SESSION, OP_NONE, 0, 0, K_NONE },
	[F_Logout] = { "C_Logout", "5.6", do_logout,
		SESSION, OP_NONE, 0, 0, K_NONE },
	[F_CreateObject] = { "C_CreateObject", "5.7", do_create_object,
		SESSION, OP_NONE, PTR_TEMPL | PTR_OH, 0, K_NONE },
	[F_CopyObject] = { "C_CopyObject", "5.7", do_copy_object,
		SESSION, OP_NONE, PTR_TEMPL | PTR_OH | OPTIONAL, 0, K_CERT },
	[F_DestroyObject] = { "C_DestroyObject", "5.7", do_destroy_object,
		SESSION, OP_NONE, 0, 0, K_CERT },
	[F_GetObjectSize] = { "C_GetObjectSize", "5.7", do_get_object_size,
		SESSION, OP_NONE, PTR_COUNT | OPTIONAL, 0, K_CERT },
	[F_GetAttributeValue] = { "C_GetAttributeValue", "5.7", do_get_attribute_value,
		SESSION, OP_NONE, PTR_TEMPL, 0, K_CERT },
	[F_SetAttributeValue] = { "C_SetAttributeValue", "5.7", do_set_attribute_value,
		SESSION, OP_NONE, PTR_TEMPL, 0, K_CERT },
	[F_FindObjectsInit] = { "C_FindObjectsInit", "5.7", do_find_objects_init,
		SESSION, OP_FIND, PTR_TEMPL | STARTS, 0, K_NONE },
	[F_FindObjects] = { "C_FindObjects", "5.7", do_find_objects,
		SESSION, OP_FIND, PTR_OH | PTR_COUNT | GOES_ON, 0, K_NONE },
	[F_FindObjectsFinal] = { "C_FindObjectsFinal", "5.7", do_find_objects_final,
		SESSION, OP_FIND, 0, 0, K_NONE },
	[F_EncryptInit] = { "C_EncryptInit", "5.8", do_encrypt_init,
		SESSION, OP_ENCRYPT, PTR_MECH | STARTS, CKM_RSA_PKCS, K_RSA_PUB },
	[F_Encrypt] = { "C_Encrypt", "5.8", do_encrypt,
		SESSION, OP_ENCRYPT, PTR_IN | PTR_NOUT, CKM_RSA_PKCS, K_RSA_PUB },
	[F_EncryptUpdate] = { "C_EncryptUpdate", "5.8", do_encrypt_update,
		SESSION, OP_ENCRYPT, PTR_IN | PTR_NOUT | OPTIONAL | GOES_ON, CKM_RSA_PKCS,
			K_RSA_PUB },
	[F_EncryptFinal] = { "C_EncryptFinal", "5.8", do_encrypt_final,
		SESSION, OP_ENCRYPT, PTR_NOUT | OPTIONAL, CKM_RSA_PKCS, K_RSA_PUB },
	[F_DecryptInit] = { "C_DecryptInit", "5.9", do_decrypt_init,
		SESSION, OP_DECRYPT, PTR_MECH | STARTS, CKM_RSA_PKCS, K_RSA_PRV },
	[F_Decrypt] = { "C_Decrypt", "5.9", do_decrypt,
		SESSION, OP_DECRYPT, PTR_IN | PTR_NOUT, CKM_RSA_PKCS, K_RSA_PRV },
	[F_DecryptUpdate] = { "C_DecryptUpdate", "5.9", do_decrypt_update,
		SESSION, OP_DECRYPT, PTR_IN | PTR_NOUT | OPTIONAL | GOES_ON, CKM_RSA_PKCS,
			K_RSA_PRV },
	[F_DecryptFinal] = { "C_DecryptFinal", "5.9", do_decrypt_final,
		SESSION, OP_DECRYPT, PTR_NOUT | OPTIONAL, CKM_RSA_PKCS, K_RSA_PRV },
	[F_DigestInit] = { "C_DigestInit", "5.10", do_digest_init,
		SESSION, OP_DIGEST, PTR_MECH | STARTS, CKM_SHA256, K_NONE },
	[F_Digest] = { "C_Digest", "5.10", do_digest,
		SESSION, OP_DIGEST, PTR_IN | PTR_NOUT, CKM_SHA256, K_NONE },
	[F_DigestUpdate] = { "C_DigestUpdate", "5.10", do_digest_update,
		SESSION, OP_DIGEST, PTR_IN | GOES_ON, CKM_SHA256, K_NONE },
	[F_DigestKey] = { "C_DigestKey", "5.10", do_digest_key,
		SESSION, OP_DIGEST, OPTIONAL | GOES_ON, CKM_SHA256, K_RSA_PRV },
	[F_DigestFinal] = { "C_DigestFinal", "5.10", do_digest_final,
		SESSION, OP_DIGEST, PTR_NOUT, CKM_SHA256, K_NONE },
	[F_SignInit] = { "C_SignInit", "5.11", do_sign_init,
		SESSION, OP_SIGN, PTR_MECH | STARTS, CKM_SHA256_RSA_PKCS, K_RSA_PRV },
	[F_Sign] = { "C_Sign", "5.11", do_sign,
		SESSION, OP_SIGN, PTR_IN | PTR_NOUT, CKM_SHA256_RSA_PKCS, K_RSA_PRV },
	[F_SignUpdate] = { "C_SignUpdate", "5.11", do_sign_update,
		SESSION, OP_SIGN, PTR_IN | GOES_ON, CKM_SHA256_RSA_PKCS, K_RSA_PRV },
	[F_SignFinal] = { "C_SignFinal", "5.11", do_sign_final,
		SESSION, OP_SIGN, PTR_NOUT, CKM_SHA256_RSA_PKCS, K_RSA_PRV },
	[F_SignRecoverInit] = { "C_SignRecoverInit", "5.11", do_sign_recover_init,
		SESSION, OP_SIGN_RECOVER, PTR_MECH | STARTS | OPTIONAL, CKM_RSA_PKCS, K_RSA_PRV },
	[F_SignRecover] = { "C_SignRecover", "5.11", do_sign_recover,
		SESSION, OP_SIGN_RECOVER, PTR_IN | PTR_NOUT | OPTIONAL, CKM_RSA_PKCS, K_RSA_PRV },
	[F_VerifyInit] = { "C_VerifyInit", "5.12", do_verify_init,
		SESSION, OP_VERIFY, PTR_MECH | STARTS, CKM_SHA256_RSA_PKCS, K_RSA_PUB },
	[F_Verify] = { "C_Verify", "5.12", do_verify,
		SESSION, OP_VERIFY, PTR_IN | PTR_OUT, CKM_SHA256_RSA_PKCS, K_RSA_PUB },
	[F_VerifyUpdate] = { "C_VerifyUpdate", "5.12", do_verify_update,
		SESSION, OP_VERIFY, PTR_IN | GOES_ON, CKM_SHA256_RSA_PKCS, K_RSA_PUB },
	[F_VerifyFinal] = { "C_VerifyFinal", "5.12", do_verify_final,
		SESSION, OP_VERIFY, PTR_OUT, CKM_SHA256_RSA_PKCS, K_RSA_PUB },
	[F_VerifyRecoverInit] = { "C_VerifyRecoverInit", "5.12", do_verify_recover_init,
		SESSION, OP_VERIFY_RECOVER, PTR_MECH | STARTS | OPTIONAL, CKM_RSA_PKCS, K_RSA_PUB },
	[F_VerifyRecover] = { "C_VerifyRecover", "5.12", do_verify_recover,
		SESSION, OP_VERIFY_RECOVER, PTR_IN | PTR_NOUT | OPTIONAL, CKM_RSA_PKCS, K_RSA_PUB },
	[F_DigestEncryptUpdate] = { "C_DigestEncryptUpdate", "5.13", do_digest_encrypt_update,
		SESSION, OP_NONE, OPTIONAL, 0, K_NONE },
	[F_DecryptDigestUpdate] = { "C_DecryptDigestUpdate", "5.13", do_decrypt_digest_update,
		SESSION, OP_NONE, OPTIONAL, 0, K_NONE },
	[F_SignEncryptUpdate] = { "C_SignEncryptUpdate", "5.13", do_sign_encrypt_update,
		SESSION, OP_NONE, OPTIONAL, 0, K_NONE },
	[F_DecryptVerifyUpdate] = { "C_DecryptVerifyUpdate", "5.13", do_decrypt_verify_update,
		SESSION, OP_NONE, OPTIONAL, 0, K_NONE },
	[F_GenerateKey] = { "C_GenerateKey", "5.14", do_generate_key,
		SESSION, OP_NONE, PTR_MECH | OPTIONAL, CKM_AES_KEY_GEN, K_NONE },
	[F_GenerateKeyPair] = { "C_GenerateKeyPair", "5.14", do_generate_key_pair,
		SESSION, OP_NONE, PTR_MECH | PTR_OH | PTR_OH2, CKM_RSA_PKCS_KEY_PAIR_GEN, K_NONE },
	[F_WrapKey] = { "C_WrapKey", "5.14", do_wrap_key,
		SESSION, OP_NONE, PTR_MECH | PTR_NOUT | OPTIONAL, CKM_RSA_PKCS, K_RSA_PUB },
	[F_UnwrapKey] = { "C_UnwrapKey", "5.14", do_unwrap_key,
		SESSION, OP_NONE, PTR_MECH | PTR_IN | PTR_OH | OPTIONAL, CKM_RSA_PKCS, K_RSA_PRV },
	[F_DeriveKey] = { "C_DeriveKey", "5.14", do_derive_key,
		SESSION, OP_NONE, PTR_MECH | OPTIONAL, CKM_ECDH1_DERIVE, K_EC_PRV },
	[F_SeedRandom] = { "C_SeedRandom", "5.15", do_seed_random,
		SESSION, OP_NONE, 0, 0, K_NONE },
	[F_GenerateRandom] = { "C_GenerateRandom", "5.15", do_generate_random,
		SESSION, OP_NONE, PTR_OUT, 0, K_NONE },
	[F_GetFunctionStatus] = { "C_GetFunctionStatus", "5.16", do_get_function_status,
		SESSION, OP_NONE, 0, 0, K_NONE },
	[F_CancelFunction] = { "C_CancelFunction", "5.16", do_cancel_function,
		SESSION, OP_NONE, 0, 0, K_NONE },
	[F_WaitForSlotEvent] = { "C_WaitForSlotEvent", "5.5", do_wait_for_slot_event,
		LIB, OP_NONE, PTR_COUNT, 0, K_NONE },
};

const enum fn init_of[OP_COUNT] = {
	[OP_FIND] = F_FindObjectsInit,
	[OP_DIGEST] = F_DigestInit,
	[OP_SIGN] = F_SignInit,
	[OP_VERIFY] = F_VerifyInit,
	[OP_ENCRYPT] = F_EncryptInit,
	[OP_DECRYPT] = F_DecryptInit,
	[OP_SIGN_RECOVER] = F_SignRecoverInit,
	[OP_VERIFY_RECOVER] = F_VerifyRecoverInit,
};

/* A private key on a card as an EVP_PKEY: CMS, TLS, certificate requests and whatever else OpenSSL
 * does with a key just use it. It is a provider built in, "castor", in a library context of the
 * caller's; the process's own context and openssl.cnf stay as they are. Private operations go to
 * the module; everything with the public key goes to OpenSSL's default provider.
 *
 * Never give such a context, an SSL_CTX or a CMS function a property query that prefers this
 * provider: OpenSSL would then bring the keys of others here too. */
#ifndef CASTOR_BRIDGES_KIT_PKEY_H
#define CASTOR_BRIDGES_KIT_PKEY_H

#include <openssl/evp.h>
#include <openssl/provider.h>
#include <p11-kit/pkcs11.h>

/* A library context with the default provider and this one, and no configuration file. */
struct kit_lib {
	OSSL_LIB_CTX *ctx;
	OSSL_PROVIDER *base, *card;
};

/* A private key object of a session. Borrowed by the EVP_PKEY: it must outlive that and all that
 * holds it (an SSL_CTX, a CMS message). One thread at a time, and no other operation of the same
 * kind in the session meanwhile; for several threads take a session and a kit_key each. */
struct kit_key {
	CK_FUNCTION_LIST *f;
	CK_SESSION_HANDLE session;
	CK_OBJECT_HANDLE key;
	/* For a key with CKA_ALWAYS_AUTHENTICATE: called between C_SignInit or C_DecryptInit and the
	 * operation, which is its moment to C_Login(CKU_CONTEXT_SPECIFIC). Another answer than CKR_OK
	 * gives the operation up and becomes rv. NULL: nothing is called, the module asks by itself.
	 * ECDH has no such moment in PKCS#11, and C_DeriveKey is called right away. */
	CK_RV (*ready)(struct kit_key *k);
	void *arg; /* the caller's own, for ready */
	CK_RV rv;  /* how the last private operation ended; OpenSSL's own errors cannot carry it */
};

/* 0, or E_CRYPTO (and *l holds nothing). Owner: caller, kit_lib_close, after all keys are freed;
 * that is safe on a zeroed *l. */
int kit_lib_open(struct kit_lib *l);
void kit_lib_close(struct kit_lib *l);

/* The key with its public half, which is copied and usually comes from X509_get0_pubkey. RSA, or EC
 * on a named curve. Asks the module for CKA_SIGN, CKA_DECRYPT, CKA_DERIVE and
 * CKA_ALWAYS_AUTHENTICATE: what a key does not allow fails with CKR_KEY_FUNCTION_NOT_PERMITTED
 * before it comes to the card. `ctx` is one of kit_lib_open. NULL: k->rv says why if it was the
 * module; else the public key is of another kind. Owner: caller, EVP_PKEY_free. */
EVP_PKEY *kit_pkey_new(OSSL_LIB_CTX *ctx, struct kit_key *k, const EVP_PKEY *public);

/* The card's key that an EVP_PKEY stands for, borrowed; NULL: it is another kind of key. */
struct kit_key *kit_pkey_card(const EVP_PKEY *key);

#endif

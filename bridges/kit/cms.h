/* CMS (RFC 5652): sign, verify, decrypt, encrypt. Works with any EVP_PKEY, and with those of
 * pkey.h as they are meant to be used. All in a library context of kit_lib_open.
 *
 * BIOs are borrowed, read to their end and written in order. What is written to `out` before a
 * function fails is worth nothing: write to a file of its own and take it away then. Detached
 * content, and everything encrypted here, passes through in small pieces; a message that has its
 * content inside is in memory as a whole while it is read or made (OpenSSL has no other way to
 * DER, and 2 GiB are its limit). Nothing is left in OpenSSL's error queue. */
#ifndef CASTOR_BRIDGES_KIT_CMS_H
#define CASTOR_BRIDGES_KIT_CMS_H

#include <openssl/bio.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "bridges/kit/pkey.h"

/* What became of it. For signatures the order is that of weight: of several findings the one
 * further down is told. */
enum kit_cms {
	KIT_CMS_GOOD,        /* done; or: good and trusted, then and now */
	KIT_CMS_EXPIRED,     /* good, but a certificate of the chain is not valid now */
	KIT_CMS_NOT_THEN,    /* good, but one was not valid when it says that it was signed */
	KIT_CMS_UNTRUSTED,   /* good, but the chain does not lead to a trusted root: see signer */
	KIT_CMS_USAGE,       /* good, but the certificate is not one for signatures (keyUsage) */
	KIT_CMS_NO_CERT,     /* the signer's certificate is not there: nothing can be said */
	KIT_CMS_CHANGED,     /* the content is not the one that was signed */
	KIT_CMS_BAD,         /* the signature is not one of that certificate over this message */
	KIT_CMS_UNSUPPORTED, /* an algorithm that OpenSSL does not have or does not let, or a broken digest */
	KIT_CMS_NO_SIGNER,   /* nobody signed it: a bag of certificates */
	KIT_CMS_NO_CONTENT,  /* detached, and no content was given */
	KIT_CMS_OTHER_TYPE,  /* CMS, but not of the kind asked for: encrypted, say */
	KIT_CMS_NOT_CMS,     /* something else altogether */
	KIT_CMS_DAMAGED,     /* CMS once; cut off, or its parts do not fit */
	KIT_CMS_NOT_FOR_US,  /* encrypted, but not to this certificate */
	KIT_CMS_CARD,        /* the module refused: rv in kit_key */
	KIT_CMS_READ,        /* a BIO could not be read */
	KIT_CMS_WRITE,       /* or written */
	KIT_CMS_FAILED       /* OpenSSL failed: out of memory, key and certificate that do not match */
};

enum { KIT_CMS_DETACHED = 1, KIT_CMS_OAEP = 2 };

/* Signs all of `in` into SignedData in DER, with signing-time and signing-certificate-v2
 * (CAdES-BES, ETSI EN 319 122-1), SHA-256, or SHA-384 and SHA-512 for larger curves. `chain` (may
 * be NULL) goes in too, cert does by itself. flags: KIT_CMS_DETACHED leaves the content out. */
enum kit_cms kit_cms_sign(OSSL_LIB_CTX *ctx, EVP_PKEY *key, X509 *cert, STACK_OF(X509) *chain, BIO *in,
    BIO *out, unsigned flags);

struct kit_cms_signer {
	enum kit_cms state;
	X509 *cert;    /* owned; NULL: KIT_CMS_NO_CERT */
	bool has_time; /* what the signer says of the time; nobody else vouches for it */
	time_t signed_at;
	X509 *stop;    /* owned; the certificate at fault, NULL if there is none; when its issuer is
	                * missing or not trusted, the name is X509_get_issuer_name's */
	int error;     /* X509_V_ERR_..., X509_V_OK */
};

struct kit_cms_verdict {
	enum kit_cms state; /* of the message, and then the worst of its signers */
	size_t n;
	struct kit_cms_signer *signer;
};

/* Verifies SignedData, DER or BER or PEM. `content` is that of a detached message; when there is
 * content inside too, both must be the one that was signed. `out` (may be NULL) gets the content.
 * `more` (may be NULL) has certificates besides those inside; `trusted` the anchors and the
 * caller's wishes for revocation. keyUsage, if there, must
 * have digitalSignature or nonRepudiation (cards have certificates with the latter alone), and extended
 * key usage something that persons do: a web server's certificate is not trusted. Times are checked now
 * and at the signing time, which must not be in the future; MD5 and SHA-1 are refused. Owner of *v: caller, kit_cms_verdict_free. */
enum kit_cms kit_cms_verify(OSSL_LIB_CTX *ctx, BIO *message, BIO *content, BIO *out, X509_STORE *trusted,
    STACK_OF(X509) *more, struct kit_cms_verdict *v);
void kit_cms_verdict_free(struct kit_cms_verdict *v);

/* Whether a message can be decrypted for that certificate, as far as one can tell without the key: before
 * somebody is asked for a PIN. KIT_CMS_GOOD, or what kit_cms_decrypt would answer. */
enum kit_cms kit_cms_is_for(OSSL_LIB_CTX *ctx, X509 *cert, BIO *in);
/* Decrypts EnvelopedData or AuthEnvelopedData for the recipient that cert names; that is looked at
 * before the key is used. A ciphertext that the key cannot make sense of is never told from a
 * content that does not decrypt: both are KIT_CMS_DAMAGED, or (once in 256 times without
 * authentication) good with rubbish, so that nobody learns keys by asking (Bleichenbacher). Say no
 * more than that to whoever sent the message. */
enum kit_cms kit_cms_decrypt(OSSL_LIB_CTX *ctx, EVP_PKEY *key, X509 *cert, BIO *in, BIO *out);

/* Encrypts all of `in` to the certificates, AES-256-CBC, EnvelopedData in BER as it is streamed.
 * flags: KIT_CMS_OAEP, for RSA keys, else PKCS#1 v1.5, which all cards decrypt. */
enum kit_cms kit_cms_encrypt(OSSL_LIB_CTX *ctx, STACK_OF(X509) *to, BIO *in, BIO *out, unsigned flags);

#endif

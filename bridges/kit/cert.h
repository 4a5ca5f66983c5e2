/* What people want to know of a certificate. Source: RFC 5280. */
#ifndef CASTOR_BRIDGES_KIT_CERT_H
#define CASTOR_BRIDGES_KIT_CERT_H

#include <openssl/x509.h>
#include <stdint.h>

#include "base/buf.h"

/* What its key is for; several may be set. */
enum kit_use {
	KIT_USE_LOGIN = 1,    /* digitalSignature: to log in, to sign mail */
	KIT_USE_DECRYPT = 2,  /* keyEncipherment, dataEncipherment, keyAgreement */
	KIT_USE_SIGN = 4,     /* nonRepudiation: signatures that are legally binding */
	KIT_USE_ISSUE = 8     /* keyCertSign: a certificate authority */
};

enum kit_validity { KIT_VALID, KIT_NOT_YET, KIT_EXPIRED };

/* Reads a certificate at the start of der. NULL: it is none. The caller's, X509_free. */
X509 *kit_cert_read(struct view der);
/* For PEM_read_bio_*: there is no passphrase, and nobody is to be asked for one, who might type a PIN. */
int kit_no_passphrase(char *buf, int size, int writing, void *arg);
/* Appends whose it is, for people: the common name, else organisation, else the whole name; UTF-8. */
void kit_cert_name(const X509_NAME *name, struct buf *out);
/* Appends the whole name as RFC 2253 has it, in UTF-8. */
void kit_cert_full_name(const X509_NAME *name, struct buf *out);
/* Bits of kit_use; a certificate without key usage is for logging in and decrypting. */
unsigned kit_cert_use(X509 *cert);
/* Seconds since 1970 of its beginning or end; INT64_MIN when it is unreadable. */
int64_t kit_cert_time(const ASN1_TIME *t);
/* Validity at a time; *days: whole days from then to its end, negative when it has passed. */
enum kit_validity kit_cert_validity(const X509 *cert, int64_t now, long *days);
/* Appends "2026-11-25" of a time in UTC. */
void kit_date(int64_t t, struct buf *out);
/* Appends "RSA 2048", "EC P-384" or another algorithm's name and bits. */
void kit_key_kind(const EVP_PKEY *key, struct buf *out);
/* Appends the bytes of the SHA-256 of the whole certificate. */
void kit_cert_sha256(const X509 *cert, struct buf *out);

#endif

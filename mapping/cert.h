/* The fields of an X.509 certificate and of a public key that PKCS#11 attributes show, as
 * views into the bytes. Pure. Source: RFC 5280 4.1, RFC 3279, RFC 5480. */
#ifndef CASTOR_MAPPING_CERT_H
#define CASTOR_MAPPING_CERT_H

#include "base/buf.h"

enum pub_kind { PUB_OTHER, PUB_RSA, PUB_EC };

struct pub_fields {
	enum pub_kind kind;
	struct view spki;      /* the whole SubjectPublicKeyInfo; empty if there was none */
	struct view n, e;      /* RSA: big-endian without leading zeros */
	struct view ec_params; /* EC: DER OBJECT IDENTIFIER of the curve */
	struct view ec_point;  /* EC: 04 X Y, no OCTET STRING around it */
	unsigned bits;         /* RSA modulus; EC field */
};

struct cert_fields {
	struct view der;       /* the certificate without what follows it in the file */
	struct view serial;    /* the whole INTEGER with tag and length */
	struct view issuer, subject; /* whole Names with tag and length */
	struct view not_before, not_after; /* content of UTCTime or GeneralizedTime */
	char start[8], end[8]; /* YYYYMMDD, not NUL-terminated; all zero when unreadable */
	struct view cn;        /* last commonName of the subject, content bytes; may be empty */
	struct pub_fields pub;
	bool ca;               /* basicConstraints cA */
	unsigned key_usage;    /* bits as 1u << n, digitalSignature 0 .. decipherOnly 8 */
	bool has_key_usage;
};

/* Reads a certificate at the start of `der`. Views borrow from der. E_FORMAT. */
int cert_decode(struct view der, struct cert_fields *out);
/* Reads a SubjectPublicKeyInfo, an RSAPublicKey SEQUENCE {n,e}, or (with ec_params known from
 * elsewhere) an EC point bare, in an OCTET STRING, or as MyEID's `86`/`30` object: then
 * ec_params stays empty and bits is the field of a point that long. A key of another algorithm,
 * on a curve without a name, or a compressed point is PUB_OTHER. E_FORMAT. */
int pub_decode(struct view der, struct pub_fields *out);

#endif

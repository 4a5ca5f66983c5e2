/*
 * PKCS#15 records by OpenSSL's ASN.1 generator: each is a text for ASN1_generate_nconf, so that no
 * encoder of ours stands between the standard's description and the bytes.
 */
#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/conf.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "t/vcard/vc_card.h"

/* A string's bytes behind any tag: OpenSSL takes hex only for OCTET STRING, so that is retagged. */
static void put_text(BIO *b, const char *name, const char *tag, const char *text)
{
	if (text == NULL)
		return;
	BIO_printf(b, "%s=IMPLICIT:%s,FORMAT:HEX,OCTETSTRING:", name, tag);
	for (; *text != '\0'; text++)
		BIO_printf(b, "%02X", (unsigned char)*text);
	BIO_puts(b, "\n");
}

#define UTF8 "12U"

static void put_hex(BIO *b, const char *name, const char *tag, const char *hex)
{
	if (hex != NULL)
		BIO_printf(b, "%s=%sFORMAT:HEX,OCTETSTRING:%s\n", name, tag, hex);
}

static void put_bits(BIO *b, const char *name, const char *bits)
{
	if (bits != NULL)
		BIO_printf(b, "%s=FORMAT:BITLIST,BITSTRING:%s\n", name, bits);
}

static void put_int(BIO *b, const char *name, const char *tag, int value, int absent)
{
	if (value != absent)
		BIO_printf(b, "%s=%sINTEGER:%d\n", name, tag, value);
}

/* A reference; where the card writes one byte, 80 to FF come out as a negative INTEGER. */
static void put_ref(BIO *b, const struct vc_p15 *o, const char *tag)
{
	put_int(b, "ref", tag, o->raw_ref && o->ref > 127 ? o->ref - 256 : o->ref, -1);
}

static void put_path(BIO *b, const struct vc_p15 *o)
{
	BIO_puts(b, "[path]\n");
	put_hex(b, "p", "", o->path);
}

static void put_common(BIO *b, const struct vc_p15 *o)
{
	BIO_puts(b, "[common]\n");
	put_text(b, "label", UTF8, o->label);
	put_bits(b, "flags", o->flags);
	put_hex(b, "auth", "", o->auth);
	put_int(b, "consent", "", o->consent, 0);
}

/* The three parts that every object has; the caller goes on with [class]. */
static void put_object(BIO *b, const struct vc_p15 *o, const char *type)
{
	BIO_printf(b, "[record]\na=SEQUENCE:common\nb=SEQUENCE:class\nc=EXPLICIT:1,SEQUENCE:%s\n",
		type);
	put_common(b, o);
	put_path(b, o);
}

static void put_pin(BIO *b, const struct vc_p15 *o)
{
	put_object(b, o, "pin");
	BIO_puts(b, "[class]\n");
	put_hex(b, "id", "", o->id);
	BIO_puts(b, "[pin]\n");
	put_bits(b, "flags", o->pin_flags);
	BIO_puts(b, "type=ENUM:1\n");
	put_int(b, "min", "", o->min, -1);
	put_int(b, "stored", "", o->stored, -1);
	put_int(b, "max", "", o->max, -1);
	put_ref(b, o, "IMPLICIT:0,");
	if (o->pad == NULL || strcmp(o->pad, "none") != 0)
		put_hex(b, "pad", "", o->pad != NULL ? o->pad : "FF");
	if (o->updated != NULL)
		BIO_printf(b, "changed=GENERALIZEDTIME:%s\n", o->updated);
	if (o->path != NULL)
		BIO_puts(b, "path=SEQUENCE:path\n");
}

/*
 * What algorithm references (the bytes that MSE SET takes) stand for: mechanism of PKCS#11, bits of the
 * supported operations, OID. Source: facts on FINEID, 5 and 6.9; PKCS#11, CKM_; RFC 8017, appendix C.
 */
static const struct algorithm { unsigned ref, ckm; const char *operations, *oid; } algorithms[] = {
	{ 0x10, 0x220, "6", "1.3.14.3.2.26" },
	{ 0x40, 0x250, "6", "2.16.840.1.101.3.4.2.1" },
	{ 0x12, 0x006, "1", "1.2.840.113549.1.1.5" },
	{ 0x42, 0x040, "1", "1.2.840.113549.1.1.11" },
	{ 0x52, 0x041, "1", "1.2.840.113549.1.1.12" },
	{ 0x62, 0x042, "1", "1.2.840.113549.1.1.13" },
	{ 0x45, 0x043, "1", "1.2.840.113549.1.1.10" },
	{ 0x55, 0x044, "1", "1.2.840.113549.1.1.10" },
	{ 0x65, 0x045, "1", "1.2.840.113549.1.1.10" },
	{ 0x44, 0x1044, "1", "1.2.840.10045.4.3.2" },
	{ 0x54, 0x1045, "1", "1.2.840.10045.4.3.3" },
	{ 0x64, 0x1046, "1", "1.2.840.10045.4.3.4" },
	{ 0x1A, 0x001, "5", "1.2.840.113549.1.1.1" },
};

static const struct algorithm *algorithm_of(unsigned ref)
{
	size_t i;

	for (i = 0; i < sizeof algorithms / sizeof algorithms[0]; i++)
		if (algorithms[i].ref == ref)
			return &algorithms[i];
	return NULL;
}

/* Section [algorithms], of AlgorithmInfo or of their numbers alone; both number them by reference. */
static void put_algorithms(BIO *b, const struct vc_p15 *o)
{
	const struct algorithm *a;
	size_t i;

	if (o->n_algorithms == 0)
		return;
	BIO_puts(b, "[algorithms]\n");
	for (i = 0; i < o->n_algorithms; i++)
		BIO_printf(b, o->kind == VC_P15_TOKEN ? "a%u=SEQUENCE:a%u\n" : "a%u=INTEGER:%u\n",
			o->algorithms[i], o->algorithms[i]);
	for (i = 0; i < o->n_algorithms && o->kind == VC_P15_TOKEN; i++) {
		a = algorithm_of(o->algorithms[i]);
		/* An unknown one has no mechanism, and OpenSSL refuses the record. */
		if (a != NULL)
			BIO_printf(b, "[a%u]\nnumber=INTEGER:%u\nmechanism=INTEGER:%u\nparameters=NULL\n"
				"operations=FORMAT:BITLIST,BITSTRING:%s\nid=OID:%s\nref=INTEGER:%u\n",
				a->ref, a->ref, a->ckm, a->operations, a->oid, a->ref);
	}
}

static void put_key(BIO *b, const struct vc_p15 *o)
{
	put_object(b, o, "key");
	BIO_puts(b, "[class]\n");
	put_hex(b, "id", "", o->id);
	put_bits(b, "usage", o->usage);
	if (o->native)
		BIO_puts(b, "native=BOOLEAN:TRUE\n");
	put_bits(b, "access", o->access);
	put_ref(b, o, "");
	if (o->n_algorithms != 0)
		BIO_puts(b, "algorithms=IMPLICIT:1,SEQUENCE:algorithms\n");
	BIO_puts(b, "[key]\npath=SEQUENCE:path\n");
	put_int(b, "bits", "", o->bits, -1);
	put_algorithms(b, o);
}

static void put_cert(BIO *b, const struct vc_p15 *o)
{
	put_object(b, o, "cert");
	BIO_puts(b, "[class]\n");
	put_hex(b, "id", "", o->id);
	if (o->ca)
		BIO_puts(b, "authority=BOOLEAN:TRUE\n");
	BIO_puts(b, "[cert]\npath=SEQUENCE:path\n");
}

static void put_data(BIO *b, const struct vc_p15 *o)
{
	put_object(b, o, "path");
	BIO_puts(b, "[class]\n");
	put_text(b, "application", UTF8, o->maker);
}

static void put_token(BIO *b, const struct vc_p15 *o)
{
	BIO_printf(b, "[record]\nversion=INTEGER:%d\n", o->v2 ? 1 : 0);
	put_hex(b, "serial", "", o->serial);
	put_text(b, "maker", UTF8, o->maker);
	put_text(b, "label", "0", o->label);
	put_bits(b, "flags", o->token_flags);
	if (o->n_algorithms != 0)
		BIO_puts(b, "algorithms=IMPLICIT:2,SEQUENCE:algorithms\n");
	if (o->updated != NULL)
		BIO_printf(b, "updated=EXPLICIT:5,GENERALIZEDTIME:%s\n", o->updated);
	put_algorithms(b, o);
}

static void put_odf(BIO *b, const struct vc_p15 *o)
{
	put_path(b, o);
}

static void put_dir(BIO *b, const struct vc_p15 *o)
{
	BIO_puts(b, "[record]\n");
	put_hex(b, "aid", "IMPLICIT:15A,", o->aid);
	put_text(b, "label", "16A", o->label);
	put_hex(b, "path", "IMPLICIT:17A,", o->path);
	/* DDO, tag 73: the OID of the application's profile. */
	if (o->oid != NULL)
		BIO_printf(b, "ddo=IMPLICIT:19A,SEQUENCE:ddo\n[ddo]\noid=OID:%s\n", o->oid);
}

static void (*const put_kind[])(BIO *, const struct vc_p15 *) = { [VC_P15_TOKEN] = put_token,
	[VC_P15_ODF] = put_odf,
	[VC_P15_DIR] = put_dir,
	[VC_P15_PIN] = put_pin,
	[VC_P15_KEY] = put_key,
	[VC_P15_PUBKEY] = put_key,
	[VC_P15_CERT] = put_cert,
	[VC_P15_DATA] = put_data };

int vc_p15_record(const struct vc_p15 *o, unsigned char **der)
{
	BIO *b = BIO_new(BIO_s_mem());
	CONF *conf = NCONF_new(NULL);
	ASN1_TYPE *value = NULL;
	char top[64] = "SEQUENCE:record";
	long line = 0;
	int len = -1;

	*der = NULL;
	if (b == NULL || conf == NULL)
		goto out;
	put_kind[o->kind](b, o);
	/* EC keys are a choice of their own, [0]; the ODF's records are [n] with a path inside. */
	if ((o->kind == VC_P15_KEY || o->kind == VC_P15_PUBKEY) && o->ec)
		snprintf(top, sizeof top, "IMPLICIT:0,SEQUENCE:record");
	else if (o->kind == VC_P15_DIR)
		snprintf(top, sizeof top, "IMPLICIT:1A,SEQUENCE:record");
	else if (o->kind == VC_P15_ODF)
		snprintf(top, sizeof top, "EXPLICIT:%d,SEQUENCE:path", o->ref);
	if (NCONF_load_bio(conf, b, &line) != 1)
		goto out;
	value = ASN1_generate_nconf(top, conf);
	if (value != NULL)
		len = i2d_ASN1_TYPE(value, der);
out:
	ASN1_TYPE_free(value);
	NCONF_free(conf);
	BIO_free(b);
	ERR_clear_error();
	return len;
}

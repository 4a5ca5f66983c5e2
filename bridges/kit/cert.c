#include "bridges/kit/cert.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

#define DAY 86400 /* seconds */

X509 *
kit_cert_read(struct view der)
{
	const unsigned char *p = der.p;
	X509 *cert;

	if (der.len > LONG_MAX)
		return NULL;
	cert = d2i_X509(NULL, &p, (long)der.len);
	if (!cert)
		ERR_clear_error();
	return cert;
}

int
kit_no_passphrase(char *buf, int size, int writing, void *arg)
{
	(void)buf;
	(void)size;
	(void)writing;
	(void)arg;
	return -1;
}

void
kit_cert_full_name(const X509_NAME *name, struct buf *out)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *p;
	long n;

	if (!bio || X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB) < 0)
		out->bad = true;
	else if ((n = BIO_get_mem_data(bio, &p)) > 0)
		buf_put(out, p, (size_t)n);
	BIO_free(bio);
}

void
kit_cert_name(const X509_NAME *name, struct buf *out)
{
	static const int wanted[] = { NID_commonName, NID_organizationName, NID_organizationalUnitName };
	unsigned char *utf8;
	int at, n;

	for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
		if ((at = X509_NAME_get_index_by_NID(name, wanted[i], -1)) < 0)
			continue;
		n = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
		if (n < 0) {
			ERR_clear_error();
			continue;
		}
		buf_put(out, utf8, (size_t)n);
		OPENSSL_free(utf8);
		if (n)
			return;
	}
	kit_cert_full_name(name, out);
}

unsigned
kit_cert_use(X509 *cert)
{
	uint32_t usage = X509_get_key_usage(cert); /* all bits set where there is none */
	unsigned use = 0;

	if (X509_check_ca(cert) == 1 || (usage != UINT32_MAX && (usage & KU_KEY_CERT_SIGN)))
		return KIT_USE_ISSUE;
	if (usage == UINT32_MAX)
		return KIT_USE_LOGIN | KIT_USE_DECRYPT;
	if (usage & KU_DIGITAL_SIGNATURE)
		use |= KIT_USE_LOGIN;
	if (usage & (KU_KEY_ENCIPHERMENT | KU_DATA_ENCIPHERMENT | KU_KEY_AGREEMENT))
		use |= KIT_USE_DECRYPT;
	if (usage & KU_NON_REPUDIATION)
		use |= KIT_USE_SIGN;
	return use;
}

int64_t
kit_cert_time(const ASN1_TIME *t)
{
	struct tm tm;

	if (!t || !ASN1_TIME_to_tm(t, &tm)) {
		ERR_clear_error();
		return INT64_MIN;
	}
	return (int64_t)timegm(&tm);
}

enum kit_validity
kit_cert_validity(const X509 *cert, int64_t now, long *days)
{
	int64_t from = kit_cert_time(X509_get0_notBefore(cert)), to = kit_cert_time(X509_get0_notAfter(cert));

	if (to == INT64_MIN) {
		*days = -1;
		return KIT_EXPIRED;
	}
	*days = (long)((to - now - (to < now ? DAY - 1 : 0)) / DAY);
	if (to < now)
		return KIT_EXPIRED;
	return from > now ? KIT_NOT_YET : KIT_VALID;
}

void
kit_date(int64_t t, struct buf *out)
{
	time_t at = (time_t)t;
	struct tm tm;

	if (t != INT64_MIN && gmtime_r(&at, &tm))
		buf_fmt(out, "%04d-%02d-%02d", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
	else
		buf_str(out, "?");
}

void
kit_key_kind(const EVP_PKEY *key, struct buf *out)
{
	static const struct curve { const char *group, *name; } curves[] = {
		{ "prime256v1", "P-256" }, { "secp384r1", "P-384" }, { "secp521r1", "P-521" },
		{ "brainpoolP256r1", "brainpoolP256r1" }, { "brainpoolP384r1", "brainpoolP384r1" },
	};
	char group[64];
	size_t n;

	if (!key) {
		buf_str(out, "?");
	} else if (EVP_PKEY_is_a(key, "EC") && EVP_PKEY_get_group_name(key, group, sizeof group, &n)) {
		for (size_t i = 0; i < sizeof curves / sizeof curves[0]; i++) {
			if (!strcmp(group, curves[i].group)) {
				buf_fmt(out, "EC %s", curves[i].name);
				return;
			}
		}
		buf_fmt(out, "EC %s", group);
	} else {
		buf_fmt(out, "%s %d", EVP_PKEY_get0_type_name(key) ? EVP_PKEY_get0_type_name(key) : "?",
		    EVP_PKEY_get_bits(key));
	}
}

void
kit_cert_sha256(const X509 *cert, struct buf *out)
{
	unsigned char md[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	if (X509_digest(cert, EVP_sha256(), md, &n))
		buf_put(out, md, n);
	else
		out->bad = true;
}

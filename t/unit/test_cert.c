#include "mapping/cert.h"

#include "base/err.h"
#include "t/unit/bytes.h"
#include "t/unit/mutate.h"
#include "t/unit/unit.h"

#include <openssl/x509.h>
#include <openssl/x509v3.h>

#define DATA "t/unit/data/"
#define USAGE(bit) (1u << (bit))

static const struct cert_case {
	const char *file;
	enum pub_kind kind;
	unsigned bits, usage;
	bool has_usage, ca;
	const char *serial, *cn;
} cert_cases[] = {
	{ DATA "cert-rsa2048.hex", PUB_RSA, 2048, USAGE(0) | USAGE(2) | USAGE(3), true, false,
	    "020200F1", "MALLI MAIJA 99999999A" },
	{ DATA "cert-p256.hex", PUB_EC, 256, USAGE(1), true, false, "02087FFFFFFFFFFFFFFF",
	    "MALLI MAIJA 99999999A" },
	{ DATA "cert-ca-p384.hex", PUB_EC, 384, USAGE(5) | USAGE(6), true, true, "020101",
	    "first name" },
	{ DATA "cert-ed25519.hex", PUB_OTHER, 0, 0, false, false, "020102", "first name" }
};

/* The same fields out of OpenSSL's decoder. */
static void
compare_with_openssl(struct view der, const struct cert_fields *f)
{
	const unsigned char *p = der.p;
	X509 *x = d2i_X509(NULL, &p, (long)der.len);
	unsigned char *out = NULL;
	struct tm tm;
	char date[32];
	int len;

	ck_assert_ptr_nonnull(x);
	ck_assert_uint_eq((size_t)(p - der.p), f->der.len);
	len = i2d_X509_NAME(X509_get_subject_name(x), &out);
	ck_assert(view_eq(view_of(out, (size_t)len), f->subject));
	OPENSSL_free(out);
	out = NULL;
	len = i2d_X509_NAME(X509_get_issuer_name(x), &out);
	ck_assert(view_eq(view_of(out, (size_t)len), f->issuer));
	OPENSSL_free(out);
	out = NULL;
	len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &out);
	ck_assert(view_eq(view_of(out, (size_t)len), f->pub.spki));
	OPENSSL_free(out);
	ASN1_TIME_to_tm(X509_get0_notBefore(x), &tm);
	strftime(date, sizeof date, "%Y%m%d", &tm);
	ck_assert_int_eq(memcmp(date, f->start, 8), 0);
	ASN1_TIME_to_tm(X509_get0_notAfter(x), &tm);
	strftime(date, sizeof date, "%Y%m%d", &tm);
	ck_assert_int_eq(memcmp(date, f->end, 8), 0);
	X509_free(x);
}

START_TEST(fields_of_real_certificates)
{
	for (size_t i = 0; i < sizeof cert_cases / sizeof cert_cases[0]; i++) {
		const struct cert_case *c = &cert_cases[i];
		struct buf b = hex_file(c->file);
		size_t len = b.len;
		struct cert_fields f;

		buf_fill(&b, 0x00, 7); /* files on cards are longer than what they hold */
		ck_assert_int_eq(cert_decode(buf_peek(&b), &f), 0);
		ck_assert_uint_eq(f.der.len, len);
		ck_assert_int_eq((int)f.pub.kind, (int)c->kind);
		ck_assert_uint_eq(f.pub.bits, c->bits);
		ck_assert_uint_eq(f.key_usage, c->usage);
		ck_assert(f.has_key_usage == c->has_usage);
		ck_assert(f.ca == c->ca);
		ck_assert_view_hex(f.serial, c->serial);
		ck_assert(view_eq(f.cn, view_str(c->cn)));
		compare_with_openssl(buf_peek(&b), &f);
		buf_free(&b);
	}
}
END_TEST

START_TEST(a_date_that_is_none_is_zero)
{
	static const char zero[8] = { 0 };
	struct buf b = hex_file(DATA "cert-p256.hex");
	struct cert_fields f;

	ck_assert_int_eq(cert_decode(buf_peek(&b), &f), 0);
	b.p[f.not_before.p - b.p + 2] = '1';
	b.p[f.not_before.p - b.p + 3] = '3'; /* month 13 */
	ck_assert_int_eq(cert_decode(buf_peek(&b), &f), 0);
	ck_assert_int_eq(memcmp(f.start, zero, 8), 0);
	ck_assert_int_ne(memcmp(f.end, zero, 8), 0);
	buf_free(&b);
}
END_TEST

START_TEST(a_utctime_from_50_on_is_of_the_last_century)
{
	struct buf b = hex_file(DATA "cert-p256.hex");
	struct cert_fields f;

	ck_assert_int_eq(cert_decode(buf_peek(&b), &f), 0);
	memcpy(b.p + (f.not_before.p - b.p), "500102", 6);
	memcpy(b.p + (f.not_after.p - b.p), "491231", 6);
	ck_assert_int_eq(cert_decode(buf_peek(&b), &f), 0);
	ck_assert_int_eq(memcmp(f.start, "19500102", 8), 0);
	ck_assert_int_eq(memcmp(f.end, "20491231", 8), 0);
	buf_free(&b);
}
END_TEST

START_TEST(what_is_no_certificate_is_an_error)
{
	static const char *cases[] = { "", "00", "3000", "30023000", "FFFFFFFF", "0402AABB" };
	struct cert_fields f;

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct buf b = hex(cases[i]);

		ck_assert_int_eq(cert_decode(buf_peek(&b), &f), E_FORMAT);
		ck_assert_uint_eq(f.der.len, 0);
		buf_free(&b);
	}
}
END_TEST

START_TEST(public_keys_in_files)
{
	static const struct {
		const char *file;
		enum pub_kind kind;
		unsigned bits;
		size_t point, params;
	} cases[] = {
		{ DATA "spki-rsa2048.hex", PUB_RSA, 2048, 0, 0 },
		{ DATA "pkcs1-rsa2048.hex", PUB_RSA, 2048, 0, 0 },
		{ DATA "spki-prime256v1.hex", PUB_EC, 256, 65, 10 },
		{ DATA "spki-secp384r1.hex", PUB_EC, 384, 97, 7 },
		{ DATA "spki-secp521r1.hex", PUB_EC, 521, 133, 7 },
		/* not a curve of ours: the field is guessed by the point */
		{ DATA "spki-secp256k1.hex", PUB_EC, 256, 65, 7 },
		{ DATA "spki-explicit.hex", PUB_OTHER, 0, 0, 0 },
		{ DATA "spki-compressed.hex", PUB_OTHER, 0, 0, 0 }
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct buf b = hex_file(cases[i].file);
		struct pub_fields f;

		ck_assert_int_eq(pub_decode(buf_peek(&b), &f), 0);
		ck_assert_msg(f.kind == cases[i].kind, "%s", cases[i].file);
		ck_assert_uint_eq(f.bits, cases[i].bits);
		ck_assert_uint_eq(f.ec_point.len, cases[i].point);
		ck_assert_uint_eq(f.ec_params.len, cases[i].params);
		ck_assert_uint_eq(f.spki.len, strstr(cases[i].file, "spki") ? b.len : 0);
		if (f.kind == PUB_RSA) {
			ck_assert_uint_eq(f.n.len, 256);
			ck_assert_view_hex(f.e, "010001");
		}
		buf_free(&b);
	}
}
END_TEST

START_TEST(a_point_is_known_in_all_its_wrappings)
{
	static const char x_y[] =
	    "41000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E"
	    "41000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E";
	static const struct { const char *name, *before, *after; bool ok; } cases[] = {
		{ "bare, and X starts as a length would", "04", "", true },
		{ "in an OCTET STRING", "044104", "", true },
		{ "MyEID's 86", "864104", "", true },
		{ "MyEID's 30", "304104", "", true },
		{ "in an OCTET STRING, filler behind", "044104", "FFFF", true },
		{ "bare, something behind", "04", "FFFF", false },
		{ "compressed", "02", "", false },
		{ "in an OCTET STRING with a length short by one", "044004", "", false }
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct buf b = hex(cases[i].before);
		struct pub_fields f;
		int r;

		ck_assert_int_eq(hex_parse(x_y, strlen(x_y), &b), 0);
		ck_assert_int_eq(hex_parse(cases[i].after, strlen(cases[i].after), &b), 0);
		r = pub_decode(buf_peek(&b), &f);
		ck_assert_msg(r == (cases[i].ok ? 0 : E_FORMAT), "%s", cases[i].name);
		if (cases[i].ok) {
			ck_assert_int_eq((int)f.kind, PUB_EC);
			ck_assert_uint_eq(f.ec_point.len, 65);
			ck_assert_uint_eq(f.ec_point.p[0], 4);
			ck_assert_uint_eq(f.bits, 256);
		}
		buf_free(&b);
	}
}
END_TEST

static volatile uint8_t sink;

/* Views must lie inside the copy: the sanitizer looks at each first and last byte. */
static void
touch(struct view v)
{
	if (v.len)
		sink = v.p[0] ^ v.p[v.len - 1];
}

static void
run_cert(struct view v, void *arg)
{
	struct cert_fields f;

	(void)arg;
	if (cert_decode(v, &f))
		return;
	touch(f.der);
	touch(f.serial);
	touch(f.issuer);
	touch(f.subject);
	touch(f.cn);
	touch(f.pub.spki);
	touch(f.pub.n);
	touch(f.pub.e);
	touch(f.pub.ec_params);
	touch(f.pub.ec_point);
}

static void
run_pub(struct view v, void *arg)
{
	struct pub_fields f;

	(void)arg;
	if (pub_decode(v, &f))
		return;
	touch(f.spki);
	touch(f.n);
	touch(f.e);
	touch(f.ec_params);
	touch(f.ec_point);
}

START_TEST(damage_is_survived)
{
	static const char *pubs[] = { DATA "spki-rsa2048.hex", DATA "pkcs1-rsa2048.hex",
		DATA "spki-prime256v1.hex", DATA "spki-secp521r1.hex", DATA "spki-explicit.hex" };

	for (size_t i = 0; i < sizeof cert_cases / sizeof cert_cases[0]; i++) {
		struct buf b = hex_file(cert_cases[i].file);
		struct mutate m = { buf_peek(&b), run_cert, NULL, 0 };

		ck_assert_uint_gt(mutate(&m), b.len * 12);
		buf_free(&b);
	}
	for (size_t i = 0; i < sizeof pubs / sizeof pubs[0]; i++) {
		struct buf b = hex_file(pubs[i]);
		struct mutate m = { buf_peek(&b), run_pub, NULL, 0 };

		mutate(&m);
		buf_free(&b);
	}
}
END_TEST

UNIT_MAIN("cert", fields_of_real_certificates, a_date_that_is_none_is_zero,
    a_utctime_from_50_on_is_of_the_last_century, what_is_no_certificate_is_an_error,
    public_keys_in_files, a_point_is_known_in_all_its_wrappings, damage_is_survived)

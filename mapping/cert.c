#include "mapping/cert.h"

#include <string.h>

#include "base/err.h"
#include "mapping/algs.h"
#include "mapping/der.h"

#define POINT_BYTES(c) (2 * (c)->bytes + 1)

/* Content of OBJECT IDENTIFIERs. */
static const uint8_t oid_rsa[] = { 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01 };
static const uint8_t oid_oaep[] = { 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x07 };
static const uint8_t oid_pss[] = { 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x0A };
static const uint8_t oid_ec[] = { 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01 };
static const uint8_t oid_cn[] = { 0x55, 0x04, 0x03 };
static const uint8_t oid_key_usage[] = { 0x55, 0x1D, 0x0F };
static const uint8_t oid_basic_constraints[] = { 0x55, 0x1D, 0x13 };

static const struct { struct view oid; enum pub_kind kind; } pub_kinds[] = {
	{ { oid_rsa, sizeof oid_rsa }, PUB_RSA },
	{ { oid_oaep, sizeof oid_oaep }, PUB_RSA },
	{ { oid_pss, sizeof oid_pss }, PUB_RSA },
	{ { oid_ec, sizeof oid_ec }, PUB_EC }
};

static bool
oid_is(struct view content, const uint8_t *oid, size_t len)
{
	return view_eq(content, view_of(oid, len));
}

/* ---- public keys ---- */

static unsigned
bits_of(struct view magnitude)
{
	unsigned bits = 0;

	if (magnitude.len == 0 || magnitude.len > 0x10000)
		return 0;
	for (unsigned top = magnitude.p[0]; top; top >>= 1)
		bits++;
	return (unsigned)(magnitude.len - 1) * 8 + bits;
}

static int
rsa_decode(struct view seq, struct pub_fields *out)
{
	struct der n, e;

	if (!der_take(&seq, 0x02, &n) || !der_take(&seq, 0x02, &e))
		return E_FORMAT;
	out->n = der_magnitude(n.content);
	out->e = der_magnitude(e.content);
	out->bits = bits_of(out->n);
	if (!out->bits || !out->e.len)
		return E_FORMAT;
	out->kind = PUB_RSA;
	return 0;
}

/* 04 X Y, its length being that of a curve of ours. */
static bool
point_decode(struct view point, struct pub_fields *out)
{
	const struct curve_info *info;

	if (point.len == 0 || point.p[0] != 0x04)
		return false;
	for (int c = CURVE_NONE + 1; c < CURVE_COUNT; c++) {
		info = curve_info((enum curve)c);
		if (point.len != POINT_BYTES(info))
			continue;
		out->kind = PUB_EC;
		out->ec_point = point;
		out->bits = info->bits;
		return true;
	}
	return false;
}

/* A key on a curve that PKCS#11 can name only by explicit parameters, or a compressed point,
 * stays PUB_OTHER: its certificate is still worth showing. */
static void
ec_decode(struct der params, struct view point, struct pub_fields *out)
{
	const struct curve_info *info = curve_info(curve_by_oid(params.whole));

	if (params.tag != 0x06 || point.len < 3 || point.p[0] != 0x04 || point.len % 2 == 0)
		return;
	if (info && point.len != POINT_BYTES(info))
		return;
	out->kind = PUB_EC;
	out->ec_params = params.whole;
	out->ec_point = point;
	out->bits = info ? info->bits : (unsigned)(point.len / 2) * 8;
}

static int
spki_decode(struct der spki, struct pub_fields *out)
{
	struct view in = spki.content, alg_in, bits;
	struct der alg, oid, params = { 0 }, key, seq;
	enum pub_kind kind = PUB_OTHER;
	unsigned unused;

	if (!der_take(&in, 0x30, &alg) || !der_take(&in, 0x03, &key))
		return E_FORMAT;
	alg_in = alg.content;
	bits = key.content;
	if (!der_take(&alg_in, 0x06, &oid) || !view_u8(&bits, &unused) || unused)
		return E_FORMAT;
	der_next(&alg_in, &params);
	for (size_t i = 0; i < sizeof pub_kinds / sizeof pub_kinds[0]; i++)
		if (view_eq(oid.content, pub_kinds[i].oid))
			kind = pub_kinds[i].kind;
	out->spki = spki.whole;
	if (kind == PUB_EC)
		ec_decode(params, bits, out);
	else if (kind == PUB_RSA)
		return der_take(&bits, 0x30, &seq) ? rsa_decode(seq.content, out) : E_FORMAT;
	return 0;
}

int
pub_decode(struct view der, struct pub_fields *out)
{
	struct view whole = der, peek;
	struct der d, first;
	int r = E_FORMAT;

	memset(out, 0, sizeof *out);
	/* A bare point starts with 04 as an OCTET STRING does: its exact length decides. */
	if (point_decode(whole, out))
		return 0;
	if (!der_next(&der, &d))
		return E_FORMAT;
	if ((d.tag == 0x04 || d.tag == 0x30 || d.tag == 0x86) && point_decode(d.content, out))
		return 0;
	peek = d.content;
	if (d.tag == 0x30 && der_next(&peek, &first)) {
		if (first.tag == 0x02)
			r = rsa_decode(d.content, out);
		else if (first.tag == 0x30)
			r = spki_decode(d, out);
	}
	if (r)
		memset(out, 0, sizeof *out);
	return r;
}

/* ---- certificates ---- */

/* The date of UTCTime YYMMDD.. (50..99: 19xx, RFC 5280 4.1.2.5.1) or GeneralizedTime. */
static void
date_decode(struct der t, char out[8])
{
	char text[8];
	size_t year = t.tag == 0x17 ? 2 : 4;
	int month, day;

	if (t.content.len < year + 4)
		return;
	memcpy(text + 4 - year, t.content.p, year + 4);
	if (year == 2)
		memcpy(text, text[2] >= '5' ? "19" : "20", 2);
	for (size_t i = 0; i < sizeof text; i++)
		if (text[i] < '0' || text[i] > '9')
			return;
	month = (text[4] - '0') * 10 + text[5] - '0';
	day = (text[6] - '0') * 10 + text[7] - '0';
	if (month < 1 || month > 12 || day < 1 || day > 31)
		return;
	memcpy(out, text, sizeof text);
}

static bool
time_take(struct view *in, struct view *content, char date[8])
{
	struct der t;

	if (!der_take(in, 0x17, &t) && !der_take(in, 0x18, &t))
		return false;
	*content = t.content;
	date_decode(t, date);
	return true;
}

/* Name ::= SEQUENCE OF SET OF SEQUENCE { OID, value }. */
static struct view
last_cn(struct view name)
{
	struct view cn = { NULL, 0 }, atv;
	struct der set, seq, oid, value;

	while (der_take(&name, 0x31, &set)) {
		while (der_take(&set.content, 0x30, &seq)) {
			atv = seq.content;
			if (der_take(&atv, 0x06, &oid) && der_next(&atv, &value) &&
			    oid_is(oid.content, oid_cn, sizeof oid_cn))
				cn = value.content;
		}
	}
	return cn;
}

static void
extension_decode(struct view ext, struct cert_fields *out)
{
	struct der oid, skip, octets, d, flag;
	struct view in;

	if (!der_take(&ext, 0x06, &oid))
		return;
	der_take(&ext, 0x01, &skip); /* critical */
	if (!der_take(&ext, 0x04, &octets))
		return;
	in = octets.content;
	if (oid_is(oid.content, oid_key_usage, sizeof oid_key_usage)) {
		if (der_take(&in, 0x03, &d) && der_bits(d.content, &out->key_usage)) {
			out->key_usage &= 0x1FF;
			out->has_key_usage = true;
		}
	} else if (oid_is(oid.content, oid_basic_constraints, sizeof oid_basic_constraints)) {
		if (der_take(&in, 0x30, &d) && der_take(&d.content, 0x01, &flag))
			out->ca = flag.content.len == 1 && flag.content.p[0] != 0;
	}
}

static void
extensions_decode(struct view tbs, struct cert_fields *out)
{
	struct der d, seq, ext;

	while (der_next(&tbs, &d)) {
		if (d.tag != 0xA3 || !der_take(&d.content, 0x30, &seq))
			continue;
		while (der_take(&seq.content, 0x30, &ext))
			extension_decode(ext.content, out);
	}
}

static int
tbs_decode(struct view tbs, struct cert_fields *out)
{
	struct der version, serial, alg, issuer, validity, subject, spki;

	der_take(&tbs, 0xA0, &version);
	if (!der_take(&tbs, 0x02, &serial) || !der_take(&tbs, 0x30, &alg) ||
	    !der_take(&tbs, 0x30, &issuer) || !der_take(&tbs, 0x30, &validity) ||
	    !der_take(&tbs, 0x30, &subject) || !der_take(&tbs, 0x30, &spki))
		return E_FORMAT;
	if (!time_take(&validity.content, &out->not_before, out->start) ||
	    !time_take(&validity.content, &out->not_after, out->end))
		return E_FORMAT;
	out->serial = serial.whole;
	out->issuer = issuer.whole;
	out->subject = subject.whole;
	out->cn = last_cn(subject.content);
	/* A key we cannot read leaves PUB_OTHER: the certificate can be shown all the same. */
	pub_decode(spki.whole, &out->pub);
	out->pub.spki = spki.whole;
	extensions_decode(tbs, out);
	return 0;
}

int
cert_decode(struct view der, struct cert_fields *out)
{
	struct der cert, tbs, alg, sig;
	struct view in;
	int r = E_FORMAT;

	memset(out, 0, sizeof *out);
	if (!der_take(&der, 0x30, &cert))
		return E_FORMAT;
	in = cert.content;
	if (der_take(&in, 0x30, &tbs) && der_take(&in, 0x30, &alg) && der_take(&in, 0x03, &sig))
		r = tbs_decode(tbs.content, out);
	if (r)
		memset(out, 0, sizeof *out);
	else
		out->der = cert.whole;
	return r;
}

/* Certificates: of a holder's everything that is the holder's is replaced, of an authority's nothing.
 * Source: RFC 5280, 4.1 and 4.2. */
#include <string.h>

#include "bridges/trace/anon_int.h"

#define TAG_SEQUENCE 0x30u
#define TAG_SET      0x31u
#define TAG_INTEGER  0x02u
#define TAG_BITS     0x03u
#define TAG_OCTETS   0x04u
#define TAG_OID      0x06u
#define DEPTH_MAX    12

/* A certificate as far as it is there: a part that is not has end 0. */
struct cert {
	struct tlv outer, tbs, version, serial, algorithm, issuer, validity, subject, spki, exts;
	struct tlv sig_algorithm, signature;
};

static bool
take(const struct content *c, size_t *at, size_t end, unsigned tag, struct tlv *out)
{
	struct tlv t;

	if (!tlv_read(buf_peek(&c->bytes), *at, end, &t) || t.tag != tag)
		return false;
	*out = t;
	*at = t.end;
	return true;
}

/* Takes it apart as far as it goes. False: it does not begin as one. */
static bool
cert_read(const struct content *c, struct cert *x)
{
	size_t at = 0, end = c->bytes.len;
	struct tlv t;

	memset(x, 0, sizeof *x);
	if (!take(c, &at, end, TAG_SEQUENCE, &x->outer))
		return false;
	at = x->outer.body;
	end = x->outer.end;
	if (!take(c, &at, end, TAG_SEQUENCE, &x->tbs))
		return false;
	at = x->tbs.body;
	end = x->tbs.end;
	if (!take(c, &at, end, 0xA0, &x->version) || x->version.end - x->version.body != 3 ||
	    !take(c, &at, end, TAG_INTEGER, &x->serial) || !take(c, &at, end, TAG_SEQUENCE, &x->algorithm))
		return false;
	if (!take(c, &at, end, TAG_SEQUENCE, &x->issuer) || !take(c, &at, end, TAG_SEQUENCE, &x->validity) ||
	    !take(c, &at, end, TAG_SEQUENCE, &x->subject) || !take(c, &at, end, TAG_SEQUENCE, &x->spki))
		return true;
	while (at < end && tlv_read(buf_peek(&c->bytes), at, end, &t)) {
		at = t.end;
		if (t.tag == 0xA3)
			x->exts = t;
	}
	at = x->tbs.end;
	if (x->tbs.whole && take(c, &at, x->outer.end, TAG_SEQUENCE, &x->sig_algorithm))
		take(c, &at, x->outer.end, TAG_BITS, &x->signature);
	return true;
}

bool
cert_is(const struct content *c)
{
	struct cert x;

	return cert_read(c, &x);
}

static struct view
part(const struct content *c, const struct tlv *t)
{
	return view_of(c->bytes.p + t->at, t->end - t->at);
}

/* ---- extensions ---- */

struct ext {
	struct tlv oid, value; /* value: the OCTET STRING */
};

/* The next one of the list; false at its end. */
static bool
ext_next(const struct content *c, size_t *at, size_t end, struct tlv *whole, struct ext *e)
{
	struct tlv t;
	size_t in;

	if (!take(c, at, end, TAG_SEQUENCE, whole))
		return false;
	in = whole->body;
	if (!take(c, &in, whole->end, TAG_OID, &e->oid))
		return false;
	if (tlv_read(buf_peek(&c->bytes), in, whole->end, &t) && t.tag == 0x01)
		in = t.end;
	return take(c, &in, whole->end, TAG_OCTETS, &e->value);
}

/* Where the list of extensions is; false: there is none. */
static bool
ext_list(const struct content *c, const struct cert *x, size_t *at, size_t *end)
{
	struct tlv list;

	if (!x->exts.end)
		return false;
	*at = x->exts.body;
	if (!take(c, at, x->exts.end, TAG_SEQUENCE, &list))
		return false;
	*at = list.body;
	*end = list.end;
	return true;
}

static bool
oid_is(const struct content *c, const struct tlv *oid, const char *der, size_t len)
{
	return oid->end - oid->body == len && !memcmp(c->bytes.p + oid->body, der, len);
}
#define OID_IS(c, t, text) oid_is(c, t, text, sizeof(text) - 1)

/* ---- whose it is ---- */

/* givenName, surname or e-mail address in a name: a person's. */
static bool
name_is_persons(const struct content *c, const struct tlv *name)
{
	struct tlv rdn, pair, oid;
	size_t at = name->body, in, deep;

	while (take(c, &at, name->end, TAG_SET, &rdn)) {
		in = rdn.body;
		while (take(c, &in, rdn.end, TAG_SEQUENCE, &pair)) {
			deep = pair.body;
			if (take(c, &deep, pair.end, TAG_OID, &oid) && (OID_IS(c, &oid, "\x55\x04\x2A") ||
			    OID_IS(c, &oid, "\x55\x04\x04") || OID_IS(c, &oid, "\x2A\x86\x48\x86\xF7\x0D\x01\x09\x01")))
				return true;
		}
	}
	return false;
}

/* An authority's: CA is true in basicConstraints, it is nobody's own name, and what issued itself may issue
 * others, as programs that make a certificate for oneself do not say. */
static bool
cert_is_authority(const struct content *c, const struct cert *x)
{
	bool ca = false, may_issue = false;
	size_t at, end, in;
	struct tlv whole, t, bits;
	struct ext e;

	if (!ext_list(c, x, &at, &end) || name_is_persons(c, &x->subject))
		return false;
	while (ext_next(c, &at, end, &whole, &e)) {
		in = e.value.body;
		if (OID_IS(c, &e.oid, "\x55\x1D\x13") && take(c, &in, e.value.end, TAG_SEQUENCE, &t))
			ca = t.end - t.body >= 3 && c->bytes.p[t.body] == 0x01 && c->bytes.p[t.body + 2];
		else if (OID_IS(c, &e.oid, "\x55\x1D\x0F") && take(c, &in, e.value.end, TAG_BITS, &bits))
			may_issue = bits.end - bits.body >= 2 && c->bytes.p[bits.body + 1] & 0x04; /* keyCertSign */
	}
	return ca && (may_issue || !view_eq(part(c, &x->issuer), part(c, &x->subject)));
}

static bool
is_self_issued(const struct content *c, const struct cert *x)
{
	return view_eq(part(c, &x->issuer), part(c, &x->subject));
}

/* ---- names ---- */

struct visit {
	struct anon *a;
	struct content *c;
	const struct tlv *issuer; /* whose O, OU, C and so on may be repeated; NULL */
	const struct tlv *oid;    /* of the attribute */
	bool collect;             /* into a->issuers, changing nothing */
};

/* Whether the issuer's name has the attribute with that value. */
static bool
issuer_has(const struct visit *v, const struct tlv *value)
{
	struct tlv rdn, pair, oid, other;
	size_t at, in, deep;

	if (!v->issuer || !v->issuer->end)
		return false;
	at = v->issuer->body;
	while (take(v->c, &at, v->issuer->end, TAG_SET, &rdn)) {
		in = rdn.body;
		while (take(v->c, &in, rdn.end, TAG_SEQUENCE, &pair)) {
			deep = pair.body;
			if (take(v->c, &deep, pair.end, TAG_OID, &oid) &&
			    tlv_read(buf_peek(&v->c->bytes), deep, pair.end, &other) &&
			    view_eq(part(v->c, &oid), part(v->c, v->oid)) && view_eq(part(v->c, &other), part(v->c, value)))
				return true;
		}
	}
	return false;
}

static void
name_value(struct visit *v, const struct tlv *value)
{
	struct content *c = v->c;
	bool place = OID_IS(c, v->oid, "\x55\x04\x06") || issuer_has(v, value); /* countryName */
	bool group = OID_IS(c, v->oid, "\x55\x04\x0A") || OID_IS(c, v->oid, "\x55\x04\x0B") ||
	    OID_IS(c, v->oid, "\x55\x04\x07") || OID_IS(c, v->oid, "\x55\x04\x08"); /* O, OU, L, ST */
	enum text_form form;

	if (!text_form(value->tag, &form))
		return;
	if (v->collect) {
		if (form == FORM_BYTES && value->end - value->body <= 0xFFFF) {
			buf_be16(&v->a->issuers, (unsigned)(value->end - value->body));
			buf_put(&v->a->issuers, c->bytes.p + value->body, value->end - value->body);
		}
		return;
	}
	show_head(c, value);
	if (place && value->whole)
		show(c, value->body, value->end);
	else
		text_mask(v->a, c, value->body, value->end, form, !group);
}

/* Every attribute of a name. */
static void
name_visit(struct visit *v, const struct tlv *name)
{
	struct tlv rdn, pair, oid, value;
	size_t at = name->body, in, deep;

	if (!v->collect)
		show_head(v->c, name);
	while (take(v->c, &at, name->end, TAG_SET, &rdn)) {
		in = rdn.body;
		if (!v->collect)
			show_head(v->c, &rdn);
		while (take(v->c, &in, rdn.end, TAG_SEQUENCE, &pair)) {
			deep = pair.body;
			if (!v->collect)
				show_head(v->c, &pair);
			if (!take(v->c, &deep, pair.end, TAG_OID, &oid) ||
			    !tlv_read(buf_peek(&v->c->bytes), deep, pair.end, &value))
				continue;
			if (!v->collect)
				show(v->c, oid.at, oid.end);
			v->oid = &oid;
			name_value(v, &value);
		}
	}
}

void
cert_issuers(struct anon *a, const struct content *c)
{
	struct content *reading = &a->content[c - a->content];
	struct visit v = { .a = a, .c = reading, .collect = true };
	struct cert x;

	if (!cert_read(c, &x) || !x.subject.end)
		return;
	if (cert_is_authority(c, &x)) {
		name_visit(&v, &x.subject);
		name_visit(&v, &x.issuer);
	} else if (!is_self_issued(c, &x)) {
		name_visit(&v, &x.issuer);
	}
}

/* ---- what is in a holder's ---- */

/* Any element inside of SubjectAltName: text is masked, identifiers stay, the rest is hidden. */
static void
alt_names(struct anon *a, struct content *c, size_t at, size_t end)
{
	size_t ends[DEPTH_MAX];
	struct tlv t;
	int depth = 0;
	enum text_form form;

	ends[0] = end;
	while (depth >= 0) {
		if (at >= ends[depth] || !tlv_read(buf_peek(&c->bytes), at, ends[depth], &t)) {
			at = ends[depth--];
			continue;
		}
		show_head(c, &t);
		if (tlv_is_constructed(&t) && depth + 1 < DEPTH_MAX) {
			ends[++depth] = t.end;
			at = t.body;
			continue;
		}
		if (t.tag == TAG_OID || t.tag == 0x88)
			show(c, t.body, t.end);
		else if (text_form(t.tag, &form))
			text_mask(a, c, t.body, t.end, form, true);
		else if (t.tag == 0x81 || t.tag == 0x82 || t.tag == 0x86) /* rfc822Name, dNSName, URI */
			text_mask(a, c, t.body, t.end, FORM_BYTES, true);
		at = t.end;
	}
}

static void
ext_anonymise(struct anon *a, struct content *c, bool self, const struct ext *e)
{
	/* what says how a certificate may be used, and where its issuer publishes */
	static const struct { const char *der; size_t len; } stay[] = {
		{ "\x55\x1D\x13", 3 }, { "\x55\x1D\x0F", 3 }, { "\x55\x1D\x25", 3 }, { "\x55\x1D\x20", 3 },
		{ "\x55\x1D\x1F", 3 }, { "\x55\x1D\x23", 3 }, { "\x2B\x06\x01\x05\x05\x07\x01\x01", 8 },
		{ "\x2B\x06\x01\x05\x05\x07\x01\x03", 8 },
		{ "\x60\x86\x48\x01\x86\xF8\x42\x01\x01", 9 }, /* Netscape certificate type */
	};
	size_t in = e->value.body;
	struct tlv t;

	show_head(c, &e->value);
	if (OID_IS(c, &e->oid, "\x55\x1D\x11")) {
		alt_names(a, c, e->value.body, e->value.end);
	} else if (OID_IS(c, &e->oid, "\x55\x1D\x0E")) {
		/* made of the key: one can look for it */
		if (take(c, &in, e->value.end, TAG_OCTETS, &t)) {
			show_head(c, &t);
			if (t.whole)
				number_mask(a, c, t.body, t.end, make_number, NULL);
		}
	} else {
		for (size_t i = 0; i < sizeof stay / sizeof stay[0]; i++)
			if (oid_is(c, &e->oid, stay[i].der, stay[i].len) && (!self || i < 4))
				show(c, e->value.body, e->value.end);
	}
}

static void
exts_anonymise(struct anon *a, struct content *c, const struct cert *x, bool self)
{
	struct tlv whole, list;
	size_t at, end, seq;
	struct ext e;

	if (!ext_list(c, x, &at, &end))
		return;
	show_head(c, &x->exts);
	seq = x->exts.body;
	if (take(c, &seq, x->exts.end, TAG_SEQUENCE, &list))
		show_head(c, &list);
	while (ext_next(c, &at, end, &whole, &e)) {
		show(c, whole.at, e.value.at); /* head, OID, critical */
		ext_anonymise(a, c, self, &e);
	}
}

static void
validity_anonymise(struct content *c, const struct tlv *validity)
{
	struct tlv t;
	size_t at = validity->body;

	show_head(c, validity);
	while (at < validity->end && tlv_read(buf_peek(&c->bytes), at, validity->end, &t)) {
		show_head(c, &t);
		if (t.tag == 0x17 || t.tag == 0x18)
			time_mask(c, t.body, t.end, t.tag);
		at = t.end;
	}
}

static void
holder_anonymise(struct anon *a, struct content *c, const struct cert *x)
{
	bool self = x->subject.end && is_self_issued(c, x);
	struct visit subject = { .a = a, .c = c, .issuer = self ? NULL : &x->issuer };

	show_head(c, &x->outer);
	show_head(c, &x->tbs);
	show(c, x->version.at, x->version.end);
	show_head(c, &x->serial);
	if (x->serial.whole)
		number_mask(a, c, x->serial.body, x->serial.end, make_integer, NULL);
	show(c, x->algorithm.at, x->algorithm.end);
	if (!x->spki.end)
		return; /* whether it issued itself is not known: what names are there stays hidden */
	/* the subject first: it looks at the issuer's */
	name_visit(&subject, &x->subject);
	if (self)
		name_visit(&subject, &x->issuer);
	else
		show(c, x->issuer.at, x->issuer.end);
	validity_anonymise(c, &x->validity);
	key_anonymise(a, c, &x->spki);
	exts_anonymise(a, c, x, self);
	if (x->sig_algorithm.end)
		show(c, x->sig_algorithm.at, x->sig_algorithm.end);
	if (x->signature.end) {
		/* zeros, of which the first says that no bits are unused */
		memset(c->bytes.p + x->signature.body, 0, x->signature.end - x->signature.body);
		show_head(c, &x->signature);
	}
}

size_t
cert_anonymise(struct anon *a, struct content *c)
{
	struct cert x;

	if (!cert_read(c, &x))
		return 0;
	if (x.spki.end && cert_is_authority(c, &x))
		show(c, x.outer.at, x.outer.end);
	else
		holder_anonymise(a, c, &x);
	return x.outer.end;
}

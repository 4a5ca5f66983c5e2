/* Public keys that stand for others of the same kind and size. Source: RFC 5280, 4.1.2.7; RFC 8017, A.1.1;
 * RFC 5480. */
#include <openssl/ec.h>
#include <openssl/objects.h>
#include <string.h>

#include "bridges/trace/anon_int.h"

/* An odd number with its first bit set, which is all that a modulus shows. */
static bool
make_modulus(size_t n, uint8_t *now, size_t len, const void *arg)
{
	(void)arg;
	if (len < 8)
		return false;
	memset(now, 0x5A, len);
	now[0] = 0xC5;
	now[len - 3] = (uint8_t)(n >> 8);
	now[len - 2] = (uint8_t)n;
	now[len - 1] = 0x01;
	return true;
}

void
modulus_anonymise(struct anon *a, struct content *c, size_t at, size_t end)
{
	if (end - at > 8 && !c->bytes.p[at] && c->known.p[at]) {
		show(c, at, at + 1); /* the zero before an INTEGER's first bit */
		at++;
	}
	number_mask(a, c, at, end, make_modulus, NULL);
}

/* n times the generator of the curve; arg is its number in OpenSSL. */
static bool
make_point(size_t n, uint8_t *now, size_t len, const void *arg)
{
	EC_GROUP *group = EC_GROUP_new_by_curve_name(*(const int *)arg);
	EC_POINT *point = group ? EC_POINT_new(group) : NULL;
	BIGNUM *times = BN_new();
	bool good = false;

	/* the generator itself would be the first: nobody has a key of 1 */
	if (point && times && BN_set_word(times, (BN_ULONG)n + 1) && EC_POINT_mul(group, point, times, NULL, NULL, NULL)) {
		size_t whole = EC_POINT_point2oct(group, point, POINT_CONVERSION_UNCOMPRESSED, NULL, 0, NULL);

		good = EC_POINT_point2oct(group, point, len == whole ? POINT_CONVERSION_UNCOMPRESSED :
		    POINT_CONVERSION_COMPRESSED, now, len, NULL) == len;
	}
	BN_free(times);
	EC_POINT_free(point);
	EC_GROUP_free(group);
	return good;
}

/* The curve that an OBJECT IDENTIFIER names; NID_undef. */
static int
curve_of(const struct content *c, const struct tlv *oid)
{
	const unsigned char *p = c->bytes.p + oid->at;
	ASN1_OBJECT *o = d2i_ASN1_OBJECT(NULL, &p, (long)(oid->end - oid->at));
	int nid = o ? OBJ_obj2nid(o) : NID_undef;

	ASN1_OBJECT_free(o);
	return nid;
}

static void
rsa_anonymise(struct anon *a, struct content *c, size_t at, size_t end)
{
	struct view v = buf_peek(&c->bytes);
	struct tlv seq, n, e;

	if (!tlv_read(v, at, end, &seq) || seq.tag != 0x30)
		return;
	show_head(c, &seq);
	if (!tlv_read(v, seq.body, seq.end, &n) || n.tag != 0x02)
		return;
	show_head(c, &n);
	if (!n.whole)
		return;
	modulus_anonymise(a, c, n.body, n.end);
	if (tlv_read(v, n.end, seq.end, &e) && e.tag == 0x02 && e.end - e.body <= 8)
		show(c, e.at, e.end);
}

void
key_anonymise(struct anon *a, struct content *c, const struct tlv *spki)
{
	struct view v = buf_peek(&c->bytes);
	struct tlv alg, oid, curve, bits;
	bool rsa, ec;
	int nid;

	if (!tlv_read(v, spki->body, spki->end, &alg) || alg.tag != 0x30 ||
	    !tlv_read(v, alg.body, alg.end, &oid) || oid.tag != 0x06)
		return;
	show_head(c, spki);
	show_head(c, &alg);
	show(c, oid.at, oid.end);
	rsa = view_eq(view_of(v.p + oid.body, oid.end - oid.body), view_of("\x2A\x86\x48\x86\xF7\x0D\x01\x01\x01", 9));
	ec = view_eq(view_of(v.p + oid.body, oid.end - oid.body), view_of("\x2A\x86\x48\xCE\x3D\x02\x01", 7));
	/* a curve's name, or NULL; parameters that are spelled out may be one's own */
	if (tlv_read(v, oid.end, alg.end, &curve) && curve.end - curve.body <= 12)
		show(c, curve.at, curve.end);
	else
		ec = false;
	if (!tlv_read(v, alg.end, spki->end, &bits) || bits.tag != 0x03 || bits.end - bits.body < 2)
		return;
	show(c, bits.at, bits.body + 1);
	if (rsa)
		rsa_anonymise(a, c, bits.body + 1, bits.end);
	else if (ec && curve.tag == 0x06 && bits.whole && (nid = curve_of(c, &curve)) != NID_undef)
		number_mask(a, c, bits.body + 1, bits.end, make_point, &nid);
	else if (bits.whole)
		number_mask(a, c, bits.body + 1, bits.end, make_number, NULL);
}

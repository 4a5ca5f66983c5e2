#include "mapping/algs.h"

#include "mapping/der.h"

#define VIEW_OF(array) { array, sizeof array }

/* SEQUENCE { SEQUENCE { OID, NULL }, OCTET STRING of the digest: only its head is here. */
static const uint8_t md5_prefix[] = {
	0x30, 0x20, 0x30, 0x0C, 0x06, 0x08, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x02, 0x05,
	0x05, 0x00, 0x04, 0x10
};
static const uint8_t sha1_prefix[] = {
	0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2B, 0x0E, 0x03, 0x02, 0x1A, 0x05, 0x00, 0x04, 0x14
};
static const uint8_t sha224_prefix[] = {
	0x30, 0x2D, 0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x04,
	0x05, 0x00, 0x04, 0x1C
};
static const uint8_t sha256_prefix[] = {
	0x30, 0x31, 0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01,
	0x05, 0x00, 0x04, 0x20
};
static const uint8_t sha384_prefix[] = {
	0x30, 0x41, 0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02,
	0x05, 0x00, 0x04, 0x30
};
static const uint8_t sha512_prefix[] = {
	0x30, 0x51, 0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03,
	0x05, 0x00, 0x04, 0x40
};

static const struct hash_info hashes[HASH_COUNT] = {
	[HASH_MD5] = { "MD5", 16, VIEW_OF(md5_prefix) },
	[HASH_SHA1] = { "SHA1", 20, VIEW_OF(sha1_prefix) },
	[HASH_SHA224] = { "SHA224", 28, VIEW_OF(sha224_prefix) },
	[HASH_SHA256] = { "SHA256", 32, VIEW_OF(sha256_prefix) },
	[HASH_SHA384] = { "SHA384", 48, VIEW_OF(sha384_prefix) },
	[HASH_SHA512] = { "SHA512", 64, VIEW_OF(sha512_prefix) }
};

static const uint8_t p256_oid[] = {
	0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07
};
static const uint8_t p384_oid[] = { 0x06, 0x05, 0x2B, 0x81, 0x04, 0x00, 0x22 };
static const uint8_t p521_oid[] = { 0x06, 0x05, 0x2B, 0x81, 0x04, 0x00, 0x23 };

static const struct curve_info curves[CURVE_COUNT] = {
	[CURVE_P256] = { "P-256", "prime256v1", 256, 32, VIEW_OF(p256_oid) },
	[CURVE_P384] = { "P-384", "secp384r1", 384, 48, VIEW_OF(p384_oid) },
	[CURVE_P521] = { "P-521", "secp521r1", 521, 66, VIEW_OF(p521_oid) }
};

const struct hash_info *
hash_info(enum hash h)
{
	return h > HASH_NONE && h < HASH_COUNT ? &hashes[h] : NULL;
}

const struct curve_info *
curve_info(enum curve c)
{
	return c > CURVE_NONE && c < CURVE_COUNT ? &curves[c] : NULL;
}

enum curve
curve_by_oid(struct view oid)
{
	for (int c = CURVE_NONE + 1; c < CURVE_COUNT; c++)
		if (view_eq(oid, curves[c].oid))
			return (enum curve)c;
	return CURVE_NONE;
}

enum curve
curve_by_bits(unsigned bits)
{
	for (int c = CURVE_NONE + 1; c < CURVE_COUNT; c++)
		if (bits == curves[c].bits)
			return (enum curve)c;
	return CURVE_NONE;
}

/* AlgorithmIdentifier of a prefix, and the same without its NULL. RFC 8017 A.2.4 wants both
 * taken: older software left the NULL out. */
static bool
names_hash(struct view algorithm, const struct hash_info *info)
{
	struct view prefix = view_part(info->prefix, 4, info->prefix.len - 6);

	return view_eq(algorithm, prefix) ||
	    view_eq(algorithm, view_of(prefix.p, prefix.len - 2));
}

enum hash
digest_info_parse(struct view info, struct view *digest)
{
	struct der outer, algorithm, octets;
	struct view in;

	if (!der_take(&info, 0x30, &outer) || info.len)
		return HASH_NONE;
	in = outer.content;
	if (!der_take(&in, 0x30, &algorithm) || !der_take(&in, 0x04, &octets) || in.len)
		return HASH_NONE;
	for (int h = HASH_NONE + 1; h < HASH_COUNT; h++) {
		if (octets.content.len == hashes[h].size &&
		    names_hash(algorithm.content, &hashes[h])) {
			*digest = octets.content;
			return (enum hash)h;
		}
	}
	return HASH_NONE;
}

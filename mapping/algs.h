/* Names and constants of algorithms: hashes with their DigestInfo, curves with their OIDs.
 * Source: RFC 8017 9.2 note 1 (prefixes), RFC 5480 2.1.1.1 (curves). */
#ifndef CASTOR_MAPPING_ALGS_H
#define CASTOR_MAPPING_ALGS_H

#include "base/buf.h"
#include "mapping/environment.h"

enum curve { CURVE_NONE, CURVE_P256, CURVE_P384, CURVE_P521, CURVE_COUNT };

struct hash_info {
	const char *name;        /* OpenSSL's name */
	size_t size;             /* bytes of a digest */
	struct view prefix;      /* DER of DigestInfo up to the digest itself */
};
struct curve_info {
	const char *name;        /* "P-256" */
	const char *group;       /* OpenSSL's group name */
	unsigned bits;           /* field */
	size_t bytes;            /* of a coordinate, and of r and s */
	struct view oid;         /* DER with tag and length */
};

/* NULL for HASH_NONE / CURVE_NONE and what is out of range. Static. */
const struct hash_info *hash_info(enum hash h);
const struct curve_info *curve_info(enum curve c);
/* By DER OID; by field size in bits. CURVE_NONE: not one of ours. */
enum curve curve_by_oid(struct view oid);
enum curve curve_by_bits(unsigned bits);
/* The hash a DigestInfo names, and its digest; HASH_NONE when it is none of ours. */
enum hash digest_info_parse(struct view info, struct view *digest);

#endif

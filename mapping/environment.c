#include "mapping/environment.h"

#include <string.h>

#include "base/err.h"
#include "mapping/schema.h"

bool
environment_takes(const struct environment *e, enum use_kind use, enum card_alg alg, enum hash h)
{
	return !e->given || environment_ref(e, use, alg, h) >= 0;
}

int
environment_ref(const struct environment *e, enum use_kind use, enum card_alg alg, enum hash h)
{
	const struct alg_refs *refs = &e->use[use].alg[alg];

	if (refs->hashes & 1u << h)
		return refs->ref[h];
	return refs->hashes & 1u << HASH_NONE ? refs->ref[HASH_NONE] : -1;
}

unsigned
environment_algs(const struct environment *e, enum use_kind use)
{
	unsigned algs = 0;

	for (unsigned a = 0; a < ALG_COUNT; a++)
		if (e->use[use].alg[a].hashes)
			algs |= 1u << a;
	return algs;
}

/* ---- schema ---- */

/* The algorithm's byte for the hash rule->lo. Field: struct alg_refs. */
static int
take_ref(struct load *l, const struct schema_rule *rule, const struct ynode *n, void *field)
{
	const struct schema_rule byte = { .key = rule->key, .hi = 255 };
	struct alg_refs *refs = field;
	unsigned value;
	int r = take_unsigned(l, &byte, n, &value);

	if (!r) {
		refs->ref[rule->lo] = (uint8_t)value;
		refs->hashes |= 1u << rule->lo;
	}
	return r;
}

static const struct schema_rule ref_rules[] = {
	{ .key = "any", .take = take_ref, .lo = HASH_NONE },
	{ .key = "md5", .take = take_ref, .lo = HASH_MD5 },
	{ .key = "sha1", .take = take_ref, .lo = HASH_SHA1 },
	{ .key = "sha224", .take = take_ref, .lo = HASH_SHA224 },
	{ .key = "sha256", .take = take_ref, .lo = HASH_SHA256 },
	{ .key = "sha384", .take = take_ref, .lo = HASH_SHA384 },
	{ .key = "sha512", .take = take_ref, .lo = HASH_SHA512 }
};
static const struct schema_level ref_level = {
	"an algorithm", ref_rules, sizeof ref_rules / sizeof ref_rules[0]
};

/* Field: uint8_t[2]. */
static int
take_mse(struct load *l, const struct schema_rule *rule, const struct ynode *n, void *field)
{
	struct buf bytes = BUF_INIT;
	int r = take_hex(l, rule, n, &bytes);

	if (!r)
		memcpy(field, bytes.p, 2);
	buf_free(&bytes);
	return r;
}

#define ALG_RULE(word, code) \
	{ .key = word, .take = take_level, .level = &ref_level, \
	    .off = offsetof(struct key_use, alg) + (code) * sizeof(struct alg_refs) }
#define MSE_RULE { .key = "mse", .take = take_mse, .lo = 2, .hi = 2, .off = offsetof(struct key_use, mse) }
#define NO_ALG_RULE { .key = "no-algorithm", .take = take_bool, .off = offsetof(struct key_use, no_alg) }
#define INDICATOR_RULE \
	{ .key = "indicator", .take = take_int, .hi = 255, .off = offsetof(struct key_use, indicator) }

static const struct schema_rule sign_rules[] = {
	MSE_RULE, NO_ALG_RULE,
	{ .key = "hash-first", .take = take_bool, .off = offsetof(struct key_use, hash_first) },
	{ .key = "exact-le", .take = take_bool, .off = offsetof(struct key_use, exact_le) },
	ALG_RULE("rsa-raw", ALG_RSA_RAW), ALG_RULE("rsa-pkcs1", ALG_RSA_PKCS1),
	ALG_RULE("rsa-pss", ALG_RSA_PSS), ALG_RULE("ecdsa", ALG_ECDSA)
};
static const struct schema_rule decipher_rules[] = {
	MSE_RULE, NO_ALG_RULE, INDICATOR_RULE,
	ALG_RULE("rsa-raw", ALG_RSA_RAW), ALG_RULE("rsa-pkcs1", ALG_RSA_PKCS1),
	ALG_RULE("rsa-oaep", ALG_RSA_OAEP)
};
static const struct schema_rule derive_rules[] = {
	MSE_RULE, NO_ALG_RULE, INDICATOR_RULE, ALG_RULE("ecdh", ALG_ECDH)
};
#define LEVEL(name, rules) { name, rules, sizeof rules / sizeof rules[0] }
static const struct schema_level sign_level = LEVEL("sign", sign_rules);
static const struct schema_level decipher_level = LEVEL("decipher", decipher_rules);
static const struct schema_level derive_level = LEVEL("derive", derive_rules);

static const struct schema_word key_by_array[] = {
	{ "file", KEY_BY_FILE }, { "reference", KEY_BY_REFERENCE }
};
static const struct schema_words key_by_words = { key_by_array, 2 };

#define USE_RULE(word, code, sub) \
	{ .key = word, .take = take_level, .level = &(sub), \
	    .off = offsetof(struct environment, use) + (code) * sizeof(struct key_use) }

static const struct schema_rule environment_rules[] = {
	{ .key = "key-by", .take = take_set, .must = true, .lo = 1, .hi = 2, .words = &key_by_words,
	    .off = offsetof(struct environment, key_by) },
	USE_RULE("sign", USE_SIGN, sign_level),
	USE_RULE("decipher", USE_DECIPHER, decipher_level),
	USE_RULE("derive", USE_DERIVE, derive_level)
};
const struct schema_level environment_level = LEVEL("environment", environment_rules);

void
environment_init(struct environment *e)
{
	static const uint8_t mse[USE_COUNT][2] = { { 0x41, 0xB6 }, { 0x41, 0xB8 }, { 0x41, 0xB8 } };

	memset(e, 0, sizeof *e);
	for (size_t i = 0; i < USE_COUNT; i++) {
		memcpy(e->use[i].mse, mse[i], sizeof mse[i]);
		e->use[i].indicator = 0x00; /* ISO 7816-8 5.7: no further indication */
	}
}

const char *
environment_fault(const struct environment *e)
{
	const struct key_use *sign = &e->use[USE_SIGN];

	if (!e->given)
		return NULL;
	if (sign->hash_first && sign->alg[ALG_RSA_RAW].hashes)
		return "environment: a card that takes the hash first cannot sign a raw block";
	for (size_t i = 0; i < USE_COUNT; i++)
		if (environment_algs(e, (enum use_kind)i))
			return NULL;
	return "environment: it names no algorithm";
}

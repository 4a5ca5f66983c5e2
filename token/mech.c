#include "token/mech.h"

#include <string.h>

#define NO_KEY ((CK_KEY_TYPE)-1)

/* Shared data and labels are a few bytes; more than this is a wrong length, not a wish. */
#define PARAM_BYTES_MAX 65536
#define SALT_BYTES_MAX  2048 /* of the largest modulus */

#define BY_RAW   (1u << ALG_RSA_RAW)
#define BY_PKCS1 (1u << ALG_RSA_PKCS1)
#define BY_PSS   (1u << ALG_RSA_PSS)
#define BY_OAEP  (1u << ALG_RSA_OAEP)
#define BY_ECDSA (1u << ALG_ECDSA)
#define BY_ECDH  (1u << ALG_ECDH)

#define F_SIGN    (CKF_SIGN | CKF_VERIFY)
#define F_RECOVER (CKF_SIGN_RECOVER | CKF_VERIFY_RECOVER)
#define F_CIPHER  (CKF_ENCRYPT | CKF_DECRYPT)
#define F_EC      (CKF_EC_F_P | CKF_EC_NAMEDCURVE | CKF_EC_UNCOMPRESS)

#define ROW(ckm, scheme, key, hash, flags, sign, decipher, derive) \
	{ CKM_##ckm, "CKM_" #ckm, scheme, key, hash, flags, sign, decipher, derive }
#define ROW_RSA_HASH(ckm, hash) \
	ROW(ckm, SCHEME_RSA_PKCS1, CKK_RSA, hash, F_SIGN, BY_RAW | BY_PKCS1, 0, 0)
/* PSS is made by the host where the card raises a whole block, else by the card */
#define ROW_PSS(ckm, hash) ROW(ckm, SCHEME_RSA_PSS, CKK_RSA, hash, F_SIGN, BY_RAW | BY_PSS, 0, 0)
#define ROW_ECDSA(ckm, hash) ROW(ckm, SCHEME_ECDSA, CKK_EC, hash, F_SIGN | F_EC, BY_ECDSA, 0, 0)
#define ROW_DIGEST(ckm, hash) ROW(ckm, SCHEME_DIGEST, NO_KEY, hash, CKF_DIGEST, 0, 0, 0)

static const struct mech table[] = {
	ROW(RSA_PKCS_KEY_PAIR_GEN, SCHEME_RSA_KEYGEN, CKK_RSA, HASH_NONE, CKF_GENERATE_KEY_PAIR,
	    0, 0, 0),
	ROW(RSA_PKCS, SCHEME_RSA_PKCS1, CKK_RSA, HASH_NONE, F_SIGN | F_RECOVER | F_CIPHER,
	    BY_RAW | BY_PKCS1, BY_RAW | BY_PKCS1, 0),
	ROW(RSA_X_509, SCHEME_RSA_RAW, CKK_RSA, HASH_NONE, F_SIGN | F_RECOVER | F_CIPHER,
	    BY_RAW, BY_RAW, 0),
	ROW_RSA_HASH(MD5_RSA_PKCS, HASH_MD5),
	ROW_RSA_HASH(SHA1_RSA_PKCS, HASH_SHA1),
	ROW_RSA_HASH(SHA224_RSA_PKCS, HASH_SHA224),
	ROW_RSA_HASH(SHA256_RSA_PKCS, HASH_SHA256),
	ROW_RSA_HASH(SHA384_RSA_PKCS, HASH_SHA384),
	ROW_RSA_HASH(SHA512_RSA_PKCS, HASH_SHA512),
	ROW(RSA_PKCS_OAEP, SCHEME_RSA_OAEP, CKK_RSA, HASH_NONE, F_CIPHER, 0,
	    BY_RAW | BY_OAEP, 0),
	ROW_PSS(RSA_PKCS_PSS, HASH_NONE),
	ROW_PSS(SHA1_RSA_PKCS_PSS, HASH_SHA1),
	ROW_PSS(SHA224_RSA_PKCS_PSS, HASH_SHA224),
	ROW_PSS(SHA256_RSA_PKCS_PSS, HASH_SHA256),
	ROW_PSS(SHA384_RSA_PKCS_PSS, HASH_SHA384),
	ROW_PSS(SHA512_RSA_PKCS_PSS, HASH_SHA512),
	ROW(EC_KEY_PAIR_GEN, SCHEME_EC_KEYGEN, CKK_EC, HASH_NONE, CKF_GENERATE_KEY_PAIR | F_EC,
	    0, 0, 0),
	ROW_ECDSA(ECDSA, HASH_NONE),
	ROW_ECDSA(ECDSA_SHA1, HASH_SHA1),
	ROW_ECDSA(ECDSA_SHA224, HASH_SHA224),
	ROW_ECDSA(ECDSA_SHA256, HASH_SHA256),
	ROW_ECDSA(ECDSA_SHA384, HASH_SHA384),
	ROW_ECDSA(ECDSA_SHA512, HASH_SHA512),
	ROW(ECDH1_DERIVE, SCHEME_ECDH, CKK_EC, HASH_NONE, CKF_DERIVE | F_EC, 0, 0, BY_ECDH),
	/* the same thing on our curves, whose cofactor is 1 */
	ROW(ECDH1_COFACTOR_DERIVE, SCHEME_ECDH, CKK_EC, HASH_NONE, CKF_DERIVE | F_EC, 0, 0,
	    BY_ECDH),
	ROW_DIGEST(MD5, HASH_MD5),
	ROW_DIGEST(SHA_1, HASH_SHA1),
	ROW_DIGEST(SHA224, HASH_SHA224),
	ROW_DIGEST(SHA256, HASH_SHA256),
	ROW_DIGEST(SHA384, HASH_SHA384),
	ROW_DIGEST(SHA512, HASH_SHA512),
};

#define ROWS (sizeof table / sizeof table[0])

/* the hashes PSS and OAEP may name, each with its mask generation function */
static const struct {
	CK_MECHANISM_TYPE ckm;
	CK_RSA_PKCS_MGF_TYPE mgf;
	enum hash hash;
} pads[] = {
	{ CKM_SHA_1, CKG_MGF1_SHA1, HASH_SHA1 },
	{ CKM_SHA224, CKG_MGF1_SHA224, HASH_SHA224 },
	{ CKM_SHA256, CKG_MGF1_SHA256, HASH_SHA256 },
	{ CKM_SHA384, CKG_MGF1_SHA384, HASH_SHA384 },
	{ CKM_SHA512, CKG_MGF1_SHA512, HASH_SHA512 },
};

#define PADS (sizeof pads / sizeof pads[0])

static const struct {
	ck_ec_kdf_t kdf;
	enum hash hash;
} kdfs[] = {
	{ CKD_NULL, HASH_NONE },
	{ CKD_SHA1_KDF, HASH_SHA1 },
	{ CKD_SHA224_KDF, HASH_SHA224 },
	{ CKD_SHA256_KDF, HASH_SHA256 },
	{ CKD_SHA384_KDF, HASH_SHA384 },
	{ CKD_SHA512_KDF, HASH_SHA512 },
};

#define KDFS (sizeof kdfs / sizeof kdfs[0])

const struct mech *
mech_find(CK_MECHANISM_TYPE type)
{
	for (size_t i = 0; i < ROWS; i++)
		if (table[i].type == type)
			return &table[i];
	return NULL;
}

const struct mech *
mech_table(size_t *n)
{
	*n = ROWS;
	return table;
}

/* Whether one of the card's ways does the mechanism: with its hash, where it has one; with something, where
 * the caller has hashed. */
static bool
card_does(const struct mech *m, const struct profile *pf, enum use_kind use, unsigned ways)
{
	for (unsigned alg = 0; alg < ALG_COUNT; alg++) {
		if (!(ways & 1u << alg))
			continue;
		if (m->hash == HASH_NONE || alg == ALG_RSA_RAW || alg == ALG_ECDSA ||
		    environment_takes(&pf->env, use, (enum card_alg)alg, m->hash))
			return true;
	}
	return false;
}

CK_FLAGS
mech_flags(const struct mech *m, const struct profile *pf, unsigned key_kinds)
{
	CK_FLAGS f = m->flags;

	if (m->scheme == SCHEME_DIGEST)
		return f;
	if (!(key_kinds & 1u << (m->key_type == CKK_EC ? KEY_EC : KEY_RSA)))
		return 0;
	if (m->scheme == SCHEME_RSA_KEYGEN)
		return pf->keygen && pf->rsa_max ? f | CKF_HW : 0;
	if (m->scheme == SCHEME_EC_KEYGEN)
		return pf->keygen && pf->ec_curves ? f | CKF_HW : 0;
	/* the public half goes with the private one: a slot is chosen by its mechanisms, and
	 * nobody looks for a card that can only verify */
	if (!card_does(m, pf, USE_SIGN, m->card_sign & pf->sign_algs))
		f &= ~(CK_FLAGS)(F_SIGN | F_RECOVER);
	/* what comes back out of a signature may be anything; some cards sign digests only */
	if (!(pf->sign_algs & BY_RAW) && !environment_takes(&pf->env, USE_SIGN, ALG_RSA_PKCS1, HASH_NONE))
		f &= ~(CK_FLAGS)F_RECOVER;
	if (!(m->card_decipher & pf->decipher_algs))
		f &= ~(CK_FLAGS)F_CIPHER;
	if (!(m->card_derive & pf->derive_algs))
		f &= ~(CK_FLAGS)CKF_DERIVE;
	return f & ~(CK_FLAGS)F_EC ? f | CKF_HW : 0;
}

static void
curve_sizes(unsigned curves, CK_ULONG *min, CK_ULONG *max)
{
	const struct curve_info *ci;

	*min = *max = 0;
	for (int c = CURVE_NONE + 1; c < CURVE_COUNT; c++) {
		/* a profile that names no curve leaves it to the keys on the card */
		if (curves && !(curves & 1u << c))
			continue;
		ci = curve_info((enum curve)c);
		if (!*min || ci->bits < *min)
			*min = ci->bits;
		if (ci->bits > *max)
			*max = ci->bits;
	}
}

void
mech_sizes(const struct mech *m, const struct profile *pf, CK_ULONG *min, CK_ULONG *max)
{
	*min = *max = 0;
	if (m->key_type == CKK_EC)
		curve_sizes(pf->ec_curves, min, max);
	else if (m->key_type == CKK_RSA) {
		*min = pf->rsa_min ? pf->rsa_min : 1024;
		*max = pf->rsa_max ? pf->rsa_max : 4096;
	}
}

static bool
pad_hash(CK_MECHANISM_TYPE ckm, enum hash *h)
{
	for (size_t i = 0; i < PADS; i++) {
		if (pads[i].ckm == ckm) {
			*h = pads[i].hash;
			return true;
		}
	}
	return false;
}

static bool
pad_mgf(CK_RSA_PKCS_MGF_TYPE mgf, enum hash *h)
{
	for (size_t i = 0; i < PADS; i++) {
		if (pads[i].mgf == mgf) {
			*h = pads[i].hash;
			return true;
		}
	}
	return false;
}

bool
mech_kdf(ck_ec_kdf_t kdf, enum hash *hash)
{
	for (size_t i = 0; i < KDFS; i++) {
		if (kdfs[i].kdf == kdf) {
			*hash = kdfs[i].hash;
			return true;
		}
	}
	return false;
}

/* Copies what a caller's pointer and length name; nothing at all is fine. */
static CK_RV
copy_bytes(const void *p, CK_ULONG n, struct buf *out)
{
	if (n > PARAM_BYTES_MAX || (n && !p))
		return CKR_MECHANISM_PARAM_INVALID;
	buf_put(out, p, (size_t)n);
	return buf_err(out) ? CKR_HOST_MEMORY : CKR_OK;
}

/* The callers' structures may lie anywhere, so each is copied before it is looked at. */
static CK_RV
parse_pss(const struct mech *m, const void *param, struct mech_params *out)
{
	CK_RSA_PKCS_PSS_PARAMS p;

	memcpy(&p, param, sizeof p);
	/* RFC 8017 8.1 lets the two hashes differ, but nobody's verifier expects it */
	if (!pad_hash(p.hashAlg, &out->hash) || !pad_mgf(p.mgf, &out->mgf) ||
	    out->hash != out->mgf)
		return CKR_MECHANISM_PARAM_INVALID;
	if (m->hash != HASH_NONE && m->hash != out->hash)
		return CKR_MECHANISM_PARAM_INVALID;
	if (p.sLen > SALT_BYTES_MAX)
		return CKR_MECHANISM_PARAM_INVALID;
	out->salt_len = (size_t)p.sLen;
	return CKR_OK;
}

static CK_RV
parse_oaep(const struct mech *m, const void *param, struct mech_params *out)
{
	CK_RSA_PKCS_OAEP_PARAMS p;

	(void)m;
	memcpy(&p, param, sizeof p);
	/* here they do differ: Java's OAEPWithSHA-256AndMGF1Padding masks with SHA-1 */
	if (!pad_hash(p.hashAlg, &out->hash) || !pad_mgf(p.mgf, &out->mgf))
		return CKR_MECHANISM_PARAM_INVALID;
	/* source 0 is what callers leave who have no label */
	if (p.source != CKZ_DATA_SPECIFIED && (p.source != 0 || p.ulSourceDataLen))
		return CKR_MECHANISM_PARAM_INVALID;
	return copy_bytes(p.pSourceData, p.ulSourceDataLen, &out->label);
}

/* The point itself, or an OCTET STRING around it: the lengths tell them apart.
 * Source: PKCS#11 v2.40 2.3.8 (raw must, DER may be accepted). */
static bool
point_take(struct view in, struct view *point)
{
	const struct curve_info *ci;
	uint8_t head[3];
	size_t n, h;

	for (int c = CURVE_NONE + 1; c < CURVE_COUNT; c++) {
		ci = curve_info((enum curve)c);
		n = 1 + 2 * ci->bytes;
		h = 0;
		head[h++] = 0x04;
		if (n > 127)
			head[h++] = 0x81;
		head[h++] = (uint8_t)n;
		if (in.len == n + h && memcmp(in.p, head, h) == 0)
			*point = view_part(in, h, n);
		else if (in.len == n)
			*point = in;
		else
			continue;
		return point->p[0] == 0x04;
	}
	return false;
}

static CK_RV
parse_ecdh(const struct mech *m, const void *param, struct mech_params *out)
{
	CK_ECDH1_DERIVE_PARAMS p;
	struct view point;
	enum hash h;

	(void)m;
	memcpy(&p, param, sizeof p);
	if (!mech_kdf(p.kdf, &h) || (h == HASH_NONE && p.ulSharedDataLen))
		return CKR_MECHANISM_PARAM_INVALID;
	if (!p.pPublicData || p.ulPublicDataLen > PARAM_BYTES_MAX ||
	    !point_take(view_of(p.pPublicData, (size_t)p.ulPublicDataLen), &point))
		return CKR_MECHANISM_PARAM_INVALID;
	out->kdf = p.kdf;
	buf_view(&out->point, point);
	if (buf_err(&out->point))
		return CKR_HOST_MEMORY;
	return copy_bytes(p.pSharedData, p.ulSharedDataLen, &out->shared);
}

static const struct {
	enum scheme scheme;
	size_t size;
	CK_RV (*parse)(const struct mech *m, const void *param, struct mech_params *out);
} parsers[] = {
	{ SCHEME_RSA_PSS, sizeof(CK_RSA_PKCS_PSS_PARAMS), parse_pss },
	{ SCHEME_RSA_OAEP, sizeof(CK_RSA_PKCS_OAEP_PARAMS), parse_oaep },
	{ SCHEME_ECDH, sizeof(CK_ECDH1_DERIVE_PARAMS), parse_ecdh },
};

#define PARSERS (sizeof parsers / sizeof parsers[0])

CK_RV
mech_params_parse(const struct mech *m, const CK_MECHANISM *ck, struct mech_params *out)
{
	CK_RV rv;

	for (size_t i = 0; i < PARSERS; i++) {
		if (parsers[i].scheme != m->scheme)
			continue;
		if (!ck->pParameter || ck->ulParameterLen != parsers[i].size)
			return CKR_MECHANISM_PARAM_INVALID;
		rv = parsers[i].parse(m, ck->pParameter, out);
		if (rv != CKR_OK)
			mech_params_free(out);
		return rv;
	}
	return ck->ulParameterLen ? CKR_MECHANISM_PARAM_INVALID : CKR_OK;
}

CK_RV
mech_params_fit(const struct mech *m, const struct mech_params *p, const struct profile *pf)
{
	const struct hash_info *hi = hash_info(p->hash);

	if (m->scheme == SCHEME_RSA_PSS && !(pf->sign_algs & BY_RAW) && (!hi || p->salt_len != hi->size ||
	    !environment_takes(&pf->env, USE_SIGN, ALG_RSA_PSS, p->hash)))
		return CKR_MECHANISM_PARAM_INVALID;
	if (m->scheme == SCHEME_RSA_OAEP && !(pf->decipher_algs & BY_RAW) && (p->hash != p->mgf ||
	    p->label.len || !environment_takes(&pf->env, USE_DECIPHER, ALG_RSA_OAEP, p->hash)))
		return CKR_MECHANISM_PARAM_INVALID;
	return CKR_OK;
}

void
mech_params_free(struct mech_params *p)
{
	buf_free(&p->label);
	buf_free(&p->point);
	buf_free(&p->shared);
	memset(p, 0, sizeof *p);
}

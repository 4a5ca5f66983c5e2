/*
 * What the keys compute, checked by OpenSSL with the public keys read from the token.
 *
 *   crypto MODULE        (environment: kit.h)
 *
 *   CASTOR_TEST_GENERATE=1   also makes key pairs on the token and destroys them
 */
#include "config.h"

#include "t/conform/kit.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <openssl/objects.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(a) (sizeof (a) / sizeof (a)[0])

enum { MAX_KEYS = 16, MESSAGE = 5000 };

struct pair {
	CK_OBJECT_HANDLE prv, pub;
	CK_KEY_TYPE type;
	struct blob id;
	EVP_PKEY *pkey;
	size_t k; /* RSA: bytes of the modulus; EC: bytes of the order */
};

enum how { RAW_PKCS1, HASH_PKCS1, RAW_PSS, HASH_PSS, RAW_X509, RAW_ECDSA, HASH_ECDSA };

static const struct sign_row {
	CK_MECHANISM_TYPE mech;
	const char *name;
	enum how how;
	const char *md; /* of the mechanism, or of the data it is given */
	CK_MECHANISM_TYPE hash;
	CK_ULONG mgf;
	bool optional; /* only if it is listed */
} sign_rows[] = {
	{ CKM_RSA_PKCS, "RSA_PKCS", RAW_PKCS1, "SHA256", 0, 0, false },
	{ CKM_RSA_X_509, "RSA_X_509", RAW_X509, NULL, 0, 0, false },
	{ CKM_MD5_RSA_PKCS, "MD5_RSA_PKCS", HASH_PKCS1, "MD5", 0, 0, true },
	{ CKM_SHA1_RSA_PKCS, "SHA1_RSA_PKCS", HASH_PKCS1, "SHA1", 0, 0, false },
	{ CKM_SHA224_RSA_PKCS, "SHA224_RSA_PKCS", HASH_PKCS1, "SHA224", 0, 0, false },
	{ CKM_SHA256_RSA_PKCS, "SHA256_RSA_PKCS", HASH_PKCS1, "SHA256", 0, 0, false },
	{ CKM_SHA384_RSA_PKCS, "SHA384_RSA_PKCS", HASH_PKCS1, "SHA384", 0, 0, false },
	{ CKM_SHA512_RSA_PKCS, "SHA512_RSA_PKCS", HASH_PKCS1, "SHA512", 0, 0, false },
	{ CKM_RSA_PKCS_PSS, "RSA_PKCS_PSS/SHA1", RAW_PSS, "SHA1", CKM_SHA_1, CKG_MGF1_SHA1, false },
	{ CKM_RSA_PKCS_PSS, "RSA_PKCS_PSS/SHA224", RAW_PSS, "SHA224", CKM_SHA224, CKG_MGF1_SHA224,
		false },
	{ CKM_RSA_PKCS_PSS, "RSA_PKCS_PSS/SHA256", RAW_PSS, "SHA256", CKM_SHA256, CKG_MGF1_SHA256,
		false },
	{ CKM_RSA_PKCS_PSS, "RSA_PKCS_PSS/SHA384", RAW_PSS, "SHA384", CKM_SHA384, CKG_MGF1_SHA384,
		false },
	{ CKM_RSA_PKCS_PSS, "RSA_PKCS_PSS/SHA512", RAW_PSS, "SHA512", CKM_SHA512, CKG_MGF1_SHA512,
		false },
	{ CKM_SHA1_RSA_PKCS_PSS, "SHA1_RSA_PKCS_PSS", HASH_PSS, "SHA1", CKM_SHA_1, CKG_MGF1_SHA1,
		false },
	{ CKM_SHA224_RSA_PKCS_PSS, "SHA224_RSA_PKCS_PSS", HASH_PSS, "SHA224", CKM_SHA224,
		CKG_MGF1_SHA224, false },
	{ CKM_SHA256_RSA_PKCS_PSS, "SHA256_RSA_PKCS_PSS", HASH_PSS, "SHA256", CKM_SHA256,
		CKG_MGF1_SHA256, false },
	{ CKM_SHA384_RSA_PKCS_PSS, "SHA384_RSA_PKCS_PSS", HASH_PSS, "SHA384", CKM_SHA384,
		CKG_MGF1_SHA384, false },
	{ CKM_SHA512_RSA_PKCS_PSS, "SHA512_RSA_PKCS_PSS", HASH_PSS, "SHA512", CKM_SHA512,
		CKG_MGF1_SHA512, false },
	{ CKM_ECDSA, "ECDSA/20 bytes", RAW_ECDSA, "SHA1", 0, 0, false },
	{ CKM_ECDSA, "ECDSA/28 bytes", RAW_ECDSA, "SHA224", 0, 0, false },
	{ CKM_ECDSA, "ECDSA/32 bytes", RAW_ECDSA, "SHA256", 0, 0, false },
	{ CKM_ECDSA, "ECDSA/48 bytes", RAW_ECDSA, "SHA384", 0, 0, false },
	{ CKM_ECDSA, "ECDSA/64 bytes", RAW_ECDSA, "SHA512", 0, 0, false },
	{ CKM_ECDSA_SHA1, "ECDSA_SHA1", HASH_ECDSA, "SHA1", 0, 0, false },
	{ CKM_ECDSA_SHA224, "ECDSA_SHA224", HASH_ECDSA, "SHA224", 0, 0, false },
	{ CKM_ECDSA_SHA256, "ECDSA_SHA256", HASH_ECDSA, "SHA256", 0, 0, false },
	{ CKM_ECDSA_SHA384, "ECDSA_SHA384", HASH_ECDSA, "SHA384", 0, 0, false },
	{ CKM_ECDSA_SHA512, "ECDSA_SHA512", HASH_ECDSA, "SHA512", 0, 0, false },
};

static CK_BYTE message[MESSAGE];
static CK_SESSION_HANDLE session, standing;

/* A fresh session, so that what one failure leaves behind does not spoil the next test. */
static void renew(const char *what)
{
	tap_doing(what);
	kit.f->C_CloseSession(session);
	session = kit_session(getenv("CASTOR_TEST_GENERATE") != NULL ? CKF_RW_SESSION : 0);
}

static bool listed(CK_MECHANISM_TYPE type)
{
	CK_MECHANISM_INFO i;

	return kit.f->C_GetMechanismInfo(kit.slot, type, &i) == CKR_OK;
}

/* Sizes of pieces that meet every border of the block sizes 64 and 128. */
static size_t piece(size_t i)
{
	static const size_t sizes[] = { 1, 63, 64, 65, 0, 2, 127, 128, 129, 3, 1000, 7, 511, 13 };

	return sizes[i % COUNT(sizes)];
}

static size_t digest(const char *md, const void *data, size_t len, CK_BYTE *out)
{
	unsigned n = 0;
	EVP_MD *m = EVP_MD_fetch(NULL, md, NULL);

	EVP_Digest(data, len, out, &n, m, NULL);
	EVP_MD_free(m);
	return n;
}

/* -- public keys ------------------------------------------------------------------------------- */

static EVP_PKEY *from_params(const char *type, OSSL_PARAM_BLD *bld)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	OSSL_PARAM *p = OSSL_PARAM_BLD_to_param(bld);
	EVP_PKEY *pkey = NULL;

	if (EVP_PKEY_fromdata_init(ctx) != 1
	    || EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, p) != 1)
		pkey = NULL;
	OSSL_PARAM_free(p);
	OSSL_PARAM_BLD_free(bld);
	EVP_PKEY_CTX_free(ctx);
	return pkey;
}

static EVP_PKEY *rsa_public(CK_OBJECT_HANDLE o)
{
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	struct blob n = { 0 }, e = { 0 };
	BIGNUM *bn, *be;
	EVP_PKEY *pkey;

	kit_attr(session, o, CKA_MODULUS, &n);
	kit_attr(session, o, CKA_PUBLIC_EXPONENT, &e);
	bn = BN_bin2bn(n.p, (int)n.len, NULL);
	be = BN_bin2bn(e.p, (int)e.len, NULL);
	OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, bn);
	OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_E, be);
	pkey = from_params("RSA", bld);
	BN_free(bn);
	BN_free(be);
	return pkey;
}

static EVP_PKEY *ec_public(CK_OBJECT_HANDLE o)
{
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	struct blob oid = { 0 }, point = { 0 };
	const unsigned char *p = oid.p;
	ASN1_OBJECT *obj;
	size_t skip;
	EVP_PKEY *pkey;

	kit_attr(session, o, CKA_EC_PARAMS, &oid);
	kit_attr(session, o, CKA_EC_POINT, &point);
	obj = d2i_ASN1_OBJECT(NULL, &p, (long)oid.len);
	skip = point.p[1] == 0x81 ? 3 : 2;
	OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_GROUP_NAME,
					OBJ_nid2sn(OBJ_obj2nid(obj)), 0);
	OSSL_PARAM_BLD_push_octet_string(bld, OSSL_PKEY_PARAM_PUB_KEY, point.p + skip,
					 point.len > skip ? point.len - skip : 0);
	pkey = from_params("EC", bld);
	ASN1_OBJECT_free(obj);
	return pkey;
}

static CK_OBJECT_HANDLE find_by_id(CK_OBJECT_CLASS cls, struct blob *id)
{
	CK_ATTRIBUTE t[] = { { CKA_CLASS, &cls, sizeof cls }, { CKA_ID, id->p, id->len } };
	CK_OBJECT_HANDLE o = CK_INVALID_HANDLE;

	return kit_find(session, t, 2, &o, 1) == 1 ? o : CK_INVALID_HANDLE;
}

static bool load_pair(CK_OBJECT_HANDLE prv, struct pair *p)
{
	memset(p, 0, sizeof *p);
	p->prv = prv;
	p->type = kit_attr_ulong(session, prv, CKA_KEY_TYPE);
	kit_attr(session, prv, CKA_ID, &p->id);
	p->pub = find_by_id(CKO_PUBLIC_KEY, &p->id);
	if (p->pub == CK_INVALID_HANDLE)
		return false;
	p->pkey = p->type == CKK_RSA ? rsa_public(p->pub) : ec_public(p->pub);
	if (p->pkey == NULL)
		return false;
	p->k = (size_t)(EVP_PKEY_get_bits(p->pkey) + 7) / 8;
	return true;
}

static size_t load_pairs(struct pair *pairs)
{
	CK_OBJECT_CLASS cls = CKO_PRIVATE_KEY;
	CK_BBOOL yes = CK_TRUE;
	CK_ATTRIBUTE t[] = { { CKA_CLASS, &cls, sizeof cls }, { CKA_TOKEN, &yes, 1 } };
	CK_OBJECT_HANDLE o[MAX_KEYS];
	size_t n = kit_find(session, t, 2, o, MAX_KEYS);

	for (size_t i = 0; i < n; i++)
		tap(load_pair(o[i], &pairs[i]),
		    "private key %zu has a public key that OpenSSL understands", i);
	return n;
}

/* -- certificates ------------------------------------------------------------------------------ */

/* Takes der, which OpenSSL has made and which is len bytes long. */
static bool same_der(CK_OBJECT_HANDLE o, CK_ATTRIBUTE_TYPE type, unsigned char *der, int len)
{
	struct blob b = { 0 };
	bool same = len > 0 && kit_attr(session, o, type, &b) && b.len == (CK_ULONG)len
		&& memcmp(b.p, der, b.len) == 0;

	OPENSSL_free(der);
	return same;
}

static void certificate(CK_OBJECT_HANDLE o)
{
	struct blob value = { 0 }, id = { 0 };
	const unsigned char *p = value.p;
	unsigned char *der = NULL;
	int len;
	CK_OBJECT_HANDLE pub;
	EVP_PKEY *pkey = NULL;
	X509 *x;

	kit_attr(session, o, CKA_VALUE, &value);
	x = d2i_X509(NULL, &p, (long)value.len);
	if (!tap(x != NULL && p == value.p + value.len,
		 "CKA_VALUE is one certificate and nothing behind it [2.40 4.6]"))
		goto out;
	len = i2d_X509_NAME(X509_get_subject_name(x), &der);
	tap(same_der(o, CKA_SUBJECT, der, len), "CKA_SUBJECT as in the certificate [2.40 4.6]");
	der = NULL;
	len = i2d_X509_NAME(X509_get_issuer_name(x), &der);
	tap(same_der(o, CKA_ISSUER, der, len), "CKA_ISSUER as in the certificate [2.40 4.6]");
	der = NULL;
	len = i2d_ASN1_INTEGER(X509_get0_serialNumber(x), &der);
	tap(same_der(o, CKA_SERIAL_NUMBER, der, len),
	    "CKA_SERIAL_NUMBER: a DER INTEGER, as in the certificate [2.40 4.6]");
	kit_attr(session, o, CKA_ID, &id);
	pub = id.len > 0 ? find_by_id(CKO_PUBLIC_KEY, &id) : CK_INVALID_HANDLE;
	if (pub == CK_INVALID_HANDLE)
		goto out;
	pkey = kit_attr_ulong(session, pub, CKA_KEY_TYPE) == CKK_RSA ? rsa_public(pub)
								     : ec_public(pub);
	tap(pkey != NULL && EVP_PKEY_eq(pkey, X509_get0_pubkey(x)) == 1,
	    "the public key object of its CKA_ID is the certificate's key");
out:
	EVP_PKEY_free(pkey);
	X509_free(x);
}

static void certificates(void)
{
	CK_OBJECT_CLASS cls = CKO_CERTIFICATE;
	CK_ATTRIBUTE t[] = { { CKA_CLASS, &cls, sizeof cls } };
	CK_OBJECT_HANDLE o[MAX_KEYS];
	size_t n = kit_find(session, t, 1, o, MAX_KEYS);

	for (size_t i = 0; i < n; i++)
		certificate(o[i]);
}

/* -- digests (2.40 section 5.10) --------------------------------------------------------------- */

static void digests(void)
{
	static const struct {
		CK_MECHANISM_TYPE mech;
		const char *md;
	} rows[] = {
		{ CKM_MD5, "MD5" }, { CKM_SHA_1, "SHA1" }, { CKM_SHA224, "SHA224" },
		{ CKM_SHA256, "SHA256" }, { CKM_SHA384, "SHA384" }, { CKM_SHA512, "SHA512" },
	};
	static const size_t lengths[] = { 0, 1, 55, 56, 63, 64, 111, 112, 128, MESSAGE };
	CK_BYTE want[64], got[64];

	for (size_t i = 0; i < COUNT(rows); i++) {
		CK_MECHANISM m = { rows[i].mech, NULL, 0 };
		bool one_part = true, parts = true;
		CK_RV r = CKR_OK;

		renew(rows[i].md);
		for (size_t k = 0; k < COUNT(lengths); k++) {
			size_t n = digest(rows[i].md, message, lengths[k], want), done = 0;
			CK_ULONG len = sizeof got;

			r = kit.f->C_DigestInit(session, &m);
			if (r == CKR_OK)
				r = kit.f->C_Digest(session, message, lengths[k], got, &len);
			one_part = one_part && r == CKR_OK && len == n && !memcmp(got, want, n);
			kit.f->C_DigestInit(session, &m);
			for (size_t j = 0; done < lengths[k]; j++) {
				size_t p = piece(j) < lengths[k] - done ? piece(j)
					: lengths[k] - done;

				kit.f->C_DigestUpdate(session, message + done, p);
				done += p;
			}
			len = sizeof got;
			r = kit.f->C_DigestFinal(session, got, &len);
			parts = parts && r == CKR_OK && len == n && !memcmp(got, want, n);
		}
		tap(one_part, "%s in one part, every length, as OpenSSL [2.40 5.10]", rows[i].md);
		tap(parts, "%s in odd pieces, every length, as OpenSSL [2.40 5.10]", rows[i].md);
	}
}

/* A NULL pointer with length 0 is an empty part (2.40 section 5.2 speaks of outputs only). */
static void empty_parts(void)
{
	CK_MECHANISM m = { CKM_SHA256, NULL, 0 };
	CK_BYTE want[64], got[64];
	CK_ULONG len = sizeof got;
	CK_RV r;

	renew("empty parts");
	digest("SHA256", "", 0, want);
	r = kit.f->C_DigestInit(session, &m);
	if (r == CKR_OK)
		r = kit.f->C_Digest(session, NULL, 0, got, &len);
	tap(r == CKR_OK && len == 32 && memcmp(got, want, 32) == 0,
	    "C_Digest(NULL, 0) is a digest");
	renew("empty parts");
	len = sizeof got;
	r = kit.f->C_DigestInit(session, &m);
	if (r == CKR_OK)
		r = kit.f->C_DigestUpdate(session, NULL, 0);
	if (r == CKR_OK)
		r = kit.f->C_DigestFinal(session, got, &len);
	tap(r == CKR_OK && len == 32 && memcmp(got, want, 32) == 0,
	    "C_DigestUpdate(NULL, 0) adds nothing");
	renew("keys");
}

/* -- signatures (2.40 sections 5.11, 5.12) ----------------------------------------------------- */

/* OpenSSL's word on a raw signature over a hash, or over a block for RSA_X_509. */
static bool openssl_agrees(const struct sign_row *row, const struct pair *p,
			   const struct blob *data, const struct blob *sig)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(p->pkey, NULL);
	EVP_MD *md = row->md ? EVP_MD_fetch(NULL, row->md, NULL) : NULL;
	unsigned char *der = NULL, back[1024];
	size_t n = sizeof back;
	ECDSA_SIG *s;
	bool good = false;
	int len;

	if (p->type == CKK_EC) {
		s = ECDSA_SIG_new();
		ECDSA_SIG_set0(s, BN_bin2bn(sig->p, (int)(sig->len / 2), NULL),
			       BN_bin2bn(sig->p + sig->len / 2, (int)(sig->len / 2), NULL));
		len = i2d_ECDSA_SIG(s, &der);
		good = len > 0 && EVP_PKEY_verify_init(ctx) == 1
			&& EVP_PKEY_verify(ctx, der, (size_t)len, data->p, data->len) == 1;
		ECDSA_SIG_free(s);
	} else if (row->how == RAW_X509 || row->how == RAW_PKCS1) {
		good = EVP_PKEY_verify_recover_init(ctx) == 1
			&& EVP_PKEY_CTX_set_rsa_padding(ctx, row->how == RAW_X509 ? RSA_NO_PADDING
							: RSA_PKCS1_PADDING) == 1
			&& EVP_PKEY_verify_recover(ctx, back, &n, sig->p, sig->len) == 1
			&& n >= data->len && !memcmp(back + n - data->len, data->p, data->len);
		for (size_t i = 0; good && i + data->len < n; i++)
			good = back[i] == 0;
	} else {
		const bool pss = row->how == RAW_PSS || row->how == HASH_PSS;

		good = EVP_PKEY_verify_init(ctx) == 1
			&& EVP_PKEY_CTX_set_rsa_padding(ctx, pss ? RSA_PKCS1_PSS_PADDING
							: RSA_PKCS1_PADDING) == 1
			&& EVP_PKEY_CTX_set_signature_md(ctx, md) == 1
			&& (!pss || EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx,
				RSA_PSS_SALTLEN_DIGEST) == 1)
			&& EVP_PKEY_verify(ctx, sig->p, sig->len, data->p, data->len) == 1;
	}
	OPENSSL_free(der);
	EVP_MD_free(md);
	EVP_PKEY_CTX_free(ctx);
	return good;
}

static CK_RV sign_init(const struct pair *p, CK_MECHANISM *m)
{
	CK_RV r = kit.f->C_SignInit(session, m, p->prv);

	if (r == CKR_OK && kit_attr_true(session, p->prv, CKA_ALWAYS_AUTHENTICATE))
		r = kit.f->C_Login(session, CKU_CONTEXT_SPECIFIC, kit.pin, kit.pin_len);
	return r;
}

static CK_RV sign_one_part(const struct pair *p, CK_MECHANISM *m, const CK_BYTE *data, size_t n,
			   struct blob *sig)
{
	CK_RV r = sign_init(p, m);

	sig->len = sizeof sig->p;
	if (r == CKR_OK)
		r = kit.f->C_Sign(session, (CK_BYTE *)data, n, sig->p, &sig->len);
	return r;
}

static CK_RV sign_in_pieces(const struct pair *p, CK_MECHANISM *m, struct blob *sig)
{
	CK_RV r = sign_init(p, m);
	size_t done = 0, n;

	for (size_t i = 0; r == CKR_OK && done < MESSAGE; i++, done += n) {
		n = piece(i) < MESSAGE - done ? piece(i) : MESSAGE - done;
		r = kit.f->C_SignUpdate(session, message + done, n);
	}
	sig->len = sizeof sig->p;
	if (r == CKR_OK)
		r = kit.f->C_SignFinal(session, sig->p, &sig->len);
	return r;
}

/* The module's own verification: right, wrong, one-part and in pieces. */
static void verify(const struct sign_row *row, const struct pair *p, CK_MECHANISM *m,
		   const struct blob *in, struct blob *sig)
{
	static const struct rvs bad = { 2, { CKR_SIGNATURE_INVALID, CKR_SIGNATURE_LEN_RANGE } };
	CK_RV r = kit.f->C_VerifyInit(session, m, p->pub);

	if (r == CKR_OK)
		r = kit.f->C_Verify(session, (CK_BYTE *)in->p, in->len, sig->p, sig->len);
	tap_rv(r, CKR_OK, "%s: C_Verify of it [2.40 5.12]", row->name);
	sig->p[sig->len / 2] ^= 1;
	r = kit.f->C_VerifyInit(session, m, p->pub);
	if (r == CKR_OK)
		r = kit.f->C_Verify(session, (CK_BYTE *)in->p, in->len, sig->p, sig->len);
	tap_rvs(r, &bad, "%s: C_Verify with one bit turned [2.40 5.12]", row->name);
	sig->p[sig->len / 2] ^= 1;
}

static bool is_hashing(enum how how)
{
	return how == HASH_PKCS1 || how == HASH_PSS || how == HASH_ECDSA;
}

static void sign(const struct sign_row *row, const struct pair *p)
{
	CK_RSA_PKCS_PSS_PARAMS pss = { row->hash, row->mgf, 0 };
	CK_MECHANISM m = { row->mech, NULL, 0 };
	static struct blob data, in, sig;
	CK_RV r;

	if (row->optional && !listed(row->mech))
		return;
	renew(row->name);
	/* `data` is what the key works on, `in` is what the caller hands over. */
	if (row->how == RAW_X509) {
		data.len = p->k;
		memset(data.p, 0x5a, data.len);
		data.p[0] = 0;
	} else {
		data.len = digest(row->md, message, MESSAGE, data.p);
	}
	in = data;
	if (is_hashing(row->how)) {
		in.len = MESSAGE;
		memcpy(in.p, message, MESSAGE);
	}
	if (row->how == RAW_PSS || row->how == HASH_PSS) {
		pss.sLen = data.len;
		m.pParameter = &pss;
		m.ulParameterLen = sizeof pss;
	}
	r = sign_one_part(p, &m, in.p, in.len, &sig);
	if (!tap_rv(r, CKR_OK, "%s signs in one part [2.40 5.11]", row->name))
		return;
	tap(sig.len == (p->type == CKK_EC ? 2 * p->k : p->k), "%s: length %lu", row->name, sig.len);
	tap(openssl_agrees(row, p, &data, &sig), "%s: OpenSSL verifies it", row->name);
	verify(row, p, &m, &in, &sig);
	if (!is_hashing(row->how))
		return;
	r = sign_in_pieces(p, &m, &sig);
	if (tap_rv(r, CKR_OK, "%s signs in odd pieces [2.40 5.11]", row->name))
		tap(openssl_agrees(row, p, &data, &sig), "%s: OpenSSL verifies that too",
		    row->name);
	r = sign_init(p, &m);
	sig.len = sizeof sig.p;
	if (r == CKR_OK)
		r = kit.f->C_SignFinal(session, sig.p, &sig.len);
	data.len = digest(row->md, "", 0, data.p);
	tap(r == CKR_OK && openssl_agrees(row, p, &data, &sig),
	    "%s: nothing is a message too [2.40 5.11]", row->name);
}

/* Lengths at the borders of RSA, and what is beyond them. */
static void rsa_borders(const struct pair *p)
{
	static const struct rvs range = { 2, { CKR_DATA_LEN_RANGE, CKR_DATA_INVALID } };
	CK_MECHANISM pkcs = { CKM_RSA_PKCS, NULL, 0 }, raw = { CKM_RSA_X_509, NULL, 0 };
	const struct { size_t n; CK_RV want; } lengths[] = {
		{ 1, CKR_OK }, { 36, CKR_OK }, { p->k - 11, CKR_OK },
		{ p->k - 10, CKR_DATA_LEN_RANGE }, { p->k, CKR_DATA_LEN_RANGE },
	};
	static struct blob data, sig;

	for (size_t i = 0; i < COUNT(lengths); i++) {
		CK_RV r;

		renew("borders");
		r = sign_one_part(p, &pkcs, message, lengths[i].n, &sig);
		tap_rv(r, lengths[i].want, "RSA_PKCS signs %zu bytes [2.40 RSA]", lengths[i].n);
		data.len = lengths[i].n;
		memcpy(data.p, message, data.len);
		if (r == CKR_OK)
			tap(openssl_agrees(&sign_rows[0], p, &data, &sig), "and OpenSSL agrees");
	}
	memset(data.p, 0xff, p->k);
	tap_rvs(sign_one_part(p, &raw, data.p, p->k, &sig), &range,
		"RSA_X_509: a number above the modulus [2.40 RSA]");
	data.len = 32;
	tap(sign_one_part(p, &raw, data.p, data.len, &sig) == CKR_OK && sig.len == p->k
	    && openssl_agrees(&sign_rows[1], p, &data, &sig),
	    "RSA_X_509: a short input is padded with leading zeros [2.40 RSA]");
}

/* NSS verifies with public keys that it brings along as session objects. */
static void imported_public_key(const struct pair *p)
{
	CK_OBJECT_CLASS cls = CKO_PUBLIC_KEY;
	CK_KEY_TYPE type = CKK_RSA;
	CK_BBOOL no = CK_FALSE, yes = CK_TRUE;
	CK_MECHANISM m = { CKM_SHA256_RSA_PKCS, NULL, 0 };
	static struct blob n, e, sig;
	CK_ATTRIBUTE t[] = { { CKA_CLASS, &cls, sizeof cls }, { CKA_KEY_TYPE, &type, sizeof type },
		{ CKA_TOKEN, &no, 1 }, { CKA_VERIFY, &yes, 1 }, { CKA_MODULUS, n.p, 0 },
		{ CKA_PUBLIC_EXPONENT, e.p, 0 } };
	CK_OBJECT_HANDLE o = CK_INVALID_HANDLE;
	CK_RV r;

	kit_attr(session, p->pub, CKA_MODULUS, &n);
	kit_attr(session, p->pub, CKA_PUBLIC_EXPONENT, &e);
	t[4].ulValueLen = n.len;
	t[5].ulValueLen = e.len;
	r = kit.f->C_CreateObject(session, t, COUNT(t), &o);
	if (!tap_rv(r, CKR_OK, "a public key comes in as a session object [2.40 5.7]"))
		return;
	sign_one_part(p, &m, message, MESSAGE, &sig);
	r = kit.f->C_VerifyInit(session, &m, o);
	if (r == CKR_OK)
		r = kit.f->C_Verify(session, message, MESSAGE, sig.p, sig.len);
	tap_rv(r, CKR_OK, "and verifies what the card signed [2.40 5.12]");
	kit.f->C_DestroyObject(session, o);
}

/* -- decryption (2.40 sections 5.8, 5.9) ------------------------------------------------------- */

static const struct decrypt_row {
	CK_MECHANISM_TYPE mech;
	const char *name, *md;
	CK_MECHANISM_TYPE hash;
	CK_ULONG mgf;
	const char *label;
} decrypt_rows[] = {
	{ CKM_RSA_PKCS, "RSA_PKCS", NULL, 0, 0, NULL },
	{ CKM_RSA_PKCS_OAEP, "OAEP/SHA1", "SHA1", CKM_SHA_1, CKG_MGF1_SHA1, NULL },
	{ CKM_RSA_PKCS_OAEP, "OAEP/SHA224", "SHA224", CKM_SHA224, CKG_MGF1_SHA224, NULL },
	{ CKM_RSA_PKCS_OAEP, "OAEP/SHA256", "SHA256", CKM_SHA256, CKG_MGF1_SHA256, NULL },
	{ CKM_RSA_PKCS_OAEP, "OAEP/SHA384", "SHA384", CKM_SHA384, CKG_MGF1_SHA384, NULL },
	{ CKM_RSA_PKCS_OAEP, "OAEP/SHA512", "SHA512", CKM_SHA512, CKG_MGF1_SHA512, NULL },
	{ CKM_RSA_PKCS_OAEP, "OAEP/SHA256 with a label", "SHA256", CKM_SHA256, CKG_MGF1_SHA256,
		"what this is for" },
};

static size_t openssl_encrypt(const struct decrypt_row *row, const struct pair *p, size_t n,
			      CK_BYTE *out, size_t room)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(p->pkey, NULL);
	EVP_MD *md = row->md ? EVP_MD_fetch(NULL, row->md, NULL) : NULL;
	bool good = EVP_PKEY_encrypt_init(ctx) == 1
		&& EVP_PKEY_CTX_set_rsa_padding(ctx, md ? RSA_PKCS1_OAEP_PADDING
						: RSA_PKCS1_PADDING) == 1;

	if (md != NULL)
		good = good && EVP_PKEY_CTX_set_rsa_oaep_md(ctx, md) == 1
			&& EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, md) == 1;
	if (row->label != NULL)
		good = good && EVP_PKEY_CTX_set0_rsa_oaep_label(ctx, OPENSSL_strdup(row->label),
								(int)strlen(row->label)) == 1;
	good = good && EVP_PKEY_encrypt(ctx, out, &room, message, n) == 1;
	EVP_MD_free(md);
	EVP_PKEY_CTX_free(ctx);
	return good ? room : 0;
}

static void decrypt(const struct decrypt_row *row, const struct pair *p)
{
	CK_BYTE label[32] = { 0 }, cipher[1024], plain[1024], hash[64];
	CK_RSA_PKCS_OAEP_PARAMS oaep = { row->hash, row->mgf, CKZ_DATA_SPECIFIED, NULL, 0 };
	CK_MECHANISM m = { row->mech, NULL, 0 };
	static const struct rvs invalid = { 2, { CKR_ENCRYPTED_DATA_INVALID,
		CKR_ENCRYPTED_DATA_LEN_RANGE } };
	const size_t overhead = row->md ? 2 * digest(row->md, "", 0, hash) + 2 : 11;
	const size_t lengths[] = { 0, 1, 16, p->k - overhead };
	CK_ULONG n, small;
	CK_RV r;

	renew(row->name);
	if (row->md != NULL) {
		m.pParameter = &oaep;
		m.ulParameterLen = sizeof oaep;
	}
	if (row->label != NULL) {
		memcpy(label, row->label, strlen(row->label));
		oaep.pSourceData = label;
		oaep.ulSourceDataLen = strlen(row->label);
	}
	for (size_t i = 0; i < COUNT(lengths); i++) {
		size_t c = openssl_encrypt(row, p, lengths[i], cipher, sizeof cipher);

		n = sizeof plain;
		r = kit.f->C_DecryptInit(session, &m, p->prv);
		if (r == CKR_OK)
			r = kit.f->C_Decrypt(session, cipher, c, plain, &n);
		tap(r == CKR_OK && n == lengths[i] && memcmp(plain, message, n) == 0,
		    "%s: %zu bytes that OpenSSL encrypted [2.40 5.9]", row->name, lengths[i]);
		if (r != CKR_OK)
			tap_note("%s", rv_name(r));
	}
	/* A size query may say a little more than needed; it must not end the operation. */
	openssl_encrypt(row, p, 16, cipher, sizeof cipher);
	n = 0;
	r = kit.f->C_DecryptInit(session, &m, p->prv);
	if (r == CKR_OK)
		r = kit.f->C_Decrypt(session, cipher, p->k, NULL, &n);
	tap(r == CKR_OK && n >= 16 && n <= p->k, "%s: the size without a buffer [2.40 5.2]",
	    row->name);
	small = 15;
	tap_rv(kit.f->C_Decrypt(session, cipher, p->k, plain, &small), CKR_BUFFER_TOO_SMALL,
	       "%s: one byte short [2.40 5.2]", row->name);
	n = sizeof plain;
	tap(kit.f->C_Decrypt(session, cipher, p->k, plain, &n) == CKR_OK && n == 16,
	    "%s: and then with room [2.40 5.2]", row->name);
	tap_rv(kit.f->C_Decrypt(session, cipher, p->k, plain, &n), CKR_OPERATION_NOT_INITIALIZED,
	       "%s: and no more after that [2.40 5.9]", row->name);
	cipher[p->k / 2] ^= 0x10;
	n = sizeof plain;
	r = kit.f->C_DecryptInit(session, &m, p->prv);
	if (r == CKR_OK)
		r = kit.f->C_Decrypt(session, cipher, p->k, plain, &n);
	tap_rvs(r, &invalid, "%s: one bit turned [2.40 5.9]", row->name);
	/* The module's own encryption, through its public key object. */
	n = sizeof cipher;
	r = kit.f->C_EncryptInit(session, &m, p->pub);
	if (r == CKR_OK)
		r = kit.f->C_Encrypt(session, message, 16, cipher, &n);
	tap(r == CKR_OK && n == p->k, "%s: C_Encrypt with the public key [2.40 5.8]", row->name);
	n = sizeof plain;
	r = kit.f->C_DecryptInit(session, &m, p->prv);
	if (r == CKR_OK)
		r = kit.f->C_Decrypt(session, cipher, p->k, plain, &n);
	tap(r == CKR_OK && n == 16 && memcmp(plain, message, 16) == 0,
	    "%s: and back through the private one [2.40 5.9]", row->name);
}

/* -- ECDH (2.40 elliptic curve section) -------------------------------------------------------- */

struct peer {
	EVP_PKEY *pkey;
	CK_BYTE raw[140], der[150];
	size_t nraw, nder;
	CK_BYTE shared[80];
	size_t nshared;
};

static bool make_peer(const struct pair *p, struct peer *peer)
{
	char group[64] = "";
	EVP_PKEY_CTX *ctx;
	bool good;

	memset(peer, 0, sizeof *peer);
	EVP_PKEY_get_group_name(p->pkey, group, sizeof group, NULL);
	peer->pkey = EVP_EC_gen(group);
	if (peer->pkey == NULL)
		return false;
	EVP_PKEY_get_octet_string_param(peer->pkey, OSSL_PKEY_PARAM_PUB_KEY, peer->raw,
					sizeof peer->raw, &peer->nraw);
	peer->der[peer->nder++] = 4;
	if (peer->nraw > 127)
		peer->der[peer->nder++] = 0x81;
	peer->der[peer->nder++] = (CK_BYTE)peer->nraw;
	memcpy(peer->der + peer->nder, peer->raw, peer->nraw);
	peer->nder += peer->nraw;
	peer->nshared = sizeof peer->shared;
	ctx = EVP_PKEY_CTX_new(peer->pkey, NULL);
	good = EVP_PKEY_derive_init(ctx) == 1 && EVP_PKEY_derive_set_peer(ctx, p->pkey) == 1
		&& EVP_PKEY_derive(ctx, peer->shared, &peer->nshared) == 1;
	EVP_PKEY_CTX_free(ctx);
	return good;
}

/* Derives a readable generic secret; len 0 leaves CKA_VALUE_LEN out. */
static CK_RV derive(const struct pair *p, CK_MECHANISM_TYPE type, CK_BYTE *point, size_t npoint,
		    CK_ULONG len, struct blob *out)
{
	CK_OBJECT_CLASS cls = CKO_SECRET_KEY;
	CK_KEY_TYPE key = CKK_GENERIC_SECRET;
	CK_BBOOL no = CK_FALSE, yes = CK_TRUE;
	CK_ECDH1_DERIVE_PARAMS params = { CKD_NULL, 0, NULL, npoint, point };
	CK_MECHANISM m = { type, &params, sizeof params };
	CK_ATTRIBUTE t[] = { { CKA_CLASS, &cls, sizeof cls }, { CKA_KEY_TYPE, &key, sizeof key },
		{ CKA_TOKEN, &no, 1 }, { CKA_SENSITIVE, &no, 1 }, { CKA_EXTRACTABLE, &yes, 1 },
		{ CKA_VALUE_LEN, &len, sizeof len } };
	CK_OBJECT_HANDLE o = CK_INVALID_HANDLE;
	CK_RV r = kit.f->C_DeriveKey(session, &m, p->prv, t, len ? 6 : 5, &o);

	out->len = 0;
	if (r != CKR_OK)
		return r;
	kit_attr(session, o, CKA_VALUE, out);
	kit.f->C_DestroyObject(session, o);
	return CKR_OK;
}

/* Templates that no secret key has, with everything else as it should be. */
static void derive_refused(const struct pair *p, const struct peer *peer)
{
	static CK_BBOOL yes = CK_TRUE;
	static CK_BYTE wide[5] = { 1 };
	static const struct { CK_ATTRIBUTE a; struct rvs want; const char *what; } rows[] = {
		{ { CKA_LOCAL, &yes, 1 }, { 3, { CKR_ATTRIBUTE_READ_ONLY, CKR_TEMPLATE_INCONSISTENT,
			CKR_ATTRIBUTE_VALUE_INVALID } }, "CKA_LOCAL is not the caller's" },
		{ { CKA_MODULUS_BITS, &yes, 1 }, { 2, { CKR_ATTRIBUTE_TYPE_INVALID,
			CKR_TEMPLATE_INCONSISTENT } }, "an attribute of other classes" },
		{ { CKA_ENCRYPT, wide, 5 }, { 1, { CKR_ATTRIBUTE_VALUE_INVALID } },
			"a boolean of five bytes" },
	};
	CK_ECDH1_DERIVE_PARAMS params = { CKD_NULL, 0, NULL, peer->nraw, (CK_BYTE *)peer->raw };
	CK_MECHANISM m = { CKM_ECDH1_DERIVE, &params, sizeof params };
	CK_OBJECT_CLASS cls = CKO_SECRET_KEY;
	CK_KEY_TYPE key = CKK_GENERIC_SECRET;
	CK_OBJECT_HANDLE o;

	for (size_t i = 0; i < COUNT(rows); i++) {
		CK_ATTRIBUTE t[] = { { CKA_CLASS, &cls, sizeof cls },
			{ CKA_KEY_TYPE, &key, sizeof key }, rows[i].a };

		tap_rvs(kit.f->C_DeriveKey(session, &m, p->prv, t, COUNT(t), &o), &rows[i].want,
			"C_DeriveKey: %s [2.40 4.1.1]", rows[i].what);
	}
}

static void ecdh(const struct pair *p)
{
	static const CK_MECHANISM_TYPE types[] = { CKM_ECDH1_DERIVE, CKM_ECDH1_COFACTOR_DERIVE };
	static struct blob got;
	struct peer peer;
	CK_RV r;

	if (!kit_attr_true(session, p->prv, CKA_DERIVE))
		return;
	tap(make_peer(p, &peer), "OpenSSL plays the other side of ECDH, %zu bytes", p->k);
	derive_refused(p, &peer);
	for (size_t i = 0; i < COUNT(types); i++) {
		const char *name = i ? "ECDH1_COFACTOR_DERIVE" : "ECDH1_DERIVE";

		renew(name);
		r = derive(p, types[i], peer.raw, peer.nraw, 0, &got);
		tap(r == CKR_OK && got.len == peer.nshared && !memcmp(got.p, peer.shared, got.len),
		    "%s: raw point, the whole X as OpenSSL [2.40 EC]", name);
		if (r != CKR_OK)
			tap_note("%s", rv_name(r));
		r = derive(p, types[i], peer.der, peer.nder, 0, &got);
		tap(r == CKR_OK && got.len == peer.nshared && !memcmp(got.p, peer.shared, got.len),
		    "%s: the point as DER OCTET STRING [2.40 EC]", name);
		r = derive(p, types[i], peer.raw, peer.nraw, 16, &got);
		tap(r == CKR_OK && got.len == 16
		    && !memcmp(got.p, peer.shared + peer.nshared - 16, 16),
		    "%s: CKA_VALUE_LEN 16 cuts the leading end [2.40 EC]", name);
		r = derive(p, types[i], peer.raw, peer.nraw, peer.nshared + 1, &got);
		tap(r != CKR_OK, "%s: more than there is [2.40 EC]", name);
	}
	peer.raw[peer.nraw - 1] ^= 1;
	tap(derive(p, CKM_ECDH1_DERIVE, peer.raw, peer.nraw, 0, &got) != CKR_OK,
	    "ECDH1_DERIVE: a point off the curve is refused");
	EVP_PKEY_free(peer.pkey);
}

/* -- key generation (2.40 section 5.14) -------------------------------------------------------- */

/* What C_SetAttributeValue has promised of a key on the card is still so for the next program. */
static void changes_last(CK_OBJECT_HANDLE prv, struct blob *id)
{
	static CK_BYTE subject[] = { 0x30, 0x0c, 0x31, 0x0a, 0x30, 0x08, 0x06, 0x03, 0x55, 0x04, 0x03,
		0x0c, 0x01, 0x78 };
	bool derives = kit_attr_true(session, prv, CKA_DERIVE);
	CK_BBOOL other = !derives;
	CK_ATTRIBUTE use = { CKA_DERIVE, &other, 1 }, name = { CKA_SUBJECT, subject, sizeof subject };
	CK_RV use_r = kit.f->C_SetAttributeValue(session, prv, &use, 1);
	CK_RV name_r = kit.f->C_SetAttributeValue(session, prv, &name, 1);
	struct blob b = { 0 };

	kit.f->C_Finalize(NULL);
	kit_start();
	standing = kit_session(CKF_RW_SESSION);
	kit_login(standing);
	session = kit_session(CKF_RW_SESSION);
	prv = find_by_id(CKO_PRIVATE_KEY, id);
	tap(kit_attr_true(session, prv, CKA_DERIVE) == (use_r == CKR_OK ? !derives : derives),
	    "a new CKA_DERIVE is refused or kept (%s) [2.40 5.7]", rv_name(use_r));
	tap(name_r != CKR_OK || (kit_attr(session, prv, CKA_SUBJECT, &b) &&
	    b.len == sizeof subject && memcmp(b.p, subject, b.len) == 0),
	    "a new CKA_SUBJECT is refused or kept (%s) [2.40 5.7]", rv_name(name_r));
}

static void generate(CK_KEY_TYPE type)
{
	static const struct sign_row *const by_type[] = { &sign_rows[5], &sign_rows[25] };
	CK_BYTE p256[] = { 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7 }, id[] = { 0x77 };
	CK_BYTE label[] = "castor generated", new_id[] = { 0x78, 0x79 };
	CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
	CK_ULONG bits = 2048;
	const bool rsa = type == CKK_RSA;
	CK_MECHANISM m = { rsa ? CKM_RSA_PKCS_KEY_PAIR_GEN : CKM_EC_KEY_PAIR_GEN, NULL, 0 };
	CK_ATTRIBUTE pub_t[] = { { CKA_TOKEN, &yes, 1 }, { CKA_ID, id, sizeof id },
		{ CKA_VERIFY, &yes, 1 }, { CKA_MODULUS_BITS, &bits, sizeof bits } };
	CK_ATTRIBUTE prv_t[] = { { CKA_TOKEN, &yes, 1 }, { CKA_ID, id, sizeof id },
		{ CKA_PRIVATE, &yes, 1 }, { CKA_SIGN, &yes, 1 }, { CKA_LABEL, label, 16 } };
	CK_ATTRIBUTE open_t[] = { { CKA_TOKEN, &yes, 1 }, { CKA_SENSITIVE, &no, 1 },
		{ CKA_EXTRACTABLE, &yes, 1 } };
	CK_ATTRIBUTE change[] = { { CKA_ID, new_id, sizeof new_id } };
	static const struct rvs refused = { 2, { CKR_TEMPLATE_INCONSISTENT,
		CKR_ATTRIBUTE_VALUE_INVALID } };
	CK_OBJECT_HANDLE pub = 0, prv = 0;
	struct pair p;
	CK_RV r;

	if (!rsa)
		pub_t[3] = (CK_ATTRIBUTE){ CKA_EC_PARAMS, p256, sizeof p256 };
	tap_doing("generate");
	tap_watchdog(300);
	tap_rvs(kit.f->C_GenerateKeyPair(session, &m, pub_t, 4, open_t, 3, &pub, &prv), &refused,
		"C_GenerateKeyPair: a card key that can be read out is refused [2.40 5.14]");
	r = kit.f->C_GenerateKeyPair(session, &m, pub_t, 4, prv_t, 5, &pub, &prv);
	if (!tap_rv(r, CKR_OK, "C_GenerateKeyPair, type %lu [2.40 5.14]", type))
		return;
	tap(kit_attr_true(session, prv, CKA_LOCAL) && kit_attr_true(session, pub, CKA_LOCAL),
	    "both halves are local [2.40 4]");
	tap(kit_attr_true(session, prv, CKA_ALWAYS_SENSITIVE)
	    && kit_attr_true(session, prv, CKA_NEVER_EXTRACTABLE), "it was never outside [2.40 4]");
	tap(kit_attr_ulong(session, prv, CKA_KEY_GEN_MECHANISM) == m.mechanism,
	    "CKA_KEY_GEN_MECHANISM is the mechanism [2.40 4]");
	if (tap(load_pair(prv, &p) && p.pub == pub, "the halves are found by their CKA_ID"))
		sign(by_type[!rsa], &p);
	EVP_PKEY_free(p.pkey);
	tap_rv(kit.f->C_SetAttributeValue(session, prv, change, 1), CKR_OK, "a new CKA_ID");
	tap_rv(kit.f->C_SetAttributeValue(session, pub, change, 1), CKR_OK,
	       "for the other half too");
	tap(load_pair(prv, &p) && p.id.len == 2 && p.id.p[1] == 0x79,
	    "the new CKA_ID is read back");
	EVP_PKEY_free(p.pkey);
	changes_last(prv, &p.id);
	prv = find_by_id(CKO_PRIVATE_KEY, &p.id);
	pub = find_by_id(CKO_PUBLIC_KEY, &p.id);
	tap_rv(kit.f->C_DestroyObject(session, prv), CKR_OK, "C_DestroyObject of the private key");
	tap_rv(kit.f->C_DestroyObject(session, pub), CKR_OK, "C_DestroyObject of the public key");
	tap(kit_attr_ulong(session, prv, CKA_CLASS) == ~0UL, "and it is gone");
}

int main(int argc, char **argv)
{
	static struct pair pairs[MAX_KEYS];
	const bool make = getenv("CASTOR_TEST_GENERATE") != NULL;
	bool rsa_done = false;
	size_t n;

	kit_open(argc, argv);
	tap_watchdog(120);
	for (size_t i = 0; i < sizeof message; i++)
		message[i] = (CK_BYTE)(i * 7 + i / 251);
	kit_start();
	kit_pick_slot();
	standing = kit_session(make ? CKF_RW_SESSION : 0);
	kit_login(standing);
	renew("start");
	digests();
	empty_parts();
	if (make) {
		generate(CKK_RSA);
		generate(CKK_EC);
		goto out;
	}
	certificates();
	n = load_pairs(pairs);
	tap(n > 0, "there are keys to work with");
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < COUNT(sign_rows); k++)
			if ((pairs[i].type == CKK_EC) == (sign_rows[k].how >= RAW_ECDSA))
				sign(&sign_rows[k], &pairs[i]);
		if (pairs[i].type == CKK_EC) {
			ecdh(&pairs[i]);
			continue;
		}
		rsa_borders(&pairs[i]);
		if (!rsa_done)
			imported_public_key(&pairs[i]);
		for (size_t k = 0; k < COUNT(decrypt_rows); k++)
			if (kit_attr_true(session, pairs[i].prv, CKA_DECRYPT))
				decrypt(&decrypt_rows[k], &pairs[i]);
		rsa_done = true;
	}
	tap(rsa_done, "an RSA key was among them");
out:
	for (size_t i = 0; i < COUNT(pairs); i++)
		EVP_PKEY_free(make ? NULL : pairs[i].pkey);
	tap_rv(kit.f->C_Finalize(NULL), CKR_OK, "C_Finalize");
	return tap_end();
}

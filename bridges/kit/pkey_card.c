/* The private operations, as C_* calls: which mechanism, and the forms both sides want. */
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <string.h>

#include "bridges/kit/pkey_int.h"

static const struct pkey_hash hashes[] = {
	{ "SHA1", CKM_SHA_1, CKG_MGF1_SHA1,
	  { CKM_SHA1_RSA_PKCS, CKM_SHA1_RSA_PKCS_PSS, CKM_ECDSA_SHA1 } },
	{ "SHA224", CKM_SHA224, CKG_MGF1_SHA224,
	  { CKM_SHA224_RSA_PKCS, CKM_SHA224_RSA_PKCS_PSS, CKM_ECDSA_SHA224 } },
	{ "SHA256", CKM_SHA256, CKG_MGF1_SHA256,
	  { CKM_SHA256_RSA_PKCS, CKM_SHA256_RSA_PKCS_PSS, CKM_ECDSA_SHA256 } },
	{ "SHA384", CKM_SHA384, CKG_MGF1_SHA384,
	  { CKM_SHA384_RSA_PKCS, CKM_SHA384_RSA_PKCS_PSS, CKM_ECDSA_SHA384 } },
	{ "SHA512", CKM_SHA512, CKG_MGF1_SHA512,
	  { CKM_SHA512_RSA_PKCS, CKM_SHA512_RSA_PKCS_PSS, CKM_ECDSA_SHA512 } },
};

/* The mechanisms that sign what was hashed elsewhere. */
static const CK_MECHANISM_TYPE bare[PKEY_SCHEMES] = { CKM_RSA_PKCS, CKM_RSA_PKCS_PSS, CKM_ECDSA };

const struct pkey_hash *
pkey_hash_of(const EVP_MD *md)
{
	for (size_t i = 0; md && i < sizeof hashes / sizeof hashes[0]; i++)
		if (EVP_MD_is_a(md, hashes[i].name))
			return &hashes[i];
	return NULL;
}

const struct pkey_hash *
pkey_hash_named(OSSL_LIB_CTX *lib, const char *name)
{
	EVP_MD *md = EVP_MD_fetch(lib, name, PKEY_OTHERS);
	const struct pkey_hash *h = pkey_hash_of(md);

	EVP_MD_free(md);
	return h;
}

/* How an operation ended, kept for the caller; OpenSSL gets a word of it too. */
static bool
ended(struct kit_key *c, CK_RV rv, const char *what)
{
	c->rv = rv;
	if (rv)
		ERR_raise_data(ERR_LIB_PROV, ERR_R_OPERATION_FAIL, "%s: 0x%lx", what, rv);
	return !rv;
}

/* A card that is gone is for the operation to find out. */
static bool
offers(const struct pkey *k, CK_MECHANISM_TYPE type, CK_FLAGS use)
{
	CK_MECHANISM_INFO info;
	CK_RV rv = k->card->f->C_GetMechanismInfo(k->slot, type, &info);

	return rv ? rv != CKR_MECHANISM_INVALID : (info.flags & use) != 0;
}

bool
pkey_sign_whole(const struct pkey *k, const struct pkey_how *how)
{
	return how->hash && !offers(k, bare[how->scheme], CKF_SIGN) &&
	    offers(k, how->hash->with[how->scheme], CKF_SIGN);
}

/* An operation that nobody finishes would be in the way of the next. PKCS#11 3.x ends it by an
 * Init without a mechanism; before, only the operation itself does, with something no key takes. */
static void
abandon_sign(struct kit_key *c)
{
	static CK_BYTE too_long[PKEY_BYTES_MAX + 1];
	CK_BYTE out[PKEY_BYTES_MAX];
	CK_ULONG n = sizeof out;

	if (c->f->C_SignInit(c->session, NULL, c->key))
		c->f->C_Sign(c->session, too_long, sizeof too_long, out, &n);
	OPENSSL_cleanse(out, sizeof out);
}

static void
abandon_decrypt(struct kit_key *c)
{
	CK_BYTE too_short = 0, out[PKEY_BYTES_MAX];
	CK_ULONG n = sizeof out;

	if (c->f->C_DecryptInit(c->session, NULL, c->key))
		c->f->C_Decrypt(c->session, &too_short, sizeof too_short, out, &n);
	OPENSSL_cleanse(out, sizeof out);
}

/* DER of a DigestInfo (RFC 8017 9.2). */
static bool
digest_info(const EVP_MD *md, struct view digest, struct buf *out)
{
	X509_SIG *info = X509_SIG_new();
	unsigned char *der = NULL;
	X509_ALGOR *algor;
	ASN1_OCTET_STRING *octets;
	int n = -1;

	if (info) {
		X509_SIG_getm(info, &algor, &octets);
		if (X509_ALGOR_set0(algor, OBJ_nid2obj(EVP_MD_get_type(md)), V_ASN1_NULL, NULL) &&
		    ASN1_OCTET_STRING_set(octets, digest.p, (int)digest.len))
			n = i2d_X509_SIG(info, &der);
	}
	if (n > 0)
		buf_put(out, der, (size_t)n);
	OPENSSL_free(der);
	X509_SIG_free(info);
	return n > 0 && !buf_err(out);
}

/* r||s in two halves to DER (RFC 3279 2.2.3). */
static bool
ecdsa_der(struct view raw, struct buf *out)
{
	ECDSA_SIG *sig = ECDSA_SIG_new();
	int half = (int)raw.len / 2, n = -1;
	BIGNUM *r = BN_bin2bn(raw.p, half, NULL), *s = BN_bin2bn(raw.p + half, half, NULL);
	unsigned char *der = NULL;

	if (sig && r && s && raw.len % 2 == 0 && ECDSA_SIG_set0(sig, r, s)) {
		r = s = NULL;
		n = i2d_ECDSA_SIG(sig, &der);
	}
	if (n > 0)
		buf_put(out, der, (size_t)n);
	OPENSSL_free(der);
	BN_free(r);
	BN_free(s);
	ECDSA_SIG_free(sig);
	return n > 0 && !buf_err(out);
}

/* What the mechanism is given: the data; a DigestInfo; or the digest, of which ECDSA takes as many
 * bits as the order has (FIPS 186-4 6.4), and tokens differ in who has to cut. */
static bool
input_of(const struct pkey *k, const struct pkey_how *how, struct view in, struct buf *out)
{
	size_t order = pkey_bytes(k);

	if (!how->whole && how->scheme == PKEY_PKCS1 && how->md && !EVP_MD_is_a(how->md, "MD5-SHA1"))
		return digest_info(how->md, in, out);
	if (!how->whole && how->scheme == PKEY_ECDSA && in.len > order)
		in.len = order;
	buf_view(out, in);
	return !buf_err(out);
}

bool
pkey_sign(struct pkey *k, const struct pkey_how *how, struct view in, struct buf *out)
{
	struct kit_key *c = k->card;
	CK_RSA_PKCS_PSS_PARAMS pss = { 0 };
	CK_MECHANISM m = { how->whole ? how->hash->with[how->scheme] : bare[how->scheme], NULL, 0 };
	struct buf data = BUF_INIT;
	CK_BYTE sig[PKEY_BYTES_MAX];
	CK_ULONG n = sizeof sig;
	CK_RV rv = CKR_OK;

	if (!k->sign)
		return ended(c, CKR_KEY_FUNCTION_NOT_PERMITTED, "CKA_SIGN");
	if (!offers(k, m.mechanism, CKF_SIGN))
		return ended(c, CKR_MECHANISM_INVALID, "C_GetMechanismInfo");
	if (how->scheme == PKEY_PSS) {
		if (!how->hash || !how->mgf)
			return ended(c, CKR_MECHANISM_PARAM_INVALID, "PSS");
		pss.hashAlg = how->hash->ckm;
		pss.mgf = how->mgf->mgf;
		pss.sLen = how->salt;
		m.pParameter = &pss;
		m.ulParameterLen = sizeof pss;
	}
	if (!input_of(k, how, in, &data))
		rv = CKR_HOST_MEMORY;
	else if (!(rv = c->f->C_SignInit(c->session, &m, c->key))) {
		if (k->each_time && c->ready && (rv = c->ready(c)))
			abandon_sign(c);
		else
			rv = c->f->C_Sign(c->session, data.p, data.len, sig, &n);
	}
	if (!rv && n != (k->ec ? 2 * pkey_bytes(k) : pkey_bytes(k)))
		rv = CKR_SIGNATURE_LEN_RANGE;
	if (!rv && k->ec && !ecdsa_der(view_of(sig, n), out))
		rv = CKR_HOST_MEMORY;
	if (!rv && !k->ec)
		buf_put(out, sig, n);
	buf_free(&data);
	return ended(c, rv ? rv : buf_err(out) ? CKR_HOST_MEMORY : CKR_OK, "C_Sign");
}

bool
pkey_decrypt(struct pkey *k, CK_RSA_PKCS_OAEP_PARAMS *oaep, struct view in, struct buf *out)
{
	struct kit_key *c = k->card;
	CK_MECHANISM m = { oaep ? CKM_RSA_PKCS_OAEP : CKM_RSA_PKCS, oaep, oaep ? sizeof *oaep : 0 };
	CK_BYTE plain[PKEY_BYTES_MAX];
	CK_ULONG n = sizeof plain;
	CK_RV rv;

	if (!k->decrypt)
		return ended(c, CKR_KEY_FUNCTION_NOT_PERMITTED, "CKA_DECRYPT");
	if (!offers(k, m.mechanism, CKF_DECRYPT))
		return ended(c, CKR_MECHANISM_INVALID, "C_GetMechanismInfo");
	if (!(rv = c->f->C_DecryptInit(c->session, &m, c->key))) {
		if (k->each_time && c->ready && (rv = c->ready(c)))
			abandon_decrypt(c);
		else
			rv = c->f->C_Decrypt(c->session, (CK_BYTE *)in.p, in.len, plain, &n);
	}
	if (!rv)
		buf_put(out, plain, n);
	OPENSSL_cleanse(plain, sizeof plain);
	return ended(c, rv ? rv : buf_err(out) ? CKR_HOST_MEMORY : CKR_OK, "C_Decrypt");
}

bool
pkey_derive(struct pkey *k, struct view point, struct buf *out)
{
	struct kit_key *c = k->card;
	CK_OBJECT_CLASS secret = CKO_SECRET_KEY;
	CK_KEY_TYPE generic = CKK_GENERIC_SECRET;
	CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
	CK_ECDH1_DERIVE_PARAMS params = {
		.kdf = CKD_NULL, .pPublicData = (CK_BYTE *)point.p, .ulPublicDataLen = point.len
	};
	CK_MECHANISM m = { CKM_ECDH1_DERIVE, &params, sizeof params };
	CK_BYTE x[PKEY_BYTES_MAX];
	CK_ULONG want = pkey_bytes(k);
	CK_ATTRIBUTE value = { CKA_VALUE, x, sizeof x };
	CK_ATTRIBUTE t[] = {
		{ CKA_CLASS, &secret, sizeof secret }, { CKA_KEY_TYPE, &generic, sizeof generic },
		{ CKA_TOKEN, &no, sizeof no }, { CKA_SENSITIVE, &no, sizeof no },
		{ CKA_EXTRACTABLE, &yes, sizeof yes }, { CKA_VALUE_LEN, &want, sizeof want },
	};
	CK_OBJECT_HANDLE got;
	CK_RV rv;

	if (!k->derive)
		return ended(c, CKR_KEY_FUNCTION_NOT_PERMITTED, "CKA_DERIVE");
	if (!offers(k, m.mechanism, CKF_DERIVE))
		return ended(c, CKR_MECHANISM_INVALID, "C_GetMechanismInfo");
	if ((rv = c->f->C_DeriveKey(c->session, &m, c->key, t, sizeof t / sizeof t[0], &got)))
		return ended(c, rv, "C_DeriveKey");
	if (!(rv = c->f->C_GetAttributeValue(c->session, got, &value, 1))) {
		if (value.ulValueLen == want)
			buf_put(out, x, want);
		else
			rv = CKR_FUNCTION_FAILED;
	}
	c->f->C_DestroyObject(c->session, got);
	OPENSSL_cleanse(x, sizeof x);
	return ended(c, rv ? rv : buf_err(out) ? CKR_HOST_MEMORY : CKR_OK, "CKA_VALUE");
}

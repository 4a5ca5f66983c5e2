#include "t/scenario/witness.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(a) (sizeof (a) / sizeof (a)[0])

const struct way ways[] = {
	{ CKM_RSA_PKCS, CKK_RSA, KIND_PKCS1, NULL },
	{ CKM_RSA_X_509, CKK_RSA, KIND_RAW, NULL },
	{ CKM_MD5_RSA_PKCS, CKK_RSA, KIND_PKCS1, "MD5" },
	{ CKM_SHA1_RSA_PKCS, CKK_RSA, KIND_PKCS1, "SHA1" },
	{ CKM_SHA224_RSA_PKCS, CKK_RSA, KIND_PKCS1, "SHA224" },
	{ CKM_SHA256_RSA_PKCS, CKK_RSA, KIND_PKCS1, "SHA256" },
	{ CKM_SHA384_RSA_PKCS, CKK_RSA, KIND_PKCS1, "SHA384" },
	{ CKM_SHA512_RSA_PKCS, CKK_RSA, KIND_PKCS1, "SHA512" },
	{ CKM_RSA_PKCS_PSS, CKK_RSA, KIND_PSS, NULL },
	{ CKM_SHA1_RSA_PKCS_PSS, CKK_RSA, KIND_PSS, "SHA1" },
	{ CKM_SHA224_RSA_PKCS_PSS, CKK_RSA, KIND_PSS, "SHA224" },
	{ CKM_SHA256_RSA_PKCS_PSS, CKK_RSA, KIND_PSS, "SHA256" },
	{ CKM_SHA384_RSA_PKCS_PSS, CKK_RSA, KIND_PSS, "SHA384" },
	{ CKM_SHA512_RSA_PKCS_PSS, CKK_RSA, KIND_PSS, "SHA512" },
	{ CKM_ECDSA, CKK_EC, KIND_ECDSA, NULL },
	{ CKM_ECDSA_SHA1, CKK_EC, KIND_ECDSA, "SHA1" },
	{ CKM_ECDSA_SHA224, CKK_EC, KIND_ECDSA, "SHA224" },
	{ CKM_ECDSA_SHA256, CKK_EC, KIND_ECDSA, "SHA256" },
	{ CKM_ECDSA_SHA384, CKK_EC, KIND_ECDSA, "SHA384" },
	{ CKM_ECDSA_SHA512, CKK_EC, KIND_ECDSA, "SHA512" },
};
const size_t n_ways = COUNT(ways);

const struct hash_name hash_names[] = {
	{ "SHA1", CKM_SHA_1, CKM_SHA1_RSA_PKCS, CKM_SHA1_RSA_PKCS_PSS, CKG_MGF1_SHA1, 20 },
	{ "SHA224", CKM_SHA224, CKM_SHA224_RSA_PKCS, CKM_SHA224_RSA_PKCS_PSS, CKG_MGF1_SHA224, 28 },
	{ "SHA256", CKM_SHA256, CKM_SHA256_RSA_PKCS, CKM_SHA256_RSA_PKCS_PSS, CKG_MGF1_SHA256, 32 },
	{ "SHA384", CKM_SHA384, CKM_SHA384_RSA_PKCS, CKM_SHA384_RSA_PKCS_PSS, CKG_MGF1_SHA384, 48 },
	{ "SHA512", CKM_SHA512, CKM_SHA512_RSA_PKCS, CKM_SHA512_RSA_PKCS_PSS, CKG_MGF1_SHA512, 64 },
};
const size_t n_hash_names = COUNT(hash_names);

const struct hash_name *
hash_named(const char *md)
{
	for (size_t i = 0; md && i < n_hash_names; i++)
		if (strcmp(hash_names[i].md, md) == 0)
			return &hash_names[i];
	return NULL;
}

static FILE *
file_of_cards(const char *name)
{
	const char *top = getenv("top_srcdir");
	char path[512];

	snprintf(path, sizeof path, "%s/t/cards/%s", top ? top : ".", name);
	return fopen(path, "r");
}

X509 *
witness_cert(const char *file)
{
	FILE *f = file_of_cards(file);
	X509 *x = f ? PEM_read_X509(f, NULL, NULL, NULL) : NULL;

	if (f)
		fclose(f);
	return x;
}

EVP_PKEY *
witness_key(const char *file)
{
	FILE *f = file_of_cards(file);
	EVP_PKEY *key = f ? PEM_read_PUBKEY(f, NULL, NULL, NULL) : NULL;

	if (f)
		fclose(f);
	return key;
}

size_t
witness_digest(const char *md, const CK_BYTE *data, size_t n, CK_BYTE *out)
{
	unsigned len = 0;

	return EVP_Digest(data, n, out, &len, EVP_get_digestbyname(md), NULL) == 1 ? len : 0;
}

size_t
witness_digest_info(const char *md, const CK_BYTE *digest, size_t n, CK_BYTE *out, size_t room)
{
	X509_SIG *info = X509_SIG_new();
	unsigned char *at = out;
	X509_ALGOR *alg;
	ASN1_OCTET_STRING *value;
	int len = 0;

	if (!info)
		return 0;
	X509_SIG_getm(info, &alg, &value);
	if (X509_ALGOR_set0(alg, OBJ_nid2obj(EVP_MD_get_type(EVP_get_digestbyname(md))), V_ASN1_NULL, NULL) &&
	    ASN1_OCTET_STRING_set(value, digest, (int)n) && (size_t)(len = i2d_X509_SIG(info, NULL)) <= room)
		len = i2d_X509_SIG(info, &at);
	X509_SIG_free(info);
	return len > 0 ? (size_t)len : 0;
}

static bool
ecdsa_verifies(EVP_PKEY_CTX *ctx, const CK_BYTE *in, size_t n, const CK_BYTE *sig, size_t nsig)
{
	const int half = (int)(nsig / 2);
	ECDSA_SIG *s = ECDSA_SIG_new();
	unsigned char *der = NULL;
	bool good = false;
	int len;

	if (s && ECDSA_SIG_set0(s, BN_bin2bn(sig, half, NULL), BN_bin2bn(sig + half, half, NULL))) {
		len = i2d_ECDSA_SIG(s, &der);
		good = len > 0 && EVP_PKEY_verify_init(ctx) == 1 &&
		    EVP_PKEY_verify(ctx, der, (size_t)len, in, n) == 1;
	}
	OPENSSL_free(der);
	ECDSA_SIG_free(s);
	return good;
}

/* What the key raised is `in`, with nothing but zeros before it. */
static bool
recovers(EVP_PKEY_CTX *ctx, int padding, const CK_BYTE *in, size_t n, const CK_BYTE *sig, size_t nsig)
{
	unsigned char back[1024];
	size_t len = sizeof back;

	if (EVP_PKEY_verify_recover_init(ctx) != 1 || EVP_PKEY_CTX_set_rsa_padding(ctx, padding) != 1 ||
	    EVP_PKEY_verify_recover(ctx, back, &len, sig, nsig) != 1 || len < n ||
	    memcmp(back + len - n, in, n) != 0 || (padding == RSA_PKCS1_PADDING && len != n))
		return false;
	for (size_t i = 0; i < len - n; i++)
		if (back[i])
			return false;
	return true;
}

static bool
rsa_verifies(EVP_PKEY_CTX *ctx, const char *md, bool pss, size_t salt, const CK_BYTE *digest, size_t n,
    const CK_BYTE *sig, size_t nsig)
{
	return EVP_PKEY_verify_init(ctx) == 1 &&
	    EVP_PKEY_CTX_set_rsa_padding(ctx, pss ? RSA_PKCS1_PSS_PADDING : RSA_PKCS1_PADDING) == 1 &&
	    EVP_PKEY_CTX_set_signature_md(ctx, EVP_get_digestbyname(md)) == 1 &&
	    (!pss || (EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, EVP_get_digestbyname(md)) == 1 &&
	    EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, (int)salt) == 1)) &&
	    EVP_PKEY_verify(ctx, sig, nsig, digest, n) == 1;
}

bool
witness_verifies(EVP_PKEY *key, const struct way *way, const struct hash_name *pss, size_t salt,
    const CK_BYTE *in, size_t n, const CK_BYTE *sig, size_t nsig)
{
	const size_t bytes = (size_t)(EVP_PKEY_get_bits(key) + 7) / 8;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
	CK_BYTE digest[EVP_MAX_MD_SIZE];
	bool good = false;

	if (way->md) {
		n = witness_digest(way->md, in, n, digest);
		in = digest;
	}
	if (!ctx || nsig != (way->kind == KIND_ECDSA ? 2 * bytes : bytes))
		good = false;
	else if (way->kind == KIND_ECDSA)
		good = ecdsa_verifies(ctx, in, n, sig, nsig);
	else if (way->kind == KIND_PSS)
		good = rsa_verifies(ctx, pss->md, true, salt, in, n, sig, nsig);
	else if (way->md)
		good = rsa_verifies(ctx, way->md, false, 0, in, n, sig, nsig);
	else
		good = recovers(ctx, way->kind == KIND_RAW ? RSA_NO_PADDING : RSA_PKCS1_PADDING, in, n, sig, nsig);
	EVP_PKEY_CTX_free(ctx);
	return good;
}

size_t
witness_encrypts(EVP_PKEY *key, const char *md, const char *label, const CK_BYTE *in, size_t n,
    CK_BYTE *out, size_t room)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
	bool good = ctx && EVP_PKEY_encrypt_init(ctx) == 1 &&
	    EVP_PKEY_CTX_set_rsa_padding(ctx, md ? RSA_PKCS1_OAEP_PADDING : RSA_PKCS1_PADDING) == 1;

	if (good && md)
		good = EVP_PKEY_CTX_set_rsa_oaep_md(ctx, EVP_get_digestbyname(md)) == 1 &&
		    EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, EVP_get_digestbyname(md)) == 1;
	if (good && label)
		good = EVP_PKEY_CTX_set0_rsa_oaep_label(ctx, OPENSSL_strdup(label), (int)strlen(label)) == 1;
	good = good && EVP_PKEY_encrypt(ctx, out, &room, in, n) == 1;
	EVP_PKEY_CTX_free(ctx);
	return good ? room : 0;
}

size_t
witness_shares(EVP_PKEY *key, CK_BYTE *point, size_t *npoint, CK_BYTE *x, size_t room)
{
	char group[64] = "";
	EVP_PKEY_CTX *ctx = NULL;
	EVP_PKEY *own;
	bool good;

	EVP_PKEY_get_group_name(key, group, sizeof group, NULL);
	own = EVP_EC_gen(group);
	good = own && EVP_PKEY_get_octet_string_param(own, OSSL_PKEY_PARAM_PUB_KEY, point, *npoint, npoint) == 1 &&
	    (ctx = EVP_PKEY_CTX_new(own, NULL)) && EVP_PKEY_derive_init(ctx) == 1 &&
	    EVP_PKEY_derive_set_peer(ctx, key) == 1 && EVP_PKEY_derive(ctx, x, &room) == 1;
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(own);
	return good ? room : 0;
}

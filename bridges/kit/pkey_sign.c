/* Signatures: OpenSSL's provider-signature(7). There is nothing here that verifies. */
#include <openssl/core_names.h>
#include <openssl/objects.h>
#include <openssl/params.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "bridges/kit/pkey_int.h"

#define UNSET (-100)

struct sig {
	OSSL_LIB_CTX *lib;
	struct pkey *key;
	EVP_MD *md;       /* NULL: what is signed goes in as it is */
	EVP_MD_CTX *run;  /* a running digest */
	struct buf data;  /* instead of it, where the token wants all data (begun && whole) */
	bool begun, whole;
	int pad, salt;    /* RSA_..._PADDING; RSA_PSS_SALTLEN_... or bytes, or UNSET */
	const struct pkey_hash *mgf; /* NULL: that of md */
};

static void *
sig_new(void *prov, const char *propq)
{
	struct sig *s = calloc(1, sizeof *s);

	(void)propq;
	if (s) {
		s->lib = prov;
		s->pad = RSA_PKCS1_PADDING;
		s->salt = UNSET;
	}
	return s;
}

static void
sig_free(void *vs)
{
	struct sig *s = vs;

	if (!s)
		return;
	pkey_unref(s->key);
	EVP_MD_free(s->md);
	EVP_MD_CTX_free(s->run);
	buf_free(&s->data);
	free(s);
}

/* OpenSSL ends a signature on a copy, so that the original can go on. */
static void *
sig_dup(void *vs)
{
	struct sig *s = vs, *d = malloc(sizeof *d);

	if (!d)
		return NULL;
	*d = *s;
	d->data = (struct buf)BUF_INIT;
	d->run = NULL;
	if (d->key)
		pkey_ref(d->key);
	if (d->md)
		EVP_MD_up_ref(d->md);
	buf_view(&d->data, buf_peek(&s->data));
	if (buf_err(&d->data) ||
	    (s->run && (!(d->run = EVP_MD_CTX_new()) || !EVP_MD_CTX_copy_ex(d->run, s->run)))) {
		sig_free(d);
		return NULL;
	}
	return d;
}

static bool
set_md(struct sig *s, const char *name)
{
	EVP_MD *md = EVP_MD_fetch(s->lib, name, PKEY_OTHERS);

	if (!md)
		return false;
	EVP_MD_free(s->md);
	s->md = md;
	return true;
}

static const struct pkey_hash *
mgf_of(const struct sig *s)
{
	return s->mgf ? s->mgf : pkey_hash_of(s->md);
}

/* Bytes of salt. As long as the digest where the caller leaves it open: what cards can do and what
 * TLS and CAdES ask for. */
static int
salt_of(const struct sig *s)
{
	int max;

	if (s->salt >= 0)
		return s->salt;
	if (s->salt != RSA_PSS_SALTLEN_MAX || !s->key)
		return EVP_MD_get_size(s->md);
	max = (EVP_PKEY_get_bits(s->key->pub) + 6) / 8 - EVP_MD_get_size(s->md) - 2;
	return max < 0 ? 0 : max;
}

/* Numbers come as such or as text, and some as words. */
static bool
get_number(const OSSL_PARAM *p, const OSSL_ITEM *words, int *out)
{
	char *end;
	long n;

	if (p->data_type != OSSL_PARAM_UTF8_STRING)
		return OSSL_PARAM_get_int(p, out);
	if (!p->data)
		return false;
	for (; words->ptr; words++)
		if (!strcmp(words->ptr, p->data)) {
			*out = (int)words->id;
			return true;
		}
	n = strtol(p->data, &end, 10);
	*out = (int)n;
	return end != p->data && !*end && n >= 0 && n <= PKEY_BYTES_MAX;
}

static bool
set_number(OSSL_PARAM *p, const OSSL_ITEM *words, int n)
{
	char text[16];

	if (p->data_type != OSSL_PARAM_UTF8_STRING)
		return OSSL_PARAM_set_int(p, n);
	for (; words->ptr; words++)
		if ((int)words->id == n)
			return OSSL_PARAM_set_utf8_string(p, words->ptr);
	snprintf(text, sizeof text, "%d", n);
	return OSSL_PARAM_set_utf8_string(p, text);
}

static const OSSL_ITEM pads[] = {
	{ RSA_PKCS1_PADDING, (void *)OSSL_PKEY_RSA_PAD_MODE_PKCSV15 },
	{ RSA_PKCS1_PSS_PADDING, (void *)OSSL_PKEY_RSA_PAD_MODE_PSS },
	{ 0, NULL }
};
/* The numbers are those of RSA_PSS_SALTLEN_...; "auto-digestmax" came with OpenSSL 3.1. */
static const OSSL_ITEM salts[] = {
	{ (unsigned)RSA_PSS_SALTLEN_DIGEST, (void *)"digest" },
	{ (unsigned)RSA_PSS_SALTLEN_MAX, (void *)"max" },
	{ (unsigned)RSA_PSS_SALTLEN_AUTO, (void *)"auto" },
	{ (unsigned)-4, (void *)"auto-digestmax" },
	{ 0, NULL }
};
static const OSSL_ITEM no_words[] = { { 0, NULL } };

static int
sig_set(void *vs, const OSSL_PARAM params[])
{
	struct sig *s = vs;
	const OSSL_PARAM *p;

	if (!params)
		return 1;
	if ((p = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_DIGEST)) &&
	    (s->begun || p->data_type != OSSL_PARAM_UTF8_STRING || !set_md(s, p->data)))
		return 0;
	if (s->key && s->key->ec)
		return 1;
	if ((p = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PAD_MODE)) &&
	    (s->begun || !get_number(p, pads, &s->pad) ||
	    (s->pad != RSA_PKCS1_PADDING && s->pad != RSA_PKCS1_PSS_PADDING)))
		return 0;
	if ((p = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PSS_SALTLEN)) &&
	    !get_number(p, salts, &s->salt))
		return 0;
	if ((p = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_MGF1_DIGEST)) &&
	    (p->data_type != OSSL_PARAM_UTF8_STRING || !(s->mgf = pkey_hash_named(s->lib, p->data))))
		return 0;
	return 1;
}

static X509_ALGOR *
algor_of(int hash)
{
	X509_ALGOR *a = X509_ALGOR_new();

	if (a && !X509_ALGOR_set0(a, OBJ_nid2obj(hash), V_ASN1_NULL, NULL)) {
		X509_ALGOR_free(a);
		a = NULL;
	}
	return a;
}

/* RSASSA-PSS-params (RFC 4055 3.1), as an X509_ALGOR's parameter. */
static ASN1_STRING *
pss_params(const struct sig *s)
{
	RSA_PSS_PARAMS *p = RSA_PSS_PARAMS_new();
	ASN1_STRING *inner = NULL, *all = NULL;
	X509_ALGOR *mask = NULL;

	if (!p || !mgf_of(s) || !(p->hashAlgorithm = algor_of(EVP_MD_get_type(s->md))) ||
	    !(mask = algor_of(OBJ_txt2nid(mgf_of(s)->name))) ||
	    !ASN1_item_pack(mask, ASN1_ITEM_rptr(X509_ALGOR), &inner) ||
	    !(p->maskGenAlgorithm = X509_ALGOR_new()) ||
	    !X509_ALGOR_set0(p->maskGenAlgorithm, OBJ_nid2obj(NID_mgf1), V_ASN1_SEQUENCE, inner))
		goto out;
	inner = NULL;
	if ((p->saltLength = ASN1_INTEGER_new()) && ASN1_INTEGER_set(p->saltLength, salt_of(s)))
		ASN1_item_pack(p, ASN1_ITEM_rptr(RSA_PSS_PARAMS), &all);
out:
	ASN1_STRING_free(inner);
	X509_ALGOR_free(mask);
	RSA_PSS_PARAMS_free(p);
	return all;
}

/* The AlgorithmIdentifier that goes with the signature into certificate requests and the like. */
static bool
set_algorithm(const struct sig *s, OSSL_PARAM *p)
{
	X509_ALGOR *a = X509_ALGOR_new();
	ASN1_STRING *pss = NULL;
	unsigned char *der = NULL;
	int n = -1, nid = NID_rsassaPss, type = V_ASN1_SEQUENCE;

	if (!a || !s->md || !s->key)
		goto out;
	if (s->key->ec || s->pad == RSA_PKCS1_PADDING) {
		type = s->key->ec ? V_ASN1_UNDEF : V_ASN1_NULL;
		if (!OBJ_find_sigid_by_algs(&nid, EVP_MD_get_type(s->md),
		    s->key->ec ? NID_X9_62_id_ecPublicKey : NID_rsaEncryption))
			goto out;
	} else if (!(pss = pss_params(s)))
		goto out;
	if (!X509_ALGOR_set0(a, OBJ_nid2obj(nid), type, pss))
		goto out;
	pss = NULL;
	n = i2d_X509_ALGOR(a, &der);
out:
	if (n > 0 && !OSSL_PARAM_set_octet_string(p, der, (size_t)n))
		n = -1;
	OPENSSL_free(der);
	ASN1_STRING_free(pss);
	X509_ALGOR_free(a);
	return n > 0;
}

/* What is asked for and cannot be answered must fail: callers of OpenSSL 3.0 take an answer that
 * was left out for one. */
static int
sig_get(void *vs, OSSL_PARAM params[])
{
	struct sig *s = vs;
	OSSL_PARAM *p;

	if ((p = OSSL_PARAM_locate(params, OSSL_SIGNATURE_PARAM_ALGORITHM_ID)) && !set_algorithm(s, p))
		return 0;
	if ((p = OSSL_PARAM_locate(params, OSSL_SIGNATURE_PARAM_DIGEST)) &&
	    !OSSL_PARAM_set_utf8_string(p, s->md ? EVP_MD_get0_name(s->md) : ""))
		return 0;
	if (s->key && s->key->ec)
		return 1;
	if ((p = OSSL_PARAM_locate(params, OSSL_SIGNATURE_PARAM_PAD_MODE)) && !set_number(p, pads, s->pad))
		return 0;
	if ((p = OSSL_PARAM_locate(params, OSSL_SIGNATURE_PARAM_PSS_SALTLEN)) &&
	    (!s->md || !set_number(p, no_words, salt_of(s))))
		return 0;
	if ((p = OSSL_PARAM_locate(params, OSSL_SIGNATURE_PARAM_MGF1_DIGEST)) &&
	    (!mgf_of(s) || !OSSL_PARAM_set_utf8_string(p, mgf_of(s)->name)))
		return 0;
	return 1;
}

static const OSSL_PARAM *
sig_gettable(void *vs, void *prov)
{
	static const OSSL_PARAM list[] = {
		OSSL_PARAM_octet_string(OSSL_SIGNATURE_PARAM_ALGORITHM_ID, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_MGF1_DIGEST, NULL, 0),
		OSSL_PARAM_END
	};

	(void)vs;
	(void)prov;
	return list;
}

static const OSSL_PARAM *
sig_settable(void *vs, void *prov)
{
	/* all but the first of the above */
	return sig_gettable(vs, prov) + 1;
}

static int
sig_init(void *vs, void *vk, const OSSL_PARAM params[])
{
	struct sig *s = vs;
	struct pkey *k = vk;

	if (k) {
		if (!k->card || !k->pub)
			return 0;
		pkey_ref(k);
		pkey_unref(s->key);
		s->key = k;
	}
	s->begun = false;
	return s->key && sig_set(s, params);
}

static int
sig_init_md(void *vs, const char *md, void *vk, const OSSL_PARAM params[])
{
	struct sig *s = vs;

	/* the digest may also be chosen by a parameter or was chosen before */
	if (md && *md && !set_md(s, md))
		return 0;
	if (!s->md && !set_md(s, "SHA256"))
		return 0;
	return sig_init(s, vk, params);
}

static struct pkey_how
how_of(const struct sig *s)
{
	struct pkey_how how = { .md = s->md, .hash = pkey_hash_of(s->md), .whole = s->begun && s->whole };

	how.scheme = s->key->ec ? PKEY_ECDSA : s->pad == RSA_PKCS1_PSS_PADDING ? PKEY_PSS : PKEY_PKCS1;
	if (how.scheme == PKEY_PSS && s->md) {
		how.mgf = mgf_of(s);
		how.salt = (size_t)salt_of(s);
	}
	return how;
}

/* By now the padding is known, and with it what the token wants. */
static bool
begin(struct sig *s)
{
	struct pkey_how how = how_of(s);

	buf_reset(&s->data);
	if (!(s->whole = pkey_sign_whole(s->key, &how)) &&
	    ((!s->run && !(s->run = EVP_MD_CTX_new())) || !EVP_DigestInit_ex2(s->run, s->md, NULL)))
		return false;
	s->begun = true;
	return true;
}

static int
sig_update(void *vs, const unsigned char *p, size_t n)
{
	struct sig *s = vs;

	if (!s->begun && !begin(s))
		return 0;
	if (!s->whole)
		return EVP_DigestUpdate(s->run, p, n);
	buf_put(&s->data, p, n);
	return !buf_err(&s->data);
}

/* The size is told without the card, which would ask for the PIN twice. */
static int
finish(struct sig *s, unsigned char *out, size_t *len, size_t room, struct view in)
{
	struct pkey_how how = how_of(s);
	size_t most = (size_t)EVP_PKEY_get_size(s->key->pub);
	struct buf sig = BUF_INIT;
	int ok = 0;

	if (!out) {
		*len = most;
		return 1;
	}
	if (room >= most && pkey_sign(s->key, &how, in, &sig) && sig.len <= room) {
		memcpy(out, sig.p, sig.len);
		*len = sig.len;
		ok = 1;
	}
	buf_free(&sig);
	return ok;
}

static int
sig_final(void *vs, unsigned char *out, size_t *len, size_t room)
{
	struct sig *s = vs;
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	if (!s->key || (out && !s->begun && !begin(s)))
		return 0;
	if (!out || s->whole)
		return finish(s, out, len, room, buf_peek(&s->data));
	return EVP_DigestFinal_ex(s->run, digest, &n) && finish(s, out, len, room, view_of(digest, n));
}

static int
sig_sign(void *vs, unsigned char *out, size_t *len, size_t room, const unsigned char *in, size_t n)
{
	struct sig *s = vs;

	if (!s->key || (out && s->md && n != (size_t)EVP_MD_get_size(s->md)))
		return 0;
	return finish(s, out, len, room, view_of(in, n));
}

#define FN(f) ((void (*)(void))(f))
#define FUNCTIONS \
	{ OSSL_FUNC_SIGNATURE_NEWCTX, FN(sig_new) }, { OSSL_FUNC_SIGNATURE_FREECTX, FN(sig_free) }, \
	{ OSSL_FUNC_SIGNATURE_DUPCTX, FN(sig_dup) }, \
	{ OSSL_FUNC_SIGNATURE_SIGN_INIT, FN(sig_init) }, { OSSL_FUNC_SIGNATURE_SIGN, FN(sig_sign) }, \
	{ OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, FN(sig_init_md) }, \
	{ OSSL_FUNC_SIGNATURE_DIGEST_SIGN_UPDATE, FN(sig_update) }, \
	{ OSSL_FUNC_SIGNATURE_DIGEST_SIGN_FINAL, FN(sig_final) }, \
	{ OSSL_FUNC_SIGNATURE_GET_CTX_PARAMS, FN(sig_get) }, \
	{ OSSL_FUNC_SIGNATURE_GETTABLE_CTX_PARAMS, FN(sig_gettable) }, \
	{ OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS, FN(sig_set) }, \
	{ OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS, FN(sig_settable) }, { 0, NULL }

const OSSL_DISPATCH pkey_sign_rsa[] = { FUNCTIONS };
const OSSL_DISPATCH pkey_sign_ecdsa[] = { FUNCTIONS };

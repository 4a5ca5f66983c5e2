/* Decryption with RSA and agreement with ECDH: OpenSSL's provider-asym_cipher(7) and
 * provider-keyexch(7). There is nothing here that encrypts. */
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

#include "bridges/kit/pkey_int.h"

struct cipher {
	OSSL_LIB_CTX *lib;
	struct pkey *key;
	int pad;
	const struct pkey_hash *hash, *mgf; /* OAEP; mgf NULL: as hash */
	struct buf label;
};

static void *
cipher_new(void *prov)
{
	struct cipher *c = calloc(1, sizeof *c);

	if (c) {
		c->lib = prov;
		c->pad = RSA_PKCS1_PADDING;
		c->hash = pkey_hash_named(prov, "SHA1"); /* RFC 8017 A.2.1: the default */
	}
	return c;
}

static void
cipher_free(void *vc)
{
	struct cipher *c = vc;

	if (!c)
		return;
	pkey_unref(c->key);
	buf_free(&c->label);
	free(c);
}

static void *
cipher_dup(void *vc)
{
	struct cipher *c = vc, *d = malloc(sizeof *d);

	if (!d)
		return NULL;
	*d = *c;
	d->label = (struct buf)BUF_INIT;
	if (d->key)
		pkey_ref(d->key);
	buf_view(&d->label, buf_peek(&c->label));
	if (buf_err(&d->label)) {
		cipher_free(d);
		return NULL;
	}
	return d;
}

static bool
get_pad(const OSSL_PARAM *p, int *pad)
{
	if (p->data_type != OSSL_PARAM_UTF8_STRING) {
		if (!OSSL_PARAM_get_int(p, pad))
			return false;
	} else if (p->data && !strcmp(p->data, OSSL_PKEY_RSA_PAD_MODE_PKCSV15))
		*pad = RSA_PKCS1_PADDING;
	else if (p->data && !strcmp(p->data, OSSL_PKEY_RSA_PAD_MODE_OAEP))
		*pad = RSA_PKCS1_OAEP_PADDING;
	else
		return false;
	return *pad == RSA_PKCS1_PADDING || *pad == RSA_PKCS1_OAEP_PADDING;
}

static bool
get_hash(OSSL_LIB_CTX *lib, const OSSL_PARAM *p, const struct pkey_hash **h)
{
	return p->data_type == OSSL_PARAM_UTF8_STRING && p->data && (*h = pkey_hash_named(lib, p->data));
}

static bool
get_bytes(const OSSL_PARAM *p, struct buf *b)
{
	if (p->data_type != OSSL_PARAM_OCTET_STRING)
		return false;
	buf_reset(b);
	buf_put(b, p->data, p->data ? p->data_size : 0);
	return !buf_err(b);
}

/* What OpenSSL 3.2 says of implicit rejection is for the module to do or not; it is not refused. */
static int
cipher_set(void *vc, const OSSL_PARAM params[])
{
	struct cipher *c = vc;
	const OSSL_PARAM *p;

	if (!params)
		return 1;
	if ((p = OSSL_PARAM_locate_const(params, OSSL_ASYM_CIPHER_PARAM_PAD_MODE)) && !get_pad(p, &c->pad))
		return 0;
	if ((p = OSSL_PARAM_locate_const(params, OSSL_ASYM_CIPHER_PARAM_OAEP_DIGEST)) &&
	    !get_hash(c->lib, p, &c->hash))
		return 0;
	if ((p = OSSL_PARAM_locate_const(params, OSSL_ASYM_CIPHER_PARAM_MGF1_DIGEST)) &&
	    !get_hash(c->lib, p, &c->mgf))
		return 0;
	return !(p = OSSL_PARAM_locate_const(params, OSSL_ASYM_CIPHER_PARAM_OAEP_LABEL)) ||
	    get_bytes(p, &c->label);
}

static int
cipher_get(void *vc, OSSL_PARAM params[])
{
	struct cipher *c = vc;
	OSSL_PARAM *p = OSSL_PARAM_locate(params, OSSL_ASYM_CIPHER_PARAM_PAD_MODE);

	if (!p)
		return 1;
	if (p->data_type != OSSL_PARAM_UTF8_STRING)
		return OSSL_PARAM_set_int(p, c->pad);
	return OSSL_PARAM_set_utf8_string(p, c->pad == RSA_PKCS1_PADDING ? OSSL_PKEY_RSA_PAD_MODE_PKCSV15 :
	    OSSL_PKEY_RSA_PAD_MODE_OAEP);
}

static const OSSL_PARAM *
cipher_list(void *vc, void *prov)
{
	static const OSSL_PARAM list[] = {
		OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_PAD_MODE, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_OAEP_DIGEST, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_MGF1_DIGEST, NULL, 0),
		OSSL_PARAM_octet_string(OSSL_ASYM_CIPHER_PARAM_OAEP_LABEL, NULL, 0),
		OSSL_PARAM_uint("implicit-rejection", NULL),
		OSSL_PARAM_END
	};

	(void)vc;
	(void)prov;
	return list;
}

static const OSSL_PARAM *
cipher_gettable(void *vc, void *prov)
{
	static const OSSL_PARAM list[] = {
		OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_PAD_MODE, NULL, 0), OSSL_PARAM_END
	};

	(void)vc;
	(void)prov;
	return list;
}

static int
cipher_init(void *vc, void *vk, const OSSL_PARAM params[])
{
	struct cipher *c = vc;
	struct pkey *k = vk;

	if (k) {
		if (!k->card || !k->pub)
			return 0;
		pkey_ref(k);
		pkey_unref(c->key);
		c->key = k;
	}
	return c->key && cipher_set(c, params);
}

/* The size is that of the modulus: the true one costs a private operation. */
static int
cipher_decrypt(void *vc, unsigned char *out, size_t *len, size_t room, const unsigned char *in, size_t n)
{
	struct cipher *c = vc;
	CK_RSA_PKCS_OAEP_PARAMS oaep = { 0 };
	struct buf plain = BUF_INIT_SECRET;
	int ok = 0;

	if (!c->key)
		return 0;
	if (!out) {
		*len = pkey_bytes(c->key);
		return 1;
	}
	oaep.hashAlg = c->hash->ckm;
	oaep.mgf = c->mgf ? c->mgf->mgf : c->hash->mgf;
	oaep.source = CKZ_DATA_SPECIFIED;
	oaep.pSourceData = c->label.p;
	oaep.ulSourceDataLen = c->label.len;
	if (pkey_decrypt(c->key, c->pad == RSA_PKCS1_OAEP_PADDING ? &oaep : NULL, view_of(in, n), &plain) &&
	    plain.len <= room) {
		if (plain.len)
			memcpy(out, plain.p, plain.len);
		*len = plain.len;
		ok = 1;
	}
	buf_free(&plain);
	return ok;
}

struct exchange {
	OSSL_LIB_CTX *lib;
	struct pkey *key;
	struct buf peer; /* 04 X Y */
	bool kdf;        /* X9.63, else X itself is the secret */
	const struct pkey_hash *hash;
	size_t want;     /* bytes from the KDF */
	struct buf ukm;  /* its shared info */
};

static void *
exchange_new(void *prov)
{
	struct exchange *x = calloc(1, sizeof *x);

	if (x)
		x->lib = prov;
	return x;
}

static void
exchange_free(void *vx)
{
	struct exchange *x = vx;

	if (!x)
		return;
	pkey_unref(x->key);
	buf_free(&x->peer);
	buf_free(&x->ukm);
	free(x);
}

static void *
exchange_dup(void *vx)
{
	struct exchange *x = vx, *d = malloc(sizeof *d);

	if (!d)
		return NULL;
	*d = *x;
	d->peer = d->ukm = (struct buf)BUF_INIT;
	if (d->key)
		pkey_ref(d->key);
	buf_view(&d->peer, buf_peek(&x->peer));
	buf_view(&d->ukm, buf_peek(&x->ukm));
	if (buf_err(&d->peer) || buf_err(&d->ukm)) {
		exchange_free(d);
		return NULL;
	}
	return d;
}

/* The cofactor of all curves here is 1: either mode is the same. */
static int
exchange_set(void *vx, const OSSL_PARAM params[])
{
	struct exchange *x = vx;
	const OSSL_PARAM *p;

	if (!params)
		return 1;
	if ((p = OSSL_PARAM_locate_const(params, OSSL_EXCHANGE_PARAM_KDF_TYPE))) {
		if (p->data_type != OSSL_PARAM_UTF8_STRING || !p->data)
			return 0;
		x->kdf = *(const char *)p->data != '\0';
		if (x->kdf && strcmp(p->data, OSSL_KDF_NAME_X963KDF) != 0)
			return 0;
	}
	if ((p = OSSL_PARAM_locate_const(params, OSSL_EXCHANGE_PARAM_KDF_DIGEST)) &&
	    !get_hash(x->lib, p, &x->hash))
		return 0;
	if ((p = OSSL_PARAM_locate_const(params, OSSL_EXCHANGE_PARAM_KDF_OUTLEN)) &&
	    !OSSL_PARAM_get_size_t(p, &x->want))
		return 0;
	return !(p = OSSL_PARAM_locate_const(params, OSSL_EXCHANGE_PARAM_KDF_UKM)) || get_bytes(p, &x->ukm);
}

static int
exchange_get(void *vx, OSSL_PARAM params[])
{
	struct exchange *x = vx;
	OSSL_PARAM *p;

	if ((p = OSSL_PARAM_locate(params, OSSL_EXCHANGE_PARAM_KDF_TYPE)) &&
	    !OSSL_PARAM_set_utf8_string(p, x->kdf ? OSSL_KDF_NAME_X963KDF : ""))
		return 0;
	if ((p = OSSL_PARAM_locate(params, OSSL_EXCHANGE_PARAM_KDF_DIGEST)) &&
	    !OSSL_PARAM_set_utf8_string(p, x->hash ? x->hash->name : ""))
		return 0;
	return !(p = OSSL_PARAM_locate(params, OSSL_EXCHANGE_PARAM_KDF_OUTLEN)) ||
	    OSSL_PARAM_set_size_t(p, x->want);
}

static const OSSL_PARAM *
exchange_gettable(void *vx, void *prov)
{
	static const OSSL_PARAM list[] = {
		OSSL_PARAM_utf8_string(OSSL_EXCHANGE_PARAM_KDF_TYPE, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_EXCHANGE_PARAM_KDF_DIGEST, NULL, 0),
		OSSL_PARAM_size_t(OSSL_EXCHANGE_PARAM_KDF_OUTLEN, NULL),
		OSSL_PARAM_END
	};

	(void)vx;
	(void)prov;
	return list;
}

static const OSSL_PARAM *
exchange_settable(void *vx, void *prov)
{
	static const OSSL_PARAM list[] = {
		OSSL_PARAM_int(OSSL_EXCHANGE_PARAM_EC_ECDH_COFACTOR_MODE, NULL),
		OSSL_PARAM_utf8_string(OSSL_EXCHANGE_PARAM_KDF_TYPE, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_EXCHANGE_PARAM_KDF_DIGEST, NULL, 0),
		OSSL_PARAM_size_t(OSSL_EXCHANGE_PARAM_KDF_OUTLEN, NULL),
		OSSL_PARAM_octet_string(OSSL_EXCHANGE_PARAM_KDF_UKM, NULL, 0),
		OSSL_PARAM_END
	};

	(void)vx;
	(void)prov;
	return list;
}

static int
exchange_init(void *vx, void *vk, const OSSL_PARAM params[])
{
	struct exchange *x = vx;
	struct pkey *k = vk;

	if (!k || !k->card || !k->pub)
		return 0;
	pkey_ref(k);
	pkey_unref(x->key);
	x->key = k;
	return exchange_set(x, params);
}

/* A point of another curve, or of none, would tell an attacker something of the key: the default
 * provider took it apart and found it on its curve, which is to be this key's. */
static int
exchange_peer(void *vx, void *vk)
{
	struct exchange *x = vx;
	struct pkey *peer = vk;
	unsigned char *point = NULL;
	size_t n;

	if (!x->key || !peer || !peer->pub || EVP_PKEY_parameters_eq(x->key->pub, peer->pub) != 1 ||
	    !(n = EVP_PKEY_get1_encoded_public_key(peer->pub, &point)))
		return 0;
	buf_reset(&x->peer);
	buf_put(&x->peer, point, n);
	OPENSSL_free(point);
	return !buf_err(&x->peer) && x->peer.len == 1 + 2 * pkey_bytes(x->key) && x->peer.p[0] == 4;
}

/* ANSI X9.63 KDF, as RFC 5753 has it. */
static bool
kdf(struct exchange *x, struct view secret, unsigned char *out)
{
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)x->hash->name, 0),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)secret.p, secret.len),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, x->ukm.p, x->ukm.len),
		OSSL_PARAM_END
	};
	EVP_KDF *k = EVP_KDF_fetch(x->lib, OSSL_KDF_NAME_X963KDF, PKEY_OTHERS);
	EVP_KDF_CTX *c = k ? EVP_KDF_CTX_new(k) : NULL;
	bool ok = c && EVP_KDF_derive(c, out, x->want, params) > 0;

	EVP_KDF_CTX_free(c);
	EVP_KDF_free(k);
	return ok;
}

static int
exchange_derive(void *vx, unsigned char *out, size_t *len, size_t room)
{
	struct exchange *x = vx;
	struct buf secret = BUF_INIT_SECRET;
	size_t n;
	int ok = 0;

	if (!x->key || (x->kdf && (!x->hash || !x->want)))
		return 0;
	n = x->kdf ? x->want : pkey_bytes(x->key);
	if (!out) {
		*len = n;
		return 1;
	}
	if (!x->peer.len || room < n || !pkey_derive(x->key, buf_peek(&x->peer), &secret))
		goto out;
	if (!x->kdf)
		memcpy(out, secret.p, n);
	else if (!kdf(x, buf_peek(&secret), out))
		goto out;
	*len = n;
	ok = 1;
out:
	buf_free(&secret);
	return ok;
}

#define FN(f) ((void (*)(void))(f))

const OSSL_DISPATCH pkey_cipher_rsa[] = {
	{ OSSL_FUNC_ASYM_CIPHER_NEWCTX, FN(cipher_new) }, { OSSL_FUNC_ASYM_CIPHER_FREECTX, FN(cipher_free) },
	{ OSSL_FUNC_ASYM_CIPHER_DUPCTX, FN(cipher_dup) },
	{ OSSL_FUNC_ASYM_CIPHER_DECRYPT_INIT, FN(cipher_init) },
	{ OSSL_FUNC_ASYM_CIPHER_DECRYPT, FN(cipher_decrypt) },
	{ OSSL_FUNC_ASYM_CIPHER_GET_CTX_PARAMS, FN(cipher_get) },
	{ OSSL_FUNC_ASYM_CIPHER_GETTABLE_CTX_PARAMS, FN(cipher_gettable) },
	{ OSSL_FUNC_ASYM_CIPHER_SET_CTX_PARAMS, FN(cipher_set) },
	{ OSSL_FUNC_ASYM_CIPHER_SETTABLE_CTX_PARAMS, FN(cipher_list) }, { 0, NULL }
};

const OSSL_DISPATCH pkey_exchange_ecdh[] = {
	{ OSSL_FUNC_KEYEXCH_NEWCTX, FN(exchange_new) }, { OSSL_FUNC_KEYEXCH_FREECTX, FN(exchange_free) },
	{ OSSL_FUNC_KEYEXCH_DUPCTX, FN(exchange_dup) }, { OSSL_FUNC_KEYEXCH_INIT, FN(exchange_init) },
	{ OSSL_FUNC_KEYEXCH_SET_PEER, FN(exchange_peer) }, { OSSL_FUNC_KEYEXCH_DERIVE, FN(exchange_derive) },
	{ OSSL_FUNC_KEYEXCH_GET_CTX_PARAMS, FN(exchange_get) },
	{ OSSL_FUNC_KEYEXCH_GETTABLE_CTX_PARAMS, FN(exchange_gettable) },
	{ OSSL_FUNC_KEYEXCH_SET_CTX_PARAMS, FN(exchange_set) },
	{ OSSL_FUNC_KEYEXCH_SETTABLE_CTX_PARAMS, FN(exchange_settable) }, { 0, NULL }
};

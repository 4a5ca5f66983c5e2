/* The provider and its keys: OpenSSL's provider(7), provider-keymgmt(7). */
#include "bridges/kit/pkey_int.h"

#include <openssl/core_names.h>
#include <openssl/params.h>
#include <stdlib.h>

#include "base/err.h"

#define NAME "castor"
#define PARAM_CARD "castor-card" /* a pointer to struct kit_key, within this process */
#define PRIVATE OSSL_KEYMGMT_SELECT_PRIVATE_KEY
#define PUBLIC (OSSL_KEYMGMT_SELECT_PUBLIC_KEY | OSSL_KEYMGMT_SELECT_ALL_PARAMETERS)

struct pkey *
pkey_ref(struct pkey *k)
{
	atomic_fetch_add(&k->refs, 1);
	return k;
}

void
pkey_unref(struct pkey *k)
{
	if (!k || atomic_fetch_sub(&k->refs, 1) > 1)
		return;
	EVP_PKEY_free(k->pub);
	free(k);
}

size_t
pkey_bytes(const struct pkey *k)
{
	return ((size_t)EVP_PKEY_get_bits(k->pub) + 7) / 8;
}

static void *
key_new(void *prov, bool ec)
{
	struct pkey *k = calloc(1, sizeof *k);

	if (k) {
		k->refs = 1;
		k->lib = prov;
		k->ec = ec;
	}
	return k;
}

static void *
key_new_rsa(void *prov)
{
	return key_new(prov, false);
}

static void *
key_new_ec(void *prov)
{
	return key_new(prov, true);
}

static void
key_free(void *vk)
{
	pkey_unref(vk);
}

/* What the card's key allows. A module that does not say leaves it to its own answer later. */
static CK_RV
ask(struct pkey *k)
{
	struct kit_key *c = k->card;
	CK_SESSION_INFO info;
	CK_ATTRIBUTE t[] = {
		{ CKA_SIGN, &k->sign, sizeof k->sign },
		{ CKA_DECRYPT, &k->decrypt, sizeof k->decrypt },
		{ CKA_DERIVE, &k->derive, sizeof k->derive },
		{ CKA_ALWAYS_AUTHENTICATE, &k->each_time, sizeof k->each_time },
	};
	CK_RV rv;

	k->sign = k->decrypt = k->derive = CK_TRUE;
	if ((rv = c->f->C_GetSessionInfo(c->session, &info)))
		return rv;
	k->slot = info.slotID;
	rv = c->f->C_GetAttributeValue(c->session, c->key, t, sizeof t / sizeof t[0]);
	return rv == CKR_ATTRIBUTE_TYPE_INVALID || rv == CKR_ATTRIBUTE_SENSITIVE ? CKR_OK : rv;
}

/* Public keys come from OpenSSL, which compares them and needs the peers of ECDH here; the card's
 * come from kit_pkey_new. Of a pair in software only the public half is taken. */
static int
key_import(void *vk, int selection, const OSSL_PARAM params[])
{
	const OSSL_PARAM *card = OSSL_PARAM_locate_const(params, PARAM_CARD);
	struct pkey *k = vk;
	EVP_PKEY_CTX *c = NULL;
	int ok = 0;

	if (k->pub)
		return 0;
	if (!(c = EVP_PKEY_CTX_new_from_name(k->lib, k->ec ? "EC" : "RSA", PKEY_OTHERS)) ||
	    EVP_PKEY_fromdata_init(c) <= 0 ||
	    EVP_PKEY_fromdata(c, &k->pub, selection & PUBLIC, (OSSL_PARAM *)params) <= 0)
		goto out;
	if (card && (selection & PRIVATE)) {
		if (!OSSL_PARAM_get_octet_ptr(card, (const void **)&k->card, NULL) || !k->card)
			goto out;
		if ((k->card->rv = ask(k)))
			goto out;
	}
	ok = 1;
out:
	if (!ok)
		k->card = NULL;
	EVP_PKEY_CTX_free(c);
	return ok;
}

/* The answer to a request for a private key must be no: a half of one is taken for a whole. */
static int
key_export(void *vk, int selection, OSSL_CALLBACK *cb, void *arg)
{
	struct pkey *k = vk;

	if (!k->pub || ((selection & PRIVATE) && k->card))
		return 0;
	return EVP_PKEY_export(k->pub, selection & PUBLIC, cb, arg);
}

static int
key_has(const void *vk, int selection)
{
	const struct pkey *k = vk;

	if (!k || !k->pub)
		return 0;
	if ((selection & PRIVATE) && !k->card)
		return 0;
	/* parameters alone have no point */
	return !(selection & OSSL_KEYMGMT_SELECT_PUBLIC_KEY) || !k->ec ||
	    EVP_PKEY_get_octet_string_param(k->pub, OSSL_PKEY_PARAM_PUB_KEY, NULL, 0, NULL);
}

static int
key_match(const void *va, const void *vb, int selection)
{
	const struct pkey *a = va, *b = vb;

	if (!a->pub || !b->pub)
		return 0;
	if (selection & OSSL_KEYMGMT_SELECT_KEYPAIR)
		return EVP_PKEY_eq(a->pub, b->pub) == 1;
	return EVP_PKEY_parameters_eq(a->pub, b->pub) == 1;
}

static int
key_validate(const void *vk, int selection, int type)
{
	const struct pkey *k = vk;
	EVP_PKEY_CTX *c;
	int ok;

	(void)type;
	if (!k->pub || !(c = EVP_PKEY_CTX_new_from_pkey(k->lib, k->pub, PKEY_OTHERS)))
		return 0;
	ok = selection & OSSL_KEYMGMT_SELECT_KEYPAIR ? EVP_PKEY_public_check(c) : EVP_PKEY_param_check(c);
	EVP_PKEY_CTX_free(c);
	return ok == 1;
}

static int
key_get_params(void *vk, OSSL_PARAM params[])
{
	OSSL_PARAM *p = OSSL_PARAM_locate(params, PARAM_CARD);
	struct pkey *k = vk;

	if (p && !OSSL_PARAM_set_octet_ptr(p, k->card, sizeof *k->card))
		return 0;
	return k->pub && EVP_PKEY_get_params(k->pub, params);
}

/* OpenSSL puts a peer's point in so; the card's key is as it is. */
static int
key_set_params(void *vk, const OSSL_PARAM params[])
{
	struct pkey *k = vk;

	if (!params || !params->key)
		return 1;
	return k->pub && !k->card && EVP_PKEY_set_params(k->pub, (OSSL_PARAM *)params);
}

static const OSSL_PARAM *
gettable(void *prov)
{
	static const OSSL_PARAM list[] = {
		OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL),
		OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),
		OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL),
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_DEFAULT_DIGEST, NULL, 0),
		OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, NULL, 0),
		OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
		OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
		OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, NULL, 0),
		OSSL_PARAM_octet_ptr(PARAM_CARD, NULL, 0),
		OSSL_PARAM_END
	};

	(void)prov;
	return list;
}

static const OSSL_PARAM *
settable(void *prov)
{
	static const OSSL_PARAM list[] = {
		OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, NULL, 0),
		OSSL_PARAM_END
	};

	(void)prov;
	return list;
}

static const OSSL_PARAM *
types(int selection)
{
	static const OSSL_PARAM list[] = {
		OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, NULL, 0),
		OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
		OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
		OSSL_PARAM_octet_ptr(PARAM_CARD, NULL, 0),
		OSSL_PARAM_END
	};

	(void)selection;
	return list;
}

static const char *
operation_ec(int operation)
{
	return operation == OSSL_OP_SIGNATURE ? "ECDSA" : operation == OSSL_OP_KEYEXCH ? "ECDH" : NULL;
}

#define FN(f) ((void (*)(void))(f))
#define KEY_FUNCTIONS \
	{ OSSL_FUNC_KEYMGMT_FREE, FN(key_free) }, { OSSL_FUNC_KEYMGMT_HAS, FN(key_has) }, \
	{ OSSL_FUNC_KEYMGMT_MATCH, FN(key_match) }, { OSSL_FUNC_KEYMGMT_VALIDATE, FN(key_validate) }, \
	{ OSSL_FUNC_KEYMGMT_IMPORT, FN(key_import) }, { OSSL_FUNC_KEYMGMT_IMPORT_TYPES, FN(types) }, \
	{ OSSL_FUNC_KEYMGMT_EXPORT, FN(key_export) }, { OSSL_FUNC_KEYMGMT_EXPORT_TYPES, FN(types) }, \
	{ OSSL_FUNC_KEYMGMT_GET_PARAMS, FN(key_get_params) }, \
	{ OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, FN(gettable) }, \
	{ OSSL_FUNC_KEYMGMT_SET_PARAMS, FN(key_set_params) }, \
	{ OSSL_FUNC_KEYMGMT_SETTABLE_PARAMS, FN(settable) }

static const OSSL_DISPATCH keys_rsa[] = {
	{ OSSL_FUNC_KEYMGMT_NEW, FN(key_new_rsa) }, KEY_FUNCTIONS, { 0, NULL }
};
static const OSSL_DISPATCH keys_ec[] = {
	{ OSSL_FUNC_KEYMGMT_NEW, FN(key_new_ec) }, KEY_FUNCTIONS,
	{ OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, FN(operation_ec) }, { 0, NULL }
};

/* With these names OpenSSL knows the keys as EVP_PKEY_RSA and EVP_PKEY_EC. */
#define RSA_NAMES "RSA:rsaEncryption:1.2.840.113549.1.1.1"
#define EC_NAMES "EC:id-ecPublicKey:1.2.840.10045.2.1"
#define END { NULL, NULL, NULL, NULL }

static const OSSL_ALGORITHM keymgmts[] = {
	{ RSA_NAMES, "provider=" NAME, keys_rsa, NULL },
	{ EC_NAMES, "provider=" NAME, keys_ec, NULL }, END
};
static const OSSL_ALGORITHM signatures[] = {
	{ RSA_NAMES, "provider=" NAME, pkey_sign_rsa, NULL },
	{ "ECDSA", "provider=" NAME, pkey_sign_ecdsa, NULL }, END
};
static const OSSL_ALGORITHM ciphers[] = { { RSA_NAMES, "provider=" NAME, pkey_cipher_rsa, NULL }, END };
static const OSSL_ALGORITHM exchanges[] = { { "ECDH", "provider=" NAME, pkey_exchange_ecdh, NULL }, END };

static const struct {
	int operation;
	const OSSL_ALGORITHM *list;
} operations[] = {
	{ OSSL_OP_KEYMGMT, keymgmts }, { OSSL_OP_SIGNATURE, signatures },
	{ OSSL_OP_ASYM_CIPHER, ciphers }, { OSSL_OP_KEYEXCH, exchanges },
};

static const OSSL_ALGORITHM *
query(void *prov, int operation, int *no_cache)
{
	(void)prov;
	*no_cache = 0;
	for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++)
		if (operations[i].operation == operation)
			return operations[i].list;
	return NULL;
}

/* The one thing a provider of ours has to know is the context it is in. */
static int
start(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in, const OSSL_DISPATCH **out, void **prov)
{
	static const OSSL_DISPATCH functions[] = {
		{ OSSL_FUNC_PROVIDER_QUERY_OPERATION, FN(query) }, { 0, NULL }
	};

	*prov = NULL;
	for (; in->function_id; in++)
		if (in->function_id == OSSL_FUNC_CORE_GET_LIBCTX)
			*prov = OSSL_FUNC_core_get_libctx(in)(handle);
	*out = functions;
	return *prov != NULL;
}

int
kit_lib_open(struct kit_lib *l)
{
	*l = (struct kit_lib){ 0 };
	/* a provider loaded by name switches off that the default one loads by itself */
	if ((l->ctx = OSSL_LIB_CTX_new()) && OSSL_PROVIDER_add_builtin(l->ctx, NAME, start) &&
	    (l->base = OSSL_PROVIDER_load(l->ctx, "default")) && (l->card = OSSL_PROVIDER_load(l->ctx, NAME)))
		return 0;
	kit_lib_close(l);
	return E_CRYPTO;
}

void
kit_lib_close(struct kit_lib *l)
{
	if (l->card)
		OSSL_PROVIDER_unload(l->card);
	if (l->base)
		OSSL_PROVIDER_unload(l->base);
	OSSL_LIB_CTX_free(l->ctx);
	*l = (struct kit_lib){ 0 };
}

EVP_PKEY *
kit_pkey_new(OSSL_LIB_CTX *ctx, struct kit_key *k, const EVP_PKEY *public)
{
	OSSL_PARAM card[] = {
		OSSL_PARAM_construct_octet_ptr(PARAM_CARD, (void **)&k, sizeof *k), OSSL_PARAM_END
	};
	OSSL_PARAM *parts = NULL, *all = NULL;
	EVP_PKEY_CTX *c = NULL;
	EVP_PKEY *key = NULL;
	const char *type = NULL;

	k->rv = CKR_OK;
	if (public && EVP_PKEY_is_a(public, "RSA"))
		type = "RSA";
	else if (public && EVP_PKEY_is_a(public, "EC"))
		type = "EC";
	if (!ctx || !type || EVP_PKEY_get_bits(public) > PKEY_BITS_MAX)
		return NULL;
	if (EVP_PKEY_todata(public, EVP_PKEY_PUBLIC_KEY, &parts) && (all = OSSL_PARAM_merge(parts, card)) &&
	    (c = EVP_PKEY_CTX_new_from_name(ctx, type, "provider=" NAME)) && EVP_PKEY_fromdata_init(c) > 0 &&
	    EVP_PKEY_fromdata(c, &key, EVP_PKEY_KEYPAIR, all) <= 0)
		key = NULL;
	EVP_PKEY_CTX_free(c);
	OSSL_PARAM_free(all);
	OSSL_PARAM_free(parts);
	return key;
}

struct kit_key *
kit_pkey_card(const EVP_PKEY *key)
{
	void *card = NULL;
	OSSL_PARAM p[] = { OSSL_PARAM_construct_octet_ptr(PARAM_CARD, &card, 0), OSSL_PARAM_END };

	/* other providers' keys leave a parameter that they do not know as it is */
	if (!key || !EVP_PKEY_get0_provider(key) || !EVP_PKEY_get_params(key, p))
		return NULL;
	return OSSL_PARAM_modified(p) ? card : NULL;
}

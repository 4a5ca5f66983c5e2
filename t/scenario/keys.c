/* Each key in each way its slot lists, checked by OpenSSL with the key of the certificate; ways that are not
 * listed are refused. */
#include "t/scenario/scenario.h"

#define MESSAGE 300
#define BLOCK 1024
#define SECRET 16 /* bytes */

static CK_BYTE message[BLOCK]; /* what is hashed is its first MESSAGE bytes; of a longest block, all */

struct bench {
	const struct expect_object *key;
	const struct expect_slot *slot;
	CK_SESSION_HANDLE h;
	CK_OBJECT_HANDLE o;
	EVP_PKEY *pub;
	size_t k;       /* bytes of the modulus, or of the curve's order */
};

static void
open_bench(struct bench *b, int key)
{
	for (size_t i = 0; i < BLOCK; i++)
		message[i] = (CK_BYTE)(i * 7 + i / 251);
	b->key = &want.key[key];
	b->slot = &want.slot[b->key->slot];
	fresh_card();
	b->h = begin(b->key->slot);
	ck_assert_uint_eq(login(b->h, b->key->slot), CKR_OK);
	b->o = object_of(b->h, CKO_PRIVATE_KEY, b->key);
	ck_assert_uint_ne(b->o, 0);
	b->pub = public_of(b->key);
	b->k = (size_t)(EVP_PKEY_get_bits(b->pub) + 7) / 8;
}

static void
close_bench(struct bench *b)
{
	EVP_PKEY_free(b->pub);
	finish();
	settle();
}

static bool
listed(const struct bench *b, CK_MECHANISM_TYPE type, CK_FLAGS use)
{
	return expect_mech(&want, b->key->slot, type, use);
}

/* ---- signatures ---- */

struct job {
	const struct way *way;
	const struct hash_name *hash;   /* of PSS */
	size_t salt;
	const CK_BYTE *in;
	size_t n;
	const char *what;
};

static CK_RV
sign_job(const struct bench *b, const struct job *j, CK_BYTE sig[BLOCK], CK_ULONG *n)
{
	CK_RSA_PKCS_PSS_PARAMS pss;
	CK_MECHANISM m = mechanism(j->way, j->hash, j->salt, &pss);
	CK_RV rv;

	*n = BLOCK;
	rv = sign(b->h, b->o, pin_of_use(b->key->slot), &m, j->in, j->n, sig, n);
	if (!back_in(b->h, rv))
		return rv;
	*n = BLOCK;
	return sign(b->h, b->o, pin_of_use(b->key->slot), &m, j->in, j->n, sig, n);
}

static void
signs(const struct bench *b, const struct job *j)
{
	CK_BYTE sig[BLOCK];
	CK_ULONG n;
	CK_RV rv = sign_job(b, j, sig, &n);

	if (rv != CKR_OK)
		wrong("%s %s of %zu bytes: 0x%lX", mech_name(j->way->type), j->what, j->n, rv);
	else if (!witness_verifies(b->pub, j->way, j->hash, j->salt, j->in, j->n, sig, n))
		wrong("%s %s of %zu bytes: not what OpenSSL expects", mech_name(j->way->type), j->what, j->n);
}

/* A clean refusal: of the parameter, of the data, or of both for a key of this size, and the next signature is none the worse. */
static void
refuses(const struct bench *b, const struct job *j)
{
	CK_BYTE sig[BLOCK];
	CK_ULONG n;
	CK_RV rv = sign_job(b, j, sig, &n);

	if (rv != CKR_MECHANISM_PARAM_INVALID && rv != CKR_DATA_INVALID && rv != CKR_DATA_LEN_RANGE &&
	    rv != CKR_KEY_SIZE_RANGE)
		wrong("%s %s of %zu bytes is to be refused: 0x%lX", mech_name(j->way->type), j->what, j->n, rv);
}

static void
signs_or_refuses(const struct bench *b, const struct job *j, bool can)
{
	if (can)
		signs(b, j);
	else
		refuses(b, j);
}

/* A digest in its DigestInfo for every hash that the slot lists, and what is none. */
static void
sign_pkcs1(const struct bench *b, struct job *j)
{
	const size_t blobs[] = { 1, 20, 32, 36, 51, b->k - 11 };
	CK_BYTE digest[EVP_MAX_MD_SIZE], info[128];
	size_t n;

	for (size_t i = 0; i < n_hash_names; i++) {
		n = witness_digest(hash_names[i].md, message, MESSAGE, digest);
		j->in = info;
		j->n = witness_digest_info(hash_names[i].md, digest, n, info, sizeof info);
		j->what = hash_names[i].md;
		signs_or_refuses(b, j, b->slot->blobs || listed(b, hash_names[i].rsa, CKF_SIGN));
	}
	j->in = message;
	j->what = "with what is no DigestInfo,";
	for (size_t i = 0; i < COUNT(blobs); i++) {
		j->n = blobs[i];
		signs_or_refuses(b, j, b->slot->blobs);
	}
	/* a DigestInfo that ends too early or too late is none */
	n = witness_digest("SHA256", message, MESSAGE, digest);
	n = witness_digest_info("SHA256", digest, n, info, sizeof info);
	info[n] = 0;
	j->in = info;
	j->n = n + 1;
	signs_or_refuses(b, j, b->slot->blobs);
	j->n = n - 1;
	signs_or_refuses(b, j, b->slot->blobs);
	j->in = message;
	j->what = "with more than there is room for,";
	j->n = b->k - 10;
	refuses(b, j);
}

static void
sign_raw(const struct bench *b, struct job *j)
{
	CK_BYTE block[BLOCK];

	memset(block, 0x5A, b->k);
	block[0] = 0;
	j->in = block;
	j->n = b->k;
	j->what = "with a whole block,";
	signs(b, j);
	memset(block, 0xFF, b->k);
	j->what = "with more than the modulus,";
	refuses(b, j);
}

static void
sign_pss(const struct bench *b, struct job *j)
{
	CK_BYTE digest[EVP_MAX_MD_SIZE];
	size_t salts[3];

	j->in = message;
	j->n = MESSAGE;
	for (size_t i = 0; i < n_hash_names; i++) {
		if (j->way->md && strcmp(j->way->md, hash_names[i].md) != 0)
			continue;
		if (!j->way->md) {
			j->n = witness_digest(hash_names[i].md, message, MESSAGE, digest);
			j->in = digest;
		}
		j->hash = &hash_names[i];
		j->what = hash_names[i].md;
		salts[0] = hash_names[i].bytes;
		salts[1] = 0;
		salts[2] = b->k - 2 - hash_names[i].bytes;
		for (size_t s = 0; s < COUNT(salts); s++) {
			j->salt = salts[s];
			/* a short key has no room for a long hash and its salt */
			signs_or_refuses(b, j, listed(b, hash_names[i].pss, CKF_SIGN) && (!s || b->slot->salts) &&
			    j->salt + hash_names[i].bytes + 2 <= b->k);
		}
		j->salt = b->k - 1 - hash_names[i].bytes;
		refuses(b, j);
		if (j->way->md)
			continue;
		j->salt = salts[0];
		j->n--;
		refuses(b, j);
	}
}

/* Every length from the shortest hash to the longest: below, at and above the size of the curve. */
static void
sign_ecdsa(const struct bench *b, struct job *j)
{
	CK_BYTE digest[EVP_MAX_MD_SIZE];

	witness_digest("SHA512", message, MESSAGE, digest);
	digest[0] |= 0x80; /* what is cut off would be seen */
	j->in = digest;
	j->what = "of a digest";
	for (j->n = 20; j->n <= 64; j->n += is_slow() ? 11 : 1)
		signs(b, j);
	memset(digest, 0, 12);
	j->n = 32;
	j->what = "of a digest that begins with zeros,";
	signs(b, j);
}

static void
sign_hashing(const struct bench *b, struct job *j)
{
	static const size_t lengths[] = { MESSAGE, 0, 1, 64 };

	j->in = message;
	j->what = "of a message";
	for (size_t i = 0; i < COUNT(lengths); i++) {
		j->n = lengths[i];
		signs(b, j);
	}
}

/* The message in two parts. *n: room, then length. */
static CK_RV
sign_in_parts(const struct bench *b, CK_MECHANISM *m, CK_BYTE *sig, CK_ULONG *n)
{
	CK_RV rv = C_SignInit(b->h, m, b->o);

	if (!rv && b->slot->each)
		rv = C_Login(b->h, CKU_CONTEXT_SPECIFIC, (CK_UTF8CHAR_PTR)(uintptr_t)b->slot->pin, strlen(b->slot->pin));
	if (!rv)
		rv = C_SignUpdate(b->h, message, 100);
	if (!rv)
		rv = C_SignUpdate(b->h, message + 100, MESSAGE - 100);
	if (!rv)
		rv = C_SignFinal(b->h, sig, n);
	return rv;
}

static void
sign_parts(const struct bench *b, const struct way *way)
{
	const struct hash_name *hash = hash_named(way->md);
	const size_t salt = way->kind == KIND_PSS && 2U * hash->bytes + 2 <= b->k ? hash->bytes : 0;
	CK_RSA_PKCS_PSS_PARAMS pss;
	CK_MECHANISM m = mechanism(way, hash, salt, &pss);
	CK_BYTE sig[BLOCK];
	CK_ULONG n = sizeof sig;
	CK_RV rv = sign_in_parts(b, &m, sig, &n);

	if (back_in(b->h, rv)) {
		n = sizeof sig;
		rv = sign_in_parts(b, &m, sig, &n);
	}
	if (rv != CKR_OK)
		wrong("%s in parts: 0x%lX", mech_name(way->type), rv);
	else if (!witness_verifies(b->pub, way, hash, salt, message, MESSAGE, sig, n))
		wrong("%s in parts: not what OpenSSL expects", mech_name(way->type));
	C_SignInit(b->h, NULL, 0);
}

static void
sign_all_ways(const struct bench *b, const struct way *way)
{
	struct job j = { .way = way };

	if (way->kind == KIND_PSS)
		sign_pss(b, &j);
	else if (way->md)
		sign_hashing(b, &j);
	else if (way->kind == KIND_PKCS1)
		sign_pkcs1(b, &j);
	else if (way->kind == KIND_RAW)
		sign_raw(b, &j);
	else
		sign_ecdsa(b, &j);
	if (way->md)
		sign_parts(b, way);
}

/* What C_SignInit says to a way that is not to be. */
static void
init_is(const struct bench *b, const struct way *way, CK_RV should)
{
	CK_RSA_PKCS_PSS_PARAMS pss;
	const struct hash_name *hash = hash_named(way->md ? way->md : "SHA256");
	CK_MECHANISM m = mechanism(way, hash ? hash : &hash_names[0], 20, &pss);
	CK_RV rv = C_SignInit(b->h, &m, b->o);

	if (rv != should)
		wrong("C_SignInit of %s: 0x%lX, not 0x%lX", mech_name(way->type), rv, should);
	if (rv == CKR_OK)
		C_SignInit(b->h, NULL, 0);
}

START_TEST(key_signs_in_every_way_that_is_listed)
{
	struct bench b;

	open_bench(&b, _i);
	for (size_t i = 0; i < n_ways; i++) {
		if (!listed(&b, ways[i].type, CKF_SIGN))
			init_is(&b, &ways[i], CKR_MECHANISM_INVALID);
		else if (!(b.key->uses & CKF_SIGN))
			init_is(&b, &ways[i], ways[i].key == b.key->type ? CKR_KEY_FUNCTION_NOT_PERMITTED :
			    CKR_KEY_TYPE_INCONSISTENT);
		else if (ways[i].key != b.key->type)
			init_is(&b, &ways[i], CKR_KEY_TYPE_INCONSISTENT);
		else
			sign_all_ways(&b, &ways[i]);
	}
	close_bench(&b);
}
END_TEST

/* ---- decryption ---- */

static CK_RV
decrypt_once(const struct bench *b, CK_MECHANISM *m, CK_BYTE *in, size_t n, CK_BYTE *out, CK_ULONG *nout)
{
	CK_RV rv = C_DecryptInit(b->h, m, b->o);

	if (rv)
		return rv;
	if (b->slot->each)
		rv = C_Login(b->h, CKU_CONTEXT_SPECIFIC, (CK_UTF8CHAR_PTR)(uintptr_t)b->slot->pin, strlen(b->slot->pin));
	if (!rv)
		rv = C_Decrypt(b->h, in, n, out, nout);
	C_DecryptInit(b->h, NULL, 0);
	return rv;
}

static CK_RV
decrypt(const struct bench *b, CK_MECHANISM *m, CK_BYTE *in, size_t n, CK_BYTE *out, CK_ULONG *nout)
{
	CK_ULONG room = *nout;
	CK_RV rv = decrypt_once(b, m, in, n, out, nout);

	if (!back_in(b->h, rv))
		return rv;
	*nout = room;
	return decrypt_once(b, m, in, n, out, nout);
}

static void
decrypts(const struct bench *b, CK_MECHANISM *m, const struct hash_name *hash, const char *label, size_t n)
{
	CK_BYTE secret[BLOCK], plain_text[BLOCK];
	CK_ULONG got = sizeof plain_text;
	size_t len = witness_encrypts(b->pub, hash ? hash->md : NULL, label, message, n, secret, sizeof secret);
	const char *name = mech_name(m->mechanism), *with = hash ? hash->md : "";
	CK_RV rv;

	if (!len) {
		wrong("OpenSSL does not encrypt %zu bytes for %s %s", n, name, with);
		return;
	}
	rv = decrypt(b, m, secret, len, plain_text, &got);
	if (rv != CKR_OK || got != n || memcmp(plain_text, message, n) != 0)
		wrong("%s %s of %zu bytes%s: 0x%lX", name, with, n, label ? " with a label" : "", rv);
}

static void
decrypts_not(const struct bench *b, CK_MECHANISM *m, CK_BYTE *secret, size_t n, const char *what)
{
	CK_BYTE plain_text[BLOCK];
	CK_ULONG got = sizeof plain_text;
	CK_RV rv = decrypt(b, m, secret, n, plain_text, &got);

	if (rv != CKR_ENCRYPTED_DATA_INVALID && rv != CKR_ENCRYPTED_DATA_LEN_RANGE)
		wrong("%s of %s: 0x%lX", mech_name(m->mechanism), what, rv);
}

static void
decrypt_pkcs1(const struct bench *b)
{
	CK_MECHANISM m = { CKM_RSA_PKCS, NULL, 0 };
	const size_t lengths[] = { 0, 1, 16, 32, 48, b->k - 11 };
	CK_BYTE secret[BLOCK];
	size_t n;

	for (size_t i = 0; i < COUNT(lengths); i++)
		decrypts(b, &m, NULL, NULL, lengths[i]);
	n = witness_encrypts(b->pub, NULL, NULL, message, 16, secret, sizeof secret);
	decrypts_not(b, &m, secret, n - 1, "a block cut short");
	secret[b->k / 2] ^= 0x10;
	decrypts_not(b, &m, secret, n, "a block with one bit turned");
}

static void
oaep_refused(const struct bench *b, CK_MECHANISM *m, const char *with)
{
	CK_RV rv = C_DecryptInit(b->h, m, b->o);

	if (rv != CKR_MECHANISM_PARAM_INVALID)
		wrong("OAEP with %s: 0x%lX", with, rv);
	C_DecryptInit(b->h, NULL, 0);
}

static void
decrypt_oaep(const struct bench *b)
{
	char label[] = "what this is for";
	CK_RSA_PKCS_OAEP_PARAMS oaep = { 0 };
	CK_MECHANISM m = { CKM_RSA_PKCS_OAEP, &oaep, sizeof oaep };
	CK_BYTE secret[BLOCK];
	size_t n;

	for (size_t i = 0; i < n_hash_names; i++) {
		oaep = (CK_RSA_PKCS_OAEP_PARAMS){ hash_names[i].ckm, hash_names[i].mgf, CKZ_DATA_SPECIFIED, NULL, 0 };
		if (!strstr(b->slot->oaep, hash_names[i].md)) {
			oaep_refused(b, &m, hash_names[i].md);
			continue;
		}
		if (b->k < 2 + 2 * hash_names[i].bytes + SECRET)
			continue; /* a short key has no room for it */
		decrypts(b, &m, &hash_names[i], NULL, 0);
		decrypts(b, &m, &hash_names[i], NULL, SECRET);
		decrypts(b, &m, &hash_names[i], NULL, b->k - 2 - 2 * hash_names[i].bytes);
		n = witness_encrypts(b->pub, hash_names[i].md, label, message, 16, secret, sizeof secret);
		decrypts_not(b, &m, secret, n, "another label");
		oaep.pSourceData = label;
		oaep.ulSourceDataLen = strlen(label);
		if (b->slot->labels)
			decrypts(b, &m, &hash_names[i], label, 16);
		else
			oaep_refused(b, &m, "a label");
	}
}

static void
decrypt_raw(const struct bench *b)
{
	CK_MECHANISM m = { CKM_RSA_X_509, NULL, 0 };
	CK_BYTE secret[BLOCK], block[BLOCK];
	CK_ULONG got = sizeof block;
	size_t n = witness_encrypts(b->pub, NULL, NULL, message, 16, secret, sizeof secret);
	CK_RV rv = decrypt(b, &m, secret, n, block, &got);

	if (rv != CKR_OK || got != b->k || block[0] != 0 || block[1] != 2 || memcmp(block + b->k - 16, message, 16) != 0)
		wrong("RSA_X_509 of a block: 0x%lX", rv);
}

static const struct {
	CK_MECHANISM_TYPE type;
	void (*run)(const struct bench *);
} decryptions[] = {
	{ CKM_RSA_PKCS, decrypt_pkcs1 }, { CKM_RSA_PKCS_OAEP, decrypt_oaep }, { CKM_RSA_X_509, decrypt_raw },
};

START_TEST(key_decrypts_where_its_usage_says_so)
{
	CK_RSA_PKCS_OAEP_PARAMS oaep = { CKM_SHA256, CKG_MGF1_SHA256, CKZ_DATA_SPECIFIED, NULL, 0 };
	CK_RV rv, should;
	struct bench b;

	open_bench(&b, _i);
	for (size_t i = 0; i < COUNT(decryptions); i++) {
		CK_MECHANISM m = { decryptions[i].type, NULL, 0 };

		if (listed(&b, m.mechanism, CKF_DECRYPT) && b.key->type == CKK_RSA && b.key->uses & CKF_DECRYPT) {
			decryptions[i].run(&b);
			continue;
		}
		if (m.mechanism == CKM_RSA_PKCS_OAEP) {
			m.pParameter = &oaep;
			m.ulParameterLen = sizeof oaep;
		}
		should = !listed(&b, m.mechanism, CKF_DECRYPT) ? CKR_MECHANISM_INVALID : b.key->type != CKK_RSA ?
		    CKR_KEY_TYPE_INCONSISTENT : CKR_KEY_FUNCTION_NOT_PERMITTED;
		if ((rv = C_DecryptInit(b.h, &m, b.o)) != should)
			wrong("C_DecryptInit of %s: 0x%lX, not 0x%lX", mech_name(m.mechanism), rv, should);
		C_DecryptInit(b.h, NULL, 0);
	}
	close_bench(&b);
}
END_TEST

/* ---- derivation ---- */

/* Derives a secret that can be read; it goes away again. *n: room, then length. */
static CK_RV
derive(const struct bench *b, CK_MECHANISM_TYPE type, CK_BYTE *point, size_t npoint, CK_BYTE *x, CK_ULONG *n)
{
	CK_ECDH1_DERIVE_PARAMS params = { CKD_NULL, 0, NULL, npoint, point };
	CK_MECHANISM m = { type, &params, sizeof params };
	CK_OBJECT_CLASS cls = CKO_SECRET_KEY;
	CK_KEY_TYPE secret = CKK_GENERIC_SECRET;
	CK_BBOOL no = CK_FALSE, yes = CK_TRUE;
	CK_ATTRIBUTE t[] = { { CKA_CLASS, &cls, sizeof cls }, { CKA_KEY_TYPE, &secret, sizeof secret },
		{ CKA_TOKEN, &no, 1 }, { CKA_SENSITIVE, &no, 1 }, { CKA_EXTRACTABLE, &yes, 1 } };
	CK_OBJECT_HANDLE o;
	CK_RV rv;

	/* there is no context-specific login for it: a key that wants a PIN each time takes that of C_Login */
	if (b->slot->each && (C_Logout(b->h), rv = login(b->h, b->key->slot)))
		return rv;
	rv = C_DeriveKey(b->h, &m, object_of(b->h, CKO_PRIVATE_KEY, b->key), t, COUNT(t), &o);
	if (back_in(b->h, rv))
		rv = C_DeriveKey(b->h, &m, object_of(b->h, CKO_PRIVATE_KEY, b->key), t, COUNT(t), &o);
	if (rv)
		return rv;
	*n = attribute(b->h, o, CKA_VALUE, x, *n);
	C_DestroyObject(b->h, o);
	return CKR_OK;
}

START_TEST(key_derives_where_its_usage_says_so)
{
	static const CK_MECHANISM_TYPE types[] = { CKM_ECDH1_DERIVE, CKM_ECDH1_COFACTOR_DERIVE };
	CK_BYTE point[160], x[80], got[80];
	size_t npoint = sizeof point, nx;
	struct bench b;
	CK_ULONG n;
	CK_RV rv, should;

	open_bench(&b, _i);
	if (b.key->type == CKK_EC)
		nx = witness_shares(b.pub, point, &npoint, x, sizeof x);
	else
		nx = npoint = 0, point[npoint++] = 4;
	for (size_t i = 0; i < COUNT(types); i++) {
		should = !listed(&b, types[i], CKF_DERIVE) ? CKR_MECHANISM_INVALID : b.key->type != CKK_EC ?
		    CKR_KEY_TYPE_INCONSISTENT : !(b.key->uses & CKF_DERIVE) ? CKR_KEY_FUNCTION_NOT_PERMITTED : CKR_OK;
		if (should != CKR_OK && b.key->type != CKK_EC)
			continue; /* there is no point that fits */
		n = sizeof got;
		rv = derive(&b, types[i], point, npoint, got, &n);
		if (rv != should)
			wrong("%s: 0x%lX, not 0x%lX", mech_name(types[i]), rv, should);
		else if (rv == CKR_OK && (!nx || n != nx || memcmp(got, x, nx) != 0))
			wrong("%s: not the secret that OpenSSL has", mech_name(types[i]));
	}
	close_bench(&b);
}
END_TEST

void
key_tests(Suite *suite)
{
	TCase *tc = tcase_create("keys");

	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, key_signs_in_every_way_that_is_listed, 0, (int)want.nkey);
	tcase_add_loop_test(tc, key_decrypts_where_its_usage_says_so, 0, (int)want.nkey);
	tcase_add_loop_test(tc, key_derives_where_its_usage_says_so, 0, (int)want.nkey);
	suite_add_tcase(suite, tc);
}

#include "token/soft_int.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <string.h>

#include "base/err.h"

#define PKCS1_OVER 11 /* bytes PKCS#1 v1.5 padding takes at least */

/* What every function below is given, so that they fit into one table. */
struct task {
	struct soft *s;
	const struct mech *m;
	const struct mech_params *p;
	const struct soft_pub *pub;
	struct view data;
};

/* Data as it is: x of k bytes, data at its end. */
static CK_RV
pad_left(const struct soft_pub *pub, struct view data, struct buf *block)
{
	size_t start = block->len;

	if (data.len > pub->k)
		return CKR_DATA_LEN_RANGE;
	buf_fill(block, 0, pub->k - data.len);
	buf_view(block, data);
	if (buf_err(block))
		return CKR_HOST_MEMORY;
	return soft_below_modulus(pub, view_of(block->p + start, pub->k)) ? CKR_OK :
	    CKR_DATA_LEN_RANGE;
}

/* What PKCS#1 v1.5 pads: a DigestInfo where we have hashed, else what the caller gave. */
static CK_RV
pkcs1_data(const struct task *t, struct buf *out)
{
	const struct hash_info *hi = hash_info(t->m->hash);

	if (hi && t->data.len != hi->size)
		return CKR_DATA_LEN_RANGE;
	if (hi && t->pub->k < hi->prefix.len + hi->size + PKCS1_OVER)
		return CKR_KEY_SIZE_RANGE;
	if (t->data.len > t->pub->k - PKCS1_OVER)
		return CKR_DATA_LEN_RANGE;
	if (hi)
		buf_view(out, hi->prefix);
	buf_view(out, t->data);
	return buf_err(out) ? CKR_HOST_MEMORY : CKR_OK;
}

static CK_RV
pkcs1_block(const struct task *t, struct buf *block)
{
	struct buf data = BUF_INIT;
	CK_RV rv = pkcs1_data(t, &data);

	if (rv == CKR_OK) {
		soft_pkcs1_type1(t->pub->k, buf_peek(&data), block);
		rv = buf_err(block) ? CKR_HOST_MEMORY : CKR_OK;
	}
	buf_free(&data);
	return rv;
}

static CK_RV
raw_block(const struct task *t, struct buf *block)
{
	return pad_left(t->pub, t->data, block);
}

static CK_RV
pss_block(const struct task *t, struct buf *block)
{
	struct soft_pss pss = { t->p->hash, t->p->mgf, t->p->salt_len };

	if (t->data.len != hash_info(pss.hash)->size)
		return CKR_DATA_LEN_RANGE;
	return soft_pss_encode(t->s, &pss, t->pub->bits, t->data, block);
}

/* The leftmost bytes of a hash that is longer than the field. The bits that 66 bytes have more
 * than P-521 are for the signer to cut, as FIPS 186-5 6.4.1 tells it: cut here, they would be
 * cut twice. The order of each of our curves is as long as its field. */
static CK_RV
ecdsa_block(const struct task *t, struct buf *block)
{
	const struct hash_info *hi = hash_info(t->m->hash);

	if (!t->data.len || (hi && t->data.len != hi->size))
		return CKR_DATA_LEN_RANGE;
	buf_view(block, view_part(t->data, 0, t->pub->k));
	return buf_err(block) ? CKR_HOST_MEMORY : CKR_OK;
}

/* The signature is compared with the block we would have made ourselves: a parser of padding is
 * where the forgeries of 2006 came in. */
static CK_RV
verify_block(const struct task *t, CK_RV (*make)(const struct task *t, struct buf *block),
    struct view sig)
{
	struct buf want = BUF_INIT, have = BUF_INIT;
	CK_RV rv = make(t, &want);

	if (rv != CKR_OK)
		goto out;
	rv = CKR_SIGNATURE_INVALID;
	if (!soft_below_modulus(t->pub, sig))
		goto out;
	if (!soft_rsa_public(t->s, t->pub, sig, &have))
		rv = CKR_FUNCTION_FAILED;
	else if (view_eq(buf_peek(&want), buf_peek(&have)))
		rv = CKR_OK;
out:
	buf_free(&want);
	buf_free(&have);
	return rv;
}

static CK_RV
verify_pkcs1(const struct task *t, struct view sig)
{
	return verify_block(t, pkcs1_block, sig);
}

static CK_RV
verify_raw(const struct task *t, struct view sig)
{
	return verify_block(t, raw_block, sig);
}

static CK_RV
pkey_verify(const struct task *t, const OSSL_PARAM *params, struct view data, struct view sig)
{
	EVP_PKEY_CTX *ctx;
	CK_RV rv = CKR_FUNCTION_FAILED;
	int r;

	ERR_set_mark();
	ctx = EVP_PKEY_CTX_new_from_pkey(t->s->ctx, t->pub->pkey, NULL);
	if (ctx && EVP_PKEY_verify_init_ex(ctx, params) == 1) {
		r = EVP_PKEY_verify(ctx, sig.p, sig.len, data.p, data.len);
		if (r >= 0)
			rv = r == 1 ? CKR_OK : CKR_SIGNATURE_INVALID;
	}
	EVP_PKEY_CTX_free(ctx);
	ERR_pop_to_mark();
	return rv;
}

static CK_RV
verify_pss(const struct task *t, struct view sig)
{
	const struct hash_info *hi = hash_info(t->p->hash), *mi = hash_info(t->p->mgf);
	int salt = (int)t->p->salt_len;
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE,
		    (char *)(uintptr_t)OSSL_PKEY_RSA_PAD_MODE_PSS, 0),
		OSSL_PARAM_construct_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST,
		    (char *)(uintptr_t)hi->name, 0),
		OSSL_PARAM_construct_utf8_string(OSSL_SIGNATURE_PARAM_MGF1_DIGEST,
		    (char *)(uintptr_t)mi->name, 0),
		OSSL_PARAM_construct_int(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, &salt),
		OSSL_PARAM_construct_end(),
	};

	if (t->data.len != hi->size)
		return CKR_DATA_LEN_RANGE;
	if ((t->pub->bits + 6) / 8 < hi->size + t->p->salt_len + 2)
		return CKR_KEY_SIZE_RANGE;
	return pkey_verify(t, params, t->data, sig);
}

static CK_RV
verify_ecdsa(const struct task *t, struct view sig)
{
	size_t half = t->pub->k;
	struct buf block = BUF_INIT;
	unsigned char *der = NULL;
	ECDSA_SIG *es = NULL;
	BIGNUM *r = NULL, *v = NULL;
	CK_RV rv = ecdsa_block(t, &block);
	int n;

	if (rv != CKR_OK)
		goto out;
	rv = CKR_HOST_MEMORY;
	r = BN_bin2bn(sig.p, (int)half, NULL);
	v = BN_bin2bn(sig.p + half, (int)half, NULL);
	if (!(es = ECDSA_SIG_new()) || !r || !v || ECDSA_SIG_set0(es, r, v) != 1)
		goto out;
	r = v = NULL;
	if ((n = i2d_ECDSA_SIG(es, &der)) <= 0)
		goto out;
	rv = pkey_verify(t, NULL, buf_peek(&block), view_of(der, (size_t)n));
out:
	BN_free(r);
	BN_free(v);
	ECDSA_SIG_free(es);
	OPENSSL_free(der);
	buf_free(&block);
	return rv;
}

static CK_RV
encrypt_pkcs1(const struct task *t, struct buf *block)
{
	if (t->data.len > t->pub->k - PKCS1_OVER)
		return CKR_DATA_LEN_RANGE;
	return soft_pkcs1_type2(t->s, t->pub->k, t->data, block);
}

static CK_RV
encrypt_oaep(const struct task *t, struct buf *block)
{
	return soft_oaep_encode(t->s, t->p, t->pub->k, t->data, block);
}

static CK_RV
recover_pkcs1(struct view block, struct buf *out)
{
	struct view data;

	if (!soft_pkcs1_type1_parse(block, &data))
		return CKR_SIGNATURE_INVALID;
	buf_view(out, data);
	return buf_err(out) ? CKR_HOST_MEMORY : CKR_OK;
}

static CK_RV
recover_raw(struct view block, struct buf *out)
{
	buf_view(out, block);
	return buf_err(out) ? CKR_HOST_MEMORY : CKR_OK;
}

/* What a card is given that pads by itself: *hash is what a digest was made with, HASH_NONE for what is no
 * digest or where the card does not care. CKR_DATA_INVALID, CKR_MECHANISM_PARAM_INVALID: not what it pads;
 * a card that also raises whole blocks can still do it. */

static CK_RV
pkcs1_plain(const struct task *t, const struct environment *env, enum hash *hash, struct buf *out)
{
	struct buf info = BUF_INIT;
	struct view digest;
	CK_RV rv = pkcs1_data(t, &info);

	*hash = HASH_NONE;
	if (rv == CKR_OK && environment_takes(env, USE_SIGN, ALG_RSA_PKCS1, HASH_NONE)) {
		buf_view(out, buf_peek(&info));
	} else if (rv == CKR_OK) {
		/* the card makes the DigestInfo itself, of the hashes that it has, and in one form: one without the
		 * NULL would not be what it signs */
		*hash = digest_info_parse(buf_peek(&info), &digest);
		if (*hash != HASH_NONE && info.len == hash_info(*hash)->prefix.len + digest.len &&
		    environment_takes(env, USE_SIGN, ALG_RSA_PKCS1, *hash))
			buf_view(out, digest);
		else
			rv = CKR_DATA_INVALID;
	}
	buf_free(&info);
	return rv == CKR_OK && buf_err(out) ? CKR_HOST_MEMORY : rv;
}

static CK_RV
pss_plain(const struct task *t, const struct environment *env, enum hash *hash, struct buf *out)
{
	const struct hash_info *hi = hash_info(t->p->hash);

	*hash = t->p->hash;
	if (t->data.len != hi->size)
		return CKR_DATA_LEN_RANGE;
	if (t->p->salt_len != hi->size || t->p->mgf != t->p->hash ||
	    !environment_takes(env, USE_SIGN, ALG_RSA_PSS, t->p->hash))
		return CKR_MECHANISM_PARAM_INVALID;
	if ((t->pub->bits + 6) / 8 < 2 * hi->size + 2)
		return CKR_KEY_SIZE_RANGE;
	buf_view(out, t->data);
	return buf_err(out) ? CKR_HOST_MEMORY : CKR_OK;
}

static CK_RV
ecdsa_plain(const struct task *t, const struct environment *env, enum hash *hash, struct buf *out)
{
	(void)env;
	*hash = HASH_NONE;
	return ecdsa_block(t, out);
}

/* One row for a scheme; NULL: the scheme has no such operation. `plain` is what a card is
 * given that does the padding itself (card_alg `own`); `block` is for ALG_RSA_RAW, or for
 * `own` where there is no `plain`. */
static const struct work {
	enum scheme scheme;
	CK_KEY_TYPE key;
	enum card_alg own;
	CK_RV (*plain)(const struct task *t, const struct environment *env, enum hash *hash,
	    struct buf *out);
	CK_RV (*block)(const struct task *t, struct buf *out);
	CK_RV (*verify)(const struct task *t, struct view sig);
	CK_RV (*encrypt)(const struct task *t, struct buf *out);
	CK_RV (*recover)(struct view block, struct buf *out);
} works[] = {
	{ SCHEME_RSA_PKCS1, CKK_RSA, ALG_RSA_PKCS1, pkcs1_plain, pkcs1_block, verify_pkcs1,
	    encrypt_pkcs1, recover_pkcs1 },
	{ SCHEME_RSA_RAW, CKK_RSA, ALG_RSA_RAW, NULL, raw_block, verify_raw, raw_block,
	    recover_raw },
	{ SCHEME_RSA_PSS, CKK_RSA, ALG_RSA_PSS, pss_plain, pss_block, verify_pss, NULL, NULL },
	{ SCHEME_RSA_OAEP, CKK_RSA, ALG_RSA_OAEP, NULL, NULL, NULL, encrypt_oaep, NULL },
	{ SCHEME_ECDSA, CKK_EC, ALG_ECDSA, ecdsa_plain, NULL, verify_ecdsa, NULL, NULL },
};

#define WORKS (sizeof works / sizeof works[0])

static const struct work *
work_find(enum scheme scheme)
{
	for (size_t i = 0; i < WORKS; i++)
		if (works[i].scheme == scheme)
			return &works[i];
	return NULL;
}

CK_RV
soft_sign_prepare(struct soft *s, const struct mech *m, const struct mech_params *p,
    const struct soft_pub *pub, const struct profile *pf, struct view data,
    enum card_alg *alg, enum hash *hash, struct buf *block)
{
	const struct task t = { s, m, p, pub, data };
	const struct work *w = work_find(m->scheme);
	size_t start = block->len;
	CK_RV rv = CKR_MECHANISM_INVALID;

	if (!w || (!w->plain && !w->block))
		return CKR_MECHANISM_INVALID;
	if (w->key != pub->type)
		return CKR_KEY_TYPE_INCONSISTENT;
	if (w->plain && pf->sign_algs & 1u << w->own) {
		*alg = w->own;
		rv = w->plain(&t, &pf->env, hash, block);
	}
	if (w->block && pf->sign_algs & 1u << ALG_RSA_RAW && (rv == CKR_MECHANISM_INVALID ||
	    rv == CKR_DATA_INVALID || rv == CKR_MECHANISM_PARAM_INVALID)) {
		*alg = ALG_RSA_RAW;
		*hash = HASH_NONE;
		rv = w->block(&t, block);
	}
	if (rv != CKR_OK && !block->bad)
		buf_trim(block, start);
	return rv;
}

CK_RV
soft_verify(struct soft *s, const struct mech *m, const struct mech_params *p,
    const struct soft_pub *pub, struct view data, struct view sig)
{
	const struct task t = { s, m, p, pub, data };
	const struct work *w = work_find(m->scheme);

	if (!w || !w->verify)
		return CKR_MECHANISM_INVALID;
	if (w->key != pub->type)
		return CKR_KEY_TYPE_INCONSISTENT;
	if (sig.len != soft_pub_sig_len(pub))
		return CKR_SIGNATURE_LEN_RANGE;
	return w->verify(&t, sig);
}

CK_RV
soft_verify_recover(struct soft *s, const struct mech *m, const struct soft_pub *pub,
    struct view sig, struct buf *out)
{
	const struct work *w = work_find(m->scheme);
	struct buf block = BUF_INIT;
	CK_RV rv = CKR_SIGNATURE_INVALID;

	if (!w || !w->recover || m->hash != HASH_NONE)
		return CKR_MECHANISM_INVALID;
	if (w->key != pub->type)
		return CKR_KEY_TYPE_INCONSISTENT;
	if (sig.len != pub->k)
		return CKR_SIGNATURE_LEN_RANGE;
	if (soft_below_modulus(pub, sig))
		rv = soft_rsa_public(s, pub, sig, &block) ? w->recover(buf_peek(&block), out) :
		    CKR_FUNCTION_FAILED;
	buf_free(&block);
	return rv;
}

CK_RV
soft_encrypt(struct soft *s, const struct mech *m, const struct mech_params *p,
    const struct soft_pub *pub, struct view data, struct buf *out)
{
	const struct task t = { s, m, p, pub, data };
	const struct work *w = work_find(m->scheme);
	struct buf block = BUF_INIT_SECRET;
	CK_RV rv;

	if (!w || !w->encrypt || m->hash != HASH_NONE)
		return CKR_MECHANISM_INVALID;
	if (w->key != pub->type)
		return CKR_KEY_TYPE_INCONSISTENT;
	rv = w->encrypt(&t, &block);
	if (rv == CKR_OK && !soft_rsa_public(s, pub, buf_peek(&block), out))
		rv = CKR_FUNCTION_FAILED;
	buf_free(&block);
	return rv;
}

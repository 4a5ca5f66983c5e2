#include "token/op.h"

#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "token/create.h"
#include "token/activate.h"
#include "token/expiry_card.h"
#include "token/pinclass.h"
#include "token/pubkey.h"
#include "token/rules.h"
#include "token/rv.h"
#include "token/session.h"
#include "token/unlock.h"

#define COLLECT_MAX ((size_t)1 << 16) /* input of a mechanism that is not hashed, bytes */

/* What each kind needs of mechanism, key and object class. */
static const struct kind_row {
	CK_FLAGS flag;
	CK_OBJECT_CLASS cls;
	CK_ATTRIBUTE_TYPE may;
	bool varies;
} kinds[OP_KINDS] = {
	[OP_DIGEST] = { CKF_DIGEST, 0, 0, false },
	[OP_SIGN] = { CKF_SIGN, CKO_PRIVATE_KEY, CKA_SIGN, false },
	[OP_SIGN_RECOVER] = { CKF_SIGN_RECOVER, CKO_PRIVATE_KEY, CKA_SIGN_RECOVER, false },
	[OP_VERIFY] = { CKF_VERIFY, CKO_PUBLIC_KEY, CKA_VERIFY, false },
	[OP_VERIFY_RECOVER] = { CKF_VERIFY_RECOVER, CKO_PUBLIC_KEY, CKA_VERIFY_RECOVER, true },
	[OP_ENCRYPT] = { CKF_ENCRYPT, CKO_PUBLIC_KEY, CKA_ENCRYPT, false },
	[OP_DECRYPT] = { CKF_DECRYPT, CKO_PRIVATE_KEY, CKA_DECRYPT, true },
};

bool
op_active(const struct session *s, enum op_kind kind)
{
	return s->op[kind].m != NULL;
}

bool
op_busy(const struct session *s, enum op_kind kind)
{
	return s->op[kind].busy;
}

bool
op_result_varies(enum op_kind kind)
{
	return kinds[kind].varies;
}

void
op_end(struct session *s, enum op_kind kind)
{
	struct op *op = &s->op[kind];

	/* a context-specific login ends with its operation */
	if (kinds[kind].cls == CKO_PRIVATE_KEY)
		once_wipe(&s->once);
	mech_params_free(&op->params);
	object_unref(&op->key);
	soft_pub_free(&op->pub);
	soft_md_free(&op->md);
	buf_free(&op->data);
	op->result.secret = true;
	buf_free(&op->result);
	memset(op, 0, sizeof *op);
}

/* Finds the key and checks that it can and may do this. */
static CK_RV
take_key(struct session *s, enum op_kind kind, CK_OBJECT_HANDLE h, struct op *op)
{
	const struct attrs *a;
	CK_RV rv;
	int err;

	if ((rv = reader_key(s->r, s->pin, h, &op->key)))
		return rv;
	if (op->key->cls != kinds[kind].cls)
		/* a certificate or a secret key is no such key at all; the wrong half of a pair may
		 * at least be named as not permitted */
		return op->key->cls == CKO_PUBLIC_KEY || op->key->cls == CKO_PRIVATE_KEY ?
		    CKR_KEY_FUNCTION_NOT_PERMITTED : CKR_KEY_HANDLE_INVALID;
	a = op->key->base;
	if (attrs_get_ulong(a, CKA_KEY_TYPE, (CK_ULONG)-1) != op->m->key_type)
		return CKR_KEY_TYPE_INCONSISTENT;
	if (!attrs_get_bool(a, kinds[kind].may, false))
		return CKR_KEY_FUNCTION_NOT_PERMITTED;
	if (op->key->cls == CKO_PRIVATE_KEY && ((err = activate_gate(s)) || (err = expiry_gate(s))))
		return rv_from(err);
	if ((rv = reader_fill(s->r, s->gen, op->key)))
		return rv;
	if (op->key->cls == CKO_PRIVATE_KEY &&
	    attrs_get_bool(object_attrs(op->key), CKA_ALWAYS_AUTHENTICATE, false))
		pinclass_tighten(s->r, s->gen, s->pin);
	if ((err = pubkey_from_attrs(s->world->soft, object_attrs(op->key), &op->pub))) {
		log_warn("public numbers of the key are missing or make no sense");
		return err == E_MEM ? CKR_HOST_MEMORY : CKR_KEY_HANDLE_INVALID;
	}
	return CKR_OK;
}

/* The profile of the card in the session's reader, and what keys it has or can get (NULL: not asked for);
 * NULL when it is gone. */
static const struct profile *
profile_of(struct session *s, unsigned *key_kinds)
{
	const struct profile *pf = NULL;

	pthread_mutex_lock(&s->r->lock);
		if (s->r->gen == s->gen && s->r->token) {
			pf = s->r->token->pf;
			if (key_kinds)
				*key_kinds = s->r->token->key_kinds;
		}
	pthread_mutex_unlock(&s->r->lock);
	return pf;
}

CK_RV
op_init(struct session *s, enum op_kind kind, const CK_MECHANISM *ck, CK_OBJECT_HANDLE key)
{
	const struct profile *pf;
	struct op *op = &s->op[kind];
	unsigned key_kinds = 0;
	CK_RV rv;

	if (op->m)
		return CKR_OPERATION_ACTIVE;
	if (!(pf = profile_of(s, &key_kinds)))
		return CKR_DEVICE_REMOVED;
	if (!(op->m = mech_find(ck->mechanism)) || !(mech_flags(op->m, pf, key_kinds) & kinds[kind].flag)) {
		op->m = NULL;
		return CKR_MECHANISM_INVALID;
	}
	op->data.secret = op->result.secret = true;
	rv = CKR_OK;
	if (kind != OP_DIGEST)
		rv = take_key(s, kind, key, op);
	if (!rv)
		rv = mech_params_parse(op->m, ck, &op->params);
	if (!rv && kinds[kind].cls == CKO_PRIVATE_KEY)
		rv = mech_params_fit(op->m, &op->params, pf);
	if (!rv && op->m->hash != HASH_NONE && !(op->md = soft_md_new(s->world->soft, op->m->hash)))
		rv = CKR_HOST_MEMORY;
	if (rv)
		op_end(s, kind);
	return rv;
}

CK_ULONG
op_result_len(const struct session *s, enum op_kind kind)
{
	const struct op *op = &s->op[kind];

	if (op->has_result)
		return op->result.len;
	if (kind == OP_DIGEST)
		return hash_info(op->m->hash)->size;
	return soft_pub_sig_len(op->pub);
}

CK_RV
op_update(struct session *s, enum op_kind kind, struct view in)
{
	struct op *op = &s->op[kind];

	if (op->md)
		return rv_from(soft_md_update(op->md, in));
	if (in.len > COLLECT_MAX - op->data.len)
		return kind == OP_DECRYPT ? CKR_ENCRYPTED_DATA_LEN_RANGE : CKR_DATA_LEN_RANGE;
	buf_view(&op->data, in);
	return rv_from(buf_err(&op->data));
}

/* The digest where the mechanism hashes; else what was collected. */
static CK_RV
gather(struct op *op, struct buf *digest, struct view *data)
{
	int err;

	if (!op->md) {
		*data = buf_peek(&op->data);
		return CKR_OK;
	}
	if ((err = soft_md_final(op->md, digest)) || (err = buf_err(digest)))
		return rv_from(err);
	*data = buf_peek(digest);
	return CKR_OK;
}

struct key_call {
	struct key_ref key;  /* its size is its public half's */
	enum { KEY_SIGN, KEY_DECIPHER, KEY_DERIVE } what;
	enum card_alg alg;
	struct sign_in in;   /* KEY_SIGN; its data also is the cryptogram or the point, its hash OAEP's */
	struct buf *out;
	bool reselect;       /* the environment is to be made anew */
};

static int
verb_key(struct card *card, void *arg)
{
	struct key_call *c = arg;
	int err;

	buf_reset(c->out);
	if (c->reselect) {
		card->app_selected = false;
		if (card->ops->select_app && (err = card->ops->select_app(card)))
			return err;
	}
	switch (c->what) {
	case KEY_SIGN:
		return card->ops->sign ? card->ops->sign(card, &c->key, c->alg, &c->in, c->out) :
		    E_UNSUPPORTED;
	case KEY_DECIPHER:
		return card->ops->decipher ?
		    card->ops->decipher(card, &c->key, c->alg, c->in.hash, c->in.data, c->out) : E_UNSUPPORTED;
	default:
		return card->ops->derive ? card->ops->derive(card, &c->key, c->in.data, c->out) :
		    E_UNSUPPORTED;
	}
}

/* What the card says of a private key operation, in PKCS#11's words. */
static CK_RV
key_rv(int err)
{
	if (err == E_UNSUPPORTED)
		return CKR_MECHANISM_INVALID;
	return rv_from(err);
}

static struct key_ref
key_of(const struct op *op)
{
	struct key_ref key = op->key->at.key;

	/* what the certificate says is so; a directory, or a profile, may be wrong */
	if (op->pub)
		key.bits = soft_pub_bits(op->pub);
	return key;
}

/* One signature, checked with the public key before anybody sees it (DESIGN 17.10). */
static CK_RV
sign_on_card(struct session *s, struct op *op, struct view data)
{
	const struct profile *pf = profile_of(s, NULL);
	struct key_call c = { .key = key_of(op), .what = KEY_SIGN, .out = &op->result };
	struct buf block = BUF_INIT_SECRET;
	CK_RV rv;
	int err;

	if (!pf)
		return CKR_DEVICE_REMOVED;
	rv = soft_sign_prepare(s->world->soft, op->m, &op->params, op->pub, pf, data, &c.alg,
	    &c.in.hash, &block);
	if (rv)
		goto out;
	c.in.data = buf_peek(&block);
	c.in.kind = c.alg == ALG_RSA_RAW ? IN_BLOCK : c.alg == ALG_RSA_PKCS1 &&
	    c.in.hash == HASH_NONE ? IN_DIGEST_INFO : IN_DIGEST;
	for (int attempt = 0; attempt < 2; attempt++) {
		c.reselect = attempt > 0;
		if ((err = unlock_run(s, UNLOCK_KEY, verb_key, &c))) {
			rv = key_rv(err);
			break;
		}
		rv = soft_verify(s->world->soft, op->m, &op->params, op->pub, data,
		    buf_peek(&op->result));
		if ((rv != CKR_SIGNATURE_INVALID && rv != CKR_SIGNATURE_LEN_RANGE) ||
		    pinclass_is_pin2(s->r, s->gen, s->pin))
			break;
		log_warn("%s: a signature did not verify; others changed the card's environment",
		    s->r->name);
	}
	if (rv == CKR_SIGNATURE_INVALID || rv == CKR_SIGNATURE_LEN_RANGE)
		rv = rv_from(E_SIGNATURE);
out:
	buf_free(&block);
	return rv;
}

static CK_RV
decrypt_on_card(struct session *s, struct op *op, struct view data)
{
	const struct profile *pf = profile_of(s, NULL);
	struct buf block = BUF_INIT_SECRET;
	struct key_call c = { .key = key_of(op), .what = KEY_DECIPHER, .out = &block };
	CK_RV rv;
	int err;

	if (!pf)
		return CKR_DEVICE_REMOVED;
	if (data.len != soft_pub_sig_len(op->pub))
		return CKR_ENCRYPTED_DATA_LEN_RANGE;
	if ((rv = soft_decrypt_alg(op->m, pf->decipher_algs, &c.alg)))
		return rv;
	c.in.data = data;
	c.in.hash = op->params.hash;
	err = unlock_run(s, UNLOCK_KEY, verb_key, &c);
	/* every complaint about the cryptogram is the same one: no oracle */
	if (err == E_DATA || err == E_DENIED || err == E_CARD || err == E_PROTOCOL)
		rv = CKR_ENCRYPTED_DATA_INVALID;
	else if (err)
		rv = key_rv(err);
	else if (block.len > data.len || (c.alg == ALG_RSA_RAW && block.len != data.len))
		rv = CKR_DEVICE_ERROR;
	else if (c.alg == ALG_RSA_RAW)
		rv = soft_unpad(s->world->soft, op->m, &op->params, buf_peek(&block), &op->result);
	else
		buf_move(&op->result, &block);
	buf_free(&block);
	return rv;
}

CK_RV
op_finish(struct session *s, enum op_kind kind)
{
	struct op *op = &s->op[kind];
	struct buf digest = BUF_INIT;
	struct view data;
	CK_RV rv;

	if (op->has_result)
		return CKR_OK;
	if ((rv = gather(op, &digest, &data)))
		goto out;
	switch (kind) {
	case OP_DIGEST:
		buf_move(&op->result, &digest);
		break;
	case OP_SIGN:
	case OP_SIGN_RECOVER:
		op->busy = true;
		rv = sign_on_card(s, op, data);
		op->busy = false;
		break;
	case OP_DECRYPT:
		op->busy = true;
		rv = decrypt_on_card(s, op, data);
		op->busy = false;
		break;
	case OP_ENCRYPT:
		rv = soft_encrypt(s->world->soft, op->m, &op->params, op->pub, data, &op->result);
		break;
	case OP_VERIFY_RECOVER:
		rv = soft_verify_recover(s->world->soft, op->m, op->pub, data, &op->result);
		break;
	default:
		rv = CKR_GENERAL_ERROR;
		break;
	}
	if (!rv)
		rv = rv_from(buf_err(&op->result));
	op->has_result = !rv;
out:
	buf_free(&digest);
	return rv;
}

CK_RV
op_verify(struct session *s, struct view signature)
{
	struct op *op = &s->op[OP_VERIFY];
	struct buf digest = BUF_INIT;
	struct view data;
	CK_RV rv;

	if (!(rv = gather(op, &digest, &data)))
		rv = soft_verify(s->world->soft, op->m, &op->params, op->pub, data, signature);
	buf_free(&digest);
	return rv;
}

CK_RV
op_digest_key(struct session *s, CK_OBJECT_HANDLE h)
{
	struct object *key = reader_object(s->r, s->pin, h);
	const struct attr *value;
	CK_RV rv;

	if (!key)
		return CKR_KEY_HANDLE_INVALID;
	value = attrs_get(object_attrs(key), CKA_VALUE);
	if (key->cls != CKO_SECRET_KEY || !value || value->hidden)
		rv = CKR_KEY_INDIGESTIBLE;
	else
		rv = op_update(s, OP_DIGEST, value->value);
	object_unref(&key);
	return rv;
}

/* Class, type and length a caller wants of a derived key. */
static CK_RV
derive_template(const CK_ATTRIBUTE *t, CK_ULONG n, CK_KEY_TYPE *type, CK_ULONG *len)
{
	CK_ULONG cls = CKO_SECRET_KEY;
	bool token = false;

	CK_RV rv;

	*type = CKK_GENERIC_SECRET;
	*len = 0;
	if (template_ulong(t, n, CKA_CLASS, &cls) || template_ulong(t, n, CKA_KEY_TYPE, type) ||
	    template_ulong(t, n, CKA_VALUE_LEN, len) || template_bool(t, n, CKA_TOKEN, &token))
		return CKR_ATTRIBUTE_VALUE_INVALID;
	if ((rv = rules_check(CKO_SECRET_KEY, *type, t, n)))
		return rv;
	if (template_get(t, n, CKA_VALUE))
		return CKR_TEMPLATE_INCONSISTENT;
	if (cls != CKO_SECRET_KEY || token || (*type != CKK_GENERIC_SECRET && *type != CKK_AES))
		return CKR_TEMPLATE_INCONSISTENT;
	if (*type == CKK_AES && !*len)
		return CKR_TEMPLATE_INCOMPLETE;
	if (*type == CKK_AES && *len != 16 && *len != 24 && *len != 32)
		return CKR_KEY_SIZE_RANGE;
	return CKR_OK;
}

static CK_RV
derive_on_card(struct session *s, struct op *op, CK_ULONG want, struct buf *secret)
{
	struct buf x = BUF_INIT_SECRET;
	struct key_call c = { .key = key_of(op), .what = KEY_DERIVE, .alg = ALG_ECDH,
	    .out = &x };
	struct soft_pub *peer = NULL;
	size_t coordinate;
	CK_RV rv;
	int err;

	/* a point that is not on the curve never reaches the key */
	if ((err = soft_pub_ec(s->world->soft, attrs_get_view(object_attrs(op->key), CKA_EC_PARAMS),
	    buf_peek(&op->params.point), &peer)))
		return err == E_MEM ? CKR_HOST_MEMORY : CKR_MECHANISM_PARAM_INVALID;
	coordinate = soft_pub_sig_len(peer) / 2;
	c.key.bits = soft_pub_bits(peer); /* on the key's curve */
	soft_pub_free(&peer);
	if (want > coordinate && op->params.kdf == CKD_NULL)
		return CKR_KEY_SIZE_RANGE;
	c.in.data = buf_peek(&op->params.point);
	if ((err = unlock_run(s, UNLOCK_KEY, verb_key, &c)))
		rv = key_rv(err);
	else if (x.len != coordinate)
		rv = CKR_DEVICE_ERROR;
	else
		rv = soft_kdf(s->world->soft, &op->params, buf_peek(&x), want, secret);
	buf_free(&x);
	return rv;
}

CK_RV
op_derive(struct session *s, const CK_MECHANISM *ck, CK_OBJECT_HANDLE base, const CK_ATTRIBUTE *t,
    CK_ULONG n, CK_OBJECT_HANDLE *out)
{
	unsigned key_kinds = 0;
	const struct profile *pf = profile_of(s, &key_kinds);
	struct op op = { .m = mech_find(ck->mechanism) };
	struct buf secret = BUF_INIT_SECRET;
	CK_KEY_TYPE type;
	CK_ULONG len;
	CK_RV rv;

	if (!pf)
		return CKR_DEVICE_REMOVED;
	if (!op.m || !(mech_flags(op.m, pf, key_kinds) & CKF_DERIVE))
		return CKR_MECHANISM_INVALID;
	if ((rv = reader_key(s->r, s->pin, base, &op.key)))
		goto out;
	if (op.key->cls != CKO_PRIVATE_KEY) {
		rv = CKR_KEY_HANDLE_INVALID;
		goto out;
	}
	if (attrs_get_ulong(op.key->base, CKA_KEY_TYPE, (CK_ULONG)-1) != op.m->key_type) {
		rv = CKR_KEY_TYPE_INCONSISTENT;
		goto out;
	}
	if (!attrs_get_bool(op.key->base, CKA_DERIVE, false)) {
		rv = CKR_KEY_FUNCTION_NOT_PERMITTED;
		goto out;
	}
	if ((rv = rv_from(activate_gate(s))) || (rv = rv_from(expiry_gate(s))) || (rv = mech_params_parse(op.m, ck, &op.params)) ||
	    (rv = derive_template(t, n, &type, &len)) ||
	    (rv = reader_fill(s->r, s->gen, op.key)) ||
	    (rv = derive_on_card(s, &op, len, &secret)))
		goto out;
	rv = create_secret(s, type, buf_peek(&secret), t, n, out);
out:
	mech_params_free(&op.params);
	object_unref(&op.key);
	buf_free(&secret);
	return rv;
}

struct random_call { size_t n; struct buf out; };

static int
verb_random(struct card *card, void *arg)
{
	struct random_call *c = arg;

	buf_reset(&c->out);
	return card->ops->challenge ? card->ops->challenge(card, c->n, &c->out) : E_UNSUPPORTED;
}

#define CARD_RANDOM_MAX 256 /* for more OpenSSL is asked: a card gives 8 to 256 an APDU */

CK_RV
op_random(struct session *s, CK_BYTE *out, CK_ULONG n)
{
	struct random_call c = { .n = n, .out = BUF_INIT_SECRET };
	int err = E_UNSUPPORTED;

	if (n > BUF_MAX)
		return CKR_ARGUMENTS_BAD;
	if (n && n <= CARD_RANDOM_MAX)
		err = reader_run(s->r, s->gen, verb_random, &c);
	if (err && err != E_GONE && err != E_MEM) {
		buf_reset(&c.out);
		err = soft_random(s->world->soft, n, &c.out);
	}
	if (!err && (err = buf_err(&c.out)) == 0 && c.out.len != n)
		err = E_PROTOCOL;
	if (!err && n)
		memcpy(out, c.out.p, n);
	buf_free(&c.out);
	return rv_from(err);
}

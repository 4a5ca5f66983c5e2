#include "token/keyparts.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/objects.h>

#include "token/soft_int.h"

#include "base/err.h"
#include "mapping/der.h"

#define F4 65537u       /* the public exponent of a caller who names none */
#define FACTOR_TRIES 100 /* bases; each fails for half of all keys */

struct rsa_numbers {
	BN_CTX *ctx;
	BIGNUM *n, *e, *d, *p, *q, *one;
};

#define NUMBER_MAX 2048u /* bytes; no card has longer keys */

static BIGNUM *
number(const struct buf *b)
{
	BIGNUM *v = b->len <= NUMBER_MAX ? BN_bin2bn(b->p, (int)b->len, NULL) : NULL;

	if (v)
		BN_set_flags(v, BN_FLG_CONSTTIME);
	return v;
}

static int
put_number(struct buf *b, const BIGNUM *v)
{
	uint8_t *p;

	b->secret = true;
	buf_reset(b);
	if (!(p = buf_room(b, (size_t)BN_num_bytes(v))))
		return E_MEM;
	BN_bn2bin(v, p);
	return 0;
}

/* One try at a factor: a square root of 1 other than 1 and -1 gives it away. Any base will do, so
 * no random one is asked of a generator that may be the host program's. */
static bool
try_factor(struct rsa_numbers *k, const BIGNUM *odd, int twos, unsigned base)
{
	BIGNUM *x = BN_new(), *y = BN_new(), *n1 = BN_dup(k->n);
	bool found = false;

	if (!x || !y || !n1 || !BN_sub_word(n1, 1) || !BN_set_word(x, base) ||
	    !BN_mod_exp(x, x, odd, k->n, k->ctx))
		goto out;
	if (BN_is_one(x) || BN_cmp(x, n1) == 0)
		goto out;
	for (int i = 0; i < twos && !found; i++) {
		if (!BN_mod_sqr(y, x, k->n, k->ctx) || BN_cmp(y, n1) == 0)
			break;
		found = BN_is_one(y);
		if (!found && !BN_copy(x, y))
			break;
	}
	found = found && BN_sub_word(x, 1) && BN_gcd(k->p, x, k->n, k->ctx) && !BN_is_one(k->p) &&
	    BN_cmp(k->p, k->n) != 0 && BN_div(k->q, NULL, k->n, k->p, k->ctx);
out:
	BN_clear_free(x);
	BN_clear_free(y);
	BN_free(n1);
	return found;
}

static int
factor(struct rsa_numbers *k)
{
	BIGNUM *odd = BN_new();
	int twos = 0, err = E_FORMAT;

	if (!odd || !BN_mul(odd, k->e, k->d, k->ctx) || !BN_sub_word(odd, 1)) {
		err = E_MEM;
		goto out;
	}
	if (BN_is_zero(odd) || BN_is_odd(odd))
		goto out;
	while (!BN_is_bit_set(odd, twos))
		twos++;
	if (!BN_rshift(odd, odd, twos))
		goto out;
	BN_set_flags(odd, BN_FLG_CONSTTIME);
	for (unsigned i = 0; i < FACTOR_TRIES && err; i++)
		if (try_factor(k, odd, twos, 2 + i))
			err = 0;
	/* the larger one is p by custom */
	if (!err && BN_cmp(k->p, k->q) < 0)
		BN_swap(k->p, k->q);
out:
	BN_clear_free(odd);
	return err;
}

/* Whether e and d undo each other modulo one prime. E_FORMAT, E_MEM. */
static int
check_exponents(struct rsa_numbers *k, const BIGNUM *prime)
{
	BIGNUM *t = BN_new(), *m = BN_new();
	int err = E_MEM;

	if (t && m && BN_sub(m, prime, k->one) && BN_mod_mul(t, k->e, k->d, m, k->ctx))
		err = BN_is_one(t) ? 0 : E_FORMAT;
	BN_clear_free(t);
	BN_clear_free(m);
	return err;
}

/* dP, dQ and qInv, and a check that all of it is one key. */
static int
derive_crt(struct rsa_numbers *k, struct key_parts *out)
{
	BIGNUM *t = BN_new(), *m = BN_new();
	int err = E_MEM;

	if (!t || !m || !BN_mul(t, k->p, k->q, k->ctx))
		goto out;
	err = E_FORMAT;
	if (BN_cmp(t, k->n) != 0 || BN_is_one(k->p) || BN_is_one(k->q))
		goto out;
	if ((err = check_exponents(k, k->p)) || (err = check_exponents(k, k->q)))
		goto out;
	err = E_FORMAT;
	if (!BN_mod_inverse(t, k->q, k->p, k->ctx))
		goto out;
	if ((err = put_number(&out->qi, t)) || (err = put_number(&out->p, k->p)) ||
	    (err = put_number(&out->q, k->q)) || (err = put_number(&out->e, k->e)))
		goto out;
	err = E_MEM;
	if (!BN_sub(m, k->p, k->one) || !BN_mod(t, k->d, m, k->ctx) ||
	    (err = put_number(&out->dp, t)))
		goto out;
	err = E_MEM;
	if (!BN_sub(m, k->q, k->one) || !BN_mod(t, k->d, m, k->ctx))
		goto out;
	err = put_number(&out->dq, t);
out:
	BN_clear_free(t);
	BN_clear_free(m);
	return err;
}

int
keyparts_complete_rsa(struct soft *s, struct key_parts *parts)
{
	struct rsa_numbers k = { .ctx = BN_CTX_new_ex(s->ctx), .one = BN_new() };
	int err = E_MEM;

	ERR_set_mark();
	if (parts->n.len > NUMBER_MAX || parts->d.len > NUMBER_MAX || parts->e.len > NUMBER_MAX ||
	    parts->p.len > NUMBER_MAX || parts->q.len > NUMBER_MAX) {
		err = E_FORMAT;
		goto out;
	}
	k.n = number(&parts->n);
	k.d = number(&parts->d);
	k.e = parts->e.len ? number(&parts->e) : BN_new();
	k.p = parts->p.len && parts->q.len ? number(&parts->p) : BN_new();
	k.q = parts->p.len && parts->q.len ? number(&parts->q) : BN_new();
	if (!k.ctx || !k.one || !k.n || !k.d || !k.e || !k.p || !k.q || !BN_one(k.one))
		goto out;
	if (!parts->e.len && !BN_set_word(k.e, F4))
		goto out;
	err = 0;
	if (BN_is_zero(k.n) || !BN_is_odd(k.n) || BN_is_zero(k.d) || BN_num_bits(k.n) < 512)
		err = E_FORMAT;
	if (!err && BN_is_zero(k.p))
		err = factor(&k);
	if (!err)
		err = derive_crt(&k, parts);
out:
	BN_clear_free(k.n);
	BN_clear_free(k.d);
	BN_clear_free(k.e);
	BN_clear_free(k.p);
	BN_clear_free(k.q);
	BN_free(k.one);
	BN_CTX_free(k.ctx);
	ERR_pop_to_mark();
	return err;
}

int
keyparts_public_der(const struct key_parts *k, enum key_kind kind, struct buf *out)
{
	struct buf seq = BUF_INIT;
	int err = 0;

	if (kind == KEY_RSA) {
		der_put_magnitude(&seq, buf_peek(&k->n));
		der_put_magnitude(&seq, buf_peek(&k->e));
		der_put(out, 0x30, buf_peek(&seq));
		err = buf_err(&seq);
	} else {
		buf_view(out, buf_peek(&k->point));
	}
	buf_free(&seq);
	return err ? err : buf_err(out);
}

int
keyparts_complete_ec(struct soft *s, struct key_parts *parts, enum curve curve)
{
	const struct curve_info *info = curve_info(curve);
	EC_GROUP *group = NULL;
	EC_POINT *point = NULL;
	BN_CTX *ctx = BN_CTX_new_ex(s->ctx);
	BIGNUM *scalar = number(&parts->scalar);
	uint8_t out[1 + 2 * 66];
	size_t n;
	int err = E_FORMAT;

	ERR_set_mark();
	if (info)
		group = EC_GROUP_new_by_curve_name_ex(s->ctx, NULL, OBJ_txt2nid(info->group));
	if (group)
		point = EC_POINT_new(group);
	if (!ctx || !point || !scalar || BN_is_zero(scalar) ||
	    BN_cmp(scalar, EC_GROUP_get0_order(group)) >= 0)
		goto out;
	if (!EC_POINT_mul(group, point, scalar, NULL, NULL, ctx) ||
	    !(n = EC_POINT_point2oct(group, point, POINT_CONVERSION_UNCOMPRESSED, out,
	    sizeof out, ctx)))
		goto out;
	/* one that was given is to be the scalar's own: it would stand on the card for all to see */
	if (parts->point.len && !view_eq(buf_peek(&parts->point), view_of(out, n)))
		goto out;
	if (!parts->point.len)
		buf_put(&parts->point, out, n);
	err = buf_err(&parts->point);
out:
	BN_clear_free(scalar);
	EC_POINT_free(point);
	EC_GROUP_free(group);
	BN_CTX_free(ctx);
	ERR_pop_to_mark();
	return err;
}

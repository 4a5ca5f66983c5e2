/* Using private keys: MSE and the operation, 5. Facts by number: card-myeid. */
#include "cardos/os_myeid.h"

#include <string.h>

#include "base/err.h"

#define DIGEST_INFO_PERCENT 40u /* of the modulus that alg 02 takes, 5.2 */
#define FIELD_MAX 66u           /* bytes of P-521 */

enum myeid_alg { RAW = 0x00, PKCS1 = 0x02, ECC = 0x04 }; /* 5.1 */

/* Whether the file is in the application's DF itself, where all enrolled keys are (6). */
static bool
key_in_app(const struct key_ref *key)
{
	const struct path *p = &key->path;

	return (p->from == PATH_APP && p->len == 2)
	    || (p->from == PATH_MF && p->len == 4
	    && memcmp(p->b, myeid_app_df, sizeof myeid_app_df) == 0);
}

/* Makes the key's DF current. */
static int
enter_key_df(struct card *card, const struct key_ref *key)
{
	struct path df = key->path;
	int r;

	if (key_in_app(key))
		return myeid_need_app(card);
	df.len = (uint8_t)(df.len - 2);
	r = myeid_select_file(card, &df, NULL);
	card->app_selected = false; /* some other DF is current now, or will not be the app's */
	return r;
}

/* One use of a private key: the environment and what follows it. */
struct use {
	const struct key_ref *key;
	uint8_t p1, p2;         /* of MSE: 41 B6 sign, 41 B8 decipher, 41 A4 agree (5.1) */
	int alg; /* an enum myeid_alg */
	int (*run)(struct card *, const struct use *, struct buf *out);
	struct view in;
};

static int
mse(struct card *card, const struct use *u)
{
	const struct path *p = &u->key->path;
	const uint8_t p1p2[2] = { u->p1, u->p2 };

	if (p->from == PATH_AID || p->len < 2 || p->len > PATH_BYTES_MAX || p->len % 2)
		return E_ARG;
	return iso_mse(card, p1p2, u->alg, p->b + p->len - 2, 0);
}

/* Why a key refused: the PIN it needs, or that it drops after each use, is not verified; or
 * something else. Source: 2.2 (acl, prop), 3 (user consent answers 6985). */
static int
refusal(struct card *card, const struct key_ref *key)
{
	struct fci fci;
	unsigned use, consent;
	bool open;
	int r;

	if ((r = myeid_select_file(card, &key->path, &fci)) != 0)
		return r == E_GONE || r == E_RESET ? r : E_DENIED;
	use = fci.acl_len ? fci.acl[0] >> 4u : 0;
	consent = fci.prop_len ? fci.prop[0] >> 4u : 0;
	if (use < 1 || use > PIN_LAST)
		use = consent;
	if (use < 1 || use > PIN_LAST)
		return E_DENIED;
	if ((r = myeid_pin_open(card, use, &open)) != 0)
		return r == E_GONE || r == E_RESET ? r : E_DENIED;
	return open ? E_DENIED : E_PIN_NEEDED;
}

/* MSE and operation: two commands when nobody moved the current DF. When one of them finds no
 * key and another program may have moved it, the application is selected and both are done
 * once more; nothing has been changed by then. */
static int
use_key(struct card *card, const struct use *u, struct buf *out)
{
	size_t start = out->len;
	bool sure;
	int r = 0;

	for (int i = 0; i < 2; i++) {
		if ((r = enter_key_df(card, u->key)) != 0)
			return r;
		sure = card->app_sure || !key_in_app(u->key);
		if ((r = mse(card, u)) == 0)
			r = u->run(card, u, out);
		if (!myeid_worth_reselecting(r) || sure)
			break;
		buf_trim(out, start);
		card->app_selected = false;
	}
	if (r == E_DENIED)
		r = refusal(card, u->key);
	return r;
}

static int
pso_sign(struct card *card, const struct use *u, struct buf *out)
{
	const struct apdu a = { .ins = 0x2A, .p1 = 0x9E, .p2 = 0x9A, .data = u->in, .le = LE_ANY,
		.flags = APDU_CHAIN };

	return card_command(card, &a, out, NULL);
}

/* PSO DECIPHER of a block that fits, with chaining when there is, else the 2048-bit split: the
 * padding indicator says which half comes, 5.3. The answer may be a secret either way. */
static int
pso_decipher(struct card *card, const struct use *u, struct buf *out)
{
	struct apdu a = { .ins = 0x2A, .p1 = 0x80, .p2 = 0x86, .le = LE_ANY,
		.flags = APDU_CHAIN | APDU_SECRET_OUT };
	bool split = u->in.len + 1 > card->caps.max_send && !card->caps.chaining;
	struct buf data = BUF_INIT;
	int r = 0;

	if (split && u->in.len != 2 * HALF_BYTES)
		return E_UNSUPPORTED;
	if (split) {
		buf_u8(&data, 0x81);
		buf_put(&data, u->in.p, HALF_BYTES);
		a.data = buf_peek(&data);
		a.le = LE_NONE;
		if ((r = buf_err(&data)) == 0)
			r = card_command(card, &a, NULL, NULL);
		a.le = LE_ANY;
		buf_reset(&data);
	}
	buf_u8(&data, split ? 0x82 : 0x00);
	buf_put(&data, u->in.p + (split ? HALF_BYTES : 0), u->in.len - (split ? HALF_BYTES : 0));
	a.data = buf_peek(&data);
	if (!r && (r = buf_err(&data)) == 0)
		r = card_command(card, &a, out, NULL);
	buf_free(&data);
	return r;
}

/* Bits of a key; asked of its file when the directory did not say. */
static int
key_bits(struct card *card, const struct key_ref *key, size_t *bits)
{
	struct fci fci;
	int r;

	*bits = key->bits;
	if (*bits)
		return 0;
	if ((r = myeid_select_file(card, &key->path, &fci)) == 0 && !(*bits = fci.size))
		r = E_PROTOCOL;
	return r;
}

static int
sign_raw(struct card *card, const struct key_ref *key, struct view block, struct buf *out)
{
	/* 5.2: a block too long for one command goes as a decipher where there is no chaining */
	bool direct = block.len <= card->caps.max_send || card->caps.chaining;
	const struct use u = { key, 0x41, direct ? 0xB6 : 0xB8, RAW,
		direct ? pso_sign : pso_decipher, block };

	return use_key(card, &u, out);
}

/* EMSA-PKCS1-v1_5 without the hashing. Source: RFC 8017 9.2 steps 3 to 5. */
static int
type1_block(struct view info, size_t k, struct buf *block)
{
	if (k < 11 || info.len > k - 11)
		return E_DATA;
	buf_put(block, "\x00\x01", 2);
	buf_fill(block, 0xFF, k - 3 - info.len);
	buf_u8(block, 0x00);
	buf_view(block, info);
	return buf_err(block);
}

static int
sign_rsa(struct card *card, const struct key_ref *key, enum card_alg alg,
    const struct sign_in *in, struct buf *out)
{
	const struct use by_card = { key, 0x41, 0xB6, PKCS1, pso_sign, in->data };
	size_t bits, k, start = out->len;
	struct buf block = BUF_INIT;
	int r;

	if ((r = key_bits(card, key, &bits)) != 0)
		return r;
	k = (bits + 7) / 8;
	if (alg == ALG_RSA_RAW) {
		r = in->kind == IN_BLOCK && in->data.len == k
		    ? sign_raw(card, key, in->data, out) : E_ARG;
	} else if (in->kind != IN_DIGEST_INFO) {
		r = E_ARG;
	} else if (in->data.len * 100 <= k * DIGEST_INFO_PERCENT && in->data.len) {
		r = use_key(card, &by_card, out);
	} else if ((r = type1_block(in->data, k, &block)) == 0) {
		r = sign_raw(card, key, buf_peek(&block), out);
	}
	buf_free(&block);
	if (!r && out->len - start != k)
		r = E_PROTOCOL;
	return r;
}

/* One INTEGER of a signature, to `field` bytes. Redundant zeros in front are met in the wild. */
static int
put_integer(struct view *seq, size_t field, struct buf *out)
{
	struct view n;
	unsigned tag;

	if (tlv_next(seq, &tag, &n) || tag != 0x02 || !n.len)
		return E_PROTOCOL;
	while (n.len && !n.p[0])
		n = view_part(n, 1, n.len);
	if (n.len > field)
		return E_PROTOCOL;
	buf_fill(out, 0, field - n.len);
	buf_view(out, n);
	return buf_err(out);
}

/* ECDSA-Sig-Value to r || s. Source: RFC 3279 2.2.3, PKCS#11 v2.40 2.3.1. */
static int
raw_signature(struct view der, size_t field, struct buf *out)
{
	struct view seq;
	unsigned tag;
	int r;

	if (tlv_next(&der, &tag, &seq) || tag != 0x30 || der.len)
		return E_PROTOCOL;
	if ((r = put_integer(&seq, field, out)) != 0 || (r = put_integer(&seq, field, out)) != 0)
		return r;
	return seq.len ? E_PROTOCOL : 0;
}

static int
sign_ec(struct card *card, const struct key_ref *key, const struct sign_in *in, struct buf *out)
{
	struct buf hash = BUF_INIT, der = BUF_INIT;
	struct use u = { key, 0x41, 0xB6, ECC, pso_sign, { NULL, 0 } };
	size_t bits;
	int r;

	if (in->kind != IN_DIGEST || !in->data.len)
		return E_ARG;
	if ((r = key_bits(card, key, &bits)) != 0)
		return r;
	if ((bits + 7) / 8 > FIELD_MAX)
		return E_ARG;
	if ((r = iso_ecdsa_integer(in->data, bits, &hash)) != 0)
		goto out;
	u.in = buf_peek(&hash);
	if ((r = use_key(card, &u, &der)) == 0)
		r = raw_signature(buf_peek(&der), (bits + 7) / 8, out);
out:
	buf_free(&hash);
	buf_free(&der);
	return r;
}

int
myeid_sign(struct card *card, const struct key_ref *key, enum card_alg alg,
    const struct sign_in *in, struct buf *out)
{
	if (alg == ALG_ECDSA && key->kind == KEY_EC)
		return sign_ec(card, key, in, out);
	if ((alg == ALG_RSA_RAW || alg == ALG_RSA_PKCS1) && key->kind == KEY_RSA)
		return sign_rsa(card, key, alg, in, out);
	return E_UNSUPPORTED;
}

int
myeid_decipher(struct card *card, const struct key_ref *key, enum card_alg alg, enum hash hash,
    struct view in, struct buf *out)
{
	struct use u = { key, 0x41, 0xB8, RAW, pso_decipher, in };
	size_t bits, start = out->len;
	int r;

	(void)hash; /* OAEP is taken off by the host */
	if (key->kind != KEY_RSA || (alg != ALG_RSA_RAW && alg != ALG_RSA_PKCS1))
		return E_UNSUPPORTED;
	if ((r = key_bits(card, key, &bits)) != 0)
		return r;
	if (in.len != (bits + 7) / 8)
		return E_DATA;
	u.alg = alg == ALG_RSA_PKCS1 ? PKCS1 : RAW;
	if ((r = use_key(card, &u, out)) != 0)
		return r;
	if (out->len - start > in.len || (alg == ALG_RSA_RAW && out->len - start != in.len))
		return E_PROTOCOL;
	return 0;
}

/* Appends tag and length. */
static void
put_head(struct buf *out, unsigned tag, size_t len)
{
	buf_u8(out, tag);
	if (len > 0x7F)
		buf_u8(out, 0x81);
	buf_u8(out, (unsigned)len);
}

static int
general_authenticate(struct card *card, const struct use *u, struct buf *out)
{
	struct buf data = BUF_INIT;
	struct apdu a = { .ins = 0x86, .le = LE_ANY, .flags = APDU_SECRET_OUT };
	size_t inner = u->in.len + (u->in.len > 0x7F ? 3u : 2u);
	int r;

	put_head(&data, 0x7C, inner);
	put_head(&data, 0x85, u->in.len);
	buf_view(&data, u->in);
	a.data = buf_peek(&data);
	if ((r = buf_err(&data)) == 0)
		r = card_command(card, &a, out, NULL);
	buf_free(&data);
	return r;
}

int
myeid_derive(struct card *card, const struct key_ref *key, struct view point, struct buf *out)
{
	const struct use u = { key, 0x41, 0xA4, ECC, general_authenticate, point };
	size_t bits, start = out->len;
	int r;

	if (key->kind != KEY_EC)
		return E_UNSUPPORTED;
	if ((r = key_bits(card, key, &bits)) != 0)
		return r;
	if ((bits + 7) / 8 > FIELD_MAX || point.len != 2 * ((bits + 7) / 8) + 1)
		return E_DATA;
	if ((r = use_key(card, &u, out)) != 0)
		return r;
	return out->len - start == (bits + 7) / 8 ? 0 : E_PROTOCOL;
}

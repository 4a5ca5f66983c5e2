/* Private keys by MSE SET and PSO, as the profile's environment says. Source: ISO 7816-8 5 (PSO),
 * ISO 7816-4 10.3 (control reference templates). */
#include "cardos/iso.h"

#include <string.h>

#include "base/err.h"
#include "cardos/sw.h"

#define FIELD_MAX 66u           /* bytes of P-521 */
#define HASH_LONGEST 64u        /* bytes of SHA-512 */

/* One use of a private key: the environment and what follows it. */
struct use {
	const struct key_ref *key;
	const struct key_use *how;
	int alg;                /* tag 80 of MSE */
	int (*run)(struct card *, const struct use *, struct buf *out);
	struct view in;
	size_t out_len;         /* of a signature, bytes */
};

/* Whether MSE names the key by its file. */
static bool
is_by_file(const struct card *card, const struct key_ref *key)
{
	return card->pf->env.key_by & 1u << KEY_BY_FILE && key->path.from != PATH_AID && key->path.len >= 2;
}

int
iso_mse(struct card *card, const uint8_t p1p2[2], int alg, const uint8_t *fid, int ref)
{
	struct buf crdo = BUF_INIT;
	struct apdu a = { .ins = 0x22, .p1 = p1p2[0], .p2 = p1p2[1] };
	int r;

	if (alg >= 0) {
		buf_put(&crdo, "\x80\x01", 2);
		buf_u8(&crdo, (unsigned)alg);
	}
	if (fid) {
		buf_put(&crdo, "\x81\x02", 2);
		buf_put(&crdo, fid, 2);
	}
	if (ref >= 0) {
		buf_put(&crdo, "\x84\x01", 2);
		buf_u8(&crdo, (unsigned)ref);
	}
	a.data = buf_peek(&crdo);
	if ((r = buf_err(&crdo)) == 0)
		r = card_command(card, &a, NULL, NULL);
	buf_free(&crdo);
	return r;
}

static int
mse(struct card *card, const struct use *u)
{
	const struct path *file = &u->key->path;
	const uint8_t *fid = is_by_file(card, u->key) ? file->b + file->len - 2 : NULL;
	int ref = card->pf->env.key_by & 1u << KEY_BY_REFERENCE && u->key->ref_valid ? u->key->ref : -1;

	if (!fid && ref < 0)
		return E_UNSUPPORTED; /* nothing tells which key: none is guessed */
	return iso_mse(card, u->how->mse, u->how->no_alg ? -1 : u->alg, fid, ref);
}

/* Whether another try from the application on may bring what this one did not: something was not found,
 * or not in its place. That the data is no good is not of this kind, but an environment may be refused so. It
 * is no use where somebody made sure of the place in this transaction, and it may cost the PIN its openness. */
static bool
worth_reselecting(int r, bool has_environment)
{
	return r == E_NOT_FOUND || r == E_DENIED || r == E_UNSUPPORTED || (r == E_DATA && !has_environment);
}

/* MSE and what follows it, in a DF: once more when it was not made sure of. */
static int
use_in(struct card *card, const struct use *u, const struct path *df, struct buf *out)
{
	size_t start = out->len;
	bool sure, has_environment;
	int r = 0;

	for (int i = 0; i < 2; i++) {
		if ((r = iso_enter_df(card, df)) != 0)
			return r;
		sure = card->app_sure || !card->app_selected; /* else it is another one, selected just now */
		if ((has_environment = (r = mse(card, u)) == 0))
			r = u->run(card, u, out);
		if (!r || sure || !worth_reselecting(r, has_environment))
			break;
		buf_trim(out, start);
		card->app_selected = false;
	}
	return r;
}

/* A key file in the MF has a file id alone for MSE, and nothing tells whether a card looks for it there from
 * within the application (card-setcos 5). So its own place comes first, and the application when that brings
 * nothing. So it does for a key of the MF that a reference names, once the application was left: where its selection
 * makes the card forget PINs (card-gemalto-eid 3), a look at a certificate would cost the login. */
static int
use_key(struct card *card, const struct use *u, struct buf *out)
{
	static const struct path mf = { .from = PATH_MF };
	const struct path df = iso_df_of(card, &u->key->path);
	size_t start = out->len;
	int r, there = 0;

	if ((is_by_file(card, u->key) || !card->app_selected) && u->key->path.from == PATH_MF && u->key->path.len == 2) {
		there = use_in(card, u, &mf, out);
		if (!there || (there != E_PIN_NEEDED && !worth_reselecting(there, false)))
			return there;
		buf_trim(out, start);
	}
	r = use_in(card, u, &df, out);
	/* the place that knows the key has the better answer */
	return there && (r == E_NOT_FOUND || (there == E_PIN_NEEDED && worth_reselecting(r, false))) ? there : r;
}

/* ---- sign ---- */

/* PSO HASH with a hash made elsewhere: tag 90. */
static int
load_hash(struct card *card, struct view hash)
{
	struct buf data = BUF_INIT;
	struct apdu a = { .ins = 0x2A, .p1 = 0x90, .p2 = 0xA0 };
	int r;

	buf_u8(&data, 0x90);
	buf_u8(&data, (unsigned)hash.len);
	buf_view(&data, hash);
	a.data = buf_peek(&data);
	if ((r = buf_err(&data)) == 0)
		r = card_command(card, &a, NULL, NULL);
	buf_free(&data);
	return r;
}

/* PSO COMPUTE DIGITAL SIGNATURE. A 6Cxx answers the whole anew, hash included: what was loaded may be lost
 * by then, and a card signs nothing with 9000 (fineid 5, S1 v4.2 3.8.1.1). */
static int
pso_sign(struct card *card, const struct use *u, struct buf *out)
{
	struct apdu a = { .ins = 0x2A, .p1 = 0x9E, .p2 = 0x9A, .le = LE_ANY,
		.flags = APDU_CHAIN | (u->how->hash_first ? APDU_ONCE : 0) };
	struct resp resp = { BUF_INIT, 0 };
	int r = 0;

	if (!u->how->hash_first)
		a.data = u->in;
	if (u->how->exact_le && u->out_len < LE_ANY)
		a.le = (uint32_t)u->out_len;
	for (int i = 0; i < 2; i++) {
		buf_reset(&resp.data);
		if (u->how->hash_first && (r = load_hash(card, u->in)) != 0)
			break;
		if ((r = card_apdu(card, &a, &resp)) != 0 || resp.sw >> 8 != 0x6C)
			break;
		a.le = resp.sw & 0xFF ? resp.sw & 0xFFu : LE_ANY;
	}
	if (!r && (r = card_sw_err(card, resp.sw)) == 0) {
		buf_view(out, buf_peek(&resp.data));
		r = resp.data.len == u->out_len ? buf_err(out) : E_PROTOCOL;
	}
	resp_free(&resp);
	return r;
}

int
iso_ecdsa_integer(struct view hash, size_t bits, struct buf *out)
{
	size_t field = (bits + 7) / 8, n = hash.len < field ? hash.len : field;
	unsigned shift = hash.len * 8 > bits ? (unsigned)(field * 8 - bits) : 0;
	uint8_t *p;

	if (hash.len < field)
		shift = 0;
	buf_fill(out, 0, field - n);
	buf_put(out, hash.p, n);
	if (buf_err(out))
		return E_MEM;
	p = out->p + out->len - n;
	for (size_t i = n; shift && i-- > 0;)
		p[i] = (uint8_t)(p[i] >> shift | (i ? p[i - 1] << (8 - shift) : 0));
	return 0;
}

/* The hash whose length is the field's: its reference is for keys of that size. */
static enum hash
hash_for_field(size_t field)
{
	static const struct { size_t bytes; enum hash hash; } fields[] = {
		{ 20, HASH_SHA1 }, { 28, HASH_SHA224 }, { 32, HASH_SHA256 }, { 48, HASH_SHA384 },
		{ FIELD_MAX, HASH_SHA512 }
	};

	for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
		if (fields[i].bytes == field)
			return fields[i].hash;
	return HASH_NONE;
}

/* The byte of a key names a hash, and what is signed is as long as that: of P-521 two bytes less than its field,
 * which are zeros in front of every hash. */
static int
fit_reference(const struct buf *digest, struct view *in)
{
	*in = buf_peek(digest);
	for (; in->len > HASH_LONGEST; *in = view_part(*in, 1, in->len))
		if (in->p[0])
			return E_DATA;
	return 0;
}

static int
sign_ec(struct card *card, struct use *u, const struct sign_in *in, struct buf *out)
{
	size_t field = (u->key->bits + 7) / 8;
	struct buf digest = BUF_INIT;
	int r;

	if (in->kind != IN_DIGEST || !in->data.len || !field || field > FIELD_MAX)
		return E_ARG;
	u->alg = environment_ref(&card->pf->env, USE_SIGN, ALG_ECDSA, hash_for_field(field));
	if (u->alg < 0)
		return E_UNSUPPORTED;
	u->out_len = 2 * field;
	if ((r = iso_ecdsa_integer(in->data, u->key->bits, &digest)) == 0)
		r = fit_reference(&digest, &u->in);
	if (!r)
		r = use_key(card, u, out);
	buf_free(&digest);
	return r;
}

int
iso_sign(struct card *card, const struct key_ref *key, enum card_alg alg, const struct sign_in *in,
    struct buf *out)
{
	struct use u = { .key = key, .how = &card->pf->env.use[USE_SIGN], .run = pso_sign, .in = in->data };

	if (key->kind == KEY_EC)
		return alg == ALG_ECDSA ? sign_ec(card, &u, in, out) : E_UNSUPPORTED;
	if (key->kind != KEY_RSA || alg == ALG_ECDSA)
		return E_UNSUPPORTED;
	u.alg = environment_ref(&card->pf->env, USE_SIGN, alg, in->kind == IN_DIGEST ? in->hash : HASH_NONE);
	u.out_len = (key->bits + 7) / 8;
	if (u.alg < 0)
		return E_UNSUPPORTED;
	return u.out_len ? use_key(card, &u, out) : E_ARG;
}

/* ---- decipher, derive ---- */

static int
pso_decipher(struct card *card, const struct use *u, struct buf *out)
{
	struct apdu a = { .ins = 0x2A, .p1 = 0x80, .p2 = 0x86, .le = LE_ANY,
		.flags = APDU_CHAIN | APDU_SECRET_OUT };
	struct buf data = BUF_INIT;
	int r;

	if (u->how->indicator >= 0)
		buf_u8(&data, (unsigned)u->how->indicator);
	buf_view(&data, u->in);
	a.data = buf_peek(&data);
	if ((r = buf_err(&data)) == 0)
		r = card_command(card, &a, out, NULL);
	buf_free(&data);
	return r;
}

int
iso_decipher(struct card *card, const struct key_ref *key, enum card_alg alg, enum hash hash,
    struct view in, struct buf *out)
{
	struct use u = { .key = key, .how = &card->pf->env.use[USE_DECIPHER], .run = pso_decipher, .in = in };
	size_t start = out->len;
	int r;

	if (key->kind != KEY_RSA)
		return E_UNSUPPORTED;
	u.alg = environment_ref(&card->pf->env, USE_DECIPHER, alg, alg == ALG_RSA_OAEP ? hash : HASH_NONE);
	if (u.alg < 0)
		return E_UNSUPPORTED;
	if (in.len != (key->bits + 7) / 8)
		return E_DATA;
	if ((r = use_key(card, &u, out)) != 0)
		return r;
	return out->len - start > in.len || (alg == ALG_RSA_RAW && out->len - start != in.len) ?
	    E_PROTOCOL : 0;
}

int
iso_derive(struct card *card, const struct key_ref *key, struct view point, struct buf *out)
{
	struct use u = { .key = key, .how = &card->pf->env.use[USE_DERIVE], .run = pso_decipher, .in = point };
	size_t field = (key->bits + 7) / 8, start = out->len;
	int r;

	if (key->kind != KEY_EC)
		return E_UNSUPPORTED;
	u.alg = environment_ref(&card->pf->env, USE_DERIVE, ALG_ECDH, HASH_NONE);
	if (u.alg < 0)
		return E_UNSUPPORTED;
	if (!field || field > FIELD_MAX || point.len != 2 * field + 1)
		return E_DATA;
	if ((r = use_key(card, &u, out)) != 0)
		return r;
	return out->len - start == field ? 0 : E_PROTOCOL;
}

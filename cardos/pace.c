#include "cardos/pace.h"

#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/obj_mac.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "cardos/iso.h"
#include "cardos/sw.h"

#define FIELD_MAX 66u           /* bytes of a coordinate: P-521 */
#define POINT_MAX (1 + 2 * FIELD_MAX)
#define CARD_ACCESS_PARTS 64  /* READs of EF.CardAccess: a card that gives 64 bytes at a time is through by then */
#define NONCE_MAX 64u           /* bytes */
#define DRAWS_MAX 128           /* of a number below the order; each fails less often than not */
#define KDF_ENC 1u
#define KDF_MAC 2u
#define KDF_PASSWORD 3u
#define CLA_CHAIN 0x10u
#define TAG_DYNAMIC 0x7Cu       /* dynamic authentication data */
#define VERSION 2u              /* of PACE; ICAO 9303-11 9.2.1 */
#define SET 0x31u
#define SEQUENCE 0x30u
#define INTEGER 0x02u
#define OID 0x06u

/* id-PACE-ECDH-GM, 0.4.0.127.0.7.2.2.4.2; the cipher's number follows. */
static const uint8_t ecdh_gm[] = { 0x04, 0x00, 0x7F, 0x00, 0x07, 0x02, 0x02, 0x04, 0x02 };
#define OID_LEN (sizeof ecdh_gm + 1)

static const struct curve_row { unsigned parameter; int nid; const char *name; unsigned bits; } curves[] = {
	{ 12, NID_X9_62_prime256v1, "P-256", 256 },
	{ 13, NID_brainpoolP256r1, "brainpoolP256r1", 256 },
	{ 14, NID_brainpoolP320r1, "brainpoolP320r1", 320 },
	{ 15, NID_secp384r1, "P-384", 384 },
	{ 16, NID_brainpoolP384r1, "brainpoolP384r1", 384 },
	{ 17, NID_brainpoolP512r1, "brainpoolP512r1", 512 },
	{ 18, NID_secp521r1, "P-521", 521 },
};

static const struct curve_row *
curve_find(unsigned parameter)
{
	for (size_t i = 0; i < sizeof curves / sizeof curves[0]; i++)
		if (curves[i].parameter == parameter)
			return &curves[i];
	return NULL;
}

bool
pace_can_fits(struct view can)
{
	for (size_t i = 0; i < can.len; i++)
		if (can.p[i] < '0' || can.p[i] > '9')
			return false;
	return can.len == CAN_DIGITS;
}

/* ---- EF.CardAccess ---- */

static bool
take_tag(struct view *v, unsigned wanted, struct view *value)
{
	unsigned tag;

	return tlv_next(v, &tag, value) == 0 && tag == wanted;
}

/* A SecurityInfo that is a PACEInfo of ours. False: another one. */
static bool
offer_parse(struct view info, struct pace_offer *offer)
{
	struct view oid, version, parameter;

	if (!take_tag(&info, OID, &oid) || oid.len != OID_LEN || memcmp(oid.p, ecdh_gm, sizeof ecdh_gm) != 0 ||
	    oid.p[OID_LEN - 1] < 1 || oid.p[OID_LEN - 1] > CIPHER_COUNT)
		return false;
	if (!take_tag(&info, INTEGER, &version) || version.len != 1 || version.p[0] != VERSION)
		return false;
	/* without a number the parameters are spelt out elsewhere in the file */
	if (!take_tag(&info, INTEGER, &parameter) || parameter.len != 1 || !curve_find(parameter.p[0]))
		return false;
	offer->cipher = (enum cipher)(oid.p[OID_LEN - 1] - 1);
	offer->parameter = parameter.p[0];
	return true;
}

static bool
offer_better(const struct pace_offer *a, const struct pace_offer *b)
{
	if (a->cipher != b->cipher)
		return a->cipher > b->cipher;
	return curve_find(a->parameter)->bits > curve_find(b->parameter)->bits;
}

int
pace_choose(struct view card_access, unsigned ciphers, struct pace_offer *best)
{
	struct view infos, info;
	struct pace_offer offer;
	bool any = false;

	if (!take_tag(&card_access, SET, &infos))
		return E_PROTOCOL;
	while (infos.len) {
		if (!take_tag(&infos, SEQUENCE, &info))
			return E_PROTOCOL;
		if (!offer_parse(info, &offer) || !(ciphers & 1u << offer.cipher))
			continue;
		if (!any || offer_better(&offer, best))
			*best = offer;
		any = true;
	}
	return any ? 0 : E_UNSUPPORTED;
}

/* Whether it is the whole SET: as long as its own length says. */
static bool
is_whole(struct view file)
{
	struct view value;
	unsigned tag;

	return tlv_next(&file, &tag, &value) == 0;
}

/* READ BINARY from p1 p2; false in *more: there is nothing there. */
static int
read_part(struct card *card, unsigned p1, unsigned p2, struct buf *out, bool *more)
{
	const struct apdu a = { .ins = 0xB0, .p1 = (uint8_t)p1, .p2 = (uint8_t)p2, .le = LE_ANY };
	struct resp resp = { BUF_INIT, 0 };
	int r = card_apdu(card, &a, &resp);

	*more = !r && (resp.sw == SW_OK || resp.sw == SW_END_OF_FILE) && resp.data.len;
	if (*more)
		buf_view(out, buf_peek(&resp.data));
	resp_free(&resp);
	return r ? r : buf_err(out);
}

/* SELECT in one of the ways that cards know, whichever is taken first; none is no error. A channel of somebody
 * else's may have to end by the first of them. */
static int
select_somehow(struct card *card, unsigned fid)
{
	static const struct { uint8_t p1, p2; } ways[] = { { 0x00, 0x0C }, { 0x00, 0x00 }, { 0x02, 0x0C }, { 0x04, 0x0C } };
	const uint8_t id[2] = { (uint8_t)(fid >> 8), (uint8_t)fid };
	struct apdu a = { .ins = 0xA4, .data = view_of(id, sizeof id) };
	struct resp resp = { BUF_INIT, 0 };
	int r = 0;

	for (size_t i = 0; i < sizeof ways / sizeof ways[0] && !r && resp.sw != SW_OK; i++) {
		a.p1 = ways[i].p1;
		a.p2 = ways[i].p2;
		buf_reset(&resp.data);
		r = card_apdu(card, &a, &resp);
	}
	resp_free(&resp);
	return r;
}

/* By its short name, 1C, else by its file id. */
static int
card_access_read(struct card *card, struct buf *file)
{
	bool more;
	int r, parts = 0;

	/* where the card is there already this does no harm, and some want it */
	if ((r = select_somehow(card, 0x3F00)) != 0 || (r = read_part(card, 0x9C, 0, file, &more)) != 0)
		return r;
	if (!more && ((r = select_somehow(card, 0x011C)) != 0 ||
	    (r = read_part(card, 0, 0, file, &more)) != 0))
		return r;
	while (more && !is_whole(buf_peek(file)) && file->len < CARD_ACCESS_MAX && parts++ < CARD_ACCESS_PARTS)
		if ((r = read_part(card, (unsigned)(file->len >> 8), (unsigned)file->len & 0xFF, file, &more)) != 0)
			return r;
	return file->len ? 0 : E_UNSUPPORTED;
}

/* ---- points ---- */

struct pace {
	struct card *card;
	struct crypt *crypt;
	struct pace_offer offer;
	uint8_t oid[OID_LEN];
	EC_GROUP *group;
	BN_CTX *bn;
	size_t field;           /* bytes of a coordinate */
	struct buf nonce;       /* s */
	BIGNUM *order, *own;    /* the private number of now */
	EC_POINT *base;         /* what it is a multiple of: NULL the curve's, else the mapped one */
	struct buf ours, theirs; /* the points of now, encoded */
};

static int
pace_begin(struct pace *p)
{
	const struct curve_row *curve = curve_find(p->offer.parameter);

	memcpy(p->oid, ecdh_gm, sizeof ecdh_gm);
	p->oid[OID_LEN - 1] = (uint8_t)(p->offer.cipher + 1);
	if (!(p->group = EC_GROUP_new_by_curve_name_ex(p->crypt->ctx, NULL, curve->nid)) ||
	    !(p->bn = BN_CTX_new_ex(p->crypt->ctx)) || !(p->order = BN_new()) || !(p->own = BN_new()) ||
	    EC_GROUP_get_order(p->group, p->order, p->bn) != 1)
		return E_CRYPTO;
	BN_set_flags(p->own, BN_FLG_CONSTTIME);
	p->field = ((size_t)EC_GROUP_get_degree(p->group) + 7) / 8;
	return p->field <= FIELD_MAX ? 0 : E_CRYPTO;
}

static void
pace_end(struct pace *p)
{
	EC_POINT_clear_free(p->base);
	BN_clear_free(p->own);
	BN_free(p->order);
	BN_CTX_free(p->bn);
	EC_GROUP_free(p->group);
	buf_free(&p->nonce);
	buf_free(&p->ours);
	buf_free(&p->theirs);
}

/* A private number from 1 to the order less 1, each as likely: drawn until one fits. */
static int
draw(struct pace *p)
{
	int bits = BN_num_bits(p->order), n = (bits + 7) / 8, r = E_CRYPTO;
	uint8_t bytes[FIELD_MAX + 1];

	if (n < 1 || (size_t)n > sizeof bytes)
		return E_CRYPTO;
	for (int i = 0; i < DRAWS_MAX && r; i++) {
		if (!p->crypt->random(p->crypt, bytes, (size_t)n))
			break;
		bytes[0] &= (uint8_t)(0xFF >> (8 * n - bits));
		if (!BN_bin2bn(bytes, n, p->own))
			break;
		if (!BN_is_zero(p->own) && BN_cmp(p->own, p->order) < 0)
			r = 0;
	}
	OPENSSL_cleanse(bytes, sizeof bytes);
	return r;
}

/* `at` as 04 X Y. E_PROTOCOL: the point at infinity, which has no such form. */
static int
point_put(struct pace *p, const EC_POINT *at, struct buf *out)
{
	size_t len = 1 + 2 * p->field;
	uint8_t *to;

	if (EC_POINT_is_at_infinity(p->group, at))
		return E_PROTOCOL;
	if (!(to = buf_room(out, len)))
		return E_MEM;
	return EC_POINT_point2oct(p->group, at, POINT_CONVERSION_UNCOMPRESSED, to, len, p->bn) == len ? 0 : E_CRYPTO;
}

/* The card's point: 04 X Y, on the curve, and not ours or its mirror image. */
static int
point_take(struct pace *p, struct view bytes, EC_POINT **out)
{
	struct view x = view_part(buf_peek(&p->ours), 1, p->field);

	*out = NULL;
	if (bytes.len != 1 + 2 * p->field || bytes.p[0] != 0x04 || view_eq(view_part(bytes, 1, p->field), x))
		return E_PROTOCOL;
	if (!(*out = EC_POINT_new(p->group)))
		return E_MEM;
	/* refuses what is not on the curve; all of these curves have a cofactor of 1 */
	if (EC_POINT_oct2point(p->group, *out, bytes.p, bytes.len, p->bn) != 1 ||
	    EC_POINT_is_at_infinity(p->group, *out))
		return E_PROTOCOL;
	return 0;
}

/* own * point; of the curve's generator when NULL. By OpenSSL's ladder, whose time does not tell the number. */
static int
multiply(struct pace *p, const EC_POINT *point, EC_POINT **out)
{
	if (!(*out = EC_POINT_new(p->group)))
		return E_MEM;
	return EC_POINT_mul(p->group, *out, point ? NULL : p->own, point, point ? p->own : NULL, p->bn) == 1 ?
	    0 : E_CRYPTO;
}

/* A new private number and its public point, `ours`. */
static int
new_pair(struct pace *p)
{
	EC_POINT *public = NULL;
	int r;

	buf_reset(&p->ours);
	if ((r = draw(p)) == 0 && (r = multiply(p, p->base, &public)) == 0)
		r = point_put(p, public, &p->ours);
	EC_POINT_free(public);
	return r;
}

/* What both sides can compute: own * the card's point. */
static int
shared_point(struct pace *p, EC_POINT **out)
{
	EC_POINT *theirs = NULL;
	int r;

	*out = NULL;
	if ((r = point_take(p, buf_peek(&p->theirs), &theirs)) == 0 && (r = multiply(p, theirs, out)) == 0 &&
	    EC_POINT_is_at_infinity(p->group, *out))
		r = E_PROTOCOL;
	EC_POINT_free(theirs);
	return r;
}

/* G' = s G + H. */
static int
map(struct pace *p)
{
	BIGNUM *s = BN_new();
	EC_POINT *h = NULL;
	int r = E_CRYPTO;

	if (!s || !BN_bin2bn(p->nonce.p, (int)p->nonce.len, s) || !(p->base = EC_POINT_new(p->group)))
		goto out;
	BN_set_flags(s, BN_FLG_CONSTTIME);
	if ((r = shared_point(p, &h)) != 0)
		goto out;
	if (EC_POINT_mul(p->group, p->base, s, NULL, NULL, p->bn) != 1 ||
	    EC_POINT_add(p->group, p->base, p->base, h, p->bn) != 1)
		r = E_CRYPTO;
	else if (EC_POINT_is_at_infinity(p->group, p->base))
		r = E_PROTOCOL;
out:
	BN_clear_free(s);
	EC_POINT_clear_free(h);
	return r;
}

/* ---- what goes over ---- */

static void
put_tlv(struct buf *out, unsigned tag, struct view value)
{
	if (tag > 0xFF)
		buf_u8(out, tag >> 8);
	buf_u8(out, tag & 0xFF);
	if (value.len > 0x7F)
		buf_u8(out, 0x81); /* none is longer than 255 bytes */
	buf_u8(out, (unsigned)value.len);
	buf_view(out, value);
}

/* MSE:SET AT: which way, which password, which curve. */
static int
announce(struct pace *p, enum pace_password which)
{
	const uint8_t password = (uint8_t)which, parameter = (uint8_t)p->offer.parameter;
	struct apdu a = { .ins = 0x22, .p1 = 0xC1, .p2 = 0xA4 };
	struct resp resp = { BUF_INIT, 0 };
	struct buf data = BUF_INIT;
	int r;

	put_tlv(&data, 0x80, view_of(p->oid, sizeof p->oid));
	put_tlv(&data, 0x83, view_of(&password, 1));
	put_tlv(&data, 0x84, view_of(&parameter, 1));
	a.data = buf_peek(&data);
	if ((r = buf_err(&data)) == 0 && (r = card_apdu(p->card, &a, &resp)) == 0 &&
	    resp.sw != SW_OK && resp.sw >> 4 != 0x63C)
		r = resp.sw == 0x6A80 || resp.sw == 0x6A88 ? E_UNSUPPORTED : E_PROTOCOL;
	if (r && resp.sw)
		log_debug("PACE: the card refused its own offer, 0x%X", resp.sw);
	buf_free(&data);
	resp_free(&resp);
	return r;
}

/* What a card says of a token that another password made. Source: secure-messaging 2.3, step 5. */
static bool
means_wrong_password(uint16_t sw)
{
	return sw >> 8 == 0x63 || sw == 0x6982 || sw == 0x6985 || sw == 0x6A80;
}

/* GENERAL AUTHENTICATE with one object (tag 0: none); the card's, of the next tag, becomes *answer. */
static int
authenticate(struct pace *p, unsigned tag, struct view value, unsigned wanted, struct buf *answer)
{
	bool last = wanted == 0x86;
	struct apdu a = { .cla = last ? 0 : CLA_CHAIN, .ins = 0x86, .le = LE_ANY, .flags = last ? APDU_ONCE : 0 };
	struct buf data = BUF_INIT, object = BUF_INIT;
	struct resp resp = { BUF_INIT, 0 };
	struct view v, inner, found;
	int r;

	buf_reset(answer);
	if (tag)
		put_tlv(&object, tag, value);
	put_tlv(&data, TAG_DYNAMIC, buf_peek(&object));
	a.data = buf_peek(&data);
	p->card->can_sent |= last;
	if ((r = buf_err(&object)) != 0 || (r = buf_err(&data)) != 0 || (r = card_apdu(p->card, &a, &resp)) != 0)
		goto out;
	if (resp.sw != SW_OK) {
		log_debug("PACE: step 0x%X: 0x%X", tag, resp.sw);
		r = last && means_wrong_password(resp.sw) ? E_CAN_WRONG : E_PROTOCOL;
		goto out;
	}
	v = buf_peek(&resp.data);
	/* what follows are references to certificates, of no use here */
	if (!take_tag(&v, TAG_DYNAMIC, &inner) || v.len || !take_tag(&inner, wanted, &found)) {
		r = E_PROTOCOL;
		goto out;
	}
	buf_view(answer, found);
	r = buf_err(answer);
out:
	buf_free(&data);
	buf_free(&object);
	resp_free(&resp);
	return r;
}

/* The card's nonce, which the password's key opens. */
static int
nonce_get(struct pace *p, struct view password)
{
	struct buf key = BUF_INIT_SECRET, z = BUF_INIT;
	int r;

	p->nonce.secret = true;
	if ((r = authenticate(p, 0, view_of(NULL, 0), 0x80, &z)) != 0)
		goto out;
	if (!z.len || z.len > NONCE_MAX || z.len % cipher_block(p->offer.cipher)) {
		r = E_PROTOCOL;
		goto out;
	}
	if ((r = crypt_kdf(p->crypt, p->offer.cipher, password, KDF_PASSWORD, &key)) == 0)
		r = crypt_cbc(p->crypt, p->offer.cipher, false, buf_peek(&key), NULL, buf_peek(&z), &p->nonce);
out:
	buf_free(&key);
	buf_free(&z);
	return r;
}

/* A token: the MAC over somebody's public point. */
static int
token_of(struct pace *p, struct view kmac, struct view point, uint8_t mac[MAC_SIZE])
{
	struct buf inner = BUF_INIT, all = BUF_INIT;
	int r;

	put_tlv(&inner, OID, view_of(p->oid, sizeof p->oid));
	put_tlv(&inner, 0x86, point);
	put_tlv(&all, 0x7F49, buf_peek(&inner));
	if (p->offer.cipher == CIPHER_3DES) /* CMAC pads by itself */
		crypt_pad(p->offer.cipher, &all, 0);
	all.bad |= inner.bad;
	if ((r = buf_err(&all)) == 0)
		r = crypt_mac(p->crypt, p->offer.cipher, kmac, buf_peek(&all), mac);
	buf_free(&inner);
	buf_free(&all);
	return r;
}

/* Each side shows that it has come to the same keys. */
static int
prove(struct pace *p, struct view kmac)
{
	uint8_t mine[MAC_SIZE], theirs[MAC_SIZE];
	struct buf answer = BUF_INIT;
	int r;

	if ((r = token_of(p, kmac, buf_peek(&p->theirs), mine)) != 0 ||
	    (r = token_of(p, kmac, buf_peek(&p->ours), theirs)) != 0)
		return r;
	if ((r = authenticate(p, 0x85, view_of(mine, sizeof mine), 0x86, &answer)) == 0 &&
	    (answer.len != MAC_SIZE || CRYPTO_memcmp(answer.p, theirs, MAC_SIZE) != 0)) {
		log_warn("a card that does not know its own access number: not a real one?");
		r = E_PROTOCOL;
	}
	buf_free(&answer);
	return r;
}

/* The X coordinate of the shared point becomes the keys. */
static int
keys_from(struct pace *p, const EC_POINT *shared, struct buf *kenc, struct buf *kmac)
{
	struct buf k = BUF_INIT_SECRET;
	struct view x;
	int r;

	if ((r = point_put(p, shared, &k)) == 0) {
		x = view_part(buf_peek(&k), 1, p->field);
		if ((r = crypt_kdf(p->crypt, p->offer.cipher, x, KDF_ENC, kenc)) == 0)
			r = crypt_kdf(p->crypt, p->offer.cipher, x, KDF_MAC, kmac);
	}
	buf_free(&k);
	return r;
}

static int
agree(struct pace *p, struct view password, struct buf *kenc, struct buf *kmac)
{
	EC_POINT *shared = NULL;
	int r;

	if ((r = nonce_get(p, password)) != 0 || (r = new_pair(p)) != 0 ||
	    (r = authenticate(p, 0x81, buf_peek(&p->ours), 0x82, &p->theirs)) != 0 || (r = map(p)) != 0 ||
	    (r = new_pair(p)) != 0 ||
	    (r = authenticate(p, 0x83, buf_peek(&p->ours), 0x84, &p->theirs)) != 0 ||
	    (r = shared_point(p, &shared)) != 0 || (r = keys_from(p, shared, kenc, kmac)) != 0)
		goto out;
	r = prove(p, buf_peek(kmac));
out:
	EC_POINT_clear_free(shared);
	return r;
}

int
pace_run(struct card *card, struct crypt *crypt, unsigned ciphers, enum pace_password which,
    struct view password, struct sm **out)
{
	struct pace p = { .card = card, .crypt = crypt };
	struct buf file = BUF_INIT, kenc = BUF_INIT_SECRET, kmac = BUF_INIT_SECRET;
	int r;

	*out = NULL;
	ERR_set_mark();
	if ((r = card_access_read(card, &file)) != 0 ||
	    (r = pace_choose(buf_peek(&file), ciphers, &p.offer)) != 0 || (r = pace_begin(&p)) != 0 ||
	    (r = announce(&p, which)) != 0 || (r = agree(&p, password, &kenc, &kmac)) != 0)
		goto out;
	r = sm_new(crypt, p.offer.cipher, buf_peek(&kenc), buf_peek(&kmac), 0, out);
	if (!r)
		log_info("PACE: a channel, %s, %s", curve_find(p.offer.parameter)->name,
		    cipher_name(p.offer.cipher));
out:
	ERR_pop_to_mark();
	pace_end(&p);
	buf_free(&file);
	buf_free(&kenc);
	buf_free(&kmac);
	return r;
}

/* A card that is a chan: EF.CardAccess, PACE and secure messaging of its own, written from the standards with
 * OpenSSL's older functions, so that it shares no way of computing with cardos/. What runs under it is a
 * function of the test. Source: BSI TR-03110-3 3.2, A, F; ISO 9797-1; ISO 7816-4 6. */
#ifndef CASTOR_T_UNIT_PACECARD_H
#define CASTOR_T_UNIT_PACECARD_H

/* single DES and CMAC by hand: another way than that of cardos/crypt.c */
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
#include <openssl/cmac.h>
#include <openssl/des.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "cardos/iso.h"
#include "cardos/wire/apdu.h"
#include "cardos/wire/io.h"

struct pacecard {
	struct chan chan;
	struct io io;           /* a reader with this card in it */
	/* what it is */
	unsigned parameter;     /* 12 to 18 */
	unsigned suite;         /* last number of the OID, 1 to 4 */
	const char *password;
	size_t password_len;    /* 0: as long as the text */
	unsigned which;         /* 1 MRZ, 2 CAN */
	const char *atr;        /* hexadecimal */
	const char *access;     /* EF.CardAccess as hexadecimal; NULL: made from the above */
	size_t chunk;           /* READ gives so many bytes at most; 0: 256 */
	bool no_sfi;            /* EF.CardAccess is found by its file id alone */
	bool t0;                /* answers come by 61xx and GET RESPONSE */
	bool unprotected;       /* 9000 to wrapped commands, without a word of wrapping */
	bool demand;            /* plain commands but PACE are refused */
	bool lax;               /* a wrong token is taken for a right one: a card that does not know its CAN */
	size_t nonce_len;       /* bytes; 0: 16 */
	const uint8_t *fixed[3]; /* nonce, mapping and ephemeral numbers; NULL: random */
	uint16_t (*run)(void *arg, const struct apdu *a, struct buf *answer); /* a plain command; NULL: 9000 */
	void *arg;
	void (*mangle)(void *arg, unsigned nth, struct buf *answer); /* the nth answer, before it is sent */
	void *mangle_arg;
	/* what went on */
	unsigned sent, begun, channels; /* commands, PACEs begun, and ended well */
	unsigned plain;         /* commands outside of a channel, but for PACE */
	unsigned resets;
	uint16_t lost;          /* not 0: the channel is gone, and the next command gets this */
	bool was_reset;         /* the next begin says so */
	/* the state */
	struct buf heard;       /* plain headers and Lc of what came through the channel, a line each */
	bool sm, announced, access_selected;
	uint64_t ssc;
	uint8_t kenc[32], kmac[32], oid[10];
	EC_GROUP *group;
	EC_POINT *base;
	BIGNUM *own, *s;
	struct buf ours, theirs, rest, last;
};

#define PACECARD_CONTACT "3B7F96000080 31B865B08505001112246082 9000"
#define PACECARD_CONTACTLESS "3B8F80018031B865B085050011122460829000 B1"

static inline void
pc_must(bool ok)
{
	if (!ok)
		abort();
}

static inline size_t
pc_key(const struct pacecard *c)
{
	static const size_t n[] = { 0, 16, 16, 24, 32 };

	return n[c->suite];
}

static inline size_t
pc_block(const struct pacecard *c)
{
	return c->suite == 1 ? 8 : 16;
}

static inline void
pc_kdf(const struct pacecard *c, struct view secret, unsigned counter, uint8_t key[32])
{
	struct buf in = BUF_INIT;
	uint8_t hash[64];

	buf_view(&in, secret);
	buf_be32(&in, counter);
	pc_must(EVP_Digest(in.p, in.len, hash, NULL, c->suite < 3 ? EVP_sha1() : EVP_sha256(), NULL) == 1);
	memcpy(key, hash, pc_key(c));
	buf_free(&in);
}

static inline void
pc_cbc(const struct pacecard *c, bool enc, const uint8_t *key, const uint8_t *iv, struct view in, uint8_t *out)
{
	const EVP_CIPHER *const ciphers[] = { NULL, EVP_des_ede_cbc(), EVP_aes_128_cbc(), EVP_aes_192_cbc(),
		EVP_aes_256_cbc() };
	EVP_CIPHER_CTX *x = EVP_CIPHER_CTX_new();
	uint8_t zero[16] = { 0 };
	int n = 0;

	pc_must(EVP_CipherInit_ex(x, ciphers[c->suite], NULL, key, iv ? iv : zero, enc) == 1 &&
	    EVP_CIPHER_CTX_set_padding(x, 0) == 1 && EVP_CipherUpdate(x, out, &n, in.p, (int)in.len) == 1 &&
	    (size_t)n == in.len);
	EVP_CIPHER_CTX_free(x);
}

static inline void
pc_pad(const struct pacecard *c, struct buf *b)
{
	buf_u8(b, 0x80);
	while (b->len % pc_block(c))
		buf_u8(b, 0);
}

/* `in` is padded already where that is wanted, but for 3DES always. */
static inline void
pc_mac(const struct pacecard *c, struct view in, uint8_t mac[8])
{
	const EVP_CIPHER *const ciphers[] = { NULL, NULL, EVP_aes_128_cbc(), EVP_aes_192_cbc(), EVP_aes_256_cbc() };
	DES_key_schedule k1, k2;
	DES_cblock x = { 0 }, key;
	uint8_t full[16];
	CMAC_CTX *cmac;
	size_t n = 0;

	if (c->suite != 1) {
		cmac = CMAC_CTX_new();
		pc_must(CMAC_Init(cmac, c->kmac, pc_key(c), ciphers[c->suite], NULL) == 1 &&
		    CMAC_Update(cmac, in.p, in.len) == 1 && CMAC_Final(cmac, full, &n) == 1);
		memcpy(mac, full, 8);
		CMAC_CTX_free(cmac);
		return;
	}
	pc_must(in.len % 8 == 0);
	memcpy(key, c->kmac, 8);
	DES_set_key_unchecked(&key, &k1);
	memcpy(key, c->kmac + 8, 8);
	DES_set_key_unchecked(&key, &k2);
	for (size_t i = 0; i < in.len; i += 8) {
		for (size_t j = 0; j < 8; j++)
			x[j] = (uint8_t)(x[j] ^ in.p[i + j]);
		DES_ecb_encrypt(&x, &x, &k1, DES_ENCRYPT);
	}
	DES_ecb_encrypt(&x, &x, &k2, DES_DECRYPT);
	DES_ecb_encrypt(&x, &x, &k1, DES_ENCRYPT);
	memcpy(mac, x, 8);
}

static inline void
pc_tlv(struct buf *b, unsigned tag, struct view v)
{
	if (tag > 0xFF)
		buf_u8(b, tag >> 8);
	buf_u8(b, tag & 0xFF);
	if (v.len > 0xFF) {
		buf_u8(b, 0x82);
		buf_be16(b, (unsigned)v.len);
	} else {
		if (v.len > 0x7F)
			buf_u8(b, 0x81);
		buf_u8(b, (unsigned)v.len);
	}
	buf_view(b, v);
}

static inline void
pc_session_end(struct pacecard *c)
{
	c->sm = c->announced = false;
	EC_POINT_free(c->base);
	BN_free(c->own);
	BN_free(c->s);
	EC_GROUP_free(c->group);
	c->base = NULL;
	c->own = c->s = NULL;
	c->group = NULL;
}

static inline void
pc_free(struct pacecard *c)
{
	pc_session_end(c);
	buf_free(&c->ours);
	buf_free(&c->theirs);
	buf_free(&c->rest);
	buf_free(&c->last);
	buf_free(&c->heard);
}

static inline void
pc_access(const struct pacecard *c, struct buf *out)
{
	static const uint8_t other[] = { 0x06, 0x09, 4, 0, 0x7F, 0, 7, 2, 2, 2, 2, 2, 1, 2 };
	const uint8_t oid[] = { 4, 0, 0x7F, 0, 7, 2, 2, 4, 2, (uint8_t)c->suite }, two = 2,
		parameter = (uint8_t)c->parameter;
	struct buf infos = BUF_INIT, info = BUF_INIT;

	if (c->access) {
		pc_must(hex_parse(c->access, strlen(c->access), out) == 0);
		return;
	}
	pc_tlv(&infos, 0x30, view_of(other, sizeof other));
	pc_tlv(&info, 0x06, view_of(oid, sizeof oid));
	pc_tlv(&info, 0x02, view_of(&two, 1));
	pc_tlv(&info, 0x02, view_of(&parameter, 1));
	pc_tlv(&infos, 0x30, buf_peek(&info));
	pc_tlv(out, 0x31, buf_peek(&infos));
	buf_free(&infos);
	buf_free(&info);
}

static inline int
pc_nid(unsigned parameter)
{
	static const int nid[] = { NID_X9_62_prime256v1, NID_brainpoolP256r1, NID_brainpoolP320r1, NID_secp384r1,
		NID_brainpoolP384r1, NID_brainpoolP512r1, NID_secp521r1 };

	return nid[parameter - 12];
}

/* MSE:SET AT as the one of this card, else 6A80. */
static inline uint16_t
pc_announce(struct pacecard *c, struct view data)
{
	const uint8_t oid[] = { 4, 0, 0x7F, 0, 7, 2, 2, 4, 2, (uint8_t)c->suite };
	struct buf want = BUF_INIT;
	const uint8_t which = (uint8_t)c->which, parameter = (uint8_t)c->parameter;
	bool same;

	pc_tlv(&want, 0x80, view_of(oid, sizeof oid));
	pc_tlv(&want, 0x83, view_of(&which, 1));
	pc_tlv(&want, 0x84, view_of(&parameter, 1));
	same = view_eq(data, buf_peek(&want));
	buf_free(&want);
	pc_session_end(c);
	if (!same)
		return 0x6A80;
	memcpy(c->oid, oid, sizeof oid);
	c->begun++;
	c->announced = true;
	c->group = EC_GROUP_new_by_curve_name(pc_nid(c->parameter));
	pc_must(c->group != NULL);
	return 0x9000;
}

static inline size_t
pc_field(const struct pacecard *c)
{
	return ((size_t)EC_GROUP_get_degree(c->group) + 7) / 8;
}

static inline void
pc_point(const struct pacecard *c, const EC_POINT *at, struct buf *out)
{
	size_t n = 1 + 2 * pc_field(c);

	pc_must(EC_POINT_point2oct(c->group, at, POINT_CONVERSION_UNCOMPRESSED, buf_room(out, n), n, NULL) == n);
}

/* A key pair on the base of now; `ours` is its point. */
static inline void
pc_pair(struct pacecard *c, const uint8_t *fixed)
{
	EC_POINT *at = EC_POINT_new(c->group);
	int bits = EC_GROUP_order_bits(c->group);

	buf_reset(&c->ours);
	BN_free(c->own);
	c->own = BN_new();
	if (fixed)
		pc_must(BN_bin2bn(fixed, (bits + 7) / 8, c->own) != NULL);
	else
		pc_must(BN_priv_rand(c->own, bits - 1, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1);
	pc_must(c->base ? EC_POINT_mul(c->group, at, NULL, c->base, c->own, NULL) == 1 :
	    EC_POINT_mul(c->group, at, c->own, NULL, NULL, NULL) == 1);
	pc_point(c, at, &c->ours);
	EC_POINT_free(at);
}

/* own * theirs; NULL when theirs is no point. */
static inline EC_POINT *
pc_shared(struct pacecard *c, struct view theirs)
{
	EC_POINT *at = EC_POINT_new(c->group), *out = EC_POINT_new(c->group);

	if (EC_POINT_oct2point(c->group, at, theirs.p, theirs.len, NULL) != 1 ||
	    EC_POINT_mul(c->group, out, NULL, at, c->own, NULL) != 1 || EC_POINT_is_at_infinity(c->group, out)) {
		EC_POINT_free(out);
		out = NULL;
	}
	EC_POINT_free(at);
	return out;
}

static inline void
pc_nonce(struct pacecard *c, struct buf *z)
{
	size_t n = c->nonce_len ? c->nonce_len : 16;
	uint8_t s[64], key[32];
	const char *pw = c->password;

	if (c->fixed[0])
		memcpy(s, c->fixed[0], n);
	else
		pc_must(RAND_bytes(s, (int)n) == 1);
	pc_kdf(c, view_of(pw, c->password_len ? c->password_len : strlen(pw)), 3, key);
	pc_cbc(c, true, key, NULL, view_of(s, n), buf_room(z, n));
	c->s = BN_bin2bn(s, (int)n, NULL);
}

static inline void
pc_token(struct pacecard *c, struct view point, uint8_t mac[8])
{
	struct buf in = BUF_INIT, all = BUF_INIT;

	pc_tlv(&in, 0x06, view_of(c->oid, sizeof c->oid));
	pc_tlv(&in, 0x86, point);
	pc_tlv(&all, 0x7F49, buf_peek(&in));
	if (c->suite == 1)
		pc_pad(c, &all);
	pc_mac(c, buf_peek(&all), mac);
	buf_free(&in);
	buf_free(&all);
}

static inline uint16_t
pc_general(struct pacecard *c, const struct apdu *a, struct buf *answer)
{
	struct view v = a->data, in, val = { NULL, 0 };
	struct buf out = BUF_INIT;
	uint8_t mac[8];
	EC_POINT *at, *sum;
	unsigned tag = 0;
	uint16_t sw = 0x9000;

	if (!c->announced)
		return 0x6985;
	if (tlv_next(&v, &tag, &in) || tag != 0x7C || v.len || a->le != LE_ANY)
		return 0x6A80;
	tag = 0;
	if (in.len && (tlv_next(&in, &tag, &val) || in.len))
		return 0x6A80;
	if ((a->cla != 0x10) != (tag == 0x85))
		return 0x6883;
	if (!tag) {
		struct buf z = BUF_INIT;

		pc_nonce(c, &z);
		pc_tlv(&out, 0x80, buf_peek(&z));
		buf_free(&z);
	} else if (tag == 0x81 && c->s && !c->base) {
		pc_pair(c, c->fixed[1]);
		if (!(at = pc_shared(c, val)))
			return 0x6A80;
		sum = EC_POINT_new(c->group);
		pc_must(EC_POINT_mul(c->group, sum, c->s, NULL, NULL, NULL) == 1 &&
		    EC_POINT_add(c->group, sum, sum, at, NULL) == 1);
		EC_POINT_free(at);
		c->base = sum;
		pc_tlv(&out, 0x82, buf_peek(&c->ours));
	} else if (tag == 0x83 && c->base) {
		struct buf k = BUF_INIT;

		pc_pair(c, c->fixed[2]);
		if (!(at = pc_shared(c, val)))
			return 0x6A80;
		pc_point(c, at, &k);
		EC_POINT_free(at);
		pc_kdf(c, view_part(buf_peek(&k), 1, pc_field(c)), 1, c->kenc);
		pc_kdf(c, view_part(buf_peek(&k), 1, pc_field(c)), 2, c->kmac);
		buf_free(&k);
		buf_reset(&c->theirs);
		buf_view(&c->theirs, val);
		pc_tlv(&out, 0x84, buf_peek(&c->ours));
	} else if (tag == 0x85 && c->theirs.len) {
		pc_token(c, buf_peek(&c->ours), mac);
		if (!c->lax && (val.len != 8 || memcmp(mac, val.p, 8) != 0)) {
			pc_session_end(c);
			return 0x6300;
		}
		pc_token(c, buf_peek(&c->theirs), mac);
		pc_tlv(&out, 0x86, view_of(mac, 8));
		pc_session_end(c);
		c->sm = true;
		c->ssc = 0;
		c->channels++;
	} else {
		sw = 0x6A80;
	}
	if (sw == 0x9000)
		pc_tlv(answer, 0x7C, buf_peek(&out));
	buf_free(&out);
	return sw;
}

static inline void
pc_ssc(const struct pacecard *c, struct buf *out)
{
	if (pc_block(c) == 16)
		buf_fill(out, 0, 8);
	buf_be32(out, (uint32_t)(c->ssc >> 32));
	buf_be32(out, (uint32_t)c->ssc);
}

static inline void
pc_crypt_data(const struct pacecard *c, bool enc, struct view in, uint8_t *out)
{
	struct buf ssc = BUF_INIT;
	uint8_t iv[16] = { 0 };

	pc_ssc(c, &ssc);
	if (c->suite != 1)
		pc_cbc(c, true, c->kenc, NULL, buf_peek(&ssc), iv);
	pc_cbc(c, enc, c->kenc, iv, in, out);
	buf_free(&ssc);
}

/* Takes the wrapping off. The status word of what is wrong with it; 0. `data`: the plain data. */
static inline uint16_t
pc_unwrap(struct pacecard *c, const struct apdu *a, struct apdu *plain, struct buf *data)
{
	struct view v = a->data, val, before = { NULL, 0 }, mac_is = { NULL, 0 };
	struct buf in = BUF_INIT;
	unsigned tag;
	uint8_t mac[8];
	uint16_t sw = 0;

	*plain = *a;
	plain->cla = (uint8_t)(a->cla & ~0x0Cu);
	plain->le = LE_NONE;
	plain->data = view_of(NULL, 0);
	c->ssc++;
	while (v.len) {
		before = view_part(a->data, 0, a->data.len - v.len);
		if (tlv_next(&v, &tag, &val))
			return 0x6988;
		if (tag == 0x97)
			plain->le = val.len == 1 ? (val.p[0] ? val.p[0] : 256u) :
			    (val.p[0] || val.p[1] ? (unsigned)val.p[0] << 8 | val.p[1] : 65536u);
		else if (tag == 0x8E)
			mac_is = val;
		else if (tag == ((a->ins & 1) ? 0x85u : 0x87u)) {
			if (tag == 0x87 && (!val.len || val.p[0] != 1))
				return 0x6988;
			val = tag == 0x87 ? view_part(val, 1, val.len) : val;
			if (!val.len || val.len % pc_block(c))
				return 0x6988;
			pc_crypt_data(c, false, val, buf_room(data, val.len));
			while (data->len && !data->p[data->len - 1])
				buf_trim(data, data->len - 1);
			if (!data->len || data->p[data->len - 1] != 0x80)
				return 0x6988;
			buf_trim(data, data->len - 1);
			plain->data = buf_peek(data);
		} else
			return 0x6987;
	}
	if (mac_is.len != 8)
		return 0x6987;
	pc_ssc(c, &in);
	buf_u8(&in, a->cla);
	buf_u8(&in, a->ins);
	buf_u8(&in, a->p1);
	buf_u8(&in, a->p2);
	pc_pad(c, &in);
	if (before.len) {
		buf_view(&in, before);
		pc_pad(c, &in);
	}
	pc_mac(c, buf_peek(&in), mac);
	if (memcmp(mac, mac_is.p, 8) != 0)
		sw = 0x6988;
	buf_free(&in);
	return sw;
}

static inline void
pc_wrap(struct pacecard *c, unsigned ins, struct view data, uint16_t sw, struct buf *out)
{
	struct buf padded = BUF_INIT, cipher = BUF_INIT, objects = BUF_INIT, in = BUF_INIT;
	const uint8_t status[2] = { (uint8_t)(sw >> 8), (uint8_t)sw };
	uint8_t mac[8];

	c->ssc++;
	if (data.len) {
		buf_view(&padded, data);
		pc_pad(c, &padded);
		if (!(ins & 1))
			buf_u8(&cipher, 1);
		pc_crypt_data(c, true, buf_peek(&padded), buf_room(&cipher, padded.len));
		pc_tlv(&objects, (ins & 1) ? 0x85 : 0x87, buf_peek(&cipher));
	}
	pc_tlv(&objects, 0x99, view_of(status, 2));
	pc_ssc(c, &in);
	buf_view(&in, buf_peek(&objects));
	pc_pad(c, &in);
	pc_mac(c, buf_peek(&in), mac);
	pc_tlv(&objects, 0x8E, view_of(mac, 8));
	buf_view(out, buf_peek(&objects));
	buf_free(&padded);
	buf_free(&cipher);
	buf_free(&objects);
	buf_free(&in);
}

static inline uint16_t
pc_run(struct pacecard *c, const struct apdu *a, struct buf *answer)
{
	return c->run ? c->run(c->arg, a, answer) : 0x9000;
}

/* A part of EF.CardAccess. */
static inline uint16_t
pc_read_access(struct pacecard *c, const struct apdu *a, struct buf *answer)
{
	size_t off = a->p1 & 0x80 ? a->p2 : (size_t)a->p1 << 8 | a->p2, n = c->chunk ? c->chunk : 256;
	struct buf file = BUF_INIT;
	uint16_t sw = 0x9000;

	if (a->p1 & 0x80)
		c->access_selected = !c->no_sfi && a->p1 == 0x9C;
	if (!c->access_selected)
		sw = 0x6A82;
	pc_access(c, &file);
	if (sw == 0x9000 && off >= file.len)
		sw = 0x6B00;
	if (sw == 0x9000)
		buf_view(answer, view_part(buf_peek(&file), off, n < a->le ? n : a->le));
	buf_free(&file);
	return sw;
}

static inline uint16_t
pc_plain(struct pacecard *c, const struct apdu *a, struct buf *answer)
{
	if (a->ins == 0x22 && a->p1 == 0xC1 && a->p2 == 0xA4)
		return pc_announce(c, a->data);
	if (a->ins == 0x86)
		return pc_general(c, a, answer);
	pc_session_end(c);
	if (a->ins == 0xA4 && a->data.len == 2 && a->data.p[0] == 0x01 && a->data.p[1] == 0x1C) {
		c->access_selected = true;
		return 0x9000;
	}
	if (a->ins == 0xA4 && a->data.len == 2 && a->data.p[0] == 0x3F)
		return 0x9000;
	if (a->ins == 0xB0 && (c->access_selected || a->p1 == 0x9C))
		return pc_read_access(c, a, answer);
	c->access_selected = false;
	c->plain++;
	return c->demand ? 0x6982 : pc_run(c, a, answer);
}

static inline uint16_t
pc_command(struct pacecard *c, const struct apdu *a, struct buf *answer)
{
	struct buf data = BUF_INIT, out = BUF_INIT;
	struct apdu plain;
	uint16_t sw;

	if (c->lost) {
		sw = c->lost;
		c->lost = 0;
		pc_session_end(c);
		return sw;
	}
	if ((a->cla & 0x0C) != 0x0C)
		return pc_plain(c, a, answer);
	if (c->unprotected)
		return 0x9000;
	if (!c->sm)
		return 0x6999;
	if ((sw = pc_unwrap(c, a, &plain, &data)) != 0) {
		pc_session_end(c);
	} else {
		buf_fmt(&c->heard, "%02X%02X%02X%02X %zu\n", plain.cla, plain.ins, plain.p1, plain.p2, plain.data.len);
		sw = pc_run(c, &plain, &out);
		pc_wrap(c, plain.ins, buf_peek(&out), sw, answer);
	}
	buf_free(&data);
	buf_free(&out);
	return sw;
}

static inline int
pc_transmit(struct chan *chan, struct view cmd, bool secret, struct buf *rsp)
{
	struct pacecard *c = (struct pacecard *)chan;
	struct buf answer = BUF_INIT;
	struct apdu a;
	uint16_t sw = 0x6700;
	size_t n;

	(void)secret;
	c->sent++;
	buf_reset(&c->last);
	buf_view(&c->last, cmd);
	if (apdu_decode(cmd, &a))
		goto out;
	if (a.ins == 0xC0 && c->rest.len) {
		n = c->rest.len < a.le ? c->rest.len : a.le;
		buf_put(&answer, c->rest.p, n);
		memmove(c->rest.p, c->rest.p + n, c->rest.len - n);
		buf_trim(&c->rest, c->rest.len - n);
		sw = c->rest.len ? (uint16_t)(0x6100 | (c->rest.len > 255 ? 0 : c->rest.len)) : 0x9000;
		goto out;
	}
	buf_reset(&c->rest);
	sw = pc_command(c, &a, &answer);
	if (c->t0 && answer.len && sw == 0x9000) {
		buf_move(&c->rest, &answer);
		sw = (uint16_t)(0x6100 | (c->rest.len > 255 ? 0 : c->rest.len));
	}
out:
	buf_be16(&answer, sw);
	if (c->mangle)
		c->mangle(c->mangle_arg, c->sent, &answer);
	buf_view(rsp, buf_peek(&answer));
	buf_free(&answer);
	return buf_err(rsp);
}

static inline int
pc_begin(struct chan *chan, int deadline_ms)
{
	struct pacecard *c = (struct pacecard *)chan;
	bool was = c->was_reset;

	(void)deadline_ms;
	c->was_reset = false;
	return was ? E_RESET : 0;
}

static inline int
pc_end(struct chan *chan, enum io_end how)
{
	struct pacecard *c = (struct pacecard *)chan;

	if (how == IO_END_RESET) {
		c->resets++;
		pc_session_end(c);
	}
	return 0;
}

static inline struct view
pc_atr(struct chan *chan)
{
	struct pacecard *c = (struct pacecard *)chan;
	static struct buf atr;

	buf_reset(&atr);
	hex_parse(c->atr, strlen(c->atr), &atr);
	return buf_peek(&atr);
}

static inline void
pc_close(struct chan **chan)
{
	*chan = NULL;
}

static inline int
pc_open(struct io *io, const char *reader, struct chan **out)
{
	struct pacecard *c = (struct pacecard *)((char *)io - offsetof(struct pacecard, io));

	(void)reader;
	*out = &c->chan;
	return 0;
}

static inline void
pc_io_free(struct io **io)
{
	*io = NULL;
}

static const struct io_ops pc_ops = { .free = pc_io_free, .open = pc_open, .begin = pc_begin, .end = pc_end, .transmit = pc_transmit,
	.atr = pc_atr, .close = pc_close };

/* A contactless card with that CAN. Freed with pc_free. */
static inline void
pc_init(struct pacecard *c, unsigned parameter, unsigned suite, const char *can)
{
	memset(c, 0, sizeof *c);
	c->chan.ops = c->io.ops = &pc_ops;
	c->parameter = parameter;
	c->suite = suite;
	c->password = can;
	c->which = 2;
	c->atr = PACECARD_CONTACTLESS;
}

#endif

/*
 * PACE and secure messaging of the virtual card. The terminal here is written from the facts on its own and
 * calls nothing of vc_sm.c or vc_pace.c but the card's door.
 */
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <time.h>

#include "t/unit/unit.h"
#include "t/vcard/vc_pace.h"
#include "t/vcard/vc_sm.h"
#include "t/vcard/vct.h"

#define CAN "123456"
#define LONGEST 2600            /* bytes of an answer here */

/* --- randomness of the card: what a test queues, then OpenSSL's --- */

static uint8_t queue[4096];
static size_t queued, taken;

static int queued_random(unsigned char *out, int len)
{
	if (queued - taken < (size_t)len)
		return RAND_bytes(out, len);
	memcpy(out, queue + taken, (size_t)len);
	taken += (size_t)len;
	return 1;
}

static void queue_hex(const char *hex)
{
	int n = vc_hex(hex, queue + queued, sizeof queue - queued);

	ck_assert(n > 0);
	queued += (size_t)n;
	vc_pace_random = queued_random;
}

/* --- a terminal --- */

static const struct cipher { const char *word, *md, *cbc, *ecb; size_t key, block; uint8_t oid; } ciphers[] = {
	{ "3des", "SHA1", "DES-EDE-CBC", NULL, 16, 8, 1 },
	{ "aes-128", "SHA1", "AES-128-CBC", "AES-128-ECB", 16, 16, 2 },
	{ "aes-192", "SHA256", "AES-192-CBC", "AES-192-ECB", 24, 16, 3 },
	{ "aes-256", "SHA256", "AES-256-CBC", "AES-256-ECB", 32, 16, 4 },
};

static const struct curve { const char *word; int nid; uint8_t id; } curves[] = {
	{ "P-256", NID_X9_62_prime256v1, 12 }, { "brainpoolP256r1", NID_brainpoolP256r1, 13 },
	{ "P-384", NID_secp384r1, 15 }, { "brainpoolP384r1", NID_brainpoolP384r1, 16 },
	{ "brainpoolP512r1", NID_brainpoolP512r1, 17 }, { "P-521", NID_secp521r1, 18 },
};

struct term {
	struct vc *vc;                  /* either a card in its reader, */
	struct vc_card *bare;           /* or one without */
	const struct cipher *cipher;
	const struct curve *curve;
	const char *can;
	const char *map_key, *eph_key;  /* hex of private numbers, or NULL */
	EC_GROUP *group;
	size_t field;
	uint8_t nonce[16], kpi[32], kenc[32], kmac[32], ssc[16];
	EC_POINT *base;
	uint8_t base_point[133], own[133], card[133], shared[66], h[133], token[8], card_token[8];
	unsigned resends;               /* GET RESPONSEs so far */
	bool t0;                        /* as over T=0: no Le beside data, answers by GET RESPONSE */
};

static size_t raw_once(struct term *t, const uint8_t *in, size_t n, uint8_t *out)
{
	struct vc_blob answer = { .len = 0 };
	uint16_t sw;

	if (t->vc != NULL)
		return vc_apdu(t->vc, in, n, out, LONGEST);
	sw = vc_pace_run(t->bare, in, n, &answer);
	vc_blob_byte(&answer, sw >> 8);
	vc_blob_byte(&answer, sw & 0xFF);
	memcpy(out, answer.p, answer.len);
	return answer.len;
}

static size_t raw(struct term *t, const uint8_t *in, size_t n, uint8_t *out)
{
	uint8_t more[] = { 0x00, 0xC0, 0x00, 0x00, 0x00 };

	if (!t->t0)
		return raw_once(t, in, n, out);
	if (n > 5 && n == 6U + in[4])
		n--;
	n = raw_once(t, in, n, out);
	if (n == 2 && out[0] == 0x61) {
		more[4] = out[1];
		t->resends++;
		n = raw_once(t, more, sizeof more, out);
	}
	return n;
}

static unsigned raw_hex(struct term *t, const char *hex, uint8_t *out, size_t *len)
{
	uint8_t in[600], own[LONGEST];
	int n = vc_hex(hex, in, sizeof in);
	size_t got;

	ck_assert(n > 0);
	got = raw(t, in, (size_t)n, out != NULL ? out : own);
	if (len != NULL)
		*len = got;
	return vct_sw(out != NULL ? out : own, got);
}

static void cbc(const struct cipher *c, bool encrypt, const uint8_t *key, const uint8_t *iv, const uint8_t *in,
	size_t n, uint8_t *out)
{
	EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, c->cbc, NULL);
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int a = 0, b = 0;

	ck_assert(EVP_CipherInit_ex2(ctx, cipher, key, iv, encrypt, NULL) == 1);
	EVP_CIPHER_CTX_set_padding(ctx, 0);
	ck_assert(EVP_CipherUpdate(ctx, out, &a, in, (int)n) == 1);
	ck_assert(EVP_CipherFinal_ex(ctx, out + a, &b) == 1);
	EVP_CIPHER_CTX_free(ctx);
	EVP_CIPHER_free(cipher);
}

static void kdf(const struct cipher *c, const uint8_t *secret, size_t n, uint8_t number, uint8_t *out)
{
	uint8_t text[128], hash[EVP_MAX_MD_SIZE];
	size_t i;

	memcpy(text, secret, n);
	memset(text + n, 0, 3);
	text[n + 3] = number;
	ck_assert(EVP_Q_digest(NULL, c->md, NULL, text, n + 4, hash, NULL) == 1);
	memcpy(out, hash, c->key);
	for (i = 0; c->ecb == NULL && i < c->key; i++)
		if (__builtin_parity(out[i]) == 0)
			out[i] ^= 1;
}

/* MAC of whole blocks, or, of AES, of anything. */
static void mac8(const struct cipher *c, const uint8_t *key, const uint8_t *p, size_t n, uint8_t out[8])
{
	uint8_t full[16], twice[16], k2[16], x[8] = { 0 }, y[8];
	static const uint8_t iv[8];
	size_t at, i, len;

	if (c->ecb != NULL) {
		ck_assert(EVP_Q_mac(NULL, "CMAC", NULL, c->cbc, NULL, key, c->key, p, n, full, sizeof full,
				  &len) != NULL && len == 16);
		memcpy(out, full, 8);
		return;
	}
	memcpy(twice, key, 8);
	memcpy(twice + 8, key, 8);
	memcpy(k2, key + 8, 8);
	memcpy(k2 + 8, key + 8, 8);
	ck_assert(n % 8 == 0);
	for (at = 0; at < n; at += 8) {
		for (i = 0; i < 8; i++)
			x[i] ^= p[at + i];
		cbc(c, true, twice, iv, x, 8, y);
		memcpy(x, y, 8);
	}
	cbc(c, false, k2, iv, x, 8, y);
	cbc(c, true, twice, iv, y, 8, out);
}

static size_t pad(uint8_t *p, size_t n, size_t block)
{
	p[n++] = 0x80;
	while (n % block != 0)
		p[n++] = 0;
	return n;
}

static void term_open(struct term *t, const struct curve *curve, const struct cipher *cipher)
{
	t->can = CAN;
	t->curve = curve;
	t->cipher = cipher;
	t->group = EC_GROUP_new_by_curve_name(curve->nid);
	t->field = ((size_t)EC_GROUP_get_degree(t->group) + 7) / 8;
	t->base = EC_POINT_new(t->group);
}

static void term_close(struct term *t)
{
	EC_POINT_free(t->base);
	EC_GROUP_free(t->group);
	vc_free(&t->vc);
}

/* MSE:SET AT with the right values; the status word. */
static unsigned term_mse(struct term *t)
{
	uint8_t in[] = { 0x00, 0x22, 0xC1, 0xA4, 0x12, 0x80, 0x0A, 0x04, 0x00, 0x7F, 0x00, 0x07, 0x02, 0x02,
		0x04, 0x02, t->cipher->oid, 0x83, 0x01, 0x02, 0x84, 0x01, t->curve->id };
	uint8_t out[LONGEST];

	return vct_sw(out, raw(t, in, sizeof in, out));
}

static size_t len_put(uint8_t *p, size_t len)
{
	size_t n = 0;

	if (len > 127)
		p[n++] = 0x81;
	p[n++] = (uint8_t)len;
	return n;
}

/* GENERAL AUTHENTICATE; the value of the answer's inner object goes to out. The status word. */
static unsigned term_ga(struct term *t, uint8_t cla, uint8_t tag, const uint8_t *value, size_t len,
	uint8_t *out, size_t *outlen)
{
	uint8_t in[300] = { cla, 0x86, 0x00, 0x00 }, answer[LONGEST];
	size_t inner = tag != 0 ? len + 2 + (len > 127) : 0, n = 5, got, at = 2;
	unsigned sw;

	in[n++] = 0x7C;
	n += len_put(in + n, inner);
	if (tag != 0) {
		in[n++] = tag;
		n += len_put(in + n, len);
		memcpy(in + n, value, len);
		n += len;
	}
	in[4] = (uint8_t)(n - 5);
	in[n++] = 0;
	got = raw(t, in, n, answer);
	sw = vct_sw(answer, got);
	if (sw != 0x9000) {
		ck_assert_uint_eq(got, 2);
		return sw;
	}
	ck_assert_uint_eq(answer[0], 0x7C);
	ck_assert((answer[1] == 0x81) == (got - 2 > 129));
	at += answer[1] == 0x81;
	ck_assert_uint_eq(answer[at - 1], got - 2 - at);
	ck_assert_uint_eq(answer[at], tag != 0 ? tag + 1U : 0x80U);
	at += answer[at + 1] == 0x81 ? 3 : 2;
	ck_assert_uint_eq(answer[at - 1], got - 2 - at);
	*outlen = got - 2 - at;
	memcpy(out, answer + at, *outlen);
	return sw;
}

static unsigned term_nonce(struct term *t)
{
	static const uint8_t iv[16];
	uint8_t z[300];
	size_t n = 0;
	unsigned sw = term_ga(t, 0x10, 0, NULL, 0, z, &n);

	if (sw != 0x9000)
		return sw;
	ck_assert_uint_eq(n, 16);
	kdf(t->cipher, (const uint8_t *)t->can, strlen(t->can), 3, t->kpi);
	cbc(t->cipher, false, t->kpi, iv, z, 16, t->nonce);
	return sw;
}

static BIGNUM *private_new(const struct term *t, const char *hex)
{
	BIGNUM *k = BN_new();

	if (hex != NULL)
		ck_assert(BN_hex2bn(&k, hex) > 0);
	else
		ck_assert(BN_priv_rand_range(k, EC_GROUP_get0_order(t->group)) == 1);
	return k;
}

static void point_put(const struct term *t, const EC_POINT *p, uint8_t *out)
{
	ck_assert(EC_POINT_point2oct(t->group, p, POINT_CONVERSION_UNCOMPRESSED, out, 133, NULL) ==
		1 + 2 * t->field);
}

static unsigned term_map(struct term *t)
{
	EC_POINT *p = EC_POINT_new(t->group);
	BIGNUM *k = private_new(t, t->map_key), *s = BN_bin2bn(t->nonce, 16, NULL);
	uint8_t mine[133], theirs[300];
	size_t n = 0;
	unsigned sw;

	EC_POINT_mul(t->group, p, k, NULL, NULL, NULL);
	point_put(t, p, mine);
	sw = term_ga(t, 0x10, 0x81, mine, 1 + 2 * t->field, theirs, &n);
	if (sw == 0x9000) {
		ck_assert_uint_eq(n, 1 + 2 * t->field);
		ck_assert(EC_POINT_oct2point(t->group, p, theirs, n, NULL) == 1);
		EC_POINT_mul(t->group, p, NULL, p, k, NULL);
		point_put(t, p, t->h);
		EC_POINT_mul(t->group, t->base, s, NULL, NULL, NULL);
		EC_POINT_add(t->group, t->base, t->base, p, NULL);
		point_put(t, t->base, t->base_point);
	}
	BN_free(k);
	BN_free(s);
	EC_POINT_free(p);
	return sw;
}

static unsigned term_agree(struct term *t)
{
	EC_POINT *p = EC_POINT_new(t->group);
	BIGNUM *k = private_new(t, t->eph_key);
	uint8_t point[133];
	size_t n = 0;
	unsigned sw;

	EC_POINT_mul(t->group, p, NULL, t->base, k, NULL);
	point_put(t, p, t->own);
	sw = term_ga(t, 0x10, 0x83, t->own, 1 + 2 * t->field, t->card, &n);
	if (sw == 0x9000) {
		ck_assert_uint_eq(n, 1 + 2 * t->field);
		ck_assert(EC_POINT_oct2point(t->group, p, t->card, n, NULL) == 1);
		EC_POINT_mul(t->group, p, NULL, p, k, NULL);
		point_put(t, p, point);
		memcpy(t->shared, point + 1, t->field);
		kdf(t->cipher, t->shared, t->field, 1, t->kenc);
		kdf(t->cipher, t->shared, t->field, 2, t->kmac);
	}
	BN_free(k);
	EC_POINT_free(p);
	return sw;
}

static void token(const struct term *t, const uint8_t *point, uint8_t out[8])
{
	uint8_t text[180] = { 0x7F, 0x49 }, oid[] = { 0x06, 0x0A, 0x04, 0x00, 0x7F, 0x00, 0x07, 0x02, 0x02,
		0x04, 0x02, t->cipher->oid, 0x86 };
	size_t len = 1 + 2 * t->field, n = 2;

	n += len_put(text + n, sizeof oid + 1 + (len > 127) + len);
	memcpy(text + n, oid, sizeof oid);
	n += sizeof oid;
	n += len_put(text + n, len);
	memcpy(text + n, point, len);
	n += len;
	if (t->cipher->ecb == NULL)
		n = pad(text, n, 8);
	mac8(t->cipher, t->kmac, text, n, out);
}

static unsigned term_token(struct term *t)
{
	uint8_t want[8], got[300];
	size_t n = 0;
	unsigned sw;

	token(t, t->card, t->token);
	sw = term_ga(t, 0x00, 0x85, t->token, 8, got, &n);
	if (sw != 0x9000)
		return sw;
	token(t, t->own, want);
	ck_assert_uint_eq(n, 8);
	ck_assert_mem_eq(got, want, 8);
	memcpy(t->card_token, got, 8);
	memset(t->ssc, 0, sizeof t->ssc);
	return sw;
}

/* The whole of PACE; the status word of the step where it ended. */
static unsigned term_pace(struct term *t)
{
	unsigned (*const step[])(struct term *) = { term_mse, term_nonce, term_map, term_agree, term_token };
	unsigned sw = 0, i;

	for (i = 0; i < 5 && (i == 0 || sw == 0x9000); i++)
		sw = step[i](t);
	return sw;
}

static void ssc_next(struct term *t)
{
	size_t i = t->cipher->block;

	while (i-- > 0 && ++t->ssc[i] == 0)
		;
}

static void iv_make(const struct term *t, uint8_t iv[16])
{
	struct cipher ecb = *t->cipher;

	memset(iv, 0, 16);
	ecb.cbc = ecb.ecb;
	if (ecb.ecb != NULL)
		cbc(&ecb, true, t->kenc, NULL, t->ssc, 16, iv);
}

/* How a wrapped command is spoilt. */
enum spoil {
	WHOLE, NO_MAC, BAD_MAC, SHORT_MAC, OLD_SSC, BAD_INDICATOR, BAD_PADDING, LONG_PADDING, PART_BLOCK, TWO_LE, DATA_AFTER_LE,
	UNKNOWN_OBJECT, AFTER_MAC, WRONG_PARITY, BAD_TLV, NO_LE, OTHER_HEADER, LONG_LE
};

/* Wraps a plain command of short lengths; the length. */
static size_t term_wrap(struct term *t, const uint8_t *in, size_t n, bool extended, enum spoil spoil,
	uint8_t *out)
{
	size_t block = t->cipher->block, lc = n > 5 ? in[4] : 0, at = 0, m, len, start = extended ? 7 : 5;
	bool has_le = n == 5 || n == 6 + lc, odd = (in[1] & 1) != 0;
	uint8_t body[600], text[700], data[300], cipher[300], iv[16], header[4];

	ck_assert(n == 4 || n == 5 || n == 5 + lc || n == 6 + lc);
	if (spoil != OLD_SSC)
		ssc_next(t);
	memcpy(header, in, 4);
	header[0] |= 0x0C;
	if (lc != 0) {
		memcpy(data, in + 5, lc);
		len = pad(data, lc, block);
		if (spoil == BAD_PADDING)
			memset(data + lc, 0, len - lc);
		if (spoil == LONG_PADDING) {
			memset(data + len, 0, block);
			len += block;
		}
		iv_make(t, iv);
		cbc(t->cipher, true, t->kenc, iv, data, len, cipher);
		len -= spoil == PART_BLOCK;
		if (spoil == WRONG_PARITY)
			odd = !odd;
		body[at++] = odd ? 0x85 : 0x87;
		m = len + !odd;
		if (spoil == BAD_TLV)
			m += 40;
		at += len_put(body + at, m);
		if (!odd)
			body[at++] = spoil == BAD_INDICATOR ? 0x02 : 0x01;
		memcpy(body + at, cipher, len);
		at += len;
	}
	if (has_le || spoil == TWO_LE) {
		body[at++] = 0x97;
		body[at++] = spoil == LONG_LE ? 3 : 1;
		body[at++] = has_le ? in[n - 1] : 0;
		if (spoil == LONG_LE) {
			body[at++] = 0;
			body[at++] = 0;
		}
	}
	if (spoil == TWO_LE) {
		memcpy(body + at, "\x97\x01\x00", 3);
		at += 3;
	}
	if (spoil == DATA_AFTER_LE) {
		memcpy(body + at, "\x97\x01\x00\x87\x09\x01\1\2\3\4\5\6\7\10", 14);
		at += 14;
	}
	if (spoil == UNKNOWN_OBJECT) {
		memcpy(body + at, "\x81\x01\x00", 3);
		at += 3;
	}
	m = block;
	memcpy(text, t->ssc, block);
	memcpy(text + m, header, 4);
	m += pad(text + m, 4, block);
	if (at != 0) {
		memcpy(text + m, body, at);
		m += pad(text + m, at, block);
	}
	if (spoil != NO_MAC) {
		body[at++] = 0x8E;
		body[at++] = spoil == SHORT_MAC ? 4 : 8;
		mac8(t->cipher, t->kmac, text, m, body + at);
		at += spoil == SHORT_MAC ? 4 : 8;
		body[at - 1] ^= spoil == BAD_MAC;
	}
	if (spoil == AFTER_MAC) {
		memcpy(body + at, "\x97\x01\x00", 3);
		at += 3;
	}
	memcpy(out, header, 4);
	out[3] ^= spoil == OTHER_HEADER;
	if (extended) {
		out[4] = 0;
		out[5] = (uint8_t)(at >> 8);
		out[6] = (uint8_t)at;
	} else {
		ck_assert_uint_le(at, 255);
		out[4] = (uint8_t)at;
	}
	memcpy(out + start, body, at);
	at += start;
	if (spoil != NO_LE) {
		out[at++] = 0;
		if (extended)
			out[at++] = 0;
	}
	return at;
}

/* Fetches what comes by 61xx; the length of the whole. */
static size_t gathered(struct term *t, const uint8_t *in, size_t n, uint8_t *out)
{
	uint8_t more[] = { 0x00, 0xC0, 0x00, 0x00, 0x00 };
	size_t got = raw(t, in, n, out);

	while (got >= 2 && out[got - 2] == 0x61) {
		more[4] = out[got - 1];
		t->resends++;
		got += raw(t, more, sizeof more, out + got - 2) - 2;
	}
	return got;
}

/* Checks and opens a wrapped answer: data and status word go to plain, its length is returned. */
static size_t term_unwrap(struct term *t, uint8_t ins, const uint8_t *in, size_t n, uint8_t *plain)
{
	size_t block = t->cipher->block, at = 0, len = 0, m, value = 0, end;
	uint8_t text[LONGEST], mac[8], iv[16];
	bool odd = (ins & 1) != 0;

	ssc_next(t);
	ck_assert_msg(n >= 16, "an answer of %zu bytes is not wrapped", n);
	if (in[0] == 0x87 || in[0] == 0x85) {
		ck_assert_uint_eq(in[0], odd ? 0x85 : 0x87);
		ck_assert(in[1] <= 0x82);
		value = 2U + (in[1] & 0x80 ? in[1] & 0x7F : 0);
		for (len = in[1] & 0x80 ? 0 : in[1], at = 2; at < value; at++)
			len = len << 8 | in[at];
		at = value + len;
		if (!odd)
			ck_assert_uint_eq(in[value], 0x01);
		value += !odd;
		len -= !odd;
	}
	ck_assert_uint_eq(at + 4 + 10 + 2, n);
	ck_assert(in[at] == 0x99 && in[at + 1] == 2 && in[at + 4] == 0x8E && in[at + 5] == 8);
	ck_assert_mem_eq(in + at + 2, in + n - 2, 2);
	memcpy(text, t->ssc, block);
	memcpy(text + block, in, at + 4);
	m = block + pad(text + block, at + 4, block);
	mac8(t->cipher, t->kmac, text, m, mac);
	ck_assert_mem_eq(mac, in + at + 6, 8);
	end = 0;
	if (len != 0) {
		iv_make(t, iv);
		cbc(t->cipher, false, t->kenc, iv, in + value, len, plain);
		for (end = len; end > 0 && plain[end - 1] == 0; end--)
			;
		ck_assert(end > 0 && plain[end - 1] == 0x80);
		end--;
	}
	memcpy(plain + end, in + n - 2, 2);
	return end + 2;
}

/* Sends a command through the channel; data and status word of the answer. */
static size_t through(struct term *t, const uint8_t *in, size_t n, bool extended, uint8_t *plain)
{
	uint8_t wrapped[700], answer[LONGEST];
	size_t m = term_wrap(t, in, n, extended, WHOLE, wrapped);

	m = gathered(t, wrapped, m, answer);
	return term_unwrap(t, in[1], answer, m, plain);
}

static const char *through_hex(struct term *t, const char *hex)
{
	static char text[2 * LONGEST + 1];
	uint8_t in[300], plain[LONGEST];
	int n = vc_hex(hex, in, sizeof in);
	size_t m = through(t, in, (size_t)n, false, plain), i;

	for (i = 0; i < m; i++)
		snprintf(text + 2 * i, 3, "%02X", plain[i]);
	return text;
}

#define THROUGH(t, command, answer) ck_assert_str_eq(through_hex(t, command), vct_plain(answer))

/* --- cards --- */

/* myeid-blank.yaml with PACE around it. */
static struct vc *pace_card(const char *curve, const char *cipher, const char *rest)
{
	static char text[16384];
	FILE *f = fopen(vct_path("t/cards/myeid-blank.yaml"), "r");
	size_t n = fread(text, 1, sizeof text - 300, f);
	char err[512] = "";
	struct vc *vc;

	fclose(f);
	ck_assert(n > 0 && n < sizeof text - 300);
	snprintf(text + n, 300, "\npace: { can: \"" CAN "\", curve: %s, cipher: %s%s }\n", curve, cipher, rest);
	vc = vct_text(text, err, sizeof err);
	ck_assert_msg(vc != NULL, "%s", err);
	return vc;
}

/* A terminal before a card of that curve and cipher. */
static void meet(struct term *t, const char *curve, const char *cipher, const char *rest)
{
	size_t c = 0, k = 0;

	*t = (struct term){ .vc = pace_card(curve, cipher, rest) };
	while (strcmp(curves[c].word, curve) != 0)
		c++;
	while (strcmp(ciphers[k].word, cipher) != 0)
		k++;
	term_open(t, &curves[c], &ciphers[k]);
}

/*
 * A card whose commands are these: EC gives back what came in (A4 and D7 say 9000), ED as many bytes of
 * 00 01 02... as P1 P2 says, in parts by GET RESPONSE; B0 256 bytes; EE what it is told of the way that the
 * command came: T=0, and the channel. It shows what the channel carries.
 */
static uint16_t echo_run(struct vc_card *c, const uint8_t *in, size_t inlen, struct vc_blob *out)
{
	size_t n, i;

	switch (in[1]) {
	case 0xEC:
	case 0xB1:
		vc_blob_add(out, in, inlen);
		return SW_OK;
	case 0xED:
		c->rest.len = (size_t)(in[2] << 8 | in[3]);
		c->rest_at = 0;
		return 0x6100;
	case 0xC0:
		n = c->rest.len - c->rest_at < 100 ? c->rest.len - c->rest_at : 100;
		for (i = 0; i < n; i++)
			vc_blob_byte(out, (unsigned)(c->rest_at + i) & 0xFF);
		c->rest_at += n;
		return c->rest_at < c->rest.len ? 0x6100 : SW_OK;
	case 0xB0:
		for (i = 0; i < 256; i++)
			vc_blob_byte(out, (unsigned)i);
		return SW_OK;
	case 0xEE:
		vc_blob_byte(out, c->t0);
		vc_blob_byte(out, c->secured);
		return SW_OK;
	case 0xA4:
	case 0xD7:
		return SW_OK;
	default:
		return SW_INS;
	}
}

static const struct vc_model echo = { .name = "echo", .run = echo_run };

static void meet_echo(struct term *t, struct vc_card *c, const char *curve, const char *cipher, size_t max)
{
	struct vc_pace_setup setup = { .can = CAN, .curve = curve, .cipher = cipher, .max = max };
	const char *what;
	size_t i = 0, k = 0;

	memset(c, 0, sizeof *c);
	c->model = &echo;
	c->pace = vc_pace_new(&setup, &what);
	ck_assert(c->pace != NULL);
	*t = (struct term){ .bare = c };
	while (strcmp(curves[i].word, curve) != 0)
		i++;
	while (strcmp(ciphers[k].word, cipher) != 0)
		k++;
	term_open(t, &curves[i], &ciphers[k]);
}

static void hex_eq(const uint8_t *p, const char *hex)
{
	uint8_t want[200];
	int n = vc_hex(hex, want, sizeof want);

	ck_assert(n > 0);
	ck_assert_mem_eq(p, want, (size_t)n);
}

/* --- tests --- */

#define S "3F00C4D39D153F2B2A214A078D899B22"

/* ICAO 9303-11, worked example of generic mapping: facts 2.4. The first part is the password's. */
START_TEST(icao_nonce)
{
	const struct vc_sm_suite *aes = vc_sm_suite("aes-128");
	static const uint8_t iv[16];
	uint8_t k[20], kpi[32], s[16], z[16];

	vc_hex("7E2D2A41C74EA0B38CD36F863939BFA8E9032AAD", k, sizeof k);
	ck_assert(vc_sm_kdf(aes, k, sizeof k, 3, kpi));
	hex_eq(kpi, "89DED1B26624EC1E634C1989302849DD");
	vc_hex(S, s, sizeof s);
	ck_assert(vc_sm_cbc(aes, true, kpi, iv, s, 16, z));
	hex_eq(z, "95A3A016522EE98D01E76CB6B98B42C3");
}
END_TEST

/* DES keys have odd parity; no cipher looks, but the facts say so. */
START_TEST(des_keys_are_odd)
{
	uint8_t key[VC_SM_KEY];
	size_t i;
	unsigned c;

	for (c = 1; c < 20; c++) {
		ck_assert(vc_sm_kdf(vc_sm_suite("3des"), (const uint8_t *)CAN, 6, c, key));
		for (i = 0; i < 16; i++)
			ck_assert_int_eq(__builtin_parity(key[i]), 1);
	}
}
END_TEST

/* The rest of it through the card: its random numbers are the example's. */
START_TEST(icao_example)
{
	static const struct { const char *plain, *wrapped, *answer; } exchange[] = {
		{ "00A4020C02011E", "0CA4020C1D871101EE0E4724F4465C1BE9C2F73ABDD73A3D8E08835D1B54575C955F00",
			"990290008E08BEA7B381C494A0799000" },
		{ "00B0000010", "0CB000000D9701108E08BEBD3975016D258900", NULL },
	};
	uint8_t in[300], wrapped[300], out[LONGEST], plain[LONGEST];
	struct vc_card card;
	struct term t;
	size_t i, n;

	meet_echo(&t, &card, "brainpoolP256r1", "aes-128", 0);
	queue_hex(S);
	queue_hex("498FF49756F2DC1587840041839A85982BE7761D14715FB091EFA7BCE9058560");
	queue_hex("107CF58696EF6155053340FD633392BA81909DF7B9706F226F32086C7AFF974A");
	t.map_key = "7F4EF07B9EA82FD78AD689B38D0BC78CF21F249D953BC46F4C6E19259C010F99";
	t.eph_key = "A73FB703AC1436A18E0CFA5ABB3F7BEC7A070E7A6788486BEE230C4A22762595";
	ck_assert_uint_eq(term_pace(&t), 0x9000);
	ck_assert_uint_eq(taken, queued);
	hex_eq(t.nonce, S);
	hex_eq(t.h + 1, "60332EF2450B5D247EF6D3868397D398852ED6E8CAF6FFEEF6BF85CA57057FD5");
	hex_eq(t.base_point + 1, "8CED63C91426D4F0EB1435E7CB1D74A46723A0AF21C89634F65A9AE87A9265E2");
	hex_eq(t.own, "042DB7A64C0355044EC9DF190514C625CBA2CEA48754887122F3A5EF0D5EDD301C"
		"3556F3B3B186DF10B857B58F6A7EB80F20BA5DC7BE1D43D9BF850149FBB36462");
	hex_eq(t.card, "049E880F842905B8B3181F7AF7CAA9F0EFB743847F44A306D2D28C1D9EC65DF6DB"
		"7764B22277A2EDDC3C265A9F018F9CB852E111B768B326904B59A0193776F094");
	hex_eq(t.shared, "28768D20701247DAE81804C9E780EDE582A9996DB4A315020B2733197DB84925");
	hex_eq(t.kenc, "F5F0E35C0D7161EE6724EE513A0D9A7F");
	hex_eq(t.kmac, "FE251C7858B356B24514B3BD5F4297D1");
	hex_eq(t.token, "C2B0BD78D94BA866");
	hex_eq(t.card_token, "3ABB9674BCE93C08");
	for (i = 0; i < 2; i++) {
		n = (size_t)vc_hex(exchange[i].plain, in, sizeof in);
		n = term_wrap(&t, in, n, false, WHOLE, wrapped);
		hex_eq(wrapped, exchange[i].wrapped);
		ck_assert_uint_eq(n, strlen(exchange[i].wrapped) / 2);
		n = gathered(&t, wrapped, n, out);
		if (exchange[i].answer != NULL) {
			hex_eq(out, exchange[i].answer);
			ck_assert_uint_eq(n, strlen(exchange[i].answer) / 2);
		}
		n = term_unwrap(&t, in[1], out, n, plain);
		ck_assert_uint_eq(vct_sw(plain, n), 0x9000);
	}
	vc_pace_free(card.pace);
	term_close(&t);
}
END_TEST

/* Over the reader, with each curve and cipher: select, read, a wrong PIN, the right one. */
START_TEST(every_curve_and_cipher)
{
	struct term t;
	size_t c, k;
	char access[80];

	for (c = 0; c < sizeof curves / sizeof curves[0]; c++)
		for (k = 0; k < sizeof ciphers / sizeof ciphers[0]; k++) {
			meet(&t, curves[c].word, ciphers[k].word, ", demand: yes");
			snprintf(access, sizeof access, "31143012060A0400 7F000702020402%02X 020102 0201%02X 9000",
				ciphers[k].oid, curves[c].id);
			EXPECT(t.vc, "00 B0 9C 00 00", access);
			ck_assert_uint_eq(term_pace(&t), 0x9000);
			ck_assert(strstr(through_hex(&t, SELECT_APP " 00"), "9000") != NULL);
			THROUGH(&t, "00 A4 08 00 04 50 15 50 31 00",
				"6F178002 00FF 820101 83025031 8603013FFF 85020000 8A0107 9000");
			ck_assert(strncmp(through_hex(&t, "00 B0 00 00 20"), "A80A30080406", 12) == 0);
			THROUGH(&t, "00 20 00 01 08 31 32 33 35 FF FF FF FF", "63C2");
			THROUGH(&t, "00 20 00 01 08 " PIN1, "9000");
			ck_assert_int_eq(vc_pin_is_open(t.vc, 1), 1);
			THROUGH(&t, "00 20 00 01", "9000");
			THROUGH(&t, "00 FF 00 00", "6D00");
			term_close(&t);
		}
}
END_TEST

START_TEST(card_access_is_free)
{
#define ACCESS "31143012060A04007F00070202040204 020102 020110"
	struct term t;

	meet(&t, "brainpoolP384r1", "aes-256", ", demand: yes");
	EXPECT(t.vc, "00 B0 9C 00 00", ACCESS "9000");
	EXPECT(t.vc, "00 B0 9C 02 02", "3012 9000");
	EXPECT(t.vc, "00 B0 9C 14 20", "0110 6282");
	EXPECT(t.vc, "00 B0 9C 16 00", "6B00");
	EXPECT(t.vc, "00 A4 00 0C 02 01 1C", "9000");
	EXPECT(t.vc, "00 B0 00 00 00", ACCESS "9000");
	EXPECT(t.vc, "00 A4 02 04 02 01 1C 00", "620481020016 9000");
	EXPECT(t.vc, "00 B0 00 04 02", "060A 9000");
	/* The MF is free, and takes it from the place of the current file. */
	ck_assert(strstr(vct_ask(t.vc, "00 A4 00 00 02 3F 00"), "9000") != NULL);
	EXPECT(t.vc, "00 B0 00 00 00", "6982");
	/* Through the channel it reads the same. */
	ck_assert_uint_eq(term_pace(&t), 0x9000);
	THROUGH(&t, "00 B0 9C 00 00", ACCESS "9000");
	/* Below the MF, not below the application. */
	ck_assert(strstr(through_hex(&t, SELECT_APP " 00"), "9000") != NULL);
	ck_assert_str_ne(through_hex(&t, "00 B0 9C 00 00"), vct_plain(ACCESS "9000"));
	THROUGH(&t, "00 A4 00 0C 02 01 1C", "6A86");
	THROUGH(&t, "00 A4 08 0C 02 01 1C", "9000");
	THROUGH(&t, "00 B0 00 00 16", ACCESS "9000");
	term_close(&t);
	/* What was current before it is not: nothing is written there. */
	meet(&t, "brainpoolP384r1", "aes-256", "");
	EXPECT(t.vc, "00 A4 00 00 02 2F 00 00", "6F178002 0080 820101 83022F00 8603033FFF 85020000 8A0107 9000");
	EXPECT(t.vc, "00 D6 00 00 01 AA", "6982");
	EXPECT(t.vc, "00 A4 00 0C 02 01 1C", "9000");
	EXPECT(t.vc, "00 D6 00 00 01 AA", "6986");
	term_close(&t);
}
END_TEST

START_TEST(demand_refuses_all_else)
{
	static const char *const refused[] = { SELECT_APP, "00 A4 00 00 02 2F 00", "00 B0 00 00 00", "00 20 00 01",
		("00 20 00 01 08 " PIN1), "00 CA 01 A0 00", "00 84 00 00 08", "00 22 41 B6 06 80 01 02 84 01 00",
		"10 86 00 00 02 7C 00 00", "00 A4 08 00 04 50 15 50 31 00" };
	struct term t;
	size_t i;

	meet(&t, "P-256", "aes-128", ", demand: yes");
	for (i = 0; i < sizeof refused / sizeof refused[0]; i++)
		EXPECT(t.vc, refused[i], "6982");
	ck_assert_int_eq(vc_tries(t.vc, 1), 3);
	ck_assert_uint_eq(term_pace(&t), 0x9000);
	THROUGH(&t, "00 20 00 01 08 " PIN1, "9000");
	/* One of them in the open ends the channel, and what was verified in it. */
	EXPECT(t.vc, "00 20 00 01", "6982");
	ck_assert_int_eq(vc_pin_is_open(t.vc, 1), 0);
	EXPECT(t.vc, "0C 20 00 01 0A 8E 08 00 00 00 00 00 00 00 00 00", "6999");
	ck_assert_uint_eq(term_pace(&t), 0x9000);
	THROUGH(&t, "00 20 00 01", "63C3");
	term_close(&t);
	/* Without a demand the contacts are as open as ever. */
	meet(&t, "P-256", "aes-128", "");
	EXPECT(t.vc, "00 20 00 01 08 " PIN1, "9000");
	EXPECT(t.vc, "0C 20 00 01 0A 8E 08 00 00 00 00 00 00 00 00 00", "6987");
	ck_assert_uint_eq(term_pace(&t), 0x9000);
	THROUGH(&t, "00 20 00 01", "9000");
	EXPECT(t.vc, "00 20 00 01", "63C3");
	term_close(&t);
}
END_TEST

static long ms_since(const struct timespec *from)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - from->tv_sec) * 1000 + (now.tv_nsec - from->tv_nsec) / 1000000;
}

START_TEST(wrong_can)
{
	struct timespec from;
	struct term t;
	int i;

	meet(&t, "brainpoolP256r1", "3des", ", demand: yes, delay: 60");
	t.can = "123457";
	for (i = 0; i < 3; i++) {
		ck_assert_uint_eq(term_pace(&t), 0x6300);
		/* The run is over: no second token. */
		clock_gettime(CLOCK_MONOTONIC, &from);
		ck_assert_uint_eq(raw_hex(&t, "00 86 00 00 0C 7C 0A 85 08 00 00 00 00 00 00 00 00 00", NULL, NULL),
			0x6982);
		ck_assert_int_ge(ms_since(&from), 60L << i);
		clock_gettime(CLOCK_MONOTONIC, &from);
		ck_assert_uint_eq(raw_hex(&t, "00 B0 9C 00 00", NULL, NULL), 0x9000);
		ck_assert_int_lt(ms_since(&from), 60);
	}
	/* A reset does not shorten it; the right CAN ends it. */
	ck_assert_uint_eq(term_pace(&t), 0x6300);
	vc_reset(t.vc);
	t.can = CAN;
	clock_gettime(CLOCK_MONOTONIC, &from);
	ck_assert_uint_eq(term_pace(&t), 0x9000);
	ck_assert_int_ge(ms_since(&from), 480);
	THROUGH(&t, "00 20 00 01 08 " PIN1, "9000");
	t.can = "123457";
	ck_assert_uint_eq(term_pace(&t), 0x6300);
	clock_gettime(CLOCK_MONOTONIC, &from);
	ck_assert_uint_eq(raw_hex(&t, "00 B0 9C 00 00", NULL, NULL), 0x9000);
	ck_assert_int_lt(ms_since(&from), 120);
	ck_assert_int_ge(ms_since(&from), 60);
	term_close(&t);
}
END_TEST

START_TEST(mse_is_checked)
{
#define HEAD "00 22 C1 A4 "
#define OID_OK "80 0A 04 00 7F 00 07 02 02 04 02 02 "
	static const struct { const char *command; unsigned sw; } cases[] = {
		{ HEAD "0F " OID_OK "83 01 02", 0x9000 },
		{ HEAD "12 " OID_OK "83 01 02 84 01 0D", 0x9000 },
		{ HEAD "12 84 01 0D 83 01 02 " OID_OK, 0x9000 },
		{ HEAD "12 " OID_OK "83 01 02 84 01 10", 0x6A88 },
		{ HEAD "0F " OID_OK "83 01 03", 0x6A88 },
		{ HEAD "0F 80 0A 04 00 7F 00 07 02 02 04 02 04 83 01 02", 0x6A80 },
		{ HEAD "0F 80 0A 04 00 7F 00 07 02 02 04 04 02 83 01 02", 0x6A80 },
		{ HEAD "0C " OID_OK, 0x6A80 },
		{ HEAD "03 83 01 02", 0x6A80 },
		{ HEAD "12 " OID_OK "83 01 02 83 01 02", 0x6A80 },
		{ HEAD "10 " OID_OK "83 01 02 84", 0x6A80 },
		{ HEAD "0F " OID_OK "83 02 02", 0x6A80 },
		{ HEAD "13 " OID_OK "83 01 02 7F 4C 01 00", 0x6A80 },
		{ HEAD, 0x6A80 },
	};
	struct term t;
	size_t i;

	meet(&t, "brainpoolP256r1", "aes-128", ", demand: yes");
	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		ck_assert_msg(raw_hex(&t, cases[i].command, NULL, NULL) == cases[i].sw, "%s: not %04X",
			cases[i].command, cases[i].sw);
		/* What was refused starts nothing. */
		ck_assert_uint_eq(raw_hex(&t, "10 86 00 00 02 7C 00 00", NULL, NULL),
			cases[i].sw == 0x9000 ? 0x9000 : 0x6982);
	}
	term_close(&t);
}
END_TEST

/* A command out of turn or of a wrong form ends the run, and a new one goes well. */
START_TEST(steps_are_in_order)
{
	static const struct { int after; const char *command; unsigned sw; } cases[] = {
		{ 1, "00 86 00 00 02 7C 00 00", 0x6A80 },
		{ 1, "10 86 00 00 04 7C 02 80 00 00", 0x6A80 },
		{ 1, "10 86 00 00 02 7C 00", 0x6700 },
		{ 1, "10 86 00 00 00", 0x6700 },
		{ 1, "10 86 01 00 02 7C 00 00", 0x6A86 },
		{ 1, "10 86 00 00 03 7C 00 00 00", 0x6A80 },
		{ 1, "10 86 00 00 02 7D 00 00", 0x6A80 },
		{ 1, "00 86 00 00 0C 7C 0A 85 08 00 00 00 00 00 00 00 00 00", 0x6A80 },
		{ 1, "00 A4 00 00 02 3F 00", 0x9000 },
		{ 2, "10 86 00 00 02 7C 00 00", 0x6A80 },
		{ 2, "10 86 00 00 06 7C 04 81 02 04 00 00", 0x6A80 },
		{ 2, "10 86 00 00 05 7C 03 81 01 00 00", 0x6A80 },
		{ 3, "10 86 00 00 05 7C 03 83 01 00 00", 0x6A80 },
		{ 4, "10 86 00 00 0C 7C 0A 85 08 00 00 00 00 00 00 00 00 00", 0x6A80 },
		{ 4, "00 86 00 00 08 7C 06 85 04 00 00 00 00 00", 0x6A80 },
	};
	unsigned (*const step[])(struct term *) = { term_mse, term_nonce, term_map, term_agree };
	struct term t;
	size_t i;
	int k;

	meet(&t, "brainpoolP256r1", "aes-128", ", demand: yes");
	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		for (k = 0; k < cases[i].after; k++)
			ck_assert_uint_eq(step[k](&t), 0x9000);
		ck_assert_msg(raw_hex(&t, cases[i].command, NULL, NULL) == cases[i].sw, "%s: not %04X",
			cases[i].command, cases[i].sw);
		ck_assert_uint_eq(raw_hex(&t, "10 86 00 00 02 7C 00 00", NULL, NULL), 0x6982);
	}
	for (k = 0; k < 4; k++)
		ck_assert_uint_eq(step[k](&t), 0x9000);
	vc_reset(t.vc);
	ck_assert_uint_eq(term_token(&t), 0x6982);
	ck_assert_uint_eq(term_pace(&t), 0x9000);
	term_close(&t);
}
END_TEST

/* Points that are none, of another curve, or our own come to nothing. */
START_TEST(points_are_checked)
{
	static const struct { uint8_t step, tag; } at[] = { { 2, 0x81 }, { 3, 0x83 } };
	unsigned (*const step[])(struct term *) = { term_mse, term_nonce, term_map };
	uint8_t point[133] = { 0 }, out[300];
	struct term t;
	size_t i, k, n;
	EC_GROUP *other = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);

	meet(&t, "brainpoolP256r1", "aes-128", "");
	for (i = 0; i < 2; i++)
		for (k = 0; k < 5; k++) {
			for (n = 0; n < at[i].step; n++)
				ck_assert_uint_eq(step[n](&t), 0x9000);
			point_put(&t, EC_GROUP_get0_generator(t.group), point);
			n = 65;
			switch (k) {
			case 0:         /* next to the curve */
				point[64] ^= 1;
				break;
			case 1:         /* 04 and nothing: no way to write infinity */
				memset(point + 1, 0, 64);
				break;
			case 2:         /* compressed */
				point[0] = 0x02 | (point[64] & 1);
				n = 33;
				break;
			case 3:         /* of another curve */
				EC_POINT_point2oct(other, EC_GROUP_get0_generator(other),
					POINT_CONVERSION_UNCOMPRESSED, point, sizeof point, NULL);
				break;
			default:        /* longer */
				n = 66;
				break;
			}
			ck_assert_uint_eq(term_ga(&t, 0x10, at[i].tag, point, n, out, &n), 0x6A80);
			ck_assert_uint_eq(raw_hex(&t, "00 84 00 00 08", NULL, NULL), 0x9000);
		}
	/* The card's key is the terminal's: both take 1 for their second private number. */
	queue_hex(S);
	queue_hex("0000000000000000000000000000000000000000000000000000000000000005");
	queue_hex("0000000000000000000000000000000000000000000000000000000000000001");
	t.eph_key = "1";
	ck_assert_uint_eq(term_pace(&t), 0x6A80);
	/* Private numbers of 0, or not below the order, are drawn again. */
	queue_hex(S);
	queue_hex("0000000000000000000000000000000000000000000000000000000000000000");
	queue_hex("A9FB57DBA1EEA9BC3E660A909D838D718C397AA3B561A6F7901E0E82974856A7");
	queue_hex("0000000000000000000000000000000000000000000000000000000000000005");
	queue_hex("FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF");
	queue_hex("0000000000000000000000000000000000000000000000000000000000000002");
	ck_assert_uint_eq(term_pace(&t), 0x9000);
	ck_assert_uint_eq(taken, queued);
	/* G' at infinity: s G + H = O, as the nonce and the mapping make it. */
	vc_reset(t.vc);
	queue_hex("00000000000000000000000000000002");
	queue_hex("A9FB57DBA1EEA9BC3E660A909D838D718C397AA3B561A6F7901E0E82974856A5");
	t.map_key = "1";
	ck_assert_uint_eq(term_mse(&t), 0x9000);
	ck_assert_uint_eq(term_nonce(&t), 0x9000);
	point_put(&t, EC_GROUP_get0_generator(t.group), point);
	ck_assert_uint_eq(term_ga(&t, 0x10, 0x81, point, 65, out, &n), 0x6A80);
	ck_assert_uint_eq(taken, queued);
	EC_GROUP_free(other);
	term_close(&t);
}
END_TEST

/* A wrapped command that is not right is answered in the open, and that was the channel. */
START_TEST(spoilt_commands_end_the_channel)
{
	static const struct { enum spoil spoil; const char *command; unsigned sw; } cases[] = {
		{ NO_MAC, "00 20 00 01 08 " PIN1, 0x6987 },
		{ NO_MAC, "00 B0 00 00 10", 0x6987 },
		{ BAD_MAC, "00 20 00 01 08 " PIN1, 0x6988 },
		{ BAD_MAC, "00 20 00 01", 0x6988 },
		{ SHORT_MAC, "00 20 00 01 08 " PIN1, 0x6988 },
		{ OLD_SSC, "00 20 00 01 08 " PIN1, 0x6988 },
		{ BAD_INDICATOR, "00 20 00 01 08 " PIN1, 0x6988 },
		{ BAD_PADDING, "00 20 00 01 08 " PIN1, 0x6988 },
		{ LONG_PADDING, "00 20 00 01 08 " PIN1, 0x6988 },
		{ PART_BLOCK, "00 20 00 01 08 " PIN1, 0x6988 },
		{ TWO_LE, "00 B0 00 00 10", 0x6988 },
		{ LONG_LE, "00 B0 00 00 10", 0x6988 },
		{ DATA_AFTER_LE, "00 20 00 01", 0x6988 },
		{ UNKNOWN_OBJECT, "00 20 00 01", 0x6988 },
		{ AFTER_MAC, "00 20 00 01 08 " PIN1, 0x6988 },
		{ WRONG_PARITY, "00 20 00 01 08 " PIN1, 0x6988 },
		{ BAD_TLV, "00 20 00 01 08 " PIN1, 0x6988 },
		{ OTHER_HEADER, "00 20 00 01 08 " PIN1, 0x6988 },
		{ NO_LE, "00 20 00 01 08 " PIN1, 0x6700 },
	};
	uint8_t in[300], wrapped[600], out[LONGEST];
	struct term t;
	size_t i, k, n;

	for (k = 0; k < 2; k++) {
		meet(&t, "P-256", k == 0 ? "3des" : "aes-256", ", demand: yes");
		for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
			ck_assert_uint_eq(term_pace(&t), 0x9000);
			THROUGH(&t, "00 20 00 01", "63C3");
			n = (size_t)vc_hex(cases[i].command, in, sizeof in);
			n = term_wrap(&t, in, n, false, cases[i].spoil, wrapped);
			n = raw(&t, wrapped, n, out);
			ck_assert_msg(n == 2 && vct_sw(out, n) == cases[i].sw, "%s spoilt by %d: %04X, not %04X",
				cases[i].command, cases[i].spoil, vct_sw(out, n), cases[i].sw);
			/* Not even a right one goes through now, and no try was lost. */
			n = (size_t)vc_hex("00 20 00 01", in, sizeof in);
			n = raw(&t, wrapped, term_wrap(&t, in, n, false, WHOLE, wrapped), out);
			ck_assert_uint_eq(vct_sw(out, n), 0x6999);
			ck_assert_int_eq(vc_tries(t.vc, 1), 3);
		}
		term_close(&t);
	}
}
END_TEST

/* A wrapped VERIFY, each bit of it turned (but of the outer Le, which nothing guards), and each prefix. */
START_TEST(every_bit_counts)
{
	uint8_t in[300], wrapped[600], bad[600], out[LONGEST];
	struct term t;
	size_t i, n, m;

	meet(&t, "P-256", "aes-128", ", demand: yes");
	n = (size_t)vc_hex("00 20 00 01 08 31 32 33 35 FF FF FF FF", in, sizeof in);
	ck_assert_uint_eq(term_pace(&t), 0x9000);
	m = term_wrap(&t, in, n, false, WHOLE, wrapped);
	for (i = 0; i < 8 * (m - 1) + m; i++) {
		if (i != 0) {
			ck_assert_uint_eq(term_pace(&t), 0x9000);
			m = term_wrap(&t, in, n, false, WHOLE, wrapped);
		}
		memcpy(bad, wrapped, m);
		if (i < 8 * (m - 1))
			bad[i / 8] ^= (uint8_t)(1U << (i % 8));
		n = raw(&t, bad, i < 8 * (m - 1) ? m : i - 8 * (m - 1), out);
		ck_assert_msg(n == 2 && vct_sw(out, n) != 0x9000 && out[0] != 0x63, "case %zu: %zu bytes, %04X", i, n,
			vct_sw(out, n));
		ck_assert_int_eq(vc_tries(t.vc, 1), 3);
		n = (size_t)vc_hex("00 20 00 01 08 31 32 33 35 FF FF FF FF", in, sizeof in);
	}
	term_close(&t);
}
END_TEST

/* Replay, and what a reset or removal leaves. */
START_TEST(a_command_counts_once)
{
	uint8_t in[300], wrapped[600], out[LONGEST];
	struct term t;
	size_t n, m;

	meet(&t, "P-256", "aes-192", "");
	ck_assert_uint_eq(term_pace(&t), 0x9000);
	n = (size_t)vc_hex("00 20 00 01", in, sizeof in);
	m = term_wrap(&t, in, n, false, WHOLE, wrapped);
	n = raw(&t, wrapped, m, out);
	ck_assert_uint_eq(term_unwrap(&t, 0x20, out, n, in), 2);
	n = raw(&t, wrapped, m, out);
	ck_assert(n == 2 && vct_sw(out, n) == 0x6988);

	ck_assert_uint_eq(term_pace(&t), 0x9000);
	THROUGH(&t, "00 20 00 01 08 " PIN1, "9000");
	vc_reset(t.vc);
	n = (size_t)vc_hex("00 20 00 01", in, sizeof in);
	n = raw(&t, wrapped, term_wrap(&t, in, n, false, WHOLE, wrapped), out);
	ck_assert(n == 2 && vct_sw(out, n) == 0x6987);
	ck_assert_uint_eq(term_pace(&t), 0x9000);
	THROUGH(&t, "00 20 00 01", "63C3");
	vc_remove(t.vc);
	vc_insert(t.vc);
	n = (size_t)vc_hex("00 20 00 01", in, sizeof in);
	n = raw(&t, wrapped, term_wrap(&t, in, n, false, WHOLE, wrapped), out);
	ck_assert(n == 2 && vct_sw(out, n) == 0x6987);
	term_close(&t);
}
END_TEST

/* SELECT of the MF is still answered through the channel, which is gone then. Facts on FINEID 3.2. */
START_TEST(the_mf_ends_the_channel)
{
	static const char *const ways[] = { "00 A4 00 00 02 3F 00 00", "00 A4 00 00 00" };
	uint8_t in[300], wrapped[600], out[LONGEST];
	struct term t;
	size_t n, i;

	meet(&t, "brainpoolP384r1", "aes-256", ", demand: yes");
	for (i = 0; i < sizeof ways / sizeof ways[0]; i++) {
		ck_assert_uint_eq(term_pace(&t), 0x9000);
		THROUGH(&t, "00 20 00 01 08 " PIN1, "9000");
		THROUGH(&t, "00 A4 00 00 02 2F 00 00",
			"6F178002 0080 820101 83022F00 8603033FFF 85020000 8A0107 9000");
		ck_assert(strstr(through_hex(&t, ways[i]), "83023F00") != NULL);
		n = (size_t)vc_hex("00 B0 00 00 10", in, sizeof in);
		n = raw(&t, wrapped, term_wrap(&t, in, n, false, WHOLE, wrapped), out);
		ck_assert(n == 2 && vct_sw(out, n) == 0x6999);
		ck_assert_int_eq(vc_pin_is_open(t.vc, 1), 0);
		EXPECT(t.vc, SELECT_APP, "6982");
	}
	/* One that fails does not. */
	ck_assert_uint_eq(term_pace(&t), 0x9000);
	THROUGH(&t, "00 A4 00 0C 02 3F 00", "6A86");
	THROUGH(&t, "00 20 00 01", "63C3");
	term_close(&t);
}
END_TEST

/* Odd INS have object 85, chains keep their bit, lengths arrive as they were sent. */
START_TEST(the_channel_carries_what_was_meant)
{
	static const char *const same[] = { "00 EC 01 02", "00 EC 01 02 00", "00 EC 01 02 7F",
		"00 EC 00 00 01 AA", "00 EC 00 00 07 01 02 03 04 05 06 07 10", "10 EC 00 00 08 01 02 03 04 05 06 07 80 00",
		"00 EC 00 00 0F 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00", "00 B1 00 00 04 54 02 00 00 00",
		"00 EC 00 00 10 80 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00" };
	uint8_t in[300], plain[LONGEST];
	struct vc_card card;
	struct term t;
	size_t i, k, n, m;

	for (k = 0; k < sizeof ciphers / sizeof ciphers[0]; k++) {
		meet_echo(&t, &card, "P-256", ciphers[k].word, 0);
		ck_assert_uint_eq(term_pace(&t), 0x9000);
		for (i = 0; i < 2 * sizeof same / sizeof same[0]; i++) {
			n = (size_t)vc_hex(same[i / 2], in, sizeof in);
			m = through(&t, in, n, i % 2 == 1, plain);
			ck_assert_msg(m == n + 2, "%s: %zu bytes, not %zu", same[i / 2], m, n + 2);
			ck_assert_mem_eq(plain, in, n);
		}
		THROUGH(&t, "00 D7 00 00 05 54 01 00 53 00", "9000");
		/* 256 commands are one byte of the counter, and more. */
		for (i = 0; i < 300; i++)
			THROUGH(&t, "00 EC 00 00", "00EC0000 9000");
		vc_pace_free(card.pace);
		term_close(&t);
	}
}
END_TEST

/* The buffers of the cards: facts on the Gemalto applets, section 4. */
START_TEST(lengths_are_limited)
{
	static const struct { const char *cipher; size_t max, limit; } cases[] = {
		{ "3des", 0, 239 }, { "aes-256", 0, 231 }, { "aes-128", 0, 231 }, { "3des", 100, 100 }
	};
	uint8_t in[300] = { 0x00, 0xEC, 0x00, 0x00 }, plain[LONGEST];
	struct vc_card card;
	struct term t;
	size_t i, k, n;

	for (k = 0; k < sizeof cases / sizeof cases[0]; k++) {
		meet_echo(&t, &card, "P-256", cases[k].cipher, cases[k].max);
		ck_assert_uint_eq(term_pace(&t), 0x9000);
		for (i = cases[k].limit; i <= cases[k].limit + 1; i++) {
			memset(in + 5, 0x5A, i);
			in[1] = 0xD7;
			in[4] = (uint8_t)i;
			n = through(&t, in, 5 + i, true, plain);
			ck_assert_uint_eq(n, 2);
			ck_assert_uint_eq(vct_sw(plain, n), i == cases[k].limit ? 0x9000 : 0x6700);
			/* Le 00 is what there is room for. */
			in[1] = 0xB0;
			in[4] = (uint8_t)i;
			n = through(&t, in, 5, false, plain);
			ck_assert_uint_eq(vct_sw(plain, n), i == cases[k].limit ? 0x9000 : 0x6700);
			in[4] = 0;
			n = through(&t, in, 5, false, plain);
			ck_assert_uint_eq(n, cases[k].limit + 2);
			ck_assert_uint_eq(vct_sw(plain, n), 0x9000);
		}
		vc_pace_free(card.pace);
		term_close(&t);
	}
}
END_TEST

/*
 * A signature is as long as it is: it comes in parts, with GET RESPONSE in the open, or at once where the
 * command was extended. The model's own parts are put together in the card.
 */
START_TEST(long_answers_come_in_parts)
{
	static const struct { size_t len; unsigned parts; } cases[] = {
		{ 0, 0 }, { 64, 0 }, { 223, 0 }, { 224, 1 }, { 256, 1 }, { 384, 1 }, { 512, 2 }, { 1900, 7 }
	};
	uint8_t in[] = { 0x00, 0xED, 0x00, 0x00, 0x00 }, plain[LONGEST], wrapped[600], out[LONGEST];
	struct vc_card card;
	struct term t;
	size_t i, k, n;

	meet_echo(&t, &card, "brainpoolP384r1", "aes-256", 0);
	ck_assert_uint_eq(term_pace(&t), 0x9000);
	for (i = 0; i < 2 * sizeof cases / sizeof cases[0]; i++) {
		in[2] = (uint8_t)(cases[i / 2].len >> 8);
		in[3] = (uint8_t)cases[i / 2].len;
		t.resends = 0;
		n = through(&t, in, sizeof in, i % 2 == 1, plain);
		ck_assert_uint_eq(n, cases[i / 2].len + 2);
		ck_assert_uint_eq(vct_sw(plain, n), 0x9000);
		for (k = 0; k < n - 2; k++)
			ck_assert_uint_eq(plain[k], k & 0xFF);
		ck_assert_uint_eq(t.resends, i % 2 == 1 ? 0 : cases[i / 2].parts);
	}
	/* Another command between the parts: they are gone. */
	in[2] = 2;
	raw(&t, wrapped, term_wrap(&t, in, sizeof in, false, WHOLE, wrapped), out);
	ssc_next(&t);
	THROUGH(&t, "00 EC 00 00", "00EC0000 9000");
	ck_assert_uint_eq(raw_hex(&t, "00 C0 00 00 00", NULL, &n), 0x9000);
	ck_assert_uint_eq(n, 2);
	ck_assert_uint_eq(term_pace(&t), 0x9000);
	/* So is the channel, when the other is in the open. */
	in[2] = 2;
	n = raw(&t, wrapped, term_wrap(&t, in, sizeof in, false, WHOLE, wrapped), out);
	ck_assert_uint_eq(n, 258);
	ck_assert_uint_eq(out[256], 0x61);
	ck_assert_uint_eq(raw_hex(&t, "00 EC 00 00", NULL, NULL), 0x9000);
	ck_assert_uint_eq(raw_hex(&t, "00 C0 00 00 00", NULL, &n), 0x9000);
	ck_assert_uint_eq(n, 2);
	ssc_next(&t);
	n = raw(&t, wrapped, term_wrap(&t, in, sizeof in, false, WHOLE, wrapped), out);
	ck_assert(n == 2 && vct_sw(out, n) == 0x6999);
	vc_pace_free(card.pace);
	term_close(&t);
}
END_TEST

/* A file through the channel, `step` bytes at a time. */
static size_t file_read(struct term *t, size_t step, uint8_t *out, size_t cap)
{
	uint8_t in[] = { 0x00, 0xB0, 0x00, 0x00, (uint8_t)step };
	size_t n, at = 0;

	for (;;) {
		in[2] = (uint8_t)(at >> 8);
		in[3] = (uint8_t)at;
		ck_assert_uint_le(at + step + 2, cap);
		n = through(t, in, sizeof in, false, out + at);
		ck_assert(vct_sw(out + at, n) == 0x9000 || vct_sw(out + at, n) == 0x6282);
		at += n - 2;
		if (n - 2 < step)
			return at;
	}
}

/* Whether a signature of 00 01 02... is that of the certificate which was read. */
static bool signature_fits(const uint8_t *cert, size_t certlen, size_t hashlen, const uint8_t *sig, size_t n)
{
	X509 *x = d2i_X509(NULL, &cert, (long)certlen);
	EVP_PKEY *key = X509_get_pubkey(x);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
	uint8_t hash[64], *der = NULL;
	ECDSA_SIG *rs;
	size_t i;
	bool ok;

	for (i = 0; i < hashlen; i++)
		hash[i] = (uint8_t)i;
	ck_assert(EVP_PKEY_verify_init(ctx) == 1);
	if (EVP_PKEY_is_a(key, "EC")) {
		rs = ECDSA_SIG_new();
		ECDSA_SIG_set0(rs, BN_bin2bn(sig, (int)n / 2, NULL), BN_bin2bn(sig + n / 2, (int)n / 2, NULL));
		n = (size_t)i2d_ECDSA_SIG(rs, &der);
		ECDSA_SIG_free(rs);
		sig = der;
	} else {
		ck_assert(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1 &&
			EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()) == 1);
	}
	ok = EVP_PKEY_verify(ctx, sig, n, hash, hashlen) == 1;
	OPENSSL_free(der);
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(key);
	X509_free(x);
	return ok;
}

#define BLOCK_1234 "31 32 33 34 00 00 00 00 00 00 00 00"
#define HASH_32 "00 01 02 03 04 05 06 07 08 09 0A 0B 0C 0D 0E 0F 10 11 12 13 14 15 16 17 18 19 1A 1B 1C 1D 1E 1F"
#define HASH_48 HASH_32 " 20 21 22 23 24 25 26 27 28 29 2A 2B 2C 2D 2E 2F"

/* The cards of the images: what a driver does with them, and how they end it. */
START_TEST(fineid_contactless)
{
	static const struct {
		const char *image, *can, *mse, *env, *hash;
		size_t curve, cipher, step, hashlen, siglen;
	} cases[] = {
		/* This MSE:SET AT was recorded with a real card. */
		{ "fineid-v4-nfc.yaml", "123456", "00 22 C1 A4 12 80 0A 04 00 7F 00 07 02 02 04 02 04 83 01 02 84 01 10",
			"00 22 41 B6 06 80 01 54 84 01 01", "00 2A 90 A0 32 90 30 " HASH_48, 3, 3, 231, 48, 96 },
		{ "fineid-v3-nfc.yaml", "654321", "00 22 C1 A4 0F 80 0A 04 00 7F 00 07 02 02 04 02 01 83 01 02",
			"00 22 41 B6 06 80 01 42 84 01 01", "00 2A 90 A0 22 90 20 " HASH_32, 1, 0, 100, 32, 256 },
	};
	static const char *const closed[] = { ("00 A4 04 0C 0C " AID), "00 A4 04 0C 07 A0 00 00 02 47 10 01",
		"00 20 00 11", "00 CB 00 FF 05 A0 03 83 01 11 00", "00 A4 08 04 02 43 31 00", "00 A4 00 0C 02 2F 00",
		"80 CA 9F 7F 2D" };
	uint8_t cert[3000], in[100], sig[LONGEST];
	struct term t;
	size_t i, k, n, certlen;

	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		t = (struct term){ .vc = vct_card(cases[i].image) };
		term_open(&t, &curves[cases[i].curve], &ciphers[cases[i].cipher]);
		t.can = cases[i].can;
		ck_assert(vc_atr(t.vc, in, sizeof in) > 4 && in[0] == 0x3B && in[1] == 0x8F && in[2] == 0x80);
		for (k = 0; k < sizeof closed / sizeof closed[0]; k++)
			EXPECT(t.vc, closed[k], "6982");
		EXPECT(t.vc, "00 A4 00 0C 02 3F 00", "9000");
		ck_assert_uint_eq(raw_hex(&t, "00 B0 9C 00 00", NULL, NULL), 0x9000);
		ck_assert_uint_eq(raw_hex(&t, cases[i].mse, NULL, NULL), 0x9000);
		ck_assert_uint_eq(term_nonce(&t), 0x9000);
		ck_assert_uint_eq(term_map(&t), 0x9000);
		ck_assert_uint_eq(term_agree(&t), 0x9000);
		ck_assert_uint_eq(term_token(&t), 0x9000);
		/* The travel document is open to the channel; this is another application. */
		THROUGH(&t, "00 A4 04 0C 07 A0 00 00 02 47 10 01", "9000");
		THROUGH(&t, "00 A4 04 0C 0C " AID, "9000");
		ck_assert_uint_eq(strlen(through_hex(&t, "00 A4 08 04 02 43 31 00")), 16);
		certlen = file_read(&t, cases[i].step, cert, sizeof cert);
		n = (size_t)vc_hex("00 B0 00 00 00", in, sizeof in);
		in[4] = (uint8_t)(cases[i].step + 1);
		n = through(&t, in, n, false, sig);
		ck_assert(n == 2 && vct_sw(sig, n) == 0x6700);
		THROUGH(&t, "00 20 00 11", "63C5");
		THROUGH(&t, "00 20 00 11 0C " BLOCK_1234, "9000");
		THROUGH(&t, cases[i].env, "9000");
		THROUGH(&t, cases[i].hash, "9000");
		n = (size_t)vc_hex("00 2A 9E 9A 00", in, sizeof in);
		n = through(&t, in, n, false, sig);
		ck_assert_uint_eq(n, cases[i].siglen + 2);
		ck_assert(signature_fits(cert, certlen, cases[i].hashlen, sig, n - 2));
		/* Files of the MF: at the end, for that is the end. */
		THROUGH(&t, "00 A4 00 0C 02 3F 00", "9000");
		EXPECT(t.vc, "0C A4 08 0C 02 2F 00 00", "6999");
		EXPECT(t.vc, "00 A4 04 0C 0C " AID, "6982");
		ck_assert_int_eq(vc_pin_is_open(t.vc, 1), 0);
		term_close(&t);
	}
}
END_TEST

/* Over T=0 all of ours comes by GET RESPONSE; the model does not see it from within the channel. */
START_TEST(by_t0)
{
	struct vc_card card;
	uint8_t out[LONGEST];
	struct term t;
	size_t n;

	meet_echo(&t, &card, "brainpoolP384r1", "aes-256", 0);
	card.t0 = true;
	t.t0 = true;
	ck_assert_uint_eq(raw_hex(&t, "00 B0 9C 00 00", NULL, NULL), 0x6C16);
	ck_assert_uint_eq(raw_hex(&t, "00 B0 9C 00 16", NULL, &n), 0x9000);
	ck_assert_uint_eq(n, 24);
	ck_assert_uint_eq(raw_hex(&t, "00 EE 00 00 02", out, &n), 0x9000);
	ck_assert_mem_eq(out, "\1\0", 2);
	ck_assert_uint_eq(term_pace(&t), 0x9000);
	ck_assert_uint_eq(t.resends, 4);
	THROUGH(&t, "00 EE 00 00 02", "0001 9000");
	THROUGH(&t, "00 EC 00 00 02 01 02 00", "00EC0000020102 00 9000");
	ck_assert_uint_eq(t.resends, 6);
	ck_assert_uint_eq(strlen(through_hex(&t, "00 ED 01 00 00")), 2 * 256 + 4);
	/* A wrong Le is told, and loses nothing. */
	t.t0 = false;
	ck_assert_uint_eq(term_mse(&t), 0x9000);
	ck_assert_uint_eq(raw_hex(&t, "10 86 00 00 02 7C 00", NULL, NULL), 0x6114);
	ck_assert_uint_eq(raw_hex(&t, "00 C0 00 00 20", NULL, NULL), 0x6C14);
	ck_assert_uint_eq(raw_hex(&t, "00 C0 00 00 10", NULL, NULL), 0x6104);
	ck_assert_uint_eq(raw_hex(&t, "00 C0 00 00 04", NULL, &n), 0x9000);
	ck_assert_uint_eq(n, 6);
	vc_pace_free(card.pace);
	term_close(&t);
}
END_TEST

/* PACE comes with the image that is extended, or is given anew; errors name the file where they are. */
START_TEST(images_extend)
{
	char dir[] = "/tmp/vct-pace-XXXXXX", base[64], image[64], err[512];
	static const struct { const char *base, *image, *want; } cases[] = {
		{ "pace: { can: \"1\", curve: P-256, cipher: 3des }", "", NULL },
		{ "", "pace: { can: \"1\", curve: P-256, cipher: 3des }", NULL },
		{ "pace: { can: \"1\" }", "pace: { can: \"1\", curve: P-256, cipher: 3des }", NULL },
		{ "pace: { can: \"1\" }", "", "base.yaml:4: 'cipher'" },
		{ "", "pace: { can: \"1\" }", "image.yaml:2: 'cipher'" },
	};
	struct vc *vc;
	size_t i;
	FILE *f;

	ck_assert(mkdtemp(dir) != NULL);
	snprintf(base, sizeof base, "%s/base.yaml", dir);
	snprintf(image, sizeof image, "%s/image.yaml", dir);
	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		f = fopen(base, "w");
		fprintf(f, "schema: 1\nos: mute\natr: 3B00\n%s\n", cases[i].base);
		fclose(f);
		f = fopen(image, "w");
		fprintf(f, "extends: base.yaml\n%s\n", cases[i].image);
		fclose(f);
		vc = vc_new(image, err, sizeof err);
		ck_assert_msg((vc != NULL) == (cases[i].want == NULL), "%zu: %s", i, err);
		if (vc != NULL)
			EXPECT(vc, "00 B0 9C 00 00", "31143012060A04007F00070202040201 020102 02010C 9000");
		else
			ck_assert_msg(strstr(err, cases[i].want) != NULL, "%s, not %s", err, cases[i].want);
		vc_free(&vc);
	}
	unlink(base);
	unlink(image);
	rmdir(dir);
}
END_TEST

START_TEST(images_are_checked)
{
	static const struct { const char *pace, *want; } cases[] = {
		{ "{ can: \"12x\", curve: P-256, cipher: 3des }", ":5: 'can' must be" },
		{ "{ can: \"12345678901234567\", curve: P-256, cipher: 3des }", ":5: 'can' must be" },
		{ "{ curve: P-256, cipher: 3des }", ":5: 'can' must be" },
		{ "{ can: \"1\", curve: P-255, cipher: 3des }", ":5: 'curve' must be one of: brainpoolP256r1," },
		{ "{ can: \"1\", cipher: 3des }", ":5: 'curve' must be" },
		{ "{ can: \"1\", curve: P-256, cipher: des }", ":5: 'cipher' must be one of: 3des," },
		{ "{ can: \"1\", curve: P-256 }", ":5: 'cipher' must be" },
		{ "{ can: \"1\", curve: P-256, cipher: 3des, demand: maybe }", ":5: 'demand' must be yes or no" },
		{ "{ can: \"1\", curve: P-256, cipher: 3des, delay: -1 }", ":5: 'delay' must be" },
		{ "{ can: \"1\", curve: P-256, cipher: 3des, max: 256 }", ":5: 'max' must be" },
		{ "{ pin: 1 }", ":5: unknown key 'pin'" },
		{ "no", ":5: a mapping" },
	};
	char text[400], err[512];
	size_t i;

	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		snprintf(text, sizeof text, "schema: 1\nos: mute\natr: 3B00\n\npace: %s\n", cases[i].pace);
		err[0] = '\0';
		ck_assert(vct_text(text, err, sizeof err) == NULL);
		ck_assert_msg(strstr(err, cases[i].want) != NULL, "%s, not %s", err, cases[i].want);
	}
}
END_TEST

UNIT_MAIN("vc_pace", icao_nonce, des_keys_are_odd, icao_example, every_curve_and_cipher, card_access_is_free,
	demand_refuses_all_else, wrong_can, mse_is_checked, steps_are_in_order, points_are_checked,
	spoilt_commands_end_the_channel, every_bit_counts, a_command_counts_once, the_mf_ends_the_channel,
	the_channel_carries_what_was_meant, lengths_are_limited, long_answers_come_in_parts, fineid_contactless, by_t0, images_extend,
	images_are_checked)

/* A terminal: PACE with generic mapping, and secure messaging. Source: facts on ICAO 9303-11; BSI TR-03110-3. */
#include "t/vcard/vct_term.h"

#include <openssl/objects.h>

#include "t/vcard/vc_pace.h"
#include "t/vcard/vct.h"

const struct term_cipher term_ciphers[TERM_CIPHERS] = {
	{ "3des", "SHA1", "DES-EDE-CBC", NULL, 16, 8, 1 },
	{ "aes-128", "SHA1", "AES-128-CBC", "AES-128-ECB", 16, 16, 2 },
	{ "aes-192", "SHA256", "AES-192-CBC", "AES-192-ECB", 24, 16, 3 },
	{ "aes-256", "SHA256", "AES-256-CBC", "AES-256-ECB", 32, 16, 4 },
};

const struct term_curve term_curves[TERM_CURVES] = {
	{ "P-256", NID_X9_62_prime256v1, 12 }, { "brainpoolP256r1", NID_brainpoolP256r1, 13 },
	{ "P-384", NID_secp384r1, 15 }, { "brainpoolP384r1", NID_brainpoolP384r1, 16 },
	{ "brainpoolP512r1", NID_brainpoolP512r1, 17 }, { "P-521", NID_secp521r1, 18 },
};

static size_t raw_once(struct term *t, const uint8_t *in, size_t n, uint8_t *out)
{
	struct vc_blob answer = { .len = 0 };
	uint16_t sw;

	if (t->vc != NULL)
		return vc_apdu(t->vc, in, n, out, TERM_LONGEST);
	sw = vc_pace_run(t->bare, in, n, &answer);
	vc_blob_byte(&answer, sw >> 8);
	vc_blob_byte(&answer, sw & 0xFF);
	memcpy(out, answer.p, answer.len);
	return answer.len;
}

size_t term_raw(struct term *t, const uint8_t *in, size_t n, uint8_t *out)
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

unsigned term_raw_hex(struct term *t, const char *hex, uint8_t *out, size_t *len)
{
	uint8_t in[600], own[TERM_LONGEST];
	int n = vc_hex(hex, in, sizeof in);
	size_t got;

	ck_assert(n > 0);
	got = term_raw(t, in, (size_t)n, out != NULL ? out : own);
	if (len != NULL)
		*len = got;
	return vct_sw(out != NULL ? out : own, got);
}

static void cbc(const struct term_cipher *c, bool encrypt, const uint8_t *key, const uint8_t *iv,
	const uint8_t *in, size_t n, uint8_t *out)
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

static void kdf(const struct term_cipher *c, const uint8_t *secret, size_t n, uint8_t number, uint8_t *out)
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
static void mac8(const struct term_cipher *c, const uint8_t *key, const uint8_t *p, size_t n, uint8_t out[8])
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

void term_open(struct term *t, const char *curve, const char *cipher)
{
	size_t c = 0, k = 0;

	while (strcmp(term_curves[c].word, curve) != 0)
		c++;
	while (strcmp(term_ciphers[k].word, cipher) != 0)
		k++;
	t->can = TERM_CAN;
	t->curve = &term_curves[c];
	t->cipher = &term_ciphers[k];
	t->group = EC_GROUP_new_by_curve_name(t->curve->nid);
	t->field = ((size_t)EC_GROUP_get_degree(t->group) + 7) / 8;
	t->base = EC_POINT_new(t->group);
}

void term_close(struct term *t)
{
	EC_POINT_free(t->base);
	EC_GROUP_free(t->group);
	vc_free(&t->vc);
}

/* MSE:SET AT with the right values; the status word. */
unsigned term_mse(struct term *t)
{
	uint8_t in[] = { 0x00, 0x22, 0xC1, 0xA4, 0x12, 0x80, 0x0A, 0x04, 0x00, 0x7F, 0x00, 0x07, 0x02, 0x02,
		0x04, 0x02, t->cipher->oid, 0x83, 0x01, 0x02, 0x84, 0x01, t->curve->id };
	uint8_t out[TERM_LONGEST];

	return vct_sw(out, term_raw(t, in, sizeof in, out));
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
unsigned term_ga(struct term *t, uint8_t cla, uint8_t tag, const uint8_t *value, size_t len,
	uint8_t *out, size_t *outlen)
{
	uint8_t in[300] = { cla, 0x86, 0x00, 0x00 }, answer[TERM_LONGEST];
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
	got = term_raw(t, in, n, answer);
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

unsigned term_nonce(struct term *t)
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

void term_point(const struct term *t, const EC_POINT *p, uint8_t *out)
{
	ck_assert(EC_POINT_point2oct(t->group, p, POINT_CONVERSION_UNCOMPRESSED, out, 133, NULL) ==
		1 + 2 * t->field);
}

unsigned term_map(struct term *t)
{
	EC_POINT *p = EC_POINT_new(t->group);
	BIGNUM *k = private_new(t, t->map_key), *s = BN_bin2bn(t->nonce, 16, NULL);
	uint8_t mine[133], theirs[300];
	size_t n = 0;
	unsigned sw;

	EC_POINT_mul(t->group, p, k, NULL, NULL, NULL);
	term_point(t, p, mine);
	sw = term_ga(t, 0x10, 0x81, mine, 1 + 2 * t->field, theirs, &n);
	if (sw == 0x9000) {
		ck_assert_uint_eq(n, 1 + 2 * t->field);
		ck_assert(EC_POINT_oct2point(t->group, p, theirs, n, NULL) == 1);
		EC_POINT_mul(t->group, p, NULL, p, k, NULL);
		term_point(t, p, t->h);
		EC_POINT_mul(t->group, t->base, s, NULL, NULL, NULL);
		EC_POINT_add(t->group, t->base, t->base, p, NULL);
		term_point(t, t->base, t->base_point);
	}
	BN_free(k);
	BN_free(s);
	EC_POINT_free(p);
	return sw;
}

unsigned term_agree(struct term *t)
{
	EC_POINT *p = EC_POINT_new(t->group);
	BIGNUM *k = private_new(t, t->eph_key);
	uint8_t point[133];
	size_t n = 0;
	unsigned sw;

	EC_POINT_mul(t->group, p, NULL, t->base, k, NULL);
	term_point(t, p, t->own);
	sw = term_ga(t, 0x10, 0x83, t->own, 1 + 2 * t->field, t->card, &n);
	if (sw == 0x9000) {
		ck_assert_uint_eq(n, 1 + 2 * t->field);
		ck_assert(EC_POINT_oct2point(t->group, p, t->card, n, NULL) == 1);
		EC_POINT_mul(t->group, p, NULL, p, k, NULL);
		term_point(t, p, point);
		memcpy(t->shared, point + 1, t->field);
		kdf(t->cipher, t->shared, t->field, 1, t->kenc);
		kdf(t->cipher, t->shared, t->field, 2, t->kmac);
	}
	BN_free(k);
	EC_POINT_free(p);
	return sw;
}

static void term_token_of(const struct term *t, const uint8_t *point, uint8_t out[8])
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

unsigned term_token(struct term *t)
{
	uint8_t want[8], got[300];
	size_t n = 0;
	unsigned sw;

	term_token_of(t, t->card, t->token);
	sw = term_ga(t, 0x00, 0x85, t->token, 8, got, &n);
	if (sw != 0x9000)
		return sw;
	term_token_of(t, t->own, want);
	ck_assert_uint_eq(n, 8);
	ck_assert_mem_eq(got, want, 8);
	memcpy(t->card_token, got, 8);
	memset(t->ssc, 0, sizeof t->ssc);
	return sw;
}

/* The whole of PACE; the status word of the step where it ended. */
unsigned term_pace(struct term *t)
{
	unsigned (*const step[])(struct term *) = { term_mse, term_nonce, term_map, term_agree, term_token };
	unsigned sw = 0, i;

	for (i = 0; i < 5 && (i == 0 || sw == 0x9000); i++)
		sw = step[i](t);
	return sw;
}

void term_ssc_next(struct term *t)
{
	size_t i = t->cipher->block;

	while (i-- > 0 && ++t->ssc[i] == 0)
		;
}

static void iv_make(const struct term *t, uint8_t iv[16])
{
	struct term_cipher ecb = *t->cipher;

	memset(iv, 0, 16);
	ecb.cbc = ecb.ecb;
	if (ecb.ecb != NULL)
		cbc(&ecb, true, t->kenc, NULL, t->ssc, 16, iv);
}

/* Wraps a plain command of short lengths; the length. */
size_t term_wrap(struct term *t, const uint8_t *in, size_t n, bool extended, enum spoil spoil,
	uint8_t *out)
{
	size_t block = t->cipher->block, lc = n > 5 ? in[4] : 0, at = 0, m, len, start = extended ? 7 : 5;
	bool has_le = n == 5 || n == 6 + lc, odd = (in[1] & 1) != 0;
	uint8_t body[600], text[700], data[300], cipher[300], iv[16], header[4];

	ck_assert(n == 4 || n == 5 || n == 5 + lc || n == 6 + lc);
	if (spoil != OLD_SSC)
		term_ssc_next(t);
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
size_t term_gathered(struct term *t, const uint8_t *in, size_t n, uint8_t *out)
{
	uint8_t more[] = { 0x00, 0xC0, 0x00, 0x00, 0x00 };
	size_t got = term_raw(t, in, n, out);

	while (got >= 2 && out[got - 2] == 0x61) {
		more[4] = out[got - 1];
		t->resends++;
		got += term_raw(t, more, sizeof more, out + got - 2) - 2;
	}
	return got;
}

/* Checks and opens a wrapped answer: data and status word go to plain, its length is returned. */
size_t term_unwrap(struct term *t, uint8_t ins, const uint8_t *in, size_t n, uint8_t *plain)
{
	size_t block = t->cipher->block, at = 0, len = 0, m, value = 0, end;
	uint8_t text[TERM_LONGEST], mac[8], iv[16];
	bool odd = (ins & 1) != 0;

	term_ssc_next(t);
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
size_t term_through(struct term *t, const uint8_t *in, size_t n, bool extended, uint8_t *plain)
{
	uint8_t wrapped[700], answer[TERM_LONGEST];
	size_t m = term_wrap(t, in, n, extended, WHOLE, wrapped);

	m = term_gathered(t, wrapped, m, answer);
	return term_unwrap(t, in[1], answer, m, plain);
}

const char *term_through_hex(struct term *t, const char *hex)
{
	static char text[2 * TERM_LONGEST + 1];
	uint8_t in[300], plain[TERM_LONGEST];
	int n = vc_hex(hex, in, sizeof in);
	size_t m = term_through(t, in, (size_t)n, false, plain), i;

	for (i = 0; i < m; i++)
		snprintf(text + 2 * i, 3, "%02X", plain[i]);
	return text;
}

/* Secure messaging, the card's end. Source: facts on secure messaging, sections 1 and 3. */
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdio.h>
#include <string.h>

#include "t/vcard/vc_sm.h"

/* Data objects. */
#define TAG_ODD 0x85            /* cryptogram without padding indicator, of odd INS */
#define TAG_EVEN 0x87           /* padding indicator 01 and cryptogram */
#define TAG_MAC 0x8E
#define TAG_LE 0x97
#define TAG_SW 0x99

/* Bytes that a MAC goes over: counter, padded header, padded data objects. */
#define MAC_MAX (VC_MAX_DATA + 5 * VC_SM_BLOCK)

static const struct vc_sm_suite suites[] = {
	{ "3des", 1, 16, 8, "SHA1", "DES-EDE-CBC", NULL },
	{ "aes-128", 2, 16, 16, "SHA1", "AES-128-CBC", "AES-128-ECB" },
	{ "aes-192", 3, 24, 16, "SHA256", "AES-192-CBC", "AES-192-ECB" },
	{ "aes-256", 4, 32, 16, "SHA256", "AES-256-CBC", "AES-256-ECB" },
};

static const uint8_t zeros[VC_SM_BLOCK];

const struct vc_sm_suite *vc_sm_suite(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof suites / sizeof suites[0]; i++)
		if (strcmp(suites[i].name, name) == 0)
			return &suites[i];
	return NULL;
}

static uint8_t odd_parity(uint8_t byte)
{
	unsigned bits = byte >> 1;

	bits ^= bits >> 4;
	bits ^= bits >> 2;
	bits ^= bits >> 1;
	return (uint8_t)((byte & 0xFE) | (~bits & 1));
}

bool vc_sm_kdf(const struct vc_sm_suite *s, const uint8_t *secret, size_t len, unsigned c, uint8_t *out)
{
	const uint8_t counter[4] = { 0, 0, 0, (uint8_t)c };
	EVP_MD *md = EVP_MD_fetch(NULL, s->md, NULL);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t hash[EVP_MAX_MD_SIZE];
	bool ok;
	size_t i;

	ok = md != NULL && ctx != NULL && EVP_DigestInit_ex2(ctx, md, NULL) == 1 &&
		EVP_DigestUpdate(ctx, secret, len) == 1 &&
		EVP_DigestUpdate(ctx, counter, sizeof counter) == 1 &&
		EVP_DigestFinal_ex(ctx, hash, NULL) == 1;
	for (i = 0; ok && i < s->key; i++)
		out[i] = s->ecb == NULL ? odd_parity(hash[i]) : hash[i];
	OPENSSL_cleanse(hash, sizeof hash);
	EVP_MD_CTX_free(ctx);
	EVP_MD_free(md);
	return ok;
}

/* A cipher of OpenSSL over whole blocks. */
static bool cipher_run(const char *name, bool encrypt, const uint8_t *key, const uint8_t *iv,
	const uint8_t *in, size_t len, uint8_t *out)
{
	EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, name, NULL);
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n = 0, end = 0;
	bool ok;

	ok = cipher != NULL && ctx != NULL && len <= MAC_MAX &&
		EVP_CipherInit_ex2(ctx, cipher, key, iv, encrypt, NULL) == 1 &&
		EVP_CIPHER_CTX_set_padding(ctx, 0) == 1 &&
		EVP_CipherUpdate(ctx, out, &n, in, (int)len) == 1 &&
		EVP_CipherFinal_ex(ctx, out + n, &end) == 1 && (size_t)(n + end) == len;
	EVP_CIPHER_CTX_free(ctx);
	EVP_CIPHER_free(cipher);
	return ok;
}

bool vc_sm_cbc(const struct vc_sm_suite *s, bool encrypt, const uint8_t *key, const uint8_t *iv,
	const uint8_t *in, size_t len, uint8_t *out)
{
	return cipher_run(s->cbc, encrypt, key, iv, in, len, out);
}

/* Appends 80 and 00s up to whole blocks: ISO/IEC 9797-1, method 2. The new length. */
static size_t pad(uint8_t *p, size_t len, size_t block)
{
	p[len++] = 0x80;
	while (len % block != 0)
		p[len++] = 0x00;
	return len;
}

/*
 * ISO/IEC 9797-1 algorithm 3: single DES in CBC (two-key triple DES with the first key twice) up to the
 * last block, which goes through both keys.
 */
static bool retail_mac(const struct vc_sm_suite *s, const uint8_t *key, const uint8_t *p, size_t len,
	uint8_t out[VC_SM_MAC])
{
	uint8_t single[16], chain[MAC_MAX];
	const uint8_t *iv = zeros;
	size_t head = len - 8;
	bool ok = true;

	memcpy(single, key, 8);
	memcpy(single + 8, key, 8);
	if (head != 0) {
		ok = cipher_run(s->cbc, true, single, zeros, p, head, chain);
		iv = chain + head - 8;
	}
	ok = ok && cipher_run(s->cbc, true, key, iv, p + head, 8, out);
	OPENSSL_cleanse(single, sizeof single);
	return ok;
}

static bool cmac(const struct vc_sm_suite *s, const uint8_t *key, const uint8_t *p, size_t len,
	uint8_t out[VC_SM_MAC])
{
	char name[16];
	OSSL_PARAM params[2];
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "CMAC", NULL);
	EVP_MAC_CTX *ctx = mac != NULL ? EVP_MAC_CTX_new(mac) : NULL;
	uint8_t full[VC_SM_BLOCK];
	size_t n = 0;
	bool ok;

	snprintf(name, sizeof name, "%s", s->cbc);
	params[0] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_CIPHER, name, 0);
	params[1] = OSSL_PARAM_construct_end();
	ok = ctx != NULL && EVP_MAC_init(ctx, key, s->key, params) == 1 &&
		EVP_MAC_update(ctx, p, len) == 1 && EVP_MAC_final(ctx, full, &n, sizeof full) == 1 &&
		n == sizeof full;
	if (ok)
		memcpy(out, full, VC_SM_MAC);
	EVP_MAC_CTX_free(ctx);
	EVP_MAC_free(mac);
	return ok;
}

bool vc_sm_mac(const struct vc_sm_suite *s, const uint8_t *key, const uint8_t *p, size_t len, bool padded,
	uint8_t out[VC_SM_MAC])
{
	uint8_t copy[MAC_MAX];

	if (s->ecb != NULL)
		return cmac(s, key, p, len, out);
	if (len > sizeof copy - VC_SM_BLOCK || (!padded && (len == 0 || len % s->block != 0)))
		return false;
	memcpy(copy, p, len);
	if (padded)
		len = pad(copy, len, s->block);
	return retail_mac(s, key, copy, len, out);
}

void vc_sm_start(struct vc_sm *sm, const struct vc_sm_suite *s, const uint8_t *enc, const uint8_t *mac)
{
	vc_sm_end(sm);
	sm->suite = s;
	memcpy(sm->enc, enc, s->key);
	memcpy(sm->mac, mac, s->key);
	sm->up = true;
}

void vc_sm_end(struct vc_sm *sm)
{
	OPENSSL_cleanse(sm, sizeof *sm);
}

static void count(struct vc_sm *sm)
{
	size_t i;

	for (i = sm->suite->block; i > 0 && ++sm->ssc[i - 1] == 0; i--)
		;
}

/* The IV of this step of the counter. */
static bool iv_now(const struct vc_sm *sm, uint8_t iv[VC_SM_BLOCK])
{
	memset(iv, 0, VC_SM_BLOCK);
	return sm->suite->ecb == NULL ||
		cipher_run(sm->suite->ecb, true, sm->enc, NULL, sm->ssc, sm->suite->block, iv);
}

/* The MAC over the counter, a header (commands) and data objects, the latter two padded. */
static bool mac_now(const struct vc_sm *sm, const uint8_t *header, const uint8_t *objects, size_t len,
	uint8_t out[VC_SM_MAC])
{
	size_t block = sm->suite->block, n = block;
	uint8_t text[MAC_MAX];

	if (len > sizeof text - 4 * VC_SM_BLOCK)
		return false;
	memcpy(text, sm->ssc, block);
	if (header != NULL) {
		memcpy(text + n, header, 4);
		n += pad(text + n, 4, block);
	}
	if (len != 0) {
		memcpy(text + n, objects, len);
		n += pad(text + n, len, block);
	}
	return vc_sm_mac(sm->suite, sm->mac, text, n, false, out);
}

bool vc_sm_parse(const uint8_t *in, size_t len, struct vc_sm_apdu *apdu)
{
	struct vc_cmd *cmd = &apdu->cmd;
	size_t at = 5, width = 1;

	*apdu = (struct vc_sm_apdu){ .extended = false };
	if (len < 4)
		return false;
	*cmd = (struct vc_cmd){ .cla = in[0], .ins = in[1], .p1 = in[2], .p2 = in[3] };
	if (len == 4)
		return true;
	if (len > 5 && in[4] == 0) {
		if (len < 7)
			return false;
		apdu->extended = true;
		at = 7;
		width = 2;
	}
	if (len > at) {
		cmd->lc = apdu->extended ? (size_t)(in[5] << 8 | in[6]) : in[4];
		cmd->data = in + at;
		if (cmd->lc == 0 || (len != at + cmd->lc && len != at + cmd->lc + width))
			return false;
		if (len == at + cmd->lc)
			return true;
	}
	cmd->has_le = true;
	cmd->le = apdu->extended ? (size_t)(in[len - 2] << 8 | in[len - 1]) : in[len - 1];
	if (cmd->le == 0)
		cmd->le = apdu->extended ? 65536 : 256;
	return true;
}

struct object { uint8_t tag; const uint8_t *value; size_t len; };

/* The next data object; false when there is none that is whole. */
static bool object_next(const uint8_t **p, size_t *left, struct object *o)
{
	const uint8_t *at = *p;
	size_t n = *left, width = 0, i;

	if (n < 2)
		return false;
	o->tag = at[0];
	o->len = at[1];
	if (at[1] > 0x80) {
		width = at[1] & 0x7F;
		if (width > 2 || n < 2 + width)
			return false;
		for (o->len = 0, i = 0; i < width; i++)
			o->len = o->len << 8 | at[2 + i];
	}
	if (at[1] == 0x80 || n - 2 - width < o->len)
		return false;
	o->value = at + 2 + width;
	*p = o->value + o->len;
	*left = n - 2 - width - o->len;
	return true;
}

/* What a wrapped command brought; an absent object has the tag 0. */
struct wrapped {
	struct object data, le, mac;
	size_t maced;                   /* bytes of the objects before the MAC */
};

/* Sorts the objects of a command: 87 or 85, 97, 8E, each once at most and in this order. */
static uint16_t objects_of(const struct vc_cmd *cmd, struct wrapped *w)
{
	const uint8_t *p = cmd->data;
	size_t left = cmd->lc;
	unsigned stage = 0;
	struct object o;

	*w = (struct wrapped){ .maced = 0 };
	while (left != 0 && stage < 3) {
		if (!object_next(&p, &left, &o))
			return SW_SM_INCORRECT;
		if (o.tag == (cmd->ins & 1 ? TAG_ODD : TAG_EVEN) && stage == 0) {
			w->data = o;
			stage = 1;
		} else if (o.tag == TAG_LE && stage < 2) {
			w->le = o;
			stage = 2;
		} else if (o.tag == TAG_MAC) {
			w->mac = o;
			stage = 3;
		} else {
			return SW_SM_INCORRECT;
		}
		if (stage < 3)
			w->maced = (size_t)(p - cmd->data);
	}
	if (w->mac.tag == 0)
		return SW_SM_MISSING;
	if (left != 0 || w->mac.len != VC_SM_MAC || (w->le.tag != 0 && (w->le.len < 1 || w->le.len > 2)))
		return SW_SM_INCORRECT;
	return SW_OK;
}

/* Deciphers and unpads the command data into out; its length, or -1. */
static int data_of(const struct vc_sm *sm, const struct object *o, uint8_t *out)
{
	size_t skip = o->tag == TAG_EVEN, len, end;
	uint8_t iv[VC_SM_BLOCK];

	if (o->len <= skip || (skip && o->value[0] != 0x01) || (o->len - skip) % sm->suite->block != 0)
		return -1;
	len = o->len - skip;
	if (len > VC_MAX_DATA || !iv_now(sm, iv) ||
		!vc_sm_cbc(sm->suite, false, sm->enc, iv, o->value + skip, len, out))
		return -1;
	for (end = len; end > 0 && out[end - 1] == 0x00; end--)
		;
	if (end == 0 || out[end - 1] != 0x80 || len - (end - 1) > sm->suite->block)
		return -1;
	return (int)(end - 1);
}

/* Writes the plain command: its class without the bits of secure messaging, short lengths if they do. */
static size_t plain_write(const struct vc_cmd *cmd, const uint8_t *data, size_t lc, const struct object *le,
	uint8_t *out)
{
	size_t want = le->tag == 0 ? 0 : le->len == 1 ? le->value[0] : (size_t)(le->value[0] << 8 | le->value[1]);
	bool extended = lc > 255;
	size_t n = 4;

	out[0] = cmd->cla & 0xF3;
	out[1] = cmd->ins;
	out[2] = cmd->p1;
	out[3] = cmd->p2;
	/* More than 256 bytes are asked for as 256: the rest follows by GET RESPONSE within the card. */
	if (want > 255)
		want = 0;
	if (extended) {
		out[n++] = 0;
		out[n++] = (uint8_t)(lc >> 8);
	}
	if (lc != 0)
		out[n++] = (uint8_t)lc;
	memmove(out + n, data, lc);
	n += lc;
	if (le->tag != 0 && extended)
		out[n++] = 0;
	if (le->tag != 0)
		out[n++] = (uint8_t)want;
	return n;
}

uint16_t vc_sm_unwrap(struct vc_sm *sm, const struct vc_sm_apdu *apdu, uint8_t *plain, size_t *len)
{
	const struct vc_cmd *cmd = &apdu->cmd;
	const uint8_t header[4] = { cmd->cla, cmd->ins, cmd->p1, cmd->p2 };
	uint8_t mac[VC_SM_MAC], data[VC_MAX_DATA];
	struct wrapped w;
	uint16_t sw;
	int n = 0;

	count(sm);
	sw = objects_of(cmd, &w);
	if (sw != SW_OK)
		return sw;
	if (!mac_now(sm, header, cmd->data, w.maced, mac))
		return SW_LENGTH;
	if (CRYPTO_memcmp(mac, w.mac.value, sizeof mac) != 0)
		return SW_SM_INCORRECT;
	if (w.data.tag != 0)
		n = data_of(sm, &w.data, data);
	if (n < 0)
		return SW_SM_INCORRECT;
	*len = plain_write(cmd, data, (size_t)n, &w.le, plain);
	OPENSSL_cleanse(data, sizeof data);
	return SW_OK;
}

static bool header_add(struct vc_blob *b, unsigned tag, size_t len)
{
	bool ok = vc_blob_byte(b, tag);

	if (len > 255)
		ok = ok && vc_blob_byte(b, 0x82) && vc_blob_byte(b, (unsigned)len >> 8);
	else if (len > 127)
		ok = ok && vc_blob_byte(b, 0x81);
	return ok && vc_blob_byte(b, len & 0xFF);
}

bool vc_sm_wrap(struct vc_sm *sm, uint8_t ins, const uint8_t *data, size_t len, uint16_t sw,
	struct vc_blob *out)
{
	uint8_t text[VC_MAX_DATA + VC_SM_BLOCK], cipher[sizeof text], mac[VC_SM_MAC], iv[VC_SM_BLOCK];
	bool odd = (ins & 1) != 0, ok = len <= VC_MAX_DATA;
	size_t start = out->len, n;

	count(sm);
	if (ok && len != 0) {
		memcpy(text, data, len);
		n = pad(text, len, sm->suite->block);
		ok = iv_now(sm, iv) && vc_sm_cbc(sm->suite, true, sm->enc, iv, text, n, cipher) &&
			header_add(out, odd ? TAG_ODD : TAG_EVEN, n + !odd) &&
			(odd || vc_blob_byte(out, 0x01)) && vc_blob_add(out, cipher, n);
		OPENSSL_cleanse(text, sizeof text);
	}
	return ok && header_add(out, TAG_SW, 2) && vc_blob_byte(out, sw >> 8) &&
		vc_blob_byte(out, sw & 0xFF) &&
		mac_now(sm, NULL, out->p + start, out->len - start, mac) &&
		header_add(out, TAG_MAC, sizeof mac) && vc_blob_add(out, mac, sizeof mac);
}

#include "cardos/sm.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/secret.h"
#include "cardos/iso.h"

#define CLA_SM 0x0Cu            /* with the header under the MAC */
#define TAG_DATA 0x87u          /* cryptogram behind a padding indicator; even INS */
#define TAG_DATA_ODD 0x85u      /* bare cryptogram; odd INS */
#define TAG_LE 0x97u
#define TAG_SW 0x99u
#define TAG_MAC 0x8Eu
#define PADDED 0x01u            /* indicator: ISO padding */
#define LE_LEN 3u               /* bytes of a short Le with its tag */
#define SW_LEN 4u
#define MAC_LEN (2u + MAC_SIZE)
#define LE_EXTENDED_MAX 65536u

struct sm {
	struct crypt *crypt;    /* borrowed */
	enum cipher cipher;
	struct secret *kenc, *kmac; /* owned */
	uint64_t counter;       /* the SSC; its higher bytes stay 0 */
};

int
sm_new(struct crypt *crypt, enum cipher cipher, struct view kenc, struct view kmac, uint64_t counter,
    struct sm **out)
{
	struct sm *sm;

	*out = NULL;
	if (kenc.len != cipher_key(cipher) || kmac.len != cipher_key(cipher))
		return E_ARG;
	if (!(sm = calloc(1, sizeof *sm)))
		return E_MEM;
	sm->crypt = crypt;
	sm->cipher = cipher;
	sm->counter = counter;
	if (!(sm->kenc = secret_new(kenc.p, kenc.len)) || !(sm->kmac = secret_new(kmac.p, kmac.len))) {
		sm_free(&sm);
		return E_MEM;
	}
	*out = sm;
	return 0;
}

void
sm_free(struct sm **sm)
{
	if (!*sm)
		return;
	secret_free(&(*sm)->kenc);
	secret_free(&(*sm)->kmac);
	sm_forget(sm);
}

void
sm_forget(struct sm **sm)
{
	free(*sm);
	*sm = NULL;
}

enum cipher
sm_cipher(const struct sm *sm)
{
	return sm->cipher;
}

/* The counter as a block. */
static void
put_counter(const struct sm *sm, struct buf *out)
{
	buf_fill(out, 0, cipher_block(sm->cipher) - 8);
	buf_be32(out, (uint32_t)(sm->counter >> 32));
	buf_be32(out, (uint32_t)sm->counter);
}

/* The next command, or its answer. */
static int
count(struct sm *sm)
{
	if (sm->counter == UINT64_MAX)
		return E_LIMIT;
	sm->counter++;
	return 0;
}

static void
put_tlv(struct buf *out, unsigned tag, size_t len)
{
	buf_u8(out, tag);
	if (len > 0xFF) {
		buf_u8(out, 0x82);
		buf_be16(out, (unsigned)len);
		return;
	}
	if (len > 0x7F)
		buf_u8(out, 0x81);
	buf_u8(out, (unsigned)len);
}

/* Enciphers or deciphers whole blocks. AES: the IV is the counter under the key; 3DES: zeros. */
static int
crypt_data(struct sm *sm, bool encrypt, struct view in, struct buf *out)
{
	struct view key = secret_view(sm->kenc);
	struct buf counter = BUF_INIT, iv = BUF_INIT_SECRET;
	int r = 0;

	if (sm->cipher != CIPHER_3DES) {
		put_counter(sm, &counter);
		if ((r = buf_err(&counter)) == 0)
			r = crypt_cbc(sm->crypt, sm->cipher, true, key, NULL, buf_peek(&counter), &iv);
	}
	if (!r)
		r = crypt_cbc(sm->crypt, sm->cipher, encrypt, key, iv.p, in, out);
	buf_free(&counter);
	buf_free(&iv);
	return r;
}

/* Over the counter, a header (padded by itself; NULL: none) and objects (none: only what is before). */
static int
mac_of(struct sm *sm, const struct apdu *head, struct view objects, uint8_t mac[MAC_SIZE])
{
	struct buf in = BUF_INIT_SECRET;
	size_t start;
	int r;

	put_counter(sm, &in);
	start = in.len;
	if (head) {
		buf_u8(&in, head->cla);
		buf_u8(&in, head->ins);
		buf_u8(&in, head->p1);
		buf_u8(&in, head->p2);
		crypt_pad(sm->cipher, &in, start);
		start = in.len;
	}
	if (objects.len) {
		buf_view(&in, objects);
		crypt_pad(sm->cipher, &in, start);
	}
	if ((r = buf_err(&in)) == 0)
		r = crypt_mac(sm->crypt, sm->cipher, secret_view(sm->kmac), buf_peek(&in), mac);
	buf_free(&in);
	return r;
}

/* The command's data as one object. */
static int
wrap_data(struct sm *sm, const struct apdu *plain, struct buf *out)
{
	struct buf padded = BUF_INIT_SECRET;
	bool odd = plain->ins & 1;
	int r;

	buf_view(&padded, plain->data);
	crypt_pad(sm->cipher, &padded, 0);
	if ((r = buf_err(&padded)) != 0)
		goto out;
	if (padded.len >= APDU_DATA_MAX) {
		r = E_LIMIT;
		goto out;
	}
	put_tlv(out, odd ? TAG_DATA_ODD : TAG_DATA, padded.len + !odd);
	if (!odd)
		buf_u8(out, PADDED);
	if ((r = buf_err(out)) == 0)
		r = crypt_data(sm, true, buf_peek(&padded), out);
out:
	buf_free(&padded);
	return r;
}

static void
wrap_le(const struct apdu *plain, struct buf *out)
{
	if (plain->le == LE_NONE)
		return;
	put_tlv(out, TAG_LE, plain->le > LE_ANY ? 2 : 1);
	if (plain->le > LE_ANY)
		buf_be16(out, plain->le & 0xFFFF);
	else
		buf_u8(out, plain->le & 0xFF);
}

int
sm_wrap(struct sm *sm, const struct apdu *plain, struct buf *data, struct apdu *wrapped)
{
	uint8_t mac[MAC_SIZE];
	int r;

	if (plain->data.len > APDU_DATA_MAX || plain->le > LE_EXTENDED_MAX)
		return E_ARG;
	if ((r = count(sm)) != 0)
		return r;
	*wrapped = *plain;
	wrapped->cla |= CLA_SM;
	if (plain->data.len && (r = wrap_data(sm, plain, data)) != 0)
		return r;
	wrap_le(plain, data);
	if ((r = buf_err(data)) != 0 || (r = mac_of(sm, wrapped, buf_peek(data), mac)) != 0)
		return r;
	put_tlv(data, TAG_MAC, MAC_SIZE);
	buf_put(data, mac, MAC_SIZE);
	if ((r = buf_err(data)) != 0)
		return r;
	if (data->len > APDU_DATA_MAX)
		return E_LIMIT;
	wrapped->data = buf_peek(data);
	/* an answer always comes, and is longer than what was asked for */
	wrapped->le = plain->le > LE_ANY || data->len > SHORT_DATA_MAX ? LE_EXTENDED_MAX : LE_ANY;
	return 0;
}

/* What an answer is made of. */
struct objects {
	unsigned tag;           /* of `data`; 0: there is none */
	struct view data, sw, mac;
	struct view covered;    /* what the MAC is over */
};

/* [87|85] 99 8E, in this order and nothing else. */
static int
parse_answer(struct view answer, struct objects *o)
{
	struct view v = answer, value;
	unsigned tag;

	*o = (struct objects){ 0 };
	if (tlv_next(&v, &tag, &value) != 0)
		return E_PROTOCOL;
	if (tag == TAG_DATA || tag == TAG_DATA_ODD) {
		o->tag = tag;
		o->data = value;
		if (tlv_next(&v, &tag, &value) != 0)
			return E_PROTOCOL;
	}
	o->covered = view_part(answer, 0, answer.len - v.len);
	o->sw = value;
	if (tag != TAG_SW || value.len != 2)
		return E_PROTOCOL;
	if (tlv_next(&v, &tag, &o->mac) != 0 || tag != TAG_MAC || o->mac.len != MAC_SIZE || v.len)
		return E_PROTOCOL;
	return 0;
}

bool
sm_is_whole(struct view answer, uint16_t sw)
{
	struct objects o;

	return parse_answer(answer, &o) == 0 && o.sw.p[0] == sw >> 8 && o.sw.p[1] == (sw & 0xFF);
}

/* The padding off, from the end: 80 00.. of at most a block. */
static int
unpad(enum cipher cipher, struct view padded, struct view *plain)
{
	size_t n = padded.len, least = n - cipher_block(cipher);

	while (n > least && padded.p[n - 1] == 0)
		n--;
	if (n == least || padded.p[n - 1] != 0x80)
		return E_PROTOCOL;
	*plain = view_part(padded, 0, n - 1);
	return 0;
}

static int
unwrap_data(struct sm *sm, const struct objects *o, struct buf *plain)
{
	struct buf padded = BUF_INIT_SECRET;
	struct view in = o->data, v;
	unsigned indicator;
	int r = E_PROTOCOL;

	if (o->tag == TAG_DATA && (!view_u8(&in, &indicator) || indicator != PADDED))
		return E_PROTOCOL;
	if (!in.len || in.len % cipher_block(sm->cipher))
		return E_PROTOCOL;
	if ((r = crypt_data(sm, false, in, &padded)) != 0)
		goto out;
	if ((r = unpad(sm->cipher, buf_peek(&padded), &v)) != 0)
		goto out;
	buf_view(plain, v);
	r = buf_err(plain);
out:
	buf_free(&padded);
	return r;
}

int
sm_unwrap(struct sm *sm, struct view answer, uint16_t sw, struct buf *plain, uint16_t *plain_sw)
{
	uint8_t mac[MAC_SIZE];
	struct objects o;
	int r;

	if ((r = count(sm)) != 0 || (r = parse_answer(answer, &o)) != 0)
		return r;
	if ((r = mac_of(sm, NULL, o.covered, mac)) != 0)
		return r;
	/* before anything of it is looked at */
	if (CRYPTO_memcmp(mac, o.mac.p, MAC_SIZE) != 0)
		return E_PROTOCOL;
	*plain_sw = (uint16_t)(o.sw.p[0] << 8 | o.sw.p[1]);
	if (*plain_sw != sw)
		return E_PROTOCOL;
	return o.tag ? unwrap_data(sm, &o, plain) : 0;
}

/* The longest text whose object, with `rest` bytes behind it, is within the limit. */
static size_t
room(const struct sm *sm, size_t limit, size_t rest)
{
	size_t block = cipher_block(sm->cipher), blocks = limit / block, padded, head;

	for (; blocks; blocks--) {
		padded = blocks * block;
		/* tag, length, indicator */
		head = 1 + (padded + 1 > 0xFF ? 3u : padded + 1 > 0x7F ? 2u : 1u) + 1;
		if (head + padded + rest <= limit)
			return padded - 1; /* a byte of padding at least */
	}
	return 0;
}

size_t
sm_send_max(const struct sm *sm, size_t limit, bool le)
{
	return room(sm, limit, MAC_LEN + (le ? LE_LEN : 0));
}

size_t
sm_recv_max(const struct sm *sm, size_t limit)
{
	return room(sm, limit, SW_LEN + MAC_LEN);
}

#include "t/unit/eaccard.h"

#include <eac/eac.h>
#include <eac/objects.h>
#include <eac/pace.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "cardos/iso.h"

struct eaccard {
	struct chan chan;
	EAC_CTX *ctx;
	PACE_SEC *can;
	unsigned parameter, suite;
	BUF_MEM *theirs; /* the terminal's ephemeral key */
	bool sm;
};

static BUF_MEM *
mem_of(struct view v)
{
	BUF_MEM *m = BUF_MEM_new();

	if (!m || !BUF_MEM_grow(m, v.len))
		abort();
	if (v.len)
		memcpy(m->data, v.p, v.len);
	return m;
}

static void
put(struct buf *out, unsigned tag, const void *p, size_t n)
{
	buf_u8(out, tag);
	if (n > 0xFF) {
		buf_u8(out, 0x82);
		buf_be16(out, (unsigned)n);
	} else {
		if (n > 0x7F)
			buf_u8(out, 0x81);
		buf_u8(out, (unsigned)n);
	}
	buf_put(out, p, n);
}

/* 7C { tag m }; takes m. */
static uint16_t
give(struct buf *answer, unsigned tag, BUF_MEM *m)
{
	struct buf object = BUF_INIT;

	if (!m)
		return 0x6F00;
	put(&object, tag, m->data, m->length);
	put(answer, 0x7C, object.p, object.len);
	buf_free(&object);
	BUF_MEM_free(m);
	return 0x9000;
}

static uint16_t
general(struct eaccard *c, const struct apdu *a, struct buf *answer)
{
	struct view v = a->data, in, val = { NULL, 0 };
	unsigned tag = 0;
	BUF_MEM *m, *mine;
	int good;

	if (tlv_next(&v, &tag, &in) || tag != 0x7C)
		return 0x6A80;
	tag = 0;
	if (in.len && tlv_next(&in, &tag, &val))
		return 0x6A80;
	if (!tag)
		return give(answer, 0x80, PACE_STEP1_enc_nonce(c->ctx, c->can));
	m = mem_of(val);
	mine = NULL;
	switch (tag) {
	case 0x81:
		mine = PACE_STEP3A_generate_mapping_data(c->ctx);
		good = mine && PACE_STEP3A_map_generator(c->ctx, m) == 1;
		break;
	case 0x83:
		mine = PACE_STEP3B_generate_ephemeral_key(c->ctx);
		good = mine && PACE_STEP3B_compute_shared_secret(c->ctx, m) == 1 &&
		    PACE_STEP3C_derive_keys(c->ctx) == 1;
		BUF_MEM_free(c->theirs);
		c->theirs = mem_of(val);
		break;
	default:
		if (PACE_STEP3D_verify_authentication_token(c->ctx, m) != 1) {
			BUF_MEM_free(m);
			return 0x6300;
		}
		mine = PACE_STEP3D_compute_authentication_token(c->ctx, c->theirs);
		c->sm = mine && EAC_CTX_set_encryption_ctx(c->ctx, EAC_ID_PACE) == 1;
		good = c->sm;
		break;
	}
	BUF_MEM_free(m);
	if (!good) {
		BUF_MEM_free(mine);
		return 0x6A80;
	}
	return give(answer, tag + 1, mine);
}

/* The MAC over a header (NULL: none) and objects. */
static BUF_MEM *
mac_of(struct eaccard *c, const struct apdu *head, struct view objects)
{
	struct buf in = BUF_INIT;
	BUF_MEM *m, *padded, *mac;

	if (head) {
		const uint8_t h[4] = { head->cla, head->ins, head->p1, head->p2 };

		m = mem_of(view_of(h, 4));
		padded = EAC_add_iso_pad(c->ctx, m);
		buf_put(&in, padded->data, padded->length);
		BUF_MEM_free(m);
		BUF_MEM_free(padded);
	}
	if (objects.len) {
		m = mem_of(objects);
		padded = EAC_add_iso_pad(c->ctx, m);
		buf_put(&in, padded->data, padded->length);
		BUF_MEM_free(m);
		BUF_MEM_free(padded);
	}
	m = mem_of(buf_peek(&in));
	mac = EAC_authenticate(c->ctx, m);
	BUF_MEM_free(m);
	buf_free(&in);
	return mac;
}

/* A command of the channel, answered with its data and 9000. */
static uint16_t
wrapped(struct eaccard *c, const struct apdu *a, struct buf *answer)
{
	struct view v = a->data, before = v, val, mac = { NULL, 0 }, data = { NULL, 0 };
	BUF_MEM *m, *padded, *plain = NULL;
	unsigned tag;
	bool good;

	if (EAC_increment_ssc(c->ctx) != 1)
		return 0x6F00;
	while (v.len) {
		before = view_part(a->data, 0, a->data.len - v.len);
		if (tlv_next(&v, &tag, &val))
			return 0x6988;
		if (tag == 0x87)
			data = view_part(val, 1, val.len);
		else if (tag == 0x85)
			data = val;
		else if (tag == 0x8E)
			mac = val;
	}
	m = mac_of(c, a, before);
	good = m && mac.len == m->length && !memcmp(mac.p, m->data, mac.len);
	BUF_MEM_free(m);
	if (!good)
		return 0x6988;
	if (data.len) {
		m = mem_of(data);
		padded = EAC_decrypt(c->ctx, m);
		plain = padded ? EAC_remove_iso_pad(padded) : NULL;
		BUF_MEM_free(m);
		BUF_MEM_free(padded);
		if (!plain)
			return 0x6988;
	}
	EAC_increment_ssc(c->ctx);
	if (plain && plain->length) {
		struct buf object = BUF_INIT;

		padded = EAC_add_iso_pad(c->ctx, plain);
		m = EAC_encrypt(c->ctx, padded);
		if (!(a->ins & 1))
			buf_u8(&object, 1);
		buf_put(&object, m->data, m->length);
		put(answer, a->ins & 1 ? 0x85 : 0x87, object.p, object.len);
		buf_free(&object);
		BUF_MEM_free(padded);
		BUF_MEM_free(m);
	}
	BUF_MEM_free(plain);
	put(answer, 0x99, "\x90", 2);
	answer->p[answer->len - 1] = 0;
	m = mac_of(c, NULL, buf_peek(answer));
	put(answer, 0x8E, m->data, m->length);
	BUF_MEM_free(m);
	return 0x9000;
}

static uint16_t
plain_command(struct eaccard *c, const struct apdu *a, struct buf *answer)
{
	const uint8_t access[] = { 0x31, 0x14, 0x30, 0x12, 0x06, 0x0A, 4, 0, 0x7F, 0, 7, 2, 2, 4, 2,
		(uint8_t)c->suite, 0x02, 0x01, 0x02, 0x02, 0x01, (uint8_t)c->parameter };

	if (a->ins == 0x86)
		return general(c, a, answer);
	if (a->ins == 0xB0)
		buf_put(answer, access, sizeof access);
	return 0x9000;
}

static int
eac_transmit(struct chan *chan, struct view cmd, bool secret, struct buf *rsp)
{
	struct eaccard *c = (struct eaccard *)chan;
	struct buf answer = BUF_INIT;
	struct apdu a;
	uint16_t sw = 0x6700;

	(void)secret;
	if (!apdu_decode(cmd, &a))
		sw = (a.cla & 0x0C) == 0x0C ? wrapped(c, &a, &answer) : plain_command(c, &a, &answer);
	buf_view(rsp, buf_peek(&answer));
	buf_be16(rsp, sw);
	buf_free(&answer);
	return buf_err(rsp);
}

static const struct io_ops eac_ops = { .transmit = eac_transmit };

struct chan *
eaccard_new(unsigned parameter, unsigned suite, const char *can)
{
	struct eaccard *c = calloc(1, sizeof *c);
	int protocol[5];

	EAC_init();
	protocol[1] = NID_id_PACE_ECDH_GM_3DES_CBC_CBC;
	protocol[2] = NID_id_PACE_ECDH_GM_AES_CBC_CMAC_128;
	protocol[3] = NID_id_PACE_ECDH_GM_AES_CBC_CMAC_192;
	protocol[4] = NID_id_PACE_ECDH_GM_AES_CBC_CMAC_256;
	if (!c)
		abort();
	c->chan.ops = &eac_ops;
	c->parameter = parameter;
	c->suite = suite;
	if (!(c->ctx = EAC_CTX_new()) || !(c->can = PACE_SEC_new(can, strlen(can), PACE_CAN)) ||
	    EAC_CTX_init_pace(c->ctx, protocol[suite], (int)parameter) != 1) {
		struct chan *chan = &c->chan;

		eaccard_free(&chan);
		return NULL;
	}
	c->ctx->tr_version = EAC_TR_VERSION_2_02;
	return &c->chan;
}

void
eaccard_free(struct chan **chan)
{
	struct eaccard *c = (struct eaccard *)*chan;

	BUF_MEM_free(c->theirs);
	PACE_SEC_clear_free(c->can);
	EAC_CTX_clear_free(c->ctx);
	free(c);
	*chan = NULL;
}

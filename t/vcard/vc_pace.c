/*
 * PACE and the channel around a card. Source: facts on secure messaging, sections 2 and 3.
 *
 * Where no source says what a card does, the stricter way is taken: a plain command ends the channel; its end
 * takes back the PINs that were verified; a wrapped command wants its Le, but over T=0; more bytes than the
 * buffer has are refused with 6700 when READ BINARY asks for them by number. The status words of a point that
 * is none (6A80), and of a wrapped command without a channel that ever was (6987), are guesses. The nonce has
 * two blocks with 3DES, so that a terminal which takes but one is found out.
 */
#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#include "t/vcard/vc_pace.h"
#include "t/vcard/vc_sm.h"

#define NONCE 16                /* bytes of s */
#define POINT_MAX (1 + 2 * 66)  /* 04, X and Y of P-521 */
#define ANSWER_MAX 256          /* bytes before SW1 SW2 that a short APDU carries */
#define DELAY_MAX 120000        /* ms */

int (*vc_pace_random)(unsigned char *, int) = RAND_bytes;

/* Curves and their numbers among the standardised parameters. Source: facts 2.1. */
static const struct curve { const char *name; int nid; uint8_t id; } curves[] = {
	{ "brainpoolP256r1", NID_brainpoolP256r1, 13 },
	{ "brainpoolP384r1", NID_brainpoolP384r1, 16 },
	{ "brainpoolP512r1", NID_brainpoolP512r1, 17 },
	{ "P-256", NID_X9_62_prime256v1, 12 },
	{ "P-384", NID_secp384r1, 15 },
	{ "P-521", NID_secp521r1, 18 },
};

/* id-PACE-ECDH-GM; the suite's byte follows. Source: facts 2.1. */
static const uint8_t oid_head[] = { 0x04, 0x00, 0x7F, 0x00, 0x07, 0x02, 0x02, 0x04, 0x02 };
#define OID (sizeof oid_head + 1)

static const uint8_t card_access_fid[] = { 0x01, 0x1C }, mf_fid[] = { 0x3F, 0x00 };
#define CARD_ACCESS_SFI 0x1C

/* What a run of PACE waits for. */
enum step { IDLE, WANT_NONCE, WANT_MAPPING, WANT_KEY, WANT_TOKEN };

struct vc_pace {
	char can[17];
	uint8_t parameters;             /* number of the curve */
	const struct vc_sm_suite *suite;
	bool demand;
	bool any_mf;                    /* the channel ends with every way to the MF, not only with its SELECT */
	unsigned delay;
	size_t max;                     /* bytes of plain data of a command or an answer in the channel */
	uint8_t access[32];             /* EF.CardAccess */
	size_t access_len;
	bool access_current;            /* it is the current file */

	EC_GROUP *group;
	BN_CTX *bn;
	size_t field;                   /* bytes of a coordinate */
	enum step step;
	uint8_t nonce[NONCE];
	EC_POINT *base;                 /* G', of this run */
	uint8_t own[POINT_MAX], peer[POINT_MAX];        /* ephemeral public keys */
	uint8_t enc[VC_SM_KEY], mac[VC_SM_KEY];         /* until the token is right */

	struct vc_sm sm;
	bool lost;                      /* there was a channel since the card got power */
	unsigned failures;              /* wrong CANs in a row */
	unsigned wait;                  /* ms that the next answer takes */
	struct vc_blob rest;            /* of a wrapped answer that was too long */
	uint16_t rest_sw;
	size_t rest_at;
};

/* DER: SET { SEQUENCE { oid, version 2, parameter number } }. Source: facts 2.2. */
static void access_make(struct vc_pace *p)
{
	const uint8_t head[] = { 0x31, 0x14, 0x30, 0x12, 0x06, OID };
	const uint8_t tail[] = { p->suite->oid, 0x02, 0x01, 0x02, 0x02, 0x01, p->parameters };

	memcpy(p->access, head, sizeof head);
	memcpy(p->access + sizeof head, oid_head, sizeof oid_head);
	memcpy(p->access + sizeof head + sizeof oid_head, tail, sizeof tail);
	p->access_len = sizeof head + sizeof oid_head + sizeof tail;
}

struct vc_pace *vc_pace_new(const struct vc_pace_setup *setup, const char **what)
{
	struct vc_pace *p = calloc(1, sizeof *p);
	size_t i, n = setup->can != NULL ? strlen(setup->can) : 0;

	*what = "out of memory";
	if (p == NULL)
		return NULL;
	if (n < 1 || n >= sizeof p->can || strspn(setup->can, "0123456789") != n) {
		*what = "'can' must be 1 to 16 digits";
		goto fail;
	}
	memcpy(p->can, setup->can, n);
	p->suite = setup->cipher != NULL ? vc_sm_suite(setup->cipher) : NULL;
	if (p->suite == NULL) {
		*what = "'cipher' must be one of: " VC_PACE_CIPHERS;
		goto fail;
	}
	for (i = 0; setup->curve != NULL && i < sizeof curves / sizeof curves[0]; i++)
		if (strcmp(curves[i].name, setup->curve) == 0)
			break;
	if (setup->curve == NULL || i == sizeof curves / sizeof curves[0]) {
		*what = "'curve' must be one of: " VC_PACE_CURVES;
		goto fail;
	}
	p->parameters = curves[i].id;
	p->group = EC_GROUP_new_by_curve_name(curves[i].nid);
	p->bn = BN_CTX_new();
	if (p->group == NULL || p->bn == NULL)
		goto fail;
	p->base = EC_POINT_new(p->group);
	if (p->base == NULL)
		goto fail;
	p->field = (size_t)(EC_GROUP_get_degree(p->group) + 7) / 8;
	if (setup->mf_ends != NULL && strcmp(setup->mf_ends, "select") != 0 && strcmp(setup->mf_ends, "any") != 0) {
		*what = "'mf-ends' must be one of: " VC_PACE_MF_ENDS;
		goto fail;
	}
	p->any_mf = setup->mf_ends != NULL && strcmp(setup->mf_ends, "any") == 0;
	p->demand = setup->demand;
	p->delay = setup->delay;
	/* Source: facts on the Gemalto applets, section 4: 239 bytes by 3DES, 231 by AES. */
	p->max = setup->max != 0 ? setup->max : p->suite->ecb == NULL ? 239 : 231;
	access_make(p);
	return p;
fail:
	vc_pace_free(p);
	return NULL;
}

void vc_pace_free(struct vc_pace *p)
{
	if (p == NULL)
		return;
	EC_POINT_free(p->base);
	EC_GROUP_free(p->group);
	BN_CTX_free(p->bn);
	OPENSSL_cleanse(p, sizeof *p);
	free(p);
}

/* Ends a run that is under way. */
static void run_drop(struct vc_pace *p)
{
	p->step = IDLE;
	OPENSSL_cleanse(p->nonce, sizeof p->nonce);
	OPENSSL_cleanse(p->enc, sizeof p->enc);
	OPENSSL_cleanse(p->mac, sizeof p->mac);
}

void vc_pace_reset(struct vc_pace *p)
{
	if (p == NULL)
		return;
	run_drop(p);
	vc_sm_end(&p->sm);
	p->lost = p->access_current = false;
	p->rest.len = p->rest_at = 0;
}

unsigned vc_pace_delay(const struct vc_pace *p)
{
	return p != NULL ? p->wait : 0;
}

/* --- the steps of PACE --- */

/* A private number, 1 to order - 1; NULL: no random, or no memory. The caller frees it. */
static BIGNUM *scalar_new(const struct vc_pace *p)
{
	const BIGNUM *order = EC_GROUP_get0_order(p->group);
	int bits = BN_num_bits(order), len = (bits + 7) / 8, tries;
	uint8_t random[POINT_MAX];
	BIGNUM *k = BN_new();
	bool ok = false;

	for (tries = 0; k != NULL && !ok && tries < 100; tries++) {
		if (vc_pace_random(random, len) != 1)
			break;
		if (bits % 8 != 0)
			random[0] &= (uint8_t)((1U << (bits % 8)) - 1);
		ok = BN_bin2bn(random, len, k) != NULL && !BN_is_zero(k) && BN_cmp(k, order) < 0;
	}
	OPENSSL_cleanse(random, sizeof random);
	if (!ok) {
		BN_clear_free(k);
		k = NULL;
	}
	return k;
}

/*
 * A point from the terminal: 04, X, Y, on the curve, which leaves infinity out. NULL when it is none. The
 * caller frees it.
 */
static EC_POINT *point_read(const struct vc_pace *p, const uint8_t *value, size_t len)
{
	EC_POINT *point = EC_POINT_new(p->group);

	if (point == NULL || len != 1 + 2 * p->field || value[0] != POINT_CONVERSION_UNCOMPRESSED ||
		EC_POINT_oct2point(p->group, point, value, len, p->bn) != 1 ||
		EC_POINT_is_on_curve(p->group, point, p->bn) != 1) {
		EC_POINT_free(point);
		point = NULL;
	}
	return point;
}

static bool point_write(const struct vc_pace *p, const EC_POINT *point, uint8_t out[POINT_MAX])
{
	return EC_POINT_point2oct(p->group, point, POINT_CONVERSION_UNCOMPRESSED, out,
		1 + 2 * p->field, p->bn) == 1 + 2 * p->field;
}

static uint16_t give_nonce(struct vc_pace *p, const uint8_t *value, size_t len, struct vc_blob *out)
{
	static const uint8_t iv[VC_SM_BLOCK];
	uint8_t key[VC_SM_KEY], z[NONCE];
	bool ok;

	(void)value;
	(void)len;
	ok = vc_pace_random(p->nonce, NONCE) == 1 &&
		vc_sm_kdf(p->suite, (const uint8_t *)p->can, strlen(p->can), 3, key) &&
		vc_sm_cbc(p->suite, true, key, iv, p->nonce, NONCE, z) && vc_blob_add(out, z, sizeof z);
	OPENSSL_cleanse(key, sizeof key);
	return ok ? SW_OK : SW_ERROR;
}

/* Generic mapping: G' = s G + H, with H what both ends' mapping keys agree on. */
static uint16_t map(struct vc_pace *p, const uint8_t *value, size_t len, struct vc_blob *out)
{
	EC_POINT *theirs = point_read(p, value, len), *mine = EC_POINT_new(p->group);
	BIGNUM *k = scalar_new(p), *s = BN_bin2bn(p->nonce, NONCE, NULL);
	uint8_t encoded[POINT_MAX];
	uint16_t sw = SW_ERROR;

	if (theirs == NULL) {
		sw = SW_DATA;
		goto out;
	}
	if (mine == NULL || k == NULL || s == NULL ||
		EC_POINT_mul(p->group, mine, k, NULL, NULL, p->bn) != 1 ||
		!point_write(p, mine, encoded) || !vc_blob_add(out, encoded, len) ||
		/* `mine` becomes H. */
		EC_POINT_mul(p->group, mine, NULL, theirs, k, p->bn) != 1 ||
		EC_POINT_mul(p->group, p->base, s, mine, BN_value_one(), p->bn) != 1)
		goto out;
	sw = EC_POINT_is_at_infinity(p->group, p->base) ? SW_DATA : SW_OK;
out:
	EC_POINT_free(theirs);
	EC_POINT_clear_free(mine);
	BN_clear_free(k);
	BN_clear_free(s);
	return sw;
}

/* The agreement over G'; its X coordinate makes the keys. */
static uint16_t agree(struct vc_pace *p, const uint8_t *value, size_t len, struct vc_blob *out)
{
	EC_POINT *theirs = point_read(p, value, len), *mine = EC_POINT_new(p->group);
	uint8_t shared[POINT_MAX];
	BIGNUM *k = scalar_new(p);
	uint16_t sw = SW_ERROR;

	if (theirs == NULL) {
		sw = SW_DATA;
		goto out;
	}
	if (mine == NULL || k == NULL || EC_POINT_mul(p->group, mine, NULL, p->base, k, p->bn) != 1 ||
		!point_write(p, mine, p->own))
		goto out;
	memcpy(p->peer, value, len);
	if (memcmp(p->own, p->peer, len) == 0) {
		sw = SW_DATA;
		goto out;
	}
	if (EC_POINT_mul(p->group, mine, NULL, theirs, k, p->bn) != 1 || !point_write(p, mine, shared) ||
		!vc_sm_kdf(p->suite, shared + 1, p->field, 1, p->enc) ||
		!vc_sm_kdf(p->suite, shared + 1, p->field, 2, p->mac) || !vc_blob_add(out, p->own, len))
		goto out;
	sw = SW_OK;
out:
	OPENSSL_cleanse(shared, sizeof shared);
	EC_POINT_free(theirs);
	EC_POINT_clear_free(mine);
	BN_clear_free(k);
	return sw;
}

static size_t length_write(uint8_t *p, size_t len)
{
	size_t n = 0;

	if (len > 127)
		p[n++] = 0x81;
	p[n++] = (uint8_t)len;
	return n;
}

/* The token over one end's key: MAC of 7F49 { 06 oid, 86 point }. */
static bool token_make(const struct vc_pace *p, const uint8_t *point, uint8_t token[VC_SM_MAC])
{
	size_t len = 1 + 2 * p->field, n, inner = 2 + OID + 1 + (len > 127 ? 2 : 1) + len;
	uint8_t text[2 + 2 + 2 + OID + 3 + POINT_MAX] = { 0x7F, 0x49 };

	n = 2 + length_write(text + 2, inner);
	text[n++] = 0x06;
	text[n++] = OID;
	memcpy(text + n, oid_head, sizeof oid_head);
	n += sizeof oid_head;
	text[n++] = p->suite->oid;
	text[n++] = 0x86;
	n += length_write(text + n, len);
	memcpy(text + n, point, len);
	return vc_sm_mac(p->suite, p->mac, text, n + len, true, token);
}

/* A wrong CAN makes wrong keys, which shows here first. It is not counted, but the card gets slower. */
static uint16_t prove(struct vc_pace *p, const uint8_t *value, size_t len, struct vc_blob *out)
{
	uint8_t token[VC_SM_MAC];
	unsigned i;

	if (!token_make(p, p->own, token))
		return SW_ERROR;
	if (len != sizeof token)
		return SW_DATA;
	if (CRYPTO_memcmp(token, value, sizeof token) != 0) {
		/* Twice as long each time. Source: facts on FINEID, section 5, PACE. */
		p->failures++;
		p->wait = p->delay;
		for (i = 1; i < p->failures && p->wait < DELAY_MAX; i++)
			p->wait *= 2;
		if (p->wait > DELAY_MAX)
			p->wait = DELAY_MAX;
		return SW_NO_INFO;
	}
	if (!token_make(p, p->peer, token) || !vc_blob_add(out, token, sizeof token))
		return SW_ERROR;
	p->failures = 0;
	vc_sm_start(&p->sm, p->suite, p->enc, p->mac);
	return SW_OK;
}

/* GENERAL AUTHENTICATE, by what the run waits for: class, tags within 7C, what is done. Source: facts 2.3. */
static const struct {
	uint8_t cla, tag, answer_tag;
	uint16_t (*run)(struct vc_pace *, const uint8_t *, size_t, struct vc_blob *);
} steps[] = {
	[WANT_NONCE] = { 0x10, 0, 0x80, give_nonce },
	[WANT_MAPPING] = { 0x10, 0x81, 0x82, map },
	[WANT_KEY] = { 0x10, 0x83, 0x84, agree },
	[WANT_TOKEN] = { 0x00, 0x85, 0x86, prove },
};

/* Steps over a tag and its length; the value's length, or -1 when the rest is not all of it. */
static int whole_object(const uint8_t **p, size_t *left, uint8_t tag)
{
	size_t head = *left >= 3 && (*p)[1] == 0x81 ? 3 : 2;

	if (*left < head || (*p)[0] != tag || (head == 2 && (*p)[1] > 127) || (*p)[head - 1] != *left - head)
		return -1;
	*p += head;
	*left -= head;
	return (int)*left;
}

static uint16_t authenticate(
	struct vc_pace *p, const struct vc_cmd *cmd, bool t0, struct vc_blob *out)
{
	enum step step = p->step;
	struct vc_blob answer;
	const uint8_t *value = cmd->data;
	size_t left = cmd->lc;
	uint8_t head[3];
	uint16_t sw;

	if (cmd->p1 != 0 || cmd->p2 != 0)
		return SW_P1P2;
	if (cmd->lc == 0 || (!cmd->has_le && !t0))
		return SW_LENGTH;
	if (cmd->cla != steps[step].cla || whole_object(&value, &left, 0x7C) < 0)
		return SW_DATA;
	if (steps[step].tag != 0 ? whole_object(&value, &left, steps[step].tag) < 0 : left != 0)
		return SW_DATA;
	answer.len = 0;
	sw = steps[step].run(p, value, left, &answer);
	ERR_clear_error();
	if (sw != SW_OK)
		return sw;
	vc_blob_byte(out, 0x7C);
	vc_blob_add(out, head, length_write(head, answer.len + 1 + (answer.len > 127 ? 2 : 1)));
	vc_blob_byte(out, steps[step].answer_tag);
	vc_blob_add(out, head, length_write(head, answer.len));
	vc_blob_add(out, answer.p, answer.len);
	if (step == WANT_TOKEN)
		run_drop(p);
	else
		p->step = step + 1;
	return SW_OK;
}

/* A step of a run; any error ends the run. */
static uint16_t authenticate_or_drop(
	struct vc_pace *p, const struct vc_cmd *cmd, bool t0, struct vc_blob *out)
{
	uint16_t sw = authenticate(p, cmd, t0, out);

	if (sw != SW_OK)
		run_drop(p);
	return sw;
}

/*
 * MSE:SET AT: 80 oid, 83 password, 84 parameters where the terminal likes, each once. Other passwords
 * than the CAN, and certificates' roles (7F4C), this card does not have.
 */
static uint16_t set_at(struct vc_pace *p, const struct vc_cmd *cmd)
{
	const uint8_t *d = cmd->data;
	size_t left = cmd->lc, n;
	unsigned seen = 0, bit;

	run_drop(p);
	while (left >= 2) {
		n = d[1];
		if (n > left - 2)
			return SW_DATA;
		bit = d[0] == 0x80 ? 1U : d[0] == 0x83 ? 2U : d[0] == 0x84 ? 4U : 0U;
		if (bit == 0 || (seen & bit) != 0)
			return SW_DATA;
		if (bit == 1 && (n != OID || memcmp(d + 2, oid_head, sizeof oid_head) != 0 ||
			d[2 + sizeof oid_head] != p->suite->oid))
			return SW_DATA;
		if (bit == 2 && (n != 1 || d[2] != 0x02))
			return SW_REF_NOT_FOUND;
		if (bit == 4 && (n != 1 || d[2] != p->parameters))
			return SW_REF_NOT_FOUND;
		seen |= bit;
		d += 2 + n;
		left -= 2 + n;
	}
	if (left != 0 || (seen & 3) != 3)
		return SW_DATA;
	p->step = WANT_NONCE;
	return SW_OK;
}

/* --- around the model --- */

static bool select_of(const struct vc_cmd *cmd, const uint8_t fid[2])
{
	return cmd->cla == 0x00 && cmd->ins == 0xA4 && cmd->lc == 2 && memcmp(cmd->data, fid, 2) == 0;
}

/* By its identifier, as a DF name where cards take that, or with nothing named at all. */
static bool selects_mf(const struct vc_cmd *cmd)
{
	if (cmd->cla == 0x00 && cmd->ins == 0xA4 && cmd->lc == 0)
		return cmd->p1 == 0x00;
	return select_of(cmd, mf_fid) && (cmd->p1 == 0x00 || cmd->p1 == 0x04);
}

static bool at_mf(const struct vc_card *c)
{
	return c->df == NULL || c->df == c->files;
}

/* SELECT of EF.CardAccess: below the MF by its identifier, from everywhere by its path. */
static bool selects_access(const struct vc_card *c, const struct vc_cmd *cmd)
{
	switch (cmd->p1) {
	case 0x00:
	case 0x02:
		return at_mf(c) && select_of(cmd, card_access_fid);
	case 0x08:
		return select_of(cmd, card_access_fid);
	default:
		return false;
	}
}

/*
 * Whether a command that went well has made the MF the current DF: it was not before, or it is a SELECT that leads
 * there by itself. EF.CardAccess is selected here, and no DF with it; from elsewhere it is reached by its path alone.
 */
static bool made_mf(const struct vc_card *c, const struct vc_cmd *cmd, bool was_at_mf)
{
	if (selects_access(c, cmd))
		return cmd->ins == 0xA4 && cmd->p1 == 0x08;
	if (!at_mf(c))
		return false;
	return !was_at_mf || (cmd->ins == 0xA4 && (cmd->p1 == 0x03 || cmd->p1 == 0x04 || cmd->p1 == 0x08));
}

/* READ BINARY of EF.CardAccess while it is current, or by its short identifier below the MF. */
static bool reads_access(const struct vc_card *c, const struct vc_cmd *cmd)
{
	if (cmd->cla != 0x00 || cmd->ins != 0xB0)
		return false;
	if ((cmd->p1 & 0x80) == 0)
		return c->pace->access_current;
	return cmd->p1 == (0x80 | CARD_ACCESS_SFI) && at_mf(c);
}

static uint16_t access_select(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out)
{
	/* Source: facts on the Gemalto applets, section 3: the FCP tells the size only. */
	const uint8_t fcp[] = { 0x62, 0x04, 0x81, 0x02, 0x00, (uint8_t)c->pace->access_len };

	if (cmd->p2 != 0x00 && cmd->p2 != 0x04 && cmd->p2 != 0x0C)
		return SW_P1P2;
	c->pace->access_current = true;
	c->ef = NULL;
	if (cmd->p2 != 0x0C)
		vc_blob_add(out, fcp, sizeof fcp);
	return SW_OK;
}

static uint16_t access_read(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out)
{
	struct vc_pace *p = c->pace;
	size_t at = cmd->p2, left;

	if (cmd->lc != 0 || !cmd->has_le)
		return SW_LENGTH;
	if ((cmd->p1 & 0x80) == 0)
		at |= (size_t)cmd->p1 << 8;
	if (at >= p->access_len)
		return SW_OFFSET;
	p->access_current = true;
	left = p->access_len - at;
	vc_blob_add(out, p->access + at, cmd->le < left ? cmd->le : left);
	return cmd->le > left && cmd->le < 256 ? SW_EOF : SW_OK;
}

/*
 * The model's answer, put together where it comes in parts: the channel carries it as one, and knows no
 * T=0.
 */
static uint16_t model_whole(struct vc_card *c, const uint8_t *in, size_t inlen, struct vc_blob *out)
{
	static const uint8_t get_response[] = { 0x00, 0xC0, 0x00, 0x00, 0x00 };
	struct vc_blob part;
	unsigned parts;
	bool t0 = c->t0;
	uint16_t sw;

	c->t0 = false;
	c->secured = true;
	sw = vc_run(c, in, inlen, out);
	for (parts = 0; (sw & 0xFF00) == SW_MORE && parts < VC_MAX_DATA / 16; parts++) {
		part.len = 0;
		sw = vc_run(c, get_response, sizeof get_response, &part);
		if (!vc_blob_add(out, part.p, part.len))
			sw = SW_ERROR;
	}
	c->secured = false;
	c->t0 = t0;
	return sw;
}

/* The next part of an answer; GET RESPONSE carries no protection of its own. */
static uint16_t rest_next(struct vc_card *c, size_t want, struct vc_blob *out)
{
	struct vc_pace *p = c->pace;
	size_t left = p->rest.len - p->rest_at, take = left < want ? left : want;

	if (c->t0 && want > left && left < 256)
		return (uint16_t)(SW_LE | left);
	vc_blob_add(out, p->rest.p + p->rest_at, take);
	p->rest_at += take;
	left -= take;
	if (left != 0)
		return (uint16_t)(SW_MORE | (left > 255 ? 0 : left));
	p->rest.len = p->rest_at = 0;
	return p->rest_sw;
}

/* Hands an answer of ours over as vc_run does those of the model: by T=0, or cut at 256 bytes. */
static uint16_t deliver(struct vc_card *c, const struct vc_sm_apdu *apdu, struct vc_blob *out, uint16_t sw)
{
	struct vc_pace *p = c->pace;
	bool by_t0 = c->t0 && apdu->cmd.lc != 0 && out->len != 0;
	uint16_t wrong = vc_t0_le(c, &apdu->cmd, out->len);

	if (sw == SW_OK && wrong != SW_OK) {
		out->len = 0;
		return wrong;
	}
	if (!by_t0 && (apdu->extended || out->len <= ANSWER_MAX))
		return sw;
	p->rest = *out;
	p->rest_at = out->len = 0;
	p->rest_sw = sw;
	if (by_t0)
		return (uint16_t)(SW_MORE | (p->rest.len > 255 ? 0 : p->rest.len));
	return rest_next(c, ANSWER_MAX, out);
}

/* A command that selects or reads EF.CardAccess, here; false when it is the model's. */
static bool access_run(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out, uint16_t *sw)
{
	if (selects_access(c, cmd))
		*sw = access_select(c, cmd, out);
	else if (reads_access(c, cmd))
		*sw = access_read(c, cmd, out);
	else
		return false;
	return true;
}

/* The model selected a file of its own. */
static void access_leave(struct vc_card *c, const struct vc_cmd *cmd, uint16_t sw)
{
	if (cmd->ins == 0xA4 && (sw == SW_OK || (sw & 0xFF00) == SW_MORE))
		c->pace->access_current = false;
}

/* The channel ends, and with it what was verified through it. */
static void channel_end(struct vc_card *c)
{
	vc_sm_end(&c->pace->sm);
	c->pace->lost = true;
	c->pace->rest.len = c->pace->rest_at = 0;
	vc_pin_drop(c, 0);
}

/* What a card that demands the channel does without: nothing that could tell of its holder. */
static bool free_of_channel(const struct vc_card *c, const struct vc_cmd *cmd)
{
	return selects_mf(cmd) || selects_access(c, cmd) || reads_access(c, cmd) || cmd->ins == 0xC0;
}

static uint16_t bare(struct vc_card *c, const struct vc_sm_apdu *apdu, const uint8_t *in, size_t inlen,
	struct vc_blob *out)
{
	const struct vc_cmd *cmd = &apdu->cmd;
	struct vc_pace *p = c->pace;
	uint16_t sw;

	if (cmd->cla == 0x00 && cmd->ins == 0x22 && cmd->p1 == 0xC1 && cmd->p2 == 0xA4)
		return set_at(p, cmd);
	if (cmd->ins == 0x86 && p->step != IDLE)
		return deliver(c, apdu, out, authenticate_or_drop(p, cmd, c->t0, out));
	run_drop(p);
	if (p->demand && !free_of_channel(c, cmd))
		return SW_SECURITY;
	if (access_run(c, cmd, out, &sw))
		return deliver(c, apdu, out, sw);
	sw = vc_run(c, in, inlen, out);
	access_leave(c, cmd, sw);
	return sw;
}

/* What came out of the channel, within the limits of its buffers. */
static uint16_t within(struct vc_card *c, const uint8_t *in, size_t inlen, struct vc_blob *out)
{
	struct vc_sm_apdu apdu;
	bool read;
	uint16_t sw;

	if (!vc_sm_parse(in, inlen, &apdu) || apdu.cmd.lc > c->pace->max)
		return SW_LENGTH;
	read = (apdu.cmd.ins & 0xFE) == 0xB0;
	if (read && apdu.cmd.has_le && apdu.cmd.le > c->pace->max && apdu.cmd.le != 256)
		return SW_LENGTH;
	if (!access_run(c, &apdu.cmd, out, &sw)) {
		sw = model_whole(c, in, inlen, out);
		access_leave(c, &apdu.cmd, sw);
	}
	/* Le 00 is what there is, as much as there is room for. */
	if (read && out->len > c->pace->max) {
		out->len = c->pace->max;
		sw = SW_OK;
	}
	return sw;
}

static uint16_t wrapped(struct vc_card *c, const struct vc_sm_apdu *apdu, struct vc_blob *out)
{
	struct vc_pace *p = c->pace;
	uint8_t plain[VC_SM_APDU];
	struct vc_sm_apdu inner;
	struct vc_blob answer;
	size_t len = 0;
	uint16_t sw;
	bool ends, was_at_mf = at_mf(c);

	/* What comes back needs an Le, which T=0 has no place for. */
	sw = apdu->cmd.has_le || c->t0 ? vc_sm_unwrap(&p->sm, apdu, plain, &len) : SW_LENGTH;
	if (sw != SW_OK) {
		channel_end(c);
		return sw;
	}
	answer.len = 0;
	sw = within(c, plain, len, &answer);
	ends = sw == SW_OK && vc_sm_parse(plain, len, &inner) &&
		(selects_mf(&inner.cmd) || (p->any_mf && made_mf(c, &inner.cmd, was_at_mf)));
	if (!vc_sm_wrap(&p->sm, apdu->cmd.ins, answer.p, answer.len, sw, out)) {
		out->len = 0;
		sw = SW_ERROR;
		ends = true;
	}
	OPENSSL_cleanse(plain, sizeof plain);
	OPENSSL_cleanse(&answer, sizeof answer);
	/* Source: facts on FINEID, section 3.2. That all ways there do so is not known. */
	if (ends)
		channel_end(c);
	return deliver(c, apdu, out, sw);
}

uint16_t vc_pace_run(struct vc_card *c, const uint8_t *in, size_t inlen, struct vc_blob *out)
{
	struct vc_pace *p = c->pace;
	struct vc_sm_apdu apdu;
	bool fits = vc_sm_parse(in, inlen, &apdu);

	p->wait = 0;
	if (fits && apdu.cmd.cla == 0x00 && apdu.cmd.ins == 0xC0 && p->rest.len != 0) {
		if (apdu.cmd.p1 == 0 && apdu.cmd.p2 == 0 && apdu.cmd.lc == 0 && apdu.cmd.has_le)
			return rest_next(c, apdu.cmd.le, out);
	}
	p->rest.len = p->rest_at = 0;
	if (fits && (apdu.cmd.cla & 0xEC) == 0x0C) {
		run_drop(p);
		if (p->sm.up)
			return wrapped(c, &apdu, out);
		return p->lost ? SW_SM_STALE : SW_SM_MISSING;
	}
	if (p->sm.up)
		channel_end(c);
	return fits ? bare(c, &apdu, in, inlen, out) : SW_LENGTH;
}

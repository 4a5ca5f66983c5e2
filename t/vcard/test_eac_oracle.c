/*
 * A second opinion of the virtual card's PACE and secure messaging: libeac of the OpenPACE project plays the
 * terminal. libeac is under the GPL: it is in this test alone, never in what is installed.
 */
#include "config.h"

#include <stdio.h>

#ifndef HAVE_LIBEAC

int main(void)
{
	puts("1..0 # SKIP libeac-dev is not there");
	return 0;
}

#else

#include <eac/eac.h>
#include <eac/pace.h>
#include <openssl/provider.h>

#include "t/unit/unit.h"
#include "t/vcard/vc_pace.h"
#include "t/vcard/vct.h"

#define CAN "123456"

static BUF_MEM *buf_new(const uint8_t *p, size_t len)
{
	BUF_MEM *b = BUF_MEM_new();

	ck_assert(b != NULL && BUF_MEM_grow(b, len) == len);
	memcpy(b->data, p, len);
	return b;
}

/* A card of that curve and cipher which wants the channel, and what EF.CardAccess makes libeac think. */
static struct vc *meet(const char *curve, const char *cipher, EAC_CTX **ctx)
{
	static char text[16384];
	FILE *f = fopen(vct_path("t/cards/myeid-blank.yaml"), "r");
	size_t n = fread(text, 1, sizeof text - 300, f);
	char err[512] = "";
	uint8_t access[64];
	struct vc *vc;

	fclose(f);
	snprintf(text + n, 300, "\npace: { can: \"" CAN "\", curve: %s, cipher: %s, demand: yes }\n", curve, cipher);
	vc = vct_text(text, err, sizeof err);
	ck_assert_msg(vc != NULL, "%s", err);
	n = vct_send(vc, "00 B0 9C 00 00", access, sizeof access);
	ck_assert_uint_eq(vct_sw(access, n), 0x9000);
	*ctx = EAC_CTX_new();
	ck_assert(*ctx != NULL);
	ck_assert(EAC_CTX_init_ef_cardaccess(access, n - 2, *ctx) == 1);
	ck_assert((*ctx)->pace_ctx != NULL);
	(*ctx)->tr_version = EAC_TR_VERSION_2_02;
	return vc;
}

/* MSE:SET AT as libeac read the card: its object identifier and parameters. */
static void set_at(struct vc *vc, const EAC_CTX *ctx, uint8_t parameters)
{
	const ASN1_OBJECT *oid = OBJ_nid2obj(ctx->pace_ctx->protocol);
	uint8_t data[64] = { 0x80 }, out[16];
	size_t len = OBJ_length(oid), n;

	ck_assert(len > 0 && len < 32);
	data[1] = (uint8_t)len;
	memcpy(data + 2, OBJ_get0_data(oid), len);
	memcpy(data + 2 + len, "\x83\x01\x02\x84\x01", 5);
	data[7 + len] = parameters;
	n = vct_data(vc, "00 22 C1 A4", data, 8 + len, false, out, sizeof out);
	ck_assert_uint_eq(vct_sw(out, n), 0x9000);
}

/* GENERAL AUTHENTICATE with one object; the value of what came back, or NULL and *sw. */
static BUF_MEM *authenticate(struct vc *vc, const char *header, uint8_t tag, const BUF_MEM *value, unsigned *sw)
{
	uint8_t data[200] = { 0x7C, 0x00 }, out[300];
	size_t n = 2, skip;

	if (value != NULL) {
		n = 1;
		if (value->length > 120) {
			data[n++] = 0x81;
			data[n++] = (uint8_t)(value->length + (value->length > 127 ? 3 : 2));
		} else {
			data[n++] = (uint8_t)(value->length + 2);
		}
		data[n++] = tag;
		if (value->length > 127)
			data[n++] = 0x81;
		data[n++] = (uint8_t)value->length;
		memcpy(data + n, value->data, value->length);
		n += value->length;
	}
	n = vct_data(vc, header, data, n, true, out, sizeof out);
	*sw = vct_sw(out, n);
	if (*sw != 0x9000)
		return NULL;
	ck_assert_uint_eq(out[0], 0x7C);
	skip = out[1] == 0x81 ? 3 : 2;
	ck_assert_uint_eq(out[skip], value != NULL ? tag + 1U : 0x80U);
	skip += out[skip + 1] == 0x81 ? 3 : 2;
	return buf_new(out + skip, n - 2 - skip);
}

/* PACE with libeac's arithmetic; the status word of the last step. */
static unsigned pace(struct vc *vc, EAC_CTX *ctx, uint8_t parameters, const char *can)
{
	PACE_SEC *secret = PACE_SEC_new(can, strlen(can), PACE_CAN);
	BUF_MEM *z, *mine, *theirs, *key, *token, *proof;
	unsigned sw;

	ck_assert(secret != NULL);
	set_at(vc, ctx, parameters);
	z = authenticate(vc, "10 86 00 00", 0, NULL, &sw);
	ck_assert(z != NULL && PACE_STEP2_dec_nonce(ctx, secret, z) == 1);
	mine = PACE_STEP3A_generate_mapping_data(ctx);
	ck_assert(mine != NULL);
	theirs = authenticate(vc, "10 86 00 00", 0x81, mine, &sw);
	ck_assert(theirs != NULL && PACE_STEP3A_map_generator(ctx, theirs) == 1);
	BUF_MEM_free(mine);
	mine = PACE_STEP3B_generate_ephemeral_key(ctx);
	ck_assert(mine != NULL);
	key = authenticate(vc, "10 86 00 00", 0x83, mine, &sw);
	ck_assert(key != NULL && PACE_STEP3B_compute_shared_secret(ctx, key) == 1);
	ck_assert(PACE_STEP3C_derive_keys(ctx) == 1);
	token = PACE_STEP3D_compute_authentication_token(ctx, key);
	ck_assert(token != NULL);
	proof = authenticate(vc, "00 86 00 00", 0x85, token, &sw);
	if (proof != NULL) {
		ck_assert_int_eq(PACE_STEP3D_verify_authentication_token(ctx, proof), 1);
		ck_assert(EAC_CTX_set_encryption_ctx(ctx, EAC_ID_PACE) == 1);
	}
	BUF_MEM_free(z);
	BUF_MEM_free(mine);
	BUF_MEM_free(theirs);
	BUF_MEM_free(key);
	BUF_MEM_free(token);
	BUF_MEM_free(proof);
	PACE_SEC_clear_free(secret);
	return sw;
}

/* libeac's MAC over what the counter goes before; p is padded by libeac to its blocks. */
static BUF_MEM *mac_of(const EAC_CTX *ctx, const uint8_t *header, const uint8_t *objects, size_t len)
{
	BUF_MEM *head = header != NULL ? buf_new(header, 4) : NULL, *body = buf_new(objects, len);
	BUF_MEM *padded_head = head != NULL ? EAC_add_iso_pad(ctx, head) : NULL;
	BUF_MEM *padded = len != 0 ? EAC_add_iso_pad(ctx, body) : NULL, *mac;
	uint8_t text[700];
	size_t n = 0;

	if (padded_head != NULL) {
		memcpy(text, padded_head->data, padded_head->length);
		n = padded_head->length;
	}
	if (padded != NULL) {
		memcpy(text + n, padded->data, padded->length);
		n += padded->length;
	}
	BUF_MEM_free(head);
	BUF_MEM_free(body);
	BUF_MEM_free(padded_head);
	BUF_MEM_free(padded);
	body = buf_new(text, n);
	mac = EAC_authenticate(ctx, body);
	BUF_MEM_free(body);
	ck_assert(mac != NULL && mac->length == 8);
	return mac;
}

/* A command through libeac's channel: the plain answer, as hex. */
static const char *through(struct vc *vc, EAC_CTX *ctx, const char *hex)
{
	static char text[1400];
	uint8_t in[300], objects[600], out[600];
	size_t len = (size_t)vc_hex(hex, in, sizeof in), lc = len > 5 ? in[4] : 0, at = 0, n, i, end, value;
	BUF_MEM *plain, *padded, *cipher, *mac;

	in[0] |= 0x0C;
	ck_assert(EAC_increment_ssc(ctx) == 1);
	if (lc != 0) {
		plain = buf_new(in + 5, lc);
		padded = EAC_add_iso_pad(ctx, plain);
		cipher = EAC_encrypt(ctx, padded);
		ck_assert(cipher != NULL);
		objects[at++] = 0x87;
		if (cipher->length + 1 > 127)
			objects[at++] = 0x81;
		objects[at++] = (uint8_t)(cipher->length + 1);
		objects[at++] = 0x01;
		memcpy(objects + at, cipher->data, cipher->length);
		at += cipher->length;
		BUF_MEM_free(plain);
		BUF_MEM_free(padded);
		BUF_MEM_free(cipher);
	}
	if (len == 5 || len == 6 + lc) {
		objects[at++] = 0x97;
		objects[at++] = 0x01;
		objects[at++] = in[len - 1];
	}
	mac = mac_of(ctx, in, objects, at);
	objects[at++] = 0x8E;
	objects[at++] = 8;
	memcpy(objects + at, mac->data, 8);
	at += 8;
	BUF_MEM_free(mac);
	snprintf(text, sizeof text, "%02X%02X%02X%02X", in[0], in[1], in[2], in[3]);
	n = vct_data(vc, text, objects, at, true, out, sizeof out);
	ck_assert_msg(n >= 16, "not wrapped: %04X", vct_sw(out, n));
	ck_assert(EAC_increment_ssc(ctx) == 1);
	/* ... 99 02 SW 8E 08 MAC SW */
	end = n - 2 - 10 - 4;
	mac = buf_new(out + n - 10, 8);
	if (end != 0)
		ck_assert_uint_eq(out[0], 0x87);
	ck_assert(out[end] == 0x99 && out[end + 4] == 0x8E && memcmp(out + end + 2, out + n - 2, 2) == 0);
	padded = mac_of(ctx, NULL, out, end + 4);
	ck_assert_mem_eq(padded->data, mac->data, 8);
	BUF_MEM_free(padded);
	BUF_MEM_free(mac);
	text[0] = '\0';
	if (end != 0) {
		value = (out[1] & 0x80) != 0 ? 3U + (out[1] & 0x7F) : 3U;
		cipher = buf_new(out + value, end - value);
		padded = EAC_decrypt(ctx, cipher);
		plain = EAC_remove_iso_pad(padded);
		ck_assert(plain != NULL);
		for (i = 0; i < plain->length; i++)
			snprintf(text + 2 * i, 3, "%02X", (uint8_t)plain->data[i]);
		BUF_MEM_free(cipher);
		BUF_MEM_free(padded);
		BUF_MEM_free(plain);
	}
	snprintf(text + strlen(text), 5, "%02X%02X", out[n - 2], out[n - 1]);
	return text;
}

static const struct { const char *curve; uint8_t id; const char *cipher; } cases[] = {
	{ "brainpoolP256r1", 13, "aes-128" }, { "brainpoolP256r1", 13, "aes-256" },
	{ "brainpoolP256r1", 13, "3des" }, { "brainpoolP384r1", 16, "aes-128" },
	{ "brainpoolP384r1", 16, "aes-192" }, { "brainpoolP384r1", 16, "aes-256" },
	{ "brainpoolP384r1", 16, "3des" }, { "brainpoolP512r1", 17, "aes-256" },
	{ "P-256", 12, "aes-128" }, { "P-384", 15, "aes-256" }, { "P-521", 18, "aes-256" },
};

static OSSL_PROVIDER *standard, *legacy;

/* libeac's retail MAC takes single DES. */
static void start(void)
{
	standard = OSSL_PROVIDER_load(NULL, "default");
	legacy = OSSL_PROVIDER_load(NULL, "legacy");
	ck_assert(standard != NULL && legacy != NULL);
	EAC_init();
}

static void end(void)
{
	EAC_cleanup();
	OSSL_PROVIDER_unload(legacy);
	OSSL_PROVIDER_unload(standard);
}

START_TEST(libeac_agrees)
{
	EAC_CTX *ctx;
	struct vc *vc;
	size_t i;

	start();
	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		vc = meet(cases[i].curve, cases[i].cipher, &ctx);
		ck_assert_uint_eq(pace(vc, ctx, cases[i].id, CAN), 0x9000);
		ck_assert(strstr(through(vc, ctx, SELECT_APP " 00"), "9000") != NULL);
		ck_assert_str_eq(through(vc, ctx, "00 A4 08 00 04 50 15 50 31 00"),
			vct_plain("6F178002 00FF 820101 83025031 8603013FFF 85020000 8A0107 9000"));
		ck_assert(strncmp(through(vc, ctx, "00 B0 00 00 40"), "A80A30080406", 12) == 0);
		ck_assert_uint_eq(strlen(through(vc, ctx, "00 B0 00 00 C0")), 2 * 0xC0 + 4);
		ck_assert_str_eq(through(vc, ctx, "00 20 00 01 08 31 32 33 35 FF FF FF FF"), "63C2");
		ck_assert_str_eq(through(vc, ctx, "00 20 00 01 08 " PIN1), "9000");
		ck_assert_int_eq(vc_pin_is_open(vc, 1), 1);
		EAC_CTX_clear_free(ctx);
		vc_free(&vc);
	}
	end();
}
END_TEST

START_TEST(libeac_with_a_wrong_can)
{
	EAC_CTX *ctx;
	struct vc *vc;
	size_t i;

	start();
	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		vc = meet(cases[i].curve, cases[i].cipher, &ctx);
		ck_assert_uint_eq(pace(vc, ctx, cases[i].id, "123457"), 0x6300);
		EAC_CTX_clear_free(ctx);
		vc_free(&vc);
	}
	end();
}
END_TEST

UNIT_MAIN("eac_oracle", libeac_agrees, libeac_with_a_wrong_can)

#endif

/* PACE and secure messaging of the virtual card. */
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
#include "t/vcard/vct_term.h"

#define THROUGH(t, command, answer) ck_assert_str_eq(term_through_hex(t, command), vct_plain(answer))

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
	snprintf(text + n, 300, "\npace: { can: \"" TERM_CAN "\", curve: %s, cipher: %s%s }\n", curve, cipher,
		rest);
	vc = vct_text(text, err, sizeof err);
	ck_assert_msg(vc != NULL, "%s", err);
	return vc;
}

/* A terminal before a card of that curve and cipher. */
static void meet(struct term *t, const char *curve, const char *cipher, const char *rest)
{
	*t = (struct term){ .vc = pace_card(curve, cipher, rest) };
	term_open(t, curve, cipher);
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

#define DELAY 40                /* ms; nobody waits for it but a reader */

static void meet_echo(struct term *t, struct vc_card *c, const char *curve, const char *cipher, size_t max)
{
	struct vc_pace_setup setup = { .can = TERM_CAN, .curve = curve, .cipher = cipher, .max = max,
		.delay = DELAY };
	const char *what;

	memset(c, 0, sizeof *c);
	c->model = &echo;
	c->pace = vc_pace_new(&setup, &what);
	ck_assert(c->pace != NULL);
	*t = (struct term){ .bare = c };
	term_open(t, curve, cipher);
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
		ck_assert(vc_sm_kdf(vc_sm_suite("3des"), (const uint8_t *)TERM_CAN, 6, c, key));
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
	uint8_t in[300], wrapped[300], out[TERM_LONGEST], plain[TERM_LONGEST];
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
		n = term_gathered(&t, wrapped, n, out);
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

	for (c = 0; c < TERM_CURVES; c++)
		for (k = 0; k < TERM_CIPHERS; k++) {
			meet(&t, term_curves[c].word, term_ciphers[k].word, ", demand: yes");
			snprintf(access, sizeof access,
				"31143012060A0400 7F000702020402%02X 020102 0201%02X 9000",
				term_ciphers[k].oid, term_curves[c].id);
			EXPECT(t.vc, "00 B0 9C 00 00", access);
			ck_assert_uint_eq(term_pace(&t), 0x9000);
			ck_assert(strstr(term_through_hex(&t, SELECT_APP " 00"), "9000") != NULL);
			THROUGH(&t, "00 A4 08 00 04 50 15 50 31 00",
				"6F178002 00FF 820101 83025031 8603013FFF 85020000 8A0107 9000");
			ck_assert(strncmp(term_through_hex(&t, "00 B0 00 00 20"), "A80A30080406", 12) == 0);
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
	ck_assert(strstr(term_through_hex(&t, SELECT_APP " 00"), "9000") != NULL);
	ck_assert_str_ne(term_through_hex(&t, "00 B0 9C 00 00"), vct_plain(ACCESS "9000"));
	THROUGH(&t, "00 A4 00 0C 02 01 1C", "6A86");
	THROUGH(&t, "00 A4 08 0C 02 01 1C", "9000");
	THROUGH(&t, "00 B0 00 00 16", ACCESS "9000");
	term_close(&t);
	/* What was current before it is not: nothing is written there. */
	meet(&t, "brainpoolP384r1", "aes-256", "");
	EXPECT(t.vc, "00 A4 00 00 02 2F 00 00",
		"6F178002 0080 820101 83022F00 8603033FFF 85020000 8A0107 9000");
	EXPECT(t.vc, "00 D6 00 00 01 AA", "6982");
	EXPECT(t.vc, "00 A4 00 0C 02 01 1C", "9000");
	EXPECT(t.vc, "00 D6 00 00 01 AA", "6986");
	term_close(&t);
}
END_TEST

START_TEST(demand_refuses_all_else)
{
	static const char *const refused[] = { SELECT_APP, "00 A4 00 00 02 2F 00", "00 B0 00 00 00",
		"00 20 00 01", ("00 20 00 01 08 " PIN1), "00 CA 01 A0 00", "00 84 00 00 08",
		"00 22 41 B6 06 80 01 02 84 01 00",
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
		EXPECT(t.vc, "00 86 00 00 0C 7C 0A 85 08 00 00 00 00 00 00 00 00 00", "6982");
		ck_assert_int_ge(ms_since(&from), 60L << i);
	}
	/* A reset does not shorten it; the right CAN ends it. */
	ck_assert_uint_eq(term_pace(&t), 0x6300);
	vc_reset(t.vc);
	t.can = TERM_CAN;
	clock_gettime(CLOCK_MONOTONIC, &from);
	ck_assert_uint_eq(term_pace(&t), 0x9000);
	ck_assert_int_ge(ms_since(&from), 480);
	THROUGH(&t, "00 20 00 01 08 " PIN1, "9000");
	term_close(&t);
}
END_TEST

/* Twice as long each time, for one answer, up to two minutes; the right CAN forgives. */
START_TEST(wrong_cans_slow_the_card)
{
	struct vc_card card;
	struct term t;
	unsigned i, want;

	meet_echo(&t, &card, "P-256", "aes-128", 0);
	ck_assert_uint_eq(vc_pace_delay(card.pace), 0);
	t.can = "123457";
	for (i = 0, want = DELAY; i < 14; i++, want = want < 60000 ? 2 * want : 120000) {
		ck_assert_uint_eq(term_pace(&t), 0x6300);
		ck_assert_uint_eq(vc_pace_delay(card.pace), want);
		ck_assert_uint_eq(term_raw_hex(&t, "00 B0 9C 00 00", NULL, NULL), 0x9000);
		ck_assert_uint_eq(vc_pace_delay(card.pace), 0);
	}
	t.can = TERM_CAN;
	ck_assert_uint_eq(term_pace(&t), 0x9000);
	ck_assert_uint_eq(vc_pace_delay(card.pace), 0);
	t.can = "123457";
	ck_assert_uint_eq(term_pace(&t), 0x6300);
	ck_assert_uint_eq(vc_pace_delay(card.pace), DELAY);
	vc_pace_free(card.pace);
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
		ck_assert_msg(term_raw_hex(&t, cases[i].command, NULL, NULL) == cases[i].sw, "%s: not %04X",
			cases[i].command, cases[i].sw);
		/* What was refused starts nothing. */
		ck_assert_uint_eq(term_raw_hex(&t, "10 86 00 00 02 7C 00 00", NULL, NULL),
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
		ck_assert_msg(term_raw_hex(&t, cases[i].command, NULL, NULL) == cases[i].sw, "%s: not %04X",
			cases[i].command, cases[i].sw);
		ck_assert_uint_eq(term_raw_hex(&t, "10 86 00 00 02 7C 00 00", NULL, NULL), 0x6982);
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
			term_point(&t, EC_GROUP_get0_generator(t.group), point);
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
			ck_assert_uint_eq(term_raw_hex(&t, "00 84 00 00 08", NULL, NULL), 0x9000);
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
	term_point(&t, EC_GROUP_get0_generator(t.group), point);
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
	uint8_t in[300], wrapped[600], out[TERM_LONGEST];
	struct term t;
	size_t i, k, n;

	for (k = 0; k < 2; k++) {
		meet(&t, "P-256", k == 0 ? "3des" : "aes-256", ", demand: yes");
		for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
			ck_assert_uint_eq(term_pace(&t), 0x9000);
			THROUGH(&t, "00 20 00 01", "63C3");
			n = (size_t)vc_hex(cases[i].command, in, sizeof in);
			n = term_wrap(&t, in, n, false, cases[i].spoil, wrapped);
			n = term_raw(&t, wrapped, n, out);
			ck_assert_msg(n == 2 && vct_sw(out, n) == cases[i].sw,
				"%s spoilt by %d: %04X, not %04X", cases[i].command, cases[i].spoil,
				vct_sw(out, n), cases[i].sw);
			/* Not even a right one goes through now, and no try was lost. */
			n = (size_t)vc_hex("00 20 00 01", in, sizeof in);
			n = term_raw(&t, wrapped, term_wrap(&t, in, n, false, WHOLE, wrapped), out);
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
	uint8_t in[300], wrapped[600], bad[600], out[TERM_LONGEST];
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
		n = term_raw(&t, bad, i < 8 * (m - 1) ? m : i - 8 * (m - 1), out);
		ck_assert_msg(n == 2 && vct_sw(out, n) != 0x9000 && out[0] != 0x63,
			"case %zu: %zu bytes, %04X", i, n, vct_sw(out, n));
		ck_assert_int_eq(vc_tries(t.vc, 1), 3);
		n = (size_t)vc_hex("00 20 00 01 08 31 32 33 35 FF FF FF FF", in, sizeof in);
	}
	term_close(&t);
}
END_TEST

/* Replay, and what a reset or removal leaves. */
START_TEST(a_command_counts_once)
{
	uint8_t in[300], wrapped[600], out[TERM_LONGEST];
	struct term t;
	size_t n, m;

	meet(&t, "P-256", "aes-192", "");
	ck_assert_uint_eq(term_pace(&t), 0x9000);
	n = (size_t)vc_hex("00 20 00 01", in, sizeof in);
	m = term_wrap(&t, in, n, false, WHOLE, wrapped);
	n = term_raw(&t, wrapped, m, out);
	ck_assert_uint_eq(term_unwrap(&t, 0x20, out, n, in), 2);
	n = term_raw(&t, wrapped, m, out);
	ck_assert(n == 2 && vct_sw(out, n) == 0x6988);

	ck_assert_uint_eq(term_pace(&t), 0x9000);
	THROUGH(&t, "00 20 00 01 08 " PIN1, "9000");
	vc_reset(t.vc);
	n = (size_t)vc_hex("00 20 00 01", in, sizeof in);
	n = term_raw(&t, wrapped, term_wrap(&t, in, n, false, WHOLE, wrapped), out);
	ck_assert(n == 2 && vct_sw(out, n) == 0x6987);
	ck_assert_uint_eq(term_pace(&t), 0x9000);
	THROUGH(&t, "00 20 00 01", "63C3");
	vc_remove(t.vc);
	vc_insert(t.vc);
	n = (size_t)vc_hex("00 20 00 01", in, sizeof in);
	n = term_raw(&t, wrapped, term_wrap(&t, in, n, false, WHOLE, wrapped), out);
	ck_assert(n == 2 && vct_sw(out, n) == 0x6987);
	term_close(&t);
}
END_TEST

/* SELECT of the MF is still answered through the channel, which is gone then. Facts on FINEID 3.2. */
START_TEST(the_mf_ends_the_channel)
{
	static const char *const ways[] = { "00 A4 00 00 02 3F 00 00", "00 A4 00 00 00" };
	uint8_t in[300], wrapped[600], out[TERM_LONGEST];
	struct term t;
	size_t n, i;

	meet(&t, "brainpoolP384r1", "aes-256", ", demand: yes");
	for (i = 0; i < sizeof ways / sizeof ways[0]; i++) {
		ck_assert_uint_eq(term_pace(&t), 0x9000);
		THROUGH(&t, "00 20 00 01 08 " PIN1, "9000");
		THROUGH(&t, "00 A4 00 00 02 2F 00 00",
			"6F178002 0080 820101 83022F00 8603033FFF 85020000 8A0107 9000");
		ck_assert(strstr(term_through_hex(&t, ways[i]), "83023F00") != NULL);
		n = (size_t)vc_hex("00 B0 00 00 10", in, sizeof in);
		n = term_raw(&t, wrapped, term_wrap(&t, in, n, false, WHOLE, wrapped), out);
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
		"00 EC 00 00 01 AA", "00 EC 00 00 07 01 02 03 04 05 06 07 10",
		"10 EC 00 00 08 01 02 03 04 05 06 07 80 00",
		"00 EC 00 00 0F 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00",
		"00 B1 00 00 04 54 02 00 00 00",
		"00 EC 00 00 10 80 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00" };
	uint8_t in[300], plain[TERM_LONGEST];
	struct vc_card card;
	struct term t;
	size_t i, k, n, m;

	for (k = 0; k < TERM_CIPHERS; k++) {
		meet_echo(&t, &card, "P-256", term_ciphers[k].word, 0);
		ck_assert_uint_eq(term_pace(&t), 0x9000);
		for (i = 0; i < 2 * sizeof same / sizeof same[0]; i++) {
			n = (size_t)vc_hex(same[i / 2], in, sizeof in);
			m = term_through(&t, in, n, i % 2 == 1, plain);
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
	uint8_t in[300] = { 0x00, 0xEC, 0x00, 0x00 }, plain[TERM_LONGEST];
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
			n = term_through(&t, in, 5 + i, true, plain);
			ck_assert_uint_eq(n, 2);
			ck_assert_uint_eq(vct_sw(plain, n), i == cases[k].limit ? 0x9000 : 0x6700);
			/* Le 00 is what there is room for. */
			in[1] = 0xB0;
			in[4] = (uint8_t)i;
			n = term_through(&t, in, 5, false, plain);
			ck_assert_uint_eq(vct_sw(plain, n), i == cases[k].limit ? 0x9000 : 0x6700);
			in[4] = 0;
			n = term_through(&t, in, 5, false, plain);
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
	uint8_t in[] = { 0x00, 0xED, 0x00, 0x00, 0x00 }, plain[TERM_LONGEST], wrapped[600], out[TERM_LONGEST];
	struct vc_card card;
	struct term t;
	size_t i, k, n;

	meet_echo(&t, &card, "brainpoolP384r1", "aes-256", 0);
	ck_assert_uint_eq(term_pace(&t), 0x9000);
	for (i = 0; i < 2 * sizeof cases / sizeof cases[0]; i++) {
		in[2] = (uint8_t)(cases[i / 2].len >> 8);
		in[3] = (uint8_t)cases[i / 2].len;
		t.resends = 0;
		n = term_through(&t, in, sizeof in, i % 2 == 1, plain);
		ck_assert_uint_eq(n, cases[i / 2].len + 2);
		ck_assert_uint_eq(vct_sw(plain, n), 0x9000);
		for (k = 0; k < n - 2; k++)
			ck_assert_uint_eq(plain[k], k & 0xFF);
		ck_assert_uint_eq(t.resends, i % 2 == 1 ? 0 : cases[i / 2].parts);
	}
	/* Another command between the parts: they are gone. */
	in[2] = 2;
	term_raw(&t, wrapped, term_wrap(&t, in, sizeof in, false, WHOLE, wrapped), out);
	term_ssc_next(&t);
	THROUGH(&t, "00 EC 00 00", "00EC0000 9000");
	ck_assert_uint_eq(term_raw_hex(&t, "00 C0 00 00 00", NULL, &n), 0x9000);
	ck_assert_uint_eq(n, 2);
	ck_assert_uint_eq(term_pace(&t), 0x9000);
	/* So is the channel, when the other is in the open. */
	in[2] = 2;
	n = term_raw(&t, wrapped, term_wrap(&t, in, sizeof in, false, WHOLE, wrapped), out);
	ck_assert_uint_eq(n, 258);
	ck_assert_uint_eq(out[256], 0x61);
	ck_assert_uint_eq(term_raw_hex(&t, "00 EC 00 00", NULL, NULL), 0x9000);
	ck_assert_uint_eq(term_raw_hex(&t, "00 C0 00 00 00", NULL, &n), 0x9000);
	ck_assert_uint_eq(n, 2);
	term_ssc_next(&t);
	n = term_raw(&t, wrapped, term_wrap(&t, in, sizeof in, false, WHOLE, wrapped), out);
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
		n = term_through(t, in, sizeof in, false, out + at);
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
	uint8_t hash[64];
	size_t i;
	bool ok;

	for (i = 0; i < hashlen; i++)
		hash[i] = (uint8_t)i;
	ok = EVP_PKEY_is_a(key, "EC") ? vct_verifies_rs(key, sig, n, hash, hashlen) :
		vct_verifies(key, RSA_PKCS1_PADDING, EVP_sha256(), sig, n, hash, hashlen);
	EVP_PKEY_free(key);
	X509_free(x);
	return ok;
}

#define BLOCK_1234 "31 32 33 34 00 00 00 00 00 00 00 00"
#define HASH_32 "00 01 02 03 04 05 06 07 08 09 0A 0B 0C 0D 0E 0F " \
	"10 11 12 13 14 15 16 17 18 19 1A 1B 1C 1D 1E 1F"
#define HASH_48 HASH_32 " 20 21 22 23 24 25 26 27 28 29 2A 2B 2C 2D 2E 2F"

/* The cards of the images: what a driver does with them, and how they end it. */
START_TEST(fineid_contactless)
{
	static const struct {
		const char *image, *can, *mse, *env, *hash, *curve, *cipher;
		size_t step, limit, hashlen, siglen;   /* a READ gives; the channel carries */
	} cases[] = {
		/* This MSE:SET AT was recorded with a real card. */
		{ "fineid-v4-nfc.yaml", "123456",
			"00 22 C1 A4 12 80 0A 04 00 7F 00 07 02 02 04 02 04 83 01 02 84 01 10",
			"00 22 41 B6 06 80 01 54 84 01 01",
			"00 2A 90 A0 32 90 30 " HASH_48, "brainpoolP384r1", "aes-256", 231, 231, 48, 96 },
		{ "fineid-v3-nfc.yaml", "654321",
			"00 22 C1 A4 0F 80 0A 04 00 7F 00 07 02 02 04 02 01 83 01 02",
			"00 22 41 B6 06 80 01 42 84 01 01",
			"00 2A 90 A0 22 90 20 " HASH_32, "brainpoolP256r1", "3des", 181, 239, 32, 256 },
	};
	static const char *const closed[] = { ("00 A4 04 0C 0C " AID), "00 A4 04 0C 07 A0 00 00 02 47 10 01",
		"00 20 00 11", "00 CB 00 FF 05 A0 03 83 01 11 00", "00 A4 08 04 02 43 31 00",
		"00 A4 00 0C 02 2F 00", "80 CA 9F 7F 2D" };
	uint8_t cert[3000], in[100], sig[TERM_LONGEST];
	struct term t;
	size_t i, k, n, certlen;

	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		t = (struct term){ .vc = vct_card(cases[i].image) };
		term_open(&t, cases[i].curve, cases[i].cipher);
		t.can = cases[i].can;
		ck_assert(vc_atr(t.vc, in, sizeof in) > 4 && in[0] == 0x3B && in[1] == 0x8F && in[2] == 0x80);
		for (k = 0; k < sizeof closed / sizeof closed[0]; k++)
			EXPECT(t.vc, closed[k], "6982");
		EXPECT(t.vc, "00 A4 00 0C 02 3F 00", "9000");
		ck_assert_uint_eq(term_raw_hex(&t, "00 B0 9C 00 00", NULL, NULL), 0x9000);
		ck_assert_uint_eq(term_raw_hex(&t, cases[i].mse, NULL, NULL), 0x9000);
		ck_assert_uint_eq(term_nonce(&t), 0x9000);
		ck_assert_uint_eq(term_map(&t), 0x9000);
		ck_assert_uint_eq(term_agree(&t), 0x9000);
		ck_assert_uint_eq(term_token(&t), 0x9000);
		/* The travel document is open to the channel; this is another application. */
		THROUGH(&t, "00 A4 04 0C 07 A0 00 00 02 47 10 01", "9000");
		THROUGH(&t, "00 A4 04 0C 0C " AID, "9000");
		ck_assert_uint_eq(strlen(term_through_hex(&t, "00 A4 08 04 02 43 31 00")), 16);
		certlen = file_read(&t, cases[i].step, cert, sizeof cert);
		n = (size_t)vc_hex("00 B0 00 00 00", in, sizeof in);
		in[4] = (uint8_t)(cases[i].limit + 1);
		n = term_through(&t, in, n, false, sig);
		ck_assert(n == 2 && vct_sw(sig, n) == 0x6700);
		THROUGH(&t, "00 20 00 11", "63C5");
		THROUGH(&t, "00 20 00 11 0C " BLOCK_1234, "9000");
		THROUGH(&t, cases[i].env, "9000");
		THROUGH(&t, cases[i].hash, "9000");
		n = (size_t)vc_hex("00 2A 9E 9A 00", in, sizeof in);
		n = term_through(&t, in, n, false, sig);
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

/* Whether other ways to the MF than its SELECT end the channel is not known of real cards: both are played. */
START_TEST(other_ways_to_the_mf_may_end_it_too)
{
	static const struct { const char *image, *command; bool ends; } ways[] = {
		{ "fineid-v4-mf.yaml", "00 A4 08 04 02 43 36 00", true },
		{ "fineid-v4-mf.yaml", "00 A4 08 0C 02 01 1C", true },
		{ "fineid-v4-mf.yaml", "00 B0 9E 00 10", true },
		{ "fineid-v4-mf.yaml", "00 A4 08 04 04 50 16 43 32 00", false },
		{ "fineid-v4-mf.yaml", "00 A4 08 0C 02 50 16", false },
		{ "fineid-v4-mf.yaml", "00 A4 02 0C 02 50 31", false },
		{ "fineid-v4-nfc.yaml", "00 A4 08 04 02 43 36 00", false },
		{ "fineid-v4-nfc.yaml", "00 B0 9E 00 10", false },
	};
	uint8_t in[300], out[TERM_LONGEST];
	struct term t;
	size_t i, n;

	for (i = 0; i < sizeof ways / sizeof ways[0]; i++) {
		t = (struct term){ .vc = vct_card(ways[i].image) };
		term_open(&t, "brainpoolP384r1", "aes-256");
		t.can = "123456";
		ck_assert_uint_eq(term_pace(&t), 0x9000);
		/* PACE is at home in the MF: a file there by its identifier leads nowhere. */
		THROUGH(&t, "00 A4 02 0C 02 2F 00", "9000");
		THROUGH(&t, "00 A4 04 0C 0C " AID, "9000");
		THROUGH(&t, "00 20 00 11 0C " BLOCK_1234, "9000");
		n = (size_t)vc_hex(ways[i].command, in, sizeof in);
		n = term_through(&t, in, n, false, out);
		ck_assert_msg(n >= 2 && vct_sw(out, n) == 0x9000, "%s", ways[i].command);
		ck_assert_msg((vc_pin_is_open(t.vc, 1) == 1) != ways[i].ends, "%s", ways[i].command);
		if (ways[i].ends)
			EXPECT(t.vc, "0C A4 08 0C 02 2F 00 00", "6999");
		else
			THROUGH(&t, "00 20 00 11", "9000");
		term_close(&t);
	}
}
END_TEST

/* Over T=0 all of ours comes by GET RESPONSE; the model does not see it from within the channel. */
START_TEST(by_t0)
{
	struct vc_card card;
	uint8_t out[TERM_LONGEST];
	struct term t;
	size_t n;

	meet_echo(&t, &card, "brainpoolP384r1", "aes-256", 0);
	card.t0 = true;
	t.t0 = true;
	ck_assert_uint_eq(term_raw_hex(&t, "00 B0 9C 00 00", NULL, NULL), 0x6C16);
	ck_assert_uint_eq(term_raw_hex(&t, "00 B0 9C 00 16", NULL, &n), 0x9000);
	ck_assert_uint_eq(n, 24);
	ck_assert_uint_eq(term_raw_hex(&t, "00 EE 00 00 02", out, &n), 0x9000);
	ck_assert_mem_eq(out, "\1\0", 2);
	ck_assert_uint_eq(term_pace(&t), 0x9000);
	ck_assert_uint_eq(t.resends, 4);
	THROUGH(&t, "00 EE 00 00 02", "0001 9000");
	THROUGH(&t, "00 EC 00 00 02 01 02 00", "00EC0000020102 00 9000");
	ck_assert_uint_eq(t.resends, 6);
	ck_assert_uint_eq(strlen(term_through_hex(&t, "00 ED 01 00 00")), 2 * 256 + 4);
	/* A wrong Le is told, and loses nothing. */
	t.t0 = false;
	ck_assert_uint_eq(term_mse(&t), 0x9000);
	ck_assert_uint_eq(term_raw_hex(&t, "10 86 00 00 02 7C 00", NULL, NULL), 0x6114);
	ck_assert_uint_eq(term_raw_hex(&t, "00 C0 00 00 20", NULL, NULL), 0x6C14);
	ck_assert_uint_eq(term_raw_hex(&t, "00 C0 00 00 10", NULL, NULL), 0x6104);
	ck_assert_uint_eq(term_raw_hex(&t, "00 C0 00 00 04", NULL, &n), 0x9000);
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
		{ "{ can: \"1\", curve: P-255, cipher: 3des }",
			":5: 'curve' must be one of: brainpoolP256r1," },
		{ "{ can: \"1\", cipher: 3des }", ":5: 'curve' must be" },
		{ "{ can: \"1\", curve: P-256, cipher: des }", ":5: 'cipher' must be one of: 3des," },
		{ "{ can: \"1\", curve: P-256 }", ":5: 'cipher' must be" },
		{ "{ can: \"1\", curve: P-256, cipher: 3des, demand: maybe }",
			":5: 'demand' must be yes or no" },
		{ "{ can: \"1\", curve: P-256, cipher: 3des, delay: -1 }", ":5: 'delay' must be" },
		{ "{ can: \"1\", curve: P-256, cipher: 3des, max: 256 }", ":5: 'max' must be" },
		{ "{ can: \"1\", curve: P-256, cipher: 3des, mf-ends: all }",
			":5: 'mf-ends' must be one of: select, any" },
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
	demand_refuses_all_else, wrong_can, wrong_cans_slow_the_card, mse_is_checked,
	steps_are_in_order, points_are_checked,
	spoilt_commands_end_the_channel, every_bit_counts, a_command_counts_once, the_mf_ends_the_channel,
	the_channel_carries_what_was_meant, lengths_are_limited, long_answers_come_in_parts,
	fineid_contactless, other_ways_to_the_mf_may_end_it_too, by_t0, images_extend, images_are_checked)

/* Secure messaging against worked examples, against a card written another way, and against answers that no
 * card with the keys gives. */
#include "cardos/sm.h"

#include "t/unit/bytes.h"
#include "t/unit/mutate.h"
#include "t/unit/pacecard.h"
#include "t/unit/unit.h"

static struct crypt *crypt;

static void
setup(void)
{
	ck_assert_int_eq(crypt_new(&crypt), 0);
}

static struct sm *
sm_of(enum cipher cipher, const char *kenc, const char *kmac, uint64_t counter)
{
	struct buf e = hex(kenc), m = hex(kmac);
	struct sm *sm;

	ck_assert_int_eq(sm_new(crypt, cipher, buf_peek(&e), buf_peek(&m), counter, &sm), 0);
	buf_free(&e);
	buf_free(&m);
	return sm;
}

static void
wraps_as(struct sm *sm, const char *plain, const char *wrapped)
{
	struct buf in = hex(plain), data = BUF_INIT, out = BUF_INIT;
	struct apdu a, w;

	ck_assert_int_eq(apdu_decode(buf_peek(&in), &a), 0);
	ck_assert_int_eq(sm_wrap(sm, &a, &data, &w), 0);
	ck_assert_int_eq(apdu_encode(&w, &out), 0);
	ck_assert_view_hex(buf_peek(&out), wrapped);
	buf_free(&in);
	buf_free(&data);
	buf_free(&out);
}

static void
unwraps_as(struct sm *sm, const char *answer, uint16_t sw, const char *plain)
{
	struct buf in = hex(answer), out = BUF_INIT;
	uint16_t got = 0;

	ck_assert_int_eq(sm_unwrap(sm, buf_peek(&in), sw, &out, &got), 0);
	ck_assert_uint_eq(got, sw);
	ck_assert_view_hex(buf_peek(&out), plain);
	buf_free(&in);
	buf_free(&out);
}

/* RFC 4493 4; the first 8 bytes. */
START_TEST(cmac_of_the_rfc)
{
	static const struct { size_t n; const char *mac; } cases[] = {
		{ 0, "BB1D6929E9593728" }, { 16, "070A16B46B4D4144" }, { 40, "DFA66747DE9AE630" },
		{ 64, "51F0BEBF7E3B9D92" },
	};
	struct buf key, text;
	uint8_t mac[MAC_SIZE];

	setup();
	key = hex("2B7E151628AED2A6ABF7158809CF4F3C");
	text = hex("6BC1BEE22E409F96E93D7E117393172AAE2D8A571E03AC9C9EB76FAC45AF8E51"
	    "30C81C46A35CE411E5FBC1191A0A52EFF69F2445DF4F9B17AD2B417BE66C3710");
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		ck_assert_int_eq(crypt_mac(crypt, CIPHER_AES128, buf_peek(&key),
		    view_part(buf_peek(&text), 0, cases[i].n), mac), 0);
		ck_assert_view_hex(view_of(mac, sizeof mac), cases[i].mac);
	}
	ck_assert_int_eq(crypt_mac(crypt, CIPHER_AES256, buf_peek(&key), buf_peek(&text), mac), E_ARG);
	buf_free(&key);
	buf_free(&text);
	crypt_free(&crypt);
}
END_TEST

/* ICAO Doc 9303-11 appendix D: basic access control uses the same 3DES. */
START_TEST(retail_mac_and_kdf_of_icao)
{
	struct buf key, text, seed, out = BUF_INIT_SECRET;
	uint8_t mac[MAC_SIZE];

	setup();
	key = hex("7962D9ECE03D1ACD4C76089DCE131543");
	text = hex("72C29C2371CC9BDB65B779B8E8D37B29ECC154AA56A8799FAE2F498F76ED92F2");
	crypt_pad(CIPHER_3DES, &text, 0);
	ck_assert_uint_eq(text.len, 40);
	ck_assert_int_eq(crypt_mac(crypt, CIPHER_3DES, buf_peek(&key), buf_peek(&text), mac), 0);
	ck_assert_view_hex(view_of(mac, sizeof mac), "5F1448EEA8AD90A7");
	ck_assert_int_eq(crypt_mac(crypt, CIPHER_3DES, buf_peek(&key), view_of(text.p, 7), mac), E_ARG);
	ck_assert_int_eq(crypt_mac(crypt, CIPHER_3DES, buf_peek(&key), view_of(text.p, 0), mac), E_ARG);
	seed = hex("239AB9CB282DAF66231DC5A4DF6BFBAE");
	ck_assert_int_eq(crypt_kdf(crypt, CIPHER_3DES, buf_peek(&seed), 2, &out), 0);
	for (size_t i = 0; i < 16; i++) /* but for parity */
		ck_assert_uint_eq(out.p[i] >> 1, key.p[i] >> 1);
	buf_free(&key);
	buf_free(&text);
	buf_free(&seed);
	buf_free(&out);
	crypt_free(&crypt);
}
END_TEST

/* The keys of ICAO's worked example of PACE. */
START_TEST(aes_bytes_from_the_first_command_on)
{
	struct sm *sm;

	setup();
	sm = sm_of(CIPHER_AES128, "F5F0E35C0D7161EE6724EE513A0D9A7F", "FE251C7858B356B24514B3BD5F4297D1", 0);
	wraps_as(sm, "00A4020C02011E", "0CA4020C1D871101EE0E4724F4465C1BE9C2F73ABDD73A3D8E08835D1B54575C955F00");
	unwraps_as(sm, "990290008E08BEA7B381C494A079", 0x9000, "");
	wraps_as(sm, "00B0000010", "0CB000000D9701108E08BEBD3975016D258900");
	sm_free(&sm);
	ck_assert_ptr_null(sm);
	crypt_free(&crypt);
}
END_TEST

/* ICAO Doc 9303-11 appendix D.4. */
START_TEST(des_bytes_of_icao)
{
	struct sm *sm;

	setup();
	sm = sm_of(CIPHER_3DES, "979EC13B1CBFE9DCD01AB0FED307EAE5", "F1CB1F1FB5ADF208806B89DC579DC1F8",
	    0x887022120C06C226);
	wraps_as(sm, "00A4020C02011E", "0CA4020C158709016375432908C044F68E08BF8B92D635FF24F800");
	unwraps_as(sm, "990290008E08FA855A5D4C50A8ED", 0x9000, "");
	wraps_as(sm, "00B0000004", "0CB000000D9701048E08ED6705417E96BA5500");
	unwraps_as(sm, "8709019FF0EC34F9922651990290008E08AD55CC17140B2DED", 0x9000, "60145F01");
	wraps_as(sm, "00B0000412", "0CB000040D9701128E082EA28A70F3C7B53500");
	unwraps_as(sm, "871901FB9235F4E4037F2327DCC8964F1F9B8C30F42C8E2FFF224A990290008E08C8B2787EAEA07D74", 0x9000,
	    "04303130365F36063034303030305C026175");
	sm_free(&sm);
	crypt_free(&crypt);
}
END_TEST

/* A card with the same keys, and the terminal's channel to it. */
static struct sm *
pair(struct pacecard *card, unsigned suite)
{
	struct sm *sm;

	pc_init(card, 13, suite, "123456");
	for (size_t i = 0; i < 32; i++) {
		card->kenc[i] = (uint8_t)(3 * i + suite);
		card->kmac[i] = (uint8_t)(7 * i + 1);
	}
	card->sm = true;
	ck_assert_int_eq(sm_new(crypt, (enum cipher)(suite - 1), view_of(card->kenc, pc_key(card)),
	    view_of(card->kmac, pc_key(card)), 0, &sm), 0);
	return sm;
}

static uint16_t
echo(void *arg, const struct apdu *a, struct buf *answer)
{
	(void)arg;
	buf_view(answer, a->data);
	return a->p1 ? 0x6282 : 0x9000;
}

/* All lengths, both kinds of instruction, with and without Le, both ways. */
START_TEST(a_card_understands_it_and_is_understood)
{
	uint8_t text[700];

	setup();
	for (size_t i = 0; i < sizeof text; i++)
		text[i] = (uint8_t)(i % 5 ? 0 : 0x80 + i); /* much that looks like padding */
	for (unsigned suite = 1; suite <= 4; suite++) {
		struct pacecard card;
		struct sm *sm = pair(&card, suite);

		card.run = echo;
		for (size_t n = 0; n < sizeof text; n += n < 300 ? 1 : 57) {
			struct apdu a = { .cla = n % 3 ? 0x00 : 0x10, .ins = n % 2 ? 0xB1 : 0xD6,
				.p1 = n % 7 == 0, .data = view_of(text, n),
				.le = n % 4 == 0 ? LE_NONE : n % 4 == 1 ? LE_ANY : n % 4 == 2 ? 7 : 65536 }, w;
			struct buf data = BUF_INIT, cmd = BUF_INIT, answer = BUF_INIT, plain = BUF_INIT,
			    rest = BUF_INIT;
			uint16_t sw, got;

			ck_assert_int_eq(sm_wrap(sm, &a, &data, &w), 0);
			ck_assert_uint_eq(w.cla, a.cla | 0x0C);
			ck_assert_int_eq(apdu_encode(&w, &cmd), 0);
			ck_assert_int_eq(pc_transmit(&card.chan, buf_peek(&cmd), false, &answer), 0);
			ck_assert_int_eq(apdu_answer(buf_peek(&answer), &rest, &sw), 0);
			ck_assert_int_eq(sm_unwrap(sm, buf_peek(&rest), sw, &plain, &got), 0);
			ck_assert_uint_eq(got, a.p1 ? 0x6282 : 0x9000);
			ck_assert(view_eq(buf_peek(&plain), a.data));
			buf_free(&data);
			buf_free(&cmd);
			buf_free(&answer);
			buf_free(&plain);
			buf_free(&rest);
		}
		sm_free(&sm);
		pc_free(&card);
	}
	crypt_free(&crypt);
}
END_TEST

/* What is said to fit does, and one byte more does not. */
START_TEST(rooms_are_as_large_as_can_be)
{
	static const uint8_t text[70000];

	setup();
	for (unsigned suite = 1; suite <= 4; suite++) {
		struct pacecard card;
		struct sm *sm = pair(&card, suite);

		for (size_t limit = 60; limit < 2200; limit += limit < 300 ? 1 : 97)
			for (int le = 0; le < 2; le++) {
				size_t n = sm_send_max(sm, limit, le);
				struct apdu a = { .ins = 0xD6, .le = le ? LE_ANY : LE_NONE }, w;
				struct buf d = BUF_INIT;

				a.data = view_of(text, n);
				ck_assert_int_eq(sm_wrap(sm, &a, &d, &w), 0);
				ck_assert_uint_le(d.len, limit);
				buf_reset(&d);
				a.data = view_of(text, n + 1);
				ck_assert_int_eq(sm_wrap(sm, &a, &d, &w), 0);
				ck_assert_uint_gt(d.len, limit);
				buf_reset(&d);
				n = sm_recv_max(sm, limit);
				pc_wrap(&card, 0xB0, view_of(text, n), 0x9000, &d);
				ck_assert_uint_le(d.len, limit);
				buf_reset(&d);
				pc_wrap(&card, 0xB0, view_of(text, n + 1), 0x9000, &d);
				ck_assert_uint_gt(d.len, limit);
				buf_free(&d);
			}
		ck_assert_uint_eq(sm_send_max(sm, 255, false), 239);
		ck_assert_uint_eq(sm_send_max(sm, 255, true), suite == 1 ? 231 : 223);
		ck_assert_uint_eq(sm_recv_max(sm, 256), suite == 1 ? 231 : 223);
		ck_assert_uint_eq(sm_send_max(sm, 20, true), 0);
		sm_free(&sm);
		pc_free(&card);
	}
	crypt_free(&crypt);
}
END_TEST

/* ---- answers that are none ---- */

static unsigned accepted;

static void
refuses(struct view damaged, void *arg)
{
	const unsigned *suite = arg;
	struct pacecard card;
	struct sm *sm = pair(&card, *suite);
	struct buf plain = BUF_INIT;
	uint16_t sw = 0;

	/* the counter of a first answer */
	ck_assert_int_eq(sm_wrap(sm, &(struct apdu){ .ins = 0xB0, .le = 16 }, &plain, &(struct apdu){ 0 }), 0);
	buf_reset(&plain);
	accepted += sm_unwrap(sm, damaged, 0x9000, &plain, &sw) == 0;
	ck_assert_uint_eq(plain.len, 0);
	buf_free(&plain);
	sm_free(&sm);
	pc_free(&card);
}

START_TEST(no_damaged_answer_is_taken)
{
	setup();
	for (unsigned suite = 1; suite <= 4; suite++) {
		struct pacecard card;
		struct sm *sm = pair(&card, suite);
		struct buf good = BUF_INIT;
		struct mutate m = { .run = refuses, .arg = &suite };

		card.ssc = 1;
		pc_wrap(&card, 0xB0, view_str("sixteen bytes and some"), 0x9000, &good);
		m.good = buf_peek(&good);
		accepted = 0;
		ck_assert_uint_gt(mutate(&m), 500);
		ck_assert_uint_eq(accepted, 0);
		buf_free(&good);
		sm_free(&sm);
		pc_free(&card);
	}
	crypt_free(&crypt);
}
END_TEST

/* An answer of these objects, with a MAC that is right. */
static void
sealed(struct pacecard *card, const char *objects, struct buf *out)
{
	struct buf body = hex(objects), in = BUF_INIT;
	uint8_t mac[8];

	pc_ssc(card, &in);
	buf_view(&in, buf_peek(&body));
	pc_pad(card, &in);
	pc_mac(card, buf_peek(&in), mac);
	buf_view(out, buf_peek(&body));
	pc_tlv(out, 0x8E, view_of(mac, 8));
	buf_free(&body);
	buf_free(&in);
}

/* A card may know the keys and still be out of its mind. */
START_TEST(broken_forms_under_a_good_mac_are_refused)
{
	static const char *const cases[] = {
		"9902" "9001",                  /* another status word than outside */
		"9901" "90", "9903" "900000", "", /* none, too short, too long */
		"8701" "01" "99029000",         /* no cryptogram */
		"8700" "99029000",
		"8709" "02" "0000000000000000" "99029000", /* no such padding */
		"8708" "0100000000000000" "99029000",      /* not whole blocks */
		"8500" "99029000",
		"99029000" "8709" "01" "0000000000000000", /* the wrong way round */
		"8103" "010203" "99029000",     /* not enciphered */
		"99029000" "99029000", "5A00" "99029000",
		"8709" "01" "0000000000000000" "8709" "01" "0000000000000000" "99029000",
	};

	setup();
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct pacecard card;
		struct sm *sm = pair(&card, 1);
		struct buf answer = BUF_INIT, plain = BUF_INIT;
		uint16_t sw;

		card.ssc = 1;
		sealed(&card, cases[i], &answer);
		ck_assert_msg(sm_unwrap(sm, buf_peek(&answer), 0x9000, &plain, &sw) == E_PROTOCOL, "case %zu", i);
		ck_assert_uint_eq(plain.len, 0);
		sm_free(&sm);
		pc_free(&card);
		buf_free(&answer);
		buf_free(&plain);
	}
	crypt_free(&crypt);
}
END_TEST

START_TEST(padding_is_looked_at)
{
	/* no 80, only zeros, more than a block of it, 80 alone */
	static const struct { const char *text; bool good; } cases[] = {
		{ "00112233445566778899AABBCCDDEEFF", false }, { "00000000000000000000000000000000", false },
		{ "8000000000000000000000000000000000000000000000000000000000000000", false },
		{ "80000000000000000000000000000000", true }, { "0102030405060708090A0B0C0D0E0F80", true },
	};

	setup();
	for (unsigned suite = 1; suite <= 4; suite++)
		for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
			struct pacecard card;
			struct sm *sm = pair(&card, suite);
			struct buf text = hex(cases[i].text), body = BUF_INIT, shown = BUF_INIT,
			    answer = BUF_INIT, plain = BUF_INIT;
			bool good = cases[i].good && !(suite == 1 && i == 3); /* two blocks of DES */
			uint16_t sw;

			card.ssc = 1;
			buf_u8(&body, 0x87);
			buf_u8(&body, (unsigned)text.len + 1);
			buf_u8(&body, 1);
			ck_assert_int_eq(sm_wrap(sm, &(struct apdu){ .ins = 0xB0, .le = 1 }, &plain,
			    &(struct apdu){ 0 }), 0);
			buf_reset(&plain);
			card.ssc = 2;
			pc_crypt_data(&card, true, buf_peek(&text), buf_room(&body, text.len));
			buf_put(&body, "\x99\x02\x90\x00", 4);
			buf_hex(&shown, buf_peek(&body));
			sealed(&card, buf_text(&shown), &answer);
			ck_assert_msg(sm_unwrap(sm, buf_peek(&answer), 0x9000, &plain, &sw) ==
			    (good ? 0 : E_PROTOCOL), "suite %u, case %zu", suite, i);
			buf_free(&text);
			buf_free(&body);
			buf_free(&shown);
			buf_free(&answer);
			buf_free(&plain);
			sm_free(&sm);
			pc_free(&card);
		}
	crypt_free(&crypt);
}
END_TEST

START_TEST(an_answer_is_good_once)
{
	struct pacecard card;
	struct sm *sm;
	struct buf answer = BUF_INIT, plain = BUF_INIT;
	uint16_t sw;

	setup();
	sm = pair(&card, 4);
	ck_assert_int_eq(sm_wrap(sm, &(struct apdu){ .ins = 0xB0, .le = 1 }, &plain, &(struct apdu){ 0 }), 0);
	buf_reset(&plain);
	card.ssc = 1;
	pc_wrap(&card, 0xB0, view_str("x"), 0x9000, &answer);
	ck_assert_int_eq(sm_unwrap(sm, buf_peek(&answer), 0x9000, &plain, &sw), 0);
	ck_assert_int_eq(sm_unwrap(sm, buf_peek(&answer), 0x9000, &plain, &sw), E_PROTOCOL);
	buf_free(&answer);
	buf_free(&plain);
	sm_free(&sm);
	pc_free(&card);
	crypt_free(&crypt);
}
END_TEST

START_TEST(limits_are_kept)
{
	static const uint8_t text[APDU_DATA_MAX + 1];
	struct buf data = BUF_INIT;
	struct apdu w;
	struct sm *sm;

	setup();
	sm = sm_of(CIPHER_AES128, "F5F0E35C0D7161EE6724EE513A0D9A7F", "FE251C7858B356B24514B3BD5F4297D1",
	    UINT64_MAX);
	ck_assert_int_eq(sm_wrap(sm, &(struct apdu){ .ins = 0xB0 }, &data, &w), E_LIMIT);
	sm_free(&sm);
	sm = sm_of(CIPHER_AES128, "F5F0E35C0D7161EE6724EE513A0D9A7F", "FE251C7858B356B24514B3BD5F4297D1", 0);
	ck_assert_int_eq(sm_wrap(sm, &(struct apdu){ .ins = 0xD6, .data = { text, APDU_DATA_MAX } }, &data, &w),
	    E_LIMIT);
	buf_reset(&data);
	ck_assert_int_eq(sm_wrap(sm, &(struct apdu){ .ins = 0xD6, .data = { text, APDU_DATA_MAX - 20 },
	    .le = 65536 }, &data, &w), E_LIMIT);
	buf_reset(&data);
	ck_assert_int_eq(sm_wrap(sm, &(struct apdu){ .ins = 0xD6, .data = { text, APDU_DATA_MAX + 1 } }, &data, &w),
	    E_ARG);
	ck_assert_int_eq(sm_new(crypt, CIPHER_AES256, view_of(text, 16), view_of(text, 16), 0, &sm), E_ARG);
	ck_assert_ptr_null(sm);
	buf_free(&data);
	crypt_free(&crypt);
}
END_TEST

UNIT_MAIN("sm", cmac_of_the_rfc, retail_mac_and_kdf_of_icao, aes_bytes_from_the_first_command_on, des_bytes_of_icao,
    a_card_understands_it_and_is_understood, rooms_are_as_large_as_can_be, no_damaged_answer_is_taken,
    broken_forms_under_a_good_mac_are_refused, padding_is_looked_at, an_answer_is_good_once, limits_are_kept)

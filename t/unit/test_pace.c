/* PACE against ICAO's worked example, against a card written another way, over every curve and cipher, and
 * against cards that cheat. */
#include "cardos/pace.h"

#include "t/unit/bytes.h"
#include "t/unit/mutate.h"
#include "t/unit/pacecard.h"
#include "t/unit/unit.h"

#define ALL 0xFu

/* Everything a test needs. */
struct rig {
	struct crypt *crypt;
	struct pacecard pc;
	struct card card;
	struct sm *sm;
};

static void
rig_init(struct rig *g, unsigned parameter, unsigned suite)
{
	memset(g, 0, sizeof *g);
	ck_assert_int_eq(crypt_new(&g->crypt), 0);
	pc_init(&g->pc, parameter, suite, "123456");
	g->card.ch = &g->pc.chan;
}

static void
rig_free(struct rig *g)
{
	sm_free(&g->sm);
	crypt_free(&g->crypt);
	pc_free(&g->pc);
}

static int
rig_run(struct rig *g, const char *can)
{
	sm_free(&g->sm);
	return pace_run(&g->card, g->crypt, ALL, PACE_CAN, view_str(can), &g->sm);
}

/* ---- the worked example, ICAO Doc 9303-11 appendix G.1 ---- */

static const char *const mine[] = {
	"7F4EF07B9EA82FD78AD689B38D0BC78CF21F249D953BC46F4C6E19259C010F99",
	"A73FB703AC1436A18E0CFA5ABB3F7BEC7A070E7A6788486BEE230C4A22762595"
};

static bool
example_random(struct crypt *c, uint8_t *p, size_t n)
{
	size_t *at = c->arg;
	struct buf b;

	if (*at >= 2 || n != 32)
		return false;
	b = hex(mine[(*at)++]);
	memcpy(p, b.p, n);
	buf_free(&b);
	return true;
}

/* Keeps what was sent, line by line. */
static struct buf sent;

static uint16_t
nothing(void *arg, const struct apdu *a, struct buf *answer)
{
	(void)arg;
	(void)a;
	(void)answer;
	return 0x9000;
}

static void
note_sent(void *arg, unsigned nth, struct buf *answer)
{
	struct pacecard *pc = arg;

	(void)nth;
	(void)answer;
	buf_hex(&sent, buf_peek(&pc->last));
	buf_str(&sent, "\n");
}

START_TEST(icaos_example_value_by_value)
{
	struct buf seed = hex("7E2D2A41C74EA0B38CD36F863939BFA8E9032AAD"), nonce =
	    hex("3F00C4D39D153F2B2A214A078D899B22"), map =
	    hex("498FF49756F2DC1587840041839A85982BE7761D14715FB091EFA7BCE9058560"), eph =
	    hex("107CF58696EF6155053340FD633392BA81909DF7B9706F226F32086C7AFF974A"), kpi = BUF_INIT_SECRET,
	    z = BUF_INIT, s = BUF_INIT, select = BUF_INIT, cmd = BUF_INIT;
	const struct apdu a = { .ins = 0xA4, .p1 = 0x02, .p2 = 0x0C, .data = { (const uint8_t *)"\x01\x1E", 2 } };
	struct rig g;
	struct apdu w;
	size_t at = 0;

	rig_init(&g, 13, 2);
	ck_assert_int_eq(crypt_kdf(g.crypt, CIPHER_AES128, buf_peek(&seed), 3, &kpi), 0);
	ck_assert_view_hex(buf_peek(&kpi), "89DED1B26624EC1E634C1989302849DD");
	z = hex("95A3A016522EE98D01E76CB6B98B42C3");
	ck_assert_int_eq(crypt_cbc(g.crypt, CIPHER_AES128, false, buf_peek(&kpi), NULL, buf_peek(&z), &s), 0);
	ck_assert(view_eq(buf_peek(&s), buf_peek(&nonce)));
	g.crypt->random = example_random;
	g.crypt->arg = &at;
	g.pc.password = (const char *)seed.p;
	g.pc.password_len = seed.len;
	g.pc.which = 1;
	g.pc.fixed[0] = nonce.p;
	g.pc.fixed[1] = map.p;
	g.pc.fixed[2] = eph.p;
	g.pc.run = nothing;
	g.pc.mangle = note_sent;
	g.pc.mangle_arg = &g.pc;
	ck_assert_int_eq(pace_run(&g.card, g.crypt, ALL, PACE_MRZ, buf_peek(&seed), &g.sm), 0);
	ck_assert_str_eq(buf_text(&sent),
	    "00A4000C023F00\n"
	    "00B09C0000\n"
	    "0022C1A412" "800A04007F00070202040202" "830101" "84010D\n"
	    "1086000002" "7C00" "00\n"
	    "1086000045" "7C43" "8141" "04"
	    "7ACF3EFC982EC45565A4B155129EFBC74650DCBFA6362D896FC70262E0C2CC5E"
	    "544552DCB6725218799115B55C9BAA6D9F6BC3A9618E70C25AF71777A9C4922D" "00\n"
	    "1086000045" "7C43" "8341" "04"
	    "2DB7A64C0355044EC9DF190514C625CBA2CEA48754887122F3A5EF0D5EDD301C"
	    "3556F3B3B186DF10B857B58F6A7EB80F20BA5DC7BE1D43D9BF850149FBB36462" "00\n"
	    "008600000C" "7C0A" "8508" "C2B0BD78D94BA866" "00\n");
	ck_assert_view_hex(buf_peek(&g.pc.ours), "04"
	    "9E880F842905B8B3181F7AF7CAA9F0EFB743847F44A306D2D28C1D9EC65DF6DB"
	    "7764B22277A2EDDC3C265A9F018F9CB852E111B768B326904B59A0193776F094");
	ck_assert_view_hex(view_of(g.pc.kenc, 16), "F5F0E35C0D7161EE6724EE513A0D9A7F");
	ck_assert_view_hex(view_of(g.pc.kmac, 16), "FE251C7858B356B24514B3BD5F4297D1");
	ck_assert_int_eq(sm_wrap(g.sm, &a, &select, &w), 0);
	ck_assert_int_eq(apdu_encode(&w, &cmd), 0);
	ck_assert_view_hex(buf_peek(&cmd),
	    "0CA4020C1D871101EE0E4724F4465C1BE9C2F73ABDD73A3D8E08835D1B54575C955F00");
	rig_free(&g);
	buf_free(&seed);
	buf_free(&nonce);
	buf_free(&map);
	buf_free(&eph);
	buf_free(&kpi);
	buf_free(&z);
	buf_free(&s);
	buf_free(&select);
	buf_free(&cmd);
	buf_free(&sent);
}
END_TEST

/* ---- all there are ---- */

/* A command and its answer through the channel. */
static void
speaks(struct rig *g)
{
	struct buf data = BUF_INIT, cmd = BUF_INIT, answer = BUF_INIT, rest = BUF_INIT, plain = BUF_INIT;
	const struct apdu a = { .ins = 0xA4, .data = { (const uint8_t *)"\x50\x15", 2 } };
	struct apdu w;
	uint16_t sw, got;

	ck_assert_int_eq(sm_wrap(g->sm, &a, &data, &w), 0);
	ck_assert_int_eq(apdu_encode(&w, &cmd), 0);
	g->pc.t0 = false;
	ck_assert_int_eq(pc_transmit(&g->pc.chan, buf_peek(&cmd), false, &answer), 0);
	ck_assert_int_eq(apdu_answer(buf_peek(&answer), &rest, &sw), 0);
	ck_assert_int_eq(sm_unwrap(g->sm, buf_peek(&rest), sw, &plain, &got), 0);
	ck_assert_uint_eq(got, 0x9000);
	buf_free(&data);
	buf_free(&cmd);
	buf_free(&answer);
	buf_free(&rest);
	buf_free(&plain);
}

START_TEST(every_curve_with_every_cipher)
{
	for (unsigned parameter = 12; parameter <= 18; parameter++)
		for (unsigned suite = 1; suite <= 4; suite++) {
			struct rig g;

			rig_init(&g, parameter, suite);
			g.pc.nonce_len = suite == 1 ? 8 : suite == 4 ? 32 : 16;
			ck_assert_int_eq(rig_run(&g, "123456"), 0);
			ck_assert_uint_eq(sm_cipher(g.sm), suite - 1);
			ck_assert(g.pc.sm);
			speaks(&g);
			rig_free(&g);
		}
}
END_TEST

START_TEST(cards_are_of_many_kinds)
{
	for (unsigned kind = 0; kind < 8; kind++) {
		struct rig g;

		rig_init(&g, 16, 4);
		g.pc.t0 = kind & 1;
		g.pc.no_sfi = kind & 2;
		g.pc.chunk = kind & 4 ? 7 : 0;
		ck_assert_int_eq(rig_run(&g, "123456"), 0);
		speaks(&g);
		rig_free(&g);
	}
}
END_TEST

/* Not counted by the card; but told apart from everything else, and sent once. */
START_TEST(a_wrong_password_is_told)
{
	for (unsigned suite = 1; suite <= 4; suite++) {
		struct rig g;

		rig_init(&g, 13, suite);
		ck_assert_int_eq(rig_run(&g, "123457"), E_CAN_WRONG);
		ck_assert_ptr_null(g.sm);
		ck_assert_uint_eq(g.pc.begun, 1);
		/* the card takes any token: it is the one that does not know */
		g.pc.lax = true;
		ck_assert_int_eq(rig_run(&g, "123457"), E_PROTOCOL);
		ck_assert_ptr_null(g.sm);
		g.pc.lax = false;
		ck_assert_int_eq(rig_run(&g, "123456"), 0);
		rig_free(&g);
	}
}
END_TEST

/* ---- EF.CardAccess ---- */

#define OID(suite) "060A04007F000702020402" suite
#define INFO(suite, parameter) "3012" OID(suite) "020102" "0201" parameter

START_TEST(the_best_offer_is_taken)
{
	static const struct { const char *file; unsigned ciphers; int r, cipher; unsigned parameter; } cases[] = {
		{ "3114" INFO("04", "10"), ALL, 0, CIPHER_AES256, 16 },
		{ "3128" INFO("02", "0D") INFO("04", "0D"), ALL, 0, CIPHER_AES256, 13 },
		{ "3128" INFO("04", "0D") INFO("02", "11"), ALL, 0, CIPHER_AES256, 13 },
		{ "3128" INFO("04", "0D") INFO("04", "11"), ALL, 0, CIPHER_AES256, 17 },
		{ "3128" INFO("04", "11") INFO("04", "0D"), ALL, 0, CIPHER_AES256, 17 },
		/* the first of equals */
		{ "3128" INFO("01", "0F") INFO("01", "10"), ALL, 0, CIPHER_3DES, 15 },
		/* what the profile does not take */
		{ "3128" INFO("01", "10") INFO("02", "10"), 1u << CIPHER_3DES, 0, CIPHER_3DES, 16 },
		{ "3114" INFO("01", "10"), 1u << CIPHER_AES256, E_UNSUPPORTED, 0, 0 },
		/* not known: curve, cipher, version, no parameter, integrated mapping, no PACE at all */
		{ "3114" INFO("04", "0B"), ALL, E_UNSUPPORTED, 0, 0 },
		{ "3114" INFO("05", "10"), ALL, E_UNSUPPORTED, 0, 0 },
		{ "3114" INFO("00", "10"), ALL, E_UNSUPPORTED, 0, 0 },
		{ "3114" "3012" OID("04") "020101" "020110", ALL, E_UNSUPPORTED, 0, 0 },
		{ "3111" "300F" OID("04") "020102", ALL, E_UNSUPPORTED, 0, 0 },
		{ "3114" "3012" "060A04007F00070202040404" "020102" "020110", ALL, E_UNSUPPORTED, 0, 0 },
		{ "3100", ALL, E_UNSUPPORTED, 0, 0 },
		/* among strangers */
		{ "3124" "3000" "300C" "060A04007F00070202030202" INFO("04", "10"), ALL, 0, CIPHER_AES256, 16 },
		/* broken */
		{ "", ALL, E_PROTOCOL, 0, 0 }, { "3014" INFO("04", "10"), ALL, E_PROTOCOL, 0, 0 },
		{ "3115" INFO("04", "10"), ALL, E_PROTOCOL, 0, 0 },
		{ "3115" INFO("04", "10") "30", ALL, E_PROTOCOL, 0, 0 },
		{ "3116" INFO("04", "10") "0500", ALL, E_PROTOCOL, 0, 0 },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct buf file = hex(cases[i].file);
		struct pace_offer best = { 0 };

		ck_assert_msg(pace_choose(buf_peek(&file), cases[i].ciphers, &best) == cases[i].r, "case %zu", i);
		if (!cases[i].r) {
			ck_assert_msg((int)best.cipher == cases[i].cipher, "case %zu", i);
			ck_assert_uint_eq(best.parameter, cases[i].parameter);
		}
		buf_free(&file);
	}
}
END_TEST

static void
choose_one(struct view damaged, void *arg)
{
	struct pace_offer best;

	(void)arg;
	if (!pace_choose(damaged, ALL, &best)) {
		ck_assert_uint_lt(best.cipher, CIPHER_COUNT);
		ck_assert(best.parameter >= 12 && best.parameter <= 18);
	}
}

START_TEST(damaged_offers_do_no_harm)
{
	struct buf file = hex("3128" INFO("04", "10") INFO("02", "0D"));
	struct mutate m = { .good = buf_peek(&file), .run = choose_one };

	ck_assert_uint_gt(mutate(&m), 400);
	buf_free(&file);
}
END_TEST

START_TEST(a_can_is_six_digits)
{
	static const struct { const char *text; bool fits; } cases[] = {
		{ "123456", true }, { "000000", true }, { "12345", false }, { "1234567", false }, { "", false },
		{ "12345a", false }, { "12 456", false }, { "-12345", false }, { "\xD9\xA1\xD9\xA2\xD9\xA3", false },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		ck_assert_int_eq(pace_can_fits(view_str(cases[i].text)), cases[i].fits);
}
END_TEST

/* ---- cards that cheat ---- */

enum { MAPPING = 5, EPHEMERAL = 6, TOKEN = 7 }; /* which command it is */

struct cheat {
	struct rig *g;
	unsigned at;            /* the answer that is another one */
	void (*make)(struct cheat *, struct view point, struct buf *point_out);
	struct view whole;      /* of it as it stands, when make is NULL */
};

static void
cheating(void *arg, unsigned nth, struct buf *answer)
{
	struct cheat *c = arg;
	struct view v = buf_peek(answer), inner, point;
	struct buf out = BUF_INIT, object = BUF_INIT, all = BUF_INIT;
	unsigned tag, tag2;

	if (nth != c->at)
		return;
	if (!c->make) {
		buf_reset(answer);
		buf_view(answer, c->whole);
		return;
	}
	v.len -= 2;
	ck_assert_int_eq(tlv_next(&v, &tag, &inner), 0);
	ck_assert_int_eq(tlv_next(&inner, &tag2, &point), 0);
	c->make(c, point, &out);
	pc_tlv(&object, tag2, buf_peek(&out));
	pc_tlv(&all, tag, buf_peek(&object));
	buf_reset(answer);
	buf_view(answer, buf_peek(&all));
	buf_be16(answer, 0x9000);
	buf_free(&out);
	buf_free(&object);
	buf_free(&all);
}

/* What the terminal has sent last: 7C L 8x L point. */
static struct view
terminals_point(struct cheat *c)
{
	struct view v, inner, point;
	struct apdu a;
	unsigned tag;

	ck_assert_int_eq(apdu_decode(buf_peek(&c->g->pc.last), &a), 0);
	v = a.data;
	ck_assert_int_eq(tlv_next(&v, &tag, &inner), 0);
	ck_assert_int_eq(tlv_next(&inner, &tag, &point), 0);
	return point;
}

static void
as_it_came(struct cheat *c, struct view point, struct buf *out)
{
	(void)point;
	buf_view(out, terminals_point(c));
}

static void
mirrored(struct cheat *c, struct view point, struct buf *out)
{
	struct view mine_point = terminals_point(c);
	EC_GROUP *group = EC_GROUP_new_by_curve_name(pc_nid(c->g->pc.parameter));
	EC_POINT *at = EC_POINT_new(group);

	(void)point;
	ck_assert_int_eq(EC_POINT_oct2point(group, at, mine_point.p, mine_point.len, NULL), 1);
	ck_assert_int_eq(EC_POINT_invert(group, at, NULL), 1);
	ck_assert_uint_eq(EC_POINT_point2oct(group, at, POINT_CONVERSION_UNCOMPRESSED, buf_room(out, mine_point.len),
	    mine_point.len, NULL), mine_point.len);
	EC_POINT_free(at);
	EC_GROUP_free(group);
}

static void
off_the_curve(struct cheat *c, struct view point, struct buf *out)
{
	(void)c;
	buf_view(out, point);
	out->p[out->len - 1] ^= 1;
}

static void
at_infinity(struct cheat *c, struct view point, struct buf *out)
{
	(void)c;
	(void)point;
	buf_u8(out, 0);
}

static void
all_zero(struct cheat *c, struct view point, struct buf *out)
{
	(void)c;
	buf_u8(out, 4);
	buf_fill(out, 0, point.len - 1);
}

static void
compressed(struct cheat *c, struct view point, struct buf *out)
{
	(void)c;
	buf_u8(out, 2 + (point.p[point.len - 1] & 1));
	buf_view(out, view_part(point, 1, (point.len - 1) / 2));
}

static void
hybrid(struct cheat *c, struct view point, struct buf *out)
{
	(void)c;
	buf_view(out, point);
	out->p[0] = (uint8_t)(6 + (point.p[point.len - 1] & 1));
}

static void
too_long(struct cheat *c, struct view point, struct buf *out)
{
	(void)c;
	buf_view(out, point);
	buf_u8(out, 0);
}

static void
empty(struct cheat *c, struct view point, struct buf *out)
{
	(void)c;
	(void)point;
	(void)out;
}

START_TEST(bad_points_end_it)
{
	static void (*const makes[])(struct cheat *, struct view, struct buf *) = { as_it_came, mirrored,
		off_the_curve, at_infinity, all_zero, compressed, hybrid, too_long, empty };

	for (unsigned parameter = 12; parameter <= 18; parameter += 3)
		for (unsigned at = MAPPING; at <= EPHEMERAL; at++)
			for (size_t i = 0; i < sizeof makes / sizeof makes[0]; i++) {
				struct rig g;
				struct cheat c = { .g = &g, .at = at, .make = makes[i] };

				rig_init(&g, parameter, 2);
				g.pc.mangle = cheating;
				g.pc.mangle_arg = &c;
				ck_assert_msg(rig_run(&g, "123456") == E_PROTOCOL, "curve %u, answer %u, point %zu",
				    parameter, at, i);
				ck_assert_ptr_null(g.sm);
				ck_assert_uint_eq(g.pc.sent, at); /* not a command more */
				rig_free(&g);
			}
}
END_TEST

struct damage { struct rig g; struct cheat c; unsigned good; };

static void
run_damaged(struct view damaged, void *arg)
{
	struct damage *d = arg;
	int r;

	pc_session_end(&d->g.pc);
	d->g.pc.sent = 0;
	d->c.whole = damaged;
	r = rig_run(&d->g, "123456");
	/* a channel only where both have come to the same keys */
	ck_assert((r == 0) == (d->g.sm != NULL));
	if (!r) {
		ck_assert(d->g.pc.sm);
		d->good++;
	}
}

static struct buf heard;

static void
hear(void *arg, unsigned nth, struct buf *answer)
{
	const unsigned *at = arg;

	if (nth == *at)
		buf_view(&heard, buf_peek(answer));
}

/* Of everything that comes from the card, from EF.CardAccess on. */
START_TEST(damaged_answers_never_make_a_channel)
{
	for (unsigned at = 2; at <= TOKEN; at++) {
		struct damage d = { .c = { .at = at } };
		struct mutate m = { .run = run_damaged, .arg = &d };

		rig_init(&d.g, 12, 2);
		d.c.g = &d.g;
		d.g.pc.mangle = hear;
		d.g.pc.mangle_arg = &at;
		ck_assert_int_eq(rig_run(&d.g, "123456"), 0);
		m.good = buf_peek(&heard);
		d.g.pc.mangle = cheating;
		d.g.pc.mangle_arg = &d.c;
		ck_assert_uint_ge(mutate(&m), 20);
		/* the file may say more than it must, and a status word may warn: the rest binds */
		if (at > 4)
			ck_assert_msg(!d.good, "answer %u: %u damaged ones were taken", at, d.good);
		buf_free(&heard);
		rig_free(&d.g);
	}
}
END_TEST

/* ---- chance ---- */

static bool
no_random(struct crypt *c, uint8_t *p, size_t n)
{
	(void)c;
	(void)p;
	(void)n;
	return false;
}

/* Too large, zero, then one that fits; again and again. */
static bool
picky_random(struct crypt *c, uint8_t *p, size_t n)
{
	size_t *at = c->arg;

	memset(p, *at % 3 == 0 ? 0xFF : 0, n);
	if (*at % 3 == 2)
		p[n - 1] = (uint8_t)(*at + 1);
	++*at;
	return true;
}

static bool
stuck_random(struct crypt *c, uint8_t *p, size_t n)
{
	size_t *at = c->arg;

	memset(p, 0, n);
	++*at;
	return true;
}

START_TEST(private_numbers_are_drawn_until_they_fit)
{
	struct rig g;
	size_t at = 0;

	for (unsigned parameter = 12; parameter <= 18; parameter++) {
		rig_init(&g, parameter, 2);
		at = 0;
		g.crypt->random = picky_random;
		g.crypt->arg = &at;
		ck_assert_int_eq(rig_run(&g, "123456"), 0);
		ck_assert_uint_eq(at, 6);
		rig_free(&g);
	}
	rig_init(&g, 13, 2);
	g.crypt->random = no_random;
	ck_assert_int_eq(rig_run(&g, "123456"), E_CRYPTO);
	g.crypt->random = stuck_random;
	g.crypt->arg = &at;
	at = 0;
	ck_assert_int_eq(rig_run(&g, "123456"), E_CRYPTO);
	ck_assert_uint_le(at, 1000);
	rig_free(&g);
}
END_TEST

START_TEST(no_two_runs_are_alike)
{
	struct buf first = BUF_INIT;
	struct rig g;

	rig_init(&g, 13, 2);
	ck_assert_int_eq(rig_run(&g, "123456"), 0);
	buf_view(&first, buf_peek(&g.pc.theirs));
	ck_assert_int_eq(rig_run(&g, "123456"), 0);
	ck_assert(!view_eq(buf_peek(&first), buf_peek(&g.pc.theirs)));
	buf_free(&first);
	rig_free(&g);
}
END_TEST

UNIT_MAIN("pace", icaos_example_value_by_value, every_curve_with_every_cipher, cards_are_of_many_kinds,
    a_wrong_password_is_told, the_best_offer_is_taken, damaged_offers_do_no_harm, a_can_is_six_digits,
    bad_points_end_it, damaged_answers_never_make_a_channel, private_numbers_are_drawn_until_they_fit,
    no_two_runs_are_alike)

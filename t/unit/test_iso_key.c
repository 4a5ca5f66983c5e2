/* Keys by MSE and PSO, against a card whose answers are written here. */
#include "cardos/iso.h"

#include "t/unit/scripted.h"
#include "t/unit/unit.h"

static const char text[] = "schema: 1\nprofile: x\nsource: [ s ]\ndriver: thales\nmatch: [ { hist-tail: X } ]\n"
    "environment:\n  key-by: [ reference ]\n"
    "  sign: { hash-first: yes, exact-le: yes, rsa-pkcs1: { sha256: 0x42 }, ecdsa: { sha256: 0x44, sha384: 0x54, "
    "sha512: 0x64 } }\n"
    "  decipher: { indicator: 0x81, rsa-pkcs1: { any: 0x1A }, rsa-oaep: { sha1: 0x1D } }\n"
    "  derive: { no-algorithm: yes, ecdh: { any: 0 } }\n"
    "algs: { curves: [ P-256 ] }\nkeys: { rsa: { min: 1024, max: 4096, step: 8 } }\n"
    "select: { names: [ { path: 3F005016, name: 452E5349474E } ] }\n";

struct rig { struct scripted s; struct card card; struct profile *pf; struct buf out; };

static const struct card_ops ops = { .name = "test", .select_app = iso_select_app };

static const char file_text[] = "schema: 1\nprofile: x\nsource: [ s ]\ndriver: setcos\n"
    "match: [ { hist-tail: X } ]\napplication: { path: 3F005015 }\nenvironment: { key-by: [ file, reference ], sign: { rsa-pkcs1: { any: 2 } } }\n"
    "keys: { rsa: { min: 1024, max: 1024, step: 8 } }\n";

static void
rig_open_text(struct rig *r, const char *profile, const char *const *answers)
{
	struct buf why = BUF_INIT;

	scripted_card(&r->s, &r->card, answers);
	memset(&r->out, 0, sizeof r->out);
	r->pf = NULL;
	ck_assert_msg(profile_parse(view_str(profile), "f", &r->pf, &why) == 0, "%s", buf_text(&why));
	r->card.pf = r->pf;
	r->card.ops = &ops;
	iso_caps(&r->card);
	buf_free(&why);
}

static void
rig_open(struct rig *r, const char *const *answers)
{
	rig_open_text(r, text, answers);
}

static void
rig_close(struct rig *r)
{
	scripted_free(&r->s);
	profile_free(&r->pf);
	buf_free(&r->out);
}

#define KEY(k, n, r) { .kind = k, .bits = n, .path.from = PATH_APP, .ref = r, .ref_valid = true }
#define ZEROS_64 "0000000000000000000000000000000000000000000000000000000000000000" \
	"0000000000000000000000000000000000000000000000000000000000000000"
#define APP "00A404000CA000000063504B43532D3135\n"

/* Truncated from the right, filled from the left. Source: FIPS 186-5 6.4.1. */
static const struct { unsigned bits; size_t n; const char *mse, *hash, *le; } digests[] = {
	{ 256, 32, "44", "9020" "CCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCC", "40" },
	{ 256, 64, "44", "9020" "CCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCC", "40" },
	{ 256, 20, "44", "9020" "000000000000000000000000CCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCC", "40" },
	{ 384, 32, "54", "9030" "00000000000000000000000000000000CCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCC"
	    "CCCCCCCCCCCCCCCC", "60" },
	{ 521, 32, "64", "9040" "0000000000000000000000000000000000000000000000000000000000000000CCCCCCCCCCCCCCCC"
	    "CCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCC", "84" },
};

START_TEST(a_digest_is_made_as_long_as_the_field)
{
	struct buf data = BUF_INIT, want = BUF_INIT, answer = BUF_INIT;
	size_t n;

	for (size_t i = 0; i < sizeof digests / sizeof digests[0]; i++) {
		const struct key_ref key = KEY(KEY_EC, digests[i].bits, 1);
		const char *answers[] = { "9000", "9000", "9000", "", NULL };
		struct sign_in in;
		struct rig r;

		buf_reset(&data);
		buf_reset(&want);
		buf_reset(&answer);
		buf_fill(&data, 0xCC, digests[i].n);
		in = (struct sign_in){ IN_DIGEST, buf_peek(&data), HASH_NONE };
		n = 2 * ((digests[i].bits + 7) / 8);
		for (size_t k = 0; k < n; k++)
			buf_str(&answer, "5A");
		buf_str(&answer, "9000");
		answers[3] = buf_text(&answer);
		rig_open(&r, answers);
		ck_assert_int_eq(iso_sign(&r.card, &key, ALG_ECDSA, &in, &r.out), 0);
		ck_assert_uint_eq(r.out.len, n);
		buf_fmt(&want, APP "002241B6068001%s840101\n002A90A0%02zX%s\n002A9E9A%s\n", digests[i].mse,
		    strlen(digests[i].hash) / 2, digests[i].hash, digests[i].le);
		ck_assert_str_eq(buf_text(&r.s.all), buf_text(&want));
		rig_close(&r);
	}
	buf_free(&data);
	buf_free(&want);
	buf_free(&answer);
}
END_TEST

/* A 6Cxx may have cost the hash: it goes in again, and only once. */
START_TEST(a_lost_hash_is_never_signed)
{
	static const char *const again[] = { "9000", "9000", "9000", "6C40", "9000", ZEROS_64 "9000", NULL };
	static const char *const for_ever[] = { "9000", "9000", "9000", "6C40", "9000", "6C41", NULL };
	const struct key_ref key = KEY(KEY_EC, 256, 1);
	const struct sign_in in = { IN_DIGEST, view_str("12345678901234567890123456789012"), HASH_NONE };
	struct rig r;

	rig_open(&r, again);
	ck_assert_int_eq(iso_sign(&r.card, &key, ALG_ECDSA, &in, &r.out), 0);
	ck_assert_uint_eq(r.s.sent, 6);
	ck_assert_uint_eq(r.out.len, 64);
	rig_close(&r);
	rig_open(&r, for_ever);
	ck_assert_int_eq(iso_sign(&r.card, &key, ALG_ECDSA, &in, &r.out), E_PROTOCOL);
	ck_assert_uint_eq(r.s.sent, 6);
	ck_assert_uint_eq(r.out.len, 0);
	rig_close(&r);
}
END_TEST

/* A neighbour has selected something else: once more from the application on, where nobody made sure. */
START_TEST(a_moved_card_is_brought_back)
{
	static const char *const answers[] = { "6A88", "9000", "9000", "9000", ZEROS_64 "9000", NULL };
	static const char *const nothing[] = { "9000", "6A88", NULL };
	const struct key_ref key = KEY(KEY_EC, 256, 1);
	const struct sign_in in = { IN_DIGEST, view_str("12345678901234567890123456789012"), HASH_NONE };
	struct rig r;

	rig_open(&r, answers);
	r.card.app_selected = true;
	ck_assert_int_eq(iso_sign(&r.card, &key, ALG_ECDSA, &in, &r.out), 0);
	ck_assert_uint_eq(r.s.sent, 5);
	rig_close(&r);
	/* selected in this very transaction: the key is not there */
	rig_open(&r, nothing);
	ck_assert_int_eq(iso_sign(&r.card, &key, ALG_ECDSA, &in, &r.out), E_NOT_FOUND);
	ck_assert_uint_eq(r.s.sent, 2);
	rig_close(&r);
}
END_TEST

/* A key in a DF of its own: found by its name where it has one, once per transaction. */
START_TEST(the_keys_directory_is_current)
{
	static const char *const answers[] = { "9000", "9000", "9000", ZEROS_64 "9000", "9000", "9000",
		ZEROS_64 "9000", NULL };
	struct key_ref key = KEY(KEY_EC, 256, 0x82);
	const struct sign_in in = { IN_DIGEST, view_str("12345678901234567890123456789012"), HASH_NONE };
	struct rig r;

	key.path = (struct path){ PATH_MF, 4, { 0x50, 0x16, 0x4B, 0x02 } };
	rig_open(&r, answers);
	ck_assert_int_eq(iso_sign(&r.card, &key, ALG_ECDSA, &in, &r.out), 0);
	ck_assert_int_eq(strncmp(buf_text(&r.s.all), "00A4040006452E5349474E\n002241B606800144840182\n", 46), 0);
	ck_assert_int_eq(iso_sign(&r.card, &key, ALG_ECDSA, &in, &r.out), 0);
	ck_assert_uint_eq(r.s.sent, 7);
	rig_close(&r);
}
END_TEST

#define MF "00A40000023F00\n"
#define ZEROS_128 ZEROS_64 ZEROS_64

/* Whether MSE finds a key file of the MF from within the application no manual tells: its own place is tried first,
 * then the other, and what counts is the answer of the place that knows it. */
static const struct place { const char *what; const char *answers[8]; int r; const char *sent; } places[] = {
	{ "in its own place", { "9000", "9000", ZEROS_128 "9000" }, 0, MF "MSE\nPSO\n" },
	{ "from the application only", { "9000", "6A88", "9000", "9000", ZEROS_128 "9000" }, 0,
	    MF "MSE\n" APP "MSE\nPSO\n" },
	{ "only when it is used", { "9000", "9000", "6A82", "9000", "9000", ZEROS_128 "9000" }, 0,
	    MF "MSE\nPSO\n" APP "MSE\nPSO\n" },
	{ "no MF", { "6A82", "9000", "9000", ZEROS_128 "9000" }, 0, MF APP "MSE\nPSO\n" },
	{ "nowhere", { "9000", "6A88", "9000", "6A88" }, E_NOT_FOUND, MF "MSE\n" APP "MSE\n" },
	{ "there, with a PIN", { "9000", "9000", "6982", "9000", "6A88" }, E_PIN_NEEDED, MF "MSE\nPSO\n" APP "MSE\n" },
	{ "there, with a PIN, and here nothing of the kind", { "9000", "9000", "6982", "9000", "9000", "6985" },
	    E_PIN_NEEDED, MF "MSE\nPSO\n" APP "MSE\nPSO\n" },
	{ "here, with a PIN", { "9000", "6A88", "9000", "9000", "6982" }, E_PIN_NEEDED, MF "MSE\n" APP "MSE\nPSO\n" },
	{ "there, refused", { "9000", "9000", "6A80", "9000", "6A88" }, E_DATA, MF "MSE\nPSO\n" APP "MSE\n" },
	{ "a card that is broken", { "9000", "6F00" }, E_CARD, MF "MSE\n" },
};

/* The commands of a sequence that is written short. */
static void
spell(const char *at, struct buf *out)
{
	static const struct { const char *word, *hex; } words[] = {
		{ "MSE\n", "002241B60A80010281024B01840101\n" }, { "PSO\n", "002A9E9A04CCCCCCCC00\n" } };
	bool found;

	while (*at) {
		found = false;
		for (size_t i = 0; i < 2 && !found; i++) {
			if (!(found = strncmp(at, words[i].word, 4) == 0))
				continue;
			buf_str(out, words[i].hex);
			at += 4;
		}
		if (!found)
			buf_u8(out, (uint8_t)*at++);
	}
}

START_TEST(a_key_in_the_mf_is_found_from_either_place)
{
	struct key_ref key = KEY(KEY_RSA, 1024, 1);
	struct sign_in in = { IN_DIGEST_INFO, view_str("\xCC\xCC\xCC\xCC"), HASH_NONE };
	struct buf want = BUF_INIT;

	key.path = (struct path){ PATH_MF, 2, { 0x4B, 0x01 } };
	for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
		struct rig r;

		rig_open_text(&r, file_text, places[i].answers);
		buf_reset(&want);
		spell(places[i].sent, &want);
		ck_assert_msg(iso_sign(&r.card, &key, ALG_RSA_PKCS1, &in, &r.out) == places[i].r, "%s", places[i].what);
		ck_assert_msg(strcmp(buf_text(&r.s.all), buf_text(&want)) == 0, "%s: %s", places[i].what, buf_text(&r.s.all));
		ck_assert_uint_eq(r.out.len, places[i].r ? 0 : 128);
		rig_close(&r);
	}
	buf_free(&want);
}
END_TEST

/* Where MSE names no file, the key of the MF is used from the application; but where that was left, its selection
 * may close the PIN, and the MF does not. */
START_TEST(the_application_is_not_selected_anew_for_a_reference)
{
	static const char *const answers[] = { "9000", "9000", ZEROS_64 "9000", "9000", "9000", "9000",
		ZEROS_64 "9000", NULL };
	struct key_ref key = KEY(KEY_EC, 256, 1);
	const struct sign_in in = { IN_DIGEST, view_str("12345678901234567890123456789012"), HASH_NONE };
	struct rig r;

	key.path = (struct path){ PATH_MF, 2, { 0x4B, 0x01 } };
	rig_open(&r, answers);
	r.card.app_selected = true;
	ck_assert_int_eq(iso_sign(&r.card, &key, ALG_ECDSA, &in, &r.out), 0);
	ck_assert_int_eq(strncmp(buf_text(&r.s.all), "0022", 4), 0);
	ck_assert(r.card.app_selected);
	r.card.app_selected = false;
	buf_reset(&r.s.all);
	ck_assert_int_eq(iso_sign(&r.card, &key, ALG_ECDSA, &in, &r.out), 0);
	ck_assert_int_eq(strncmp(buf_text(&r.s.all), MF "0022", sizeof MF + 3), 0);
	rig_close(&r);
}
END_TEST

/* The application by its path is the application: not a step more. */
START_TEST(the_applications_own_path_is_the_application)
{
	const struct path mf = { .from = PATH_MF }, app = { PATH_MF, 2, { 0x50, 0x15 } };
	struct rig r;

	rig_open_text(&r, file_text, NULL);
	ck_assert_int_eq(iso_enter_df(&r.card, &app), 0);
	ck_assert_int_eq(iso_enter_df(&r.card, &app), 0);
	ck_assert_int_eq(iso_enter_df(&r.card, &mf), 0);
	ck_assert(!r.card.app_selected && !r.card.app_sure);
	ck_assert_int_eq(iso_enter_df(&r.card, &app), 0);
	ck_assert_str_eq(buf_text(&r.s.all), APP MF APP);
	rig_close(&r);
}
END_TEST

START_TEST(what_the_environment_has_not_is_not_tried)
{
	const struct key_ref rsa = KEY(KEY_RSA, 2048, 1), ec = KEY(KEY_EC, 256, 1);
	struct key_ref nameless = rsa;
	uint8_t c[256] = { 0 };
	const struct sign_in digest = { IN_DIGEST, { c, 32 }, HASH_SHA256 }, md5 = { IN_DIGEST, { c, 16 }, HASH_MD5 };
	struct rig r;

	rig_open(&r, NULL);
	ck_assert_int_eq(iso_sign(&r.card, &rsa, ALG_RSA_PKCS1, &md5, &r.out), E_UNSUPPORTED);
	ck_assert_int_eq(iso_sign(&r.card, &rsa, ALG_RSA_PSS, &digest, &r.out), E_UNSUPPORTED);
	ck_assert_int_eq(iso_sign(&r.card, &ec, ALG_RSA_PKCS1, &digest, &r.out), E_UNSUPPORTED);
	ck_assert_int_eq(iso_decipher(&r.card, &rsa, ALG_RSA_OAEP, HASH_SHA256, view_of(c, 256), &r.out), E_UNSUPPORTED);
	ck_assert_int_eq(iso_decipher(&r.card, &rsa, ALG_RSA_PKCS1, HASH_NONE, view_of(c, 255), &r.out), E_DATA);
	ck_assert_int_eq(iso_derive(&r.card, &rsa, view_of(c, 65), &r.out), E_UNSUPPORTED);
	ck_assert_int_eq(iso_derive(&r.card, &ec, view_of(c, 64), &r.out), E_DATA);
	ck_assert_uint_eq(r.s.sent, 0);
	/* a key that nothing names is not guessed */
	nameless.ref_valid = false;
	r.card.app_selected = r.card.app_sure = true;
	ck_assert_int_eq(iso_sign(&r.card, &nameless, ALG_RSA_PKCS1, &digest, &r.out), E_UNSUPPORTED);
	ck_assert_uint_eq(r.s.sent, 0);
	rig_close(&r);
}
END_TEST

START_TEST(cryptograms_go_in_chained_behind_their_indicator)
{
	static const char *const answers[] = { "9000", "9000", "9000", "68659000", NULL };
	static const char *const shared[] = { "9000", "9000",
		"0102030405060708091011121314151617181920212223242526272829303132" "9000", NULL };
	const struct key_ref rsa = KEY(KEY_RSA, 2048, 1), ec = KEY(KEY_EC, 256, 1);
	uint8_t c[256];
	struct rig r;

	memset(c, 0xEE, sizeof c);
	rig_open(&r, answers);
	ck_assert_int_eq(iso_decipher(&r.card, &rsa, ALG_RSA_PKCS1, HASH_NONE, view_of(c, 256), &r.out), 0);
	ck_assert(view_eq(buf_peek(&r.out), view_str("he")));
	ck_assert_int_eq(strncmp(buf_text(&r.s.all), APP "002241B80680011A840101\n102A8086FF81EEEE", 71), 0);
	ck_assert_ptr_nonnull(strstr(buf_text(&r.s.all), "\n002A808602EEEE00\n"));
	rig_close(&r);
	rig_open(&r, shared);
	memset(c, 0x04, 65);
	ck_assert_int_eq(iso_derive(&r.card, &ec, view_of(c, 65), &r.out), 0);
	ck_assert_uint_eq(r.out.len, 32);
	ck_assert_int_eq(strncmp(buf_text(&r.s.all), APP "002241B803840101\n002A80864200040404", 68), 0);
	rig_close(&r);
}
END_TEST

UNIT_MAIN("iso_key", a_digest_is_made_as_long_as_the_field, a_lost_hash_is_never_signed, a_moved_card_is_brought_back,
    the_keys_directory_is_current, a_key_in_the_mf_is_found_from_either_place, the_application_is_not_selected_anew_for_a_reference,
    the_applications_own_path_is_the_application, what_the_environment_has_not_is_not_tried,
    cryptograms_go_in_chained_behind_their_indicator)

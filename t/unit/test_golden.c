/* Traces in t/golden/ against the driver, verb by verb: each byte that it sends is the trace's.
 * Those of a real card or a foreign program are checks; what our own driver recorded on the
 * virtual card ("# self") tells only that nothing changed. CASTOR_RECORD=1 records those anew in
 * the current folder. That the virtual cards answer the Finnish ones as they say is t/vcard/test_vc_golden's matter. */
#include <fcntl.h>

#include "base/os.h"
#include "t/unit/cards.h"
#include "t/unit/unit.h"

static const uint8_t sha256_info[] = { 0x30, 0x31, 0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
	0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20 };

static void
expect_sign(struct card *card, unsigned bits, enum card_alg alg, size_t n)
{
	struct key_ref key = key_at(KEY_RSA, bits, alg == ALG_RSA_RAW && bits == 2048 ? 3 : 1);
	struct buf data = BUF_INIT, out = BUF_INIT;
	struct sign_in in;

	if (alg == ALG_RSA_PKCS1)
		buf_put(&data, sha256_info, sizeof sha256_info);
	buf_fill(&data, 1, n - data.len);
	in = (struct sign_in){ alg == ALG_RSA_RAW ? IN_BLOCK : IN_DIGEST_INFO, buf_peek(&data), HASH_NONE };
	ck_assert_int_eq(card->ops->sign(card, &key, alg, &in, &out), 0);
	ck_assert_uint_eq(out.len, bits / 8);
	buf_free(&data);
	buf_free(&out);
}

static void
expect_pin(struct card *card, int tries, int puk_tries, int verified)
{
	struct pin_state s;

	ck_assert_int_eq(card->ops->pin_info(card, &pin1, &s), 0);
	ck_assert_int_eq(s.tries, tries);
	ck_assert_int_eq(s.puk_tries, puk_tries);
	ck_assert_int_eq(s.verified, verified);
}

static void
pins(struct card *card)
{
	int tries;

	ck_assert_uint_eq(card->caps.version, 0x0405);
	ck_assert_uint_eq(card->caps.rsa_max, 2048);
	ck_assert_uint_eq(card->caps.ec_max, 521);
	ck_assert_uint_eq(card->serial.p[9], 1);
	expect_pin(card, 3, 10, 0);
	ck_assert_int_eq(card_pin_verify(card, &pin1, view_str("1111"), &tries), E_PIN_WRONG);
	ck_assert_int_eq(tries, 2);
	ck_assert_int_eq(card_pin_verify(card, &pin1, view_str("1234"), &tries), 0);
	expect_pin(card, 3, 10, 1);
}

static void
blocked(struct card *card)
{
	int tries;

	ck_assert_int_eq(card_pin_verify(card, &pin1, view_str("1234"), &tries), E_PIN_BLOCKED);
	ck_assert_int_eq(card_pin_unblock(card, &pin1, view_str("00000000"), view_str("1234"), &tries),
	    E_PIN_WRONG);
	ck_assert_int_eq(tries, 9);
	ck_assert_int_eq(card_pin_unblock(card, &pin1, view_str("12345678"), view_str("1234"), &tries), 0);
}

static void
sign(struct card *card)
{
	expect_sign(card, 1024, ALG_RSA_PKCS1, 51);
}

static void
expect_decipher(struct card *card, const char *want)
{
	const struct key_ref key = key_at(KEY_RSA, 2048, 1);
	struct buf out = BUF_INIT;
	uint8_t c[256] = { 0 };

	ck_assert_int_eq(card->ops->decipher(card, &key, ALG_RSA_PKCS1, HASH_NONE, view_of(c, sizeof c), &out), 0);
	ck_assert(view_eq(buf_peek(&out), view_str(want)));
	buf_free(&out);
}

static void
decipher(struct card *card)
{
	card->caps.chaining = false; /* the trace is of a card without it */
	expect_decipher(card, "hello");
}

static void
files(struct card *card)
{
	const struct path path = app_path(0x4B, 0x01);
	const struct new_file f = { .path = path, .type = NEW_KEY, .size = 1024, .kind = KEY_RSA };

	ck_assert_int_eq(card->ops->create(card, &f), 0);
	expect_sign(card, 2048, ALG_RSA_RAW, 256);
	ck_assert_int_eq(card->ops->erase(card, &path), 0);
}

/* Our own: what a session does. */
static void
session(struct card *card)
{
	const struct path odf = app_path(0x50, 0x31), cert = app_path(0x43, 0x01);
	const struct range whole = { true, 0, 0, 0 };
	struct buf out = BUF_INIT;
	uint64_t mark;
	int tries;

	ck_assert_int_eq(card->ops->change_mark(card, &mark), 0);
	ck_assert_int_eq(card->ops->read(card, &odf, &whole, &out), 0);
	ck_assert_uint_eq(out.len, 255);
	buf_reset(&out);
	ck_assert_int_eq(card->ops->read(card, &cert, &whole, &out), 0);
	ck_assert_uint_gt(out.len, 600);
	buf_free(&out);
	expect_pin(card, 3, 10, 0);
	ck_assert_int_eq(card_pin_verify(card, &pin1, view_str("1111"), &tries), E_PIN_WRONG);
	ck_assert_int_eq(card_pin_change(card, &pin1, view_str("1234"), view_str("12345"), &tries), 0);
	ck_assert_int_eq(card_pin_verify(card, &pin1, view_str("12345"), &tries), 0);
	expect_sign(card, 2048, ALG_RSA_PKCS1, 51);
	expect_sign(card, 2048, ALG_RSA_PKCS1, 120); /* padded by the driver: a raw block */
	ck_assert_int_eq(card->ops->pin_forget(card, &pin1), 0);
	expect_pin(card, 3, 10, 0);
}

/* ---- FINEID ---- */

/* The profile's own PIN, as its directory would tell it. */
static void
fineid_login(struct card *card, unsigned pin, const char *digits)
{
	int tries;

	ck_assert_int_eq(card_pin_verify(card, &card->pf->pin[pin], view_str(digits), &tries), 0);
}

/* What the object of a PIN tells: nothing was tried, and it was changed since the card was made. */
static void
fineid_info(struct card *card, unsigned pin)
{
	struct pin_state s;

	ck_assert_int_eq(card_pin_info(card, &card->pf->pin[pin], -1, &s), 0);
	ck_assert(s.tries == 5 && s.puk_tries == 5 && s.fresh == 0);
}

static void
fineid_sign(struct card *card, const struct key_ref *key, enum card_alg alg, enum hash hash, size_t n, size_t out_len)
{
	struct buf data = BUF_INIT, out = BUF_INIT;
	struct sign_in in;

	buf_fill(&data, 0xC0, n);
	in = (struct sign_in){ IN_DIGEST, buf_peek(&data), hash };
	ck_assert_int_eq(card->ops->sign(card, key, alg, &in, &out), 0);
	ck_assert_uint_eq(out.len, out_len);
	buf_free(&data);
	buf_free(&out);
}

static void
fineid_3_auth(struct card *card)
{
	static const struct path cert = { PATH_MF, 2, { 0x43, 0x31 } };
	static const struct range whole = { true, 0, 0, 0 };
	const struct key_ref key = { .kind = KEY_RSA, .bits = 2048, .path.from = PATH_APP, .ref = 1, .ref_valid = true };
	struct buf out = BUF_INIT;

	ck_assert_str_eq(card->pf->name, "fineid-3-1");
	ck_assert_int_eq(card->ops->read(card, &cert, &whole, &out), 0);
	ck_assert_uint_eq(out.len, 0x680);
	buf_free(&out);
	fineid_info(card, 0);
	fineid_login(card, 0, "1234");
	fineid_sign(card, &key, ALG_RSA_PSS, HASH_SHA256, 32, 256);
}

static void
fineid_3_sign(struct card *card)
{
	static const struct path cert = { PATH_MF, 4, { 0x50, 0x16, 0x43, 0x35 } };
	const struct key_ref key = { .kind = KEY_EC, .bits = 256, .path = { PATH_MF, 4, { 0x50, 0x16, 0x4B, 0x03 } },
	    .ref = 3, .ref_valid = true };
	struct file_info info;

	ck_assert_int_eq(card->ops->info(card, &cert, &info), 0);
	ck_assert_uint_eq(info.size, 0x5CF);
	fineid_info(card, 1);
	fineid_login(card, 1, "123456");
	fineid_sign(card, &key, ALG_ECDSA, HASH_NONE, 32, 64);
	ck_assert_int_eq(card->ops->pin_forget(card, &card->pf->pin[1]), 0);
}

static void
fineid_4_auth(struct card *card)
{
	const struct key_ref key = { .kind = KEY_EC, .bits = 384, .path.from = PATH_APP, .ref = 1, .ref_valid = true };

	ck_assert_str_eq(card->pf->name, "fineid-4");
	fineid_login(card, 0, "1234");
	fineid_sign(card, &key, ALG_ECDSA, HASH_NONE, 48, 96);
	fineid_sign(card, &key, ALG_ECDSA, HASH_NONE, 32, 96);
}

static void
fineid_4_sign(struct card *card)
{
	static const struct path cert = { PATH_MF, 4, { 0x50, 0x16, 0x43, 0x32 } };
	const struct key_ref key = { .kind = KEY_EC, .bits = 384, .path = { PATH_MF, 4, { 0x50, 0x16, 0x4B, 0x02 } },
	    .ref = 2, .ref_valid = true };
	struct file_info info;

	ck_assert_int_eq(card->ops->info(card, &cert, &info), 0);
	ck_assert_uint_eq(info.size, 0x478);
	fineid_info(card, 1);
	fineid_login(card, 1, "123456");
	fineid_sign(card, &key, ALG_ECDSA, HASH_NONE, 48, 96);
	ck_assert_int_eq(card->ops->pin_forget(card, &card->pf->pin[1]), 0);
}

static void
fineid_4_pins(struct card *card)
{
	const struct pin_ref *basic = &card->pf->pin[0], *signature = &card->pf->pin[1];
	int tries;

	ck_assert_int_eq(card_pin_verify(card, basic, view_str("1111"), &tries), E_PIN_WRONG);
	ck_assert_int_eq(tries, 4);
	ck_assert_int_eq(card_pin_change(card, basic, view_str("1111"), view_str("43210"), &tries), E_PIN_WRONG);
	ck_assert_int_eq(tries, 3);
	ck_assert_int_eq(card_pin_change(card, basic, view_str("1234"), view_str("43210"), &tries), 0);
	fineid_login(card, 0, "43210");
	/* the tries are the PUK's, which is one for both */
	ck_assert_int_eq(card_pin_unblock(card, signature, view_str("87654321"), view_str("654321"), &tries), E_PIN_WRONG);
	ck_assert_int_eq(tries, 4);
	ck_assert_int_eq(card_pin_unblock(card, basic, view_str("12345678"), view_str("1234"), &tries), 0);
	ck_assert_int_eq(card_pin_unblock(card, signature, view_str("12345678"), view_str("654321"), &tries), 0);
	fineid_login(card, 1, "654321");
	/* what is no such block is not sent */
	ck_assert_int_eq(card_pin_change(card, signature, view_str("654321"), view_str("12345"), &tries), E_PIN_LEN);
}

static void
fineid_3_decipher(struct card *card)
{
	const struct key_ref key = { .kind = KEY_RSA, .bits = 3072, .path.from = PATH_APP, .ref = 1, .ref_valid = true };
	const uint8_t c[384] = { 0 };
	struct buf out = BUF_INIT;

	fineid_login(card, 0, "1234");
	ck_assert_int_eq(card->ops->decipher(card, &key, ALG_RSA_PKCS1, HASH_NONE, view_of(c, sizeof c), &out), 0);
	ck_assert(view_eq(buf_peek(&out), view_str("hello")));
	buf_free(&out);
}

static void
fineid_org(struct card *card)
{
	const struct key_ref auth = { .kind = KEY_RSA, .bits = 3072, .path.from = PATH_APP, .ref = 1, .ref_valid = true };
	const struct key_ref sign = { .kind = KEY_RSA, .bits = 3072, .path = { PATH_MF, 4, { 0x50, 0x16, 0x4B, 0x02 } },
	    .ref = 0x82, .ref_valid = true };
	int tries;

	ck_assert_str_eq(card->pf->name, "fineid-org-idme");
	fineid_login(card, 0, "1234");
	fineid_sign(card, &auth, ALG_RSA_PKCS1, HASH_SHA256, 32, 384);
	/* what cannot be such a PIN never costs a try */
	ck_assert_int_eq(card_pin_verify(card, &card->pf->pin[0], view_str("123456789"), &tries), E_PIN_UNFIT);
	ck_assert_int_eq(card_pin_unblock(card, &card->pf->pin[0], view_str("12345678"), view_str("4321"), &tries), 0);
	fineid_login(card, 1, "123456");
	fineid_sign(card, &sign, ALG_RSA_PKCS1, HASH_SHA256, 32, 384);
}

/* ---- the old FINEID cards ---- */

/* PIN 1 as their directories have it. */
static const struct pin_ref old_pin = { .ref = 1, .coding = PIN_ASCII, .min = 4, .max = 8, .stored = 8, .pads = true,
	.tries_max = -1, .unblock_ref = -1, .puk_min = 4, .puk_max = 8, .puk_stored = 8, .path.from = PATH_APP };

static void
old_card(struct card *card, const char *profile, const struct key_ref *key, bool decipher)
{
	struct buf data = BUF_INIT, out = BUF_INIT;
	uint8_t c[256] = { 0 };
	struct sign_in in;
	int tries;

	ck_assert_str_eq(card->pf->name, profile);
	ck_assert_int_eq(card_pin_verify(card, &old_pin, view_str("1234"), &tries), 0);
	buf_put(&data, sha256_info, sizeof sha256_info);
	buf_fill(&data, 1, 32);
	in = (struct sign_in){ IN_DIGEST_INFO, buf_peek(&data), HASH_NONE };
	ck_assert_int_eq(card->ops->sign(card, key, ALG_RSA_PKCS1, &in, &out), 0);
	ck_assert_uint_eq(out.len, key->bits / 8);
	buf_reset(&out);
	if (decipher) {
		ck_assert_int_eq(card->ops->decipher(card, key, ALG_RSA_PKCS1, HASH_NONE, view_of(c, key->bits / 8), &out),
		    0);
		ck_assert(view_eq(buf_peek(&out), view_str("hello")));
	}
	buf_free(&data);
	buf_free(&out);
}

static void
setcos_44(struct card *card)
{
	const struct key_ref key = { KEY_RSA, 1024, { PATH_APP, 2, { 0x51, 0x01 } }, 1, true };

	old_card(card, "setcos-4-4", &key, true);
}

static void
setcos_43(struct card *card)
{
	const struct key_ref key = { KEY_RSA, 1024, { PATH_MF, 2, { 0x4B, 0x01 } }, -1, false };

	old_card(card, "setcos-4-3", &key, true);
}

static void
setcos_eid21(struct card *card)
{
	const struct key_ref key = { KEY_RSA, 1024, { PATH_MF, 2, { 0x4B, 0x01 } }, 1, true };
	int tries;

	ck_assert_uint_eq(card->caps.version, 0x0201);
	ck_assert_int_eq(card_pin_verify(card, &old_pin, view_str("9999"), &tries), E_PIN_WRONG);
	ck_assert_int_eq(tries, 2);
	old_card(card, "setcos-eid", &key, false);
}

static void
eid2048(struct card *card)
{
	const struct key_ref key = { KEY_RSA, 2048, { PATH_MF, 2, { 0x4B, 0x01 } }, 1, true };

	old_card(card, "fineid-eid2048", &key, true);
}

static void
miocos(struct card *card)
{
	const struct key_ref key = { KEY_RSA, 1024, { PATH_MF, 2, { 0x4B, 0x01 } }, 1, true };
	int tries;

	old_card(card, "miocos", &key, true);
	ck_assert_int_eq(card_pin_unblock(card, &old_pin, view_str("12345678"), view_str("4321"), &tries), 0);
}

/* A card that wants the old PIN verified before it changes it: a right one is not called wrong. */
static void
fineid_org_change(struct card *card)
{
	int tries;

	ck_assert_int_eq(card_pin_change(card, &card->pf->pin[0], view_str("1234"), view_str("43210"), &tries), 0);
	ck_assert_int_eq(card_pin_change(card, &card->pf->pin[0], view_str("1111"), view_str("43210"), &tries), E_PIN_WRONG);
	ck_assert_int_eq(tries, 4);
}

static const struct golden { const char *file; void (*run)(struct card *); const char *image; } goldens[] = {
	{ "oseid-pins.trace", pins, NULL },
	{ "oseid-blocked.trace", blocked, NULL },
	{ "oseid-sign.trace", sign, NULL },
	{ "oseid-decipher.trace", decipher, NULL },
	{ "oseid-files.trace", files, NULL },
	{ "fineid-3-auth.trace", fineid_3_auth, NULL },
	{ "fineid-3-sign.trace", fineid_3_sign, NULL },
	{ "fineid-4-auth.trace", fineid_4_auth, NULL },
	{ "fineid-4-sign.trace", fineid_4_sign, NULL },
	{ "fineid-4-pins.trace", fineid_4_pins, NULL },
	{ "fineid-3-decipher.trace", fineid_3_decipher, NULL },
	{ "fineid-org-sign.trace", fineid_org, NULL },
	{ "fineid-org-change.trace", fineid_org_change, NULL },
	{ "setcos-4.4-sign.trace", setcos_44, NULL },
	{ "setcos-4.3-sign.trace", setcos_43, NULL },
	{ "setcos-4.3.1-sign.trace", setcos_43, NULL },
	{ "setcos-eid21.trace", setcos_eid21, NULL },
	{ "fineid-eid2048.trace", eid2048, NULL },
	{ "miocos-sign.trace", miocos, NULL },
	{ "myeid-4.5-session.trace", session, "myeid.yaml" },
	{ "myeid-3.3-session.trace", session, "myeid-3.3.yaml" },
};

static void
on_card(struct io *io, const char *reader, const struct golden *g)
{
	struct profile_set set = { NULL, 0 };
	struct buf why = BUF_INIT;
	struct card *card = NULL;

	ck_assert_int_eq(profile_set_builtin(&set, &why), 0);
	ck_assert_int_eq(card_open(io, reader, &set, false, &card), 0);
	ck_assert_int_eq(card_begin(card, -1), 0);
	g->run(card);
	card_end(card, IO_END_LEAVE);
	card_close(&card);
	profile_set_free(&set);
	buf_free(&why);
}

static void
record(const struct golden *g)
{
	int fd = open(g->file, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	struct vc *vc = virtual_card(g->image, NULL, NULL);
	struct io *under, *io;

	ck_assert(os_write_all(fd, "# self\n", 7));
	ck_assert_int_eq(io_mem_new(vc, &under), 0);
	ck_assert_int_eq(io_trace_new(&under, fd, &io), 0);
	on_card(io, IO_MEM_READER, g);
	io->ops->free(&io);
	vc_free(&vc);
}

START_TEST(the_driver_sends_what_the_trace_says)
{
	const struct golden *g = &goldens[_i];
	const char *top = getenv("top_srcdir") ? getenv("top_srcdir") : ".";
	struct buf text = BUF_INIT, why = BUF_INIT, names = BUF_INIT;
	struct io *io = NULL;
	char path[512];

	if (g->image && getenv("CASTOR_RECORD")) {
		record(g);
		return;
	}
	snprintf(path, sizeof path, "%s/t/golden/%s", top, g->file);
	ck_assert_int_eq(os_file_read(path, 1 << 20, false, &text), OS_TRUST_OK);
	ck_assert_msg(io_replay_new(buf_peek(&text), &io, &why) == 0, "%s: %s", g->file, buf_text(&why));
	ck_assert_int_eq(io->ops->list(io, &names), 0);
	on_card(io, (const char *)names.p, g);
	ck_assert_uint_eq(io_replay_left(io), 0);
	io->ops->free(&io);
	buf_free(&text);
	buf_free(&why);
	buf_free(&names);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("golden");
	TCase *tc = tcase_create("golden");

	tcase_add_loop_test(tc, the_driver_sends_what_the_trace_says, 0,
	    (int)(sizeof goldens / sizeof goldens[0]));
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}

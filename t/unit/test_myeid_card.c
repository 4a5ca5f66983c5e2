/* The MyEID driver against the virtual card, which shares no code with it: versions 3.3.3, 4.0.1
 * and 4.5.5. What comes out is checked with OpenSSL. */
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "t/unit/cards.h"

static const uint8_t sha256_info[] = { 0x30, 0x31, 0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
	0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20 };
static const uint8_t sha512_info[] = { 0x30, 0x51, 0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
	0x65, 0x03, 0x04, 0x02, 0x03, 0x05, 0x00, 0x04, 0x40 };

static const struct version { const char *image, *from, *to; unsigned version; bool ec; } versions[] = {
	{ "myeid-3.3.yaml", NULL, NULL, 0x0303, false },
	{ "myeid.yaml", "version: 4.5.5", "version: 4.0.1", 0x0400, true },
	{ "myeid.yaml", NULL, NULL, 0x0405, true },
};

#define EACH_VERSION(v) \
	for (const struct version *v = versions; v < versions + sizeof versions / sizeof versions[0]; v++)

static EVP_PKEY *
test_key(const char *name)
{
	const char *top = getenv("top_srcdir") ? getenv("top_srcdir") : ".";
	char path[512];
	EVP_PKEY *key;
	FILE *f;

	snprintf(path, sizeof path, "%s/t/cards/pki/TEST-%s.key.pem", top, name);
	ck_assert_ptr_nonnull(f = fopen(path, "r"));
	ck_assert_ptr_nonnull(key = PEM_read_PrivateKey(f, NULL, NULL, NULL));
	fclose(f);
	return key;
}

static void
start(struct rig *rig, const struct version *v)
{
	rig_open(rig, virtual_card(v->image, v->from, v->to));
	rig_card(rig);
	ck_assert_int_eq(card_begin(rig->card, 1000), 0);
}

static void
log_in(struct rig *rig)
{
	int tries;

	ck_assert_int_eq(card_pin_verify(rig->card, &pin1, view_str("1234"), &tries), 0);
}

static void
check_rsa(const char *md, struct view hash, const struct buf *sig)
{
	EVP_PKEY *key = test_key("rsa2048");
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);

	ck_assert_int_eq(EVP_PKEY_verify_init(ctx), 1);
	ck_assert_int_eq(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING), 1);
	ck_assert_int_eq(EVP_PKEY_CTX_set_signature_md(ctx, EVP_get_digestbyname(md)), 1);
	ck_assert_int_eq(EVP_PKEY_verify(ctx, sig->p, sig->len, hash.p, hash.len), 1);
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(key);
}

static void
check_ecdsa(const char *name, struct view hash, const struct buf *sig)
{
	EVP_PKEY *key = test_key(name);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
	ECDSA_SIG *s = ECDSA_SIG_new();
	int half = (int)(sig->len / 2), n;
	uint8_t *der = NULL;

	ECDSA_SIG_set0(s, BN_bin2bn(sig->p, half, NULL), BN_bin2bn(sig->p + half, half, NULL));
	n = i2d_ECDSA_SIG(s, &der);
	ck_assert_int_eq(EVP_PKEY_verify_init(ctx), 1);
	ck_assert_int_eq(EVP_PKEY_verify(ctx, der, (size_t)n, hash.p, hash.len), 1);
	OPENSSL_free(der);
	ECDSA_SIG_free(s);
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(key);
}

START_TEST(opening_reads_serial_version_and_limits)
{
	EACH_VERSION(v) {
		struct rig rig;

		start(&rig, v);
		ck_assert_str_eq(rig.card->pf->name, "myeid");
		ck_assert_uint_eq(rig.card->caps.version, v->version);
		ck_assert_uint_eq(rig.card->serial.len, 10);
		ck_assert_uint_eq(rig.card->caps.max_recv, v->version >= 0x0400 ? 256 : 255);
		ck_assert_int_eq(rig.card->caps.chaining, v->version >= 0x0405);
		ck_assert_uint_eq(rig.card->caps.rsa_max, v->version >= 0x0405 ? 4096 : 2048);
		ck_assert_uint_eq(rig.card->caps.ec_max, v->version >= 0x0400 ? 521 : 0);
		/* SELECT, GET DATA 01A0, and 01AA where there is one */
		ck_assert_uint_eq(vc_counts(rig.vc).apdus, v->version >= 0x0400 ? 3 : 2);
		rig_close(&rig);
	}
}
END_TEST

START_TEST(files_are_read_whole_and_in_part)
{
	const struct path odf = app_path(0x50, 0x31), cert = app_path(0x43, 0x01);
	const struct path absolute = { PATH_MF, 4, { 0x50, 0x15, 0x43, 0x01 } };
	const struct path dir = { PATH_MF, 2, { 0x2F, 0x00 } };
	const struct range whole = { true, 0, 0, 0 }, part = { false, 250, 20, 0 };
	struct buf a = BUF_INIT, b = BUF_INIT, c = BUF_INIT;
	struct file_info info;

	EACH_VERSION(v) {
		struct rig rig;

		start(&rig, v);
		ck_assert_int_eq(rig.card->ops->read(rig.card, &odf, &whole, &a), 0);
		ck_assert_uint_eq(a.len, 255);
		ck_assert_uint_eq(a.p[0], 0xA8); /* the ODF's first entry: pins */
		buf_reset(&a);
		ck_assert_int_eq(rig.card->ops->read(rig.card, &cert, &whole, &a), 0);
		ck_assert_uint_gt(a.len, 600);
		ck_assert_uint_eq(a.p[0], 0x30);
		ck_assert_int_eq(rig.card->ops->read(rig.card, &absolute, &whole, &b), 0);
		ck_assert(view_eq(buf_peek(&a), buf_peek(&b)));
		ck_assert_int_eq(rig.card->ops->read(rig.card, &cert, &part, &c), 0);
		ck_assert(view_eq(buf_peek(&c), view_part(buf_peek(&a), 250, 20)));
		ck_assert_int_eq(rig.card->ops->info(rig.card, &cert, &info), 0);
		ck_assert_uint_eq(info.size, a.len);
		ck_assert_int_eq(info.type, FILE_EF);
		ck_assert_int_eq(rig.card->ops->read(rig.card, &dir, &whole, &c), 0);
		ck_assert_int_eq(rig.card->app_selected, false);
		ck_assert_int_eq(rig.card->ops->info(rig.card, &(struct path){ PATH_APP, 2, { 0x4B, 0x01 } },
		    &info), 0);
		ck_assert_int_eq(info.type, FILE_KEY);
		ck_assert_uint_eq(info.size, 2048);
		ck_assert_int_eq(rig.card->ops->read(rig.card, &(struct path){ PATH_APP, 2, { 0x77, 0x77 } },
		    &whole, &c), E_NOT_FOUND);
		buf_reset(&a);
		buf_reset(&b);
		buf_reset(&c);
		rig_close(&rig);
	}
	buf_free(&a);
	buf_free(&b);
	buf_free(&c);
}
END_TEST

START_TEST(pins_are_counted_changed_unblocked_and_forgotten)
{
	EACH_VERSION(v) {
		struct pin_state s;
		struct rig rig;
		int tries;

		start(&rig, v);
		ck_assert_int_eq(rig.card->ops->pin_info(rig.card, &pin1, &s), 0);
		ck_assert_int_eq(s.tries, 3);
		ck_assert_int_eq(s.puk_tries, 10);
		ck_assert_int_eq(s.verified, 0);
		ck_assert_int_eq(card_pin_verify(rig.card, &pin1, view_str("1111"), &tries), E_PIN_WRONG);
		ck_assert_int_eq(tries, 2);
		/* a PIN the card cannot have costs no try */
		ck_assert_int_eq(card_pin_verify(rig.card, &pin1, view_str("1"), &tries), E_PIN_UNFIT);
		ck_assert_int_eq(tries, -1);
		ck_assert_int_eq(vc_tries(rig.vc, 1), 2);
		log_in(&rig);
		ck_assert_int_eq(rig.card->ops->pin_info(rig.card, &pin1, &s), 0);
		ck_assert_int_eq(s.tries, 3);
		ck_assert_int_eq(s.verified, 1);
		ck_assert_int_eq(rig.card->ops->pin_forget(rig.card, &pin1), 0);
		ck_assert_int_eq(rig.card->ops->pin_info(rig.card, &pin1, &s), 0);
		ck_assert_int_eq(s.verified, 0);
		ck_assert_int_eq(card_pin_change(rig.card, &pin1, view_str("1234"), view_str("123"), &tries),
		    E_PIN_LEN);
		ck_assert_int_eq(card_pin_change(rig.card, &pin1, view_str("1234"), view_str("56789"), &tries),
		    0);
		for (int left = 2; left > 0; left--) {
			ck_assert_int_eq(card_pin_verify(rig.card, &pin1, view_str("1234"), &tries), E_PIN_WRONG);
			ck_assert_int_eq(tries, left);
		}
		ck_assert_int_ne(card_pin_verify(rig.card, &pin1, view_str("1234"), &tries), 0);
		ck_assert_int_eq(card_pin_verify(rig.card, &pin1, view_str("56789"), &tries), E_PIN_BLOCKED);
		ck_assert_int_eq(card_pin_unblock(rig.card, &pin1, view_str("00000000"), view_str("1234"),
		    &tries), E_PIN_WRONG);
		ck_assert_int_eq(tries, 9);
		ck_assert_int_eq(card_pin_unblock(rig.card, &pin1, view_str("12345678"), view_str("1234"),
		    &tries), 0);
		log_in(&rig);
		rig_close(&rig);
	}
}
END_TEST

START_TEST(a_login_costs_two_commands_and_a_signature_two)
{
	const struct key_ref key = key_at(KEY_RSA, 2048, 1);
	struct buf info = BUF_INIT, sig = BUF_INIT;
	uint8_t hash[32] = { 0x5A };
	struct sign_in in;

	buf_put(&info, sha256_info, sizeof sha256_info);
	buf_put(&info, hash, sizeof hash);
	in = (struct sign_in){ IN_DIGEST_INFO, buf_peek(&info), HASH_NONE };
	EACH_VERSION(v) {
		struct rig rig;
		uint64_t before;

		start(&rig, v);
		ck_assert_int_eq(rig.card->ops->sign(rig.card, &key, ALG_RSA_PKCS1, &in, &sig), E_PIN_NEEDED);
		ck_assert_uint_eq(sig.len, 0);
		card_end(rig.card, IO_END_LEAVE);
		ck_assert_int_eq(card_begin(rig.card, 1000), 0);
		before = rig.card->apdus;
		log_in(&rig);
		ck_assert_uint_eq(rig.card->apdus - before, 2);
		card_end(rig.card, IO_END_LEAVE);
		ck_assert_int_eq(card_begin(rig.card, 1000), 0);
		before = rig.card->apdus;
		ck_assert_int_eq(rig.card->ops->sign(rig.card, &key, ALG_RSA_PKCS1, &in, &sig), 0);
		ck_assert_uint_eq(rig.card->apdus - before, 2);
		check_rsa("SHA256", view_of(hash, sizeof hash), &sig);
		buf_reset(&sig);
		rig_close(&rig);
	}
	buf_free(&info);
	buf_free(&sig);
}
END_TEST

START_TEST(a_raw_block_of_2048_bits_is_signed_with_and_without_chaining)
{
	const struct key_ref key = key_at(KEY_RSA, 2048, 1);
	struct buf block = BUF_INIT, sig = BUF_INIT, long_info = BUF_INIT;
	uint8_t hash[64] = { 0xC3 };
	struct sign_in in;

	buf_put(&block, "\x00\x01", 2);
	buf_fill(&block, 0xFF, 256 - 3 - sizeof sha512_info - sizeof hash);
	buf_u8(&block, 0);
	buf_put(&block, sha512_info, sizeof sha512_info);
	buf_put(&block, hash, sizeof hash);
	EACH_VERSION(v) {
		struct rig rig;

		start(&rig, v);
		log_in(&rig);
		in = (struct sign_in){ IN_BLOCK, buf_peek(&block), HASH_NONE };
		ck_assert_int_eq(rig.card->ops->sign(rig.card, &key, ALG_RSA_RAW, &in, &sig), 0);
		check_rsa("SHA512", view_of(hash, sizeof hash), &sig);
		buf_reset(&sig);
		/* what the card would refuse to pad (more than 40 %) is padded here: RSA with 120 bytes */
		buf_reset(&long_info);
		buf_fill(&long_info, 0x33, 120);
		in = (struct sign_in){ IN_DIGEST_INFO, buf_peek(&long_info), HASH_NONE };
		ck_assert_int_eq(rig.card->ops->sign(rig.card, &key, ALG_RSA_PKCS1, &in, &sig), 0);
		ck_assert_uint_eq(sig.len, 256);
		buf_reset(&sig);
		in = (struct sign_in){ IN_BLOCK, view_part(buf_peek(&block), 0, 255), HASH_NONE };
		ck_assert_int_eq(rig.card->ops->sign(rig.card, &key, ALG_RSA_RAW, &in, &sig), E_ARG);
		rig_close(&rig);
	}
	buf_free(&block);
	buf_free(&long_info);
	buf_free(&sig);
}
END_TEST

START_TEST(ecdsa_gives_r_and_s_of_the_fields_length)
{
	const struct key_ref p256 = key_at(KEY_EC, 256, 3), p384 = key_at(KEY_EC, 0, 2);
	struct buf sig = BUF_INIT;
	uint8_t hash[64];

	EACH_VERSION(v) {
		struct rig rig;

		if (!v->ec)
			continue;
		start(&rig, v);
		log_in(&rig);
		for (unsigned i = 0; i < 64; i++) {
			/* lengths shorter and longer than the field, and r or s with zeros in front now and then */
			size_t n = i % 3 == 0 ? 20 : i % 3 == 1 ? 32 : 64;
			struct sign_in in = { IN_DIGEST, { hash, n }, HASH_NONE };

			memset(hash, (int)i + 1, sizeof hash);
			ck_assert_int_eq(rig.card->ops->sign(rig.card, &p256, ALG_ECDSA, &in, &sig), 0);
			ck_assert_uint_eq(sig.len, 64);
			check_ecdsa("p256", view_of(hash, n), &sig);
			buf_reset(&sig);
			/* bits unknown: the key file says */
			ck_assert_int_eq(rig.card->ops->sign(rig.card, &p384, ALG_ECDSA, &in, &sig), 0);
			ck_assert_uint_eq(sig.len, 96);
			check_ecdsa("p384", view_of(hash, n), &sig);
			buf_reset(&sig);
		}
		rig_close(&rig);
	}
	buf_free(&sig);
}
END_TEST

START_TEST(decipher_gives_message_or_block)
{
	const struct key_ref key = key_at(KEY_RSA, 2048, 1);
	EVP_PKEY *pkey = test_key("rsa2048");
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(pkey, NULL);
	struct buf out = BUF_INIT;
	uint8_t c[256];
	size_t n = sizeof c;

	ck_assert_int_eq(EVP_PKEY_encrypt_init(ctx), 1);
	ck_assert_int_eq(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING), 1);
	ck_assert_int_eq(EVP_PKEY_encrypt(ctx, c, &n, (const uint8_t *)"hello", 5), 1);
	EACH_VERSION(v) {
		struct rig rig;

		start(&rig, v);
		ck_assert_int_eq(rig.card->ops->decipher(rig.card, &key, ALG_RSA_PKCS1, HASH_NONE, view_of(c, n), &out),
		    E_PIN_NEEDED);
		log_in(&rig);
		ck_assert_int_eq(rig.card->ops->decipher(rig.card, &key, ALG_RSA_PKCS1, HASH_NONE, view_of(c, n), &out),
		    0);
		ck_assert(view_eq(buf_peek(&out), view_str("hello")));
		ck_assert(out.secret);
		buf_reset(&out);
		ck_assert_int_eq(rig.card->ops->decipher(rig.card, &key, ALG_RSA_RAW, HASH_NONE, view_of(c, n), &out), 0);
		ck_assert_uint_eq(out.len, 256);
		ck_assert_int_eq(memcmp(out.p, "\x00\x02", 2), 0);
		ck_assert_int_eq(memcmp(out.p + 250, "\0hello", 6), 0);
		buf_reset(&out);
		ck_assert_int_eq(rig.card->ops->decipher(rig.card, &key, ALG_RSA_PKCS1, HASH_NONE, view_of(c, 255), &out),
		    E_DATA);
		rig_close(&rig);
	}
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(pkey);
	buf_free(&out);
}
END_TEST

START_TEST(derive_agrees_with_openssl)
{
	const struct key_ref key = key_at(KEY_EC, 384, 2);
	EVP_PKEY *ours = EVP_EC_gen("P-384"), *card_key = test_key("p384");
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(ours, NULL);
	uint8_t point[97], want[48];
	size_t n = 0, want_n = sizeof want;
	struct buf out = BUF_INIT;

	ck_assert_int_eq(EVP_PKEY_set_utf8_string_param(ours, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT,
	    "uncompressed"), 1);
	ck_assert_int_eq(EVP_PKEY_get_octet_string_param(ours, OSSL_PKEY_PARAM_PUB_KEY, point,
	    sizeof point, &n), 1);
	ck_assert_int_eq(EVP_PKEY_derive_init(ctx), 1);
	ck_assert_int_eq(EVP_PKEY_derive_set_peer(ctx, card_key), 1);
	ck_assert_int_eq(EVP_PKEY_derive(ctx, want, &want_n), 1);
	EACH_VERSION(v) {
		struct rig rig;

		if (!v->ec)
			continue;
		start(&rig, v);
		log_in(&rig);
		ck_assert_int_eq(rig.card->ops->derive(rig.card, &key, view_of(point, n), &out), 0);
		ck_assert(view_eq(buf_peek(&out), view_of(want, want_n)));
		buf_reset(&out);
		rig_close(&rig);
	}
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(ours);
	EVP_PKEY_free(card_key);
	buf_free(&out);
}
END_TEST

START_TEST(any_number_of_random_bytes_is_given)
{
	static const size_t sizes[] = { 0, 1, 8, 255, 256, 257, 1000 };
	struct buf out = BUF_INIT;

	EACH_VERSION(v) {
		struct rig rig;

		start(&rig, v);
		for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
			ck_assert_int_eq(rig.card->ops->challenge(rig.card, sizes[i], &out), 0);
			ck_assert_uint_eq(out.len, sizes[i]);
			buf_reset(&out);
		}
		rig_close(&rig);
	}
	buf_free(&out);
}
END_TEST

/* What another program does between two of our transactions. */
static void
neighbour(struct vc *vc, const char *hex)
{
	uint8_t out[300];
	struct buf cmd = BUF_INIT;
	size_t n;

	ck_assert_int_eq(hex_parse(hex, strlen(hex), &cmd), 0);
	n = vc_apdu(vc, cmd.p, cmd.len, out, sizeof out);
	ck_assert_uint_ge(n, 2);
	ck_assert_uint_eq(out[n - 2], 0x90);
	buf_free(&cmd);
}

START_TEST(a_neighbour_that_moved_costs_one_more_selection)
{
	const struct key_ref key = key_at(KEY_RSA, 2048, 1);
	const struct range whole = { true, 0, 0, 0 };
	const struct path odf = app_path(0x50, 0x31);
	struct buf info = BUF_INIT, sig = BUF_INIT;
	struct sign_in in;

	buf_put(&info, sha256_info, sizeof sha256_info);
	buf_fill(&info, 7, 32);
	in = (struct sign_in){ IN_DIGEST_INFO, buf_peek(&info), HASH_NONE };
	EACH_VERSION(v) {
		struct rig rig;
		uint64_t before;

		start(&rig, v);
		log_in(&rig);
		card_end(rig.card, IO_END_LEAVE);
		neighbour(rig.vc, "00A40000023F0000");
		ck_assert_int_eq(card_begin(rig.card, 1000), 0);
		before = rig.card->apdus;
		ck_assert_int_eq(rig.card->ops->sign(rig.card, &key, ALG_RSA_PKCS1, &in, &sig), 0);
		ck_assert_uint_le(rig.card->apdus - before, 5);
		check_rsa("SHA256", view_part(buf_peek(&info), sizeof sha256_info, 32), &sig);
		buf_reset(&sig);
		card_end(rig.card, IO_END_LEAVE);
		neighbour(rig.vc, "00A40000023F0000");
		ck_assert_int_eq(card_begin(rig.card, 1000), 0);
		ck_assert_int_eq(rig.card->ops->read(rig.card, &odf, &whole, &sig), 0);
		buf_reset(&sig);
		rig_close(&rig);
	}
	buf_free(&info);
	buf_free(&sig);
}
END_TEST

START_TEST(a_reset_by_others_is_seen_and_survived)
{
	const struct key_ref key = key_at(KEY_RSA, 2048, 1);
	struct buf info = BUF_INIT, sig = BUF_INIT;
	struct sign_in in;

	buf_put(&info, sha256_info, sizeof sha256_info);
	buf_fill(&info, 7, 32);
	in = (struct sign_in){ IN_DIGEST_INFO, buf_peek(&info), HASH_NONE };
	EACH_VERSION(v) {
		struct rig rig;

		start(&rig, v);
		log_in(&rig);
		card_end(rig.card, IO_END_LEAVE);
		vc_reset(rig.vc);
		ck_assert_int_eq(card_begin(rig.card, 1000), 0);
		ck_assert(rig.card->was_reset);
		ck_assert_int_eq(rig.card->ops->sign(rig.card, &key, ALG_RSA_PKCS1, &in, &sig), E_PIN_NEEDED);
		/* in the middle of a transaction, too */
		vc_reset(rig.vc);
		ck_assert_int_eq(rig.card->ops->sign(rig.card, &key, ALG_RSA_PKCS1, &in, &sig), E_RESET);
		card_end(rig.card, IO_END_LEAVE);
		ck_assert_int_eq(card_begin(rig.card, 1000), 0);
		log_in(&rig);
		ck_assert_int_eq(rig.card->ops->sign(rig.card, &key, ALG_RSA_PKCS1, &in, &sig), 0);
		buf_reset(&sig);
		card_end(rig.card, IO_END_LEAVE);
		/* out and in again: another card for all we know */
		vc_remove(rig.vc);
		vc_insert(rig.vc);
		ck_assert_int_eq(card_begin(rig.card, 1000), E_GONE);
		rig_close(&rig);
	}
	buf_free(&info);
	buf_free(&sig);
}
END_TEST

/* DESIGN 18.2: a card without a command to forget is reset; nobody may believe in its PINs then. */
START_TEST(a_reset_of_our_own_leaves_nothing_open)
{
	const char *const images[] = { "myeid-citizen.yaml", "p15-noforget.yaml" };
	const struct pin_ref pin2 = { .ref = 2, .coding = PIN_ASCII, .min = 6, .max = 8, .stored = 8,
		.pad = 0xFF, .pads = true, .unblock_ref = -1 };
	const struct range whole = { true, 0, 0, 0 };
	const struct path odf = app_path(0x50, 0x31);
	struct buf out = BUF_INIT;
	struct pin_state state;
	struct rig rig;
	uint64_t apdus;
	int tries;

	for (size_t i = 0; i < sizeof images / sizeof images[0]; i++) {
		rig_open(&rig, virtual_card(images[i], NULL, NULL));
		rig_card(&rig);
		ck_assert_str_eq(rig.card->ops->name, i ? "generic" : "myeid");
		ck_assert_int_eq(card_begin(rig.card, 1000), 0);
		ck_assert_int_eq(card_pin_verify(rig.card, &pin2, view_str("123456"), &tries), 0);
		ck_assert_int_eq(rig.card->ops->pin_info(rig.card, &pin2, &state), 0);
		ck_assert_int_eq(state.verified, 1);
		ck_assert_int_eq(card_end(rig.card, IO_END_RESET), 0);
		ck_assert_int_eq(vc_pin_is_open(rig.vc, 2), 0);
		ck_assert(!rig.card->app_selected);
		rig.card->was_reset = false;
		apdus = rig.card->apdus;
		ck_assert_int_eq(card_begin(rig.card, 1000), 0);
		ck_assert(rig.card->was_reset);
		ck_assert(rig.card->app_selected);
		ck_assert(!rig.card->changed);
		ck_assert_uint_gt(rig.card->apdus, apdus);
		ck_assert_int_eq(rig.card->ops->read(rig.card, &odf, &whole, &out), 0);
		ck_assert_uint_eq(out.len, 255);
		ck_assert_int_eq(rig.card->ops->pin_info(rig.card, &pin2, &state), 0);
		ck_assert_int_eq(state.verified, 0);
		ck_assert_int_eq(card_pin_verify(rig.card, &pin2, view_str("123456"), &tries), 0);
		ck_assert_int_eq(card_end(rig.card, IO_END_LEAVE), 0);
		/* once only */
		rig.card->was_reset = false;
		apdus = rig.card->apdus;
		ck_assert_int_eq(card_begin(rig.card, 1000), 0);
		ck_assert(!rig.card->was_reset);
		ck_assert_uint_eq(rig.card->apdus, apdus);
		ck_assert_int_eq(vc_pin_is_open(rig.vc, 2), 1);
		/* another card put in while ours was being reset is not taken for it */
		ck_assert_int_eq(card_end(rig.card, IO_END_RESET), 0);
		vc_remove(rig.vc);
		vc_insert(rig.vc);
		ck_assert_int_eq(card_begin(rig.card, 1000), E_GONE);
		buf_reset(&out);
		rig_close(&rig);
	}
	buf_free(&out);
}
END_TEST

START_TEST(a_key_with_consent_asks_for_its_pin_each_time)
{
	const struct key_ref key = key_at(KEY_EC, 256, 3);
	struct buf sig = BUF_INIT;
	uint8_t hash[32] = { 1 };
	const struct sign_in in = { IN_DIGEST, { hash, sizeof hash }, HASH_NONE };
	struct rig rig;

	rig_open(&rig, virtual_card("myeid.yaml", "50154B03, type: ec, acl: 1111FF, prop: 0000",
	    "50154B03, type: ec, acl: 1111FF, prop: 1000"));
	rig_card(&rig);
	ck_assert_int_eq(card_begin(rig.card, 1000), 0);
	log_in(&rig);
	ck_assert_int_eq(rig.card->ops->sign(rig.card, &key, ALG_ECDSA, &in, &sig), 0);
	buf_reset(&sig);
	ck_assert_int_eq(rig.card->ops->sign(rig.card, &key, ALG_ECDSA, &in, &sig), E_PIN_NEEDED);
	log_in(&rig);
	ck_assert_int_eq(rig.card->ops->sign(rig.card, &key, ALG_ECDSA, &in, &sig), 0);
	rig_close(&rig);
	buf_free(&sig);
}
END_TEST

/* The card tells of a key on it what it told when the key was made. */
static void
numbers_are(struct rig *rig, const struct key_ref *key, const struct key_parts *want)
{
	struct key_parts got = { 0 };

	ck_assert_int_eq(rig->card->ops->public_key(rig->card, key, &got), 0);
	ck_assert(view_eq(buf_peek(&got.n), buf_peek(&want->n)));
	ck_assert(view_eq(buf_peek(&got.e), buf_peek(&want->e)));
	ck_assert(view_eq(buf_peek(&got.point), buf_peek(&want->point)));
	key_parts_free(&got);
}

static void
sign_with_new_key(struct rig *rig, const struct key_ref *key, const struct key_parts *pub)
{
	struct buf sig = BUF_INIT, block = BUF_INIT;
	BIGNUM *n, *e, *s, *m;
	BN_CTX *bn = BN_CTX_new();
	struct sign_in in;

	buf_put(&block, "\x00\x01", 2);
	buf_fill(&block, 0xFF, key->bits / 8 - 3 - 5);
	buf_put(&block, "\0hello", 6);
	in = (struct sign_in){ IN_BLOCK, buf_peek(&block), HASH_NONE };
	ck_assert_int_eq(rig->card->ops->sign(rig->card, key, ALG_RSA_RAW, &in, &sig), 0);
	n = BN_bin2bn(pub->n.p, (int)pub->n.len, NULL);
	e = BN_bin2bn(pub->e.p, (int)pub->e.len, NULL);
	s = BN_bin2bn(sig.p, (int)sig.len, NULL);
	m = BN_new();
	ck_assert_int_eq(BN_mod_exp(m, s, e, n, bn), 1);
	ck_assert_int_eq(BN_bn2binpad(m, sig.p, (int)sig.len), (int)sig.len);
	ck_assert(view_eq(buf_peek(&sig), buf_peek(&block)));
	BN_free(n);
	BN_free(e);
	BN_free(s);
	BN_free(m);
	BN_CTX_free(bn);
	buf_free(&sig);
	buf_free(&block);
}

START_TEST(files_and_keys_are_made_and_removed)
{
	static const unsigned rsa_bits[] = { 1024, 2048, 3072 };
	const struct range whole = { true, 0, 0, 0 };
	const struct path app = { PATH_APP, 0, { 0 } };

	EACH_VERSION(v) {
		struct new_file f = { .type = NEW_EF, .size = 600, .public_read = true };
		struct buf data = BUF_INIT, back = BUF_INIT;
		uint64_t mark, mark2;
		struct rig rig;
		uint16_t fid;

		start(&rig, v);
		log_in(&rig);
		ck_assert_int_eq(rig.card->ops->change_mark(rig.card, &mark), 0);
		ck_assert_int_eq(rig.card->ops->free_fid(rig.card, &app, 0x4301, 0x43FF, &fid), 0);
		f.path = app_path((uint8_t)(fid >> 8), (uint8_t)fid);
		ck_assert_int_eq(rig.card->ops->create(rig.card, &f), 0);
		ck_assert(rig.card->changed);
		ck_assert_int_eq(rig.card->ops->create(rig.card, &f), E_EXISTS);
		buf_fill(&data, 0xA7, 600);
		ck_assert_int_eq(rig.card->ops->write(rig.card, &f.path, 0, buf_peek(&data)), 0);
		ck_assert_int_eq(rig.card->ops->read(rig.card, &f.path, &whole, &back), 0);
		ck_assert(view_eq(buf_peek(&data), buf_peek(&back)));
		ck_assert_int_eq(rig.card->ops->change_mark(rig.card, &mark2), 0);
		ck_assert_uint_ne(mark, mark2);
		ck_assert_int_eq(rig.card->ops->erase(rig.card, &f.path), 0);
		buf_reset(&back);
		ck_assert_int_eq(rig.card->ops->read(rig.card, &f.path, &whole, &back), E_NOT_FOUND);
		ck_assert_int_eq(rig.card->ops->erase(rig.card, &app), E_ARG);
		for (size_t i = 0; i < sizeof rsa_bits / sizeof rsa_bits[0]; i++) {
			struct key_ref key = key_at(KEY_RSA, rsa_bits[i], 0x20);
			struct new_file nk = { .path = key.path, .type = NEW_KEY, .size = key.bits,
				.kind = KEY_RSA };
			struct key_parts pub = { 0 };

			if (rsa_bits[i] > rig.card->caps.rsa_max)
				continue;
			ck_assert_int_eq(rig.card->ops->create(rig.card, &nk), 0);
			ck_assert_int_eq(rig.card->ops->genkey(rig.card, &key, &pub), 0);
			ck_assert_uint_eq(pub.n.len, key.bits / 8);
			numbers_are(&rig, &key, &pub);
			sign_with_new_key(&rig, &key, &pub);
			ck_assert_int_eq(rig.card->ops->erase(rig.card, &key.path), 0);
			key_parts_free(&pub);
		}
		buf_free(&data);
		buf_free(&back);
		rig_close(&rig);
	}
}
END_TEST

static void
part(EVP_PKEY *key, const char *name, struct buf *out)
{
	BIGNUM *n = NULL;
	uint8_t *p;

	ck_assert_int_eq(EVP_PKEY_get_bn_param(key, name, &n), 1);
	ck_assert_ptr_nonnull(p = buf_room(out, (size_t)BN_num_bytes(n)));
	BN_bn2bin(n, p);
	BN_free(n);
}

START_TEST(keys_are_brought_in)
{
	static const unsigned sizes[] = { 1024, 2048, 3072 };

	EACH_VERSION(v) {
		struct rig rig;

		start(&rig, v);
		log_in(&rig);
		for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
			struct key_ref key = key_at(KEY_RSA, sizes[i], 0x30);
			struct new_file nk = { .path = key.path, .type = NEW_KEY, .size = key.bits,
				.kind = KEY_RSA };
			struct key_parts k = { 0 };
			EVP_PKEY *pkey;

			if (sizes[i] > rig.card->caps.rsa_max)
				continue;
			ck_assert_ptr_nonnull(pkey = EVP_RSA_gen(sizes[i]));
			part(pkey, OSSL_PKEY_PARAM_RSA_N, &k.n);
			part(pkey, OSSL_PKEY_PARAM_RSA_E, &k.e);
			part(pkey, OSSL_PKEY_PARAM_RSA_FACTOR1, &k.p);
			part(pkey, OSSL_PKEY_PARAM_RSA_FACTOR2, &k.q);
			part(pkey, OSSL_PKEY_PARAM_RSA_EXPONENT1, &k.dp);
			part(pkey, OSSL_PKEY_PARAM_RSA_EXPONENT2, &k.dq);
			part(pkey, OSSL_PKEY_PARAM_RSA_COEFFICIENT1, &k.qi);
			EVP_PKEY_free(pkey);
			ck_assert_int_eq(rig.card->ops->create(rig.card, &nk), 0);
			ck_assert_int_eq(rig.card->ops->import(rig.card, &key, &k), 0);
			sign_with_new_key(&rig, &key, &k);
			ck_assert_int_eq(rig.card->ops->erase(rig.card, &key.path), 0);
			key_parts_free(&k);
		}
		rig_close(&rig);
	}
}
END_TEST

START_TEST(ec_keys_are_made_and_brought_in)
{
	static const struct { unsigned bits; const char *curve; } curves[] = {
		{ 256, "P-256" }, { 384, "P-384" }, { 521, "P-521" },
	};
	uint8_t hash[64] = { 9 };
	const struct sign_in in = { IN_DIGEST, { hash, sizeof hash }, HASH_NONE };
	struct rig rig;

	start(&rig, &versions[2]);
	log_in(&rig);
	for (size_t i = 0; i < sizeof curves / sizeof curves[0]; i++) {
		struct key_ref key = key_at(KEY_EC, curves[i].bits, 0x40);
		struct new_file nk = { .path = key.path, .type = NEW_KEY, .size = key.bits, .kind = KEY_EC };
		size_t field = (curves[i].bits + 7) / 8, n = 0;
		struct key_parts pub = { 0 }, k = { 0 };
		struct buf sig = BUF_INIT;
		EVP_PKEY *pkey = EVP_EC_gen(curves[i].curve);
		uint8_t point[140];

		ck_assert_int_eq(rig.card->ops->create(rig.card, &nk), 0);
		ck_assert_int_eq(rig.card->ops->genkey(rig.card, &key, &pub), 0);
		numbers_are(&rig, &key, &pub);
		ck_assert_uint_eq(pub.point.len, 2 * field + 1);
		ck_assert_int_eq(rig.card->ops->sign(rig.card, &key, ALG_ECDSA, &in, &sig), 0);
		ck_assert_uint_eq(sig.len, 2 * field);
		ck_assert_int_eq(rig.card->ops->erase(rig.card, &key.path), 0);
		ck_assert_int_eq(rig.card->ops->create(rig.card, &nk), 0);
		part(pkey, OSSL_PKEY_PARAM_PRIV_KEY, &k.scalar);
		ck_assert_int_eq(EVP_PKEY_get_octet_string_param(pkey, OSSL_PKEY_PARAM_PUB_KEY, point,
		    sizeof point, &n), 1);
		buf_put(&k.point, point, n);
		ck_assert_int_eq(rig.card->ops->import(rig.card, &key, &k), 0);
		buf_reset(&sig);
		ck_assert_int_eq(rig.card->ops->sign(rig.card, &key, ALG_ECDSA, &in, &sig), 0);
		ck_assert_int_eq(rig.card->ops->erase(rig.card, &key.path), 0);
		EVP_PKEY_free(pkey);
		key_parts_free(&pub);
		key_parts_free(&k);
		buf_free(&sig);
	}
	rig_close(&rig);
}
END_TEST

START_TEST(an_unknown_card_is_unknown_and_costs_little)
{
	struct rig rig;

	rig_open(&rig, virtual_card("unknown.yaml", NULL, NULL));
	ck_assert_int_eq(card_open(rig.io, IO_MEM_READER, &rig.set, false, &rig.card), E_UNKNOWN);
	ck_assert_ptr_null(rig.card);
	ck_assert_int_eq(card_open(rig.io, IO_MEM_READER, &rig.set, true, &rig.card), E_UNKNOWN);
	ck_assert_uint_le(vc_counts(rig.vc).apdus, 4);
	rig_close(&rig);
}
END_TEST

START_TEST(a_card_of_no_profile_is_read_by_the_generic_driver)
{
	const struct path cert = app_path(0x43, 0x01);
	const struct range whole = { true, 0, 0, 0 };
	struct buf out = BUF_INIT;
	struct pin_state s;
	struct rig rig;
	int tries;

	rig_open(&rig, virtual_card("myeid.yaml", "atr: 3BF51800008131FE454D794549449A",
	    "atr: 3BF51800008131FE4558585858589A"));
	rig_card(&rig);
	ck_assert_str_eq(rig.card->pf->name, "generic-p15");
	ck_assert_int_eq(card_begin(rig.card, 1000), 0);
	ck_assert_int_eq(rig.card->ops->read(rig.card, &cert, &whole, &out), 0);
	ck_assert_uint_gt(out.len, 600);
	ck_assert_int_eq(rig.card->ops->pin_info(rig.card, &pin1, &s), 0);
	ck_assert_int_eq(s.tries, 3);
	ck_assert_int_eq(card_pin_verify(rig.card, &pin1, view_str("1234"), &tries), 0);
	ck_assert_ptr_null(rig.card->ops->sign);
	rig_close(&rig);
	buf_free(&out);
}
END_TEST

UNIT_MAIN("myeid_card", opening_reads_serial_version_and_limits, files_are_read_whole_and_in_part,
    pins_are_counted_changed_unblocked_and_forgotten, a_login_costs_two_commands_and_a_signature_two,
    a_raw_block_of_2048_bits_is_signed_with_and_without_chaining,
    ecdsa_gives_r_and_s_of_the_fields_length, decipher_gives_message_or_block,
    derive_agrees_with_openssl, any_number_of_random_bytes_is_given,
    a_neighbour_that_moved_costs_one_more_selection, a_reset_by_others_is_seen_and_survived,
    a_reset_of_our_own_leaves_nothing_open, a_key_with_consent_asks_for_its_pin_each_time, files_and_keys_are_made_and_removed,
    keys_are_brought_in, ec_keys_are_made_and_brought_in, an_unknown_card_is_unknown_and_costs_little,
    a_card_of_no_profile_is_read_by_the_generic_driver)

/* A card that is told the hash first and loses it when it refuses the length of the answer (fineid 5, "PSO"): the twin
 * signs something else then, which the certificate shows. */
#include <openssl/ecdsa.h>
#include <openssl/pem.h>

#include "cardos/card.h"
#include "t/unit/cards.h"

static EVP_PKEY *
key_of(const char *name)
{
	char path[512];
	FILE *f;
	X509 *cert;
	EVP_PKEY *key;

	snprintf(path, sizeof path, "%s/t/cards/pki/%s.cert.pem", getenv("top_srcdir") ? getenv("top_srcdir") : ".", name);
	ck_assert_ptr_nonnull(f = fopen(path, "r"));
	ck_assert_ptr_nonnull(cert = PEM_read_X509(f, NULL, NULL, NULL));
	ck_assert_ptr_nonnull(key = X509_get_pubkey(cert));
	X509_free(cert);
	fclose(f);
	return key;
}

/* Of r and s, each half of it. */
static bool
verifies(EVP_PKEY *key, struct view hash, struct view sig)
{
	ECDSA_SIG *rs = ECDSA_SIG_new();
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
	unsigned char *der = NULL;
	int n, half = (int)(sig.len / 2);
	bool good;

	ck_assert(rs && ctx);
	ck_assert_int_eq(ECDSA_SIG_set0(rs, BN_bin2bn(sig.p, half, NULL), BN_bin2bn(sig.p + half, half, NULL)), 1);
	ck_assert_int_gt(n = i2d_ECDSA_SIG(rs, &der), 0);
	good = EVP_PKEY_verify_init(ctx) == 1 && EVP_PKEY_verify(ctx, der, (size_t)n, hash.p, hash.len) == 1;
	OPENSSL_free(der);
	ECDSA_SIG_free(rs);
	EVP_PKEY_CTX_free(ctx);
	return good;
}

START_TEST(a_hash_that_the_card_lost_goes_in_again)
{
	const struct key_ref key = { .kind = KEY_EC, .bits = 384, .path.from = PATH_APP, .ref = 1, .ref_valid = true };
	EVP_PKEY *pub = key_of("fineid-v4-auth");
	struct buf hash = BUF_INIT, sig = BUF_INIT;
	struct sign_in in;
	struct rig rig;
	uint64_t before;
	int tries;

	buf_fill(&hash, 0xA7, 48);
	in = (struct sign_in){ IN_DIGEST, buf_peek(&hash), HASH_SHA384 };
	rig_open(&rig, virtual_card("fineid-v4.yaml", NULL, NULL)); /* T=0 */
	/* one profile asks for as much as there is, and is refused: 6C60 */
	for (size_t i = 0; i < rig.set.n; i++)
		rig.set.p[i]->env.use[USE_SIGN].exact_le = _i == 0;
	rig_card(&rig);
	ck_assert_str_eq(rig.card->pf->name, "fineid-4");
	ck_assert_int_eq(card_begin(rig.card, -1), 0);
	ck_assert_int_eq(card_pin_verify(rig.card, &rig.card->pf->pin[0], view_str("1234"), &tries), 0);
	before = rig.card->apdus;
	ck_assert_int_eq(rig.card->ops->sign(rig.card, &key, ALG_ECDSA, &in, &sig), 0);
	/* MSE, hash, signature; hash and signature once more */
	ck_assert_uint_eq(rig.card->apdus - before, _i == 0 ? 3 : 5);
	ck_assert_uint_eq(sig.len, 96);
	ck_assert(verifies(pub, buf_peek(&hash), buf_peek(&sig)));
	card_end(rig.card, IO_END_LEAVE);
	rig_close(&rig);
	buf_free(&hash);
	buf_free(&sig);
	EVP_PKEY_free(pub);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("hash_first");
	TCase *tc = tcase_create("hash_first");

	tcase_add_loop_test(tc, a_hash_that_the_card_lost_goes_in_again, 0, 2);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}

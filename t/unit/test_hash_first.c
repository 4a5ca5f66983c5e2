/* A card that is told the hash first and loses it when it refuses the length of the answer (fineid 5, "PSO"): the twin
 * signs something else then, which the certificate shows. */
#include "cardos/card.h"
#include "t/unit/cards.h"
#include "t/vcard/vct.h"

START_TEST(a_hash_that_the_card_lost_goes_in_again)
{
	const struct key_ref key = { .kind = KEY_EC, .bits = 384, .path.from = PATH_APP, .ref = 1, .ref_valid = true };
	X509 *cert = vct_cert("fineid-v4-auth");
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
	ck_assert(vct_verifies_rs(X509_get0_pubkey(cert), sig.p, sig.len, hash.p, hash.len));
	card_end(rig.card, IO_END_LEAVE);
	rig_close(&rig);
	buf_free(&hash);
	buf_free(&sig);
	X509_free(cert);
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

/* Keys that want their PIN at each use, on myeid-citizen.yaml: 46 RSA-2048 and 47 P-384, of PIN2,
 * in the second slot. */
#include <openssl/rsa.h>
#include <string.h>

#include "bridges/kit/cms.h"
#include "t/kit/card.h"
#include "t/unit/unit.h"

static const CK_BYTE ids[] = { 0x46, 0x47 };

struct person {
	const char *pin;   /* given each time; NULL: cancels */
	unsigned asked;
};

static CK_RV
give_pin(struct kit_key *k)
{
	struct person *p = k->arg;

	p->asked++;
	if (!p->pin)
		return CKR_FUNCTION_CANCELED;
	return k->f->C_Login(k->session, CKU_CONTEXT_SPECIFIC, (CK_BYTE *)p->pin, strlen(p->pin));
}

static enum kit_cms
sign_text(struct card *c, struct card_key *k)
{
	BIO *in = BIO_new_mem_buf("text", 4), *out = BIO_new(BIO_s_mem());
	enum kit_cms r = kit_cms_sign(c->lib.ctx, k->key, k->cert, NULL, in, out, 0);
	X509_STORE *s = X509_STORE_new();
	struct kit_cms_verdict v;

	/* what is signed is good, though there is no root here */
	if (!r) {
		ck_assert_int_eq(kit_cms_verify(c->lib.ctx, out, NULL, NULL, s, NULL, &v), KIT_CMS_UNTRUSTED);
		kit_cms_verdict_free(&v);
	} else
		ck_assert_int_eq((int)BIO_pending(out), 0);
	X509_STORE_free(s);
	BIO_free(in);
	BIO_free(out);
	return r;
}

START_TEST(the_pin_is_asked_for_once_for_each_signature)
{
	struct card c;
	struct card_key k;
	struct person p = { "123456", 0 };

	card_open(&c, 1, "123456");
	for (size_t i = 0; i < sizeof ids; i++) {
		card_key_open(&c, ids[i], &k);
		k.kit.ready = give_pin;
		k.kit.arg = &p;
		for (unsigned n = 1; n <= 3; n++) {
			ck_assert_int_eq(sign_text(&c, &k), KIT_CMS_GOOD);
			ck_assert_uint_eq(p.asked, 3 * i + n);
		}
		card_key_close(&k);
	}
	card_close(&c);
}
END_TEST

START_TEST(a_wrong_pin_is_told_and_the_next_try_works)
{
	struct card c;
	struct card_key k;
	struct person p = { "654321", 0 };

	card_open(&c, 1, "123456");
	for (size_t i = 0; i < sizeof ids; i++) {
		card_key_open(&c, ids[i], &k);
		k.kit.ready = give_pin;
		k.kit.arg = &p;
		p.pin = "654321";
		ck_assert_int_eq(sign_text(&c, &k), KIT_CMS_CARD);
		ck_assert_uint_eq(k.kit.rv, CKR_PIN_INCORRECT);
		/* no operation was left open */
		p.pin = "123456";
		ck_assert_int_eq(sign_text(&c, &k), KIT_CMS_GOOD);
		ck_assert_uint_eq(k.kit.rv, CKR_OK);
		card_key_close(&k);
	}
	card_close(&c);
}
END_TEST

START_TEST(who_cancels_signs_nothing)
{
	struct card c;
	struct card_key k;
	struct person p = { NULL, 0 };

	card_open(&c, 1, "123456");
	for (size_t i = 0; i < sizeof ids; i++) {
		card_key_open(&c, ids[i], &k);
		k.kit.ready = give_pin;
		k.kit.arg = &p;
		for (int n = 0; n < 3; n++) {
			ck_assert_int_eq(sign_text(&c, &k), KIT_CMS_CARD);
			ck_assert_uint_eq(k.kit.rv, CKR_FUNCTION_CANCELED);
		}
		card_key_close(&k);
	}
	ck_assert_uint_eq(p.asked, 6);
	card_close(&c);
}
END_TEST

static CK_RV
take_out(struct kit_key *k)
{
	(void)k;
	card_hook("CASTOR_TEST_REMOVE");
	return CKR_OK;
}

START_TEST(a_card_taken_out_at_the_prompt_is_told)
{
	struct card c;
	struct card_key k;

	card_open(&c, 1, "123456");
	card_key_open(&c, ids[0], &k);
	k.kit.ready = take_out;
	ck_assert_int_eq(sign_text(&c, &k), KIT_CMS_CARD);
	card_hook("CASTOR_TEST_INSERT");
	ck_assert_msg(k.kit.rv == CKR_DEVICE_REMOVED || k.kit.rv == CKR_SESSION_HANDLE_INVALID, "0x%lx", k.kit.rv);
	card_key_close(&k);
	card_close(&c);
}
END_TEST

START_TEST(a_key_for_signatures_does_not_decrypt)
{
	struct card c;
	struct card_key k;
	EVP_PKEY_CTX *p;
	unsigned char in[256] = { 1 }, out[256];
	size_t n = sizeof out;

	card_open(&c, 1, "123456");
	card_key_open(&c, ids[0], &k);
	p = EVP_PKEY_CTX_new_from_pkey(c.lib.ctx, k.key, NULL);
	ck_assert_int_eq(EVP_PKEY_decrypt_init(p), 1);
	ck_assert_int_ne(EVP_PKEY_decrypt(p, out, &n, in, sizeof in), 1);
	ck_assert_uint_eq(k.kit.rv, CKR_KEY_FUNCTION_NOT_PERMITTED);
	EVP_PKEY_CTX_free(p);
	card_key_close(&k);
	card_close(&c);
}
END_TEST

UNIT_MAIN("pin2", the_pin_is_asked_for_once_for_each_signature, a_wrong_pin_is_told_and_the_next_try_works,
    who_cancels_signs_nothing, a_card_taken_out_at_the_prompt_is_told, a_key_for_signatures_does_not_decrypt)

/* The same keys on a module of somebody else's, SoftHSM, which has P-521 and demands other forms:
 * 51 is P-521, 52 RSA-2048; their certificates are in the current folder. */
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

#include "bridges/kit/cms.h"
#include "t/kit/card.h"
#include "t/unit/unit.h"

static const struct { CK_BYTE id; const char *cert, *digest; } keys[] = {
	{ 0x51, "p521.pem", "sha512" }, { 0x52, "rsa.pem", "sha256" },
};

static void
open_key(struct card *c, size_t i, struct card_key *k)
{
	BIO *b = BIO_new_file(keys[i].cert, "r");
	X509 *x = X509_new_ex(c->lib.ctx, NULL);
	CK_BBOOL yes = CK_TRUE;
	CK_ATTRIBUTE derive = { CKA_DERIVE, &yes, sizeof yes };

	ck_assert_ptr_nonnull(PEM_read_bio_X509(b, &x, NULL, NULL));
	BIO_free(b);
	card_key_open(c, keys[i].id, k);
	if (EVP_PKEY_is_a(k->key, "EC")) {
		/* its importer leaves this out, and a key is asked when it is made */
		ck_assert_uint_eq(c->module->C_SetAttributeValue(c->h, k->kit.key, &derive, 1), CKR_OK);
		card_key_close(k);
		card_key_open(c, keys[i].id, k);
	}
	/* SoftHSM has no certificate of it */
	ck_assert_ptr_null(k->cert);
	k->cert = x;
}

START_TEST(openssl_verifies_what_it_signs)
{
	struct card c;
	struct card_key k;
	char command[512];

	card_open(&c, 0, "1234");
	for (size_t i = 0; i < 2; i++) {
		BIO *in = BIO_new_mem_buf("text", 4), *out = BIO_new_file("signed", "wb");
		enum kit_cms r;

		open_key(&c, i, &k);
		r = kit_cms_sign(c.lib.ctx, k.key, k.cert, NULL, in, out, 0);
		ck_assert_msg(r == KIT_CMS_GOOD, "%s: %d, rv 0x%lx", keys[i].cert, (int)r, k.kit.rv);
		BIO_free(in);
		BIO_free(out);
		snprintf(command, sizeof command, "openssl cms -verify -cades -binary -inform DER -in signed -CAfile %s "
		    "-purpose any -out back 2>err && test \"$(cat back)\" = text && openssl cms -cmsout -print -inform "
		    "DER -in signed -noout | grep -q 'algorithm: %s'", keys[i].cert, keys[i].digest);
		ck_assert_int_eq(system(command), 0);
		card_key_close(&k);
	}
	card_close(&c);
}
END_TEST

START_TEST(it_decrypts_what_openssl_encrypts)
{
	static const struct { size_t key; const char *how; } rows[] = {
		{ 0, "-aes-256-cbc" }, { 0, "-aes-256-gcm" }, { 1, "-aes-256-cbc" },
		{ 1, "-aes-256-gcm" },
	};
	struct card c;
	struct card_key k;
	char command[512];

	card_open(&c, 0, "1234");
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		BIO *in, *out = BIO_new(BIO_s_mem());
		char got[8] = "";
		enum kit_cms r;

		open_key(&c, rows[i].key, &k);
		snprintf(command, sizeof command, "printf text | openssl cms -encrypt -binary -outform DER -out closed %s "
		    "-recip %s%s", rows[i].how, keys[rows[i].key].cert, i == 3 ? " -keyopt rsa_padding_mode:oaep" : "");
		ck_assert_int_eq(system(command), 0);
		in = BIO_new_file("closed", "rb");
		r = kit_cms_decrypt(c.lib.ctx, k.key, k.cert, in, out);
		ck_assert_msg(r == KIT_CMS_GOOD, "%zu: %d, rv 0x%lx", i, (int)r, k.kit.rv);
		ck_assert_int_eq(BIO_read(out, got, sizeof got), 4);
		ck_assert_mem_eq(got, "text", 4);
		BIO_free(in);
		BIO_free(out);
		card_key_close(&k);
	}
	card_close(&c);
}
END_TEST

START_TEST(digests_longer_than_the_order_or_shorter_are_signed)
{
	static const char *const mds[] = { "SHA1", "SHA224", "SHA256", "SHA384", "SHA512" };
	struct card c;
	struct card_key k;

	card_open(&c, 0, "1234");
	for (size_t i = 0; i < 2; i++) {
		open_key(&c, i, &k);
		for (size_t j = 0; j < 2 * sizeof mds / sizeof mds[0]; j++) {
			EVP_MD_CTX *m = EVP_MD_CTX_new();
			EVP_PKEY_CTX *p;
			const char *md = mds[j / 2];
			unsigned char sig[512];
			size_t n = sizeof sig;
			bool pss = i == 1 && j % 2;

			ck_assert_int_eq(EVP_DigestSignInit_ex(m, &p, md, c.lib.ctx, NULL, k.key, NULL), 1);
			ck_assert(!pss || EVP_PKEY_CTX_set_rsa_padding(p, RSA_PKCS1_PSS_PADDING) > 0);
			ck_assert_msg(EVP_DigestSign(m, sig, &n, (const unsigned char *)"text", 4) == 1, "%s 0x%lx", md,
			    k.kit.rv);
			EVP_MD_CTX_free(m);
			m = EVP_MD_CTX_new();
			ck_assert_int_eq(EVP_DigestVerifyInit_ex(m, &p, md, c.lib.ctx, NULL, X509_get0_pubkey(k.cert), NULL), 1);
			ck_assert(!pss || EVP_PKEY_CTX_set_rsa_padding(p, RSA_PKCS1_PSS_PADDING) > 0);
			ck_assert_int_eq(EVP_DigestVerify(m, sig, n, (const unsigned char *)"text", 4), 1);
			EVP_MD_CTX_free(m);
		}
		card_key_close(&k);
	}
	card_close(&c);
}
END_TEST

UNIT_MAIN("hsm", openssl_verifies_what_it_signs, it_decrypts_what_openssl_encrypts,
    digests_longer_than_the_order_or_shorter_are_signed)

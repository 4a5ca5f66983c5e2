/* Making CMS messages, and reading and decrypting them; cms_verify.c judges them. */
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <string.h>

#include "base/buf.h"
#include "bridges/kit/cert.h"
#include "bridges/kit/cms_int.h"

#define PIECE 16384 /* bytes copied at once */
#define FLAGS (CMS_BINARY | CMS_PARTIAL | CMS_NOSMIMECAP)

/* OpenSSL's own loops take a read error for the end, and would sign half a file. A memory BIO says
 * its end like an error, but one that may be tried again. */
static bool
at_end(BIO *in, int n)
{
	return n == 0 || (BIO_should_retry(in) && BIO_eof(in));
}

enum kit_cms
cms_copy(BIO *in, BIO *out)
{
	unsigned char piece[PIECE];
	enum kit_cms r = KIT_CMS_GOOD;
	int n;

	while ((n = BIO_read(in, piece, sizeof piece)) > 0)
		if (out && BIO_write(out, piece, n) != n) {
			r = KIT_CMS_WRITE;
			break;
		}
	if (!r && !at_end(in, n))
		r = KIT_CMS_READ;
	if (!r && out && BIO_flush(out) <= 0)
		r = KIT_CMS_WRITE;
	OPENSSL_cleanse(piece, sizeof piece);
	return r;
}

/* The content types of CMS and PKCS#7 are below one of these two. */
static bool
looks_like_cms(const unsigned char *p, size_t n)
{
	static const unsigned char pkcs7[] = { 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x07 };
	static const unsigned char smime_ct[] = {
		0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x09, 0x10, 0x01
	};
	struct view v = view_of(p, n), oid;
	unsigned tag, len;

	if (!view_u8(&v, &tag) || tag != 0x30 || !view_u8(&v, &len))
		return false;
	/* the length may be long or left open; what is in it comes next */
	if (len > 0x80 && !view_take(&v, len & 0x7F, &oid))
		return false;
	if (!view_u8(&v, &tag) || tag != 0x06 || !view_u8(&v, &len) || !view_take(&v, len, &oid))
		return false;
	return (oid.len > sizeof pkcs7 && !memcmp(oid.p, pkcs7, sizeof pkcs7)) ||
	    (oid.len > sizeof smime_ct && !memcmp(oid.p, smime_ct, sizeof smime_ct));
}

enum kit_cms
cms_read(OSSL_LIB_CTX *ctx, BIO *in, CMS_ContentInfo **out)
{
	static const char pem[] = "-----BEGIN ";
	BIO *all = BIO_new(BIO_s_mem());
	enum kit_cms r = KIT_CMS_FAILED;
	char *p;
	long n;

	*out = NULL;
	if (!all || (r = cms_copy(in, all)))
		goto out;
	r = KIT_CMS_FAILED;
	n = BIO_get_mem_data(all, &p);
	if (!(*out = CMS_ContentInfo_new_ex(ctx, NULL)))
		goto out;
	if (n > (long)sizeof pem && !memcmp(p, pem, sizeof pem - 1)) {
		bool mine = n > 32 && (!memcmp(p + sizeof pem - 1, "CMS-", 4) ||
		    !memcmp(p + sizeof pem - 1, "PKCS7-", 6));

		r = PEM_read_bio_CMS(all, out, kit_no_passphrase, NULL) ? KIT_CMS_GOOD :
		    mine ? KIT_CMS_DAMAGED : KIT_CMS_NOT_CMS;
	} else if (!looks_like_cms((unsigned char *)p, (size_t)n))
		r = KIT_CMS_NOT_CMS;
	else
		r = d2i_CMS_bio(all, out) ? KIT_CMS_GOOD : KIT_CMS_DAMAGED;
out:
	if (r) {
		CMS_ContentInfo_free(*out);
		*out = NULL;
	}
	BIO_free(all);
	return r;
}

static const EVP_MD *
digest_for(const EVP_PKEY *key)
{
	int bits = EVP_PKEY_is_a(key, "EC") ? EVP_PKEY_get_bits(key) : 0;

	return bits > 384 ? EVP_sha512() : bits > 256 ? EVP_sha384() : EVP_sha256();
}

/* What a failure of OpenSSL is when a card may be behind it. */
static enum kit_cms
failed(const EVP_PKEY *key)
{
	const struct kit_key *card = kit_pkey_card(key);

	return card && card->rv ? KIT_CMS_CARD : KIT_CMS_FAILED;
}

static void
card_begin(const EVP_PKEY *key)
{
	struct kit_key *card = kit_pkey_card(key);

	ERR_set_mark();
	if (card)
		card->rv = CKR_OK;
}

/* Each certificate once: OpenSSL refuses a second. */
static bool
add_chain(CMS_ContentInfo *cms, X509 *cert, STACK_OF(X509) *chain)
{
	for (int i = 0; i < sk_X509_num(chain); i++) {
		X509 *x = sk_X509_value(chain, i);
		bool twice = !X509_cmp(x, cert);

		for (int j = 0; !twice && j < i; j++)
			twice = !X509_cmp(x, sk_X509_value(chain, j));
		if (!twice && !CMS_add1_cert(cms, x))
			return false;
	}
	return true;
}

enum kit_cms
kit_cms_sign(OSSL_LIB_CTX *ctx, EVP_PKEY *key, X509 *cert, STACK_OF(X509) *chain, BIO *in, BIO *out,
    unsigned flags)
{
	unsigned more = flags & KIT_CMS_DETACHED ? CMS_DETACHED : 0;
	CMS_ContentInfo *cms = NULL;
	enum kit_cms r = KIT_CMS_FAILED;
	BIO *digests = NULL;

	card_begin(key);
	if (!(cms = CMS_sign_ex(NULL, NULL, NULL, NULL, FLAGS | more, ctx, NULL)) ||
	    !CMS_add1_signer(cms, cert, key, digest_for(key), FLAGS | CMS_CADES | more))
		goto out;
	if (!add_chain(cms, cert, chain) || !(digests = CMS_dataInit(cms, NULL)) ||
	    (r = cms_copy(in, digests)))
		goto out;
	r = CMS_dataFinal(cms, digests) ? KIT_CMS_GOOD : failed(key);
	if (!r && (!i2d_CMS_bio(out, cms) || BIO_flush(out) <= 0))
		r = KIT_CMS_WRITE;
out:
	if (digests)
		BIO_free_all(digests);
	CMS_ContentInfo_free(cms);
	ERR_pop_to_mark();
	return r;
}

static bool
names(CMS_RecipientInfo *ri, X509 *cert)
{
	STACK_OF(CMS_RecipientEncryptedKey) *keys;

	if (CMS_RecipientInfo_type(ri) == CMS_RECIPINFO_TRANS)
		return !CMS_RecipientInfo_ktri_cert_cmp(ri, cert);
	if (CMS_RecipientInfo_type(ri) != CMS_RECIPINFO_AGREE)
		return false;
	keys = CMS_RecipientInfo_kari_get0_reks(ri);
	for (int i = 0; i < sk_CMS_RecipientEncryptedKey_num(keys); i++)
		if (!CMS_RecipientEncryptedKey_cert_cmp(sk_CMS_RecipientEncryptedKey_value(keys, i), cert))
			return true;
	return false;
}

static bool
is_recipient(CMS_ContentInfo *cms, X509 *cert)
{
	STACK_OF(CMS_RecipientInfo) *all = CMS_get0_RecipientInfos(cms);

	for (int i = 0; i < sk_CMS_RecipientInfo_num(all); i++)
		if (names(sk_CMS_RecipientInfo_value(all, i), cert))
			return true;
	return false;
}

/* Whether the module's answer may have come from what is in the ciphertext: then it is a secret,
 * and OpenSSL goes on with a random key. All others come from the card, the PIN or the session. */
static bool
is_of_ciphertext(CK_RV rv)
{
	static const CK_RV list[] = {
		CKR_OK, CKR_ENCRYPTED_DATA_INVALID, CKR_ENCRYPTED_DATA_LEN_RANGE, CKR_DATA_INVALID,
		CKR_DATA_LEN_RANGE, CKR_BUFFER_TOO_SMALL, CKR_FUNCTION_FAILED, CKR_GENERAL_ERROR,
		CKR_DEVICE_ERROR,
	};

	for (size_t i = 0; i < sizeof list / sizeof list[0]; i++)
		if (list[i] == rv)
			return true;
	return false;
}

/* Reads a message and sees whether it is encrypted to the certificate. */
static enum kit_cms
read_encrypted(OSSL_LIB_CTX *ctx, X509 *cert, BIO *in, CMS_ContentInfo **cms)
{
	enum kit_cms r = cms_read(ctx, in, cms);
	int type;

	if (r)
		return r;
	type = OBJ_obj2nid(CMS_get0_type(*cms));
	if (type != NID_pkcs7_enveloped && type != NID_id_smime_ct_authEnvelopedData)
		return KIT_CMS_OTHER_TYPE;
	return is_recipient(*cms, cert) ? KIT_CMS_GOOD : KIT_CMS_NOT_FOR_US;
}

enum kit_cms
kit_cms_is_for(OSSL_LIB_CTX *ctx, X509 *cert, BIO *in)
{
	CMS_ContentInfo *cms = NULL;
	enum kit_cms r;

	ERR_set_mark();
	r = read_encrypted(ctx, cert, in, &cms);
	CMS_ContentInfo_free(cms);
	ERR_pop_to_mark();
	return r;
}

enum kit_cms
kit_cms_decrypt(OSSL_LIB_CTX *ctx, EVP_PKEY *key, X509 *cert, BIO *in, BIO *out)
{
	struct kit_key *card = kit_pkey_card(key);
	CMS_ContentInfo *cms = NULL;
	BIO *plain = NULL;
	enum kit_cms r;
	int ok;

	card_begin(key);
	if ((r = read_encrypted(ctx, cert, in, &cms)))
		goto out;
	ok = CMS_decrypt_set1_pkey_and_peer(cms, key, cert, NULL);
	r = KIT_CMS_CARD;
	if (card && !is_of_ciphertext(card->rv))
		goto out;
	if (card)
		card->rv = CKR_OK;
	r = KIT_CMS_DAMAGED;
	if (!ok || !(plain = CMS_dataInit(cms, NULL)))
		goto out;
	if ((r = cms_copy(plain, out)) == KIT_CMS_READ || (!r && BIO_get_cipher_status(plain) <= 0))
		r = KIT_CMS_DAMAGED;
out:
	if (plain)
		BIO_free_all(plain);
	CMS_ContentInfo_free(cms);
	ERR_pop_to_mark();
	return r;
}

static bool
add_recipient(CMS_ContentInfo *cms, X509 *cert, unsigned flags)
{
	bool oaep = (flags & KIT_CMS_OAEP) && EVP_PKEY_is_a(X509_get0_pubkey(cert), "RSA");
	CMS_RecipientInfo *ri = CMS_add1_recipient_cert(cms, cert, oaep ? CMS_KEY_PARAM : 0);
	EVP_PKEY_CTX *c;

	if (!ri || !oaep)
		return ri != NULL;
	return (c = CMS_RecipientInfo_get0_pkey_ctx(ri)) &&
	    EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_OAEP_PADDING) > 0;
}

enum kit_cms
kit_cms_encrypt(OSSL_LIB_CTX *ctx, STACK_OF(X509) *to, BIO *in, BIO *out, unsigned flags)
{
	EVP_CIPHER *aes = EVP_CIPHER_fetch(ctx, "AES-256-CBC", NULL);
	CMS_ContentInfo *cms = NULL;
	enum kit_cms r = KIT_CMS_FAILED;
	BIO *envelope = NULL, *next;

	ERR_set_mark();
	if (!aes || !(cms = CMS_encrypt_ex(NULL, NULL, aes, FLAGS | CMS_STREAM, ctx, NULL)))
		goto out;
	for (int i = 0; i < sk_X509_num(to); i++)
		if (!add_recipient(cms, sk_X509_value(to, i), flags))
			goto out;
	if (sk_X509_num(to) > 0 && (envelope = BIO_new_CMS(out, cms)))
		r = cms_copy(in, envelope);
out:
	/* the end of the chain is the caller's */
	for (; envelope && envelope != out; envelope = next) {
		next = BIO_pop(envelope);
		BIO_free(envelope);
	}
	CMS_ContentInfo_free(cms);
	EVP_CIPHER_free(aes);
	ERR_pop_to_mark();
	return r;
}

/* A card's keys inside OpenSSL, held against OpenSSL's own verification and encryption. The card is
 * myeid.yaml in a virtual reader: 45 RSA-2048, 46 P-384, 47 P-256, all of PIN1. */
#include <openssl/core_names.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "bridges/kit/pkey_int.h"
#include "t/kit/card.h"
#include "t/unit/unit.h"

#define RSA_ID 0x45
#define P384_ID 0x46
#define P256_ID 0x47

static const char text[] = "what is signed";

struct how {
	const char *md;
	int pad, salt;  /* RSA; salt UNSET: nothing is said */
	const char *mgf;
};

#define UNSET (-100)

static void
set_pss(EVP_PKEY_CTX *p, const struct how *how)
{
	if (how->pad != RSA_PKCS1_PSS_PADDING)
		return;
	ck_assert_int_gt(EVP_PKEY_CTX_set_rsa_padding(p, how->pad), 0);
	if (how->salt != UNSET)
		ck_assert_int_gt(EVP_PKEY_CTX_set_rsa_pss_saltlen(p, how->salt), 0);
	if (how->mgf)
		ck_assert_int_gt(EVP_PKEY_CTX_set_rsa_mgf1_md_name(p, how->mgf, NULL), 0);
}

static int
sign(struct card *c, struct card_key *k, const struct how *how, unsigned char *sig, size_t *len)
{
	EVP_MD_CTX *m = EVP_MD_CTX_new();
	EVP_PKEY_CTX *p;
	int ok;

	ck_assert_int_eq(EVP_DigestSignInit_ex(m, &p, how->md, c->lib.ctx, NULL, k->key, NULL), 1);
	set_pss(p, how);
	ok = EVP_DigestSignUpdate(m, text, 4) == 1 && EVP_DigestSignUpdate(m, text + 4, sizeof text - 4) == 1 &&
	    EVP_DigestSignFinal(m, sig, len) == 1;
	EVP_MD_CTX_free(m);
	return ok;
}

/* The judge is the default provider, in a context that knows of nothing else. */
static bool
is_good(EVP_PKEY *key, const struct how *how, const unsigned char *sig, size_t len)
{
	OSSL_LIB_CTX *judge = OSSL_LIB_CTX_new();
	EVP_MD_CTX *m = EVP_MD_CTX_new();
	EVP_PKEY *public = NULL;
	unsigned char *der = NULL;
	const unsigned char *p;
	EVP_PKEY_CTX *c;
	int n = i2d_PUBKEY(key, &der), ok;

	ck_assert_int_gt(n, 0);
	p = der;
	ck_assert_ptr_nonnull(public = d2i_PUBKEY_ex(NULL, &p, n, judge, NULL));
	ck_assert_int_eq(EVP_DigestVerifyInit_ex(m, &c, how->md, judge, NULL, public, NULL), 1);
	if (how->pad == RSA_PKCS1_PSS_PADDING) {
		set_pss(c, how);
		if (how->salt == UNSET)
			ck_assert_int_gt(EVP_PKEY_CTX_set_rsa_pss_saltlen(c, RSA_PSS_SALTLEN_DIGEST), 0);
	}
	ok = EVP_DigestVerify(m, sig, len, (const unsigned char *)text, sizeof text);
	EVP_MD_CTX_free(m);
	EVP_PKEY_free(public);
	OPENSSL_free(der);
	OSSL_LIB_CTX_free(judge);
	return ok == 1;
}

static void
signs(struct card *c, struct card_key *k, const struct how *how)
{
	unsigned char sig[1024];
	size_t len = sizeof sig;

	ck_assert_msg(sign(c, k, how, sig, &len), "%s, padding %d, salt %d: 0x%lx", how->md, how->pad, how->salt,
	    k->kit.rv);
	ck_assert_uint_eq(k->kit.rv, CKR_OK);
	ck_assert(is_good(k->key, how, sig, len));
	sig[len - 1] ^= 1;
	ck_assert(!is_good(k->key, how, sig, len));
}

static const char *const mds[] = { "SHA1", "SHA224", "SHA256", "SHA384", "SHA512" };
#define MDS (sizeof mds / sizeof mds[0])

START_TEST(rsa_pkcs1_signatures_are_good)
{
	struct card c;
	struct card_key k;

	card_open(&c, 0, "1234");
	card_key_open(&c, RSA_ID, &k);
	for (size_t i = 0; i < MDS; i++)
		signs(&c, &k, &(struct how){ mds[i], RSA_PKCS1_PADDING, UNSET, NULL });
	/* no row of PKCS#11 is needed for a DigestInfo */
	signs(&c, &k, &(struct how){ "SHA3-256", RSA_PKCS1_PADDING, UNSET, NULL });
	card_key_close(&k);
	card_close(&c);
}
END_TEST

START_TEST(rsa_pss_signatures_have_the_salt_and_mask_asked_for)
{
	static const int salts[] = { UNSET, 0, 20, 32, RSA_PSS_SALTLEN_DIGEST, RSA_PSS_SALTLEN_MAX };
	unsigned char sig[512];
	size_t len = sizeof sig;
	struct card c;
	struct card_key k;

	card_open(&c, 0, "1234");
	card_key_open(&c, RSA_ID, &k);
	for (size_t i = 0; i < MDS; i++)
		for (size_t j = 0; j < sizeof salts / sizeof salts[0]; j++)
			signs(&c, &k, &(struct how){ mds[i], RSA_PKCS1_PSS_PADDING, salts[j], NULL });
	/* this module takes no mask of another hash; it must not become one of the same */
	ck_assert(!sign(&c, &k, &(struct how){ "SHA256", RSA_PKCS1_PSS_PADDING, 32, "SHA1" }, sig, &len));
	ck_assert_uint_eq(k.kit.rv, CKR_MECHANISM_PARAM_INVALID);
	card_key_close(&k);
	card_close(&c);
}
END_TEST

START_TEST(ecdsa_signatures_are_good_with_longer_and_shorter_digests)
{
	static const CK_BYTE ids[] = { P384_ID, P256_ID };
	struct card c;
	struct card_key k;

	card_open(&c, 0, "1234");
	for (size_t i = 0; i < sizeof ids; i++) {
		card_key_open(&c, ids[i], &k);
		for (size_t j = 0; j < MDS; j++)
			signs(&c, &k, &(struct how){ mds[j], 0, UNSET, NULL });
		card_key_close(&k);
	}
	card_close(&c);
}
END_TEST

START_TEST(a_digest_made_elsewhere_is_signed)
{
	static const CK_BYTE ids[] = { RSA_ID, P256_ID };
	unsigned char digest[32], sig[512];
	struct card c;
	struct card_key k;
	EVP_PKEY_CTX *p;
	size_t len;

	card_open(&c, 0, "1234");
	ck_assert(EVP_Q_digest(c.lib.ctx, "SHA256", NULL, text, sizeof text, digest, NULL));
	for (size_t i = 0; i < sizeof ids; i++) {
		card_key_open(&c, ids[i], &k);
		ck_assert_ptr_nonnull(p = EVP_PKEY_CTX_new_from_pkey(c.lib.ctx, k.key, NULL));
		ck_assert_int_eq(EVP_PKEY_sign_init(p), 1);
		ck_assert_int_gt(EVP_PKEY_CTX_set_signature_md(p, EVP_sha256()), 0);
		len = sizeof sig;
		ck_assert_int_eq(EVP_PKEY_sign(p, sig, &len, digest, 31), 0);
		len = sizeof sig;
		ck_assert_int_eq(EVP_PKEY_sign(p, sig, &len, digest, sizeof digest), 1);
		ck_assert(is_good(k.key, &(struct how){ "SHA256", 0, UNSET, NULL }, sig, len));
		EVP_PKEY_CTX_free(p);
		card_key_close(&k);
	}
	card_close(&c);
}
END_TEST

/* A function list with a counter and a token that may have less. */
static unsigned signed_n;
static CK_FUNCTION_LIST *real;
static const CK_MECHANISM_TYPE *missing;

static CK_RV
count_sign(CK_SESSION_HANDLE h, CK_BYTE *in, CK_ULONG n, CK_BYTE *out, CK_ULONG *len)
{
	signed_n++;
	return real->C_Sign(h, in, n, out, len);
}

static CK_RV
mechanism_info(CK_SLOT_ID slot, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO *info)
{
	for (const CK_MECHANISM_TYPE *m = missing; m && *m; m++)
		if (*m == type)
			return CKR_MECHANISM_INVALID;
	return real->C_GetMechanismInfo(slot, type, info);
}

/* Nothing is allowed. */
static CK_RV
attributes_no(CK_SESSION_HANDLE h, CK_OBJECT_HANDLE o, CK_ATTRIBUTE *t, CK_ULONG n)
{
	CK_RV rv = real->C_GetAttributeValue(h, o, t, n);

	for (CK_ULONG i = 0; i < n; i++)
		if (t[i].type == CKA_SIGN || t[i].type == CKA_DECRYPT || t[i].type == CKA_DERIVE)
			*(CK_BBOOL *)t[i].pValue = CK_FALSE;
	return rv;
}

static void
spy(struct card *c)
{
	real = c->module;
	c->f.C_Sign = count_sign;
	c->f.C_GetMechanismInfo = mechanism_info;
	signed_n = 0;
	missing = NULL;
}

START_TEST(asking_for_the_size_costs_no_operation)
{
	struct card c;
	struct card_key k;
	unsigned char sig[512];
	size_t len = 0;

	card_open(&c, 0, "1234");
	spy(&c);
	card_key_open(&c, P256_ID, &k);
	ck_assert(sign(&c, &k, &(struct how){ "SHA256", 0, UNSET, NULL }, NULL, &len));
	ck_assert_uint_eq(signed_n, 0);
	ck_assert_uint_eq(len, 72);
	ck_assert(sign(&c, &k, &(struct how){ "SHA256", 0, UNSET, NULL }, sig, &len));
	ck_assert_uint_eq(signed_n, 1);
	card_key_close(&k);
	card_close(&c);
}
END_TEST

START_TEST(a_token_that_hashes_by_itself_is_given_the_data)
{
	static const CK_MECHANISM_TYPE none[] = { CKM_RSA_PKCS, CKM_RSA_PKCS_PSS, CKM_ECDSA, 0 };
	struct card c;
	struct card_key k;

	card_open(&c, 0, "1234");
	spy(&c);
	missing = none;
	card_key_open(&c, RSA_ID, &k);
	signs(&c, &k, &(struct how){ "SHA256", RSA_PKCS1_PADDING, UNSET, NULL });
	signs(&c, &k, &(struct how){ "SHA384", RSA_PKCS1_PSS_PADDING, UNSET, NULL });
	card_key_close(&k);
	card_key_open(&c, P384_ID, &k);
	signs(&c, &k, &(struct how){ "SHA384", 0, UNSET, NULL });
	card_key_close(&k);
	ck_assert_uint_eq(signed_n, 3);
	card_close(&c);
}
END_TEST

START_TEST(what_the_token_does_not_offer_fails_without_it)
{
	static const CK_MECHANISM_TYPE none[] = { CKM_RSA_PKCS_PSS, CKM_SHA256_RSA_PKCS_PSS, 0 };
	unsigned char sig[512];
	size_t len = sizeof sig;
	struct card c;
	struct card_key k;

	card_open(&c, 0, "1234");
	spy(&c);
	missing = none;
	card_key_open(&c, RSA_ID, &k);
	ck_assert(!sign(&c, &k, &(struct how){ "SHA256", RSA_PKCS1_PSS_PADDING, UNSET, NULL }, sig, &len));
	ck_assert_uint_eq(k.kit.rv, CKR_MECHANISM_INVALID);
	ck_assert_uint_eq(signed_n, 0);
	card_key_close(&k);
	card_close(&c);
}
END_TEST

static int
decrypt(struct card *c, struct card_key *k, int pad, const char *md, const char *mgf, const char *label,
    const unsigned char *in, size_t n, unsigned char *out, size_t *len)
{
	EVP_PKEY_CTX *p = EVP_PKEY_CTX_new_from_pkey(c->lib.ctx, k->key, NULL);
	int ok;

	ck_assert_int_eq(EVP_PKEY_decrypt_init(p), 1);
	ck_assert_int_gt(EVP_PKEY_CTX_set_rsa_padding(p, pad), 0);
	if (md)
		ck_assert_int_gt(EVP_PKEY_CTX_set_rsa_oaep_md_name(p, md, NULL), 0);
	if (mgf)
		ck_assert_int_gt(EVP_PKEY_CTX_set_rsa_mgf1_md_name(p, mgf, NULL), 0);
	if (label)
		ck_assert_int_gt(EVP_PKEY_CTX_set0_rsa_oaep_label(p, OPENSSL_strdup(label), (int)strlen(label)), 0);
	ok = EVP_PKEY_decrypt(p, out, len, in, n);
	EVP_PKEY_CTX_free(p);
	return ok;
}

/* Encrypted by OpenSSL, decrypted by the card. */
static void
decrypts(struct card *c, struct card_key *k, int pad, const char *md, const char *mgf, const char *label)
{
	EVP_PKEY_CTX *p = EVP_PKEY_CTX_new_from_pkey(c->lib.ctx, X509_get0_pubkey(k->cert), NULL);
	unsigned char in[256], out[256];
	size_t n = sizeof in, len = sizeof out;

	ck_assert_int_eq(EVP_PKEY_encrypt_init(p), 1);
	ck_assert_int_gt(EVP_PKEY_CTX_set_rsa_padding(p, pad), 0);
	if (md)
		ck_assert_int_gt(EVP_PKEY_CTX_set_rsa_oaep_md_name(p, md, NULL), 0);
	if (mgf)
		ck_assert_int_gt(EVP_PKEY_CTX_set_rsa_mgf1_md_name(p, mgf, NULL), 0);
	if (label)
		ck_assert_int_gt(EVP_PKEY_CTX_set0_rsa_oaep_label(p, OPENSSL_strdup(label), (int)strlen(label)), 0);
	ck_assert_int_eq(EVP_PKEY_encrypt(p, in, &n, (const unsigned char *)text, sizeof text), 1);
	EVP_PKEY_CTX_free(p);
	ck_assert_msg(decrypt(c, k, pad, md, mgf, label, in, n, out, &len) == 1, "0x%lx", k->kit.rv);
	ck_assert_uint_eq(len, sizeof text);
	ck_assert_mem_eq(out, text, len);
	in[100] ^= 1;
	len = sizeof out;
	ck_assert_int_ne(decrypt(c, k, pad, md, mgf, label, in, n, out, &len), 1);
	ck_assert_uint_eq(k->kit.rv, CKR_ENCRYPTED_DATA_INVALID);
}

START_TEST(rsa_decrypts_all_paddings)
{
	struct card c;
	struct card_key k;
	unsigned char small[4];
	size_t len = sizeof small;

	card_open(&c, 0, "1234");
	card_key_open(&c, RSA_ID, &k);
	decrypts(&c, &k, RSA_PKCS1_PADDING, NULL, NULL, NULL);
	for (size_t i = 0; i < MDS; i++)
		decrypts(&c, &k, RSA_PKCS1_OAEP_PADDING, mds[i], NULL, NULL);
	decrypts(&c, &k, RSA_PKCS1_OAEP_PADDING, "SHA256", "SHA1", "a label");
	ck_assert_int_ne(decrypt(&c, &k, RSA_PKCS1_PADDING, NULL, NULL, NULL, small, sizeof small, small, &len), 1);
	card_key_close(&k);
	card_close(&c);
}
END_TEST

static EVP_PKEY *
ec_new(struct card *c, const char *curve)
{
	return EVP_PKEY_Q_keygen(c->lib.ctx, "provider=default", "EC", curve);
}

static int
agree(struct card *c, EVP_PKEY *own, EVP_PKEY *peer, unsigned char *out, size_t *len)
{
	EVP_PKEY_CTX *p = EVP_PKEY_CTX_new_from_pkey(c->lib.ctx, own, NULL);
	int ok = EVP_PKEY_derive_init(p) > 0 && EVP_PKEY_derive_set_peer(p, peer) > 0 &&
	    EVP_PKEY_derive(p, out, len) > 0;

	EVP_PKEY_CTX_free(p);
	return ok;
}

START_TEST(ecdh_agrees_with_openssl)
{
	static const struct { CK_BYTE id; const char *curve, *name; } rows[] = {
		{ P256_ID, "P-256", "p256" }, { P384_ID, "P-384", "p384" }
	};
	unsigned char a[66], b[66];
	struct card c;
	struct card_key k;
	EVP_PKEY *peer, *other, *same;
	size_t na, nb;

	card_open(&c, 0, "1234");
	for (size_t i = 0; i < 2; i++) {
		card_key_open(&c, rows[i].id, &k);
		peer = ec_new(&c, rows[i].curve);
		other = ec_new(&c, rows[1 - i].curve);
		na = nb = sizeof a;
		ck_assert(agree(&c, k.key, peer, a, &na));
		same = card_pki_key(&c, rows[i].name);
		ck_assert(agree(&c, peer, same, b, &nb));
		EVP_PKEY_free(same);
		ck_assert_uint_eq(na, nb);
		ck_assert_mem_eq(a, b, na);
		ck_assert(!agree(&c, k.key, other, a, &na));
		EVP_PKEY_free(peer);
		EVP_PKEY_free(other);
		card_key_close(&k);
	}
	card_close(&c);
}
END_TEST

/* A key's public half without a card may be given a point, as CMS does; one off the curve never. */
START_TEST(a_point_off_the_curve_is_not_taken)
{
	struct card c;
	struct card_key k;
	EVP_PKEY *peer = EVP_PKEY_new();
	unsigned char *point;
	size_t n;

	card_open(&c, 0, "1234");
	card_key_open(&c, P256_ID, &k);
	ck_assert_int_eq(EVP_PKEY_copy_parameters(peer, k.key), 1);
	n = EVP_PKEY_get1_encoded_public_key(k.key, &point);
	ck_assert_uint_eq(n, 65);
	ck_assert_int_eq(EVP_PKEY_set1_encoded_public_key(peer, point, n), 1);
	ck_assert_int_eq(EVP_PKEY_eq(peer, k.key), 1);
	point[64] ^= 1;
	ck_assert_int_ne(EVP_PKEY_set1_encoded_public_key(peer, point, n), 1);
	point[64] ^= 1;
	ck_assert_int_ne(EVP_PKEY_set1_encoded_public_key(k.key, point, n), 1);
	OPENSSL_free(point);
	EVP_PKEY_free(peer);
	card_key_close(&k);
	card_close(&c);
}
END_TEST

START_TEST(a_key_does_only_what_its_attributes_allow)
{
	unsigned char sig[512];
	size_t len = sizeof sig;
	struct card c;
	struct card_key k;
	EVP_PKEY *peer;

	card_open(&c, 0, "1234");
	spy(&c);
	c.f.C_GetAttributeValue = attributes_no;
	card_key_open(&c, RSA_ID, &k);
	ck_assert(!sign(&c, &k, &(struct how){ "SHA256", RSA_PKCS1_PADDING, UNSET, NULL }, sig, &len));
	ck_assert_uint_eq(k.kit.rv, CKR_KEY_FUNCTION_NOT_PERMITTED);
	k.kit.rv = CKR_OK;
	ck_assert_int_ne(decrypt(&c, &k, RSA_PKCS1_PADDING, NULL, NULL, NULL, sig, 256, sig, &len), 1);
	ck_assert_uint_eq(k.kit.rv, CKR_KEY_FUNCTION_NOT_PERMITTED);
	card_key_close(&k);
	card_key_open(&c, P256_ID, &k);
	peer = ec_new(&c, "P-256");
	ck_assert(!agree(&c, k.key, peer, sig, &len));
	ck_assert_uint_eq(k.kit.rv, CKR_KEY_FUNCTION_NOT_PERMITTED);
	EVP_PKEY_free(peer);
	card_key_close(&k);
	ck_assert_uint_eq(signed_n, 0);
	card_close(&c);
}
END_TEST

static void
request(struct card *c, struct card_key *k, const char *md, int pad)
{
	X509_REQ *req = X509_REQ_new_ex(c->lib.ctx, NULL);
	EVP_MD_CTX *m = EVP_MD_CTX_new();
	EVP_PKEY_CTX *p;

	ck_assert_int_eq(X509_REQ_set_version(req, X509_REQ_VERSION_1), 1);
	ck_assert_int_eq(X509_REQ_set_pubkey(req, k->key), 1);
	ck_assert_int_eq(EVP_DigestSignInit_ex(m, &p, md, c->lib.ctx, NULL, k->key, NULL), 1);
	set_pss(p, &(struct how){ md, pad, UNSET, NULL });
	ck_assert_int_gt(X509_REQ_sign_ctx(req, m), 0);
	ck_assert_int_eq(X509_REQ_verify_ex(req, X509_get0_pubkey(k->cert), c->lib.ctx, NULL), 1);
	EVP_MD_CTX_free(m);
	X509_REQ_free(req);
}

START_TEST(a_certificate_request_names_its_algorithm)
{
	struct card c;
	struct card_key k;

	card_open(&c, 0, "1234");
	card_key_open(&c, RSA_ID, &k);
	request(&c, &k, "SHA256", RSA_PKCS1_PADDING);
	request(&c, &k, "SHA512", RSA_PKCS1_PSS_PADDING);
	card_key_close(&k);
	card_key_open(&c, P384_ID, &k);
	request(&c, &k, "SHA384", 0);
	card_key_close(&k);
	card_close(&c);
}
END_TEST

START_TEST(the_key_is_known_as_what_it_is_and_never_leaves)
{
	unsigned char *der = NULL;
	struct card c;
	struct card_key k;
	EVP_PKEY *soft, *other;
	BIGNUM *d = NULL;

	card_open(&c, 0, "1234");
	card_key_open(&c, RSA_ID, &k);
	ck_assert_int_eq(EVP_PKEY_get_id(k.key), EVP_PKEY_RSA);
	ck_assert_int_eq(EVP_PKEY_get_bits(k.key), 2048);
	ck_assert_int_eq(EVP_PKEY_get_security_bits(k.key), 112);
	ck_assert_ptr_eq(kit_pkey_card(k.key), &k.kit);
	ck_assert_int_eq(X509_check_private_key(k.cert, k.key), 1);
	ck_assert_int_eq(EVP_PKEY_get_bn_param(k.key, OSSL_PKEY_PARAM_RSA_D, &d), 0);
	ck_assert_int_le(i2d_PrivateKey(k.key, &der), 0);
	ck_assert_ptr_null(EVP_PKEY2PKCS8(k.key));
	ck_assert_ptr_null(EVP_PKEY_dup(k.key));
	soft = card_pki_key(&c, "rsa2048");
	ck_assert_int_eq(EVP_PKEY_eq(soft, k.key), 1);
	ck_assert_ptr_null(kit_pkey_card(soft));
	other = card_pki_key(&c, "sign2048");
	ck_assert_int_ne(EVP_PKEY_eq(other, k.key), 1);
	EVP_PKEY_free(soft);
	EVP_PKEY_free(other);
	card_key_close(&k);
	card_close(&c);
}
END_TEST

START_TEST(keys_of_other_kinds_are_refused)
{
	struct card c;
	struct kit_key kit = { 0 };
	EVP_PKEY *ed, *soft;
	EVP_PKEY_CTX *p;

	card_open(&c, 0, NULL);
	kit = (struct kit_key){ .f = &c.f, .session = c.h, .key = CK_INVALID_HANDLE };
	ed = EVP_PKEY_Q_keygen(c.lib.ctx, "provider=default", "ED25519");
	ck_assert_ptr_null(kit_pkey_new(c.lib.ctx, &kit, ed));
	ck_assert_ptr_null(kit_pkey_new(c.lib.ctx, &kit, NULL));
	ck_assert_uint_eq(kit.rv, CKR_OK);
	soft = card_pki_key(&c, "rsa2048");
	ck_assert_ptr_null(kit_pkey_new(NULL, &kit, soft));
	/* a handle that is none is the module's to tell */
	ck_assert_ptr_null(kit_pkey_new(c.lib.ctx, &kit, soft));
	ck_assert_uint_eq(kit.rv, CKR_OBJECT_HANDLE_INVALID);
	/* nobody signs here with a key in software */
	p = EVP_PKEY_CTX_new_from_pkey(c.lib.ctx, soft, "provider=castor");
	ck_assert(!p || EVP_PKEY_sign_init(p) <= 0);
	EVP_PKEY_CTX_free(p);
	EVP_PKEY_free(soft);
	EVP_PKEY_free(ed);
	card_close(&c);
}
END_TEST

START_TEST(the_process_s_own_context_stays_as_it_is)
{
	struct card c;

	card_open(&c, 0, NULL);
	ck_assert_int_eq(OSSL_PROVIDER_available(c.lib.ctx, "castor"), 1);
	ck_assert_int_eq(OSSL_PROVIDER_available(NULL, "castor"), 0);
	card_close(&c);
}
END_TEST

START_TEST(a_card_taken_out_is_told)
{
	static const struct how how = { "SHA256", RSA_PKCS1_PADDING, UNSET, NULL };
	unsigned char sig[512];
	size_t len = sizeof sig;
	struct card c;
	struct card_key k;
	CK_RV first;

	card_open(&c, 0, "1234");
	card_key_open(&c, RSA_ID, &k);
	card_hook("CASTOR_TEST_REMOVE");
	ck_assert(!sign(&c, &k, &how, sig, &len));
	first = k.kit.rv;
	card_hook("CASTOR_TEST_INSERT");
	ck_assert_msg(first == CKR_DEVICE_REMOVED || first == CKR_SESSION_HANDLE_INVALID, "0x%lx", first);
	len = sizeof sig;
	ck_assert(!sign(&c, &k, &how, sig, &len));
	ck_assert_uint_eq(k.kit.rv, CKR_SESSION_HANDLE_INVALID);
	card_key_close(&k);
	card_close(&c);
}
END_TEST

START_TEST(without_a_login_it_is_said)
{
	unsigned char sig[512];
	size_t len = sizeof sig;
	struct card c;
	struct card_key k;

	card_open(&c, 0, "1234");
	card_key_open(&c, RSA_ID, &k);
	ck_assert_uint_eq(c.module->C_Logout(c.h), CKR_OK);
	ck_assert(!sign(&c, &k, &(struct how){ "SHA256", RSA_PKCS1_PADDING, UNSET, NULL }, sig, &len));
	ck_assert_msg(k.kit.rv == CKR_USER_NOT_LOGGED_IN || k.kit.rv == CKR_KEY_HANDLE_INVALID, "0x%lx",
	    k.kit.rv);
	card_key_close(&k);
	card_close(&c);
}
END_TEST

UNIT_MAIN("pkey", rsa_pkcs1_signatures_are_good, rsa_pss_signatures_have_the_salt_and_mask_asked_for,
    ecdsa_signatures_are_good_with_longer_and_shorter_digests, a_digest_made_elsewhere_is_signed,
    asking_for_the_size_costs_no_operation, a_token_that_hashes_by_itself_is_given_the_data,
    what_the_token_does_not_offer_fails_without_it, rsa_decrypts_all_paddings, ecdh_agrees_with_openssl,
    a_point_off_the_curve_is_not_taken, a_key_does_only_what_its_attributes_allow,
    a_certificate_request_names_its_algorithm, the_key_is_known_as_what_it_is_and_never_leaves,
    keys_of_other_kinds_are_refused, the_process_s_own_context_stays_as_it_is, a_card_taken_out_is_told,
    without_a_login_it_is_said)

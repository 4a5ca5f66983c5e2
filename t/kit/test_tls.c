/* TLS client authentication with a card's keys, on myeid.yaml; the server is OpenSSL in the same
 * process with keys in software. */
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <string.h>

#include "t/kit/card.h"
#include "t/unit/unit.h"

struct tls {
	CK_BYTE id;
	int version;
	const char *sigalg; /* what the client signs with */
	int nid;            /* of the signature's kind, as the server sees it */
};

static SSL_CTX *
server_new(struct card *c)
{
	SSL_CTX *x = SSL_CTX_new_ex(c->lib.ctx, NULL, TLS_server_method());
	X509 *cert = card_pki_cert(c, "p256"), *root = card_pki_cert(c, "root"),
	     *issuing = card_pki_cert(c, "issuing");
	EVP_PKEY *key = card_pki_key(c, "p256");

	ck_assert_int_eq(SSL_CTX_use_certificate(x, cert), 1);
	ck_assert_int_eq(SSL_CTX_use_PrivateKey(x, key), 1);
	SSL_CTX_set_verify(x, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	X509_STORE_add_cert(SSL_CTX_get_cert_store(x), root);
	X509_STORE_add_cert(SSL_CTX_get_cert_store(x), issuing);
	X509_free(cert);
	X509_free(root);
	X509_free(issuing);
	EVP_PKEY_free(key);
	return x;
}

static SSL_CTX *
client_new(struct card *c, struct card_key *k, const struct tls *t)
{
	SSL_CTX *x = SSL_CTX_new_ex(c->lib.ctx, NULL, TLS_client_method());
	X509 *root = card_pki_cert(c, "root"), *issuing = card_pki_cert(c, "issuing");

	ck_assert_int_eq(SSL_CTX_set_min_proto_version(x, t->version), 1);
	ck_assert_int_eq(SSL_CTX_set_max_proto_version(x, t->version), 1);
	ck_assert_int_eq(SSL_CTX_use_certificate(x, k->cert), 1);
	ck_assert_int_eq(SSL_CTX_use_PrivateKey(x, k->key), 1);
	ck_assert_int_eq(SSL_CTX_check_private_key(x), 1);
	if (t->sigalg)
		ck_assert_int_eq(SSL_CTX_set1_client_sigalgs_list(x, t->sigalg), 1);
	SSL_CTX_set_verify(x, SSL_VERIFY_PEER, NULL);
	X509_STORE_add_cert(SSL_CTX_get_cert_store(x), root);
	X509_STORE_add_cert(SSL_CTX_get_cert_store(x), issuing);
	X509_VERIFY_PARAM_set_purpose(SSL_CTX_get0_param(x), X509_PURPOSE_ANY);
	X509_free(root);
	X509_free(issuing);
	return x;
}

/* Both ends by turns over two memory BIOs; whether both came to their end. */
static bool
shake(SSL *client, SSL *server)
{
	int c = 0, s = 0;

	for (int turn = 0; turn < 20 && (c != 1 || s != 1); turn++) {
		if (c != 1 && (c = SSL_do_handshake(client)) != 1 &&
		    SSL_get_error(client, c) != SSL_ERROR_WANT_READ)
			return false;
		if (s != 1 && (s = SSL_do_handshake(server)) != 1 &&
		    SSL_get_error(server, s) != SSL_ERROR_WANT_READ)
			return false;
	}
	return c == 1 && s == 1;
}

static bool
connects(struct card *c, struct card_key *k, const struct tls *t)
{
	SSL_CTX *sx = server_new(c), *cx = client_new(c, k, t);
	SSL *server = SSL_new(sx), *client = SSL_new(cx);
	BIO *up = BIO_new(BIO_s_mem()), *down = BIO_new(BIO_s_mem());
	char got[8] = "";
	int nid = 0;
	bool ok;

	BIO_up_ref(up);
	BIO_up_ref(down);
	SSL_set_bio(client, down, up);
	SSL_set_bio(server, up, down);
	SSL_set_connect_state(client);
	SSL_set_accept_state(server);
	if ((ok = shake(client, server))) {
		ck_assert_int_eq(SSL_get_verify_result(server), X509_V_OK);
		ck_assert_int_eq(X509_cmp(SSL_get0_peer_certificate(server), k->cert), 0);
		ck_assert_int_eq(SSL_get_peer_signature_type_nid(server, &nid), 1);
		ck_assert_int_eq(nid, t->nid);
		ck_assert_int_eq(SSL_version(server), t->version);
		ck_assert_int_eq(SSL_write(client, "hello", 5), 5);
		ck_assert_int_eq(SSL_read(server, got, sizeof got), 5);
		ck_assert_mem_eq(got, "hello", 5);
	}
	SSL_free(client);
	SSL_free(server);
	SSL_CTX_free(cx);
	SSL_CTX_free(sx);
	return ok;
}

static const struct tls ways[] = {
	{ 0x45, TLS1_3_VERSION, NULL, EVP_PKEY_RSA_PSS },
	{ 0x45, TLS1_3_VERSION, "rsa_pss_rsae_sha512", EVP_PKEY_RSA_PSS },
	{ 0x46, TLS1_3_VERSION, NULL, EVP_PKEY_EC },
	{ 0x45, TLS1_2_VERSION, "RSA+SHA256", EVP_PKEY_RSA },
	{ 0x45, TLS1_2_VERSION, "RSA-PSS+SHA256", EVP_PKEY_RSA_PSS },
	{ 0x46, TLS1_2_VERSION, NULL, EVP_PKEY_EC },
};

START_TEST(a_server_takes_the_card)
{
	struct card c;
	struct card_key k;

	card_open(&c, 0, "1234");
	for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
		card_key_open(&c, ways[i].id, &k);
		ck_assert_msg(connects(&c, &k, &ways[i]), "way %zu, rv 0x%lx", i, k.kit.rv);
		card_key_close(&k);
	}
	card_close(&c);
}
END_TEST

START_TEST(a_card_that_refuses_ends_the_connection)
{
	struct card c;
	struct card_key k;

	card_open(&c, 0, "1234");
	card_key_open(&c, 0x45, &k);
	card_hook("CASTOR_TEST_REMOVE");
	ck_assert(!connects(&c, &k, &ways[0]));
	card_hook("CASTOR_TEST_INSERT");
	ck_assert_msg(k.kit.rv == CKR_DEVICE_REMOVED || k.kit.rv == CKR_SESSION_HANDLE_INVALID, "0x%lx", k.kit.rv);
	card_key_close(&k);
	card_close(&c);
}
END_TEST

UNIT_MAIN("tls", a_server_takes_the_card, a_card_that_refuses_ends_the_connection)

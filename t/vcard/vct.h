/* For the tests of the virtual card: APDUs as hex, images out of thin air. */
#ifndef CASTOR_T_VCT_H
#define CASTOR_T_VCT_H

#include <check.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "t/vcard/vc_card.h"

/* Path of a file of the source tree; static memory. */
static inline const char *vct_path(const char *name)
{
	static char path[4096];
	const char *top = getenv("top_srcdir");

	snprintf(path, sizeof path, "%s/%s", top != NULL ? top : ".", name);
	return path;
}

/* A private key of the test PKI; the caller's. */
static inline EVP_PKEY *vct_key(const char *name)
{
	char path[64];
	FILE *f;
	EVP_PKEY *key;

	snprintf(path, sizeof path, "t/cards/pki/TEST-%s.key.pem", name);
	f = fopen(vct_path(path), "r");
	ck_assert(f != NULL);
	key = PEM_read_PrivateKey(f, NULL, NULL, NULL);
	fclose(f);
	ck_assert(key != NULL);
	return key;
}

/* A certificate of the test PKI; the caller's. */
static inline X509 *vct_cert(const char *name)
{
	char path[64];
	FILE *f;
	X509 *cert;

	snprintf(path, sizeof path, "t/cards/pki/%s.cert.pem", name);
	f = fopen(vct_path(path), "r");
	ck_assert(f != NULL);
	cert = PEM_read_X509(f, NULL, NULL, NULL);
	fclose(f);
	ck_assert(cert != NULL);
	return cert;
}

/*
 * Whether a signature is one of the hash (or, with md NULL, of the data); padding 0: of a key that has none.
 * The salt of PSS is exactly as long as the hash.
 */
static inline bool vct_verifies(EVP_PKEY *key, int padding, const EVP_MD *md, const uint8_t *sig, size_t n,
	const uint8_t *hash, size_t len)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
	bool ok;

	ck_assert(EVP_PKEY_verify_init(ctx) == 1 &&
		(padding == 0 || EVP_PKEY_CTX_set_rsa_padding(ctx, padding) == 1) &&
		(padding != RSA_PKCS1_PSS_PADDING ||
			EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) == 1) &&
		(md == NULL || EVP_PKEY_CTX_set_signature_md(ctx, md) == 1));
	ok = EVP_PKEY_verify(ctx, sig, n, hash, len) == 1;
	ERR_clear_error();
	EVP_PKEY_CTX_free(ctx);
	return ok;
}

/* The same of ECDSA's r and s, one after the other. */
static inline bool vct_verifies_rs(EVP_PKEY *key, const uint8_t *rs, size_t n, const uint8_t *hash, size_t len)
{
	ECDSA_SIG *sig = ECDSA_SIG_new();
	unsigned char *der = NULL;
	int derlen;
	bool ok;

	ck_assert(ECDSA_SIG_set0(sig, BN_bin2bn(rs, (int)n / 2, NULL),
		BN_bin2bn(rs + n / 2, (int)n / 2, NULL)) == 1);
	derlen = i2d_ECDSA_SIG(sig, &der);
	ECDSA_SIG_free(sig);
	ok = vct_verifies(key, 0, NULL, der, (size_t)derlen, hash, len);
	OPENSSL_free(der);
	return ok;
}

/* A cryptogram for an RSA key; md is OAEP's, or NULL. Its length, that of the modulus. */
static inline size_t vct_encrypt(EVP_PKEY *key, int padding, const EVP_MD *md, const void *plain, size_t len,
	uint8_t *out, size_t room)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);

	ck_assert(EVP_PKEY_encrypt_init(ctx) == 1 && EVP_PKEY_CTX_set_rsa_padding(ctx, padding) == 1 &&
		(md == NULL || (EVP_PKEY_CTX_set_rsa_oaep_md(ctx, md) == 1 &&
				       EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, md) == 1)) &&
		EVP_PKEY_encrypt(ctx, out, &room, plain, len) == 1);
	EVP_PKEY_CTX_free(ctx);
	return room;
}

/* A card from t/cards/. */
static inline struct vc *vct_card(const char *image)
{
	char err[512] = "", name[256];
	struct vc *vc;

	snprintf(name, sizeof name, "t/cards/%s", image);
	vc = vc_new(vct_path(name), err, sizeof err);
	ck_assert_msg(vc != NULL, "%s", err);
	return vc;
}

/* A card from an image's text; NULL with err when it is refused. */
static inline struct vc *vct_text(const char *text, char *err, size_t errlen)
{
	char path[] = "/tmp/vct-XXXXXX";
	int fd = mkstemp(path);
	struct vc *vc;

	ck_assert(fd >= 0);
	ck_assert(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
	vc = vc_new(path, err, errlen);
	unlink(path);
	return vc;
}

/* Sends an APDU; the answer's length. */
static inline size_t vct_send(struct vc *vc, const char *hex, uint8_t *out, size_t cap)
{
	uint8_t in[600];
	int n = vc_hex(hex, in, sizeof in);

	ck_assert_msg(n >= 0, "bad hex in the test: %s", hex);
	return vc_apdu(vc, in, (size_t)n, out, cap);
}

/* The answer as hex without spaces; static memory. */
static inline const char *vct_ask(struct vc *vc, const char *hex)
{
	static char text[2 * 600 + 1];
	uint8_t out[600];
	size_t n = vct_send(vc, hex, out, sizeof out), i;

	ck_assert(n <= sizeof out);
	text[0] = '\0';
	for (i = 0; i < n; i++)
		snprintf(text + 2 * i, 3, "%02X", out[i]);
	return text;
}

/* The expected answer, spaces taken out; static memory. */
static inline const char *vct_plain(const char *hex)
{
	static char text[2 * 600 + 1];
	size_t n = 0;

	for (; *hex != '\0' && n < sizeof text - 1; hex++)
		if (*hex != ' ')
			text[n++] = *hex;
	text[n] = '\0';
	return text;
}

#define EXPECT(vc, command, answer) ck_assert_str_eq(vct_ask(vc, command), vct_plain(answer))

/* A command with data built at run time: header, data, Le 00 when le. */
static inline size_t vct_data(struct vc *vc, const char *header, const void *data, size_t len,
	bool le, uint8_t *out, size_t cap)
{
	uint8_t in[300];
	int n = vc_hex(header, in, sizeof in);

	ck_assert(n == 4 && len <= 255);
	in[4] = (uint8_t)len;
	memcpy(in + 5, data, len);
	in[5 + len] = 0;
	return vc_apdu(vc, in, 5 + len + le, out, cap);
}

/* The status word at the end of an answer. */
static inline unsigned vct_sw(const uint8_t *out, size_t n)
{
	return n >= 2 ? (unsigned)(out[n - 2] << 8 | out[n - 1]) : 0;
}

#define AID "A0 00 00 00 63 50 4B 43 53 2D 31 35"
#define SELECT_APP "00 A4 04 00 0C " AID
#define PIN1 "31 32 33 34 FF FF FF FF"
#define PIN2 "31 32 33 34 35 36 FF FF"
#define PUK1 "31 32 33 34 35 36 37 38"

#endif

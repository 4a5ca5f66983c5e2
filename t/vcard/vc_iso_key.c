/* The security environment and RSA keys by ISO/IEC 7816-8, as SetCOS and MIOCOS have them. */
#include <openssl/crypto.h>
#include <string.h>

#include "t/vcard/vc_iso.h"

#define DST 0xB6                /* P2: template of a signature, of a confidentiality operation */
#define CT 0xB8

enum { ALG_RAW = 0x00, ALG_PKCS1 = 0x02, ALG_PKCS1_SHA1 = 0x12 };

#define SHA1_BYTES 20

/* Control reference objects of MSE SET; a NULL value is one that was not given. */
struct references { const uint8_t *alg, *file, *key; size_t file_len; };

static uint16_t read_references(const struct vc_cmd *cmd, bool keyref, struct references *refs)
{
	const uint8_t *p = cmd->data;
	size_t n = cmd->lc, len;

	for (; n != 0; p += 2 + len, n -= 2 + len) {
		if (n < 2 || n - 2 < p[1])
			return SW_DATA;
		len = p[1];
		if (p[0] == 0x80 && len == 1) {
			refs->alg = p + 2;
		} else if (p[0] == 0x81 && len != 0) {
			refs->file = p + 2;
			refs->file_len = len;
		} else if (p[0] == 0x84 && len == 1 && keyref) {
			refs->key = p + 2;
		} else {
			return SW_DATA;
		}
	}
	return SW_OK;
}

/* The key that a file reference (child of the current DF, or path from the MF) and a key reference name. */
static struct vc_file *find_key(const struct vc_card *c, const struct references *refs)
{
	const uint8_t *path = refs->file;
	size_t len = refs->file_len;
	struct vc_file *f;

	if (path == NULL) {
		f = vc_file_key(c, c->df, refs->key[0]);
	} else if (len == 2) {
		f = vc_file_child(c, c->df, (uint16_t)(path[0] << 8 | path[1]));
	} else {
		if (path[0] == 0x3F && path[1] == 0x00) {
			path += 2;
			len -= 2;
		}
		f = vc_file_path(c, c->files, path, len);
	}
	if (f == NULL || f->key == NULL || (refs->key != NULL && f->ref != refs->key[0]))
		return NULL;
	return f;
}

uint16_t vc_iso_mse(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out)
{
	const struct vc_iso_ways *ways = vc_iso_ways(c);
	struct references refs = { 0 };
	struct vc_se se = { .use = cmd->p2, .dir = cmd->p1 };
	uint16_t sw;

	(void)out;
	if (!(cmd->p1 == ways->sign_p1 && cmd->p2 == DST) && !(cmd->p1 == 0x41 && cmd->p2 == CT))
		return SW_P1P2;
	sw = read_references(cmd, ways->keyref, &refs);
	if (sw != SW_OK)
		return sw;
	if (refs.alg == NULL || (refs.file == NULL && refs.key == NULL) || refs.file_len % 2 != 0)
		return SW_DATA;
	se.alg = refs.alg[0];
	if (se.alg != ALG_RAW && se.alg != ALG_PKCS1 && se.alg != ALG_PKCS1_SHA1)
		return SW_DATA;
	se.key = find_key(c, &refs);
	if (se.key == NULL)
		return SW_REF_NOT_FOUND;
	c->se = se;
	return SW_OK;
}

/* The key of the environment, for a use of it; NULL with a status word. */
static struct vc_file *key_for(struct vc_card *c, uint8_t template, uint8_t use, uint16_t *sw)
{
	struct vc_file *key = c->se.key;
	const struct vc_pin *pin;

	*sw = SW_OK;
	if (key == NULL || c->se.use != template || !(key->use & use)) {
		*sw = SW_CONDITIONS;
	} else if (!vc_iso_may(c, key, VC_ISO_USE)) {
		*sw = SW_SECURITY;
	} else {
		/* A PIN made after its key has no number in it yet. */
		pin = vc_iso_pin(c, key, vc_iso_file(key)->right[VC_ISO_USE]);
		key->pin = pin != NULL ? (uint8_t)(pin - c->pin) : 0;
	}
	return *sw == SW_OK ? key : NULL;
}

static uint16_t sign(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out)
{
	uint8_t block[VC_RSA_MAX], info[83];
	const uint8_t *data = cmd->data;
	size_t len = cmd->lc, k;
	uint16_t sw;
	struct vc_file *key = key_for(c, DST, VC_SIGN, &sw);

	if (key == NULL)
		return sw;
	k = vc_key_bytes(key);
	if (c->se.alg == ALG_PKCS1_SHA1) {
		if (len != SHA1_BYTES)
			return SW_LENGTH;
		len = vc_digest_info("SHA1", data, len, info);
		data = info;
	}
	if (c->se.alg == ALG_RAW ? len != k : len == 0 || len > k - 11)
		return SW_LENGTH;
	if (c->se.alg == ALG_RAW ? !vc_rsa_raw(key, data, block) : !vc_rsa_pkcs1(key, data, len, block))
		return SW_DATA;
	vc_blob_add(out, block, k);
	vc_pin_used(c, key);
	return SW_OK;
}

static uint16_t decipher(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out)
{
	uint8_t plain[VC_RSA_MAX];
	size_t k;
	int n;
	uint16_t sw;
	struct vc_file *key = key_for(c, CT, VC_DECIPHER, &sw);

	if (key == NULL)
		return sw;
	k = vc_key_bytes(key);
	if (cmd->lc != k + 1)
		return SW_LENGTH;
	if (cmd->data[0] != 0x00)       /* padding indicator: nothing further */
		return SW_DATA;
	if (c->se.alg == ALG_RAW)
		n = vc_rsa_raw(key, cmd->data + 1, plain) ? (int)k : -1;
	else
		n = vc_rsa_decrypt(key, NULL, cmd->data + 1, plain);
	if (n >= 0)
		vc_blob_add(out, plain, (size_t)n);
	OPENSSL_cleanse(plain, sizeof plain);
	vc_pin_used(c, key);
	return n >= 0 ? SW_OK : SW_DATA;
}

uint16_t vc_iso_pso(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out)
{
	if (cmd->p1 == 0x9E && cmd->p2 == 0x9A)
		return sign(c, cmd, out);
	if (cmd->p1 == 0x80 && cmd->p2 == 0x86)
		return decipher(c, cmd, out);
	return SW_P1P2;
}

#include "token/soft_int.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "base/err.h"

#define KDF_BYTES_MAX 65536 /* no key is longer */

/* OpenSSL 3.0's own dies when memory runs out. Source: SEC 1 v2.0 3.6.1 (ANSI X9.63 KDF). */
static int
kdf_x963(struct soft *s, enum hash h, struct view x, struct view shared, size_t want,
    struct buf *out)
{
	struct buf in = BUF_INIT_SECRET, key = BUF_INIT_SECRET;
	int r = 0;

	for (uint32_t i = 1; !r && key.len < want; i++) {
		buf_reset(&in);
		buf_view(&in, x);
		buf_be32(&in, i);
		buf_view(&in, shared);
		if (!(r = buf_err(&in)))
			r = soft_hash(s, h, buf_peek(&in), &key);
	}
	if (!r) {
		buf_put(out, key.p, want);
		r = buf_err(out);
	}
	buf_free(&in);
	buf_free(&key);
	return r;
}

CK_RV
soft_kdf(struct soft *s, const struct mech_params *p, struct view x, size_t want, struct buf *out)
{
	enum hash h;
	int r;

	if (!mech_kdf(p->kdf, &h))
		return CKR_MECHANISM_PARAM_INVALID;
	if (!want)
		want = x.len;
	if (!x.len || want > KDF_BYTES_MAX || (h == HASH_NONE && want > x.len))
		return CKR_TEMPLATE_INCONSISTENT;
	if (h == HASH_NONE) {
		buf_view(out, view_part(x, x.len - want, want));
		return buf_err(out) ? CKR_HOST_MEMORY : CKR_OK;
	}
	r = kdf_x963(s, h, x, buf_peek(&p->shared), want, out);
	if (r == E_MEM)
		return CKR_HOST_MEMORY;
	return r ? CKR_FUNCTION_FAILED : CKR_OK;
}

int
soft_stretch(struct soft *s, struct view secret, struct view salt, unsigned rounds, size_t n,
    struct buf *out)
{
	char sha256[] = "SHA256";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, sha256, 0),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PASSWORD,
		    (void *)(uintptr_t)secret.p, secret.len),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)(uintptr_t)salt.p,
		    salt.len),
		OSSL_PARAM_construct_uint(OSSL_KDF_PARAM_ITER, &rounds),
		OSSL_PARAM_construct_end(),
	};
	size_t start = out->len;
	uint8_t *p = buf_room(out, n);
	EVP_KDF_CTX *ctx;
	EVP_KDF *kdf;
	int ok;

	if (!p)
		return E_MEM;
	ERR_set_mark();
	kdf = EVP_KDF_fetch(s->ctx, "PBKDF2", NULL);
	ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
	ok = ctx ? EVP_KDF_derive(ctx, p, n, params) : 0;
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
	ERR_pop_to_mark();
	if (ok != 1)
		buf_trim(out, start);
	return ok == 1 ? 0 : E_CRYPTO;
}

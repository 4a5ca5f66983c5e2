#include "token/soft_int.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "base/err.h"

#define KDF_BYTES_MAX 65536 /* no key is longer */

/* Source: SEC 1 v2.0 3.6.1 (ANSI X9.63 KDF). */
static int
kdf_x963(struct soft *s, enum hash h, const struct mech_params *p, struct view x, struct view out)
{
	EVP_KDF *kdf;
	EVP_KDF_CTX *ctx = NULL;
	OSSL_PARAM params[4], *at = params;
	bool ok;

	*at++ = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST,
	    (char *)(uintptr_t)hash_info(h)->name, 0);
	*at++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)x.p, x.len);
	if (p->shared.len)
		*at++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, p->shared.p,
		    p->shared.len);
	*at = OSSL_PARAM_construct_end();
	ERR_set_mark();
	kdf = EVP_KDF_fetch(s->ctx, OSSL_KDF_NAME_X963KDF, NULL);
	ok = kdf && (ctx = EVP_KDF_CTX_new(kdf)) &&
	    EVP_KDF_derive(ctx, (unsigned char *)(uintptr_t)out.p, out.len, params) == 1;
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
	ERR_pop_to_mark();
	return ok ? 0 : E_CRYPTO;
}

CK_RV
soft_kdf(struct soft *s, const struct mech_params *p, struct view x, size_t want, struct buf *out)
{
	size_t start = out->len;
	enum hash h;
	uint8_t *room;

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
	if (!(room = buf_room(out, want)))
		return CKR_HOST_MEMORY;
	if (kdf_x963(s, h, p, x, view_of(room, want))) {
		buf_trim(out, start);
		return CKR_FUNCTION_FAILED;
	}
	return CKR_OK;
}

#include "token/soft_int.h"

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

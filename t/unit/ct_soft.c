/* For test_soft_ct.sh: takes padding off blocks whose bytes Memcheck is told are undefined, so
 * that every branch and every address that depends on them is reported. */
#include <string.h>

#include "token/soft_int.h"

#if defined __has_include
#if __has_include(<valgrind/memcheck.h>)
#include <valgrind/memcheck.h>
#endif
#endif

#ifdef VALGRIND_MAKE_MEM_UNDEFINED
#define HIDE(p, n) (void)VALGRIND_MAKE_MEM_UNDEFINED(p, n)
#define SHOW(p, n) (void)VALGRIND_MAKE_MEM_DEFINED(p, n)
#define CAN_HIDE   (RUNNING_ON_VALGRIND != 0)
#else
#define HIDE(p, n) (void)0
#define SHOW(p, n) (void)0
#define CAN_HIDE   false
#endif

#define K 256

static CK_RV
unpad(struct soft *s, CK_MECHANISM_TYPE type, const struct mech_params *p, struct buf *block,
    struct buf *out)
{
	CK_RV rv;

	buf_reset(out);
	HIDE(block->p, block->len);
	rv = soft_unpad(s, mech_find(type), p, buf_peek(block), out);
	SHOW(&rv, sizeof rv);
	SHOW(out, sizeof *out);
	SHOW(out->p, out->cap);
	SHOW(block->p, block->len);
	return rv;
}

/* The good block gives the message back; with one byte changed anywhere, no report either. */
static bool
try_block(struct soft *s, CK_MECHANISM_TYPE type, const struct mech_params *p, struct buf *block)
{
	struct buf out = BUF_INIT_SECRET;
	bool good = unpad(s, type, p, block, &out) == CKR_OK &&
	    view_eq(buf_peek(&out), view_str("message"));

	for (size_t i = 0; i < block->len; i += 5) {
		block->p[i] ^= 0x41;
		unpad(s, type, p, block, &out);
		block->p[i] ^= 0x41;
	}
	buf_free(&out);
	return good;
}

int
main(void)
{
	struct mech_params p = { .hash = HASH_SHA256, .mgf = HASH_SHA1 };
	struct soft *s = soft_new();
	struct buf block = BUF_INIT_SECRET;
	bool good;

	if (!CAN_HIDE || !s)
		return 77;
	if (soft_pkcs1_type2(s, K, view_str("message"), &block) != CKR_OK)
		return 1;
	good = try_block(s, CKM_RSA_PKCS, &p, &block);
	buf_reset(&block);
	if (soft_oaep_encode(s, &p, K, view_str("message"), &block) != CKR_OK)
		return 1;
	good = try_block(s, CKM_RSA_PKCS_OAEP, &p, &block) && good;
	buf_free(&block);
	soft_free(&s);
	return !good;
}

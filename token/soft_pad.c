#include "token/soft_int.h"

#include <openssl/crypto.h>
#include <string.h>

#include "base/err.h"

#define HASH_MAX      64 /* bytes of SHA-512 */
#define PKCS1_HEAD    11 /* 00 02, eight bytes, 00 */
#define PSS_TRAILER   0xBC

/* Constant time: a mask is 0 or all ones, and nothing below branches on one or uses one, or
 * anything made with one, as an address. The barrier keeps the compiler from finding out
 * that there are only two values and branching after all. */

static size_t
barrier(size_t a)
{
	__asm__("" : "+r"(a));
	return a;
}

static size_t
ct_msb(size_t a)
{
	return 0 - (a >> (sizeof a * 8 - 1));
}

static size_t
ct_is_zero(size_t a)
{
	return barrier(ct_msb(~a & (a - 1)));
}

static size_t
ct_eq(size_t a, size_t b)
{
	return ct_is_zero(a ^ b);
}

/* a < b, for lengths: both far below half the range */
static size_t
ct_lt(size_t a, size_t b)
{
	return barrier(ct_msb(a - b));
}

static size_t
ct_select(size_t mask, size_t a, size_t b)
{
	return (barrier(mask) & a) | (barrier(~mask) & b);
}

/* Moves the last `len` bytes of x to its front, touching every byte the same way whatever
 * len is: one pass for each bit of the distance. */
static void
ct_tail_to_front(uint8_t *x, size_t n, size_t len)
{
	size_t distance = n - len, mask;

	for (size_t step = 1; step < n; step <<= 1) {
		mask = ~ct_is_zero(distance & step);
		for (size_t i = 0; i + step < n; i++)
			x[i] = (uint8_t)ct_select(mask, x[i + step], x[i]);
	}
}

/* Appends the message of `len` bytes at the end of x, or nothing unless good. The room taken
 * is that of the longest message and all of it is written, zeros behind the message; what is
 * set by the secret is `out->len` alone. */
static CK_RV
ct_hand_out(uint8_t *x, size_t n, size_t len, size_t good, struct buf *out)
{
	size_t start = out->len;
	uint8_t *p;

	len = ct_select(good, len, 0);
	ct_tail_to_front(x, n, len);
	if (!(p = buf_room(out, n)))
		return CKR_HOST_MEMORY;
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)ct_select(ct_lt(i, barrier(len)), x[i], 0);
	out->len = start + len;
	return (CK_RV)ct_select(good, CKR_OK, CKR_ENCRYPTED_DATA_INVALID);
}

/* Source: RFC 8017 7.2.2 step 3. */
static CK_RV
unpad_pkcs1(struct soft *s, const struct mech_params *p, struct view block, struct buf *out)
{
	struct buf copy = BUF_INIT_SECRET;
	size_t k = block.len, zero_at = 0, found = 0, good, is_zero;
	CK_RV rv;

	(void)s;
	(void)p;
	if (k < PKCS1_HEAD)
		return CKR_ENCRYPTED_DATA_INVALID;
	buf_view(&copy, block);
	if (buf_err(&copy))
		return CKR_HOST_MEMORY;
	good = ct_is_zero(copy.p[0]) & ct_eq(copy.p[1], 2);
	for (size_t i = 2; i < k; i++) {
		is_zero = ct_is_zero(copy.p[i]);
		zero_at = ct_select(~found & is_zero, i, zero_at);
		found |= is_zero;
	}
	good &= found & ~ct_lt(zero_at, PKCS1_HEAD - 1);
	/* with a bad block zero_at is anything; the length is then put to 0 */
	rv = ct_hand_out(copy.p + PKCS1_HEAD, k - PKCS1_HEAD,
	    ct_select(good, k - 1 - zero_at, 0), good, out);
	buf_free(&copy);
	return rv;
}

int
soft_mgf1_xor(struct soft *s, enum hash h, struct view seed, uint8_t *x, size_t k)
{
	const struct hash_info *hi = hash_info(h);
	struct buf mask = BUF_INIT_SECRET, in = BUF_INIT_SECRET;
	int r = 0;

	for (uint32_t i = 0; !r && mask.len < k; i++) {
		buf_reset(&in);
		buf_view(&in, seed);
		buf_be32(&in, i);
		r = buf_err(&in);
		if (!r)
			r = soft_hash(s, h, buf_peek(&in), &mask);
	}
	for (size_t i = 0; hi && !r && i < k; i++)
		x[i] ^= mask.p[i];
	buf_free(&mask);
	buf_free(&in);
	return r;
}

/* Source: RFC 8017 7.1.2 step 3. */
static CK_RV
unpad_oaep(struct soft *s, const struct mech_params *p, struct view block, struct buf *out)
{
	struct buf copy = BUF_INIT_SECRET, label_hash = BUF_INIT;
	const struct hash_info *hi = hash_info(p->hash);
	size_t k = block.len, h, n, good, looking, one, one_at = 0;
	uint8_t *seed, *db;
	CK_RV rv = CKR_FUNCTION_FAILED;

	if (!hi || k < 2 * hi->size + 2)
		return CKR_ENCRYPTED_DATA_INVALID;
	h = hi->size;
	n = k - 1 - h;
	buf_view(&copy, block);
	if (soft_hash(s, p->hash, buf_peek(&p->label), &label_hash) || buf_err(&copy))
		goto out;
	seed = copy.p + 1;
	db = seed + h;
	if (soft_mgf1_xor(s, p->mgf, view_of(db, n), seed, h) ||
	    soft_mgf1_xor(s, p->mgf, view_of(seed, h), db, n))
		goto out;
	good = ct_is_zero(copy.p[0]);
	good &= ct_is_zero((size_t)(unsigned)CRYPTO_memcmp(db, label_hash.p, h));
	looking = ~(size_t)0;
	for (size_t i = h; i < n; i++) {
		one = ct_eq(db[i], 1);
		one_at = ct_select(looking & one, i, one_at);
		looking &= ~one;
		good &= ~looking | ct_is_zero(db[i]);
	}
	good &= ~looking;
	rv = ct_hand_out(db + h + 1, n - h - 1, ct_select(good, n - 1 - one_at, 0), good, out);
out:
	buf_free(&copy);
	buf_free(&label_hash);
	return rv;
}

/* CKM_RSA_X_509 has nothing to take off. */
static CK_RV
unpad_none(struct soft *s, const struct mech_params *p, struct view block, struct buf *out)
{
	(void)s;
	(void)p;
	buf_view(out, block);
	return buf_err(out) ? CKR_HOST_MEMORY : CKR_OK;
}

static const struct {
	enum scheme scheme;
	int own; /* what a card has done that took all of it off; -1: none does */
	bool prefer_own; /* before the raw operation, which can do more */
	CK_RV (*unpad)(struct soft *s, const struct mech_params *p, struct view block,
	    struct buf *out);
} ciphers[] = {
	{ SCHEME_RSA_PKCS1, ALG_RSA_PKCS1, true, unpad_pkcs1 },
	{ SCHEME_RSA_OAEP, ALG_RSA_OAEP, false, unpad_oaep },
	{ SCHEME_RSA_RAW, -1, false, unpad_none },
};

#define CIPHERS (sizeof ciphers / sizeof ciphers[0])

CK_RV
soft_decrypt_alg(const struct mech *m, unsigned card_algs, enum card_alg *alg)
{
	bool own;

	for (size_t i = 0; i < CIPHERS; i++) {
		if (ciphers[i].scheme != m->scheme)
			continue;
		own = ciphers[i].own >= 0 && card_algs & 1u << ciphers[i].own;
		if (own && (ciphers[i].prefer_own || !(card_algs & 1u << ALG_RSA_RAW)))
			*alg = (enum card_alg)ciphers[i].own;
		else if (card_algs & 1u << ALG_RSA_RAW)
			*alg = ALG_RSA_RAW;
		else
			return CKR_MECHANISM_INVALID;
		return CKR_OK;
	}
	return CKR_MECHANISM_INVALID;
}

CK_RV
soft_unpad(struct soft *s, const struct mech *m, const struct mech_params *p,
    struct view block, struct buf *out)
{
	for (size_t i = 0; i < CIPHERS; i++)
		if (ciphers[i].scheme == m->scheme)
			return ciphers[i].unpad(s, p, block, out);
	return CKR_MECHANISM_INVALID;
}

CK_RV
soft_pss_encode(struct soft *s, const struct soft_pss *pss, unsigned bits, struct view digest,
    struct buf *block)
{
	const struct hash_info *hi = hash_info(pss->hash);
	size_t k = (bits + 7) / 8, em = (bits - 1 + 7) / 8, h = hi->size, db_len, start;
	struct buf salt = BUF_INIT, in = BUF_INIT, hash = BUF_INIT;
	uint8_t *p;
	CK_RV rv = CKR_HOST_MEMORY;

	if (em < h + pss->salt_len + 2)
		return CKR_KEY_SIZE_RANGE;
	if (soft_random(s, pss->salt_len, &salt)) {
		rv = CKR_FUNCTION_FAILED;
		goto out;
	}
	buf_fill(&in, 0, 8);
	buf_view(&in, digest);
	buf_view(&in, buf_peek(&salt));
	if (buf_err(&in))
		goto out;
	if (soft_hash(s, pss->hash, buf_peek(&in), &hash)) {
		rv = CKR_FUNCTION_FAILED;
		goto out;
	}
	start = block->len;
	buf_room(block, k);
	if (buf_err(block))
		goto out;
	/* a modulus of 8n + 1 bits leaves the first byte out of it */
	p = block->p + start + (k - em);
	db_len = em - h - 1;
	p[db_len - pss->salt_len - 1] = 1;
	if (pss->salt_len)
		memcpy(p + db_len - pss->salt_len, salt.p, pss->salt_len);
	memcpy(p + db_len, hash.p, h);
	p[em - 1] = PSS_TRAILER;
	if (soft_mgf1_xor(s, pss->mgf, buf_peek(&hash), p, db_len)) {
		buf_trim(block, start);
		rv = CKR_FUNCTION_FAILED;
		goto out;
	}
	p[0] = (uint8_t)(p[0] & 0xFF >> (8 * em - (bits - 1)));
	rv = CKR_OK;
out:
	buf_free(&salt);
	buf_free(&in);
	buf_free(&hash);
	return rv;
}

CK_RV
soft_oaep_encode(struct soft *s, const struct mech_params *p, size_t k, struct view data,
    struct buf *block)
{
	const struct hash_info *hi = hash_info(p->hash);
	struct buf em = BUF_INIT_SECRET;
	size_t h = hi->size, n;
	CK_RV rv = CKR_FUNCTION_FAILED;

	if (k < 2 * h + 2)
		return CKR_KEY_SIZE_RANGE;
	if (data.len > k - 2 * h - 2)
		return CKR_DATA_LEN_RANGE;
	n = k - 1 - h;
	buf_u8(&em, 0);
	if (soft_random(s, h, &em) || soft_hash(s, p->hash, buf_peek(&p->label), &em))
		goto out;
	buf_fill(&em, 0, k - 2 * h - 2 - data.len);
	buf_u8(&em, 1);
	buf_view(&em, data);
	if (buf_err(&em)) {
		rv = CKR_HOST_MEMORY;
		goto out;
	}
	if (soft_mgf1_xor(s, p->mgf, view_of(em.p + 1, h), em.p + 1 + h, n) ||
	    soft_mgf1_xor(s, p->mgf, view_of(em.p + 1 + h, n), em.p + 1, h))
		goto out;
	buf_view(block, buf_peek(&em));
	rv = buf_err(block) ? CKR_HOST_MEMORY : CKR_OK;
out:
	buf_free(&em);
	return rv;
}

void
soft_pkcs1_type1(size_t k, struct view data, struct buf *block)
{
	buf_be16(block, 0x0001);
	buf_fill(block, 0xFF, k - 3 - data.len);
	buf_u8(block, 0);
	buf_view(block, data);
}

CK_RV
soft_pkcs1_type2(struct soft *s, size_t k, struct view data, struct buf *block)
{
	size_t start, pad = k - 3 - data.len;

	buf_be16(block, 0x0002);
	start = block->len;
	if (soft_random(s, pad, block))
		return CKR_FUNCTION_FAILED;
	for (size_t i = start; i < start + pad; i++)
		while (!block->p[i])
			if (!s->random(s, block->p + i, 1))
				return CKR_FUNCTION_FAILED;
	buf_u8(block, 0);
	buf_view(block, data);
	return buf_err(block) ? CKR_HOST_MEMORY : CKR_OK;
}

bool
soft_pkcs1_type1_parse(struct view block, struct view *data)
{
	size_t i = 2;

	if (block.len < PKCS1_HEAD || block.p[0] != 0 || block.p[1] != 1)
		return false;
	while (i < block.len && block.p[i] == 0xFF)
		i++;
	if (i < PKCS1_HEAD - 1 || i == block.len || block.p[i] != 0)
		return false;
	*data = view_part(block, i + 1, block.len - i - 1);
	return true;
}

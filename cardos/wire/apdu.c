#include "cardos/wire/apdu.h"

#include "base/err.h"

#define LE_MAX 65536u

/* Lc, data and Le of the extended form, one 00 in front of the first of them.
 * Source: ISO 7816-4 5.2. */
static void
put_extended(const struct apdu *a, struct buf *out)
{
	buf_u8(out, 0);
	if (a->data.len) {
		buf_be16(out, (unsigned)a->data.len);
		buf_view(out, a->data);
	}
	if (a->le != LE_NONE)
		buf_be16(out, a->le & 0xFFFF);
}

int
apdu_encode(const struct apdu *a, struct buf *out)
{
	if (a->data.len > APDU_DATA_MAX || a->le > LE_MAX)
		return E_ARG;
	buf_u8(out, a->cla);
	buf_u8(out, a->ins);
	buf_u8(out, a->p1);
	buf_u8(out, a->p2);
	if (a->data.len > SHORT_DATA_MAX || a->le > LE_ANY) {
		put_extended(a, out);
		return buf_err(out);
	}
	if (a->data.len) {
		buf_u8(out, (unsigned)a->data.len);
		buf_view(out, a->data);
	}
	if (a->le != LE_NONE)
		buf_u8(out, a->le & 0xFF);
	return buf_err(out);
}

int
apdu_answer(struct view answer, struct buf *data, uint16_t *sw)
{
	if (answer.len < 2)
		return E_PROTOCOL;
	*sw = (uint16_t)(answer.p[answer.len - 2] << 8 | answer.p[answer.len - 1]);
	buf_put(data, answer.p, answer.len - 2);
	return buf_err(data);
}

/* What follows the 00 of an extended command: Le, or Lc and data, or all three. */
static int
get_extended(struct view v, struct apdu *a)
{
	unsigned n;

	if (!view_be16(&v, &n))
		return E_FORMAT;
	if (!v.len) {
		a->le = n ? n : LE_MAX;
		return 0;
	}
	if (!n || !view_take(&v, n, &a->data))
		return E_FORMAT;
	if (!v.len)
		return 0;
	if (!view_be16(&v, &n) || v.len)
		return E_FORMAT;
	a->le = n ? n : LE_MAX;
	return 0;
}

int
apdu_decode(struct view cmd, struct apdu *a)
{
	struct view v = cmd, head;
	unsigned n;

	*a = (struct apdu){ 0 };
	if (!view_take(&v, 4, &head))
		return E_FORMAT;
	a->cla = head.p[0];
	a->ins = head.p[1];
	a->p1 = head.p[2];
	a->p2 = head.p[3];
	if (!view_u8(&v, &n))
		return 0;
	if (!v.len) {
		a->le = n ? n : LE_ANY;
		return 0;
	}
	if (!n)
		return get_extended(v, a);
	if (!view_take(&v, n, &a->data))
		return E_FORMAT;
	if (!v.len)
		return 0;
	if (!view_u8(&v, &n) || v.len)
		return E_FORMAT;
	a->le = n ? n : LE_ANY;
	return 0;
}

void
resp_free(struct resp *r)
{
	buf_free(&r->data);
	r->sw = 0;
}

#include "base/starred.h"

#include <string.h>

#include "base/err.h"

static bool
is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

struct view
starred_trim(struct view v)
{
	while (v.len && is_blank(v.p[0]))
		v = view_part(v, 1, v.len);
	while (v.len && is_blank(v.p[v.len - 1]))
		v.len--;
	return v;
}

bool
starred_begins(struct view v, const char *word, struct view *rest)
{
	size_t n = strlen(word);

	if (v.len < n || memcmp(v.p, word, n) != 0)
		return false;
	*rest = starred_trim(view_part(v, n, v.len));
	return true;
}

/* `[*n]` off the front. */
static int
take_star(struct view *v, struct buf *bytes, struct buf *mask)
{
	size_t n = 0, i = 2;

	if (v->len < 4 || v->p[1] != '*')
		return E_FORMAT;
	for (; i < v->len && v->p[i] >= '0' && v->p[i] <= '9'; i++)
		if ((n = n * 10 + (v->p[i] - '0')) > STARRED_MAX)
			return E_FORMAT;
	if (i == 2 || i == v->len || v->p[i] != ']')
		return E_FORMAT;
	*v = view_part(*v, i + 1, v->len);
	buf_fill(bytes, 0, n);
	buf_fill(mask, 0, n);
	return buf_err(mask);
}

/* Digits off the front, up to a blank or a star. */
static int
take_hex(struct view *v, struct buf *bytes, struct buf *mask)
{
	size_t n = 0, before = bytes->len;
	int err;

	while (n < v->len && !is_blank(v->p[n]) && v->p[n] != '[')
		n++;
	if ((err = hex_parse((const char *)v->p, n, bytes)))
		return err;
	buf_fill(mask, 0xFF, bytes->len - before);
	*v = view_part(*v, n, v->len);
	return buf_err(mask);
}

int
starred_parse(struct view v, size_t most, struct buf *bytes, struct buf *mask, struct view *comment)
{
	const uint8_t *hash = v.len ? memchr(v.p, '#', v.len) : NULL;
	size_t before = bytes->len;
	int err = 0;

	if (comment)
		*comment = hash ? view_of(hash, (size_t)(v.p + v.len - hash)) : view_of(NULL, 0);
	if (hash)
		v.len = (size_t)(hash - v.p);
	while (!err && (v = starred_trim(v)).len) {
		err = v.p[0] == '[' ? take_star(&v, bytes, mask) : take_hex(&v, bytes, mask);
		if (!err && bytes->len - before > most)
			err = E_LIMIT;
	}
	return err;
}

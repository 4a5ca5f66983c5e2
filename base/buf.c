#include "base/buf.h"

#include <openssl/crypto.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

static const char hex_digits[] = "0123456789ABCDEF";

void
buf_free(struct buf *b)
{
	if (b->secret && b->p)
		OPENSSL_cleanse(b->p, b->cap);
	free(b->p);
	b->p = NULL;
	b->len = b->cap = 0;
	b->bad = false;
}

void
buf_reset(struct buf *b)
{
	if (b->secret && b->p)
		OPENSSL_cleanse(b->p, b->cap);
	b->len = 0;
	b->bad = false;
}

int
buf_err(const struct buf *b)
{
	return b->bad ? E_MEM : 0;
}

/* realloc would leave a copy of a secret behind, so growth is always allocate, copy, free. */
static bool
grow(struct buf *b, size_t n)
{
	uint8_t *p;
	size_t cap;

	if (b->bad || n > BUF_MAX || b->len > BUF_MAX - n) {
		b->bad = true;
		return false;
	}
	if (b->len + n <= b->cap)
		return true;
	cap = b->cap ? b->cap * 2 : 64;
	while (cap < b->len + n)
		cap *= 2;
	if (!(p = malloc(cap))) {
		b->bad = true;
		return false;
	}
	if (b->p) {
		memcpy(p, b->p, b->len);
		if (b->secret)
			OPENSSL_cleanse(b->p, b->cap);
		free(b->p);
	}
	b->p = p;
	b->cap = cap;
	return true;
}

uint8_t *
buf_room(struct buf *b, size_t n)
{
	uint8_t *p;

	if (!grow(b, n ? n : 1))
		return NULL;
	p = b->p + b->len;
	memset(p, 0, n);
	b->len += n;
	return p;
}

void
buf_put(struct buf *b, const void *p, size_t n)
{
	if (!n || !grow(b, n))
		return;
	memcpy(b->p + b->len, p, n);
	b->len += n;
}

void
buf_view(struct buf *b, struct view v)
{
	buf_put(b, v.p, v.len);
}

void
buf_u8(struct buf *b, unsigned v)
{
	uint8_t byte = (uint8_t)v;

	buf_put(b, &byte, 1);
}

void
buf_be16(struct buf *b, unsigned v)
{
	buf_u8(b, v >> 8);
	buf_u8(b, v);
}

void
buf_be32(struct buf *b, uint32_t v)
{
	buf_be16(b, v >> 16);
	buf_be16(b, v);
}

void
buf_fill(struct buf *b, uint8_t byte, size_t n)
{
	uint8_t *p = buf_room(b, n);

	if (p)
		memset(p, byte, n);
}

void
buf_str(struct buf *b, const char *s)
{
	buf_put(b, s, strlen(s));
}

void
buf_fmt(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0 || !grow(b, (size_t)n + 1)) {
		b->bad = true;
		return;
	}
	va_start(ap, fmt);
	vsnprintf((char *)b->p + b->len, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)n;
}

void
buf_hex(struct buf *b, struct view v)
{
	for (size_t i = 0; i < v.len; i++) {
		buf_u8(b, (unsigned char)hex_digits[v.p[i] >> 4]);
		buf_u8(b, (unsigned char)hex_digits[v.p[i] & 15]);
	}
}

const char *
buf_text(struct buf *b)
{
	if (!grow(b, 1))
		return "";
	b->p[b->len] = 0;
	return (const char *)b->p;
}

void
buf_trim(struct buf *b, size_t n)
{
	if (n >= b->len)
		return;
	if (b->secret)
		OPENSSL_cleanse(b->p + n, b->len - n);
	b->len = n;
}

void
buf_move(struct buf *dst, struct buf *src)
{
	bool secret = dst->secret || src->secret;

	buf_free(dst);
	*dst = *src;
	dst->secret = secret;
	src->p = NULL;
	src->len = src->cap = 0;
	src->bad = false;
}

struct view
buf_peek(const struct buf *b)
{
	return b->bad ? view_of(NULL, 0) : view_of(b->p, b->len);
}

struct view
view_of(const void *p, size_t n)
{
	struct view v = { p, n };

	return v;
}

struct view
view_str(const char *s)
{
	return view_of(s, strlen(s));
}

bool
view_take(struct view *v, size_t n, struct view *out)
{
	if (v->len < n)
		return false;
	*out = view_of(v->p, n);
	if (n)
		v->p += n;
	v->len -= n;
	return true;
}

bool
view_u8(struct view *v, unsigned *out)
{
	struct view b;

	if (!view_take(v, 1, &b))
		return false;
	*out = b.p[0];
	return true;
}

bool
view_be16(struct view *v, unsigned *out)
{
	struct view b;

	if (!view_take(v, 2, &b))
		return false;
	*out = (unsigned)b.p[0] << 8 | b.p[1];
	return true;
}

bool
view_be32(struct view *v, uint32_t *out)
{
	struct view b;

	if (!view_take(v, 4, &b))
		return false;
	*out = (uint32_t)b.p[0] << 24 | (uint32_t)b.p[1] << 16 | (uint32_t)b.p[2] << 8 | b.p[3];
	return true;
}

bool
view_eq(struct view a, struct view b)
{
	return a.len == b.len && (!a.len || memcmp(a.p, b.p, a.len) == 0);
}

struct view
view_part(struct view v, size_t off, size_t n)
{
	if (off >= v.len)
		return view_of(NULL, 0);
	return view_of(v.p + off, n < v.len - off ? n : v.len - off);
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

int
hex_parse(const char *text, size_t len, struct buf *b)
{
	size_t start = b->len;
	int hi, lo;

	for (size_t i = 0; i < len; i++) {
		if (text[i] == ' ' || text[i] == '\t')
			continue;
		hi = hex_digit(text[i]);
		lo = i + 1 < len ? hex_digit(text[i + 1]) : -1;
		if (hi < 0 || lo < 0) {
			if (!b->bad)
				buf_trim(b, start);
			return E_FORMAT;
		}
		buf_u8(b, (unsigned)(hi << 4 | lo));
		i++;
	}
	return buf_err(b);
}

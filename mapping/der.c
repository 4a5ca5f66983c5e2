#include "mapping/der.h"

bool
der_next(struct view *v, struct der *out)
{
	struct view rest = *v, content;
	unsigned tag, byte;
	size_t len;

	/* Tag 00 is BER's end-of-contents: no element of a definite-length file has it. */
	if (!view_u8(&rest, &tag) || tag == 0)
		return false;
	if ((tag & 0x1F) == 0x1F) {
		if (!view_u8(&rest, &byte) || byte & 0x80)
			return false;
		tag = tag << 8 | byte;
	}
	if (!view_u8(&rest, &byte))
		return false;
	len = byte;
	if (byte & 0x80) {
		unsigned n = byte & 0x7F;

		if (n < 1 || n > 4)
			return false;
		for (len = 0; n; n--) {
			if (!view_u8(&rest, &byte))
				return false;
			len = len << 8 | byte;
		}
	}
	if (!view_take(&rest, len, &content))
		return false;
	out->tag = tag;
	out->content = content;
	out->whole = view_of(v->p, v->len - rest.len);
	*v = rest;
	return true;
}

bool
der_take(struct view *v, unsigned tag, struct der *out)
{
	struct view rest = *v;
	struct der d;

	if (!der_next(&rest, &d) || d.tag != tag)
		return false;
	*out = d;
	*v = rest;
	return true;
}

bool
der_uint(struct view content, bool wrap, unsigned *out)
{
	unsigned value = 0, byte;

	if (content.len == 0)
		return false;
	if (content.p[0] & 0x80) {
		if (!wrap || content.len != 1)
			return false;
		*out = content.p[0];
		return true;
	}
	content = der_magnitude(content);
	if (content.len > 4)
		return false;
	while (view_u8(&content, &byte))
		value = value << 8 | byte;
	*out = value;
	return true;
}

struct view
der_magnitude(struct view content)
{
	unsigned byte;

	while (content.len && content.p[0] == 0)
		view_u8(&content, &byte);
	return content;
}

bool
der_bits(struct view content, unsigned *out)
{
	unsigned unused, byte, set = 0;
	unsigned bit = 0;

	if (!view_u8(&content, &unused) || unused > 7 || (unused && content.len == 0))
		return false;
	while (view_u8(&content, &byte)) {
		if (content.len == 0)
			byte &= 0xFFu << unused;
		for (unsigned mask = 0x80; mask && bit < 32; mask >>= 1, bit++)
			if (byte & mask)
				set |= 1u << bit;
	}
	*out = set;
	return true;
}

void
der_put(struct buf *b, unsigned tag, struct view content)
{
	size_t len = content.len;
	unsigned n = 0;

	if (tag > 0xFF)
		buf_u8(b, tag >> 8);
	buf_u8(b, tag);
	if (len < 0x80) {
		buf_u8(b, (unsigned)len);
	} else {
		while (len >> (8 * n) && n < 4)
			n++;
		buf_u8(b, 0x80 | n);
		while (n--)
			buf_u8(b, (unsigned)(len >> (8 * n)) & 0xFF);
	}
	buf_view(b, content);
}

void
der_put_uint(struct buf *b, unsigned tag, unsigned value)
{
	uint8_t p[5];
	size_t i = sizeof p;

	do {
		p[--i] = (uint8_t)value;
		value >>= 8;
	} while (value);
	if (p[i] & 0x80)
		p[--i] = 0;
	der_put(b, tag, view_of(p + i, sizeof p - i));
}

void
der_put_bits(struct buf *b, unsigned tag, unsigned set)
{
	uint8_t p[5] = { 0 };
	size_t len = 1;
	unsigned unused = 0;

	for (unsigned bit = 0; bit < 32; bit++) {
		if (!(set & 1u << bit))
			continue;
		p[1 + bit / 8] |= (uint8_t)(0x80 >> bit % 8);
		len = 2 + bit / 8;
		unused = 7 - bit % 8;
	}
	p[0] = (uint8_t)unused;
	der_put(b, tag, view_of(p, len));
}

void
der_put_magnitude(struct buf *b, struct view number)
{
	struct buf content = BUF_INIT;

	number = der_magnitude(number);
	if (number.len == 0 || number.p[0] & 0x80)
		buf_u8(&content, 0);
	buf_view(&content, number);
	if (buf_err(&content))
		b->bad = true;
	der_put(b, 0x02, buf_peek(&content));
	buf_free(&content);
}

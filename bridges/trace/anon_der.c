#include <string.h>

#include "bridges/trace/anon_int.h"

bool
tlv_read(struct view v, size_t at, size_t end, struct tlv *out)
{
	size_t i = at, n, len = 0;

	if (end > v.len)
		end = v.len;
	if (i >= end || v.p[i] == 0x00 || v.p[i] == 0xFF)
		return false;
	out->at = at;
	out->tag = v.p[i++];
	if ((out->tag & 0x1F) == 0x1F) {
		do {
			if (i >= end || i - at > 2)
				return false;
			out->tag = out->tag << 8 | v.p[i];
		} while (v.p[i++] & 0x80);
	}
	if (i >= end)
		return false;
	n = v.p[i++];
	if (n < 0x80) {
		len = n;
	} else {
		n &= 0x7F;
		if (!n || n > 4 || end - i < n)
			return false;
		while (n--)
			len = len << 8 | v.p[i++];
	}
	out->body = i;
	out->whole = len <= end - i;
	out->end = out->whole ? i + len : end;
	return true;
}

bool
tlv_is_constructed(const struct tlv *t)
{
	unsigned first = t->tag;

	while (first > 0xFF)
		first >>= 8;
	return first & 0x20;
}

void
show(struct content *c, size_t at, size_t end)
{
	if (end > at)
		memset(c->shown.p + at, 1, end - at);
}

void
show_head(struct content *c, const struct tlv *t)
{
	show(c, t->at, t->body);
}

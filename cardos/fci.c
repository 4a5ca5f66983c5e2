#include "cardos/iso.h"

#include <string.h>

#include "base/err.h"

int
tlv_next(struct view *v, unsigned *tag, struct view *value)
{
	struct view in = *v;
	unsigned n, b;
	size_t len = 0;

	if (!view_u8(&in, tag))
		return E_PROTOCOL;
	if ((*tag & 0x1F) == 0x1F) {
		if (!view_u8(&in, &b) || b & 0x80)
			return E_PROTOCOL;
		*tag = *tag << 8 | b;
	}
	if (!view_u8(&in, &n))
		return E_PROTOCOL;
	if (n < 0x80) {
		len = n;
	} else {
		if (n < 0x81 || n > 0x83)
			return E_PROTOCOL;
		for (n -= 0x80; n; n--) {
			if (!view_u8(&in, &b))
				return E_PROTOCOL;
			len = len << 8 | b;
		}
	}
	if (!view_take(&in, len, value))
		return E_PROTOCOL;
	*v = in;
	return 0;
}

static size_t
number(struct view v)
{
	size_t n = 0;

	for (size_t i = 0; i < v.len && i < sizeof n; i++)
		n = n << 8 | v.p[i];
	return n;
}

static size_t
copy_clipped(uint8_t *to, size_t cap, struct view v)
{
	size_t n = v.len < cap ? v.len : cap;

	if (n)
		memcpy(to, v.p, n);
	return n;
}

static void
field(unsigned tag, struct view v, struct fci *out)
{
	switch (tag) {
	case 0x81:
		if (out->has_size) /* 80, the size of the data alone, is the better one */
			break;
		/* fall through */
	case 0x80:
		out->has_size = v.len && v.len <= 4;
		out->size = out->has_size ? number(v) : 0;
		break;
	case 0x82:
		out->descriptor = v.len ? v.p[0] : 0;
		break;
	case 0x83:
		out->fid = v.len == 2 ? (uint16_t)number(v) : 0;
		break;
	case 0x85:
		out->prop_len = copy_clipped(out->prop, sizeof out->prop, v);
		break;
	case 0x86:
		out->acl_len = copy_clipped(out->acl, sizeof out->acl, v);
		break;
	case 0x8A:
		out->life = v.len == 1 ? v.p[0] : 0;
		break;
	default:
		break;
	}
}

int
fci_parse(struct view in, struct fci *out)
{
	struct view v = in, value;
	unsigned tag;
	int r;

	*out = (struct fci){ 0 };
	/* one in the other is met, too: 6F { 62 { ... } } (card-iasecc 3) */
	for (int i = 0; i < 2 && v.len && (v.p[0] == 0x6F || v.p[0] == 0x62); i++) {
		if ((r = tlv_next(&v, &tag, &value)) != 0)
			return r;
		v = value;
	}
	/* some cards fill up with 00 or FF behind the last field */
	while (v.len && v.p[0] != 0x00 && v.p[0] != 0xFF) {
		if ((r = tlv_next(&v, &tag, &value)) != 0)
			return r;
		field(tag, value, out);
	}
	return 0;
}

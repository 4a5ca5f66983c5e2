#include "base/utf8.h"

#include <string.h>

bool
utf8_take(struct view *v, uint32_t *c)
{
	static const struct {
		uint8_t mask, lead;
		uint32_t least;
	} forms[] = {
		{ 0x80, 0x00, 0 }, { 0xE0, 0xC0, 0x80 }, { 0xF0, 0xE0, 0x800 },
		{ 0xF8, 0xF0, 0x10000 },
	};
	uint32_t x;
	size_t n = 0;

	if (!v->len)
		return false;
	while ((v->p[0] & forms[n].mask) != forms[n].lead)
		if (++n == sizeof forms / sizeof forms[0])
			return false;
	if (v->len <= n)
		return false;
	x = v->p[0] & (uint8_t)~forms[n].mask;
	for (size_t i = 1; i <= n; i++) {
		if ((v->p[i] & 0xC0) != 0x80)
			return false;
		x = x << 6 | (v->p[i] & 0x3Fu);
	}
	if (x < forms[n].least || x > 0x10FFFF || (x >= 0xD800 && x <= 0xDFFF))
		return false;
	*c = x;
	*v = view_part(*v, n + 1, v->len);
	return true;
}

size_t
utf8_cut(const char *s, size_t most)
{
	size_t n = strlen(s);

	if (n <= most)
		return n;
	/* step back over continuation bytes */
	for (n = most; n && ((unsigned char)s[n] & 0xC0) == 0x80; n--)
		;
	while (n && s[n - 1] == ' ')
		n--;
	return n;
}

bool
utf8_is_plain(uint32_t c)
{
	return c >= 0x20 && (c < 0x7F || c > 0x9F) && c != 0x061C && c != 0x200E && c != 0x200F &&
	    (c < 0x2028 || c > 0x202E) && (c < 0x2066 || c > 0x2069) && c != 0xFEFF;
}

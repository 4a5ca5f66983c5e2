#include "base/wildcard.h"

#include <string.h>

#include "base/buf.h"

static unsigned char
lower(uint8_t c, bool fold)
{
	return fold && c >= 'A' && c <= 'Z' ? (unsigned char)(c | 0x20) : c;
}

/* Only the last star can ever have to give way, so there is no stack and no recursion. */
static bool
match(struct view pat, struct view text, bool fold)
{
	size_t p = 0, t = 0, star = pat.len, star_text = 0;

	while (t < text.len) {
		if (p < pat.len && pat.p[p] == '*') {
			star = p++;
			star_text = t;
		} else if (p < pat.len && lower(pat.p[p], fold) == lower(text.p[t], fold)) {
			p++;
			t++;
		} else if (star < pat.len) {
			p = star + 1;
			t = ++star_text;
		} else {
			return false;
		}
	}
	while (p < pat.len && pat.p[p] == '*')
		p++;
	return p == pat.len;
}

bool
wildcard_match(const char *pattern, const char *text)
{
	return match(view_str(pattern), view_str(text), false);
}

static struct view
trim(const char *p, size_t n)
{
	while (n && (p[0] == ' ' || p[0] == '\t')) {
		p++;
		n--;
	}
	while (n && (p[n - 1] == ' ' || p[n - 1] == '\t'))
		n--;
	return view_of(p, n);
}

bool
wildcard_list_match(const char *list, const char *text)
{
	const char *end;
	struct view one;

	if (strcmp(list, "0") == 0)
		return false;
	for (;; list = end + 2) {
		end = strstr(list, "||");
		one = trim(list, end ? (size_t)(end - list) : strlen(list));
		if (one.len && match(one, view_str(text), true))
			return true;
		if (!end)
			return false;
	}
}

#include "base/wildcard.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "t/unit/unit.h"

static const struct {
	const char *pattern, *text;
	bool want;
} ones[] = {
	{ "", "", true },
	{ "", "a", false },
	{ "*", "", true },
	{ "*", "anything", true },
	{ "a", "a", true },
	{ "a", "A", false },
	{ "a", "ab", false },
	{ "a*", "ab", true },
	{ "*b", "ab", true },
	{ "*b", "ba", false },
	{ "a*c", "abbbc", true },
	{ "a*c", "abbbcd", false },
	{ "**a**", "bab", true },
	{ "*ab*ab*", "abab", true },
	{ "*ab*ab*", "aba", false },
	{ "*aab", "aaaaab", true },
	{ "/usr/bin/*", "/usr/bin/ssh", true },
	{ "/usr/bin/*", "/usr/binary", false },
	{ "?", "a", false },
	{ "[ab]", "a", false },
};

static const struct {
	const char *list, *text;
	bool want;
} lists[] = {
	/* the manual's example */
	{ "*O2*||*CCID*", "O2Micro Reader", true },
	{ "*O2*||*CCID*", "ACS ACR38U [CCID] 00", true },
	{ "*O2*||*CCID*", "Gemalto 00", false },
	{ "*o2*||*ccid*", "O2MICRO CCID", true },
	{ " *O2* || Gemalto* ", "Gemalto 00", true },
	{ "", "", false },
	{ "", "x", false },
	{ "0", "0", false },
	{ "0", "x", false },
	{ "||", "x", false },
	{ "||||x||", "x", true },
	{ "a|b", "a|b", true },
	{ "a|||b", "|b", true },
	{ "x||", "", false },
	{ "*", "", true },
	{ "\xC3\x84*", "\xC3\x84" "a", true },
	{ "\xC3\x84*", "\xC3\xA4" "a", false },
};

START_TEST(patterns)
{
	for (size_t i = 0; i < sizeof ones / sizeof ones[0]; i++)
		ck_assert_msg(wildcard_match(ones[i].pattern, ones[i].text) == ones[i].want,
		    "%s with %s", ones[i].pattern, ones[i].text);
}
END_TEST

START_TEST(lists_of_patterns)
{
	for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
		ck_assert_msg(wildcard_list_match(lists[i].list, lists[i].text) == lists[i].want,
		    "%s with %s", lists[i].list, lists[i].text);
}
END_TEST

/* A naive matcher would need longer than the universe has been there. */
START_TEST(many_stars_end_soon)
{
	char pattern[4001], text[4001];
	clock_t start = clock();

	for (size_t i = 0; i < 4000; i++)
		pattern[i] = i % 2 ? 'a' : '*';
	memset(text, 'a', 4000);
	pattern[3999] = 'b';
	pattern[4000] = text[4000] = 0;
	ck_assert(!wildcard_match(pattern, text));
	ck_assert((clock() - start) / CLOCKS_PER_SEC < 5);
}
END_TEST

UNIT_MAIN("wildcard", patterns, lists_of_patterns, many_stars_end_soon)

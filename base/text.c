#include "base/text.h"

#include <string.h>

#include "base/embedded.h"
#include "base/mo.h"
#include "base/os.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

static const char *const codes[] = { [TEXT_EN] = "en", [TEXT_FI] = "fi", [TEXT_SV] = "sv" };

/* A name as "fi", "fi_FI.UTF-8", "fi@euro"; what is none of ours is English, as "C" is. */
static enum text_lang
lang_of(const char *name)
{
	size_t n = strcspn(name, "_.@");

	for (size_t i = 0; i < COUNT(codes); i++)
		if (strlen(codes[i]) == n && strncmp(name, codes[i], n) == 0)
			return (enum text_lang)i;
	return TEXT_EN;
}

enum text_lang
text_lang(const char *set)
{
	static const char *const variables[] = { "LC_ALL", "LC_MESSAGES", "LANG" };
	const char *name;

	if (set && *set)
		return lang_of(set);
	for (size_t i = 0; i < COUNT(variables); i++)
		if ((name = os_env(variables[i])) && *name)
			return lang_of(name);
	return TEXT_EN;
}

const char *
text_lang_code(enum text_lang lang)
{
	return codes[lang];
}

static const char *
find(enum text_lang lang, const char *msgid, bool many)
{
	const size_t n = strlen(codes[lang]);

	for (size_t i = 0; i < text_catalogues_count; i++)
		if (strncmp(text_catalogues[i].name, codes[lang], n) == 0 &&
		    text_catalogues[i].name[n] == '.')
			return mo_find(view_of(text_catalogues[i].text, text_catalogues[i].len), msgid,
			    many);
	return NULL;
}

const char *
text(enum text_lang lang, const char *msgid)
{
	const char *found = find(lang, msgid, false);

	return found ? found : msgid;
}

const char *
text_n(enum text_lang lang, const char *one, const char *many, unsigned long n)
{
	const char *found = find(lang, one, n != 1);

	return found ? found : n == 1 ? one : many;
}

/* Text for people in their language. Catalogues are compiled in; the host program's locale is
 * neither read from libc nor changed. English is the source; po/ holds the rest. */
#ifndef CASTOR_BASE_TEXT_H
#define CASTOR_BASE_TEXT_H

enum text_lang { TEXT_EN, TEXT_FI, TEXT_SV };

/* Marks a text for xgettext where it is not looked up. */
#define N_(text) text

/* The language: `set` ("fi", "sv", "en": the setting Language), or, when that is empty, the
 * environment's LC_ALL, LC_MESSAGES, LANG, the first that is not empty; else English. */
enum text_lang text_lang(const char *set);
/* "en", "fi", "sv". Static. */
const char *text_lang_code(enum text_lang lang);
/* The text in that language; `msgid` itself when there is none. Static, or msgid. */
const char *text(enum text_lang lang, const char *msgid) __attribute__((format_arg(2)));
/* For a number: one is used for 1, many for all others, as in all three languages. */
const char *text_n(enum text_lang lang, const char *one, const char *many, unsigned long n)
    __attribute__((format_arg(2), format_arg(3)));

#endif

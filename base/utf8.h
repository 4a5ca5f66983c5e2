/* Characters of UTF-8. Source: RFC 3629 sections 3 and 4 (shortest form, no surrogates). */
#ifndef CASTOR_BASE_UTF8_H
#define CASTOR_BASE_UTF8_H

#include "base/buf.h"

/* Takes the character at the start of v into *c. False, and nothing taken, at the end and where
 * there is no character. */
bool utf8_take(struct view *v, uint32_t *c);
/* Whether a terminal or a dialog shows a character and does nothing else with it: no control character, and
 * none that turns the direction of writing. Source: Unicode 15, category Cc, Bidi_Control, the separators
 * U+2028 and U+2029. */
bool utf8_is_plain(uint32_t c);
/* How many bytes of s to take when at most `most` are wanted: all, or up to the end of a character, and
 * no blank at the end. */
size_t utf8_cut(const char *s, size_t most);

#endif

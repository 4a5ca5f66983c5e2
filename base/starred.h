/* Bytes as castor-trace(5) writes them: hexadecimal digits, blanks, and [*n] for n bytes that are not
 * shown. Pure. */
#ifndef CASTOR_BASE_STARRED_H
#define CASTOR_BASE_STARRED_H

#include "base/buf.h"

#define STARRED_MAX 65544u /* bytes that one [*n] may stand for: the longest command with extended lengths */

/* The view without blanks (space, tab, carriage return) at both ends. */
struct view starred_trim(struct view v);
/* Whether v begins with the word; *rest is then what follows, trimmed. */
bool starred_begins(struct view v, const char *word, struct view *rest);
/* Appends the bytes of v up to a #, or its end, to `bytes` (zeros where a star is) and as many to `mask`: FF,
 * or 00 under a star. *comment (may be NULL) becomes what begins with the #; empty. At most `most` bytes:
 * E_LIMIT. E_FORMAT, E_MEM; something may have been appended then. */
int starred_parse(struct view v, size_t most, struct buf *bytes, struct buf *mask, struct view *comment);

#endif

/* Reads GNU's format of message catalogues. Pure: nothing in the bytes is trusted, so that a damaged
 * catalogue has fewer texts and does no other harm.
 * Source: the manual of GNU gettext, "The Format of GNU MO Files". */
#ifndef CASTOR_BASE_MO_H
#define CASTOR_BASE_MO_H

#include "base/buf.h"

/* The translation of msgid, NUL-terminated inside of mo: for a message of two forms the first, or
 * with `many` the second. NULL: there is none. The empty msgid, which is the catalogue's own header,
 * has none. */
const char *mo_find(struct view mo, const char *msgid, bool many);

#endif

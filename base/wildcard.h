/* Patterns in settings: `*` stands for any bytes, everything else for itself. */
#ifndef CASTOR_BASE_WILDCARD_H
#define CASTOR_BASE_WILDCARD_H

#include <stdbool.h>

/* Whether the whole text fits the pattern. At most length times length steps. */
bool wildcard_match(const char *pattern, const char *text);
/* Whether it fits one of a list, "*O2*||*CCID*"; the letters A-Z and a-z count as the same,
 * blanks around a pattern do not count. A list that is empty, or the "0" that stands for "not
 * set", fits nothing. Source of the form: the settings excludeReader and its kin. */
bool wildcard_list_match(const char *list, const char *text);

#endif

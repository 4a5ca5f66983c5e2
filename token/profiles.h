/* All the card profiles there are: those compiled in, the system's folder, the user's folder
 * (DESIGN 17.11; castor-profile(5)). */
#ifndef CASTOR_TOKEN_PROFILES_H
#define CASTOR_TOKEN_PROFILES_H

#include "mapping/profile.h"

#define PROFILE_FILE_MAX ((size_t)256 << 10) /* bytes; castor-profile(5) */

/* Fills an empty set. A file that is wrong, or not to be trusted, costs one line in the log and
 * is left out. `system` and `user`: folders; NULL: those of the product, "": none. E_MEM, and
 * E_FORMAT when a compiled-in profile is wrong. Owner: caller. */
int profiles_load(const char *system, const char *user, struct profile_set *out);

#endif

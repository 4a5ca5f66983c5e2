/* The texts of mapping/profiles/ as they stand in the library; profiles.c is made of them by
 * embed.sh. Static. */
#ifndef CASTOR_MAPPING_PROFILES_H
#define CASTOR_MAPPING_PROFILES_H

#include <stddef.h>

struct profile_text {
	const char *name;          /* of the file, for messages */
	const unsigned char *text; /* UTF-8, not NUL-terminated */
	size_t len;                /* bytes */
};

extern const struct profile_text profiles_builtin[];
extern const size_t profiles_builtin_count;

#endif

/* The texts of mapping/profiles/ as they stand in the library, in UTF-8. Static. */
#ifndef CASTOR_MAPPING_PROFILES_H
#define CASTOR_MAPPING_PROFILES_H

#include "base/embedded.h"

extern const struct embedded profiles_builtin[];
extern const size_t profiles_builtin_count;

#endif

/* What the files that read a profile share. A taker reads one key's value (mapping/schema.h); the comment names the
 * type of its field. Pure. */
#ifndef CASTOR_MAPPING_PROFILE_INT_H
#define CASTOR_MAPPING_PROFILE_INT_H

#include "mapping/profile.h"
#include "mapping/schema.h"

#define WORDS(array) { array, sizeof array / sizeof array[0] }

schema_take take_match;    /* struct profile: what stood there before, of one that is extended, gives way */
schema_take take_pin;      /* struct pin_ref */
schema_take take_path;     /* struct path */
schema_take take_objects;  /* struct profile; as above */
schema_take take_select;   /* struct select_how; as above */
/* Free what those have made. */
void profile_matches_free(struct profile *p);
void profile_select_free(struct select_how *s);

#endif

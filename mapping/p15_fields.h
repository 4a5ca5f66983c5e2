/* Inside of the p15*.c files: how the fields of a SEQUENCE are described and read. */
#ifndef CASTOR_MAPPING_P15_FIELDS_H
#define CASTOR_MAPPING_P15_FIELDS_H

#include "mapping/der.h"
#include "mapping/p15.h"

/* One field of a SEQUENCE, in the order of the standard. take: 0, E_FORMAT or E_MEM. */
struct p15_field {
	unsigned tag;
	int (*take)(const struct der *d, void *into);
};
struct p15_fields { const struct p15_field *f; size_t n; };
#define P15_FIELDS(table) { table, sizeof table / sizeof table[0] }

/* Reads the elements of seq by the table: each goes to the first row with its tag behind the
 * row used last; what fits none (an extension) is passed over. Garbage behind the last
 * element ends the reading. First error of a `take`. */
int p15_fields_read(struct view seq, struct p15_fields fields, void *into);

/* Passes over filler 00 and FF, which erased cards and our writers leave around records. */
void p15_filler_skip(struct view *ef);
/* A text of the card as UTF-8 and NUL-terminated: what is not UTF-8 is taken as Latin-1,
 * control characters become blanks, a tail of NULs and blanks goes. NULL: no memory. */
char *p15_text(struct view bytes);
/* The content of a Path SEQUENCE. Without anything in it, as of keys that have only a reference:
 * the application itself. E_FORMAT. */
int p15_path_read(struct view seq, struct path *path, struct range *range);

#endif

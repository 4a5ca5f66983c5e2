/* A schema for yaml.h's trees as tables: each map is a level, a level is a table of keys, and a
 * key names the function that takes its value into a field of a struct. Whatever the tables do
 * not know is an error with file and line. Pure. */
#ifndef CASTOR_MAPPING_SCHEMA_H
#define CASTOR_MAPPING_SCHEMA_H

#include "mapping/yaml.h"

/* Where messages go. */
struct load { const char *where; struct buf *why; };

struct schema_word { const char *word; unsigned value; };
struct schema_words { const struct schema_word *w; size_t n; };

struct schema_rule;
/* Takes the value into the field. 0, E_FORMAT (with schema_complain), E_MEM. */
typedef int schema_take(struct load *, const struct schema_rule *, const struct ynode *,
    void *field);
struct schema_level {
	const char *name;               /* for messages: "pins" */
	const struct schema_rule *rules; /* at most 32 */
	size_t n;
};
struct schema_rule {
	const char *key;
	bool must;                      /* has to be there */
	schema_take *take;
	size_t off;                     /* of the field in the level's struct */
	unsigned lo, hi;                /* numbers: range; texts: bytes; lists and hex: length */
	const struct schema_words *words;
	const struct schema_level *level;
};

/* Writes "file:line: ..." to *why and returns E_FORMAT. */
int schema_complain(struct load *l, const struct ynode *n, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Reads a map by its level into *base. */
int schema_read(struct load *l, const struct schema_level *level, const struct ynode *map,
    void *base);
/* The value has to be a text or a list, or it is complained of. */
int schema_want_text(struct load *l, const struct ynode *n);
int schema_want_list(struct load *l, const struct schema_rule *rule, const struct ynode *n);

/* How many entries a list has. */
size_t schema_list_len(const struct ynode *list);

/* Takers. The comment names the type of the field. */
schema_take take_level;     /* the struct of rule->level */
schema_take take_text;      /* char *; owned */
schema_take take_word_name; /* char *, of a-z 0-9 -; owned */
schema_take take_unsigned;  /* unsigned */
schema_take take_size;      /* size_t */
schema_take take_int;       /* int */
schema_take take_bool;      /* bool */
schema_take take_hex;       /* struct buf */
schema_take take_word;      /* unsigned: the word's value */
schema_take take_set;       /* unsigned: 1u << value of each word of a list */

#endif

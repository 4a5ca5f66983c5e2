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
struct schema_level {
	const char *name;               /* for messages: "pins" */
	const struct schema_rule *rules; /* at most 32 */
	size_t n;
};
struct schema_rule {
	const char *key;
	bool must;                      /* has to be there */
	/* Takes the value into the field. 0, E_FORMAT (with schema_complain), E_MEM. */
	int (*take)(struct load *, const struct schema_rule *, const struct ynode *, void *field);
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

/* Takers. The comment names the type of the field. */
int take_level(struct load *, const struct schema_rule *, const struct ynode *, void *); /* rule->level */
int take_text(struct load *, const struct schema_rule *, const struct ynode *, void *);  /* char * */
int take_word_name(struct load *, const struct schema_rule *, const struct ynode *, void *); /* char *: a-z 0-9 - */
int take_unsigned(struct load *, const struct schema_rule *, const struct ynode *, void *); /* unsigned */
int take_size(struct load *, const struct schema_rule *, const struct ynode *, void *);  /* size_t */
int take_int(struct load *, const struct schema_rule *, const struct ynode *, void *);   /* int */
int take_bool(struct load *, const struct schema_rule *, const struct ynode *, void *);  /* bool */
int take_hex(struct load *, const struct schema_rule *, const struct ynode *, void *);   /* struct buf */
int take_word(struct load *, const struct schema_rule *, const struct ynode *, void *);  /* unsigned: the word's value */
int take_set(struct load *, const struct schema_rule *, const struct ynode *, void *);   /* unsigned: 1u << value, OR */

#endif

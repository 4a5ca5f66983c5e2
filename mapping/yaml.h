/* A small strict YAML: text to a tree of maps, lists and texts, each knowing its line. Pure.
 * No anchors, aliases, tags or second documents; at most 256 KiB, 8 levels, 8192 nodes; UTF-8;
 * keys are texts and stand once in a map. Source: YAML 1.2 (the part libyaml reads). */
#ifndef CASTOR_MAPPING_YAML_H
#define CASTOR_MAPPING_YAML_H

#include "base/buf.h"

#define YAML_BYTES_MAX ((size_t)256 * 1024)
#define YAML_DEPTH_MAX 8
#define YAML_NODES_MAX 8192

struct ynode {
	enum { YN_MAP, YN_LIST, YN_TEXT } kind;
	unsigned line;              /* from 1; of the key where there is one */
	char *key;                  /* in a map; else NULL */
	char *text;                 /* YN_TEXT, NUL-terminated UTF-8 without other NULs */
	struct ynode *child, *last; /* YN_MAP, YN_LIST: in the order of the text */
	struct ynode *next;         /* the sibling behind; NULL: none */
	struct ynode *up;           /* the map or list around; NULL for the root */
	struct ynode *older;        /* chain of all nodes, for ytree_free */
};
struct ytree { struct ynode *root, *newest; size_t n; };

/* Parses the text. `where` names it in *why, which gets one line "file:line: what is wrong" with
 * E_FORMAT and E_LIMIT. E_MEM. Owner: caller, ytree_free; nothing to free after an error. */
int ytree_parse(struct view text, const char *where, struct ytree *out, struct buf *why);
void ytree_free(struct ytree *t);
/* The child of a map with this key, or NULL. */
const struct ynode *ynode_get(const struct ynode *map, const char *key);

#endif

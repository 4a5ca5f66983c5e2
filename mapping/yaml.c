#include "mapping/yaml.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/err.h"

/* The state of one reading. */
struct reading {
	struct ytree *tree;
	struct ynode *open;     /* the map or list we are in; NULL at the top */
	char *key;              /* read, its value not yet; owned */
	size_t key_line;
	unsigned depth, documents;
	const char *where;
	struct buf *why;
};

static int
complain(struct reading *rd, size_t line, int err, const char *what)
{
	buf_reset(rd->why);
	buf_fmt(rd->why, "%s:%zu: %s", rd->where, line, what);
	return err;
}

const struct ynode *
ynode_get(const struct ynode *map, const char *key)
{
	for (const struct ynode *n = map->child; n; n = n->next)
		if (n->key && strcmp(n->key, key) == 0)
			return n;
	return NULL;
}

static struct ynode *
node_new(struct ytree *t, unsigned line)
{
	struct ynode *n = calloc(1, sizeof *n);

	if (!n)
		return NULL;
	n->line = line;
	n->older = t->newest;
	t->newest = n;
	t->n++;
	return n;
}

static char *
text_dup(const yaml_char_t *p, size_t len)
{
	char *s = malloc(len + 1);

	if (!s)
		return NULL;
	memcpy(s, p, len);
	s[len] = 0;
	return s;
}

/* Hangs a new node where the reading stands. */
static int
node_add(struct reading *rd, size_t line, struct ynode **out)
{
	struct ynode *n;

	if (rd->tree->n >= YAML_NODES_MAX)
		return complain(rd, line, E_LIMIT, "too many values, at most 8192 are read");
	if (!(n = node_new(rd->tree, (unsigned)(rd->key ? rd->key_line : line))))
		return E_MEM;
	n->up = rd->open;
	n->key = rd->key;
	rd->key = NULL;
	if (!rd->open)
		rd->tree->root = n;
	else if (rd->open->last)
		rd->open->last->next = n;
	else
		rd->open->child = n;
	if (rd->open)
		rd->open->last = n;
	*out = n;
	return 0;
}

static bool
wants_key(const struct reading *rd)
{
	return rd->open && rd->open->kind == YN_MAP && !rd->key;
}

static int
take_scalar(struct reading *rd, const yaml_event_t *e, size_t line)
{
	const yaml_char_t *p = e->data.scalar.value;
	size_t len = e->data.scalar.length;
	struct ynode *n;
	char *text;
	int r;

	if (memchr(p, 0, len))
		return complain(rd, line, E_FORMAT, "a text with a NUL character");
	if (!(text = text_dup(p, len)))
		return E_MEM;
	if (wants_key(rd)) {
		rd->key = text;
		rd->key_line = line;
		if (ynode_get(rd->open, text))
			return complain(rd, line, E_FORMAT, "a key stands here a second time");
		return 0;
	}
	if ((r = node_add(rd, line, &n))) {
		free(text);
		return r;
	}
	n->kind = YN_TEXT;
	n->text = text;
	return 0;
}

static int
take_start(struct reading *rd, const yaml_event_t *e, size_t line)
{
	struct ynode *n;
	int r;

	if (wants_key(rd))
		return complain(rd, line, E_FORMAT, "a key must be a text");
	if (rd->depth == YAML_DEPTH_MAX)
		return complain(rd, line, E_LIMIT, "nested too deeply, at most 8 levels are read");
	if ((r = node_add(rd, line, &n)))
		return r;
	n->kind = e->type == YAML_MAPPING_START_EVENT ? YN_MAP : YN_LIST;
	rd->open = n;
	rd->depth++;
	return 0;
}

/* Anchors and tags would let a file say one thing in two ways, or another thing than it shows. */
static bool
is_plain(const yaml_event_t *e)
{
	switch (e->type) {
	case YAML_ALIAS_EVENT:
		return false;
	case YAML_SCALAR_EVENT:
		return !e->data.scalar.anchor && !e->data.scalar.tag;
	case YAML_SEQUENCE_START_EVENT:
		return !e->data.sequence_start.anchor && !e->data.sequence_start.tag;
	case YAML_MAPPING_START_EVENT:
		return !e->data.mapping_start.anchor && !e->data.mapping_start.tag;
	default:
		return true;
	}
}

static int
take_event(struct reading *rd, const yaml_event_t *e)
{
	size_t line = e->start_mark.line + 1;

	if (!is_plain(e))
		return complain(rd, line, E_FORMAT, "anchors, aliases and tags are not allowed");
	switch (e->type) {
	case YAML_DOCUMENT_START_EVENT:
		if (rd->documents++)
			return complain(rd, line, E_FORMAT, "a second document in the file");
		return 0;
	case YAML_SCALAR_EVENT:
		return take_scalar(rd, e, line);
	case YAML_SEQUENCE_START_EVENT:
	case YAML_MAPPING_START_EVENT:
		return take_start(rd, e, line);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		rd->open = rd->open->up;
		rd->depth--;
		return 0;
	default:
		return 0;
	}
}

static int
parser_error(struct reading *rd, const yaml_parser_t *p, struct view text)
{
	size_t line = p->problem_mark.line + 1;

	if (p->error == YAML_MEMORY_ERROR)
		return E_MEM;
	if (p->error != YAML_READER_ERROR)
		return complain(rd, line, E_FORMAT, p->problem ? p->problem : "not YAML");
	line = 1;
	for (size_t i = 0; i < text.len && i < p->problem_offset; i++)
		line += text.p[i] == '\n';
	return complain(rd, line, E_FORMAT, "not a text in UTF-8");
}

int
ytree_parse(struct view text, const char *where, struct ytree *out, struct buf *why)
{
	struct reading rd = { .tree = out, .where = where, .why = why };
	yaml_parser_t parser;
	yaml_event_t e;
	bool end = false;
	int r = 0;

	memset(out, 0, sizeof *out);
	if (text.len > YAML_BYTES_MAX)
		return complain(&rd, 1, E_LIMIT, "larger than 256 KiB");
	if (!yaml_parser_initialize(&parser))
		return E_MEM;
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&parser, text.len ? text.p : (const uint8_t *)"", text.len);
	while (!r && !end) {
		if (!yaml_parser_parse(&parser, &e)) {
			r = parser_error(&rd, &parser, text);
			break;
		}
		end = e.type == YAML_STREAM_END_EVENT;
		r = take_event(&rd, &e);
		yaml_event_delete(&e);
	}
	if (!r && !out->root)
		r = complain(&rd, 1, E_FORMAT, "nothing in the file");
	yaml_parser_delete(&parser);
	free(rd.key);
	if (r)
		ytree_free(out);
	return r;
}

void
ytree_free(struct ytree *t)
{
	struct ynode *older;

	for (struct ynode *n = t->newest; n; n = older) {
		older = n->older;
		free(n->key);
		free(n->text);
		free(n);
	}
	memset(t, 0, sizeof *t);
}

/* Reading an image's YAML. */
#include "t/vcard/vc_yaml.h"

#include <libgen.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "t/vcard/vc_card.h"

#define IMAGE_MAX (256 * 1024)

bool vcy_open(struct vc_yaml *y, const char *path, char *err, size_t errlen)
{
	yaml_parser_t parser;
	FILE *f = fopen(path, "rbe");

	*y = (struct vc_yaml){ .path = path, .err = err, .errlen = errlen };
	if (f == NULL || yaml_parser_initialize(&parser) != 1) {
		snprintf(err, errlen, "%s: cannot be opened", path);
		y->failed = true;
		if (f != NULL)
			fclose(f);
		return false;
	}
	yaml_parser_set_input_file(&parser, f);
	if (yaml_parser_load(&parser, &y->doc) != 1) {
		snprintf(err, errlen, "%s:%zu: %s", path, parser.problem_mark.line + 1,
			parser.problem != NULL ? parser.problem : "not YAML");
		y->failed = true;
	} else {
		y->root = yaml_document_get_root_node(&y->doc);
		if (y->root == NULL) {
			vcy_fail(y, NULL, "the file is empty");
			yaml_document_delete(&y->doc);
		}
	}
	yaml_parser_delete(&parser);
	fclose(f);
	return !y->failed;
}

void vcy_close(struct vc_yaml *y)
{
	if (y->root != NULL)
		yaml_document_delete(&y->doc);
	y->root = NULL;
}

void vcy_fail(struct vc_yaml *y, const yaml_node_t *at, const char *fmt, ...)
{
	struct vc_yaml *heir;
	va_list ap;
	int n;

	if (y->failed)
		return;
	for (heir = y; heir != NULL; heir = heir->heir)
		heir->failed = true;
	n = snprintf(y->err, y->errlen, "%s:%zu: ", y->path,
		at != NULL ? at->start_mark.line + 1 : 1);
	if (n < 0 || (size_t)n >= y->errlen)
		return;
	va_start(ap, fmt);
	vsnprintf(y->err + n, y->errlen - (size_t)n, fmt, ap);
	va_end(ap);
}

const char *vcy_scalar(const yaml_node_t *n)
{
	return n != NULL && n->type == YAML_SCALAR_NODE ? (const char *)n->data.scalar.value : NULL;
}

static bool word_in(const char *list, const char *word)
{
	char key[64];
	int n = snprintf(key, sizeof key, " %s ", word);

	return list != NULL && n > 2 && (size_t)n < sizeof key && strstr(list, key) != NULL;
}

bool vcy_is_map(struct vc_yaml *y, yaml_node_t *map, const char *keys, const char *more)
{
	yaml_node_pair_t *p, *q;
	const char *key, *other;

	if (map == NULL || map->type != YAML_MAPPING_NODE) {
		vcy_fail(y, map, "a mapping is wanted here");
		return false;
	}
	for (p = map->data.mapping.pairs.start; p < map->data.mapping.pairs.top; p++) {
		key = vcy_scalar(yaml_document_get_node(&y->doc, p->key));
		if (key == NULL || !(word_in(keys, key) || word_in(more, key))) {
			vcy_fail(y, yaml_document_get_node(&y->doc, p->key),
				"unknown key '%s'; known here:%s%s", key != NULL ? key : "?", keys,
				more != NULL ? more + 1 : "");
			return false;
		}
		for (q = map->data.mapping.pairs.start; q < p; q++) {
			other = vcy_scalar(yaml_document_get_node(&y->doc, q->key));
			if (other != NULL && strcmp(key, other) == 0) {
				vcy_fail(y, yaml_document_get_node(&y->doc, p->key),
					"'%s' is given twice", key);
				return false;
			}
		}
	}
	return true;
}

yaml_node_t *vcy_get(struct vc_yaml *y, yaml_node_t *map, const char *name)
{
	yaml_node_pair_t *p;
	const char *key;

	if (map == NULL || map->type != YAML_MAPPING_NODE)
		return NULL;
	for (p = map->data.mapping.pairs.start; p < map->data.mapping.pairs.top; p++) {
		key = vcy_scalar(yaml_document_get_node(&y->doc, p->key));
		if (key != NULL && strcmp(key, name) == 0)
			return yaml_document_get_node(&y->doc, p->value);
	}
	return map == y->root && y->base != NULL ? vcy_get(y->base, y->base->root, name) : NULL;
}

const char *vcy_text(struct vc_yaml *y, yaml_node_t *map, const char *name)
{
	yaml_node_t *n = vcy_get(y, map, name);

	if (n != NULL && vcy_scalar(n) == NULL)
		vcy_fail(y, n, "'%s' must be one value", name);
	return vcy_scalar(n);
}

long vcy_number(struct vc_yaml *y, yaml_node_t *map, const char *name, long absent, long min, long max)
{
	const char *s = vcy_text(y, map, name);
	char *end;
	long v;

	if (s == NULL)
		return absent;
	v = strtol(s, &end, 0);
	if (end == s || *end != '\0' || v < min || v > max) {
		vcy_fail(y, vcy_get(y, map, name), "'%s' must be a number from %ld to %ld", name, min,
			max);
		return absent;
	}
	return v;
}

bool vcy_boolean(struct vc_yaml *y, yaml_node_t *map, const char *name, bool absent)
{
	const char *s = vcy_text(y, map, name);

	if (s == NULL)
		return absent;
	if (strcmp(s, "yes") == 0 || strcmp(s, "true") == 0)
		return true;
	if (strcmp(s, "no") != 0 && strcmp(s, "false") != 0)
		vcy_fail(y, vcy_get(y, map, name), "'%s' must be yes or no", name);
	return false;
}

size_t vcy_hex(struct vc_yaml *y, yaml_node_t *map, const char *name, uint8_t *out, size_t min, size_t max)
{
	const char *s = vcy_text(y, map, name);
	int n;

	if (s == NULL)
		return 0;
	n = vc_hex(s, out, max);
	if (n < 0 || (size_t)n < min) {
		vcy_fail(y, vcy_get(y, map, name), "'%s' must be hex of %zu to %zu bytes", name, min,
			max);
		return 0;
	}
	return (size_t)n;
}

int vcy_word(const char *words, const char *word)
{
	size_t len = strlen(word), n;
	int i;

	for (i = 0; *words != '\0'; i++) {
		n = strcspn(words, " ");
		if (n == len && memcmp(words, word, n) == 0)
			return i;
		words += n + strspn(words + n, " ");
	}
	return -1;
}

const char *vcy_bits(
	struct vc_yaml *y, yaml_node_t *map, const char *name, const char *words, char out[64])
{
	yaml_node_t *list = vcy_get(y, map, name), *n;
	yaml_node_item_t *item;
	size_t at = 0;
	int bit;

	out[0] = '\0';
	if (list == NULL)
		return NULL;
	if (list->type != YAML_SEQUENCE_NODE) {
		vcy_fail(y, list, "'%s' must be a list", name);
		return NULL;
	}
	for (item = list->data.sequence.items.start; item < list->data.sequence.items.top; item++) {
		n = yaml_document_get_node(&y->doc, *item);
		bit = vcy_scalar(n) != NULL ? vcy_word(words, vcy_scalar(n)) : -1;
		if (bit < 0 || at > 56) {
			vcy_fail(y, n, "unknown word in '%s'; known: %s", name, words);
			return NULL;
		}
		at += (size_t)snprintf(out + at, 64 - at, "%s%d", at != 0 ? "," : "", bit);
	}
	return at != 0 ? out : NULL;
}

void vcy_each(struct vc_yaml *y, const char *name,
	void (*item)(struct vc_yaml *, yaml_node_t *, void *arg), void *arg)
{
	yaml_node_t *list = vcy_get(y, y->root, name);
	yaml_node_item_t *at;

	if (y->base != NULL && list != NULL && list == vcy_get(y->base, y->base->root, name))
		y = y->base;
	if (list == NULL || y->failed)
		return;
	if (list->type != YAML_SEQUENCE_NODE) {
		vcy_fail(y, list, "'%s' must be a list", name);
		return;
	}
	for (at = list->data.sequence.items.start; at < list->data.sequence.items.top && !y->failed; at++)
		item(y, yaml_document_get_node(&y->doc, *at), arg);
}

char *vcy_beside(const struct vc_yaml *y, const char *name)
{
	char *copy = strdup(y->path), *full;
	size_t n;

	if (copy == NULL)
		return NULL;
	n = strlen(y->path) + strlen(name) + 3;
	full = malloc(n);
	if (full != NULL)
		snprintf(full, n, "%s%s%s", name[0] == '/' ? "" : dirname(copy),
			name[0] == '/' ? "" : "/", name);
	free(copy);
	return full;
}

uint8_t *vcy_slurp(struct vc_yaml *y, const yaml_node_t *at, const char *name, size_t *len)
{
	char *full = vcy_beside(y, name);
	uint8_t *p = malloc(IMAGE_MAX);
	FILE *f = NULL;

	*len = 0;
	if (full == NULL || p == NULL) {
		vcy_fail(y, at, "out of memory");
		goto out;
	}
	f = fopen(full, "rbe");
	if (f != NULL)
		*len = fread(p, 1, IMAGE_MAX, f);
	if (f == NULL || *len == 0 || *len == IMAGE_MAX) {
		vcy_fail(y, at, "cannot read %s", full);
		*len = 0;
	}
out:
	if (f != NULL)
		fclose(f);
	free(full);
	if (*len == 0) {
		free(p);
		p = NULL;
	}
	return p;
}

#include "mapping/schema.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

static const struct schema_word booleans[] = {
	{ "yes", true }, { "no", false }, { "true", true }, { "false", false }
};
static const struct schema_words boolean_words = { booleans, 4 };

/* The text comes from a file of somebody's, so nothing in it may move a terminal's cursor. */
int
schema_complain(struct load *l, const struct ynode *n, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	for (char *p = text; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7F)
			*p = '?';
	buf_reset(l->why);
	buf_fmt(l->why, "%s:%u: %s", l->where, n->line, text);
	return E_FORMAT;
}

/* "a, b, c" of the words allowed, appended. */
static void
list_words(struct buf *b, const struct schema_words *words)
{
	for (size_t i = 0; i < words->n; i++)
		buf_fmt(b, "%s%s", i ? ", " : "", words->w[i].word);
}

static int
unknown_key(struct load *l, const struct schema_level *level, const struct ynode *n)
{
	struct buf allowed = BUF_INIT;
	int r;

	for (size_t i = 0; i < level->n; i++)
		buf_fmt(&allowed, "%s%s", i ? ", " : "", level->rules[i].key);
	r = schema_complain(l, n, "unknown key \"%.40s\" in %s, allowed: %s", n->key, level->name,
	    buf_text(&allowed));
	buf_free(&allowed);
	return r;
}

static int
unknown_word(struct load *l, const struct schema_rule *rule, const struct ynode *n,
    const struct schema_words *words)
{
	struct buf allowed = BUF_INIT;
	int r;

	list_words(&allowed, words);
	r = schema_complain(l, n, "%s: \"%.40s\" is not known, allowed: %s", rule->key, n->text,
	    buf_text(&allowed));
	buf_free(&allowed);
	return r;
}

/* Calls itself through take_level, as deep as the tables are: never as deep as the input. */
int
schema_read(struct load *l, const struct schema_level *level, const struct ynode *map, void *base)
{
	const struct schema_rule *rule;
	uint32_t seen = 0;
	size_t i;
	int r;

	if (map->kind != YN_MAP)
		return schema_complain(l, map, "%s must be a map of keys and values", level->name);
	for (const struct ynode *n = map->child; n; n = n->next) {
		for (i = 0; i < level->n && strcmp(level->rules[i].key, n->key) != 0; i++)
			;
		if (i == level->n)
			return unknown_key(l, level, n);
		rule = &level->rules[i];
		if ((r = rule->take(l, rule, n, (uint8_t *)base + rule->off)))
			return r;
		seen |= 1u << i;
	}
	for (i = 0; i < level->n; i++)
		if (level->rules[i].must && !(seen & 1u << i))
			return schema_complain(l, map, "%s: the key \"%s\" is missing", level->name,
			    level->rules[i].key);
	return 0;
}

int
schema_want_text(struct load *l, const struct ynode *n)
{
	if (n->kind == YN_TEXT)
		return 0;
	return schema_complain(l, n, "%s must be one value, not a %s", n->key ? n->key : "an entry",
	    n->kind == YN_MAP ? "map" : "list");
}

size_t
schema_list_len(const struct ynode *list)
{
	size_t entries = 0;

	for (const struct ynode *e = list->child; e; e = e->next)
		entries++;
	return entries;
}

int
schema_want_list(struct load *l, const struct schema_rule *rule, const struct ynode *n)
{
	size_t entries;

	if (n->kind != YN_LIST)
		return schema_complain(l, n, "%s must be a list", rule->key);
	entries = schema_list_len(n);
	if (entries < rule->lo || entries > rule->hi)
		return schema_complain(l, n, "%s has %zu entries, allowed: %u to %u", rule->key,
		    entries, rule->lo, rule->hi);
	return 0;
}

int
take_level(struct load *l, const struct schema_rule *rule, const struct ynode *n, void *field)
{
	return schema_read(l, rule->level, n, field);
}

int
take_text(struct load *l, const struct schema_rule *rule, const struct ynode *n, void *field)
{
	char **out = field, *copy;
	size_t len;

	if (schema_want_text(l, n))
		return E_FORMAT;
	len = strlen(n->text);
	if (len < rule->lo || len > rule->hi)
		return schema_complain(l, n, "%s is %zu bytes long, allowed: %u to %u", rule->key,
		    len, rule->lo, rule->hi);
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)n->text[i] < 0x20 || n->text[i] == 0x7F)
			return schema_complain(l, n, "%s has a control character", rule->key);
	if (!(copy = strdup(n->text)))
		return E_MEM;
	free(*out);
	*out = copy;
	return 0;
}

int
take_word_name(struct load *l, const struct schema_rule *rule, const struct ynode *n, void *field)
{
	int r = take_text(l, rule, n, field);

	if (!r && n->text[strspn(n->text, "abcdefghijklmnopqrstuvwxyz0123456789-")])
		r = schema_complain(l, n, "%s: \"%.40s\" is not a name, allowed: a-z, 0-9 and -",
		    rule->key, n->text);
	return r;
}

/* Decimal, or hexadecimal behind 0x; no sign, no leading zeros that could be read as octal. */
static bool
number_parse(const char *text, unsigned *out)
{
	bool hex = text[0] == '0' && text[1] == 'x';
	const char *digits = hex ? text + 2 : text;
	size_t len = strlen(digits);

	if (len < 1 || len > 8 || (!hex && len > 1 && digits[0] == '0') ||
	    digits[strspn(digits, hex ? "0123456789abcdefABCDEF" : "0123456789")])
		return false;
	*out = (unsigned)strtoul(digits, NULL, hex ? 16 : 10);
	return true;
}

int
take_unsigned(struct load *l, const struct schema_rule *rule, const struct ynode *n, void *field)
{
	unsigned *out = field, value;

	if (schema_want_text(l, n))
		return E_FORMAT;
	if (!number_parse(n->text, &value) || value < rule->lo || value > rule->hi)
		return schema_complain(l, n,
		    "%s: \"%.40s\" is not a number it takes, allowed: %u to %u (0x%X to 0x%X)",
		    rule->key, n->text, rule->lo, rule->hi, rule->lo, rule->hi);
	*out = value;
	return 0;
}

int
take_size(struct load *l, const struct schema_rule *rule, const struct ynode *n, void *field)
{
	unsigned value;
	int r = take_unsigned(l, rule, n, &value);

	if (!r)
		*(size_t *)field = value;
	return r;
}

int
take_int(struct load *l, const struct schema_rule *rule, const struct ynode *n, void *field)
{
	unsigned value;
	int r = take_unsigned(l, rule, n, &value);

	if (!r)
		*(int *)field = (int)value;
	return r;
}

static bool
word_find(const struct schema_words *words, const char *text, unsigned *value)
{
	for (size_t i = 0; i < words->n; i++) {
		if (strcmp(words->w[i].word, text) == 0) {
			*value = words->w[i].value;
			return true;
		}
	}
	return false;
}

int
take_bool(struct load *l, const struct schema_rule *rule, const struct ynode *n, void *field)
{
	unsigned value;

	if (schema_want_text(l, n))
		return E_FORMAT;
	if (!word_find(&boolean_words, n->text, &value))
		return unknown_word(l, rule, n, &boolean_words);
	*(bool *)field = value;
	return 0;
}

int
take_hex(struct load *l, const struct schema_rule *rule, const struct ynode *n, void *field)
{
	struct buf *out = field;
	int r;

	if (schema_want_text(l, n))
		return E_FORMAT;
	buf_reset(out);
	r = hex_parse(n->text, strlen(n->text), out);
	if (r == E_FORMAT)
		return schema_complain(l, n, "%s: \"%.40s\" is not hexadecimal", rule->key,
		    n->text);
	if (!r && (out->len < rule->lo || out->len > rule->hi))
		return schema_complain(l, n, "%s is %zu bytes long, allowed: %u to %u", rule->key,
		    out->len, rule->lo, rule->hi);
	return r;
}

int
take_word(struct load *l, const struct schema_rule *rule, const struct ynode *n, void *field)
{
	unsigned value;

	if (schema_want_text(l, n))
		return E_FORMAT;
	if (!word_find(rule->words, n->text, &value))
		return unknown_word(l, rule, n, rule->words);
	*(unsigned *)field = value;
	return 0;
}

int
take_set(struct load *l, const struct schema_rule *rule, const struct ynode *n, void *field)
{
	unsigned *out = field, value;

	if (schema_want_list(l, rule, n))
		return E_FORMAT;
	*out = 0;
	for (const struct ynode *e = n->child; e; e = e->next) {
		if (schema_want_text(l, e))
			return E_FORMAT;
		if (!word_find(rule->words, e->text, &value))
			return unknown_word(l, rule, e, rule->words);
		*out |= 1u << value;
	}
	return 0;
}

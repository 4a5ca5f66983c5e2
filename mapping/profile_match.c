/* How a card is recognised: the key "match" of a profile. Pure. */
#include "mapping/profile_int.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"

#define RANK_DEFAULT 50
#define PATTERN_MAX 33  /* bytes of an ATR, ISO 7816-3 8.2.1 */

/* An entry of `match:`. */
struct match_text {
	struct pattern { struct buf bytes, mask; } atr, hist, tail;
	struct buf atr_mask, apdu, expect;
	unsigned rank;
};

static int
hex_value(char c)
{
	static const char digits[] = "0123456789ABCDEFabcdef";
	const char *p = c ? strchr(digits, c) : NULL;
	int value = p ? (int)(p - digits) : -1;

	return value > 15 ? value - 6 : value;
}

/* One nibble of a pattern: a digit counts, the wildcard does not. */
static bool
nibble_parse(char c, char wildcard, unsigned *value, unsigned *mask)
{
	int digit = hex_value(c);

	if (digit < 0 && c != wildcard)
		return false;
	*value = *value << 4 | (digit < 0 ? 0 : (unsigned)digit);
	*mask = *mask << 4 | (digit < 0 ? 0 : 15);
	return true;
}

static int
take_pattern(struct load *l, const struct schema_rule *rule, const struct ynode *n, void *field)
{
	struct pattern *out = field;
	unsigned value = 0, mask = 0;
	size_t nibbles = 0;

	if (schema_want_text(l, n))
		return E_FORMAT;
	for (const char *p = n->text; *p; p++) {
		if (*p == ' ' && nibbles % 2 == 0)
			continue;
		if (!nibble_parse(*p, '.', &value, &mask))
			return schema_complain(l, n,
			    "%s: \"%.60s\" is not hexadecimal with '.' for any digit", rule->key,
			    n->text);
		if (++nibbles % 2 == 0) {
			buf_u8(&out->bytes, value & 0xFF);
			buf_u8(&out->mask, mask & 0xFF);
		}
	}
	if (nibbles % 2 || nibbles == 0 || nibbles / 2 > rule->hi)
		return schema_complain(l, n, "%s has %zu digits, allowed: pairs, 2 to %u",
		    rule->key, nibbles, 2 * rule->hi);
	return buf_err(&out->bytes) || buf_err(&out->mask) ? E_MEM : 0;
}

static int
take_tail(struct load *l, const struct schema_rule *rule, const struct ynode *n, void *field)
{
	struct pattern *out = field;
	size_t len;

	if (schema_want_text(l, n))
		return E_FORMAT;
	len = strlen(n->text);
	if (len < 1 || len > rule->hi)
		return schema_complain(l, n, "%s is %zu bytes long, allowed: 1 to %u",
		    rule->key, len, rule->hi);
	for (size_t i = 0; i < len; i++)
		if (n->text[i] < 0x20 || n->text[i] > 0x7E)
			return schema_complain(l, n, "%s: only ASCII is allowed", rule->key);
	buf_str(&out->bytes, n->text);
	buf_fill(&out->mask, 0xFF, len);
	return buf_err(&out->bytes) || buf_err(&out->mask) ? E_MEM : 0;
}

/* A probe is sent to a card that may be anybody's, so it can only be a command that changes
 * nothing and never costs a try of a PIN: the reading ones, and VERIFY without data. */
static int
take_probe_apdu(struct load *l, const struct schema_rule *rule, const struct ynode *n, void *field)
{
	static const uint8_t reading[] = { 0xA4, 0xB0, 0xB1, 0xB2, 0xC0, 0xCA, 0xCB };
	struct buf *apdu = field;
	int r = take_hex(l, rule, n, field);

	if (r)
		return r;
	if (apdu->p[0] == 0xFF)
		return schema_complain(l, n, "apdu: CLA FF is for the reader, not for the card");
	if (memchr(reading, apdu->p[1], sizeof reading))
		return 0;
	if (apdu->p[1] == 0x20 && apdu->p[2] == 0x00 && apdu->len == 4)
		return 0;
	return schema_complain(l, n, "apdu: INS %02X could cost a try of a PIN or change the card, "
	    "allowed: A4, B0, B1, B2, C0, CA, CB, and 20 as four bytes (P1 00, no data)",
	    apdu->p[1]);
}

static int
take_expect(struct load *l, const struct schema_rule *rule, const struct ynode *n, void *field)
{
	struct buf *out = field;

	if (schema_want_list(l, rule, n))
		return E_FORMAT;
	buf_reset(out);
	for (const struct ynode *e = n->child; e; e = e->next) {
		unsigned value = 0, mask = 0;
		size_t i = 0;

		if (schema_want_text(l, e))
			return E_FORMAT;
		while (i < 4 && nibble_parse(e->text[i], '*', &value, &mask))
			i++;
		if (i != 4 || e->text[4])
			return schema_complain(l, e, "expect: \"%.40s\" is not a status word, "
			    "allowed: four hexadecimal digits, '*' for any", e->text);
		buf_be16(out, value);
		buf_be16(out, mask);
	}
	return buf_err(out);
}

static const struct schema_rule probe_rules[] = {
	{ .key = "apdu", .take = take_probe_apdu, .must = true, .lo = 4, .hi = 261,
	    .off = offsetof(struct match_text, apdu) },
	{ .key = "expect", .take = take_expect, .must = true, .lo = 1, .hi = 16,
	    .off = offsetof(struct match_text, expect) }
};
static const struct schema_level probe_level = { "probe", probe_rules, 2 };

static const struct schema_rule match_rules[] = {
	{ .key = "atr", .take = take_pattern, .hi = PATTERN_MAX,
	    .off = offsetof(struct match_text, atr) },
	{ .key = "mask", .take = take_hex, .lo = 1, .hi = PATTERN_MAX,
	    .off = offsetof(struct match_text, atr_mask) },
	{ .key = "hist", .take = take_pattern, .hi = 15, .off = offsetof(struct match_text, hist) },
	{ .key = "hist-tail", .take = take_tail, .hi = 15,
	    .off = offsetof(struct match_text, tail) },
	{ .key = "rank", .take = take_unsigned, .hi = 99,
	    .off = offsetof(struct match_text, rank) },
	{ .key = "probe", .take = take_level, .level = &probe_level }
};
static const struct schema_level match_level = {
	"match", match_rules, sizeof match_rules / sizeof match_rules[0]
};

static void
match_text_free(struct match_text *t)
{
	struct buf *all[] = { &t->atr.bytes, &t->atr.mask, &t->hist.bytes, &t->hist.mask,
		&t->tail.bytes, &t->tail.mask, &t->atr_mask, &t->apdu, &t->expect };

	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
		buf_free(all[i]);
}

static int
match_finish(struct load *l, const struct ynode *n, struct match_text *t, struct atr_match *out)
{
	struct pattern *pattern = t->atr.bytes.len ? &t->atr : t->hist.bytes.len ? &t->hist :
	    &t->tail;
	int given = !!t->atr.bytes.len + !!t->hist.bytes.len + !!t->tail.bytes.len;

	if (given != 1)
		return schema_complain(l, n,
		    "match: an entry has exactly one of atr, hist, hist-tail");
	if (t->atr_mask.len) {
		if (t->atr_mask.len != t->atr.bytes.len)
			return schema_complain(l, n, "match: mask must be as long as atr");
		for (size_t i = 0; i < t->atr_mask.len; i++)
			t->atr.mask.p[i] &= t->atr_mask.p[i];
	}
	out->what = pattern == &t->atr ? MATCH_ATR : pattern == &t->hist ? MATCH_HIST :
	    MATCH_HIST_TAIL;
	out->rank = (int)t->rank;
	buf_move(&out->bytes, &pattern->bytes);
	buf_move(&out->mask, &pattern->mask);
	buf_move(&out->probe, &t->apdu);
	buf_move(&out->expect, &t->expect);
	return 0;
}

void
profile_matches_free(struct profile *p)
{
	for (size_t i = 0; i < p->nmatch; i++) {
		buf_free(&p->match[i].bytes);
		buf_free(&p->match[i].mask);
		buf_free(&p->match[i].probe);
		buf_free(&p->match[i].expect);
	}
	free(p->match);
	p->match = NULL;
	p->nmatch = 0;
}

/* Field: struct profile. */
int
take_match(struct load *l, const struct schema_rule *rule, const struct ynode *n, void *field)
{
	struct profile *p = field;
	int r = 0;

	if (schema_want_list(l, rule, n))
		return E_FORMAT;
	profile_matches_free(p); /* of a profile that this one extends */
	if (!(p->match = calloc(schema_list_len(n), sizeof *p->match)))
		return E_MEM;
	for (const struct ynode *e = n->child; e && !r; e = e->next) {
		struct match_text t = { .rank = RANK_DEFAULT };

		if (!(r = schema_read(l, &match_level, e, &t)))
			r = match_finish(l, e, &t, &p->match[p->nmatch++]);
		match_text_free(&t);
	}
	return r;
}

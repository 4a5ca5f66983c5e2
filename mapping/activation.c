#include "mapping/activation.h"

#include <stddef.h>
#include <string.h>

#include "base/err.h"
#include "mapping/schema.h"

#define CODE_MAX 63  /* characters; what base/secret.h can hold */
#define ASK_MAX 64   /* bytes of the command */

/* ---- the profile's words ---- */

/* A command with "pp" where the PIN's reference goes. It is sent to a card in use, so it can only be one
 * that reads. */
static int
take_ask(struct load *l, const struct schema_rule *rule, const struct ynode *n, void *field)
{
	struct activation *a = field;
	struct buf one = BUF_INIT;
	const uint8_t *p;
	size_t lc;
	int r = 0;

	if (schema_want_text(l, n))
		return E_FORMAT;
	buf_reset(&a->ask);
	a->ask_ref = 0;
	for (const char *at = n->text; !r && *at;) {
		buf_reset(&one);
		if (*at == ' ') {
			at++;
			continue;
		}
		if (strncmp(at, "pp", 2) == 0 && !a->ask_ref && a->ask.len) {
			a->ask_ref = a->ask.len;
			buf_u8(&a->ask, 0);
		} else if (!at[1] || (r = hex_parse(at, 2, &one)) != 0 || one.len != 1) {
			r = r ? r : E_FORMAT;
			break;
		} else {
			buf_u8(&a->ask, one.p[0]);
		}
		at += 2;
	}
	buf_free(&one);
	if (r == E_FORMAT)
		return schema_complain(l, n, "%s: \"%.60s\" is not hexadecimal with one \"pp\" for the "
		    "reference of the PIN", rule->key, n->text);
	if (r || (r = buf_err(&a->ask)) != 0)
		return r;
	p = a->ask.p;
	lc = a->ask.len > 4 ? p[4] : 0;
	if (a->ask.len < 4 || a->ask.len > ASK_MAX || (a->ask.len > 4 && (!lc || a->ask.len != 5 + lc)))
		return schema_complain(l, n, "%s: a command has four bytes, or five and as much data as the "
		    "fifth says; none behind it", rule->key);
	if (p[0] == 0xFF || (p[1] != 0xCA && p[1] != 0xCB))
		return schema_complain(l, n, "%s: INS %02X could change the card, allowed: CA, CB",
		    rule->key, p[1]);
	if (a->ask_ref && (a->ask_ref < 2 || a->ask_ref == 4))
		return schema_complain(l, n, "%s: \"pp\" can be P1, P2 or data", rule->key);
	return 0;
}

static int
take_tag(struct load *l, const struct schema_rule *rule, const struct ynode *n, void *field)
{
	struct buf bytes = BUF_INIT;
	unsigned *tag = field;
	int r = take_hex(l, rule, n, &bytes);

	*tag = 0;
	for (size_t i = 0; !r && i < bytes.len; i++)
		*tag = *tag << 8 | bytes.p[i];
	if (!r && !*tag)
		r = schema_complain(l, n, "%s: no object has the tag 0", rule->key);
	buf_free(&bytes);
	return r;
}

#define CODE_RULES(how) \
	{ .key = "min", .take = take_size, .must = true, .lo = 1, .hi = CODE_MAX, \
	    .off = offsetof(struct activation, code[how].min) }, \
	{ .key = "max", .take = take_size, .must = true, .lo = 1, .hi = CODE_MAX, \
	    .off = offsetof(struct activation, code[how].max) }, \
	{ .key = "digits", .take = take_bool, .off = offsetof(struct activation, code[how].digits) }

static const struct schema_rule unblock_rules[] = {
	CODE_RULES(ACTIVATION_UNBLOCK),
	{ .key = "puk-tries", .take = take_int, .lo = 1, .hi = 255,
	    .off = offsetof(struct activation, puk_tries) }
};
static const struct schema_level unblock_level = { "unblock", unblock_rules, 4 };

static const struct schema_rule change_rules[] = {
	CODE_RULES(ACTIVATION_CHANGE),
	{ .key = "ask", .take = take_ask },
	{ .key = "tag", .take = take_tag, .lo = 1, .hi = 2, .off = offsetof(struct activation, tag) },
	{ .key = "new", .take = take_hex, .lo = 1, .hi = 32,
	    .off = offsetof(struct activation, fresh) }
};
static const struct schema_level change_level = { "change", change_rules, 6 };

static const struct schema_rule activation_rules[] = {
	{ .key = "unblock", .take = take_level, .level = &unblock_level },
	{ .key = "change", .take = take_level, .level = &change_level }
};
const struct schema_level activation_level = { "activation", activation_rules, 2 };

void
activation_init(struct activation *a)
{
	*a = (struct activation){ .puk_tries = -1 };
	for (size_t i = 0; i < ACTIVATIONS; i++)
		a->code[i].digits = true;
}

void
activation_free(struct activation *a)
{
	buf_free(&a->ask);
	buf_free(&a->fresh);
}

const char *
activation_fault(const struct activation *a)
{
	for (size_t i = 0; i < ACTIVATIONS; i++)
		if (a->code[i].min > a->code[i].max)
			return "activation: min is larger than max";
	if (!a->ask.len != !a->fresh.len)
		return "activation: ask and new go together";
	if (a->tag && !a->ask.len)
		return "activation: a tag without ask";
	return NULL;
}

/* ---- what it means ---- */

bool
activation_has(const struct activation *a, enum pin_activation how)
{
	return a->code[how].max > 0;
}

bool
activation_code_fits(const struct activation *a, enum pin_activation how, struct view code)
{
	bool digits = true;

	for (size_t i = 0; i < code.len; i++)
		digits &= code.p[i] >= '0' && code.p[i] <= '9';
	return code.len >= a->code[how].min && code.len <= a->code[how].max && code.len &&
	    (digits || !a->code[how].digits);
}

/* One object off the front, its tag as it is written, of one byte or two. Source: ISO 7816-4 5.2.2. */
static bool
take_object(struct view *v, unsigned *tag, bool *constructed, struct view *value)
{
	unsigned byte, len;

	/* filler between objects */
	while (v->len && (v->p[0] == 0x00 || v->p[0] == 0xFF))
		*v = view_part(*v, 1, v->len);
	if (!view_u8(v, tag))
		return false;
	*constructed = *tag & 0x20;
	if ((*tag & 0x1F) == 0x1F) {
		if (!view_u8(v, &byte) || byte & 0x80)
			return false;
		*tag = *tag << 8 | byte;
	}
	if (!view_u8(v, &len))
		return false;
	if (len == 0x82)
		return view_be16(v, &len) && view_take(v, len, value);
	if (len == 0x81)
		return view_u8(v, &len) && view_take(v, len, value);
	return len < 0x80 && view_take(v, len, value);
}

/* The object of that tag, the first in the order of the bytes. */
static bool
find_object(struct view v, unsigned wanted, struct view *value)
{
	struct view behind[ACTIVATION_DEPTH];
	bool constructed;
	unsigned tag;
	size_t depth = 0;

	for (;;) {
		if (take_object(&v, &tag, &constructed, value)) {
			if (tag == wanted)
				return true;
			if (constructed && depth < ACTIVATION_DEPTH) {
				behind[depth++] = v;
				v = *value;
			}
		} else if (depth) {
			v = behind[--depth];
		} else {
			return false;
		}
	}
}

int
activation_is_fresh(const struct activation *a, struct view answer)
{
	struct view value = answer;

	if (a->tag && !find_object(answer, a->tag, &value))
		return -1;
	/* a value of another length is another language */
	if (!a->fresh.len || value.len != a->fresh.len)
		return -1;
	return view_eq(value, buf_peek(&a->fresh));
}

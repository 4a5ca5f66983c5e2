/* How a PIN is sent: the entries of "pins" of a profile. Pure. */
#include "mapping/profile_int.h"

#include "base/err.h"

#define PIN_MAX 63      /* characters; what base/secret.h can hold */

/* What is read of a PIN before it becomes a pin_ref. */
struct pin_text {
	struct pin_ref pin;
	unsigned coding, forget;
	int pad;                /* -1: none given */
};

static const struct schema_word coding_array[] = {
	{ "bcd", PIN_BCD }, { "ascii", PIN_ASCII }, { "utf8", PIN_UTF8 },
	{ "half-nibble-bcd", PIN_HALF_NIBBLE_BCD }, { "glp", PIN_GLP }
};
static const struct schema_word forget_array[] = {
	{ "none", PIN_FORGET_NONE }, { "card", PIN_FORGET_CARD },
	{ "command", PIN_FORGET_COMMAND }, { "reset", PIN_FORGET_RESET }
};
static const struct schema_words coding_words = WORDS(coding_array);
static const struct schema_words forget_words = WORDS(forget_array);

size_t
pin_block_holds(enum pin_coding coding, size_t stored)
{
	if (coding == PIN_BCD)
		return 2 * stored;
	if (coding == PIN_GLP) /* the first byte holds a control digit and the length */
		return stored > 1 ? (2 * (stored - 1) < 15 ? 2 * (stored - 1) : 15) : 0;
	return stored;
}

static const struct schema_rule puk_rules[] = {
	{ .key = "min", .take = take_size, .must = true, .lo = 1, .hi = PIN_MAX,
	    .off = offsetof(struct pin_text, pin.puk_min) },
	{ .key = "max", .take = take_size, .must = true, .lo = 1, .hi = PIN_MAX,
	    .off = offsetof(struct pin_text, pin.puk_max) },
	{ .key = "block", .take = take_size, .lo = 1, .hi = PIN_MAX,
	    .off = offsetof(struct pin_text, pin.puk_stored) },
	{ .key = "ref", .take = take_int, .hi = 255,
	    .off = offsetof(struct pin_text, pin.unblock_ref) }
};
static const struct schema_level puk_level = { "puk", puk_rules, 4 };

static const struct schema_rule pin_rules[] = {
	{ .key = "ref", .take = take_int, .hi = 255, .off = offsetof(struct pin_text, pin.ref) },
	{ .key = "min", .take = take_size, .must = true, .lo = 1, .hi = PIN_MAX,
	    .off = offsetof(struct pin_text, pin.min) },
	{ .key = "max", .take = take_size, .must = true, .lo = 1, .hi = PIN_MAX,
	    .off = offsetof(struct pin_text, pin.max) },
	{ .key = "pad", .take = take_int, .hi = 255, .off = offsetof(struct pin_text, pad) },
	{ .key = "block", .take = take_size, .lo = 1, .hi = PIN_MAX,
	    .off = offsetof(struct pin_text, pin.stored) },
	{ .key = "coding", .take = take_word, .words = &coding_words,
	    .off = offsetof(struct pin_text, coding) },
	{ .key = "tries", .take = take_int, .lo = 1, .hi = 255,
	    .off = offsetof(struct pin_text, pin.tries_max) },
	{ .key = "forget", .take = take_word, .words = &forget_words,
	    .off = offsetof(struct pin_text, forget) },
	{ .key = "path", .take = take_path, .hi = PATH_BYTES_MAX,
	    .off = offsetof(struct pin_text, pin.path) },
	{ .key = "local", .take = take_bool, .off = offsetof(struct pin_text, pin.local) },
	{ .key = "puk", .take = take_level, .level = &puk_level },
	{ .key = "guess", .take = take_bool, .off = offsetof(struct pin_text, pin.guess) }
};
static const struct schema_level pin_level = {
	"a pin", pin_rules, sizeof pin_rules / sizeof pin_rules[0]
};

/* Field: struct pin_ref. */
int
take_pin(struct load *l, const struct schema_rule *rule, const struct ynode *n, void *field)
{
	struct pin_text t = {
		.pin = { .ref = -1, .tries_max = -1, .unblock_ref = -1, .path.from = PATH_APP },
		.coding = PIN_ASCII, .pad = -1
	};
	int r = schema_read(l, &pin_level, n, &t);

	if (r)
		return r;
	if (t.pin.min > t.pin.max || t.pin.puk_min > t.pin.puk_max)
		return schema_complain(l, n, "%s: min is larger than max", rule->key);
	if ((t.pad >= 0) != (t.pin.stored > 0))
		return schema_complain(l, n, "%s: pad and block go together", rule->key);
	t.pin.coding = (enum pin_coding)t.coding;
	if (t.pin.stored && t.pin.max > pin_block_holds(t.pin.coding, t.pin.stored))
		return schema_complain(l, n, "%s: max characters do not fit into block", rule->key);
	t.pin.forget = (enum pin_forget)t.forget;
	t.pin.pads = t.pad >= 0;
	t.pin.pad = t.pin.pads ? (uint8_t)t.pad : 0;
	*(struct pin_ref *)field = t.pin;
	return 0;
}

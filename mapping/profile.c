#include "mapping/profile.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "mapping/algs.h"
#include "mapping/p15.h"
#include "mapping/profiles.h"
#include "mapping/schema.h"

#define RANK_DEFAULT 50
#define PATTERN_MAX 33  /* bytes of an ATR, ISO 7816-3 8.2.1 */
#define PIN_MAX 63      /* characters; what base/secret.h can hold */

/* What is read of a PIN before it becomes a pin_ref. */
struct pin_text {
	struct pin_ref pin;
	unsigned coding, forget;
	int pad;                /* -1: none given */
};
/* An entry of `match:`. */
struct match_text {
	struct pattern { struct buf bytes, mask; } atr, hist, tail;
	struct buf atr_mask, apdu, expect;
	unsigned rank;
};

/* ---- words ---- */

#define WORDS(array) { array, sizeof array / sizeof array[0] }

static const struct schema_word sign_array[] = {
	{ "rsa-raw", ALG_RSA_RAW }, { "rsa-pkcs1", ALG_RSA_PKCS1 }, { "rsa-pss", ALG_RSA_PSS },
	{ "ecdsa", ALG_ECDSA }
};
static const struct schema_word decipher_array[] = {
	{ "rsa-raw", ALG_RSA_RAW }, { "rsa-pkcs1", ALG_RSA_PKCS1 }, { "rsa-oaep", ALG_RSA_OAEP }
};
static const struct schema_word derive_array[] = { { "ecdh", ALG_ECDH } };
static const struct schema_word curve_array[] = {
	{ "P-256", CURVE_P256 }, { "P-384", CURVE_P384 }, { "P-521", CURVE_P521 }
};
static const struct schema_word coding_array[] = {
	{ "bcd", PIN_BCD }, { "ascii", PIN_ASCII }, { "utf8", PIN_UTF8 },
	{ "half-nibble-bcd", PIN_HALF_NIBBLE_BCD }, { "glp", PIN_GLP }
};
static const struct schema_word forget_array[] = {
	{ "none", PIN_FORGET_NONE }, { "card", PIN_FORGET_CARD },
	{ "command", PIN_FORGET_COMMAND }, { "reset", PIN_FORGET_RESET }
};
static const struct schema_word quirk_array[] = {
#define X(code, word) { word, code },
	QUIRK_LIST(X)
#undef X
};
static const struct schema_word sm_array[] = {
	{ "none", SM_NONE }, { "contactless", SM_CONTACTLESS }, { "always", SM_ALWAYS }
};
/* in the order of enum cipher, cardos/crypt.h */
static const struct schema_word pace_array[] = {
	{ "3des", 0 }, { "aes-128", 1 }, { "aes-192", 2 }, { "aes-256", 3 }
};
static const struct schema_words sign_words = WORDS(sign_array);
static const struct schema_words decipher_words = WORDS(decipher_array);
static const struct schema_words derive_words = WORDS(derive_array);
static const struct schema_words curve_words = WORDS(curve_array);
static const struct schema_words coding_words = WORDS(coding_array);
static const struct schema_words forget_words = WORDS(forget_array);
static const struct schema_words sm_words = WORDS(sm_array);
static const struct schema_words pace_words = WORDS(pace_array);
static const struct schema_words quirk_words = WORDS(quirk_array);

/* ---- match ---- */

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

static size_t
list_len(const struct ynode *list)
{
	size_t entries = 0;

	for (const struct ynode *e = list->child; e; e = e->next)
		entries++;
	return entries;
}

static void
matches_free(struct profile *p)
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
static int
take_match(struct load *l, const struct schema_rule *rule, const struct ynode *n, void *field)
{
	struct profile *p = field;
	int r = 0;

	if (schema_want_list(l, rule, n))
		return E_FORMAT;
	matches_free(p); /* of a profile that this one extends */
	if (!(p->match = calloc(list_len(n), sizeof *p->match)))
		return E_MEM;
	for (const struct ynode *e = n->child; e && !r; e = e->next) {
		struct match_text t = { .rank = RANK_DEFAULT };

		if (!(r = schema_read(l, &match_level, e, &t)))
			r = match_finish(l, e, &t, &p->match[p->nmatch++]);
		match_text_free(&t);
	}
	return r;
}

/* ---- paths and PINs ---- */

size_t
pin_block_holds(enum pin_coding coding, size_t stored)
{
	if (coding == PIN_BCD)
		return 2 * stored;
	if (coding == PIN_GLP) /* the first byte holds a control digit and the length */
		return stored > 1 ? (2 * (stored - 1) < 15 ? 2 * (stored - 1) : 15) : 0;
	return stored;
}

static int
take_path(struct load *l, const struct schema_rule *rule, const struct ynode *n, void *field)
{
	struct buf bytes = BUF_INIT;
	int r = take_hex(l, rule, n, &bytes);

	if (!r && p15_path_decode(buf_peek(&bytes), field))
		r = schema_complain(l, n, "%s: \"%.60s\" is not a path, allowed: file ids of four "
		    "digits, from the application or from 3F00, or an AID", rule->key, n->text);
	buf_free(&bytes);
	return r;
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
	{ .key = "ref", .take = take_int, .must = true, .hi = 255,
	    .off = offsetof(struct pin_text, pin.ref) },
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
static int
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

/* ---- what the card's directory may leave out ---- */

static const struct schema_word kind_array[] = { { "rsa", KEY_RSA }, { "ec", KEY_EC } };
static const struct schema_word usage_array[] = { /* bits of KeyUsageFlags */
	{ "decrypt", 1 }, { "sign", 2 }, { "sign-recover", 3 }, { "unwrap", 5 }, { "derive", 8 },
	{ "non-repudiation", 9 }
};
static const struct schema_words kind_words = WORDS(kind_array);
static const struct schema_words usage_words = WORDS(usage_array);

/* An entry of `objects:` before it becomes a record. */
struct object_text {
	struct buf id, auth;
	char *label;
	unsigned kind, usage, bits;
	int ref;
	struct path path;
	bool authority;
};

static const struct schema_rule given_key_rules[] = {
	{ .key = "id", .take = take_hex, .must = true, .lo = 1, .hi = 64,
	    .off = offsetof(struct object_text, id) },
	{ .key = "label", .take = take_text, .must = true, .lo = 1, .hi = 64,
	    .off = offsetof(struct object_text, label) },
	{ .key = "type", .take = take_word, .must = true, .words = &kind_words,
	    .off = offsetof(struct object_text, kind) },
	{ .key = "usage", .take = take_set, .must = true, .lo = 1, .hi = 6, .words = &usage_words,
	    .off = offsetof(struct object_text, usage) },
	{ .key = "pin", .take = take_hex, .must = true, .lo = 1, .hi = 64,
	    .off = offsetof(struct object_text, auth) },
	{ .key = "bits", .take = take_unsigned, .lo = 192, .hi = 16384,
	    .off = offsetof(struct object_text, bits) },
	{ .key = "ref", .take = take_int, .hi = 255, .off = offsetof(struct object_text, ref) },
	{ .key = "path", .take = take_path, .lo = 2, .hi = PATH_BYTES_MAX,
	    .off = offsetof(struct object_text, path) }
};
static const struct schema_rule given_cert_rules[] = {
	{ .key = "id", .take = take_hex, .must = true, .lo = 1, .hi = 64,
	    .off = offsetof(struct object_text, id) },
	{ .key = "label", .take = take_text, .must = true, .lo = 1, .hi = 64,
	    .off = offsetof(struct object_text, label) },
	{ .key = "path", .take = take_path, .must = true, .lo = 2, .hi = PATH_BYTES_MAX,
	    .off = offsetof(struct object_text, path) },
	{ .key = "ca", .take = take_bool, .off = offsetof(struct object_text, authority) }
};
static const struct {
	const char *word;
	enum p15_kind kind;
	struct schema_level level;
} given_kinds[] = {
	{ "key", P15_PRIVATE, { "key", given_key_rules, sizeof given_key_rules / sizeof given_key_rules[0] } },
	{ "cert", P15_CERT, { "cert", given_cert_rules, sizeof given_cert_rules / sizeof given_cert_rules[0] } },
};

static void
id_of(const struct buf *bytes, struct p15_id *id)
{
	id->len = (uint8_t)bytes->len;
	if (bytes->len)
		memcpy(id->b, bytes->p, bytes->len);
}

/* Takes the label. */
static struct p15_object *
object_of(enum p15_kind kind, struct object_text *t)
{
	struct p15_object *o = calloc(1, sizeof *o);

	if (!o)
		return NULL;
	o->kind = kind;
	o->label = t->label;
	t->label = NULL;
	id_of(&t->id, &o->id);
	id_of(&t->auth, &o->auth_id);
	o->usage = t->usage;
	o->native = true;
	if (kind == P15_PRIVATE) {
		o->flags = P15_FLAG_PRIVATE;
		o->access = ACCESS_SENSITIVE | ACCESS_ALWAYS_SENSITIVE | ACCESS_NEVER_EXTRACTABLE;
		o->key.kind = (enum key_kind)t->kind;
		o->key.bits = t->bits;
		o->key.path = t->path;
		o->key.ref = t->ref;
		o->key.ref_valid = t->ref >= 0;
	}
	o->authority = o->trusted = t->authority;
	o->path = t->path;
	o->range.whole = true;
	return o;
}

static int
take_object(struct load *l, const struct ynode *e, struct p15_objects *all)
{
	struct object_text t = { .ref = -1, .path.from = PATH_APP };
	const struct ynode *n = e->kind == YN_MAP ? e->child : NULL;
	size_t i = 0;
	int r;

	while (n && i < sizeof given_kinds / sizeof given_kinds[0] && strcmp(given_kinds[i].word, n->key) != 0)
		i++;
	if (!n || n->next || i == sizeof given_kinds / sizeof given_kinds[0])
		return schema_complain(l, e, "objects: an entry is one of key, cert");
	if (!(r = schema_read(l, &given_kinds[i].level, n, &t)))
		r = p15_objects_take(all, object_of(given_kinds[i].kind, &t));
	buf_free(&t.id);
	buf_free(&t.auth);
	free(t.label);
	return r;
}

/* Field: struct profile. */
static int
take_objects(struct load *l, const struct schema_rule *rule, const struct ynode *n, void *field)
{
	struct profile *p = field;
	int r = 0;

	if (schema_want_list(l, rule, n))
		return E_FORMAT;
	if (p->objects)
		p15_objects_free(p->objects);
	else if (!(p->objects = calloc(1, sizeof *p->objects)))
		return E_MEM;
	for (const struct ynode *e = n->child; e && !r; e = e->next)
		r = take_object(l, e, p->objects);
	return r;
}

/* ---- the levels ---- */

static int
take_schema(struct load *l, const struct schema_rule *rule, const struct ynode *n, void *field)
{
	(void)field;
	if (schema_want_text(l, n))
		return E_FORMAT;
	if (strcmp(n->text, "1") != 0)
		return schema_complain(l, n, "%s: \"%.40s\" is not known, allowed: 1", rule->key,
		    n->text);
	return 0;
}

/* Was followed before the keys are read. */
static int
take_extends(struct load *l, const struct schema_rule *rule, const struct ynode *n, void *field)
{
	(void)rule;
	(void)field;
	return schema_want_text(l, n);
}

/* For the reader of the file only, but each fact needs one. */
static int
take_source(struct load *l, const struct schema_rule *rule, const struct ynode *n, void *field)
{
	(void)field;
	if (schema_want_list(l, rule, n))
		return E_FORMAT;
	for (const struct ynode *e = n->child; e; e = e->next)
		if (schema_want_text(l, e))
			return E_FORMAT;
	return 0;
}

/* none | data | certhead | ef:PATH. Field: struct profile. */
static int
take_watch(struct load *l, const struct schema_rule *rule, const struct ynode *n, void *field)
{
	static const struct { const char *word; enum watch_kind kind; } words[] = {
		{ "none", WATCH_NONE }, { "data", WATCH_DATA }, { "certhead", WATCH_CERTHEAD }
	};
	struct profile *p = field;
	struct buf bytes = BUF_INIT;
	bool ef;

	if (schema_want_text(l, n))
		return E_FORMAT;
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		if (strcmp(words[i].word, n->text) == 0) {
			p->watch = words[i].kind;
			return 0;
		}
	}
	ef = strncmp(n->text, "ef:", 3) == 0 &&
	    hex_parse(n->text + 3, strlen(n->text + 3), &bytes) == 0 && bytes.len &&
	    p15_path_decode(buf_peek(&bytes), &p->watch_path) == 0;
	buf_free(&bytes);
	if (!ef)
		return schema_complain(l, n,
		    "%s: \"%.40s\" is not known, allowed: none, data, certhead, ef:PATH", rule->key,
		    n->text);
	p->watch = WATCH_EF;
	return 0;
}

/* "4B01-4B0F": two file ids, both included. */
static int
take_fids(struct load *l, const struct schema_rule *rule, const struct ynode *n, void *field)
{
	struct fid_range *range = field;
	struct buf ids = BUF_INIT;
	unsigned from = 0, to = 0;
	struct view v;
	bool shape;
	int r = 0;

	if (schema_want_text(l, n))
		return E_FORMAT;
	shape = strlen(n->text) == 9 && n->text[4] == '-' && !strchr(n->text, ' ');
	if (shape && !(r = hex_parse(n->text, 4, &ids)))
		r = hex_parse(n->text + 5, 4, &ids);
	v = buf_peek(&ids);
	if (!view_be16(&v, &from) || !view_be16(&v, &to) || from == 0 || from > to)
		shape = false;
	buf_free(&ids);
	if (r == E_MEM)
		return r;
	if (!shape)
		return schema_complain(l, n, "%s: \"%.40s\" is not a range of file ids, allowed: "
		    "two of four digits as 4B01-4B0F", rule->key, n->text);
	range->from = (uint16_t)from;
	range->to = (uint16_t)to;
	return 0;
}

static int
take_app_path(struct load *l, const struct schema_rule *rule, const struct ynode *n, void *field)
{
	struct path *path = field;
	int r = take_path(l, rule, n, path);

	return r || path->from == PATH_MF ? r :
	    schema_complain(l, n, "path: \"%.60s\" does not begin at the MF, 3F00", n->text);
}

static const struct schema_rule application_rules[] = {
	{ .key = "aid", .take = take_hex, .lo = 5, .hi = 16, .off = offsetof(struct profile, aid) },
	{ .key = "path", .take = take_app_path, .lo = 4, .hi = PATH_BYTES_MAX,
	    .off = offsetof(struct profile, app_path) },
	{ .key = "odf", .take = take_path, .lo = 2, .hi = PATH_BYTES_MAX,
	    .off = offsetof(struct profile, odf) },
	{ .key = "token-info", .take = take_path, .lo = 2, .hi = PATH_BYTES_MAX,
	    .off = offsetof(struct profile, token_info) }
};
static const struct schema_level application_level = { "application", application_rules, 4 };

static const struct schema_rule pins_rules[] = {
	{ .key = "pin1", .take = take_pin, .off = offsetof(struct profile, pin[0]) },
	{ .key = "pin2", .take = take_pin, .off = offsetof(struct profile, pin[1]) }
};
static const struct schema_level pins_level = { "pins", pins_rules, 2 };

static const struct schema_rule algs_rules[] = {
	{ .key = "sign", .take = take_set, .hi = ALG_COUNT, .words = &sign_words,
	    .off = offsetof(struct profile, sign_algs) },
	{ .key = "decipher", .take = take_set, .hi = ALG_COUNT, .words = &decipher_words,
	    .off = offsetof(struct profile, decipher_algs) },
	{ .key = "derive", .take = take_set, .hi = ALG_COUNT, .words = &derive_words,
	    .off = offsetof(struct profile, derive_algs) },
	{ .key = "curves", .take = take_set, .hi = CURVE_COUNT, .words = &curve_words,
	    .off = offsetof(struct profile, ec_curves) }
};
static const struct schema_level algs_level = { "algs", algs_rules, 4 };

static const struct schema_rule rsa_rules[] = {
	{ .key = "min", .take = take_unsigned, .must = true, .lo = 512, .hi = 16384,
	    .off = offsetof(struct profile, rsa_min) },
	{ .key = "max", .take = take_unsigned, .must = true, .lo = 512, .hi = 16384,
	    .off = offsetof(struct profile, rsa_max) },
	{ .key = "step", .take = take_unsigned, .must = true, .lo = 1, .hi = 16384,
	    .off = offsetof(struct profile, rsa_step) }
};
static const struct schema_level rsa_level = { "rsa", rsa_rules, 3 };

static const struct schema_rule keys_rules[] = {
	{ .key = "rsa", .take = take_level, .level = &rsa_level },
	{ .key = "generate", .take = take_bool, .off = offsetof(struct profile, keygen) }
};
static const struct schema_level keys_level = { "keys", keys_rules, 2 };

static const struct schema_rule files_rules[] = {
	{ .key = "private", .take = take_fids,
	    .off = offsetof(struct profile, files[FILES_PRIVATE]) },
	{ .key = "public", .take = take_fids,
	    .off = offsetof(struct profile, files[FILES_PUBLIC]) },
	{ .key = "certificate", .take = take_fids,
	    .off = offsetof(struct profile, files[FILES_CERT]) },
	{ .key = "data", .take = take_fids, .off = offsetof(struct profile, files[FILES_DATA]) }
};
static const struct schema_level files_level = { "files", files_rules, 4 };

/* Field: struct profile. */
static int
take_environment(struct load *l, const struct schema_rule *rule, const struct ynode *n, void *field)
{
	struct environment *e = field;

	(void)rule;
	environment_init(e);
	e->given = true;
	return schema_read(l, &environment_level, n, e);
}

/* One byte. Field: uint8_t. */
static int
take_byte(struct load *l, const struct schema_rule *rule, const struct ynode *n, void *field)
{
	const struct schema_rule byte = { .key = rule->key, .hi = 255 };
	unsigned value;
	int r = take_unsigned(l, &byte, n, &value);

	if (!r)
		*(uint8_t *)field = (uint8_t)value;
	return r;
}

static const struct schema_rule name_rules[] = {
	{ .key = "path", .take = take_path, .must = true, .lo = 2, .hi = PATH_BYTES_MAX,
	    .off = offsetof(struct df_name, path) },
	{ .key = "name", .take = take_hex, .must = true, .lo = 1, .hi = 16,
	    .off = offsetof(struct df_name, name) }
};
static const struct schema_level name_level = { "names", name_rules, 2 };

static void
select_free(struct select_how *s)
{
	for (size_t i = 0; i < s->nnames; i++)
		buf_free(&s->names[i].name);
	free(s->names);
	memset(s, 0, sizeof *s);
}

/* Field: struct select_how. */
static int
take_df_names(struct load *l, const struct schema_rule *rule, const struct ynode *n, void *field)
{
	struct select_how *s = field;
	int r = 0;

	if (schema_want_list(l, rule, n))
		return E_FORMAT;
	if (!(s->names = calloc(list_len(n), sizeof *s->names)))
		return E_MEM;
	for (const struct ynode *e = n->child; e && !r; e = e->next)
		r = schema_read(l, &name_level, e, &s->names[s->nnames++]);
	return r;
}

static const struct schema_rule select_rules[] = {
	{ .key = "p2", .take = take_byte, .off = offsetof(struct select_how, p2) },
	{ .key = "p2-fci", .take = take_byte, .off = offsetof(struct select_how, p2_fci) },
	{ .key = "ef", .take = take_byte, .off = offsetof(struct select_how, ef) },
	{ .key = "df", .take = take_byte, .off = offsetof(struct select_how, df) },
	{ .key = "walk", .take = take_bool, .off = offsetof(struct select_how, walk) },
	{ .key = "names", .take = take_df_names, .lo = 1, .hi = 8 }
};
static const struct schema_level select_level = { "select", select_rules, 6 };

static int
take_select(struct load *l, const struct schema_rule *rule, const struct ynode *n, void *field)
{
	(void)rule;
	select_free(field); /* of a profile that this one extends */
	return schema_read(l, &select_level, n, field);
}

static const struct schema_rule io_rules[] = {
	{ .key = "max-send", .take = take_unsigned, .lo = 1, .hi = 65535,
	    .off = offsetof(struct profile, max_send) },
	{ .key = "max-recv", .take = take_unsigned, .lo = 1, .hi = 65536,
	    .off = offsetof(struct profile, max_recv) },
	{ .key = "sm", .take = take_word, .words = &sm_words, .off = offsetof(struct profile, sm) },
	{ .key = "pace", .take = take_set, .hi = 4, .words = &pace_words,
	    .off = offsetof(struct profile, pace) }
};
static const struct schema_level io_level = { "io", io_rules, 4 };

static const struct schema_rule profile_rules[] = {
	{ .key = "schema", .take = take_schema, .must = true },
	{ .key = "profile", .take = take_word_name, .must = true, .lo = 1, .hi = 32,
	    .off = offsetof(struct profile, name) },
	{ .key = "source", .take = take_source, .must = true, .lo = 1, .hi = 32 },
	{ .key = "extends", .take = take_extends },
	{ .key = "driver", .take = take_word_name, .lo = 1, .hi = 32,
	    .off = offsetof(struct profile, driver) },
	/* 16 and 32: CK_TOKEN_INFO */
	{ .key = "model", .take = take_text, .lo = 1, .hi = 16,
	    .off = offsetof(struct profile, model) },
	{ .key = "manufacturer", .take = take_text, .lo = 1, .hi = 32,
	    .off = offsetof(struct profile, manufacturer) },
	{ .key = "match", .take = take_match, .lo = 1, .hi = 64 },
	{ .key = "fallback", .take = take_bool, .off = offsetof(struct profile, fallback) },
	{ .key = "application", .take = take_level, .level = &application_level },
	{ .key = "pins", .take = take_level, .level = &pins_level },
	{ .key = "activation", .take = take_level, .level = &activation_level,
	    .off = offsetof(struct profile, activation) },
	{ .key = "algs", .take = take_level, .level = &algs_level },
	{ .key = "environment", .take = take_environment, .off = offsetof(struct profile, env) },
	{ .key = "objects", .take = take_objects, .lo = 1, .hi = 16 },
	{ .key = "select", .take = take_select, .off = offsetof(struct profile, select) },
	{ .key = "keys", .take = take_level, .level = &keys_level },
	{ .key = "files", .take = take_level, .level = &files_level },
	{ .key = "io", .take = take_level, .level = &io_level },
	{ .key = "watch", .take = take_watch },
	{ .key = "quirks", .take = take_set, .hi = 32, .words = &quirk_words,
	    .off = offsetof(struct profile, quirks) }
};
static const struct schema_level profile_level = {
	"the profile", profile_rules, sizeof profile_rules / sizeof profile_rules[0]
};

/* ---- the whole ---- */

/* What no single key can tell. */
static int
profile_finish(struct load *l, const struct ynode *root, struct profile *p)
{
	unsigned rsa = 1u << ALG_RSA_RAW | 1u << ALG_RSA_PKCS1 | 1u << ALG_RSA_PSS |
	    1u << ALG_RSA_OAEP;
	unsigned algs;
	const char *fault;

	for (size_t i = 0; i < 2; i++)
		p->has_pin[i] = p->pin[i].ref >= 0;
	if ((fault = activation_fault(&p->activation)) || (fault = environment_fault(&p->env)))
		return schema_complain(l, root, "%s", fault);
	if (p->env.given && (p->sign_algs || p->decipher_algs || p->derive_algs))
		return schema_complain(l, root,
		    "an environment names the algorithms; algs has curves only then");
	if (!p->driver)
		return schema_complain(l, root, "the profile: the key \"driver\" is missing");
	if (p->env.given) {
		p->sign_algs = environment_algs(&p->env, USE_SIGN);
		p->decipher_algs = environment_algs(&p->env, USE_DECIPHER);
		p->derive_algs = environment_algs(&p->env, USE_DERIVE);
	}
	algs = p->sign_algs | p->decipher_algs | p->derive_algs;
	if (p->fallback && p->nmatch)
		return schema_complain(l, root,
		    "a fallback has no match: it is tried when none fits");
	if (!p->fallback && !p->nmatch)
		return schema_complain(l, root, "the profile: the key \"match\" is missing");
	if (p->pace && !p->sm)
		return schema_complain(l, root, "io: pace is given, but sm does not say when");
	if (p->rsa_min > p->rsa_max)
		return schema_complain(l, root, "rsa: min is larger than max");
	if (algs & rsa && !p->rsa_max)
		return schema_complain(l, root,
		    "algs name RSA, but keys do not give its sizes (rsa)");
	if (algs & ~rsa && !p->ec_curves)
		return schema_complain(l, root, "algs name ecdsa or ecdh, but no curves");
	return 0;
}

static struct profile *
profile_new(void)
{
	static const struct path odf = { PATH_APP, 2, { 0x50, 0x31 } };
	static const struct path token_info = { PATH_APP, 2, { 0x50, 0x32 } };
	struct profile *p = calloc(1, sizeof *p);

	if (!p)
		return NULL;
	p->odf = odf;
	p->token_info = token_info;
	activation_init(&p->activation);
	environment_init(&p->env);
	for (size_t i = 0; i < 2; i++)
		p->pin[i].ref = p->pin[i].tries_max = p->pin[i].unblock_ref = -1;
	return p;
}

static const struct embedded *
builtin_named(const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < profiles_builtin_count; i++)
		if (strncmp(profiles_builtin[i].name, name, len) == 0 &&
		    strcmp(profiles_builtin[i].name + len, ".yaml") == 0)
			return &profiles_builtin[i];
	return NULL;
}

static const struct ynode *
child_named(const struct ynode *map, const char *key)
{
	const struct ynode *n = map->kind == YN_MAP ? map->child : NULL;

	while (n && strcmp(n->key, key) != 0)
		n = n->next;
	return n;
}

/* Reads the shipped profile that this one extends, one level deep, and then this one's keys over it. */
static int
read_over(struct load *l, const struct ynode *root, struct profile *p)
{
	const struct ynode *extends = child_named(root, "extends");
	const struct embedded *base = NULL;
	struct ytree tree;
	int r = 0;

	if (extends && extends->kind == YN_TEXT && !(base = builtin_named(extends->text)))
		return schema_complain(l, extends, "extends: no shipped profile is called \"%.40s\"", extends->text);
	if (base && !(r = ytree_parse(view_of(base->text, base->len), base->name, &tree, l->why))) {
		struct load under = { base->name, l->why };

		r = child_named(tree.root, "extends") ?
		    schema_complain(l, extends, "extends: \"%.40s\" extends another one", extends->text) :
		    schema_read(&under, &profile_level, tree.root, p);
		ytree_free(&tree);
	}
	return r ? r : schema_read(l, &profile_level, root, p);
}

int
profile_parse(struct view text, const char *where, struct profile **out, struct buf *why)
{
	struct load l = { where, why };
	struct ytree tree;
	struct profile *p = NULL;
	int r;

	*out = NULL;
	if ((r = ytree_parse(text, where, &tree, why)))
		return r;
	if (!(p = profile_new()))
		r = E_MEM;
	if (!r && !(r = read_over(&l, tree.root, p)))
		r = profile_finish(&l, tree.root, p);
	ytree_free(&tree);
	if (r)
		profile_free(&p);
	*out = p;
	return r;
}

void
profile_free(struct profile **p)
{
	struct profile *pf = *p;

	if (!pf)
		return;
	matches_free(pf);
	free(pf->name);
	free(pf->driver);
	free(pf->model);
	free(pf->manufacturer);
	buf_free(&pf->aid);
	activation_free(&pf->activation);
	select_free(&pf->select);
	if (pf->objects)
		p15_objects_free(pf->objects);
	free(pf->objects);
	free(pf);
	*p = NULL;
}

/* Directories and the like: what is structure stays, words and numbers that may be the holder's do not.
 * Source: ISO/IEC 7816-15, 8; ISO/IEC 7816-4, 5.3.3 and 8.2. */
#include <string.h>

#include "bridges/trace/anon_int.h"

#define DEPTH_MAX   20
#define NUMBER_MAX  4u  /* bytes of an INTEGER, flags or reference that tells nothing of a person */
#define AID_MAX     16u

/* Whether the bytes were selected, or are part of what was: a path, or an application. */
static bool
is_path(const struct anon *a, struct view x)
{
	struct view v = buf_peek(&a->paths), path;
	unsigned n;

	if (x.len && x.len <= AID_MAX && !(x.len & 1) && x.p[0] == 0x3F && !x.p[1])
		return true;
	while (view_u8(&v, &n) && view_take(&v, n, &path))
		for (size_t i = 0; i + x.len <= path.len; i++)
			if (!memcmp(path.p + i, x.p, x.len))
				return true;
	return false;
}

/* Registered and national application identifiers. Source: ISO/IEC 7816-4, 8.2.1.2. */
static bool
is_aid(struct view v)
{
	return v.len >= 5 && v.len <= AID_MAX && (v.p[0] >> 4 == 0xA || v.p[0] >> 4 == 0xD || v.p[0] == 0xE8);
}

static void
octets(struct anon *a, struct content *c, const struct tlv *t)
{
	struct view v = view_of(c->bytes.p + t->body, t->end - t->body);

	if (v.len < NUMBER_MAX || is_path(a, v) || is_aid(v))
		show(c, t->body, t->end);
	else
		number_mask(a, c, t->body, t->end, make_number, NULL);
}

static void
plain(struct anon *a, struct content *c, const struct tlv *t)
{
	(void)a;
	if (t->end - t->body <= AID_MAX)
		show(c, t->body, t->end);
}

static void
small(struct anon *a, struct content *c, const struct tlv *t)
{
	(void)a;
	if (t->end - t->body <= NUMBER_MAX + 1)
		show(c, t->body, t->end);
}

static void
integer(struct anon *a, struct content *c, const struct tlv *t)
{
	size_t n = t->end - t->body;

	if (n <= NUMBER_MAX)
		show(c, t->body, t->end);
	else if (n >= 64)
		modulus_anonymise(a, c, t->body, t->end);
	else
		number_mask(a, c, t->body, t->end, make_integer, NULL);
}

static void
moment(struct anon *a, struct content *c, const struct tlv *t)
{
	(void)a;
	time_mask(c, t->body, t->end, t->tag);
}

static void
number(struct anon *a, struct content *c, const struct tlv *t)
{
	number_mask(a, c, t->body, t->end, make_number, NULL);
}

static void
label(struct anon *a, struct content *c, const struct tlv *t)
{
	enum text_form form;

	label_mask(a, c, t->body, t->end, text_form(t->tag, &form) ? form : FORM_BYTES);
}

static void
name(struct anon *a, struct content *c, const struct tlv *t)
{
	text_mask(a, c, t->body, t->end, FORM_BYTES, true);
}

/* Context-specific ones: references, flags, paths, and the label of TokenInfo. */
static void
context(struct anon *a, struct content *c, const struct tlv *t)
{
	struct view v = view_of(c->bytes.p + t->body, t->end - t->body);
	bool text = v.len > 0;

	for (size_t i = 0; i < v.len; i++)
		text &= v.p[i] >= 0x20 && v.p[i] != 0x7F;
	if (v.len <= NUMBER_MAX || is_path(a, v) || is_aid(v))
		show(c, t->body, t->end);
	else if (text)
		label_mask(a, c, t->body, t->end, FORM_BYTES);
	else
		number_mask(a, c, t->body, t->end, make_number, NULL);
}

struct rule {
	unsigned first, last; /* tags */
	void (*how)(struct anon *a, struct content *c, const struct tlv *t);
};

/* What is in no row is hidden, its tag and length are not. */
static const struct rule p15_rules[] = {
	{ 0x01, 0x01, small }, { 0x02, 0x02, integer }, { 0x03, 0x03, small }, { 0x04, 0x04, octets },
	{ 0x05, 0x06, plain }, { 0x0A, 0x0A, small }, { 0x0C, 0x0C, label }, { 0x12, 0x16, label },
	{ 0x17, 0x18, moment }, { 0x1A, 0x1E, label },
	{ 0x4F, 0x4F, plain }, { 0x50, 0x50, label }, { 0x51, 0x51, plain }, /* EF.DIR */
	{ 0x5A, 0x5A, number }, { 0x5F20, 0x5F20, name },                    /* EF.GDO */
	{ 0x80, 0x9E, context },
};

/* File control information. Source: ISO/IEC 7816-4, 7.4.3. */
static const struct rule fci_rules[] = {
	{ 0x80, 0x83, small }, { 0x84, 0x84, plain }, { 0x85, 0x85, plain }, { 0x86, 0x88, plain },
	{ 0x8A, 0x8A, small }, { 0x8B, 0x8E, plain },
};

static void
rule_apply(struct anon *a, struct content *c, const struct rule *rules, size_t n, const struct tlv *t)
{
	/* what was replaced already stays as it is */
	if (t->end > t->body && c->shown.p[t->body])
		return;
	for (size_t i = 0; i < n; i++)
		if (t->tag >= rules[i].first && t->tag <= rules[i].last && t->whole)
			rules[i].how(a, c, t);
}

/* What a file begins with, and goes on with: records of directories, EF.DIR, EF.GDO, file control information.
 * Anything else may be anything. */
static bool
is_top(unsigned tag)
{
	static const struct { unsigned first, last; } tops[] = {
		{ 0x30, 0x30 }, { 0x5A, 0x5A }, { 0x5F20, 0x5F20 }, { 0x61, 0x62 }, { 0x64, 0x64 }, { 0x6F, 0x6F },
		{ 0xA0, 0xAF },
	};

	for (size_t i = 0; i < sizeof tops / sizeof tops[0]; i++)
		if (tag >= tops[i].first && tag <= tops[i].last)
			return true;
	return false;
}

/* Elements one after the other, and inside of each other. Returns where they end. */
static size_t
walk(struct anon *a, struct content *c, const struct rule *rules, size_t n)
{
	size_t ends[DEPTH_MAX], at = 0, last = 0;
	struct view v = buf_peek(&c->bytes);
	struct tlv t;
	int depth = 0;

	ends[0] = v.len;
	while (depth >= 0) {
		if (at >= ends[depth] || !tlv_read(v, at, ends[depth], &t) || (!depth && !is_top(t.tag))) {
			if (!depth)
				break;
			at = ends[depth--];
			last = at;
			continue;
		}
		show_head(c, &t);
		if (tlv_is_constructed(&t) && depth + 1 < DEPTH_MAX) {
			ends[++depth] = t.end;
			at = t.body;
			continue;
		}
		rule_apply(a, c, rules, n, &t);
		at = last = t.end;
	}
	return last;
}

/* TokenInfo: the second element is the serial number, however short. */
static void
token_serial(struct anon *a, struct content *c)
{
	struct view v = buf_peek(&c->bytes);
	struct tlv seq, version, serial;

	if (tlv_read(v, 0, v.len, &seq) && seq.tag == 0x30 && tlv_read(v, seq.body, seq.end, &version) &&
	    version.tag == 0x02 && tlv_read(v, version.end, seq.end, &serial) && serial.tag == 0x04 && serial.whole)
		number_mask(a, c, serial.body, serial.end, make_number, NULL);
}

size_t
p15_anonymise(struct anon *a, struct content *c)
{
	token_serial(a, c);
	return walk(a, c, p15_rules, sizeof p15_rules / sizeof p15_rules[0]);
}

void
selected_anonymise(struct anon *a, struct content *c)
{
	struct tlv t;

	if (tlv_read(buf_peek(&c->bytes), 0, c->bytes.len, &t) && (t.tag == 0x6F || t.tag == 0x62 || t.tag == 0x64))
		walk(a, c, fci_rules, sizeof fci_rules / sizeof fci_rules[0]);
}

/* MyEID. Source: MyEID reference manual 2.1.4, GET DATA. */
static void
myeid_info(struct anon *a, struct content *c)
{
	/* name, version, serial number, change counter */
	if (c->bytes.len == 20 && !memcmp(c->bytes.p + 1, "yEID", 4)) {
		show(c, 0, 20);
		memset(c->shown.p + 8, 0, 10);
		number_mask(a, c, 8, 18, make_number, NULL);
	}
}

static void
data_plain(struct anon *a, struct content *c)
{
	(void)a;
	if (c->bytes.len <= AID_MAX)
		show(c, 0, c->bytes.len);
}

static void
data_modulus(struct anon *a, struct content *c)
{
	if (c->bytes.len >= 64)
		modulus_anonymise(a, c, 0, c->bytes.len);
}

void
data_anonymise(struct anon *a, struct content *c)
{
	static const struct { unsigned first, last; void (*how)(struct anon *, struct content *); } known[] = {
		{ 0x01A0, 0x01A0, myeid_info }, { 0x01AA, 0x01AA, data_plain }, { 0x01AC, 0x01AC, data_plain },
		{ 0x01B1, 0x01BE, data_plain }, { 0x0101, 0x0101, data_modulus }, { 0x0102, 0x0102, data_plain },
	};

	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
		if (c->tag >= known[i].first && c->tag <= known[i].last)
			known[i].how(a, c);
}

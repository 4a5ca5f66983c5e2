#include "token/pinrule.h"

#include <string.h>

#include "base/text.h"
#include "base/utf8.h"

#define GLP_STORED 8u /* bytes of a block, whatever the directory says */

/* Bits of pinComplexityCheck. */
#define NO_SAME    1u
#define NO_RUNNING 2u
#define NOT_FAR    4u
#define DIGITS     8u
#define MIX        16u
#define FAR_MEAN   4u /* largest mean difference of neighbours */

static const struct {
	const char *text;
	CK_RV rv;
} faults[PIN_FAULTS] = {
	[PIN_FINE] = { "", CKR_OK },
	[PIN_SHORT] = { N_("The new PIN is too short."), CKR_PIN_LEN_RANGE },
	[PIN_LONG] = { N_("The new PIN is too long."), CKR_PIN_LEN_RANGE },
	[PIN_NOT_DIGITS] = { N_("The new PIN can have digits only."), CKR_PIN_INVALID },
	[PIN_FOREIGN] = { N_("The new PIN has a character that the card cannot store."),
	    CKR_PIN_INVALID },
	[PIN_SAME] = { N_("The new PIN has the same character twice in a row."), CKR_PIN_INVALID },
	[PIN_RUNNING] = { N_("The new PIN has characters that follow each other, as in 12 or 21."),
	    CKR_PIN_INVALID },
	[PIN_FAR] = { N_("The characters of the new PIN are too far from each other."),
	    CKR_PIN_INVALID },
	[PIN_MIX] = { N_("The new PIN needs a small letter, a capital letter and a digit."),
	    CKR_PIN_INVALID },
};

static bool
is_set(const struct settings *s, enum setting key)
{
	return strcmp(settings_origin(s, key), "default") != 0;
}

static bool
digits_coding(enum pin_coding coding)
{
	return coding != PIN_ASCII && coding != PIN_UTF8;
}

static bool
digits_only(const struct settings *s, const struct pin_ref *ref)
{
	if (digits_coding(ref->coding))
		return true;
	if (settings_int(s, SET_pinComplexityCheck) & DIGITS)
		return true;
	if (settings_bool(s, SET_pinIgnorePinTypeCheck))
		return false;
	if (is_set(s, SET_pinNumericValuesOnly))
		return settings_bool(s, SET_pinNumericValuesOnly);
	return ref->coding != PIN_UTF8;
}

void
pinrule_of(const struct settings *s, const struct pin_ref *ref, struct pinrule *out)
{
	*out = (struct pinrule){ .min = ref->min, .max = ref->max };
	if (is_set(s, SET_pinMinLength))
		out->min = (size_t)settings_int(s, SET_pinMinLength);
	out->digits = digits_only(s, ref);
	out->complexity = (unsigned)settings_int(s, SET_pinComplexityCheck);
	out->bytes = pin_block_holds(ref->coding, ref->coding == PIN_GLP ? GLP_STORED : ref->stored);
	if (out->bytes && (!out->max || out->max > out->bytes))
		out->max = out->bytes;
	out->ascii = ref->coding != PIN_UTF8;
}

static enum pin_fault
check_length(const struct pinrule *rule, struct view pin)
{
	const size_t bytes = pin.len;
	uint32_t c;
	size_t n = 0;

	while (utf8_take(&pin, &c)) {
		if (c < ' ' || c == 0x7F || (rule->ascii && c > 0x7F))
			return PIN_FOREIGN;
		n++;
	}
	if (pin.len)
		return PIN_FOREIGN;
	if (!n || n < rule->min)
		return PIN_SHORT;
	if ((rule->max && n > rule->max) || (rule->bytes && bytes > rule->bytes))
		return PIN_LONG;
	return PIN_FINE;
}

/* What the walk over a PIN has seen. */
struct walk {
	bool same, running, digit, lower, upper, other;
	uint64_t sum; /* of the differences of neighbours */
	size_t pairs;
};

static void
walk_pin(struct view pin, struct walk *w)
{
	uint32_t c, last = 0, step;

	for (bool first = true; utf8_take(&pin, &c); first = false, last = c) {
		if (c >= '0' && c <= '9')
			w->digit = true;
		else
			w->other = true;
		w->lower |= c >= 'a' && c <= 'z';
		w->upper |= c >= 'A' && c <= 'Z';
		if (first)
			continue;
		step = c > last ? c - last : last - c;
		w->same |= step == 0;
		w->running |= step == 1;
		w->sum += step;
		w->pairs++;
	}
}

enum pin_fault
pinrule_check(const struct pinrule *rule, struct view pin)
{
	enum pin_fault fault = check_length(rule, pin);
	struct walk w = { .sum = 0 };

	if (fault)
		return fault;
	walk_pin(pin, &w);
	if (rule->digits && w.other)
		return PIN_NOT_DIGITS;
	if ((rule->complexity & NO_SAME) && w.same)
		return PIN_SAME;
	if ((rule->complexity & NO_RUNNING) && w.running)
		return PIN_RUNNING;
	if ((rule->complexity & NOT_FAR) && w.sum > FAR_MEAN * (uint64_t)w.pairs)
		return PIN_FAR;
	if ((rule->complexity & MIX) && !(w.digit && w.lower && w.upper))
		return PIN_MIX;
	return PIN_FINE;
}

const char *
pinrule_text(enum pin_fault fault)
{
	return faults[fault].text;
}

CK_RV
pinrule_rv(enum pin_fault fault)
{
	return faults[fault].rv;
}

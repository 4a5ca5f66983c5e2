/* What a new PIN must be like: the card's directory, and the settings over it. Pure.
 * Source: seed chapter 3 (pinMinLength, pinNumericValuesOnly, pinIgnorePinTypeCheck,
 * pinComplexityCheck). */
#ifndef CASTOR_TOKEN_PINRULE_H
#define CASTOR_TOKEN_PINRULE_H

#include <stdbool.h>

#include "base/settings.h"
#include "mapping/profile.h"
#include "token/cryptoki.h"

struct pinrule {
	size_t min, max;     /* characters; max 0: only what the card's block holds */
	bool digits;         /* digits only */
	unsigned complexity; /* pinComplexityCheck */
};

enum pin_fault {
	PIN_FINE, PIN_SHORT, PIN_LONG, PIN_NOT_DIGITS, /* one that no card of ours would take: */
	PIN_SAME,      /* bit 0: two neighbours are the same */
	PIN_RUNNING,   /* bit 1: a character follows its neighbour, up or down */
	PIN_FAR,       /* bit 2: neighbours differ by more than 4 on average */
	PIN_MIX,       /* bit 4: no lower case, upper case or digit */
	PIN_FAULTS
};

/* The rules for a PIN of a card. pinMinLength and pinNumericValuesOnly, where set, stand in for what
 * the directory says, in both directions; what the card stores (`ref->stored`, its coding) stays a
 * limit. */
void pinrule_of(const struct settings *s, const struct pin_ref *ref, struct pinrule *out);
/* What is wrong with a new PIN, the first thing found. */
enum pin_fault pinrule_check(const struct pinrule *rule, struct view pin);
/* A sentence for the person, English, for text(); static. */
const char *pinrule_text(enum pin_fault fault);
/* CKR_PIN_LEN_RANGE for a length, CKR_PIN_INVALID for characters, CKR_OK. */
CK_RV pinrule_rv(enum pin_fault fault);

#endif

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
	size_t bytes;        /* as typed, that the card's block holds; 0: not known */
	bool ascii;          /* the card's coding has no other characters */
};

enum pin_fault {
	PIN_FINE, PIN_SHORT, PIN_LONG, PIN_NOT_DIGITS,
	PIN_FOREIGN,   /* a character that the card's coding has not */
	PIN_SAME,      /* bit 0: two neighbours are the same */
	PIN_RUNNING,   /* bit 1: a character follows its neighbour, up or down */
	PIN_FAR,       /* bit 2: neighbours differ by more than 4 on average */
	PIN_MIX,       /* bit 4: no a to z, or no A to Z, or no digit; bit 3 is `digits` */
	PIN_FAULTS
};

/* The rules for a PIN of a card. pinMinLength and pinNumericValuesOnly, where set (to 0, too), stand
 * in for what the directory says, in both directions; pinIgnorePinTypeCheck sets digits-only aside,
 * the directory's and pinNumericValuesOnly's, but not what pinComplexityCheck asks for. What the card
 * stores (`ref->stored`, its coding) stays a limit. Rules that no PIN can keep are kept all the same. */
void pinrule_of(const struct settings *s, const struct pin_ref *ref, struct pinrule *out);
/* What is wrong with a new PIN, the first thing found: characters the card has not, length, digits,
 * complexity from bit 0 up. An empty PIN is too short, whatever the rule. */
enum pin_fault pinrule_check(const struct pinrule *rule, struct view pin);
/* A sentence for the person, English, for text(); static. */
const char *pinrule_text(enum pin_fault fault);
/* CKR_PIN_LEN_RANGE for a length, CKR_PIN_INVALID for characters, CKR_OK. */
CK_RV pinrule_rv(enum pin_fault fault);

#endif

/* Readers with keys of their own: the person types the PIN there, and it never passes through this
 * computer. Source: PC/SC part 10 v2.02.09; pcsc-lite's reader.h; CCID rev 1.1 6.1.11. */
#ifndef CASTOR_CARDOS_PINPAD_H
#define CASTOR_CARDOS_PINPAD_H

#include "cardos/wire/io.h"
#include "mapping/profile.h"

/* What a reader can do. */
struct pinpad {
	uint32_t verify, modify;   /* control codes of the two entries; 0: it cannot */
	unsigned min, max;         /* digits it takes; 0: it does not say */
	unsigned conditions;       /* set of enum pinpad_end; 0: it does not say */
	enum { PAD_DISPLAY_UNKNOWN, PAD_DISPLAY, PAD_NO_DISPLAY } display;
};

/* What may end an entry. Source: bEntryValidationCondition, PC/SC part 10 2.6.3. */
enum pinpad_end { PAD_END_MAX = 1, PAD_END_KEY = 2, PAD_END_TIMEOUT = 4 };

/* One entry that is to be made: what goes with the command, but for the command. */
struct pinpad_entry {
	const struct pinpad *pad;  /* borrowed */
	const struct pin_ref *ref; /* borrowed */
	int timeout_s;             /* seconds until the reader gives up; 0: as long as it likes */
	int lang_id;               /* of its messages: 040B fi, 041D sv, 0409 en */
	bool change;               /* old PIN, new PIN, new PIN again; else one PIN */
};

/* Asks the reader for its features. False: it cannot take a PIN, or speaks no part 10. Costs up to
 * two reader commands; card_pinpad remembers. */
bool pinpad_of(struct chan *ch, struct pinpad *out);
/* The same with the error that came in between: E_GONE, E_RESET, E_IO, E_MEM; a reader without
 * keys is 0 with verify 0. */
int pinpad_ask(struct chan *ch, struct pinpad *out);
/* The block of a PIN without its digits, as card_pin_block fills it up; appended. Empty when it is
 * not padded. E_DENIED: the reference is a guess; E_UNSUPPORTED: no reader can code such a PIN. */
int pinpad_template(const struct pin_ref *ref, struct buf *block);
/* Has the reader fill in `cmd`, a VERIFY or CHANGE REFERENCE DATA around such templates, and send it;
 * the card's answer is appended. E_CANCEL: the person cancelled or did not come; E_PIN_LEN: length
 * or the two new PINs; E_UNSUPPORTED: not on this reader; E_GONE, E_RESET, E_MEM; E_IO. */
int pinpad_transmit(struct chan *ch, const struct pinpad_entry *entry, struct view cmd,
    struct buf *answer);

#endif

/* How a card is activated that comes with PINs its owner has yet to choose, as its profile says.
 * Schema: castor-profile(5), "Activation". Facts: two schemes of the FINEID specification S4-1 v4.2, 4.6.
 * Pure. */
#ifndef CASTOR_MAPPING_ACTIVATION_H
#define CASTOR_MAPPING_ACTIVATION_H

#include <stdbool.h>

#include "base/buf.h"

/* What makes a PIN of a new card a person's own, with the code that came by mail. */
enum pin_activation {
	ACTIVATION_NONE,    /* nothing need be done */
	ACTIVATION_UNBLOCK, /* it is blocked; the code is the PUK */
	ACTIVATION_CHANGE,  /* it is the code, which must be changed */
	ACTIVATIONS
};

struct activation {
	/* by scheme: what the code looks like, in characters; max 0: the cards do not come so */
	struct activation_code { size_t min, max; bool digits; } code[ACTIVATIONS];
	int puk_tries;      /* of a PUK that nobody has used; -1: the card says */
	/* ACTIVATION_CHANGE: a command that reads whether a PIN was changed; empty: the driver knows */
	struct buf ask;     /* CLA INS P1 P2, and Lc and data when there are some */
	size_t ask_ref;     /* which of its bytes is the PIN's reference; 0: none */
	unsigned tag;       /* of the object in the answer; 0: the answer is the value */
	struct buf fresh;   /* the value that says: not changed yet */
};

/* Whether cards of this profile can come so. */
bool activation_has(const struct activation *a, enum pin_activation how);
/* Whether that can be the code: a wrong one costs a try, and this one would be a guess. */
bool activation_code_fits(const struct activation *a, enum pin_activation how, struct view code);
/* Whether the answer to `ask` says that the PIN was not changed yet. Constructed objects (ISO 7816-4 5.2.2)
 * are looked into, ACTIVATION_DEPTH deep. 1, 0, or -1: it does not say. */
int activation_is_fresh(const struct activation *a, struct view answer);
#define ACTIVATION_DEPTH 4
/* Frees what it holds, not itself. */
void activation_free(struct activation *a);

/* The key "activation" of a profile, for its table of keys: base is a struct activation, set up before by
 * activation_init. */
extern const struct schema_level activation_level;
void activation_init(struct activation *a);
/* What no single key can tell: what is wrong with it as a whole; NULL: nothing. Static. */
const char *activation_fault(const struct activation *a);

#endif

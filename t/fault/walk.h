/* The walk that the fault tests take through the module: every step a program of the field takes
 * with a card, each with the errors PKCS#11 lets it give. Never ck_assert in here: it is also
 * walked with memory running out. */
#ifndef CASTOR_T_WALK_H
#define CASTOR_T_WALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "token/cryptoki.h"

#define WALK_STEPS 32

struct walk {
	bool make;              /* on the blank card: keys are made and destroyed */
	bool pin2;              /* on the citizen's card: PIN2 is used, changed and unblocked */
	bool nomem;             /* memory runs out, the virtual card's and OpenSSL's too */
	bool open;              /* C_Initialize has worked */
	bool destroying;        /* it got as far as destroying what it made */
	CK_SLOT_ID slot;
	CK_SESSION_HANDLE h;
	CK_OBJECT_HANDLE key[4]; /* what the walk made last: public and private key */
	CK_BYTE secret[32], cryptogram[256];
	struct { const char *name; CK_RV rv; } step[WALK_STEPS];
	size_t nstep;
	char wrong[200];        /* the first rule that was broken; "" */
};

/* Walks to the end whatever happens; every step's result is in w->step. */
void walk(struct walk *w);
/* The first step that was no success, or NULL. */
const char *walk_failed(const struct walk *w, CK_RV *rv);
/* Whether some step ended so. */
bool walk_had(const struct walk *w, CK_RV rv);
/* All that a session sees, as one number that tells one set of objects from another; counts of
 * public and private keys besides. */
unsigned long walk_listing(CK_SESSION_HANDLE h, size_t *npub, size_t *npriv);

#endif

/* A virtual card of castor's own, for trying things out: castor-vcard(1) behind a socket. */
#ifndef CASTOR_BRIDGES_CASTOR_TESTCARD_H
#define CASTOR_BRIDGES_CASTOR_TESTCARD_H

#include "bridges/castor/app.h"

/* Starts the card that --test-card names (an image file, or the name of an installed one), points the
 * environment of the virtual module to it, and sets *module to that module unless one is given. Says what
 * its PINs are. Returns a status. */
int testcard_start(struct app *a, const char **module);
/* Ends it; *t becomes NULL. NULL inside is fine. */
void testcard_stop(struct test_card **t);

#endif

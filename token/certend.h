/* When the certificate of a key ends that a person is asked a PIN for (certExpirationWarningDays). */
#ifndef CASTOR_TOKEN_CERTEND_H
#define CASTOR_TOKEN_CERTEND_H

#include "token/session.h"

struct certend {
	unsigned date[3];       /* year, month, day, UTC */
	bool is_over;           /* that day is past */
};

/* Whether the person is to be told, and of what: once for a card while it stays in the reader. The
 * certificate is that of the key of the session's operation, or else the one that ends first of those of
 * the slot's keys. Only what was read of them already: no command is sent for it. Lock: the session's. */
bool certend_find(struct session *s, struct certend *out);

#endif

/* Asking a person for a PIN, on behalf of a session. One dialog at a time for all programs of a user:
 * a turn is taken first, in this process and among processes. While others or the person are waited
 * for, the session's lock is let go of, and nothing else may be held (DESIGN 8); afterwards the
 * session may be closed, its card gone. What the dialog says: DESIGN 18.7. */
#ifndef CASTOR_TOKEN_DIALOG_H
#define CASTOR_TOKEN_DIALOG_H

#include "base/secret.h"
#include "token/session.h"

struct turn {
	struct session *s;
	bool held;
	bool waited; /* another thread or program had a turn while we waited: it may be all done */
	bool shares; /* what it ends with counts for other threads that wait */
	int fd;      /* the lock among processes, or -1 */
};

/* Takes the turn to ask about the PIN of the session's slot. `shares`: an answer to another thread of
 * this process is ours as well, so that its cancel is, and a wrong PIN that is not asked for again.
 * E_UNSUPPORTED: there are no dialogs here; E_CANCEL, E_PIN_WRONG, E_PIN_BLOCKED; E_CLOSED the session or the library was closed, E_GONE the card is gone: no turn is held
 * then. Lock: the session's, and no other. */
int turn_take(struct session *s, bool shares, struct turn *t);
/* Ends it with what the person's answer led to, E_*; fine when none is held. */
void turn_end(struct turn *t, int err);

enum ask {
	ASK_USE,      /* the PIN, to use a key or to log in */
	ASK_OLD,      /* the PIN that is to be changed */
	ASK_NEW,      /* what it shall be; asked for twice */
	ASK_PUK
};
/* Shows the dialog, in the turn held. `error`: what was wrong with the last answer, a text for
 * text(), or NULL. *pin: the caller's. E_CANCEL, E_CLOSED, E_GONE, E_PIN_LEN (longer than any PIN),
 * E_UNSUPPORTED, E_MEM. Lock: the session's, and no other. */
int dialog_ask(struct turn *t, enum ask about, const char *error, struct secret **pin);

/* Runs a verb in which a person types a PIN on the reader: the session's lock is let go of meanwhile.
 * E_CLOSED, E_GONE, else as reader_run. Lock: the session's, and no other. */
int dialog_away(struct session *s, card_verb verb, void *arg);
/* How long a dialog waits, and the Windows language id of readers' messages (PC/SC part 10). */
int dialog_seconds(const struct session *s);
int dialog_lang_id(const struct session *s);

/* Appends text that is not ours: at most 200 characters, without control, bidirectional or markup
 * characters. */
void dialog_quote(struct buf *out, const char *foreign);

#endif

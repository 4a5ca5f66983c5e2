/* Whose turn it is to ask a person for a PIN: one dialog at a time for all programs of a user. While
 * others are waited for, the session's lock is let go of, and nothing else may be held (DESIGN 8);
 * afterwards the session may be closed, its card gone. */
#ifndef CASTOR_TOKEN_TURN_H
#define CASTOR_TOKEN_TURN_H

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
 * E_UNSUPPORTED: there are no dialogs here; E_CANCEL, E_PIN_WRONG, E_PIN_BLOCKED; E_CLOSED the session or
 * the library was closed, E_GONE the card is gone: no turn is held then. Lock: the session's, and no
 * other. */
int turn_take(struct session *s, bool shares, struct turn *t);
/* Ends it with what the person's answer led to, E_*; fine when none is held. */
void turn_end(struct turn *t, int err);

/* The turn to show a dialog that is about no session: one at a time for all programs of a user. *fd: until
 * turn_among_programs_end. E_CLOSED when `wanted`, asked several times a second, says so. No lock held. */
int turn_among_programs(struct world *w, bool (*wanted)(void *), void *arg, int *fd);
void turn_among_programs_end(struct world *w, int *fd);

/* What looks whether an answer would still be of use: the session is open, its card there. */
struct watch { struct session *s; int64_t looked_at; };
/* Asked several times a second while a person is waited for; arg: struct watch. No lock held. */
bool turn_wanted(void *arg);
/* E_CLOSED or E_GONE of a session whose lock was let go of; 0: it is there. */
int turn_session_gone(struct session *s);
/* How long a person is waited for, in seconds (pinDialogTimeout). */
int turn_seconds(const struct world *w);

#endif

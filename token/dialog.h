/* Asking a person for a PIN, on behalf of a session, in a turn taken first. While the person is waited
 * for, the session's lock is let go of, and nothing else may be held (DESIGN 8); afterwards the session
 * may be closed, its card gone. What the dialog says: DESIGN 18.7. */
#ifndef CASTOR_TOKEN_DIALOG_H
#define CASTOR_TOKEN_DIALOG_H

#include "base/secret.h"
#include "token/dialog_text.h"
#include "token/turn.h"

enum ask {
	ASK_USE,      /* the PIN, to use a key or to log in */
	ASK_OLD,      /* the PIN that is to be changed */
	ASK_NEW,      /* what it shall be; asked for twice */
	ASK_PUK,
	ASK_CODE,     /* the code that activates a card */
	ASK_NOTHING,  /* the person is told something: *pin is NULL; dialog_put alone */
	ASKS
};
/* One dialog, where dialog_ask's words do not do. */
struct question {
	enum ask about;
	unsigned pin;           /* the slot it is about */
	enum dialog_text first; /* the first line */
	enum dialog_text last;  /* said of the last try */
	int tries, tries_max;   /* left, and of a right answer; -1 not known, or nothing to be said */
	const char *error;      /* as for dialog_ask */
};
/* Shows the dialog, in the turn held. `error`: what was wrong with the last answer, a text for
 * text(), or NULL. *pin: the caller's. E_CANCEL, E_CLOSED, E_GONE, E_PIN_LEN (longer than any PIN),
 * E_UNSUPPORTED, E_MEM. Lock: the session's, and no other. */
int dialog_ask(struct turn *t, enum ask about, const char *error, struct secret **pin);
/* The same with words of the caller's. */
int dialog_put(struct turn *t, const struct question *q, struct secret **pin);
/* dialog_ask in a turn of its own. */
int dialog_ask_alone(struct session *s, enum ask about, const char *error, struct secret **pin);

/* Asks for the number of the card in a reader, in a turn of the programs' (turn.h). `error`: as above. wanted:
 * struct askpin. *can: the caller's; whatever was typed. E_CANCEL, E_CLOSED (not wanted any more), E_PIN_LEN,
 * E_UNSUPPORTED, E_MEM. No lock held. */
int dialog_ask_can(struct world *w, const char *reader, const char *error, bool (*wanted)(void *), void *arg,
    struct secret **can);

/* Runs a verb in which a person types a PIN on the reader: the session's lock is let go of meanwhile.
 * E_CLOSED, E_GONE, else as reader_run. Lock: the session's, and no other. */
int dialog_away(struct session *s, card_verb verb, void *arg);
/* The Windows language id of readers' messages (PC/SC part 10). */
int dialog_lang_id(const struct session *s);

/* Appends text that is not ours: at most 200 characters, without control, bidirectional or markup
 * characters. */
void dialog_quote(struct buf *out, const char *foreign);

#endif

/* Asks a person for a PIN through a helper program that speaks the Assuan protocol, as the
 * pinentry programs do. No lock may be held by the caller: a person takes their time.
 * Source: libassuan's manual (the protocol), pinentry's (its commands and options). */
#ifndef CASTOR_BASE_ASKPIN_H
#define CASTOR_BASE_ASKPIN_H

#include "base/buf.h"
#include "base/os.h"
#include "base/secret.h"

struct askpin {
	const char *helper;     /* absolute path, as askpin_helper found it */
	const char *title;      /* of the window; UTF-8, as all texts here */
	const char *text;       /* what is asked for and why; \n between lines */
	const char *prompt;     /* in front of the field; an underscore shows in some helpers only. NULL:
	                         * nothing is asked, the text is there until the person has read it */
	const char *error;      /* what was wrong with the last attempt; NULL: this is the first */
	const char *ok, *cancel; /* on the buttons */
	const char *language;   /* "fi", "sv" or "en": of the helper's own texts */
	int timeout_s;          /* seconds until the dialog is taken away; at least 1 */
	bool (*wanted)(void *); /* asked ten times a second: false takes the dialog away. NULL: always */
	void *arg;              /* of `wanted` */
};

/* Shows one dialog and waits for it. 0: *pin is what was typed, the caller's; it may be empty; NULL when
 * nothing was asked.
 * E_CANCEL: the person cancelled (the helper's cancel codes, or the time was over). E_CLOSED: not
 * wanted any more. E_PIN_LEN: more than SECRET_MAX bytes were typed. E_UNSUPPORTED: there is no
 * dialog here (the helper cannot start, died, or spoke out of turn). E_MEM. The PIN is nowhere
 * else in memory afterwards, and the helper is no more. Never asks an external password cache. */
int askpin(const struct askpin *q, struct secret **pin);

/* The same with a helper that runs already, which is ended. locale: its name for the helper. */
int askpin_talk(const struct askpin *q, const char *locale, struct os_child *child, struct secret **pin);

/* Finds the helper: `set` (the setting; may be ""), or what is usual on this system and fits the
 * display or terminal there is. Appends its path. E_UNSUPPORTED: no dialog can be shown, since
 * there is no helper, neither a display nor a terminal for it, or the program runs with more rights
 * than its user. any_owner: a helper that others than root can write will do, too (for virtual
 * cards). Cheap: no process is started. E_MEM. */
int askpin_helper(const char *set, bool any_owner, struct buf *path);

#endif

/*
 * The scripted dialog helper (t/unit/pinpeer) behind a module: what it answers and what it was told.
 *
 * Environment:
 *   CASTOR_TEST_DIALOGS  a folder of the test; the settings of the module name the helper
 *   CASTOR_TEST_CTL      "castor-vcard ctl SOCKET": what happens to the card from outside
 */
#ifndef CASTOR_T_CONFORM_DIALOGS_H
#define CASTOR_T_CONFORM_DIALOGS_H

#include <stdbool.h>
#include <stddef.h>

/* Answers, in the peer's language (t/unit/pinpeer.c). */
#define PIN(text) "D " text "\\nOK\\n"
#define CANCEL "ERR 83886179 cancelled\\n"
#define TIMEOUT "ERR 83886142 timeout\\n"
#define DIES "\\q"

/* Before C_Initialize: from now on every dialog is counted, and listens to dialogs_will. */
void dialogs_open(void);
/* The same with more lines for the peer's script. Not while threads use the module. */
void dialogs_script(const char *more);
/* What the next dialogs answer, one each; the last one also those after it. NULL at the end. Counts
 * and texts begin anew. Nothing at all: what the script says. */
void dialogs_will(const char *first, ...) __attribute__((sentinel));
/* The next dialogs stay open until dialogs_release, then answer this. */
void dialogs_hold(const char *answer);
void dialogs_release(void);
/* How many were shown since dialogs_will, how many of them at a time, and how many still are. */
size_t dialogs_shown(void);
size_t dialogs_at_once(void);
size_t dialogs_open_now(void);
/* Waits until so many were shown; false after 10 seconds. */
bool dialogs_wait(size_t n);
/* Whether one of them was told something with this text in it. */
bool dialogs_said(const char *text);

/* One command to the console of the virtual card; its answer, without the end of line. Static. */
__attribute__((format(printf, 1, 2))) const char *console(const char *fmt, ...);
/* Whether a PIN is open on the card; how many tries it has left. */
bool card_is_open(unsigned pin);
int card_tries(unsigned pin);

#endif

/* A person at the module's dialogs: the scripted helper (t/unit/pinpeer) in the place of one. */
#ifndef CASTOR_T_PERSON_H
#define CASTOR_T_PERSON_H

#include <stdbool.h>

/* The settings of every later C_Initialize, with dialogs that get these answers, one after the other;
 * NULL ends them. The person cancels what comes after the last one, and where an answer is ""; one that
 * begins with a backslash is in the words of pinpeer. `more`: further settings. */
void person_will(const char *more, const char *const *answers);
/* Other answers, in the same library; counts begin anew. */
void person_will_now(const char *const *answers);
/* How many dialogs asked for something; whether one of them was told something with this text in it. */
unsigned person_was_asked(void);
bool person_heard(const char *text);
/* Removes what it needs. */
void person_end(void);

#endif

/* Tells a person at a terminal that something takes its time. */
#ifndef CASTOR_BRIDGES_CASTOR_PROGRESS_H
#define CASTOR_BRIDGES_CASTOR_PROGRESS_H

#include "bridges/castor/app.h"

/* From one second on, shows the text (translated already; borrowed until the stop) and the seconds on
 * standard error, if that is a terminal and the answer is for people. One at a time. */
void progress_start(const struct app *a, const char *what);
/* Takes it away again. Nothing when none was started. */
void progress_stop(void);

#endif

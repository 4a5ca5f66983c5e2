/* Programs that castor runs, and how they are found. */
#ifndef CASTOR_BRIDGES_CASTOR_PROGRAM_H
#define CASTOR_BRIDGES_CASTOR_PROGRAM_H

#include "base/buf.h"

/* Appends the real path of a program: one with a slash as it is, another one as PATH has it. A path that
 * leads nowhere is appended as it was given when it begins with a slash. E_NOT_FOUND, E_MEM. */
int program_path(const char *name, struct buf *out);
/* Runs argv[0] (as PATH has it) with this program's descriptors and environment, and waits for its end, an
 * interrupt from the terminal being the program's alone. Returns 0 with *status as shells have it: its exit
 * status, or 128 and the signal that ended it. E_NOT_FOUND, E_DENIED, E_IO. */
int program_run(char *const argv[], int *status);
/* Appends the first line that a program (an absolute path) with one argument writes; nothing when there is
 * no such program. */
void program_line(const char *path, const char *arg, struct buf *out);

#endif

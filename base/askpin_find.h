/* What a dialog helper is given: a terminal, a language and an environment of our choice. */
#ifndef CASTOR_BASE_ASKPIN_FIND_H
#define CASTOR_BASE_ASKPIN_FIND_H

#include "base/buf.h"

#define HELPER_VARS_MAX 24

struct helper_env {
	struct buf text;                 /* "NAME=value", each with its NUL */
	char *vars[HELPER_VARS_MAX + 1]; /* into text; NULL at the end */
};

/* The locale, always of UTF-8, that shows a language's letters and is installed; static. */
const char *helper_locale(const char *language);
/* Builds the environment, with helper_env_free to undo it also after E_MEM. The variables are the
 * ones that a dialog needs to find its display, bus and terminal; none that load code into it. */
int helper_env_make(const char *locale, struct helper_env *env);
void helper_env_free(struct helper_env *env);
/* Appends the name of the terminal to ask on: GPG_TTY, or the program's own. E_NOT_FOUND, E_MEM. */
int helper_tty(struct buf *out);

#endif

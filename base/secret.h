/* PINs in memory: fixed cells in locked pages that never reach a core file, a swap
 * partition or a forked child (who sees zeros). Thread-safe. */
#ifndef CASTOR_BASE_SECRET_H
#define CASTOR_BASE_SECRET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define SECRET_MAX 63 /* bytes; longer than any PIN or PUK of a card */

struct secret {
	uint8_t len;           /* bytes used */
	uint8_t p[SECRET_MAX]; /* the value; not NUL-terminated */
};

/* A cell holding a copy of the n bytes at p. NULL: n > SECRET_MAX, or no cell or page is
 * left. The caller owns it and gives it back with secret_free. A page that cannot be locked
 * (RLIMIT_MEMLOCK) is used all the same and warned of once. */
struct secret *secret_new(const void *p, size_t n);
/* Cleanses and gives the cell back; *s becomes NULL. NULL inside is fine. */
void secret_free(struct secret **s);
/* The value, borrowed while the cell lives. */
struct view secret_view(const struct secret *s);
/* Equality in a time that does not depend on the bytes. */
bool secret_eq(const struct secret *a, const struct secret *b);
/* In a forked child: the pages are the parent's, ours are empty copies. Cells held are void. */
void secret_forget(void);

#endif

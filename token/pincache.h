/* PIN1, kept to be entered again after another program reset the card (DESIGN 18.4). One per slot
 * and card, in locked memory. Locks are the holder's. */
#ifndef CASTOR_TOKEN_PINCACHE_H
#define CASTOR_TOKEN_PINCACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/secret.h"

struct pincache {
	struct secret *pin;     /* NULL: nothing is kept */
	int tries;              /* left when it was kept */
	uint64_t epoch;         /* of the user's processes, then */
	int64_t used_at;        /* ms of os_clock_ms */
	long uses;              /* operations it has served */
};

struct pincache_limits {
	long idle_s;            /* seconds it may lie unused; 0: no limit */
	long uses;              /* operations it may serve; 0: no limit */
};

/* Keeps a copy of the PIN, which the card has just accepted, instead of what was kept before. Nothing
 * is kept when tries is not known or there is no room. */
void pincache_put(struct pincache *c, const struct secret *pin, int tries, uint64_t epoch,
    int64_t now);
void pincache_wipe(struct pincache *c);
/* Whether it is over: it lay unused too long or has served enough. False when nothing is kept. */
bool pincache_is_over(const struct pincache *c, const struct pincache_limits *max, int64_t now);
/* One more operation was served. */
void pincache_used(struct pincache *c, int64_t now);
/* Whether it may be sent to the card: it shows as many tries as when the PIN was kept, more than one,
 * and no program of the user has changed a PIN, or found one wrong, since. */
bool pincache_fits(const struct pincache *c, int tries, uint64_t epoch);

#endif

/* What every io needs: a list of the chans and waiters it has made, the telling of what wait() saw,
 * and a time to wait until. Times are milliseconds. The list owns nothing. No errors. */
#ifndef CASTOR_CARDOS_WIRE_IO_BASE_H
#define CASTOR_CARDOS_WIRE_IO_BASE_H

#include <pthread.h>
#include <time.h>

#include "cardos/wire/io.h"

/* A place in the list of what an io has made and not freed yet, inside of the thing itself. The
 * list is there so that a forked child can free what it inherits; it starts as NULL. */
struct io_made {
	struct io_made *next;   /* the io's lock */
	void *thing;            /* borrowed: what this is inside of */
};

/* Puts a thing on a list, and takes it off; lock: the io's, not held. */
void io_made_add(pthread_mutex_t *lock, struct io_made **list, struct io_made *m, void *thing);
void io_made_remove(pthread_mutex_t *lock, struct io_made **list, struct io_made *m);
/* In a forked child, where no lock may be taken: takes any thing off; NULL: none is left. */
void *io_made_take(struct io_made **list);

/* Sets what is so now, without an ATR, and whether it is a change. */
void io_state_set(struct io_state *s, enum io_presence now, uint32_t events);

/* The time of pthread_cond_timedwait that is ms (at least 0) from now. */
struct timespec io_time_in(int ms);

#endif

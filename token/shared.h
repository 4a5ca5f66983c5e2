/* What the processes of one user share while they run: whose turn it is to show a dialog, and the
 * epoch, a number that grows when a PIN was changed or found wrong, or the screen was locked, so that
 * no PIN kept elsewhere is tried any more (DESIGN 18.4). Both are files in the runtime folder; where
 * there is none, each process is alone. */
#ifndef CASTOR_TOKEN_SHARED_H
#define CASTOR_TOKEN_SHARED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/settings.h"

struct shared {
	char *folder;       /* invariant once opened; NULL: there is none */
	bool heeds_lock;    /* invariant: closeGUIServerWhenLock */
};

/* Finds or makes the folder. What keeps it from being used is logged. */
void shared_open(const struct settings *s, struct shared *sh);
void shared_close(struct shared *sh);

/* The epoch now; 0 where nobody has made one. Reads a file. */
uint64_t shared_epoch(const struct shared *sh);
/* No PIN kept by a process of the user is good any more. */
void shared_bump(const struct shared *sh);

/* Waits for this process's turn to show a dialog, at most ms. *fd: until os_lock_drop; -1 when there
 * is nothing to wait with, or the time was over. *waited: somebody else had a turn meanwhile. E_CLOSED
 * when `wanted` said so. */
int shared_turn(const struct shared *sh, int ms, bool (*wanted)(void *), void *arg, int *fd,
    bool *waited);

#endif

/* A session: a handle a program holds, its one search, its one operation of each kind. */
#ifndef CASTOR_TOKEN_SESSION_H
#define CASTOR_TOKEN_SESSION_H

#include "token/op.h"
#include "token/reader.h"

struct session {
	CK_SESSION_HANDLE h;    /* invariant */
	atomic_int refs;
	struct world *world;    /* invariant, no reference */
	struct reader *r;       /* invariant */
	unsigned pin;           /* invariant: which of the reader's slots */
	uint64_t gen;           /* invariant: of the card; another than the reader's: closed */
	CK_FLAGS flags;         /* invariant: CKF_RW_SESSION, CKF_SERIAL_SESSION */

	struct session *next_out; /* whoever took it out of the table */

	pthread_mutex_t lock;   /* one call of a session at a time */
	atomic_bool closed;     /* set with lock */
	struct once once;       /* lock: PIN2 of a context-specific login, for the operation going on */
	bool finding;           /* lock */
	struct buf found;       /* lock: CK_OBJECT_HANDLEs of the search */
	size_t found_at;        /* lock: bytes told already */
	struct op op[OP_KINDS]; /* lock */
};

/* A new session in a slot; its handle. CKR_TOKEN_NOT_PRESENT, CKR_TOKEN_NOT_RECOGNIZED,
 * CKR_SESSION_READ_WRITE_SO_EXISTS, CKR_HOST_MEMORY, CKR_CRYPTOKI_NOT_INITIALIZED when the world
 * ends. */
CK_RV session_open(struct world *w, struct reader *r, unsigned pin, CK_FLAGS flags,
    CK_SESSION_HANDLE *h);
/* A reference, with its lock held; NULL: no such session, or its card is gone. */
struct session *session_enter(struct world *w, CK_SESSION_HANDLE h);
void session_leave(struct session *s);
/* Takes it out of the table; objects and operations end. Entered by the caller, who still leaves it.
 * What its end means for a login: token/login.h. */
void session_close(struct session *s);
/* All of a slot; those of other generations go too. */
void session_close_all(struct world *w, struct reader *r, unsigned pin);
/* Sessions whose card is gone are taken out of the table. */
void session_purge(struct world *w, struct reader *r);
/* How many sessions a slot has, and how many of them may write. */
void session_count(struct world *w, struct reader *r, unsigned pin, CK_ULONG *all, CK_ULONG *rw);
/* Whether the card it was opened for is gone. */
bool session_is_over(struct session *s);
/* CKS_* of a session. */
CK_STATE session_state(struct session *s);
/* Gives memory back without touching cards. */
void session_unref(struct session **s);

/* The search of a session: handles are those of the moment of session_find_init. Lock: its own.
 * CKR_OPERATION_ACTIVE, CKR_OPERATION_NOT_INITIALIZED, CKR_DEVICE_*. *n: handles given, at most
 * max. */
CK_RV session_find_init(struct session *s, const CK_ATTRIBUTE *t, CK_ULONG n);
CK_RV session_find(struct session *s, CK_OBJECT_HANDLE *out, CK_ULONG max, CK_ULONG *n);
CK_RV session_find_final(struct session *s);

#endif

/* One initialised library: settings, readers with their slots, sessions. Made by
 * C_Initialize, unpublished by C_Finalize, freed by whoever leaves last.
 *
 * Locks: a session's lock first; then a reader's change_lock; then its io_lock; then poll_lock,
 * which is held over a look at readers that waits for nobody; then world->lock or a reader->lock,
 * which are leaves: held for microseconds, never together, never over I/O. wait_lock and
 * profile_lock are taken alone or under an io_lock, and nothing is taken under them. */
#ifndef CASTOR_TOKEN_WORLD_H
#define CASTOR_TOKEN_WORLD_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/settings.h"
#include "base/text.h"
#include "cardos/wire/io.h"
#include "mapping/profile.h"
#include "token/cryptoki.h"
#include "token/shared.h"
#include "token/soft.h"

struct reader;
struct session;

struct world {
	atomic_int refs;
	struct settings *settings;      /* invariant */
	struct soft *soft;              /* invariant */
	struct io *io;                  /* invariant */
	unsigned slots;                 /* invariant: how many a reader shows: 1 with
	                                 * disableCryptokiPIN2Slot */
	enum text_lang lang;            /* invariant: of texts for people */
	bool auto_login;                /* invariant: what needs a PIN asks the person for it */
	char *helper;                   /* invariant: path of the PIN helper; NULL: no dialogs */
	bool keeps_pin1;                /* invariant: PIN1 may be cached */
	_Atomic(int64_t) dialogs_from;  /* os_clock_ms: none before, since the helper failed then */
	struct shared shared;           /* invariant: what the user's processes have in common */
	unsigned nasking;               /* lock: threads that wait for a person */
	pthread_cond_t asked;           /* with lock: one of them is done, or has had its turn */
	bool showing;                   /* lock: one of them has the turn to show a dialog */

	atomic_bool finalizing;

	pthread_mutex_t profile_lock;
	struct profile_set profiles;    /* profile_lock: set by the first card, then fixed */
	bool profiles_loaded;           /* profile_lock */

	pthread_mutex_t lock;
	struct reader **reader;         /* lock: only grows; a reader lives as long as the world */
	size_t nreader, reader_cap;     /* lock */
	struct session **session;       /* lock: ascending by handle */
	size_t nsession, session_cap;   /* lock */
	CK_SESSION_HANDLE next_session; /* lock */
	bool met_readers;               /* lock: the first listing is over */
	int64_t listed_at;              /* lock: when the readers were last listed, ms */
	bool refreshed;                 /* lock: world_refresh was called */
	size_t nshown;                  /* lock: so many of them C_GetSlotList counted then */

	pthread_mutex_t wait_lock;      /* held while waiting threads are called back */
	struct waiter **waiter;         /* wait_lock: those in a blocking C_WaitForSlotEvent */
	size_t nwaiter;                 /* wait_lock */

	pthread_mutex_t poll_lock;      /* one poll at a time */
	struct waiter *poll;            /* poll_lock; NULL until needed */
};

/* Reads the settings and makes an empty world: no reader is looked for. One reference, the
 * caller's. CKR_HOST_MEMORY, CKR_FUNCTION_FAILED. */
CK_RV world_new(struct world **out);
struct world *world_ref(struct world *w);
void world_unref(struct world **w);
/* The world ends: threads blocked in world_wait_event or waiting for a person come back. Calls still inside
 * keep their references. */
void world_finalize(struct world *w);
/* In a forked child: the parent's world is dropped without a word to readers or cards. Its
 * connections are freed unless calls of other threads were in it, which leaves them in a state
 * nobody knows; the rest is leaked, for OpenSSL's locks may be held by threads that were not
 * copied. */
void world_forget(struct world *w);

/* Whether a dialog can be shown by us: auto-login is on, and there is a helper that did not fail
 * yet. */
bool world_has_dialogs(struct world *w);
/* Whether that is only because the helper failed a moment ago, and may be there again soon. */
bool world_dialogs_pause(struct world *w);
/* The helper did not start, or died: no dialogs for a while. */
void world_dialog_failed(struct world *w);
/* Around a wait for a person; false: the world ends. world_finalize waits until all have ended, so
 * they look at `finalizing` ten times a second. No lock held. */
bool world_asking_begin(struct world *w);
void world_asking_end(struct world *w);

/* A reader by index, ascending; NULL behind the last. Readers stay, but their array may move. */
struct reader *world_reader(struct world *w, size_t i);
/* Looks for readers that are new. `now` false: only if buildReaderListTimer says it is time.
 * No service is no error. */
void world_list_readers(struct world *w, bool now);
/* What C_GetSlotList asks for: new readers, and the presence of cards in all of them. */
void world_refresh(struct world *w);
/* The reader of a slot id and which of its slots; false for an id never given out. */
bool world_slot(struct world *w, CK_SLOT_ID id, struct reader **r, unsigned *pin);
/* Slot ids, ascending, of the readers there were at the last world_refresh, or of those that had a
 * card then: the count a caller was told stays true for its next call, whatever other threads have
 * met meanwhile. Appended as CK_SLOT_ID to a buf. E_MEM. */
int world_slots(struct world *w, bool present_only, struct buf *ids);
/* Looks at readers all[0..n) by one poll and tells each what was seen. Takes poll_lock. */
void world_poll(struct world *w, struct reader **all, size_t n);
/* The profiles, loaded on first use; NULL: no memory. */
const struct profile_set *world_profiles(struct world *w);

/* C_WaitForSlotEvent. CKR_NO_EVENT, CKR_CRYPTOKI_NOT_INITIALIZED when the world ends,
 * CKR_HOST_MEMORY. No lock held. */
CK_RV world_wait_event(struct world *w, bool block, CK_SLOT_ID *slot);

#endif

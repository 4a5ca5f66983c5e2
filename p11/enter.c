#include "p11/p11.h"

#include <string.h>

#include "base/log.h"
#include "base/os.h"
#include "base/secret.h"
#include "token/login.h"
#include "token/rv.h"

/* The one global of the library. `lock` is held for moments only; the making of a world, which
 * calls into OpenSSL and reads files, happens outside of it. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t done;    /* opening became false */
	struct world *w;        /* NULL: not initialised */
	bool opening;           /* a thread is in p11_open */
	pthread_t opener;
	atomic_long pid;        /* the process all this belongs to */
	struct world *parents;  /* of a forked child: what it cannot free, kept in sight */
} lib = { .lock = PTHREAD_MUTEX_INITIALIZER, .done = PTHREAD_COND_INITIALIZER };

/* A forked child has a copy of the parent's state that it can neither use nor take down: the
 * mutex may be held by a thread that was not copied, and readers and cards are the parent's.
 * Nothing is registered with pthread_atfork, since we may be unloaded (LIBP11#21). */
static void
lock_lib(void)
{
	long owner, me = os_pid();
	struct world *stale;

	while ((owner = atomic_load(&lib.pid)) && owner != me) {
		/* -me: a thread of this process is at it; the others keep off the old mutex */
		if (owner == -me || !atomic_compare_exchange_strong(&lib.pid, &owner, -me)) {
			os_sleep_ms(1);
			continue;
		}
		stale = lib.w;
		lib.w = NULL;
		lib.opening = false;
		pthread_mutex_init(&lib.lock, NULL);
		pthread_cond_init(&lib.done, NULL);
		log_forget();
		secret_forget();
		if (stale) {
			world_forget(stale);
			lib.parents = stale;
		}
		atomic_store(&lib.pid, me);
	}
	pthread_mutex_lock(&lib.lock);
	atomic_store(&lib.pid, me);
}

CK_RV
p11_open(void)
{
	struct world *w = NULL;
	CK_RV rv = CKR_OK;

	lock_lib();
		if (lib.opening && pthread_equal(lib.opener, pthread_self())) {
			/* OpenSSL, called by us, called us: no waiting for itself (OpenSC#2708) */
			pthread_mutex_unlock(&lib.lock);
			return CKR_FUNCTION_FAILED;
		}
		while (lib.opening)
			pthread_cond_wait(&lib.done, &lib.lock);
		if (lib.w) {
			rv = CKR_CRYPTOKI_ALREADY_INITIALIZED;
		} else {
			lib.opening = true;
			lib.opener = pthread_self();
		}
	pthread_mutex_unlock(&lib.lock);
	if (rv)
		return rv;
	rv = world_new(&w);
	lock_lib();
		lib.w = w;
		lib.opening = false;
		pthread_cond_broadcast(&lib.done);
	pthread_mutex_unlock(&lib.lock);
	return rv;
}

CK_RV
p11_close(void)
{
	struct world *w;

	lock_lib();
		w = lib.w;
		lib.w = NULL;
	pthread_mutex_unlock(&lib.lock);
	if (!w)
		return CKR_CRYPTOKI_NOT_INITIALIZED;
	world_finalize(w);
	login_close_world(w);
	log_close(); /* its file must not stay open in a program that unloads us */
	world_unref(&w);
	return CKR_OK;
}

CK_RV
p11_enter_lib(struct call *c, const char *func)
{
	memset(c, 0, sizeof *c);
	c->func = func;
	lock_lib();
		if (lib.w)
			c->w = world_ref(lib.w);
	pthread_mutex_unlock(&lib.lock);
	if (log_wants(LOG_INFO))
		c->since = os_clock_ms();
	return c->w ? CKR_OK : CKR_CRYPTOKI_NOT_INITIALIZED;
}

CK_RV
p11_enter_slot(struct call *c, const char *func, CK_SLOT_ID slot)
{
	CK_RV rv;

	if ((rv = p11_enter_lib(c, func)))
		return rv;
	c->subject = slot;
	if (world_slot(c->w, slot, &c->r, &c->pin))
		return CKR_OK;
	/* slots are there without a C_GetSlotList, for programs that keep ids in their settings */
	world_list_readers(c->w, false);
	return world_slot(c->w, slot, &c->r, &c->pin) ? CKR_OK : CKR_SLOT_ID_INVALID;
}

CK_RV
p11_enter_session(struct call *c, const char *func, CK_SESSION_HANDLE h)
{
	CK_RV rv;

	if ((rv = p11_enter_lib(c, func)))
		return rv;
	c->subject = h;
	if (!(c->s = session_enter(c->w, h)))
		return CKR_SESSION_HANDLE_INVALID;
	c->r = c->s->r;
	c->pin = c->s->pin;
	return CKR_OK;
}

CK_RV
p11_leave(struct call *c, CK_RV rv)
{
	/* a call that let go of its session to ask a person may find the library closed */
	if (rv == CKR_SESSION_HANDLE_INVALID && c->s && atomic_load(&c->w->finalizing))
		rv = CKR_CRYPTOKI_NOT_INITIALIZED;
	if (c->s)
		session_leave(c->s);
	if (c->w && log_wants(LOG_INFO))
		log_write(rv == CKR_OK ? LOG_DEBUG : LOG_INFO, c->func, "%lu = %s (0x%lX), %d ms",
		    c->subject, rv_name(rv), rv, (int)(os_clock_ms() - c->since));
	world_unref(&c->w);
	return rv;
}

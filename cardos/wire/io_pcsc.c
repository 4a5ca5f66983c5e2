/* Smart card readers through pcsc-lite. Each chan and each waiter has a context of its own: one
 * context serialises its threads, so a wait would hold up a signature. Nothing here calls the
 * service before it is asked something, and none of the handles is used after a fork. */
#include "cardos/wire/io_base.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <winscard.h>

#include "base/err.h"
#include "base/log.h"
#include "base/os.h"

#define PROTOCOLS (SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1)
#define ANSWER_MAX 65538u       /* bytes: 65536 and a status word */
#define CONTROL_MAX 4096u       /* bytes a reader command may answer */
#define GET_FEATURE_REQUEST (0x42000000u + 3400u) /* pcsc-lite's reader.h */
#define NAMES_MAX 65536u        /* bytes of all reader names together */
#define BEGIN_TRIES 4           /* resets and dead services survived by one begin */
#define LOCK_POLL_MS 20         /* how often a busy card is asked again */
#define CANCEL_POLL_MS 20       /* how often a waiter is called again until it has left */
/* A reader that came between our list and the wait is not told by pcsc-lite (it counts readers
 * when the wait starts), so a long wait is made of slices, each with a fresh list. */
#define WAIT_SLICE_MS 5000
#define FULL_SLICE_MS 500
/* One SCardGetStatusChange takes no more. Source: pcsclite.h, winscard_clnt.c. */
#define STATES_MAX ((size_t)PCSCLITE_MAX_READERS_CONTEXTS)

/* pcscd looks into a reader that cannot tell by itself every 400 ms */
#define PRESENCE_LAG_MS 500

static const char pnp_name[] = "\\\\?PnP?\\Notification";

/* Source: pcsclite.h; DESIGN 7 and 10. */
static const struct { LONG rv; int err; } rv_errors[] = {
	{ SCARD_S_SUCCESS, 0 },
	{ SCARD_W_REMOVED_CARD, E_GONE },
	{ SCARD_E_NO_SMARTCARD, E_GONE },
	{ SCARD_E_READER_UNAVAILABLE, E_GONE },
	{ SCARD_W_UNPOWERED_CARD, E_GONE },
	{ SCARD_E_UNKNOWN_READER, E_NO_READER },
	{ SCARD_E_NO_READERS_AVAILABLE, E_NO_READER },
	{ SCARD_E_NO_SERVICE, E_NO_READER },
	{ SCARD_E_SERVICE_STOPPED, E_NO_READER },
	{ SCARD_E_INVALID_HANDLE, E_NO_READER },
	{ SCARD_W_RESET_CARD, E_RESET },
	{ SCARD_W_UNRESPONSIVE_CARD, E_CARD },
	{ SCARD_W_UNSUPPORTED_CARD, E_CARD },
	{ SCARD_E_PROTO_MISMATCH, E_CARD },
	{ SCARD_E_SHARING_VIOLATION, E_BUSY },
	{ SCARD_E_NOT_READY, E_BUSY },
	{ SCARD_E_TIMEOUT, E_BUSY },
	{ SCARD_E_CANCELLED, E_CANCEL },
	{ SCARD_E_SYSTEM_CANCELLED, E_CANCEL },
	{ SCARD_W_SECURITY_VIOLATION, E_REFUSED },
	{ SCARD_E_NO_ACCESS, E_REFUSED },
	{ SCARD_E_NO_MEMORY, E_MEM },
	{ SCARD_E_INSUFFICIENT_BUFFER, E_PROTOCOL },
	{ SCARD_E_UNSUPPORTED_FEATURE, E_UNSUPPORTED },
};

struct io_pcsc {
	struct io io;                 /* invariant; first, so that a pointer to it is one to us */
	pthread_mutex_t lock;
	SCARDCONTEXT ctx;             /* lock; for lists only */
	bool has_ctx;                 /* lock */
	struct io_made *chans;        /* lock */
	struct io_made *waiters;      /* lock */
};

struct pcsc_chan {
	struct chan chan;
	struct io_pcsc *io;
	struct io_made made;
	char *reader;
	SCARDCONTEXT ctx;
	SCARDHANDLE card;
	bool has_ctx, has_card;
	bool begun;                   /* in a transaction */
	bool reset_seen;              /* transmit met a reset that no begin has told yet */
	DWORD protocol;
	uint8_t atr[33];
	size_t atr_len;
	struct buf answer;            /* secret: room for one answer, kept */
};

struct pcsc_waiter {
	struct waiter waiter;
	struct io_pcsc *io;
	struct io_made made;
	pthread_mutex_t lock;
	pthread_cond_t left;          /* lock: inside became 0 */
	SCARDCONTEXT ctx;             /* lock; changed only by the thread that waits */
	bool has_ctx;                 /* lock */
	bool cancelled;               /* lock */
	unsigned inside;              /* lock: threads in wait */
};

static int
rv_err(LONG rv, const char *what)
{
	/* pcsc-lite's codes are 32 bits in a long, negative or not as the headers go */
	for (size_t i = 0; i < sizeof rv_errors / sizeof rv_errors[0]; i++) {
		if ((uint32_t)rv != (uint32_t)rv_errors[i].rv)
			continue;
		if (rv_errors[i].err == E_REFUSED)
			log_error("%s: refused; the polkit actions %s and %s decide who may use cards",
			    what, "org.debian.pcsc-lite.access_pcsc",
			    "org.debian.pcsc-lite.access_card");
		else if (rv_errors[i].err)
			log_debug("%s: 0x%08lX", what, (unsigned long)(uint32_t)rv);
		return rv_errors[i].err;
	}
	log_warn("%s: 0x%08lX", what, (unsigned long)(uint32_t)rv);
	return E_IO;
}

/* The service is gone or was started anew: the context will never work again.
 * Source: bluetech/pcsc-rust#21, LudovicRousseau/PCSC#111. */
static bool
context_dead(LONG rv)
{
	switch ((uint32_t)rv) {
	case (uint32_t)SCARD_E_NO_SERVICE:
	case (uint32_t)SCARD_E_SERVICE_STOPPED:
	case (uint32_t)SCARD_E_INVALID_HANDLE:
		return true;
	default:
		/* a broken pipe to a daemon that was killed */
		return (uint32_t)rv == (uint32_t)SCARD_F_COMM_ERROR;
	}
}

static LONG
context_new(SCARDCONTEXT *ctx, bool *has)
{
	LONG rv = SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, ctx);

	*has = rv == SCARD_S_SUCCESS;
	return rv;
}

static void
context_drop(SCARDCONTEXT ctx, bool *has)
{
	if (*has)
		SCardReleaseContext(ctx);
	*has = false;
}

/* The names of all readers, each with its NUL; the list can grow between the two calls. */
static LONG
list_once(SCARDCONTEXT ctx, struct buf *names)
{
	LONG rv = SCARD_E_INSUFFICIENT_BUFFER;
	uint8_t *p;
	DWORD n;

	for (int i = 0; i < 4 && rv == (LONG)SCARD_E_INSUFFICIENT_BUFFER; i++) {
		n = 0;
		buf_reset(names);
		if ((rv = SCardListReaders(ctx, NULL, NULL, &n)) != SCARD_S_SUCCESS)
			break;
		if (n > NAMES_MAX)
			return SCARD_E_NO_MEMORY;
		if (!(p = buf_room(names, n + 2)))
			return SCARD_E_NO_MEMORY;
		rv = SCardListReaders(ctx, NULL, (char *)p, &n);
	}
	if (rv != SCARD_S_SUCCESS)
		buf_reset(names);
	if (rv == (LONG)SCARD_E_NO_READERS_AVAILABLE)
		return SCARD_S_SUCCESS;
	/* two NULs end the list, whatever the service counted */
	for (size_t at = 0; at < names->len; at += strlen((char *)names->p + at) + 1) {
		if (!names->p[at]) {
			buf_trim(names, at);
			break;
		}
	}
	return rv;
}

/* Lists with a context of the caller's, made anew when the service was restarted. */
static LONG
list_with(SCARDCONTEXT *ctx, bool *has, struct buf *names)
{
	LONG rv = SCARD_E_NO_SERVICE;

	for (int i = 0; i < 2; i++) {
		if (!*has && (rv = context_new(ctx, has)) != SCARD_S_SUCCESS)
			return rv;
		if ((rv = list_once(*ctx, names)) == SCARD_S_SUCCESS || !context_dead(rv))
			return rv;
		context_drop(*ctx, has);
	}
	return rv;
}

static int
pcsc_list(struct io *io, struct buf *names)
{
	struct io_pcsc *p = (struct io_pcsc *)io;
	struct buf found = BUF_INIT;
	LONG rv;

	pthread_mutex_lock(&p->lock);
	rv = list_with(&p->ctx, &p->has_ctx, &found);
	pthread_mutex_unlock(&p->lock);
	if (rv == SCARD_S_SUCCESS)
		buf_view(names, buf_peek(&found));
	buf_free(&found);
	return rv == SCARD_S_SUCCESS ? buf_err(names) : rv_err(rv, "list of readers");
}

/* Waiting */

static bool
name_in(const struct buf *names, const char *name)
{
	for (size_t at = 0; at < names->len; at += strlen((char *)names->p + at) + 1)
		if (strcmp((char *)names->p + at, name) == 0)
			return true;
	return false;
}

/* A number for the list of readers (FNV-1a), so that another list has another one. */
static uint32_t
names_mark(const struct buf *names)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < names->len; i++)
		h = (h ^ names->p[i]) * 16777619u;
	return h;
}

static enum io_presence
presence_of(DWORD state)
{
	if (state & (SCARD_STATE_UNKNOWN | SCARD_STATE_UNAVAILABLE | SCARD_STATE_IGNORE))
		return IO_NO_READER;
	if (!(state & SCARD_STATE_PRESENT))
		return IO_EMPTY;
	return state & SCARD_STATE_MUTE ? IO_MUTE : IO_PRESENT;
}

/* One look at every reader; rs gets what to wait from. *n: entries of rs used. */
static LONG
look(SCARDCONTEXT ctx, struct io_state *states, size_t nstates, const struct buf *names,
    SCARD_READERSTATE *rs, size_t *n)
{
	size_t at = 0;
	LONG rv = SCARD_S_SUCCESS;

	*n = 0;
	for (size_t i = 0; i < nstates; i++) {
		if (!states[i].reader || !name_in(names, states[i].reader))
			continue;
		rs[(*n)++] = (SCARD_READERSTATE){ .szReader = states[i].reader,
			.dwCurrentState = SCARD_STATE_UNAWARE };
	}
	for (size_t i = 0; i < *n; i += STATES_MAX) {
		rv = SCardGetStatusChange(ctx, 0, rs + i,
		    (DWORD)(*n - i < STATES_MAX ? *n - i : STATES_MAX));
		if (rv != SCARD_S_SUCCESS && rv != (LONG)SCARD_E_TIMEOUT)
			return rv;
	}
	for (size_t i = 0; i < nstates; i++) {
		struct io_state *s = &states[i];

		if (!s->reader) {
			io_state_set(s, IO_EMPTY, names_mark(names));
			continue;
		}
		if (!name_in(names, s->reader)) {
			io_state_set(s, IO_NO_READER, s->events);
			continue;
		}
		io_state_set(s, presence_of(rs[at].dwEventState),
		    (uint32_t)rs[at].dwEventState >> 16);
		if (s->now == IO_PRESENT && rs[at].cbAtr <= sizeof s->atr) {
			s->atr_len = rs[at].cbAtr;
			memcpy(s->atr, rs[at].rgbAtr, s->atr_len);
		}
		rs[at].dwCurrentState = rs[at].dwEventState & ~(DWORD)SCARD_STATE_CHANGED;
		at++;
	}
	return SCARD_S_SUCCESS;
}

static bool
any_changed(const struct io_state *states, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (states[i].changed)
			return true;
	return false;
}

/* List, look, and wait for one slice. *done: the caller can be answered. */
static LONG
wait_round(struct pcsc_waiter *w, struct io_state *states, size_t n, int slice,
    SCARD_READERSTATE *rs, bool *done)
{
	struct buf names = BUF_INIT;
	SCARDCONTEXT ctx;
	bool has;
	size_t nrs;
	LONG rv;

	pthread_mutex_lock(&w->lock);
	ctx = w->ctx;
	has = w->has_ctx;
	pthread_mutex_unlock(&w->lock);
	rv = list_with(&ctx, &has, &names);
	pthread_mutex_lock(&w->lock);
	w->ctx = ctx;
	w->has_ctx = has;
	pthread_mutex_unlock(&w->lock);
	if (rv != SCARD_S_SUCCESS)
		goto out;
	if ((rv = look(ctx, states, n, &names, rs, &nrs)) != SCARD_S_SUCCESS)
		goto out;
	if ((*done = any_changed(states, n) || slice == 0))
		goto out;
	if (nrs < STATES_MAX)
		rs[nrs++] = (SCARD_READERSTATE){ .szReader = pnp_name };
	else if (slice > FULL_SLICE_MS) /* not all can be waited for at once: look more often */
		slice = FULL_SLICE_MS;
	rv = SCardGetStatusChange(ctx, (DWORD)slice, rs,
	    (DWORD)(nrs < STATES_MAX ? nrs : STATES_MAX));
	if (rv == (LONG)SCARD_E_TIMEOUT)
		rv = SCARD_S_SUCCESS;
out:
	buf_free(&names);
	return rv;
}

static bool
waiter_cancelled(struct pcsc_waiter *w)
{
	bool c;

	pthread_mutex_lock(&w->lock);
	c = w->cancelled;
	pthread_mutex_unlock(&w->lock);
	return c;
}

static void
waiter_context_drop(struct pcsc_waiter *w)
{
	pthread_mutex_lock(&w->lock);
	context_drop(w->ctx, &w->has_ctx);
	pthread_mutex_unlock(&w->lock);
}

static int
wait_inside(struct pcsc_waiter *w, struct io_state *states, size_t n, int ms)
{
	int64_t end = os_clock_ms() + ms, left = ms;
	SCARD_READERSTATE *rs;
	bool done = false, dead_before = false;
	LONG rv;
	int r = 0;

	if (!(rs = calloc(n + 1, sizeof *rs)))
		return E_MEM;
	while (!done) {
		if (waiter_cancelled(w)) {
			r = E_CANCEL;
			break;
		}
		if (ms >= 0)
			left = end - os_clock_ms();
		rv = wait_round(w, states, n, ms < 0 || left > WAIT_SLICE_MS ? WAIT_SLICE_MS
		    : left > 0 ? (int)left : 0, rs, &done);
		if (rv == SCARD_S_SUCCESS) {
			dead_before = false;
		} else if (context_dead(rv) && !dead_before) {
			/* restarted service: once more with a new context */
			waiter_context_drop(w);
			dead_before = true;
		} else if (rv != (LONG)SCARD_E_CANCELLED && rv != (LONG)SCARD_E_UNKNOWN_READER) {
			r = rv_err(rv, "wait");
			break;
		}
	}
	free(rs);
	return r;
}

static int
pcsc_wait(struct waiter *waiter, struct io_state *states, size_t n, int ms)
{
	struct pcsc_waiter *w = (struct pcsc_waiter *)waiter;
	int r;

	pthread_mutex_lock(&w->lock);
	w->inside++;
	pthread_mutex_unlock(&w->lock);
	r = wait_inside(w, states, n, ms);
	pthread_mutex_lock(&w->lock);
	if (--w->inside == 0)
		pthread_cond_broadcast(&w->left);
	pthread_mutex_unlock(&w->lock);
	return r;
}

/* SCardCancel is lost when the other thread is not yet, or no more, inside the service's own
 * wait, so it is said again until that thread has left. */
static void
pcsc_cancel(struct waiter *waiter)
{
	struct pcsc_waiter *w = (struct pcsc_waiter *)waiter;
	struct timespec t;

	pthread_mutex_lock(&w->lock);
	w->cancelled = true;
	while (w->inside) {
		if (w->has_ctx)
			SCardCancel(w->ctx);
		t = io_time_in(CANCEL_POLL_MS);
		pthread_cond_timedwait(&w->left, &w->lock, &t);
	}
	pthread_mutex_unlock(&w->lock);
}

static int
pcsc_waiter_new(struct io *io, struct waiter **out)
{
	struct io_pcsc *p = (struct io_pcsc *)io;
	struct pcsc_waiter *w = calloc(1, sizeof *w);

	if (!w)
		return E_MEM;
	w->waiter.ops = io->ops;
	w->io = p;
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->left, NULL);
	io_made_add(&p->lock, &p->waiters, &w->made, w);
	*out = &w->waiter;
	return 0;
}

static void
pcsc_waiter_free(struct waiter **waiter)
{
	struct pcsc_waiter *w = (struct pcsc_waiter *)*waiter;

	if (!w)
		return;
	io_made_remove(&w->io->lock, &w->io->waiters, &w->made);
	context_drop(w->ctx, &w->has_ctx);
	pthread_cond_destroy(&w->left);
	pthread_mutex_destroy(&w->lock);
	free(w);
	*waiter = NULL;
}

/* Cards */

/* The ATR, from the service's own table: SCardStatus would wait for a neighbour's transaction. */
static LONG
chan_atr_get(struct pcsc_chan *c)
{
	SCARD_READERSTATE rs = { .szReader = c->reader, .dwCurrentState = SCARD_STATE_UNAWARE };
	LONG rv = SCardGetStatusChange(c->ctx, 0, &rs, 1);

	if (rv != SCARD_S_SUCCESS)
		return rv;
	if (!(rs.dwEventState & SCARD_STATE_PRESENT) || rs.cbAtr > sizeof c->atr)
		return SCARD_W_REMOVED_CARD;
	c->atr_len = rs.cbAtr;
	memcpy(c->atr, rs.rgbAtr, c->atr_len);
	return rv;
}

static void
chan_drop(struct pcsc_chan *c)
{
	if (c->begun)
		SCardEndTransaction(c->card, SCARD_LEAVE_CARD);
	if (c->has_card)
		SCardDisconnect(c->card, SCARD_LEAVE_CARD);
	c->begun = c->has_card = false;
	context_drop(c->ctx, &c->has_ctx);
}

static LONG
chan_connect(struct pcsc_chan *c)
{
	LONG rv;

	if ((rv = context_new(&c->ctx, &c->has_ctx)) != SCARD_S_SUCCESS)
		return rv;
	rv = SCardConnect(c->ctx, c->reader, SCARD_SHARE_SHARED, PROTOCOLS, &c->card, &c->protocol);
	c->has_card = rv == SCARD_S_SUCCESS;
	if (rv == SCARD_S_SUCCESS)
		rv = chan_atr_get(c);
	if (rv != SCARD_S_SUCCESS)
		chan_drop(c);
	return rv;
}

static void
chan_memory_free(struct pcsc_chan *c)
{
	buf_free(&c->answer);
	free(c->reader);
	free(c);
}

static int
pcsc_open(struct io *io, const char *reader, struct chan **out)
{
	struct io_pcsc *p = (struct io_pcsc *)io;
	struct pcsc_chan *c;
	LONG rv;

	if (!(c = calloc(1, sizeof *c)))
		return E_MEM;
	c->chan.ops = io->ops;
	c->io = p;
	c->answer.secret = true;
	if (!(c->reader = strdup(reader))) {
		chan_memory_free(c);
		return E_MEM;
	}
	if ((rv = chan_connect(c)) != SCARD_S_SUCCESS) {
		chan_memory_free(c);
		return rv_err(rv, "connect");
	}
	io_made_add(&p->lock, &p->chans, &c->made, c);
	*out = &c->chan;
	return 0;
}

/* A card that sat through a restart of the service, or lost its service for good, is gone or
 * reset for whoever holds the chan: there is no third thing to tell. */
static int
chan_err(LONG rv, const char *what)
{
	int r = rv_err(rv, what);

	return r == E_NO_READER ? E_GONE : r;
}

/* Whether a neighbour holds the card. SCardBeginTransaction waits for neighbours for ever,
 * whatever is set; SCardStatus says SHARING_VIOLATION at once in a process that started with
 * PCSCLITE_NO_BLOCKING. Source: pcsc-lite 1.9.9 and later, winscard_clnt.c; seen so. */
static bool
held(struct pcsc_chan *c)
{
	DWORD name_len = 0, state, protocol, atr_len = MAX_ATR_SIZE;
	uint8_t atr[MAX_ATR_SIZE];

	if (!c->has_card || !os_env("PCSCLITE_NO_BLOCKING"))
		return false;
	return SCardStatus(c->card, NULL, &name_len, &state, &protocol, atr, &atr_len)
	    == (LONG)SCARD_E_SHARING_VIOLATION;
}

/* One attempt; SCARD_W_RESET_CARD is answered by reconnecting, a dead service by connecting
 * anew. *again: try once more, and the card was reset. */
static LONG
begin_once(struct pcsc_chan *c, bool *again)
{
	LONG rv;

	*again = false;
	if (!c->has_card) {
		if ((rv = chan_connect(c)) == SCARD_S_SUCCESS)
			*again = true;
		return rv;
	}
	rv = SCardBeginTransaction(c->card);
	if (rv == (LONG)SCARD_W_RESET_CARD) {
		rv = SCardReconnect(c->card, SCARD_SHARE_SHARED, PROTOCOLS, SCARD_LEAVE_CARD,
		    &c->protocol);
		*again = rv == SCARD_S_SUCCESS;
	}
	if (context_dead(rv)) {
		log_info("%s: service was restarted, connecting anew", c->reader);
		chan_drop(c);
		*again = true;
		return SCARD_S_SUCCESS;
	}
	return rv;
}

static int
pcsc_begin(struct chan *chan, int deadline_ms)
{
	struct pcsc_chan *c = (struct pcsc_chan *)chan;
	int64_t end = os_clock_ms() + deadline_ms;
	bool again, reset = c->reset_seen;
	LONG rv;

	if (c->begun)
		return 0;
	for (int tries = 0; tries < BEGIN_TRIES;) {
		if (deadline_ms >= 0 && held(c)) {
			again = false;
			rv = SCARD_E_SHARING_VIOLATION;
		} else {
			rv = begin_once(c, &again);
		}
		if (again) {
			reset = true;
			tries++;
			continue;
		}
		if (rv == (LONG)SCARD_E_SHARING_VIOLATION
		    && (deadline_ms < 0 || os_clock_ms() < end)) {
			os_sleep_ms(LOCK_POLL_MS);
			continue;
		}
		if (rv != SCARD_S_SUCCESS)
			return chan_err(rv, "begin");
		c->begun = true;
		c->reset_seen = false;
		return reset ? E_RESET : 0;
	}
	return E_BUSY;
}

static int
pcsc_end(struct chan *chan, enum io_end how)
{
	struct pcsc_chan *c = (struct pcsc_chan *)chan;
	LONG rv;

	if (!c->begun)
		return 0;
	c->begun = false;
	rv = SCardEndTransaction(c->card,
	    how == IO_END_RESET ? SCARD_RESET_CARD : SCARD_LEAVE_CARD);
	/* a reset by others is told by the next begin */
	return rv == (LONG)SCARD_W_RESET_CARD ? 0 : chan_err(rv, "end");
}

/* T=0 cannot carry Le behind data: the card says 61xx, and what it has is fetched. Source: ISO 7816-3 12.2.4
 * (case 4S). */
static size_t
t0_len(struct view cmd)
{
	return cmd.len > 6 && cmd.p[4] && cmd.len == 6u + cmd.p[4] ? cmd.len - 1 : cmd.len;
}

static int
pcsc_transmit(struct chan *chan, struct view cmd, bool secret, struct buf *rsp)
{
	struct pcsc_chan *c = (struct pcsc_chan *)chan;
	bool t0 = c->protocol == SCARD_PROTOCOL_T0;
	const SCARD_IO_REQUEST *pci = t0 ? SCARD_PCI_T0 : SCARD_PCI_T1;
	DWORD n = ANSWER_MAX;
	LONG rv;

	if (!c->has_card)
		return E_GONE;
	if (!c->answer.cap && !buf_room(&c->answer, ANSWER_MAX))
		return E_MEM;
	rv = SCardTransmit(c->card, pci, cmd.p, (DWORD)(t0 ? t0_len(cmd) : cmd.len), NULL, c->answer.p, &n);
	if (rv == SCARD_S_SUCCESS && n <= ANSWER_MAX)
		buf_put(rsp, c->answer.p, n);
	if (secret)
		buf_reset(&c->answer); /* cleanses, and keeps the room */
	if (rv == SCARD_S_SUCCESS)
		return n > ANSWER_MAX ? E_PROTOCOL : buf_err(rsp);
	if (context_dead(rv)) {
		/* whatever the command did, the card starts anew with the service */
		chan_drop(c);
		return E_RESET;
	}
	if (rv == (LONG)SCARD_W_RESET_CARD) {
		c->reset_seen = true;
		return E_RESET;
	}
	return chan_err(rv, "transmit");
}

static bool
rv_means_no_command(LONG rv)
{
	switch ((uint32_t)rv) {
	case (uint32_t)SCARD_E_UNSUPPORTED_FEATURE:
	case (uint32_t)SCARD_E_NOT_TRANSACTED:
	case (uint32_t)SCARD_E_INVALID_PARAMETER:
	case (uint32_t)SCARD_E_INVALID_VALUE:
		return true;
	default:
		return false;
	}
}

static int
pcsc_control(struct chan *chan, uint32_t code, struct view in, struct buf *out)
{
	struct pcsc_chan *c = (struct pcsc_chan *)chan;
	DWORD n = 0;
	uint8_t *p;
	size_t start = out->len;
	LONG rv;

	if (!c->has_card)
		return E_GONE;
	if (!(p = buf_room(out, CONTROL_MAX)))
		return E_MEM;
	rv = SCardControl(c->card, code, in.p, (DWORD)in.len, p, CONTROL_MAX, &n);
	buf_trim(out, start + (rv == SCARD_S_SUCCESS && n <= CONTROL_MAX ? n : 0));
	if (rv == SCARD_S_SUCCESS)
		return n <= CONTROL_MAX ? 0 : E_PROTOCOL;
	if (rv == (LONG)SCARD_W_RESET_CARD) {
		c->reset_seen = true;
		return E_RESET;
	}
	/* a reader without commands says so in many ways, and that is no accident */
	if (code == GET_FEATURE_REQUEST && rv_means_no_command(rv))
		return E_UNSUPPORTED;
	return chan_err(rv, "control");
}

static struct view
pcsc_atr(struct chan *chan)
{
	struct pcsc_chan *c = (struct pcsc_chan *)chan;

	return view_of(c->atr, c->atr_len);
}

static void
pcsc_close(struct chan **chan)
{
	struct pcsc_chan *c = (struct pcsc_chan *)*chan;

	if (!c)
		return;
	io_made_remove(&c->io->lock, &c->io->chans, &c->made);
	chan_drop(c);
	chan_memory_free(c);
	*chan = NULL;
}

static void
pcsc_free(struct io **io)
{
	struct io_pcsc *p = (struct io_pcsc *)*io;

	if (!p)
		return;
	context_drop(p->ctx, &p->has_ctx);
	pthread_mutex_destroy(&p->lock);
	free(p);
	*io = NULL;
}

/* In a forked child the parent's connections must stay the parent's: SCardReleaseContext here
 * would end them. So the handles leak (one descriptor each, closed at exec) and no lock is
 * taken, for another thread of the parent may have held it. */
static void
pcsc_forget(struct io **io)
{
	struct io_pcsc *p = (struct io_pcsc *)*io;
	struct pcsc_chan *c;
	struct pcsc_waiter *w;

	if (!p)
		return;
	while ((c = io_made_take(&p->chans)))
		chan_memory_free(c);
	while ((w = io_made_take(&p->waiters)))
		free(w);
	free(p);
	*io = NULL;
}

static const struct io_ops pcsc_ops = {
	.list = pcsc_list,
	.waiter_new = pcsc_waiter_new,
	.waiter_free = pcsc_waiter_free,
	.wait = pcsc_wait,
	.cancel = pcsc_cancel,
	.open = pcsc_open,
	.begin = pcsc_begin,
	.end = pcsc_end,
	.transmit = pcsc_transmit,
	.control = pcsc_control,
	.atr = pcsc_atr,
	.close = pcsc_close,
	.free = pcsc_free,
	.forget = pcsc_forget,
};

int
io_pcsc_new(struct io **out)
{
	struct io_pcsc *p = calloc(1, sizeof *p);

	if (!p)
		return E_MEM;
	p->io.ops = &pcsc_ops;
	p->io.lag_ms = PRESENCE_LAG_MS;
	pthread_mutex_init(&p->lock, NULL);
	*out = &p->io;
	return 0;
}

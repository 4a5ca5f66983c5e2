/* Passes everything to another io, and lets the n-th command meet an accident. For tests. */
#include "cardos/wire/io_base.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/err.h"

#define BIG_ANSWER 65536u       /* bytes of FAULT_64K, and a status word */

struct io_fault_io {
	struct io io;
	struct io *under;       /* owned */
	pthread_mutex_t lock;
	unsigned n;             /* lock: which transmit fails, from 1; 0 none */
	unsigned count;         /* lock: transmits since the last io_fault_set */
	enum io_fault kind;     /* lock */
	bool fired;             /* lock */
	bool removed;           /* lock: the card is out until told otherwise */
	uint32_t events;        /* lock: removals and insertions that were made up */
	struct io_made *chans;  /* lock */
	struct io_made *waiters; /* lock */
};

struct fault_chan {
	struct chan chan;
	struct io_fault_io *io;
	struct chan *under;     /* owned */
	struct io_made made;
	bool dead;              /* io->lock: its card was "removed" */
	bool reset;             /* a reset that the next begin tells */
};

struct fault_waiter {
	struct waiter waiter;
	struct io_fault_io *io;
	struct waiter *under;   /* owned */
	struct io_made made;
};

/* Faults that go on until io_fault_set. */
static bool
lasting(enum io_fault kind)
{
	return kind == FAULT_61LOOP || kind == FAULT_6CLOOP || kind == FAULT_REMOVED;
}

/* Whether this transmit fails; counts it. */
static bool
strikes(struct fault_chan *c, enum io_fault *kind)
{
	struct io_fault_io *f = c->io;
	bool now;

	pthread_mutex_lock(&f->lock);
	f->count++;
	now = f->n && (f->count == f->n || (f->fired && lasting(f->kind)));
	*kind = f->kind;
	if (now)
		f->fired = true;
	if (now && f->kind == FAULT_REMOVED && !f->removed) {
		f->removed = true;
		f->events++;
		for (struct io_made *i = f->chans; i; i = i->next)
			((struct fault_chan *)i->thing)->dead = true;
	}
	pthread_mutex_unlock(&f->lock);
	return now;
}

/* A reset by somebody: the card below really is reset, so that PIN and environment are lost. */
static int
fault_reset(struct fault_chan *c)
{
	int r;

	c->reset = true;
	c->under->ops->end(c->under, IO_END_RESET);
	r = c->under->ops->begin(c->under, -1);
	return r && r != E_RESET ? r : E_RESET;
}

static int
put_answer(struct buf *rsp, size_t data, unsigned sw)
{
	buf_fill(rsp, 0x5A, data);
	buf_be16(rsp, sw);
	return buf_err(rsp);
}

static int
accident(struct fault_chan *c, enum io_fault kind, struct view cmd, struct buf *rsp)
{
	bool get_response = cmd.len >= 2 && cmd.p[1] == 0xC0;

	switch (kind) {
	case FAULT_REMOVED:
		return E_GONE;
	case FAULT_RESET:
		return fault_reset(c);
	case FAULT_6F00:
		return put_answer(rsp, 0, 0x6F00);
	case FAULT_6982:
		return put_answer(rsp, 0, 0x6982);
	case FAULT_EMPTY:
		return 0;
	case FAULT_1BYTE:
		buf_u8(rsp, 0x90);
		return buf_err(rsp);
	case FAULT_64K:
		return put_answer(rsp, BIG_ANSWER, 0x9000);
	case FAULT_61LOOP:
		return put_answer(rsp, get_response ? 16 : 0, 0x6110);
	case FAULT_6CLOOP:
		return put_answer(rsp, 0, 0x6C10);
	case FAULT_TIMEOUT:
	case FAULT_LOST:
	case FAULT_COUNT:
	default:
		return E_IO;
	}
}

/* The command arrives below, its answer nowhere. */
static int
lose_answer(struct fault_chan *c, const uint32_t *code, struct view cmd, bool secret)
{
	struct buf answer = BUF_INIT_SECRET;
	int r;

	r = code ? c->under->ops->control(c->under, *code, cmd, &answer) :
	    c->under->ops->transmit(c->under, cmd, secret, &answer);
	buf_free(&answer);
	return r ? r : E_IO;
}

static bool
chan_dead(struct fault_chan *c)
{
	bool dead;

	pthread_mutex_lock(&c->io->lock);
	dead = c->dead;
	pthread_mutex_unlock(&c->io->lock);
	return dead;
}

static int
fault_transmit(struct chan *chan, struct view cmd, bool secret, struct buf *rsp)
{
	struct fault_chan *c = (struct fault_chan *)chan;
	enum io_fault kind;

	if (chan_dead(c))
		return E_GONE;
	if (c->reset)
		return E_RESET;
	if (strikes(c, &kind))
		return kind == FAULT_LOST ? lose_answer(c, NULL, cmd, secret) : accident(c, kind, cmd, rsp);
	return c->under->ops->transmit(c->under, cmd, secret, rsp);
}

static int
fault_begin(struct chan *chan, int deadline_ms)
{
	struct fault_chan *c = (struct fault_chan *)chan;
	bool reset = c->reset;
	int r;

	if (chan_dead(c))
		return E_GONE;
	if ((r = c->under->ops->begin(c->under, deadline_ms)) != 0 && r != E_RESET)
		return r;
	c->reset = false;
	return reset ? E_RESET : r;
}

static int
fault_end(struct chan *chan, enum io_end how)
{
	struct fault_chan *c = (struct fault_chan *)chan;
	int r = c->under->ops->end(c->under, how);

	return chan_dead(c) ? E_GONE : r;
}

static int
fault_control(struct chan *chan, uint32_t code, struct view in, struct buf *out)
{
	struct fault_chan *c = (struct fault_chan *)chan;
	enum io_fault kind;

	if (!c->under->ops->control)
		return E_UNSUPPORTED;
	if (chan_dead(c))
		return E_GONE;
	if (c->reset)
		return E_RESET;
	if (strikes(c, &kind))
		return kind == FAULT_LOST ? lose_answer(c, &code, in, true) : accident(c, kind, in, out);
	return c->under->ops->control(c->under, code, in, out);
}

static struct view
fault_atr(struct chan *chan)
{
	struct fault_chan *c = (struct fault_chan *)chan;

	return c->under->ops->atr(c->under);
}

static bool
removed_now(struct io_fault_io *f, uint32_t *events)
{
	bool removed;

	pthread_mutex_lock(&f->lock);
	removed = f->removed;
	*events = f->events;
	pthread_mutex_unlock(&f->lock);
	return removed;
}

static int
fault_open(struct io *io, const char *reader, struct chan **out)
{
	struct io_fault_io *f = (struct io_fault_io *)io;
	struct fault_chan *c;
	uint32_t events;
	int r;

	if (removed_now(f, &events))
		return E_GONE;
	if (!(c = calloc(1, sizeof *c)))
		return E_MEM;
	c->chan.ops = io->ops;
	c->io = f;
	if ((r = f->under->ops->open(f->under, reader, &c->under)) != 0) {
		free(c);
		return r;
	}
	io_made_add(&f->lock, &f->chans, &c->made, c);
	*out = &c->chan;
	return 0;
}

static void
fault_close(struct chan **chan)
{
	struct fault_chan *c = (struct fault_chan *)*chan;

	if (!c)
		return;
	io_made_remove(&c->io->lock, &c->io->chans, &c->made);
	c->under->ops->close(&c->under);
	free(c);
	*chan = NULL;
}

static int
fault_list(struct io *io, struct buf *names)
{
	struct io *under = ((struct io_fault_io *)io)->under;

	return under->ops->list(under, names);
}

static int
fault_waiter_new(struct io *io, struct waiter **out)
{
	struct io_fault_io *f = (struct io_fault_io *)io;
	struct fault_waiter *w = calloc(1, sizeof *w);
	int r;

	if (!w)
		return E_MEM;
	w->waiter.ops = io->ops;
	w->io = f;
	if ((r = f->under->ops->waiter_new(f->under, &w->under)) != 0) {
		free(w);
		return r;
	}
	io_made_add(&f->lock, &f->waiters, &w->made, w);
	*out = &w->waiter;
	return 0;
}

static void
fault_waiter_free(struct waiter **waiter)
{
	struct fault_waiter *w = (struct fault_waiter *)*waiter;

	if (!w)
		return;
	io_made_remove(&w->io->lock, &w->io->waiters, &w->made);
	w->under->ops->waiter_free(&w->under);
	free(w);
	*waiter = NULL;
}

/* Waits below, in terms of the counter below, and tells the made-up removals on top. A made-up
 * one does not wake a wait that has begun. */
static int
fault_wait(struct waiter *waiter, struct io_state *states, size_t n, int ms)
{
	struct fault_waiter *w = (struct fault_waiter *)waiter;
	uint32_t events;
	bool removed = removed_now(w->io, &events);
	int r;

	for (size_t i = 0; i < n; i++)
		if (states[i].reader)
			states[i].events -= events;
	r = w->under->ops->wait(w->under, states, n, removed ? 0 : ms);
	for (size_t i = 0; !r && i < n; i++) {
		if (!states[i].reader)
			continue;
		states[i].events += events;
		if (removed && states[i].now == IO_PRESENT) {
			states[i].now = IO_EMPTY;
			states[i].atr_len = 0;
		}
	}
	return r;
}

static void
fault_cancel(struct waiter *waiter)
{
	struct fault_waiter *w = (struct fault_waiter *)waiter;

	w->under->ops->cancel(w->under);
}

static void
fault_free(struct io **io)
{
	struct io_fault_io *f = (struct io_fault_io *)*io;

	if (!f)
		return;
	f->under->ops->free(&f->under);
	pthread_mutex_destroy(&f->lock);
	free(f);
	*io = NULL;
}

static void
fault_forget(struct io **io)
{
	struct io_fault_io *f = (struct io_fault_io *)*io;
	struct fault_chan *c;
	struct fault_waiter *w;

	if (!f)
		return;
	while ((c = io_made_take(&f->chans)))
		free(c);
	while ((w = io_made_take(&f->waiters)))
		free(w);
	io_forget(&f->under);
	free(f);
	*io = NULL;
}

static const struct io_ops fault_ops = {
	.list = fault_list,
	.waiter_new = fault_waiter_new,
	.waiter_free = fault_waiter_free,
	.wait = fault_wait,
	.cancel = fault_cancel,
	.open = fault_open,
	.begin = fault_begin,
	.end = fault_end,
	.transmit = fault_transmit,
	.control = fault_control,
	.atr = fault_atr,
	.close = fault_close,
	.free = fault_free,
	.forget = fault_forget,
};

int
io_fault_new(struct io **under, struct io **out)
{
	struct io_fault_io *f = calloc(1, sizeof *f);

	if (!f)
		return E_MEM;
	f->io.ops = &fault_ops;
	f->io.lag_ms = (*under)->lag_ms;
	f->under = *under;
	pthread_mutex_init(&f->lock, NULL);
	*under = NULL;
	*out = &f->io;
	return 0;
}

void
io_fault_set(struct io *io, unsigned n, enum io_fault kind)
{
	struct io_fault_io *f = (struct io_fault_io *)io;

	pthread_mutex_lock(&f->lock);
	f->n = n;
	f->kind = kind;
	f->count = 0;
	f->fired = false;
	if (f->removed)
		f->events++;
	f->removed = false;
	pthread_mutex_unlock(&f->lock);
}

unsigned
io_fault_count(const struct io *io)
{
	struct io_fault_io *f = (struct io_fault_io *)(uintptr_t)io;
	unsigned n;

	pthread_mutex_lock(&f->lock);
	n = f->count;
	pthread_mutex_unlock(&f->lock);
	return n;
}

bool
io_fault_fired(const struct io *io)
{
	struct io_fault_io *f = (struct io_fault_io *)(uintptr_t)io;
	bool fired;

	pthread_mutex_lock(&f->lock);
	fired = f->fired;
	pthread_mutex_unlock(&f->lock);
	return fired;
}

#include "t/fault/io_mem.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/err.h"

struct mem_reader {
	char name[32];
	struct vc *vc;
	struct mem_chan *owner;       /* io->lock: who is in a transaction */
};

struct io_mem {
	struct io io;
	pthread_mutex_t lock;
	pthread_cond_t changed;       /* an event, a cancel, or the end of a transaction */
	struct mem_reader reader[IO_MEM_READERS];
	size_t nreader;
};

struct mem_chan {
	struct chan chan;
	struct io_mem *io;
	struct mem_reader *reader;
	uint32_t events, epoch;       /* as this chan knows them */
	bool gone;
	uint8_t atr[VC_MAX_ATR];
	size_t atr_len;
	uint8_t *answer;
};

struct mem_waiter {
	struct waiter waiter;
	struct io_mem *io;
	bool cancelled;               /* io->lock */
};

static void
on_event(void *arg)
{
	struct io_mem *m = arg;

	pthread_mutex_lock(&m->lock);
	pthread_cond_broadcast(&m->changed);
	pthread_mutex_unlock(&m->lock);
}

static struct timespec
after_ms(int ms)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_sec += ms / 1000;
	t.tv_nsec += (ms % 1000) * 1000000L;
	t.tv_sec += t.tv_nsec / 1000000000L;
	t.tv_nsec %= 1000000000L;
	return t;
}

/* false: the time is over. ms < 0: for ever. */
static bool
sleep_locked(struct io_mem *m, const struct timespec *end, int ms)
{
	if (ms < 0)
		return pthread_cond_wait(&m->changed, &m->lock) == 0;
	return ms && pthread_cond_timedwait(&m->changed, &m->lock, end) == 0;
}

static int
mem_list(struct io *io, struct buf *names)
{
	struct io_mem *m = (struct io_mem *)io;

	for (size_t i = 0; i < m->nreader; i++)
		buf_put(names, m->reader[i].name, strlen(m->reader[i].name) + 1);
	return buf_err(names);
}

static struct mem_reader *
find(struct io_mem *m, const char *name)
{
	for (size_t i = 0; name && i < m->nreader; i++)
		if (strcmp(m->reader[i].name, name) == 0)
			return &m->reader[i];
	return NULL;
}

static bool
look(struct io_mem *m, struct io_state *s)
{
	struct mem_reader *r = find(m, s->reader);
	enum io_presence now = IO_EMPTY;
	uint32_t events = r ? vc_counts(r->vc).events + 1 : s->reader ? 0 : 1;

	s->atr_len = 0;
	if (s->reader && !r) {
		now = IO_NO_READER;
	} else if (r && vc_present(r->vc)) {
		now = IO_PRESENT;
		s->atr_len = vc_atr(r->vc, s->atr, sizeof s->atr);
	}
	s->changed = now != s->now || events != s->events;
	s->now = now;
	s->events = events;
	return s->changed;
}

static int
mem_wait(struct waiter *waiter, struct io_state *states, size_t n, int ms)
{
	struct mem_waiter *w = (struct mem_waiter *)waiter;
	struct timespec end = after_ms(ms < 0 ? 0 : ms);
	bool changed;
	int r;

	pthread_mutex_lock(&w->io->lock);
	do {
		changed = false;
		for (size_t i = 0; i < n; i++)
			changed = look(w->io, &states[i]) || changed;
	} while (!changed && !w->cancelled && sleep_locked(w->io, &end, ms));
	r = w->cancelled ? E_CANCEL : 0;
	pthread_mutex_unlock(&w->io->lock);
	return r;
}

static void
mem_cancel(struct waiter *waiter)
{
	struct mem_waiter *w = (struct mem_waiter *)waiter;

	pthread_mutex_lock(&w->io->lock);
	w->cancelled = true;
	pthread_cond_broadcast(&w->io->changed);
	pthread_mutex_unlock(&w->io->lock);
}

static int
mem_waiter_new(struct io *io, struct waiter **out)
{
	struct mem_waiter *w = calloc(1, sizeof *w);

	if (!w)
		return E_MEM;
	w->waiter.ops = io->ops;
	w->io = (struct io_mem *)io;
	*out = &w->waiter;
	return 0;
}

static void
mem_waiter_free(struct waiter **w)
{
	free(*w);
	*w = NULL;
}

static int
mem_open(struct io *io, const char *reader, struct chan **out)
{
	struct io_mem *m = (struct io_mem *)io;
	struct mem_reader *r = find(m, reader);
	struct vc_counts now;
	struct mem_chan *c;

	if (!r)
		return E_NO_READER;
	now = vc_counts(r->vc);
	if (!(c = calloc(1, sizeof *c)) || !(c->answer = malloc(VC_MAX_RESPONSE))) {
		free(c);
		return E_MEM;
	}
	c->chan.ops = io->ops;
	c->io = m;
	c->reader = r;
	c->events = now.events;
	c->epoch = now.epoch;
	if (!(c->atr_len = vc_atr(r->vc, c->atr, sizeof c->atr))) {
		free(c->answer);
		free(c);
		return E_GONE;
	}
	*out = &c->chan;
	return 0;
}

static int
mem_begin(struct chan *chan, int deadline_ms)
{
	struct mem_chan *c = (struct mem_chan *)chan;
	struct timespec end = after_ms(deadline_ms < 0 ? 0 : deadline_ms);
	struct vc_counts now;
	int r = 0;

	pthread_mutex_lock(&c->io->lock);
	while (c->reader->owner && c->reader->owner != c) {
		if (!sleep_locked(c->io, &end, deadline_ms)) {
			r = E_BUSY;
			break;
		}
	}
	now = vc_counts(c->reader->vc);
	if (!r && (c->gone || now.events != c->events || !vc_present(c->reader->vc)))
		r = E_GONE;
	if (!r) {
		c->reader->owner = c;
		r = now.epoch == c->epoch ? 0 : E_RESET;
		c->epoch = now.epoch;
	}
	pthread_mutex_unlock(&c->io->lock);
	return r;
}

static int
mem_end(struct chan *chan, enum io_end how)
{
	struct mem_chan *c = (struct mem_chan *)chan;

	bool ours;

	pthread_mutex_lock(&c->io->lock);
	ours = c->reader->owner == c;
	pthread_mutex_unlock(&c->io->lock);
	if (ours && how == IO_END_RESET) {
		vc_reset(c->reader->vc);
		c->epoch = vc_counts(c->reader->vc).epoch;
	}
	pthread_mutex_lock(&c->io->lock);
	if (c->reader->owner == c)
		c->reader->owner = NULL;
	pthread_cond_broadcast(&c->io->changed);
	pthread_mutex_unlock(&c->io->lock);
	return c->gone ? E_GONE : 0;
}

static int
mem_transmit(struct chan *chan, struct view cmd, bool secret, struct buf *rsp)
{
	struct mem_chan *c = (struct mem_chan *)chan;
	struct vc_counts now = vc_counts(c->reader->vc);
	size_t n;

	if (c->gone || now.events != c->events) {
		c->gone = true;
		return E_GONE;
	}
	if (now.epoch != c->epoch)
		return E_RESET;
	n = vc_apdu(c->reader->vc, cmd.p, cmd.len, c->answer, VC_MAX_RESPONSE);
	if (n == VC_SILENT)
		return E_IO;
	now = vc_counts(c->reader->vc);
	if (now.events != c->events) {
		c->gone = true;
		return E_GONE;
	}
	if (now.epoch != c->epoch)
		return E_RESET;
	buf_put(rsp, c->answer, n);
	if (secret)
		memset(c->answer, 0, n);
	return buf_err(rsp);
}

static struct view
mem_atr(struct chan *chan)
{
	struct mem_chan *c = (struct mem_chan *)chan;

	return view_of(c->atr, c->atr_len);
}

static void
mem_close(struct chan **chan)
{
	struct mem_chan *c = (struct mem_chan *)*chan;

	if (!c)
		return;
	mem_end(*chan, IO_END_LEAVE);
	free(c->answer);
	free(c);
	*chan = NULL;
}

static void
mem_free(struct io **io)
{
	struct io_mem *m = (struct io_mem *)*io;

	if (!m)
		return;
	for (size_t i = 0; i < m->nreader; i++)
		vc_on_event(m->reader[i].vc, NULL, NULL);
	pthread_cond_destroy(&m->changed);
	pthread_mutex_destroy(&m->lock);
	free(m);
	*io = NULL;
}

/* A child shares nothing with its parent's card here: what it inherited is its own copy. */
static void
mem_forget(struct io **io)
{
	free(*io);
	*io = NULL;
}

static const struct io_ops mem_ops = {
	.list = mem_list,
	.waiter_new = mem_waiter_new,
	.waiter_free = mem_waiter_free,
	.wait = mem_wait,
	.cancel = mem_cancel,
	.open = mem_open,
	.begin = mem_begin,
	.end = mem_end,
	.transmit = mem_transmit,
	.atr = mem_atr,
	.close = mem_close,
	.free = mem_free,
	.forget = mem_forget,
};

int
io_mem_new_many(struct vc *const *vc, size_t n, struct io **out)
{
	struct io_mem *m = n <= IO_MEM_READERS ? calloc(1, sizeof *m) : NULL;

	if (!m)
		return E_MEM;
	m->io.ops = &mem_ops;
	pthread_mutex_init(&m->lock, NULL);
	pthread_cond_init(&m->changed, NULL);
	for (size_t i = 0; i < n; i++) {
		m->reader[i].vc = vc[i];
		snprintf(m->reader[i].name, sizeof m->reader[i].name, "Castor virtual reader %zu", i);
		vc_on_event(vc[i], on_event, m);
	}
	m->nreader = n;
	*out = &m->io;
	return 0;
}

int
io_mem_new(struct vc *vc, struct io **out)
{
	return io_mem_new_many(&vc, 1, out);
}

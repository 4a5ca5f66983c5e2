/* Plays a trace in the golden format back, castor-trace(5): each command must equal the next one
 * of the trace, starred bytes match any, and starred answers come as zeros. */
#include "cardos/wire/io_base.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/starred.h"

#define DEFAULT_READER "Castor replay reader"
#define EXPANDED_MAX ((size_t)8 << 20) /* bytes of all patterns of a trace together */
#define ATR_MAX 33u

enum step_kind { STEP_COMMAND, STEP_ANSWER, STEP_REMOVED, STEP_RESET, STEP_FAILED, STEP_ATR };

struct step {
	enum step_kind kind;
	unsigned line;
	struct buf bytes, mask; /* same length; a byte counts where mask says FF */
};

struct io_replay {
	struct io io;
	char *reader;
	struct step *steps;
	size_t n, cap;          /* steps used, allocated */
	size_t expanded;        /* bytes of patterns so far */
	pthread_mutex_t lock;
	pthread_cond_t change;  /* lock: events or a cancel */
	size_t at;              /* lock: next step */
	bool removed;           /* lock */
	uint32_t events;        /* lock */
	struct buf atr;         /* lock: of the card that is in */
	struct io_made *chans;  /* lock */
	struct io_made *waiters; /* lock */
};

struct replay_chan {
	struct chan chan;
	struct io_replay *io;
	struct io_made made;
	struct buf atr;
	uint32_t events;        /* of the reader when it was opened: later ones mean another card */
};

struct replay_waiter {
	struct waiter waiter;
	struct io_replay *io;
	struct io_made made;
	bool cancelled;         /* io->lock */
};

/* Reading */

static struct step *
step_add(struct io_replay *p, enum step_kind kind, unsigned line)
{
	struct step *more;
	size_t cap;

	if (p->n == p->cap) {
		cap = p->cap ? p->cap * 2 : 64;
		if (!(more = realloc(p->steps, cap * sizeof *more)))
			return NULL;
		p->steps = more;
		p->cap = cap;
	}
	p->steps[p->n] = (struct step){ .kind = kind, .line = line };
	return &p->steps[p->n++];
}

static int
pattern_parse(struct io_replay *p, struct view v, struct step *s)
{
	int r = starred_parse(v, EXPANDED_MAX - p->expanded, &s->bytes, &s->mask, NULL);

	p->expanded += s->bytes.len;
	return r;
}

static int
reader_name(struct io_replay *p, struct view name)
{
	if (p->reader || !name.len) /* the first one counts */
		return name.len ? 0 : E_FORMAT;
	return (p->reader = strndup((const char *)name.p, name.len)) ? 0 : E_MEM;
}

/* NULL in *what: the line is fine. */
static int
line_parse(struct io_replay *p, struct view line, unsigned number, const char **what)
{
	static const struct { const char *word; enum step_kind kind; bool pattern; } kinds[] = {
		{ ">", STEP_COMMAND, true }, { "<", STEP_ANSWER, true },
		{ "= atr", STEP_ATR, true },
		{ "! removed", STEP_REMOVED, false }, { "! reset", STEP_RESET, false },
		{ "! failed", STEP_FAILED, false },
	};
	struct view rest;
	struct step *s;
	int r;

	line = starred_trim(line);
	if (!line.len || line.p[0] == '#')
		return 0;
	*what = "no reader name";
	if (starred_begins(line, "= reader", &rest))
		return reader_name(p, rest);
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		if (!starred_begins(line, kinds[i].word, &rest))
			continue;
		*what = "an answer without its command";
		if (kinds[i].kind == STEP_ANSWER
		    && (!p->n || p->steps[p->n - 1].kind != STEP_COMMAND))
			return E_FORMAT;
		*what = "a command without its answer";
		if (kinds[i].pattern && kinds[i].kind != STEP_ANSWER && p->n
		    && p->steps[p->n - 1].kind == STEP_COMMAND)
			return E_FORMAT;
		if (!(s = step_add(p, kinds[i].kind, number)))
			return E_MEM;
		*what = "hexadecimal digits and [*n] are allowed here";
		if (kinds[i].pattern && (r = pattern_parse(p, rest, s)) != 0)
			return r;
		*what = "an ATR has 2 to 33 bytes";
		if (s->kind == STEP_ATR && (s->bytes.len < 2 || s->bytes.len > ATR_MAX))
			return E_FORMAT;
		*what = "a command has at least 4 bytes";
		return s->kind == STEP_COMMAND && s->bytes.len < 4 ? E_FORMAT : 0;
	}
	*what = "a line starts with > < = ! or #";
	return E_FORMAT;
}

static int
trace_parse(struct io_replay *p, struct view text, struct buf *why)
{
	const char *what = "";
	unsigned number = 0;
	struct view line;
	const uint8_t *end;
	int r = 0;

	while (!r && text.len) {
		end = memchr(text.p, '\n', text.len);
		view_take(&text, end ? (size_t)(end - text.p) : text.len, &line);
		if (end)
			view_take(&text, 1, &(struct view){ NULL, 0 });
		r = line_parse(p, line, ++number, &what);
	}
	if (!r && p->n && p->steps[p->n - 1].kind == STEP_COMMAND) {
		what = "a command without its answer";
		r = E_FORMAT;
	}
	if (r == E_LIMIT)
		r = E_FORMAT;
	if (r && why)
		buf_fmt(why, "trace:%u: %s", number, r == E_MEM ? "out of memory" : what);
	if (!r && !p->reader && !(p->reader = strdup(DEFAULT_READER)))
		r = E_MEM;
	return r;
}

/* Playing */

static const struct step *
next_step(const struct io_replay *p)
{
	return p->at < p->n ? &p->steps[p->at] : NULL;
}

static void
set_removed_locked(struct io_replay *p)
{
	p->removed = true;
	p->events++;
	pthread_cond_broadcast(&p->change);
}

/* Takes "= atr" lines: another one after "! removed" is a new card. */
static void
take_atr_locked(struct io_replay *p)
{
	const struct step *s;

	while ((s = next_step(p)) && s->kind == STEP_ATR) {
		buf_reset(&p->atr);
		buf_view(&p->atr, buf_peek(&s->bytes));
		if (p->removed) {
			p->events++;
			pthread_cond_broadcast(&p->change);
		}
		p->removed = false;
		p->at++;
	}
}

/* A "!" that stands where a begin, or the answer to a command, is wanted. */
static int
take_event_locked(struct io_replay *p)
{
	const struct step *s = next_step(p);
	int r = 0;

	if (!s)
		return 0;
	switch (s->kind) {
	case STEP_REMOVED:
		set_removed_locked(p);
		r = E_GONE;
		break;
	case STEP_RESET:
		r = E_RESET;
		break;
	case STEP_FAILED:
		r = E_IO;
		break;
	default:
		return 0;
	}
	p->at++;
	return r;
}

static bool
fits(const struct step *s, struct view cmd)
{
	if (s->kind != STEP_COMMAND || s->bytes.len != cmd.len)
		return false;
	for (size_t i = 0; i < cmd.len; i++)
		if ((s->bytes.p[i] ^ cmd.p[i]) & s->mask.p[i])
			return false;
	return true;
}

static int
play_locked(struct io_replay *p, struct replay_chan *c, struct view cmd, struct buf *rsp)
{
	const struct step *s;
	int r;

	if (p->removed || c->events != p->events)
		return E_GONE;
	while ((s = next_step(p)) && s->kind == STEP_ATR
	    && view_eq(buf_peek(&s->bytes), buf_peek(&p->atr)))
		p->at++;
	if ((r = take_event_locked(p)) != 0)
		return r;
	if (!(s = next_step(p))) {
		log_error("the trace is over, and another command was sent");
		return E_IO;
	}
	if (!fits(s, cmd)) {
		log_error("trace:%u: another command was sent, of %zu bytes", s->line, cmd.len);
		return E_IO;
	}
	p->at++;
	if ((r = take_event_locked(p)) != 0)
		return r;
	buf_view(rsp, buf_peek(&p->steps[p->at++].bytes));
	return buf_err(rsp);
}

static int
replay_transmit(struct chan *chan, struct view cmd, bool secret, struct buf *rsp)
{
	struct replay_chan *c = (struct replay_chan *)chan;
	int r;

	(void)secret;
	pthread_mutex_lock(&c->io->lock);
	r = play_locked(c->io, c, cmd, rsp);
	pthread_mutex_unlock(&c->io->lock);
	return r;
}

static int
replay_begin(struct chan *chan, int deadline_ms)
{
	struct replay_chan *c = (struct replay_chan *)chan;
	int r = E_GONE;

	(void)deadline_ms;
	pthread_mutex_lock(&c->io->lock);
	if (!c->io->removed && c->events == c->io->events)
		r = take_event_locked(c->io);
	pthread_mutex_unlock(&c->io->lock);
	return r;
}

static int
replay_end(struct chan *chan, enum io_end how)
{
	(void)chan;
	(void)how;
	return 0;
}

static struct view
replay_atr(struct chan *chan)
{
	return buf_peek(&((struct replay_chan *)chan)->atr);
}

static int
replay_open(struct io *io, const char *reader, struct chan **out)
{
	struct io_replay *p = (struct io_replay *)io;
	struct replay_chan *c;
	int r;

	if (strcmp(reader, p->reader) != 0)
		return E_NO_READER;
	if (!(c = calloc(1, sizeof *c)))
		return E_MEM;
	c->chan.ops = io->ops;
	c->io = p;
	pthread_mutex_lock(&p->lock);
	take_atr_locked(p);
	c->events = p->events;
	buf_view(&c->atr, buf_peek(&p->atr));
	r = p->removed ? E_GONE : buf_err(&c->atr);
	pthread_mutex_unlock(&p->lock);
	if (r) {
		buf_free(&c->atr);
		free(c);
		return r;
	}
	io_made_add(&p->lock, &p->chans, &c->made, c);
	*out = &c->chan;
	return 0;
}

static void
replay_close(struct chan **chan)
{
	struct replay_chan *c = (struct replay_chan *)*chan;

	if (!c)
		return;
	io_made_remove(&c->io->lock, &c->io->chans, &c->made);
	buf_free(&c->atr);
	free(c);
	*chan = NULL;
}

static int
replay_list(struct io *io, struct buf *names)
{
	struct io_replay *p = (struct io_replay *)io;

	buf_put(names, p->reader, strlen(p->reader) + 1);
	return buf_err(names);
}

static bool
look_locked(struct io_replay *p, struct io_state *states, size_t n)
{
	bool changed = false;

	for (size_t i = 0; i < n; i++) {
		struct io_state *s = &states[i];
		enum io_presence now = IO_EMPTY;
		uint32_t events = p->events + 1; /* so that 0, "never looked", is none of them */

		if (!s->reader)
			events = 1;
		else if (strcmp(s->reader, p->reader) != 0)
			now = IO_NO_READER;
		else if (!p->removed)
			now = IO_PRESENT;
		io_state_set(s, now, events);
		if (now == IO_PRESENT && p->atr.len) {
			s->atr_len = p->atr.len;
			memcpy(s->atr, p->atr.p, s->atr_len);
		}
		changed = changed || s->changed;
	}
	return changed;
}

static int
replay_wait(struct waiter *waiter, struct io_state *states, size_t n, int ms)
{
	struct replay_waiter *w = (struct replay_waiter *)waiter;
	struct timespec t = io_time_in(ms < 0 ? 0 : ms);
	int r = 0;

	pthread_mutex_lock(&w->io->lock);
	if (!w->io->removed || w->io->at)
		take_atr_locked(w->io);
	while (!w->cancelled && !look_locked(w->io, states, n) && ms) {
		if (ms < 0)
			pthread_cond_wait(&w->io->change, &w->io->lock);
		else if (pthread_cond_timedwait(&w->io->change, &w->io->lock, &t) != 0)
			break;
	}
	r = w->cancelled ? E_CANCEL : 0;
	pthread_mutex_unlock(&w->io->lock);
	return r;
}

static void
replay_cancel(struct waiter *waiter)
{
	struct replay_waiter *w = (struct replay_waiter *)waiter;

	pthread_mutex_lock(&w->io->lock);
	w->cancelled = true;
	pthread_cond_broadcast(&w->io->change);
	pthread_mutex_unlock(&w->io->lock);
}

static int
replay_waiter_new(struct io *io, struct waiter **out)
{
	struct io_replay *p = (struct io_replay *)io;
	struct replay_waiter *w = calloc(1, sizeof *w);

	if (!w)
		return E_MEM;
	w->waiter.ops = io->ops;
	w->io = p;
	io_made_add(&p->lock, &p->waiters, &w->made, w);
	*out = &w->waiter;
	return 0;
}

static void
replay_waiter_free(struct waiter **waiter)
{
	struct replay_waiter *w = (struct replay_waiter *)*waiter;

	if (!w)
		return;
	io_made_remove(&w->io->lock, &w->io->waiters, &w->made);
	free(w);
	*waiter = NULL;
}

static void
memory_free(struct io_replay *p)
{
	for (size_t i = 0; i < p->n; i++) {
		buf_free(&p->steps[i].bytes);
		buf_free(&p->steps[i].mask);
	}
	free(p->steps);
	free(p->reader);
	buf_free(&p->atr);
	free(p);
}

static void
replay_free(struct io **io)
{
	struct io_replay *p = (struct io_replay *)*io;

	if (!p)
		return;
	pthread_cond_destroy(&p->change);
	pthread_mutex_destroy(&p->lock);
	memory_free(p);
	*io = NULL;
}

static void
replay_forget(struct io **io)
{
	struct io_replay *p = (struct io_replay *)*io;
	struct replay_chan *c;
	struct replay_waiter *w;

	if (!p)
		return;
	while ((c = io_made_take(&p->chans))) {
		buf_free(&c->atr);
		free(c);
	}
	while ((w = io_made_take(&p->waiters)))
		free(w);
	memory_free(p);
	*io = NULL;
}

static const struct io_ops replay_ops = {
	.list = replay_list,
	.waiter_new = replay_waiter_new,
	.waiter_free = replay_waiter_free,
	.wait = replay_wait,
	.cancel = replay_cancel,
	.open = replay_open,
	.begin = replay_begin,
	.end = replay_end,
	.transmit = replay_transmit,
	.atr = replay_atr,
	.close = replay_close,
	.free = replay_free,
	.forget = replay_forget,
};

int
io_replay_new(struct view trace, struct io **out, struct buf *why)
{
	struct io_replay *p = calloc(1, sizeof *p);
	int r;

	if (!p)
		return E_MEM;
	p->io.ops = &replay_ops;
	if ((r = trace_parse(p, trace, why)) != 0) {
		memory_free(p);
		return r;
	}
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->change, NULL);
	*out = &p->io;
	return 0;
}

size_t
io_replay_left(const struct io *io)
{
	const struct io_replay *p = (const struct io_replay *)io;
	size_t n = 0;

	for (size_t i = p->at; i < p->n; i++)
		n += p->steps[i].kind == STEP_COMMAND;
	return n;
}

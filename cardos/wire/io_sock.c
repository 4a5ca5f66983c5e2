/* Virtual cards behind Unix sockets. A frame is a 2-byte big-endian length and a payload, as
 * vpcd has it (frankmorgner/vsmartcard: virtualsmartcard/src/vpcd/vpcd.c); one byte of payload
 * is a control, anything else a command APDU. The controls above 0F are ours: castor-vcard(1). */
#include "cardos/wire/io_base.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/os.h"

#define FRAME_MAX 65535u
#define ANSWER_MS 60000         /* a card that thinks longer is broken; keys are made in less */
#define CONTROL_MS 5000         /* the server itself answers at once */
#define SLICE_MS 200            /* how often a reader that is not there is looked for in a wait */
#define READERS_MAX 64u         /* in one spec: a slip, not a limit */

enum control {
	CTL_BEGIN = 0x10, CTL_END = 0x11, CTL_END_RESET = 0x12, CTL_STATE = 0x20, CTL_WAIT = 0x21
};
enum begun { BEGUN_OK, BEGUN_RESET, BEGUN_GONE };

struct vreader {
	char *name, *path;
};

struct io_sock {
	struct io io;
	struct vreader *readers;
	size_t n;
	pthread_mutex_t lock;
	struct io_made *chans;         /* lock */
	struct io_made *waiters;       /* lock */
};

struct sock_chan {
	struct chan chan;
	struct io_sock *io;
	struct io_made made;
	const struct vreader *reader;
	int fd;                        /* -1: lost, made anew by the next begin */
	bool begun;
	bool reset_seen;               /* the next begin must say E_RESET */
	bool gone;                     /* for good: its card was taken out */
	uint32_t events;               /* of the reader when the card was connected */
	uint8_t atr[33];
	size_t atr_len;
};

struct sock_waiter {
	struct waiter waiter;
	struct io_sock *io;
	struct io_made made;
	int wake;                      /* eventfd: written by cancel, never read */
};

struct card_state {
	bool present;
	uint32_t events;
	uint8_t atr[33];
	size_t atr_len;
};

/* Frames */

static int
sock_connect(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct timeval limit = { CONTROL_MS / 1000, 0 };
	size_t n = strlen(path);
	int fd;

	if (n >= sizeof addr.sun_path)
		return -1;
	memcpy(addr.sun_path, path, n);
	if ((fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
	if (connect(fd, (struct sockaddr *)&addr, sizeof addr) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static int
send_all(int fd, const uint8_t *p, size_t n)
{
	ssize_t done;

	while (n) {
		done = send(fd, p, n, MSG_NOSIGNAL);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return E_IO;
		p += done;
		n -= (size_t)done;
	}
	return 0;
}

static int
frame_send(int fd, struct view payload, bool secret)
{
	struct buf frame = BUF_INIT;
	int r;

	if (!payload.len || payload.len > FRAME_MAX)
		return E_ARG;
	frame.secret = secret;
	buf_be16(&frame, (unsigned)payload.len);
	buf_view(&frame, payload);
	if ((r = buf_err(&frame)) == 0)
		r = send_all(fd, frame.p, frame.len);
	buf_free(&frame);
	return r;
}

/* Milliseconds left until `end`, -1 when there is no end, never less than 0 otherwise. */
static int
left_ms(int64_t end)
{
	int64_t left;

	if (end < 0)
		return -1;
	left = end - os_clock_ms();
	return left < 0 ? 0 : left > 1000000000 ? 1000000000 : (int)left;
}

/* n bytes before `end` (os_clock_ms; -1 no end). E_BUSY: time is over; E_IO: closed. */
static int
recv_all(int fd, uint8_t *p, size_t n, int64_t end)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	ssize_t got;
	int ready;

	while (n) {
		ready = poll(&pfd, 1, left_ms(end));
		if (ready < 0 && errno == EINTR)
			continue;
		if (ready <= 0)
			return ready ? E_IO : E_BUSY;
		got = recv(fd, p, n, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return E_IO;
		p += got;
		n -= (size_t)got;
	}
	return 0;
}

/* Appends the payload of one frame, which may be empty. */
static int
frame_recv(int fd, struct buf *out, int64_t end)
{
	uint8_t head[2], *p;
	size_t n, start = out->len;
	int r;

	if ((r = recv_all(fd, head, sizeof head, end)) != 0)
		return r;
	n = (size_t)head[0] << 8 | head[1];
	if (!(p = buf_room(out, n)))
		return E_MEM;
	if ((r = recv_all(fd, p, n, end)) != 0)
		buf_trim(out, start);
	return r;
}

static int
state_parse(struct view v, struct card_state *s)
{
	unsigned present;

	*s = (struct card_state){ 0 };
	if (!view_u8(&v, &present) || !view_be32(&v, &s->events) || v.len > sizeof s->atr)
		return E_PROTOCOL;
	s->present = present == 1;
	s->atr_len = v.len;
	if (v.len)
		memcpy(s->atr, v.p, v.len);
	return 0;
}

static int
state_recv(int fd, struct card_state *s, int64_t end)
{
	struct buf answer = BUF_INIT;
	int r = frame_recv(fd, &answer, end);

	if (!r)
		r = state_parse(buf_peek(&answer), s);
	buf_free(&answer);
	return r;
}

static int
control_send(int fd, enum control code)
{
	const uint8_t b = (uint8_t)code;

	return frame_send(fd, view_of(&b, 1), false);
}

static int
state_ask(int fd, struct card_state *s)
{
	int r = control_send(fd, CTL_STATE);

	return r ? r : state_recv(fd, s, os_clock_ms() + CONTROL_MS);
}

/* A control that is answered by one byte. */
static int
control(int fd, enum control code, int64_t end, unsigned *status)
{
	struct buf answer = BUF_INIT;
	int r;

	if ((r = control_send(fd, code)) == 0 && (r = frame_recv(fd, &answer, end)) == 0) {
		if (answer.len == 1)
			*status = answer.p[0];
		else
			r = E_PROTOCOL;
	}
	buf_free(&answer);
	return r;
}

/* Readers */

static const struct vreader *
reader_find(const struct io_sock *p, const char *name)
{
	for (size_t i = 0; i < p->n; i++)
		if (strcmp(p->readers[i].name, name) == 0)
			return &p->readers[i];
	return NULL;
}

static bool
reader_there(const struct vreader *v)
{
	int fd = sock_connect(v->path);

	if (fd < 0)
		return false;
	close(fd);
	return true;
}

static int
sock_list(struct io *io, struct buf *names)
{
	struct io_sock *p = (struct io_sock *)io;

	for (size_t i = 0; i < p->n; i++)
		if (reader_there(&p->readers[i]))
			buf_put(names, p->readers[i].name, strlen(p->readers[i].name) + 1);
	return buf_err(names);
}

/* Which readers are there, as bits, and one that is always set: 0 is "never looked". */
static uint32_t
list_mark(const struct io_sock *p)
{
	uint32_t mark = 1;

	for (size_t i = 0; i < p->n; i++)
		mark = mark * 3 + reader_there(&p->readers[i]);
	return mark;
}

/* Waiting: a connection to each reader for the length of one wait. */

struct watch {
	int fd;                        /* -1: not there */
	uint32_t events;               /* as the server counts */
};

static void
look_one(struct io_sock *p, struct io_state *s, struct watch *w)
{
	const struct vreader *v;
	struct card_state card;

	if (!s->reader) {
		io_state_set(s, IO_EMPTY, list_mark(p));
		return;
	}
	v = reader_find(p, s->reader);
	if (v && w->fd < 0)
		w->fd = sock_connect(v->path);
	if (w->fd >= 0 && state_ask(w->fd, &card) != 0) {
		close(w->fd);
		w->fd = -1;
	}
	if (w->fd < 0) {
		io_state_set(s, IO_NO_READER, s->events);
		return;
	}
	w->events = card.events;
	io_state_set(s, card.present ? IO_PRESENT : IO_EMPTY, card.events);
	if (card.present) {
		s->atr_len = card.atr_len;
		memcpy(s->atr, card.atr, card.atr_len);
	}
}

static void
watch_start(struct watch *w)
{
	struct buf b = BUF_INIT;

	buf_u8(&b, CTL_WAIT);
	buf_be32(&b, w->events);
	buf_be32(&b, UINT32_MAX);
	if (buf_err(&b) || frame_send(w->fd, buf_peek(&b), false) != 0) {
		close(w->fd);
		w->fd = -1;
	}
	buf_free(&b);
}

static void
watch_stop(struct watch *w)
{
	if (w->fd >= 0)
		close(w->fd);
	w->fd = -1;
}

/* Waits until a server answers, or the time is over. E_CANCEL. */
static int
watch_all(struct sock_waiter *waiter, struct watch *w, size_t n, int ms)
{
	struct pollfd *p = calloc(n + 1, sizeof *p);
	int r = 0;

	if (!p)
		return E_MEM;
	for (size_t i = 0; i < n; i++)
		p[i] = (struct pollfd){ .fd = w[i].fd, .events = POLLIN };
	p[n] = (struct pollfd){ .fd = waiter->wake, .events = POLLIN };
	if (poll(p, (nfds_t)n + 1, ms) > 0 && p[n].revents)
		r = E_CANCEL;
	free(p);
	return r;
}

static bool
look_all(struct io_sock *p, struct io_state *states, struct watch *w, size_t n, bool *missing)
{
	bool changed = false;

	*missing = false;
	for (size_t i = 0; i < n; i++) {
		look_one(p, &states[i], &w[i]);
		changed = changed || states[i].changed;
		*missing = *missing || w[i].fd < 0;
	}
	return changed;
}

static int
sock_wait(struct waiter *waiter, struct io_state *states, size_t n, int ms)
{
	struct sock_waiter *sw = (struct sock_waiter *)waiter;
	int64_t end = ms < 0 ? -1 : os_clock_ms() + ms;
	struct watch *w = calloc(n ? n : 1, sizeof *w);
	bool missing;
	int r, left;

	if (!w)
		return E_MEM;
	for (size_t i = 0; i < n; i++)
		w[i].fd = -1;
	while ((r = watch_all(sw, w, 0, 0)) == 0 && !look_all(sw->io, states, w, n, &missing)) {
		if ((left = left_ms(end)) == 0)
			break;
		for (size_t i = 0; i < n; i++)
			if (w[i].fd >= 0)
				watch_start(&w[i]);
		if (missing && (left < 0 || left > SLICE_MS))
			left = SLICE_MS;
		if ((r = watch_all(sw, w, n, left)) != 0)
			break;
		/* an unanswered wait may still be under way on these */
		for (size_t i = 0; i < n; i++)
			watch_stop(&w[i]);
	}
	for (size_t i = 0; i < n; i++)
		watch_stop(&w[i]);
	free(w);
	return r;
}

static void
sock_cancel(struct waiter *waiter)
{
	const uint64_t one = 1;

	if (write(((struct sock_waiter *)waiter)->wake, &one, sizeof one) < 0)
		log_warn("cancel: %d", errno);
}

static int
sock_waiter_new(struct io *io, struct waiter **out)
{
	struct io_sock *p = (struct io_sock *)io;
	struct sock_waiter *w = calloc(1, sizeof *w);

	if (!w)
		return E_MEM;
	w->waiter.ops = io->ops;
	w->io = p;
	if ((w->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) < 0) {
		free(w);
		return E_IO;
	}
	io_made_add(&p->lock, &p->waiters, &w->made, w);
	*out = &w->waiter;
	return 0;
}

static void
waiter_memory_free(struct sock_waiter *w)
{
	close(w->wake);
	free(w);
}

static void
sock_waiter_free(struct waiter **waiter)
{
	struct sock_waiter *w = (struct sock_waiter *)*waiter;

	if (!w)
		return;
	io_made_remove(&w->io->lock, &w->io->waiters, &w->made);
	waiter_memory_free(w);
	*waiter = NULL;
}

/* Cards */

static void
chan_drop(struct sock_chan *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	c->begun = false;
	c->reset_seen = true;
}

/* Connects and takes the card that is in. */
static int
chan_connect(struct sock_chan *c)
{
	struct card_state s;
	int r;

	if ((c->fd = sock_connect(c->reader->path)) < 0)
		return E_NO_READER;
	if ((r = state_ask(c->fd, &s)) == 0 && !s.present)
		r = E_GONE;
	if (r) {
		chan_drop(c);
		return r;
	}
	c->events = s.events;
	c->atr_len = s.atr_len;
	memcpy(c->atr, s.atr, s.atr_len);
	return 0;
}

static int
sock_open(struct io *io, const char *reader, struct chan **out)
{
	struct io_sock *p = (struct io_sock *)io;
	const struct vreader *v = reader_find(p, reader);
	struct sock_chan *c;
	int r;

	if (!v)
		return E_NO_READER;
	if (!(c = calloc(1, sizeof *c)))
		return E_MEM;
	c->chan.ops = io->ops;
	c->io = p;
	c->reader = v;
	if ((r = chan_connect(c)) != 0) {
		free(c);
		return r;
	}
	io_made_add(&p->lock, &p->chans, &c->made, c);
	*out = &c->chan;
	return 0;
}

static int
gone(struct sock_chan *c)
{
	c->gone = true;
	return E_GONE;
}

/* A connection given up in the middle of something comes back here; the card must not have
 * been changed meanwhile. */
static int
reconnect(struct sock_chan *c)
{
	uint32_t events = c->events;
	int r = chan_connect(c);

	if (r == E_NO_READER || r == E_GONE || (!r && events != c->events))
		return gone(c);
	return r;
}

static int
sock_begin(struct chan *chan, int deadline_ms)
{
	struct sock_chan *c = (struct sock_chan *)chan;
	unsigned status = BEGUN_GONE;
	int r;

	if (c->gone)
		return E_GONE;
	if (c->begun)
		return 0;
	if (c->fd < 0 && (r = reconnect(c)) != 0)
		return r;
	r = control(c->fd, CTL_BEGIN, deadline_ms < 0 ? -1 : os_clock_ms() + deadline_ms, &status);
	if (r) {
		/* an answer that comes after the deadline must not be taken for another one's */
		chan_drop(c);
		return r == E_BUSY ? E_BUSY : gone(c);
	}
	if (status == BEGUN_GONE)
		return gone(c);
	c->begun = true;
	if (status == BEGUN_RESET || c->reset_seen) {
		c->reset_seen = false;
		return E_RESET;
	}
	return 0;
}

static int
sock_end(struct chan *chan, enum io_end how)
{
	struct sock_chan *c = (struct sock_chan *)chan;
	unsigned status;

	if (!c->begun)
		return c->gone ? E_GONE : 0;
	c->begun = false;
	if (control(c->fd, how == IO_END_RESET ? CTL_END_RESET : CTL_END,
	    os_clock_ms() + CONTROL_MS, &status) != 0) {
		chan_drop(c);
		return gone(c);
	}
	return 0;
}

/* An empty answer: the card was taken out, or reset while it worked. */
static int
why_empty(struct sock_chan *c)
{
	struct card_state s;

	if (state_ask(c->fd, &s) != 0 || !s.present || s.events != c->events)
		return gone(c);
	c->reset_seen = true;
	return E_RESET;
}

static int
sock_transmit(struct chan *chan, struct view cmd, bool secret, struct buf *rsp)
{
	struct sock_chan *c = (struct sock_chan *)chan;
	size_t start = rsp->len;
	int r;

	if (c->gone)
		return E_GONE;
	if (c->fd < 0 || c->reset_seen)
		return E_RESET;
	if (cmd.len < 4) /* would be taken for a control */
		return E_ARG;
	if ((r = frame_send(c->fd, cmd, secret)) == 0)
		r = frame_recv(c->fd, rsp, os_clock_ms() + ANSWER_MS);
	if (r == E_MEM)
		return r;
	if (r) {
		log_warn("%s: %s", c->reader->name, r == E_BUSY ? "no answer" : "connection lost");
		chan_drop(c);
		return r == E_BUSY ? E_IO : gone(c);
	}
	return rsp->len == start ? why_empty(c) : 0;
}

static struct view
sock_atr(struct chan *chan)
{
	struct sock_chan *c = (struct sock_chan *)chan;

	return view_of(c->atr, c->atr_len);
}

static void
chan_memory_free(struct sock_chan *c)
{
	if (c->fd >= 0)
		close(c->fd);
	free(c);
}

static void
sock_close(struct chan **chan)
{
	struct sock_chan *c = (struct sock_chan *)*chan;

	if (!c)
		return;
	io_made_remove(&c->io->lock, &c->io->chans, &c->made);
	chan_memory_free(c);
	*chan = NULL;
}

static void
memory_free(struct io_sock *p)
{
	for (size_t i = 0; i < p->n; i++) {
		free(p->readers[i].name);
		free(p->readers[i].path);
	}
	free(p->readers);
	free(p);
}

static void
sock_free(struct io **io)
{
	struct io_sock *p = (struct io_sock *)*io;

	if (!p)
		return;
	pthread_mutex_destroy(&p->lock);
	memory_free(p);
	*io = NULL;
}

/* The child's copies of the descriptors are closed; the parent's connections live on. */
static void
sock_forget(struct io **io)
{
	struct io_sock *p = (struct io_sock *)*io;
	struct sock_chan *c;
	struct sock_waiter *w;

	if (!p)
		return;
	while ((c = io_made_take(&p->chans)))
		chan_memory_free(c);
	while ((w = io_made_take(&p->waiters)))
		waiter_memory_free(w);
	memory_free(p);
	*io = NULL;
}

static const struct io_ops sock_ops = {
	.list = sock_list,
	.waiter_new = sock_waiter_new,
	.waiter_free = sock_waiter_free,
	.wait = sock_wait,
	.cancel = sock_cancel,
	.open = sock_open,
	.begin = sock_begin,
	.end = sock_end,
	.transmit = sock_transmit,
	.atr = sock_atr,
	.close = sock_close,
	.free = sock_free,
	.forget = sock_forget,
};

static int
reader_add(struct io_sock *p, struct view path)
{
	struct vreader *more = realloc(p->readers, (p->n + 1) * sizeof *more), *v;
	char name[48];

	if (!more)
		return E_MEM;
	p->readers = more;
	v = &p->readers[p->n++];
	snprintf(name, sizeof name, "Castor virtual reader %zu", p->n - 1);
	v->name = strdup(name);
	v->path = strndup((const char *)path.p, path.len);
	return v->name && v->path ? 0 : E_MEM;
}

/* "unix:/a||unix:/b": the parts between the bars. */
static int
spec_parse(struct io_sock *p, const char *spec)
{
	const char *end;
	size_t n;
	int r = 0;

	while (!r && *spec) {
		end = strstr(spec, "||");
		n = end ? (size_t)(end - spec) : strlen(spec);
		if (n <= 5 || strncmp(spec, "unix:", 5) != 0 || p->n >= READERS_MAX)
			return E_ARG;
		r = reader_add(p, view_of(spec + 5, n - 5));
		spec += n + (end ? 2 : 0);
	}
	return r;
}

int
io_sock_new(const char *spec, struct io **out)
{
	struct io_sock *p = calloc(1, sizeof *p);
	int r;

	if (!p)
		return E_MEM;
	p->io.ops = &sock_ops;
	if ((r = spec_parse(p, spec)) != 0) {
		memory_free(p);
		return r;
	}
	pthread_mutex_init(&p->lock, NULL);
	*out = &p->io;
	return 0;
}

/* Writes what goes over a chan in the golden format, castor-trace(5). trace_line() is the only
 * code of this library that prints bytes of an APDU, and shows only what cannot hold a secret. */
#include "cardos/wire/io_base.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/os.h"
#include "cardos/wire/apdu.h"

#define INS_GET_RESPONSE 0xC0u
#define CLA_OPEN_MASK 0xECu     /* proprietary or secure messaging; chain and channel are free */
#define CLA_WRAPPED 0x0Cu       /* by secure messaging, with the header under the MAC */

/* DESIGN 18.8. empty: shown only without data. */
static const struct { uint8_t ins; bool empty; } shown[] = {
	{ 0xA4, false }, { 0xB0, false }, { 0xB1, false }, { 0xC0, false }, { 0xCA, false },
	{ 0xCB, false }, { 0x20, true }, { 0x22, false },
};

struct io_trace {
	struct io io;
	struct io *under;              /* owned */
	int fd;                        /* owned; -1 after a write failed */
	pthread_mutex_t lock;
	struct io_made *chans;         /* lock */
	const struct trace_chan *last; /* lock: whose lines were written last */
};

struct trace_chan {
	struct chan chan;
	struct io_trace *io;
	struct chan *under;            /* owned */
	struct io_made made;
	char *reader;
	bool hidden;                   /* answers belong to a command that is not shown */
	bool wrapped;                  /* ... or to one under secure messaging */
};

static bool
command_shown(const struct apdu *a, bool secret)
{
	if (secret || a->cla & CLA_OPEN_MASK)
		return false;
	for (size_t i = 0; i < sizeof shown / sizeof shown[0]; i++)
		if (shown[i].ins == a->ins)
			return !shown[i].empty || !a->data.len;
	return false;
}

/* Le as it stands at the end of the command. */
static void
put_le(const struct apdu *a, bool extended, struct buf *line)
{
	uint8_t b[2] = { (uint8_t)(a->le >> 8), (uint8_t)a->le };

	if (a->le == LE_NONE)
		return;
	buf_str(line, " ");
	buf_hex(line, extended ? view_of(b, 2) : view_of(b + 1, 1));
}

/* `> head Lc [*n] Le`, or all bytes. */
static void
trace_command(struct view cmd, const struct apdu *a, bool decoded, bool show, struct buf *line)
{
	bool extended = cmd.len > 5 && cmd.p[4] == 0;
	size_t head = extended ? 7 : 5;

	buf_str(line, "> ");
	if (!decoded) {
		buf_fmt(line, "[*%zu]", cmd.len);
		return;
	}
	if (show || !a->data.len) {
		buf_hex(line, cmd);
		return;
	}
	buf_hex(line, view_part(cmd, 0, 4));
	buf_str(line, " ");
	buf_hex(line, view_part(cmd, 4, head - 4));
	buf_fmt(line, " [*%zu]", a->data.len);
	put_le(a, extended, line);
}

static void
trace_answer(struct view answer, bool show, struct buf *line)
{
	struct view sw = view_part(answer, answer.len >= 2 ? answer.len - 2 : 0, 2);

	buf_str(line, "<");
	if (answer.len > 2 && show) {
		buf_str(line, " ");
		buf_hex(line, view_part(answer, 0, answer.len - 2));
	} else if (answer.len > 2) {
		buf_fmt(line, " [*%zu]", answer.len - 2);
	}
	if (sw.len) {
		buf_str(line, " ");
		buf_hex(line, sw);
	}
	if (sw.len == 2 && sw.p[0] == 0x63 && sw.p[1] >> 4 == 0xC)
		buf_fmt(line, " # %d tries left", sw.p[1] & 0xF);
}

static const char *
trace_failure(int r)
{
	switch (r) {
	case E_GONE:
		return "! removed\n";
	case E_RESET:
		return "! reset\n";
	default:
		return "! failed\n";
	}
}

/* Everything of one event in one write, so that readers do not mix within it. */
static void
trace_write(struct trace_chan *c, struct buf *lines)
{
	struct io_trace *t = c->io;
	struct buf all = BUF_INIT;

	pthread_mutex_lock(&t->lock);
	if (t->last != c) {
		struct view atr = c->under->ops->atr(c->under);

		buf_fmt(&all, "= reader %s\n= atr ", c->reader);
		buf_hex(&all, atr);
		buf_str(&all, "\n");
		t->last = c;
	}
	buf_view(&all, buf_peek(lines));
	if (t->fd >= 0 && (buf_err(&all) || !os_write_all(t->fd, all.p, all.len))) {
		log_warn("trace file cannot be written, tracing ends");
		close(t->fd);
		t->fd = -1;
	}
	pthread_mutex_unlock(&t->lock);
	buf_free(&all);
}

static void
trace_note(struct trace_chan *c, const char *text)
{
	struct buf line = BUF_INIT;

	buf_str(&line, text);
	trace_write(c, &line);
	buf_free(&line);
}

/* One command and what came of it. GET RESPONSE brings the rest of an answer, so it is as
 * secret as the command before it. */
static void
trace_line(struct trace_chan *c, const char *before, struct view cmd, bool secret, struct view answer, int r)
{
	struct buf line = BUF_INIT;
	struct apdu a;
	bool decoded = apdu_decode(cmd, &a) == 0, show;

	buf_str(&line, before);
	if (!decoded || a.ins != INS_GET_RESPONSE || secret)
		c->hidden = !decoded || !command_shown(&a, secret);
	show = decoded && command_shown(&a, secret);
	trace_command(cmd, &a, decoded, show, &line);
	buf_str(&line, "\n");
	buf_str(&line, before);
	if (r) {
		buf_str(&line, trace_failure(r));
	} else {
		trace_answer(answer, show && !c->hidden, &line);
		buf_str(&line, "\n");
	}
	trace_write(c, &line);
	buf_free(&line);
}

static int
trace_list(struct io *io, struct buf *names)
{
	struct io *under = ((struct io_trace *)io)->under;

	return under->ops->list(under, names);
}

/* Waiters are those of the io below; nothing of a wait is written. */
static int
trace_waiter_new(struct io *io, struct waiter **out)
{
	struct io *under = ((struct io_trace *)io)->under;

	return under->ops->waiter_new(under, out);
}

static void
trace_waiter_free(struct waiter **w)
{
	if (*w)
		(*w)->ops->waiter_free(w);
}

static int
trace_wait(struct waiter *w, struct io_state *states, size_t n, int ms)
{
	return w->ops->wait(w, states, n, ms);
}

static void
trace_cancel(struct waiter *w)
{
	w->ops->cancel(w);
}

static void
chan_memory_free(struct trace_chan *c)
{
	free(c->reader);
	free(c);
}

static int
trace_open(struct io *io, const char *reader, struct chan **out)
{
	struct io_trace *t = (struct io_trace *)io;
	struct trace_chan *c = calloc(1, sizeof *c);
	int r = E_MEM;

	if (!c)
		return E_MEM;
	c->chan.ops = io->ops;
	c->io = t;
	if (!(c->reader = strdup(reader)))
		goto out;
	for (char *p = c->reader; *p; p++)
		if ((unsigned char)*p < ' ')
			*p = '?';
	if ((r = t->under->ops->open(t->under, reader, &c->under)) != 0)
		goto out;
	io_made_add(&t->lock, &t->chans, &c->made, c);
	trace_note(c, "# open\n");
	*out = &c->chan;
	c = NULL;
out:
	if (c)
		chan_memory_free(c);
	return r;
}

static int
trace_begin(struct chan *chan, int deadline_ms)
{
	struct trace_chan *c = (struct trace_chan *)chan;
	int r = c->under->ops->begin(c->under, deadline_ms);

	trace_note(c, "# begin\n");
	if (r)
		trace_note(c, trace_failure(r));
	return r;
}

static int
trace_end(struct chan *chan, enum io_end how)
{
	struct trace_chan *c = (struct trace_chan *)chan;

	trace_note(c, how == IO_END_RESET ? "# end, resetting the card\n" : "# end\n");
	return c->under->ops->end(c->under, how);
}

static bool
is_wrapped(struct view cmd)
{
	return cmd.len && !(cmd.p[0] & 0x60) && (cmd.p[0] & CLA_WRAPPED) == CLA_WRAPPED;
}

static int
trace_transmit(struct chan *chan, struct view cmd, bool secret, struct buf *rsp)
{
	struct trace_chan *c = (struct trace_chan *)chan;
	size_t start = rsp->len;
	int r = c->under->ops->transmit(c->under, cmd, secret, rsp);

	/* what was wrapped is told afterwards as it was before; these bytes are a remark */
	if (cmd.len < 2 || cmd.p[1] != INS_GET_RESPONSE || is_wrapped(cmd))
		c->wrapped = is_wrapped(cmd);
	trace_line(c, c->wrapped ? "# wrapped " : "", cmd, secret, view_part(buf_peek(rsp), start, rsp->len), r);
	return r;
}

static void
trace_plain(struct chan *chan, struct view cmd, bool secret, struct view answer, int r)
{
	struct trace_chan *c = (struct trace_chan *)chan;

	trace_line(c, "", cmd, secret, answer, r);
	if (c->under->ops->plain)
		c->under->ops->plain(c->under, cmd, secret, answer, r);
}

static int
trace_control(struct chan *chan, uint32_t code, struct view in, struct buf *out)
{
	struct trace_chan *c = (struct trace_chan *)chan;
	struct buf line = BUF_INIT;
	size_t start = out->len;
	int r;

	if (!c->under->ops->control)
		return E_UNSUPPORTED;
	r = c->under->ops->control(c->under, code, in, out);
	/* never its bytes: a reader may hand back what it was made to type */
	buf_fmt(&line, "# reader command 0x%08X: %zu bytes in, %zu out, %s\n", (unsigned)code, in.len,
	    out->len - start, r ? err_name(r) : "ok");
	trace_write(c, &line);
	buf_free(&line);
	return r;
}

static struct view
trace_atr(struct chan *chan)
{
	struct trace_chan *c = (struct trace_chan *)chan;

	return c->under->ops->atr(c->under);
}

static void
trace_close(struct chan **chan)
{
	struct trace_chan *c = (struct trace_chan *)*chan;

	if (!c)
		return;
	io_made_remove(&c->io->lock, &c->io->chans, &c->made);
	pthread_mutex_lock(&c->io->lock);
	if (c->io->last == c)
		c->io->last = NULL;
	pthread_mutex_unlock(&c->io->lock);
	c->under->ops->close(&c->under);
	chan_memory_free(c);
	*chan = NULL;
}

static void
trace_free(struct io **io)
{
	struct io_trace *t = (struct io_trace *)*io;

	if (!t)
		return;
	t->under->ops->free(&t->under);
	if (t->fd >= 0)
		close(t->fd);
	pthread_mutex_destroy(&t->lock);
	free(t);
	*io = NULL;
}

static void
trace_forget(struct io **io)
{
	struct io_trace *t = (struct io_trace *)*io;
	struct trace_chan *c;

	if (!t)
		return;
	while ((c = io_made_take(&t->chans)))
		chan_memory_free(c);
	io_forget(&t->under);
	if (t->fd >= 0)
		close(t->fd);
	free(t);
	*io = NULL;
}

static const struct io_ops trace_ops = {
	.list = trace_list,
	.waiter_new = trace_waiter_new,
	.waiter_free = trace_waiter_free,
	.wait = trace_wait,
	.cancel = trace_cancel,
	.open = trace_open,
	.begin = trace_begin,
	.end = trace_end,
	.transmit = trace_transmit,
	.control = trace_control,
	.plain = trace_plain,
	.atr = trace_atr,
	.close = trace_close,
	.free = trace_free,
	.forget = trace_forget,
};

int
io_trace_new(struct io **under, int fd, struct io **out)
{
	struct io_trace *t = calloc(1, sizeof *t);

	if (!t)
		return E_MEM;
	t->io.ops = &trace_ops;
	t->io.lag_ms = (*under)->lag_ms;
	t->under = *under;
	t->fd = fd;
	pthread_mutex_init(&t->lock, NULL);
	*under = NULL;
	*out = &t->io;
	return 0;
}

/* Puts a tracer that writes to fd on *io; -1: nothing. */
static void
trace_to(struct io **io, int fd)
{
	struct io *traced = NULL;

	if (fd < 0)
		return;
	if (io_trace_new(io, fd, &traced) != 0)
		close(fd);
	else
		*io = traced;
}

void
io_trace_default(struct io **io)
{
	const char *path = os_env("CASTOR_TRACE");
	int fd = -1;

	if (path && *path && (fd = os_log_file_open(path)) < 0)
		log_warn("cannot trace to %s (must be a plain file of yours)", path);
	trace_to(io, fd);
	if (log_wants(LOG_APDU))
		trace_to(io, log_fd());
}

void
io_forget(struct io **io)
{
	if (*io)
		(*io)->ops->forget(io);
}

#include "t/fault/io_pad.h"

#include <reader.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

struct io_pad {
	struct io io;
	struct io *under;             /* owned */
	const struct pad_setting *set;
	struct pad_seen seen;
	const char *const *typed;     /* the next one first; NULL: nobody is there */
};

struct pad_chan {
	struct chan chan;
	struct io_pad *pad;
	struct chan *under;           /* owned */
};

/* Either structure of part 10, taken apart. */
struct entry {
	uint8_t timeout, timeout2, format, block, length, offset_old, offset_new;
	uint16_t digits;
	uint8_t confirm, end, messages;
	uint16_t lang;
	uint8_t index[3], teo[3];
	uint32_t len;
	const uint8_t *data;
};

const uint8_t io_pad_features[18] = {
	0x06, 4, 0x42, 0x33, 0x00, 0x06, 0x07, 4, 0x42, 0x33, 0x00, 0x07, 0x12, 4, 0x42, 0x33, 0x00, 0x12
};

/* pcsc-lite's own structures say where the fields are. */
static bool
verify_read(struct view in, struct entry *e)
{
	PIN_VERIFY_STRUCTURE v;

	if (in.len < sizeof v)
		return false;
	memcpy(&v, in.p, sizeof v);
	*e = (struct entry){ .timeout = v.bTimerOut, .timeout2 = v.bTimerOut2, .format = v.bmFormatString,
		.block = v.bmPINBlockString, .length = v.bmPINLengthFormat, .digits = v.wPINMaxExtraDigit,
		.end = v.bEntryValidationCondition, .messages = v.bNumberMessage, .lang = v.wLangId,
		.index = { v.bMsgIndex }, .len = v.ulDataLength };
	memcpy(e->teo, v.bTeoPrologue, sizeof e->teo);
	e->data = in.p + sizeof v;
	return e->len == in.len - sizeof v;
}

static bool
modify_read(struct view in, struct entry *e)
{
	PIN_MODIFY_STRUCTURE v;

	if (in.len < sizeof v)
		return false;
	memcpy(&v, in.p, sizeof v);
	*e = (struct entry){ .timeout = v.bTimerOut, .timeout2 = v.bTimerOut2, .format = v.bmFormatString,
		.block = v.bmPINBlockString, .length = v.bmPINLengthFormat,
		.offset_old = v.bInsertionOffsetOld, .offset_new = v.bInsertionOffsetNew,
		.digits = v.wPINMaxExtraDigit, .confirm = v.bConfirmPIN,
		.end = v.bEntryValidationCondition, .messages = v.bNumberMessage, .lang = v.wLangId,
		.index = { v.bMsgIndex1, v.bMsgIndex2, v.bMsgIndex3 }, .len = v.ulDataLength };
	memcpy(e->teo, v.bTeoPrologue, sizeof e->teo);
	e->data = in.p + sizeof v;
	return e->len == in.len - sizeof v;
}

/* Writes `bits` bits of v from bit `at` on, the highest first. */
static bool
put_number(uint8_t *cmd, size_t len, size_t at, unsigned bits, unsigned v)
{
	if (at + bits > 8 * len)
		return false;
	for (unsigned i = 0; i < bits; i++) {
		unsigned mask = 0x80u >> (at + i) % 8;

		if (v >> (bits - 1 - i) & 1)
			cmd[(at + i) / 8] = (uint8_t)(cmd[(at + i) / 8] | mask);
		else
			cmd[(at + i) / 8] = (uint8_t)(cmd[(at + i) / 8] & ~mask);
	}
	return true;
}

/* One PIN into the command. offset: where its block begins behind Lc. NULL when it fits, else why
 * not. Source: CCID rev 1.1, bmFormatString, bmPINBlockString, bmPINLengthFormat. */
static const char *
put_pin(const struct entry *e, const char *pin, size_t offset, uint8_t *cmd, size_t *len, size_t cap)
{
	size_t unit = e->format & 0x80 ? 8 : 1, data = 8 * (5 + offset), n = strlen(pin);
	size_t at = data + unit * (e->format >> 3 & 15), block = e->block & 15;
	size_t length_at = data + (e->length & 0x10 ? 8u : 1u) * (e->length & 15);
	unsigned kind = e->format & 3, width = kind == 2 ? 8 : 4;

	if (e->format & 4 || kind == 3 || kind == 0)
		return "a format this reader has not";
	if (e->length & 0xE0)
		return "reserved bits of bmPINLengthFormat";
	if (*len < 5)
		return "no Lc";
	if (!block) {
		/* as long as the PIN; nothing may follow it */
		if (*len != 5 || cmd[4] || offset || 5 + n > cap)
			return "a block without a size in the middle of something";
		cmd[4] = (uint8_t)((n * width + 7) / 8);
		*len = 5u + cmd[4];
	}
	if (cmd[4] != *len - 5)
		return "Lc is not the length of the data";
	if (block && n * width > 8 * block)
		return "the PIN is longer than its block";
	for (size_t i = 0; i < n; i++)
		/* '0' is 30: of a digit, BCD has the lower half */
		if (!put_number(cmd, *len, at + i * width, width, (uint8_t)pin[i] & (width == 8 ? 0xFFu : 0xFu)))
			return "the PIN does not fit into the command";
	if (e->block >> 4 && !put_number(cmd, *len, length_at, e->block >> 4, (unsigned)n))
		return "the PIN's length does not fit into the command";
	return NULL;
}

static int
say(struct buf *out, unsigned sw)
{
	buf_be16(out, sw);
	return buf_err(out);
}

/* What the person does next: a PIN of an allowed length, or a status word. */
static const char *
typed(struct io_pad *p, const struct entry *e, unsigned *sw)
{
	const char *pin = p->typed ? *p->typed : NULL;

	*sw = 0;
	if (!pin) {
		*sw = 0x6400;
		return NULL;
	}
	p->typed++;
	if (strcmp(pin, PAD_CANCELS) == 0)
		*sw = 0x6401;
	else if (strlen(pin) < e->digits >> 8 || strlen(pin) > (e->digits & 0xFF))
		*sw = 0x6403;
	return pin;
}

static void
look(struct pad_seen *seen, const struct entry *e)
{
	seen->entries++;
	seen->timeout = e->timeout;
	seen->timeout2 = e->timeout2;
	seen->min = e->digits >> 8;
	seen->max = e->digits & 0xFF;
	seen->end = e->end;
	seen->messages = e->messages;
	seen->lang = e->lang;
	seen->confirm = e->confirm;
	seen->template_len = e->len < sizeof seen->template ? e->len : sizeof seen->template;
	memcpy(seen->template, e->data, seen->template_len);
	if (e->teo[0] || e->teo[1] || e->teo[2])
		seen->wrong = "bTeoPrologue is not zero";
	if (!e->end || e->end > 7)
		seen->wrong = "bEntryValidationCondition";
	for (unsigned i = 0; i < 3; i++)
		if (e->index[i] && e->index[i] != i)
			seen->wrong = "bMsgIndex";
}

static const char *
fill_in(struct io_pad *p, const struct entry *e, bool modify, uint8_t *cmd, size_t *len, unsigned *sw)
{
	const char *old = NULL, *new = NULL, *again = NULL, *why;

	*sw = 0;
	if (!modify || e->confirm & 2)
		old = typed(p, e, sw);
	if (modify && !*sw)
		new = typed(p, e, sw);
	if (modify && !*sw && e->confirm & 1) {
		again = typed(p, e, sw);
		if (!*sw && strcmp(new, again) != 0)
			*sw = 0x6402;
	}
	if (*sw)
		return NULL;
	if (old && (why = put_pin(e, old, e->offset_old, cmd, len, 64)) != NULL)
		return why;
	return new ? put_pin(e, new, e->offset_new, cmd, len, 64) : NULL;
}

static int
do_entry(struct pad_chan *c, struct view in, bool modify, struct buf *out)
{
	struct io_pad *p = c->pad;
	struct entry e;
	const char *why;
	unsigned sw;

	if (!(modify ? modify_read(in, &e) : verify_read(in, &e))) {
		p->seen.wrong = "a structure of a wrong length";
		return say(out, 0x6B80);
	}
	look(&p->seen, &e);
	if (p->set->answer_err)
		return p->set->answer_err;
	if (p->set->answer)
		return hex_parse(p->set->answer, strlen(p->set->answer), out);
	p->seen.cmd_len = p->seen.template_len;
	memcpy(p->seen.cmd, p->seen.template, p->seen.cmd_len);
	if ((why = fill_in(p, &e, modify, p->seen.cmd, &p->seen.cmd_len, &sw)) != NULL)
		p->seen.wrong = why;
	if (p->seen.wrong)
		return say(out, 0x6B80);
	if (sw)
		return say(out, sw);
	p->seen.sent++;
	return c->under->ops->transmit(c->under, view_of(p->seen.cmd, p->seen.cmd_len), true, out);
}

static int
pad_control(struct chan *chan, uint32_t code, struct view in, struct buf *out)
{
	struct pad_chan *c = (struct pad_chan *)chan;
	const struct pad_setting *set = c->pad->set;

	switch (code) {
	case PAD_CODE_FEATURES:
		c->pad->seen.asked++;
		if (set->features_err)
			return set->features_err;
		buf_view(out, set->features);
		return buf_err(out);
	case PAD_CODE_PROPERTIES:
		buf_view(out, set->properties);
		return buf_err(out);
	case PAD_CODE_TLV:
		buf_view(out, set->tlv);
		return buf_err(out);
	case PAD_CODE_VERIFY:
	case PAD_CODE_MODIFY:
		return do_entry(c, in, code == PAD_CODE_MODIFY, out);
	default:
		return E_UNSUPPORTED;
	}
}

static int
pad_list(struct io *io, struct buf *names)
{
	struct io *under = ((struct io_pad *)io)->under;

	return under->ops->list(under, names);
}

static int
pad_waiter_new(struct io *io, struct waiter **out)
{
	struct io *under = ((struct io_pad *)io)->under;

	return under->ops->waiter_new(under, out); /* waiters are those of the io below */
}

static void
pad_waiter_free(struct waiter **w)
{
	if (*w)
		(*w)->ops->waiter_free(w);
}

static int
pad_wait(struct waiter *w, struct io_state *states, size_t n, int ms)
{
	return w->ops->wait(w, states, n, ms);
}

static void
pad_cancel(struct waiter *w)
{
	w->ops->cancel(w);
}

static int
pad_open(struct io *io, const char *reader, struct chan **out)
{
	struct io_pad *p = (struct io_pad *)io;
	struct pad_chan *c = calloc(1, sizeof *c);
	int r;

	if (!c)
		return E_MEM;
	c->chan.ops = io->ops;
	c->pad = p;
	if ((r = p->under->ops->open(p->under, reader, &c->under)) != 0) {
		free(c);
		return r;
	}
	*out = &c->chan;
	return 0;
}

static int
pad_begin(struct chan *chan, int deadline_ms)
{
	struct pad_chan *c = (struct pad_chan *)chan;

	return c->under->ops->begin(c->under, deadline_ms);
}

static int
pad_end(struct chan *chan, enum io_end how)
{
	struct pad_chan *c = (struct pad_chan *)chan;

	return c->under->ops->end(c->under, how);
}

static int
pad_transmit(struct chan *chan, struct view cmd, bool secret, struct buf *rsp)
{
	struct pad_chan *c = (struct pad_chan *)chan;

	return c->under->ops->transmit(c->under, cmd, secret, rsp);
}

static struct view
pad_atr(struct chan *chan)
{
	struct pad_chan *c = (struct pad_chan *)chan;

	return c->under->ops->atr(c->under);
}

static void
pad_close(struct chan **chan)
{
	struct pad_chan *c = (struct pad_chan *)*chan;

	if (!c)
		return;
	c->under->ops->close(&c->under);
	free(c);
	*chan = NULL;
}

static void
pad_free(struct io **io)
{
	struct io_pad *p = (struct io_pad *)*io;

	if (!p)
		return;
	p->under->ops->free(&p->under);
	free(p);
	*io = NULL;
}

static void
pad_forget(struct io **io)
{
	struct io_pad *p = (struct io_pad *)*io;

	io_forget(&p->under);
	free(p);
	*io = NULL;
}

static const struct io_ops pad_ops = {
	.list = pad_list,
	.waiter_new = pad_waiter_new,
	.waiter_free = pad_waiter_free,
	.wait = pad_wait,
	.cancel = pad_cancel,
	.open = pad_open,
	.begin = pad_begin,
	.end = pad_end,
	.transmit = pad_transmit,
	.control = pad_control,
	.atr = pad_atr,
	.close = pad_close,
	.free = pad_free,
	.forget = pad_forget,
};

int
io_pad_new(struct io **under, const struct pad_setting *setting, struct io **out)
{
	struct io_pad *p = calloc(1, sizeof *p);

	if (!p)
		return E_MEM;
	p->io.ops = &pad_ops;
	p->io.lag_ms = (*under)->lag_ms;
	p->under = *under;
	p->set = setting;
	*under = NULL;
	*out = &p->io;
	return 0;
}

void
io_pad_type(struct io *io, const char *const *typed)
{
	((struct io_pad *)io)->typed = typed;
}

struct pad_seen *
io_pad_seen(struct io *io)
{
	return &((struct io_pad *)io)->seen;
}

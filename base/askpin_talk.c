#include "base/askpin_talk.h"

#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/secret.h"

#define IN_MAX     2048 /* bytes of a line from the helper; the protocol has 1002 */
#define ASIDES_MAX 64   /* comments, status lines and pieces of data in one conversation */
#define LOOK_MS    100
#define WRITE_MS   1000

struct talk_page {
	uint8_t in[IN_MAX];       /* read, not yet used up */
	size_t in_len;
	uint8_t data[SECRET_MAX]; /* decoded */
	size_t data_len;          /* counts on when data is full */
};

/* What a line is; the names of talk_line's table. */
enum said { SAID_OK, SAID_ERR, SAID_DATA, SAID_ASIDE, SAID_WRONG };

static const struct {
	const char *word;
	enum said said;
} words[] = {
	{ "OK", SAID_OK },
	{ "ERR", SAID_ERR },
	{ "D", SAID_DATA },
	{ "S", SAID_ASIDE },
	/* INQUIRE is missing: we ask for nothing that the helper would need to know more about */
};

int
talk_open(struct talk *t, const struct os_child *child)
{
	bool locked; /* secret.c warns when nothing can be locked */

	memset(t, 0, sizeof *t);
	t->child = child;
	t->page = os_page_new(sizeof *t->page, &locked);
	return t->page ? 0 : E_MEM;
}

void
talk_close(struct talk *t)
{
	if (t->page)
		os_page_free(t->page, sizeof *t->page);
	t->page = NULL;
}

struct view
talk_data(const struct talk *t)
{
	return view_of(t->page->data, t->page->data_len);
}

static int
hang_up(const char *why)
{
	log_warn("the PIN dialog %s", why);
	return E_UNSUPPORTED;
}

static enum said
line_kind(struct view line, struct view *rest)
{
	size_t n = 0;

	*rest = view_of(NULL, 0);
	if (memchr(line.p, 0, line.len))
		return SAID_WRONG;
	if (line.len == 0 || line.p[0] == '#')
		return SAID_ASIDE;
	while (n < line.len && line.p[n] != ' ')
		n++;
	*rest = view_part(line, n + 1, line.len);
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if (view_eq(view_part(line, 0, n), view_str(words[i].word)))
			return words[i].said;
	return SAID_WRONG;
}

/* The number that ERR begins with; 0 when there is none. It must not be OK's. */
static unsigned
error_code(struct view v)
{
	uint32_t code = 0;
	unsigned c;

	while (view_u8(&v, &c) && c >= '0' && c <= '9')
		code = code * 10 + (c - '0');
	return code & 0xFFFF;
}

static int
hex_digit(unsigned c)
{
	return c >= '0' && c <= '9' ? (int)c - '0' :
	       c >= 'A' && c <= 'F' ? (int)c - 'A' + 10 :
	       c >= 'a' && c <= 'f' ? (int)c - 'a' + 10 : -1;
}

static bool
take_data(struct talk_page *p, struct view v)
{
	unsigned c, hi, lo;

	while (view_u8(&v, &c)) {
		if (c == '%') {
			if (!view_u8(&v, &hi) || !view_u8(&v, &lo) || hex_digit(hi) < 0 || hex_digit(lo) < 0)
				return false;
			c = (unsigned)(hex_digit(hi) << 4 | hex_digit(lo));
		}
		if (p->data_len < sizeof p->data)
			p->data[p->data_len] = (uint8_t)c;
		p->data_len++;
	}
	return true;
}

/* One line: true when it ends the answer, with *err and *code; else *err tells whether to go on. */
static bool
take_line(struct talk *t, struct view line, bool data, int *err, unsigned *code)
{
	struct view rest;
	enum said said;

	if (line.len && line.p[line.len - 1] == '\r')
		line.len--;
	said = line_kind(line, &rest);
	*err = 0;
	if (said == SAID_OK || said == SAID_ERR) {
		*code = said == SAID_OK ? 0 : error_code(rest);
		if (said == SAID_ERR && *code == 0)
			*err = hang_up("gave an error without a number");
		return true;
	}
	if (said == SAID_WRONG || (said == SAID_DATA && !data))
		*err = hang_up("said something out of turn");
	else if (++t->asides > ASIDES_MAX)
		*err = hang_up("talks without answering");
	else if (said == SAID_DATA && !take_data(t->page, rest))
		*err = hang_up("sent data that are not encoded right");
	return false;
}

/* Reads something more into the page, while there is time and someone who wants it. */
static int
read_more(struct talk *t)
{
	struct talk_page *p = t->page;
	int64_t now, until;
	long n;

	for (;;) {
		now = os_clock_ms();
		if (now >= t->next_look) {
			if (t->wanted && !t->wanted(t->arg))
				return E_CLOSED;
			t->next_look = now + LOOK_MS;
		}
		if (now >= t->deadline)
			return E_CANCEL;
		until = t->next_look < t->deadline ? t->next_look : t->deadline;
		n = os_read_ms(t->child->from, p->in + p->in_len, sizeof p->in - p->in_len,
		    (int)(until - now));
		if (n > 0) {
			p->in_len += (size_t)n;
			return 0;
		}
		if (n == -2)
			continue;
		t->ended = true;
		return hang_up("ended by itself");
	}
}

static int
read_answer(struct talk *t, bool data, unsigned *code)
{
	struct talk_page *p = t->page;
	size_t len;
	uint8_t *end;
	bool last;
	int err;

	for (;;) {
		while (!(end = memchr(p->in, '\n', p->in_len))) {
			if (p->in_len == sizeof p->in)
				return hang_up("sent a line without end");
			if ((err = read_more(t)) != 0)
				return err;
		}
		len = (size_t)(end - p->in);
		last = take_line(t, view_of(p->in, len), data, &err, code);
		p->in_len -= len + 1;
		memmove(p->in, end + 1, p->in_len);
		if (last || err)
			return err;
	}
}

/* Between answer and command there is nothing to say for the helper: what it says all the same
 * would be taken for the next answer. */
static int
check_silence(struct talk *t)
{
	struct talk_page *p = t->page;
	long n = -2;

	if (p->in_len == 0)
		n = os_read_ms(t->child->from, p->in, sizeof p->in, 0);
	if (n == -2 && p->in_len == 0)
		return 0;
	t->ended = p->in_len == 0 && n <= 0;
	return hang_up(t->ended ? "ended by itself" : "answers without being asked");
}

int
talk_ask(struct talk *t, const char *line, bool data, unsigned *code)
{
	struct buf out = BUF_INIT;
	int err;

	t->page->data_len = 0;
	if (line) {
		if ((err = check_silence(t)) != 0)
			return err;
		buf_fmt(&out, "%s\n", line);
		if ((err = buf_err(&out)) == 0 && !os_child_write(t->child, out.p, out.len, WRITE_MS)) {
			t->ended = true;
			err = hang_up("does not listen");
		}
		buf_free(&out);
		if (err)
			return err;
	}
	return read_answer(t, data, code);
}

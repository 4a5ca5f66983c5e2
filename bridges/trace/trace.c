#include "bridges/trace/trace.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/starred.h"
#include "base/text.h"

#define LINES_MAX    400000u
#define EXPANDED_MAX ((size_t)8 << 20)     /* bytes of all lines together */
#define ATR_MAX      33u
#define READERS_MAX  64u
#define CLA_SECRET   0xECu                 /* proprietary, or with secure messaging */

static int
parse_bytes(struct view v, struct trace_line *l, size_t *expanded)
{
	int err = starred_parse(v, EXPANDED_MAX - *expanded, &l->bytes, &l->shown, &l->comment);

	*expanded += l->bytes.len;
	return err;
}

static int
parse_line(struct view text, struct trace_line *l, size_t *expanded, const char **what)
{
	static const struct { const char *word; enum trace_kind kind; bool bytes; } kinds[] = {
		{ "#", TRACE_COMMENT, false }, { ">", TRACE_COMMAND, true }, { "<", TRACE_ANSWER, true },
		{ "= reader", TRACE_READER, false }, { "= atr", TRACE_ATR, true },
		{ "! removed", TRACE_EVENT, false }, { "! reset", TRACE_EVENT, false }, { "! failed", TRACE_EVENT, false },
	};
	struct view line = starred_trim(text);

	*l = (struct trace_line){ .kind = TRACE_BLANK, .text = text, .bytes = BUF_INIT, .shown = BUF_INIT };
	if (!line.len)
		return 0;
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		if (!starred_begins(line, kinds[i].word, &l->rest))
			continue;
		l->kind = kinds[i].kind;
		if (l->kind == TRACE_EVENT)
			l->rest = view_str(kinds[i].word + 2) /* whatever stood behind it */;
		*what = N_("hexadecimal digits and [*n] are allowed here");
		return kinds[i].bytes ? parse_bytes(l->rest, l, expanded) : 0;
	}
	*what = N_("a line starts with > < = ! or #");
	return E_FORMAT;
}

/* What a line must be behind the one before it; NULL: fine. */
static const char *
misplaced(const struct trace_line *l, enum trace_kind before)
{
	if (l->kind == TRACE_ANSWER && before != TRACE_COMMAND)
		return N_("an answer without its command");
	if (before == TRACE_COMMAND && (l->kind == TRACE_COMMAND || l->kind == TRACE_ATR))
		return N_("a command without its answer");
	if (l->kind == TRACE_COMMAND && l->bytes.len < 4)
		return N_("a command has at least 4 bytes");
	if (l->kind == TRACE_ATR && (l->bytes.len < 2 || l->bytes.len > ATR_MAX))
		return N_("an ATR has 2 to 33 bytes");
	if (l->kind == TRACE_READER && !l->rest.len)
		return N_("no reader name");
	return NULL;
}

static struct view
take_line(struct view *text)
{
	const uint8_t *end = memchr(text->p, '\n', text->len);
	struct view line = view_of(text->p, end ? (size_t)(end - text->p) : text->len);

	*text = view_part(*text, line.len + !!end, text->len);
	return line;
}

int
trace_parse(struct view text, struct trace *out, size_t *number, const char **what)
{
	enum trace_kind before = TRACE_BLANK;
	size_t cap = 0, expanded = 0, steps = 0;
	struct trace_line *more;
	const char *why = NULL;
	int err = 0;

	*out = (struct trace){ NULL, 0 };
	*what = N_("the file is too large");
	*number = 0;
	if (text.len > TRACE_BYTES_MAX)
		return E_LIMIT;
	while (!err && text.len) {
		if (out->n == cap) {
			cap = cap ? cap * 2 : 64;
			if (cap > LINES_MAX * 2 || !(more = realloc(out->line, cap * sizeof *more))) {
				err = cap > LINES_MAX * 2 ? E_LIMIT : E_MEM;
				break;
			}
			out->line = more;
		}
		more = &out->line[out->n];
		err = parse_line(take_line(&text), more, &expanded, what);
		*number = ++out->n;
		if (err)
			break;
		if ((why = misplaced(more, before))) {
			*what = why;
			err = E_FORMAT;
		} else if (more->kind == TRACE_COMMAND || more->kind == TRACE_ANSWER || more->kind == TRACE_EVENT ||
		    more->kind == TRACE_ATR) {
			before = more->kind;
			steps++;
		}
	}
	if (!err && before == TRACE_COMMAND) {
		*what = N_("a command without its answer");
		err = E_FORMAT;
	} else if (!err && !steps) {
		*what = N_("there is no command in it");
		err = E_FORMAT;
	}
	if (err)
		trace_free(out);
	return err;
}

void
trace_free(struct trace *t)
{
	for (size_t i = 0; i < t->n; i++) {
		buf_free(&t->line[i].bytes);
		buf_free(&t->line[i].shown);
	}
	free(t->line);
	*t = (struct trace){ NULL, 0 };
}

/* Bytes from `at` that are all shown, or all not. */
static size_t
run_length(const struct trace_line *l, size_t at, size_t end)
{
	size_t n = 1;

	while (at + n < end && l->shown.p[at + n] == l->shown.p[at])
		n++;
	return n;
}

static void
write_bytes(const struct trace_line *l, size_t at, size_t end, struct buf *out)
{
	for (size_t n; at < end; at += n) {
		n = run_length(l, at, end);
		buf_str(out, " ");
		if (l->shown.p[at])
			buf_hex(out, view_of(l->bytes.p + at, n));
		else
			buf_fmt(out, "[*%zu]", n);
	}
}

void
trace_write(const struct trace *t, struct buf *out)
{
	for (size_t i = 0; i < t->n; i++) {
		const struct trace_line *l = &t->line[i];
		size_t sw = l->kind == TRACE_ANSWER && l->bytes.len >= 2 ? l->bytes.len - 2 : l->bytes.len;

		if (!l->changed) {
			buf_view(out, l->text);
		} else if (l->kind == TRACE_COMMAND || l->kind == TRACE_ANSWER) {
			buf_str(out, l->kind == TRACE_COMMAND ? ">" : "<");
			write_bytes(l, 0, sw, out);
			write_bytes(l, sw, l->bytes.len, out);
			if (l->comment.len) {
				buf_str(out, " ");
				buf_view(out, l->comment);
			}
		} else if (l->kind == TRACE_READER) {
			buf_str(out, "= reader ");
			buf_view(out, buf_peek(&l->bytes));
		} else if (l->kind == TRACE_EVENT) {
			buf_str(out, "! ");
			buf_view(out, buf_peek(&l->bytes));
		} else if (l->kind == TRACE_COMMENT) {
			buf_str(out, "# ");
			buf_view(out, buf_peek(&l->bytes));
		} else if (l->kind == TRACE_ATR) {
			buf_str(out, "= atr");
			write_bytes(l, 0, l->bytes.len, out);
		}
		buf_str(out, "\n");
	}
}

struct trace_size
trace_count(const struct trace *t)
{
	struct { struct view name; bool out; } reader[READERS_MAX];
	const struct trace_line *l = t->line;
	struct trace_size n = { 0, 0, 0 };
	size_t at = 0;

	for (size_t i = 0; i < t->n; i++, l++) {
		if (l->kind == TRACE_COMMAND)
			n.commands++;
		if (l->kind == TRACE_EVENT && n.readers && view_eq(l->rest, view_str("removed")))
			reader[at].out = true;
		if (l->kind != TRACE_READER)
			continue;
		for (at = 0; at < n.readers && !view_eq(reader[at].name, l->rest); at++)
			;
		if (at == READERS_MAX)
			at = 0;
		if (at == n.readers) {
			reader[at].name = l->rest;
			reader[at].out = true;
			n.readers++;
		}
		n.cards += reader[at].out;
		reader[at].out = false;
	}
	if (!n.readers && n.commands)
		n.readers = n.cards = 1;
	return n;
}

bool
trace_apdu(const struct trace_line *l, struct trace_apdu *a)
{
	struct view v = buf_peek(&l->bytes);
	size_t lc;

	if (v.len < 4 || memchr(l->shown.p, 0, v.len < 5 ? v.len : 5))
		return false;
	*a = (struct trace_apdu){ v.p[0], v.p[1], v.p[2], v.p[3], 0, 0 };
	if (v.len <= 5)
		return true;
	lc = v.p[4];
	a->data = 5;
	if (!lc) {
		if (v.len < 7 || !l->shown.p[5] || !l->shown.p[6])
			return false;
		if (v.len == 7)
			return a->data = 0, true;
		lc = (size_t)v.p[5] << 8 | v.p[6];
		a->data = 7;
	}
	a->len = lc;
	return lc && v.len >= a->data + lc && v.len <= a->data + lc + (a->data == 7 ? 2 : 1);
}

bool
trace_is_open(const struct trace_apdu *a)
{
	static const struct { unsigned ins; bool empty; } open[] = {
		{ 0xA4, false }, { 0xB0, false }, { 0xB1, false }, { 0xC0, false }, { 0xCA, false },
		{ 0xCB, false }, { 0x20, true }, { 0x22, false },
	};

	if (a->cla & CLA_SECRET)
		return false;
	for (size_t i = 0; i < sizeof open / sizeof open[0]; i++)
		if (open[i].ins == a->ins)
			return !open[i].empty || !a->len;
	return false;
}

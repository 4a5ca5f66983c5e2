#include "bridges/trace/anon.h"

#include <string.h>

#include "base/err.h"
#include "base/text.h"
#include "bridges/trace/anon_int.h"

#define COMMENT_MAX 100u /* bytes; ours are shorter */
#define ROUNDS_MAX  10   /* two are the rule */
#define DIGITS_MAX  4u   /* in a row in a reader's name: more are its serial number */

/* Padding behind what was understood. */
static void
show_padding(struct content *c, size_t at)
{
	for (; at < c->bytes.len; at++)
		if (c->bytes.p[at] == 0x00 || c->bytes.p[at] == 0xFF)
			c->shown.p[at] = 1;
}

static void
content_anonymise(struct anon *a, struct content *c)
{
	size_t end;

	switch (c->kind) {
	case CONTENT_SELECTED:
		selected_anonymise(a, c);
		break;
	case CONTENT_DATA:
		data_anonymise(a, c);
		break;
	case CONTENT_FILE:
		end = cert_is(c) ? cert_anonymise(a, c) : p15_anonymise(a, c);
		show_padding(c, end);
		break;
	}
}

/* A line's text becomes another one. */
static void
line_set(struct anon *a, struct trace_line *l, struct view text)
{
	buf_reset(&l->bytes);
	buf_view(&l->bytes, text);
	if (l->bytes.len)
		needle_replace(a, l->bytes.p, l->bytes.len);
	l->changed |= !view_eq(buf_peek(&l->bytes), l->rest);
	if (buf_err(&l->bytes))
		a->err = E_MEM;
}

/* Those that castor writes itself; what a person wrote may be anything. */
static bool
is_own_comment(struct view v)
{
	static const char *const own[] = {
		"self", "begin", "end", "open", "wrapped ", "anonymised", "reader command 0x", "castor ", "system ",
		"pcsc-lite ",
	};

	if (v.len > COMMENT_MAX)
		return false;
	for (size_t i = 0; i < v.len; i++)
		if (v.p[i] < ' ' || v.p[i] > '~')
			return false;
	for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
		if (v.len >= strlen(own[i]) && !memcmp(v.p, own[i], strlen(own[i])))
			return true;
	return false;
}

static bool
is_tries_comment(struct view v)
{
	return v.len <= 20 && v.len >= 12 && !memcmp(v.p, "# ", 2) && !memcmp(v.p + v.len - 10, "tries left", 10);
}

/* Serial numbers of readers, as pcscd puts them into the name. */
static void
reader_anonymise(struct anon *a, struct trace_line *l)
{
	struct buf name = BUF_INIT;
	size_t n;

	buf_view(&name, l->rest);
	for (size_t i = 0; i < name.len; i += n ? n : 1) {
		for (n = 0; i + n < name.len && ((name.p[i + n] >= '0' && name.p[i + n] <= '9') ||
		    ((name.p[i + n] | 0x20) >= 'a' && (name.p[i + n] | 0x20) <= 'f')); n++)
			;
		if (n > DIGITS_MAX && strcspn((const char *)buf_text(&name) + i, "0123456789") < n)
			memset(name.p + i, '0', n);
	}
	line_set(a, l, buf_peek(&name));
	buf_free(&name);
}

static void
line_anonymise(struct anon *a, struct trace_line *l)
{
	switch (l->kind) {
	case TRACE_READER:
		reader_anonymise(a, l);
		break;
	case TRACE_COMMENT:
		line_set(a, l, is_own_comment(l->rest) ? l->rest : view_str("(a comment was left out)"));
		break;
	case TRACE_EVENT:
		line_set(a, l, l->rest);
		l->changed = l->text.len != l->rest.len + 2;
		break;
	case TRACE_COMMAND:
	case TRACE_ANSWER:
		if (l->comment.len && !is_tries_comment(l->comment)) {
			l->comment = view_of(NULL, 0);
			l->changed = true;
		}
		break;
	case TRACE_ATR:
		if (memchr(l->text.p, '#', l->text.len))
			l->changed = true;
		break;
	case TRACE_BLANK:
		break;
	}
}

/* What was taken out is not to be found: in what cards told, line by line and put together again, in commands,
 * ATRs and all that is text. */
static int
check(struct anon *a, struct view text, struct anon_report *report)
{
	struct anon again = { .err = 0 };
	const char *what;
	int err = trace_parse(text, &again.t, &report->line, &what);

	if (err)
		goto out;
	content_collect(&again);
	err = again.err;
	for (size_t i = 0; i < again.ncontent && !err; i++) {
		if (needle_find(a, buf_peek(&again.content[i].bytes))) {
			report->line = again.content[i].piece[0].line + 1;
			err = E_DENIED;
		}
	}
	for (size_t i = 0; i < again.t.n && !err; i++) {
		const struct trace_line *l = &again.t.line[i];
		bool bytes = l->kind == TRACE_COMMAND || l->kind == TRACE_ANSWER || l->kind == TRACE_ATR;

		if (needle_find(a, bytes ? buf_peek(&l->bytes) : l->text) || needle_find(a, l->comment)) {
			report->line = i + 1;
			err = E_DENIED;
		}
	}
out:
	content_free(&again);
	buf_free(&again.issuers);
	buf_free(&again.paths);
	trace_free(&again.t);
	return err;
}

static size_t
count_hidden(const struct trace *t)
{
	size_t n = 0;

	for (size_t i = 0; i < t->n; i++)
		for (size_t j = 0; j < t->line[i].shown.len; j++)
			n += !t->line[i].shown.p[j];
	return n;
}

/* The first line says so; a recording that was anonymised says so already. */
static bool
says_so(const struct trace *t)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->line[i].kind == TRACE_COMMENT && view_eq(t->line[i].rest, view_str("anonymised")))
			return true;
	return false;
}

/* Once through it all. */
static int
anonymise_once(struct view text, struct buf *out, struct anon_report *report)
{
	struct anon a = { .err = 0 };
	struct buf result = BUF_INIT;
	size_t hidden = 0;
	int err;

	*report = (struct anon_report){ .what = NULL };
	if ((err = trace_parse(text, &a.t, &report->line, &report->what)))
		return err;
	hidden = count_hidden(&a.t);
	content_collect(&a);
	for (size_t i = 0; i < a.ncontent && !a.err; i++)
		if (a.content[i].kind == CONTENT_FILE)
			cert_issuers(&a, &a.content[i]);
	if (buf_err(&a.issuers))
		a.err = E_MEM;
	for (size_t i = 0; i < a.ncontent && !a.err; i++)
		content_anonymise(&a, &a.content[i]);
	for (size_t i = 0; i < a.ncontent && !a.err; i++)
		needle_replace(&a, a.content[i].bytes.p, a.content[i].bytes.len);
	if (!a.err)
		content_write(&a);
	for (size_t i = 0; i < a.t.n && !a.err; i++)
		line_anonymise(&a, &a.t.line[i]);
	if (!a.err && !says_so(&a.t))
		buf_str(&result, "# anonymised\n");
	if (!a.err)
		trace_write(&a.t, &result);
	err = a.err ? a.err : buf_err(&result);
	report->texts = a.texts;
	report->starred = err ? 0 : count_hidden(&a.t) - hidden;
	if (!err)
		err = check(&a, buf_peek(&result), report);
	if (!err) {
		buf_view(out, buf_peek(&result));
		err = buf_err(out);
	}
	buf_free(&result);
	words_free(&a);
	content_free(&a);
	buf_free(&a.issuers);
	buf_free(&a.paths);
	trace_free(&a.t);
	return err;
}

int
anonymise(struct view text, struct buf *out, struct anon_report *report)
{
	struct buf before = BUF_INIT, after = BUF_INIT;
	struct anon_report again;
	int err = anonymise_once(text, &after, report);

	/* what is hidden now may have been what made sense of the rest: until nothing changes any more */
	for (int i = 0; i < ROUNDS_MAX && !err; i++) {
		buf_free(&before);
		buf_move(&before, &after);
		err = anonymise_once(buf_peek(&before), &after, &again);
		report->starred += err ? 0 : again.starred;
		if (view_eq(buf_peek(&before), buf_peek(&after)))
			break;
		if (!err && i + 1 == ROUNDS_MAX)
			err = E_LIMIT;
	}
	if (!err) {
		buf_view(out, buf_peek(&after));
		err = buf_err(out);
	}
	buf_free(&before);
	buf_free(&after);
	return err;
}

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "bridges/trace/anon_int.h"

#define CONTENTS_MAX 20000u
#define FILE_MAX     ((size_t)128 << 10) /* bytes; offsets have 15 bits, or 16 where they are data */
#define READERS_MAX  64u
#define KEY_MAX    256u  /* bytes of a key; what is longer stands for itself */
#define PLAIN_MAX    32u   /* bytes of data in a command that are a path, a tag or a key's number */

/* One reader while the lines are followed. */
struct side {
	struct view name;
	size_t card;              /* counts */
	struct buf path;          /* of what is selected */
	size_t current;           /* index + 1 of the content that reads go to; 0: look for one */
	size_t answered;          /* index + 1 of the content that the last answer went to; 0: it is hidden */
	size_t next;              /* where its rest, told by GET RESPONSE, goes */
};

struct walk {
	struct anon *a;
	struct side side[READERS_MAX];
	size_t nside, at;
};

static struct content *
content_new(struct anon *a, enum content_kind kind)
{
	struct content *more;

	if (a->err)
		return NULL;
	if (a->ncontent == CONTENTS_MAX) {
		a->err = E_LIMIT;
		return NULL;
	}
	/* room grows by doubling: a power of two means that it is full */
	if (!(a->ncontent & (a->ncontent - 1))) {
		more = realloc(a->content, (a->ncontent ? a->ncontent * 2 : 1) * sizeof *more);
		if (!more) {
			a->err = E_MEM;
			return NULL;
		}
		a->content = more;
	}
	more = &a->content[a->ncontent++];
	*more = (struct content){ .kind = kind, .key = BUF_INIT, .bytes = BUF_INIT, .known = BUF_INIT, .shown = BUF_INIT };
	return more;
}

/* Whether the bytes contradict what is known already. */
static bool
contradicts(const struct content *c, size_t off, const struct trace_line *l, size_t at, size_t n)
{
	for (size_t i = 0; i < n && off + i < c->bytes.len; i++)
		if (c->known.p[off + i] && l->shown.p[at + i] && c->bytes.p[off + i] != l->bytes.p[at + i])
			return true;
	return false;
}

static void
content_put(struct anon *a, struct content *c, size_t off, size_t line, size_t at, size_t n)
{
	const struct trace_line *l = &a->t.line[line];
	struct piece *more;

	if (off + n > FILE_MAX) {
		a->err = E_LIMIT;
		return;
	}
	if (off + n > c->bytes.len) {
		size_t add = off + n - c->bytes.len;

		buf_fill(&c->bytes, 0, add);
		buf_fill(&c->known, 0, add);
		buf_fill(&c->shown, 0, add);
	}
	if (!(c->npiece & (c->npiece - 1))) {
		if (!(more = realloc(c->piece, (c->npiece ? c->npiece * 2 : 1) * sizeof *more))) {
			a->err = E_MEM;
			return;
		}
		c->piece = more;
	}
	if (buf_err(&c->bytes) || buf_err(&c->known) || buf_err(&c->shown)) {
		a->err = E_MEM;
		return;
	}
	c->piece[c->npiece++] = (struct piece){ line, at, off, n };
	for (size_t i = 0; i < n; i++) {
		if (!l->shown.p[at + i])
			continue;
		c->bytes.p[off + i] = l->bytes.p[at + i];
		c->known.p[off + i] = 1;
	}
}

/* The file that is selected, as it was read before unless it has changed. */
static struct content *
content_find(struct walk *w, struct side *s, size_t off, size_t line, size_t at, size_t n)
{
	const struct trace_line *l = &w->a->t.line[line];
	struct buf key = BUF_INIT;
	struct content *c = NULL;

	if (s->current && !contradicts(&w->a->content[s->current - 1], off, l, at, n))
		return &w->a->content[s->current - 1];
	buf_be16(&key, (unsigned)w->at);
	buf_be32(&key, (uint32_t)s->card);
	buf_view(&key, buf_peek(&s->path));
	for (size_t i = w->a->ncontent; i-- > 0 && !s->current;) {
		c = &w->a->content[i];
		if (c->kind == CONTENT_FILE && view_eq(buf_peek(&c->key), buf_peek(&key))) {
			if (contradicts(c, off, l, at, n))
				break;
			s->current = i + 1;
			goto out;
		}
	}
	if ((c = content_new(w->a, CONTENT_FILE))) {
		buf_move(&c->key, &key);
		s->current = w->a->ncontent;
	}
out:
	buf_free(&key);
	return c;
}

static void
hide(struct trace_line *l, size_t at, size_t end)
{
	for (size_t i = at; i < end; i++) {
		l->changed |= l->shown.p[i];
		l->shown.p[i] = 0;
		l->bytes.p[i] = 0;
	}
}

/* Where the status word begins. */
static size_t
answer_end(const struct trace_line *l)
{
	return l->bytes.len >= 2 ? l->bytes.len - 2 : 0;
}

static void
select_path(struct side *s, const struct trace_apdu *a, struct view data)
{
	bool absolute = a->p1 == 0x04 || a->p1 == 0x08 || !data.len || (data.len == 2 && data.p[0] == 0x3F && !data.p[1]);

	if (absolute || s->path.len > KEY_MAX)
		buf_reset(&s->path);
	buf_u8(&s->path, a->p1);
	buf_view(&s->path, data);
	s->current = 0;
}

/* What follows a SELECT's answer goes on with it when it comes by GET RESPONSE. */
static void
answer_to(struct walk *w, struct side *s, size_t index, size_t off, size_t line, size_t at)
{
	struct trace_line *l = &w->a->t.line[line];
	size_t n = answer_end(l) - at;

	if (w->a->err)
		return;
	content_put(w->a, &w->a->content[index - 1], off, line, at, n);
	s->answered = index;
	s->next = off + n;
}

/* READ BINARY names the file as well: by its short id, or by its id. */
static void
select_id(struct side *s, unsigned id)
{
	if (s->path.len > KEY_MAX)
		buf_reset(&s->path);
	buf_u8(&s->path, 0xFF);
	buf_be16(&s->path, id);
	s->current = 0;
}

/* READ BINARY with odd INS: 54 L offset in the command, 53 L data in the answer. False: it is not so. */
static bool
tagged_offset(struct view data, struct view answer, size_t *off, size_t *at)
{
	struct tlv asked, got;

	if (!tlv_read(data, 0, data.len, &asked) || asked.tag != 0x54 || asked.end - asked.body > 3 ||
	    !tlv_read(answer, 0, answer.len, &got) || got.tag != 0x53)
		return false;
	*off = 0;
	for (size_t i = asked.body; i < asked.end; i++)
		*off = *off << 8 | data.p[i];
	*at = got.body;
	return *off < FILE_MAX;
}

static void
read_answer(struct walk *w, struct side *s, const struct trace_apdu *a, struct view data, size_t line)
{
	struct trace_line *l = &w->a->t.line[line];
	size_t off = (size_t)a->p1 << 8 | a->p2, at = 0, n = answer_end(l);

	if (a->ins == 0xB1) {
		if (a->p1 || a->p2)
			select_id(s, a->p1 << 8 | a->p2);
		if (!tagged_offset(data, view_of(l->bytes.p, n), &off, &at)) {
			hide(l, 0, n);
			return;
		}
	} else if (a->p1 & 0x80) {
		select_id(s, a->p1 & 0x1F);
		off = a->p2;
	}
	if (content_find(w, s, off, line, at, n - at))
		answer_to(w, s, s->current, off, line, at);
}

/* Command and answer that may be shown. */
static void
open_exchange(struct walk *w, struct side *s, const struct trace_apdu *a, struct trace_line *cmd, size_t line)
{
	struct trace_line *l = line ? &w->a->t.line[line] : NULL;
	struct view data = view_of(cmd->bytes.p + a->data, a->len);
	struct content *c;

	if (a->len > PLAIN_MAX || memchr(cmd->shown.p, 0, cmd->shown.len))
		hide(cmd, a->data, a->data + a->len);
	if (a->ins == 0xA4) {
		select_path(s, a, data);
		if (data.len && data.len <= PLAIN_MAX) {
			buf_u8(&w->a->paths, (unsigned)data.len);
			buf_view(&w->a->paths, data);
		}
	}
	if (!l || !answer_end(l))
		return;
	if (a->ins == 0xC0) {
		if (!s->answered)
			hide(l, 0, answer_end(l));
		else
			answer_to(w, s, s->answered, s->next, line, 0);
	} else if (a->ins == 0xB0 || a->ins == 0xB1) {
		read_answer(w, s, a, data, line);
	} else if (a->ins == 0xA4 || a->ins == 0xCA || a->ins == 0xCB) {
		if ((c = content_new(w->a, a->ins == 0xA4 ? CONTENT_SELECTED : CONTENT_DATA))) {
			c->tag = a->p1 << 8 | a->p2;
			answer_to(w, s, w->a->ncontent, 0, line, 0);
		}
	} else {
		hide(l, 0, answer_end(l));
	}
}

/* `line` is the answer's; 0: there is none. */
static void
exchange(struct walk *w, struct side *s, size_t command, size_t line)
{
	struct trace_line *cmd = &w->a->t.line[command], *l = line ? &w->a->t.line[line] : NULL;
	struct trace_apdu a;

	if (!trace_apdu(cmd, &a)) {
		hide(cmd, 0, cmd->bytes.len);
		s->answered = 0;
	} else if (!trace_is_open(&a)) {
		hide(cmd, a.data, a.data + a.len);
		s->answered = 0;
	} else {
		if (a.ins != 0xC0)
			s->answered = 0;
		open_exchange(w, s, &a, cmd, line);
		return;
	}
	if (l)
		hide(l, 0, answer_end(l));
}

static struct side *
side_at(struct walk *w, struct view name)
{
	for (size_t i = 0; i < w->nside; i++)
		if (view_eq(w->side[i].name, name))
			return &w->side[w->at = i];
	if (w->nside == READERS_MAX) {
		w->a->err = E_LIMIT;
		return &w->side[0];
	}
	w->at = w->nside++;
	w->side[w->at] = (struct side){ .name = name, .path = BUF_INIT };
	return &w->side[w->at];
}

void
content_collect(struct anon *a)
{
	struct walk w = { .a = a };
	struct side *s = side_at(&w, view_of(NULL, 0));
	size_t command = 0;
	bool waiting = false;

	for (size_t i = 0; i < a->t.n && !a->err; i++) {
		struct trace_line *l = &a->t.line[i];

		if (l->kind == TRACE_READER) {
			s = side_at(&w, l->rest);
		} else if (l->kind == TRACE_COMMAND) {
			command = i;
			waiting = true;
		} else if (l->kind == TRACE_ANSWER) {
			exchange(&w, s, command, i);
			waiting = false;
		} else if (l->kind == TRACE_EVENT) {
			if (waiting)
				exchange(&w, s, command, 0);
			waiting = false;
			s->card += view_eq(l->rest, view_str("removed"));
			s->current = s->answered = 0;
			buf_reset(&s->path);
		}
	}
	for (size_t i = 0; i < w.nside; i++)
		buf_free(&w.side[i].path);
	if (buf_err(&a->paths) && !a->err)
		a->err = E_MEM;
}

void
content_free(struct anon *a)
{
	for (size_t i = 0; i < a->ncontent; i++) {
		struct content *c = &a->content[i];

		buf_free(&c->key);
		buf_free(&c->bytes);
		buf_free(&c->known);
		buf_free(&c->shown);
		free(c->piece);
	}
	free(a->content);
	a->content = NULL;
	a->ncontent = 0;
}

static void
piece_write(const struct content *c, const struct piece *p, struct trace_line *l)
{
	for (size_t i = 0; i < p->len; i++) {
		uint8_t *byte = &l->bytes.p[p->at + i], *seen = &l->shown.p[p->at + i];
		bool tell = *seen && c->shown.p[p->off + i];
		uint8_t now = tell ? c->bytes.p[p->off + i] : 0;

		l->changed |= *byte != now || *seen != tell;
		*byte = now;
		*seen = tell;
	}
}

void
content_write(struct anon *a)
{
	for (size_t i = 0; i < a->ncontent; i++)
		for (size_t j = 0; j < a->content[i].npiece; j++)
			piece_write(&a->content[i], &a->content[i].piece[j], &a->t.line[a->content[i].piece[j].line]);
}

#include "mapping/p15.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/utf8.h"
#include "mapping/p15_fields.h"

struct path_text { struct view bytes, aid, index, length; };

void
p15_filler_skip(struct view *ef)
{
	unsigned byte;

	while (ef->len && (ef->p[0] == 0x00 || ef->p[0] == 0xFF))
		view_u8(ef, &byte);
}

int
p15_fields_read(struct view seq, struct p15_fields fields, void *into)
{
	struct der d;
	size_t next = 0;
	int r = 0;

	while (!r && der_next(&seq, &d)) {
		for (size_t i = next; i < fields.n; i++) {
			if (fields.f[i].tag != d.tag)
				continue;
			r = fields.f[i].take(&d, into);
			next = i + 1;
			break;
		}
	}
	return r;
}

/* ---- texts ---- */

static bool
is_utf8(struct view v)
{
	uint32_t c;

	while (utf8_take(&v, &c))
		;
	return !v.len;
}

char *
p15_text(struct view bytes)
{
	bool utf8;
	char *out, *w;

	while (bytes.len && strchr(" \xFF", bytes.p[bytes.len - 1]))
		bytes.len--; /* strchr finds the NUL too */
	utf8 = is_utf8(bytes);
	if (!(out = w = malloc(2 * bytes.len + 1)))
		return NULL;
	for (size_t i = 0; i < bytes.len; i++) {
		uint8_t c = bytes.p[i];

		if (c < 0x20 || c == 0x7F || (!utf8 && c >= 0x80 && c < 0xA0)) {
			*w++ = ' ';
		} else if (c < 0x80 || utf8) {
			*w++ = (char)c;
		} else {
			*w++ = (char)(0xC0 | c >> 6);
			*w++ = (char)(0x80 | (c & 0x3F));
		}
	}
	*w = 0;
	return out;
}

/* ---- paths ---- */

/* 3F00: the MF. 3FFF: the current DF, which here is the application (ISO 7816-4 5.3.1.1).
 * Five to sixteen bytes from A0 or E8 are an AID: no real path of file ids starts so. */
int
p15_path_decode(struct view bytes, struct path *out)
{
	memset(out, 0, sizeof *out);
	out->from = PATH_APP;
	if (bytes.len >= 2 && bytes.p[0] == 0x3F && (bytes.p[1] == 0x00 || bytes.p[1] == 0xFF)) {
		out->from = bytes.p[1] == 0x00 ? PATH_MF : PATH_APP;
		bytes = view_part(bytes, 2, bytes.len);
	} else if (bytes.len >= 5 && bytes.len <= 16 &&
	    (bytes.p[0] == 0xA0 || bytes.p[0] == 0xE8)) {
		out->from = PATH_AID;
	}
	if (bytes.len > sizeof out->b || (out->from != PATH_AID && bytes.len % 2))
		return E_FORMAT;
	if (bytes.len)
		memcpy(out->b, bytes.p, bytes.len);
	out->len = (uint8_t)bytes.len;
	return 0;
}

static int
take_path_bytes(const struct der *d, void *into)
{
	struct path_text *t = into;

	t->bytes = d->content;
	return 0;
}

static int
take_path_index(const struct der *d, void *into)
{
	struct path_text *t = into;

	t->index = d->content;
	return 0;
}

static int
take_path_length(const struct der *d, void *into)
{
	struct path_text *t = into;

	t->length = d->content;
	return 0;
}

/* OpenSC's own [1] { [APPLICATION 15] AID, path } beside the standard's path. */
static int
take_path_extended(const struct der *d, void *into)
{
	struct path_text *t = into;
	struct view in = d->content;
	struct der e;

	if (der_take(&in, 0x4F, &e))
		t->aid = e.content;
	if (der_take(&in, 0x04, &e))
		t->bytes = e.content;
	return 0;
}

static const struct p15_field path_fields[] = {
	{ 0x04, take_path_bytes },
	{ 0x02, take_path_index },
	{ 0x80, take_path_length },
	{ 0xA1, take_path_extended }
};

int
p15_path_read(struct view seq, struct path *path, struct range *range)
{
	static const struct p15_fields fields = P15_FIELDS(path_fields);
	struct path_text t = { { NULL, 0 }, { NULL, 0 }, { NULL, 0 }, { NULL, 0 } };
	unsigned off = 0, len = 0;
	int r;

	memset(range, 0, sizeof *range);
	range->whole = true;
	if ((r = p15_fields_read(seq, fields, &t)) ||
	    (r = p15_path_decode(t.bytes.len ? t.bytes : t.aid, path)))
		return r;
	/* A length of -1, or neither, is the whole file; a record number comes with length 0. */
	if (!t.index.len || !der_uint(t.index, false, &off))
		return 0;
	if (t.length.len && !der_uint(t.length, false, &len))
		return 0;
	if (off == 0 && len == 0)
		return 0;
	range->whole = false;
	range->off = off;
	range->len = len;
	return 0;
}

/* ---- objects ---- */

void
p15_object_free(struct p15_object **o)
{
	if (!*o)
		return;
	free((*o)->label);
	free((*o)->application);
	buf_free(&(*o)->subject);
	buf_free(&(*o)->direct);
	buf_free(&(*o)->oid);
	free(*o);
	*o = NULL;
}

void
p15_objects_free(struct p15_objects *objects)
{
	for (size_t i = 0; i < objects->n; i++)
		p15_object_free(&objects->p[i]);
	free(objects->p);
	objects->p = NULL;
	objects->n = 0;
}

struct p15_object *
p15_object_copy(const struct p15_object *o)
{
	struct p15_object *c = calloc(1, sizeof *c);
	bool bad;

	if (!c)
		return NULL;
	*c = *o;
	c->subject = c->direct = c->oid = (struct buf)BUF_INIT;
	buf_view(&c->subject, buf_peek(&o->subject));
	buf_view(&c->direct, buf_peek(&o->direct));
	buf_view(&c->oid, buf_peek(&o->oid));
	c->application = o->application ? strdup(o->application) : NULL;
	c->label = strdup(o->label);
	bad = !c->label || (o->application && !c->application) || buf_err(&c->subject) || buf_err(&c->direct) ||
	    buf_err(&c->oid);
	if (bad)
		p15_object_free(&c);
	return c;
}

int
p15_objects_take(struct p15_objects *all, struct p15_object *o)
{
	struct p15_object **grown = NULL;

	if (!o || all->n >= P15_OBJECTS_MAX || !(grown = realloc(all->p, (all->n + 1) * sizeof *grown))) {
		if (o)
			p15_object_free(&o);
		return grown || all->n < P15_OBJECTS_MAX ? E_MEM : E_LIMIT;
	}
	all->p = grown;
	all->p[all->n++] = o;
	return 0;
}

bool
p15_id_eq(const struct p15_id *a, const struct p15_id *b)
{
	return view_eq(view_of(a->b, a->len), view_of(b->b, b->len));
}

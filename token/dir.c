#include "token/dir.h"

#include "base/err.h"
#include "base/log.h"
#include "mapping/der.h"

static const struct range whole = { .whole = true };

/* Tag and length of a record, in bytes; records are our own DER and at least that long. */
static size_t
head_len(struct view record)
{
	return record.len > 2 && record.p[1] > 0x80 ? 2u + (record.p[1] & 0x7Fu) : 2;
}

/* Writes a record at off so that tag and length land last, in one command. What a cut before
 * that leaves is filler and the record's own parts: well-formed, no record, and no obstacle to
 * the next one. (With the tag alone written last, the length would stand there as a tag.) */
static int
write_head_last(struct card *card, const struct path *dir, size_t off, struct view v)
{
	size_t head = head_len(v);
	int err;

	if (v.len < head)
		return E_ARG;
	if (v.len > head && (err = card->ops->write(card, dir, off + head, view_part(v, head, v.len - head))))
		return err;
	return card->ops->write(card, dir, off, view_part(v, 0, head));
}

static int
room_in(struct card *card, const struct path *dir, size_t n, size_t *off)
{
	struct buf ef = BUF_INIT;
	int err;

	if (!(err = card->ops->read(card, dir, &whole, &ef)) && !(err = buf_err(&ef)))
		err = p15_dir_append_at(buf_peek(&ef), n, off);
	buf_free(&ef);
	return err;
}

/* The first directory of the record's kind with room for n bytes, and where in it. */
static int
find_room(struct card *card, const struct p15_odf *odf, const struct p15_object *o, size_t n,
    struct path *dir, size_t *off)
{
	int err = E_UNSUPPORTED;

	if (!card->ops->write)
		return err;
	for (size_t i = 0; i < odf->n; i++) {
		const struct p15_odf_entry *e = &odf->e[i];

		/* a part of a file is not ours to grow; a CA's directory is not for users */
		if (e->kind != o->kind || e->trusted != o->trusted || e->useful || !e->range.whole)
			continue;
		*dir = e->path;
		if ((err = room_in(card, dir, n, off)) != E_FULL)
			break;
	}
	return err;
}

int
dir_has_room(struct card *card, const struct p15_odf *odf, const struct p15_object *o)
{
	struct buf record = BUF_INIT;
	struct path dir;
	size_t off;
	int err;

	if (!(err = p15_record_encode(o, &record)))
		err = find_room(card, odf, o, record.len, &dir, &off);
	buf_free(&record);
	return err;
}

int
dir_append(struct card *card, const struct p15_odf *odf, struct p15_object *o, struct made *made)
{
	struct buf record = BUF_INIT;
	struct path dir;
	size_t off;
	int err;

	if (made->nrec == MADE_MAX)
		return E_LIMIT;
	if (!(err = p15_record_encode(o, &record)) &&
	    !(err = find_room(card, odf, o, record.len, &dir, &off)) &&
	    !(err = write_head_last(card, &dir, off, buf_peek(&record)))) {
		o->dir = dir;
		o->rec_off = off;
		o->rec_len = record.len;
		made->rec[made->nrec++] = o;
	}
	buf_free(&record);
	return err;
}

/* Moves the gap of `len` bytes at off behind the records that follow it, one record and one
 * command at a time: a command is done or not done, and in between there is only a gap. A record
 * that is too long for that keeps the gap before it. */
static int
close_gap(struct card *card, const struct path *dir, size_t off, size_t len)
{
	size_t most = card->caps.max_send ? card->caps.max_send : SHORT_DATA_MAX;
	struct buf ef = BUF_INIT, moved = BUF_INIT;
	struct view rest;
	struct der record;
	int err;

	if ((err = card->ops->read(card, dir, &whole, &ef)) || (err = buf_err(&ef)))
		goto out;
	rest = view_part(buf_peek(&ef), off + len, SIZE_MAX);
	while (!err && rest.len && rest.p[0] != 0x00 && rest.p[0] != 0xFF && der_next(&rest, &record) &&
	    record.whole.len + len <= most) {
		buf_reset(&moved);
		buf_view(&moved, record.whole);
		buf_fill(&moved, 0, len);
		if (!(err = buf_err(&moved)))
			err = card->ops->write(card, dir, off, buf_peek(&moved));
		off += record.whole.len;
	}
out:
	buf_free(&ef);
	buf_free(&moved);
	return err;
}

int
dir_remove(struct card *card, const struct path *dir, size_t off, size_t len)
{
	struct buf zero = BUF_INIT;
	size_t head = len < 2 ? len : 2;
	int err;

	buf_fill(&zero, 0, len);
	if (!(err = buf_err(&zero)) && len > head)
		err = card->ops->write(card, dir, off + head,
		    view_part(buf_peek(&zero), 0, len - head));
	if (!err)
		err = card->ops->write(card, dir, off, view_part(buf_peek(&zero), 0, head));
	buf_free(&zero);
	return err ? err : close_gap(card, dir, off, len);
}

int
dir_replace(struct card *card, const struct path *dir, size_t off, struct view record)
{
	return card->ops->write(card, dir, off, record);
}

int
dir_new_file(struct card *card, enum file_use use, struct new_file *f, struct made *made)
{
	const struct fid_range *range = &card->pf->files[use];
	struct path app = { .from = PATH_APP };
	uint16_t fid;
	int err;

	if (!range->from || !card->ops->create || !card->ops->free_fid)
		return E_UNSUPPORTED;
	if (made->nfile == MADE_MAX)
		return E_LIMIT;
	if ((err = card->ops->free_fid(card, &app, range->from, range->to, &fid)))
		return err;
	f->path = app;
	f->path.len = 2;
	f->path.b[0] = (uint8_t)(fid >> 8);
	f->path.b[1] = (uint8_t)fid;
	if (!(err = card->ops->create(card, f)))
		made->file[made->nfile++] = f->path;
	return err;
}

void
dir_undo(struct card *card, const struct made *made)
{
	int err = 0;

	/* records first: a directory must never point at a file that is gone */
	for (size_t i = made->nrec; i > 0 && err != E_GONE; i--)
		err = dir_remove(card, &made->rec[i - 1]->dir, made->rec[i - 1]->rec_off,
		    made->rec[i - 1]->rec_len);
	for (size_t i = made->nfile; i > 0 && !err; i--)
		err = card->ops->erase ? card->ops->erase(card, &made->file[i - 1]) : 0;
	if (err)
		log_warn("what a failed write left on the card could not be taken away: %s",
		    err_text(err));
}

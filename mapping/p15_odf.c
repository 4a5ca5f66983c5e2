/* Where the directories are, and what the card says about itself: EF(ODF), EF(TokenInfo). */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "mapping/p15_fields.h"

#define ODF_MAX (sizeof ((struct p15_odf *)0)->e / sizeof ((struct p15_odf *)0)->e[0])

/* PKCS15Objects ::= CHOICE; 7816-15 adds [9] and up, which hold nothing for us. */
static const struct { unsigned tag; enum p15_kind kind; bool trusted, useful; } odf_kinds[] = {
	{ 0xA0, P15_PRIVATE, false, false },
	{ 0xA1, P15_PUBLIC, false, false },
	{ 0xA2, P15_PUBLIC, true, false },
	{ 0xA3, P15_SECRET, false, false },
	{ 0xA4, P15_CERT, false, false },
	{ 0xA5, P15_CERT, true, false },
	{ 0xA6, P15_CERT, false, true },
	{ 0xA7, P15_DATA, false, false },
	{ 0xA8, P15_AUTH, false, false }
};

int
p15_odf_decode(struct view ef, struct p15_odf *out)
{
	bool empty;
	struct der record, path;

	memset(out, 0, sizeof *out);
	p15_filler_skip(&ef);
	empty = ef.len == 0;
	while (der_next(&ef, &record)) {
		for (size_t i = 0; i < sizeof odf_kinds / sizeof odf_kinds[0]; i++) {
			struct p15_odf_entry e = { .kind = odf_kinds[i].kind,
				.trusted = odf_kinds[i].trusted, .useful = odf_kinds[i].useful };

			if (odf_kinds[i].tag != record.tag ||
			    !der_take(&record.content, 0x30, &path) ||
			    p15_path_read(path.content, &e.path, &e.range) || !e.path.len)
				continue;
			if (out->n == ODF_MAX)
				return E_LIMIT;
			out->e[out->n++] = e;
		}
		p15_filler_skip(&ef);
	}
	return out->n || empty ? 0 : E_FORMAT;
}

/* ---- TokenInfo ---- */

static int
keep(struct view content, struct buf *out)
{
	buf_reset(out);
	buf_view(out, content);
	return buf_err(out);
}

static int
keep_text(struct view content, char **out)
{
	free(*out);
	*out = p15_text(content);
	return *out ? 0 : E_MEM;
}

static int
take_serial(const struct der *d, void *into)
{
	return keep(d->content, &((struct p15_token_info *)into)->serial);
}

static int
take_manufacturer(const struct der *d, void *into)
{
	return keep_text(d->content, &((struct p15_token_info *)into)->manufacturer);
}

static int
take_label(const struct der *d, void *into)
{
	return keep_text(d->content, &((struct p15_token_info *)into)->label);
}

/* Some encoders tag the label explicitly: A0 { 0C .. }. */
static int
take_explicit_label(const struct der *d, void *into)
{
	struct view in = d->content;
	struct der text;

	return der_take(&in, 0x0C, &text) ? take_label(&text, into) : 0;
}

static int
take_flags(const struct der *d, void *into)
{
	struct p15_token_info *t = into;
	unsigned set;

	if (!der_bits(d->content, &set))
		return 0;
	t->read_only = set & 1;
	t->login_required = set & 2;
	t->prn_generation = set & 4;
	t->eid_compliant = set & 8;
	return 0;
}

/* [5] { GeneralizedTime | Path }: with a path the time is in a file of its own. */
static int
take_last_update(const struct der *d, void *into)
{
	struct view in = d->content;
	struct der time;

	if (!der_take(&in, 0x18, &time))
		return 0;
	return keep(time.content, &((struct p15_token_info *)into)->last_update);
}

static const struct p15_field token_info_table[] = {
	{ 0x04, take_serial },
	{ 0x0C, take_manufacturer },
	{ 0x13, take_manufacturer },
	{ 0x80, take_label },
	{ 0xA0, take_explicit_label },
	{ 0x03, take_flags },
	{ 0xA5, take_last_update }
};

int
p15_token_info_decode(struct view ef, struct p15_token_info *out)
{
	static const struct p15_fields fields = P15_FIELDS(token_info_table);
	struct der seq;
	int r;

	memset(out, 0, sizeof *out);
	p15_filler_skip(&ef);
	if (!der_take(&ef, 0x30, &seq))
		return E_FORMAT;
	if ((r = p15_fields_read(seq.content, fields, out)))
		p15_token_info_free(out);
	return r;
}

void
p15_token_info_free(struct p15_token_info *t)
{
	buf_free(&t->serial);
	buf_free(&t->last_update);
	free(t->manufacturer);
	free(t->label);
	memset(t, 0, sizeof *t);
}

/* ---- splicing ---- */

int
p15_dir_append_at(struct view ef, size_t n, size_t *off)
{
	struct view rest = ef;
	struct der record;
	size_t end = 0;

	p15_filler_skip(&rest);
	while (rest.len) {
		if (!der_next(&rest, &record))
			return E_FORMAT;
		end = ef.len - rest.len;
		p15_filler_skip(&rest);
	}
	if (n > ef.len - end)
		return E_FULL;
	*off = end;
	return 0;
}

/* The records of the directories: PrKDF, PuKDF, SKDF, CDF, DODF, AODF. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "mapping/p15_fields.h"

#define EC_BITS_MIN 112 /* the smallest field with a name, SEC 2 */
#define PIN_LEN_MAX 255 /* characters; what stands in a record above it is nonsense */

/* What is being read, and what of a PIN the record really said. */
struct reader {
	struct p15_object *o;
	bool has_flags, has_type, has_min, has_stored, has_max, has_ref, has_pad;
};

/* A kind of record: its tag and the tables of its parts. */
struct record_type {
	enum p15_kind kind;
	unsigned tag;
	enum key_kind key;
	struct p15_fields class, sub, type;
};

/* ---- fields of all records ---- */

static int
take_label(const struct der *d, void *into)
{
	struct reader *rd = into;
	char *text = p15_text(d->content);

	if (!text)
		return E_MEM;
	free(rd->o->label);
	rd->o->label = text;
	return 0;
}

static int
take_flags(const struct der *d, void *into)
{
	struct reader *rd = into;

	return der_bits(d->content, &rd->o->flags) ? 0 : E_FORMAT;
}

static int
id_of(struct view content, struct p15_id *id)
{
	if (content.len > sizeof id->b)
		return E_FORMAT;
	id->len = (uint8_t)content.len;
	if (content.len)
		memcpy(id->b, content.p, content.len);
	return 0;
}

static int
take_auth_id(const struct der *d, void *into)
{
	struct reader *rd = into;

	return id_of(d->content, &rd->o->auth_id);
}

/* Unreadable counts as 1: the tighter reading of a key that wants consent. */
static int
take_consent(const struct der *d, void *into)
{
	struct reader *rd = into;

	if (!der_uint(d->content, false, &rd->o->user_consent))
		rd->o->user_consent = 1;
	return 0;
}

static int
take_id(const struct der *d, void *into)
{
	struct reader *rd = into;

	return id_of(d->content, &rd->o->id);
}

static const struct p15_field common_table[] = {
	{ 0x0C, take_label },
	{ 0x13, take_label },
	{ 0x14, take_label },
	{ 0x16, take_label },
	{ 0x03, take_flags },
	{ 0x04, take_auth_id },
	{ 0x02, take_consent }
};

/* ---- keys ---- */

static int
take_usage(const struct der *d, void *into)
{
	struct reader *rd = into;

	return der_bits(d->content, &rd->o->usage) ? 0 : E_FORMAT;
}

static int
take_native(const struct der *d, void *into)
{
	struct reader *rd = into;

	rd->o->native = d->content.len != 1 || d->content.p[0] != 0;
	return 0;
}

static int
take_access(const struct der *d, void *into)
{
	struct reader *rd = into;

	return der_bits(d->content, &rd->o->access) ? 0 : E_FORMAT;
}

/* Cards write reference 82 as 02 01 82, and longer numbers where they mean none. */
static int
take_key_ref(const struct der *d, void *into)
{
	struct reader *rd = into;
	unsigned ref;

	if (der_uint(d->content, true, &ref) && ref <= 255) {
		rd->o->key.ref = (int)ref;
		rd->o->key.ref_valid = true;
	}
	return 0;
}

static const struct p15_field key_class_table[] = {
	{ 0x04, take_id },
	{ 0x03, take_usage },
	{ 0x01, take_native },
	{ 0x03, take_access },
	{ 0x02, take_key_ref }
};

/* The Name may be missing though its SEQUENCE is there. */
static int
take_subject(const struct der *d, void *into)
{
	struct reader *rd = into;

	if (d->content.len == 0)
		return 0;
	buf_reset(&rd->o->subject);
	buf_view(&rd->o->subject, d->whole);
	return buf_err(&rd->o->subject);
}

static const struct p15_field key_sub_table[] = { { 0x30, take_subject } };

/* Modulus or field; unreadable is unknown, until the public key tells. The field of an EC key is
 * OpenSC's addition (libopensc/pkcs15-prkey.c); others have the number of a KeyInfo there, which
 * is small. */
static int
take_bits(const struct der *d, void *into)
{
	struct reader *rd = into;
	unsigned bits, least = rd->o->key.kind == KEY_EC ? EC_BITS_MIN : 0;

	if (der_uint(d->content, false, &bits) && bits >= least && bits <= 65536)
		rd->o->key.bits = bits;
	return 0;
}

static const struct p15_field bits_table[] = { { 0x02, take_bits } };

/* ---- certificates ---- */

static int
take_authority(const struct der *d, void *into)
{
	struct reader *rd = into;

	rd->o->authority = d->content.len == 1 && d->content.p[0] != 0;
	return 0;
}

static const struct p15_field cert_class_table[] = {
	{ 0x04, take_id },
	{ 0x01, take_authority }
};

/* ---- data objects ---- */

static int
take_application(const struct der *d, void *into)
{
	struct reader *rd = into;
	char *text = p15_text(d->content);

	if (!text)
		return E_MEM;
	free(rd->o->application);
	rd->o->application = text;
	return 0;
}

static int
take_oid(const struct der *d, void *into)
{
	struct reader *rd = into;

	buf_reset(&rd->o->oid);
	buf_view(&rd->o->oid, d->whole);
	return buf_err(&rd->o->oid);
}

static const struct p15_field data_class_table[] = {
	{ 0x0C, take_application },
	{ 0x06, take_oid }
};

/* ---- PINs ---- */

static int
take_pin_flags(const struct der *d, void *into)
{
	struct reader *rd = into;

	rd->has_flags = der_bits(d->content, &rd->o->pin_flags);
	return rd->has_flags ? 0 : E_FORMAT;
}

static int
take_pin_type(const struct der *d, void *into)
{
	struct reader *rd = into;
	unsigned type;

	if (!der_uint(d->content, false, &type) || type > PIN_GLP)
		return E_FORMAT;
	rd->o->pin.coding = (enum pin_coding)type;
	rd->has_type = true;
	return 0;
}

static int
length_of(const struct der *d, size_t *out)
{
	unsigned n;

	if (!der_uint(d->content, false, &n) || n > PIN_LEN_MAX)
		return E_FORMAT;
	*out = n;
	return 0;
}

static int
take_pin_min(const struct der *d, void *into)
{
	struct reader *rd = into;

	rd->has_min = true;
	return length_of(d, &rd->o->pin.min);
}

static int
take_pin_stored(const struct der *d, void *into)
{
	struct reader *rd = into;

	rd->has_stored = true;
	return length_of(d, &rd->o->pin.stored);
}

static int
take_pin_max(const struct der *d, void *into)
{
	struct reader *rd = into;

	rd->has_max = true;
	return length_of(d, &rd->o->pin.max);
}

/* Cards write reference 82 as 80 01 82. */
static int
take_pin_ref(const struct der *d, void *into)
{
	struct reader *rd = into;
	unsigned ref;

	if (!der_uint(d->content, true, &ref) || ref > 255)
		return E_FORMAT;
	rd->o->pin.ref = (int)ref;
	rd->has_ref = true;
	return 0;
}

static int
take_pin_pad(const struct der *d, void *into)
{
	struct reader *rd = into;

	if (d->content.len != 1)
		return E_FORMAT;
	rd->o->pin.pad = d->content.p[0];
	rd->has_pad = true;
	return 0;
}

static int
take_pin_path(const struct der *d, void *into)
{
	struct reader *rd = into;
	struct range range;

	return p15_path_read(d->content, &rd->o->pin.path, &range);
}

static const struct p15_field pin_class_table[] = { { 0x04, take_id } };
static const struct p15_field pin_type_table[] = {
	{ 0x03, take_pin_flags },
	{ 0x0A, take_pin_type },
	{ 0x02, take_pin_min },
	{ 0x02, take_pin_stored },
	{ 0x02, take_pin_max },
	{ 0x80, take_pin_ref },
	{ 0x04, take_pin_pad },
	{ 0x30, take_pin_path }
};

/* A reference that is left out is 0 by the standard, but whether the card's maker knew that is
 * only a guess, as is a block without a known length or padding: such a PIN is never sent. */
static int
pin_finish(struct reader *rd)
{
	struct pin_ref *pin = &rd->o->pin;
	size_t holds;

	if (!rd->has_flags || !rd->has_type || !rd->has_min)
		return E_FORMAT;
	holds = pin_block_holds(pin->coding, pin->stored);
	if (!rd->has_max || (pin->stored && pin->max > holds))
		pin->max = holds;
	pin->local = rd->o->pin_flags & PINF_LOCAL;
	pin->pads = rd->o->pin_flags & PINF_NEEDS_PADDING;
	pin->guess = !rd->has_ref || !rd->has_stored ||
	    (pin->pads && (!rd->has_pad || pin->stored == 0));
	return pin->min <= pin->max ? 0 : E_FORMAT;
}

/* ---- values ---- */

/* A value in the directory itself, [0] { value }: mostly the whole value, as the standard means
 * it; but an encoder may have put the [0] in place of the SEQUENCE, or tagged a
 * SubjectPublicKeyInfo [1] (7816-15), or left the OCTET STRING around a point away. */
static int
direct_read(struct view content, struct p15_object *o)
{
	struct view in = content;
	struct der d;

	buf_reset(&o->direct);
	if (o->kind == P15_DATA || !der_next(&in, &d))
		buf_view(&o->direct, content);
	else if (d.tag == 0xA1 && in.len == 0)
		der_put(&o->direct, 0x30, d.content);
	else if (in.len == 0 || d.tag == 0x04)
		buf_view(&o->direct, content);
	else
		der_put(&o->direct, 0x30, content);
	return buf_err(&o->direct);
}

/* ObjectValue: 30 { Path } or [0] { value }. */
static int
value_read(struct view *in, struct p15_object *o)
{
	struct der d;

	if (!der_next(in, &d))
		return E_FORMAT;
	if (d.tag == 0xA0)
		return direct_read(d.content, o);
	if (d.tag == 0x30)
		return p15_path_read(d.content, &o->path, &o->range);
	return E_FORMAT;
}

/* ---- records ---- */

#define KEY_TABLES P15_FIELDS(key_class_table), P15_FIELDS(key_sub_table), P15_FIELDS(bits_table)
#define NO_FIELDS  { NULL, 0 }

/* Tags of key types, PKCS#15 6.3 and 6.4: RSA has none, EC is [0]; a secret key has one tag
 * for each cipher. DH, DSA and KEA keys, biometric and external authentication are not ours. */
static const struct record_type record_types[] = {
	{ P15_PRIVATE, 0x30, KEY_RSA, KEY_TABLES },
	{ P15_PRIVATE, 0xA0, KEY_EC, KEY_TABLES },
	{ P15_PUBLIC, 0x30, KEY_RSA, KEY_TABLES },
	{ P15_PUBLIC, 0xA0, KEY_EC, KEY_TABLES },
	{ P15_CERT, 0x30, KEY_RSA, P15_FIELDS(cert_class_table), NO_FIELDS, NO_FIELDS },
	{ P15_DATA, 0x30, KEY_RSA, P15_FIELDS(data_class_table), NO_FIELDS, NO_FIELDS },
	{ P15_AUTH, 0x30, KEY_RSA, P15_FIELDS(pin_class_table), NO_FIELDS,
	    P15_FIELDS(pin_type_table) }
};
static const struct record_type secret_type = {
	P15_SECRET, 0, KEY_SECRET, P15_FIELDS(key_class_table), P15_FIELDS(bits_table), NO_FIELDS
};

static const struct record_type *
type_of(enum p15_kind kind, unsigned tag)
{
	if (kind == P15_SECRET && (tag == 0x30 || (tag & 0xFFE0) == 0xA0))
		return &secret_type;
	for (size_t i = 0; i < sizeof record_types / sizeof record_types[0]; i++)
		if (record_types[i].kind == kind && record_types[i].tag == tag)
			return &record_types[i];
	return NULL;
}

/* typeAttributes: of a data object the value itself, else a SEQUENCE with the value first. */
static int
type_read(struct view in, const struct record_type *t, struct reader *rd)
{
	struct der seq;
	int r = 0;

	if (t->kind == P15_DATA)
		return value_read(&in, rd->o);
	if (!der_take(&in, 0x30, &seq))
		return E_FORMAT;
	in = seq.content;
	if (t->kind != P15_AUTH && (r = value_read(&in, rd->o)))
		return r;
	return p15_fields_read(in, t->type, rd);
}

static int
record_read(struct view in, const struct record_type *t, struct reader *rd)
{
	static const struct p15_fields common = P15_FIELDS(common_table);
	struct der attrs, class, sub = { 0 }, inner, type;
	int r;

	if (!der_take(&in, 0x30, &attrs) || !der_take(&in, 0x30, &class))
		return E_FORMAT;
	der_take(&in, 0xA0, &sub);
	if (!der_take(&in, 0xA1, &type))
		return E_FORMAT;
	if ((r = p15_fields_read(attrs.content, common, rd)) ||
	    (r = p15_fields_read(class.content, t->class, rd)))
		return r;
	if (der_take(&sub.content, 0x30, &inner) &&
	    (r = p15_fields_read(inner.content, t->sub, rd)))
		return r;
	if ((r = type_read(type.content, t, rd)))
		return r;
	rd->o->key.path = rd->o->path;
	if (t->kind == P15_AUTH)
		return pin_finish(rd);
	return 0;
}

static struct p15_object *
object_new(const struct p15_odf_entry *from, const struct record_type *t)
{
	struct p15_object *o = calloc(1, sizeof *o);

	if (!o || !(o->label = calloc(1, 1))) {
		free(o);
		return NULL;
	}
	o->kind = t->kind;
	o->trusted = from->trusted;
	o->useful = from->useful;
	o->native = true;
	o->key.kind = t->key;
	o->key.ref = -1;
	o->path.from = o->key.path.from = o->pin.path.from = PATH_APP;
	o->range.whole = true;
	o->pin.ref = o->pin.tries_max = o->pin.unblock_ref = -1;
	o->pin.guess = true;
	o->dir = from->path;
	return o;
}

/* Takes o on success. */
static int
objects_add(struct p15_objects *out, struct p15_object *o)
{
	struct p15_object **p;

	if (out->n >= P15_OBJECTS_MAX)
		return E_LIMIT;
	if (!(p = realloc(out->p, (out->n + 1) * sizeof *p)))
		return E_MEM;
	out->p = p;
	out->p[out->n++] = o;
	return 0;
}

/* One record, whose place is known, into the list. E_FORMAT: it cannot be read. */
static int
record_add(const struct p15_odf_entry *from, const struct record_type *t, const struct der *record,
    size_t off, struct p15_objects *out)
{
	struct reader rd = { .o = object_new(from, t) };
	int r;

	if (!rd.o)
		return E_MEM;
	rd.o->rec_off = off + (from->range.len ? from->range.off : 0);
	rd.o->rec_len = record->whole.len;
	if ((r = record_read(record->content, t, &rd)) || (r = objects_add(out, rd.o)))
		p15_object_free(&rd.o);
	return r;
}

int
p15_dir_decode(const struct p15_odf_entry *from, struct view ef, struct p15_objects *out,
    size_t *skipped)
{
	const struct record_type *t;
	struct view rest = ef;
	struct der record;
	size_t before = out->n, foreign = 0, bad = 0;
	int r = 0;

	p15_filler_skip(&rest);
	while (rest.len && r != E_MEM && r != E_LIMIT) {
		if (!der_next(&rest, &record)) {
			bad++; /* and where the next one starts is unknown */
			break;
		}
		if (!(t = type_of(from->kind, record.tag)))
			foreign++;
		else if ((r = record_add(from, t, &record, (size_t)(record.whole.p - ef.p), out)))
			bad++;
		p15_filler_skip(&rest);
	}
	*skipped = foreign + bad;
	if (r == E_MEM || r == E_LIMIT)
		return r;
	return bad && out->n == before ? E_FORMAT : 0;
}

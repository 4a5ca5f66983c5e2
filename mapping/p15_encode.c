/* Records for cards we write to. Strict DER of PKCS#15 v1.1, the subset that OpenSC reads:
 * no DEFAULT values, an EC key as [0], paths without index and length for whole files. */
#include <string.h>

#include "base/err.h"
#include "mapping/p15_fields.h"

/* Appends `content` under `tag` to b and empties it, so that one buf serves level by level. */
static void
wrap(struct buf *b, unsigned tag, struct buf *content)
{
	if (buf_err(content))
		b->bad = true;
	der_put(b, tag, buf_peek(content));
	buf_reset(content);
}

static void
put_id(struct buf *b, const struct p15_id *id)
{
	der_put(b, 0x04, view_of(id->b, id->len));
}

static void
put_path(struct buf *b, const struct path *path, const struct range *range)
{
	static const uint8_t mf[] = { 0x3F, 0x00 };
	struct buf bytes = BUF_INIT, seq = BUF_INIT;

	if (path->from == PATH_MF)
		buf_put(&bytes, mf, sizeof mf);
	buf_put(&bytes, path->b, path->len);
	wrap(&seq, 0x04, &bytes);
	if (range && !range->whole && (range->off || range->len)) {
		der_put_uint(&seq, 0x02, range->off);
		der_put_uint(&seq, 0x80, range->len);
	}
	wrap(b, 0x30, &seq);
	buf_free(&bytes);
	buf_free(&seq);
}

static void
put_common(struct buf *b, const struct p15_object *o)
{
	struct buf in = BUF_INIT;

	if (o->label[0])
		der_put(&in, 0x0C, view_str(o->label));
	if (o->flags)
		der_put_bits(&in, 0x03, o->flags);
	if (o->auth_id.len)
		put_id(&in, &o->auth_id);
	if (o->user_consent)
		der_put_uint(&in, 0x02, o->user_consent);
	wrap(b, 0x30, &in);
	buf_free(&in);
}

static void
put_class(struct buf *b, const struct p15_object *o)
{
	static const uint8_t no = 0x00, yes = 0xFF;
	struct buf in = BUF_INIT;

	if (o->kind == P15_DATA) {
		if (o->application && o->application[0])
			der_put(&in, 0x0C, view_str(o->application));
		buf_view(&in, buf_peek(&o->oid));
	} else {
		put_id(&in, &o->id);
	}
	if (o->kind == P15_CERT && o->authority)
		der_put(&in, 0x01, view_of(&yes, 1));
	if (o->kind == P15_PRIVATE || o->kind == P15_PUBLIC) {
		der_put_bits(&in, 0x03, o->usage);
		if (!o->native)
			der_put(&in, 0x01, view_of(&no, 1));
		if (o->access)
			der_put_bits(&in, 0x03, o->access);
		if (o->key.ref_valid)
			der_put_uint(&in, 0x02, (unsigned)o->key.ref);
	}
	wrap(b, 0x30, &in);
	buf_free(&in);
}

/* [0] { SEQUENCE { Name } }; certificates carry their subject themselves. */
static void
put_subclass(struct buf *b, const struct p15_object *o)
{
	struct buf in = BUF_INIT;

	if (!o->subject.len || (o->kind != P15_PRIVATE && o->kind != P15_PUBLIC))
		return;
	der_put(&in, 0x30, buf_peek(&o->subject));
	wrap(b, 0xA0, &in);
	buf_free(&in);
}

/* The standard gives RSA keys a size. OpenSC adds one to EC private keys, but reads a number
 * behind an EC public key as something else (libopensc/pkcs15-prkey.c, pkcs15-pubkey.c). */
static bool
has_size(const struct p15_object *o)
{
	return o->kind == P15_PRIVATE || (o->kind == P15_PUBLIC && o->key.kind == KEY_RSA);
}

/* [1] { SEQUENCE { value, size of a key } }, of a data object [1] { value }. */
static void
put_type(struct buf *b, const struct p15_object *o)
{
	const struct path *path = o->kind == P15_PRIVATE ? &o->key.path : &o->path;
	struct buf in = BUF_INIT, seq = BUF_INIT;

	if (o->direct.len && o->kind != P15_PRIVATE)
		der_put(&in, 0xA0, buf_peek(&o->direct));
	else
		put_path(&in, path, o->kind == P15_PRIVATE ? NULL : &o->range);
	if (has_size(o) && o->key.bits)
		der_put_uint(&in, 0x02, o->key.bits);
	if (o->kind != P15_DATA)
		wrap(&seq, 0x30, &in);
	wrap(b, 0xA1, o->kind == P15_DATA ? &in : &seq);
	buf_free(&in);
	buf_free(&seq);
}

int
p15_record_encode(const struct p15_object *o, struct buf *out)
{
	bool key = o->kind == P15_PRIVATE || o->kind == P15_PUBLIC;
	struct buf in = BUF_INIT;

	if ((!key && o->kind != P15_CERT && o->kind != P15_DATA) ||
	    (key && o->key.kind == KEY_SECRET))
		return E_ARG;
	/* modulusLength is no OPTIONAL field */
	if (key && o->key.kind == KEY_RSA && !o->key.bits)
		return E_ARG;
	put_common(&in, o);
	put_class(&in, o);
	put_subclass(&in, o);
	put_type(&in, o);
	wrap(out, key && o->key.kind == KEY_EC ? 0xA0 : 0x30, &in);
	buf_free(&in);
	return buf_err(out);
}

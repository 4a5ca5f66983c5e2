/* Making keys on the card and bringing them there, 5.6 and 5.7. Facts by number: card-myeid. */
#include "cardos/os_myeid.h"

#include "base/err.h"

#define MODULUS 0x80u           /* part of a key in PUT DATA, 5.7 */

/* A point as `tag` len 04 X Y: 86 from GENERATE, 30 from GET DATA (2.4). */
static int
take_point(struct view answer, unsigned want, struct buf *point)
{
	struct view v;
	unsigned tag;

	if (tlv_next(&answer, &tag, &v) || tag != want || answer.len || v.len < 3 || v.p[0] != 4)
		return E_PROTOCOL;
	buf_view(point, v);
	return buf_err(point);
}

static int
generate_rsa(struct card *card, struct key_parts *pub)
{
	/* public exponent 65537, 5.6 */
	static const uint8_t exponent[] = { 0x30, 0x05, 0x81, 0x03, 0x01, 0x00, 0x01 };
	const struct apdu a = { .ins = 0x46, .data = { exponent, sizeof exponent }, .le = LE_ANY,
		.flags = APDU_STATE };
	int r;

	/* the answer to GENERATE is not to be trusted (OsEID), so the modulus is asked for */
	if ((r = card_command(card, &a, NULL, NULL)) != 0)
		return r;
	if ((r = myeid_get_data(card, 0x01, &pub->n)) != 0)
		return r == E_NOT_FOUND ? E_PROTOCOL : r; /* it said that there is a key now */
	buf_put(&pub->e, exponent + 4, 3);
	return buf_err(&pub->e);
}

static int
generate_ec(struct card *card, struct key_parts *pub)
{
	const struct apdu a = { .ins = 0x46, .le = LE_ANY, .flags = APDU_STATE };
	struct buf answer = BUF_INIT;
	int r;

	if ((r = card_command(card, &a, &answer, NULL)) == 0)
		r = take_point(buf_peek(&answer), 0x86, &pub->point);
	buf_free(&answer);
	return r;
}

int
myeid_public_key(struct card *card, const struct key_ref *key, struct key_parts *pub)
{
	struct buf answer = BUF_INIT;
	int r;

	if ((r = myeid_select_file(card, &key->path, NULL)) != 0)
		return r;
	if (key->kind == KEY_RSA) {
		if ((r = myeid_get_data(card, 0x01, &pub->n)) == 0)
			r = myeid_get_data(card, 0x02, &pub->e);
		return r;
	}
	if (key->kind != KEY_EC)
		return E_UNSUPPORTED;
	if ((r = myeid_get_data(card, 0x86, &answer)) == 0)
		r = take_point(buf_peek(&answer), 0x30, &pub->point);
	buf_free(&answer);
	return r;
}

int
myeid_genkey(struct card *card, const struct key_ref *key, struct key_parts *pub)
{
	struct fci fci;
	int r;

	if ((r = myeid_select_file(card, &key->path, &fci)) != 0)
		return r;
	switch (fci.descriptor & 0xBF) {
	case TYPE_KEY_RSA:
		if ((r = generate_rsa(card, pub)) == 0 && pub->n.len != (fci.size + 7) / 8)
			r = E_PROTOCOL;
		return r;
	case TYPE_KEY_EC:
		if ((r = generate_ec(card, pub)) == 0
		    && pub->point.len != 2 * ((fci.size + 7) / 8) + 1)
			r = E_PROTOCOL;
		return r;
	default:
		return E_ARG;
	}
}

static struct view
without_zeros(const struct buf *b)
{
	struct view v = buf_peek(b);

	while (v.len && !v.p[0])
		v = view_part(v, 1, v.len);
	return v;
}

/* PUT DATA of one part of a key, 5.7. */
static int
put_part(struct card *card, unsigned what, struct view v)
{
	const struct apdu a = { .ins = 0xDA, .p1 = 0x01, .p2 = (uint8_t)what, .data = v,
		.flags = APDU_SECRET_IN | APDU_STATE | APDU_CHAIN };

	return card_command(card, &a, NULL, NULL);
}

/* A number with the leading 00 the card wants; a modulus of 2048 bits in halves without it. */
static int
put_number(struct card *card, unsigned what, struct view v, bool zero)
{
	struct buf b = BUF_INIT_SECRET;
	int r;

	if (v.len == 2 * HALF_BYTES && what == MODULUS) {
		r = put_part(card, 0x88, view_part(v, 0, HALF_BYTES));
		return r ? r : put_part(card, 0x89, view_part(v, HALF_BYTES, HALF_BYTES));
	}
	if (zero)
		buf_u8(&b, 0);
	buf_view(&b, v);
	if ((r = buf_err(&b)) == 0)
		r = put_part(card, what, buf_peek(&b));
	buf_free(&b);
	return r;
}

static int
import_rsa(struct card *card, const struct key_parts *k)
{
	/* the order in which enrolment programs send them */
	const struct { unsigned what; const struct buf *part; bool zero; } parts[] = {
		{ 0x83, &k->p, true }, { 0x84, &k->q, true }, { 0x85, &k->dp, true },
		{ 0x86, &k->dq, true }, { 0x87, &k->qi, true }, { MODULUS, &k->n, true },
		{ 0x81, &k->e, false },
	};
	struct view v;
	int r;

	for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
		if (!without_zeros(parts[i].part).len)
			return E_ARG;
	for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
		v = without_zeros(parts[i].part);
		if ((r = put_number(card, parts[i].what, v, parts[i].zero)) != 0)
			return r;
	}
	return 0;
}

static int
import_ec(struct card *card, const struct key_parts *k, size_t bits)
{
	size_t field = (bits + 7) / 8;
	struct buf scalar = BUF_INIT_SECRET;
	struct view v = without_zeros(&k->scalar);
	int r;

	if (!v.len || v.len > field || k->point.len != 2 * field + 1)
		return E_ARG;
	buf_fill(&scalar, 0, field - v.len);
	buf_view(&scalar, v);
	if ((r = buf_err(&scalar)) == 0 && (r = put_part(card, 0x87, buf_peek(&scalar))) == 0)
		r = put_part(card, 0x86, buf_peek(&k->point));
	buf_free(&scalar);
	return r;
}

int
myeid_import(struct card *card, const struct key_ref *key, const struct key_parts *k)
{
	struct fci fci;
	int r;

	if ((r = myeid_select_file(card, &key->path, &fci)) != 0)
		return r;
	switch (fci.descriptor & 0xBF) {
	case TYPE_KEY_RSA:
		return import_rsa(card, k);
	case TYPE_KEY_EC:
		return import_ec(card, k, fci.size);
	default:
		return E_ARG;
	}
}

#include "bridges/kit/cards.h"

#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "bridges/kit/cert.h"
#include "bridges/kit/object.h"

/* Cryptoki pads texts with blanks. */
static void
put_padded(struct buf *out, const CK_UTF8CHAR *text, size_t n)
{
	while (n && (text[n - 1] == ' ' || !text[n - 1]))
		n--;
	buf_put(out, text, n);
}

static void
read_date(CK_FUNCTION_LIST *f, CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, CK_ATTRIBUTE_TYPE type, char out[11])
{
	char d[8];
	CK_ATTRIBUTE a = { type, d, sizeof d };

	out[0] = 0;
	if (f->C_GetAttributeValue(s, o, &a, 1) || a.ulValueLen != sizeof d)
		return;
	memcpy(out, d, 4);
	out[4] = '-';
	memcpy(out + 5, d + 4, 2);
	out[7] = '-';
	memcpy(out + 8, d + 6, 2);
	out[10] = 0;
}

void
kit_pin_read(CK_FUNCTION_LIST *f, CK_SESSION_HANDLE s, struct kit_pin *pin)
{
	CK_OBJECT_CLASS class = CKO_HW_FEATURE;
	CK_HW_FEATURE_TYPE type = KIT_CASTOR | 0x01;
	CK_ATTRIBUTE match[] = {
		{ CKA_CLASS, &class, sizeof class }, { CKA_HW_FEATURE_TYPE, &type, sizeof type }
	};
	CK_OBJECT_HANDLE found[KIT_OBJECTS_MAX];
	size_t n;

	memset(pin, 0, sizeof *pin);
	pin->tries = pin->tries_max = pin->puk_tries = KIT_UNKNOWN;
	if (kit_find(f, s, match, 2, found, &n) || !n)
		return;
	pin->known = true;
	pin->number = kit_attr_ulong(f, s, found[0], KIT_CASTOR | KIT_PIN_NUMBER, 0);
	pin->tries = kit_attr_ulong(f, s, found[0], KIT_CASTOR | KIT_PIN_TRIES, KIT_UNKNOWN);
	pin->tries_max = kit_attr_ulong(f, s, found[0], KIT_CASTOR | KIT_PIN_TRIES_MAX, KIT_UNKNOWN);
	pin->puk_tries = kit_attr_ulong(f, s, found[0], KIT_CASTOR | KIT_PUK_TRIES, KIT_UNKNOWN);
	pin->each_time = kit_attr_true(f, s, found[0], KIT_CASTOR | KIT_PIN_EACH_TIME);
	pin->activation = kit_attr_ulong(f, s, found[0], KIT_CASTOR | KIT_PIN_ACTIVATION, KIT_ACTIVE);
	read_date(f, s, found[0], KIT_CASTOR | KIT_PIN_CHANGED, pin->changed);
	read_date(f, s, found[0], KIT_CASTOR | KIT_PIN_EXPIRES, pin->expires);
}

/* Small letters of ASCII and Latin-1. */
static uint32_t
fold(uint32_t c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 0xC0 && c <= 0xDE && c != 0xD7) ? c + 0x20 : c;
}

/* The next character, or byte where there is none. */
static uint32_t
next(struct view *v)
{
	uint32_t c;

	if (!utf8_take(v, &c)) {
		c = v->p[0] | 0x80000000u;
		*v = view_part(*v, 1, v->len);
	}
	return fold(c);
}

bool
kit_has_text(struct view text, const char *wanted)
{
	for (;; next(&text)) {
		struct view here = text, want = view_str(wanted);

		while (want.len && here.len && next(&here) == next(&want))
			if (!want.len)
				return true;
		if (!want.len && !*wanted)
			return true;
		if (!text.len)
			return false;
	}
}

void
kit_slot_look(CK_FUNCTION_LIST *f, struct kit_slot *slot)
{
	static const struct { CK_FLAGS flag; CK_ULONG left; } user[] = {
		{ CKF_USER_PIN_LOCKED, 0 }, { CKF_USER_PIN_FINAL_TRY, 1 }
	}, so[] = { { CKF_SO_PIN_LOCKED, 0 }, { CKF_SO_PIN_FINAL_TRY, 1 } };

	f->C_GetTokenInfo(slot->id, &slot->token);
	kit_pin_read(f, slot->session, &slot->pin);
	for (size_t i = 2; i-- > 0;) {
		if (slot->pin.tries == KIT_UNKNOWN && (slot->token.flags & user[i].flag))
			slot->pin.tries = user[i].left;
		if (slot->pin.puk_tries == KIT_UNKNOWN && (slot->token.flags & so[i].flag))
			slot->pin.puk_tries = so[i].left;
	}
}

static CK_OBJECT_HANDLE
find_key(CK_FUNCTION_LIST *f, CK_SESSION_HANDLE s, const struct kit_item *item, CK_OBJECT_CLASS class)
{
	CK_ATTRIBUTE match[] = {
		{ CKA_CLASS, &class, sizeof class }, { CKA_ID, item->id.p, item->id.len }
	};
	CK_OBJECT_HANDLE found[KIT_OBJECTS_MAX];
	size_t n;

	return !item->id.len || kit_find(f, s, match, 2, found, &n) || !n ? CK_INVALID_HANDLE : found[0];
}

CK_OBJECT_HANDLE
kit_key_find(CK_FUNCTION_LIST *f, CK_SESSION_HANDLE s, const struct kit_item *item)
{
	return find_key(f, s, item, CKO_PRIVATE_KEY);
}

CK_RV
kit_slot_write(CK_FUNCTION_LIST *f, struct kit_slot *slot)
{
	if (slot->session)
		f->C_CloseSession(slot->session);
	slot->session = CK_INVALID_HANDLE;
	return f->C_OpenSession(slot->id, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &slot->session);
}

static CK_RV
read_item(CK_FUNCTION_LIST *f, CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, bool is_cert, struct kit_item *item)
{
	struct buf der = BUF_INIT;
	CK_RV rv;

	memset(item, 0, sizeof *item);
	if ((rv = kit_attr(f, s, o, CKA_ID, &item->id)) && rv != CKR_ATTRIBUTE_TYPE_INVALID)
		return rv;
	if ((rv = kit_attr(f, s, o, CKA_LABEL, &item->label)) && rv != CKR_ATTRIBUTE_TYPE_INVALID)
		return rv;
	if (!is_cert) {
		item->has_key = true;
		return CKR_OK;
	}
	if (!(rv = kit_attr(f, s, o, CKA_VALUE, &der))) {
		item->cert = kit_cert_read(buf_peek(&der));
		/* the private one is not seen before a login */
		item->has_key = find_key(f, s, item, CKO_PUBLIC_KEY) || find_key(f, s, item, CKO_PRIVATE_KEY);
	}
	buf_free(&der);
	return rv;
}

static bool
has_id(const struct kit_slot *slot, const struct kit_item *item)
{
	for (size_t i = 0; i < slot->nitem; i++)
		if (view_eq(buf_peek(&slot->item[i].id), buf_peek(&item->id)))
			return true;
	return false;
}

static void
item_free(struct kit_item *item)
{
	buf_free(&item->id);
	buf_free(&item->label);
	X509_free(item->cert);
}

/* All certificates, or the public keys that none of them belongs to: they stand for the private ones,
 * which are not seen before a login. */
static CK_RV
read_class(CK_FUNCTION_LIST *f, struct kit_slot *slot, CK_OBJECT_CLASS class)
{
	CK_ATTRIBUTE match = { CKA_CLASS, &class, sizeof class };
	CK_OBJECT_HANDLE found[KIT_OBJECTS_MAX];
	struct kit_item *more;
	size_t n;
	CK_RV rv;

	if ((rv = kit_find(f, slot->session, &match, 1, found, &n)) || !n)
		return rv;
	if (!(more = realloc(slot->item, (slot->nitem + n) * sizeof *more)))
		return CKR_HOST_MEMORY;
	slot->item = more;
	for (size_t i = 0; i < n && !rv; i++) {
		struct kit_item item;

		rv = read_item(f, slot->session, found[i], class == CKO_CERTIFICATE, &item);
		if (rv || (class != CKO_CERTIFICATE && has_id(slot, &item)))
			item_free(&item);
		else
			slot->item[slot->nitem++] = item;
	}
	return rv;
}

static void
read_token(CK_FUNCTION_LIST *f, bool bodies, struct kit_slot *slot)
{
	slot->present = true;
	if ((slot->rv = f->C_GetTokenInfo(slot->id, &slot->token))) {
		slot->present = slot->rv != CKR_TOKEN_NOT_PRESENT;
		return;
	}
	put_padded(&slot->label, slot->token.label, sizeof slot->token.label);
	put_padded(&slot->serial, slot->token.serialNumber, sizeof slot->token.serialNumber);
	put_padded(&slot->model, slot->token.model, sizeof slot->token.model);
	put_padded(&slot->maker, slot->token.manufacturerID, sizeof slot->token.manufacturerID);
	if (!bodies || (slot->rv = f->C_OpenSession(slot->id, CKF_SERIAL_SESSION, NULL, NULL, &slot->session)))
		return;
	kit_slot_look(f, slot);
	if (!(slot->rv = read_class(f, slot, CKO_CERTIFICATE)))
		slot->rv = read_class(f, slot, CKO_PUBLIC_KEY);
}

static void
slot_free(CK_FUNCTION_LIST *f, struct kit_slot *slot)
{
	if (slot->session)
		f->C_CloseSession(slot->session);
	for (size_t i = 0; i < slot->nitem; i++)
		item_free(slot->item + i);
	free(slot->item);
	buf_free(&slot->reader);
	buf_free(&slot->label);
	buf_free(&slot->serial);
	buf_free(&slot->model);
	buf_free(&slot->maker);
}

/* False: the slot is one of a reader that is not wanted. */
static bool
read_slot(CK_FUNCTION_LIST *f, bool bodies, const char *reader, struct kit_slot *slot)
{
	CK_SLOT_INFO info;

	memset(&info, 0, sizeof info);
	slot->rv = f->C_GetSlotInfo(slot->id, &info);
	put_padded(&slot->reader, info.slotDescription, sizeof info.slotDescription);
	if (reader && !kit_has_text(buf_peek(&slot->reader), reader)) {
		slot_free(f, slot);
		memset(slot, 0, sizeof *slot);
		return false;
	}
	if (!slot->rv && (info.flags & CKF_TOKEN_PRESENT))
		read_token(f, bodies, slot);
	return true;
}

CK_RV
kit_cards_read(CK_FUNCTION_LIST *f, bool bodies, const char *reader, struct kit_cards *out)
{
	CK_SLOT_ID *ids = NULL;
	CK_ULONG n = 0;
	CK_RV rv;

	memset(out, 0, sizeof *out);
	out->f = f;
	if ((rv = f->C_GetSlotList(CK_FALSE, NULL, &n)) || !n)
		return rv;
	ids = calloc(n, sizeof *ids);
	out->slot = calloc(n, sizeof *out->slot);
	rv = ids && out->slot ? f->C_GetSlotList(CK_FALSE, ids, &n) : CKR_HOST_MEMORY;
	for (CK_ULONG i = 0; !rv && i < n; i++) {
		out->slot[out->nslot].id = ids[i];
		if (read_slot(f, bodies, reader, out->slot + out->nslot))
			out->nslot++;
		else
			out->others++;
	}
	free(ids);
	return rv;
}

void
kit_cards_free(struct kit_cards *c)
{
	for (size_t i = 0; i < c->nslot; i++)
		slot_free(c->f, c->slot + i);
	free(c->slot);
	memset(c, 0, sizeof *c);
}

bool
kit_same_reader(const struct kit_slot *a, const struct kit_slot *b)
{
	/* names are cut to 64 bytes, so that the numbers must fit, too: libcryptoki(7) */
	return view_eq(buf_peek(&a->reader), buf_peek(&b->reader)) && b->id == a->id + 1 && a->id % 2 == 0;
}

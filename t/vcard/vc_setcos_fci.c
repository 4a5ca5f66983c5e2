/*
 * Security attributes and FCI of SetCOS. 4.3 has six bytes, one for each deed; 4.4 and the applet have a
 * list, of which each field names the deeds (bits) and the PIN that they want. Source: facts on SetCOS 3.2
 * to 3.4.
 */
#include <string.h>

#include "t/vcard/vc_setcos.h"

#define ATTR_MAX 40
#define NO (-1)

/* A list's field: low nibble = bytes after the header. */
enum { FIELD_ALWAYS = 0x01, FIELD_PIN = 0x02, FIELD_KEY = 0x20, FIELD_ADAPTIVE = 0x80 };
#define FIELD_LENGTH 0x0F
#define INS_PSO 0x2A
#define NATIVE_REF 0x07         /* a native card's PIN in an attribute; the applet's has bit 8 too */

enum { KIND_DF, KIND_EF, KIND_KEY };

/* Deeds by bit of a list's field. */
static const int bits_44[][8] = {
	[KIND_DF] = { VC_ISO_DELETE, VC_ISO_CREATE, VC_ISO_CREATE, VC_ISO_INVALIDATE, VC_ISO_REHABILITATE,
		VC_ISO_LOCK, VC_ISO_DELETE_IN, NO },
	[KIND_EF] = { VC_ISO_READ, VC_ISO_UPDATE, VC_ISO_WRITE, VC_ISO_INVALIDATE, VC_ISO_REHABILITATE, NO,
		VC_ISO_ERASE, NO },
	[KIND_KEY] = { VC_ISO_READ, VC_ISO_ERASE, VC_ISO_UPDATE, VC_ISO_INVALIDATE, VC_ISO_REHABILITATE, NO,
		VC_ISO_ERASE, NO },
};

/* Deeds by byte of 4.3's attributes; a DF can always be selected. */
static const int bytes_43[][6] = {
	[KIND_DF] = { NO, VC_ISO_LOCK, VC_ISO_DELETE, VC_ISO_CREATE, VC_ISO_REHABILITATE, VC_ISO_INVALIDATE },
	[KIND_EF] = { VC_ISO_READ, VC_ISO_UPDATE, VC_ISO_WRITE, VC_ISO_ERASE, VC_ISO_REHABILITATE,
		VC_ISO_INVALIDATE },
	[KIND_KEY] = { VC_ISO_READ, VC_ISO_UPDATE, VC_ISO_WRITE, VC_ISO_ERASE, VC_ISO_REHABILITATE,
		VC_ISO_INVALIDATE },
};

static int kind_of(const struct vc_file *f)
{
	return f->type == VC_DF ? KIND_DF : f->type == VC_RSA ? KIND_KEY : KIND_EF;
}

/*
 * One byte of 4.3. Programs disagree on which nibble counts (the one who writes fills the low one, who reads
 * looks at the high one), so both say the same.
 */
static uint8_t byte_43(uint8_t need)
{
	return need == VC_ALWAYS || need == VC_NEVER ? need : (uint8_t)((need & 0x0F) * 0x11);
}

static size_t attr_43(const struct vc_file *f, uint8_t *out)
{
	const int *deeds = bytes_43[kind_of(f)];
	size_t i;

	for (i = 0; i < 6; i++)
		out[i] = deeds[i] == NO ? 0x00 : byte_43(vc_iso_file(f)->right[deeds[i]]);
	if (vc_file_is_key(f))
		out[0] = 0xFF;          /* nothing of a key is read here: there is no GET DATA */
	return 6;
}

/* The deeds that want `need`, as bits. */
static uint8_t deeds_44(const struct vc_file *f, uint8_t need)
{
	const int *deeds = bits_44[kind_of(f)];
	unsigned bits = 0, i;

	for (i = 0; i < 8; i++)
		if (deeds[i] != NO && vc_iso_file(f)->right[deeds[i]] == need)
			bits |= 1U << i;
	return (uint8_t)bits;
}

static size_t attr_44(const struct vc_card *c, const struct vc_file *f, uint8_t *out)
{
	uint8_t mask = vc_setcos_type(c)->applet ? 0xFF : NATIVE_REF, bits;
	uint8_t use = vc_iso_file(f)->right[VC_ISO_USE];
	unsigned ref;
	size_t n = 0;

	bits = deeds_44(f, VC_ALWAYS);
	if (bits != 0) {
		out[n++] = FIELD_ALWAYS;
		out[n++] = bits;
	}
	for (ref = 1; ref < VC_SM && n + 7 < ATTR_MAX; ref++) {
		bits = deeds_44(f, (uint8_t)ref);
		if (bits == 0)
			continue;
		out[n++] = FIELD_PIN;
		out[n++] = bits;
		out[n++] = (uint8_t)(ref & mask);
	}
	if (vc_file_is_key(f) && use != VC_ALWAYS && use != VC_NEVER) {
		out[n++] = FIELD_ADAPTIVE | 3;
		out[n++] = 0x01;
		out[n++] = INS_PSO;
		out[n++] = use & mask;
	}
	return n;
}

static bool rights_43(struct vc_file *f, const uint8_t *attr, size_t len)
{
	const int *deeds = bytes_43[kind_of(f)];
	size_t i;
	unsigned nibble;

	if (len < 6)
		return false;
	for (i = 0; i < 6; i++) {
		if (deeds[i] == NO)
			continue;
		nibble = attr[i] >> 4 != 0 ? attr[i] >> 4 : attr[i] & 0x0F;
		vc_iso_file(f)->right[deeds[i]] = nibble == 0x0F ? VC_NEVER : (uint8_t)nibble;
	}
	return true;
}

static void set_deeds(struct vc_file *f, uint8_t bits, uint8_t need)
{
	const int *deeds = bits_44[kind_of(f)];
	unsigned i;

	for (i = 0; i < 8; i++)
		if ((bits & 1U << i) && deeds[i] != NO)
			vc_iso_file(f)->right[deeds[i]] = need;
}

/* One field of a list. A key where a PIN could be: nobody has it, so the deed is never. */
static void field_44(struct vc_file *f, uint8_t head, const uint8_t *p, size_t len)
{
	uint8_t need = len > 1 ? p[len - 1] : VC_ALWAYS;

	if (head & FIELD_KEY)
		need = VC_NEVER;
	if (!(head & FIELD_ADAPTIVE))
		set_deeds(f, p[0], need);
	else if (len >= 2 && p[1] == INS_PSO)
		vc_iso_file(f)->right[VC_ISO_USE] = len > 2 ? need : VC_ALWAYS;
}

bool vc_setcos_rights(const struct vc_card *c, struct vc_file *f, const uint8_t *attr, size_t len)
{
	size_t n;

	memset(vc_iso_file(f)->right, VC_NEVER, sizeof vc_iso_file(f)->right);
	if (!vc_setcos_type(c)->lists)
		return rights_43(f, attr, len);
	while (len != 0) {
		n = attr[0] & FIELD_LENGTH;
		if (n == 0 || n > len - 1)
			return false;
		field_44(f, attr[0], attr + 1, n);
		attr += 1 + n;
		len -= 1 + n;
	}
	return true;
}

static void put(struct vc_blob *fci, unsigned tag, const void *p, size_t len)
{
	vc_blob_byte(fci, tag);
	vc_blob_byte(fci, (unsigned)len);
	vc_blob_add(fci, p, len);
}

static void put16(struct vc_blob *fci, unsigned tag, size_t value)
{
	const uint8_t p[2] = { (uint8_t)(value >> 8), (uint8_t)value };

	put(fci, tag, p, sizeof p);
}

/* Bytes of an EF; a key's are its modulus', a DF's two and two more for each file in it. */
static size_t size_of(const struct vc_card *c, const struct vc_file *f)
{
	const struct vc_file *child;
	size_t n = 2;

	if (f->type == VC_EF)
		return f->size;
	if (f->type != VC_DF && vc_setcos_type(c)->applet)
		return 0;
	if (f->type == VC_RSA)
		return vc_key_bytes(f);
	if (f->type == VC_SECRET)
		return SETCOS_PIN_RECORD * SETCOS_PIN_RECORDS;
	for (child = c->files; child != NULL; child = child->next)
		n += child->parent == f ? 2 : 0;
	return n;
}

static void put_template(struct vc_blob *out, const struct vc_blob *fci)
{
	put(out, 0x6F, fci->p, fci->len);
}

void vc_setcos_fci_43(const struct vc_card *c, const struct vc_file *f, struct vc_blob *out)
{
	/* Descriptor bytes of ISO/IEC 7816-4, an internal EF for a key (a guess). */
	static const uint8_t types[] = { [KIND_DF] = 0x38, [KIND_EF] = 0x01, [KIND_KEY] = 0x09 };
	static const uint8_t prop[3];
	uint8_t attr[ATTR_MAX];
	struct vc_blob fci;

	fci.len = 0;
	put16(&fci, 0x81, f->type == VC_DF ? 0 : size_of(c, f));
	put(&fci, 0x82, &types[kind_of(f)], 1);
	put16(&fci, 0x83, f->fid);
	if (f->name_len != 0)
		put(&fci, 0x84, f->name, f->name_len);
	put(&fci, 0x85, prop, sizeof prop);
	put(&fci, 0x86, attr, attr_43(f, attr));
	put_template(out, &fci);
}

void vc_setcos_fci_44(const struct vc_card *c, const struct vc_file *f, struct vc_blob *out)
{
	static const uint8_t types[] = { [KIND_DF] = 0x38, [KIND_EF] = 0x01, [KIND_KEY] = 0x11 };
	/* A file of PINs: fixed records, their length and number. */
	static const uint8_t pins[] = { 0x0A, 0x41, 0x00, SETCOS_PIN_RECORD, SETCOS_PIN_RECORDS };
	/* The MF's own PINs, no keys. */
	static const uint8_t mf_pins[] = { 0xC1, 0x04, 0x81, 0x82, 0x83, 0x84, 0xC2, 0x00 };
	const struct vc_setcos_type *type = vc_setcos_type(c);
	uint8_t attr[ATTR_MAX];
	struct vc_blob fci;

	fci.len = 0;
	put16(&fci, 0x81, size_of(c, f));
	if (f->type == VC_SECRET)
		put(&fci, 0x82, pins, type->applet ? 1 : sizeof pins);
	else
		put(&fci, 0x82, &types[kind_of(f)], 1);
	put16(&fci, 0x83, f->fid);
	if (f->type == VC_DF && f->name_len != 0)
		put(&fci, 0x84, f->name, f->name_len);
	else if (f->type == VC_DF)
		put16(&fci, 0x84, f->fid);
	put(&fci, 0x86, attr, attr_44(c, f, attr));
	put(&fci, 0x8A, &vc_iso_file(f)->status, 1);
	if (f->type == VC_DF && f->parent == NULL && !type->applet)
		put(&fci, 0xA5, mf_pins, sizeof mf_pins);
	else if (f->type == VC_DF)
		put(&fci, 0xA5, type->df_pins, type->df_pins_len);
	put_template(out, &fci);
}

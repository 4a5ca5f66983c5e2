/* Security data objects of an organisation card: what it tells of PINs, keys and environments. */
#include <string.h>

#include "t/vcard/vc_iasecc.h"

enum { CHV = 0x81, PRIVATE = 0x90, PUBLIC = 0xA0, ENVIRONMENT = 0xFB };        /* second byte of the tag */

/* What is asked for: `4D L 70 L BF class ref L tag 80`. */
struct ask { uint8_t class, ref; unsigned tag; };

static bool ask_parse(const struct vc_cmd *cmd, struct ask *ask)
{
	const uint8_t *d = cmd->data;
	size_t n = cmd->lc;

	if ((n != 10 && n != 11) || d[0] != 0x4D || d[1] != n - 2 || d[2] != 0x70 || d[3] != n - 4 ||
	    d[4] != 0xBF || d[7] != n - 8 || d[n - 1] != 0x80)
		return false;
	ask->class = d[5];
	ask->ref = d[6];
	ask->tag = n == 10 ? d[8] : (unsigned)(d[8] << 8 | d[9]);
	return true;
}

/* `70 L BF class ref L` around the value. */
static uint16_t put_object(
	const struct ask *ask, const uint8_t *value, size_t len, struct vc_blob *out)
{
	const uint8_t head[] = { 0x70, (uint8_t)(len + 4), 0xBF, ask->class, ask->ref, (uint8_t)len };

	return vc_blob_add(out, head, sizeof head) && vc_blob_add(out, value, len) ? SW_OK : SW_ERROR;
}

/* How long a PIN is, on cards that tell (`pin-attributes`): most or fewest digits. */
static uint16_t get_lengths(const struct vc_pin *pin, const struct ask *ask, struct vc_blob *out)
{
	const uint8_t value[] = { 0x7F, 0x41, 0x06, 0x80, 0x01, pin->digits, 0x81, 0x01, pin->min };

	return put_object(ask, value, sizeof value, out);
}

/*
 * Tries and access conditions, by contact (8C) and without (9C): CHANGE and VERIFY are free, RESET is for
 * who satisfies environment 3, PUT DATA for its keys. Source: the object in the facts on IAS-ECC, 5.1.
 */
static uint16_t get_chv(struct vc_card *c, const struct ask *ask, struct vc_blob *out)
{
	const struct vc_pin *pin = vc_iasecc_pin(c, ask->ref);
	uint8_t value[] = { 0xA0, 0x18, 0x9A, 0x01, 0, 0x9B, 0x01, 0, 0xA1, 0x10, 0x8C, 0x06, 0xF3, 0x00,
		0x00, 0x73, 0x43, 0x00, 0x9C, 0x06, 0xF3, 0x00, 0x00, 0x73, 0x43, 0x00 };

	if (pin != NULL && ask->tag == 0x7F41 && c->pin_attributes)
		return get_lengths(pin, ask, out);
	if (pin == NULL || ask->tag != 0xA0)
		return SW_REF_NOT_FOUND;
	value[4] = pin->max;
	value[7] = pin->tries;
	if (pin->unblocking)
		value[13] = value[15] = value[21] = value[23] = 0xFF;
	return put_object(ask, value, sizeof value, out);
}

/* The key whose object has that number: the local bit is not in it. */
static const struct vc_file *key_of(const struct vc_card *c, unsigned ref)
{
	const struct vc_file *key = vc_iasecc_key(c, ref);

	return key != NULL ? key : vc_iasecc_key(c, ref | IASECC_LOCAL);
}

static uint16_t get_private(struct vc_card *c, const struct ask *ask, struct vc_blob *out)
{
	const struct vc_file *key = key_of(c, ask->ref);
	uint8_t value[] = { 0xA0, 0x18, 0x80, 0x02, 0, 0, 0xA1, 0x12, 0x8C, 0x07, 0x7B, 0xFF, 0xFF, 0xFF,
		0xFF, 0xFF, 0x00, 0x9C, 0x07, 0x7B, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x00 };
	uint8_t condition;

	if (key == NULL || ask->tag != 0xA0)
		return SW_REF_NOT_FOUND;
	condition = key->pin != 0 ? (uint8_t)(0x10 | key->pin) : 0x00;
	value[4] = (uint8_t)(vc_key_bytes(key) >> 8);
	value[5] = (uint8_t)vc_key_bytes(key);
	if (key->use & VC_SIGN)
		value[11] = value[20] = condition;
	if (key->use & VC_DECIPHER)
		value[13] = value[22] = condition;
	return put_object(ask, value, sizeof value, out);
}

/* The public half is in the certificate alone. */
static uint16_t get_public(struct vc_card *c, const struct ask *ask, struct vc_blob *out)
{
	(void)out;
	return key_of(c, ask->ref) != NULL ? SW_P1P2 : SW_REF_NOT_FOUND;
}

/* The environment of a PIN's number: an authentication template that names its reference. */
static uint16_t get_environment(struct vc_card *c, const struct ask *ask, struct vc_blob *out)
{
	const struct vc_pin *pin = vc_pin_get(c, ask->ref);
	uint8_t value[] = { 0x7B, 0x08, 0xA4, 0x06, 0x95, 0x01, 0x08, 0x83, 0x01, 0 };

	if (pin == NULL || ask->tag != 0x7B)
		return SW_REF_NOT_FOUND;
	value[9] = pin->ref;
	return put_object(ask, value, sizeof value, out);
}

static const struct {
	uint8_t class;
	uint16_t (*run)(struct vc_card *, const struct ask *, struct vc_blob *);
} classes[] = {
	{ CHV, get_chv },
	{ PRIVATE, get_private },
	{ PUBLIC, get_public },
	{ ENVIRONMENT, get_environment },
};

uint16_t vc_iasecc_get(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out)
{
	struct ask ask;
	size_t i;

	if (cmd->lc == 0)
		return SW_LENGTH;
	/* 00FF is where citizens' cards tell PINs. */
	if (cmd->p1 != 0x3F || cmd->p2 != 0xFF)
		return SW_REF_NOT_FOUND;
	if (!ask_parse(cmd, &ask))
		return SW_DATA;
	for (i = 0; i < sizeof classes / sizeof classes[0]; i++)
		if (classes[i].class == ask.class)
			return classes[i].run(c, &ask, out);
	return SW_REF_NOT_FOUND;
}

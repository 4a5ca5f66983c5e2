/* Card images: YAML to a card. The schema is castor-vcard(1)'s; every error names its line. */
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "t/vcard/vc_card.h"
#include "t/vcard/vc_pace.h"
#include "t/vcard/vc_yaml.h"

const struct vc_model *const vc_models[] = { &vc_myeid, &vc_fineid, &vc_iasecc, &vc_setcos, &vc_miocos, &vc_mute,
	NULL };

static const char image_keys[] = " schema extends os atr version serial activated t0 max-read pins files without "
				 "change-opens pin-attributes pace ";
static const char pace_keys[] = " can curve cipher demand delay max mf-ends ";
static const char pin_keys[] = " number value ref block pad min max-digits local puk unblocked-by unblocking "
			       "tries max puk-tries puk-max changed each-use ";
static const char file_keys[] = " path type size bits fill content key name read ref pin use ";

static const struct { const char *name; uint8_t type; } file_types[] = {
	{ "ef", VC_EF }, { "df", VC_DF }, { "rsa", VC_RSA }, { "ec", VC_EC }, { "aes", VC_AES },
	{ "3des", VC_3DES }, { "secret", VC_SECRET },
};

/* --- files --- */

static void load_ef(struct vc_yaml *y, yaml_node_t *map, struct vc_card *c, struct vc_file *parent,
	uint16_t fid)
{
	struct vc_file *f;
	uint8_t fill = 0xFF, *p = NULL;
	size_t len = 0;
	long size;

	vc_content(y, map, &p, &len);
	vcy_hex(y, map, "fill", &fill, 1, 1);
	size = vcy_number(y, map, "size", (long)len, 0, 32767);
	if (!y->failed && (size_t)size < len)
		vcy_fail(y, map, "the content has %zu bytes, the file %ld", len, size);
	f = y->failed ? NULL : vc_file_add(c, parent, fid, VC_EF, (size_t)size);
	if (f != NULL && size != 0) {
		memset(f->data, fill, (size_t)size);
		if (len != 0)
			memcpy(f->data, p, len);
	}
	free(p);
}

static void load_key(struct vc_yaml *y, yaml_node_t *map, const struct vc_card *c, struct vc_file *f)
{
	const char *name = vcy_text(y, map, "key");
	EVP_PKEY *key;
	size_t len;
	uint8_t *p;
	BIO *b;

	if (name == NULL)
		return;
	p = vcy_slurp(y, map, name, &len);
	if (p == NULL)
		return;
	if (f->type == VC_RSA || f->type == VC_EC) {
		b = BIO_new_mem_buf(p, (int)len);
		key = b != NULL ? PEM_read_bio_PrivateKey(b, NULL, NULL, NULL) : NULL;
		if (key != NULL && f->size == 0)
			f->size = (size_t)EVP_PKEY_get_bits(key);
		if (c->model->key_fits != NULL && !c->model->key_fits(c, f->type, f->size))
			vcy_fail(y, map, "a card of this version has no key of this type and %zu bits",
				f->size);
		if (!vc_key_take(f, key))
			vcy_fail(y, map, "%s is no %zu bit key of this type", name, f->size);
		BIO_free(b);
		ERR_clear_error();
		free(p);
	} else if (len == f->size / 8) {
		f->data = p;
	} else {
		vcy_fail(y, map, "%s does not have %zu bits", name, f->size);
		free(p);
	}
}

/* Who reads, and of a key: its reference, its PIN, its uses. */
static void load_access(struct vc_yaml *y, yaml_node_t *map, struct vc_file *f)
{
	static const char uses[] = "sign decipher derive";
	const char *read = vcy_text(y, map, "read"), *list;
	char bits[64];

	if (read == NULL || strcmp(read, "always") == 0)
		f->read = VC_ALWAYS;
	else if (strcmp(read, "never") == 0)
		f->read = VC_NEVER;
	else if (strcmp(read, "sm") == 0)
		f->read = VC_SM;
	else
		f->read = (uint8_t)vcy_number(y, map, "read", 0, 1, VC_PINS - 1);
	f->ref = (uint8_t)vcy_number(y, map, "ref", 0, 0, 255);
	f->pin = (uint8_t)vcy_number(y, map, "pin", 0, 0, VC_PINS - 1);
	list = vcy_bits(y, map, "use", uses, bits);
	for (; list != NULL && *list != '\0'; list++)
		if (*list != ',')
			f->use = (uint8_t)(f->use | 1U << (*list - '0'));
}

/* A path of `without`: the file of the base is not on the card. */
static void remove_file(struct vc_yaml *y, yaml_node_t *n, void *arg)
{
	struct vc_card *c = arg;
	uint8_t path[16];
	int len = vcy_scalar(n) != NULL ? vc_hex(vcy_scalar(n), path, sizeof path) : -1;
	struct vc_file *f = len >= 2 ? vc_file_path(c, c->files, path, (size_t)len) : NULL;

	if (f == NULL)
		vcy_fail(y, n, "'without' must name files that are there");
	else
		vc_file_remove(c, f);
}

/* The place of a file; the DF above it must be there. NULL with an error set. */
static struct vc_file *file_place(struct vc_yaml *y, yaml_node_t *map, struct vc_card *c, uint16_t *fid)
{
	uint8_t path[16];
	struct vc_file *parent;
	size_t n = vcy_hex(y, map, "path", path, 2, sizeof path);

	if (n < 2 || n % 2 != 0)
		vcy_fail(y, map, "'path' must be the hex of file identifiers below the MF");
	if (y->failed)
		return NULL;
	parent = vc_file_path(c, c->files, path, n - 2);
	*fid = (uint16_t)(path[n - 2] << 8 | path[n - 1]);
	if (parent == NULL || parent->type != VC_DF)
		vcy_fail(y, map, "there is no DF above this file");
	else if (vc_file_child(c, parent, *fid) != NULL)
		vcy_fail(y, map, "file %04X is there already", *fid);
	return y->failed ? NULL : parent;
}

static void load_file(struct vc_yaml *y, yaml_node_t *map, void *arg)
{
	struct vc_card *c = arg;
	struct vc_file *parent, *f;
	const char *type;
	size_t i = 0;
	uint16_t fid;

	if (!vcy_is_map(y, map, file_keys, c->model->file_keys))
		return;
	type = vcy_text(y, map, "type");
	while (type != NULL && i < sizeof file_types / sizeof file_types[0] &&
		strcmp(file_types[i].name, type) != 0)
		i++;
	if (i == sizeof file_types / sizeof file_types[0])
		vcy_fail(y, map, "unknown file type '%s'", type);
	parent = file_place(y, map, c, &fid);
	if (parent == NULL)
		return;
	if (file_types[i].type == VC_EF)
		load_ef(y, map, c, parent, fid);
	else
		vc_file_add(c, parent, fid, file_types[i].type,
			(size_t)vcy_number(y, map, "bits", 0, 1, 4096));
	f = vc_file_child(c, parent, fid);
	if (f == NULL) {
		vcy_fail(y, map, "out of memory");
		return;
	}
	f->name_len = vcy_hex(y, map, "name", f->name, 1, sizeof f->name);
	load_access(y, map, f);
	if (vc_file_is_key(f))
		load_key(y, map, c, f);
	if (c->model->load_file != NULL)
		c->model->load_file(y, map, c, f);
	if (!y->failed && vc_file_is_key(f) && c->model->key_fits != NULL &&
		!c->model->key_fits(c, f->type, f->size))
		vcy_fail(y, map, "a card of this version has no key of this type and %zu bits",
			f->size);
}

/* --- PINs --- */

/* A value padded as the PIN is. */
static void pin_value(struct vc_yaml *y, yaml_node_t *map, const char *name, const struct vc_pin *pin,
	struct vc_value *value)
{
	const char *s = vcy_text(y, map, name);

	if (!vc_pin_pad(pin, s != NULL ? s : "", value))
		vcy_fail(y, map, "'%s' must have 1 to %d characters", name,
			pin->block != 0 ? pin->block : VC_PIN_MAX);
}

/* What unblocks it: a value of its own, another PIN, or nothing. */
static void load_puk(struct vc_yaml *y, yaml_node_t *map, struct vc_pin *pin)
{
	pin->puk_number = (uint8_t)vcy_number(y, map, "unblocked-by", 0, 1, VC_PINS - 1);
	if (vcy_get(y, map, "puk") != NULL)
		pin_value(y, map, "puk", pin, &pin->puk);
	if (pin->puk_number != 0 && pin->puk.len != 0)
		vcy_fail(y, map, "a PIN has 'puk' or 'unblocked-by', not both");
	pin->puk_max = (uint8_t)vcy_number(y, map, "puk-max", 10, 0, 15);
	pin->puk_tries = (uint8_t)vcy_number(y, map, "puk-tries", pin->puk_max, 0, 15);
}

static void load_pin(struct vc_yaml *y, yaml_node_t *map, void *arg)
{
	struct vc_card *c = arg;
	struct vc_pin *pin;
	uint8_t local[2];
	long number;

	if (!vcy_is_map(y, map, pin_keys, c->model->pin_keys))
		return;
	number = vcy_number(y, map, "number", 0, 1, VC_PINS - 1);
	pin = &c->pin[number];
	if (y->failed || number == 0 || pin->set) {
		vcy_fail(y, map, "a PIN needs a number of its own");
		return;
	}
	pin->ref = (uint8_t)vcy_number(y, map, "ref", number, 1, 255);
	pin->block = (uint8_t)vcy_number(y, map, "block", c->model->pin_block, 0, VC_PIN_MAX);
	pin->pad = (uint8_t)vcy_number(y, map, "pad", c->model->pin_pad, 0, 255);
	pin->digits = (uint8_t)vcy_number(
		y, map, "max-digits", pin->block != 0 ? pin->block : 8, 1, VC_PIN_MAX);
	pin->min = (uint8_t)vcy_number(y, map, "min", 4, 1, pin->digits);
	if (vcy_hex(y, map, "local", local, 2, 2) == 2)
		pin->local = (uint16_t)(local[0] << 8 | local[1]);
	pin_value(y, map, "value", pin, &pin->pin);
	load_puk(y, map, pin);
	pin->max = (uint8_t)vcy_number(y, map, "max", 3, 1, 15);
	pin->tries = (uint8_t)vcy_number(y, map, "tries", pin->max, 0, 15);
	pin->unblocking = vcy_boolean(y, map, "unblocking", false);
	pin->each_use = vcy_boolean(y, map, "each-use", false);
	pin->changed = vcy_boolean(y, map, "changed", true);
	if (c->model->load_pin != NULL)
		c->model->load_pin(y, map, c, (unsigned)number);
	pin->set = true;
}

/* --- the card --- */

static void load_version(struct vc_yaml *y, struct vc_card *c)
{
	const char *s = vcy_text(y, y->root, "version");
	unsigned v[3] = { 0, 0, 0 };
	char rest;
	int n, i;

	if (s == NULL)
		s = "4.5.5";
	n = sscanf(s, "%3u.%3u.%3u%c", &v[0], &v[1], &v[2], &rest);
	if (n < 2 || n > 3 || v[0] > 255 || v[1] > 255 || v[2] > 255) {
		vcy_fail(y, vcy_get(y, y->root, "version"), "'version' must be like 4.5.5");
		return;
	}
	for (i = 0; i < 3; i++)
		c->version[i] = (uint8_t)v[i];
}

/* The model, and its own memory. */
static void load_os(struct vc_yaml *y, struct vc_card *c)
{
	const char *os = vcy_text(y, y->root, "os");
	const struct vc_model *const *at;
	char known[128] = "";

	for (at = vc_models; *at != NULL; at++) {
		if (os != NULL && strcmp(os, (*at)->name) == 0)
			break;
		snprintf(known + strlen(known), sizeof known - strlen(known), " %s", (*at)->name);
	}
	c->model = *at != NULL ? *at : &vc_mute;
	if (*at == NULL)
		vcy_fail(y, y->root, "'os' must be one of%s", known);
	if (c->model->state_size != 0) {
		c->state = calloc(1, c->model->state_size);
		if (c->state == NULL)
			vcy_fail(y, y->root, "out of memory");
	}
}

/* PACE and the channel around the card; `max` 0 is what the cipher's cards take. */
static void load_pace(struct vc_yaml *y, struct vc_card *c)
{
	struct vc_pace_setup setup = { .can = NULL };
	yaml_node_t *map = vcy_get(y, y->root, "pace");
	const char *what;

	if (y->base != NULL && map != NULL && map == vcy_get(y->base, y->base->root, "pace"))
		y = y->base;
	if (map == NULL || !vcy_is_map(y, map, pace_keys, NULL))
		return;
	setup.can = vcy_text(y, map, "can");
	setup.curve = vcy_text(y, map, "curve");
	setup.cipher = vcy_text(y, map, "cipher");
	setup.mf_ends = vcy_text(y, map, "mf-ends");
	setup.demand = vcy_boolean(y, map, "demand", false);
	setup.delay = (unsigned)vcy_number(y, map, "delay", 0, 0, 60000);
	setup.max = (size_t)vcy_number(y, map, "max", 0, 32, 255);
	if (y->failed)
		return;
	c->pace = vc_pace_new(&setup, &what);
	if (c->pace == NULL)
		vcy_fail(y, map, "%s", what);
}

static void load_root(struct vc_yaml *y, struct vc_card *c)
{
	load_os(y, c);
	if (y->failed || !vcy_is_map(y, y->root, image_keys, c->model->image_keys) ||
	    (y->base != NULL && !vcy_is_map(y->base, y->base->root, image_keys, c->model->image_keys)))
		return;
	vcy_number(y, y->root, "schema", 1, 1, 1);
	c->atr_len = vcy_hex(y, y->root, "atr", c->atr, 2, sizeof c->atr);
	if (c->atr_len == 0 || (c->atr[0] != 0x3B && c->atr[0] != 0x3F))
		vcy_fail(y, y->root, "'atr' must be hex and begin with 3B or 3F");
	load_version(y, c);
	c->serial_len = vcy_hex(y, y->root, "serial", c->serial, 1, sizeof c->serial);
	c->t0 = vcy_boolean(y, y->root, "t0", false);
	c->max_read = (size_t)vcy_number(y, y->root, "max-read", 256, 1, 256);
	c->change_opens = vcy_boolean(y, y->root, "change-opens", false);
	c->pin_attributes = vcy_boolean(y, y->root, "pin-attributes", false);
	c->df = vc_file_add(c, NULL, 0x3F00, VC_DF, 0);
	if (c->df == NULL)
		vcy_fail(y, y->root, "out of memory");
	if (!y->failed && c->model->load != NULL)
		c->model->load(y, c);
	vcy_each(y, "pins", load_pin, c);
	vcy_each(y, "files", load_file, c);
	vcy_each(y, "without", remove_file, c);
	c->activated = vcy_boolean(y, y->root, "activated", true);
	load_pace(y, c);
}

void vc_card_free(struct vc_card *c)
{
	if (c == NULL)
		return;
	vc_files_clear(c);
	vc_pace_free(c->pace);
	if (c->model->gone != NULL && c->state != NULL)
		c->model->gone(c);
	if (c->state != NULL)
		OPENSSL_cleanse(c->state, c->model->state_size);
	free(c->state);
	OPENSSL_cleanse(c, sizeof *c);
	free(c);
}

/* The image that `extends` names, one level deep. */
static void open_base(struct vc_yaml *y, struct vc_yaml *base, char **path)
{
	const char *name = vcy_text(y, y->root, "extends");

	if (name == NULL)
		return;
	*path = vcy_beside(y, name);
	if (*path == NULL || !vcy_open(base, *path, y->err, y->errlen)) {
		y->failed = true;
		return;
	}
	if (vcy_get(base, base->root, "extends") != NULL)
		vcy_fail(base, base->root, "what is extended must not extend another");
	y->failed = base->failed;
	y->base = base;
	base->heir = y;
}

struct vc_card *vc_image_load(const char *path, char *err, size_t errlen)
{
	struct vc_yaml y, base = { .root = NULL };
	struct vc_card *c = calloc(1, sizeof *c);
	char *base_path = NULL;

	if (c == NULL) {
		snprintf(err, errlen, "%s: out of memory", path);
		return NULL;
	}
	c->model = &vc_mute;
	if (vcy_open(&y, path, err, errlen))
		open_base(&y, &base, &base_path);
	if (!y.failed)
		load_root(&y, c);
	vcy_close(&base);
	vcy_close(&y);
	free(base_path);
	if (y.failed) {
		vc_card_free(c);
		c = NULL;
	}
	return c;
}

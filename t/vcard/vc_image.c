/* Card images: YAML to a card. The schema is castor-vcard(1)'s; every error names its line. */
#include <libgen.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "t/vcard/vc_card.h"
#include "t/vcard/vc_pace.h"

#define IMAGE_MAX (256 * 1024)
#define DEFAULT_ROOM 60000

struct image {
	const char *path;
	char *err;
	size_t errlen;
	bool failed;                    /* err is written; the first error stays */
	yaml_document_t doc;
	struct vc_card *card;
};

/* Content of one EF while it is put together. */
struct content { uint8_t *p; size_t len; };

static const char image_keys[] =
	" schema os atr version serial activated memory quirks mf application pins files "
	"no-deauth change-opens pin-attributes pace ";
static const char pace_keys[] = " can curve cipher demand delay max ";
static const char pin_keys[] = " number value puk tries puk-tries max puk-max flags min puk-min changed ";
static const char file_keys[] = " path type size bits acl prop fill content key name ";
static const char record_keys[] =
	" hex file token odf directory pin key public-key certificate data ";

static const struct { const char *name; uint8_t type; } file_types[] = {
	{ "ef", VC_EF }, { "df", VC_DF }, { "rsa", VC_RSA }, { "ec", VC_EC }, { "aes", VC_AES },
	{ "3des", VC_3DES }, { "secret", VC_SECRET },
};

static const struct {
	const char *name;
	const char *keys;
	enum vc_p15_kind kind;
} record_kinds[] = {
	{ "token", " label manufacturer serial flags updated ", VC_P15_TOKEN },
	{ "odf", " kind path ", VC_P15_ODF },
	{ "directory", " aid label path ", VC_P15_DIR },
	{ "pin", " label flags auth id pin-flags min max stored ref path ", VC_P15_PIN },
	{ "key", " label type flags auth consent id usage access ref path bits ", VC_P15_KEY },
	{ "public-key", " label type flags auth id usage access ref path bits ", VC_P15_PUBKEY },
	{ "certificate", " label flags id ca path ", VC_P15_CERT },
	{ "data", " label flags auth application path ", VC_P15_DATA },
};

/* Words for bit numbers. Source: facts on FINEID, sections 6.3 to 6.9. */
static const char words_common[] = "private modifiable internal";
static const char words_usage[] = "encrypt decrypt sign sign-recover wrap unwrap verify "
				  "verify-recover derive non-repudiation";
static const char words_access[] = "sensitive extractable always-sensitive never-extractable local";
static const char words_pin[] =
	"case-sensitive local change-disabled unblock-disabled initialized needs-padding "
	"unblocking so "
	"disable-allowed integrity-protected confidentiality-protected exchange-ref-data";
static const char words_token[] = "readonly login-required prn-generation eid-compliant";
static const char words_odf[] = "private-keys public-keys trusted-public-keys secret-keys "
				"certificates trusted-certificates "
				"useful-certificates data pins";

__attribute__((format(printf, 3, 4)))
static void fail(struct image *im, const yaml_node_t *at, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (im->failed)
		return;
	im->failed = true;
	n = snprintf(im->err, im->errlen, "%s:%zu: ", im->path,
		at != NULL ? at->start_mark.line + 1 : 1);
	if (n < 0 || (size_t)n >= im->errlen)
		return;
	va_start(ap, fmt);
	vsnprintf(im->err + n, im->errlen - (size_t)n, fmt, ap);
	va_end(ap);
}

static const char *scalar(const yaml_node_t *n)
{
	return n != NULL && n->type == YAML_SCALAR_NODE ? (const char *)n->data.scalar.value : NULL;
}

static bool word_in(const char *list, const char *word)
{
	char key[64];
	int n = snprintf(key, sizeof key, " %s ", word);

	return n > 2 && (size_t)n < sizeof key && strstr(list, key) != NULL;
}

/* A mapping with no keys but those of the list, none twice. */
static bool is_map(struct image *im, yaml_node_t *map, const char *keys)
{
	yaml_node_pair_t *p, *q;
	const char *key, *other;

	if (map == NULL || map->type != YAML_MAPPING_NODE) {
		fail(im, map, "a mapping is wanted here");
		return false;
	}
	for (p = map->data.mapping.pairs.start; p < map->data.mapping.pairs.top; p++) {
		key = scalar(yaml_document_get_node(&im->doc, p->key));
		if (key == NULL || !word_in(keys, key)) {
			fail(im, yaml_document_get_node(&im->doc, p->key),
				"unknown key '%s'; known here:%s", key != NULL ? key : "?", keys);
			return false;
		}
		for (q = map->data.mapping.pairs.start; q < p; q++) {
			other = scalar(yaml_document_get_node(&im->doc, q->key));
			if (other != NULL && strcmp(key, other) == 0) {
				fail(im, yaml_document_get_node(&im->doc, p->key),
					"'%s' is given twice", key);
				return false;
			}
		}
	}
	return true;
}

static yaml_node_t *get(struct image *im, yaml_node_t *map, const char *name)
{
	yaml_node_pair_t *p;
	const char *key;

	if (map == NULL || map->type != YAML_MAPPING_NODE)
		return NULL;
	for (p = map->data.mapping.pairs.start; p < map->data.mapping.pairs.top; p++) {
		key = scalar(yaml_document_get_node(&im->doc, p->key));
		if (key != NULL && strcmp(key, name) == 0)
			return yaml_document_get_node(&im->doc, p->value);
	}
	return NULL;
}

/* A scalar's text, or NULL when absent; an error when it is something else. */
static const char *text(struct image *im, yaml_node_t *map, const char *name)
{
	yaml_node_t *n = get(im, map, name);

	if (n != NULL && scalar(n) == NULL)
		fail(im, n, "'%s' must be one value", name);
	return scalar(n);
}

static long number(
	struct image *im, yaml_node_t *map, const char *name, long absent, long min, long max)
{
	const char *s = text(im, map, name);
	char *end;
	long v;

	if (s == NULL)
		return absent;
	v = strtol(s, &end, 0);
	if (end == s || *end != '\0' || v < min || v > max) {
		fail(im, get(im, map, name), "'%s' must be a number from %ld to %ld", name, min,
			max);
		return absent;
	}
	return v;
}

static bool boolean(struct image *im, yaml_node_t *map, const char *name, bool absent)
{
	const char *s = text(im, map, name);

	if (s == NULL)
		return absent;
	if (strcmp(s, "yes") == 0 || strcmp(s, "true") == 0)
		return true;
	if (strcmp(s, "no") != 0 && strcmp(s, "false") != 0)
		fail(im, get(im, map, name), "'%s' must be yes or no", name);
	return false;
}

/* Hex of min..max bytes; returns the length, 0 when absent or wrong. */
static size_t hex(
	struct image *im, yaml_node_t *map, const char *name, uint8_t *out, size_t min, size_t max)
{
	const char *s = text(im, map, name);
	int n;

	if (s == NULL)
		return 0;
	n = vc_hex(s, out, max);
	if (n < 0 || (size_t)n < min) {
		fail(im, get(im, map, name), "'%s' must be hex of %zu to %zu bytes", name, min,
			max);
		return 0;
	}
	return (size_t)n;
}

/* The place of a word in a list of words, or -1. */
static int word_index(const char *words, const char *word)
{
	size_t len = strlen(word), n;
	int i;

	for (i = 0; *words != '\0'; i++) {
		n = strcspn(words, " ");
		if (n == len && memcmp(words, word, n) == 0)
			return i;
		words += n + strspn(words + n, " ");
	}
	return -1;
}

/* A list of words as OpenSSL's BITLIST "1,4"; NULL when absent or empty. */
static const char *bits(
	struct image *im, yaml_node_t *map, const char *name, const char *words, char out[64])
{
	yaml_node_t *list = get(im, map, name), *n;
	yaml_node_item_t *item;
	size_t at = 0;
	int bit;

	out[0] = '\0';
	if (list == NULL)
		return NULL;
	if (list->type != YAML_SEQUENCE_NODE) {
		fail(im, list, "'%s' must be a list", name);
		return NULL;
	}
	for (item = list->data.sequence.items.start; item < list->data.sequence.items.top; item++) {
		n = yaml_document_get_node(&im->doc, *item);
		bit = scalar(n) != NULL ? word_index(words, scalar(n)) : -1;
		if (bit < 0 || at > 56) {
			fail(im, n, "unknown word in '%s'; known: %s", name, words);
			return NULL;
		}
		at += (size_t)snprintf(out + at, 64 - at, "%s%d", at != 0 ? "," : "", bit);
	}
	return at != 0 ? out : NULL;
}

static bool append(
	struct image *im, const yaml_node_t *at, struct content *c, const uint8_t *p, size_t len)
{
	uint8_t *more = realloc(c->p, c->len + len + 1);

	if (more == NULL) {
		fail(im, at, "out of memory");
		return false;
	}
	memcpy(more + c->len, p, len);
	c->p = more;
	c->len += len;
	return true;
}

/* The whole of a file, named beside the image; at most IMAGE_MAX bytes. NULL with an error set. */
static uint8_t *slurp(struct image *im, const yaml_node_t *at, const char *name, size_t *len)
{
	char *copy = strdup(im->path), *full = NULL;
	uint8_t *p = NULL;
	FILE *f = NULL;
	size_t n;

	*len = 0;
	if (copy == NULL)
		return NULL;
	n = strlen(im->path) + strlen(name) + 3;
	full = malloc(n);
	p = malloc(IMAGE_MAX);
	if (full == NULL || p == NULL) {
		fail(im, at, "out of memory");
		goto out;
	}
	snprintf(full, n, "%s%s%s", name[0] == '/' ? "" : dirname(copy), name[0] == '/' ? "" : "/",
		name);
	f = fopen(full, "rbe");
	if (f != NULL)
		*len = fread(p, 1, IMAGE_MAX, f);
	if (f == NULL || *len == 0 || *len == IMAGE_MAX) {
		fail(im, at, "cannot read %s", full);
		*len = 0;
	}
out:
	if (f != NULL)
		fclose(f);
	free(full);
	free(copy);
	if (*len == 0) {
		free(p);
		p = NULL;
	}
	return p;
}

/* A file's bytes, or of a PEM file what is inside. */
static void add_file(struct image *im, const yaml_node_t *at, const char *name, struct content *c)
{
	size_t len;
	uint8_t *p = slurp(im, at, name, &len);
	BIO *b;
	char *pem_name = NULL, *header = NULL;
	unsigned char *der = NULL;
	long n;

	if (p == NULL)
		return;
	b = BIO_new_mem_buf(p, (int)len);
	if (b != NULL && PEM_read_bio(b, &pem_name, &header, &der, &n) == 1)
		append(im, at, c, der, (size_t)n);
	else
		append(im, at, c, p, len);
	OPENSSL_free(pem_name);
	OPENSSL_free(header);
	OPENSSL_free(der);
	BIO_free(b);
	ERR_clear_error();
	free(p);
}

static void add_hex(struct image *im, const yaml_node_t *at, const char *s, struct content *c)
{
	size_t cap = strlen(s) / 2 + 1;
	uint8_t *p = malloc(cap);
	int n = p != NULL ? vc_hex(s, p, cap) : -1;

	if (n < 0)
		fail(im, at, "bad hex");
	else
		append(im, at, c, p, (size_t)n);
	free(p);
}

static void add_record(struct image *im, yaml_node_t *map, size_t kind, struct content *c)
{
	char flags[64], usage[64], access_bits[64], pin_flags[64], token_flags[64];
	const char *type, *odf;
	unsigned char *der;
	struct vc_p15 o = { .kind = record_kinds[kind].kind };
	int len;

	if (!is_map(im, map, record_kinds[kind].keys))
		return;
	type = text(im, map, "type");
	if (type != NULL && strcmp(type, "rsa") != 0 && strcmp(type, "ec") != 0)
		fail(im, map, "'type' must be rsa or ec");
	o.ec = type != NULL && strcmp(type, "ec") == 0;
	o.label = text(im, map, "label");
	o.maker = text(im, map, o.kind == VC_P15_DATA ? "application" : "manufacturer");
	o.path = text(im, map, "path");
	o.id = text(im, map, "id");
	o.auth = text(im, map, "auth");
	o.serial = text(im, map, "serial");
	o.aid = text(im, map, "aid");
	o.updated = text(im, map, "updated");
	o.ca = boolean(im, map, "ca", false);
	if (o.kind == VC_P15_TOKEN)
		o.token_flags = bits(im, map, "flags", words_token, token_flags);
	else
		o.flags = bits(im, map, "flags", words_common, flags);
	o.usage = bits(im, map, "usage", words_usage, usage);
	o.access = bits(im, map, "access", words_access, access_bits);
	o.pin_flags = bits(im, map, "pin-flags", words_pin, pin_flags);
	o.ref = (int)number(im, map, "ref", -1, 0, 255);
	o.consent = (int)number(im, map, "consent", 0, 1, 255);
	o.min = (int)number(im, map, "min", 4, 0, 255);
	o.max = (int)number(im, map, "max", VC_PIN_LEN, 0, 255);
	o.stored = (int)number(im, map, "stored", VC_PIN_LEN, 0, 255);
	o.bits = (int)number(im, map, "bits", -1, 1, 16384);
	odf = text(im, map, "kind");
	if (o.kind == VC_P15_ODF) {
		o.ref = odf != NULL ? word_index(words_odf, odf) : -1;
		if (o.ref < 0)
			fail(im, map, "'kind' must be one of: %s", words_odf);
	}
	if (im->failed)
		return;
	len = vc_p15_record(&o, &der);
	if (len <= 0)
		fail(im, map, "OpenSSL cannot encode this %s", record_kinds[kind].name);
	else
		append(im, map, c, der, (size_t)len);
	OPENSSL_free(der);
}

/* One item of `content`. */
static void add_item(struct image *im, yaml_node_t *item, struct content *c)
{
	yaml_node_t *map;
	size_t i;

	if (!is_map(im, item, record_keys))
		return;
	if (text(im, item, "hex") != NULL)
		add_hex(im, item, text(im, item, "hex"), c);
	if (text(im, item, "file") != NULL)
		add_file(im, item, text(im, item, "file"), c);
	for (i = 0; i < sizeof record_kinds / sizeof record_kinds[0]; i++) {
		map = get(im, item, record_kinds[i].name);
		if (map != NULL)
			add_record(im, map, i, c);
	}
}

static void load_ef(struct image *im, yaml_node_t *map, struct vc_file *parent, uint16_t fid)
{
	yaml_node_t *list = get(im, map, "content");
	yaml_node_item_t *item;
	struct content c = { NULL, 0 };
	struct vc_file *f;
	uint8_t fill = 0xFF;
	long size;

	if (list != NULL && list->type != YAML_SEQUENCE_NODE)
		fail(im, list, "'content' must be a list");
	if (!im->failed && list != NULL)
		for (item = list->data.sequence.items.start; item < list->data.sequence.items.top;
			item++)
			add_item(im, yaml_document_get_node(&im->doc, *item), &c);
	hex(im, map, "fill", &fill, 1, 1);
	size = number(im, map, "size", (long)c.len, 0, 32767);
	if (!im->failed && (size_t)size < c.len)
		fail(im, map, "the content has %zu bytes, the file %ld", c.len, size);
	f = im->failed ? NULL : vc_file_add(im->card, parent, fid, VC_EF, (size_t)size);
	if (f != NULL && size != 0) {
		memset(f->data, fill, (size_t)size);
		if (c.len != 0)
			memcpy(f->data, c.p, c.len);
	}
	free(c.p);
}

static void load_key(struct image *im, yaml_node_t *map, struct vc_file *f)
{
	const char *name = text(im, map, "key");
	EVP_PKEY *key;
	size_t len;
	uint8_t *p;
	BIO *b;

	if (name == NULL)
		return;
	p = slurp(im, map, name, &len);
	if (p == NULL)
		return;
	if (f->type == VC_RSA || f->type == VC_EC) {
		b = BIO_new_mem_buf(p, (int)len);
		key = b != NULL ? PEM_read_bio_PrivateKey(b, NULL, NULL, NULL) : NULL;
		if (key != NULL && f->size == 0)
			f->size = (size_t)EVP_PKEY_get_bits(key);
		if (!vc_key_fits(im->card, f->type, f->size))
			fail(im, map, "a card of this version has no key of this type and %zu bits",
				f->size);
		if (!vc_key_set(f, key, 1))
			fail(im, map, "%s is no %zu bit key of this type", name, f->size);
		BIO_free(b);
		ERR_clear_error();
		free(p);
	} else if (len == f->size / 8) {
		f->data = p;
		f->prop[0] |= 1;
	} else {
		fail(im, map, "%s does not have %zu bits", name, f->size);
		free(p);
	}
}

static void load_file(struct image *im, yaml_node_t *map)
{
	uint8_t path[16], acl[3], prop[2], name[16];
	struct vc_file *parent, *f;
	const char *type;
	size_t n, i, name_len;
	uint16_t fid;

	if (!is_map(im, map, file_keys))
		return;
	n = hex(im, map, "path", path, 2, sizeof path);
	type = text(im, map, "type");
	for (i = 0; type != NULL && i < sizeof file_types / sizeof file_types[0]; i++)
		if (strcmp(file_types[i].name, type) == 0)
			break;
	if (type == NULL)
		i = 0;
	if (n < 2 || n % 2 != 0)
		fail(im, map, "'path' must be the hex of file identifiers below the MF");
	else if (i == sizeof file_types / sizeof file_types[0])
		fail(im, map, "unknown file type '%s'", type);
	if (im->failed)
		return;
	parent = vc_file_path(im->card, im->card->files, path, n - 2);
	fid = (uint16_t)(path[n - 2] << 8 | path[n - 1]);
	if (parent == NULL || parent->type != VC_DF)
		fail(im, map, "there is no DF above this file");
	else if (vc_file_child(im->card, parent, fid) != NULL)
		fail(im, map, "file %04X is there already", fid);
	if (im->failed)
		return;
	if (file_types[i].type == VC_EF)
		load_ef(im, map, parent, fid);
	else
		vc_file_add(im->card, parent, fid, file_types[i].type,
			(size_t)number(im, map, "bits", 0, 1, 4096));
	f = vc_file_child(im->card, parent, fid);
	if (f == NULL) {
		fail(im, map, "out of memory");
		return;
	}
	if (hex(im, map, "acl", acl, 3, 3) == 3)
		memcpy(f->acl, acl, 3);
	else
		fail(im, map, "'acl' is missing: three bytes as in tag 86");
	if (hex(im, map, "prop", prop, 2, 2) == 2)
		memcpy(f->prop, prop, 2);
	name_len = hex(im, map, "name", name, 1, sizeof name);
	memcpy(f->name, name, name_len);
	f->name_len = name_len;
	if (vc_file_is_key(f))
		load_key(im, map, f);
	if (!im->failed && vc_file_is_key(f) && !vc_key_fits(im->card, f->type, f->size))
		fail(im, map, "a card of this version has no key of this type and %zu bits",
			f->size);
}

/* A PIN's value: 1..8 characters, padded with FF. */
static void pin_value(struct image *im, yaml_node_t *map, const char *name, uint8_t out[VC_PIN_LEN])
{
	const char *s = text(im, map, name);
	size_t n = s != NULL ? strlen(s) : 0;

	memset(out, 0xFF, VC_PIN_LEN);
	if (n < 1 || n > VC_PIN_LEN)
		fail(im, map, "'%s' must have 1 to 8 characters", name);
	else
		memcpy(out, s, n);
}

static void load_pin(struct image *im, yaml_node_t *map)
{
	struct vc_pin *pin;

	if (!is_map(im, map, pin_keys))
		return;
	pin = &im->card->pin[number(im, map, "number", 0, 1, VC_PINS - 1)];
	if (im->failed || pin == im->card->pin || pin->set) {
		fail(im, map, "a PIN needs a number of its own");
		return;
	}
	pin_value(im, map, "value", pin->pin);
	pin_value(im, map, "puk", pin->puk);
	pin->max = (uint8_t)number(im, map, "max", 3, 1, 15);
	pin->tries = (uint8_t)number(im, map, "tries", pin->max, 0, 15);
	pin->puk_max = (uint8_t)number(im, map, "puk-max", 10, 0, 15);
	pin->puk_tries = (uint8_t)number(im, map, "puk-tries", pin->puk_max, 0, 15);
	pin->flags = (uint8_t)number(im, map, "flags", 0, 0, 255);
	pin->min = (uint8_t)number(im, map, "min", 4, 1, VC_PIN_LEN);
	pin->puk_min = (uint8_t)number(im, map, "puk-min", 4, 1, VC_PIN_LEN);
	pin->changed = boolean(im, map, "changed", true);
	pin->locked = (pin->flags & 1) != 0;
	pin->set = true;
}

static void load_list(struct image *im, yaml_node_t *root, const char *name,
	void (*load)(struct image *, yaml_node_t *))
{
	yaml_node_t *list = get(im, root, name);
	yaml_node_item_t *item;

	if (list == NULL || im->failed)
		return;
	if (list->type != YAML_SEQUENCE_NODE) {
		fail(im, list, "'%s' must be a list", name);
		return;
	}
	for (item = list->data.sequence.items.start;
		item < list->data.sequence.items.top && !im->failed; item++)
		load(im, yaml_document_get_node(&im->doc, *item));
}

static void load_quirk(struct image *im, yaml_node_t *n)
{
	if (scalar(n) != NULL && strcmp(scalar(n), "oseid") == 0)
		im->card->oseid = true;
	else
		fail(im, n, "unknown quirk; known: oseid");
}

static void load_version(struct image *im, yaml_node_t *root)
{
	const char *s = text(im, root, "version");
	unsigned v[3];
	char rest;
	int i;

	if (s == NULL)
		s = "4.5.5";
	if (sscanf(s, "%3u.%3u.%3u%c", &v[0], &v[1], &v[2], &rest) != 3 || v[0] > 255 ||
		v[1] > 255 || v[2] > 255) {
		fail(im, get(im, root, "version"), "'version' must be like 4.5.5");
		return;
	}
	for (i = 0; i < 3; i++)
		im->card->version[i] = (uint8_t)v[i];
}

static void load_df_acl(struct image *im, yaml_node_t *root, const char *name, uint8_t acl[3])
{
	hex(im, root, name, acl, 3, 3);
}

/* PACE and the channel around the card; see castor-vcard(1). */
static void load_pace(struct image *im, yaml_node_t *map)
{
	struct vc_pace_setup setup = { .can = NULL };
	const char *what;

	if (map == NULL || !is_map(im, map, pace_keys))
		return;
	setup.can = text(im, map, "can");
	setup.curve = text(im, map, "curve");
	setup.cipher = text(im, map, "cipher");
	setup.demand = boolean(im, map, "demand", false);
	setup.delay = (unsigned)number(im, map, "delay", 0, 0, 60000);
	setup.max = (size_t)number(im, map, "max", 0, 32, 255);
	if (im->failed)
		return;
	im->card->pace = vc_pace_new(&setup, &what);
	if (im->card->pace == NULL)
		fail(im, map, "%s", what);
}

static void load_root(struct image *im, yaml_node_t *root)
{
	struct vc_card *c = im->card;
	uint8_t mf[3] = { 0x11, 0x3F, 0xFF }, app[3] = { 0x11, 0x1F, 0xFF };
	const char *os;

	if (!is_map(im, root, image_keys))
		return;
	number(im, root, "schema", 1, 1, 1);
	os = text(im, root, "os");
	if (os != NULL && strcmp(os, vc_myeid.name) == 0)
		c->model = &vc_myeid;
	else if (os != NULL && strcmp(os, vc_mute.name) == 0)
		c->model = &vc_mute;
	else
		fail(im, root, "'os' must be myeid or mute");
	c->atr_len = hex(im, root, "atr", c->atr, 2, sizeof c->atr);
	if (c->atr_len == 0 || (c->atr[0] != 0x3B && c->atr[0] != 0x3F))
		fail(im, root, "'atr' must be hex and begin with 3B or 3F");
	load_version(im, root);
	if (hex(im, root, "serial", c->serial, 10, 10) != 10 && c->model == &vc_myeid)
		fail(im, root, "'serial' must be the hex of 10 bytes");
	c->room = (size_t)number(im, root, "memory", DEFAULT_ROOM, 0, 1000000);
	load_list(im, root, "quirks", load_quirk);
	load_df_acl(im, root, "mf", mf);
	load_df_acl(im, root, "application", app);
	if (!im->failed && !vc_fs_format(c, mf, app))
		fail(im, root, "out of memory");
	load_list(im, root, "pins", load_pin);
	load_list(im, root, "files", load_file);
	c->activated = boolean(im, root, "activated", true);
	c->no_deauth = boolean(im, root, "no-deauth", false);
	c->change_opens = boolean(im, root, "change-opens", false);
	c->pin_attributes = boolean(im, root, "pin-attributes", false);
	load_pace(im, get(im, root, "pace"));
	c->change = 1;
}

void vc_card_free(struct vc_card *c)
{
	if (c == NULL)
		return;
	vc_files_clear(c);
	vc_pace_free(c->pace);
	OPENSSL_cleanse(c, sizeof *c);
	free(c);
}

struct vc_card *vc_image_load(const char *path, char *err, size_t errlen)
{
	struct image im = { .path = path, .err = err, .errlen = errlen };
	yaml_parser_t parser;
	yaml_node_t *root;
	FILE *f = fopen(path, "rbe");

	if (f == NULL) {
		snprintf(err, errlen, "%s: cannot be opened", path);
		return NULL;
	}
	im.card = calloc(1, sizeof *im.card);
	if (im.card == NULL || yaml_parser_initialize(&parser) != 1) {
		snprintf(err, errlen, "%s: out of memory", path);
		free(im.card);
		fclose(f);
		return NULL;
	}
	yaml_parser_set_input_file(&parser, f);
	if (yaml_parser_load(&parser, &im.doc) != 1) {
		snprintf(err, errlen, "%s:%zu: %s", path, parser.problem_mark.line + 1,
			parser.problem != NULL ? parser.problem : "not YAML");
		im.failed = true;
	} else {
		root = yaml_document_get_root_node(&im.doc);
		if (root != NULL)
			load_root(&im, root);
		else
			fail(&im, NULL, "the file is empty");
		yaml_document_delete(&im.doc);
	}
	yaml_parser_delete(&parser);
	fclose(f);
	if (im.failed) {
		vc_card_free(im.card);
		im.card = NULL;
	}
	return im.card;
}

/* What stands in an EF: bytes, files and PKCS#15 records. The schema is castor-vcard(1)'s. */
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

#include "t/vcard/vc_card.h"
#include "t/vcard/vc_yaml.h"

/* Content of one EF while it is put together. */
struct content { uint8_t *p; size_t len; };

static const char record_keys[] =
	" hex file token odf directory pin key public-key certificate data ";

static const struct {
	const char *name;
	const char *keys;
	enum vc_p15_kind kind;
} record_kinds[] = {
	{ "token", " label manufacturer serial flags updated version algorithms ", VC_P15_TOKEN },
	{ "odf", " kind path ", VC_P15_ODF },
	{ "directory", " aid label path oid ", VC_P15_DIR },
	{ "pin", " label flags auth id pin-flags min max stored ref ref-raw pad changed path ", VC_P15_PIN },
	{ "key", " label type flags auth consent id usage native access ref ref-raw path bits algorithms ", VC_P15_KEY },
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

static bool append(
	struct vc_yaml *y, const yaml_node_t *at, struct content *c, const uint8_t *p, size_t len)
{
	uint8_t *more = realloc(c->p, c->len + len + 1);

	if (more == NULL) {
		vcy_fail(y, at, "out of memory");
		return false;
	}
	memcpy(more + c->len, p, len);
	c->p = more;
	c->len += len;
	return true;
}

/* A file's bytes, or of a PEM file what is inside. */
static void add_file(struct vc_yaml *y, const yaml_node_t *at, const char *name, struct content *c)
{
	size_t len;
	uint8_t *p = vcy_slurp(y, at, name, &len);
	BIO *b;
	char *pem_name = NULL, *header = NULL;
	unsigned char *der = NULL;
	long n;

	if (p == NULL)
		return;
	b = BIO_new_mem_buf(p, (int)len);
	if (b != NULL && PEM_read_bio(b, &pem_name, &header, &der, &n) == 1)
		append(y, at, c, der, (size_t)n);
	else
		append(y, at, c, p, len);
	OPENSSL_free(pem_name);
	OPENSSL_free(header);
	OPENSSL_free(der);
	BIO_free(b);
	ERR_clear_error();
	free(p);
}

static void add_hex(struct vc_yaml *y, const yaml_node_t *at, const char *s, struct content *c)
{
	size_t cap = strlen(s) / 2 + 1;
	uint8_t *p = malloc(cap);
	int n = p != NULL ? vc_hex(s, p, cap) : -1;

	if (n < 0)
		vcy_fail(y, at, "bad hex");
	else
		append(y, at, c, p, (size_t)n);
	free(p);
}

static void add_record(struct vc_yaml *y, yaml_node_t *map, size_t kind, struct content *c)
{
	char flags[64], usage[64], access_bits[64], pin_flags[64], token_flags[64];
	const char *type, *odf;
	unsigned char *der;
	uint8_t raw_ref;
	struct vc_p15 o = { .kind = record_kinds[kind].kind };
	int len;

	if (!vcy_is_map(y, map, record_kinds[kind].keys, NULL))
		return;
	type = vcy_text(y, map, "type");
	if (type != NULL && strcmp(type, "rsa") != 0 && strcmp(type, "ec") != 0)
		vcy_fail(y, map, "'type' must be rsa or ec");
	o.ec = type != NULL && strcmp(type, "ec") == 0;
	o.label = vcy_text(y, map, "label");
	o.maker = vcy_text(y, map, o.kind == VC_P15_DATA ? "application" : "manufacturer");
	o.path = vcy_text(y, map, "path");
	o.id = vcy_text(y, map, "id");
	o.auth = vcy_text(y, map, "auth");
	o.serial = vcy_text(y, map, "serial");
	o.aid = vcy_text(y, map, "aid");
	o.updated = vcy_text(y, map, o.kind == VC_P15_PIN ? "changed" : "updated");
	o.oid = vcy_text(y, map, "oid");
	o.pad = vcy_text(y, map, "pad");
	o.native = vcy_boolean(y, map, "native", false);
	o.v2 = vcy_number(y, map, "version", 1, 1, 2) == 2;
	o.ca = vcy_boolean(y, map, "ca", false);
	if (o.kind == VC_P15_TOKEN)
		o.token_flags = vcy_bits(y, map, "flags", words_token, token_flags);
	else
		o.flags = vcy_bits(y, map, "flags", words_common, flags);
	o.usage = vcy_bits(y, map, "usage", words_usage, usage);
	o.access = vcy_bits(y, map, "access", words_access, access_bits);
	o.pin_flags = vcy_bits(y, map, "pin-flags", words_pin, pin_flags);
	o.ref = (int)vcy_number(y, map, "ref", -1, 0, 255);
	if (vcy_hex(y, map, "ref-raw", &raw_ref, 1, 1) == 1) {
		o.ref = raw_ref;
		o.raw_ref = true;
	}
	o.consent = (int)vcy_number(y, map, "consent", 0, 1, 255);
	o.min = (int)vcy_number(y, map, "min", 4, 0, 255);
	o.max = (int)vcy_number(y, map, "max", 8, 0, 255);
	o.stored = (int)vcy_number(y, map, "stored", 8, 0, 255);
	o.bits = (int)vcy_number(y, map, "bits", -1, 1, 16384);
	o.n_algorithms = vcy_hex(y, map, "algorithms", o.algorithms, 1, sizeof o.algorithms);
	odf = vcy_text(y, map, "kind");
	if (o.kind == VC_P15_ODF) {
		o.ref = odf != NULL ? vcy_word(words_odf, odf) : -1;
		if (o.ref < 0)
			vcy_fail(y, map, "'kind' must be one of: %s", words_odf);
	}
	if (y->failed)
		return;
	len = vc_p15_record(&o, &der);
	if (len <= 0)
		vcy_fail(y, map, "OpenSSL cannot encode this %s", record_kinds[kind].name);
	else
		append(y, map, c, der, (size_t)len);
	OPENSSL_free(der);
}

/* One item of `content`. */
static void add_item(struct vc_yaml *y, yaml_node_t *item, struct content *c)
{
	yaml_node_t *map;
	size_t i;

	if (!vcy_is_map(y, item, record_keys, NULL))
		return;
	if (vcy_text(y, item, "hex") != NULL)
		add_hex(y, item, vcy_text(y, item, "hex"), c);
	if (vcy_text(y, item, "file") != NULL)
		add_file(y, item, vcy_text(y, item, "file"), c);
	for (i = 0; i < sizeof record_kinds / sizeof record_kinds[0]; i++) {
		map = vcy_get(y, item, record_kinds[i].name);
		if (map != NULL)
			add_record(y, map, i, c);
	}
}

bool vc_content(struct vc_yaml *y, yaml_node_t *map, uint8_t **p, size_t *len)
{
	yaml_node_t *list = vcy_get(y, map, "content");
	yaml_node_item_t *item;
	struct content c = { NULL, 0 };

	if (list != NULL && list->type != YAML_SEQUENCE_NODE)
		vcy_fail(y, list, "'content' must be a list");
	if (!y->failed && list != NULL)
		for (item = list->data.sequence.items.start; item < list->data.sequence.items.top;
			item++)
			add_item(y, yaml_document_get_node(&y->doc, *item), &c);
	*p = c.p;
	*len = c.len;
	return !y->failed;
}

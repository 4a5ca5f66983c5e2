#include "mapping/p15.h"

#include "base/err.h"
#include "mapping/cert.h"
#include "t/unit/bytes.h"
#include "t/unit/mutate.h"
#include "t/unit/nomem.h"
#include "t/unit/unit.h"

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/conf.h>
#include <openssl/x509v3.h>

/* ---- vectors of real layouts (facts/fineid.md 6) ---- */

#define ODF_RELATIVE \
	"A806300404024401 A006300404024402 A406300404024403 A506300404024405 A706300404024406"
#define ODF_ABSOLUTE "A00A300804063F0050155034"
#define PIN1 \
	"303C30150C0F706572757374756E6E75736C756B75030206C0300304010" \
	"1A11E301C0302020C0A010102010402010C02010C800111040100300404023F00"
#define PIN2 \
	"3047301D0C17616C6C656B69726A6F69747573" \
	"74756E6E75736C756B75030206C03003040102A121301F0302024C0A010102010602010C02010C" \
	"8002008204010030060404 3F005016"
#define PRKEY_RSA \
	"304830230C1A746F64656E74616D69732D206A612073616C617573617661696E030206C0040101" \
	"3011040145030202640101FF030203B8020101A10E300C300604043F004B0102020800"
#define PRKEY_EC \
	"A046301E0C12616C6C656B69726A6F69747573617661696E0302078004010202 0101" \
	"301204014603030600400101FF030203B8020102A110300E300804063F0050164B0202020180"
#define CERT_USER \
	"303830230C1D746F64656E74616D69732D206A612073616C6175737661726D656E6E6503020640" \
	"3003040145A10C300A300804063F0050154331"
#define CERT_CA "3022300C0C0A49737375696E672043413006040147" "0101FFA10A3008300604043F004336"
#define DATA_BLOB \
	"3024300D0C04626C6F62030206C004010130070C056D79617070A10A300804063F0050155001"
#define TOKEN_INFO \
	"302A02010004080102030405060708" \
	"0C0A56524B2D46494E454944800B46494E454944205334 2D310302 0410"

#define DIRECTORY(kind, fid) { kind, false, false, { PATH_APP, 2, { 0x44, fid } }, { true, 0, 0, 0 } }
static const struct p15_odf_entry
	prkdf = DIRECTORY(P15_PRIVATE, 0x02),
	pukdf = DIRECTORY(P15_PUBLIC, 0x04),
	skdf = DIRECTORY(P15_SECRET, 0x07),
	cdf = DIRECTORY(P15_CERT, 0x03),
	dodf = DIRECTORY(P15_DATA, 0x06),
	aodf = DIRECTORY(P15_AUTH, 0x01);

/* Decodes a directory that must hold exactly one record. */
static struct p15_objects
one(const struct p15_odf_entry *from, struct view ef)
{
	struct p15_objects objects = { NULL, 0 };
	size_t skipped;

	ck_assert_int_eq(p15_dir_decode(from, ef, &objects, &skipped), 0);
	ck_assert_uint_eq(objects.n, 1);
	ck_assert_uint_eq(skipped, 0);
	return objects;
}

static struct p15_objects
one_hex(const struct p15_odf_entry *from, const char *text)
{
	struct buf b = hex(text);
	struct p15_objects objects = one(from, buf_peek(&b));

	buf_free(&b);
	return objects;
}

static void
path_is(const struct path *p, enum path_from from, const char *text)
{
	ck_assert_int_eq((int)p->from, (int)from);
	ck_assert_view_hex(view_of(p->b, p->len), text);
}

static void
id_is(const struct p15_id *id, const char *text)
{
	ck_assert_view_hex(view_of(id->b, id->len), text);
}

/* DER by OpenSSL's generator, see ASN1_generate_nconf(3): sections as text. Owner: caller. */
static struct buf
generate(const char *sections)
{
	BIO *bio = BIO_new_mem_buf(sections, -1);
	CONF *conf = NCONF_new(NULL);
	unsigned char *der = NULL;
	struct buf out = BUF_INIT;
	ASN1_TYPE *type;
	long line = 0;
	int len;

	ck_assert_int_eq(NCONF_load_bio(conf, bio, &line), 1);
	type = ASN1_generate_nconf(NCONF_get_string(conf, "default", "asn1"), conf);
	ck_assert_msg(type != NULL, "not generated: %.200s", sections);
	len = i2d_ASN1_TYPE(type, &der);
	ck_assert_int_gt(len, 0);
	buf_put(&out, der, (size_t)len);
	OPENSSL_free(der);
	ASN1_TYPE_free(type);
	NCONF_free(conf);
	BIO_free(bio);
	return out;
}

/* ---- ODF, paths, TokenInfo ---- */

START_TEST(odf_names_the_directories)
{
	static const enum p15_kind kinds[] = { P15_AUTH, P15_PRIVATE, P15_CERT, P15_CERT,
	    P15_DATA };
	static const char *files[] = { "4401", "4402", "4403", "4405", "4406" };
	struct buf b = hex(ODF_RELATIVE "0000FFFF");
	struct p15_odf odf;

	ck_assert_int_eq(p15_odf_decode(buf_peek(&b), &odf), 0);
	ck_assert_uint_eq(odf.n, 5);
	for (size_t i = 0; i < 5; i++) {
		ck_assert_int_eq((int)odf.e[i].kind, (int)kinds[i]);
		path_is(&odf.e[i].path, PATH_APP, files[i]);
		ck_assert(odf.e[i].trusted == (i == 3));
		ck_assert(!odf.e[i].useful);
		ck_assert(odf.e[i].range.whole);
	}
	buf_free(&b);
}
END_TEST

START_TEST(odf_oddities)
{
	static const struct { const char *name, *hex; int r; size_t n; } cases[] = {
		{ "absolute path", ODF_ABSOLUTE, 0, 1 },
		{ "filler before, between and after",
		    "0000" ODF_ABSOLUTE "FF00" ODF_ABSOLUTE "FF", 0, 2 },
		{ "the same kind twice", "A406300404024403 A406300404024413", 0, 2 },
		{ "an unknown record is passed over", "AA06300404024401 A006300404024402", 0, 1 },
		{ "objects in line are passed over", "A004A0023000 A006300404024402", 0, 1 },
		{ "garbage behind the records", "A006300404024402 A0FF01", 0, 1 },
		{ "empty", "", 0, 0 },
		{ "erased", "FFFFFFFF", 0, 0 },
		{ "garbage alone", "A0FF01", E_FORMAT, 0 },
		{ "an odd path", "A0053003040144", E_FORMAT, 0 },
		{ "a path with nothing in it", "A0023000", E_FORMAT, 0 },
		{ "the application itself is no file", "A00430020400", E_FORMAT, 0 }
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct buf b = hex(cases[i].hex);
		struct p15_odf odf;

		ck_assert_msg(p15_odf_decode(buf_peek(&b), &odf) == cases[i].r, "%s",
		    cases[i].name);
		ck_assert_msg(odf.n == cases[i].n, "%s", cases[i].name);
		buf_free(&b);
	}
}
END_TEST

START_TEST(odf_with_too_many_records_is_a_limit)
{
	struct buf b = BUF_INIT, record = hex("A006300404024402");
	struct p15_odf odf;

	for (size_t i = 0; i < 33; i++)
		buf_view(&b, buf_peek(&record));
	ck_assert_int_eq(p15_odf_decode(buf_peek(&b), &odf), E_LIMIT);
	buf_free(&b);
	buf_free(&record);
}
END_TEST

START_TEST(paths)
{
	static const struct {
		const char *name, *hex;
		int r;
		enum path_from from;
		const char *b;
	} cases[] = {
		{ "the application itself", "", 0, PATH_APP, "" },
		{ "a file of the application", "4331", 0, PATH_APP, "4331" },
		{ "deeper in the application", "50164332", 0, PATH_APP, "50164332" },
		{ "the MF", "3F00", 0, PATH_MF, "" },
		{ "from the MF", "3F0050154331", 0, PATH_MF, "50154331" },
		{ "3FFF is the current DF", "3FFF4331", 0, PATH_APP, "4331" },
		{ "an AID", "A000000063504B43532D3135", 0, PATH_AID, "A000000063504B43532D3135" },
		{ "an AID of odd length", "E828BD080F", 0, PATH_AID, "E828BD080F" },
		{ "odd", "430102", E_FORMAT, PATH_APP, "" },
		{ "too long", "000102030405060708090A0B0C0D0E0F101112131415161718191A1B", E_FORMAT,
		    PATH_APP, "" }
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct buf b = hex(cases[i].hex);
		struct path p;

		ck_assert_msg(p15_path_decode(buf_peek(&b), &p) == cases[i].r, "%s", cases[i].name);
		if (!cases[i].r)
			path_is(&p, cases[i].from, cases[i].b);
		buf_free(&b);
	}
}
END_TEST

START_TEST(index_and_length_are_a_range)
{
	static const struct { const char *name, *hex; bool whole; unsigned off, len; } cases[] = {
		{ "neither", "A006300404024402", true, 0, 0 },
		{ "both", "A00D300B040244020201108002 0100", false, 16, 256 },
		{ "a record number", "A00C300A04024402020103800100", false, 3, 0 },
		{ "an index alone is a record number", "A0093007040244020201 03", false, 3, 0 },
		{ "length -1 is the whole file", "A00C300A040244020201008001FF", true, 0, 0 },
		{ "both zero is the whole file", "A00C300A04024402020100800100", true, 0, 0 },
		{ "from the start", "A00C300A04024402020100800120", false, 0, 32 }
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct buf b = hex(cases[i].hex);
		struct p15_odf odf;

		ck_assert_msg(p15_odf_decode(buf_peek(&b), &odf) == 0, "%s", cases[i].name);
		ck_assert_msg(odf.e[0].range.whole == cases[i].whole, "%s", cases[i].name);
		ck_assert_uint_eq(odf.e[0].range.off, cases[i].off);
		ck_assert_uint_eq(odf.e[0].range.len, cases[i].len);
		buf_free(&b);
	}
}
END_TEST

START_TEST(path_with_an_aid_beside_it)
{
	struct buf b = hex("A013 3011 A10F 4F07A0000000635041 040443314332");
	struct p15_odf odf;

	ck_assert_int_eq(p15_odf_decode(buf_peek(&b), &odf), 0);
	path_is(&odf.e[0].path, PATH_APP, "43314332");
	buf_free(&b);
	b = hex("A00D 300B A109 4F07A0000000635041");
	ck_assert_int_eq(p15_odf_decode(buf_peek(&b), &odf), 0);
	path_is(&odf.e[0].path, PATH_AID, "A0000000635041");
	buf_free(&b);
}
END_TEST

START_TEST(token_info_of_a_fineid_card)
{
	struct buf b = hex(TOKEN_INFO "0000");
	struct p15_token_info t;

	ck_assert_int_eq(p15_token_info_decode(buf_peek(&b), &t), 0);
	ck_assert_view_hex(buf_peek(&t.serial), "0102030405060708");
	ck_assert_str_eq(t.manufacturer, "VRK-FINEID");
	ck_assert_str_eq(t.label, "FINEID S4-1");
	ck_assert(t.eid_compliant && !t.read_only && !t.login_required && !t.prn_generation);
	ck_assert_uint_eq(t.last_update.len, 0);
	p15_token_info_free(&t);
	buf_free(&b);
}
END_TEST

START_TEST(token_info_in_full)
{
	struct buf b = generate(
	    "asn1=SEQUENCE:t\n"
	    "[t]\nv=INTEGER:1\ns=FORMAT:HEX,OCTETSTRING:0A0B\nm=UTF8:Aventra\nl=IMP:0,UTF8:MyEID\n"
	    "f=FORMAT:BITLIST,BITSTRING:0,1,2\nse=SEQUENCE:se\nri=IMP:1,SEQUENCE:se\n"
	    "alg=IMP:2,SEQUENCE:algs\nu=EXP:5,GENTIME:20261124120000Z\nlang=PRINTABLESTRING:fi\n"
	    "[se]\na=INTEGER:1\n[algs]\na=SEQUENCE:alg\n[alg]\nr=INTEGER:1\na=INTEGER:1\n");
	struct p15_token_info t;

	ck_assert_int_eq(p15_token_info_decode(buf_peek(&b), &t), 0);
	ck_assert_view_hex(buf_peek(&t.serial), "0A0B");
	ck_assert_str_eq(t.manufacturer, "Aventra");
	ck_assert_str_eq(t.label, "MyEID");
	ck_assert(t.read_only && t.login_required && t.prn_generation && !t.eid_compliant);
	ck_assert(view_eq(buf_peek(&t.last_update), view_str("20261124120000Z")));
	p15_token_info_free(&t);
	buf_free(&b);
}
END_TEST

START_TEST(token_info_oddities)
{
	static const struct { const char *name, *hex; int r; const char *label; } cases[] = {
		{ "label with an explicit tag", "300A020100 A0050C0341 4243", 0, "ABC" },
		{ "no version, no serial", "3008 8003414243 030100", 0, "ABC" },
		{ "an element cut behind the label", "3007 8003414243 0301", 0, "ABC" },
		{ "label padded with blanks", "300A020100 80054142432000", 0, "ABC" },
		{ "label in Latin-1", "3009020100 8004 4DE46B69", 0, "M\xC3\xA4ki" },
		{ "label that is cut inside a character", "3008020100 8003 4142C3", 0,
		    "AB\xC3\x83" },
		{ "label with an overlong form", "3008020100 8003 41C081", 0, "A\xC3\x80 " },
		{ "control characters", "3009020100 8004 410A1B42", 0, "A  B" },
		{ "no label", "3003020100", 0, NULL },
		{ "nothing", "", E_FORMAT, NULL },
		{ "not a SEQUENCE", "0C0141", E_FORMAT, NULL }
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct buf b = hex(cases[i].hex);
		struct p15_token_info t;

		ck_assert_msg(p15_token_info_decode(buf_peek(&b), &t) == cases[i].r, "%s",
		    cases[i].name);
		if (cases[i].label)
			ck_assert_str_eq(t.label, cases[i].label);
		else
			ck_assert_ptr_null(t.label);
		p15_token_info_free(&t);
		buf_free(&b);
	}
}
END_TEST

/* ---- PINs ---- */

START_TEST(pin1_of_a_fineid_card)
{
	struct p15_objects o = one_hex(&aodf, PIN1);
	const struct p15_object *p = o.p[0];

	ck_assert_str_eq(p->label, "perustunnusluku");
	ck_assert_uint_eq(p->flags, P15_FLAG_PRIVATE | P15_FLAG_MODIFIABLE);
	id_is(&p->id, "01");
	ck_assert_uint_eq(p->auth_id.len, 0);
	ck_assert_uint_eq(p->pin_flags, PINF_INITIALIZED | PINF_NEEDS_PADDING);
	ck_assert_int_eq(p->pin.ref, 0x11);
	ck_assert_int_eq((int)p->pin.coding, PIN_ASCII);
	ck_assert_uint_eq(p->pin.min, 4);
	ck_assert_uint_eq(p->pin.stored, 12);
	ck_assert_uint_eq(p->pin.max, 12);
	ck_assert_uint_eq(p->pin.pad, 0);
	ck_assert(p->pin.pads && !p->pin.local && !p->pin.guess);
	path_is(&p->pin.path, PATH_MF, "");
	ck_assert_int_eq(p->pin.tries_max, -1);
	ck_assert_int_eq(p->pin.unblock_ref, -1);
	p15_objects_free(&o);
}
END_TEST

START_TEST(pin2_of_a_fineid_card_is_local)
{
	struct p15_objects o = one_hex(&aodf, PIN2);
	const struct p15_object *p = o.p[0];

	id_is(&p->id, "02");
	ck_assert_int_eq(p->pin.ref, 0x82);
	ck_assert_uint_eq(p->pin.min, 6);
	ck_assert(p->pin.local && !p->pin.guess);
	path_is(&p->pin.path, PATH_MF, "5016");
	p15_objects_free(&o);
}
END_TEST

/* flags, type, min, stored, max, reference, pad: as far as given. */
static struct buf
pin_record(const char *fields)
{
	struct buf text = BUF_INIT, der;

	buf_fmt(&text, "asn1=SEQUENCE:r\n[r]\nc=SEQUENCE:c\nk=SEQUENCE:k\nt=EXP:1,SEQUENCE:t\n"
	    "[c]\nl=UTF8:PIN\na=FORMAT:HEX,OCTETSTRING:03\n"
	    "[k]\ni=FORMAT:HEX,OCTETSTRING:01\n[t]\n%s",
	    fields);
	der = generate(buf_text(&text));
	buf_free(&text);
	return der;
}

#define PIN_HEAD "f=FORMAT:BITLIST,BITSTRING:4,5\ny=ENUMERATED:1\n"
#define PIN_BARE "f=FORMAT:BITLIST,BITSTRING:4\ny=ENUMERATED:1\n"

START_TEST(a_pin_is_a_guess_unless_the_record_says_all)
{
	static const struct {
		const char *name, *fields;
		bool guess, pads;
		int ref;
		size_t max;
	} cases[] = {
		{ "everything there",
		    PIN_HEAD "m=INTEGER:4\ns=INTEGER:8\nx=INTEGER:8\nr=IMP:0,INTEGER:1\n"
		    "p=FORMAT:HEX,OCTETSTRING:FF\n", false, true, 1, 8 },
		{ "no reference: 0 by the standard, but said by nobody",
		    PIN_HEAD "m=INTEGER:4\ns=INTEGER:8\nx=INTEGER:8\np=FORMAT:HEX,OCTETSTRING:FF\n",
		    true, true, -1, 8 },
		{ "padding needed, character not given",
		    PIN_HEAD "m=INTEGER:4\ns=INTEGER:8\nx=INTEGER:8\nr=IMP:0,INTEGER:1\n",
		    true, true, 1, 8 },
		{ "padding to nothing",
		    PIN_HEAD "m=INTEGER:4\ns=INTEGER:0\nx=INTEGER:8\nr=IMP:0,INTEGER:1\n"
		    "p=FORMAT:HEX,OCTETSTRING:FF\n", true, true, 1, 8 },
		{ "no padding needed",
		    PIN_BARE "m=INTEGER:4\ns=INTEGER:8\nx=INTEGER:8\nr=IMP:0,INTEGER:1\n",
		    false, false, 1, 8 },
		{ "no stored length",
		    PIN_BARE "m=INTEGER:0\nr=IMP:0,INTEGER:1\n",
		    true, false, 1, 0 },
		{ "largest length not given: the stored one",
		    PIN_HEAD "m=INTEGER:4\ns=INTEGER:8\nr=IMP:0,INTEGER:1\n"
		    "p=FORMAT:HEX,OCTETSTRING:00\n", false, true, 1, 8 },
		{ "BCD holds two digits a byte",
		    "f=FORMAT:BITLIST,BITSTRING:4,5\ny=ENUMERATED:0\nm=INTEGER:4\ns=INTEGER:8\n"
		    "r=IMP:0,INTEGER:1\np=FORMAT:HEX,OCTETSTRING:FF\n", false, true, 1, 16 },
		{ "a largest length that does not fit is cut to what does",
		    PIN_HEAD "m=INTEGER:4\ns=INTEGER:8\nx=INTEGER:12\nr=IMP:0,INTEGER:1\n"
		    "p=FORMAT:HEX,OCTETSTRING:00\n", false, true, 1, 8 },
		{ "reference 82 as one negative byte",
		    PIN_HEAD "m=INTEGER:4\ns=INTEGER:8\nx=INTEGER:8\nr=IMP:0,INTEGER:-126\n"
		    "p=FORMAT:HEX,OCTETSTRING:FF\n", false, true, 0x82, 8 }
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct buf b = pin_record(cases[i].fields);
		struct p15_objects o = one(&aodf, buf_peek(&b));
		const struct pin_ref *pin = &o.p[0]->pin;

		ck_assert_msg(pin->guess == cases[i].guess, "%s", cases[i].name);
		ck_assert_msg(pin->pads == cases[i].pads, "%s", cases[i].name);
		ck_assert_msg(pin->max == cases[i].max, "%s: %zu", cases[i].name, pin->max);
		ck_assert_msg(pin->ref == cases[i].ref, "%s: %d", cases[i].name, pin->ref);
		id_is(&o.p[0]->auth_id, "03");
		path_is(&pin->path, PATH_APP, "");
		p15_objects_free(&o);
		buf_free(&b);
	}
}
END_TEST

START_TEST(a_pin_that_makes_no_sense_is_passed_over)
{
	static const struct { const char *name, *fields; } cases[] = {
		{ "min above max", PIN_BARE "m=INTEGER:9\ns=INTEGER:8\nx=INTEGER:8\n" },
		{ "unknown type",
		    "f=FORMAT:BITLIST,BITSTRING:4\ny=ENUMERATED:7\nm=INTEGER:4\ns=INTEGER:8\n" },
		{ "no flags", "y=ENUMERATED:1\nm=INTEGER:4\ns=INTEGER:8\n" },
		{ "two padding characters", PIN_BARE "m=INTEGER:4\ns=INTEGER:8\nx=INTEGER:8\n"
		    "p=FORMAT:HEX,OCTETSTRING:FFFF\n" },
		{ "reference over 255", PIN_BARE "m=INTEGER:4\ns=INTEGER:8\nx=INTEGER:8\n"
		    "r=IMP:0,INTEGER:256\n" },
		{ "length over 255", PIN_BARE "m=INTEGER:4\ns=INTEGER:300\nx=INTEGER:300\n" }
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct buf b = pin_record(cases[i].fields);
		struct p15_objects o = { NULL, 0 };
		size_t skipped;

		ck_assert_msg(p15_dir_decode(&aodf, buf_peek(&b), &o, &skipped) == E_FORMAT, "%s",
		    cases[i].name);
		ck_assert_uint_eq(skipped, 1);
		ck_assert_uint_eq(o.n, 0);
		buf_free(&b);
	}
}
END_TEST

/* ---- keys ---- */

START_TEST(rsa_key_of_a_fineid_card)
{
	struct p15_objects o = one_hex(&prkdf, PRKEY_RSA);
	const struct p15_object *p = o.p[0];

	ck_assert_int_eq((int)p->kind, P15_PRIVATE);
	ck_assert_str_eq(p->label, "todentamis- ja salausavain");
	id_is(&p->id, "45");
	id_is(&p->auth_id, "01");
	ck_assert_uint_eq(p->usage, USAGE_DECRYPT | USAGE_SIGN | USAGE_UNWRAP);
	ck_assert_uint_eq(p->access, ACCESS_SENSITIVE | ACCESS_ALWAYS_SENSITIVE |
	    ACCESS_NEVER_EXTRACTABLE | ACCESS_LOCAL);
	ck_assert(p->native && p->key.ref_valid);
	ck_assert_int_eq(p->key.ref, 1);
	ck_assert_int_eq((int)p->key.kind, KEY_RSA);
	ck_assert_uint_eq(p->key.bits, 2048);
	ck_assert_uint_eq(p->user_consent, 0);
	path_is(&p->key.path, PATH_MF, "4B01");
	path_is(&p->dir, PATH_APP, "4402");
	ck_assert_uint_eq(p->rec_off, 0);
	ck_assert_uint_eq(p->rec_len, 74);
	p15_objects_free(&o);
}
END_TEST

START_TEST(ec_signature_key_of_a_fineid_card)
{
	struct p15_objects o = one_hex(&prkdf, PRKEY_EC);
	const struct p15_object *p = o.p[0];

	ck_assert_str_eq(p->label, "allekirjoitusavain");
	id_is(&p->id, "46");
	id_is(&p->auth_id, "02");
	ck_assert_uint_eq(p->usage, USAGE_NON_REPUDIATION);
	ck_assert_uint_eq(p->user_consent, 1);
	ck_assert_int_eq((int)p->key.kind, KEY_EC);
	ck_assert_uint_eq(p->key.bits, 384);
	ck_assert_int_eq(p->key.ref, 2);
	path_is(&p->key.path, PATH_MF, "50164B02");
	p15_objects_free(&o);
}
END_TEST

/* A record with the given class and type fields. Owner: caller. */
static struct buf
key_record(const char *tag, const char *class, const char *type, const char *more)
{
	struct buf text = BUF_INIT, der;

	buf_fmt(&text, "asn1=%sSEQUENCE:r\n[r]\nc=SEQUENCE:c\nk=SEQUENCE:k\n%st=EXP:1,SEQUENCE:t\n"
	    "[c]\nl=UTF8:Key\n[k]\ni=FORMAT:HEX,OCTETSTRING:45\n"
	    "u=FORMAT:BITLIST,BITSTRING:2\n%s[t]\n%s[p]\np=FORMAT:HEX,OCTETSTRING:4B01\n"
	    "[s]\nn=SEQUENCE:n\n[n]\nr=SET:rdn\n[rdn]\na=SEQUENCE:atv\n"
	    "[atv]\no=OID:commonName\nv=UTF8:X\n",
	    tag, strstr(more, "sub") ? "s=EXP:0,SEQUENCE:s\n" : "", class, type);
	der = generate(buf_text(&text));
	buf_free(&text);
	return der;
}

#define PATH_BITS "p=SEQUENCE:p\nb=INTEGER:2048\n"

START_TEST(key_oddities)
{
	static const struct {
		const char *name, *tag, *class, *type, *more;
		int ref;
		bool native;
		unsigned bits;
		size_t subject;
	} cases[] = {
		{ "no reference", "", "", PATH_BITS, "", -1, true, 2048, 0 },
		{ "reference 82 as one negative byte", "", "r=INTEGER:-126\n", PATH_BITS, "",
		    0x82, true,
		    2048, 0 },
		{ "reference out of range is none", "", "r=INTEGER:1000\n", PATH_BITS, "", -1, true,
		    2048, 0 },
		{ "reference and dates", "", "r=INTEGER:3\nd=GENTIME:20260101000000Z\n",
		    PATH_BITS, "", 3,
		    true, 2048, 0 },
		{ "not native", "", "n=BOOLEAN:FALSE\n", PATH_BITS, "", -1, false, 2048, 0 },
		{ "access flags without native", "", "a=FORMAT:BITLIST,BITSTRING:0\nr=INTEGER:1\n",
		    PATH_BITS, "", 1, true, 2048, 0 },
		{ "EC without a field size", "IMP:0,", "", "p=SEQUENCE:p\n", "", -1, true, 0, 0 },
		{ "EC with the number of a KeyInfo", "IMP:0,", "",
		    "p=SEQUENCE:p\nb=INTEGER:1\n", "", -1, true, 0, 0 },
		{ "EC with a field size", "IMP:0,", "", "p=SEQUENCE:p\nb=INTEGER:521\n", "", -1,
		    true, 521, 0 },
		{ "a subject", "", "", PATH_BITS, "sub", -1, true, 2048, 14 }
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct buf b = key_record(cases[i].tag, cases[i].class, cases[i].type,
		    cases[i].more);
		struct p15_objects o = one(&prkdf, buf_peek(&b));
		const struct p15_object *p = o.p[0];

		ck_assert_msg(p->key.ref == cases[i].ref, "%s", cases[i].name);
		ck_assert_msg(p->key.ref_valid == (p->key.ref >= 0), "%s", cases[i].name);
		ck_assert_msg(p->native == cases[i].native, "%s", cases[i].name);
		ck_assert_msg(p->key.bits == cases[i].bits, "%s", cases[i].name);
		ck_assert_msg(p->subject.len == cases[i].subject, "%s", cases[i].name);
		path_is(&p->key.path, PATH_APP, "4B01");
		p15_objects_free(&o);
		buf_free(&b);
	}
}
END_TEST

START_TEST(a_key_may_have_no_path)
{
	struct buf b = key_record("", "r=INTEGER:3\n",
	    "v=SEQUENCE:none\nb=INTEGER:2048\n[none]\n", "");
	struct p15_objects o = one(&prkdf, buf_peek(&b));

	path_is(&o.p[0]->key.path, PATH_APP, "");
	ck_assert_int_eq(o.p[0]->key.ref, 3);
	ck_assert_uint_eq(o.p[0]->key.bits, 2048);
	p15_objects_free(&o);
	buf_free(&b);
}
END_TEST

START_TEST(public_keys_in_the_directory)
{
	static const char e_n[] = "03010001";
	static const struct { const char *name, *type; bool rsa; } cases[] = {
		{ "RSAPublicKey", "v=EXP:0,SEQUENCE:pk\nb=INTEGER:128\n", true },
		{ "RSAPublicKey, [0] in place of its SEQUENCE",
		    "v=IMP:0,SEQUENCE:pk\nb=INTEGER:128\n",
		    true },
		{ "SubjectPublicKeyInfo as [1]", "v=EXP:0,IMP:1,SEQUENCE:spki\nb=INTEGER:128\n",
		    true },
		{ "SubjectPublicKeyInfo", "v=EXP:0,SEQUENCE:spki\nb=INTEGER:128\n", true }
	};

	(void)e_n;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct buf text = BUF_INIT, b;
		struct p15_objects o;
		struct pub_fields f;

		buf_fmt(&text, "asn1=SEQUENCE:r\n[r]\nc=SEQUENCE:c\nk=SEQUENCE:k\n"
		    "t=EXP:1,SEQUENCE:t\n"
		    "[c]\nl=UTF8:Key\n[k]\ni=FORMAT:HEX,OCTETSTRING:45\n"
		    "u=FORMAT:BITLIST,BITSTRING:6\n[t]\n%s"
		    "[pk]\nn=INTEGER:0x00C000000000000000000000000000000D\ne=INTEGER:65537\n"
		    "[spki]\na=SEQUENCE:alg\nk=BITWRAP,SEQUENCE:pk\n"
		    "[alg]\no=OID:rsaEncryption\nn=NULL\n", cases[i].type);
		b = generate(buf_text(&text));
		o = one(&pukdf, buf_peek(&b));
		ck_assert_uint_eq(o.p[0]->usage, USAGE_VERIFY);
		ck_assert_uint_eq(o.p[0]->key.bits, 128);
		ck_assert_msg(pub_decode(buf_peek(&o.p[0]->direct), &f) == 0, "%s", cases[i].name);
		ck_assert_int_eq((int)f.kind, PUB_RSA);
		ck_assert_uint_eq(f.bits, 128);
		ck_assert_view_hex(f.e, "010001");
		p15_objects_free(&o);
		buf_free(&b);
		buf_free(&text);
	}
}
END_TEST

#define POINT \
	"04000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F" \
	"000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F"

START_TEST(ec_points_in_the_directory)
{
	static const struct { const char *name, *type; } cases[] = {
		{ "in an OCTET STRING", "v=EXP:0,FORMAT:HEX,OCTETSTRING:" POINT "\n" },
		{ "bare under the [0]", "v=IMP:0,FORMAT:HEX,OCTETSTRING:" POINT "\n" }
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct buf b = key_record("IMP:0,", "", cases[i].type, "");
		struct p15_objects o;
		struct pub_fields f;

		/* the generator leaves [0] primitive; cards write it constructed */
		for (size_t at = 0; at < b.len; at++)
			if (b.p[at] == 0x80)
				b.p[at] = 0xA0;
		o = one(&pukdf, buf_peek(&b));
		ck_assert_int_eq((int)o.p[0]->key.kind, KEY_EC);
		ck_assert_msg(pub_decode(buf_peek(&o.p[0]->direct), &f) == 0, "%s", cases[i].name);
		ck_assert_view_hex(f.ec_point, POINT);
		p15_objects_free(&o);
		buf_free(&b);
	}
}
END_TEST

START_TEST(secret_keys_have_a_tag_per_cipher)
{
	static const char *tags[] = { "", "IMP:2,", "IMP:4,", "IMP:15," };

	for (size_t i = 0; i < sizeof tags / sizeof tags[0]; i++) {
		struct buf text = BUF_INIT, b;
		struct p15_objects o;

		buf_fmt(&text, "asn1=%sSEQUENCE:r\n[r]\nc=SEQUENCE:c\nk=SEQUENCE:k\n"
		    "s=EXP:0,SEQUENCE:s\nt=EXP:1,SEQUENCE:t\n[c]\nl=UTF8:AES\n"
		    "[k]\ni=FORMAT:HEX,OCTETSTRING:01\nu=FORMAT:BITLIST,BITSTRING:0,1\n"
		    "[s]\nl=INTEGER:256\n[t]\nv=SEQUENCE:p\n[p]\np=FORMAT:HEX,OCTETSTRING:4D01\n",
		    tags[i]);
		b = generate(buf_text(&text));
		o = one(&skdf, buf_peek(&b));
		ck_assert_int_eq((int)o.p[0]->key.kind, KEY_SECRET);
		ck_assert_uint_eq(o.p[0]->key.bits, 256);
		path_is(&o.p[0]->key.path, PATH_APP, "4D01");
		p15_objects_free(&o);
		buf_free(&b);
		buf_free(&text);
	}
}
END_TEST

/* ---- certificates, data ---- */

START_TEST(certificates_of_a_fineid_card)
{
	struct buf b = hex(CERT_USER CERT_CA);
	struct p15_odf_entry from = cdf;
	struct p15_objects o = { NULL, 0 };
	size_t skipped;

	from.trusted = true;
	ck_assert_int_eq(p15_dir_decode(&from, buf_peek(&b), &o, &skipped), 0);
	ck_assert_uint_eq(o.n, 2);
	ck_assert_str_eq(o.p[0]->label, "todentamis- ja salausvarmenne");
	id_is(&o.p[0]->id, "45");
	ck_assert(!o.p[0]->authority && o.p[0]->trusted && !o.p[0]->useful);
	path_is(&o.p[0]->path, PATH_MF, "50154331");
	ck_assert_uint_eq(o.p[0]->rec_off, 0);
	ck_assert_str_eq(o.p[1]->label, "Issuing CA");
	id_is(&o.p[1]->id, "47");
	ck_assert(o.p[1]->authority);
	path_is(&o.p[1]->path, PATH_MF, "4336");
	ck_assert_uint_eq(o.p[1]->rec_off, 58);
	ck_assert_uint_eq(o.p[1]->rec_len, 36);
	p15_objects_free(&o);
	buf_free(&b);
}
END_TEST

START_TEST(a_certificate_in_the_directory_itself)
{
	struct buf cert = hex_file("t/unit/data/cert-p256.hex");
	struct view inside = view_part(buf_peek(&cert), 4, cert.len);

	for (int implicit = 0; implicit < 2; implicit++) {
		struct buf text = BUF_INIT, b;
		struct p15_objects o;

		buf_fmt(&text, "asn1=SEQUENCE:r\n[r]\nc=SEQUENCE:c\nk=SEQUENCE:k\n"
		    "t=EXP:1,SEQUENCE:t\n"
		    "[c]\nl=UTF8:Cert\n[k]\ni=FORMAT:HEX,OCTETSTRING:45\n[t]\n"
		    "v=IMP:0,FORMAT:HEX,OCTETSTRING:");
		buf_hex(&text, implicit ? inside : buf_peek(&cert));
		buf_str(&text, "\n");
		b = generate(buf_text(&text));
		for (size_t at = 0; at < 60; at++)
			if (b.p[at] == 0x80 && b.p[at + 1] == 0x82)
				b.p[at] = 0xA0;
		o = one(&cdf, buf_peek(&b));
		ck_assert(view_eq(buf_peek(&o.p[0]->direct), buf_peek(&cert)));
		p15_objects_free(&o);
		buf_free(&b);
		buf_free(&text);
	}
	buf_free(&cert);
}
END_TEST

START_TEST(data_objects)
{
	struct p15_objects o = one_hex(&dodf, DATA_BLOB);

	ck_assert_str_eq(o.p[0]->label, "blob");
	ck_assert_str_eq(o.p[0]->application, "myapp");
	id_is(&o.p[0]->auth_id, "01");
	path_is(&o.p[0]->path, PATH_MF, "50155001");
	ck_assert_uint_eq(o.p[0]->oid.len, 0);
	p15_objects_free(&o);
	/* an OID, no name, the value in line */
	o = one_hex(&dodf, "3012 3003 0C0141 3005 06032A0304 A104 A002BEEF");
	ck_assert_ptr_null(o.p[0]->application);
	ck_assert_view_hex(buf_peek(&o.p[0]->oid), "06032A0304");
	ck_assert_view_hex(buf_peek(&o.p[0]->direct), "BEEF");
	p15_objects_free(&o);
}
END_TEST

/* ---- whole directories ---- */

START_TEST(directories_with_holes_and_foreign_records)
{
	static const struct { const char *name, *hex; int r; size_t n, skipped; } cases[] = {
		{ "empty", "", 0, 0, 0 },
		{ "erased", "00000000FFFFFFFF", 0, 0, 0 },
		{ "filler between records", PRKEY_RSA "0000" PRKEY_EC "FFFF", 0, 2, 0 },
		{ "filler first", "00" PRKEY_RSA, 0, 1, 0 },
		{ "a bad record between two good ones", PRKEY_RSA "3003020101" PRKEY_EC, 0, 2, 1 },
		{ "a DSA key is not ours", "A2023000" PRKEY_RSA, 0, 1, 1 },
		{ "foreign records alone are no damage", "A2023000", 0, 0, 1 },
		{ "a cut record behind a good one", PRKEY_RSA "3048302300", 0, 1, 1 },
		{ "a cut record alone", "3048302300", E_FORMAT, 0, 1 },
		{ "bad records alone", "3003020101 3003020102", E_FORMAT, 0, 2 }
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct buf b = hex(cases[i].hex);
		struct p15_objects o = { NULL, 0 };
		size_t skipped = 99;

		ck_assert_msg(p15_dir_decode(&prkdf, buf_peek(&b), &o, &skipped) == cases[i].r,
		    "%s",
		    cases[i].name);
		ck_assert_msg(o.n == cases[i].n, "%s", cases[i].name);
		ck_assert_msg(skipped == cases[i].skipped, "%s", cases[i].name);
		p15_objects_free(&o);
		buf_free(&b);
	}
}
END_TEST

START_TEST(more_records_than_a_card_may_have_are_a_limit)
{
	struct buf b = BUF_INIT, record = hex(PRKEY_RSA);
	struct p15_objects o = { NULL, 0 };
	size_t skipped;

	for (size_t i = 0; i < P15_OBJECTS_MAX + 1; i++)
		buf_view(&b, buf_peek(&record));
	ck_assert_int_eq(p15_dir_decode(&prkdf, buf_peek(&b), &o, &skipped), E_LIMIT);
	ck_assert_uint_eq(o.n, P15_OBJECTS_MAX);
	p15_objects_free(&o);
	buf_free(&b);
	buf_free(&record);
}
END_TEST

START_TEST(a_directory_in_a_part_of_a_file_knows_its_offsets)
{
	struct buf b = hex("00" PRKEY_RSA);
	struct p15_odf_entry from = prkdf;
	struct p15_objects o = { NULL, 0 };
	size_t skipped;

	from.range.whole = false;
	from.range.off = 100;
	from.range.len = 200;
	ck_assert_int_eq(p15_dir_decode(&from, buf_peek(&b), &o, &skipped), 0);
	ck_assert_uint_eq(o.p[0]->rec_off, 101);
	p15_objects_free(&o);
	buf_free(&b);
}
END_TEST

START_TEST(records_are_appended_behind_the_last)
{
	static const struct { const char *name, *hex; size_t n; int r; size_t off; } cases[] = {
		{ "into an empty file", "0000000000", 5, 0, 0 },
		{ "into an erased file", "FFFFFFFFFF", 5, 0, 0 },
		{ "behind a record", "30020500 00000000", 4, 0, 4 },
		{ "behind the last of two, the hole between is left",
		    "30020500 0000 30020500 FFFF", 2, 0,
		    10 },
		{ "one byte too many", "30020500 00000000", 5, E_FULL, 0 },
		{ "into no file", "", 1, E_FULL, 0 },
		{ "behind something unreadable", "30020500 3080FFFF", 1, E_FORMAT, 0 }
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct buf b = hex(cases[i].hex);
		size_t off = 0;

		ck_assert_msg(p15_dir_append_at(buf_peek(&b), cases[i].n, &off) == cases[i].r, "%s",
		    cases[i].name);
		ck_assert_msg(off == cases[i].off, "%s: %zu", cases[i].name, off);
		buf_free(&b);
	}
}
END_TEST

START_TEST(ids_are_compared_whole)
{
	struct p15_id a = { 1, { 0x45 } }, b = { 2, { 0x45, 0x00 } }, c = { 1, { 0x45 } };

	ck_assert(p15_id_eq(&a, &c));
	ck_assert(!p15_id_eq(&a, &b));
}
END_TEST

/* ---- a card that OpenSC 0.23 wrote (pkcs15-init, its myeid.profile) ---- */

#define OPENSC "t/unit/data/opensc-"

START_TEST(the_odf_of_opensc)
{
	static const char *files[] = { "50154402", "50154404", "50154407", "50154403", "50154405",
		"50154406", "50154401" };
	struct buf b = hex_file(OPENSC "odf.hex");
	struct p15_odf odf;

	ck_assert_int_eq(p15_odf_decode(buf_peek(&b), &odf), 0);
	ck_assert_uint_eq(odf.n, 7);
	for (size_t i = 0; i < odf.n; i++)
		path_is(&odf.e[i].path, PATH_MF, files[i]);
	ck_assert_int_eq((int)odf.e[2].kind, P15_SECRET);
	ck_assert(odf.e[4].trusted);
	buf_free(&b);
}
END_TEST

START_TEST(the_token_info_of_opensc)
{
	struct buf b = hex_file(OPENSC "tokeninfo.hex");
	struct p15_token_info t;

	ck_assert_int_eq(p15_token_info_decode(buf_peek(&b), &t), 0);
	ck_assert_view_hex(buf_peek(&t.serial), "04451234567890000000");
	ck_assert_str_eq(t.manufacturer, "Aventra Ltd.");
	ck_assert_str_eq(t.label, "OpenSC made");
	ck_assert(t.prn_generation && t.eid_compliant && !t.login_required && !t.read_only);
	ck_assert_uint_eq(t.last_update.len, 15);
	p15_token_info_free(&t);
	buf_free(&b);
}
END_TEST

START_TEST(the_pins_of_opensc)
{
	static const struct { const char *label, *id; int ref; unsigned flags; } pins[] = {
		{ "Security Officer PIN", "FF", 3,
		    PINF_INITIALIZED | PINF_NEEDS_PADDING | PINF_SO },
		{ "Basic PIN", "01", 1, PINF_INITIALIZED | PINF_NEEDS_PADDING },
		{ "Sign PIN", "02", 2, PINF_INITIALIZED | PINF_NEEDS_PADDING }
	};
	struct buf b = hex_file(OPENSC "aodf.hex");
	struct p15_objects o = { NULL, 0 };
	size_t skipped;

	ck_assert_int_eq(p15_dir_decode(&aodf, buf_peek(&b), &o, &skipped), 0);
	ck_assert_uint_eq(o.n, 3);
	ck_assert_uint_eq(skipped, 0);
	for (size_t i = 0; i < o.n; i++) {
		const struct pin_ref *pin = &o.p[i]->pin;

		ck_assert_str_eq(o.p[i]->label, pins[i].label);
		id_is(&o.p[i]->id, pins[i].id);
		ck_assert_uint_eq(o.p[i]->pin_flags, pins[i].flags);
		ck_assert_int_eq(pin->ref, pins[i].ref);
		ck_assert_int_eq((int)pin->coding, PIN_ASCII);
		ck_assert_uint_eq(pin->min, 4);
		ck_assert_uint_eq(pin->max, 8);
		ck_assert_uint_eq(pin->stored, 8);
		ck_assert_uint_eq(pin->pad, 0xFF);
		ck_assert(pin->pads && !pin->local && !pin->guess);
		path_is(&pin->path, PATH_APP, "");
	}
	p15_objects_free(&o);
	buf_free(&b);
}
END_TEST

START_TEST(the_keys_of_opensc)
{
	struct buf b = hex_file(OPENSC "prkdf.hex");
	struct p15_objects o = { NULL, 0 };
	size_t skipped;

	ck_assert_int_eq(p15_dir_decode(&prkdf, buf_peek(&b), &o, &skipped), 0);
	ck_assert_uint_eq(o.n, 2);
	ck_assert_uint_eq(skipped, 0);
	ck_assert_str_eq(o.p[0]->label, "User cert");
	ck_assert_int_eq((int)o.p[0]->key.kind, KEY_RSA);
	ck_assert_uint_eq(o.p[0]->key.bits, 2048);
	ck_assert_int_eq(o.p[0]->key.ref, 1);
	path_is(&o.p[0]->key.path, PATH_MF, "50154B01");
	ck_assert_uint_eq(o.p[0]->subject.len, 0x73);
	ck_assert(o.p[0]->native);
	ck_assert_str_eq(o.p[1]->label, "EC key");
	ck_assert_int_eq((int)o.p[1]->key.kind, KEY_EC);
	ck_assert_uint_eq(o.p[1]->key.bits, 256);
	ck_assert(o.p[1]->usage & USAGE_NON_REPUDIATION);
	id_is(&o.p[1]->auth_id, "01");
	p15_objects_free(&o);
	buf_free(&b);
}
END_TEST

/* What we would write for what OpenSC wrote is what OpenSC wrote: so it reads ours. */
START_TEST(records_of_opensc_are_written_byte_for_byte)
{
	static const struct {
		const struct p15_odf_entry *from;
		const char *file;
		size_t records;
	} cases[] = {
		{ &prkdf, OPENSC "prkdf.hex", 2 },
		{ &pukdf, OPENSC "pukdf.hex", 2 },
		{ &skdf, OPENSC "skdf.hex", 0 },
		{ &cdf, OPENSC "cdf.hex", 2 },
		{ &dodf, OPENSC "dodf.hex", 2 }
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct buf b = hex_file(cases[i].file), out = BUF_INIT;
		struct p15_objects o = { NULL, 0 };
		size_t skipped, end = 0, off;

		ck_assert_int_eq(p15_dir_decode(cases[i].from, buf_peek(&b), &o, &skipped), 0);
		ck_assert_msg(o.n == cases[i].records, "%s: %zu", cases[i].file, o.n);
		for (size_t j = 0; j < o.n; j++) {
			buf_reset(&out);
			ck_assert_int_eq(p15_record_encode(o.p[j], &out), 0);
			ck_assert_msg(view_eq(buf_peek(&out),
			    view_part(buf_peek(&b), o.p[j]->rec_off, o.p[j]->rec_len)),
			    "%s: record %zu", cases[i].file, j);
			end = o.p[j]->rec_off + o.p[j]->rec_len;
		}
		ck_assert_int_eq(p15_dir_append_at(buf_peek(&b), 10, &off), 0);
		ck_assert_uint_eq(off, end);
		p15_objects_free(&o);
		buf_free(&b);
		buf_free(&out);
	}
}
END_TEST

/* ---- writing ---- */

/* What must come out, by OpenSSL's generator, and that it reads back the same. */
static void
encodes_as(const struct p15_object *o, const struct p15_odf_entry *from, const char *sections)
{
	struct buf want = generate(sections), is = BUF_INIT, again = BUF_INIT;
	struct p15_objects back;

	ck_assert_int_eq(p15_record_encode(o, &is), 0);
	buf_hex(&again, buf_peek(&want));
	ck_assert_view_hex(buf_peek(&is), buf_text(&again));
	back = one(from, buf_peek(&is));
	buf_reset(&again);
	ck_assert_int_eq(p15_record_encode(back.p[0], &again), 0);
	ck_assert(view_eq(buf_peek(&is), buf_peek(&again)));
	p15_objects_free(&back);
	buf_free(&want);
	buf_free(&is);
	buf_free(&again);
}

START_TEST(an_rsa_private_key_is_written)
{
	char label[] = "Avain \xC3\xA4";
	struct p15_object o = { .kind = P15_PRIVATE, .label = label, .flags = 3, .native = true,
		.auth_id = { 1, { 1 } }, .id = { 2, { 0x45, 0x46 } },
		.usage = USAGE_SIGN | USAGE_DECRYPT | USAGE_NON_REPUDIATION, .user_consent = 1,
		.access = ACCESS_SENSITIVE | ACCESS_LOCAL };

	o.key.kind = KEY_RSA;
	o.key.bits = 2048;
	o.key.ref = 0x82;
	o.key.ref_valid = true;
	o.key.path = (struct path){ PATH_MF, 4, { 0x50, 0x15, 0x4B, 0x01 } };
	encodes_as(&o, &prkdf,
	    "asn1=SEQUENCE:r\n[r]\nc=SEQUENCE:c\nk=SEQUENCE:k\nt=EXP:1,SEQUENCE:t\n"
	    "[c]\nl=FORMAT:UTF8,UTF8:Avain \xC3\xA4\nf=FORMAT:BITLIST,BITSTRING:0,1\n"
	    "a=FORMAT:HEX,OCTETSTRING:01\nu=INTEGER:1\n"
	    "[k]\ni=FORMAT:HEX,OCTETSTRING:4546\nu=FORMAT:BITLIST,BITSTRING:1,2,9\n"
	    "a=FORMAT:BITLIST,BITSTRING:0,4\nr=INTEGER:0x82\n"
	    "[t]\np=SEQUENCE:p\nb=INTEGER:2048\n[p]\np=FORMAT:HEX,OCTETSTRING:3F0050154B01\n");
}
END_TEST

START_TEST(an_ec_private_key_with_a_subject_is_written)
{
	char label[] = "EC";
	struct p15_object o = { .kind = P15_PRIVATE, .label = label, .native = true,
		.id = { 1, { 0x45 } }, .usage = USAGE_SIGN | USAGE_DERIVE };

	o.key.kind = KEY_EC;
	o.key.bits = 256;
	o.key.path = (struct path){ PATH_APP, 2, { 0x4B, 0x02 } };
	o.subject = hex("300C310A30080603550403 0C0158");
	encodes_as(&o, &prkdf,
	    "asn1=IMP:0,SEQUENCE:r\n[r]\nc=SEQUENCE:c\nk=SEQUENCE:k\ns=EXP:0,SEQUENCE:s\n"
	    "t=EXP:1,SEQUENCE:t\n[c]\nl=UTF8:EC\n"
	    "[k]\ni=FORMAT:HEX,OCTETSTRING:45\nu=FORMAT:BITLIST,BITSTRING:2,8\n"
	    "[s]\nn=SEQUENCE:n\n[n]\nr=SET:rdn\n[rdn]\na=SEQUENCE:atv\n"
	    "[atv]\no=OID:commonName\nv=UTF8:X\n"
	    "[t]\np=SEQUENCE:p\nb=INTEGER:256\n[p]\np=FORMAT:HEX,OCTETSTRING:4B02\n");
	buf_free(&o.subject);
}
END_TEST

START_TEST(public_keys_are_written)
{
	char label[] = "Pub";
	struct p15_object o = { .kind = P15_PUBLIC, .label = label, .native = true,
		.id = { 1, { 0x45 } }, .usage = USAGE_VERIFY, .flags = P15_FLAG_MODIFIABLE };

	o.key.kind = KEY_RSA;
	o.key.bits = 1024;
	o.path = (struct path){ PATH_MF, 4, { 0x50, 0x15, 0x55, 0x01 } };
	o.range.whole = true;
	encodes_as(&o, &pukdf,
	    "asn1=SEQUENCE:r\n[r]\nc=SEQUENCE:c\nk=SEQUENCE:k\nt=EXP:1,SEQUENCE:t\n"
	    "[c]\nl=UTF8:Pub\nf=FORMAT:BITLIST,BITSTRING:1\n"
	    "[k]\ni=FORMAT:HEX,OCTETSTRING:45\nu=FORMAT:BITLIST,BITSTRING:6\n"
	    "[t]\np=SEQUENCE:p\nb=INTEGER:1024\n[p]\np=FORMAT:HEX,OCTETSTRING:3F0050155501\n");
	o.key.kind = KEY_EC;
	o.key.bits = 256;
	o.direct = hex("0441" POINT);
	encodes_as(&o, &pukdf,
	    "asn1=IMP:0,SEQUENCE:r\n[r]\nc=SEQUENCE:c\nk=SEQUENCE:k\nt=EXP:1,SEQUENCE:t\n"
	    "[c]\nl=UTF8:Pub\nf=FORMAT:BITLIST,BITSTRING:1\n"
	    "[k]\ni=FORMAT:HEX,OCTETSTRING:45\nu=FORMAT:BITLIST,BITSTRING:6\n"
	    "[t]\nv=EXP:0,FORMAT:HEX,OCTETSTRING:" POINT "\n");
	buf_free(&o.direct);
}
END_TEST

START_TEST(certificates_are_written)
{
	char label[] = "Cert";
	struct p15_object o = { .kind = P15_CERT, .label = label, .id = { 1, { 0x45 } },
		.flags = P15_FLAG_MODIFIABLE };

	o.path = (struct path){ PATH_MF, 4, { 0x50, 0x15, 0x43, 0x01 } };
	o.range = (struct range){ .off = 0, .len = 1200 };
	encodes_as(&o, &cdf,
	    "asn1=SEQUENCE:r\n[r]\nc=SEQUENCE:c\nk=SEQUENCE:k\nt=EXP:1,SEQUENCE:t\n"
	    "[c]\nl=UTF8:Cert\nf=FORMAT:BITLIST,BITSTRING:1\n[k]\ni=FORMAT:HEX,OCTETSTRING:45\n"
	    "[t]\np=SEQUENCE:p\n[p]\np=FORMAT:HEX,OCTETSTRING:3F0050154301\ni=INTEGER:0\n"
	    "l=IMP:0,INTEGER:1200\n");
	o.authority = true;
	o.range.whole = true;
	encodes_as(&o, &cdf,
	    "asn1=SEQUENCE:r\n[r]\nc=SEQUENCE:c\nk=SEQUENCE:k\nt=EXP:1,SEQUENCE:t\n"
	    "[c]\nl=UTF8:Cert\nf=FORMAT:BITLIST,BITSTRING:1\n"
	    "[k]\ni=FORMAT:HEX,OCTETSTRING:45\na=BOOLEAN:TRUE\n"
	    "[t]\np=SEQUENCE:p\n[p]\np=FORMAT:HEX,OCTETSTRING:3F0050154301\n");
}
END_TEST

START_TEST(data_objects_are_written)
{
	char label[] = "blob", application[] = "myapp";
	struct p15_object o = { .kind = P15_DATA, .label = label, .application = application,
		.flags = 3, .auth_id = { 1, { 1 } } };

	o.path = (struct path){ PATH_MF, 4, { 0x50, 0x15, 0x50, 0x01 } };
	o.oid = hex("06032A0304");
	encodes_as(&o, &dodf,
	    "asn1=SEQUENCE:r\n[r]\nc=SEQUENCE:c\nk=SEQUENCE:k\nt=EXP:1,SEQUENCE:p\n"
	    "[c]\nl=UTF8:blob\nf=FORMAT:BITLIST,BITSTRING:0,1\na=FORMAT:HEX,OCTETSTRING:01\n"
	    "[k]\na=UTF8:myapp\no=OID:1.2.3.4\n[p]\np=FORMAT:HEX,OCTETSTRING:3F0050155001\n");
	buf_free(&o.oid);
}
END_TEST

/* DER leaves native TRUE away, which the card of these vectors did not: nothing else differs. */
START_TEST(vectors_are_written_as_they_were_read)
{
	static const struct {
		const char *name;
		const struct p15_odf_entry *from;
		const char *hex;
		size_t left_away;
	} cases[] = {
		{ "RSA key", &prkdf, PRKEY_RSA, 3 },
		{ "EC key", &prkdf, PRKEY_EC, 3 },
		{ "certificate", &cdf, CERT_USER, 0 },
		{ "CA certificate", &cdf, CERT_CA, 0 },
		{ "data", &dodf, DATA_BLOB, 0 }
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct buf b = hex(cases[i].hex), out = BUF_INIT;
		struct p15_objects o = one(cases[i].from, buf_peek(&b));

		ck_assert_int_eq(p15_record_encode(o.p[0], &out), 0);
		ck_assert_msg(out.len + cases[i].left_away == b.len, "%s", cases[i].name);
		if (!cases[i].left_away)
			ck_assert_msg(view_eq(buf_peek(&out), buf_peek(&b)), "%s", cases[i].name);
		p15_objects_free(&o);
		buf_free(&b);
		buf_free(&out);
	}
}
END_TEST

START_TEST(what_cannot_be_written_is_refused)
{
	char label[] = "";
	struct p15_object o = { .kind = P15_AUTH, .label = label };
	struct buf out = BUF_INIT;

	ck_assert_int_eq(p15_record_encode(&o, &out), E_ARG);
	o.kind = P15_SECRET;
	ck_assert_int_eq(p15_record_encode(&o, &out), E_ARG);
	o.kind = P15_PRIVATE; /* RSA of an unknown size */
	ck_assert_int_eq(p15_record_encode(&o, &out), E_ARG);
	ck_assert_uint_eq(out.len, 0);
	buf_free(&out);
}
END_TEST

/* ---- damage ---- */

static void
run_dir(struct view v, void *arg)
{
	const struct p15_odf_entry *from = arg;
	struct p15_objects o = { NULL, 0 };
	struct buf out = BUF_INIT;
	size_t skipped, off;
	int r = p15_dir_decode(from, v, &o, &skipped);

	ck_assert(r == 0 || r == E_FORMAT);
	for (size_t i = 0; i < o.n; i++) {
		ck_assert_ptr_nonnull(o.p[i]->label);
		ck_assert_uint_le(o.p[i]->rec_off + o.p[i]->rec_len, v.len);
		ck_assert_int_le(o.p[i]->key.ref, 255);
		ck_assert_uint_le(o.p[i]->pin.min, o.p[i]->pin.max);
		buf_reset(&out);
		p15_record_encode(o.p[i], &out);
	}
	p15_dir_append_at(v, 10, &off);
	buf_free(&out);
	p15_objects_free(&o);
}

static void
run_odf(struct view v, void *arg)
{
	struct p15_odf odf;

	(void)arg;
	p15_odf_decode(v, &odf);
}

static void
run_token_info(struct view v, void *arg)
{
	struct p15_token_info t;

	(void)arg;
	if (p15_token_info_decode(v, &t) == 0)
		p15_token_info_free(&t);
}

static void
damage_file(const char *name, void (*run)(struct view, void *), const struct p15_odf_entry *from)
{
	struct p15_odf_entry arg = *from;
	struct buf b = hex_file(name);
	struct mutate m = { buf_peek(&b), run, &arg, 0 };

	mutate(&m);
	buf_free(&b);
}

static void
damage(const char *text, void (*run)(struct view, void *), const struct p15_odf_entry *from)
{
	struct p15_odf_entry arg = from ? *from : prkdf;
	struct buf b = hex(text);
	struct mutate m = { buf_peek(&b), run, &arg, 0 };

	ck_assert_uint_gt(mutate(&m), 13 * b.len);
	buf_free(&b);
}

START_TEST(damage_is_survived)
{
	damage(ODF_RELATIVE, run_odf, NULL);
	damage(ODF_ABSOLUTE "00" ODF_ABSOLUTE, run_odf, NULL);
	damage(TOKEN_INFO, run_token_info, NULL);
	damage(PIN1 PIN2, run_dir, &aodf);
	damage(PRKEY_RSA "00FF" PRKEY_EC, run_dir, &prkdf);
	damage(PRKEY_RSA PRKEY_EC, run_dir, &pukdf);
	damage(PRKEY_RSA PRKEY_EC, run_dir, &skdf);
	damage(CERT_USER CERT_CA, run_dir, &cdf);
	damage_file(OPENSC "odf.hex", run_odf, &prkdf);
	damage_file(OPENSC "tokeninfo.hex", run_token_info, &prkdf);
	damage_file(OPENSC "aodf.hex", run_dir, &aodf);
	damage_file(OPENSC "prkdf.hex", run_dir, &prkdf);
	damage_file(OPENSC "pukdf.hex", run_dir, &pukdf);
	damage(DATA_BLOB "3012 3003 0C0141 3005 06032A0304 A104 A002BEEF", run_dir, &dodf);
}
END_TEST

/* ---- no memory ---- */

struct nomem_dir { const struct p15_odf_entry *from; struct view ef; size_t records; };

static bool
run_nomem_dir(void *arg)
{
	const struct nomem_dir *d = arg;
	struct p15_objects o = { NULL, 0 };
	struct buf out = BUF_INIT;
	size_t skipped;
	int r = p15_dir_decode(d->from, d->ef, &o, &skipped);
	bool right = r ? r == E_MEM && nomem_failed : o.n == d->records && !nomem_failed;

	if (!r && d->from->kind != P15_AUTH) {
		r = p15_record_encode(o.p[0], &out);
		right = right && r == (nomem_failed ? E_MEM : 0);
	}
	buf_free(&out);
	p15_objects_free(&o);
	return right;
}

static bool
run_nomem_token_info(void *arg)
{
	const struct view *ef = arg;
	struct p15_token_info t;
	int r = p15_token_info_decode(*ef, &t);

	p15_token_info_free(&t);
	return r == (nomem_failed ? E_MEM : 0);
}

START_TEST(no_memory_is_said_and_nothing_leaks)
{
	static const struct {
		const struct p15_odf_entry *from;
		const char *hex;
		size_t records;
	} cases[] = {
		{ &prkdf, PRKEY_RSA PRKEY_EC, 2 },
		{ &cdf, CERT_USER CERT_CA, 2 },
		{ &dodf, DATA_BLOB, 1 },
		{ &dodf, "3012 3003 0C0141 3005 06032A0304 A104 A002BEEF", 1 },
		{ &aodf, PIN1 PIN2, 2 }
	};
	struct buf info = hex(TOKEN_INFO), key = key_record("", "", PATH_BITS, "sub");
	struct view ef = buf_peek(&info);
	struct nomem_dir dir = { &prkdf, buf_peek(&key), 1 };

	ck_assert_uint_ge(nomem(run_nomem_token_info, &ef), 3);
	ck_assert_uint_ge(nomem(run_nomem_dir, &dir), 10);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct buf b = hex(cases[i].hex);
		struct nomem_dir d = { cases[i].from, buf_peek(&b), cases[i].records };

		ck_assert_uint_ge(nomem(run_nomem_dir, &d), 4);
		buf_free(&b);
	}
	buf_free(&info);
	buf_free(&key);
}
END_TEST

UNIT_MAIN("p15", no_memory_is_said_and_nothing_leaks,
    odf_names_the_directories, odf_oddities, odf_with_too_many_records_is_a_limit,
    paths, index_and_length_are_a_range, path_with_an_aid_beside_it, token_info_of_a_fineid_card,
    token_info_in_full, token_info_oddities, pin1_of_a_fineid_card,
    pin2_of_a_fineid_card_is_local, a_pin_is_a_guess_unless_the_record_says_all,
    a_pin_that_makes_no_sense_is_passed_over, rsa_key_of_a_fineid_card,
    ec_signature_key_of_a_fineid_card, key_oddities, a_key_may_have_no_path,
    public_keys_in_the_directory, ec_points_in_the_directory, secret_keys_have_a_tag_per_cipher,
    certificates_of_a_fineid_card, a_certificate_in_the_directory_itself, data_objects,
    directories_with_holes_and_foreign_records, more_records_than_a_card_may_have_are_a_limit,
    a_directory_in_a_part_of_a_file_knows_its_offsets, records_are_appended_behind_the_last,
    ids_are_compared_whole, the_odf_of_opensc, the_token_info_of_opensc, the_pins_of_opensc,
    the_keys_of_opensc, records_of_opensc_are_written_byte_for_byte, an_rsa_private_key_is_written,
    an_ec_private_key_with_a_subject_is_written, public_keys_are_written,
    certificates_are_written, data_objects_are_written, vectors_are_written_as_they_were_read,
    what_cannot_be_written_is_refused, damage_is_survived)

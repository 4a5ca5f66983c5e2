#include "mapping/profile.h"

#include "base/err.h"
#include "mapping/algs.h"
#include "mapping/p15.h"
#include "mapping/profiles.h"
#include "t/unit/bytes.h"
#include "t/unit/mutate.h"
#include "t/unit/nomem.h"
#include "t/unit/unit.h"

#define HEAD "schema: 1\nprofile: x\nsource: [ s ]\ndriver: d\n"
#define MATCH "match: [ { hist-tail: X } ]\n"

static struct profile *
parse(const char *text)
{
	struct buf why = BUF_INIT;
	struct profile *p = NULL;
	int r = profile_parse(view_str(text), "f", &p, &why);

	ck_assert_msg(r == 0, "%s", buf_text(&why));
	buf_free(&why);
	return p;
}

/* Adds a profile made of a name and the rest of a text. */
static void
add(struct profile_set *set, const char *name, const char *rest)
{
	struct buf text = BUF_INIT;
	struct profile *p;

	buf_fmt(&text, "schema: 1\nprofile: %s\nsource: [ s ]\ndriver: d\n%s", name, rest);
	p = parse(buf_text(&text));
	ck_assert_int_eq(profile_set_take(set, &p), 0);
	ck_assert_ptr_null(p);
	buf_free(&text);
}

static const struct profile *
by_name(const struct profile_set *set, const char *name)
{
	for (size_t i = 0; i < set->n; i++)
		if (strcmp(set->p[i]->name, name) == 0)
			return set->p[i];
	ck_abort_msg("no profile %s", name);
}

/* ---- the schema ---- */

START_TEST(every_key_lands_in_its_field)
{
	struct profile *p = parse(
	    "schema: 1\nprofile: all-keys\nsource: [ a, b ]\ndriver: iso-9\nmodel: Model 1\n"
	    "manufacturer: \"M\xC3\xA4ki\"\n"
	    "match:\n"
	    "  - { atr: 3B 02 .. 0., mask: FF FF FF 0F, rank: 7 }\n"
	    "  - hist: 80 8. ..\n"
	    "    probe: { apdu: 00 20 00 11, expect: [ 9000, 63C*, 6983 ] }\n"
	    "  - { hist-tail: Tail }\n"
	    "application: { aid: A000000063504B43532D3135, odf: 3F0050155031, token-info: 5036 }\n"
	    "pins:\n"
	    "  pin1: { ref: 0x11, min: 4, max: 12, pad: 0x00, block: 12, tries: 5, forget: card,\n"
	    "          coding: utf8, path: 3F005016, local: yes,\n"
	    "          puk: { min: 8, max: 9, block: 10, ref: 0x83 } }\n"
	    "  pin2: { ref: 2, min: 6, max: 8, guess: yes }\n"
	    "algs: { sign: [ rsa-raw, rsa-pss, ecdsa ], decipher: [ rsa-oaep, rsa-pkcs1 ],\n"
	    "        derive: [ ecdh ], curves: [ P-256, P-521 ] }\n"
	    "keys: { rsa: { min: 1024, max: 4096, step: 64 }, generate: yes }\n"
	    "files: { private: 4B01-4B0F, public: 5501-5501, certificate: 0001-FFFF,\n"
	    "         data: 4a00-4aFf }\n"
	    "io: { max-send: 255, max-recv: 256, sm: contactless, pace: [ aes-128, aes-256 ] }\n"
	    "watch: ef:5032\n"
	    "quirks: [ no-chaining ]\n");
	const struct pin_ref *pin = &p->pin[0];

	ck_assert_str_eq(p->name, "all-keys");
	ck_assert_str_eq(p->driver, "iso-9");
	ck_assert_str_eq(p->model, "Model 1");
	ck_assert_str_eq(p->manufacturer, "M\xC3\xA4ki");
	ck_assert_uint_eq(p->nmatch, 3);
	ck_assert_int_eq((int)p->match[0].what, MATCH_ATR);
	ck_assert_view_hex(buf_peek(&p->match[0].bytes), "3B020000");
	ck_assert_view_hex(buf_peek(&p->match[0].mask), "FFFF0000");
	ck_assert_int_eq(p->match[0].rank, 7);
	ck_assert_uint_eq(p->match[0].probe.len, 0);
	ck_assert_int_eq((int)p->match[1].what, MATCH_HIST);
	ck_assert_view_hex(buf_peek(&p->match[1].bytes), "808000");
	ck_assert_view_hex(buf_peek(&p->match[1].mask), "FFF000");
	ck_assert_int_eq(p->match[1].rank, 50);
	ck_assert_view_hex(buf_peek(&p->match[1].probe), "00200011");
	ck_assert_view_hex(buf_peek(&p->match[1].expect), "9000FFFF63C0FFF06983FFFF");
	ck_assert_int_eq((int)p->match[2].what, MATCH_HIST_TAIL);
	ck_assert_view_hex(buf_peek(&p->match[2].bytes), "5461696C");
	ck_assert_view_hex(buf_peek(&p->aid), "A000000063504B43532D3135");
	ck_assert_int_eq((int)p->odf.from, PATH_MF);
	ck_assert_view_hex(view_of(p->odf.b, p->odf.len), "50155031");
	ck_assert_int_eq((int)p->token_info.from, PATH_APP);
	ck_assert_view_hex(view_of(p->token_info.b, p->token_info.len), "5036");
	ck_assert(p->has_pin[0] && p->has_pin[1]);
	ck_assert_int_eq(pin->ref, 0x11);
	ck_assert_uint_eq(pin->min, 4);
	ck_assert_uint_eq(pin->max, 12);
	ck_assert_uint_eq(pin->stored, 12);
	ck_assert(pin->pads && pin->local && !pin->guess);
	ck_assert_uint_eq(pin->pad, 0);
	ck_assert_int_eq(pin->tries_max, 5);
	ck_assert_int_eq((int)pin->forget, PIN_FORGET_CARD);
	ck_assert_int_eq((int)pin->coding, PIN_UTF8);
	ck_assert_int_eq((int)pin->path.from, PATH_MF);
	ck_assert_uint_eq(pin->puk_min, 8);
	ck_assert_uint_eq(pin->puk_max, 9);
	ck_assert_uint_eq(pin->puk_stored, 10);
	ck_assert_int_eq(pin->unblock_ref, 0x83);
	pin = &p->pin[1];
	ck_assert(pin->guess && !pin->pads && !pin->local);
	ck_assert_int_eq((int)pin->coding, PIN_ASCII);
	ck_assert_int_eq(pin->tries_max, -1);
	ck_assert_int_eq(pin->unblock_ref, -1);
	ck_assert_uint_eq(p->sign_algs, 1u << ALG_RSA_RAW | 1u << ALG_RSA_PSS | 1u << ALG_ECDSA);
	ck_assert_uint_eq(p->decipher_algs, 1u << ALG_RSA_OAEP | 1u << ALG_RSA_PKCS1);
	ck_assert_uint_eq(p->derive_algs, 1u << ALG_ECDH);
	ck_assert_uint_eq(p->ec_curves, 1u << CURVE_P256 | 1u << CURVE_P521);
	ck_assert_uint_eq(p->rsa_min, 1024);
	ck_assert_uint_eq(p->rsa_max, 4096);
	ck_assert_uint_eq(p->rsa_step, 64);
	ck_assert(p->keygen && !p->fallback);
	ck_assert_uint_eq(p->files[FILES_PRIVATE].from, 0x4B01);
	ck_assert_uint_eq(p->files[FILES_PRIVATE].to, 0x4B0F);
	ck_assert_uint_eq(p->files[FILES_PUBLIC].from, 0x5501);
	ck_assert_uint_eq(p->files[FILES_PUBLIC].to, 0x5501);
	ck_assert_uint_eq(p->files[FILES_CERT].from, 1);
	ck_assert_uint_eq(p->files[FILES_CERT].to, 0xFFFF);
	ck_assert_uint_eq(p->files[FILES_DATA].from, 0x4A00);
	ck_assert_uint_eq(p->files[FILES_DATA].to, 0x4AFF);
	ck_assert_uint_eq(p->max_send, 255);
	ck_assert_uint_eq(p->max_recv, 256);
	ck_assert_uint_eq(p->sm, SM_CONTACTLESS);
	ck_assert_uint_eq(p->pace, 1u << 1 | 1u << 3);
	ck_assert_uint_eq(p->quirks, 1u << QUIRK_NO_CHAINING);
	ck_assert_int_eq((int)p->watch, WATCH_EF);
	ck_assert_view_hex(view_of(p->watch_path.b, p->watch_path.len), "5032");
	profile_free(&p);
	ck_assert_ptr_null(p);
}
END_TEST

START_TEST(a_block_holds_by_its_coding)
{
	ck_assert_uint_eq(pin_block_holds(PIN_ASCII, 8), 8);
	ck_assert_uint_eq(pin_block_holds(PIN_UTF8, 8), 8);
	ck_assert_uint_eq(pin_block_holds(PIN_HALF_NIBBLE_BCD, 8), 8);
	ck_assert_uint_eq(pin_block_holds(PIN_BCD, 8), 16);
	ck_assert_uint_eq(pin_block_holds(PIN_GLP, 8), 14);
	ck_assert_uint_eq(pin_block_holds(PIN_GLP, 12), 15);
	ck_assert_uint_eq(pin_block_holds(PIN_GLP, 1), 0);
}
END_TEST

/* The numbers of a generation stand in one file, and the next ones say only what is new. */
START_TEST(a_profile_extends_a_shipped_one)
{
	struct profile *p = parse("schema: 1\nprofile: x\nsource: [ s ]\nextends: fineid-3-0\nmodel: Mine\n"
	    MATCH "pins: { pin1: { ref: 1, min: 4, max: 8 } }\nselect: { p2: 1 }\n"
	    "objects: [ { cert: { id: 09, label: x, path: 4331 } } ]\n");

	ck_assert_str_eq(p->name, "x");
	ck_assert_str_eq(p->driver, "thales");
	ck_assert_str_eq(p->model, "Mine");
	ck_assert_uint_eq(p->nmatch, 1);
	ck_assert_int_eq(p->match[0].what, MATCH_HIST_TAIL);
	ck_assert_int_eq(p->pin[0].ref, 1);
	ck_assert(!p->pin[0].pads);
	ck_assert_int_eq(p->pin[1].ref, 0x82);
	ck_assert_uint_eq(p->select.p2, 1);
	ck_assert_uint_eq(p->select.ef, 0);
	ck_assert_uint_eq(p->objects->n, 1);
	ck_assert_uint_eq(p->sign_algs, 1u << ALG_RSA_PKCS1 | 1u << ALG_RSA_PSS | 1u << ALG_ECDSA);
	ck_assert_int_eq(environment_ref(&p->env, USE_SIGN, ALG_RSA_PSS, HASH_SHA256), 0x45);
	ck_assert_int_eq(environment_ref(&p->env, USE_SIGN, ALG_RSA_PSS, HASH_MD5), -1);
	ck_assert_int_eq(environment_ref(&p->env, USE_DECIPHER, ALG_RSA_PKCS1, HASH_SHA1), 0x1A);
	ck_assert(!environment_takes(&p->env, USE_SIGN, ALG_RSA_PKCS1, HASH_NONE));
	profile_free(&p);
}
END_TEST

START_TEST(what_is_left_out_has_its_default)
{
	struct profile *p = parse(HEAD MATCH);

	ck_assert_ptr_null(p->model);
	ck_assert_ptr_null(p->manufacturer);
	ck_assert_uint_eq(p->aid.len, 0);
	ck_assert_view_hex(view_of(p->odf.b, p->odf.len), "5031");
	ck_assert_view_hex(view_of(p->token_info.b, p->token_info.len), "5032");
	ck_assert_int_eq((int)p->odf.from, PATH_APP);
	ck_assert(!p->has_pin[0] && !p->has_pin[1] && !p->keygen && !p->fallback);
	ck_assert_int_eq(p->pin[0].ref, -1);
	ck_assert_uint_eq(p->sign_algs | p->decipher_algs | p->derive_algs | p->ec_curves, 0);
	ck_assert_uint_eq(p->max_send | p->max_recv | p->sm | p->pace | p->quirks | p->rsa_max, 0);
	ck_assert_int_eq((int)p->watch, WATCH_NONE);
	for (size_t i = 0; i < FILES_COUNT; i++)
		ck_assert_uint_eq(p->files[i].from | p->files[i].to, 0);
	profile_free(&p);
}
END_TEST

#define ALL_KEYS \
	"schema, profile, source, extends, driver, model, manufacturer, match, fallback, application, " \
	"pins, activation, algs, environment, objects, select, keys, files, io, watch, quirks"

#define NO_RANGE(key, text) \
	"f:1: " key ": \"" text "\" is not a range of file ids, allowed: two of four digits as " \
	"4B01-4B0F"

#define NUMBER(key, value, range) \
	"f:1: " key ": \"" value "\" is not a number it takes, allowed: " range
#define ASK_LENGTH "f:1: ask: a command has four bytes, or five and as much data as the fifth says; none behind it"

static const struct wrong { const char *text, *why; } wrong[] = {
	/* shape */
	{ "a", "f:1: the profile must be a map of keys and values" },
	{ "[]", "f:1: the profile must be a map of keys and values" },
	{ HEAD, "f:1: the profile: the key \"match\" is missing" },
	{ "schema: 1\nprofile: x\nsource: [ s ]\n" MATCH,
	    "f:1: the profile: the key \"driver\" is missing" },
	{ HEAD MATCH "extend: y\n",
	    "f:6: unknown key \"extend\" in the profile, allowed: " ALL_KEYS },
	{ HEAD MATCH "extends: y\n", "f:6: extends: no shipped profile is called \"y\"" },
	{ HEAD MATCH "extends: fineid-4\n", "f:6: extends: \"fineid-4\" extends another one" },
	{ HEAD MATCH "extends: [ fineid-4 ]\n", "f:6: extends must be one value, not a list" },
	/* environment */
	{ "environment: yes\n", "f:1: environment must be a map of keys and values" },
	{ "environment: { sign: { } }\n", "f:1: environment: the key \"key-by\" is missing" },
	{ "environment: { key-by: [ name ] }\n",
	    "f:1: key-by: \"name\" is not known, allowed: file, reference" },
	{ "environment: { key-by: [ file ], sign: { mse: 41 } }\n",
	    "f:1: mse is 1 bytes long, allowed: 2 to 2" },
	{ "environment: { key-by: [ file ], sign: { ecdsa: { sha2: 1 } } }\n", "f:1: unknown key \"sha2\" "
	    "in an algorithm, allowed: any, md5, sha1, sha224, sha256, sha384, sha512" },
	{ "environment: { key-by: [ file ], sign: { ecdsa: { any: 256 } } }\n", "f:1: any: \"256\" is not a "
	    "number it takes, allowed: 0 to 255 (0x0 to 0xFF)" },
	{ HEAD MATCH "environment: { key-by: [ file ] }\n", "f:1: environment: it names no algorithm" },
	{ HEAD MATCH "environment: { key-by: [ file ], sign: { hash-first: yes, rsa-raw: { any: 0 } } }\n",
	    "f:1: environment: a card that takes the hash first cannot sign a raw block" },
	{ HEAD MATCH "keys: { rsa: { min: 1024, max: 2048, step: 64 } }\nalgs: { sign: [ rsa-raw ] }\n"
	    "environment: { key-by: [ file ], sign: { rsa-raw: { any: 0 } } }\n",
	    "f:1: an environment names the algorithms; algs has curves only then" },
	/* objects, select */
	{ "objects: [ ]\n", "f:1: objects has 0 entries, allowed: 1 to 16" },
	{ "objects: [ data ]\n", "f:1: objects: an entry is one of key, cert" },
	{ "objects: [ { pin: { id: 01 } } ]\n", "f:1: objects: an entry is one of key, cert" },
	{ "objects: [ { key: { id: 01 }, cert: { id: 01 } } ]\n", "f:1: objects: an entry is one of key, cert" },
	{ "objects: [ { cert: { id: 01, label: x } } ]\n", "f:1: cert: the key \"path\" is missing" },
	{ "objects: [ { key: { id: 01, label: x, type: dsa } } ]\n",
	    "f:1: type: \"dsa\" is not known, allowed: rsa, ec" },
	{ "select: { p2: 256 }\n",
	    "f:1: p2: \"256\" is not a number it takes, allowed: 0 to 255 (0x0 to 0xFF)" },
	{ "select: { names: [ { path: 5016 } ] }\n", "f:1: names: the key \"name\" is missing" },
	{ HEAD MATCH "model: a\nmodel: b\n", "f:7: a key stands here a second time" },
	{ HEAD MATCH "quirks: &a [ ]\n", "f:6: anchors, aliases and tags are not allowed" },
	/* activation */
	{ "activation: yes\n", "f:1: activation must be a map of keys and values" },
	{ "activation: { order: { } }\n", "f:1: unknown key \"order\" in activation, allowed: unblock, change" },
	{ "activation: { unblock: { max: 8 } }\n", "f:1: unblock: the key \"min\" is missing" },
	{ "activation: { unblock: { min: 8, max: 8, tries: 5 } }\n",
	    "f:1: unknown key \"tries\" in unblock, allowed: min, max, digits, puk-tries" },
	{ "activation: { unblock: { min: 8, max: 64 } }\n", NUMBER("max", "64", "1 to 63 (0x1 to 0x3F)") },
	{ "activation: { unblock: { min: 8, max: 8, digits: 7 } }\n",
	    "f:1: digits: \"7\" is not known, allowed: yes, no, true, false" },
	{ HEAD MATCH "activation: { unblock: { min: 9, max: 8 } }\n", "f:1: activation: min is larger than max" },
	{ "activation: { change: { min: 7, max: 7, ask: 00 CB 00 FF 05 A0 03 83 01 p } }\n",
	    "f:1: ask: \"00 CB 00 FF 05 A0 03 83 01 p\" is not hexadecimal with one \"pp\" for the reference "
	    "of the PIN" },
	{ "activation: { change: { min: 7, max: 7, ask: 00 CA pp pp } }\n",
	    "f:1: ask: \"00 CA pp pp\" is not hexadecimal with one \"pp\" for the reference of the PIN" },
	{ "activation: { change: { min: 7, max: 7, ask: 00 CB 00 } }\n", ASK_LENGTH },
	{ "activation: { change: { min: 7, max: 7, ask: 00 CB 00 FF 02 pp } }\n", ASK_LENGTH },
	{ "activation: { change: { min: 7, max: 7, ask: 00 CB 00 FF 01 pp 00 } }\n", ASK_LENGTH },
	{ "activation: { change: { min: 7, max: 7, ask: 00 CB 00 FF 00 } }\n", ASK_LENGTH },
	{ "activation: { change: { min: 7, max: 7, ask: 00 20 00 pp } }\n",
	    "f:1: ask: INS 20 could change the card, allowed: CA, CB" },
	{ "activation: { change: { min: 7, max: 7, ask: FF CA 00 pp } }\n",
	    "f:1: ask: INS CA could change the card, allowed: CA, CB" },
	{ "activation: { change: { min: 7, max: 7, ask: 00 pp 00 01 } }\n",
	    "f:1: ask: INS 00 could change the card, allowed: CA, CB" },
	{ "activation: { change: { min: 7, max: 7, tag: 00 } }\n", "f:1: tag: no object has the tag 0" },
	{ "activation: { change: { min: 7, max: 7, tag: 5F2F01 } }\n", "f:1: tag is 3 bytes long, allowed: 1 to 2" },
	{ HEAD MATCH "activation: { change: { min: 7, max: 7, ask: 00 CA 01 pp } }\n",
	    "f:1: activation: ask and new go together" },
	{ HEAD MATCH "activation: { change: { min: 7, max: 7, new: 00 } }\n",
	    "f:1: activation: ask and new go together" },
	{ HEAD MATCH "activation: { change: { min: 7, max: 7, tag: DF2F } }\n", "f:1: activation: a tag without ask" },
	/* head */
	{ "schema: 2\n", "f:1: schema: \"2\" is not known, allowed: 1" },
	{ "schema: 1\nprofile: X Y\n",
	    "f:2: profile: \"X Y\" is not a name, allowed: a-z, 0-9 and -" },
	{ "profile: [ a ]\n", "f:1: profile must be one value, not a list" },
	{ "source: book\n", "f:1: source must be a list" },
	{ "source: [ ]\n", "f:1: source has 0 entries, allowed: 1 to 32" },
	{ "source: [ { a: b } ]\n", "f:1: an entry must be one value, not a map" },
	{ "model: 12345678901234567\n", "f:1: model is 17 bytes long, allowed: 1 to 16" },
	{ "model: \"a\\tb\"\n", "f:1: model has a control character" },
	{ "fallback: maybe\n",
	    "f:1: fallback: \"maybe\" is not known, allowed: yes, no, true, false" },
	{ HEAD MATCH "fallback: yes\n",
	    "f:1: a fallback has no match: it is tried when none fits" },
	/* match */
	{ "match: { atr: 3B }\n", "f:1: match must be a list" },
	{ "match: [ ]\n", "f:1: match has 0 entries, allowed: 1 to 64" },
	{ "match: [ 3B ]\n", "f:1: match must be a map of keys and values" },
	{ "match: [ { rank: 1 } ]\n",
	    "f:1: match: an entry has exactly one of atr, hist, hist-tail" },
	{ "match: [ { atr: 3B, hist: 80 } ]\n",
	    "f:1: match: an entry has exactly one of atr, hist, hist-tail" },
	{ "match: [ { atr: 3B 0 } ]\n",
	    "f:1: atr has 3 digits, allowed: pairs, 2 to 66" },
	{ "match: [ { atr: \"\" } ]\n", "f:1: atr has 0 digits, allowed: pairs, 2 to 66" },
	{ "match: [ { atr: 3X } ]\n",
	    "f:1: atr: \"3X\" is not hexadecimal with '.' for any digit" },
	{ "match: [ { hist: 00 .x } ]\n",
	    "f:1: hist: \"00 .x\" is not hexadecimal with '.' for any digit" },
	{ "match: [ { hist: 000102030405060708090A0B0C0D0E0F } ]\n",
	    "f:1: hist has 32 digits, allowed: pairs, 2 to 30" },
	{ "match: [ { atr: 3B00, mask: FF } ]\n", "f:1: match: mask must be as long as atr" },
	{ "match: [ { hist: 3B00, mask: FFFF } ]\n", "f:1: match: mask must be as long as atr" },
	{ "match: [ { hist-tail: \"\" } ]\n", "f:1: hist-tail is 0 bytes long, allowed: 1 to 15" },
	{ "match: [ { hist-tail: M\xC3\xA4ki } ]\n", "f:1: hist-tail: only ASCII is allowed" },
	{ "match: [ { hist-tail: X, rank: 100 } ]\n",
	    "f:1: rank: \"100\" is not a number it takes, allowed: 0 to 99 (0x0 to 0x63)" },
	{ "match: [ { hist-tail: X, rank: -1 } ]\n",
	    "f:1: rank: \"-1\" is not a number it takes, allowed: 0 to 99 (0x0 to 0x63)" },
	{ "match: [ { hist-tail: X, rank: 010 } ]\n",
	    "f:1: rank: \"010\" is not a number it takes, allowed: 0 to 99 (0x0 to 0x63)" },
	{ "match: [ { hist-tail: X, color: red } ]\n",
	    "f:1: unknown key \"color\" in match, allowed: "
	    "atr, mask, hist, hist-tail, rank, probe" },
	/* probes */
	{ "match: [ { hist-tail: X, probe: { apdu: 00200011 } } ]\n",
	    "f:1: probe: the key \"expect\" is missing" },
	{ "match: [ { hist-tail: X, probe: { apdu: 0020 } } ]\n",
	    "f:1: apdu is 2 bytes long, allowed: 4 to 261" },
	{ "match: [ { hist-tail: X, probe: { apdu: 00A40000, expect: [ 90 ] } } ]\n",
	    "f:1: expect: \"90\" is not a status word, allowed: "
	    "four hexadecimal digits, '*' for any" },
	{ "match: [ { hist-tail: X, probe: { apdu: 00A40000, expect: [ 63C.x ] } } ]\n",
	    "f:1: expect: \"63C.x\" is not a status word, allowed: four hexadecimal digits, "
	    "'*' for any" },
	{ "match: [ { hist-tail: X, probe: { apdu: FFCA0000, expect: [ 9000 ] } } ]\n",
	    "f:1: apdu: CLA FF is for the reader, not for the card" },
	/* application */
	{ "application: { aid: A000 }\n", "f:1: aid is 2 bytes long, allowed: 5 to 16" },
	{ "application: { aid: A00000006Z }\n", "f:1: aid: \"A00000006Z\" is not hexadecimal" },
	{ "application: { path: 5015 }\n", "f:1: path is 2 bytes long, allowed: 4 to 24" },
	{ "application: { path: A000000063 }\n", "f:1: path: \"A000000063\" does not begin at the MF, 3F00" },
	{ "application: { odf: 503 }\n", "f:1: odf: \"503\" is not hexadecimal" },
	{ "application: { odf: 503105 }\n",
	    "f:1: odf: \"503105\" is not a path, allowed: file ids of four digits, from the "
	    "application or from 3F00, or an AID" },
	/* pins */
	{ "pins: { pin3: { ref: 1 } }\n",
	    "f:1: unknown key \"pin3\" in pins, allowed: pin1, pin2" },
	{ "pins:\n  pin1:\n    ref: 1\n    min: 4\n",
	    "f:2: a pin: the key \"max\" is missing" },
	{ "pins: { pin1: { ref: 256, min: 4, max: 8 } }\n",
	    "f:1: ref: \"256\" is not a number it takes, allowed: 0 to 255 (0x0 to 0xFF)" },
	{ "pins: { pin1: { ref: 0x, min: 4, max: 8 } }\n",
	    "f:1: ref: \"0x\" is not a number it takes, allowed: 0 to 255 (0x0 to 0xFF)" },
	{ "pins: { pin1: { ref: 1, min: 9, max: 8 } }\n", "f:1: pin1: min is larger than max" },
	{ "pins: { pin2: { ref: 1, min: 4, max: 8, block: 8 } }\n",
	    "f:1: pin2: pad and block go together" },
	{ "pins: { pin2: { ref: 1, min: 4, max: 8, pad: 0xFF } }\n",
	    "f:1: pin2: pad and block go together" },
	{ "pins: { pin2: { ref: 1, min: 4, max: 9, pad: 0xFF, block: 8 } }\n",
	    "f:1: pin2: max characters do not fit into block" },
	{ "pins: { pin1: { forget: soon } }\n",
	    "f:1: forget: \"soon\" is not known, allowed: none, card, command, reset" },
	{ "pins: { pin1: { coding: hex } }\n",
	    "f:1: coding: \"hex\" is not known, allowed: bcd, ascii, utf8, half-nibble-bcd, glp" },
	{ "pins: { pin1: { puk: { min: 1 } } }\n", "f:1: puk: the key \"max\" is missing" },
	/* algorithms */
	{ "algs: { sign: rsa-raw }\n", "f:1: sign must be a list" },
	{ "algs: { sign: [ rsa-oaep ] }\n",
	    "f:1: sign: \"rsa-oaep\" is not known, allowed: rsa-raw, rsa-pkcs1, rsa-pss, ecdsa" },
	{ "algs: { decipher: [ ecdsa ] }\n",
	    "f:1: decipher: \"ecdsa\" is not known, allowed: rsa-raw, rsa-pkcs1, rsa-oaep" },
	{ "algs: { derive: [ dh ] }\n", "f:1: derive: \"dh\" is not known, allowed: ecdh" },
	{ "algs: { curves: [ P-255 ] }\n",
	    "f:1: curves: \"P-255\" is not known, allowed: P-256, P-384, P-521" },
	{ HEAD MATCH "algs: { sign: [ ecdsa ] }\n", "f:1: algs name ecdsa or ecdh, but no curves" },
	{ HEAD MATCH "algs: { sign: [ rsa-raw ] }\n",
	    "f:1: algs name RSA, but keys do not give its sizes (rsa)" },
	{ HEAD MATCH "keys: { rsa: { min: 2048, max: 1024, step: 1 } }\n",
	    "f:1: rsa: min is larger than max" },
	{ "keys: { rsa: { min: 1, max: 1024, step: 1 } }\n",
	    "f:1: min: \"1\" is not a number it takes, allowed: 512 to 16384 (0x200 to 0x4000)" },
	/* the rest */
	{ "match: [ { atr: [ 3B ] } ]\n", "f:1: atr must be one value, not a list" },
	{ "match: [ { hist-tail: { a: b } } ]\n", "f:1: hist-tail must be one value, not a map" },
	{ "match: [ { probe: { expect: [ [ 9000 ] ] } } ]\n",
	    "f:1: an entry must be one value, not a list" },
	{ "match: [ { probe: { expect: 9000 } } ]\n", "f:1: expect must be a list" },
	{ "pins: { pin1: { ref: [ 1 ] } }\n", "f:1: ref must be one value, not a list" },
	{ "pins: { pin1: { coding: { a: b } } }\n", "f:1: coding must be one value, not a map" },
	{ "pins: { pin1: }\n", "f:1: a pin must be a map of keys and values" },
	{ "application: { aid: [ A0 ] }\n", "f:1: aid must be one value, not a list" },
	{ "application: { odf: { a: b } }\n", "f:1: odf must be one value, not a map" },
	{ "fallback: [ ]\n", "f:1: fallback must be one value, not a list" },
	{ "quirks: [ [ no-chaining ] ]\n", "f:1: an entry must be one value, not a list" },
	{ "schema: [ 1 ]\n", "f:1: schema must be one value, not a list" },
	{ "model: \n", "f:1: model is 0 bytes long, allowed: 1 to 16" },
	{ "files: { private: 4B01 }\n", NO_RANGE("private", "4B01") },
	{ "files: { private: 4B02-4B01 }\n", NO_RANGE("private", "4B02-4B01") },
	{ "files: { data: 4B-014B02 }\n", NO_RANGE("data", "4B-014B02") },
	{ "files: { data: 0000-4B02 }\n", NO_RANGE("data", "0000-4B02") },
	{ "files: { data: 4B01-4BZZ }\n", NO_RANGE("data", "4B01-4BZZ") },
	{ "files: { data: 4B 1-4B02 }\n", NO_RANGE("data", "4B 1-4B02") },
	{ "files: { data: [ 4B01 ] }\n", "f:1: data must be one value, not a list" },
	{ "io: { sm: maybe }\n",
	    "f:1: sm: \"maybe\" is not known, allowed: none, contactless, always" },
	{ "io: { sm: always, pace: [ des ] }\n",
	    "f:1: pace: \"des\" is not known, allowed: 3des, aes-128, aes-192, aes-256" },
	{ "io: { max-send: 0 }\n",
	    "f:1: max-send: \"0\" is not a number it takes, allowed: 1 to 65535 (0x1 to 0xFFFF)" },
	{ "watch: [ data ]\n", "f:1: watch must be one value, not a list" },
	{ "watch: sometimes\n",
	    "f:1: watch: \"sometimes\" is not known, allowed: none, data, certhead, ef:PATH" },
	{ "watch: \"ef:\"\n",
	    "f:1: watch: \"ef:\" is not known, allowed: none, data, certhead, ef:PATH" },
	{ "quirks: [ no-chaining, lazy ]\n",
	    "f:1: quirks: \"lazy\" is not known, allowed: no-chaining, fineid-serial" },
	{ "\"a\\x1Bb\": 1\n",
	    "f:1: unknown key \"a?b\" in the profile, allowed: " ALL_KEYS }
};

START_TEST(whatever_the_schema_does_not_know_is_an_error_with_its_line)
{
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		struct buf why = BUF_INIT;
		struct profile *p = NULL;

		ck_assert_msg(profile_parse(view_str(wrong[i].text), "f", &p, &why) == E_FORMAT,
		    "%s",
		    wrong[i].text);
		ck_assert_ptr_null(p);
		ck_assert_str_eq(buf_text(&why), wrong[i].why);
		buf_free(&why);
	}
}
END_TEST

START_TEST(a_probe_never_costs_a_try)
{
	static const struct { const char *apdu; bool ok; } cases[] = {
		{ "00A4040C0CA000000063504B43532D3135", true },
		{ "00CA01A000", true },
		{ "00B0000000", true },
		{ "80CA9F7F00", true },
		{ "00200011", true },
		{ "00200011041234FFFF", false },
		{ "0020001100", false },
		{ "00200011000004 31323334", false },
		{ "00 20 FF 80", false },
		{ "0021001100", false },
		{ "00240011", false },
		{ "0024001108 3132333435363738", false },
		{ "002C0011", false },
		{ "002C001108 3132333435363738", false },
		{ "80200011", true },
		{ "8020001104 31323334", false },
		{ "00D60000010A", false },
		{ "00E4000000", false },
		{ "00440000", false },
		{ "002A9E9A00", false }
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct buf text = BUF_INIT, why = BUF_INIT;
		struct profile *p = NULL;
		int r;

		buf_fmt(&text,
		    HEAD "match: [ { hist-tail: X, probe: { apdu: %s, expect: [ 9000 ] } } ]",
		    cases[i].apdu);
		r = profile_parse(buf_peek(&text), "f", &p, &why);
		ck_assert_msg(r == (cases[i].ok ? 0 : E_FORMAT), "%s", cases[i].apdu);
		profile_free(&p);
		buf_free(&text);
		buf_free(&why);
	}
}
END_TEST

START_TEST(an_answer_to_a_probe_fits_by_digit)
{
	struct profile *p = parse(HEAD "match: [ { hist-tail: X, probe: { apdu: 00200011, "
	    "expect: [ 9000, 63C*, 6983 ] } } ]");

	ck_assert(profile_probe_fits(p->match, 0x9000));
	ck_assert(profile_probe_fits(p->match, 0x63C0));
	ck_assert(profile_probe_fits(p->match, 0x63CF));
	ck_assert(profile_probe_fits(p->match, 0x6983));
	ck_assert(!profile_probe_fits(p->match, 0x6300));
	ck_assert(!profile_probe_fits(p->match, 0x6A88));
	ck_assert(!profile_probe_fits(p->match, 0x9001));
	profile_free(&p);
}
END_TEST

/* ---- ATRs ---- */

START_TEST(historical_bytes)
{
	static const struct { const char *name, *atr, *hist; } cases[] = {
		{ "MyEID on JCOP", "3BF51800008131FE454D794549449A", "4D79454944" },
		{ "contactless", "3B8580014D7945494478", "4D79454944" },
		{ "OsEID, T=0 and T=1", "3BF518000280014F734549441A", "4F73454944" },
		{ "OsEID, T=0, no check byte", "3BF5180002004F73454944", "4F73454944" },
		{ "OsEID, T=1", "3BD596028131FE654F734549441E", "4F73454944" },
		{ "none", "3B00", "" },
		{ "inverse convention", "3F024142", "4142" },
		{ "cut in the historical bytes", "3B054142", "" },
		{ "cut in the interface bytes", "3BF51800", "" },
		{ "TD chain without an end", "3B80808080", "" },
		{ "not an ATR", "3C024142", "" },
		{ "empty", "", "" },
		{ "TS alone", "3B", "" }
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct buf b = hex(cases[i].atr);

		ck_assert_view_hex(atr_historical(buf_peek(&b)), cases[i].hist);
		buf_free(&b);
	}
}
END_TEST

static volatile uint8_t sink;

static void
run_atr(struct view v, void *arg)
{
	struct view hist = atr_historical(v);
	const struct atr_match *m;

	for (size_t i = 0; i < hist.len; i++)
		sink = hist.p[i];
	profile_match(arg, v, NULL, &m);
}

START_TEST(damaged_atrs_are_survived)
{
	static const char *atrs[] = { "3BF51800008131FE454D794549449A", "3B8580014D7945494478" };
	struct profile_set set = { NULL, 0 };
	struct buf why = BUF_INIT;

	ck_assert_int_eq(profile_set_builtin(&set, &why), 0);
	for (size_t i = 0; i < 2; i++) {
		struct buf b = hex(atrs[i]);
		struct mutate m = { buf_peek(&b), run_atr, &set, 0 };

		mutate(&m);
		buf_free(&b);
	}
	profile_set_free(&set);
	buf_free(&why);
}
END_TEST

/* ---- sets ---- */

START_TEST(profiles_are_given_in_the_order_of_rank)
{
	static const char *want[] = { "a", "b", "c", "d" };
	struct profile_set set = { NULL, 0 };
	struct buf atr = hex("3B0441425859");
	const struct profile *p = NULL;
	const struct atr_match *m;

	add(&set, "c", "match: [ { hist-tail: XY } ]\n");
	add(&set, "other", "match: [ { hist-tail: Z, rank: 0 } ]\n");
	add(&set, "b",
	    "match: [ { hist: 41 .2 5. 59, rank: 10 }, { atr: 3B0441425859, rank: 30 } ]\n");
	add(&set, "d", "match: [ { hist-tail: Y } ]\n");
	add(&set, "a", "match: [ { atr: 3B0441425800, mask: FFFFFFFFFF00, rank: 3 } ]\n");
	add(&set, "never", "fallback: yes\n");
	for (size_t i = 0; i < 4; i++) {
		p = profile_match(&set, buf_peek(&atr), p, &m);
		ck_assert_ptr_nonnull(p);
		ck_assert_str_eq(p->name, want[i]);
		ck_assert_ptr_nonnull(m);
	}
	ck_assert_ptr_null(profile_match(&set, buf_peek(&atr), p, &m));
	ck_assert_ptr_null(m);
	ck_assert_str_eq(profile_fallback(&set)->name, "never");
	profile_set_free(&set);
	buf_free(&atr);
}
END_TEST

START_TEST(patterns_fit_as_a_whole)
{
	static const struct { const char *name, *rule, *atr; bool fits; } cases[] = {
		{ "whole ATR", "atr: 3B0141", "3B0141", true },
		{ "ATR longer", "atr: 3B01", "3B0141", false },
		{ "ATR shorter", "atr: 3B014100", "3B0141", false },
		{ "historical bytes, other interface bytes", "hist: 4142", "3B12004142", true },
		{ "historical bytes longer", "hist: 4142", "3B03414243", false },
		{ "any byte", "hist: 41 .. 43", "3B0341FF43", true },
		{ "high digit", "hist: 4. 42", "3B024F42", true },
		{ "high digit differs", "hist: 4. 42", "3B025F42", false },
		{ "tail of the same length", "hist-tail: AB", "3B024142", true },
		{ "tail", "hist-tail: AB", "3B03004142", true },
		{ "tail not at the end", "hist-tail: AB", "3B03414200", false },
		{ "tail longer than the bytes", "hist-tail: ABC", "3B024243", false }
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct profile_set set = { NULL, 0 };
		struct buf atr = hex(cases[i].atr), text = BUF_INIT;
		const struct atr_match *m;

		buf_fmt(&text, "match: [ { %s } ]\n", cases[i].rule);
		add(&set, "x", buf_text(&text));
		ck_assert_msg(!!profile_match(&set, buf_peek(&atr), NULL, &m) == cases[i].fits,
		    "%s",
		    cases[i].name);
		profile_set_free(&set);
		buf_free(&atr);
		buf_free(&text);
	}
}
END_TEST

START_TEST(a_rule_without_a_probe_is_preferred)
{
	struct profile_set set = { NULL, 0 };
	struct buf atr = hex("3B024142");
	const struct atr_match *m;

	add(&set, "x", "match:\n"
	    "  - { hist: 4142, rank: 1, probe: { apdu: 00A40000, expect: [ 9000 ] } }\n"
	    "  - { hist-tail: B, rank: 60 }\n");
	ck_assert_ptr_nonnull(profile_match(&set, buf_peek(&atr), NULL, &m));
	ck_assert_int_eq(m->rank, 60);
	profile_set_free(&set);
	buf_free(&atr);
}
END_TEST

START_TEST(a_name_stands_once_in_a_set)
{
	struct profile_set set = { NULL, 0 };
	struct profile *p = parse(HEAD MATCH);

	add(&set, "x", MATCH);
	ck_assert_int_eq(profile_set_take(&set, &p), E_EXISTS);
	ck_assert_ptr_nonnull(p);
	ck_assert_uint_eq(set.n, 1);
	profile_free(&p);
	profile_set_free(&set);
}
END_TEST

/* ---- what is built in ---- */

START_TEST(built_in_profiles_load)
{
	struct profile_set set = { NULL, 0 };
	struct buf why = BUF_INIT;

	ck_assert_msg(profile_set_builtin(&set, &why) == 0, "%s", buf_text(&why));
	ck_assert_uint_eq(set.n, profiles_builtin_count);
	ck_assert_msg(profile_set_builtin(&set, &why) == E_EXISTS, "loaded twice");
	profile_set_free(&set);
	buf_free(&why);
}
END_TEST

START_TEST(built_in_profiles_are_the_files)
{
	for (size_t i = 0; i < profiles_builtin_count; i++) {
		struct buf name = BUF_INIT, file;

		buf_fmt(&name, "mapping/profiles/%s", profiles_builtin[i].name);
		file = source_file(buf_text(&name));
		ck_assert(view_eq(buf_peek(&file),
		    view_of(profiles_builtin[i].text, profiles_builtin[i].len)));
		buf_free(&name);
		buf_free(&file);
	}
}
END_TEST

START_TEST(myeid_is_known_by_the_end_of_its_historical_bytes)
{
	static const struct { const char *atr; bool myeid; } cases[] = {
		{ "3BF51800008131FE454D794549449A", true },
		{ "3BF59600008131FE454D7945494414", true },
		{ "3B8580014D7945494478", true },
		{ "3BF518000280014F734549441A", true },
		{ "3BF5180002004F73454944", true },
		{ "3BD596028131FE654F734549441E", true },
		{ "3B65000042614D7945", false },
		{ "3B7F96000080318065B085050011122460829000", false }
	};
	struct profile_set set = { NULL, 0 };
	struct buf why = BUF_INIT;

	ck_assert_int_eq(profile_set_builtin(&set, &why), 0);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct buf atr = hex(cases[i].atr);
		const struct atr_match *m;
		const struct profile *p = profile_match(&set, buf_peek(&atr), NULL, &m);

		ck_assert_msg((p && strcmp(p->name, "myeid") == 0) == cases[i].myeid, "%s",
		    cases[i].atr);
		buf_free(&atr);
	}
	profile_set_free(&set);
	buf_free(&why);
}
END_TEST

/* Contact and contactless ATRs of fineid 2: another wrapper, the same historical bytes. NULL: no FINEID card, or one
 * that no profile is for. */
START_TEST(fineid_cards_are_known_by_their_historical_bytes)
{
	static const struct { const char *atr, *profile; } cases[] = {
		{ "3B7F9600008031B865B0850300EF1200F6829000", "fineid-3-0" },
		{ "3B8F80018031B865B0850300EF1200F68290004D", "fineid-3-0" },
		{ "3B7F9600008031B865B08504021B1200F6829000", "fineid-3-1" },
		{ "3B8F80018031B865B08504021B1200F6829000BC", "fineid-3-1" },
		{ "3B7F9600008031B865B085050011122460829000", "fineid-4" },
		{ "3B7F9600008031B865B085051024122460829000", "fineid-4" },
		{ "3B8F80018031B865B08505102412246082900022", "fineid-4" },
		{ "3BDF96008031FE450031B8640429ECC173940180829000DA", "fineid-org-cosmo7" },
		{ "3BDF96008031FE450031B8640429ECC17394018082900000", "fineid-org-cosmo7" },
		{ "3BDD96008031FE450031B8640429ECC1739401808248", "fineid-org-idme" },
		{ "3B8980018057434954495A323191", "fineid-org-idme" },
		{ "3BDD96008031FE450031B8640429ECC1739401808349", "fineid-org-cosmox" },
		{ "3B8D80010031B8640429ECC1739401808304", "fineid-org-cosmox" },
		/* Estonia's card of 2025, Uruguay's, IDPrime, a Moroccan IAS-ECC card: others' */
		{ "3BFF9600008031FE438031B85365494464B085051012233F1D", NULL },
		{ "3B7F94000080318065B0850300EF120FFF829000", NULL },
		{ "3B7F96000080318065B0850300EF120FFE829000", NULL },
		{ "3BDF96008031FE450031B864041FECC173940180829000EC", NULL },
	};
	struct profile_set set = { NULL, 0 };
	struct buf why = BUF_INIT;

	ck_assert_int_eq(profile_set_builtin(&set, &why), 0);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct buf atr = hex(cases[i].atr);
		const struct atr_match *m;
		const struct profile *p = profile_match(&set, buf_peek(&atr), NULL, &m);

		ck_assert_msg(p && cases[i].profile ? strcmp(p->name, cases[i].profile) == 0 :
		    !p && !cases[i].profile, "%s: %s", cases[i].atr, p ? p->name : "none");
		buf_free(&atr);
	}
	profile_set_free(&set);
	buf_free(&why);
}
END_TEST

START_TEST(myeid_says_what_the_card_can)
{
	struct profile_set set = { NULL, 0 };
	struct buf why = BUF_INIT;
	const struct profile *p;

	ck_assert_int_eq(profile_set_builtin(&set, &why), 0);
	p = by_name(&set, "myeid");
	ck_assert_str_eq(p->driver, "myeid");
	ck_assert_uint_eq(p->sign_algs, 1u << ALG_RSA_RAW | 1u << ALG_RSA_PKCS1 | 1u << ALG_ECDSA);
	ck_assert_uint_eq(p->derive_algs, 1u << ALG_ECDH);
	ck_assert(p->keygen);
	ck_assert_int_eq((int)p->watch, WATCH_DATA);
	for (size_t i = 0; i < 2; i++) {
		ck_assert(p->has_pin[i] && p->pin[i].guess && p->pin[i].pads);
		ck_assert_uint_eq(p->pin[i].stored, 8);
		ck_assert_uint_eq(p->pin[i].pad, 0xFF);
		ck_assert_int_eq((int)p->pin[i].forget, PIN_FORGET_COMMAND);
	}
	profile_set_free(&set);
	buf_free(&why);
}
END_TEST

START_TEST(the_generic_profile_claims_nothing)
{
	struct profile_set set = { NULL, 0 };
	struct buf why = BUF_INIT;
	const struct profile *p;

	ck_assert_ptr_null(profile_fallback(&set));
	ck_assert_int_eq(profile_set_builtin(&set, &why), 0);
	p = profile_fallback(&set);
	ck_assert_ptr_nonnull(p);
	ck_assert_str_eq(p->name, "generic-p15");
	ck_assert_uint_eq(p->sign_algs | p->decipher_algs | p->derive_algs, 0);
	ck_assert(!p->has_pin[0] && !p->has_pin[1] && !p->keygen);
	profile_set_free(&set);
	buf_free(&why);
}
END_TEST

/* ---- the manual ---- */

/* The lines between the n-th ".Bd -literal" of the page and its ".Ed", as a reader sees them.
 * Owner: caller; empty when there is none. */
static struct buf
man_example(size_t n)
{
	struct buf page = source_file("man/castor-profile.5"), out = BUF_INIT;
	const char *line = buf_text(&page), *end;
	bool inside = false;

	for (; *line; line = *end ? end + 1 : end) {
		size_t len;

		end = strchr(line, '\n');
		end = end ? end : line + strlen(line);
		len = (size_t)(end - line);
		if (strncmp(line, ".Bd -literal", 12) == 0)
			inside = n-- == 0;
		else if (strncmp(line, ".Ed", 3) == 0)
			inside = false;
		else if (inside)
			buf_fmt(&out, "%.*s\n", (int)len, line);
	}
	buf_free(&page);
	return out;
}

START_TEST(the_example_of_the_manual_loads)
{
	struct buf text = man_example(0), why = BUF_INIT;
	struct profile *p = NULL;

	ck_assert_msg(profile_parse(buf_peek(&text), "castor-profile.5", &p, &why) == 0, "%s",
	    buf_text(&why));
	profile_free(&p);
	buf_free(&text);
	buf_free(&why);
}
END_TEST

/* The second example is a wrong line, the third what is said about it. */
START_TEST(the_error_of_the_manual_is_what_is_said)
{
	struct buf text = man_example(1), said = man_example(2), why = BUF_INIT;
	struct profile *p = NULL;

	ck_assert_uint_gt(text.len, 0);
	ck_assert_int_eq(profile_parse(buf_peek(&text), "my-card.yaml", &p, &why), E_FORMAT);
	buf_str(&why, "\n");
	ck_assert_str_eq(buf_text(&why), buf_text(&said));
	buf_free(&text);
	buf_free(&said);
	buf_free(&why);
}
END_TEST

/* Whether the page marks the word as one to be typed: "Cm word". */
static bool
man_has(const char *page, const char *word)
{
	size_t len = strlen(word);

	while ((page = strstr(page, "Cm "))) {
		page += 3;
		if (strncmp(page, word, len) == 0 && strchr(" \n", page[len]))
			return true;
	}
	return false;
}

/* Every key the loader knows has an item of its own; it tells them itself when asked wrongly. */
START_TEST(every_key_is_in_the_manual)
{
	static const char *asks[] = { "zz: 1", "match: [ { zz: 1 } ]",
		"match: [ { probe: { zz: 1 } } ]", "application: { zz: 1 }", "pins: { zz: 1 }",
		"pins: { pin1: { zz: 1 } }", "pins: { pin1: { puk: { zz: 1 } } }",
		    "algs: { zz: 1 }",
		"keys: { zz: 1 }", "keys: { rsa: { zz: 1 } }", "files: { zz: 1 }", "io: { zz: 1 }",
		"quirks: [ zz ]",
		"algs: { sign: [ zz ] }", "algs: { decipher: [ zz ] }", "algs: { derive: [ zz ] }",
		"algs: { curves: [ zz ] }", "environment: { zz: 1 }", "environment: { key-by: [ zz ] }",
		"environment: { sign: { zz: 1 } }", "environment: { decipher: { zz: 1 } }",
		"environment: { derive: { zz: 1 } }", "environment: { sign: { ecdsa: { zz: 1 } } }",
		"objects: [ { key: { zz: 1 } } ]", "objects: [ { cert: { zz: 1 } } ]",
		"objects: [ { key: { type: zz } } ]", "objects: [ { key: { usage: [ zz ] } } ]",
		"select: { zz: 1 }", "select: { names: [ { zz: 1 } ] }", "pins: { pin1: { coding: zz } }",
		"pins: { pin1: { forget: zz } }" };
	struct buf page = source_file("man/castor-profile.5");

	for (size_t i = 0; i < sizeof asks / sizeof asks[0]; i++) {
		struct buf why = BUF_INIT;
		struct profile *p = NULL;
		char *list, *word, *rest = NULL;

		ck_assert_int_eq(profile_parse(view_str(asks[i]), "f", &p, &why), E_FORMAT);
		buf_text(&why);
		list = strstr((char *)why.p, "allowed: ");
		ck_assert_ptr_nonnull(list);
		for (word = strtok_r(list + 9, ", ", &rest); word; word = strtok_r(NULL, ", ",
		    &rest)) {
			ck_assert_msg(man_has(buf_text(&page), word), "%s is not in the manual",
			    word);
		}
		buf_free(&why);
	}
	buf_free(&page);
}
END_TEST

/* ---- damage ---- */

static void
run_profile(struct view v, void *arg)
{
	struct buf why = BUF_INIT;
	struct profile *p = NULL;
	int r = profile_parse(v, "f", &p, &why);

	(void)arg;
	ck_assert(r == 0 || r == E_FORMAT || r == E_LIMIT);
	ck_assert((r == 0) == (p != NULL));
	if (r)
		ck_assert_int_eq(strncmp(buf_text(&why), "f:", 2), 0);
	profile_free(&p);
	buf_free(&why);
}

START_TEST(damage_is_survived)
{
	static const char small[] =
	    "schema: 1\nprofile: x\nsource: [ s ]\ndriver: d\n"
	    "match: [ { atr: 3B.., mask: FF0F, probe: { apdu: 00200011, expect: [ 63C* ] } } ]\n"
	    "application: { aid: A000000063, odf: 5031 }\n"
	    "pins: { pin1: { ref: 1, min: 4, max: 8, pad: 255, block: 8,\n"
	    "  puk: { min: 1, max: 2 } } }\n"
	    "activation: { unblock: { min: 8, max: 8 }, change: { min: 7, max: 7, ask: 00CA01pp, tag: 5A, new: 00 } }\n"
	    "algs: { sign: [ ecdsa ], curves: [ P-256 ] }\nwatch: ef:5032\n";
	struct mutate m = { { (const uint8_t *)small, sizeof small - 1 }, run_profile, NULL, 0 };

	ck_assert_uint_gt(mutate(&m), 4000);
}
END_TEST

/* ---- no memory ---- */

static bool
run_nomem(void *arg)
{
	struct profile_set set = { NULL, 0 };
	struct buf why = BUF_INIT;
	int r = profile_set_builtin(&set, &why);

	(void)arg;
	profile_set_free(&set);
	buf_free(&why);
	return r == (nomem_failed ? E_MEM : 0);
}

/* With a mistake in the text the answer may be either: E_FORMAT may have lost its message. */
static bool
run_nomem_wrong(void *arg)
{
	const struct wrong *w = arg;
	struct buf why = BUF_INIT;
	struct profile *p = NULL;
	int r = profile_parse(view_str(w->text), "f", &p, &why);

	buf_free(&why);
	return !p && (r == E_FORMAT || (nomem_failed && r == E_MEM));
}

START_TEST(no_memory_is_said_and_nothing_leaks)
{
	ck_assert_uint_gt(nomem(run_nomem, NULL), 100);
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		struct wrong w = wrong[i];

		ck_assert_uint_gt(nomem(run_nomem_wrong, &w), 1);
	}
}
END_TEST

/* ---- new cards ---- */

#define ASKS "activation: { change: { min: 7, max: 7, ask: 00 CB 00 FF 05 A0 03 83 01 pp, "

START_TEST(a_profile_says_how_new_cards_come)
{
	static const uint8_t ask[] = { 0x00, 0xCB, 0x00, 0xFF, 0x05, 0xA0, 0x03, 0x83, 0x01, 0x00 };
	struct profile *p = parse(HEAD MATCH "activation:\n  unblock: { min: 8, max: 10, digits: no, puk-tries: 5 }\n"
	    "  change: { min: 7, max: 7, ask: 00 CB 00 FF 05 A0 03 83 01 pp, tag: DF2F, new: 00 }\n");
	const struct activation *a = &p->activation;

	ck_assert(activation_has(a, ACTIVATION_UNBLOCK) && activation_has(a, ACTIVATION_CHANGE));
	ck_assert(!activation_has(a, ACTIVATION_NONE));
	ck_assert_int_eq(a->puk_tries, 5);
	ck_assert(view_eq(buf_peek(&a->ask), view_of(ask, sizeof ask)));
	ck_assert_uint_eq(a->ask_ref, 9);
	ck_assert_uint_eq(a->tag, 0xDF2F);
	profile_free(&p);
	p = parse(HEAD MATCH);
	ck_assert(!activation_has(&p->activation, ACTIVATION_UNBLOCK));
	ck_assert(!activation_has(&p->activation, ACTIVATION_CHANGE));
	ck_assert(!p->activation.ask.len && p->activation.puk_tries == -1);
	profile_free(&p);
	p = parse(HEAD MATCH "activation: { change: { min: 7, max: 7 } }\n"); /* the driver knows */
	ck_assert(activation_has(&p->activation, ACTIVATION_CHANGE) && !p->activation.ask.len);
	profile_free(&p);
	p = parse(HEAD MATCH "activation: { change: { min: 7, max: 7, ask: 00CA01pp, new: 0001 } }\n");
	ck_assert(p->activation.ask_ref == 3 && !p->activation.tag && p->activation.fresh.len == 2);
	profile_free(&p);
}
END_TEST

START_TEST(a_code_has_its_shape)
{
	struct profile *p = parse(HEAD MATCH "activation:\n  unblock: { min: 6, max: 8, digits: no }\n"
	    "  change: { min: 7, max: 7 }\n");
	static const struct { const char *code; bool unblock, change; } cases[] = {
		{ "", false, false }, { "12345", false, false }, { "123456", true, false },
		{ "1234567", true, true }, { "12345678", true, false }, { "123456789", false, false },
		{ "abcdefg", true, false }, { "123456 ", true, false }, { "12\xC3\xA4""567", true, false },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct view code = view_str(cases[i].code);

		ck_assert_msg(activation_code_fits(&p->activation, ACTIVATION_UNBLOCK, code) == cases[i].unblock,
		    "%s", cases[i].code);
		ck_assert_msg(activation_code_fits(&p->activation, ACTIVATION_CHANGE, code) == cases[i].change,
		    "%s", cases[i].code);
		ck_assert(!activation_code_fits(&p->activation, ACTIVATION_NONE, code));
	}
	profile_free(&p);
}
END_TEST

/* The first answer is one of a card, facts on FINEID, section 5. */
static const struct { const char *hex; int fresh; } answers[] = {
	{ "A0 23 83 01 11 8C 04 F0 00 00 00 9C 04 F0 00 00 00 DF 21 04 05 FF A5 03 DF 27 02 FF FF DF 28 01 0C "
	    "DF 2F 01 01", 0 },
	{ "A0 09 83 01 11 DF 2F 01 00", -1 }, /* its length is that of more */
	{ "A0 07 83 01 11 DF 2F 01 00", 1 },
	{ "DF 2F 01 00", 1 }, { "DF 2F 01 01", 0 }, { "DF 2F 01 02", 0 },
	{ "DF 2F 02 00 00", -1 }, { "DF 2F 00", -1 }, { "DF 2F 01", -1 }, { "DF 2F", -1 }, { "DF", -1 }, { "", -1 },
	{ "2F 01 00", -1 }, { "83 03 DF 2F 01", -1 }, { "83 04 DF 2F 01 00", -1 },
	{ "A0 00 DF 2F 01 00", 1 }, { "A0 02 A0 00 DF 2F 01 00", 1 }, { "00 00 FF DF 2F 81 01 00", 1 },
	{ "A0 82 00 04 DF 2F 01 00", 1 }, { "A0 83 00 00 04 DF 2F 01 00", -1 }, { "A0 80 DF 2F 01 00 00 00", -1 },
	{ "A0 0C A0 0A A0 08 A0 06 A0 04 DF 2F 01 00", -1 }, /* five deep */
	{ "A0 0A A0 08 A0 06 A0 04 DF 2F 01 00", 1 },
	{ "A0 02 83 05 DF 2F 01 00", 1 }, /* what is broken inside ends there */
	{ "DF 81 2F 01 00", -1 },
};

static void
is_survived(struct view v, void *arg)
{
	int fresh = activation_is_fresh(arg, v);

	ck_assert(fresh >= -1 && fresh <= 1);
}

START_TEST(an_answer_tells_whether_it_was_changed)
{
	struct profile *p = parse(HEAD MATCH ASKS "tag: DF2F, new: 00 } }\n");
	struct profile *bare = parse(HEAD MATCH ASKS "new: 0002 } }\n");
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
		buf_reset(&b);
		ck_assert_int_eq(hex_parse(answers[i].hex, strlen(answers[i].hex), &b), 0);
		ck_assert_msg(activation_is_fresh(&p->activation, buf_peek(&b)) == answers[i].fresh, "%s",
		    answers[i].hex);
		mutate(&(struct mutate){ .good = buf_peek(&b), .run = is_survived, .arg = &p->activation });
	}
	ck_assert_int_eq(activation_is_fresh(&bare->activation, view_of("\0\2", 2)), 1);
	ck_assert_int_eq(activation_is_fresh(&bare->activation, view_of("\0\3", 2)), 0);
	ck_assert_int_eq(activation_is_fresh(&bare->activation, view_of("\0", 1)), -1);
	buf_free(&b);
	profile_free(&p);
	profile_free(&bare);
}
END_TEST

UNIT_MAIN("profile", a_profile_says_how_new_cards_come, a_code_has_its_shape, an_answer_tells_whether_it_was_changed,
    no_memory_is_said_and_nothing_leaks,
    every_key_lands_in_its_field, a_block_holds_by_its_coding,
    what_is_left_out_has_its_default, a_profile_extends_a_shipped_one,
    whatever_the_schema_does_not_know_is_an_error_with_its_line, a_probe_never_costs_a_try,
    an_answer_to_a_probe_fits_by_digit, historical_bytes, damaged_atrs_are_survived,
    profiles_are_given_in_the_order_of_rank, patterns_fit_as_a_whole,
    a_rule_without_a_probe_is_preferred, a_name_stands_once_in_a_set, built_in_profiles_load,
    built_in_profiles_are_the_files, myeid_is_known_by_the_end_of_its_historical_bytes,
    fineid_cards_are_known_by_their_historical_bytes,
    myeid_says_what_the_card_can, the_generic_profile_claims_nothing,
    the_example_of_the_manual_loads, the_error_of_the_manual_is_what_is_said,
    every_key_is_in_the_manual, damage_is_survived)

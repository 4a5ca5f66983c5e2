#include "mapping/profile_int.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "mapping/algs.h"
#include "mapping/p15.h"
#include "mapping/profiles.h"

/* ---- words ---- */

static const struct schema_word sign_array[] = {
	{ "rsa-raw", ALG_RSA_RAW }, { "rsa-pkcs1", ALG_RSA_PKCS1 }, { "rsa-pss", ALG_RSA_PSS },
	{ "ecdsa", ALG_ECDSA }
};
static const struct schema_word decipher_array[] = {
	{ "rsa-raw", ALG_RSA_RAW }, { "rsa-pkcs1", ALG_RSA_PKCS1 }, { "rsa-oaep", ALG_RSA_OAEP }
};
static const struct schema_word derive_array[] = { { "ecdh", ALG_ECDH } };
static const struct schema_word curve_array[] = {
	{ "P-256", CURVE_P256 }, { "P-384", CURVE_P384 }, { "P-521", CURVE_P521 }
};
static const struct schema_word quirk_array[] = {
#define X(code, word) { word, code },
	QUIRK_LIST(X)
#undef X
};
static const struct schema_word sm_array[] = {
	{ "none", SM_NONE }, { "contactless", SM_CONTACTLESS }, { "always", SM_ALWAYS }
};
/* in the order of enum cipher, cardos/crypt.h */
static const struct schema_word pace_array[] = {
	{ "3des", 0 }, { "aes-128", 1 }, { "aes-192", 2 }, { "aes-256", 3 }
};
static const struct schema_words sign_words = WORDS(sign_array);
static const struct schema_words decipher_words = WORDS(decipher_array);
static const struct schema_words derive_words = WORDS(derive_array);
static const struct schema_words curve_words = WORDS(curve_array);
static const struct schema_words sm_words = WORDS(sm_array);
static const struct schema_words pace_words = WORDS(pace_array);
static const struct schema_words quirk_words = WORDS(quirk_array);

/* ---- the levels ---- */

static int
take_schema(struct load *l, const struct schema_rule *rule, const struct ynode *n, void *field)
{
	(void)field;
	if (schema_want_text(l, n))
		return E_FORMAT;
	if (strcmp(n->text, "1") != 0)
		return schema_complain(l, n, "%s: \"%.40s\" is not known, allowed: 1", rule->key,
		    n->text);
	return 0;
}

/* Was followed before the keys are read. */
static int
take_extends(struct load *l, const struct schema_rule *rule, const struct ynode *n, void *field)
{
	(void)rule;
	(void)field;
	return schema_want_text(l, n);
}

/* For the reader of the file only, but each fact needs one. */
static int
take_source(struct load *l, const struct schema_rule *rule, const struct ynode *n, void *field)
{
	(void)field;
	if (schema_want_list(l, rule, n))
		return E_FORMAT;
	for (const struct ynode *e = n->child; e; e = e->next)
		if (schema_want_text(l, e))
			return E_FORMAT;
	return 0;
}

/* none | data | certhead | ef:PATH. Field: struct profile. */
static int
take_watch(struct load *l, const struct schema_rule *rule, const struct ynode *n, void *field)
{
	static const struct { const char *word; enum watch_kind kind; } words[] = {
		{ "none", WATCH_NONE }, { "data", WATCH_DATA }, { "certhead", WATCH_CERTHEAD }
	};
	struct profile *p = field;
	struct buf bytes = BUF_INIT;
	bool ef;

	if (schema_want_text(l, n))
		return E_FORMAT;
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		if (strcmp(words[i].word, n->text) == 0) {
			p->watch = words[i].kind;
			return 0;
		}
	}
	ef = strncmp(n->text, "ef:", 3) == 0 &&
	    hex_parse(n->text + 3, strlen(n->text + 3), &bytes) == 0 && bytes.len &&
	    p15_path_decode(buf_peek(&bytes), &p->watch_path) == 0;
	buf_free(&bytes);
	if (!ef)
		return schema_complain(l, n,
		    "%s: \"%.40s\" is not known, allowed: none, data, certhead, ef:PATH", rule->key,
		    n->text);
	p->watch = WATCH_EF;
	return 0;
}

/* "4B01-4B0F": two file ids, both included. */
static int
take_fids(struct load *l, const struct schema_rule *rule, const struct ynode *n, void *field)
{
	struct fid_range *range = field;
	struct buf ids = BUF_INIT;
	unsigned from = 0, to = 0;
	struct view v;
	bool shape;
	int r = 0;

	if (schema_want_text(l, n))
		return E_FORMAT;
	shape = strlen(n->text) == 9 && n->text[4] == '-' && !strchr(n->text, ' ');
	if (shape && !(r = hex_parse(n->text, 4, &ids)))
		r = hex_parse(n->text + 5, 4, &ids);
	v = buf_peek(&ids);
	if (!view_be16(&v, &from) || !view_be16(&v, &to) || from == 0 || from > to)
		shape = false;
	buf_free(&ids);
	if (r == E_MEM)
		return r;
	if (!shape)
		return schema_complain(l, n, "%s: \"%.40s\" is not a range of file ids, allowed: "
		    "two of four digits as 4B01-4B0F", rule->key, n->text);
	range->from = (uint16_t)from;
	range->to = (uint16_t)to;
	return 0;
}

static int
take_app_path(struct load *l, const struct schema_rule *rule, const struct ynode *n, void *field)
{
	struct path *path = field;
	int r = take_path(l, rule, n, path);

	return r || path->from == PATH_MF ? r :
	    schema_complain(l, n, "path: \"%.60s\" does not begin at the MF, 3F00", n->text);
}

static const struct schema_rule application_rules[] = {
	{ .key = "aid", .take = take_hex, .lo = 5, .hi = 16, .off = offsetof(struct profile, aid) },
	{ .key = "path", .take = take_app_path, .lo = 4, .hi = PATH_BYTES_MAX,
	    .off = offsetof(struct profile, app_path) },
	{ .key = "odf", .take = take_path, .lo = 2, .hi = PATH_BYTES_MAX,
	    .off = offsetof(struct profile, odf) },
	{ .key = "token-info", .take = take_path, .lo = 2, .hi = PATH_BYTES_MAX,
	    .off = offsetof(struct profile, token_info) }
};
static const struct schema_level application_level = { "application", application_rules, 4 };

static const struct schema_rule pins_rules[] = {
	{ .key = "pin1", .take = take_pin, .off = offsetof(struct profile, pin[0]) },
	{ .key = "pin2", .take = take_pin, .off = offsetof(struct profile, pin[1]) }
};
static const struct schema_level pins_level = { "pins", pins_rules, 2 };

static const struct schema_rule algs_rules[] = {
	{ .key = "sign", .take = take_set, .hi = ALG_COUNT, .words = &sign_words,
	    .off = offsetof(struct profile, sign_algs) },
	{ .key = "decipher", .take = take_set, .hi = ALG_COUNT, .words = &decipher_words,
	    .off = offsetof(struct profile, decipher_algs) },
	{ .key = "derive", .take = take_set, .hi = ALG_COUNT, .words = &derive_words,
	    .off = offsetof(struct profile, derive_algs) },
	{ .key = "curves", .take = take_set, .hi = CURVE_COUNT, .words = &curve_words,
	    .off = offsetof(struct profile, ec_curves) }
};
static const struct schema_level algs_level = { "algs", algs_rules, 4 };

static const struct schema_rule rsa_rules[] = {
	{ .key = "min", .take = take_unsigned, .must = true, .lo = 512, .hi = 16384,
	    .off = offsetof(struct profile, rsa_min) },
	{ .key = "max", .take = take_unsigned, .must = true, .lo = 512, .hi = 16384,
	    .off = offsetof(struct profile, rsa_max) },
	{ .key = "step", .take = take_unsigned, .must = true, .lo = 1, .hi = 16384,
	    .off = offsetof(struct profile, rsa_step) }
};
static const struct schema_level rsa_level = { "rsa", rsa_rules, 3 };

static const struct schema_rule keys_rules[] = {
	{ .key = "rsa", .take = take_level, .level = &rsa_level },
	{ .key = "generate", .take = take_bool, .off = offsetof(struct profile, keygen) }
};
static const struct schema_level keys_level = { "keys", keys_rules, 2 };

static const struct schema_rule files_rules[] = {
	{ .key = "private", .take = take_fids,
	    .off = offsetof(struct profile, files[FILES_PRIVATE]) },
	{ .key = "public", .take = take_fids,
	    .off = offsetof(struct profile, files[FILES_PUBLIC]) },
	{ .key = "certificate", .take = take_fids,
	    .off = offsetof(struct profile, files[FILES_CERT]) },
	{ .key = "data", .take = take_fids, .off = offsetof(struct profile, files[FILES_DATA]) }
};
static const struct schema_level files_level = { "files", files_rules, 4 };

/* Field: struct profile. */
static int
take_environment(struct load *l, const struct schema_rule *rule, const struct ynode *n, void *field)
{
	struct environment *e = field;

	(void)rule;
	environment_init(e);
	e->given = true;
	return schema_read(l, &environment_level, n, e);
}

static const struct schema_rule io_rules[] = {
	{ .key = "max-send", .take = take_unsigned, .lo = 1, .hi = 65535,
	    .off = offsetof(struct profile, max_send) },
	{ .key = "max-recv", .take = take_unsigned, .lo = 1, .hi = 65536,
	    .off = offsetof(struct profile, max_recv) },
	{ .key = "sm", .take = take_word, .words = &sm_words, .off = offsetof(struct profile, sm) },
	{ .key = "pace", .take = take_set, .hi = 4, .words = &pace_words,
	    .off = offsetof(struct profile, pace) }
};
static const struct schema_level io_level = { "io", io_rules, 4 };

static const struct schema_rule profile_rules[] = {
	{ .key = "schema", .take = take_schema, .must = true },
	{ .key = "profile", .take = take_word_name, .must = true, .lo = 1, .hi = 32,
	    .off = offsetof(struct profile, name) },
	{ .key = "source", .take = take_source, .must = true, .lo = 1, .hi = 32 },
	{ .key = "extends", .take = take_extends },
	{ .key = "driver", .take = take_word_name, .lo = 1, .hi = 32,
	    .off = offsetof(struct profile, driver) },
	/* 16 and 32: CK_TOKEN_INFO */
	{ .key = "model", .take = take_text, .lo = 1, .hi = 16,
	    .off = offsetof(struct profile, model) },
	{ .key = "manufacturer", .take = take_text, .lo = 1, .hi = 32,
	    .off = offsetof(struct profile, manufacturer) },
	{ .key = "match", .take = take_match, .lo = 1, .hi = 64 },
	{ .key = "fallback", .take = take_bool, .off = offsetof(struct profile, fallback) },
	{ .key = "application", .take = take_level, .level = &application_level },
	{ .key = "pins", .take = take_level, .level = &pins_level },
	{ .key = "activation", .take = take_level, .level = &activation_level,
	    .off = offsetof(struct profile, activation) },
	{ .key = "algs", .take = take_level, .level = &algs_level },
	{ .key = "environment", .take = take_environment, .off = offsetof(struct profile, env) },
	{ .key = "objects", .take = take_objects, .lo = 1, .hi = 16 },
	{ .key = "select", .take = take_select, .off = offsetof(struct profile, select) },
	{ .key = "keys", .take = take_level, .level = &keys_level },
	{ .key = "files", .take = take_level, .level = &files_level },
	{ .key = "io", .take = take_level, .level = &io_level },
	{ .key = "watch", .take = take_watch },
	{ .key = "quirks", .take = take_set, .hi = 32, .words = &quirk_words,
	    .off = offsetof(struct profile, quirks) }
};
static const struct schema_level profile_level = {
	"the profile", profile_rules, sizeof profile_rules / sizeof profile_rules[0]
};

/* ---- the whole ---- */

/* What no single key can tell. */
static int
profile_finish(struct load *l, const struct ynode *root, struct profile *p)
{
	unsigned rsa = 1u << ALG_RSA_RAW | 1u << ALG_RSA_PKCS1 | 1u << ALG_RSA_PSS |
	    1u << ALG_RSA_OAEP;
	unsigned algs;
	const char *fault;

	for (size_t i = 0; i < 2; i++)
		p->has_pin[i] = p->pin[i].min > 0;
	if ((fault = activation_fault(&p->activation)) || (fault = environment_fault(&p->env)))
		return schema_complain(l, root, "%s", fault);
	if (p->env.given && (p->sign_algs || p->decipher_algs || p->derive_algs))
		return schema_complain(l, root,
		    "an environment names the algorithms; algs has curves only then");
	if (!p->driver)
		return schema_complain(l, root, "the profile: the key \"driver\" is missing");
	if (p->env.given) {
		p->sign_algs = environment_algs(&p->env, USE_SIGN);
		p->decipher_algs = environment_algs(&p->env, USE_DECIPHER);
		p->derive_algs = environment_algs(&p->env, USE_DERIVE);
	}
	algs = p->sign_algs | p->decipher_algs | p->derive_algs;
	if (p->fallback && p->nmatch)
		return schema_complain(l, root,
		    "a fallback has no match: it is tried when none fits");
	if (!p->fallback && !p->nmatch)
		return schema_complain(l, root, "the profile: the key \"match\" is missing");
	if (p->pace && !p->sm)
		return schema_complain(l, root, "io: pace is given, but sm does not say when");
	if (p->rsa_min > p->rsa_max)
		return schema_complain(l, root, "rsa: min is larger than max");
	if (algs & rsa && !p->rsa_max)
		return schema_complain(l, root,
		    "algs name RSA, but keys do not give its sizes (rsa)");
	if (algs & ~rsa && !p->ec_curves)
		return schema_complain(l, root, "algs name ecdsa or ecdh, but no curves");
	return 0;
}

static struct profile *
profile_new(void)
{
	static const struct path odf = { PATH_APP, 2, { 0x50, 0x31 } };
	static const struct path token_info = { PATH_APP, 2, { 0x50, 0x32 } };
	struct profile *p = calloc(1, sizeof *p);

	if (!p)
		return NULL;
	p->odf = odf;
	p->token_info = token_info;
	activation_init(&p->activation);
	environment_init(&p->env);
	for (size_t i = 0; i < 2; i++)
		p->pin[i].ref = p->pin[i].tries_max = p->pin[i].unblock_ref = -1;
	return p;
}

static const struct embedded *
builtin_named(const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < profiles_builtin_count; i++)
		if (strncmp(profiles_builtin[i].name, name, len) == 0 &&
		    strcmp(profiles_builtin[i].name + len, ".yaml") == 0)
			return &profiles_builtin[i];
	return NULL;
}

static const struct ynode *
child_named(const struct ynode *map, const char *key)
{
	const struct ynode *n = map->kind == YN_MAP ? map->child : NULL;

	while (n && strcmp(n->key, key) != 0)
		n = n->next;
	return n;
}

/* Reads the shipped profile that this one extends, one level deep, and then this one's keys over it. */
static int
read_over(struct load *l, const struct ynode *root, struct profile *p)
{
	const struct ynode *extends = child_named(root, "extends");
	const struct embedded *base = NULL;
	struct ytree tree;
	int r = 0;

	if (extends && extends->kind == YN_TEXT && !(base = builtin_named(extends->text)))
		return schema_complain(l, extends, "extends: no shipped profile is called \"%.40s\"", extends->text);
	if (base && !(r = ytree_parse(view_of(base->text, base->len), base->name, &tree, l->why))) {
		struct load under = { base->name, l->why };

		r = child_named(tree.root, "extends") ?
		    schema_complain(l, extends, "extends: \"%.40s\" extends another one", extends->text) :
		    schema_read(&under, &profile_level, tree.root, p);
		ytree_free(&tree);
	}
	return r ? r : schema_read(l, &profile_level, root, p);
}

int
profile_parse(struct view text, const char *where, struct profile **out, struct buf *why)
{
	struct load l = { where, why };
	struct ytree tree;
	struct profile *p = NULL;
	int r;

	*out = NULL;
	if ((r = ytree_parse(text, where, &tree, why)))
		return r;
	if (!(p = profile_new()))
		r = E_MEM;
	if (!r && !(r = read_over(&l, tree.root, p)))
		r = profile_finish(&l, tree.root, p);
	ytree_free(&tree);
	if (r)
		profile_free(&p);
	*out = p;
	return r;
}

void
profile_free(struct profile **p)
{
	struct profile *pf = *p;

	if (!pf)
		return;
	profile_matches_free(pf);
	free(pf->name);
	free(pf->driver);
	free(pf->model);
	free(pf->manufacturer);
	buf_free(&pf->aid);
	activation_free(&pf->activation);
	profile_select_free(&pf->select);
	if (pf->objects)
		p15_objects_free(pf->objects);
	free(pf->objects);
	free(pf);
	*p = NULL;
}

#include "t/scenario/expect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "token/activate.h"

#define COUNT(a) (sizeof (a) / sizeof (a)[0])

static const char *path;
static unsigned line_no;

static void __attribute__((noreturn))
wrong_line(const char *what)
{
	printf("Bail out! %s:%u: %s\n", path, line_no, what);
	exit(1);
}

#define NAME(m) { CKM_##m, #m }
static const struct { CK_MECHANISM_TYPE type; const char *name; } names[] = {
	NAME(RSA_PKCS), NAME(RSA_X_509), NAME(RSA_PKCS_OAEP), NAME(RSA_PKCS_PSS),
	NAME(MD5_RSA_PKCS), NAME(SHA1_RSA_PKCS), NAME(SHA224_RSA_PKCS), NAME(SHA256_RSA_PKCS),
	NAME(SHA384_RSA_PKCS), NAME(SHA512_RSA_PKCS),
	NAME(SHA1_RSA_PKCS_PSS), NAME(SHA224_RSA_PKCS_PSS), NAME(SHA256_RSA_PKCS_PSS),
	NAME(SHA384_RSA_PKCS_PSS), NAME(SHA512_RSA_PKCS_PSS),
	NAME(ECDSA), NAME(ECDSA_SHA1), NAME(ECDSA_SHA224), NAME(ECDSA_SHA256), NAME(ECDSA_SHA384),
	NAME(ECDSA_SHA512), NAME(ECDH1_DERIVE), NAME(ECDH1_COFACTOR_DERIVE),
	NAME(RSA_PKCS_KEY_PAIR_GEN), NAME(EC_KEY_PAIR_GEN),
};

CK_MECHANISM_TYPE
mech_named(const char *name)
{
	for (size_t i = 0; i < COUNT(names); i++)
		if (strcmp(names[i].name, name) == 0)
			return names[i].type;
	return ~0UL;
}

const char *
mech_name(CK_MECHANISM_TYPE type)
{
	static char other[32];

	for (size_t i = 0; i < COUNT(names); i++)
		if (names[i].type == type)
			return names[i].name;
	snprintf(other, sizeof other, "mechanism 0x%lX", type);
	return other;
}

/* The next field, or NULL; *rest goes behind it. */
static char *
field(char **rest)
{
	char *at = *rest + strspn(*rest, " \t"), *end = at + strcspn(at, " \t");

	*rest = *end ? end + 1 : end;
	*end = '\0';
	return *at ? at : NULL;
}

static char *
needed(char **rest)
{
	char *at = field(rest);

	if (!at)
		wrong_line("something is missing");
	return at;
}

static void
copy_text(char *out, size_t room, const char *in)
{
	in += strspn(in, " \t");
	if (strlen(in) >= room)
		wrong_line("too long");
	memcpy(out, in, strlen(in) + 1);
}

static unsigned
number(const char *in)
{
	char *end;
	unsigned long n = strtoul(in, &end, 10);

	if (*end || end == in || n > 65535)
		wrong_line("a number is wanted");
	return (unsigned)n;
}

static unsigned
slot_of(const struct expect *e, char **rest)
{
	unsigned n = number(needed(rest));

	if (n < 1 || n > e->nslot)
		wrong_line("there is no such slot");
	return n - 1;
}

static void
id_of(struct expect_object *o, const char *hex)
{
	unsigned byte;

	for (; *hex && o->id_len < EXPECT_ID; hex += 2) {
		if (sscanf(hex, "%2x", &byte) != 1 || !hex[1])
			wrong_line("an ID in hexadecimal is wanted");
		o->id[o->id_len++] = (CK_BYTE)byte;
	}
}

/* ---- lines ---- */

static void
slot_value(struct expect_slot *s, const char *key, const char *value)
{
	const struct { const char *key; char *text; size_t room; } texts[] = {
		{ "pin", s->pin, sizeof s->pin }, { "puk", s->puk, sizeof s->puk }, { "new", s->new, sizeof s->new },
		{ "code", s->code, sizeof s->code }, { "oaep", s->oaep, sizeof s->oaep },
	};
	const struct { const char *key; CK_ULONG *n; } numbers[] = { { "min", &s->min }, { "max", &s->max } };
	const struct { const char *key; int *n; } tries[] = { { "tries", &s->tries }, { "puk-tries", &s->puk_tries } };
	const struct { const char *key, *yes, *no; bool *is; } choices[] = {
		{ "each", "yes", "no", &s->each }, { "drops", "yes", "no", &s->drops }, { "blob", "sign", "refuse", &s->blobs },
		{ "salt", "any", "hash", &s->salts }, { "label", "any", "none", &s->labels }, { "unblock", "yes", "no", &s->unblocks },
		{ "told", "yes", "no", &s->told }, { "forgets", "yes", "no", &s->forgets },
	};

	for (size_t i = 0; i < COUNT(texts); i++)
		if (strcmp(key, texts[i].key) == 0) {
			copy_text(texts[i].text, texts[i].room, value);
			return;
		}
	for (size_t i = 0; i < COUNT(numbers); i++)
		if (strcmp(key, numbers[i].key) == 0) {
			*numbers[i].n = number(value);
			return;
		}
	for (size_t i = 0; i < COUNT(tries); i++)
		if (strcmp(key, tries[i].key) == 0) {
			*tries[i].n = (int)number(value);
			return;
		}
	for (size_t i = 0; i < COUNT(choices); i++)
		if (strcmp(key, choices[i].key) == 0) {
			*choices[i].is = strcmp(value, choices[i].yes) == 0;
			if (!*choices[i].is && strcmp(value, choices[i].no) != 0)
				wrong_line("one of two words is wanted");
			return;
		}
	if (strcmp(key, "vc") == 0)
		s->vc = number(value);
	else if (strcmp(key, "activation") == 0)
		s->activation = strcmp(value, "change") == 0 ? ACTIVATION_CHANGE :
		    strcmp(value, "unblock") == 0 ? ACTIVATION_UNBLOCK : ACTIVATION_NONE;
	else
		wrong_line("an unknown word");
}

static void
line_slot(struct expect *e, char *rest)
{
	struct expect_slot *s = &e->slot[e->nslot];
	char *word, *value;

	if (number(needed(&rest)) != e->nslot + 1 || e->nslot == EXPECT_SLOTS)
		wrong_line("slots come in their order");
	*s = (struct expect_slot){ .vc = (unsigned)e->nslot + 1, .tries = 3, .puk_tries = 10, .min = 4, .max = 8,
		.blobs = true, .salts = true, .labels = true, .unblocks = true, .told = true, .forgets = true,
		.oaep = "SHA1,SHA224,SHA256,SHA384,SHA512" };
	e->nslot++;
	while ((word = field(&rest))) {
		if (!(value = strchr(word, '=')))
			wrong_line("KEY=VALUE is wanted");
		*value++ = '\0';
		slot_value(s, word, value);
	}
}

static struct expect_object *
object_of(const struct expect *e, struct expect_object *rows, size_t *n, char **rest)
{
	struct expect_object *o = &rows[*n];

	if (*n == EXPECT_ROWS)
		wrong_line("too many of them");
	++*n;
	o->slot = slot_of(e, rest);
	id_of(o, needed(rest));
	return o;
}

static void
line_key(struct expect *e, char *rest)
{
	static const struct { const char *name; CK_FLAGS flag; } uses[] = {
		{ "sign", CKF_SIGN }, { "decrypt", CKF_DECRYPT }, { "derive", CKF_DERIVE }, { "none", 0 },
	};
	struct expect_object *o = object_of(e, e->key, &e->nkey, &rest);
	char *words, *word, *save = NULL;
	bool known;

	o->type = strcmp(needed(&rest), "rsa") == 0 ? CKK_RSA : CKK_EC;
	o->bits = number(needed(&rest));
	words = needed(&rest);
	while ((word = strtok_r(words, ",", &save))) {
		words = NULL;
		known = false;
		for (size_t i = 0; i < COUNT(uses); i++) {
			if (strcmp(word, uses[i].name) != 0)
				continue;
			o->uses |= uses[i].flag;
			known = true;
		}
		if (!known)
			wrong_line("an unknown use");
	}
	copy_text(o->label, sizeof o->label, rest);
}

static void
line_cert(struct expect *e, char *rest)
{
	struct expect_object *o = object_of(e, e->cert, &e->ncert, &rest);

	copy_text(o->file, sizeof o->file, needed(&rest));
	o->ca = strcmp(needed(&rest), "ca") == 0;
	copy_text(o->label, sizeof o->label, rest);
}

static void
line_lost(struct expect *e, char *rest)
{
	struct expect_object *o = object_of(e, e->lost, &e->nlost, &rest);

	copy_text(o->label, sizeof o->label, rest);
}

static void
line_public(struct expect *e, char *rest)
{
	struct expect_object *o = object_of(e, e->pub, &e->npub, &rest);

	copy_text(o->file, sizeof o->file, needed(&rest));
}

static void
add_mech(struct expect *e, unsigned slot, CK_MECHANISM_TYPE type, CK_FLAGS use)
{
	if (e->nmech == EXPECT_MECHS)
		wrong_line("too many of them");
	e->mech[e->nmech].slot = slot;
	e->mech[e->nmech].use = use;
	e->mech[e->nmech++].type = type;
}

static void
mechs_as(struct expect *e, unsigned slot, unsigned like)
{
	const size_t n = e->nmech;

	for (size_t i = 0; i < n; i++)
		if (e->mech[i].slot == like)
			add_mech(e, slot, e->mech[i].type, e->mech[i].use);
}

static void
line_mechs(struct expect *e, char *rest)
{
	static const struct { const char *name; CK_FLAGS flag; } uses[] = {
		{ "sign", CKF_SIGN }, { "decrypt", CKF_DECRYPT }, { "derive", CKF_DERIVE },
		{ "generate", CKF_GENERATE_KEY_PAIR },
	};
	unsigned slot = slot_of(e, &rest);
	const char *use = needed(&rest);
	CK_FLAGS flag = 0;
	char *name;

	if (strcmp(use, "as") == 0) {
		mechs_as(e, slot, slot_of(e, &rest));
		return;
	}
	for (size_t i = 0; i < COUNT(uses); i++)
		if (strcmp(use, uses[i].name) == 0)
			flag = uses[i].flag;
	if (!flag)
		wrong_line("an unknown use");
	while ((name = field(&rest))) {
		if (mech_named(name) == ~0UL)
			wrong_line(name);
		add_mech(e, slot, mech_named(name), flag);
	}
}

static void
line_apdus(struct expect *e, char *rest)
{
	const struct { const char *name; unsigned *n; } most[] = {
		{ "dirs=", &e->dirs }, { "list=", &e->list }, { "login-sign=", &e->login_sign }, { "sign=", &e->sign },
	};
	bool known;
	char *word;

	while ((word = field(&rest))) {
		known = false;
		for (size_t i = 0; i < COUNT(most); i++) {
			if (strncmp(word, most[i].name, strlen(most[i].name)) != 0)
				continue;
			*most[i].n = number(word + strlen(most[i].name));
			known = true;
		}
		if (!known)
			wrong_line("an unknown word");
	}
}

static void
line_can(struct expect *e, char *rest)
{
	copy_text(e->can, sizeof e->can, rest);
}

static void
line_image(struct expect *e, char *rest)
{
	copy_text(e->image, sizeof e->image, rest);
}

static void
line_profile(struct expect *e, char *rest)
{
	copy_text(e->profile, sizeof e->profile, rest);
}

static void
line_token(struct expect *e, char *rest)
{
	unsigned slot = slot_of(e, &rest);

	copy_text(e->slot[slot].token, sizeof e->slot[slot].token, rest);
}

static const struct { const char *word; void (*line)(struct expect *, char *); } lines[] = {
	{ "image", line_image }, { "can", line_can }, { "profile", line_profile }, { "slot", line_slot },
	{ "token", line_token }, { "key", line_key }, { "cert", line_cert }, { "lost", line_lost }, { "public", line_public }, { "mechs", line_mechs }, { "apdus", line_apdus },
};

/* dir/NAME.expect: NAME.yaml */
static void
name_image(struct expect *e)
{
	const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	const char *end = strrchr(name, '.');

	snprintf(e->image, sizeof e->image, "%.*s.yaml", end ? (int)(end - name) : (int)strlen(name), name);
}

void
expect_read(const char *file, struct expect *e)
{
	char line[1024], *rest, *word;
	FILE *f = fopen(file, "r");
	size_t i;

	memset(e, 0, sizeof *e);
	path = file;
	line_no = 0;
	if (!f)
		wrong_line("it cannot be read");
	name_image(e);
	while (fgets(line, sizeof line, f)) {
		line_no++;
		line[strcspn(line, "\n")] = '\0';
		rest = line;
		if (!(word = field(&rest)) || *word == '#')
			continue;
		for (i = 0; i < COUNT(lines) && strcmp(word, lines[i].word) != 0; i++)
			;
		if (i == COUNT(lines))
			wrong_line("an unknown word");
		lines[i].line(e, rest);
	}
	fclose(f);
	if (!e->nslot)
		wrong_line("there is no slot");
}

bool
expect_mech(const struct expect *e, unsigned slot, CK_MECHANISM_TYPE type, CK_FLAGS use)
{
	for (size_t i = 0; i < e->nmech; i++)
		if (e->mech[i].slot == slot && e->mech[i].type == type && e->mech[i].use & use)
			return true;
	return false;
}

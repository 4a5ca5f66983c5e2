#include "base/settings.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/embedded.h"
#include "base/err.h"
#include "base/log.h"
#include "base/os.h"
#include "base/text.h"
#include "base/utf8.h"
#include "base/wildcard.h"

#define FILE_BYTES_MAX  ((size_t)256 << 10)
#define VALUE_BYTES_MAX 4096
#define NAME_BYTES_MAX  64   /* longer than any key */
#define NOTES_MAX       100  /* a file that is not ours at all must not fill the log */
#define SECRET_BYTES    4096 /* all values of secrets together, with their NULs */
#define COUNT(a)        (sizeof(a) / sizeof(a)[0])

static const struct setting_info infos[SET_COUNT] = {
#define SETTING(n, t, d, a, text) \
	[SET_##n].name = #n, [SET_##n].type = TYPE_##t, [SET_##n].def = d, \
	[SET_##n].acts = ACTS_##a, [SET_##n].doc = text,
#define RANGE(n, lo, hi) [SET_##n].min = lo, [SET_##n].max = hi, [SET_##n].range = #lo ".." #hi,
#define WORDS(n, w)      [SET_##n].words = w,
#define SYSTEM_ONLY(n)   [SET_##n].system_only = true,
#define ROOT_ONLY(n)     [SET_##n].root_only = true,
#include "base/settings.def"
};

static const struct {
	const char *word;
	long value;
} bools[] = {
	{ "0", 0 }, { "1", 1 }, { "no", 0 }, { "yes", 1 },
	{ "false", 0 }, { "true", 1 }, { "off", 0 }, { "on", 1 },
};

/* who said it; a weaker one never replaces a stronger one */
enum rank {
	RANK_DEFAULT, RANK_SHIPPED, RANK_SYSTEM, RANK_USER, RANK_SHIPPED_SECTION,
	RANK_SYSTEM_SECTION, RANK_USER_SECTION, RANK_ENVIRONMENT
};

/* who wrote what is being read */
enum source { SOURCE_SHIPPED, SOURCE_SYSTEM, SOURCE_USER, SOURCES };

struct value {
	const char *text; /* the default's, `owned`, or in the page of secrets */
	char *owned;
	char *origin;     /* owned; NULL: the default */
	long number;      /* BOOL, INT */
	enum rank rank;
	bool locked;
};

struct note {
	char *whole;      /* owned: as one line of English */
	char *file;       /* owned */
	char *arg[2];     /* owned; NULL: there is none */
	const char *text; /* static */
	unsigned line;
	enum os_trust trust;
};

struct settings {
	struct value v[SET_COUNT];
	struct note notes[NOTES_MAX];
	size_t nnotes;
	char *page;       /* values of secrets, one behind the other; NULL until there is one */
	size_t page_used;
	bool no_memory;
};

/* One file while it is read. */
struct reading {
	struct settings *s;
	const char *path, *exe, *bridge;
	unsigned line;
	enum source source;
	bool test_card;       /* a user may set what is the system's otherwise */
	bool private;         /* nobody else can read it */
	bool section, fits;   /* inside a section; it is for this program */
};

/* A value that has passed its check. */
struct checked {
	struct view text;
	long number;
	const char *why;   /* what is wrong, with a %s for the key and one for what is right; NULL: nothing */
	const char *right; /* static; NULL: nothing to add */
};

static int
lower(int c)
{
	return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

/* strcasecmp follows the host program's locale, where I and i may be different letters. */
static bool
eq_fold(struct view a, const char *b)
{
	if (a.len != strlen(b))
		return false;
	for (size_t i = 0; i < a.len; i++)
		if (lower(a.p[i]) != lower((unsigned char)b[i]))
			return false;
	return true;
}

static bool
is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static struct view
trim(struct view v)
{
	while (v.len && is_blank(v.p[0]))
		v = view_part(v, 1, v.len - 1);
	while (v.len && is_blank(v.p[v.len - 1]))
		v.len--;
	return v;
}

/* Takes what is before the next `sep` byte, or all that is left; false at the end. */
static bool
next_part(struct view *rest, uint8_t sep, struct view *part)
{
	const uint8_t *at;

	if (!rest->len)
		return false;
	at = memchr(rest->p, sep, rest->len);
	*part = view_of(rest->p, at ? (size_t)(at - rest->p) : rest->len);
	*rest = view_part(*rest, part->len + 1, rest->len);
	return true;
}

/* Printable UTF-8 and tabs. */
static bool
is_text(struct view v)
{
	uint32_t c;

	while (utf8_take(&v, &c))
		if ((c < ' ' && c != '\t') || c == 127)
			return false;
	return !v.len;
}

static char *
text_new(struct settings *s, struct view v)
{
	char *p = malloc(v.len + 1);

	if (!p) {
		s->no_memory = true;
		return NULL;
	}
	if (v.len)
		memcpy(p, v.p, v.len);
	p[v.len] = 0;
	return p;
}

/* A copy of text from a file: what a terminal would obey becomes "?". NULL stays NULL. */
static char *
plain_new(struct settings *s, const char *text)
{
	char *p = text ? text_new(s, view_str(text)) : NULL;

	for (char *q = p; q && *q; q++)
		if ((unsigned char)*q < ' ' || *q == 127)
			*q = '?';
	return p;
}

static void
note_free(struct note *n)
{
	free(n->whole);
	free(n->file);
	free(n->arg[0]);
	free(n->arg[1]);
}

/* Keeps what is wrong at the place that is read. `text` is marked for translation, and has a %s for each
 * argument that is not NULL. */
static void
note(struct reading *r, enum os_trust trust, const char *text, const char *arg, const char *more)
{
	struct settings *s = r->s;
	struct buf b = BUF_INIT;
	const char *rest = text;
	struct note n = { .text = text, .line = r->line, .trust = trust };

	if (s->nnotes == NOTES_MAX)
		return;
	buf_str(&b, r->path);
	if (r->line)
		buf_fmt(&b, ":%u", r->line);
	buf_str(&b, ": ");
	for (const char *at; (at = strstr(rest, "%s")); rest = at + 2) {
		buf_put(&b, rest, (size_t)(at - rest));
		buf_str(&b, rest == text || !more ? arg : more);
	}
	buf_str(&b, rest);
	n.whole = plain_new(s, buf_text(&b));
	n.file = plain_new(s, r->path);
	n.arg[0] = plain_new(s, arg);
	n.arg[1] = plain_new(s, more);
	if (buf_err(&b))
		s->no_memory = true;
	if (s->no_memory)
		note_free(&n);
	else
		s->notes[s->nnotes++] = n;
	buf_free(&b);
}

const struct setting_info *
setting_info(enum setting key)
{
	return &infos[key];
}

static enum setting
key_find(struct view name)
{
	for (int k = 0; k < SET_COUNT; k++)
		if (eq_fold(name, infos[k].name))
			return (enum setting)k;
	return SET_COUNT;
}

enum setting
setting_find(const char *name)
{
	return key_find(view_str(name));
}

/* How many letters one must add, drop or change to come from one name to the other. */
static size_t
distance(struct view a, struct view b)
{
	size_t row[NAME_BYTES_MAX + 1], corner, up;

	for (size_t j = 0; j <= b.len; j++)
		row[j] = j;
	for (size_t i = 1; i <= a.len; i++) {
		corner = row[0];
		row[0] = i;
		for (size_t j = 1; j <= b.len; j++) {
			up = row[j];
			corner += lower(a.p[i - 1]) != lower(b.p[j - 1]);
			row[j] = (up < row[j - 1] ? up : row[j - 1]) + 1;
			if (corner < row[j])
				row[j] = corner;
			corner = up;
		}
	}
	return row[b.len];
}

static enum setting
key_nearest(struct view name)
{
	enum setting nearest = SET_COUNT;
	size_t least = name.len / 2 + 1, d;

	if (name.len > NAME_BYTES_MAX)
		return SET_COUNT;
	for (int k = 0; k < SET_COUNT; k++) {
		d = distance(name, view_str(infos[k].name));
		if (d < least) {
			least = d;
			nearest = (enum setting)k;
		}
	}
	return nearest;
}

enum setting
setting_nearest(const char *name)
{
	return key_nearest(view_str(name));
}

static void
note_unknown(struct reading *r, struct view name)
{
	enum setting nearest = key_nearest(name);
	char *shown;

	if (name.len > NAME_BYTES_MAX || !is_text(name)) {
		note(r, OS_TRUST_OK, N_("not a key"), NULL, NULL);
		return;
	}
	if (!(shown = text_new(r->s, name)))
		return;
	if (nearest == SET_COUNT)
		note(r, OS_TRUST_OK, N_("unknown key %s"), shown, NULL);
	else
		note(r, OS_TRUST_OK, N_("unknown key %s; did you mean %s?"), shown, infos[nearest].name);
	free(shown);
}

static void
check_bool(const struct setting_info *info, struct checked *c)
{
	(void)info;
	for (size_t i = 0; i < COUNT(bools); i++) {
		if (eq_fold(c->text, bools[i].word)) {
			c->number = bools[i].value;
			return;
		}
	}
	c->why = N_("the value of %s must be 0 or 1");
}

static void
check_int(const struct setting_info *info, struct checked *c)
{
	bool minus = c->text.len && c->text.p[0] == '-';
	size_t i = minus ? 1 : 0;
	long n = 0;

	c->why = N_("the value of %s must be a whole number");
	if (i == c->text.len || c->text.len > 10)
		return;
	for (; i < c->text.len; i++) {
		if (c->text.p[i] < '0' || c->text.p[i] > '9' || n >= INT32_MAX / 10)
			return;
		n = n * 10 + (c->text.p[i] - '0');
	}
	c->number = minus ? -n : n;
	c->why = NULL;
	if (c->number >= info->min && c->number <= info->max)
		return;
	c->why = N_("the value of %s is out of range; it goes %s");
	c->right = info->range;
}

static void
check_string(const struct setting_info *info, struct checked *c)
{
	struct view rest, word;

	if (!info->words || !c->text.len)
		return;
	rest = view_str(info->words);
	while (next_part(&rest, ' ', &word))
		if (view_eq(word, c->text))
			return;
	c->why = N_("the value of %s is none of the words there are for it: %s");
	c->right = info->words;
}

static void
check_path(const struct setting_info *info, struct checked *c)
{
	(void)info;
	if (eq_fold(c->text, "0"))
		c->text.len = 0;
	else if (c->text.len && c->text.p[0] != '/')
		c->why = N_("the value of %s must be a path from the root");
}

static void
check_list(const struct setting_info *info, struct checked *c)
{
	(void)info;
	if (eq_fold(c->text, "0"))
		c->text.len = 0;
}

static void (*const checks[])(const struct setting_info *info, struct checked *c) = {
	[TYPE_BOOL] = check_bool,
	[TYPE_INT] = check_int,
	[TYPE_STRING] = check_string,
	[TYPE_PATH] = check_path,
	[TYPE_SECRET] = check_string,
	[TYPE_LIST] = check_list,
};

static struct checked
value_check(enum setting key, struct view text)
{
	struct checked c = { text, 0, NULL, NULL };

	if (text.len > VALUE_BYTES_MAX)
		c.why = N_("the value of %s is too long");
	else if (!is_text(text))
		c.why = N_("the value of %s is not UTF-8 text");
	else
		checks[infos[key].type](&infos[key], &c);
	return c;
}

/* A place in the page for a secret and its NUL; NULL: there is none. */
static char *
secret_place(struct settings *s, struct view text)
{
	bool locked;
	char *p;

	if (!s->page && !(s->page = os_page_new(SECRET_BYTES, &locked)))
		return NULL;
	if (text.len >= SECRET_BYTES - s->page_used)
		return NULL;
	p = s->page + s->page_used;
	if (text.len)
		memcpy(p, text.p, text.len);
	p[text.len] = 0;
	s->page_used += text.len + 1;
	return p;
}

/* False when a secret does not fit or memory is out. */
static bool
value_set(struct settings *s, enum setting key, const struct checked *c, struct view origin)
{
	struct value *v = &s->v[key];
	char *text, *from = text_new(s, origin);

	text = infos[key].type == TYPE_SECRET ? secret_place(s, c->text) : text_new(s, c->text);
	if (!from || !text) {
		free(from);
		if (infos[key].type != TYPE_SECRET)
			free(text);
		return false;
	}
	free(v->origin);
	free(v->owned);
	v->origin = from;
	v->owned = infos[key].type == TYPE_SECRET ? NULL : text;
	v->text = text;
	v->number = c->number;
	return true;
}

static enum rank
rank_of(const struct reading *r)
{
	static const enum rank ranks[SOURCES][2] = {
		[SOURCE_SHIPPED] = { RANK_SHIPPED, RANK_SHIPPED_SECTION },
		[SOURCE_SYSTEM] = { RANK_SYSTEM, RANK_SYSTEM_SECTION },
		[SOURCE_USER] = { RANK_USER, RANK_USER_SECTION },
	};

	return ranks[r->source][r->section];
}

/* Why this file must not set this key, with a %s for it; NULL: it may. */
static const char *
refusal(const struct reading *r, enum setting key)
{
	bool user = r->source == SOURCE_USER;

	if (user && r->s->v[key].locked)
		return N_("%s is locked by the system file");
	if (user && infos[key].system_only && !r->test_card)
		return N_("%s can be set in the system file only");
	/* root's own file belongs to root; anybody else's may be theirs */
	if (user && infos[key].root_only && !r->test_card && !os_files_are_roots())
		return N_("%s can be set in a file of root's only");
	if (infos[key].type == TYPE_SECRET && !r->private)
		return N_("%s is a secret and this file can be read by others; run chmod 600");
	return NULL;
}

static void
read_value(struct reading *r, struct view name, struct view text)
{
	enum setting key = key_find(name);
	struct buf origin = BUF_INIT;
	struct checked c;
	const char *why;

	if (key == SET_COUNT) {
		note_unknown(r, name);
		return;
	}
	c = value_check(key, text);
	if (c.why) {
		note(r, OS_TRUST_OK, c.why, infos[key].name, c.right);
		return;
	}
	if (r->section && !r->fits)
		return;
	if ((why = refusal(r, key))) {
		note(r, infos[key].type == TYPE_SECRET && !r->private ? OS_TRUST_PRIVATE : OS_TRUST_OK, why,
		    infos[key].name, NULL);
		return;
	}
	if (rank_of(r) < r->s->v[key].rank)
		return;
	buf_fmt(&origin, "%s:%u", r->path, r->line);
	if (value_set(r->s, key, &c, buf_peek(&origin)))
		r->s->v[key].rank = rank_of(r);
	else
		note(r, OS_TRUST_OK, N_("there is no room for the value of %s"), infos[key].name, NULL);
	buf_free(&origin);
}

static void
read_lock(struct reading *r, struct view names)
{
	struct view name;
	enum setting key;

	if (r->source != SOURCE_SYSTEM) {
		note(r, OS_TRUST_OK, N_("only the system file can lock keys"), NULL, NULL);
		return;
	}
	while (next_part(&names, ',', &name)) {
		name = trim(name);
		key = key_find(name);
		if (key == SET_COUNT)
			note_unknown(r, name);
		else if (!r->section || r->fits)
			r->s->v[key].locked = true;
	}
}

static bool
take_prefix(struct view *v, const char *prefix)
{
	size_t n = strlen(prefix);

	if (v->len < n || !eq_fold(view_part(*v, 0, n), prefix))
		return false;
	*v = trim(view_part(*v, n, v->len));
	return true;
}

static void
read_section(struct reading *r, struct view head)
{
	char *pattern;

	r->section = true;
	r->fits = false;
	if (head.p[head.len - 1] != ']') {
		note(r, OS_TRUST_OK, N_("a section ends with ]; the lines below it are left out"), NULL, NULL);
		return;
	}
	head = trim(view_part(head, 1, head.len - 2));
	if (take_prefix(&head, "bridge:")) {
		r->fits = *r->bridge && eq_fold(head, r->bridge);
		return;
	}
	if (!take_prefix(&head, "app:")) {
		note(r, OS_TRUST_OK, N_("a section is [app:PATH] or [bridge:NAME]; the lines below it are left out"), NULL, NULL);
		return;
	}
	if (!head.len || (head.p[0] != '/' && head.p[0] != '*'))
		note(r, OS_TRUST_OK, N_("the program of a section is a path from the root, or begins with *"), NULL, NULL);
	else if ((pattern = text_new(r->s, head))) {
		r->fits = *r->exe && wildcard_match(pattern, r->exe);
		free(pattern);
	}
}

static void
read_line(struct reading *r, struct view line)
{
	struct view name;
	size_t len = line.len;

	if (!len || line.p[0] == '#' || line.p[0] == ';')
		return;
	if (line.p[0] == '[' && is_text(line)) {
		read_section(r, line);
		return;
	}
	/* the line itself is not shown: it may hold anything */
	if (!next_part(&line, '=', &name) || name.len == len) {
		note(r, OS_TRUST_OK, N_("a line is \"key = value\", a [section] or a # comment"), NULL, NULL);
		return;
	}
	name = trim(name);
	line = trim(line);
	if (eq_fold(name, "lock"))
		read_lock(r, line);
	else
		read_value(r, name, line);
}

static void
read_text(struct reading *r, struct view text)
{
	struct view line;

	r->section = false;
	r->line = 0;
	if (text.len >= 3 && memcmp(text.p, "\xEF\xBB\xBF", 3) == 0)
		text = view_part(text, 3, text.len);
	while (next_part(&text, '\n', &line)) {
		r->line++;
		read_line(r, trim(line));
	}
}

static void
read_file(struct reading *r, bool named)
{
	struct buf text = BUF_INIT_SECRET;
	enum os_trust trust;

	r->line = 0;
	r->private = true;
	trust = os_file_read(r->path, FILE_BYTES_MAX, true, &text);
	if (trust == OS_TRUST_PRIVATE) {
		buf_reset(&text);
		r->private = false;
		trust = os_file_read(r->path, FILE_BYTES_MAX, false, &text);
	}
	if (trust == OS_TRUST_OK)
		read_text(r, buf_peek(&text));
	else if (trust != OS_TRUST_ABSENT || named)
		note(r, trust, N_("this settings file is left out: %s"), os_trust_text(trust), NULL);
	buf_free(&text);
}

/* What the product itself says of some programs. */
static void
read_shipped(struct reading *r, const char *text)
{
	r->source = SOURCE_SHIPPED;
	r->path = "shipped";
	if (text)
		read_text(r, view_str(text));
	else
		read_text(r, view_of(settings_shipped[0].text, settings_shipped[0].len));
}

/* Where the user's file is; false: nowhere, as for a set-id program or one without a home. */
static bool
user_path(struct buf *out, bool *named)
{
	const char *p;

	*named = false;
	if ((p = os_env("CASTOR_CONF")) && *p) {
		*named = true;
		buf_str(out, p);
	} else if (os_user_config("DigiSign.conf", out)) {
		return false;
	}
	return !buf_err(out);
}

static void
read_environment(struct settings *s, const char *text)
{
	struct reading r = { .s = s, .path = "environment" };
	const enum setting key = SET_disableCryptokiAutoLogin;
	struct checked c;

	if (!text || !*text)
		return;
	c = value_check(key, trim(view_str(text)));
	if (c.why)
		note(&r, OS_TRUST_OK, c.why, infos[key].name, c.right);
	else if (!c.number)
		return; /* it can only switch off: what a file says of this program stays (shipped.conf) */
	else if (s->v[key].locked)
		note(&r, OS_TRUST_OK, N_("%s is locked by the system file"), infos[key].name, NULL);
	else if (value_set(s, key, &c, view_str(r.path)))
		s->v[key].rank = RANK_ENVIRONMENT;
}

static void
set_defaults(struct settings *s)
{
	struct checked c;

	for (int k = 0; k < SET_COUNT; k++) {
		c = value_check((enum setting)k, view_str(infos[k].def));
		s->v[k].text = infos[k].def;
		s->v[k].number = c.number;
	}
}

int
settings_load(const struct settings_from *from, struct settings **out)
{
	static const struct settings_from product;
	struct buf user = BUF_INIT, exe = BUF_INIT;
	struct reading r = { .private = false };
	bool named = true;

	*out = NULL;
	if (!from)
		from = &product;
	if (!(r.s = calloc(1, sizeof *r.s)))
		return E_MEM;
	set_defaults(r.s);
	if (!from->exe && os_exe_path(&exe))
		buf_reset(&exe);
	r.exe = from->exe ? from->exe : buf_text(&exe);
	r.bridge = from->bridge ? from->bridge : "";
	r.test_card = from->test_card;
	read_shipped(&r, from->shipped);
	r.source = SOURCE_SYSTEM;
	r.path = from->system ? from->system : SYSCONFDIR "/castor/DigiSign.conf";
	if (*r.path)
		read_file(&r, from->system != NULL);
	r.source = SOURCE_USER;
	r.path = from->user;
	if (!r.path && user_path(&user, &named))
		r.path = buf_text(&user);
	if (r.path && *r.path)
		read_file(&r, named);
	read_environment(r.s, from->auto_login ? from->auto_login :
	    os_env("disableCryptokiAutoLogin"));
	if (exe.bad || user.bad)
		r.s->no_memory = true;
	buf_free(&exe);
	buf_free(&user);
	if (r.s->no_memory) {
		settings_free(&r.s);
		return E_MEM;
	}
	*out = r.s;
	return 0;
}

void
settings_free(struct settings **s)
{
	struct settings *x = *s;

	if (!x)
		return;
	for (int k = 0; k < SET_COUNT; k++) {
		free(x->v[k].owned);
		free(x->v[k].origin);
	}
	for (size_t i = 0; i < x->nnotes; i++)
		note_free(&x->notes[i]);
	if (x->page)
		os_page_free(x->page, SECRET_BYTES);
	free(x);
	*s = NULL;
}

bool
settings_bool(const struct settings *s, enum setting key)
{
	return s->v[key].number != 0;
}

long
settings_int(const struct settings *s, enum setting key)
{
	return s->v[key].number;
}

const char *
settings_str(const struct settings *s, enum setting key)
{
	return s->v[key].text;
}

const char *
settings_origin(const struct settings *s, enum setting key)
{
	return s->v[key].origin ? s->v[key].origin : "default";
}

const char *
settings_note(const struct settings *s, size_t i)
{
	return i < s->nnotes ? s->notes[i].whole : NULL;
}

bool
settings_note_parts(const struct settings *s, size_t i, struct setting_note *out)
{
	const struct note *n = &s->notes[i < s->nnotes ? i : 0];

	if (i >= s->nnotes)
		return false;
	*out = (struct setting_note){ n->file, n->line, n->text, { n->arg[0], n->arg[1] }, n->trust };
	return true;
}

void
settings_log_open(const struct settings *s)
{
	enum log_level level = LOG_OFF;
	const char *env = os_env("CASTOR_LOG"), *file = os_env("CASTOR_LOG_FILE");

	/* the environment first: it also tells of a settings file that could not be read */
	if (!env || !log_level_parse(env, &level))
		log_level_parse(s->v[SET_logLevel].text, &level);
	log_open(level, file ? file : s->v[SET_logFile].text);
	for (size_t i = 0; i < s->nnotes; i++)
		log_warn("%s", s->notes[i].whole);
}

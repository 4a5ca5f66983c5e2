/* castor config: what is set, by whom, and what it does; castor config check: what is wrong in the files. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "bridges/castor/command.h"
#include "bridges/castor/program.h"

static const struct { const char *text, *word; } acts[] = {
	[ACTS_MODULE] = { N_("acts in the module"), "module" },
	[ACTS_LATER] = { N_("for a part of the module that comes later"), "later" },
	[ACTS_BRIDGE] = { N_("for a bridge"), "bridge" },
	[ACTS_NOTHING] = { N_("known, but there is nothing here it could act on"), "nothing" },
};

static const char *const types[] = {
	[TYPE_BOOL] = "bool", [TYPE_INT] = "int", [TYPE_STRING] = "string", [TYPE_PATH] = "path",
	[TYPE_SECRET] = "secret", [TYPE_LIST] = "list",
};

/* ---- values ---- */

static bool
is_set(const struct settings *s, enum setting key)
{
	return strcmp(settings_origin(s, key), "default") != 0;
}

/* The value as a file would have it; of a secret only whether there is one. */
static void
put_value(const struct app *a, const struct settings *s, enum setting key, struct buf *out)
{
	const struct setting_info *info = setting_info(key);

	if (info->type == TYPE_BOOL)
		buf_str(out, settings_bool(s, key) ? "1" : "0");
	else if (info->type == TYPE_INT)
		buf_fmt(out, "%ld", settings_int(s, key));
	else if (info->type != TYPE_SECRET)
		put_foreign_to(out, view_str(settings_str(s, key)));
	else if (*settings_str(s, key))
		buf_str(out, text(a->lang, "(set, and not shown)"));
}

/* What values there are. */
static void
put_range(struct app *a, const struct setting_info *info)
{
	struct view words = view_str(info->words ? info->words : "");

	if (info->type == TYPE_BOOL)
		put(a, "%s", text(a->lang, "0 or 1"));
	else if (info->range)
		put(a, "%s", info->range);
	else if (info->words)
		put(a, text(a->lang, "one of %.*s"), (int)words.len, (const char *)words.p);
	else if (info->type == TYPE_PATH)
		put(a, "%s", text(a->lang, "a path from the root"));
	else if (info->type == TYPE_LIST)
		put(a, "%s", text(a->lang, "patterns with || between them"));
	else if (info->type == TYPE_SECRET)
		put(a, "%s", text(a->lang, "a secret, in a file that nobody else can read"));
	else
		put(a, "%s", text(a->lang, "text"));
}

static void
put_origin(struct app *a, const char *origin)
{
	struct buf b = BUF_INIT;

	put_foreign_to(&b, view_str(origin));
	if (!strcmp(origin, "default"))
		put(a, "%s", text(a->lang, "the default"));
	else if (!strcmp(origin, "environment"))
		put(a, "%s", text(a->lang, "from the environment"));
	else if (!strncmp(origin, "shipped:", 8))
		put(a, "%s", text(a->lang, "shipped with Castor for this program"));
	else
		put(a, text(a->lang, "from %s"), buf_text(&b));
	buf_free(&b);
}

static void
put_setting(struct app *a, const struct settings *s, enum setting key)
{
	const struct setting_info *info = setting_info(key);
	struct buf value = BUF_INIT;

	put_value(a, s, key, &value);
	put(a, "%s%s%s = %s%s%s\n", paint(a, PAINT_BOLD), info->name, paint(a, PAINT_OFF),
	    is_set(s, key) ? paint(a, PAINT_GOOD) : "", buf_text(&value), paint(a, PAINT_OFF));
	put(a, "    %s\n    ", text(a->lang, info->doc));
	put_origin(a, settings_origin(s, key));
	if (is_set(s, key) && info->type != TYPE_SECRET && *info->def) {
		put(a, "; ");
		put(a, text(a->lang, "the default is %s"), info->def);
	}
	put(a, "\n    %s", paint(a, PAINT_DIM));
	put_range(a, info);
	put(a, " · %s", text(a->lang, acts[info->acts].text));
	if (info->system_only)
		put(a, " · %s", text(a->lang, "in the system's file only"));
	if (info->root_only)
		put(a, " · %s", text(a->lang, "in a file of root's only"));
	put(a, "%s\n", paint(a, PAINT_OFF));
	buf_free(&value);
}

/* FILE:LINE apart; false when it is no file. */
static bool
json_place(struct app *a, const char *origin)
{
	const char *colon = strrchr(origin, ':');
	bool file = colon && *origin == '/';

	if (file) {
		json_bytes_text(&a->json, "file", view_of(origin, (size_t)(colon - origin)));
		json_number(&a->json, "line", atol(colon + 1));
	}
	return file;
}

static void
json_setting(struct app *a, const struct settings *s, enum setting key)
{
	const struct setting_info *info = setting_info(key);
	const char *origin = settings_origin(s, key);
	struct view words = view_str(info->words ? info->words : "");

	json_object(&a->json, NULL);
	json_text(&a->json, "name", info->name);
	json_text(&a->json, "type", types[info->type]);
	if (info->type == TYPE_BOOL)
		json_bool(&a->json, "value", settings_bool(s, key));
	else if (info->type == TYPE_INT)
		json_number(&a->json, "value", settings_int(s, key));
	else if (info->type != TYPE_SECRET)
		json_bytes_text(&a->json, "value", view_str(settings_str(s, key)));
	json_bool(&a->json, "set", is_set(s, key));
	json_text(&a->json, "default", info->def);
	json_text(&a->json, "origin", *origin == '/' ? "file" : strncmp(origin, "shipped", 7) ? origin : "shipped");
	json_place(a, origin);
	if (info->range) {
		json_number(&a->json, "min", info->min);
		json_number(&a->json, "max", info->max);
	}
	if (info->words) {
		json_array(&a->json, "words");
		while (words.len) {
			const uint8_t *blank = memchr(words.p, ' ', words.len);
			size_t n = blank ? (size_t)(blank - words.p) : words.len;

			json_bytes_text(&a->json, NULL, view_part(words, 0, n));
			words = view_part(words, n + 1, words.len);
		}
		json_array_end(&a->json);
	}
	json_text(&a->json, "acts", acts[info->acts].word);
	json_bool(&a->json, "systemOnly", info->system_only);
	json_bool(&a->json, "rootOnly", info->root_only);
	json_text(&a->json, "doc", text(a->lang, info->doc));
	json_object_end(&a->json);
}

/* ---- which ---- */

static bool
is_named(struct app *a, enum setting key)
{
	for (int i = 0; i < a->argc; i++)
		if (setting_find(a->argv[i]) == key)
			return true;
	return false;
}

static int
check_names(struct app *a)
{
	for (int i = 0; i < a->argc; i++) {
		enum setting near;

		if (setting_find(a->argv[i]) != SET_COUNT)
			continue;
		near = setting_nearest(a->argv[i]);
		if (near == SET_COUNT)
			return app_fail(a, ST_USAGE, text(a->lang, "there is no setting “%s”"), a->argv[i]);
		return app_fail(a, ST_USAGE, text(a->lang, "there is no setting “%s”; did you mean %s?"), a->argv[i],
		    setting_info(near)->name);
	}
	return ST_OK;
}

static size_t
put_settings(struct app *a, const struct settings *s)
{
	size_t n = 0;

	if (a->opt[OPT_JSON]) {
		json_object(&a->json, NULL);
		json_array(&a->json, "settings");
	}
	for (int k = 0; k < SET_COUNT; k++) {
		enum setting key = (enum setting)k;

		if (a->argc ? !is_named(a, key) : !a->opt[OPT_ALL] && !is_set(s, key))
			continue;
		n++;
		if (a->opt[OPT_JSON])
			json_setting(a, s, key);
		else
			put_setting(a, s, key);
	}
	if (a->opt[OPT_JSON]) {
		json_array_end(&a->json);
		json_object_end(&a->json);
	}
	return n;
}

static size_t
count_notes(const struct settings *s)
{
	size_t n = 0;

	while (settings_note(s, n))
		n++;
	return n;
}

int
cmd_config(struct app *a)
{
	struct settings_from from = { .user = a->opt[OPT_USER_FILE], .exe = "" };
	struct buf program = BUF_INIT;
	struct settings *s = NULL;
	int status = check_names(a), err;
	size_t notes;

	if (status)
		goto out;
	if (a->opt[OPT_FOR] && (err = program_path(a->opt[OPT_FOR], &program))) {
		status = app_fail(a, err == E_MEM ? ST_FAILED : ST_USAGE, text(a->lang, "there is no program “%s”"),
		    a->opt[OPT_FOR]);
		goto out;
	}
	if (program.len)
		from.exe = buf_text(&program);
	if (settings_load(&from, &s)) {
		status = app_fail(a, ST_FAILED, "%s", text(a->lang, err_text(E_MEM)));
		goto out;
	}
	if (!put_settings(a, s) && !a->opt[OPT_JSON])
		put(a, "%s\n", text(a->lang, "Nothing is set: every setting has its default. castor config --all shows them."));
	if ((notes = count_notes(s)))
		note(a, text_n(a->lang, "%zu mistake was found; castor config check shows it.",
		    "%zu mistakes were found; castor config check shows them.", notes), notes);
out:
	settings_free(&s);
	buf_free(&program);
	return status;
}

/* ---- check ---- */

/* The command that mends a file which is not read for its owner or its mode; NULL: none does. */
static const char *
mend(enum os_trust trust)
{
	switch (trust) {
	case OS_TRUST_OWNER:
		return "chown";
	case OS_TRUST_MODE:
		return "chmod go-w";
	case OS_TRUST_PRIVATE:
		return "chmod 600";
	case OS_TRUST_OK:
	case OS_TRUST_ABSENT:
	case OS_TRUST_KIND:
	case OS_TRUST_SIZE:
	case OS_TRUST_ERROR:
		return NULL;
	}
	return NULL;
}

/* The file as a word that a shell takes. */
static void
put_word(struct buf *out, const char *path)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._+-@%,=:";

	if (*path && *path != '-' && !path[strspn(path, plain)]) {
		buf_str(out, path);
		return;
	}
	buf_str(out, *path == '-' ? "./'" : "'");
	for (; *path; path++) {
		if (*path == '\'')
			buf_str(out, "'\\''");
		else
			buf_u8(out, (unsigned char)*path);
	}
	buf_str(out, "'");
}

static void
put_mend(const struct setting_note *n, struct buf *out)
{
	const char *how = mend(n->trust);

	if (!how)
		return;
	buf_str(out, how);
	if (n->trust == OS_TRUST_OWNER)
		buf_str(out, os_files_are_roots() ? " root" : " \"$USER\"");
	buf_str(out, " ");
	put_word(out, n->file);
}

/* The note's text in the language of the person. A switch of formats, as all of them are known here. */
static void
put_note_text(const struct app *a, const struct setting_note *n, struct buf *out)
{
	const char *fmt = text(a->lang, n->text), *arg[2] = { n->arg[0], n->arg[1] }, *at;
	size_t i = 0;

	/* "left out: why" has one, which is a text itself */
	if (n->trust != OS_TRUST_OK && n->line == 0 && arg[0])
		arg[0] = text(a->lang, os_trust_text(n->trust));
	for (; (at = strstr(fmt, "%s")); fmt = at + 2) {
		buf_put(out, fmt, (size_t)(at - fmt));
		if (i < 2 && arg[i])
			put_foreign_to(out, view_str(arg[i]));
		i++;
	}
	buf_str(out, fmt);
}

static void
put_note(struct app *a, const struct setting_note *n)
{
	struct buf what = BUF_INIT, how = BUF_INIT;

	put_note_text(a, n, &what);
	put_mend(n, &how);
	if (a->opt[OPT_JSON]) {
		json_object(&a->json, NULL);
		json_text(&a->json, "file", n->file);
		if (n->line)
			json_number(&a->json, "line", n->line);
		json_text(&a->json, "text", buf_text(&what));
		if (how.len)
			json_text(&a->json, "mend", buf_text(&how));
		json_object_end(&a->json);
	} else {
		put(a, "%s", paint(a, PAINT_BOLD));
		put_foreign(a, view_str(n->file));
		if (n->line)
			put(a, ":%u", n->line);
		put(a, "%s: %s%s%s\n", paint(a, PAINT_OFF), paint(a, PAINT_WARN), buf_text(&what), paint(a, PAINT_OFF));
		if (how.len)
			put(a, "    %s %s\n", text(a->lang, "try:"), buf_text(&how));
	}
	buf_free(&what);
	buf_free(&how);
}

/* Notes about one file, or all of them when it is NULL. */
static size_t
put_notes(struct app *a, const struct settings *s, const char *file)
{
	struct setting_note n;
	size_t found = 0;

	for (size_t i = 0; settings_note_parts(s, i, &n); i++) {
		if (file && strcmp(n.file, file) != 0)
			continue;
		found++;
		put_note(a, &n);
	}
	return found;
}

/* Why nothing at all can be said of a file that was named; OS_TRUST_OK: something can. */
static enum os_trust
unread(const struct settings *s, const char *file)
{
	struct setting_note n;

	for (size_t i = 0; settings_note_parts(s, i, &n); i++)
		if (!strcmp(n.file, file) && (n.trust == OS_TRUST_ABSENT || n.trust == OS_TRUST_ERROR))
			return n.trust;
	return OS_TRUST_OK;
}

int
cmd_config_check(struct app *a)
{
	const char *file = a->argv[0];
	struct settings_from from = { .exe = "" };
	struct settings *s = NULL;
	enum os_trust trust;
	size_t found;

	if (a->opt[OPT_SYSTEM]) {
		from.system = file ? file : SYSCONFDIR "/castor/DigiSign.conf";
		from.user = "";
		/* when no file is named, it need not be there */
		if (!file)
			from.system = NULL;
		file = file ? file : SYSCONFDIR "/castor/DigiSign.conf";
	} else if (file) {
		from.user = file;
	}
	if (file && !*file)
		return app_fail(a, ST_USAGE, text(a->lang, "the command is: castor %s %s"), "config check", "[FILE]");
	if (settings_load(&from, &s))
		return app_fail(a, ST_FAILED, "%s", text(a->lang, err_text(E_MEM)));
	if (a->argc && (trust = unread(s, file)) != OS_TRUST_OK) {
		found = (size_t)app_fail(a, ST_USAGE, "%s: %s", file, text(a->lang, os_trust_text(trust)));
		settings_free(&s);
		return (int)found;
	}
	if (a->opt[OPT_JSON]) {
		json_object(&a->json, NULL);
		json_array(&a->json, "findings");
	}
	found = put_notes(a, s, file);
	if (a->opt[OPT_JSON]) {
		json_array_end(&a->json);
		json_object_end(&a->json);
	} else if (!found) {
		put(a, "%s%s%s\n", paint(a, PAINT_GOOD), text(a->lang, "The settings are in order."), paint(a, PAINT_OFF));
	}
	settings_free(&s);
	return found ? ST_FINDINGS : ST_OK;
}

/* castor register, castor unregister.
 *
 * The lists of NSS are written here and not by its modutil, which is not on a person's computer (Debian has
 * it in libnss3-tools), loads every module of the list, that of a card included, before it changes
 * anything, and keeps no copy of what was there. The format is small and stable; the tests have modutil and
 * certutil read what is written. */
#include "bridges/castor/doctor/register.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/os.h"
#include "bridges/castor/command.h"
#include "bridges/castor/doctor/nssdb.h"
#include "bridges/castor/doctor/p11kit.h"

#define NAME "castor"
#define PROXY "p11-kit-proxy.so"
#define BACKUPS_MAX 100 /* of one second */

/* What became of one place. */
enum outcome {
	DONE, REPLACED, AWAY, THERE, NOT_THERE, PROXIED, SYSTEM, UNUSED, /* as it should be */
	OLD, RUNNING, READONLY, FOREIGN, BOXED, IGNORED, FAILED         /* left alone */
};

static const struct { const char *word, *text; } outcomes[] = {
	[DONE] = { "registered", N_("registered") },
	[REPLACED] = { "replaced", N_("registered, in the place of another copy") },
	[AWAY] = { "unregistered", N_("unregistered") },
	[THERE] = { "already", N_("is registered already") },
	[NOT_THERE] = { "absent", N_("was not registered") },
	[PROXIED] = { "through-p11-kit", N_("has it already, through p11-kit") },
	[SYSTEM] = { "system", N_("the system registers it for everybody") },
	[UNUSED] = { "unused", N_("nothing to do: the program has not been started yet") },
	[OLD] = { "old-format", N_("left alone: a database of the old form (secmod.db); start a newer version of the program first") },
	[RUNNING] = { "running", N_("left alone: the program is running; close it, and try again") },
	[READONLY] = { "read-only", N_("left alone: the folder or its pkcs11.txt cannot be written") },
	[FOREIGN] = { "foreign", N_("left alone: its pkcs11.txt is a link, another user's, or damaged") },
	[BOXED] = { "sandboxed", N_("left alone: a program in a sandbox cannot load the module; install it from a package of the system") },
	[IGNORED] = { "ignored", N_("left alone: p11-kit takes no file of your own here; put one into /etc/pkcs11/modules instead") },
	[FAILED] = { "failed", N_("could not be written") },
};

struct job {
	struct app *a;
	const struct doctor_env *env;
	const char *module;      /* absolute path */
	struct p11_files p11;
	bool away;
	unsigned places;         /* that there were */
	bool left;               /* one was left alone */
};

static void
say(struct job *j, const char *who, const char *where, enum outcome o, long pid, const char *backup)
{
	struct app *a = j->a;

	j->places++;
	j->left |= o >= OLD;
	if (a->opt[OPT_JSON]) {
		json_object(&a->json, NULL);
		json_text(&a->json, "program", who);
		json_text(&a->json, "place", where);
		json_text(&a->json, "outcome", outcomes[o].word);
		if (pid)
			json_number(&a->json, "pid", pid);
		if (backup)
			json_text(&a->json, "backup", backup);
		json_object_end(&a->json);
		return;
	}
	put(a, "%s%s%s  %s\n  %s", paint(a, PAINT_BOLD), who, paint(a, PAINT_OFF), where,
	    paint(a, o >= OLD ? PAINT_WARN : o <= AWAY ? PAINT_GOOD : PAINT_OFF));
	put(a, "%s%s", text(a->lang, outcomes[o].text), paint(a, PAINT_OFF));
	if (pid)
		put(a, text(a->lang, " (process %ld)"), pid);
	put(a, "\n");
	if (backup) {
		put(a, "  ");
		put(a, text(a->lang, "what was there is kept as %s"), backup);
		put(a, "\n");
	}
}

/* ---- NSS ---- */

static bool
is_ours(const struct job *j, struct nss_module *m)
{
	return view_is(buf_peek(&m->name), NAME) || same_file(buf_text(&m->library), j->module);
}

/* A list as it shall be. Every byte of other modules stays where it is. */
static enum outcome
new_list(struct job *j, struct view old, struct buf *out)
{
	struct view rest = old;
	struct nss_module m;
	bool there = false, stale = false, proxy = false, ours;

	while (nss_next(&rest, &m)) {
		ours = is_ours(j, &m);
		if (ours && same_file(buf_text(&m.library), j->module))
			there = true;
		else if (ours)
			stale = true;
		proxy |= !strcmp(path_name(buf_text(&m.library)), PROXY);
		if (!ours)
			buf_view(out, m.stanza);
		nss_module_free(&m);
	}
	nss_module_free(&m);
	buf_view(out, rest);
	if (j->away)
		return there || stale ? AWAY : NOT_THERE;
	if (there && !stale)
		return THERE;
	if (proxy && p11_has(&j->p11, j->module) && !stale)
		return PROXIED;
	while (out->len && (out->len < 2 || memcmp(out->p + out->len - 2, "\n\n", 2) != 0))
		buf_u8(out, '\n');
	buf_fmt(out, "library=%s\nname=" NAME "\n\n", j->module);
	return stale ? REPLACED : DONE;
}

/* A copy beside it, with the time in its name; *path gets the name. */
static bool
keep_copy(const char *list, struct view content, struct buf *path)
{
	time_t now = time(NULL);
	struct tm tm;
	char stamp[32];

	if (!localtime_r(&now, &tm) || !strftime(stamp, sizeof stamp, "%Y%m%d-%H%M%S", &tm))
		return false;
	for (int i = 0; i < BACKUPS_MAX; i++) {
		buf_reset(path);
		buf_fmt(path, "%s.castor-%s", list, stamp);
		if (i)
			buf_fmt(path, ".%d", i);
		if (!buf_err(path) && access(buf_text(path), F_OK) < 0)
			return os_file_replace(buf_text(path), content) == 0;
	}
	return false;
}

static enum outcome
change_db(struct job *j, const struct nss_db *db, struct buf *backup)
{
	struct buf old = BUF_INIT, new = BUF_INIT, list = BUF_INIT;
	enum outcome o = FAILED;
	struct stat st;

	buf_view(&list, buf_peek(&db->folder));
	buf_str(&list, "/pkcs11.txt");
	if (stat(buf_text(&list), &st) < 0 || nss_list(db, &old))
		goto out;
	o = new_list(j, buf_peek(&old), &new);
	if (buf_err(&new))
		o = FAILED;
	if (o > AWAY)
		goto out;
	if (!keep_copy(buf_text(&list), buf_peek(&old), backup) ||
	    os_file_replace(buf_text(&list), buf_peek(&new)) ||
	    chmod(buf_text(&list), st.st_mode & 0777) < 0)
		o = FAILED;
out:
	buf_free(&old);
	buf_free(&new);
	buf_free(&list);
	return o;
}

static void
do_db(struct job *j, const struct nss_db *db)
{
	static const enum outcome states[] = {
		[NSS_UNUSED] = UNUSED, [NSS_OLD] = OLD, [NSS_RUNNING] = RUNNING, [NSS_READONLY] = READONLY,
		[NSS_FOREIGN] = FOREIGN,
	};
	struct buf backup = BUF_INIT, folder = BUF_INIT, who = BUF_INIT;
	enum nss_state state;
	enum outcome o;
	long pid = 0;

	buf_view(&folder, buf_peek(&db->folder));
	buf_str(&who, nss_program_name(db->program));
	if (db->box)
		buf_str(&who, db->box == NSS_SNAP ? " (snap)" : " (flatpak)");
	if (db->box && !j->away)
		o = BOXED;
	else if ((state = nss_look(j->env, db, &pid)) != NSS_OK)
		o = states[state];
	else
		o = change_db(j, db, &backup);
	say(j, buf_text(&who), buf_text(&folder), o, pid, backup.len && o <= AWAY ? buf_text(&backup) : NULL);
	buf_free(&backup);
	buf_free(&folder);
	buf_free(&who);
}

/* ---- p11-kit ---- */

/* Makes the folders above a file. */
static bool
make_folders(struct buf *path, size_t from)
{
	struct buf part = BUF_INIT;
	bool good = true;

	for (size_t i = from + 1; good && i < path->len; i++) {
		if (path->p[i] != '/')
			continue;
		buf_reset(&part);
		buf_put(&part, path->p, i);
		good = mkdir(buf_text(&part), 0700) == 0 || errno == EEXIST;
	}
	buf_free(&part);
	return good;
}

static enum outcome
change_p11(struct job *j, struct buf *path)
{
	const struct p11_file *has = p11_has(&j->p11, j->module);
	struct buf content = BUF_INIT;
	enum outcome o = DONE;

	if (j->away) {
		if (access(buf_text(path), F_OK) < 0)
			o = has ? SYSTEM : NOT_THERE;
		else
			o = unlink(buf_text(path)) == 0 ? AWAY : errno == EROFS || errno == EACCES ? READONLY : FAILED;
		goto out;
	}
	if (has) {
		o = has->user ? THERE : SYSTEM;
		goto out;
	}
	if (j->p11.no_user) {
		o = IGNORED;
		goto out;
	}
	if (access(buf_text(path), F_OK) == 0)
		o = REPLACED;
	buf_fmt(&content, "# made by castor register\nmodule: %s\ncritical: no\ntrust-policy: no\n", j->module);
	if (buf_err(&content) || !make_folders(path, 0) || os_file_replace(buf_text(path), buf_peek(&content)))
		o = errno == EROFS || errno == EACCES ? READONLY : FAILED;
out:
	buf_free(&content);
	return o;
}

static void
do_p11(struct job *j)
{
	struct buf path = BUF_INIT;
	const struct p11_file *has;
	enum outcome o;

	if (p11_own(j->env, &path))
		return;
	o = change_p11(j, &path);
	has = o == SYSTEM ? p11_has(&j->p11, j->module) : NULL;
	if (has) {
		buf_reset(&path);
		buf_view(&path, buf_peek(&has->path));
	}
	say(j, "p11-kit", buf_text(&path), o, 0, NULL);
	/* what NSS gets through it has changed */
	p11_free(&j->p11);
	p11_read(j->env, &j->p11);
	buf_free(&path);
}

/* ---- what is wanted ---- */

enum { WANT_P11 = 1, WANT_FIREFOX = 2, WANT_THUNDERBIRD = 4, WANT_CHROMIUM = 8 };

static const struct { const char *word; unsigned bits; } wants[] = {
	{ "all", 15 }, { "p11-kit", WANT_P11 }, { "firefox", WANT_FIREFOX }, { "thunderbird", WANT_THUNDERBIRD },
	{ "chromium", WANT_CHROMIUM },
};

static int
find_wanted(struct app *a, unsigned *bits)
{
	size_t k, n = sizeof wants / sizeof wants[0];

	*bits = a->argc ? 0 : wants[0].bits;
	for (int i = 0; i < a->argc; i++) {
		for (k = 0; k < n && strcmp(a->argv[i], wants[k].word) != 0; k++)
			;
		if (k == n)
			return app_fail(a, ST_USAGE, text(a->lang, "“%s”: it is firefox, thunderbird, chromium, p11-kit or all"),
			    a->argv[i]);
		*bits |= wants[k].bits;
	}
	return ST_OK;
}

/* The module: absolute, and one that programs may have. */
static int
find_module(struct app *a, bool away, char *path)
{
	const char *module = a->opt[OPT_MODULE];

	if (!module)
		module = LIBDIR "/libcryptoki.so";
	/* to be taken away, it may be gone already; as it was named, so that a link of the system's stays one, which outlives updates */
	if (*module == '/' && strlen(module) < PATH_MAX && (away || access(module, R_OK) == 0))
		memcpy(path, module, strlen(module) + 1);
	else if (*module == '/' || !realpath(module, path))
		return app_fail(a, ST_USAGE, text(a->lang, "there is no module %s"), module);
	if (strpbrk(path, "\n\r"))
		return app_fail(a, ST_USAGE, text(a->lang, "there is no module %s"), module);
	if (strstr(path_name(path), "libcryptoki-virtual"))
		return app_fail(a, ST_USAGE, "%s", text(a->lang, "a module of test cards is not for other programs"));
	return ST_OK;
}

int
register_run(struct app *a, const struct doctor_env *env, bool away)
{
	struct job j = { .a = a, .env = env, .away = away };
	static struct nss_dbs dbs;
	char path[PATH_MAX];
	unsigned bits;
	int status;

	if ((status = find_wanted(a, &bits)) || (status = find_module(a, away, path)))
		return status;
	if (!*env->home)
		return app_fail(a, ST_FAILED, "%s", text(a->lang, "HOME does not say where your folder is"));
	j.module = path;
	if (nss_find(env, &dbs))
		return app_fail(a, ST_FAILED, "%s", text(a->lang, err_text(E_MEM)));
	p11_read(env, &j.p11);
	if (a->opt[OPT_JSON]) {
		json_object(&a->json, NULL);
		json_text(&a->json, "module", path);
		json_array(&a->json, "places");
	}
	if (bits & WANT_P11)
		do_p11(&j);
	for (size_t i = 0; i < dbs.n; i++)
		if (bits & (unsigned)WANT_FIREFOX << dbs.db[i].program)
			do_db(&j, dbs.db + i);
	if (a->opt[OPT_JSON]) {
		json_array_end(&a->json);
		json_object_end(&a->json);
	} else if (!j.places) {
		put(a, "%s\n", text(a->lang, "No such program has been used by you yet: start it once, and try again."));
	}
	nss_free(&dbs);
	p11_free(&j.p11);
	return j.left ? ST_FINDINGS : ST_OK;
}

static int
run(struct app *a, bool away)
{
	struct doctor_env env;

	env_real(&env);
	return register_run(a, &env, away);
}

int
cmd_register(struct app *a)
{
	return run(a, false);
}

int
cmd_unregister(struct app *a)
{
	return run(a, true);
}

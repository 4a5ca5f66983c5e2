#include "base/askpin_find.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "base/askpin.h"
#include "base/err.h"
#include "base/log.h"
#include "base/os.h"

#define FOLDER "/usr/bin/"
#define LINKED "pinentry" /* what the administrator or the distribution chose */

enum { X11 = 1, DISPLAY = 2, BUS = 4, TTY = 8, SCREEN = 16 };

/* In the order of preference; the needs are those of the kind of dialog, which a link by any name
 * leads to. pinentry-gnome3 is only half a program: the window is the desktop's. */
static const struct kind {
	const char *name;
	unsigned needs;
} kinds[] = {
	{ "pinentry-gnome3", DISPLAY | BUS },
	{ "pinentry-qt", DISPLAY },
	{ "pinentry-qt6", DISPLAY },
	{ "pinentry-qt5", DISPLAY },
	{ "pinentry-gtk-2", X11 },
	{ "pinentry-gtk2", X11 },
	{ "pinentry-gtk", X11 },
	{ "pinentry-fltk", X11 },
	{ "pinentry-x11", X11 },
	{ "pinentry-efl", DISPLAY },
	{ "pinentry-curses", TTY | SCREEN },
	{ "pinentry-tty", TTY },
};

#define KINDS (sizeof kinds / sizeof kinds[0])

static const struct {
	const char *language;
	const char *locales[3]; /* the first that is installed */
} languages[] = {
	{ "fi", { "fi_FI.UTF-8" } },
	{ "sv", { "sv_FI.UTF-8", "sv_SE.UTF-8" } },
	{ "en", { "en_US.UTF-8", "en_GB.UTF-8", "en_IE.UTF-8" } },
};

static const char *const passed_on[] = {
	"HOME", "DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS",
	"TERM", "GPG_TTY", "PINENTRY_USER_DATA", "XDG_SESSION_ID", "XDG_SESSION_TYPE",
	"XDG_CURRENT_DESKTOP", /* by which the wrapper scripts of some distributions choose */
};

static bool
is_installed(const char *name)
{
	locale_t l = newlocale(LC_CTYPE_MASK, name, (locale_t)0);

	if (l)
		freelocale(l);
	return l != (locale_t)0;
}

const char *
helper_locale(const char *language)
{
	for (size_t i = 0; language && i < sizeof languages / sizeof languages[0]; i++) {
		if (strcmp(language, languages[i].language) != 0)
			continue;
		for (size_t k = 0; k < 3 && languages[i].locales[k]; k++)
			if (is_installed(languages[i].locales[k]))
				return languages[i].locales[k];
	}
	/* no translations of the helper's own texts then, but every letter of ours */
	return "C.UTF-8";
}

int
helper_env_make(const char *locale, struct helper_env *env)
{
	const char *value;
	size_t n = 0, at = 0;
	int err;

	memset(env, 0, sizeof *env);
	buf_str(&env->text, "PATH=/usr/bin:/bin");
	buf_u8(&env->text, 0);
	buf_fmt(&env->text, "LANG=%s", locale);
	buf_u8(&env->text, 0);
	buf_fmt(&env->text, "LC_ALL=%s", locale);
	buf_u8(&env->text, 0);
	for (size_t i = 0; i < sizeof passed_on / sizeof passed_on[0]; i++) {
		if (!(value = os_env(passed_on[i])))
			continue;
		buf_str(&env->text, passed_on[i]);
		buf_u8(&env->text, '=');
		buf_put(&env->text, value, strlen(value) + 1);
	}
	if ((err = buf_err(&env->text)) != 0)
		return err;
	while (at < env->text.len && n < HELPER_VARS_MAX) {
		env->vars[n] = (char *)env->text.p + at;
		at += strlen(env->vars[n++]) + 1;
	}
	return 0;
}

void
helper_env_free(struct helper_env *env)
{
	buf_free(&env->text);
}

int
helper_tty(struct buf *out)
{
	const char *p = os_env("GPG_TTY");

	if (!p || p[0] != '/')
		return os_tty_name(out);
	buf_str(out, p);
	return buf_err(out);
}

static bool
has_env(const char *name)
{
	const char *p = os_env(name);

	return p && *p;
}

/* What there is to show a dialog on. */
static unsigned
look_around(void)
{
	struct buf tty = BUF_INIT;
	const char *term = os_env("TERM");
	unsigned have = 0;

	if (has_env("DISPLAY"))
		have |= X11 | DISPLAY;
	if (has_env("WAYLAND_DISPLAY"))
		have |= DISPLAY;
	if (has_env("DBUS_SESSION_BUS_ADDRESS"))
		have |= BUS;
	if (helper_tty(&tty) == 0)
		have |= TTY;
	if (term && *term && strcmp(term, "dumb") != 0)
		have |= SCREEN;
	buf_free(&tty);
	return have;
}

/* The kind of dialog behind a path. NULL: none we know, as a script that chooses one itself. */
static const struct kind *
kind_of(const char *path)
{
	char *real = realpath(path, NULL);
	const struct kind *found = NULL;
	const char *name;

	if (!real)
		return NULL;
	name = strrchr(real, '/') + 1;
	for (size_t i = 0; i < KINDS && !found; i++)
		if (strcmp(name, kinds[i].name) == 0)
			found = &kinds[i];
	free(real);
	return found;
}

static bool
fits(const struct kind *k, unsigned have)
{
	return k ? (k->needs & ~have) == 0 : (have & (DISPLAY | TTY)) != 0;
}

static bool
may_run(const char *path, bool any_owner)
{
	return any_owner ? os_program_exists(path) : os_program_is_trusted(path);
}

/* The first usual helper that may be run: of those with windows, or else of those for terminals. */
static bool
find_usual(unsigned have, bool windows, bool any_owner, struct buf *path)
{
	const struct kind *k;
	size_t start = path->len;
	bool in_window;

	for (size_t i = 0; i <= KINDS; i++) {
		buf_fmt(path, "%s%s", FOLDER, i ? kinds[i - 1].name : LINKED);
		if (buf_err(path))
			return false;
		k = kind_of(buf_text(path) + start);
		in_window = !k || !(k->needs & TTY);
		if (in_window == windows && fits(k, have) && may_run(buf_text(path) + start, any_owner))
			return true;
		buf_trim(path, start);
	}
	return false;
}

int
askpin_helper(const char *set, bool any_owner, struct buf *path)
{
	unsigned have = look_around();

	if (os_secure_mode() || !(have & (DISPLAY | TTY)))
		return E_UNSUPPORTED;
	if (set[0]) {
		if (!may_run(set, any_owner)) {
			log_warn("%s: not a program that can be run and only root can change", set);
			return E_UNSUPPORTED;
		}
		if (!fits(kind_of(set), have))
			return E_UNSUPPORTED;
		buf_str(path, set);
		return buf_err(path);
	}
	if ((have & DISPLAY && find_usual(have, true, any_owner, path)) ||
	    (have & TTY && find_usual(have, false, any_owner, path)))
		return 0;
	if (buf_err(path))
		return E_MEM;
	/* those with windows ask on the terminal when there is no display; so may a script */
	if (have & TTY) {
		buf_str(path, FOLDER LINKED);
		if (buf_err(path) || may_run(FOLDER LINKED, any_owner))
			return buf_err(path);
		buf_trim(path, path->len - strlen(FOLDER LINKED));
	}
	return E_UNSUPPORTED;
}

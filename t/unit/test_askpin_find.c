#include "base/askpin_find.h"

#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/askpin.h"
#include "base/err.h"
#include "t/unit/children.h"
#include "t/unit/nomem.h"
#include "t/unit/unit.h"

/* No terminal, no display, no variables. */
static void
alone(void)
{
	int null = open("/dev/null", O_RDWR);

	ck_assert_int_eq(clearenv(), 0);
	for (int fd = 0; fd < 3; fd++)
		dup2(null, fd);
	close(null);
}

static void
finds(const char *set, bool any_owner, int err)
{
	struct buf path = BUF_INIT;
	int got;

	buf_str(&path, "before ");
	got = askpin_helper(set, any_owner, &path);
	ck_assert_msg(got == err, "%s: %s", set, err_name(got));
	ck_assert_int_eq(memcmp(buf_text(&path), "before ", 7), 0);
	ck_assert_str_eq(buf_text(&path) + 7, err ? "" : set);
	buf_free(&path);
}

START_TEST(a_setting_must_be_a_trusted_program)
{
	static const char *const bad[] = { "/nonexistent", "/etc/passwd", "/dev/null", "/bin", "bin/sh", "sh", "./sh" };
	char peer[512];

	built(peer, sizeof peer, "t/unit/pinpeer");
	ck_assert_int_eq(chmod(peer, 0775), 0);
	alone();
	setenv("DISPLAY", ":1", 1);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		finds(bad[i], false, E_UNSUPPORTED);
		finds(bad[i], true, E_UNSUPPORTED);
	}
	/* its group can write it */
	finds(peer, false, E_UNSUPPORTED);
	finds(peer, true, 0);
	finds("/bin/sh", false, 0);
	finds("/bin/sh", true, 0);
}
END_TEST

START_TEST(a_dialog_needs_a_place)
{
	static const struct {
		const char *name, *value;
		int err;
	} cases[] = {
		{ "DISPLAY", ":1", 0 }, { "DISPLAY", "", E_UNSUPPORTED }, { "WAYLAND_DISPLAY", "wayland-0", 0 },
		{ "WAYLAND_DISPLAY", "", E_UNSUPPORTED }, { "GPG_TTY", "/dev/pts/3", 0 }, { "GPG_TTY", "", E_UNSUPPORTED },
		{ "GPG_TTY", "not a tty", E_UNSUPPORTED }, { "TERM", "xterm", E_UNSUPPORTED },
		{ "DBUS_SESSION_BUS_ADDRESS", "unix:path=/x", E_UNSUPPORTED },
	};
	char name[64];
	int master, slave;

	alone();
	finds("/bin/sh", false, E_UNSUPPORTED);
	finds("", false, E_UNSUPPORTED);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		alone();
		setenv(cases[i].name, cases[i].value, 1);
		finds("/bin/sh", false, cases[i].err);
	}
	alone();
	master = posix_openpt(O_RDWR | O_NOCTTY);
	ck_assert_int_eq(grantpt(master), 0);
	ck_assert_int_eq(unlockpt(master), 0);
	ck_assert_int_eq(ptsname_r(master, name, sizeof name), 0);
	slave = open(name, O_RDWR | O_NOCTTY);
	dup2(slave, 2);
	finds("/bin/sh", false, 0);
}
END_TEST

/* The kinds we know are known by their names, and through links by other names. */
START_TEST(a_known_kind_needs_its_own_place)
{
	static const struct {
		const char *kind, *env[4];
		int err;
	} cases[] = {
		{ "pinentry-gtk-2", { "DISPLAY=:1" }, 0 },
		{ "pinentry-gtk-2", { "WAYLAND_DISPLAY=w" }, E_UNSUPPORTED },
		{ "pinentry-gtk-2", { "GPG_TTY=/dev/tty", "TERM=xterm" }, E_UNSUPPORTED },
		{ "pinentry-qt", { "WAYLAND_DISPLAY=w" }, 0 },
		{ "pinentry-gnome3", { "WAYLAND_DISPLAY=w" }, E_UNSUPPORTED },
		{ "pinentry-gnome3", { "WAYLAND_DISPLAY=w", "DBUS_SESSION_BUS_ADDRESS=unix:x" }, 0 },
		{ "pinentry-curses", { "DISPLAY=:1", "TERM=xterm" }, E_UNSUPPORTED },
		{ "pinentry-curses", { "GPG_TTY=/dev/tty", "TERM=xterm" }, 0 },
		{ "pinentry-curses", { "GPG_TTY=/dev/tty", "TERM=dumb" }, E_UNSUPPORTED },
		{ "pinentry-curses", { "GPG_TTY=/dev/tty" }, E_UNSUPPORTED },
		{ "pinentry-tty", { "GPG_TTY=/dev/tty", "TERM=dumb" }, 0 },
		{ "pinentry-tty", { "DISPLAY=:1" }, E_UNSUPPORTED },
		{ "pinentry-mine", { "DISPLAY=:1" }, 0 },
		{ "pinentry-mine", { "GPG_TTY=/dev/tty" }, 0 },
	};
	char root[] = "/tmp/askfindXXXXXX", path[64], link[64], command[64];

	ck_assert_ptr_nonnull(mkdtemp(root));
	snprintf(link, sizeof link, "%s/link", root);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		snprintf(path, sizeof path, "%s/%s", root, cases[i].kind);
		close(open(path, O_CREAT | O_WRONLY, 0755));
		unlink(link);
		ck_assert_int_eq(symlink(path, link), 0);
		alone();
		for (size_t k = 0; k < 4 && cases[i].env[k]; k++)
			putenv((char *)(uintptr_t)cases[i].env[k]);
		finds(path, true, cases[i].err);
		finds(link, true, cases[i].err);
	}
	snprintf(command, sizeof command, "PATH=/usr/bin:/bin rm -rf %s", root);
	ck_assert_int_eq(system(command), 0);
}
END_TEST

START_TEST(the_locale_is_one_of_utf8_that_is_there)
{
	static const char *const languages[] = { "fi", "sv", "en", "xx", "" };
	const char *name;
	locale_t l;

	for (size_t i = 0; i < sizeof languages / sizeof languages[0]; i++) {
		name = helper_locale(languages[i]);
		ck_assert_ptr_nonnull(strstr(name, ".UTF-8"));
		l = newlocale(LC_CTYPE_MASK, name, (locale_t)0);
		ck_assert(l != (locale_t)0);
		freelocale(l);
		ck_assert(strncmp(name, languages[i], 2) == 0 || strcmp(name, "C.UTF-8") == 0);
	}
	ck_assert_str_eq(helper_locale(NULL), "C.UTF-8");
	/* the host's own is left alone */
	ck_assert_str_eq(setlocale(LC_ALL, NULL), "C");
}
END_TEST

static bool
find_poor(void *arg)
{
	struct buf path = BUF_INIT, tty = BUF_INIT;
	struct helper_env env;
	int err;
	bool right;

	err = askpin_helper(arg, true, &path);
	right = nomem_failed || err == 0;
	right = right && (err == 0 || err == E_MEM || err == E_UNSUPPORTED);
	buf_free(&path);
	err = helper_env_make("C.UTF-8", &env);
	right = right && (nomem_failed ? err == 0 || err == E_MEM : err == 0);
	helper_env_free(&env);
	err = helper_tty(&tty);
	right = right && (nomem_failed ? err == 0 || err == E_MEM : err == 0);
	buf_free(&tty);
	return right;
}

START_TEST(memory_that_runs_out_is_an_error)
{
	char program[] = "/bin/sh";

	alone();
	setenv("GPG_TTY", "/dev/tty", 1);
	setenv("TERM", "xterm", 1);
	ck_assert_uint_ge(nomem(find_poor, program), 3);
}
END_TEST

UNIT_MAIN("askpin_find", a_setting_must_be_a_trusted_program, a_dialog_needs_a_place,
    a_known_kind_needs_its_own_place, the_locale_is_one_of_utf8_that_is_there,
    memory_that_runs_out_is_an_error)

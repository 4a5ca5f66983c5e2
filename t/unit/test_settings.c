#include "base/settings.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/os.h"
#include "t/unit/unit.h"

#define SOMEBODY 65534u /* a user who is not root */

static char dir[] = "/tmp/castor-set-XXXXXX";
static char sys_path[64], user_path[64];
static struct settings_from from;
static struct settings *s;

static void
place_new(void)
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(sys_path, sizeof sys_path, "%s/system", dir);
	snprintf(user_path, sizeof user_path, "%s/user", dir);
	from.system = "";
	from.user = "";
	from.exe = "/usr/bin/tester";
	from.auto_login = "";
}

static void
place_free(void)
{
	settings_free(&s);
	ck_assert_ptr_null(s);
	unlink(sys_path);
	unlink(user_path);
	rmdir(dir);
}

static void
put(const char *path, const void *text, size_t n, unsigned mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert(os_write_all(fd, text, n));
	ck_assert_int_eq(fchmod(fd, mode), 0);
	close(fd);
}

/* Loads a system text and a user's text, NULL for none, each private. */
static void
load(const char *system, const char *user)
{
	settings_free(&s);
	from.system = system ? sys_path : "";
	from.user = user ? user_path : "";
	if (system)
		put(sys_path, system, strlen(system), 0600);
	if (user)
		put(user_path, user, strlen(user), 0600);
	ck_assert_int_eq(settings_load(&from, &s), 0);
	ck_assert_ptr_nonnull(s);
}

static size_t
notes(void)
{
	size_t n = 0;

	while (settings_note(s, n))
		n++;
	return n;
}

/* Exactly one note, which holds the text. */
static void
one_note(const char *text)
{
	ck_assert_msg(notes() == 1, "%zu notes, the first %s", notes(),
	    notes() ? settings_note(s, 0) : "");
	ck_assert_msg(strstr(settings_note(s, 0), text) != NULL, "%s in %s", text,
	    settings_note(s, 0));
}

START_TEST(every_key_has_a_default_that_fits)
{
	const struct setting_info *i;

	place_new();
	load(NULL, NULL);
	ck_assert_uint_eq(notes(), 0);
	for (int k = 0; k < SET_COUNT; k++) {
		i = setting_info((enum setting)k);
		ck_assert_int_eq((int)setting_find(i->name), k);
		ck_assert_str_eq(settings_str(s, (enum setting)k), i->def);
		ck_assert_str_eq(settings_origin(s, (enum setting)k), "default");
		ck_assert_uint_gt(strlen(i->doc), 5);
		if (i->type == TYPE_INT) {
			ck_assert_msg(i->min < i->max, "%s has no range", i->name);
			ck_assert_int_ge(settings_int(s, (enum setting)k), i->min);
			ck_assert_int_le(settings_int(s, (enum setting)k), i->max);
		} else {
			ck_assert(i->min == 0 && i->max == 0);
		}
		ck_assert(!i->words || i->type == TYPE_STRING);
	}
	ck_assert(settings_bool(s, SET_allowUnknownCards));
	ck_assert(!settings_bool(s, SET_disableCryptokiAutoLogin));
	ck_assert_int_eq(settings_int(s, SET_SmartCardSNCache), 3);
	ck_assert_int_eq((int)setting_find("DROPauthentication"), SET_dropAuthentication);
	ck_assert_int_eq((int)setting_find("dropAuthenticatio"), SET_COUNT);
	ck_assert_int_eq((int)setting_find(""), SET_COUNT);
	place_free();
}
END_TEST

/* key, text, its value as a number (BOOL, INT) or text; NULL: refused */
static const struct {
	const char *line;
	enum setting key;
	const char *want;
} values[] = {
	{ "dropAuthentication=1", SET_dropAuthentication, "1" },
	{ "dropAuthentication = YES", SET_dropAuthentication, "1" },
	{ "\t DROPAUTHENTICATION \t=\t true \t", SET_dropAuthentication, "1" },
	{ "dropAuthentication = on\r", SET_dropAuthentication, "1" },
	{ "allowUnknownCards = off", SET_allowUnknownCards, "0" },
	{ "allowUnknownCards = no", SET_allowUnknownCards, "0" },
	{ "dropAuthentication = 2", SET_dropAuthentication, NULL },
	{ "dropAuthentication =", SET_dropAuthentication, NULL },
	{ "dropAuthentication = 1 # really", SET_dropAuthentication, NULL },
	{ "buildReaderListTimer = 17", SET_buildReaderListTimer, "17" },
	{ "buildReaderListTimer = 0", SET_buildReaderListTimer, "0" },
	{ "buildReaderListTimer = 0017", SET_buildReaderListTimer, "17" },
	{ "buildReaderListTimer = 3601", SET_buildReaderListTimer, NULL },
	{ "buildReaderListTimer = -1", SET_buildReaderListTimer, NULL },
	{ "buildReaderListTimer = -", SET_buildReaderListTimer, NULL },
	{ "buildReaderListTimer = +5", SET_buildReaderListTimer, NULL },
	{ "buildReaderListTimer = 0x10", SET_buildReaderListTimer, NULL },
	{ "buildReaderListTimer = 5s", SET_buildReaderListTimer, NULL },
	{ "buildReaderListTimer = ", SET_buildReaderListTimer, NULL },
	{ "buildReaderListTimer = 99999999999999999999999", SET_buildReaderListTimer, NULL },
	{ "buildReaderListTimer = 4294967296", SET_buildReaderListTimer, NULL },
	{ "buildReaderListTimer = 2147483648", SET_buildReaderListTimer, NULL },
	{ "SmartCardSNCache = 4", SET_SmartCardSNCache, NULL },
	{ "excludeReader = *O2*||*CCID*", SET_excludeReader, "*O2*||*CCID*" },
	{ "excludeReader = a = b # c ; d", SET_excludeReader, "a = b # c ; d" },
	{ "excludeReader = 0", SET_excludeReader, "" },
	{ "excludeReader =", SET_excludeReader, "" },
	{ "SplashBitmap = /usr/share/x.png", SET_SplashBitmap, "/usr/share/x.png" },
	{ "SplashBitmap = x.png", SET_SplashBitmap, NULL },
	{ "SplashBitmap = ./x.png", SET_SplashBitmap, NULL },
	{ "SplashBitmap = 0", SET_SplashBitmap, "" },
	{ "Language = sv", SET_Language, "sv" },
	{ "Language = de", SET_Language, NULL },
	{ "Language = fi en", SET_Language, NULL },
	{ "logLevel = debug", SET_logLevel, "debug" },
	{ "logLevel = loud", SET_logLevel, NULL },
	{ "validTokenInfoLabel = HENKIL\xC3\x96KORTTI*", SET_validTokenInfoLabel,
	    "HENKIL\xC3\x96KORTTI*" },
	{ "validTokenInfoLabel = \xD6", SET_validTokenInfoLabel, NULL },
	{ "validTokenInfoLabel = \xC0\x80", SET_validTokenInfoLabel, NULL },
	{ "validTokenInfoLabel = \xED\xA0\x80", SET_validTokenInfoLabel, NULL },
	{ "validTokenInfoLabel = \xF4\x90\x80\x80", SET_validTokenInfoLabel, NULL },
	{ "validTokenInfoLabel = \xF0\x9F\x98\x80", SET_validTokenInfoLabel, "\xF0\x9F\x98\x80" },
	{ "validTokenInfoLabel = a\x1B[0m", SET_validTokenInfoLabel, NULL },
	{ "gpMasterKey = 404142", SET_gpMasterKey, "404142" },
};

START_TEST(values_are_checked)
{
	const struct setting_info *i;
	char origin[80];

	place_new();
	snprintf(origin, sizeof origin, "%s:1", user_path);
	for (size_t n = 0; n < sizeof values / sizeof values[0]; n++) {
		i = setting_info(values[n].key);
		load(NULL, values[n].line);
		if (!values[n].want) {
			one_note(i->name);
			ck_assert_str_eq(settings_origin(s, values[n].key), "default");
			ck_assert_str_eq(settings_str(s, values[n].key), i->def);
			continue;
		}
		ck_assert_msg(notes() == 0, "%s", settings_note(s, 0));
		ck_assert_str_eq(settings_origin(s, values[n].key), origin);
		if (i->type == TYPE_BOOL || i->type == TYPE_INT)
			ck_assert_int_eq(settings_int(s, values[n].key), atol(values[n].want));
		else
			ck_assert_str_eq(settings_str(s, values[n].key), values[n].want);
	}
	load(NULL, "\xEF\xBB\xBF" "dropAuthentication=1\r\n\r\n# c\r\n;c\r\n   # c\n");
	ck_assert(settings_bool(s, SET_dropAuthentication));
	ck_assert_uint_eq(notes(), 0);
	place_free();
}
END_TEST

/* a line, and what the note about it says */
static const struct {
	const char *line, *note;
} wrongs[] = {
	{ "disableCryptokiAutologn = 1", "did you mean disableCryptokiAutoLogin?" },
	{ "excludereaders = x", "did you mean excludeReader?" },
	{ "cryptokiPinCach = 1", "did you mean cryptokiPinCache?" },
	{ "zzzz = 1", "unknown key zzzz" },
	{ "= 1", "unknown key" },
	{ "just words", "key = value" },
	{ "\x01\x02 = 1", "not a key" },
	{ "this is a very long name that no key will ever have, whatever happens = 1", "not a key" },
	{ "[app:/usr/bin/x", "ends with ]" },
	{ "[]", "[app:PATH] or [bridge:NAME]" },
	{ "[", "ends with ]" },
	{ "[program:/x]", "[app:PATH] or [bridge:NAME]" },
	{ "[app:]", "path from the root" },
	{ "[app:firefox]", "path from the root" },
	{ "lock = excludeReader", "only the system file" },
	{ "pin2EveryTime = 0", "system file only" },
	{ "pinHelper = /usr/bin/pinentry", "system file only" },
};

START_TEST(what_is_wrong_is_said_with_its_place)
{
	char text[256], place[100];
	struct buf b = BUF_INIT;

	place_new();
	snprintf(place, sizeof place, "%s:2: ", user_path);
	for (size_t i = 0; i < sizeof wrongs / sizeof wrongs[0]; i++) {
		snprintf(text, sizeof text, "# first\n%s\n", wrongs[i].line);
		load(NULL, text);
		one_note(wrongs[i].note);
		ck_assert_msg(strncmp(settings_note(s, 0), place, strlen(place)) == 0, "%s",
		    settings_note(s, 0));
	}
	load("lock = excludeReaderr, dropAuthentication\n", NULL);
	one_note("did you mean excludeReader?");
	/* the notes of a file that is something else altogether have an end */
	for (int i = 0; i < 5000; i++)
		buf_str(&b, "nonsense\n");
	load(NULL, buf_text(&b));
	ck_assert_uint_eq(notes(), 100);
	buf_free(&b);
	place_free();
}
END_TEST

START_TEST(the_user_comes_after_the_system)
{
	place_new();
	load("dropAuthentication = 1\nexcludeReader = a\nexcludeReader = b\n",
	    "excludeReader = c\n");
	ck_assert(settings_bool(s, SET_dropAuthentication));
	ck_assert_str_eq(settings_str(s, SET_excludeReader), "c");
	ck_assert_ptr_nonnull(strstr(settings_origin(s, SET_excludeReader), "/user:1"));
	ck_assert_ptr_nonnull(strstr(settings_origin(s, SET_dropAuthentication), "/system:1"));
	load("excludeReader = a\nexcludeReader = b\n", NULL);
	ck_assert_str_eq(settings_str(s, SET_excludeReader), "b");
	load("pin2EveryTime = 0\n", NULL);
	ck_assert(!settings_bool(s, SET_pin2EveryTime));
	ck_assert_uint_eq(notes(), 0);
	place_free();
}
END_TEST

/* Where no real card is touched, a user may set what decides over PINs. */
START_TEST(for_test_cards_the_user_sets_the_systems_keys)
{
	static const char text[] = "pinHelper = /tmp/helper\n[app:*]\npin2EveryTime = 0\n";

	place_new();
	load(NULL, text);
	ck_assert_str_eq(settings_str(s, SET_pinHelper), "");
	ck_assert(settings_bool(s, SET_pin2EveryTime));
	ck_assert_uint_eq(notes(), 2);
	from.test_card = true;
	load(NULL, text);
	ck_assert_str_eq(settings_str(s, SET_pinHelper), "/tmp/helper");
	ck_assert(!settings_bool(s, SET_pin2EveryTime));
	ck_assert_uint_eq(notes(), 0);
	/* but a lock is a lock, and a secret a secret */
	load("lock = pinHelper\n", text);
	ck_assert_str_eq(settings_str(s, SET_pinHelper), "");
	one_note("pinHelper is locked");
	place_free();
}
END_TEST

#define ALL(who)  "excludeReader = " who "\n"
#define SOME(who) "[app:*]\n" ALL(who)

/* What is shipped, the system file, the user's file; who is heard. */
static const struct {
	const char *shipped, *system, *user, *want;
} ranks[] = {
	{ ALL("shipped"), NULL, NULL, "shipped" },
	{ ALL("shipped"), ALL("system"), NULL, "system" },
	{ ALL("shipped"), NULL, ALL("user"), "user" },
	{ ALL("shipped"), SOME("system"), ALL("user"), "system" },
	{ SOME("shipped"), ALL("system"), NULL, "shipped" },
	{ SOME("shipped"), ALL("system"), ALL("user"), "shipped" },
	{ SOME("shipped"), SOME("system"), ALL("user"), "system" },
	{ SOME("shipped"), NULL, SOME("user"), "user" },
	{ SOME("shipped"), SOME("system"), SOME("user"), "user" },
};

START_TEST(what_is_shipped_has_its_place)
{
	place_new();
	for (size_t i = 0; i < sizeof ranks / sizeof ranks[0]; i++) {
		from.shipped = ranks[i].shipped;
		load(ranks[i].system, ranks[i].user);
		ck_assert_msg(strcmp(settings_str(s, SET_excludeReader), ranks[i].want) == 0,
		    "row %zu: %s", i, settings_str(s, SET_excludeReader));
		ck_assert_uint_eq(notes(), 0);
	}
	from.shipped = "# first\n[app:/usr/bin/tester]\ndropAuthentication = 1\n"
	    "[app:/other]\nexcludeReader = x\n";
	load(NULL, NULL);
	ck_assert_str_eq(settings_origin(s, SET_dropAuthentication), "shipped:3");
	ck_assert_str_eq(settings_origin(s, SET_excludeReader), "default");
	from.auto_login = "0";
	from.shipped = "[app:*]\ndisableCryptokiAutoLogin = 1\n";
	load(NULL, NULL);
	/* nobody's environment brings a dialog to sshd */
	ck_assert(settings_bool(s, SET_disableCryptokiAutoLogin));
	/* a section that was open at the end of one text is not open in the next */
	load(NULL, "excludeReader = all\n");
	ck_assert_str_eq(settings_str(s, SET_excludeReader), "all");
	from.shipped = "lock = excludeReader\n";
	load(NULL, NULL);
	one_note("shipped:1: only the system file can lock");
	place_free();
}
END_TEST

static const struct {
	const char *exe;
	bool plain; /* it gets no dialog of ours and no kept PIN */
} programs[] = {
	{ "/usr/libexec/p11-kit/p11-kit-server", true },
	{ "/usr/libexec/p11-kit/p11-kit-remote", true },
	{ "/usr/lib/x86_64-linux-gnu/p11-kit/p11-kit-remote", true },
	{ "/usr/bin/p11-kit", true },
	{ "/usr/lib/openssh/ssh-pkcs11-helper", true },
	{ "/usr/libexec/ssh-pkcs11-helper", true },
	{ "/usr/libexec/openssh/ssh-pkcs11-helper", true },
	{ "/usr/sbin/sshd", true }, { "/usr/lib/openssh/sshd-session", true },
	{ "/usr/sbin/cupsd", true },
	{ "/bin/login", true }, { "/usr/bin/login", true }, { "/usr/bin/su", true },
	{ "/usr/bin/sudo", true },
	{ "/usr/lib/polkit-1/polkit-agent-helper-1", true },
	{ "/usr/libexec/gdm-session-worker", true }, { "/usr/lib/gdm3/gdm-session-worker", true },
	{ "/usr/sbin/lightdm", true }, { "/usr/lib/x86_64-linux-gnu/sddm/sddm-helper", true },
	{ "/usr/sbin/greetd", true },
	{ "/usr/bin/i3lock", true }, { "/usr/bin/swaylock", true }, { "/usr/bin/xscreensaver", true },
	{ "/usr/libexec/xscreensaver/xscreensaver-auth", true },
	{ "/usr/libexec/gnome-screensaver-dialog", true },
	{ "/usr/lib/x86_64-linux-gnu/cinnamon-screensaver/cinnamon-screensaver-pam-helper", true },
	{ "/usr/lib/x86_64-linux-gnu/libexec/kscreenlocker_greet", true },
	{ "/usr/libexec/xsecurelock/authproto_pam", true },
	{ "/usr/libexec/sssd/p11_child", true },
	{ "/usr/bin/pklogin_finder", true }, { "/usr/bin/pkcs11_eventmgr", true },
	{ "/usr/lib/systemd/systemd-cryptsetup", true }, { "/lib/systemd/systemd-homed", true },
	/* those with a person in front of them */
	{ "/usr/bin/ssh", false }, { "/usr/bin/ssh-add", false }, { "/usr/bin/ssh-agent", false },
	{ "/usr/bin/ssh-keygen", false }, { "/usr/lib/firefox-esr/firefox-esr", false },
	{ "/usr/bin/thunderbird", false }, { "/opt/google/chrome/chrome", false },
	{ "/usr/bin/openssl", false }, { "/usr/bin/pkcs11-tool", false }, { "/usr/bin/p11tool", false },
	{ "/usr/lib/libreoffice/program/soffice.bin", false }, { "/usr/bin/gnome-shell", false },
	{ "/usr/bin/loginctl", false }, { "/usr/bin/okular", false }, { "/usr/bin/curl", false },
};

START_TEST(programs_that_get_plain_cryptoki_from_us)
{
	const char *origin;

	place_new();
	for (size_t i = 0; i < sizeof programs / sizeof programs[0]; i++) {
		from.exe = programs[i].exe;
		load(NULL, "disableCryptokiAutoLogin = 0\ncryptokiPinCache = 1\n");
		ck_assert_msg(notes() == 0, "%s", settings_note(s, 0));
		ck_assert_msg(settings_bool(s, SET_disableCryptokiAutoLogin) == programs[i].plain,
		    "%s", programs[i].exe);
		ck_assert_msg(settings_bool(s, SET_cryptokiPinCache) != programs[i].plain, "%s",
		    programs[i].exe);
		origin = settings_origin(s, SET_cryptokiPinCache);
		ck_assert(programs[i].plain == (strncmp(origin, "shipped:", 8) == 0));
	}
	from.exe = "/usr/sbin/sshd";
	load("[app:/usr/sbin/sshd]\ndisableCryptokiAutoLogin = 0\n", NULL);
	ck_assert(!settings_bool(s, SET_disableCryptokiAutoLogin));
	place_free();
}
END_TEST

/* Reads a file of the source tree. */
static void
source(const char *name, struct buf *b)
{
	char path[4096];

	snprintf(path, sizeof path, "%s/%s", getenv("top_srcdir"), name);
	ck_assert_int_eq((int)os_file_read(path, 1 << 20, false, b), OS_TRUST_OK);
}

/* As it is it says nothing; with each # in front of a line taken away, all of it is right. */
START_TEST(the_file_that_is_installed_loads)
{
	struct buf b = BUF_INIT, open = BUF_INIT;
	const char *at;
	size_t set = 0;

	place_new();
	source("base/DigiSign.conf", &b);
	load(buf_text(&b), NULL);
	ck_assert_msg(notes() == 0, "%s", settings_note(s, 0));
	for (int k = 0; k < SET_COUNT; k++)
		ck_assert_str_eq(settings_origin(s, (enum setting)k), "default");
	for (at = buf_text(&b); *at; at++)
		if (*at != '#' || at[1] == ' ')
			buf_u8(&open, (uint8_t)*at);
	from.exe = "/usr/lib/firefox-esr/firefox-esr";
	load(buf_text(&open), NULL);
	ck_assert_msg(notes() == 0, "%s", settings_note(s, 0));
	for (int k = 0; k < SET_COUNT; k++)
		set += strcmp(settings_origin(s, (enum setting)k), "default") != 0;
	ck_assert_uint_ge(set, 8);
	ck_assert(settings_bool(s, SET_disableCryptokiPIN2Slot));
	buf_free(&b);
	buf_free(&open);
	place_free();
}
END_TEST

START_TEST(a_locked_key_stays)
{
	place_new();
	/* also where the lock comes last, and whatever section the user tries */
	load("excludeReader = a\nLOCK = ExcludeReader , dropauthentication,\n",
	    "[app:*]\nexcludeReader = b\n");
	ck_assert_str_eq(settings_str(s, SET_excludeReader), "a");
	one_note("excludeReader is locked");
	/* a locked default */
	load("lock = dropAuthentication", "dropAuthentication = 1");
	ck_assert(!settings_bool(s, SET_dropAuthentication));
	one_note("dropAuthentication is locked");
	/* the system's own sections go on */
	load("lock = excludeReader\n[app:/usr/bin/*]\nexcludeReader = c\n", "excludeReader = d");
	ck_assert_str_eq(settings_str(s, SET_excludeReader), "c");
	/* a lock for another program is none here */
	load("[app:/other]\nlock = excludeReader\n", "excludeReader = d");
	ck_assert_str_eq(settings_str(s, SET_excludeReader), "d");
	ck_assert_uint_eq(notes(), 0);
	from.auto_login = "1";
	load("lock = disableCryptokiAutoLogin\n", NULL);
	ck_assert(!settings_bool(s, SET_disableCryptokiAutoLogin));
	one_note("environment: disableCryptokiAutoLogin is locked");
	place_free();
}
END_TEST

static const struct {
	const char *head;
	bool fits; /* /usr/bin/tester, bridge web */
} heads[] = {
	{ "[app:/usr/bin/tester]", true },
	{ "[ App: /usr/bin/tester ]", true },
	{ "[app:/usr/bin/*]", true },
	{ "[app:*]", true },
	{ "[app:*/tester]", true },
	{ "[app:/usr/bin/Tester]", false },
	{ "[app:/usr/bin/test]", false },
	{ "[app:*/teste]", false },
	{ "[bridge:web]", true },
	{ "[bridge:WEB]", true },
	{ "[bridge:pdf]", false },
	{ "[bridge:]", false },
	{ "[bridge:*]", false },
};

START_TEST(sections_are_for_their_program_or_bridge)
{
	char text[256];

	place_new();
	from.bridge = "web";
	for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
		snprintf(text, sizeof text, "excludeReader = all\n%s\nexcludeReader = here\n",
		    heads[i].head);
		load(NULL, text);
		ck_assert_uint_eq(notes(), 0);
		ck_assert_msg(strcmp(settings_str(s, SET_excludeReader),
		    heads[i].fits ? "here" : "all") == 0, "%s", heads[i].head);
	}
	/* what is said for one program is stronger than what is said for all */
	load("[app:*]\nexcludeReader = section\n", "excludeReader = mine\n");
	ck_assert_str_eq(settings_str(s, SET_excludeReader), "section");
	load("[app:*]\nexcludeReader = section\n", "[app:*]\nexcludeReader = mine\n");
	ck_assert_str_eq(settings_str(s, SET_excludeReader), "mine");
	/* the lines of a broken section are nobody's; mistakes in other sections are still said */
	load(NULL, "[nonsense]\nexcludeReader = x\n");
	ck_assert_str_eq(settings_str(s, SET_excludeReader), "");
	load(NULL, "[app:/other]\nexcludeReadr = x\n");
	one_note("did you mean excludeReader?");
	from.bridge = NULL;
	load(NULL, "[bridge:]\nexcludeReader = x\n[bridge:web]\nexcludeReader = y\n");
	ck_assert_str_eq(settings_str(s, SET_excludeReader), "");
	from.exe = "";
	load(NULL, "[app:*]\nexcludeReader = x\n");
	ck_assert_str_eq(settings_str(s, SET_excludeReader), "");
	place_free();
}
END_TEST

START_TEST(the_environment_says_one_thing)
{
	place_new();
	from.auto_login = "1";
	load(NULL, "disableCryptokiAutoLogin = 0\n[app:*]\ndisableCryptokiAutoLogin = 0\n");
	ck_assert(settings_bool(s, SET_disableCryptokiAutoLogin));
	ck_assert_str_eq(settings_origin(s, SET_disableCryptokiAutoLogin), "environment");
	from.auto_login = "0";
	load(NULL, "disableCryptokiAutoLogin = 1\n");
	ck_assert_msg(settings_bool(s, SET_disableCryptokiAutoLogin), "it can only switch off");
	ck_assert_uint_eq(notes(), 0);
	from.auto_login = "maybe";
	load(NULL, "disableCryptokiAutoLogin = 1\n");
	ck_assert(settings_bool(s, SET_disableCryptokiAutoLogin));
	one_note("environment: ");
	from.auto_login = NULL;
	setenv("disableCryptokiAutoLogin", "1", 1);
	load(NULL, NULL);
	ck_assert(settings_bool(s, SET_disableCryptokiAutoLogin));
	place_free();
}
END_TEST

/* Anybody can set an environment, also that of a program for which a file says no. */
START_TEST(the_environment_can_only_switch_off)
{
	static const char off[] = "[app:*]\ndisableCryptokiAutoLogin = 1\n";

	place_new();
	from.auto_login = "0";
	for (int i = 0; i < 3; i++) {
		from.shipped = i == 0 ? off : "";
		load(i == 1 ? off : NULL, i == 2 ? off : NULL);
		ck_assert_msg(settings_bool(s, SET_disableCryptokiAutoLogin), "file %d", i);
	}
	load(NULL, NULL);
	ck_assert(!settings_bool(s, SET_disableCryptokiAutoLogin));
	from.auto_login = "1";
	load(NULL, NULL);
	ck_assert(settings_bool(s, SET_disableCryptokiAutoLogin));
	place_free();
}
END_TEST

/* What root's programs do is not for the user in whose name one of them runs. */
START_TEST(a_user_does_not_decide_for_root)
{
	static const char text[] = "rootAutoLogin = 1\n";
	const bool root = geteuid() == 0;

	place_new();
	put(sys_path, text, strlen(text), 0644);
	put(user_path, text, strlen(text), 0600);
	if (root) {
		ck_assert_int_eq(chown(dir, SOMEBODY, (gid_t)-1), 0);
		ck_assert_int_eq(chown(user_path, SOMEBODY, (gid_t)-1), 0);
		ck_assert_int_eq(seteuid(SOMEBODY), 0);
	}
	for (int i = 0; i < 3; i++) {
		settings_free(&s);
		from.system = i == 1 ? sys_path : "";
		from.user = i == 1 ? "" : user_path;
		from.test_card = i == 2;
		ck_assert_int_eq(settings_load(&from, &s), 0);
		ck_assert_msg(settings_bool(s, SET_rootAutoLogin) == (i != 0), "case %d", i);
		if (i == 0)
			one_note("rootAutoLogin");
		else
			ck_assert_uint_eq(notes(), 0);
	}
	if (root)
		ck_assert_int_eq(seteuid(0), 0);
	place_free();
}
END_TEST

/* The page of the secrets must not be in core files either. */
START_TEST(secrets_need_a_private_file)
{
	static const char text[] = "gpMasterKey = C0FFEE\nscTerminalKey = 1234\ndropAuthentication=1\n";
	pid_t child;
	int status;

	place_new();
	load(NULL, text);
	ck_assert_uint_eq(notes(), 0);
	ck_assert_str_eq(settings_str(s, SET_gpMasterKey), "C0FFEE");
	ck_assert_str_eq(settings_str(s, SET_scTerminalKey), "1234");
	if ((child = fork()) == 0)
		_exit(settings_str(s, SET_gpMasterKey)[0] != 0);
	ck_assert_int_eq((int)waitpid(child, &status, 0), (int)child);
	ck_assert_int_eq(status, 0);
	put(user_path, text, sizeof text - 1, 0644);
	settings_free(&s);
	ck_assert_int_eq(settings_load(&from, &s), 0);
	ck_assert_str_eq(settings_str(s, SET_gpMasterKey), "");
	ck_assert_uint_eq(notes(), 2);
	ck_assert(settings_bool(s, SET_dropAuthentication));
	for (size_t i = 0; i < notes(); i++) {
		ck_assert_ptr_nonnull(strstr(settings_note(s, i), "chmod 600"));
		ck_assert_ptr_null(strstr(settings_note(s, i), "C0FFEE"));
	}
	place_free();
}
END_TEST

START_TEST(more_secrets_than_there_is_room_for)
{
	struct buf b = BUF_INIT;

	place_new();
	for (int i = 0; i < 50; i++) {
		buf_str(&b, "gpMasterKey = ");
		buf_fill(&b, (uint8_t)('A' + i % 26), 400);
		buf_str(&b, "\n");
	}
	load(NULL, buf_text(&b));
	ck_assert_uint_gt(notes(), 1);
	ck_assert_uint_eq(strlen(settings_str(s, SET_gpMasterKey)), 400);
	buf_reset(&b);
	buf_str(&b, "excludeReader = ");
	buf_fill(&b, 'x', 4097);
	load(NULL, buf_text(&b));
	one_note("too long");
	buf_free(&b);
	place_free();
}
END_TEST

static void
load_user_as(const char *path)
{
	settings_free(&s);
	from.system = "";
	from.user = path;
	ck_assert_int_eq(settings_load(&from, &s), 0);
}

START_TEST(a_file_that_cannot_be_trusted_is_left_out)
{
	static const char text[] = "dropAuthentication = 1\n";
	static char large[300000];
	static const unsigned modes[] = { 0620, 0602, 0666, 0777 };

	place_new();
	for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
		put(user_path, text, sizeof text - 1, modes[i]);
		load_user_as(user_path);
		ck_assert(!settings_bool(s, SET_dropAuthentication));
		one_note("others can write it");
	}
	put(user_path, text, sizeof text - 1, 0644);
	load_user_as(user_path);
	ck_assert(settings_bool(s, SET_dropAuthentication));
	/* a link is followed: what counts is the file */
	ck_assert_int_eq(symlink(user_path, sys_path), 0);
	load_user_as(sys_path);
	ck_assert(settings_bool(s, SET_dropAuthentication));
	chmod(user_path, 0666);
	load_user_as(sys_path);
	one_note("others can write it");
	unlink(sys_path);
	ck_assert_int_eq(symlink(sys_path, sys_path), 0);
	load_user_as(sys_path);
	one_note("left out");
	unlink(sys_path);
	load_user_as(dir);
	one_note("not a plain file");
	ck_assert_int_eq(mkfifo(sys_path, 0600), 0);
	load_user_as(sys_path);
	one_note("not a plain file");
	unlink(sys_path);
	memset(large, '\n', sizeof large);
	put(user_path, large, sizeof large, 0600);
	load_user_as(user_path);
	one_note("too large");
	load_user_as("/nonexistent/file");
	one_note("no such file");
	put(user_path, text, 0, 0600);
	load_user_as(user_path);
	ck_assert_uint_eq(notes(), 0);
	if (geteuid() == 0) {
		put(user_path, text, sizeof text - 1, 0600);
		ck_assert_int_eq(chown(user_path, 12345, 0), 0);
		load_user_as(user_path);
		ck_assert(!settings_bool(s, SET_dropAuthentication));
		one_note("must belong to root or to you");
	} else {
		put(user_path, text, sizeof text - 1, 0000);
		load_user_as(user_path);
		one_note("cannot be read");
	}
	place_free();
}
END_TEST

START_TEST(the_places_of_the_product)
{
	char path[200];

	place_new();
	snprintf(path, sizeof path, "%s/castor", dir);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	snprintf(path, sizeof path, "%s/castor/DigiSign.conf", dir);
	put(path, "dropAuthentication = 1\n", 23, 0600);
	put(user_path, "excludeReader = mine\n", 21, 0600);
	unsetenv("CASTOR_CONF");
	setenv("HOME", "/nonexistent", 1);
	setenv("XDG_CONFIG_HOME", dir, 1);
	from.user = NULL;
	ck_assert_int_eq(settings_load(&from, &s), 0);
	ck_assert(settings_bool(s, SET_dropAuthentication));
	settings_free(&s);
	setenv("CASTOR_CONF", user_path, 1);
	ck_assert_int_eq(settings_load(&from, &s), 0);
	ck_assert(!settings_bool(s, SET_dropAuthentication));
	ck_assert_str_eq(settings_str(s, SET_excludeReader), "mine");
	settings_free(&s);
	/* a file that was asked for and is missing is worth a word; the usual one is not */
	setenv("CASTOR_CONF", "/nonexistent/x", 1);
	ck_assert_int_eq(settings_load(&from, &s), 0);
	one_note("no such file");
	settings_free(&s);
	unsetenv("CASTOR_CONF");
	unsetenv("XDG_CONFIG_HOME");
	ck_assert_int_eq(settings_load(&from, &s), 0);
	ck_assert_uint_eq(notes(), 0);
	settings_free(&s);
	unsetenv("HOME");
	ck_assert_int_eq(settings_load(&from, &s), 0);
	settings_free(&s);
	ck_assert_int_eq(settings_load(NULL, &s), 0);
	unlink(path);
	snprintf(path, sizeof path, "%s/castor", dir);
	rmdir(path);
	place_free();
}
END_TEST

START_TEST(the_notes_reach_the_log)
{
	char log[100], text[200];
	struct buf b = BUF_INIT;

	place_new();
	snprintf(log, sizeof log, "%s/log", dir);
	snprintf(text, sizeof text, "logLevel = info\nlogFile = %s\nnonsense = 1\n", log);
	load(NULL, text);
	settings_log_open(s);
	log_close();
	ck_assert_int_eq((int)os_file_read(log, 10000, true, &b), OS_TRUST_OK);
	ck_assert_ptr_nonnull(strstr(buf_text(&b), "unknown key nonsense"));
	buf_free(&b);
	unlink(log);
	place_free();
}
END_TEST

static const char golden[] =
	"# comment\n; another\n\xEF\xBB\xBFlock = pinHelper, logLevel\n"
	"excludeReader = *O2*||*CCID*\nSmartCardSNCache = 3\nLanguage = fi\n"
	"validTokenInfoLabel = HENKIL\xC3\x96KORTTI*\ngpMasterKey = 404142434445464748494A4B4C4D4E4F\n"
	"[app:/usr/bin/*]\ndisableCryptokiAutoLogin = yes\npinHelper = /usr/bin/pinentry\r\n"
	"[bridge:web]\ncryptokiPinCache=0\n";

/* One text as both files. */
static void
load_both(int fd, const uint8_t *p, size_t n)
{
	struct settings *x = NULL;

	ck_assert_int_eq((int)pwrite(fd, p, n, 0), (int)n);
	ck_assert_int_eq(ftruncate(fd, (off_t)n), 0);
	ck_assert_int_eq(settings_load(&from, &x), 0);
	for (int k = 0; k < SET_COUNT; k++)
		ck_assert_ptr_nonnull(settings_str(x, (enum setting)k));
	settings_free(&x);
}

START_TEST(no_mutation_of_a_file_does_harm)
{
	static const uint8_t bytes[] = { 0, '\n', '[', ']', '=', '*', ',', '#', 0x80, 0xFF };
	uint8_t text[sizeof golden];
	size_t n = sizeof golden - 1;
	int fd;

	place_new();
	load(golden, golden);
	from.bridge = "web";
	from.system = from.user = sys_path;
	from.shipped = "";
	fd = open(sys_path, O_RDWR);
	ck_assert_int_ge(fd, 0);
	memcpy(text, golden, n);
	for (size_t i = 0; i < n; i++) {
		for (unsigned bit = 1; bit < 256; bit <<= 1) {
			text[i] ^= (uint8_t)bit;
			load_both(fd, text, n);
			text[i] ^= (uint8_t)bit;
		}
		for (size_t j = 0; j < sizeof bytes; j++) {
			text[i] = bytes[j];
			load_both(fd, text, n);
		}
		text[i] = (uint8_t)golden[i];
		load_both(fd, text, i);
		load_both(fd, text + i, n - i);
	}
	close(fd);
	place_free();
}
END_TEST

/* The manual as text. */
static void
manual(struct buf *b)
{
	source("man/DigiSign.conf.5", b);
}

static const char *const sections[] = {
	[ACTS_MODULE] = ".Sh KEYS OF THE MODULE\n",
	[ACTS_LATER] = ".Sh KEYS OF PARTS TO COME\n",
	[ACTS_BRIDGE] = ".Sh KEYS OF BRIDGES\n",
	[ACTS_NOTHING] = ".Sh KEYS WITH NOTHING TO ACT ON\n",
};

static const char *const kinds[] = { "0 or 1", "", "text", "path", "secret", "list" };

/* Each key once, with its kind and default, in the section of where it acts. */
START_TEST(the_manual_says_what_the_table_says)
{
	struct buf man = BUF_INIT, line = BUF_INIT;
	const struct setting_info *i;
	const char *text, *at, *section, *end;
	size_t items = 0;

	manual(&man);
	text = buf_text(&man);
	for (int k = 0; k < SET_COUNT; k++) {
		i = setting_info((enum setting)k);
		buf_reset(&line);
		buf_fmt(&line, "\n.It Ic %s Pq ", i->name);
		if (i->type == TYPE_INT)
			buf_fmt(&line, "number, %ld to %ld", i->min, i->max);
		else
			buf_str(&line, kinds[i->type]);
		buf_fmt(&line, "; default %s\n", *i->def ? i->def : "empty");
		at = strstr(text, buf_text(&line));
		ck_assert_msg(at != NULL, "not in the manual: %s", buf_text(&line));
		section = strstr(text, sections[i->acts]);
		ck_assert_ptr_nonnull(section);
		end = strstr(section + 1, "\n.Sh ");
		ck_assert_msg(at > section && at < end, "%s is in another section", i->name);
	}
	for (at = text; (at = strstr(at, "\n.It Ic ")); at++)
		items++;
	ck_assert_uint_eq(items, SET_COUNT);
	buf_free(&man);
	buf_free(&line);
}
END_TEST

START_TEST(the_example_of_the_manual_loads)
{
	struct buf man = BUF_INIT, example = BUF_INIT;
	const char *at, *end;

	place_new();
	manual(&man);
	at = strstr(buf_text(&man), ".Bd -literal\n");
	ck_assert_ptr_nonnull(at);
	end = strstr(at, ".Ed\n");
	at = strchr(at, '\n') + 1;
	buf_put(&example, at, (size_t)(end - at));
	from.exe = "/usr/lib/firefox-esr/firefox-esr";
	load(buf_text(&example), NULL);
	ck_assert_msg(notes() == 0, "%s", settings_note(s, 0));
	ck_assert_int_eq(settings_int(s, SET_pinCacheTimeout), 300);
	ck_assert(settings_bool(s, SET_disableCryptokiPIN2Slot));
	ck_assert(!settings_bool(s, SET_disableCryptokiAutoLogin));
	buf_free(&man);
	buf_free(&example);
	place_free();
}
END_TEST

UNIT_MAIN("settings", every_key_has_a_default_that_fits, values_are_checked,
    what_is_wrong_is_said_with_its_place, the_user_comes_after_the_system, a_locked_key_stays,
    for_test_cards_the_user_sets_the_systems_keys, what_is_shipped_has_its_place,
    programs_that_get_plain_cryptoki_from_us, the_file_that_is_installed_loads,
    sections_are_for_their_program_or_bridge, the_environment_says_one_thing,
    the_environment_can_only_switch_off, a_user_does_not_decide_for_root,
    secrets_need_a_private_file, more_secrets_than_there_is_room_for,
    a_file_that_cannot_be_trusted_is_left_out, the_places_of_the_product,
    the_notes_reach_the_log, no_mutation_of_a_file_does_harm,
    the_manual_says_what_the_table_says, the_example_of_the_manual_loads)

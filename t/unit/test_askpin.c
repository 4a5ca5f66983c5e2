#include "base/askpin.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/log.h"
#include "t/remains.h"
#include "t/unit/children.h"
#include "t/unit/mutate.h"
#include "t/unit/nomem.h"
#include "t/unit/unit.h"

static char peer[512];

static struct askpin
question(void)
{
	if (!peer[0])
		built(peer, sizeof peer, "t/unit/pinpeer");
	return (struct askpin){ .helper = peer, .title = "Title", .text = "Give the PIN", .prompt = "PIN:",
		.ok = "OK", .cancel = "Cancel", .language = "en", .timeout_s = 5 };
}

/* Asks the peer of that scenario. */
static int
ask(const char *script, struct secret **pin)
{
	struct askpin q = question();

	setenv("PINENTRY_USER_DATA", script, 1);
	q.error = "Wrong PIN";
	return askpin(&q, pin);
}

static void
gives(const char *script, const void *want, size_t n)
{
	struct secret *pin = NULL;
	int err = ask(script, &pin);

	ck_assert_msg(err == 0, "%s: %s", script, err_name(err));
	ck_assert_msg(view_eq(secret_view(pin), view_of(want, n)), "%s", script);
	secret_free(&pin);
	no_children();
}

/* Nothing is asked: a text to be read. */
START_TEST(a_message_asks_for_nothing)
{
	static const struct { const char *script; int want; } cases[] = {
		{ "", 0 }, { "MESSAGE OK\\n", 0 }, { "MESSAGE ERR 83886179 cancelled\\n", E_CANCEL },
		{ "MESSAGE ERR 5\\n", E_UNSUPPORTED }, { "MESSAGE D 1234\\nOK\\n", E_UNSUPPORTED },
		{ "GETPIN \\q", 0 }, { "MESSAGE \\q", E_UNSUPPORTED },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct askpin q = question();
		struct secret *pin = NULL;

		q.prompt = NULL;
		setenv("PINENTRY_USER_DATA", cases[i].script, 1);
		ck_assert_msg(askpin(&q, &pin) == cases[i].want, "%s", cases[i].script);
		ck_assert_ptr_null(pin);
		no_children();
	}
}
END_TEST

static void
fails(const char *script, int want)
{
	struct secret *pin;
	int err = ask(script, &pin);

	ck_assert_msg(err == want, "%s: %s", script, err_name(err));
	ck_assert_ptr_null(pin);
	no_children();
}

START_TEST(the_pin_is_what_was_typed)
{
	static const struct {
		const char *script, *pin;
	} cases[] = {
		{ "", "1234" },
		{ "GETPIN OK\\n", "" },
		{ "GETPIN D \\nOK\\n", "" },
		{ "GETPIN D\\nOK\\n", "" },
		{ "GETPIN D 987654\\nOK\\n", "987654" },
		{ "GETPIN D  1 2 \\nOK thank you\\n", " 1 2 " },
		{ "GETPIN D %31%32%33%34\\nOK\\n", "1234" },
		{ "GETPIN D %25%0D%0a%2b\\nOK\\n", "%\r\n+" },
		{ "GETPIN D \xC3\xA5\xC3\xA4\xC3\xB6 \xE2\x82\xAC\\nOK\\n", "\xC3\xA5\xC3\xA4\xC3\xB6 \xE2\x82\xAC" },
		{ "GETPIN D 1234\r\\nOK\r\\n", "1234" },
		{ "GETPIN D 12\\nD 34\\nOK\\n", "1234" },
		{ "GETPIN # a word\\n\\nS PIN_REPEATED\\nD 1234\\n# and\\nOK\\n", "1234" },
		{ "GETPIN D 1\\p2\\p3\\p4\\p\\nO\\pK\\n", "1234" },
		{ "HELLO # first\\nOK\\n", "1234" },
		{ "BYE \\q", "1234" },
		{ "GETPIN D 1234\\nOK\\n\\q", "1234" },
	};
	char pin[SECRET_MAX + 1], script[SECRET_MAX * 3 + 32];

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		gives(cases[i].script, cases[i].pin, strlen(cases[i].pin));
	for (size_t i = 0; i < SECRET_MAX; i++)
		snprintf(script + i * 3, 4, "%%%02X", (unsigned)(pin[i] = (char)('!' + i)));
	memmove(script + 9, script, SECRET_MAX * 3 + 1);
	memcpy(script, "GETPIN D ", 9);
	strncat(script, "\\nOK\\n", 8);
	gives(script, pin, SECRET_MAX);
}
END_TEST

START_TEST(what_does_not_fit_a_cell_is_too_long)
{
	fails("GETPIN D \\f64;\\nOK\\n", E_PIN_LEN);
	fails("GETPIN D \\f255;\\nOK\\n", E_PIN_LEN);
	fails("GETPIN D \\f1000;\\nOK\\n", E_PIN_LEN);
	fails("GETPIN D \\f40;\\nD \\f40;\\nOK\\n", E_PIN_LEN);
	fails("GETPIN D \\f2044;\\nOK\\n", E_PIN_LEN);
	/* no line is that long */
	fails("GETPIN D \\f2048;\\nOK\\n", E_UNSUPPORTED);
}
END_TEST

START_TEST(a_person_can_cancel)
{
	static const char *const cancels[] = { "83886179 Operation cancelled <Pinentry>", "83886194", "83886278",
		"83886142 Timeout <Pinentry>", "99", "114 Not confirmed", "198" };
	static const char *const others[] = { "83886254 Unknown", "83886340", "83918950 no tty", "1", "0", "",
		"word", "-99", "98", "8388617999999999999999999 x", "32867" };
	char script[128];

	for (size_t i = 0; i < sizeof cancels / sizeof cancels[0]; i++) {
		snprintf(script, sizeof script, "GETPIN ERR %s\\n", cancels[i]);
		fails(script, E_CANCEL);
	}
	fails("GETPIN D 12\\nERR 83886179 cancelled\\n", E_CANCEL);
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
		snprintf(script, sizeof script, "GETPIN ERR %s\\n", others[i]);
		fails(script, E_UNSUPPORTED);
	}
	fails("GETPIN ERR\\n", E_UNSUPPORTED);
}
END_TEST

static const char *const steps[] = { "HELLO", "OPTION", "SETTITLE", "SETDESC", "SETPROMPT", "SETERROR", "SETOK",
	"SETCANCEL", "SETTIMEOUT", "GETPIN" };
#define STEPS (sizeof steps / sizeof steps[0])

START_TEST(no_answer_but_one_in_turn_will_do)
{
	static const char *const answers[] = {
		"\\q",                  /* dies */
		"O\\q", "OK\\q",        /* ... in the middle */
		"\\c\\p\\q",            /* closes its side */
		"hello\\n", "OKAY\\n", "ok\\n", " OK\\n", "ERRATIC\\n", "END\\n",
		"\x01\x02\xFF\xFE\\n",
		"OK\\nOK\\n",           /* one too many */
		"OK\\n# and more\\n",
		"INQUIRE QUALITY 12\\n",
		"INQUIRE\\n",
	};
	char script[128];

	for (size_t s = 0; s < STEPS; s++) {
		for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
			snprintf(script, sizeof script, "%s %s", steps[s], answers[i]);
			fails(script, E_UNSUPPORTED);
		}
		if (strcmp(steps[s], "GETPIN") == 0)
			continue;
		/* data that nobody asked for */
		snprintf(script, sizeof script, "%s D 1234\\nOK\\n", steps[s]);
		fails(script, E_UNSUPPORTED);
	}
}
END_TEST

START_TEST(a_pin_counts_only_when_it_is_whole)
{
	fails("GETPIN D 12\\q", E_UNSUPPORTED);
	fails("GETPIN D 1234\\n\\q", E_UNSUPPORTED);
	fails("GETPIN D 1234\\nO\\q", E_UNSUPPORTED);
	fails("GETPIN D 12%3\\nOK\\n", E_UNSUPPORTED);
	fails("GETPIN D 12%\\nOK\\n", E_UNSUPPORTED);
	fails("GETPIN D 12%3G\\nOK\\n", E_UNSUPPORTED);
	/* the answer was to something else */
	fails("GETPIN OK\\nD 1234\\nOK\\n", E_UNSUPPORTED);
	fails("GETPIN OK\\n\\pD 1234\\nOK\\n", E_UNSUPPORTED);
	fails("GETPIN D 1234\\nOK\\nD 5678\\nOK\\n", E_UNSUPPORTED);
	fails("BYE D 5678\\nOK\\n", E_UNSUPPORTED);
}
END_TEST

START_TEST(what_a_helper_need_not_know_does_no_harm)
{
	char script[64];

	for (size_t i = 1; i < STEPS - 1; i++) {
		snprintf(script, sizeof script, "%s ERR 83886254 Unknown <Pinentry>\\n", steps[i]);
		if (strcmp(steps[i], "SETDESC") == 0 || strcmp(steps[i], "SETPROMPT") == 0 ||
		    strcmp(steps[i], "SETERROR") == 0)
			fails(script, E_UNSUPPORTED);
		else
			gives(script, "1234", 4);
	}
	fails("HELLO ERR 83886254 Go away\\n", E_UNSUPPORTED);
}
END_TEST

START_TEST(a_helper_that_talks_too_much_is_hung_up_on)
{
	static const char *const floods[] = { "\\f10000000;", "\\a1000000;", "D 1\\n\\a1000000;",
		"S x\\nS \\f10000000;" };
	struct rusage before, after;
	int64_t start = os_clock_ms();
	char script[128];

	ask("", &(struct secret *){ NULL });
	getrusage(RUSAGE_SELF, &before);
	for (size_t s = 0; s < STEPS; s++)
		for (size_t i = 0; i < sizeof floods / sizeof floods[0]; i++) {
			snprintf(script, sizeof script, "%s %s\\nOK\\n", steps[s], floods[i]);
			fails(script, E_UNSUPPORTED);
		}
	getrusage(RUSAGE_SELF, &after);
	ck_assert_int_lt((int)(os_clock_ms() - start), 30000);
	ck_assert_int_lt((int)(after.ru_maxrss - before.ru_maxrss), 2048);
}
END_TEST

struct patience { int looks, left; int64_t last, shortest; };

static bool
look(void *arg)
{
	struct patience *p = arg;
	int64_t now = os_clock_ms();

	if (p->looks++ && now - p->last < p->shortest)
		p->shortest = now - p->last;
	p->last = now;
	return p->left-- > 0;
}

START_TEST(nobody_waits_for_ever)
{
	static const struct {
		const char *script;
		int err;
	} cases[] = {
		{ "GETPIN \\s\\h", E_CANCEL },
		{ "GETPIN D 12\\h", E_CANCEL },
		{ "GETPIN \\c\\h", E_UNSUPPORTED },
		{ "HELLO \\h", E_UNSUPPORTED },
	};
	struct askpin q = question();
	struct secret *pin;
	int64_t start;
	int err;

	q.timeout_s = 1;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		setenv("PINENTRY_USER_DATA", cases[i].script, 1);
		start = os_clock_ms();
		err = askpin(&q, &pin);
		ck_assert_msg(err == cases[i].err, "%s: %s", cases[i].script, err_name(err));
		ck_assert_int_lt((int)(os_clock_ms() - start), 8000);
		no_children();
	}
	/* it gave its answer and does not go: the answer counts, it is made to go */
	start = os_clock_ms();
	gives("GETPIN D 1234\\nOK\\n\\s\\h", "1234", 4);
	gives("BYE OK\\n\\s\\h", "1234", 4);
	ck_assert_int_lt((int)(os_clock_ms() - start), 10000);
}
END_TEST

START_TEST(a_dialog_nobody_wants_any_more_goes_away)
{
	static const char *const scripts[] = { "GETPIN \\h", "GETPIN \\s\\h", "HELLO \\h", "GETPIN \\c\\s\\h" };
	struct patience p = { 0, 3, 0, 10000 };
	struct askpin q = question();
	struct secret *pin;
	int64_t start;

	q.wanted = look;
	q.arg = &p;
	for (size_t i = 0; i < 3; i++) {
		p = (struct patience){ 0, 3, 0, 10000 };
		setenv("PINENTRY_USER_DATA", scripts[i], 1);
		start = os_clock_ms();
		ck_assert_int_eq(askpin(&q, &pin), E_CLOSED);
		ck_assert_int_lt((int)(os_clock_ms() - start), 3000);
		ck_assert_int_eq(p.looks, 4);
		no_children();
	}
	/* ten times a second and not more, however much the helper says: the first look is before it starts */
	p = (struct patience){ 0, 1000, 0, 10000 };
	setenv("PINENTRY_USER_DATA", "GETPIN D \\p1\\p2\\p3\\p4\\p\\p\\p\\p\\p\\p\\nOK\\n", 1);
	ck_assert_int_eq(askpin(&q, &pin), 0);
	secret_free(&pin);
	ck_assert_int_ge(p.looks, 6);
	ck_assert_int_le(p.looks, 30);
	/* not wanted to begin with: nothing is started */
	p = (struct patience){ 0, 0, 0, 0 };
	q.helper = "/nonexistent";
	ck_assert_int_eq(askpin(&q, &pin), E_CLOSED);
}
END_TEST

START_TEST(a_helper_that_cannot_start_is_no_dialog)
{
	static const char *const helpers[] = { "/nonexistent", "/dev/null", "/etc/passwd", "/", "/etc/passwd/x", "" };
	struct askpin q = question();
	struct secret *pin;
	int fds = open_fds();

	for (size_t i = 0; i < sizeof helpers / sizeof helpers[0]; i++) {
		q.helper = helpers[i];
		ck_assert_int_eq(askpin(&q, &pin), E_UNSUPPORTED);
		ck_assert_ptr_null(pin);
	}
	/* these say nothing, or the wrong thing */
	q.timeout_s = 1;
	q.helper = "/bin/true";
	ck_assert_int_eq(askpin(&q, &pin), E_UNSUPPORTED);
	q.helper = "/bin/pwd";
	ck_assert_int_eq(askpin(&q, &pin), E_UNSUPPORTED);
	no_children();
	ck_assert_int_eq(open_fds(), fds);
}
END_TEST

/* The texts as they arrive. */
START_TEST(texts_are_escaped_and_cut_to_a_line)
{
	static const char want[] =
	    "OPTION ttyname=/dev/pts/77\nOPTION ttytype=vt100\nOPTION display=:77\n"
	    "OPTION lc-ctype=C.UTF-8\nOPTION lc-messages=C.UTF-8\n"
	    "SETTITLE 100%25 _\xC3\xA4\n"
	    "SETDESC one%0Atwo%0D%1B[0m%7F\n"
	    "SETPROMPT PIN:\n"
	    "SETERROR wrong\n"
	    "SETOK __Hyv\xC3\xA4ksy__\n"
	    "SETCANCEL Cancel\n"
	    "SETTIMEOUT 7\nGETPIN\nBYE\n";
	char path[] = "/tmp/askpinXXXXXX", script[64], got[4096], text[3000];
	struct askpin q = question();
	struct secret *pin;
	const char *desc;
	size_t len;

	close(mkstemp(path));
	snprintf(script, sizeof script, "LOG %s", path);
	setenv("PINENTRY_USER_DATA", script, 1);
	setenv("GPG_TTY", "/dev/pts/77", 1);
	setenv("TERM", "vt100", 1);
	setenv("DISPLAY", ":77", 1);
	q.title = "100% _\xC3\xA4";
	q.text = "one\ntwo\r\x1B[0m\x7F";
	q.error = "wrong";
	q.ok = "_Hyv\xC3\xA4ksy_";
	q.language = "xx";
	q.timeout_s = 7;
	ck_assert_int_eq(askpin(&q, &pin), 0);
	secret_free(&pin);
	read_text(path, got, sizeof got);
	ck_assert_str_eq(got, want);

	/* no texts, no variables: no lines of theirs. A variable that would be two lines is left out */
	truncate(path, 0);
	unsetenv("TERM");
	setenv("GPG_TTY", "not a tty", 1);
	setenv("DISPLAY", ":1\nBYE", 1);
	q.title = q.error = q.ok = q.cancel = NULL;
	q.text = "t";
	ck_assert_int_eq(askpin(&q, &pin), 0);
	secret_free(&pin);
	read_text(path, got, sizeof got);
	ck_assert_ptr_null(strstr(got, "SETTITLE"));
	ck_assert_ptr_null(strstr(got, "SETOK"));
	ck_assert_ptr_null(strstr(got, "SETERROR"));
	ck_assert_ptr_null(strstr(got, "ttytype"));
	ck_assert_ptr_null(strstr(got, "display"));
	ck_assert_ptr_null(strstr(got, "not a tty"));

	/* cut between characters, whatever their place; never between the digits of an escape */
	for (size_t lead = 0; lead < 7; lead++) {
		truncate(path, 0);
		memset(text, 'x', lead);
		text[lead] = 0;
		while (strlen(text) < 2000)
			strcat(text, lead & 1 ? "\xC3\xA4\n" : "\xE2\x82\xAC%");
		q.text = text;
		ck_assert_int_eq(askpin(&q, &pin), 0);
		secret_free(&pin);
		read_text(path, got, sizeof got);
		desc = strstr(got, "SETDESC ");
		ck_assert_ptr_nonnull(desc);
		len = strcspn(desc, "\n");
		ck_assert_uint_le(len, 1000);
		ck_assert_uint_gt(len, 985);
		ck_assert_int_eq(memcmp(desc + len - 3, "\xE2\x80\xA6", 3), 0);
		desc += len - 6;
		ck_assert(memcmp(desc, "%0A", 3) == 0 || memcmp(desc, "%25", 3) == 0 ||
		    memcmp(desc + 1, "\xC3\xA4", 2) == 0 || memcmp(desc, "\xE2\x82\xAC", 3) == 0);
	}
	unlink(path);
}
END_TEST

START_TEST(the_helper_gets_what_it_needs_and_no_more)
{
	static const char *const given[] = { "HOME=/tmp/h", "DISPLAY=:3", "WAYLAND_DISPLAY=w", "XAUTHORITY=/x",
		"XDG_RUNTIME_DIR=/r", "DBUS_SESSION_BUS_ADDRESS=unix:x", "TERM=xterm", "GPG_TTY=/dev/pts/9",
		"XDG_SESSION_ID=4", "XDG_SESSION_TYPE=x11", "XDG_CURRENT_DESKTOP=d" };
	static const char *const kept[] = { "LD_PRELOAD=", "LD_LIBRARY_PATH=/x", "GTK_MODULES=evil", "GTK2_RC_FILES=/x",
		"QT_PLUGIN_PATH=/x", "IFS=x", "SECRET=s", "LANGUAGE=xx", "PATH=/tmp/evil", "LC_MESSAGES=C", "LOCPATH=/x" };
	static const char *const seen[] = { "\nenv PATH=/usr/bin:/bin\n", "\nenv LANG=C.UTF-8\n", "\nenv LC_ALL=C.UTF-8\n",
		"\nfd 0\n", "\nfd 1\n", "\nfd 2\n", "\ncwd /\n", "\nstderr /dev/null\n",
		"\nSigBlk:\t0000000000000000\n" };
	char path[] = "/tmp/askpinXXXXXX", script[64], got[8192] = "\n", want[128];
	struct askpin q = question();
	struct secret *pin;
	const char *ignored;
	int pipes[2];
	sigset_t all;

	close(mkstemp(path));
	snprintf(script, sizeof script, "REPORT %s", path);
	clearenv();
	for (size_t i = 0; i < sizeof given / sizeof given[0]; i++)
		putenv((char *)(uintptr_t)given[i]);
	for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++)
		putenv((char *)(uintptr_t)kept[i]);
	setenv("PINENTRY_USER_DATA", script, 1);
	/* what a careless host has: blocked and ignored signals, descriptors that exec does not close */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	for (int s = 1; s < 65; s++)
		if (s != SIGCHLD)
			signal(s, SIG_IGN);
	ck_assert_int_eq(pipe(pipes), 0);
	ck_assert_int_eq(dup2(pipes[1], 200), 200);
	q.language = "xx";
	ck_assert_int_eq(askpin(&q, &pin), 0);
	secret_free(&pin);

	read_text(path, got + 1, sizeof got - 1);
	unlink(path);
	for (size_t i = 0; i < sizeof given / sizeof given[0]; i++) {
		snprintf(want, sizeof want, "\nenv %s\n", given[i]);
		ck_assert_msg(strstr(got, want) != NULL, "%s is not in %s", want, got);
	}
	for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
		snprintf(want, sizeof want, "\nenv %s\n", kept[i]);
		ck_assert_msg(strstr(got, want) == NULL, "%s is in %s", want, got);
		if (strncmp(kept[i], "PATH", 4) == 0)
			continue;
		snprintf(want, sizeof want, "\nenv %.*s", (int)strcspn(kept[i], "=") + 1, kept[i]);
		ck_assert_msg(strstr(got, want) == NULL, "%s is in %s", want, got);
	}
	for (size_t i = 0; i < sizeof seen / sizeof seen[0]; i++)
		ck_assert_msg(strstr(got, seen[i]) != NULL, "%s is not in %s", seen[i], got);
	/* but for the C library's own two, which it does not let anybody touch */
	ck_assert_ptr_nonnull(ignored = strstr(got, "\nSigIgn:\t"));
	ck_assert_uint_eq(strtoull(ignored + 9, NULL, 16) & ~(3ULL << 31), 0);
	/* and no fourth descriptor */
	ck_assert_ptr_null(strstr(got, "\nfd 3"));
	ck_assert_ptr_null(strstr(got, "\nfd 200"));
	*strstr(got, "\nfd 0") = *strstr(got, "\nfd 1") = *strstr(got, "\nfd 2") = ' ';
	ck_assert_ptr_null(strstr(got, "\nfd "));
}
END_TEST

START_TEST(nothing_is_left_behind)
{
	static const struct {
		const char *script;
		int err;
	} cases[] = {
		{ "", 0 },
		{ "GETPIN ERR 99\\n", E_CANCEL },
		{ "HELLO \\q", E_UNSUPPORTED },
		{ "GETPIN \\f10000;\\n", E_UNSUPPORTED },
		{ "SETDESC ERR 1\\n", E_UNSUPPORTED },
	};
	struct secret *pin;
	int fds;

	ck_assert_int_eq(ask("", &pin), 0);
	secret_free(&pin);
	fds = open_fds();
	for (int round = 0; round < 20; round++)
		for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
			ck_assert_int_eq(ask(cases[i].script, &pin), cases[i].err);
			secret_free(&pin);
			no_children();
		}
	ck_assert_int_eq(open_fds(), fds);
}
END_TEST

/* The kernel reaps the children of such a host itself: their end is seen, their status is not. */
START_TEST(a_host_that_ignores_its_children_gets_the_pin)
{
	struct secret *pin;
	int64_t start = os_clock_ms();

	signal(SIGCHLD, SIG_IGN);
	ck_assert_int_eq(ask("", &pin), 0);
	ck_assert(view_eq(secret_view(pin), view_str("1234")));
	secret_free(&pin);
	ck_assert_int_eq(ask("HELLO \\s\\f10000;", &pin), E_UNSUPPORTED);
	ck_assert_int_lt((int)(os_clock_ms() - start), 5000);
}
END_TEST

static void *
reap(void *arg)
{
	while (!__atomic_load_n((int *)arg, __ATOMIC_ACQUIRE))
		if (waitpid(-1, NULL, 0) < 0)
			usleep(1000);
	return NULL;
}

START_TEST(a_host_that_reaps_any_child_gets_the_pin)
{
	struct secret *pin;
	pthread_t t;
	int stop = 0;

	pthread_create(&t, NULL, reap, &stop);
	for (int i = 0; i < 10; i++) {
		ck_assert_int_eq(ask("", &pin), 0);
		ck_assert(view_eq(secret_view(pin), view_str("1234")));
		secret_free(&pin);
		ck_assert_int_eq(ask("GETPIN \\q", &pin), E_UNSUPPORTED);
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
	pthread_join(t, NULL);
	no_children();
}
END_TEST

/* The peer closes its input before it answers, so that the next command is written to nobody. */
START_TEST(the_host_gets_no_sigpipe)
{
	char script[64];

	signal(SIGPIPE, SIG_DFL);
	for (size_t i = 0; i < STEPS - 1; i++) {
		snprintf(script, sizeof script, "%s \\iOK\\n\\h", steps[i]);
		fails(script, E_UNSUPPORTED);
	}
	/* there BYE is the next command, and the PIN is whole */
	gives("GETPIN \\iD 12\\nOK\\n\\h", "12", 2);
}
END_TEST

static void *
ask_title(void *arg)
{
	struct askpin q = question();
	struct secret *pin;
	void *bad = NULL;

	q.title = arg;
	for (int i = 0; i < 20 && !bad; i++) {
		if (askpin(&q, &pin) != 0 || !view_eq(secret_view(pin), view_str(arg)))
			bad = arg;
		secret_free(&pin);
	}
	return bad;
}

START_TEST(two_dialogs_at_once_keep_apart)
{
	static char titles[4][8] = { "1111", "22222", "333333", "4444444" };
	pthread_t t[4];
	void *bad;

	question();
	setenv("PINENTRY_USER_DATA", "GETPIN D \\t\\nOK\\n", 1);
	for (size_t i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, ask_title, titles[i]);
	for (size_t i = 0; i < 4; i++) {
		pthread_join(t[i], &bad);
		ck_assert_ptr_null(bad);
	}
	no_children();
}
END_TEST

/* How often the PIN stands in memory that this program can write; a sanitizer's shadows are huge. */
static int
places(const struct needle *k)
{
	static struct region r[4096];
	size_t n = remains_regions(r, 4096);
	int found = 0;

	for (size_t i = 0; i < n; i++)
		if (r[i].written && r[i].to - r[i].from < (1UL << 28) && !strstr(r[i].what, "[v") &&
		    remains_in(&r[i], k))
			found++;
	return found;
}

START_TEST(the_pin_is_in_its_cell_and_nowhere_else)
{
	/* "628073519462807351" on the way, XOR 1 */
	static const char script[] = "GETPIN D \\^739162408573916240\\^\\nOK\\n";
	static const char cancelled[] = "GETPIN D \\^739162408573916240\\^\\nERR 99\\n";
	static const char broken[] = "GETPIN D \\^739162408573916240\\^\\nwhat?\\n";
	static const char too_long[] = "GETPIN D \\^739162408573916240\\^\\nD \\f63;\\nOK\\n";
	struct needle k = { "PIN", 18, { 0 } };
	struct secret *pin;

	for (size_t i = 0; i < k.len; i++)
		k.x[i] = (uint8_t)(script[11 + i] ^ 1 ^ MASK);
	ck_assert_int_eq(places(&k), 0);
	ck_assert_int_eq(ask(script, &pin), 0);
	ck_assert_uint_eq(secret_view(pin).len, 18);
	ck_assert_int_eq(places(&k), 1);
	secret_free(&pin);
	ck_assert_int_eq(places(&k), 0);
	ck_assert_int_eq(ask(cancelled, &pin), E_CANCEL);
	ck_assert_int_eq(places(&k), 0);
	ck_assert_int_eq(ask(broken, &pin), E_UNSUPPORTED);
	ck_assert_int_eq(places(&k), 0);
	ck_assert_int_eq(ask(too_long, &pin), E_PIN_LEN);
	ck_assert_int_eq(places(&k), 0);
}
END_TEST

START_TEST(the_log_has_no_pin)
{
	char path[] = "/tmp/askpinXXXXXX", got[8192];

	close(mkstemp(path));
	log_open(LOG_APDU, path);
	gives("GETPIN D 73916240\\nOK\\n", "73916240", 8);
	fails("GETPIN D 73916240\\nwhat?\\n", E_UNSUPPORTED);
	fails("GETPIN OK\\nD 73916240\\nOK\\n", E_UNSUPPORTED);
	fails("SETDESC 73916240\\n", E_UNSUPPORTED);
	fails("SETDESC ERR 5 73916240\\n", E_UNSUPPORTED);
	log_close();
	read_text(path, got, sizeof got);
	unlink(path);
	ck_assert_ptr_nonnull(strstr(got, "out of turn"));
	ck_assert_ptr_null(strstr(got, "73916240"));
}
END_TEST

static bool
ask_poor(void *arg)
{
	struct askpin q = question();
	struct secret *pin;
	int err = askpin(&q, &pin);
	bool right = nomem_failed ? err == E_MEM || err == 0 : err == 0;

	(void)arg;
	right = right && (pin != NULL) == (err == 0);
	secret_free(&pin);
	return right && waitpid(-1, NULL, WNOHANG) < 0;
}

START_TEST(memory_that_runs_out_is_an_error)
{
	int fds;

	setenv("PINENTRY_USER_DATA", "", 1);
	setenv("TERM", "vt100", 1);
	nomem_left = 0;
	ask_poor(NULL);
	fds = open_fds();
	ck_assert_uint_gt(nomem(ask_poor, NULL), 10);
	ck_assert_int_eq(open_fds(), fds);
}
END_TEST

/* A peer in a thread: says the next line when it hears something, or after a while. */
struct player { int fd, wait_ms; struct view say; };

static void *
player_run(void *arg)
{
	struct player *p = arg;
	const uint8_t *end;
	char heard[4096];
	size_t n;

	while (p->say.len) {
		end = memchr(p->say.p, '\n', p->say.len);
		n = end ? (size_t)(end - p->say.p) + 1 : p->say.len;
		if (send(p->fd, p->say.p, n, MSG_NOSIGNAL) < 0)
			break;
		p->say = view_part(p->say, n, p->say.len);
		if (os_read_ms(p->fd, heard, sizeof heard, p->wait_ms) == 0)
			break;
	}
	shutdown(p->fd, SHUT_RDWR);
	return NULL;
}

static void
run_answers(struct view damaged, void *arg)
{
	struct askpin q = question();
	int pair[2];
	struct os_child child;
	struct player p;
	struct secret *pin;
	pthread_t t;
	int err;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	child = (struct os_child){ -1, pair[0], dup(pair[0]) };
	p = (struct player){ pair[1], ((size_t *)arg)[E_COUNT] ? 10 : 1000, damaged };
	pthread_create(&t, NULL, player_run, &p);
	err = askpin_talk(&q, "C.UTF-8", &child, &pin);
	if (err != 0 && err != E_CANCEL && err != E_UNSUPPORTED && err != E_PIN_LEN)
		abort();
	if ((err == 0) != (pin != NULL) || child.to != -1 || child.from != -1)
		abort();
	((size_t *)arg)[err]++;
	secret_free(&pin);
	pthread_join(t, NULL);
	close(pair[1]);
}

START_TEST(damaged_answers_never_hurt)
{
	static const char good[] = "OK\nOK\nERR 5\nOK\nOK\nOK\nOK\nOK\nOK\nOK\nOK\nD 1%324\nOK\nOK\n";
	size_t seen[E_COUNT + 1] = { 0 }; /* how often; and whether damage is done by now */
	struct mutate m = { view_str(good), run_answers, seen, 0 };

	/* as many answers as there are options and texts */
	setenv("TERM", "vt100", 1);
	setenv("GPG_TTY", "/dev/null", 1);
	unsetenv("DISPLAY");
	mutate_one(&m, m.good);
	ck_assert_uint_eq(seen[0], 1);
	seen[E_COUNT] = 1;
	ck_assert_uint_gt(mutate(&m), 600);
	ck_assert_uint_gt(seen[0], 20);
	ck_assert_uint_gt(seen[E_UNSUPPORTED], 100);
	ck_assert_int_lt(open_fds(), 20);
}
END_TEST

UNIT_MAIN("askpin", a_message_asks_for_nothing, the_pin_is_what_was_typed, what_does_not_fit_a_cell_is_too_long, a_person_can_cancel,
    no_answer_but_one_in_turn_will_do, a_pin_counts_only_when_it_is_whole,
    what_a_helper_need_not_know_does_no_harm, a_helper_that_talks_too_much_is_hung_up_on,
    nobody_waits_for_ever, a_dialog_nobody_wants_any_more_goes_away,
    a_helper_that_cannot_start_is_no_dialog, texts_are_escaped_and_cut_to_a_line,
    the_helper_gets_what_it_needs_and_no_more, nothing_is_left_behind,
    a_host_that_ignores_its_children_gets_the_pin, a_host_that_reaps_any_child_gets_the_pin,
    the_host_gets_no_sigpipe, two_dialogs_at_once_keep_apart, the_pin_is_in_its_cell_and_nowhere_else,
    the_log_has_no_pin, memory_that_runs_out_is_an_error, damaged_answers_never_hurt)

/* What a dialog says, by a helper that writes down what it is told; and whose turn it is. */
#include "token/dialog.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "t/fault/module.h"
#include "t/unit/children.h"
#include "t/unit/unit.h"
#include "token/dialog_text.h"

static struct world *w;
static struct reader *r;
static struct session *s;
static char said_path[] = "dialog-XXXXXX", said[65536];

static struct profile pf = { .name = (char *)(uintptr_t)"test", .model = (char *)(uintptr_t)"Model" };

/* A card of that name in a reader that is none. */
static void
begin(const char *label, const char *settings)
{
	char text[1024], helper[600];
	struct token *t = calloc(1, sizeof *t);

	built(helper, sizeof helper, "t/unit/pinpeer");
	snprintf(text, sizeof text, "rootAutoLogin = 1\npinHelper = %s\nDataPath = /nonexistent/x\n%s", helper,
	    settings);
	module_settings(text);
	unsetenv("disableCryptokiAutoLogin");
	setenv("DISPLAY", ":0", 1);
	setenv("LC_ALL", "C", 1);
	close(mkstemp(said_path));
	ck_assert_uint_eq(world_new(&w), CKR_OK);
	ck_assert(world_has_dialogs(w));
	ck_assert_ptr_nonnull(r = reader_new(w, "no such reader", 0, true));
	reader_poll(r); /* from here on it is seen as it was seen before */
	atomic_init(&t->refs, 1);
	t->pf = &pf;
	t->label = strdup(label);
	for (int i = 0; i < 2; i++) {
		t->slot[i].has_pin = true;
		t->slot[i].tries = t->slot[i].pin.tries_max = 3;
		t->slot[i].puk_tries = 10;
	}
	t->slot[1].is_pin2 = true;
	r->token = t;
	s = calloc(1, sizeof *s);
	atomic_init(&s->refs, 1);
	s->world = w;
	s->r = r;
	s->gen = r->gen;
	pthread_mutex_init(&s->lock, NULL);
	pthread_mutex_lock(&s->lock);
}

static void
end(void)
{
	pthread_mutex_unlock(&s->lock);
	session_unref(&s);
	reader_free(&r);
	world_unref(&w);
	unlink(said_path);
	no_children();
}

/* Shows one; what it was told is in `said`. */
static int
ask(unsigned pin, enum ask about, const char *error, const char *script, struct secret **out)
{
	char all[1024];
	struct turn t;
	int err;

	snprintf(all, sizeof all, "LOG %s/%s\n%s", getenv("PWD"), said_path, script);
	setenv("PINENTRY_USER_DATA", all, 1);
	ck_assert_int_eq(truncate(said_path, 0), 0);
	s->pin = pin;
	ck_assert_int_eq(turn_take(s, false, &t), 0);
	err = dialog_ask(&t, about, error, out);
	turn_end(&t, err);
	read_text(said_path, said, sizeof said);
	return err;
}

static void
shows(unsigned pin, enum ask about)
{
	struct secret *typed = NULL;

	ck_assert_int_eq(ask(pin, about, NULL, "", &typed), 0);
	ck_assert(view_eq(secret_view(typed), view_str("1234")));
	secret_free(&typed);
}

static bool
has_line(const char *line)
{
	const char *p = strstr(said, line);

	return p && (p == said || p[-1] == '\n') && p[strlen(line)] == '\n';
}

START_TEST(each_question_has_its_words)
{
	static const struct { unsigned pin; enum ask about; const char *first, *prompt; } cases[] = {
		{ 0, ASK_USE, "Enter PIN1 to log in with your card.", "SETPROMPT PIN1:" },
		{ 1, ASK_USE, "Enter PIN2 to sign with your card. The signature is legally binding.",
		    "SETPROMPT PIN2:" },
		{ 0, ASK_OLD, "Enter the current PIN1 of your card.", "SETPROMPT PIN1:" },
		{ 1, ASK_OLD, "Enter the current PIN2 of your card.", "SETPROMPT PIN2:" },
		{ 0, ASK_NEW, "Enter a new PIN1.", "SETPROMPT New PIN:" },
		{ 1, ASK_NEW, "Enter a new PIN2.", "SETPROMPT New PIN:" },
		{ 0, ASK_PUK, "Enter the PUK of your card.", "SETPROMPT PUK:" },
	};
	char exe[512], want[2048];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);

	ck_assert_int_gt((int)n, 0);
	exe[n] = 0;
	begin("Card", "");
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		shows(cases[i].pin, cases[i].about);
		/* first ours, then what others say; the library is that of test cards */
		snprintf(want, sizeof want, "SETDESC %s%%0ACard: TEST CARD Card (%s)%%0AProgram: %s",
		    cases[i].first, cases[i].pin ? "PIN2 signature" : "PIN1 login", exe);
		ck_assert_msg(has_line(want), "case %zu: want %s in\n%s", i, want, said);
		ck_assert_msg(has_line(cases[i].prompt), "case %zu:\n%s", i, said);
		ck_assert(has_line("SETTITLE Castor PIN") && has_line("SETOK OK") && has_line("SETCANCEL Cancel"));
		ck_assert(has_line("SETTIMEOUT 120") && !strstr(said, "SETERROR"));
	}
	end();
}
END_TEST

START_TEST(a_pin1_that_signs_says_so)
{
	begin("Card", "pinDialogTimeout = 11\n");
	r->token->slot[0].is_pin2 = true;
	r->token->slot[1].is_pin2 = false;
	shows(0, ASK_USE);
	ck_assert(strstr(said, "Enter PIN1 to sign with your card. The signature is legally binding.") != NULL);
	shows(1, ASK_USE);
	ck_assert(strstr(said, "Enter PIN2 to use your card.") != NULL);
	ck_assert(has_line("SETTIMEOUT 11"));
	end();
}
END_TEST

START_TEST(few_tries_are_told)
{
	static const struct { enum ask about; int tries, max, puk; const char *line; } cases[] = {
		{ ASK_USE, 3, 3, 10, NULL }, { ASK_USE, -1, 3, 10, NULL }, { ASK_USE, 2, -1, 10, NULL },
		{ ASK_USE, 2, 3, 10, "%0A2 tries left.%0ACard" },
		{ ASK_USE, 1, 3, 10, "%0AThis is the last try: a wrong PIN blocks the card's PIN.%0ACard" },
		{ ASK_USE, 1, -1, 10, "%0AThis is the last try: a wrong PIN blocks the card's PIN.%0ACard" },
		{ ASK_OLD, 2, 3, 10, "%0A2 tries left.%0ACard" }, { ASK_NEW, 1, 3, 10, NULL },
		{ ASK_PUK, 3, 3, 2, NULL }, /* nobody knows how many it had */
		{ ASK_PUK, 3, 3, 1, "%0AThis is the last try: a wrong PUK blocks the card for good.%0ACard" },
	};

	begin("Card", "");
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		r->token->slot[0].tries = cases[i].tries;
		r->token->slot[0].pin.tries_max = cases[i].max;
		r->token->slot[0].puk_tries = cases[i].puk;
		shows(0, cases[i].about);
		if (cases[i].line)
			ck_assert_msg(strstr(said, cases[i].line) != NULL, "case %zu:\n%s", i, said);
		else
			ck_assert_msg(!strstr(said, "left") && !strstr(said, "last try"), "case %zu:\n%s", i, said);
	}
	end();
}
END_TEST

START_TEST(a_card_cannot_put_words_into_our_mouth)
{
	begin("\n\xE2\x80\xAE<b>&", ""); /* more is cut off */
	shows(0, ASK_USE);
	ck_assert(strstr(said, "SETDESC Enter PIN1 to log in with your card.%0ACard: ") != NULL);
	ck_assert(strstr(said, "TEST CARD ???b?? (PIN1 login)") != NULL);
	ck_assert(!strstr(said, "\xE2\x80\xAE") && !strchr(said, '<'));
	end();
}
END_TEST

START_TEST(what_was_wrong_is_told)
{
	struct secret *typed = NULL;

	begin("Card", "Language = fi\n");
	ck_assert_int_eq(ask(0, ASK_USE, dialog_texts[DIALOG_WRONG], "", &typed), 0);
	ck_assert(strstr(said, "SETERROR ") && !has_line("SETERROR Wrong PIN."));
	secret_free(&typed);
	end();
}
END_TEST

START_TEST(a_new_pin_is_typed_twice)
{
	struct secret *typed = NULL;
	char queue[] = "dialog-queue-XXXXXX", script[256];
	int fd = mkstemp(queue);

	ck_assert_int_gt((int)write(fd, "D 1111\\nOK\\n\nD 2222\\nOK\\n\nD 3333\\nOK\\n\nD 3333\\nOK\\n\n", 52), 0);
	close(fd);
	begin("Card", "");
	snprintf(script, sizeof script, "QUEUE %s/%s\n", getenv("PWD"), queue);
	ck_assert_int_eq(ask(0, ASK_NEW, dialog_texts[DIALOG_LENGTH], script, &typed), 0);
	ck_assert(view_eq(secret_view(typed), view_str("3333")));
	secret_free(&typed);
	ck_assert(has_line("SETPROMPT Again:") && has_line("SETERROR The two PINs are not the same."));
	/* the second time it is cancelled */
	fd = open(queue, O_WRONLY | O_TRUNC);
	ck_assert_int_gt((int)write(fd, "D 1111\\nOK\\n\nERR 99\\n\n", 21), 0);
	close(fd);
	ck_assert_int_eq(ask(0, ASK_NEW, NULL, script, &typed), E_CANCEL);
	ck_assert_ptr_null(typed);
	unlink(queue);
	end();
}
END_TEST

START_TEST(bad_ends)
{
	struct secret *typed = NULL;

	begin("Card", "");
	ck_assert_int_eq(ask(0, ASK_USE, NULL, "GETPIN ERR 83886179\\n\n", &typed), E_CANCEL);
	ck_assert(world_has_dialogs(w));
	ck_assert_int_eq(ask(0, ASK_USE, NULL, "GETPIN D \\f64;\\nOK\\n\n", &typed), E_PIN_LEN);
	ck_assert_ptr_null(typed);
	ck_assert(world_has_dialogs(w));
	ck_assert_int_eq(ask(0, ASK_USE, NULL, "GETPIN \\q\n", &typed), E_UNSUPPORTED);
	ck_assert_ptr_null(typed);
	ck_assert(!world_has_dialogs(w));
	end();
}
END_TEST

static void
quoted(const char *foreign, const char *want)
{
	struct buf b = BUF_INIT;

	dialog_quote(&b, foreign);
	ck_assert_msg(view_eq(buf_peek(&b), view_str(want)), "\"%s\" became \"%s\"", foreign, buf_text(&b));
	buf_free(&b);
}

START_TEST(foreign_text_is_made_harmless)
{
	quoted("", "");
	quoted("plain text, 100 %", "plain text, 100 %");
	quoted("\xC3\xA4\xC3\xB6 \xE2\x82\xAC \xF0\x9F\x90\xBB", "\xC3\xA4\xC3\xB6 \xE2\x82\xAC \xF0\x9F\x90\xBB");
	quoted("a\nb\rc\td\x1B[1m\x7F", "a?b?c?d?[1m?");
	quoted("<b>&lt;</b>", "?b??lt;?/b?");
	/* C1 controls, direction marks and overrides, line and paragraph separators, isolates, BOM */
	quoted("\xC2\x80\xC2\x9F\xC2\xA0", "??\xC2\xA0");
	quoted("\xD8\x9C\xE2\x80\x8E\xE2\x80\x8F", "???");
	quoted("\xE2\x80\xA7\xE2\x80\xA8\xE2\x80\xA9\xE2\x80\xAA\xE2\x80\xAB\xE2\x80\xAC\xE2\x80\xAD\xE2\x80\xAE\xE2\x80\xAF",
	    "\xE2\x80\xA7???????\xE2\x80\xAF");
	quoted("\xE2\x81\xA6\xE2\x81\xA7\xE2\x81\xA8\xE2\x81\xA9\xEF\xBB\xBF", "?????");
	/* no UTF-8: a byte at a time */
	quoted("\xFFx\xC3", "?x?");
	quoted("\xC0\xAF\xED\xA0\x80y", "?????y");
}
END_TEST

START_TEST(foreign_text_is_cut)
{
	char long_one[1000] = "";
	struct buf b = BUF_INIT;

	memset(long_one, 'x', 500);
	dialog_quote(&b, long_one);
	ck_assert_uint_eq(b.len, 200);
	buf_reset(&b);
	for (int i = 0; i < 300; i++)
		memcpy(long_one + 2 * i, "\xC3\xA4", 3);
	dialog_quote(&b, long_one);
	ck_assert_uint_eq(b.len, 400); /* characters, not bytes */
	buf_reset(&b);
	memset(long_one, '\xFF', 500);
	long_one[500] = 0;
	dialog_quote(&b, long_one);
	ck_assert_uint_eq(b.len, 200);
	buf_free(&b);
}
END_TEST

UNIT_MAIN("dialog", each_question_has_its_words, a_pin1_that_signs_says_so, few_tries_are_told,
    a_card_cannot_put_words_into_our_mouth, what_was_wrong_is_told, a_new_pin_is_typed_twice, bad_ends,
    foreign_text_is_made_harmless, foreign_text_is_cut)

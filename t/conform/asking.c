/*
 * While a person is asked: threads and programs that wait for one another, cards and sessions that
 * go, resets by others, helpers that are no good.
 *
 *   asking [limits] MODULE        (environment: kit.h, dialogs.h)
 *
 * The first reader has t/cards/myeid-citizen.yaml, the second one another card; pinDialogTimeout is
 * 10. limits: pinCacheTimeout is 1, pinCacheUses 3, and these are looked at.
 */
#include "config.h"

#include "t/conform/dialogs.h"
#include "t/conform/kit.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define COUNT(a) (sizeof (a) / sizeof (a)[0])

enum { MANY = 8, SOME = 4, SETTLE_MS = 500, AT_ONCE_MS = 1000, SOON_MS = 4000, DIALOG_MS = 10000 };
enum { CARD1_PIN1, CARD1_PIN2, CARD2, SLOTS };

static const char pin1[] = "1234", pin2[] = "123456";
static CK_SLOT_ID slots[8];
static CK_OBJECT_HANDLE keys[SLOTS];
static CK_SESSION_HANDLE h[SLOTS];

static CK_RV login(CK_SESSION_HANDLE s, const char *pin)
{
	return kit.f->C_Login(s, CKU_USER, (CK_BYTE *)(uintptr_t)pin, pin != NULL ? strlen(pin) : 0);
}

static CK_FLAGS flags(void)
{
	CK_TOKEN_INFO i;

	return kit.f->C_GetTokenInfo(slots[CARD1_PIN1], &i) == CKR_OK ? i.flags : ~0UL;
}

/* Slots, a session in each of them, and its key. */
static void open_all(void)
{
	CK_ULONG n = COUNT(slots), k = 0;
	CK_TOKEN_INFO info;
	CK_SLOT_ID all[8];

	if (kit.f->C_GetSlotList(CK_TRUE, NULL, &n) != CKR_OK || n < SLOTS || n > COUNT(all)
	    || kit.f->C_GetSlotList(CK_TRUE, all, &n) != CKR_OK)
		tap_bail("not the slots of two cards, but %lu", n);
	for (CK_ULONG i = 0; i < n && k < SLOTS; i++)
		if (kit.f->C_GetTokenInfo(all[i], &info) == CKR_OK)
			slots[k++] = all[i];
	for (size_t i = 0; i < SLOTS; i++) {
		kit.slot = slots[i];
		h[i] = kit_session(CKF_RW_SESSION);
		keys[i] = kit_find_key(h[i], CKO_PRIVATE_KEY, CKK_RSA);
		if (keys[i] == CK_INVALID_HANDLE)
			tap_bail("no private key is listed in slot %lu", slots[i]);
	}
	kit.slot = slots[CARD1_PIN1];
}

/* A library and a first card as new. */
static void begin(const char *doing)
{
	tap_doing(doing);
	kit.f->C_Finalize(NULL);
	console("remove");
	console("setpin 1 %s", pin1);
	console("setpin 2 %s", pin2);
	console("tries 1 3");
	console("tries 2 3");
	console("insert");
	dialogs_will(PIN("1234"), NULL);
	kit_start();
	open_all();
}

/* -- threads ----------------------------------------------------------------------------------- */

struct asker {
	pthread_t thread;
	CK_SESSION_HANDLE h;
	CK_OBJECT_HANDLE key;
	bool logs_in; /* C_Login without a PIN, instead of a signature */
	CK_RV r;
	uint64_t ended;
	atomic_bool done;
};

static void *asker(void *arg)
{
	struct asker *a = arg;

	a->r = a->logs_in ? login(a->h, NULL) : kit_sign(a->h, a->key);
	a->ended = kit_ms();
	a->done = true;
	return NULL;
}

static void start(struct asker *a, size_t slot, CK_SESSION_HANDLE s, bool logs_in)
{
	a->h = s;
	a->key = keys[slot];
	a->logs_in = logs_in;
	a->done = false;
	pthread_create(&a->thread, NULL, asker, a);
}

static bool ends_within(struct asker *a, unsigned ms)
{
	uint64_t end = kit_ms() + ms;

	while (!a->done && kit_ms() < end)
		kit_sleep_ms(10);
	if (!a->done)
		return false;
	pthread_join(a->thread, NULL);
	return true;
}

/* n threads that all need the PIN of a slot; how many ended so. */
static size_t together(size_t slot, size_t n, bool held, CK_RV want)
{
	static struct asker a[MANY];
	size_t so = 0;

	for (size_t i = 0; i < n; i++) {
		kit.slot = slots[slot];
		start(&a[i], slot, kit_session(0), false);
	}
	if (held) {
		dialogs_wait(1);
		kit_sleep_ms(SETTLE_MS);
		dialogs_release();
	}
	for (size_t i = 0; i < n; i++) {
		if (!ends_within(&a[i], 4 * DIALOG_MS))
			tap_bail("a thread hangs");
		if (a[i].r != want)
			tap_note("thread %zu: %s", i, rv_name(a[i].r));
		so += a[i].r == want;
		kit.f->C_CloseSession(a[i].h);
	}
	return so;
}

static void threads(void)
{
	begin("threads");
	dialogs_hold(PIN("1234"));
	tap(together(CARD1_PIN1, MANY, true, CKR_OK) == MANY, "threads: all %d sign with PIN1", MANY);
	tap(dialogs_shown() == 1, "threads: after one dialog");
	begin("threads, cancel");
	dialogs_hold(CANCEL);
	tap(together(CARD1_PIN1, MANY, true, CKR_FUNCTION_REJECTED) == MANY,
	    "threads: a cancel is everybody's");
	tap(dialogs_shown() == 1, "threads: of the one dialog");
	dialogs_will(PIN("1234"), NULL);
	tap_rv(kit_sign(h[CARD1_PIN1], keys[CARD1_PIN1]), CKR_OK, "threads: but not for ever");
	begin("threads, wrong");
	dialogs_will(PIN("9999"), PIN("1234"), NULL);
	tap(together(CARD1_PIN1, MANY, false, CKR_OK) == MANY, "threads: all sign after a wrong PIN1");
	tap(dialogs_shown() == 2 && card_tries(1) == 3, "threads: and two dialogs");
	begin("threads, PIN2");
	dialogs_will(PIN("123456"), NULL);
	tap(together(CARD1_PIN2, SOME, false, CKR_OK) == SOME, "threads: all %d sign with PIN2", SOME);
	tap(dialogs_shown() == SOME && dialogs_at_once() == 1,
	    "threads: each after a dialog of its own, one after the other");
	tap(!card_is_open(2) && card_tries(2) == 3, "threads: and PIN2 is closed");
}

/* -- programs ---------------------------------------------------------------------------------- */

struct program { pid_t pid; int to, from; };

/* The other end: one letter is one thing to do, its answer is what came of it. */
static int be_program(void)
{
	CK_RV r = CKR_OK;
	char what;

	kit_start();
	open_all();
	while (write(1, &r, sizeof r) == (ssize_t)sizeof r && read(0, &what, 1) == 1)
		r = what == 's' ? kit_sign(h[CARD1_PIN1], keys[CARD1_PIN1]) :
		    what == 'S' ? kit_sign(h[CARD1_PIN2], keys[CARD1_PIN2]) :
		    login(h[CARD1_PIN1], pin1);
	return 0;
}

static bool answer_of(struct program *p, CK_RV *r)
{
	return read(p->from, r, sizeof *r) == (ssize_t)sizeof *r;
}

static void run_program(struct program *p)
{
	int in[2], out[2];
	CK_RV r;

	fflush(stdout);
	if (pipe(in) != 0 || pipe(out) != 0)
		tap_bail("pipe");
	p->pid = fork();
	if (p->pid == 0) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		for (int fd = 3; fd < 256; fd++)
			close(fd);
		execl("/proc/self/exe", "asking", "program", kit.path, (char *)NULL);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	p->to = in[1];
	p->from = out[0];
	if (!answer_of(p, &r))
		tap_bail("another program does not start");
}

static void tell(struct program *p, char what)
{
	if (write(p->to, &what, 1) != 1)
		tap_bail("another program is gone");
}

static void end_program(struct program *p)
{
	close(p->to);
	close(p->from);
	waitpid(p->pid, NULL, 0);
}

static size_t all_answer(struct program *p, size_t n, CK_RV want)
{
	size_t so = 0;
	CK_RV r = ~0UL;

	for (size_t i = 0; i < n; i++) {
		if (!answer_of(&p[i], &r))
			tap_bail("program %zu is gone", i);
		if (r != want)
			tap_note("program %zu: %s", i, rv_name(r));
		so += r == want;
	}
	return so;
}

static void programs(void)
{
	struct program p[SOME];

	begin("programs");
	for (size_t i = 0; i < SOME; i++)
		run_program(&p[i]);
	dialogs_hold(PIN("1234"));
	for (size_t i = 0; i < SOME; i++)
		tell(&p[i], 's');
	dialogs_wait(1);
	kit_sleep_ms(SETTLE_MS);
	tap(dialogs_shown() == 1, "programs: one dialog for %d of them", SOME);
	dialogs_release();
	tap(all_answer(p, SOME, CKR_OK) == SOME && dialogs_shown() == 1,
	    "programs: and all sign: the card is open");
	dialogs_will(PIN("123456"), NULL);
	for (size_t i = 0; i < SOME; i++)
		tell(&p[i], 'S');
	tap(all_answer(p, SOME, CKR_OK) == SOME && dialogs_shown() == SOME
	    && dialogs_at_once() == 1, "programs: with PIN2 each asks, one after the other");
	tap(!card_is_open(2), "programs: and PIN2 is closed");
	for (size_t i = 0; i < SOME; i++)
		end_program(&p[i]);
}

static void stopped_program(void)
{
	struct program p[2];
	uint64_t since;

	begin("a stopped program");
	for (size_t i = 0; i < 2; i++)
		run_program(&p[i]);
	dialogs_hold(PIN("1234"));
	tell(&p[0], 's');
	dialogs_wait(1);
	kill(p[0].pid, SIGSTOP);
	since = kit_ms();
	tell(&p[1], 's');
	kit_sleep_ms(2 * SETTLE_MS);
	tap(dialogs_shown() == 1, "stopped: another one waits for its turn");
	while (dialogs_shown() < 2 && kit_ms() - since < 3 * DIALOG_MS)
		kit_sleep_ms(50);
	since = kit_ms() - since;
	tap(since > DIALOG_MS / 2 && since < DIALOG_MS + SOON_MS,
	    "stopped: but no longer than for a dialog: %lu ms", (unsigned long)since);
	dialogs_release();
	tap(all_answer(&p[1], 1, CKR_OK) == 1, "stopped: it signs");
	kill(p[0].pid, SIGCONT);
	tap(all_answer(p, 1, CKR_OK) == 1, "stopped: and so does the first, when it goes on");
	for (size_t i = 0; i < 2; i++)
		end_program(&p[i]);
}

/* -- kept PINs --------------------------------------------------------------------------------- */

static void changed_elsewhere(bool by_us)
{
	const char *how = by_us ? "changed by us" : "changed from outside";
	struct program p[SOME];
	int left;

	begin(how);
	for (size_t i = 0; i < SOME; i++) {
		run_program(&p[i]);
		tell(&p[i], 'l');
	}
	tap(all_answer(p, SOME, CKR_OK) == SOME, "%s: all programs hold PIN1", how);
	console("reset");
	for (size_t i = 0; i < SOME; i++)
		tell(&p[i], 's');
	tap(all_answer(p, SOME, CKR_OK) == SOME && dialogs_shown() == 0,
	    "%s: and enter it silently after a reset", how);
	if (by_us)
		tap_rv(kit.f->C_SetPIN(h[CARD1_PIN1], (CK_BYTE *)(uintptr_t)pin1, 4,
				       (CK_BYTE *)(uintptr_t)"7351", 4), CKR_OK, "%s: C_SetPIN", how);
	else
		console("setpin 1 7351");
	console("reset");
	dialogs_will(CANCEL, NULL);
	for (size_t i = 0; i < SOME; i++)
		tell(&p[i], 's');
	tap(all_answer(p, SOME, CKR_FUNCTION_REJECTED) == SOME, "%s: now they ask", how);
	left = card_tries(1);
	tap(left >= (by_us ? 3 : 2), "%s: at the price of %s, %d are left", how,
	    by_us ? "no try" : "one try at most", left);
	for (size_t i = 0; i < SOME; i++)
		end_program(&p[i]);
}

static void resets(void)
{
	CK_SESSION_INFO info;
	CK_RV r = CKR_OK;

	begin("resets");
	tap_rv(login(h[CARD1_PIN1], NULL), CKR_OK, "resets: a login by dialog");
	for (int i = 0; i < 10 && r == CKR_OK; i++) {
		console("reset");
		r = kit_sign(h[CARD1_PIN1], keys[CARD1_PIN1]);
	}
	tap_rv(r, CKR_OK, "resets: ten of them, ten signatures");
	tap(dialogs_shown() == 1, "resets: and no further dialog");
	tap(card_tries(1) == 3, "resets: nor a try lost");
	console("tries 1 2");
	console("reset");
	dialogs_will(CANCEL, NULL);
	tap_rv(kit_sign(h[CARD1_PIN1], keys[CARD1_PIN1]), CKR_FUNCTION_REJECTED,
	       "resets: somebody has tried a PIN: asked");
	tap(dialogs_shown() == 1 && card_tries(1) == 2 && !card_is_open(1),
	    "resets: and what was kept is not sent");
	dialogs_will(PIN("1234"), NULL);
	tap_rv(kit_sign(h[CARD1_PIN1], keys[CARD1_PIN1]), CKR_OK, "resets: an answer goes on");
	tap(kit.f->C_GetSessionInfo(h[CARD1_PIN1], &info) == CKR_OK
	    && info.state == CKS_RW_USER_FUNCTIONS, "resets: and the user is in as before");
	console("reset");
	tap_rv(kit_sign(h[CARD1_PIN1], keys[CARD1_PIN1]), CKR_OK, "resets: kept once more");
	tap(dialogs_shown() == 1, "resets: and used");
	begin("resets with few tries");
	kit.f->C_Finalize(NULL);
	console("remove");
	console("tries 1 2");
	console("insert");
	kit_start();
	open_all();
	tap_rv(login(h[CARD1_PIN1], NULL), CKR_OK, "few tries: a login");
	console("reset");
	tap_rv(kit_sign(h[CARD1_PIN1], keys[CARD1_PIN1]), CKR_OK, "few tries: a reset");
	tap(dialogs_shown() == 1, "few tries: asks nothing");
}

static void limits(void)
{
	CK_SESSION_HANDLE s;
	CK_OBJECT_HANDLE key;
	CK_RV r = CKR_OK;

	begin("limits");
	s = h[CARD1_PIN1];
	key = keys[CARD1_PIN1];
	for (int i = 0; i < 3 && r == CKR_OK; i++)
		r = kit_sign(s, key);
	tap(r == CKR_OK && dialogs_shown() == 1, "limits: a PIN serves three times");
	tap_rv(kit_sign(s, key), CKR_OK, "limits: then again");
	tap(dialogs_shown() == 2, "limits: after another dialog");
	kit_sleep_ms(1500);
	tap_rv(kit_sign(s, key), CKR_OK, "limits: after a second and a half");
	tap(dialogs_shown() == 3, "limits: another dialog");
	tap_rv(kit_sign(s, key), CKR_OK, "limits: at once");
	tap(dialogs_shown() == 3, "limits: no dialog");
	kit_sleep_ms(1500);
	dialogs_will(CANCEL, NULL);
	tap_rv(kit_sign(s, key), CKR_FUNCTION_REJECTED, "limits: later, cancelled");
	tap(!card_is_open(1), "limits: the card was made to forget it");
}

/* -- while a dialog is open -------------------------------------------------------------------- */

static void remove_card(void)
{
	console("remove");
}

static void change_card(void)
{
	console("remove");
	console("insert");
}

static void close_session(void)
{
	kit.f->C_CloseSession(h[CARD1_PIN2]);
}

static void close_sessions(void)
{
	kit.f->C_CloseAllSessions(slots[CARD1_PIN2]);
}

static void finalize(void)
{
	kit.f->C_Finalize(NULL);
}

static const struct {
	const char *what;
	void (*run)(void);
	CK_RV want;
} events[] = {
	{ "the card is taken out", remove_card, CKR_DEVICE_REMOVED },
	{ "the card is changed", change_card, CKR_DEVICE_REMOVED },
	{ "the session is closed", close_session, CKR_SESSION_HANDLE_INVALID },
	{ "all sessions are closed", close_sessions, CKR_SESSION_HANDLE_INVALID },
	{ "C_Finalize", finalize, CKR_CRYPTOKI_NOT_INITIALIZED },
};

/* Also of those who wait for their turn while another one's dialog is open. */
static void interrupted(size_t event, bool logs_in)
{
	const char *what = events[event].what, *call = logs_in ? "C_Login" : "C_Sign";
	struct asker a = { 0 }, second = { 0 };
	bool has_second = event != 2;
	uint64_t since;

	begin(what);
	dialogs_hold(PIN("123456"));
	start(&a, CARD1_PIN2, h[CARD1_PIN2], logs_in);
	if (!dialogs_wait(1))
		tap_bail("no dialog");
	if (has_second) {
		kit.slot = slots[CARD1_PIN2];
		start(&second, CARD1_PIN2, kit_session(0), logs_in);
		kit_sleep_ms(100);
	}
	since = kit_ms();
	events[event].run();
	tap(kit_ms() - since < SOON_MS, "%s while %s asks: at once", what, call);
	if (!ends_within(&a, DIALOG_MS) || (has_second && !ends_within(&second, DIALOG_MS)))
		tap_bail("%s while %s asks: it hangs", what, call);
	tap_rv(a.r, events[event].want, "%s while %s asks", what, call);
	if (has_second)
		tap_rv(second.r, events[event].want, "%s while %s waits for its turn", what, call);
	tap(a.ended - since < SOON_MS, "%s: within seconds", what);
	tap(dialogs_open_now() == 0 && dialogs_shown() == 1, "%s: the dialog is taken away", what);
	console("insert");
	tap(!card_is_open(2) && card_tries(2) == 3, "%s: the card was not given the PIN", what);
	begin("afterwards");
	dialogs_will(PIN("123456"), NULL);
	tap_rv(kit_sign(h[CARD1_PIN2], keys[CARD1_PIN2]), CKR_OK, "%s: afterwards all is well", what);
}

static void busy_session(void)
{
	CK_MECHANISM m = { CKM_SHA256_RSA_PKCS, NULL, 0 };
	CK_SESSION_HANDLE s;
	struct asker a = { 0 };
	CK_BYTE b[512] = { 0 };
	CK_ULONG n = sizeof b;

	begin("a busy session");
	s = h[CARD1_PIN2];
	dialogs_hold(PIN("123456"));
	start(&a, CARD1_PIN2, s, false);
	dialogs_wait(1);
	tap_rv(kit.f->C_SignInit(s, &m, keys[CARD1_PIN2]), CKR_OPERATION_ACTIVE, "busy: C_SignInit");
	tap_rv(kit.f->C_SignInit(s, NULL, 0), CKR_OPERATION_ACTIVE, "busy: C_SignInit to cancel");
	tap_rv(kit.f->C_Sign(s, b, 1, b, &n), CKR_OPERATION_ACTIVE, "busy: C_Sign");
	tap_rv(kit.f->C_Sign(s, b, 1, NULL, &n), CKR_OPERATION_ACTIVE, "busy: C_Sign for the length");
	tap_rv(kit.f->C_Sign(s, b, 1, b, NULL), CKR_OPERATION_ACTIVE, "busy: C_Sign with bad arguments");
	tap_rv(kit.f->C_SignUpdate(s, b, 1), CKR_OPERATION_ACTIVE, "busy: C_SignUpdate");
	tap_rv(kit.f->C_SignFinal(s, b, &n), CKR_OPERATION_ACTIVE, "busy: C_SignFinal");
	tap_rv(kit.f->C_SignFinal(s, b, NULL), CKR_OPERATION_ACTIVE, "busy: C_SignFinal with bad arguments");
	m.mechanism = CKM_SHA256;
	tap_rv(kit.f->C_DigestInit(s, &m), CKR_OK, "busy: a digest is another matter");
	n = sizeof b;
	tap_rv(kit.f->C_Digest(s, b, 1, b, &n), CKR_OK, "busy: and is made");
	dialogs_release();
	tap(ends_within(&a, SOON_MS) && a.r == CKR_OK, "busy: the signature is made in the end");
	tap_rv(kit_sign_init(s, keys[CARD1_PIN2]), CKR_OK, "busy: and is over");
}

static uint64_t longest;

static void took(const char *what, uint64_t since)
{
	uint64_t ms = kit_ms() - since;

	longest = ms > longest ? ms : longest;
	tap(ms < AT_ONCE_MS, "meanwhile: %s: %lu ms", what, (unsigned long)ms);
}

static void others_go_on(size_t slot)
{
	static const char *const pins[] = { pin1, pin2, pin1 };
	CK_SESSION_HANDLE other;
	CK_SESSION_INFO session;
	struct asker a = { 0 };
	CK_OBJECT_HANDLE o[64];
	uint64_t since;

	begin("meanwhile");
	kit.slot = slots[slot];
	other = kit_session(0);
	dialogs_hold(slot == CARD1_PIN2 ? PIN("123456") : PIN("1234"));
	start(&a, slot, h[slot], false);
	dialogs_wait(1);
	since = kit_ms();
	tap(flags() != ~0UL, "meanwhile: C_GetTokenInfo");
	took("C_GetTokenInfo", since);
	since = kit_ms();
	tap_rv(kit.f->C_GetSessionInfo(h[slot], &session), CKR_OK, "meanwhile: the session that asks");
	took("C_GetSessionInfo", since);
	since = kit_ms();
	tap(kit_find(h[slot], NULL, 0, o, COUNT(o)) > 0 && kit_find(other, NULL, 0, o, COUNT(o)) > 0,
	    "meanwhile: objects are found");
	took("C_FindObjects", since);
	for (size_t i = 0; i < SLOTS; i++) {
		if (i == slot)
			continue;
		since = kit_ms();
		tap_rv(login(h[i], pins[i]), CKR_OK, "meanwhile: a login in slot %lu", slots[i]);
		tap_rv(kit_sign(h[i], keys[i]), CKR_OK, "meanwhile: a signature in slot %lu", slots[i]);
		took("login and signature", since);
	}
	tap(!a.done && dialogs_open_now() == 1, "meanwhile: the dialog is still open");
	dialogs_release();
	tap(ends_within(&a, SOON_MS) && a.r == CKR_OK, "meanwhile: and the signature is made");
}

static void forked(void)
{
	struct asker a = { 0 };
	CK_INFO info;
	int status = -1;
	uint64_t since;
	pid_t pid;

	begin("fork");
	dialogs_hold(PIN("1234"));
	start(&a, CARD1_PIN1, h[CARD1_PIN1], false);
	dialogs_wait(1);
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		alarm(30);
		if (kit.f->C_GetInfo(&info) != CKR_CRYPTOKI_NOT_INITIALIZED)
			_exit(1);
		if (kit.f->C_Initialize(NULL) != CKR_OK)
			_exit(2);
		open_all();
		if (login(h[CARD2], pin1) != CKR_OK || kit_sign(h[CARD2], keys[CARD2]) != CKR_OK)
			_exit(3);
		if (kit.f->C_Finalize(NULL) != CKR_OK)
			_exit(4);
		/* stays for a while, with a copy of all descriptors */
		kit_sleep_ms(3000);
		_exit(0);
	}
	kit_sleep_ms(SETTLE_MS);
	tap(!a.done && dialogs_open_now() == 1, "fork: the parent's dialog stays");
	dialogs_release();
	tap(ends_within(&a, SOON_MS) && a.r == CKR_OK, "fork: and is answered");
	dialogs_will(PIN("123456"), NULL);
	since = kit_ms();
	tap_rv(kit_sign(h[CARD1_PIN2], keys[CARD1_PIN2]), CKR_OK, "fork: the next dialog");
	tap(kit_ms() - since < 2000, "fork: need not wait for the child");
	waitpid(pid, &status, 0);
	tap(WIFEXITED(status) && WEXITSTATUS(status) == 0, "fork: the child is a program of its own");
	if (status != 0)
		tap_note("status %x", (unsigned)status);
}

/* -- helpers that are no good ------------------------------------------------------------------ */

static void hostile(void)
{
	static const char *const scripts[] = {
		"HELLO what do you want?\\n", "HELLO \\f100000;", "HELLO \\q", "HELLO \\c", "HELLO ERR 99\\n",
		"OPTION \\q", "SETTITLE \\q", "SETDESC \\q", "SETDESC ERR 5\\n", "SETPROMPT \\q",
		"SETOK \\q", "SETCANCEL \\q", "SETTIMEOUT \\q", "GETPIN \\q", "GETPIN \\c",
		"GETPIN D 1234\\n\\q", "GETPIN D 1234\\q", "GETPIN D 12%zz\\nOK\\n", "GETPIN \\f10000000;",
		"GETPIN \\a1000000;OK\\n", "GETPIN INQUIRE x\\n", "GETPIN ERR 1 x\\n", "GETPIN OK\\nD 1234\\n",
		"GETPIN D 1234\\nOK\\nOK\\nD 1\\n", "GETPIN hello\\n", "GETPIN ERR\\n",
	};

	for (size_t i = 0; i < COUNT(scripts); i++) {
		dialogs_script(scripts[i]);
		begin(scripts[i]);
		dialogs_will(NULL, NULL);
		tap((flags() & CKF_PROTECTED_AUTHENTICATION_PATH) != 0, "hostile: before \"%s\"",
		    scripts[i]);
		tap_rv(kit_sign(h[CARD1_PIN1], keys[CARD1_PIN1]), CKR_USER_NOT_LOGGED_IN,
		       "hostile: C_Sign, \"%s\"", scripts[i]);
		tap((flags() & CKF_PROTECTED_AUTHENTICATION_PATH) == 0,
		    "hostile: nobody can be asked after \"%s\"", scripts[i]);
		tap_rv(login(h[CARD1_PIN1], NULL), CKR_ARGUMENTS_BAD, "hostile: C_Login says so");
		begin(scripts[i]);
		dialogs_will(NULL, NULL);
		tap_rv(login(h[CARD1_PIN2], NULL), CKR_FUNCTION_FAILED, "hostile: C_Login, \"%s\"",
		       scripts[i]);
		tap(card_tries(1) == 3 && card_tries(2) == 3, "hostile: no try is lost");
		tap_rv(login(h[CARD1_PIN1], pin1), CKR_OK, "hostile: a PIN as an argument is right");
	}
	dialogs_script("");
}

int main(int argc, char **argv)
{
	const char *mode = argc == 3 ? argv[1] : "";

	kit_open(argc - (argc == 3), argv + (argc == 3));
	if (strcmp(mode, "program") == 0)
		return be_program();
	if (!kit.dialogs)
		tap_bail("CASTOR_TEST_DIALOGS is not set");
	tap_watchdog(60);
	dialogs_open();
	if (strcmp(mode, "limits") == 0) {
		limits();
		goto out;
	}
	threads();
	programs();
	changed_elsewhere(false);
	changed_elsewhere(true);
	resets();
	for (size_t i = 0; i < COUNT(events); i++) {
		interrupted(i, false);
		interrupted(i, true);
	}
	busy_session();
	others_go_on(CARD1_PIN1);
	others_go_on(CARD1_PIN2);
	others_go_on(CARD2);
	tap_note("the longest of them took %lu ms", (unsigned long)longest);
	forked();
	hostile();
	stopped_program();
out:
	tap_rv(kit.f->C_Finalize(NULL), CKR_OK, "C_Finalize");
	return tap_end();
}

/*
 * PINs of a card with two of them: logging in, what a login is good for, changing and unblocking, by
 * arguments and by dialogs; what is told of the tries left.
 *
 *   logins MODULE        (environment: kit.h, dialogs.h)
 *
 * The card is t/cards/myeid-citizen.yaml. With CASTOR_TEST_DIALOGS the dialogs are looked at too.
 */
#include "config.h"

#include "t/conform/dialogs.h"
#include "t/conform/kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define COUNT(a) (sizeof (a) / sizeof (a)[0])

/* What token/feature.h and libcryptoki(7) say of the object that tells of tries. */
#define VENDOR (CKA_VENDOR_DEFINED | 0x43530000UL)
#define KIND_PIN (VENDOR | 0x01UL)
#define ATTR_NUMBER (VENDOR | 0x10UL)
#define ATTR_TRIES (VENDOR | 0x11UL)
#define ATTR_TRIES_MAX (VENDOR | 0x12UL)
#define ATTR_PUK_TRIES (VENDOR | 0x13UL)
#define ATTR_EACH_TIME (VENDOR | 0x14UL)

enum { TRIES = 3, PUK_TRIES = 10 };

static const struct side {
	const char *name, *right, *wrong, *other, *too_short, *too_long;
	CK_ULONG number;
	bool each_time;
} sides[2] = {
	{ "PIN1", "1234", "9999", "7351", "123", "123456789", 1, false },
	{ "PIN2", "123456", "999999", "735192", "12345", "123456789", 2, true },
};
static const struct side *side; /* whose turn it is */
static CK_SLOT_ID slots[2];
static CK_SESSION_HANDLE h;

static CK_RV login(CK_SESSION_HANDLE s, CK_USER_TYPE user, const char *pin)
{
	return kit.f->C_Login(s, user, (CK_BYTE *)(uintptr_t)pin, pin != NULL ? strlen(pin) : 0);
}

static CK_RV set_pin(const char *old, const char *new)
{
	return kit.f->C_SetPIN(h, (CK_BYTE *)(uintptr_t)old, old != NULL ? strlen(old) : 0,
			       (CK_BYTE *)(uintptr_t)new, new != NULL ? strlen(new) : 0);
}

static CK_RV init_pin(const char *new)
{
	return kit.f->C_InitPIN(h, (CK_BYTE *)(uintptr_t)new, new != NULL ? strlen(new) : 0);
}

static CK_OBJECT_HANDLE key_of(CK_SESSION_HANDLE s)
{
	return kit_find_key(s, CKO_PRIVATE_KEY, CKK_RSA);
}

static CK_STATE state(CK_SESSION_HANDLE s)
{
	CK_SESSION_INFO i;

	return kit.f->C_GetSessionInfo(s, &i) == CKR_OK ? i.state : ~0UL;
}

static CK_FLAGS flags(void)
{
	CK_TOKEN_INFO i;

	return kit.f->C_GetTokenInfo(kit.slot, &i) == CKR_OK ? i.flags : ~0UL;
}

static bool tries_are(int n)
{
	int seen = card_tries((unsigned)side->number);

	if (seen != n)
		tap_note("%d tries left", seen);
	return seen == n;
}

static bool is_closed(void)
{
	return !card_is_open((unsigned)side->number);
}

/* The card as it came, but for the tries of the PIN; out of the reader and in again. */
static void begin_with(size_t which, int tries, const char *doing)
{
	tap_doing(doing);
	side = &sides[which];
	kit.slot = slots[which];
	if (!kit_take_out())
		tap_bail("the card does not go");
	for (size_t i = 0; i < 2; i++) {
		console("setpin %lu %s", sides[i].number, sides[i].right);
		console("tries %lu %d", sides[i].number, TRIES);
	}
	console("tries %lu %d", side->number, tries);
	if (!kit_put_in())
		tap_bail("the card does not come back");
	h = kit_session(CKF_RW_SESSION);
}

static void begin(size_t which, const char *doing)
{
	begin_with(which, TRIES, doing);
}

/* -- PINs given by the program ----------------------------------------------------------------- */

static void impossible_pins(size_t which)
{
	static CK_BYTE long_one[4096];
	static const CK_ULONG lengths[] = { 0, 1, 255, sizeof long_one };
	CK_BYTE nul[9], foreign[9];
	CK_ULONG n;

	begin(which, "impossible PINs");
	memset(long_one, '1', sizeof long_one);
	for (size_t i = 0; i < COUNT(lengths); i++) {
		tap_rv(kit.f->C_Login(h, CKU_USER, long_one, lengths[i]), CKR_PIN_INCORRECT,
		       "%s: a PIN of %lu bytes is wrong", side->name, lengths[i]);
		tap(tries_are(TRIES), "%s: and costs no try", side->name);
	}
	n = strlen(side->right);
	memcpy(nul, side->right, n + 1);
	tap_rv(kit.f->C_Login(h, CKU_USER, nul, n + 1), CKR_PIN_INCORRECT,
	       "%s: the PIN and a NUL is another PIN", side->name);
	tap(tries_are(TRIES), "%s: and costs no try", side->name);
	nul[2] = 0;
	tap_rv(kit.f->C_Login(h, CKU_USER, nul, n), CKR_PIN_INCORRECT, "%s: a NUL in it",
	       side->name);
	tap(tries_are(TRIES), "%s: and costs no try", side->name);
	memcpy(foreign, side->right, n + 1);
	foreign[0] = 0xc3;
	foreign[1] = 0xa4;
	tap_rv(kit.f->C_Login(h, CKU_USER, foreign, n), CKR_PIN_INCORRECT,
	       "%s: a letter that is not ASCII", side->name);
	tap(tries_are(TRIES), "%s: and costs no try", side->name);
	tap(state(h) == CKS_RW_PUBLIC_SESSION && is_closed(), "%s: none of them logs in",
	    side->name);
	tap_rv(login(h, CKU_USER, side->right), CKR_OK, "%s: the right one does", side->name);
}

static void logins(size_t which)
{
	const CK_FLAGS trouble = CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY
		| CKF_USER_PIN_LOCKED;

	begin(which, "logins");
	tap((flags() & trouble) == 0, "%s: no flag at first sight", side->name);
	tap_rv(login(h, CKU_USER, side->wrong), CKR_PIN_INCORRECT, "%s: a wrong PIN", side->name);
	tap(tries_are(2) && (flags() & trouble) == CKF_USER_PIN_COUNT_LOW,
	    "%s: CKF_USER_PIN_COUNT_LOW", side->name);
	tap(state(h) == CKS_RW_PUBLIC_SESSION && is_closed(), "%s: nobody is in", side->name);
	tap_rv(login(h, CKU_USER, side->right), CKR_OK, "%s: the right PIN", side->name);
	tap(tries_are(TRIES) && (flags() & trouble) == 0, "%s: the flag is gone", side->name);
	tap(state(h) == CKS_RW_USER_FUNCTIONS, "%s: the user is in", side->name);
	tap(is_closed() == side->each_time, "%s: the card %s", side->name,
	    side->each_time ? "was made to forget it" : "keeps it open");
	tap_rv(login(h, CKU_USER, side->wrong), CKR_USER_ALREADY_LOGGED_IN,
	       "%s: again, whatever the PIN", side->name);
	tap_rv(login(h, CKU_SO, "12345678"), CKR_USER_ANOTHER_ALREADY_LOGGED_IN,
	       "%s: the SO beside the user", side->name);
	tap(tries_are(TRIES), "%s: and no try is spent", side->name);
	tap_rv(kit.f->C_Logout(h), CKR_OK, "%s: C_Logout", side->name);
	tap(is_closed(), "%s: which the card was told", side->name);
	tap_rv(login(h, CKU_SO, "12345678"), CKR_OK, "%s: the SO", side->name);
	tap_rv(login(h, CKU_USER, side->right), CKR_USER_ANOTHER_ALREADY_LOGGED_IN,
	       "%s: the user beside the SO", side->name);
	tap_rv(kit.f->C_Logout(h), CKR_OK, "%s: C_Logout of the SO", side->name);
	if (kit.dialogs)
		return;
	tap_rv(kit.f->C_Login(h, CKU_USER, NULL, 0), CKR_ARGUMENTS_BAD,
	       "%s: no PIN, and nobody to ask", side->name);
	tap_rv(kit.f->C_Login(h, CKU_SO, NULL, 0), CKR_ARGUMENTS_BAD,
	       "%s: no PUK, and nobody to ask", side->name);
	tap_rv(set_pin(NULL, side->other), CKR_ARGUMENTS_BAD, "%s: no old PIN", side->name);
	tap_rv(set_pin(side->right, NULL), CKR_ARGUMENTS_BAD, "%s: no new PIN", side->name);
	tap((flags() & CKF_PROTECTED_AUTHENTICATION_PATH) == 0,
	    "%s: CKF_PROTECTED_AUTHENTICATION_PATH is not set", side->name);
}

static void last_try(size_t which)
{
	begin_with(which, 1, "the last try");
	tap((flags() & (CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY | CKF_USER_PIN_LOCKED))
	    == (CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY),
	    "%s: CKF_USER_PIN_FINAL_TRY at first sight", side->name);
	tap_rv(login(h, CKU_USER, side->wrong), CKR_PIN_LOCKED, "%s: a wrong one blocks it",
	       side->name);
	tap(tries_are(0) && flags() & CKF_USER_PIN_LOCKED, "%s: CKF_USER_PIN_LOCKED", side->name);
	tap_rv(login(h, CKU_USER, side->right), CKR_PIN_LOCKED, "%s: now the right one is no good",
	       side->name);
	begin_with(which, 0, "blocked");
	tap(flags() & CKF_USER_PIN_LOCKED, "%s: CKF_USER_PIN_LOCKED at first sight", side->name);
	tap_rv(login(h, CKU_USER, side->right), CKR_PIN_LOCKED, "%s: C_Login says so", side->name);
	tap_rv(set_pin(side->right, side->other), CKR_PIN_LOCKED, "%s: C_SetPIN says so",
	       side->name);
	begin_with(which, 2, "two tries");
	/* the card does not say how many it gives */
	tap((flags() & (CKF_USER_PIN_FINAL_TRY | CKF_USER_PIN_LOCKED)) == 0,
	    "%s: neither the last one nor blocked", side->name);
}

static void changes(size_t which)
{
	begin(which, "C_SetPIN");
	tap_rv(set_pin(side->right, side->too_short), CKR_PIN_LEN_RANGE, "%s: too short",
	       side->name);
	tap_rv(set_pin(side->right, side->too_long), CKR_PIN_LEN_RANGE, "%s: too long",
	       side->name);
	tap_rv(set_pin(side->right, ""), CKR_PIN_LEN_RANGE, "%s: nothing at all", side->name);
	tap_rv(set_pin("", side->other), CKR_PIN_INCORRECT, "%s: no old one", side->name);
	tap(tries_are(TRIES), "%s: none of that spent a try", side->name);
	tap_rv(set_pin(side->wrong, side->other), CKR_PIN_INCORRECT, "%s: a wrong old one",
	       side->name);
	tap(tries_are(2) && flags() & CKF_USER_PIN_COUNT_LOW, "%s: spent one, and it is told",
	    side->name);
	tap_rv(set_pin(side->right, side->other), CKR_OK, "%s: C_SetPIN in public", side->name);
	tap(is_closed(), "%s: and the card is not left open", side->name);
	tap((flags() & CKF_USER_PIN_COUNT_LOW) == 0, "%s: the flag is gone", side->name);
	tap_rv(login(h, CKU_USER, side->right), CKR_PIN_INCORRECT, "%s: the old one is wrong",
	       side->name);
	tap_rv(login(h, CKU_USER, side->other), CKR_OK, "%s: the new one is right", side->name);
	tap_rv(set_pin(side->other, side->right), CKR_OK, "%s: C_SetPIN of the user", side->name);
	tap(is_closed() == side->each_time, "%s: who stays in", side->name);
	tap(state(h) == CKS_RW_USER_FUNCTIONS, "%s: and is told so", side->name);
	if (!side->each_time)
		tap_rv(kit_sign(h, key_of(h)), CKR_OK, "%s: and signs", side->name);
	tap(tries_are(TRIES), "%s: with all the tries", side->name);
}

static void unblocking(size_t which)
{
	begin_with(which, 0, "C_InitPIN");
	tap_rv(login(h, CKU_SO, "00000000"), CKR_OK, "%s: a PUK is not tried by C_Login",
	       side->name);
	tap_rv(init_pin(side->too_short), CKR_PIN_LEN_RANGE, "%s: C_InitPIN, too short",
	       side->name);
	tap_rv(init_pin(side->other), CKR_PIN_INCORRECT, "%s: but by C_InitPIN", side->name);
	tap(state(h) == CKS_RW_PUBLIC_SESSION, "%s: and the SO is out", side->name);
	tap_rv(init_pin(side->other), CKR_USER_NOT_LOGGED_IN, "%s: C_InitPIN without the SO",
	       side->name);
	tap_rv(login(h, CKU_SO, "12345678"), CKR_OK, "%s: the right PUK", side->name);
	tap_rv(init_pin(side->other), CKR_OK, "%s: unblocks", side->name);
	tap(tries_are(TRIES) && (flags() & CKF_USER_PIN_LOCKED) == 0,
	    "%s: all tries are back, and it is told", side->name);
	tap(is_closed(), "%s: and the card is not left open", side->name);
	tap_rv(kit.f->C_Logout(h), CKR_OK, "%s: C_Logout of the SO", side->name);
	tap_rv(login(h, CKU_USER, side->other), CKR_OK, "%s: the new PIN is right", side->name);
}

/* -- one PIN2, one signature ------------------------------------------------------------------- */

static const struct rvs not_in = { 2, { CKR_USER_NOT_LOGGED_IN, CKR_KEY_HANDLE_INVALID } };

static void one_login_one_signature(void)
{
	CK_OBJECT_HANDLE key;

	begin(1, "one login, one signature");
	tap_rv(login(h, CKU_USER, side->right), CKR_OK, "PIN2: a login");
	key = key_of(h);
	tap(kit_attr_true(h, key, CKA_ALWAYS_AUTHENTICATE), "PIN2: CKA_ALWAYS_AUTHENTICATE");
	tap_rv(kit_sign(h, key), CKR_OK, "PIN2: serves one signature");
	tap(is_closed(), "PIN2: after which the card is closed");
	if (kit.dialogs)
		return;
	tap_rv(kit_sign(h, key), CKR_USER_NOT_LOGGED_IN, "PIN2: and no second one");
	tap(state(h) == CKS_RW_PUBLIC_SESSION, "PIN2: the session is public");
	tap_rv(login(h, CKU_USER, side->right), CKR_OK, "PIN2: C_Login again");
	tap_rv(kit_sign(h, key), CKR_OK, "PIN2: and one more, with the same handle");
	tap(tries_are(TRIES) && is_closed(), "PIN2: no try lost, nothing open");
}

static void context_logins(void)
{
	CK_SESSION_HANDLE b;
	CK_OBJECT_HANDLE key;

	begin(0, "context-specific, PIN1");
	login(h, CKU_USER, side->right);
	key = key_of(h);
	tap_rv(login(h, CKU_CONTEXT_SPECIFIC, side->right), CKR_OPERATION_NOT_INITIALIZED,
	       "context: no operation");
	kit_sign_init(h, key);
	tap_rv(login(h, CKU_CONTEXT_SPECIFIC, side->right), CKR_OPERATION_NOT_INITIALIZED,
	       "context: a key that does not ask for it");
	tap_rv(kit_sign_end(h), CKR_OK, "context: whose operation goes on");

	begin(1, "context-specific, PIN2");
	tap_rv(login(h, CKU_CONTEXT_SPECIFIC, side->right), CKR_OPERATION_NOT_INITIALIZED,
	       "context, PIN2: no operation");
	login(h, CKU_USER, side->right);
	key = key_of(h);
	tap_rv(kit_sign_init(h, key), CKR_OK, "context, PIN2: C_SignInit");
	tap_rv(login(h, CKU_CONTEXT_SPECIFIC, ""), CKR_PIN_INCORRECT, "context, PIN2: an empty one");
	tap(tries_are(TRIES), "context, PIN2: which costs no try");
	tap_rv(login(h, CKU_CONTEXT_SPECIFIC, side->wrong), CKR_PIN_INCORRECT,
	       "context, PIN2: a wrong one");
	tap(tries_are(2), "context, PIN2: which costs one");
	tap_rv(kit_sign_init(h, key), CKR_OPERATION_ACTIVE, "context, PIN2: the operation waits");
	tap_rv(login(h, CKU_CONTEXT_SPECIFIC, side->right), CKR_OK, "context, PIN2: the right one");
	tap(is_closed(), "context, PIN2: verified, and not left open");
	tap_rv(kit_sign_end(h), CKR_OK, "context, PIN2: C_Sign");
	tap(is_closed() && tries_are(TRIES), "context, PIN2: and nothing is open");

	begin(1, "context-specific, another session");
	b = kit_session(0);
	login(h, CKU_USER, side->right);
	key = key_of(h);
	kit_sign_init(h, key);
	tap_rv(login(h, CKU_CONTEXT_SPECIFIC, side->right), CKR_OK, "context: for this session");
	if (kit.dialogs)
		dialogs_will(CANCEL, NULL);
	tap_rv(kit_sign(b, key), kit.dialogs ? CKR_FUNCTION_REJECTED : CKR_USER_NOT_LOGGED_IN,
	       "context: not for another one");
	if (kit.dialogs)
		tap(dialogs_shown() == 1, "context: where the person was asked");
	tap_rv(kit_sign_end(h), CKR_OK, "context: this one signs");
	if (!kit.dialogs)
		tap_rvs(kit_sign(h, key), &not_in, "context: once");
	tap(is_closed() && tries_are(TRIES), "context: and nothing is open");

	begin(1, "context-specific, blocked");
	login(h, CKU_USER, side->right);
	key = key_of(h);
	kit_sign_init(h, key);
	console("tries 2 1");
	tap_rv(login(h, CKU_CONTEXT_SPECIFIC, side->wrong), CKR_PIN_LOCKED,
	       "context: the last wrong one");
	tap(state(h) == CKS_RW_PUBLIC_SESSION, "context: logs out");
}

/* -- the end of a login ------------------------------------------------------------------------ */

static void ends(void)
{
	CK_SESSION_HANDLE second;

	begin(0, "the end of a login");
	second = kit_session(0);
	login(h, CKU_USER, side->right);
	tap(!is_closed(), "end: PIN1 is open after a login");
	kit.f->C_CloseSession(second);
	tap(!is_closed(), "end: and after a session was closed");
	kit.f->C_CloseSession(h);
	tap(is_closed(), "end: not after the last one");
	h = kit_session(0);
	login(h, CKU_USER, side->right);
	kit.f->C_CloseAllSessions(kit.slot);
	tap(is_closed(), "end: nor after C_CloseAllSessions");
	h = kit_session(0);
	login(h, CKU_USER, side->right);
	kit.f->C_Finalize(NULL);
	tap(is_closed(), "end: nor after C_Finalize");
	kit_start();
}

/* Another program: logs in, says so, and stays until its input ends. */
static int neighbour(char **argv)
{
	char c;

	kit_open(2, argv);
	kit_start();
	kit_pick_slot();
	h = kit_session(0);
	if (login(h, CKU_USER, sides[0].right) != CKR_OK || write(1, "x", 1) != 1)
		return 1;
	while (read(0, &c, 1) > 0)
		;
	return 0;
}

static void opened_by_others(char **argv)
{
	int in[2], out[2];
	pid_t pid;
	char c;

	begin(0, "opened by others");
	fflush(stdout);
	if (pipe(in) != 0 || pipe(out) != 0)
		tap_bail("pipe");
	pid = fork();
	if (pid == 0) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		close(in[1]);
		close(out[0]);
		setenv("disableCryptokiAutoLogin", "1", 1);
		execl("/proc/self/exe", argv[0], argv[1], "neighbour", (char *)NULL);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	tap(read(out[0], &c, 1) == 1 && !is_closed(), "neighbour: has opened the card");
	tap_rv(login(h, CKU_USER, side->wrong), CKR_PIN_INCORRECT,
	       "neighbour: an open card takes no wrong PIN");
	tap_rv(login(h, CKU_USER, ""), CKR_PIN_INCORRECT, "neighbour: nor an empty one");
	tap(state(h) == CKS_RW_PUBLIC_SESSION, "neighbour: nobody is in");
	if (!kit.dialogs)
		tap_rv(kit.f->C_Login(h, CKU_USER, NULL, 0), CKR_ARGUMENTS_BAD,
		       "neighbour: nor none at all");
	tap(key_of(h) == 0 || kit.dialogs, "neighbour: no key is to be seen");
	tap_rv(login(h, CKU_USER, side->right), CKR_OK, "neighbour: the right one is verified");
	tap(tries_are(TRIES), "neighbour: as the tries show");
	close(in[1]);
	close(out[0]);
	waitpid(pid, NULL, 0);
}

/* -- what is told of the tries ----------------------------------------------------------------- */

static CK_OBJECT_HANDLE feature(size_t *n)
{
	CK_OBJECT_CLASS cls = CKO_HW_FEATURE;
	CK_ATTRIBUTE t = { CKA_CLASS, &cls, sizeof cls };
	CK_OBJECT_HANDLE o[4] = { 0 };

	*n = kit_find(h, &t, 1, o, COUNT(o));
	return o[0];
}

static void told_by_an_object(size_t which)
{
	CK_OBJECT_HANDLE all[64], o;
	CK_BBOOL yes = CK_TRUE;
	CK_ATTRIBUTE token = { CKA_TOKEN, &yes, 1 };
	size_t n, features = 0;

	begin_with(which, 2, "the object of tries");
	for (size_t round = 0; round < 2; round++) {
		n = kit_find(h, &token, round, all, COUNT(all));
		for (size_t i = 0; i < n; i++)
			features += kit_attr_ulong(h, all[i], CKA_CLASS) == CKO_HW_FEATURE;
	}
	tap(features == 0, "%s: no hardware feature is found by chance", side->name);
	o = feature(&n);
	tap(n == 1, "%s: but by its class", side->name);
	tap(kit_attr_ulong(h, o, CKA_HW_FEATURE_TYPE) == KIND_PIN
	    && kit_attr_ulong(h, o, ATTR_NUMBER) == side->number, "%s: and says what it is",
	    side->name);
	tap(kit_attr_true(h, o, ATTR_EACH_TIME) == side->each_time, "%s: and how it is used",
	    side->name);
	tap(!kit_attr_true(h, o, CKA_PRIVATE) && !kit_attr_true(h, o, CKA_MODIFIABLE),
	    "%s: it is nobody's to change", side->name);
	tap(kit_attr_ulong(h, o, ATTR_TRIES) == 2 && kit_attr_ulong(h, o, ATTR_PUK_TRIES) == PUK_TRIES, "%s: tries at first sight",
	    side->name);
	login(h, CKU_USER, side->wrong);
	tap(kit_attr_ulong(h, o, ATTR_TRIES) == 1, "%s: tries after a wrong PIN", side->name);
	login(h, CKU_USER, side->right);
	tap(kit_attr_ulong(h, o, ATTR_TRIES) == TRIES
	    && kit_attr_ulong(h, o, ATTR_TRIES_MAX) == TRIES, "%s: tries after the right one",
	    side->name);
	kit.f->C_Logout(h);
	login(h, CKU_SO, "00000000");
	init_pin(side->other);
	tap(kit_attr_ulong(h, o, ATTR_PUK_TRIES) == PUK_TRIES - 1, "%s: tries of the PUK",
	    side->name);
	kit.f->C_CloseAllSessions(kit.slot);
	login(h = kit_session(CKF_RW_SESSION), CKU_SO, "12345678");
	init_pin(side->right);
}

/* -- PINs asked of a person -------------------------------------------------------------------- */

/* "D PIN", OK. */
static const char *typed(const char *pin)
{
	static char script[8][64];
	static unsigned turn;
	char *p = script[turn++ % 8];

	snprintf(p, sizeof script[0], "D %s\\nOK\\n", pin);
	return p;
}

static void login_by_dialog(size_t which)
{
	begin(which, "C_Login by dialog");
	tap((flags() & CKF_PROTECTED_AUTHENTICATION_PATH) != 0,
	    "%s: CKF_PROTECTED_AUTHENTICATION_PATH", side->name);
	tap(key_of(h) != CK_INVALID_HANDLE, "%s: private keys are listed", side->name);
	dialogs_will(CANCEL, NULL);
	tap_rv(login(h, CKU_USER, NULL), CKR_FUNCTION_CANCELED, "%s: a cancel", side->name);
	tap(dialogs_shown() == 1 && dialogs_said(side->each_time ? "PIN2" : "PIN1"),
	    "%s: of the one dialog", side->name);
	dialogs_will(TIMEOUT, NULL);
	tap_rv(login(h, CKU_USER, NULL), CKR_FUNCTION_CANCELED, "%s: nobody answers", side->name);
	dialogs_will(typed(side->wrong), typed(side->too_short), typed(""), typed(side->right),
		     NULL);
	tap_rv(login(h, CKU_USER, NULL), CKR_OK, "%s: wrong, too short, nothing, right",
	       side->name);
	tap(dialogs_shown() == 4 && dialogs_said("Wrong PIN") && dialogs_said("too short")
	    && dialogs_said("2 tries left"), "%s: four dialogs, which say why", side->name);
	tap(tries_are(TRIES) && state(h) == CKS_RW_USER_FUNCTIONS, "%s: the user is in",
	    side->name);
	kit.f->C_Logout(h);
	dialogs_will(typed(side->wrong), CANCEL, NULL);
	tap_rv(login(h, CKU_USER, NULL), CKR_FUNCTION_CANCELED, "%s: wrong, cancelled", side->name);
	tap(tries_are(2), "%s: one try was spent", side->name);
	dialogs_will(typed(side->wrong), typed(side->right), NULL);
	tap_rv(login(h, CKU_USER, NULL), CKR_PIN_INCORRECT,
	       "%s: wrong with one more try: not asked again", side->name);
	tap(dialogs_shown() == 1 && tries_are(1), "%s: one dialog", side->name);
	dialogs_will(typed(side->wrong), typed(side->right), NULL);
	tap_rv(login(h, CKU_USER, NULL), CKR_PIN_LOCKED, "%s: wrong with the last try", side->name);
	tap(dialogs_shown() == 1 && tries_are(0) && dialogs_said("last try"),
	    "%s: one dialog, which has warned", side->name);
	dialogs_will(typed(side->right), NULL);
	tap_rv(login(h, CKU_USER, NULL), CKR_PIN_LOCKED, "%s: blocked", side->name);
	tap(dialogs_shown() == 0, "%s: nobody is asked for a blocked PIN", side->name);
}

static void sign_by_dialog(size_t which)
{
	CK_OBJECT_HANDLE key;
	CK_RV r = CKR_OK;

	begin(which, "C_Sign by dialog");
	key = key_of(h);
	dialogs_will(CANCEL, NULL);
	tap_rv(kit_sign(h, key), CKR_FUNCTION_REJECTED, "%s: C_Sign, cancelled", side->name);
	dialogs_will(typed(side->wrong), typed(side->right), NULL);
	tap_rv(kit_sign(h, key), CKR_OK, "%s: C_Sign, wrong, right", side->name);
	tap(dialogs_shown() == 2 && tries_are(TRIES), "%s: two dialogs", side->name);
	tap(state(h) == CKS_RW_PUBLIC_SESSION, "%s: which is no login", side->name);
	for (int i = 0; i < 3 && r == CKR_OK; i++)
		r = kit_sign(h, key);
	tap_rv(r, CKR_OK, "%s: three more signatures", side->name);
	tap(dialogs_shown() == (side->each_time ? 5 : 2), "%s: %s", side->name,
	    side->each_time ? "one dialog each" : "no more dialogs");
	tap(is_closed() == side->each_time, "%s: the card is %s", side->name,
	    side->each_time ? "closed after each" : "open");
	tap_rv(kit.f->C_Logout(h), CKR_USER_NOT_LOGGED_IN, "%s: C_Logout of nobody", side->name);
	tap(is_closed(), "%s: closes what a dialog has opened", side->name);
	key = key_of(h);
	login(h, CKU_USER, side->right);
	dialogs_will(CANCEL, NULL);
	tap_rv(kit_sign(h, key_of(h)), CKR_OK, "%s: after C_Login no dialog", side->name);
	if (side->each_time) {
		dialogs_will(typed(side->right), NULL);
		tap_rv(kit_sign(h, key_of(h)), CKR_OK, "%s: the next one asks", side->name);
		tap(dialogs_shown() == 1 && state(h) == CKS_RW_USER_FUNCTIONS,
		    "%s: the user is in all the same", side->name);
	}
	begin_with(which, 0, "C_Sign, blocked");
	dialogs_will(typed(side->right), NULL);
	tap_rv(kit_sign(h, key_of(h)), CKR_USER_NOT_LOGGED_IN, "%s: blocked, C_Sign", side->name);
	tap(dialogs_shown() == 0, "%s: blocked, nobody is asked", side->name);
	begin_with(which, 1, "C_Sign, last try");
	dialogs_will(typed(side->wrong), typed(side->right), NULL);
	tap_rv(kit_sign(h, key_of(h)), CKR_USER_NOT_LOGGED_IN, "%s: the last wrong one, C_Sign",
	       side->name);
	tap(dialogs_shown() == 1 && tries_are(0), "%s: one dialog", side->name);
}

static void context_by_dialog(void)
{
	CK_OBJECT_HANDLE key;

	begin(1, "context-specific by dialog");
	key = key_of(h);
	kit_sign_init(h, key);
	dialogs_will(CANCEL, NULL);
	tap_rv(login(h, CKU_CONTEXT_SPECIFIC, NULL), CKR_FUNCTION_CANCELED,
	       "context by dialog: a cancel");
	tap_rv(kit_sign_init(h, key), CKR_OPERATION_ACTIVE, "context by dialog: the operation waits");
	dialogs_will(typed(side->wrong), typed(side->right), NULL);
	tap_rv(login(h, CKU_CONTEXT_SPECIFIC, NULL), CKR_OK, "context by dialog: wrong, right");
	tap(dialogs_shown() == 2 && is_closed(), "context by dialog: verified, not left open");
	tap_rv(kit_sign_end(h), CKR_OK, "context by dialog: C_Sign");
	tap(dialogs_shown() == 2 && is_closed(), "context by dialog: asks nothing more");
	/* "login, begin, context-specific login without a PIN": one signature, one question */
	dialogs_will(typed(side->right), NULL);
	login(h, CKU_USER, NULL);
	kit_sign_init(h, key_of(h));
	tap_rv(login(h, CKU_CONTEXT_SPECIFIC, NULL), CKR_OK, "context by dialog: after a login");
	tap_rv(kit_sign_end(h), CKR_OK, "context by dialog: signs");
	tap(dialogs_shown() == 1 && is_closed(), "context by dialog: one signature, one question");
}

static void change_by_dialog(size_t which)
{
	begin(which, "C_SetPIN by dialog");
	dialogs_will(CANCEL, NULL);
	tap_rv(set_pin(NULL, NULL), CKR_FUNCTION_CANCELED, "%s: C_SetPIN, cancelled", side->name);
	dialogs_will(typed(side->too_short), typed(side->too_short), typed(side->too_long),
		     typed(side->too_long), typed(side->other), typed(side->wrong),
		     typed(side->other), typed(side->other), NULL);
	tap_rv(set_pin(side->right, NULL), CKR_OK, "%s: too short, too long, different, right",
	       side->name);
	tap(dialogs_shown() == 8 && dialogs_said("too short") && dialogs_said("too long")
	    && dialogs_said("not the same"), "%s: which the dialogs say", side->name);
	dialogs_will(typed(side->wrong), typed(side->other), NULL);
	tap_rv(set_pin(NULL, side->right), CKR_OK, "%s: the old one, wrong, right", side->name);
	tap(dialogs_shown() == 2 && tries_are(TRIES), "%s: two dialogs", side->name);
	console("tries %lu 2", side->number);
	dialogs_will(typed(side->wrong), typed(side->right), NULL);
	tap_rv(set_pin(NULL, side->other), CKR_PIN_INCORRECT,
	       "%s: wrong with one more try: not asked again", side->name);
	tap(dialogs_shown() == 1 && tries_are(1), "%s: one dialog", side->name);
	begin_with(which, 0, "C_InitPIN by dialog");
	dialogs_will(typed("12345678"), NULL);
	tap_rv(login(h, CKU_SO, NULL), CKR_OK, "%s: the PUK by a dialog", side->name);
	tap(dialogs_said("PUK"), "%s: that says so", side->name);
	dialogs_will(CANCEL, NULL);
	tap_rv(init_pin(NULL), CKR_FUNCTION_CANCELED, "%s: C_InitPIN, cancelled", side->name);
	dialogs_will(typed(side->other), NULL);
	tap_rv(init_pin(NULL), CKR_OK, "%s: C_InitPIN by dialog", side->name);
	tap(dialogs_shown() == 2 && is_closed() && tries_are(TRIES), "%s: asked for twice",
	    side->name);
	kit.f->C_Logout(h);
	tap_rv(login(h, CKU_USER, side->other), CKR_OK, "%s: and it is so", side->name);
}

int main(int argc, char **argv)
{
	CK_ULONG n = 0;

	if (argc == 3)
		return neighbour(argv);
	kit_open(argc, argv);
	if (kit.remove == NULL || kit.insert == NULL)
		tap_bail("CASTOR_TEST_REMOVE and CASTOR_TEST_INSERT are not set");
	tap_watchdog(60);
	if (kit.dialogs) {
		dialogs_open();
		dialogs_will(CANCEL, NULL);
	}
	kit_start();
	if (kit.f->C_GetSlotList(CK_TRUE, NULL, &n) != CKR_OK || n != 2
	    || kit.f->C_GetSlotList(CK_TRUE, slots, &n) != CKR_OK)
		tap_bail("not two slots with a token, but %lu", n);
	for (size_t i = 0; i < 2; i++) {
		impossible_pins(i);
		logins(i);
		last_try(i);
		changes(i);
		unblocking(i);
		told_by_an_object(i);
	}
	one_login_one_signature();
	context_logins();
	ends();
	opened_by_others(argv);
	for (size_t i = 0; i < 2 && kit.dialogs; i++) {
		login_by_dialog(i);
		sign_by_dialog(i);
		change_by_dialog(i);
	}
	if (kit.dialogs)
		context_by_dialog();
	begin(0, "the end");
	tap_rv(kit.f->C_Finalize(NULL), CKR_OK, "C_Finalize");
	return tap_end();
}

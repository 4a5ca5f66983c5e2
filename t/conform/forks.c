/*
 * The fork rules: a child is another application. It sees "not initialised", may start afresh, and
 * whatever it does leaves the parent's sessions and card alone.
 *
 *   forks MODULE        (environment: kit.h)
 */
#include "config.h"

#include "t/conform/kit.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define COUNT(a) (sizeof (a) / sizeof (a)[0])

enum { FORKS = 10, CHILD_SECONDS = 60, BUSY = 4 };

static CK_SESSION_HANDLE parents;
static bool in_child;

/*
 * LeakSanitizer asks this at exit. A child can neither use nor take down what it has inherited from
 * its parent (locks held by threads that are not there, a PC/SC context): it lets it lie.
 */
int __lsan_is_turned_off(void);
__attribute__((visibility("default"))) int __lsan_is_turned_off(void)
{
	return in_child;
}

static CK_RV sign_something(CK_SESSION_HANDLE h)
{
	CK_MECHANISM m = { CKM_SHA256_RSA_PKCS, NULL, 0 };
	CK_OBJECT_HANDLE key = kit_find_key(h, CKO_PRIVATE_KEY, CKK_RSA);
	CK_BYTE data[] = "fork", sig[1024];
	CK_ULONG n = sizeof sig;
	CK_RV r = kit.f->C_SignInit(h, &m, key);

	return r == CKR_OK ? kit.f->C_Sign(h, data, 4, sig, &n) : r;
}

/* What a child does; 0 when the rule held, else a number that names the step. */
static int does_nothing(void)
{
	return 0;
}

static int starts_afresh(void)
{
	CK_SESSION_INFO info;
	CK_SESSION_HANDLE h;
	CK_ULONG n = 0;

	if (kit.f->C_GetSessionInfo(parents, &info) != CKR_CRYPTOKI_NOT_INITIALIZED)
		return 1;
	if (kit.f->C_Initialize(NULL) != CKR_OK)
		return 2;
	if (kit.f->C_GetSessionInfo(parents, &info) != CKR_SESSION_HANDLE_INVALID)
		return 3;
	if (kit.f->C_GetSlotList(CK_TRUE, NULL, &n) != CKR_OK || n == 0)
		return 4;
	if (kit.f->C_OpenSession(kit.slot, CKF_SERIAL_SESSION, NULL, NULL, &h) != CKR_OK)
		return 5;
	if (kit.f->C_GetSessionInfo(h, &info) != CKR_OK || info.state != CKS_RO_PUBLIC_SESSION)
		return 6;
	if (kit.f->C_Login(h, CKU_USER, kit.pin, kit.pin_len) != CKR_OK)
		return 7;
	if (sign_something(h) != CKR_OK)
		return 8;
	return kit.f->C_Finalize(NULL) == CKR_OK ? 0 : 9;
}

static int finalizes_first(void)
{
	if (kit.f->C_Finalize(NULL) != CKR_CRYPTOKI_NOT_INITIALIZED)
		return 1;
	return starts_afresh();
}

static int run_child(int (*child)(void), bool at_exit);

static int has_a_child(void)
{
	if (kit.f->C_Initialize(NULL) != CKR_OK)
		return 1;
	if (kit.f->C_GetSlotList(CK_TRUE, NULL, &(CK_ULONG){ 0 }) != CKR_OK)
		return 2;
	if (run_child(starts_afresh, false) != 0)
		return 3;
	return kit.f->C_Finalize(NULL) == CKR_OK ? 0 : 4;
}

static int starts_and_leaves(void)
{
	CK_SESSION_HANDLE h;

	if (kit.f->C_Initialize(NULL) != CKR_OK)
		return 1;
	if (kit.f->C_GetSlotList(CK_TRUE, NULL, &(CK_ULONG){ 0 }) != CKR_OK)
		return 2;
	return kit.f->C_OpenSession(kit.slot, CKF_SERIAL_SESSION, NULL, NULL, &h) == CKR_OK ? 0 : 3;
}

static int looks(void)
{
	CK_INFO info;

	if (kit.f->C_GetInfo(&info) != CKR_CRYPTOKI_NOT_INITIALIZED)
		return 1;
	if (kit.f->C_Initialize(NULL) != CKR_OK)
		return 2;
	return kit.f->C_GetInfo(&info) == CKR_OK && kit.f->C_Finalize(NULL) == CKR_OK ? 0 : 3;
}

static int run_child(int (*child)(void), bool at_exit)
{
	int status = -1;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		int r;

		in_child = true;
		alarm(CHILD_SECONDS);
		r = child();
		/* exit() runs the destructors of everything loaded, _exit() does not. */
		if (at_exit)
			exit(r);
		_exit(r);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static const struct {
	const char *rule;
	int (*child)(void);
	bool at_exit, logs_in;
} children[] = {
	{ "a child that never calls the module, _exit", does_nothing, false, false },
	{ "a child that never calls the module, exit", does_nothing, true, false },
	{ "a child that leaves with sessions open", starts_and_leaves, true, false },
	{ "a child killed without ceremony", starts_and_leaves, false, false },
	{ "a child: C_Initialize, login, signature, C_Finalize", starts_afresh, false, true },
	{ "the same, and exit with all destructors", starts_afresh, true, true },
	{ "a child: C_Finalize is refused, C_Initialize works", finalizes_first, false, true },
	{ "a child that has a child", has_a_child, false, true },
};

/*
 * A card has one PIN state for all programs: when a child logs out, the card forgets the parent's
 * login too. A module that keeps no PIN may say so once; after a login all is well. One that keeps it
 * (CASTOR_TEST_PIN_CACHE=1 says so) signs on.
 */
static void parent_lives_after_login(const char *after)
{
	static const struct rvs allow = { 2, { CKR_OK, CKR_USER_NOT_LOGGED_IN } };
	CK_SESSION_INFO info;
	CK_RV r;

	tap_rv(kit.f->C_GetSessionInfo(parents, &info), CKR_OK,
	       "the parent's session is open; after %s", after);
	r = sign_something(parents);
	tap_rvs(r, &allow, "the parent signs on or must log in again; after %s", after);
	kit_login(parents);
	tap_rv(sign_something(parents), CKR_OK, "the parent signs then; after %s", after);
}

static void parent_lives(const char *after)
{
	CK_SESSION_INFO info;
	CK_RV r;

	r = kit.f->C_GetSessionInfo(parents, &info);
	tap(r == CKR_OK && info.state == CKS_RO_USER_FUNCTIONS,
	    "the parent's session is open and logged in; after %s", after);
	tap_rv(sign_something(parents), CKR_OK, "the parent signs on; after %s", after);
}

static void one_child_each(void)
{
	for (size_t i = 0; i < COUNT(children); i++) {
		int r;

		tap_doing(children[i].rule);
		r = run_child(children[i].child, children[i].at_exit);
		if (!tap(r == 0, "%s", children[i].rule))
			tap_note(r > 1000 ? "signal %d" : "step %d", r > 1000 ? r - 1000 : r);
		if (getenv("CASTOR_TEST_PIN_CACHE") == NULL && children[i].logs_in)
			parent_lives_after_login(children[i].rule);
		else
			parent_lives(children[i].rule);
	}
}

static void many_children(void)
{
	int failed = 0;

	tap_doing("many children");
	for (size_t i = 0; i < FORKS; i++)
		failed += run_child(looks, i % 2 == 0) != 0;
	tap(failed == 0, "%d children one after the other", FORKS);
	parent_lives("many children");
}

static atomic_bool stop;

static void *busy(void *arg)
{
	CK_SESSION_HANDLE h = *(CK_SESSION_HANDLE *)arg;
	CK_SLOT_INFO slot;
	CK_TOKEN_INFO token;

	while (!stop) {
		sign_something(h);
		kit.f->C_GetSlotInfo(kit.slot, &slot);
		kit.f->C_GetTokenInfo(kit.slot, &token);
	}
	return NULL;
}

/* A lock that another thread held at fork() is held for ever in the child: it must not matter. */
static void fork_amid_calls(void)
{
	const char *sanitizer = getenv("CASTOR_SANITIZER");
	CK_SESSION_HANDLE h[BUSY];
	pthread_t t[BUSY];
	int failed = 0, r;

	/* ThreadSanitizer does not support a fork of a process with threads. */
	if (sanitizer != NULL && strstr(sanitizer, "thread") != NULL)
		return;
	tap_doing("fork amid calls");
	for (size_t i = 0; i < BUSY; i++) {
		h[i] = kit_session(0);
		pthread_create(&t[i], NULL, busy, &h[i]);
	}
	for (size_t i = 0; i < FORKS; i++) {
		kit_sleep_ms(7);
		r = run_child(looks, false);
		if (r != 0)
			tap_note("child %zu: %d", i, r);
		failed += r != 0;
	}
	stop = true;
	for (size_t i = 0; i < BUSY; i++) {
		pthread_join(t[i], NULL);
		kit.f->C_CloseSession(h[i]);
	}
	tap(failed == 0, "fork while %d threads are in calls: the child is not stuck", BUSY);
	parent_lives("fork amid calls");
}

int main(int argc, char **argv)
{
	kit_open(argc, argv);
	tap_watchdog(180);
	kit_start();
	kit_pick_slot();
	parents = kit_session(0);
	kit_login(parents);
	parent_lives("login");
	one_child_each();
	many_children();
	fork_amid_calls();
	tap_rv(kit.f->C_Finalize(NULL), CKR_OK, "C_Finalize of the parent");
	return tap_end();
}

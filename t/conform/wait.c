/*
 * C_WaitForSlotEvent: not blocking, blocking, and how C_Finalize ends it.
 *
 *   wait MODULE        (environment: kit.h)
 */
#include "config.h"

#include "t/conform/kit.h"

#include <pthread.h>
#include <stdatomic.h>

enum { PROMPT_MS = 1000, EVENT_MS = 8000, SETTLE_MS = 300, HABITS = 10, WAITERS = 3 };

struct waiter {
	pthread_t thread;
	CK_SLOT_ID slot;
	CK_RV r;
	uint64_t ended;
	atomic_bool done;
};

static void *wait_for_event(void *arg)
{
	struct waiter *w = arg;

	w->r = kit.f->C_WaitForSlotEvent(0, &w->slot, NULL);
	w->ended = kit_ms();
	w->done = true;
	return NULL;
}

static void begin(struct waiter *w)
{
	w->slot = KIT_NOWHERE;
	w->r = CKR_OK;
	w->done = false;
	pthread_create(&w->thread, NULL, wait_for_event, w);
	kit_sleep_ms(SETTLE_MS);
}

static bool ends_within(struct waiter *w, unsigned ms)
{
	uint64_t end = kit_ms() + ms;

	while (!w->done && kit_ms() < end)
		kit_sleep_ms(5);
	return w->done;
}

/* A thread that never comes back cannot be joined: nothing after it would be true. */
static void join(struct waiter *w)
{
	if (!w->done)
		tap_bail("a thread is stuck in C_WaitForSlotEvent");
	pthread_join(w->thread, NULL);
}

static void finalize_ends_it(void)
{
	struct waiter w[WAITERS];
	uint64_t start;
	bool prompt = true;

	tap_doing("C_Finalize ends a wait");
	kit_start();
	kit_pick_slot();
	for (size_t i = 0; i < WAITERS; i++)
		begin(&w[i]);
	for (size_t i = 0; i < WAITERS; i++)
		prompt = prompt && !w[i].done;
	tap(prompt, "C_WaitForSlotEvent blocks while nothing happens [2.40 5.5]");
	start = kit_ms();
	tap_rv(kit.f->C_Finalize(NULL), CKR_OK, "C_Finalize while %d threads wait [2.40 5.4]",
	       WAITERS);
	tap(kit_ms() - start < PROMPT_MS, "C_Finalize does not wait long for them");
	for (size_t i = 0; i < WAITERS; i++) {
		tap(ends_within(&w[i], PROMPT_MS) && w[i].ended - start < PROMPT_MS,
		    "waiter %zu ends within %d ms [2.40 5.5]", i, PROMPT_MS);
		join(&w[i]);
		tap_rv(w[i].r, CKR_CRYPTOKI_NOT_INITIALIZED, "waiter %zu is told why [2.40 5.5]",
		       i);
	}
}

/* NSS SECMOD_CancelWait: C_Finalize and at once C_Initialize, not looking at the waiter. */
static void habit_of_nss(void)
{
	CK_C_INITIALIZE_ARGS args = { .flags = 3 };
	size_t ended = 0, told = 0, restarted = 0;

	kit_start();
	for (size_t i = 0; i < HABITS; i++) {
		struct waiter w;

		tap_doing("C_Finalize and C_Initialize at once");
		begin(&w);
		kit.f->C_Finalize(NULL);
		restarted += kit.f->C_Initialize(&args) == CKR_OK;
		ended += ends_within(&w, PROMPT_MS);
		join(&w);
		told += w.r == CKR_CRYPTOKI_NOT_INITIALIZED;
	}
	tap(restarted == HABITS, "C_Initialize right behind C_Finalize works, %zu of %d", restarted,
	    HABITS);
	tap(ended == HABITS, "and the old wait ends promptly, %zu of %d", ended, HABITS);
	tap(told == HABITS, "with CKR_CRYPTOKI_NOT_INITIALIZED, %zu of %d", told, HABITS);
}

/* The library is initialised here. */
static void others_go_on(void)
{
	struct waiter w;
	CK_SESSION_HANDLE h;
	CK_TOKEN_INFO info;
	uint64_t start;

	tap_doing("calls beside a wait");
	kit_pick_slot();
	begin(&w);
	start = kit_ms();
	h = kit_session(0);
	kit_login(h);
	kit.f->C_GetTokenInfo(kit.slot, &info);
	kit_find_key(h, CKO_PRIVATE_KEY, ~0UL);
	kit.f->C_CloseSession(h);
	tap(!w.done && kit_ms() - start < 5000, "a blocked wait holds up no other call");
	kit.f->C_Finalize(NULL);
	ends_within(&w, PROMPT_MS);
	join(&w);
}

/* A card may fill two slots (one per PIN): an event each. */
static size_t drain(bool *ours)
{
	CK_SLOT_ID slot;
	size_t n = 0;

	while (n < 64 && kit.f->C_WaitForSlotEvent(CKF_DONT_BLOCK, &slot, NULL) == CKR_OK) {
		*ours = *ours || slot == kit.slot;
		n++;
	}
	return n;
}

static void one_event(const char *what, bool (*happen)(void))
{
	CK_SLOT_ID slot;
	struct waiter w;
	bool ours = false;

	tap_doing(what);
	drain(&ours);
	begin(&w);
	happen();
	tap(ends_within(&w, EVENT_MS), "%s ends a blocked wait [2.40 5.5]", what);
	join(&w);
	tap_rv(w.r, CKR_OK, "%s: the wait says so [2.40 5.5]", what);
	ours = w.slot == kit.slot;
	drain(&ours);
	tap(ours, "%s: the slot is among those told of [2.40 5.5]", what);
	tap_rv(kit.f->C_WaitForSlotEvent(CKF_DONT_BLOCK, &slot, NULL), CKR_NO_EVENT,
	       "%s: an event is told of once [2.40 5.5]", what);
}

static void polled_event(const char *what, bool (*happen)(void))
{
	bool ours = false;

	tap_doing(what);
	drain(&ours);
	ours = false;
	happen();
	drain(&ours);
	tap(ours, "%s: polling tells of it as well [2.40 5.5]", what);
}

static void events(void)
{
	if (kit.remove == NULL || kit.insert == NULL)
		return;
	kit_start();
	kit_pick_slot();
	one_event("removal", kit_take_out);
	one_event("insertion", kit_put_in);
	polled_event("removal", kit_take_out);
	polled_event("insertion", kit_put_in);
	kit.f->C_Finalize(NULL);
}

static void not_blocking(void)
{
	CK_SLOT_ID slot;
	uint64_t start = kit_ms();

	kit_start();
	kit_pick_slot();
	tap_rv(kit.f->C_WaitForSlotEvent(CKF_DONT_BLOCK, &slot, NULL), CKR_NO_EVENT,
	       "nothing has happened since C_Initialize [2.40 5.5]");
	tap(kit_ms() - start < 3000, "and that is said at once");
	kit.f->C_Finalize(NULL);
}

int main(int argc, char **argv)
{
	kit_open(argc, argv);
	tap_watchdog(60);
	not_blocking();
	finalize_ends_it();
	habit_of_nss();
	others_go_on();
	events();
	return tap_end();
}

/*
 * A neighbour holds the card: what does not need it must not wait for it.
 *
 *   busy MODULE        (environment: kit.h, and
 *     CASTOR_TEST_HOLD     shell command that makes a neighbour begin a transaction
 *     CASTOR_TEST_RELEASE  shell command that makes it end that)
 */
#include "config.h"

#include "t/conform/kit.h"

#include <stdlib.h>
#include <string.h>

enum {
	INITIALIZE_MS = 20, /* the ceiling that was promised */
	FREE_MS = 500,      /* a call that waits for no card, on a busy machine */
	BUSY_MS = 90000     /* cryptokiTimeout and room */
};

static uint64_t started;

static bool within(unsigned ms)
{
	const char *sanitizer = getenv("CASTOR_SANITIZER");
	uint64_t took = kit_ms() - started;

	/* sanitizers and valgrind take time of their own */
	if (getenv("CASTOR_TEST_SLOW") != NULL || (sanitizer != NULL && sanitizer[0] != '\0'))
		ms *= 20;
	if (took > ms)
		tap_note("took %lu ms", (unsigned long)took);
	return took <= ms;
}

static void hook(const char *name)
{
	const char *command = getenv(name);

	if (command == NULL || system(command) != 0)
		tap_bail("%s does not work", name);
	kit_sleep_ms(300);
}

/* A program that starts while the card is held. */
static void start(void)
{
	CK_C_INITIALIZE_ARGS args = { .flags = CKF_OS_LOCKING_OK };
	CK_ULONG n = 0;
	CK_SLOT_INFO slot;

	started = kit_ms();
	tap(kit.f->C_Initialize(&args) == CKR_OK && within(INITIALIZE_MS),
	    "held: C_Initialize returns in %d ms", INITIALIZE_MS);
	started = kit_ms();
	tap(kit.f->C_GetSlotList(CK_TRUE, NULL, &n) == CKR_OK && n >= 1 && within(FREE_MS),
	    "held: C_GetSlotList tells of the card at once");
	started = kit_ms();
	tap(kit.f->C_GetSlotInfo(0, &slot) == CKR_OK && within(FREE_MS),
	    "held: C_GetSlotInfo waits for nobody");
	kit.f->C_Finalize(NULL);
}

/* A program that knew the card before. */
static void go_on(CK_SESSION_HANDLE h)
{
	CK_MECHANISM sha256 = { CKM_SHA256, NULL, 0 };
	CK_SESSION_HANDLE other = CK_INVALID_HANDLE;
	CK_OBJECT_HANDLE found[64];
	CK_SESSION_INFO session;
	CK_TOKEN_INFO token;
	CK_BYTE digest[32];
	CK_ULONG len = sizeof digest;

	started = kit_ms();
	tap(kit.f->C_GetTokenInfo(kit.slot, &token) == CKR_OK && within(FREE_MS),
	    "held: C_GetTokenInfo is answered from memory");
	started = kit_ms();
	tap(kit.f->C_GetSessionInfo(h, &session) == CKR_OK && within(FREE_MS),
	    "held: C_GetSessionInfo is answered from memory");
	started = kit_ms();
	tap(kit.f->C_OpenSession(kit.slot, CKF_SERIAL_SESSION, NULL, NULL, &other) == CKR_OK
	    && kit.f->C_CloseSession(other) == CKR_OK && within(FREE_MS),
	    "held: a session opens and closes");
	started = kit_ms();
	tap(kit_find(h, NULL, 0, found, 64) > 0 && within(FREE_MS),
	    "held: a search is answered from memory");
	started = kit_ms();
	tap(kit.f->C_DigestInit(h, &sha256) == CKR_OK
	    && kit.f->C_Digest(h, digest, sizeof digest, digest, &len) == CKR_OK && within(FREE_MS),
	    "held: a digest is computed");
}

int main(int argc, char **argv)
{
	CK_OBJECT_HANDLE found[64];
	CK_SESSION_HANDLE h;

	kit_open(argc, argv);
	tap_watchdog(120);
	hook("CASTOR_TEST_HOLD");
	start();
	hook("CASTOR_TEST_RELEASE");
	kit_start();
	kit_pick_slot();
	h = kit_session(0);
	kit_find(h, NULL, 0, found, 64);
	hook("CASTOR_TEST_HOLD");
	go_on(h);
	started = kit_ms();
	tap(kit.f->C_Login(h, CKU_USER, kit.pin, kit.pin_len) != CKR_OK && within(BUSY_MS),
	    "held: what needs the card gives up in time");
	hook("CASTOR_TEST_RELEASE");
	tap(kit_login(h), "released: C_Login");
	kit.f->C_Finalize(NULL);
	return tap_end();
}

/* Many threads do everything at once with two readers whose cards come and go: no call hangs, no
 * call answers what its situation does not explain, and no try of a PIN is spent. The sanitizer
 * for threads sees the rest. Source: DESIGN 8, 15. */
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "t/fault/module.h"
#include "t/unit/cards.h"
#include "t/unit/children.h"

#define THREADS 6
#define HANDLES 8        /* sessions, known to all threads */
#define SECONDS 4
#define PATIENCE 30      /* seconds after which a thread counts as hung */
#define AT_ONCE_MS 1500  /* what needs no card, on a busy machine under a sanitizer */
#define ROUNDS 10        /* things each of those does who ask */
#define SLOW_MS 4000     /* one command of the slow card */

static atomic_bool stop;
static atomic_ulong handles[HANDLES];
static atomic_ulong odd_rv, done[16];
static _Atomic(const char *) odd_call;

static long
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void
join_in_time(pthread_t t, const char *who)
{
	struct timespec end;

	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += PATIENCE;
	ck_assert_msg(pthread_timedjoin_np(t, NULL, &end) == 0, "%s hangs", who);
}

/* xorshift: each thread has its own, so that rand() orders nobody. */
static unsigned
dice(unsigned *seed, unsigned sides)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed % sides;
}

static CK_RV
act_open(unsigned *seed, CK_SESSION_HANDLE h)
{
	CK_SESSION_HANDLE new;
	CK_FLAGS rw = dice(seed, 2) ? CKF_RW_SESSION : 0;
	CK_RV rv = C_OpenSession(dice(seed, 2) * 2, CKF_SERIAL_SESSION | rw, NULL, NULL, &new);

	(void)h;
	if (rv == CKR_OK)
		new = atomic_exchange(&handles[dice(seed, HANDLES)], new);
	if (rv == CKR_OK && new)
		C_CloseSession(new);
	return rv;
}

static CK_RV
act_close(unsigned *seed, CK_SESSION_HANDLE h)
{
	if (dice(seed, 8) == 0)
		return C_CloseAllSessions(dice(seed, 2) * 2);
	return C_CloseSession(h);
}

static CK_RV
find(CK_SESSION_HANDLE h, CK_OBJECT_CLASS cls, CK_OBJECT_HANDLE *o)
{
	CK_BYTE id = 0x45;
	CK_ATTRIBUTE t[] = { { CKA_CLASS, &cls, sizeof cls }, { CKA_ID, &id, 1 } };
	CK_ULONG n = 0;
	CK_RV rv;

	*o = 0;
	if ((rv = C_FindObjectsInit(h, t, 2)))
		return rv;
	rv = C_FindObjects(h, o, 1, &n);
	C_FindObjectsFinal(h);
	return rv;
}

static CK_RV
act_find(unsigned *seed, CK_SESSION_HANDLE h)
{
	CK_BYTE value[4096];
	CK_ATTRIBUTE t = { CKA_VALUE, value, sizeof value };
	CK_OBJECT_HANDLE o;
	CK_RV rv = find(h, CKO_CERTIFICATE, &o);

	(void)seed;
	return rv || !o ? rv : C_GetAttributeValue(h, o, &t, 1);
}

static CK_RV
act_sign(unsigned *seed, CK_SESSION_HANDLE h)
{
	CK_MECHANISM m = { CKM_SHA256_RSA_PKCS, NULL, 0 };
	CK_BYTE data[8] = { 1 }, sig[256];
	CK_ULONG n = sizeof sig;
	CK_OBJECT_HANDLE o;
	CK_RV rv = find(h, CKO_PRIVATE_KEY, &o);

	(void)seed;
	if (rv || (rv = C_SignInit(h, &m, o)))
		return rv;
	return C_Sign(h, data, sizeof data, sig, &n);
}

static CK_RV
act_decrypt(unsigned *seed, CK_SESSION_HANDLE h)
{
	CK_MECHANISM m = { CKM_RSA_PKCS, NULL, 0 };
	CK_BYTE in[256] = { 0 }, out[256];
	CK_ULONG n = sizeof out;
	CK_OBJECT_HANDLE o;
	CK_RV rv = find(h, CKO_PRIVATE_KEY, &o);

	(void)seed;
	if (rv || (rv = C_DecryptInit(h, &m, o)))
		return rv;
	return C_Decrypt(h, in, sizeof in, out, &n);
}

static CK_RV
act_login(unsigned *seed, CK_SESSION_HANDLE h)
{
	return dice(seed, 4) ? module_login(h, "1234") : C_Logout(h);
}

static CK_RV
act_session_info(unsigned *seed, CK_SESSION_HANDLE h)
{
	CK_SESSION_INFO info;

	(void)seed;
	return C_GetSessionInfo(h, &info);
}

static CK_RV
act_token_info(unsigned *seed, CK_SESSION_HANDLE h)
{
	CK_SLOT_INFO slot;
	CK_TOKEN_INFO token;

	(void)h;
	C_GetSlotInfo(dice(seed, 2) * 2, &slot);
	return C_GetTokenInfo(dice(seed, 2) * 2, &token);
}

static CK_RV
act_list(unsigned *seed, CK_SESSION_HANDLE h)
{
	CK_SLOT_ID id[8];
	CK_ULONG n = 8;

	(void)h;
	return C_GetSlotList(dice(seed, 2) != 0, dice(seed, 2) ? id : NULL, &n);
}

static CK_RV
act_event(unsigned *seed, CK_SESSION_HANDLE h)
{
	CK_SLOT_ID id;

	(void)seed;
	(void)h;
	return C_WaitForSlotEvent(CKF_DONT_BLOCK, &id, NULL);
}

static CK_RV
act_object(unsigned *seed, CK_SESSION_HANDLE h)
{
	CK_OBJECT_CLASS cls = CKO_SECRET_KEY;
	CK_KEY_TYPE type = CKK_GENERIC_SECRET;
	CK_BBOOL no = CK_FALSE;
	CK_BYTE value[16] = { 9 };
	CK_ATTRIBUTE t[] = { { CKA_CLASS, &cls, sizeof cls }, { CKA_KEY_TYPE, &type, sizeof type },
		{ CKA_PRIVATE, &no, 1 }, { CKA_VALUE, value, sizeof value } };
	CK_OBJECT_HANDLE o;
	CK_RV rv = C_CreateObject(h, t, 4, &o);

	return rv || dice(seed, 2) ? rv : C_DestroyObject(h, o);
}

/* What each may answer besides CKR_OK. */
#define GONE CKR_SESSION_HANDLE_INVALID, CKR_DEVICE_REMOVED
static const struct {
	const char *name;
	CK_RV (*run)(unsigned *seed, CK_SESSION_HANDLE h);
	unsigned weight;
	CK_RV may[8];
} acts[] = {
	{ "open", act_open, 4, { CKR_TOKEN_NOT_PRESENT, CKR_DEVICE_REMOVED } },
	{ "close", act_close, 1, { CKR_SESSION_HANDLE_INVALID } },
	{ "find", act_find, 4, { GONE, CKR_OPERATION_ACTIVE, CKR_OPERATION_NOT_INITIALIZED,
	    CKR_OBJECT_HANDLE_INVALID } },
	{ "sign", act_sign, 4, { GONE, CKR_OPERATION_ACTIVE, CKR_OPERATION_NOT_INITIALIZED,
	    CKR_KEY_HANDLE_INVALID, CKR_USER_NOT_LOGGED_IN } },
	{ "decrypt", act_decrypt, 1, { GONE, CKR_OPERATION_ACTIVE, CKR_OPERATION_NOT_INITIALIZED,
	    CKR_KEY_HANDLE_INVALID, CKR_USER_NOT_LOGGED_IN, CKR_ENCRYPTED_DATA_INVALID } },
	{ "login", act_login, 3, { GONE, CKR_USER_ALREADY_LOGGED_IN, CKR_USER_NOT_LOGGED_IN } },
	{ "session info", act_session_info, 2, { CKR_SESSION_HANDLE_INVALID } },
	{ "token info", act_token_info, 2, { CKR_TOKEN_NOT_PRESENT, CKR_DEVICE_REMOVED } },
	{ "list", act_list, 1, { 0 } },
	{ "event", act_event, 1, { CKR_NO_EVENT } },
	{ "object", act_object, 1, { GONE } },
};

#define N_ACTS (sizeof acts / sizeof acts[0])

static bool
may(size_t act, CK_RV rv)
{
	for (size_t i = 0; i < 8; i++)
		if (acts[act].may[i] == rv)
			return true;
	return rv == CKR_OK;
}

static void *
actor(void *arg)
{
	unsigned seed = *(unsigned *)arg, pick, at;
	CK_RV rv;

	while (!atomic_load(&stop)) {
		pick = dice(&seed, 24);
		for (at = 0; pick >= acts[at].weight; at++)
			pick -= acts[at].weight;
		rv = acts[at].run(&seed, atomic_load(&handles[dice(&seed, HANDLES)]));
		if (rv == CKR_OK)
			atomic_fetch_add(&done[at], 1);
		if (!may(at, rv)) {
			atomic_store(&odd_call, acts[at].name);
			atomic_store(&odd_rv, rv);
		}
	}
	return NULL;
}

static void *
hand(void *arg)
{
	unsigned seed = *(unsigned *)arg;

	while (!atomic_load(&stop)) {
		struct vc *vc = module.vc[dice(&seed, 2)];

		switch (dice(&seed, 4)) {
		case 0:
			vc_reset(vc);
			break;
		case 1:
			vc_remove(vc);
			break;
		default:
			vc_insert(vc);
			break;
		}
		nanosleep(&(struct timespec){ 0, 1000000L * (10 + (long)dice(&seed, 60)) }, NULL);
	}
	return NULL;
}

START_TEST(threads_with_cards_that_come_and_go)
{
	pthread_t t[THREADS], ejector;
	unsigned seed[THREADS + 1];

	module_card("myeid.yaml", NULL, NULL);
	module_card("myeid-3.3.yaml", NULL, NULL);
	ck_assert_uint_eq(C_Initialize(NULL), CKR_OK);
	for (unsigned i = 0; i <= THREADS; i++)
		seed[i] = 2463534242u + i * 7919;
	for (unsigned i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&t[i], NULL, actor, &seed[i]), 0);
	ck_assert_int_eq(pthread_create(&ejector, NULL, hand, &seed[THREADS]), 0);
	nanosleep(&(struct timespec){ SECONDS, 0 }, NULL);
	atomic_store(&stop, true);
	for (unsigned i = 0; i < THREADS; i++)
		join_in_time(t[i], "an actor");
	join_in_time(ejector, "the hand");
	ck_assert_uint_eq(C_Finalize(NULL), CKR_OK);
	ck_assert_msg(!odd_call, "%s answered 0x%lX", odd_call, odd_rv);
	for (size_t i = 0; i < N_ACTS; i++)
		if (strcmp(acts[i].name, "decrypt") != 0)
			ck_assert_msg(done[i] > 0, "%s never worked", acts[i].name);
	for (size_t i = 0; i < 2; i++)
		ck_assert_int_eq(vc_tries(module.vc[i], 1), 3);
	module_free();
}
END_TEST

static void *
waiter(void *arg)
{
	CK_SLOT_ID slot;

	*(CK_RV *)arg = C_WaitForSlotEvent(0, &slot, NULL);
	return NULL;
}

START_TEST(finalize_wakes_those_who_wait)
{
	CK_RV rv[3];
	pthread_t t[3];

	module_card("myeid.yaml", NULL, NULL);
	for (int round = 0; round < 20; round++) {
		ck_assert_uint_eq(C_Initialize(NULL), CKR_OK);
		for (int i = 0; i < 3; i++)
			ck_assert_int_eq(pthread_create(&t[i], NULL, waiter, &rv[i]), 0);
		/* some rounds meet them before they wait, some while they do */
		nanosleep(&(struct timespec){ 0, round % 5 * 2000000L }, NULL);
		ck_assert_uint_eq(C_Finalize(NULL), CKR_OK);
		for (int i = 0; i < 3; i++) {
			join_in_time(t[i], "one who waits");
			ck_assert_uint_eq(rv[i], CKR_CRYPTOKI_NOT_INITIALIZED);
		}
	}
	module_free();
}
END_TEST

struct signer { CK_SESSION_HANDLE h; CK_OBJECT_HANDLE key; CK_RV rv; atomic_bool in; };

static void *
signer(void *arg)
{
	struct signer *s = arg;
	CK_MECHANISM m = { CKM_SHA256_RSA_PKCS, NULL, 0 };
	CK_BYTE sig[256];
	CK_ULONG n = sizeof sig;

	s->rv = C_SignInit(s->h, &m, s->key);
	atomic_store(&s->in, true);
	if (!s->rv)
		s->rv = C_Sign(s->h, sig, 1, sig, &n);
	return NULL;
}

/* A signature that is being made is made; one that comes too late finds nothing. */
START_TEST(finalize_lets_a_signature_be_finished)
{
	struct signer s = { 0 };
	pthread_t t;

	module_card("myeid.yaml", NULL, NULL);
	for (int round = 0; round < 10; round++) {
		vc_slow(module.vc[0], 0);
		s.h = module_open();
		ck_assert_uint_eq(module_login(s.h, "1234"), CKR_OK);
		s.key = module_find(s.h, CKO_PRIVATE_KEY, 0x45);
		atomic_store(&s.in, false);
		vc_slow(module.vc[0], 10);
		ck_assert_int_eq(pthread_create(&t, NULL, signer, &s), 0);
		while (!atomic_load(&s.in))
			nanosleep(&(struct timespec){ 0, 100000L }, NULL);
		nanosleep(&(struct timespec){ 0, round % 4 * 3000000L }, NULL);
		ck_assert_uint_eq(C_Finalize(NULL), CKR_OK);
		join_in_time(t, "the signer");
		ck_assert(s.rv == CKR_OK || s.rv == CKR_CRYPTOKI_NOT_INITIALIZED ||
		    s.rv == CKR_SESSION_HANDLE_INVALID);
	}
	module_free();
}
END_TEST

static void
in_time(const char *what, long since)
{
	ck_assert_msg(now_ms() - since < AT_ONCE_MS, "%s waited %ld ms for another's card", what,
	    now_ms() - since);
}

/* While the card in one reader thinks, everything that does not need that card goes on. */
START_TEST(one_reader_never_waits_for_another)
{
	CK_SESSION_HANDLE other, second;
	struct signer slow = { 0 }, quick = { 0 };
	CK_OBJECT_HANDLE o;
	CK_SESSION_INFO session;
	CK_TOKEN_INFO token;
	CK_SLOT_INFO slot;
	pthread_t t;
	long start, at;

	module_card("myeid.yaml", NULL, NULL);
	module_card("myeid-3.3.yaml", NULL, NULL);
	slow.h = module_open();
	ck_assert_uint_eq(module_login(slow.h, "1234"), CKR_OK);
	slow.key = module_find(slow.h, CKO_PRIVATE_KEY, 0x45);
	ck_assert_uint_eq(C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &second), CKR_OK);
	ck_assert_uint_ne(module_find(second, CKO_CERTIFICATE, 0x45), 0);
	ck_assert_uint_eq(C_OpenSession(2, CKF_SERIAL_SESSION, NULL, NULL, &other), CKR_OK);
	ck_assert_uint_eq(module_login(other, "1234"), CKR_OK);
	quick.h = other;
	quick.key = module_find(other, CKO_PRIVATE_KEY, 0x45);
	/* the certificate of the key is read once, before the card becomes slow */
	signer(&slow);
	signer(&quick);
	ck_assert_uint_eq(slow.rv, CKR_OK);
	ck_assert_uint_eq(quick.rv, CKR_OK);

	atomic_store(&slow.in, false);
	vc_slow(module.vc[0], SLOW_MS);
	start = now_ms();
	ck_assert_int_eq(pthread_create(&t, NULL, signer, &slow), 0);
	nanosleep(&(struct timespec){ 0, 200000000L }, NULL);
	at = now_ms();
	ck_assert_uint_eq(C_GetSlotInfo(0, &slot), CKR_OK);
	in_time("C_GetSlotInfo", at);
	at = now_ms();
	ck_assert_uint_eq(C_GetTokenInfo(0, &token), CKR_OK);
	in_time("C_GetTokenInfo", at);
	at = now_ms();
	ck_assert_uint_eq(C_GetSessionInfo(second, &session), CKR_OK);
	in_time("C_GetSessionInfo", at);
	at = now_ms();
	ck_assert_uint_eq(find(second, CKO_PUBLIC_KEY, &o), CKR_OK);
	in_time("C_FindObjects", at);
	at = now_ms();
	signer(&quick);
	ck_assert_uint_eq(quick.rv, CKR_OK);
	in_time("C_Sign with the other card", at);
	ck_assert_msg(now_ms() - start < SLOW_MS, "too slow a machine to tell");
	vc_slow(module.vc[0], 0);
	join_in_time(t, "the slow signature");
	ck_assert_uint_eq(slow.rv, CKR_OK);
	ck_assert_msg(now_ms() - start >= SLOW_MS, "the card was not slow");
	ck_assert_uint_eq(C_Finalize(NULL), CKR_OK);
	module_free();
}
END_TEST

/* ---- people are asked ---- */

#define ASKERS 4

struct asker { CK_SESSION_HANDLE h; CK_OBJECT_HANDLE key; CK_BYTE id; bool logs_in; CK_RV rv[ROUNDS]; };

/* Signs, or logs in and out, until told to stop; each answer is kept. */
static void *
asker(void *arg)
{
	struct asker *a = arg;
	CK_MECHANISM m = { CKM_SHA256_RSA_PKCS, NULL, 0 };
	CK_BYTE sig[256];
	CK_ULONG n;

	for (int i = 0; i < ROUNDS; i++) {
		n = sizeof sig;
		a->key = a->logs_in ? 0 : module_find(a->h, CKO_PRIVATE_KEY, a->id);
		if (a->logs_in) {
			a->rv[i] = C_Login(a->h, CKU_USER, NULL, 0);
			C_Logout(a->h);
		} else if (!(a->rv[i] = C_SignInit(a->h, &m, a->key))) {
			a->rv[i] = C_Sign(a->h, sig, 1, sig, &n);
		}
	}
	return NULL;
}

static void
people(const char *script)
{
	char text[1024], helper[600];

	built(helper, sizeof helper, "t/unit/pinpeer");
	snprintf(text, sizeof text, "rootAutoLogin = 1\npinHelper = %s\nDataPath = /nonexistent/x\n", helper);
	module_settings(text);
	unsetenv("disableCryptokiAutoLogin");
	setenv("DISPLAY", ":0", 1);
	setenv("PINENTRY_USER_DATA", script, 1);
}

static void
start_askers(pthread_t *t, struct asker *a)
{
	module_open();
	for (int i = 0; i < ASKERS; i++) {
		a[i] = (struct asker){ .logs_in = i == 3, .id = i % 2 ? 0x46 : 0x45 };
		ck_assert_uint_eq(C_OpenSession((CK_SLOT_ID)(i % 2), CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL,
		    &a[i].h), CKR_OK);
	}
	for (int i = 0; i < ASKERS; i++)
		ck_assert_int_eq(pthread_create(&t[i], NULL, asker, &a[i]), 0);
}

/* Dialogs that were shown at a time, at most; -1 when one is still there. */
static int
at_once(const char *path)
{
	char marks[4096];
	int now = 0, most = 0;

	read_text(path, marks, sizeof marks);
	for (const char *p = marks; *p; p++) {
		now += *p == '+' ? 1 : -1;
		most = now > most ? now : most;
	}
	return now ? -1 : most;
}

/* Every person gives the right PIN: both PINs of the card are the same here. There is no folder that
 * programs share, and yet one dialog at a time. */
START_TEST(threads_that_ask)
{
	char shown[] = "race-XXXXXX", script[512];
	pthread_t t[ASKERS];
	struct asker a[ASKERS];
	CK_SLOT_INFO slot;

	close(mkstemp(shown));
	snprintf(script, sizeof script, "GETPIN \\pD 123456\\nOK\\n\nSHOWN %s/%s\n", getenv("PWD"), shown);
	people(script);
	module_card("myeid-citizen.yaml", "value: \"1234\"", "value: \"123456\"");
	start_askers(t, a);
	for (int i = 0; i < 10; i++) {
		nanosleep(&(struct timespec){ 0, 20000000L }, NULL);
		vc_reset(module.vc[0]);
		C_GetSlotInfo(0, &slot);
	}
	for (int i = 0; i < ASKERS; i++)
		join_in_time(t[i], "one who asks");
	for (int i = 0; i < ASKERS; i++)
		for (int k = 0; k < ROUNDS; k++)
			ck_assert_msg(a[i].rv[k] == CKR_OK || (a[i].logs_in && a[i].rv[k] == CKR_USER_ALREADY_LOGGED_IN)
			    /* a logout ends handles */
			    || (i == 1 && a[i].rv[k] == CKR_KEY_HANDLE_INVALID)
			    /* reset twice within one call */
			    || a[i].rv[k] == CKR_DEVICE_ERROR, "thread %d, round %d: 0x%lX", i, k, a[i].rv[k]);
	ck_assert_int_eq(vc_pin_is_open(module.vc[0], 2), 0);
	ck_assert_uint_eq(C_Finalize(NULL), CKR_OK);
	ck_assert_int_eq(at_once(shown), 1);
	unlink(shown);
	for (unsigned pin = 1; pin <= 2; pin++)
		ck_assert_int_eq(vc_tries(module.vc[0], pin), 3);
	module_free();
}
END_TEST

/* The library, or the card, goes while they wait for people who take their time. */
START_TEST(threads_that_ask_in_vain)
{
	pthread_t t[ASKERS];
	struct asker a[ASKERS];
	bool finalize;

	people("GETPIN \\p\\p\\p\\p\\p\\p\\p\\p\\p\\pD 123456\\nOK\\n\n");
	module_card("myeid-citizen.yaml", NULL, NULL);
	for (int round = 0; round < 6; round++) {
		finalize = round % 2 == 0;
		start_askers(t, a);
		nanosleep(&(struct timespec){ 0, round * 60000000L }, NULL);
		if (finalize) {
			ck_assert_uint_eq(C_Finalize(NULL), CKR_OK);
		} else {
			vc_remove(module.vc[0]);
			vc_insert(module.vc[0]);
		}
		for (int i = 0; i < ASKERS; i++)
			join_in_time(t[i], "one who asks");
		for (int i = 0; i < ASKERS; i++)
			for (int k = 0; k < ROUNDS; k++)
				ck_assert_msg(a[i].rv[k] == CKR_CRYPTOKI_NOT_INITIALIZED || a[i].rv[k] == CKR_DEVICE_REMOVED ||
				    a[i].rv[k] == CKR_SESSION_HANDLE_INVALID, "thread %d, round %d: 0x%lX", i, k, a[i].rv[k]);
		if (!finalize)
			ck_assert_uint_eq(C_Finalize(NULL), CKR_OK);
	}
	for (unsigned pin = 1; pin <= 2; pin++)
		ck_assert_int_eq(vc_tries(module.vc[0], pin), 3);
	module_free();
}
END_TEST

UNIT_MAIN("race", threads_with_cards_that_come_and_go, finalize_wakes_those_who_wait,
    finalize_lets_a_signature_be_finished, one_reader_never_waits_for_another, threads_that_ask,
    threads_that_ask_in_vain)

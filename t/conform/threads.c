/*
 * Many threads, each with sessions of its own, do what programs do; then the card is taken out and
 * put back under them. Everything ends in bounded time, and afterwards all works again.
 *
 *   threads MODULE        (environment: kit.h)
 *
 *   CASTOR_TEST_THREADS [8], CASTOR_TEST_ROUNDS [20]
 */
#include "config.h"

#include "t/conform/kit.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(a) (sizeof (a) / sizeof (a)[0])

enum { MAX_THREADS = 64, EJECTS = 4 };

/* One thread's work; only that thread writes, main reads after the join. */
struct worker {
	pthread_t thread;
	size_t number;
	CK_SESSION_HANDLE h;
	size_t done, wrong_data;
	CK_RV unexpected;
	const char *where;
	CK_ULONG seen; /* of errors that are allowed */
};

static atomic_bool stop, cards_move;
static size_t rounds;

/* What a call may say while cards come and go under it. */
static bool allowed(CK_RV r)
{
	static const CK_RV moving[] = { CKR_DEVICE_REMOVED, CKR_SESSION_HANDLE_INVALID,
		CKR_TOKEN_NOT_PRESENT, CKR_USER_NOT_LOGGED_IN, CKR_OBJECT_HANDLE_INVALID,
		CKR_KEY_HANDLE_INVALID, CKR_OPERATION_NOT_INITIALIZED, CKR_USER_ALREADY_LOGGED_IN,
		CKR_SESSION_CLOSED };
	size_t i = 0;

	while (i < COUNT(moving) && moving[i] != r)
		i++;
	return i < COUNT(moving);
}

static bool check(struct worker *w, const char *where, CK_RV r)
{
	if (r == CKR_OK)
		return true;
	if (cards_move && allowed(r)) {
		w->seen++;
	} else if (w->unexpected == CKR_OK) {
		w->unexpected = r;
		w->where = where;
	}
	return false;
}

static bool work_open(struct worker *w)
{
	CK_RV r;

	if (w->h != CK_INVALID_HANDLE)
		kit.f->C_CloseSession(w->h);
	w->h = CK_INVALID_HANDLE;
	if (!check(w, "C_OpenSession", kit.f->C_OpenSession(kit.slot, CKF_SERIAL_SESSION, NULL,
		NULL,
							    &w->h)))
		return false;
	r = kit.f->C_Login(w->h, CKU_USER, kit.pin, kit.pin_len);
	return check(w, "C_Login", r == CKR_USER_ALREADY_LOGGED_IN ? CKR_OK : r);
}

static bool work_sign(struct worker *w)
{
	CK_KEY_TYPE type = w->number % 2 ? CKK_RSA : CKK_EC;
	CK_OBJECT_HANDLE prv = kit_find_key(w->h, CKO_PRIVATE_KEY, type), pub;
	CK_OBJECT_CLASS cls = CKO_PUBLIC_KEY;
	CK_MECHANISM m = { type == CKK_RSA ? CKM_SHA256_RSA_PKCS : CKM_ECDSA, NULL, 0 };
	CK_BYTE data[32], sig[1024];
	CK_ULONG n = sizeof sig;
	struct blob id = { 0 };
	CK_ATTRIBUTE t[] = { { CKA_CLASS, &cls, sizeof cls }, { CKA_ID, id.p, 0 } };
	CK_RV r;

	if (prv == CK_INVALID_HANDLE)
		return check(w, "no private key", CKR_OBJECT_HANDLE_INVALID);
	memset(data, (int)(w->number + w->done), sizeof data);
	if (!check(w, "C_SignInit", kit.f->C_SignInit(w->h, &m, prv)))
		return false;
	if (!check(w, "C_Sign", kit.f->C_Sign(w->h, data, sizeof data, sig, &n)))
		return false;
	kit_attr(w->h, prv, CKA_ID, &id);
	t[1].ulValueLen = id.len;
	if (kit_find(w->h, t, 2, &pub, 1) != 1)
		return check(w, "no public key", CKR_OBJECT_HANDLE_INVALID);
	if (!check(w, "C_VerifyInit", kit.f->C_VerifyInit(w->h, &m, pub)))
		return false;
	r = kit.f->C_Verify(w->h, data, sizeof data, sig, n);
	/* A signature over another thread's data is the worst that can happen. */
	w->wrong_data += r == CKR_SIGNATURE_INVALID;
	return check(w, "C_Verify", r);
}

static bool work_info(struct worker *w)
{
	CK_SLOT_INFO slot;
	CK_TOKEN_INFO token;
	CK_SESSION_INFO info;
	CK_ULONG n = 0;

	return check(w, "C_GetSlotInfo", kit.f->C_GetSlotInfo(kit.slot, &slot))
		&& check(w, "C_GetTokenInfo", kit.f->C_GetTokenInfo(kit.slot, &token))
		&& check(w, "C_GetSessionInfo", kit.f->C_GetSessionInfo(w->h, &info))
		&& check(w, "C_GetSlotList", kit.f->C_GetSlotList(CK_TRUE, NULL, &n))
		&& check(w, "C_GetMechanismList", kit.f->C_GetMechanismList(kit.slot, NULL, &n));
}

static bool work_find(struct worker *w)
{
	CK_OBJECT_HANDLE o[64];
	CK_ULONG n = 0;
	struct blob b;

	if (!check(w, "C_FindObjectsInit", kit.f->C_FindObjectsInit(w->h, NULL, 0))
	    || !check(w, "C_FindObjects", kit.f->C_FindObjects(w->h, o, 64, &n))
	    || !check(w, "C_FindObjectsFinal", kit.f->C_FindObjectsFinal(w->h)))
		return false;
	for (CK_ULONG i = 0; i < n; i++)
		kit_attr(w->h, o[i], CKA_LABEL, &b);
	return true;
}

static bool work_digest(struct worker *w)
{
	/* SHA-256 of "abc": FIPS 180-4 examples. */
	static const CK_BYTE want[] = { 0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea };
	CK_MECHANISM m = { CKM_SHA256, NULL, 0 };
	CK_BYTE abc[] = "abc", got[32];
	CK_ULONG n = sizeof got;

	if (!check(w, "C_DigestInit", kit.f->C_DigestInit(w->h, &m))
	    || !check(w, "C_DigestUpdate", kit.f->C_DigestUpdate(w->h, abc, 1))
	    || !check(w, "C_DigestUpdate", kit.f->C_DigestUpdate(w->h, abc + 1, 2))
	    || !check(w, "C_DigestFinal", kit.f->C_DigestFinal(w->h, got, &n)))
		return false;
	w->wrong_data += memcmp(got, want, sizeof want) != 0;
	return true;
}

static bool work_object(struct worker *w)
{
	CK_OBJECT_CLASS cls = CKO_DATA;
	CK_BBOOL no = CK_FALSE;
	CK_BYTE value[] = { (CK_BYTE)w->number };
	CK_ATTRIBUTE t[] = { { CKA_CLASS, &cls, sizeof cls }, { CKA_TOKEN, &no, 1 },
		{ CKA_PRIVATE, &no, 1 }, { CKA_VALUE, value, 1 } };
	CK_OBJECT_HANDLE o;
	struct blob b = { 0 };

	if (!check(w, "C_CreateObject", kit.f->C_CreateObject(w->h, t, 4, &o)))
		return false;
	if (kit_attr(w->h, o, CKA_VALUE, &b))
		w->wrong_data += b.len != 1 || b.p[0] != value[0];
	return check(w, "C_DestroyObject", kit.f->C_DestroyObject(w->h, o));
}

static void *work(void *arg)
{
	static bool (*const jobs[])(struct worker *) = { work_info, work_find, work_sign,
		work_digest, work_object };
	struct worker *w = arg;

	work_open(w);
	for (size_t i = 0; cards_move ? !stop : i < rounds; i++) {
		if (i % 5 == 4)
			work_open(w);
		if (!jobs[(i + w->number) % COUNT(jobs)](w) && cards_move) {
			kit_sleep_ms(5);
			work_open(w);
		}
		w->done++;
	}
	return NULL;
}

static size_t setting(const char *name, size_t otherwise)
{
	const char *s = getenv(name);

	return s != NULL ? strtoul(s, NULL, 10) : otherwise;
}

static void join_all(struct worker *w, size_t n, const char *when)
{
	size_t done = 0, wrong = 0, bad = 0;
	CK_ULONG seen = 0;

	for (size_t i = 0; i < n; i++) {
		pthread_join(w[i].thread, NULL);
		done += w[i].done;
		seen += w[i].seen;
		wrong += w[i].wrong_data;
		if (w[i].unexpected != CKR_OK) {
			tap_note("thread %zu: %s from %s", i, rv_name(w[i].unexpected), w[i].where);
			bad++;
		}
	}
	tap(bad == 0, "%s: no thread got an answer that is not allowed", when);
	tap(wrong == 0, "%s: no thread got another's data", when);
	tap(done > 0, "%s: %zu jobs done, %lu errors of removal", when, done, seen);
}

static void quiet(size_t n)
{
	static struct worker w[MAX_THREADS];

	tap_doing("threads at work");
	for (size_t i = 0; i < n; i++) {
		w[i].number = i;
		pthread_create(&w[i].thread, NULL, work, &w[i]);
	}
	join_all(w, n, "card in place");
}

static void with_ejects(size_t n)
{
	static struct worker w[MAX_THREADS];
	size_t told = 0;

	if (kit.remove == NULL || kit.insert == NULL)
		return;
	tap_doing("card out and in");
	cards_move = true;
	for (size_t i = 0; i < n; i++) {
		w[i].number = i;
		pthread_create(&w[i].thread, NULL, work, &w[i]);
	}
	for (size_t i = 0; i < EJECTS; i++) {
		kit_sleep_ms(300);
		told += kit_take_out();
		kit_sleep_ms(50);
		told += kit_put_in();
	}
	stop = true;
	join_all(w, n, "card out and in");
	cards_move = false;
	tap(told == 2 * EJECTS, "every removal and insertion was seen, %zu of %d", told,
	    2 * EJECTS);
}

/* After all that: a new session, a login, a signature. */
static void still_works(void)
{
	struct worker w = { .number = 1 };

	tap(work_open(&w) && work_sign(&w) && work_find(&w) && w.wrong_data == 0,
	    "afterwards login, signature and search work");
	if (w.unexpected != CKR_OK)
		tap_note("%s from %s", rv_name(w.unexpected), w.where);
}

int main(int argc, char **argv)
{
	const size_t n = setting("CASTOR_TEST_THREADS", 8);
	CK_SESSION_HANDLE standing;

	kit_open(argc, argv);
	if (n == 0 || n > MAX_THREADS)
		tap_bail("CASTOR_TEST_THREADS: 1 to %d", MAX_THREADS);
	rounds = setting("CASTOR_TEST_ROUNDS", 20);
	tap_watchdog(180);
	kit_start();
	kit_pick_slot();
	/* Keeps the login while the threads close their sessions. */
	standing = kit_session(0);
	kit_login(standing);
	quiet(n);
	with_ejects(n);
	still_works();
	tap_rv(kit.f->C_Finalize(NULL), CKR_OK, "C_Finalize");
	return tap_end();
}

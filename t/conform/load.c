/*
 * Loading, C_Initialize, C_Finalize: the locking matrix, twice, a hundred times, two at once; and
 * what is left behind (threads, descriptors, memory) must be nothing.
 *
 *   load MODULE        (environment: kit.h; needs no card)
 */
#include "config.h"

#include "t/conform/kit.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(a) (sizeof (a) / sizeof (a)[0])

enum { ROUNDS = 100, WARM = 10, RACES = 50, CEILING_US = 20000, GROWTH_KIB = 1024 };

/* -- mutex callbacks of the application -------------------------------------------------------- */

static atomic_int mutexes, locked;
/* What NSS puts there: a string of parameters. */
static char parameters[256] = "configdir=nowhere";

static CK_RV make_mutex(void **m)
{
	pthread_mutex_t *p = malloc(sizeof *p);

	if (p == NULL)
		return CKR_HOST_MEMORY;
	pthread_mutex_init(p, NULL);
	mutexes++;
	*m = p;
	return CKR_OK;
}

static CK_RV drop_mutex(void *m)
{
	pthread_mutex_destroy(m);
	free(m);
	mutexes--;
	return CKR_OK;
}

static CK_RV take_mutex(void *m)
{
	pthread_mutex_lock(m);
	locked++;
	return CKR_OK;
}

static CK_RV give_mutex(void *m)
{
	locked--;
	pthread_mutex_unlock(m);
	return CKR_OK;
}

/* 2.40 section 5.4, C_Initialize: who locks, and with what. */
static const struct locking {
	const char *rule;
	CK_FLAGS flags;
	unsigned fns; /* bits: create, destroy, lock, unlock */
	bool reserved;
	struct rvs allow;
} locking[] = {
	{ "flags 0, no functions: one thread only", 0, 0, false, { 1, { CKR_OK } } },
	{ "OS_LOCKING_OK, no functions: OS mutexes", CKF_OS_LOCKING_OK, 0, false, { 1,
		{ CKR_OK } } },
	{ "flags 0, all four: those or nothing", 0, 15, false, { 2, { CKR_OK, CKR_CANT_LOCK } } },
	{ "OS_LOCKING_OK, all four: either", CKF_OS_LOCKING_OK, 15, false, { 1, { CKR_OK } } },
	{ "flags 1: no threads of its own", CKF_LIBRARY_CANT_CREATE_OS_THREADS, 0, false,
		{ 1, { CKR_OK } } },
	{ "flags 3 as NSS and GnuTLS say", CKF_LIBRARY_CANT_CREATE_OS_THREADS | CKF_OS_LOCKING_OK,
		0,
		false, { 1, { CKR_OK } } },
	{ "only create", 0, 1, false, { 1, { CKR_ARGUMENTS_BAD } } },
	{ "only lock and unlock", 0, 12, false, { 1, { CKR_ARGUMENTS_BAD } } },
	{ "all but destroy, OS_LOCKING_OK", CKF_OS_LOCKING_OK, 13, false,
		{ 1, { CKR_ARGUMENTS_BAD } } },
	{ "all but unlock, OS_LOCKING_OK", CKF_OS_LOCKING_OK, 7, false,
		{ 1, { CKR_ARGUMENTS_BAD } } },
	{ "pReserved is not NULL", CKF_OS_LOCKING_OK, 0, true, { 1, { CKR_ARGUMENTS_BAD } } },
};

static void locking_matrix(void)
{
	for (size_t i = 0; i < COUNT(locking); i++) {
		const struct locking *l = &locking[i];
		CK_C_INITIALIZE_ARGS args = {
			.CreateMutex = l->fns & 1 ? make_mutex : NULL,
			.DestroyMutex = l->fns & 2 ? drop_mutex : NULL,
			.LockMutex = l->fns & 4 ? take_mutex : NULL,
			.UnlockMutex = l->fns & 8 ? give_mutex : NULL,
			.flags = l->flags,
			.pReserved = l->reserved ? parameters : NULL,
		};
		CK_INFO info;
		CK_RV r;

		tap_doing(l->rule);
		r = kit.f->C_Initialize(&args);
		tap_rvs(r, &l->allow, "C_Initialize: %s [2.40 5.4]", l->rule);
		if (r == CKR_OK) {
			kit.f->C_GetInfo(&info);
			kit.f->C_Finalize(NULL);
		} else {
			tap_rv(kit.f->C_GetInfo(&info), CKR_CRYPTOKI_NOT_INITIALIZED,
			       "C_Initialize: %s: refused means not initialised", l->rule);
		}
		tap(mutexes == 0 && locked == 0,
		    "C_Initialize: %s: no mutex of the application is left", l->rule);
	}
	tap_rv(kit.f->C_Initialize(NULL), CKR_OK, "C_Initialize(NULL) [2.40 5.4]");
	tap_rv(kit.f->C_Initialize(NULL), CKR_CRYPTOKI_ALREADY_INITIALIZED,
	       "C_Initialize twice [2.40 5.4]");
	tap_rv(kit.f->C_GetInfo(&(CK_INFO){ { 0, 0 }, { 0 }, 0, { 0 }, { 0, 0 } }), CKR_OK,
	       "the second C_Initialize changes nothing");
	tap_rv(kit.f->C_Finalize(NULL), CKR_OK, "C_Finalize [2.40 5.4]");
	tap_rv(kit.f->C_Finalize(NULL), CKR_CRYPTOKI_NOT_INITIALIZED,
	       "C_Finalize twice [2.40 5.4]");
}

/* -- what is left behind ----------------------------------------------------------------------- */

struct left {
	size_t fds, threads;
	long rss; /* KiB */
};

static long resident_kib(void)
{
	FILE *f = fopen("/proc/self/status", "r");
	char line[128];
	long kib = 0;

	if (f == NULL)
		return 0;
	while (fgets(line, sizeof line, f) != NULL)
		if (strncmp(line, "VmRSS:", 6) == 0)
			kib = strtol(line + 6, NULL, 10);
	fclose(f);
	return kib;
}

static struct left look(void)
{
	return (struct left){ kit_count_dir("/proc/self/fd"), kit_count_dir("/proc/self/task"),
		resident_kib() };
}

static bool sanitized(void)
{
	const char *s = getenv("CASTOR_SANITIZER");

	return (s != NULL && *s != '\0') || getenv("CASTOR_TEST_SLOW") != NULL;
}

static void compare(const char *what, struct left a, struct left b)
{
	tap(b.fds == a.fds, "%s: no descriptor is left (%zu, %zu)", what, a.fds, b.fds);
	tap(b.threads == a.threads, "%s: no thread is left (%zu, %zu)", what, a.threads, b.threads);
	/* Sanitizers keep freed memory on purpose, and find leaks better than this. */
	if (!sanitized())
		tap(b.rss - a.rss < GROWTH_KIB, "%s: memory grew by %ld KiB, less than %d", what,
		    b.rss - a.rss, GROWTH_KIB);
}

/* Everything that a short-lived client does without a PIN. */
static CK_RV visit(CK_FUNCTION_LIST *f)
{
	CK_SLOT_ID slots[64];
	CK_ULONG n = 0;
	CK_SESSION_HANDLE h;
	CK_OBJECT_HANDLE o[16];
	CK_RV r = f->C_GetSlotList(CK_TRUE, NULL, &n);

	if (r != CKR_OK || n == 0 || n > 64)
		return r;
	r = f->C_GetSlotList(CK_TRUE, slots, &n);
	if (r != CKR_OK || n == 0
	    || f->C_OpenSession(slots[0], CKF_SERIAL_SESSION, NULL, NULL, &h) != CKR_OK)
		return r;
	r = f->C_FindObjectsInit(h, NULL, 0);
	if (r == CKR_OK)
		r = f->C_FindObjects(h, o, 16, &n);
	/* The search and the session are left open on purpose: C_Finalize clears up. */
	return r;
}

static uint64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static int by_size(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void initialize_often(void)
{
	CK_C_INITIALIZE_ARGS args = { .flags = 3 };
	struct left before = { 0 };
	uint64_t us[ROUNDS];
	size_t threads = kit_count_dir("/proc/self/task"), helpers = 0;
	bool good = true;

	for (size_t i = 0; i < ROUNDS; i++) {
		uint64_t start = now_us();

		tap_doing("C_Initialize often");
		good = good && kit.f->C_Initialize(&args) == CKR_OK;
		us[i] = now_us() - start;
		good = good && visit(kit.f) == CKR_OK;
		helpers += kit_count_dir("/proc/self/task") - threads;
		good = good && kit.f->C_Finalize(NULL) == CKR_OK;
		if (i == WARM)
			before = look();
	}
	tap(good, "C_Initialize, a visit, C_Finalize: %d times [2.40 5.4]", ROUNDS);
	tap(helpers == 0, "no thread of the module's own at any time");
	compare("C_Initialize often", before, look());
	qsort(us, ROUNDS, sizeof us[0], by_size);
	if (!sanitized())
		tap(us[ROUNDS / 2] <= CEILING_US, "C_Initialize takes %lu us, at most %d",
		    (unsigned long)us[ROUNDS / 2], CEILING_US);
}

static void load_often(void)
{
	struct left before = { 0 };
	bool good = true;

	dlclose(kit.dl);
	for (size_t i = 0; i < ROUNDS; i++) {
		CK_RV (*get)(CK_FUNCTION_LIST **) = NULL;
		CK_FUNCTION_LIST *f = NULL;
		void *dl = dlopen(kit.path, RTLD_NOW | RTLD_LOCAL);

		tap_doing("dlopen often");
		if (dl == NULL)
			tap_bail("%s", dlerror());
		*(void **)&get = dlsym(dl, "C_GetFunctionList");
		good = good && get(&f) == CKR_OK && f->C_Initialize(NULL) == CKR_OK
			&& visit(f) == CKR_OK && f->C_Finalize(NULL) == CKR_OK;
		good = dlclose(dl) == 0 && good;
		if (i == WARM)
			before = look();
	}
	tap(good, "dlopen, C_Initialize, a visit, C_Finalize, dlclose: %d times", ROUNDS);
	compare("dlopen often", before, look());
}

/* -- two at once ------------------------------------------------------------------------------- */

static pthread_barrier_t together;

static void *initialize(void *arg)
{
	CK_C_INITIALIZE_ARGS args = { .flags = CKF_OS_LOCKING_OK };

	pthread_barrier_wait(&together);
	*(CK_RV *)arg = kit.f->C_Initialize(&args);
	return NULL;
}

static void two_at_once(void)
{
	size_t one_won = 0;

	tap_doing("two threads call C_Initialize at once");
	pthread_barrier_init(&together, NULL, 2);
	for (size_t i = 0; i < RACES; i++) {
		pthread_t t[2];
		CK_RV r[2];

		for (size_t k = 0; k < 2; k++)
			pthread_create(&t[k], NULL, initialize, &r[k]);
		for (size_t k = 0; k < 2; k++)
			pthread_join(t[k], NULL);
		one_won += (r[0] == CKR_OK && r[1] == CKR_CRYPTOKI_ALREADY_INITIALIZED)
			|| (r[1] == CKR_OK && r[0] == CKR_CRYPTOKI_ALREADY_INITIALIZED);
		kit.f->C_Finalize(NULL);
	}
	pthread_barrier_destroy(&together);
	tap(one_won == RACES, "two threads call C_Initialize at once: one wins, %zu of %d", one_won,
	    (int)RACES);
}

int main(int argc, char **argv)
{
	kit_open(argc, argv);
	tap_watchdog(60);
	locking_matrix();
	initialize_often();
	two_at_once();
	load_often();
	return tap_end();
}

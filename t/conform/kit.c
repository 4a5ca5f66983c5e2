#include "config.h"

#include "t/conform/kit.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct kit kit;

static unsigned tap_count, tap_failed, tap_seconds;
static char doing[256] = "start";

static const struct {
	CK_RV rv;
	const char *name;
} names[] = {
	{ CKR_OK, "CKR_OK" },
	{ CKR_HOST_MEMORY, "CKR_HOST_MEMORY" },
	{ CKR_SLOT_ID_INVALID, "CKR_SLOT_ID_INVALID" },
	{ CKR_GENERAL_ERROR, "CKR_GENERAL_ERROR" },
	{ CKR_FUNCTION_FAILED, "CKR_FUNCTION_FAILED" },
	{ CKR_ARGUMENTS_BAD, "CKR_ARGUMENTS_BAD" },
	{ CKR_NO_EVENT, "CKR_NO_EVENT" },
	{ CKR_CANT_LOCK, "CKR_CANT_LOCK" },
	{ CKR_ATTRIBUTE_READ_ONLY, "CKR_ATTRIBUTE_READ_ONLY" },
	{ CKR_ATTRIBUTE_SENSITIVE, "CKR_ATTRIBUTE_SENSITIVE" },
	{ CKR_ATTRIBUTE_TYPE_INVALID, "CKR_ATTRIBUTE_TYPE_INVALID" },
	{ CKR_ATTRIBUTE_VALUE_INVALID, "CKR_ATTRIBUTE_VALUE_INVALID" },
	{ CKR_ACTION_PROHIBITED, "CKR_ACTION_PROHIBITED" },
	{ CKR_DATA_INVALID, "CKR_DATA_INVALID" },
	{ CKR_DATA_LEN_RANGE, "CKR_DATA_LEN_RANGE" },
	{ CKR_DEVICE_ERROR, "CKR_DEVICE_ERROR" },
	{ CKR_DEVICE_MEMORY, "CKR_DEVICE_MEMORY" },
	{ CKR_DEVICE_REMOVED, "CKR_DEVICE_REMOVED" },
	{ CKR_ENCRYPTED_DATA_INVALID, "CKR_ENCRYPTED_DATA_INVALID" },
	{ CKR_ENCRYPTED_DATA_LEN_RANGE, "CKR_ENCRYPTED_DATA_LEN_RANGE" },
	{ CKR_FUNCTION_CANCELED, "CKR_FUNCTION_CANCELED" },
	{ CKR_FUNCTION_NOT_PARALLEL, "CKR_FUNCTION_NOT_PARALLEL" },
	{ CKR_FUNCTION_NOT_SUPPORTED, "CKR_FUNCTION_NOT_SUPPORTED" },
	{ CKR_KEY_HANDLE_INVALID, "CKR_KEY_HANDLE_INVALID" },
	{ CKR_KEY_SIZE_RANGE, "CKR_KEY_SIZE_RANGE" },
	{ CKR_KEY_TYPE_INCONSISTENT, "CKR_KEY_TYPE_INCONSISTENT" },
	{ CKR_KEY_INDIGESTIBLE, "CKR_KEY_INDIGESTIBLE" },
	{ CKR_KEY_FUNCTION_NOT_PERMITTED, "CKR_KEY_FUNCTION_NOT_PERMITTED" },
	{ CKR_KEY_NOT_WRAPPABLE, "CKR_KEY_NOT_WRAPPABLE" },
	{ CKR_KEY_UNEXTRACTABLE, "CKR_KEY_UNEXTRACTABLE" },
	{ CKR_MECHANISM_INVALID, "CKR_MECHANISM_INVALID" },
	{ CKR_MECHANISM_PARAM_INVALID, "CKR_MECHANISM_PARAM_INVALID" },
	{ CKR_OBJECT_HANDLE_INVALID, "CKR_OBJECT_HANDLE_INVALID" },
	{ CKR_OPERATION_ACTIVE, "CKR_OPERATION_ACTIVE" },
	{ CKR_OPERATION_NOT_INITIALIZED, "CKR_OPERATION_NOT_INITIALIZED" },
	{ CKR_PIN_INCORRECT, "CKR_PIN_INCORRECT" },
	{ CKR_PIN_INVALID, "CKR_PIN_INVALID" },
	{ CKR_PIN_LEN_RANGE, "CKR_PIN_LEN_RANGE" },
	{ CKR_PIN_EXPIRED, "CKR_PIN_EXPIRED" },
	{ CKR_PIN_LOCKED, "CKR_PIN_LOCKED" },
	{ CKR_SESSION_CLOSED, "CKR_SESSION_CLOSED" },
	{ CKR_SESSION_COUNT, "CKR_SESSION_COUNT" },
	{ CKR_SESSION_HANDLE_INVALID, "CKR_SESSION_HANDLE_INVALID" },
	{ CKR_SESSION_PARALLEL_NOT_SUPPORTED, "CKR_SESSION_PARALLEL_NOT_SUPPORTED" },
	{ CKR_SESSION_READ_ONLY, "CKR_SESSION_READ_ONLY" },
	{ CKR_SESSION_EXISTS, "CKR_SESSION_EXISTS" },
	{ CKR_SESSION_READ_ONLY_EXISTS, "CKR_SESSION_READ_ONLY_EXISTS" },
	{ CKR_SESSION_READ_WRITE_SO_EXISTS, "CKR_SESSION_READ_WRITE_SO_EXISTS" },
	{ CKR_SIGNATURE_INVALID, "CKR_SIGNATURE_INVALID" },
	{ CKR_SIGNATURE_LEN_RANGE, "CKR_SIGNATURE_LEN_RANGE" },
	{ CKR_TEMPLATE_INCOMPLETE, "CKR_TEMPLATE_INCOMPLETE" },
	{ CKR_TEMPLATE_INCONSISTENT, "CKR_TEMPLATE_INCONSISTENT" },
	{ CKR_TOKEN_NOT_PRESENT, "CKR_TOKEN_NOT_PRESENT" },
	{ CKR_TOKEN_NOT_RECOGNIZED, "CKR_TOKEN_NOT_RECOGNIZED" },
	{ CKR_TOKEN_WRITE_PROTECTED, "CKR_TOKEN_WRITE_PROTECTED" },
	{ KIT_CKR_UNWRAPPING_KEY_HANDLE_INVALID, "CKR_UNWRAPPING_KEY_HANDLE_INVALID" },
	{ CKR_USER_ALREADY_LOGGED_IN, "CKR_USER_ALREADY_LOGGED_IN" },
	{ CKR_USER_NOT_LOGGED_IN, "CKR_USER_NOT_LOGGED_IN" },
	{ CKR_USER_PIN_NOT_INITIALIZED, "CKR_USER_PIN_NOT_INITIALIZED" },
	{ CKR_USER_TYPE_INVALID, "CKR_USER_TYPE_INVALID" },
	{ CKR_USER_ANOTHER_ALREADY_LOGGED_IN, "CKR_USER_ANOTHER_ALREADY_LOGGED_IN" },
	{ CKR_WRAPPED_KEY_INVALID, "CKR_WRAPPED_KEY_INVALID" },
	{ CKR_WRAPPED_KEY_LEN_RANGE, "CKR_WRAPPED_KEY_LEN_RANGE" },
	{ CKR_WRAPPING_KEY_HANDLE_INVALID, "CKR_WRAPPING_KEY_HANDLE_INVALID" },
	{ CKR_RANDOM_SEED_NOT_SUPPORTED, "CKR_RANDOM_SEED_NOT_SUPPORTED" },
	{ CKR_RANDOM_NO_RNG, "CKR_RANDOM_NO_RNG" },
	{ CKR_CURVE_NOT_SUPPORTED, "CKR_CURVE_NOT_SUPPORTED" },
	{ CKR_BUFFER_TOO_SMALL, "CKR_BUFFER_TOO_SMALL" },
	{ CKR_SAVED_STATE_INVALID, "CKR_SAVED_STATE_INVALID" },
	{ CKR_INFORMATION_SENSITIVE, "CKR_INFORMATION_SENSITIVE" },
	{ CKR_STATE_UNSAVEABLE, "CKR_STATE_UNSAVEABLE" },
	{ CKR_CRYPTOKI_NOT_INITIALIZED, "CKR_CRYPTOKI_NOT_INITIALIZED" },
	{ CKR_CRYPTOKI_ALREADY_INITIALIZED, "CKR_CRYPTOKI_ALREADY_INITIALIZED" },
	{ CKR_FUNCTION_REJECTED, "CKR_FUNCTION_REJECTED" },
};

const char *rv_name(CK_RV rv)
{
	static char unknown[32];

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (names[i].rv == rv)
			return names[i].name;
	snprintf(unknown, sizeof unknown, "CKR_0x%lx", rv);
	return unknown;
}

/* A rule may be put together from parts: it must stay one line. */
__attribute__((format(printf, 2, 0)))
static bool tap_line(bool holds, const char *rule, va_list ap)
{
	if (!holds)
		tap_failed++;
	tap_count++;
	printf("%sok %u - ", holds ? "" : "not ", tap_count);
	vprintf(rule, ap);
	putchar('\n');
	if (tap_seconds)
		alarm(tap_seconds);
	return holds;
}

bool tap(bool holds, const char *rule, ...)
{
	va_list ap;

	va_start(ap, rule);
	tap_line(holds, rule, ap);
	va_end(ap);
	return holds;
}

bool tap_rv(CK_RV got, CK_RV want, const char *rule, ...)
{
	va_list ap;

	va_start(ap, rule);
	tap_line(got == want, rule, ap);
	va_end(ap);
	if (got != want)
		tap_note("got %s, want %s", rv_name(got), rv_name(want));
	return got == want;
}

bool tap_rvs(CK_RV got, const struct rvs *want, const char *rule, ...)
{
	bool holds = false;
	va_list ap;

	for (size_t i = 0; i < want->n; i++)
		holds = holds || want->rv[i] == got;
	va_start(ap, rule);
	tap_line(holds, rule, ap);
	va_end(ap);
	if (!holds || kit.verbose) {
		printf("# got %s, want", rv_name(got));
		for (size_t i = 0; i < want->n; i++)
			printf("%s %s", i ? " or" : "", rv_name(want->rv[i]));
		putchar('\n');
	}
	return holds;
}

void tap_note(const char *fmt, ...)
{
	va_list ap;

	fputs("# ", stdout);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

void tap_bail(const char *fmt, ...)
{
	va_list ap;

	fputs("Bail out! ", stdout);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
	_exit(2);
}

void tap_doing(const char *what)
{
	snprintf(doing, sizeof doing, "%s", what);
	if (tap_seconds)
		alarm(tap_seconds);
}

static void say(const char *s)
{
	ssize_t n = write(STDOUT_FILENO, s, strlen(s));

	(void)n;
}

/* A module that hangs or crashes must name the rule it died at. */
static void fatal_signal(int sig)
{
	say("\nBail out! ");
	say(sig == SIGALRM ? "no answer in time: " : "crash: ");
	say(doing);
	say("\n");
	_exit(2);
}

void tap_watchdog(unsigned seconds)
{
	static const int signals[] = { SIGALRM, SIGSEGV, SIGBUS, SIGABRT, SIGFPE };
	struct sigaction sa;

	/* A sanitizer reports a crash better than we do, so only the clock is ours then. */
	memset(&sa, 0, sizeof sa);
	sa.sa_handler = fatal_signal;
	for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
		if (i == 0 || getenv("CASTOR_SANITIZER") == NULL
		    || *getenv("CASTOR_SANITIZER") == '\0')
			sigaction(signals[i], &sa, NULL);
	tap_seconds = seconds;
	alarm(seconds);
}

int tap_end(void)
{
	alarm(0);
	printf("1..%u\n", tap_count);
	fflush(stdout);
	return tap_failed != 0 || tap_count == 0;
}

CK_RV kit_sign_init(CK_SESSION_HANDLE h, CK_OBJECT_HANDLE key)
{
	CK_MECHANISM m = { CKM_SHA256_RSA_PKCS, NULL, 0 };

	return kit.f->C_SignInit(h, &m, key);
}

CK_RV kit_sign_end(CK_SESSION_HANDLE h)
{
	CK_BYTE data[] = "to be signed", sig[512];
	CK_ULONG n = sizeof sig;

	return kit.f->C_Sign(h, data, sizeof data, sig, &n);
}

CK_RV kit_sign(CK_SESSION_HANDLE h, CK_OBJECT_HANDLE key)
{
	CK_RV r = kit_sign_init(h, key);

	return r == CKR_OK ? kit_sign_end(h) : r;
}

uint64_t kit_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

void kit_sleep_ms(unsigned ms)
{
	struct timespec ts = { .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 };

	while (nanosleep(&ts, &ts) != 0 && errno == EINTR)
		;
}

size_t kit_count_dir(const char *path)
{
	DIR *d = opendir(path);
	size_t n = 0;

	if (d == NULL)
		return 0;
	for (struct dirent *e = readdir(d); e != NULL; e = readdir(d))
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

static CK_ULONG copy_pin(CK_BYTE *to, size_t room, const char *variable, const char *otherwise)
{
	const char *pin = getenv(variable);
	size_t n;

	if (pin == NULL)
		pin = otherwise;
	n = strlen(pin);
	if (n >= room)
		tap_bail("%s is too long", variable);
	memcpy(to, pin, n + 1);
	return n;
}

void kit_open(int argc, char **argv)
{
	CK_RV (*get)(CK_FUNCTION_LIST **) = NULL;
	CK_RV r;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc < 2)
		tap_bail("usage: %s MODULE", argv[0]);
	kit.path = argv[1];
	kit.pin_len = copy_pin(kit.pin, sizeof kit.pin, "CASTOR_TEST_PIN", "1234");
	kit.so_pin_len = copy_pin(kit.so_pin, sizeof kit.so_pin, "CASTOR_TEST_SO_PIN", "");
	kit.remove = getenv("CASTOR_TEST_REMOVE");
	kit.insert = getenv("CASTOR_TEST_INSERT");
	kit.skip = getenv("CASTOR_TEST_SKIP");
	kit.strict = getenv("disableCryptokiAutoLogin") != NULL;
	kit.dialogs = getenv("CASTOR_TEST_DIALOGS") != NULL;
	kit.cancels = getenv("CASTOR_TEST_CANCELS") != NULL;
	kit.verbose = getenv("CASTOR_TEST_VERBOSE") != NULL;
	kit.dl = dlopen(kit.path, RTLD_NOW | RTLD_LOCAL);
	if (kit.dl == NULL)
		tap_bail("%s", dlerror());
	*(void **)&get = dlsym(kit.dl, "C_GetFunctionList");
	if (get == NULL)
		tap_bail("%s has no C_GetFunctionList", kit.path);
	r = get(&kit.f);
	if (r != CKR_OK || kit.f == NULL)
		tap_bail("C_GetFunctionList: %s", rv_name(r));
}

void kit_start(void)
{
	CK_C_INITIALIZE_ARGS args = { .flags = CKF_OS_LOCKING_OK };
	CK_RV r = kit.f->C_Initialize(&args);

	if (r != CKR_OK)
		tap_bail("C_Initialize: %s", rv_name(r));
}

void kit_pick_slot(void)
{
	const char *wanted = getenv("CASTOR_TEST_SLOT");
	CK_TOKEN_INFO info;
	CK_SLOT_ID slots[64];
	CK_ULONG n = 0;
	CK_RV r;

	/* The set of slots is made by the call without a buffer (2.40 section 5.5). */
	r = kit.f->C_GetSlotList(CK_TRUE, NULL, &n);
	if (r != CKR_OK || n > 64)
		tap_bail("C_GetSlotList: %s, %lu slots", rv_name(r), n);
	n = 64;
	r = kit.f->C_GetSlotList(CK_TRUE, slots, &n);
	if (r != CKR_OK)
		tap_bail("C_GetSlotList: %s", rv_name(r));
	if (wanted == NULL && n == 0)
		tap_bail("no slot has a token");
	if (wanted != NULL) {
		kit.slot = strtoul(wanted, NULL, 0);
		return;
	}
	for (CK_ULONG i = 0; i < n; i++) {
		kit.slot = slots[i];
		if (kit.f->C_GetTokenInfo(slots[i], &info) == CKR_OK
		    && info.flags & CKF_TOKEN_INITIALIZED)
			return;
	}
	tap_bail("no token is initialised");
}

static bool hook(const char *command, bool present)
{
	uint64_t end = kit_ms() + 10000;
	CK_SLOT_INFO info;

	if (system(command) != 0)
		tap_bail("failed: %s", command);
	do {
		if (kit.f->C_GetSlotInfo(kit.slot, &info) != CKR_OK)
			return false;
		if (((info.flags & CKF_TOKEN_PRESENT) != 0) == present)
			return true;
		kit_sleep_ms(50);
	} while (kit_ms() < end);
	return false;
}

bool kit_take_out(void)
{
	return hook(kit.remove, false);
}

bool kit_put_in(void)
{
	return hook(kit.insert, true);
}

CK_SESSION_HANDLE kit_session(CK_FLAGS more)
{
	CK_SESSION_HANDLE h = CK_INVALID_HANDLE;
	CK_RV r = kit.f->C_OpenSession(kit.slot, CKF_SERIAL_SESSION | more, NULL, NULL, &h);

	if (r != CKR_OK) {
		tap_rv(r, CKR_OK, "C_OpenSession opens a session");
		return CK_INVALID_HANDLE;
	}
	return h;
}

bool kit_login(CK_SESSION_HANDLE h)
{
	CK_RV r = kit.f->C_Login(h, CKU_USER, kit.pin, kit.pin_len);

	if (r == CKR_OK || r == CKR_USER_ALREADY_LOGGED_IN)
		return true;
	/* Further tries with the same PIN would block a card. */
	tap_bail("C_Login: %s", rv_name(r));
}

size_t kit_find(CK_SESSION_HANDLE h, CK_ATTRIBUTE *t, CK_ULONG n, CK_OBJECT_HANDLE *out,
		size_t max)
{
	CK_ULONG got = 0;

	if (kit.f->C_FindObjectsInit(h, t, n) != CKR_OK)
		return 0;
	if (kit.f->C_FindObjects(h, out, max, &got) != CKR_OK)
		got = 0;
	kit.f->C_FindObjectsFinal(h);
	return got;
}

CK_OBJECT_HANDLE kit_find_key(CK_SESSION_HANDLE h, CK_OBJECT_CLASS cls, CK_KEY_TYPE type)
{
	CK_ATTRIBUTE t[] = {
		{ CKA_CLASS, &cls, sizeof cls },
		{ CKA_KEY_TYPE, &type, sizeof type },
	};
	CK_OBJECT_HANDLE o = CK_INVALID_HANDLE;

	return kit_find(h, t, type == ~0UL ? 1 : 2, &o, 1) == 1 ? o : CK_INVALID_HANDLE;
}

bool kit_attr(CK_SESSION_HANDLE h, CK_OBJECT_HANDLE o, CK_ATTRIBUTE_TYPE type, struct blob *out)
{
	CK_ATTRIBUTE a = { type, NULL, 0 };

	if (kit.f->C_GetAttributeValue(h, o, &a, 1) != CKR_OK || a.ulValueLen > sizeof out->p)
		return false;
	a.pValue = out->p;
	if (kit.f->C_GetAttributeValue(h, o, &a, 1) != CKR_OK)
		return false;
	out->len = a.ulValueLen;
	return true;
}

CK_ULONG kit_attr_ulong(CK_SESSION_HANDLE h, CK_OBJECT_HANDLE o, CK_ATTRIBUTE_TYPE type)
{
	CK_ULONG v = ~0UL;
	CK_ATTRIBUTE a = { type, &v, sizeof v };

	return kit.f->C_GetAttributeValue(h, o, &a, 1) == CKR_OK ? v : ~0UL;
}

bool kit_attr_true(CK_SESSION_HANDLE h, CK_OBJECT_HANDLE o, CK_ATTRIBUTE_TYPE type)
{
	CK_BBOOL v = CK_FALSE;
	CK_ATTRIBUTE a = { type, &v, sizeof v };

	return kit.f->C_GetAttributeValue(h, o, &a, 1) == CKR_OK && v == CK_TRUE;
}

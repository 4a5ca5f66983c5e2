/*
 * What a module's work costs: APDUs and milliseconds per phase, and memory.
 *
 *   apdus [--tap] [--max-WHAT N]... MODULE        (environment: t/conform/kit.h)
 *
 * APDUs are counted by whoever sees them:
 *   CASTOR_BENCH_COUNT   a shell command that prints how many there were up to now, as
 *                        "castor-vcard ctl SOCKET apdus" does
 *   CASTOR_COUNT_FILE    the counter of count_pcsc.so, which is preloaded
 * A limit that is broken, and a limit on APDUs that nobody counts, makes the exit status 1.
 */
#include "config.h"

#include "t/conform/kit.h"

#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define COUNT(a) (sizeof (a) / sizeof (a)[0])

enum { SIGNATURES = 10, POLLS = 20, MAX_OBJECTS = 256, MAX_SLOTS = 8 };

static CK_SESSION_HANDLE session;
static bool with_tap;

static const char usage[] =
	"apdus - the APDUs, milliseconds and memory that a PKCS#11 module takes\n"
	"\n"
	"  apdus [--tap] [--max-WHAT N]... MODULE\n"
	"\n"
	"  --max-initialize N      APDUs of C_Initialize\n"
	"  --max-find N            APDUs of listing slots, tokens and objects\n"
	"  --max-list N            APDUs of that and of reading all certificates\n"
	"  --max-login-sign N      APDUs of C_Login and the first signature together\n"
	"  --max-sign N            APDUs of each further signature, RSA or ECDSA\n"
	"  --max-poll N            APDUs of 20 polls\n"
	"  --max-initialize-ms N   milliseconds of C_Initialize\n"
	"  --max-dirty N           KiB of private memory that the process grew by\n"
	"  --tap                   speak TAP\n"
	"  --help                  this text\n";

/* -- counting ---------------------------------------------------------------------------------- */

static long count_by_command(const char *command)
{
	FILE *f = popen(command, "r");
	char line[256] = "";
	char *digits, *end;
	long n;

	if (f == NULL)
		return -1;
	if (fgets(line, sizeof line, f) == NULL)
		line[0] = '\0';
	if (pclose(f) != 0)
		return -1;
	/* The number may stand behind a word or two. */
	digits = line + strcspn(line, "0123456789");
	n = strtol(digits, &end, 10);
	return end != digits ? n : -1;
}

static long count_by_file(const char *path)
{
	static const volatile uint64_t *counter;
	int fd;
	void *p;

	if (counter == NULL) {
		fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		if (fd < 0 || ftruncate(fd, sizeof *counter) != 0)
			return -1;
		p = mmap(NULL, sizeof *counter, PROT_READ, MAP_SHARED, fd, 0);
		close(fd);
		if (p == MAP_FAILED)
			return -1;
		counter = p;
	}
	return (long)*counter;
}

/* APDUs since the last call; -1 when nobody counts. */
static long apdus(void)
{
	const char *command = getenv("CASTOR_BENCH_COUNT"), *file = getenv("CASTOR_COUNT_FILE");
	static long last;
	long now = -1, before = last;

	if (command != NULL)
		now = count_by_command(command);
	else if (file != NULL)
		now = count_by_file(file);
	last = now;
	return now < 0 || before < 0 ? -1 : now - before;
}

/* -- memory ------------------------------------------------------------------------------------ */

/* Sum of Private_Dirty in KiB over the mappings of a file, or over all of them (NULL). */
static long private_dirty(const char *file)
{
	FILE *f = fopen("/proc/self/smaps", "r");
	char line[PATH_MAX + 128];
	bool ours = file == NULL;
	long kib = 0;

	if (f == NULL)
		return -1;
	while (fgets(line, sizeof line, f) != NULL) {
		/* A mapping's head begins with a lower-case address, its lines with a capital. */
		if (file != NULL && (line[0] < 'A' || line[0] > 'Z'))
			ours = strstr(line, file) != NULL;
		if (ours && strncmp(line, "Private_Dirty:", 14) == 0)
			kib += strtol(line + 14, NULL, 10);
	}
	fclose(f);
	return kib;
}

/* -- phases ------------------------------------------------------------------------------------ */

static CK_RV initialize(void)
{
	CK_C_INITIALIZE_ARGS args = { .flags = CKF_OS_LOCKING_OK };

	return kit.f->C_Initialize(&args);
}

/* A session in every slot that has a token; the one of kit.slot is `session`. */
static CK_SESSION_HANDLE sessions[MAX_SLOTS];
static CK_ULONG nsessions;

static CK_RV open_slots(void)
{
	CK_ULONG n = MAX_SLOTS;
	CK_SLOT_ID slots[MAX_SLOTS];
	CK_TOKEN_INFO token;
	CK_SLOT_INFO slot;
	CK_RV r = kit.f->C_GetSlotList(CK_TRUE, slots, &n);

	for (CK_ULONG i = 0; i < n && r == CKR_OK; i++) {
		/* that a card has no second PIN is known once it was read */
		if (kit.f->C_GetSlotInfo(slots[i], &slot) != CKR_OK ||
		    kit.f->C_GetTokenInfo(slots[i], &token) != CKR_OK)
			continue;
		r = kit.f->C_OpenSession(slots[i], CKF_SERIAL_SESSION, NULL, NULL, &sessions[nsessions]);
		if (slots[i] == kit.slot)
			session = sessions[nsessions];
		nsessions++;
	}
	return r;
}

/* What every object is called, and, if wanted, the body of each certificate. */
static CK_RV look(bool bodies)
{
	CK_OBJECT_HANDLE o[MAX_OBJECTS];
	struct blob b;
	size_t n, all = 0;

	for (CK_ULONG s = 0; s < nsessions; s++) {
		n = kit_find(sessions[s], NULL, 0, o, MAX_OBJECTS);
		all += n;
		for (size_t i = 0; i < n; i++) {
			kit_attr(sessions[s], o[i], CKA_LABEL, &b);
			kit_attr(sessions[s], o[i], CKA_ID, &b);
			if (kit_attr_ulong(sessions[s], o[i], CKA_CLASS) == CKO_CERTIFICATE && bodies)
				kit_attr(sessions[s], o[i], CKA_VALUE, &b);
		}
	}
	return all > 0 ? CKR_OK : CKR_GENERAL_ERROR;
}

static CK_RV directories(void)
{
	CK_RV r;

	kit_pick_slot();
	r = open_slots();
	return r == CKR_OK ? look(false) : r;
}

static CK_RV certificates(void)
{
	return look(true);
}

static CK_RV login(void)
{
	return kit.f->C_Login(session, CKU_USER, kit.pin, kit.pin_len);
}

/* CK_INVALID_HANDLE: the card has no such key behind this PIN. */
static CK_OBJECT_HANDLE find_key(CK_KEY_TYPE type)
{
	CK_OBJECT_CLASS cls = CKO_PRIVATE_KEY;
	CK_ATTRIBUTE t[] = { { CKA_CLASS, &cls, sizeof cls }, { CKA_KEY_TYPE, &type, sizeof type } };
	CK_OBJECT_HANDLE o[MAX_OBJECTS];

	return kit_find(session, t, COUNT(t), o, MAX_OBJECTS) > 0 ? o[0] : CK_INVALID_HANDLE;
}

static CK_RV sign(CK_KEY_TYPE type, CK_MECHANISM_TYPE mech, size_t times)
{
	/* A DigestInfo, for there are cards that sign nothing else; ECDSA has its hash alone. */
	CK_BYTE data[] = { 0x30, 0x31, 0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02,
		0x01, 0x05, 0x00, 0x04, 0x20, [50] = 1 };
	const CK_ULONG head = type == CKK_RSA ? 0 : 19;
	CK_MECHANISM m = { mech, NULL, 0 };
	CK_BYTE sig[1024];
	CK_OBJECT_HANDLE key = find_key(type);
	CK_RV r = CKR_OK;

	if (key == CK_INVALID_HANDLE)
		return CKR_OK;

	for (size_t i = 0; i < times && r == CKR_OK; i++) {
		CK_ULONG n = sizeof sig;

		data[49] = (CK_BYTE)i;
		r = kit.f->C_SignInit(session, &m, key);
		if (r == CKR_OK)
			r = kit.f->C_Sign(session, data + head, sizeof data - head, sig, &n);
	}
	return r;
}

static CK_RV first_rsa(void)
{
	return sign(CKK_RSA, CKM_RSA_PKCS, 1);
}

static CK_RV more_rsa(void)
{
	return sign(CKK_RSA, CKM_RSA_PKCS, SIGNATURES);
}

static CK_RV first_ecdsa(void)
{
	return sign(CKK_EC, CKM_ECDSA, 1);
}

static CK_RV more_ecdsa(void)
{
	return sign(CKK_EC, CKM_ECDSA, SIGNATURES);
}

static CK_RV polls(void)
{
	CK_SLOT_INFO slot;
	CK_TOKEN_INFO token;
	CK_SESSION_INFO info;
	CK_RV r = CKR_OK;

	for (size_t i = 0; i < POLLS && r == CKR_OK; i++) {
		r = kit.f->C_GetSlotInfo(kit.slot, &slot);
		if (r == CKR_OK)
			r = kit.f->C_GetSessionInfo(session, &info);
		if (r == CKR_OK)
			r = kit.f->C_GetTokenInfo(kit.slot, &token);
	}
	return r;
}

static CK_RV finalize(void)
{
	return kit.f->C_Finalize(NULL);
}

enum phase_no { INITIALIZE, FIND, LIST, LOGIN, SIGN_1, SIGN_MORE, EC_1, EC_MORE, POLL, FINALIZE, PHASES };

static struct phase {
	const char *name;
	CK_RV (*run)(void);
	long calls;
	/* measured */
	long apdus;
	double ms;
} phases[PHASES] = {
	[INITIALIZE] = { "initialize", initialize, 1, 0, 0 },
	[FIND] = { "slots, tokens, all objects", directories, 1, 0, 0 },
	[LIST] = { "all certificates", certificates, 1, 0, 0 },
	[LOGIN] = { "login", login, 1, 0, 0 },
	[SIGN_1] = { "first signature, RSA", first_rsa, 1, 0, 0 },
	[SIGN_MORE] = { "10 further signatures, RSA", more_rsa, SIGNATURES, 0, 0 },
	[EC_1] = { "first signature, ECDSA", first_ecdsa, 1, 0, 0 },
	[EC_MORE] = { "10 further signatures, ECDSA", more_ecdsa, SIGNATURES, 0, 0 },
	[POLL] = { "20 polls of slot, session, token", polls, POLLS, 0, 0 },
	[FINALIZE] = { "finalize", finalize, 1, 0, 0 },
};

static double now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static void run(struct phase *p)
{
	double start;
	CK_RV r;

	tap_doing(p->name);
	apdus();
	start = now_ms();
	r = p->run();
	p->ms = now_ms() - start;
	p->apdus = apdus();
	if (r != CKR_OK)
		tap_bail("%s: %s", p->name, rv_name(r));
	printf("%s%-34s", with_tap ? "# " : "", p->name);
	if (p->apdus < 0)
		printf("%8s%8s", "?", "?");
	else
		printf("%8ld%8.1f", p->apdus, (double)p->apdus / (double)p->calls);
	printf("%10.2f\n", p->ms);
}

/* -- limits ------------------------------------------------------------------------------------ */

enum limit_no { L_INIT, L_FIND, L_LIST, L_LOGIN_SIGN, L_SIGN, L_POLL, L_INIT_MS, L_DIRTY, LIMITS };

static const struct option options[] = {
	{ "max-initialize", required_argument, NULL, L_INIT },
	{ "max-find", required_argument, NULL, L_FIND },
	{ "max-list", required_argument, NULL, L_LIST },
	{ "max-login-sign", required_argument, NULL, L_LOGIN_SIGN },
	{ "max-sign", required_argument, NULL, L_SIGN },
	{ "max-poll", required_argument, NULL, L_POLL },
	{ "max-initialize-ms", required_argument, NULL, L_INIT_MS },
	{ "max-dirty", required_argument, NULL, L_DIRTY },
	{ "tap", no_argument, NULL, 't' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 }
};

static long limits[LIMITS] = { -1, -1, -1, -1, -1, -1, -1, -1 };
static bool broken;

static void limit(enum limit_no no, double seen, const char *what)
{
	bool holds = seen >= 0 && seen <= (double)limits[no];

	if (limits[no] < 0)
		return;
	broken = broken || !holds;
	if (with_tap)
		tap(holds, "%s: %.1f, at most %ld", what, seen, limits[no]);
	else if (!holds)
		printf("OVER BUDGET: %s: %.1f, at most %ld%s\n", what, seen, limits[no],
		       seen < 0 ? " (nobody counts APDUs: see --help)" : "");
}

static double per_call(enum phase_no no)
{
	return phases[no].apdus < 0 ? -1 : (double)phases[no].apdus / (double)phases[no].calls;
}

static void check_limits(long dirty)
{
	bool rsa = phases[SIGN_1].apdus > 0;
	long login_sign = phases[LOGIN].apdus + phases[rsa ? SIGN_1 : EC_1].apdus;
	long find = phases[FIND].apdus, list = find < 0 ? -1 : find + phases[LIST].apdus;

	limit(L_INIT, (double)phases[INITIALIZE].apdus, "APDUs of C_Initialize");
	limit(L_FIND, (double)find, "APDUs of listing");
	limit(L_LIST, (double)list, "APDUs of listing with certificates");
	limit(L_LOGIN_SIGN, phases[LOGIN].apdus < 0 ? -1 : (double)login_sign,
	      "APDUs of login and first signature");
	limit(L_SIGN, per_call(SIGN_MORE), "APDUs of each further RSA signature");
	limit(L_SIGN, per_call(EC_MORE), "APDUs of each further ECDSA signature");
	limit(L_POLL, (double)phases[POLL].apdus, "APDUs of 20 polls");
	limit(L_INIT_MS, phases[INITIALIZE].ms, "milliseconds of C_Initialize");
	limit(L_DIRTY, (double)dirty, "KiB of private memory with a card open");
}

static char **parse(int argc, char **argv)
{
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 't') {
			with_tap = true;
		} else if (c >= 0 && c < LIMITS) {
			limits[c] = strtol(optarg, NULL, 10);
		} else {
			fputs(usage, c == 'h' ? stdout : stderr);
			exit(c == 'h' ? 0 : 2);
		}
	}
	return argv + optind - 1;
}

int main(int argc, char **argv)
{
	char **rest = parse(argc, argv);
	char real[PATH_MAX];
	long before = private_dirty(NULL), after, module;

	kit_open(argc - (int)(rest - argv), rest);
	tap_watchdog(120);
	printf("%s%-34s%8s%8s%10s\n", with_tap ? "# " : "", "phase", "APDUs", "each", "ms");
	for (enum phase_no i = 0; i < FINALIZE; i++)
		run(&phases[i]);
	after = private_dirty(NULL);
	module = private_dirty(realpath(kit.path, real) != NULL ? real : kit.path);
	run(&phases[FINALIZE]);
	printf("%sprivate memory with a card open: %ld KiB in the module's mappings, "
	       "%ld KiB more in the whole process\n", with_tap ? "# " : "", module, after - before);
	check_limits(after - before);
	return with_tap ? tap_end() : broken;
}

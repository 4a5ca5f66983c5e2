/*
 * A program that uses a module step by step: host MODULE STEP...
 *
 * A step is a command, with " = ANSWER" behind it when the answer is to be another than CKR_OK; * is any. The
 * first that is answered otherwise ends the program with status 1.
 *
 *   slot N          what follows is about that slot
 *   open, openro    C_OpenSession; the session is used from now on
 *   login [PIN], so [PUK], context [PIN], logout
 *   sign ID         C_SignInit and C_Sign by the private key with that CKA_ID, hexadecimal
 *   begin ID, end   the two of it
 *   toolong ID      C_Sign of more than the key can sign
 *   set OLD NEW     C_SetPIN; - is NULL
 *   init NEW        C_InitPIN
 *   token           C_GetTokenInfo
 *   label           the token's label
 *   path            yes: CKF_PROTECTED_AUTHENTICATION_PATH is set, no: not
 *   slots           the slots with a token
 *   needs           what the PIN needs to be activated: 0 nothing, 1 to be unblocked, 2 to be changed
 *   keys            the CKA_IDs of the private keys, in order; none
 *   always ID       yes: CKA_ALWAYS_AUTHENTICATE is set, no: not
 *   event           C_WaitForSlotEvent without waiting
 *   do COMMAND      the status of a shell command
 *   wait MS
 */
#include "config.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "t/conform/kit.h"

#define KEYS_MAX 16

static CK_FUNCTION_LIST *f;
static CK_SLOT_ID slot;
static CK_SESSION_HANDLE h;
static char answer[256]; /* of the step that was done last */

static void
say(CK_RV rv)
{
	snprintf(answer, sizeof answer, "%s", rv_name(rv));
}

/* A PIN that is to be given as NULL is "" or "-". */
static CK_UTF8CHAR *
pin_of(char *text, CK_ULONG *len)
{
	*len = *text && strcmp(text, "-") != 0 ? strlen(text) : 0;
	return *len ? (CK_UTF8CHAR *)text : NULL;
}

static void
login(CK_USER_TYPE user, char *pin)
{
	CK_ULONG len;
	CK_UTF8CHAR *p = pin_of(pin, &len);

	say(f->C_Login(h, user, p, len));
}

static void
set_pin(char *arg)
{
	char *new = strchr(arg, ' ');
	CK_UTF8CHAR *p, *q;
	CK_ULONG plen, qlen;

	if (!new) {
		say(CKR_ARGUMENTS_BAD);
		return;
	}
	*new++ = 0;
	p = pin_of(arg, &plen);
	q = pin_of(new, &qlen);
	say(f->C_SetPIN(h, p, plen, q, qlen));
}

static void
init_pin(char *new)
{
	CK_ULONG len;
	CK_UTF8CHAR *p = pin_of(new, &len);

	say(f->C_InitPIN(h, p, len));
}

static CK_RV
find(CK_BYTE *id, CK_ULONG *n, CK_OBJECT_HANDLE *out)
{
	CK_OBJECT_CLASS cls = CKO_PRIVATE_KEY;
	CK_ATTRIBUTE t[] = { { CKA_CLASS, &cls, sizeof cls }, { CKA_ID, id, 1 } };
	CK_RV rv;

	if ((rv = f->C_FindObjectsInit(h, t, id ? 2 : 1)))
		return rv;
	rv = f->C_FindObjects(h, out, *n, n);
	f->C_FindObjectsFinal(h);
	return rv;
}

static CK_RV
attribute(CK_OBJECT_HANDLE o, CK_ATTRIBUTE_TYPE type, void *p, CK_ULONG *n)
{
	CK_ATTRIBUTE t = { type, p, *n };
	CK_RV rv = f->C_GetAttributeValue(h, o, &t, 1);

	*n = t.ulValueLen;
	return rv;
}

static bool
key_by(const char *id, CK_OBJECT_HANDLE *o)
{
	CK_BYTE wanted = (CK_BYTE)strtoul(id, NULL, 16);
	CK_ULONG n = 1;
	CK_RV rv = find(&wanted, &n, o);

	if (!rv && n == 1)
		return true;
	snprintf(answer, sizeof answer, "%s", rv ? rv_name(rv) : "no key");
	return false;
}

static void
begin(const char *id, CK_MECHANISM_TYPE rsa)
{
	CK_MECHANISM m = { rsa, NULL, 0 };
	CK_OBJECT_HANDLE o;
	CK_KEY_TYPE type;
	CK_ULONG n = sizeof type;
	CK_RV rv;

	if (!key_by(id, &o))
		return;
	if (!(rv = attribute(o, CKA_KEY_TYPE, &type, &n))) {
		if (type == CKK_EC)
			m.mechanism = CKM_ECDSA_SHA384;
		rv = f->C_SignInit(h, &m, o);
	}
	say(rv);
}

static void
end(CK_ULONG n)
{
	static CK_BYTE data[1024], sig[1024];
	CK_ULONG len = sizeof sig;

	say(f->C_Sign(h, data, n, sig, &len));
}

static void
sign(const char *id)
{
	begin(id, CKM_SHA256_RSA_PKCS);
	if (strcmp(answer, "CKR_OK") == 0)
		end(32);
}

static void
too_long(const char *id)
{
	begin(id, CKM_RSA_PKCS);
	if (strcmp(answer, "CKR_OK") == 0)
		end(300);
}

static void
add(bool hex, unsigned long n)
{
	size_t at = strlen(answer);
	const char *gap = at ? " " : "";

	if (hex)
		snprintf(answer + at, sizeof answer - at, "%s%02lx", gap, n);
	else
		snprintf(answer + at, sizeof answer - at, "%s%lu", gap, n);
}

static void
keys(void)
{
	CK_OBJECT_HANDLE o[KEYS_MAX];
	CK_ULONG n = KEYS_MAX, len;
	CK_BYTE id[32];
	CK_RV rv = find(NULL, &n, o);

	for (CK_ULONG i = 0; !rv && i < n; i++) {
		len = sizeof id;
		if (!(rv = attribute(o[i], CKA_ID, id, &len)) && len)
			add(true, id[0]);
	}
	if (rv || !n)
		snprintf(answer, sizeof answer, "%s", rv ? rv_name(rv) : "none");
}

static void
always(const char *id)
{
	CK_OBJECT_HANDLE o;
	CK_BBOOL yes = CK_FALSE;
	CK_ULONG n = sizeof yes;
	CK_RV rv;

	if (!key_by(id, &o))
		return;
	rv = attribute(o, CKA_ALWAYS_AUTHENTICATE, &yes, &n);
	snprintf(answer, sizeof answer, "%s", rv ? rv_name(rv) : yes ? "yes" : "no");
}

static void
token(const char *what)
{
	CK_TOKEN_INFO info;
	CK_RV rv = f->C_GetTokenInfo(slot, &info);
	int n = sizeof info.label;

	say(rv);
	if (rv || strcmp(what, "token") == 0)
		return;
	if (strcmp(what, "path") == 0) {
		snprintf(answer, sizeof answer, "%s",
		    info.flags & CKF_PROTECTED_AUTHENTICATION_PATH ? "yes" : "no");
		return;
	}
	while (n && info.label[n - 1] == ' ')
		n--;
	snprintf(answer, sizeof answer, "%.*s", n, (const char *)info.label);
}

/* What the slot's PIN needs to be activated. */
static void
needs(void)
{
	CK_OBJECT_CLASS cls = CKO_HW_FEATURE;
	CK_ATTRIBUTE t = { CKA_CLASS, &cls, sizeof cls };
	CK_OBJECT_HANDLE o = 0;
	CK_ULONG n = 0, how = 0;
	CK_RV rv;

	if (!(rv = f->C_FindObjectsInit(h, &t, 1))) {
		rv = f->C_FindObjects(h, &o, 1, &n);
		f->C_FindObjectsFinal(h);
	}
	n = sizeof how;
	if (!rv)
		rv = attribute(o, CKA_VENDOR_DEFINED | 0x43530017UL, &how, &n);
	if (rv)
		say(rv);
	else
		snprintf(answer, sizeof answer, "%lu", how);
}

static void
slots(void)
{
	CK_SLOT_ID list[KEYS_MAX];
	CK_ULONG n = 0;
	CK_RV rv = f->C_GetSlotList(CK_TRUE, NULL, &n);

	n = KEYS_MAX;
	if (!rv)
		rv = f->C_GetSlotList(CK_TRUE, list, &n);
	for (CK_ULONG i = 0; !rv && i < n; i++)
		add(false, list[i]);
	if (rv || !n)
		snprintf(answer, sizeof answer, "%s", rv ? rv_name(rv) : "none");
}

static void
event(void)
{
	CK_SLOT_ID seen;

	say(f->C_WaitForSlotEvent(CKF_DONT_BLOCK, &seen, NULL));
}

static bool
step(const char *what, char *arg)
{
	int status;

	answer[0] = 0;
	if (strcmp(what, "slot") == 0)
		slot = strtoul(arg, NULL, 10), say(CKR_OK);
	else if (strcmp(what, "open") == 0)
		say(f->C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &h));
	else if (strcmp(what, "openro") == 0)
		say(f->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &h));
	else if (strcmp(what, "login") == 0)
		login(CKU_USER, arg);
	else if (strcmp(what, "so") == 0)
		login(CKU_SO, arg);
	else if (strcmp(what, "context") == 0)
		login(CKU_CONTEXT_SPECIFIC, arg);
	else if (strcmp(what, "logout") == 0)
		say(f->C_Logout(h));
	else if (strcmp(what, "sign") == 0)
		sign(arg);
	else if (strcmp(what, "begin") == 0)
		begin(arg, CKM_SHA256_RSA_PKCS);
	else if (strcmp(what, "end") == 0)
		end(32);
	else if (strcmp(what, "toolong") == 0)
		too_long(arg);
	else if (strcmp(what, "set") == 0)
		set_pin(arg);
	else if (strcmp(what, "init") == 0)
		init_pin(arg);
	else if (strcmp(what, "token") == 0 || strcmp(what, "label") == 0 || strcmp(what, "path") == 0)
		token(what);
	else if (strcmp(what, "slots") == 0)
		slots();
	else if (strcmp(what, "event") == 0)
		event();
	else if (strcmp(what, "needs") == 0)
		needs();
	else if (strcmp(what, "keys") == 0)
		keys();
	else if (strcmp(what, "always") == 0)
		always(arg);
	else if (strcmp(what, "wait") == 0)
		kit_sleep_ms((unsigned)strtoul(arg, NULL, 10)), say(CKR_OK);
	else if (strcmp(what, "do") == 0) {
		status = system(arg);
		snprintf(answer, sizeof answer, "%d", WIFEXITED(status) ? WEXITSTATUS(status) : -1);
	} else
		return false;
	return true;
}

static int
run(char *text)
{
	char *wanted = strstr(text, " = "), *arg;
	const char *want;

	if (wanted) {
		*wanted = 0;
		wanted += 3;
	}
	want = wanted ? wanted : strncmp(text, "do ", 3) == 0 ? "0" : "CKR_OK";
	if ((arg = strchr(text, ' ')))
		*arg++ = 0;
	printf("%s %s", text, arg ? arg : "");
	fflush(stdout);
	if (!step(text, arg ? arg : text + strlen(text))) {
		printf(": there is no such step\n");
		return 2;
	}
	if (strcmp(want, "*") == 0 || strcmp(answer, want) == 0) {
		printf(": %s\n", answer);
		return 0;
	}
	printf(": %s, not %s\n", answer, want);
	return 1;
}

int
main(int argc, char **argv)
{
	void *dl = argc > 1 ? dlopen(argv[1], RTLD_NOW) : NULL;
	CK_C_GetFunctionList get = NULL;
	int status = 0;
	CK_RV rv;

	if (dl)
		*(void **)&get = dlsym(dl, "C_GetFunctionList");
	if (!get || get(&f)) {
		printf("no module: %s\n", argc > 1 ? dlerror() : "none was named");
		return 2;
	}
	if ((rv = f->C_Initialize(NULL))) {
		printf("C_Initialize: %s\n", rv_name(rv));
		return 2;
	}
	for (int i = 2; i < argc && !status; i++)
		status = run(argv[i]);
	f->C_Finalize(NULL);
	return status;
}

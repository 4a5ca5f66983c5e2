/*
 * What PINs cost in APDUs: PIN2 by a login and by a dialog, PIN1 by a dialog, and entered again after
 * a reset by another program.
 *
 *   pins [--max-WHAT N]... MODULE        (environment: t/conform/kit.h, t/conform/dialogs.h)
 *
 * The card is t/cards/myeid-citizen.yaml, with a person who gives the right PIN. In TAP; a limit that
 * is broken makes the exit status 1.
 */
#include "config.h"

#include "t/conform/dialogs.h"
#include "t/conform/kit.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(a) (sizeof (a) / sizeof (a)[0])

static CK_SESSION_HANDLE h[2];
static CK_OBJECT_HANDLE key[2];

static const char *const pins[] = { "1234", "123456" };

static CK_RV login(unsigned slot, const char *pin)
{
	return kit.f->C_Login(h[slot], CKU_USER, (CK_BYTE *)(uintptr_t)pin, strlen(pin));
}

static CK_RV sign(unsigned slot)
{
	CK_MECHANISM m = { CKM_SHA256_RSA_PKCS, NULL, 0 };
	CK_BYTE data[] = "to be signed", sig[512];
	CK_ULONG n = sizeof sig;
	CK_RV r = kit.f->C_SignInit(h[slot], &m, key[slot]);

	return r == CKR_OK ? kit.f->C_Sign(h[slot], data, sizeof data, sig, &n) : r;
}

static CK_RV pin1_by_dialog(void)
{
	dialogs_will(PIN("1234"), NULL);
	return sign(0);
}

static CK_RV pin1_further(void)
{
	return sign(0);
}

static CK_RV pin1_login_by_dialog(void)
{
	return kit.f->C_Login(h[0], CKU_USER, NULL, 0);
}

/* The reset is another program's, and counted by nobody. */
static CK_RV pin1_again(void)
{
	dialogs_will(CANCEL, NULL);
	return sign(0);
}

static CK_RV pin2_by_login(void)
{
	CK_RV r = login(1, pins[1]);

	return r == CKR_OK ? sign(1) : r;
}

static CK_RV pin2_by_dialog(void)
{
	dialogs_will(PIN("123456"), NULL);
	return sign(1);
}

/* After which private keys have other handles. */
static void logout(unsigned slot)
{
	kit.f->C_Logout(h[slot]);
	key[slot] = kit_find_key(h[slot], CKO_PRIVATE_KEY, CKK_RSA);
}

static void out_of_pin1(void)
{
	logout(0);
}

static void kept_and_reset(void)
{
	logout(0);
	login(0, pins[0]);
	console("reset");
}

static void out_of_pin2(void)
{
	logout(1);
}

static struct phase {
	const char *name, *option;
	void (*before)(void);
	CK_RV (*run)(void);
	long most;
} phases[] = {
	{ "PIN1 by a dialog, and a signature", "max-dialog", NULL, pin1_by_dialog, -1 },
	{ "a further one", "max-sign", NULL, pin1_further, -1 },
	{ "C_Login by a dialog", "max-login", out_of_pin1, pin1_login_by_dialog, -1 },
	{ "PIN1 again after a reset, and a signature", "max-again", kept_and_reset, pin1_again, -1 },
	{ "PIN2 by a login, and a signature", "max-pin2", NULL, pin2_by_login, -1 },
	{ "PIN2 by a dialog, and a signature", "max-pin2-dialog", out_of_pin2, pin2_by_dialog, -1 },
};

static char **parse(int argc, char **argv)
{
	struct option options[COUNT(phases) + 1] = { { NULL, 0, NULL, 0 } };
	int c;

	for (size_t i = 0; i < COUNT(phases); i++)
		options[i] = (struct option){ phases[i].option, required_argument, NULL, (int)i };
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c < 0 || c >= (int)COUNT(phases))
			exit(2);
		phases[c].most = strtol(optarg, NULL, 10);
	}
	return argv + optind - 1;
}

static void run(struct phase *p)
{
	long before, after;
	CK_RV r;

	tap_doing(p->name);
	if (p->before != NULL)
		p->before();
	before = atol(console("apdus"));
	r = p->run();
	after = atol(console("apdus"));
	if (!tap_rv(r, CKR_OK, "%s", p->name))
		return;
	tap_note("%-42s %3ld APDUs", p->name, after - before);
	if (p->most >= 0)
		tap(after - before <= p->most, "%s: %ld APDUs, at most %ld", p->name, after - before,
		    p->most);
}

int main(int argc, char **argv)
{
	char **rest = parse(argc, argv);

	kit_open(argc - (int)(rest - argv), rest);
	tap_watchdog(60);
	dialogs_open();
	dialogs_will(CANCEL, NULL);
	kit_start();
	kit_pick_slot();
	for (unsigned i = 0; i < 2; i++, kit.slot++) {
		h[i] = kit_session(0);
		key[i] = kit_find_key(h[i], CKO_PRIVATE_KEY, CKK_RSA);
		/* the certificate of a key is read once, for the first who uses it */
		if (login(i, pins[i]) != CKR_OK || sign(i) != CKR_OK)
			tap_bail("no signature in slot %u", i);
		logout(i);
	}
	for (size_t i = 0; i < COUNT(phases); i++)
		run(&phases[i]);
	tap_rv(kit.f->C_Finalize(NULL), CKR_OK, "C_Finalize");
	return tap_end();
}

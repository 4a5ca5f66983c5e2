/*
 * PINs that are too old (changePinPeriod), by dialogs.
 *
 *   expiry [never] MODULE        (environment: kit.h, dialogs.h)
 *
 * The card is t/cards/myeid-oldpins.yaml. never: no period is set.
 */
#include "config.h"

#include "t/conform/dialogs.h"
#include "t/conform/kit.h"

#include <stdio.h>
#include <string.h>

static const struct side {
	const char *name, *old, *first, *second;
	unsigned number;
	bool each_time;
} sides[2] = {
	{ "PIN1", PIN("1234"), PIN("7351"), PIN("2468"), 1, false },
	{ "PIN2", PIN("123456"), PIN("735192"), PIN("246813"), 2, true },
};
static const struct side *side;
static CK_SESSION_HANDLE h;

static CK_FLAGS flag(void)
{
	CK_TOKEN_INFO i;

	if (kit.f->C_GetTokenInfo(kit.slot, &i) != CKR_OK)
		tap_bail("C_GetTokenInfo");
	return i.flags & CKF_USER_PIN_TO_BE_CHANGED;
}

static CK_OBJECT_HANDLE key(void)
{
	return kit_find_key(h, CKO_PRIVATE_KEY, CKK_RSA);
}

static CK_RV set_pin(void)
{
	return kit.f->C_SetPIN(h, NULL, 0, NULL, 0);
}

static void begin(CK_SLOT_ID slot, const struct side *which)
{
	kit.slot = slot;
	side = which;
	h = kit_session(CKF_RW_SESSION);
}

static void too_old(void)
{
	dialogs_will(side->old, NULL);
	tap(flag() == 0, "%s: nobody knows its age yet", side->name);
	tap_rv(kit_sign(h, key()), CKR_PIN_EXPIRED, "%s: signing without a login", side->name);
	tap(dialogs_shown() == 1 && flag(), "%s: the PIN told its age", side->name);
	tap(!side->each_time || !card_is_open(side->number), "%s: and is not left open",
	    side->name);
	tap_rv(kit_sign_init(h, key()), CKR_PIN_EXPIRED, "%s: C_SignInit from now on", side->name);
	tap(dialogs_shown() == 1, "%s: nobody is asked for what does not help", side->name);
	tap_rv(kit.f->C_Login(h, CKU_USER, NULL, 0), CKR_OK, "%s: it logs in", side->name);
	tap_rv(kit_sign_init(h, key()), CKR_PIN_EXPIRED, "%s: which changes nothing", side->name);
	kit.f->C_Logout(h);
}

static void is_changed(void)
{
	/* the old one, the same again, twice, and then another one */
	dialogs_will(side->old, side->old, side->old, side->first, side->first, NULL);
	tap_rv(set_pin(), CKR_OK, "%s: C_SetPIN, first to the same one", side->name);
	tap(dialogs_shown() == 5 && dialogs_said("used this PIN before"),
	    "%s: which the dialog says; the old one is asked for once", side->name);
	tap(!card_is_open(side->number) && flag() == 0, "%s: it is closed and new", side->name);
	dialogs_will(side->first, NULL);
	tap_rv(kit_sign(h, key()), CKR_OK, "%s: and signs", side->name);
	kit.f->C_Logout(h);
	dialogs_will(side->first, side->old, side->old, CANCEL, NULL);
	tap_rv(set_pin(), CKR_FUNCTION_CANCELED, "%s: back to the old one", side->name);
	tap(dialogs_shown() == 4 && dialogs_said("used this PIN before"), "%s: is refused",
	    side->name);
	tap(!card_is_open(side->number), "%s: and not left open", side->name);
	dialogs_will(side->first, side->second, side->second, NULL);
	tap_rv(set_pin(), CKR_OK, "%s: to a third one", side->name);
	dialogs_will(side->second, NULL);
	tap_rv(kit_sign(h, key()), CKR_OK, "%s: which signs", side->name);
	kit.f->C_Logout(h);
}

int main(int argc, char **argv)
{
	bool never = argc > 2 && strcmp(argv[1], "never") == 0;
	CK_SLOT_ID slots[2];
	CK_ULONG n = 2;

	kit_open(argc - never, argv + never);
	tap_watchdog(60);
	dialogs_open();
	kit_start();
	if (kit.f->C_GetSlotList(CK_TRUE, slots, &n) != CKR_OK || n != 2)
		tap_bail("not two slots with a token, but %lu", n);
	for (size_t i = 0; i < 2; i++) {
		begin(slots[i], &sides[i]);
		if (never) {
			dialogs_will(side->old, NULL);
			tap_rv(kit_sign(h, key()), CKR_OK, "%s: signs", side->name);
			tap(flag() == 0, "%s: is as good as any", side->name);
			continue;
		}
		too_old();
		is_changed();
	}
	tap_rv(kit.f->C_Finalize(NULL), CKR_OK, "C_Finalize");
	return tap_end();
}

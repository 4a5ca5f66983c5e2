/* Cards as they come by mail, through the whole module: what programs are told of them, how programs and
 * people make them their own, and that nothing that goes wrong on the way costs a try of the code, leaves a
 * PIN that nobody knows, or keeps the rest from being done later. */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/os.h"
#include "t/fault/module.h"
#include "t/fault/person.h"
#include "t/unit/cards.h"
#include "t/unit/children.h"
#include "t/unit/unit.h"
#include "token/feature.h"

#define FAR 200 /* more commands than any one call has */
#define DEAD_END CKR_USER_NOT_LOGGED_IN

/* alone: what other programs of the user do to their PINs is nothing to a test */
static const char plain[] = "disableCryptokiAutoLogin = 1\nDataPath = /nonexistent/x\n";
static const char *const new_pins[] = { "4826", "482615" };

/* Both ways: the image, the code, and what the attribute says. */
static const struct route {
	const char *image, *code, *wrong, *unfit;
	CK_ULONG how;
	int tries, puk_tries;   /* of the card as it comes */
} schemes[] = {
	{ "myeid-newpuk.yaml", "12345678", "87654321", "7351924", ACTIVATION_UNBLOCK, 0, 10 },
	{ "myeid-newcode.yaml", "7351924", "4291537", "12345678", ACTIVATION_CHANGE, 5, 10 },
};
static const struct route *way;

static long today; /* 0: as the clock says */
long __real_os_today(void);
long __wrap_os_today(void);

long
__wrap_os_today(void)
{
	return today ? today : __real_os_today();
}

static void
finalize(void)
{
	ck_assert_uint_eq(C_Finalize(NULL), CKR_OK);
	module_free();
}

static CK_FLAGS
flags_of(unsigned slot)
{
	CK_TOKEN_INFO info;
	CK_SLOT_ID id[8];
	CK_ULONG n = 8;

	ck_assert_uint_eq(C_GetSlotList(CK_TRUE, id, &n), CKR_OK);
	ck_assert_uint_eq(C_GetTokenInfo(id[slot], &info), CKR_OK);
	return info.flags & (CKF_USER_PIN_LOCKED | CKF_USER_PIN_TO_BE_CHANGED);
}

static CK_SESSION_HANDLE
session(unsigned slot)
{
	CK_SESSION_HANDLE h;
	CK_SLOT_ID id[8];
	CK_ULONG n = 8;

	ck_assert_uint_eq(C_GetSlotList(CK_TRUE, id, &n), CKR_OK);
	ck_assert_uint_eq(C_OpenSession(id[slot], CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &h), CKR_OK);
	return h;
}

static CK_ULONG
attribute(CK_SESSION_HANDLE h, CK_ATTRIBUTE_TYPE type)
{
	CK_OBJECT_HANDLE o = module_find(h, CKO_HW_FEATURE, 0);
	CK_ULONG value = 0;
	CK_ATTRIBUTE t = { type, &value, sizeof value };

	ck_assert_uint_ne(o, 0);
	ck_assert_uint_eq(C_GetAttributeValue(h, o, &t, 1), CKR_OK);
	return value;
}

static CK_ULONG
needs(CK_SESSION_HANDLE h)
{
	return attribute(h, CKA_CASTOR_PIN_ACTIVATION);
}

/* A program does it. */
static CK_RV
by_program(CK_SESSION_HANDLE h, const char *code, const char *new)
{
	CK_RV rv;

	if (way->how == ACTIVATION_CHANGE)
		return module_set_pin(h, code, new);
	if ((rv = C_Login(h, CKU_SO, (CK_UTF8CHAR_PTR)(uintptr_t)code, strlen(code))))
		return rv;
	rv = C_InitPIN(h, (CK_UTF8CHAR_PTR)(uintptr_t)new, strlen(new));
	C_Logout(h);
	return rv;
}

static CK_BYTE
key_id(unsigned slot)
{
	return slot ? 0x46 : 0x45;
}

/* The tries of the code that a PIN has. */
static int
code_tries(unsigned slot)
{
	return way->how == ACTIVATION_CHANGE ? vc_tries(module.vc[0], slot + 1) :
	    vc_puk_tries(module.vc[0], slot + 1);
}

static int
all_tries(void)
{
	return way->how == ACTIVATION_CHANGE ? way->tries : way->puk_tries;
}

/* The card is as it came. */
static void
is_untouched(void)
{
	for (unsigned pin = 1; pin <= 2; pin++) {
		ck_assert_int_eq(vc_tries(module.vc[0], pin), way->tries);
		ck_assert_int_eq(vc_puk_tries(module.vc[0], pin), way->puk_tries);
		ck_assert_int_eq(vc_pin_is_open(module.vc[0], pin), 0);
	}
}

/* A new library, in the plain mode, finds PINs in use. */
static void
is_active(unsigned slot, const char *pin)
{
	CK_SESSION_HANDLE h;

	module_settings(plain);
	h = module_open_slot(slot);
	ck_assert_uint_eq(needs(h), ACTIVATION_NONE);
	ck_assert_uint_eq(flags_of(slot), 0);
	ck_assert_uint_eq(module_login(h, pin), CKR_OK);
	ck_assert_uint_eq(module_sign(h, key_id(slot)), CKR_OK);
	ck_assert_uint_eq(C_Finalize(NULL), CKR_OK);
}

static void
new_card(void)
{
	module_card(way->image, NULL, NULL);
}

/* ---- programs ---- */

START_TEST(a_new_card_says_so)
{
	CK_SESSION_HANDLE h;

	way = &schemes[_i / 2];
	module_settings(plain);
	new_card();
	h = module_open_slot((unsigned)_i % 2);
	ck_assert_uint_eq(needs(h), way->how);
	ck_assert_uint_eq(flags_of((unsigned)_i % 2), way->how == ACTIVATION_UNBLOCK ? CKF_USER_PIN_LOCKED :
	    CKF_USER_PIN_TO_BE_CHANGED);
	is_untouched();
	finalize();
}
END_TEST

/* The same cards, but for what makes them new. */
START_TEST(a_card_in_use_says_nothing)
{
	static const struct { const char *image, *from, *to; } cards[] = {
		{ "myeid-newpuk.yaml", "tries: 0, ", "" },
		{ "myeid-newpuk.yaml", "puk-max: 10, min", "puk-tries: 9, puk-max: 10, min" },
		{ "myeid-newpuk.yaml", "puk-max: 10, min", "puk-tries: 0, puk-max: 10, min" },
		{ "myeid-newcode.yaml", "changed: no", "changed: yes" },
		{ "myeid-newcode.yaml", "pin-attributes: yes", "" },
		/* it was in use until it was blocked: the PUK is no code of this kind, but it unblocks */
		{ "myeid-newcode.yaml", "changed: no", "changed: yes, tries: 0, puk-tries: 9" },
	};
	CK_SESSION_HANDLE h;

	module_settings(plain);
	module_card(cards[_i].image, cards[_i].from, cards[_i].to);
	for (unsigned slot = 0; slot < 2; slot++) {
		h = module_open_slot(slot);
		ck_assert_uint_eq(needs(h), ACTIVATION_NONE);
		ck_assert_uint_eq(flags_of(slot) & CKF_USER_PIN_TO_BE_CHANGED, 0);
		ck_assert_uint_eq(C_Finalize(NULL), CKR_OK);
	}
	module_free();
}
END_TEST

START_TEST(a_program_activates_step_by_step)
{
	CK_SESSION_HANDLE h;

	way = &schemes[_i];
	module_settings(plain);
	new_card();
	ck_assert_uint_eq(C_Initialize(NULL), CKR_OK);
	for (unsigned slot = 0; slot < 2; slot++) {
		h = session(slot);
		ck_assert_uint_eq(by_program(h, way->code, new_pins[slot]), CKR_OK);
		ck_assert_uint_eq(needs(h), ACTIVATION_NONE);
		ck_assert_uint_eq(flags_of(slot), 0);
		ck_assert_int_eq(vc_pin_is_open(module.vc[0], slot + 1), 0);
		ck_assert_uint_eq(module_login(h, new_pins[slot]), CKR_OK);
		ck_assert_uint_eq(module_sign(h, key_id(slot)), CKR_OK);
		if (slot == 0) {
			CK_SESSION_HANDLE other = session(1);

			ck_assert_uint_eq(needs(other), way->how);
		}
	}
	ck_assert_uint_eq(C_Finalize(NULL), CKR_OK);
	is_active(0, new_pins[0]);
	is_active(1, new_pins[1]);
	module_free();
}
END_TEST

START_TEST(what_cannot_be_the_code_costs_no_try)
{
	CK_SESSION_HANDLE h;

	way = &schemes[_i];
	module_settings(plain);
	new_card();
	h = module_open_slot(0);
	ck_assert_uint_eq(by_program(h, way->unfit, "4826"), CKR_PIN_INCORRECT);
	ck_assert_uint_eq(by_program(h, _i ? "abcdefg" : "abcdefgh", "4826"), CKR_PIN_INCORRECT);
	if (_i) {
		ck_assert_uint_eq(module_login(h, "1234"), CKR_PIN_INCORRECT);
		ck_assert_uint_eq(module_set_pin(h, way->code, way->code), CKR_PIN_INVALID);
	}
	is_untouched();
	ck_assert_uint_eq(needs(h), way->how);
	ck_assert_uint_eq(by_program(h, way->wrong, "4826"), CKR_PIN_INCORRECT);
	ck_assert_int_eq(code_tries(0), all_tries() - 1);
	ck_assert_uint_eq(needs(h), way->how);
	ck_assert_uint_eq(by_program(h, way->code, "4826"), CKR_OK);
	ck_assert_uint_eq(needs(h), ACTIVATION_NONE);
	ck_assert_int_eq(code_tries(0), _i ? 5 : 10);
	finalize();
}
END_TEST

/* The transport PIN logs in, but signs nothing. */
START_TEST(the_code_is_good_for_nothing_but_its_change)
{
	CK_SESSION_HANDLE h;

	way = &schemes[1];
	module_settings(plain);
	new_card();
	h = module_open_slot((unsigned)_i);
	ck_assert_uint_eq(module_login(h, way->code), CKR_OK);
	ck_assert_uint_eq(flags_of((unsigned)_i), CKF_USER_PIN_TO_BE_CHANGED);
	ck_assert_uint_eq(module_sign_init(h, key_id((unsigned)_i)), CKR_PIN_EXPIRED);
	ck_assert_uint_eq(module_set_pin(h, way->code, new_pins[_i]), CKR_OK);
	if (_i) {
		ck_assert_uint_eq(C_Logout(h), CKR_OK);
		ck_assert_uint_eq(module_login(h, new_pins[_i]), CKR_OK);
	}
	ck_assert_uint_eq(module_sign(h, key_id((unsigned)_i)), CKR_OK);
	finalize();
}
END_TEST

/* Somebody else does it while we look away: no word of ours stands in the way. */
START_TEST(a_card_that_was_changed_elsewhere_is_in_use)
{
	static const char change[] = "0024000110" "37333531393234FF" "34383236FFFFFFFF";
	static const char app[] = "00A404000CA000000063504B43532D3135";
	const char *const apdus[] = { app, change };
	uint8_t in[64], out[300];
	CK_SESSION_HANDLE h;
	size_t n;

	way = &schemes[1];
	module_settings(plain);
	new_card();
	h = module_open_slot(0);
	ck_assert_uint_eq(needs(h), ACTIVATION_CHANGE);
	for (size_t i = 0; i < 2; i++) {
		for (n = 0; n < strlen(apdus[i]) / 2; n++) {
			unsigned byte;

			ck_assert_int_eq(sscanf(apdus[i] + 2 * n, "%2x", &byte), 1);
			in[n] = (uint8_t)byte;
		}
		ck_assert_uint_ge(vc_apdu(module.vc[0], in, n, out, sizeof out), 2);
	}
	ck_assert_uint_eq(module_login(h, "4826"), CKR_OK);
	ck_assert_uint_eq(module_sign(h, 0x45), CKR_OK);
	ck_assert_uint_eq(needs(h), ACTIVATION_NONE);
	finalize();
}
END_TEST

/* ---- people ---- */

/* What a person wants of a card: a signature, or to log in. */
static CK_RV
use(CK_SESSION_HANDLE h, unsigned slot, bool logs_in)
{
	return logs_in ? C_Login(h, CKU_USER, NULL, 0) : module_sign(h, key_id(slot));
}

START_TEST(a_person_activates_both_with_one_code)
{
	const char *answers[] = { NULL, "4826", "4826", "482615", "482615", NULL };
	static const char *const pin2[] = { "482615", NULL };
	unsigned slot = (unsigned)_i / 2 % 2;
	CK_SESSION_HANDLE h;

	way = &schemes[_i / 4];
	answers[0] = way->code;
	person_will("", answers);
	new_card();
	h = module_open_slot(slot);
	ck_assert_uint_eq(use(h, slot, _i % 2), CKR_OK);
	ck_assert_uint_eq(person_was_asked(), 5);
	ck_assert(person_heard("Activate your card: enter the activation code"));
	ck_assert(person_heard("SETPROMPT Activation code:"));
	ck_assert(person_heard("Enter a new PIN1.") && person_heard("Enter a new PIN2."));
	ck_assert(!person_heard("left.") && !person_heard("SETERROR"));
	if (_i % 2)
		ck_assert_uint_eq(module_sign(h, key_id(slot)), CKR_OK);
	ck_assert_uint_eq(person_was_asked(), 5);
	ck_assert_uint_eq(flags_of(0) | flags_of(1), 0);
	ck_assert_int_eq(vc_pin_is_open(module.vc[0], 1), slot == 0);
	ck_assert_int_eq(vc_pin_is_open(module.vc[0], 2), 0);
	/* and PIN2 is a PIN like any other */
	person_will_now(pin2);
	ck_assert_uint_eq(module_sign(session(1), 0x46), CKR_OK);
	ck_assert_uint_eq(person_was_asked(), 1);
	ck_assert_uint_eq(C_Finalize(NULL), CKR_OK);
	is_active(0, "4826");
	is_active(1, "482615");
	module_free();
	person_end();
}
END_TEST

START_TEST(a_card_with_one_pin_asks_for_one)
{
	const char *answers[] = { NULL, "4826", "4826", NULL };
	CK_SESSION_HANDLE h;

	way = &schemes[_i];
	answers[0] = way->code;
	person_will("disableCryptokiPIN2Slot = 1\n", answers);
	new_card();
	h = module_open_slot(0);
	ck_assert_uint_eq(module_sign(h, 0x45), CKR_OK);
	ck_assert_uint_eq(person_was_asked(), 3);
	finalize();
	person_end();
}
END_TEST

/* The rules of new PINs are those of C_SetPIN; the card hears nothing before all is well. */
START_TEST(new_pins_keep_the_rules)
{
	const char *answers[] = { NULL, NULL, "4826", "4825", "123", "123", "48a6", "48a6", NULL, NULL, "4826", "4826",
		"48261", "48261", "482615", "482615", NULL };

	way = &schemes[_i];
	answers[0] = way->unfit;
	answers[1] = way->code;
	answers[8] = answers[9] = way->code;
	person_will("", answers);
	new_card();
	ck_assert_uint_eq(module_sign(module_open_slot(0), 0x45), CKR_OK);
	ck_assert_uint_eq(person_was_asked(), 16);
	ck_assert(person_heard("This is not what an activation code of this card looks like."));
	ck_assert(person_heard("The two PINs are not the same.") && person_heard("The new PIN is too short."));
	ck_assert(person_heard("digits only") && person_heard("must not be the activation code"));
	ck_assert_int_eq(code_tries(0), _i ? 5 : 10);
	finalize();
	person_end();
}
END_TEST

START_TEST(a_wrong_code_is_asked_for_again)
{
	/* the wrong one once more costs no try: the card has said what it thinks of it */
	const char *answers[] = { NULL, "4826", "4826", "482615", "482615", NULL, NULL, NULL, NULL, NULL };

	way = &schemes[_i];
	answers[0] = answers[5] = answers[7] = way->wrong;
	answers[6] = _i ? "1112223" : "11122233";
	answers[8] = way->code;
	person_will("", answers);
	new_card();
	ck_assert_uint_eq(module_sign(module_open_slot(0), 0x45), CKR_OK);
	ck_assert_uint_eq(person_was_asked(), 9);
	ck_assert(person_heard("SETERROR Wrong activation code."));
	ck_assert(person_heard(_i ? "4 tries left." : "9 tries left."));
	ck_assert(person_heard(_i ? "3 tries left." : "8 tries left."));
	ck_assert(!person_heard(_i ? "2 tries left." : "7 tries left."));
	ck_assert_uint_eq(C_Finalize(NULL), CKR_OK);
	is_active(0, "4826");
	module_free();
	person_end();
}
END_TEST

/* After a wrong one the card is offered again while it stays in the reader. */
START_TEST(a_wrong_code_is_no_end)
{
	const char *answers[] = { NULL, "4826", "4826", "482615", "482615", "", NULL };
	CK_SESSION_HANDLE h;

	way = &schemes[_i];
	answers[0] = way->wrong;
	person_will("", answers);
	new_card();
	h = module_open_slot(0);
	ck_assert_uint_eq(module_sign(h, 0x45), CKR_FUNCTION_REJECTED);
	ck_assert_uint_eq(person_was_asked(), 6);
	answers[0] = way->code;
	person_will_now(answers);
	ck_assert_uint_eq(module_sign(h, 0x45), CKR_OK);
	ck_assert_uint_eq(person_was_asked(), 5);
	ck_assert(person_heard(_i ? "4 tries left." : "9 tries left."));
	finalize();
	person_end();
}
END_TEST

/* DESIGN 18.5: with one try left it says so, and is never opened by itself. */
START_TEST(the_last_try_is_not_offered_by_itself)
{
	const char *answers[] = { NULL, "4826", "4826", "482615", "482615", NULL };
	CK_SESSION_HANDLE h;
	CK_RV rv;

	way = &schemes[_i / 2];
	answers[0] = way->wrong;
	person_will("", answers);
	if (_i / 2) {
		new_card();
		vc_set_tries(module.vc[0], 1, 2);
	} else {
		module_card(way->image, "puk-max: 10", "puk-max: 2");
	}
	h = module_open_slot(0);
	rv = use(h, 0, _i % 2);
	ck_assert_uint_eq(rv, _i % 2 ? CKR_PIN_INCORRECT : DEAD_END);
	ck_assert_uint_eq(person_was_asked(), 5);
	ck_assert_int_eq(code_tries(0), 1);
	ck_assert_int_eq(code_tries(1), _i / 2 ? 5 : 2);
	ck_assert(person_heard("Wrong activation code. One try is left") && person_heard("MESSAGE"));
	/* but who wants the card once more gets it, and is told */
	answers[0] = way->code;
	person_will_now(answers);
	ck_assert_uint_eq(use(h, 0, _i % 2), CKR_OK);
	ck_assert(person_heard(_i / 2 ? "This is the last try: a wrong code blocks the card's PIN." :
	    "This is the last try: a wrong PUK blocks the card for good."));
	finalize();
	person_end();
}
END_TEST

START_TEST(the_last_try_can_be_wrong)
{
	const char *answers[] = { NULL, "4826", "4826", "482615", "482615", NULL };
	CK_SESSION_HANDLE h;

	way = &schemes[_i];
	answers[0] = way->wrong;
	person_will("", answers);
	if (_i) {
		new_card();
		vc_set_tries(module.vc[0], 1, 1);
	} else {
		module_card(way->image, "puk-max: 10", "puk-max: 1");
	}
	h = module_open_slot(0);
	ck_assert_uint_eq(C_Login(h, CKU_USER, NULL, 0), CKR_PIN_LOCKED);
	ck_assert_uint_eq(person_was_asked(), 5);
	ck_assert_int_eq(code_tries(0), 0);
	ck_assert_int_eq(code_tries(1), _i ? 5 : 1);
	ck_assert(person_heard("It was the last try") && person_heard("MESSAGE"));
	finalize();
	person_end();
}
END_TEST

/* All is asked before the first word to the card. */
START_TEST(a_cancel_anywhere_changes_nothing)
{
	const char *answers[] = { NULL, "4826", "4826", "482615", "482615", NULL };
	unsigned n = (unsigned)_i % 5;
	CK_SESSION_HANDLE h;

	way = &schemes[_i / 10];
	answers[0] = way->code;
	answers[n] = "";
	person_will("", answers);
	new_card();
	h = module_open_slot(0);
	ck_assert_uint_eq(use(h, 0, _i / 5 % 2), _i / 5 % 2 ? CKR_FUNCTION_CANCELED : CKR_FUNCTION_REJECTED);
	ck_assert_uint_eq(person_was_asked(), n + 1);
	is_untouched();
	ck_assert_uint_eq(needs(h), way->how);
	/* and the next one is as the first */
	answers[0] = way->code;
	answers[n] = n == 0 ? way->code : n < 3 ? "4826" : "482615";
	person_will_now(answers);
	ck_assert_uint_eq(use(h, 0, _i / 5 % 2), CKR_OK);
	ck_assert_uint_eq(person_was_asked(), 5);
	finalize();
	person_end();
}
END_TEST

/* PIN2 of these cards has a code of its own, which no real card has: PIN1 is activated, PIN2 is not. */
START_TEST(pin2_may_fail_after_pin1)
{
	static const char *const from[] = { "2, value: \"000000\", puk: \"12345678\"", "2, value: \"7351924\"" },
	    *const to[] = { "2, value: \"000000\", puk: \"55554444\"", "2, value: \"5555444\"" };
	static const char *const other[] = { "55554444", "5555444" };
	const char *answers[] = { NULL, "4826", "4826", "482615", "482615", NULL, NULL };
	const char *later[] = { NULL, "482615", "482615", NULL };
	unsigned slot = (unsigned)_i / 2 % 2;
	CK_SESSION_HANDLE h;
	bool cancels = _i % 2;

	way = &schemes[_i / 4];
	answers[0] = way->code;
	answers[5] = cancels ? "" : other[_i / 4];
	later[0] = other[_i / 4];
	person_will("", answers);
	module_card(way->image, from[_i / 4], to[_i / 4]);
	h = module_open_slot(slot);
	/* what was wanted of PIN1 goes on */
	ck_assert_uint_eq(module_sign(h, key_id(slot)), cancels && slot ? CKR_FUNCTION_REJECTED : CKR_OK);
	ck_assert_uint_eq(person_was_asked(), 6);
	ck_assert(person_heard("PIN1 is activated, but the card did not take the code for PIN2."));
	ck_assert(person_heard(_i / 4 ? "4 tries left." : "9 tries left."));
	ck_assert_uint_eq(needs(session(0)), ACTIVATION_NONE);
	ck_assert_uint_eq(needs(session(1)), cancels ? way->how : ACTIVATION_NONE);
	if (cancels) {
		/* the rest is offered with the next use of PIN2, and only that */
		person_will_now(later);
		ck_assert_uint_eq(module_sign(session(1), 0x46), CKR_OK);
		ck_assert_uint_eq(person_was_asked(), 3);
		ck_assert(person_heard(_i / 4 ? "Activate PIN2 of your card" : "PIN2 of your card is blocked"));
		ck_assert(!person_heard("PIN1."));
	}
	ck_assert_uint_eq(C_Finalize(NULL), CKR_OK);
	is_active(0, "4826");
	is_active(1, "482615");
	module_free();
	person_end();
}
END_TEST

/* What opens by being changed is shut again. */
START_TEST(cards_that_open_are_shut)
{
	const char *answers[] = { NULL, "4826", "4826", "482615", "482615", NULL };

	way = &schemes[_i];
	answers[0] = way->code;
	person_will("dropAuthentication = 1\n", answers);
	module_card(way->image, "activated: yes", "activated: yes\nchange-opens: yes");
	ck_assert_uint_eq(module_sign(module_open_slot(0), 0x45), CKR_OK);
	ck_assert_int_eq(vc_pin_is_open(module.vc[0], 1), 0);
	ck_assert_int_eq(vc_pin_is_open(module.vc[0], 2), 0);
	finalize();
	person_end();
}
END_TEST

/* Where nobody can be asked all is as it always was. */
START_TEST(without_dialogs_it_is_a_blocked_or_an_old_pin)
{
	CK_SESSION_HANDLE h;

	way = &schemes[_i / 2];
	module_settings(_i % 2 ? plain : "rootAutoLogin = 1\npinHelper = /nowhere\nDataPath = /nonexistent/x\n");
	new_card();
	h = module_open_slot(0);
	ck_assert_uint_eq(C_Login(h, CKU_USER, NULL, 0), CKR_ARGUMENTS_BAD);
	ck_assert_uint_eq(module_login(h, way->how == ACTIVATION_CHANGE ? way->code : "1234"),
	    way->how == ACTIVATION_CHANGE ? CKR_OK : CKR_PIN_LOCKED);
	if (way->how == ACTIVATION_CHANGE)
		ck_assert_uint_eq(module_sign_init(h, 0x45), CKR_PIN_EXPIRED);
	C_Logout(h);
	is_untouched();
	finalize();
}
END_TEST

/* A person's program that has logged in with the code gets the dialogs with its first signature. */
START_TEST(a_login_with_the_code_is_carried_over)
{
	const char *const answers[] = { "7351924", "4826", "4826", "482615", "482615", NULL };
	CK_SESSION_INFO info;
	CK_SESSION_HANDLE h;

	way = &schemes[1];
	person_will("", answers);
	new_card();
	h = module_open_slot(0);
	ck_assert_uint_eq(module_login(h, way->code), CKR_OK);
	ck_assert_uint_eq(module_sign(h, 0x45), CKR_OK);
	ck_assert_uint_eq(person_was_asked(), 5);
	ck_assert_uint_eq(C_GetSessionInfo(h, &info), CKR_OK);
	ck_assert_uint_eq(info.state, CKS_RW_USER_FUNCTIONS);
	finalize();
	person_end();
}
END_TEST

/* Nobody signs with the code because the dialogs have died. */
START_TEST(a_helper_that_dies_is_no_way_round)
{
	const char *answers[] = { "7351924", "4826", "4826", "482615", "482615", NULL };
	CK_SESSION_HANDLE h;

	way = &schemes[1];
	answers[_i] = "\\q";
	person_will("", answers);
	new_card();
	h = module_open_slot(0);
	ck_assert_uint_eq(module_login(h, way->code), CKR_OK);
	ck_assert_uint_eq(module_sign(h, 0x45), CKR_PIN_EXPIRED);
	ck_assert_uint_eq(module_sign_init(h, 0x45), CKR_PIN_EXPIRED);
	C_Logout(h);
	is_untouched();
	finalize();
	person_end();
}
END_TEST

/* PIN2 is as it was when PIN1 was done and the last but one try was the wrong code for it. */
START_TEST(what_was_done_is_said)
{
	static const char *const from[] = { "2, value: \"000000\", puk: \"12345678\", max: 3, tries: 0, puk-max: 10",
	    "2, value: \"7351924\"" };
	static const char *const to[] = { "2, value: \"000000\", puk: \"55554444\", max: 3, tries: 0, puk-max: 2",
	    "2, value: \"5555444\"" };
	const char *answers[] = { NULL, "4826", "4826", "482615", "482615", NULL };
	CK_SESSION_HANDLE h;

	way = &schemes[_i];
	answers[0] = way->code;
	person_will("", answers);
	module_card(way->image, from[_i], to[_i]);
	if (_i)
		vc_set_tries(module.vc[0], 2, 2);
	h = module_open_slot(0);
	ck_assert_uint_eq(module_sign(h, 0x45), CKR_OK);
	ck_assert_uint_eq(person_was_asked(), 5);
	ck_assert(person_heard("PIN1 is activated, PIN2 is not yet.") && person_heard("One try is left"));
	ck_assert_int_eq(code_tries(1), 1);
	finalize();
	person_end();
}
END_TEST

/* ---- threads ---- */

struct thread { pthread_t thread; CK_SESSION_HANDLE h; unsigned slot; CK_RV rv; };

static void *
thread_signs(void *arg)
{
	struct thread *t = arg;

	t->rv = module_sign(t->h, key_id(t->slot));
	return NULL;
}

/* Many want the card at once: the person is asked for the code once. */
START_TEST(threads_share_one_activation)
{
	const char *answers[] = { NULL, "4826", "4826", "482615", "482615", "482615", NULL };
	struct thread t[4] = { { .slot = 0 }, { .slot = 0 }, { .slot = 0 }, { .slot = (unsigned)_i / 2 } };

	way = &schemes[_i % 2];
	answers[0] = way->code;
	person_will("", answers);
	new_card();
	ck_assert_uint_eq(C_Initialize(NULL), CKR_OK);
	for (size_t i = 0; i < 4; i++)
		t[i].h = session(t[i].slot);
	for (size_t i = 0; i < 4; i++) {
		/* the last one finds the person at it */
		while (i == 3 && !person_was_asked())
			os_sleep_ms(1);
		ck_assert_int_eq(pthread_create(&t[i].thread, NULL, thread_signs, &t[i]), 0);
	}
	for (size_t i = 0; i < 4; i++)
		pthread_join(t[i].thread, NULL);
	for (size_t i = 0; i < 4; i++)
		ck_assert_msg(t[i].rv == CKR_OK, "thread %zu: 0x%lX", i, t[i].rv);
	/* PIN2 is a PIN like any other by then */
	ck_assert_uint_eq(person_was_asked(), _i / 2 ? 6 : 5);
	ck_assert_int_eq(code_tries(0), _i % 2 ? 5 : 10);
	finalize();
	person_end();
}
END_TEST

/* The session is closed while the person is at the n-th dialog. */
START_TEST(a_session_may_be_closed_meanwhile)
{
	const char *answers[] = { NULL, "4826", "4826", "482615", "482615", NULL };
	unsigned n = (unsigned)_i % 5;
	struct thread t = { .slot = 0 };

	way = &schemes[_i / 5];
	answers[0] = way->code;
	answers[n] = "\\w/nowhere/at/all;ERR 99\\n";
	person_will("", answers);
	new_card();
	ck_assert_uint_eq(C_Initialize(NULL), CKR_OK);
	t.h = session(0);
	ck_assert_int_eq(pthread_create(&t.thread, NULL, thread_signs, &t), 0);
	while (person_was_asked() <= n)
		os_sleep_ms(1);
	ck_assert_uint_eq(C_CloseSession(t.h), CKR_OK);
	pthread_join(t.thread, NULL);
	ck_assert_uint_eq(t.rv, CKR_SESSION_HANDLE_INVALID);
	ck_assert_uint_eq(person_was_asked(), n + 1);
	is_untouched();
	finalize();
	person_end();
}
END_TEST

/* ---- accidents ---- */

/* After an accident with the n-th command: nobody's code was spent, each PIN is the new one or still to be
 * activated, and a program can do what is left. */
static void
is_no_worse(enum io_fault kind, unsigned n)
{
	CK_SESSION_HANDLE h;

	for (unsigned slot = 0; slot < 2; slot++) {
		module_settings(plain);
		vc_reset(module.vc[0]);
		ck_assert_msg(code_tries(slot) >= all_tries() || vc_tries(module.vc[0], slot + 1) == 3,
		    "fault %d at command %u: %d tries of the code are left", (int)kind, n, code_tries(slot));
		h = module_open_slot(slot);
		if (needs(h) != ACTIVATION_NONE)
			ck_assert_msg(by_program(h, way->code, new_pins[slot]) == CKR_OK,
			    "fault %d at command %u: the code is lost", (int)kind, n);
		ck_assert_uint_eq(C_Finalize(NULL), CKR_OK);
		is_active(slot, new_pins[slot]);
	}
}

/* The log of the card, where bodies of PINs are starred: how many commands with the code it got. */
static unsigned
codes_sent(const char *log)
{
	char line[1024];
	FILE *f = fopen(log, "r");
	unsigned n = 0;

	ck_assert_ptr_nonnull(f);
	while (fgets(line, sizeof line, f))
		n += strncmp(line, "> 002C", 6) == 0 || strncmp(line, "> 0024", 6) == 0;
	fclose(f);
	return n;
}

START_TEST(an_accident_at_each_command)
{
	const char *answers[] = { NULL, "4826", "4826", "482615", "482615", NULL };
	char log[] = "activate-log-XXXXXX";
	enum io_fault kind = (enum io_fault)(_i / 2);
	bool fired = true, changed = false;
	unsigned n;

	way = &schemes[_i % 2];
	answers[0] = way->code;
	close(mkstemp(log));
	for (n = 1; fired && n < FAR; n++) {
		CK_SESSION_HANDLE h;
		CK_RV rv;

		person_will("", answers);
		new_card();
		h = module_open_slot(0);
		module_find(h, CKO_PRIVATE_KEY, 0x45);
		ck_assert_int_eq(truncate(log, 0), 0);
		ck_assert(vc_log(module.vc[0], log));
		io_fault_set(module.io, n, kind);
		rv = module_sign(h, 0x45);
		fired = io_fault_fired(module.io);
		io_fault_set(module.io, 0, FAULT_REMOVED);
		vc_log(module.vc[0], NULL);
		ck_assert_msg(person_was_asked() <= 6, "command %u: asked %u times", n, person_was_asked());
		ck_assert_msg(codes_sent(log) <= 2, "fault %d at command %u: the code was sent %u times, 0x%lX",
		    (int)kind, n, codes_sent(log), rv);
		changed |= codes_sent(log) == 1;
		ck_assert_uint_eq(C_Finalize(NULL), CKR_OK);
		if (kind != FAULT_64K) /* which passes for a success that never was */
			is_no_worse(kind, n);
		module_free();
		person_end();
	}
	unlink(log);
	ck_assert(changed);
	ck_assert_uint_gt(n, 8);
	ck_assert_uint_lt(n, FAR);
}
END_TEST

/* ---- the end of a certificate ---- */

#define END 27759 /* days to 2046-01-01, when those of the test cards end */

START_TEST(a_dialog_says_when_a_certificate_ends)
{
	static const struct { int before; const char *settings, *says; } cases[] = {
		{ 31, "", NULL },
		{ 30, "", "The certificate ends on 2046-01-01." },
		{ 0, "", "The certificate ends on 2046-01-01." },
		{ -1, "", "The certificate ended on 2046-01-01: it is not valid any more." },
		{ 10, "certExpirationWarningDays = 0\n", NULL },
		{ -10, "certExpirationWarningDays = 0\n", NULL },
		{ 10, "certExpirationWarningDays = 9\n", NULL },
		{ 9, "certExpirationWarningDays = 9\n", "The certificate ends on 2046-01-01." },
		{ 9, "Language = fi\n", "Varmenteen voimassaolo p\xC3\xA4\xC3\xA4ttyy 1.1.2046." },
		{ 9, "Language = sv\n", "Certifikatet g\xC3\xA5r ut den 1.1.2046." },
	};
	static const char *const pins[] = { "9999", "1234", NULL }, *const pin2[] = { "123456", NULL };
	CK_SESSION_HANDLE h;
	CK_ULONG present;
	unsigned before;

	today = END - cases[_i].before;
	person_will(cases[_i].settings, pins);
	module_card("myeid-citizen.yaml", NULL, NULL);
	h = module_open_slot(0);
	ck_assert_uint_eq(module_sign(h, 0x45), CKR_OK);
	ck_assert_uint_eq(person_was_asked(), 2);
	ck_assert_msg(person_heard(cases[_i].says ? cases[_i].says : "2046") == (cases[_i].says != NULL),
	    "case %d", _i);
	/* once for the card */
	person_will_now(pin2);
	ck_assert_uint_eq(module_sign(session(1), 0x46), CKR_OK);
	ck_assert_uint_eq(person_was_asked(), 1);
	ck_assert(!person_heard("2046"));
	/* and anew for the next one */
	vc_remove(module.vc[0]);
	ck_assert_uint_eq(C_GetSlotList(CK_TRUE, NULL, &present), CKR_OK);
	vc_insert(module.vc[0]);
	ck_assert_uint_eq(C_GetSlotList(CK_TRUE, NULL, &present), CKR_OK);
	person_will_now(pin2);
	h = session(1);
	before = (unsigned)io_fault_count(module.io);
	ck_assert_uint_eq(module_sign(h, 0x46), CKR_OK);
	ck_assert_uint_gt(io_fault_count(module.io), before);
	ck_assert(person_heard("2046") == (cases[_i].says != NULL) || strstr(cases[_i].settings, "Language"));
	finalize();
	person_end();
}
END_TEST

/* A login reads no certificate for the sake of it. */
START_TEST(no_command_is_sent_to_know_it)
{
	static const char *const pin2[] = { "123456", NULL };
	unsigned n[2];

	for (int i = 0; i < 2; i++) {
		CK_SESSION_HANDLE h;

		today = END - 9;
		person_will(i ? "" : "certExpirationWarningDays = 0\n", pin2);
		module_card("myeid-citizen.yaml", NULL, NULL);
		h = module_open_slot(1);
		io_fault_set(module.io, 0, FAULT_REMOVED);
		ck_assert_uint_eq(_i ? module_sign(h, 0x46) : C_Login(h, CKU_USER, NULL, 0), CKR_OK);
		n[i] = io_fault_count(module.io);
		ck_assert(person_heard("2046") == (i && _i));
		finalize();
		person_end();
	}
	ck_assert_uint_eq(n[0], n[1]);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("activate");
	TCase *tc = tcase_create("module");

	unsetenv("disableCryptokiAutoLogin");
	setenv("LC_ALL", "C", 1);
	module_settings(plain); /* the parent's, which removes it */
	module_profile("newcard.yaml");
	tcase_set_timeout(tc, 240);
	tcase_add_loop_test(tc, a_new_card_says_so, 0, 4);
	tcase_add_loop_test(tc, a_card_in_use_says_nothing, 0, 6);
	tcase_add_loop_test(tc, a_program_activates_step_by_step, 0, 2);
	tcase_add_loop_test(tc, what_cannot_be_the_code_costs_no_try, 0, 2);
	tcase_add_loop_test(tc, the_code_is_good_for_nothing_but_its_change, 0, 2);
	tcase_add_test(tc, a_card_that_was_changed_elsewhere_is_in_use);
	tcase_add_loop_test(tc, a_person_activates_both_with_one_code, 0, 8);
	tcase_add_loop_test(tc, a_card_with_one_pin_asks_for_one, 0, 2);
	tcase_add_loop_test(tc, new_pins_keep_the_rules, 0, 2);
	tcase_add_loop_test(tc, a_wrong_code_is_asked_for_again, 0, 2);
	tcase_add_loop_test(tc, a_wrong_code_is_no_end, 0, 2);
	tcase_add_loop_test(tc, the_last_try_is_not_offered_by_itself, 0, 4);
	tcase_add_loop_test(tc, the_last_try_can_be_wrong, 0, 2);
	tcase_add_loop_test(tc, a_cancel_anywhere_changes_nothing, 0, 20);
	tcase_add_loop_test(tc, pin2_may_fail_after_pin1, 0, 8);
	tcase_add_loop_test(tc, cards_that_open_are_shut, 0, 2);
	tcase_add_loop_test(tc, without_dialogs_it_is_a_blocked_or_an_old_pin, 0, 4);
	tcase_add_test(tc, a_login_with_the_code_is_carried_over);
	tcase_add_loop_test(tc, a_helper_that_dies_is_no_way_round, 0, 5);
	tcase_add_loop_test(tc, what_was_done_is_said, 0, 2);
	tcase_add_loop_test(tc, threads_share_one_activation, 0, 4);
	tcase_add_loop_test(tc, a_session_may_be_closed_meanwhile, 0, 10);
	tcase_add_loop_test(tc, an_accident_at_each_command, 0, 2 * FAULT_COUNT);
	tcase_add_loop_test(tc, a_dialog_says_when_a_certificate_ends, 0, 10);
	tcase_add_loop_test(tc, no_command_is_sent_to_know_it, 0, 2);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}

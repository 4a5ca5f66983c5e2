/* Cards that do not tell how many tries of a PIN are left, and cannot forget one: SetCOS and MioCOS.
 * Nothing costs a try that nobody typed, nothing stays open that should not, and all that can be done is
 * done. Each on every card of the kind. */
#include "t/fault/module.h"
#include "t/fault/person.h"
#include "t/unit/cards.h"
#include "t/unit/unit.h"

static const char plain[] = "disableCryptokiAutoLogin = 1\n";
static const char nobody[] = "rootAutoLogin = 1\npinHelper = /nowhere\nDataPath = /nonexistent/x\n";

static const struct silent { const char *image, *model; } cards[] = {
	{ "setcos-4.3.1.yaml",    "SetCOS 4.3      " },
	{ "setcos-4.3.2.yaml",    "SetCOS 4.3      " },
	{ "setcos-4.4.1.yaml",    "SetCOS 4.4      " },
	{ "setcos-nidel.yaml",    "SetCOS NIDEL    " },
	{ "setcos-eid20.yaml",    "SetCOS EID      " },
	{ "setcos-eid21.yaml",    "SetCOS EID      " },
	{ "fineid-eid2048.yaml",  "FINEID EID2048  " },
	{ "fineid-oberthur.yaml", "FINEID Oberthur " },
	{ "miocos-1.1.yaml",      "MioCOS          " },
	{ "miocos-2.3.yaml",      "MioCOS          " },
};

static CK_SESSION_HANDLE
open_silent(const struct silent *c)
{
	CK_TOKEN_INFO info;
	CK_SESSION_HANDLE h;

	module_card(c->image, NULL, NULL);
	h = module_open_slot(0);
	ck_assert_uint_eq(C_GetTokenInfo(0, &info), CKR_OK);
	ck_assert_msg(memcmp(info.model, c->model, 16) == 0, "%s: %.16s", c->image, (const char *)info.model);
	return h;
}

static CK_SESSION_HANDLE
second_slot(void)
{
	CK_SESSION_HANDLE h;

	ck_assert_uint_eq(C_OpenSession(1, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &h), CKR_OK);
	return h;
}

static void
finalize(void)
{
	ck_assert_uint_eq(C_Finalize(NULL), CKR_OK);
	module_free();
}

static CK_FLAGS
flags(CK_SLOT_ID slot)
{
	CK_TOKEN_INFO info;

	ck_assert_uint_eq(C_GetTokenInfo(slot, &info), CKR_OK);
	return info.flags & (CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY | CKF_USER_PIN_LOCKED);
}

static void
tries_are(int first, int second)
{
	ck_assert_int_eq(vc_tries(module.vc[0], 1), first);
	ck_assert_int_eq(vc_tries(module.vc[0], 2), second);
}

/* PIN2 is gone with the reset after each of its uses, and PIN1 with it, which a program is told. */
START_TEST(both_pins_serve)
{
	CK_OBJECT_HANDLE key1, key2;
	CK_SESSION_HANDLE h, h2;

	module_settings(plain);
	h = open_silent(&cards[_i]);
	ck_assert_uint_eq(module_find(h, CKO_PRIVATE_KEY, 0x45), 0);
	ck_assert_uint_eq(module_login(h, "9999"), CKR_PIN_INCORRECT);
	tries_are(2, 3);
	ck_assert_uint_eq(module_login(h, "1234"), CKR_OK);
	key1 = module_find(h, CKO_PRIVATE_KEY, 0x45);
	for (int i = 0; i < 3; i++)
		ck_assert_uint_eq(module_sign_with(h, key1), CKR_OK);
	tries_are(3, 3);
	h2 = second_slot();
	for (int i = 0; i < 2; i++) {
		ck_assert_uint_eq(module_login(h2, "123456"), CKR_OK);
		ck_assert_int_eq(vc_pin_is_open(module.vc[0], 2), 0);
		key2 = module_find(h2, CKO_PRIVATE_KEY, 0x46);
		ck_assert_uint_eq(module_sign_with(h2, key2), CKR_OK);
		ck_assert_int_eq(vc_pin_is_open(module.vc[0], 2), 0);
		ck_assert_uint_eq(module_sign_with(h2, key2), CKR_USER_NOT_LOGGED_IN);
		C_Logout(h2);
	}
	ck_assert_uint_eq(module_sign_with(h, key1), CKR_USER_NOT_LOGGED_IN);
	ck_assert_uint_eq(module_state(h), CKS_RW_PUBLIC_SESSION);
	ck_assert_uint_eq(module_login(h, "1234"), CKR_OK);
	ck_assert_uint_eq(module_sign(h, 0x45), CKR_OK);
	tries_are(3, 3);
	finalize();
}
END_TEST

/* What is left after a wrong PIN is told by its answer alone. */
START_TEST(a_pin_is_blocked_and_unblocked)
{
	CK_UTF8CHAR puk[] = "12345678", pin[] = "4321";
	CK_SESSION_HANDLE h;

	module_settings(plain);
	h = open_silent(&cards[_i]);
	ck_assert_uint_eq(flags(0), 0);
	ck_assert_uint_eq(module_set_pin(h, "9999", "4321"), CKR_PIN_INCORRECT);
	tries_are(2, 3);
	ck_assert_uint_eq(module_login(h, "9999"), CKR_PIN_INCORRECT);
	tries_are(1, 3);
	ck_assert_uint_eq(flags(0), CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY);
	ck_assert_uint_eq(module_login(h, "9999"), CKR_PIN_LOCKED);
	tries_are(0, 3);
	ck_assert_uint_eq(flags(0), CKF_USER_PIN_LOCKED);
	ck_assert_uint_eq(C_Login(h, CKU_SO, puk, 8), CKR_OK);
	ck_assert_uint_eq(C_InitPIN(h, pin, 4), CKR_OK);
	ck_assert_uint_eq(C_Logout(h), CKR_OK);
	ck_assert_uint_eq(flags(0), 0);
	tries_are(3, 3);
	ck_assert_uint_eq(module_set_pin(h, "4321", "1234"), CKR_OK);
	ck_assert_int_eq(vc_pin_is_open(module.vc[0], 1), 0);
	ck_assert_uint_eq(module_login(h, "1234"), CKR_OK);
	ck_assert_uint_eq(module_sign(h, 0x45), CKR_OK);
	tries_are(3, 3);
	finalize();
}
END_TEST

/* Whether a kept PIN1 is still the card's nobody can tell, so it is not sent (DESIGN 18.4). */
START_TEST(a_kept_pin_is_not_sent_unasked)
{
	CK_SESSION_HANDLE h;

	for (int changed = 0; changed < 2; changed++) {
		module_settings(nobody);
		h = open_silent(&cards[_i]);
		ck_assert_uint_eq(module_login(h, "1234"), CKR_OK);
		ck_assert_uint_eq(module_sign(h, 0x45), CKR_OK);
		if (changed)
			vc_set_pin(module.vc[0], 1, "4321");
		vc_reset(module.vc[0]);
		ck_assert_uint_eq(module_sign(h, 0x45), CKR_USER_NOT_LOGGED_IN);
		tries_are(3, 3);
		ck_assert_uint_eq(module_state(h), CKS_RW_PUBLIC_SESSION);
		ck_assert_uint_eq(module_login(h, changed ? "4321" : "1234"), CKR_OK);
		ck_assert_uint_eq(module_sign(h, 0x45), CKR_OK);
		finalize();
	}
}
END_TEST

/* Who is there is asked, and again after a wrong one: as long as the card says that more than one try is
 * left. */
START_TEST(a_person_is_asked)
{
	static const char *const answers[] = { "9999", "1234", NULL }, *const once[] = { "1234", NULL };
	static const char *const wrong[] = { "9999", "8888", "7777", NULL };
	CK_SESSION_HANDLE h;

	person_will("", answers);
	h = open_silent(&cards[_i]);
	ck_assert_uint_eq(module_sign(h, 0x45), CKR_OK);
	ck_assert_uint_eq(person_was_asked(), 2);
	ck_assert_uint_eq(module_sign(h, 0x45), CKR_OK);
	ck_assert_uint_eq(person_was_asked(), 2);
	person_will_now(once);
	vc_reset(module.vc[0]);
	ck_assert_uint_eq(module_sign(h, 0x45), CKR_OK);
	ck_assert_uint_eq(person_was_asked(), 1);
	tries_are(3, 3);
	person_will_now(wrong);
	vc_reset(module.vc[0]);
	ck_assert_uint_ne(module_sign(h, 0x45), CKR_OK);
	ck_assert_uint_eq(person_was_asked(), 2);
	tries_are(1, 3);
	finalize();
	person_end();
}
END_TEST

/* Where the directory of keys cannot be read, the profile knows them; on a card that never had any, there is none. */
START_TEST(keys_are_those_that_are_there)
{
	static const char *const nothing[] = { NULL };
	CK_SESSION_HANDLE h;

	module_settings(plain);
	module_card("setcos-4.3.1.yaml", "odf: { kind: private-keys, path: \"4402\" }",
	    "odf: { kind: private-keys, path: \"4499\" }");
	h = module_open_slot(0);
	ck_assert_uint_eq(module_login(h, "1234"), CKR_OK);
	ck_assert_uint_eq(module_sign(h, 0x45), CKR_OK);
	h = second_slot();
	ck_assert_uint_eq(module_login(h, "123456"), CKR_OK);
	ck_assert_uint_eq(module_sign(h, 0x46), CKR_OK);
	tries_are(3, 3);
	finalize();
	person_will("", nothing); /* who sees private keys without a login */
	module_card("myeid-blank.yaml", "atr: 3BF51800008131FE454D794549449A",
	    "atr: 3B9F94801FC30068114405014649534531C807900019");
	h = module_open_slot(0);
	ck_assert_uint_ne(module_find(h, CKO_HW_FEATURE, 0), 0);
	ck_assert_uint_eq(module_find(h, CKO_PRIVATE_KEY, 0), 0);
	ck_assert_uint_eq(module_find(h, CKO_CERTIFICATE, 0), 0);
	ck_assert_uint_eq(person_was_asked(), 0);
	finalize();
	person_end();
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("silent");
	TCase *tc = tcase_create("silent");
	const int n = (int)(sizeof cards / sizeof cards[0]);

	unsetenv("disableCryptokiAutoLogin");
	module_settings(plain); /* the parent's, which removes it */
	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, both_pins_serve, 0, n);
	tcase_add_loop_test(tc, a_pin_is_blocked_and_unblocked, 0, n);
	tcase_add_loop_test(tc, a_kept_pin_is_not_sent_unasked, 0, n);
	tcase_add_loop_test(tc, a_person_is_asked, 0, n);
	tcase_add_test(tc, keys_are_those_that_are_there);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}

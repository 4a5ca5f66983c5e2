/* How long what was typed is good for, by a clock that the test sets. */
#include "t/fault/module.h"
#include "t/unit/cards.h"
#include "t/unit/children.h"

int64_t __real_os_clock_ms(void);
int64_t __wrap_os_clock_ms(void);

static int64_t ahead; /* ms */

int64_t
__wrap_os_clock_ms(void)
{
	return __real_os_clock_ms() + ahead;
}

static CK_SESSION_HANDLE
open_pin2(void)
{
	CK_SESSION_HANDLE h;

	module_card("myeid-citizen.yaml", NULL, NULL);
	module_open();
	ck_assert_uint_eq(C_OpenSession(1, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &h), CKR_OK);
	return h;
}

START_TEST(a_pin2_waits_half_a_minute)
{
	CK_SESSION_HANDLE h = open_pin2();
	CK_OBJECT_HANDLE key;

	ck_assert_uint_eq(module_login(h, "123456"), CKR_OK);
	key = module_find(h, CKO_PRIVATE_KEY, 0x46);
	ahead += 29000;
	ck_assert_uint_eq(module_sign_with(h, key), CKR_OK);
	ck_assert_uint_eq(module_sign_with(h, key), CKR_USER_NOT_LOGGED_IN);
	ck_assert_uint_eq(module_login(h, "123456"), CKR_OK);
	ahead += 30500;
	ck_assert_uint_eq(module_sign_with(h, key), CKR_USER_NOT_LOGGED_IN);
	ck_assert_uint_eq(module_sign_with(h, key), CKR_USER_NOT_LOGGED_IN);
	ck_assert_int_eq(vc_tries(module.vc[0], 2), 3);
	C_Finalize(NULL);
	module_free();
}
END_TEST

START_TEST(so_does_one_for_an_operation)
{
	CK_MECHANISM m = { CKM_SHA256_RSA_PKCS, NULL, 0 };
	CK_UTF8CHAR pin[] = "123456";
	CK_BYTE data[] = "data", sig[512];
	CK_ULONG n = sizeof sig;
	CK_SESSION_HANDLE h = open_pin2();
	CK_OBJECT_HANDLE key;

	for (int late = 0; late < 2; late++) {
		ck_assert_uint_eq(module_login(h, "123456"), CKR_OK);
		key = module_find(h, CKO_PRIVATE_KEY, 0x46);
		ck_assert_uint_eq(C_SignInit(h, &m, key), CKR_OK);
		ck_assert_uint_eq(C_Login(h, CKU_CONTEXT_SPECIFIC, pin, 6), CKR_OK);
		ahead += late ? 30500 : 29000;
		n = sizeof sig;
		ck_assert_uint_eq(C_Sign(h, data, 4, sig, &n), late ? CKR_USER_NOT_LOGGED_IN : CKR_OK);
		C_Logout(h);
	}
	C_Finalize(NULL);
	module_free();
}
END_TEST

/* The default limit of a PIN1 that lies unused, with auto-login and a person who cancels. */
START_TEST(a_pin1_is_kept_a_quarter_of_an_hour)
{
	char text[1024], helper[600];
	CK_OBJECT_HANDLE key;
	CK_SESSION_HANDLE h;

	built(helper, sizeof helper, "t/unit/pinpeer");
	snprintf(text, sizeof text, "rootAutoLogin = 1\npinHelper = %s\nDataPath = /nonexistent/x\n", helper);
	module_settings(text);
	unsetenv("disableCryptokiAutoLogin");
	setenv("DISPLAY", ":0", 1);
	setenv("PINENTRY_USER_DATA", "GETPIN ERR 99\\n\n", 1);
	module_card("myeid-citizen.yaml", NULL, NULL);
	h = module_open();
	ck_assert_uint_eq(module_login(h, "1234"), CKR_OK);
	key = module_find(h, CKO_PRIVATE_KEY, 0x45);
	ahead += 899000;
	vc_reset(module.vc[0]);
	ck_assert_uint_eq(module_sign_with(h, key), CKR_OK);
	ahead += 899000;
	ck_assert_uint_eq(module_sign_with(h, key), CKR_OK);
	ck_assert_int_eq(vc_pin_is_open(module.vc[0], 1), 1);
	ahead += 901000;
	ck_assert_uint_eq(module_sign_with(h, key), CKR_FUNCTION_REJECTED);
	ck_assert_int_eq(vc_pin_is_open(module.vc[0], 1), 0);
	ck_assert_int_eq(vc_tries(module.vc[0], 1), 3);
	C_Finalize(NULL);
	module_free();
}
END_TEST

UNIT_MAIN("unlock", a_pin2_waits_half_a_minute, so_does_one_for_an_operation,
    a_pin1_is_kept_a_quarter_of_an_hour)

/* PINs that meet an accident, a neighbour or an odd reader, through the whole module: nothing is left
 * open that nobody knows of, no PIN is sent that may be an old one, a person is asked once, and what a
 * program was told of its login stays true. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "t/fault/module.h"
#include "t/fault/person.h"
#include "t/unit/cards.h"
#include "t/unit/children.h"
#include "t/unit/unit.h"

#define FAR 200 /* more commands than any one call has */

static const char citizen[] = "myeid-citizen.yaml", openers[] = "myeid-openers.yaml";
static const char plain[] = "disableCryptokiAutoLogin = 1\n";
static const char nobody[] = "rootAutoLogin = 1\npinHelper = /nowhere\nDataPath = /nonexistent/x\n";
static const struct pad_setting pad = { .features = { io_pad_features, sizeof io_pad_features } };
/* its list without the second of the three */
static const uint8_t no_modify[] = { 0x06, 4, 0x42, 0x33, 0x00, 0x06, 0x12, 4, 0x42, 0x33, 0x00, 0x12 };
static const struct pad_setting half_pad = { .features = { no_modify, sizeof no_modify } };

static void
finalize(void)
{
	ck_assert_uint_eq(C_Finalize(NULL), CKR_OK);
	module_free();
}

static CK_RV
context(CK_SESSION_HANDLE h, const char *pin)
{
	return C_Login(h, CKU_CONTEXT_SPECIFIC, (CK_UTF8CHAR_PTR)(uintptr_t)pin, strlen(pin));
}

static CK_FLAGS
flags(void)
{
	CK_TOKEN_INFO info;
	CK_SLOT_ID id[8];
	CK_ULONG n = 8;

	ck_assert_uint_eq(C_GetSlotList(CK_TRUE, id, &n), CKR_OK);
	ck_assert_uint_eq(C_GetTokenInfo(id[0], &info), CKR_OK);
	return info.flags;
}

static bool
is_about_the_pin(CK_RV rv)
{
	return rv == CKR_PIN_INCORRECT || rv == CKR_PIN_INVALID || rv == CKR_PIN_LEN_RANGE ||
	    rv == CKR_PIN_EXPIRED || rv == CKR_PIN_LOCKED;
}

/* ---- another card that nobody saw coming ---- */

/* As after a restart of the smart card service: there was a reset, and the card is another one of the kind. */
static const struct other { const char *image, *serial, *its_serial; unsigned tries; } others[] = {
	{ "fineid-v3.1.yaml", "92461004900023456718", "92461004900099999918", 5 },
	{ "fineid-org-cosmox.yaml", "5446313030303437313242", "5446313030303437393942", 5 },
	{ "myeid.yaml", "", "", 3 },
};

START_TEST(a_kept_pin_does_not_go_to_another_card)
{
	const struct other *o = &others[_i];
	struct vc *other = o->serial[0] ? virtual_card(o->image, o->serial, o->its_serial) :
	    virtual_card("myeid-3.3.yaml", NULL, NULL);
	CK_SESSION_HANDLE h;

	module_settings(nobody);
	module_card(o->image, NULL, NULL);
	ck_assert(vc_set_pin(other, 1, "4826"));
	h = module_open();
	ck_assert_uint_eq(module_login(h, "1234"), CKR_OK);
	vc_reset(module.vc[0]);
	ck_assert_uint_eq(module_sign(h, 0x45), CKR_OK); /* the same card: its PIN goes there again */
	vc_exchange(module.vc[0], other);
	ck_assert_uint_eq(module_sign(h, 0x45), CKR_DEVICE_REMOVED);
	ck_assert_int_eq(vc_tries(module.vc[0], 1), (int)o->tries);
	/* it is a card like any other */
	ck_assert_uint_eq(C_Finalize(NULL), CKR_OK);
	h = module_open();
	ck_assert_uint_eq(module_login(h, "4826"), CKR_OK);
	finalize();
	vc_free(&other);
}
END_TEST

/* ---- answers that got lost ---- */

/* A card that opens a PIN by changing it does so also when nobody hears of it. */
START_TEST(a_change_nobody_heard_of_leaves_nothing_open)
{
	bool fired = true, changed = false;
	unsigned n;
	CK_RV rv;

	module_settings(plain);
	for (n = 1; fired && n < FAR; n++) {
		CK_SESSION_HANDLE h;

		module_card(openers, NULL, NULL);
		h = module_open_slot(1);
		if (_i)
			ck_assert_uint_eq(module_login(h, "123456"), CKR_OK);
		io_fault_set(module.io, n, FAULT_LOST);
		rv = module_set_pin(h, "123456", "735192");
		fired = io_fault_fired(module.io);
		io_fault_set(module.io, 0, FAULT_LOST);
		changed |= fired && rv != CKR_OK;
		ck_assert_msg(vc_pin_is_open(module.vc[0], 2) == 0, "command %u: 0x%lX, PIN2 is open", n, rv);
		ck_assert_int_eq(vc_tries(module.vc[0], 2), 3);
		finalize();
	}
	ck_assert(changed);
	ck_assert_uint_lt(n, FAR);
}
END_TEST

START_TEST(an_unblocking_nobody_heard_of_leaves_nothing_open)
{
	CK_UTF8CHAR puk[] = "12345678", pin[] = "735192";
	bool fired = true, failed = false;
	unsigned n;
	CK_RV rv;

	module_settings(plain);
	for (n = 1; fired && n < FAR; n++) {
		CK_SESSION_HANDLE h;

		module_card(openers, NULL, NULL);
		h = module_open_slot(1);
		ck_assert_uint_eq(C_Login(h, CKU_SO, puk, 8), CKR_OK);
		io_fault_set(module.io, n, FAULT_LOST);
		rv = C_InitPIN(h, pin, 6);
		fired = io_fault_fired(module.io);
		io_fault_set(module.io, 0, FAULT_LOST);
		failed |= fired && rv != CKR_OK;
		ck_assert_msg(vc_pin_is_open(module.vc[0], 2) == 0, "command %u: 0x%lX, PIN2 is open", n, rv);
		ck_assert_int_eq(vc_puk_tries(module.vc[0], 2), 10);
		finalize();
	}
	ck_assert(failed);
	ck_assert_uint_lt(n, FAR);
}
END_TEST

/* A kept PIN1 may be the old one after a change that nobody heard of. */
START_TEST(a_kept_pin_that_may_be_old_is_not_sent)
{
	bool fired = true, failed = false;
	unsigned n;
	CK_RV rv;

	module_settings(nobody);
	for (n = 1; fired && n < FAR; n++) {
		CK_SESSION_HANDLE h;

		module_card(citizen, NULL, NULL);
		h = module_open_slot(0);
		ck_assert_uint_eq(module_login(h, "1234"), CKR_OK);
		vc_reset(module.vc[0]);
		ck_assert_uint_eq(module_sign(h, 0x45), CKR_OK); /* it is kept */
		io_fault_set(module.io, n, FAULT_LOST);
		rv = module_set_pin(h, "1234", "4321");
		fired = io_fault_fired(module.io);
		io_fault_set(module.io, 0, FAULT_LOST);
		failed |= fired && rv != CKR_OK;
		vc_reset(module.vc[0]);
		rv = module_sign(h, 0x45);
		ck_assert_msg(vc_tries(module.vc[0], 1) == 3, "command %u: sent, 0x%lX", n, rv);
		finalize();
	}
	ck_assert(failed);
	ck_assert_uint_lt(n, FAR);
}
END_TEST

/* ---- a VERIFY that is answered "not satisfied" ---- */

/* Slot 0 of a citizen's card; with a kept PIN1 that the card has forgotten, before a signature. */
static CK_SESSION_HANDLE
begin(bool kept)
{
	CK_SESSION_HANDLE h;

	module_card(citizen, NULL, NULL);
	h = module_open_slot(0);
	if (kept) {
		ck_assert_uint_eq(module_login(h, "1234"), CKR_OK);
		ck_assert_uint_eq(module_sign(h, 0x45), CKR_OK);
		ck_assert_uint_eq(module_sign_init(h, 0x45), CKR_OK);
		vc_reset(module.vc[0]);
	}
	return h;
}

/* Which command of a login, or of a signature with a kept PIN, is the VERIFY: the last one before which
 * the card can be taken away without a wrong PIN costing a try. */
static unsigned
where_verify_is(bool kept)
{
	unsigned n;
	int tries = 3;

	for (n = 0; tries == 3 && n < FAR; n++) {
		CK_SESSION_HANDLE h = begin(kept);

		if (kept)
			vc_set_pin(module.vc[0], 1, "4321");
		io_fault_set(module.io, n + 1, FAULT_REMOVED);
		if (kept)
			module_sign_end(h);
		else
			module_login(h, "9999");
		tries = vc_tries(module.vc[0], 1);
		finalize();
	}
	ck_assert_uint_gt(n, 1);
	ck_assert_uint_lt(n, FAR);
	return n - 1;
}

START_TEST(a_login_that_is_not_satisfied_tells_of_the_pin)
{
	CK_SESSION_HANDLE h;
	unsigned at;
	CK_RV rv;

	module_settings(_i ? nobody : plain);
	at = where_verify_is(false);
	module_card(citizen, NULL, NULL);
	h = module_open_slot(0);
	io_fault_set(module.io, at, FAULT_6982);
	rv = module_login(h, "1234");
	ck_assert(io_fault_fired(module.io));
	io_fault_set(module.io, 0, FAULT_6982);
	ck_assert_msg(is_about_the_pin(rv), "C_Login gave 0x%lX", rv);
	ck_assert_uint_eq(module_state(h), CKS_RW_PUBLIC_SESSION);
	ck_assert_uint_eq(module_login(h, "1234"), CKR_OK);
	ck_assert_uint_eq(module_sign(h, 0x45), CKR_OK);
	finalize();
}
END_TEST

static const char *const many[] = { "1234", "1234", "1234", "1234", "1234", "1234", NULL };

START_TEST(who_types_at_a_dialog_is_asked_once)
{
	bool fired = true;
	unsigned n;
	CK_RV rv;

	for (n = 1; fired && n < FAR; n++) {
		CK_SESSION_HANDLE h;

		person_will("", many);
		module_card(citizen, NULL, NULL);
		h = module_open_slot(0);
		module_find(h, CKO_PRIVATE_KEY, 0x45);
		io_fault_set(module.io, n, FAULT_6982);
		rv = _i ? module_sign(h, 0x45) : C_Login(h, CKU_USER, NULL, 0);
		fired = io_fault_fired(module.io);
		ck_assert_msg(person_was_asked() <= 1, "command %u: asked %u times, 0x%lX", n, person_was_asked(), rv);
		finalize();
		person_end();
	}
	ck_assert_uint_gt(n, 2);
	ck_assert_uint_lt(n, FAR);
}
END_TEST

START_TEST(who_types_on_a_reader_is_asked_once)
{
	struct pad_setting not_satisfied = pad;
	CK_SESSION_HANDLE h;
	CK_RV rv;

	not_satisfied.answer = "6982";
	module_settings(nobody);
	module_card(citizen, NULL, NULL);
	module.pad = &not_satisfied;
	h = module_open_slot(0);
	io_pad_type(module.pad_io, many);
	rv = _i ? module_sign(h, 0x45) : C_Login(h, CKU_USER, NULL, 0);
	ck_assert_msg(io_pad_seen(module.pad_io)->entries == 1, "asked %u times, 0x%lX",
	    io_pad_seen(module.pad_io)->entries, rv);
	ck_assert_msg(_i ? rv != CKR_OK : is_about_the_pin(rv), "it gave 0x%lX", rv);
	finalize();
}
END_TEST

START_TEST(a_kept_pin_that_does_not_satisfy_is_forgotten)
{
	static const char *const none[] = { NULL };
	CK_SESSION_HANDLE h;
	unsigned at;

	person_will("", none);
	at = where_verify_is(true);
	h = begin(true);
	io_fault_set(module.io, at, FAULT_6982);
	ck_assert_uint_ne(module_sign_end(h), CKR_OK);
	ck_assert(io_fault_fired(module.io));
	io_fault_set(module.io, 0, FAULT_6982);
	ck_assert_int_eq(vc_pin_is_open(module.vc[0], 1), 0);
	vc_reset(module.vc[0]);
	ck_assert_uint_ne(module_sign(h, 0x45), CKR_OK); /* the person cancels */
	ck_assert_int_eq(vc_pin_is_open(module.vc[0], 1), 0);
	ck_assert_int_eq(vc_tries(module.vc[0], 1), 3);
	finalize();
	person_end();
}
END_TEST

/* ---- readers with keys ---- */

START_TEST(a_reader_that_takes_pins_is_told_of)
{
	const CK_FLAGS path = CKF_PROTECTED_AUTHENTICATION_PATH;

	module_settings(nobody);
	module.pad = _i ? &pad : NULL;
	module_card(citizen, NULL, NULL);
	module_open_slot(0);
	ck_assert_uint_eq(flags() & path, _i ? path : 0);
	finalize();
}
END_TEST

/* The least length that is set is for new PINs; with dialogs that see to it, or nobody who does. */
START_TEST(an_old_short_pin_can_be_changed_on_a_reader)
{
	static const char *const keys[] = { "1234", "87654321", "87654321", NULL };
	static const char *const typed[] = { "1234", "87654321", "87654321", NULL };
	CK_SESSION_HANDLE h;

	if (_i)
		module_settings("rootAutoLogin = 1\npinHelper = /nowhere\nDataPath = /nonexistent/x\npinMinLength = 8\n");
	else
		person_will("pinMinLength = 8\n", typed);
	module.pad = &pad;
	module_card(citizen, NULL, NULL);
	h = module_open_slot(0);
	io_pad_type(module.pad_io, keys);
	ck_assert_uint_eq(C_SetPIN(h, NULL, 0, NULL, 0), CKR_OK);
	ck_assert_int_eq(vc_tries(module.vc[0], 1), 3);
	ck_assert_uint_eq(module_login(h, "87654321"), CKR_OK);
	finalize();
	if (!_i)
		person_end();
}
END_TEST

START_TEST(a_reader_that_only_verifies_leaves_a_change_to_dialogs)
{
	static const char *const keys[] = { "1234", NULL };
	static const char *const typed[] = { "1234", "4321", "4321", NULL };
	CK_SESSION_HANDLE h;

	person_will("", typed);
	module.pad = &half_pad;
	module_card(citizen, NULL, NULL);
	h = module_open_slot(0);
	io_pad_type(module.pad_io, keys);
	ck_assert_uint_eq(C_Login(h, CKU_USER, NULL, 0), CKR_OK); /* on its keys */
	ck_assert_uint_eq(io_pad_seen(module.pad_io)->entries, 1);
	ck_assert_uint_eq(C_SetPIN(h, NULL, 0, NULL, 0), CKR_OK);
	ck_assert_uint_eq(person_was_asked(), 3);
	C_Logout(h);
	ck_assert_uint_eq(module_login(h, "4321"), CKR_OK);
	ck_assert_int_eq(vc_tries(module.vc[0], 1), 3);
	finalize();
	person_end();
}
END_TEST

/* ---- what a login is good for ---- */

/* A PIN2 that was given for a signature is not spent on looking at something else. */
START_TEST(a_login_for_a_signature_is_not_spent_on_data)
{
	CK_BYTE value[4096];
	CK_ATTRIBUTE t = { CKA_VALUE, value, sizeof value };
	CK_OBJECT_HANDLE data;
	CK_SESSION_HANDLE h;
	CK_ULONG size;

	module_settings("disableCryptokiAutoLogin = 1\nchangePinPeriod = 30\n");
	module_card(citizen, NULL, NULL);
	h = module_open_slot(0);
	ck_assert_uint_eq(module_login(h, "1234"), CKR_OK);
	ck_assert_uint_eq(C_Finalize(NULL), CKR_OK);
	h = module_open_slot(1);
	ck_assert_uint_eq(module_login(h, "123456"), CKR_OK);
	ck_assert_uint_ne(data = module_find(h, CKO_DATA, 0), 0);
	if (_i == 0) {
		C_GetAttributeValue(h, data, &t, 1);
		ck_assert_uint_eq(module_state(h), CKS_RW_USER_FUNCTIONS);
		ck_assert_uint_eq(module_sign(h, 0x46), CKR_OK);
	} else {
		ck_assert_uint_eq(module_sign(h, 0x46), CKR_OK);
		C_GetObjectSize(h, data, &size);
	}
	ck_assert_uint_eq(module_state(h), CKS_RW_USER_FUNCTIONS);
	ck_assert_int_eq(vc_pin_is_open(module.vc[0], 2), 0);
	ck_assert_int_eq(vc_tries(module.vc[0], 2), 3);
	finalize();
}
END_TEST

/* The program that logged in has closed its sessions: who types a PIN later has not logged in. */
START_TEST(a_lost_login_is_not_found_by_later_sessions)
{
	static const char *const keys[] = { "1234", "1234", NULL }, *const typed[] = { "1234", NULL };
	CK_SESSION_HANDLE h;
	CK_SLOT_ID id[8];
	CK_ULONG n = 8;
	CK_BYTE random[8];

	if (_i == 0) {
		module_settings(nobody);
		module.pad = &pad;
	} else {
		person_will("cryptokiPinCache = 0\n", typed);
	}
	module_card(citizen, NULL, NULL);
	h = module_open_slot(0);
	if (_i == 0)
		io_pad_type(module.pad_io, keys);
	ck_assert_uint_eq(_i ? module_login(h, "1234") : C_Login(h, CKU_USER, NULL, 0), CKR_OK);
	vc_reset(module.vc[0]);
	C_GenerateRandom(h, random, sizeof random);
	ck_assert_uint_eq(C_GetSlotList(CK_TRUE, id, &n), CKR_OK);
	ck_assert_uint_eq(C_CloseAllSessions(id[0]), CKR_OK);
	ck_assert_uint_eq(C_OpenSession(id[0], CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &h), CKR_OK);
	ck_assert_uint_eq(module_state(h), CKS_RW_PUBLIC_SESSION);
	ck_assert_uint_eq(module_sign(h, 0x45), CKR_OK);
	ck_assert_uint_eq(module_state(h), CKS_RW_PUBLIC_SESSION);
	finalize();
	if (_i)
		person_end();
}
END_TEST

/* A PIN2 given for an operation is the old one after a change, heard of or not. */
START_TEST(an_operation_does_not_send_a_pin_that_was_changed)
{
	bool fired = true;
	unsigned n;
	CK_RV rv;

	module_settings(plain);
	for (n = 0; fired && n < FAR; n++) {
		CK_SESSION_HANDLE h;

		module_card(citizen, NULL, NULL);
		h = module_open_slot(1);
		ck_assert_uint_eq(module_login(h, "123456"), CKR_OK);
		ck_assert_uint_eq(module_sign_init(h, 0x46), CKR_OK);
		ck_assert_uint_eq(context(h, "123456"), CKR_OK);
		io_fault_set(module.io, n, FAULT_LOST);
		rv = module_set_pin(h, "123456", "735192");
		fired = !n || io_fault_fired(module.io);
		io_fault_set(module.io, 0, FAULT_LOST);
		ck_assert(n || rv == CKR_OK);
		rv = module_sign_end(h);
		ck_assert_msg(vc_tries(module.vc[0], 2) == 3, "command %u: it was sent, 0x%lX", n, rv);
		module_sign(h, 0x46);
		ck_assert_msg(vc_tries(module.vc[0], 2) == 3, "command %u: it was sent later", n);
		finalize();
	}
	ck_assert_uint_gt(n, 2);
	ck_assert_uint_lt(n, FAR);
}
END_TEST

/* Keys for binding signatures that name no PIN are in the first slot, whose PIN then is one of those. */
START_TEST(a_binding_key_without_a_pin_makes_the_first_one_a_pin2)
{
	CK_SESSION_HANDLE h;

	module_settings(_i ? nobody : plain);
	module_card(citizen, "auth: 02", "# none");
	h = module_open_slot(0);
	ck_assert_uint_eq(module_login(h, "1234"), CKR_OK);
	ck_assert_uint_ne(module_find(h, CKO_PRIVATE_KEY, 0x46), 0);
	ck_assert_int_eq(vc_pin_is_open(module.vc[0], 1), 0);
	finalize();
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("pins");
	TCase *tc = tcase_create("module");

	unsetenv("disableCryptokiAutoLogin");
	module_settings(plain); /* the parent's, which removes it */
	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, a_kept_pin_does_not_go_to_another_card, 0, (int)(sizeof others / sizeof others[0]));
	tcase_add_loop_test(tc, a_change_nobody_heard_of_leaves_nothing_open, 0, 2);
	tcase_add_test(tc, an_unblocking_nobody_heard_of_leaves_nothing_open);
	tcase_add_test(tc, a_kept_pin_that_may_be_old_is_not_sent);
	tcase_add_loop_test(tc, a_login_that_is_not_satisfied_tells_of_the_pin, 0, 2);
	tcase_add_loop_test(tc, who_types_at_a_dialog_is_asked_once, 0, 2);
	tcase_add_loop_test(tc, who_types_on_a_reader_is_asked_once, 0, 2);
	tcase_add_test(tc, a_kept_pin_that_does_not_satisfy_is_forgotten);
	tcase_add_loop_test(tc, a_reader_that_takes_pins_is_told_of, 0, 2);
	tcase_add_loop_test(tc, an_old_short_pin_can_be_changed_on_a_reader, 0, 2);
	tcase_add_test(tc, a_reader_that_only_verifies_leaves_a_change_to_dialogs);
	tcase_add_loop_test(tc, a_login_for_a_signature_is_not_spent_on_data, 0, 2);
	tcase_add_loop_test(tc, a_lost_login_is_not_found_by_later_sessions, 0, 2);
	tcase_add_test(tc, an_operation_does_not_send_a_pin_that_was_changed);
	tcase_add_loop_test(tc, a_binding_key_without_a_pin_makes_the_first_one_a_pin2, 0, 2);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}

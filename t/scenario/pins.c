/* PINs: used, wrong, blocked, unblocked, changed and changed back, of a wrong length; given for every use; and
 * those of a card as it comes by mail. What is left of the tries is read from the card. */
#include "t/scenario/scenario.h"

#include <stdio.h>

#include "token/activate.h"
#include "token/feature.h"

#define TRIES_FLAGS (CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY | CKF_USER_PIN_LOCKED)

static const struct expect_slot *s;
static CK_SESSION_HANDLE h;

static void
is(CK_RV rv, CK_RV should, const char *what)
{
	if (rv != should)
		wrong("%s: 0x%lX, not 0x%lX", what, rv, should);
}

static void
tries_are(int n, const char *when)
{
	if (vc_tries(module.vc[0], s->vc) != n)
		wrong("%s: %d tries are left, not %d", when, vc_tries(module.vc[0], s->vc), n);
}

static void
start(int slot)
{
	s = &want.slot[slot];
	fresh_card();
	h = begin((unsigned)slot);
}

static void
end(void)
{
	finish();
	settle();
}

/* A PIN that fits and is not the right one. */
static const char *
other_than(const char *pin)
{
	static char other[20];

	memcpy(other, pin, sizeof other);
	other[0] = (char)('0' + (pin[0] - '0' + 1) % 10);
	return other;
}

/* What token info and the PIN's own object say of tries. */
static void
flags_are(CK_FLAGS should, CK_ULONG tries, const char *when)
{
	CK_OBJECT_HANDLE o = module_find(h, CKO_HW_FEATURE, 0);
	CK_FLAGS flags = flags_of(h) & TRIES_FLAGS;
	CK_ULONG n = attribute_ulong(h, o, CKA_CASTOR_PIN_TRIES);

	if (!s->told)
		return;
	if (flags != should)
		wrong("%s: flags 0x%lX, not 0x%lX", when, flags, should);
	if (n != tries)
		wrong("%s: %lu tries are told, not %lu", when, n, tries);
}

START_TEST(a_wrong_pin_costs_one_try)
{
	CK_FLAGS low = CKF_USER_PIN_COUNT_LOW;

	start(_i);
	is(module_login(h, other_than(s->pin)), CKR_PIN_INCORRECT, "a wrong PIN");
	tries_are(s->tries - 1, "after a wrong PIN");
	flags_are(s->tries == 2 ? low | CKF_USER_PIN_FINAL_TRY : low, (CK_ULONG)s->tries - 1, "after a wrong PIN");
	is(login(h, (unsigned)_i), CKR_OK, "the right PIN");
	tries_are(s->tries, "after the right PIN");
	flags_are(0, (CK_ULONG)s->tries, "after the right PIN");
	is(login(h, (unsigned)_i), CKR_USER_ALREADY_LOGGED_IN, "the PIN twice");
	is(C_Logout(h), CKR_OK, "C_Logout");
	/* and nothing of ours tries it again: a library that kept it would */
	is(module_login(h, other_than(s->pin)), CKR_PIN_INCORRECT, "the wrong PIN again");
	tries_are(s->tries - 1, "after the wrong PIN again");
	finish();
	h = begin((unsigned)_i);
	logs_in_and_signs(h, (unsigned)_i, "after two wrong PINs");
	end();
}
END_TEST

START_TEST(a_pin_of_a_wrong_length_costs_no_try)
{
	static const char digits[] = "12345678901234567890123456789012345678901234567890";
	char shorter[64], longer[64];

	start(_i);
	snprintf(shorter, sizeof shorter, "%.*s", (int)s->min - 1, digits);
	snprintf(longer, sizeof longer, "%.*s", (int)s->max + 1, digits);
	is(module_login(h, ""), CKR_PIN_INCORRECT, "no PIN");
	is(module_login(h, shorter), CKR_PIN_INCORRECT, "a PIN too short");
	is(module_login(h, longer), CKR_PIN_INCORRECT, "a PIN too long");
	is(module_set_pin(h, shorter, s->new), CKR_PIN_INCORRECT, "a change of a PIN too short");
	is(module_set_pin(h, longer, s->new), CKR_PIN_INCORRECT, "a change of a PIN too long");
	is(module_set_pin(h, s->pin, shorter), CKR_PIN_LEN_RANGE, "a change to a PIN too short");
	is(module_set_pin(h, s->pin, longer), CKR_PIN_LEN_RANGE, "a change to a PIN too long");
	if (s->unblocks) {
		is(unblock(h, "1", s->pin), CKR_PIN_INCORRECT, "a PUK too short");
		is(unblock(h, digits, s->pin), CKR_PIN_INCORRECT, "a PUK too long");
	}
	tries_are_whole("after PINs of wrong lengths");
	logs_in_and_signs(h, (unsigned)_i, "after PINs of wrong lengths");
	end();
}
END_TEST

START_TEST(a_blocked_pin_is_told_and_unblocked)
{
	start(_i);
	vc_set_tries(module.vc[0], s->vc, 0);
	is(login(h, (unsigned)_i), CKR_PIN_LOCKED, "the PIN when it is blocked");
	flags_are(CKF_USER_PIN_LOCKED, 0, "when it is blocked");
	tries_are(0, "after a login with a blocked PIN");
	for (unsigned i = 0; i < want.nslot; i++)
		if (i != (unsigned)_i && vc_tries(module.vc[0], want.slot[i].vc) != want.slot[i].tries)
			wrong("slot %u has lost a try", i + 1);
	if (!s->unblocks) {
		is(C_Login(h, CKU_SO, (CK_UTF8CHAR_PTR)(uintptr_t)s->puk, strlen(s->puk)), CKR_FUNCTION_NOT_SUPPORTED,
		    "a PUK for a PIN that cannot be unblocked");
		vc_set_tries(module.vc[0], s->vc, (unsigned)s->tries);
		end();
		return;
	}
	is(unblock(h, other_than(s->puk), s->new), CKR_PIN_INCORRECT, "a wrong PUK");
	if (vc_puk_tries(module.vc[0], s->vc) != s->puk_tries - 1)
		wrong("a wrong PUK has left %d of %d tries", vc_puk_tries(module.vc[0], s->vc), s->puk_tries);
	is(unblock(h, s->puk, s->new), CKR_OK, "C_Login with the PUK and C_InitPIN");
	tries_are(s->tries, "after it was unblocked");
	flags_are(0, (CK_ULONG)s->tries, "after it was unblocked");
	is(module_login(h, s->new), CKR_OK, "the new PIN");
	C_Logout(h);
	is(module_set_pin(h, s->new, s->pin), CKR_OK, "C_SetPIN back");
	logs_in_and_signs(h, (unsigned)_i, "after it was unblocked");
	/* a PUK need not be new after its use, nor full again */
	finish();
	settle();
}
END_TEST

/* The module never looks further than one wrong entry: with one try left the right PIN is as good as ever. */
START_TEST(the_last_try_is_a_try)
{
	start(_i);
	vc_set_tries(module.vc[0], s->vc, 1);
	logs_in_and_signs(h, (unsigned)_i, "with one try left");
	tries_are(s->tries, "after the right PIN");
	end();
}
END_TEST

START_TEST(a_pin_is_changed_and_changed_back)
{
	start(_i);
	is(module_set_pin(h, other_than(s->pin), s->new), CKR_PIN_INCORRECT, "C_SetPIN with a wrong PIN");
	tries_are(s->tries - 1, "after C_SetPIN with a wrong PIN");
	is(module_set_pin(h, s->pin, s->new), CKR_OK, "C_SetPIN");
	tries_are(s->tries, "after C_SetPIN");
	is(login(h, (unsigned)_i), CKR_PIN_INCORRECT, "the old PIN");
	is(module_login(h, s->new), CKR_OK, "the new PIN");
	C_Logout(h);
	is(module_set_pin(h, s->new, s->pin), CKR_OK, "C_SetPIN back");
	for (unsigned i = 0; i < want.nslot; i++)
		logs_in_and_signs(i == (unsigned)_i ? h : session(i), i, "after the PIN was changed back");
	end();
}
END_TEST

/* ---- PINs that are given for each use ---- */

START_TEST(a_login_is_good_for_as_many_signatures_as_it_should)
{
	const struct expect_object *key;
	const struct way *way;
	CK_OBJECT_HANDLE o;

	start(_i);
	key = signer_of((unsigned)_i, &way);
	if (!key) {
		end();
		return;
	}
	is(login(h, (unsigned)_i), CKR_OK, "C_Login");
	o = object_of(h, CKO_PRIVATE_KEY, key);
	is(sign_text(h, (unsigned)_i, o, NULL), CKR_OK, "the signature after C_Login");
	is(vc_pin_is_open(module.vc[0], s->vc) == 1, !s->each && !s->drops, "the card holds the PIN open after it");
	is(sign_text(h, (unsigned)_i, o, NULL), s->each || s->drops ? CKR_USER_NOT_LOGGED_IN : CKR_OK,
	    "a second signature");
	if (s->each || s->drops) {
		/* who asks for a signature without a PIN is logged out by that, and may log in again */
		is(login(h, (unsigned)_i), CKR_OK, "C_Login again");
		is(sign_text(h, (unsigned)_i, o, NULL), CKR_OK, "the signature after that");
	}
	if (s->each) {
		is(sign_text(h, (unsigned)_i, o, s->pin), CKR_OK, "a second one after a context-specific login");
		is(sign_text(h, (unsigned)_i, o, s->pin), CKR_OK, "a third");
		is(vc_pin_is_open(module.vc[0], s->vc) == 1, false, "the card holds the PIN open");
	}
	is(C_Logout(h), CKR_OK, "C_Logout");
	is(vc_pin_is_open(module.vc[0], s->vc) == 1, !s->each && !s->forgets, "the card holds the PIN open after C_Logout");
	is(sign_text(h, (unsigned)_i, o, NULL) != CKR_OK, true, "a signature after C_Logout is refused");
	end();
}
END_TEST

/* Programs look at certificates whenever they like. Over the air the way back from those of other places is the
 * selection of the application, which may close the PIN. */
START_TEST(a_look_at_certificates_costs_no_login)
{
	const struct expect_object *key;
	const struct way *way;
	CK_BYTE value[4096];
	CK_OBJECT_HANDLE o, cert;
	CK_SESSION_HANDLE other;

	start(_i);
	if (!(key = signer_of((unsigned)_i, &way))) {
		end();
		return;
	}
	is(login(h, (unsigned)_i), CKR_OK, "C_Login");
	o = object_of(h, CKO_PRIVATE_KEY, key);
	for (size_t i = 0; i < want.ncert; i++) {
		if (want.can[0] && (want.cert[i].ca || want.cert[i].slot != (unsigned)_i))
			continue;
		other = want.cert[i].slot == (unsigned)_i ? h : session(want.cert[i].slot);
		if ((cert = object_of(other, CKO_CERTIFICATE, &want.cert[i])))
			attribute(other, cert, CKA_VALUE, value, sizeof value);
	}
	is(sign_text(h, (unsigned)_i, o, NULL), CKR_OK, "the signature after C_Login and a look at certificates");
	end();
}
END_TEST

START_TEST(a_wrong_pin_in_the_middle_costs_one_try)
{
	const struct expect_object *key;
	const struct way *way;
	const char *bad;
	CK_RSA_PKCS_PSS_PARAMS pss;
	CK_MECHANISM m;
	CK_OBJECT_HANDLE o;

	start(_i);
	key = signer_of((unsigned)_i, &way);
	if (!key || !s->each) {
		end();
		return;
	}
	is(login(h, (unsigned)_i), CKR_OK, "C_Login");
	o = object_of(h, CKO_PRIVATE_KEY, key);
	is(sign_text(h, (unsigned)_i, o, NULL), CKR_OK, "the signature after C_Login");
	m = mechanism(way, hash_named("SHA256"), 32, &pss);
	bad = other_than(s->pin);
	is(C_SignInit(h, &m, o), CKR_OK, "C_SignInit");
	is(C_Login(h, CKU_CONTEXT_SPECIFIC, (CK_UTF8CHAR_PTR)(uintptr_t)bad, strlen(bad)), CKR_PIN_INCORRECT,
	    "a wrong PIN");
	tries_are(s->tries - 1, "after a wrong PIN");
	C_SignInit(h, NULL, 0);
	is(sign_text(h, (unsigned)_i, o, s->pin), CKR_OK, "the next with the right PIN");
	end();
}
END_TEST

/* ---- cards as they come by mail ---- */

static CK_RV
activate(const char *code, const char *pin)
{
	return s->activation == ACTIVATION_CHANGE ? module_set_pin(h, code, pin) : unblock(h, code, pin);
}

static CK_ULONG
needs(void)
{
	return attribute_ulong(h, module_find(h, CKO_HW_FEATURE, 0), CKA_CASTOR_PIN_ACTIVATION);
}

START_TEST(a_new_card_becomes_its_owners)
{
	int tries, puk;

	s = &want.slot[_i];
	new_card();
	h = begin((unsigned)_i);
	if (needs() != s->activation)
		wrong("the new card says it needs %lu", needs());
	tries = vc_tries(module.vc[0], s->vc);
	puk = vc_puk_tries(module.vc[0], s->vc);
	if (s->activation != ACTIVATION_NONE) {
		is(activate("1", s->pin), CKR_PIN_INCORRECT, "what cannot be the code");
		if (vc_tries(module.vc[0], s->vc) != tries || vc_puk_tries(module.vc[0], s->vc) != puk)
			wrong("what cannot be the code has cost a try");
		is(activate(s->code, s->pin), CKR_OK, "the code, and a PIN of one's own");
		if (needs() != ACTIVATION_NONE)
			wrong("after that the card says it needs %lu", needs());
		is(flags_of(h) & (CKF_USER_PIN_LOCKED | CKF_USER_PIN_TO_BE_CHANGED), 0, "the flags after that");
		logs_in_and_signs(h, (unsigned)_i, "after that");
	}
	finish();
	module_free();
	fresh_card();
	h = begin((unsigned)_i);
	if (needs() != ACTIVATION_NONE)
		wrong("a card in use says it needs %lu", needs());
	logs_in_and_signs(h, (unsigned)_i, "in use");
	end();
}
END_TEST

void
pin_tests(Suite *suite)
{
	const TTest *const each[] = { a_wrong_pin_costs_one_try, a_pin_of_a_wrong_length_costs_no_try,
		a_blocked_pin_is_told_and_unblocked, the_last_try_is_a_try, a_pin_is_changed_and_changed_back,
		a_login_is_good_for_as_many_signatures_as_it_should, a_look_at_certificates_costs_no_login,
		a_wrong_pin_in_the_middle_costs_one_try,
		a_new_card_becomes_its_owners };
	TCase *tc = tcase_create("PINs");

	tcase_set_timeout(tc, 120);
	for (size_t i = 0; i < COUNT(each); i++)
		tcase_add_loop_test(tc, each[i], 0, (int)want.nslot);
	suite_add_tcase(suite, tc);
}

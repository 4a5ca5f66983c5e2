/* For n = 1.. until no fault fires: the walk through the module with an accident at command n, of
 * each kind. What comes back is an error the call may give and that tells what happened; nothing
 * leaks, no lock stays held, no try of a PIN is burnt, the next card works, and a key pair is on
 * the card whole or not at all. Source: DESIGN 10, 15; facts/pkcs11.md 9. */
#include <pthread.h>
#include <time.h>

#include "t/fault/module.h"
#include "t/fault/walk.h"
#include "t/unit/cards.h"
#include "t/unit/unit.h"

#define FAR 400 /* more commands than the walk has */
#define PATIENCE 20 /* seconds another thread may take for what needs no card */

/* How the first step to fail may fail. */
static const struct kind {
	enum io_fault fault;
	const char *name;
	CK_RV first[8];
	bool no_undo; /* the card cannot be told to take a half-made pair back */
} kinds[] = {
	{ FAULT_REMOVED, "removed", { CKR_DEVICE_REMOVED, CKR_TOKEN_NOT_PRESENT,
	    CKR_SESSION_HANDLE_INVALID /* after C_Logout, which is done all the same */ }, true },
	{ FAULT_RESET, "reset", { CKR_DEVICE_ERROR, CKR_USER_NOT_LOGGED_IN }, true },
	{ FAULT_6F00, "6F00",
	    { CKR_DEVICE_ERROR, CKR_TOKEN_NOT_RECOGNIZED, CKR_ENCRYPTED_DATA_INVALID }, false },
	/* FUNCTION_FAILED: the directory of PINs was refused, and no PIN goes to a guessed place; or
	 * the card refuses though its PIN is open, which of a decryption is told as any failure is.
	 * KEY_HANDLE_INVALID: a public key was refused, and nobody else tells its numbers */
	{ FAULT_6982, "6982",
	    { CKR_USER_NOT_LOGGED_IN, CKR_TOKEN_NOT_RECOGNIZED, CKR_FUNCTION_FAILED,
	    CKR_KEY_HANDLE_INVALID, CKR_ENCRYPTED_DATA_INVALID,
	    CKR_PIN_INCORRECT /* which a card may mean by it */ }, true },
	{ FAULT_EMPTY, "empty",
	    { CKR_DEVICE_ERROR, CKR_TOKEN_NOT_RECOGNIZED, CKR_ENCRYPTED_DATA_INVALID }, false },
	{ FAULT_1BYTE, "1 byte",
	    { CKR_DEVICE_ERROR, CKR_TOKEN_NOT_RECOGNIZED, CKR_ENCRYPTED_DATA_INVALID }, false },
	/* It ends in 9000, so a VERIFY or a write that met it passes for a success: nothing can be
	 * asked then of what the card holds, and the last three may follow. */
	{ FAULT_64K, "64K", { CKR_DEVICE_ERROR, CKR_TOKEN_NOT_RECOGNIZED, CKR_ENCRYPTED_DATA_INVALID,
	    CKR_USER_NOT_LOGGED_IN, CKR_KEY_HANDLE_INVALID, CKR_FUNCTION_FAILED }, true },
	{ FAULT_61LOOP, "61 loop",
	    { CKR_DEVICE_ERROR, CKR_TOKEN_NOT_RECOGNIZED, CKR_ENCRYPTED_DATA_INVALID, CKR_FUNCTION_FAILED,
	    CKR_KEY_HANDLE_INVALID }, true },
	{ FAULT_6CLOOP, "6C loop",
	    { CKR_DEVICE_ERROR, CKR_TOKEN_NOT_RECOGNIZED, CKR_ENCRYPTED_DATA_INVALID, CKR_FUNCTION_FAILED,
	    CKR_KEY_HANDLE_INVALID }, true },
	{ FAULT_TIMEOUT, "timeout", { CKR_DEVICE_ERROR }, false },
	{ FAULT_LOST, "lost answer", { CKR_DEVICE_ERROR }, false },
};

#define N_KINDS (sizeof kinds / sizeof kinds[0])

/* A stranger's thread: none of this may wait for a lock that the walk left held. */
static void *
passer_by(void *arg)
{
	const struct walk *w = arg;
	CK_MECHANISM m = { CKM_SHA_1, NULL, 0 };
	CK_SESSION_HANDLE h;
	CK_SLOT_INFO slot;
	CK_SESSION_INFO info;
	CK_BYTE out[20];
	CK_ULONG n = sizeof out;

	C_GetSlotInfo(w->slot, &slot);
	C_GetSessionInfo(w->h, &info);
	if (C_OpenSession(w->slot, CKF_SERIAL_SESSION, NULL, NULL, &h) == CKR_OK) {
		if (C_DigestInit(h, &m) == CKR_OK)
			C_Digest(h, out, 1, out, &n);
		C_CloseSession(h);
	}
	return NULL;
}

static void
no_lock_is_held(const struct kind *kind, unsigned n, struct walk *w)
{
	struct timespec end;
	pthread_t t;

	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += PATIENCE;
	ck_assert_int_eq(pthread_create(&t, NULL, passer_by, w), 0);
	ck_assert_msg(pthread_timedjoin_np(t, NULL, &end) == 0, "%s at command %u: a lock is held",
	    kind->name, n);
}

static bool
may_be_first(const struct kind *kind, const struct walk *w, CK_RV rv)
{
	/* a directory of PINs that could not be read names no second one, which is a slot without a token */
	if (w->pin2 && kind->no_undo && rv == CKR_TOKEN_NOT_PRESENT)
		return true;
	/* The command that closes PIN2 failed, so the card was reset, and does not recover from that: for
	 * all one can tell it is another card. */
	if (w->pin2 && (kind->fault == FAULT_61LOOP || kind->fault == FAULT_6CLOOP) && rv == CKR_DEVICE_REMOVED)
		return true;
	for (size_t i = 0; i < sizeof kind->first / sizeof kind->first[0]; i++)
		if (rv == kind->first[i])
			return true;
	return false;
}

static void
unharmed(const struct kind *kind, unsigned n, struct walk *w)
{
	const char *at;
	CK_RV rv;

	ck_assert_msg(!w->wrong[0], "%s at command %u: %s", kind->name, n, w->wrong);
	at = walk_failed(w, &rv);
	ck_assert_msg(!at || may_be_first(kind, w, rv), "%s at command %u: %s gave 0x%lX", kind->name, n, at, rv);
	ck_assert_msg(vc_tries(module.vc[0], 1) == 3, "%s at command %u burnt a try", kind->name, n);
	/* of PIN2 the walk has looked at each step */
	no_lock_is_held(kind, n, w);
}

static bool
has(CK_SESSION_HANDLE h, CK_OBJECT_HANDLE o, CK_ATTRIBUTE_TYPE type)
{
	CK_ATTRIBUTE t = { type, NULL, 0 };

	return C_GetAttributeValue(h, o, &t, 1) == CKR_OK && t.ulValueLen > 0;
}

static bool
signs(CK_SESSION_HANDLE h, CK_OBJECT_HANDLE o)
{
	CK_MECHANISM m = { has(h, o, CKA_EC_PARAMS) ? CKM_ECDSA : CKM_SHA256_RSA_PKCS, NULL, 0 };
	CK_BYTE data[32] = { 7 }, sig[512];
	CK_ULONG n = sizeof sig;

	return C_SignInit(h, &m, o) == CKR_OK && C_Sign(h, data, sizeof data, sig, &n) == CKR_OK;
}

/* Everything that the card's directories name is there and works; a private key only as long as
 * its public half, which tells its numbers, was not destroyed. */
static void
what_is_listed_works(const struct kind *kind, unsigned n, CK_SESSION_HANDLE h, bool destroying)
{
	CK_OBJECT_HANDLE o[16];
	CK_OBJECT_CLASS cls;
	CK_ULONG found = 0;
	CK_ATTRIBUTE t = { CKA_CLASS, &cls, sizeof cls };
	bool works;

	ck_assert_uint_eq(C_FindObjectsInit(h, NULL, 0), CKR_OK);
	ck_assert_uint_eq(C_FindObjects(h, o, 16, &found), CKR_OK);
	ck_assert_uint_eq(C_FindObjectsFinal(h), CKR_OK);
	for (CK_ULONG i = 0; i < found; i++) {
		ck_assert_uint_eq(C_GetAttributeValue(h, o[i], &t, 1), CKR_OK);
		works = true;
		if (cls == CKO_PUBLIC_KEY)
			works = has(h, o[i], CKA_MODULUS) || has(h, o[i], CKA_EC_POINT);
		else if (cls == CKO_PRIVATE_KEY && !destroying)
			works = signs(h, o[i]);
		ck_assert_msg(works, "%s at command %u: an object of class %lu is listed and is not there",
		    kind->name, n, cls);
	}
}

/* The card as another program finds it afterwards. */
static void
the_card_is_whole(const struct kind *kind, unsigned n, const struct walk *w, unsigned long blank)
{
	CK_SESSION_HANDLE h = module_open();
	size_t npub, npriv;
	unsigned long now;

	ck_assert_uint_eq(module_login(h, "1234"), CKR_OK);
	now = walk_listing(h, &npub, &npriv);
	if (!w->destroying && kind->no_undo) {
		ck_assert_uint_le(npriv, npub);
	} else if (!w->destroying) {
		ck_assert_msg(npub == npriv, "%s at command %u left %zu public and %zu private keys",
		    kind->name, n, npub, npriv);
		ck_assert_msg(npub || now == blank, "%s at command %u left something", kind->name, n);
	}
	if (kind->fault != FAULT_64K)
		what_is_listed_works(kind, n, h, w->destroying);
	ck_assert_uint_eq(C_Finalize(NULL), CKR_OK);
}

enum what { USE, MAKE, PIN2, PIN2_OPENS };

static void
the_next_card_works(const struct kind *kind, unsigned n, enum what what)
{
	struct walk w = { .make = what == MAKE, .pin2 = what >= PIN2 };
	const char *at;
	CK_RV rv;

	walk(&w);
	at = walk_failed(&w, &rv);
	ck_assert_msg(!at && !w.wrong[0], "after %s at command %u: %s gave 0x%lX; %s", kind->name, n, at,
	    rv, w.wrong);
	ck_assert_uint_eq(C_Finalize(NULL), CKR_OK);
}

/* The same library goes on with the next card in the reader. */
static void
card_is_changed(struct walk *w)
{
	CK_SESSION_HANDLE h;

	io_fault_set(module.io, 0, FAULT_REMOVED);
	vc_remove(module.vc[0]);
	vc_insert(module.vc[0]);
	ck_assert_uint_eq(C_OpenSession(w->slot, CKF_SERIAL_SESSION, NULL, NULL, &h), CKR_OK);
	ck_assert_uint_eq(module_login(h, w->pin2 ? "123456" : "1234"), CKR_OK);
	ck_assert_uint_eq(C_Finalize(NULL), CKR_OK);
}

static unsigned long
blank_listing(void)
{
	CK_SESSION_HANDLE h = module_open();
	size_t npub, npriv;
	unsigned long sum;

	ck_assert_uint_eq(module_login(h, "1234"), CKR_OK);
	sum = walk_listing(h, &npub, &npriv);
	ck_assert_uint_eq(C_Finalize(NULL), CKR_OK);
	return sum;
}

static unsigned
run_kind(const struct kind *kind, enum what what)
{
	static const char *const images[] = { "myeid.yaml", "myeid-blank.yaml", "myeid-citizen.yaml",
		"myeid-openers.yaml" };
	const bool make = what == MAKE;
	unsigned long blank = 0;
	unsigned n;
	bool fired = true;

	module.fault = kind->fault;
	for (n = 1; fired && n < FAR; n++) {
		struct walk w = { .make = make, .pin2 = what >= PIN2 };

		if (make || n == 1)
			module_card(images[what], NULL, NULL);
		if (make && n == 1)
			blank = blank_listing();
		module.fault_at = n;
		walk(&w);
		module.fault_at = 0;
		fired = io_fault_fired(module.io);
		unharmed(kind, n, &w);
		card_is_changed(&w);
		if (make)
			the_card_is_whole(kind, n, &w, blank);
		the_next_card_works(kind, n, what);
		if (make)
			module_free();
	}
	module_free();
	return n;
}

START_TEST(a_program_that_uses_keys)
{
	unsigned n = run_kind(&kinds[_i], USE);

	ck_assert_uint_gt(n, 20); /* the walk has at least so many commands */
	ck_assert_uint_lt(n, FAR);
}
END_TEST

START_TEST(a_program_that_makes_keys)
{
	unsigned n = run_kind(&kinds[_i], MAKE);

	ck_assert_uint_gt(n, 40);
	ck_assert_uint_lt(n, FAR);
}
END_TEST

START_TEST(a_program_that_uses_pin2)
{
	unsigned n = run_kind(&kinds[_i], PIN2);

	ck_assert_uint_gt(n, 40);
	ck_assert_uint_lt(n, FAR);
}
END_TEST

/* The PIN is open after it was changed or unblocked, also when nobody hears of it. */
START_TEST(a_program_that_uses_pin2_which_a_change_opens)
{
	unsigned n = run_kind(&kinds[_i], PIN2_OPENS);

	ck_assert_uint_gt(n, 40);
	ck_assert_uint_lt(n, FAR);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("walk");
	TCase *tc = tcase_create("faults");

	/* a card that fails while it is recognised is not to pass for one that nobody knows */
	module_settings("allowUnknownCards = 0\n");
	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, a_program_that_uses_keys, 0, (int)N_KINDS);
	tcase_add_loop_test(tc, a_program_that_makes_keys, 0, (int)N_KINDS);
	tcase_add_loop_test(tc, a_program_that_uses_pin2, 0, (int)N_KINDS);
	tcase_add_loop_test(tc, a_program_that_uses_pin2_which_a_change_opens, 0, (int)N_KINDS);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}

/* Contactless cards through the whole module: where their access number comes from, that nobody is asked twice
 * and no wrong one is tried twice, and that a channel which dies anywhere costs no try of a PIN and no more
 * than a call. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "t/fault/module.h"
#include "t/fault/person.h"
#include "t/fault/walk.h"
#include "t/unit/cards.h"
#include "t/unit/children.h"
#include "t/unit/unit.h"

#define CAN "730418"
#define PLAIN "disableCryptokiAutoLogin = 1\nDataPath = /nonexistent/x\n"
#define KNOWN "cardAccessNumber = " CAN "\n"
static int64_t ahead; /* ms that the clock is told to be ahead */
int64_t __real_os_clock_ms(void);
int64_t __wrap_os_clock_ms(void);

int64_t
__wrap_os_clock_ms(void)
{
	return __real_os_clock_ms() + ahead;
}

#define FAR 600 /* more commands than the walk has */

/* The image as a contactless card; curve, cipher and what else its channel has in the image's words. */
static void
lay_down_as(const char *image, const char *curve, const char *cipher)
{
	char pace[300];

	snprintf(pace, sizeof pace, "atr: 3B8A8001434153544F522D4E464375\n"
	    "pace: { can: \"" CAN "\", curve: %s, cipher: %s, demand: yes }", curve, cipher);
	module_profile("nfc.yaml");
	module_card(image, "atr: 3BF51800008131FE454D794549449A", pace);
}

static void
lay_down(const char *image)
{
	lay_down_as(image, "P-256", "aes-128");
}

static CK_RV
token_info(unsigned slot)
{
	CK_TOKEN_INFO info;
	CK_SLOT_ID id[8];
	CK_ULONG n = 8;

	ck_assert_uint_eq(C_GetSlotList(CK_TRUE, NULL, &n), CKR_OK);
	ck_assert_uint_eq(C_GetSlotList(CK_TRUE, id, &n), CKR_OK);
	ck_assert_uint_gt(n, slot);
	return C_GetTokenInfo(id[slot], &info);
}

static uint32_t
commands(void)
{
	return vc_counts(module.vc[0]).apdus;
}

static void
no_try_is_lost(void)
{
	ck_assert_int_eq(vc_tries(module.vc[0], 1), 3);
	ck_assert_int_eq(vc_puk_tries(module.vc[0], 1), 10);
}

static void
finalize(void)
{
	ck_assert_uint_eq(C_Finalize(NULL), CKR_OK);
	module_free();
}

/* ---- the number of the settings ---- */

static const struct { const char *curve, *cipher; } kinds_of_card[] = {
	{ "brainpoolP256r1", "3des" }, { "brainpoolP384r1", "aes-256" }, { "brainpoolP512r1", "aes-192" },
	{ "P-256", "aes-128" }, { "P-384", "aes-256" }, { "P-521", "aes-256" },
};
#define N_CARDS (int)(sizeof kinds_of_card / sizeof kinds_of_card[0])

START_TEST(a_card_is_listed_and_signs)
{
	struct walk w = { .make = false };
	CK_RV rv;
	const char *at;

	module_settings(PLAIN KNOWN);
	lay_down_as("myeid.yaml", kinds_of_card[_i].curve, kinds_of_card[_i].cipher);
	walk(&w);
	at = walk_failed(&w, &rv);
	ck_assert_msg(!at && !w.wrong[0], "%s gave 0x%lX; %s", at, rv, w.wrong);
	no_try_is_lost();
	finalize();
}
END_TEST

/* Every certificate that is listed is all there. */
static unsigned
read_certificates(CK_SESSION_HANDLE h)
{
	CK_OBJECT_CLASS cls = CKO_CERTIFICATE;
	CK_ATTRIBUTE t = { CKA_CLASS, &cls, sizeof cls };
	CK_OBJECT_HANDLE o[16];
	CK_ULONG n = 0;

	ck_assert_uint_eq(C_FindObjectsInit(h, &t, 1), CKR_OK);
	ck_assert_uint_eq(C_FindObjects(h, o, 16, &n), CKR_OK);
	ck_assert_uint_eq(C_FindObjectsFinal(h), CKR_OK);
	for (CK_ULONG i = 0; i < n; i++) {
		CK_BYTE value[8192];
		CK_ATTRIBUTE v = { CKA_VALUE, value, sizeof value };

		ck_assert_uint_eq(C_GetAttributeValue(h, o[i], &v, 1), CKR_OK);
		ck_assert_uint_gt(v.ulValueLen, 500);
		ck_assert_uint_eq(v.ulValueLen, 4 + ((CK_ULONG)value[2] << 8 | value[3]));
	}
	return (unsigned)n;
}

/* How little a card takes at once nobody says: it is read as it gives. */
START_TEST(a_card_with_a_small_buffer_is_read)
{
	CK_SESSION_HANDLE h;

	module_settings(PLAIN KNOWN);
	lay_down_as("myeid.yaml", "brainpoolP256r1", "3des, max: 100");
	h = module_open();
	ck_assert_uint_eq(read_certificates(h), 4);
	ck_assert_uint_eq(module_login(h, "1234"), CKR_OK);
	ck_assert_uint_eq(module_sign(h, 0x45), CKR_OK);
	no_try_is_lost();
	finalize();
}
END_TEST

/* Citizens' cards as they lie on a contactless reader, by the profiles that come with the module. */
static const struct fineid {
	const char *image, *can;
	CK_MECHANISM_TYPE mech[2];
	CK_ULONG digest, sig[2];
} citizens[] = {
	{ "fineid-v4-nfc.yaml", "123456", { CKM_ECDSA, CKM_ECDSA }, 48, { 96, 96 } },
	{ "fineid-v3-nfc.yaml", "654321", { CKM_SHA256_RSA_PKCS, CKM_SHA256_RSA_PKCS }, 32, { 256, 256 } },
	{ "fineid-v3.1-nfc.yaml", "123456", { CKM_SHA256_RSA_PKCS, CKM_SHA256_RSA_PKCS }, 32, { 384, 384 } },
	{ "fineid-org-nfc.yaml", "123456", { CKM_SHA256_RSA_PKCS, CKM_ECDSA }, 32, { 256, 96 } },
	{ "fineid-idme-nfc.yaml", "123456", { CKM_SHA256_RSA_PKCS, CKM_SHA256_RSA_PKCS }, 32, { 384, 384 } },
};

static void
citizen_signs(const struct fineid *card, unsigned slot)
{
	static const char *const pins[] = { "1234", "123456" };
	CK_SESSION_HANDLE h = module_open_slot(slot);
	CK_MECHANISM m = { card->mech[slot], NULL, 0 };
	CK_OBJECT_HANDLE key;
	CK_BYTE digest[48] = { 1, 2, 3 }, sig[512];

	ck_assert_uint_ge(read_certificates(h), 1);
	ck_assert_uint_eq(module_login(h, pins[slot]), CKR_OK);
	for (int i = 0; i < 2; i++) {
		CK_ULONG n = sizeof sig;

		ck_assert_uint_ne(key = module_find(h, CKO_PRIVATE_KEY, slot ? 0x46 : 0x45), 0);
		ck_assert_uint_eq(C_SignInit(h, &m, key), CKR_OK);
		if (slot && i)
			ck_assert_uint_eq(C_Login(h, CKU_CONTEXT_SPECIFIC, (CK_UTF8CHAR_PTR)(uintptr_t)pins[1], 6), CKR_OK);
		ck_assert_uint_eq(C_Sign(h, digest, card->digest, sig, &n), CKR_OK);
		ck_assert_uint_eq(n, card->sig[slot]);
		/* others come by in between */
		vc_reset(module.vc[0]);
	}
	ck_assert_uint_eq(C_Finalize(NULL), CKR_OK);
}

START_TEST(citizens_cards_work_over_the_air)
{
	const struct fineid *card = &citizens[_i];
	char settings[200];

	snprintf(settings, sizeof settings, "rootAutoLogin = 1\nDataPath = /nonexistent/x\ncardAccessNumber = %s\n",
	    card->can);
	module_settings(settings);
	module_card(card->image, NULL, NULL);
	citizen_signs(card, 0);
	citizen_signs(card, 1);
	for (unsigned pin = 1; pin <= 2; pin++)
		ck_assert_int_eq(vc_tries(module.vc[0], pin), 5);
	module_free();
}
END_TEST

/* A certificate of the MF takes the channel with it, and the login, once: which certificates those are is known then,
 * and the PIN is taken anew. */
START_TEST(a_way_to_the_mf_costs_one_channel)
{
	const CK_BYTE lost[] = { 0x47, 0x48 };
	CK_MECHANISM m = { CKM_ECDSA, NULL, 0 };
	CK_BYTE digest[48] = { 1 }, out[4096];
	CK_ATTRIBUTE v = { CKA_VALUE, out, sizeof out };
	CK_OBJECT_HANDLE key, ca;
	CK_SESSION_HANDLE h;
	uint32_t resets;
	CK_ULONG n;
	CK_RV rv;

	module_settings(PLAIN "cardAccessNumber = 123456\n");
	module_card("fineid-v4-mf.yaml", NULL, NULL);
	h = module_open();
	resets = vc_counts(module.vc[0]).resets;
	ck_assert_uint_eq(module_login(h, "1234"), CKR_OK);
	ck_assert_uint_ne(key = module_find(h, CKO_PRIVATE_KEY, 0x45), 0);
	for (int i = 0; i < 4; i++) {
		n = sizeof out;
		if (!(rv = C_SignInit(h, &m, key)))
			rv = C_Sign(h, digest, sizeof digest, out, &n);
		ck_assert_msg(rv == (i == 1 ? CKR_USER_NOT_LOGGED_IN : CKR_OK), "%d: 0x%lX", i, rv);
		if (rv)
			ck_assert_uint_eq(module_login(h, "1234"), CKR_OK);
		if (i % 2)
			continue;
		ck_assert_uint_ne(ca = module_find(h, CKO_CERTIFICATE, lost[i / 2]), 0);
		v.ulValueLen = sizeof out;
		rv = C_GetAttributeValue(h, ca, &v, 1);
		ck_assert(rv != CKR_OK || !v.ulValueLen);
		ck_assert_uint_eq(module_find(h, CKO_CERTIFICATE, lost[i / 2]), 0);
	}
	ck_assert_uint_eq(vc_counts(module.vc[0]).resets, resets + 1);
	ck_assert_int_eq(vc_tries(module.vc[0], 1), 5);
	finalize();
}
END_TEST

START_TEST(keys_are_made_through_it)
{
	struct walk w = { .make = true };
	CK_RV rv;
	const char *at;

	module_settings(PLAIN KNOWN);
	lay_down("myeid-blank.yaml");
	walk(&w);
	at = walk_failed(&w, &rv);
	ck_assert_msg(!at && !w.wrong[0], "%s gave 0x%lX; %s", at, rv, w.wrong);
	finalize();
}
END_TEST

START_TEST(pin2_is_used_through_it)
{
	struct walk w = { .pin2 = true };
	CK_RV rv;
	const char *at;

	module_settings(PLAIN KNOWN);
	lay_down("myeid-citizen.yaml");
	walk(&w);
	at = walk_failed(&w, &rv);
	ck_assert_msg(!at && !w.wrong[0], "%s gave 0x%lX; %s", at, rv, w.wrong);
	finalize();
}
END_TEST

/* Neither a number nor anybody to ask. */
START_TEST(without_the_number_the_card_is_not_recognised)
{
	static const char *const settings[] = { PLAIN, PLAIN "cardAccessNumber = 73041\n",
		PLAIN "cardAccessNumber = 73041a\n" };

	for (size_t i = 0; i < 3; i++) {
		uint32_t sent;

		module_settings(settings[i]);
		lay_down("myeid.yaml");
		ck_assert_uint_eq(C_Initialize(NULL), CKR_OK);
		sent = commands();
		ck_assert_uint_eq(token_info(0), CKR_TOKEN_NOT_RECOGNIZED);
		ck_assert_uint_eq(token_info(1), CKR_TOKEN_NOT_RECOGNIZED);
		ck_assert_uint_eq(commands(), sent);
		finalize();
	}
}
END_TEST

START_TEST(a_wrong_number_of_the_settings_is_tried_once)
{
	uint32_t sent;

	module_settings(PLAIN "cardAccessNumber = 111111\n");
	lay_down("myeid.yaml");
	ck_assert_uint_eq(C_Initialize(NULL), CKR_OK);
	ck_assert_uint_eq(token_info(0), CKR_TOKEN_NOT_RECOGNIZED);
	sent = commands();
	ck_assert_uint_gt(sent, 5);
	for (unsigned i = 0; i < 4; i++)
		ck_assert_uint_eq(token_info(i % 2), CKR_TOKEN_NOT_RECOGNIZED);
	ck_assert_uint_eq(commands(), sent);
	no_try_is_lost();
	finalize();
}
END_TEST

/* ---- a person ---- */

static const char *const right[] = { CAN, NULL }, *const none[] = { NULL }, *const cancel[] = { "", NULL };

/* Everything but the number is as with any card: its PIN is asked for by itself. */
START_TEST(a_person_is_asked_once)
{
	static const char *const answers[] = { CAN, "1234", NULL };
	CK_SESSION_HANDLE h;

	person_will("Language = fi\n", answers);
	lay_down("myeid.yaml");
	h = module_open();
	ck_assert_uint_eq(person_was_asked(), 1);
	ck_assert_uint_eq(token_info(0), CKR_OK);
	ck_assert(person_heard("Kortin p\xC3\xA4\xC3\xA4sykoodi (CAN)"));
	ck_assert(person_heard("Lukija: " IO_MEM_READER));
	ck_assert_uint_eq(person_was_asked(), 1);
	ck_assert_uint_eq(module_sign(h, 0x45), CKR_OK);
	ck_assert_uint_eq(person_was_asked(), 2);
	/* nor after a reset */
	vc_reset(module.vc[0]);
	ck_assert_uint_eq(module_sign(h, 0x45), CKR_OK);
	ck_assert_uint_eq(person_was_asked(), 2);
	no_try_is_lost();
	finalize();
	person_end();
}
END_TEST

START_TEST(wrong_numbers_are_told_and_asked_for_again)
{
	static const char *const answers[] = { "111111", "12345", "abcdef", "222222", CAN, NULL };
	uint32_t sent;

	person_will("", answers);
	lay_down("myeid.yaml");
	ck_assert_uint_eq(C_Initialize(NULL), CKR_OK);
	sent = commands();
	ck_assert_uint_eq(token_info(0), CKR_OK);
	ck_assert_uint_eq(person_was_asked(), 5);
	ck_assert(person_heard("SETERROR This is not the number of this card."));
	ck_assert(person_heard("SETERROR The access number has six digits."));
	ck_assert(!person_heard("in the settings"));
	/* two wrong ones, each by the seven commands of PACE */
	ck_assert_uint_lt(commands() - sent, 3 * 7 + 40);
	no_try_is_lost();
	finalize();
	person_end();
}
END_TEST

START_TEST(a_wrong_number_of_the_settings_is_told)
{
	person_will("cardAccessNumber = 111111\n", right);
	lay_down("myeid.yaml");
	ck_assert_uint_eq(C_Initialize(NULL), CKR_OK);
	ck_assert_uint_eq(token_info(0), CKR_OK);
	ck_assert_uint_eq(person_was_asked(), 1);
	ck_assert(person_heard("SETERROR The access number in the settings is not the one of this card."));
	finalize();
	person_end();
}
END_TEST

START_TEST(nobody_is_asked_where_the_settings_are_right)
{
	person_will("cardAccessNumber = " CAN "\n", none);
	lay_down("myeid.yaml");
	ck_assert_uint_eq(C_Initialize(NULL), CKR_OK);
	ck_assert_uint_eq(token_info(0), CKR_OK);
	ck_assert_uint_eq(person_was_asked(), 0);
	finalize();
	person_end();
}
END_TEST

START_TEST(who_cancels_is_left_alone_until_the_card_is_laid_there_anew)
{
	CK_SESSION_HANDLE h;
	uint32_t sent;

	person_will("", cancel);
	lay_down("myeid.yaml");
	ck_assert_uint_eq(C_Initialize(NULL), CKR_OK);
	ck_assert_uint_eq(token_info(0), CKR_TOKEN_NOT_RECOGNIZED);
	ck_assert_uint_eq(person_was_asked(), 1);
	sent = commands();
	ck_assert_uint_eq(token_info(0), CKR_TOKEN_NOT_RECOGNIZED);
	ck_assert_uint_eq(token_info(1), CKR_TOKEN_NOT_RECOGNIZED);
	ck_assert_uint_eq(C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &h), CKR_TOKEN_NOT_RECOGNIZED);
	ck_assert_uint_eq(person_was_asked(), 1);
	ck_assert_uint_eq(commands(), sent);
	person_will_now(right);
	vc_remove(module.vc[0]);
	vc_insert(module.vc[0]);
	ck_assert_uint_eq(token_info(0), CKR_OK);
	ck_assert_uint_eq(person_was_asked(), 1);
	finalize();
	person_end();
}
END_TEST

/* A helper that could not ask is not the person's word, wrong settings or not. */
START_TEST(a_helper_that_fails_costs_a_moment_and_not_the_card)
{
	static const char *const fails[] = { "\\q", NULL }, *const settings[] = { "", "cardAccessNumber = 111111\n" };

	person_will(settings[_i], fails);
	lay_down("myeid.yaml");
	ck_assert_uint_eq(C_Initialize(NULL), CKR_OK);
	ck_assert_uint_eq(token_info(0), CKR_TOKEN_NOT_RECOGNIZED);
	ck_assert_uint_eq(person_was_asked(), 1);
	person_will_now(right);
	ck_assert_uint_eq(token_info(0), CKR_TOKEN_NOT_RECOGNIZED);
	ck_assert_uint_eq(person_was_asked(), 0);
	ahead = 61000;
	ck_assert_uint_eq(token_info(0), CKR_OK);
	ck_assert_uint_eq(person_was_asked(), 1);
	finalize();
	person_end();
}
END_TEST

/* A card that comes back is another one for all one knows: its number is asked for. */
START_TEST(the_number_goes_with_the_card)
{
	CK_SESSION_HANDLE h;
	CK_SESSION_INFO info;

	person_will("", right);
	lay_down("myeid.yaml");
	h = module_open();
	ck_assert_uint_eq(person_was_asked(), 1);
	vc_remove(module.vc[0]);
	vc_insert(module.vc[0]);
	ck_assert_uint_eq(C_GetSessionInfo(h, &info), CKR_SESSION_HANDLE_INVALID);
	person_will_now(cancel);
	ck_assert_uint_eq(token_info(0), CKR_TOKEN_NOT_RECOGNIZED);
	ck_assert_uint_eq(person_was_asked(), 1);
	finalize();
	person_end();
}
END_TEST

static void *
look_at(void *arg)
{
	CK_TOKEN_INFO info;
	CK_RV *rv = arg;

	*rv = C_GetTokenInfo(*rv, &info);
	return NULL;
}

START_TEST(threads_that_want_to_know_share_one_dialog)
{
	static const char *const *const answers[] = { right, cancel };
	static const CK_RV want[] = { CKR_OK, CKR_TOKEN_NOT_RECOGNIZED };
	CK_RV rv[6] = { 0, 1, 0, 1, 0, 1 };
	pthread_t t[6];
	CK_ULONG n = 0;

	person_will("", answers[_i]);
	lay_down("myeid-citizen.yaml");
	ck_assert_uint_eq(C_Initialize(NULL), CKR_OK);
	ck_assert_uint_eq(C_GetSlotList(CK_TRUE, NULL, &n), CKR_OK);
	for (int k = 0; k < 6; k++)
		ck_assert_int_eq(pthread_create(&t[k], NULL, look_at, &rv[k]), 0);
	for (int k = 0; k < 6; k++)
		pthread_join(t[k], NULL);
	for (int k = 0; k < 6; k++)
		ck_assert_uint_eq(rv[k], want[_i]);
	ck_assert_uint_eq(person_was_asked(), 1);
	finalize();
	person_end();
}
END_TEST

/* No lock is held meanwhile; the card may go, and the library end. */
START_TEST(a_dialog_nobody_answers_holds_up_nobody)
{
	static const char *const silent[] = { "\\h", NULL };
	CK_RV rv = 0;
	CK_ULONG n = 0;
	CK_SLOT_INFO slot;
	pthread_t t;

	person_will("", silent);
	lay_down("myeid.yaml");
	ck_assert_uint_eq(C_Initialize(NULL), CKR_OK);
	ck_assert_uint_eq(C_GetSlotList(CK_TRUE, NULL, &n), CKR_OK);
	ck_assert_int_eq(pthread_create(&t, NULL, look_at, &rv), 0);
	for (int i = 0; i < 200 && !person_was_asked(); i++)
		usleep(20000);
	ck_assert_uint_eq(person_was_asked(), 1);
	ck_assert_uint_eq(C_GetSlotInfo(0, &slot), CKR_OK);
	ck_assert(slot.flags & CKF_TOKEN_PRESENT);
	if (_i == 0)
		vc_remove(module.vc[0]);
	else
		ck_assert_uint_eq(C_Finalize(NULL), CKR_OK);
	pthread_join(t, NULL);
	ck_assert_uint_eq(rv, _i == 0 ? CKR_TOKEN_NOT_PRESENT : CKR_CRYPTOKI_NOT_INITIALIZED);
	if (_i == 0)
		ck_assert_uint_eq(C_Finalize(NULL), CKR_OK);
	module_free();
	person_end();
}
END_TEST

/* ---- accidents ---- */

static const struct { enum io_fault fault; const char *name; } kinds[] = {
	{ FAULT_REMOVED, "removed" }, { FAULT_RESET, "reset" }, { FAULT_6F00, "6F00" }, { FAULT_6982, "6982" },
	{ FAULT_EMPTY, "empty" }, { FAULT_1BYTE, "1 byte" }, { FAULT_64K, "64K" }, { FAULT_61LOOP, "61 loop" },
	{ FAULT_6CLOOP, "6C loop" }, { FAULT_TIMEOUT, "timeout" }, { FAULT_LOST, "lost answer" },
};
#define N_KINDS (int)(sizeof kinds / sizeof kinds[0])

/* The channel dies at command n of a program that uses keys, for every n: by an answer that is not the card's,
 * by a reset, by a card that is gone. Nothing is half done, no try is lost, and the next program finds all
 * in order. */
START_TEST(a_channel_that_dies)
{
	unsigned n, failed = 0;
	bool fired = true;

	module_settings(PLAIN KNOWN "allowUnknownCards = 0\n");
	lay_down("myeid.yaml");
	module.fault = kinds[_i].fault;
	for (n = 1; fired && n < FAR; n++) {
		struct walk w = { .make = false }, after = { .make = false };
		const char *at;
		CK_RV rv;

		module.fault_at = n;
		walk(&w);
		module.fault_at = 0;
		fired = io_fault_fired(module.io);
		failed += walk_failed(&w, &rv) != NULL;
		ck_assert_msg(!w.wrong[0], "%s at command %u: %s", kinds[_i].name, n, w.wrong);
		ck_assert_msg(vc_tries(module.vc[0], 1) == 3, "%s at command %u burnt a try", kinds[_i].name, n);
		io_fault_set(module.io, 0, FAULT_REMOVED);
		ck_assert_uint_eq(C_Finalize(NULL), CKR_OK);
		walk(&after);
		at = walk_failed(&after, &rv);
		ck_assert_msg(!at && !after.wrong[0], "after %s at command %u: %s gave 0x%lX; %s", kinds[_i].name, n,
		    at, rv, after.wrong);
		ck_assert_uint_eq(C_Finalize(NULL), CKR_OK);
	}
	ck_assert_uint_gt(n, 30);
	ck_assert_uint_lt(n, FAR);
	/* what is not the card's word inside of the channel is mended by a new one, but where something was changed,
	 * or where the channel was being made */
	if (kinds[_i].fault == FAULT_RESET || kinds[_i].fault == FAULT_6F00 || kinds[_i].fault == FAULT_6982 ||
	    kinds[_i].fault == FAULT_64K)
		ck_assert_msg(failed < n / 2, "%u of %u walks failed", failed, n);
	module_free();
}
END_TEST

/* How often the card was told a word made from the number: the last step of PACE, of class 00. */
static unsigned
times_said(const char *log)
{
	static char text[400000];
	unsigned n = 0;

	read_text(log, text, sizeof text);
	for (const char *at = text; (at = strstr(at, "> 00860000")); at++)
		n++;
	return n;
}

/* Nobody but a person has a number said again: not when it is wrong, and not when nobody knows whether it was. */
START_TEST(a_number_is_said_once)
{
	static char log[] = "pace-said-XXXXXX";
	unsigned said = 0, n;
	bool fired = true;

	close(mkstemp(log));
	module_settings(PLAIN "cardAccessNumber = 111111\n");
	setenv("CASTOR_TRACE", log, 1); /* what is sent counts, also when it got lost */
	for (n = 1; fired && n < FAR; n++) {
		lay_down("myeid.yaml");
		ck_assert_int_eq(truncate(log, 0), 0);
		module.fault = kinds[_i].fault;
		module.fault_at = n;
		ck_assert_uint_eq(C_Initialize(NULL), CKR_OK);
		ck_assert_uint_ne(token_info(0), CKR_OK);
		fired = io_fault_fired(module.io);
		io_fault_set(module.io, 0, FAULT_REMOVED);
		for (int again = 0; again < 3; again++)
			ck_assert_uint_ne(token_info(0), CKR_OK);
		/* a card that was away is laid there anew */
		ck_assert_msg(times_said(log) <= (module.fault == FAULT_REMOVED ? 2 : 1), "%s at command %u: said %u times", kinds[_i].name, n, times_said(log));
		said += times_said(log);
		no_try_is_lost();
		module.fault_at = 0;
		finalize();
	}
	ck_assert_uint_gt(n, 6);
	ck_assert_uint_ge(said, 2); /* when it gets through, and when that is what gets lost */
	unsetenv("CASTOR_TRACE");
	unlink(log);
}
END_TEST

START_TEST(resets_by_others_are_survived)
{
	CK_SESSION_HANDLE h;

	module_settings("rootAutoLogin = 1\nDataPath = /nonexistent/x\n" KNOWN);
	lay_down("myeid.yaml");
	h = module_open();
	ck_assert_uint_eq(module_login(h, "1234"), CKR_OK);
	for (int i = 0; i < 5; i++) {
		vc_reset(module.vc[0]);
		/* with a kept PIN1 */
		ck_assert_uint_eq(module_sign(h, 0x45), CKR_OK);
	}
	no_try_is_lost();
	finalize();
}
END_TEST

/* Neither the number nor a PIN is in a trace or a log, in any writing. */
START_TEST(nothing_is_told_on_the_way)
{
	static char trace[] = "pace-trace-XXXXXX", log[] = "pace-log-XXXXXX", text[400000];
	static const char *const secrets[] = { CAN, "373330343138", "1234FFFF", "31323334FFFFFFFF" };
	const char *const files[] = { trace, log };
	struct walk w = { .make = false };
	CK_RV rv;

	module_settings(PLAIN KNOWN);
	lay_down("myeid.yaml");
	close(mkstemp(trace));
	close(mkstemp(log));
	setenv("CASTOR_TRACE", trace, 1);
	setenv("CASTOR_LOG", "apdu", 1);
	setenv("CASTOR_LOG_FILE", log, 1);
	walk(&w);
	ck_assert_ptr_null(walk_failed(&w, &rv));
	finalize();
	unsetenv("CASTOR_TRACE");
	unsetenv("CASTOR_LOG");
	unsetenv("CASTOR_LOG_FILE");
	for (int i = 0; i < 2; i++) {
		read_text(files[i], text, sizeof text);
		for (size_t k = 0; k < sizeof secrets / sizeof secrets[0]; k++)
			ck_assert_msg(!strstr(text, secrets[k]), "%s has %s", files[i], secrets[k]);
		ck_assert_ptr_nonnull(strstr(text, "> 0022C1A4"));
		ck_assert_ptr_nonnull(strstr(text, "\n> 00200001 08 [*8]\n< 9000\n"));
		ck_assert_ptr_nonnull(strstr(text, "# wrapped > 0C200001 "));
		unlink(files[i]);
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("pace");
	TCase *tc = tcase_create("module");
	const TTest *const tests[] = { a_card_with_a_small_buffer_is_read, a_way_to_the_mf_costs_one_channel,
		keys_are_made_through_it, pin2_is_used_through_it,
		without_the_number_the_card_is_not_recognised, a_wrong_number_of_the_settings_is_tried_once,
		a_person_is_asked_once, wrong_numbers_are_told_and_asked_for_again,
		a_wrong_number_of_the_settings_is_told, nobody_is_asked_where_the_settings_are_right, who_cancels_is_left_alone_until_the_card_is_laid_there_anew,
		the_number_goes_with_the_card, resets_by_others_are_survived, nothing_is_told_on_the_way };

	unsetenv("disableCryptokiAutoLogin");
	tcase_set_timeout(tc, 240);
	tcase_add_loop_test(tc, a_card_is_listed_and_signs, 0, N_CARDS);
	tcase_add_loop_test(tc, citizens_cards_work_over_the_air, 0, (int)(sizeof citizens / sizeof citizens[0]));
	for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++)
		tcase_add_test(tc, tests[i]);
	tcase_add_loop_test(tc, a_helper_that_fails_costs_a_moment_and_not_the_card, 0, 2);
	tcase_add_loop_test(tc, threads_that_want_to_know_share_one_dialog, 0, 2);
	tcase_add_loop_test(tc, a_dialog_nobody_answers_holds_up_nobody, 0, 2);
	tcase_add_loop_test(tc, a_number_is_said_once, 0, N_KINDS);
	tcase_add_loop_test(tc, a_channel_that_dies, 0, N_KINDS);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}

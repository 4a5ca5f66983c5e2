/* Which PINs of a card become slots, and of which class they are; PINs that were given for one use. */
#include "token/pinslot.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/os.h"
#include "cardos/card.h"
#include "t/unit/unit.h"

#define TEXT(s) ((char *)(uintptr_t)(s))
#define PIN(id_, ref_, ...) { .kind = P15_AUTH, .label = TEXT(#id_), .id = { 1, { id_ } }, \
	.pin = { .ref = ref_, .min = 4, .max = 8, .stored = 8, .coding = PIN_ASCII }, \
	.pin_flags = PINF_INITIALIZED, __VA_ARGS__ }
#define KEY(auth, usage_, consent) { .kind = P15_PRIVATE, .label = TEXT("key"), \
	.auth_id = { (auth) ? 1 : 0, { auth } }, .usage = usage_, .user_consent = consent }
#define N(a) (sizeof(a) / sizeof((a)[0]))

enum { LOGIN_PIN = 1, SIGN_PIN, THIRD_PIN, PUK, SO, NOBODY = -1 };

static struct p15_object login_pin = PIN(1, 0x11), sign_pin = PIN(2, 0x82), third = PIN(3, 0x83),
    puk = PIN(4, 0x09), so = PIN(5, 0x0A);
static struct p15_object login_key = KEY(1, USAGE_SIGN, 0), sign_key = KEY(2, USAGE_NON_REPUDIATION, 0),
    consent_key = KEY(2, USAGE_SIGN, 1), third_key = KEY(3, USAGE_SIGN, 0),
    third_binds = KEY(3, USAGE_NON_REPUDIATION, 0), open_key = KEY(0, USAGE_SIGN, 0),
    open_binds = KEY(0, USAGE_NON_REPUDIATION, 0), login_binds = KEY(1, USAGE_NON_REPUDIATION, 0);

static struct settings *s;

static void
load(void)
{
	static const struct settings_from from = { .system = "", .user = "", .exe = "", .shipped = "" };

	ck_assert_int_eq(settings_load(&from, &s), 0);
	puk.pin_flags |= PINF_UNBLOCKING;
	so.pin_flags |= PINF_SO;
}

static void
empty(struct pinslot slot[PINS_PER_READER])
{
	for (unsigned i = 0; i < PINS_PER_READER; i++) {
		pinslot_wipe_locked(&slot[i]);
		free(slot[i].label);
	}
}

START_TEST(the_first_slot_is_never_pin2_where_it_can_be_helped)
{
	static const struct {
		const char *what;
		struct p15_object *pins[5], *keys[4];
		enum p15_seen seen;
		int ref[2];
		bool pin2[2];
	} cases[] = {
		{ "a citizen's card", { &login_pin, &sign_pin, &puk, &so }, { &login_key, &sign_key }, SEEN_ALL,
		    { 0x11, 0x82 }, { false, true } },
		{ "PIN2 stands first", { &puk, &sign_pin, &login_pin }, { &sign_key, &login_key }, SEEN_ALL,
		    { 0x11, 0x82 }, { false, true } },
		{ "consent makes a PIN2", { &sign_pin, &login_pin }, { &consent_key, &login_key }, SEEN_ALL,
		    { 0x11, 0x82 }, { false, true } },
		{ "PIN2 before an ordinary third", { &login_pin, &third, &sign_pin },
		    { &login_key, &third_key, &sign_key }, SEEN_ALL, { 0x11, 0x82 }, { false, true } },
		{ "two ordinary PINs", { &login_pin, &third }, { &login_key, &third_key }, SEEN_ALL,
		    { 0x11, 0x83 }, { false, false } },
		{ "one PIN", { &login_pin, &puk, &so }, { &login_key }, SEEN_ALL, { 0x11, NOBODY },
		    { false, false } },
		{ "one PIN that binds", { &sign_pin }, { &sign_key }, SEEN_ALL, { 0x82, NOBODY }, { true, false } },
		{ "nothing but PIN2s", { &sign_pin, &third }, { &sign_key, &third_binds }, SEEN_ALL,
		    { 0x82, 0x83 }, { true, true } },
		{ "a key that names no PIN is the first one's", { &login_pin, &sign_pin }, { &open_binds, &sign_key },
		    SEEN_ALL, { 0x11, 0x82 }, { true, true } },
		{ "... and need not bind", { &login_pin, &sign_pin }, { &open_key, &sign_key }, SEEN_ALL,
		    { 0x11, 0x82 }, { false, true } },
		{ "an ordinary PIN whose other key binds", { &login_pin }, { &login_key, &login_binds }, SEEN_ALL,
		    { 0x11, NOBODY }, { true, false } },
		{ "half a directory of keys", { &login_pin, &sign_pin }, { &login_key }, SEEN_GARBLED,
		    { 0x11, 0x82 }, { false, true } },
		{ "none of it", { &login_pin, &sign_pin }, { NULL }, SEEN_NOTHING, { 0x11, 0x82 }, { true, true } },
		{ "no user PIN", { &puk, &so }, { NULL }, SEEN_ALL, { NOBODY, NOBODY }, { false, false } },
	};
	static const struct profile pf;

	load();
	for (size_t i = 0; i < N(cases); i++) {
		struct pinslot slot[PINS_PER_READER] = { { .lost = false } };
		struct p15_object *pins[5], *keys[4];
		struct p15_objects auths = { pins, 0 }, all = { keys, 0 };

		while (auths.n < 5 && cases[i].pins[auths.n]) {
			pins[auths.n] = cases[i].pins[auths.n];
			auths.n++;
		}
		while (all.n < 4 && cases[i].keys[all.n]) {
			keys[all.n] = cases[i].keys[all.n];
			all.n++;
		}
		ck_assert_int_eq(pinslots_fill(slot, &auths, &all, cases[i].seen, &pf, s), 0);
		for (unsigned k = 0; k < PINS_PER_READER; k++) {
			ck_assert_msg(slot[k].has_pin == (cases[i].ref[k] != NOBODY), "%s: slot %u", cases[i].what, k);
			ck_assert_msg(!slot[k].has_pin || slot[k].pin.ref == cases[i].ref[k], "%s: slot %u is 0x%X",
			    cases[i].what, k, slot[k].pin.ref);
			ck_assert_msg(slot[k].is_pin2 == cases[i].pin2[k], "%s: class of slot %u", cases[i].what, k);
		}
		empty(slot);
	}
	settings_free(&s);
}
END_TEST

START_TEST(a_silent_directory_leaves_the_profiles_guess)
{
	struct p15_objects none = { NULL, 0 };
	struct pinslot slot[PINS_PER_READER] = { { .lost = false } };
	static const struct profile pf = { .has_pin = { true, true },
		.pin = { { .ref = 1, .guess = true, .min = 4 }, { .ref = 2, .guess = true } } };

	load();
	ck_assert_int_eq(pinslots_fill(slot, &none, &none, SEEN_ALL, &pf, s), 0);
	ck_assert(slot[0].has_pin && slot[0].pin.guess && !slot[1].has_pin);
	empty(slot);
	settings_free(&s);
}
END_TEST

/* Of a card that was seen, the profile's word serves where the directory has none; of one that was not, a block
 * that is only a guess stays one. */
START_TEST(the_profile_fills_what_the_directory_leaves_out)
{
	struct p15_objects none = { NULL, 0 };
	struct profile pf = { .has_pin = { true, true }, .pin = {
		{ .ref = 0x11, .min = 4, .max = 12, .stored = 12, .pads = true, .unblock_ref = 0x83 },
		{ .ref = 0x82, .min = 6, .max = 12, .stored = 12, .pads = true, .local = true, .unblock_ref = 0x83 } } };
	struct p15_object half = { .kind = P15_AUTH, .label = (char *)(uintptr_t)"half", .id = { 1, { 1 } },
		.pin = { .ref = 0x11, .min = 5, .max = 8, .pads = true, .guess = true, .unblock_ref = -1 } };
	struct p15_object other = half;
	struct p15_object *const list[] = { &half, &other };
	struct p15_object *one[1];
	struct p15_objects auths = { one, 1 };
	struct pinslot slot[PINS_PER_READER] = { { .lost = false } };

	load();
	ck_assert_int_eq(pinslots_fill(slot, &none, &none, SEEN_ALL, &pf, s), 0);
	ck_assert(slot[0].has_pin && slot[1].has_pin && slot[1].pin.local && slot[1].pin.ref == 0x82);
	ck_assert(slot[0].auth_id.b[0] == 1 && slot[1].auth_id.b[0] == 2);
	empty(slot);
	other.pin.ref = 0x17;
	for (size_t i = 0; i < N(list); i++) {
		memset(slot, 0, sizeof slot);
		one[0] = list[i];
		ck_assert_int_eq(pinslots_fill(slot, &auths, &none, SEEN_ALL, &pf, s), 0);
		ck_assert(slot[0].pin.guess == (i == 1));
		ck_assert_uint_eq(slot[0].pin.stored, i ? 0 : 12);
		ck_assert_uint_eq(slot[0].pin.max, 8);
		empty(slot);
	}
	/* nor does one guess make up for another */
	memset(slot, 0, sizeof slot);
	one[0] = &half;
	pf.pin[0].guess = true;
	ck_assert_int_eq(pinslots_fill(slot, &auths, &none, SEEN_ALL, &pf, s), 0);
	ck_assert(slot[0].pin.guess);
	empty(slot);
	settings_free(&s);
}
END_TEST

/* A profile that knows the block and no reference: together with the directory's it serves, alone it does not. */
START_TEST(a_reference_is_the_cards_word)
{
	static const struct { const char *what; int ref; size_t stored; bool guess; int got; size_t block; } cases[] = {
		{ "all but the padding", 0x03, 8, false, 0x03, 8 }, { "the reference alone", 0x03, 0, false, 0x03, 8 },
		{ "another block", 0x03, 12, true, 0x03, 12 }, { "no reference", -1, 8, true, -1, 8 },
	};
	static const struct profile pf = { .has_pin = { true, true }, .pin = {
		{ .ref = -1, .min = 4, .max = 8, .stored = 8, .pads = true, .unblock_ref = -1, .forget = PIN_FORGET_RESET },
		{ .ref = -1, .min = 4, .max = 8, .stored = 8, .pads = true, .unblock_ref = -1, .forget = PIN_FORGET_RESET } } };
	struct p15_objects none = { NULL, 0 };
	struct pinslot slot[PINS_PER_READER];

	load();
	for (size_t i = 0; i < N(cases); i++) {
		struct p15_object half = { .kind = P15_AUTH, .label = TEXT("half"), .id = { 1, { 1 } },
			.pin = { .ref = cases[i].ref, .min = 4, .max = 8, .stored = cases[i].stored, .pads = true, .guess = true,
			    .unblock_ref = -1 } };
		struct p15_object *one[] = { &half };
		struct p15_objects auths = { one, 1 };

		memset(slot, 0, sizeof slot);
		ck_assert_int_eq(pinslots_fill(slot, &auths, &none, SEEN_ALL, &pf, s), 0);
		ck_assert_msg(slot[0].pin.guess == cases[i].guess, "%s", cases[i].what);
		ck_assert_int_eq(slot[0].pin.ref, cases[i].got);
		ck_assert_uint_eq(slot[0].pin.stored, cases[i].block);
		ck_assert_int_eq((int)slot[0].pin.forget, PIN_FORGET_RESET);
		empty(slot);
	}
	memset(slot, 0, sizeof slot);
	ck_assert_int_eq(pinslots_fill(slot, &none, &none, SEEN_ALL, &pf, s), 0);
	ck_assert(slot[0].has_pin && slot[0].pin.guess && !slot[1].has_pin);
	empty(slot);
	settings_free(&s);
}
END_TEST

/* What guards a PIN's unblocking is sent as the PIN is; where the directory says otherwise, it is not sent. And a
 * local PIN counts in a DF, which somebody has to know. */
START_TEST(what_would_be_sent_wrongly_is_not_sent)
{
	struct profile pf = { .has_pin = { true }, .pin = {
		{ .ref = 0x82, .min = 4, .max = 8, .stored = 12, .pads = true, .local = true, .unblock_ref = 0x83,
		    .path = { PATH_MF, 2, { 0x50, 0x16 } } } } };
	struct p15_object pin = { .kind = P15_AUTH, .label = (char *)(uintptr_t)"pin", .id = { 1, { 1 } },
		.auth_id = { 1, { 9 } }, .pin_flags = PINF_LOCAL,
		.pin = { .ref = 0x82, .min = 4, .max = 12, .stored = 12, .pads = true, .local = true, .unblock_ref = -1 } };
	struct p15_object other = { .kind = P15_AUTH, .label = (char *)(uintptr_t)"puk", .id = { 1, { 9 } },
		.pin_flags = PINF_UNBLOCKING, .pin = { .ref = -1, .min = 8, .max = 8, .stored = 12, .pads = true } };
	struct p15_object *both[] = { &pin, &other };
	struct p15_objects auths = { both, 2 }, none = { NULL, 0 };
	struct pinslot slot[PINS_PER_READER] = { { .lost = false } };

	load();
	ck_assert_int_eq(pinslots_fill(slot, &auths, &none, SEEN_ALL, &pf, s), 0);
	ck_assert(slot[0].can_unblock && !slot[0].pin.guess);
	ck_assert_uint_eq(slot[0].pin.path.len, 2);     /* the profile's DF */
	ck_assert_uint_eq(slot[0].pin.max, 8);          /* more can only cost a try */
	ck_assert_int_eq(slot[0].pin.unblock_ref, 0x83); /* which the PUK's record leaves out */
	empty(slot);
	/* one PUK of two PINs has one place, and digits are digits */
	other.pin.local = true;
	other.pin.path = (struct path){ PATH_MF, 2, { 0x50, 0x15 } };
	other.pin.coding = PIN_UTF8;
	pin.pin.coding = PIN_ASCII;
	memset(slot, 0, sizeof slot);
	ck_assert_int_eq(pinslots_fill(slot, &auths, &none, SEEN_ALL, &pf, s), 0);
	ck_assert(slot[0].can_unblock);
	empty(slot);
	other.pin.coding = PIN_BCD;
	memset(slot, 0, sizeof slot);
	ck_assert_int_eq(pinslots_fill(slot, &auths, &none, SEEN_ALL, &pf, s), 0);
	ck_assert(!slot[0].can_unblock && slot[0].can_change);
	empty(slot);
	other.pin.coding = PIN_ASCII;
	other.pin.pad = 0xFF;
	memset(slot, 0, sizeof slot);
	ck_assert_int_eq(pinslots_fill(slot, &auths, &none, SEEN_ALL, &pf, s), 0);
	ck_assert(!slot[0].can_unblock && slot[0].can_change);
	empty(slot);
	pin.pin.ref = 0x84; /* of which the profile knows no DF */
	memset(slot, 0, sizeof slot);
	ck_assert_int_eq(pinslots_fill(slot, &auths, &none, SEEN_ALL, &pf, s), 0);
	ck_assert(slot[0].pin.guess && !slot[0].can_unblock && !slot[0].can_change);
	empty(slot);
	settings_free(&s);
}
END_TEST

START_TEST(answers_tell_the_tries)
{
	static const struct { int err, tries, max, want; } cases[] = {
		{ 0, -1, 3, 3 }, { 0, -1, -1, -1 }, { E_PIN_WRONG, 2, 3, 2 }, { E_PIN_WRONG, -1, 3, -1 },
		{ E_PIN_BLOCKED, -1, 3, 0 }, { E_PIN_UNFIT, -1, 3, 7 }, { E_IO, -1, 3, 7 },
	};

	for (size_t i = 0; i < N(cases); i++) {
		struct pinslot slot = { .tries = 7, .pin.tries_max = cases[i].max };

		pinslot_answered_locked(&slot, cases[i].err, cases[i].tries);
		ck_assert_msg(slot.tries == cases[i].want, "case %zu: %d", i, slot.tries);
	}
}
END_TEST

START_TEST(a_reset_ends_what_cannot_be_opened_again)
{
	struct pinslot slot = { .login = LOGIN_USER, .opened = true };

	load();
	slot.cache.pin = secret_new("1234", 4);
	pinslot_closed_locked(&slot, s);
	ck_assert(slot.login == LOGIN_USER && !slot.opened && !slot.lost);
	pincache_wipe(&slot.cache);
	pinslot_closed_locked(&slot, s);
	ck_assert(slot.login == LOGIN_PUBLIC && slot.lost);
	/* a PIN2 is entered for each use, whatever the card remembers */
	slot = (struct pinslot){ .login = LOGIN_USER, .is_pin2 = true };
	pinslot_closed_locked(&slot, s);
	ck_assert(slot.login == LOGIN_USER && !slot.lost);
	settings_free(&s);
}
END_TEST

START_TEST(what_is_given_once_has_a_time_and_an_epoch)
{
	struct secret *pin = secret_new("123456", 6);
	struct once o = { .pin = NULL };
	int64_t now = os_clock_ms();

	ck_assert(!once_is_good(&o, 0));
	once_put(&o, &pin, now + 60000, 5);
	ck_assert_ptr_null(pin);
	ck_assert(once_is_good(&o, 5) && !once_is_good(&o, 6));
	pin = secret_new("654321", 6);
	once_put(&o, &pin, now - 1, 5);
	ck_assert(!once_is_good(&o, 5));
	once_wipe(&o);
	ck_assert_ptr_null(o.pin);
}
END_TEST

/* What makes a card a new one, PIN by PIN. */
START_TEST(a_new_pin_is_known_by_what_the_card_says)
{
	static const struct activation both = { .code = { [ACTIVATION_UNBLOCK] = { 8, 8, true },
	    [ACTIVATION_CHANGE] = { 7, 7, true } } }, unblock = { .code = { [ACTIVATION_UNBLOCK] = { 8, 8, true } } },
	    change = { .code = { [ACTIVATION_CHANGE] = { 7, 7, true } } }, none = { .puk_tries = -1 };
	static const struct {
		const struct activation *how;
		int tries, puk_tries, puk_max, fresh;
		bool begun, can_change, can_unblock;
		enum pin_activation want;
	} cases[] = {
		{ &both, 0, 5, 5, 0, false, true, true, ACTIVATION_UNBLOCK },
		{ &both, 0, 5, 5, 1, false, true, true, ACTIVATION_UNBLOCK },
		{ &both, 0, 4, 5, 0, false, true, true, ACTIVATION_NONE },   /* somebody has tried the PUK */
		{ &both, 0, 4, 5, -1, false, true, true, ACTIVATION_NONE },
		{ &both, 0, 4, 5, 1, false, true, true, ACTIVATION_UNBLOCK }, /* but the PIN is nobody's yet */
		{ &both, 0, 0, 5, 1, false, true, true, ACTIVATION_NONE },
		{ &both, 0, 4, 5, 0, true, true, true, ACTIVATION_UNBLOCK }, /* we have */
		{ &both, 0, 0, 5, 0, true, true, true, ACTIVATION_NONE },    /* to the end */
		{ &both, 0, -1, 5, 0, false, true, true, ACTIVATION_NONE },  /* the card does not say */
		{ &both, 0, 5, -1, 0, false, true, true, ACTIVATION_NONE },
		{ &both, 0, 5, 5, 0, false, true, false, ACTIVATION_NONE },
		{ &both, 3, 5, 5, 1, false, true, true, ACTIVATION_CHANGE },
		{ &both, 1, 0, 5, 1, false, true, true, ACTIVATION_CHANGE },
		{ &both, -1, -1, -1, 1, false, true, true, ACTIVATION_CHANGE },
		{ &both, 3, 5, 5, 0, false, true, true, ACTIVATION_NONE },
		{ &both, 3, 5, 5, -1, false, true, true, ACTIVATION_NONE },
		{ &both, 3, 5, 5, 1, false, false, true, ACTIVATION_NONE },
		{ &unblock, 3, 5, 5, 1, false, true, true, ACTIVATION_NONE },
		{ &unblock, 0, 5, 5, 1, false, true, true, ACTIVATION_UNBLOCK },
		{ &change, 0, 5, 5, 1, false, true, true, ACTIVATION_NONE },
		{ &change, 3, 5, 5, 1, false, true, true, ACTIVATION_CHANGE },
		{ &none, 0, 5, 5, 1, false, true, true, ACTIVATION_NONE },
		{ &none, 3, 5, 5, 1, false, true, true, ACTIVATION_NONE },
		{ NULL, 3, 5, 5, 1, false, true, true, ACTIVATION_NONE },
	};

	for (size_t i = 0; i < N(cases); i++) {
		const struct pin_state state = { cases[i].tries, cases[i].puk_tries, 5, 0, 5, cases[i].fresh };
		struct pinslot slot = { .has_pin = true, .how = cases[i].how, .puk_max = cases[i].puk_max,
			.begun = cases[i].begun, .can_change = cases[i].can_change,
			.can_unblock = cases[i].can_unblock };

		pinslot_state_locked(&slot, &state);
		ck_assert_msg(pinslot_activation(&slot) == cases[i].want, "case %zu: %d", i,
		    (int)pinslot_activation(&slot));
		slot.has_pin = false;
		ck_assert_int_eq(pinslot_activation(&slot), ACTIVATION_NONE);
	}
}
END_TEST

UNIT_MAIN("pinslot", a_new_pin_is_known_by_what_the_card_says, the_first_slot_is_never_pin2_where_it_can_be_helped,
    a_silent_directory_leaves_the_profiles_guess, the_profile_fills_what_the_directory_leaves_out,
    a_reference_is_the_cards_word, what_would_be_sent_wrongly_is_not_sent, answers_tell_the_tries,
    a_reset_ends_what_cannot_be_opened_again, what_is_given_once_has_a_time_and_an_epoch)

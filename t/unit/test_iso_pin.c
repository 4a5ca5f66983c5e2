/* Where PINs are sent and what is left open, against a card whose answers are written here. */
#include "cardos/iso.h"
#include "cardos/os.h"

#include "t/unit/scripted.h"
#include "t/unit/unit.h"

#define BY_NAME "00A404000CA000000063504B43532D3135\n"
#define BY_PATH "00A40800025015\n"

static const struct card_ops ops = { .name = "test", .select_app = iso_select_app, .pin_verify = iso_pin_verify };

struct rig { struct scripted s; struct card card; int tries; };

static void
rig_open(struct rig *r, const struct card_ops *o, const char *const *answers)
{
	scripted_card(&r->s, &r->card, answers);
	r->card.ops = o;
	iso_caps(&r->card);
}

static void
rig_sent(struct rig *r, const char *want)
{
	ck_assert_str_eq(buf_text(&r->s.all), want);
	scripted_free(&r->s);
}

/* ---- the application ---- */

START_TEST(an_application_without_a_name_is_found_by_path)
{
	static const char *const answers[] = { "6A82", "9000", NULL };
	struct rig r;

	rig_open(&r, &ops, answers);
	ck_assert_int_eq(iso_find_app(&r.card), 0);
	ck_assert_int_eq(iso_select_app(&r.card), 0);
	rig_sent(&r, BY_NAME BY_PATH BY_PATH);
}
END_TEST

/* What stands at that path may be another one, which has PINs of its own. */
START_TEST(one_that_has_a_name_is_never_taken_by_path)
{
	static const char *const answers[] = { "9000", "6A82", NULL };
	const struct pin_ref pin = { .ref = 0x81, .min = 4, .max = 8 };
	struct rig r;

	rig_open(&r, &ops, answers);
	ck_assert_int_eq(iso_find_app(&r.card), 0);
	ck_assert_int_eq(card_pin_verify(&r.card, &pin, view_str("1234"), &r.tries), E_NOT_FOUND);
	rig_sent(&r, BY_NAME BY_NAME);
}
END_TEST

START_TEST(a_card_that_failed_has_not_said_that_there_is_none)
{
	static const char *const answers[] = { "6F00", NULL };
	struct rig r;

	rig_open(&r, &ops, answers);
	ck_assert_int_eq(iso_find_app(&r.card), E_CARD);
	ck_assert(!r.card.caps.app_by_path);
	rig_sent(&r, BY_NAME);
}
END_TEST

/* ---- the DF of a PIN ---- */

/* Where the way to it is refused, no PIN was wrong. */
START_TEST(a_df_that_wants_a_right_is_no_wrong_pin)
{
	static const char *const answers[] = { "9000", "6982", NULL };
	const struct pin_ref pin = { .ref = 0x81, .min = 4, .max = 8, .local = true,
		.path = { PATH_MF, 2, { 0x50, 0x16 } } };
	struct rig r;

	rig_open(&r, &ops, answers);
	ck_assert_int_eq(card_pin_verify(&r.card, &pin, view_str("1234"), &r.tries), E_DENIED);
	rig_sent(&r, BY_NAME "00A40800025016\n");
}
END_TEST

/* ---- IAS-ECC: a change that wants VERIFY first (card-iasecc 3) ---- */

#define CHANGE "002400030831323334" "34333231\n"
#define VERIFY "002000030431323334\n"
#define STATUS "00200003\n"
#define FORGET "0020FF03\n"

static const struct pin_ref org_pin = { .ref = 0x03, .coding = PIN_ASCII, .min = 4, .max = 8 };

static int
change(struct rig *r, const char *const *answers)
{
	rig_open(r, &os_iasecc, answers);
	return card_pin_change(&r->card, &org_pin, view_str("1234"), view_str("4321"), &r->tries);
}

START_TEST(a_change_that_is_refused_leaves_no_pin_open)
{
	static const char *const refusals[] = { "6A80", "6985", "6982" };
	static const int errors[] = { E_DATA, E_DENIED, E_DENIED };
	struct rig r;

	for (size_t i = 0; i < 3; i++) {
		/* the application, CHANGE, VERIFY, CHANGE, and the PIN is closed: asked, told, asked */
		const char *const answers[] = { "9000", "6982", "9000", refusals[i], "9000", "9000", "63C5", NULL };

		ck_assert_int_eq(change(&r, answers), errors[i]);
		ck_assert(!r.card.end_reset);
		rig_sent(&r, BY_NAME CHANGE VERIFY CHANGE STATUS FORGET STATUS);
	}
}
END_TEST

START_TEST(one_that_cannot_be_closed_is_closed_by_a_reset)
{
	static const char *const answers[] = { "9000", "6982", "9000", "6A80", "9000", NULL };
	struct rig r;

	ck_assert_int_eq(change(&r, answers), E_DATA);
	ck_assert(r.card.end_reset);
	scripted_free(&r.s);
}
END_TEST

START_TEST(a_wrong_old_pin_opens_nothing)
{
	static const char *const answers[] = { "9000", "6982", "63C4", NULL };
	struct rig r;

	ck_assert_int_eq(change(&r, answers), E_PIN_WRONG);
	ck_assert_int_eq(r.tries, 4);
	rig_sent(&r, BY_NAME CHANGE VERIFY);
}
END_TEST

UNIT_MAIN("iso_pin", an_application_without_a_name_is_found_by_path, one_that_has_a_name_is_never_taken_by_path,
    a_card_that_failed_has_not_said_that_there_is_none, a_df_that_wants_a_right_is_no_wrong_pin,
    a_change_that_is_refused_leaves_no_pin_open, one_that_cannot_be_closed_is_closed_by_a_reset,
    a_wrong_old_pin_opens_nothing)

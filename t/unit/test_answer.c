/* The buffer convention: what a caller with a buffer of any size is told and given. */
#include "p11/p11.h"

#include "t/unit/unit.h"

START_TEST(a_length_is_told_and_a_small_buffer_refused)
{
	CK_BYTE room[8] = { 0 };
	CK_ULONG len = 3;
	bool go = true;

	ck_assert_uint_eq(out_room((struct out){ NULL, &len }, 5, &go), CKR_OK);
	ck_assert(!go && len == 5);
	len = 4;
	ck_assert_uint_eq(out_room((struct out){ room, &len }, 5, &go), CKR_BUFFER_TOO_SMALL);
	ck_assert(!go && len == 5);
	ck_assert_uint_eq(out_room((struct out){ room, &len }, 5, &go), CKR_OK);
	ck_assert(go && len == 5);
}
END_TEST

START_TEST(what_a_card_gives_never_leaves_the_buffer)
{
	static const uint8_t answer[] = { 1, 2, 3, 4, 5, 6 };
	CK_BYTE room[8] = { 0 };
	CK_ULONG len = 5;
	struct out o = { room, &len };

	ck_assert_uint_eq(out_put(o, view_of(answer, 6)), CKR_DEVICE_ERROR);
	ck_assert(room[0] == 0 && len == 5);
	ck_assert_uint_eq(out_put(o, view_of(answer, 5)), CKR_OK);
	ck_assert(room[4] == 5 && room[5] == 0 && len == 5);
	ck_assert_uint_eq(out_put(o, view_of(NULL, 0)), CKR_OK);
	ck_assert_uint_eq(len, 0);
}
END_TEST

UNIT_MAIN("answer", a_length_is_told_and_a_small_buffer_refused, what_a_card_gives_never_leaves_the_buffer)

/* Our terminal and a card that is libeac's: whether we mean the same by PACE and by secure messaging. */
#include "config.h"

#include "cardos/pace.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "t/unit/unit.h"

#ifdef HAVE_LIBEAC
#include "t/unit/eaccard.h"

#define FIRST_CURVE 12

/* Data of every length there and back, by both kinds of instruction. */
static void
echoes(struct card *card)
{
	uint8_t text[220];

	for (size_t i = 0; i < sizeof text; i++)
		text[i] = (uint8_t)(i * 5 + 1);
	for (size_t n = 0; n <= sizeof text; n += n < 40 ? 1 : 30) {
		const struct apdu a = { .ins = n % 2 ? 0xB1 : 0xB0, .p1 = 1, .p2 = 2, .data = { text, n },
			.le = n % 3 ? LE_ANY : LE_NONE };
		struct resp resp = { BUF_INIT, 0 };

		ck_assert_int_eq(card_apdu(card, &a, &resp), 0);
		ck_assert_uint_eq(resp.sw, 0x9000);
		ck_assert(view_eq(buf_peek(&resp.data), a.data));
		resp_free(&resp);
	}
}

START_TEST(libeac_understands_us)
{
	for (unsigned suite = 1; suite <= 4; suite++) {
		struct card card = { .ch = eaccard_new(FIRST_CURVE + (unsigned)_i, suite, "730418") };
		struct crypt *crypt;

		ck_assert_ptr_nonnull(card.ch);
		ck_assert_int_eq(crypt_new(&crypt), 0);
		ck_assert_int_eq(pace_run(&card, crypt, 0xF, PACE_CAN, view_str("730418"), &card.sm), 0);
		ck_assert_ptr_nonnull(card.sm);
		echoes(&card);
		sm_free(&card.sm);
		crypt_free(&crypt);
		eaccard_free(&card.ch);
	}
}
END_TEST

START_TEST(libeac_refuses_another_number)
{
	struct card card = { .ch = eaccard_new(FIRST_CURVE + (unsigned)_i, 4, "730418") };
	struct crypt *crypt;

	ck_assert_ptr_nonnull(card.ch);
	ck_assert_int_eq(crypt_new(&crypt), 0);
	ck_assert_int_eq(pace_run(&card, crypt, 0xF, PACE_CAN, view_str("730419"), &card.sm), E_CAN_WRONG);
	ck_assert_ptr_null(card.sm);
	crypt_free(&crypt);
	eaccard_free(&card.ch);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("pace_eac");
	TCase *tc = tcase_create("pace_eac");

	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, libeac_understands_us, 0, 7);
	tcase_add_loop_test(tc, libeac_refuses_another_number, 0, 7);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
#else
int
main(void)
{
	puts("1..0 # SKIP libeac was not there when this was built");
	return 0;
}
#endif

/* The twins against the drivers of other families: a driver that can tell its card refuses every other one when it
 * meets it, whatever the ATR says, and no PIN try is lost by that. SetCOS and MioCOS have nothing to be told by but
 * their ATRs (card-setcos 1, card-miocos 1); their drivers are tried on cards of their own only. */
#include "t/unit/cards.h"

enum family { MYEID, CITIZEN, ORGANISATION, OLD };

static const struct { const char *image, *profile; enum family family; } cards[] = {
	{ "myeid.yaml", "myeid", MYEID },
	{ "oseid.yaml", "myeid", MYEID },
	{ "fineid-v3.0.yaml", "fineid-3-0", CITIZEN },
	{ "fineid-v3.1.yaml", "fineid-3-1", CITIZEN },
	{ "fineid-v4.yaml", "fineid-4", CITIZEN },
	{ "fineid-org-cosmo7.yaml", "fineid-org-cosmo7", ORGANISATION },
	{ "fineid-org-idme.yaml", "fineid-org-idme", ORGANISATION },
	{ "fineid-org-cosmox.yaml", "fineid-org-cosmox", ORGANISATION },
	{ "setcos-4.3.2.yaml", "setcos-4-3", OLD },
	{ "setcos-4.4.1.yaml", "setcos-4-4", OLD },
	{ "setcos-eid21.yaml", "setcos-eid", OLD },
	{ "fineid-eid2048.yaml", "fineid-eid2048", OLD },
	{ "miocos-1.1.yaml", "miocos", OLD },
};

#define CARDS (sizeof cards / sizeof cards[0])

/* That profile alone, for a card with this ATR. */
static void
only(struct profile_set *set, const char *name, struct view atr)
{
	struct atr_match *m;

	for (size_t i = 0; i < set->n; i++) {
		if (strcmp(set->p[i]->name, name) != 0) {
			profile_free(&set->p[i]);
			set->p[i--] = set->p[--set->n];
			continue;
		}
		m = &set->p[i]->match[0];
		buf_reset(&m->bytes);
		buf_reset(&m->mask);
		buf_view(&m->bytes, atr);
		buf_fill(&m->mask, 0xFF, atr.len);
		m->what = MATCH_ATR;
	}
	ck_assert_uint_eq(set->n, 1);
}

START_TEST(a_card_refuses_the_drivers_of_others)
{
	uint8_t atr[VC_MAX_ATR];
	struct rig rig;
	int tries, r;

	for (size_t i = 0; i < CARDS; i++) {
		if (cards[i].family == OLD && i != (size_t)_i)
			continue;
		rig_open(&rig, virtual_card(cards[_i].image, NULL, NULL));
		only(&rig.set, cards[i].profile, view_of(atr, vc_atr(rig.vc, atr, sizeof atr)));
		tries = vc_tries(rig.vc, 1);
		r = card_open(rig.io, IO_MEM_READER, &rig.set, false, &rig.card);
		ck_assert_msg(r == (cards[i].family == cards[_i].family ? 0 : E_UNKNOWN), "%s on %s: %s", cards[i].profile,
		    cards[_i].image, err_name(r));
		ck_assert_int_eq(vc_tries(rig.vc, 1), tries);
		rig_close(&rig);
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("families");
	TCase *tc = tcase_create("families");

	tcase_add_loop_test(tc, a_card_refuses_the_drivers_of_others, 0, (int)CARDS);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}

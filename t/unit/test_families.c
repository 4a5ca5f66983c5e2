/* The twins against the drivers of other families: a driver that can tell its card refuses every other one when it
 * meets it, whatever the ATR says, by the status word that the card has for what it was asked. SetCOS and MioCOS have
 * nothing to be told by but their ATRs (card-setcos 1, card-miocos 1): their drivers open what has the application, and
 * a PIN of theirs finds no place there. No PIN try is lost by any of it. */
#include <stdio.h>
#include <unistd.h>

#include "base/err.h"
#include "t/unit/cards.h"

enum family { MYEID, CITIZEN, ORGANISATION, OLD, FAMILIES };

/* What a card answers to the last question of each family's driver; NULL: it is taken for one of theirs. Sources:
 * 6A88, there is no such PIN (fineid 5, "VERIFY") or data (card-myeid 8); 6A86, P2 of SELECT (card-myeid 2.1; IAS-ECC
 * has no P2 00 with P1 04, and no P1 08); 6E00, the class (card-setcos 2). */
static const struct { const char *image, *profile; enum family family; const char *refuses[FAMILIES]; } cards[] = {
	{ "myeid.yaml", "myeid", MYEID, { NULL, "6A86", "6A86", NULL } },
	{ "oseid.yaml", "myeid", MYEID, { NULL, "6A86", "6A86", NULL } },
	{ "fineid-v3.0.yaml", "fineid-3-0", CITIZEN, { "6A88", NULL, "6A88", NULL } },
	{ "fineid-v3.1.yaml", "fineid-3-1", CITIZEN, { "6A88", NULL, "6A88", NULL } },
	{ "fineid-v4.yaml", "fineid-4", CITIZEN, { "6A88", NULL, "6A88", NULL } },
	{ "fineid-org-cosmo7.yaml", "fineid-org-cosmo7", ORGANISATION, { "6A86", "6A88", NULL, "6A86" } },
	{ "fineid-org-idme.yaml", "fineid-org-idme", ORGANISATION, { "6A86", "6A88", NULL, "6A86" } },
	{ "fineid-org-cosmox.yaml", "fineid-org-cosmox", ORGANISATION, { "6A86", "6A88", NULL, "6A86" } },
	{ "setcos-4.3.2.yaml", "setcos-4-3", OLD, { "6E00", "6E00", "6E00", NULL } },
	{ "setcos-4.4.1.yaml", "setcos-4-4", OLD, { "6A88", "6A88", "6A88", NULL } },
	{ "setcos-nidel.yaml", "setcos-nidel", OLD, { "6A88", "6A88", "6A88", NULL } },
	{ "setcos-eid21.yaml", "setcos-eid", OLD, { "6A88", "6A88", "6A88", NULL } },
	{ "fineid-eid2048.yaml", "fineid-eid2048", OLD, { "6A88", "6A88", "6A88", NULL } },
	{ "fineid-oberthur.yaml", "fineid-oberthur", OLD, { "6A88", "6A88", "6A88", NULL } },
	{ "miocos-1.1.yaml", "miocos", OLD, { "6A88", "6A88", "6A88", NULL } },
};

#define CARDS (sizeof cards / sizeof cards[0])
#define PINS 3

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

/* The status word of the last answer in a twin's log. */
static void
last_word(const char *log, char word[5])
{
	char line[4096];
	FILE *f = fopen(log, "r");
	size_t n;

	ck_assert_ptr_nonnull(f);
	word[0] = '\0';
	while (fgets(line, sizeof line, f)) {
		n = strcspn(line, "\n");
		if (*line == '<' && n >= 4)
			snprintf(word, 5, "%.4s", line + n - 4);
	}
	fclose(f);
}

static void
tries_of(struct vc *vc, int tries[PINS])
{
	for (unsigned i = 0; i < PINS; i++)
		tries[i] = vc_tries(vc, i + 1);
}

/* An old card's PIN as it would be sent (card-setcos 4, card-miocos 4). */
static void
old_pin_has_no_place(struct card *card, const char *on)
{
	static const struct pin_ref pin = { .ref = 1, .coding = PIN_ASCII, .min = 4, .max = 8, .stored = 8,
		.pads = true, .unblock_ref = -1, .path.from = PATH_APP };
	int tries, r;

	ck_assert_int_eq(card_begin(card, -1), 0);
	r = card_pin_verify(card, &pin, view_str("7777"), &tries);
	ck_assert_msg(r == E_NOT_FOUND, "%s on %s: %s", card->pf->name, on, err_name(r));
	card_end(card, IO_END_LEAVE);
}

START_TEST(a_card_refuses_the_drivers_of_others)
{
	char log[] = "families-XXXXXX", word[5];
	int before[PINS], after[PINS], r;
	uint8_t atr[VC_MAX_ATR];
	const char *refusal;
	struct rig rig;

	close(mkstemp(log));
	for (size_t i = 0; i < CARDS; i++) {
		refusal = cards[_i].refuses[cards[i].family];
		rig_open(&rig, virtual_card(cards[_i].image, NULL, NULL));
		only(&rig.set, cards[i].profile, view_of(atr, vc_atr(rig.vc, atr, sizeof atr)));
		tries_of(rig.vc, before);
		ck_assert_int_eq(truncate(log, 0), 0);
		ck_assert(vc_log(rig.vc, log));
		r = card_open(rig.io, IO_MEM_READER, &rig.set, false, &rig.card);
		ck_assert(vc_log(rig.vc, NULL));
		last_word(log, word);
		/* of one family a class of commands may still not fit: MioCOS takes no 80 */
		if (cards[i].family == OLD && cards[_i].family == OLD && i != (size_t)_i)
			ck_assert_msg(r == 0 || r == E_UNKNOWN, "%s on %s: %s", cards[i].profile, cards[_i].image, err_name(r));
		else
			ck_assert_msg(r == (refusal ? E_UNKNOWN : 0), "%s on %s: %s", cards[i].profile, cards[_i].image,
			    err_name(r));
		if (refusal)
			ck_assert_msg(strcmp(word, refusal) == 0, "%s on %s: %s", cards[i].profile, cards[_i].image, word);
		/* MyEID has a PIN of that reference and form: there the ATR alone is between (below) */
		if (!r && cards[i].family == OLD && cards[_i].family == CITIZEN)
			old_pin_has_no_place(rig.card, cards[_i].image);
		tries_of(rig.vc, after);
		ck_assert_mem_eq(before, after, sizeof before);
		rig_close(&rig);
	}
	unlink(log);
}
END_TEST

START_TEST(an_atr_leads_to_its_own_family)
{
	const struct profile *pf = NULL;
	const struct atr_match *m;
	uint8_t atr[VC_MAX_ATR];
	struct rig rig;
	bool own = false;
	size_t k;

	rig_open(&rig, virtual_card(cards[_i].image, NULL, NULL));
	while ((pf = profile_match(&rig.set, view_of(atr, vc_atr(rig.vc, atr, sizeof atr)), pf, &m))) {
		for (k = 0; k < CARDS && strcmp(cards[k].profile, pf->name) != 0; k++)
			;
		ck_assert_msg(k < CARDS && cards[k].family == cards[_i].family, "%s for %s", pf->name, cards[_i].image);
		own |= strcmp(pf->name, cards[_i].profile) == 0;
	}
	ck_assert(own);
	rig_close(&rig);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("families");
	TCase *tc = tcase_create("families");

	tcase_add_loop_test(tc, a_card_refuses_the_drivers_of_others, 0, (int)CARDS);
	tcase_add_loop_test(tc, an_atr_leads_to_its_own_family, 0, (int)CARDS);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}

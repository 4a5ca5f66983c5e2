#include "bridges/castor/pick.h"

#include <string.h>

#include "base/err.h"
#include "bridges/kit/cert.h"

static bool
is_readable(const struct kit_slot *slot)
{
	return slot->present && slot->session;
}

int
pick_card(struct app *a, struct kit_slot **pin1, struct kit_slot **pin2)
{
	struct kit_slot *slot, *bad = NULL;
	int status;

	*pin1 = *pin2 = NULL;
	if ((status = app_cards(a, true)))
		return status;
	for (size_t i = 0; i < a->cards.nslot; i++) {
		slot = a->cards.slot + i;
		if (!is_readable(slot))
			bad = slot->present && !bad ? slot : bad;
		else if (!*pin1)
			*pin1 = slot;
		else if (kit_same_reader(*pin1, slot))
			*pin2 = slot;
		else
			return app_fail(a, ST_NOT_FOUND, text(a->lang, "there are several cards; say which with --reader"));
	}
	if (!*pin1 && bad)
		return app_fail_rv(a, bad->rv, buf_text(&bad->reader));
	return *pin1 ? ST_OK : app_fail(a, ST_NO_CARD, text(a->lang, "there is no card in the reader"));
}

static int
pin_option(struct app *a, unsigned *pin)
{
	const char *p = a->opt[OPT_PIN];

	*pin = 0;
	if (!p)
		return ST_OK;
	if ((*p != '1' && *p != '2') || p[1])
		return app_fail(a, ST_USAGE, text(a->lang, "--pin takes 1 or 2"));
	*pin = (unsigned)(*p - '0');
	return ST_OK;
}

int
pick_pin(struct app *a, struct kit_slot **slot)
{
	struct kit_slot *pin1, *pin2;
	unsigned pin;
	int status;

	if ((status = pin_option(a, &pin)) || (status = pick_card(a, &pin1, &pin2)))
		return status;
	if (!pin && pin2)
		return app_fail(a, ST_USAGE, text(a->lang, "the card has two PINs; say which with --pin 1 or --pin 2"));
	*slot = pin == 2 ? pin2 : pin1;
	if (!*slot || !((*slot)->token.flags & CKF_LOGIN_REQUIRED) || (pin == 1 && pin1->pin.number == 2))
		return app_fail(a, ST_NOT_FOUND, text(a->lang, "the card has no such PIN"));
	return ST_OK;
}

static bool
has_id(const struct kit_item *item, const char *wanted)
{
	struct buf b = BUF_INIT;
	bool yes;

	buf_hex(&b, buf_peek(&item->id));
	yes = *wanted && !strcasecmp(buf_text(&b), wanted);
	buf_free(&b);
	return yes;
}

/* By a part of the holder's name or of the label. */
static bool
is_called(const struct kit_item *item, const char *wanted)
{
	struct buf b = BUF_INIT;
	bool yes;

	if (item->cert)
		kit_cert_name(X509_get_subject_name(item->cert), &b);
	yes = *wanted && (kit_has_text(buf_peek(&b), wanted) || kit_has_text(buf_peek(&item->label), wanted));
	buf_free(&b);
	return yes;
}

/* Whether --id is an ID of the card: then names do not count. */
static bool
is_id(const struct app *a, const char *wanted)
{
	for (size_t i = 0; i < a->cards.nslot; i++)
		for (size_t j = 0; j < a->cards.slot[i].nitem; j++)
			if (has_id(a->cards.slot[i].item + j, wanted))
				return true;
	return false;
}

static bool
is_wanted(const struct app *a, const struct wanted *w, const struct kit_item *item, unsigned *use)
{
	const char *id = a->opt[OPT_ID];

	*use = item->cert ? kit_cert_use(item->cert) : 0;
	if (w->with_key && !item->has_key)
		return false;
	if (w->use && !(*use & w->use))
		return false;
	return !id || (is_id(a, id) ? has_id(item, id) : is_called(item, id));
}

int
pick_item(struct app *a, const struct wanted *w, struct kit_slot **slot, struct kit_item **item)
{
	struct kit_slot *both[2];
	size_t fit = 0;
	unsigned pin, use;
	bool best = false;
	int status;

	*slot = NULL;
	*item = NULL;
	if ((status = pin_option(a, &pin)) || (status = pick_card(a, &both[0], &both[1])))
		return status;
	for (size_t i = 0; i < 2; i++) {
		if (!both[i] || (pin && both[i]->pin.number != pin))
			continue;
		for (size_t j = 0; j < both[i]->nitem; j++) {
			if (!is_wanted(a, w, both[i]->item + j, &use))
				continue;
			fit++;
			if (*item && (best || !(use & w->first)))
				continue;
			best = (use & w->first) != 0;
			*slot = both[i];
			*item = both[i]->item + j;
		}
	}
	if (!fit)
		return app_fail(a, ST_NOT_FOUND, a->opt[OPT_ID] ? text(a->lang, "no certificate or key fits “%s”; see castor list") :
		    text(a->lang, "the card has no certificate or key for that; see castor list"), a->opt[OPT_ID]);
	if (a->opt[OPT_ID] && fit > 1)
		return app_fail(a, ST_NOT_FOUND, text(a->lang, "several certificates fit; say which with --id; see castor list"));
	return ST_OK;
}

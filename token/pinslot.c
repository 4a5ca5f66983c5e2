#include "token/pinslot.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/os.h"
#include "cardos/card.h"
#include "token/build.h"
#include "token/pinrule.h"

/* ---- out of the card's directories ---- */

static const struct p15_object *
auth_by_id(const struct p15_objects *auths, const struct p15_id *id)
{
	for (size_t i = 0; id->len && i < auths->n; i++)
		if (p15_id_eq(&auths->p[i]->id, id))
			return auths->p[i];
	return NULL;
}

/* Whether one of the keys says that this PIN is of the PIN2 class. */
static bool
guards_pin2_key(const struct p15_objects *keys, const struct p15_id *auth)
{
	for (size_t i = 0; i < keys->n; i++)
		if (p15_id_eq(&keys->p[i]->auth_id, auth) && build_says_pin2(keys->p[i]))
			return true;
	return false;
}

/* The same for a slot: a key that names no PIN is the first one's (build.c). */
static bool
slot_guards_pin2_key(const struct p15_objects *keys, const struct pinslot *slot, bool first)
{
	static const struct p15_id none;

	return slot->has_pin && ((slot->auth_id.len && guards_pin2_key(keys, &slot->auth_id)) ||
	    (first && guards_pin2_key(keys, &none)));
}

static bool
is_user_pin(const struct p15_object *a)
{
	return !(a->pin_flags & (PINF_SO | PINF_UNBLOCKING));
}

/* The PINs that slots are made of: the first that is of class 1, then the first of the others, so
 * that nobody's order of records makes a browser ask for PIN2. */
static void
choose_pins(const struct p15_objects *auths, const struct p15_objects *keys,
    const struct p15_object *chosen[PINS_PER_READER])
{
	const struct p15_object *a, *first = NULL, *second = NULL;
	size_t more = 0;

	for (size_t i = 0; i < auths->n && !first; i++)
		if (is_user_pin(auths->p[i]) && !guards_pin2_key(keys, &auths->p[i]->id))
			first = auths->p[i];
	for (int class2 = 1; class2 >= 0; class2--) {
		for (size_t i = 0; i < auths->n; i++) {
			a = auths->p[i];
			if (!is_user_pin(a) || a == first ||
			    guards_pin2_key(keys, &a->id) != (class2 == 1))
				continue;
			if (!second)
				second = a;
			else if (a != second)
				more++;
		}
	}
	if (!first) {
		first = second;
		second = NULL;
		for (size_t i = 0; i < auths->n && !second; i++)
			if (is_user_pin(auths->p[i]) && auths->p[i] != first)
				second = auths->p[i];
	}
	if (more)
		log_warn("the card has more PINs than slots can show");
	chosen[0] = first;
	chosen[1] = second;
}

/* What the profile knows of a PIN and the directory does not tell. */
static const struct pin_ref *
profile_pin(const struct profile *pf, unsigned i, int ref)
{
	for (unsigned k = 0; k < 2 && ref >= 0; k++)
		if (pf->has_pin[k] && pf->pin[k].ref == ref)
			return &pf->pin[k];
	return pf->has_pin[i] ? &pf->pin[i] : pf->has_pin[0] ? &pf->pin[0] : NULL;
}

/* A PIN that nobody knows how to send (DESIGN 18.5). */
static void
tell_guess(const struct pin_ref *pin, const char *label)
{
	if (pin->guess || pin->ref < 0)
		log_warn("the card does not say how the PIN \"%s\" is sent, so it is not: the slot can only be "
		    "read. A trace would help (castor trace record)", label);
}

/* Whether the profile knows what the directory leaves out of a PIN: both speak of the same, and together they
 * say all of it. */
static bool
fills(const struct pin_ref *pin, const struct pin_ref *known)
{
	if (!pin->guess || known->guess || pin->coding != known->coding || (pin->ref < 0 && known->ref < 0))
		return false;
	/* without a reference of the card's own it must be the same PIN in every other way */
	if (pin->ref < 0 && (pin->local != known->local || pin->min != known->min))
		return false;
	return (pin->ref < 0 || known->ref < 0 || pin->ref == known->ref) &&
	    (!pin->stored || pin->stored == known->stored);
}

/* What only the profile's PIN of that reference can tell: the DF of a local one that the directory does not name,
 * how many characters can be right at all, and the PUK. */
static void
complete(struct pin_ref *pin, const struct pin_ref *known)
{
	bool same = known && known->ref >= 0 && known->ref == pin->ref;

	if (pin->local && !pin->path.len) {
		if (same && known->local)
			pin->path = known->path;
		else if (!same || known->local)
			pin->guess = true; /* in which DF it counts nobody says */
	}
	if (!same)
		return;
	pin->unblock_ref = known->unblock_ref;
	if (known->max < pin->max && known->max >= pin->min && !known->guess)
		pin->max = known->max;
}

/* Of digits UTF-8 and ASCII make the same. */
static bool
coded_alike(const struct pin_ref *a, const struct pin_ref *b)
{
	enum pin_coding ca = a->coding == PIN_UTF8 ? PIN_ASCII : a->coding;
	enum pin_coding cb = b->coding == PIN_UTF8 ? PIN_ASCII : b->coding;

	return ca == cb && a->pads == b->pads && (!a->pads || a->pad == b->pad);
}

static int
take_pin(struct pinslot *slot, const struct p15_object *a, const struct p15_objects *auths,
    const struct pin_ref *known)
{
	const struct p15_object *puk;

	slot->has_pin = true;
	slot->pin = a->pin;
	slot->auth_id = a->id;
	slot->initialized = a->pin_flags & PINF_INITIALIZED;
	slot->can_change = !(a->pin_flags & PINF_CHANGE_DISABLED);
	slot->can_unblock = !(a->pin_flags & PINF_UNBLOCK_DISABLED);
	if (known && fills(&slot->pin, known)) {
		/* what the directory leaves out of how its block is made, the profile knows */
		slot->pin.ref = slot->pin.ref < 0 ? known->ref : slot->pin.ref;
		slot->pin.stored = known->stored;
		slot->pin.pads = known->pads;
		slot->pin.pad = known->pad;
		slot->pin.guess = false;
	}
	complete(&slot->pin, known);
	tell_guess(&slot->pin, a->label);
	if (slot->pin.guess || slot->pin.ref < 0)
		slot->can_change = slot->can_unblock = false;
	if (known) {
		slot->pin.tries_max = known->tries_max;
		slot->pin.forget = known->forget;
		slot->pin.puk_min = known->puk_min;
		slot->pin.puk_max = known->puk_max;
		slot->pin.puk_stored = known->puk_stored;
	}
	if ((puk = auth_by_id(auths, &a->auth_id))) {
		/* it is sent as the PIN is: one that wants it otherwise is not sent */
		if (!coded_alike(&puk->pin, &slot->pin))
			slot->can_unblock = false;
		slot->pin.puk_min = puk->pin.min;
		slot->pin.puk_max = puk->pin.max;
		slot->pin.puk_stored = puk->pin.stored;
		if (puk->pin.ref >= 0)
			slot->pin.unblock_ref = puk->pin.ref;
	}
	return (slot->label = strdup(a->label)) ? 0 : E_MEM;
}

/* pinMinLength stands in for the directory's word, for new PINs in both directions; an old PIN may
 * still be as short as either allows. */
static void
apply_rules(struct pinslot *slot, const struct settings *s)
{
	struct pinrule rule;

	pinrule_of(s, &slot->pin, &rule);
	slot->new_min = rule.min;
	if (rule.min < slot->pin.min)
		slot->pin.min = rule.min;
}

/* The directory is silent. */
static int
fill_from_profile(struct pinslot *slot, const struct profile *pf)
{
	for (unsigned i = 0; i < PINS_PER_READER; i++) {
		bool guess = pf->pin[i].guess || pf->pin[i].ref < 0;

		/* of a second PIN that is only a guess nobody knows whether it is there */
		if (!pf->has_pin[i] || (i && guess))
			continue;
		slot[i].has_pin = true;
		slot[i].pin = pf->pin[i];
		slot[i].pin.guess = guess;
		slot[i].auth_id = (struct p15_id){ .len = 1, .b = { (uint8_t)(i + 1) } };
		slot[i].initialized = true;
		slot[i].can_change = slot[i].can_unblock = !guess;
		if (!(slot[i].label = strdup("PIN")))
			return E_MEM;
		tell_guess(&slot[i].pin, slot[i].label);
	}
	return 0;
}

int
pinslots_fill(struct pinslot *slot, const struct p15_objects *auths, const struct p15_objects *keys,
    enum p15_seen keys_seen, const struct profile *pf, const struct settings *s)
{
	const struct p15_object *chosen[PINS_PER_READER] = { NULL };
	int err = 0;

	choose_pins(auths, keys, chosen);
	for (unsigned i = 0; i < PINS_PER_READER && !err; i++)
		if (chosen[i])
			err = take_pin(&slot[i], chosen[i], auths,
			    profile_pin(pf, i, chosen[i]->pin.ref));
	if (!err && !chosen[0])
		err = fill_from_profile(slot, pf);
	for (unsigned i = 0; i < PINS_PER_READER && !err; i++) {
		/* a PIN whose keys were not seen may be one of those; a second one mostly is */
		slot[i].is_pin2 = slot_guards_pin2_key(keys, &slot[i], i == 0) ||
		    (slot[i].auth_id.len && (keys_seen == SEEN_NOTHING || (i && keys_seen)));
		apply_rules(&slot[i], s);
	}
	return err;
}

/* ---- while the card is there ---- */

void
pinslot_wipe_locked(struct pinslot *slot)
{
	secret_free(&slot->puk);
	once_wipe(&slot->once);
	pincache_wipe(&slot->cache);
}

bool
pinslot_each_time(const struct pinslot *slot, const struct settings *s)
{
	return settings_bool(s, SET_dropAuthentication) ||
	    (slot->is_pin2 && settings_bool(s, SET_pin2EveryTime));
}

void
pinslot_closed_locked(struct pinslot *slot, const struct settings *s)
{
	slot->opened = false;
	if (slot->login == LOGIN_USER && !pinslot_each_time(slot, s) && !slot->cache.pin) {
		slot->login = LOGIN_PUBLIC;
		slot->lost = true;
	}
}

void
pinslot_answered_locked(struct pinslot *slot, int err, int tries)
{
	if (err == E_PIN_BLOCKED)
		slot->tries = 0;
	else if (err == E_PIN_WRONG)
		slot->tries = tries;
	else if (!err)
		slot->tries = slot->pin.tries_max > 0 ? slot->pin.tries_max : -1;
}

void
pinslot_state_locked(struct pinslot *slot, const struct pin_state *state)
{
	slot->tries = state->tries;
	slot->puk_tries = state->puk_tries;
	slot->fresh = state->fresh == 1;
	/* the most we have seen, where nothing says how many there are after a success */
	if (state->tries_max > 0)
		slot->pin.tries_max = state->tries_max;
	if (state->tries > slot->pin.tries_max)
		slot->pin.tries_max = state->tries;
}

enum pin_activation
pinslot_activation(const struct pinslot *slot)
{
	if (!slot->has_pin || !slot->how)
		return ACTIVATION_NONE;
	if (slot->tries)
		return slot->fresh && slot->can_change && activation_has(slot->how, ACTIVATION_CHANGE) ?
		    ACTIVATION_CHANGE : ACTIVATION_NONE;
	/* a wrong code has cost the PUK a try: then the card's own word that nobody has used the PIN yet counts */
	return slot->can_unblock && activation_has(slot->how, ACTIVATION_UNBLOCK) && slot->puk_tries > 0 &&
	    slot->puk_max > 0 && (slot->puk_tries >= slot->puk_max || slot->begun || slot->fresh) ? ACTIVATION_UNBLOCK :
	    ACTIVATION_NONE;
}

bool
pin_age_is_due(const struct pin_age *age)
{
	/* a clock that went back makes nothing older */
	return age->known && !age->pending && os_today() >= age->due;
}

void
once_put(struct once *o, struct secret **pin, int64_t until, uint64_t epoch)
{
	secret_free(&o->pin);
	*o = (struct once){ *pin, until, epoch };
	*pin = NULL;
}

bool
once_is_good(const struct once *o, uint64_t epoch)
{
	return o->pin && os_clock_ms() <= o->until && o->epoch == epoch;
}

void
once_wipe(struct once *o)
{
	secret_free(&o->pin);
}

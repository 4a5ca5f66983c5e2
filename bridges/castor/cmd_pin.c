/* castor pin status, change, unblock and activate. */
#include <string.h>

#include "bridges/castor/ask.h"
#include "bridges/castor/command.h"
#include "bridges/castor/pick.h"
#include "bridges/castor/progress.h"
#include "bridges/castor/show.h"

static int
json_pins(struct app *a, struct kit_slot *const slots[2])
{
	json_object(&a->json, NULL);
	json_array(&a->json, "pins");
	for (size_t i = 0; i < 2; i++)
		if (slots[i])
			show_pin_json(a, NULL, slots[i]);
	json_array_end(&a->json);
	json_object_end(&a->json);
	return ST_OK;
}

int
cmd_pin_status(struct app *a)
{
	struct kit_slot *slots[2];
	int status = pick_card(a, &slots[0], &slots[1]);

	if (status)
		return status;
	if (a->opt[OPT_JSON])
		return json_pins(a, slots);
	for (size_t i = 0; i < 2; i++) {
		if (!slots[i])
			continue;
		show_pin_name(a, slots[i]);
		put(a, "  ");
		show_pin_state(a, slots[i]);
		if (slots[i]->pin.puk_tries != KIT_UNKNOWN) {
			put(a, " · ");
			put(a, text_n(a->lang, "PUK: %lu try left", "PUK: %lu tries left", slots[i]->pin.puk_tries),
			    slots[i]->pin.puk_tries);
		}
		put(a, "\n");
	}
	return ST_OK;
}

/* ---- what all of them share ---- */

/* A new PIN that the module would not even send: ask for another one. */
static bool
is_unfit(CK_RV rv)
{
	return rv == CKR_PIN_LEN_RANGE || rv == CKR_PIN_INVALID;
}

static int
done(struct app *a, const struct kit_slot *slot, const char *what)
{
	if (a->opt[OPT_JSON]) {
		json_object(&a->json, NULL);
		show_pin_json(a, "pin", slot);
		json_object_end(&a->json);
	} else {
		put(a, "%s%s%s\n", paint(a, PAINT_GOOD), what, paint(a, PAINT_OFF));
	}
	return ST_OK;
}

/* Opens the slot for a change. */
static int
pick_to_change(struct app *a, struct kit_slot **slot)
{
	CK_RV rv;
	int status = pick_pin(a, slot);

	if (status)
		return status;
	if ((rv = kit_slot_write(a->module.f, *slot)))
		return app_fail_rv(a, rv, NULL);
	return ST_OK;
}

static bool
has_keypad(const struct kit_slot *slot)
{
	return (slot->token.flags & CKF_PROTECTED_AUTHENTICATION_PATH) != 0;
}

static CK_RV
set_pin(struct app *a, struct kit_slot *slot, struct secret *old, struct secret *new)
{
	CK_RV rv;

	progress_start(a, text(a->lang, "Changing the PIN"));
	rv = a->module.f->C_SetPIN(slot->session, old->p, old->len, new->p, new->len);
	progress_stop();
	return rv;
}

/* Gives the PIN another value with the PUK. */
static CK_RV
unblock_with(struct app *a, struct kit_slot *slot, struct secret *puk, struct secret *new)
{
	CK_FUNCTION_LIST *f = a->module.f;
	CK_RV rv;

	progress_start(a, text(a->lang, "Changing the PIN"));
	if (!(rv = f->C_Login(slot->session, CKU_SO, puk->p, puk->len)) || rv == CKR_USER_ALREADY_LOGGED_IN)
		rv = f->C_InitPIN(slot->session, new->p, new->len);
	if (rv && !is_unfit(rv))
		f->C_Logout(slot->session); /* another PUK wants another login */
	progress_stop();
	return rv;
}

/* Two ways to a new PIN: with the old one, or with the PUK. Texts are English and marked for translation; NULL:
 * the one that C_* answers have. */
static const struct way {
	enum asked asked;
	bool puk;
	CK_RV (*tell)(struct app *, struct kit_slot *, struct secret *, struct secret *);
	const char *again, *wrong, *locked, *done;
} ways[] = {
	{ ASKED_PIN, false, set_pin, N_("Wrong PIN."), NULL, NULL, N_("The PIN was changed.") },
	{ ASKED_PUK, true, unblock_with, N_("Wrong PUK."), N_("wrong PUK"),
	    N_("the PUK is blocked; only the card's issuer can help"), N_("The PIN has its new value and can be used.") },
};
enum { CHANGE, UNBLOCK };

static int
refused(struct app *a, const struct way *w, CK_RV rv)
{
	const char *why = rv == CKR_PIN_INCORRECT ? w->wrong : rv == CKR_PIN_LOCKED ? w->locked : NULL;

	return why ? app_fail(a, app_status(rv), "%s", text(a->lang, why)) : app_fail_rv(a, rv, NULL);
}

/* Asks for the old PIN or the PUK, and a new PIN, until the card has taken them or the person gives up. */
static int
give(struct app *a, struct kit_slot *slot, const struct way *w)
{
	struct secret *old = NULL, *new = NULL;
	const char *error = NULL, *new_error = NULL;
	int status;
	CK_RV rv;

	for (;;) {
		if (!old && (status = ask_pin(a, slot, w->asked, error, &old)))
			break;
		if ((status = ask_new_pin(a, slot, new_error, &new)))
			break;
		rv = w->tell(a, slot, old, new);
		secret_free(&new);
		kit_slot_look(a->module.f, slot);
		if (!rv)
			break;
		error = new_error = NULL;
		if (is_unfit(rv) && ask_can_repeat(a)) {
			new_error = text(a->lang, kit_rv_text(rv));
		} else if (rv == CKR_PIN_INCORRECT && ask_may_repeat(a, w->puk ? slot->pin.puk_tries : slot->pin.tries)) {
			error = text(a->lang, w->again);
			secret_free(&old);
		} else {
			status = refused(a, w, rv);
			break;
		}
	}
	secret_free(&old);
	if (w->puk)
		a->module.f->C_Logout(slot->session);
	return status ? status : done(a, slot, text(a->lang, w->done));
}

static int
fail_blocked(struct app *a)
{
	return app_fail(a, ST_PIN_BLOCKED, text(a->lang, "the PIN is blocked; castor pin unblock gives it a new one with the PUK"));
}

int
cmd_pin_change(struct app *a)
{
	struct kit_slot *slot;
	CK_RV rv;
	int status;

	if ((status = pick_to_change(a, &slot)))
		return status;
	if (slot->token.flags & CKF_USER_PIN_LOCKED)
		return fail_blocked(a);
	if (!has_keypad(slot) || a->pin_fd >= 0)
		return give(a, slot, &ways[CHANGE]);
	ask_keypad(a, slot);
	note(a, "%s", text(a->lang, "Type the PIN, then the new one twice, on the keypad of the reader."));
	if ((rv = a->module.f->C_SetPIN(slot->session, NULL, 0, NULL, 0)))
		return app_fail_rv(a, rv, NULL);
	kit_slot_look(a->module.f, slot);
	return done(a, slot, text(a->lang, ways[CHANGE].done));
}

int
cmd_pin_unblock(struct app *a)
{
	struct kit_slot *slot;
	int status;

	if (settings_bool(a->settings, SET_disablePinUnblocking))
		return app_fail(a, ST_FAILED, text(a->lang, "unblocking is switched off by disablePinUnblocking (%s)"),
		    settings_origin(a->settings, SET_disablePinUnblocking));
	if ((status = pick_to_change(a, &slot)))
		return status;
	if (slot->pin.puk_tries == 0)
		return app_fail(a, ST_PIN_BLOCKED, text(a->lang, "the PUK is blocked; only the card's issuer can help"));
	if (slot->pin.puk_tries == 1 && (status = ask_yes(a, text(a->lang,
	    "The PUK has one try left: if it is wrong, the card can never be unblocked again."))))
		return status;
	return give(a, slot, &ways[UNBLOCK]);
}

/* ---- activate ---- */

/* Gives the PIN of one slot its value with the code. */
static CK_RV
activate_one(struct app *a, struct kit_slot *slot, struct secret *code, struct secret *new)
{
	CK_RV rv = kit_slot_write(a->module.f, slot);

	if (rv)
		return rv;
	if (slot->pin.activation == KIT_ACTIVATE_BY_CHANGING)
		return set_pin(a, slot, code, new);
	rv = unblock_with(a, slot, code, new);
	a->module.f->C_Logout(slot->session);
	return rv;
}

/* A new PIN of a length that the card takes: PIN2's must not turn out to be none after PIN1 was given. */
static int
ask_fit_pin(struct app *a, const struct kit_slot *slot, struct secret **pin)
{
	const char *error = NULL;
	int status;

	while (!(status = ask_new_pin(a, slot, error, pin))) {
		if ((*pin)->len >= slot->token.ulMinPinLen && (*pin)->len <= slot->token.ulMaxPinLen)
			return ST_OK;
		secret_free(pin);
		if (!ask_can_repeat(a))
			return app_fail_rv(a, CKR_PIN_LEN_RANGE, NULL);
		error = text(a->lang, kit_rv_text(CKR_PIN_LEN_RANGE));
	}
	return status;
}

static int
activation_failed(struct app *a, CK_RV rv, bool half)
{
	const char *what = half ? text(a->lang, "PIN1 is activated, PIN2 is not yet; run castor pin activate again") : NULL;

	if (rv == CKR_PIN_INCORRECT)
		return app_fail(a, ST_PIN_WRONG, "%s%s%s", what ? what : "", what ? ": " : "",
		    text(a->lang, "the activation code is wrong"));
	return app_fail_rv(a, rv, what);
}

static bool
is_new(const struct kit_slot *slot)
{
	return slot && slot->pin.activation != KIT_ACTIVE;
}

/* Leaves the slots that are to be activated; the first of them, or NULL. */
static struct kit_slot *
to_activate(struct kit_slot *slots[2])
{
	struct kit_slot *new = is_new(slots[0]) ? slots[0] : is_new(slots[1]) ? slots[1] : NULL;

	for (size_t i = 0; i < 2; i++) {
		/* one whose code was wrong before looks like any blocked PIN, and wants the same code */
		bool blocked = slots[i] && new && new->pin.activation == KIT_ACTIVATE_BY_UNBLOCKING &&
		    (slots[i]->token.flags & CKF_USER_PIN_LOCKED) && slots[i]->pin.puk_tries != 0;

		if (!is_new(slots[i]) && !blocked)
			slots[i] = NULL;
	}
	return slots[0] ? slots[0] : slots[1];
}

int
cmd_pin_activate(struct app *a)
{
	struct kit_slot *slots[2], *first = NULL;
	struct secret *code = NULL, *new[2] = { NULL, NULL };
	const char *unfit = NULL;
	int status = pick_card(a, &slots[0], &slots[1]);
	bool half = false, blocked = false;
	CK_RV rv = CKR_OK;

	/* a new one whose code was wrong before may look like any other that is blocked */
	for (size_t i = 0; !status && i < 2; i++)
		blocked |= slots[i] && slots[i]->token.flags & CKF_USER_PIN_LOCKED;
	if (!status)
		first = to_activate(slots);
	if (!status && !first)
		return blocked ? fail_blocked(a) :
		    app_fail(a, ST_NOT_FOUND, text(a->lang, "the card is activated already, or needs no activation"));
	if (!status && (first->pin.activation == KIT_ACTIVATE_BY_CHANGING ? first->pin.tries : first->pin.puk_tries) == 1)
		status = ask_yes(a, text(a->lang, "The activation code has one try left: if it is wrong, it is blocked."));
	if (!status)
		status = ask_pin(a, first, ASKED_CODE, NULL, &code);
	/* everything is asked before the first change */
	for (size_t i = 0; !status && i < 2; i++)
		if (slots[i])
			status = ask_fit_pin(a, slots[i], &new[i]);
	for (size_t i = 0; !status && !rv && i < 2; i++) {
		if (!slots[i])
			continue;
		while (is_unfit(rv = activate_one(a, slots[i], code, new[i])) && ask_can_repeat(a)) {
			unfit = text(a->lang, kit_rv_text(rv));
			secret_free(&new[i]);
			if ((status = ask_new_pin(a, slots[i], unfit, &new[i])))
				break;
		}
		if (!status && rv)
			status = activation_failed(a, rv, half);
		half = !status;
	}
	secret_free(&code);
	secret_free(&new[0]);
	secret_free(&new[1]);
	if (status)
		return status;
	for (size_t i = 0; i < 2; i++)
		if (slots[i])
			kit_slot_look(a->module.f, slots[i]);
	if (a->opt[OPT_JSON])
		return json_pins(a, slots);
	return done(a, first, text(a->lang, "The card is activated: its PINs are the ones you chose."));
}

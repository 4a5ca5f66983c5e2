#include "bridges/castor/login.h"

#include <string.h>

#include "bridges/castor/ask.h"
#include "bridges/castor/progress.h"

/* For keys that want the PIN at each use. */
static CK_RV
ready(struct kit_key *k)
{
	struct login *l = k->arg;

	if (!l->pin) {
		progress_stop();
		ask_keypad(l->a, l->slot);
	}
	return k->f->C_Login(k->session, CKU_CONTEXT_SPECIFIC, l->pin ? l->pin->p : NULL, l->pin ? l->pin->len : 0);
}

static int
enter_pin(struct app *a, struct login *l)
{
	CK_FUNCTION_LIST *f = a->module.f;
	const char *error = NULL;
	int status;
	CK_RV rv;

	for (;;) {
		if ((status = ask_pin(a, l->slot, ASKED_PIN, error, &l->pin)))
			return status;
		if (!(rv = f->C_Login(l->slot->session, CKU_USER, l->pin->p, l->pin->len)))
			return ST_OK;
		secret_free(&l->pin);
		kit_slot_look(f, l->slot);
		if (rv != CKR_PIN_INCORRECT || !ask_may_repeat(a, l->slot->pin.tries))
			return app_fail_rv(a, rv, NULL);
		error = text(a->lang, "Wrong PIN.");
	}
}

static int
enter(struct app *a, struct login *l)
{
	CK_RV rv;

	if (l->slot->pin.activation != KIT_ACTIVE)
		return app_fail(a, ST_PIN_BLOCKED, text(a->lang, "the card is new and not activated yet: castor pin activate"));
	if (l->slot->token.flags & CKF_USER_PIN_LOCKED)
		return app_fail(a, ST_PIN_BLOCKED, text(a->lang, "the PIN is blocked; castor pin unblock gives it a new one with the PUK"));
	if (!(l->slot->token.flags & CKF_PROTECTED_AUTHENTICATION_PATH) || a->pin_fd >= 0)
		return enter_pin(a, l);
	ask_keypad(a, l->slot);
	rv = a->module.f->C_Login(l->slot->session, CKU_USER, NULL, 0);
	return rv ? app_fail_rv(a, rv, NULL) : ST_OK;
}

int
login_begin(struct app *a, struct kit_slot *slot, const struct kit_item *item, struct login *l)
{
	CK_FUNCTION_LIST *f = a->module.f;
	int status;

	memset(l, 0, sizeof *l);
	l->a = a;
	l->slot = slot;
	if ((status = enter(a, l)))
		return status;
	l->key = (struct kit_key){ .f = f, .session = slot->session, .ready = ready, .arg = l };
	if (!(l->key.key = kit_key_find(f, slot->session, item)))
		return app_fail(a, ST_NOT_FOUND, text(a->lang, "the card does not have the key of that certificate"));
	if (kit_lib_open(&l->lib) || !(l->pkey = kit_pkey_new(l->lib.ctx, &l->key, X509_get0_pubkey(item->cert))))
		return l->key.rv ? app_fail_rv(a, l->key.rv, NULL) :
		    app_fail(a, ST_FAILED, text(a->lang, "the key is of a kind that cannot be used here"));
	return ST_OK;
}

void
login_end(struct login *l)
{
	EVP_PKEY_free(l->pkey);
	kit_lib_close(&l->lib);
	secret_free(&l->pin);
	if (l->slot)
		l->a->module.f->C_Logout(l->slot->session);
	memset(l, 0, sizeof *l);
}

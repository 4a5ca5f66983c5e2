#include "token/activate.h"

#include "base/err.h"
#include "base/log.h"
#include "token/dialog.h"
#include "token/dialog_text.h"
#include "token/pinrule.h"

#define ASK_MAX 10 /* dialogs in a row about one thing; each costs a person's time, or a try of the code */

/* A PIN that is to be activated. */
struct todo {
	bool is;                /* it is one of those that this code is for */
	struct pin_ref ref;
	struct pinrule rule;
	struct secret *new;     /* what it shall be */
	bool done, failed, uncertain; /* the card did, did not, or nobody knows */
	bool other;             /* somebody else was faster */
};

struct work {
	struct session *s;
	enum pin_activation how;
	const struct activation *shape;
	struct turn *turn;      /* held; the caller's */
	struct todo pin[PINS_PER_READER];
	struct secret *code;    /* typed */
	struct secret *refused[ASK_MAX]; /* what the card did not take */
	unsigned at;            /* which PIN the card was told last */
	int tries;              /* of the code, after a wrong one; -1 not said */
};

/* ---- what is needed ---- */

enum pin_activation
activate_needed(struct session *s)
{
	enum pin_activation how = ACTIVATION_NONE;
	struct pinslot *slot;

	pthread_mutex_lock(&s->r->lock);
		if ((slot = reader_slot_locked(s->r, s->gen, s->pin)))
			how = pinslot_activation(slot);
	pthread_mutex_unlock(&s->r->lock);
	return how;
}

static bool
is_fatal(int err)
{
	return err == E_GONE || err == E_RESET || err == E_IO || err == E_MEM;
}

/* What the card says of a PIN now. Fatal errors only: a card that does not answer is as it was. */
static int
look(struct session *s, struct card *card, unsigned pin, enum pin_activation *how)
{
	struct pin_state state;
	struct pinslot *slot, copy;
	int err;

	*how = ACTIVATION_NONE;
	pthread_mutex_lock(&s->r->lock);
		if ((slot = reader_slot_locked(s->r, s->gen, pin)))
			copy = *slot;
	pthread_mutex_unlock(&s->r->lock);
	if (!slot)
		return E_GONE;
	err = card_pin_info(card, &copy.pin, -1, &state);
	if (is_fatal(err))
		return err;
	pthread_mutex_lock(&s->r->lock);
		if ((slot = reader_slot_locked(s->r, s->gen, pin))) {
			if (!err)
				pinslot_state_locked(slot, &state);
			*how = pinslot_activation(slot);
		}
	pthread_mutex_unlock(&s->r->lock);
	return 0;
}

static int
verb_look(struct card *card, void *arg)
{
	struct session *s = arg;
	enum pin_activation how;

	return look(s, card, s->pin, &how);
}

static bool
can_ask(const struct session *s)
{
	return s->world->auto_login && world_has_dialogs(s->world);
}

int
activate_gate(struct session *s)
{
	int err;

	if (activate_needed(s) != ACTIVATION_CHANGE)
		return 0;
	if ((err = reader_run(s->r, s->gen, verb_look, s)))
		return err;
	reader_tell_pins(s->r, s->gen);
	return activate_needed(s) == ACTIVATION_CHANGE && !can_ask(s) ? E_PIN_EXPIRED : 0;
}

int
activate_check(struct session *s, struct card *card, enum pin_activation how, struct view code)
{
	enum pin_activation now = activate_needed(s);
	int err;

	if (now != how || now == ACTIVATION_NONE)
		return 0;
	if ((err = look(s, card, s->pin, &now)))
		return err;
	return now == how && !activation_code_fits(&card->pf->activation, how, code) ? E_PIN_UNFIT : 0;
}

/* ---- the card ---- */

/* Which PINs need the same as the slot's own, by what the card says now. */
static int
verb_survey(struct card *card, void *arg)
{
	struct work *k = arg;
	enum pin_activation how[PINS_PER_READER] = { ACTIVATION_NONE };
	int err = 0;

	for (unsigned i = 0; i < k->s->world->slots && !err; i++)
		err = look(k->s, card, i, &how[i]);
	k->how = how[k->s->pin];
	k->shape = &card->pf->activation;
	for (unsigned i = 0; i < k->s->world->slots; i++)
		k->pin[i].is = k->how != ACTIVATION_NONE && how[i] == k->how;
	return err;
}

/* One PIN. The card is left closed. */
static int
tell(struct work *k, struct card *card, struct todo *pin)
{
	struct session *s = k->s;
	int err;

	err = k->how == ACTIVATION_UNBLOCK ?
	    card_pin_unblock(card, &pin->ref, secret_view(k->code), secret_view(pin->new), &k->tries) :
	    card_pin_change(card, &pin->ref, secret_view(k->code), secret_view(pin->new), &k->tries);
	pin->done = !err;
	pin->failed = err == E_PIN_WRONG || err == E_PIN_BLOCKED;
	pin->uncertain = err_is_uncertain(err);
	/* what others keep of it is over, before they can send it */
	if (pin->done || pin->uncertain) {
		shared_bump(&s->world->shared);
		reader_close_pin(s->r, card, &pin->ref);
	}
	return err;
}

/* PIN1, then PIN2, in one transaction. Each is looked at first: nobody's new PIN shall be overwritten, and
 * no code be sent that was not asked for. */
static int
verb_activate(struct card *card, void *arg)
{
	struct work *k = arg;
	enum pin_activation how;
	int err = 0;

	k->tries = -1;
	for (unsigned i = 0; i < PINS_PER_READER && !err; i++) {
		if (!k->pin[i].is || k->pin[i].done || k->pin[i].other)
			continue;
		k->at = i;
		if ((err = look(k->s, card, i, &how)))
			break;
		if (how == k->how)
			err = tell(k, card, &k->pin[i]);
		else
			k->pin[i].other = true;
	}
	return err;
}

/* ---- what came of it ---- */

static void
note_done_locked(struct work *k, struct pinslot *slot, bool own)
{
	pinslot_answered_locked(slot, 0, -1);
	slot->fresh = false;
	slot->opened = false;
	/* it is a new one from today on, which is for its next verification to write down */
	slot->age.pending = true;
	if (k->how == ACTIVATION_UNBLOCK && slot->puk_max > 0)
		slot->puk_tries = slot->puk_max;
	/* a program's login with the code is over; the slot's own PIN is entered next */
	if (!own && slot->login == LOGIN_USER && !pinslot_each_time(slot, k->s->world->settings))
		slot->login = LOGIN_PUBLIC;
}

static void
note_failed_locked(const struct work *k, struct pinslot *slot, int err)
{
	if (k->how == ACTIVATION_CHANGE)
		pinslot_answered_locked(slot, err, k->tries);
	else
		slot->puk_tries = err == E_PIN_BLOCKED ? 0 : k->tries >= 0 ? k->tries : slot->puk_tries;
	slot->begun = true;
}

static void
note(struct work *k, int err)
{
	struct session *s = k->s;
	struct pinslot *slot;

	pthread_mutex_lock(&s->r->lock);
		for (unsigned i = 0; i < PINS_PER_READER; i++) {
			if (!k->pin[i].is || !(slot = reader_slot_locked(s->r, s->gen, i)))
				continue;
			if (k->pin[i].done)
				note_done_locked(k, slot, i == s->pin);
			else if (k->pin[i].failed)
				note_failed_locked(k, slot, err);
			if (k->pin[i].done || k->pin[i].failed || k->pin[i].uncertain) {
				pincache_wipe(&slot->cache);
				once_wipe(&slot->once);
				once_wipe(&s->once);
			}
		}
	pthread_mutex_unlock(&s->r->lock);
	for (unsigned i = 0; i < PINS_PER_READER; i++) {
		if (k->pin[i].done && k->pin[i].is)
			log_info("%s: PIN%u was activated", s->r->name, i + 1);
		k->pin[i].is &= !k->pin[i].done && !k->pin[i].other;
		k->pin[i].failed = k->pin[i].uncertain = false;
	}
	if (err)
		log_warn("%s: PIN%u was not activated: %s", s->r->name, k->at + 1, err_text(err));
	reader_tell_pins(s->r, s->gen);
}

/* ---- the person ---- */

/* The tries of the code: the fewest of the PINs it is for. */
static void
code_tries(struct work *k, int *tries, int *most)
{
	const struct pinslot *slot;
	int n;

	*tries = *most = -1;
	pthread_mutex_lock(&k->s->r->lock);
		for (unsigned i = 0; i < PINS_PER_READER; i++) {
			if (!k->pin[i].is || !(slot = reader_slot_locked(k->s->r, k->s->gen, i)))
				continue;
			n = k->how == ACTIVATION_UNBLOCK ? slot->puk_tries : slot->tries;
			if (n >= 0 && (*tries < 0 || n < *tries)) {
				*tries = n;
				*most = k->how == ACTIVATION_UNBLOCK ? slot->puk_max : slot->pin.tries_max;
			}
		}
	pthread_mutex_unlock(&k->s->r->lock);
}

static bool
was_refused(const struct work *k)
{
	for (size_t i = 0; i < ASK_MAX; i++)
		if (k->refused[i] && secret_eq(k->code, k->refused[i]))
			return true;
	return false;
}

static int
ask_code(struct work *k, const char *error)
{
	static const enum dialog_text one[ACTIVATIONS][PINS_PER_READER] = {
		[ACTIVATION_UNBLOCK] = { DIALOG_BLOCKED1, DIALOG_BLOCKED2 },
		[ACTIVATION_CHANGE] = { DIALOG_ACTIVATE1, DIALOG_ACTIVATE2 },
	};
	bool both = k->pin[0].is && k->pin[1].is;
	struct question q = { .about = ASK_CODE, .pin = k->pin[0].is ? 0 : 1, .error = error };
	int err = 0;

	q.first = both ? DIALOG_ACTIVATE : one[k->how][q.pin];
	q.last = k->how == ACTIVATION_UNBLOCK ? DIALOG_LAST_PUK : DIALOG_LAST_CODE;
	code_tries(k, &q.tries, &q.tries_max);
	for (int n = 0; n < ASK_MAX; n++) {
		secret_free(&k->code);
		err = dialog_put(k->turn, &q, &k->code);
		if (err && err != E_PIN_LEN)
			break;
		if (err || !activation_code_fits(k->shape, k->how, secret_view(k->code)))
			q.error = dialog_texts[DIALOG_CODE_FORM];
		else if (was_refused(k))
			q.error = dialog_texts[DIALOG_CODE_WRONG]; /* the card need not say it twice */
		else
			return 0;
		err = E_PIN_UNFIT;
	}
	secret_free(&k->code);
	return err;
}

static int
ask_new(struct work *k, unsigned pin)
{
	struct question q = { .about = ASK_NEW, .pin = pin, .first = pin ? DIALOG_NEW2 : DIALOG_NEW1,
		.tries = -1, .tries_max = -1 };
	struct todo *todo = &k->pin[pin];
	enum pin_fault fault;
	int err = 0;

	for (int n = 0; n < ASK_MAX; n++) {
		secret_free(&todo->new);
		err = dialog_put(k->turn, &q, &todo->new);
		if (err && err != E_PIN_LEN)
			break;
		fault = err ? PIN_LONG : pinrule_check(&todo->rule, secret_view(todo->new));
		if (fault)
			q.error = pinrule_text(fault);
		else if (secret_eq(todo->new, k->code))
			q.error = dialog_texts[DIALOG_NOT_CODE];
		else
			return 0;
		err = E_PIN_LEN;
	}
	secret_free(&todo->new);
	return err;
}

/* All that has to be known before the card is told anything. */
static int
ask_all(struct work *k)
{
	int err = ask_code(k, NULL);

	for (unsigned i = 0; i < PINS_PER_READER && !err; i++)
		if (k->pin[i].is)
			err = ask_new(k, i);
	return err;
}

static void
fill(struct work *k)
{
	struct pinslot *slot;

	pthread_mutex_lock(&k->s->r->lock);
		for (unsigned i = 0; i < PINS_PER_READER; i++)
			if (k->pin[i].is && (slot = reader_slot_locked(k->s->r, k->s->gen, i)))
				k->pin[i].ref = slot->pin;
	pthread_mutex_unlock(&k->s->r->lock);
	for (unsigned i = 0; i < PINS_PER_READER; i++)
		if (k->pin[i].is)
			pinrule_of(k->s->world->settings, &k->pin[i].ref, &k->pin[i].rule);
}

/* The card is told; of a wrong code the person, who may give another one: but never when one try is left,
 * or when nobody knows how many are. */
static int
carry_out(struct work *k)
{
	const char *error;
	int err = 0, asked = 0;

	for (int n = 0; n < ASK_MAX && !asked; n++) {
		err = reader_run(k->s->r, k->s->gen, verb_activate, k);
		note(k, err);
		if (err == E_PIN_WRONG) {
			k->refused[n] = k->code;
			k->code = NULL;
		}
		if (err != E_PIN_WRONG || k->tries <= 1)
			break;
		error = dialog_texts[k->at && k->pin[0].done ? DIALOG_CODE_PARTLY : DIALOG_CODE_WRONG];
		asked = ask_code(k, error);
	}
	/* a new PIN that the card does not take is no fault of what was wanted of it */
	return asked ? asked : err == E_DATA ? E_DENIED : err;
}

/* What ends the matter for now. A cancel and a card that is gone need no word. E_GONE or E_CLOSED when the
 * session was closed meanwhile, or `err`. */
static int
say_end(struct work *k, int err)
{
	struct question q = { .about = ASK_NOTHING, .pin = k->at, .tries = -1, .tries_max = -1 };
	enum dialog_text code = err == E_PIN_BLOCKED ? DIALOG_CODE_GONE :
	    k->tries == 1 ? DIALOG_CODE_LAST_LEFT : DIALOG_CODE_WRONG;
	bool partly = k->at && k->pin[0].done, refused = err == E_PIN_WRONG || err == E_PIN_BLOCKED;
	struct secret *none = NULL;
	int gone;

	if (err == E_GONE || err == E_CLOSED || err == E_CANCEL || err == E_UNSUPPORTED || (!partly && !refused))
		return err;
	q.first = partly ? DIALOG_PARTLY : code;
	q.error = partly && refused ? dialog_texts[code] : NULL;
	dialog_put(k->turn, &q, &none);
	secret_free(&none);
	return (gone = turn_session_gone(k->s)) ? gone : err;
}

int
activate_ask(struct session *s, bool shares, struct turn *t, struct secret **pin)
{
	struct work k = { .s = s, .turn = t, .tries = -1 };
	int err;

	*pin = NULL;
	if ((err = turn_take(s, shares, t)))
		return err;
	if (!(err = reader_run(s->r, s->gen, verb_survey, &k)))
		reader_tell_pins(s->r, s->gen);
	if (!err && !k.pin[s->pin].is)
		err = E_EXISTS;
	if (!err) {
		fill(&k);
		err = ask_all(&k);
	}
	if (!err && (err = carry_out(&k)))
		err = say_end(&k, err);
	/* what was wanted needs this PIN alone; of the others the log tells, and their next use */
	if (k.pin[s->pin].done && err != E_GONE && err != E_CLOSED) {
		*pin = k.pin[s->pin].new;
		k.pin[s->pin].new = NULL;
		err = 0;
	} else if (!err) {
		err = E_EXISTS;
	}
	for (unsigned i = 0; i < PINS_PER_READER; i++)
		secret_free(&k.pin[i].new);
	secret_free(&k.code);
	for (size_t i = 0; i < ASK_MAX; i++)
		secret_free(&k.refused[i]);
	return err;
}

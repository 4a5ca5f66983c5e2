#include "token/can.h"

#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/os.h"
#include "cardos/card.h"
#include "cardos/pace.h"
#include "token/dialog.h"
#include "token/turn.h"
#include "token/world.h"

#define ASK_MAX 10          /* dialogs in a row */
#define LOOK_MS 300         /* between two looks whether the card is still there */
#define TURN_LOOK_MS 100    /* while another thread has the turn */

/* The setting's, where it can be one. */
static struct view
can_of_settings(const struct reader *r)
{
	struct view can = view_str(settings_str(r->world->settings, SET_cardAccessNumber));

	if (!can.len || pace_can_fits(can))
		return can;
	log_warn("cardAccessNumber is not %u digits: it is left aside", CAN_DIGITS);
	return view_of(NULL, 0);
}

int
can_take(struct reader *r, uint64_t gen, struct secret **can, enum can_from *from)
{
	struct view v = can_of_settings(r);
	int err = 0;

	*can = NULL;
	*from = CAN_SETTING;
	pthread_mutex_lock(&r->lock);
		if (r->gen == gen && r->can) {
			v = secret_view(r->can);
			*from = CAN_PROVEN;
		} else if (r->gen != gen || (r->can_set_failed && r->can_failed_at == r->events)) {
			v.len = 0;
		}
		if (v.len && !(*can = secret_new(v.p, v.len)))
			err = E_MEM;
	pthread_mutex_unlock(&r->lock);
	return err;
}

int
can_tried(struct reader *r, uint64_t gen, const struct secret *can, enum can_from from, int err)
{
	bool of_settings = from == CAN_SETTING || view_eq(secret_view(can), can_of_settings(r));
	struct secret *keep = NULL;

	if (!err && from != CAN_PROVEN && !(keep = secret_new(can->p, can->len)))
		return E_MEM;
	pthread_mutex_lock(&r->lock);
		if (keep && r->gen == gen && !r->can) {
			r->can = keep;
			keep = NULL;
		}
		/* Also where nobody knows what became of it. What the card itself has proved is doubted only when it is
		 * wrong. Events, not generations: a connection that broke does not make it another card. */
		if (of_settings && r->gen == gen && (err == E_CAN_WRONG || (err && from != CAN_PROVEN))) {
			r->can_set_failed = true;
			r->can_failed_at = r->events;
		}
	pthread_mutex_unlock(&r->lock);
	secret_free(&keep);
	if (err == E_CAN_WRONG && from == CAN_PROVEN)
		return E_GONE;
	if (err && from == CAN_SETTING)
		log_warn("%s: cardAccessNumber %s, and is not tried again while the card stays", r->name,
		    err == E_CAN_WRONG ? "is not the number of this card" : "came to nothing");
	return err;
}

/* ---- asking ---- */

struct wait { struct reader *r; uint64_t gen; int64_t looked_at; };

/* Whether an answer would still be of use. */
static bool
is_wanted(void *arg)
{
	struct wait *w = arg;
	int64_t now = os_clock_ms();

	if (now - w->looked_at >= LOOK_MS) {
		w->looked_at = now;
		reader_poll(w->r);
	}
	return !atomic_load(&w->r->world->finalizing) && reader_generation(w->r) == w->gen;
}

static int
why_unwanted(const struct wait *w)
{
	return atomic_load(&w->r->world->finalizing) ? E_CLOSED : E_GONE;
}

/* The turn among the threads that want to know this card's number. */
static int
take_among_threads(struct wait *w, bool *waited)
{
	struct reader *r = w->r;
	bool mine = false, refused = false;

	*waited = false;
	while (!mine && !refused) {
		if (!is_wanted(w))
			return why_unwanted(w);
		pthread_mutex_lock(&r->lock);
			refused = r->unknown; /* the person said no to another thread */
			if (!r->can_asking && !refused)
				mine = r->can_asking = true;
		pthread_mutex_unlock(&r->lock);
		if (!mine && !refused) {
			*waited = true;
			os_sleep_ms(TURN_LOOK_MS);
		}
	}
	return mine ? 0 : E_CANCEL;
}

/* The end of the turn. What the person does not want, no thread asks for again. */
static void
give_back(struct wait *w, int err)
{
	pthread_mutex_lock(&w->r->lock);
		w->r->can_asking = false;
		w->r->unknown |= w->r->gen == w->gen && err == E_CANCEL;
	pthread_mutex_unlock(&w->r->lock);
}

/* One number, by a dialog; one at a time for all programs of a user, but while the card is spoken to others may show
 * theirs. */
static int
type(struct wait *w, const char *wrong, struct secret **can)
{
	struct world *world = w->r->world;
	int err, fd;

	if ((err = turn_among_programs(world, is_wanted, w, &fd)))
		return err == E_CLOSED ? why_unwanted(w) : err;
	err = dialog_ask_can(world, w->r->name, wrong, is_wanted, w, can);
	turn_among_programs_end(world, &fd);
	if (err)
		return err == E_CLOSED ? why_unwanted(w) : err;
	return pace_can_fits(secret_view(*can)) ? 0 : E_PIN_LEN;
}

/* In the turn: dialogs until the number is right. */
static int
ask_until_right(struct wait *w, const char *wrong, card_verb verb, void *arg)
{
	struct secret *can = NULL;
	int err = E_CANCEL;

	for (int n = 0; n < ASK_MAX; n++) {
		if (!(err = type(w, wrong, &can)))
			err = reader_run_with(w->r, w->gen, can, verb, arg);
		secret_free(&can);
		if (err != E_PIN_LEN && err != E_CAN_WRONG)
			return err;
		wrong = dialog_texts[err == E_PIN_LEN ? DIALOG_CAN_FORM : DIALOG_CAN_WRONG];
	}
	return E_CANCEL;
}

int
can_ask(struct reader *r, uint64_t gen, int err, card_verb verb, void *arg)
{
	struct wait w = { .r = r, .gen = gen };
	int was = err;
	bool waited;

	if (!world_has_dialogs(r->world)) {
		log_warn("%s: the card wants its access number (CAN), and nobody can be asked here; see cardAccessNumber",
		    r->name);
		return err;
	}
	if (!world_asking_begin(r->world))
		return E_CLOSED;
	if (!(err = take_among_threads(&w, &waited))) {
		err = was;
		/* another thread may have got it meanwhile */
		if (waited)
			err = reader_run(r, gen, verb, arg);
		if (err == E_CAN_NEEDED || err == E_CAN_WRONG)
			err = ask_until_right(&w, err == E_CAN_WRONG ? dialog_texts[DIALOG_CAN_SETTING] : NULL, verb, arg);
		give_back(&w, err);
	}
	world_asking_end(r->world);
	return err == E_UNSUPPORTED ? was : err;
}

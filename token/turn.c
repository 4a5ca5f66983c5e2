#include "token/turn.h"

#include <time.h>

#include "base/err.h"
#include "base/os.h"

#define LOOK_MS 300         /* between two looks whether the card is still there */
#define TURN_LOOK_MS 100    /* while another thread has the turn */

bool
turn_wanted(void *arg)
{
	struct watch *w = arg;
	int64_t now = os_clock_ms();

	if (now - w->looked_at >= LOOK_MS) {
		w->looked_at = now;
		reader_poll(w->s->r);
	}
	return !atomic_load(&w->s->world->finalizing) && !atomic_load(&w->s->closed) &&
	    !session_is_over(w->s);
}

int
turn_seconds(const struct world *w)
{
	return (int)settings_int(w->settings, SET_pinDialogTimeout);
}

/* Waits for a turn to end, for a moment. The lock is held. */
static void
wait_a_moment(pthread_cond_t *ended, pthread_mutex_t *lock)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += TURN_LOOK_MS * 1000000L;
	if (until.tv_nsec >= 1000000000L) {
		until.tv_nsec -= 1000000000L;
		until.tv_sec++;
	}
	pthread_cond_timedwait(ended, lock, &until);
}

/* The turn among the threads that ask about this PIN. *last: what the turn that was waited for ended with. */
static int
take_among_threads(struct session *s, struct turn *t, int *last)
{
	struct asking *a = &s->r->asking[s->pin];
	struct watch w = { .s = s };
	bool mine = false;

	*last = 0;
	while (!mine) {
		if (!turn_wanted(&w))
			return E_CLOSED;
		pthread_mutex_lock(&s->r->lock);
			if (a->busy) {
				t->waited = true;
				wait_a_moment(&s->r->asked, &s->r->lock);
			}
			if (!a->busy) {
				mine = a->busy = true;
				*last = a->last;
			}
		pthread_mutex_unlock(&s->r->lock);
	}
	return 0;
}

/* The turn among those that ask about other PINs. The programs' turn would do, were there always a
 * folder for it. */
static int
take_among_pins(struct world *world, bool (*wanted)(void *), void *arg)
{
	bool mine = false;

	while (!mine) {
		if (!wanted(arg))
			return E_CLOSED;
		pthread_mutex_lock(&world->lock);
			if (world->showing)
				wait_a_moment(&world->asked, &world->lock);
			if (!world->showing)
				mine = world->showing = true;
		pthread_mutex_unlock(&world->lock);
	}
	return 0;
}

static void
give_back_pins(struct world *world)
{
	pthread_mutex_lock(&world->lock);
		world->showing = false;
		pthread_cond_broadcast(&world->asked);
	pthread_mutex_unlock(&world->lock);
}

/* The turn in this process, then the one among programs. */
static int
take_outer(struct world *world, bool (*wanted)(void *), void *arg, int *fd, bool *others)
{
	int err;

	*fd = -1;
	*others = false;
	if ((err = take_among_pins(world, wanted, arg)))
		return err;
	if ((err = shared_turn(&world->shared, turn_seconds(world) * 1000, wanted, arg, fd, others)))
		give_back_pins(world);
	return err;
}

int
turn_among_programs(struct world *w, bool (*wanted)(void *), void *arg, int *fd)
{
	bool others;

	return take_outer(w, wanted, arg, fd, &others);
}

void
turn_among_programs_end(struct world *w, int *fd)
{
	if (*fd >= 0)
		os_lock_drop(fd);
	give_back_pins(w);
}

static void
give_back(struct session *s, int err)
{
	pthread_mutex_lock(&s->r->lock);
		s->r->asking[s->pin].busy = false;
		s->r->asking[s->pin].last = err;
		pthread_cond_broadcast(&s->r->asked);
	pthread_mutex_unlock(&s->r->lock);
}

int
turn_session_gone(struct session *s)
{
	if (atomic_load(&s->world->finalizing) || atomic_load(&s->closed))
		return E_CLOSED;
	return session_is_over(s) ? E_GONE : 0;
}

/* What a person has settled for all who waited: no second dialog makes it better. */
static bool
is_final(int err)
{
	return err == E_CANCEL || err == E_PIN_WRONG || err == E_PIN_BLOCKED;
}

int
turn_take(struct session *s, bool shares, struct turn *t)
{
	struct watch w = { .s = s };
	bool others = false;
	int err, last;

	*t = (struct turn){ .s = s, .shares = shares, .fd = -1 };
	if (!world_has_dialogs(s->world))
		return E_UNSUPPORTED;
	if (!world_asking_begin(s->world))
		return E_CLOSED;
	pthread_mutex_unlock(&s->lock);
	if (!(err = take_among_threads(s, t, &last))) {
		if (shares && t->waited && is_final(last))
			err = last;
		else if (!world_has_dialogs(s->world))
			err = E_UNSUPPORTED; /* it failed the other thread */
		else
			err = take_outer(s->world, turn_wanted, &w, &t->fd, &others);
		t->waited |= others;
		if (err)
			give_back(s, last);
		t->held = !err;
	}
	pthread_mutex_lock(&s->lock);
	if (!t->held)
		world_asking_end(s->world);
	if (!err && (err = turn_session_gone(s)))
		turn_end(t, err);
	return err == E_CLOSED && session_is_over(s) ? E_GONE : err;
}

void
turn_end(struct turn *t, int err)
{
	if (!t->held)
		return;
	t->held = false;
	turn_among_programs_end(t->s->world, &t->fd);
	give_back(t->s, t->shares ? err : 0);
	world_asking_end(t->s->world);
}

/* See io_base.h. */
#include "cardos/wire/io_base.h"

void
io_made_add(pthread_mutex_t *lock, struct io_made **list, struct io_made *m, void *thing)
{
	pthread_mutex_lock(lock);
	m->thing = thing;
	m->next = *list;
	*list = m;
	pthread_mutex_unlock(lock);
}

void
io_made_remove(pthread_mutex_t *lock, struct io_made **list, struct io_made *m)
{
	struct io_made **at;

	pthread_mutex_lock(lock);
	for (at = list; *at && *at != m; at = &(*at)->next)
		;
	if (*at)
		*at = m->next;
	pthread_mutex_unlock(lock);
}

void *
io_made_take(struct io_made **list)
{
	struct io_made *m = *list;

	if (!m)
		return NULL;
	*list = m->next;
	return m->thing;
}

void
io_state_set(struct io_state *s, enum io_presence now, uint32_t events)
{
	s->changed = s->now != now || s->events != events;
	s->now = now;
	s->events = events;
	s->atr_len = 0;
}

struct timespec
io_time_in(int ms)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_sec += ms / 1000;
	t.tv_nsec += (ms % 1000) * 1000000L;
	t.tv_sec += t.tv_nsec / 1000000000L;
	t.tv_nsec %= 1000000000L;
	return t;
}

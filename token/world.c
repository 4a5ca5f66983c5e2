#include "token/world.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/os.h"
#include "base/wildcard.h"
#include "token/reader.h"
#include "token/rv.h"
#include "token/session.h"

CK_RV
world_new(struct world **out)
{
	struct world *w = calloc(1, sizeof *w);
	int err;

	if (!w)
		return CKR_HOST_MEMORY;
	atomic_init(&w->refs, 1);
	w->next_session = 1;
	pthread_mutex_init(&w->lock, NULL);
	pthread_mutex_init(&w->poll_lock, NULL);
	if ((err = settings_load(NULL, &w->settings)))
		goto fail;
	settings_log_open(w->settings);
	if (!(w->soft = soft_new())) {
		err = E_CRYPTO;
		goto fail;
	}
	if ((err = io_default(&w->io)))
		goto fail;
	*out = w;
	return CKR_OK;
fail:
	world_unref(&w);
	return rv_from(err);
}

struct world *
world_ref(struct world *w)
{
	atomic_fetch_add(&w->refs, 1);
	return w;
}

void
world_unref(struct world **w)
{
	struct world *dead = *w;

	*w = NULL;
	if (!dead || atomic_fetch_sub(&dead->refs, 1) != 1)
		return;
	for (size_t i = 0; i < dead->nsession; i++)
		session_unref(&dead->session[i]);
	for (size_t i = 0; i < dead->nreader; i++)
		reader_free(&dead->reader[i]);
	if (dead->poll)
		dead->io->ops->waiter_free(&dead->poll);
	if (dead->io)
		dead->io->ops->free(&dead->io);
	profile_set_free(&dead->profiles);
	soft_free(&dead->soft);
	settings_free(&dead->settings);
	free(dead->session);
	free(dead->reader);
	free(dead->waiter);
	pthread_mutex_destroy(&dead->lock);
	pthread_mutex_destroy(&dead->poll_lock);
	free(dead);
}

void
world_finalize(struct world *w)
{
	size_t n;

	/* cards forget what we verified: a PIN must not outlive the program that gave it */
	pthread_mutex_lock(&w->lock);
		w->finalizing = true;
		for (size_t i = 0; i < w->nwaiter; i++)
			w->io->ops->cancel(w->waiter[i]);
		n = w->nreader;
	pthread_mutex_unlock(&w->lock);
	for (size_t i = 0; i < n; i++)
		for (unsigned pin = 0; pin < PINS_PER_READER; pin++)
			session_close_all(w, w->reader[i], pin);
}

void
world_forget(struct world *w)
{
	for (size_t i = 0; i < w->nreader; i++)
		reader_forget(w->reader[i]);
	io_forget(&w->io);
}

const struct profile_set *
world_profiles(struct world *w)
{
	struct buf why = BUF_INIT;
	int err = 0;

	pthread_mutex_lock(&w->lock);
		if (!w->profiles_loaded && !(err = profile_set_builtin(&w->profiles, &why)))
			w->profiles_loaded = true;
	pthread_mutex_unlock(&w->lock);
	if (err)
		log_error("built-in profiles: %s", why.len ? buf_text(&why) : err_text(err));
	buf_free(&why);
	return err ? NULL : &w->profiles;
}

int
world_poll(struct world *w, struct io_state *states, size_t n)
{
	int err = 0;

	pthread_mutex_lock(&w->poll_lock);
		if (!w->poll)
			err = w->io->ops->waiter_new(w->io, &w->poll);
		if (!err)
			err = w->io->ops->wait(w->poll, states, n, 0);
	pthread_mutex_unlock(&w->poll_lock);
	return err;
}

/* world->lock held. */
static struct reader *
reader_by_name_locked(const struct world *w, const char *name)
{
	for (size_t i = 0; i < w->nreader; i++)
		if (strcmp(w->reader[i]->name, name) == 0)
			return w->reader[i];
	return NULL;
}

/* Gives a new name the next slot ids. NULL: known already, or no memory. */
static struct reader *
add_reader(struct world *w, const char *name)
{
	struct reader *r = NULL, **p;
	size_t cap;

	pthread_mutex_lock(&w->lock);
		if (!reader_by_name_locked(w, name)) {
			if (w->nreader == w->reader_cap) {
				cap = w->reader_cap ? w->reader_cap * 2 : 8;
				if ((p = realloc(w->reader, cap * sizeof *p))) {
					w->reader = p;
					w->reader_cap = cap;
				}
			}
			if (w->nreader < w->reader_cap &&
			    (r = reader_new(w, name, w->nreader * SLOT_STRIDE)))
				w->reader[w->nreader++] = r;
		}
	pthread_mutex_unlock(&w->lock);
	return r;
}

void
world_list_readers(struct world *w, bool now)
{
	struct buf names = BUF_INIT;
	struct io_state s = { 0 };
	struct reader *r;
	const char *exclude = settings_str(w->settings, SET_excludeReader), *name;
	int64_t t = os_clock_ms(), every = (int64_t)settings_int(w->settings, SET_buildReaderListTimer) * 1000;
	bool first, due;
	int err;

	pthread_mutex_lock(&w->lock);
		first = !w->listed_at;
		due = first || now || t - w->listed_at >= every;
		if (due)
			w->listed_at = t;
	pthread_mutex_unlock(&w->lock);
	if (!due)
		return;
	if ((err = w->io->ops->list(w->io, &names)))
		log_info("no readers: %s", err_text(err));
	for (size_t at = 0; !err && at < names.len; at += strlen(name) + 1) {
		name = (const char *)names.p + at;
		if (*exclude && wildcard_list_match(exclude, name))
			continue;
		if (!(r = add_reader(w, name)))
			continue;
		log_info("reader \"%s\" is slot %lu", name, r->base);
		memset(&s, 0, sizeof s);
		s.reader = r->name;
		/* a card that is in a reader when we first look is no event; one in a reader that
		 * came later is */
		if (world_poll(w, &s, 1) == 0)
			reader_saw(r, &s, first);
	}
	buf_free(&names);
}

/* A snapshot: the array may grow and move, the readers in it stay. */
static size_t
readers(struct world *w, struct reader ***out)
{
	size_t n = 0;

	pthread_mutex_lock(&w->lock);
		*out = calloc(w->nreader + 1, sizeof **out);
		if (*out && w->nreader) {
			n = w->nreader;
			memcpy(*out, w->reader, n * sizeof **out);
		}
	pthread_mutex_unlock(&w->lock);
	return n;
}

void
world_refresh(struct world *w)
{
	struct reader **all;
	size_t n;

	world_list_readers(w, true);
	n = readers(w, &all);
	for (size_t i = 0; i < n; i++) {
		reader_poll(all[i]);
		pthread_mutex_lock(&all[i]->lock);
			all[i]->listed = all[i]->presence == IO_PRESENT || all[i]->presence == IO_MUTE;
		pthread_mutex_unlock(&all[i]->lock);
	}
	free(all);
	pthread_mutex_lock(&w->lock);
		w->refreshed = true;
	pthread_mutex_unlock(&w->lock);
}

bool
world_slot(struct world *w, CK_SLOT_ID id, struct reader **r, unsigned *pin)
{
	bool found = false;

	pthread_mutex_lock(&w->lock);
		if (id / SLOT_STRIDE < w->nreader && id % SLOT_STRIDE < PINS_PER_READER) {
			*r = w->reader[id / SLOT_STRIDE];
			*pin = (unsigned)(id % SLOT_STRIDE);
			found = true;
		}
	pthread_mutex_unlock(&w->lock);
	return found;
}

int
world_slots(struct world *w, bool present_only, struct buf *ids)
{
	struct reader **all;
	size_t n;
	CK_SLOT_ID id;
	bool present, refreshed;

	pthread_mutex_lock(&w->lock);
		refreshed = w->refreshed;
	pthread_mutex_unlock(&w->lock);
	if (!refreshed) /* a caller who brings a buffer and never asked for its size */
		world_refresh(w);
	n = readers(w, &all);
	if (!all)
		return E_MEM;
	for (size_t i = 0; i < n; i++) {
		pthread_mutex_lock(&all[i]->lock);
			present = all[i]->listed;
		pthread_mutex_unlock(&all[i]->lock);
		if (present_only && !present)
			continue;
		for (unsigned pin = 0; pin < PINS_PER_READER; pin++) {
			id = all[i]->base + pin;
			buf_put(ids, &id, sizeof id);
		}
	}
	free(all);
	return buf_err(ids);
}

/* The lowest slot with an untold event, which is told now. */
static bool
take_event(struct reader **all, size_t n, CK_SLOT_ID *slot)
{
	bool found = false;

	for (size_t i = 0; i < n && !found; i++) {
		pthread_mutex_lock(&all[i]->lock);
			for (unsigned pin = 0; pin < PINS_PER_READER && !found; pin++) {
				if (!all[i]->event[pin])
					continue;
				all[i]->event[pin] = false;
				*slot = all[i]->base + pin;
				found = true;
			}
		pthread_mutex_unlock(&all[i]->lock);
	}
	return found;
}

/* One blocking look at all readers and at the list of readers, whose mark is kept in
 * *list_mark from call to call. */
static int
wait_once(struct world *w, struct waiter *waiter, struct reader **all, size_t n, uint32_t *list_mark)
{
	struct io_state *s = calloc(n + 1, sizeof *s);
	int err;

	if (!s)
		return E_MEM;
	for (size_t i = 0; i < n; i++) {
		s[i].reader = all[i]->name;
		pthread_mutex_lock(&all[i]->lock);
			s[i].now = all[i]->presence;
			s[i].events = all[i]->events;
		pthread_mutex_unlock(&all[i]->lock);
	}
	s[n].reader = NULL;
	s[n].events = *list_mark;
	err = w->io->ops->wait(waiter, s, n + 1, -1);
	*list_mark = s[n].events;
	for (size_t i = 0; i < n && !err; i++)
		if (s[i].changed)
			reader_saw(all[i], &s[i], false);
	free(s);
	return err;
}

static bool
waiter_enter(struct world *w, struct waiter *waiter)
{
	struct waiter **p;
	bool ok = false;

	pthread_mutex_lock(&w->lock);
		if (!w->finalizing && (p = realloc(w->waiter, (w->nwaiter + 1) * sizeof *p))) {
			w->waiter = p;
			w->waiter[w->nwaiter++] = waiter;
			ok = true;
		}
	pthread_mutex_unlock(&w->lock);
	return ok;
}

static void
waiter_leave(struct world *w, struct waiter *waiter)
{
	pthread_mutex_lock(&w->lock);
		for (size_t i = 0; i < w->nwaiter; i++) {
			if (w->waiter[i] != waiter)
				continue;
			w->waiter[i] = w->waiter[--w->nwaiter];
			break;
		}
	pthread_mutex_unlock(&w->lock);
}

/* Waits with a waiter of its own until some slot has an event. */
static CK_RV
wait_blocking(struct world *w, CK_SLOT_ID *slot)
{
	struct waiter *waiter = NULL;
	struct reader **all = NULL;
	uint32_t list_mark = 0;
	size_t n;
	int err;
	CK_RV rv = CKR_NO_EVENT;

	if ((err = w->io->ops->waiter_new(w->io, &waiter)))
		return err == E_NO_READER ? CKR_FUNCTION_FAILED : rv_from(err);
	if (!waiter_enter(w, waiter)) {
		w->io->ops->waiter_free(&waiter);
		return CKR_CRYPTOKI_NOT_INITIALIZED;
	}
	while (rv == CKR_NO_EVENT) {
		free(all);
		world_list_readers(w, true);
		n = readers(w, &all);
		if (!all)
			rv = CKR_HOST_MEMORY;
		else if (take_event(all, n, slot))
			rv = CKR_OK;
		else if ((err = wait_once(w, waiter, all, n, &list_mark)) == E_CANCEL)
			rv = CKR_CRYPTOKI_NOT_INITIALIZED;
		else if (err == E_MEM)
			rv = CKR_HOST_MEMORY;
		else if (err)
			os_sleep_ms(200); /* the service went away; it may come back */
		pthread_mutex_lock(&w->lock);
			if (w->finalizing)
				rv = CKR_CRYPTOKI_NOT_INITIALIZED;
		pthread_mutex_unlock(&w->lock);
	}
	free(all);
	waiter_leave(w, waiter);
	w->io->ops->waiter_free(&waiter);
	return rv;
}

CK_RV
world_wait_event(struct world *w, bool block, CK_SLOT_ID *slot)
{
	struct reader **all;
	size_t n;
	bool found;

	if (block)
		return wait_blocking(w, slot);
	world_list_readers(w, false);
	n = readers(w, &all);
	if (!all)
		return CKR_HOST_MEMORY;
	for (size_t i = 0; i < n; i++)
		reader_poll(all[i]);
	found = take_event(all, n, slot);
	free(all);
	return found ? CKR_OK : CKR_NO_EVENT;
}

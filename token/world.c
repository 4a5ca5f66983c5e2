#include "token/world.h"

#include <stdlib.h>
#include <string.h>

#include "base/askpin.h"
#include "base/err.h"
#include "base/log.h"
#include "base/os.h"
#include "base/wildcard.h"
#include "token/profiles.h"
#include "token/reader.h"
#include "token/rv.h"
#include "token/session.h"

#define POLL_TRIES 3         /* looks that other threads' looks have overtaken */
#define DIALOG_RETRY_MS 60000 /* a helper that failed is not tried again before */
#define SERVICE_RETRY_MS 200 /* between two attempts to wait with a service that is not there */

/* Whether people are asked by us, and whether PIN1 is kept. Root's programs are services for others
 * more often than somebody's own: they want to be told (DESIGN 18.3). */
static int
choose_dialogs(struct world *w)
{
	bool off = settings_bool(w->settings, SET_disableCryptokiAutoLogin) || os_secure_mode() ||
	    (os_is_root() && !settings_bool(w->settings, SET_rootAutoLogin));
	struct buf path = BUF_INIT;
	int err;

	if (off)
		return 0;
	w->auto_login = true;
	w->keeps_pin1 = settings_bool(w->settings, SET_cryptokiPinCache) &&
	    !settings_bool(w->settings, SET_dropAuthentication);
	err = askpin_helper(settings_str(w->settings, SET_pinHelper), io_is_virtual(), &path);
	if (err)
		log_info("no PIN dialogs: %s", err == E_UNSUPPORTED ?
		    "no program that can show them here" : err_text(err));
	else if (!(w->helper = strdup(buf_text(&path))))
		err = E_MEM;
	buf_free(&path);
	return err == E_MEM ? err : 0;
}

bool
world_has_dialogs(struct world *w)
{
	return w->helper && os_clock_ms() >= atomic_load(&w->dialogs_from);
}

bool
world_dialogs_pause(struct world *w)
{
	return w->helper && !world_has_dialogs(w);
}

void
world_dialog_failed(struct world *w)
{
	atomic_store(&w->dialogs_from, os_clock_ms() + DIALOG_RETRY_MS);
}

bool
world_asking_begin(struct world *w)
{
	bool ok;

	pthread_mutex_lock(&w->lock);
		if ((ok = !atomic_load(&w->finalizing)))
			w->nasking++;
	pthread_mutex_unlock(&w->lock);
	return ok;
}

void
world_asking_end(struct world *w)
{
	pthread_mutex_lock(&w->lock);
		w->nasking--;
		pthread_cond_broadcast(&w->asked);
	pthread_mutex_unlock(&w->lock);
}

CK_RV
world_new(struct world **out)
{
	const struct settings_from from = { .test_card = io_is_virtual() };
	struct world *w = calloc(1, sizeof *w);
	int err;

	if (!w)
		return CKR_HOST_MEMORY;
	atomic_init(&w->refs, 1);
	w->next_session = 1;
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->asked, NULL);
	pthread_mutex_init(&w->profile_lock, NULL);
	pthread_mutex_init(&w->wait_lock, NULL);
	pthread_mutex_init(&w->poll_lock, NULL);
	if ((err = settings_load(&from, &w->settings)))
		goto fail;
	settings_log_open(w->settings);
	if (!(w->soft = soft_new())) {
		err = E_CRYPTO;
		goto fail;
	}
	if ((err = io_default(&w->io)) || (err = choose_dialogs(w)))
		goto fail;
	w->slots = settings_bool(w->settings, SET_disableCryptokiPIN2Slot) ? 1 : PINS_PER_READER;
	w->lang = text_lang(settings_str(w->settings, SET_Language));
	shared_open(w->settings, &w->shared);
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
	shared_close(&dead->shared);
	free(dead->helper);
	soft_free(&dead->soft);
	settings_free(&dead->settings);
	free(dead->session);
	free(dead->reader);
	free(dead->waiter);
	pthread_mutex_destroy(&dead->lock);
	pthread_cond_destroy(&dead->asked);
	pthread_mutex_destroy(&dead->profile_lock);
	pthread_mutex_destroy(&dead->wait_lock);
	pthread_mutex_destroy(&dead->poll_lock);
	free(dead);
}

struct reader *
world_reader(struct world *w, size_t i)
{
	struct reader *r;

	pthread_mutex_lock(&w->lock);
		r = i < w->nreader ? w->reader[i] : NULL;
	pthread_mutex_unlock(&w->lock);
	return r;
}

void
world_finalize(struct world *w)
{
	atomic_store(&w->finalizing, true);
	/* a cancel takes until its thread has left the wait: no lock others need is held over it */
	pthread_mutex_lock(&w->wait_lock);
		for (size_t i = 0; i < w->nwaiter; i++)
			w->io->ops->cancel(w->waiter[i]);
	pthread_mutex_unlock(&w->wait_lock);
	/* a dialog looks ten times a second whether it is still wanted */
	pthread_mutex_lock(&w->lock);
		while (w->nasking)
			pthread_cond_wait(&w->asked, &w->lock);
	pthread_mutex_unlock(&w->lock);
}

void
world_forget(struct world *w)
{
	/* what a call of the parent had in its hands may be half done */
	if (atomic_load(&w->refs) != 1)
		return;
	for (size_t i = 0; i < w->nreader; i++)
		reader_forget(w->reader[i]);
	io_forget(&w->io);
}

const struct profile_set *
world_profiles(struct world *w)
{
	int err = 0;

	pthread_mutex_lock(&w->profile_lock);
		if (!w->profiles_loaded && !(err = profiles_load(NULL, NULL, &w->profiles)))
			w->profiles_loaded = true;
	pthread_mutex_unlock(&w->profile_lock);
	return err ? NULL : &w->profiles;
}

/* One look at readers all[0..n) and, unless list_mark is NULL, at the list of readers, whose mark
 * is kept there from call to call. ms: as io->wait. Each reader is told what was seen; *stale: for
 * one of them it came too late. E_CANCEL, E_MEM, and what io->wait says of the service. */
static int
look(struct waiter *waiter, struct reader **all, size_t n, uint32_t *list_mark, int ms, bool *stale)
{
	struct io_state *s = calloc(n + 1, sizeof *s);
	uint64_t *gen = calloc(n + 1, sizeof *gen);
	size_t total = n + (list_mark ? 1 : 0);
	int err = E_MEM;

	*stale = false;
	if (!s || !gen)
		goto out;
	for (size_t i = 0; i < n; i++)
		gen[i] = reader_expect(all[i], &s[i]);
	if (list_mark)
		s[n].events = *list_mark;
	if ((err = waiter->ops->wait(waiter, s, total, ms)) == E_CANCEL || err == E_MEM)
		goto out;
	if (err)
		log_debug("readers: %s", err_text(err));
	if (list_mark && !err)
		*list_mark = s[n].events;
	for (size_t i = 0; i < n; i++) {
		if (err) /* without the service there are no readers */
			s[i].now = IO_NO_READER;
		if (!reader_saw(all[i], gen[i], &s[i]))
			*stale = true;
	}
out:
	free(s);
	free(gen);
	return err;
}

void
world_poll(struct world *w, struct reader **all, size_t n)
{
	bool stale = n > 0;

	for (int tries = 0; stale && tries < POLL_TRIES; tries++) {
		pthread_mutex_lock(&w->poll_lock);
			stale = false;
			if (w->poll || !w->io->ops->waiter_new(w->io, &w->poll))
				look(w->poll, all, n, NULL, 0, &stale);
		pthread_mutex_unlock(&w->poll_lock);
	}
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

static bool
room_for_reader_locked(struct world *w)
{
	size_t cap = w->reader_cap ? w->reader_cap * 2 : 8;
	struct reader **p;

	if (w->nreader < w->reader_cap)
		return true;
	if (!(p = realloc(w->reader, cap * sizeof *p)))
		return false;
	w->reader = p;
	w->reader_cap = cap;
	return true;
}

/* Gives a new name the next slot ids. NULL: known already, or no memory. */
static struct reader *
add_reader(struct world *w, const char *name, bool at_start)
{
	struct reader *r = NULL;

	pthread_mutex_lock(&w->lock);
		if (!reader_by_name_locked(w, name) && room_for_reader_locked(w) &&
		    (r = reader_new(w, name, w->nreader * PINS_PER_READER, at_start)))
			w->reader[w->nreader++] = r;
	pthread_mutex_unlock(&w->lock);
	return r;
}

/* Whether the readers are to be listed now; *first: nobody has done so yet. */
static bool
list_is_due(struct world *w, bool now, bool *first)
{
	int64_t t = os_clock_ms();
	int64_t every = (int64_t)settings_int(w->settings, SET_buildReaderListTimer) * 1000;
	bool due;

	pthread_mutex_lock(&w->lock);
		*first = !w->met_readers;
		due = *first || now || t - w->listed_at >= every;
		if (due)
			w->listed_at = t;
	pthread_mutex_unlock(&w->lock);
	return due;
}

void
world_list_readers(struct world *w, bool now)
{
	const char *exclude = settings_str(w->settings, SET_excludeReader), *name;
	struct buf names = BUF_INIT;
	struct reader *r;
	bool first;
	int err;

	if (!list_is_due(w, now, &first))
		return;
	if ((err = w->io->ops->list(w->io, &names)))
		log_info("no readers: %s", err_text(err));
	for (size_t at = 0; !err && at < names.len; at += strlen(name) + 1) {
		name = (const char *)names.p + at;
		if (*exclude && wildcard_list_match(exclude, name))
			continue;
		if (!(r = add_reader(w, name, first)))
			continue;
		log_info("reader \"%s\" is slot %lu", name, r->base);
		world_poll(w, &r, 1);
	}
	buf_free(&names);
	pthread_mutex_lock(&w->lock);
		w->met_readers = true;
	pthread_mutex_unlock(&w->lock);
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
	world_poll(w, all, n);
	for (size_t i = 0; i < n; i++) {
		pthread_mutex_lock(&all[i]->lock);
			for (unsigned pin = 0; pin < w->slots; pin++)
				all[i]->listed[pin] = reader_has_token_locked(all[i], pin);
		pthread_mutex_unlock(&all[i]->lock);
	}
	free(all);
	pthread_mutex_lock(&w->lock);
		w->refreshed = true;
		w->nshown = n;
	pthread_mutex_unlock(&w->lock);
}

bool
world_slot(struct world *w, CK_SLOT_ID id, struct reader **r, unsigned *pin)
{
	bool found = false;

	pthread_mutex_lock(&w->lock);
		if (id / PINS_PER_READER < w->nreader && id % PINS_PER_READER < w->slots) {
			*r = w->reader[id / PINS_PER_READER];
			*pin = (unsigned)(id % PINS_PER_READER);
			found = true;
		}
	pthread_mutex_unlock(&w->lock);
	return found;
}

int
world_slots(struct world *w, bool present_only, struct buf *ids)
{
	struct reader *r;
	size_t shown;
	CK_SLOT_ID id;
	bool present, refreshed;

	pthread_mutex_lock(&w->lock);
		refreshed = w->refreshed;
	pthread_mutex_unlock(&w->lock);
	if (!refreshed) /* a caller who brings a buffer and never asked for its size */
		world_refresh(w);
	pthread_mutex_lock(&w->lock);
		shown = w->nshown;
	pthread_mutex_unlock(&w->lock);
	for (size_t i = 0; i < shown && (r = world_reader(w, i)); i++) {
		for (unsigned pin = 0; pin < w->slots; pin++) {
			pthread_mutex_lock(&r->lock);
				present = r->listed[pin];
			pthread_mutex_unlock(&r->lock);
			id = r->base + pin;
			if (present || !present_only)
				buf_put(ids, &id, sizeof id);
		}
	}
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

static bool
waiter_enter(struct world *w, struct waiter *waiter)
{
	struct waiter **p;
	bool ok = false;

	pthread_mutex_lock(&w->wait_lock);
		if (!atomic_load(&w->finalizing) &&
		    (p = realloc(w->waiter, (w->nwaiter + 1) * sizeof *p))) {
			w->waiter = p;
			w->waiter[w->nwaiter++] = waiter;
			ok = true;
		}
	pthread_mutex_unlock(&w->wait_lock);
	return ok;
}

static void
waiter_leave(struct world *w, struct waiter *waiter)
{
	pthread_mutex_lock(&w->wait_lock);
		for (size_t i = 0; i < w->nwaiter; i++) {
			if (w->waiter[i] != waiter)
				continue;
			w->waiter[i] = w->waiter[--w->nwaiter];
			break;
		}
	pthread_mutex_unlock(&w->wait_lock);
}

/* Waits with a waiter of its own until some slot has an event. */
static CK_RV
wait_blocking(struct world *w, CK_SLOT_ID *slot)
{
	struct waiter *waiter = NULL;
	struct reader **all = NULL;
	uint32_t list_mark = 0;
	bool stale;
	size_t n;
	int err = 0;
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
		else if ((err = look(waiter, all, n, &list_mark, -1, &stale)) == E_MEM)
			rv = CKR_HOST_MEMORY;
		else if (err && err != E_CANCEL)
			os_sleep_ms(SERVICE_RETRY_MS); /* it went away; it may come back */
		if (err == E_CANCEL || atomic_load(&w->finalizing))
			rv = CKR_CRYPTOKI_NOT_INITIALIZED;
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
	world_poll(w, all, n);
	found = take_event(all, n, slot);
	free(all);
	return found ? CKR_OK : CKR_NO_EVENT;
}

/* The objects in a reader: what its card holds, what sessions made, and what slots show of both. */
#include "token/reader.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "token/feature.h"
#include "token/keyparts.h"
#include "token/rv.h"

/* ---- what is read of the card ---- */

struct load {
	struct token *token;
	struct build_slot slot[PINS_PER_READER];
	struct object_list objects;
};

/* What objects care for of the slots. reader->lock held. */
static void
slots_locked(const struct reader *r, const struct token *t, struct build_slot *out)
{
	for (unsigned i = 0; i < PINS_PER_READER; i++) {
		out[i].auth_id = t->slot[i].auth_id;
		out[i].each_time = pinslot_each_time(&t->slot[i], r->world->settings);
		out[i].hidden = i >= r->world->slots || (i && !t->slot[i].has_pin);
	}
}

static int
verb_read_objects(struct card *card, void *arg)
{
	struct load *load = arg;
	const struct build_slots slots = { load->slot, PINS_PER_READER };

	object_list_free(&load->objects); /* of a first attempt that a reset cut short */
	return token_read_objects(card, &load->token->odf, &load->token->keys, &slots,
	    &load->objects);
}

CK_RV
reader_load(struct reader *r, uint64_t gen)
{
	struct load load = { .token = reader_token(r, gen) };
	bool done = false;
	int err = 0;

	if (!load.token)
		return rv_from(E_GONE);
	pthread_mutex_lock(&r->lock);
		done = load.token->objects_loaded;
		slots_locked(r, load.token, load.slot);
	pthread_mutex_unlock(&r->lock);
	if (done)
		goto out;
	err = reader_run(r, gen, verb_read_objects, &load);
	pthread_mutex_lock(&r->lock);
		if (!err && (r->gen != gen || r->token != load.token))
			err = E_GONE;
		for (unsigned i = 0; !err && !done && i < r->world->slots; i++)
			if (!load.slot[i].hidden && load.token->slot[i].has_pin)
				err = object_list_take(&load.objects, object_new(feature_attrs_locked(
				    &load.token->slot[i], i, r->world->settings), 0, i));
		if (!err && !r->token->objects_loaded) {
			err = object_list_join(&r->objects, &load.objects);
			r->token->objects_loaded = !err;
		}
	pthread_mutex_unlock(&r->lock);
	object_list_free(&load.objects);
out:
	token_unref(&load.token);
	return rv_from(err);
}

bool
reader_shows_locked(const struct reader *r, unsigned pin, const struct object *o)
{
	if (o->pin != pin || !r->token)
		return false;
	if (!o->priv || r->token->slot[pin].login == LOGIN_USER)
		return true;
	return o->token && o->cls == CKO_PRIVATE_KEY && r->token->slot[pin].login == LOGIN_PUBLIC &&
	    reader_asks_locked(r);
}

CK_RV
reader_key(struct reader *r, unsigned pin, CK_OBJECT_HANDLE h, struct object **key)
{
	CK_RV rv = CKR_KEY_HANDLE_INVALID;
	struct object *o;

	*key = NULL;
	pthread_mutex_lock(&r->lock);
		for (size_t i = 0; i < r->objects.n && !*key; i++) {
			o = r->objects.p[i];
			if (o->h != h || o->pin != pin)
				continue;
			rv = reader_shows_locked(r, pin, o) ? CKR_OK : CKR_USER_NOT_LOGGED_IN;
			*key = rv ? NULL : object_ref(o);
			break;
		}
	pthread_mutex_unlock(&r->lock);
	return rv;
}

struct object *
reader_object(struct reader *r, unsigned pin, CK_OBJECT_HANDLE h)
{
	struct object *o;

	reader_key(r, pin, h, &o);
	return o;
}

int
reader_add_object(struct reader *r, uint64_t gen, struct object *o)
{
	int err;

	pthread_mutex_lock(&r->lock);
		if (r->gen != gen) {
			object_unref(&o);
			err = E_GONE;
		} else {
			err = object_list_take(&r->objects, o);
		}
	pthread_mutex_unlock(&r->lock);
	return err;
}

int
reader_add_records(struct reader *r, uint64_t gen, const struct p15_objects *recs)
{
	struct build_slot slot[PINS_PER_READER];
	const struct build_slots slots = { slot, PINS_PER_READER };
	struct object_list made = { 0 };
	bool loaded = false;
	int err;

	pthread_mutex_lock(&r->lock);
		if (r->gen == gen && r->token) {
			loaded = r->token->objects_loaded;
			slots_locked(r, r->token, slot);
		}
	pthread_mutex_unlock(&r->lock);
	if (!loaded)
		return 0;
	if (!(err = build_objects(recs, &slots, &made))) {
		pthread_mutex_lock(&r->lock);
			err = r->gen == gen ? object_list_join(&r->objects, &made) : E_GONE;
		pthread_mutex_unlock(&r->lock);
	}
	object_list_free(&made);
	return err;
}

CK_RV
reader_replace_attrs(struct reader *r, uint64_t gen, CK_OBJECT_HANDLE h, struct attrs *a,
    const struct on_card *at)
{
	struct object *with, *old = NULL;
	CK_RV rv;

	/* attributes never change under those who hold the object: another one takes its place */
	if (!(with = object_new(a, 0, 0)))
		return CKR_HOST_MEMORY;
	pthread_mutex_lock(&r->lock);
		rv = r->gen == gen ? CKR_OBJECT_HANDLE_INVALID : CKR_DEVICE_REMOVED;
		for (size_t i = 0; i < r->objects.n && rv == CKR_OBJECT_HANDLE_INVALID; i++) {
			if (r->objects.p[i]->h != h)
				continue;
			old = r->objects.p[i];
			with->h = h;
			with->owner = old->owner;
			with->pin = old->pin;
			with->at = at ? *at : old->at;
			with->src = old->src ? source_ref(old->src) : NULL;
			r->objects.p[i] = with;
			rv = CKR_OK;
		}
	pthread_mutex_unlock(&r->lock);
	if (rv)
		object_unref(&with);
	object_unref(&old);
	return rv;
}

/* Takes out what `goes` says and frees it unlocked. */
static void
remove_where(struct reader *r, bool (*goes)(const struct object *, CK_ULONG), CK_ULONG arg)
{
	struct object_list gone = { 0 };
	size_t kept = 0;

	pthread_mutex_lock(&r->lock);
		for (size_t i = 0; i < r->objects.n; i++) {
			if (!goes(r->objects.p[i], arg))
				r->objects.p[kept++] = r->objects.p[i];
			else
				object_list_take(&gone, r->objects.p[i]);
		}
		r->objects.n = kept;
	pthread_mutex_unlock(&r->lock);
	object_list_free(&gone);
}

static bool
has_handle(const struct object *o, CK_ULONG h)
{
	return o->h == h;
}

static bool
has_owner(const struct object *o, CK_ULONG owner)
{
	return !o->token && o->owner == owner;
}

static bool
is_private_of(const struct object *o, CK_ULONG pin)
{
	return !o->token && o->priv && o->pin == pin;
}

void
reader_remove_object(struct reader *r, CK_OBJECT_HANDLE h)
{
	remove_where(r, has_handle, h);
}

void
reader_remove_owned(struct reader *r, CK_SESSION_HANDLE owner)
{
	remove_where(r, has_owner, owner);
}

void
reader_hide_private(struct reader *r, unsigned pin)
{
	remove_where(r, is_private_of, pin);
	pthread_mutex_lock(&r->lock);
		for (size_t i = 0; i < r->objects.n; i++)
			if (r->objects.p[i]->priv && r->objects.p[i]->pin == pin)
				object_rename(r->objects.p[i]);
	pthread_mutex_unlock(&r->lock);
}

/* The object of a slot's PIN gets the attributes of now; the old one is handed over. At once: of two
 * threads the later one must not tell what the earlier one saw. */
static struct object *
tell_pin_locked(struct reader *r, unsigned pin, const struct pinslot *slot)
{
	struct object *with, *old = NULL;

	for (size_t i = 0; i < r->objects.n && !old; i++) {
		if (r->objects.p[i]->cls != CKO_HW_FEATURE || r->objects.p[i]->pin != pin)
			continue;
		if (!(with = object_new(feature_attrs_locked(slot, pin, r->world->settings), 0,
		    pin)))
			break;
		old = r->objects.p[i];
		with->h = old->h;
		r->objects.p[i] = with;
	}
	return old;
}

void
reader_tell_pins(struct reader *r, uint64_t gen)
{
	struct pinslot *slot;
	struct object *old;

	for (unsigned pin = 0; pin < r->world->slots; pin++) {
		old = NULL;
		pthread_mutex_lock(&r->lock);
			if ((slot = reader_slot_locked(r, gen, pin)))
				old = tell_pin_locked(r, pin, slot);
		pthread_mutex_unlock(&r->lock);
		object_unref(&old);
	}
}

/* The bytes of a source: a file's, or the public numbers of a key that only the key tells. */
static int
read_body(struct card *card, const struct source *src, struct buf *body)
{
	struct key_parts pub = { 0 };
	int err;

	if (src->kind != SOURCE_KEY)
		return token_read_file(card, &src->path, &src->range, body);
	if (!card->ops->public_key)
		return E_NOT_FOUND;
	if (!(err = card->ops->public_key(card, &src->key, &pub)))
		err = keyparts_public_der(&pub, src->key.kind, body);
	key_parts_free(&pub);
	return err;
}

int
reader_read_source(struct card *card, void *arg)
{
	struct source *src = arg;
	struct buf *body = calloc(1, sizeof *body), *none = NULL;
	bool wait = false;
	int err;

	if (!body)
		return E_MEM;
	err = read_body(card, src, body);
	if (err && token_can_spare(err)) {
		log_warn("certificate or public key cannot be read: %s", err_text(err));
		/* what the PIN guards may be read later; what is not there, or not for us, will not
		 * be there next time: empty says so */
		wait = err == E_PIN_NEEDED;
		buf_reset(body);
		err = 0;
	}
	if (err || wait || !atomic_compare_exchange_strong(&src->body, &none, body)) {
		buf_free(body);
		free(body);
	}
	return wait ? E_PIN_NEEDED : err;
}

static bool
shows_source(const struct object *o, CK_ULONG src)
{
	return o->token && (CK_ULONG)(uintptr_t)o->src == src;
}

/* A certificate that the directory names and that is not there: what hangs on it is not shown any more, for
 * nobody can do anything with it, and a key that has no numbers least of all. */
bool
reader_is_hollow(const struct object *o)
{
	const struct buf *body = o->src ? atomic_load(&o->src->body) : NULL;

	return body && o->src->kind == SOURCE_CERT && !body->len;
}

CK_RV
reader_fill(struct reader *r, uint64_t gen, struct object *o)
{
	int err = 0;

	if (!o->src)
		return CKR_OK;
	if (!atomic_load(&o->src->body))
		err = reader_run(r, gen, reader_read_source, o->src);
	if (err == E_PIN_NEEDED)
		err = 0;
	if (!err && reader_is_hollow(o))
		remove_where(r, shows_source, (CK_ULONG)(uintptr_t)o->src);
	if (!err)
		err = build_complete(o);
	return rv_from(err);
}

#include "token/pinclass.h"

#include "base/log.h"

bool
pinclass_is_pin2(struct reader *r, uint64_t gen, unsigned pin)
{
	struct pinslot *slot;
	bool is;

	pthread_mutex_lock(&r->lock);
		is = (slot = reader_slot_locked(r, gen, pin)) && slot->is_pin2;
	pthread_mutex_unlock(&r->lock);
	return is;
}

/* A private key of the slot whose certificate was not looked at yet, by index; NULL behind the last. */
static struct object *
key_at(struct session *s, size_t at)
{
	struct object *o = NULL;

	pthread_mutex_lock(&s->r->lock);
		for (size_t i = 0; s->r->gen == s->gen && i < s->r->objects.n && !o; i++)
			if (s->r->objects.p[i]->cls == CKO_PRIVATE_KEY &&
			    s->r->objects.p[i]->pin == s->pin && s->r->objects.p[i]->token && !at--)
				o = object_ref(s->r->objects.p[i]);
	pthread_mutex_unlock(&s->r->lock);
	return o;
}

CK_RV
pinclass_find(struct session *s)
{
	struct object *o;
	bool says = false;
	CK_RV rv;

	if (pinclass_is_pin2(s->r, s->gen, s->pin))
		return CKR_OK;
	rv = reader_load(s->r, s->gen);
	for (size_t i = 0; !rv && !says && (o = key_at(s, i));) {
		/* a key without a certificate asks nothing of the card here */
		if (o->src && o->src->kind == SOURCE_CERT && !(rv = reader_fill(s->r, s->gen, o)))
			says = attrs_get_bool(object_attrs(o), CKA_ALWAYS_AUTHENTICATE, false);
		i += !reader_is_hollow(o); /* which is not shown any more, so that the next one has its place */
		object_unref(&o);
	}
	if (!rv && says)
		pinclass_tighten(s->r, s->gen, s->pin);
	return rv;
}

/* A handle of a private key in the slot that does not say yet that its PIN is given for every use;
 * 0: there is none. *a: its attributes as they shall be. */
static CK_OBJECT_HANDLE
next_unmarked(struct reader *r, uint64_t gen, unsigned pin, struct attrs **a)
{
	struct attrs_build b = { 0 };
	struct object *o = NULL;
	CK_OBJECT_HANDLE h = 0;

	pthread_mutex_lock(&r->lock);
		for (size_t i = 0; r->gen == gen && i < r->objects.n && !h; i++) {
			if (r->objects.p[i]->cls != CKO_PRIVATE_KEY || r->objects.p[i]->pin != pin ||
			    attrs_get_bool(object_attrs(r->objects.p[i]), CKA_ALWAYS_AUTHENTICATE,
			    false))
				continue;
			o = object_ref(r->objects.p[i]);
			h = o->h;
		}
	pthread_mutex_unlock(&r->lock);
	if (!o)
		return 0;
	attrs_bool(&b, CKA_ALWAYS_AUTHENTICATE, true);
	attrs_add_all(&b, o->base);
	*a = attrs_seal(&b);
	object_unref(&o);
	return h;
}

void
pinclass_tighten(struct reader *r, uint64_t gen, unsigned pin)
{
	struct pinslot *slot;
	struct attrs *a = NULL;
	CK_OBJECT_HANDLE h;
	bool news = false;

	pthread_mutex_lock(&r->lock);
		if ((slot = reader_slot_locked(r, gen, pin)) && !slot->is_pin2) {
			slot->is_pin2 = true;
			pincache_wipe(&slot->cache);
			news = pinslot_each_time(slot, r->world->settings);
		}
	pthread_mutex_unlock(&r->lock);
	if (!news)
		return;
	log_info("%s: a certificate says that its key is for legally binding signatures", r->name);
	pthread_mutex_lock(&r->change_lock);
		while ((h = next_unmarked(r, gen, pin, &a)))
			if (reader_replace_attrs(r, gen, h, a, NULL))
				break;
	pthread_mutex_unlock(&r->change_lock);
}

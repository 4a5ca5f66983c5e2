#include "token/expiry_card.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/os.h"
#include "base/utf8.h"
#include "token/dir.h"
#include "token/expiry.h"

#define LABEL_MAX 64 /* bytes of the card's name for a PIN in a label of ours */

/* What is known before the card is asked. */
struct look {
	struct session *s;
	struct token *t;        /* a reference */
	struct pin_age age;     /* of the session's slot, as it was */
	uint32_t today;
};

static long
period_of(const struct session *s)
{
	return settings_int(s->world->settings, SET_changePinPeriod);
}

static unsigned
kept_of(const struct session *s)
{
	return (unsigned)settings_int(s->world->settings, SET_changePinCacheCount);
}

static uint32_t
today(void)
{
	long day = os_today();

	return day < 0 ? 0 : (uint32_t)day;
}

/* A PIN that the card's own directory tells of; another one is none of ours to write about. */
static bool
can_expire(const struct pinslot *slot)
{
	return slot->has_pin && slot->auth_id.len && !slot->pin.guess && slot->pin.ref > 0 &&
	    slot->pin.ref <= UINT8_MAX;
}

bool
expiry_is_on(struct session *s)
{
	struct token *t = period_of(s) > 0 ? reader_token(s->r, s->gen) : NULL;
	bool on = t && can_expire(&t->slot[s->pin]);

	token_unref(&t);
	return on;
}

/* Errors after which nothing more can be said to the card, or done at all. */
static bool
is_fatal(int err)
{
	switch (err) {
	case E_GONE:
	case E_RESET:
	case E_IO:
	case E_MEM:
	case E_NO_READER:
	case E_BUSY:
		return true;
	default:
		return false;
	}
}

/* Said once for a PIN and card; 0 but for what is fatal. */
static int
complain(struct session *s, unsigned pin, const char *what, int err)
{
	struct pinslot *slot;
	bool told = true;

	if (!err || is_fatal(err))
		return err;
	pthread_mutex_lock(&s->r->lock);
		if ((slot = reader_slot_locked(s->r, s->gen, pin))) {
			told = slot->age.told;
			slot->age.told = true;
		}
	pthread_mutex_unlock(&s->r->lock);
	if (!told)
		log_warn("%s: PIN%u: %s: %s", s->r->name, pin + 1, what, err_text(err));
	return 0;
}

static struct pin_age
age_of(struct session *s, unsigned pin)
{
	struct pin_age age = { .looked = true };
	struct pinslot *slot;

	pthread_mutex_lock(&s->r->lock);
		if ((slot = reader_slot_locked(s->r, s->gen, pin)))
			age = slot->age;
	pthread_mutex_unlock(&s->r->lock);
	return age;
}

static void
note_file(struct session *s, unsigned pin, const struct path *file)
{
	struct pinslot *slot;

	pthread_mutex_lock(&s->r->lock);
		if ((slot = reader_slot_locked(s->r, s->gen, pin))) {
			slot->age.has_file = true;
			slot->age.file = *file;
		}
	pthread_mutex_unlock(&s->r->lock);
}

/* What the object says now; NULL: nothing that could be read. */
static void
note_age(struct session *s, const struct expiry *e)
{
	uint64_t epoch = shared_epoch(&s->world->shared);
	struct pinslot *slot;
	struct pin_age *age;

	pthread_mutex_lock(&s->r->lock);
		if ((slot = reader_slot_locked(s->r, s->gen, s->pin))) {
			age = &slot->age;
			age->known = e != NULL;
			age->epoch = epoch;
			if (e) {
				age->first = e->first;
				age->changed = e->day;
				age->due = expiry_due(e, period_of(s), settings_int(s->world->settings,
				    SET_changePinInitialPeriod));
			}
		}
	pthread_mutex_unlock(&s->r->lock);
}

static void
note_pending(struct session *s, bool pending)
{
	struct pinslot *slot;

	pthread_mutex_lock(&s->r->lock);
		if ((slot = reader_slot_locked(s->r, s->gen, s->pin)))
			slot->age.pending = pending;
	pthread_mutex_unlock(&s->r->lock);
}

/* ---- the file ---- */

static int
hash_pin(struct session *s, const struct expiry *e, struct view pin, struct buf *out)
{
	return soft_stretch(s->world->soft, pin, view_of(e->salt, sizeof e->salt), EXPIRY_ROUNDS,
	    EXPIRY_HASH, out);
}

/* An object that begins today. */
static int
begin(struct session *s, unsigned room, bool first, struct expiry *e)
{
	struct buf salt = BUF_INIT;
	int err = soft_random(s->world->soft, EXPIRY_SALT, &salt);

	*e = (struct expiry){ .day = today(), .first = first, .room = room };
	if (!err)
		memcpy(e->salt, salt.p, EXPIRY_SALT);
	buf_free(&salt);
	return err;
}

/* One command, which the card does or does not. */
static int
write_head(struct card *card, const struct path *file, const struct expiry *e)
{
	struct buf head = BUF_INIT;
	int err;

	expiry_encode(e, &head);
	if (!(err = buf_err(&head)))
		err = card->ops->write ? card->ops->write(card, file, 0, buf_peek(&head)) : E_UNSUPPORTED;
	buf_free(&head);
	return err;
}

static int
read_file(struct card *card, const struct path *file, bool all, struct buf *ef)
{
	const struct range range = { .whole = all, .len = all ? 0 : EXPIRY_HEAD };

	return token_read_file(card, file, &range, ef);
}

/* How many old PINs a file takes that holds nothing yet, or nothing that makes sense. */
static unsigned
room_for(struct session *s, size_t size)
{
	unsigned room = expiry_room(size);

	return room < kept_of(s) ? room : kept_of(s);
}

/* The first words in a file that is there already. */
static int
begin_in(struct session *s, struct card *card, const struct path *file, struct expiry *e)
{
	struct buf ef = BUF_INIT;
	int err;

	if (!(err = read_file(card, file, true, &ef)) &&
	    !(err = ef.len < EXPIRY_HEAD ? E_FULL : begin(s, room_for(s, ef.len), true, e)))
		err = write_head(card, file, e);
	buf_free(&ef);
	return err;
}

/* An old PIN becomes the latest entry. What cannot be stored is no reason to have the new one changed
 * tomorrow. */
static int
push(struct session *s, struct card *card, const struct path *file, struct expiry *e, struct view old)
{
	struct buf hash = BUF_INIT_SECRET;
	int err;

	if (!old.p || !e->room || !kept_of(s))
		return 0;
	if (!(err = hash_pin(s, e, old, &hash)))
		err = card->ops->write ? card->ops->write(card, file, expiry_size(e->next),
		    buf_peek(&hash)) : E_UNSUPPORTED;
	if (!err)
		expiry_pushed(e);
	buf_free(&hash);
	return complain(s, s->pin, "the old PIN could not be stored on the card", err);
}

/* Entry first, then the head: a cut between them leaves what was there, but for the oldest entry. */
static void
renew(struct session *s, struct card *card, const struct path *file, struct view old)
{
	struct buf ef = BUF_INIT;
	struct expiry e;
	int err;

	if ((err = read_file(card, file, true, &ef)))
		goto out;
	if ((expiry_decode(buf_peek(&ef), &e) || ef.len < expiry_size(e.room)) &&
	    (err = ef.len < EXPIRY_HEAD ? E_FULL : begin(s, room_for(s, ef.len), false, &e)))
		goto out;
	if ((err = push(s, card, file, &e, old)))
		goto out;
	e.day = today();
	e.first = false;
	if (!(err = write_head(card, file, &e)))
		note_age(s, &e);
out:
	note_pending(s, err != 0);
	if (err)
		log_warn("%s: the change of PIN%u could not be noted on the card: %s", s->r->name,
		    s->pin + 1, err_text(err));
	buf_free(&ef);
}

/* ---- finding and making the objects ---- */

/* Every data object the card's directories name. Nothing must be made because a directory could not be
 * read. */
static int
read_records(struct card *card, const struct p15_odf *odf, struct p15_objects *out)
{
	struct buf ef = BUF_INIT;
	size_t skipped = 0;
	int err = 0;

	for (size_t i = 0; i < odf->n && !err; i++) {
		if (odf->e[i].kind != P15_DATA)
			continue;
		buf_reset(&ef);
		if (!(err = token_read_file(card, &odf->e[i].path, &odf->e[i].range, &ef)))
			err = p15_dir_decode(&odf->e[i], buf_peek(&ef), out, &skipped);
		/* no record in it, but what a cut write left; where it is worse nothing can be appended */
		if (err == E_FORMAT)
			err = 0;
	}
	buf_free(&ef);
	return err;
}

static const struct p15_object *
find_record(const struct p15_objects *recs, const struct p15_id *auth_id)
{
	for (size_t i = 0; i < recs->n; i++)
		if (recs->p[i]->application &&
		    strcmp(recs->p[i]->application, EXPIRY_APPLICATION) == 0 &&
		    p15_id_eq(&recs->p[i]->auth_id, auth_id))
			return recs->p[i];
	return NULL;
}

static struct p15_object *
new_record(const struct pinslot *slot)
{
	struct p15_object *rec = calloc(1, sizeof *rec);
	struct buf label = BUF_INIT;

	if (!rec)
		return NULL;
	rec->kind = P15_DATA;
	rec->flags = P15_FLAG_PRIVATE;
	rec->auth_id = slot->auth_id;
	rec->range.whole = true;
	rec->path = (struct path){ .from = PATH_APP, .len = 2 };
	buf_fmt(&label, "PIN expiry: ");
	buf_put(&label, slot->label, utf8_cut(slot->label, LABEL_MAX));
	rec->label = strdup(buf_text(&label));
	rec->application = strdup(EXPIRY_APPLICATION);
	if (buf_err(&label) || !rec->label || !rec->application)
		p15_object_free(&rec);
	buf_free(&label);
	return rec;
}

/* File, head and record, or nothing of them. The head of another slot's is for that slot's PIN to
 * write. */
static int
put(struct look *k, struct card *card, unsigned pin, struct p15_object *rec, struct expiry *e)
{
	const struct pinslot *slot = &k->t->slot[pin];
	struct new_file f = { .type = NEW_EF, .size = expiry_size(kept_of(k->s)) };
	struct made made = { .nfile = 0 };
	int err;

	f.pin = (uint8_t)slot->pin.ref;
	/* what only another PIN could take away again is not begun without need */
	if ((err = dir_has_room(card, &k->t->odf, rec)) ||
	    (err = dir_new_file(card, FILES_DATA, &f, &made)))
		return err;
	rec->path = f.path;
	if (pin == k->s->pin && !(err = begin(k->s, kept_of(k->s), true, e)))
		err = write_head(card, &f.path, e);
	if (err || (err = dir_append(card, &k->t->odf, rec, &made)))
		dir_undo(card, &made);
	return err;
}

static int
make(struct look *k, struct card *card, unsigned pin)
{
	struct p15_object *rec;
	struct p15_objects all = { &rec, 1 };
	struct expiry e;
	int err;

	if (!card->ops->create || !card->ops->write)
		return E_UNSUPPORTED;
	if (!(rec = new_record(&k->t->slot[pin])))
		return E_MEM;
	if (!(err = put(k, card, pin, rec, &e))) {
		log_info("%s: PIN%u: a PIN expiry object was put on the card", k->s->r->name, pin + 1);
		note_file(k->s, pin, &rec->path);
		if (pin == k->s->pin)
			note_age(k->s, &e);
		reader_add_records(k->s->r, k->s->gen, &all);
	}
	p15_object_free(&rec);
	return err;
}

/* Finds the objects of all slots, and makes what is missing: which PIN lets files be made is up to the
 * card, and on those at hand it is PIN1 for both. */
static int
survey(struct look *k, struct card *card)
{
	struct p15_objects recs = { 0 };
	const struct p15_object *rec;
	int err;

	pthread_mutex_lock(&k->s->r->lock);
		k->t->slot[k->s->pin].age.looked = true;
	pthread_mutex_unlock(&k->s->r->lock);
	if ((err = read_records(card, &k->t->odf, &recs)))
		err = complain(k->s, k->s->pin, "the directory of data objects cannot be read", err);
	else
		for (unsigned i = 0; i < k->s->world->slots && !err; i++) {
			if (!can_expire(&k->t->slot[i]) || age_of(k->s, i).has_file)
				continue;
			if ((rec = find_record(&recs, &k->t->slot[i].auth_id)))
				note_file(k->s, i, &rec->path);
			else if ((err = make(k, card, i)))
				err = complain(k->s, i, "no PIN expiry object could be made", err);
		}
	p15_objects_free(&recs);
	return err;
}

/* ---- for others ---- */

static bool
look_begin(struct look *k, struct session *s)
{
	*k = (struct look){ .s = s, .today = today() };
	if (period_of(s) <= 0 || !(k->t = reader_token(s->r, s->gen)))
		return false;
	if (!can_expire(&k->t->slot[s->pin])) {
		token_unref(&k->t);
		return false;
	}
	k->age = age_of(s, s->pin);
	return true;
}

static int
find_file(struct look *k, struct card *card)
{
	int err = 0;

	if (!k->age.has_file && !k->age.looked) {
		err = survey(k, card);
		k->age = age_of(k->s, k->s->pin);
	}
	return err;
}

/* Reads how old the PIN is, which is open. keeps: what was known stays when the
 * file cannot be read. */
static int
read_age(struct look *k, struct card *card, bool keeps)
{
	struct buf ef = BUF_INIT;
	struct expiry e;
	int err;

	if (!(err = read_file(card, &k->age.file, false, &ef)) &&
	    (err = expiry_decode(buf_peek(&ef), &e)) == E_NOT_FOUND)
		err = begin_in(k->s, card, &k->age.file, &e);
	buf_free(&ef);
	if (is_fatal(err))
		return err;
	/* a closed PIN is one that will be verified, which tells */
	if (!err || !keeps || err == E_PIN_NEEDED)
		note_age(k->s, err ? NULL : &e);
	return err;
}

int
expiry_verified(struct session *s, struct card *card)
{
	struct look k;
	int err;

	if (!look_begin(&k, s))
		return 0;
	err = find_file(&k, card);
	if (!err && k.age.has_file && k.age.pending)
		renew(s, card, &k.age.file, view_of(NULL, 0));
	else if (!err && k.age.has_file && (!k.age.known || k.today >= k.age.due) &&
	    (err = read_age(&k, card, false)))
		err = complain(s, s->pin, "the PIN expiry object cannot be used", err);
	token_unref(&k.t);
	return err;
}

bool
expiry_is_due(struct session *s)
{
	struct pin_age age = age_of(s, s->pin);

	return pin_age_is_due(&age);
}

static int
verb_reread(struct card *card, void *arg)
{
	struct look *k = arg;

	return read_age(k, card, true);
}

int
expiry_gate(struct session *s)
{
	struct look k;

	if (!expiry_is_due(s) || !look_begin(&k, s))
		return 0;
	/* when it cannot be read, it is a matter of the next verification */
	if (k.age.has_file && k.age.epoch != shared_epoch(&s->world->shared))
		reader_run(s->r, s->gen, verb_reread, &k);
	token_unref(&k.t);
	return expiry_is_due(s) ? E_PIN_EXPIRED : 0;
}

int
expiry_may_become(struct session *s, struct card *card, struct view old, struct view new)
{
	struct buf ef = BUF_INIT, hash = BUF_INIT_SECRET;
	struct expiry e;
	struct look k;
	int err = 0;

	/* no secret from who gave both */
	if (view_eq(old, new))
		return E_PIN_USED;
	if (!look_begin(&k, s))
		return 0;
	if (k.age.has_file && k.age.known && kept_of(s) &&
	    !(err = read_file(card, &k.age.file, true, &ef)) &&
	    !(err = expiry_decode(buf_peek(&ef), &e)) && e.used &&
	    !(err = hash_pin(s, &e, new, &hash)) &&
	    expiry_has(&e, buf_peek(&ef), kept_of(s), buf_peek(&hash)))
		err = E_PIN_USED;
	if (err && err != E_PIN_USED)
		err = complain(s, s->pin, "the old PINs cannot be read", err);
	token_unref(&k.t);
	buf_free(&ef);
	buf_free(&hash);
	return err;
}

void
expiry_renew(struct session *s, struct card *card, struct view old)
{
	struct look k;
	int err;

	if (!look_begin(&k, s))
		return;
	if ((err = find_file(&k, card)))
		log_warn("%s: the change of PIN%u could not be noted on the card: %s", s->r->name,
		    s->pin + 1, err_text(err));
	else if (k.age.has_file)
		renew(s, card, &k.age.file, old);
	token_unref(&k.t);
}

void
expiry_renew_later(struct session *s)
{
	note_pending(s, true);
}

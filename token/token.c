#include "token/token.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/utf8.h"
#include "token/dialog_text.h"
#include "token/tokeninfo.h"

void
pad_text(CK_UTF8CHAR *field, size_t size, const char *s)
{
	size_t n = s ? utf8_cut(s, size) : 0;

	memset(field, ' ', size);
	if (n)
		memcpy(field, s, n);
}

struct token *
token_ref(struct token *t)
{
	atomic_fetch_add(&t->refs, 1);
	return t;
}

void
token_unref(struct token **t)
{
	struct token *dead = *t;

	*t = NULL;
	if (!dead || atomic_fetch_sub(&dead->refs, 1) != 1)
		return;
	for (unsigned i = 0; i < PINS_PER_READER; i++) {
		pinslot_wipe_locked(&dead->slot[i]);
		free(dead->slot[i].label);
	}
	p15_objects_free(&dead->keys);
	buf_free(&dead->serial);
	free(dead->label);
	free(dead->manufacturer);
	free(dead);
}

bool
token_can_spare(int err)
{
	switch (err) {
	case E_NOT_FOUND:
	case E_DENIED:
	case E_PIN_NEEDED:
	case E_CARD:
	case E_PROTOCOL:
	case E_FORMAT:
	case E_LIMIT:
		return true;
	default:
		return false;
	}
}

int
token_read_file(struct card *card, const struct path *path, const struct range *range, struct buf *out)
{
	size_t before = out->len;
	int err = card->ops->read(card, path, range, out);

	if (err == E_CARD || err == E_PROTOCOL) {
		buf_trim(out, before);
		err = card->ops->read(card, path, range, out);
	}
	return err ? err : buf_err(out);
}

int
token_spare_file(struct card *card, const struct path *path, const struct range *range, const char *what,
    struct buf *out)
{
	static const struct range whole = { .whole = true };
	size_t before = out->len;
	int err;

	err = token_read_file(card, path, range ? range : &whole, out);
	if (err && token_can_spare(err)) {
		log_info("%s: %s", what, err_text(err));
		buf_trim(out, before);
		err = 0;
	}
	return err;
}

static const char *const kind_names[] = {
	[P15_PRIVATE] = "private keys", [P15_PUBLIC] = "public keys", [P15_SECRET] = "secret keys",
	[P15_CERT] = "certificates", [P15_DATA] = "data objects", [P15_AUTH] = "PINs",
};

/* Cards pad their directories to many times what they hold, and each quarter of a kilobyte takes
 * a real card some 50 ms. So a directory is read up to as much filler as no deleted record leaves behind: on cards
 * that nobody writes to, somewhat more than a record. (OpenSC stops at the first byte of filler.) */
#define DIR_FILLER 256
#define DIR_FILLER_READ_ONLY 96

static int
read_dir(struct card *card, const struct p15_odf_entry *e, struct buf *out)
{
	struct range range = e->range;

	if (range.whole)
		range.filler = card->ops->write ? DIR_FILLER : DIR_FILLER_READ_ONLY;
	return token_spare_file(card, &e->path, &range, "directory file", out);
}

/* Appends the records of every directory of one kind. *worst: how much was seen of one of them. */
static int
read_dirs(struct card *card, const struct p15_odf *odf, enum p15_kind kind, struct p15_objects *out,
    enum p15_seen *worst)
{
	struct buf ef = BUF_INIT;
	size_t skipped = 0, before;
	int err = 0;

	for (size_t i = 0; i < odf->n && !err; i++) {
		if (odf->e[i].kind != kind)
			continue;
		buf_reset(&ef);
		before = skipped;
		err = read_dir(card, &odf->e[i], &ef);
		if (!ef.len)
			*worst = SEEN_NOTHING;
		if (!err && ef.len)
			err = p15_dir_decode(&odf->e[i], buf_peek(&ef), out, &skipped);
		if (err == E_FORMAT || err == E_LIMIT) {
			log_warn("the card's directory of %s cannot be read: %s", kind_names[kind], err_text(err));
			skipped = before; /* that was all of it */
			*worst = *worst > SEEN_GARBLED ? *worst : SEEN_GARBLED;
			err = 0;
		}
	}
	if (skipped)
		log_warn("%zu records of the card's directory of %s cannot be read", skipped, kind_names[kind]);
	buf_free(&ef);
	return err;
}

/* Of what the profile knows of the card's objects. */
static const struct p15_object *
given_object(const struct profile *pf, enum p15_kind kind, const struct p15_id *id)
{
	for (size_t i = 0; pf->objects && i < pf->objects->n; i++)
		if (pf->objects->p[i]->kind == kind && p15_id_eq(&pf->objects->p[i]->id, id))
			return pf->objects->p[i];
	return NULL;
}

/* ... of the holder's: an authority's certificate alone is no directory of them. */
static bool
has_kind(const struct p15_objects *recs, enum p15_kind kind)
{
	for (size_t i = 0; i < recs->n; i++)
		if (recs->p[i]->kind == kind && !recs->p[i]->authority && !recs->p[i]->trusted)
			return true;
	return false;
}

/* The profile's objects of a kind of which the card's directory has none: a card that does not show it may
 * still have the files. `card` NULL: their files are not looked for. */
static int
add_given(struct card *card, const struct profile *pf, enum p15_kind kind, struct p15_objects *recs)
{
	struct file_info info;
	int err = 0;

	if (!pf->objects || has_kind(recs, kind))
		return 0;
	for (size_t i = 0; i < pf->objects->n && !err; i++) {
		if (pf->objects->p[i]->kind != kind)
			continue;
		if (card && (err = card->ops->info(card, &pf->objects->p[i]->path, &info)) != 0) {
			err = token_can_spare(err) || err == E_UNSUPPORTED ? 0 : err;
			continue;
		}
		err = p15_objects_take(recs, p15_object_copy(pf->objects->p[i]));
	}
	return err;
}

/* Whether a key that is there shows as a file, so that a card that was never given keys is told from one whose
 * directory cannot be read. */
static bool
key_files_show(const struct profile *pf)
{
	return pf->env.key_by & 1u << KEY_BY_FILE;
}

/* Keys without a reference or a place get the profile's, if it knows a key of that id. */
static void
complete_keys(const struct profile *pf, struct p15_objects *keys)
{
	const struct p15_object *given;

	for (size_t i = 0; i < keys->n; i++) {
		if (!(given = given_object(pf, P15_PRIVATE, &keys->p[i]->id)) ||
		    given->key.kind != keys->p[i]->key.kind)
			continue;
		if (!keys->p[i]->key.ref_valid) {
			keys->p[i]->key.ref = given->key.ref;
			keys->p[i]->key.ref_valid = given->key.ref_valid;
		}
		if (!keys->p[i]->key.path.len)
			keys->p[i]->key.path = given->key.path;
	}
}

static int
read_tries(struct card *card, struct pinslot *slot, int puk_tries)
{
	struct pin_state state;
	int err;

	if (!slot->has_pin)
		return 0;
	err = card_pin_info(card, &slot->pin, puk_tries, &state);
	if (err == E_GONE || err == E_RESET || err == E_MEM)
		return err;
	slot->how = &card->pf->activation;
	slot->puk_max = slot->how->puk_tries > 0 ? slot->how->puk_tries : state.puk_tries_max;
	pinslot_state_locked(slot, &state);
	return 0;
}

/* Of a card that makes no keys those that its directory names are all there will be, once every one was seen. */
static unsigned
kinds_of(const struct profile *pf, const struct p15_objects *keys, enum p15_seen seen)
{
	unsigned kinds = 0;

	for (size_t i = 0; i < keys->n; i++)
		kinds |= 1u << keys->p[i]->key.kind;
	return pf->keygen || !keys->n || seen != SEEN_ALL ? ~0u : kinds;
}

static int
read_pins(struct card *card, const struct settings *s, struct token *t)
{
	struct p15_objects auths = { 0 };
	enum p15_seen pins = SEEN_ALL, keys = SEEN_ALL;
	int err;

	if (!(err = read_dirs(card, &t->odf, P15_AUTH, &auths, &pins)) &&
	    !(err = read_dirs(card, &t->odf, P15_PRIVATE, &t->keys, &keys))) {
		t->key_kinds = kinds_of(t->pf, &t->keys, keys);
		err = add_given(key_files_show(t->pf) ? card : NULL, t->pf, P15_PRIVATE, &t->keys);
	}
	if (!err) {
		complete_keys(t->pf, &t->keys);
		err = pinslots_fill(t->slot, &auths, &t->keys, keys, t->pf, s);
	}
	for (unsigned i = 0; i < PINS_PER_READER && !err; i++) {
		/* what the directory allows the driver must be able to do, before a person is asked for it */
		t->slot[i].can_change &= card->ops->pin_change != NULL;
		t->slot[i].can_unblock &= card->ops->pin_unblock != NULL;
		/* one PUK for both is asked about once */
		err = read_tries(card, &t->slot[i], i && t->slot[0].pin.unblock_ref >= 0 &&
		    t->slot[0].pin.unblock_ref == t->slot[i].pin.unblock_ref ? t->slot[0].puk_tries : -1);
	}
	p15_objects_free(&auths);
	return err;
}

int
token_read(struct card *card, const struct settings *s, struct token **out)
{
	struct buf ef = BUF_INIT;
	struct pinpad pad;
	struct token *t;
	int err;

	token_unref(out); /* of a first attempt that a reset cut short */
	if (!(t = calloc(1, sizeof *t)))
		return E_MEM;
	atomic_init(&t->refs, 1);
	t->pf = card->pf;
	t->caps = card->caps;
	t->has_pad = settings_bool(s, SET_pinKeypad) && card_pinpad(card, &pad);
	for (unsigned i = 0; i < PINS_PER_READER; i++)
		t->slot[i].tries = t->slot[i].puk_tries = -1;
	if ((err = tokeninfo_read(card, t)))
		goto out;
	if ((err = token_spare_file(card, &card->pf->odf, NULL, "EF(ODF)", &ef)))
		goto out;
	if (ef.len && (err = p15_odf_decode(buf_peek(&ef), &t->odf)))
		log_warn("EF(ODF): %s", err_text(err));
	if (err == E_FORMAT || err == E_LIMIT)
		err = 0;
	if (!err)
		err = read_pins(card, s, t);
out:
	buf_free(&ef);
	if (err)
		token_unref(&t);
	*out = t;
	return err;
}

/* Both lists as one, for a moment: the records stay their owners'. */
static int
join_records(const struct p15_objects *a, const struct p15_objects *b, struct p15_objects *out)
{
	out->n = a->n + b->n;
	if (!(out->p = calloc(out->n + 1, sizeof *out->p)))
		return E_MEM;
	if (a->n)
		memcpy(out->p, a->p, a->n * sizeof *a->p);
	if (b->n)
		memcpy(out->p + a->n, b->p, b->n * sizeof *b->p);
	return 0;
}

/* What is kept where the card cannot be asked for it now is not shown. */
static void
leave_out_of_reach(const struct card *card, struct p15_objects *recs)
{
	size_t n = 0;

	for (size_t i = 0; i < recs->n; i++) {
		if (recs->p[i]->direct.len || card_can_select(card, &recs->p[i]->path))
			recs->p[n++] = recs->p[i];
		else
			p15_object_free(&recs->p[i]);
	}
	recs->n = n;
}

int
token_read_objects(struct card *card, const struct p15_odf *odf, const struct p15_objects *keys,
    const struct build_slots *slots, struct object_list *out)
{
	static const enum p15_kind kinds[] = { P15_PUBLIC, P15_CERT, P15_DATA };
	struct p15_objects recs = { 0 }, all = { 0 };
	enum p15_seen seen = SEEN_ALL; /* what is not does no harm here */
	int err = 0;

	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0] && !err; i++)
		err = read_dirs(card, odf, kinds[i], &recs, &seen);
	if (!err)
		err = add_given(card, card->pf, P15_CERT, &recs);
	leave_out_of_reach(card, &recs);
	for (unsigned i = 0; i < slots->n && !err; i++)
		if (!slots->p[i].hidden)
			err = object_list_take(out, build_profile_object(i));
	if (!err && !(err = join_records(keys, &recs, &all)))
		err = build_objects(&all, slots, out);
	free(all.p);
	p15_objects_free(&recs);
	return err;
}

/* The CKF_..._COUNT_LOW family from a number of tries. */
static CK_FLAGS
tries_flags(int tries, int max, CK_FLAGS low, CK_FLAGS final, CK_FLAGS locked)
{
	if (tries < 0)
		return 0;
	if (tries == 0)
		return locked;
	/* no card gives one try only */
	return (tries == 1 ? final | low : 0) | (max > 0 && tries < max ? low : 0);
}

/* utf8_cut, but at the end of a word where there is one, and not within brackets. */
static size_t
word_cut(const char *s, size_t most)
{
	size_t n = utf8_cut(s, most), end = n, open = 0;

	if (!s[n])
		return n;
	while (end && s[n] != ' ' && s[end - 1] != ' ')
		end--;
	end = end ? end : n;
	for (size_t i = 0; i < end; i++)
		open = s[i] == '(' ? i : s[i] == ')' ? 0 : open;
	end = open ? open : end;
	while (end && s[end - 1] == ' ')
		end--;
	return end;
}

/* "CARD (PIN2 signature)": when the card has two PINs, a person must see which one is meant, so what
 * is too long is cut off the card's name. */
static void
slot_label(const struct token *t, unsigned pin, enum text_lang lang, CK_UTF8CHAR *field, size_t size)
{
	static const enum dialog_text what[PINS_PER_READER] = { DIALOG_LABEL1, DIALOG_LABEL2 };
	const char *name = t->label && *t->label ? t->label : t->pf->model ? t->pf->model :
	    t->pf->name;
	struct buf label = BUF_INIT, tail = BUF_INIT;
	size_t room = size;

	if (t->slot[1].has_pin)
		buf_fmt(&tail, " (%s)", dialog_text(lang, what[pin]));
	if (tail.len < size)
		room = size - tail.len;
	buf_str(&label, name);
	if (tail.len)
		buf_trim(&label, word_cut(buf_text(&label), room));
	/* nobody shall take a virtual card for a real one (DESIGN 17.6) */
	if (io_is_virtual() && !strstr(buf_text(&label), "TEST CARD")) {
		buf_reset(&label);
		buf_fmt(&label, "TEST CARD %s", name);
		if (tail.len)
			buf_trim(&label, word_cut(buf_text(&label), room));
	}
	buf_view(&label, buf_peek(&tail));
	pad_text(field, size, buf_text(&label));
	buf_free(&label);
	buf_free(&tail);
}

void
token_info_locked(const struct token *t, unsigned pin, enum text_lang lang, CK_TOKEN_INFO *info)
{
	const struct pinslot *slot = &t->slot[pin];

	memset(info, 0, sizeof *info);
	slot_label(t, pin, lang, info->label, sizeof info->label);
	pad_text(info->manufacturerID, sizeof info->manufacturerID,
	    t->manufacturer ? t->manufacturer : t->pf->manufacturer ? t->pf->manufacturer : "");
	pad_text(info->model, sizeof info->model, t->pf->model ? t->pf->model : t->pf->name);
	pad_text(info->serialNumber, sizeof info->serialNumber, t->serial_text);
	memset(info->utcTime, ' ', sizeof info->utcTime);
	info->flags = CKF_TOKEN_INITIALIZED | CKF_RNG;
	if (slot->has_pin) {
		info->flags |= CKF_LOGIN_REQUIRED;
		info->flags |= slot->initialized ? CKF_USER_PIN_INITIALIZED : 0;
		info->flags |= tries_flags(slot->tries, slot->pin.tries_max, CKF_USER_PIN_COUNT_LOW,
		    CKF_USER_PIN_FINAL_TRY, CKF_USER_PIN_LOCKED);
		info->flags |= tries_flags(slot->puk_tries, -1, CKF_SO_PIN_COUNT_LOW,
		    CKF_SO_PIN_FINAL_TRY, CKF_SO_PIN_LOCKED);
		info->flags |= pin_age_is_due(&slot->age) || pinslot_activation(slot) == ACTIVATION_CHANGE ?
		    CKF_USER_PIN_TO_BE_CHANGED : 0;
		info->ulMinPinLen = slot->new_min;
		info->ulMaxPinLen = slot->pin.max;
	}
	info->ulTotalPublicMemory = info->ulFreePublicMemory = CK_UNAVAILABLE_INFORMATION;
	info->ulTotalPrivateMemory = info->ulFreePrivateMemory = CK_UNAVAILABLE_INFORMATION;
	info->hardwareVersion.major = (CK_BYTE)(t->caps.version >> 8);
	info->hardwareVersion.minor = (CK_BYTE)t->caps.version;
}

#include "token/token.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/os.h"
#include "base/secret.h"
#include "token/dialog_text.h"
#include "token/pinrule.h"

/* Bytes of a text of which at most `most` are wanted: never half a character, and no blank at the
 * end. */
static size_t
text_cut(const char *s, size_t most)
{
	size_t n = strlen(s);

	if (n <= most)
		return n;
	/* step back over continuation bytes */
	for (n = most; n && ((unsigned char)s[n] & 0xC0) == 0x80; n--)
		;
	while (n && s[n - 1] == ' ')
		n--;
	return n;
}

void
pad_text(CK_UTF8CHAR *field, size_t size, const char *s)
{
	size_t n = s ? text_cut(s, size) : 0;

	memset(field, ' ', size);
	if (n)
		memcpy(field, s, n);
}

void
token_text_cut(struct buf *out, const char *s, size_t most)
{
	buf_put(out, s, text_cut(s, most));
}

bool
pin_age_is_due(const struct pin_age *age)
{
	/* a clock that went back makes nothing older */
	return age->known && !age->pending && os_today() >= age->due;
}

void
pinslot_wipe_locked(struct pinslot *slot)
{
	secret_free(&slot->puk);
	secret_free(&slot->once.pin);
	pincache_wipe(&slot->cache);
}

bool
pinslot_each_time(const struct pinslot *slot, const struct settings *s)
{
	return settings_bool(s, SET_dropAuthentication) ||
	    (slot->is_pin2 && settings_bool(s, SET_pin2EveryTime));
}

void
pinslot_closed_locked(struct pinslot *slot, const struct settings *s)
{
	slot->opened = false;
	if (slot->login == LOGIN_USER && !pinslot_each_time(slot, s) && !slot->cache.pin) {
		slot->login = LOGIN_PUBLIC;
		slot->lost = true;
	}
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

/* One directory EF; what cannot be found or read is logged and left out, since a card with
 * one bad file must still serve the rest. */
static int
read_ef(struct card *card, const struct path *path, const struct range *range, const char *what,
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

/* 16 characters at most: readable text as it is, anything else in hexadecimal. */
static void
serial_to_text(struct view serial, char text[17])
{
	struct buf b = BUF_INIT;
	bool printable = serial.len > 0 && serial.len <= 16;
	size_t n;

	for (size_t i = 0; i < serial.len; i++)
		printable &= serial.p[i] > ' ' && serial.p[i] < 127;
	if (printable)
		buf_view(&b, serial);
	else
		buf_hex(&b, serial);
	/* the end of a long serial number is what differs between cards */
	n = b.len > 16 ? b.len - 16 : 0;
	memset(text, 0, 17);
	if (b.len)
		memcpy(text, b.p + n, b.len - n);
	buf_free(&b);
}

static char *
take_text(char **from)
{
	char *s = *from;

	*from = NULL;
	return s;
}

static int
read_token_info(struct card *card, struct token *t)
{
	struct p15_token_info info = { 0 };
	struct buf ef = BUF_INIT;
	int err;

	if ((err = read_ef(card, &card->pf->token_info, NULL, "EF(TokenInfo)", &ef)))
		goto out;
	if (ef.len && (err = p15_token_info_decode(buf_peek(&ef), &info))) {
		log_warn("EF(TokenInfo): %s", err_text(err));
		err = err == E_MEM ? err : 0;
	}
	t->label = take_text(&info.label);
	t->manufacturer = take_text(&info.manufacturer);
	buf_view(&t->serial, buf_peek(card->serial.len ? &card->serial : &info.serial));
	serial_to_text(buf_peek(&t->serial), t->serial_text);
out:
	p15_token_info_free(&info);
	buf_free(&ef);
	return err;
}

static const char *const kind_names[] = {
	[P15_PRIVATE] = "private keys", [P15_PUBLIC] = "public keys", [P15_SECRET] = "secret keys",
	[P15_CERT] = "certificates", [P15_DATA] = "data objects", [P15_AUTH] = "PINs",
};

/* Cards pad their directories to many times what they hold, and each quarter of a kilobyte takes
 * a real card some 50 ms. So the head is read first, and the rest only unless the head ends in as
 * much filler as no deleted record leaves behind. (OpenSC stops at the first byte of filler.) */
#define DIR_HEAD 512
#define DIR_FILLER 256

static bool
ends_in_filler(struct view head)
{
	uint8_t filler = head.len ? head.p[head.len - 1] : 0;
	size_t n = 0;

	while (n < head.len && head.p[head.len - 1 - n] == filler)
		n++;
	return (filler == 0x00 || filler == 0xFF) && n >= DIR_FILLER;
}

static int
read_dir(struct card *card, const struct p15_odf_entry *e, struct buf *out)
{
	static const struct range head = { .len = DIR_HEAD };
	static const struct range rest = { .off = DIR_HEAD, .len = UINT16_MAX };
	int err;

	if (!e->range.whole)
		return read_ef(card, &e->path, &e->range, "directory file", out);
	if ((err = read_ef(card, &e->path, &head, "directory file", out)) || out->len < DIR_HEAD ||
	    ends_in_filler(buf_peek(out)))
		return err;
	return read_ef(card, &e->path, &rest, "directory file", out);
}

/* How much of the directories was seen. Garbled: up to there; a write that was cut short leaves so. */
enum seen { SEEN_ALL, SEEN_GARBLED, SEEN_NOTHING };

/* Appends the records of every directory of one kind. *worst: how much was seen of one of them. */
static int
read_dirs(struct card *card, const struct p15_odf *odf, enum p15_kind kind, struct p15_objects *out,
    enum seen *worst)
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

static const struct p15_object *
auth_by_id(const struct p15_objects *auths, const struct p15_id *id)
{
	for (size_t i = 0; id->len && i < auths->n; i++)
		if (p15_id_eq(&auths->p[i]->id, id))
			return auths->p[i];
	return NULL;
}

/* Whether one of the keys says that this PIN is of the PIN2 class. */
static bool
guards_pin2_key(const struct p15_objects *keys, const struct p15_id *auth)
{
	for (size_t i = 0; i < keys->n; i++)
		if (p15_id_eq(&keys->p[i]->auth_id, auth) && build_says_pin2(keys->p[i]))
			return true;
	return false;
}

/* The same for a slot: a key that names no PIN is the first one's (build.c). */
static bool
slot_guards_pin2_key(const struct p15_objects *keys, const struct pinslot *slot, bool first)
{
	static const struct p15_id none;

	return slot->has_pin && ((slot->auth_id.len && guards_pin2_key(keys, &slot->auth_id)) ||
	    (first && guards_pin2_key(keys, &none)));
}

static bool
is_user_pin(const struct p15_object *a)
{
	return !(a->pin_flags & (PINF_SO | PINF_UNBLOCKING));
}

/* The PINs that slots are made of: the first that is of class 1, then the first of the others, so
 * that nobody's order of records makes a browser ask for PIN2. */
static void
choose_pins(const struct p15_objects *auths, const struct p15_objects *keys,
    const struct p15_object *chosen[PINS_PER_READER])
{
	const struct p15_object *a, *first = NULL, *second = NULL;
	size_t more = 0;

	for (size_t i = 0; i < auths->n && !first; i++)
		if (is_user_pin(auths->p[i]) && !guards_pin2_key(keys, &auths->p[i]->id))
			first = auths->p[i];
	for (int class2 = 1; class2 >= 0; class2--) {
		for (size_t i = 0; i < auths->n; i++) {
			a = auths->p[i];
			if (!is_user_pin(a) || a == first ||
			    guards_pin2_key(keys, &a->id) != (class2 == 1))
				continue;
			if (!second)
				second = a;
			else if (a != second)
				more++;
		}
	}
	if (!first) {
		first = second;
		second = NULL;
		for (size_t i = 0; i < auths->n && !second; i++)
			if (is_user_pin(auths->p[i]) && auths->p[i] != first)
				second = auths->p[i];
	}
	if (more)
		log_warn("the card has more PINs than slots can show");
	chosen[0] = first;
	chosen[1] = second;
}

/* What the profile knows of a PIN and the directory does not tell. */
static const struct pin_ref *
profile_pin(const struct profile *pf, unsigned i, int ref)
{
	for (unsigned k = 0; k < 2; k++)
		if (pf->has_pin[k] && pf->pin[k].ref == ref)
			return &pf->pin[k];
	return pf->has_pin[i] ? &pf->pin[i] : pf->has_pin[0] ? &pf->pin[0] : NULL;
}

static int
take_pin(struct pinslot *slot, const struct p15_object *a, const struct p15_objects *auths,
    const struct pin_ref *known)
{
	const struct p15_object *puk;

	slot->has_pin = true;
	slot->pin = a->pin;
	slot->auth_id = a->id;
	slot->initialized = a->pin_flags & PINF_INITIALIZED;
	slot->can_change = !(a->pin_flags & PINF_CHANGE_DISABLED);
	slot->can_unblock = !(a->pin_flags & PINF_UNBLOCK_DISABLED);
	if (known) {
		slot->pin.tries_max = known->tries_max;
		slot->pin.forget = known->forget;
		slot->pin.puk_min = known->puk_min;
		slot->pin.puk_max = known->puk_max;
		slot->pin.puk_stored = known->puk_stored;
	}
	if ((puk = auth_by_id(auths, &a->auth_id))) {
		slot->pin.puk_min = puk->pin.min;
		slot->pin.puk_max = puk->pin.max;
		slot->pin.puk_stored = puk->pin.stored;
		slot->pin.unblock_ref = puk->pin.ref;
	}
	return (slot->label = strdup(a->label)) ? 0 : E_MEM;
}

/* The user PINs, PUKs and SO PINs left out; the PUK that unblocks a PIN is named by the PIN's
 * authId. */
static int
take_pins(struct token *t, const struct p15_objects *auths)
{
	const struct p15_object *chosen[PINS_PER_READER] = { NULL };
	int err = 0;

	choose_pins(auths, &t->keys, chosen);
	for (unsigned i = 0; i < PINS_PER_READER && !err; i++)
		if (chosen[i])
			err = take_pin(&t->slot[i], chosen[i], auths,
			    profile_pin(t->pf, i, chosen[i]->pin.ref));
	return err;
}

/* The directory is silent: what the profile says, with its `guess` mark. */
static int
take_profile_pins(struct token *t)
{
	struct pinslot *slot = &t->slot[0];

	if (slot->has_pin || !t->pf->has_pin[0])
		return 0;
	slot->has_pin = true;
	slot->pin = t->pf->pin[0];
	slot->initialized = slot->can_change = slot->can_unblock = true;
	return (slot->label = strdup("PIN")) ? 0 : E_MEM;
}

/* pinMinLength stands in for the directory's word, for new PINs in both directions; an old PIN may
 * still be as short as either allows. */
static void
apply_rules(struct pinslot *slot, const struct settings *s)
{
	struct pinrule rule;

	pinrule_of(s, &slot->pin, &rule);
	slot->new_min = rule.min;
	if (rule.min < slot->pin.min)
		slot->pin.min = rule.min;
}

static int
read_tries(struct card *card, struct pinslot *slot)
{
	struct pin_state state = { -1, -1, -1, -1 };
	int err;

	if (!slot->has_pin || slot->pin.guess || !card->ops->pin_info)
		return 0;
	err = card->ops->pin_info(card, &slot->pin, &state);
	if (err == E_GONE || err == E_RESET || err == E_MEM)
		return err;
	slot->tries = state.tries;
	/* the most we have seen, where nothing says how many there are after a success */
	if (state.tries_max > 0)
		slot->pin.tries_max = state.tries_max;
	if (state.tries > slot->pin.tries_max)
		slot->pin.tries_max = state.tries;
	slot->puk_tries = state.puk_tries;
	return 0;
}

static int
read_pins(struct card *card, const struct settings *s, struct token *t)
{
	struct p15_objects auths = { 0 };
	enum seen pins = SEEN_ALL, keys = SEEN_ALL;
	int err;

	if (!(err = read_dirs(card, &t->odf, P15_AUTH, &auths, &pins)) &&
	    !(err = read_dirs(card, &t->odf, P15_PRIVATE, &t->keys, &keys)) &&
	    !(err = take_pins(t, &auths)))
		err = take_profile_pins(t);
	for (unsigned i = 0; i < PINS_PER_READER && !err; i++) {
		/* a PIN whose keys were not seen may be one of those; a second one mostly is */
		t->slot[i].is_pin2 = slot_guards_pin2_key(&t->keys, &t->slot[i], i == 0) ||
		    (t->slot[i].auth_id.len && (keys == SEEN_NOTHING || (i && keys)));
		/* what the directory allows the driver must be able to do, before a person is asked for it */
		t->slot[i].can_change &= card->ops->pin_change != NULL;
		t->slot[i].can_unblock &= card->ops->pin_unblock != NULL;
		apply_rules(&t->slot[i], s);
		err = read_tries(card, &t->slot[i]);
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
	if ((err = read_token_info(card, t)))
		goto out;
	if ((err = read_ef(card, &card->pf->odf, NULL, "EF(ODF)", &ef)))
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

int
token_read_objects(struct card *card, const struct p15_odf *odf, const struct p15_objects *keys,
    const struct build_slots *slots, struct object_list *out)
{
	static const enum p15_kind kinds[] = { P15_PUBLIC, P15_CERT, P15_DATA };
	struct p15_objects recs = { 0 }, all = { 0 };
	enum seen seen = SEEN_ALL; /* what is not does no harm here */
	int err = 0;

	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0] && !err; i++)
		err = read_dirs(card, odf, kinds[i], &recs, &seen);
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

/* The same, but at the end of a word where there is one, and not within brackets. */
static size_t
word_cut(const char *s, size_t most)
{
	size_t n = text_cut(s, most), end = n, open = 0;

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
		info->flags |= pin_age_is_due(&slot->age) ? CKF_USER_PIN_TO_BE_CHANGED : 0;
		info->ulMinPinLen = slot->new_min;
		info->ulMaxPinLen = slot->pin.max;
	}
	info->ulTotalPublicMemory = info->ulFreePublicMemory = CK_UNAVAILABLE_INFORMATION;
	info->ulTotalPrivateMemory = info->ulFreePrivateMemory = CK_UNAVAILABLE_INFORMATION;
	info->hardwareVersion.major = (CK_BYTE)(t->caps.version >> 8);
	info->hardwareVersion.minor = (CK_BYTE)t->caps.version;
}

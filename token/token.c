#include "token/token.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/secret.h"

void
pad_text(CK_UTF8CHAR *field, size_t size, const char *text)
{
	size_t n = text ? strlen(text) : 0;

	memset(field, ' ', size);
	if (n > size)
		/* never half a character: step back over continuation bytes */
		for (n = size; n && ((unsigned char)text[n] & 0xC0) == 0x80; n--)
			;
	if (n)
		memcpy(field, text, n);
}

void
token_free(struct token **t)
{
	struct token *dead = *t;

	*t = NULL;
	if (!dead)
		return;
	for (unsigned i = 0; i < PINS_PER_READER; i++) {
		secret_free(&dead->slot[i].puk);
		free(dead->slot[i].label);
	}
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

/* Appends the records of every directory of one kind. */
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

static int
read_dirs(struct card *card, const struct p15_odf *odf, enum p15_kind kind, struct p15_objects *out)
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
		if (!err && ef.len)
			err = p15_dir_decode(&odf->e[i], buf_peek(&ef), out, &skipped);
		if (err == E_FORMAT || err == E_LIMIT) {
			log_warn("the card's directory of %s cannot be read: %s", kind_names[kind], err_text(err));
			skipped = before; /* that was all of it */
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

/* The user PINs in the card's own order, PUKs and SO PINs left out; the PUK that unblocks a
 * PIN is named by the PIN's authId. */
static int
take_pins(struct token *t, const struct p15_objects *auths)
{
	const struct p15_object *puk;
	struct p15_object *a;
	struct pinslot *slot;
	unsigned n = 0;

	for (size_t i = 0; i < auths->n && n < PINS_PER_READER; i++) {
		a = auths->p[i];
		if (a->pin_flags & (PINF_SO | PINF_UNBLOCKING))
			continue;
		slot = &t->slot[n++];
		slot->has_pin = true;
		slot->pin = a->pin;
		slot->auth_id = a->id;
		slot->initialized = a->pin_flags & PINF_INITIALIZED;
		slot->can_change = !(a->pin_flags & PINF_CHANGE_DISABLED);
		slot->can_unblock = !(a->pin_flags & PINF_UNBLOCK_DISABLED);
		if (!(slot->label = strdup(a->label)))
			return E_MEM;
		if (t->pf->has_pin[0]) {
			slot->pin.tries_max = t->pf->pin[0].tries_max;
			slot->pin.forget = t->pf->pin[0].forget;
			slot->pin.puk_min = t->pf->pin[0].puk_min;
			slot->pin.puk_max = t->pf->pin[0].puk_max;
			slot->pin.puk_stored = t->pf->pin[0].puk_stored;
		}
		if ((puk = auth_by_id(auths, &a->auth_id))) {
			slot->pin.puk_min = puk->pin.min;
			slot->pin.puk_max = puk->pin.max;
			slot->pin.puk_stored = puk->pin.stored;
			slot->pin.unblock_ref = puk->pin.ref;
		}
	}
	return 0;
}

static int
read_pins(struct card *card, struct token *t)
{
	struct p15_objects auths = { 0 };
	struct pin_state state;
	int err;

	if ((err = read_dirs(card, &t->odf, P15_AUTH, &auths)) || (err = take_pins(t, &auths)))
		goto out;
	if (!t->slot[0].has_pin && card->pf->has_pin[0]) {
		/* the directory is silent: what the profile says, with its `guess` mark */
		t->slot[0].has_pin = true;
		t->slot[0].pin = card->pf->pin[0];
		t->slot[0].initialized = t->slot[0].can_change = t->slot[0].can_unblock = true;
		if (!(t->slot[0].label = strdup("PIN")))
			err = E_MEM;
	}
	for (unsigned i = 0; i < PINS_PER_READER && !err; i++) {
		t->slot[i].tries = t->slot[i].puk_tries = -1;
		if (!t->slot[i].has_pin || t->slot[i].pin.guess || !card->ops->pin_info)
			continue;
		state.tries = state.puk_tries = state.verified = -1;
		err = card->ops->pin_info(card, &t->slot[i].pin, &state);
		if (err == E_GONE || err == E_RESET || err == E_MEM)
			break;
		err = 0;
		t->slot[i].tries = state.tries;
		/* the most we have seen, where nothing says how many there are after a success */
		if (state.tries > t->slot[i].pin.tries_max)
			t->slot[i].pin.tries_max = state.tries;
		t->slot[i].puk_tries = state.puk_tries;
	}
out:
	p15_objects_free(&auths);
	return err;
}

int
token_read(struct card *card, struct token **out)
{
	struct buf ef = BUF_INIT;
	struct token *t;
	int err;

	token_free(out); /* of a first attempt that a reset cut short */
	if (!(t = calloc(1, sizeof *t)))
		return E_MEM;
	t->pf = card->pf;
	t->caps = card->caps;
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
		err = read_pins(card, t);
out:
	buf_free(&ef);
	if (err)
		token_free(&t);
	*out = t;
	return err;
}

int
token_read_objects(struct card *card, const struct p15_odf *odf, struct object_list *out)
{
	static const enum p15_kind kinds[] = { P15_PRIVATE, P15_PUBLIC, P15_CERT, P15_DATA };
	struct p15_objects recs = { 0 };
	int err = 0;

	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0] && !err; i++)
		err = read_dirs(card, odf, kinds[i], &recs);
	if (!err)
		err = object_list_take(out, build_profile_object());
	if (!err)
		err = build_objects(&recs, out);
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
	return (tries == 1 ? final : 0) | (max > 0 && tries < max ? low : 0);
}

void
token_info_locked(const struct token *t, unsigned pin, CK_TOKEN_INFO *info)
{
	const struct pinslot *slot = &t->slot[pin];
	struct buf label = BUF_INIT;
	const char *name = t->label && *t->label ? t->label : t->pf->model ? t->pf->model :
	    t->pf->name;

	memset(info, 0, sizeof *info);
	/* nobody shall take a virtual card for a real one (DESIGN 17.6) */
	buf_fmt(&label, "%s%s", io_is_virtual() && !strstr(name, "TEST CARD") ? "TEST CARD " : "", name);
	pad_text(info->label, sizeof info->label, buf_text(&label));
	buf_free(&label);
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
		info->ulMinPinLen = slot->pin.min;
		info->ulMaxPinLen = slot->pin.max;
	}
	info->ulTotalPublicMemory = info->ulFreePublicMemory = CK_UNAVAILABLE_INFORMATION;
	info->ulTotalPrivateMemory = info->ulFreePrivateMemory = CK_UNAVAILABLE_INFORMATION;
	info->hardwareVersion.major = (CK_BYTE)(t->caps.version >> 8);
	info->hardwareVersion.minor = (CK_BYTE)t->caps.version;
}

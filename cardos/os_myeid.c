/* Aventra MyEID, versions 2 to 5, and OsEID: what it is, its files and its PINs. Facts by number:
 * card-myeid. */
#include "cardos/os_myeid.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "cardos/os.h"

#define INFO_BYTES 20u          /* 1.2 */
#define SERIAL_AT 8u
#define SERIAL_BYTES 10u
#define MARK_AT 18u
#define CAPS_BYTES 11u          /* 1.2 */
#define PIN_INFO_BYTES 9u       /* 2.4 */
#define FEATURE_ECC 0x0008u
#define VERSION(major, minor) ((unsigned)(major) << 8 | (minor))
#define USER_PIN 1              /* 6 */
#define FIDS_ANSWER_FULL 254u   /* bytes from which a list of file ids may have been cut */

static const uint8_t default_aid[] = { 0xA0, 0, 0, 0, 0x63, 'P', 'K', 'C', 'S', '-', '1', '5' };
const uint8_t myeid_app_df[] = { 0x50, 0x15 };

int
myeid_get_data(struct card *card, unsigned what, struct buf *out)
{
	static const struct { unsigned first, last; uint32_t le; } lengths[] = {
		{ 0xAA, 0xAA, CAPS_BYTES }, { 0xAC, 0xAC, 2 }, { 0xB1, 0xBE, PIN_INFO_BYTES },
	};
	struct apdu a = { .ins = 0xCA, .p1 = 0x01, .p2 = (uint8_t)what, .le = LE_ANY };

	for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++)
		if (what >= lengths[i].first && what <= lengths[i].last)
			a.le = lengths[i].le;
	return card_command(card, &a, out, NULL);
}

static int
myeid_select_app(struct card *card)
{
	struct view aid = buf_peek(&card->pf->aid);
	int r;

	if (!aid.len)
		aid = view_of(default_aid, sizeof default_aid);
	r = iso_select(card, 0x04, aid, NULL);
	card->app_selected = card->app_sure = r == 0;
	return r;
}

int
myeid_need_app(struct card *card)
{
	return card->app_selected ? 0 : myeid_select_app(card);
}

static void
caps_by_version(struct card *card)
{
	struct card_caps *c = &card->caps;

	/* 1.4, 1.3, 1.2: what is so when the card cannot be asked */
	c->max_send = 255;
	c->max_recv = c->version >= VERSION(4, 0) ? 256 : 255;
	c->chaining = c->version >= VERSION(4, 5) && !(card->pf->quirks & 1u << QUIRK_NO_CHAINING);
	c->extended = false;
	c->rsa_max = 2048;
	c->ec_max = c->version >= VERSION(3, 5) ? 256 : 0;
	if (card->pf->max_send && card->pf->max_send < c->max_send)
		c->max_send = card->pf->max_send;
	if (card->pf->max_recv && card->pf->max_recv < c->max_recv)
		c->max_recv = card->pf->max_recv;
}

/* Feature mask and the largest keys, 1.2. A card that does not say keeps the defaults. */
static int
ask_caps(struct card *card)
{
	struct buf answer = BUF_INIT;
	struct view v;
	unsigned version, features, rsa, des, aes, ec;
	int r;

	if (card->caps.version < VERSION(4, 0))
		return 0;
	r = myeid_get_data(card, 0xAA, &answer);
	v = buf_peek(&answer);
	if (!r && v.len == CAPS_BYTES && view_u8(&v, &version) && version == 1
	    && view_be16(&v, &features) && view_be16(&v, &rsa) && view_be16(&v, &des)
	    && view_be16(&v, &aes) && view_be16(&v, &ec)) {
		card->caps.rsa_max = rsa;
		card->caps.ec_max = features & FEATURE_ECC ? ec : 0;
	}
	buf_free(&answer);
	return r == E_GONE || r == E_RESET || r == E_IO || r == E_MEM ? r : 0;
}

static int
ask_info(struct card *card, struct buf *answer)
{
	int r;

	if ((r = myeid_get_data(card, 0xA0, answer)) != 0)
		return r;
	if (answer->len != INFO_BYTES || (memcmp(answer->p, "MyEID", 5) != 0
	    && memcmp(answer->p, "OsEID", 5) != 0))
		return E_UNKNOWN;
	return 0;
}

static int
myeid_open(struct card *card)
{
	struct buf answer = BUF_INIT;
	int r;

	card->caps = (struct card_caps){ .max_recv = 255, .max_send = 255 };
	if ((r = myeid_select_app(card)) != 0 || (r = ask_info(card, &answer)) != 0)
		goto out;
	card->caps.version = VERSION(answer.p[5], answer.p[6]);
	buf_reset(&card->serial);
	buf_put(&card->serial, answer.p + SERIAL_AT, SERIAL_BYTES);
	caps_by_version(card);
	if ((r = buf_err(&card->serial)) == 0)
		r = ask_caps(card);
out:
	buf_free(&answer);
	return r;
}

static int
myeid_change_mark(struct card *card, uint64_t *mark)
{
	struct buf answer = BUF_INIT;
	int r;

	if ((r = myeid_need_app(card)) == 0 && (r = ask_info(card, &answer)) == 0)
		*mark = (uint64_t)answer.p[MARK_AT] << 8 | answer.p[MARK_AT + 1];
	buf_free(&answer);
	return r;
}

/* Files. Always by absolute path (P1 08), so that it matters little where a neighbour went; but
 * one applet selected by another program still hides ours. */

static int
select_absolute(struct card *card, struct view path, struct fci *fci)
{
	static const uint8_t mf[] = { 0x3F, 0x00 };
	bool in_app = (path.len == 2 || path.len == 4)
	    && memcmp(path.p, myeid_app_df, sizeof myeid_app_df) == 0;
	int r;

	if (path.len)
		r = iso_select(card, 0x08, path, fci);
	else
		r = iso_select(card, 0x00, view_of(mf, sizeof mf), fci);
	/* a card that says yes to anything must not have another file erased or written */
	if (r == 0 && fci && path.len >= 2
	    && fci->fid != ((unsigned)path.p[path.len - 2] << 8 | path.p[path.len - 1]))
		r = E_PROTOCOL;
	/* the current DF is the application's own, unless a DF below it was chosen */
	if (in_app && path.len == 4 && fci && r == 0)
		in_app = fci->descriptor != TYPE_DF;
	if (r == 0)
		card->app_selected = card->app_sure = in_app;
	return r;
}

/* The path from the MF; out has room for it. */
static int
absolute(const struct path *path, struct buf *out)
{
	if (path->len > PATH_BYTES_MAX || path->len % 2)
		return E_ARG;
	if (path->from == PATH_APP)
		buf_put(out, myeid_app_df, sizeof myeid_app_df);
	buf_put(out, path->b, path->len);
	return buf_err(out);
}

bool
myeid_worth_reselecting(int r)
{
	switch (r) {
	case E_NOT_FOUND:
	case E_DENIED:
	case E_UNSUPPORTED:
		return true;
	default:
		return false;
	}
}

int
myeid_select_file(struct card *card, const struct path *path, struct fci *fci)
{
	struct buf abs = BUF_INIT;
	int r;

	if (path->from == PATH_AID) {
		card->app_selected = card->app_sure = false;
		return iso_select(card, 0x04, view_of(path->b, path->len), fci);
	}
	if ((r = absolute(path, &abs)) != 0)
		goto out;
	r = select_absolute(card, buf_peek(&abs), fci);
	/* another applet may be the current one; not when we chose ours a moment ago */
	if ((myeid_worth_reselecting(r) || r == E_PROTOCOL) && !card->app_sure
	    && (r = myeid_select_app(card)) == 0)
		r = select_absolute(card, buf_peek(&abs), fci);
out:
	buf_free(&abs);
	return r;
}

static int
myeid_read(struct card *card, const struct path *path, const struct range *range, struct buf *out)
{
	struct fci fci;
	int r;

	if ((r = myeid_select_file(card, path, &fci)) != 0)
		return r;
	if (fci.has_size && !fci.size)
		return 0;
	return iso_read_binary(card, fci.size, range, out);
}

static int
myeid_info(struct card *card, const struct path *path, struct file_info *info)
{
	static const struct { unsigned descriptor; enum file_type type; } types[] = {
		{ 0x01, FILE_EF }, { TYPE_DF, FILE_DF },
		{ TYPE_KEY_RSA, FILE_KEY }, { TYPE_KEY_EC, FILE_KEY },
		{ 0x23, FILE_KEY }, { 0x19, FILE_KEY }, { 0x29, FILE_KEY },
	};
	struct fci fci;
	int r;

	if ((r = myeid_select_file(card, path, &fci)) != 0)
		return r;
	info->type = FILE_OTHER;
	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
		/* bit 40 says shareable and nothing about the kind, 2.2; secrets are 41 */
		if (fci.descriptor == types[i].descriptor
		    || (types[i].descriptor != 0x01
		    && (fci.descriptor & 0xBF) == types[i].descriptor))
			info->type = types[i].type;
	info->size = fci.size;
	info->fid = fci.fid;
	return 0;
}

static int
myeid_write(struct card *card, const struct path *path, size_t off, struct view data)
{
	struct fci fci;
	int r = myeid_select_file(card, path, &fci);

	return r ? r : iso_update_binary(card, off, data);
}

static int
myeid_erase(struct card *card, const struct path *path)
{
	/* CLA 00: 4.9 refuses the A0 of older drivers. OpenSC#3821 */
	const struct apdu a = { .ins = 0xE4, .flags = APDU_STATE };
	struct buf abs = BUF_INIT;
	struct fci fci;
	int r;

	/* nothing but a file inside a DF: a slip must not take the application away */
	if (path->from == PATH_AID)
		return E_ARG;
	if ((r = absolute(path, &abs)) != 0)
		return r;
	r = abs.len < 4 && path->from == PATH_APP ? E_ARG : myeid_select_file(card, path, &fci);
	buf_free(&abs);
	return r ? r : card_command(card, &a, NULL, NULL);
}

/* The FCP of CREATE FILE, 2.2. */
static int
create_fcp(struct card *card, const struct new_file *f, struct buf *fcp)
{
	const struct pin_ref *first_pin = card->pf->has_pin[0] ? &card->pf->pin[0] : NULL;
	unsigned pin = f->pin ? f->pin
	    : first_pin && first_pin->ref > 0 ? (unsigned)first_pin->ref : USER_PIN;
	bool key = f->type == NEW_KEY;
	unsigned first = key || !f->public_read ? pin : 0, type = 0x01;

	if (f->path.len < 2 || f->size > 0x7FFF || pin > PIN_LAST || f->kind == KEY_SECRET)
		return E_ARG;
	if (key)
		type = f->kind == KEY_RSA ? TYPE_KEY_RSA : TYPE_KEY_EC;
	buf_put(fcp, key ? "\x62\x17\x81\x02" : "\x62\x17\x80\x02", 4);
	buf_be16(fcp, (unsigned)f->size);
	buf_put(fcp, "\x82\x01", 2);
	buf_u8(fcp, type);
	buf_put(fcp, "\x83\x02", 2);
	buf_put(fcp, f->path.b + f->path.len - 2, 2);
	buf_put(fcp, "\x86\x03", 2);
	buf_u8(fcp, first << 4 | pin);               /* read or use; update or load */
	buf_u8(fcp, pin << 4 | (key ? pin : 0xFu)); /* delete; generate */
	buf_u8(fcp, 0xFF);
	buf_put(fcp, "\x85\x02", 2);
	buf_be16(fcp, key && f->consent ? pin << 12 : 0);
	buf_put(fcp, "\x8A\x01\x00", 3);
	return buf_err(fcp);
}

static int
myeid_create(struct card *card, const struct new_file *f)
{
	struct buf fcp = BUF_INIT;
	struct apdu a = { .ins = 0xE0, .flags = APDU_STATE };
	struct path parent = f->path;
	struct fci fci;
	int r;

	if ((r = create_fcp(card, f, &fcp)) != 0)
		goto out;
	parent.len = (uint8_t)(parent.len - 2);
	a.data = buf_peek(&fcp);
	if ((r = myeid_select_file(card, &parent, &fci)) == 0)
		r = card_command(card, &a, NULL, NULL);
out:
	buf_free(&fcp);
	return r;
}

/* Marks the ids of one GET DATA list. *cut: it may be longer than one answer. */
static int
mark_fids(struct card *card, unsigned what, uint16_t from, uint16_t to, uint8_t *used, bool *cut)
{
	struct buf list = BUF_INIT;
	struct view v;
	unsigned fid;
	int r = myeid_get_data(card, what, &list);

	v = buf_peek(&list);
	*cut = list.len >= FIDS_ANSWER_FULL;
	while (!r && view_be16(&v, &fid))
		if (fid >= from && fid <= to)
			used[fid - from] = 1;
	buf_free(&list);
	return r;
}

static int
myeid_free_fid(struct card *card, const struct path *parent, uint16_t from, uint16_t to,
    uint16_t *fid)
{
	uint8_t *used;
	bool cut;
	int r;

	if (from > to || !(used = calloc((size_t)(to - from) + 1, 1)))
		return from > to ? E_ARG : E_MEM;
	if ((r = myeid_select_file(card, parent, NULL)) != 0
	    || (r = mark_fids(card, 0xA1, from, to, used, &cut)) != 0)
		goto out;
	/* a full list is asked for again kind by kind, 2.4 */
	for (unsigned what = 0xA2; cut && what <= 0xA6; what++) {
		bool ignored;

		r = mark_fids(card, what, from, to, used, &ignored);
		if (r && r != E_NOT_FOUND)
			goto out;
	}
	r = E_FULL;
	for (size_t i = 0; r && i <= (size_t)(to - from); i++) {
		if (!used[i]) {
			*fid = (uint16_t)(from + i);
			r = 0;
		}
	}
out:
	free(used);
	return r;
}

/* PINs, 3. They belong to the applet, whatever DF the directory names. */

int
myeid_pin_open(struct card *card, unsigned pin, bool *open)
{
	struct buf map = BUF_INIT;
	int r = myeid_get_data(card, 0xAC, &map);

	if (!r && map.len != 2)
		r = E_PROTOCOL;
	if (!r)
		*open = ((unsigned)map.p[0] << 8 | map.p[1]) >> (pin - 1) & 1;
	buf_free(&map);
	return r;
}

static bool
pin_number_ok(const struct pin_ref *ref)
{
	return ref->ref >= 1 && ref->ref <= PIN_LAST;
}

static int
myeid_pin_info(struct card *card, const struct pin_ref *ref, struct pin_state *state)
{
	struct buf info = BUF_INIT;
	bool open;
	int r;

	*state = (struct pin_state)PIN_STATE_UNKNOWN;
	if (!pin_number_ok(ref))
		return E_ARG;
	if ((r = myeid_need_app(card)) != 0
	    || (r = myeid_get_data(card, 0xB0u + (unsigned)ref->ref, &info)) != 0)
		goto out;
	if (info.len < 2) {
		r = E_PROTOCOL;
		goto out;
	}
	state->tries = info.p[0];
	state->puk_tries = info.p[1];
	if (info.len > 2 && info.p[2] >= info.p[0])
		state->tries_max = info.p[2];
	if (info.len > 3 && info.p[3] >= info.p[1])
		state->puk_tries_max = info.p[3];
	if ((r = myeid_pin_open(card, (unsigned)ref->ref, &open)) == 0)
		state->verified = open;
out:
	buf_free(&info);
	return r;
}

/* Selection is the caller's (card_pin_*), and the DF of a local reference is not looked at. */
static struct pin_ref
global_ref(const struct pin_ref *ref)
{
	struct pin_ref g = *ref;

	g.local = false;
	return g;
}

static int
myeid_pin_verify(struct card *card, const struct pin_ref *ref, struct view block, int *tries)
{
	const struct pin_ref g = global_ref(ref);

	return pin_number_ok(ref) ? iso_pin_verify(card, &g, block, tries) : E_ARG;
}

static int
myeid_pin_change(struct card *card, const struct pin_ref *ref, struct view old, struct view new,
    int *tries)
{
	const struct pin_ref g = global_ref(ref);

	return pin_number_ok(ref) ? iso_pin_change(card, &g, old, new, tries) : E_ARG;
}

static int
myeid_pin_unblock(struct card *card, const struct pin_ref *ref, struct view puk, struct view new,
    int *tries)
{
	const struct pin_ref g = global_ref(ref);

	return pin_number_ok(ref) ? iso_pin_unblock(card, &g, puk, new, tries) : E_ARG;
}

static int
myeid_pin_forget(struct card *card, const struct pin_ref *ref)
{
	const struct apdu a = { .ins = 0x2E, .p2 = (uint8_t)ref->ref };
	int r;

	if (!pin_number_ok(ref))
		return E_ARG;
	return (r = myeid_need_app(card)) ? r : card_command(card, &a, NULL, NULL);
}

const struct card_ops os_myeid = {
	.name = "myeid",
	.open = myeid_open,
	.select_app = myeid_select_app,
	.read = myeid_read,
	.info = myeid_info,
	.pin_info = myeid_pin_info,
	.pin_verify = myeid_pin_verify,
	.pin_change = myeid_pin_change,
	.pin_unblock = myeid_pin_unblock,
	.pin_forget = myeid_pin_forget,
	.sign = myeid_sign,
	.decipher = myeid_decipher,
	.derive = myeid_derive,
	.challenge = iso_challenge,
	.public_key = myeid_public_key,
	.write = myeid_write,
	.create = myeid_create,
	.erase = myeid_erase,
	.free_fid = myeid_free_fid,
	.genkey = myeid_genkey,
	.import = myeid_import,
	.change_mark = myeid_change_mark,
};

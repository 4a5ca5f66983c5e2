/* Aventra MyEID, versions 2 to 5, and OsEID. Facts by number: card-myeid. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "cardos/iso.h"
#include "cardos/os.h"
#include "cardos/sw.h"

#define INFO_BYTES 20u          /* 1.2 */
#define SERIAL_AT 8u
#define SERIAL_BYTES 10u
#define MARK_AT 18u
#define CAPS_BYTES 11u          /* 1.2 */
#define PIN_INFO_BYTES 9u       /* 2.4 */
#define FEATURE_ECC 0x0008u
#define VERSION(major, minor) ((unsigned)(major) << 8 | (minor))
#define DIGEST_INFO_PERCENT 40u /* of the modulus that alg 02 takes, 5.2 */
#define HALF_BYTES 128u         /* the split of a 2048-bit block, 5.3 */
#define TYPE_DF 0x38u           /* FCI tag 82, 2.2 */
#define TYPE_KEY_RSA 0x11u
#define TYPE_KEY_EC 0x22u
#define USER_PIN 1              /* 6 */
#define PIN_LAST 14
#define FIDS_ANSWER_FULL 254u   /* bytes from which a list of file ids may have been cut */
#define MODULUS 0x80u           /* part of a key in PUT DATA, 5.7 */
#define FIELD_MAX 66u           /* bytes of P-521 */

enum myeid_alg { RAW = 0x00, PKCS1 = 0x02, ECC = 0x04 }; /* 5.1 */

static const uint8_t default_aid[] = { 0xA0, 0, 0, 0, 0x63, 'P', 'K', 'C', 'S', '-', '1', '5' };
static const uint8_t app_df[] = { 0x50, 0x15 };

/* GET DATA 01xx. The length of a fixed answer is asked for as it is: OsEID answers another short
 * one with 6Cxx, the applet ignores it (1.2, 7). */
static int
get_data(struct card *card, unsigned what, struct buf *out)
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

static int
need_app(struct card *card)
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
	r = get_data(card, 0xAA, &answer);
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

	if ((r = get_data(card, 0xA0, answer)) != 0)
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

	if ((r = need_app(card)) == 0 && (r = ask_info(card, &answer)) == 0)
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
	    && memcmp(path.p, app_df, sizeof app_df) == 0;
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
		buf_put(out, app_df, sizeof app_df);
	buf_put(out, path->b, path->len);
	return buf_err(out);
}

/* What a card says whose current DF, or applet, is not the one we think. */
static bool
worth_reselecting(int r)
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

static int
select_file(struct card *card, const struct path *path, struct fci *fci)
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
	if ((worth_reselecting(r) || r == E_PROTOCOL) && !card->app_sure
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

	if ((r = select_file(card, path, &fci)) != 0)
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

	if ((r = select_file(card, path, &fci)) != 0)
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
	int r = select_file(card, path, &fci);

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
	r = abs.len < 4 && path->from == PATH_APP ? E_ARG : select_file(card, path, &fci);
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
	if ((r = select_file(card, &parent, &fci)) == 0)
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
	int r = get_data(card, what, &list);

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
	if ((r = select_file(card, parent, NULL)) != 0
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

/* The bit of a PIN in the bitmap of verified ones. */
static int
pin_open(struct card *card, unsigned pin, bool *open)
{
	struct buf map = BUF_INIT;
	int r = get_data(card, 0xAC, &map);

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

	*state = (struct pin_state){ -1, -1, -1 };
	if (!pin_number_ok(ref))
		return E_ARG;
	if ((r = need_app(card)) != 0
	    || (r = get_data(card, 0xB0u + (unsigned)ref->ref, &info)) != 0)
		goto out;
	if (info.len < 2) {
		r = E_PROTOCOL;
		goto out;
	}
	state->tries = info.p[0];
	state->puk_tries = info.p[1];
	if ((r = pin_open(card, (unsigned)ref->ref, &open)) == 0)
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
	return (r = need_app(card)) ? r : card_command(card, &a, NULL, NULL);
}

/* Keys, 5. */

/* The key file's id, the last two bytes of its path. */
static int
key_fid(const struct key_ref *key, uint16_t *fid)
{
	const struct path *p = &key->path;

	if (p->from == PATH_AID || p->len < 2 || p->len > PATH_BYTES_MAX || p->len % 2)
		return E_ARG;
	*fid = (uint16_t)(p->b[p->len - 2] << 8 | p->b[p->len - 1]);
	return 0;
}

/* Whether the file is in the application's DF itself, where all enrolled keys are (6). */
static bool
key_in_app(const struct key_ref *key)
{
	const struct path *p = &key->path;

	return (p->from == PATH_APP && p->len == 2)
	    || (p->from == PATH_MF && p->len == 4 && memcmp(p->b, app_df, sizeof app_df) == 0);
}

/* Makes the key's DF current. */
static int
enter_key_df(struct card *card, const struct key_ref *key)
{
	struct path df = key->path;
	int r;

	if (key_in_app(key))
		return need_app(card);
	df.len = (uint8_t)(df.len - 2);
	r = select_file(card, &df, NULL);
	card->app_selected = false; /* some other DF is current now, or will not be the app's */
	return r;
}

/* One use of a private key: the environment and what follows it. */
struct use {
	const struct key_ref *key;
	uint8_t p1, p2;         /* of MSE: 41 B6 sign, 41 B8 decipher, 41 A4 agree (5.1) */
	enum myeid_alg alg;
	int (*run)(struct card *, const struct use *, struct buf *out);
	struct view in;
};

static int
mse(struct card *card, const struct use *u)
{
	struct buf crdo = BUF_INIT;
	struct apdu a = { .ins = 0x22, .p1 = u->p1, .p2 = u->p2 };
	uint16_t fid;
	int r;

	if ((r = key_fid(u->key, &fid)) != 0)
		return r;
	buf_put(&crdo, "\x80\x01", 2);
	buf_u8(&crdo, u->alg);
	buf_put(&crdo, "\x81\x02", 2);
	buf_be16(&crdo, fid);
	buf_put(&crdo, "\x84\x01\x00", 3);
	a.data = buf_peek(&crdo);
	if ((r = buf_err(&crdo)) == 0)
		r = card_command(card, &a, NULL, NULL);
	buf_free(&crdo);
	return r;
}

/* Why a key refused: the PIN it needs, or that it drops after each use, is not verified; or
 * something else. Source: 2.2 (acl, prop), 3 (user consent answers 6985). */
static int
refusal(struct card *card, const struct key_ref *key)
{
	struct fci fci;
	unsigned use, consent;
	bool open;
	int r;

	if ((r = select_file(card, &key->path, &fci)) != 0)
		return r == E_GONE || r == E_RESET ? r : E_DENIED;
	use = fci.acl_len ? fci.acl[0] >> 4u : 0;
	consent = fci.prop_len ? fci.prop[0] >> 4u : 0;
	if (use < 1 || use > PIN_LAST)
		use = consent;
	if (use < 1 || use > PIN_LAST)
		return E_DENIED;
	if ((r = pin_open(card, use, &open)) != 0)
		return r == E_GONE || r == E_RESET ? r : E_DENIED;
	return open ? E_DENIED : E_PIN_NEEDED;
}

/* MSE and operation: two commands when nobody moved the current DF. When one of them finds no
 * key and another program may have moved it, the application is selected and both are done
 * once more; nothing has been changed by then. */
static int
use_key(struct card *card, const struct use *u, struct buf *out)
{
	size_t start = out->len;
	bool sure;
	int r = 0;

	for (int i = 0; i < 2; i++) {
		if ((r = enter_key_df(card, u->key)) != 0)
			return r;
		sure = card->app_sure || !key_in_app(u->key);
		if ((r = mse(card, u)) == 0)
			r = u->run(card, u, out);
		if (!worth_reselecting(r) || sure)
			break;
		buf_trim(out, start);
		card->app_selected = false;
	}
	if (r == E_DENIED)
		r = refusal(card, u->key);
	return r;
}

static int
pso_sign(struct card *card, const struct use *u, struct buf *out)
{
	const struct apdu a = { .ins = 0x2A, .p1 = 0x9E, .p2 = 0x9A, .data = u->in, .le = LE_ANY,
		.flags = APDU_CHAIN };

	return card_command(card, &a, out, NULL);
}

/* PSO DECIPHER of a block that fits, with chaining when there is, else the 2048-bit split: the
 * padding indicator says which half comes, 5.3. The answer may be a secret either way. */
static int
pso_decipher(struct card *card, const struct use *u, struct buf *out)
{
	struct apdu a = { .ins = 0x2A, .p1 = 0x80, .p2 = 0x86, .le = LE_ANY,
		.flags = APDU_CHAIN | APDU_SECRET_OUT };
	bool split = u->in.len + 1 > card->caps.max_send && !card->caps.chaining;
	struct buf data = BUF_INIT;
	int r = 0;

	if (split && u->in.len != 2 * HALF_BYTES)
		return E_UNSUPPORTED;
	if (split) {
		buf_u8(&data, 0x81);
		buf_put(&data, u->in.p, HALF_BYTES);
		a.data = buf_peek(&data);
		a.le = LE_NONE;
		if ((r = buf_err(&data)) == 0)
			r = card_command(card, &a, NULL, NULL);
		a.le = LE_ANY;
		buf_reset(&data);
	}
	buf_u8(&data, split ? 0x82 : 0x00);
	buf_put(&data, u->in.p + (split ? HALF_BYTES : 0), u->in.len - (split ? HALF_BYTES : 0));
	a.data = buf_peek(&data);
	if (!r && (r = buf_err(&data)) == 0)
		r = card_command(card, &a, out, NULL);
	buf_free(&data);
	return r;
}

/* Bits of a key; asked of its file when the directory did not say. */
static int
key_bits(struct card *card, const struct key_ref *key, size_t *bits)
{
	struct fci fci;
	int r;

	*bits = key->bits;
	if (*bits)
		return 0;
	if ((r = select_file(card, &key->path, &fci)) == 0 && !(*bits = fci.size))
		r = E_PROTOCOL;
	return r;
}

static int
sign_raw(struct card *card, const struct key_ref *key, struct view block, struct buf *out)
{
	/* 5.2: a block too long for one command goes as a decipher where there is no chaining */
	bool direct = block.len <= card->caps.max_send || card->caps.chaining;
	const struct use u = { key, 0x41, direct ? 0xB6 : 0xB8, RAW,
		direct ? pso_sign : pso_decipher, block };

	return use_key(card, &u, out);
}

/* EMSA-PKCS1-v1_5 without the hashing. Source: RFC 8017 9.2 steps 3 to 5. */
static int
type1_block(struct view info, size_t k, struct buf *block)
{
	if (k < 11 || info.len > k - 11)
		return E_DATA;
	buf_put(block, "\x00\x01", 2);
	buf_fill(block, 0xFF, k - 3 - info.len);
	buf_u8(block, 0x00);
	buf_view(block, info);
	return buf_err(block);
}

static int
sign_rsa(struct card *card, const struct key_ref *key, enum card_alg alg,
    const struct sign_in *in, struct buf *out)
{
	const struct use by_card = { key, 0x41, 0xB6, PKCS1, pso_sign, in->data };
	size_t bits, k, start = out->len;
	struct buf block = BUF_INIT;
	int r;

	if ((r = key_bits(card, key, &bits)) != 0)
		return r;
	k = (bits + 7) / 8;
	if (alg == ALG_RSA_RAW) {
		r = in->kind == IN_BLOCK && in->data.len == k
		    ? sign_raw(card, key, in->data, out) : E_ARG;
	} else if (in->kind != IN_DIGEST_INFO) {
		r = E_ARG;
	} else if (in->data.len * 100 <= k * DIGEST_INFO_PERCENT && in->data.len) {
		r = use_key(card, &by_card, out);
	} else if ((r = type1_block(in->data, k, &block)) == 0) {
		r = sign_raw(card, key, buf_peek(&block), out);
	}
	buf_free(&block);
	if (!r && out->len - start != k)
		r = E_PROTOCOL;
	return r;
}

/* A hash as the integer ECDSA signs: its leftmost `bits` bits, in as many bytes as the field.
 * Source: FIPS 186-5 6.4.1 step 2; the card wants it filled with zeros on the left, 5.2. */
static int
field_integer(struct view hash, size_t bits, struct buf *out)
{
	size_t field = (bits + 7) / 8, n = hash.len < field ? hash.len : field;
	unsigned shift = hash.len * 8 > bits ? (unsigned)(field * 8 - bits) : 0;
	uint8_t *p;

	if (hash.len < field)
		shift = 0;
	buf_fill(out, 0, field - n);
	buf_put(out, hash.p, n);
	if (buf_err(out))
		return E_MEM;
	p = out->p + out->len - n;
	for (size_t i = n; shift && i-- > 0;)
		p[i] = (uint8_t)(p[i] >> shift | (i ? p[i - 1] << (8 - shift) : 0));
	return 0;
}

/* One INTEGER of a signature, to `field` bytes. Redundant zeros in front are met in the wild. */
static int
put_integer(struct view *seq, size_t field, struct buf *out)
{
	struct view n;
	unsigned tag;

	if (tlv_next(seq, &tag, &n) || tag != 0x02 || !n.len)
		return E_PROTOCOL;
	while (n.len && !n.p[0])
		n = view_part(n, 1, n.len);
	if (n.len > field)
		return E_PROTOCOL;
	buf_fill(out, 0, field - n.len);
	buf_view(out, n);
	return buf_err(out);
}

/* ECDSA-Sig-Value to r || s. Source: RFC 3279 2.2.3, PKCS#11 v2.40 2.3.1. */
static int
raw_signature(struct view der, size_t field, struct buf *out)
{
	struct view seq;
	unsigned tag;
	int r;

	if (tlv_next(&der, &tag, &seq) || tag != 0x30 || der.len)
		return E_PROTOCOL;
	if ((r = put_integer(&seq, field, out)) != 0 || (r = put_integer(&seq, field, out)) != 0)
		return r;
	return seq.len ? E_PROTOCOL : 0;
}

static int
sign_ec(struct card *card, const struct key_ref *key, const struct sign_in *in, struct buf *out)
{
	struct buf hash = BUF_INIT, der = BUF_INIT;
	struct use u = { key, 0x41, 0xB6, ECC, pso_sign, { NULL, 0 } };
	size_t bits;
	int r;

	if (in->kind != IN_DIGEST || !in->data.len)
		return E_ARG;
	if ((r = key_bits(card, key, &bits)) != 0)
		return r;
	if ((bits + 7) / 8 > FIELD_MAX)
		return E_ARG;
	if ((r = field_integer(in->data, bits, &hash)) != 0)
		goto out;
	u.in = buf_peek(&hash);
	if ((r = use_key(card, &u, &der)) == 0)
		r = raw_signature(buf_peek(&der), (bits + 7) / 8, out);
out:
	buf_free(&hash);
	buf_free(&der);
	return r;
}

static int
myeid_sign(struct card *card, const struct key_ref *key, enum card_alg alg,
    const struct sign_in *in, struct buf *out)
{
	if (alg == ALG_ECDSA && key->kind == KEY_EC)
		return sign_ec(card, key, in, out);
	if ((alg == ALG_RSA_RAW || alg == ALG_RSA_PKCS1) && key->kind == KEY_RSA)
		return sign_rsa(card, key, alg, in, out);
	return E_UNSUPPORTED;
}

static int
myeid_decipher(struct card *card, const struct key_ref *key, enum card_alg alg, struct view in,
    struct buf *out)
{
	struct use u = { key, 0x41, 0xB8, RAW, pso_decipher, in };
	size_t bits, start = out->len;
	int r;

	if (key->kind != KEY_RSA || (alg != ALG_RSA_RAW && alg != ALG_RSA_PKCS1))
		return E_UNSUPPORTED;
	if ((r = key_bits(card, key, &bits)) != 0)
		return r;
	if (in.len != (bits + 7) / 8)
		return E_DATA;
	u.alg = alg == ALG_RSA_PKCS1 ? PKCS1 : RAW;
	if ((r = use_key(card, &u, out)) != 0)
		return r;
	if (out->len - start > in.len || (alg == ALG_RSA_RAW && out->len - start != in.len))
		return E_PROTOCOL;
	return 0;
}

/* Appends tag and length. */
static void
put_head(struct buf *out, unsigned tag, size_t len)
{
	buf_u8(out, tag);
	if (len > 0x7F)
		buf_u8(out, 0x81);
	buf_u8(out, (unsigned)len);
}

static int
general_authenticate(struct card *card, const struct use *u, struct buf *out)
{
	struct buf data = BUF_INIT;
	struct apdu a = { .ins = 0x86, .le = LE_ANY, .flags = APDU_SECRET_OUT };
	size_t inner = u->in.len + (u->in.len > 0x7F ? 3u : 2u);
	int r;

	put_head(&data, 0x7C, inner);
	put_head(&data, 0x85, u->in.len);
	buf_view(&data, u->in);
	a.data = buf_peek(&data);
	if ((r = buf_err(&data)) == 0)
		r = card_command(card, &a, out, NULL);
	buf_free(&data);
	return r;
}

static int
myeid_derive(struct card *card, const struct key_ref *key, struct view point, struct buf *out)
{
	const struct use u = { key, 0x41, 0xA4, ECC, general_authenticate, point };
	size_t bits, start = out->len;
	int r;

	if (key->kind != KEY_EC)
		return E_UNSUPPORTED;
	if ((r = key_bits(card, key, &bits)) != 0)
		return r;
	if ((bits + 7) / 8 > FIELD_MAX || point.len != 2 * ((bits + 7) / 8) + 1)
		return E_DATA;
	if ((r = use_key(card, &u, out)) != 0)
		return r;
	return out->len - start == (bits + 7) / 8 ? 0 : E_PROTOCOL;
}

/* Making keys */

static int
generate_rsa(struct card *card, struct key_parts *pub)
{
	/* public exponent 65537, 5.6 */
	static const uint8_t exponent[] = { 0x30, 0x05, 0x81, 0x03, 0x01, 0x00, 0x01 };
	const struct apdu a = { .ins = 0x46, .data = { exponent, sizeof exponent }, .le = LE_ANY,
		.flags = APDU_STATE };
	int r;

	/* the answer to GENERATE is not to be trusted (OsEID), so the modulus is asked for */
	if ((r = card_command(card, &a, NULL, NULL)) != 0)
		return r;
	if ((r = get_data(card, 0x01, &pub->n)) != 0)
		return r == E_NOT_FOUND ? E_PROTOCOL : r; /* it said that there is a key now */
	buf_put(&pub->e, exponent + 4, 3);
	return buf_err(&pub->e);
}

static int
generate_ec(struct card *card, struct key_parts *pub)
{
	const struct apdu a = { .ins = 0x46, .le = LE_ANY, .flags = APDU_STATE };
	struct buf answer = BUF_INIT;
	struct view v, point;
	unsigned tag;
	int r;

	if ((r = card_command(card, &a, &answer, NULL)) != 0)
		goto out;
	v = buf_peek(&answer);
	if (tlv_next(&v, &tag, &point) || tag != 0x86 || v.len || point.len < 3
	    || point.p[0] != 4) {
		r = E_PROTOCOL;
		goto out;
	}
	buf_view(&pub->point, point);
	r = buf_err(&pub->point);
out:
	buf_free(&answer);
	return r;
}

static int
myeid_genkey(struct card *card, const struct key_ref *key, struct key_parts *pub)
{
	struct fci fci;
	int r;

	if ((r = select_file(card, &key->path, &fci)) != 0)
		return r;
	switch (fci.descriptor & 0xBF) {
	case TYPE_KEY_RSA:
		if ((r = generate_rsa(card, pub)) == 0 && pub->n.len != (fci.size + 7) / 8)
			r = E_PROTOCOL;
		return r;
	case TYPE_KEY_EC:
		if ((r = generate_ec(card, pub)) == 0
		    && pub->point.len != 2 * ((fci.size + 7) / 8) + 1)
			r = E_PROTOCOL;
		return r;
	default:
		return E_ARG;
	}
}

static struct view
without_zeros(const struct buf *b)
{
	struct view v = buf_peek(b);

	while (v.len && !v.p[0])
		v = view_part(v, 1, v.len);
	return v;
}

/* PUT DATA of one part of a key, 5.7. */
static int
put_part(struct card *card, unsigned what, struct view v)
{
	const struct apdu a = { .ins = 0xDA, .p1 = 0x01, .p2 = (uint8_t)what, .data = v,
		.flags = APDU_SECRET_IN | APDU_STATE | APDU_CHAIN };

	return card_command(card, &a, NULL, NULL);
}

/* A number with the leading 00 the card wants; a modulus of 2048 bits in halves without it. */
static int
put_number(struct card *card, unsigned what, struct view v, bool zero)
{
	struct buf b = BUF_INIT_SECRET;
	int r;

	if (v.len == 2 * HALF_BYTES && what == MODULUS) {
		r = put_part(card, 0x88, view_part(v, 0, HALF_BYTES));
		return r ? r : put_part(card, 0x89, view_part(v, HALF_BYTES, HALF_BYTES));
	}
	if (zero)
		buf_u8(&b, 0);
	buf_view(&b, v);
	if ((r = buf_err(&b)) == 0)
		r = put_part(card, what, buf_peek(&b));
	buf_free(&b);
	return r;
}

static int
import_rsa(struct card *card, const struct key_parts *k)
{
	/* the order in which enrolment programs send them */
	const struct { unsigned what; const struct buf *part; bool zero; } parts[] = {
		{ 0x83, &k->p, true }, { 0x84, &k->q, true }, { 0x85, &k->dp, true },
		{ 0x86, &k->dq, true }, { 0x87, &k->qi, true }, { MODULUS, &k->n, true },
		{ 0x81, &k->e, false },
	};
	struct view v;
	int r;

	for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
		if (!without_zeros(parts[i].part).len)
			return E_ARG;
	for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
		v = without_zeros(parts[i].part);
		if ((r = put_number(card, parts[i].what, v, parts[i].zero)) != 0)
			return r;
	}
	return 0;
}

static int
import_ec(struct card *card, const struct key_parts *k, size_t bits)
{
	size_t field = (bits + 7) / 8;
	struct buf scalar = BUF_INIT_SECRET;
	struct view v = without_zeros(&k->scalar);
	int r;

	if (!v.len || v.len > field || k->point.len != 2 * field + 1)
		return E_ARG;
	buf_fill(&scalar, 0, field - v.len);
	buf_view(&scalar, v);
	if ((r = buf_err(&scalar)) == 0 && (r = put_part(card, 0x87, buf_peek(&scalar))) == 0)
		r = put_part(card, 0x86, buf_peek(&k->point));
	buf_free(&scalar);
	return r;
}

static int
myeid_import(struct card *card, const struct key_ref *key, const struct key_parts *k)
{
	struct fci fci;
	int r;

	if ((r = select_file(card, &key->path, &fci)) != 0)
		return r;
	switch (fci.descriptor & 0xBF) {
	case TYPE_KEY_RSA:
		return import_rsa(card, k);
	case TYPE_KEY_EC:
		return import_ec(card, k, fci.size);
	default:
		return E_ARG;
	}
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
	.write = myeid_write,
	.create = myeid_create,
	.erase = myeid_erase,
	.free_fid = myeid_free_fid,
	.genkey = myeid_genkey,
	.import = myeid_import,
	.change_mark = myeid_change_mark,
};

#include "cardos/iso.h"

#include <stddef.h>
#include <string.h>

#include "base/err.h"
#include "cardos/sw.h"

#define BINARY_MAX 0x8000u      /* an offset has 15 bits. Source: ISO 7816-4 7.2.2 */
#define WRAPPED_LEAST 32u       /* bytes of an answer that any card can wrap */
#define CHALLENGE_MAX 65536u    /* bytes one caller may want */

int
iso_select(struct card *card, unsigned p1, struct view id, struct fci *fci)
{
	const struct select_how *how = &card->pf->select;
	/* P2 00 also where the FCI is of no use: 0C is refused by some (card-myeid 2.1) */
	const struct apdu a = { .ins = 0xA4, .p1 = (uint8_t)p1, .p2 = fci ? how->p2_fci : how->p2,
		.data = id, .le = fci ? LE_ANY : LE_NONE };
	struct buf answer = BUF_INIT;
	int r = card_command(card, &a, &answer, NULL);

	if (!r && fci)
		r = fci_parse(buf_peek(&answer), fci);
	buf_free(&answer);
	return r;
}

/* The DF at the head of a path that SELECT finds by its name alone; NULL: none. */
static const struct df_name *
named_df(const struct card *card, const struct path *path)
{
	const struct select_how *how = &card->pf->select;

	for (size_t i = 0; i < how->nnames; i++)
		if (how->names[i].path.from == path->from && how->names[i].path.len <= path->len &&
		    memcmp(how->names[i].path.b, path->b, how->names[i].path.len) == 0)
			return &how->names[i];
	return NULL;
}

/* An EF below the DF that is current. Cards of one specification disagree on P1: the one that is refused is not
 * tried again on this card (fineid 5, "SELECT"). */
static int
select_below(struct card *card, struct view ids, struct fci *fci)
{
	const uint8_t p1 = card->caps.plain_select ? 0x00 : card->pf->select.ef;
	int r = iso_select(card, ids.len == 2 ? p1 : 0x09, ids, fci);

	if (r != E_PROTOCOL || ids.len != 2 || !p1 || (r = iso_select(card, 0x00, ids, fci)) != 0)
		return r;
	card->caps.plain_select = true;
	return 0;
}

static int
select_below_app(struct card *card, const struct path *path, struct fci *fci)
{
	int r;

	if (!card->app_selected && (r = card->ops->select_app(card)) != 0)
		return r;
	if (!path->len)
		return fci ? E_ARG : 0;
	if (path->len > 2)
		card->app_selected = card->app_sure = false;
	return select_below(card, view_of(path->b, path->len), fci);
}

/* A path from the MF. */
static int
select_absolute(struct card *card, struct view ids, struct fci *fci)
{
	static const uint8_t mf[2] = { 0x3F, 0x00 };
	const struct select_how *how = &card->pf->select;
	int r;

	if (!ids.len)
		return iso_select(card, 0x00, view_of(mf, sizeof mf), fci);
	if (!how->walk)
		return iso_select(card, 0x08, ids, fci);
	if ((r = iso_select(card, 0x00, view_of(mf, sizeof mf), NULL)) != 0)
		return r;
	for (; ids.len > 2; ids = view_part(ids, 2, ids.len - 2))
		if ((r = iso_select(card, how->df, view_part(ids, 0, 2), NULL)) != 0)
			return r;
	return iso_select(card, fci ? how->ef : how->df, ids, fci);
}

/* A path into the application, from there. */
static struct path
from_app(const struct card *card, const struct path *path)
{
	const struct path *app = &card->pf->app_path;
	struct path below = { .from = PATH_APP };

	if (!app->len || path->from != PATH_MF || path->len < app->len || memcmp(path->b, app->b, app->len) != 0)
		return *path;
	below.len = (uint8_t)(path->len - app->len);
	memcpy(below.b, path->b + app->len, below.len);
	return below;
}

static bool
path_eq(const struct path *a, const struct path *b)
{
	return a->from == b->from && a->len == b->len && memcmp(a->b, b->b, a->len) == 0;
}

int
iso_enter_df(struct card *card, const struct path *where)
{
	const struct path df = from_app(card, where);
	const struct df_name *named = named_df(card, &df);
	int r;

	if (!df.len && df.from == PATH_APP)
		return card->app_selected ? 0 : card->ops->select_app(card);
	if (df.len && path_eq(&card->df, &df))
		return 0;
	card->app_selected = card->app_sure = false;
	card->df.len = 0;
	if (named)
		r = iso_select(card, 0x04, buf_peek(&named->name), NULL);
	else if (df.from == PATH_AID)
		r = iso_select(card, 0x04, view_of(df.b, df.len), NULL);
	else if (df.from == PATH_MF)
		r = select_absolute(card, view_of(df.b, df.len), NULL);
	else if ((r = card->ops->select_app(card)) == 0)
		r = iso_select(card, df.len == 2 ? card->pf->select.df : 0x09, view_of(df.b, df.len), NULL);
	card->app_selected = card->app_sure = false;
	if (!r)
		card->df = df;
	return r;
}

struct path
iso_df_of(const struct card *card, const struct path *file)
{
	const struct path path = from_app(card, file);
	const struct df_name *named = named_df(card, &path);
	struct path df = path;

	if (named)
		return named->path;
	/* keys that are named by their references may be said to be in a DF alone */
	for (size_t i = 0; i < 2; i++)
		if (card->pf->has_pin[i] && card->pf->pin[i].local && path_eq(&path, &card->pf->pin[i].path))
			return path;
	df.len = df.from == PATH_AID || df.len < 2 ? 0 : (uint8_t)(df.len - 2);
	if (!df.len)
		df.from = PATH_APP;
	return df;
}

int
iso_select_path(struct card *card, const struct path *where, struct fci *fci)
{
	const struct path path = from_app(card, where);
	const struct df_name *named = named_df(card, &path);
	int r;

	if (path.len > PATH_BYTES_MAX)
		return E_ARG;
	if (named) {
		if ((r = iso_enter_df(card, &named->path)) != 0)
			return r;
		if (path.len == named->path.len)
			return fci ? E_ARG : 0; /* it answers without one */
		return select_below(card, view_of(path.b + named->path.len, (size_t)path.len - named->path.len), fci);
	}
	card->df.len = 0;
	if (path.from == PATH_APP)
		return select_below_app(card, &path, fci);
	card->app_selected = card->app_sure = false;
	if (path.from == PATH_AID)
		return iso_select(card, 0x04, view_of(path.b, path.len), fci);
	return select_absolute(card, view_of(path.b, path.len), fci);
}

/* The last byte that is wanted, plus one. */
static size_t
read_end(size_t size, const struct range *range)
{
	size_t end = size ? size : BINARY_MAX;

	if (!range->whole && (size_t)range->off + range->len < end)
		end = (size_t)range->off + range->len;
	return end < BINARY_MAX ? end : BINARY_MAX;
}

/* Whether what was read ends in so much filler that no record comes behind it. */
static bool
ends_in_filler(const struct buf *out, size_t start, size_t least)
{
	const uint8_t *last = out->len > start ? out->p + out->len - 1 : NULL;
	size_t n = 0;

	if (!least || !last || (*last != 0x00 && *last != 0xFF))
		return false;
	while (n < least && n < out->len - start && last[-(ptrdiff_t)n] == *last)
		n++;
	return n == least;
}

int
iso_read_binary(struct card *card, size_t size, const struct range *range, struct buf *out)
{
	unsigned max = card->caps.max_recv ? card->caps.max_recv : LE_ANY;
	size_t off = range->whole ? 0 : range->off, start = off, first = out->len, end, n;
	struct resp resp = { BUF_INIT, 0 };
	struct apdu a = { .ins = 0xB0 };
	int r = 0;

	if (size > BINARY_MAX || off >= BINARY_MAX)
		return E_LIMIT;
	end = read_end(size, range);
	if (!card->caps.extended && max > LE_ANY)
		max = LE_ANY;
	while (off < end) {
		n = end - off < max ? end - off : max;
		a.p1 = (uint8_t)(off >> 8);
		a.p2 = (uint8_t)off;
		a.le = (uint32_t)n;
		buf_reset(&resp.data);
		if ((r = card_apdu(card, &a, &resp)) != 0)
			break;
		/* a buffer that holds less than an APDU does, which no card tells of: halved until it fits */
		if (card->sm && off == start && resp.sw == 0x6700 && n > WRAPPED_LEAST) {
			max = card->caps.max_recv = (unsigned)n / 2;
			continue;
		}
		/* behind the end: some say so, 4.0.1 says 6700 (card-myeid 2.5) */
		if (off > start && (resp.sw == 0x6B00 || resp.sw == 0x6700))
			break;
		if (resp.sw != SW_END_OF_FILE && (r = card_sw_err(card, resp.sw)) != 0)
			break;
		if (resp.data.len > n) {
			r = E_PROTOCOL;
			break;
		}
		buf_view(out, buf_peek(&resp.data));
		off += resp.data.len;
		/* a short answer is the end only where nothing tells how long the file is: citizens' FINEID
		 * cards give 181 bytes at most, whatever is asked (card-gemalto-eid 3) */
		if (!resp.data.len || resp.sw == SW_END_OF_FILE || (resp.data.len < n && !size) ||
		    ends_in_filler(out, first, range->filler))
			break;
	}
	resp_free(&resp);
	return r ? r : buf_err(out);
}

int
iso_update_binary(struct card *card, size_t off, struct view data)
{
	unsigned max = card->caps.max_send && card->caps.max_send < SHORT_DATA_MAX
	    ? card->caps.max_send : SHORT_DATA_MAX;
	struct apdu a = { .ins = 0xD6, .flags = APDU_STATE };
	int r;

	if (off > BINARY_MAX || data.len > BINARY_MAX - off)
		return E_LIMIT;
	while (data.len) {
		view_take(&data, data.len < max ? data.len : max, &a.data);
		a.p1 = (uint8_t)(off >> 8);
		a.p2 = (uint8_t)off;
		if ((r = card_command(card, &a, NULL, NULL)) != 0)
			return r;
		off += a.data.len;
	}
	return 0;
}

int
iso_read(struct card *card, const struct path *path, const struct range *range, struct buf *out)
{
	struct fci fci;
	int r;

	if ((r = iso_select_path(card, path, &fci)) != 0)
		return r;
	if (fci.has_size && !fci.size)
		return 0;
	return iso_read_binary(card, fci.size, range, out);
}

int
iso_info(struct card *card, const struct path *path, struct file_info *info)
{
	struct fci fci;
	int r;

	if ((r = iso_select_path(card, path, &fci)) != 0)
		return r;
	info->type = (fci.descriptor & 0x38) == 0x38 ? FILE_DF : FILE_EF;
	info->size = fci.size;
	info->fid = fci.fid;
	return 0;
}

int
iso_write(struct card *card, const struct path *path, size_t off, struct view data)
{
	int r = iso_select_path(card, path, NULL);

	return r ? r : iso_update_binary(card, off, data);
}

int
iso_enter_pin_df(struct card *card, const struct pin_ref *ref)
{
	return ref->local && ref->path.len ? iso_enter_df(card, &ref->path) : 0;
}

/* A PIN that is blocked may answer 6984 besides, where the driver says so. */
static int
pin_sw_err(const struct card *card, uint16_t sw)
{
	return sw == 0x6984 && card->ops->pin_6984_blocked ? E_PIN_BLOCKED : card_sw_err(card, sw);
}

/* A command that carries a PIN and wants no answer. */
static int
pin_command(struct card *card, const struct apdu *a, int *tries)
{
	struct resp resp = { BUF_INIT, 0 };
	int r;

	*tries = -1;
	if ((r = card_apdu(card, a, &resp)) != 0)
		goto out;
	*tries = sw_tries(resp.sw);
	if ((r = pin_sw_err(card, resp.sw)) == 0 && resp.data.len)
		r = E_PROTOCOL;
out:
	resp_free(&resp);
	return r;
}

int
iso_pin_info(struct card *card, const struct pin_ref *ref, struct pin_state *state)
{
	const struct apdu a = { .ins = 0x20, .p2 = (uint8_t)ref->ref };
	struct resp resp = { BUF_INIT, 0 };
	int r;

	*state = (struct pin_state)PIN_STATE_UNKNOWN;
	/* what another application says of its own PIN is no answer: a neighbour may have moved the card */
	if (!card->app_sure && !card->df.len && card->ops->select_app && (r = card->ops->select_app(card)) != 0)
		goto out;
	if ((r = iso_enter_pin_df(card, ref)) != 0 || (r = card_apdu(card, &a, &resp)) != 0)
		goto out;
	r = pin_sw_err(card, resp.sw);
	if (r && r != E_PIN_WRONG && r != E_PIN_BLOCKED)
		goto out;
	state->verified = r == 0;
	state->tries = r == E_PIN_BLOCKED ? 0 : sw_tries(resp.sw);
	r = 0;
out:
	resp_free(&resp);
	return r;
}

int
iso_pin_verify(struct card *card, const struct pin_ref *ref, struct view block, int *tries)
{
	const struct apdu a = { .ins = 0x20, .p2 = (uint8_t)ref->ref, .data = block,
		.flags = APDU_SECRET_IN | APDU_PINPAD | APDU_STATE }; /* it may cost a try: never sent again unasked */
	int r = iso_enter_pin_df(card, ref);

	return r ? r : pin_command(card, &a, tries);
}

/* CHANGE REFERENCE DATA and RESET RETRY COUNTER carry two blocks one after the other. */
static int
two_blocks(struct card *card, unsigned ins, const struct pin_ref *ref, struct view first,
    struct view second, int *tries)
{
	struct buf both = BUF_INIT_SECRET;
	struct apdu a = { .ins = (uint8_t)ins, .p2 = (uint8_t)ref->ref,
		.flags = APDU_SECRET_IN | APDU_PINPAD | APDU_STATE };
	int r;

	buf_view(&both, first);
	buf_view(&both, second);
	a.data = buf_peek(&both);
	if ((r = buf_err(&both)) == 0 && (r = iso_enter_pin_df(card, ref)) == 0)
		r = pin_command(card, &a, tries);
	buf_free(&both);
	return r;
}

int
iso_pin_change(struct card *card, const struct pin_ref *ref, struct view old, struct view new,
    int *tries)
{
	return two_blocks(card, 0x24, ref, old, new, tries);
}

int
iso_pin_unblock(struct card *card, const struct pin_ref *ref, struct view puk, struct view new,
    int *tries)
{
	return two_blocks(card, 0x2C, ref, puk, new, tries);
}

int
iso_pin_forget(struct card *card, const struct pin_ref *ref)
{
	const struct apdu a = { .ins = 0x20, .p1 = 0xFF, .p2 = (uint8_t)ref->ref };
	struct pin_state state;
	int r = iso_pin_info(card, ref, &state);

	if (r || state.verified == 0)
		return r;
	/* not every card that answers 9000 has done it; some forget when the application is selected anew */
	if ((r = card_command(card, &a, NULL, NULL)) == E_GONE || r == E_RESET || r == E_IO || r == E_MEM)
		return r;
	if (!r && ((r = iso_pin_info(card, ref, &state)) != 0 || state.verified == 0))
		return r;
	if ((r = card->ops->select_app(card)) != 0 || (r = iso_pin_info(card, ref, &state)) != 0)
		return r;
	return state.verified == 0 ? 0 : E_UNSUPPORTED;
}

int
iso_challenge(struct card *card, size_t n, struct buf *out)
{
	unsigned max = card->caps.max_recv && card->caps.max_recv < SHORT_DATA_MAX
	    ? card->caps.max_recv : SHORT_DATA_MAX;
	struct apdu a = { .ins = 0x84, .flags = APDU_SECRET_OUT };
	size_t before, got;
	int r;

	if (n > CHALLENGE_MAX)
		return E_LIMIT;
	while (n) {
		/* never Le 00, which 3.3.3 answers with 6F00 (card-myeid 5.8) */
		a.le = card->caps.challenge ? card->caps.challenge : n < max ? (uint32_t)n : max;
		before = out->len;
		if ((r = card_command(card, &a, out, NULL)) != 0)
			return r;
		if ((got = out->len - before) != a.le)
			return E_PROTOCOL;
		if (got > n)
			buf_trim(out, before + n);
		n -= got < n ? got : n;
	}
	return 0;
}

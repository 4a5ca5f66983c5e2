/* SELECT: files and DFs by path, by name, from the application. Source: ISO 7816-4 11.2. */
#include "cardos/iso.h"

#include <string.h>

#include "base/err.h"

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

/* Whether the way to a path from the MF begins with a SELECT of the MF, which no channel survives (fineid 3.2). */
static bool
ends_channel(const struct card *card, size_t path_len)
{
	return card->sm && (!path_len || card->pf->select.walk);
}

/* A file in the MF, whose SELECT makes that the current DF: whether a channel survives it the card shows. */
static bool
is_in_mf(const struct path *file)
{
	return file->from == PATH_MF && file->len == 2;
}

/* A path from the MF. */
static int
select_absolute(struct card *card, struct view ids, struct fci *fci)
{
	static const uint8_t mf[2] = { 0x3F, 0x00 };
	const struct select_how *how = &card->pf->select;
	int r;

	if (ends_channel(card, ids.len))
		return E_NOT_FOUND;
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

bool
card_can_select(const struct card *card, const struct path *where)
{
	const struct path path = from_app(card, where);

	return path.from != PATH_MF || named_df(card, &path) ||
	    !(ends_channel(card, path.len) || (card->sm && card->sm_not_mf && is_in_mf(&path)));
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
	/* nothing is sent, so that the card stays where it is */
	if (!card_can_select(card, &path))
		return E_NOT_FOUND;
	card->df.len = 0;
	if (path.from == PATH_APP)
		return select_below_app(card, &path, fci);
	card->app_selected = card->app_sure = false;
	if (path.from == PATH_AID)
		return iso_select(card, 0x04, view_of(path.b, path.len), fci);
	r = select_absolute(card, view_of(path.b, path.len), fci);
	card->sm_at_mf = !r && card->sm && is_in_mf(&path);
	return r;
}

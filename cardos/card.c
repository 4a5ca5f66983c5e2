#include "cardos/card_int.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "cardos/channel.h"
#include "cardos/crypt.h"
#include "cardos/os.h"
#include "cardos/sm.h"

#define OPEN_DEADLINE_MS 60000  /* waiting for a neighbour when a card is met first */
#define CANDIDATES_MAX 16       /* profiles tried on one unknown card (OpenSC#3471: no end) */
#define REOPEN_TRIES 3          /* resets by others survived in a row */

static const struct card_ops *const drivers[] = { &os_myeid, &os_thales, &os_iasecc, &os_setcos, &os_miocos,
	&os_generic };

const struct card_ops *
card_driver(const char *name)
{
	for (size_t i = 0; i < sizeof drivers / sizeof drivers[0]; i++)
		if (strcmp(drivers[i]->name, name) == 0)
			return drivers[i];
	return NULL;
}

static void
driver_drop(struct card *card)
{
	if (card->ops && card->ops->free)
		card->ops->free(card);
	channel_end(card);
	card->os = NULL;
	card->ops = NULL;
	card->pf = NULL;
	card_moved(card);
	buf_reset(&card->serial);
	card->caps = (struct card_caps){ 0 };
}

/* Whether the error says that the card is not of this kind, rather than that something broke. */
static bool
means_another_card(int r)
{
	switch (r) {
	case E_GONE:
	case E_RESET:
	case E_IO:
	case E_MEM:
	case E_BUSY:
	case E_NO_READER:
	case E_REFUSED:
	case E_CANCEL:
	case E_CAN_NEEDED:
	case E_CAN_WRONG:
		return false;
	default:
		return true;
	}
}

/* A card that is to have a channel is asked nothing in plain. */
static int
probe(struct card *card, const struct profile *pf, const struct atr_match *m, bool *fits)
{
	struct buf answer = BUF_INIT;
	struct resp resp = { BUF_INIT, 0 };
	int r;

	*fits = true;
	if (!m->probe.len || channel_wanted(pf, card->ch->ops->atr(card->ch)))
		return 0;
	card->apdus++;
	r = card->ch->ops->transmit(card->ch, buf_peek(&m->probe), false, &answer);
	if (!r && (r = apdu_answer(buf_peek(&answer), &resp.data, &resp.sw)) == 0)
		*fits = profile_probe_fits(m, resp.sw);
	buf_free(&answer);
	resp_free(&resp);
	return r;
}

/* The channel, if the card is to have one, and the driver. */
static int
driver_open(struct card *card)
{
	int r = 0;

	card->refused = card->sm_failed = card->can_sent = false;
	if (card->sm_wanted && (r = channel_open(card)) != 0)
		return r;
	if ((r = card->ops->open(card)) == 0)
		channel_fit(card);
	return r;
}

static int
try_profile(struct card *card, const struct profile *pf)
{
	const struct card_ops *ops = card_driver(pf->driver);
	bool again = true;
	int r;

	if (!ops) {
		log_warn("profile %s wants driver %s, which this library has not", pf->name,
		    pf->driver);
		return E_UNKNOWN;
	}
	card->sm_wanted = channel_wanted(pf, card->ch->ops->atr(card->ch));
	do {
		card->ops = ops;
		card->pf = pf;
		if ((r = driver_open(card)) == 0)
			return 0;
		log_debug("profile %s: %s", pf->name, err_text(r));
		driver_drop(card);
		/* a contactless card behind a reader that does not tell */
		again = card->refused && pf->sm != SM_NONE && !card->sm_wanted;
		card->sm_wanted |= again;
	} while (again);
	return r;
}

/* Whoever asks for help with a card that is not known needs it. */
static void
log_atr(struct card *card)
{
	struct buf hex = BUF_INIT;

	if (log_wants(LOG_INFO)) {
		buf_hex(&hex, card->ch->ops->atr(card->ch));
		log_info("ATR %s", buf_text(&hex));
	}
	buf_free(&hex);
}

/* The profiles for this ATR, then the generic one. E_UNKNOWN: none of them. */
static int
recognise(struct card *card, const struct profile_set *set, bool generic)
{
	struct view atr = card->ch->ops->atr(card->ch);
	const struct profile *pf = NULL;
	const struct atr_match *m;
	bool fits;
	int r;

	log_atr(card);
	for (int i = 0; i < CANDIDATES_MAX; i++) {
		if (!(pf = profile_match(set, atr, pf, &m)))
			break;
		r = probe(card, pf, m, &fits);
		if (!r && fits) {
			r = try_profile(card, pf);
			/* once more, in case an answer was garbled on its way: the ATR says it is ours */
			if ((r == E_CARD || r == E_PROTOCOL) && !card->can_sent)
				r = try_profile(card, pf);
			if (!r)
				return 0;
			/* nobody in between may talk us out of the channel by spoiling it */
			if (card->sm_failed) {
				log_info("%s: no channel to the card: %s", pf->name, err_text(r));
				return means_another_card(r) ? E_UNKNOWN : r;
			}
		}
		if (r && !means_another_card(r))
			return r;
	}
	if (!generic || !(pf = profile_fallback(set)))
		return E_UNKNOWN;
	r = try_profile(card, pf);
	return r && means_another_card(r) ? E_UNKNOWN : r;
}

static int
begin_chan(struct card *card, int deadline_ms, bool *reset)
{
	int r = card->ch->ops->begin(card->ch, deadline_ms);

	card->others_reset |= r == E_RESET;
	*reset = r == E_RESET || card->stale;
	return r == E_RESET ? 0 : r;
}

/* The card forgets a broken channel with everything else. */
static int
end_chan(struct card *card, enum io_end how)
{
	bool broken = card->sm_broken;
	int r;

	if (broken)
		how = IO_END_RESET;
	if (how == IO_END_RESET)
		channel_end(card);
	card->sm_broken = false;
	if ((r = card->ch->ops->end(card->ch, how)) != 0 && broken && r != E_GONE)
		log_warn("the card could not be reset: a PIN may still be open");
	return r;
}

int
card_open(struct io *io, const char *reader, const struct profile_set *set, bool generic,
    struct card **out)
{
	bool said;

	return card_open_with(io, reader, set, generic, NULL, &said, out);
}

int
card_open_with(struct io *io, const char *reader, const struct profile_set *set, bool generic,
    const struct secret *can, bool *said, struct card **out)
{
	struct card *card = calloc(1, sizeof *card);
	bool reset;
	int r;

	*out = NULL;
	*said = false;
	if (!card)
		return E_MEM;
	if (can && !(card->can = secret_new(can->p, can->len))) {
		r = E_MEM;
		goto out;
	}
	if ((r = io->ops->open(io, reader, &card->ch)) != 0)
		goto out;
	r = E_RESET;
	/* not over again once the card has had a word of the number: whether it was right nobody knows */
	for (int i = 0; r == E_RESET && !card->can_sent && i < REOPEN_TRIES; i++) {
		if ((r = begin_chan(card, OPEN_DEADLINE_MS, &reset)) != 0)
			goto out;
		r = recognise(card, set, generic);
		end_chan(card, IO_END_LEAVE);
	}
	*said = card->can_sent || card->sm;
	if (r)
		goto out;
	card->stale = card->was_reset = card->others_reset = card->changed = false;
	log_info("%s: %s, %llu apdus", reader, card->pf->name, (unsigned long long)card->apdus);
	*out = card;
	card = NULL;
out:
	card_close(&card);
	return r;
}

static void
card_memory_free(struct card **card)
{
	driver_drop(*card);
	buf_free(&(*card)->serial);
	free(*card);
	*card = NULL;
}

void
card_close(struct card **card)
{
	if (!*card)
		return;
	if ((*card)->ch)
		(*card)->ch->ops->close(&(*card)->ch);
	channel_end(*card);
	secret_free(&(*card)->can);
	crypt_free(&(*card)->crypt);
	card_memory_free(card);
}

void
card_forget(struct card **card)
{
	if (!*card)
		return;
	/* the cells are void here; OpenSSL's locks may be held by threads that were not copied, so that its
	 * context is left alone */
	sm_forget(&(*card)->sm);
	card_memory_free(card);
}

/* After a reset: the driver starts anew, and the card must be the one it was. */
static int
reopen(struct card *card)
{
	struct buf was = BUF_INIT;
	int r;

	card->was_reset = true;
	card->stale = true;
	card_moved(card);
	buf_move(&was, &card->serial);
	channel_end(card);
	r = driver_open(card);
	if (r == E_CAN_WRONG || (r && means_another_card(r)))
		r = E_GONE;
	if (!r && !view_eq(buf_peek(&was), buf_peek(&card->serial)))
		r = E_GONE;
	if (r)
		buf_move(&card->serial, &was);
	else
		card->stale = false;
	buf_free(&was);
	return r;
}

int
card_begin(struct card *card, int deadline_ms)
{
	bool reset;
	int r = E_RESET;

	for (int i = 0; r == E_RESET && i < REOPEN_TRIES; i++) {
		if ((r = begin_chan(card, deadline_ms, &reset)) != 0) {
			card_lost(card, r);
			return r;
		}
		card->app_sure = false;
		card->df.len = 0;
		r = reset ? reopen(card) : 0;
		if (r)
			end_chan(card, IO_END_LEAVE);
	}
	card->changed = false;
	return r;
}

int
card_end(struct card *card, enum io_end how)
{
	if (card->end_reset)
		how = IO_END_RESET;
	card->end_reset = false;
	/* the next begin may not tell of a reset of our own */
	if (how == IO_END_RESET) {
		card->app_selected = false;
		card->stale = true;
	}
	card->app_sure = false;
	card->df.len = 0;
	return end_chan(card, how);
}

void
key_parts_free(struct key_parts *k)
{
	struct buf *const all[] = { &k->n, &k->e, &k->d, &k->p, &k->q, &k->dp, &k->dq, &k->qi,
		&k->point, &k->scalar };

	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
		all[i]->secret = true;
		buf_free(all[i]);
	}
}

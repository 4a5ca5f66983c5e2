#include "cardos/channel.h"

#include "base/err.h"
#include "cardos/pace.h"

#define ALL_CIPHERS ((1u << CIPHER_COUNT) - 1)

bool
channel_atr_contactless(struct view atr)
{
	/* T0 8n, TD1 80, TD2 01, n historical bytes, TCK */
	return atr.len >= 5 && atr.p[0] == 0x3B && atr.p[1] >> 4 == 8 && atr.p[2] == 0x80 && atr.p[3] == 0x01 &&
	    atr.len == 5 + (atr.p[1] & 0xFu);
}

bool
channel_wanted(const struct profile *pf, struct view atr)
{
	return pf->sm == SM_ALWAYS || (pf->sm == SM_CONTACTLESS && channel_atr_contactless(atr));
}

int
channel_open(struct card *card)
{
	int r = 0;

	card->can_sent = false;
	card->sm_failed = true;
	if (!card->can)
		return E_CAN_NEEDED;
	if (!card->crypt && (r = crypt_new(&card->crypt)) != 0)
		return r;
	card->sm_opening = true;
	r = pace_run(card, card->crypt, card->pf->pace ? card->pf->pace : ALL_CIPHERS, PACE_CAN,
	    secret_view(card->can), &card->sm);
	card->sm_opening = false;
	card->sm_failed = r != 0;
	card->can_sent &= card->sm_failed;
	return r;
}

void
channel_end(struct card *card)
{
	sm_free(&card->sm);
}

void
channel_break(struct card *card)
{
	channel_end(card);
	card->sm_broken = card->stale = card->was_reset = true;
	card->app_selected = card->app_sure = false;
	card->df.len = 0;
}

/* The smaller of a limit (0: none) and what a short APDU holds. */
static size_t
limit(const struct card *card, unsigned max, unsigned of_short)
{
	if (!max)
		return of_short;
	return !card->caps.extended && max > of_short ? of_short : max;
}

void
channel_fit(struct card *card)
{
	struct card_caps *caps = &card->caps;

	if (!card->sm)
		return;
	caps->max_send = (unsigned)sm_send_max(card->sm, limit(card, caps->max_send, SHORT_DATA_MAX), true);
	caps->max_recv = (unsigned)sm_recv_max(card->sm, limit(card, caps->max_recv, LE_ANY));
}

size_t
channel_send_max(const struct card *card, bool le)
{
	return card->sm ? sm_send_max(card->sm, SHORT_DATA_MAX, le) : SHORT_DATA_MAX;
}

void
channel_tell(struct card *card, const struct apdu *plain, const struct resp *resp, size_t start, int err)
{
	bool secret = plain->flags & (APDU_SECRET_IN | APDU_SECRET_OUT);
	struct buf cmd = BUF_INIT, answer = BUF_INIT;

	if (!card->ch->ops->plain)
		return;
	cmd.secret = answer.secret = secret;
	buf_view(&answer, view_part(buf_peek(&resp->data), start, resp->data.len));
	buf_be16(&answer, resp->sw);
	if (!apdu_encode(plain, &cmd) && !buf_err(&answer))
		card->ch->ops->plain(card->ch, buf_peek(&cmd), secret, buf_peek(&answer), err);
	buf_free(&cmd);
	buf_free(&answer);
}

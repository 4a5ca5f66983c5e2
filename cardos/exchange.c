/* Commands: one is split or chained, wrapped, sent, its answer fetched and unwrapped (DESIGN 7). */
#include "cardos/card_int.h"

#include "base/err.h"
#include "base/log.h"
#include "cardos/channel.h"
#include "cardos/sm.h"
#include "cardos/sw.h"

#define ANSWER_DATA_MAX 65536u  /* bytes of one command's answers together */
#define INS_SELECT 0xA4
#define INS_READ_BINARY 0xB0
#define READ_LEAST 128u         /* bytes that any card gives in one READ */
#define SELECT_NAME 0x04        /* P1: by AID */
#define SW_SECURITY 0x6982      /* security status not satisfied */
#define ANSWER_ROUNDS_MAX 300u  /* GET RESPONSEs of one command; 256 carry 64 KiB */

void
card_moved(struct card *card)
{
	card->app_selected = card->app_sure = false;
	card->df.len = 0;
}

void
card_lost(struct card *card, int r)
{
	if (r == E_RESET) {
		card->was_reset = card->others_reset = true;
		card->stale = true;
	}
	if (r == E_RESET || r == E_GONE) {
		channel_end(card);
		card_moved(card);
	}
}

/* The bytes of one command there, those of its answer back: by the reader's keys while a PIN is
 * typed there. A template must never go to the card as if it were a PIN. */
static int
carry(struct card *card, const struct apdu *a, struct view cmd, bool secret, struct buf *answer)
{
	if (!card->typed || !(a->flags & APDU_SECRET_IN))
		return card->ch->ops->transmit(card->ch, cmd, secret, answer);
	if (!(a->flags & APDU_PINPAD))
		return E_UNSUPPORTED;
	return pinpad_transmit(card->ch, card->typed, cmd, answer);
}

/* How one command is sent and answered. */
typedef int exchange_way(struct card *, const struct apdu *, struct resp *);

/* Sends one command as it is; its answer's data is appended to resp. */
static int
exchange_bare(struct card *card, const struct apdu *a, struct resp *resp)
{
	bool secret = a->flags & (APDU_SECRET_IN | APDU_SECRET_OUT);
	struct buf cmd = BUF_INIT, answer = BUF_INIT;
	int r;

	cmd.secret = answer.secret = secret;
	if ((r = apdu_encode(a, &cmd)) != 0)
		goto out;
	card->apdus++;
	if (a->flags & APDU_STATE)
		card->changed = true;
	if ((r = carry(card, a, buf_peek(&cmd), secret, &answer)) != 0) {
		card_lost(card, r);
		goto out;
	}
	r = apdu_answer(buf_peek(&answer), &resp->data, &resp->sw);
	if (!r && resp->data.len > ANSWER_DATA_MAX)
		r = E_PROTOCOL;
out:
	buf_free(&cmd);
	buf_free(&answer);
	return r;
}

/* 6Cxx: the command was not executed and wants another Le. Asked again once; not when a secret
 * went in and no answer was wanted, for such a card makes no sense and a PIN has few tries. */
static int
exchange_le(struct card *card, const struct apdu *a, struct resp *resp, exchange_way *way)
{
	struct apdu again = *a;
	int r;

	/* nor under secure messaging, where the card's word came in an answer that is complete */
	if ((r = way(card, a, resp)) != 0 || resp->sw >> 8 != 0x6C || (card->sm && way != exchange_bare))
		return r;
	if (a->flags & APDU_ONCE || (a->le == LE_NONE && a->flags & APDU_SECRET_IN))
		return 0;
	again.le = resp->sw & 0xFF ? resp->sw & 0xFFu : LE_ANY;
	/* what a card gives at most is asked of it from now on. At the start of a file it is not the rest of it, but for
	 * a file as short as that */
	if (a->ins == INS_READ_BINARY && !a->p1 && !a->p2 && a->le == LE_ANY && again.le >= READ_LEAST)
		card->caps.max_recv = again.le;
	return way(card, &again, resp);
}

/* 61xx: more of the answer waits. Bounded in rounds and bytes, and each round must bring
 * something (OpenSC CVE-2025-49010; DESIGN 15). */
static int
fetch_rest(struct card *card, const struct apdu *a, struct resp *resp, exchange_way *way)
{
	struct apdu get = { .cla = a->cla ? a->cla & 0x03 : card->caps.cla, .ins = 0xC0,
		.flags = a->flags & APDU_SECRET_OUT };
	size_t before;
	int r;

	for (unsigned i = 0; resp->sw >> 8 == 0x61; i++) {
		/* the word inside of a wrapped answer that is all there */
		if (way == exchange_bare && sm_is_whole(buf_peek(&resp->data), resp->sw))
			return 0;
		if (i >= ANSWER_ROUNDS_MAX)
			return E_PROTOCOL;
		before = resp->data.len;
		get.le = resp->sw & 0xFF ? resp->sw & 0xFFu : LE_ANY;
		if ((r = exchange_le(card, &get, resp, way)) != 0)
			return r;
		if (resp->sw >> 8 == 0x61 && resp->data.len == before)
			return E_PROTOCOL;
	}
	return 0;
}

/* Wrapped, sent, fetched, unwrapped. What is not answered under the keys' protection was not said by the card,
 * or the card has forgotten them. */
static int
exchange_wrapped(struct card *card, const struct apdu *a, struct resp *resp)
{
	struct buf data = BUF_INIT;
	struct resp answer = { BUF_INIT, 0 };
	struct apdu wrapped;
	size_t start = resp->data.len;
	const bool at_mf = card->sm_at_mf;
	int r;

	card->sm_at_mf = false;
	/* a reader cannot wrap what is typed on it */
	if (card->typed && a->flags & APDU_SECRET_IN)
		return E_UNSUPPORTED;
	if ((r = sm_wrap(card->sm, a, &data, &wrapped)) == 0 && (r = exchange_bare(card, &wrapped, &answer)) == 0)
		r = fetch_rest(card, &wrapped, &answer, exchange_bare);
	if (!r)
		r = sm_unwrap(card->sm, buf_peek(&answer.data), answer.sw, &resp->data, &resp->sw);
	/* whatever we could not make of it, the card may have done it */
	if (r == E_PROTOCOL || r == E_CRYPTO || r == E_LIMIT) {
		log_info("the channel to the card is broken: 0x%X, %zu bytes", answer.sw, answer.data.len);
		/* it has no keys any more (6999, 6987, 6982): where it was is what ended the channel */
		card->sm_not_mf |= at_mf && !answer.data.len && answer.sw >> 8 == 0x69;
		r = E_RESET;
	}
	channel_tell(card, a, resp, start, r);
	if (r && card->sm) /* else it went with the card, or by a reset */
		channel_break(card);
	buf_free(&data);
	resp_free(&answer);
	return r;
}

/* A card that is to have a channel is told nothing without one but what opens it: a verb whose channel broke, and who
 * did not look at the error, must not go on in plain. */
static int
exchange(struct card *card, const struct apdu *a, struct resp *resp)
{
	if (!card->sm && (card->sm_broken || (card->sm_wanted && !card->sm_opening)))
		return E_RESET;
	return card->sm ? exchange_wrapped(card, a, resp) : exchange_bare(card, a, resp);
}

static size_t
send_max(const struct card *card, bool le)
{
	size_t max = card->caps.max_send, most = channel_send_max(card, le);

	return max && max < most ? max : most;
}

/* All parts but the last, with CLA bit 10. *rest: what the last one carries. A part that is
 * refused ends it, with its status word in resp. Source: ISO 7816-4 5.1.1.1. */
static int
send_chain(struct card *card, const struct apdu *a, struct apdu *rest, struct resp *resp)
{
	struct apdu part = *a;
	struct view v = a->data;
	int r;

	part.cla = (uint8_t)(a->cla | 0x10);
	part.le = LE_NONE;
	resp->sw = SW_OK;
	while (v.len > send_max(card, true)) {
		view_take(&v, send_max(card, true), &part.data);
		if ((r = exchange(card, &part, resp)) != 0 || resp->sw != SW_OK)
			return r;
	}
	rest->data = v;
	return 0;
}

int
card_apdu(struct card *card, const struct apdu *a, struct resp *resp)
{
	struct apdu last = *a;
	int r;

	resp->data.secret = resp->data.secret || a->flags & APDU_SECRET_OUT;
	if (!last.cla)
		last.cla = card->caps.cla;
	if (!card->caps.extended && last.le > LE_ANY)
		last.le = LE_ANY;
	if (a->data.len > send_max(card, last.le != LE_NONE) && !card->caps.extended) {
		if (!(a->flags & APDU_CHAIN) || !card->caps.chaining)
			return E_UNSUPPORTED;
		if ((r = send_chain(card, &last, &last, resp)) != 0 || resp->sw != SW_OK)
			return r;
	}
	if ((r = exchange_le(card, &last, resp, exchange)) != 0)
		return r;
	if (a->ins == INS_SELECT && a->p1 == SELECT_NAME && resp->sw == SW_SECURITY)
		card->refused = true;
	if (a->ins == INS_SELECT && a->le == LE_NONE && resp->sw >> 8 == 0x61) {
		/* done, and the FCI that nobody wants need not be fetched */
		resp->sw = SW_OK;
		return 0;
	}
	return fetch_rest(card, a, resp, exchange);
}

int
card_command(struct card *card, const struct apdu *a, struct buf *data, int *tries)
{
	struct resp resp = { BUF_INIT, 0 };
	int r;

	if (tries)
		*tries = -1;
	if ((r = card_apdu(card, a, &resp)) != 0)
		goto out;
	if (tries)
		*tries = sw_tries(resp.sw);
	if ((r = card_sw_err(card, resp.sw)) != 0) {
		log_debug("instruction 0x%X: 0x%X, %s", a->ins, resp.sw, err_name(r));
		goto out;
	}
	/* an answer where none was wanted is no success; but SELECT brings its FCI unasked
	 * (card-myeid 2.1) */
	if (resp.data.len && a->le == LE_NONE && a->ins != INS_SELECT) {
		r = E_PROTOCOL;
		goto out;
	}
	if (data) {
		data->secret = data->secret || resp.data.secret;
		buf_view(data, buf_peek(&resp.data));
		r = buf_err(data);
	}
out:
	resp_free(&resp);
	return r;
}

int
card_sw_err(const struct card *card, uint16_t sw)
{
	return sw_err(card->ops ? card->ops->sw : NULL, sw);
}

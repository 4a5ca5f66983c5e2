/* A chan whose answers the test writes: what was sent is kept, and each command gets the next
 * answer, or what a function says. */
#ifndef CASTOR_T_UNIT_SCRIPTED_H
#define CASTOR_T_UNIT_SCRIPTED_H

#include <string.h>

#include "base/err.h"
#include "cardos/card.h"

struct scripted {
	struct chan chan;
	const char *const *answers; /* hexadecimal; NULL ends; the last one is given again and again */
	size_t sent;
	struct buf last;            /* the last command */
	struct buf all;             /* all commands as hexadecimal lines */
	size_t big;                 /* not 0: every answer is so many bytes and 9000 */
	struct view atr;            /* borrowed */
};

static inline int
scripted_transmit(struct chan *chan, struct view cmd, bool secret, struct buf *rsp)
{
	struct scripted *s = (struct scripted *)chan;
	const char *answer = s->answers ? s->answers[0] : "9000";

	(void)secret;
	s->sent++;
	buf_reset(&s->last);
	buf_view(&s->last, cmd);
	buf_hex(&s->all, cmd);
	buf_str(&s->all, "\n");
	if (s->big) {
		buf_fill(rsp, 0x41, s->big);
		buf_be16(rsp, 0x9000);
		return buf_err(rsp);
	}
	if (s->answers && s->answers[1])
		s->answers++;
	return hex_parse(answer, strlen(answer), rsp);
}

static inline int
scripted_begin(struct chan *chan, int deadline_ms)
{
	(void)chan;
	(void)deadline_ms;
	return 0;
}

static inline int
scripted_end(struct chan *chan, enum io_end how)
{
	(void)chan;
	(void)how;
	return 0;
}

static inline struct view
scripted_atr(struct chan *chan)
{
	return ((struct scripted *)chan)->atr;
}

static const struct io_ops scripted_ops = { .transmit = scripted_transmit, .begin = scripted_begin,
	.end = scripted_end, .atr = scripted_atr };

/* A card on a scripted chan, without a driver, and with a profile that says nothing. */
static inline void
scripted_card(struct scripted *s, struct card *card, const char *const *answers)
{
	static const struct profile none;

	memset(s, 0, sizeof *s);
	memset(card, 0, sizeof *card);
	s->chan.ops = &scripted_ops;
	s->answers = answers;
	card->ch = &s->chan;
	card->pf = &none;
}

static inline void
scripted_free(struct scripted *s)
{
	buf_free(&s->last);
	buf_free(&s->all);
}

#endif

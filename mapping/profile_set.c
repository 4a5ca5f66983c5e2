/* Several profiles: which one is for a card. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "mapping/profile.h"
#include "mapping/profiles.h"

int
profile_set_take(struct profile_set *set, struct profile **p)
{
	struct profile **grown;

	for (size_t i = 0; i < set->n; i++)
		if (strcmp(set->p[i]->name, (*p)->name) == 0)
			return E_EXISTS;
	if (!(grown = realloc(set->p, (set->n + 1) * sizeof *grown)))
		return E_MEM;
	set->p = grown;
	set->p[set->n++] = *p;
	*p = NULL;
	return 0;
}

int
profile_set_replace(struct profile_set *set, struct profile **p)
{
	for (size_t i = 0; i < set->n; i++) {
		if (strcmp(set->p[i]->name, (*p)->name) != 0)
			continue;
		profile_free(&set->p[i]);
		set->p[i] = *p;
		*p = NULL;
		return 0;
	}
	return profile_set_take(set, p);
}

void
profile_set_free(struct profile_set *set)
{
	for (size_t i = 0; i < set->n; i++)
		profile_free(&set->p[i]);
	free(set->p);
	set->p = NULL;
	set->n = 0;
}

int
profile_set_builtin(struct profile_set *set, struct buf *why)
{
	struct profile *p;
	int r;

	for (size_t i = 0; i < profiles_builtin_count; i++) {
		const struct embedded *t = &profiles_builtin[i];

		p = NULL;
		if ((r = profile_parse(view_of(t->text, t->len), t->name, &p, why)))
			return r;
		if ((r = profile_set_take(set, &p))) {
			if (r == E_EXISTS) {
				buf_reset(why);
				buf_fmt(why, "%s:1: a profile \"%s\" is there already", t->name,
				    p->name);
			}
			profile_free(&p);
			return r;
		}
	}
	return 0;
}

/* ---- answer to reset ---- */

struct view
atr_historical(struct view atr)
{
	static const struct view none = { NULL, 0 };
	struct view hist;
	unsigned ts, t0, y, byte;
	size_t k;

	if (!view_u8(&atr, &ts) || (ts != 0x3B && ts != 0x3F) || !view_u8(&atr, &t0))
		return none;
	k = t0 & 15;
	for (y = t0 >> 4; y; ) {
		/* TAi, TBi, TCi, then TDi, whose high half announces the next round. */
		for (unsigned bit = 1; bit < 8; bit <<= 1)
			if (y & bit && !view_u8(&atr, &byte))
				return none;
		if (!(y & 8))
			break;
		if (!view_u8(&atr, &byte))
			return none;
		y = byte >> 4;
	}
	return view_take(&atr, k, &hist) ? hist : none;
}

static bool
masked_eq(struct view v, const struct atr_match *m)
{
	if (v.len != m->bytes.len)
		return false;
	for (size_t i = 0; i < v.len; i++)
		if ((v.p[i] ^ m->bytes.p[i]) & m->mask.p[i])
			return false;
	return true;
}

static bool
rule_fits(const struct atr_match *m, struct view atr)
{
	struct view hist = atr_historical(atr);

	if (m->what == MATCH_ATR)
		return masked_eq(atr, m);
	if (m->what == MATCH_HIST_TAIL && hist.len > m->bytes.len)
		hist = view_part(hist, hist.len - m->bytes.len, m->bytes.len);
	return masked_eq(hist, m);
}

/* A rule without a probe wins over one with: it needs no answer. */
static bool
rule_better(const struct atr_match *a, const struct atr_match *b)
{
	if (!a->probe.len != !b->probe.len)
		return !a->probe.len;
	return a->rank < b->rank;
}

static const struct atr_match *
best_rule(const struct profile *p, struct view atr)
{
	const struct atr_match *best = NULL;

	for (size_t i = 0; i < p->nmatch; i++)
		if (rule_fits(&p->match[i], atr) && (!best || rule_better(&p->match[i], best)))
			best = &p->match[i];
	return best;
}

const struct profile *
profile_match(const struct profile_set *set, struct view atr, const struct profile *after,
    const struct atr_match **m)
{
	const struct profile *found = NULL;
	const struct atr_match *rule, *last = after ? best_rule(after, atr) : NULL;
	bool behind = false; /* standing behind `after` in the set: the order among equal ranks */

	*m = NULL;
	if (after && !last)
		return NULL;
	for (size_t i = 0; i < set->n; i++) {
		const struct profile *p = set->p[i];

		if (p == after) {
			behind = true;
			continue;
		}
		if (p->fallback || !(rule = best_rule(p, atr)))
			continue;
		if (last && (rule->rank < last->rank || (rule->rank == last->rank && !behind)))
			continue;
		if (found && rule->rank >= (*m)->rank)
			continue;
		found = p;
		*m = rule;
	}
	return found;
}

bool
profile_probe_fits(const struct atr_match *m, unsigned sw)
{
	struct view pairs = buf_peek(&m->expect);
	unsigned value, mask;

	while (view_be16(&pairs, &value) && view_be16(&pairs, &mask))
		if ((sw & mask) == (value & mask))
			return true;
	return false;
}

const struct profile *
profile_fallback(const struct profile_set *set)
{
	const struct profile *found = NULL;

	for (size_t i = 0; i < set->n; i++)
		if (set->p[i]->fallback && (!found || strcmp(set->p[i]->name, found->name) < 0))
			found = set->p[i];
	return found;
}

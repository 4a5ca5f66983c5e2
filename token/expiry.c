#include "token/expiry.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"

#define FLAG_FIRST 0x01u
#define LAST_DAY 2932896 /* 9999-12-31 */

static const uint8_t magic[] = { 'C', 'P', 'X', '1' };

/* A file that nobody has written to: cards fill it with one or the other. */
static bool
is_blank(struct view ef)
{
	for (size_t i = 0; i < sizeof magic; i++)
		if (i >= ef.len || ef.p[i] != ef.p[0] || (ef.p[0] != 0x00 && ef.p[0] != 0xFF))
			return false;
	return true;
}

/* What every writer keeps to: the ring is filled from its start, and then goes round. */
static bool
makes_sense(const struct expiry *e, unsigned flags)
{
	return !(flags & ~FLAG_FIRST) && e->room <= EXPIRY_ROOM_MAX && e->used <= e->room &&
	    (e->used < e->room ? e->next == e->used : e->room ? e->next < e->room : !e->next);
}

int
expiry_decode(struct view ef, struct expiry *out)
{
	struct view v = ef, word, salt;
	unsigned flags;

	if (is_blank(ef))
		return E_NOT_FOUND;
	if (!view_take(&v, sizeof magic, &word) || memcmp(word.p, magic, sizeof magic) != 0 ||
	    !view_be32(&v, &out->day) || !view_u8(&v, &flags) || !view_u8(&v, &out->room) ||
	    !view_u8(&v, &out->used) || !view_u8(&v, &out->next) ||
	    !view_take(&v, EXPIRY_SALT, &salt) || !makes_sense(out, flags))
		return E_FORMAT;
	out->first = flags & FLAG_FIRST;
	memcpy(out->salt, salt.p, EXPIRY_SALT);
	return 0;
}

void
expiry_encode(const struct expiry *e, struct buf *out)
{
	buf_put(out, magic, sizeof magic);
	buf_be32(out, e->day);
	buf_u8(out, e->first ? FLAG_FIRST : 0);
	buf_u8(out, e->room);
	buf_u8(out, e->used);
	buf_u8(out, e->next);
	buf_put(out, e->salt, EXPIRY_SALT);
}

size_t
expiry_size(unsigned room)
{
	return EXPIRY_HEAD + (size_t)room * EXPIRY_HASH;
}

unsigned
expiry_room(size_t size)
{
	size_t n = size < EXPIRY_HEAD ? 0 : (size - EXPIRY_HEAD) / EXPIRY_HASH;

	return n < EXPIRY_ROOM_MAX ? (unsigned)n : EXPIRY_ROOM_MAX;
}

bool
expiry_has(const struct expiry *e, struct view ef, unsigned most, struct view hash)
{
	unsigned at, differ, has = 0;

	if (ef.len < expiry_size(e->room) || hash.len != EXPIRY_HASH)
		return false;
	for (unsigned k = 1; k <= e->used && k <= most; k++) {
		at = (e->next + e->room - k) % e->room;
		differ = 0;
		/* in a time that tells nothing of where they differ */
		for (size_t i = 0; i < EXPIRY_HASH; i++)
			differ |= (unsigned)(ef.p[expiry_size(at) + i] ^ hash.p[i]);
		has |= !differ;
	}
	return has;
}

void
expiry_pushed(struct expiry *e)
{
	if (!e->room)
		return;
	e->next = (e->next + 1) % e->room;
	if (e->used < e->room)
		e->used++;
}

int64_t
expiry_due(const struct expiry *e, long period, long initial)
{
	return (int64_t)e->day + (e->first && initial > 0 ? initial : period);
}

/* Source: the calendar in days of H. Hinnant, "chrono-Compatible Low-Level Date Algorithms". */
bool
expiry_date(int64_t day, char out[9])
{
	unsigned of_era, year_of_era, of_year, month, year;
	int64_t from_march;

	if (day < 0 || day > LAST_DAY)
		return false;
	from_march = day + 719468; /* since 0000-03-01: a leap day ends its year */
	of_era = (unsigned)(from_march % 146097);
	year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	month = (5 * of_year + 2) / 153; /* 0: March */
	year = (unsigned)(from_march / 146097) * 400 + year_of_era + (month > 9);
	snprintf(out, 9, "%04u%02u%02u", year % 10000, (month > 9 ? month - 9 : month + 3) % 100,
	    (of_year - (153 * month + 2) / 5 + 1) % 100);
	return true;
}

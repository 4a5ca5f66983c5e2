#include "token/expiry.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/err.h"
#include "t/unit/mutate.h"
#include "t/unit/unit.h"

#define ROOM 3

/* The object as a file: head and entries. */
static void
put(const struct expiry *e, const uint8_t (*entry)[EXPIRY_HASH], struct buf *ef)
{
	buf_reset(ef);
	expiry_encode(e, ef);
	for (unsigned i = 0; i < e->room; i++)
		buf_put(ef, entry[i], EXPIRY_HASH);
}

START_TEST(the_bytes_are_the_documented_ones)
{
	static const uint8_t want[EXPIRY_HEAD] = { 'C', 'P', 'X', '1', 0x00, 0x00, 0x51, 0x2C, 0x01, 5, 2, 2,
		0xA0, 0xA1, 0xA2, 0xA3, 0xA4, 0xA5, 0xA6, 0xA7, 0xA8, 0xA9, 0xAA, 0xAB, 0xAC, 0xAD, 0xAE, 0xAF };
	struct expiry e = { .day = 20780, .first = true, .room = 5, .used = 2, .next = 2 }, back;
	struct buf ef = BUF_INIT;

	for (unsigned i = 0; i < EXPIRY_SALT; i++)
		e.salt[i] = (uint8_t)(0xA0 + i);
	expiry_encode(&e, &ef);
	ck_assert(view_eq(buf_peek(&ef), view_of(want, sizeof want)));
	ck_assert_int_eq(expiry_decode(buf_peek(&ef), &back), 0);
	ck_assert(back.day == e.day && back.first && back.room == 5 && back.used == 2 && back.next == 2);
	ck_assert_int_eq(memcmp(back.salt, e.salt, EXPIRY_SALT), 0);
	ck_assert_uint_eq(expiry_size(0), 28);
	ck_assert_uint_eq(expiry_size(5), 188);
	ck_assert_uint_eq(expiry_room(188), 5);
	ck_assert_uint_eq(expiry_room(187), 4);
	ck_assert_uint_eq(expiry_room(27), 0);
	ck_assert_uint_eq(expiry_room(SIZE_MAX), EXPIRY_ROOM_MAX);
	buf_free(&ef);
}
END_TEST

START_TEST(a_file_that_nobody_wrote_to_is_no_damage)
{
	uint8_t ef[64];
	struct expiry e;

	memset(ef, 0xFF, sizeof ef);
	ck_assert_int_eq(expiry_decode(view_of(ef, sizeof ef), &e), E_NOT_FOUND);
	memset(ef, 0x00, sizeof ef);
	ck_assert_int_eq(expiry_decode(view_of(ef, sizeof ef), &e), E_NOT_FOUND);
	ef[1] = 0xFF;
	ck_assert_int_eq(expiry_decode(view_of(ef, sizeof ef), &e), E_FORMAT);
	ck_assert_int_eq(expiry_decode(view_of(NULL, 0), &e), E_FORMAT);
	ck_assert_int_eq(expiry_decode(view_of(ef, 3), &e), E_FORMAT);
}
END_TEST

/* The ring keeps the latest, however many there were. */
START_TEST(the_ring_goes_round)
{
	uint8_t entry[ROOM][EXPIRY_HASH] = { { 0 } }, hash[EXPIRY_HASH];
	struct expiry e = { .room = ROOM }, back;
	struct buf ef = BUF_INIT;
	bool has;

	for (unsigned n = 1; n <= 10; n++) {
		memset(entry[e.next], (int)n, EXPIRY_HASH);
		expiry_pushed(&e);
		put(&e, (const uint8_t (*)[EXPIRY_HASH])entry, &ef);
		ck_assert_int_eq(expiry_decode(buf_peek(&ef), &back), 0);
		ck_assert_uint_eq(back.used, n < ROOM ? n : ROOM);
		for (unsigned k = 0; k <= n + 1; k++) {
			memset(hash, (int)k, sizeof hash);
			for (unsigned most = 0; most <= ROOM + 1; most++) {
				has = expiry_has(&back, buf_peek(&ef), most, view_of(hash, sizeof hash));
				ck_assert_msg(has == (k && k <= n && n - k < most && n - k < ROOM),
				    "entry %u of %u among the latest %u", k, n, most);
			}
		}
	}
	/* a file that is shorter than it says, a hash that is none */
	memset(hash, 10, sizeof hash);
	ck_assert(!expiry_has(&e, view_part(buf_peek(&ef), 0, ef.len - 1), ROOM, view_of(hash, sizeof hash)));
	ck_assert(!expiry_has(&e, buf_peek(&ef), ROOM, view_of(hash, sizeof hash - 1)));
	buf_free(&ef);
}
END_TEST

START_TEST(no_room_is_no_ring)
{
	struct expiry e = { .day = 1 }, back;
	struct buf ef = BUF_INIT;
	uint8_t hash[EXPIRY_HASH] = { 0 };

	expiry_pushed(&e);
	ck_assert(!e.used && !e.next);
	expiry_encode(&e, &ef);
	ck_assert_int_eq(expiry_decode(buf_peek(&ef), &back), 0);
	ck_assert(!expiry_has(&back, buf_peek(&ef), 5, view_of(hash, sizeof hash)));
	buf_free(&ef);
}
END_TEST

static void
use_damaged(struct view ef, void *arg)
{
	uint8_t hash[EXPIRY_HASH] = { 7 };
	size_t *good = arg;
	struct expiry e;
	int r = expiry_decode(ef, &e);

	ck_assert(r == 0 || r == E_FORMAT || r == E_NOT_FOUND);
	if (r)
		return;
	++*good;
	ck_assert(e.room <= EXPIRY_ROOM_MAX && e.used <= e.room && e.next <= e.room);
	ck_assert(!e.room || e.next < e.room);
	expiry_has(&e, ef, EXPIRY_ROOM_MAX, view_of(hash, sizeof hash));
	expiry_pushed(&e);
	ck_assert(!e.room || e.next < e.room);
}

START_TEST(damage_is_survived)
{
	uint8_t entry[ROOM][EXPIRY_HASH] = { { 1 }, { 2 }, { 3 } };
	struct expiry e = { .day = 20000, .room = ROOM, .used = ROOM, .next = 1 };
	struct buf ef = BUF_INIT;
	size_t good = 0;
	struct mutate m = { .run = use_damaged, .arg = &good };

	put(&e, (const uint8_t (*)[EXPIRY_HASH])entry, &ef);
	m.good = buf_peek(&ef);
	ck_assert_uint_gt(mutate(&m), 1000);
	ck_assert_uint_gt(good, 0);
	buf_free(&ef);
}
END_TEST

START_TEST(what_no_writer_writes_is_damage)
{
	static const struct { uint8_t at, value; } wrong[] = {
		{ 0, 'c' }, { 3, '2' }, { 8, 0x02 }, { 8, 0x80 }, { 9, 101 }, { 9, 1 }, { 10, 4 }, { 10, 1 },
		{ 11, 3 }, { 11, 0 }, { 11, 1 }, { 11, 255 },
	};
	struct expiry e = { .day = 20000, .room = ROOM, .used = 2, .next = 2 };
	struct buf ef = BUF_INIT;
	uint8_t was;

	expiry_encode(&e, &ef);
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		was = ef.p[wrong[i].at];
		ef.p[wrong[i].at] = wrong[i].value;
		ck_assert_msg(expiry_decode(buf_peek(&ef), &e) == E_FORMAT, "row %zu", i);
		ef.p[wrong[i].at] = was;
	}
	ck_assert_int_eq(expiry_decode(buf_peek(&ef), &e), 0);
	buf_free(&ef);
}
END_TEST

START_TEST(a_pin_is_due_by_the_periods)
{
	struct expiry e = { .day = 100 };

	ck_assert_int_eq(expiry_due(&e, 30, 0), 130);
	ck_assert_int_eq(expiry_due(&e, 30, 5), 130); /* its age is known */
	e.first = true;
	ck_assert_int_eq(expiry_due(&e, 30, 5), 105);
	ck_assert_int_eq(expiry_due(&e, 30, 90), 190);
	ck_assert_int_eq(expiry_due(&e, 30, 0), 130);
	e.day = UINT32_MAX;
	ck_assert_int_eq(expiry_due(&e, 36500, 36500), (int64_t)UINT32_MAX + 36500);
}
END_TEST

/* Against the C library's calendar. */
START_TEST(days_are_dates)
{
	static const int64_t none[] = { -1, INT64_MIN, 2932897, UINT32_MAX, INT64_MAX };
	char got[9], want[32];
	struct tm tm;
	time_t at;

	for (int64_t day = 0; day <= 2932896; day++) {
		at = (time_t)day * 86400;
		gmtime_r(&at, &tm);
		snprintf(want, sizeof want, "%04d%02d%02d", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
		ck_assert(expiry_date(day, got));
		ck_assert_str_eq(got, want);
	}
	for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
		ck_assert(!expiry_date(none[i], got));
}
END_TEST

UNIT_MAIN("expiry", the_bytes_are_the_documented_ones, a_file_that_nobody_wrote_to_is_no_damage,
    the_ring_goes_round, no_room_is_no_ring, damage_is_survived, what_no_writer_writes_is_damage,
    a_pin_is_due_by_the_periods, days_are_dates)

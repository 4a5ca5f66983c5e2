/* What looks at a reader do to its generation and its events: in which order several threads' looks
 * arrive is not theirs to choose. */
#include "token/reader.h"

#include "base/err.h"
#include "t/fault/module.h"
#include "t/unit/unit.h"

struct bench {
	struct world *w;
	struct reader *r;
};

static struct bench
bench_new(bool at_start)
{
	struct bench b = { 0 };

	ck_assert_uint_eq(world_new(&b.w), CKR_OK);
	ck_assert((b.r = reader_new(b.w, IO_MEM_READER, 0, at_start)) != NULL);
	return b;
}

static void
bench_free(struct bench *b)
{
	reader_free(&b->r);
	world_unref(&b->w);
}

/* A look that begins now and sees that. */
static bool
see(struct bench *b, enum io_presence now, uint32_t events)
{
	struct io_state s = { 0 };
	uint64_t gen = reader_expect(b->r, &s);

	s.now = now;
	s.events = events;
	return reader_saw(b->r, gen, &s);
}

static bool
has_event(struct bench *b)
{
	bool event = b->r->event[0];

	b->r->event[0] = false;
	return event;
}

START_TEST(old_news_end_no_generation)
{
	struct bench b = bench_new(true);
	struct io_state late = { 0 };
	uint64_t gen_of_late, gen;

	ck_assert(see(&b, IO_EMPTY, 4));
	gen_of_late = reader_expect(b.r, &late); /* sees the empty reader, and is overtaken */
	ck_assert(see(&b, IO_PRESENT, 5));
	gen = b.r->gen;
	ck_assert(!reader_saw(b.r, gen_of_late, &late));
	ck_assert_uint_eq(b.r->gen, gen);
	ck_assert(reader_has_card_locked(b.r));
	bench_free(&b);
}
END_TEST

START_TEST(nothing_new_is_nothing)
{
	struct bench b = bench_new(true);
	uint64_t gen;

	see(&b, IO_PRESENT, 5);
	gen = b.r->gen;
	ck_assert(see(&b, IO_PRESENT, 5) && see(&b, IO_MUTE, 5));
	ck_assert_uint_eq(b.r->gen, gen);
	ck_assert(see(&b, IO_PRESENT, 7)); /* out and in again between two looks */
	ck_assert_uint_gt(b.r->gen, gen);
	ck_assert(has_event(&b));
	bench_free(&b);
}
END_TEST

START_TEST(only_a_later_reader_brings_its_card_as_an_event)
{
	static const struct { bool at_start; enum io_presence first; bool event; } cases[] = {
		{ true, IO_PRESENT, false }, { true, IO_EMPTY, false },
		{ false, IO_PRESENT, true }, { false, IO_EMPTY, false },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct bench b = bench_new(cases[i].at_start);

		see(&b, cases[i].first, 1);
		ck_assert_int_eq(has_event(&b), cases[i].event);
		see(&b, cases[i].first == IO_EMPTY ? IO_PRESENT : IO_EMPTY, 2);
		ck_assert(has_event(&b) && !has_event(&b));
		bench_free(&b);
	}
}
END_TEST

static int
nothing(struct card *card, void *arg)
{
	(void)card;
	(void)arg;
	return 0;
}

/* A call that waited while the card was changed is told so, and the connection to the one of now stays. */
START_TEST(a_late_call_leaves_the_card_of_now_alone)
{
	struct bench b;
	uint64_t late;
	uint32_t sent;

	module_card("myeid.yaml", NULL, NULL);
	b = bench_new(true);
	reader_poll(b.r);
	late = b.r->gen;
	ck_assert_int_eq(reader_run(b.r, late, nothing, NULL), 0);
	vc_remove(module.vc[0]);
	vc_insert(module.vc[0]);
	reader_poll(b.r);
	ck_assert_uint_ne(b.r->gen, late);
	ck_assert_ptr_null(b.r->card); /* with the keys of its channel, if it had one */
	ck_assert_int_eq(reader_run(b.r, b.r->gen, nothing, NULL), 0);
	sent = vc_counts(module.vc[0]).apdus;
	ck_assert_int_eq(reader_run(b.r, late, nothing, NULL), E_GONE);
	ck_assert_int_eq(reader_run(b.r, b.r->gen, nothing, NULL), 0);
	ck_assert_uint_eq(vc_counts(module.vc[0]).apdus, sent); /* it was not opened anew */
	bench_free(&b);
	module_free();
}
END_TEST

UNIT_MAIN("reader", a_late_call_leaves_the_card_of_now_alone, old_news_end_no_generation, nothing_new_is_nothing,
    only_a_later_reader_brings_its_card_as_an_event)

/* PINs typed on the reader. The reader is t/fault/io_pad.c, written from PC/SC part 10; what it
 * finishes a command to must be what the card gets when the PIN is typed at the computer. */
#include "cardos/iso.h"
#include "t/fault/io_pad.h"
#include "t/unit/cards.h"
#include "t/unit/mutate.h"
#include "t/unit/scripted.h"

#define FI 0x040B

static const struct pad_setting usual = { .features = { io_pad_features, sizeof io_pad_features } };

static const char *const once_1234[] = { "1234", NULL };

/* --- a pad over a chan that keeps what it was sent --- */

struct bench {
	struct scripted s;
	struct io under, *io;
	struct card card;
};

static struct bench *bench_now;

static int
bench_open_chan(struct io *io, const char *reader, struct chan **out)
{
	(void)io;
	(void)reader;
	*out = &bench_now->s.chan;
	return 0;
}

static void
bench_close_chan(struct chan **c)
{
	*c = NULL;
}

static void
bench_free_io(struct io **io)
{
	*io = NULL;
}

static const struct io_ops bench_ops = { .open = bench_open_chan, .close = bench_close_chan,
	.free = bench_free_io, .transmit = scripted_transmit, .begin = scripted_begin,
	.end = scripted_end };
static const struct card_ops plain = { .name = "plain", .pin_verify = iso_pin_verify,
	.pin_change = iso_pin_change };

static void
bench_open(struct bench *b, const struct pad_setting *set, const char *const *typed)
{
	struct io *under = &b->under;

	scripted_card(&b->s, &b->card, NULL);
	b->s.chan.ops = b->under.ops = &bench_ops;
	bench_now = b;
	ck_assert_int_eq(io_pad_new(&under, set, &b->io), 0);
	ck_assert_int_eq(b->io->ops->open(b->io, "R", &b->card.ch), 0);
	b->card.ops = &plain;
	io_pad_type(b->io, typed);
}

static void
bench_close(struct bench *b)
{
	b->card.ch->ops->close(&b->card.ch);
	b->io->ops->free(&b->io);
	scripted_free(&b->s);
}

/* --- codings --- */

struct coded { struct pin_ref ref; const char *pin, *command; };

#define REF(n, how, most, size, with) { .ref = (n), .coding = (how), .min = 4, .max = (most), \
	.stored = (size), .pads = (size) != 0, .pad = (with), .unblock_ref = -1 }

static const struct coded codings[] = {
	{ REF(0x01, PIN_ASCII, 8, 8, 0xFF), "1234", "0020000108" "31323334FFFFFFFF" },
	{ REF(0x01, PIN_ASCII, 8, 8, 0xFF), "12345678", "0020000108" "3132333435363738" },
	{ REF(0x82, PIN_ASCII, 12, 12, 0x00), "123456", "002000820C" "313233343536000000000000" },
	{ REF(0x03, PIN_ASCII, 8, 0, 0), "1234", "0020000304" "31323334" },
	{ REF(0x03, PIN_ASCII, 8, 0, 0), "12345678", "0020000308" "3132333435363738" },
	{ REF(0x05, PIN_UTF8, 8, 8, 0x20), "1234", "0020000508" "3132333420202020" },
	{ REF(0x01, PIN_BCD, 8, 4, 0xFF), "123456", "0020000104" "123456FF" },
	{ REF(0x01, PIN_BCD, 8, 4, 0xFF), "12345", "0020000104" "12345FFF" },
	{ REF(0x01, PIN_BCD, 12, 8, 0x00), "12345", "0020000108" "1234500000000000" },
	{ REF(0x01, PIN_GLP, 12, 8, 0xFF), "1234", "0020000108" "241234FFFFFFFFFF" },
	{ REF(0x01, PIN_GLP, 12, 8, 0xFF), "12345", "0020000108" "2512345FFFFFFFFF" },
	{ REF(0x01, PIN_GLP, 0, 0, 0), "12345678901234", "0020000108" "2E12345678901234" },
};

static bool
last_is(const struct bench *b, const char *hex)
{
	struct buf want = BUF_INIT;
	bool same;

	ck_assert_int_eq(hex_parse(hex, strlen(hex), &want), 0);
	same = view_eq(buf_peek(&want), buf_peek(&b->s.last));
	buf_free(&want);
	return same;
}

START_TEST(a_pin_typed_there_is_the_one_typed_here)
{
	for (size_t i = 0; i < sizeof codings / sizeof codings[0]; i++) {
		const char *const typed[] = { codings[i].pin, NULL };
		struct buf here = BUF_INIT_SECRET;
		struct bench b;
		int tries;

		bench_open(&b, &usual, typed);
		ck_assert_int_eq(card_pin_verify_pad(&b.card, &codings[i].ref, 30, FI, &tries), 0);
		ck_assert_msg(!io_pad_seen(b.io)->wrong, "%zu: %s", i, io_pad_seen(b.io)->wrong);
		ck_assert_msg(last_is(&b, codings[i].command), "%zu", i);
		ck_assert_int_eq(card_pin_block(&codings[i].ref, view_str(codings[i].pin), &here), 0);
		ck_assert(view_eq(buf_peek(&here), view_part(buf_peek(&b.s.last), 5, 255)));
		/* what this computer knew holds no digit but padding */
		ck_assert_ptr_null(memmem(io_pad_seen(b.io)->template, io_pad_seen(b.io)->template_len,
		    "\x31\x32\x33\x34", 4));
		ck_assert_ptr_null(memmem(io_pad_seen(b.io)->template, io_pad_seen(b.io)->template_len,
		    "\x12\x34", 2));
		buf_free(&here);
		bench_close(&b);
	}
}
END_TEST

START_TEST(both_pins_of_a_change_are_typed_there)
{
	static const struct { struct pin_ref ref; const char *command; } cases[] = {
		{ REF(0x01, PIN_ASCII, 8, 8, 0xFF), "0024000110" "31323334FFFFFFFF" "3938373635FFFFFF" },
		{ REF(0x82, PIN_ASCII, 12, 12, 0x00),
		    "0024008218" "313233340000000000000000" "393837363500000000000000" },
		{ REF(0x01, PIN_BCD, 8, 4, 0xFF), "0024000108" "1234FFFF" "98765FFF" },
		{ REF(0x01, PIN_GLP, 12, 8, 0xFF), "0024000110" "241234FFFFFFFFFF" "2598765FFFFFFFFF" },
	};
	static const char *const typed[] = { "1234", "98765", "98765", NULL };
	const struct pin_ref unpadded = REF(0x03, PIN_ASCII, 8, 0, 0);
	struct bench b;
	int tries;

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		bench_open(&b, &usual, typed);
		ck_assert_int_eq(card_pin_change_pad(&b.card, &cases[i].ref, 30, FI, &tries), 0);
		ck_assert_msg(!io_pad_seen(b.io)->wrong, "%zu: %s", i, io_pad_seen(b.io)->wrong);
		ck_assert_msg(last_is(&b, cases[i].command), "%zu", i);
		bench_close(&b);
	}
	bench_open(&b, &usual, typed);
	ck_assert_int_eq(card_pin_change_pad(&b.card, &unpadded, 30, FI, &tries), E_UNSUPPORTED);
	ck_assert_uint_eq(io_pad_seen(b.io)->entries, 0);
	bench_close(&b);
}
END_TEST

START_TEST(what_no_reader_can_type_is_not_begun)
{
	static const struct { struct pin_ref ref; int err; } cases[] = {
		{ REF(0x01, PIN_HALF_NIBBLE_BCD, 8, 8, 0xFF), E_UNSUPPORTED },
		{ REF(0x01, PIN_ASCII, 16, 16, 0xFF), E_UNSUPPORTED },
		{ { .ref = 1, .coding = PIN_ASCII, .min = 9, .max = 12, .stored = 8, .pads = true },
		    E_UNSUPPORTED },
		{ { .ref = 1, .coding = PIN_ASCII, .min = 4, .max = 8, .stored = 8, .pads = true,
		    .guess = true }, E_DENIED },
		{ REF(-1, PIN_ASCII, 8, 8, 0xFF), E_DENIED },
		{ REF(0x100, PIN_ASCII, 8, 8, 0xFF), E_DENIED },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct bench b;
		int tries = 7;

		bench_open(&b, &usual, once_1234);
		ck_assert_int_eq(card_pin_verify_pad(&b.card, &cases[i].ref, 30, FI, &tries), cases[i].err);
		ck_assert_int_eq(tries, -1);
		ck_assert_int_eq(card_pin_change_pad(&b.card, &cases[i].ref, 30, FI, &tries), cases[i].err);
		ck_assert_uint_eq(io_pad_seen(b.io)->entries, 0);
		ck_assert_uint_eq(b.s.sent, 0);
		bench_close(&b);
	}
}
END_TEST

/* A driver that forgot to say that its data is a PIN block. */
static int
careless_verify(struct card *card, const struct pin_ref *ref, struct view block, int *tries)
{
	const struct apdu a = { .ins = 0x20, .p2 = (uint8_t)ref->ref, .data = block,
		.flags = APDU_SECRET_IN | APDU_STATE };

	return card_command(card, &a, NULL, tries);
}

START_TEST(a_template_is_never_sent_as_if_it_were_a_pin)
{
	const struct card_ops careless = { .name = "careless", .pin_verify = careless_verify };
	struct bench b;
	int tries;

	bench_open(&b, &usual, once_1234);
	b.card.ops = &careless;
	ck_assert_int_eq(card_pin_verify_pad(&b.card, &pin1, 30, FI, &tries), E_UNSUPPORTED);
	ck_assert_uint_eq(b.s.sent, 0);
	ck_assert_uint_eq(io_pad_seen(b.io)->entries, 0);
	/* and a PIN typed here goes to the card as ever afterwards */
	ck_assert_int_eq(card_pin_verify(&b.card, &pin1, view_str("1234"), &tries), 0);
	ck_assert(last_is(&b, "0020000108" "31323334FFFFFFFF"));
	bench_close(&b);
}
END_TEST

START_TEST(odd_answers_of_the_reader_are_told_and_not_repeated)
{
	static const struct { const char *answer; int answer_err, err; } cases[] = {
		{ "", 0, E_PROTOCOL }, { "90", 0, E_PROTOCOL }, { "019000", 0, E_PROTOCOL },
		{ "6C08", 0, E_PROTOCOL }, { "6B80", 0, E_IO }, { "6400", 0, E_CANCEL },
		{ "6401", 0, E_CANCEL }, { "6402", 0, E_PIN_LEN }, { "6403", 0, E_PIN_LEN },
		{ "6404", 0, E_CARD }, { "63C1", 0, E_PIN_WRONG }, { "6983", 0, E_PIN_BLOCKED },
		{ NULL, E_UNSUPPORTED, E_IO }, { NULL, E_BUSY, E_IO }, { NULL, E_IO, E_IO },
		{ NULL, E_CANCEL, E_CANCEL }, { NULL, E_GONE, E_GONE }, { NULL, E_RESET, E_RESET },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct pad_setting set = usual;
		struct bench b;
		int tries;

		set.answer = cases[i].answer;
		set.answer_err = cases[i].answer_err;
		bench_open(&b, &set, NULL);
		ck_assert_int_eq(card_pin_verify_pad(&b.card, &pin1, 30, FI, &tries), cases[i].err);
		ck_assert_int_eq(tries, cases[i].err == E_PIN_WRONG ? 1 : -1);
		ck_assert_uint_eq(io_pad_seen(b.io)->entries, 1);
		ck_assert(b.card.stale == (cases[i].err == E_RESET));
		ck_assert_ptr_null(b.card.typed);
		bench_close(&b);
	}
}
END_TEST

/* --- features --- */

START_TEST(the_reader_says_what_it_takes)
{
	static const uint8_t small[] = { 1, 2, 0, 0, 2, 1, 1, 6, 1, 5, 7, 1, 6 },
	    big[] = { 1, 2, 0x10, 0x02, 2, 1, 7, 6, 1, 0, 7, 1, 20, 9, 1, 0 },
	    cut[] = { 7, 1, 6, 6, 4, 5 }, only_long[] = { 6, 1, 9, 7, 1, 12 },
	    lists[] = { 0x06, 4, 0x42, 0x33, 0, 6, 0x0A, 4, 0x42, 0x33, 0, 0x0A, 0x20, 1, 0 },
	    bare[] = { 0, 0, 1, 0 };
	static const struct {
		struct view tlv, properties;
		unsigned min, max, end, messages;
	} cases[] = {
		{ { NULL, 0 }, { NULL, 0 }, 4, 8, 2, 1 },
		{ { small, sizeof small }, { NULL, 0 }, 5, 6, 1, 0 },
		{ { big, sizeof big }, { NULL, 0 }, 4, 8, 2, 1 },
		{ { cut, sizeof cut }, { NULL, 0 }, 4, 8, 2, 1 },
		{ { NULL, 0 }, { bare, sizeof bare }, 4, 8, 1, 0 },
		{ { NULL, 0 }, { bare, 3 }, 4, 8, 2, 1 },
		{ { only_long, sizeof only_long }, { NULL, 0 }, 0, 0, 0, 0 },
	};
	static const char *const typed[] = { "12345", NULL };

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct pad_setting set = usual;
		struct pad_seen *seen;
		struct bench b;
		int tries;

		set.tlv = cases[i].tlv;
		set.properties = cases[i].properties;
		if (set.properties.len)
			set.features = view_of(lists, sizeof lists);
		bench_open(&b, &set, typed);
		seen = io_pad_seen(b.io);
		ck_assert_int_eq(card_pin_verify_pad(&b.card, &pin1, 300, FI, &tries),
		    cases[i].max ? 0 : E_UNSUPPORTED);
		ck_assert_uint_eq(seen->min, cases[i].min);
		ck_assert_uint_eq(seen->max, cases[i].max);
		ck_assert_uint_eq(seen->end, cases[i].end);
		ck_assert_uint_eq(seen->messages, cases[i].messages);
		ck_assert_uint_eq(seen->timeout, cases[i].max ? 255 : 0);
		bench_close(&b);
	}
}
END_TEST

static void
ask_damaged(struct view damaged, void *arg)
{
	struct pad_setting set = { .features = damaged, .tlv = damaged, .properties = damaged };
	struct pinpad pad;
	struct bench b;

	(void)arg;
	bench_open(&b, &set, NULL);
	if (pinpad_of(b.card.ch, &pad))
		ck_assert_uint_ne(pad.verify, 0);
	else
		ck_assert(!pad.verify);
	bench_close(&b);
}

START_TEST(a_malformed_list_is_no_list)
{
	static const struct { const char *hex; enum { NO_PAD, VERIFIES, CHANGES } can; } cases[] = {
		{ "0604423300060704423300071204423300", NO_PAD }, { "06", NO_PAD }, { "0604", NO_PAD },
		{ "06FF42330006", NO_PAD }, { "060342330006", NO_PAD }, { "0605423300060A", NO_PAD },
		{ "070442330007", CHANGES }, { "060400000000", NO_PAD }, { "", NO_PAD },
		{ "060442330006", VERIFIES }, { "2000" "060442330006" "2101AA", VERIFIES },
	};
	static const char *const differ[] = { "1234", "98765", "98766", NULL };
	struct mutate m = { .good = { io_pad_features, sizeof io_pad_features }, .run = ask_damaged };

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct buf list = BUF_INIT;
		struct pad_setting set = { 0 };
		struct pinpad pad;
		struct bench b;
		int tries;

		ck_assert_int_eq(hex_parse(cases[i].hex, strlen(cases[i].hex), &list), 0);
		set.features = buf_peek(&list);
		bench_open(&b, &set, cases[i].can == CHANGES ? differ : once_1234);
		ck_assert_msg(pinpad_of(b.card.ch, &pad) == (cases[i].can == VERIFIES), "%s", cases[i].hex);
		ck_assert_int_eq(card_pin_verify_pad(&b.card, &pin1, 30, FI, &tries),
		    cases[i].can == VERIFIES ? 0 : E_UNSUPPORTED);
		ck_assert_int_eq(card_pin_change_pad(&b.card, &pin1, 30, FI, &tries),
		    cases[i].can == CHANGES ? E_PIN_LEN : E_UNSUPPORTED);
		bench_close(&b);
		buf_free(&list);
	}
	mutate(&m);
	ck_assert_uint_gt(m.runs, 100);
}
END_TEST

START_TEST(a_reader_is_asked_once_and_again_after_an_accident)
{
	struct pad_setting set = usual;
	struct pinpad pad;
	struct bench b;

	bench_open(&b, &set, NULL);
	set.features_err = E_RESET;
	ck_assert(!card_pinpad(&b.card, &pad));
	set.features_err = 0;
	for (int i = 0; i < 3; i++)
		ck_assert(card_pinpad(&b.card, &pad));
	ck_assert_uint_eq(io_pad_seen(b.io)->asked, 2);
	ck_assert_uint_eq(pad.verify, PAD_CODE_VERIFY);
	ck_assert_uint_eq(pad.modify, PAD_CODE_MODIFY);
	bench_close(&b);
	/* one that has no commands is not asked again */
	bench_open(&b, &set, NULL);
	set.features_err = E_UNSUPPORTED;
	for (int i = 0; i < 3; i++)
		ck_assert(!card_pinpad(&b.card, &pad));
	ck_assert_uint_eq(io_pad_seen(b.io)->asked, 1);
	bench_close(&b);
}
END_TEST

/* --- on the virtual card --- */

static void
rig_pad(struct rig *rig, const struct pad_setting *set, struct io **pad)
{
	struct io *under;

	rig_open(rig, virtual_card("myeid-citizen.yaml", NULL, NULL));
	under = rig->io;
	ck_assert_int_eq(io_pad_new(&under, set, &rig->io), 0);
	*pad = rig->io;
}

START_TEST(the_card_hears_what_is_typed)
{
	static const struct {
		const char *typed[4];
		bool change;
		int err, tries, left, sent, open;
	} steps[] = {
		{ { "1234" }, false, 0, -1, 3, 1, 1 },
		{ { "9999" }, false, E_PIN_WRONG, 2, 2, 1, 0 },
		{ { PAD_CANCELS }, false, E_CANCEL, -1, 2, 0, 0 },
		{ { NULL }, false, E_CANCEL, -1, 2, 0, 0 },
		{ { "123" }, false, E_PIN_LEN, -1, 2, 0, 0 },
		{ { "123456789" }, false, E_PIN_LEN, -1, 2, 0, 0 },
		{ { "1234" }, false, 0, -1, 3, 1, 1 },
		{ { "1234", "98765", "98766" }, true, E_PIN_LEN, -1, 3, 0, 1 },
		{ { "1234", PAD_CANCELS }, true, E_CANCEL, -1, 3, 0, 1 },
		{ { "1234", "123" }, true, E_PIN_LEN, -1, 3, 0, 1 },
		{ { "9999", "98765", "98765" }, true, E_PIN_WRONG, 2, 2, 1, 0 },
		{ { "1234", "98765", "98765" }, true, 0, -1, 3, 1, 0 },
		{ { "98765" }, false, 0, -1, 3, 1, 1 },
		{ { "1234" }, false, E_PIN_WRONG, 2, 2, 1, 0 },
		{ { "1234" }, false, E_PIN_WRONG, 1, 1, 1, 0 },
		{ { "1234" }, false, E_PIN_BLOCKED, 0, 0, 1, 0 },
		{ { "98765" }, false, E_PIN_BLOCKED, -1, 0, 1, 0 },
	};
	struct pad_seen *seen;
	struct io *pad;
	struct rig rig;

	rig_pad(&rig, &usual, &pad);
	rig_card(&rig);
	seen = io_pad_seen(pad);
	for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
		unsigned sent = seen->sent, entries = seen->entries;
		uint32_t apdus;
		int r, tries;

		io_pad_type(pad, steps[i].typed);
		ck_assert_int_eq(card_begin(rig.card, 1000), 0);
		apdus = vc_counts(rig.vc).apdus;
		r = steps[i].change ? card_pin_change_pad(rig.card, &pin1, 45, FI, &tries)
		    : card_pin_verify_pad(rig.card, &pin1, 45, FI, &tries);
		ck_assert_int_eq(card_end(rig.card, IO_END_LEAVE), 0);
		ck_assert_msg(r == steps[i].err, "step %zu: %s", i, err_name(r));
		ck_assert_msg(tries == steps[i].tries, "step %zu: %d tries", i, tries);
		ck_assert_msg(!seen->wrong, "step %zu: %s", i, seen->wrong);
		ck_assert_int_eq(vc_tries(rig.vc, 1), steps[i].left);
		ck_assert_int_eq(vc_pin_is_open(rig.vc, 1), steps[i].open);
		ck_assert_int_eq(vc_pin_is_open(rig.vc, 2), 0);
		ck_assert_uint_eq(seen->sent - sent, (unsigned)steps[i].sent);
		ck_assert_uint_eq(seen->entries - entries, 1);
		/* SELECT of the application goes first, DESIGN 18.6 */
		ck_assert_uint_eq(vc_counts(rig.vc).apdus - apdus, 1u + (unsigned)steps[i].sent);
		ck_assert_uint_eq(seen->timeout, 45);
		ck_assert_uint_eq(seen->timeout2, 45);
		ck_assert_uint_eq(seen->lang, FI);
		ck_assert_uint_eq(seen->min, 4);
		ck_assert_uint_eq(seen->max, 8);
		ck_assert_uint_eq(seen->messages, steps[i].change ? 3 : 1);
		ck_assert_uint_eq(seen->confirm, steps[i].change ? 3 : 0);
	}
	ck_assert_uint_eq(seen->asked, 1);
	rig_close(&rig);
}
END_TEST

START_TEST(a_reader_without_keys_sends_nothing)
{
	struct pinpad pad;
	struct rig rig;
	uint32_t apdus;
	int tries;

	rig_open(&rig, virtual_card("myeid-citizen.yaml", NULL, NULL));
	rig_card(&rig);
	ck_assert_int_eq(card_begin(rig.card, 1000), 0);
	apdus = vc_counts(rig.vc).apdus;
	ck_assert(!pinpad_of(rig.card->ch, &pad));
	ck_assert(!card_pinpad(rig.card, &pad));
	ck_assert_int_eq(card_pin_verify_pad(rig.card, &pin1, 30, FI, &tries), E_UNSUPPORTED);
	ck_assert_int_eq(card_pin_change_pad(rig.card, &pin1, 30, FI, &tries), E_UNSUPPORTED);
	ck_assert_uint_eq(vc_counts(rig.vc).apdus, apdus);
	rig_close(&rig);
}
END_TEST

static int
type_once(struct rig *rig, struct io *pad)
{
	struct card *card = NULL;
	int r, tries;

	io_pad_type(pad, once_1234);
	if ((r = card_open(rig->io, IO_MEM_READER, &rig->set, false, &card)) != 0)
		return r;
	if ((r = card_begin(card, 1000)) == 0) {
		r = card_pin_verify_pad(card, &pin1, 30, FI, &tries);
		ck_assert_ptr_null(card->typed);
		card_end(card, IO_END_LEAVE);
	}
	card_close(&card);
	return r;
}

#define PROPERTIES_AT 5 /* SELECT and two questions to the card, features, properties: these may fail */

START_TEST(accidents_are_told_and_burn_no_try)
{
	struct rig rig;
	struct io *pad;

	rig_pad(&rig, &usual, &pad);
	ck_assert_int_eq(io_fault_new(&rig.io, &rig.io), 0);
	for (int kind = 0; kind < FAULT_COUNT; kind++) {
		unsigned n;
		int r;

		for (n = 1; n < 20; n++) {
			io_fault_set(rig.io, n, (enum io_fault)kind);
			r = type_once(&rig, pad);
			if (!io_fault_fired(rig.io))
				break;
			ck_assert_msg(vc_tries(rig.vc, 1) == 3, "kind %d at %u: a try burnt", kind, n);
			if (kind == FAULT_REMOVED)
				ck_assert_msg(r == E_GONE, "removed at %u: %s", n, err_name(r));
			if (kind == FAULT_TIMEOUT || kind == FAULT_LOST)
				ck_assert_msg(r == E_IO || (n == PROPERTIES_AT && !r), "timeout at %u: %s", n,
				    err_name(r));
			io_fault_set(rig.io, 0, (enum io_fault)kind);
			ck_assert_int_eq(type_once(&rig, pad), 0);
		}
		ck_assert_uint_gt(n, 5);
		ck_assert_uint_lt(n, 20);
		ck_assert_int_eq(r, 0);
	}
	ck_assert_ptr_null(io_pad_seen(pad)->wrong);
	rig_close(&rig);
}
END_TEST

START_TEST(a_trace_tells_of_an_entry_and_shows_nothing_of_it)
{
	char path[] = "pinpad-XXXXXX", text[8192];
	int fd = mkstemp(path), copy = dup(fd), tries;
	struct io *pad, *traced;
	struct rig rig;
	ssize_t n;

	ck_assert_int_ge(copy, 0);
	unlink(path);
	rig_pad(&rig, &usual, &pad);
	ck_assert_int_eq(io_trace_new(&rig.io, fd, &traced), 0);
	rig.io = traced;
	rig_card(&rig);
	io_pad_type(pad, once_1234);
	ck_assert_int_eq(card_begin(rig.card, 1000), 0);
	ck_assert_int_eq(card_pin_verify_pad(rig.card, &pin1, 30, FI, &tries), 0);
	ck_assert_int_eq(card_end(rig.card, IO_END_LEAVE), 0);
	n = pread(copy, text, sizeof text - 1, 0);
	close(copy);
	ck_assert_int_gt(n, 0);
	text[n] = '\0';
	ck_assert_ptr_nonnull(strstr(text, "# reader command 0x42330006: 32 bytes in, 2 out, ok\n"));
	ck_assert_ptr_null(strstr(text, "00200001"));
	ck_assert_ptr_null(strstr(text, "31323334"));
	ck_assert_ptr_null(strstr(text, "FFFFFFFF"));
	rig_close(&rig);
}
END_TEST

UNIT_MAIN("pinpad", a_pin_typed_there_is_the_one_typed_here, both_pins_of_a_change_are_typed_there,
    what_no_reader_can_type_is_not_begun, a_template_is_never_sent_as_if_it_were_a_pin,
    odd_answers_of_the_reader_are_told_and_not_repeated, the_reader_says_what_it_takes,
    a_malformed_list_is_no_list, a_reader_is_asked_once_and_again_after_an_accident,
    the_card_hears_what_is_typed, a_reader_without_keys_sends_nothing,
    accidents_are_told_and_burn_no_try, a_trace_tells_of_an_entry_and_shows_nothing_of_it)

/* Cards that are spoken to through a channel: when it is made, with what, and how it ends. */
#include "cardos/channel.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "t/unit/bytes.h"
#include "t/unit/pacecard.h"
#include "t/unit/unit.h"

#define READER "any"

struct rig {
	struct pacecard pc;
	struct profile_set set;
	struct secret *can;
	struct card *card;
};

static void
rig_init(struct rig *g, const char *io)
{
	struct buf text = BUF_INIT, why = BUF_INIT;
	struct profile *p;

	memset(g, 0, sizeof *g);
	pc_init(&g->pc, 16, 4, "123456");
	g->pc.demand = true;
	buf_fmt(&text, "schema: 1\nprofile: test\nsource: [ \"a test\" ]\ndriver: generic\n"
	    "match: [ { hist: 8031B865B085.................. } ]\nio: { %s }\n", io);
	ck_assert_msg(!profile_parse(buf_peek(&text), "test", &p, &why), "%s", buf_text(&why));
	ck_assert_int_eq(profile_set_take(&g->set, &p), 0);
	buf_free(&text);
}

static void
rig_can(struct rig *g, const char *can)
{
	secret_free(&g->can);
	ck_assert_ptr_nonnull(g->can = secret_new(can, strlen(can)));
}

static int
rig_open(struct rig *g)
{
	bool said;

	return card_open_with(&g->pc.io, READER, &g->set, false, g->can, &said, &g->card);
}

/* A card in use, in a transaction. */
static void
rig_ready(struct rig *g, const char *io)
{
	rig_init(g, io);
	rig_can(g, "123456");
	ck_assert_int_eq(rig_open(g), 0);
	ck_assert_int_eq(card_begin(g->card, -1), 0);
}

static void
rig_free(struct rig *g)
{
	card_close(&g->card);
	secret_free(&g->can);
	profile_set_free(&g->set);
	pc_free(&g->pc);
}

START_TEST(readers_tell_contactless_cards_by_their_atr)
{
	static const struct { const char *atr; bool is; } cases[] = {
		{ "3B8F80018031B865B08505102412246082900022", true },
		{ "3B8980010031B8640429ECC1739401808304", false }, /* TD of nine, but thirteen follow */
		{ "3B8D80010031B8640429ECC17394018083" "04", true },
		{ "3B80800101", true }, { "3B8980018057434954495A323191", true }, { "3B8980018057434954495A3231", false },
		{ "3B7F96000080" "31B865B0850500111224608290" "00", false },
		{ "3B8F80" "81" "8031B865B08505102412246082900022", false }, { "3F8F8001", false }, { "", false },
		{ "3B8180", false },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct buf atr = hex(cases[i].atr);

		ck_assert_msg(channel_atr_contactless(buf_peek(&atr)) == cases[i].is, "%s", cases[i].atr);
		buf_free(&atr);
	}
}
END_TEST

START_TEST(a_contactless_card_is_spoken_to_through_a_channel)
{
	static const char *const io[] = { "sm: contactless", "sm: always" };

	for (size_t i = 0; i < 2; i++) {
		struct rig g;

		rig_ready(&g, io[i]);
		ck_assert_ptr_nonnull(g.card->sm);
		ck_assert_uint_eq(g.pc.channels, 1);
		ck_assert_uint_eq(g.pc.plain, 0);
		ck_assert_uint_eq(g.card->caps.max_send, 223);
		ck_assert_uint_eq(g.card->caps.max_recv, 223);
		/* and stays with it */
		ck_assert_int_eq(card_end(g.card, IO_END_LEAVE), 0);
		ck_assert_int_eq(card_begin(g.card, -1), 0);
		ck_assert_int_eq(g.card->ops->select_app(g.card), 0);
		ck_assert_uint_eq(g.pc.channels, 1);
		ck_assert(!g.card->was_reset);
		ck_assert_uint_eq(g.pc.plain, 0);
		rig_free(&g);
	}
}
END_TEST

START_TEST(in_contact_there_is_none_unless_the_card_wants_it)
{
	struct rig g;

	rig_init(&g, "sm: contactless");
	g.pc.atr = PACECARD_CONTACT;
	g.pc.demand = false;
	ck_assert_int_eq(rig_open(&g), 0);
	ck_assert_ptr_null(g.card->sm);
	ck_assert_uint_eq(g.pc.begun, 0);
	ck_assert_uint_eq(g.pc.sent, 1); /* the application, and not a command more */
	card_close(&g.card);
	/* a reader that does not tell: the application is refused */
	g.pc.demand = true;
	ck_assert_int_eq(rig_open(&g), E_CAN_NEEDED);
	ck_assert_uint_eq(g.pc.begun, 0);
	rig_can(&g, "123456");
	ck_assert_int_eq(rig_open(&g), 0);
	ck_assert_ptr_nonnull(g.card->sm);
	card_close(&g.card);
	rig_free(&g);
	/* what no profile says is not done */
	rig_init(&g, "sm: none");
	rig_can(&g, "123456");
	ck_assert_int_ne(rig_open(&g), 0);
	ck_assert_uint_eq(g.pc.begun, 0);
	rig_free(&g);
	rig_init(&g, "sm: always");
	g.pc.atr = PACECARD_CONTACT;
	rig_can(&g, "123456");
	ck_assert_int_eq(rig_open(&g), 0);
	ck_assert_ptr_nonnull(g.card->sm);
	rig_free(&g);
}
END_TEST

START_TEST(without_a_number_nothing_is_sent_and_a_wrong_one_is_tried_once)
{
	struct rig g;

	rig_init(&g, "sm: contactless");
	ck_assert_int_eq(rig_open(&g), E_CAN_NEEDED);
	ck_assert_uint_eq(g.pc.sent, 0);
	rig_can(&g, "654321");
	ck_assert_int_eq(rig_open(&g), E_CAN_WRONG);
	ck_assert_uint_eq(g.pc.begun, 1);
	ck_assert_uint_eq(g.pc.plain, 0);
	ck_assert_ptr_null(g.card);
	rig_can(&g, "123456");
	ck_assert_int_eq(rig_open(&g), 0);
	ck_assert_uint_eq(g.pc.begun, 2);
	rig_free(&g);
}
END_TEST

/* A listener in between could take the good offers away: then rather no card than an open one. */
START_TEST(there_is_no_way_back_to_plain_commands)
{
	struct rig g;

	rig_init(&g, "sm: contactless, pace: [ aes-192, aes-256 ]");
	rig_can(&g, "123456");
	g.pc.demand = false;
	g.pc.suite = 1;
	ck_assert_int_ne(rig_open(&g), 0);
	ck_assert_uint_eq(g.pc.plain, 0);
	ck_assert_uint_eq(g.pc.begun, 0);
	g.pc.access = "3100";
	ck_assert_int_ne(rig_open(&g), 0);
	ck_assert_uint_eq(g.pc.plain, 0);
	g.pc.access = NULL;
	g.pc.suite = 3;
	ck_assert_int_eq(rig_open(&g), 0);
	rig_free(&g);
}
END_TEST

static const struct apdu read_16 = { .ins = 0xB0, .le = 16 };

/* The channel is over; the verb ends as after a reset; the transaction's end resets the card, and the next one
 * makes it anew. */
static void
ends_and_is_made_again(struct rig *g)
{
	unsigned resets = g->pc.resets, begun = g->pc.begun, plain = g->pc.plain;
	struct buf out = BUF_INIT;

	ck_assert_int_eq(card_command(g->card, &read_16, &out, NULL), E_RESET);
	ck_assert_uint_eq(out.len, 0);
	ck_assert_ptr_null(g->card->sm);
	ck_assert(g->card->was_reset);
	ck_assert(!g->card->changed);
	g->card->was_reset = false;
	ck_assert_int_eq(card_end(g->card, IO_END_LEAVE), 0);
	ck_assert_uint_eq(g->pc.resets, resets + 1);
	ck_assert_int_eq(card_begin(g->card, -1), 0);
	ck_assert(g->card->was_reset);
	ck_assert_ptr_nonnull(g->card->sm);
	ck_assert_uint_eq(g->pc.begun, begun + 1);
	ck_assert_uint_eq(g->pc.plain, plain);
	ck_assert_int_eq(card_command(g->card, &read_16, &out, NULL), 0);
	ck_assert_int_eq(card_end(g->card, IO_END_LEAVE), 0);
	ck_assert_uint_eq(g->pc.resets, resets + 1);
	buf_free(&out);
}

START_TEST(an_answer_without_protection_ends_it)
{
	static const uint16_t answers[] = { 0x6987, 0x6988, 0x6999, 0x6982, 0x6C10, 0x6D00, 0x6A82, 0x9000, 0x63C2,
		0x6282 };

	for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
		struct rig g;

		rig_ready(&g, "sm: always");
		g.pc.lost = answers[i];
		ends_and_is_made_again(&g);
		rig_free(&g);
	}
}
END_TEST

static void
flip(void *arg, unsigned nth, struct buf *answer)
{
	const unsigned *at = arg;

	if (nth == at[0] && at[1] < answer->len)
		answer->p[at[1]] ^= 0x10;
	if (nth == at[0] && at[1] >= 100)
		buf_trim(answer, at[1] - 100);
}

START_TEST(a_damaged_answer_ends_it)
{
	/* its tag, a byte of the MAC, the status word; cut to 0, 1, 2 bytes */
	static const unsigned where[] = { 0, 3, 9, 14, 15, 100, 101, 102 };

	for (size_t i = 0; i < sizeof where / sizeof where[0]; i++) {
		struct rig g;
		unsigned at[2] = { 0, where[i] };

		rig_ready(&g, "sm: always");
		at[0] = g.pc.sent + 1;
		g.pc.mangle = flip;
		g.pc.mangle_arg = at;
		ends_and_is_made_again(&g);
		rig_free(&g);
	}
}
END_TEST

START_TEST(a_reset_by_others_makes_it_anew)
{
	struct rig g;

	rig_ready(&g, "sm: always");
	card_end(g.card, IO_END_LEAVE);
	pc_session_end(&g.pc);
	g.pc.was_reset = true;
	ck_assert_int_eq(card_begin(g.card, -1), 0);
	ck_assert(g.card->was_reset);
	ck_assert_uint_eq(g.pc.channels, 2);
	ck_assert_uint_eq(g.pc.resets, 0);
	ck_assert_uint_eq(g.pc.plain, 0);
	/* one of ours, too */
	ck_assert_int_eq(card_end(g.card, IO_END_RESET), 0);
	ck_assert_ptr_null(g.card->sm);
	ck_assert_int_eq(card_begin(g.card, -1), 0);
	ck_assert_uint_eq(g.pc.channels, 3);
	card_end(g.card, IO_END_LEAVE);
	/* another card, which has another number: not this one's, and not tried again */
	pc_session_end(&g.pc);
	g.pc.was_reset = true;
	g.pc.password = "999999";
	ck_assert_int_eq(card_begin(g.card, -1), E_GONE);
	ck_assert_uint_eq(g.pc.begun, 4);
	ck_assert_uint_eq(g.pc.channels, 3);
	rig_free(&g);
}
END_TEST

/* ---- what goes through it ---- */

struct inner { const uint16_t *sw; const size_t *n; size_t at; };

static uint16_t
told(void *arg, const struct apdu *a, struct buf *answer)
{
	struct inner *in = arg;
	size_t i = in->at++;

	(void)a;
	if (in->n)
		buf_fill(answer, 0x41, in->n[i]);
	return in->sw[i];
}

START_TEST(a_wrong_le_is_not_mended)
{
	static const uint16_t sw[] = { 0x6C08, 0x9000 };
	struct inner in = { .sw = sw };
	struct resp resp = { BUF_INIT, 0 };
	struct rig g;

	rig_ready(&g, "sm: always");
	g.pc.run = told;
	g.pc.arg = &in;
	ck_assert_int_eq(card_apdu(g.card, &read_16, &resp), 0);
	ck_assert_uint_eq(resp.sw, 0x6C08);
	ck_assert_uint_eq(in.at, 1);
	ck_assert_ptr_nonnull(g.card->sm);
	resp_free(&resp);
	rig_free(&g);
}
END_TEST

START_TEST(the_rest_of_an_answer_is_fetched_inside_and_outside)
{
	static const uint16_t sw[] = { 0x6120, 0x6108, 0x9000 };
	static const size_t n[] = { 200, 32, 8 };

	for (int t0 = 0; t0 < 2; t0++) {
		struct inner in = { sw, n, 0 };
		const struct apdu a = { .ins = 0x2A, .p1 = 0x9E, .p2 = 0x9A, .le = LE_ANY };
		struct resp resp = { BUF_INIT, 0 };
		struct rig g;

		rig_ready(&g, "sm: always");
		g.pc.t0 = t0;
		buf_reset(&g.pc.heard);
		g.pc.run = told;
		g.pc.arg = &in;
		if (t0)
			in.at = 2; /* one answer, in pieces that are not wrapped */
		ck_assert_int_eq(card_apdu(g.card, &a, &resp), 0);
		ck_assert_uint_eq(resp.sw, 0x9000);
		ck_assert_uint_eq(resp.data.len, t0 ? 8 : 240);
		ck_assert_str_eq(buf_text(&g.pc.heard), t0 ? "002A9E9A 0\n" :
		    "002A9E9A 0\n00C00000 0\n00C00000 0\n");
		resp_free(&resp);
		rig_free(&g);
	}
}
END_TEST

START_TEST(long_data_is_chained_part_by_part)
{
	static const uint8_t text[600];
	const struct apdu a = { .ins = 0x2A, .p1 = 0x80, .p2 = 0x86, .data = { text, sizeof text },
		.le = LE_ANY, .flags = APDU_CHAIN };
	const struct apdu single = { .ins = 0xD6, .data = { text, 239 } };
	struct resp resp = { BUF_INIT, 0 };
	struct rig g;

	rig_ready(&g, "sm: always");
	g.card->caps.chaining = true;
	buf_reset(&g.pc.heard);
	ck_assert_int_eq(card_apdu(g.card, &a, &resp), 0);
	ck_assert_str_eq(buf_text(&g.pc.heard), "102A8086 223\n102A8086 223\n002A8086 154\n");
	g.card->caps.max_send = 0;
	ck_assert_int_eq(card_apdu(g.card, &single, &resp), 0);
	ck_assert_str_eq(buf_text(&g.pc.heard), "102A8086 223\n102A8086 223\n002A8086 154\n00D60000 239\n");
	resp_free(&resp);
	rig_free(&g);
}
END_TEST

/* 700 bytes, of which it gives a hundred at a time. */
static uint16_t
small_buffer(void *arg, const struct apdu *a, struct buf *answer)
{
	size_t off = (size_t)a->p1 << 8 | a->p2;
	unsigned *sent = arg;

	++*sent;
	if (a->le > 100)
		return 0x6700;
	for (size_t i = 0; i < a->le && off + i < 700; i++)
		buf_u8(answer, (unsigned)(off + i) & 0xFF);
	return 0x9000;
}

START_TEST(a_card_with_a_small_buffer_is_read_whole)
{
	static const struct range all = { .whole = true };
	struct buf out = BUF_INIT;
	unsigned sent = 0;
	struct rig g;

	rig_ready(&g, "sm: always");
	g.pc.run = small_buffer;
	g.pc.arg = &sent;
	ck_assert_int_eq(iso_read_binary(g.card, 700, &all, &out), 0);
	ck_assert_uint_eq(out.len, 700);
	for (size_t i = 0; i < out.len; i++)
		ck_assert_uint_eq(out.p[i], i & 0xFF);
	/* found out once: 223, 111, then 55 each */
	ck_assert_uint_eq(g.card->caps.max_recv, 55);
	ck_assert_uint_eq(sent, 2 + 13);
	buf_free(&out);
	rig_free(&g);
}
END_TEST

static int
no_control(struct chan *c, uint32_t code, struct view in, struct buf *out)
{
	(void)c;
	(void)code;
	(void)in;
	(void)out;
	ck_abort_msg("the reader was asked for its keys");
	return E_UNSUPPORTED;
}

START_TEST(no_pin_is_typed_on_the_reader)
{
	struct io_ops ops = pc_ops;
	struct pinpad pad;
	struct rig g;

	rig_ready(&g, "sm: always");
	ops.control = no_control;
	g.pc.chan.ops = &ops;
	ck_assert(!card_pinpad(g.card, &pad));
	rig_free(&g);
}
END_TEST

/* The trace has what was said inside the channel, and nothing that opens it. */
START_TEST(a_trace_shows_what_was_said_inside)
{
	char path[] = "channel-XXXXXX", text[8192] = "";
	struct io *traced, *under;
	const uint8_t pin[] = "73190246";
	const struct apdu verify = { .ins = 0x20, .p2 = 0x11, .data = { pin, 8 }, .flags = APDU_SECRET_IN };
	struct buf hexed = BUF_INIT;
	struct rig g;
	bool said;
	FILE *f;
	int fd;

	rig_init(&g, "sm: always");
	rig_can(&g, "123456");
	under = &g.pc.io;
	ck_assert_int_ge(fd = mkstemp(path), 0);
	ck_assert_int_eq(io_trace_new(&under, fd, &traced), 0);
	ck_assert_int_eq(card_open_with(traced, READER, &g.set, false, g.can, &said, &g.card), 0);
	ck_assert(said);
	ck_assert_int_eq(card_begin(g.card, -1), 0);
	ck_assert_int_eq(card_command(g.card, &verify, NULL, NULL), 0);
	g.pc.lost = 0x6988;
	ck_assert_int_eq(card_command(g.card, &read_16, NULL, NULL), E_RESET);
	card_close(&g.card);
	traced->ops->free(&traced);
	ck_assert_ptr_nonnull(f = fopen(path, "r"));
	ck_assert_uint_gt(fread(text, 1, sizeof text - 1, f), 0);
	fclose(f);
	unlink(path);
	ck_assert_ptr_nonnull(strstr(text, "> 0022C1A412800A04007F00070202040204830102840110\n< 9000\n"));
	ck_assert_ptr_nonnull(strstr(text, "> 10860000 02 [*2] 00\n< [*20] 9000\n"));
	ck_assert_ptr_nonnull(strstr(text, "\n> 00A404000CA000000063504B43532D3135\n< 9000\n"));
	ck_assert_ptr_nonnull(strstr(text, "\n# wrapped > 0CA40400 1D [*29] 00\n# wrapped < [*14] 9000\n"));
	ck_assert_ptr_nonnull(strstr(text, "\n> 00200011 08 [*8]\n< 9000\n"));
	ck_assert_ptr_nonnull(strstr(text, "\n# wrapped < 6988\n> 00B0000010\n! reset\n"));
	/* neither the number nor a key nor the PIN, in any writing */
	buf_hex(&hexed, view_of(g.pc.kenc, 32));
	buf_str(&hexed, "\n");
	ck_assert_ptr_null(strstr(text, "123456"));
	ck_assert_ptr_null(strstr(text, "313233343536"));
	ck_assert_ptr_null(strstr(text, "73190246"));
	ck_assert_ptr_null(strstr(text, "3733313930323436"));
	hexed.p[16] = 0;
	ck_assert_ptr_null(strstr(text, (const char *)hexed.p));
	buf_free(&hexed);
	g.card = NULL;
	rig_free(&g);
}
END_TEST

UNIT_MAIN("channel", readers_tell_contactless_cards_by_their_atr, a_contactless_card_is_spoken_to_through_a_channel,
    in_contact_there_is_none_unless_the_card_wants_it, without_a_number_nothing_is_sent_and_a_wrong_one_is_tried_once,
    there_is_no_way_back_to_plain_commands, an_answer_without_protection_ends_it, a_damaged_answer_ends_it,
    a_reset_by_others_makes_it_anew, a_wrong_le_is_not_mended,
    the_rest_of_an_answer_is_fetched_inside_and_outside, long_data_is_chained_part_by_part,
    a_card_with_a_small_buffer_is_read_whole, no_pin_is_typed_on_the_reader, a_trace_shows_what_was_said_inside)

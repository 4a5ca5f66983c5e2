/* What the tracer writes, and that the player reads it back. The PIN of these tests must not be
 * in a trace in any form. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "cardos/wire/apdu.h"
#include "cardos/wire/io.h"
#include "t/unit/unit.h"

#define READER "Test reader"

static const uint8_t atr_bytes[] = { 0x3B, 0xF5, 0x18, 0x00, 0x00, 0x81, 0x31, 0xFE, 0x45, 0x4D, 0x79,
	0x45, 0x49, 0x44, 0x9A };

/* A world whose card answers as the test says. */
struct fake { struct io io; const char *answer; int fail; };
struct fake_chan { struct chan chan; struct fake *fake; };

static int
fake_open(struct io *io, const char *reader, struct chan **out)
{
	struct fake_chan *c = calloc(1, sizeof *c);

	(void)reader;
	c->chan.ops = io->ops;
	c->fake = (struct fake *)io;
	*out = &c->chan;
	return 0;
}

static int
fake_begin(struct chan *c, int ms)
{
	(void)c;
	(void)ms;
	return 0;
}

static int
fake_end(struct chan *c, enum io_end how)
{
	(void)c;
	(void)how;
	return 0;
}

static int
fake_transmit(struct chan *chan, struct view cmd, bool secret, struct buf *rsp)
{
	struct fake *f = ((struct fake_chan *)chan)->fake;

	(void)cmd;
	(void)secret;
	return f->fail ? f->fail : hex_parse(f->answer, strlen(f->answer), rsp);
}

static struct view
fake_atr(struct chan *c)
{
	(void)c;
	return view_of(atr_bytes, sizeof atr_bytes);
}

static void
fake_close(struct chan **c)
{
	free(*c);
	*c = NULL;
}

static void
fake_free(struct io **io)
{
	free(*io);
	*io = NULL;
}

static const struct io_ops fake_ops = { .open = fake_open, .begin = fake_begin, .end = fake_end,
	.transmit = fake_transmit, .atr = fake_atr, .close = fake_close, .free = fake_free };

struct tracer { struct io *io; struct fake *fake; struct chan *c; char name[32]; };

static void
tracer_start(struct tracer *t)
{
	struct io *under;
	int fd;

	snprintf(t->name, sizeof t->name, "trace-XXXXXX");
	ck_assert_int_ge(fd = mkstemp(t->name), 0);
	t->fake = calloc(1, sizeof *t->fake);
	t->fake->io.ops = &fake_ops;
	under = &t->fake->io;
	ck_assert_int_eq(io_trace_new(&under, fd, &t->io), 0);
	ck_assert_int_eq(t->io->ops->open(t->io, READER, &t->c), 0);
	ck_assert_int_eq(t->c->ops->begin(t->c, -1), 0);
}

static void
tracer_send(struct tracer *t, const char *cmd, bool secret, const char *answer, int fail)
{
	struct buf c = BUF_INIT, rsp = BUF_INIT;

	t->fake->answer = answer;
	t->fake->fail = fail;
	ck_assert_int_eq(hex_parse(cmd, strlen(cmd), &c), 0);
	ck_assert_int_eq(t->c->ops->transmit(t->c, buf_peek(&c), secret, &rsp), fail);
	buf_free(&c);
	buf_free(&rsp);
}

static void
tracer_stop(struct tracer *t, struct buf *text)
{
	char part[512];
	size_t n;
	FILE *f;

	t->c->ops->close(&t->c);
	t->io->ops->free(&t->io);
	ck_assert_ptr_nonnull(f = fopen(t->name, "r"));
	while ((n = fread(part, 1, sizeof part, f)) > 0)
		buf_put(text, part, n);
	fclose(f);
	unlink(t->name);
}

static void
expect_line(struct buf *text, const char *line)
{
	ck_assert_msg(strstr(buf_text(text), line) != NULL, "no line %s in:\n%s", line, buf_text(text));
}

START_TEST(commands_that_carry_no_secret_are_shown)
{
	struct buf text = BUF_INIT;
	struct tracer t;

	tracer_start(&t);
	tracer_send(&t, "00A4040C0CA000000063504B43532D3135", false, "9000", 0);
	tracer_send(&t, "00B0000010", false, "00112233445566778899AABBCCDDEEFF9000", 0);
	tracer_send(&t, "00200011", false, "63C2", 0);
	tracer_send(&t, "002241B60A80010281024B01840100", false, "9000", 0);
	tracer_stop(&t, &text);
	expect_line(&text, "= reader " READER "\n= atr 3BF51800008131FE454D794549449A\n");
	expect_line(&text, "> 00A4040C0CA000000063504B43532D3135\n< 9000\n");
	expect_line(&text, "> 00B0000010\n< 00112233445566778899AABBCCDDEEFF 9000\n");
	expect_line(&text, "> 00200011\n< 63C2 # 2 tries left\n");
	expect_line(&text, "> 002241B60A80010281024B01840100\n");
	buf_free(&text);
}
END_TEST

START_TEST(all_else_is_starred)
{
	static const struct { const char *cmd; bool secret; const char *answer, *want; } cases[] = {
		{ "002000010839383736FFFFFFFF", true, "9000", "> 00200001 08 [*8]\n< 9000\n" },
		{ "002000010839383736FFFFFFFF", false, "9000", "> 00200001 08 [*8]\n< 9000\n" },
		{ "00240001103938373600000000" "3938373600000000", true, "9000", "> 00240001 10 [*16]\n" },
		{ "002A9E9A04393837 3600", false, "AABBCC9000", "> 002A9E9A 04 [*4] 00\n< [*3] 9000\n" },
		{ "002A80860439383736 00", true, "39383736" "6110", "> 002A8086 04 [*4] 00\n< [*4] 6110\n" },
		/* the rest of that answer is as secret as its beginning, however it is fetched */
		{ "00C0000010", false, "39383736" "9000", "> 00C0000010\n< [*4] 9000\n" },
		{ "00C0000010", false, "39383736" "9000", "> 00C0000010\n< [*4] 9000\n" },
		/* secure messaging and proprietary classes */
		{ "0CB0000004 39383736 00", false, "39383736" "9000",
		    "\n# wrapped > 0CB00000 04 [*4] 00\n# wrapped < [*4] 9000\n" },
		{ "1CD6000004 39383736 00", false, "9000", "\n# wrapped > 1CD60000 04 [*4] 00\n# wrapped < 9000\n" },
		{ "04B0000004 39383736 00", false, "39383736" "9000", "> 04B00000 04 [*4] 00\n< [*4] 9000\n" },
		{ "00860000043938373600", false, "39383736" "9000", "> 00860000 04 [*4] 00\n< [*4] 9000\n" },
		{ "80CA01040439383736", false, "39383736" "9000", "> 80CA0104 04 [*4]\n< [*4] 9000\n" },
		{ "00DA010A0439383736", false, "9000", "> 00DA010A 04 [*4]\n" },
		/* extended length, no command at all, an answer without a status word */
		{ "002A80860000043938373600 00", true, "3938" "9000", "> 002A8086 000004 [*4] 0000\n< [*2] 9000\n" },
		{ "0020000139383736", false, "9000", "> [*8]\n" },
		{ "39383736", true, "36", "> 39383736\n< 36\n" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct buf text = BUF_INIT;
		struct tracer t;

		tracer_start(&t);
		if (strncmp(cases[i].cmd, "00C0", 4) == 0)
			tracer_send(&t, "002A808604AAAAAAAA00", true, "6104", 0);
		tracer_send(&t, cases[i].cmd, cases[i].secret, cases[i].answer, 0);
		tracer_stop(&t, &text);
		expect_line(&text, cases[i].want);
		if (i + 1 < sizeof cases / sizeof cases[0]) { /* the last is a header of four bytes */
			ck_assert_ptr_null(strstr(buf_text(&text), "39383736"));
			ck_assert_ptr_null(strstr(buf_text(&text), "9876"));
		}
		buf_free(&text);
	}
}
END_TEST

/* A PIN in every coding, in every command of every class: never in the trace. */
START_TEST(no_verify_body_in_any_form)
{
	static const char *const bodies[] = { "3938373635", "98765FFF", "F9F8F7F6F5", "2598765FFF" };
	static const char *const heads[] = { "0020", "0024", "002C", "1020", "0120", "0C20", "8020", "A020",
		"0021", "00DA", "10DA", "00DB", "0022" };
	struct buf text = BUF_INIT;

	for (size_t b = 0; b < sizeof bodies / sizeof bodies[0]; b++) {
		for (size_t h = 0; h < sizeof heads / sizeof heads[0]; h++) {
			struct buf cmd = BUF_INIT;
			struct tracer t;

			buf_fmt(&cmd, "%s0001%02zX%s", heads[h], strlen(bodies[b]) / 2, bodies[b]);
			tracer_start(&t);
			tracer_send(&t, buf_text(&cmd), true, "63C2", 0);
			if (strcmp(heads[h], "0022") != 0)
				tracer_send(&t, buf_text(&cmd), false, "6F00", 0);
			buf_reset(&text);
			tracer_stop(&t, &text);
			for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++)
				ck_assert_ptr_null(strstr(buf_text(&text), bodies[i]));
			ck_assert_ptr_null(strstr(buf_text(&text), "98765"));
			buf_free(&cmd);
		}
	}
	buf_free(&text);
}
END_TEST

START_TEST(what_was_traced_plays_back)
{
	struct buf text = BUF_INIT, why = BUF_INIT, rsp = BUF_INIT;
	struct tracer t;
	struct io *io;
	struct chan *c;

	tracer_start(&t);
	tracer_send(&t, "00A4000002 3F0000", false, "6F00" "9000", 0);
	tracer_send(&t, "002000010831323334FFFFFFFF", true, "9000", 0);
	tracer_send(&t, "00B0000004", false, "01020304" "9000", 0);
	tracer_send(&t, "00B0000004", false, "", E_RESET);
	tracer_send(&t, "00B0000004", false, "", E_GONE);
	tracer_stop(&t, &text);
	ck_assert_int_eq(io_replay_new(buf_peek(&text), &io, &why), 0);
	ck_assert_uint_eq(io_replay_left(io), 5);
	ck_assert_int_eq(io->ops->open(io, "another", &c), E_NO_READER);
	ck_assert_int_eq(io->ops->open(io, READER, &c), 0);
	ck_assert(view_eq(c->ops->atr(c), view_of(atr_bytes, sizeof atr_bytes)));
	ck_assert_int_eq(c->ops->begin(c, -1), 0);
	/* another command than the trace's is refused and the place kept */
	ck_assert_int_eq(c->ops->transmit(c, view_of("\x00\xA4\x00\x00\x02\x3F\x01\x00", 8), false, &rsp), E_IO);
	ck_assert_int_eq(c->ops->transmit(c, view_of("\x00\xA4\x00\x00\x02\x3F\x00\x00", 8), false, &rsp), 0);
	ck_assert(view_eq(buf_peek(&rsp), view_of("\x6F\x00\x90\x00", 4)));
	/* any PIN of that length fits, another length does not */
	ck_assert_int_eq(c->ops->transmit(c, view_of("\x00\x20\x00\x01\x04" "1234", 9), true, &rsp), E_IO);
	ck_assert_int_eq(c->ops->transmit(c, view_of("\x00\x20\x00\x01\x08" "abcdefgh", 13), true, &rsp), 0);
	ck_assert_int_eq(c->ops->transmit(c, view_of("\x00\xB0\x00\x00\x04", 5), false, &rsp), 0);
	ck_assert_int_eq(c->ops->transmit(c, view_of("\x00\xB0\x00\x00\x04", 5), false, &rsp), E_RESET);
	ck_assert_int_eq(c->ops->transmit(c, view_of("\x00\xB0\x00\x00\x04", 5), false, &rsp), E_GONE);
	ck_assert_int_eq(c->ops->begin(c, -1), E_GONE);
	ck_assert_uint_eq(io_replay_left(io), 0);
	c->ops->close(&c);
	ck_assert_int_eq(io->ops->open(io, READER, &c), E_GONE);
	io->ops->free(&io);
	buf_free(&text);
	buf_free(&why);
	buf_free(&rsp);
}
END_TEST

START_TEST(another_card_comes_with_another_atr)
{
	static const char trace[] = "= reader R\n= atr 3B00\n> 00B0000001\n! removed\n= atr 3B01AA\n"
	    "> 00B0000001\n< [*1] 9000\n";
	struct io_state s = { .reader = "R" };
	struct buf why = BUF_INIT, rsp = BUF_INIT;
	struct waiter *w;
	struct chan *c;
	struct io *io;

	ck_assert_int_eq(io_replay_new(view_str(trace), &io, &why), 0);
	ck_assert_int_eq(io->ops->waiter_new(io, &w), 0);
	ck_assert_int_eq(io->ops->wait(w, &s, 1, 0), 0);
	ck_assert_int_eq(s.now, IO_PRESENT);
	ck_assert_uint_eq(s.atr_len, 2);
	ck_assert_int_eq(io->ops->wait(w, &s, 1, 10), 0);
	ck_assert(!s.changed);
	ck_assert_int_eq(io->ops->open(io, "R", &c), 0);
	ck_assert_int_eq(c->ops->transmit(c, view_of("\x00\xB0\x00\x00\x01", 5), false, &rsp), E_GONE);
	c->ops->close(&c);
	ck_assert_int_eq(io->ops->wait(w, &s, 1, -1), 0);
	ck_assert(s.changed);
	ck_assert_int_eq(io->ops->open(io, "R", &c), 0);
	ck_assert_uint_eq(c->ops->atr(c).len, 3);
	ck_assert_int_eq(c->ops->transmit(c, view_of("\x00\xB0\x00\x00\x01", 5), false, &rsp), 0);
	ck_assert(view_eq(buf_peek(&rsp), view_of("\0\x90\0", 3)));
	c->ops->close(&c);
	io->ops->cancel(w);
	ck_assert_int_eq(io->ops->wait(w, &s, 1, -1), E_CANCEL);
	io->ops->waiter_free(&w);
	io->ops->free(&io);
	buf_free(&why);
	buf_free(&rsp);
}
END_TEST

static const char sample[] =
	"# a comment\n= reader Some reader 00 00\n= atr 3BF51800008131FE454D794549449A\n"
	"> 00A4040C0CA000000063504B43532D3135\n< 9000\n> 00200011 0C [*12]\n< 63C2 # PIN_WRONG 2 left\n"
	"> 002A8086 81 [*129] 00\r\n<\t[*5] 9000\n> 00B0000000\n! reset\n! failed\n! removed\n";

START_TEST(what_is_no_trace_is_refused_with_its_line)
{
	static const struct { const char *text, *why; } cases[] = {
		{ "hello\n", "trace:1: a line starts with > < = ! or #" },
		{ "# ok\n< 9000\n", "trace:2: an answer without its command" },
		{ "> 00B00000\n> 00B00000\n", "trace:2: a command without its answer" },
		{ "> 00B00000\n", "trace:1: a command without its answer" },
		{ "> 00B0000\n< 9000\n", "trace:1: hexadecimal digits and [*n] are allowed here" },
		{ "> 00B00000 [*]\n", "trace:1: hexadecimal digits and [*n] are allowed here" },
		{ "> 00B00000 [*99999999999999999999]\n", "trace:1: hexadecimal digits and [*n] are allowed here" },
		{ "> 00B0\n", "trace:1: a command has at least 4 bytes" },
		{ "= atr 3B\n", "trace:1: an ATR has 2 to 33 bytes" },
		{ "= reader\n", "trace:1: no reader name" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct buf why = BUF_INIT;
		struct io *io;

		ck_assert_int_eq(io_replay_new(view_str(cases[i].text), &io, &why), E_FORMAT);
		ck_assert_str_eq(buf_text(&why), cases[i].why);
		buf_free(&why);
	}
}
END_TEST

static void
parse_copy(const uint8_t *p, size_t n)
{
	uint8_t *copy = malloc(n ? n : 1);
	struct buf why = BUF_INIT;
	struct io *io = NULL;

	memcpy(copy, p, n);
	if (io_replay_new(view_of(copy, n), &io, &why) == 0)
		io->ops->free(&io);
	buf_free(&why);
	free(copy);
}

START_TEST(no_mutation_of_a_trace_hurts)
{
	size_t len = sizeof sample - 1;
	uint8_t text[sizeof sample];

	memcpy(text, sample, sizeof sample);
	for (size_t n = 0; n <= len; n++)
		parse_copy(text, n);
	for (size_t at = 0; at < len; at++) {
		static const uint8_t others[] = { 0, '\n', '[', '*', ']', '9', '#', '<', '>', '=', '!', 0xFF };
		uint8_t was = text[at];

		for (size_t i = 0; i < sizeof others; i++) {
			text[at] = others[i];
			parse_copy(text, len);
		}
		for (unsigned bit = 0; bit < 8; bit++) {
			text[at] = (uint8_t)(was ^ 1u << bit);
			parse_copy(text, len);
		}
		text[at] = was;
	}
}
END_TEST

/* The example of castor-trace(5), between its markers, must play. */
START_TEST(the_example_of_the_manual_plays)
{
	const char *top = getenv("top_srcdir") ? getenv("top_srcdir") : ".";
	struct buf text = BUF_INIT, why = BUF_INIT, rsp = BUF_INIT;
	bool inside = false;
	char line[512];
	struct chan *c;
	struct io *io;
	FILE *f;

	snprintf(line, sizeof line, "%s/man/castor-trace.5", top);
	ck_assert_ptr_nonnull(f = fopen(line, "r"));
	while (fgets(line, sizeof line, f)) {
		if (strncmp(line, ".Ed", 3) == 0)
			inside = false;
		if (inside)
			buf_str(&text, line);
		if (strncmp(line, ".\\\" example", 11) == 0) {
			inside = fgets(line, sizeof line, f) != NULL; /* .Bd */
		}
	}
	fclose(f);
	ck_assert_msg(io_replay_new(buf_peek(&text), &io, &why) == 0, "%s", buf_text(&why));
	ck_assert_uint_eq(io_replay_left(io), 4);
	ck_assert_int_eq(io->ops->open(io, "Castor virtual reader 0", &c), 0);
	ck_assert_int_eq(c->ops->begin(c, -1), 0);
	ck_assert_int_eq(c->ops->transmit(c, view_of("\x00\xA4\x04\x00\x0C\xA0\x00\x00\x00\x63PKCS-15", 17),
	    false, &rsp), 0);
	ck_assert_int_eq(c->ops->transmit(c, view_of("\x00\x20\x00\x01\x08" "0000\xFF\xFF\xFF\xFF", 13), true,
	    &rsp), 0);
	ck_assert_int_eq(c->ops->begin(c, -1), E_RESET);
	buf_reset(&rsp);
	ck_assert_int_eq(c->ops->transmit(c, view_of("\x00\xCA\x01\xAC\x02", 5), false, &rsp), 0);
	ck_assert_uint_eq(rsp.len, 4);
	ck_assert_int_eq(c->ops->transmit(c, view_of("\x00\xCA\x01\xAC\x02", 5), false, &rsp), E_GONE);
	ck_assert_uint_eq(io_replay_left(io), 0);
	c->ops->close(&c);
	io->ops->free(&io);
	buf_free(&text);
	buf_free(&why);
	buf_free(&rsp);
}
END_TEST

UNIT_MAIN("trace", commands_that_carry_no_secret_are_shown, all_else_is_starred,
    no_verify_body_in_any_form, what_was_traced_plays_back, another_card_comes_with_another_atr,
    what_is_no_trace_is_refused_with_its_line, no_mutation_of_a_trace_hurts,
    the_example_of_the_manual_plays)

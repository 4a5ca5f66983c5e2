/* Speaks to real or virtual readers through io_default as a script says, one line for each of
 * its lines: "ok ..." or the name of an error. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/os.h"
#include "cardos/card.h"

struct probe {
	struct io *io;
	struct profile_set set;
	struct card *card;
	struct waiter *waiter;
	struct io_state state;
	char reader[256];
};

static const struct pin_ref pin1 = { .ref = 1, .coding = PIN_ASCII, .min = 4, .max = 8,
	.stored = 8, .pad = 0xFF, .pads = true, .unblock_ref = -1 };

static int
do_list(struct probe *p, const char *arg)
{
	struct buf names = BUF_INIT;
	size_t n = 0;
	int r = p->io->ops->list(p->io, &names);

	(void)arg;
	for (size_t at = 0; !r && at < names.len; at += strlen((char *)names.p + at) + 1)
		n++;
	if (!r)
		printf("ok %zu %s\n", n, n ? (char *)names.p : "");
	buf_free(&names);
	return r;
}

/* The reader with that number is the one of all later lines. */
static int
do_reader(struct probe *p, const char *arg)
{
	struct buf names = BUF_INIT;
	int want = atoi(arg), r = p->io->ops->list(p->io, &names);

	for (size_t at = 0; !r && at < names.len; at += strlen((char *)names.p + at) + 1)
		if (want-- == 0)
			snprintf(p->reader, sizeof p->reader, "%s", (char *)names.p + at);
	buf_free(&names);
	if (!r)
		printf("ok %s\n", p->reader);
	return r;
}

static int
do_open(struct probe *p, const char *arg)
{
	int r;

	(void)arg;
	card_close(&p->card);
	if ((r = card_open(p->io, p->reader, &p->set, true, &p->card)) == 0)
		printf("ok %s\n", p->card->pf->name);
	return r;
}

static int
do_begin(struct probe *p, const char *arg)
{
	int r = card_begin(p->card, *arg ? atoi(arg) : -1);

	if (!r)
		printf("ok%s\n", p->card->was_reset ? " reset" : "");
	p->card->was_reset = false;
	return r;
}

static int
said(int r)
{
	if (!r)
		puts("ok");
	return r;
}

static int
do_end(struct probe *p, const char *arg)
{
	return said(card_end(p->card, *arg ? IO_END_RESET : IO_END_LEAVE));
}

static int
do_read(struct probe *p, const char *arg)
{
	const struct path odf = { PATH_APP, 2, { 0x50, 0x31 } };
	const struct range whole = { true, 0, 0, 0 };
	struct buf out = BUF_INIT;
	int r = p->card->ops->read(p->card, &odf, &whole, &out);

	(void)arg;
	if (!r)
		printf("ok %zu\n", out.len);
	buf_free(&out);
	return r;
}

static int
do_verify(struct probe *p, const char *arg)
{
	int tries, r = card_pin_verify(p->card, &pin1, view_str(arg), &tries);

	return said(r);
}

static int
do_pinpad(struct probe *p, const char *arg)
{
	struct pinpad pad;
	int r = pinpad_ask(p->card->ch, &pad);

	(void)arg;
	if (!r)
		puts(pad.verify ? "ok keys" : "ok no keys");
	return r;
}

static int
do_sign(struct probe *p, const char *arg)
{
	const struct key_ref key = { .kind = KEY_RSA, .bits = 2048, .path = { PATH_APP, 2, { 0x4B, 1 } } };
	const struct sign_in in = { IN_DIGEST_INFO, view_str("not a digest, but short enough"), HASH_NONE };
	struct buf out = BUF_INIT;
	int r = p->card->ops->sign(p->card, &key, ALG_RSA_PKCS1, &in, &out);

	(void)arg;
	if (!r)
		printf("ok %zu\n", out.len);
	buf_free(&out);
	return r;
}

static int
do_wait(struct probe *p, const char *arg)
{
	static const char *const words[] = { "empty", "present", "mute", "no-reader" };
	int r;

	if (!p->waiter && (r = p->io->ops->waiter_new(p->io, &p->waiter)) != 0)
		return r;
	p->state.reader = p->reader;
	if ((r = p->io->ops->wait(p->waiter, &p->state, 1, atoi(arg))) == 0)
		printf("ok %s%s\n", words[p->state.now], p->state.changed ? " changed" : "");
	return r;
}

/* The list of readers itself. */
static int
do_wait_list(struct probe *p, const char *arg)
{
	static struct io_state s;
	struct waiter *w = NULL;
	int r = p->io->ops->waiter_new(p->io, &w);

	if (!r && (r = p->io->ops->wait(w, &s, 1, atoi(arg))) == 0)
		printf("ok%s\n", s.changed ? " changed" : "");
	if (w)
		p->io->ops->waiter_free(&w);
	return r;
}

static void *
wait_for_ever(void *arg)
{
	struct waiter *w = arg;
	struct io_state s[1] = { { .reader = NULL } };
	static int r;

	while ((r = w->ops->wait(w, s, 1, -1)) == 0)
		;
	return &r;
}

/* A wait in another thread, called off at every moment of its life. */
static int
do_cancel(struct probe *p, const char *arg)
{
	int64_t worst = 0, start;
	pthread_t thread;
	struct waiter *w;
	void *result;
	int r = 0;

	for (int i = 0; !r && i < atoi(arg); i++) {
		if ((r = p->io->ops->waiter_new(p->io, &w)) != 0)
			return r;
		pthread_create(&thread, NULL, wait_for_ever, w);
		usleep((unsigned)(i * 700) % 20000);
		start = os_clock_ms();
		w->ops->cancel(w);
		pthread_join(thread, &result);
		if (os_clock_ms() - start > worst)
			worst = os_clock_ms() - start;
		r = *(int *)result == E_CANCEL ? 0 : *(int *)result;
		w->ops->waiter_free(&w);
	}
	if (!r)
		printf("ok %s\n", worst < 1000 ? "soon" : "late");
	return r;
}

/* The child gives up what it inherited; the parent's card goes on. */
static int
do_fork(struct probe *p, const char *arg)
{
	pid_t child;
	int status = 1;

	(void)arg;
	fflush(stdout);
	if ((child = fork()) == 0) {
		card_forget(&p->card);
		io_forget(&p->io);
		_exit(p->io || p->card);
	}
	if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
		return E_IO;
	return said(0);
}

static int
do_close(struct probe *p, const char *arg)
{
	(void)arg;
	card_close(&p->card);
	return said(0);
}

static const struct { const char *word; int (*run)(struct probe *, const char *); bool card; } words[] = {
	{ "list", do_list, false }, { "reader", do_reader, false }, { "open", do_open, false },
	{ "begin", do_begin, true }, { "end", do_end, true }, { "read", do_read, true },
	{ "verify", do_verify, true }, { "pinpad", do_pinpad, true },
	{ "sign", do_sign, true }, { "wait", do_wait, false },
	{ "wait-list", do_wait_list, false }, { "cancel", do_cancel, false }, { "fork", do_fork, false },
	{ "close", do_close, false },
};

static int
run(struct probe *p, char *line)
{
	char *arg = strchr(line, ' ');

	if (arg)
		*arg++ = 0;
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if (strcmp(words[i].word, line) == 0)
			return words[i].card && !p->card ? E_CLOSED : words[i].run(p, arg ? arg : "");
	return E_UNSUPPORTED;
}

int
main(void)
{
	struct probe p = { .state = { .reader = NULL } };
	struct buf why = BUF_INIT;
	char line[128];
	int r;

	setvbuf(stdout, NULL, _IOLBF, 0);
	log_open(getenv("PROBE_LOG") ? LOG_DEBUG : LOG_WARN, NULL);
	if ((r = profile_set_builtin(&p.set, &why)) != 0 || (r = io_default(&p.io)) != 0) {
		puts(err_name(r));
		return 1;
	}
	while (fgets(line, sizeof line, stdin)) {
		line[strcspn(line, "\n")] = 0;
		if (strcmp(line, "quit") == 0)
			break;
		if ((r = run(&p, line)) != 0)
			puts(err_name(r));
	}
	card_close(&p.card);
	if (p.waiter)
		p.io->ops->waiter_free(&p.waiter);
	p.io->ops->free(&p.io);
	profile_set_free(&p.set);
	buf_free(&why);
	return 0;
}

/* The reader around the card: presence, resets, counters, faults, the log, and the lock. */
#include <ctype.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "t/vcard/vc_card.h"
#include "t/vcard/vc_pace.h"

struct vc {
	pthread_mutex_t lock;           /* guards all below */
	struct vc_card *card;
	bool present;
	struct vc_counts counts;
	unsigned slow;                  /* ms */
	unsigned fault_in;              /* APDUs until the fault; 0 = none planned */
	enum vc_fault fault;
	enum vc_fault loop;             /* a loop fault under way */
	uint8_t loop_head[4];           /* CLA INS P1 P2 it began with */
	FILE *log;
	void (*event)(void *);
	void *event_arg;
};

static const char *const fault_names[VC_FAULTS] = { "none", "removed", "reset", "6F00", "6982",
	"empty", "1byte", "64k", "61loop", "6cloop", "timeout" };

bool vc_blob_add(struct vc_blob *b, const void *p, size_t len)
{
	if (len > sizeof b->p - b->len)
		return false;
	if (len != 0)
		memcpy(b->p + b->len, p, len);
	b->len += len;
	return true;
}

bool vc_blob_byte(struct vc_blob *b, unsigned byte)
{
	uint8_t u = (uint8_t)byte;

	return vc_blob_add(b, &u, 1);
}

static int hex_digit(char ch)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = ch != '\0' ? strchr(digits, tolower((unsigned char)ch)) : NULL;

	return at != NULL ? (int)(at - digits) : -1;
}

int vc_hex(const char *s, uint8_t *out, size_t cap)
{
	size_t n = 0;
	int hi, lo;

	for (; *s != '\0'; s++) {
		if (*s == ' ')
			continue;
		hi = hex_digit(s[0]);
		lo = hi < 0 ? -1 : hex_digit(s[1]);
		if (lo < 0 || n == cap)
			return -1;
		out[n++] = (uint8_t)(hi << 4 | lo);
		s++;
	}
	return (int)n;
}

enum vc_fault vc_fault_named(const char *name)
{
	unsigned i;

	for (i = 0; i < VC_FAULTS; i++)
		if (strcmp(fault_names[i], name) == 0)
			break;
	return (enum vc_fault)i;
}

struct vc *vc_new(const char *path, char *err, size_t errlen)
{
	struct vc *vc = calloc(1, sizeof *vc);

	if (vc == NULL) {
		snprintf(err, errlen, "%s: out of memory", path);
		return NULL;
	}
	vc->card = vc_image_load(path, err, errlen);
	if (vc->card == NULL || pthread_mutex_init(&vc->lock, NULL) != 0) {
		vc_card_free(vc->card);
		free(vc);
		return NULL;
	}
	vc_card_reset(vc->card);
	vc->present = true;
	vc->counts.events = 1;
	return vc;
}

void vc_free(struct vc **vc)
{
	if (*vc == NULL)
		return;
	if ((*vc)->log != NULL)
		fclose((*vc)->log);
	vc_card_free((*vc)->card);
	pthread_mutex_destroy(&(*vc)->lock);
	free(*vc);
	*vc = NULL;
}

/* Unlocks, and tells the doors when something happened. */
static void unlock(struct vc *vc, bool happened)
{
	void (*fn)(void *) = happened ? vc->event : NULL;
	void *arg = vc->event_arg;

	pthread_mutex_unlock(&vc->lock);
	if (fn != NULL)
		fn(arg);
}

static void note(struct vc *vc, const char *line)
{
	if (vc->log != NULL) {
		fprintf(vc->log, "%s\n", line);
		fflush(vc->log);
	}
}

static void reset_locked(struct vc *vc)
{
	vc_card_reset(vc->card);
	vc->counts.resets++;
	vc->counts.epoch++;
	vc->loop = VC_FAULT_NONE;
	note(vc, "! reset");
}

static bool set_present_locked(struct vc *vc, bool present)
{
	if (vc->present == present)
		return false;
	vc->present = present;
	vc->counts.events++;
	vc->counts.epoch++;
	vc->loop = VC_FAULT_NONE;
	vc_card_reset(vc->card);
	note(vc, present ? "! inserted" : "! removed");
	return true;
}

static bool set_present(struct vc *vc, bool present)
{
	bool changed;

	pthread_mutex_lock(&vc->lock);
	changed = set_present_locked(vc, present);
	unlock(vc, changed);
	return changed;
}

bool vc_remove(struct vc *vc)
{
	return set_present(vc, false);
}

bool vc_insert(struct vc *vc)
{
	return set_present(vc, true);
}

bool vc_present(struct vc *vc)
{
	bool present;

	pthread_mutex_lock(&vc->lock);
	present = vc->present;
	unlock(vc, false);
	return present;
}

bool vc_swap(struct vc *vc, const char *path, char *err, size_t errlen)
{
	struct vc_card *fresh = vc_image_load(path, err, errlen), *old;

	if (fresh == NULL)
		return false;
	pthread_mutex_lock(&vc->lock);
	set_present_locked(vc, false);
	old = vc->card;
	vc->card = fresh;
	set_present_locked(vc, true);
	unlock(vc, true);
	vc_card_free(old);
	return true;
}

void vc_exchange(struct vc *vc, struct vc *other)
{
	struct vc_card *card;

	pthread_mutex_lock(&vc->lock);
	pthread_mutex_lock(&other->lock);
	card = vc->card;
	vc->card = other->card;
	other->card = card;
	reset_locked(vc);
	reset_locked(other);
	unlock(other, true);
	unlock(vc, true);
}

void vc_reset(struct vc *vc)
{
	bool happened;

	pthread_mutex_lock(&vc->lock);
	happened = vc->present;
	if (happened)
		reset_locked(vc);
	unlock(vc, happened);
}

size_t vc_atr(struct vc *vc, uint8_t *out, size_t cap)
{
	size_t n;

	pthread_mutex_lock(&vc->lock);
	n = vc->present ? vc->card->atr_len : 0;
	if (n > cap)
		n = cap;
	memcpy(out, vc->card->atr, n);
	unlock(vc, false);
	return n;
}

struct vc_counts vc_counts(struct vc *vc)
{
	struct vc_counts counts;

	pthread_mutex_lock(&vc->lock);
	counts = vc->counts;
	counts.present = vc->present;
	unlock(vc, false);
	return counts;
}

int vc_tries(struct vc *vc, unsigned pin)
{
	const struct vc_pin *p;
	int n;

	pthread_mutex_lock(&vc->lock);
	p = vc_pin_get(vc->card, pin);
	n = p != NULL ? p->tries : -1;
	unlock(vc, false);
	return n;
}

int vc_puk_tries(struct vc *vc, unsigned pin)
{
	const struct vc_pin *p, *puk;
	int n;

	pthread_mutex_lock(&vc->lock);
	p = vc_pin_get(vc->card, pin);
	puk = p != NULL ? vc_pin_get(vc->card, p->puk_number) : NULL;
	n = puk != NULL ? puk->tries : p != NULL ? p->puk_tries : -1;
	unlock(vc, false);
	return n;
}

bool vc_set_tries(struct vc *vc, unsigned pin, unsigned tries)
{
	struct vc_pin *p;
	bool ok;

	pthread_mutex_lock(&vc->lock);
	p = vc_pin_get(vc->card, pin);
	ok = p != NULL && tries <= 15;
	if (ok) {
		p->tries = (uint8_t)tries;
		vc_pin_drop(vc->card, pin);
	}
	unlock(vc, false);
	return ok;
}

int vc_pin_is_open(struct vc *vc, unsigned pin)
{
	const struct vc_pin *p;
	int open;

	pthread_mutex_lock(&vc->lock);
	p = vc_pin_get(vc->card, pin);
	open = p != NULL ? p->verified || !vc->card->activated : -1;
	unlock(vc, false);
	return open;
}

bool vc_set_pin(struct vc *vc, unsigned pin, const char *value)
{
	struct vc_value v;
	struct vc_pin *p;
	bool ok;

	pthread_mutex_lock(&vc->lock);
	p = vc_pin_get(vc->card, pin);
	ok = p != NULL && vc_pin_pad(p, value, &v);
	if (ok) {
		vc_pin_put(p, v.p, v.len);
		vc_pin_drop(vc->card, pin);
	}
	unlock(vc, false);
	return ok;
}

void vc_pins(struct vc *vc, char *text, size_t cap)
{
	size_t at = strlen(text);
	const struct vc_pin *p;
	unsigned pin;
	int n, len;

	pthread_mutex_lock(&vc->lock);
	for (pin = 1; pin < VC_PINS && at < cap; pin++) {
		if ((p = vc_pin_get(vc->card, pin)) == NULL)
			continue;
		for (len = p->pin.len; len > 0 && (p->pin.p[len - 1] == 0xFF || p->pin.p[len - 1] == 0); len--)
			;
		n = snprintf(text + at, cap - at, "%s%u=%.*s", at > 0 ? " " : "", pin, len,
			(const char *)p->pin.p);
		at += n > 0 ? (size_t)n : 0;
	}
	unlock(vc, false);
}

void vc_slow(struct vc *vc, unsigned ms)
{
	pthread_mutex_lock(&vc->lock);
	vc->slow = ms;
	unlock(vc, false);
}

void vc_fault(struct vc *vc, unsigned n, enum vc_fault kind)
{
	pthread_mutex_lock(&vc->lock);
	vc->fault_in = kind == VC_FAULT_NONE ? 0 : n;
	vc->fault = kind;
	vc->loop = VC_FAULT_NONE;
	unlock(vc, false);
}

void vc_on_event(struct vc *vc, void (*fn)(void *), void *arg)
{
	pthread_mutex_lock(&vc->lock);
	vc->event = fn;
	vc->event_arg = arg;
	unlock(vc, false);
}

/* --- log --- */

bool vc_log(struct vc *vc, const char *path)
{
	FILE *log = path != NULL ? fopen(path, "ae") : NULL;
	size_t i;

	if (path != NULL && log == NULL)
		return false;
	pthread_mutex_lock(&vc->lock);
	if (vc->log != NULL)
		fclose(vc->log);
	vc->log = log;
	if (log != NULL) {
		fputs("= atr ", log);
		for (i = 0; i < vc->card->atr_len; i++)
			fprintf(log, "%02X", vc->card->atr[i]);
		note(vc, "");
	}
	unlock(vc, false);
	return true;
}

static void log_hex(FILE *log, const uint8_t *p, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		fprintf(log, "%02X", p[i]);
}

/* PINs and keys go in, plain texts and shared secrets come out. */
static bool secret_in(const struct vc_card *c, const uint8_t *in)
{
	static const uint8_t ins[] = { 0x20, 0x24, 0x2C, 0xDA };

	return memchr(ins, in[1], sizeof ins) != NULL || (in[1] == 0x2A && in[2] == 0x84) ||
		(c->model->secret != NULL && c->model->secret(c, in));
}

static bool secret_out(const uint8_t *in)
{
	return (in[1] == 0x2A && in[2] == 0x80) || in[1] == 0x86 || in[1] == 0xC0;
}

static void log_command(struct vc *vc, const uint8_t *in, size_t n)
{
	if (vc->log == NULL)
		return;
	fputs("> ", vc->log);
	if (n > 5 && secret_in(vc->card, in)) {
		log_hex(vc->log, in, 4);
		fprintf(vc->log, " %02X [*%zu]", in[4], n - 5);
	} else {
		log_hex(vc->log, in, n);
	}
	note(vc, "");
}

static void log_answer(struct vc *vc, const uint8_t *in, size_t inlen, const uint8_t *out, size_t n)
{
	if (vc->log == NULL)
		return;
	fputs("< ", vc->log);
	if (n > 2 && inlen >= 4 && secret_out(in)) {
		fprintf(vc->log, "[*%zu] ", n - 2);
		log_hex(vc->log, out + n - 2, 2);
	} else {
		log_hex(vc->log, out, n);
	}
	note(vc, "");
}

/* --- APDUs --- */

static size_t cut(const uint8_t *p, size_t n, uint8_t *out, size_t cap)
{
	if (n > cap)
		n = cap;
	memcpy(out, p, n);
	return n;
}

/* A filler answer of n data bytes and a status word. */
static size_t filler(size_t n, unsigned sw, uint8_t *out, size_t cap)
{
	uint8_t end[2] = { (uint8_t)(sw >> 8), (uint8_t)sw };

	if (n > cap)
		n = cap;
	memset(out, 0xAA, n);
	return n + cut(end, 2, out + n, cap - n);
}

/* A loop fault that this command keeps going; it ends with another command. */
static bool loop_goes_on(struct vc *vc, const uint8_t *in, size_t inlen)
{
	if (vc->loop == VC_FAULT_NONE)
		return false;
	if (inlen >= 4 &&
		(vc->loop == VC_FAULT_61LOOP ? in[1] == 0xC0 : memcmp(in, vc->loop_head, 4) == 0))
		return true;
	vc->loop = VC_FAULT_NONE;
	return false;
}

/* The answer of a fault; false when it needs none of ours. */
static size_t faulty(struct vc *vc, enum vc_fault kind, const uint8_t *in, size_t inlen,
	uint8_t *out, size_t cap)
{
	switch (kind) {
	case VC_FAULT_REMOVED:
		set_present_locked(vc, false);
		return 0;
	case VC_FAULT_RESET:
		reset_locked(vc);
		return 0;
	case VC_FAULT_6F00:
		return filler(0, 0x6F00, out, cap);
	case VC_FAULT_6982:
		return filler(0, 0x6982, out, cap);
	case VC_FAULT_1BYTE:
		return filler(1, 0, out, cap != 0);
	case VC_FAULT_64K:
		return filler(VC_MAX_RESPONSE - 2, 0x9000, out, cap);
	case VC_FAULT_61LOOP:
	case VC_FAULT_6CLOOP:
		vc->loop = kind;
		memcpy(vc->loop_head, in, inlen < 4 ? inlen : 4);
		if (kind == VC_FAULT_6CLOOP)
			return filler(0, 0x6C10, out, cap);
		return filler(inlen >= 4 && in[1] == 0xC0 ? 16 : 0, 0x6110, out, cap);
	case VC_FAULT_TIMEOUT:
		return VC_SILENT;
	default:
		return 0;
	}
}

static enum vc_fault fault_now(struct vc *vc, const uint8_t *in, size_t inlen)
{
	if (vc->fault_in != 0 && --vc->fault_in == 0)
		return vc->fault;
	return loop_goes_on(vc, in, inlen) ? vc->loop : VC_FAULT_NONE;
}

static void sleep_ms(unsigned ms)
{
	struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 };

	while (nanosleep(&t, &t) != 0 && errno == EINTR)
		;
}

size_t vc_apdu(struct vc *vc, const uint8_t *in, size_t inlen, uint8_t *out, size_t outcap)
{
	struct vc_blob answer;
	enum vc_fault fault;
	struct vc_counts before;
	unsigned slow;
	size_t n = 0;
	uint16_t sw;

	pthread_mutex_lock(&vc->lock);
	before = vc->counts;
	slow = vc->slow + vc_pace_delay(vc->card->pace);
	if (slow != 0) {
		unlock(vc, false);
		sleep_ms(slow);
		pthread_mutex_lock(&vc->lock);
	}
	if (!vc->present || before.epoch != vc->counts.epoch) {
		unlock(vc, false);
		return 0;
	}
	vc->counts.apdus++;
	log_command(vc, in, inlen);
	fault = fault_now(vc, in, inlen);
	if (fault != VC_FAULT_NONE) {
		n = faulty(vc, fault, in, inlen, out, outcap);
		if (vc->log != NULL)
			fprintf(vc->log, "# fault %s\n", fault_names[fault]);
	} else {
		answer.len = 0;
		sw = vc->card->pace != NULL ? vc_pace_run(vc->card, in, inlen, &answer) :
			vc_run(vc->card, in, inlen, &answer);
		vc_blob_byte(&answer, sw >> 8);
		vc_blob_byte(&answer, sw & 0xFF);
		n = cut(answer.p, answer.len, out, outcap);
		log_answer(vc, in, inlen, out, n);
	}
	unlock(vc, before.epoch != vc->counts.epoch);
	return n;
}

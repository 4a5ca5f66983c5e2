/* The card is taken out, or reset by a neighbour, before any command and between any two calls: what comes back
 * tells what happened, nothing that is signed is wrong, no try is lost, the next card works. */
#include "t/scenario/scenario.h"

#include <stdio.h>
#include <stdlib.h>

#include "t/fault/person.h"

#define FAR 600         /* more commands than the walk has */
#define STEPS (5 * EXPECT_SLOTS)

/* What a program does with each slot. */
enum verb { OPEN, LIST, LOGIN, SIGN, CLOSE, VERBS };
static const char *const verbs[] = { "open", "list", "login", "sign", "close" };

struct walk_of {
	CK_SESSION_HANDLE h[EXPECT_SLOTS];
	CK_SLOT_ID id[EXPECT_SLOTS];
	CK_RV rv[STEPS];
	size_t n;
};

static CK_RV
walk_open(struct walk_of *w, unsigned slot)
{
	CK_SLOT_ID id[16];
	CK_ULONG n = COUNT(id);
	CK_RV rv;

	if (w->id[slot] == (CK_SLOT_ID)-1) {
		if ((rv = C_GetSlotList(CK_FALSE, id, &n)))
			return rv;
		if (n <= slot)
			return CKR_SLOT_ID_INVALID;
		w->id[slot] = id[slot];
	}
	return C_OpenSession(w->id[slot], CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &w->h[slot]);
}

/* Certificates are whole or have no value. */
static CK_RV
walk_list(struct walk_of *w, unsigned slot)
{
	CK_OBJECT_CLASS cls = CKO_CERTIFICATE;
	CK_ATTRIBUTE t = { CKA_CLASS, &cls, sizeof cls };
	CK_OBJECT_HANDLE o[EXPECT_ROWS];
	CK_BYTE value[4096];
	CK_ULONG n = 0, len;
	const CK_BYTE *p;
	X509 *x;
	CK_RV rv;

	if ((rv = C_FindObjectsInit(w->h[slot], &t, 1)))
		return rv;
	rv = C_FindObjects(w->h[slot], o, EXPECT_ROWS, &n);
	C_FindObjectsFinal(w->h[slot]);
	for (CK_ULONG i = 0; !rv && i < n; i++) {
		if ((len = attribute(w->h[slot], o[i], CKA_VALUE, value, sizeof value)) == CK_UNAVAILABLE_INFORMATION)
			continue;
		p = value;
		x = d2i_X509(NULL, &p, (long)len);
		if (!x || p != value + len)
			wrong("half a certificate was given out");
		X509_free(x);
	}
	return rv;
}

static bool
signs_in(size_t slot)
{
	const struct way *way;

	return signer_of((unsigned)slot, &way) != NULL;
}

static CK_RV
walk_sign(struct walk_of *w, unsigned slot)
{
	const struct way *way;
	const struct expect_object *key = signer_of(slot, &way);

	return key ? sign_text(w->h[slot], slot, object_of(w->h[slot], CKO_PRIVATE_KEY, key), NULL) : CKR_OK;
}

static CK_RV
walk_step(struct walk_of *w, enum verb verb, unsigned slot)
{
	switch (verb) {
	case OPEN:
		return walk_open(w, slot);
	case LIST:
		return walk_list(w, slot);
	case LOGIN:
		return login(w->h[slot], slot);
	case SIGN:
		return walk_sign(w, slot);
	default:
		return C_CloseSession(w->h[slot]);
	}
}

/* Slot after slot; `before` is called with the number of each step before it. */
static void
walk_card(struct walk_of *w, void (*before)(size_t step))
{
	w->n = 0;
	for (unsigned i = 0; i < want.nslot; i++) {
		w->h[i] = 0;
		w->id[i] = (CK_SLOT_ID)-1;
	}
	for (unsigned i = 0; i < want.nslot; i++)
		for (int v = OPEN; v < VERBS; v++) {
			if (before)
				before(w->n);
			w->rv[w->n++] = walk_step(w, (enum verb)v, i);
		}
}

static const struct kind {
	enum io_fault fault;
	const char *name;
	unsigned step;          /* every command, or every so many */
	CK_RV may[10];
} kinds[] = {
	/* KEY_HANDLE_INVALID: the session shows no keys any more */
	{ FAULT_REMOVED, "removed", 1, { CKR_DEVICE_REMOVED, CKR_TOKEN_NOT_PRESENT, CKR_SESSION_HANDLE_INVALID,
	    CKR_KEY_HANDLE_INVALID } },
	/* TOKEN_NOT_PRESENT: the directory of PINs could not be read, so there is no second slot */
	{ FAULT_RESET, "reset", 1, { CKR_DEVICE_ERROR, CKR_USER_NOT_LOGGED_IN, CKR_TOKEN_NOT_PRESENT,
	    CKR_KEY_HANDLE_INVALID /* it was not listed: there was no login */, CKR_SESSION_HANDLE_INVALID } },
	/* DEVICE_REMOVED: the card was reset to close a PIN, and said so little after that that it may be another */
	{ FAULT_6F00, "6F00", 3, { CKR_DEVICE_ERROR, CKR_TOKEN_NOT_RECOGNIZED, CKR_TOKEN_NOT_PRESENT,
	    CKR_KEY_HANDLE_INVALID, CKR_USER_NOT_LOGGED_IN, CKR_FUNCTION_FAILED, CKR_SESSION_HANDLE_INVALID,
	    CKR_DEVICE_REMOVED } },
	{ FAULT_6CLOOP, "6C loop", 3, { CKR_DEVICE_ERROR, CKR_TOKEN_NOT_RECOGNIZED, CKR_TOKEN_NOT_PRESENT,
	    CKR_KEY_HANDLE_INVALID, CKR_USER_NOT_LOGGED_IN, CKR_FUNCTION_FAILED, CKR_SESSION_HANDLE_INVALID,
	    CKR_DEVICE_REMOVED } },
	{ FAULT_LOST, "lost answer", 3, { CKR_DEVICE_ERROR, CKR_TOKEN_NOT_RECOGNIZED, CKR_TOKEN_NOT_PRESENT,
	    CKR_KEY_HANDLE_INVALID, CKR_USER_NOT_LOGGED_IN, CKR_FUNCTION_FAILED, CKR_SESSION_HANDLE_INVALID,
	    CKR_DEVICE_REMOVED } },
};

static bool
may(const struct kind *kind, CK_RV rv)
{
	/* what became of its access number nobody knows, and it is not said again while the card stays */
	if (rv == CKR_TOKEN_NOT_RECOGNIZED && want.can[0])
		return true;
	for (size_t i = 0; i < COUNT(kind->may); i++)
		if (rv == kind->may[i])
			return true;
	return false;
}

/* CKR_OK is 0, which ends each row. */
static void
results_are(const struct walk_of *w, const struct kind *kind, const char *when)
{
	for (size_t i = 0; i < w->n; i++)
		if (!may(kind, w->rv[i]))
			wrong("%s: %s in slot %zu gave 0x%lX", when, verbs[i % VERBS], i / VERBS + 1, w->rv[i]);
}

/* The same library goes on with the next card. */
static void
next_card(const char *when)
{
	CK_SESSION_HANDLE h;

	vc_remove(module.vc[0]);
	vc_insert(module.vc[0]);
	for (unsigned i = 0; i < want.nslot; i++) {
		if ((h = session(i)))
			logs_in_and_signs(h, i, when);
	}
}

START_TEST(before_any_command)
{
	const struct kind *kind = &kinds[_i];
	bool fired = true;
	struct walk_of w;
	unsigned n, step = kind->step * (is_slow() ? 23 : 1);
	char when[64];

	/* a card that fails while it is recognised is not to pass for one that nobody knows */
	settings("disableCryptokiAutoLogin = 1\nDataPath = /nonexistent/x\nallowUnknownCards = 0\n");
	fresh_card();
	for (n = 1 + (unsigned)_i % kind->step; fired && n < FAR; n += step) {
		snprintf(when, sizeof when, "%s at command %u", kind->name, n);
		module.fault = kind->fault;
		module.fault_at = n;
		ck_assert_uint_eq(C_Initialize(NULL), CKR_OK);
		module.fault_at = 0;
		walk_card(&w, NULL);
		fired = io_fault_fired(module.io);
		io_fault_set(module.io, 0, FAULT_REMOVED);
		results_are(&w, kind, when);
		tries_are_whole(when);
		next_card(when);
		finish();
		/* what comes after it would only be its echo */
		if (n_wrong() > 12)
			break;
	}
	printf("# the walk's %u commands met the fault %s\n", n - 1, kind->name);
	if (!n_wrong() && (fired || n < 10))
		wrong("the walk has %u commands", n);
	settle();
}
END_TEST

/* ---- between calls ---- */

static size_t accident_at;

static void
resets(size_t step)
{
	if (step == accident_at)
		vc_reset(module.vc[0]);
}

static void
pulls_out(size_t step)
{
	if (step == accident_at)
		vc_remove(module.vc[0]);
}

/* Only who has shown a PIN that the card was to remember has lost something. */
START_TEST(a_neighbour_resets_between_calls)
{
	struct walk_of w;
	char when[64];
	CK_RV should;

	fresh_card();
	for (accident_at = 0; accident_at <= want.nslot * VERBS; accident_at++) {
		snprintf(when, sizeof when, "a reset before step %zu", accident_at);
		ck_assert_uint_eq(C_Initialize(NULL), CKR_OK);
		walk_card(&w, resets);
		for (size_t i = 0; i < w.n; i++) {
			should = i == accident_at && i % VERBS == SIGN && !want.slot[i / VERBS].each &&
			    signs_in(i / VERBS) ? CKR_USER_NOT_LOGGED_IN : CKR_OK;
			if (w.rv[i] != should)
				wrong("%s: %s in slot %zu gave 0x%lX, not 0x%lX", when, verbs[i % VERBS], i / VERBS + 1,
				    w.rv[i], should);
		}
		tries_are_whole(when);
		next_card(when);
		finish();
	}
	settle();
}
END_TEST

/* What is known of a card is told until somebody looks for it: a list needs none, nor does an end. */
static bool
needs_card(size_t step)
{
	return step % VERBS == OPEN || step % VERBS == LOGIN || (step % VERBS == SIGN && signs_in(step / VERBS));
}

START_TEST(the_card_is_pulled_out_between_calls)
{
	struct walk_of w;
	char when[64];

	fresh_card();
	for (accident_at = 0; accident_at < want.nslot * VERBS; accident_at++) {
		snprintf(when, sizeof when, "no card before step %zu", accident_at);
		ck_assert_uint_eq(C_Initialize(NULL), CKR_OK);
		walk_card(&w, pulls_out);
		for (size_t i = 0; i < w.n; i++)
			if (i < accident_at ? w.rv[i] != CKR_OK : !may(&kinds[0], w.rv[i]) ||
			    (w.rv[i] == CKR_OK && needs_card(i)))
				wrong("%s: %s in slot %zu gave 0x%lX", when, verbs[i % VERBS], i / VERBS + 1, w.rv[i]);
		tries_are_whole(when);
		next_card(when);
		finish();
	}
	settle();
}
END_TEST

/* With dialogs: PIN1 is asked for once, and after a neighbour's reset nobody is asked again, where the card tells
 * that nobody has tried meanwhile; a PIN that is given for each use is asked for each time. */
START_TEST(a_person_is_asked_no_more_than_needed)
{
	const struct expect_slot *s = &want.slot[_i];
	const bool each = s->each || !s->told;
	const char *const answers[] = { s->pin, each ? s->pin : NULL, each ? s->pin : NULL, NULL };
	struct walk_of w;
	CK_SESSION_HANDLE h;
	const struct way *way;

	fresh_card();
	if (!signer_of((unsigned)_i, &way)) {
		settle();
		return;
	}
	unsetenv("disableCryptokiAutoLogin"); /* the suite has it off */
	person_will(can_line(), answers);
	h = begin((unsigned)_i);
	w.h[_i] = h;
	for (unsigned i = 0; i < 3; i++) {
		CK_RV rv = walk_sign(&w, (unsigned)_i);

		if (rv != CKR_OK)
			wrong("signature %u: 0x%lX", i + 1, rv);
		if (person_was_asked() != (each ? i + 1 : 1))
			wrong("a person was asked %u times for %u signatures", person_was_asked(), i + 1);
		/* a card that drops the PIN by itself, once without that */
		if (!s->drops || i)
			vc_reset(module.vc[0]);
	}
	finish();
	person_end();
	settle();
}
END_TEST

/* Where no PIN is kept, a card that drops it has a person asked for each use, and nobody for nothing. */
START_TEST(a_pin_that_is_dropped_and_not_kept_is_asked_for)
{
	const struct expect_slot *s = &want.slot[_i];
	const char *const answers[] = { s->pin, s->pin, s->pin, NULL };
	char set[100];
	struct walk_of w;
	CK_RV rv;

	fresh_card();
	if (!s->drops || !signs_in((size_t)_i)) {
		settle();
		return;
	}
	unsetenv("disableCryptokiAutoLogin"); /* the suite has it off */
	snprintf(set, sizeof set, "cryptokiPinCache = 0\n%s", can_line());
	person_will(set, answers);
	w.h[_i] = begin((unsigned)_i);
	for (unsigned i = 0; i < 3; i++) {
		rv = walk_sign(&w, (unsigned)_i);
		if (rv != CKR_OK || person_was_asked() != i + 1)
			wrong("signature %u: 0x%lX, asked %u times", i + 1, rv, person_was_asked());
	}
	finish();
	person_end();
	settle();
}
END_TEST

void
accident_tests(Suite *suite)
{
	TCase *tc = tcase_create("accidents");

	tcase_set_timeout(tc, 240);
	tcase_add_loop_test(tc, before_any_command, 0, (int)COUNT(kinds));
	tcase_add_test(tc, a_neighbour_resets_between_calls);
	tcase_add_test(tc, the_card_is_pulled_out_between_calls);
	tcase_add_loop_test(tc, a_person_is_asked_no_more_than_needed, 0, (int)want.nslot);
	tcase_add_loop_test(tc, a_pin_that_is_dropped_and_not_kept_is_asked_for, 0, (int)want.nslot);
	suite_add_tcase(suite, tc);
}

#include "token/session.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/secret.h"
#include "token/rv.h"

/* Index of a handle in the table, or of the first one above it. world->lock held. */
static size_t
index_locked(const struct world *w, CK_SESSION_HANDLE h)
{
	size_t lo = 0, hi = w->nsession, mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (w->session[mid]->h < h)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static CK_RV
insert_locked(struct world *w, struct session *s)
{
	struct session **p;
	size_t cap;

	if (atomic_load(&w->finalizing))
		return CKR_CRYPTOKI_NOT_INITIALIZED;
	if (w->nsession == w->session_cap) {
		cap = w->session_cap ? w->session_cap * 2 : 16;
		if (!(p = realloc(w->session, cap * sizeof *p)))
			return CKR_HOST_MEMORY;
		w->session = p;
		w->session_cap = cap;
	}
	/* from a counter: a handle is never given out twice, so a stale one misses */
	s->h = w->next_session++;
	w->session[w->nsession++] = s;
	return CKR_OK;
}

CK_RV
session_open(struct world *w, struct reader *r, unsigned pin, CK_FLAGS flags, CK_SESSION_HANDLE *h)
{
	struct session *s;
	uint64_t gen;
	CK_RV rv;

	if ((rv = reader_bind(r, pin, &gen)))
		return rv;
	if (!(flags & CKF_RW_SESSION) && reader_login_state(r, gen, pin) == LOGIN_SO)
		return CKR_SESSION_READ_WRITE_SO_EXISTS;
	if (!(s = calloc(1, sizeof *s)))
		return CKR_HOST_MEMORY;
	atomic_init(&s->refs, 1);
	s->world = w;
	s->r = r;
	s->pin = pin;
	s->gen = gen;
	s->flags = flags & (CKF_RW_SESSION | CKF_SERIAL_SESSION);
	pthread_mutex_init(&s->lock, NULL);
	pthread_mutex_lock(&w->lock);
		if (!(rv = insert_locked(w, s)))
			*h = s->h;
	pthread_mutex_unlock(&w->lock);
	if (rv) {
		session_unref(&s);
		return rv;
	}
	/* The card may have left before the session was in the table, where its leaving would have
	 * ended it. From here on only the table's reference keeps s. */
	session_purge(w, r);
	return CKR_OK;
}

void
session_unref(struct session **s)
{
	struct session *dead = *s;

	*s = NULL;
	if (!dead || atomic_fetch_sub(&dead->refs, 1) != 1)
		return;
	for (int k = 0; k < OP_KINDS; k++)
		op_end(dead, (enum op_kind)k);
	once_wipe(&dead->once);
	buf_free(&dead->found);
	pthread_mutex_destroy(&dead->lock);
	free(dead);
}

bool
session_is_over(struct session *s)
{
	bool over;

	pthread_mutex_lock(&s->r->lock);
		over = s->r->gen != s->gen;
	pthread_mutex_unlock(&s->r->lock);
	return over;
}

struct session *
session_enter(struct world *w, CK_SESSION_HANDLE h)
{
	struct session *s = NULL;
	size_t i;

	pthread_mutex_lock(&w->lock);
		i = index_locked(w, h);
		if (i < w->nsession && w->session[i]->h == h) {
			s = w->session[i];
			atomic_fetch_add(&s->refs, 1);
		}
	pthread_mutex_unlock(&w->lock);
	if (!s)
		return NULL;
	pthread_mutex_lock(&s->lock);
	if (atomic_load(&s->closed) || session_is_over(s)) {
		session_leave(s);
		return NULL;
	}
	return s;
}

void
session_leave(struct session *s)
{
	pthread_mutex_unlock(&s->lock);
	session_unref(&s);
}

/* Takes sessions of a reader out of the table: of one slot, unless pin is NULL; of other
 * generations than the living one, unless that is NULL. A list, whose references (the table's) are
 * the caller's. */
static struct session *
take_out(struct world *w, struct reader *r, const unsigned *pin, const uint64_t *living_gen)
{
	struct session *s, *out = NULL;
	size_t kept = 0;

	pthread_mutex_lock(&w->lock);
		for (size_t i = 0; i < w->nsession; i++) {
			s = w->session[i];
			if (s->r == r && (!pin || s->pin == *pin) &&
			    (!living_gen || s->gen != *living_gen)) {
				s->next_out = out;
				out = s;
			} else {
				w->session[kept++] = s;
			}
		}
		w->nsession = kept;
	pthread_mutex_unlock(&w->lock);
	return out;
}

static void
let_go(struct session *out)
{
	struct session *next;

	for (; out; out = next) {
		next = out->next_out;
		session_unref(&out);
	}
}

void
session_purge(struct world *w, struct reader *r)
{
	uint64_t gen = reader_generation(r);

	let_go(take_out(w, r, NULL, &gen));
}

void
session_close(struct session *s)
{
	size_t i;
	bool was_in = false;
	struct session *table_ref = s;

	pthread_mutex_lock(&s->world->lock);
		i = index_locked(s->world, s->h);
		if (i < s->world->nsession && s->world->session[i] == s) {
			memmove(&s->world->session[i], &s->world->session[i + 1],
			    (s->world->nsession - i - 1) * sizeof s->world->session[0]);
			s->world->nsession--;
			was_in = true;
		}
	pthread_mutex_unlock(&s->world->lock);
	atomic_store(&s->closed, true);
	/* one that waits for a person is its thread's, who will find the session closed */
	for (int k = 0; k < OP_KINDS; k++)
		if (!s->op[k].busy)
			op_end(s, (enum op_kind)k);
	reader_remove_owned(s->r, s->h);
	if (was_in)
		session_unref(&table_ref);
}

void
session_close_all(struct world *w, struct reader *r, unsigned pin)
{
	struct session *gone = take_out(w, r, &pin, NULL);

	for (struct session *s = gone; s; s = s->next_out) {
		pthread_mutex_lock(&s->lock);
			atomic_store(&s->closed, true);
		pthread_mutex_unlock(&s->lock);
		reader_remove_owned(r, s->h);
	}
	let_go(gone);
}

void
session_count(struct world *w, struct reader *r, unsigned pin, CK_ULONG *all, CK_ULONG *rw)
{
	*all = *rw = 0;
	pthread_mutex_lock(&w->lock);
		for (size_t i = 0; i < w->nsession; i++) {
			if (w->session[i]->r != r || w->session[i]->pin != pin)
				continue;
			++*all;
			*rw += w->session[i]->flags & CKF_RW_SESSION ? 1 : 0;
		}
	pthread_mutex_unlock(&w->lock);
}

CK_STATE
session_state(struct session *s)
{
	bool rw = s->flags & CKF_RW_SESSION;

	switch (reader_login_state(s->r, s->gen, s->pin)) {
	case LOGIN_SO:
		return CKS_RW_SO_FUNCTIONS;
	case LOGIN_USER:
		return rw ? CKS_RW_USER_FUNCTIONS : CKS_RO_USER_FUNCTIONS;
	default:
		return rw ? CKS_RW_PUBLIC_SESSION : CKS_RO_PUBLIC_SESSION;
	}
}

/* References to all the slot's objects that may be seen now. Hardware features are seen only by those
 * who ask for that class (PKCS#11 v2.40 5.7, C_FindObjectsInit). */
static int
visible_objects(struct session *s, bool features, struct object_list *out)
{
	struct object *o;
	int err = 0;

	pthread_mutex_lock(&s->r->lock);
		for (size_t i = 0; i < s->r->objects.n && !err; i++) {
			o = s->r->objects.p[i];
			if (reader_shows_locked(s->r, s->pin, o) &&
			    (features || o->cls != CKO_HW_FEATURE))
				err = object_list_take(out, object_ref(o));
		}
	pthread_mutex_unlock(&s->r->lock);
	return err;
}

CK_RV
session_find_init(struct session *s, const CK_ATTRIBUTE *t, CK_ULONG n)
{
	struct object_list seen = { 0 };
	CK_ULONG cls = CKO_DATA;
	CK_OBJECT_HANDLE h;
	enum match m;
	CK_RV rv;

	if (s->finding)
		return CKR_OPERATION_ACTIVE;
	if ((rv = reader_load(s->r, s->gen)))
		return rv;
	buf_reset(&s->found);
	template_ulong(t, n, CKA_CLASS, &cls);
	rv = rv_from(visible_objects(s, cls == CKO_HW_FEATURE, &seen));
	for (size_t i = 0; i < seen.n && !rv; i++) {
		m = object_match(seen.p[i], t, n);
		if (m == MATCH_NEEDS_BODY && !(rv = reader_fill(s->r, s->gen, seen.p[i])))
			m = object_match(seen.p[i], t, n);
		h = seen.p[i]->h;
		if (!rv && m == MATCH_YES && !reader_is_hollow(seen.p[i]))
			buf_put(&s->found, &h, sizeof h);
	}
	object_list_free(&seen);
	if (!rv)
		rv = rv_from(buf_err(&s->found));
	s->finding = !rv;
	s->found_at = 0;
	return rv;
}

CK_RV
session_find(struct session *s, CK_OBJECT_HANDLE *out, CK_ULONG max, CK_ULONG *n)
{
	struct view left;

	if (!s->finding)
		return CKR_OPERATION_NOT_INITIALIZED;
	left = view_part(buf_peek(&s->found), s->found_at, SIZE_MAX);
	*n = left.len / sizeof *out;
	if (*n > max)
		*n = max;
	if (*n)
		memcpy(out, left.p, *n * sizeof *out);
	s->found_at += *n * sizeof *out;
	return CKR_OK;
}

CK_RV
session_find_final(struct session *s)
{
	if (!s->finding)
		return CKR_OPERATION_NOT_INITIALIZED;
	s->finding = false;
	buf_reset(&s->found);
	return CKR_OK;
}

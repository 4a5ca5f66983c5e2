#include "token/certend.h"

#include <stdio.h>
#include <string.h>

#include "base/os.h"
#include "mapping/cert.h"
#include "token/expiry.h"

#define DATE 8 /* YYYYMMDD */

/* The key that the session is about to use; NULL: none in particular. */
static const struct object *
key_in_use(const struct session *s)
{
	static const enum op_kind kinds[] = { OP_SIGN, OP_SIGN_RECOVER, OP_DECRYPT };

	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		if (s->op[kinds[i]].m && s->op[kinds[i]].key &&
		    s->op[kinds[i]].key->cls == CKO_PRIVATE_KEY)
			return s->op[kinds[i]].key;
	return NULL;
}

/* The certificate behind a key, by index among the slot's, when it was read; NULL. *more: there may be
 * others. */
static struct source *
source_at(struct session *s, size_t at, bool *more)
{
	struct source *src = NULL;
	struct object *o = NULL;

	*more = false;
	pthread_mutex_lock(&s->r->lock);
		for (size_t i = 0; s->r->gen == s->gen && i < s->r->objects.n && !*more; i++) {
			o = s->r->objects.p[i];
			*more = o->cls == CKO_PRIVATE_KEY && o->pin == s->pin && o->token && !at--;
		}
		if (*more && o->src && o->src->kind == SOURCE_CERT && atomic_load(&o->src->body))
			src = source_ref(o->src);
	pthread_mutex_unlock(&s->r->lock);
	return src;
}

/* The day on which a certificate ends, earlier than *first, which it then becomes. */
static void
take_earlier(const struct source *src, char first[DATE])
{
	const struct buf *body = atomic_load(&src->body);
	struct cert_fields fields;

	if (body && body->len && !cert_decode(buf_peek(body), &fields) && fields.end[0] &&
	    (!first[0] || memcmp(fields.end, first, DATE) < 0))
		memcpy(first, fields.end, DATE);
}

static void
find_end(struct session *s, char first[DATE])
{
	const struct object *key = key_in_use(s);
	struct source *src;
	bool more = true;

	memset(first, 0, DATE);
	if (key) {
		if (key->src && key->src->kind == SOURCE_CERT)
			take_earlier(key->src, first);
		return;
	}
	for (size_t i = 0; more; i++) {
		if (!(src = source_at(s, i, &more)))
			continue;
		take_earlier(src, first);
		source_unref(&src);
	}
}

/* The first one who asks gets true. */
static bool
is_first(struct session *s)
{
	bool first = false;

	pthread_mutex_lock(&s->r->lock);
		if (s->r->gen == s->gen && s->r->token) {
			first = !s->r->token->end_told;
			s->r->token->end_told = true;
		}
	pthread_mutex_unlock(&s->r->lock);
	return first;
}

bool
certend_find(struct session *s, struct certend *out)
{
	long days = settings_int(s->world->settings, SET_certExpirationWarningDays), today = os_today();
	char end[DATE + 1] = "", last[DATE + 1], now[DATE + 1];

	if (days <= 0 || today < 0 || !expiry_date(today, now) || !expiry_date(today + days, last))
		return false;
	find_end(s, end);
	if (!end[0] || memcmp(end, last, DATE) > 0 || !is_first(s))
		return false;
	out->is_over = memcmp(end, now, DATE) < 0;
	return sscanf(end, "%4u%2u%2u", &out->date[0], &out->date[1], &out->date[2]) == 3;
}

#include "token/build.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "mapping/algs.h"
#include "mapping/cert.h"
#include "mapping/der.h"

/* usage bits of PKCS#15 -> CKA_. Source: PKCS#15 v1.1 6.3.2; NSS and OpenSSH look for SIGN on
 * nonRepudiation keys too. */
static const struct usage_row {
	CK_ATTRIBUTE_TYPE type;
	unsigned usage;
} private_usage[] = {
	{ CKA_SIGN, USAGE_SIGN | USAGE_NON_REPUDIATION },
	{ CKA_SIGN_RECOVER, USAGE_SIGN_RECOVER },
	{ CKA_DECRYPT, USAGE_DECRYPT },
	{ CKA_DERIVE, USAGE_DERIVE },
}, public_usage[] = {
	{ CKA_VERIFY, USAGE_SIGN | USAGE_NON_REPUDIATION | USAGE_VERIFY },
	{ CKA_VERIFY_RECOVER, USAGE_SIGN_RECOVER | USAGE_VERIFY_RECOVER },
	{ CKA_ENCRYPT, USAGE_DECRYPT | USAGE_ENCRYPT },
	{ CKA_DERIVE, 0 },
};

static const CK_ATTRIBUTE_TYPE rsa_hidden[] = {
	CKA_PRIVATE_EXPONENT, CKA_PRIME_1, CKA_PRIME_2, CKA_EXPONENT_1, CKA_EXPONENT_2,
	CKA_COEFFICIENT
};

#define N(a) (sizeof(a) / sizeof((a)[0]))

static int
make_room(struct object_list *l, size_t more)
{
	size_t cap = l->cap ? l->cap : 16;
	struct object **p;

	if (l->cap - l->n >= more)
		return 0;
	while (cap - l->n < more)
		cap *= 2;
	if (!(p = realloc(l->p, cap * sizeof *p)))
		return E_MEM;
	l->p = p;
	l->cap = cap;
	return 0;
}

int
object_list_take(struct object_list *l, struct object *o)
{
	if (!o || make_room(l, 1)) {
		object_unref(&o);
		return E_MEM;
	}
	l->p[l->n++] = o;
	return 0;
}

int
object_list_join(struct object_list *l, struct object_list *from)
{
	if (make_room(l, from->n))
		return E_MEM;
	for (size_t i = 0; i < from->n; i++)
		l->p[l->n++] = from->p[i];
	from->n = 0;
	return 0;
}

void
object_list_free(struct object_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		object_unref(&l->p[i]);
	free(l->p);
	memset(l, 0, sizeof *l);
}

/* What every object of a card has. */
static void
put_common(struct attrs_build *b, CK_OBJECT_CLASS cls, const struct p15_object *rec, bool priv)
{
	attrs_ulong(b, CKA_CLASS, cls);
	attrs_bool(b, CKA_TOKEN, true);
	attrs_bool(b, CKA_PRIVATE, priv);
	attrs_bool(b, CKA_MODIFIABLE, rec->flags & P15_FLAG_MODIFIABLE);
	attrs_bool(b, CKA_COPYABLE, false);
	attrs_bool(b, CKA_DESTROYABLE, rec->flags & P15_FLAG_MODIFIABLE);
	attrs_text(b, CKA_LABEL, rec->label);
}

static void
put_id(struct attrs_build *b, const struct p15_id *id)
{
	attrs_put(b, CKA_ID, view_of(id->b, id->len));
}

static void
put_usage(struct attrs_build *b, const struct usage_row *rows, size_t n, unsigned usage)
{
	for (size_t i = 0; i < n; i++)
		attrs_bool(b, rows[i].type, usage & rows[i].usage);
}

static void
put_key(struct attrs_build *b, const struct p15_object *rec)
{
	put_id(b, &rec->id);
	attrs_ulong(b, CKA_KEY_TYPE, rec->key.kind == KEY_EC ? CKK_EC : CKK_RSA);
	attrs_put(b, CKA_START_DATE, view_of(NULL, 0));
	attrs_put(b, CKA_END_DATE, view_of(NULL, 0));
	attrs_bool(b, CKA_LOCAL, rec->access & ACCESS_LOCAL);
	attrs_ulong(b, CKA_KEY_GEN_MECHANISM,
	    !(rec->access & ACCESS_LOCAL) ? CK_UNAVAILABLE_INFORMATION :
	    rec->key.kind == KEY_EC ? CKM_EC_KEY_PAIR_GEN : CKM_RSA_PKCS_KEY_PAIR_GEN);
	if (rec->subject.len)
		attrs_put(b, CKA_SUBJECT, buf_peek(&rec->subject));
}

bool
build_says_pin2(const struct p15_object *key)
{
	return key->usage & USAGE_NON_REPUDIATION || key->user_consent > 0;
}

/* What a record is made into, beside its own content. */
struct making {
	const struct p15_object *rec;
	bool each_time;  /* its slot's PIN is wanted for every use */
	bool ask_cert;   /* whether it is, the key's certificate may tell */
};

static struct attrs *
private_attrs(const struct making *m)
{
	const struct p15_object *rec = m->rec;
	struct attrs_build b = { 0 };
	/* a directory that says nothing of access speaks of a key made for a card */
	unsigned access = rec->access ? rec->access :
	    ACCESS_SENSITIVE | ACCESS_ALWAYS_SENSITIVE | ACCESS_NEVER_EXTRACTABLE;

	/* always private: a key that anybody could use would be no key (fineid 7) */
	put_common(&b, CKO_PRIVATE_KEY, rec, true);
	put_key(&b, rec);
	put_usage(&b, private_usage, N(private_usage), rec->usage);
	attrs_bool(&b, CKA_UNWRAP, false);
	attrs_bool(&b, CKA_SENSITIVE, true);
	attrs_bool(&b, CKA_EXTRACTABLE, false);
	attrs_bool(&b, CKA_ALWAYS_SENSITIVE, access & ACCESS_ALWAYS_SENSITIVE);
	attrs_bool(&b, CKA_NEVER_EXTRACTABLE, access & ACCESS_NEVER_EXTRACTABLE);
	attrs_bool(&b, CKA_WRAP_WITH_TRUSTED, false);
	if (m->each_time || rec->user_consent || !m->ask_cert)
		attrs_bool(&b, CKA_ALWAYS_AUTHENTICATE, m->each_time || rec->user_consent > 0);
	if (rec->key.kind == KEY_EC)
		attrs_hide(&b, CKA_VALUE);
	for (size_t i = 0; rec->key.kind == KEY_RSA && i < N(rsa_hidden); i++)
		attrs_hide(&b, rsa_hidden[i]);
	return attrs_seal(&b);
}

static struct attrs *
public_attrs(const struct making *m)
{
	const struct p15_object *rec = m->rec;
	struct attrs_build b = { 0 };

	put_common(&b, CKO_PUBLIC_KEY, rec, false);
	put_key(&b, rec);
	put_usage(&b, public_usage, N(public_usage), rec->usage);
	attrs_bool(&b, CKA_WRAP, false);
	attrs_bool(&b, CKA_TRUSTED, false);
	return attrs_seal(&b);
}

static struct attrs *
cert_attrs(const struct making *m)
{
	const struct p15_object *rec = m->rec;
	struct attrs_build b = { 0 };

	put_common(&b, CKO_CERTIFICATE, rec, false);
	put_id(&b, &rec->id);
	attrs_ulong(&b, CKA_CERTIFICATE_TYPE, CKC_X_509);
	/* 1 = token user, 2 = authority. Source: PKCS#11 v2.40 4.6.2 */
	attrs_ulong(&b, CKA_CERTIFICATE_CATEGORY, rec->authority || rec->trusted ? 2 : 1);
	attrs_bool(&b, CKA_TRUSTED, rec->trusted);
	return attrs_seal(&b);
}

static struct attrs *
data_attrs(const struct making *m)
{
	const struct p15_object *rec = m->rec;
	struct attrs_build b = { 0 };

	put_common(&b, CKO_DATA, rec, rec->auth_id.len || rec->flags & P15_FLAG_PRIVATE);
	attrs_text(&b, CKA_APPLICATION, rec->application ? rec->application : "");
	attrs_put(&b, CKA_OBJECT_ID, buf_peek(&rec->oid));
	return attrs_seal(&b);
}

struct object *
build_profile_object(unsigned slot)
{
	struct attrs_build b = { 0 };

	attrs_ulong(&b, CKA_CLASS, CKO_PROFILE);
	attrs_bool(&b, CKA_TOKEN, true);
	attrs_bool(&b, CKA_PRIVATE, false);
	attrs_bool(&b, CKA_MODIFIABLE, false);
	attrs_ulong(&b, CKA_PROFILE_ID, CKP_PUBLIC_CERTIFICATES_TOKEN);
	return object_new(attrs_seal(&b), 0, slot);
}

static const struct p15_object *
find_by_id(const struct p15_objects *recs, enum p15_kind kind, const struct p15_id *id)
{
	for (size_t i = 0; id->len && i < recs->n; i++)
		if (recs->p[i] && recs->p[i]->kind == kind && p15_id_eq(&recs->p[i]->id, id))
			return recs->p[i];
	return NULL;
}

/* The place where a key's public numbers can be read most cheaply: a directory that holds them,
 * the certificate (which is wanted anyway), a file of their own. */
static const struct p15_object *
public_source(const struct p15_objects *recs, const struct p15_id *id)
{
	const struct p15_object *pub = find_by_id(recs, P15_PUBLIC, id);
	const struct p15_object *cert = find_by_id(recs, P15_CERT, id);

	return pub && pub->direct.len ? pub : cert ? cert : pub;
}

struct sources {
	struct source *s[P15_OBJECTS_MAX];
	const struct p15_object *of[P15_OBJECTS_MAX];
	size_t n;
};

static const enum source_kind source_kinds[] = {
	[P15_PRIVATE] = SOURCE_KEY, [P15_PUBLIC] = SOURCE_PUBLIC, [P15_CERT] = SOURCE_CERT,
	[P15_DATA] = SOURCE_DATA,
};

/* What the directory itself holds of a value. */
static int
take_direct(struct source *s, const struct p15_object *rec)
{
	struct buf *body;
	int err;

	if (!rec->direct.len)
		return 0;
	if (!(body = calloc(1, sizeof *body)))
		return E_MEM;
	buf_view(body, buf_peek(&rec->direct));
	err = buf_err(body);
	s->is_direct = true;
	atomic_store(&s->body, body);
	return err;
}

/* One source per record, however many objects show parts of it. *out: a reference for the
 * caller, NULL for no record. E_MEM. */
static int
source_for(struct sources *all, const struct p15_object *rec, struct source **out)
{
	struct source *s;

	*out = NULL;
	for (size_t i = 0; rec && i < all->n; i++)
		if (all->of[i] == rec)
			*out = source_ref(all->s[i]);
	if (!rec || *out)
		return 0;
	if (all->n == P15_OBJECTS_MAX ||
	    !(s = source_new(source_kinds[rec->kind])))
		return E_MEM;
	s->key = rec->key;
	s->path = rec->path;
	s->range = rec->range;
	all->s[all->n] = s;
	all->of[all->n++] = rec;
	*out = source_ref(s);
	return take_direct(s, rec);
}

static struct attrs *(*const make[])(const struct making *) = {
	[P15_PRIVATE] = private_attrs, [P15_PUBLIC] = public_attrs, [P15_SECRET] = NULL,
	[P15_CERT] = cert_attrs, [P15_DATA] = data_attrs, [P15_AUTH] = NULL,
};

static const struct p15_object *
source_of(const struct p15_objects *recs, const struct making *m)
{
	const struct p15_object *rec = m->rec, *from;

	if (m->ask_cert)
		return find_by_id(recs, P15_CERT, &rec->id);
	from = rec->kind == P15_CERT || rec->kind == P15_DATA ? rec : public_source(recs, &rec->id);
	/* nothing but the key itself tells its numbers: the card is asked */
	return from ? from : rec;
}

/* The slot of the PIN with that id: index, or slots->n when none has it. */
static unsigned
slot_of_pin(const struct build_slots *slots, const struct p15_id *auth)
{
	unsigned i = 0;

	while (i < slots->n && !p15_id_eq(&slots->p[i].auth_id, auth))
		i++;
	return i;
}

/* slots->n: no slot may show it. */
static unsigned
slot_of(const struct p15_objects *recs, const struct build_slots *slots, const struct p15_object *rec)
{
	const struct p15_object *key = rec;
	unsigned i;

	if (rec->kind == P15_CERT || rec->kind == P15_PUBLIC)
		key = find_by_id(recs, P15_PRIVATE, &rec->id);
	i = key && key->auth_id.len ? slot_of_pin(slots, &key->auth_id) : 0;
	/* a key is of no use without its PIN, but what everybody may read does no harm */
	if (i == slots->n && rec->kind != P15_PRIVATE && !rec->auth_id.len)
		i = 0;
	return i < slots->n && slots->p[i].hidden ? slots->n : i;
}

static int
add_object(struct object_list *out, struct sources *all, const struct p15_objects *recs,
    const struct build_slots *slots, const struct p15_object *rec, bool is_on_card)
{
	unsigned slot = slot_of(recs, slots, rec);
	struct making m = { .rec = rec };
	struct object *o;

	if (slot == slots->n) {
		log_debug("an object of the card is in no slot: \"%s\"", rec->label);
		return 0;
	}
	m.each_time = slots->p[slot].each_time;
	m.ask_cert = rec->kind == P15_PRIVATE && !build_says_pin2(rec) && !m.each_time &&
	    find_by_id(recs, P15_CERT, &rec->id);
	o = object_new(make[rec->kind](&m), 0, slot);
	/* an object that cannot tell its numbers for want of a source is not shown: it would stay
	 * so until the card is taken out */
	if (o && source_for(all, source_of(recs, &m), &o->src))
		object_unref(&o);
	if (o) {
		o->at.is = is_on_card;
		o->at.kind = rec->kind;
		o->at.key = rec->key;
		o->at.auth_id = rec->auth_id;
		o->at.user_consent = rec->user_consent > 0;
		o->at.path = rec->path;
		o->at.dir = rec->dir;
	}
	return object_list_take(out, o);
}

/* Whether a public key object must be made up: ssh lists public keys and NSS looks for them
 * before any login, but many cards store only the certificate (pkcs11 7). */
static bool
lacks_public(const struct p15_objects *recs, const struct p15_object *rec)
{
	return rec->kind == P15_PRIVATE && !find_by_id(recs, P15_PUBLIC, &rec->id) &&
	    find_by_id(recs, P15_CERT, &rec->id);
}

int
build_objects(const struct p15_objects *recs, const struct build_slots *slots,
    struct object_list *out)
{
	struct sources all = { .n = 0 };
	struct p15_object like;
	int r = 0;

	for (size_t i = 0; !r && i < recs->n; i++) {
		if (!make[recs->p[i]->kind])
			continue;
		r = add_object(out, &all, recs, slots, recs->p[i], true);
		if (r || !lacks_public(recs, recs->p[i]))
			continue;
		like = *recs->p[i];
		like.kind = P15_PUBLIC;
		like.flags = 0;
		like.auth_id.len = 0;
		r = add_object(out, &all, recs, slots, &like, false);
	}
	for (size_t i = 0; i < all.n; i++)
		source_unref(&all.s[i]);
	return r;
}

/* The numbers of a public key. A modulus' length is told on public key objects only. */
static void
put_numbers(struct attrs_build *b, const struct pub_fields *pub, CK_OBJECT_CLASS cls)
{
	struct buf point = BUF_INIT;

	if (pub->spki.len)
		attrs_put(b, CKA_PUBLIC_KEY_INFO, pub->spki);
	if (pub->kind == PUB_RSA) {
		attrs_put(b, CKA_MODULUS, pub->n);
		attrs_put(b, CKA_PUBLIC_EXPONENT, pub->e);
		if (cls == CKO_PUBLIC_KEY)
			attrs_ulong(b, CKA_MODULUS_BITS, pub->bits);
	}
	if (pub->kind == PUB_EC) {
		der_put(&point, 0x04, pub->ec_point);
		attrs_put(b, CKA_EC_PARAMS, pub->ec_params);
		attrs_put(b, CKA_EC_POINT, buf_peek(&point));
		b->bad |= buf_err(&point) != 0;
	}
	buf_free(&point);
}

static void
put_cert(struct attrs_build *b, const struct cert_fields *c)
{
	attrs_put(b, CKA_VALUE, c->der);
	attrs_put(b, CKA_SUBJECT, c->subject);
	attrs_put(b, CKA_ISSUER, c->issuer);
	attrs_put(b, CKA_SERIAL_NUMBER, c->serial);
	attrs_put(b, CKA_START_DATE, view_of(c->start, c->start[0] ? sizeof c->start : 0));
	attrs_put(b, CKA_END_DATE, view_of(c->end, c->end[0] ? sizeof c->end : 0));
	attrs_put(b, CKA_PUBLIC_KEY_INFO, c->pub.spki);
	if (c->ca) /* many directories leave the authority flag out */
		attrs_ulong(b, CKA_CERTIFICATE_CATEGORY, 2);
}

/* A bare EC point says nothing of its curve: the length of its coordinates does. */
static void
find_curve(struct pub_fields *pub)
{
	const struct curve_info *c;

	for (int i = CURVE_NONE + 1; i < CURVE_COUNT; i++) {
		c = curve_info((enum curve)i);
		if (pub->kind == PUB_EC && !pub->ec_params.len &&
		    pub->ec_point.len == 1 + 2 * c->bytes) {
			pub->ec_params = c->oid;
			pub->bits = c->bits;
		}
	}
	if (pub->kind == PUB_EC && !pub->ec_params.len)
		pub->kind = PUB_OTHER;
}

/* keyUsage bit 1, nonRepudiation, which newer texts call contentCommitment (RFC 5280 4.2.1.3). */
bool
build_cert_says_pin2(struct view body)
{
	struct cert_fields cert;

	return body.len && cert_decode(body, &cert) == 0 && cert.has_key_usage &&
	    cert.key_usage & 1u << 1;
}

struct attrs *
build_full(const struct object *o, struct view body)
{
	struct attrs_build b = { 0 };
	struct cert_fields cert;
	struct pub_fields pub;

	attrs_add_all(&b, o->base);
	if (o->cls == CKO_PRIVATE_KEY && !attrs_has(&b, CKA_ALWAYS_AUTHENTICATE))
		attrs_bool(&b, CKA_ALWAYS_AUTHENTICATE,
		    o->src->kind == SOURCE_CERT && build_cert_says_pin2(body));
	if (o->src->kind == SOURCE_DATA) {
		attrs_put(&b, CKA_VALUE, body);
	} else if (o->src->kind == SOURCE_CERT && body.len && cert_decode(body, &cert) == 0) {
		if (o->cls == CKO_CERTIFICATE) {
			put_cert(&b, &cert);
		} else {
			put_numbers(&b, &cert.pub, o->cls);
			if (!attrs_has(&b, CKA_SUBJECT))
				attrs_put(&b, CKA_SUBJECT, cert.subject);
		}
	} else if (o->src->kind != SOURCE_CERT && body.len && pub_decode(body, &pub) == 0) {
		find_curve(&pub);
		put_numbers(&b, &pub, o->cls);
	}
	return attrs_seal(&b);
}

int
build_complete(struct object *o)
{
	struct attrs *full, *none = NULL;
	struct buf *body;

	if (!o->src || object_attrs(o) != o->base || !(body = atomic_load(&o->src->body)))
		return 0;
	if (!(full = build_full(o, buf_peek(body))))
		return E_MEM;
	/* another thread may have been faster: its array is as good */
	if (!atomic_compare_exchange_strong(&o->full, &none, full))
		attrs_free(&full);
	return 0;
}

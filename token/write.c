#include "token/write.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "mapping/cert.h"
#include "mapping/der.h"
#include "token/dir.h"
#include "token/keyparts.h"
#include "token/rv.h"
#include "token/unlock.h"

/* What a write needs to know of the card, copied out from under the lock. */
struct place {
	struct p15_odf odf;
	struct pin_ref pin;
	struct p15_id auth_id;
};

static CK_RV
find_place(struct session *s, struct place *place)
{
	struct pinslot *slot;
	CK_RV rv = CKR_OK;

	if (!(s->flags & CKF_RW_SESSION))
		return CKR_SESSION_READ_ONLY;
	pthread_mutex_lock(&s->r->lock);
		if (s->r->gen != s->gen || !s->r->token) {
			rv = CKR_DEVICE_REMOVED;
		} else {
			slot = &s->r->token->slot[s->pin];
			place->odf = s->r->token->odf;
			place->pin = slot->pin;
			place->auth_id = slot->auth_id;
			if (slot->login != LOGIN_USER &&
			    (slot->login == LOGIN_SO || !reader_asks_locked(s->r)))
				rv = CKR_USER_NOT_LOGGED_IN;
		}
	pthread_mutex_unlock(&s->r->lock);
	return rv;
}

CK_RV
write_allowed(struct session *s)
{
	struct place place;

	return find_place(s, &place);
}

/* In PKCS#11's words, for a write. */
static CK_RV
write_rv(int err)
{
	return err == E_UNSUPPORTED ? CKR_TOKEN_WRITE_PROTECTED : rv_from(err);
}

/* Makes objects of what was written; the handles of the first two, in the order of recs. All are
 * shown where they were made: handles are given out for that slot. */
static CK_RV
show(struct session *s, struct p15_object **recs, size_t n, CK_OBJECT_HANDLE *first,
    CK_OBJECT_HANDLE *second)
{
	struct p15_objects all = { recs, n };
	struct object_list made = { 0 };
	CK_OBJECT_HANDLE *out[] = { first, second };
	struct build_slot slot = { .hidden = false };
	const struct build_slots slots = { &slot, 1 };
	struct token *t;
	int err;

	if ((t = reader_token(s->r, s->gen))) {
		pthread_mutex_lock(&s->r->lock);
			slot.auth_id = t->slot[s->pin].auth_id;
			slot.each_time = pinslot_each_time(&t->slot[s->pin], s->world->settings);
		pthread_mutex_unlock(&s->r->lock);
		token_unref(&t);
	}
	err = build_objects(&all, &slots, &made);
	for (size_t i = 0; i < made.n && !err; i++) {
		if (i < 2 && out[i])
			*out[i] = made.p[i]->h;
		made.p[i]->pin = s->pin;
		err = reader_add_object(s->r, s->gen, object_ref(made.p[i]));
	}
	object_list_free(&made);
	return rv_from(err);
}

/* ---- key pairs ---- */

struct pair_job {
	const struct place *place;
	struct new_pair *pair;
	struct soft *soft;
	struct made made;
};

/* The public key as its file holds it: RSAPublicKey, or SubjectPublicKeyInfo for EC, which is
 * what OpenSC looks for. */
static int
public_body(struct soft *soft, const struct new_pair *pair, struct buf *out)
{
	const struct curve_info *curve = curve_info(pair->curve);
	struct soft_pub *pub = NULL;
	int err;

	if (pair->kind == KEY_RSA)
		return keyparts_public_der(&pair->parts, KEY_RSA, out);
	if (!(err = soft_pub_ec(soft, curve->oid, buf_peek(&pair->parts.point), &pub)))
		err = soft_pub_spki(pub, out);
	soft_pub_free(&pub);
	return err ? err : buf_err(out);
}

/* A pair without a CKA_ID gets the one NSS would give it: SHA-1 of modulus or point. */
static int
default_id(struct soft *soft, struct new_pair *pair)
{
	struct buf id = BUF_INIT;
	int err = 0;

	if (!pair->priv.id.len &&
	    !(err = soft_hash(soft, HASH_SHA1,
	    buf_peek(pair->kind == KEY_RSA ? &pair->parts.n : &pair->parts.point), &id))) {
		pair->priv.id.len = (uint8_t)id.len;
		memcpy(pair->priv.id.b, id.p, id.len);
		pair->pub.id = pair->priv.id;
	}
	buf_free(&id);
	return err;
}

static int
put_key_file(struct card *card, struct pair_job *job)
{
	struct new_pair *pair = job->pair;
	struct new_file f = { .type = NEW_KEY, .size = pair->bits, .kind = pair->kind };
	int err;

	f.pin = (uint8_t)job->place->pin.ref;
	f.consent = pair->priv.user_consent > 0;
	if ((err = dir_new_file(card, FILES_PRIVATE, &f, &job->made)))
		return err;
	pair->priv.key = (struct key_ref){ .kind = pair->kind, .bits = pair->bits, .path = f.path };
	pair->priv.key.ref = f.path.b[1];
	pair->priv.key.ref_valid = true;
	pair->pub.key = pair->priv.key;
	if (pair->make)
		return card->ops->genkey ? card->ops->genkey(card, &pair->priv.key, &pair->parts) :
		    E_UNSUPPORTED;
	return card->ops->import ? card->ops->import(card, &pair->priv.key, &pair->parts) :
	    E_UNSUPPORTED;
}

static int
put_public_file(struct card *card, struct pair_job *job)
{
	struct new_file f = { .type = NEW_EF, .public_read = true };
	struct buf body = BUF_INIT;
	int err;

	f.pin = (uint8_t)job->place->pin.ref;
	if ((err = public_body(job->soft, job->pair, &body)))
		goto out;
	f.size = body.len;
	if (!(err = dir_new_file(card, FILES_PUBLIC, &f, &job->made)))
		err = card->ops->write(card, &f.path, 0, buf_peek(&body));
	job->pair->pub.path = f.path;
	job->pair->pub.range = (struct range){ .whole = true };
out:
	buf_free(&body);
	return err;
}

static int
verb_pair(struct card *card, void *arg)
{
	struct pair_job *job = arg;
	struct new_pair *pair = job->pair;
	int err;

	memset(&job->made, 0, sizeof job->made);
	pair->priv.kind = P15_PRIVATE;
	pair->pub.kind = P15_PUBLIC;
	pair->priv.flags = P15_FLAG_PRIVATE | P15_FLAG_MODIFIABLE;
	pair->pub.flags = P15_FLAG_MODIFIABLE;
	pair->priv.native = pair->pub.native = true;
	pair->priv.auth_id = job->place->auth_id;
	if ((err = put_key_file(card, job)) || (err = put_public_file(card, job)) ||
	    (err = default_id(job->soft, pair)) ||
	    (err = dir_append(card, &job->place->odf, &pair->pub, &job->made)) ||
	    (err = dir_append(card, &job->place->odf, &pair->priv, &job->made)))
		dir_undo(card, &job->made);
	return err;
}

CK_RV
write_pair(struct session *s, struct new_pair *pair, CK_OBJECT_HANDLE *pub, CK_OBJECT_HANDLE *priv)
{
	struct place place;
	struct pair_job job = { .place = &place, .pair = pair, .soft = s->world->soft };
	struct p15_object *recs[] = { &pair->pub, &pair->priv };
	CK_RV rv;
	int err;

	if ((rv = find_place(s, &place)) || (rv = reader_load(s->r, s->gen)))
		return rv;
	if ((err = unlock_run(s, UNLOCK_PROBE, verb_pair, &job)))
		return write_rv(err);
	return show(s, recs, 2, pub, priv);
}

/* ---- certificates and data objects ---- */

struct file_job {
	const struct place *place;
	enum file_use use;
	struct p15_object *rec;
	struct view body;
	struct made made;
};

static int
verb_file(struct card *card, void *arg)
{
	struct file_job *job = arg;
	struct new_file f = { .type = NEW_EF, .size = job->body.len };
	int err;

	memset(&job->made, 0, sizeof job->made);
	f.public_read = !(job->rec->flags & P15_FLAG_PRIVATE);
	f.pin = (uint8_t)job->place->pin.ref;
	if ((err = dir_new_file(card, job->use, &f, &job->made)))
		return err;
	job->rec->path = f.path;
	job->rec->range = (struct range){ .whole = true };
	if ((err = card->ops->write(card, &f.path, 0, job->body)) ||
	    (err = dir_append(card, &job->place->odf, job->rec, &job->made)))
		dir_undo(card, &job->made);
	return err;
}

/* Label and id of a record, out of finished attributes. */
static CK_RV
take_names(struct p15_object *rec, const struct attrs *a)
{
	struct view label = attrs_get_view(a, CKA_LABEL), id = attrs_get_view(a, CKA_ID);

	if (label.len > 255 || id.len > sizeof rec->id.b ||
	    (label.len && memchr(label.p, 0, label.len)))
		return CKR_ATTRIBUTE_VALUE_INVALID;
	free(rec->label);
	if (!(rec->label = label.len ? strndup((const char *)label.p, label.len) : strdup("")))
		return CKR_HOST_MEMORY;
	rec->id.len = (uint8_t)id.len;
	if (id.len)
		memcpy(rec->id.b, id.p, id.len);
	return CKR_OK;
}

static CK_RV
write_file(struct session *s, const struct attrs *a, enum file_use use, CK_OBJECT_HANDLE *out)
{
	struct place place;
	struct p15_object *rec = calloc(1, sizeof *rec);
	struct file_job job = { .place = &place, .use = use, .rec = rec,
	    .body = attrs_get_view(a, CKA_VALUE) };
	struct cert_fields cert;
	struct view app = attrs_get_view(a, CKA_APPLICATION);
	CK_RV rv;
	int err;

	if (!rec)
		return CKR_HOST_MEMORY;
	if ((rv = take_names(rec, a)) || (rv = find_place(s, &place)) ||
	    (rv = reader_load(s->r, s->gen)))
		goto out;
	if (use == FILES_CERT && attrs_get_bool(a, CKA_PRIVATE, false)) {
		rv = CKR_TEMPLATE_INCONSISTENT; /* the card's certificates are read by everybody */
		goto out;
	}
	rec->flags = P15_FLAG_MODIFIABLE;
	rec->flags |= attrs_get_bool(a, CKA_PRIVATE, false) ? P15_FLAG_PRIVATE : 0u;
	if (rec->flags & P15_FLAG_PRIVATE)
		rec->auth_id = place.auth_id;
	if (use == FILES_CERT) {
		rec->kind = P15_CERT;
		if (cert_decode(job.body, &cert)) {
			rv = CKR_ATTRIBUTE_VALUE_INVALID;
			goto out;
		}
		rec->authority = cert.ca;
		job.body = cert.der;
	} else {
		rec->kind = P15_DATA;
		buf_view(&rec->oid, attrs_get_view(a, CKA_OBJECT_ID));
		rec->application = app.len ? strndup((const char *)app.p, app.len) : NULL;
		/* an empty file is no file to a card, and a record cannot say "no value" */
		if (!job.body.len) {
			rv = CKR_ATTRIBUTE_VALUE_INVALID;
			goto out;
		}
	}
	err = unlock_run(s, UNLOCK_PROBE, verb_file, &job);
	rv = err ? write_rv(err) : show(s, &rec, 1, out, NULL);
out:
	p15_object_free(&rec);
	return rv;
}

/* ---- keys from outside ---- */

static void
take_part(struct buf *part, const struct attrs *a, CK_ATTRIBUTE_TYPE type)
{
	part->secret = true;
	buf_view(part, attrs_get_view(a, type));
}

static CK_RV
import_key(struct session *s, const struct attrs *a, CK_OBJECT_HANDLE *out)
{
	static const struct { CK_ATTRIBUTE_TYPE type; unsigned usage; } usages[] = {
		{ CKA_SIGN, USAGE_SIGN }, { CKA_SIGN_RECOVER, USAGE_SIGN_RECOVER },
		{ CKA_DECRYPT, USAGE_DECRYPT }, { CKA_DERIVE, USAGE_DERIVE },
		{ CKA_UNWRAP, USAGE_UNWRAP },
	};
	struct new_pair pair = { .make = false };
	struct view point = attrs_get_view(a, CKA_EC_POINT), rest = point;
	struct der octets;
	CK_RV rv;
	int err;

	pair.kind = attrs_get_ulong(a, CKA_KEY_TYPE, 0) == CKK_EC ? KEY_EC : KEY_RSA;
	if (pair.kind == KEY_RSA) {
		take_part(&pair.parts.n, a, CKA_MODULUS);
		take_part(&pair.parts.e, a, CKA_PUBLIC_EXPONENT);
		take_part(&pair.parts.d, a, CKA_PRIVATE_EXPONENT);
		take_part(&pair.parts.p, a, CKA_PRIME_1);
		take_part(&pair.parts.q, a, CKA_PRIME_2);
		take_part(&pair.parts.dp, a, CKA_EXPONENT_1);
		take_part(&pair.parts.dq, a, CKA_EXPONENT_2);
		take_part(&pair.parts.qi, a, CKA_COEFFICIENT);
		pair.bits = (unsigned)(pair.parts.n.len * 8);
	} else {
		if (der_take(&rest, 0x04, &octets) && !rest.len)
			point = octets.content;
		buf_view(&pair.parts.point, point);
		take_part(&pair.parts.scalar, a, CKA_VALUE);
		pair.curve = curve_by_oid(attrs_get_view(a, CKA_EC_PARAMS));
		pair.bits = pair.curve != CURVE_NONE ? curve_info(pair.curve)->bits : 0;
	}
	err = pair.kind == KEY_RSA ? keyparts_complete_rsa(s->world->soft, &pair.parts) :
	    keyparts_complete_ec(s->world->soft, &pair.parts, pair.curve);
	rv = err == E_MEM ? CKR_HOST_MEMORY : err ? CKR_ATTRIBUTE_VALUE_INVALID : CKR_OK;
	if (!rv && !(rv = take_names(&pair.priv, a)) &&
	    !(rv = take_names(&pair.pub, a))) {
		for (size_t i = 0; i < sizeof usages / sizeof usages[0]; i++)
			pair.priv.usage |= attrs_get_bool(a, usages[i].type, false) ?
			    usages[i].usage : 0;
		pair.pub.usage = pair.priv.usage & USAGE_SIGN ? USAGE_VERIFY : 0;
		pair.pub.usage |= pair.priv.usage & USAGE_DECRYPT ? USAGE_ENCRYPT : 0;
		pair.priv.user_consent = attrs_get_bool(a, CKA_ALWAYS_AUTHENTICATE, false) ? 1 : 0;
		pair.priv.access = ACCESS_SENSITIVE;
		rv = write_pair(s, &pair, NULL, out);
	}
	free(pair.priv.label);
	free(pair.pub.label);
	key_parts_free(&pair.parts);
	return rv;
}

CK_RV
write_object(struct session *s, const struct attrs *a, CK_OBJECT_HANDLE *out)
{
	switch (attrs_get_ulong(a, CKA_CLASS, CKO_SECRET_KEY)) {
	case CKO_CERTIFICATE:
		return write_file(s, a, FILES_CERT, out);
	case CKO_DATA:
		return write_file(s, a, FILES_DATA, out);
	case CKO_PRIVATE_KEY:
		return import_key(s, a, out);
	default:
		/* a public key comes with its pair; secret keys are no card's of ours yet */
		return CKR_TEMPLATE_INCONSISTENT;
	}
}

/* ---- changes ---- */

struct change_job {
	const struct place *place;
	struct on_card at;          /* out: where the new record stands */
	const struct attrs *a;      /* as it shall be; NULL: destroy */
	bool subject;               /* CKA_SUBJECT is among what changes */
};

/* What a record of that kind points at. */
static const struct path *
file_of(enum p15_kind kind, const struct path *value, const struct key_ref *key)
{
	return kind == P15_PRIVATE ? &key->path : value;
}

/* The record of the object, by the file it names: records move, and another thread or program
 * may have taken it away. *rec, in recs, is the record and *old are its bytes, in ef.
 * E_NOT_FOUND: there is none. */
static int
find_record(struct card *card, const struct on_card *at, struct buf *ef, struct p15_objects *recs,
    struct p15_object **rec, struct view *old)
{
	static const struct range whole = { .whole = true };
	const struct p15_odf_entry entry = { .kind = at->kind, .path = at->dir, .range = whole };
	size_t skipped = 0;
	int err;

	if ((err = card->ops->read(card, &at->dir, &whole, ef)) || (err = buf_err(ef)))
		return err;
	if ((err = p15_dir_decode(&entry, buf_peek(ef), recs, &skipped)))
		return err == E_FORMAT ? E_NOT_FOUND : err;
	for (size_t i = 0; i < recs->n; i++) {
		*rec = recs->p[i];
		if (!path_eq(file_of(at->kind, &(*rec)->path, &(*rec)->key),
		    file_of(at->kind, &at->path, &at->key)))
			continue;
		*old = view_part(buf_peek(ef), (*rec)->rec_off, (*rec)->rec_len);
		return 0;
	}
	return E_NOT_FOUND;
}

static int
verb_destroy(struct card *card, void *arg)
{
	struct change_job *job = arg;
	const struct path *file = file_of(job->at.kind, &job->at.path, &job->at.key);
	struct p15_objects recs = { 0 };
	struct p15_object *rec;
	struct buf ef = BUF_INIT;
	struct view old;
	int err;

	if (!card->ops->write || !card->ops->erase)
		return E_UNSUPPORTED;
	/* the record first: a directory must never point at a file that is gone */
	if (!(err = find_record(card, &job->at, &ef, &recs, &rec, &old)) &&
	    !(err = dir_remove(card, &job->at.dir, rec->rec_off, rec->rec_len)) &&
	    (err = card->ops->erase(card, file)) == E_NOT_FOUND)
		err = 0;
	p15_objects_free(&recs);
	buf_free(&ef);
	return err;
}

/* In PKCS#11's words, for a change of what is on the card. */
static CK_RV
change_rv(int err)
{
	return err == E_NOT_FOUND ? CKR_OBJECT_HANDLE_INVALID : write_rv(err);
}

CK_RV
write_destroy(struct session *s, const struct object *o)
{
	struct place place;
	struct change_job job = { .place = &place, .at = o->at };
	CK_RV rv;

	if (!o->at.is)
		return CKR_ACTION_PROHIBITED;
	if ((rv = find_place(s, &place)))
		return rv;
	return change_rv(unlock_run(s, UNLOCK_PROBE | UNLOCK_QUIET, verb_destroy, &job));
}

/* Only a record that we would have written byte for byte the same may be written anew: a
 * foreign one may hold what we do not know. */
static int
reencode(struct view old, const struct change_job *job, struct p15_object *rec, struct buf *record)
{
	struct buf same = BUF_INIT;
	CK_RV rv;
	int err = 0;

	if (p15_record_encode(rec, &same) || !view_eq(buf_peek(&same), old))
		err = E_UNSUPPORTED;
	buf_free(&same);
	if (err)
		return err;
	if ((rv = take_names(rec, job->a)))
		return rv == CKR_HOST_MEMORY ? E_MEM : E_ARG;
	if (job->subject) {
		buf_reset(&rec->subject);
		buf_view(&rec->subject, attrs_get_view(job->a, CKA_SUBJECT));
		if ((err = buf_err(&rec->subject)))
			return err;
	}
	return p15_record_encode(rec, record);
}

static int
verb_change(struct card *card, void *arg)
{
	struct change_job *job = arg;
	struct p15_objects recs = { 0 };
	struct p15_object *rec;
	struct buf ef = BUF_INIT, record = BUF_INIT;
	struct made made = { 0 };
	struct view old;
	size_t off;
	int err;

	if (!card->ops->write)
		return E_UNSUPPORTED;
	if ((err = find_record(card, &job->at, &ef, &recs, &rec, &old)) ||
	    (err = reencode(old, job, rec, &record)))
		goto out;
	off = rec->rec_off;
	if (record.len == old.len) {
		err = dir_replace(card, &job->at.dir, off, buf_peek(&record));
		goto out;
	}
	/* the new one first, then the old one away: a cut leaves two of it, never none */
	if (!(err = dir_append(card, &job->place->odf, rec, &made)) &&
	    !(err = dir_remove(card, &job->at.dir, off, old.len)))
		job->at.dir = rec->dir;
out:
	p15_objects_free(&recs);
	buf_free(&ef);
	buf_free(&record);
	return err;
}

/* Whether all that differs can be told by a record, so that nothing is promised that the card
 * will not remember. */
static CK_RV
check_change(const struct object *o, struct change_job *job)
{
	const struct attrs *is = object_attrs(o), *a = job->a;
	bool key = o->at.kind == P15_PRIVATE || o->at.kind == P15_PUBLIC;
	const struct attr *old;

	for (size_t i = 0; i < a->n; i++) {
		old = attrs_get(is, a->a[i].type);
		if (old && old->hidden == a->a[i].hidden && view_eq(old->value, a->a[i].value))
			continue;
		if (key && a->a[i].type == CKA_SUBJECT)
			job->subject = true;
		else if (a->a[i].type != CKA_LABEL && a->a[i].type != CKA_ID)
			return CKR_ATTRIBUTE_READ_ONLY;
	}
	return CKR_OK;
}

CK_RV
write_change(struct session *s, const struct object *o, struct attrs *a)
{
	struct place place;
	struct change_job job = { .place = &place, .at = o->at, .a = a };
	CK_RV rv = o->at.is ? CKR_OK : CKR_ACTION_PROHIBITED;
	int err;

	if (rv || (rv = check_change(o, &job)) || (rv = find_place(s, &place)))
		goto out;
	if ((err = unlock_run(s, UNLOCK_PROBE | UNLOCK_QUIET, verb_change, &job)))
		rv = err == E_UNSUPPORTED ? CKR_ATTRIBUTE_READ_ONLY : err == E_ARG ?
		    CKR_ATTRIBUTE_VALUE_INVALID : change_rv(err);
out:
	if (!rv)
		return reader_replace_attrs(s->r, s->gen, o->h, a, &job.at);
	attrs_free(&a);
	return rv;
}

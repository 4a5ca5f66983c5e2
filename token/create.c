#include "token/create.h"

#include "base/err.h"
#include "token/pubkey.h"
#include "token/rules.h"
#include "token/rv.h"
#include "token/unlock.h"
#include "token/write.h"

#define TEMPLATE_MAX 64 /* more attributes than any class has */

/* Numbers that make no key are refused here, not at the first use. */
static CK_RV
check_public(struct session *s, const struct attrs *a)
{
	struct soft_pub *pub = NULL;
	int err;

	if (attrs_get_ulong(a, CKA_CLASS, 0) != CKO_PUBLIC_KEY)
		return CKR_OK;
	err = pubkey_from_attrs(s->world->soft, a, &pub);
	soft_pub_free(&pub);
	return !err ? CKR_OK : err == E_MEM ? CKR_HOST_MEMORY : CKR_ATTRIBUTE_VALUE_INVALID;
}

static CK_RV
check_value_len(const struct attrs *a)
{
	CK_ULONG len = attrs_get_ulong(a, CKA_VALUE_LEN, CK_UNAVAILABLE_INFORMATION);

	if (attrs_get_ulong(a, CKA_CLASS, 0) != CKO_SECRET_KEY || len == CK_UNAVAILABLE_INFORMATION)
		return CKR_OK;
	return len == attrs_get_view(a, CKA_VALUE).len ? CKR_OK : CKR_TEMPLATE_INCONSISTENT;
}

/* What a sensitive secret keeps to itself from now on, and what follows from the rest. */
static struct attrs *
finished(struct attrs *a)
{
	struct attrs_build b = { 0 };
	const struct attr *value = attrs_get(a, CKA_VALUE);
	bool secret = attrs_get_ulong(a, CKA_CLASS, 0) == CKO_SECRET_KEY;

	/* a value hidden before is gone, and its length was noted then */
	if (secret && value && !value->hidden)
		attrs_ulong(&b, CKA_VALUE_LEN, value->value.len);
	if (secret && (attrs_get_bool(a, CKA_SENSITIVE, false) ||
	    !attrs_get_bool(a, CKA_EXTRACTABLE, true)))
		attrs_hide(&b, CKA_VALUE);
	attrs_add_all(&b, a);
	attrs_free(&a);
	return attrs_seal(&b);
}

/* Takes a; gives its handle. */
static CK_RV
add(struct session *s, struct attrs *a, CK_OBJECT_HANDLE *out)
{
	struct object *o = object_new(finished(a), s->h, s->pin);

	if (!o)
		return CKR_HOST_MEMORY;
	*out = o->h;
	return rv_from(reader_add_object(s->r, s->gen, o));
}

CK_RV
create_object(struct session *s, const CK_ATTRIBUTE *t, CK_ULONG n, CK_OBJECT_HANDLE *out)
{
	struct attrs *a = NULL;
	bool token, user = reader_login_state(s->r, s->gen, s->pin) == LOGIN_USER;
	bool asks = reader_asks(s->r);
	CK_RV rv;

	if ((rv = rules_new(t, n, &a)))
		return rv;
	token = attrs_get_bool(a, CKA_TOKEN, false);
	if (token && !(s->flags & CKF_RW_SESSION))
		rv = CKR_SESSION_READ_ONLY;
	else if (attrs_get_bool(a, CKA_PRIVATE, false) && !user && !(token && asks))
		rv = CKR_USER_NOT_LOGGED_IN;
	else if (!token && attrs_get_ulong(a, CKA_CLASS, 0) == CKO_PRIVATE_KEY)
		rv = CKR_TEMPLATE_INCONSISTENT; /* private keys live on cards */
	else if (!(rv = check_public(s, a)))
		rv = check_value_len(a);
	if (!rv && token)
		rv = write_object(s, a, out);
	if (!rv && !token)
		return add(s, a, out);
	attrs_free(&a);
	return rv;
}

CK_RV
create_secret(struct session *s, CK_KEY_TYPE type, struct view value, const CK_ATTRIBUTE *t,
    CK_ULONG n, CK_OBJECT_HANDLE *out)
{
	CK_OBJECT_CLASS cls = CKO_SECRET_KEY;
	const CK_ATTRIBUTE ours[] = {
		{ CKA_CLASS, &cls, sizeof cls }, { CKA_KEY_TYPE, &type, sizeof type },
		{ CKA_VALUE, (void *)(uintptr_t)value.p, value.len },
	};
	CK_ATTRIBUTE all[TEMPLATE_MAX + sizeof ours / sizeof ours[0]];
	CK_ULONG total = 0;

	if (n > TEMPLATE_MAX)
		return CKR_TEMPLATE_INCONSISTENT;
	for (CK_ULONG i = 0; i < n; i++)
		if (t[i].type != CKA_CLASS && t[i].type != CKA_KEY_TYPE &&
		    t[i].type != CKA_VALUE_LEN)
			all[total++] = t[i];
	for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
		all[total++] = ours[i];
	return create_object(s, all, total, out);
}

CK_RV
copy_object(struct session *s, CK_OBJECT_HANDLE from, const CK_ATTRIBUTE *t, CK_ULONG n,
    CK_OBJECT_HANDLE *out)
{
	struct object *o = reader_object(s->r, s->pin, from);
	struct attrs *a = NULL;
	CK_RV rv;

	if (!o)
		return CKR_OBJECT_HANDLE_INVALID;
	if (o->token || !attrs_get_bool(object_attrs(o), CKA_COPYABLE, false))
		rv = CKR_ACTION_PROHIBITED;
	else
		rv = rules_change(object_attrs(o), t, n, true, &a);
	object_unref(&o);
	if (!rv && attrs_get_bool(a, CKA_TOKEN, false))
		rv = s->flags & CKF_RW_SESSION ? CKR_FUNCTION_NOT_SUPPORTED : CKR_SESSION_READ_ONLY;
	if (!rv && attrs_get_bool(a, CKA_PRIVATE, false) &&
	    reader_login_state(s->r, s->gen, s->pin) != LOGIN_USER)
		rv = CKR_USER_NOT_LOGGED_IN;
	if (!rv)
		return add(s, a, out);
	attrs_free(&a);
	return rv;
}

/* change_lock held; change_locked too. */
static CK_RV
destroy_locked(struct session *s, CK_OBJECT_HANDLE h)
{
	struct object *o = reader_object(s->r, s->pin, h);
	CK_RV rv = CKR_OK;

	if (!o)
		return CKR_OBJECT_HANDLE_INVALID;
	if (o->token && !(s->flags & CKF_RW_SESSION))
		rv = CKR_SESSION_READ_ONLY;
	else if (!attrs_get_bool(object_attrs(o), CKA_DESTROYABLE, false))
		rv = CKR_ACTION_PROHIBITED;
	else if (o->token)
		rv = write_destroy(s, o);
	if (!rv)
		reader_remove_object(s->r, h);
	object_unref(&o);
	return rv;
}

static CK_RV
change_locked(struct session *s, CK_OBJECT_HANDLE h, const CK_ATTRIBUTE *t, CK_ULONG n)
{
	struct object *o = reader_object(s->r, s->pin, h);
	struct attrs *a = NULL;
	CK_RV rv;

	if (!o)
		return CKR_OBJECT_HANDLE_INVALID;
	if (o->token && !(s->flags & CKF_RW_SESSION))
		rv = CKR_SESSION_READ_ONLY;
	else if (!attrs_get_bool(object_attrs(o), CKA_MODIFIABLE, false))
		rv = CKR_ACTION_PROHIBITED;
	else
		rv = rules_change(object_attrs(o), t, n, false, &a);
	if (!rv && o->token)
		rv = write_change(s, o, a);
	else if (!rv)
		rv = reader_replace_attrs(s->r, s->gen, h, finished(a), NULL);
	object_unref(&o);
	return rv;
}

/* Of two changes at once the later one must see what the earlier one did: it would undo a
 * CKA_SENSITIVE, or blank a record that is another object's by now. */

/* Opens the PIN for a change of an object on the card, while a person may be asked: not under
 * change_lock. What the change itself will refuse is not asked for. */
static CK_RV
ready(struct session *s, CK_OBJECT_HANDLE h)
{
	struct object *o = reader_object(s->r, s->pin, h);
	bool asks = o && o->at.is && s->flags & CKF_RW_SESSION && reader_asks(s->r);

	object_unref(&o);
	return asks ? rv_from(unlock_ready(s)) : CKR_OK;
}

CK_RV
destroy_object(struct session *s, CK_OBJECT_HANDLE h)
{
	CK_RV rv;

	if ((rv = ready(s, h)))
		return rv;
	pthread_mutex_lock(&s->r->change_lock);
		rv = destroy_locked(s, h);
	pthread_mutex_unlock(&s->r->change_lock);
	return rv;
}

CK_RV
change_object(struct session *s, CK_OBJECT_HANDLE h, const CK_ATTRIBUTE *t, CK_ULONG n)
{
	CK_RV rv;

	if ((rv = ready(s, h)))
		return rv;
	pthread_mutex_lock(&s->r->change_lock);
		rv = change_locked(s, h, t, n);
	pthread_mutex_unlock(&s->r->change_lock);
	return rv;
}

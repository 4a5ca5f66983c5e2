#include "p11/p11.h"

#include <string.h>

CK_RV
out_room(struct out o, CK_ULONG need, bool *go)
{
	CK_ULONG have = *o.len;

	*go = false;
	if (!o.p || have < need)
		*o.len = need;
	if (!o.p)
		return CKR_OK;
	if (have < need)
		return CKR_BUFFER_TOO_SMALL;
	*go = true;
	return CKR_OK;
}

CK_RV
out_put(struct out o, struct view v)
{
	if (v.len > *o.len)
		return CKR_DEVICE_ERROR;
	if (v.len)
		memcpy(o.p, v.p, v.len);
	*o.len = v.len;
	return CKR_OK;
}

bool
p11_data_ok(const void *p, CK_ULONG n)
{
	return p || !n;
}

CK_RV
p11_init(struct call *c, enum op_kind kind, CK_MECHANISM_PTR mech, CK_OBJECT_HANDLE key)
{
	if (op_busy(c->s, kind))
		return CKR_OPERATION_ACTIVE;
	if (!mech && op_active(c->s, kind)) {
		/* 3.0's way to cancel; harmless to know in 2.40 */
		op_end(c->s, kind);
		return CKR_OK;
	}
	if (!mech)
		return CKR_ARGUMENTS_BAD;
	return op_init(c->s, kind, mech, key);
}

/* Gives the result, or its length, once all input is in. Everything but a told length and a
 * buffer too small ends the operation. */
static CK_RV
finish(struct call *c, enum op_kind kind, struct out o)
{
	CK_ULONG most = op_result_len(c->s, kind);
	bool go;
	CK_RV rv;

	/* A result of unknown length into a buffer that may do: the card works once, the result is
	 * kept until the buffer is large enough. */
	if (o.p && *o.len < most && op_result_varies(kind)) {
		if ((rv = op_finish(c->s, kind))) {
			op_end(c->s, kind);
			return rv;
		}
		most = op_result_len(c->s, kind);
	}
	rv = out_room(o, most, &go);
	if (!go)
		return rv;
	if (!(rv = op_finish(c->s, kind)))
		rv = out_put(o, buf_peek(&c->s->op[kind].result));
	op_end(c->s, kind);
	return rv;
}

/* Whether this call gets as far as working, or only tells a length. */
static bool
will_work(struct call *c, enum op_kind kind, struct out o)
{
	return o.p && (op_result_varies(kind) || *o.len >= op_result_len(c->s, kind));
}

CK_RV
p11_one_part(struct call *c, enum op_kind kind, struct view in, struct out o)
{
	CK_RV rv = CKR_OK;

	if (!op_active(c->s, kind))
		return CKR_OPERATION_NOT_INITIALIZED;
	if (op_busy(c->s, kind))
		return CKR_OPERATION_ACTIVE;
	if (c->s->op[kind].updated)
		rv = CKR_OPERATION_ACTIVE;
	else if (!o.len || !p11_data_ok(in.p, in.len))
		rv = CKR_ARGUMENTS_BAD;
	else if (will_work(c, kind, o) && !c->s->op[kind].has_result)
		rv = op_update(c->s, kind, in);
	if (!rv)
		return finish(c, kind, o);
	op_end(c->s, kind);
	return rv;
}

CK_RV
p11_final(struct call *c, enum op_kind kind, struct out o)
{
	if (!op_active(c->s, kind))
		return CKR_OPERATION_NOT_INITIALIZED;
	if (op_busy(c->s, kind))
		return CKR_OPERATION_ACTIVE;
	if (o.len)
		return finish(c, kind, o);
	op_end(c->s, kind);
	return CKR_ARGUMENTS_BAD;
}

CK_RV
p11_update(struct call *c, enum op_kind kind, struct view in)
{
	CK_RV rv;

	if (!op_active(c->s, kind))
		return CKR_OPERATION_NOT_INITIALIZED;
	if (op_busy(c->s, kind))
		return CKR_OPERATION_ACTIVE;
	rv = p11_data_ok(in.p, in.len) ? op_update(c->s, kind, in) : CKR_ARGUMENTS_BAD;
	if (rv)
		op_end(c->s, kind);
	else
		c->s->op[kind].updated = true;
	return rv;
}

/* PKCS#11 v2.40 5.5: slot and token management. */
#include "p11/p11.h"

#include <string.h>

#include "token/pinchange.h"
#include "token/rv.h"

P11_API CK_RV
C_GetSlotList(CK_BBOOL present, CK_SLOT_ID_PTR list, CK_ULONG_PTR count)
{
	struct buf ids = BUF_INIT;
	struct call c;
	bool go = false;
	CK_ULONG bytes;
	CK_RV rv;

	if ((rv = p11_enter_lib(&c, __func__)))
		goto out;
	if (!count) {
		rv = CKR_ARGUMENTS_BAD;
		goto out;
	}
	/* the set is looked at anew only when the size is asked for: callers allocate exactly that
	 * and do not try again */
	if (!list)
		world_refresh(c.w);
	if ((rv = rv_from(world_slots(c.w, present != CK_FALSE, &ids))))
		goto out;
	bytes = *count > SIZE_MAX / sizeof *list ? SIZE_MAX : *count * sizeof *list;
	rv = out_room((struct out){ (CK_BYTE_PTR)list, &bytes }, ids.len, &go);
	if (go && ids.len)
		memcpy(list, ids.p, ids.len);
	*count = ids.len / sizeof *list;
out:
	buf_free(&ids);
	return p11_leave(&c, rv);
}

P11_API CK_RV
C_GetSlotInfo(CK_SLOT_ID slot, CK_SLOT_INFO_PTR info)
{
	struct call c;
	CK_RV rv;

	if (!(rv = p11_enter_slot(&c, __func__, slot)) && !info)
		rv = CKR_ARGUMENTS_BAD;
	if (rv)
		return p11_leave(&c, rv);
	reader_poll(c.r);
	memset(info, 0, sizeof *info);
	pad_text(info->slotDescription, sizeof info->slotDescription, c.r->name);
	pad_text(info->manufacturerID, sizeof info->manufacturerID, "");
	info->flags = CKF_REMOVABLE_DEVICE | CKF_HW_SLOT;
	pthread_mutex_lock(&c.r->lock);
		if (reader_has_token_locked(c.r, c.pin))
			info->flags |= CKF_TOKEN_PRESENT;
	pthread_mutex_unlock(&c.r->lock);
	return p11_leave(&c, rv);
}

P11_API CK_RV
C_GetTokenInfo(CK_SLOT_ID slot, CK_TOKEN_INFO_PTR info)
{
	struct call c;
	uint64_t gen;
	CK_ULONG all, rw;
	CK_RV rv;

	if (!(rv = p11_enter_slot(&c, __func__, slot)) && !info)
		rv = CKR_ARGUMENTS_BAD;
	if (rv || (rv = reader_bind(c.r, c.pin, &gen)))
		return p11_leave(&c, rv);
	session_count(c.w, c.r, c.pin, &all, &rw);
	pthread_mutex_lock(&c.r->lock);
		if (c.r->token)
			token_info_locked(c.r->token, c.pin, c.w->lang, info);
		else
			rv = CKR_TOKEN_NOT_PRESENT;
	pthread_mutex_unlock(&c.r->lock);
	if (rv)
		return p11_leave(&c, rv);
	/* a keypad, or a dialog of ours, takes the PIN where the program has none to give */
	if (info->flags & CKF_LOGIN_REQUIRED && reader_can_ask(c.r))
		info->flags |= CKF_PROTECTED_AUTHENTICATION_PATH;
	info->ulMaxSessionCount = info->ulMaxRwSessionCount = CK_EFFECTIVELY_INFINITE;
	info->ulSessionCount = all;
	info->ulRwSessionCount = rw;
	return p11_leave(&c, rv);
}

P11_API CK_RV
C_WaitForSlotEvent(CK_FLAGS flags, CK_SLOT_ID_PTR slot, CK_VOID_PTR reserved)
{
	struct call c;
	CK_RV rv;

	if (!(rv = p11_enter_lib(&c, __func__)) && (!slot || reserved))
		rv = CKR_ARGUMENTS_BAD;
	if (!rv)
		rv = world_wait_event(c.w, !(flags & CKF_DONT_BLOCK), slot);
	return p11_leave(&c, rv);
}

/* The profile of the card in a slot, and what keys it has or can get. */
static CK_RV
profile_in(struct call *c, const struct profile **pf, unsigned *key_kinds)
{
	uint64_t gen;
	CK_RV rv;

	if ((rv = reader_bind(c->r, c->pin, &gen)))
		return rv;
	*pf = NULL;
	pthread_mutex_lock(&c->r->lock);
		if (c->r->token) {
			*pf = c->r->token->pf;
			*key_kinds = c->r->token->key_kinds;
		}
	pthread_mutex_unlock(&c->r->lock);
	return *pf ? CKR_OK : CKR_TOKEN_NOT_PRESENT;
}

P11_API CK_RV
C_GetMechanismList(CK_SLOT_ID slot, CK_MECHANISM_TYPE_PTR list, CK_ULONG_PTR count)
{
	const struct mech *table;
	const struct profile *pf = NULL;
	CK_ULONG n = 0, room;
	unsigned kinds = 0;
	size_t rows;
	struct call c;
	CK_RV rv;

	if (!(rv = p11_enter_slot(&c, __func__, slot)) && !count)
		rv = CKR_ARGUMENTS_BAD;
	if (rv || (rv = profile_in(&c, &pf, &kinds)))
		return p11_leave(&c, rv);
	table = mech_table(&rows);
	room = list ? *count : 0;
	for (size_t i = 0; i < rows; i++) {
		if (!mech_flags(&table[i], pf, kinds))
			continue;
		if (n < room)
			list[n] = table[i].type;
		n++;
	}
	*count = n;
	return p11_leave(&c, list && n > room ? CKR_BUFFER_TOO_SMALL : CKR_OK);
}

P11_API CK_RV
C_GetMechanismInfo(CK_SLOT_ID slot, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO_PTR info)
{
	const struct mech *m = mech_find(type);
	const struct profile *pf = NULL;
	unsigned kinds = 0;
	struct call c;
	CK_RV rv;

	if (!(rv = p11_enter_slot(&c, __func__, slot)) && !info)
		rv = CKR_ARGUMENTS_BAD;
	if (rv || (rv = profile_in(&c, &pf, &kinds)))
		return p11_leave(&c, rv);
	if (!m || !mech_flags(m, pf, kinds))
		return p11_leave(&c, CKR_MECHANISM_INVALID);
	info->flags = mech_flags(m, pf, kinds);
	mech_sizes(m, pf, &info->ulMinKeySize, &info->ulMaxKeySize);
	return p11_leave(&c, CKR_OK);
}

P11_API CK_RV
C_InitToken(CK_SLOT_ID slot, CK_UTF8CHAR_PTR pin, CK_ULONG pin_len, CK_UTF8CHAR_PTR label)
{
	struct call c;
	uint64_t gen;
	CK_ULONG all, rw;
	CK_RV rv;

	if (!(rv = p11_enter_slot(&c, __func__, slot)) && (!label || !p11_data_ok(pin, pin_len)))
		rv = CKR_ARGUMENTS_BAD;
	if (rv || (rv = reader_bind(c.r, c.pin, &gen)))
		return p11_leave(&c, rv);
	session_count(c.w, c.r, c.pin, &all, &rw);
	return p11_leave(&c, all ? CKR_SESSION_EXISTS : CKR_FUNCTION_NOT_SUPPORTED);
}

P11_API CK_RV
C_InitPIN(CK_SESSION_HANDLE h, CK_UTF8CHAR_PTR pin, CK_ULONG pin_len)
{
	struct call c;
	CK_RV rv;

	if (!(rv = p11_enter_session(&c, __func__, h)))
		rv = pinchange_init(c.s, view_of(pin, pin ? pin_len : 0));
	return p11_leave(&c, rv);
}

P11_API CK_RV
C_SetPIN(CK_SESSION_HANDLE h, CK_UTF8CHAR_PTR old, CK_ULONG old_len, CK_UTF8CHAR_PTR new,
    CK_ULONG new_len)
{
	struct call c;
	CK_RV rv;

	if (!(rv = p11_enter_session(&c, __func__, h)))
		rv = pinchange_set(c.s, view_of(old, old ? old_len : 0), view_of(new, new ? new_len : 0));
	return p11_leave(&c, rv);
}

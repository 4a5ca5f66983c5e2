/* PKCS#11 v2.40 5.6: session management. */
#include "p11/p11.h"

#include "token/login.h"

P11_API CK_RV
C_OpenSession(CK_SLOT_ID slot, CK_FLAGS flags, CK_VOID_PTR app, CK_NOTIFY notify,
    CK_SESSION_HANDLE_PTR h)
{
	struct call c;
	CK_RV rv;

	/* CKN_SURRENDER need not be called, and nothing else is told this way */
	(void)app;
	(void)notify;
	if ((rv = p11_enter_slot(&c, __func__, slot)))
		return p11_leave(&c, rv);
	if (!h)
		rv = CKR_ARGUMENTS_BAD;
	else if (!(flags & CKF_SERIAL_SESSION))
		rv = CKR_SESSION_PARALLEL_NOT_SUPPORTED;
	else
		rv = session_open(c.w, c.r, c.pin, flags, h);
	return p11_leave(&c, rv);
}

P11_API CK_RV
C_CloseSession(CK_SESSION_HANDLE h)
{
	struct call c;
	CK_RV rv;

	if (!(rv = p11_enter_session(&c, __func__, h)))
		login_close_session(c.s);
	return p11_leave(&c, rv);
}

P11_API CK_RV
C_CloseAllSessions(CK_SLOT_ID slot)
{
	struct call c;
	CK_RV rv;

	if (!(rv = p11_enter_slot(&c, __func__, slot)))
		login_close_sessions(c.r, c.pin);
	return p11_leave(&c, rv);
}

P11_API CK_RV
C_GetSessionInfo(CK_SESSION_HANDLE h, CK_SESSION_INFO_PTR info)
{
	struct call c;
	CK_RV rv;

	if ((rv = p11_enter_session(&c, __func__, h)))
		return p11_leave(&c, rv);
	/* browsers learn from this call that a card was taken out and put back */
	reader_poll(c.r);
	if (session_is_over(c.s)) {
		rv = CKR_SESSION_HANDLE_INVALID;
	} else if (!info) {
		rv = CKR_ARGUMENTS_BAD;
	} else {
		info->slotID = c.r->base + c.pin;
		info->state = session_state(c.s);
		info->flags = c.s->flags;
		info->ulDeviceError = 0;
	}
	return p11_leave(&c, rv);
}

P11_API CK_RV
C_Login(CK_SESSION_HANDLE h, CK_USER_TYPE user, CK_UTF8CHAR_PTR pin, CK_ULONG pin_len)
{
	struct call c;
	CK_RV rv;

	if (!(rv = p11_enter_session(&c, __func__, h)))
		rv = login_begin(c.s, user, view_of(pin, pin ? pin_len : 0));
	return p11_leave(&c, rv);
}

P11_API CK_RV
C_Logout(CK_SESSION_HANDLE h)
{
	struct call c;
	CK_RV rv;

	if (!(rv = p11_enter_session(&c, __func__, h)))
		rv = login_end(c.s);
	return p11_leave(&c, rv);
}

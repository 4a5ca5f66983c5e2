/*
 * Rules that need more than one call: what information says, slot lists, sessions and logins,
 * attributes, searches, session objects, PINs.
 *
 *   rules MODULE        (environment: kit.h)
 */
#include "config.h"

#include "t/conform/kit.h"

#include <stdlib.h>
#include <string.h>

#define COUNT(a) (sizeof (a) / sizeof (a)[0])

enum { MAX_SLOTS = 64, MAX_OBJECTS = 256, MAX_MECHS = 512 };

static CK_BBOOL yes = CK_TRUE, no = CK_FALSE;

/* -- information (2.40 section 3) -------------------------------------------------------------- */

/* Blank padded, not NUL terminated, and something before the blanks (2.40 section 3.1). */
static bool padded(const CK_UTF8CHAR *s, size_t n)
{
	return memchr(s, 0, n) == NULL && s[0] != ' ';
}

static bool blank(const CK_UTF8CHAR *s, size_t n)
{
	size_t i = 0;

	while (i < n && s[i] == ' ')
		i++;
	return i == n;
}

static void library_info(void)
{
	CK_FUNCTION_LIST *again = NULL;
	CK_INFO i;

	memset(&i, 0xa5, sizeof i);
	tap_rv(kit.f->C_GetInfo(&i), CKR_OK, "C_GetInfo [2.40 5.4]");
	tap(i.cryptokiVersion.major == 2 && i.cryptokiVersion.minor == 40,
	    "C_GetInfo: the version is 2.40 [2.40 3.1]");
	tap(kit.f->version.major == 2 && kit.f->version.minor == 40,
	    "the function list says 2.40 too [2.40 3.6]");
	tap(i.flags == 0, "C_GetInfo: flags are 0 [2.40 3.1]");
	tap(padded(i.manufacturerID, 32), "manufacturerID: blank padded, no NUL [2.40 3.1]");
	tap(padded(i.libraryDescription, 32),
	    "libraryDescription: blank padded, no NUL [2.40 3.1]");
	tap(kit.f->C_GetFunctionList(&again) == CKR_OK && again == kit.f,
	    "C_GetFunctionList gives the same list again [2.40 5.4]");
}

/* The list has 68 pointers behind its version; none may be NULL (2.40 section 3.6). */
static void function_list(void)
{
	const char *list = (const char *)kit.f + offsetof(CK_FUNCTION_LIST, C_Initialize);
	const size_t n = (sizeof *kit.f - offsetof(CK_FUNCTION_LIST, C_Initialize)) / sizeof list;
	size_t missing = 0;

	for (size_t i = 0; i < n; i++) {
		void *p;

		memcpy(&p, list + i * sizeof p, sizeof p);
		missing += p == NULL;
	}
	tap(n == 68 && missing == 0, "all 68 functions of the list are there [2.40 3.6]");
}

static void slot_info(CK_SLOT_ID slot)
{
	const CK_FLAGS known = CKF_TOKEN_PRESENT | CKF_REMOVABLE_DEVICE | CKF_HW_SLOT;
	CK_SLOT_INFO i;

	memset(&i, 0xa5, sizeof i);
	if (!tap_rv(kit.f->C_GetSlotInfo(slot, &i), CKR_OK, "C_GetSlotInfo of slot %lu", slot))
		return;
	tap(padded(i.slotDescription, 64), "slotDescription: blank padded, no NUL [2.40 3.2]");
	tap(memchr(i.manufacturerID, 0, 32) == NULL, "slot manufacturerID: no NUL [2.40 3.2]");
	tap((i.flags & ~known) == 0, "slot flags: unknown bits are 0 [2.40 3.2]");
	tap(i.flags & CKF_REMOVABLE_DEVICE || i.flags & CKF_TOKEN_PRESENT,
	    "a slot that is not removable has its token [2.40 3.2]");
}

static void token_info(void)
{
	CK_TOKEN_INFO i;
	CK_ULONG before;
	CK_SESSION_HANDLE ro, rw;

	memset(&i, 0xa5, sizeof i);
	tap_rv(kit.f->C_GetTokenInfo(kit.slot, &i), CKR_OK, "C_GetTokenInfo [2.40 5.5]");
	tap(padded(i.label, 32), "token label: blank padded, no NUL [2.40 3.2]");
	tap(padded(i.manufacturerID, 32), "token manufacturerID: blank padded, no NUL [2.40 3.2]");
	tap(padded(i.model, 16), "token model: blank padded, no NUL [2.40 3.2]");
	tap(padded(i.serialNumber, 16), "token serialNumber: blank padded, no NUL [2.40 3.2]");
	tap(!blank(i.serialNumber, 16), "token serialNumber says something");
	tap(i.flags & CKF_TOKEN_INITIALIZED && i.flags & CKF_USER_PIN_INITIALIZED,
	    "a usable token says that it and its PIN are initialised [2.40 3.2]");
	tap(i.flags & CKF_LOGIN_REQUIRED, "a card with a PIN says CKF_LOGIN_REQUIRED [2.40 3.2]");
	if (kit.dialogs || kit.strict)
		tap(((i.flags & CKF_PROTECTED_AUTHENTICATION_PATH) != 0) == kit.dialogs,
		    "CKF_PROTECTED_AUTHENTICATION_PATH: %s [2.40 3.2]",
		    kit.dialogs ? "a person can be asked" : "nobody can be asked");
	tap((i.flags & CKF_SECONDARY_AUTHENTICATION) == 0,
	    "CKF_SECONDARY_AUTHENTICATION is gone since 2.20");
	tap(!(i.flags & CKF_CLOCK_ON_TOKEN) || memchr(i.utcTime, 0, 16) == NULL,
	    "utcTime: 16 characters when there is a clock [2.40 3.2]");
	tap(i.ulMinPinLen <= i.ulMaxPinLen && kit.pin_len >= i.ulMinPinLen
	    && kit.pin_len <= i.ulMaxPinLen, "PIN lengths hold the PIN in use [2.40 3.2]");
	before = i.ulSessionCount;
	ro = kit_session(0);
	rw = kit_session(CKF_RW_SESSION);
	tap(kit.f->C_GetTokenInfo(kit.slot, &i) == CKR_OK && i.ulSessionCount == before + 2
	    && i.ulRwSessionCount == 1, "session counts are this process's own [2.40 3.2]");
	kit.f->C_CloseSession(ro);
	kit.f->C_CloseSession(rw);
	tap(kit.f->C_GetTokenInfo(kit.slot, &i) == CKR_OK && i.ulSessionCount == before
	    && i.ulRwSessionCount == 0, "and fall when sessions are closed [2.40 3.2]");
}

/* -- slot list (2.40 section 5.5) -------------------------------------------------------------- */

/* GnuTLS and p11-kit's own tool never ask for the count: the first list is made then. */
static void first_list_with_buffer(void)
{
	CK_SLOT_ID list[MAX_SLOTS];
	CK_ULONG n = MAX_SLOTS;
	CK_RV r;

	kit_start();
	r = kit.f->C_GetSlotList(CK_TRUE, list, &n);
	tap(r == CKR_OK && n > 0, "C_GetSlotList: the very first call may bring a buffer [2.40 5.5]");
	if (r != CKR_OK || n == 0)
		tap_note("%s, %lu slots", rv_name(r), n);
	kit.f->C_Finalize(NULL);
}

static bool contains(const CK_SLOT_ID *list, CK_ULONG n, CK_SLOT_ID id)
{
	CK_ULONG i = 0;

	while (i < n && list[i] != id)
		i++;
	return i < n;
}

static void slot_list(void)
{
	CK_SLOT_ID all[MAX_SLOTS], some[MAX_SLOTS];
	CK_ULONG n = 12345, m = MAX_SLOTS, room;
	bool subset = true, unique = true;

	tap(kit.f->C_GetSlotList(CK_FALSE, NULL, &n) == CKR_OK && n > 0 && n < MAX_SLOTS,
	    "C_GetSlotList: the count going in means nothing beside NULL [2.40 5.2]");
	room = n - 1;
	tap(kit.f->C_GetSlotList(CK_FALSE, all, &room) == CKR_BUFFER_TOO_SMALL && room == n,
	    "C_GetSlotList: one place short, told how many [2.40 5.2]");
	room = n;
	tap(kit.f->C_GetSlotList(CK_FALSE, all, &room) == CKR_OK && room == n,
	    "C_GetSlotList: exactly enough [2.40 5.2]");
	room = MAX_SLOTS;
	tap(kit.f->C_GetSlotList(CK_FALSE, all, &room) == CKR_OK && room == n,
	    "C_GetSlotList: more than enough gives the exact count [2.40 5.2]");
	tap(kit.f->C_GetSlotList(CK_TRUE, NULL, &m) == CKR_OK && m <= n
	    && kit.f->C_GetSlotList(CK_TRUE, some, &m) == CKR_OK,
	    "C_GetSlotList of slots with a token [2.40 5.5]");
	for (CK_ULONG i = 0; i < m; i++)
		subset = subset && contains(all, n, some[i]);
	for (CK_ULONG i = 0; i < n; i++)
		unique = unique && !contains(all, i, all[i]);
	tap(subset && contains(some, m, kit.slot), "slots with a token are among all slots");
	tap(unique, "slot ids are unique");
	for (CK_ULONG i = 0; i < n; i++)
		slot_info(all[i]);
}

/* "The set of slots is the one of the last call with pSlotList NULL" (2.40 section 5.5). */
static void slot_list_freezes(void)
{
	CK_SLOT_ID list[MAX_SLOTS];
	CK_ULONG n = 0, m;

	if (kit.remove == NULL || kit.insert == NULL)
		return;
	tap_doing("freeze");
	tap(kit.f->C_GetSlotList(CK_FALSE, NULL, &n) == CKR_OK, "freeze: the count of all slots");
	tap(kit_take_out(), "freeze: card out between the two calls");
	m = n;
	tap(kit.f->C_GetSlotList(CK_FALSE, list, &m) == CKR_OK && m == n,
	    "freeze: the second call sees the same slots [2.40 5.5]");
	tap(contains(list, m, kit.slot), "freeze: a slot stays when its card goes [2.40 5.5]");
	tap(kit.f->C_GetSlotList(CK_TRUE, NULL, &n) == CKR_OK,
	    "freeze: the count without the card");
	tap(kit_put_in(), "freeze: card back between the two calls");
	m = n;
	tap(kit.f->C_GetSlotList(CK_TRUE, n > 0 ? list : (CK_SLOT_ID[1]){ 0 }, &m) == CKR_OK
	    && m <= n,
	    	"freeze: the list of tokens does not outgrow the caller's buffer [2.40 5.5]");
}

/* -- mechanisms (2.40 sections 3.5, 5.5) ------------------------------------------------------- */

static void mechanism(CK_MECHANISM_TYPE type)
{
	const CK_FLAGS work = CKF_ENCRYPT | CKF_DECRYPT | CKF_DIGEST | CKF_SIGN | CKF_SIGN_RECOVER
		| CKF_VERIFY | CKF_VERIFY_RECOVER | CKF_GENERATE | CKF_GENERATE_KEY_PAIR | CKF_WRAP
		| CKF_UNWRAP | CKF_DERIVE;
	/* CKF_EC_F_P .. CKF_EC_COMPRESS; 0x00200000 is CKF_EC_F_2M. */
	const CK_FLAGS ec = 0x03f00000UL;
	const bool is_ec = type >= 0x1040 && type <= 0x1057;
	CK_MECHANISM_INFO i;

	memset(&i, 0xa5, sizeof i);
	if (!tap_rv(kit.f->C_GetMechanismInfo(kit.slot, type, &i), CKR_OK,
		    "mechanism 0x%lx is listed and has information [2.40 5.5]", type))
		return;
	tap((i.flags & work) != 0 && (i.flags & ~(work | ec | CKF_HW)) == 0,
	    "mechanism 0x%lx: its flags name some work and nothing unknown [2.40 3.5]", type);
	tap(is_ec || (i.flags & ec) == 0, "mechanism 0x%lx: EC bits only on EC [2.40 EC]", type);
	tap(i.ulMinKeySize <= i.ulMaxKeySize, "mechanism 0x%lx: smallest key <= largest", type);
	tap(!(i.flags & CKF_DIGEST) || (i.flags & (CKF_SIGN | CKF_DECRYPT)) == 0,
	    "mechanism 0x%lx: a digest does not sign", type);
	tap(type != CKM_RSA_PKCS_PSS || (i.flags & (CKF_WRAP | CKF_UNWRAP | CKF_DECRYPT)) == 0,
	    "mechanism 0x%lx: PSS only signs", type);
}

static void mechanisms(void)
{
	CK_MECHANISM_TYPE list[MAX_MECHS];
	CK_ULONG n = 99999, m;
	bool unique = true;

	tap(kit.f->C_GetMechanismList(kit.slot, NULL, &n) == CKR_OK && n > 0 && n < MAX_MECHS,
	    "C_GetMechanismList: count [2.40 5.2]");
	m = n - 1;
	tap(kit.f->C_GetMechanismList(kit.slot, list, &m) == CKR_BUFFER_TOO_SMALL && m == n,
	    "C_GetMechanismList: one place short, told how many [2.40 5.2]");
	m = n;
	tap(kit.f->C_GetMechanismList(kit.slot, list, &m) == CKR_OK && m == n,
	    "C_GetMechanismList: exactly enough [2.40 5.2]");
	for (CK_ULONG i = 0; i < m; i++) {
		for (CK_ULONG k = 0; k < i; k++)
			unique = unique && list[k] != list[i];
		mechanism(list[i]);
	}
	tap(unique, "no mechanism is listed twice");
}

/* -- sessions and logins (2.40 sections 5.6, usage guide 2.6) ---------------------------------- */

static bool session_is(CK_SESSION_HANDLE h, CK_STATE state)
{
	CK_SESSION_INFO i;
	const bool rw = state == CKS_RW_PUBLIC_SESSION || state == CKS_RW_USER_FUNCTIONS
		|| state == CKS_RW_SO_FUNCTIONS;
	CK_RV r = kit.f->C_GetSessionInfo(h, &i);

	if (r == CKR_OK && i.state == state && i.slotID == kit.slot
	    && i.flags == (CKF_SERIAL_SESSION | (rw ? CKF_RW_SESSION : 0)))
		return true;
	tap_note("%s, state %lu, slot %lu, flags %lu", rv_name(r), i.state, i.slotID, i.flags);
	return false;
}

static void sessions(void)
{
	CK_SESSION_HANDLE ro = kit_session(0), rw = kit_session(CKF_RW_SESSION), late;
	CK_SESSION_INFO i;

	tap(session_is(ro, CKS_RO_PUBLIC_SESSION), "an R/O session starts public [2.40 5.6]");
	tap(session_is(rw, CKS_RW_PUBLIC_SESSION), "an R/W session starts public [2.40 5.6]");
	tap_rv(kit.f->C_Login(ro, CKU_USER, kit.pin, kit.pin_len), CKR_OK, "C_Login [2.40 5.6]");
	tap(session_is(ro, CKS_RO_USER_FUNCTIONS), "login: the R/O session [2.40 5.6]");
	tap(session_is(rw, CKS_RW_USER_FUNCTIONS), "login: the R/W session as well [2.40 5.6]");
	late = kit_session(CKF_RW_SESSION);
	tap(session_is(late, CKS_RW_USER_FUNCTIONS), "login: sessions opened later too [2.40 5.6]");
	tap_rv(kit.f->C_CloseSession(ro), CKR_OK, "C_CloseSession of the one that logged in");
	tap(session_is(late, CKS_RW_USER_FUNCTIONS), "the login is not the session's [2.40 5.6]");
	tap_rv(kit.f->C_Logout(late), CKR_OK, "C_Logout through another session [2.40 5.6]");
	tap(session_is(rw, CKS_RW_PUBLIC_SESSION), "logout: every session [2.40 5.6]");
	kit_login(rw);
	kit.f->C_CloseSession(rw);
	kit.f->C_CloseSession(late);
	rw = kit_session(CKF_RW_SESSION);
	tap(session_is(rw, CKS_RW_PUBLIC_SESSION), "closing the last session logs out [2.40 5.6]");
	kit_login(rw);
	tap_rv(kit.f->C_CloseAllSessions(kit.slot), CKR_OK, "C_CloseAllSessions [2.40 5.6]");
	tap_rv(kit.f->C_GetSessionInfo(rw, &i), CKR_SESSION_HANDLE_INVALID,
	       "C_CloseAllSessions: handles are gone [2.40 5.6]");
	tap_rv(kit.f->C_CloseAllSessions(kit.slot), CKR_OK,
	       "C_CloseAllSessions of none [2.40 5.6]");
	late = kit_session(0);
	tap(late != rw && session_is(late, CKS_RO_PUBLIC_SESSION),
	    "C_CloseAllSessions logs out; handles are not used again [2.40 5.6]");
	kit.f->C_CloseSession(late);
}

static CK_FLAGS token_flags(void)
{
	CK_TOKEN_INFO i;

	return kit.f->C_GetTokenInfo(kit.slot, &i) == CKR_OK ? i.flags : ~0UL;
}

static void wrong_pin(void)
{
	const CK_FLAGS trouble = CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY
		| CKF_USER_PIN_LOCKED;
	CK_SESSION_HANDLE h = kit_session(CKF_RW_SESSION);
	CK_BYTE wrong[64];

	memcpy(wrong, kit.pin, kit.pin_len);
	wrong[0] = (CK_BYTE)(wrong[0] == '9' ? '8' : wrong[0] + 1);
	tap((token_flags() & CKF_USER_PIN_COUNT_LOW) == 0, "before: no wrong try is told of");
	tap_rv(kit.f->C_Login(h, CKU_USER, wrong, 0), CKR_PIN_INCORRECT,
	       "C_Login: an empty PIN is wrong [2.40 5.6]");
	tap((token_flags() & CKF_USER_PIN_COUNT_LOW) == 0, "C_Login: an empty PIN spends no try");
	tap_rv(kit.f->C_Login(h, CKU_USER, wrong, kit.pin_len), CKR_PIN_INCORRECT,
	       "C_Login: a wrong PIN [2.40 5.6]");
	tap(session_is(h, CKS_RW_PUBLIC_SESSION), "C_Login: after a wrong PIN nothing changed");
	tap((token_flags() & CKF_USER_PIN_COUNT_LOW) != 0,
	    "after a wrong PIN: CKF_USER_PIN_COUNT_LOW [2.40 3.2]");
	tap_rv(kit.f->C_Login(h, CKU_USER, kit.pin, kit.pin_len), CKR_OK,
	       "C_Login: the right PIN after a wrong one [2.40 5.6]");
	tap((token_flags() & trouble) == 0, "after the right PIN: the flag is gone [2.40 3.2]");
	kit.f->C_CloseSession(h);
}

/* A neighbour resets the card: the login is gone, and a program finds its way back with the
 * handles it has. */
static void lost_login(void)
{
	const char *reset = getenv("CASTOR_TEST_RESET");
	CK_SESSION_HANDLE h = kit_session(0);
	CK_MECHANISM m = { CKM_SHA256_RSA_PKCS, NULL, 0 };
	CK_BYTE data[] = "data", sig[1024];
	CK_ULONG len = sizeof sig;
	CK_OBJECT_HANDLE key;
	CK_RV r;

	if (reset == NULL)
		return;
	kit_login(h);
	key = kit_find_key(h, CKO_PRIVATE_KEY, CKK_RSA);
	tap(system(reset) == 0, "reset: a neighbour resets the card");
	r = kit.f->C_SignInit(h, &m, key);
	if (r == CKR_OK)
		r = kit.f->C_Sign(h, data, sizeof data, sig, &len);
	if (kit.dialogs) {
		tap_rv(r, CKR_OK, "reset: the PIN that was kept is entered again");
		tap(session_is(h, CKS_RO_USER_FUNCTIONS), "reset: the session notices nothing");
		kit.f->C_CloseSession(h);
		return;
	}
	tap_rv(r, CKR_USER_NOT_LOGGED_IN, "reset: a signature wants a login [2.40 5.11]");
	tap(session_is(h, CKS_RO_PUBLIC_SESSION), "reset: the session says it is public");
	tap_rv(kit.f->C_SignInit(h, &m, key), CKR_USER_NOT_LOGGED_IN, "reset: and so does C_SignInit");
	tap_rv(kit.f->C_Login(h, CKU_USER, kit.pin, kit.pin_len), CKR_OK, "reset: C_Login again");
	tap_rv(kit.f->C_SignInit(h, &m, key), CKR_OK, "reset: the same handle serves again");
	len = sizeof sig;
	tap_rv(kit.f->C_Sign(h, data, sizeof data, sig, &len), CKR_OK, "reset: and signs");
	kit.f->C_CloseSession(h);
}

static void change_pin(void)
{
	CK_BYTE other[] = "73519246", wrong[] = "00000000";
	CK_SESSION_HANDLE h = kit_session(CKF_RW_SESSION);
	CK_ULONG n = kit.pin_len < 6 ? 6 : kit.pin_len < 8 ? kit.pin_len : 8;
	static const struct rvs range = { 2, { CKR_PIN_LEN_RANGE, CKR_PIN_INVALID } };

	tap_rvs(kit.f->C_SetPIN(h, kit.pin, kit.pin_len, other, 1), &range,
		"C_SetPIN: a new PIN of one character [2.40 5.5]");
	tap((token_flags() & CKF_USER_PIN_COUNT_LOW) == 0, "C_SetPIN: that spent no try");
	tap_rv(kit.f->C_SetPIN(h, wrong, n, other, n), CKR_PIN_INCORRECT,
	       "C_SetPIN: a wrong old PIN [2.40 5.5]");
	tap_rv(kit.f->C_SetPIN(h, kit.pin, kit.pin_len, other, n), CKR_OK,
	       "C_SetPIN in public state changes the user's PIN [2.40 5.5]");
	tap_rv(kit.f->C_Login(h, CKU_USER, other, n), CKR_OK, "C_Login with the new PIN");
	tap_rv(kit.f->C_SetPIN(h, other, n, kit.pin, kit.pin_len), CKR_OK,
	       "C_SetPIN in user state, back again [2.40 5.5]");
	tap(session_is(h, CKS_RW_USER_FUNCTIONS), "C_SetPIN leaves the login alone");
	kit.f->C_Logout(h);
	tap_rv(kit.f->C_Login(h, CKU_USER, kit.pin, kit.pin_len), CKR_OK,
	       "C_Login with the old PIN");
	kit.f->C_CloseSession(h);
}

/* Unblocking over plain 2.x: the SO's PIN is the PUK (facts of the MyEID profile). */
static void init_pin(void)
{
	CK_SESSION_HANDLE h;

	if (kit.so_pin_len == 0)
		return;
	h = kit_session(CKF_RW_SESSION);
	tap_rv(kit.f->C_Login(h, CKU_SO, kit.so_pin, kit.so_pin_len), CKR_OK, "C_Login of the SO");
	tap(session_is(h, CKS_RW_SO_FUNCTIONS), "the SO's session says so [2.40 5.6]");
	tap_rv(kit.f->C_InitPIN(h, kit.pin, kit.pin_len), CKR_OK, "C_InitPIN [2.40 5.5]");
	tap_rv(kit.f->C_Logout(h), CKR_OK, "C_Logout of the SO");
	tap_rv(kit.f->C_Login(h, CKU_USER, kit.pin, kit.pin_len), CKR_OK,
	       "C_Login with the PIN that the SO gave");
	kit.f->C_CloseSession(h);
}

/* -- attributes (2.40 section 5.7) ------------------------------------------------------------- */

/* Five cases in one template: the function works through all of it whatever happens. */
static void five_cases(CK_SESSION_HANDLE h, CK_OBJECT_HANDLE key)
{
	CK_BYTE secret[1024], absent[16], id[64];
	CK_ULONG cls = 99;
	CK_ATTRIBUTE t[] = {
		{ CKA_PRIVATE_EXPONENT, secret, sizeof secret },
		{ CKA_MODULUS, NULL, 7 },
		{ CKA_CERTIFICATE_TYPE, absent, sizeof absent },
		{ CKA_PUBLIC_EXPONENT, id, 1 },
		{ CKA_CLASS, &cls, sizeof cls },
	};
	static const struct rvs any = { 3, { CKR_ATTRIBUTE_SENSITIVE, CKR_ATTRIBUTE_TYPE_INVALID,
		CKR_BUFFER_TOO_SMALL } };
	struct blob modulus = { 0 };

	kit_attr(h, key, CKA_MODULUS, &modulus);
	tap_rvs(kit.f->C_GetAttributeValue(h, key, t, COUNT(t)), &any,
		"five cases in one template: one of the three errors [2.40 5.7]");
	tap(t[0].ulValueLen == ~0UL, "five cases: a secret has no length [2.40 5.7]");
	tap(t[1].ulValueLen == modulus.len && modulus.len >= 128,
	    "five cases: NULL asks for the length [2.40 5.7]");
	tap(t[2].ulValueLen == ~0UL, "five cases: what is not there has no length [2.40 5.7]");
	tap(t[3].ulValueLen == ~0UL,
	    "five cases: no length when the buffer is too small [2.40 5.7]");
	tap(t[4].ulValueLen == sizeof cls && cls == CKO_PRIVATE_KEY,
	    "five cases: the last one is filled nevertheless [2.40 5.7]");
}

/* One attribute at a time: each error is the one of its case. */
static void single_cases(CK_SESSION_HANDLE h, CK_OBJECT_HANDLE key)
{
	CK_BYTE b[1024];
	CK_ATTRIBUTE a[] = {
		{ CKA_PRIVATE_EXPONENT, b, sizeof b }, { CKA_PRIVATE_EXPONENT, NULL, 0 },
		{ CKA_PRIME_1, b, sizeof b }, { CKA_CERTIFICATE_TYPE, b, sizeof b },
		{ CKA_VENDOR_DEFINED + 77, NULL, 0 }, { CKA_MODULUS, b, 1 },
		{ CKA_MODULUS, b, sizeof b },
	};
	static const CK_RV want[] = {
		CKR_ATTRIBUTE_SENSITIVE, CKR_ATTRIBUTE_SENSITIVE, CKR_ATTRIBUTE_SENSITIVE,
		CKR_ATTRIBUTE_TYPE_INVALID, CKR_ATTRIBUTE_TYPE_INVALID, CKR_BUFFER_TOO_SMALL,
			CKR_OK,
	};
	static const struct rvs empty = { 2, { CKR_OK, CKR_ARGUMENTS_BAD } };

	for (size_t i = 0; i < COUNT(a); i++)
		tap_rv(kit.f->C_GetAttributeValue(h, key, &a[i], 1), want[i],
		       "attribute 0x%lx of a private RSA key, case %zu [2.40 5.7]", a[i].type, i);
	tap_rvs(kit.f->C_GetAttributeValue(h, key, NULL, 0), &empty,
		"C_GetAttributeValue: an empty template asks for nothing [2.40 5.7]");
}

enum shape { S_BOOL, S_ULONG, S_BYTES, S_SOME };

/* What objects of a class must be able to say (2.40 section 4; clients in the field). */
static const struct {
	CK_OBJECT_CLASS cls;
	CK_KEY_TYPE key; /* ~0UL: any */
	CK_ATTRIBUTE_TYPE type;
	enum shape shape;
	const char *name;
} expected[] = {
	{ CKO_CERTIFICATE, ~0UL, CKA_TOKEN, S_BOOL, "CKA_TOKEN" },
	{ CKO_CERTIFICATE, ~0UL, CKA_PRIVATE, S_BOOL, "CKA_PRIVATE" },
	{ CKO_CERTIFICATE, ~0UL, CKA_MODIFIABLE, S_BOOL, "CKA_MODIFIABLE" },
	{ CKO_CERTIFICATE, ~0UL, CKA_LABEL, S_SOME, "CKA_LABEL" },
	{ CKO_CERTIFICATE, ~0UL, CKA_CERTIFICATE_TYPE, S_ULONG, "CKA_CERTIFICATE_TYPE" },
	{ CKO_CERTIFICATE, ~0UL, CKA_ID, S_BYTES, "CKA_ID" },
	{ CKO_CERTIFICATE, ~0UL, CKA_SUBJECT, S_SOME, "CKA_SUBJECT" },
	{ CKO_CERTIFICATE, ~0UL, CKA_ISSUER, S_SOME, "CKA_ISSUER" },
	{ CKO_CERTIFICATE, ~0UL, CKA_SERIAL_NUMBER, S_SOME, "CKA_SERIAL_NUMBER" },
	{ CKO_CERTIFICATE, ~0UL, CKA_VALUE, S_SOME, "CKA_VALUE" },
	{ CKO_PUBLIC_KEY, ~0UL, CKA_TOKEN, S_BOOL, "CKA_TOKEN" },
	{ CKO_PUBLIC_KEY, ~0UL, CKA_PRIVATE, S_BOOL, "CKA_PRIVATE" },
	{ CKO_PUBLIC_KEY, ~0UL, CKA_LABEL, S_BYTES, "CKA_LABEL" },
	{ CKO_PUBLIC_KEY, ~0UL, CKA_ID, S_SOME, "CKA_ID" },
	{ CKO_PUBLIC_KEY, ~0UL, CKA_VERIFY, S_BOOL, "CKA_VERIFY" },
	{ CKO_PUBLIC_KEY, ~0UL, CKA_ENCRYPT, S_BOOL, "CKA_ENCRYPT" },
	{ CKO_PUBLIC_KEY, ~0UL, CKA_WRAP, S_BOOL, "CKA_WRAP" },
	{ CKO_PUBLIC_KEY, ~0UL, CKA_LOCAL, S_BOOL, "CKA_LOCAL" },
	{ CKO_PUBLIC_KEY, ~0UL, CKA_KEY_GEN_MECHANISM, S_ULONG, "CKA_KEY_GEN_MECHANISM" },
	{ CKO_PUBLIC_KEY, CKK_RSA, CKA_MODULUS, S_SOME, "CKA_MODULUS" },
	{ CKO_PUBLIC_KEY, CKK_RSA, CKA_MODULUS_BITS, S_ULONG, "CKA_MODULUS_BITS" },
	{ CKO_PUBLIC_KEY, CKK_RSA, CKA_PUBLIC_EXPONENT, S_SOME, "CKA_PUBLIC_EXPONENT" },
	{ CKO_PUBLIC_KEY, CKK_EC, CKA_EC_PARAMS, S_SOME, "CKA_EC_PARAMS" },
	{ CKO_PUBLIC_KEY, CKK_EC, CKA_EC_POINT, S_SOME, "CKA_EC_POINT" },
	{ CKO_PRIVATE_KEY, ~0UL, CKA_TOKEN, S_BOOL, "CKA_TOKEN" },
	{ CKO_PRIVATE_KEY, ~0UL, CKA_PRIVATE, S_BOOL, "CKA_PRIVATE" },
	{ CKO_PRIVATE_KEY, ~0UL, CKA_LABEL, S_BYTES, "CKA_LABEL" },
	{ CKO_PRIVATE_KEY, ~0UL, CKA_ID, S_SOME, "CKA_ID" },
	{ CKO_PRIVATE_KEY, ~0UL, CKA_SIGN, S_BOOL, "CKA_SIGN" },
	{ CKO_PRIVATE_KEY, ~0UL, CKA_DECRYPT, S_BOOL, "CKA_DECRYPT" },
	{ CKO_PRIVATE_KEY, ~0UL, CKA_UNWRAP, S_BOOL, "CKA_UNWRAP" },
	{ CKO_PRIVATE_KEY, ~0UL, CKA_DERIVE, S_BOOL, "CKA_DERIVE" },
	{ CKO_PRIVATE_KEY, ~0UL, CKA_SENSITIVE, S_BOOL, "CKA_SENSITIVE" },
	{ CKO_PRIVATE_KEY, ~0UL, CKA_EXTRACTABLE, S_BOOL, "CKA_EXTRACTABLE" },
	{ CKO_PRIVATE_KEY, ~0UL, CKA_ALWAYS_SENSITIVE, S_BOOL, "CKA_ALWAYS_SENSITIVE" },
	{ CKO_PRIVATE_KEY, ~0UL, CKA_NEVER_EXTRACTABLE, S_BOOL, "CKA_NEVER_EXTRACTABLE" },
	{ CKO_PRIVATE_KEY, ~0UL, CKA_ALWAYS_AUTHENTICATE, S_BOOL, "CKA_ALWAYS_AUTHENTICATE" },
	{ CKO_PRIVATE_KEY, ~0UL, CKA_LOCAL, S_BOOL, "CKA_LOCAL" },
	{ CKO_PRIVATE_KEY, ~0UL, CKA_KEY_GEN_MECHANISM, S_ULONG, "CKA_KEY_GEN_MECHANISM" },
	{ CKO_PRIVATE_KEY, CKK_RSA, CKA_MODULUS, S_SOME, "CKA_MODULUS" },
	{ CKO_PRIVATE_KEY, CKK_RSA, CKA_PUBLIC_EXPONENT, S_SOME, "CKA_PUBLIC_EXPONENT" },
	{ CKO_PRIVATE_KEY, CKK_EC, CKA_EC_PARAMS, S_SOME, "CKA_EC_PARAMS" },
};

static bool well_shaped(enum shape shape, const struct blob *b)
{
	if (shape == S_BOOL)
		return b->len == 1 && b->p[0] <= 1;
	if (shape == S_ULONG)
		return b->len == sizeof(CK_ULONG);
	return shape == S_BYTES || b->len > 0;
}

static void attributes_of_class(CK_SESSION_HANDLE h, CK_OBJECT_CLASS cls, const char *name)
{
	CK_ATTRIBUTE t[] = { { CKA_CLASS, &cls, sizeof cls }, { CKA_TOKEN, &yes, 1 } };
	CK_OBJECT_HANDLE o[MAX_OBJECTS];
	size_t n = kit_find(h, t, COUNT(t), o, MAX_OBJECTS);

	tap(n > 0, "there are objects of class %s", name);
	for (size_t i = 0; i < COUNT(expected); i++) {
		bool holds = true;
		struct blob b;

		if (expected[i].cls != cls)
			continue;
		for (size_t k = 0; k < n; k++) {
			if (expected[i].key != ~0UL
			    && kit_attr_ulong(h, o[k], CKA_KEY_TYPE) != expected[i].key)
				continue;
			holds = holds && kit_attr(h, o[k], expected[i].type, &b)
				&& well_shaped(expected[i].shape, &b);
		}
		tap(holds, "every %s has a well-formed %s [2.40 4]", name, expected[i].name);
	}
}

static void encodings(CK_SESSION_HANDLE h)
{
	CK_OBJECT_HANDLE rsa = kit_find_key(h, CKO_PUBLIC_KEY, CKK_RSA);
	CK_OBJECT_HANDLE ec = kit_find_key(h, CKO_PUBLIC_KEY, CKK_EC);
	CK_OBJECT_HANDLE prv = kit_find_key(h, CKO_PRIVATE_KEY, CKK_RSA);
	struct blob b = { 0 }, c = { 0 };

	tap(kit_attr(h, rsa, CKA_MODULUS, &b) && b.len > 0 && b.p[0] != 0,
	    "CKA_MODULUS: big-endian without leading zeros [2.40 3.3]");
	tap(kit_attr_ulong(h, rsa, CKA_MODULUS_BITS) == b.len * 8, "CKA_MODULUS_BITS fits it");
	tap(kit_attr(h, rsa, CKA_PUBLIC_EXPONENT, &b) && b.len > 0 && b.p[0] != 0,
	    "CKA_PUBLIC_EXPONENT: without leading zeros [2.40 3.3]");
	tap(kit_attr(h, ec, CKA_EC_PARAMS, &b) && b.len > 2 && b.p[0] == 6
	    && (CK_ULONG)b.p[1] + 2 == b.len, "CKA_EC_PARAMS: a DER OBJECT IDENTIFIER [2.40 EC]");
	kit_attr(h, ec, CKA_EC_POINT, &b);
	tap(b.len > 4 && b.p[0] == 4 && (b.p[1] == 0x81 ? b.p[2] + 3UL : b.p[1] + 2UL) == b.len
	    && b.p[b.p[1] == 0x81 ? 3 : 2] == 4,
	    "CKA_EC_POINT: DER OCTET STRING around an uncompressed point [2.40 EC]");
	tap(kit_attr(h, rsa, CKA_MODULUS, &b) && kit_attr(h, prv, CKA_MODULUS, &c)
	    && b.len == c.len && memcmp(b.p, c.p, b.len) == 0,
	    "public and private key have one modulus [2.40 4]");
	tap(kit_attr_true(h, prv, CKA_SENSITIVE) && !kit_attr_true(h, prv, CKA_EXTRACTABLE),
	    "a card's private key is sensitive and does not leave it");
}

/* Certificate, public and private key of one pair share their CKA_ID. */
static void ids_match(CK_SESSION_HANDLE h)
{
	CK_OBJECT_CLASS cls = CKO_PRIVATE_KEY, pub = CKO_PUBLIC_KEY;
	CK_ATTRIBUTE t[] = { { CKA_CLASS, &cls, sizeof cls }, { CKA_TOKEN, &yes, 1 } };
	CK_OBJECT_HANDLE o[MAX_OBJECTS], found;
	size_t n = kit_find(h, t, COUNT(t), o, MAX_OBJECTS), lonely = 0, twins = 0;

	for (size_t i = 0; i < n; i++) {
		struct blob id = { 0 };
		CK_ATTRIBUTE by_id[] = { { CKA_CLASS, &pub, sizeof pub }, { CKA_ID, id.p, 0 } };

		kit_attr(h, o[i], CKA_ID, &id);
		by_id[1].ulValueLen = id.len;
		lonely += kit_find(h, by_id, 2, &found, 1) != 1;
		by_id[0].pValue = &cls;
		twins += kit_find(h, by_id, 2, o + n, MAX_OBJECTS - n) != 1;
	}
	tap(n > 0 && lonely == 0, "every private key has a public key of the same CKA_ID");
	tap(twins == 0, "no two private keys share a CKA_ID");
}

/* -- searches (2.40 section 5.7) --------------------------------------------------------------- */

static size_t count_class(CK_SESSION_HANDLE h, CK_OBJECT_CLASS cls)
{
	CK_ATTRIBUTE t[] = { { CKA_CLASS, &cls, sizeof cls } };
	CK_OBJECT_HANDLE o[MAX_OBJECTS];

	return kit_find(h, t, 1, o, MAX_OBJECTS);
}

static void one_by_one(CK_SESSION_HANDLE h)
{
	CK_OBJECT_HANDLE all[MAX_OBJECTS], one, seen[MAX_OBJECTS];
	size_t n = kit_find(h, NULL, 0, all, MAX_OBJECTS), k = 0;
	CK_ULONG got = 1;
	bool same = true;

	tap(n > 0 && n < MAX_OBJECTS, "an empty template finds everything [2.40 5.7]");
	tap_rv(kit.f->C_FindObjectsInit(h, NULL, 0), CKR_OK, "C_FindObjectsInit(NULL, 0)");
	while (k < MAX_OBJECTS && kit.f->C_FindObjects(h, &one, 1, &got) == CKR_OK && got == 1)
		seen[k++] = one;
	for (size_t i = 0; i < k && i < n; i++)
		same = same && seen[i] == all[i];
	tap(k == n && same, "one by one gives what all at once gave [2.40 5.7]");
	got = 99;
	tap(kit.f->C_FindObjects(h, &one, 1, &got) == CKR_OK && got == 0,
	    "at the end: none, as often as one asks [2.40 5.7]");
	tap_rv(kit.f->C_FindObjectsFinal(h), CKR_OK, "C_FindObjectsFinal [2.40 5.7]");
	tap_rv(kit.f->C_FindObjectsFinal(h), CKR_OPERATION_NOT_INITIALIZED,
	       "C_FindObjectsFinal twice [2.40 5.7]");
}

static void searches(void)
{
	CK_SESSION_HANDLE h = kit_session(CKF_RW_SESSION), other;
	CK_OBJECT_CLASS profile = KIT_CKO_PROFILE, cert = CKO_CERTIFICATE;
	CK_ATTRIBUTE unknown[] = { { CKA_VENDOR_DEFINED + 77, &yes, 1 } };
	CK_ATTRIBUTE nss[] = { { CKA_TOKEN, &yes, 1 }, { CKA_CLASS, &profile, sizeof profile } };
	CK_ATTRIBUTE short_class[] = { { CKA_CLASS, &cert, 4 } };
	CK_OBJECT_HANDLE o[MAX_OBJECTS], key;
	size_t n;

	if (kit.strict || kit.dialogs)
		tap((count_class(h, CKO_PRIVATE_KEY) > 0) == kit.dialogs,
		    "the public sees %s [2.40 5.7]", kit.dialogs ?
		    "private keys where their PIN will be asked for" : "no private key");
	tap(count_class(h, CKO_CERTIFICATE) > 0, "the public sees certificates");
	tap(count_class(h, CKO_PUBLIC_KEY) > 0, "the public sees public keys");
	tap(count_class(h, 0xce534353UL) == 0, "a vendor's class finds nothing and is no error");
	tap(kit.f->C_FindObjectsInit(h, unknown, 1) == CKR_OK, "an unknown attribute is no error");
	tap(kit.f->C_FindObjects(h, o, MAX_OBJECTS, &(CK_ULONG){ 0 }) == CKR_OK, "C_FindObjects");
	kit.f->C_FindObjectsFinal(h);
	tap(kit_find(h, unknown, 1, o, MAX_OBJECTS) == 0, "an unknown attribute matches nothing");
	tap(kit_find(h, short_class, 1, o, MAX_OBJECTS) == 0,
	    "a value of another length does not match [2.40 5.7]");
	n = kit_find(h, nss, 2, o, MAX_OBJECTS);
	tap(n == 1 && kit_attr_ulong(h, o[0], KIT_CKA_PROFILE_ID)
	    == KIT_CKP_PUBLIC_CERTIFICATES_TOKEN && !kit_attr_true(h, o[0], CKA_PRIVATE),
	    "CKP_PUBLIC_CERTIFICATES_TOKEN is found by CKA_TOKEN and CKA_CLASS [3.0 profiles]");
	kit_login(h);
	tap(count_class(h, CKO_PRIVATE_KEY) > 0, "the user sees private keys [2.40 5.7]");
	one_by_one(h);
	key = kit_find_key(h, CKO_PRIVATE_KEY, ~0UL);
	other = kit_session(0);
	tap(kit_attr_ulong(other, key, CKA_CLASS) == CKO_PRIVATE_KEY,
	    "a handle found in one session serves in another [2.40 5.6]");
	kit.f->C_Logout(h);
	tap(kit_attr_ulong(other, key, CKA_CLASS) == ~0UL,
	    "logout: the handle of a private object is dead [2.40 5.6]");
	kit_login(h);
	tap(kit_attr_ulong(other, key, CKA_CLASS) == ~0UL,
	    "and stays dead after the next login [2.40 5.6]");
	kit.f->C_CloseSession(other);
	kit.f->C_CloseSession(h);
}

/* -- session objects (2.40 section 4.4, 5.7) --------------------------------------------------- */

static CK_OBJECT_HANDLE make_data(CK_SESSION_HANDLE h, CK_BBOOL *private, const char *label)
{
	CK_OBJECT_CLASS cls = CKO_DATA;
	CK_BYTE value[] = "what was stored", text[32];
	CK_ATTRIBUTE t[] = { { CKA_CLASS, &cls, sizeof cls }, { CKA_TOKEN, &no, 1 },
		{ CKA_PRIVATE, private, 1 }, { CKA_VALUE, value, 15 },
		{ CKA_LABEL, text, strlen(label) } };
	CK_OBJECT_HANDLE o = CK_INVALID_HANDLE;

	memcpy(text, label, strlen(label) + 1);
	return kit.f->C_CreateObject(h, t, COUNT(t), &o) == CKR_OK ? o : CK_INVALID_HANDLE;
}

static size_t count_label(CK_SESSION_HANDLE h, const char *label)
{
	CK_BYTE text[32];
	CK_ATTRIBUTE t[] = { { CKA_LABEL, text, strlen(label) } };
	CK_OBJECT_HANDLE o[MAX_OBJECTS];

	memcpy(text, label, strlen(label) + 1);
	return kit_find(h, t, 1, o, MAX_OBJECTS);
}

static void session_objects(void)
{
	CK_SESSION_HANDLE keep = kit_session(0), h = kit_session(0);
	CK_OBJECT_HANDLE o = make_data(h, &no, "castor one"), p, found;
	CK_ATTRIBUTE label = { CKA_LABEL, (CK_BYTE[]){ 'c', 'x' }, 2 };
	CK_ATTRIBUTE empty = { CKA_LABEL, NULL, 0 };
	struct blob b = { 0 };
	CK_ULONG got = 0;

	tap(o != CK_INVALID_HANDLE, "a data object in an R/O session [2.40 5.7]");
	tap(kit_attr(keep, o, CKA_VALUE, &b) && b.len == 15 && !memcmp(b.p, "what was stored", 15),
	    "is read back exactly, through another session [2.40 5.7]");
	tap(count_label(keep, "castor one") == 1, "and found there [2.40 5.7]");
	tap(!kit_attr_true(keep, o, CKA_TOKEN), "it is no token object");
	tap_rv(kit.f->C_SetAttributeValue(h, o, &label, 1), CKR_OK,
	       "C_SetAttributeValue of its label [2.40 5.7]");
	tap(kit_attr(keep, o, CKA_LABEL, &b) && b.len == 2 && memcmp(b.p, "cx", 2) == 0,
	    "the new label is read back [2.40 5.7]");
	tap_rv(kit.f->C_SetAttributeValue(h, o, &empty, 1), CKR_OK, "an empty label may be set");
	tap(kit_attr(keep, o, CKA_LABEL, &b) && b.len == 0, "and is empty, not absent [2.40 5.7]");
	tap_rv(kit.f->C_DestroyObject(keep, o), CKR_OK, "C_DestroyObject [2.40 5.7]");
	tap(kit_attr_ulong(h, o, CKA_CLASS) == ~0UL, "a destroyed handle is dead [2.40 5.7]");
	p = make_data(h, &no, "castor two");
	tap(p != CK_INVALID_HANDLE && p != o, "handles are not used again");
	tap_rv(kit.f->C_FindObjectsInit(h, NULL, 0), CKR_OK, "a search begins");
	found = make_data(h, &no, "castor three");
	for (CK_OBJECT_HANDLE one; kit.f->C_FindObjects(h, &one, 1, &got) == CKR_OK && got == 1;)
		found = one == found ? CK_INVALID_HANDLE : found;
	kit.f->C_FindObjectsFinal(h);
	tap(found != CK_INVALID_HANDLE, "what a search finds is fixed at its start [2.40 5.7]");
	kit.f->C_CloseSession(h);
	tap(count_label(keep, "castor two") == 0,
	    "session objects end with their session [2.40 5.6]");
	kit_login(keep);
	make_data(keep, &yes, "castor secret");
	make_data(keep, &no, "castor open");
	tap(count_label(keep, "castor secret") == 1, "a private session object for the user");
	kit.f->C_Logout(keep);
	tap(count_label(keep, "castor secret") == 0, "logout destroys it [2.40 5.6]");
	tap(count_label(keep, "castor open") == 1, "but not the public one [2.40 5.6]");
	kit_login(keep);
	tap(count_label(keep, "castor secret") == 0, "and the next login does not bring it back");
	kit.f->C_CloseSession(keep);
}

static void secret_objects(void)
{
	CK_SESSION_HANDLE h = kit_session(0);
	CK_OBJECT_CLASS cls = CKO_SECRET_KEY;
	CK_KEY_TYPE type = CKK_GENERIC_SECRET;
	CK_BYTE value[48] = { 9, 8, 7 };
	CK_ATTRIBUTE t[] = { { CKA_CLASS, &cls, sizeof cls }, { CKA_KEY_TYPE, &type, sizeof type },
		{ CKA_TOKEN, &no, 1 }, { CKA_PRIVATE, &no, 1 }, { CKA_SENSITIVE, &no, 1 },
		{ CKA_EXTRACTABLE, &yes, 1 }, { CKA_VALUE, value, sizeof value } };
	CK_ATTRIBUTE sensitive = { CKA_SENSITIVE, &yes, 1 }, open = { CKA_SENSITIVE, &no, 1 };
	CK_ATTRIBUTE locked = { CKA_EXTRACTABLE, &no, 1 }, free_ = { CKA_EXTRACTABLE, &yes, 1 };
	CK_ATTRIBUTE read = { CKA_VALUE, NULL, 0 };
	CK_BYTE another[] = "another";
	CK_ATTRIBUTE label = { CKA_LABEL, another, 7 };
	CK_OBJECT_HANDLE o = CK_INVALID_HANDLE, copy = CK_INVALID_HANDLE;
	struct blob b = { 0 };

	tap_rv(kit.f->C_CreateObject(h, t, COUNT(t), &o), CKR_OK,
	       "a secret session key [2.40 5.7]");
	tap(kit_attr(h, o, CKA_VALUE, &b) && b.len == 48 && memcmp(b.p, value, 48) == 0,
	    "its value is read back while it is not sensitive [2.40 4.10]");
	tap(kit_attr_ulong(h, o, CKA_VALUE_LEN) == 48, "CKA_VALUE_LEN [2.40 4.10]");
	tap(!kit_attr_true(h, o, CKA_LOCAL) && !kit_attr_true(h, o, CKA_ALWAYS_SENSITIVE)
	    && !kit_attr_true(h, o, CKA_NEVER_EXTRACTABLE), "it was not born here [2.40 4.10]");
	tap_rv(kit.f->C_SetAttributeValue(h, o, &sensitive, 1), CKR_OK, "it may become sensitive");
	tap_rv(kit.f->C_SetAttributeValue(h, o, &open, 1), CKR_ATTRIBUTE_READ_ONLY,
	       "but never open again [2.40 4.10]");
	tap_rv(kit.f->C_SetAttributeValue(h, o, &locked, 1), CKR_OK, "it may become unextractable");
	tap_rv(kit.f->C_SetAttributeValue(h, o, &free_, 1), CKR_ATTRIBUTE_READ_ONLY,
	       "but never extractable again [2.40 4.10]");
	tap_rv(kit.f->C_GetAttributeValue(h, o, &read, 1), CKR_ATTRIBUTE_SENSITIVE,
	       "its value is no longer told [2.40 5.7]");
	tap_rv(kit.f->C_SetAttributeValue(h, o, &label, 1), CKR_OK, "it may have another label");
	tap(kit_attr_ulong(h, o, CKA_VALUE_LEN) == 48, "and is as long as before [2.40 4.10]");
	if (kit.f->C_CopyObject(h, o, &label, 1, &copy) == CKR_OK)
		tap(kit_attr_ulong(h, copy, CKA_VALUE_LEN) == 48, "so is its copy [2.40 4.10]");
	kit.f->C_CloseSession(h);
}

/* -- random (2.40 section 5.15) ---------------------------------------------------------------- */

static void random_bytes(void)
{
	CK_SESSION_HANDLE h = kit_session(0);
	CK_BYTE a[257], b[257];

	memset(a, 0xa5, sizeof a);
	memset(b, 0xa5, sizeof b);
	tap_rv(kit.f->C_GenerateRandom(h, a, 255), CKR_OK, "C_GenerateRandom of 255 bytes");
	tap(a[255] == 0xa5 && a[256] == 0xa5, "writes no more than was asked for");
	tap(kit.f->C_GenerateRandom(h, b, 255) == CKR_OK && memcmp(a, b, 255) != 0,
	    "and something else the next time");
	tap(memcmp(a, a + 128, 127) != 0, "the end is no repetition of the beginning");
	tap_rv(kit.f->C_GenerateRandom(h, a, 0), CKR_OK, "C_GenerateRandom of nothing");
	kit.f->C_CloseSession(h);
}

int main(int argc, char **argv)
{
	CK_SESSION_HANDLE h;
	CK_OBJECT_HANDLE rsa;

	kit_open(argc, argv);
	tap_watchdog(60);
	first_list_with_buffer();
	kit_start();
	kit_pick_slot();
	function_list();
	library_info();
	slot_list();
	token_info();
	mechanisms();
	slot_list_freezes();
	sessions();
	searches();
	session_objects();
	secret_objects();
	h = kit_session(0);
	kit_login(h);
	rsa = kit_find_key(h, CKO_PRIVATE_KEY, CKK_RSA);
	five_cases(h, rsa);
	single_cases(h, rsa);
	attributes_of_class(h, CKO_CERTIFICATE, "certificate");
	attributes_of_class(h, CKO_PUBLIC_KEY, "public key");
	attributes_of_class(h, CKO_PRIVATE_KEY, "private key");
	encodings(h);
	ids_match(h);
	kit.f->C_CloseSession(h);
	random_bytes();
	lost_login();
	wrong_pin();
	change_pin();
	init_pin();
	tap_rv(kit.f->C_Finalize(NULL), CKR_OK, "C_Finalize [2.40 5.4]");
	return tap_end();
}

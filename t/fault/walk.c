#include "t/fault/walk.h"

#include <stdio.h>
#include <string.h>

#include "t/fault/module.h"

#define PIN2_TRIES 3
#define PUK2_TRIES 10

static CK_BYTE p256[] = { 0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07 };

static void
broken(struct walk *w, const char *rule)
{
	if (!w->wrong[0])
		snprintf(w->wrong, sizeof w->wrong, "%s", rule);
}

static CK_RV
find(struct walk *w, CK_OBJECT_CLASS cls, CK_BYTE id, CK_OBJECT_HANDLE *o)
{
	CK_ATTRIBUTE t[] = { { CKA_CLASS, &cls, sizeof cls }, { CKA_ID, &id, 1 } };
	CK_ULONG n = 0;
	CK_RV rv;

	*o = 0;
	if ((rv = C_FindObjectsInit(w->h, t, 2)))
		return rv;
	rv = C_FindObjects(w->h, o, 1, &n);
	C_FindObjectsFinal(w->h);
	if (rv == CKR_OK && !n)
		*o = 0;
	return rv;
}

static CK_RV
step_initialize(struct walk *w)
{
	CK_RV rv = C_Initialize(NULL);

	w->open = rv == CKR_OK;
	return rv;
}

static CK_RV
step_slots(struct walk *w)
{
	CK_ULONG n = 0;
	CK_SLOT_ID id[4];
	CK_RV rv;

	w->slot = w->pin2; /* PIN2 is never given to another slot */
	if ((rv = C_GetSlotList(CK_FALSE, NULL, &n)))
		return rv;
	if (n > 4)
		broken(w, "more slots than there are");
	n = 4;
	if ((rv = C_GetSlotList(CK_FALSE, id, &n)))
		return rv;
	w->slot = n > w->pin2 ? id[w->pin2] : w->pin2;
	return CKR_OK;
}

static CK_RV
step_token(struct walk *w)
{
	CK_TOKEN_INFO info;

	return C_GetTokenInfo(w->slot, &info);
}

static CK_RV
step_open(struct walk *w)
{
	return C_OpenSession(w->slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &w->h);
}

static CK_RV
step_certificate(struct walk *w)
{
	CK_BYTE value[4096];
	CK_ATTRIBUTE t = { CKA_VALUE, value, sizeof value };
	CK_OBJECT_HANDLE o;
	CK_RV rv;

	if ((rv = find(w, CKO_CERTIFICATE, 0x45, &o)) || !o)
		return rv;
	/* one that could not be read has no value */
	rv = C_GetAttributeValue(w->h, o, &t, 1);
	if (rv == CKR_OK && (t.ulValueLen < 1000 || value[0] != 0x30))
		broken(w, "half a certificate was given out");
	return rv == CKR_ATTRIBUTE_TYPE_INVALID ? CKR_OK : rv;
}

static CK_RV
step_login(struct walk *w)
{
	return w->pin2 ? module_login(w->h, "123456") : module_login(w->h, "1234");
}

static CK_RV
sign(struct walk *w, CK_OBJECT_HANDLE key, CK_MECHANISM_TYPE type, CK_ULONG want)
{
	CK_MECHANISM m = { type, NULL, 0 };
	CK_BYTE data[32] = { 1, 2, 3 }, sig[512];
	CK_ULONG n = sizeof sig;
	CK_RV rv;

	if (!key) /* its directory could not be read */
		return CKR_OK;
	if ((rv = C_SignInit(w->h, &m, key)))
		return rv;
	rv = C_Sign(w->h, data, sizeof data, sig, &n);
	if (rv == CKR_OK && n != want)
		broken(w, "a signature of another length");
	if (C_Sign(w->h, data, sizeof data, sig, &n) == CKR_OK)
		broken(w, "the operation outlived its end");
	return rv;
}

static CK_RV
step_sign_rsa(struct walk *w)
{
	CK_OBJECT_HANDLE o;
	CK_RV rv = find(w, CKO_PRIVATE_KEY, 0x45, &o);

	return rv ? rv : sign(w, o, CKM_SHA256_RSA_PKCS, 256);
}

static CK_RV
step_sign_ec(struct walk *w)
{
	CK_OBJECT_HANDLE o;
	CK_RV rv = find(w, CKO_PRIVATE_KEY, 0x47, &o);

	return rv ? rv : sign(w, o, CKM_ECDSA, 64);
}

static CK_RV
step_encrypt(struct walk *w)
{
	CK_MECHANISM m = { CKM_RSA_PKCS, NULL, 0 };
	CK_ULONG n = sizeof w->cryptogram;
	CK_OBJECT_HANDLE o;
	CK_RV rv;

	memset(w->secret, 0xC5, sizeof w->secret);
	if ((rv = find(w, CKO_PUBLIC_KEY, 0x45, &o)) || !o || (rv = C_EncryptInit(w->h, &m, o)))
		return rv;
	return C_Encrypt(w->h, w->secret, sizeof w->secret, w->cryptogram, &n);
}

static CK_RV
step_decrypt(struct walk *w)
{
	CK_MECHANISM m = { CKM_RSA_PKCS, NULL, 0 };
	CK_BYTE out[256];
	CK_ULONG n = sizeof out;
	CK_OBJECT_HANDLE o;
	CK_RV rv;

	if ((rv = find(w, CKO_PRIVATE_KEY, 0x45, &o)) || !o || (rv = C_DecryptInit(w->h, &m, o)))
		return rv;
	rv = C_Decrypt(w->h, w->cryptogram, sizeof w->cryptogram, out, &n);
	if (rv == CKR_OK && (n != sizeof w->secret || memcmp(out, w->secret, n) != 0))
		broken(w, "another message was decrypted");
	return rv;
}

static CK_RV
step_derive(struct walk *w)
{
	CK_ECDH1_DERIVE_PARAMS p = { CKD_NULL, 0, NULL, 65, NULL };
	CK_MECHANISM m = { CKM_ECDH1_DERIVE, &p, sizeof p };
	CK_BYTE point[80];
	CK_ATTRIBUTE t = { CKA_EC_POINT, point, sizeof point };
	CK_OBJECT_HANDLE pub, priv, key = 0;
	CK_RV rv;

	if ((rv = find(w, CKO_PUBLIC_KEY, 0x47, &pub)) || (rv = find(w, CKO_PRIVATE_KEY, 0x47, &priv)))
		return rv;
	if (!pub || !priv)
		return CKR_OK;
	if ((rv = C_GetAttributeValue(w->h, pub, &t, 1)))
		return rv == CKR_ATTRIBUTE_TYPE_INVALID ? CKR_OK : rv;
	p.pPublicData = point + 2;
	if ((rv = C_DeriveKey(w->h, &m, priv, NULL, 0, &key)))
		return rv;
	return C_DestroyObject(w->h, key);
}

static CK_RV
make_pair(struct walk *w, CK_MECHANISM_TYPE type, CK_ATTRIBUTE first, CK_OBJECT_HANDLE out[2])
{
	CK_MECHANISM m = { type, NULL, 0 };
	CK_BBOOL yes = CK_TRUE;
	CK_ATTRIBUTE pub[] = { first };
	CK_ATTRIBUTE priv[] = { { CKA_TOKEN, &yes, 1 } };
	CK_RV rv = C_GenerateKeyPair(w->h, &m, pub, 1, priv, 1, &out[0], &out[1]);

	if (rv)
		out[0] = out[1] = 0;
	return rv;
}

static CK_RV
step_make_rsa(struct walk *w)
{
	CK_ULONG bits = 1024;

	return make_pair(w, CKM_RSA_PKCS_KEY_PAIR_GEN, (CK_ATTRIBUTE){ CKA_MODULUS_BITS, &bits, sizeof bits },
	    w->key);
}

static CK_RV
step_make_ec(struct walk *w)
{
	return make_pair(w, CKM_EC_KEY_PAIR_GEN, (CK_ATTRIBUTE){ CKA_EC_PARAMS, p256, sizeof p256 },
	    w->key + 2);
}

static CK_RV
step_use_rsa(struct walk *w)
{
	return sign(w, w->key[1], CKM_SHA256_RSA_PKCS, 128);
}

static CK_RV
step_use_ec(struct walk *w)
{
	return sign(w, w->key[3], CKM_ECDSA, 64);
}

static CK_RV
step_destroy(struct walk *w)
{
	CK_RV rv, first = CKR_OK;

	w->destroying = true;
	for (size_t i = 0; i < 4; i++) {
		rv = w->key[i] ? C_DestroyObject(w->h, w->key[i]) : CKR_OK;
		first = first ? first : rv;
	}
	return first;
}

/* ---- PIN2 ---- */

static CK_RV
sign2(struct walk *w, CK_BYTE id, CK_MECHANISM_TYPE type, CK_ULONG want)
{
	CK_OBJECT_HANDLE o;
	CK_RV rv = find(w, CKO_PRIVATE_KEY, id, &o);

	return rv ? rv : sign(w, o, type, want);
}

static CK_RV
step_sign2_rsa(struct walk *w)
{
	return sign2(w, 0x46, CKM_SHA256_RSA_PKCS, 256);
}

static CK_RV
step_login_sign2_ec(struct walk *w)
{
	CK_RV rv;

	C_Logout(w->h);
	return (rv = module_login(w->h, "123456")) ? rv : sign2(w, 0x47, CKM_ECDSA, 96);
}

static CK_RV
step_context(struct walk *w)
{
	CK_MECHANISM m = { CKM_SHA256_RSA_PKCS, NULL, 0 };
	CK_UTF8CHAR pin[] = "123456";
	CK_BYTE data[32] = { 1 }, sig[512];
	CK_ULONG n = sizeof sig;
	CK_OBJECT_HANDLE o;
	CK_RV rv;

	C_Logout(w->h);
	if ((rv = module_login(w->h, "123456")) || (rv = find(w, CKO_PRIVATE_KEY, 0x46, &o)) || !o ||
	    (rv = C_SignInit(w->h, &m, o)))
		return rv;
	rv = C_Login(w->h, CKU_CONTEXT_SPECIFIC, pin, 6);
	/* whether there is an operation left or not, there is none afterwards */
	if (!rv)
		rv = C_Sign(w->h, data, sizeof data, sig, &n);
	C_SignInit(w->h, NULL, 0);
	return rv;
}

static CK_RV
set_pin2(struct walk *w, const char *old, const char *new)
{
	return C_SetPIN(w->h, (CK_UTF8CHAR_PTR)(uintptr_t)old, strlen(old), (CK_UTF8CHAR_PTR)(uintptr_t)new,
	    strlen(new));
}

static CK_RV
step_change(struct walk *w)
{
	return set_pin2(w, "123456", "735192");
}

/* The PIN of an earlier login is the old one by now, or may be. */
static CK_RV
step_sign2_after(struct walk *w)
{
	CK_RV rv = sign2(w, 0x46, CKM_SHA256_RSA_PKCS, 256);

	return rv == CKR_USER_NOT_LOGGED_IN ? CKR_OK : rv;
}

static CK_RV
step_change_back(struct walk *w)
{
	return set_pin2(w, "735192", "123456");
}

static CK_RV
step_unblock(struct walk *w)
{
	CK_UTF8CHAR puk[] = "12345678", pin[] = "123456";
	CK_RV rv;

	C_Logout(w->h);
	if ((rv = C_Login(w->h, CKU_SO, puk, 8)))
		return rv;
	rv = C_InitPIN(w->h, pin, 6);
	C_Logout(w->h);
	return rv;
}

static CK_RV
step_login_again(struct walk *w)
{
	return module_login(w->h, "123456");
}

/* Whatever a step met: it has not left PIN2 open nor spent a try. The next step finds the PIN it
 * expects: an accident may have kept a change from the card, or hidden that it was made. */
static void
look_at_pin2(struct walk *w, const char *pin)
{
	char why[80];
	int tries = vc_tries(module.vc[0], 2), puk = vc_puk_tries(module.vc[0], 2);

	if (vc_pin_is_open(module.vc[0], 2) == 1)
		broken(w, "PIN2 was left open");
	if (tries != PIN2_TRIES || puk != PUK2_TRIES) {
		snprintf(why, sizeof why, "%d tries of PIN2 and %d of its PUK are left", tries, puk);
		broken(w, why);
	}
	vc_set_pin(module.vc[0], 2, pin);
}

static CK_RV
step_logout(struct walk *w)
{
	return C_Logout(w->h);
}

static CK_RV
step_digest(struct walk *w)
{
	CK_MECHANISM m = { CKM_SHA256, NULL, 0 };
	CK_BYTE out[32];
	CK_ULONG n = sizeof out;
	CK_RV rv = C_DigestInit(w->h, &m);

	return rv ? rv : C_Digest(w->h, NULL, 0, out, &n);
}

static CK_RV
step_close(struct walk *w)
{
	return C_CloseSession(w->h);
}

/* SLOT_ID_INVALID: there was no memory for the reader when readers were listed */
#define SLOT_RVS CKR_SLOT_ID_INVALID, CKR_TOKEN_NOT_PRESENT, CKR_TOKEN_NOT_RECOGNIZED, CKR_DEVICE_ERROR, CKR_DEVICE_REMOVED
#define SESSION_RVS CKR_SESSION_HANDLE_INVALID, CKR_DEVICE_REMOVED, CKR_DEVICE_ERROR
/* FUNCTION_FAILED: the card refuses although its PIN is open, so no login would help. */
#define PRIVATE_RVS SESSION_RVS, CKR_USER_NOT_LOGGED_IN, CKR_KEY_HANDLE_INVALID, CKR_FUNCTION_FAILED

/* The steps, and what each may answer besides CKR_OK and CKR_HOST_MEMORY. Source: PKCS#11 v2.40 5,
 * each function's own list. */
static const struct {
	const char *name;
	CK_RV (*run)(struct walk *);
	enum { ALWAYS, USE, MAKE, PIN2 } when;
	CK_RV may[10];
} steps[] = {
	{ "C_Initialize", step_initialize, ALWAYS, { CKR_FUNCTION_FAILED } },
	{ "C_GetSlotList", step_slots, ALWAYS, { 0 } },
	{ "C_GetTokenInfo", step_token, ALWAYS, { SLOT_RVS } },
	{ "C_OpenSession", step_open, ALWAYS, { SLOT_RVS } },
	{ "certificate", step_certificate, USE, { SESSION_RVS } },
	{ "C_Login", step_login, ALWAYS,
	    { SESSION_RVS, CKR_USER_NOT_LOGGED_IN, CKR_FUNCTION_FAILED, CKR_PIN_INCORRECT } },
	{ "sign RSA", step_sign_rsa, USE, { PRIVATE_RVS } },
	{ "sign EC", step_sign_ec, USE, { PRIVATE_RVS } },
	{ "encrypt", step_encrypt, USE, { SESSION_RVS, CKR_KEY_HANDLE_INVALID } },
	{ "decrypt", step_decrypt, USE, { PRIVATE_RVS, CKR_ENCRYPTED_DATA_INVALID } },
	{ "derive", step_derive, USE, { PRIVATE_RVS } },
	{ "make RSA", step_make_rsa, MAKE, { SESSION_RVS, CKR_USER_NOT_LOGGED_IN, CKR_FUNCTION_FAILED } },
	{ "use RSA", step_use_rsa, MAKE, { PRIVATE_RVS } },
	{ "make EC", step_make_ec, MAKE, { SESSION_RVS, CKR_USER_NOT_LOGGED_IN, CKR_FUNCTION_FAILED } },
	{ "use EC", step_use_ec, MAKE, { PRIVATE_RVS } },
	{ "C_DestroyObject", step_destroy, MAKE,
	    { SESSION_RVS, CKR_USER_NOT_LOGGED_IN, CKR_OBJECT_HANDLE_INVALID, CKR_FUNCTION_FAILED } },
	{ "sign RSA with PIN2", step_sign2_rsa, PIN2, { PRIVATE_RVS } },
	{ "login, sign EC with PIN2", step_login_sign2_ec, PIN2, { PRIVATE_RVS, CKR_PIN_INCORRECT } },
	{ "sign after a context-specific login", step_context, PIN2, { PRIVATE_RVS, CKR_PIN_INCORRECT } },
	{ "C_SetPIN", step_change, PIN2, { SESSION_RVS, CKR_USER_NOT_LOGGED_IN, CKR_FUNCTION_FAILED, CKR_PIN_INCORRECT } },
	{ "sign after C_SetPIN", step_sign2_after, PIN2, { PRIVATE_RVS } },
	{ "C_SetPIN back", step_change_back, PIN2,
	    { SESSION_RVS, CKR_USER_NOT_LOGGED_IN, CKR_FUNCTION_FAILED, CKR_PIN_INCORRECT } },
	{ "C_InitPIN", step_unblock, PIN2, { SESSION_RVS, CKR_USER_NOT_LOGGED_IN, CKR_FUNCTION_FAILED, CKR_PIN_INCORRECT } },
	{ "C_Login again", step_login_again, PIN2,
	    { SESSION_RVS, CKR_USER_NOT_LOGGED_IN, CKR_FUNCTION_FAILED, CKR_PIN_INCORRECT } },
	{ "C_Logout", step_logout, ALWAYS, { SESSION_RVS, CKR_USER_NOT_LOGGED_IN } },
	{ "digest", step_digest, ALWAYS, { CKR_SESSION_HANDLE_INVALID, CKR_DEVICE_REMOVED } },
	{ "C_CloseSession", step_close, ALWAYS, { CKR_SESSION_HANDLE_INVALID } },
};

#define N_STEPS (sizeof steps / sizeof steps[0])

static bool
may(const struct walk *w, size_t step, CK_RV rv)
{
	if (w->nomem && (rv == CKR_FUNCTION_FAILED || rv == CKR_DEVICE_MEMORY))
		return true;
	for (size_t i = 0; i < 8; i++)
		if (steps[step].may[i] == rv)
			return true;
	return rv == CKR_OK || rv == CKR_HOST_MEMORY;
}

void
walk(struct walk *w)
{
	const int kind = w->pin2 ? PIN2 : w->make ? MAKE : USE;
	char why[160];
	CK_RV rv;

	w->nstep = 0;
	for (size_t i = 0; i < N_STEPS; i++) {
		if (steps[i].when != ALWAYS && (int)steps[i].when != kind)
			continue;
		if (i && !w->open)
			break;
		rv = steps[i].run(w);
		w->step[w->nstep].name = steps[i].name;
		w->step[w->nstep++].rv = rv;
		if (w->pin2)
			look_at_pin2(w, steps[i].run == step_change || steps[i].run == step_sign2_after ?
			    "735192" : "123456");
		if (!may(w, i, rv)) {
			snprintf(why, sizeof why, "%s gave 0x%lX", steps[i].name, rv);
			broken(w, why);
		}
	}
}

const char *
walk_failed(const struct walk *w, CK_RV *rv)
{
	*rv = CKR_OK;
	for (size_t i = 0; i < w->nstep; i++) {
		if (w->step[i].rv == CKR_OK)
			continue;
		*rv = w->step[i].rv;
		return w->step[i].name;
	}
	return NULL;
}

bool
walk_had(const struct walk *w, CK_RV rv)
{
	for (size_t i = 0; i < w->nstep; i++)
		if (w->step[i].rv == rv)
			return true;
	return false;
}

unsigned long
walk_listing(CK_SESSION_HANDLE h, size_t *npub, size_t *npriv)
{
	CK_OBJECT_CLASS cls = 0;
	CK_BYTE label[64], id[64];
	CK_OBJECT_HANDLE o[64];
	CK_ULONG n = 0;
	unsigned long sum = 0, one;

	*npub = *npriv = 0;
	if (C_FindObjectsInit(h, NULL, 0) != CKR_OK || C_FindObjects(h, o, 64, &n) != CKR_OK)
		return 0;
	C_FindObjectsFinal(h);
	for (CK_ULONG i = 0; i < n; i++) {
		CK_ATTRIBUTE t[] = { { CKA_CLASS, &cls, sizeof cls }, { CKA_LABEL, label, sizeof label },
			{ CKA_ID, id, sizeof id } };

		C_GetAttributeValue(h, o[i], t, 3);
		*npub += cls == CKO_PUBLIC_KEY;
		*npriv += cls == CKO_PRIVATE_KEY;
		one = 5381 + cls;
		for (size_t k = 0; t[1].ulValueLen <= sizeof label && k < t[1].ulValueLen; k++)
			one = one * 33 + label[k];
		for (size_t k = 0; t[2].ulValueLen <= sizeof id && k < t[2].ulValueLen; k++)
			one = one * 33 + id[k];
		sum += one;
	}
	return sum;
}

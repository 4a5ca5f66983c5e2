/* Gives a module PINs, a PUK and private keys, and then looks for them in its own memory, as a core
 * file would hold it: all mappings but those that are kept out of core files.
 *
 *   secrets prepare KEY.pem        writes d, p and q of an RSA key to stdout, each byte XOR 55
 *   secrets run MODULE NEEDLES     NEEDLES: a file of XORed lines: PIN, new PIN, PUK, then what
 *                                  `prepare` wrote
 *
 * What is looked for stands in this program's memory only as XOR 55, and in clear for the length of
 * one call. Output: TAP without a plan. */
#include <dlfcn.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "t/remains.h"
#include "token/cryptoki.h"

#define NEEDLES 16

static struct needle needles[NEEDLES];
static size_t nneedles;
static CK_FUNCTION_LIST *f;
static int failed, line;

static void
tap(bool ok, const char *what, const char *which)
{
	printf("%s %d - %s%s%s\n", ok ? "ok" : "not ok", ++line, what, which ? ": " : "", which ? which : "");
	failed |= !ok;
}

static void
want(const char *what, CK_RV rv)
{
	if (rv == CKR_OK)
		return;
	printf("Bail out! %s gave 0x%lX\n", what, rv);
	exit(1);
}

static struct needle *
needle_new(const char *name, const uint8_t *x, size_t n)
{
	struct needle *k = &needles[nneedles++];

	if (nneedles > NEEDLES || n > NEEDLE_MAX)
		exit(2);
	k->name = name;
	k->len = n;
	memcpy(k->x, x, n);
	return k;
}

/* Another coding of a needle of digits. */
static void
needle_coded(const char *name, const struct needle *from, bool bcd)
{
	uint8_t x[NEEDLE_MAX], c;
	size_t n = 0;

	for (size_t i = 0; i + bcd < from->len; i += bcd ? 2 : 1) {
		c = from->x[i] ^ MASK;
		if (bcd) {
			x[n++] = (uint8_t)((c - '0') << 4 | ((from->x[i + 1] ^ MASK) - '0')) ^ MASK;
		} else {
			x[n++] = (uint8_t)('0' + (c >> 4)) ^ MASK;
			x[n++] = (uint8_t)('0' + (c & 15)) ^ MASK;
		}
	}
	OPENSSL_cleanse(&c, sizeof c);
	needle_new(name, x, n);
}

/* In clear, for one call; static so that no copy is left on the stack. */
static uint8_t clear_bytes[4][NEEDLE_MAX];

static CK_BYTE_PTR
clear(size_t which, const struct needle *k)
{
	for (size_t i = 0; i < k->len; i++)
		clear_bytes[which][i] = k->x[i] ^ MASK;
	return clear_bytes[which];
}

static void
forget(void)
{
	OPENSSL_cleanse(clear_bytes, sizeof clear_bytes);
}

/* Whether a needle stands in what a core file would hold; says where. */
static bool
is_left(const struct needle *k, const char *when)
{
	static struct region r[4096];
	size_t n = remains_regions(r, 4096);
	const uint8_t *at;
	bool found = false;

	for (size_t i = 0; i < n; i++) {
		if (!r[i].dumped || !(at = remains_in(&r[i], k)))
			continue;
		found = true;
		printf("# %s: %s at %p, %s\n", when, k->name, (const void *)at, r[i].what);
	}
	return found;
}

static void
nothing_is_left(const char *when)
{
	for (size_t k = 0; k < nneedles; k++)
		tap(!is_left(&needles[k], when), when, needles[k].name);
}

static void
login(CK_SESSION_HANDLE h, CK_USER_TYPE user, const struct needle *pin)
{
	CK_RV rv = f->C_Login(h, user, clear(0, pin), pin->len);

	forget();
	want("C_Login", rv);
}

static CK_OBJECT_HANDLE
find(CK_SESSION_HANDLE h, CK_OBJECT_CLASS cls, CK_BYTE id)
{
	CK_ATTRIBUTE t[] = { { CKA_CLASS, &cls, sizeof cls }, { CKA_ID, &id, 1 } };
	CK_OBJECT_HANDLE o = 0;
	CK_ULONG n;

	want("C_FindObjectsInit", f->C_FindObjectsInit(h, t, 2));
	want("C_FindObjects", f->C_FindObjects(h, &o, 1, &n));
	want("C_FindObjectsFinal", f->C_FindObjectsFinal(h));
	return o;
}

static void
sign(CK_SESSION_HANDLE h)
{
	CK_MECHANISM m = { CKM_SHA256_RSA_PKCS, NULL, 0 };
	CK_BYTE sig[256];
	CK_ULONG n = sizeof sig;

	want("C_SignInit", f->C_SignInit(h, &m, find(h, CKO_PRIVATE_KEY, 0x45)));
	want("C_Sign", f->C_Sign(h, sig, 1, sig, &n));
}

/* A message through C_Encrypt and C_Decrypt: it becomes a needle of its own. */
static void
decrypt(CK_SESSION_HANDLE h)
{
	CK_MECHANISM m = { CKM_RSA_PKCS, NULL, 0 };
	CK_BYTE cryptogram[256], x[32];
	CK_ULONG n = sizeof cryptogram, len = 256;
	struct needle *k;

	want("C_GenerateRandom", f->C_GenerateRandom(h, x, sizeof x));
	k = needle_new("decrypted message", x, sizeof x);
	want("C_EncryptInit", f->C_EncryptInit(h, &m, find(h, CKO_PUBLIC_KEY, 0x45)));
	want("C_Encrypt", f->C_Encrypt(h, clear(0, k), k->len, cryptogram, &n));
	forget();
	want("C_DecryptInit", f->C_DecryptInit(h, &m, find(h, CKO_PRIVATE_KEY, 0x45)));
	want("C_Decrypt", f->C_Decrypt(h, cryptogram, n, clear_bytes[0], &len));
	forget();
}

/* ECDH with the card's own public key: the secret becomes a needle once its object is gone. */
static void
derive(CK_SESSION_HANDLE h)
{
	CK_ECDH1_DERIVE_PARAMS p = { CKD_NULL, 0, NULL, 65, NULL };
	CK_MECHANISM m = { CKM_ECDH1_DERIVE, &p, sizeof p };
	CK_BBOOL no = CK_FALSE, yes = CK_TRUE;
	CK_ATTRIBUTE t[] = { { CKA_SENSITIVE, &no, 1 }, { CKA_EXTRACTABLE, &yes, 1 } };
	CK_BYTE point[80];
	CK_ATTRIBUTE get = { CKA_EC_POINT, point, sizeof point };
	CK_OBJECT_HANDLE key;

	want("point", f->C_GetAttributeValue(h, find(h, CKO_PUBLIC_KEY, 0x47), &get, 1));
	p.pPublicData = point + 2;
	want("C_DeriveKey", f->C_DeriveKey(h, &m, find(h, CKO_PRIVATE_KEY, 0x47), t, 2, &key));
	get = (CK_ATTRIBUTE){ CKA_VALUE, clear_bytes[0], NEEDLE_MAX };
	want("secret", f->C_GetAttributeValue(h, key, &get, 1));
	for (size_t i = 0; i < get.ulValueLen; i++)
		clear_bytes[0][i] ^= MASK;
	needle_new("derived secret", clear_bytes[0], get.ulValueLen);
	forget();
	want("C_DestroyObject", f->C_DestroyObject(h, key));
}

static void
import(CK_SESSION_HANDLE h, const struct needle *d, const struct needle *p, const struct needle *q)
{
	CK_OBJECT_CLASS cls = CKO_PRIVATE_KEY;
	CK_KEY_TYPE type = CKK_RSA;
	CK_BBOOL yes = CK_TRUE;
	CK_BYTE id = 0x66, n[512], e[] = { 1, 0, 1 };
	CK_ATTRIBUTE get = { CKA_MODULUS, n, sizeof n };
	CK_OBJECT_HANDLE key;
	CK_RV rv;

	/* the test card's own key once more, under another id */
	want("modulus", f->C_GetAttributeValue(h, find(h, CKO_PUBLIC_KEY, 0x45), &get, 1));
	CK_ATTRIBUTE t[] = { { CKA_CLASS, &cls, sizeof cls }, { CKA_KEY_TYPE, &type, sizeof type },
		{ CKA_TOKEN, &yes, 1 }, { CKA_SIGN, &yes, 1 }, { CKA_ID, &id, 1 }, { CKA_MODULUS, n, get.ulValueLen },
		{ CKA_PUBLIC_EXPONENT, e, 3 }, { CKA_PRIVATE_EXPONENT, clear(0, d), d->len },
		{ CKA_PRIME_1, clear(1, p), p->len }, { CKA_PRIME_2, clear(2, q), q->len } };
	rv = f->C_CreateObject(h, t, sizeof t / sizeof t[0], &key);
	forget();
	want("C_CreateObject", rv);
}

static int
run(const char *module)
{
	const struct needle *pin = &needles[0], *new_pin = &needles[1], *puk = &needles[2];
	void *so = dlopen(module, RTLD_NOW | RTLD_LOCAL);
	CK_C_GetFunctionList get = so ? (CK_C_GetFunctionList)(uintptr_t)dlsym(so, "C_GetFunctionList") : NULL;
	uint8_t *heap = malloc(NEEDLE_MAX);
	CK_SESSION_HANDLE h;
	CK_SLOT_ID slots[4], slot;
	CK_ULONG n = 4;
	CK_RV rv;

	if (!heap || !get || get(&f))
		return 2;
	want("C_Initialize", f->C_Initialize(NULL));
	want("C_GetSlotList", f->C_GetSlotList(CK_TRUE, slots, &n));
	slot = slots[0];
	want("C_OpenSession", f->C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &h));
	login(h, CKU_USER, pin);
	sign(h);
	decrypt(h);
	derive(h);
	import(h, &needles[3], &needles[4], &needles[5]);
	nothing_is_left("logged in");
	rv = f->C_SetPIN(h, clear(0, pin), pin->len, clear(1, new_pin), new_pin->len);
	forget();
	want("C_SetPIN", rv);
	nothing_is_left("after a change of PIN");
	want("C_Logout", f->C_Logout(h));
	login(h, CKU_SO, puk);
	nothing_is_left("while the PUK is kept");
	rv = f->C_InitPIN(h, clear(0, pin), pin->len);
	forget();
	want("C_InitPIN", rv);
	nothing_is_left("after an unblocking");
	want("C_Finalize", f->C_Finalize(NULL));
	nothing_is_left("at the end");
	/* and what is there is found: in the heap as in static memory */
	memcpy(heap, clear(0, pin), pin->len);
	forget();
	tap(is_left(pin, "on purpose"), "the search finds what is there", NULL);
	OPENSSL_cleanse(heap, NEEDLE_MAX);
	free(heap);
	return failed;
}

static int
load(const char *path)
{
	static const char *const names[] = { "PIN", "new PIN", "PUK", "private exponent", "first prime", "second prime" };
	FILE *in = fopen(path, "r");
	uint8_t x[NEEDLE_MAX];
	unsigned byte;
	size_t n;
	int c;

	if (!in)
		return 2;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		for (n = 0; n < sizeof x && fscanf(in, "%2x", &byte) == 1; ) {
			x[n++] = (uint8_t)byte;
			if ((c = fgetc(in)) == '\n' || c == EOF)
				break;
			ungetc(c, in);
		}
		if (!n)
			return 2;
		needle_new(names[i], x, n);
	}
	fclose(in);
	needle_coded("PIN in hexadecimal", &needles[0], false);
	needle_coded("PIN in BCD", &needles[0], true);
	needle_coded("PUK in hexadecimal", &needles[2], false);
	needle_coded("PUK in BCD", &needles[2], true);
	return 0;
}

static int
prepare(const char *path)
{
	static const char *const names[] = { OSSL_PKEY_PARAM_RSA_D, OSSL_PKEY_PARAM_RSA_FACTOR1, OSSL_PKEY_PARAM_RSA_FACTOR2 };
	FILE *in = fopen(path, "r");
	EVP_PKEY *key = in ? PEM_read_PrivateKey(in, NULL, NULL, NULL) : NULL;
	uint8_t b[NEEDLE_MAX];
	BIGNUM *v;
	int n;

	for (size_t i = 0; key && i < 3; i++) {
		v = NULL;
		if (!EVP_PKEY_get_bn_param(key, names[i], &v) || (size_t)BN_num_bytes(v) > sizeof b)
			return 2;
		n = BN_bn2bin(v, b);
		for (int k = 0; k < n; k++)
			printf("%02x", b[k] ^ MASK);
		printf("\n");
		BN_clear_free(v);
	}
	return key ? 0 : 2;
}

int
main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 4096);
	if (argc == 3 && strcmp(argv[1], "prepare") == 0)
		return prepare(argv[2]);
	if (argc == 4 && strcmp(argv[1], "run") == 0)
		return load(argv[3]) ? 2 : run(argv[2]);
	return 2;
}

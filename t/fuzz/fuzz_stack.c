/* The whole module on a card that answers with the input: each answer is two bytes of length,
 * big-endian, and its bytes, status word included; after the last one the card is gone. Like
 * OpenSC's fuzz_pkcs11 and fuzzer_reader. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "cardos/wire/io.h"
#include "t/fuzz/fuzz.h"
#include "token/cryptoki.h"

const bool fuzz_is_cheap = false;

#define READER "fuzz"
static const uint8_t atr[] = { 0x3B, 0xF5, 0x18, 0x00, 0x00, 0x81, 0x31, 0xFE, 0x45, 0x4D, 0x79, 0x45, 0x49,
	0x44, 0x94, 0x49, 0x9A };
static struct view answers;
static bool gone;

static int
fuzz_list(struct io *io, struct buf *names)
{
	(void)io;
	buf_put(names, READER, sizeof READER);
	return buf_err(names);
}

static int
fuzz_wait(struct waiter *w, struct io_state *s, size_t n, int ms)
{
	(void)w;
	(void)ms;
	for (size_t i = 0; i < n; i++) {
		enum io_presence now = gone ? IO_EMPTY : IO_PRESENT;
		uint32_t events = gone ? 2 : 1;

		s[i].changed = s[i].now != now || s[i].events != events;
		s[i].now = now;
		s[i].events = events;
		s[i].atr_len = sizeof atr;
		memcpy(s[i].atr, atr, sizeof atr);
	}
	return 0;
}

static const struct io_ops fuzz_ops;

static int
fuzz_waiter_new(struct io *io, struct waiter **out)
{
	(void)io;
	if (!(*out = calloc(1, sizeof **out)))
		return E_MEM;
	(*out)->ops = &fuzz_ops;
	return 0;
}

static void
fuzz_waiter_free(struct waiter **w)
{
	free(*w);
	*w = NULL;
}

static void
fuzz_cancel(struct waiter *w)
{
	(void)w;
}

static int
fuzz_open(struct io *io, const char *reader, struct chan **out)
{
	(void)io;
	(void)reader;
	if (gone)
		return E_GONE;
	if (!(*out = calloc(1, sizeof **out)))
		return E_MEM;
	(*out)->ops = &fuzz_ops;
	return 0;
}

static int
fuzz_begin(struct chan *c, int ms)
{
	(void)c;
	(void)ms;
	return gone ? E_GONE : 0;
}

static int
fuzz_end(struct chan *c, enum io_end how)
{
	(void)c;
	(void)how;
	return 0;
}

static int
fuzz_transmit(struct chan *c, struct view cmd, bool secret, struct buf *rsp)
{
	size_t n;

	(void)c;
	(void)cmd;
	(void)secret;
	if (gone || answers.len < 2) {
		gone = true;
		return E_GONE;
	}
	n = (size_t)answers.p[0] << 8 | answers.p[1];
	answers = view_part(answers, 2, SIZE_MAX);
	buf_view(rsp, view_part(answers, 0, n));
	answers = view_part(answers, n < answers.len ? n : answers.len, SIZE_MAX);
	return buf_err(rsp);
}

static struct view
fuzz_atr(struct chan *c)
{
	(void)c;
	return view_of(atr, sizeof atr);
}

static void
fuzz_close(struct chan **c)
{
	free(*c);
	*c = NULL;
}

static void
fuzz_free(struct io **io)
{
	free(*io);
	*io = NULL;
}

static const struct io_ops fuzz_ops = {
	.list = fuzz_list, .waiter_new = fuzz_waiter_new, .waiter_free = fuzz_waiter_free, .wait = fuzz_wait,
	.cancel = fuzz_cancel, .open = fuzz_open, .begin = fuzz_begin, .end = fuzz_end,
	.transmit = fuzz_transmit, .atr = fuzz_atr, .close = fuzz_close, .free = fuzz_free, .forget = fuzz_free,
};

int
io_default(struct io **out)
{
	if (!(*out = calloc(1, sizeof **out)))
		return E_MEM;
	(*out)->ops = &fuzz_ops;
	return 0;
}

bool
io_is_virtual(void)
{
	return true;
}

static void
use(CK_SESSION_HANDLE h, CK_OBJECT_HANDLE o)
{
	static const CK_MECHANISM_TYPE sign[] = { CKM_SHA256_RSA_PKCS, CKM_ECDSA }, crypt[] = { CKM_RSA_PKCS };
	static const CK_ATTRIBUTE_TYPE types[] = { CKA_CLASS, CKA_LABEL, CKA_ID, CKA_VALUE, CKA_SUBJECT, CKA_MODULUS,
		CKA_EC_POINT };
	CK_BYTE buffer[4096] = { 0 };
	CK_ULONG n;

	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
		CK_ATTRIBUTE t = { types[i], buffer, sizeof buffer };

		C_GetAttributeValue(h, o, &t, 1);
	}
	for (size_t i = 0; i < 2; i++) {
		CK_MECHANISM m = { sign[i], NULL, 0 };

		n = sizeof buffer;
		if (C_SignInit(h, &m, o) == CKR_OK)
			C_Sign(h, buffer, 32, buffer + 64, &n);
	}
	for (size_t i = 0; i < 1; i++) {
		CK_MECHANISM m = { crypt[i], NULL, 0 };

		n = 256;
		if (C_DecryptInit(h, &m, o) == CKR_OK)
			C_Decrypt(h, buffer, 256, buffer + 512, &n);
	}
}

static void
make(CK_SESSION_HANDLE h)
{
	static CK_BYTE p256[] = { 0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07 };
	CK_BBOOL yes = CK_TRUE;
	CK_ATTRIBUTE pub = { CKA_EC_PARAMS, p256, sizeof p256 }, priv = { CKA_TOKEN, &yes, 1 };
	CK_MECHANISM m = { CKM_EC_KEY_PAIR_GEN, NULL, 0 };
	CK_OBJECT_HANDLE o[2];

	if (C_GenerateKeyPair(h, &m, &pub, 1, &priv, 1, &o[0], &o[1]) == CKR_OK)
		C_DestroyObject(h, o[1]);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CK_SESSION_HANDLE h;
	CK_TOKEN_INFO info;
	CK_OBJECT_HANDLE o[64];
	CK_BYTE random[32];
	CK_ULONG n = 0;

	answers = view_of(data, size);
	gone = false;
	if (C_Initialize(NULL) != CKR_OK)
		abort();
	C_GetTokenInfo(0, &info);
	if (C_OpenSession(0, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &h) == CKR_OK) {
		C_Login(h, CKU_USER, (CK_UTF8CHAR_PTR)(uintptr_t)"1234", 4);
		if (C_FindObjectsInit(h, NULL, 0) == CKR_OK) {
			C_FindObjects(h, o, 64, &n);
			C_FindObjectsFinal(h);
		}
		for (CK_ULONG i = 0; i < n; i++)
			use(h, o[i]);
		make(h);
		C_GenerateRandom(h, random, sizeof random);
		C_SetPIN(h, (CK_UTF8CHAR_PTR)(uintptr_t)"1234", 4, (CK_UTF8CHAR_PTR)(uintptr_t)"4321", 4);
		C_Logout(h);
	}
	C_Finalize(NULL);
	return 0;
}

/* One card through everything: scenario FILE.expect
 * The parts are list.c, keys.c, pins.c, accidents.c; what they share is here. */
#include "t/scenario/scenario.h"

#include <stdarg.h>
#include <stdio.h>

#include "t/unit/cards.h"
#include "t/unit/unit.h"
#include "token/activate.h"

struct expect want;
const char plain[] = "disableCryptokiAutoLogin = 1\nDataPath = /nonexistent/x\n";

const char *
can_line(void)
{
	static char line[64];

	if (want.can[0])
		snprintf(line, sizeof line, "cardAccessNumber = %s\n", want.can);
	return line;
}

void
settings(const char *text)
{
	char all[512];

	snprintf(all, sizeof all, "%s%s", text, can_line());
	module_settings(all);
}

/* ---- what is wrong ---- */

static char faults[3000];
static size_t faults_len;
static unsigned n_faults;

void
wrong(const char *fmt, ...)
{
	va_list ap;
	int n;

	n_faults++;
	if (faults_len + 300 > sizeof faults)
		return;
	faults_len += (size_t)snprintf(faults + faults_len, 8, "\n#   ");
	va_start(ap, fmt);
	n = vsnprintf(faults + faults_len, 290, fmt, ap);
	va_end(ap);
	if (n > 0)
		faults_len += n < 290 ? (size_t)n : 289;
}

unsigned
n_wrong(void)
{
	return n_faults;
}

static bool in_use; /* the card in the reader is activated */

bool
tries_are_whole(const char *when)
{
	const unsigned before = n_faults;
	int tries, puk;

	for (size_t i = 0; i < want.nslot; i++) {
		tries = vc_tries(module.vc[0], want.slot[i].vc);
		puk = vc_puk_tries(module.vc[0], want.slot[i].vc);
		if (in_use && tries != want.slot[i].tries)
			wrong("%s: %d tries of the PIN of slot %zu are left", when, tries, i + 1);
		if (want.slot[i].unblocks && puk != want.slot[i].puk_tries)
			wrong("%s: %d tries of the PUK of slot %zu are left", when, puk, i + 1);
		if (want.slot[i].each && vc_pin_is_open(module.vc[0], want.slot[i].vc) == 1)
			wrong("%s: the PIN of slot %zu is open", when, i + 1);
	}
	return n_faults == before;
}

void
settle(void)
{
	tries_are_whole("at the end");
	module_free();
	ck_assert_msg(!n_faults, "%u things are wrong%s", n_faults, faults);
}

bool
is_slow(void)
{
	return getenv("CASTOR_TEST_SLOW") != NULL;
}

/* ---- the card and the library ---- */

static CK_SLOT_ID slots[2 * IO_MEM_READERS];
static size_t n_slots;

/* Those with a token, which is known of a card's second slot when the first one was looked at. */
size_t
look_for_slots(void)
{
	CK_SLOT_ID id[COUNT(slots)];
	CK_TOKEN_INFO info;
	CK_ULONG n = 0;

	n_slots = 0;
	if (C_GetSlotList(CK_TRUE, NULL, &n) != CKR_OK || n > COUNT(id) || C_GetSlotList(CK_TRUE, id, &n) != CKR_OK)
		return 0;
	for (CK_ULONG i = 0; i < n; i++)
		if (C_GetTokenInfo(id[i], &info) == CKR_OK)
			slots[n_slots++] = id[i];
	return n_slots;
}

CK_SLOT_ID
slot_id(unsigned slot)
{
	return slot < n_slots ? slots[slot] : (CK_SLOT_ID)-1;
}

CK_SESSION_HANDLE
session(unsigned slot)
{
	CK_SESSION_HANDLE h = 0;
	CK_RV rv = CKR_SLOT_ID_INVALID;

	look_for_slots();
	if (slot < n_slots)
		rv = C_OpenSession(slots[slot], CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &h);
	if (rv != CKR_OK)
		wrong("no session in slot %u: 0x%lX, %zu slots", slot + 1, rv, n_slots);
	return rv == CKR_OK ? h : 0;
}

CK_SESSION_HANDLE
begin(unsigned slot)
{
	CK_SESSION_HANDLE h;

	ck_assert_uint_eq(C_Initialize(NULL), CKR_OK);
	if (!(h = session(slot)))
		settle();
	return h;
}

void
finish(void)
{
	ck_assert_uint_eq(C_Finalize(NULL), CKR_OK);
}

CK_FLAGS
flags_of(CK_SESSION_HANDLE h)
{
	CK_SESSION_INFO info;
	CK_TOKEN_INFO token;

	if (C_GetSessionInfo(h, &info) != CKR_OK || C_GetTokenInfo(info.slotID, &token) != CKR_OK)
		return 0;
	return token.flags;
}

CK_RV
login(CK_SESSION_HANDLE h, unsigned slot)
{
	return module_login(h, want.slot[slot].pin);
}

CK_RV
unblock(CK_SESSION_HANDLE h, const char *puk, const char *pin)
{
	CK_RV rv = C_Login(h, CKU_SO, (CK_UTF8CHAR_PTR)(uintptr_t)puk, strlen(puk));

	if (rv)
		return rv;
	rv = C_InitPIN(h, (CK_UTF8CHAR_PTR)(uintptr_t)pin, strlen(pin));
	C_Logout(h);
	return rv;
}

void
new_card(void)
{
	module_card(want.image, NULL, NULL);
	in_use = true;
	for (size_t i = 0; i < want.nslot; i++)
		in_use = in_use && want.slot[i].activation == ACTIVATION_NONE;
}

void
fresh_card(void)
{
	const struct expect_slot *s;
	CK_SESSION_HANDLE h;
	CK_RV rv;

	new_card();
	for (unsigned i = 0; i < want.nslot; i++) {
		s = &want.slot[i];
		if (s->activation == ACTIVATION_NONE)
			continue;
		h = begin(i);
		rv = s->activation == ACTIVATION_CHANGE ? module_set_pin(h, s->code, s->pin) :
		    unblock(h, s->code, s->pin);
		ck_assert_msg(rv == CKR_OK, "slot %u could not be activated: 0x%lX", i + 1, rv);
		finish();
	}
	in_use = true;
}

/* ---- objects ---- */

CK_OBJECT_HANDLE
object_of(CK_SESSION_HANDLE h, CK_OBJECT_CLASS cls, const struct expect_object *o)
{
	CK_ATTRIBUTE t[] = { { CKA_CLASS, &cls, sizeof cls },
		{ CKA_ID, (void *)(uintptr_t)o->id, o->id_len } };
	CK_OBJECT_HANDLE found = 0;
	CK_ULONG n = 0;

	if (C_FindObjectsInit(h, t, 2) != CKR_OK)
		return 0;
	C_FindObjects(h, &found, 1, &n);
	C_FindObjectsFinal(h);
	return n ? found : 0;
}

CK_ULONG
attribute(CK_SESSION_HANDLE h, CK_OBJECT_HANDLE o, CK_ATTRIBUTE_TYPE type, void *out, CK_ULONG room)
{
	CK_ATTRIBUTE t = { type, out, room };

	return C_GetAttributeValue(h, o, &t, 1) == CKR_OK ? t.ulValueLen : CK_UNAVAILABLE_INFORMATION;
}

CK_ULONG
attribute_ulong(CK_SESSION_HANDLE h, CK_OBJECT_HANDLE o, CK_ATTRIBUTE_TYPE type)
{
	CK_ULONG value;

	return attribute(h, o, type, &value, sizeof value) == sizeof value ? value : CK_UNAVAILABLE_INFORMATION;
}

CK_BBOOL
attribute_bool(CK_SESSION_HANDLE h, CK_OBJECT_HANDLE o, CK_ATTRIBUTE_TYPE type)
{
	CK_BBOOL value;

	return attribute(h, o, type, &value, sizeof value) == sizeof value ? value : 2;
}

/* ---- keys ---- */

static const struct expect_object *
row_of(const struct expect_object *rows, size_t n, const struct expect_object *key)
{
	for (size_t i = 0; i < n; i++)
		if (rows[i].slot == key->slot && rows[i].id_len == key->id_len &&
		    memcmp(rows[i].id, key->id, key->id_len) == 0)
			return &rows[i];
	return NULL;
}

EVP_PKEY *
public_of(const struct expect_object *key)
{
	const struct expect_object *row = row_of(want.cert, want.ncert, key);
	EVP_PKEY *pub = NULL;
	X509 *x;

	if (row && (x = witness_cert(row->file))) {
		pub = X509_get_pubkey(x);
		X509_free(x);
	} else if ((row = row_of(want.pub, want.npub, key))) {
		pub = witness_key(row->file);
	}
	ck_assert_msg(pub != NULL, "the expectations name no public key of %s", key->label);
	return pub;
}

const struct expect_object *
signer_of(unsigned slot, const struct way **way)
{
	for (size_t k = 0; k < want.nkey; k++) {
		if (want.key[k].slot != slot || !(want.key[k].uses & CKF_SIGN))
			continue;
		for (size_t i = 0; i < n_ways; i++) {
			*way = &ways[i];
			if (ways[i].key == want.key[k].type && ways[i].md && strcmp(ways[i].md, "SHA256") == 0 &&
			    expect_mech(&want, slot, ways[i].type, CKF_SIGN))
				return &want.key[k];
		}
	}
	return NULL;
}

CK_MECHANISM
mechanism(const struct way *way, const struct hash_name *hash, size_t salt, CK_RSA_PKCS_PSS_PARAMS *pss)
{
	CK_MECHANISM m = { way->type, NULL, 0 };

	if (way->kind == KIND_PSS) {
		*pss = (CK_RSA_PKCS_PSS_PARAMS){ hash->ckm, hash->mgf, salt };
		m.pParameter = pss;
		m.ulParameterLen = sizeof *pss;
	}
	return m;
}

const char *
pin_of_use(unsigned slot)
{
	return want.slot[slot].each ? want.slot[slot].pin : NULL;
}

bool
back_in(CK_SESSION_HANDLE h, CK_RV rv)
{
	CK_SESSION_INFO info;

	if (rv != CKR_USER_NOT_LOGGED_IN || C_GetSessionInfo(h, &info) != CKR_OK)
		return false;
	for (unsigned i = 0; i < want.nslot; i++)
		if (slot_id(i) == info.slotID)
			return want.slot[i].drops && login(h, i) == CKR_OK;
	return false;
}

CK_RV
sign(CK_SESSION_HANDLE h, CK_OBJECT_HANDLE key, const char *pin, CK_MECHANISM *m, const CK_BYTE *in, size_t n,
    CK_BYTE *sig, CK_ULONG *nsig)
{
	CK_RV rv = C_SignInit(h, m, key);

	if (rv)
		return rv;
	if (pin)
		rv = C_Login(h, CKU_CONTEXT_SPECIFIC, (CK_UTF8CHAR_PTR)(uintptr_t)pin, strlen(pin));
	if (!rv)
		rv = C_Sign(h, (CK_BYTE_PTR)(uintptr_t)in, n, sig, nsig);
	C_SignInit(h, NULL, 0);
	return rv;
}

CK_RV
sign_text(CK_SESSION_HANDLE h, unsigned slot, CK_OBJECT_HANDLE o, const char *pin)
{
	static const CK_BYTE text[] = "to be signed";
	const struct way *way;
	const struct expect_object *key = signer_of(slot, &way);
	const struct hash_name *hash = hash_named("SHA256");
	CK_RSA_PKCS_PSS_PARAMS pss;
	CK_MECHANISM m = mechanism(way, hash, hash->bytes, &pss);
	CK_BYTE sig[1024];
	CK_ULONG n = sizeof sig;
	EVP_PKEY *pub;
	CK_RV rv = sign(h, o, pin, &m, text, sizeof text, sig, &n);

	if (rv)
		return rv;
	pub = public_of(key);
	if (!witness_verifies(pub, way, hash, hash->bytes, text, sizeof text, sig, n))
		wrong("a signature of %s was given out that does not verify", key->label);
	EVP_PKEY_free(pub);
	return CKR_OK;
}

void
logs_in_and_signs(CK_SESSION_HANDLE h, unsigned slot, const char *when)
{
	const struct way *way;
	const struct expect_object *key = signer_of(slot, &way);
	CK_RV rv = login(h, slot);

	if (rv != CKR_OK && rv != CKR_USER_ALREADY_LOGGED_IN)
		wrong("%s: C_Login in slot %u: 0x%lX", when, slot + 1, rv);
	if (!key)
		return;
	rv = sign_text(h, slot, object_of(h, CKO_PRIVATE_KEY, key), pin_of_use(slot));
	if (back_in(h, rv))
		rv = sign_text(h, slot, object_of(h, CKO_PRIVATE_KEY, key), pin_of_use(slot));
	if (rv != CKR_OK)
		wrong("%s: the signature of %s: 0x%lX", when, key->label, rv);
}

int
main(int argc, char **argv)
{
	Suite *suite;

	if (argc != 2) {
		fprintf(stderr, "usage: scenario FILE.expect\n");
		return 2;
	}
	expect_read(argv[1], &want);
	settings(plain);
	if (want.profile[0])
		module_profile(want.profile);
	suite = suite_create(want.image);
	list_tests(suite);
	key_tests(suite);
	pin_tests(suite);
	accident_tests(suite);
	return unit_run(suite);
}

/* What a card shows without a PIN, and with one: slots, tokens, certificates, keys, mechanisms; and how many
 * commands that takes. */
#include "t/scenario/scenario.h"

#include <openssl/x509v3.h>
#include <stdio.h>

#include "token/activate.h"
#include "token/feature.h"

#define OBJECTS 64

/* A text of a fixed size without the blanks at its end, as C has texts. */
static const char *
trimmed(const CK_UTF8CHAR *in, size_t n, char *out)
{
	while (n && in[n - 1] == ' ')
		n--;
	memcpy(out, in, n);
	out[n] = '\0';
	return out;
}

START_TEST(slots_are_those_that_are_expected)
{
	CK_TOKEN_INFO info;
	char label[40];
	size_t n;

	new_card();
	ck_assert_uint_eq(C_Initialize(NULL), CKR_OK);
	if ((n = look_for_slots()) != want.nslot)
		wrong("%zu slots with a token, not %zu", n, want.nslot);
	for (unsigned i = 0; i < want.nslot && i < n; i++) {
		const struct expect_slot *s = &want.slot[i];
		CK_FLAGS state = CKF_USER_PIN_LOCKED | CKF_USER_PIN_TO_BE_CHANGED | CKF_USER_PIN_COUNT_LOW |
		    CKF_USER_PIN_FINAL_TRY;
		CK_FLAGS should = s->activation == ACTIVATION_UNBLOCK ? CKF_USER_PIN_LOCKED :
		    s->activation == ACTIVATION_CHANGE ? CKF_USER_PIN_TO_BE_CHANGED : 0;

		ck_assert_uint_eq(C_GetTokenInfo(slot_id(i), &info), CKR_OK);
		trimmed(info.label, sizeof info.label, label);
		if (strcmp(label, s->token) != 0)
			wrong("slot %u has the token \"%s\", not \"%s\"", i + 1, label, s->token);
		if (info.ulMinPinLen != s->min || info.ulMaxPinLen != s->max)
			wrong("slot %u has PINs of %lu to %lu, not %lu to %lu", i + 1, info.ulMinPinLen, info.ulMaxPinLen,
			    s->min, s->max);
		if ((info.flags & state) != should)
			wrong("slot %u has flags 0x%lX", i + 1, info.flags);
		if ((info.flags & (CKF_LOGIN_REQUIRED | CKF_TOKEN_INITIALIZED | CKF_USER_PIN_INITIALIZED)) !=
		    (CKF_LOGIN_REQUIRED | CKF_TOKEN_INITIALIZED | CKF_USER_PIN_INITIALIZED))
			wrong("slot %u has flags 0x%lX", i + 1, info.flags);
		if (info.serialNumber[0] == ' ')
			wrong("slot %u has no serial number", i + 1);
	}
	finish();
	settle();
}
END_TEST

/* ---- mechanisms ---- */

static bool
is_hash(CK_MECHANISM_TYPE type)
{
	static const CK_MECHANISM_TYPE hashes[] = { CKM_MD5, CKM_SHA_1, CKM_SHA224, CKM_SHA256, CKM_SHA384, CKM_SHA512 };

	for (size_t i = 0; i < COUNT(hashes); i++)
		if (hashes[i] == type)
			return true;
	return false;
}

START_TEST(mechanisms_are_those_that_are_expected)
{
	static const struct { CK_FLAGS flag; const char *name; } uses[] = {
		{ CKF_SIGN, "sign" }, { CKF_DECRYPT, "decrypt" }, { CKF_DERIVE, "derive" },
		{ CKF_GENERATE_KEY_PAIR, "generate" },
	};
	CK_MECHANISM_TYPE list[EXPECT_MECHS];
	CK_ULONG n = COUNT(list);
	CK_MECHANISM_INFO info;
	CK_SLOT_ID id;
	CK_ULONG k;

	new_card();
	ck_assert_uint_eq(C_Initialize(NULL), CKR_OK);
	ck_assert_uint_gt(look_for_slots(), (unsigned)_i);
	id = slot_id((unsigned)_i);
	ck_assert_uint_eq(C_GetMechanismList(id, list, &n), CKR_OK);
	for (CK_ULONG i = 0; i < n; i++) {
		if (C_GetMechanismInfo(id, list[i], &info) != CKR_OK)
			wrong("%s is listed and has no info", mech_name(list[i]));
		for (size_t u = 0; u < COUNT(uses); u++)
			if (info.flags & uses[u].flag && !expect_mech(&want, (unsigned)_i, list[i], uses[u].flag))
				wrong("%s is listed to %s", mech_name(list[i]), uses[u].name);
		if (is_hash(list[i]) && !(info.flags & CKF_DIGEST))
			wrong("a hash that does not hash");
	}
	for (size_t i = 0; i < want.nmech; i++) {
		if (want.mech[i].slot != (unsigned)_i)
			continue;
		for (k = 0; k < n && list[k] != want.mech[i].type; k++)
			;
		if (k == n || C_GetMechanismInfo(id, want.mech[i].type, &info) != CKR_OK ||
		    !(info.flags & want.mech[i].use))
			wrong("%s is not listed for 0x%lX", mech_name(want.mech[i].type), want.mech[i].use);
	}
	finish();
	settle();
}
END_TEST

/* ---- objects ---- */

static void
label_is(CK_SESSION_HANDLE h, CK_OBJECT_HANDLE o, const char *kind, const char *should)
{
	char label[EXPECT_TEXT] = "";
	CK_ULONG n = attribute(h, o, CKA_LABEL, label, sizeof label - 1);

	if (n == CK_UNAVAILABLE_INFORMATION || strlen(should) != n || memcmp(label, should, n) != 0)
		wrong("a %s is called \"%s\", not \"%s\"", kind, label, should);
}

static void
bytes_are(CK_SESSION_HANDLE h, CK_OBJECT_HANDLE o, CK_ATTRIBUTE_TYPE type, const char *what, const char *label,
    unsigned char *der, int len)
{
	CK_BYTE value[4096];
	CK_ULONG n = attribute(h, o, type, value, sizeof value);

	if (len <= 0 || n != (CK_ULONG)len || memcmp(value, der, n) != 0)
		wrong("the %s of %s is not the certificate's", what, label);
	OPENSSL_free(der);
}

/* One of a certificate or a key in every slot of the expectations, and no other. */
static void
count_is(CK_SESSION_HANDLE h, CK_OBJECT_CLASS cls, const char *name, size_t should)
{
	CK_ATTRIBUTE t = { CKA_CLASS, &cls, sizeof cls };
	CK_OBJECT_HANDLE o[OBJECTS];
	CK_ULONG n = 0;

	if (C_FindObjectsInit(h, &t, 1) == CKR_OK) {
		C_FindObjects(h, o, OBJECTS, &n);
		C_FindObjectsFinal(h);
	}
	if (n != should)
		wrong("%lu %s, not %zu", n, name, should);
}

static size_t
rows_of(const struct expect_object *rows, size_t n, unsigned slot)
{
	size_t count = 0;

	for (size_t i = 0; i < n; i++)
		count += rows[i].slot == slot;
	return count;
}

static void
certificate(CK_SESSION_HANDLE h, const struct expect_object *c)
{
	CK_OBJECT_HANDLE o = object_of(h, CKO_CERTIFICATE, c);
	X509 *x = witness_cert(c->file);
	unsigned char *der = NULL;
	char subject[256];
	int n;

	if (!o || !x) {
		wrong("the certificate %s is not there", c->label);
		X509_free(x);
		return;
	}
	label_is(h, o, "certificate", c->label);
	n = i2d_X509(x, &der);
	bytes_are(h, o, CKA_VALUE, "value", c->label, der, n);
	der = NULL;
	n = i2d_X509_NAME(X509_get_subject_name(x), &der);
	bytes_are(h, o, CKA_SUBJECT, "subject", c->label, der, n);
	der = NULL;
	n = i2d_X509_NAME(X509_get_issuer_name(x), &der);
	bytes_are(h, o, CKA_ISSUER, "issuer", c->label, der, n);
	der = NULL;
	n = i2d_ASN1_INTEGER(X509_get0_serialNumber(x), &der);
	bytes_are(h, o, CKA_SERIAL_NUMBER, "serial number", c->label, der, n);
	if (attribute_ulong(h, o, CKA_CERTIFICATE_CATEGORY) != (c->ca ? 2 : 1))
		wrong("%s has the category %lu", c->label, attribute_ulong(h, o, CKA_CERTIFICATE_CATEGORY));
	if ((X509_check_ca(x) > 0) != c->ca)
		wrong("the expectations are wrong about %s", c->label);
	X509_NAME_oneline(X509_get_subject_name(x), subject, sizeof subject);
	printf("# slot %u: %s: %s\n", c->slot + 1, c->label, subject);
	X509_free(x);
}

/* Whoever wants its value learns that there is none, and all that it costs is one channel. */
static void
lost_certificate(CK_SESSION_HANDLE h, const struct expect_object *c)
{
	CK_OBJECT_HANDLE o = object_of(h, CKO_CERTIFICATE, c);
	CK_BYTE value[4096];
	CK_ULONG n;

	if (!o) {
		wrong("the certificate %s is not listed", c->label);
		return;
	}
	label_is(h, o, "certificate", c->label);
	n = attribute(h, o, CKA_VALUE, value, sizeof value);
	if (n && n != CK_UNAVAILABLE_INFORMATION)
		wrong("the certificate %s has a value of %lu bytes", c->label, n);
	if (object_of(h, CKO_CERTIFICATE, c))
		wrong("the certificate %s is still listed", c->label);
}

START_TEST(certificates_need_no_pin)
{
	CK_SESSION_HANDLE h;
	uint32_t resets;

	new_card();
	h = begin((unsigned)_i);
	resets = vc_counts(module.vc[0]).resets;
	count_is(h, CKO_CERTIFICATE, "certificates", rows_of(want.cert, want.ncert, (unsigned)_i) +
	    rows_of(want.lost, want.nlost, (unsigned)_i));
	for (size_t i = 0; i < want.nlost; i++)
		if (want.lost[i].slot == (unsigned)_i)
			lost_certificate(h, &want.lost[i]);
	count_is(h, CKO_CERTIFICATE, "certificates", rows_of(want.cert, want.ncert, (unsigned)_i));
	for (size_t i = 0; i < want.ncert; i++)
		if (want.cert[i].slot == (unsigned)_i)
			certificate(h, &want.cert[i]);
	if (vc_counts(module.vc[0]).resets - resets > (want.nlost ? 1U : 0U))
		wrong("the certificates cost %u resets", (unsigned)(vc_counts(module.vc[0]).resets - resets));
	count_is(h, CKO_PRIVATE_KEY, "private keys without a login", 0);
	finish();
	settle();
}
END_TEST

static void
private_key(CK_SESSION_HANDLE h, const struct expect_object *k)
{
	static const struct { CK_ATTRIBUTE_TYPE type; CK_FLAGS use; const char *name; } uses[] = {
		{ CKA_SIGN, CKF_SIGN, "sign" }, { CKA_DECRYPT, CKF_DECRYPT, "decrypt" },
		{ CKA_DERIVE, CKF_DERIVE, "derive" },
	};
	CK_OBJECT_HANDLE o = object_of(h, CKO_PRIVATE_KEY, k);
	EVP_PKEY *pub = public_of(k);

	if (!o) {
		wrong("the key %s is not there", k->label);
		EVP_PKEY_free(pub);
		return;
	}
	label_is(h, o, "key", k->label);
	if (attribute_ulong(h, o, CKA_KEY_TYPE) != k->type)
		wrong("%s is of type %lu", k->label, attribute_ulong(h, o, CKA_KEY_TYPE));
	if ((CK_ULONG)EVP_PKEY_get_bits(pub) != k->bits)
		wrong("%s has %d bits", k->label, EVP_PKEY_get_bits(pub));
	for (size_t i = 0; i < COUNT(uses); i++)
		if (attribute_bool(h, o, uses[i].type) != (k->uses & uses[i].use ? CK_TRUE : CK_FALSE))
			wrong("%s may %s: %d", k->label, uses[i].name, attribute_bool(h, o, uses[i].type));
	if (attribute_bool(h, o, CKA_ALWAYS_AUTHENTICATE) != want.slot[k->slot].each)
		wrong("%s: CKA_ALWAYS_AUTHENTICATE is %d", k->label, attribute_bool(h, o, CKA_ALWAYS_AUTHENTICATE));
	if (attribute_bool(h, o, CKA_SENSITIVE) != CK_TRUE || attribute_bool(h, o, CKA_EXTRACTABLE) != CK_FALSE)
		wrong("%s can be read", k->label);
	if (!object_of(h, CKO_PUBLIC_KEY, k))
		wrong("%s has no public half", k->label);
	EVP_PKEY_free(pub);
}

/* RSA by the modulus, EC by the point: the object is the certificate's key. */
static void
public_key(CK_SESSION_HANDLE h, const struct expect_object *k)
{
	CK_OBJECT_HANDLE o = object_of(h, CKO_PUBLIC_KEY, k);
	CK_BYTE value[1024], own[1024];
	EVP_PKEY *pub = public_of(k);
	BIGNUM *n = NULL;
	CK_ULONG len;
	size_t own_len = 0;

	if (k->type == CKK_RSA && EVP_PKEY_get_bn_param(pub, "n", &n) == 1)
		own_len = (size_t)BN_bn2bin(n, own);
	else if (k->type == CKK_EC)
		EVP_PKEY_get_octet_string_param(pub, "pub", own, sizeof own, &own_len);
	len = attribute(h, o, k->type == CKK_RSA ? CKA_MODULUS : CKA_EC_POINT, value, sizeof value);
	if (len == CK_UNAVAILABLE_INFORMATION || len < own_len || memcmp(value + len - own_len, own, own_len) != 0)
		wrong("the public half of %s is another's", k->label);
	BN_free(n);
	EVP_PKEY_free(pub);
}

START_TEST(keys_are_those_that_are_expected)
{
	CK_SESSION_HANDLE h;

	fresh_card();
	h = begin((unsigned)_i);
	ck_assert_uint_eq(login(h, (unsigned)_i), CKR_OK);
	count_is(h, CKO_PRIVATE_KEY, "private keys", rows_of(want.key, want.nkey, (unsigned)_i));
	for (size_t i = 0; i < want.nkey; i++) {
		if (want.key[i].slot != (unsigned)_i)
			continue;
		private_key(h, &want.key[i]);
		public_key(h, &want.key[i]);
	}
	finish();
	settle();
}
END_TEST

/* ---- what it costs ---- */

static unsigned
apdus(void)
{
	static uint32_t before;
	uint32_t now = vc_counts(module.vc[0]).apdus, n = now - before;

	before = now;
	return n;
}

static void
within(unsigned n, unsigned most, const char *what)
{
	printf("# %-44s %3u APDUs\n", what, n);
	if (most && n > most)
		wrong("%s: %u APDUs, at most %u", what, n, most);
}

/* Directories: labels and IDs of all; with the certificates' values: the whole list. */
static void
look_at_all(CK_SESSION_HANDLE h, bool values)
{
	CK_OBJECT_HANDLE o[OBJECTS];
	CK_ULONG n = 0;
	CK_BYTE out[4096];

	if (C_FindObjectsInit(h, NULL, 0) != CKR_OK)
		return;
	C_FindObjects(h, o, OBJECTS, &n);
	C_FindObjectsFinal(h);
	for (CK_ULONG i = 0; i < n; i++) {
		attribute(h, o[i], CKA_LABEL, out, sizeof out);
		attribute(h, o[i], CKA_ID, out, sizeof out);
		if (values && attribute_ulong(h, o[i], CKA_CLASS) == CKO_CERTIFICATE)
			attribute(h, o[i], CKA_VALUE, out, sizeof out);
	}
}

START_TEST(costs_few_commands)
{
	CK_SESSION_HANDLE h[EXPECT_SLOTS];
	unsigned n;

	fresh_card();
	apdus();
	for (unsigned i = 0; i < want.nslot; i++)
		look_at_all(h[i] = i ? session(i) : begin(0), false);
	n = apdus();
	within(n, want.dirs, "directories of all slots, cold");
	for (unsigned i = 0; i < want.nslot; i++)
		look_at_all(h[i], true);
	within(n + apdus(), want.list, "with all certificates");
	for (unsigned i = 0; i < want.nslot; i++) {
		ck_assert_uint_eq(login(h[i], i), CKR_OK);
		n = apdus();
		logs_in_and_signs(h[i], i, "counted");
		/* a PIN that is given each time is sent with the signature */
		within(n + apdus(), i ? 0 : want.login_sign, i ? "login and signature in a further slot" :
		    "login and signature in the first slot");
		logs_in_and_signs(h[i], i, "counted");
		within(apdus(), i ? 0 : want.sign, "one more signature");
	}
	finish();
	settle();
}
END_TEST

void
list_tests(Suite *suite)
{
	TCase *tc = tcase_create("list");

	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, slots_are_those_that_are_expected);
	tcase_add_loop_test(tc, mechanisms_are_those_that_are_expected, 0, (int)want.nslot);
	tcase_add_loop_test(tc, certificates_need_no_pin, 0, (int)want.nslot);
	tcase_add_loop_test(tc, keys_are_those_that_are_expected, 0, (int)want.nslot);
	tcase_add_test(tc, costs_few_commands);
	suite_add_tcase(suite, tc);
}

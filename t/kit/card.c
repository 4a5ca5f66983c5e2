#include "t/kit/card.h"

#include <check.h>
#include <dlfcn.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
card_open(struct card *c, unsigned n, const char *pin)
{
	CK_C_INITIALIZE_ARGS args = { .flags = CKF_OS_LOCKING_OK };
	CK_RV (*get)(CK_FUNCTION_LIST **) = NULL;
	CK_SLOT_ID slots[8];
	CK_ULONG count = 8;
	void *dl;

	*c = (struct card){ 0 };
	ck_assert_ptr_nonnull(getenv("KIT_MODULE"));
	dl = dlopen(getenv("KIT_MODULE"), RTLD_NOW | RTLD_LOCAL);
	ck_assert_msg(dl != NULL, "%s", dlerror());
	*(void **)&get = dlsym(dl, "C_GetFunctionList");
	ck_assert_ptr_nonnull(get);
	ck_assert_uint_eq(get(&c->module), CKR_OK);
	c->f = *c->module;
	ck_assert_uint_eq(c->f.C_Initialize(&args), CKR_OK);
	ck_assert_uint_eq(c->f.C_GetSlotList(CK_TRUE, NULL, &(CK_ULONG){ 0 }), CKR_OK);
	ck_assert_uint_eq(c->f.C_GetSlotList(CK_TRUE, slots, &count), CKR_OK);
	ck_assert_uint_gt(count, n);
	ck_assert_uint_eq(c->f.C_OpenSession(slots[n], CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &c->h),
	    CKR_OK);
	if (pin)
		ck_assert_uint_eq(c->f.C_Login(c->h, CKU_USER, (CK_BYTE *)pin, strlen(pin)), CKR_OK);
	ck_assert_int_eq(kit_lib_open(&c->lib), 0);
}

void
card_close(struct card *c)
{
	kit_lib_close(&c->lib);
	ck_assert_uint_eq(c->module->C_Finalize(NULL), CKR_OK);
}

static CK_OBJECT_HANDLE
find(struct card *c, CK_OBJECT_CLASS class, CK_BYTE id)
{
	CK_ATTRIBUTE t[] = { { CKA_CLASS, &class, sizeof class }, { CKA_ID, &id, 1 } };
	CK_OBJECT_HANDLE o = CK_INVALID_HANDLE;
	CK_ULONG n = 0;

	ck_assert_uint_eq(c->module->C_FindObjectsInit(c->h, t, 2), CKR_OK);
	ck_assert_uint_eq(c->module->C_FindObjects(c->h, &o, 1, &n), CKR_OK);
	ck_assert_uint_eq(c->module->C_FindObjectsFinal(c->h), CKR_OK);
	return n ? o : CK_INVALID_HANDLE;
}

/* The public half of a key without a certificate: of t/cards/pki, or a file of the current folder. */
static EVP_PKEY *
public_of(struct card *c, CK_BYTE id)
{
	static const struct { CK_BYTE id; const char *file; } files[] = {
		{ 0x51, "p521.pem" }, { 0x52, "rsa.pem" }
	};
	EVP_PKEY *k = NULL;

	if (id == 0x47)
		return card_pki_key(c, "p256");
	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
		if (files[i].id == id) {
			BIO *b = BIO_new_file(files[i].file, "r");
			X509 *x = PEM_read_bio_X509(b, NULL, NULL, NULL);

			ck_assert_ptr_nonnull(k = X509_get_pubkey(x));
			X509_free(x);
			BIO_free(b);
		}
	ck_assert_msg(k != NULL, "key %02x has no certificate", id);
	return k;
}

void
card_key_open(struct card *c, CK_BYTE id, struct card_key *k)
{
	CK_OBJECT_HANDLE cert = find(c, CKO_CERTIFICATE, id);
	CK_BYTE der[4096];
	const unsigned char *p = der;
	CK_ATTRIBUTE value = { CKA_VALUE, der, sizeof der };
	EVP_PKEY *soft = NULL;

	*k = (struct card_key){ .kit = { .f = &c->f, .session = c->h } };
	ck_assert_uint_ne(k->kit.key = find(c, CKO_PRIVATE_KEY, id), CK_INVALID_HANDLE);
	if (cert) {
		ck_assert_uint_eq(c->module->C_GetAttributeValue(c->h, cert, &value, 1), CKR_OK);
		ck_assert_ptr_nonnull(k->cert = X509_new_ex(c->lib.ctx, NULL));
		ck_assert_ptr_nonnull(d2i_X509(&k->cert, &p, (long)value.ulValueLen));
	} else
		soft = public_of(c, id);
	k->key = kit_pkey_new(c->lib.ctx, &k->kit, soft ? soft : X509_get0_pubkey(k->cert));
	EVP_PKEY_free(soft);
	ck_assert_ptr_nonnull(k->key);
}

void
card_key_close(struct card_key *k)
{
	EVP_PKEY_free(k->key);
	X509_free(k->cert);
	*k = (struct card_key){ 0 };
}

static BIO *
pki_file(const char *before, const char *name, const char *after)
{
	char path[512];
	BIO *b;

	snprintf(path, sizeof path, "%s/t/cards/pki/%s%s%s", getenv("top_srcdir"), before, name, after);
	b = BIO_new_file(path, "r");
	ck_assert_msg(b != NULL, "%s", path);
	return b;
}

X509 *
card_pki_cert(struct card *c, const char *name)
{
	X509 *x = X509_new_ex(c->lib.ctx, NULL);
	BIO *b = pki_file("", name, ".cert.pem");

	ck_assert_ptr_nonnull(PEM_read_bio_X509(b, &x, NULL, NULL));
	BIO_free(b);
	return x;
}

EVP_PKEY *
card_pki_key(struct card *c, const char *name)
{
	BIO *b = pki_file("TEST-", name, ".key.pem");
	EVP_PKEY *k = PEM_read_bio_PrivateKey_ex(b, NULL, NULL, NULL, c->lib.ctx, NULL);

	ck_assert_ptr_nonnull(k);
	BIO_free(b);
	return k;
}

void
card_hook(const char *variable)
{
	ck_assert_ptr_nonnull(getenv(variable));
	ck_assert_int_eq(system(getenv(variable)), 0);
}

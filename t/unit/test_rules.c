#include "token/rules.h"

#include "t/unit/unit.h"

#include <string.h>

static CK_BBOOL yes = CK_TRUE, no = CK_FALSE, odd = 2;
static CK_OBJECT_CLASS data_class = CKO_DATA, cert_class = CKO_CERTIFICATE, pub_class = CKO_PUBLIC_KEY,
	priv_class = CKO_PRIVATE_KEY, secret_class = CKO_SECRET_KEY, domain_class = CKO_DOMAIN_PARAMETERS,
	profile_class = CKO_PROFILE, hw_class = CKO_HW_FEATURE, unknown_class = 0x77;
static CK_KEY_TYPE rsa = CKK_RSA, ec = CKK_EC, generic = CKK_GENERIC_SECRET;
static CK_CERTIFICATE_TYPE x509 = CKC_X_509;
static CK_BYTE bytes[] = "some bytes";
static CK_BYTE number[] = { 0x00, 0x00, 0x81, 0x02 };

#define BOOL(type, v) { type, &(v), sizeof(CK_BBOOL) }
#define ULONG(type, v) { type, &(v), sizeof(CK_ULONG) }
#define BYTES(type) { type, bytes, sizeof bytes }
#define NUMBER(type) { type, number, sizeof number }
#define N(a) (sizeof(a) / sizeof((a)[0]))

/* One good template per class and key type. Every attribute in it is required. */
static CK_ATTRIBUTE data_t[] = { ULONG(CKA_CLASS, data_class) };
static CK_ATTRIBUTE cert_t[] = { ULONG(CKA_CLASS, cert_class), ULONG(CKA_CERTIFICATE_TYPE, x509),
	BYTES(CKA_SUBJECT), BYTES(CKA_VALUE) };
static CK_ATTRIBUTE rsa_pub_t[] = { ULONG(CKA_CLASS, pub_class), ULONG(CKA_KEY_TYPE, rsa), NUMBER(CKA_MODULUS),
	NUMBER(CKA_PUBLIC_EXPONENT) };
static CK_ATTRIBUTE ec_pub_t[] = { ULONG(CKA_CLASS, pub_class), ULONG(CKA_KEY_TYPE, ec), BYTES(CKA_EC_PARAMS),
	BYTES(CKA_EC_POINT) };
static CK_ATTRIBUTE rsa_priv_t[] = { ULONG(CKA_CLASS, priv_class), ULONG(CKA_KEY_TYPE, rsa), NUMBER(CKA_MODULUS),
	NUMBER(CKA_PRIVATE_EXPONENT) };
static CK_ATTRIBUTE ec_priv_t[] = { ULONG(CKA_CLASS, priv_class), ULONG(CKA_KEY_TYPE, ec), BYTES(CKA_EC_PARAMS),
	NUMBER(CKA_VALUE) };
static CK_ATTRIBUTE secret_t[] = { ULONG(CKA_CLASS, secret_class), ULONG(CKA_KEY_TYPE, generic), BYTES(CKA_VALUE) };

static const struct { const char *name; const CK_ATTRIBUTE *t; CK_ULONG n; } good[] = {
	{ "data", data_t, N(data_t) }, { "certificate", cert_t, N(cert_t) },
	{ "RSA public", rsa_pub_t, N(rsa_pub_t) }, { "EC public", ec_pub_t, N(ec_pub_t) },
	{ "RSA private", rsa_priv_t, N(rsa_priv_t) }, { "EC private", ec_priv_t, N(ec_priv_t) },
	{ "secret", secret_t, N(secret_t) },
};
enum { DATA, CERT, RSA_PUB, EC_PUB, RSA_PRIV, EC_PRIV, SECRET };

static struct attrs *
made(int which)
{
	struct attrs *a = NULL;

	ck_assert_uint_eq(rules_new(good[which].t, good[which].n, &a), CKR_OK);
	return a;
}

/* The good template with one more attribute. */
static CK_RV
with(int which, CK_ATTRIBUTE more, struct attrs **a)
{
	CK_ATTRIBUTE t[8];

	memcpy(t, good[which].t, good[which].n * sizeof t[0]);
	t[good[which].n] = more;
	return rules_new(t, good[which].n + 1, a);
}

START_TEST(every_class_can_be_made_and_misses_what_it_requires)
{
	struct attrs *a = NULL;
	CK_ATTRIBUTE t[8];
	CK_ULONG n;

	for (size_t i = 0; i < N(good); i++) {
		ck_assert_msg(rules_new(good[i].t, good[i].n, &a) == CKR_OK, "%s", good[i].name);
		attrs_free(&a);
		for (CK_ULONG out = 0; out < good[i].n; out++) {
			n = 0;
			for (CK_ULONG k = 0; k < good[i].n; k++)
				if (k != out)
					t[n++] = good[i].t[k];
			ck_assert_msg(rules_new(t, n, &a) == CKR_TEMPLATE_INCOMPLETE, "%s without 0x%lX",
			    good[i].name, good[i].t[out].type);
		}
	}
}
END_TEST

START_TEST(classes_of_no_caller_are_refused)
{
	static CK_OBJECT_CLASS *const classes[] = { &domain_class, &profile_class, &hw_class, &unknown_class };
	struct attrs *a = NULL;

	for (size_t i = 0; i < N(classes); i++) {
		CK_ATTRIBUTE t = { CKA_CLASS, classes[i], sizeof(CK_ULONG) };

		ck_assert_uint_eq(rules_new(&t, 1, &a), CKR_ATTRIBUTE_VALUE_INVALID);
	}
}
END_TEST

/* PKCS#11 v2.40 4.4 to 4.10: what an object is like when its maker does not say. */
START_TEST(what_is_not_given_has_its_default)
{
	static const struct { int which; CK_ATTRIBUTE_TYPE type; CK_BBOOL want; } cases[] = {
		{ DATA, CKA_TOKEN, 0 }, { DATA, CKA_PRIVATE, 0 }, { DATA, CKA_MODIFIABLE, 1 },
		{ DATA, CKA_COPYABLE, 1 }, { DATA, CKA_DESTROYABLE, 1 },
		{ CERT, CKA_PRIVATE, 0 }, { CERT, CKA_TRUSTED, 0 },
		{ RSA_PUB, CKA_PRIVATE, 0 }, { RSA_PUB, CKA_VERIFY, 0 }, { RSA_PUB, CKA_LOCAL, 0 },
		{ EC_PUB, CKA_DERIVE, 0 },
		{ RSA_PRIV, CKA_PRIVATE, 1 }, { RSA_PRIV, CKA_SENSITIVE, 1 }, { RSA_PRIV, CKA_EXTRACTABLE, 0 },
		{ RSA_PRIV, CKA_ALWAYS_SENSITIVE, 0 }, { RSA_PRIV, CKA_NEVER_EXTRACTABLE, 0 },
		{ RSA_PRIV, CKA_ALWAYS_AUTHENTICATE, 0 }, { RSA_PRIV, CKA_LOCAL, 0 },
		{ SECRET, CKA_PRIVATE, 1 }, { SECRET, CKA_SENSITIVE, 0 }, { SECRET, CKA_EXTRACTABLE, 1 },
	};
	static const CK_ATTRIBUTE_TYPE empty[] = { CKA_LABEL, CKA_ID, CKA_START_DATE, CKA_END_DATE, CKA_SUBJECT };
	struct attrs *a;

	for (size_t i = 0; i < N(cases); i++) {
		a = made(cases[i].which);
		ck_assert_msg(attrs_get_bool(a, cases[i].type, !cases[i].want) == cases[i].want, "%s: 0x%lX",
		    good[cases[i].which].name, cases[i].type);
		attrs_free(&a);
	}
	a = made(RSA_PRIV);
	for (size_t i = 0; i < N(empty); i++) {
		ck_assert_ptr_nonnull(attrs_get(a, empty[i]));
		ck_assert_uint_eq(attrs_get_view(a, empty[i]).len, 0);
	}
	ck_assert_uint_eq(attrs_get_ulong(a, CKA_KEY_GEN_MECHANISM, 0), CK_UNAVAILABLE_INFORMATION);
	ck_assert_ptr_null(attrs_get(a, CKA_PRIME_1)); /* optional, and nothing to say */
	attrs_free(&a);
}
END_TEST

START_TEST(each_form_and_kind_is_checked)
{
	static CK_BYTE date[] = "20260101";
	static const struct { const char *name; int which; CK_ATTRIBUTE a; CK_RV want; } cases[] = {
		{ "a boolean", DATA, BOOL(CKA_TOKEN, yes), CKR_OK },
		{ "a boolean of value 2", DATA, BOOL(CKA_TOKEN, odd), CKR_ATTRIBUTE_VALUE_INVALID },
		{ "a boolean of no byte", DATA, { CKA_TOKEN, &yes, 0 }, CKR_ATTRIBUTE_VALUE_INVALID },
		{ "a boolean without a pointer", DATA, { CKA_TOKEN, NULL, 1 }, CKR_ATTRIBUTE_VALUE_INVALID },
		{ "a length without a pointer", DATA, { CKA_LABEL, NULL, 5 }, CKR_ATTRIBUTE_VALUE_INVALID },
		{ "an empty label", DATA, { CKA_LABEL, NULL, 0 }, CKR_OK },
		{ "a number of 4 bytes", CERT, { CKA_CERTIFICATE_CATEGORY, bytes, 4 }, CKR_ATTRIBUTE_VALUE_INVALID },
		{ "a date", CERT, { CKA_START_DATE, date, 8 }, CKR_OK },
		{ "an empty date", CERT, { CKA_START_DATE, NULL, 0 }, CKR_OK },
		{ "a date of 7 bytes", CERT, { CKA_START_DATE, date, 7 }, CKR_ATTRIBUTE_VALUE_INVALID },
		{ "an empty prime", RSA_PRIV, { CKA_PRIME_1, number, 0 }, CKR_ATTRIBUTE_VALUE_INVALID },
		{ "an attribute of another class", DATA, BYTES(CKA_MODULUS), CKR_ATTRIBUTE_TYPE_INVALID },
		{ "one of another key type", EC_PRIV, NUMBER(CKA_PRIVATE_EXPONENT), CKR_ATTRIBUTE_TYPE_INVALID },
		{ "one of nobody", DATA, { CKA_VENDOR_DEFINED | 1, bytes, 1 }, CKR_ATTRIBUTE_TYPE_INVALID },
		{ "LOCAL is ours to say", RSA_PUB, BOOL(CKA_LOCAL, yes), CKR_ATTRIBUTE_READ_ONLY },
		{ "even as it is", RSA_PUB, BOOL(CKA_LOCAL, no), CKR_ATTRIBUTE_READ_ONLY },
		{ "TRUSTED is not a user's to say", CERT, BOOL(CKA_TRUSTED, yes), CKR_ATTRIBUTE_READ_ONLY },
		{ "ALWAYS_SENSITIVE", RSA_PRIV, BOOL(CKA_ALWAYS_SENSITIVE, yes), CKR_ATTRIBUTE_READ_ONLY },
		{ "NEVER_EXTRACTABLE", SECRET, BOOL(CKA_NEVER_EXTRACTABLE, yes), CKR_ATTRIBUTE_READ_ONLY },
		{ "KEY_GEN_MECHANISM", SECRET, ULONG(CKA_KEY_GEN_MECHANISM, rsa), CKR_ATTRIBUTE_READ_ONLY },
		{ "the same twice", CERT, BYTES(CKA_SUBJECT), CKR_TEMPLATE_INCONSISTENT },
		{ "another class besides", DATA, ULONG(CKA_CLASS, cert_class), CKR_TEMPLATE_INCONSISTENT },
		{ "SENSITIVE may be given", SECRET, BOOL(CKA_SENSITIVE, yes), CKR_OK },
	};
	struct attrs *a = NULL;
	CK_RV rv;

	for (size_t i = 0; i < N(cases); i++) {
		a = NULL;
		rv = with(cases[i].which, cases[i].a, &a);
		ck_assert_msg(rv == cases[i].want, "%s: 0x%lX", cases[i].name, rv);
		ck_assert_msg((a != NULL) == (rv == CKR_OK), "%s", cases[i].name);
		attrs_free(&a);
	}
}
END_TEST

START_TEST(numbers_lose_their_leading_zeros_and_bytes_do_not)
{
	CK_BYTE zero[] = { 0, 0 };
	struct attrs *a = made(RSA_PUB);

	ck_assert_uint_eq(attrs_get_view(a, CKA_MODULUS).len, 2);
	attrs_free(&a);
	ck_assert_uint_eq(with(RSA_PRIV, (CK_ATTRIBUTE){ CKA_PRIME_1, zero, 2 }, &a), CKR_OK);
	ck_assert_uint_eq(attrs_get_view(a, CKA_PRIME_1).len, 1);
	attrs_free(&a);
	ck_assert_uint_eq(with(SECRET, (CK_ATTRIBUTE){ CKA_ID, zero, 2 }, &a), CKR_OK);
	ck_assert_uint_eq(attrs_get_view(a, CKA_ID).len, 2);
	attrs_free(&a);
}
END_TEST

/* PKCS#11 v2.40 4.1.1, 4.1.3, 5.7; tables of 4.4 to 4.10 and their footnotes 8, 11, 12. */
START_TEST(what_may_change_and_what_a_copy_may_change)
{
	static const struct {
		const char *name;
		int which;
		CK_ATTRIBUTE first;  /* given when it was made; type CKA_CLASS: nothing */
		CK_ATTRIBUTE change;
		CK_RV set, copy;
	} cases[] = {
		{ "label", DATA, { CKA_CLASS, NULL, 0 }, BYTES(CKA_LABEL), CKR_OK, CKR_OK },
		{ "value of a data object", DATA, { CKA_CLASS, NULL, 0 }, BYTES(CKA_VALUE), CKR_OK, CKR_OK },
		{ "value of a certificate", CERT, { CKA_CLASS, NULL, 0 }, NUMBER(CKA_VALUE), CKR_ATTRIBUTE_READ_ONLY,
		    CKR_ATTRIBUTE_READ_ONLY },
		{ "the value it has", CERT, { CKA_CLASS, NULL, 0 }, BYTES(CKA_VALUE), CKR_OK, CKR_OK },
		{ "class", DATA, { CKA_CLASS, NULL, 0 }, ULONG(CKA_CLASS, cert_class), CKR_ATTRIBUTE_READ_ONLY,
		    CKR_ATTRIBUTE_READ_ONLY },
		{ "token", DATA, { CKA_CLASS, NULL, 0 }, BOOL(CKA_TOKEN, yes), CKR_ATTRIBUTE_READ_ONLY, CKR_OK },
		{ "modifiable", DATA, { CKA_CLASS, NULL, 0 }, BOOL(CKA_MODIFIABLE, no), CKR_ATTRIBUTE_READ_ONLY, CKR_OK },
		{ "destroyable", DATA, { CKA_CLASS, NULL, 0 }, BOOL(CKA_DESTROYABLE, no), CKR_ATTRIBUTE_READ_ONLY, CKR_OK },
		{ "to private", DATA, { CKA_CLASS, NULL, 0 }, BOOL(CKA_PRIVATE, yes), CKR_ATTRIBUTE_READ_ONLY, CKR_OK },
		{ "to public", DATA, BOOL(CKA_PRIVATE, yes), BOOL(CKA_PRIVATE, no), CKR_ATTRIBUTE_READ_ONLY,
		    CKR_TEMPLATE_INCONSISTENT },
		{ "copyable, away", DATA, { CKA_CLASS, NULL, 0 }, BOOL(CKA_COPYABLE, no), CKR_OK, CKR_OK },
		{ "copyable, back", DATA, BOOL(CKA_COPYABLE, no), BOOL(CKA_COPYABLE, yes), CKR_ATTRIBUTE_READ_ONLY,
		    CKR_ATTRIBUTE_READ_ONLY },
		{ "sensitive, on", SECRET, { CKA_CLASS, NULL, 0 }, BOOL(CKA_SENSITIVE, yes), CKR_OK, CKR_OK },
		{ "sensitive, off", SECRET, BOOL(CKA_SENSITIVE, yes), BOOL(CKA_SENSITIVE, no), CKR_ATTRIBUTE_READ_ONLY,
		    CKR_ATTRIBUTE_READ_ONLY },
		{ "sensitive, odd", SECRET, { CKA_CLASS, NULL, 0 }, BOOL(CKA_SENSITIVE, odd),
		    CKR_ATTRIBUTE_VALUE_INVALID, CKR_ATTRIBUTE_VALUE_INVALID },
		{ "extractable, off", SECRET, { CKA_CLASS, NULL, 0 }, BOOL(CKA_EXTRACTABLE, no), CKR_OK, CKR_OK },
		{ "extractable, on", SECRET, BOOL(CKA_EXTRACTABLE, no), BOOL(CKA_EXTRACTABLE, yes),
		    CKR_ATTRIBUTE_READ_ONLY, CKR_ATTRIBUTE_READ_ONLY },
		{ "wrap with trusted, on", SECRET, { CKA_CLASS, NULL, 0 }, BOOL(CKA_WRAP_WITH_TRUSTED, yes), CKR_OK, CKR_OK },
		{ "wrap with trusted, off", SECRET, BOOL(CKA_WRAP_WITH_TRUSTED, yes), BOOL(CKA_WRAP_WITH_TRUSTED, no),
		    CKR_ATTRIBUTE_READ_ONLY, CKR_ATTRIBUTE_READ_ONLY },
		{ "local", RSA_PUB, { CKA_CLASS, NULL, 0 }, BOOL(CKA_LOCAL, yes), CKR_ATTRIBUTE_READ_ONLY,
		    CKR_ATTRIBUTE_READ_ONLY },
		{ "id of a key", RSA_PUB, { CKA_CLASS, NULL, 0 }, BYTES(CKA_ID), CKR_OK, CKR_OK },
		{ "an attribute it has not", DATA, { CKA_CLASS, NULL, 0 }, BYTES(CKA_MODULUS), CKR_ATTRIBUTE_TYPE_INVALID,
		    CKR_ATTRIBUTE_TYPE_INVALID },
		{ "a length without a pointer", DATA, { CKA_CLASS, NULL, 0 }, { CKA_LABEL, NULL, 3 },
		    CKR_ATTRIBUTE_VALUE_INVALID, CKR_ATTRIBUTE_VALUE_INVALID },
	};
	struct attrs *from, *a;
	CK_RV rv;

	for (size_t i = 0; i < N(cases) * 2; i++) {
		const size_t at = i / 2;
		const bool copy = i % 2;

		from = a = NULL;
		if (cases[at].first.type == CKA_CLASS)
			from = made(cases[at].which);
		else
			ck_assert_uint_eq(with(cases[at].which, cases[at].first, &from), CKR_OK);
		rv = rules_change(from, &cases[at].change, 1, copy, &a);
		ck_assert_msg(rv == (copy ? cases[at].copy : cases[at].set), "%s, %s: 0x%lX", cases[at].name,
		    copy ? "copy" : "set", rv);
		if (!rv) {
			ck_assert(view_eq(attrs_get_view(a, cases[at].change.type),
			    view_of(cases[at].change.pValue, cases[at].change.ulValueLen)));
			ck_assert_uint_eq(a->n, from->n);
		}
		attrs_free(&a);
		attrs_free(&from);
	}
}
END_TEST

START_TEST(a_change_of_nothing_is_the_same_object)
{
	struct attrs *from = made(SECRET), *a = NULL;

	ck_assert_uint_eq(rules_change(from, NULL, 0, false, &a), CKR_OK);
	ck_assert_uint_eq(a->n, from->n);
	for (size_t i = 0; i < a->n; i++)
		ck_assert(view_eq(a->a[i].value, from->a[i].value));
	attrs_free(&a);
	attrs_free(&from);
}
END_TEST

START_TEST(a_template_for_a_key_to_be_made_is_checked_without_what_it_requires)
{
	static CK_ATTRIBUTE t[] = { BOOL(CKA_TOKEN, yes), BYTES(CKA_LABEL), BOOL(CKA_SIGN, yes) };
	static CK_ATTRIBUTE twice[] = { BYTES(CKA_LABEL), BYTES(CKA_LABEL) };
	static CK_ATTRIBUTE foreign = BYTES(CKA_EC_PARAMS);

	ck_assert_uint_eq(rules_check(CKO_PRIVATE_KEY, CKK_RSA, t, 3), CKR_OK);
	ck_assert_uint_eq(rules_check(CKO_PUBLIC_KEY, CKK_RSA, t, 3), CKR_ATTRIBUTE_TYPE_INVALID); /* SIGN */
	ck_assert_uint_eq(rules_check(CKO_PRIVATE_KEY, CKK_RSA, twice, 2), CKR_TEMPLATE_INCONSISTENT);
	ck_assert_uint_eq(rules_check(CKO_PUBLIC_KEY, CKK_RSA, &foreign, 1), CKR_ATTRIBUTE_TYPE_INVALID);
	ck_assert_uint_eq(rules_check(CKO_PUBLIC_KEY, CKK_EC, &foreign, 1), CKR_OK);
	ck_assert_uint_eq(rules_check(CKO_PUBLIC_KEY, CKK_EC, NULL, 0), CKR_OK);
}
END_TEST

UNIT_MAIN("rules", every_class_can_be_made_and_misses_what_it_requires, classes_of_no_caller_are_refused,
    what_is_not_given_has_its_default, each_form_and_kind_is_checked,
    numbers_lose_their_leading_zeros_and_bytes_do_not, what_may_change_and_what_a_copy_may_change,
    a_change_of_nothing_is_the_same_object,
    a_template_for_a_key_to_be_made_is_checked_without_what_it_requires)

#include "token/object.h"

#include "t/unit/unit.h"
#include "token/build.h"

#include <string.h>

/* An object of a class with a label, an empty id, a hidden value, and a source or none. */
static struct object *
an_object(CK_OBJECT_CLASS cls, bool has_source)
{
	struct attrs_build b = { 0 };
	struct object *o;

	attrs_ulong(&b, CKA_CLASS, cls);
	attrs_bool(&b, CKA_TOKEN, true);
	attrs_text(&b, CKA_LABEL, "label");
	attrs_put(&b, CKA_ID, view_of(NULL, 0));
	attrs_hide(&b, CKA_PRIME_1);
	ck_assert_ptr_nonnull(o = object_new(attrs_seal(&b), 0, 0));
	if (has_source)
		ck_assert_ptr_nonnull(o->src = source_new(SOURCE_CERT));
	return o;
}

static void
give_body(struct object *o, const char *text)
{
	struct buf *body = calloc(1, sizeof *body);

	ck_assert_ptr_nonnull(body);
	buf_str(body, text);
	atomic_store(&o->src->body, body);
}

START_TEST(a_search_matches_bytes_and_nothing_else)
{
	static const CK_OBJECT_CLASS cert = CKO_CERTIFICATE;
	static const struct {
		const char *name;
		CK_ATTRIBUTE_TYPE type;
		const void *value;
		CK_ULONG len;
		enum match want;
	} cases[] = {
		{ "the very value", CKA_LABEL, "label", 5, MATCH_YES },
		{ "a beginning of it", CKA_LABEL, "labe", 4, MATCH_NO },
		{ "something behind it", CKA_LABEL, "labels", 6, MATCH_NO },
		{ "other letters", CKA_LABEL, "LABEL", 5, MATCH_NO },
		{ "an empty value is a value", CKA_ID, "", 0, MATCH_YES },
		{ "no pointer is an empty value", CKA_ID, NULL, 0, MATCH_YES },
		{ "a length without a pointer is none", CKA_LABEL, NULL, 5, MATCH_NO },
		{ "what is hidden matches nothing", CKA_PRIME_1, "", 0, MATCH_NO },
		{ "what is not there matches nothing", CKA_APPLICATION, "", 0, MATCH_NO },
		{ "a vendor's type", CKA_VENDOR_DEFINED | 1, "x", 1, MATCH_NO },
		{ "what a body may hold", CKA_SUBJECT, "x", 1, MATCH_NEEDS_BODY },
		{ "a number in another length", CKA_CLASS, &cert, 4, MATCH_NO },
		{ "a number", CKA_CLASS, &cert, sizeof cert, MATCH_YES },
	};
	struct object *o = an_object(CKO_CERTIFICATE, true);

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		CK_ATTRIBUTE t = { cases[i].type, (void *)(uintptr_t)cases[i].value, cases[i].len };

		ck_assert_msg(object_match(o, &t, 1) == cases[i].want, "%s", cases[i].name);
	}
	ck_assert_int_eq(object_match(o, NULL, 0), MATCH_YES);
	object_unref(&o);
}
END_TEST

START_TEST(a_no_needs_no_body)
{
	CK_ATTRIBUTE t[] = { { CKA_SUBJECT, (void *)(uintptr_t)"x", 1 },
		{ CKA_LABEL, (void *)(uintptr_t)"other", 5 } };
	struct object *o = an_object(CKO_CERTIFICATE, true);

	ck_assert_int_eq(object_match(o, t, 2), MATCH_NO);
	object_unref(&o);
}
END_TEST

START_TEST(a_body_is_wanted_once)
{
	CK_ATTRIBUTE t = { CKA_SUBJECT, (void *)(uintptr_t)"x", 1 };
	struct object *o = an_object(CKO_CERTIFICATE, true), *plain = an_object(CKO_CERTIFICATE, false);

	ck_assert(object_needs_body(o, CKA_SUBJECT));
	ck_assert(!object_needs_body(o, CKA_LABEL));
	ck_assert(!object_needs_body(o, CKA_MODULUS)); /* not of a certificate */
	ck_assert(!object_needs_body(plain, CKA_SUBJECT));
	ck_assert_int_eq(build_complete(o), 0);      /* no body yet: nothing happens */
	ck_assert(object_needs_body(o, CKA_SUBJECT));
	give_body(o, "no certificate at all");
	ck_assert_int_eq(build_complete(o), 0);
	ck_assert(!object_needs_body(o, CKA_SUBJECT));
	ck_assert_int_eq(object_match(o, &t, 1), MATCH_NO);
	ck_assert(view_eq(attrs_get_view(object_attrs(o), CKA_LABEL), view_str("label")));
	object_unref(&o);
	object_unref(&plain);
}
END_TEST

/* PKCS#11 v2.40 5.7, C_GetAttributeValue, cases 1 to 5. */
START_TEST(each_of_the_five_cases_sets_its_length)
{
	static const struct {
		const char *name;
		CK_ATTRIBUTE_TYPE type;
		bool buffer;
		CK_ULONG len, told;
		CK_RV rv;
	} cases[] = {
		{ "not to be told", CKA_PRIME_1, true, 32, CK_UNAVAILABLE_INFORMATION, CKR_ATTRIBUTE_SENSITIVE },
		{ "not even its length", CKA_PRIME_1, false, 0, CK_UNAVAILABLE_INFORMATION, CKR_ATTRIBUTE_SENSITIVE },
		{ "no such attribute", CKA_VALUE, true, 32, CK_UNAVAILABLE_INFORMATION, CKR_ATTRIBUTE_TYPE_INVALID },
		{ "no such attribute, length", CKA_VALUE, false, 0, CK_UNAVAILABLE_INFORMATION, CKR_ATTRIBUTE_TYPE_INVALID },
		{ "the length is asked for", CKA_LABEL, false, 99, 5, CKR_OK },
		{ "room enough", CKA_LABEL, true, 32, 5, CKR_OK },
		{ "just enough", CKA_LABEL, true, 5, 5, CKR_OK },
		{ "too small", CKA_LABEL, true, 4, CK_UNAVAILABLE_INFORMATION, CKR_BUFFER_TOO_SMALL },
		{ "an empty value fits nowhere and everywhere", CKA_ID, true, 0, 0, CKR_OK },
	};
	struct object *o = an_object(CKO_DATA, false);
	CK_BYTE buffer[32];

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		CK_ATTRIBUTE t = { cases[i].type, cases[i].buffer ? buffer : NULL, cases[i].len };

		memset(buffer, 0xEE, sizeof buffer);
		ck_assert_msg(object_get(o, &t, 1) == cases[i].rv, "%s", cases[i].name);
		ck_assert_msg(t.ulValueLen == cases[i].told, "%s: %lu", cases[i].name, t.ulValueLen);
		ck_assert_msg(buffer[cases[i].rv || !cases[i].buffer ? 0 : t.ulValueLen] == 0xEE, "%s",
		    cases[i].name);
	}
	object_unref(&o);
}
END_TEST

START_TEST(one_bad_attribute_does_not_keep_the_others_back)
{
	CK_BYTE label[8], small[2];
	CK_ATTRIBUTE t[] = { { CKA_VALUE, label, 8 }, { CKA_LABEL, label, 8 }, { CKA_PRIME_1, NULL, 0 },
		{ CKA_CLASS, small, 2 }, { CKA_TOKEN, small, 1 } };
	struct object *o = an_object(CKO_DATA, false);
	CK_RV rv = object_get(o, t, 5);

	ck_assert(rv == CKR_ATTRIBUTE_TYPE_INVALID || rv == CKR_ATTRIBUTE_SENSITIVE ||
	    rv == CKR_BUFFER_TOO_SMALL);
	ck_assert_uint_eq(t[1].ulValueLen, 5);
	ck_assert_int_eq(memcmp(label, "label", 5), 0);
	ck_assert_uint_eq(t[3].ulValueLen, CK_UNAVAILABLE_INFORMATION);
	ck_assert_uint_eq(t[4].ulValueLen, 1);
	ck_assert_uint_eq(small[0], CK_TRUE);
	object_unref(&o);
}
END_TEST

START_TEST(a_handle_is_never_given_out_twice)
{
	struct object *a = an_object(CKO_DATA, false), *b = an_object(CKO_DATA, false);
	CK_OBJECT_HANDLE first = a->h;

	ck_assert_uint_ne(first, 0);
	ck_assert_uint_ne(first, b->h);
	object_rename(a);
	ck_assert_uint_gt(a->h, b->h);
	object_unref(&a);
	ck_assert_ptr_null(a);
	a = an_object(CKO_DATA, false);
	ck_assert_uint_gt(a->h, b->h);
	object_unref(&a);
	object_unref(&b);
}
END_TEST

START_TEST(no_attributes_make_no_object)
{
	ck_assert_ptr_null(object_new(NULL, 0, 0));
}
END_TEST

UNIT_MAIN("object", a_search_matches_bytes_and_nothing_else, a_no_needs_no_body, a_body_is_wanted_once,
    each_of_the_five_cases_sets_its_length, one_bad_attribute_does_not_keep_the_others_back,
    a_handle_is_never_given_out_twice, no_attributes_make_no_object)

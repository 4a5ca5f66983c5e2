#include "token/attrs.h"

#include "t/unit/nomem.h"
#include "t/unit/unit.h"

#include <string.h>

static struct attrs *
sealed(struct attrs_build *b)
{
	struct attrs *a = attrs_seal(b);

	ck_assert_ptr_nonnull(a);
	ck_assert_uint_eq(b->n, 0);
	ck_assert_ptr_null(b->a);
	return a;
}

START_TEST(types_ascend_whatever_the_order_of_giving)
{
	static const CK_ATTRIBUTE_TYPE given[] = { CKA_VALUE, CKA_CLASS, CKA_ID, CKA_TOKEN, CKA_VENDOR_DEFINED | 7,
		CKA_LABEL };
	struct attrs_build b = { 0 };
	struct attrs *a;

	for (size_t i = 0; i < 6; i++)
		attrs_ulong(&b, given[i], given[i] + 1);
	a = sealed(&b);
	ck_assert_uint_eq(a->n, 6);
	for (size_t i = 1; i < a->n; i++)
		ck_assert_uint_lt(a->a[i - 1].type, a->a[i].type);
	for (size_t i = 0; i < 6; i++)
		ck_assert_uint_eq(attrs_get_ulong(a, given[i], 0), given[i] + 1);
	ck_assert_ptr_null(attrs_get(a, CKA_SUBJECT));
	attrs_free(&a);
	ck_assert_ptr_null(a);
}
END_TEST

START_TEST(the_later_value_of_a_type_replaces_the_earlier)
{
	struct attrs_build b = { 0 };
	struct attrs *a;

	attrs_text(&b, CKA_LABEL, "old and longer");
	attrs_bool(&b, CKA_TOKEN, true);
	attrs_text(&b, CKA_LABEL, "new");
	attrs_hide(&b, CKA_TOKEN);
	a = sealed(&b);
	ck_assert_uint_eq(a->n, 2);
	ck_assert(view_eq(attrs_get_view(a, CKA_LABEL), view_str("new")));
	ck_assert(attrs_get(a, CKA_TOKEN)->hidden);
	attrs_free(&a);
}
END_TEST

START_TEST(a_hidden_value_is_there_and_is_never_told)
{
	struct attrs_build b = { 0 };
	struct attrs *a;

	attrs_hide(&b, CKA_VALUE);
	ck_assert(attrs_has(&b, CKA_VALUE));
	a = sealed(&b);
	ck_assert(attrs_get(a, CKA_VALUE)->hidden);
	ck_assert_uint_eq(attrs_get_view(a, CKA_VALUE).len, 0);
	ck_assert(attrs_get_bool(a, CKA_VALUE, true));
	ck_assert_uint_eq(attrs_get_ulong(a, CKA_VALUE, 77), 77);
	attrs_free(&a);
}
END_TEST

START_TEST(what_was_collected_stays_when_all_of_another_is_added)
{
	struct attrs_build b = { 0 };
	struct attrs *base, *a;

	attrs_text(&b, CKA_LABEL, "base");
	attrs_text(&b, CKA_ID, "id");
	attrs_hide(&b, CKA_VALUE);
	base = sealed(&b);
	attrs_text(&b, CKA_LABEL, "changed");
	attrs_add_all(&b, base);
	a = sealed(&b);
	ck_assert(view_eq(attrs_get_view(a, CKA_LABEL), view_str("changed")));
	ck_assert(view_eq(attrs_get_view(a, CKA_ID), view_str("id")));
	ck_assert(attrs_get(a, CKA_VALUE)->hidden);
	attrs_free(&a);
	attrs_free(&base);
}
END_TEST

START_TEST(a_value_of_another_length_gives_the_default)
{
	struct attrs_build b = { 0 };
	struct attrs *a;

	attrs_text(&b, CKA_TOKEN, "yes");
	attrs_text(&b, CKA_KEY_TYPE, "3");
	attrs_put(&b, CKA_ID, view_of(NULL, 0));
	a = sealed(&b);
	ck_assert(!attrs_get_bool(a, CKA_TOKEN, false));
	ck_assert(attrs_get_bool(a, CKA_TOKEN, true));
	ck_assert_uint_eq(attrs_get_ulong(a, CKA_KEY_TYPE, 9), 9);
	ck_assert_ptr_nonnull(attrs_get(a, CKA_ID));
	attrs_free(&a);
}
END_TEST

START_TEST(more_attributes_than_an_object_can_have_seal_to_nothing)
{
	struct attrs_build b = { 0 };

	for (CK_ATTRIBUTE_TYPE t = 0; t < 65; t++)
		attrs_ulong(&b, t, t);
	ck_assert_ptr_null(attrs_seal(&b));
	ck_assert_uint_eq(b.n, 0);
}
END_TEST

static bool
seal_one(void *arg)
{
	struct attrs_build b = { 0 };
	struct attrs *a;
	bool right;

	(void)arg;
	for (CK_ATTRIBUTE_TYPE t = 0; t < 40; t++)
		attrs_text(&b, t, "some text of a certain length, so that the bytes must grow");
	a = attrs_seal(&b);
	right = (a != NULL) == !nomem_failed && !b.a && !b.n;
	attrs_free(&a);
	return right;
}

START_TEST(want_of_memory_anywhere_seals_to_nothing)
{
	ck_assert_uint_ge(nomem(seal_one, NULL), 4);
}
END_TEST

START_TEST(a_template_value_has_the_length_of_its_type)
{
	CK_BBOOL yes = CK_TRUE, odd = 2;
	CK_ULONG number = 5, got;
	static const struct { CK_ULONG len; bool null; CK_RV want; } cases[] = {
		{ sizeof(CK_ULONG), false, CKR_OK },
		{ 4, false, CKR_ATTRIBUTE_VALUE_INVALID }, { 0, false, CKR_ATTRIBUTE_VALUE_INVALID },
		{ 16, false, CKR_ATTRIBUTE_VALUE_INVALID },
		{ sizeof(CK_ULONG), true, CKR_ATTRIBUTE_VALUE_INVALID }, { 0, true, CKR_ATTRIBUTE_VALUE_INVALID },
	};
	CK_ATTRIBUTE t = { CKA_KEY_TYPE, NULL, 0 };
	bool b = false;

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		CK_ULONG wide[2] = { number, 0 };

		t.pValue = cases[i].null ? NULL : wide;
		t.ulValueLen = cases[i].len;
		got = 1;
		ck_assert_uint_eq(template_ulong(&t, 1, CKA_KEY_TYPE, &got), cases[i].want);
		ck_assert_uint_eq(got, cases[i].want ? 1 : 5);
	}
	ck_assert_uint_eq(template_ulong(&t, 1, CKA_CLASS, &got), CKR_OK); /* not there */
	t = (CK_ATTRIBUTE){ CKA_TOKEN, &yes, 1 };
	ck_assert_uint_eq(template_bool(&t, 1, CKA_TOKEN, &b), CKR_OK);
	ck_assert(b);
	t.pValue = &odd;
	ck_assert_uint_eq(template_bool(&t, 1, CKA_TOKEN, &b), CKR_ATTRIBUTE_VALUE_INVALID);
	ck_assert_ptr_null(template_get(&t, 1, CKA_LABEL));
}
END_TEST

UNIT_MAIN("attrs", types_ascend_whatever_the_order_of_giving, the_later_value_of_a_type_replaces_the_earlier,
    a_hidden_value_is_there_and_is_never_told, what_was_collected_stays_when_all_of_another_is_added,
    a_value_of_another_length_gives_the_default, more_attributes_than_an_object_can_have_seal_to_nothing,
    want_of_memory_anywhere_seals_to_nothing, a_template_value_has_the_length_of_its_type)

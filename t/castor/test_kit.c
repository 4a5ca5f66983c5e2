/* What bridges share: JSON, and what people want to know of a certificate. */
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>

#include "bridges/kit/cert.h"
#include "bridges/kit/json.h"
#include "t/unit/unit.h"

START_TEST(json_of_all_kinds)
{
	struct buf out = BUF_INIT;
	struct json j = { .out = &out };

	json_object(&j, NULL);
	json_text(&j, "a", "x\"\\\n\x01\xC3\xA4\xE2\x80\xA8\x7F");
	json_text(&j, "n", NULL);
	json_bytes_text(&j, "bad", view_of("\xC3(\xFF", 3));
	json_number(&j, "i", -5);
	json_array(&j, "l");
	json_bool(&j, NULL, true);
	json_object(&j, NULL);
	json_object_end(&j);
	json_array(&j, NULL);
	json_array_end(&j);
	json_array_end(&j);
	json_hex(&j, "h", view_of("\x00\xAF", 2));
	json_object_end(&j);
	ck_assert_str_eq(buf_text(&out),
	    "{\n  \"a\": \"x\\\"\\\\\\u000a\\u0001\xC3\xA4\\u2028\\u007f\",\n  \"n\": null,\n"
	    "  \"bad\": \"\\ufffd(\\ufffd\",\n  \"i\": -5,\n  \"l\": [\n    true,\n    {},\n    []\n  ],\n"
	    "  \"h\": \"00af\"\n}\n");
	buf_free(&out);
}
END_TEST

START_TEST(json_that_is_too_deep_or_closed_too_often_is_an_error)
{
	struct buf out = BUF_INIT;
	struct json j = { .out = &out };

	for (int i = 0; i < JSON_DEPTH; i++)
		json_array(&j, NULL);
	ck_assert_int_eq(buf_err(&out), 0);
	json_array(&j, NULL);
	ck_assert_int_ne(buf_err(&out), 0);
	buf_reset(&out);
	j = (struct json){ .out = &out };
	json_object_end(&j);
	ck_assert_int_ne(buf_err(&out), 0);
	buf_free(&out);
}
END_TEST

static X509 *
load(const char *name)
{
	struct buf path = BUF_INIT;
	FILE *f;
	X509 *cert;

	buf_fmt(&path, "%s/t/cards/pki/%s.cert.pem", getenv("top_srcdir"), name);
	f = fopen(buf_text(&path), "r");
	ck_assert_ptr_nonnull(f);
	cert = PEM_read_X509(f, NULL, NULL, NULL);
	fclose(f);
	buf_free(&path);
	ck_assert_ptr_nonnull(cert);
	return cert;
}

/* The test certificates are valid from the beginning of 2026 to that of 2046. */
START_TEST(validity_at_a_time)
{
	static const struct { int64_t now; enum kit_validity v; long days; } cases[] = {
		{ 1767225599, KIT_NOT_YET, 7305 }, { 1767225600, KIT_VALID, 7305 },
		{ 2398377600 - 86401, KIT_VALID, 1 }, { 2398377600 - 86400, KIT_VALID, 1 },
		{ 2398377600 - 86399, KIT_VALID, 0 }, { 2398377600, KIT_VALID, 0 },
		{ 2398377601, KIT_EXPIRED, -1 }, { 2398377600 + 86400, KIT_EXPIRED, -1 },
		{ 2398377600 + 86401, KIT_EXPIRED, -2 },
	};
	X509 *cert = load("rsa2048");
	long days;

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		ck_assert_int_eq(kit_cert_validity(cert, cases[i].now, &days), cases[i].v);
		ck_assert_msg(days == cases[i].days, "case %zu: %ld days", i, days);
	}
	X509_free(cert);
}
END_TEST

START_TEST(uses_and_kinds)
{
	static const struct { const char *name; unsigned use; const char *kind; } cases[] = {
		{ "rsa2048", KIT_USE_LOGIN | KIT_USE_DECRYPT, "RSA 2048" },
		{ "sign384", KIT_USE_SIGN, "EC P-384" }, { "root", KIT_USE_ISSUE, "RSA 4096" },
	};
	struct buf kind = BUF_INIT;

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		X509 *cert = load(cases[i].name);

		ck_assert_uint_eq(kit_cert_use(cert), cases[i].use);
		buf_reset(&kind);
		kit_key_kind(X509_get0_pubkey(cert), &kind);
		ck_assert_str_eq(buf_text(&kind), cases[i].kind);
		X509_free(cert);
	}
	buf_free(&kind);
}
END_TEST

START_TEST(what_is_no_certificate)
{
	ck_assert_ptr_null(kit_cert_read(view_of("", 0)));
	ck_assert_ptr_null(kit_cert_read(view_of("\x30\x82\xFF\xFF", 4)));
}
END_TEST

UNIT_MAIN("kit", json_of_all_kinds, json_that_is_too_deep_or_closed_too_often_is_an_error, validity_at_a_time,
    uses_and_kinds, what_is_no_certificate)

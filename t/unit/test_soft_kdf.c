#include "token/soft.h"

#include <string.h>

#include "t/unit/unit.h"

/* Source: NIST CAVP, ANS X9.63-2001 KDF test vectors. */
static const struct {
	ck_ec_kdf_t kdf;
	const char *z, *shared, *key;
} vectors[] = {
	{ CKD_SHA1_KDF, "1C7D7B5F0597B03D06A018466ED1A93E30ED4B04DC64CCDD", "",
	    "BF71DFFD8F4D99223936BEB46FEE8CCC" },
	{ CKD_SHA256_KDF, "96C05619D56C328AB95FE84B18264B08725B85E33FD34F08", "",
	    "443024C3DAE66B95E6F5670601558F71" },
	{ CKD_SHA384_KDF, "D8554DB1B392CD55C3FE957BED76AF09C13AC2A9392F88F6", "",
	    "671A46AADA145162F8DDF1CA586A1CDA" },
	{ CKD_SHA256_KDF, "22518B10E70F2A3F243810AE3254139EFBEE04AA57C7AF7D",
	    "75EEF81AA3041E33B80971203D2C0C52",
	    "C498AF77161CC59F2962B9A713E2B215152D139766CE34A776DF11866A69BF2E52A13D9C7C6FC878"
	    "C50C5EA0BC7B00E0DA2447CFD874F6CF92F30D0097111485500C90C3AF8B487872D04685D14C8D1D"
	    "C8D7FA08BEB0CE0ABABC11F0BD496269142D43525A78E5BC79A17F59676A5706DC54D54D4D1F0BD7"
	    "E386128EC26AFC21" },
	/* CKD_NULL: the trailing bytes; all of them without a length */
	{ CKD_NULL, "00112233445566778899AABBCCDDEEFF", "", "8899AABBCCDDEEFF" },
	{ CKD_NULL, "0011223344556677", "", "0011223344556677" },
};

static void
hex(const char *text, struct buf *out)
{
	ck_assert_int_eq(hex_parse(text, strlen(text), out), 0);
}

START_TEST(known_answers)
{
	struct soft *s = soft_new();
	struct buf z = BUF_INIT, want = BUF_INIT, out = BUF_INIT_SECRET;
	struct mech_params p = { 0 };

	for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
		buf_reset(&z);
		buf_reset(&want);
		buf_reset(&out);
		buf_reset(&p.shared);
		p.kdf = vectors[i].kdf;
		hex(vectors[i].z, &z);
		hex(vectors[i].key, &want);
		hex(vectors[i].shared, &p.shared);
		ck_assert_uint_eq(soft_kdf(s, &p, buf_peek(&z), want.len, &out), CKR_OK);
		ck_assert_msg(view_eq(buf_peek(&out), buf_peek(&want)), "row %zu", i);
	}
	mech_params_free(&p);
	buf_free(&z);
	buf_free(&want);
	buf_free(&out);
	soft_free(&s);
}
END_TEST

START_TEST(lengths)
{
	static const uint8_t x[32] = { 0 };
	struct soft *s = soft_new();
	struct buf out = BUF_INIT_SECRET;
	struct mech_params p = { .kdf = CKD_NULL };

	/* X keeps its leading zeros */
	ck_assert_uint_eq(soft_kdf(s, &p, view_of(x, 32), 0, &out), CKR_OK);
	ck_assert_uint_eq(out.len, 32);
	ck_assert_uint_eq(soft_kdf(s, &p, view_of(x, 32), 33, &out), CKR_TEMPLATE_INCONSISTENT);
	ck_assert_uint_eq(soft_kdf(s, &p, view_of(x, 0), 0, &out), CKR_TEMPLATE_INCONSISTENT);
	p.kdf = CKD_SHA512_KDF;
	ck_assert_uint_eq(soft_kdf(s, &p, view_of(x, 32), 0, &out), CKR_OK);
	ck_assert_uint_eq(out.len, 64);
	ck_assert_uint_eq(soft_kdf(s, &p, view_of(x, 32), 1000, &out), CKR_OK);
	ck_assert_uint_eq(out.len, 1064);
	ck_assert_uint_eq(soft_kdf(s, &p, view_of(x, 32), 1u << 20, &out), CKR_TEMPLATE_INCONSISTENT);
	p.kdf = CKD_CPDIVERSIFY_KDF;
	ck_assert_uint_eq(soft_kdf(s, &p, view_of(x, 32), 0, &out), CKR_MECHANISM_PARAM_INVALID);
	ck_assert_uint_eq(out.len, 1064);
	buf_free(&out);
	soft_free(&s);
}
END_TEST

/* Source: RFC 7914 11 (PBKDF2-HMAC-SHA-256). */
START_TEST(a_password_is_stretched)
{
	static const struct { const char *p, *salt; unsigned rounds; const char *key; } rows[] = {
		{ "passwd", "salt", 1, "55AC046E56E3089FEC1691C22544B605F94185216DDE0465E68B9D57C20DACBC"
		    "49CA9CCCF179B645991664B39D77EF317C71B845B1E30BD509112041D3A19783" },
		{ "Password", "NaCl", 80000, "4DDCD8F60B98BE21830CEE5EF22701F9641A4418D04C0414AEFF08876B34AB56"
		    "A1D425A1225833549ADB841B51C9B3176A272BDEBBA1D078478F62B397F33C8D" },
	};
	struct soft *s = soft_new();
	struct buf want = BUF_INIT, out = BUF_INIT_SECRET;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		buf_reset(&want);
		buf_reset(&out);
		hex(rows[i].key, &want);
		ck_assert_int_eq(soft_stretch(s, view_str(rows[i].p), view_str(rows[i].salt), rows[i].rounds,
		    want.len, &out), 0);
		ck_assert_msg(view_eq(buf_peek(&out), buf_peek(&want)), "row %zu", i);
	}
	buf_free(&want);
	buf_free(&out);
	soft_free(&s);
}
END_TEST

UNIT_MAIN("soft_kdf", known_answers, lengths, a_password_is_stretched)

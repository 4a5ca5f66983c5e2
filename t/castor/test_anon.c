/* Recordings without their holder: what must be gone, what must stay, and that anything may be given. */
#include "bridges/trace/anon.h"

#include <ctype.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "base/err.h"
#include "base/os.h"
#include "bridges/trace/trace.h"
#include "t/unit/mutate.h"
#include "t/unit/unit.h"

static struct buf in, out;
static struct anon_report report;

/* ---- recordings ---- */

static void
say(const char *line)
{
	buf_str(&in, line);
	buf_str(&in, "\n");
}

static void
begin(void)
{
	buf_reset(&in);
	say("= reader Some Reader 00 00");
	say("= atr 3BF51800008131FE454D794549449A");
}

/* A file of the card, read so many bytes at a time. */
static void
say_file(unsigned id, struct view v, size_t step)
{
	buf_fmt(&in, "> 00A4080004 5015%04X 00\n< 6F0780020100820101 9000\n", id);
	for (size_t at = 0; at < v.len; at += step) {
		buf_fmt(&in, "> 00B0%04X00\n< ", (unsigned)at);
		buf_hex(&in, view_part(v, at, step));
		buf_str(&in, " 9000\n");
	}
}

static void
run(int want)
{
	int err;

	buf_reset(&out);
	err = anonymise(buf_peek(&in), &out, &report);
	ck_assert_msg(err == want, "%s, not %s; line %zu", err_name(err), err_name(want), report.line);
	if (want)
		ck_assert_uint_eq(out.len, 0);
}

/* All bytes that were read from files of the result, one behind the other. */
static void
told(struct view text, struct buf *all)
{
	struct trace t;
	const char *what;
	size_t line;

	buf_reset(all);
	ck_assert_int_eq(trace_parse(text, &t, &line, &what), 0);
	for (size_t i = 1; i < t.n; i++)
		if (t.line[i].kind == TRACE_ANSWER && t.line[i - 1].bytes.p[1] == 0xB0)
			buf_put(all, t.line[i].bytes.p, t.line[i].bytes.len - 2);
	trace_free(&t);
}

static bool
has(struct view v, const void *p, size_t n)
{
	for (size_t i = 0; i + n <= v.len; i++)
		if (!memcmp(v.p + i, p, n))
			return true;
	return false;
}

static bool
has_text(struct view v, const char *text)
{
	return has(v, text, strlen(text));
}

/* Again changes nothing. */
static void
same_again(void)
{
	struct buf once = BUF_INIT;

	buf_move(&once, &out);
	buf_reset(&in);
	buf_view(&in, buf_peek(&once));
	run(0);
	ck_assert(view_eq(buf_peek(&once), buf_peek(&out)));
	ck_assert_uint_eq(report.texts, 0);
	buf_free(&once);
}

/* ---- certificates ---- */

struct wish {
	const char *issuer, *subject;   /* CN */
	const char *given, *email;      /* NULL: none */
	const char *key;                /* curve; NULL: RSA; "ED25519" */
	bool ca, sign;                  /* basicConstraints, keyCertSign */
	int type;                       /* of text */
};

static void
add_ext(X509 *x, int nid, const char *value)
{
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	ck_assert_ptr_nonnull(e);
	ck_assert(X509_add_ext(x, e, -1));
	X509_EXTENSION_free(e);
}

static void
make_cert(const struct wish *w, struct buf *der)
{
	static EVP_PKEY *rsa;
	EVP_PKEY *key;
	X509 *x = X509_new();
	X509_NAME *name = X509_get_subject_name(x), *issuer = X509_get_issuer_name(x);
	const uint8_t serial[] = { 0x5E, 0x11, 0xA7, 0x09, 0x77 };
	BIGNUM *n = BN_bin2bn(serial, sizeof serial, NULL);
	char san[256];
	uint8_t *p = NULL;
	int len, type = w->type ? w->type : MBSTRING_UTF8;

	if (!rsa)
		rsa = EVP_RSA_gen(2048);
	key = !w->key ? rsa : !strcmp(w->key, "ED25519") ? EVP_PKEY_Q_keygen(NULL, NULL, "ED25519") :
	    EVP_PKEY_Q_keygen(NULL, NULL, "EC", w->key);
	ck_assert_ptr_nonnull(key);
	X509_set_version(x, 2);
	BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x));
	BN_free(n);
	X509_gmtime_adj(X509_getm_notBefore(x), 0);
	X509_gmtime_adj(X509_getm_notAfter(x), 86400 * 365L);
	X509_NAME_add_entry_by_txt(issuer, "C", MBSTRING_ASC, (const uint8_t *)"FI", -1, -1, 0);
	X509_NAME_add_entry_by_txt(name, "C", MBSTRING_ASC, (const uint8_t *)"FI", -1, -1, 0);
	X509_NAME_add_entry_by_txt(issuer, "CN", type, (const uint8_t *)w->issuer, -1, -1, 0);
	X509_NAME_add_entry_by_txt(name, "CN", type, (const uint8_t *)w->subject, -1, -1, 0);
	if (w->given) {
		X509_NAME_add_entry_by_txt(name, "GN", type, (const uint8_t *)w->given, -1, -1, 0);
		X509_NAME_add_entry_by_txt(name, "serialNumber", MBSTRING_ASC, (const uint8_t *)"99900335E", -1, -1, 0);
	}
	X509_set_pubkey(x, key);
	if (w->ca)
		add_ext(x, NID_basic_constraints, "critical,CA:TRUE");
	if (w->sign)
		add_ext(x, NID_key_usage, "critical,keyCertSign,cRLSign");
	if (w->email) {
		snprintf(san, sizeof san, "email:%s,otherName:1.3.6.1.4.1.311.20.2.3;UTF8:%s", w->email, w->email);
		add_ext(x, NID_subject_alt_name, san);
		add_ext(x, NID_netscape_comment, "card of Wilhelmiina");
	}
	X509_sign(x, key, !w->key || strcmp(w->key, "ED25519") ? EVP_sha256() : NULL);
	len = i2d_X509(x, &p);
	ck_assert_int_gt(len, 0);
	buf_reset(der);
	buf_put(der, p, (size_t)len);
	OPENSSL_free(p);
	X509_free(x);
	if (key != rsa)
		EVP_PKEY_free(key);
}

static const struct wish holder = { "Some Issuing CA", "Meikäläinen Wilhelmiina", "Wilhelmiina",
	"wilhelmiina.meikalainen@some.example", NULL, false, false, 0 };

/* Each way to read the same certificate leaves one that can be read, without the person. */
START_TEST(a_holder_is_taken_out_of_a_certificate_however_it_was_read)
{
	static const size_t steps[] = { 1, 2, 7, 100, 255, 256 };
	static const char *const keys[] = { NULL, "P-256", "P-384", "P-521", "ED25519" };
	struct buf der = BUF_INIT, all = BUF_INIT;
	struct wish w = holder;
	const uint8_t *p;
	X509 *x, *was;

	w.key = keys[_i];
	make_cert(&w, &der);
	p = der.p;
	was = d2i_X509(NULL, &p, (long)der.len);
	for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
		begin();
		say_file(0x4331, buf_peek(&der), steps[i]);
		run(0);
		told(buf_peek(&out), &all);
		ck_assert_uint_eq(all.len, der.len);
		p = all.p;
		x = d2i_X509(NULL, &p, (long)all.len);
		ck_assert_ptr_nonnull(x);
		ck_assert_int_eq(X509_NAME_cmp(X509_get_issuer_name(x), X509_get_issuer_name(was)), 0);
		ck_assert_int_ne(X509_NAME_cmp(X509_get_subject_name(x), X509_get_subject_name(was)), 0);
		ck_assert_int_ne(ASN1_INTEGER_cmp(X509_get0_serialNumber(x), X509_get0_serialNumber(was)), 0);
		ck_assert_ptr_nonnull(X509_get0_pubkey(x));
		ck_assert_int_eq(EVP_PKEY_get_base_id(X509_get0_pubkey(x)), EVP_PKEY_get_base_id(X509_get0_pubkey(was)));
		ck_assert_int_eq(EVP_PKEY_get_bits(X509_get0_pubkey(x)), EVP_PKEY_get_bits(X509_get0_pubkey(was)));
		ck_assert_int_eq(EVP_PKEY_eq(X509_get0_pubkey(x), X509_get0_pubkey(was)), 0);
		ck_assert(!has_text(buf_peek(&all), "Meik"));
		ck_assert(!has_text(buf_peek(&all), "Wilhelmiina"));
		ck_assert(!has_text(buf_peek(&all), "wilhelmiina"));
		ck_assert(!has_text(buf_peek(&all), "99900335E"));
		X509_free(x);
		same_again();
	}
	X509_free(was);
	buf_free(&der);
	buf_free(&all);
}
END_TEST

static const struct { struct wish wish; bool stays; } authorities[] = {
	{ { "Some Root CA", "Some Issuing CA", NULL, NULL, NULL, true, true, 0 }, true },
	{ { "Some Root CA", "Some Root CA", NULL, NULL, NULL, true, true, 0 }, true },
	{ { "Some Root CA", "Some Issuing CA", NULL, NULL, NULL, true, false, 0 }, true },
	/* made with openssl req -x509: CA is true, and it is a person all the same */
	{ { "Wilhelmiina", "Wilhelmiina", NULL, NULL, NULL, true, false, 0 }, false },
	{ { "Wilhelmiina", "Wilhelmiina", NULL, NULL, NULL, false, false, 0 }, false },
	{ { "Some Root CA", "Wilhelmiina", "Wilhelmiina", NULL, NULL, true, true, 0 }, false },
};

START_TEST(an_authority_stays_and_who_issued_it_to_oneself_does_not)
{
	struct buf der = BUF_INIT, all = BUF_INIT;

	make_cert(&authorities[_i].wish, &der);
	begin();
	say_file(0x4331, buf_peek(&der), 255);
	run(0);
	told(buf_peek(&out), &all);
	ck_assert_int_eq(view_eq(buf_peek(&all), buf_peek(&der)), authorities[_i].stays);
	ck_assert(authorities[_i].stays || !has_text(buf_peek(&all), "Wilhelmiina"));
	same_again();
	buf_free(&der);
	buf_free(&all);
}
END_TEST

START_TEST(text_goes_in_whatever_form)
{
	static const int types[] = { MBSTRING_UTF8, V_ASN1_BMPSTRING, V_ASN1_T61STRING, V_ASN1_UNIVERSALSTRING };
	static const char bmp[] = "\0M\0e\0i\0k\0k\0\xE4", uni[] = "\0\0\0M\0\0\0e\0\0\0i\0\0\0k\0\0\0k\0\0\0\xE4";
	struct buf der = BUF_INIT, all = BUF_INIT;
	struct wish w = { "Some CA", "x", NULL, NULL, "P-256", false, false, 0 };
	const struct { const char *p; size_t n; } forms[] = { { "Meikk\xC3\xA4", 7 }, { bmp, 12 }, { "Meikk\xE4", 6 }, { uni, 24 } };
	X509 *x;
	X509_NAME *name;
	const uint8_t *p;
	uint8_t *made = NULL;
	int len;

	make_cert(&w, &der);
	p = der.p;
	x = d2i_X509(NULL, &p, (long)der.len);
	name = X509_NAME_new();
	X509_NAME_add_entry_by_NID(name, NID_commonName, types[_i] == MBSTRING_UTF8 ? V_ASN1_UTF8STRING : types[_i],
	    (const uint8_t *)forms[_i].p, (int)forms[_i].n, -1, 0);
	X509_set_subject_name(x, name);
	len = i2d_re_X509_tbs(x, &made) > 0 ? i2d_X509(x, NULL) : 0;
	ck_assert_int_gt(len, 0);
	OPENSSL_free(made);
	made = NULL;
	len = i2d_X509(x, &made);
	buf_reset(&der);
	buf_put(&der, made, (size_t)len);
	OPENSSL_free(made);
	begin();
	say_file(0x4331, buf_peek(&der), 200);
	/* the same in another form, in a file that is otherwise kept */
	say_file(0x4401, view_of("\x30\x09\x30\x07\x0C\x05Meikk", 11), 200);
	run(0);
	told(buf_peek(&out), &all);
	ck_assert_uint_eq(all.len, der.len + 11);
	for (size_t i = 0; i < 4; i++)
		ck_assert(!has(buf_peek(&all), forms[i].p, forms[i].n));
	ck_assert(!has_text(buf_peek(&all), "Meikk"));
	same_again();
	X509_NAME_free(name);
	X509_free(x);
	buf_free(&der);
	buf_free(&all);
}
END_TEST

/* ---- directories and numbers ---- */

START_TEST(labels_keep_what_says_nothing_of_a_person)
{
	static const char label[] = "\x30\x25\x30\x23\x0C\x21todentamisvarmenne, Jaakko 010190";
	struct buf all = BUF_INIT;

	begin();
	say_file(0x4403, view_of(label, sizeof label - 1), 255);
	run(0);
	told(buf_peek(&out), &all);
	ck_assert(has_text(buf_peek(&all), "todentamisvarmenne, Xxxxxx 000000"));
	same_again();
	buf_free(&all);
}
END_TEST

START_TEST(the_holders_words_go_wherever_they_are)
{
	struct buf der = BUF_INIT, all = BUF_INIT;
	struct wish ca = { "Some Root CA", "Some CA for WILHELMIINA and co", NULL, NULL, NULL, true, true, 0 };

	make_cert(&holder, &der);
	begin();
	say_file(0x4331, buf_peek(&der), 255);
	make_cert(&ca, &der);
	say_file(0x4332, buf_peek(&der), 255);
	say("# recorded by Wilhelmiina");
	run(0);
	told(buf_peek(&out), &all);
	ck_assert(!has_text(buf_peek(&all), "WILHELMIINA"));
	ck_assert(has_text(buf_peek(&all), "Some CA for "));
	ck_assert(!has_text(buf_peek(&out), "recorded by"));
	same_again();
	buf_free(&der);
	buf_free(&all);
}
END_TEST

START_TEST(one_serial_number_is_one_number_in_all_places)
{
	static const char serial[] = "\x04\x45\x12\x34\x56\x78\x90\x12\x34\x57";
	struct buf b = BUF_INIT;

	begin();
	say("> 00CA01A000");
	say("< 4D79454944 040505 04451234567890123457 0001 9000");
	buf_put(&b, "\x30\x12\x02\x01\x00\x04\x0A", 7);
	buf_put(&b, serial, 10);
	buf_put(&b, "\x0C\x01" "F", 3);
	say_file(0x5032, buf_peek(&b), 255);
	buf_reset(&b);
	buf_put(&b, "\x5A\x0A", 2);
	buf_put(&b, serial, 10);
	say_file(0x2F02, buf_peek(&b), 255);
	run(0);
	ck_assert(!has_text(buf_peek(&out), "04451234567890123457"));
	ck_assert(has_text(buf_peek(&out), "4D79454944040505000000000000000000010001"));
	ck_assert(has_text(buf_peek(&out), "3012020100040A000000000000000000010C0146"));
	ck_assert(has_text(buf_peek(&out), "5A0A00000000000000000001"));
	same_again();
	buf_free(&b);
}
END_TEST

static const struct { const char *said, *want; } lines[] = {
	/* unknown to us: a file, an answer to GET DATA or SELECT, and one that nobody asked for */
	{ "> 00A4080004 50154B05 00\n< 9000\n> 00B0000000\n< 0102030405060708 9000", "< [*8] 9000" },
	{ "> 00CA9F7F00\n< 0102030405060708 9000", "< [*8] 9000" },
	{ "> 00A4040002 3F00\n< 0102030405060708 9000", "< [*8] 9000" },
	{ "> 00C0000008\n< 0102030405060708 9000", "< [*8] 9000" },
	/* what no recording of ours has: a PIN, records, other classes */
	{ "> 0020000104 31323334\n< 9000", "> 00200001 04 [*4]" },
	{ "> 00B2010400\n< 4D61747469 9000", "< [*5] 9000" },
	{ "> 80CA01A000\n< 4D61747469 9000", "< [*5] 9000" },
	{ "> 0CB0000000\n< 4D61747469 9000", "< [*5] 9000" },
	{ "> 00A40400 21 000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F20\n< 9000", "> 00A40400 21 [*33]" },
	/* what stays */
	{ "> 00200001\n< 63C2 # 2 tries left", "< 63C2 # 2 tries left" },
	{ "> 002241B606 80010A 840101\n< 9000", "> 002241B606 80010A 840101" },
	{ "> 00CA01AC02\n< 0003 9000", "< 0003 9000" },
	{ "> 00A40800045015433100\n< 6F17800208FF820101830243318603033FFF850200008A0107 9000",
	    "< 6F17800208FF820101830243318603033FFF850200008A0107 9000" },
	{ "! reset # by Matti\n> 00200001\n< 9000", "\n! reset\n" },
	/* an ATR has no comment, and a reader no number of its own */
	{ "= reader SCR 3310 [CCID Interface] (53311234567890) 00 00\n> 00200001\n< 9000",
	    "= reader SCR 3310 [CCID Interface] (00000000000000) 00 00" },
	{ "# Matti, 050-1234567\n> 00200001\n< 9000 # of Matti", "# (a comment was left out)" },
};

START_TEST(each_line_tells_no_more_than_it_may)
{
	begin();
	say(lines[_i].said);
	run(0);
	buf_u8(&out, 0);
	{
		/* blanks between bytes are nobody's business */
		char want[256], got[8192];
		size_t n = 0, m = 0;

		for (const char *p = lines[_i].want; *p; p++)
			if (*p != ' ')
				want[n++] = *p;
		want[n] = 0;
		for (size_t i = 0; i < out.len && m < sizeof got - 1; i++)
			if (out.p[i] != ' ')
				got[m++] = (char)out.p[i];
		got[m] = 0;
		ck_assert_msg(strstr(got, want) != NULL, "%s", (const char *)out.p);
		ck_assert_ptr_null(strstr(got, "Matti"));
	}
	buf_trim(&out, out.len - 1);
	same_again();
}
END_TEST

START_TEST(what_is_left_is_found_and_nothing_is_given)
{
	struct buf der = BUF_INIT;
	struct wish w = holder;

	/* an ATR stays: a name in it cannot go */
	w.given = "Jaakko";
	make_cert(&w, &der);
	buf_reset(&in);
	say("= reader Some Reader");
	say("= atr 3B86014A61616B6B6F9A");
	say_file(0x4331, buf_peek(&der), 255);
	run(E_DENIED);
	ck_assert_uint_gt(report.line, 0);
	buf_free(&der);
}
END_TEST

static const struct { const char *text; size_t line; } wrongs[] = {
	{ "", 0 }, { "\n# nothing\n", 2 }, { "root:x:0:0\n", 1 }, { "= reader X\n> 00\n", 2 }, { "< 9000\n", 1 },
	{ "> 00A40000\n> 00A40000\n", 2 }, { "> 00A40000\n", 1 }, { "> 00A4000\n< 9000\n", 1 }, { "= atr 3B\n", 1 },
	{ "= reader\n", 1 }, { "! gone\n", 1 }, { "> 00A40000\n< [*99999999]\n", 2 }, { "> 00A40000\n< [8]\n", 2 },
};

START_TEST(what_is_no_recording_is_refused_with_its_line)
{
	buf_reset(&in);
	buf_str(&in, wrongs[_i].text);
	run(E_FORMAT);
	ck_assert_uint_eq(report.line, wrongs[_i].line);
	ck_assert_ptr_nonnull(report.what);
}
END_TEST

/* Its own result is taken again, whatever came in. */
static void
any(struct view v, void *arg)
{
	struct buf once = BUF_INIT, twice = BUF_INIT;
	struct anon_report r;
	int err = anonymise(v, &once, &r);

	(void)arg;
	if (err) {
		ck_assert_uint_eq(once.len, 0);
	} else {
		ck_assert_int_eq(anonymise(buf_peek(&once), &twice, &r), 0);
		ck_assert_msg(view_eq(buf_peek(&once), buf_peek(&twice)), "%s\n---\n%s", buf_text(&once), buf_text(&twice));
	}
	buf_free(&once);
	buf_free(&twice);
}

START_TEST(damaged_recordings_are_taken_or_refused)
{
	struct mutate m = { .run = any };

	begin();
	say("> 00CA01A000\n< 4D79454944 040505 04451234567890123457 0001 9000");
	say_file(0x5032, view_of("\x30\x0B\x02\x01\x00\x04\x04\x11\x22\x33\x44\x80\x00", 13), 7);
	say("> 00C0000002\n< 0102 9000\n! removed");
	m.good = buf_peek(&in);
	ck_assert_uint_gt(mutate(&m), 3000);
}
END_TEST

static void
any_file(struct view v, void *arg)
{
	size_t *n = arg;

	/* a part of them: each is a whole run of three passes and two checks */
	if (++*n % 5)
		return;
	begin();
	say_file(0x4331, v, 255);
	any(buf_peek(&in), NULL);
}

START_TEST(damaged_certificates_are_taken)
{
	struct buf der = BUF_INIT;
	struct mutate m = { .run = any_file };
	struct wish w = holder;
	size_t n = (size_t)_i;

	w.key = "P-256";
	make_cert(&w, &der);
	m.good = buf_peek(&der);
	m.arg = &n;
	ck_assert_uint_gt(mutate(&m), 5000);
	buf_free(&der);
}
END_TEST

START_TEST(the_recording_in_the_suite_is_anonymous)
{
	const char *top = getenv("top_srcdir") ? getenv("top_srcdir") : ".";
	char path[512];

	snprintf(path, sizeof path, "%s/t/golden/myeid-citizen-list.trace", top);
	buf_reset(&in);
	ck_assert_int_eq(os_file_read(path, 1 << 20, false, &in), OS_TRUST_OK);
	run(0);
	ck_assert(view_eq(buf_peek(&in), buf_peek(&out)));
	ck_assert_uint_eq(report.texts, 0);
}
END_TEST

START_TEST(commands_cards_and_readers_are_counted)
{
	static const struct { const char *text; size_t commands, cards, readers; } cases[] = {
		{ "> 00A40000\n< 9000\n", 1, 1, 1 },
		{ "= reader A\n> 00A40000\n< 9000\n= reader A\n> 00A40000\n< 9000\n", 2, 1, 1 },
		{ "= reader A\n> 00A40000\n! removed\n= reader A\n> 00A40000\n< 9000\n", 2, 2, 1 },
		{ "= reader A\n> 00A40000\n! removed\n= reader B\n> 00A40000\n< 9000\n= reader B\n", 2, 2, 2 },
	};
	struct trace t;
	const char *what;
	size_t line;

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct trace_size n;

		ck_assert_int_eq(trace_parse(view_str(cases[i].text), &t, &line, &what), 0);
		n = trace_count(&t);
		ck_assert_uint_eq(n.commands, cases[i].commands);
		ck_assert_uint_eq(n.cards, cases[i].cards);
		ck_assert_uint_eq(n.readers, cases[i].readers);
		trace_free(&t);
	}
}
END_TEST

#define COUNT(a) (int)(sizeof(a) / sizeof(a)[0])

static void
add(Suite *suite, const TTest *test, int n)
{
	TCase *tc = tcase_create(test->name);

	tcase_set_timeout(tc, 240);
	tcase_add_loop_test(tc, test, 0, n);
	suite_add_tcase(suite, tc);
}

int
main(void)
{
	Suite *suite = suite_create("anon");

	add(suite, a_holder_is_taken_out_of_a_certificate_however_it_was_read, 5);
	add(suite, an_authority_stays_and_who_issued_it_to_oneself_does_not, COUNT(authorities));
	add(suite, text_goes_in_whatever_form, 4);
	add(suite, labels_keep_what_says_nothing_of_a_person, 1);
	add(suite, the_holders_words_go_wherever_they_are, 1);
	add(suite, one_serial_number_is_one_number_in_all_places, 1);
	add(suite, each_line_tells_no_more_than_it_may, COUNT(lines));
	add(suite, what_is_left_is_found_and_nothing_is_given, 1);
	add(suite, what_is_no_recording_is_refused_with_its_line, COUNT(wrongs));
	add(suite, damaged_recordings_are_taken_or_refused, 1);
	add(suite, damaged_certificates_are_taken, 1);
	add(suite, the_recording_in_the_suite_is_anonymous, 1);
	add(suite, commands_cards_and_readers_are_counted, 1);
	return unit_run(suite);
}

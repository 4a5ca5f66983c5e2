/* CMS with a card's keys, and the openssl command as the judge of what is made and the maker of what
 * is judged. The card is myeid.yaml, as for test_pkey. The current folder is the test's own. */
#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "bridges/kit/cms.h"
#include "t/kit/card.h"
#include "t/unit/mutate.h"
#include "t/unit/unit.h"

#define RSA_ID 0x45
#define P384_ID 0x46

static const char text[] = "a message that is signed,\r\nin two lines\n";
#define TEXT ((int)sizeof text - 1)

/* A shell command with the folder of the test PKI as $pki. */
__attribute__((format(printf, 1, 2))) static int
shell(const char *fmt, ...)
{
	char command[2048];
	va_list ap;
	int n = snprintf(command, sizeof command, "pki=%s/t/cards/pki; ", getenv("top_srcdir"));

	va_start(ap, fmt);
	n += vsnprintf(command + n, sizeof command - (size_t)n, fmt, ap);
	va_end(ap);
	ck_assert_int_lt(n, (int)sizeof command);
	return system(command);
}

static BIO *
text_bio(void)
{
	return BIO_new_mem_buf(text, TEXT);
}

static void
put_file(const char *name, const void *p, int n)
{
	BIO *b = BIO_new_file(name, "wb");

	ck_assert_int_eq(BIO_write(b, p, n), n);
	BIO_free(b);
}

static STACK_OF(X509) *
chain_new(struct card *c)
{
	STACK_OF(X509) *s = sk_X509_new_null();

	sk_X509_push(s, card_pki_cert(c, "issuing"));
	sk_X509_push(s, card_pki_cert(c, "root"));
	/* named twice by somebody */
	sk_X509_push(s, card_pki_cert(c, "issuing"));
	return s;
}

static X509_STORE *
store_new(struct card *c, const char *root)
{
	X509_STORE *s = X509_STORE_new();
	X509 *x;

	if (root) {
		ck_assert_int_eq(X509_STORE_add_cert(s, x = card_pki_cert(c, root)), 1);
		X509_free(x);
	}
	return s;
}

static void
sign_to(struct card *c, struct card_key *k, unsigned flags, BIO *out)
{
	STACK_OF(X509) *chain = chain_new(c);
	BIO *in = text_bio();
	enum kit_cms r = kit_cms_sign(c->lib.ctx, k->key, k->cert, chain, in, out, flags);

	ck_assert_msg(r == KIT_CMS_GOOD, "%d, rv 0x%lx", (int)r, k->kit.rv);
	BIO_free(in);
	sk_X509_pop_free(chain, X509_free);
}

static enum kit_cms
verify_bio(struct card *c, BIO *message, BIO *content, const char *root, BIO *out, struct kit_cms_verdict *v)
{
	X509_STORE *s = store_new(c, root);
	enum kit_cms r = kit_cms_verify(c->lib.ctx, message, content, out, s, NULL, v);

	ck_assert_uint_eq(ERR_peek_error(), 0);
	X509_STORE_free(s);
	return r;
}

/* Files; content NULL: inside. */
static enum kit_cms
verify_file(struct card *c, const char *message, const char *content, const char *root)
{
	struct kit_cms_verdict v;
	BIO *m = BIO_new_file(message, "rb"), *b = content ? BIO_new_file(content, "rb") : NULL;
	enum kit_cms r;

	ck_assert_ptr_nonnull(m);
	r = verify_bio(c, m, b, root, NULL, &v);
	kit_cms_verdict_free(&v);
	BIO_free(m);
	BIO_free(b);
	return r;
}

static const CK_BYTE ids[] = { RSA_ID, P384_ID };

START_TEST(openssl_verifies_what_cards_sign)
{
	struct card c;
	struct card_key k;
	BIO *out;

	card_open(&c, 0, "1234");
	put_file("text", text, TEXT);
	for (size_t i = 0; i < sizeof ids; i++) {
		card_key_open(&c, ids[i], &k);
		for (unsigned flags = 0; flags <= KIT_CMS_DETACHED; flags++) {
			out = BIO_new_file("signed", "wb");
			sign_to(&c, &k, flags, out);
			BIO_free(out);
			ck_assert_int_eq(shell("openssl cms -verify -cades -binary -inform DER -in signed -CAfile "
			    "$pki/root.cert.pem -purpose any %s -out back 2>err && cmp text back",
			    flags ? "-content text" : ""), 0);
			ck_assert_int_eq(shell("openssl cms -cmsout -print -inform DER -in signed -noout >shown && "
			    "grep -q signingTime shown && grep -q id-smime-aa-signingCertificateV2 shown && "
			    "grep -q 'algorithm: sha%s' shown", ids[i] == RSA_ID ? "256" : "384"), 0);
			ck_assert_int_eq(verify_file(&c, "signed", flags ? "text" : NULL, "root"), KIT_CMS_GOOD);
		}
		card_key_close(&k);
	}
	card_close(&c);
}
END_TEST

START_TEST(what_openssl_signs_is_verified)
{
	static const char *const how[] = {
		"-signer $pki/rsa2048.cert.pem -inkey $pki/TEST-rsa2048.key.pem",
		"-signer $pki/rsa2048.cert.pem -inkey $pki/TEST-rsa2048.key.pem -keyopt rsa_padding_mode:pss",
		"-signer $pki/rsa2048.cert.pem -inkey $pki/TEST-rsa2048.key.pem -noattr",
		"-signer $pki/p256.cert.pem -inkey $pki/TEST-p256.key.pem -cades",
		"-signer $pki/p384.cert.pem -inkey $pki/TEST-p384.key.pem -keyid -md sha512",
		/* keyUsage nonRepudiation alone, as PIN2's certificates have it */
		"-signer $pki/sign384.cert.pem -inkey $pki/TEST-sign384.key.pem",
		"-signer $pki/p256.cert.pem -inkey $pki/TEST-p256.key.pem -stream -indef",
		("-signer $pki/p256.cert.pem -inkey $pki/TEST-p256.key.pem "
		"-signer $pki/rsa2048.cert.pem -inkey $pki/TEST-rsa2048.key.pem"),
	};
	struct card c;

	card_open(&c, 0, NULL);
	put_file("text", text, TEXT);
	put_file("other", "A message", 9);
	for (size_t i = 0; i < sizeof how / sizeof how[0]; i++) {
		ck_assert_int_eq(shell("openssl cms -sign -binary -nodetach -in text -outform DER -out in %s "
		    "-certfile $pki/issuing.cert.pem 2>err", how[i]), 0);
		ck_assert_int_eq(shell("openssl cms -sign -binary -in text -outform PEM -out apart %s "
		    "-certfile $pki/issuing.cert.pem 2>err", how[i]), 0);
		ck_assert_int_eq(verify_file(&c, "in", NULL, "root"), KIT_CMS_GOOD);
		ck_assert_int_eq(verify_file(&c, "apart", "text", "root"), KIT_CMS_GOOD);
		/* what openssl streams has its content inside all the same */
		if (!strstr(how[i], "-stream"))
			ck_assert_int_eq(verify_file(&c, "apart", NULL, "root"), KIT_CMS_NO_CONTENT);
		ck_assert_int_eq(verify_file(&c, "apart", "other", "root"), i == 2 ? KIT_CMS_BAD : KIT_CMS_CHANGED);
		/* content twice: both are to be the one signed */
		ck_assert_int_eq(verify_file(&c, "in", "text", "root"), KIT_CMS_GOOD);
		ck_assert_int_eq(verify_file(&c, "in", "other", "root"), i == 2 ? KIT_CMS_BAD : KIT_CMS_CHANGED);
	}
	card_close(&c);
}
END_TEST

START_TEST(each_failing_is_told_apart)
{
	struct card c;
	struct kit_cms_verdict v;
	BIO *m;

	card_open(&c, 0, NULL);
	put_file("text", text, TEXT);
	put_file("nothing", "", 0);
	ck_assert_int_eq(shell("openssl cms -sign -binary -nodetach -in text -outform DER -out good "
	    "-signer $pki/p256.cert.pem -inkey $pki/TEST-p256.key.pem -certfile $pki/issuing.cert.pem && "
	    "head -c 1000 good >cut && "
	    "openssl cms -sign -binary -nodetach -in text -outform DER -out bare -nocerts "
	    "-signer $pki/p256.cert.pem -inkey $pki/TEST-p256.key.pem && "
	    "openssl cms -sign -binary -nodetach -in text -outform DER -out alone "
	    "-signer $pki/p256.cert.pem -inkey $pki/TEST-p256.key.pem && "
	    "openssl cms -encrypt -binary -in text -outform DER -out closed $pki/rsa2048.cert.pem && "
	    "openssl crl2pkcs7 -nocrl -certfile $pki/root.cert.pem -outform DER -out bag && "
	    "openssl cms -data_create -in text -outform DER -out data"), 0);
	ck_assert_int_eq(verify_file(&c, "good", NULL, "root"), KIT_CMS_GOOD);
	ck_assert_int_eq(verify_file(&c, "text", NULL, "root"), KIT_CMS_NOT_CMS);
	ck_assert_int_eq(verify_file(&c, "nothing", NULL, "root"), KIT_CMS_NOT_CMS);
	ck_assert_int_eq(shell("cp $pki/root.cert.pem pem && openssl x509 -in pem -outform DER -out der"), 0);
	ck_assert_int_eq(verify_file(&c, "pem", NULL, "root"), KIT_CMS_NOT_CMS);
	ck_assert_int_eq(verify_file(&c, "der", NULL, "root"), KIT_CMS_NOT_CMS);
	ck_assert_int_eq(verify_file(&c, "cut", NULL, "root"), KIT_CMS_DAMAGED);
	ck_assert_int_eq(verify_file(&c, "closed", NULL, "root"), KIT_CMS_OTHER_TYPE);
	ck_assert_int_eq(verify_file(&c, "data", NULL, "root"), KIT_CMS_OTHER_TYPE);
	ck_assert_int_eq(verify_file(&c, "bag", NULL, "root"), KIT_CMS_NO_SIGNER);
	ck_assert_int_eq(verify_file(&c, "bare", NULL, "root"), KIT_CMS_NO_CERT);
	/* whose issuer is missing is said */
	m = BIO_new_file("alone", "rb");
	ck_assert_int_eq(verify_bio(&c, m, NULL, "root", NULL, &v), KIT_CMS_UNTRUSTED);
	ck_assert_uint_eq(v.n, 1);
	ck_assert(v.signer[0].has_time && v.signer[0].signed_at > time(NULL) - 600);
	ck_assert_int_eq(v.signer[0].error, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY);
	ck_assert_int_eq(X509_cmp(v.signer[0].stop, v.signer[0].cert), 0);
	kit_cms_verdict_free(&v);
	BIO_free(m);
	m = BIO_new_file("good", "rb");
	ck_assert_int_eq(verify_bio(&c, m, NULL, NULL, NULL, &v), KIT_CMS_UNTRUSTED);
	ck_assert_int_eq(v.signer[0].error, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY);
	ck_assert_int_ne(X509_cmp(v.signer[0].stop, v.signer[0].cert), 0);
	kit_cms_verdict_free(&v);
	BIO_free(m);
	card_close(&c);
}
END_TEST

/* A certificate of another name with the same key, and one with the same name and another key. */
START_TEST(a_signature_of_another_certificate_is_bad)
{
	struct card c;

	card_open(&c, 0, NULL);
	put_file("text", text, TEXT);
	/* the signature's last byte is the last of the message */
	ck_assert_int_eq(shell("openssl cms -sign -binary -nodetach -in text -outform DER -out good "
	    "-signer $pki/rsa2048.cert.pem -inkey $pki/TEST-rsa2048.key.pem -certfile $pki/issuing.cert.pem && "
	    "n=$(wc -c <good) && head -c $((n - 1)) good >bad && "
	    "if [ \"$(tail -c 1 good | od -An -tx1)\" = ' 00' ]; then printf '\\001'; else printf '\\000'; fi >>bad"), 0);
	ck_assert_int_eq(verify_file(&c, "bad", NULL, "root"), KIT_CMS_BAD);
	/* two certificates of one key and one name: signing-certificate-v2 says which it was */
	ck_assert_int_eq(shell("openssl req -x509 -new -key $pki/TEST-p256.key.pem -subj /CN=one -set_serial 7 "
	    "-days 100 -out one.pem && openssl req -x509 -new -key $pki/TEST-p256.key.pem -subj /CN=one "
	    "-set_serial 7 -days 200 -out two.pem && "
	    "openssl cms -sign -binary -nodetach -in text -outform DER -out was1 -cades -nocerts -signer one.pem "
	    "-inkey $pki/TEST-p256.key.pem -certfile one.pem && "
	    "openssl cms -sign -binary -nodetach -in text -outform DER -out was2 -cades -nocerts -signer one.pem "
	    "-inkey $pki/TEST-p256.key.pem -certfile two.pem"), 0);
	ck_assert_int_eq(verify_file(&c, "was1", NULL, NULL), KIT_CMS_UNTRUSTED);
	ck_assert_int_eq(verify_file(&c, "was2", NULL, NULL), KIT_CMS_BAD);
	card_close(&c);
}
END_TEST

/* A root, and leaves of it whose times and keyUsage are as the test wants them. */
static const char *const leaves =
    "cat >ca.cnf <<E\n[ca]\ndefault_ca=o\n[o]\ndatabase=index\nnew_certs_dir=.\nserial=serial\n"
    "default_md=sha256\npolicy=p\nunique_subject=no\nemail_in_dn=no\n[p]\ncommonName=supplied\n"
    "[sign]\nkeyUsage=critical,nonRepudiation\n[crypt]\nkeyUsage=critical,keyEncipherment\n[plain]\nbasicConstraints=CA:FALSE\nE\n"
    ": >index; echo 10 >serial; key=$pki/TEST-p256.key.pem\n"
    "openssl req -x509 -new -key $pki/TEST-p384.key.pem -subj /CN=root -days 9000 -out ca.pem 2>err\n"
    "leaf() { openssl req -new -key $key -subj /CN=$1 -out csr 2>err && openssl ca -batch -config ca.cnf "
    "-cert ca.pem -keyfile $pki/TEST-p384.key.pem -extensions $2 -startdate $3 -enddate $4 -in csr -out $1.pem "
    "-notext 2>err && openssl cms -sign -binary -nodetach -in text -outform DER -out $1 -signer $1.pem -inkey $key; }\n"
    "leaf good sign 20260101000000Z 20460101000000Z && leaf old sign 20100101000000Z 20110101000000Z && "
    "leaf crypt crypt 20260101000000Z 20460101000000Z && leaf plain plain 20260101000000Z 20460101000000Z && "
    "leaf now sign 20260101000000Z $(date -u -d '+3 seconds' +%Y%m%d%H%M%SZ)";

static enum kit_cms
verify_with(struct card *c, const char *name, struct kit_cms_verdict *v)
{
	X509_STORE *s = X509_STORE_new();
	BIO *b = BIO_new_file("ca.pem", "r"), *m = BIO_new_file(name, "rb");
	X509 *x = PEM_read_bio_X509(b, NULL, NULL, NULL);
	enum kit_cms r;

	ck_assert_ptr_nonnull(m);
	ck_assert_int_eq(X509_STORE_add_cert(s, x), 1);
	r = kit_cms_verify(c->lib.ctx, m, NULL, NULL, s, NULL, v);
	X509_STORE_free(s);
	X509_free(x);
	BIO_free(b);
	BIO_free(m);
	return r;
}

START_TEST(times_and_usage_of_the_certificate_count)
{
	static const struct { const char *name; enum kit_cms state; int error; } rows[] = {
		{ "good", KIT_CMS_GOOD, X509_V_OK },
		{ "plain", KIT_CMS_GOOD, X509_V_OK },
		{ "crypt", KIT_CMS_USAGE, X509_V_OK },
		{ "old", KIT_CMS_NOT_THEN, X509_V_ERR_CERT_HAS_EXPIRED },
		{ "now", KIT_CMS_EXPIRED, X509_V_ERR_CERT_HAS_EXPIRED },
	};
	struct card c;
	struct kit_cms_verdict v;

	card_open(&c, 0, NULL);
	put_file("text", text, TEXT);
	ck_assert_int_eq(shell("%s", leaves), 0);
	ck_assert_int_eq(shell("sleep 4"), 0);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		enum kit_cms r = verify_with(&c, rows[i].name, &v);

		ck_assert_msg(r == rows[i].state, "%s: %d", rows[i].name, (int)r);
		ck_assert_int_eq(v.signer[0].error, rows[i].error);
		kit_cms_verdict_free(&v);
	}
	card_close(&c);
}
END_TEST

static CMS_ContentInfo *
read_cms(const char *name)
{
	BIO *b = BIO_new_file(name, "rb");
	CMS_ContentInfo *cms = d2i_CMS_bio(b, NULL);

	ck_assert_ptr_nonnull(cms);
	BIO_free(b);
	return cms;
}

/* What a signature over attributes was made of: their SET OF. */
static void
put_attributes(const char *name, CMS_SignerInfo *si)
{
	struct buf all = BUF_INIT, set = BUF_INIT;

	for (int i = 0; i < CMS_signed_get_attr_count(si); i++) {
		unsigned char *der = NULL;
		int n = i2d_X509_ATTRIBUTE(CMS_signed_get_attr(si, i), &der);

		ck_assert_int_gt(n, 0);
		buf_put(&all, der, (size_t)n);
		OPENSSL_free(der);
	}
	ck_assert(all.len > 127 && all.len < 256);
	buf_u8(&set, 0x31);
	buf_u8(&set, 0x81);
	buf_u8(&set, (unsigned)all.len);
	buf_view(&set, buf_peek(&all));
	put_file(name, set.p, (int)set.len);
	buf_free(&all);
	buf_free(&set);
}

/* From a message with attributes anybody makes one without, whose content is those attributes. */
START_TEST(attributes_are_no_content)
{
	struct card c;
	CMS_ContentInfo *from, *to;
	CMS_SignerInfo *si;
	ASN1_OCTET_STRING *sig;
	BIO *b;

	card_open(&c, 0, NULL);
	put_file("text", text, TEXT);
	ck_assert_int_eq(shell("for how in '' -noattr; do openssl cms -sign -binary -in text -outform DER -out in$how "
	    "-signer $pki/rsa2048.cert.pem -inkey $pki/TEST-rsa2048.key.pem -certfile $pki/issuing.cert.pem $how || "
	    "exit 1; done"), 0);
	from = read_cms("in");
	si = sk_CMS_SignerInfo_value(CMS_get0_SignerInfos(from), 0);
	put_attributes("set", si);
	sig = CMS_SignerInfo_get0_signature(si);
	to = read_cms("in-noattr");
	si = sk_CMS_SignerInfo_value(CMS_get0_SignerInfos(to), 0);
	ck_assert(ASN1_STRING_set(CMS_SignerInfo_get0_signature(si), ASN1_STRING_get0_data(sig),
	    ASN1_STRING_length(sig)));
	b = BIO_new_file("forged", "wb");
	ck_assert_int_eq(i2d_CMS_bio(b, to), 1);
	BIO_free(b);
	CMS_ContentInfo_free(from);
	CMS_ContentInfo_free(to);
	/* so it is: the signature does fit */
	ck_assert_int_eq(shell("openssl cms -verify -binary -inform DER -in forged -content set -noverify -out back "
	    "2>err"), 0);
	ck_assert_int_eq(verify_file(&c, "in-noattr", "text", "root"), KIT_CMS_GOOD);
	ck_assert_int_eq(verify_file(&c, "forged", "set", "root"), KIT_CMS_BAD);
	card_close(&c);
}
END_TEST

/* A file that breaks off, and one that is large: made on the way. */
struct source {
	size_t left;
	bool fails;
};

static int
source_read(BIO *b, char *p, int n)
{
	struct source *s = BIO_get_data(b);

	BIO_clear_retry_flags(b);
	if (!s->left)
		return s->fails ? -1 : 0;
	if ((size_t)n > s->left)
		n = (int)s->left;
	memset(p, 'x', (size_t)n);
	s->left -= (size_t)n;
	return n;
}

static long
source_ctrl(BIO *b, int what, long n, void *p)
{
	(void)b;
	(void)n;
	(void)p;
	return what == BIO_CTRL_FLUSH;
}

static BIO *
source_new(struct source *s)
{
	static BIO_METHOD *m;
	BIO *b;

	if (!m) {
		m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "source");
		BIO_meth_set_read(m, source_read);
		BIO_meth_set_ctrl(m, source_ctrl);
	}
	b = BIO_new(m);
	BIO_set_data(b, s);
	BIO_set_init(b, 1);
	return b;
}

START_TEST(a_file_that_cannot_be_read_to_its_end_is_not_signed)
{
	struct card c;
	struct card_key k;
	struct source s = { 100000, true };
	struct kit_cms_verdict v;
	BIO *in, *out = BIO_new(BIO_s_mem()), *content;
	STACK_OF(X509) *to = sk_X509_new_null();

	card_open(&c, 0, "1234");
	card_key_open(&c, RSA_ID, &k);
	sk_X509_push(to, k.cert);
	in = source_new(&s);
	ck_assert_int_eq(kit_cms_encrypt(c.lib.ctx, to, in, out, 0), KIT_CMS_READ);
	BIO_free(in);
	BIO_reset(out);
	for (unsigned flags = 0; flags <= KIT_CMS_DETACHED; flags++) {
		in = source_new(&s);
		s.left = 100000;
		ck_assert_int_eq(kit_cms_sign(c.lib.ctx, k.key, k.cert, NULL, in, out, flags), KIT_CMS_READ);
		ck_assert_int_eq((int)BIO_pending(out), 0);
		BIO_free(in);
	}
	in = source_new(&s);
	sign_to(&c, &k, KIT_CMS_DETACHED, out);
	content = source_new(&s);
	s.left = 10;
	ck_assert_int_eq(verify_bio(&c, out, content, "root", NULL, &v), KIT_CMS_READ);
	kit_cms_verdict_free(&v);
	ck_assert_int_eq(verify_bio(&c, content, NULL, "root", NULL, &v), KIT_CMS_READ);
	kit_cms_verdict_free(&v);
	sk_X509_free(to);
	BIO_free(in);
	BIO_free(content);
	BIO_free(out);
	card_key_close(&k);
	card_close(&c);
}
END_TEST

START_TEST(a_full_disk_is_told)
{
	struct card c;
	struct card_key k;
	struct source s = { 100000, false };
	struct kit_cms_verdict v;
	STACK_OF(X509) *to = sk_X509_new_null();
	BIO *in = source_new(&s), *full = BIO_new_file("/dev/full", "wb"), *closed;

	card_open(&c, 0, "1234");
	card_key_open(&c, RSA_ID, &k);
	sk_X509_push(to, k.cert);
	ck_assert_int_eq(kit_cms_sign(c.lib.ctx, k.key, k.cert, NULL, in, full, 0), KIT_CMS_WRITE);
	s.left = 100000;
	ck_assert_int_eq(kit_cms_encrypt(c.lib.ctx, to, in, full, 0), KIT_CMS_WRITE);
	put_file("text", text, TEXT);
	ck_assert_int_eq(shell("head -c 100000 /dev/zero >zeros && openssl cms -encrypt -binary -in zeros -outform DER "
	    "-out closed $pki/rsa2048.cert.pem && openssl cms -sign -binary -nodetach -in zeros -outform DER -out in "
	    "-signer $pki/rsa2048.cert.pem -inkey $pki/TEST-rsa2048.key.pem"), 0);
	closed = BIO_new_file("closed", "rb");
	ck_assert_int_eq(kit_cms_decrypt(c.lib.ctx, k.key, k.cert, closed, full), KIT_CMS_WRITE);
	BIO_free(closed);
	closed = BIO_new_file("in", "rb");
	ck_assert_int_eq(verify_bio(&c, closed, NULL, NULL, full, &v), KIT_CMS_WRITE);
	kit_cms_verdict_free(&v);
	BIO_free(closed);
	BIO_free(in);
	BIO_free(full);
	sk_X509_free(to);
	card_key_close(&k);
	card_close(&c);
}
END_TEST

/* KIT_LARGE: megabytes, 64 where nobody says it. */
START_TEST(a_large_file_is_not_held_in_memory)
{
	size_t mib = getenv("KIT_LARGE") ? strtoul(getenv("KIT_LARGE"), NULL, 10) : 64;
	struct source s = { 0, false };
	struct rusage before, after;
	struct card c;
	struct card_key k;
	struct kit_cms_verdict v;
	BIO *in = source_new(&s), *out = BIO_new(BIO_s_mem()), *null = BIO_new(BIO_s_null());
	STACK_OF(X509) *to = sk_X509_new_null();

	card_open(&c, 0, "1234");
	card_key_open(&c, P384_ID, &k);
	getrusage(RUSAGE_SELF, &before);
	s.left = mib << 20;
	ck_assert_int_eq(kit_cms_sign(c.lib.ctx, k.key, k.cert, NULL, in, out, KIT_CMS_DETACHED), KIT_CMS_GOOD);
	s.left = mib << 20;
	ck_assert_int_eq(verify_bio(&c, out, in, NULL, null, &v), KIT_CMS_UNTRUSTED);
	ck_assert_uint_eq(s.left, 0);
	kit_cms_verdict_free(&v);
	sk_X509_push(to, k.cert);
	s.left = mib << 20;
	ck_assert_int_eq(kit_cms_encrypt(c.lib.ctx, to, in, null, 0), KIT_CMS_GOOD);
	getrusage(RUSAGE_SELF, &after);
	/* KiB; a sanitizer keeps what is freed for a while */
	if (!getenv("CASTOR_SANITIZER") || !*getenv("CASTOR_SANITIZER"))
		ck_assert_int_lt(after.ru_maxrss - before.ru_maxrss, 16 << 10);
	sk_X509_free(to);
	BIO_free(in);
	BIO_free(out);
	BIO_free(null);
	card_key_close(&k);
	card_close(&c);
}
END_TEST

static enum kit_cms
decrypt_file(struct card *c, struct card_key *k, X509 *cert, const char *in)
{
	BIO *b = BIO_new_file(in, "rb"), *out = BIO_new_file("back", "wb");
	enum kit_cms r = kit_cms_decrypt(c->lib.ctx, k->key, cert ? cert : k->cert, b, out);

	ck_assert_uint_eq(ERR_peek_error(), 0);
	BIO_free(b);
	BIO_free(out);
	return r;
}

START_TEST(what_openssl_encrypts_is_decrypted)
{
	static const struct { CK_BYTE id; const char *how; } rows[] = {
		{ RSA_ID, "-aes-128-cbc -recip $pki/rsa2048.cert.pem" },
		{ RSA_ID, "-aes-256-cbc -recip $pki/rsa2048.cert.pem -keyopt rsa_padding_mode:oaep" },
		{ RSA_ID, "-aes-256-gcm -recip $pki/rsa2048.cert.pem -keyopt rsa_padding_mode:oaep "
		    "-keyopt rsa_oaep_md:sha256 -keyopt rsa_mgf1_md:sha256" },
		{ RSA_ID, "-aes-256-gcm -keyid -recip $pki/rsa2048.cert.pem" },
		{ P384_ID, "-aes-256-cbc -recip $pki/p384.cert.pem" },
		{ P384_ID, "-aes-256-gcm -recip $pki/p384.cert.pem -keyopt ecdh_kdf_md:sha384" },
		/* second of two, of each kind */
		{ RSA_ID, "-aes-128-cbc -recip $pki/sign2048.cert.pem -recip $pki/rsa2048.cert.pem" },
		{ P384_ID, "-aes-128-cbc -recip $pki/p256.cert.pem -recip $pki/p384.cert.pem" },
	};
	struct card c;
	struct card_key k;

	card_open(&c, 0, "1234");
	put_file("text", text, TEXT);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		enum kit_cms r;

		ck_assert_int_eq(shell("openssl cms -encrypt -binary -in text -outform DER -out in -stream %s", rows[i].how),
		    0);
		card_key_open(&c, rows[i].id, &k);
		r = decrypt_file(&c, &k, NULL, "in");
		ck_assert_msg(r == KIT_CMS_GOOD, "%s: %d, rv 0x%lx", rows[i].how, (int)r, k.kit.rv);
		ck_assert_int_eq(shell("cmp text back"), 0);
		card_key_close(&k);
	}
	card_close(&c);
}
END_TEST

START_TEST(what_is_encrypted_here_is_decrypted_by_openssl_and_by_cards)
{
	static const struct { CK_BYTE id; const char *name; unsigned flags; } rows[] = {
		{ RSA_ID, "rsa2048", 0 }, { RSA_ID, "rsa2048", KIT_CMS_OAEP }, { P384_ID, "p384", 0 },
		{ P384_ID, "p384", KIT_CMS_OAEP },
	};
	struct card c;
	struct card_key k;
	STACK_OF(X509) *to;
	BIO *in, *out;

	card_open(&c, 0, "1234");
	put_file("text", text, TEXT);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		card_key_open(&c, rows[i].id, &k);
		to = sk_X509_new_null();
		sk_X509_push(to, card_pki_cert(&c, "p256"));
		sk_X509_push(to, card_pki_cert(&c, rows[i].name));
		in = text_bio();
		out = BIO_new_file("closed", "wb");
		ck_assert_int_eq(kit_cms_encrypt(c.lib.ctx, to, in, out, rows[i].flags), KIT_CMS_GOOD);
		BIO_free(in);
		BIO_free(out);
		sk_X509_pop_free(to, X509_free);
		ck_assert_int_eq(shell("openssl cms -decrypt -binary -inform DER -in closed -recip $pki/%s.cert.pem "
		    "-inkey $pki/TEST-%s.key.pem -out back && cmp text back", rows[i].name, rows[i].name), 0);
		ck_assert_int_eq(decrypt_file(&c, &k, NULL, "closed"), KIT_CMS_GOOD);
		ck_assert_int_eq(shell("cmp text back"), 0);
		card_key_close(&k);
	}
	card_close(&c);
}
END_TEST

START_TEST(a_message_for_others_does_not_come_to_the_card)
{
	struct card c;
	struct card_key k;

	card_open(&c, 0, "1234");
	put_file("text", text, TEXT);
	ck_assert_int_eq(shell("openssl cms -encrypt -binary -in text -outform DER -out in -recip "
	    "$pki/sign2048.cert.pem -recip $pki/p256.cert.pem"), 0);
	card_key_open(&c, RSA_ID, &k);
	/* nothing could be asked of the module with these */
	k.kit.f = NULL;
	ck_assert_int_eq(decrypt_file(&c, &k, NULL, "in"), KIT_CMS_NOT_FOR_US);
	ck_assert_int_eq(decrypt_file(&c, &k, NULL, "text"), KIT_CMS_NOT_CMS);
	card_key_close(&k);
	card_close(&c);
}
END_TEST

/* Whether the padding is right must not be seen: each damaged key gives what a damaged content gives. */
START_TEST(a_key_that_does_not_decrypt_is_no_other_than_damaged_content)
{
	struct card c;
	struct card_key k;
	X509 *other;
	unsigned damaged = 0, rubbish = 0;

	card_open(&c, 0, "1234");
	put_file("text", text, TEXT);
	card_key_open(&c, RSA_ID, &k);
	other = card_pki_cert(&c, "sign2048");
	/* encrypted to another key: what RSA gives is no padding */
	for (int i = 0; i < 8; i++) {
		enum kit_cms r;

		ck_assert_int_eq(shell("openssl cms -encrypt -binary -in text -outform DER -out in $pki/sign2048.cert.pem"),
		    0);
		r = decrypt_file(&c, &k, other, "in");
		damaged += r == KIT_CMS_DAMAGED;
		rubbish += r == KIT_CMS_GOOD;
		ck_assert_uint_eq(k.kit.rv, CKR_OK);
		ck_assert_int_ne(shell("cmp -s text back"), 0);
	}
	ck_assert_uint_eq(damaged + rubbish, 8);
	ck_assert_uint_ge(damaged, 5);
	X509_free(other);
	/* with authentication there is no rubbish */
	ck_assert_int_eq(shell("openssl cms -encrypt -aes-256-gcm -binary -in text -outform DER -out in "
	    "$pki/rsa2048.cert.pem && n=$(wc -c <in) && head -c $((n - 1)) in >cut && printf 'x' >>cut"), 0);
	ck_assert_int_eq(decrypt_file(&c, &k, NULL, "cut"), KIT_CMS_DAMAGED);
	card_key_close(&k);
	card_close(&c);
}
END_TEST

START_TEST(what_the_card_refuses_is_the_card_s)
{
	struct card c;
	struct card_key k;
	BIO *in = text_bio(), *out = BIO_new(BIO_s_mem());

	card_open(&c, 0, "1234");
	put_file("text", text, TEXT);
	ck_assert_int_eq(shell("openssl cms -encrypt -binary -in text -outform DER -out in $pki/rsa2048.cert.pem"), 0);
	card_key_open(&c, RSA_ID, &k);
	ck_assert_uint_eq(c.module->C_Logout(c.h), CKR_OK);
	ck_assert_int_eq(decrypt_file(&c, &k, NULL, "in"), KIT_CMS_CARD);
	ck_assert_uint_ne(k.kit.rv, CKR_OK);
	ck_assert_int_eq(kit_cms_sign(c.lib.ctx, k.key, k.cert, NULL, in, out, 0), KIT_CMS_CARD);
	ck_assert_uint_ne(k.kit.rv, CKR_OK);
	ck_assert_int_eq((int)BIO_pending(out), 0);
	BIO_reset(in);
	card_hook("CASTOR_TEST_REMOVE");
	ck_assert_int_eq(kit_cms_sign(c.lib.ctx, k.key, k.cert, NULL, in, out, 0), KIT_CMS_CARD);
	card_hook("CASTOR_TEST_INSERT");
	/* a key of another certificate is the caller's mistake */
	X509_free(k.cert);
	k.cert = card_pki_cert(&c, "sign2048");
	BIO_reset(in);
	ck_assert_int_eq(kit_cms_sign(c.lib.ctx, k.key, k.cert, NULL, in, out, 0), KIT_CMS_FAILED);
	BIO_free(in);
	BIO_free(out);
	card_key_close(&k);
	card_close(&c);
}
END_TEST

struct damage {
	struct card *c;
	X509_STORE *store;
	struct card_key *k;
	unsigned good;
};

static void
verify_damaged(struct view message, void *arg)
{
	struct damage *d = arg;
	struct kit_cms_verdict v;
	BIO *m = BIO_new_mem_buf(message.p, (int)message.len), *out = BIO_new(BIO_s_mem());
	char *p;
	long n;

	if (kit_cms_verify(d->c->lib.ctx, m, NULL, out, d->store, NULL, &v) == KIT_CMS_GOOD) {
		d->good++;
		n = BIO_get_mem_data(out, &p);
		ck_assert_int_eq((int)n, TEXT);
		ck_assert_mem_eq(p, text, TEXT);
	}
	kit_cms_verdict_free(&v);
	BIO_free(m);
	BIO_free(out);
}

/* Without the chain inside, which makes it small, and with RSA, which is quick to verify. */
START_TEST(no_damage_makes_another_content_good)
{
	struct mutate m = { .run = verify_damaged };
	struct damage d = { 0 };
	struct card c;
	struct card_key k;
	BIO *out = BIO_new(BIO_s_mem()), *in = text_bio();
	X509 *x;
	char *p;

	card_open(&c, 0, "1234");
	card_key_open(&c, RSA_ID, &k);
	d.c = &c;
	d.store = store_new(&c, NULL);
	/* the leaf's own issuer is the anchor: one signature to verify in the chain */
	X509_STORE_add_cert(d.store, x = card_pki_cert(&c, "issuing"));
	X509_STORE_set_flags(d.store, X509_V_FLAG_PARTIAL_CHAIN);
	X509_free(x);
	ck_assert_int_eq(kit_cms_sign(c.lib.ctx, k.key, k.cert, NULL, in, out, 0), KIT_CMS_GOOD);
	m.arg = &d;
	m.good.len = (size_t)BIO_get_mem_data(out, &p);
	m.good.p = (uint8_t *)p;
	verify_damaged(m.good, &d);
	ck_assert_uint_eq(d.good, 1);
	ck_assert_uint_gt(mutate(&m), 10000);
	X509_STORE_free(d.store);
	BIO_free(in);
	BIO_free(out);
	card_key_close(&k);
	card_close(&c);
}
END_TEST

static void
decrypt_damaged(struct view message, void *arg)
{
	struct damage *d = arg;
	BIO *m = BIO_new_mem_buf(message.p, (int)message.len), *out = BIO_new(BIO_s_mem());
	char *p;
	long n;

	if (kit_cms_decrypt(d->c->lib.ctx, d->k->key, d->k->cert, m, out) == KIT_CMS_GOOD) {
		d->good++;
		n = BIO_get_mem_data(out, &p);
		ck_assert_int_eq((int)n, TEXT);
		ck_assert_mem_eq(p, text, TEXT);
	}
	BIO_free(m);
	BIO_free(out);
}

/* Authenticated, by a key in software: the card would take minutes. */
START_TEST(no_damage_makes_another_plaintext)
{
	struct mutate m = { .run = decrypt_damaged };
	struct damage d = { 0 };
	struct card c;
	struct card_key k = { 0 };
	BIO *b;
	unsigned char message[2048];
	int n;

	card_open(&c, 0, NULL);
	k.key = card_pki_key(&c, "p384");
	k.cert = card_pki_cert(&c, "p384");
	d.c = &c;
	d.k = &k;
	put_file("text", text, TEXT);
	ck_assert_int_eq(shell("openssl cms -encrypt -aes-256-gcm -binary -in text -outform DER -out in "
	    "$pki/p384.cert.pem"), 0);
	b = BIO_new_file("in", "rb");
	ck_assert_int_gt(n = BIO_read(b, message, sizeof message), 100);
	BIO_free(b);
	m.arg = &d;
	m.good = view_of(message, (size_t)n);
	decrypt_damaged(m.good, &d);
	ck_assert_uint_eq(d.good, 1);
	ck_assert_uint_gt(mutate(&m), 1000);
	card_key_close(&k);
	card_close(&c);
}
END_TEST

UNIT_MAIN("cms", openssl_verifies_what_cards_sign, what_openssl_signs_is_verified, each_failing_is_told_apart,
    a_signature_of_another_certificate_is_bad, times_and_usage_of_the_certificate_count,
    attributes_are_no_content, a_file_that_cannot_be_read_to_its_end_is_not_signed,
    a_full_disk_is_told, a_large_file_is_not_held_in_memory, what_openssl_encrypts_is_decrypted,
    what_is_encrypted_here_is_decrypted_by_openssl_and_by_cards,
    a_message_for_others_does_not_come_to_the_card,
    a_key_that_does_not_decrypt_is_no_other_than_damaged_content, what_the_card_refuses_is_the_card_s,
    no_damage_makes_another_content_good, no_damage_makes_another_plaintext)

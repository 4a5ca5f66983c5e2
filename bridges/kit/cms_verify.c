/* Judging signed messages: what openssl cms folds into "verification failure" told apart. */
#include <openssl/err.h>
#include <openssl/ess.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "bridges/kit/cms_int.h"

#define HEAD 32 /* bytes of the content that are looked at */
#define AHEAD 600 /* seconds that the signer's clock may be before ours */

static void
signed_at(CMS_SignerInfo *si, struct kit_cms_signer *s)
{
	int at = CMS_signed_get_attr_by_NID(si, NID_pkcs9_signingTime, -1);
	ASN1_TYPE *t = X509_ATTRIBUTE_get0_type(CMS_signed_get_attr(si, at), 0);
	struct tm tm;

	if (!t || (t->type != V_ASN1_UTCTIME && t->type != V_ASN1_GENERALIZEDTIME) ||
	    !ASN1_TIME_to_tm(t->value.asn1_string, &tm))
		return;
	s->has_time = true;
	s->signed_at = timegm(&tm);
}

/* signing-certificate-v2 and its forerunner (RFC 5035), where they are, must name the certificate:
 * else somebody put another one with the same key there. */
static bool
names_cert(CMS_SignerInfo *si, X509 *cert)
{
	ASN1_STRING *v1 = CMS_signed_get0_data_by_OBJ(si,
	    OBJ_nid2obj(NID_id_smime_aa_signingCertificate), -3, V_ASN1_SEQUENCE);
	ASN1_STRING *v2 = CMS_signed_get0_data_by_OBJ(si,
	    OBJ_nid2obj(NID_id_smime_aa_signingCertificateV2), -3, V_ASN1_SEQUENCE);
	STACK_OF(X509) *chain = sk_X509_new_null();
	ESS_SIGNING_CERT *a = v1 ? ASN1_item_unpack(v1, ASN1_ITEM_rptr(ESS_SIGNING_CERT)) : NULL;
	ESS_SIGNING_CERT_V2 *b = v2 ? ASN1_item_unpack(v2, ASN1_ITEM_rptr(ESS_SIGNING_CERT_V2)) : NULL;
	bool ok = chain && sk_X509_push(chain, cert) && (!v1 || a) && (!v2 || b) &&
	    OSSL_ESS_check_signing_certs(a, b, chain, 0) > 0;

	ESS_SIGNING_CERT_free(a);
	ESS_SIGNING_CERT_V2_free(b);
	sk_X509_free(chain);
	return ok;
}

/* One chain, at a time (NULL: at any). X509_V_OK, or what is wrong with *stop (owned). */
static int
chain_error(OSSL_LIB_CTX *ctx, X509_STORE *trusted, STACK_OF(X509) *others, X509 *cert,
    const time_t *when, X509 **stop)
{
	X509_STORE_CTX *c = X509_STORE_CTX_new_ex(ctx, NULL);
	int error = X509_V_ERR_OUT_OF_MEM;

	X509_free(*stop);
	*stop = NULL;
	if (c && X509_STORE_CTX_init(c, trusted, cert, others)) {
		X509_VERIFY_PARAM *p = X509_STORE_CTX_get0_param(c);

		X509_VERIFY_PARAM_set_purpose(p, X509_PURPOSE_ANY);
		X509_VERIFY_PARAM_set_auth_level(p, 1); /* no MD5, no SHA-1, no RSA below 1024 */
		if (when)
			X509_VERIFY_PARAM_set_time(p, *when);
		else
			X509_VERIFY_PARAM_set_flags(p, X509_V_FLAG_NO_CHECK_TIME);
		error = X509_verify_cert(c) > 0 ? X509_V_OK : X509_STORE_CTX_get_error(c);
		if (error && (*stop = X509_STORE_CTX_get_current_cert(c)))
			X509_up_ref(*stop);
	}
	X509_STORE_CTX_free(c);
	return error;
}

/* Whether what the certificate says of its key lets it sign: cards have certificates for nonRepudiation
 * alone, and for logging in; a web server's is not one of a person. */
static bool
may_sign(X509 *cert)
{
	static const char *const others[] = { "1.3.6.1.5.5.7.3.36", "1.3.6.1.4.1.311.10.3.12", "1.3.6.1.4.1.311.20.2.2" };
	uint32_t kinds = X509_get_extended_key_usage(cert);
	EXTENDED_KEY_USAGE *all;
	bool may = false;
	char oid[80];

	if (!(X509_get_key_usage(cert) & (KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION)))
		return false;
	if (kinds == UINT32_MAX || (kinds & (XKU_SMIME | XKU_SSL_CLIENT | XKU_ANYEKU)))
		return true;
	/* signing of documents (RFC 9336), Microsoft's, logging in with a card */
	all = X509_get_ext_d2i(cert, NID_ext_key_usage, NULL, NULL);
	for (int i = 0; i < sk_ASN1_OBJECT_num(all); i++) {
		OBJ_obj2txt(oid, sizeof oid, sk_ASN1_OBJECT_value(all, i), 1);
		for (size_t j = 0; j < sizeof others / sizeof others[0]; j++)
			may |= !strcmp(oid, others[j]);
	}
	EXTENDED_KEY_USAGE_free(all);
	return may;
}

/* First whether it leads to a root at all; a wrong time must not hide a forged certificate. */
static enum kit_cms
judge_cert(OSSL_LIB_CTX *ctx, X509_STORE *trusted, STACK_OF(X509) *others, struct kit_cms_signer *s)
{
	time_t now = time(NULL);

	if ((s->error = chain_error(ctx, trusted, others, s->cert, NULL, &s->stop)))
		return KIT_CMS_UNTRUSTED;
	if (!may_sign(s->cert))
		return KIT_CMS_USAGE;
	if (s->has_time && ((s->error = chain_error(ctx, trusted, others, s->cert, &s->signed_at, &s->stop)) ||
	    s->signed_at > now + AHEAD))
		return KIT_CMS_NOT_THEN;
	if ((s->error = chain_error(ctx, trusted, others, s->cert, &now, &s->stop)))
		return KIT_CMS_EXPIRED;
	return KIT_CMS_GOOD;
}

/* A signature without attributes over a content that is itself a set of attributes was made for
 * another message, whose attributes they were. The content begins 31 L 30 L 06 then. */
static bool
is_attributes(struct view v)
{
	static const unsigned tags[] = { 0x31, 0x30, 0x06 };
	unsigned byte;
	struct view skipped;

	for (size_t i = 0; i < sizeof tags / sizeof tags[0]; i++) {
		if (!view_u8(&v, &byte) || byte != tags[i] || !view_u8(&v, &byte))
			return false;
		if (byte > 0x80 && !view_take(&v, byte & 0x7F, &skipped))
			return false;
	}
	return true;
}

/* The attribute that ties the kind of content to the signature (RFC 5652 11.1). */
static bool
names_type(CMS_SignerInfo *si, const ASN1_OBJECT *type)
{
	ASN1_OBJECT *said = CMS_signed_get0_data_by_OBJ(si, OBJ_nid2obj(NID_pkcs9_contentType), -3,
	    V_ASN1_OBJECT);

	return said && !OBJ_cmp(said, type);
}

/* Digests for which somebody can make two texts of one value: what was signed is not known then. */
static bool
is_broken(CMS_SignerInfo *si)
{
	static const int broken[] = { NID_md2, NID_md4, NID_md5, NID_sha, NID_sha1 };
	X509_ALGOR *digest = NULL;
	const ASN1_OBJECT *oid = NULL;

	CMS_SignerInfo_get0_algs(si, NULL, NULL, &digest, NULL);
	X509_ALGOR_get0(&oid, NULL, NULL, digest);
	for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++)
		if (OBJ_obj2nid(oid) == broken[i])
			return true;
	return false;
}

static enum kit_cms
judge_signature(CMS_ContentInfo *cms, CMS_SignerInfo *si, X509 *cert, BIO *digests, struct view head)
{
	bool attributes = CMS_signed_get_attr_count(si) >= 0; /* -1: none, and no empty set of them */
	int r;

	if (is_broken(si))
		return KIT_CMS_UNSUPPORTED;
	if (!attributes && is_attributes(head))
		return KIT_CMS_BAD;
	if (attributes && (CMS_SignerInfo_verify(si) <= 0 || !names_cert(si, cert) ||
	    !names_type(si, CMS_get0_eContentType(cms))))
		return KIT_CMS_BAD;
	/* 0: another digest than the one signed; but without attributes only that it does not fit */
	if ((r = CMS_SignerInfo_verify_content(si, digests)) > 0)
		return KIT_CMS_GOOD;
	return r == 0 && attributes ? KIT_CMS_CHANGED : KIT_CMS_BAD;
}

/* The content through the digests; of its first bytes HEAD are kept. */
static enum kit_cms
digest_content(CMS_ContentInfo *cms, BIO *content, BIO *out, BIO **digests, unsigned char *head,
    size_t *nhead)
{
	BIO *filter;
	int n, room = HEAD;

	if (!(*digests = CMS_dataInit(cms, content)))
		return KIT_CMS_UNSUPPORTED;
	*nhead = 0;
	while (room > 0 && (n = BIO_read(*digests, head + *nhead, room)) > 0) {
		if (out && BIO_write(out, head + *nhead, n) != n)
			return KIT_CMS_WRITE;
		*nhead += (size_t)n;
		room -= n;
	}
	filter = *digests;
	return room > 0 && n < 0 && !(BIO_should_retry(filter) && BIO_eof(filter)) ? KIT_CMS_READ :
	    cms_copy(filter, out);
}

/* The digests go; a content that the caller gave stays. */
static void
digests_free(BIO *digests, BIO *content)
{
	BIO *next;

	for (; digests && digests != content; digests = next) {
		next = BIO_pop(digests);
		BIO_free(digests);
	}
}

static enum kit_cms
worse(enum kit_cms a, enum kit_cms b)
{
	return a > b ? a : b;
}

/* One pass over one content, and what each signature says to it. */
static enum kit_cms
judge_content(CMS_ContentInfo *cms, BIO *content, BIO *out, struct kit_cms_verdict *v)
{
	STACK_OF(CMS_SignerInfo) *all = CMS_get0_SignerInfos(cms);
	unsigned char head[HEAD];
	size_t nhead = 0;
	BIO *digests = NULL;
	enum kit_cms r = digest_content(cms, content, out, &digests, head, &nhead);

	for (size_t i = 0; !r && i < v->n; i++) {
		CMS_SignerInfo *si = sk_CMS_SignerInfo_value(all, (int)i);
		struct kit_cms_signer *s = &v->signer[i];

		if (s->cert)
			s->state = worse(s->state,
			    judge_signature(cms, si, s->cert, digests, view_of(head, nhead)));
	}
	digests_free(digests, content);
	return r;
}

/* The certificates of the message and those the caller has. Owner: caller, pop_free. */
static STACK_OF(X509) *
certs_of(CMS_ContentInfo *cms, STACK_OF(X509) *more)
{
	STACK_OF(X509) *all = CMS_get1_certs(cms);

	if (!all)
		all = sk_X509_new_null();
	for (int i = 0; all && i < sk_X509_num(more); i++)
		if (!X509_add_cert(all, sk_X509_value(more, i),
		    X509_ADD_FLAG_UP_REF | X509_ADD_FLAG_NO_DUP)) {
			sk_X509_pop_free(all, X509_free);
			return NULL;
		}
	return all;
}

static enum kit_cms
find_signers(CMS_ContentInfo *cms, STACK_OF(X509) *certs, struct kit_cms_verdict *v)
{
	STACK_OF(CMS_SignerInfo) *all = CMS_get0_SignerInfos(cms);
	int n = sk_CMS_SignerInfo_num(all);

	if (n <= 0)
		return KIT_CMS_NO_SIGNER;
	if (!(v->signer = calloc((size_t)n, sizeof *v->signer)))
		return KIT_CMS_FAILED;
	v->n = (size_t)n;
	for (int i = 0; i < n; i++) {
		CMS_SignerInfo *si = sk_CMS_SignerInfo_value(all, i);
		struct kit_cms_signer *s = &v->signer[i];

		signed_at(si, s);
		for (int j = 0; !s->cert && j < sk_X509_num(certs); j++)
			if (!CMS_SignerInfo_cert_cmp(si, sk_X509_value(certs, j)))
				s->cert = sk_X509_value(certs, j);
		if (s->cert) {
			X509_up_ref(s->cert);
			CMS_SignerInfo_set1_signer_cert(si, s->cert);
		} else
			s->state = KIT_CMS_NO_CERT;
	}
	return KIT_CMS_GOOD;
}

static enum kit_cms
judge_all(OSSL_LIB_CTX *ctx, CMS_ContentInfo *cms, BIO *content, BIO *out, X509_STORE *trusted,
    STACK_OF(X509) *certs, struct kit_cms_verdict *v)
{
	bool detached = CMS_is_detached(cms) > 0;
	enum kit_cms r;

	if ((r = find_signers(cms, certs, v)))
		return r;
	if (detached && !content)
		return KIT_CMS_NO_CONTENT;
	if (content && (r = judge_content(cms, content, out, v)))
		return r;
	if (!detached && (r = judge_content(cms, NULL, content ? NULL : out, v)))
		return r;
	for (size_t i = 0; i < v->n; i++) {
		struct kit_cms_signer *s = &v->signer[i];

		if (!s->state)
			s->state = judge_cert(ctx, trusted, certs, s);
		r = worse(r, s->state);
	}
	return r;
}

/* A signature that was not looked at to its end is no good one. */
static enum kit_cms
judge(OSSL_LIB_CTX *ctx, CMS_ContentInfo *cms, BIO *content, BIO *out, X509_STORE *trusted,
    STACK_OF(X509) *certs, struct kit_cms_verdict *v)
{
	enum kit_cms r = judge_all(ctx, cms, content, out, trusted, certs, v);

	for (size_t i = 0; r > KIT_CMS_NO_SIGNER && i < v->n; i++)
		v->signer[i].state = worse(v->signer[i].state, r);
	return r;
}

enum kit_cms
kit_cms_verify(OSSL_LIB_CTX *ctx, BIO *message, BIO *content, BIO *out, X509_STORE *trusted,
    STACK_OF(X509) *more, struct kit_cms_verdict *v)
{
	CMS_ContentInfo *cms = NULL;
	STACK_OF(X509) *certs = NULL;

	*v = (struct kit_cms_verdict){ 0 };
	ERR_set_mark();
	if ((v->state = cms_read(ctx, message, &cms)))
		goto out;
	v->state = KIT_CMS_OTHER_TYPE;
	if (OBJ_obj2nid(CMS_get0_type(cms)) != NID_pkcs7_signed)
		goto out;
	v->state = KIT_CMS_FAILED;
	if ((certs = certs_of(cms, more)))
		v->state = judge(ctx, cms, content, out, trusted, certs, v);
out:
	sk_X509_pop_free(certs, X509_free);
	CMS_ContentInfo_free(cms);
	ERR_pop_to_mark();
	return v->state;
}

void
kit_cms_verdict_free(struct kit_cms_verdict *v)
{
	for (size_t i = 0; i < v->n; i++) {
		X509_free(v->signer[i].cert);
		X509_free(v->signer[i].stop);
	}
	free(v->signer);
	*v = (struct kit_cms_verdict){ 0 };
}

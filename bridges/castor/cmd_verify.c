/* castor verify: whose signature it is, and whether it is good and trusted. */
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bridges/castor/cms.h"
#include "bridges/castor/command.h"
#include "bridges/castor/file.h"
#include "bridges/castor/progress.h"
#include "bridges/castor/show.h"
#include "bridges/kit/cert.h"

/* With a test card its own root is trusted: it is the only one who could vouch for it. */
static int
trust_test_card(struct app *a, X509_STORE *store)
{
	int status = app_cards(a, true);

	for (size_t i = 0; !status && i < a->cards.nslot; i++)
		for (size_t j = 0; j < a->cards.slot[i].nitem; j++) {
			X509 *cert = a->cards.slot[i].item[j].cert;

			if (cert && kit_cert_use(cert) == KIT_USE_ISSUE &&
			    !X509_NAME_cmp(X509_get_subject_name(cert), X509_get_issuer_name(cert)) &&
			    !X509_STORE_add_cert(store, cert))
				status = app_fail(a, ST_FAILED, text(a->lang, "the cryptographic library failed"));
		}
	return status;
}

/* The certificates of a PEM file; false when it has none. */
static bool
trust_file(BIO *in, X509_STORE *store)
{
	size_t n = 0;
	X509 *cert;
	bool ok = true;

	while (ok && (cert = PEM_read_bio_X509_AUX(in, NULL, kit_no_passphrase, NULL))) {
		ok = X509_STORE_add_cert(store, cert);
		X509_free(cert);
		n++;
	}
	ERR_clear_error();
	return ok && n;
}

/* What the system trusts, --ca, and the test card. What is trusted need not be a root. */
static int
open_trust(struct app *a, X509_STORE **out)
{
	const char *ca = a->opt[OPT_CA];
	X509_STORE *store = *out = X509_STORE_new();
	int status = ST_OK;
	BIO *in;

	if (!store || !X509_STORE_set_default_paths(store) || !X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN))
		return app_fail(a, ST_FAILED, text(a->lang, "the cryptographic library failed"));
	ERR_clear_error(); /* a system without any */
	if (ca && !(in = file_read(a, ca, &status)))
		return status;
	if (ca) {
		if (!trust_file(in, store))
			status = app_fail(a, ST_USAGE, text(a->lang, "%s has no certificates in PEM that can be read"), ca);
		BIO_free(in);
	}
	if (status)
		return status;
	return a->opt[OPT_TEST_CARD] ? trust_test_card(a, store) : ST_OK;
}

/* One attempt, with or without the content in a file of its own. */
static int
attempt(struct app *a, const char *content, X509_STORE *store, BIO *out, struct kit_cms_verdict *v)
{
	struct kit_lib lib = { 0 };
	BIO *message, *data = NULL;
	int status;

	if (!(message = file_read(a, a->argv[0], &status)))
		return status;
	if (content && !(data = file_read(a, content, &status)))
		goto out;
	if (kit_lib_open(&lib)) {
		status = app_fail(a, ST_FAILED, text(a->lang, "the cryptographic library failed"));
		goto out;
	}
	progress_start(a, text(a->lang, "Verifying"));
	kit_cms_verify(lib.ctx, message, data, out, store, NULL, v);
	progress_stop();
out:
	BIO_free(message);
	BIO_free(data);
	kit_lib_close(&lib);
	return status;
}

/* letter.txt beside letter.txt.p7s; "" when there is none. */
static void
guess_content(const char *message, struct buf *out)
{
	size_t n = strlen(message);

	if (n > 4 && !strcmp(message + n - 4, ".p7s"))
		buf_put(out, message, n - 4);
	if (out->len && access(buf_text(out), R_OK))
		buf_reset(out);
}

/* ---- what is told ---- */

static void
put_time(struct app *a, time_t at)
{
	struct tm tm;
	char when[32];

	if (gmtime_r(&at, &tm) && strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S UTC", &tm)) {
		put(a, "  ");
		put(a, text(a->lang, "signed on %s, as the signer says"), when);
		put(a, "\n");
	}
}

/* Whether the certificate at fault has an issuer that is not known here, rather than being wrong itself. */
static bool
lacks_issuer(const struct kit_cms_signer *s)
{
	static const int errors[] = {
		X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
		X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN,
		X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT,
	};

	for (size_t i = 0; s->stop && i < sizeof errors / sizeof errors[0]; i++)
		if (s->error == errors[i])
			return true;
	return false;
}

static void
put_signer(struct app *a, const struct kit_cms_signer *s)
{
	int status = cms_status_quiet(s->state);

	put(a, "%s%s%s\n", paint(a, status == ST_OK ? PAINT_GOOD : status == ST_UNTRUSTED ? PAINT_WARN : PAINT_BAD),
	    text(a->lang, cms_text(s->state)), paint(a, PAINT_OFF));
	if (s->cert) {
		put(a, "  %s", paint(a, PAINT_BOLD));
		show_name(a, X509_get_subject_name(s->cert));
		put(a, "%s\n  ", paint(a, PAINT_OFF));
		put(a, text(a->lang, "issued by %s"), "");
		show_name(a, X509_get_issuer_name(s->cert));
		put(a, "\n");
	}
	if (s->has_time)
		put_time(a, s->signed_at);
	if (s->error && !lacks_issuer(s))
		put(a, "  %s\n", X509_verify_cert_error_string(s->error));
	if (lacks_issuer(s)) {
		put(a, "  ");
		put(a, text(a->lang, "issuer that is missing here: %s"), "");
		show_name(a, X509_get_issuer_name(s->stop));
		put(a, "\n  %s\n", text(a->lang, "If you trust it, give its certificate with --ca."));
	}
}

static void
json_verdict(struct app *a, const struct kit_cms_verdict *v)
{
	struct tm tm;
	char when[32];

	json_object(&a->json, NULL);
	json_text(&a->json, "state", cms_word(v->state));
	json_array(&a->json, "signers");
	for (size_t i = 0; i < v->n; i++) {
		const struct kit_cms_signer *s = v->signer + i;

		json_object(&a->json, NULL);
		json_text(&a->json, "state", cms_word(s->state));
		if (s->cert) {
			show_name_json(a, "subject", X509_get_subject_name(s->cert));
			show_name_json(a, "issuer", X509_get_issuer_name(s->cert));
		}
		if (s->has_time && gmtime_r(&s->signed_at, &tm) && strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &tm))
			json_text(&a->json, "signedAt", when);
		if (s->error)
			json_text(&a->json, "reason", X509_verify_cert_error_string(s->error));
		if (lacks_issuer(s))
			show_name_json(a, "missingIssuer", X509_get_issuer_name(s->stop));
		json_object_end(&a->json);
	}
	json_array_end(&a->json);
	json_object_end(&a->json);
}

static int
tell(struct app *a, const struct kit_cms_verdict *v, const char *content)
{
	if (a->opt[OPT_JSON])
		json_verdict(a, v);
	else if (v->n && v->state <= KIT_CMS_NO_SIGNER && v->state != KIT_CMS_UNSUPPORTED)
		for (size_t i = 0; i < v->n; i++)
			put_signer(a, v->signer + i);
	else
		return cms_status(a, v->state, CKR_OK);
	if (!a->opt[OPT_JSON]) {
		put(a, "  ");
		if (content) {
			put(a, text(a->lang, "file: %s"), "");
			put_foreign(a, view_str(content));
		} else {
			put(a, "%s", text(a->lang, "file: the one inside of the signature"));
		}
		put(a, "\n");
	}
	return cms_status_quiet(v->state);
}

int
cmd_verify(struct app *a)
{
	const char *content = a->opt[OPT_CONTENT], *to = a->opt[OPT_OUTPUT];
	struct kit_cms_verdict v = { .state = KIT_CMS_FAILED };
	struct buf guess = BUF_INIT;
	struct file_out f = { .fd = -1 };
	X509_STORE *store = NULL;
	int status, end;

	if (to && !strcmp(to, "-"))
		return app_fail(a, ST_USAGE, text(a->lang, "--output of verify takes a file, since the answer is on standard output"));
	if ((status = open_trust(a, &store)) || (to && (status = file_begin(a, to, &f))))
		goto out;
	if (to && !f.temp) {
		/* it would be there before it is known to be good */
		status = app_fail(a, ST_USAGE, text(a->lang, "--output of verify takes a plain file"));
		file_end(a, &f, false);
		goto out;
	}
	/* a file that is called as the signature's must be the one that was signed, also when that is inside */
	guess_content(a->argv[0], &guess);
	if (!content && guess.len)
		content = buf_text(&guess);
	if (!(status = attempt(a, content, store, f.bio, &v)))
		status = tell(a, &v, content);
	/* only what somebody has signed is handed out */
	end = f.bio ? file_end(a, &f, status == ST_OK || status == ST_UNTRUSTED) : ST_OK;
	status = status ? status : end;
out:
	kit_cms_verdict_free(&v);
	X509_STORE_free(store);
	buf_free(&guess);
	return status;
}

/* castor verify: whose signature it is, and whether it is good and trusted. */
#include <openssl/err.h>
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

/* What the system trusts, --ca, and the test card. */
static int
open_trust(struct app *a, X509_STORE **out)
{
	const char *ca = a->opt[OPT_CA];
	X509_STORE *store = *out = X509_STORE_new();

	if (!store || !X509_STORE_set_default_paths(store))
		return app_fail(a, ST_FAILED, text(a->lang, "the cryptographic library failed"));
	if (ca && !X509_STORE_load_file(store, ca)) {
		ERR_clear_error();
		return app_fail(a, ST_USAGE, text(a->lang, "%s has no certificates in PEM that can be read"), ca);
	}
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

static void
put_name(struct app *a, const X509_NAME *name)
{
	struct buf b = BUF_INIT;

	kit_cert_name(name, &b);
	put_foreign(a, buf_peek(&b));
	buf_free(&b);
}

static void
put_signer(struct app *a, const struct kit_cms_signer *s)
{
	int status = cms_status_quiet(s->state);

	put(a, "%s%s%s\n", paint(a, status == ST_OK ? PAINT_GOOD : status == ST_UNTRUSTED ? PAINT_WARN : PAINT_BAD),
	    text(a->lang, cms_text(s->state)), paint(a, PAINT_OFF));
	if (s->cert) {
		put(a, "  %s", paint(a, PAINT_BOLD));
		put_name(a, X509_get_subject_name(s->cert));
		put(a, "%s\n  ", paint(a, PAINT_OFF));
		put(a, text(a->lang, "issued by %s"), "");
		put_name(a, X509_get_issuer_name(s->cert));
		put(a, "\n");
	}
	if (s->has_time)
		put_time(a, s->signed_at);
	if (s->state == KIT_CMS_UNTRUSTED && s->stop) {
		put(a, "  ");
		put(a, text(a->lang, "issuer that is missing here: %s"), "");
		put_name(a, X509_get_issuer_name(s->stop));
		put(a, "\n  %s\n", text(a->lang, "If you trust it, give its certificate with --ca."));
	}
}

static void
json_name(struct app *a, const char *key, const X509_NAME *name)
{
	struct buf b = BUF_INIT;

	kit_cert_full_name(name, &b);
	json_bytes_text(&a->json, key, buf_peek(&b));
	buf_free(&b);
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
			json_name(a, "subject", X509_get_subject_name(s->cert));
			json_name(a, "issuer", X509_get_issuer_name(s->cert));
		}
		if (s->has_time && gmtime_r(&s->signed_at, &tm) && strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &tm))
			json_text(&a->json, "signedAt", when);
		if (s->stop)
			json_name(a, "missingIssuer", X509_get_issuer_name(s->stop));
		json_object_end(&a->json);
	}
	json_array_end(&a->json);
	json_object_end(&a->json);
}

static int
tell(struct app *a, const struct kit_cms_verdict *v)
{
	if (a->opt[OPT_JSON])
		json_verdict(a, v);
	else if (v->n && v->state != KIT_CMS_NO_CONTENT)
		for (size_t i = 0; i < v->n; i++)
			put_signer(a, v->signer + i);
	else
		return cms_status(a, v->state, CKR_OK);
	return cms_status_quiet(v->state);
}

int
cmd_verify(struct app *a)
{
	const char *content = a->opt[OPT_CONTENT], *to = a->opt[OPT_OUTPUT];
	struct kit_cms_verdict v = { .state = KIT_CMS_FAILED };
	struct buf guess = BUF_INIT;
	struct file_out f = { 0 };
	X509_STORE *store = NULL;
	int status, end;

	if (to && !strcmp(to, "-"))
		return app_fail(a, ST_USAGE, text(a->lang, "--output of verify takes a file, since the answer is on standard output"));
	if ((status = open_trust(a, &store)) || (to && (status = file_begin(a, to, &f))))
		goto out;
	if (!(status = attempt(a, content, store, f.bio, &v)) && v.state == KIT_CMS_NO_CONTENT && !content) {
		guess_content(a->argv[0], &guess);
		if (guess.len) {
			kit_cms_verdict_free(&v);
			status = attempt(a, buf_text(&guess), store, f.bio, &v);
		}
	}
	if (!status)
		status = tell(a, &v);
	/* only what somebody has signed is handed out */
	end = f.bio ? file_end(a, &f, status == ST_OK || status == ST_UNTRUSTED) : ST_OK;
	status = status ? status : end;
out:
	kit_cms_verdict_free(&v);
	X509_STORE_free(store);
	buf_free(&guess);
	return status;
}

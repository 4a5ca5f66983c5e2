/* castor sign, decrypt and encrypt: files, in CMS. */
#include <string.h>
#include <time.h>

#include "bridges/castor/cms.h"
#include "bridges/castor/command.h"
#include "bridges/castor/file.h"
#include "bridges/castor/login.h"
#include "bridges/castor/pick.h"
#include "bridges/castor/progress.h"
#include "bridges/castor/show.h"
#include "bridges/kit/cert.h"

/* FILE with an ending behind it, or without it, or --output; the caller's. "-" stays as it is. */
static void
name_output(const struct app *a, const char *path, const char *ending, struct buf *out)
{
	if (a->opt[OPT_OUTPUT])
		buf_str(out, a->opt[OPT_OUTPUT]);
	else
		buf_fmt(out, "%s%s", path, strcmp(path, "-") ? ending : "");
}

/* Without its ending; standard output when it has none of that kind. */
static void
name_without(const struct app *a, const char *path, const char *ending, struct buf *out)
{
	size_t n = strlen(path), e = strlen(ending);

	if (a->opt[OPT_OUTPUT])
		buf_str(out, a->opt[OPT_OUTPUT]);
	else if (n > e && !strcmp(path + n - e, ending))
		buf_put(out, path, n - e);
	else
		buf_str(out, "-");
}

/* The authorities of the card above the certificate, for those who will verify. */
static STACK_OF(X509) *
chain_of(const struct app *a)
{
	STACK_OF(X509) *chain = sk_X509_new_null();

	for (size_t i = 0; chain && i < a->cards.nslot; i++)
		for (size_t j = 0; j < a->cards.slot[i].nitem; j++) {
			X509 *cert = a->cards.slot[i].item[j].cert;

			if (cert && kit_cert_use(cert) == KIT_USE_ISSUE && !sk_X509_push(chain, cert))
				break;
		}
	return chain;
}

static void
tell(struct app *a, const char *what, const X509 *cert, const char *path)
{
	struct buf b = BUF_INIT;

	kit_cert_name(X509_get_subject_name(cert), &b);
	if (a->opt[OPT_JSON]) {
		json_object(&a->json, NULL);
		json_bytes_text(&a->json, "holder", buf_peek(&b));
		json_text(&a->json, "output", path);
		json_object_end(&a->json);
	} else if (strcmp(path, "-") != 0) {
		put(a, "%s%s%s ", paint(a, PAINT_GOOD), what, paint(a, PAINT_OFF));
		put_foreign(a, buf_peek(&b));
		put(a, "\n%s\n", path);
	}
	buf_free(&b);
}

/* Whether the answer and the data would go to the same place. */
static int
check_json(struct app *a, const char *path)
{
	return a->opt[OPT_JSON] && !strcmp(path, "-") ?
	    app_fail(a, ST_USAGE, text(a->lang, "--json wants --output, since both would be on standard output")) : ST_OK;
}

int
cmd_sign(struct app *a)
{
	struct wanted w = { .use = KIT_USE_LOGIN | KIT_USE_SIGN, .first = KIT_USE_SIGN, .with_key = true };
	struct buf path = BUF_INIT;
	struct file_out f = { .fd = -1 };
	struct login l = { 0 };
	struct kit_slot *slot;
	struct kit_item *item;
	STACK_OF(X509) *chain = NULL;
	enum kit_cms state = KIT_CMS_FAILED;
	BIO *in = NULL;
	long days;
	int status, end;

	a->file = a->argv[0];
	name_output(a, a->argv[0], ".p7s", &path);
	if ((status = check_json(a, buf_text(&path))) || (status = pick_item(a, &w, &slot, &item)) ||
	    !(in = file_read(a, a->argv[0], &status)) || (status = file_begin(a, buf_text(&path), &f)))
		goto out;
	if (kit_cert_validity(item->cert, (int64_t)time(NULL), &days) == KIT_EXPIRED)
		note(a, "%s", text(a->lang, "This certificate has expired: others may not accept the signature."));
	if (!(status = login_begin(a, slot, item, &l))) {
		chain = chain_of(a);
		progress_start(a, text(a->lang, "Signing"));
		state = kit_cms_sign(l.lib.ctx, l.pkey, item->cert, chain, in, f.bio,
		    a->opt[OPT_ATTACHED] ? 0 : KIT_CMS_DETACHED);
		progress_stop();
		status = cms_status(a, state, l.key.rv);
	}
	end = file_end(a, &f, !status);
	status = status ? status : end;
	if (!status)
		tell(a, text(a->lang, "Signed by"), item->cert, buf_text(&path));
out:
	sk_X509_free(chain);
	BIO_free(in);
	login_end(&l);
	buf_free(&path);
	return status;
}

/* Whether it is worth a PIN. Standard input, which cannot be read twice, is. */
static int
check_encrypted(struct app *a, const struct kit_item *item)
{
	struct kit_lib lib = { 0 };
	int status = ST_OK;
	BIO *in;

	if (!strcmp(a->argv[0], "-"))
		return ST_OK;
	if (!(in = file_read(a, a->argv[0], &status)))
		return status;
	if (!kit_lib_open(&lib))
		status = cms_status(a, kit_cms_is_for(lib.ctx, item->cert, in), CKR_OK);
	BIO_free(in);
	kit_lib_close(&lib);
	return status;
}

int
cmd_decrypt(struct app *a)
{
	struct wanted w = { .use = KIT_USE_DECRYPT, .first = KIT_USE_DECRYPT, .with_key = true };
	struct buf path = BUF_INIT;
	struct file_out f = { .fd = -1 };
	struct login l = { 0 };
	struct kit_slot *slot;
	struct kit_item *item;
	enum kit_cms state;
	BIO *in = NULL;
	int status, end;

	a->file = a->argv[0];
	name_without(a, a->argv[0], ".p7m", &path);
	if ((status = check_json(a, buf_text(&path))) || (status = pick_item(a, &w, &slot, &item)) ||
	    (status = check_encrypted(a, item)) || !(in = file_read(a, a->argv[0], &status)) || (status = file_begin(a, buf_text(&path), &f)))
		goto out;
	if (!(status = login_begin(a, slot, item, &l))) {
		progress_start(a, text(a->lang, "Decrypting"));
		state = kit_cms_decrypt(l.lib.ctx, l.pkey, item->cert, in, f.bio);
		progress_stop();
		status = cms_status(a, state, l.key.rv);
	}
	end = file_end(a, &f, !status);
	status = status ? status : end;
	if (!status)
		tell(a, text(a->lang, "Decrypted for"), item->cert, buf_text(&path));
out:
	BIO_free(in);
	login_end(&l);
	buf_free(&path);
	return status;
}

int
cmd_encrypt(struct app *a)
{
	struct wanted w = { .use = KIT_USE_DECRYPT, .first = KIT_USE_DECRYPT };
	struct buf path = BUF_INIT;
	struct file_out f = { .fd = -1 };
	struct kit_lib lib = { 0 };
	struct kit_slot *slot;
	struct kit_item *item;
	STACK_OF(X509) *to = NULL;
	BIO *in = NULL;
	int status, end;

	name_output(a, a->argv[0], ".p7m", &path);
	if ((status = check_json(a, buf_text(&path))) || (status = pick_item(a, &w, &slot, &item)) ||
	    !(in = file_read(a, a->argv[0], &status)) || (status = file_begin(a, buf_text(&path), &f)))
		goto out;
	if (!(to = sk_X509_new_null()) || !sk_X509_push(to, item->cert) || kit_lib_open(&lib))
		status = app_fail(a, ST_FAILED, text(a->lang, "the file cannot be encrypted"));
	else
		status = cms_status(a, kit_cms_encrypt(lib.ctx, to, in, f.bio, 0), CKR_OK);
	end = file_end(a, &f, !status);
	status = status ? status : end;
	if (!status)
		tell(a, text(a->lang, "Encrypted for"), item->cert, buf_text(&path));
out:
	sk_X509_free(to);
	BIO_free(in);
	kit_lib_close(&lib);
	buf_free(&path);
	return status;
}

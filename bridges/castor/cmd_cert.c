/* castor cert show, export and chain. */
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "base/err.h"
#include "bridges/castor/command.h"
#include "bridges/castor/file.h"
#include "bridges/castor/pick.h"
#include "bridges/castor/show.h"
#include "bridges/kit/cert.h"
#include "bridges/kit/uri.h"

/* The certificate that the operand or --id names. */
static int
pick_cert(struct app *a, struct kit_slot **slot, struct kit_item **item)
{
	struct wanted any = { .first = KIT_USE_LOGIN };
	int status;

	if (a->argc)
		a->opt[OPT_ID] = a->argv[0];
	any.use = KIT_USE_LOGIN | KIT_USE_DECRYPT | KIT_USE_SIGN | (a->opt[OPT_ID] ? KIT_USE_ISSUE : 0);
	if ((status = pick_item(a, &any, slot, item)))
		return status;
	return (*item)->cert ? ST_OK : app_fail(a, ST_NOT_FOUND, text(a->lang, "there is no certificate for that key"));
}

static void
line(struct app *a, const char *what)
{
	put(a, "%s%s:%s ", paint(a, PAINT_BOLD), what, paint(a, PAINT_OFF));
}

static void
put_full_name(struct app *a, const char *what, const X509_NAME *name)
{
	struct buf b = BUF_INIT;

	line(a, what);
	kit_cert_full_name(name, &b);
	put_foreign(a, buf_peek(&b));
	put(a, "\n");
	buf_free(&b);
}

static void
put_hex_line(struct app *a, const char *what, struct view v)
{
	struct buf b = BUF_INIT;

	line(a, what);
	buf_hex(&b, v);
	put(a, "%s\n", buf_text(&b));
	buf_free(&b);
}

/* What OpenSSL says of an extension, on one line. */
static void
put_extension(struct app *a, const char *what, const X509 *cert, int nid)
{
	int at = X509_get_ext_by_NID(cert, nid, -1);
	BIO *bio;
	char *p;
	long n;

	if (at < 0 || !(bio = BIO_new(BIO_s_mem())))
		return;
	if (X509V3_EXT_print(bio, X509_get_ext(cert, at), 0, 0) && (n = BIO_get_mem_data(bio, &p)) > 0) {
		struct buf b = BUF_INIT;

		for (long i = 0; i < n; i++)
			buf_u8(&b, p[i] == '\n' ? ' ' : (unsigned char)p[i]);
		line(a, what);
		put_foreign(a, buf_peek(&b));
		put(a, "\n");
		buf_free(&b);
	}
	ERR_clear_error();
	BIO_free(bio);
}

int
cmd_cert_show(struct app *a)
{
	struct kit_slot *slot;
	struct kit_item *item;
	struct buf b = BUF_INIT;
	int status = pick_cert(a, &slot, &item);

	if (status)
		return status;
	kit_uri(slot, item, &b);
	if (a->opt[OPT_JSON]) {
		json_object(&a->json, NULL);
		show_item_json(a, "item", item);
		json_bytes_text(&a->json, "uri", buf_peek(&b));
		json_object_end(&a->json);
		buf_free(&b);
		return ST_OK;
	}
	show_item(a, slot, item);
	put(a, "\n");
	put_full_name(a, text(a->lang, "Holder"), X509_get_subject_name(item->cert));
	put_full_name(a, text(a->lang, "Issuer"), X509_get_issuer_name(item->cert));
	put_hex_line(a, text(a->lang, "Serial number"), view_of(X509_get0_serialNumber(item->cert)->data,
	    (size_t)X509_get0_serialNumber(item->cert)->length));
	put_extension(a, text(a->lang, "Key usage"), item->cert, NID_key_usage);
	put_extension(a, text(a->lang, "Extended key usage"), item->cert, NID_ext_key_usage);
	put_extension(a, text(a->lang, "Alternative names"), item->cert, NID_subject_alt_name);
	put_extension(a, text(a->lang, "Revocation lists"), item->cert, NID_crl_distribution_points);
	put_extension(a, text(a->lang, "Services"), item->cert, NID_info_access);
	if (b.len) {
		line(a, text(a->lang, "For programs"));
		put(a, "%s\n", buf_text(&b));
	}
	buf_reset(&b);
	kit_cert_sha256(item->cert, &b);
	put_hex_line(a, "SHA-256", buf_peek(&b));
	buf_free(&b);
	return ST_OK;
}

/* Whether the answer and the certificate would go to the same place. */
static int
check_json(struct app *a)
{
	return a->opt[OPT_JSON] && (!a->opt[OPT_OUTPUT] || !strcmp(a->opt[OPT_OUTPUT], "-")) ?
	    app_fail(a, ST_USAGE, text(a->lang, "--json wants --output, since both would be on standard output")) : ST_OK;
}

static bool
write_cert(const struct app *a, BIO *out, X509 *cert)
{
	return a->opt[OPT_DER] ? i2d_X509_bio(out, cert) > 0 : PEM_write_bio_X509(out, cert) > 0;
}

int
cmd_cert_export(struct app *a)
{
	struct kit_slot *slot;
	struct kit_item *item;
	struct file_out f;
	int status = check_json(a), end;
	bool ok;

	if (status || (status = pick_cert(a, &slot, &item)) || (status = file_begin(a, a->opt[OPT_OUTPUT], &f)))
		return status;
	ok = write_cert(a, f.bio, item->cert);
	end = file_end(a, &f, ok);
	if (!ok)
		return app_fail(a, ST_USAGE, text(a->lang, "the certificate cannot be written"));
	if (!end && a->opt[OPT_JSON]) {
		json_object(&a->json, NULL);
		show_item_json(a, "item", item);
		json_text(&a->json, "output", a->opt[OPT_OUTPUT]);
		json_object_end(&a->json);
	}
	return end;
}

/* ---- chain ---- */

#define CHAIN_MAX 8 /* certificates; no eID has more than four */

/* The issuer among the certificates of the card; NULL: it is not there. */
static X509 *
find_issuer(const struct app *a, X509 *cert)
{
	for (size_t i = 0; i < a->cards.nslot; i++)
		for (size_t j = 0; j < a->cards.slot[i].nitem; j++) {
			X509 *other = a->cards.slot[i].item[j].cert;

			if (other && X509_check_issued(other, cert) == X509_V_OK &&
			    X509_verify(cert, X509_get0_pubkey(other)) == 1)
				return other;
		}
	ERR_clear_error();
	return NULL;
}

static bool
is_self_issued(X509 *cert)
{
	return !X509_NAME_cmp(X509_get_subject_name(cert), X509_get_issuer_name(cert));
}

static int
write_chain(struct app *a, X509 *const *chain, size_t n)
{
	struct file_out f;
	bool ok = true;
	int status, end;

	if ((status = file_begin(a, a->opt[OPT_OUTPUT], &f)))
		return status;
	for (size_t i = 0; ok && i < n; i++)
		ok = PEM_write_bio_X509(f.bio, chain[i]) > 0;
	end = file_end(a, &f, ok);
	return ok ? end : app_fail(a, ST_USAGE, text(a->lang, "the certificate cannot be written"));
}

int
cmd_cert_chain(struct app *a)
{
	X509 *chain[CHAIN_MAX] = { NULL };
	struct kit_slot *slot;
	struct kit_item *item;
	size_t n = 0;
	int status = a->opt[OPT_OUTPUT] ? check_json(a) : ST_OK;
	bool whole;

	if (status || (status = pick_cert(a, &slot, &item)))
		return status;
	for (X509 *cert = item->cert; cert && n < CHAIN_MAX; cert = is_self_issued(cert) ? NULL : find_issuer(a, cert))
		chain[n++] = cert;
	whole = is_self_issued(chain[n - 1]);
	if (a->opt[OPT_JSON]) {
		json_object(&a->json, NULL);
		json_array(&a->json, "chain");
		for (size_t i = 0; i < n; i++) {
			struct kit_item one = { .cert = chain[i] };

			show_item_json(a, NULL, &one);
		}
		json_array_end(&a->json);
		json_bool(&a->json, "complete", whole);
		json_object_end(&a->json);
	} else if (a->opt[OPT_OUTPUT] && strcmp(a->opt[OPT_OUTPUT], "-") == 0) {
		return write_chain(a, chain, n);
	} else {
		for (size_t i = 0; i < n; i++) {
			struct kit_item one = { .cert = chain[i] };

			show_item(a, slot, &one);
		}
		if (!whole) {
			struct buf b = BUF_INIT;

			kit_cert_full_name(X509_get_issuer_name(chain[n - 1]), &b);
			put(a, "%s%s%s\n        ", paint(a, PAINT_WARN), text(a->lang, "The card does not have the next issuer:"),
			    paint(a, PAINT_OFF));
			put_foreign(a, buf_peek(&b));
			put(a, "\n");
			buf_free(&b);
		}
	}
	return a->opt[OPT_OUTPUT] ? write_chain(a, chain, n) : ST_OK;
}

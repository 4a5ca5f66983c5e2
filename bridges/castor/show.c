#include "bridges/castor/show.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bridges/kit/cert.h"

void
show_card_name(struct buf *out, const struct kit_slot *slot)
{
	struct view v = buf_peek(&slot->label);

	/* libcryptoki(7): the purpose stands behind the name, " (PIN1 login)" */
	for (size_t i = v.len; i >= 2 && v.p[v.len - 1] == ')'; i--) {
		if (v.p[i - 1] == '(' && v.p[i - 2] == ' ') {
			v.len = i - 2;
			break;
		}
	}
	put_foreign_to(out, v);
}

void
show_pin_name(struct app *a, const struct kit_slot *slot)
{
	if (slot->pin.number == 2)
		put(a, "%s", text(a->lang, "PIN2 (signature)"));
	else if (slot->pin.number == 1)
		put(a, "%s", text(a->lang, "PIN1 (login)"));
	else
		put(a, "%s", text(a->lang, "PIN"));
}

static bool
pin_is_short(const struct kit_pin *pin)
{
	return pin->tries == 1 || (pin->tries_max != KIT_UNKNOWN && pin->tries < pin->tries_max);
}

void
show_pin_state(struct app *a, const struct kit_slot *slot)
{
	const struct kit_pin *pin = &slot->pin;
	CK_FLAGS flags = slot->token.flags;

	if (pin->activation != KIT_ACTIVE)
		put(a, "%s%s%s", paint(a, PAINT_WARN), text(a->lang, "not activated yet: castor pin activate"),
		    paint(a, PAINT_OFF));
	else if (flags & CKF_USER_PIN_LOCKED)
		put(a, "%s%s%s", paint(a, PAINT_BAD), text(a->lang, "blocked: castor pin unblock"), paint(a, PAINT_OFF));
	else if (!(flags & CKF_USER_PIN_INITIALIZED))
		put(a, "%s", text(a->lang, "not set up"));
	else if (pin->tries == KIT_UNKNOWN)
		put(a, "%s", text(a->lang, "set up"));
	else {
		put(a, "%s", pin_is_short(pin) ? paint(a, PAINT_WARN) : "");
		put(a, text_n(a->lang, "%lu try left", "%lu tries left", pin->tries), pin->tries);
		put(a, "%s", pin_is_short(pin) ? paint(a, PAINT_OFF) : "");
	}
	if (*pin->changed) {
		put(a, " · ");
		put(a, text(a->lang, "changed on %s"), pin->changed);
	}
	if (*pin->expires) {
		put(a, " · ");
		put(a, text(a->lang, "to be changed by %s"), pin->expires);
	}
}

static const struct use { unsigned bit; const char *text, *word; } uses[] = {
	{ KIT_USE_LOGIN, N_("to log in"), "login" },
	{ KIT_USE_DECRYPT, N_("to decrypt"), "decrypt" },
	{ KIT_USE_SIGN, N_("for legally binding signatures"), "sign" },
	{ KIT_USE_ISSUE, N_("issues certificates"), "issue" },
};

void
show_use(struct app *a, unsigned use)
{
	const char *comma = "";

	for (size_t i = 0; i < sizeof uses / sizeof uses[0]; i++) {
		if (!(use & uses[i].bit))
			continue;
		put(a, "%s%s", comma, text(a->lang, uses[i].text));
		comma = ", ";
	}
}

static void
put_id(struct app *a, const struct kit_item *item)
{
	struct buf id = BUF_INIT;

	buf_hex(&id, buf_peek(&item->id));
	put(a, "%s", buf_text(&id));
	buf_free(&id);
}

void
show_name(struct app *a, const X509_NAME *name)
{
	struct buf b = BUF_INIT;

	kit_cert_name(name, &b);
	put_foreign(a, buf_peek(&b));
	buf_free(&b);
}

/* "valid until 2028-11-25", in the colour of how it stands. */
static void
put_validity(struct app *a, const X509 *cert)
{
	long days, warn = settings_int(a->settings, SET_certExpirationWarningDays);
	enum kit_validity v = kit_cert_validity(cert, (int64_t)time(NULL), &days);
	struct buf from = BUF_INIT, to = BUF_INIT;

	kit_date(kit_cert_time(X509_get0_notBefore(cert)), &from);
	kit_date(kit_cert_time(X509_get0_notAfter(cert)), &to);
	if (v == KIT_EXPIRED) {
		put(a, "%s", paint(a, PAINT_BAD));
		put(a, text(a->lang, "expired on %s"), buf_text(&to));
	} else if (v == KIT_NOT_YET) {
		put(a, "%s", paint(a, PAINT_WARN));
		put(a, text(a->lang, "valid from %s only"), buf_text(&from));
	} else if (days < warn) {
		put(a, "%s", paint(a, PAINT_WARN));
		put(a, text_n(a->lang, "expires in %ld day, on %s", "expires in %ld days, on %s", (unsigned long)days),
		    days, buf_text(&to));
	} else {
		put(a, text(a->lang, "valid until %s"), buf_text(&to));
	}
	put(a, "%s", v == KIT_VALID && days >= warn ? "" : paint(a, PAINT_OFF));
	buf_free(&from);
	buf_free(&to);
}

static void
put_key_kind(struct app *a, const struct kit_item *item)
{
	struct buf kind = BUF_INIT;

	kit_key_kind(X509_get0_pubkey(item->cert), &kind);
	put(a, "%s", buf_text(&kind));
	buf_free(&kind);
}

void
show_item(struct app *a, const struct kit_slot *slot, const struct kit_item *item)
{
	(void)slot;
	put(a, "      ");
	if (!item->cert) {
		put(a, text(a->lang, "Key %s"), "");
		put_id(a, item);
		put(a, "  ");
		put_foreign(a, buf_peek(&item->label));
		put(a, "  %s\n", text(a->lang, "no certificate"));
		return;
	}
	put(a, "%s", paint(a, PAINT_BOLD));
	show_name(a, X509_get_subject_name(item->cert));
	put(a, "%s  ", paint(a, PAINT_OFF));
	show_use(a, kit_cert_use(item->cert));
	put(a, "\n        ");
	put_validity(a, item->cert);
	put(a, " · ");
	put_key_kind(a, item);
	if (item->id.len) {
		put(a, " · ");
		put(a, text(a->lang, "ID %s"), "");
		put_id(a, item);
	}
	put(a, "\n        ");
	put(a, text(a->lang, "issued by %s"), "");
	show_name(a, X509_get_issuer_name(item->cert));
	put(a, "\n");
}

/* ---- JSON ---- */

void
show_name_json(struct app *a, const char *key, const X509_NAME *name)
{
	struct buf b = BUF_INIT;

	kit_cert_full_name(name, &b);
	json_bytes_text(&a->json, key, buf_peek(&b));
	buf_free(&b);
}

static void
json_time(struct app *a, const char *key, const ASN1_TIME *t)
{
	time_t at = (time_t)kit_cert_time(t);
	struct tm tm;
	char iso[32];

	if (kit_cert_time(t) != INT64_MIN && gmtime_r(&at, &tm) && strftime(iso, sizeof iso, "%Y-%m-%dT%H:%M:%SZ", &tm))
		json_text(&a->json, key, iso);
	else
		json_null(&a->json, key);
}

static void
json_cert(struct app *a, X509 *cert)
{
	static const char *const validities[] = { "valid", "not-yet", "expired" };
	unsigned use = kit_cert_use(cert);
	struct buf b = BUF_INIT;
	long days;

	json_object(&a->json, "certificate");
	kit_cert_name(X509_get_subject_name(cert), &b);
	json_bytes_text(&a->json, "holder", buf_peek(&b));
	buf_reset(&b);
	show_name_json(a, "subject", X509_get_subject_name(cert));
	show_name_json(a, "issuer", X509_get_issuer_name(cert));
	json_time(a, "notBefore", X509_get0_notBefore(cert));
	json_time(a, "notAfter", X509_get0_notAfter(cert));
	json_text(&a->json, "validity", validities[kit_cert_validity(cert, (int64_t)time(NULL), &days)]);
	json_number(&a->json, "daysLeft", days);
	json_array(&a->json, "use");
	for (size_t i = 0; i < sizeof uses / sizeof uses[0]; i++)
		if (use & uses[i].bit)
			json_text(&a->json, NULL, uses[i].word);
	json_array_end(&a->json);
	kit_key_kind(X509_get0_pubkey(cert), &b);
	json_bytes_text(&a->json, "key", buf_peek(&b));
	buf_reset(&b);
	kit_cert_sha256(cert, &b);
	json_hex(&a->json, "sha256", buf_peek(&b));
	buf_free(&b);
	json_object_end(&a->json);
}

void
show_item_json(struct app *a, const char *key, const struct kit_item *item)
{
	json_object(&a->json, key);
	json_hex(&a->json, "id", buf_peek(&item->id));
	json_bytes_text(&a->json, "label", buf_peek(&item->label));
	json_bool(&a->json, "privateKey", item->has_key);
	if (item->cert)
		json_cert(a, item->cert);
	json_object_end(&a->json);
}

static void
json_count(struct app *a, const char *key, CK_ULONG n)
{
	if (n == KIT_UNKNOWN)
		json_null(&a->json, key);
	else
		json_number(&a->json, key, (long long)n);
}

void
show_pin_json(struct app *a, const char *key, const struct kit_slot *slot)
{
	static const char *const activations[] = { "active", "by-unblocking", "by-changing" };
	const struct kit_pin *pin = &slot->pin;

	json_object(&a->json, key);
	json_number(&a->json, "number", (long long)pin->number);
	json_count(a, "tries", pin->tries);
	json_count(a, "triesMax", pin->tries_max);
	json_count(a, "pukTries", pin->puk_tries);
	json_bool(&a->json, "blocked", (slot->token.flags & CKF_USER_PIN_LOCKED) != 0);
	json_bool(&a->json, "initialized", (slot->token.flags & CKF_USER_PIN_INITIALIZED) != 0);
	json_bool(&a->json, "eachTime", pin->each_time);
	json_bool(&a->json, "keypad", (slot->token.flags & CKF_PROTECTED_AUTHENTICATION_PATH) != 0);
	json_text(&a->json, "activation", pin->activation < 3 ? activations[pin->activation] : NULL);
	json_text(&a->json, "changed", *pin->changed ? pin->changed : NULL);
	json_text(&a->json, "expires", *pin->expires ? pin->expires : NULL);
	json_object_end(&a->json);
}

void
show_slot_json(struct app *a, const struct kit_slot *slot)
{
	char name[KIT_RV_NAME];

	json_object(&a->json, NULL);
	json_number(&a->json, "slot", (long long)slot->id);
	json_bytes_text(&a->json, "reader", buf_peek(&slot->reader));
	json_bool(&a->json, "present", slot->present);
	if (slot->rv)
		json_text(&a->json, "error", kit_rv_name(slot->rv, name));
	if (slot->present && slot->label.len) {
		json_bytes_text(&a->json, "label", buf_peek(&slot->label));
		json_bytes_text(&a->json, "model", buf_peek(&slot->model));
		json_bytes_text(&a->json, "manufacturer", buf_peek(&slot->maker));
		json_bytes_text(&a->json, "serial", buf_peek(&slot->serial));
		show_pin_json(a, "pin", slot);
		json_array(&a->json, "items");
		for (size_t i = 0; i < slot->nitem; i++)
			show_item_json(a, NULL, slot->item + i);
		json_array_end(&a->json);
	}
	json_object_end(&a->json);
}

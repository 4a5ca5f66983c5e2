#include "token/feature.h"

#include "token/expiry.h"

static CK_ULONG
count(int n)
{
	return n < 0 ? CK_UNAVAILABLE_INFORMATION : (CK_ULONG)n;
}

/* A day as a CK_DATE, or an empty value. */
static void
put_date(struct attrs_build *b, CK_ATTRIBUTE_TYPE type, bool known, int64_t day)
{
	char date[9];

	known = known && expiry_date(day, date);
	attrs_put(b, type, view_of(date, known ? sizeof date - 1 : 0));
}

struct attrs *
feature_attrs_locked(const struct pinslot *slot, unsigned pin, const struct settings *s)
{
	struct attrs_build b = { 0 };

	attrs_ulong(&b, CKA_CLASS, CKO_HW_FEATURE);
	attrs_ulong(&b, CKA_HW_FEATURE_TYPE, CKH_CASTOR_PIN);
	attrs_bool(&b, CKA_TOKEN, true);
	attrs_bool(&b, CKA_PRIVATE, false);
	attrs_bool(&b, CKA_MODIFIABLE, false);
	attrs_text(&b, CKA_LABEL, slot->label ? slot->label : "");
	attrs_ulong(&b, CKA_CASTOR_PIN_NUMBER, pin + 1);
	attrs_ulong(&b, CKA_CASTOR_PIN_TRIES, count(slot->tries));
	attrs_ulong(&b, CKA_CASTOR_PIN_TRIES_MAX, count(slot->pin.tries_max));
	attrs_ulong(&b, CKA_CASTOR_PUK_TRIES, count(slot->puk_tries));
	attrs_bool(&b, CKA_CASTOR_PIN_EACH_TIME, pinslot_each_time(slot, s));
	put_date(&b, CKA_CASTOR_PIN_CHANGED, slot->age.known && !slot->age.first, slot->age.changed);
	put_date(&b, CKA_CASTOR_PIN_EXPIRES, slot->age.known, slot->age.due);
	attrs_ulong(&b, CKA_CASTOR_PIN_ACTIVATION, (CK_ULONG)pinslot_activation(slot));
	return attrs_seal(&b);
}

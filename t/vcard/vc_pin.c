/* PINs: their form, their counters, and what they open. */
#include <openssl/crypto.h>
#include <string.h>

#include "t/vcard/vc_card.h"

struct vc_pin *vc_pin_get(struct vc_card *c, unsigned number)
{
	return number >= 1 && number < VC_PINS && c->pin[number].set ? &c->pin[number] : NULL;
}

/* A local PIN is named from within its DF only. */
static bool in_reach(const struct vc_card *c, const struct vc_pin *pin)
{
	const struct vc_file *df = c->df;

	if (pin->local == 0)
		return true;
	while (df != NULL && df->fid != pin->local)
		df = df->parent;
	return df != NULL;
}

struct vc_pin *vc_pin_by_ref(struct vc_card *c, unsigned ref)
{
	struct vc_pin *pin;

	for (pin = c->pin + 1; pin < c->pin + VC_PINS; pin++)
		if (pin->set && pin->ref == ref && in_reach(c, pin))
			return pin;
	return NULL;
}

void vc_pin_drop(struct vc_card *c, unsigned number)
{
	unsigned i;

	for (i = 1; i < VC_PINS; i++)
		if (number == 0 || number == i) {
			c->pin[i].verified = c->pin[i].spent = false;
			if (c->model->pin_dropped != NULL)
				c->model->pin_dropped(c, i);
		}
}

bool vc_pin_pad(const struct vc_pin *pin, const char *text, struct vc_value *value)
{
	size_t n = strlen(text), cap = pin->block != 0 ? pin->block : VC_PIN_MAX;

	if (n < 1 || n > cap)
		return false;
	memset(value->p, pin->pad, sizeof value->p);
	memcpy(value->p, text, n);
	value->len = pin->block != 0 ? pin->block : (uint8_t)n;
	return true;
}

bool vc_pin_fits(const struct vc_pin *pin, const uint8_t *p, size_t len)
{
	size_t digits = 0, i;

	if (pin->block != 0 ? len != pin->block : len > VC_PIN_MAX)
		return false;
	while (digits < len && p[digits] >= '0' && p[digits] <= '9')
		digits++;
	for (i = digits; i < len; i++)
		if (p[i] != pin->pad)
			return false;
	return digits >= pin->min && digits <= pin->digits && (pin->block != 0 || digits == len);
}

/* Compares and counts. */
static uint16_t compare(const struct vc_value *have, const uint8_t *p, size_t len, uint8_t *tries, uint8_t max)
{
	if (*tries == 0)
		return SW_BLOCKED;
	if (have->len != len || CRYPTO_memcmp(have->p, p, len) != 0) {
		(*tries)--;
		return (uint16_t)(SW_WRONG_PIN | *tries);
	}
	*tries = max;
	return SW_OK;
}

uint16_t vc_pin_try(struct vc_pin *pin, const uint8_t *p, size_t len)
{
	return compare(&pin->pin, p, len, &pin->tries, pin->max);
}

uint16_t vc_pin_try_puk(struct vc_card *c, struct vc_pin *pin, const uint8_t *p, size_t len)
{
	struct vc_pin *puk = vc_pin_get(c, pin->puk_number);

	if (puk != NULL)
		return vc_pin_try(puk, p, len);
	if (pin->puk.len == 0)
		return SW_REF_NOT_FOUND;
	return compare(&pin->puk, p, len, &pin->puk_tries, pin->puk_max);
}

void vc_pin_put(struct vc_pin *pin, const uint8_t *p, size_t len)
{
	OPENSSL_cleanse(pin->pin.p, sizeof pin->pin.p);
	memcpy(pin->pin.p, p, len);
	pin->pin.len = (uint8_t)len;
	pin->tries = pin->max;
	pin->verified = pin->spent = false;
}

bool vc_pin_opens_key(const struct vc_card *c, const struct vc_file *key)
{
	return !c->activated || key->pin == 0 || c->pin[key->pin].verified;
}

void vc_pin_used(struct vc_card *c, const struct vc_file *key)
{
	if (key->pin != 0 && c->pin[key->pin].each_use)
		vc_pin_drop(c, key->pin);
}

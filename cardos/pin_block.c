/* A PIN as the bytes a card wants. Source: ISO 7816-15 8.8.2 (PasswordType, pad characters),
 * GlobalPlatform 2.1.1 9.3 (GLP: 2n, digits, F). */
#include "cardos/card.h"

#include "base/err.h"

#define GLP_STORED 8u
#define GLP_DIGITS_MAX 14u

static bool
all_digits(struct view pin)
{
	unsigned bad = 0;

	for (size_t i = 0; i < pin.len; i++)
		bad |= (unsigned)(pin.p[i] < '0') | (unsigned)(pin.p[i] > '9');
	return !bad;
}

/* What nobody types is no PIN, as the NUL that a program counted with its string; nor is in an ASCII
 * PIN what is not ASCII. */
static bool
all_typable(enum pin_coding coding, struct view pin)
{
	unsigned bad = 0;

	for (size_t i = 0; i < pin.len; i++)
		bad |= (unsigned)(pin.p[i] < ' ') | (unsigned)(pin.p[i] == 0x7F) |
		    (unsigned)(coding == PIN_ASCII && pin.p[i] > 0x7F);
	return !bad;
}

/* Two digits to a byte; an odd one shares its byte with the pad nibble. */
static void
put_bcd(struct view pin, unsigned pad, struct buf *out)
{
	for (size_t i = 0; i < pin.len; i += 2)
		buf_u8(out, (unsigned)(pin.p[i] & 0xF) << 4
		    | (i + 1 < pin.len ? pin.p[i + 1] & 0xFu : pad & 0xFu));
}

static void
put_half_nibble(struct view pin, struct buf *out)
{
	for (size_t i = 0; i < pin.len; i++)
		buf_u8(out, 0xF0u | (pin.p[i] & 0xFu));
}

static void
put_coded(const struct pin_ref *ref, struct view pin, struct buf *out)
{
	switch (ref->coding) {
	case PIN_BCD:
		put_bcd(pin, ref->pad, out);
		break;
	case PIN_HALF_NIBBLE_BCD:
		put_half_nibble(pin, out);
		break;
	case PIN_GLP:
		buf_u8(out, 0x20u | (unsigned)pin.len);
		put_bcd(pin, 0xF, out);
		break;
	case PIN_ASCII:
	case PIN_UTF8:
	default:
		buf_view(out, pin);
		break;
	}
}

static size_t
characters(const struct pin_ref *ref, struct view pin)
{
	size_t n = 0;

	if (ref->coding != PIN_UTF8)
		return pin.len;
	for (size_t i = 0; i < pin.len; i++)
		n += (pin.p[i] & 0xC0) != 0x80;
	return n;
}

int
card_pin_block(const struct pin_ref *ref, struct view pin, struct buf *out)
{
	bool digits = ref->coding != PIN_ASCII && ref->coding != PIN_UTF8;
	size_t stored = ref->stored, start = out->len, n = characters(ref, pin);
	unsigned pad = ref->pad;
	bool pads = ref->pads;

	if (ref->guess || ref->ref < 0 || ref->ref > 0xFF)
		return E_DENIED;
	if (!n || n < ref->min || (ref->max && n > ref->max))
		return E_PIN_LEN;
	if ((digits && !all_digits(pin)) || !all_typable(ref->coding, pin))
		return E_PIN_LEN;
	if (ref->coding == PIN_GLP) {
		if (pin.len > GLP_DIGITS_MAX)
			return E_PIN_LEN;
		stored = GLP_STORED;
		pad = 0xFF;
		pads = true;
	}
	put_coded(ref, pin, out);
	if (buf_err(out))
		return E_MEM;
	n = out->len - start;
	if (n > SHORT_DATA_MAX || (stored && n > stored)) {
		buf_trim(out, start);
		return E_PIN_LEN;
	}
	if (pads && stored)
		buf_fill(out, (uint8_t)pad, stored - n);
	return buf_err(out);
}

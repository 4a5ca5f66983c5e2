#include "cardos/pinpad.h"

#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "cardos/card.h"

/* Source: pcsc-lite's reader.h, PC/SC part 10 2.2 to 2.4 */
#define GET_FEATURE_REQUEST (0x42000000u + 3400u)
#define FEATURE_VERIFY_PIN_DIRECT 0x06u
#define FEATURE_MODIFY_PIN_DIRECT 0x07u
#define FEATURE_IFD_PIN_PROPERTIES 0x0Au
#define FEATURE_GET_TLV_PROPERTIES 0x12u
#define PROPERTY_LCD_LAYOUT 1u
#define PROPERTY_CONDITIONS 2u
#define PROPERTY_MIN_PIN 6u
#define PROPERTY_MAX_PIN 7u

#define DIGITS_MAX 16u          /* typed when neither card nor reader says; PAN digits have 19 */
#define BLOCK_MAX 15u           /* bmPINBlockString has four bits for it */
#define GLP_STORED 8u

/* bmFormatString: bit 7 position in bytes, bits 6..3 position behind Lc, bit 2 right, bits 1..0
 * coding. Source: CCID rev 1.1 6.1.11 table "bmFormatString". */
#define FORMAT_BYTES 0x80u
#define FORMAT_BCD 0x01u
#define FORMAT_ASCII 0x02u
#define CONFIRM_NEW_AND_OLD 0x03u /* bConfirmPIN: the new PIN twice, the old one too */

/* Features */

/* One tag, length, value off the front. Both lists of part 10 have bytes for the first two. */
static bool
feature_next(struct view *v, unsigned *tag, struct view *value)
{
	unsigned len;

	return view_u8(v, tag) && view_u8(v, &len) && view_take(v, len, value);
}

/* A number of up to four bytes, as the properties have them. Source: part 10 2.6.14 */
static unsigned
little_endian(struct view v)
{
	unsigned n = 0;

	for (size_t i = v.len < 4 ? v.len : 4; i-- > 0;)
		n = n << 8 | v.p[i];
	return n;
}

static void
display_set(struct pinpad *pad, unsigned layout)
{
	pad->display = layout ? PAD_DISPLAY : PAD_NO_DISPLAY;
}

/* A list that is cut short counts for nothing. */
static void
tlv_properties(struct view v, struct pinpad *pad)
{
	struct pinpad told = *pad;
	struct view value;
	unsigned tag, n;

	while (v.len) {
		if (!feature_next(&v, &tag, &value))
			return;
		n = little_endian(value);
		if (tag == PROPERTY_LCD_LAYOUT)
			display_set(&told, n);
		else if (tag == PROPERTY_CONDITIONS)
			told.conditions = n & 7;
		else if (tag == PROPERTY_MIN_PIN)
			told.min = n & 0xFF;
		else if (tag == PROPERTY_MAX_PIN)
			told.max = n & 0xFF;
	}
	*pad = told;
}

/* PIN_PROPERTIES_STRUCTURE: wLcdLayout (in the machine's order; zero is zero), bEntryValidationCondition,
 * bTimeOut2. */
static void
pin_properties(struct view v, struct pinpad *pad)
{
	if (v.len != 4)
		return;
	display_set(pad, v.p[0] | v.p[1]);
	pad->conditions = v.p[2] & 7;
}

static int
ask_properties(struct chan *ch, uint32_t code, void (*take)(struct view, struct pinpad *),
    struct pinpad *pad)
{
	struct buf answer = BUF_INIT;
	int r = ch->ops->control(ch, code, view_of(NULL, 0), &answer);

	if (!r)
		take(buf_peek(&answer), pad);
	buf_free(&answer);
	return r == E_GONE || r == E_RESET || r == E_MEM ? r : 0;
}

/* The control codes of the list; false when it is malformed. */
static bool
features_parse(struct view v, struct pinpad *pad, uint32_t *tlv, uint32_t *props)
{
	struct view value;
	uint32_t code;
	unsigned tag;

	while (v.len) {
		if (!feature_next(&v, &tag, &value))
			return false;
		/* big-endian, 2.2; PACE and others may have more to tell */
		if (!view_be32(&value, &code) || value.len)
			continue;
		if (tag == FEATURE_VERIFY_PIN_DIRECT)
			pad->verify = code;
		else if (tag == FEATURE_MODIFY_PIN_DIRECT)
			pad->modify = code;
		else if (tag == FEATURE_IFD_PIN_PROPERTIES)
			*props = code;
		else if (tag == FEATURE_GET_TLV_PROPERTIES)
			*tlv = code;
	}
	return true;
}

int
pinpad_ask(struct chan *ch, struct pinpad *out)
{
	struct buf answer = BUF_INIT;
	uint32_t tlv = 0, props = 0;
	int r;

	*out = (struct pinpad){ 0 };
	if (!ch->ops->control)
		return 0;
	r = ch->ops->control(ch, GET_FEATURE_REQUEST, view_of(NULL, 0), &answer);
	if (!r && !features_parse(buf_peek(&answer), out, &tlv, &props)) {
		log_info("the reader's list of features is malformed: its keys are not used");
		*out = (struct pinpad){ 0 };
	}
	buf_free(&answer);
	if (r == E_UNSUPPORTED || r == E_PROTOCOL)
		r = 0;
	if (r || (!out->verify && !out->modify))
		return r;
	if (tlv)
		r = ask_properties(ch, tlv, tlv_properties, out);
	else if (props)
		r = ask_properties(ch, props, pin_properties, out);
	if (r)
		*out = (struct pinpad){ 0 };
	return r;
}

bool
pinpad_of(struct chan *ch, struct pinpad *out)
{
	return pinpad_ask(ch, out) == 0 && out->verify;
}

/* One entry */

static size_t
block_size(const struct pin_ref *ref)
{
	if (ref->coding == PIN_GLP)
		return GLP_STORED;
	return ref->pads ? ref->stored : 0;
}

int
pinpad_template(const struct pin_ref *ref, struct buf *block)
{
	size_t size = block_size(ref);

	if (ref->guess || ref->ref < 0 || ref->ref > 0xFF)
		return E_DENIED;
	if (ref->coding == PIN_HALF_NIBBLE_BCD || size > BLOCK_MAX)
		return E_UNSUPPORTED;
	if (ref->coding == PIN_GLP) {
		buf_u8(block, 0x20);
		buf_fill(block, 0xFF, GLP_STORED - 1);
	} else {
		buf_fill(block, ref->pad, size);
	}
	return buf_err(block);
}

/* How the digits go into the template: bmFormatString, bmPINBlockString, bmPINLengthFormat. Of GLP
 * the reader writes seven bytes of BCD behind the first, and their number into that one's lower half:
 * the values that the Belgian eID middleware sends. */
static void
put_format(const struct pin_ref *ref, struct buf *out)
{
	switch (ref->coding) {
	case PIN_GLP:
		buf_u8(out, FORMAT_BYTES | 1u << 3 | FORMAT_BCD);
		buf_u8(out, 4u << 4 | (GLP_STORED - 1));
		buf_u8(out, 4);
		break;
	case PIN_BCD:
		buf_u8(out, FORMAT_BYTES | FORMAT_BCD);
		buf_u8(out, (unsigned)block_size(ref));
		buf_u8(out, 0);
		break;
	case PIN_ASCII:
	case PIN_UTF8:
	case PIN_HALF_NIBBLE_BCD:
	default:
		buf_u8(out, FORMAT_BYTES | FORMAT_ASCII);
		buf_u8(out, (unsigned)block_size(ref));
		buf_u8(out, 0);
		break;
	}
}

/* Digits a person may type: what card, block and reader all take. */
static bool
digits(const struct pinpad *pad, const struct pin_ref *ref, unsigned *min, unsigned *max)
{
	size_t holds = block_size(ref) ? pin_block_holds(ref->coding, block_size(ref)) : DIGITS_MAX;
	size_t most = ref->max && ref->max < holds ? ref->max : holds;
	size_t least = ref->min ? ref->min : 1;

	if (pad->max && pad->max < most)
		most = pad->max;
	if (pad->min > least)
		least = pad->min;
	if (least > most || most > 0xFF)
		return false;
	*min = (unsigned)least;
	*max = (unsigned)most;
	return true;
}

/* The machine's byte order: what libccid and others expect of part 10's structures. */
static void
put_native16(struct buf *out, unsigned v)
{
	uint16_t n = (uint16_t)v;

	buf_put(out, &n, sizeof n);
}

static void
put_native32(struct buf *out, size_t v)
{
	uint32_t n = (uint32_t)v;

	buf_put(out, &n, sizeof n);
}

static unsigned
end_condition(const struct pinpad *pad)
{
	return !pad->conditions || pad->conditions & PAD_END_KEY ? PAD_END_KEY : pad->conditions;
}

static unsigned
timeout_byte(int seconds)
{
	return seconds < 0 ? 0 : seconds > 0xFF ? 0xFF : (unsigned)seconds;
}

/* PIN_VERIFY_STRUCTURE or PIN_MODIFY_STRUCTURE. */
static int
put_structure(const struct pinpad_entry *e, struct view cmd, struct buf *out)
{
	unsigned messages = e->change ? 3 : 1, min, max;
	bool bare = cmd.len == 4; /* not padded: the reader writes Lc, which must be there */

	if (!digits(e->pad, e->ref, &min, &max))
		return E_UNSUPPORTED;
	buf_u8(out, timeout_byte(e->timeout_s));
	buf_u8(out, timeout_byte(e->timeout_s));
	put_format(e->ref, out);
	if (e->change) {
		buf_u8(out, 0);
		buf_u8(out, (unsigned)block_size(e->ref));
	}
	put_native16(out, min << 8 | max);
	if (e->change)
		buf_u8(out, CONFIRM_NEW_AND_OLD);
	buf_u8(out, end_condition(e->pad));
	buf_u8(out, e->pad->display == PAD_NO_DISPLAY ? 0 : messages);
	put_native16(out, (unsigned)e->lang_id);
	for (unsigned i = 0; i < messages; i++)
		buf_u8(out, i);         /* bMsgIndex: insert, new, confirm */
	buf_fill(out, 0, 3);            /* bTeoPrologue */
	put_native32(out, cmd.len + bare);
	buf_view(out, cmd);
	if (bare)
		buf_u8(out, 0);
	return buf_err(out);
}

/* What the reader says in the place of the card. Source: part 10 2.5.2 table of return codes. */
static int
reader_err(struct view answer)
{
	static const struct { uint8_t sw2; int err; } codes[] = {
		{ 0x00, E_CANCEL },     /* timeout */
		{ 0x01, E_CANCEL },     /* the person cancelled */
		{ 0x02, E_PIN_LEN },    /* the new PINs differ */
		{ 0x03, E_PIN_LEN },    /* shorter or longer than told */
	};

	if (answer.len != 2)
		return 0;
	if (answer.p[0] == 0x6B && answer.p[1] == 0x80) {
		log_warn("the reader does not understand how the PIN is to be sent");
		return E_IO;
	}
	for (size_t i = 0; answer.p[0] == 0x64 && i < sizeof codes / sizeof codes[0]; i++)
		if (answer.p[1] == codes[i].sw2)
			return codes[i].err;
	return 0;
}

int
pinpad_transmit(struct chan *ch, const struct pinpad_entry *entry, struct view cmd,
    struct buf *answer)
{
	uint32_t code = entry->change ? entry->pad->modify : entry->pad->verify;
	struct buf in = BUF_INIT;
	size_t start = answer->len;
	int r;

	if (!ch->ops->control || !code)
		return E_UNSUPPORTED;
	if ((r = put_structure(entry, cmd, &in)) != 0)
		goto out;
	r = ch->ops->control(ch, code, buf_peek(&in), answer);
	if (!r)
		r = reader_err(view_part(buf_peek(answer), start, answer->len));
	else if (r != E_GONE && r != E_RESET && r != E_MEM && r != E_CANCEL)
		r = E_IO;
out:
	buf_free(&in);
	return r;
}

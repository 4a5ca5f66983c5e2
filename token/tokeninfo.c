#include "token/tokeninfo.h"

#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "mapping/p15.h"

/* What FINEID cards have printed on them, of their two kinds of serial number: the last nine characters of a
 * text, or nine of twenty digits that stand in ten bytes, from the tenth on. Empty: neither. Source: fineid
 * 3.5. */
static struct view
fineid_serial(struct view serial, bool printable, const struct buf *hex)
{
	static const struct view none = { NULL, 0 };

	if (printable && serial.len >= 9)
		return view_part(serial, serial.len - 9, 9);
	if (hex->len != 20)
		return none;
	for (size_t i = 0; i < hex->len; i++)
		if (hex->p[i] < '0' || hex->p[i] > '9')
			return none;
	return view_part(buf_peek(hex), 10, 9);
}

/* 16 characters at most: readable text as it is, anything else in hexadecimal. */
static void
serial_to_text(struct view serial, bool fineid, char text[17])
{
	struct buf b = BUF_INIT, hex = BUF_INIT;
	bool printable = serial.len > 0;
	struct view printed;
	size_t n;

	for (size_t i = 0; i < serial.len; i++)
		printable &= serial.p[i] > ' ' && serial.p[i] < 127;
	buf_hex(&hex, serial);
	printed = fineid && !buf_err(&hex) ? fineid_serial(serial, printable, &hex) : (struct view){ NULL, 0 };
	printable &= serial.len <= 16;
	if (printed.len)
		buf_view(&b, printed);
	else if (printable)
		buf_view(&b, serial);
	else
		buf_hex(&b, serial);
	/* the end of a long serial number is what differs between cards */
	n = b.len > 16 ? b.len - 16 : 0;
	memset(text, 0, 17);
	if (b.len)
		memcpy(text, b.p + n, b.len - n);
	buf_free(&b);
	buf_free(&hex);
}

static char *
take_text(char **from)
{
	char *s = *from;

	*from = NULL;
	return s;
}

int
tokeninfo_read(struct card *card, struct token *t)
{
	struct p15_token_info info = { 0 };
	struct buf ef = BUF_INIT;
	int err;

	if ((err = token_spare_file(card, &card->pf->token_info, NULL, "EF(TokenInfo)", &ef)))
		goto out;
	if (ef.len && (err = p15_token_info_decode(buf_peek(&ef), &info))) {
		log_warn("EF(TokenInfo): %s", err_text(err));
		err = err == E_MEM ? err : 0;
	}
	t->label = take_text(&info.label);
	t->manufacturer = take_text(&info.manufacturer);
	buf_view(&t->serial, buf_peek(card->serial.len ? &card->serial : &info.serial));
	serial_to_text(buf_peek(&t->serial), card->pf->quirks & 1u << QUIRK_FINEID_SERIAL, t->serial_text);
out:
	p15_token_info_free(&info);
	buf_free(&ef);
	return err;
}

int
tokeninfo_same(struct card *card, const struct token *t)
{
	static const struct range whole = { .whole = true };
	struct p15_token_info info = { 0 };
	struct buf ef = BUF_INIT;
	int err;

	/* a number that the driver reads it has compared itself, when it opened the card again */
	if (card->serial.len || !t->serial.len)
		return 0;
	if (!(err = token_read_file(card, &card->pf->token_info, &whole, &ef)) &&
	    !(err = p15_token_info_decode(buf_peek(&ef), &info)) &&
	    !view_eq(buf_peek(&info.serial), buf_peek(&t->serial)))
		err = E_GONE;
	if (err == E_NOT_FOUND || err == E_FORMAT)
		err = E_GONE; /* the card that was here had such a file */
	p15_token_info_free(&info);
	buf_free(&ef);
	return err;
}

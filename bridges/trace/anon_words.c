/* What is taken out, what stands there instead, and what may stay. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/utf8.h"
#include "bridges/trace/anon_int.h"

#define NEEDLES_MAX 4000u
#define NUMBERS_MAX 4000u
#define LEAST_CHARS 4u     /* of a text that is looked for: shorter ones are everywhere */

/* Words of labels that tell what a thing is, not whose: those of the specifications of eID cards
 * (FINEID S1 and S4, ISO/IEC 7816-15) and of their makers, in lower case, blanks between. */
static const char vocabulary[] =
	" access active administrator agent allekirjoitus allekirjoitusavain allekirjoituspin"
	" allekirjoitustunnusluku allekirjoitusvarmenne application asiointi athena auth authentication autentisering"
	" avain aventra avtal basic belpic card cards cert certificate certificates certs change chv citizen class"
	" code confidentiality cryptographic ctrust data dec decipherment decrypt decryption default device digital"
	" directory dvv ecc ecdsa eid elliptic encipherment encryption enc esteid fineid firmaavain fujitsu gemalto gen"
	" general generic giesecke devrient global gov government henkilökortti henkilövarmenne id identification"
	" identity idemia infineon initialization intermediate issuer issuing iso kansalaisvarmenne keskus key keys"
	" kort kortti kryptering legitimering login ltd main management middleware miocos mpollux myeid national nexus non"
	" nonrepudiation oberthur object objects oseid oyj palveluvarmenne password perustunnusluku personal pin pin1"
	" pin2 pin3 pkcs pkcs15 pkcs11 player population prime private profile public puk puk1 puk2 qualified"
	" register centre center repudiation revocation root rsa safenet salaus salausavain salausvarmenne"
	" schwartz secret secure security service setcos sha sig sign signature signatures signing signatur"
	" signatura sopimus sso standard status stamp subordinate swedish symmetric tallennus technology technologies"
	" temporary test testi thales tieto tietoevry todennus todentamis todentamisavain todentamisvarmenne"
	" todentaminen token transport trust trusted tunnistus tunnusluku unblock unblocking user usim vaestorekisterikeskus"
	" varmenne varmenteet verisign vrk väestörekisterikeskus officer ";

static unsigned
lower(unsigned c)
{
	return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

/* What stands for one byte of UTF-8; again the same for itself. */
static uint8_t
masked(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return '0';
	if (c >= 'a' && c <= 'z')
		return 'x';
	return (c >= 'A' && c <= 'Z') || c >= 0x80 || c < 0x20 || c == 0x7F ? 'X' : c;
}

bool
text_form(unsigned tag, enum text_form *form)
{
	static const struct { uint8_t tag; enum text_form form; } kinds[] = {
		{ 0x0C, FORM_BYTES }, { 0x12, FORM_BYTES }, { 0x13, FORM_BYTES }, { 0x14, FORM_BYTES },
		{ 0x15, FORM_BYTES }, { 0x16, FORM_BYTES }, { 0x19, FORM_BYTES }, { 0x1A, FORM_BYTES },
		{ 0x1B, FORM_BYTES }, { 0x1C, FORM_UTF32 }, { 0x1E, FORM_UTF16 },
	};

	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		if (kinds[i].tag == tag) {
			*form = kinds[i].form;
			return true;
		}
	}
	return false;
}

static void
put_utf8(struct buf *b, uint32_t c)
{
	if (c < 0x80) {
		buf_u8(b, c);
	} else if (c < 0x800) {
		buf_u8(b, 0xC0 | c >> 6);
		buf_u8(b, 0x80 | (c & 0x3F));
	} else if (c < 0x10000) {
		buf_u8(b, 0xE0 | c >> 12);
		buf_u8(b, 0x80 | (c >> 6 & 0x3F));
		buf_u8(b, 0x80 | (c & 0x3F));
	} else {
		buf_u8(b, 0xF0 | (c >> 18 & 7));
		buf_u8(b, 0x80 | (c >> 12 & 0x3F));
		buf_u8(b, 0x80 | (c >> 6 & 0x3F));
		buf_u8(b, 0x80 | (c & 0x3F));
	}
}

static bool
is_utf8(struct view v)
{
	uint32_t c;

	while (v.len)
		if (!utf8_take(&v, &c))
			return false;
	return true;
}

/* A text as UTF-8: bytes that are none are Latin-1, as in old TeletexStrings. */
static void
text_utf8(struct view v, enum text_form form, struct buf *out)
{
	size_t unit = form == FORM_UTF32 ? 4 : form == FORM_UTF16 ? 2 : 1;
	uint32_t c;

	if (unit == 1 && is_utf8(v)) {
		buf_view(out, v);
		return;
	}
	for (size_t i = 0; i + unit <= v.len; i += unit) {
		c = 0;
		for (size_t j = 0; j < unit; j++)
			c = c << 8 | v.p[i + j];
		put_utf8(out, c);
	}
}

static size_t
chars(struct view v)
{
	size_t n = 0;

	for (size_t i = 0; i < v.len; i++)
		n += (v.p[i] & 0xC0) != 0x80;
	return n;
}

static void
mask_bytes(struct buf *b, struct view v)
{
	for (size_t i = 0; i < v.len; i++)
		buf_u8(b, masked(v.p[i]));
}

void
needle_add(struct anon *a, struct view was, struct view now, bool text)
{
	struct needle *more;
	size_t zeros = 0;

	while (!text && zeros < was.len && !was.p[zeros])
		zeros++;
	if (a->err || (text ? chars(was) : was.len - zeros) < LEAST_CHARS || view_eq(was, now))
		return;
	for (size_t i = 0; i < a->nneedle; i++)
		if (view_eq(buf_peek(&a->needle[i].was), was))
			return;
	if (a->nneedle == NEEDLES_MAX) {
		a->err = E_LIMIT;
		return;
	}
	if (!(a->nneedle & (a->nneedle - 1))) {
		if (!(more = realloc(a->needle, (a->nneedle ? a->nneedle * 2 : 1) * sizeof *more))) {
			a->err = E_MEM;
			return;
		}
		a->needle = more;
	}
	more = &a->needle[a->nneedle++];
	*more = (struct needle){ .was = BUF_INIT, .now = BUF_INIT, .text = text };
	buf_view(&more->was, was);
	buf_view(&more->now, now);
	if (buf_err(&more->was) || buf_err(&more->now))
		a->err = E_MEM;
}

static void
needle_add_text(struct anon *a, struct view was)
{
	struct buf now = BUF_INIT;

	mask_bytes(&now, was);
	needle_add(a, was, buf_peek(&now), true);
	if (buf_err(&now))
		a->err = E_MEM;
	buf_free(&now);
}

/* A letter, a digit, or a byte of a character beyond ASCII. */
static bool
is_word(uint8_t c)
{
	return masked(c) != c || c == 'x' || c == 'X' || c == '0';
}

/* Whether the blank-separated list has the word, whatever the case of its letters. */
static bool
list_has(const char *list, size_t len, struct view word)
{
	size_t j;

	for (size_t i = 0; i + word.len + 2 <= len; i++) {
		if (list[i] != ' ' || list[i + word.len + 1] != ' ')
			continue;
		for (j = 0; j < word.len && lower((uint8_t)list[i + 1 + j]) == lower(word.p[j]); j++)
			;
		if (j == word.len)
			return true;
	}
	return false;
}

static bool
is_harmless(struct view word)
{
	return word.len <= 2 || list_has(vocabulary, sizeof vocabulary - 1, word);
}

/* A name that stays has the word. */
static bool
is_issuers(const struct anon *a, struct view word)
{
	struct view v = buf_peek(&a->issuers), name, found;
	unsigned n;
	size_t len;

	while (view_be16(&v, &n) && view_take(&v, n, &name)) {
		while (name.len) {
			for (len = 0; len < name.len && is_word(name.p[len]); len++)
				;
			found = view_part(name, 0, len);
			if (len && view_eq(found, word))
				return true;
			name = view_part(name, len ? len : 1, name.len);
		}
	}
	return false;
}

/* Notes each word of a text that is a person's. */
static void
words_add(struct anon *a, struct view v)
{
	size_t n;

	while (v.len) {
		for (n = 0; n < v.len && is_word(v.p[n]); n++)
			;
		if (n && !list_has(vocabulary, sizeof vocabulary - 1, view_part(v, 0, n)))
			needle_add_text(a, view_part(v, 0, n));
		v = view_part(v, n ? n : 1, v.len);
	}
}

/* Nothing but words that are no person's, as "TEST CARD". */
static bool
is_harmless_text(struct view v)
{
	size_t n;

	while (v.len) {
		for (n = 0; n < v.len && is_word(v.p[n]); n++)
			;
		if (n && !is_harmless(view_part(v, 0, n)))
			return false;
		v = view_part(v, n ? n : 1, v.len);
	}
	return true;
}

/* One unit of a text in its form becomes its mask. */
static void
mask_in_place(uint8_t *p, size_t n, enum text_form form)
{
	size_t unit = form == FORM_UTF32 ? 4 : form == FORM_UTF16 ? 2 : 1;

	for (size_t i = 0; i + unit <= n; i += unit) {
		bool wide = false;

		for (size_t j = 0; j + 1 < unit; j++) {
			wide |= p[i + j] != 0;
			p[i + j] = 0;
		}
		p[i + unit - 1] = wide ? 'X' : masked(p[i + unit - 1]);
	}
}

void
text_mask(struct anon *a, struct content *c, size_t at, size_t end, enum text_form form, bool words)
{
	struct view v = view_of(c->bytes.p + at, end - at);
	struct buf was = BUF_INIT, now = BUF_INIT;
	const uint8_t *sign;

	text_utf8(v, form, &was);
	mask_bytes(&now, buf_peek(&was));
	if (buf_err(&was) || buf_err(&now))
		a->err = E_MEM;
	a->texts += !view_eq(buf_peek(&was), buf_peek(&now));
	if (!is_harmless_text(buf_peek(&was)))
		needle_add(a, buf_peek(&was), buf_peek(&now), true);
	/* of an address what is before the @: the rest is a place */
	sign = was.len ? memchr(was.p, '@', was.len) : NULL;
	if (words)
		words_add(a, view_part(buf_peek(&was), 0, sign ? (size_t)(sign - was.p) : was.len));
	mask_in_place(c->bytes.p + at, end - at, form);
	show(c, at, end);
	buf_free(&was);
	buf_free(&now);
}

void
label_mask(struct anon *a, struct content *c, size_t at, size_t end, enum text_form form)
{
	uint8_t *p = c->bytes.p + at;
	struct buf text = BUF_INIT;
	size_t n, left = end - at;
	struct view word;

	show(c, at, end);
	if (form != FORM_BYTES) {
		/* labels of PKCS#15 are UTF-8: what is not is masked whole, unless nothing but harmless words */
		text_mask(a, c, at, end, form, true);
		return;
	}
	for (; left; p += n ? n : 1, left -= n ? n : 1) {
		for (n = 0; n < left && is_word(p[n]); n++)
			;
		word = view_of(p, n);
		if (!n || is_harmless(word) || is_issuers(a, word))
			continue;
		buf_reset(&text);
		text_utf8(word, FORM_BYTES, &text);
		needle_add_text(a, buf_peek(&text));
		for (size_t i = 0; i < n; i++) {
			a->texts += i == 0 && p[i] != masked(p[i]);
			p[i] = masked(p[i]);
		}
	}
	buf_free(&text);
}

bool
make_number(size_t n, uint8_t *now, size_t len, const void *arg)
{
	(void)arg;
	if (len >= 3)
		now[len - 2] = (uint8_t)(n >> 8);
	if (len)
		now[len - 1] = (uint8_t)n;
	return true;
}

bool
make_integer(size_t n, uint8_t *now, size_t len, const void *arg)
{
	make_number(n, now, len, arg);
	if (len > 1)
		now[0] = 0x40;
	else if (len)
		now[0] = (uint8_t)(now[0] & 0x7F);
	return true;
}

/* What stands for the bytes; NULL: nothing. */
static const struct number *
number_of(struct anon *a, struct view was, stand_in *make, const void *arg)
{
	struct number *more;
	size_t n = 1;

	for (size_t i = 0; i < a->nnumber; i++) {
		if (view_eq(buf_peek(&a->number[i].was), was))
			return &a->number[i];
		n += a->number[i].was.len == was.len;
	}
	if (a->nnumber == NUMBERS_MAX)
		a->err = E_LIMIT;
	if (a->err)
		return NULL;
	if (!(a->nnumber & (a->nnumber - 1))) {
		if (!(more = realloc(a->number, (a->nnumber ? a->nnumber * 2 : 1) * sizeof *more))) {
			a->err = E_MEM;
			return NULL;
		}
		a->number = more;
	}
	more = &a->number[a->nnumber];
	*more = (struct number){ .was = BUF_INIT, .now = BUF_INIT };
	buf_view(&more->was, was);
	buf_fill(&more->now, 0, was.len);
	if (buf_err(&more->was) || buf_err(&more->now) || !make(n, more->now.p, was.len, arg)) {
		if (buf_err(&more->was) || buf_err(&more->now))
			a->err = E_MEM;
		buf_free(&more->was);
		buf_free(&more->now);
		return NULL;
	}
	a->nnumber++;
	a->texts += !view_eq(buf_peek(&more->now), was);
	needle_add(a, was, buf_peek(&more->now), false);
	return more;
}

void
number_mask(struct anon *a, struct content *c, size_t at, size_t end, stand_in *make, const void *arg)
{
	const struct number *x;

	if (end <= at || memchr(c->known.p + at, 0, end - at) ||
	    !(x = number_of(a, view_of(c->bytes.p + at, end - at), make, arg)))
		return;
	memcpy(c->bytes.p + at, x->now.p, x->now.len);
	show(c, at, end);
}

void
time_mask(struct content *c, size_t at, size_t end, unsigned tag)
{
	size_t date = tag == 0x17 ? 6 : 8; /* YYMMDD, or with the century */

	if (end - at < date + 5 || memchr(c->known.p + at, 0, end - at))
		return; /* the digits of the time are not where they must be: it stays starred */
	for (size_t i = at + date; i < end; i++)
		if (c->bytes.p[i] >= '0' && c->bytes.p[i] <= '9')
			c->bytes.p[i] = '0';
	show(c, at, end);
}

/* ---- forms ---- */

#define FORMS   6  /* as it is, Latin-1, UTF-16 in both orders, hexadecimal digits, digits two to a byte */
#define BCD_MIN 8u /* digits: fewer are found by chance */

/* One of the forms of a needle and of what stands there instead, as long; false: there is none. */
static bool
form_of(const struct needle *x, int form, struct buf *was, struct buf *now)
{
	struct view v = buf_peek(&x->was);
	uint32_t c;

	if (form == 0) {
		buf_view(was, v);
		buf_view(now, buf_peek(&x->now));
	} else if (form == 4) {
		buf_hex(was, v);
		buf_hex(now, buf_peek(&x->now));
	} else if (!x->text) {
		return false;
	} else if (form == 5) {
		for (size_t i = 0; i < v.len; i++)
			if (v.p[i] < '0' || v.p[i] > '9')
				return false;
		if (v.len < BCD_MIN || v.len & 1 || hex_parse((const char *)v.p, v.len, was))
			return false;
		buf_fill(now, 0, was->len);
	}
	while (form > 0 && form < 4 && v.len) {
		if (!utf8_take(&v, &c) || c > (form == 1 ? 0xFFu : 0xFFFFu))
			return false;
		if (form == 2)
			buf_u8(was, c >> 8);
		buf_u8(was, c & 0xFF);
		if (form == 3)
			buf_u8(was, c >> 8);
		if (form == 2)
			buf_u8(now, 0);
		buf_u8(now, c < 0x80 ? masked((uint8_t)c) : 'X');
		if (form == 3)
			buf_u8(now, 0);
	}
	return !buf_err(was) && !buf_err(now) && was->len == now->len && !view_eq(buf_peek(was), buf_peek(now));
}

/* Ä and ä are C3 84 and C3 A4: letters of Latin-1 differ as those of ASCII do. */
static bool
same_letter(uint8_t x, uint8_t y, uint8_t before)
{
	if (lower(x) == lower(y))
		return true;
	return before == 0xC3 && (x | 0x20) == (y | 0x20) && x >= 0x80 && x <= 0xBE && y >= 0x80 && y <= 0xBE;
}

static bool
found_at(const uint8_t *p, struct view x, bool text)
{
	if (!text)
		return !memcmp(p, x.p, x.len);
	for (size_t i = 0; i < x.len; i++)
		if (!same_letter(p[i], x.p[i], i ? x.p[i - 1] : 0))
			return false;
	return true;
}

/* Replaces in p, or with p NULL looks in v alone. */
static bool
needles_do(const struct anon *a, struct view v, uint8_t *p)
{
	struct buf was = BUF_INIT, now = BUF_INIT;
	bool found = false;

	for (size_t i = 0; i < a->nneedle && (p || !found); i++) {
		for (int form = 0; form < FORMS && (p || !found); form++) {
			bool text = (a->needle[i].text && form < 5) || form == 4;

			buf_reset(&was);
			buf_reset(&now);
			if (!form_of(&a->needle[i], form, &was, &now))
				continue;
			for (size_t at = 0; at + was.len <= v.len; at++) {
				if (!found_at(v.p + at, buf_peek(&was), text) ||
				    !memcmp(v.p + at, now.p, now.len))
					continue;
				found = true;
				if (!p)
					break;
				memcpy(p + at, now.p, now.len);
			}
		}
	}
	buf_free(&was);
	buf_free(&now);
	return found;
}

bool
needle_replace(const struct anon *a, uint8_t *p, size_t n)
{
	return needles_do(a, view_of(p, n), p);
}

bool
needle_find(const struct anon *a, struct view v)
{
	return needles_do(a, v, NULL);
}

void
words_free(struct anon *a)
{
	for (size_t i = 0; i < a->nneedle; i++) {
		buf_free(&a->needle[i].was);
		buf_free(&a->needle[i].now);
	}
	for (size_t i = 0; i < a->nnumber; i++) {
		buf_free(&a->number[i].was);
		buf_free(&a->number[i].now);
	}
	free(a->needle);
	free(a->number);
	a->needle = NULL;
	a->number = NULL;
	a->nneedle = a->nnumber = 0;
}

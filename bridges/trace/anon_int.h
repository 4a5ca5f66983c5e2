/* What the parts of the anonymiser share. */
#ifndef CASTOR_BRIDGES_TRACE_ANON_INT_H
#define CASTOR_BRIDGES_TRACE_ANON_INT_H

#include "bridges/trace/trace.h"

/* A part of a content that one line of the trace has. */
struct piece {
	size_t line, at; /* index of the line, where in its bytes */
	size_t off, len; /* where in the content, how many bytes */
};

enum content_kind { CONTENT_FILE, CONTENT_SELECTED, CONTENT_DATA };

/* What a card told of one thing, put together: a file as far as it was read, the answer to one SELECT or
 * GET DATA. */
struct content {
	enum content_kind kind;
	struct buf key;      /* reader, card and path: the same file read again */
	unsigned tag;        /* DATA: P1 and P2 */
	struct buf bytes;    /* changed in place, never in length */
	struct buf known;    /* as long: 1 where the trace told the byte */
	struct buf shown;    /* as long: 1 where it may be told again */
	struct piece *piece; /* owned */
	size_t npiece;
};

/* What was taken out: it must not be found any more, in any of its forms. */
struct needle {
	struct buf was;   /* text in UTF-8, or bytes */
	struct buf now;   /* as long */
	bool text;
};

/* A number that was replaced, as the n-th of its length that is not like another. */
struct number {
	struct buf was, now;
};

struct anon {
	struct trace t;
	struct content *content; /* owned */
	size_t ncontent;
	struct needle *needle;   /* owned */
	size_t nneedle;
	struct number *number;   /* owned */
	size_t nnumber;
	struct buf issuers;      /* names that stay, each behind its length (two bytes) */
	struct buf paths;        /* what was selected, each with its length before it (one byte) */
	size_t texts;            /* different ones that were taken out */
	int err;                 /* sticky: E_MEM, E_LIMIT, E_CRYPTO */
};

/* ---- anon_content.c ---- */

/* Sorts all answers into contents, and hides in the lines what must never have been shown. */
void content_collect(struct anon *a);
void content_free(struct anon *a);
/* Puts contents back into the lines that they came from. */
void content_write(struct anon *a);

/* ---- anon_der.c ---- */

/* One element of DER in a content. Source: ITU-T X.690, 8.1. */
struct tlv {
	unsigned tag;         /* one to three bytes */
	size_t at, body, end; /* where it begins, its content, and what is behind it */
	bool whole;           /* false: it goes on beyond what is known */
};
/* The element at `at`, not beyond `end`; false when there is none. */
bool tlv_read(struct view v, size_t at, size_t end, struct tlv *out);
bool tlv_is_constructed(const struct tlv *t);
/* The element there may be shown: all of it, or its tag and length. */
void show(struct content *c, size_t at, size_t end);
void show_head(struct content *c, const struct tlv *t);

/* ---- anon_cert.c ---- */

/* Whether the content begins with a certificate, or the beginning of one. */
bool cert_is(const struct content *c);
/* The names of an authority that stay: the issuer of a holder's certificate, an authority's own. */
void cert_issuers(struct anon *a, const struct content *c);
/* Takes the holder out of it. Returns where it ends. */
size_t cert_anonymise(struct anon *a, struct content *c);

/* ---- anon_key.c ---- */

/* Replaces the public key (a SubjectPublicKeyInfo) by another valid one of the same kind and size. */
void key_anonymise(struct anon *a, struct content *c, const struct tlv *spki);
/* Replaces an RSA modulus, big-endian. */
void modulus_anonymise(struct anon *a, struct content *c, size_t at, size_t end);

/* ---- anon_p15.c ---- */

/* The same for files of PKCS#15 and ISO/IEC 7816-15, EF.DIR and EF.GDO, and for whatever else is DER. Returns
 * where what was understood ends. */
size_t p15_anonymise(struct anon *a, struct content *c);
/* Answers to SELECT and GET DATA. */
void selected_anonymise(struct anon *a, struct content *c);
void data_anonymise(struct anon *a, struct content *c);

/* ---- anon_words.c ---- */

enum text_form { FORM_BYTES, FORM_UTF16, FORM_UTF32 };
/* Whether a tag is that of text, and its form. */
bool text_form(unsigned tag, enum text_form *form);
/* Replaces all letters and digits of a text, and notes what it was: with `words` each word of it, too. */
void text_mask(struct anon *a, struct content *c, size_t at, size_t end, enum text_form form, bool words);
/* The same, but words that say nothing of a person stay. */
void label_mask(struct anon *a, struct content *c, size_t at, size_t end, enum text_form form);
/* Makes the n-th stand-in of its kind: `now` is zeros, as long as what it stands for. False: it cannot. */
typedef bool stand_in(size_t n, uint8_t *now, size_t len, const void *arg);
bool make_number(size_t n, uint8_t *now, size_t len, const void *arg);  /* arg NULL; the first byte may be 0 */
bool make_integer(size_t n, uint8_t *now, size_t len, const void *arg); /* a positive INTEGER of that length */
/* Replaces bytes by a stand-in, the same one for the same bytes everywhere. What cannot be replaced stays
 * hidden. */
void number_mask(struct anon *a, struct content *c, size_t at, size_t end, stand_in *make, const void *arg);
/* Notes what must not be found any more; nothing when it is too short, or nothing has changed. */
void needle_add(struct anon *a, struct view was, struct view now, bool text);
/* Replaces all forms of all needles in the bytes, or looks for one. Returns whether there was one. */
bool needle_replace(const struct anon *a, uint8_t *p, size_t n);
bool needle_find(const struct anon *a, struct view v);
void words_free(struct anon *a);
/* Time of day becomes midnight. */
void time_mask(struct content *c, size_t at, size_t end, unsigned tag);

#endif

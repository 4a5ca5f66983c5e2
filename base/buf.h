/* Bytes: struct buf owns and grows, struct view borrows and is consumed.
 *
 * A buf is sticky: when an append fails (no memory, or over the limit) `bad` is
 * set, later appends do nothing, and the writer asks once at the end with
 * buf_err(). A view never owns: it points into a buf or a caller's memory and
 * must not outlive it. */
#ifndef CASTOR_BASE_BUF_H
#define CASTOR_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BUF_MAX ((size_t)16 << 20) /* bytes; no card or setting needs more */

struct buf {
	uint8_t *p;      /* owned; NULL while cap is 0 */
	size_t len, cap; /* bytes */
	bool bad;        /* an append failed: the content is not to be used */
	bool secret;     /* cleanse whenever memory is given back or moved */
};

struct view {
	const uint8_t *p; /* borrowed; may be NULL when len is 0 */
	size_t len;       /* bytes */
};

#define BUF_INIT        { NULL, 0, 0, false, false }
#define BUF_INIT_SECRET { NULL, 0, 0, false, true }

/* Gives the memory back (cleansed when secret); the buf is empty and usable again. */
void buf_free(struct buf *b);
/* Empties without giving memory back; clears `bad`, cleanses when secret. */
void buf_reset(struct buf *b);
/* 0, or E_MEM when any append since the last reset failed. */
int buf_err(const struct buf *b);
/* Room for n more bytes at the end, counted into len at once and zeroed; NULL sets bad. */
uint8_t *buf_room(struct buf *b, size_t n);
/* Appends; all do nothing once bad. Numbers are big-endian. */
void buf_put(struct buf *b, const void *p, size_t n);
void buf_view(struct buf *b, struct view v);
void buf_u8(struct buf *b, unsigned v);
void buf_be16(struct buf *b, unsigned v);
void buf_be32(struct buf *b, uint32_t v);
void buf_fill(struct buf *b, uint8_t byte, size_t n);
/* Appends a NUL-terminated text without its NUL. */
void buf_str(struct buf *b, const char *s);
/* Appends formatted text; for messages, never for secrets. */
void buf_fmt(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Appends v as upper-case hexadecimal digits. */
void buf_hex(struct buf *b, struct view v);
/* The text of the buf, NUL-terminated just behind len; "" when bad. Valid until the next change. */
const char *buf_text(struct buf *b);
/* Cuts to n bytes; n must not exceed len. */
void buf_trim(struct buf *b, size_t n);
/* Moves the content of src into dst, whose own is freed; src is left empty. */
void buf_move(struct buf *dst, struct buf *src);
/* The content, borrowed until the next change of b. */
struct view buf_peek(const struct buf *b);

/* A view of n bytes at p, or of a NUL-terminated text. */
struct view view_of(const void *p, size_t n);
struct view view_str(const char *s);
/* Consume from the front: false (nothing consumed) when v is shorter. */
bool view_take(struct view *v, size_t n, struct view *out);
bool view_u8(struct view *v, unsigned *out);
bool view_be16(struct view *v, unsigned *out);
bool view_be32(struct view *v, uint32_t *out);
/* Equality of lengths and bytes; not for secrets. */
bool view_eq(struct view a, struct view b);
/* The part [off, off+n) clipped to what is there. */
struct view view_part(struct view v, size_t off, size_t n);

/* Appends the bytes that hexadecimal text stands for; blanks between digit pairs are
 * skipped. E_FORMAT on another character or an odd digit, b untouched then. */
int hex_parse(const char *text, size_t len, struct buf *b);

#endif

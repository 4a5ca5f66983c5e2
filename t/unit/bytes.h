/* Bytes for tests: from hexadecimal text, from a file under t/unit/data, compared as text. */
#ifndef CASTOR_T_UNIT_BYTES_H
#define CASTOR_T_UNIT_BYTES_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

/* Owner: caller. */
static inline struct buf
hex(const char *text)
{
	struct buf b = BUF_INIT;

	ck_assert_int_eq(hex_parse(text, strlen(text), &b), 0);
	return b;
}

#define ck_assert_view_hex(v, text) \
	do { \
		struct buf is_ = BUF_INIT, want_ = hex(text), shown_ = BUF_INIT; \
\
		buf_hex(&is_, v); \
		buf_hex(&shown_, buf_peek(&want_)); \
		ck_assert_str_eq(buf_text(&is_), buf_text(&shown_)); \
		buf_free(&is_); \
		buf_free(&want_); \
		buf_free(&shown_); \
	} while (0)

/* A file below the top source folder. Owner: caller. */
static inline struct buf
source_file(const char *name)
{
	const char *top = getenv("top_srcdir");
	struct buf path = BUF_INIT, out = BUF_INIT;
	char chunk[4096];
	size_t n;
	FILE *f;

	buf_fmt(&path, "%s/%s", top ? top : ".", name);
	f = fopen(buf_text(&path), "rb");
	ck_assert_msg(f != NULL, "%s cannot be opened", buf_text(&path));
	while ((n = fread(chunk, 1, sizeof chunk, f)) > 0)
		buf_put(&out, chunk, n);
	fclose(f);
	buf_free(&path);
	return out;
}

/* A file of hexadecimal lines. Owner: caller. */
static inline struct buf
hex_file(const char *name)
{
	struct buf text = source_file(name), out = BUF_INIT;

	for (size_t i = 0; i < text.len; i++)
		if (text.p[i] == '\n')
			text.p[i] = ' ';
	ck_assert_int_eq(hex_parse((const char *)text.p, text.len, &out), 0);
	buf_free(&text);
	return out;
}

#endif

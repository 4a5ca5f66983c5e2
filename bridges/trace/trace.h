/* A recording of what was said to cards, castor-trace(5), as lines that can be changed and written again. */
#ifndef CASTOR_BRIDGES_TRACE_TRACE_H
#define CASTOR_BRIDGES_TRACE_TRACE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

#define TRACE_BYTES_MAX ((size_t)8 << 20) /* of a file; what libcryptoki-virtual.so takes, too */

enum trace_kind { TRACE_BLANK, TRACE_COMMENT, TRACE_COMMAND, TRACE_ANSWER, TRACE_READER, TRACE_ATR, TRACE_EVENT };

struct trace_line {
	enum trace_kind kind;
	struct view text;    /* borrowed from what was parsed: the line without its end */
	struct view rest;    /* the same: a reader's name, the text of an event or comment, without blanks */
	struct view comment; /* the same: behind a command or answer, with its #; empty */
	struct buf bytes;    /* COMMAND, ANSWER, ATR */
	struct buf shown;    /* as long as bytes: 0 where a star stands for the byte, which is then 0, too */
	bool changed;        /* write it from bytes and shown, not as it was */
};

struct trace {
	struct trace_line *line; /* owned */
	size_t n;
};

/* Reads a recording; `text` must outlive it. E_FORMAT: it is none, *number is the line (from 1) and
 * *what says what is wrong with it (English, marked for translation, static). E_LIMIT: too large. E_MEM. */
int trace_parse(struct view text, struct trace *out, size_t *number, const char **what);
void trace_free(struct trace *t);
/* Appends all lines: those that were not changed as they were. */
void trace_write(const struct trace *t, struct buf *out);

/* How many commands there are, to how many cards (a card put back is another one) in how many readers. */
struct trace_size {
	size_t commands, cards, readers;
};
struct trace_size trace_count(const struct trace *t);

/* A command taken apart. Source: ISO/IEC 7816-4, 5.2. */
struct trace_apdu {
	unsigned cla, ins, p1, p2;
	size_t data, len; /* where its data begins, how long it is; 0: none */
};
/* False when it is none, or its head is starred. */
bool trace_apdu(const struct trace_line *command, struct trace_apdu *out);
/* Whether command and answer can be shown, as they hold no secret; castor-trace(5), "What is not shown". */
bool trace_is_open(const struct trace_apdu *a);

#endif

/* A cursor over BER/DER and the few pieces needed to write it. Pure, no recursion. Definite
 * lengths only, tags of at most two bytes, lengths of at most four. Source: X.690. */
#ifndef CASTOR_MAPPING_DER_H
#define CASTOR_MAPPING_DER_H

#include "base/buf.h"

struct der { unsigned tag; struct view content, whole; }; /* tag as read, e.g. 0x30, 0xA1, 0x7F49 */

/* Takes the next element off v. false: none left, or malformed (v untouched). */
bool der_next(struct view *v, struct der *out);
/* Takes it only when it has this tag; false leaves v untouched. For OPTIONAL fields. */
bool der_take(struct view *v, unsigned tag, struct der *out);
/* Content of a non-negative INTEGER of at most 4 bytes; a one-byte negative is +256 when
 * `wrap` (cards write reference 0x82 as 02 01 82). */
bool der_uint(struct view content, bool wrap, unsigned *out);
/* Magnitude of an INTEGER without leading zeros. */
struct view der_magnitude(struct view content);
/* BIT STRING of named bits as a set, bit 0 = 1. Bits over 31 are dropped. */
bool der_bits(struct view content, unsigned *out);

/* Appends tag, length and content. */
void der_put(struct buf *b, unsigned tag, struct view content);
void der_put_uint(struct buf *b, unsigned tag, unsigned value);
void der_put_bits(struct buf *b, unsigned tag, unsigned set);
/* INTEGER of an unsigned big-endian number. */
void der_put_magnitude(struct buf *b, struct view number);

#endif

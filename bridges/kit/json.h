/* Writes JSON, one value after another, as a stream. Source: RFC 8259. */
#ifndef CASTOR_BRIDGES_KIT_JSON_H
#define CASTOR_BRIDGES_KIT_JSON_H

#include <stdbool.h>

#include "base/buf.h"

#define JSON_DEPTH 16 /* levels; no answer of ours is deeper */

/* Where the next value goes: into `out`, which the caller owns. Begin with { .out = &buf }. */
struct json {
	struct buf *out;
	unsigned depth;         /* open objects and arrays */
	bool some[JSON_DEPTH];  /* the level has a value already */
};

/* Opens and closes an object or array. `key` is the member's name in an object, NULL in an array and
 * at the top. Calls must pair. */
void json_object(struct json *j, const char *key);
void json_object_end(struct json *j);
void json_array(struct json *j, const char *key);
void json_array_end(struct json *j);
/* One value. Bytes that are no UTF-8 become U+FFFD; text NULL is null. */
void json_text(struct json *j, const char *key, const char *text);
void json_bytes_text(struct json *j, const char *key, struct view text);
void json_number(struct json *j, const char *key, long long n);
void json_bool(struct json *j, const char *key, bool b);
void json_null(struct json *j, const char *key);
/* Bytes as lower-case hexadecimal text. */
void json_hex(struct json *j, const char *key, struct view v);

#endif

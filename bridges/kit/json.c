#include "bridges/kit/json.h"

#include "base/utf8.h"

static void
quote(struct buf *out, struct view v)
{
	struct view was;
	uint32_t c;

	buf_u8(out, '"');
	while (v.len) {
		was = v;
		if (!utf8_take(&v, &c)) {
			v = view_part(v, 1, v.len);
			buf_str(out, "\\ufffd");
		} else if (c == '"' || c == '\\') {
			buf_u8(out, '\\');
			buf_u8(out, c);
		} else if (c < 0x20 || c == 0x7F || c == 0x2028 || c == 0x2029) {
			buf_fmt(out, "\\u%04x", (unsigned)c);
		} else {
			buf_put(out, was.p, was.len - v.len);
		}
	}
	buf_u8(out, '"');
}

/* A new line for what comes, two blanks a level. */
static void
line(struct json *j)
{
	buf_u8(j->out, '\n');
	buf_fill(j->out, ' ', 2 * (size_t)j->depth);
}

/* What stands in front of a value. */
static void
begin(struct json *j, const char *key)
{
	if (j->depth) {
		if (j->some[j->depth - 1])
			buf_u8(j->out, ',');
		j->some[j->depth - 1] = true;
		line(j);
	}
	if (key) {
		quote(j->out, view_str(key));
		buf_str(j->out, ": ");
	}
}

static void
open_level(struct json *j, const char *key, char mark)
{
	begin(j, key);
	buf_u8(j->out, (unsigned char)mark);
	if (j->depth == JSON_DEPTH) {
		j->out->bad = true;
		return;
	}
	j->some[j->depth++] = false;
}

static void
close_level(struct json *j, char mark)
{
	bool some;

	if (!j->depth) {
		j->out->bad = true;
		return;
	}
	some = j->some[--j->depth];
	if (some)
		line(j);
	buf_u8(j->out, (unsigned char)mark);
	if (!j->depth)
		buf_u8(j->out, '\n');
}

void
json_object(struct json *j, const char *key)
{
	open_level(j, key, '{');
}

void
json_object_end(struct json *j)
{
	close_level(j, '}');
}

void
json_array(struct json *j, const char *key)
{
	open_level(j, key, '[');
}

void
json_array_end(struct json *j)
{
	close_level(j, ']');
}

void
json_text(struct json *j, const char *key, const char *text)
{
	if (text)
		json_bytes_text(j, key, view_str(text));
	else
		json_null(j, key);
}

void
json_bytes_text(struct json *j, const char *key, struct view text)
{
	begin(j, key);
	quote(j->out, text);
}

void
json_number(struct json *j, const char *key, long long n)
{
	begin(j, key);
	buf_fmt(j->out, "%lld", n);
}

void
json_bool(struct json *j, const char *key, bool b)
{
	begin(j, key);
	buf_str(j->out, b ? "true" : "false");
}

void
json_null(struct json *j, const char *key)
{
	begin(j, key);
	buf_str(j->out, "null");
}

void
json_hex(struct json *j, const char *key, struct view v)
{
	static const char digits[] = "0123456789abcdef";

	begin(j, key);
	buf_u8(j->out, '"');
	for (size_t i = 0; i < v.len; i++) {
		buf_u8(j->out, (unsigned char)digits[v.p[i] >> 4]);
		buf_u8(j->out, (unsigned char)digits[v.p[i] & 15]);
	}
	buf_u8(j->out, '"');
}

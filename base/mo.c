#include "base/mo.h"

#include <string.h>

#define MAGIC        0x950412DEu
#define MAGIC_OTHER  0xDE120495u /* written by a machine of the other byte order */
#define HEADER_BYTES 20u
#define ENTRY_BYTES  8u          /* of a table: length, offset */

struct mo {
	struct view bytes;
	bool big;
	uint32_t count, ids, texts; /* how many; offsets of the tables */
};

static uint32_t
number(const struct mo *m, size_t at)
{
	const uint8_t *p = m->bytes.p + at;

	return m->big ? (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3]
	    : (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

static bool
table_fits(const struct mo *m, uint32_t at)
{
	return at <= m->bytes.len && m->count <= (m->bytes.len - at) / ENTRY_BYTES;
}

/* A minor revision only adds what is not read here. */
static bool
mo_open(struct mo *m, struct view bytes)
{
	*m = (struct mo){ .bytes = bytes };
	if (bytes.len < HEADER_BYTES)
		return false;
	m->big = number(m, 0) == MAGIC_OTHER;
	if (number(m, 0) != MAGIC || number(m, 4) >> 16 > 1)
		return false;
	m->count = number(m, 8);
	m->ids = number(m, 12);
	m->texts = number(m, 16);
	return table_fits(m, m->ids) && table_fits(m, m->texts);
}

/* Entry i of a table; len is without the NUL, which is there. */
static bool
entry(const struct mo *m, uint32_t table, uint32_t i, struct view *out)
{
	size_t len = number(m, table + (size_t)i * ENTRY_BYTES);
	size_t at = number(m, table + (size_t)i * ENTRY_BYTES + 4);

	if (at >= m->bytes.len || len >= m->bytes.len - at || m->bytes.p[at + len])
		return false;
	*out = view_of(m->bytes.p + at, len);
	return true;
}

const char *
mo_find(struct view bytes, const char *msgid, bool many)
{
	struct view id, text;
	struct mo m;
	uint32_t low = 0, high, mid;
	size_t first;
	int order;

	if (!*msgid || !mo_open(&m, bytes))
		return NULL;
	for (high = m.count; low < high; ) {
		mid = low + (high - low) / 2;
		if (!entry(&m, m.ids, mid, &id))
			return NULL;
		/* a message of two forms is "one\0many", and sorted by the first */
		order = strcmp(msgid, (const char *)id.p);
		if (order < 0) {
			high = mid;
			continue;
		}
		if (order > 0) {
			low = mid + 1;
			continue;
		}
		if (!entry(&m, m.texts, mid, &text))
			return NULL;
		first = strlen((const char *)text.p);
		if (many)
			text = view_part(text, first + 1, text.len);
		return text.len ? (const char *)text.p : NULL;
	}
	return NULL;
}

/* Every damaged form of a good blob through a parser: each bit flipped, each byte replaced,
 * cut at either end. The parser gets a heap copy of exactly the size, so that a sanitizer sees
 * a read beyond it. It may answer what it likes, but must come back. After OpenSSH's fuzz_begin. */
#ifndef CASTOR_T_UNIT_MUTATE_H
#define CASTOR_T_UNIT_MUTATE_H

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

struct mutate {
	struct view good;
	void (*run)(struct view damaged, void *arg);
	void *arg;
	size_t runs; /* counted */
};

static inline void
mutate_one(struct mutate *m, struct view damaged)
{
	uint8_t *copy = malloc(damaged.len);

	if (!copy && damaged.len)
		abort();
	if (damaged.len)
		memcpy(copy, damaged.p, damaged.len);
	m->run(view_of(copy, damaged.len), m->arg);
	m->runs++;
	free(copy);
}

static inline void
mutate_byte(struct mutate *m, uint8_t *work, size_t at)
{
	uint8_t was = work[at];
	uint8_t other[12] = { 0x00, 0xFF, 0x80, (uint8_t)(was + 1) };

	for (unsigned bit = 0; bit < 8; bit++)
		other[4 + bit] = (uint8_t)(was ^ 1u << bit);
	for (size_t i = 0; i < sizeof other; i++) {
		work[at] = other[i];
		if (other[i] != was)
			mutate_one(m, view_of(work, m->good.len));
	}
	work[at] = was;
}

/* Runs them all; returns how many there were. */
static inline size_t
mutate(struct mutate *m)
{
	uint8_t *work = malloc(m->good.len + 1);

	if (!work)
		abort();
	memcpy(work, m->good.p, m->good.len);
	for (size_t i = 0; i < m->good.len; i++) {
		mutate_byte(m, work, i);
		mutate_one(m, view_of(work, i));
		mutate_one(m, view_of(work + i + 1, m->good.len - i - 1));
	}
	free(work);
	return m->runs;
}

#endif

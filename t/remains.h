/* Looks for what should be gone in the program's own memory. What is looked for stands there as
 * XOR 55 only. Reading all memory means reading between a sanitizer's guards, too: those are
 * told to look away. */
#ifndef CASTOR_T_REMAINS_H
#define CASTOR_T_REMAINS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MASK 0x55
#define NEEDLE_MAX 512

struct needle { const char *name; size_t len; uint8_t x[NEEDLE_MAX]; };

/* written: the program can write there; dumped: it would be in a core file */
struct region { uintptr_t from, to; char what[100]; bool written, dumped; };

/* memmem with a needle that stands nowhere in clear. */
__attribute__((no_sanitize("address", "thread")))
static inline const uint8_t *
remains_in(const struct region *r, const struct needle *k)
{
	const uint8_t *at = (const uint8_t *)r->from, *end = (const uint8_t *)r->to;
	const uint8_t first = k->x[0] ^ MASK;
	size_t i;

	for (; at + k->len <= end; at++) {
		if (*at != first)
			continue;
		for (i = 1; i < k->len && at[i] == (k->x[i] ^ MASK); i++)
			;
		if (i == k->len)
			return at;
	}
	return NULL;
}

/* The regions that can be read, but for those of the kernel; how many there are. */
static inline size_t
remains_regions(struct region *r, size_t max)
{
	FILE *maps = fopen("/proc/self/smaps", "r");
	unsigned long from, to;
	char text[512], perm[8], name[256];
	size_t n = 0;

	if (!maps)
		exit(2);
	while (fgets(text, sizeof text, maps)) {
		name[0] = 0;
		if (sscanf(text, "%lx-%lx %7s %*s %*s %*s %255[^\n]", &from, &to, perm, name) >= 3 && n < max) {
			r[n] = (struct region){ from, to, "", perm[0] == 'r' && perm[1] == 'w', perm[0] == 'r' && !strstr(name, "[v") };
			snprintf(r[n++].what, sizeof r[0].what, "%.99s", name);
		} else if (n && strncmp(text, "VmFlags:", 8) == 0 && strstr(text, " dd")) {
			r[n - 1].dumped = false;
		}
	}
	fclose(maps);
	return n;
}

#endif

#include "mapping/der.h"

#include "t/fuzz/fuzz.h"

const bool fuzz_is_cheap = true;

/* All elements, and what is in them, to some depth. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view level[16] = { view_of(data, size) };
	struct der d;
	size_t depth = 0;

	for (;;) {
		if (level[depth].len && der_next(&level[depth], &d)) {
			if (depth + 1 < sizeof level / sizeof level[0])
				level[++depth] = d.content;
		} else if (depth) {
			depth--;
		} else {
			break;
		}
	}
	return 0;
}

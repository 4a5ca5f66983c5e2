#include "mapping/p15.h"

#include "t/fuzz/fuzz.h"

const bool fuzz_is_cheap = true;

/* The bytes as a directory of each kind, as EF(ODF) and as EF(TokenInfo). What was read is written
 * again. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view ef = view_of(data, size);
	struct p15_token_info info = { .serial = BUF_INIT };
	struct p15_odf odf = { .n = 0 };
	struct buf again = BUF_INIT;
	size_t skipped, off;

	for (enum p15_kind kind = P15_PRIVATE; kind <= P15_AUTH; kind++) {
		struct p15_odf_entry from = { .kind = kind, .range = { .whole = true } };
		struct p15_objects all = { .n = 0 };

		skipped = 0;
		p15_dir_decode(&from, ef, &all, &skipped);
		for (size_t i = 0; i < all.n; i++)
			p15_record_encode(all.p[i], &again);
		buf_reset(&again);
		p15_objects_free(&all);
	}
	buf_free(&again);
	p15_odf_decode(ef, &odf);
	if (p15_token_info_decode(ef, &info) == 0)
		p15_token_info_free(&info);
	p15_dir_append_at(ef, 10, &off);
	return 0;
}

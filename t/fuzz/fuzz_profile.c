#include "mapping/profile.h"

#include "t/fuzz/fuzz.h"

const bool fuzz_is_cheap = true;

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct profile *pf = NULL;
	struct buf why = BUF_INIT;

	if (profile_parse(view_of(data, size), "fuzz", &pf, &why) == 0)
		profile_free(&pf);
	buf_free(&why);
	return 0;
}

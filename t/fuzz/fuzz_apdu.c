#include "cardos/wire/apdu.h"

#include "t/fuzz/fuzz.h"

const bool fuzz_is_cheap = true;

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf out = BUF_INIT;
	struct apdu a;
	uint16_t sw;

	if (apdu_decode(view_of(data, size), &a) == 0)
		apdu_encode(&a, &out);
	buf_reset(&out);
	apdu_answer(view_of(data, size), &out, &sw);
	buf_free(&out);
	return 0;
}

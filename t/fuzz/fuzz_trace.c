#include "cardos/wire/io.h"

#include "t/fuzz/fuzz.h"

const bool fuzz_is_cheap = true;

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf why = BUF_INIT;
	struct io *io = NULL;

	if (io_replay_new(view_of(data, size), &io, &why) == 0)
		io->ops->free(&io);
	buf_free(&why);
	return 0;
}

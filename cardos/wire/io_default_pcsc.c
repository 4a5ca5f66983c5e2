/* The io of libcryptoki.so: real readers, traced when the user asks for it. */
#include "cardos/wire/io.h"

int
io_default(struct io **out)
{
	struct io *io = NULL;
	int r;

	if ((r = io_pcsc_new(&io)) != 0)
		return r;
	io_trace_default(&io);
	*out = io;
	return 0;
}

bool
io_is_virtual(void)
{
	return false;
}

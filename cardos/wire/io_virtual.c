/* The io of libcryptoki-virtual.so. CASTOR_VIRTUAL says which cards:
 * "unix:/path||unix:/path2" for castor-vcard's sockets, "replay:/path" for a trace. */
#include "cardos/wire/io.h"

#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/os.h"

#define TRACE_MAX ((size_t)8 << 20) /* bytes of a trace file */

static int
replay_open(const char *path, struct io **io)
{
	struct buf text = BUF_INIT, why = BUF_INIT;
	enum os_trust trust = os_file_read(path, TRACE_MAX, false, &text);
	int r = E_IO;

	if (trust != OS_TRUST_OK)
		log_error("%s: %s", path, os_trust_text(trust));
	else if ((r = io_replay_new(buf_peek(&text), io, &why)) != 0)
		log_error("%s: %s", path, buf_text(&why));
	buf_free(&text);
	buf_free(&why);
	return r;
}

int
io_default(struct io **out)
{
	const char *spec = os_env("CASTOR_VIRTUAL");
	struct io *io = NULL;
	int r;

	if (spec && strncmp(spec, "replay:", 7) == 0)
		r = replay_open(spec + 7, &io);
	else
		r = io_sock_new(spec ? spec : "", &io);
	/* a library without readers is of more use than one that does not start */
	if (r && r != E_MEM) {
		log_error("CASTOR_VIRTUAL: want unix:/path||unix:/path2 or replay:/path; "
		    "no readers now");
		r = io_sock_new("", &io);
	}
	if (r)
		return r;
	io_trace_default(&io);
	*out = io;
	return 0;
}

bool
io_is_virtual(void)
{
	return true;
}

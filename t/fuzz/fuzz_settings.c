#include "base/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "t/fuzz/fuzz.h"

const bool fuzz_is_cheap = true;

/* Once as the user's file and once as the system's, which may lock keys. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[] = "fuzz-settings-XXXXXX";
	struct settings_from from = { .system = "", .user = path, .exe = "/usr/bin/x", .auto_login = "" };
	struct settings *s = NULL;
	int fd = mkstemp(path);

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	close(fd);
	if (settings_load(&from, &s) == 0)
		settings_free(&s);
	from.system = path;
	from.user = "";
	if (settings_load(&from, &s) == 0)
		settings_free(&s);
	unlink(path);
	return 0;
}

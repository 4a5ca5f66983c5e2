/* What a program has open and running, to see that nothing is left behind. */
#ifndef CASTOR_T_UNIT_CHILDREN_H
#define CASTOR_T_UNIT_CHILDREN_H

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

/* Descriptors open in this process. */
static inline int
open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	ck_assert_ptr_nonnull(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

/* No child, running or dead, is ours. */
static inline void
no_children(void)
{
	ck_assert_int_eq((int)waitpid(-1, NULL, WNOHANG), -1);
	ck_assert_int_eq(errno, ECHILD);
}

/* The path of a program of the build tree. */
static inline void
built(char *out, size_t cap, const char *name)
{
	const char *top = getenv("top_builddir");
	char here[512];

	if (!top)
		top = getcwd(here, sizeof here);
	snprintf(out, cap, "%s/%s", top, name);
}

/* A file's text, at most cap - 1 bytes; "" when there is none. */
static inline void
read_text(const char *path, char *out, size_t cap)
{
	FILE *in = fopen(path, "r");
	size_t n = 0;

	if (in) {
		n = fread(out, 1, cap - 1, in);
		fclose(in);
	}
	out[n] = 0;
}

#endif

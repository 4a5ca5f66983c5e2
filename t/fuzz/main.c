/* Runs a fuzz target over files: each as it is and, where a run is cheap, in every damaged form. With
 * -DCASTOR_LIBFUZZER this is empty and libFuzzer brings its own main (see fuzz.inc). */
#include "t/fuzz/fuzz.h"

#ifdef CASTOR_LIBFUZZER
typedef int no_main_here;
#else

#include <stdio.h>

#include "t/unit/mutate.h"

#define FILE_MAX ((size_t)1 << 20)
#define DAMAGE_MAX 700u /* bytes of a file that is run in every damaged form */

static void
damaged(struct view v, void *arg)
{
	(void)arg;
	LLVMFuzzerTestOneInput(v.p, v.len);
}

static int
run_file(const char *name, FILE *f)
{
	static uint8_t bytes[FILE_MAX];
	size_t n = f ? fread(bytes, 1, sizeof bytes, f) : 0;
	struct mutate m = { .good = view_of(bytes, n), .run = damaged };

	if (!f) {
		perror(name);
		return 1;
	}
	mutate_one(&m, m.good);
	if (fuzz_is_cheap && n && n <= DAMAGE_MAX)
		mutate(&m);
	printf("# %s: %zu runs\n", name, m.runs);
	return 0;
}

int
main(int argc, char **argv)
{
	int failed = 0;
	FILE *f;

	if (argc == 1)
		return run_file("standard input", stdin);
	for (int i = 1; i < argc; i++) {
		f = fopen(argv[i], "rb");
		failed |= run_file(argv[i], f);
		if (f)
			fclose(f);
	}
	return failed;
}

#endif

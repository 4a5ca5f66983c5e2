/* castor complete: what may come next on a command line, one word to a line, for the completions of shells. */
#include <string.h>

#include "bridges/castor/command.h"

/* How many of the words given are those of a command's name, as far as both go; -1: another command. */
static int
fits(const char *name, int argc, char **argv)
{
	int n = 0;

	while (*name && n < argc) {
		size_t len = strcspn(name, " ");

		if (strlen(argv[n]) != len || strncmp(argv[n], name, len) != 0)
			return -1;
		n++;
		name += len + (name[len] == ' ');
	}
	return *name ? n - 100 : n;
}

/* The next word of a command whose first words were given. */
static void
put_next(struct app *a, const char *name, int words)
{
	while (words--)
		name += strcspn(name, " ") + 1;
	put(a, "%.*s\n", (int)strcspn(name, " "), name);
}

int
cmd_complete(struct app *a)
{
	const char *last = "";
	uint64_t opts = 0;
	int n;

	for (const struct command *c = commands; c->name; c++) {
		if (c->run == cmd_complete || (n = fits(c->name, a->argc, a->argv)) == -1)
			continue;
		if (n >= 0) {
			opts |= c->opts;
			continue;
		}
		n += 100;
		if (n == a->argc && strncmp(c->name, last, strcspn(c->name, " ") + 1) != 0) {
			put_next(a, c->name, n);
			if (!n)
				last = c->name;
		}
	}
	if (!a->argc)
		put(a, "help\n");
	for (int i = 0; i < OPT_COUNT; i++)
		if (opts & UINT64_C(1) << i)
			put(a, "--%s\n", option_infos[i].word);
	return ST_OK;
}

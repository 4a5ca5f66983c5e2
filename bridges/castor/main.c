/* castor: what a person does with a card at a terminal. See castor(1). */
#include "config.h"

#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bridges/castor/command.h"

/* Standard descriptors that are closed would be taken by other files. */
static void
open_standard(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

/* Whether the words of argv, with what are no options only, begin with those of a command's name. Moves
 * past them: how many were its words; 0 when it is another command. */
static int
is_named(const struct command *c, int argc, char **argv)
{
	const char *space = strchr(c->name, ' ');
	size_t first = space ? (size_t)(space - c->name) : strlen(c->name);

	if (argc < 1 || strlen(argv[0]) != first || strncmp(argv[0], c->name, first) != 0)
		return 0;
	if (!space)
		return 1;
	return argc > 1 && !strcmp(argv[1], space + 1) ? 2 : 0;
}

/* Options of every command in getopt's form. */
static void
list_options(struct option longs[OPT_COUNT + 1], char letters[2 * OPT_COUNT + 1])
{
	size_t n = 0;

	for (int i = 0; i < OPT_COUNT; i++) {
		const struct option_info *o = &option_infos[i];

		longs[i] = (struct option){ o->word,
			!o->arg ? no_argument : o->optional ? optional_argument : required_argument, NULL, 256 + i };
		if (!o->letter)
			continue;
		letters[n++] = o->letter;
		if (o->arg && !o->optional)
			letters[n++] = ':';
	}
	longs[OPT_COUNT] = (struct option){ NULL, 0, NULL, 0 };
	letters[n] = 0;
}

static int
read_options(struct app *a, int argc, char **argv)
{
	struct option longs[OPT_COUNT + 1];
	char letters[2 * OPT_COUNT + 1];
	int got, i;

	list_options(longs, letters);
	opterr = 0;
	while ((got = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
		for (i = 0; i < OPT_COUNT; i++)
			if (got == 256 + i || (got == option_infos[i].letter && option_infos[i].letter))
				break;
		if (i == OPT_COUNT)
			return app_fail(a, ST_USAGE, text(a->lang, "%s: no such option, or its value is missing; try castor help"),
			    argv[optind - 1]);
		a->opt[i] = optarg ? optarg : "";
	}
	a->argc = argc - optind;
	a->argv = argv + optind;
	return ST_OK;
}

/* The command that the operands name, which are taken off; NULL when there is none. */
static const struct command *
find_command(struct app *a)
{
	int n;

	for (const struct command *c = commands; c->name; c++) {
		if (!(n = is_named(c, a->argc, a->argv)))
			continue;
		a->argc -= n;
		a->argv += n;
		return c;
	}
	return NULL;
}

static int
check_use(struct app *a, const struct command *c)
{
	for (int i = 0; i < OPT_COUNT; i++)
		if (a->opt[i] && !(c->opts & UINT64_C(1) << i))
			return app_fail(a, ST_USAGE, text(a->lang, "castor %s takes no --%s"), c->name, option_infos[i].word);
	if (a->argc < c->least || (c->most >= 0 && a->argc > c->most))
		return app_fail(a, ST_USAGE, text(a->lang, "the command is: castor %s %s"), c->name, c->args);
	return ST_OK;
}

static int
run(struct app *a, int argc, char **argv)
{
	const struct command *c;
	const char *word;
	int status;

	a->lang = text_lang("");
	if ((status = read_options(a, argc, argv)) || (status = app_begin(a)))
		return status;
	if (a->opt[OPT_VERSION]) {
		put(a, "castor " PACKAGE_VERSION "\n");
		return ST_OK;
	}
	word = a->argv[0];
	if (!word || !strcmp(word, "help")) {
		a->argc -= !!word;
		a->argv += !!word;
		c = find_command(a);
		if (a->argc)
			return app_fail(a, ST_USAGE, text(a->lang, "there is no command “%s”; try castor help"), a->argv[0]);
		help_put(a, c);
		return word || a->opt[OPT_HELP] ? ST_OK : ST_USAGE;
	}
	if (!(c = find_command(a)))
		return app_fail(a, ST_USAGE, text(a->lang, "there is no command “%s”; try castor help"), word);
	if (a->opt[OPT_HELP]) {
		help_put(a, c);
		return ST_OK;
	}
	if ((status = check_use(a, c)))
		return status;
	return c->run(a);
}

int
main(int argc, char **argv)
{
	struct app a = { 0 };

	open_standard();
	signal(SIGPIPE, SIG_IGN);
	return app_end(&a, run(&a, argc, argv));
}

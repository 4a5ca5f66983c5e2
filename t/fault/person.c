#include "t/fault/person.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "t/fault/module.h"
#include "t/unit/children.h"
#include "t/unit/unit.h"

static char queue[] = "person-queue-XXXXXX", said[] = "person-said-XXXXXX";

static void
write_answers(FILE *f, const char *const *answers)
{
	ck_assert_ptr_nonnull(f);
	for (; *answers; answers++) {
		if (**answers == '\\')
			fprintf(f, "%s\n", *answers);
		else if (**answers)
			fprintf(f, "D %s\\nOK\\n\n", *answers);
		else
			fputs("ERR 99\\n\n", f);
	}
	fputs("*ERR 99\\n\n", f);
	fclose(f);
}

void
person_will(const char *more, const char *const *answers)
{
	char text[1024], helper[600], script[2048], here[512];
	int fd;

	ck_assert_int_ge(fd = mkstemp(said), 0);
	close(fd);
	ck_assert_int_ge(fd = mkstemp(queue), 0);
	write_answers(fdopen(fd, "w"), answers);
	built(helper, sizeof helper, "t/unit/pinpeer");
	snprintf(text, sizeof text, "rootAutoLogin = 1\npinHelper = %s\nDataPath = /nonexistent/x\n%s", helper,
	    more);
	module_settings(text);
	ck_assert_ptr_nonnull(getcwd(here, sizeof here));
	snprintf(script, sizeof script, "LOG %s/%s\nQUEUE %s/%s\n", here, said, here, queue);
	setenv("PINENTRY_USER_DATA", script, 1);
	setenv("DISPLAY", ":0", 1);
}

void
person_will_now(const char *const *answers)
{
	write_answers(fopen(queue, "w"), answers);
	ck_assert_int_eq(truncate(said, 0), 0);
}

unsigned
person_was_asked(void)
{
	FILE *f = fopen(said, "r");
	char line[1024];
	unsigned n = 0;

	ck_assert_ptr_nonnull(f);
	while (fgets(line, sizeof line, f))
		n += strncmp(line, "GETPIN", 6) == 0;
	fclose(f);
	return n;
}

bool
person_heard(const char *text)
{
	static char all[65536];

	read_text(said, all, sizeof all);
	return strstr(all, text) != NULL;
}

void
person_end(void)
{
	unlink(said);
	unlink(queue);
	strcpy(said + strlen(said) - 6, "XXXXXX");
	strcpy(queue + strlen(queue) - 6, "XXXXXX");
}

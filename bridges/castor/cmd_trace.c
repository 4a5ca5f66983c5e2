/* castor trace: records what is said to cards, takes the holder out of a recording, plays one back. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/err.h"
#include "base/os.h"
#include "bridges/castor/cleanup.h"
#include "bridges/castor/command.h"
#include "bridges/castor/file.h"
#include "bridges/castor/program.h"
#include "bridges/castor/testcard.h"
#include "bridges/trace/anon.h"
#include "bridges/trace/trace.h"

#define LOG_BYTES_MAX ((size_t)1 << 20)
#define HEADER_MAX    96 /* bytes of a line */
#define PATH_BYTES    4096

/* What vanishes whatever happens; "": none. */
static char part[PATH_BYTES], folder[64], in_folder[2][80];

static void
forget(void)
{
	char *const files[] = { part, in_folder[0], in_folder[1] };

	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
		if (!*files[i])
			continue;
		unlink(files[i]);
		cleanup_drop(files[i]);
		*files[i] = 0;
	}
	if (*folder) {
		rmdir(folder);
		cleanup_drop(folder);
		*folder = 0;
	}
}

/* ---- files ---- */

/* Whether a result may be put there. *plain: as a file of its own, else into what is there. */
static int
check_target(struct app *a, const char *path, bool *plain)
{
	struct stat st;

	*plain = true;
	if (lstat(path, &st))
		return errno == ENOENT ? ST_OK : app_fail(a, ST_USAGE, "%s: %s", path, strerror(errno));
	if (stat(path, &st) || S_ISDIR(st.st_mode))
		return app_fail(a, ST_USAGE, text(a->lang, "%s is no file that can be written"), path);
	*plain = S_ISREG(st.st_mode);
	if (*plain && !a->opt[OPT_FORCE])
		return app_fail(a, ST_USAGE, text(a->lang, "%s is there already; --force replaces it"), path);
	return ST_OK;
}

static int
write_target(struct app *a, const char *path, bool plain, struct view v)
{
	bool good;
	int fd;

	errno = 0;
	if (plain) {
		good = !os_file_replace(path, v);
	} else {
		fd = open(path, O_WRONLY | O_CLOEXEC);
		good = fd >= 0 && os_write_all(fd, v.p, v.len);
		if (fd >= 0 && close(fd))
			good = false;
	}
	if (good)
		return ST_OK;
	return app_fail(a, ST_FAILED, text(a->lang, "%s cannot be written: %s"), path, errno ? strerror(errno) : "?");
}

static int
fail_format(struct app *a, const char *path, size_t line, const char *what)
{
	return app_fail(a, ST_USAGE, text(a->lang, "%s is no recording: line %zu: %s"), path, line, text(a->lang, what));
}

/* ---- record ---- */

/* One comment of the recording's head, as is_own_comment() of the anonymiser lets it be. */
static void
put_header(struct buf *out, const char *word, struct view v)
{
	size_t n;

	buf_fmt(out, "# %s ", word);
	for (n = 0; n < v.len && n < HEADER_MAX - strlen(word) - 3; n++)
		buf_u8(out, v.p[n] >= ' ' && v.p[n] <= '~' ? v.p[n] : '?');
	buf_str(out, "\n");
}

/* PRETTY_NAME of os-release(5), without its quotes. */
static void
put_distribution(struct buf *out)
{
	struct buf file = BUF_INIT;
	const char *at, *end;

	if (os_file_read("/etc/os-release", 65536, false, &file) == OS_TRUST_OK &&
	    (at = strstr(buf_text(&file), "PRETTY_NAME="))) {
		at += strlen("PRETTY_NAME=");
		at += *at == '"';
		end = at + strcspn(at, "\"\n");
		buf_str(out, ", ");
		buf_put(out, at, (size_t)(end - at));
	}
	buf_free(&file);
}

static void
put_head(struct buf *out)
{
	static const char *const services[] = { "/usr/sbin/pcscd", "/usr/local/sbin/pcscd", "/sbin/pcscd" };
	struct buf line = BUF_INIT;
	struct utsname u;

	put_header(out, "castor", view_str(PACKAGE_VERSION));
	if (!uname(&u))
		buf_fmt(&line, "%s %s %s", u.sysname, u.release, u.machine);
	put_distribution(&line);
	put_header(out, "system", buf_peek(&line));
	buf_reset(&line);
	for (size_t i = 0; i < sizeof services / sizeof services[0] && !line.len; i++)
		program_line(services[i], "--version", &line);
	if (line.len > 10 && !memcmp(line.p, "pcsc-lite ", 10))
		put_header(out, "pcsc-lite", view_part(buf_peek(&line), 10, line.len));
	buf_free(&line);
}

/* The file that is written to until all is well: beside the one that is wanted, and nobody else's. */
static int
make_part(struct app *a, const char *file)
{
	struct buf head = BUF_INIT;
	int fd, status = ST_OK;
	char *real;

	if ((size_t)snprintf(part, sizeof part, "%s.%ld", file, os_pid()) >= sizeof part) {
		*part = 0;
		return app_fail(a, ST_USAGE, "%s: %s", file, strerror(ENAMETOOLONG));
	}
	fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0) {
		*part = 0;
		return app_fail(a, ST_FAILED, text(a->lang, "%s cannot be written: %s"), file, strerror(errno));
	}
	/* programs may have a working folder of their own */
	if ((real = realpath(part, NULL)) && strlen(real) < sizeof part)
		memcpy(part, real, strlen(real) + 1);
	free(real);
	cleanup_add(part);
	put_head(&head);
	if (buf_err(&head) || !os_write_all(fd, head.p, head.len))
		status = app_fail(a, ST_FAILED, text(a->lang, "%s cannot be written: %s"), file, strerror(errno));
	close(fd);
	buf_free(&head);
	return status;
}

/* Runs the command, or reads all cards. Returns a status, or that of the command. */
static int
run_recorded(struct app *a, bool *ran)
{
	const char *module = a->opt[OPT_MODULE];
	int status, err;

	*ran = false;
	setenv("CASTOR_TRACE", part, 1);
	if (a->argc == 1) {
		status = app_cards(a, false);
		kit_cards_free(&a->cards);
		kit_module_close(&a->module);
		*ran = !status;
		return status;
	}
	if (a->opt[OPT_TEST_CARD] && (status = testcard_start(a, &module)))
		return status;
	if ((err = program_run(a->argv + 1, &status)))
		return app_fail(a, ST_USAGE, err == E_NOT_FOUND ? text(a->lang, "there is no program “%s”") :
		    text(a->lang, "%s cannot be run"), a->argv[1]);
	*ran = true;
	return status;
}

static int
anonymise_it(struct app *a, const char *path, struct view text_, struct buf *out, struct anon_report *report)
{
	int err = anonymise(text_, out, report);

	switch (err) {
	case 0:
		return ST_OK;
	case E_FORMAT:
		return fail_format(a, path, report->line, report->what);
	case E_DENIED:
		return app_fail(a, ST_FAILED, text(a->lang,
		    "%s: something that was taken out is still in line %zu of the result; nothing was written"), path,
		    report->line);
	default:
		return app_fail(a, ST_FAILED, "%s: %s", path,
		    text(a->lang, err == E_LIMIT ? N_("the file is too large") : err_text(err)));
	}
}

/* Puts what was recorded where it is wanted. */
static int
keep(struct app *a, const char *file, struct trace_size *size)
{
	struct buf text_ = BUF_INIT, out = BUF_INIT;
	struct trace t = { NULL, 0 };
	struct anon_report report;
	const char *what = NULL;
	size_t line = 0;
	int status = file_read_all(a, part, TRACE_BYTES_MAX, &text_), err;

	*size = (struct trace_size){ 0, 0, 0 };
	if (status)
		goto out;
	if ((err = trace_parse(buf_peek(&text_), &t, &line, &what))) {
		/* a head alone: nobody said anything */
		if (err != E_FORMAT)
			status = app_fail(a, ST_FAILED, "%s: %s", file, text(a->lang, err == E_MEM ? err_text(err) : what));
		goto out;
	}
	*size = trace_count(&t);
	if (!size->commands)
		goto out;
	if (a->opt[OPT_ANONYMISE]) {
		status = anonymise_it(a, file, buf_peek(&text_), &out, &report);
		if (!status)
			status = write_target(a, file, true, buf_peek(&out));
	} else if (!file_name(part, file, a->opt[OPT_FORCE] != NULL)) {
		status = app_fail(a, ST_FAILED, text(a->lang, "%s cannot be written: %s"), file, strerror(errno));
	}
out:
	trace_free(&t);
	buf_free(&text_);
	buf_free(&out);
	return status;
}

static void
say_recorded(struct app *a, const char *file, const struct trace_size *size)
{
	if (a->opt[OPT_JSON] && a->argc == 1) {
		json_object(&a->json, NULL);
		json_text(&a->json, "file", file);
		json_number(&a->json, "commands", (long long)size->commands);
		json_number(&a->json, "cards", (long long)size->cards);
		json_bool(&a->json, "anonymised", a->opt[OPT_ANONYMISE] != NULL);
		json_object_end(&a->json);
	}
	note(a, text(a->lang, "Recorded in %s: commands: %zu, cards: %zu."), file, size->commands, size->cards);
	if (!a->opt[OPT_ANONYMISE])
		note(a, "%s", text(a->lang, "It tells who holds the card. Before you give it away: castor trace anonymise"));
}

int
cmd_trace_record(struct app *a)
{
	const char *file = a->argv[0];
	struct trace_size size;
	bool plain, ran;
	int status, kept;

	if ((status = check_target(a, file, &plain)))
		return status;
	if (!plain)
		return app_fail(a, ST_USAGE, text(a->lang, "%s is no file that can be written"), file);
	if ((status = make_part(a, file)))
		goto out;
	status = run_recorded(a, &ran);
	if (!ran)
		goto out;
	kept = keep(a, file, &size);
	if (!kept && size.commands)
		say_recorded(a, file, &size);
	else if (!kept)
		kept = a->argc == 1 ? app_fail(a, ST_NO_CARD, text(a->lang, "there is no card in the reader")) :
		    app_fail(a, ST_FAILED, text(a->lang, "nothing was recorded: %s did not use a card through Castor"),
		    a->argv[1]);
	/* the command's own failure comes first */
	status = status ? status : kept;
out:
	forget();
	return status;
}

/* ---- anonymise ---- */

int
cmd_trace_anonymise(struct app *a)
{
	const char *file = a->argv[0], *target = a->opt[OPT_OUTPUT];
	struct buf in = BUF_INIT, out = BUF_INIT;
	struct anon_report report;
	bool plain = false;
	int status;

	if (a->opt[OPT_JSON] && !target)
		return app_fail(a, ST_USAGE, text(a->lang, "--json needs --output here"));
	if ((target && (status = check_target(a, target, &plain))) || (status = file_read_all(a, file, TRACE_BYTES_MAX, &in)) ||
	    (status = anonymise_it(a, file, buf_peek(&in), &out, &report)))
		goto out;
	if (!target)
		buf_view(&a->out, buf_peek(&out));
	else if ((status = write_target(a, target, plain, buf_peek(&out))))
		goto out;
	note(a, text(a->lang, "Taken out: texts and numbers: %zu, bytes that are not shown any more: %zu."), report.texts,
	    report.starred);
	if (a->opt[OPT_JSON]) {
		json_object(&a->json, NULL);
		json_text(&a->json, "file", target);
		json_number(&a->json, "replaced", (long long)report.texts);
		json_number(&a->json, "hidden", (long long)report.starred);
		json_object_end(&a->json);
	}
out:
	buf_free(&in);
	buf_free(&out);
	return status;
}

/* ---- replay ---- */

/* A folder of our own with a copy that the virtual module takes, and a place for its log. */
static int
make_folder(struct app *a, struct view recording)
{
	const char *tmp = os_env("TMPDIR");
	struct buf spec = BUF_INIT;
	int status = ST_OK;

	if (!tmp || strlen(tmp) > 32)
		tmp = "/tmp";
	snprintf(folder, sizeof folder, "%s/castor-XXXXXX", tmp);
	if (!mkdtemp(folder)) {
		*folder = 0;
		return app_fail(a, ST_FAILED, text(a->lang, "%s cannot be written: %s"), tmp, strerror(errno));
	}
	snprintf(in_folder[0], sizeof in_folder[0], "%s/trace", folder);
	snprintf(in_folder[1], sizeof in_folder[1], "%s/log", folder);
	cleanup_add(in_folder[0]);
	cleanup_add(in_folder[1]);
	cleanup_add(folder);
	if ((status = write_target(a, in_folder[0], true, recording)))
		return status;
	buf_fmt(&spec, "replay:%s", in_folder[0]);
	if (buf_err(&spec) || setenv("CASTOR_VIRTUAL", buf_text(&spec), 1) || setenv("CASTOR_LOG", "error", 1) ||
	    setenv("CASTOR_LOG_FILE", in_folder[1], 1))
		status = app_fail(a, ST_FAILED, "%s", text(a->lang, err_text(E_MEM)));
	buf_free(&spec);
	return status;
}

/* What the player wrote into the log; cardos/wire/io_replay.c has the sentences. */
static int
tell_way(struct app *a, const char *file)
{
	static const char other[] = ": another command was sent", over[] = "the trace is over";
	struct buf log = BUF_INIT;
	int status = ST_OK;
	const char *at, *end;

	if (os_file_read(in_folder[1], LOG_BYTES_MAX, false, &log) != OS_TRUST_OK)
		goto out;
	end = strstr(buf_text(&log), other);
	if (end) {
		for (at = end; at > (const char *)log.p && at[-1] >= '0' && at[-1] <= '9'; at--)
			;
		buf_reset(&a->error); /* what came of it has been said, and this is why */
		status = app_fail(a, ST_BAD, text(a->lang, "%s: line %ld: another command was sent than the one there"), file,
		    atol(at));
	} else if (strstr(buf_text(&log), over)) {
		buf_reset(&a->error);
		status = app_fail(a, ST_BAD, text(a->lang, "%s: more commands were sent than there are"), file);
	}
out:
	buf_free(&log);
	return status;
}

int
cmd_trace_replay(struct app *a)
{
	const char *file = a->argv[0], *what = NULL;
	struct buf in = BUF_INIT;
	struct trace t = { NULL, 0 };
	struct trace_size size;
	size_t line = 0;
	int status, err, way;

	if ((status = file_read_all(a, file, TRACE_BYTES_MAX, &in)))
		goto out;
	if ((err = trace_parse(buf_peek(&in), &t, &line, &what))) {
		status = err == E_MEM ? app_fail(a, ST_FAILED, "%s", text(a->lang, err_text(err))) :
		    fail_format(a, file, line, what);
		goto out;
	}
	size = trace_count(&t);
	if (size.readers > 1) {
		status = app_fail(a, ST_USAGE, text(a->lang, "%s: a recording of several readers cannot be played back"), file);
		goto out;
	}
	if ((status = make_folder(a, buf_peek(&in))))
		goto out;
	if (a->argc > 1) {
		if ((err = program_run(a->argv + 1, &status)))
			status = app_fail(a, ST_USAGE, err == E_NOT_FOUND ? text(a->lang, "there is no program “%s”") :
			    text(a->lang, "%s cannot be run"), a->argv[1]);
	} else {
		if (!a->opt[OPT_MODULE])
			a->opt[OPT_MODULE] = PKGLIBDIR "/libcryptoki-virtual.so";
		status = cmd_list(a);
	}
	/* a way that parted is what is wrong, whatever came of it */
	if ((way = tell_way(a, file)))
		status = way;
out:
	forget();
	trace_free(&t);
	buf_free(&in);
	return status;
}

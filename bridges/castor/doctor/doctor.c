#include "bridges/castor/doctor/doctor.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "bridges/castor/command.h"
#include "bridges/castor/progress.h"

static const struct info {
	const char *id, *what, *todo, *command;
	enum severity severity;
} infos[] = {
#define FINDING(name, id, severity, what, todo, command) { id, what, todo, command, SEVERITY_##severity },
#include "bridges/castor/doctor/finding.def"
};

/* What others build on comes first. */
static void (*const checks[])(struct doctor *) = {
	check_settings, check_clock, check_openssl, check_service, check_scdaemon, check_cards, check_reader,
	check_nss, check_p11kit, check_clients, check_dialog, check_port,
};

void
found(struct doctor *d, enum finding what, const char *one, const char *two, const char *three)
{
	const char *const args[FOUND_ARGS] = { one, two, three };
	struct found *f = d->found + d->n;

	if (d->n == FOUND_MAX)
		return;
	memset(f, 0, sizeof *f);
	f->what = what;
	for (int i = 0; i < FOUND_ARGS; i++)
		if (args[i])
			buf_str(&f->arg[i], args[i]);
	d->n++;
}

bool
is_found(const struct doctor *d, enum finding what)
{
	for (size_t i = 0; i < d->n; i++)
		if (d->found[i].what == what)
			return true;
	return false;
}

static void
found_free(struct found *f)
{
	for (int i = 0; i < FOUND_ARGS; i++)
		buf_free(&f->arg[i]);
}

void
found_forget(struct doctor *d, enum finding what)
{
	size_t kept = 0;

	for (size_t i = 0; i < d->n; i++) {
		if (d->found[i].what == what)
			found_free(d->found + i);
		else
			d->found[kept++] = d->found[i];
	}
	d->n = kept;
}

void
install_command(const struct doctor *d, const char *debian, struct buf *out)
{
	/* Source: the package lists of Debian, Fedora, Arch and openSUSE */
	static const struct { const char *debian, *fedora, *arch, *suse; } packages[] = {
		{ "pcscd libccid", "pcsc-lite pcsc-lite-ccid", "pcsclite ccid", "pcsc-lite pcsc-ccid" },
		{ "libccid", "pcsc-lite-ccid", "ccid", "pcsc-ccid" },
		{ "pinentry-gtk2", "pinentry-gnome3", "pinentry", "pinentry" },
		{ "openssl", "openssl-libs", "openssl", "libopenssl3" },
	};
	const char *fedora = debian, *arch = debian, *suse = debian;

	for (size_t i = 0; i < sizeof packages / sizeof packages[0]; i++) {
		if (strcmp(packages[i].debian, debian) != 0)
			continue;
		fedora = packages[i].fedora;
		arch = packages[i].arch;
		suse = packages[i].suse;
	}
	if (env_exists(d->env, "/usr/bin/apt"))
		buf_fmt(out, "sudo apt install %s", debian);
	else if (env_exists(d->env, "/usr/bin/dnf"))
		buf_fmt(out, "sudo dnf install %s", fedora);
	else if (env_exists(d->env, "/usr/bin/pacman"))
		buf_fmt(out, "sudo pacman -S %s", arch);
	else if (env_exists(d->env, "/usr/bin/zypper"))
		buf_fmt(out, "sudo zypper install %s", suse);
	else
		buf_str(out, debian);
}

/* The text with the arguments in the place of {1} to {3}. */
static void
expand(const struct found *f, const char *text, struct buf *out)
{
	for (; *text; text++) {
		if (text[0] == '{' && text[1] >= '1' && text[1] < '1' + FOUND_ARGS && text[2] == '}') {
			put_foreign_to(out, buf_peek(&f->arg[text[1] - '1']));
			text += 2;
		} else {
			buf_u8(out, (unsigned char)*text);
		}
	}
}

static void
put_found(struct app *a, const struct found *f)
{
	static const enum paint paints[] = { PAINT_BAD, PAINT_WARN, PAINT_DIM };
	static const char *const marks[] = { "✗", "!", "i" };
	const struct info *info = infos + f->what;

	put(a, "%s%s%s ", paint(a, paints[info->severity]), marks[info->severity], paint(a, PAINT_OFF));
	expand(f, text(a->lang, info->what), &a->out);
	put(a, " %s[%s]%s\n  ", paint(a, PAINT_DIM), info->id, paint(a, PAINT_OFF));
	expand(f, text(a->lang, info->todo), &a->out);
	put(a, "\n");
	if (!*info->command)
		return;
	put(a, "    %s", paint(a, PAINT_BOLD));
	expand(f, info->command, &a->out);
	put(a, "%s\n", paint(a, PAINT_OFF));
}

static void
json_expanded(struct app *a, const char *key, const struct found *f, const char *words)
{
	struct buf b = BUF_INIT;

	expand(f, words, &b);
	json_bytes_text(&a->json, key, buf_peek(&b));
	buf_free(&b);
}

static void
json_found(struct app *a, const struct found *f)
{
	static const char *const severities[] = { "bad", "warn", "info" };
	const struct info *info = infos + f->what;

	json_object(&a->json, NULL);
	json_text(&a->json, "id", info->id);
	json_text(&a->json, "severity", severities[info->severity]);
	json_expanded(a, "what", f, text(a->lang, info->what));
	json_expanded(a, "todo", f, text(a->lang, info->todo));
	if (*info->command)
		json_expanded(a, "command", f, info->command);
	json_array(&a->json, "about");
	for (int i = 0; i < FOUND_ARGS; i++)
		if (f->arg[i].len)
			json_bytes_text(&a->json, NULL, buf_peek(&f->arg[i]));
	json_array_end(&a->json);
	json_object_end(&a->json);
}

/* The worst first; in each the order in which they were found. */
static int
answer(struct doctor *d)
{
	struct app *a = d->a;
	bool healthy = true;

	for (size_t i = 0; i < d->n; i++)
		healthy = healthy && infos[d->found[i].what].severity == SEVERITY_INFO;
	if (a->opt[OPT_JSON]) {
		json_object(&a->json, NULL);
		json_bool(&a->json, "healthy", healthy);
		json_array(&a->json, "findings");
	}
	for (int s = SEVERITY_BAD; s <= SEVERITY_INFO; s++) {
		for (size_t i = 0; i < d->n; i++) {
			if ((int)infos[d->found[i].what].severity != s)
				continue;
			if (a->opt[OPT_JSON])
				json_found(a, d->found + i);
			else
				put_found(a, d->found + i);
		}
	}
	if (a->opt[OPT_JSON]) {
		json_array_end(&a->json);
		json_object_end(&a->json);
	} else if (healthy) {
		put(a, "%s✓ %s%s\n", paint(a, PAINT_GOOD), text(a->lang, "Everything is fine."), paint(a, PAINT_OFF));
	}
	return healthy ? ST_OK : ST_FINDINGS;
}

/* Which file the registrations are held against. */
static void
find_module(struct doctor *d)
{
	const char *module = d->a->opt[OPT_MODULE];

	if (!module)
		module = LIBDIR "/libcryptoki.so";
	if (!realpath(module, d->module))
		d->module[0] = 0;
}

int
doctor_run(struct app *a, const struct doctor_env *env)
{
	struct doctor *d = calloc(1, sizeof *d);
	int status;

	if (!d)
		return app_fail(a, ST_FAILED, "%s", text(a->lang, err_text(E_MEM)));
	d->a = a;
	d->env = env;
	find_module(d);
	nss_find(env, &d->nss);
	p11_read(env, &d->p11);
	progress_start(a, text(a->lang, "Looking around"));
	for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++)
		checks[i](d);
	progress_stop();
	status = answer(d);
	for (size_t i = 0; i < d->n; i++)
		found_free(d->found + i);
	nss_free(&d->nss);
	p11_free(&d->p11);
	free(d);
	return status;
}

int
cmd_doctor(struct app *a)
{
	struct doctor_env env;

	env_real(&env);
	return doctor_run(a, &env);
}

#include "bridges/castor/doctor/p11kit.h"

#include <glob.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/os.h"

#define FILE_MAX ((size_t)64 << 10)

/* Source: p11-kit's meson.build and Debian's, Fedora's and Arch's builds of it. */
static const char *const folders[] = { "/usr/share/p11-kit/modules", "/etc/pkcs11/modules" };
/* Where it looks for a bare name: p11_module_path. */
static const char *const libraries[] = {
	"/usr/lib/*/pkcs11/", "/usr/lib64/pkcs11/", "/usr/lib/pkcs11/", "/usr/lib/*/", "/usr/lib64/", "/usr/lib/",
};

static void
file_free(struct p11_file *f)
{
	buf_free(&f->path);
	buf_free(&f->module);
	buf_free(&f->found);
	buf_free(&f->enable);
	buf_free(&f->disable);
}

/* p11-kit's own check: a key has a ':' behind it. */
static void
read_line(struct view line, unsigned n, struct p11_file *f)
{
	struct view value;
	const uint8_t *colon;
	struct buf *to = NULL;

	line = view_trim(line);
	if (!line.len || line.p[0] == '#')
		return;
	if (!(colon = memchr(line.p, ':', line.len))) {
		f->bad_line = f->bad_line ? f->bad_line : n;
		return;
	}
	value = view_trim(view_part(line, (size_t)(colon - line.p) + 1, line.len));
	line = view_trim(view_part(line, 0, (size_t)(colon - line.p)));
	if (view_is(line, "module"))
		to = &f->module;
	else if (view_is(line, "enable-in"))
		to = &f->enable;
	else if (view_is(line, "disable-in"))
		to = &f->disable;
	if (to) {
		buf_reset(to);
		buf_view(to, value);
	}
}

static void
find_library(const struct doctor_env *env, struct p11_file *f)
{
	struct buf pattern = BUF_INIT;
	glob_t g;

	if (*buf_text(&f->module) == '/') {
		buf_fmt(&pattern, "%s%s", env->root, buf_text(&f->module));
		if (access(buf_text(&pattern), F_OK) == 0)
			buf_view(&f->found, buf_peek(&pattern));
	}
	for (size_t i = 0; !pattern.len && f->module.len && !f->found.len &&
	    i < sizeof libraries / sizeof libraries[0]; i++) {
		buf_fmt(&pattern, "%s%s%s", env->root, libraries[i], buf_text(&f->module));
		if (glob(buf_text(&pattern), GLOB_NOSORT, NULL, &g) == 0) {
			if (g.gl_pathc)
				buf_str(&f->found, g.gl_pathv[0]);
			globfree(&g);
		}
		buf_reset(&pattern);
	}
	buf_free(&pattern);
}

static void
read_file(const struct doctor_env *env, const char *folder, const char *name, bool user, struct p11_files *out)
{
	struct p11_file *f = out->file + out->n;
	struct buf text = BUF_INIT;
	struct view v, line;
	unsigned n = 0;

	for (size_t i = 0; user && i < out->n; i++) {
		if (strcmp(path_name(buf_text(&out->file[i].path)), name) != 0)
			continue;
		/* of one name: the person's keys come over the system's */
		f = out->file + i;
		buf_reset(&f->path);
	}
	if (f == out->file + out->n) {
		if (out->n == P11_FILES_MAX)
			return;
		memset(f, 0, sizeof *f);
		out->n++;
	}
	f->user = user;
	buf_fmt(&f->path, "%s/%s", folder, name);
	file_slurp(buf_text(&f->path), FILE_MAX, &text);
	v = buf_peek(&text);
	while (line_take(&v, &line))
		read_line(line, ++n, f);
	buf_reset(&f->found);
	find_library(env, f);
	buf_free(&text);
}

static void
read_folder(const struct doctor_env *env, const char *folder, bool user, struct p11_files *out)
{
	struct buf names = BUF_INIT;
	const char *name = NULL;

	dir_names(folder, &names);
	while ((name = names_next(&names, name)))
		if (*name != '.' && strlen(name) > 7 && !strcmp(name + strlen(name) - 7, ".module"))
			read_file(env, folder, name, user, out);
	buf_free(&names);
}

/* Whether the person's own files count. Source: pkcs11.conf(5); that root's do not was seen with 0.24. */
static bool
takes_user_files(const struct doctor_env *env)
{
	struct buf path = BUF_INIT, conf = BUF_INIT;
	struct view all, line;
	bool takes = !env->is_root;

	env_path(env, "/etc/pkcs11/pkcs11.conf", &path);
	file_slurp(buf_text(&path), FILE_MAX, &conf);
	all = buf_peek(&conf);
	while (line_take(&all, &line)) {
		line = view_trim(line);
		if (view_starts(line, "user-config:"))
			takes = takes && !view_is(view_trim(view_part(line, 12, line.len)), "none");
	}
	buf_free(&path);
	buf_free(&conf);
	return takes;
}

int
p11_own(const struct doctor_env *env, struct buf *path)
{
	const char *config = os_env("XDG_CONFIG_HOME");

	if (config && *config == '/')
		buf_fmt(path, "%s/pkcs11/modules/castor.module", config);
	else if (*env->home)
		buf_fmt(path, "%s/.config/pkcs11/modules/castor.module", env->home);
	else
		return E_NOT_FOUND;
	return buf_err(path);
}

int
p11_read(const struct doctor_env *env, struct p11_files *out)
{
	struct buf path = BUF_INIT;

	memset(out, 0, sizeof *out);
	for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
		buf_reset(&path);
		env_path(env, folders[i], &path);
		read_folder(env, buf_text(&path), false, out);
	}
	buf_reset(&path);
	out->no_user = !takes_user_files(env);
	if (!out->no_user && p11_own(env, &path) == 0) {
		buf_trim(&path, path.len - strlen("/castor.module"));
		read_folder(env, buf_text(&path), true, out);
	}
	buf_free(&path);
	return 0;
}

void
p11_free(struct p11_files *files)
{
	for (size_t i = 0; i < files->n; i++)
		file_free(files->file + i);
	files->n = 0;
}

const struct p11_file *
p11_has(struct p11_files *files, const char *module)
{
	for (size_t i = 0; i < files->n; i++)
		if (files->file[i].found.len && same_file(buf_text(&files->file[i].found), module))
			return files->file + i;
	return NULL;
}

/* p11-kit's module files, and other clients beside this one. */
#include <string.h>
#include <unistd.h>

#include "bridges/castor/doctor/doctor.h"

/* The one file that says so. */
static void
check_hidden(struct doctor *d, struct p11_file *f)
{
	struct buf line = BUF_INIT;

	if (f->enable.len)
		buf_fmt(&line, "enable-in: %s", buf_text(&f->enable));
	else if (f->disable.len)
		buf_fmt(&line, "disable-in: %s", buf_text(&f->disable));
	if (line.len)
		found(d, FOUND_P11_HIDDEN, buf_text(&line), buf_text(&f->path), NULL);
	buf_free(&line);
}

void
check_p11kit(struct doctor *d)
{
	struct p11_file *ours = NULL;
	struct buf n = BUF_INIT, own = BUF_INIT;

	for (size_t i = 0; i < d->p11.n; i++) {
		struct p11_file *f = d->p11.file + i;
		const char *module = buf_text(&f->module), *path = buf_text(&f->path);

		if (f->bad_line) {
			buf_reset(&n);
			buf_fmt(&n, "%u", f->bad_line);
			found(d, FOUND_P11_LINE, path, buf_text(&n), NULL);
		}
		if (!f->module.len)
			continue;
		if (!f->found.len) {
			found(d, FOUND_P11_GONE, module, path, NULL);
		} else if (*d->module && same_file(buf_text(&f->found), d->module)) {
			if (ours)
				found(d, FOUND_P11_TWICE, buf_text(&ours->path), path, NULL);
			ours = f;
			check_hidden(d, f);
		} else if (!strncmp(path_name(module), "libcryptoki.so", 14)) {
			found(d, FOUND_P11_OTHER_COPY, buf_text(&f->found), path, NULL);
		}
	}
	if (d->p11.no_user && !d->env->is_root && !p11_own(d->env, &own) && access(buf_text(&own), F_OK) == 0)
		found(d, FOUND_P11_IGNORED, buf_text(&own), NULL, NULL);
	buf_free(&n);
	buf_free(&own);
}

/* Source: the packages of mPollux DigiSign Client and Atostek ID (web-signing notes: ArchWiki, AUR). Their
 * libcryptoki.so may be ours, so that programs and documents tell. */
void
check_clients(struct doctor *d)
{
	static const struct { const char *name, *path; } clients[] = {
		{ "mPollux DigiSign Client", "/usr/bin/DigiSignApplication" },
		{ "mPollux DigiSign Client", "/usr/share/doc/mpollux-digisign-client-for-vrk" },
		{ "mPollux DigiSign Client", "/usr/share/doc/mpollux-digisign-client-for-dvv" },
		{ "Atostek ID", "/usr/bin/atostekid" },
		{ "Atostek ID", "/usr/lib/Atostek-ID-PKCS11.so" },
	};
	const char *last = "";

	for (size_t i = 0; i < sizeof clients / sizeof clients[0]; i++) {
		if (!strcmp(clients[i].name, last) || !env_exists(d->env, clients[i].path))
			continue;
		last = clients[i].name;
		found(d, FOUND_OTHER_CLIENT, clients[i].name, clients[i].path, NULL);
	}
}

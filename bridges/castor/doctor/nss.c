/* What the NSS databases of this person say: of the module, of other modules, of choosing certificates. */
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "bridges/castor/doctor/doctor.h"

#define PREFS_MAX ((size_t)4 << 20)

/* Modules that are for the same cards. Source: facts of their packages: opensc-pkcs11, mPollux, Atostek ID. */
static const char *const rivals[] = {
	"onepin-opensc-pkcs11.so", "opensc-pkcs11.so", "Atostek-ID-PKCS11.so", "libiidp11.so", "libidopte_pkcs11.so",
};

struct seen {
	struct buf ours;  /* the names of the entries that give our module, ", " between */
	unsigned n;
};

static void
see(struct seen *s, const char *what)
{
	buf_str(&s->ours, s->n++ ? ", " : "");
	buf_str(&s->ours, what);
}

static bool
is_rival(const char *name)
{
	for (size_t i = 0; i < sizeof rivals / sizeof rivals[0]; i++)
		if (!strcmp(name, rivals[i]))
			return true;
	return false;
}

/* p11-kit's proxy gives what p11-kit knows. */
static void
via_proxy(struct doctor *d, struct seen *s)
{
	if (*d->module && p11_has(&d->p11, d->module))
		see(s, "p11-kit-proxy");
}

static void
check_module(struct doctor *d, const char *who, const char *folder, struct nss_module *m, struct seen *s)
{
	const char *library = buf_text(&m->library), *name = path_name(library);
	struct buf full = BUF_INIT;

	if (!*library)
		return;
	if (*library == '/')
		buf_str(&full, d->env->root);
	buf_str(&full, library);
	if (*d->module && same_file(buf_text(&full), d->module))
		see(s, buf_text(&m->name));
	else if (!strcmp(name, "p11-kit-proxy.so"))
		via_proxy(d, s);
	else if (*library == '/' && access(buf_text(&full), F_OK) < 0)
		found(d, FOUND_NSS_GONE, who, library, folder);
	else if (!strncmp(name, "libcryptoki.so", 14))
		found(d, FOUND_NSS_OTHER_COPY, who, library, folder);
	buf_free(&full);
}

/* A second client's in a list that has ours, too. */
static void
check_rivals(struct doctor *d, const char *who, const char *folder, struct view list)
{
	struct nss_module m;
	bool more = true;

	while (more) {
		more = nss_next(&list, &m);
		if (more && is_rival(path_name(buf_text(&m.library))))
			found(d, FOUND_OTHER_MODULE, who, buf_text(&m.library), folder);
		nss_module_free(&m);
	}
}

/* user_pref("security.default_personal_cert", "Select Automatically"); the last one counts, and user.js
 * comes over prefs.js. */
static void
check_choice(struct doctor *d, const char *who, const char *folder)
{
	static const char *const files[] = { "prefs.js", "user.js" };
	struct buf path = BUF_INIT, prefs = BUF_INIT;
	struct view all, line;
	bool by_itself = false;

	for (int i = 0; i < 2; i++) {
		buf_reset(&path);
		buf_reset(&prefs);
		buf_fmt(&path, "%s/%s", folder, files[i]);
		file_slurp(buf_text(&path), PREFS_MAX, &prefs);
		all = buf_peek(&prefs);
		while (line_take(&all, &line)) {
			line = view_trim(line);
			if (view_starts(line, "user_pref(") && memmem(line.p, line.len, "\"security.default_personal_cert\"", 32))
				by_itself = memmem(line.p, line.len, "\"Select Automatically\"", 22) != NULL;
		}
	}
	if (by_itself)
		found(d, FOUND_NSS_AUTO_SELECT, who, folder, NULL);
	buf_free(&path);
	buf_free(&prefs);
}

static void
check_db(struct doctor *d, const struct nss_db *db, bool *boxed)
{
	const char *who = nss_program_name(db->program);
	struct buf folder = BUF_INIT, list = BUF_INIT;
	struct seen seen = { .n = 0 };
	struct nss_module m;
	struct view rest;
	bool more = true;

	buf_view(&folder, buf_peek(&db->folder));
	if (db->box) {
		if (!boxed[db->program])
			found(d, FOUND_BROWSER_SANDBOX, who, db->box == NSS_SNAP ? "snap" : "flatpak", NULL);
		boxed[db->program] = true;
	} else if (nss_list(db, &list) == 0) {
		rest = buf_peek(&list);
		while (more) {
			if ((more = nss_next(&rest, &m)))
				check_module(d, who, buf_text(&folder), &m, &seen);
			nss_module_free(&m);
		}
		if (seen.n > 1)
			found(d, FOUND_NSS_TWICE, who, buf_text(&seen.ours), buf_text(&folder));
		if (seen.n)
			check_rivals(d, who, buf_text(&folder), buf_peek(&list));
	}
	check_choice(d, who, buf_text(&folder));
	buf_free(&seen.ours);
	buf_free(&folder);
	buf_free(&list);
}

void
check_nss(struct doctor *d)
{
	bool boxed[NSS_CHROMIUM + 1] = { false };

	for (size_t i = 0; i < d->nss.n; i++)
		check_db(d, d->nss.db + i, boxed);
}

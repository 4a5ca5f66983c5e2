#include "bridges/castor/doctor/nssdb.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"

#define INI_MAX ((size_t)64 << 10)

/* Where programs keep profiles (with a profiles.ini) or the one database they share, below the home.
 * Source: support.mozilla.org on profiles; chromium docs/linux/cert_management.md; the file systems that
 * snap and flatpak give their programs. */
static const struct place {
	enum nss_program program;
	enum nss_box box;
	bool profiles;
	const char *path, *lock;
} places[] = {
	{ NSS_FIREFOX, NSS_HOST, true, ".mozilla/firefox", NULL },
	{ NSS_FIREFOX, NSS_HOST, true, ".config/mozilla/firefox", NULL },
	{ NSS_FIREFOX, NSS_SNAP, true, "snap/firefox/common/.mozilla/firefox", NULL },
	{ NSS_FIREFOX, NSS_FLATPAK, true, ".var/app/org.mozilla.firefox/.mozilla/firefox", NULL },
	{ NSS_FIREFOX, NSS_FLATPAK, true, ".var/app/org.mozilla.firefox/config/mozilla/firefox", NULL },
	{ NSS_THUNDERBIRD, NSS_HOST, true, ".thunderbird", NULL },
	{ NSS_THUNDERBIRD, NSS_SNAP, true, "snap/thunderbird/common/.thunderbird", NULL },
	{ NSS_THUNDERBIRD, NSS_FLATPAK, true, ".var/app/org.mozilla.Thunderbird/.thunderbird", NULL },
	{ NSS_CHROMIUM, NSS_HOST, false, ".pki/nssdb", ".config/chromium/SingletonLock" },
	{ NSS_CHROMIUM, NSS_HOST, false, ".local/share/pki/nssdb", ".config/google-chrome/SingletonLock" },
	{ NSS_CHROMIUM, NSS_SNAP, false, "snap/chromium/current/.pki/nssdb", NULL },
	{ NSS_CHROMIUM, NSS_FLATPAK, false, ".var/app/org.chromium.Chromium/data/pki/nssdb", NULL },
	{ NSS_CHROMIUM, NSS_FLATPAK, false, ".var/app/com.google.Chrome/data/pki/nssdb", NULL },
};

const char *
nss_program_name(enum nss_program p)
{
	static const char *const names[] = { "Firefox", "Thunderbird", "Chromium" };

	return names[p];
}

static bool
is_folder(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* Adds a folder unless it is there already, by whatever name. */
static void
add(struct nss_dbs *out, const struct place *p, const char *folder)
{
	struct nss_db *db = out->db + out->n;

	if (out->n == NSS_DBS_MAX || !is_folder(folder))
		return;
	for (size_t i = 0; i < out->n; i++)
		if (same_file(buf_text(&out->db[i].folder), folder))
			return;
	*db = (struct nss_db){ BUF_INIT, p->program, p->box, p->lock };
	buf_str(&db->folder, folder);
	while (db->folder.len > 1 && db->folder.p[db->folder.len - 1] == '/')
		buf_trim(&db->folder, db->folder.len - 1);
	out->n++;
}

/* The profiles that a profiles.ini names: "Path=", relative to the ini unless "IsRelative=0". */
static void
add_profiles(struct nss_dbs *out, const struct place *p, const char *folder)
{
	struct buf ini = BUF_INIT, path = BUF_INIT, full = BUF_INIT;
	struct view text, line;
	bool more = true, profile = false;

	buf_fmt(&full, "%s/profiles.ini", folder);
	file_slurp(buf_text(&full), INI_MAX, &ini);
	text = buf_peek(&ini);
	while (more) {
		if (!(more = line_take(&text, &line)))
			line = view_str("[");
		line = view_trim(line);
		if (view_starts(line, "[")) {
			if (profile && path.len) {
				buf_reset(&full);
				if (*buf_text(&path) != '/')
					buf_fmt(&full, "%s/", folder);
				buf_view(&full, buf_peek(&path));
				add(out, p, buf_text(&full));
			}
			profile = view_starts(line, "[Profile");
			buf_reset(&path);
		} else if (view_starts(line, "Path=")) {
			buf_view(&path, view_part(line, 5, line.len));
		}
	}
	buf_free(&ini);
	buf_free(&path);
	buf_free(&full);
}

int
nss_find(const struct doctor_env *env, struct nss_dbs *out)
{
	struct buf folder = BUF_INIT;
	int err = 0;

	memset(out, 0, sizeof *out);
	for (size_t i = 0; *env->home && i < sizeof places / sizeof places[0]; i++) {
		buf_reset(&folder);
		buf_fmt(&folder, "%s/%s", env->home, places[i].path);
		if ((err = buf_err(&folder)))
			break;
		if (places[i].profiles)
			add_profiles(out, places + i, buf_text(&folder));
		else
			add(out, places + i, buf_text(&folder));
	}
	buf_free(&folder);
	return err;
}

void
nss_free(struct nss_dbs *dbs)
{
	for (size_t i = 0; i < dbs->n; i++)
		buf_free(&dbs->db[i].folder);
	dbs->n = 0;
}

/* ---- whether it is in use ---- */

/* A link "HOST:+PID" or "HOST-PID", which a program leaves behind when it crashes. The number of a live
 * process counts; another program's that has the number now is a false alarm we can live with. */
static long
link_holder(const struct doctor_env *env, const char *path)
{
	struct buf proc = BUF_INIT;
	char target[512], *digits;
	ssize_t n = readlink(path, target, sizeof target - 1);
	long pid = 0;

	if (n <= 0)
		return 0;
	target[n] = 0;
	digits = target + n;
	while (digits > target && digits[-1] >= '0' && digits[-1] <= '9')
		digits--;
	if (*digits && strlen(digits) < 10)
		pid = strtol(digits, NULL, 10);
	buf_fmt(&proc, "%s/%ld", env->proc, pid);
	if (pid <= 0 || access(buf_text(&proc), F_OK) < 0)
		pid = 0;
	buf_free(&proc);
	return pid;
}

/* Firefox and Thunderbird hold a POSIX lock on the whole of .parentlock. Source: mozilla-central
 * profile/nsProfileLock.cpp. -1: locked, but nobody says by whom. */
static long
file_holder(const char *path)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	long pid = 0;

	if (fd < 0)
		return 0;
	if (fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK)
		pid = lock.l_pid > 0 ? (long)lock.l_pid : -1;
	close(fd);
	return pid;
}

static long
holder(const struct doctor_env *env, const struct nss_db *db)
{
	struct buf path = BUF_INIT, folder = BUF_INIT;
	long pid;

	buf_view(&folder, buf_peek(&db->folder));
	buf_fmt(&path, "%s/.parentlock", buf_text(&folder));
	if (!(pid = file_holder(buf_text(&path)))) {
		buf_reset(&path);
		buf_fmt(&path, "%s/lock", buf_text(&folder));
		pid = link_holder(env, buf_text(&path));
	}
	if (!pid && db->lock) {
		buf_reset(&path);
		buf_fmt(&path, "%s/%s", env->home, db->lock);
		pid = link_holder(env, buf_text(&path));
	}
	buf_free(&path);
	buf_free(&folder);
	return pid;
}

/* A folder in which a new file can take the place of the list. */
static bool
can_write(const char *folder, const char *list)
{
	return faccessat(AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS) == 0 &&
	    faccessat(AT_FDCWD, list, R_OK | W_OK, AT_EACCESS) == 0;
}

enum nss_state
nss_look(const struct doctor_env *env, const struct nss_db *db, long *pid)
{
	struct buf folder = BUF_INIT, list = BUF_INIT, old = BUF_INIT;
	enum nss_state state = NSS_OK;
	struct stat st;

	*pid = 0;
	buf_view(&folder, buf_peek(&db->folder));
	buf_fmt(&list, "%s/pkcs11.txt", buf_text(&folder));
	buf_fmt(&old, "%s/secmod.db", buf_text(&folder));
	if (lstat(buf_text(&list), &st) < 0)
		state = access(buf_text(&old), F_OK) == 0 ? NSS_OLD : errno == EACCES ? NSS_FOREIGN : NSS_UNUSED;
	else if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || (uint64_t)st.st_size > NSS_LIST_MAX)
		state = NSS_FOREIGN;
	else if ((*pid = holder(env, db)) != 0)
		state = NSS_RUNNING;
	else if (!can_write(buf_text(&folder), buf_text(&list)))
		state = NSS_READONLY;
	if (*pid < 0)
		*pid = 0;
	buf_free(&folder);
	buf_free(&list);
	buf_free(&old);
	return state;
}

/* ---- the list ---- */

int
nss_list(const struct nss_db *db, struct buf *list)
{
	struct buf path = BUF_INIT;
	int err;

	buf_view(&path, buf_peek(&db->folder));
	buf_str(&path, "/pkcs11.txt");
	err = file_slurp(buf_text(&path), NSS_LIST_MAX, list);
	buf_free(&path);
	return err;
}

static void
take_value(struct view v, struct buf *out)
{
	buf_reset(out);
	if (!v.len || (v.p[0] != '"' && v.p[0] != '\'')) {
		buf_view(out, v);
		return;
	}
	for (size_t i = 1; i < v.len && v.p[i] != v.p[0]; i++) {
		if (v.p[i] == '\\' && i + 1 < v.len)
			i++;
		buf_u8(out, v.p[i]);
	}
}

static void
take_line(struct view line, struct nss_module *m)
{
	if (line.len && line.p[line.len - 1] == '\r')
		line.len--;
	if (line.len >= 8 && !strncasecmp((const char *)line.p, "library=", 8))
		take_value(view_part(line, 8, line.len), &m->library);
	else if (line.len >= 5 && !strncasecmp((const char *)line.p, "name=", 5))
		take_value(view_part(line, 5, line.len), &m->name);
}

bool
nss_next(struct view *list, struct nss_module *m)
{
	struct view all = *list, line, after;
	bool some = false, ended = false, blank;

	*m = (struct nss_module){ .library = BUF_INIT, .name = BUF_INIT };
	while (list->len) {
		after = *list;
		line_take(list, &line);
		blank = !view_trim(line).len;
		if (ended && !blank) {
			*list = after;
			break;
		}
		ended = some && blank;
		if (blank || line.p[0] == '#')
			continue;
		some = true;
		take_line(line, m);
	}
	m->stanza = view_part(all, 0, all.len - list->len);
	return some;
}

void
nss_module_free(struct nss_module *m)
{
	buf_free(&m->library);
	buf_free(&m->name);
}

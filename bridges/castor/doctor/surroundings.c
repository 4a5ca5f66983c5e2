/* What surrounds the module: settings, the clock, OpenSSL, a way to ask for PINs, the port of web signing. */
#include <arpa/inet.h>
#include <openssl/crypto.h>
#include <openssl/provider.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/askpin.h"
#include "base/os.h"
#include "bridges/castor/doctor/doctor.h"

/* Days since 1970 of the release this was made for; no clock that is right is before. It is a constant, so
 * that a build made again is the same: 2026-11-01. */
#define RELEASE_DAY 20758L
/* Source: seed of the SCS interface, facts of the Web Signer: 8088, 23123 and 53951 */
#define PORT 53951
#define TABLE_MAX ((size_t)4 << 20)
#define STATE_LISTEN 0x0A /* linux/tcp_states.h */

void
check_settings(struct doctor *d)
{
	const char *note;

	for (size_t i = 0; (note = settings_note(d->a->settings, i)); i++) {
		bool unsafe = strstr(note, os_trust_text(OS_TRUST_OWNER)) || strstr(note, os_trust_text(OS_TRUST_MODE)) ||
		    strstr(note, os_trust_text(OS_TRUST_PRIVATE));

		found(d, unsafe ? FOUND_SETTINGS_UNSAFE : FOUND_SETTINGS_MISTAKE, note, NULL, NULL);
	}
}

void
check_clock(struct doctor *d)
{
	time_t now = time(NULL);
	char day[32] = "?";
	struct tm tm;

	if (os_today() >= RELEASE_DAY)
		return;
	if (localtime_r(&now, &tm))
		strftime(day, sizeof day, "%Y-%m-%d", &tm);
	found(d, FOUND_CLOCK_BEHIND, day, NULL, NULL);
}

/* As the module does: in a context of its own, without the system's configuration. */
void
check_openssl(struct doctor *d)
{
	OSSL_LIB_CTX *ctx = OSSL_LIB_CTX_new();
	OSSL_PROVIDER *legacy = ctx ? OSSL_PROVIDER_load(ctx, "legacy") : NULL;
	struct buf command = BUF_INIT;

	if (!legacy) {
		/* Debian 13 has it in a package of its own */
		install_command(d, env_exists(d->env, "/usr/share/doc/openssl-provider-legacy") ||
		    !env_exists(d->env, "/usr/share/doc/libssl3t64") ? "openssl" : "openssl-provider-legacy", &command);
		found(d, FOUND_LEGACY_MISSING, buf_text(&command), NULL, NULL);
	}
	if (legacy)
		OSSL_PROVIDER_unload(legacy);
	OSSL_LIB_CTX_free(ctx);
	buf_free(&command);
}

/* ---- dialogs ---- */

static bool
has_pinentry(const struct doctor *d)
{
	struct buf folder = BUF_INIT, names = BUF_INIT;
	const char *set = settings_str(d->a->settings, SET_pinHelper), *name = NULL;
	bool is = *set && env_exists(d->env, set);

	env_path(d->env, "/usr/bin", &folder);
	dir_names(buf_text(&folder), &names);
	while (!is && (name = names_next(&names, name))) {
		buf_reset(&folder);
		buf_fmt(&folder, "/usr/bin/%s", name);
		/* a link without its target is none */
		is = !strncmp(name, "pinentry", 8) && env_exists(d->env, buf_text(&folder));
	}
	buf_free(&folder);
	buf_free(&names);
	return is;
}

void
check_dialog(struct doctor *d)
{
	struct buf path = BUF_INIT, command = BUF_INIT;

	if (!has_pinentry(d)) {
		install_command(d, "pinentry-gtk2", &command);
		found(d, FOUND_PINENTRY_MISSING, buf_text(&command), NULL, NULL);
	} else if (!*d->env->root && askpin_helper(settings_str(d->a->settings, SET_pinHelper), false, &path)) {
		found(d, FOUND_DISPLAY_MISSING, NULL, NULL, NULL);
	}
	buf_free(&path);
	buf_free(&command);
}

/* ---- the port ---- */

/* A line of /proc/net/tcp or tcp6: "0: 0100007F:D2BF 00000000:0000 0A ... uid timeout inode". The inode of
 * one that listens at the port; 0. Source: proc(5). */
static unsigned long
listens(struct view line, unsigned *uid)
{
	unsigned long inode = 0;
	unsigned port, state;
	char words[256];

	if (line.len >= sizeof words)
		return 0;
	memcpy(words, line.p, line.len);
	words[line.len] = 0;
	if (sscanf(words, " %*u: %*32[0-9A-Fa-f]:%4x %*32[0-9A-Fa-f]:%*4x %2x %*s %*s %*s %u %*u %lu", &port, &state,
	    uid, &inode) != 4 || port != PORT || state != STATE_LISTEN)
		return 0;
	return inode;
}

void
check_port(struct doctor *d)
{
	static const char *const tables[] = { "tcp", "tcp6" };
	struct buf path = BUF_INIT, table = BUF_INIT, who = BUF_INIT;
	unsigned long inode = 0;
	struct view all, line;
	unsigned uid = 0;
	long pid;

	for (int i = 0; !inode && i < 2; i++) {
		buf_reset(&path);
		buf_reset(&table);
		buf_fmt(&path, "%s/net/%s", d->env->proc, tables[i]);
		file_slurp(buf_text(&path), TABLE_MAX, &table);
		all = buf_peek(&table);
		while (!inode && line_take(&all, &line))
			inode = listens(line, &uid);
	}
	if (!inode)
		goto out;
	pid = socket_owner(d->env, inode);
	if (pid && !process_name(d->env, pid, &who)) {
		/* the bridge of our own, when it is there */
		if (!strncmp(buf_text(&who), "castor", 6))
			goto out;
		buf_fmt(&who, " (%ld)", pid);
	} else {
		buf_reset(&who);
		buf_fmt(&who, "uid %u", uid);
	}
	found(d, FOUND_PORT_TAKEN, buf_text(&who), NULL, NULL);
out:
	buf_free(&path);
	buf_free(&table);
	buf_free(&who);
}

/* The smart card service: is it there, does it answer, and whom. */
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <poll.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/err.h"
#include "base/os.h"
#include "bridges/castor/doctor/doctor.h"

#define ANSWER_MS 2500
#define SECURITY_VIOLATION 0x8010006Au /* pcsclite.h */
#define PEERS_MAX 256
#define DIAG_MS 500

/* The first message of a client and its answer: a header, and the version of the protocol. pcsc-lite 2
 * closes the connection instead when polkit does not allow access_pcsc. Numbers have the order of this
 * computer. Source: LudovicRousseau/PCSC src/winscard_msg.h; the reports in nixpkgs#290926. */
struct hello {
	uint32_t size, command;
	int32_t major, minor;
	uint32_t rv;
};
#define HELLO_COMMAND 0x11u
#define HELLO_BODY 12u

enum answer { ANSWERS, NO_SOCKET, NOBODY, SILENT, CLOSED, NOT_ALLOWED };

static int
connect_to(const char *path, int *fd)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof at.sun_path)
		return ENAMETOOLONG;
	memcpy(at.sun_path, path, strlen(path) + 1);
	if ((*fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) < 0)
		return errno;
	return connect(*fd, (struct sockaddr *)&at, sizeof at) < 0 ? errno : 0;
}

static enum answer
ask(const char *path)
{
	struct hello hello = { HELLO_BODY, HELLO_COMMAND, 4, 4, 0 };
	int64_t until = os_clock_ms() + ANSWER_MS;
	enum answer is = CLOSED;
	uint8_t body[HELLO_BODY];
	size_t got = 0;
	uint32_t rv;
	int fd = -1, err = connect_to(path, &fd);
	long n;

	if (err) {
		is = err == ENOENT || err == ENOTDIR ? NO_SOCKET : err == EACCES ? NOT_ALLOWED :
		    err == EAGAIN ? SILENT : NOBODY;
		goto out;
	}
	if (send(fd, &hello, sizeof hello, MSG_NOSIGNAL) != (ssize_t)sizeof hello)
		goto out;
	while (got < sizeof body) {
		int left = (int)(until - os_clock_ms());

		n = os_read_ms(fd, body + got, sizeof body - got, left > 0 ? left : 0);
		if (n == -2)
			is = SILENT;
		if (n <= 0)
			goto out;
		got += (size_t)n;
	}
	memcpy(&rv, body + 8, sizeof rv);
	is = rv == SECURITY_VIOLATION ? NOT_ALLOWED : ANSWERS;
out:
	if (fd >= 0)
		close(fd);
	return is;
}

/* What loginctl says of the session, "yes" or "no". */
static bool
session_is_inactive(const char *session)
{
	char *argv[] = {
		(char *)(uintptr_t)"/usr/bin/loginctl", (char *)(uintptr_t)"show-session", (char *)(uintptr_t)session,
		(char *)(uintptr_t)"--property=Active", (char *)(uintptr_t)"--value", NULL
	};
	char *env[] = { NULL }, word[16] = "";
	struct os_child c;
	long n;

	if (!os_program_exists(argv[0]) || os_child_start(argv, env, &c))
		return false;
	n = os_read_ms(c.from, word, sizeof word - 1, 2000);
	os_child_end(&c, 500);
	return n >= 2 && !strncmp(word, "no", 2);
}

static void
found_refused(struct doctor *d)
{
	const char *ssh = os_env("SSH_CONNECTION"), *session = os_env("XDG_SESSION_ID"), *why = "";
	struct passwd *user = getpwuid(geteuid());
	char number[24];

	snprintf(number, sizeof number, "%lu", (unsigned long)geteuid());
	if (ssh && *ssh)
		why = text(d->a->lang, "You are connected by ssh, which is no session at the computer.");
	else if (session && *session && session_is_inactive(session))
		why = text(d->a->lang, "Your session is not the active one.");
	else if (!session || !*session)
		why = text(d->a->lang, "This program runs outside of any session at the computer.");
	found(d, FOUND_PCSCD_REFUSED, user ? user->pw_name : number, "org.debian.pcsc-lite.access_pcsc", why);
}

static bool
is_installed(const struct doctor *d)
{
	static const char *const programs[] = {
		"/usr/sbin/pcscd", "/usr/bin/pcscd", "/usr/local/sbin/pcscd", "/run/current-system/sw/bin/pcscd",
	};

	for (size_t i = 0; i < sizeof programs / sizeof programs[0]; i++)
		if (env_exists(d->env, programs[i]))
			return true;
	return false;
}

void
check_service(struct doctor *d)
{
	struct buf b = BUF_INIT;

	/* a virtual card needs no service */
	if (d->a->opt[OPT_TEST_CARD]) {
		d->service = true;
		return;
	}
	switch (ask(d->env->socket)) {
	case ANSWERS:
		d->service = true;
		break;
	case NO_SOCKET:
		if (is_installed(d)) {
			found(d, FOUND_PCSCD_STOPPED, d->env->socket, NULL, NULL);
		} else {
			install_command(d, "pcscd libccid", &b);
			found(d, FOUND_PCSCD_MISSING, buf_text(&b), NULL, NULL);
		}
		break;
	case NOBODY:
		found(d, FOUND_PCSCD_EXITED, d->env->socket, NULL, NULL);
		break;
	case SILENT:
		found(d, FOUND_PCSCD_SILENT, NULL, NULL, NULL);
		break;
	case CLOSED:
	case NOT_ALLOWED:
		found_refused(d);
		break;
	}
	buf_free(&b);
}

/* ---- who is connected ---- */

struct peers {
	uint32_t inode[PEERS_MAX]; /* of the clients' ends */
	size_t n;
};

/* One socket of the kernel's answer: those with the service's name are its ends of connections, and know
 * the client's. Source: sock_diag(7), linux/unix_diag.h. */
static void
take_socket(const struct nlmsghdr *h, const char *path, struct peers *peers)
{
	const struct unix_diag_msg *m = NLMSG_DATA(h);
	const uint8_t *at = (const uint8_t *)(m + 1), *end = (const uint8_t *)h + h->nlmsg_len;
	bool named = false;
	uint32_t peer = 0;
	struct nlattr a;

	while (at + sizeof a <= end) {
		memcpy(&a, at, sizeof a);
		if (a.nla_len < sizeof a || at + a.nla_len > end)
			break;
		if (a.nla_type == UNIX_DIAG_NAME)
			named = (size_t)(a.nla_len - sizeof a) >= strlen(path) &&
			    !memcmp(at + sizeof a, path, strlen(path));
		else if (a.nla_type == UNIX_DIAG_PEER && a.nla_len >= sizeof a + sizeof peer)
			memcpy(&peer, at + sizeof a, sizeof peer);
		at += NLA_ALIGN(a.nla_len);
	}
	if (named && peer && peers->n < PEERS_MAX)
		peers->inode[peers->n++] = peer;
}

static void
find_peers(const char *path, struct peers *peers)
{
	struct { struct nlmsghdr h; struct unix_diag_req r; } ask = {
		.h = { .nlmsg_len = sizeof ask, .nlmsg_type = SOCK_DIAG_BY_FAMILY, .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
		.r = { .sdiag_family = AF_UNIX, .udiag_states = ~0u, .udiag_show = UDIAG_SHOW_NAME | UDIAG_SHOW_PEER },
	};
	static union { struct nlmsghdr h; uint8_t bytes[32768]; } got;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	bool more = fd >= 0 && send(fd, &ask, sizeof ask, 0) == (ssize_t)sizeof ask;
	long n;

	while (more && (n = os_read_ms(fd, got.bytes, sizeof got.bytes, DIAG_MS)) > 0) {
		unsigned left = (unsigned)n;

		for (struct nlmsghdr *h = &got.h; more && NLMSG_OK(h, left); h = NLMSG_NEXT(h, left)) {
			more = h->nlmsg_type == SOCK_DIAG_BY_FAMILY;
			if (more)
				take_socket(h, path, peers);
		}
	}
	if (fd >= 0)
		close(fd);
}

void
service_clients(const struct doctor *d, struct buf *out)
{
	struct peers peers = { .n = 0 };
	bool others = false, some = false;
	long pid, seen[PEERS_MAX];
	size_t nseen = 0, k;

	find_peers(d->env->socket, &peers);
	for (size_t i = 0; i < peers.n; i++) {
		pid = socket_owner(d->env, peers.inode[i]);
		others |= !pid;
		/* the child that reads the cards has this process's program, and is no other */
		if (!pid || pid == os_pid() || pid == d->child)
			continue;
		for (k = 0; k < nseen && seen[k] != pid; k++)
			;
		if (k < nseen)
			continue;
		seen[nseen++] = pid;
		buf_str(out, some ? ", " : "");
		if (process_name(d->env, pid, out))
			buf_str(out, "?");
		buf_fmt(out, " (%ld)", pid);
		some = true;
	}
	if (others) {
		buf_str(out, some ? ", " : "");
		buf_str(out, text(d->a->lang, "a program of another user"));
	} else if (!some) {
		buf_str(out, text(d->a->lang, "none that can be seen"));
	}
}

/* ---- GnuPG ---- */

/* Whether the person's scdaemon was told to share. Source: scdaemon(1). */
static bool
shares(const struct doctor *d)
{
	const char *home = os_env("GNUPGHOME");
	struct buf path = BUF_INIT, conf = BUF_INIT;
	struct view all, line;
	bool shared = false, no_ccid = false;

	if (home && *home == '/')
		buf_fmt(&path, "%s/scdaemon.conf", home);
	else
		buf_fmt(&path, "%s/.gnupg/scdaemon.conf", d->env->home);
	file_slurp(buf_text(&path), 65536, &conf);
	all = buf_peek(&conf);
	while (line_take(&all, &line)) {
		line = view_trim(line);
		shared |= view_is(line, "pcsc-shared");
		no_ccid |= view_is(line, "disable-ccid");
	}
	buf_free(&path);
	buf_free(&conf);
	return shared && no_ccid;
}

void
check_scdaemon(struct doctor *d)
{
	struct buf names = BUF_INIT, name = BUF_INIT;
	const char *pid = NULL;

	if (shares(d))
		return;
	dir_names(d->env->proc, &names);
	while ((pid = names_next(&names, pid))) {
		if (*pid < '1' || *pid > '9')
			continue;
		buf_reset(&name);
		if (!process_name(d->env, strtol(pid, NULL, 10), &name) && view_is(buf_peek(&name), "scdaemon")) {
			found(d, FOUND_SCDAEMON, pid, NULL, NULL);
			break;
		}
	}
	buf_free(&names);
	buf_free(&name);
}

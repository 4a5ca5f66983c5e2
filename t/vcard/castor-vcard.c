/* castor-vcard: a smart card without plastic. See castor-vcard(1). */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "t/vcard/vc_door.h"

static int quit_pipe[2];

static const char usage[] =
	"castor-vcard - a virtual smart card for tests and demonstrations\n"
	"\n"
	"  castor-vcard --image FILE [--socket PATH] [--vpcd HOST:PORT] [--control PATH]\n"
	"  castor-vcard ctl PATH COMMAND [ARGUMENT...]\n"
	"\n"
	"  -i, --image FILE       the card to play, as t/cards/myeid.yaml\n"
	"  -s, --socket PATH      serve programs on a Unix socket\n"
	"  -v, --vpcd HOST:PORT   be the card in vpcd's reader, usually 127.0.0.1:35963\n"
	"  -c, --control PATH     take console commands on a Unix socket, too\n"
	"  -a, --attached         end with standard input\n"
	"  -l, --log FILE         write every APDU to a file, PINs starred\n"
	"  -h, --help             this text\n"
	"  -V, --version          the version\n"
	"\n"
	"When the card answers, one line beginning with \"ready:\" is printed. Then standard "
	"input\n"
	"is the console: type help. See castor-vcard(1).\n";

static const struct option options[] = {
	{ "image", required_argument, NULL, 'i' },
	{ "socket", required_argument, NULL, 's' },
	{ "vpcd", required_argument, NULL, 'v' },
	{ "control", required_argument, NULL, 'c' },
	{ "attached", no_argument, NULL, 'a' },
	{ "log", required_argument, NULL, 'l' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 }
};

struct args { const char *image, *socket, *vpcd, *control, *log; bool attached; };

static void quit(void)
{
	if (write(quit_pipe[1], "", 1) < 0)
		_exit(1);
}

static void on_signal(int sig)
{
	int saved = errno;

	(void)sig;
	quit();
	errno = saved;
}

/* Runs whole lines of the console; false when one of them is quit. */
static bool console_input(struct vc *vc, char *line, size_t *n, size_t cap)
{
	char answer[2048], *end;
	ssize_t got = read(STDIN_FILENO, line + *n, cap - 1 - *n);
	bool go_on = true;

	if (got <= 0) {
		*n = cap;               /* the console is closed; the card stays */
		return true;
	}
	*n += (size_t)got;
	line[*n] = '\0';
	while (go_on && (end = strchr(line, '\n')) != NULL) {
		*end = '\0';
		go_on = vc_console_line(vc, line, answer, sizeof answer);
		fputs(answer, stdout);
		fflush(stdout);
		*n -= (size_t)(end + 1 - line);
		memmove(line, end + 1, *n + 1);
	}
	if (*n == cap - 1)
		*n = 0;                 /* a line without end */
	return go_on;
}

static void run(struct vc *vc, bool attached)
{
	char line[1024];
	size_t n = 0;
	struct pollfd p[2] = {
		{ .fd = quit_pipe[0], .events = POLLIN }, { .fd = STDIN_FILENO, .events = POLLIN }
	};

	for (;;) {
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return;
		if (p[0].revents != 0)
			return;
		if (p[1].revents != 0 && !console_input(vc, line, &n, sizeof line))
			return;
		if (n == sizeof line && attached)
			return;
		if (n == sizeof line)
			p[1].fd = -1;
	}
}

static int play(const struct args *a)
{
	char err[512] = "out of memory";
	struct vc *vc = vc_new(a->image, err, sizeof err);
	struct vc_door *door = vc != NULL ? vc_door_new(vc) : NULL;
	struct vc_console *con = NULL;
	bool up = false;
	int r = 1;

	if (door == NULL)
		goto out;
	if (a->log != NULL && !vc_log(vc, a->log)) {
		snprintf(err, sizeof err, "%s: cannot be written", a->log);
		goto out;
	}
	if (a->control != NULL) {
		con = vc_console_listen(vc, a->control, quit, err, sizeof err);
		if (con == NULL)
			goto out;
	}
	if (a->socket != NULL && !vc_door_listen(door, a->socket, err, sizeof err))
		goto out;
	if (a->vpcd != NULL) {
		if (!vc_door_vpcd(door, a->vpcd, err, sizeof err))
			goto out;
		up = vc_door_vpcd_ready(door, 5000);
	}
	printf("ready: %s%s%s%s%s%s\n", a->image, a->socket != NULL ? " at " : "",
		a->socket != NULL ? a->socket : "", a->vpcd != NULL ? " in vpcd " : "",
		a->vpcd != NULL ? a->vpcd : "", a->vpcd != NULL && !up ? " (not there yet)" : "");
	fflush(stdout);
	run(vc, a->attached);
	r = 0;
out:
	if (r != 0)
		fprintf(stderr, "castor-vcard: %s\n", err);
	vc_console_free(&con);
	vc_door_free(&door);
	vc_free(&vc);
	return r;
}

int main(int argc, char **argv)
{
	struct args a = { 0 };
	struct sigaction act = { .sa_handler = on_signal };
	int opt;

	if (argc >= 2 && strcmp(argv[1], "ctl") == 0) {
		if (argc >= 4)
			return vc_console_ctl(argv[2], argv + 3, argc - 3);
		fprintf(stderr,
			"castor-vcard: it is: castor-vcard ctl PATH COMMAND [ARGUMENT...]\n");
		return 2;
	}
	while ((opt = getopt_long(argc, argv, "i:s:v:c:l:ahV", options, NULL)) != -1) {
		switch (opt) {
		case 'i': a.image = optarg; break;
		case 's': a.socket = optarg; break;
		case 'v': a.vpcd = optarg; break;
		case 'c': a.control = optarg; break;
		case 'l': a.log = optarg; break;
		case 'a': a.attached = true; break;
		case 'h': fputs(usage, stdout); return 0;
		case 'V': puts("castor-vcard " PACKAGE_VERSION); return 0;
		default: fputs("Try castor-vcard --help.\n", stderr); return 2;
		}
	}
	if (a.image == NULL || optind != argc) {
		fputs(usage, stderr);
		return 2;
	}
	if (pipe2(quit_pipe, O_CLOEXEC | O_NONBLOCK) != 0) {
		perror("castor-vcard");
		return 1;
	}
	sigaction(SIGTERM, &act, NULL);
	sigaction(SIGINT, &act, NULL);
	signal(SIGPIPE, SIG_IGN);
	return play(&a);
}

/* The doors: transactions between clients, presence, and the vpcd side. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>

#include "t/unit/unit.h"
#include "t/vcard/vc_door.h"
#include "t/vcard/vct.h"

struct desk { struct vc *vc; struct vc_door *door; char dir[32], path[64]; };

static void desk_open(struct desk *d)
{
	char err[512] = "";

	strcpy(d->dir, "/tmp/vct-door-XXXXXX");
	ck_assert(mkdtemp(d->dir) != NULL);
	snprintf(d->path, sizeof d->path, "%s/card", d->dir);
	d->vc = vct_card("myeid.yaml");
	d->door = vc_door_new(d->vc);
	ck_assert_msg(vc_door_listen(d->door, d->path, err, sizeof err), "%s", err);
}

static void desk_close(struct desk *d)
{
	vc_door_free(&d->door);
	vc_free(&d->vc);
	ck_assert_msg(access(d->path, F_OK) != 0, "the socket is left");
	rmdir(d->dir);
}

static int client(const struct desk *d)
{
	int fd = vc_unix_connect(d->path);

	ck_assert(fd >= 0);
	return fd;
}

static void put_frame(int fd, const char *hex)
{
	uint8_t b[300];
	int n = vc_hex(hex, b + 2, sizeof b - 2);

	ck_assert(n > 0);
	b[0] = (uint8_t)(n >> 8);
	b[1] = (uint8_t)n;
	ck_assert(send(fd, b, (size_t)n + 2, MSG_NOSIGNAL) == n + 2);
}

/* The next frame as hex, "-" for an empty one, "" when none comes within ms. */
static const char *get_frame(int fd, int ms)
{
	static char text[1200];
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint8_t b[600];
	size_t n;

	if (poll(&p, 1, ms) != 1)
		return "";
	ck_assert(recv(fd, b, 2, MSG_WAITALL) == 2);
	n = (size_t)(b[0] << 8 | b[1]);
	ck_assert(n <= sizeof b);
	if (n == 0)
		return "-";
	ck_assert(recv(fd, b, n, MSG_WAITALL) == (ssize_t)n);
	for (size_t i = 0; i < n; i++)
		snprintf(text + 2 * i, 3, "%02X", b[i]);
	return text;
}

static const char *talk(int fd, const char *hex)
{
	put_frame(fd, hex);
	return get_frame(fd, 5000);
}

#define SAYS(fd, command, answer) ck_assert_str_eq(talk(fd, command), answer)
#define ATR "3BF51800008131FE454D794549449A"

START_TEST(frames_are_answered)
{
	struct desk d;
	int a;

	desk_open(&d);
	a = client(&d);
	SAYS(a, "04", ATR);
	SAYS(a, "20", "0100000001" ATR);
	SAYS(a, "00200001", "63C3");
	SAYS(a, "0020000108313233 34FFFFFFFF", "9000");
	put_frame(a, "02");
	SAYS(a, "00200001", "63C3");
	vc_remove(d.vc);
	SAYS(a, "04", "-");
	SAYS(a, "00200001", "-");
	SAYS(a, "20", "0000000002");
	vc_insert(d.vc);
	SAYS(a, "00200001", "63C3");
	close(a);
	desk_close(&d);
}
END_TEST

START_TEST(transactions_exclude)
{
	struct desk d;
	int a, b;

	desk_open(&d);
	a = client(&d);
	b = client(&d);
	SAYS(a, "10", "00");
	put_frame(b, "10");
	ck_assert_str_eq(get_frame(b, 200), "");
	/* A third client is not held up by the second one's wait. */
	{
		int c = client(&d);

		SAYS(c, "20", "0100000001" ATR);
		put_frame(c, "00200001");
		ck_assert_str_eq(get_frame(c, 100), "");
		close(c);
	}
	SAYS(a, "00200001", "63C3");
	SAYS(a, "11", "00");
	ck_assert_str_eq(get_frame(b, 5000), "00");
	SAYS(b, "12", "00");
	/* The other one reset it: told once. */
	SAYS(a, "10", "01");
	SAYS(a, "11", "00");
	SAYS(a, "10", "00");
	SAYS(a, "11", "00");
	SAYS(b, "10", "00");
	close(b);               /* dies in its transaction */
	SAYS(a, "10", "00");
	vc_remove(d.vc);
	SAYS(a, "00200001", "-");
	vc_insert(d.vc);
	SAYS(a, "00200001", "-");
	SAYS(a, "11", "00");
	SAYS(a, "10", "02");
	SAYS(a, "10", "00");
	SAYS(a, "00200001", "63C3");
	close(a);
	desk_close(&d);
}
END_TEST

START_TEST(waits_end)
{
	struct desk d;
	int a;

	desk_open(&d);
	a = client(&d);
	SAYS(a, "21 00000000 FFFFFFFF", "0100000001" ATR);
	SAYS(a, "21 00000001 00000032", "0100000001" ATR);
	put_frame(a, "21 00000001 FFFFFFFF");
	ck_assert_str_eq(get_frame(a, 100), "");
	vc_remove(d.vc);
	ck_assert_str_eq(get_frame(a, 5000), "0000000002");
	/* Another frame ends a wait. */
	put_frame(a, "21 00000002 FFFFFFFF");
	ck_assert_str_eq(get_frame(a, 100), "");
	put_frame(a, "04");
	ck_assert_str_eq(get_frame(a, 5000), "0000000002");
	ck_assert_str_eq(get_frame(a, 5000), "-");
	/* The door closes under a waiting client. */
	put_frame(a, "21 00000002 FFFFFFFF");
	ck_assert_str_eq(get_frame(a, 100), "");
	desk_close(&d);
	close(a);
}
END_TEST

START_TEST(faults_through_the_door)
{
	struct desk d;
	int a;

	desk_open(&d);
	a = client(&d);
	SAYS(a, "10", "00");
	vc_fault(d.vc, 1, VC_FAULT_RESET);
	SAYS(a, "00200001", "-");
	SAYS(a, "20", "0100000001" ATR);
	SAYS(a, "11", "00");
	SAYS(a, "10", "01");
	vc_fault(d.vc, 1, VC_FAULT_TIMEOUT);
	put_frame(a, "00200001");
	ck_assert_str_eq(get_frame(a, 200), "");
	SAYS(a, "00200001", "63C3");
	vc_fault(d.vc, 1, VC_FAULT_REMOVED);
	SAYS(a, "00200001", "-");
	SAYS(a, "20", "0000000002");
	close(a);
	desk_close(&d);
}
END_TEST

#define THREADS 6
#define ROUNDS 200

static void *churn(void *arg)
{
	struct desk *d = arg;

	for (int i = 0; i < 50; i++) {
		vc_remove(d->vc);
		vc_reset(d->vc);
		vc_insert(d->vc);
		usleep(2000);
	}
	return NULL;
}

/* With buffers of its own, unlike talk(). */
static void *busy_raw(void *arg)
{
	const struct desk *d = arg;
	static const uint8_t script[] = { 0, 1, 0x10, 0, 4, 0x00, 0x20, 0x00, 0x01, 0, 1, 0x11, 0,
		1, 0x20 };
	int fd = client(d);
	uint8_t in[600];

	for (int i = 0; i < ROUNDS; i++) {
		ck_assert(send(fd, script, sizeof script, MSG_NOSIGNAL) == (ssize_t)sizeof script);
		for (int k = 0; k < 4; k++) {
			size_t n;

			ck_assert(recv(fd, in, 2, MSG_WAITALL) == 2);
			n = (size_t)(in[0] << 8 | in[1]);
			ck_assert(n == 0 || recv(fd, in, n, MSG_WAITALL) == (ssize_t)n);
		}
	}
	close(fd);
	return NULL;
}

START_TEST(many_clients)
{
	struct desk d;
	pthread_t t[THREADS + 1];
	int a;

	desk_open(&d);
	for (int i = 0; i < THREADS; i++)
		ck_assert(pthread_create(&t[i], NULL, busy_raw, &d) == 0);
	ck_assert(pthread_create(&t[THREADS], NULL, churn, &d) == 0);
	for (int i = 0; i <= THREADS; i++)
		pthread_join(t[i], NULL);
	a = client(&d);
	SAYS(a, "00200001", "63C3");
	close(a);
	desk_close(&d);
}
END_TEST

/* A small vpcd: a listening port, and what pcscd's driver says. */
START_TEST(vpcd_is_served)
{
	struct sockaddr_in addr = { .sin_family = AF_INET };
	socklen_t len = sizeof addr;
	char where[64], err[512];
	struct desk d;
	struct pollfd p;
	int listener = socket(AF_INET, SOCK_STREAM, 0), a;
	uint8_t byte;

	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert(bind(listener, (struct sockaddr *)&addr, sizeof addr) == 0);
	ck_assert(getsockname(listener, (struct sockaddr *)&addr, &len) == 0 &&
		listen(listener, 1) == 0);
	desk_open(&d);
	snprintf(where, sizeof where, "127.0.0.1:%u", ntohs(addr.sin_port));
	ck_assert(!vc_door_vpcd(d.door, "nonsense", err, sizeof err));
	ck_assert_msg(vc_door_vpcd(d.door, where, err, sizeof err), "%s", err);
	a = accept(listener, NULL, NULL);
	ck_assert(a >= 0 && vc_door_vpcd_ready(d.door, 5000));
	put_frame(a, "01");
	SAYS(a, "04", ATR);
	SAYS(a, "00200001", "63C3");
	SAYS(a, "10", "6700");          /* our own controls are not for vpcd */
	put_frame(a, "02");
	SAYS(a, "04", ATR);
	/* Out: the connection ends, and comes back with the card. */
	vc_remove(d.vc);
	p = (struct pollfd){ .fd = a, .events = POLLIN };
	ck_assert(poll(&p, 1, 5000) == 1 && recv(a, &byte, 1, 0) == 0);
	close(a);
	p.fd = listener;
	ck_assert_int_eq(poll(&p, 1, 300), 0);
	vc_insert(d.vc);
	a = accept(listener, NULL, NULL);
	SAYS(a, "04", ATR);
	/* pcscd starts again. */
	close(a);
	a = accept(listener, NULL, NULL);
	SAYS(a, "04", ATR);
	desk_close(&d);
	close(a);
	close(listener);
}
END_TEST

START_TEST(a_taken_socket_is_refused)
{
	struct desk d;
	struct vc_door *other;
	char err[512] = "";

	desk_open(&d);
	other = vc_door_new(d.vc);
	ck_assert(!vc_door_listen(other, d.path, err, sizeof err));
	ck_assert(strstr(err, "another program listens") != NULL);
	vc_door_free(&other);
	desk_close(&d);
}
END_TEST

START_TEST(console_lines)
{
	static const struct { const char *line, *answer;
	} cases[] = {
		{ "", "" },
		{ "tries 1", "3\n" },
		{ "tries 1 2", "ok\n" },
		{ "tries 1\n", "2\n" },
		{ "tries 9", "error: there" },
		{ "pins", "1=1234" },
		{ "tries", "error: it is: tries PIN [N]\n" },
		{ "open 1", "no\n" },
		{ "open 9", "error: there" },
		{ "open x", "error: 'x'" },
		{ "open", "error: it is: open PIN\n" },
		{ "setpin 1 4321", "ok\n" },
		{ "tries 1", "3\n" },
		{ "setpin 9 4321", "error: there" },
		{ "setpin 1 123456789", "error: there" },
		{ "setpin 1", "error: it is: setpin PIN VALUE\n" },
		{ "jump", "error: no command 'jump'" },
		{ "remove", "ok\n" },
		{ "remove", "ok: was out\n" },
		{ "state", "out, event 2\n" },
		{ "insert", "ok\n" },
		{ "state", "in, event 3\n" },
		{ "slow x", "error: 'x'" },
		{ "slow 0", "ok\n" },
		{ "fault 1 bang", "error: kinds are" },
		{ "fault 3 6F00", "ok\n" },
		{ "apdus", "0 apdus 0 resets\n" },
		{ "reset", "ok\n" },
		{ "apdus", "0 apdus 1 resets\n" },
		{ "swap /nowhere", "error: /nowhere: cannot be opened\n" },
		{ "help", "insert " },
		{ "log off", "ok\n" },
	};
	struct vc *vc = vct_card("myeid.yaml");
	char answer[2048];

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		ck_assert(vc_console_line(vc, cases[i].line, answer, sizeof answer));
		ck_assert_msg(strncmp(answer, cases[i].answer, strlen(cases[i].answer)) == 0,
			"%s: %s", cases[i].line, answer);
	}
	ck_assert(!vc_console_line(vc, "quit", answer, sizeof answer));
	vc_free(&vc);
}
END_TEST

UNIT_MAIN("vc_door", frames_are_answered, transactions_exclude, waits_end, faults_through_the_door,
	many_clients, vpcd_is_served, a_taken_socket_is_refused, console_lines)

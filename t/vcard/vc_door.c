/* A Unix socket for many readers' clients, and a connection to vpcd; one card behind them. */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "t/vcard/vc_door.h"

#ifndef POLLRDHUP
#define POLLRDHUP 0
#endif

#define FRAME_MAX 65535
#define RETRY_MS 250            /* between two tries to reach vpcd */
#define OUT_MS 1500 /* pcscd looks for cards twice a second: it must see a short removal */
#define GIVE_UP_MS 2000         /* a reader that gets no answer gives up */

enum control {
	CTL_OFF = 0x00,
	CTL_ON = 0x01,
	CTL_RESET = 0x02,
	CTL_ATR = 0x04,
	CTL_BEGIN = 0x10,
	CTL_END = 0x11,
	CTL_END_RESET = 0x12,
	CTL_STATE = 0x20,
	CTL_WAIT = 0x21
};

struct client {
	struct client *next;            /* door->lock */
	struct vc_door *door;
	int fd;                         /* of its own thread; -1 while vpcd is not reached */
	int wake[2];                    /* a byte for each event or release */
	bool vpcd;
	bool in_tx;
	uint32_t events, epoch;         /* what this client last knew */
	uint8_t in[FRAME_MAX], out[2 + FRAME_MAX];
};

struct vc_door {
	struct vc *vc;
	pthread_mutex_t lock;           /* guards all below */
	pthread_cond_t changed;         /* a client left, or vpcd was reached */
	struct client *clients, *owner;
	bool stop, vpcd_up;
	char *path, *host, *port;
	int listener;
	pthread_t accept_thread;
	bool accepting;
};

static void wake_all_locked(struct vc_door *door)
{
	struct client *cl;

	for (cl = door->clients; cl != NULL; cl = cl->next)
		if (write(cl->wake[1], "", 1) < 0 && errno != EAGAIN)
			continue;
}

static void on_event(void *arg)
{
	struct vc_door *door = arg;

	pthread_mutex_lock(&door->lock);
	wake_all_locked(door);
	pthread_mutex_unlock(&door->lock);
}

static bool stopping(struct vc_door *door)
{
	bool stop;

	pthread_mutex_lock(&door->lock);
	stop = door->stop;
	pthread_mutex_unlock(&door->lock);
	return stop;
}

/* --- bytes --- */

/*
 * vpcd sends a length and then a payload, and Nagle's rule makes the second wait for our ACK: ask
 * for it at once, before each read, or every APDU takes 40 ms.
 */
static void quick_ack(const struct client *cl)
{
#ifdef TCP_QUICKACK
	int one = 1;

	if (cl->vpcd)
		(void)setsockopt(cl->fd, IPPROTO_TCP, TCP_QUICKACK, &one, sizeof one);
#else
	(void)cl;
#endif
}

static bool read_all(int fd, uint8_t *p, size_t n)
{
	ssize_t got;

	while (n != 0) {
		got = recv(fd, p, n, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		p += got;
		n -= (size_t)got;
	}
	return true;
}

static bool write_all(int fd, const uint8_t *p, size_t n)
{
	ssize_t put;

	while (n != 0) {
		put = send(fd, p, n, MSG_NOSIGNAL);
		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return false;
		p += put;
		n -= (size_t)put;
	}
	return true;
}

/* Sends the n bytes that lie at cl->out + 2. */
static bool answer(struct client *cl, size_t n)
{
	cl->out[0] = (uint8_t)(n >> 8);
	cl->out[1] = (uint8_t)n;
	return write_all(cl->fd, cl->out, n + 2);
}

static bool answer_byte(struct client *cl, unsigned byte)
{
	cl->out[2] = (uint8_t)byte;
	return answer(cl, 1);
}

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* --- waiting --- */

enum woken { WOKEN_TIME, WOKEN_EVENT, WOKEN_INPUT, WOKEN_GONE };

/*
 * Waits for an event of the card or desk, for input when `input`, or for the client's end. ms < 0:
 * for ever.
 */
static enum woken wait_client(struct client *cl, bool input, int ms)
{
	struct pollfd p[2] = {
		{ .fd = cl->wake[0], .events = POLLIN },
		{ .fd = cl->fd, .events = (short)(POLLRDHUP | (input ? POLLIN : 0)) },
	};
	char drain[64];
	int n;

	n = poll(p, 2, ms);
	if (n == 0)
		return WOKEN_TIME;
	if (n < 0)
		return errno == EINTR ? WOKEN_EVENT : WOKEN_GONE;
	if (p[0].revents != 0) {
		if (read(cl->wake[0], drain, sizeof drain) < 0 && errno != EAGAIN)
			return WOKEN_GONE;
		return stopping(cl->door) ? WOKEN_GONE : WOKEN_EVENT;
	}
	/* Input first: a client may send its last frame and close. */
	if (p[1].revents & POLLIN)
		return WOKEN_INPUT;
	return WOKEN_GONE;
}

/* --- transactions --- */

static bool try_own(struct client *cl)
{
	struct vc_door *door = cl->door;
	bool own;

	pthread_mutex_lock(&door->lock);
	if (door->owner == NULL)
		door->owner = cl;
	own = door->owner == cl;
	pthread_mutex_unlock(&door->lock);
	return own;
}

/* Waits for its turn; false when the client went away meanwhile. */
static bool own(struct client *cl)
{
	while (!try_own(cl))
		if (wait_client(cl, false, -1) == WOKEN_GONE)
			return false;
	return true;
}

static void disown(struct client *cl)
{
	struct vc_door *door = cl->door;

	pthread_mutex_lock(&door->lock);
	if (door->owner == cl) {
		door->owner = NULL;
		wake_all_locked(door);
	}
	pthread_mutex_unlock(&door->lock);
}

/* The end of a deed: the card stays ours only inside a transaction. */
static void deed_done(struct client *cl)
{
	if (!cl->in_tx)
		disown(cl);
}

/* --- controls; each false when the connection is over --- */

static bool do_reset(struct client *cl)
{
	if (!own(cl))
		return false;
	vc_reset(cl->door->vc);
	cl->epoch = vc_counts(cl->door->vc).epoch;
	deed_done(cl);
	return true;
}

/* Power on: the card is taken as it is now, what came before is known. */
static bool do_on(struct client *cl)
{
	struct vc_counts now = vc_counts(cl->door->vc);

	cl->events = now.events;
	cl->epoch = now.epoch;
	return true;
}

static bool do_atr(struct client *cl)
{
	return answer(cl, vc_atr(cl->door->vc, cl->out + 2, VC_MAX_ATR));
}

static bool do_begin(struct client *cl)
{
	struct vc_counts now;
	unsigned status = VC_BEGIN_OK;

	if (!own(cl))
		return false;
	now = vc_counts(cl->door->vc);
	if (!now.present || now.events != cl->events)
		status = VC_BEGIN_GONE;
	else if (now.epoch != cl->epoch)
		status = VC_BEGIN_RESET;
	cl->events = now.events;
	cl->epoch = now.epoch;
	cl->in_tx = status != VC_BEGIN_GONE;
	deed_done(cl);
	return answer_byte(cl, status);
}

static bool do_end(struct client *cl)
{
	cl->in_tx = false;
	disown(cl);
	return answer_byte(cl, 0);
}

static bool do_end_reset(struct client *cl)
{
	if (!do_reset(cl))
		return false;
	return do_end(cl);
}

static bool do_state(struct client *cl)
{
	struct vc_counts now = vc_counts(cl->door->vc);
	size_t n = now.present ? vc_atr(cl->door->vc, cl->out + 7, VC_MAX_ATR) : 0;

	cl->out[2] = n != 0;
	cl->out[3] = (uint8_t)(now.events >> 24);
	cl->out[4] = (uint8_t)(now.events >> 16);
	cl->out[5] = (uint8_t)(now.events >> 8);
	cl->out[6] = (uint8_t)now.events;
	return answer(cl, 5 + n);
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static bool do_wait(struct client *cl)
{
	uint32_t known = be32(cl->in + 1), span = be32(cl->in + 5);
	int64_t end = now_ms() + span, left;
	enum woken woken = WOKEN_EVENT;

	while (woken == WOKEN_EVENT && vc_counts(cl->door->vc).events == known) {
		left = end - now_ms();
		if (left < 0)
			left = 0;
		if (left > 1000000000)
			left = 1000000000;
		woken = wait_client(cl, true, span == UINT32_MAX ? -1 : (int)left);
	}
	return woken != WOKEN_GONE && do_state(cl);
}

static const struct {
	uint8_t code;
	bool vpcd;                      /* known at vpcd's door too */
	bool (*run)(struct client *);
} controls[] = {
	{ CTL_OFF, true, do_reset },
	{ CTL_ON, true, do_on },
	{ CTL_RESET, true, do_reset },
	{ CTL_ATR, true, do_atr },
	{ CTL_BEGIN, false, do_begin },
	{ CTL_END, false, do_end },
	{ CTL_END_RESET, false, do_end_reset },
	{ CTL_STATE, false, do_state },
};

static bool do_apdu(struct client *cl, size_t len)
{
	size_t n = 0;

	if (!own(cl))
		return false;
	if (!cl->in_tx || vc_counts(cl->door->vc).events == cl->events)
		n = vc_apdu(cl->door->vc, cl->in, len, cl->out + 2, FRAME_MAX);
	deed_done(cl);
	if (n != VC_SILENT)
		return answer(cl, n);
	if (!cl->vpcd)
		return true;
	while (wait_client(cl, false, GIVE_UP_MS) == WOKEN_EVENT)
		;
	return false;
}

static bool do_frame(struct client *cl, size_t len)
{
	size_t i;

	if (len == 9 && cl->in[0] == CTL_WAIT && !cl->vpcd)
		return do_wait(cl);
	for (i = 0; len == 1 && i < sizeof controls / sizeof controls[0]; i++)
		if (controls[i].code == cl->in[0] && (controls[i].vpcd || !cl->vpcd))
			return controls[i].run(cl);
	return do_apdu(cl, len);
}

/* Frames until the connection ends, or, for vpcd, until the card that it met is gone. */
static void serve(struct client *cl)
{
	struct vc_counts now;
	enum woken woken;
	size_t len;

	do_on(cl);
	for (;;) {
		woken = wait_client(cl, true, -1);
		if (woken == WOKEN_GONE)
			break;
		now = vc_counts(cl->door->vc);
		if (cl->vpcd && (!now.present || now.events != cl->events))
			break;
		if (woken != WOKEN_INPUT)
			continue;
		quick_ack(cl);
		if (!read_all(cl->fd, cl->in, 2))
			break;
		quick_ack(cl);
		len = (size_t)(cl->in[0] << 8 | cl->in[1]);
		if (len == 0 || !read_all(cl->fd, cl->in, len) || !do_frame(cl, len))
			break;
	}
	cl->in_tx = false;
	disown(cl);
}

/* --- clients --- */

static struct client *client_new(struct vc_door *door, int fd, bool vpcd)
{
	struct client *cl = calloc(1, sizeof *cl);

	if (cl == NULL)
		return NULL;
	if (pipe2(cl->wake, O_CLOEXEC | O_NONBLOCK) != 0) {
		free(cl);
		return NULL;
	}
	cl->door = door;
	cl->fd = fd;
	cl->vpcd = vpcd;
	pthread_mutex_lock(&door->lock);
	cl->next = door->clients;
	door->clients = cl;
	pthread_mutex_unlock(&door->lock);
	return cl;
}

static void client_free(struct client *cl)
{
	struct vc_door *door = cl->door;
	struct client **at;

	disown(cl);
	pthread_mutex_lock(&door->lock);
	for (at = &door->clients; *at != cl; at = &(*at)->next)
		;
	*at = cl->next;
	if (cl->fd >= 0)
		close(cl->fd);
	close(cl->wake[0]);
	close(cl->wake[1]);
	free(cl);
	pthread_cond_broadcast(&door->changed);
	pthread_mutex_unlock(&door->lock);
}

static void *client_main(void *arg)
{
	struct client *cl = arg;

	serve(cl);
	client_free(cl);
	return NULL;
}

/* A thread that frees its client itself; on failure the client is freed here. */
static bool start(struct client *cl, void *(*fn)(void *))
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, fn, cl) != 0) {
		client_free(cl);
		return false;
	}
	pthread_detach(thread);
	return true;
}

static void *accept_main(void *arg)
{
	struct vc_door *door = arg;
	struct client *cl;
	int fd;

	for (;;) {
		fd = accept4(door->listener, NULL, NULL, SOCK_CLOEXEC);
		if (stopping(door)) {
			if (fd >= 0)
				close(fd);
			break;
		}
		if (fd < 0)
			continue;
		cl = client_new(door, fd, false);
		if (cl == NULL)
			close(fd);
		else
			start(cl, client_main);
	}
	return NULL;
}

int vc_unix_connect(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(path) >= sizeof addr.sun_path) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(addr.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (const struct sockaddr *)&addr, sizeof addr) != 0) {
		close(fd);
		fd = -1;
	}
	return fd;
}

int vc_unix_listen(const char *path, char *err, size_t errlen)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct stat st;
	int fd = -1, other;

	if (strlen(path) >= sizeof addr.sun_path) {
		snprintf(err, errlen, "%s: the path of a socket must be shorter", path);
		return -1;
	}
	memcpy(addr.sun_path, path, strlen(path) + 1);
	if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode)) {
		other = vc_unix_connect(path);
		if (other >= 0) {
			close(other);
			snprintf(err, errlen, "%s: another program listens here", path);
			return -1;
		}
		unlink(path);
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (const struct sockaddr *)&addr, sizeof addr) != 0 ||
		chmod(path, 0600) != 0 || listen(fd, 16) != 0) {
		snprintf(err, errlen, "%s: %s", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		fd = -1;
	}
	return fd;
}

struct vc_door *vc_door_new(struct vc *vc)
{
	struct vc_door *door = calloc(1, sizeof *door);

	if (door == NULL)
		return NULL;
	door->vc = vc;
	door->listener = -1;
	pthread_mutex_init(&door->lock, NULL);
	pthread_cond_init(&door->changed, NULL);
	vc_on_event(vc, on_event, door);
	return door;
}

bool vc_door_listen(struct vc_door *door, const char *path, char *err, size_t errlen)
{
	door->path = strdup(path);
	door->listener = door->path != NULL ? vc_unix_listen(path, err, errlen) : -1;
	if (door->listener < 0)
		return false;
	if (pthread_create(&door->accept_thread, NULL, accept_main, door) != 0) {
		snprintf(err, errlen, "%s: no thread", path);
		return false;
	}
	door->accepting = true;
	return true;
}

/* --- vpcd --- */

static int tcp_connect(const char *host, const char *port)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list = NULL, *a;
	int fd = -1;

	if (getaddrinfo(host, port, &hints, &list) != 0)
		return -1;
	for (a = list; a != NULL && fd < 0; a = a->ai_next) {
		fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);
		if (fd >= 0 && connect(fd, a->ai_addr, a->ai_addrlen) != 0) {
			close(fd);
			fd = -1;
		}
	}
	freeaddrinfo(list);
	return fd;
}

static void vpcd_up(struct vc_door *door, bool up)
{
	pthread_mutex_lock(&door->lock);
	door->vpcd_up = up;
	pthread_cond_broadcast(&door->changed);
	pthread_mutex_unlock(&door->lock);
}

/* Lets `ms` go by, whatever happens to the card; false when the door closes. */
static bool pause_client(struct client *cl, int ms)
{
	int64_t end = now_ms() + ms;
	enum woken woken = WOKEN_EVENT;

	while (woken == WOKEN_EVENT && now_ms() < end)
		woken = wait_client(cl, false, (int)(end - now_ms()));
	return woken != WOKEN_GONE;
}

static void *vpcd_main(void *arg)
{
	struct client *cl = arg;
	struct vc_door *door = cl->door;
	uint32_t events;

	while (!stopping(door)) {
		if (!vc_present(door->vc)) {
			wait_client(cl, false, -1);
			continue;
		}
		cl->fd = tcp_connect(door->host, door->port);
		if (cl->fd < 0) {
			pause_client(cl, RETRY_MS);
			continue;
		}
		vpcd_up(door, true);
		events = vc_counts(door->vc).events;
		serve(cl);
		vpcd_up(door, false);
		close(cl->fd);
		cl->fd = -1;
		pause_client(cl, vc_counts(door->vc).events != events ? OUT_MS : RETRY_MS);
	}
	client_free(cl);
	return NULL;
}

bool vc_door_vpcd(struct vc_door *door, const char *hostport, char *err, size_t errlen)
{
	const char *colon = strrchr(hostport, ':');
	struct client *cl;

	if (colon == NULL || colon == hostport || colon[1] == '\0') {
		snprintf(err, errlen, "%s: the address of vpcd is HOST:PORT, as 127.0.0.1:35963",
			hostport);
		return false;
	}
	door->host = strndup(hostport, (size_t)(colon - hostport));
	door->port = strdup(colon + 1);
	cl = door->host != NULL && door->port != NULL ? client_new(door, -1, true) : NULL;
	if (cl == NULL || !start(cl, vpcd_main)) {
		snprintf(err, errlen, "%s: no memory or thread", hostport);
		return false;
	}
	return true;
}

bool vc_door_vpcd_ready(struct vc_door *door, int ms)
{
	struct timespec t;
	bool up;

	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_sec += ms / 1000;
	t.tv_nsec += (long)(ms % 1000) * 1000000;
	if (t.tv_nsec >= 1000000000) {
		t.tv_sec++;
		t.tv_nsec -= 1000000000;
	}
	pthread_mutex_lock(&door->lock);
	while (!door->vpcd_up)
		if (pthread_cond_timedwait(&door->changed, &door->lock, &t) != 0)
			break;
	up = door->vpcd_up;
	pthread_mutex_unlock(&door->lock);
	return up;
}

void vc_door_free(struct vc_door **door)
{
	struct vc_door *d = *door;

	if (d == NULL)
		return;
	vc_on_event(d->vc, NULL, NULL);
	pthread_mutex_lock(&d->lock);
	d->stop = true;
	wake_all_locked(d);
	pthread_mutex_unlock(&d->lock);
	if (d->listener >= 0)
		shutdown(d->listener, SHUT_RDWR);
	if (d->accepting)
		pthread_join(d->accept_thread, NULL);
	/* Clients free themselves; one may be blocked in send to a program that does not read. */
	pthread_mutex_lock(&d->lock);
	for (struct client *cl = d->clients; cl != NULL; cl = cl->next)
		if (!cl->vpcd && cl->fd >= 0)
			shutdown(cl->fd, SHUT_RDWR);
	wake_all_locked(d);
	while (d->clients != NULL)
		pthread_cond_wait(&d->changed, &d->lock);
	pthread_mutex_unlock(&d->lock);
	if (d->listener >= 0) {
		close(d->listener);
		unlink(d->path);
	}
	pthread_mutex_destroy(&d->lock);
	pthread_cond_destroy(&d->changed);
	free(d->path);
	free(d->host);
	free(d->port);
	free(d);
	*door = NULL;
}

/* Cards, as the module sees them. All of it happens in a child process with a limit of time, since a
 * service, a driver or a neighbour may keep a call for ever; what the child finds comes back through a pipe.
 * C_* does not tell why a card cannot be had, and the module's log does: the child's goes to memory. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/os.h"
#include "bridges/castor/doctor/doctor.h"
#include "bridges/castor/show.h"
#include "bridges/castor/testcard.h"
#include "bridges/kit/cert.h"

#define LIMIT_MS 8000
#define TERM_MS 500
#define LOG_MAX ((size_t)1 << 20)
#define SLOTS_MAX 64
#define MESSAGE_MAX ((size_t)64 << 10)

/* Answers of the service in the module's log, "what: 0x8010000B". Source: pcsclite.h. */
#define IN_LOG_HELD "0x8010000B"     /* SHARING_VIOLATION */
#define IN_LOG_MUTE "0x80100066"     /* UNRESPONSIVE_CARD */
#define IN_LOG_UNPOWERED "0x80100067"
#define IN_LOG_PROTOCOL "0x8010000F" /* PROTO_MISMATCH: a card that answers nonsense */
#define IN_LOG_NO_SERVICE "list of readers: 0x8010001D"
#define IN_LOG_REFUSED ": refused; the polkit actions"
#define IN_LOG_NUMBER "access number (CAN)" /* E_CAN_NEEDED, E_CAN_WRONG */
#define IN_LOG_ATR "ATR "

struct reading {
	struct doctor *d;
	int log;               /* the child's standard error */
	int to;                /* the parent */
	size_t log_at;         /* what was looked at already */
};

/* ---- in the child ---- */

static void
tell(struct reading *r, enum finding what, const char *one, const char *two, const char *three)
{
	struct buf b = BUF_INIT;
	const char *const args[] = { one, two, three };

	buf_u8(&b, (unsigned)what + 1);
	for (int i = 0; i < 3; i++) {
		if (args[i])
			buf_str(&b, args[i]);
		buf_u8(&b, 0);
	}
	if (!buf_err(&b))
		os_write_all(r->to, b.p, b.len);
	buf_free(&b);
}

/* What the module has logged since the last time. */
static void
take_log(struct reading *r, struct buf *out)
{
	uint8_t part[4096];
	ssize_t n;

	buf_reset(out);
	while (out->len < LOG_MAX && (n = pread(r->log, part, sizeof part, (off_t)r->log_at)) > 0) {
		buf_put(out, part, (size_t)n);
		r->log_at += (size_t)n;
	}
}

/* The word behind "ATR " in the log. */
static void
find_atr(struct buf *log, struct buf *atr)
{
	const char *at = strstr(buf_text(log), IN_LOG_ATR);

	for (at = at ? at + strlen(IN_LOG_ATR) : ""; isxdigit((unsigned char)*at); at++)
		buf_u8(atr, (unsigned char)*at);
	if (!atr->len)
		buf_str(atr, "?");
}

/* Why a card cannot be had. */
static void
tell_trouble(struct reading *r, const char *reader, CK_RV rv, struct buf *log)
{
	struct passwd *user = getpwuid(geteuid());
	struct app *a = r->d->a;
	struct buf b = BUF_INIT;
	const char *said = buf_text(log);
	char name[KIT_RV_NAME];

	if (strstr(said, IN_LOG_REFUSED)) {
		tell(r, FOUND_CARD_REFUSED, user ? user->pw_name : "?", reader, NULL);
	} else if (strstr(said, IN_LOG_HELD)) {
		r->d->child = os_pid();
		service_clients(r->d, &b);
		tell(r, FOUND_READER_HELD, reader, buf_text(&b), NULL);
	} else if (strstr(said, IN_LOG_MUTE) || strstr(said, IN_LOG_UNPOWERED) || strstr(said, IN_LOG_PROTOCOL)) {
		tell(r, FOUND_CARD_MUTE, reader, NULL, NULL);
	} else if (rv == CKR_TOKEN_NOT_RECOGNIZED && strstr(said, IN_LOG_NUMBER)) {
		tell(r, FOUND_CARD_NUMBER, reader, NULL, NULL);
	} else if (rv == CKR_TOKEN_NOT_RECOGNIZED) {
		find_atr(log, &b);
		tell(r, FOUND_CARD_UNKNOWN, reader, buf_text(&b), NULL);
	} else {
		buf_fmt(&b, "%s (%s)", text(a->lang, kit_rv_text(rv)), kit_rv_name(rv, name));
		tell(r, FOUND_CARD_ERROR, reader, buf_text(&b), NULL);
	}
	buf_free(&b);
}

static void
tell_pin(struct reading *r, const struct kit_slot *slot, const char *card, bool *inactive)
{
	static const char *const names[] = { N_("PIN"), N_("PIN1 (login)"), N_("PIN2 (signature)") };
	const struct kit_pin *pin = &slot->pin;
	CK_ULONG which = pin->number < 3 ? pin->number : 0;
	const char *name = text(r->d->a->lang, names[which]);
	char number[4];

	snprintf(number, sizeof number, "%lu", which);
	if (pin->known && pin->activation != KIT_ACTIVE) {
		if (!*inactive)
			tell(r, FOUND_CARD_INACTIVE, card, NULL, NULL);
		*inactive = true;
	} else if (slot->token.flags & CKF_USER_PIN_LOCKED) {
		tell(r, FOUND_PIN_BLOCKED, name, card, number);
	} else if (slot->token.flags & CKF_USER_PIN_FINAL_TRY || (pin->known && pin->tries == 1)) {
		tell(r, FOUND_PIN_LAST_TRY, name, card, NULL);
	}
}

static void
tell_certificate(struct reading *r, const struct kit_item *item, const char *card)
{
	long days = 0, warn = settings_int(r->d->a->settings, SET_certExpirationWarningDays);
	struct buf name = BUF_INIT, date = BUF_INIT;
	enum kit_validity v;

	/* of the person alone: those of authorities are replaced by others */
	if (!item->cert || kit_cert_use(item->cert) & KIT_USE_ISSUE)
		return;
	v = kit_cert_validity(item->cert, (int64_t)time(NULL), &days);
	kit_cert_name(X509_get_subject_name(item->cert), &name);
	kit_date(kit_cert_time(v == KIT_NOT_YET ? X509_get0_notBefore(item->cert) : X509_get0_notAfter(item->cert)), &date);
	if (v == KIT_NOT_YET)
		tell(r, FOUND_CLOCK_CERTIFICATE, buf_text(&name), card, buf_text(&date));
	else if (v == KIT_EXPIRED)
		tell(r, FOUND_CERT_EXPIRED, buf_text(&name), card, buf_text(&date));
	else if (days < warn)
		tell(r, FOUND_CERT_EXPIRING, buf_text(&name), card, buf_text(&date));
	buf_free(&name);
	buf_free(&date);
}

static void
tell_good_cards(struct reading *r)
{
	struct kit_cards *cards = &r->d->a->cards;
	struct buf card = BUF_INIT;
	bool inactive = false;

	if (kit_cards_read(r->d->a->module.f, true, r->d->a->opt[OPT_READER], cards))
		return;
	for (size_t i = 0; i < cards->nslot; i++) {
		struct kit_slot *slot = cards->slot + i;

		if (!slot->present || !slot->label.len)
			continue;
		inactive = inactive && i && kit_same_reader(slot - 1, slot);
		buf_reset(&card);
		show_card_name(&card, slot);
		tell_pin(r, slot, buf_text(&card), &inactive);
		for (size_t k = 0; k < slot->nitem; k++)
			tell_certificate(r, slot->item + k, buf_text(&card));
	}
	buf_free(&card);
}

static void
put_reader(const CK_SLOT_INFO *info, struct buf *out)
{
	size_t n = sizeof info->slotDescription;

	while (n && (info->slotDescription[n - 1] == ' ' || !info->slotDescription[n - 1]))
		n--;
	buf_reset(out);
	buf_put(out, info->slotDescription, n);
}

/* Binds each card; the second slot of a reader that failed says nothing new. */
static void
tell_slots(struct reading *r, const CK_SLOT_ID *ids, CK_ULONG n)
{
	CK_FUNCTION_LIST *f = r->d->a->module.f;
	struct buf log = BUF_INIT, reader = BUF_INIT, failed = BUF_INIT;
	CK_SLOT_INFO slot;
	CK_TOKEN_INFO token;
	CK_RV rv;

	for (CK_ULONG i = 0; i < n; i++) {
		if (f->C_GetSlotInfo(ids[i], &slot) || !(slot.flags & CKF_TOKEN_PRESENT))
			continue;
		put_reader(&slot, &reader);
		take_log(r, &log);
		rv = f->C_GetTokenInfo(ids[i], &token);
		take_log(r, &log);
		if (!rv || rv == CKR_TOKEN_NOT_PRESENT || view_eq(buf_peek(&reader), buf_peek(&failed)))
			continue;
		tell_trouble(r, buf_text(&reader), rv, &log);
		buf_move(&failed, &reader);
	}
	buf_free(&log);
	buf_free(&reader);
	buf_free(&failed);
}

static void
read_cards(struct reading *r)
{
	struct app *a = r->d->a;
	CK_SLOT_ID ids[SLOTS_MAX];
	struct buf log = BUF_INIT;
	const char *excluded;
	CK_ULONG n = 0;
	CK_RV rv;

	/* found by others already, when there is no module: they tell it from the parent */
	if (app_module(a)) {
		tell(r, FOUND_MODULE_MISSING, buf_text(&a->error), NULL, NULL);
		return;
	}
	rv = a->module.f->C_GetSlotList(CK_FALSE, NULL, &n);
	n = rv ? 0 : n < SLOTS_MAX ? n : SLOTS_MAX;
	if (n && (rv = a->module.f->C_GetSlotList(CK_FALSE, ids, &n)))
		n = 0;
	if (!n) {
		take_log(r, &log);
		excluded = settings_str(a->settings, SET_excludeReader);
		if (strstr(buf_text(&log), IN_LOG_NO_SERVICE))
			tell(r, FOUND_PCSCD_VERSION, IN_LOG_NO_SERVICE, NULL, NULL);
		else if (*excluded)
			tell(r, FOUND_READER_EXCLUDED, settings_origin(a->settings, SET_excludeReader), excluded, NULL);
		else
			tell(r, FOUND_READER_NONE, NULL, NULL, NULL);
	}
	buf_free(&log);
	tell_slots(r, ids, n);
	tell_good_cards(r);
	kit_cards_free(&a->cards);
}

/* No PIN is asked for or sent: no session of it ever logs in. */
static void
be_child(struct reading *r)
{
	struct app *a = r->d->a;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setenv("CASTOR_LOG", "debug", 1);
	/* the log goes to standard error, whatever the settings say of a file */
	setenv("CASTOR_LOG_FILE", "", 1);
	if (dup2(r->log, STDERR_FILENO) >= 0)
		read_cards(r);
	kit_module_close(&a->module);
	testcard_stop(&a->test);
	_exit(0);
}

/* ---- in the parent ---- */

/* Until the child has ended: what it said. False: it took too long, or died. */
static bool
listen_to(int from, struct buf *said)
{
	int64_t until = os_clock_ms() + LIMIT_MS;
	uint8_t part[1024];
	long n;

	for (;;) {
		int left = (int)(until - os_clock_ms());

		n = os_read_ms(from, part, sizeof part, left > 0 ? left : 0);
		if (n <= 0 || said->len > MESSAGE_MAX)
			return n == 0;
		buf_put(said, part, (size_t)n);
	}
}

static void
take_said(struct doctor *d, const struct buf *said)
{
	const char *arg[3];
	size_t at = 0;
	int k;

	while (at < said->len) {
		enum finding what = (enum finding)(said->p[at++] - 1);

		for (k = 0; k < 3 && at < said->len; k++) {
			arg[k] = (const char *)said->p + at;
			at += strnlen(arg[k], said->len - at) + 1;
		}
		if (k < 3 || at > said->len || what >= FOUND_COUNT)
			return;
		found(d, what, arg[0], arg[1], arg[2]);
	}
}

/* Whether it ended as it should. */
static bool
end_child(pid_t pid, bool ended)
{
	siginfo_t info = { .si_pid = 0 };
	int status = -1;

	if (!ended) {
		/* its handler takes a test card away */
		kill(pid, SIGTERM);
		for (int i = 0; i < TERM_MS / 20 && waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
		    !info.si_pid; i++)
			os_sleep_ms(20);
		kill(pid, SIGKILL);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

void
check_cards(struct doctor *d)
{
	struct reading r = { .d = d, .log = -1, .to = -1 };
	struct buf said = BUF_INIT, who = BUF_INIT;
	int pipes[2] = { -1, -1 };
	char seconds[8];
	bool ended, well;
	pid_t pid;

	if (!d->service)
		return;
	fflush(NULL);
	if (pipe2(pipes, O_CLOEXEC) < 0 || (r.log = memfd_create("log", MFD_CLOEXEC)) < 0 || (pid = fork()) < 0)
		goto out;
	if (!pid) {
		close(pipes[0]);
		r.to = pipes[1];
		be_child(&r);
	}
	close(pipes[1]);
	pipes[1] = -1;
	d->child = pid;
	ended = listen_to(pipes[0], &said);
	if (!ended && !buf_err(&said)) {
		service_clients(d, &who);
		snprintf(seconds, sizeof seconds, "%d", LIMIT_MS / 1000);
	}
	well = end_child(pid, ended);
	d->child = 0;
	take_said(d, &said);
	if (!ended)
		found(d, FOUND_CARD_SLOW, seconds, buf_text(&who), NULL);
	else if (!well)
		found(d, FOUND_MODULE_CRASHED, NULL, NULL, NULL);
	d->no_reader = is_found(d, FOUND_READER_NONE);
out:
	for (int i = 0; i < 2; i++)
		if (pipes[i] >= 0)
			close(pipes[i]);
	if (r.log >= 0)
		close(r.log);
	buf_free(&said);
	buf_free(&who);
}

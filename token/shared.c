#include "token/shared.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/os.h"

#define EPOCH_LOCK_MS 1000   /* for a number to be written */
#define EPOCH_BYTES 32

void
shared_open(const struct settings *s, struct shared *sh)
{
	struct buf path = BUF_INIT;
	int err = os_runtime_folder(settings_str(s, SET_DataPath), &path);

	if (err || (err = buf_err(&path)))
		log_info("no runtime folder: %s", err_text(err));
	else
		sh->folder = strdup(buf_text(&path));
	buf_free(&path);
	sh->heeds_lock = settings_bool(s, SET_closeGUIServerWhenLock);
}

void
shared_close(struct shared *sh)
{
	free(sh->folder);
	sh->folder = NULL;
}

/* The path of a file in the folder; empty: there is none. */
static const char *
in_folder(const struct shared *sh, const char *name, struct buf *path)
{
	if (sh->folder)
		buf_fmt(path, "%s/%s", sh->folder, name);
	return buf_err(path) ? "" : buf_text(path);
}

static uint64_t
read_epoch(const char *path)
{
	struct buf text = BUF_INIT;
	uint64_t epoch = 0;

	if (*path && os_file_read(path, EPOCH_BYTES, false, &text) == OS_TRUST_OK)
		epoch = strtoull(buf_text(&text), NULL, 10);
	buf_free(&text);
	return epoch;
}

uint64_t
shared_epoch(const struct shared *sh)
{
	struct buf path = BUF_INIT;
	uint64_t epoch;

	epoch = read_epoch(in_folder(sh, "epoch", &path));
	buf_free(&path);
	return epoch;
}

void
shared_bump(const struct shared *sh)
{
	struct buf lock = BUF_INIT, path = BUF_INIT, text = BUF_INIT;
	int fd = -1;

	if (!sh->folder)
		return;
	/* without the lock two steps may become one, which is better than none */
	if (os_lock_take(in_folder(sh, "epoch.lock", &lock), EPOCH_LOCK_MS, NULL, NULL, &fd))
		log_warn("the lock of the epoch of PINs cannot be had");
	buf_fmt(&text, "%" PRIu64 "\n", read_epoch(in_folder(sh, "epoch", &path)) + 1);
	if (buf_err(&text) || os_file_replace(buf_text(&path), buf_peek(&text)))
		log_warn("the epoch of PINs cannot be written");
	if (fd >= 0)
		os_lock_drop(&fd);
	buf_free(&lock);
	buf_free(&path);
	buf_free(&text);
}

int
shared_turn(const struct shared *sh, int ms, bool (*wanted)(void *), void *arg, int *fd, bool *waited)
{
	struct buf path = BUF_INIT;
	const char *p = in_folder(sh, "dialog.lock", &path);
	int err = 0;

	*fd = -1;
	*waited = false;
	if (*p && (err = os_lock_take(p, 0, NULL, NULL, fd)) == E_BUSY) {
		*waited = true;
		err = os_lock_take(p, ms, wanted, arg, fd);
	}
	buf_free(&path);
	/* a holder that was stopped keeps nobody from their work for longer than its dialog */
	return err == E_CLOSED ? err : 0;
}

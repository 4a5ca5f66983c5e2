/* The client's half of the Assuan protocol, a command and its answer at a time. All that the helper
 * says stays in one locked page, since any of it may be a PIN. Nothing is waited for without end and
 * nothing grows: a helper that talks too much is hung up on.
 * Source: libassuan's manual, "Assuan protocol"; no line is longer than 1000 bytes there. */
#ifndef CASTOR_BASE_ASKPIN_TALK_H
#define CASTOR_BASE_ASKPIN_TALK_H

#include "base/buf.h"
#include "base/os.h"

#define TALK_LINE_MAX 1000 /* bytes of a line we send, without its end */

struct talk {
	const struct os_child *child; /* borrowed */
	int64_t deadline;             /* of os_clock_ms */
	bool (*wanted)(void *);       /* asked ten times a second; NULL: always */
	void *arg;
	bool ended;                   /* the helper closed its side or died */
	/* private */
	struct talk_page *page;
	int64_t next_look; /* when `wanted` is asked again */
	unsigned asides;   /* lines so far that were no answer */
};

/* Sets up *t but for deadline, wanted and arg, which are the caller's to set. E_MEM. */
int talk_open(struct talk *t, const struct os_child *child);
/* Gives the page back, cleansed. Not yet opened (all zeros) is fine. */
void talk_close(struct talk *t);
/* Sends a line (NULL: none, for the greeting) and reads up to its answer. 0: *code is 0 for OK or
 * the low 16 bits of the error. data: the answer may carry data, which talk_data shows. E_CANCEL: the
 * deadline; E_CLOSED: not wanted; E_UNSUPPORTED: anything but an answer in turn; why is logged. */
int talk_ask(struct talk *t, const char *line, bool data, unsigned *code);
/* The data of the last answer, decoded; its length may be beyond what was kept, which is
 * SECRET_MAX bytes. Borrowed until the next talk_ask. */
struct view talk_data(const struct talk *t);

#endif

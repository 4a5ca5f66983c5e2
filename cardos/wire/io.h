/* The whole outside world: smart card readers as one small table of functions. A layer that
 * traces or injects faults is an io over another io. */
#ifndef CASTOR_CARDOS_WIRE_IO_H
#define CASTOR_CARDOS_WIRE_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct io;      /* a world of readers; thread-safe, lives as long as the library is open */
struct chan;    /* one connection to one card; used by one thread at a time */
struct waiter;  /* something one thread waits with, and another may cancel */

enum io_presence {
	IO_EMPTY,    /* the reader is there, no card in it */
	IO_PRESENT,  /* a card is in it and answers */
	IO_MUTE,     /* something is in it that does not answer */
	IO_NO_READER /* there is no reader of that name (any more) */
};

/* One reader as wait() sees it. In: name and what the caller knew. Out: what is so now. */
struct io_state {
	const char *reader;      /* borrowed; NULL: "the list of readers itself" */
	enum io_presence now;
	uint32_t events;         /* grows with every insertion and removal; wraps */
	bool changed;            /* differs from what came in */
	uint8_t atr[33];         /* of the card when IO_PRESENT */
	size_t atr_len;
};

enum io_end { IO_END_LEAVE, IO_END_RESET }; /* what happens to the card at the end */

struct io_ops {
	/* Appends the reader names, each with its NUL. No reader at all: 0 and nothing appended.
	 * E_NO_READER no service, E_REFUSED by policy, E_IO. */
	int (*list)(struct io *, struct buf *names);
	/* A waiter with a connection of its own. Free with waiter_free, not while in wait. */
	int (*waiter_new)(struct io *, struct waiter **);
	void (*waiter_free)(struct waiter **);
	/* Waits until a state differs from what was given, at most ms milliseconds (0: a poll,
	 * -1: for ever). 0 with `changed` set where it did, also when the time was over;
	 * E_CANCEL after cancel; E_NO_READER no service. A reader that is not there is a state,
	 * not an error. */
	int (*wait)(struct waiter *, struct io_state *states, size_t n, int ms);
	/* Makes wait return E_CANCEL in whatever thread it is, now and for ever after. Any thread. */
	void (*cancel)(struct waiter *);
	/* Connects, shared with other programs. E_GONE no card, E_NO_READER, E_BUSY held
	 * exclusively, E_REFUSED, E_CARD mute. */
	int (*open)(struct io *, const char *reader, struct chan **);
	/* Starts a transaction, waiting for neighbours at most deadline_ms (-1: as long as it
	 * takes). E_RESET: begun, and the card was reset by somebody since the last end, so that
	 * application, PIN and environment are lost. E_GONE, E_BUSY after the deadline. */
	int (*begin)(struct chan *, int deadline_ms);
	/* Ends it. Without a transaction: does nothing. E_GONE. After our own reset the next begin
	 * may or may not say E_RESET. */
	int (*end)(struct chan *, enum io_end);
	/* One command, one answer (appended to rsp, at most 65538 bytes). Both are bare bytes.
	 * E_GONE, E_RESET, E_PROTOCOL, E_IO. `secret`: cleanse every copy of both. After E_RESET
	 * nothing can be sent before end and begin, and that begin says E_RESET. */
	int (*transmit)(struct chan *, struct view cmd, bool secret, struct buf *rsp);
	/* A reader command (PC/SC part 10); its answer is appended, at most 4096 bytes. May take as
	 * long as a person needs to type. E_UNSUPPORTED, E_GONE, E_RESET, E_PROTOCOL, E_IO. NULL:
	 * there are none. */
	int (*control)(struct chan *, uint32_t code, struct view in, struct buf *out);
	/* What the command sent last was before secure messaging wrapped it, and its answer likewise; err: E_* that
	 * ended it. For tracers; NULL: nobody wants to know. */
	void (*plain)(struct chan *, struct view cmd, bool secret, struct view answer, int err);
	/* The card's ATR, borrowed while the chan lives. */
	struct view (*atr)(struct chan *);
	/* Disconnects and leaves the card as it is; *c becomes NULL. */
	void (*close)(struct chan **);
	/* No chan and no waiter may be left. */
	void (*free)(struct io **);
	/* See io_forget: frees the memory of the io and of all its chans and waiters. */
	void (*forget)(struct io **);
};

struct io {
	const struct io_ops *ops;
	int lag_ms; /* invariant: how long wait() may go on telling of a card that was pulled out */
};
struct chan { const struct io_ops *ops; };
struct waiter { const struct io_ops *ops; };

/* The io this module is built for: PC/SC in libcryptoki.so (io_pcsc.c), virtual cards in
 * libcryptoki-virtual.so (io_virtual.c). No connection is made yet. E_MEM. */
int io_default(struct io **out);
/* Whether io_default's cards are virtual, so that labels say TEST CARD. */
bool io_is_virtual(void);
/* After a fork, in the child: io, chans and waiters of the parent must be given up without a
 * word to the parent's readers. Frees the memory of all of them, takes no lock; *io becomes
 * NULL. Cards of that io are given up with card_forget first. */
void io_forget(struct io **io);

/* PC/SC through pcsc-lite. */
int io_pcsc_new(struct io **out);
/* Virtual cards behind Unix sockets; `spec`: "unix:/path||unix:/path2". Frames: vc.h. */
int io_sock_new(const char *spec, struct io **out);
/* Plays a trace back: each command must equal the next one of the trace. Reader name: the
 * trace's "= reader" line. E_FORMAT with a line for people in *why. */
int io_replay_new(struct view trace, struct io **out, struct buf *why);
/* Commands of the trace not played yet. */
size_t io_replay_left(const struct io *);

/* Writes every command of `under` (taken) to a trace file in the golden format. The only
 * code that prints APDUs. */
int io_trace_new(struct io **under, int fd, struct io **out);
/* Puts a tracer on *io (replaced) when the environment names a file in CASTOR_TRACE, and one that writes
 * into the log when its level is LOG_APDU; set-id programs have no such environment. A file that cannot
 * be used is warned of. */
void io_trace_default(struct io **io);

enum io_fault {
	FAULT_REMOVED, FAULT_RESET, FAULT_6F00, FAULT_6982, FAULT_EMPTY, FAULT_1BYTE,
	FAULT_64K, FAULT_61LOOP, FAULT_6CLOOP, FAULT_TIMEOUT,
	FAULT_LOST,     /* a timeout after the command was carried out: its answer does not arrive */
	FAULT_COUNT
};
/* Passes everything to `under` (taken) but fails the n-th transmit or control from now, once or (the
 * loops, REMOVED) until told otherwise. */
int io_fault_new(struct io **under, struct io **out);
void io_fault_set(struct io *, unsigned n, enum io_fault kind);
/* Transmits since the last io_fault_set. */
unsigned io_fault_count(const struct io *);
bool io_fault_fired(const struct io *);

#endif

/*
 * A virtual smart card with its reader: what a program in the same process calls (door "a").
 *
 * Every function may be called from any thread: the card has one lock, which is not held while a
 * `slow` card thinks. Nothing here knows the library under test; the card is written from the facts
 * alone.
 *
 * The doors of castor-vcard ("b", a Unix socket; "c", vpcd) carry the frames of vsmartcard: a
 * 2-byte big-endian length and a payload. Payloads of one byte (and 0x21) are controls:
 *
 *   00 off     01 on     02 reset      no answer
 *   04 ATR wanted                      answer: the ATR; an empty frame while no card is in
 *   10 begin a transaction             answer, when it is free: 1 byte VC_BEGIN_*
 *   11 end, leave the card             answer: 1 byte 00
 *   12 end, reset the card             answer: 1 byte 00
 *   20 state                           answer: 1 byte present, 4-byte event counter, ATR if present
 *   21 C(4) T(4) wait for a change     answer as 20, once the counter is not C, or T milliseconds
 *                                      went by (T = FFFFFFFF: for ever), or the client sent another
 *                                      frame
 *
 * (10 to 21 only on the Unix socket.) Any other payload is a command APDU, answered with a response
 * APDU. The answer is an empty frame when no card is in, when it was taken out or reset while the
 * command ran, or when it left since the transaction began; 20 tells which. An APDU outside a
 * transaction waits for the transactions of others, as SCardTransmit does.
 */
#ifndef CASTOR_T_VC_H
#define CASTOR_T_VC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vc;

/* vc_apdu's length when the card never answers (fault `timeout`). */
#define VC_SILENT ((size_t)-1)

#define VC_MAX_RESPONSE 65535   /* bytes of the longest answer, that of the fault `64k` */
#define VC_MAX_ATR 33

enum vc_begin { VC_BEGIN_OK = 0, VC_BEGIN_RESET = 1, VC_BEGIN_GONE = 2 };

enum vc_fault {
	VC_FAULT_NONE,
	VC_FAULT_REMOVED,       /* the card is pulled out instead of answering */
	VC_FAULT_RESET,         /* it is reset by somebody else instead of answering */
	VC_FAULT_6F00,
	VC_FAULT_6982,
	VC_FAULT_EMPTY,         /* an answer of no bytes */
	VC_FAULT_1BYTE,
	VC_FAULT_64K,           /* 65535 bytes */
	VC_FAULT_61LOOP,        /* 61 10 again and again while GET RESPONSE follows */
	VC_FAULT_6CLOOP,        /* 6C 10 again and again while the same command follows */
	VC_FAULT_TIMEOUT,       /* no answer, ever */
	VC_FAULTS
};

/*
 * Counts since vc_new, and whether a card is in. `events` changes with each insertion and removal,
 * `epoch` with these and with each reset.
 */
struct vc_counts { uint32_t apdus, resets, events, epoch; bool present; };

/*
 * A card from the image file at `path`, inserted, powered and reset. NULL on error, with one line
 * "FILE:LINE: what" in err. The caller frees it with vc_free.
 * Source: the image schema is ours, castor-vcard(1).
 */
struct vc *vc_new(const char *path, char *err, size_t errlen);

/* Frees a card and sets the pointer to NULL; NULL is fine. No other call may run. */
void vc_free(struct vc **vc);

/*
 * Puts another card in the reader, from an image file: one removal, one insertion. On error (as
 * vc_new) the old card stays. True on success.
 */
bool vc_swap(struct vc *vc, const char *path, char *err, size_t errlen);

/* The two readers change cards, and nobody sees it: each shows no more than a reset. */
void vc_exchange(struct vc *vc, struct vc *other);

/*
 * Sends one command APDU of `inlen` bytes; the answer (data and SW1 SW2) goes to out, its length is
 * returned: at most outcap bytes (a longer answer is cut). 0: no card, or it was removed or reset
 * meanwhile. VC_SILENT: a fault, nothing comes. Counts, faults and the log act here.
 */
size_t vc_apdu(struct vc *vc, const uint8_t *in, size_t inlen, uint8_t *out, size_t outcap);

/* Warm reset: PINs, security environment and half-done chains are forgotten. */
void vc_reset(struct vc *vc);

/* Copies the ATR (at most VC_MAX_ATR bytes) and returns its length; 0 while no card is in. */
size_t vc_atr(struct vc *vc, uint8_t *out, size_t cap);

/* Takes the card out, puts it back (powered anew); true when that changed something. */
bool vc_remove(struct vc *vc);
bool vc_insert(struct vc *vc);
bool vc_present(struct vc *vc);

/* A snapshot of the counters. */
struct vc_counts vc_counts(struct vc *vc);

/* Tries left of a PIN, or of its PUK; -1 when there is no such PIN. */
int vc_tries(struct vc *vc, unsigned pin);
int vc_puk_tries(struct vc *vc, unsigned pin);

/*
 * Sets the tries left (0..15) of a PIN; false when there is no such PIN. A verified state is
 * dropped.
 */
bool vc_set_tries(struct vc *vc, unsigned pin, unsigned tries);

/* Whether the card would let a PIN's keys be used now: 1 or 0; -1 when there is no such PIN. */
int vc_pin_is_open(struct vc *vc, unsigned pin);

/*
 * Gives a PIN another value that fits its block (at most 16 characters), as another program would: its tries are full, it is
 * not verified. False when there is no such PIN or the value does not fit.
 */
bool vc_set_pin(struct vc *vc, unsigned pin, const char *value);

/*
 * Appends "1=1234 2=123456", the values of all PINs, to text of `cap` bytes; they are the published ones
 * of a test card.
 */
void vc_pins(struct vc *vc, char *text, size_t cap);

/* Every later APDU takes `ms` milliseconds more. */
void vc_slow(struct vc *vc, unsigned ms);

/*
 * The n-th APDU from now (1 = the next) meets the fault; VC_FAULT_NONE takes a planned fault back.
 */
void vc_fault(struct vc *vc, unsigned n, enum vc_fault kind);

/* Faults by their console names ("removed", "6F00", ...); VC_FAULTS for an unknown one. */
enum vc_fault vc_fault_named(const char *name);

/*
 * Appends every APDU to a file, in the format of castor-trace(5), with the bodies of PIN commands,
 * key imports and deciphered answers starred. NULL ends it. False when the file cannot be opened.
 */
bool vc_log(struct vc *vc, const char *path);

/*
 * `fn(arg)` runs after each insertion, removal and reset, without the lock; for the doors. One at a
 * time.
 */
void vc_on_event(struct vc *vc, void (*fn)(void *), void *arg);

#endif

/* The doors of castor-vcard: how programs outside reach the card. The frames are told in vc.h. */
#ifndef CASTOR_T_VC_DOOR_H
#define CASTOR_T_VC_DOOR_H

#include <stdbool.h>
#include <stddef.h>

#include "t/vcard/vc.h"

struct vc_door;

/*
 * The desk at which all doors share one card; takes over vc_on_event. NULL: no memory. vc_door_free
 * it.
 */
struct vc_door *vc_door_new(struct vc *vc);

/*
 * Listens on a Unix socket (mode 0600; a socket left by a dead program is replaced) and serves each
 * client in a thread. False with one line in err.
 */
bool vc_door_listen(struct vc_door *door, const char *path, char *err, size_t errlen);

/*
 * Plays the card for vpcd at "HOST:PORT", now and after each restart of pcscd. False with one line
 * in err when the address cannot be. Source: frankmorgner/vsmartcard:
 * virtualsmartcard/src/vpcd/vpcd.c [driver].
 */
bool vc_door_vpcd(struct vc_door *door, const char *hostport, char *err, size_t errlen);

/* Waits at most `ms` for the vpcd connection; true when it stands. */
bool vc_door_vpcd_ready(struct vc_door *door, int ms);

/* Ends every connection and thread, removes the socket, sets the pointer to NULL; NULL is fine. */
void vc_door_free(struct vc_door **door);

/* A listening Unix socket of mode 0600 at path, or -1 with one line in err. */
int vc_unix_listen(const char *path, char *err, size_t errlen);

/* A connection to a Unix socket, or -1 with errno. */
int vc_unix_connect(const char *path);

/* --- vc_console.c --- */

/*
 * Runs one console line and writes the answer (text with a newline; errors begin with "error: ").
 * False: the console asks to quit.
 */
bool vc_console_line(struct vc *vc, const char *line, char *answer, size_t cap);

struct vc_console;

/*
 * Answers one line per connection at a Unix socket, in a thread; `quit` runs on_quit. NULL with a
 * line in err.
 */
struct vc_console *vc_console_listen(
	struct vc *vc, const char *path, void (*on_quit)(void), char *err, size_t errlen);

/* Ends the console thread and removes its socket; sets the pointer to NULL, NULL is fine. */
void vc_console_free(struct vc_console **con);

/*
 * The client: sends the words as one line to the socket and prints the answer; exit status 0, 1
 * or 2.
 */
int vc_console_ctl(const char *path, char **words, int n);

#endif

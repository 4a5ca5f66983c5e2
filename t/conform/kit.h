/*
 * What the black-box programs share: a module loaded by dlopen, one test slot, TAP lines.
 *
 * Nothing here knows which module it is: only the C_* functions of PKCS#11 v2.40 are used.
 * Environment (all optional):
 *   CASTOR_TEST_SLOT     slot id; without it the first slot with a token
 *   CASTOR_TEST_PIN      user PIN [1234]
 *   CASTOR_TEST_SO_PIN   SO PIN (for cards the PUK); without it the SO rows are left out
 *   CASTOR_TEST_REMOVE   shell command that takes the card out   } without them the rows of
 *   CASTOR_TEST_INSERT   shell command that puts it back         } removal are left out
 *   CASTOR_TEST_RESET    shell command that resets the card as a neighbour would
 *   CASTOR_TEST_SKIP     leaves out the rules with this text (for a module that dies there)
 *   CASTOR_TEST_DIALOGS  the module can ask a person, who gives the right PIN ...
 *   CASTOR_TEST_CANCELS  ... or cancels
 *   CASTOR_TEST_VERBOSE  print every CK_RV seen
 */
#ifndef CASTOR_T_CONFORM_KIT_H
#define CASTOR_T_CONFORM_KIT_H

#include <p11-kit/pkcs11.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What p11-kit's 2.40 header leaves out; values: OASIS pkcs11t.h v2.40 errata 1, v3.0. */
enum {
	KIT_CKO_PROFILE = 0x9,
	KIT_CKA_PROFILE_ID = 0x601,
	KIT_CKP_PUBLIC_CERTIFICATES_TOKEN = 4,
	KIT_CKR_UNWRAPPING_KEY_HANDLE_INVALID = 0xf0,
};

#define KIT_NOWHERE 0xdeadbeefUL /* a handle, slot or object that no module gives out */

struct kit {
	const char *path;
	void *dl;
	CK_FUNCTION_LIST *f;
	CK_SLOT_ID slot;
	CK_BYTE pin[64], so_pin[64];
	CK_ULONG pin_len, so_pin_len;
	const char *remove, *insert, *skip;
	bool verbose;
	bool strict; /* disableCryptokiAutoLogin=1: plain Cryptoki */
	bool dialogs; /* the module can ask a person: see dialogs.h */
	bool cancels; /* who cancels */
};

struct blob {
	CK_ULONG len;
	CK_BYTE p[8192];
};

/* A set of answers that the specification allows. */
struct rvs {
	size_t n;
	CK_RV rv[6];
};

extern struct kit kit;

/* Loads the module named by argv[1] and reads the environment; ends the program on failure. */
void kit_open(int argc, char **argv);
/* C_Initialize with OS locking; ends the program on failure. */
void kit_start(void);
/* Finds kit.slot (the library must be initialised); ends the program when there is no token. */
void kit_pick_slot(void);
/* Runs a hook and waits until C_GetSlotInfo of kit.slot tells the new state (10 s at most). */
bool kit_take_out(void);
bool kit_put_in(void);
/* Opens a session in kit.slot; CK_INVALID_HANDLE and a failing TAP line when it cannot. */
CK_SESSION_HANDLE kit_session(CK_FLAGS more);
/* C_Login as the user; already logged in counts as success. */
bool kit_login(CK_SESSION_HANDLE h);
/* All handles (at most `max`) that match; the count. */
size_t kit_find(CK_SESSION_HANDLE h, CK_ATTRIBUTE *t, CK_ULONG n, CK_OBJECT_HANDLE *out,
		size_t max);
/* The first object of a class and key type (~0UL: any); CK_INVALID_HANDLE when there is none. */
CK_OBJECT_HANDLE kit_find_key(CK_SESSION_HANDLE h, CK_OBJECT_CLASS cls, CK_KEY_TYPE type);
/* One attribute by the two-call convention. */
bool kit_attr(CK_SESSION_HANDLE h, CK_OBJECT_HANDLE o, CK_ATTRIBUTE_TYPE type, struct blob *out);
CK_ULONG kit_attr_ulong(CK_SESSION_HANDLE h, CK_OBJECT_HANDLE o, CK_ATTRIBUTE_TYPE type);
bool kit_attr_true(CK_SESSION_HANDLE h, CK_OBJECT_HANDLE o, CK_ATTRIBUTE_TYPE type);
/* A signature with SHA256_RSA_PKCS, whole or in its two calls. */
CK_RV kit_sign_init(CK_SESSION_HANDLE h, CK_OBJECT_HANDLE key);
CK_RV kit_sign_end(CK_SESSION_HANDLE h);
CK_RV kit_sign(CK_SESSION_HANDLE h, CK_OBJECT_HANDLE key);
/* Milliseconds of a monotonic clock. */
uint64_t kit_ms(void);
void kit_sleep_ms(unsigned ms);
/* Entries of a folder such as /proc/self/task or /proc/self/fd, without . and .. */
size_t kit_count_dir(const char *path);

const char *rv_name(CK_RV rv);

/* One TAP line each; the answer is that the rule holds. */
__attribute__((format(printf, 2, 3))) bool tap(bool holds, const char *rule, ...);
__attribute__((format(printf, 3, 4))) bool tap_rv(CK_RV got, CK_RV want, const char *rule, ...);
__attribute__((format(printf, 3, 4))) bool tap_rvs(CK_RV got, const struct rvs *want,
						   const char *rule, ...);
__attribute__((format(printf, 1, 2))) void tap_note(const char *fmt, ...);
/* "Bail out!" and exit: nothing after this can be trusted. */
__attribute__((format(printf, 1, 2), noreturn)) void tap_bail(const char *fmt, ...);
/* What is being done, for the watchdog and for a crash. */
void tap_doing(const char *what);
/* From now on a step that takes longer than this many seconds ends the program. */
void tap_watchdog(unsigned seconds);
/* Prints the plan; the exit status of the program. */
int tap_end(void);

#endif

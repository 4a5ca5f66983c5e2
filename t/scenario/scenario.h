/* One card of t/cards through all that people and programs do with it: the C_ functions over a virtual card in
 * this process, what is right from a file of expectations (expect.h) and from OpenSSL (witness.h), the tries of
 * PINs from the card itself. */
#ifndef CASTOR_T_SCENARIO_H
#define CASTOR_T_SCENARIO_H

#include <check.h>
#include <string.h>

#include "t/fault/module.h"
#include "t/scenario/expect.h"
#include "t/scenario/witness.h"

#define COUNT(a) (sizeof (a) / sizeof (a)[0])

extern struct expect want;

/* Every C_Initialize of the suite: plain Cryptoki; what other programs of the user do is nothing to it. */
extern const char plain[];

/* These settings, and the card access number where the card has one; that line alone. */
void settings(const char *text);
const char *can_line(void);

/* Notes something that is wrong and goes on; settle() fails the test with all of it. */
void wrong(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
unsigned n_wrong(void);
/* The end of a test: the card has all tries and holds no PIN open that is given for each use. Fails with what
 * was noted. */
void settle(void);
/* Whether all tries are left, or else notes it. */
bool tries_are_whole(const char *when);
/* valgrind and the like: samples instead of all. */
bool is_slow(void);

/* Puts a new card in the reader; one that comes unused is activated with its PINs first. */
void fresh_card(void);
/* The same as it comes. */
void new_card(void);
/* A new library, and a session in a slot (from 0). */
CK_SESSION_HANDLE begin(unsigned slot);
/* In the library that is open: a session in a slot; 0: there is none, which is noted. */
CK_SESSION_HANDLE session(unsigned slot);
/* How many slots have a token, in the library that is open; the ID of one of them as it was then, from 0. */
size_t look_for_slots(void);
CK_SLOT_ID slot_id(unsigned slot);
/* C_Finalize. */
void finish(void);

CK_RV login(CK_SESSION_HANDLE h, unsigned slot);
/* C_Login as SO with the PUK, and C_InitPIN. */
CK_RV unblock(CK_SESSION_HANDLE h, const char *puk, const char *pin);
CK_FLAGS flags_of(CK_SESSION_HANDLE h);

/* The object of a class with its ID; 0: there is none. */
CK_OBJECT_HANDLE object_of(CK_SESSION_HANDLE h, CK_OBJECT_CLASS cls, const struct expect_object *o);
/* An attribute of at most `room` bytes; its length, or CK_UNAVAILABLE_INFORMATION. */
CK_ULONG attribute(CK_SESSION_HANDLE h, CK_OBJECT_HANDLE o, CK_ATTRIBUTE_TYPE type, void *out, CK_ULONG room);
CK_ULONG attribute_ulong(CK_SESSION_HANDLE h, CK_OBJECT_HANDLE o, CK_ATTRIBUTE_TYPE type);
/* CK_TRUE, CK_FALSE; 2 when it cannot be had. */
CK_BBOOL attribute_bool(CK_SESSION_HANDLE h, CK_OBJECT_HANDLE o, CK_ATTRIBUTE_TYPE type);

/* The public half by its certificate or its file; ends the test when there is none. The caller frees it. */
EVP_PKEY *public_of(const struct expect_object *key);
/* The first key of a slot that signs, or NULL; and a way its slot lists for it. */
const struct expect_object *signer_of(unsigned slot, const struct way **way);
/* The parameter that a way needs, in pss; salt in bytes. */
CK_MECHANISM mechanism(const struct way *way, const struct hash_name *hash, size_t salt, CK_RSA_PKCS_PSS_PARAMS *pss);
/* The PIN that a slot wants before each signature; NULL: the login is enough. */
const char *pin_of_use(unsigned slot);
/* Whether a use of a key failed because the card had dropped the PIN of its slot unasked, and C_Login has taken
 * it anew, so that the use is to be tried once more. */
bool back_in(CK_SESSION_HANDLE h, CK_RV rv);
/* C_SignInit, a context-specific login unless `pin` is NULL, C_Sign; the operation is over. */
CK_RV sign(CK_SESSION_HANDLE h, CK_OBJECT_HANDLE key, const char *pin, CK_MECHANISM *m, const CK_BYTE *in, size_t n,
    CK_BYTE *sig, CK_ULONG *nsig);
/* The same of some text with the key that signer_of names; notes a signature that does not verify. */
CK_RV sign_text(CK_SESSION_HANDLE h, unsigned slot, CK_OBJECT_HANDLE key, const char *pin);
/* Logs in (PINs that are given for each use: so is this one) and signs a text; notes what is wrong. */
void logs_in_and_signs(CK_SESSION_HANDLE h, unsigned slot, const char *when);

/* Adds the tests of a part. */
void list_tests(Suite *suite);
void key_tests(Suite *suite);
void pin_tests(Suite *suite);
void accident_tests(Suite *suite);

#endif

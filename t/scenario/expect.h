/* What a program is to find on a card and what the card is to do: a text file beside its image, which knows
 * nothing of the library. A line each, fields between blanks, a label is the rest of its line:
 *
 *   can NUMBER                 the card access number that the settings have
 *   image FILE                 of t/cards; without it the one named as this file
 *   profile FILE               of t/cards/profiles: the user's own, without which nobody knows the card
 *   slot N KEY=VALUE...        N: 1, 2 in the order of slots with a token. pin, puk, new (another PIN), vc (the
 *                              PIN's number in the image), tries, puk-tries, min, max; each=yes: the PIN is
 *                              given for every use; drops=yes: the card forgets it after each use, and nothing says
 *                              so: a program logs in again when it is told, a kept PIN is entered again;
 *                              blob=sign|refuse: what CKM_RSA_PKCS does with what is no
 *                              DigestInfo; salt=any|hash: of PSS; label=any|none: of OAEP; oaep=HASH,..: what OAEP takes (all of them);
 *                              unblock=no: there is no way to; activation=change|unblock code=C: it comes unused;
 *                              forgets=no: no command makes the card forget a PIN, so one that other programs
 *                              may use as well stays open at a logout; told=no: the card does not say how many tries are left
 *   token N LABEL
 *   key N ID rsa|ec BITS USE,.. LABEL            uses: sign, decrypt, derive; or none
 *   cert N ID FILE user|ca LABEL                 FILE: PEM, below t/cards
 *   lost N ID LABEL            a certificate that the card lists and cannot give: shown until somebody wants it
 *   public N ID FILE                             of a key that has no certificate
 *   mechs N sign|decrypt|derive|generate NAME... without CKM_; hashes alone are every slot's
 *   mechs N as M                                 the same as those of slot M above
 *   apdus WHAT=MOST...                           dirs, list, login-sign, sign */
#ifndef CASTOR_T_EXPECT_H
#define CASTOR_T_EXPECT_H

#include <stdbool.h>
#include <stddef.h>

#include "token/cryptoki.h"

enum {
	EXPECT_SLOTS = 4,
	EXPECT_ROWS = 32,       /* keys, certificates, public keys */
	EXPECT_MECHS = 160,
	EXPECT_ID = 32,         /* bytes */
	EXPECT_TEXT = 128
};

struct expect_slot {
	char pin[20], puk[20], new[20], code[20];
	char token[EXPECT_TEXT], oaep[EXPECT_TEXT];
	unsigned vc;
	int tries, puk_tries;
	CK_ULONG min, max, activation;  /* enum pin_activation */
	bool each, drops, blobs, salts, labels, unblocks, told, forgets;
};

struct expect_object {
	unsigned slot;          /* from 0 */
	CK_BYTE id[EXPECT_ID];
	CK_ULONG id_len;
	CK_KEY_TYPE type;       /* of a key */
	CK_ULONG bits;
	CK_FLAGS uses;          /* CKF_SIGN, CKF_DECRYPT, CKF_DERIVE */
	bool ca;
	char file[EXPECT_TEXT], label[EXPECT_TEXT];
};

struct expect {
	char image[EXPECT_TEXT], profile[EXPECT_TEXT], can[16];
	struct expect_slot slot[EXPECT_SLOTS];
	struct expect_object key[EXPECT_ROWS], cert[EXPECT_ROWS], lost[EXPECT_ROWS], pub[EXPECT_ROWS];
	struct { unsigned slot; CK_MECHANISM_TYPE type; CK_FLAGS use; } mech[EXPECT_MECHS];
	size_t nslot, nkey, ncert, nlost, npub, nmech;
	unsigned dirs, list, login_sign, sign; /* APDUs at most; 0: nobody cares */
};

/* Reads a file; what is wrong in it ends the program with its line. */
void expect_read(const char *path, struct expect *e);
/* Whether a slot is to list a mechanism for this use. */
bool expect_mech(const struct expect *e, unsigned slot, CK_MECHANISM_TYPE type, CK_FLAGS use);

/* The mechanisms of keys that PKCS#11 has and this suite can check, by name; ~0UL: none. */
CK_MECHANISM_TYPE mech_named(const char *name);
const char *mech_name(CK_MECHANISM_TYPE type);

#endif

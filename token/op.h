/* Operations: init, update, final. One of each kind per session; the session's lock is held
 * by all callers. Source: PKCS#11 v2.40 5.8 to 5.13. */
#ifndef CASTOR_TOKEN_OP_H
#define CASTOR_TOKEN_OP_H

#include "token/mech.h"
#include "token/object.h"
#include "token/soft.h"

struct session;

enum op_kind {
	OP_DIGEST, OP_SIGN, OP_SIGN_RECOVER, OP_VERIFY, OP_VERIFY_RECOVER, OP_ENCRYPT, OP_DECRYPT,
	OP_KINDS
};

struct op {
	const struct mech *m;       /* NULL: not active */
	struct mech_params params;
	struct object *key;         /* a reference; NULL for digests */
	struct soft_pub *pub;       /* its public numbers */
	struct soft_md *md;         /* running hash; NULL when the mechanism has none */
	struct buf data;            /* collected input when there is no hash */
	bool busy;                  /* its thread waits for a person, without the session's lock */
	bool updated;               /* the multi-part way was begun */
	bool has_result;            /* the card did its part, the caller's buffer was too small */
	struct buf result;          /* secret */
};

/* Starts one. key 0 for digests. CKR_OPERATION_ACTIVE, CKR_MECHANISM_INVALID,
 * CKR_MECHANISM_PARAM_INVALID, CKR_KEY_HANDLE_INVALID, CKR_KEY_TYPE_INCONSISTENT,
 * CKR_KEY_FUNCTION_NOT_PERMITTED. No APDU but for reading a certificate not read yet. */
CK_RV op_init(struct session *s, enum op_kind kind, const CK_MECHANISM *ck, CK_OBJECT_HANDLE key);
bool op_active(const struct session *s, enum op_kind kind);
/* Whether another thread is in the middle of it: CKR_OPERATION_ACTIVE, and nothing is touched. */
bool op_busy(const struct session *s, enum op_kind kind);
/* Bytes the result takes at most; exact for signatures and digests. */
CK_ULONG op_result_len(const struct session *s, enum op_kind kind);
/* Whether the result may turn out shorter than op_result_len (decryption, recovery). */
bool op_result_varies(enum op_kind kind);
/* More input. An error ends the operation, which is the caller's to do. */
CK_RV op_update(struct session *s, enum op_kind kind, struct view in);
/* Finishes with the input given so far into op->result. Card I/O for private keys.
 * The operation stays for the caller to end. */
CK_RV op_finish(struct session *s, enum op_kind kind);
/* Checks a signature against the input so far. */
CK_RV op_verify(struct session *s, struct view signature);
/* Adds a secret key's value to a digest. CKR_KEY_INDIGESTIBLE, CKR_KEY_HANDLE_INVALID. */
CK_RV op_digest_key(struct session *s, CK_OBJECT_HANDLE key);
/* Ends it; fine when it is not active. */
void op_end(struct session *s, enum op_kind kind);

/* C_DeriveKey: ECDH on the card, a session object out. */
CK_RV op_derive(struct session *s, const CK_MECHANISM *ck, CK_OBJECT_HANDLE base,
    const CK_ATTRIBUTE *t, CK_ULONG n, CK_OBJECT_HANDLE *out);
/* Random bytes: of the card, or of OpenSSL where the card has none. */
CK_RV op_random(struct session *s, CK_BYTE *out, CK_ULONG n);

#endif

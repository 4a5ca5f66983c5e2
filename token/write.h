/* Objects on the card: made, changed, destroyed. One transaction each; a failed write takes
 * back what it had put there. */
#ifndef CASTOR_TOKEN_WRITE_H
#define CASTOR_TOKEN_WRITE_H

#include "cardos/card.h"
#include "token/session.h"

/* A key pair to be put on the card. */
struct new_pair {
	enum key_kind kind;
	unsigned bits;
	enum curve curve;           /* EC */
	bool make;                  /* the card makes the key; false: `parts` are imported */
	struct key_parts parts;     /* in for an import; out: the public part. Secret */
	struct p15_object priv, pub; /* label, id, usage, access, subject; the rest is filled in */
};

/* Whether this session may write: CKR_SESSION_READ_ONLY, CKR_USER_NOT_LOGGED_IN. */
CK_RV write_allowed(struct session *s);
/* Puts the pair and its two records on the card; handles of the new objects, either may be NULL. */
CK_RV write_pair(struct session *s, struct new_pair *pair, CK_OBJECT_HANDLE *pub,
    CK_OBJECT_HANDLE *priv);
/* A token object from checked attributes: certificates, data objects, private keys. */
CK_RV write_object(struct session *s, const struct attrs *a, CK_OBJECT_HANDLE *out);
/* Takes the object's record and file off the card. CKR_ACTION_PROHIBITED for what is on no card;
 * CKR_OBJECT_HANDLE_INVALID when another program took it away. */
CK_RV write_destroy(struct session *s, const struct object *o);
/* CKA_LABEL and CKA_ID of an object on the card, of a key CKA_SUBJECT too. `a` (taken): all its
 * attributes as they shall be. CKR_ATTRIBUTE_READ_ONLY for other attributes and for a record that
 * is not of our own making; CKR_OBJECT_HANDLE_INVALID when another program took it away. */
CK_RV write_change(struct session *s, const struct object *o, struct attrs *a);

#endif

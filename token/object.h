/* One PKCS#11 object. Attributes never change once built; what must be read from the card
 * first (a certificate's body) swaps in a fuller array, once. */
#ifndef CASTOR_TOKEN_OBJECT_H
#define CASTOR_TOKEN_OBJECT_H

#include <stdatomic.h>

#include "mapping/p15.h"
#include "token/attrs.h"

struct reader;

/* Something on the card that objects show, whole or in part: a certificate, a public key, data. */
struct source {
	atomic_int refs;
	enum source_kind { SOURCE_CERT, SOURCE_PUBLIC, SOURCE_DATA, SOURCE_KEY } kind; /* invariant */
	struct path path;               /* invariant */
	struct key_ref key;             /* invariant; SOURCE_KEY: the private key, asked for its numbers */
	struct range range;             /* invariant */
	bool is_direct;                 /* invariant: the directory itself held it: no I/O */
	_Atomic(struct buf *) body;     /* NULL until read; then invariant. Empty: cannot be read */
};

/* Where an object is on the card, for operations and for later changes. */
struct on_card {
	bool is;                        /* false: made up by us, or a session object */
	enum p15_kind kind;
	struct key_ref key;             /* of private keys */
	struct p15_id auth_id;          /* the PIN that guards it; len 0: none said */
	bool user_consent;              /* its record says: the PIN is wanted for every single use */
	struct path path;               /* of its value */
	struct path dir;                /* EF that holds its record, which names the path */
};

struct object {
	_Atomic(CK_OBJECT_HANDLE) h;    /* never given out twice; a logout changes it */
	atomic_int refs;
	CK_OBJECT_CLASS cls;            /* invariant */
	bool token, priv;               /* invariant: CKA_TOKEN, CKA_PRIVATE */
	CK_SESSION_HANDLE owner;        /* invariant: session of a session object; 0 */
	unsigned pin;                   /* invariant: which of the card's slots shows it */
	struct attrs *base;             /* invariant, owned: known without reading the body */
	_Atomic(struct attrs *) full;   /* NULL until the body was read; then invariant, owned */
	struct source *src;             /* invariant, a reference; NULL: base is everything */
	struct on_card at;              /* invariant: where it is; of objects on the card */
};

/* A new object over `base` (taken, even on failure). Class, token and private flags are read
 * out of it. One reference, the caller's. NULL: no memory. */
struct object *object_new(struct attrs *base, CK_SESSION_HANDLE owner, unsigned pin);
/* Another handle: whoever holds the old one misses from now on. */
void object_rename(struct object *o);
struct object *object_ref(struct object *o);
void object_unref(struct object **o);

/* One reference, the caller's; path and range are for the caller to fill in. NULL: no memory.
 * The last unref frees the body; *s becomes NULL. */
struct source *source_new(enum source_kind kind);
struct source *source_ref(struct source *s);
void source_unref(struct source **s);

/* All attributes there are by now. Borrowed while o lives. */
const struct attrs *object_attrs(const struct object *o);
/* Whether the body of an object of that class can add that type. */
bool object_is_lazy(CK_OBJECT_CLASS cls, CK_ATTRIBUTE_TYPE type);
/* Whether the type may be had only after the body is read, and it was not read yet. */
bool object_needs_body(const struct object *o, CK_ATTRIBUTE_TYPE type);

enum match { MATCH_NO, MATCH_YES, MATCH_NEEDS_BODY };
/* Whether every attribute of a search template is there with exactly that value. */
enum match object_match(const struct object *o, const CK_ATTRIBUTE *t, CK_ULONG n);
/* C_GetAttributeValue's rules for a whole template (PKCS#11 v2.40 5.7). */
CK_RV object_get(const struct object *o, CK_ATTRIBUTE *t, CK_ULONG n);

#endif

/* The attributes of one object: a sorted, immutable array in one allocation. */
#ifndef CASTOR_TOKEN_ATTRS_H
#define CASTOR_TOKEN_ATTRS_H

#include <stdbool.h>

#include "base/buf.h"
#include "token/cryptoki.h"

struct attr {
	CK_ATTRIBUTE_TYPE type;
	bool hidden;        /* exists, but its value is never told (CKR_ATTRIBUTE_SENSITIVE) */
	struct view value;  /* into the same allocation */
};

struct attrs {
	size_t n;
	size_t size;        /* bytes of the allocation */
	struct attr a[];    /* ascending by type */
};

/* Collects attributes; a later one of the same type replaces an earlier. Zero-initialise. */
struct attrs_build {
	struct { CK_ATTRIBUTE_TYPE type; bool hidden; size_t off, len; } *a;
	size_t n, cap;
	struct buf bytes;
	bool bad;
};

/* Collect one attribute of each kind of value, copied. A failure is told by attrs_seal. */
void attrs_put(struct attrs_build *b, CK_ATTRIBUTE_TYPE type, struct view value);
void attrs_bool(struct attrs_build *b, CK_ATTRIBUTE_TYPE type, bool value);
void attrs_ulong(struct attrs_build *b, CK_ATTRIBUTE_TYPE type, CK_ULONG value);
void attrs_text(struct attrs_build *b, CK_ATTRIBUTE_TYPE type, const char *value);
/* Present but never told. */
void attrs_hide(struct attrs_build *b, CK_ATTRIBUTE_TYPE type);
/* Adds all of `from`; those already collected stay as they are. */
void attrs_add_all(struct attrs_build *b, const struct attrs *from);
/* Whether something of this type was collected. */
bool attrs_has(const struct attrs_build *b, CK_ATTRIBUTE_TYPE type);
/* The finished array; the builder is emptied whatever happens. NULL: no memory. Owner: caller;
 * attrs_free cleanses, since a session key's value may be inside. */
struct attrs *attrs_seal(struct attrs_build *b);
void attrs_build_free(struct attrs_build *b);
void attrs_free(struct attrs **a);

/* NULL: there is none of this type. */
const struct attr *attrs_get(const struct attrs *a, CK_ATTRIBUTE_TYPE type);
/* Values by type; the default when absent, hidden or of another length. */
bool attrs_get_bool(const struct attrs *a, CK_ATTRIBUTE_TYPE type, bool def);
CK_ULONG attrs_get_ulong(const struct attrs *a, CK_ATTRIBUTE_TYPE type, CK_ULONG def);
struct view attrs_get_view(const struct attrs *a, CK_ATTRIBUTE_TYPE type);

/* Template look-ups on a caller's array. Big integers of callers may lead with zeros. */
const CK_ATTRIBUTE *template_get(const CK_ATTRIBUTE *t, CK_ULONG n, CK_ATTRIBUTE_TYPE type);
/* CKR_ATTRIBUTE_VALUE_INVALID when it is there with another length than its type has. */
CK_RV template_bool(const CK_ATTRIBUTE *t, CK_ULONG n, CK_ATTRIBUTE_TYPE type, bool *value);
CK_RV template_ulong(const CK_ATTRIBUTE *t, CK_ULONG n, CK_ATTRIBUTE_TYPE type, CK_ULONG *value);

#endif

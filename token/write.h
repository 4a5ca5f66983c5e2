/* Objects on the card: made, changed, destroyed. Directories are changed by splice, never by
 * re-encoding a foreign record; a cut write leaves the card as it was (DESIGN 7). */
#ifndef CASTOR_TOKEN_WRITE_H
#define CASTOR_TOKEN_WRITE_H

#include "token/session.h"

/* A token object from finished attributes: certificates, data objects, keys to import. */
CK_RV write_object(struct session *s, const struct attrs *a, CK_OBJECT_HANDLE *out);
CK_RV write_destroy(struct session *s, const struct object *o);
CK_RV write_change(struct session *s, const struct object *o, const struct attrs *a);

#endif

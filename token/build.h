/* Records of a card's directories become objects here, and nowhere else are CKA_ values made
 * up. Source: PKCS#11 v2.40 4; PKCS#15 v1.1 to PKCS#11: facts of the field in the .c file. */
#ifndef CASTOR_TOKEN_BUILD_H
#define CASTOR_TOKEN_BUILD_H

#include "token/object.h"

struct object_list { struct object **p; size_t n, cap; };

/* Appends o (taken, even on failure). E_MEM. */
int object_list_take(struct object_list *l, struct object *o);
void object_list_free(struct object_list *l);
/* Moves all of `from` behind what is in l, or nothing: E_MEM. */
int object_list_join(struct object_list *l, struct object_list *from);

/* One PIN slot, as far as objects care. */
struct build_slot {
	struct p15_id auth_id;  /* the PIN's; len 0: no such PIN */
	bool each_time;         /* its keys want the PIN for every use */
	bool hidden;            /* the slot is not shown, nor anything in it */
};
struct build_slots { struct build_slot *p; unsigned n; };

/* Every object of a card, from its records (which may be freed afterwards), each in the slot of the
 * PIN that guards it: keys and private data by the PIN they name; certificates and public keys by
 * the private key they belong to; all else in the first. What a PIN without a slot guards is left
 * out. E_MEM. */
int build_objects(const struct p15_objects *recs, const struct build_slots *slots,
    struct object_list *out);
/* Whether a private key's own record says that its PIN is of the PIN2 class: it is for legally
 * binding signatures, or wants consent (DESIGN 18.1). */
bool build_says_pin2(const struct p15_object *key);
/* The same of a key's certificate; false for bytes that are none. */
bool build_cert_says_pin2(struct view body);
/* Tells NSS that certificates can be listed without a PIN; NULL: no memory. Source: PKCS#11 v3.0
 * CKP_PUBLIC_CERTIFICATES_TOKEN; NSS PK11_IsFriendly looks for it with CKA_TOKEN true. */
struct object *build_profile_object(unsigned slot);
/* The attributes that come out of a source's body, on top of those of `base`. NULL: no memory.
 * A body that cannot be parsed adds nothing. */
struct attrs *build_full(const struct object *o, struct view body);
/* Builds the full array from the body in o->src, if it is there and that was not done yet.
 * E_MEM; a body that makes no sense leaves the base attributes (0). */
int build_complete(struct object *o);

#endif

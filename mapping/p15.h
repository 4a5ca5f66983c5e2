/* PKCS#15 / ISO 7816-15 directories: bytes to structs and, for personalisation, structs to
 * bytes. Pure. Source: PKCS#15 v1.1, ISO 7816-15; facts on real cards' habits are at the
 * functions. All texts are UTF-8, NUL-terminated, owned by the struct; ids are raw bytes. */
#ifndef CASTOR_MAPPING_P15_H
#define CASTOR_MAPPING_P15_H

#include "base/buf.h"
#include "mapping/profile.h"

#define P15_OBJECTS_MAX 128 /* records of one card; more is E_LIMIT */

struct p15_id { uint8_t len; uint8_t b[64]; };

enum p15_kind { P15_PRIVATE, P15_PUBLIC, P15_SECRET, P15_CERT, P15_DATA, P15_AUTH };

/* KeyUsageFlags, as 1u << bit. */
enum p15_usage {
	USAGE_ENCRYPT = 1, USAGE_DECRYPT = 2, USAGE_SIGN = 4, USAGE_SIGN_RECOVER = 8,
	USAGE_WRAP = 16, USAGE_UNWRAP = 32, USAGE_VERIFY = 64, USAGE_VERIFY_RECOVER = 128,
	USAGE_DERIVE = 256, USAGE_NON_REPUDIATION = 512
};
/* KeyAccessFlags. */
enum p15_access {
	ACCESS_SENSITIVE = 1, ACCESS_EXTRACTABLE = 2, ACCESS_ALWAYS_SENSITIVE = 4,
	ACCESS_NEVER_EXTRACTABLE = 8, ACCESS_LOCAL = 16
};
/* CommonObjectFlags. */
enum p15_flags { P15_FLAG_PRIVATE = 1, P15_FLAG_MODIFIABLE = 2, P15_FLAG_INTERNAL = 4 };
/* PasswordFlags. */
enum p15_pin_flags {
	PINF_CASE_SENSITIVE = 1, PINF_LOCAL = 2, PINF_CHANGE_DISABLED = 4,
	PINF_UNBLOCK_DISABLED = 8, PINF_INITIALIZED = 16, PINF_NEEDS_PADDING = 32,
	PINF_UNBLOCKING = 64, PINF_SO = 128
};

/* One record of any directory. */
struct p15_object {
	enum p15_kind kind;
	char *label;            /* never NULL; "" when the card has none */
	unsigned flags;         /* p15_flags */
	struct p15_id auth_id;  /* the PIN that guards it; of a PIN: the PUK; len 0: none */
	unsigned user_consent;  /* uses one verification is good for; 0: not said */
	struct p15_id id;       /* of keys and certificates; of a PIN: its authId */
	bool trusted, useful;   /* certificate from EF.CDF(trusted) / (useful) */

	unsigned usage, access; /* keys */
	bool native;
	struct key_ref key;     /* keys: kind, bits, path, ref */
	struct buf subject;     /* keys and certificates: DER Name; empty when not said */

	bool authority;         /* certificates */

	struct path path;       /* where the value is: certificate, data, public key */
	struct range range;
	struct buf direct;      /* the value itself when the directory holds it */

	unsigned pin_flags;     /* PINs */
	struct pin_ref pin;

	char *application;      /* data; may be NULL */
	struct buf oid;         /* data: DER of the OBJECT IDENTIFIER; may be empty */

	/* where its record stands: which EF and which bytes, for a later splice */
	struct path dir;
	size_t rec_off, rec_len; /* bytes from the start of the EF, also when ODF names a part */
};

/* What EF(ODF) points at. */
struct p15_odf_entry {
	enum p15_kind kind;
	bool trusted, useful;
	struct path path;
	struct range range;
};
struct p15_odf { struct p15_odf_entry e[32]; size_t n; };

struct p15_token_info {
	struct buf serial;
	char *manufacturer, *label; /* may be NULL */
	struct buf last_update;     /* GeneralizedTime text; may be empty */
	bool read_only, login_required, prn_generation, eid_compliant;
};

struct p15_objects { struct p15_object **p; size_t n; };

/* EF(ODF). Unknown record tags are passed over. E_FORMAT, E_LIMIT. */
int p15_odf_decode(struct view ef, struct p15_odf *out);
/* EF(TokenInfo). E_FORMAT, E_MEM. Owner: caller, p15_token_info_free. */
int p15_token_info_decode(struct view ef, struct p15_token_info *out);
void p15_token_info_free(struct p15_token_info *);
/* One directory file of the given kind, appended to *out. Filler 00 and FF between and after
 * records is skipped. A record that cannot be read is passed over and counted in *skipped;
 * E_FORMAT only when nothing of a non-empty file could be read; E_LIMIT, E_MEM. */
int p15_dir_decode(const struct p15_odf_entry *from, struct view ef, struct p15_objects *out,
    size_t *skipped);
void p15_object_free(struct p15_object **);
void p15_objects_free(struct p15_objects *);
/* A record of its own like o; NULL: no memory. */
struct p15_object *p15_object_copy(const struct p15_object *o);
/* Appends o (taken, even on failure; NULL is E_MEM). E_LIMIT, E_MEM. */
int p15_objects_take(struct p15_objects *all, struct p15_object *o);
bool p15_id_eq(const struct p15_id *a, const struct p15_id *b);

/* Appends the DER record of a private key (key.path), public key, certificate or data object
 * (path and range, or direct; OpenSC learns an EC key's curve only from a direct or stored
 * SubjectPublicKeyInfo). E_ARG: another kind, or an RSA key whose size is not known;
 * E_MEM. */
int p15_record_encode(const struct p15_object *, struct buf *out);
/* Where a record of n bytes can be spliced into a directory's content without touching a
 * foreign record: the offset behind the last record. E_FULL when it does not fit; E_FORMAT
 * when something unreadable stands behind the records. The caller
 * writes everything behind the first byte first, and the first (tag) byte last. */
int p15_dir_append_at(struct view ef, size_t n, size_t *off);
/* The path of the record's EF made absolute or application-relative as the card wrote it:
 * bytes of a PKCS#15 Path.path to struct path (from 3F00: PATH_MF; from 3FFF or a file id:
 * PATH_APP; 5 to 16 bytes from A0 or E8: PATH_AID). E_FORMAT. */
int p15_path_decode(struct view bytes, struct path *out);

#endif

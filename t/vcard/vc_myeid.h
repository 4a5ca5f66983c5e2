/*
 * The Aventra MyEID applet: what its files, PINs and state have that no other card has. Source: facts on
 * MyEID.
 */
#ifndef CASTOR_T_VC_MYEID_H
#define CASTOR_T_VC_MYEID_H

#include "t/vcard/vc_card.h"

#define MYEID_PIN 8             /* bytes of a PIN, padded with FF */

/*
 * Access conditions by what is done; the nibble of tag 86 that holds each depends on the file's
 * type.
 */
enum vc_right {
	VC_READ, VC_UPDATE, VC_DELETE, VC_USE, VC_LOAD, VC_GENERATE, VC_CREATE_DF, VC_CREATE_EF
};

/*
 * Parts of a key as PUT DATA brings them: index = P2 & 0F (80 modulus .. 87 qInv, or 86/87 of EC).
 */
#define MYEID_PARTS 12

struct myeid_part { uint8_t *p; size_t len; };

struct myeid_file {
	uint8_t acl[3], prop[2];                /* tags 86, 85 */
	struct myeid_part part[MYEID_PARTS];    /* an import under way */
};

/* Of INITIALIZE PIN. */
struct myeid_pin { uint8_t flags, type, grid, puk_min; };

enum {                                  /* flags of a PIN; facts on MyEID, section 3 */
	PIN_LOCKED = 0x01, PIN_RELOCK = 0x02, PIN_GLOBAL_UNBLOCK = 0x04, PIN_IS_UNBLOCKER = 0x08,
	PIN_ADMIN_CHANGE = 0x10, PIN_IS_ADMIN = 0x20
};

struct myeid {
	struct myeid_pin pin[VC_PINS];
	bool no_deauth;                 /* knows no DE-AUTHENTICATE (2E) */
	bool oseid;                     /* quirk: answers as the OsEID simulator where it differs */
	bool admin, unblocker;          /* states given by PINs with flags 20 and 08 */
	size_t room;                    /* bytes left for files */
	uint16_t change;                /* grows with each change of the file system */
	struct vc_blob half;            /* first half of a cryptogram, or the running IV */
	const struct vc_file *half_key;
};

static inline struct myeid *my(const struct vc_card *c)
{
	return c->state;
}

static inline struct myeid_file *my_file(const struct vc_file *f)
{
	return f->own;
}

static inline struct myeid_pin *my_pin(const struct vc_card *c, const struct vc_pin *pin)
{
	return &my(c)->pin[pin - c->pin];
}

/* --- vc_myeid_fs.c: files. Source: facts on MyEID, section 2. --- */

/* Whether the verified PINs allow a deed; always in creation state. */
bool vc_file_may(const struct vc_card *c, const struct vc_file *f, enum vc_right right);
/* The access condition (0..F) itself. */
unsigned vc_file_acl(const struct vc_card *c, const struct vc_file *f, enum vc_right right);
/* SELECT, CREATE FILE, DELETE FILE, READ/UPDATE/ERASE BINARY; status word, answer in out. */
uint16_t vc_fs_select(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out);
uint16_t vc_fs_create(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out);
uint16_t vc_fs_delete(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out);
uint16_t vc_fs_read(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out);
uint16_t vc_fs_update(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out);
uint16_t vc_fs_erase(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out);
/*
 * MF and application DF as INITIALIZE APPLET leaves them, with their first two ACL bytes. False: no
 * memory.
 */
bool vc_fs_format(struct vc_card *c, const uint8_t mf_acl[2], const uint8_t df_acl[2]);
/* A file is freed: gives its room back. */
void vc_fs_gone(struct vc_card *c, struct vc_file *f);

/*
 * --- vc_myeid_sec.c: PINs and the security environment. Source: facts on MyEID, sections 3 and 5.1. ---
 */

/* Bit N-1 = PIN N verified, bit 14 global unblocker, bit 15 admin; FFFF in creation state. */
uint16_t vc_pin_bitmap(const struct vc_card *c);
/* Drops what a PIN gave beyond its own state; the hook of vc_pin_drop. */
void vc_sec_dropped(struct vc_card *c, unsigned number);
/* A key that asks for consent lost its PIN: drops it. */
void vc_sec_consent(struct vc_card *c, const struct vc_file *key);
/* SW_OK when the key may be used now; else 6982 or 6985. */
uint16_t vc_sec_use(struct vc_card *c, const struct vc_file *key);
/* VERIFY, CHANGE, RESET RETRY COUNTER, DE-AUTHENTICATE, MSE, INITIALIZE PIN; status word. */
uint16_t vc_sec_verify(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out);
uint16_t vc_sec_change(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out);
uint16_t vc_sec_unblock(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out);
uint16_t vc_sec_logout(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out);
uint16_t vc_sec_mse(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out);
uint16_t vc_sec_init_pin(struct vc_card *c, const struct vc_cmd *cmd);

/* --- vc_myeid_key.c: keys. Source: facts on MyEID, sections 2.4 and 5. --- */

/* Whether this card can hold a key of the type and bits. */
bool vc_key_fits(const struct vc_card *c, uint8_t type, size_t bits);
/*
 * Takes a private key into a key file (takes ownership, also on failure); false when it does not
 * fit.
 */
bool vc_key_set(struct vc_file *f, EVP_PKEY *key, uint8_t state);
/* Empties a key file: key, secret value and half-done import. */
void vc_key_clear(struct vc_file *f);
/*
 * GENERATE, PSO (all forms), key agreement; GET DATA 00..86 and PUT DATA 80..A0 of the selected key
 * file.
 */
uint16_t vc_key_generate(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out);
uint16_t vc_key_pso(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out);
uint16_t vc_key_agree(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out);
uint16_t vc_key_get(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out);
uint16_t vc_key_put(struct vc_card *c, const struct vc_cmd *cmd);

/* --- vc_myeid_image.c: hooks of vc_model. Source: castor-vcard(1). --- */
void vc_myeid_load(struct vc_yaml *y, struct vc_card *c);
void vc_myeid_load_pin(struct vc_yaml *y, struct yaml_node_s *map, struct vc_card *c, unsigned number);
void vc_myeid_load_file(struct vc_yaml *y, struct yaml_node_s *map, struct vc_card *c, struct vc_file *f);

#endif

/*
 * Inside the virtual card: its files, its security state, its keys. Not for programs that use it.
 */
#ifndef CASTOR_T_VC_CARD_H
#define CASTOR_T_VC_CARD_H

#include <openssl/evp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "t/vcard/vc.h"

#define VC_PINS 15              /* PIN numbers 1..14; [0] is unused */
#define VC_PIN_LEN 8            /* bytes, padded with FF */
/* Bytes of a chained command's data, or of an answer before it is cut in parts. */
#define VC_MAX_DATA 2048

/* Status words. Source: facts on MyEID, section 8; ISO/IEC 7816-4, table of SW1-SW2. */
enum vc_sw {
	SW_OK = 0x9000,
	SW_EOF = 0x6282,
	SW_NOT_AUTHENTIC = 0x6300,
	SW_WRONG_PIN = 0x63C0,
	SW_LENGTH = 0x6700,
	SW_SECURITY = 0x6982,
	SW_BLOCKED = 0x6983,
	SW_BAD_REF = 0x6984,
	SW_CONDITIONS = 0x6985,
	SW_NO_EF = 0x6986,
	SW_SM_MISSING = 0x6987,
	SW_SM_INCORRECT = 0x6988,
	SW_SM_STALE = 0x6999,
	SW_DATA = 0x6A80,
	SW_FUNCTION = 0x6A81,
	SW_NOT_FOUND = 0x6A82,
	SW_NO_ROOM = 0x6A84,
	SW_P1P2 = 0x6A86,
	SW_REF_NOT_FOUND = 0x6A88,
	SW_EXISTS = 0x6A89,
	SW_OFFSET = 0x6B00,
	SW_INS = 0x6D00,
	SW_CLA = 0x6E00,
	SW_ERROR = 0x6F00
};

/* Tag 82 of the FCI. Source: facts on MyEID 2.2. */
enum vc_type {
	VC_EF = 0x01,
	VC_RSA = 0x11,
	VC_3DES = 0x19,
	VC_EC = 0x22,
	VC_AES = 0x29,
	VC_DF = 0x38,
	VC_SECRET = 0x41
};

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
#define VC_PARTS 12

struct vc_part { uint8_t *p; size_t len; };

struct vc_file {
	struct vc_file *next;           /* in the order of creation */
	struct vc_file *parent;         /* NULL for the MF */
	uint16_t fid;
	uint8_t type;                   /* enum vc_type */
	uint8_t acl[3], prop[2];        /* tags 86, 85 */
	size_t size;                    /* bytes; bits of a key; 7FFF of a DF */
	uint8_t *data;                  /* EF content (size bytes), or a secret key's value */
	uint8_t name[16];               /* AID of a DF */
	size_t name_len;
	EVP_PKEY *key;                  /* NULL: empty */
	struct vc_part part[VC_PARTS];  /* an import under way */
};

struct vc_pin {
	bool set, verified, locked;
	bool changed;                   /* since it was made: DF2F of its attributes */
	bool spent;                     /* dropped by a user-consent key; the next use says 6985 */
	uint8_t pin[VC_PIN_LEN], puk[VC_PIN_LEN];
	uint8_t tries, puk_tries, max, puk_max, flags, type, grid, min, puk_min;
};

/* The security environment of MSE SET; key NULL = none. */
struct vc_se {
	struct vc_file *key, *target;
	uint8_t use;                    /* P2: B6 sign, B8 decipher, A4 agreement */
	uint8_t dir;                    /* P1: 41 or 81 */
	uint8_t alg;
	uint8_t iv[16];
	size_t iv_len;
};

struct vc_blob { uint8_t p[VC_MAX_DATA]; size_t len; };

struct vc_model;
struct vc_pace;

struct vc_card {
	const struct vc_model *model;
	struct vc_pace *pace;           /* NULL: a card without PACE */
	uint8_t atr[VC_MAX_ATR];
	size_t atr_len;
	uint8_t version[3];             /* major, minor, revision */
	uint8_t serial[10];
	bool no_deauth;                 /* knows no DE-AUTHENTICATE (2E) */
	bool change_opens;              /* a PIN is verified after its CHANGE or unblocking */
	bool pin_attributes;            /* tells those of a PIN as FINEID cards do (CB) */
	bool oseid;                     /* quirk: answers as the OsEID simulator where it differs */
	size_t room;                    /* bytes left for files */
	uint16_t change;                /* grows with each change of the file system */
	bool activated;                 /* life cycle 07: ACLs are in force */
	struct vc_file *files;          /* the first is the MF */
	struct vc_file *df, *ef;        /* current; ef NULL = none */
	struct vc_pin pin[VC_PINS];
	bool admin, unblocker;          /* states given by PINs with flags 20 and 08 */
	struct vc_se se;
	struct vc_blob chain;           /* data of a chained command */
	struct vc_blob rest;            /* answer still to fetch */
	struct vc_blob half;            /* first half of a cryptogram, or the running IV */
	uint8_t chain_head[3];          /* INS P1 P2 of the chain under way */
	size_t rest_at;                 /* bytes of `rest` already sent */
	const struct vc_file *half_key;
};

/* One command, taken apart. Le 0 with has_le false = absent; 256 for the byte 00. */
struct vc_cmd {
	uint8_t cla, ins, p1, p2;
	const uint8_t *data;
	size_t lc, le;
	bool has_le;
};

/* A card operating system: `run` answers a whole APDU with data in out->p and a status word. */
struct vc_model {
	const char *name;
	uint16_t (*run)(struct vc_card *, const uint8_t *in, size_t inlen, struct vc_blob *out);
};

/* The MyEID applet, and a card that knows no command. */
extern const struct vc_model vc_myeid, vc_mute;

/* --- vc_fs.c: files. Source: facts on MyEID, section 2. --- */

/*
 * Adds a file under `parent` (NULL: the MF); EF content is FF. NULL: no memory. The card owns it.
 */
struct vc_file *vc_file_add(
	struct vc_card *c, struct vc_file *parent, uint16_t fid, uint8_t type, size_t size);
/* Removes a file and, of a DF, all below it. What was current moves to the parent. */
void vc_file_remove(struct vc_card *c, struct vc_file *f);
/* Removes every file. */
void vc_files_clear(struct vc_card *c);
/* The child of a DF with a file identifier, or NULL. */
struct vc_file *vc_file_child(const struct vc_card *c, const struct vc_file *df, uint16_t fid);
/* The file at a path of 2-byte identifiers below `from`, or NULL; an empty path is `from`. */
struct vc_file *vc_file_path(
	const struct vc_card *c, struct vc_file *from, const uint8_t *path, size_t len);
/* A key file of any kind. */
bool vc_file_is_key(const struct vc_file *f);
/* Whether the key file holds a key. */
bool vc_file_has_key(const struct vc_file *f);
/* Whether the verified PINs allow a deed; always in creation state. */
bool vc_file_may(const struct vc_card *c, const struct vc_file *f, enum vc_right right);
/* The access condition (0..F) itself. */
unsigned vc_file_acl(const struct vc_card *c, const struct vc_file *f, enum vc_right right);
/* Writes the FCI (tag 6F) of a file; at most 48 bytes. Order: facts on MyEID 2.1. */
void vc_file_fci(const struct vc_card *c, const struct vc_file *f, struct vc_blob *out);
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
/* Whether the version is at least major.minor.revision. */
bool vc_version_at_least(
	const struct vc_card *c, unsigned major, unsigned minor, unsigned revision);

/*
 * --- vc_sec.c: PINs and the security environment. Source: facts on MyEID, sections 3 and 5.1. ---
 */

/* The PIN of that number when it is initialised, else NULL. */
struct vc_pin *vc_pin_get(struct vc_card *c, unsigned number);
/* Bit N-1 = PIN N verified, bit 14 global unblocker, bit 15 admin; FFFF in creation state. */
uint16_t vc_pin_bitmap(const struct vc_card *c);
/* Drops one PIN's verified state, or everything with 0. */
void vc_pin_drop(struct vc_card *c, unsigned number);
/* Forgets what a reset forgets, session keys included; the MF is selected. */
void vc_sec_reset(struct vc_card *c);
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

/* --- vc_key.c: keys, by OpenSSL. Source: facts on MyEID, sections 2.4 and 5. --- */

/* Modulus or field length in bytes. */
size_t vc_key_bytes(const struct vc_file *f);
/* OpenSSL's name of the curve of so many bits, or NULL. */
const char *vc_curve_name(size_t bits);
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

/* --- vc_p15.c, vc_image.c --- */

/* Names of PKCS#15 things an image can describe; see castor-vcard(1). */
enum vc_p15_kind {
	VC_P15_TOKEN,
	VC_P15_ODF,
	VC_P15_DIR,
	VC_P15_PIN,
	VC_P15_KEY,
	VC_P15_PUBKEY,
	VC_P15_CERT,
	VC_P15_DATA
};

struct vc_p15 {
	enum vc_p15_kind kind;
	bool ec;                        /* keys: the EC choice */
	bool ca;                        /* certificates */
	const char *label, *maker;      /* UTF-8 */
	const char *path;               /* hex */
	const char *id, *auth, *serial, *aid;   /* hex */
	const char *flags;              /* common object flags, OpenSSL BITLIST "0,1" */
	const char *usage, *access;     /* BITLISTs */
	const char *pin_flags, *token_flags;
	const char *updated;            /* YYYYMMDDHHMMSSZ */
	int ref; /* key or PIN reference, -1 none; ODF: the tag's number, 0 = A0 */
	int consent;                    /* 0 none */
	int min, max, stored, bits;
};

/*
 * DER of one PKCS#15 record, made by OpenSSL's ASN.1 generator. Returns its length and sets *der
 * (OPENSSL_free it), or -1. Source: PKCS#15 v1.1; facts on FINEID, section 6.
 */
int vc_p15_record(const struct vc_p15 *o, unsigned char **der);

/*
 * Builds a card from an image file; NULL with one line in err. vc_card_free it. Source:
 * castor-vcard(1).
 */
struct vc_card *vc_image_load(const char *path, char *err, size_t errlen);
/* Frees a card; NULL is fine. */
void vc_card_free(struct vc_card *c);

/* --- small helpers in vc.c --- */

/* Appends bytes to an answer; what does not fit is an error of ours and is dropped with false. */
bool vc_blob_add(struct vc_blob *b, const void *p, size_t len);
bool vc_blob_byte(struct vc_blob *b, unsigned byte);
/* Decodes hex (spaces allowed) to at most cap bytes; -1 on bad input. */
int vc_hex(const char *s, uint8_t *out, size_t cap);

#endif

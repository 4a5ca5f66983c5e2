/*
 * Inside the virtual card: what a card of any operating system has. Its files, PINs, keys and the way an
 * APDU goes. Not for programs that use it; a model's own things are in its vc_<model>*.c.
 */
#ifndef CASTOR_T_VC_CARD_H
#define CASTOR_T_VC_CARD_H

#include <openssl/evp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "t/vcard/vc.h"

#define VC_PINS 15              /* PIN numbers 1..14; [0] is unused */
#define VC_PIN_MAX 16           /* bytes of a PIN, padding included */
#define VC_RSA_MAX 512          /* bytes of the largest modulus */
#define VC_EC_MAX 66            /* bytes of a coordinate of the largest curve */
/* Bytes of a chained command's data, or of an answer before it is cut in parts. */
#define VC_MAX_DATA 2048

/* Status words. Source: ISO/IEC 7816-4, table of SW1-SW2; facts on MyEID, section 8. */
enum vc_sw {
	SW_OK = 0x9000,
	SW_MORE = 0x6100,
	SW_EOF = 0x6282,
	SW_NO_INFO = 0x6300,
	SW_WRONG_PIN = 0x63C0,
	SW_LENGTH = 0x6700,
	SW_NO_CHAINING = 0x6884,
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
	SW_LE = 0x6C00,
	SW_INS = 0x6D00,
	SW_CLA = 0x6E00,
	SW_ERROR = 0x6F00
};

/* Kinds of files; the numbers are those of tag 82 on MyEID. Source: facts on MyEID 2.2. */
enum vc_type {
	VC_EF = 0x01,
	VC_RSA = 0x11,
	VC_3DES = 0x19,
	VC_EC = 0x22,
	VC_AES = 0x29,
	VC_DF = 0x38,
	VC_SECRET = 0x41
};

/* Who may read an EF; 1..14 is the PIN that must be verified. */
enum { VC_ALWAYS = 0, VC_SM = 0xFE, VC_NEVER = 0xFF };

/* What a key is for; bits of vc_file.use. */
enum { VC_SIGN = 1, VC_DECIPHER = 2, VC_DERIVE = 4 };

struct vc_file {
	struct vc_file *next;           /* in the order of creation */
	struct vc_file *parent;         /* NULL for the MF */
	uint16_t fid;
	uint8_t type;                   /* enum vc_type */
	size_t size;                    /* bytes; bits of a key; 7FFF of a DF */
	uint8_t *data;                  /* EF content (size bytes), or a secret key's value */
	uint8_t name[16];               /* AID of a DF */
	size_t name_len;
	EVP_PKEY *key;                  /* NULL: empty */
	/* As the image says; a model with access bytes of its own leaves these alone. */
	uint8_t read;                   /* VC_ALWAYS, VC_SM, VC_NEVER, or a PIN's number */
	uint8_t ref;                    /* of a key: its reference */
	uint8_t pin;                    /* of a key: the number of its PIN, 0 = none */
	uint8_t use;                    /* of a key: VC_SIGN ... */
	void *own;                      /* the model's: model->file_size bytes, zero at first */
};

/* A PIN's or PUK's value as the card compares it, padding included. */
struct vc_value { uint8_t p[VC_PIN_MAX], len; };

struct vc_pin {
	bool set, verified;
	bool locked;                    /* unusable until it is unblocked, whatever its tries */
	bool changed;                   /* since it was made: DF2F of its attributes */
	bool spent;                     /* dropped by a user-consent key; the next use says 6985 */
	bool unblocking;                /* it is a PUK: nothing but an unblocking takes it */
	bool each_use;                  /* a use of a key ends its verified state */
	struct vc_value pin, puk;       /* puk.len 0: `puk_number` unblocks it, or nothing */
	uint8_t tries, max, puk_tries, puk_max;
	uint8_t puk_number;             /* the PIN that unblocks it, 0 = none */
	uint8_t ref;                    /* P2 that names it */
	uint8_t block, pad;             /* bytes of its block, filled with `pad`; block 0 = digits only */
	uint8_t min, digits;            /* how many digits it may have */
	uint16_t local;                 /* DF that must be current to name it, 0 = none */
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
	bool secured;                   /* the command that runs came through its channel */
	void *state;                    /* the model's: model->state_size bytes, zero at first */
	uint8_t atr[VC_MAX_ATR];
	size_t atr_len;
	uint8_t version[3];             /* major, minor, revision */
	uint8_t serial[20];
	size_t serial_len;
	bool t0;                        /* transmits by T=0; see vc_run */
	bool change_opens;              /* a PIN is verified after its CHANGE or unblocking */
	bool pin_attributes;            /* tells those of a PIN as FINEID cards do (CB) */
	bool activated;                 /* access conditions are in force */
	size_t max_read;                /* bytes that one READ BINARY gives */
	struct vc_file *files;          /* the first is the MF */
	struct vc_file *df, *ef;        /* current; ef NULL = none */
	struct vc_pin pin[VC_PINS];
	struct vc_se se;
	struct vc_blob chain;           /* data of a chained command */
	uint8_t chain_head[3];          /* INS P1 P2 of the chain under way */
	struct vc_blob rest;            /* answer still to fetch */
	size_t rest_at;                 /* bytes of `rest` already sent */
};

/* One command, taken apart. Le 0 with has_le false = absent; 256 for the byte 00. */
struct vc_cmd {
	uint8_t cla, ins, p1, p2;
	const uint8_t *data;
	size_t lc, le;
	bool has_le;
};

struct vc_command {
	uint8_t ins;
	bool chains;                    /* takes CLA 10 */
	uint16_t (*run)(struct vc_card *, const struct vc_cmd *, struct vc_blob *);
};

/* What P1 P2 of PERFORM SECURITY OPERATION ask for. */
struct vc_operation {
	uint8_t p1, p2;
	uint16_t (*run)(struct vc_card *, const struct vc_cmd *, struct vc_blob *);
};

struct vc_yaml;
struct yaml_node_s;

/*
 * A card operating system: a table of commands, and hooks, each NULL where the model has nothing of its
 * own to say.
 */
struct vc_model {
	const char *name;                       /* `os` of an image */
	const struct vc_command *commands;
	size_t n_commands;
	size_t state_size, file_size;           /* bytes of vc_card.state, vc_file.own */
	uint8_t pin_block, pin_pad;             /* of a PIN when the image does not say */
	/* Answers a whole APDU instead of the table. */
	uint16_t (*run)(struct vc_card *, const uint8_t *in, size_t inlen, struct vc_blob *out);
	/* SW_OK when class and version know the command (NULL: INS not in the table); absent: CLA 00, 10. */
	uint16_t (*admit)(const struct vc_card *, const struct vc_cmd *, const struct vc_command *);
	/* Whether a command of CLA 10 is answered at once instead of gathered. */
	bool (*piece)(const struct vc_card *, const struct vc_cmd *);
	/* Forgets what a reset forgets, beyond what every card does. */
	void (*reset)(struct vc_card *);
	/* The card is about to be freed: frees what its state points to. */
	void (*gone)(struct vc_card *);
	/* A file is about to be freed: drops what points to it. */
	void (*file_gone)(struct vc_card *, struct vc_file *);
	/* A PIN's verified state was dropped: drops what it gave besides. */
	void (*pin_dropped)(struct vc_card *, unsigned number);
	/* Whether a command of at least 4 bytes brings a secret that the log must star, beyond what vc.c knows. */
	bool (*secret)(const struct vc_card *, const uint8_t *in);
	/* Whether the card can hold a key of the type and bits. */
	bool (*key_fits)(const struct vc_card *, uint8_t type, size_t bits);
	/* Keys of an image that only this model has, " like these "; and what reads them. */
	const char *image_keys, *pin_keys, *file_keys;
	void (*load)(struct vc_yaml *, struct vc_card *);
	void (*load_pin)(struct vc_yaml *, struct yaml_node_s *map, struct vc_card *, unsigned number);
	void (*load_file)(struct vc_yaml *, struct yaml_node_s *map, struct vc_card *, struct vc_file *);
};

/* Every model that an image can name, ended by NULL; vc_image.c. */
extern const struct vc_model *const vc_models[];
extern const struct vc_model vc_myeid, vc_fineid, vc_iasecc, vc_setcos, vc_miocos, vc_mute;

/* --- vc_run.c: the way of an APDU. Source: ISO/IEC 7816-3, 12; 7816-4, 5. --- */

/*
 * Answers an APDU by the card's model: takes it apart, gathers chains, keeps what does not fit in 256
 * bytes for GET RESPONSE. Over T=0 (`t0`) an answer to a command with data comes by 61xx and GET
 * RESPONSE alone, and an Le that is not the answer's length gets 6Cxx. Status word; data in out.
 */
uint16_t vc_run(struct vc_card *c, const uint8_t *in, size_t inlen, struct vc_blob *out);
/* GET RESPONSE, for a model's table. */
uint16_t vc_get_response(struct vc_card *c, const struct vc_cmd *cmd, struct vc_blob *out);
/* PERFORM SECURITY OPERATION by a model's table of n rows; 6A86 where no row fits. */
uint16_t vc_operate(const struct vc_operation *table, size_t n, struct vc_card *c, const struct vc_cmd *cmd,
	struct vc_blob *out);
/*
 * Over T=0: SW_OK when Le asks for what a case-2 command would answer (`have` bytes), else the 6Cxx.
 * For commands that change something; the others get it from vc_run.
 */
uint16_t vc_t0_le(const struct vc_card *c, const struct vc_cmd *cmd, size_t have);
/* Forgets what a reset forgets; the MF is selected. */
void vc_card_reset(struct vc_card *c);
/* Whether the version is at least major.minor.revision. */
bool vc_version_at_least(const struct vc_card *c, unsigned major, unsigned minor, unsigned revision);
/* Appends bytes to an answer; what does not fit is an error of ours and is dropped with false. */
bool vc_blob_add(struct vc_blob *b, const void *p, size_t len);
bool vc_blob_byte(struct vc_blob *b, unsigned byte);
/* Decodes hex (spaces allowed) to at most cap bytes; -1 on bad input. */
int vc_hex(const char *s, uint8_t *out, size_t cap);

/* --- vc_file.c: the tree of files --- */

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
/* The DF of a name (AID), or NULL. */
struct vc_file *vc_file_named(const struct vc_card *c, const uint8_t *name, size_t len);
/* As SELECT P1 00 finds it: child, current DF, parent, a DF beside, the MF. ISO/IEC 7816-4, 7.1.1. */
struct vc_file *vc_file_by_fid(const struct vc_card *c, uint16_t fid);
/* Makes it current: a DF with no EF, or an EF in its DF. */
void vc_file_select(struct vc_card *c, struct vc_file *f);
/* The file is `top` or below it. */
bool vc_file_below(const struct vc_file *f, const struct vc_file *top);
/* A key file of any kind. */
bool vc_file_is_key(const struct vc_file *f);
/* Whether the key file holds a key. */
bool vc_file_has_key(const struct vc_file *f);
/* The key file of that reference in a DF (NULL: anywhere), or NULL. */
struct vc_file *vc_file_key(const struct vc_card *c, const struct vc_file *df, unsigned ref);
/* Whether `read` lets the EF be read now; `sm`: as through a secure channel, whatever c->secured says. */
bool vc_file_may_read(const struct vc_card *c, const struct vc_file *f, bool sm);

/* --- vc_pin.c: PINs and what they open --- */

/* The PIN of that number when the card has it, else NULL. */
struct vc_pin *vc_pin_get(struct vc_card *c, unsigned number);
/* The PIN that P2 names, of those whose DF is current; NULL: there is none. */
struct vc_pin *vc_pin_by_ref(struct vc_card *c, unsigned ref);
/* Drops a PIN's verified state; number 0: of all. */
void vc_pin_drop(struct vc_card *c, unsigned number);
/*
 * A value of characters, padded as the PIN is; false when it is empty or too long for block or bytes.
 * Where the PIN has no block the value is as it was typed.
 */
bool vc_pin_pad(const struct vc_pin *pin, const char *text, struct vc_value *value);
/* The form a PIN of this kind must have: block length, digits only, how many, the right padding. */
bool vc_pin_fits(const struct vc_pin *pin, const uint8_t *p, size_t len);
/*
 * Compares a value and counts: SW_OK gives the tries back; else 63Cx, or 6983 when none was left. The
 * verified state is the caller's matter.
 */
uint16_t vc_pin_try(struct vc_pin *pin, const uint8_t *p, size_t len);
/* The same with what unblocks the PIN: a value of its own, or another PIN. SW_REF_NOT_FOUND: nothing. */
uint16_t vc_pin_try_puk(struct vc_card *c, struct vc_pin *pin, const uint8_t *p, size_t len);
/* Gives a PIN a new value and all its tries; it is not verified. */
void vc_pin_put(struct vc_pin *pin, const uint8_t *p, size_t len);
/* Whether a key's PIN is verified, or it needs none. */
bool vc_pin_opens_key(const struct vc_card *c, const struct vc_file *key);
/* A key was used: drops its PIN where that asks for it (each_use). */
void vc_pin_used(struct vc_card *c, const struct vc_file *key);

/* --- vc_evp.c: what keys do, by OpenSSL --- */

/* Modulus or field length in bytes. */
size_t vc_key_bytes(const struct vc_file *f);
/* OpenSSL's name of the curve of so many bits, or NULL; its NID, or 0. */
const char *vc_curve_name(size_t bits);
int vc_curve_nid(size_t bits);
/* Takes a private key into a key file (ownership too, also on failure); false when it does not fit. */
bool vc_key_take(struct vc_file *f, EVP_PKEY *key);
/* x^d mod n; in and out as long as the modulus. */
bool vc_rsa_raw(const struct vc_file *f, const uint8_t *in, uint8_t *out);
/* EMSA-PKCS1-v1_5 of a DigestInfo (or anything of at most k - 11 bytes), k bytes out. RFC 8017, 9.2. */
bool vc_rsa_pkcs1(const struct vc_file *f, const uint8_t *t, size_t len, uint8_t *out);
/* RSASSA-PSS of a hash, MGF1 of the same hash, salt of its length; md as "SHA256". RFC 8017, 8.1. */
bool vc_rsa_pss(const struct vc_file *f, const char *md, const uint8_t *hash, size_t len, uint8_t *out);
/*
 * Deciphers k bytes and takes the padding off: PKCS#1 v1.5 with md NULL, else OAEP with MGF1 of md. Returns
 * the length, or -1 when the padding is wrong. `out` has VC_RSA_MAX bytes.
 */
int vc_rsa_decrypt(const struct vc_file *f, const char *md, const uint8_t *in, uint8_t *out);
/* Where the message begins in a type 2 block, or 0. RFC 8017, 7.2.2. */
size_t vc_rsa_unpad2(const uint8_t *em, size_t k);
/* DigestInfo of a hash ("SHA1", "SHA224" ... "SHA512"); its length in out (at most 83 bytes), or 0. */
size_t vc_digest_info(const char *md, const uint8_t *hash, size_t len, uint8_t *out);
/* The hash of some bytes, at most 64 bytes in out; its length, or 0. */
size_t vc_digest(const char *md, const uint8_t *p, size_t len, uint8_t *out);
/* ECDSA over a hash of any length (its leftmost bits count): DER, or r and s of the field's length. */
bool vc_ecdsa_der(const struct vc_file *f, const uint8_t *hash, size_t len, struct vc_blob *out);
bool vc_ecdsa_rs(const struct vc_file *f, const uint8_t *hash, size_t len, struct vc_blob *out);
/* X of the product of the key and a point 04 X Y on its curve. */
bool vc_ecdh(const struct vc_file *f, const uint8_t *point, size_t len, struct vc_blob *out);
/* A key of the curve from its parts; priv NULL = a public key. The caller frees it; NULL: it is none. */
EVP_PKEY *vc_ec_build(size_t bits, const uint8_t *point, size_t len, const BIGNUM *priv);

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
	bool native;                    /* keys: says so, though it is the default */
	bool raw_ref;                   /* ref is one byte, so that 80 and more read as negative */
	bool v2;                        /* token: ISO/IEC 7816-15, version 1 */
	const char *label, *maker;      /* UTF-8 */
	const char *path;               /* hex */
	const char *id, *auth, *serial, *aid;   /* hex */
	const char *oid;                /* directory: of the DDO, dotted */
	const char *pad;                /* PINs: hex of one byte */
	const char *flags;              /* common object flags, OpenSSL BITLIST "0,1" */
	const char *usage, *access;     /* BITLISTs */
	const char *pin_flags, *token_flags;
	const char *updated;            /* YYYYMMDDHHMMSSZ: lastUpdate, or a PIN's lastPinChange */
	int ref; /* key or PIN reference, -1 none; ODF: the tag's number, 0 = A0 */
	int consent;                    /* 0 none */
	int min, max, stored, bits;
	uint8_t algorithms[16];         /* algorithm references of a token, or of a key */
	size_t n_algorithms;
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

#endif

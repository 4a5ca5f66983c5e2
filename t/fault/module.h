/* The whole module inside a test program: the C_ functions linked in, over virtual cards in the
 * same process, with a fault injector between. What is outside of the card is as in the product. */
#ifndef CASTOR_T_MODULE_H
#define CASTOR_T_MODULE_H

#include "t/fault/io_mem.h"
#include "t/fault/io_pad.h"
#include "token/cryptoki.h"

/* One per program; the library's io_default builds its world from it. */
struct module {
	struct vc *vc[IO_MEM_READERS]; /* owned */
	size_t n;
	struct io *io;  /* the injector of the library now open; void after C_Finalize */
	const struct pad_setting *pad; /* borrowed: the readers have keys; NULL: they have none */
	struct io *pad_io;      /* what types on them; void after C_Finalize */
	unsigned fault_at;      /* the command that fails after the next C_Initialize; 0 none */
	enum io_fault fault;
};
extern struct module module;

/* Puts a new card of t/cards/<image> into the next reader; `from` becomes `to` in its lines
 * (NULL: as it is). Returns it, borrowed. Before C_Initialize. */
struct vc *module_card(const char *image, const char *from, const char *to);
/* Frees the cards. After C_Finalize. */
void module_free(void);

/* The user's settings of every later C_Initialize: a file in the build folder, removed at exit. */
void module_settings(const char *text);

/* The profile t/cards/profiles/<name> is one of the user's in every later C_Initialize: in a folder that
 * is removed at exit. */
void module_profile(const char *name);

/* What most tests begin with: C_Initialize, the first slot, a read-write session. */
CK_SESSION_HANDLE module_open(void);
/* The same in the n-th slot that has a token. */
CK_SESSION_HANDLE module_open_slot(unsigned n);
/* The n-th object of a class, by CKA_ID when id is not 0; 0: there is none. */
CK_OBJECT_HANDLE module_find(CK_SESSION_HANDLE h, CK_OBJECT_CLASS cls, CK_BYTE id);
CK_RV module_login(CK_SESSION_HANDLE h, const char *pin);
CK_RV module_set_pin(CK_SESSION_HANDLE h, const char *old, const char *new);
/* A signature with SHA256_RSA_PKCS and the key of that id, whole or in its two calls. */
CK_RV module_sign_init(CK_SESSION_HANDLE h, CK_BYTE id);
CK_RV module_sign_end(CK_SESSION_HANDLE h);
CK_RV module_sign(CK_SESSION_HANDLE h, CK_BYTE id);
/* The same with a key that was found before. */
CK_RV module_sign_with(CK_SESSION_HANDLE h, CK_OBJECT_HANDLE key);
/* CKS_ of the session, which must be there. */
CK_STATE module_state(CK_SESSION_HANDLE h);

#endif

/* What every C_ function is made of: enter, one call into token/, leave. */
#ifndef CASTOR_P11_P11_H
#define CASTOR_P11_P11_H

#include "token/session.h"

#define P11_API __attribute__((visibility("default")))

/* One call in progress. Filled by p11_enter_*, emptied by p11_leave. */
struct call {
	const char *func;
	CK_ULONG subject;       /* slot id or session handle, for the log */
	int64_t since;          /* ms */
	struct world *w;        /* a reference */
	struct session *s;      /* a reference, locked; NULL in slot calls */
	struct reader *r;       /* of the slot or session */
	unsigned pin;           /* which of the reader's slots */
};

/* CKR_CRYPTOKI_NOT_INITIALIZED unless the library is open in this process. */
CK_RV p11_enter_lib(struct call *c, const char *func);
/* The same, and CKR_SLOT_ID_INVALID. */
CK_RV p11_enter_slot(struct call *c, const char *func, CK_SLOT_ID slot);
/* The same, and CKR_SESSION_HANDLE_INVALID. The session is locked until p11_leave. */
CK_RV p11_enter_session(struct call *c, const char *func, CK_SESSION_HANDLE h);
/* Lets go of everything and logs; returns rv. */
CK_RV p11_leave(struct call *c, CK_RV rv);

/* C_Initialize and C_Finalize without their argument checks. */
CK_RV p11_open(void);
CK_RV p11_close(void);

/* The buffer convention of PKCS#11 v2.40 5.2: a caller's buffer and its length. */
struct out { CK_BYTE_PTR p; CK_ULONG_PTR len; };

/* Whether `need` bytes can be given now. CKR_OK with *go true: yes. CKR_OK with *go false: the
 * length was asked for and is told. CKR_BUFFER_TOO_SMALL: told as well. */
CK_RV out_room(struct out o, CK_ULONG need, bool *go);
/* Copies into a buffer out_room has found large enough, and sets the exact length.
 * CKR_DEVICE_ERROR: a card made more of it than its key can give; nothing is copied then. */
CK_RV out_put(struct out o, struct view v);

/* The life of a one-part call and of a final call, for every kind: what survives which error
 * (PKCS#11 v2.40 5.2, 5.8 to 5.13). The input is the whole data; for a final call none. */
CK_RV p11_one_part(struct call *c, enum op_kind kind, struct view in, struct out o);
CK_RV p11_final(struct call *c, enum op_kind kind, struct out o);
CK_RV p11_update(struct call *c, enum op_kind kind, struct view in);
/* Init of an operation; mechanism NULL cancels an active one. */
CK_RV p11_init(struct call *c, enum op_kind kind, CK_MECHANISM_PTR mech, CK_OBJECT_HANDLE key);

/* A caller's data: NULL is fine when its length is 0. */
bool p11_data_ok(const void *p, CK_ULONG n);

#endif

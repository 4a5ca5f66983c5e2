/* A Cryptoki module in this process, as any program loads one. */
#ifndef CASTOR_BRIDGES_KIT_MODULE_H
#define CASTOR_BRIDGES_KIT_MODULE_H

#include <p11-kit/pkcs11.h>

#include "base/buf.h"

struct kit_module {
	void *dl;            /* of dlopen; NULL: not loaded */
	CK_FUNCTION_LIST *f; /* owned by the module */
	bool up;             /* C_Initialize was CKR_OK */
};

/* Loads the file and initialises it for use by several threads. Returns 0 with *m to give back to
 * kit_module_close; E_NOT_FOUND: there is no such file, or the linker refuses it (*why says what it
 * said); E_FORMAT: it is no Cryptoki module; E_CARD: C_Initialize failed, *rv. */
int kit_module_open(const char *path, struct kit_module *m, CK_RV *rv, struct buf *why);
void kit_module_close(struct kit_module *m);

/* The name of an answer, "CKR_PIN_INCORRECT"; "CKR_0x..." for one of a vendor: into buf, which is
 * returned. */
#define KIT_RV_NAME 48
const char *kit_rv_name(CK_RV rv, char buf[KIT_RV_NAME]);
/* One sentence on it for people, English and marked for translation; static. */
const char *kit_rv_text(CK_RV rv);

#endif

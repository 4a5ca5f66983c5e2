#include "bridges/kit/module.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/text.h"

int
kit_module_open(const char *path, struct kit_module *m, CK_RV *rv, struct buf *why)
{
	CK_C_INITIALIZE_ARGS args;
	CK_C_GetFunctionList get;
	void *symbol;

	memset(m, 0, sizeof *m);
	memset(&args, 0, sizeof args);
	args.flags = CKF_OS_LOCKING_OK;
	*rv = CKR_OK;
	if (!(m->dl = dlopen(path, RTLD_NOW | RTLD_LOCAL))) {
		buf_str(why, dlerror());
		return E_NOT_FOUND;
	}
	if (!(symbol = dlsym(m->dl, "C_GetFunctionList")))
		return E_FORMAT;
	memcpy(&get, &symbol, sizeof get); /* POSIX's way from an object pointer to a function */
	if (get(&m->f) || !m->f)
		return E_FORMAT;
	if ((*rv = m->f->C_Initialize(&args)) && *rv != CKR_CRYPTOKI_ALREADY_INITIALIZED)
		return E_CARD;
	m->up = true;
	return 0;
}

void
kit_module_close(struct kit_module *m)
{
	if (m->up)
		m->f->C_Finalize(NULL);
	if (m->dl)
		dlclose(m->dl);
	memset(m, 0, sizeof *m);
}

static const struct answer { CK_RV rv; const char *name, *text; } answers[] = {
#define A(name, text) { name, #name, text }
	A(CKR_OK, N_("done")),
	A(CKR_HOST_MEMORY, N_("out of memory")),
	A(CKR_SLOT_ID_INVALID, N_("there is no such slot")),
	A(CKR_GENERAL_ERROR, N_("the smart card module failed")),
	A(CKR_FUNCTION_FAILED, N_("the smart card module failed")),
	A(CKR_ARGUMENTS_BAD, N_("the smart card module does not accept that")),
	A(CKR_ATTRIBUTE_TYPE_INVALID, N_("there is no such attribute")),
	A(CKR_DATA_INVALID, N_("the key cannot be used with this data")),
	A(CKR_DATA_LEN_RANGE, N_("the data is too long or too short for this key")),
	A(CKR_DEVICE_ERROR, N_("the card or the reader reported an error")),
	A(CKR_DEVICE_MEMORY, N_("there is no room on the card")),
	A(CKR_DEVICE_REMOVED, N_("the card was taken out")),
	A(CKR_ENCRYPTED_DATA_INVALID, N_("the encrypted data is damaged, or is for another key")),
	A(CKR_ENCRYPTED_DATA_LEN_RANGE, N_("the encrypted data is damaged, or is for another key")),
	A(CKR_FUNCTION_CANCELED, N_("cancelled")),
	A(CKR_FUNCTION_NOT_SUPPORTED, N_("the card cannot do that")),
	A(CKR_KEY_FUNCTION_NOT_PERMITTED, N_("the key is not meant for that")),
	A(CKR_KEY_HANDLE_INVALID, N_("the key is there no more")),
	A(CKR_KEY_TYPE_INCONSISTENT, N_("the key is of another type")),
	A(CKR_MECHANISM_INVALID, N_("the card cannot do that")),
	A(CKR_MECHANISM_PARAM_INVALID, N_("the card cannot do that")),
	A(CKR_OBJECT_HANDLE_INVALID, N_("the object is there no more")),
	A(CKR_PIN_INCORRECT, N_("wrong PIN")),
	A(CKR_PIN_INVALID, N_("the new PIN has characters that are not allowed, or was used before")),
	A(CKR_PIN_LEN_RANGE, N_("the new PIN is too short or too long")),
	A(CKR_PIN_EXPIRED, N_("the PIN is too old and must be changed first")),
	A(CKR_PIN_LOCKED, N_("the PIN is blocked")),
	A(CKR_SESSION_CLOSED, N_("the card was taken out")),
	A(CKR_SESSION_HANDLE_INVALID, N_("the card was taken out")),
	A(CKR_TOKEN_NOT_PRESENT, N_("there is no card in the reader")),
	A(CKR_TOKEN_NOT_RECOGNIZED, N_("the card is not known")),
	A(CKR_TOKEN_WRITE_PROTECTED, N_("the card cannot be written to")),
	A(CKR_USER_NOT_LOGGED_IN, N_("the PIN was not given")),
	A(CKR_USER_PIN_NOT_INITIALIZED, N_("the PIN is not set up")),
	A(CKR_CRYPTOKI_NOT_INITIALIZED, N_("the smart card module is not running")),
	A(CKR_FUNCTION_REJECTED, N_("cancelled")),
#undef A
};

const char *
kit_rv_name(CK_RV rv, char buf[KIT_RV_NAME])
{
	for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++)
		if (answers[i].rv == rv)
			return answers[i].name;
	snprintf(buf, KIT_RV_NAME, "CKR_0x%08lX", rv);
	return buf;
}

const char *
kit_rv_text(CK_RV rv)
{
	for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++)
		if (answers[i].rv == rv)
			return answers[i].text;
	return N_("the smart card module failed");
}

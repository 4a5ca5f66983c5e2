/* PKCS#11 v2.40 5.4: general-purpose functions. */
#include "p11/p11.h"

#include <string.h>

#define LIBRARY_MAJOR 0
#define LIBRARY_MINOR 1

P11_API CK_RV
C_Initialize(CK_VOID_PTR init_args)
{
	CK_C_INITIALIZE_ARGS *args = init_args;
	int given;

	if (args) {
		given = (args->CreateMutex != NULL) + (args->DestroyMutex != NULL) +
		    (args->LockMutex != NULL) + (args->UnlockMutex != NULL);
		if (args->pReserved || (given != 0 && given != 4))
			return CKR_ARGUMENTS_BAD;
		/* we lock with the system's own mutexes, whatever else is offered */
		if (given == 4 && !(args->flags & CKF_OS_LOCKING_OK))
			return CKR_CANT_LOCK;
	}
	return p11_open();
}

P11_API CK_RV
C_Finalize(CK_VOID_PTR reserved)
{
	struct call c;
	CK_RV rv;

	if (!(rv = p11_enter_lib(&c, __func__)) && reserved)
		rv = CKR_ARGUMENTS_BAD;
	p11_leave(&c, rv);
	return rv ? rv : p11_close();
}

P11_API CK_RV
C_GetInfo(CK_INFO_PTR info)
{
	struct call c;
	CK_RV rv;

	if (!(rv = p11_enter_lib(&c, __func__)) && !info)
		rv = CKR_ARGUMENTS_BAD;
	if (!rv) {
		memset(info, 0, sizeof *info);
		info->cryptokiVersion.major = 2;
		info->cryptokiVersion.minor = 40;
		pad_text(info->manufacturerID, sizeof info->manufacturerID, "Castor");
		pad_text(info->libraryDescription, sizeof info->libraryDescription,
		    io_is_virtual() ? "Castor virtual cards (TEST)" : "Castor smart cards");
		info->libraryVersion.major = LIBRARY_MAJOR;
		info->libraryVersion.minor = LIBRARY_MINOR;
	}
	return p11_leave(&c, rv);
}

#include "t/fault/module.h"

#include <fcntl.h>
#include <unistd.h>

#include "t/unit/cards.h"

struct module module;

int
io_default(struct io **out)
{
	struct io *mem;
	int r;

	if ((r = io_mem_new_many(module.vc, module.n, &mem)))
		return r;
	if (module.pad && (r = io_pad_new(&mem, module.pad, &module.pad_io))) {
		mem->ops->free(&mem);
		return r;
	}
	if (module.pad)
		mem = module.pad_io;
	if ((r = io_fault_new(&mem, out))) {
		mem->ops->free(&mem);
		return r;
	}
	module.io = *out;
	io_fault_set(module.io, module.fault_at, module.fault);
	io_trace_default(out);
	return 0;
}

bool
io_is_virtual(void)
{
	return true;
}

struct vc *
module_card(const char *image, const char *from, const char *to)
{
	ck_assert_uint_lt(module.n, IO_MEM_READERS);
	return module.vc[module.n++] = virtual_card(image, from, to);
}

void
module_free(void)
{
	while (module.n)
		vc_free(&module.vc[--module.n]);
}

static char settings_file[] = "settings-XXXXXX";
static pid_t settings_owner;

static void
settings_remove(void)
{
	if (settings_owner == getpid()) /* Check's children end here too */
		unlink(settings_file);
}

void
module_settings(const char *text)
{
	int fd = settings_owner ? open(settings_file, O_WRONLY | O_TRUNC) : mkstemp(settings_file);

	if (!settings_owner) {
		settings_owner = getpid();
		atexit(settings_remove);
	}
	/* not ck_assert: main() may call this before any test runs */
	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		abort();
	close(fd);
	setenv("CASTOR_CONF", settings_file, 1);
}

static char profiles_folder[] = "/tmp/castor-profiles-XXXXXX";
static pid_t profiles_owner;

static void
profiles_remove(void)
{
	char command[128];

	if (profiles_owner != getpid())
		return;
	snprintf(command, sizeof command, "rm -rf %s", profiles_folder);
	if (system(command))
		fprintf(stderr, "%s stays\n", profiles_folder);
}

void
module_profile(const char *name)
{
	const char *top = getenv("top_srcdir");
	char command[1024];

	if (!profiles_owner && !mkdtemp(profiles_folder))
		abort();
	if (!profiles_owner)
		atexit(profiles_remove);
	profiles_owner = getpid();
	snprintf(command, sizeof command, "umask 077; mkdir -p %s/castor/profiles && cat '%s/t/cards/profiles/%s' "
	    ">%s/castor/profiles/%s", profiles_folder, top ? top : ".", name, profiles_folder, name);
	if (system(command))
		abort();
	setenv("XDG_CONFIG_HOME", profiles_folder, 1);
}

CK_SESSION_HANDLE
module_open_slot(unsigned slot)
{
	CK_SESSION_HANDLE h = 0;
	CK_SLOT_ID id[2 * IO_MEM_READERS];
	CK_ULONG n = 2 * IO_MEM_READERS;

	ck_assert_uint_eq(C_Initialize(NULL), CKR_OK);
	ck_assert_uint_eq(C_GetSlotList(CK_TRUE, id, &n), CKR_OK);
	ck_assert_uint_gt(n, slot);
	ck_assert_uint_eq(C_OpenSession(id[slot], CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &h),
	    CKR_OK);
	return h;
}

CK_SESSION_HANDLE
module_open(void)
{
	return module_open_slot(0);
}

CK_OBJECT_HANDLE
module_find(CK_SESSION_HANDLE h, CK_OBJECT_CLASS cls, CK_BYTE id)
{
	CK_ATTRIBUTE t[] = { { CKA_CLASS, &cls, sizeof cls }, { CKA_ID, &id, 1 } };
	CK_OBJECT_HANDLE o = 0;
	CK_ULONG n = 0;

	if (C_FindObjectsInit(h, t, id ? 2 : 1) != CKR_OK)
		return 0;
	C_FindObjects(h, &o, 1, &n);
	C_FindObjectsFinal(h);
	return n ? o : 0;
}

CK_RV
module_login(CK_SESSION_HANDLE h, const char *pin)
{
	return C_Login(h, CKU_USER, (CK_UTF8CHAR_PTR)(uintptr_t)pin, strlen(pin));
}

CK_RV
module_set_pin(CK_SESSION_HANDLE h, const char *old, const char *new)
{
	return C_SetPIN(h, (CK_UTF8CHAR_PTR)(uintptr_t)old, strlen(old),
	    (CK_UTF8CHAR_PTR)(uintptr_t)new, strlen(new));
}

static CK_RV
sign_init_with(CK_SESSION_HANDLE h, CK_OBJECT_HANDLE key)
{
	CK_MECHANISM m = { CKM_SHA256_RSA_PKCS, NULL, 0 };

	return C_SignInit(h, &m, key);
}

CK_RV
module_sign_init(CK_SESSION_HANDLE h, CK_BYTE id)
{
	return sign_init_with(h, module_find(h, CKO_PRIVATE_KEY, id));
}

CK_RV
module_sign_end(CK_SESSION_HANDLE h)
{
	CK_BYTE data[8] = { 1 }, sig[512];
	CK_ULONG n = sizeof sig;

	return C_Sign(h, data, sizeof data, sig, &n);
}

CK_RV
module_sign(CK_SESSION_HANDLE h, CK_BYTE id)
{
	return module_sign_with(h, module_find(h, CKO_PRIVATE_KEY, id));
}

CK_RV
module_sign_with(CK_SESSION_HANDLE h, CK_OBJECT_HANDLE key)
{
	CK_RV rv = sign_init_with(h, key);

	return rv ? rv : module_sign_end(h);
}

CK_STATE
module_state(CK_SESSION_HANDLE h)
{
	CK_SESSION_INFO info;

	ck_assert_uint_eq(C_GetSessionInfo(h, &info), CKR_OK);
	return info.state;
}

/*
 * Counts the APDUs of a program without its knowledge: wraps SCardTransmit of pcsc-lite.
 *
 *   CASTOR_COUNT_FILE=/tmp/n LD_PRELOAD=count_pcsc.so program...
 *
 * The file holds one 64-bit counter of this machine's byte order, shared by all processes that
 * count into it. A module that finds pcsc-lite by dlopen (OpenSC) is told the name of this library
 * instead of libpcsclite.so.1: everything else is passed on to the real one.
 */
#include "config.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include <winscard.h>

typedef LONG (*transmit_fn)(SCARDHANDLE, const SCARD_IO_REQUEST *, LPCBYTE, DWORD,
			    SCARD_IO_REQUEST *, LPBYTE, LPDWORD);

/* A use of pcsc-lite that the linker sees: without one it leaves the library out. */
__attribute__((used)) static LONG (*const keep)(SCARDCONTEXT) = SCardReleaseContext;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static transmit_fn real;
static _Atomic uint64_t *counter;

static void set_up(void)
{
	const char *path = getenv("CASTOR_COUNT_FILE");
	int fd;
	void *p;

	*(void **)&real = dlsym(RTLD_NEXT, "SCardTransmit");
	if (real == NULL)
		*(void **)&real = dlsym(dlopen("libpcsclite.so.1", RTLD_NOW), "SCardTransmit");
	fd = path != NULL ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
	if (fd < 0)
		return;
	if (ftruncate(fd, sizeof *counter) == 0) {
		p = mmap(NULL, sizeof *counter, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		counter = p != MAP_FAILED ? p : NULL;
	}
	close(fd);
}

__attribute__((visibility("default")))
LONG SCardTransmit(SCARDHANDLE card, const SCARD_IO_REQUEST *send_pci, LPCBYTE send,
		   DWORD send_len, SCARD_IO_REQUEST *recv_pci, LPBYTE recv, LPDWORD recv_len)
{
	pthread_once(&once, set_up);
	if (counter != NULL)
		atomic_fetch_add(counter, 1);
	return real(card, send_pci, send, send_len, recv_pci, recv, recv_len);
}

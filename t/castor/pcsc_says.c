/*
 * Answers of pcsc-lite and of the clock that nobody can have at will: for LD_PRELOAD.
 *
 *   CASTOR_T_CONNECT=8010006A     what SCardConnect answers, in hexadecimal
 *   CASTOR_T_HANG=1               SCardConnect does not come back
 *   CASTOR_T_CRASH=1              SCardConnect ends the process
 *   CASTOR_T_TIME=SECONDS         what time(2) says, from 1970 on
 */
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <dlfcn.h>
#include <winscard.h>

typedef LONG (*connect_fn)(SCARDCONTEXT, LPCSTR, DWORD, DWORD, LPSCARDHANDLE, LPDWORD);

/* A use of pcsc-lite that the linker sees: without one it leaves the library out. */
__attribute__((used)) static LONG (*const keep)(SCARDCONTEXT) = SCardReleaseContext;

__attribute__((visibility("default")))
LONG
SCardConnect(SCARDCONTEXT context, LPCSTR reader, DWORD share, DWORD protocols, LPSCARDHANDLE card, LPDWORD protocol)
{
	const char *answer = getenv("CASTOR_T_CONNECT");
	connect_fn real;

	if (getenv("CASTOR_T_CRASH"))
		abort();
	while (getenv("CASTOR_T_HANG"))
		pause();
	if (answer)
		return (LONG)strtoul(answer, NULL, 16);
	*(void **)&real = dlsym(RTLD_NEXT, "SCardConnect");
	return real(context, reader, share, protocols, card, protocol);
}

__attribute__((visibility("default")))
time_t
time(time_t *out)
{
	const char *set = getenv("CASTOR_T_TIME");
	struct timespec now = { 0, 0 };
	time_t t;

	clock_gettime(CLOCK_REALTIME, &now);
	t = set ? (time_t)strtoll(set, NULL, 10) : now.tv_sec;
	if (out)
		*out = t;
	return t;
}

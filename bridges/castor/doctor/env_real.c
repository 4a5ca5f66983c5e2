/* The computer as it is; alone in its file, so that a test can link another one. */
#include "base/os.h"
#include "bridges/castor/doctor/env.h"

/* Source: pcsc-lite, pcscd(8) */
#define SOCKET "/run/pcscd/pcscd.comm"

void
env_real(struct doctor_env *env)
{
	const char *home = os_env("HOME"), *named = os_env("PCSCLITE_CSOCK_NAME");

	*env = (struct doctor_env){
		.root = "", .proc = "/proc", .home = home && *home == '/' ? home : "",
		.socket = named && *named ? named : SOCKET,
		.is_root = os_is_root(),
	};
}

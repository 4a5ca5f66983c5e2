/* castor_at is castor in a computer made up: every path of the system is below CASTOR_AT_ROOT. Here is the
 * one function by which it differs; the linker takes it for the one of the product. */
#include <stdlib.h>

#include "bridges/castor/doctor/env.h"

static const char *
from(const char *name)
{
	const char *value = getenv(name);

	return value ? value : "";
}

void
env_real(struct doctor_env *env)
{
	*env = (struct doctor_env){
		.root = from("CASTOR_AT_ROOT"), .proc = from("CASTOR_AT_PROC"), .home = from("HOME"),
		.socket = from("PCSCLITE_CSOCK_NAME"),
	};
}

/* castor_at is castor in a computer made up: every path of the system is below CASTOR_AT_ROOT, and whoever runs
 * it is an ordinary user unless CASTOR_AT_IS_ROOT is set. Here is the one function by which it differs; the
 * linker takes it for the one of the product. */
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
		.is_root = *from("CASTOR_AT_IS_ROOT"),
	};
}

/* Tells programs of the module, or no longer. */
#ifndef CASTOR_BRIDGES_CASTOR_DOCTOR_REGISTER_H
#define CASTOR_BRIDGES_CASTOR_DOCTOR_REGISTER_H

#include "bridges/castor/app.h"
#include "bridges/castor/doctor/env.h"

/* Registers (or, with `away`, takes away) in what the operands name; says for each place what was done, as
 * words or JSON. Returns a status: ST_FINDINGS when something had to be left alone. */
int register_run(struct app *a, const struct doctor_env *env, bool away);

#endif

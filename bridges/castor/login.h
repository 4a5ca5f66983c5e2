/* Logging in for one private operation, and the key for it. */
#ifndef CASTOR_BRIDGES_CASTOR_LOGIN_H
#define CASTOR_BRIDGES_CASTOR_LOGIN_H

#include "base/secret.h"
#include "bridges/castor/app.h"
#include "bridges/kit/pkey.h"

/* A key that is ready to be used once. Give it back to login_end, also after an error. */
struct login {
	struct app *a;
	struct kit_slot *slot;
	struct secret *pin;  /* until login_end; NULL: it is typed on the reader */
	struct kit_lib lib;
	struct kit_key key;
	EVP_PKEY *pkey;
};

/* Asks for the PIN of a slot and logs in, again after a wrong one as long as more than one try is left; then
 * makes the item's key an EVP_PKEY. A status. */
int login_begin(struct app *a, struct kit_slot *slot, const struct kit_item *item, struct login *l);
/* Logs out and wipes. */
void login_end(struct login *l);

#endif

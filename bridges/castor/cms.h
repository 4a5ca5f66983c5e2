/* What became of a CMS message, in words. */
#ifndef CASTOR_BRIDGES_CASTOR_CMS_H
#define CASTOR_BRIDGES_CASTOR_CMS_H

#include "bridges/castor/app.h"
#include "bridges/kit/cms.h"

/* The status of it, said when it is no success; rv is the module's answer, for KIT_CMS_CARD. */
int cms_status(struct app *a, enum kit_cms state, CK_RV rv);
/* The same without saying it. */
int cms_status_quiet(enum kit_cms state);
/* One sentence, English and marked for translation; its word in JSON. Static. */
const char *cms_text(enum kit_cms state);
const char *cms_word(enum kit_cms state);

#endif

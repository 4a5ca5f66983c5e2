/* What the files of CMS share. */
#ifndef CASTOR_BRIDGES_KIT_CMS_INT_H
#define CASTOR_BRIDGES_KIT_CMS_INT_H

#include <openssl/cms.h>

#include "bridges/kit/cms.h"

/* Copies to the end; `out` NULL: read only. KIT_CMS_READ, KIT_CMS_WRITE. A cipher or digest BIO
 * ends like a file does: ask it afterwards if it is content. */
enum kit_cms cms_copy(BIO *in, BIO *out);

/* Reads a message, DER, BER or PEM. KIT_CMS_READ, KIT_CMS_NOT_CMS (something else),
 * KIT_CMS_DAMAGED (begins as CMS), KIT_CMS_FAILED. */
enum kit_cms cms_read(OSSL_LIB_CTX *ctx, BIO *in, CMS_ContentInfo **out);

#endif

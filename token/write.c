#include "token/write.h"
#include "token/generate.h"
CK_RV write_object(struct session *s, const struct attrs *a, CK_OBJECT_HANDLE *out) { (void)s;(void)a;(void)out; return CKR_TOKEN_WRITE_PROTECTED; }
CK_RV write_destroy(struct session *s, const struct object *o){ (void)s;(void)o; return CKR_TOKEN_WRITE_PROTECTED; }
CK_RV write_change(struct session *s, const struct object *o, const struct attrs *a){ (void)s;(void)o;(void)a; return CKR_TOKEN_WRITE_PROTECTED; }
CK_RV generate_pair(struct session *s, const CK_MECHANISM *ck, const struct pair_template *t,
    CK_OBJECT_HANDLE *pub, CK_OBJECT_HANDLE *priv){ (void)s;(void)ck;(void)t;(void)pub;(void)priv; return CKR_TOKEN_WRITE_PROTECTED; }

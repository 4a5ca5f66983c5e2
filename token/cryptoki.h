/* PKCS#11 as we speak it: p11-kit's 2.40 header and what later versions add that we use.
 * Source of the additions: OASIS PKCS #11 v3.0 header, section "Defined Values". */
#ifndef CASTOR_TOKEN_CRYPTOKI_H
#define CASTOR_TOKEN_CRYPTOKI_H

#include <p11-kit/pkcs11.h>

#ifndef CKO_PROFILE
#define CKO_PROFILE (0x00000009UL)
#endif
#ifndef CKA_PROFILE_ID
#define CKA_PROFILE_ID (0x00000601UL)
#endif
#ifndef CKP_PUBLIC_CERTIFICATES_TOKEN
#define CKP_PUBLIC_CERTIFICATES_TOKEN (0x00000004UL)
#endif
#ifndef CKR_ACTION_PROHIBITED
#define CKR_ACTION_PROHIBITED (0x0000001BUL)
#endif
#ifndef CKA_PUBLIC_KEY_INFO
#define CKA_PUBLIC_KEY_INFO (0x00000129UL)
#endif
#ifndef CKA_COPYABLE
#define CKA_COPYABLE (0x00000171UL)
#endif
#ifndef CKA_DESTROYABLE
#define CKA_DESTROYABLE (0x00000172UL)
#endif

#endif

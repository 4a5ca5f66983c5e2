#include "token/pubkey.h"

#include "base/err.h"
#include "mapping/der.h"

int
pubkey_from_attrs(struct soft *soft, const struct attrs *a, struct soft_pub **out)
{
	struct view point = attrs_get_view(a, CKA_EC_POINT), rest = point;
	struct der octets;

	if (attrs_get_ulong(a, CKA_KEY_TYPE, CKK_RSA) == CKK_RSA)
		return soft_pub_rsa(soft, attrs_get_view(a, CKA_MODULUS),
		    attrs_get_view(a, CKA_PUBLIC_EXPONENT), out);
	if (attrs_get_ulong(a, CKA_KEY_TYPE, CKK_RSA) != CKK_EC)
		return E_UNSUPPORTED;
	/* both begin with 04: it is an OCTET STRING when its length says so */
	if (der_take(&rest, 0x04, &octets) && !rest.len)
		point = octets.content;
	return soft_pub_ec(soft, attrs_get_view(a, CKA_EC_PARAMS), point, out);
}

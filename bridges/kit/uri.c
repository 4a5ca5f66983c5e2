#include "bridges/kit/uri.h"

#include <p11-kit/uri.h>
#include <stdlib.h>
#include <string.h>

void
kit_uri(const struct kit_slot *slot, const struct kit_item *item, struct buf *out)
{
	CK_OBJECT_CLASS class = item->cert ? CKO_CERTIFICATE : CKO_PRIVATE_KEY;
	CK_ATTRIBUTE attrs[] = {
		{ CKA_CLASS, &class, sizeof class }, { CKA_ID, item->id.p, item->id.len }
	};
	CK_TOKEN_INFO *token;
	P11KitUri *uri;
	char *s = NULL;

	if (!item->id.len)
		return;
	if (!(uri = p11_kit_uri_new())) {
		out->bad = true;
		return;
	}
	/* the label changes with the language; the serial number and the model do not */
	token = p11_kit_uri_get_token_info(uri);
	memcpy(token->serialNumber, slot->token.serialNumber, sizeof token->serialNumber);
	memcpy(token->model, slot->token.model, sizeof token->model);
	if (p11_kit_uri_set_attributes(uri, attrs, 2) == P11_KIT_URI_OK &&
	    p11_kit_uri_format(uri, P11_KIT_URI_FOR_OBJECT_ON_TOKEN, &s) == P11_KIT_URI_OK)
		buf_str(out, s);
	free(s);
	p11_kit_uri_free(uri);
}

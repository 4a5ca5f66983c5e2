/* A card of an unknown maker: it selects nothing and knows no other command. */
#include "t/vcard/vc_card.h"

static uint16_t run(struct vc_card *c, const uint8_t *in, size_t inlen, struct vc_blob *out)
{
	(void)c;
	(void)out;
	if (inlen < 4)
		return SW_LENGTH;
	if (in[0] != 0x00)
		return SW_CLA;
	return in[1] == 0xA4 ? SW_NOT_FOUND : SW_INS;
}

const struct vc_model vc_mute = { .name = "mute", .run = run };

/* For the tests of cards with T=0: answers fetched whole. */
#ifndef CASTOR_T_VCT_T0_H
#define CASTOR_T_VCT_T0_H

#include "t/vcard/vct.h"

/*
 * Fetches what 61xx announces in an answer of n bytes, with GET RESPONSE of the class. The whole answer's
 * length, status word at its end.
 */
static inline size_t vct_t0_rest(struct vc *vc, uint8_t cla, uint8_t *out, size_t n, size_t cap)
{
	while (n >= 2 && out[n - 2] == 0x61) {
		const uint8_t get[5] = { cla, 0xC0, 0x00, 0x00, out[n - 1] };
		size_t more;

		n -= 2;
		more = vc_apdu(vc, get, sizeof get, out + n, cap - n);
		ck_assert(more >= 2);
		n += more;
	}
	return n;
}

/* Sends an APDU; the whole answer as hex, in static memory. */
static inline const char *vct_t0(struct vc *vc, const char *hex)
{
	static char text[2 * 600 + 1];
	uint8_t out[600], cla;
	size_t n = vct_send(vc, hex, out, sizeof out), i;

	ck_assert_int_eq(vc_hex((const char[3]){ hex[0], hex[1], '\0' }, &cla, 1), 1);
	n = vct_t0_rest(vc, cla, out, n, sizeof out);
	text[0] = '\0';
	for (i = 0; i < n; i++)
		snprintf(text + 2 * i, 3, "%02X", out[i]);
	return text;
}

/* The same with data built at run time behind a header of four bytes. */
static inline size_t vct_t0_data(
	struct vc *vc, const char *header, const void *data, size_t len, uint8_t *out, size_t cap)
{
	uint8_t cla;
	size_t n = vct_data(vc, header, data, len, false, out, cap);

	ck_assert_int_eq(vc_hex((const char[3]){ header[0], header[1], '\0' }, &cla, 1), 1);
	return vct_t0_rest(vc, cla, out, n, cap);
}

#endif

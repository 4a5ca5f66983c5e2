#include "mapping/cert.h"

#include "t/fuzz/fuzz.h"

const bool fuzz_is_cheap = true;

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cert_fields cert;
	struct pub_fields pub;

	cert_decode(view_of(data, size), &cert);
	pub_decode(view_of(data, size), &pub);
	return 0;
}

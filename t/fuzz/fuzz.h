/* A fuzz target is one file with these two. */
#ifndef CASTOR_T_FUZZ_H
#define CASTOR_T_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Takes any bytes. A crash, a hang or a sanitizer's complaint is a finding. Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
/* Whether a thousand runs take no time. */
extern const bool fuzz_is_cheap;

#endif

/* Virtual cards in the same process as a world of readers: no socket, no other process, the
 * same result each time. */
#ifndef CASTOR_T_IO_MEM_H
#define CASTOR_T_IO_MEM_H

#include "cardos/wire/io.h"
#include "t/vcard/vc.h"

#define IO_MEM_READER "Castor virtual reader 0" /* the first one's name; others count up */
#define IO_MEM_READERS 4

/* The io of the reader that holds `vc`, which the caller keeps and frees after the io. E_MEM.
 * Takes vc's event hook. */
int io_mem_new(struct vc *vc, struct io **out);
/* The same with n readers (at most IO_MEM_READERS), one card each. */
int io_mem_new_many(struct vc *const *vc, size_t n, struct io **out);

#endif

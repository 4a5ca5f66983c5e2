/* A virtual card in the same process as a world of one reader: no socket, no other process, the
 * same result each time. */
#ifndef CASTOR_T_IO_MEM_H
#define CASTOR_T_IO_MEM_H

#include "cardos/wire/io.h"
#include "t/vcard/vc.h"

#define IO_MEM_READER "Castor virtual reader 0"

/* The io of the reader that holds `vc`, which the caller keeps and frees after the io. E_MEM.
 * Takes vc's event hook. */
int io_mem_new(struct vc *vc, struct io **out);

#endif

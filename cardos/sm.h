/* Secure messaging: commands and answers between plain and wrapped, with the keys that PACE has agreed on.
 * Every wrapped command is followed by its answer; whatever is wrong with that ends the channel, and the
 * caller frees it. One thread at a time. Source: ISO 7816-4 section 6; BSI TR-03110-3 F. */
#ifndef CASTOR_CARDOS_SM_H
#define CASTOR_CARDOS_SM_H

#include "cardos/crypt.h"
#include "cardos/wire/apdu.h"

struct sm;

/* A channel whose first command counts as `counter` + 1: 0 after PACE. The keys are copied into cells of base/secret. crypt: borrowed while the
 * channel lives. Owner: caller. E_ARG for keys of another length, E_MEM. */
int sm_new(struct crypt *crypt, enum cipher, struct view kenc, struct view kmac, uint64_t counter,
    struct sm **out);
/* Wipes the keys. */
void sm_free(struct sm **sm);
/* In a forked child: the memory goes, the cells are void there already. */
void sm_forget(struct sm **sm);

/* What goes to the card: its header, Le and data, which are appended to `data` (empty) and borrowed from it.
 * E_LIMIT when no APDU holds it, E_ARG, E_CRYPTO, E_MEM. */
int sm_wrap(struct sm *sm, const struct apdu *plain, struct buf *data, struct apdu *wrapped);
/* An answer's plain data, appended, and its status word. `sw` is what came outside of the wrapping: both must
 * be the same. E_PROTOCOL when the card has not said so under the MAC, or the form is broken, E_CRYPTO, E_MEM:
 * nothing was appended then, and the channel is over. */
int sm_unwrap(struct sm *sm, struct view answer, uint16_t sw, struct buf *plain, uint16_t *plain_sw);

/* Whether it is an answer from its first object to its MAC, whose status word says the same as that outside.
 * Pure. */
bool sm_is_whole(struct view answer, uint16_t sw);

/* How many bytes of plain data fit into a command of at most `limit` bytes of wrapped data, where an answer is
 * wanted too or not; and how many into such an answer. Pure. */
size_t sm_send_max(const struct sm *sm, size_t limit, bool le);
size_t sm_recv_max(const struct sm *sm, size_t limit);
enum cipher sm_cipher(const struct sm *sm);

#endif

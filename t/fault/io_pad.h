/* A reader with keys: an io over another whose chans answer the reader commands of PC/SC part 10. The
 * "typed" PINs are put into the command as the standard says, and the finished one goes to the card.
 * Written from the standard, not from what it tests. For one chan at a time. */
#ifndef CASTOR_T_IO_PAD_H
#define CASTOR_T_IO_PAD_H

#include "cardos/wire/io.h"

#define PAD_CODE_FEATURES (0x42000000u + 3400u)
#define PAD_CODE_VERIFY 0x42330006u
#define PAD_CODE_MODIFY 0x42330007u
#define PAD_CODE_PROPERTIES 0x4233000Au
#define PAD_CODE_TLV 0x42330012u
#define PAD_CANCELS "x"         /* instead of a PIN: the person presses cancel */

struct pad_setting {
	/* what the reader answers; empty list of features: it has none */
	struct view features, properties, tlv;
	int features_err;           /* not 0: that, instead of the list */
	const char *answer;         /* hexadecimal, not NULL: instead of doing anything */
	int answer_err;             /* not 0: that */
};

/* What it was asked, for the test to look at. */
struct pad_seen {
	unsigned asked;             /* times the features were asked */
	unsigned entries;           /* verify and modify commands */
	unsigned sent;              /* commands that went on to the card */
	unsigned timeout, timeout2, min, max, end, messages, lang, confirm;
	uint8_t template[64];       /* abData of the last entry */
	size_t template_len;
	uint8_t cmd[64];            /* what the last one was finished to */
	size_t cmd_len;
	const char *wrong;          /* a rule of the standard that was broken; NULL: none */
};

/* Takes `under`. The setting is borrowed and may be changed between commands. E_MEM. */
int io_pad_new(struct io **under, const struct pad_setting *setting, struct io **out);
struct pad_seen *io_pad_seen(struct io *);
/* What will be typed, one PIN after the other; NULL ends it: nobody types any more. Borrowed. */
void io_pad_type(struct io *, const char *const *typed);
/* The usual list: verify, modify, and the TLV properties. */
extern const uint8_t io_pad_features[18];

#endif

/* A card of a shipped profile whose answers the test writes, for the drivers of the old Finnish cards. */
#ifndef CASTOR_T_UNIT_OLDCARD_H
#define CASTOR_T_UNIT_OLDCARD_H

#include "cardos/iso.h"
#include "t/unit/scripted.h"
#include "t/unit/unit.h"

#define APP "A404000CA000000063504B43532D3135\n" /* behind the class */
#define MF "A40000023F00\n"
#define INFO_51 "3031300D060960864801650304020105000420" \
	"0102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F20"
#define BYTES_32 "5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A"
#define BYTES_128 BYTES_32 BYTES_32 BYTES_32 BYTES_32

struct oldcard { struct scripted s; struct card card; struct profile_set set; struct buf out; };

/* As the directories of such cards name them. */
static const struct pin_ref old_pin1 = { .ref = 1, .coding = PIN_ASCII, .min = 4, .max = 8, .stored = 8, .pads = true,
	.tries_max = -1, .unblock_ref = -1, .puk_min = 4, .puk_max = 8, .puk_stored = 8, .path.from = PATH_MF };
static const struct pin_ref old_pin2 = { .ref = 2, .coding = PIN_ASCII, .min = 4, .max = 8, .stored = 8, .pads = true,
	.tries_max = -1, .unblock_ref = -1, .puk_min = 4, .puk_max = 8, .puk_stored = 8, .local = true,
	.path = { PATH_MF, 2, { 0x50, 0x15 } } };
static const struct key_ref old_key1 = { .kind = KEY_RSA, .bits = 1024, .path = { PATH_MF, 2, { 0x4B, 0x01 } },
	.ref = 1, .ref_valid = true };
static const struct key_ref old_key2 = { .kind = KEY_RSA, .bits = 1024, .path = { PATH_MF, 4, { 0x50, 0x15, 0x4B, 0x02 } },
	.ref = 2, .ref_valid = true };

static inline void
oldcard_new(struct oldcard *o, const char *profile, const char *const *answers)
{
	struct buf why = BUF_INIT;

	memset(o, 0, sizeof *o);
	scripted_card(&o->s, &o->card, answers);
	ck_assert_msg(profile_set_builtin(&o->set, &why) == 0, "%s", buf_text(&why));
	for (size_t i = 0; i < o->set.n; i++)
		if (strcmp(o->set.p[i]->name, profile) == 0)
			o->card.pf = o->set.p[i];
	ck_assert_ptr_nonnull(o->card.pf);
	o->card.ops = card_driver(o->card.pf->driver);
	ck_assert_ptr_nonnull(o->card.ops);
	buf_free(&why);
}

/* The answers from here on; what was sent before is forgotten. */
static inline void
oldcard_says(struct oldcard *o, const char *const *answers)
{
	o->s.answers = answers;
	o->s.sent = 0;
	buf_reset(&o->s.all);
	buf_reset(&o->out);
}

static inline void
oldcard_free(struct oldcard *o)
{
	scripted_free(&o->s);
	profile_set_free(&o->set);
	buf_free(&o->out);
}

/* Signs the SHA-256 DigestInfo, the card padding; or a whole block of 5A. */
static inline int
oldcard_sign(struct oldcard *o, const struct key_ref *key, enum card_alg alg)
{
	struct buf data = BUF_INIT;
	struct sign_in in;
	int r;

	if (alg == ALG_RSA_RAW)
		buf_fill(&data, 0x5A, key->bits / 8);
	else
		ck_assert_int_eq(hex_parse(INFO_51, strlen(INFO_51), &data), 0);
	in = (struct sign_in){ alg == ALG_RSA_RAW ? IN_BLOCK : IN_DIGEST_INFO, buf_peek(&data), HASH_NONE };
	buf_reset(&o->out);
	r = o->card.ops->sign(&o->card, key, alg, &in, &o->out);
	buf_free(&data);
	return r;
}

#endif

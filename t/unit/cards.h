/* What the card tests share: images of virtual cards changed on the fly, and a card opened on
 * one, in this process. */
#ifndef CASTOR_T_UNIT_CARDS_H
#define CASTOR_T_UNIT_CARDS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "cardos/card.h"
#include "t/fault/io_mem.h"
#include "t/unit/unit.h"

struct rig {
	struct vc *vc;
	struct io *io;            /* over io_mem; a fault injector on top when asked */
	struct profile_set set;
	struct card *card;
};

static const struct pin_ref pin1 = { .ref = 1, .coding = PIN_ASCII, .min = 4, .max = 8,
	.stored = 8, .pad = 0xFF, .pads = true, .unblock_ref = -1, .puk_min = 4, .puk_max = 8,
	.puk_stored = 8, .path = { PATH_MF, 2, { 0x50, 0x15 } }, .local = true };

/* A key file in the application, 4Bxx. */
static inline struct key_ref
key_at(enum key_kind kind, unsigned bits, uint8_t low)
{
	struct key_ref k = { .kind = kind, .bits = bits, .path = { PATH_APP, 2, { 0x4B, low } },
		.ref = 0, .ref_valid = true };

	return k;
}

static inline struct path
app_path(uint8_t high, uint8_t low)
{
	struct path p = { PATH_APP, 2, { high, low } };

	return p;
}

static inline void
put_replaced(FILE *f, const char *line, const char *from, const char *to)
{
	const char *at = from ? strstr(line, from) : NULL;

	if (!at) {
		fputs(line, f);
		return;
	}
	fprintf(f, "%.*s%s%s", (int)(at - line), line, to, at + strlen(from));
}

/* The card of t/cards/<image>, with `from` replaced by `to` in each of its lines (NULL: as it is). The changed
 * copy, which may extend no other image, lies in the build folder for the length of the load. */
static inline struct vc *
virtual_card(const char *image, const char *from, const char *to)
{
	const char *top = getenv("top_srcdir") ? getenv("top_srcdir") : ".";
	char path[512], copy[] = "cards-XXXXXX", line[512], mid[1200], pki[512], err[256] = "";
	FILE *in, *out;
	struct vc *vc;
	int fd;

	snprintf(path, sizeof path, "%s/t/cards/%s", top, image);
	if (!from) {
		vc = vc_new(path, err, sizeof err);
		ck_assert_msg(vc != NULL, "%s: %s", image, err);
		return vc;
	}
	snprintf(pki, sizeof pki, "%s/t/cards/pki/", top);
	ck_assert_ptr_nonnull(in = fopen(path, "r"));
	ck_assert_int_ge(fd = mkstemp(copy), 0);
	ck_assert_ptr_nonnull(out = fdopen(fd, "w"));
	while (fgets(line, sizeof line, in)) {
		char *pki_at = strstr(line, "pki/");

		/* what is named beside the image is not beside the copy */
		if (strncmp(line, "extends: ", 9) == 0)
			snprintf(mid, sizeof mid, "extends: %s/t/cards/%s", top, line + 9);
		else if (pki_at)
			snprintf(mid, sizeof mid, "%.*s%s%s", (int)(pki_at - line), line, pki, pki_at + 4);
		else
			snprintf(mid, sizeof mid, "%s", line);
		put_replaced(out, mid, from, to);
	}
	fclose(in);
	fclose(out);
	vc = vc_new(copy, err, sizeof err);
	unlink(copy);
	ck_assert_msg(vc != NULL, "%s: %s", image, err);
	return vc;
}

static inline void
rig_open(struct rig *rig, struct vc *vc)
{
	struct buf why = BUF_INIT;

	memset(rig, 0, sizeof *rig);
	rig->vc = vc;
	ck_assert_int_eq(profile_set_builtin(&rig->set, &why), 0);
	ck_assert_int_eq(io_mem_new(rig->vc, &rig->io), 0);
	buf_free(&why);
}

static inline void
rig_card(struct rig *rig)
{
	ck_assert_int_eq(card_open(rig->io, IO_MEM_READER, &rig->set, true, &rig->card), 0);
}

static inline void
rig_close(struct rig *rig)
{
	card_close(&rig->card);
	rig->io->ops->free(&rig->io);
	profile_set_free(&rig->set);
	vc_free(&rig->vc);
}

#endif

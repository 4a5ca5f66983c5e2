/* Changes of a card's directory files and of the files they point at, inside a transaction.
 * A directory is changed by splice: foreign records keep every byte, and a record counts only
 * once its tag and length, written last, are there (DESIGN 7). */
#ifndef CASTOR_TOKEN_DIR_H
#define CASTOR_TOKEN_DIR_H

#include "cardos/card.h"
#include "mapping/p15.h"

#define MADE_MAX 4

/* What a job has put on the card so far, to be taken away if it fails half way. */
struct made {
	struct path file[MADE_MAX];
	size_t nfile;
	const struct p15_object *rec[MADE_MAX]; /* borrowed; with dir, rec_off, rec_len */
	size_t nrec;
};

/* Appends the record of `o` to the first directory of its kind with room and notes where in
 * o->dir, rec_off, rec_len. E_UNSUPPORTED: the card has no such directory; E_FULL. */
int dir_append(struct card *card, const struct p15_odf *odf, struct p15_object *o,
    struct made *made);
/* Whether dir_append would find a place for it, before anything else is put on the card. o->path may be
 * any of the length it will have. E_UNSUPPORTED, E_FULL. */
int dir_has_room(struct card *card, const struct p15_odf *odf, const struct p15_object *o);
/* Blanks a record, its first bytes last, so that a cut leaves a record or none; then lets those
 * behind it move up, since other programs take filler for the end of a directory. Offsets of
 * records behind it are void afterwards. */
int dir_remove(struct card *card, const struct path *dir, size_t off, size_t len);
/* Puts other bytes of the same length in a record's place. */
int dir_replace(struct card *card, const struct path *dir, size_t off, struct view record);
/* Makes a file under the lowest free id for that use; *path is its place. E_FULL, E_UNSUPPORTED. */
int dir_new_file(struct card *card, enum file_use use, struct new_file *f, struct made *made);
/* Takes everything in `made` off the card again, as far as that goes. */
void dir_undo(struct card *card, const struct made *made);

#endif

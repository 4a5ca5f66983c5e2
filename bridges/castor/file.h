/* Files that a command line names. */
#ifndef CASTOR_BRIDGES_CASTOR_FILE_H
#define CASTOR_BRIDGES_CASTOR_FILE_H

#include <openssl/bio.h>

#include "bridges/castor/app.h"

/* A file to read, "-" is standard input; NULL and the status ST_USAGE in *status. BIO_free. */
BIO *file_read(struct app *a, const char *path, int *status);
/* Reads all of a file of at most `max` bytes. A status. */
int file_read_all(struct app *a, const char *path, size_t max, struct buf *out);

/* A file being written: it appears under its name whole, or not at all. */
struct file_out {
	BIO *bio;      /* to write to */
	int fd;        /* of it */
	char *path;    /* its name; NULL: standard output */
	char *temp;    /* its name so far; NULL: written in place (a device, a pipe) */
	bool force;    /* may replace */
};
/* Begins the file `path`; NULL and "-" are standard output. ST_USAGE: it exists and --force was not given,
 * or it cannot be written. */
int file_begin(struct app *a, const char *path, struct file_out *f);
/* Gives a file another name; without force one that is there by then is not replaced, on file systems that
 * can tell. False with errno. */
bool file_name(const char *from, const char *to, bool force);
/* Ends it: with keep it gets its name, else it was never there. A status. */
int file_end(struct app *a, struct file_out *f, bool keep);

#endif

/* One run of castor: its command line, its answer, and the module it talks to. */
#ifndef CASTOR_BRIDGES_CASTOR_APP_H
#define CASTOR_BRIDGES_CASTOR_APP_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/settings.h"
#include "base/text.h"
#include "bridges/kit/cards.h"
#include "bridges/kit/json.h"
#include "bridges/kit/module.h"

enum status {
#define STATUS(name, number, word, doc) ST_##name = number,
#include "bridges/castor/status.def"
};

enum opt {
#define OPTION(name, word, letter, arg, optional, doc) OPT_##name,
#include "bridges/castor/options.def"
	OPT_COUNT
};

enum paint { PAINT_OFF, PAINT_BOLD, PAINT_DIM, PAINT_GOOD, PAINT_WARN, PAINT_BAD };

struct test_card;
struct pin_source;

struct app {
	const char *opt[OPT_COUNT]; /* its value, "" when it has none; NULL: not given */
	int argc;
	char **argv;                /* what is not an option; NULL-terminated */
	enum text_lang lang;
	struct settings *settings;  /* of the files; never NULL after app_begin */
	bool color, err_color;      /* of standard output, of standard error */
	struct buf out;             /* the answer so far; app_end writes it to standard output */
	struct json json;           /* writes into out */
	struct buf error;           /* what app_fail was told first */
	struct kit_module module;
	struct kit_cards cards;
	struct test_card *test;     /* --test-card; NULL */
	int pin_fd;                 /* --pin-fd; -1 */
	const char *file;           /* what a PIN is asked for is done to it; NULL: there is none. Borrowed */
};

/* Language, colours and settings, as options and environment say. Returns a status. */
int app_begin(struct app *a);
/* Writes the answer, gives everything back. Returns `status`, or another when the answer could not be
 * written. */
int app_end(struct app *a, int status);

/* Says what went wrong on standard error, and remembers it for JSON; returns `status`. Text in the
 * language of the person. The first one counts. */
int app_fail(struct app *a, enum status status, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* The same for what a C_* function answered; `what` (may be NULL) stands in front, as a text that was
 * translated already. */
int app_fail_rv(struct app *a, CK_RV rv, const char *what);
/* A status for an answer of C_*. */
enum status app_status(CK_RV rv);
/* The word of a status in JSON; static. */
const char *status_word(int status);

/* Appends to the answer. */
void put(struct app *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Appends text from a card, certificate or file: what a terminal would obey is shown as "?". */
void put_foreign(struct app *a, struct view text);
void put_foreign_to(struct buf *out, struct view text);
/* The start (or, with PAINT_OFF, the end) of a colour on standard output; "" without colours. Static. */
const char *paint(const struct app *a, enum paint p);
/* Writes at once on standard error what a person should know while they wait; not in JSON. */
void note(struct app *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Loads the module, and the test card if one is wanted; nothing when it was done. Returns a status. */
int app_module(struct app *a);
/* Loads, and reads all slots that --reader allows. Returns a status, no card being ST_NO_CARD only when
 * `card` is wanted. */
int app_cards(struct app *a, bool card);

#endif

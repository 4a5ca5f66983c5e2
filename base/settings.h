/* Settings: what DigiSign.conf(5) says, once, for the life of the library. The keys are in
 * settings.def; the manual and the tests are held against it.
 *
 * A value comes from, the later the stronger: the default; what is shipped (shipped.conf); the
 * system file; the user's file; a section of what is shipped that fits this program; such a section
 * of the system file; such a section of the user's file; the environment (one key). What the system
 * file locks, neither the user's file nor the environment can change. */
#ifndef CASTOR_BASE_SETTINGS_H
#define CASTOR_BASE_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/os.h"

enum setting {
#define SETTING(name, type, def, acts, doc) SET_##name,
#include "base/settings.def"
	SET_COUNT
};

enum setting_type {
	TYPE_BOOL,   /* 0 or 1; no/yes, false/true, off/on are read too */
	TYPE_INT,    /* decimal, with a range */
	TYPE_STRING, /* UTF-8 */
	TYPE_PATH,   /* absolute path, or empty */
	TYPE_SECRET, /* counts only in a file nobody else can read; kept out of core files */
	TYPE_LIST    /* wildcards, base/wildcard.h; "0" is read as empty */
};

enum setting_acts {
	ACTS_MODULE, /* now, in the module */
	ACTS_LATER,  /* in a part that comes later */
	ACTS_BRIDGE, /* in a bridge */
	ACTS_NOTHING /* known, but there is nothing here it could act on */
};

struct setting_info {
	const char *name, *def, *doc;
	enum setting_type type;
	enum setting_acts acts;
	long min, max;     /* TYPE_INT, both included */
	const char *range; /* TYPE_INT: the same as text, "0..3" */
	const char *words; /* TYPE_STRING: the only values there are, blanks between; or NULL */
	bool root_only;    /* counts only in a file that is root's, but for test cards */
	bool system_only;  /* a user's file cannot set it, but for test cards */
};

struct settings; /* invariant once loaded; any thread may read */

/* Where to read from. A NULL member: the place of the installed product; "": none. */
struct settings_from {
	const char *shipped; /* not a place but the text itself; "shipped" in notes and origins */
	const char *system; /* SYSCONFDIR/castor/DigiSign.conf */
	const char *user;   /* $CASTOR_CONF, or DigiSign.conf in the user's castor folder */
	const char *exe;    /* real path of the program, for [app:...] */
	const char *bridge; /* name of the bridge, for [bridge:...]; NULL is none here */
	const char *auto_login; /* what the environment says of disableCryptokiAutoLogin */
	bool test_card;     /* no real card is touched: the user's file may set system-only keys */
};

/* Reads everything. `from` NULL: all places of the product. Whatever is wrong in a file
 * becomes a note and leaves the default: the only error is E_MEM. Owner: caller. */
int settings_load(const struct settings_from *from, struct settings **out);
void settings_free(struct settings **s);

/* Values; the key must be of the type asked for. Borrowed while s lives. */
bool settings_bool(const struct settings *s, enum setting key);
long settings_int(const struct settings *s, enum setting key);
/* STRING, PATH, LIST and SECRET; "" when not set. */
const char *settings_str(const struct settings *s, enum setting key);
/* "default", "environment", or "FILE:LINE", where FILE may be "shipped". Borrowed. */
const char *settings_origin(const struct settings *s, enum setting key);

/* What was found wrong, one line of text each, in the order found; NULL when i is past the
 * last. Borrowed. No line holds the value of a secret. */
const char *settings_note(const struct settings *s, size_t i);
/* The same in parts, for those who show it in another language: no member is owned by the caller. */
struct setting_note {
	const char *file;    /* its path; "shipped", "environment" */
	unsigned line;       /* from 1; 0: the file as a whole */
	const char *text;    /* English, marked for translation, with a %s for each of arg that is not NULL */
	const char *arg[2];  /* names and values; the last one may be a text marked for translation */
	enum os_trust trust; /* what is wrong with the file's owner or mode; OS_TRUST_OK: nothing */
};
bool settings_note_parts(const struct settings *s, size_t i, struct setting_note *out);
/* Opens the log as the environment's CASTOR_LOG (a level) and CASTOR_LOG_FILE (a path; empty: standard
 * error), logLevel and logFile say, and writes the notes into it. */
void settings_log_open(const struct settings *s);

/* What is known of a key. Static. */
const struct setting_info *setting_info(enum setting key);
/* The key of that name, whatever the case of its letters; SET_COUNT: there is none. */
enum setting setting_find(const char *name);
/* The key whose name is most like it; SET_COUNT: none is much like it. */
enum setting setting_nearest(const char *name);

#endif

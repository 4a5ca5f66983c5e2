/* NSS databases of this person's browsers and mail programs, and the list of modules in them.
 *
 * The list is the file pkcs11.txt: stanzas of "key=value" lines, an empty line behind each; '#' begins a
 * comment, a value may be in '"' with '\' in front of what is special, and a line has 2047 bytes at most.
 * Source: nss-dev/nss lib/util/utilmod.c (the comment on the secmod database), utilpars.c (quoting). */
#ifndef CASTOR_BRIDGES_CASTOR_DOCTOR_NSSDB_H
#define CASTOR_BRIDGES_CASTOR_DOCTOR_NSSDB_H

#include "bridges/castor/doctor/env.h"

#define NSS_DBS_MAX 64
#define NSS_LIST_MAX ((size_t)256 << 10) /* bytes of a pkcs11.txt; one module takes 200 */

enum nss_program { NSS_FIREFOX, NSS_THUNDERBIRD, NSS_CHROMIUM };
enum nss_box { NSS_HOST, NSS_SNAP, NSS_FLATPAK };

struct nss_db {
	struct buf folder;
	enum nss_program program;
	enum nss_box box;
	const char *lock; /* of a program that locks another folder than the database's, below home; NULL */
};

struct nss_dbs {
	struct nss_db db[NSS_DBS_MAX];
	size_t n;
};

/* One module of a list. Views into the list. */
struct nss_module {
	struct view stanza;      /* with the empty lines behind it */
	struct buf library, name;
};

enum nss_state {
	NSS_OK,       /* its list can be changed */
	NSS_UNUSED,   /* no database yet: the program has not been started once */
	NSS_OLD,      /* a database of the old form, secmod.db, alone */
	NSS_RUNNING,  /* a program has it open */
	NSS_READONLY, /* folder or file cannot be written */
	NSS_FOREIGN,  /* its list is a link, another user's, or no plain file of a size that makes sense */
};

/* "Firefox", "Thunderbird", "Chromium"; static. */
const char *nss_program_name(enum nss_program p);
/* Finds all databases below the person's home: the profiles that profiles.ini names, and the shared one of
 * Chromium and its kin, inside of snap and flatpak, too. E_MEM. */
int nss_find(const struct doctor_env *env, struct nss_dbs *out);
void nss_free(struct nss_dbs *dbs);
/* How it stands, and what in it: *pid gets the process that has it open, when that is known (else 0). */
enum nss_state nss_look(const struct doctor_env *env, const struct nss_db *db, long *pid);
/* Reads the list. E_NOT_FOUND, E_IO, E_LIMIT, E_MEM. */
int nss_list(const struct nss_db *db, struct buf *list);
/* Takes the next module off a list (or what is left of one): false at its end. m is made new each time, with
 * nss_module_free to undo it. Comments between modules belong to the one behind them. */
bool nss_next(struct view *list, struct nss_module *m);
void nss_module_free(struct nss_module *m);

#endif

/* p11-kit's module files: who tells it of which module. Source: pkcs11.conf(5) of p11-kit. */
#ifndef CASTOR_BRIDGES_CASTOR_DOCTOR_P11KIT_H
#define CASTOR_BRIDGES_CASTOR_DOCTOR_P11KIT_H

#include "bridges/castor/doctor/env.h"

#define P11_FILES_MAX 128

struct p11_file {
	struct buf path;
	struct buf module;       /* as it stands there; "" when it names none */
	struct buf found;        /* the file that is; "" when there is none (a bare name is looked for where
	                          * p11-kit does) */
	struct buf enable, disable; /* programs of enable-in, disable-in */
	unsigned bad_line;       /* the first line that is neither key: value nor comment; 0: none */
	bool user;               /* the person's own */
};

struct p11_files {
	struct p11_file file[P11_FILES_MAX];
	size_t n;
	bool no_user;            /* p11-kit takes no files of the person's own: it does not for root, nor when
	                          * the system's pkcs11.conf says "user-config: none" */
};

/* Reads all module files; one of the person's takes the place of the system's of the same name. */
int p11_read(const struct doctor_env *env, struct p11_files *out);
void p11_free(struct p11_files *files);
/* Appends the path of the person's file for us: $XDG_CONFIG_HOME or ~/.config, pkcs11/modules/castor.module.
 * E_NOT_FOUND: no home. */
int p11_own(const struct doctor_env *env, struct buf *path);
/* Whether p11-kit gives that module to programs of this person: the first of its files; NULL. */
const struct p11_file *p11_has(struct p11_files *files, const char *module);

#endif

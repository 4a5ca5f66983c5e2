/* castor doctor: a table of checks, and what they found. */
#ifndef CASTOR_BRIDGES_CASTOR_DOCTOR_DOCTOR_H
#define CASTOR_BRIDGES_CASTOR_DOCTOR_DOCTOR_H

#include "bridges/castor/app.h"
#include "bridges/castor/doctor/env.h"
#include "bridges/castor/doctor/nssdb.h"
#include "bridges/castor/doctor/p11kit.h"

enum finding {
#define FINDING(name, id, severity, what, todo, command) FOUND_##name,
#include "bridges/castor/doctor/finding.def"
	FOUND_COUNT
};

enum severity { SEVERITY_BAD, SEVERITY_WARN, SEVERITY_INFO };

#define FOUND_MAX 64  /* more are not told */
#define FOUND_ARGS 3

struct found {
	enum finding what;
	struct buf arg[FOUND_ARGS]; /* UTF-8, not trusted */
};

struct doctor {
	struct app *a;
	const struct doctor_env *env;
	struct found found[FOUND_MAX];
	size_t n;
	bool service;            /* the smart card service answers this person */
	bool no_reader;          /* the module saw no reader */
	long child;              /* the process that reads the cards; 0 */
	char module[4096];       /* absolute path of ours; "" when it is not there */
	struct nss_dbs nss;
	struct p11_files p11;
};

/* Runs all checks and answers. Returns a status: ST_FINDINGS when one is bad or a warning. */
int doctor_run(struct app *a, const struct doctor_env *env);
/* Notes a finding, with NULL or up to three texts for {1}, {2} and {3}. */
void found(struct doctor *d, enum finding what, const char *one, const char *two, const char *three);
/* Whether it was found already. */
bool is_found(const struct doctor *d, enum finding what);
/* Takes back what turned out to be something else. */
void found_forget(struct doctor *d, enum finding what);
/* The command that installs a package, by its name in Debian, in this system's own way. */
void install_command(const struct doctor *d, const char *debian, struct buf *out);
/* Appends the programs that are connected to the smart card service now, but for this one, as
 * "firefox (4711), another user's program"; "none that can be seen". As an ordinary user, only one's own
 * programs have names. */
void service_clients(const struct doctor *d, struct buf *out);

/* The checks, in the order of doctor.c's table. None changes anything. */
void check_settings(struct doctor *d);
void check_clock(struct doctor *d);
void check_openssl(struct doctor *d);
void check_service(struct doctor *d);
void check_scdaemon(struct doctor *d);
void check_cards(struct doctor *d);
void check_reader(struct doctor *d);
void check_nss(struct doctor *d);
void check_p11kit(struct doctor *d);
void check_clients(struct doctor *d);
void check_dialog(struct doctor *d);
void check_port(struct doctor *d);

#endif

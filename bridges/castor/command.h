/* The commands of castor. */
#ifndef CASTOR_BRIDGES_CASTOR_COMMAND_H
#define CASTOR_BRIDGES_CASTOR_COMMAND_H

#include <stdint.h>

#include "bridges/castor/app.h"

#define OPT(name) (UINT64_C(1) << OPT_##name)
/* What every command takes, and those that talk to the module, or ask for PINs. */
#define OPTS_ALL (OPT(HELP) | OPT(VERSION) | OPT(JSON) | OPT(COLOR) | OPT(LANGUAGE))
#define OPTS_MODULE (OPTS_ALL | OPT(MODULE) | OPT(TEST_CARD) | OPT(READER))
#define OPTS_PIN (OPTS_MODULE | OPT(PIN_FD) | OPT(DIALOG))

struct command {
	const char *name;   /* one or two words */
	const char *args;   /* as in a synopsis; "" */
	const char *doc;    /* one line, English, marked for translation */
	uint64_t opts;      /* bits OPT(...) */
	int least, most;    /* operands */
	int (*run)(struct app *a); /* returns a status */
};

/* All of them, ended by one without a name. Static. */
extern const struct command commands[];
/* What is known of an option. Static. */
struct option_info {
	const char *word, *arg, *doc; /* arg NULL: it has none */
	char letter;                  /* 0: none */
	bool optional;                /* the argument may be left out */
};
extern const struct option_info option_infos[OPT_COUNT];

/* The usage of one command, or of all when it is NULL, as an answer. */
void help_put(struct app *a, const struct command *c);

/* Each runs one command and returns a status. */
int cmd_list(struct app *a);
int cmd_sign(struct app *a);
int cmd_verify(struct app *a);
int cmd_encrypt(struct app *a);
int cmd_decrypt(struct app *a);
int cmd_cert_show(struct app *a);
int cmd_cert_export(struct app *a);
int cmd_cert_chain(struct app *a);
int cmd_pin_status(struct app *a);
int cmd_pin_change(struct app *a);
int cmd_pin_unblock(struct app *a);
int cmd_pin_activate(struct app *a);
int cmd_complete(struct app *a);
int cmd_config(struct app *a);
int cmd_config_check(struct app *a);
int cmd_cache_info(struct app *a);
int cmd_cache_clear(struct app *a);
int cmd_trace_record(struct app *a);
int cmd_trace_anonymise(struct app *a);
int cmd_trace_replay(struct app *a);
int cmd_register(struct app *a);
int cmd_unregister(struct app *a);
int cmd_doctor(struct app *a);

#endif

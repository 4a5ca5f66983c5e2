#include "bridges/castor/command.h"

#include <string.h>

const struct command commands[] = {
	{ "list", "", N_("Show readers, cards, PINs, keys and certificates"), OPTS_MODULE, 0, 0, cmd_list },
	{ "cert show", "[ID]", N_("Show a certificate"), OPTS_MODULE | OPT(PIN) | OPT(ID), 0, 1, cmd_cert_show },
	{ "cert export", "[ID]", N_("Write a certificate, in PEM or DER"),
	    OPTS_MODULE | OPT(PIN) | OPT(ID) | OPT(OUTPUT) | OPT(FORCE) | OPT(DER), 0, 1, cmd_cert_export },
	{ "cert chain", "[ID]", N_("Show a certificate and its issuers, as far as the card has them"),
	    OPTS_MODULE | OPT(PIN) | OPT(ID) | OPT(OUTPUT) | OPT(FORCE), 0, 1, cmd_cert_chain },
	{ "pin status", "", N_("Show how the PINs stand"), OPTS_MODULE, 0, 0, cmd_pin_status },
	{ "pin change", "", N_("Change a PIN"), OPTS_PIN | OPT(PIN), 0, 0, cmd_pin_change },
	{ "pin unblock", "", N_("Give a blocked PIN a new value, with the PUK code"), OPTS_PIN | OPT(PIN), 0, 0, cmd_pin_unblock },
	{ "pin activate", "", N_("Activate a new card, with the code from its letter"), OPTS_PIN, 0, 0, cmd_pin_activate },
	{ "sign", "FILE", N_("Sign a file: CMS, in a file of its own"),
	    OPTS_PIN | OPT(PIN) | OPT(ID) | OPT(OUTPUT) | OPT(FORCE) | OPT(ATTACHED), 1, 1, cmd_sign },
	{ "verify", "FILE.p7s", N_("Verify a signature in CMS"),
	    OPTS_MODULE | OPT(CONTENT) | OPT(CA) | OPT(OUTPUT) | OPT(FORCE), 1, 1, cmd_verify },
	{ "encrypt", "FILE", N_("Encrypt a file for the card"), OPTS_MODULE | OPT(PIN) | OPT(ID) | OPT(OUTPUT) | OPT(FORCE),
	    1, 1, cmd_encrypt },
	{ "decrypt", "FILE.p7m", N_("Decrypt a file with the card"), OPTS_PIN | OPT(PIN) | OPT(ID) | OPT(OUTPUT) | OPT(FORCE),
	    1, 1, cmd_decrypt },
	{ "config check", "[FILE]", N_("Look for mistakes in settings files"), OPTS_ALL | OPT(SYSTEM), 0, 1, cmd_config_check },
	{ "config", "[KEY...]", N_("Show settings, and where they come from"),
	    OPTS_ALL | OPT(ALL) | OPT(FOR) | OPT(USER_FILE), 0, -1, cmd_config },
	{ "cache info", "", N_("Show what Castor keeps on disk and in the runtime folder"), OPTS_ALL | OPT(USER_FILE), 0, 0,
	    cmd_cache_info },
	{ "cache clear", "", N_("Remove the files of the cache from the disk"), OPTS_ALL | OPT(USER_FILE), 0, 0, cmd_cache_clear },
	{ "trace record", "FILE [-- COMMAND [ARG...]]", N_("Record what a program says to cards"),
	    OPTS_MODULE | OPT(FORCE) | OPT(ANONYMISE), 1, -1, cmd_trace_record },
	{ "trace anonymise", "FILE", N_("Take the holder out of a recording"), OPTS_ALL | OPT(OUTPUT) | OPT(FORCE), 1, 1,
	    cmd_trace_anonymise },
	{ "trace replay", "FILE [-- COMMAND [ARG...]]", N_("Play a recording back"), OPTS_ALL | OPT(MODULE), 1, -1,
	    cmd_trace_replay },
	{ "register", "[firefox|thunderbird|chromium|p11-kit|all]...", N_("Tell browsers and other programs of the module"),
	    OPTS_ALL | OPT(MODULE), 0, 4, cmd_register },
	{ "unregister", "[firefox|thunderbird|chromium|p11-kit|all]...", N_("Take the module out of browsers and other programs"),
	    OPTS_ALL | OPT(MODULE), 0, 4, cmd_unregister },
	{ "doctor", "", N_("Find out why cards do not work, and say what to do"), OPTS_MODULE, 0, 0, cmd_doctor },
	{ "complete", "[WORD...]", N_("Print what may come next, for shells"), OPTS_ALL, 0, -1, cmd_complete },
	{ NULL, NULL, NULL, 0, 0, 0, NULL },
};

const struct option_info option_infos[OPT_COUNT] = {
#define OPTION(name, word, letter, arg, optional, doc) [OPT_##name] = { word, arg, doc, letter, optional },
#include "bridges/castor/options.def"
};

static void
put_options(struct app *a, uint64_t opts)
{
	for (int i = 0; i < OPT_COUNT; i++) {
		const struct option_info *o = &option_infos[i];
		struct buf left = BUF_INIT;

		if (!(opts & UINT64_C(1) << i))
			continue;
		if (o->letter)
			buf_fmt(&left, "-%c, ", o->letter);
		else
			buf_str(&left, "    ");
		buf_fmt(&left, "--%s", o->word);
		if (o->arg)
			buf_fmt(&left, o->optional ? "[=%s]" : " %s", o->arg);
		put(a, "  %-26s %s\n", buf_text(&left), text(a->lang, o->doc));
		buf_free(&left);
	}
}

static void
put_command(struct app *a, const struct command *c)
{
	struct buf left = BUF_INIT;

	buf_fmt(&left, "%s%s%s", c->name, *c->args ? " " : "", c->args);
	put(a, "  %s%-30s%s %s\n", paint(a, PAINT_BOLD), buf_text(&left), paint(a, PAINT_OFF), text(a->lang, c->doc));
	buf_free(&left);
}

void
help_put(struct app *a, const struct command *c)
{
	if (c) {
		put(a, "castor %s%s%s\n\n%s.\n\n", c->name, *c->args ? " " : "", c->args, text(a->lang, c->doc));
		put_options(a, c->opts);
		return;
	}
	put(a, "%s\n\n", text(a->lang, "castor - smart cards at the command line"));
	for (c = commands; c->name; c++)
		if (c->run != cmd_complete)
			put_command(a, c);
	put(a, "\n%s\n", text(a->lang, "castor help COMMAND tells more, and castor(1) all. Options of every command:"));
	put_options(a, OPTS_ALL);
}

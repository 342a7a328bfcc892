/* What the programs share: where the release is, what the configuration says, and how a
 * question gets to the running node. */
#ifndef CMD_CLI_H
#define CMD_CLI_H

#include <stdbool.h>
#include <stddef.h>

#include "io/control.h"
#include "node/config.h"

enum cli_exit {
	CLI_OK = 0,
	CLI_FAILED = 1, /* the node said no, or the expression raised */
	CLI_DOWN = 2,   /* no node answers */
	CLI_USAGE = 64,
	CLI_CONFIG = 78,
};

enum { CLI_OPTIONS_MAX = 128, CLI_PATH_MAX = 1024 };

struct cli_pages;

struct cli {
	const char *program;            /* as people call it: "erlmcp" */
	const struct cli_pages *pages;  /* what it can do: help, manual, completion */
	char root[CLI_PATH_MAX];        /* of the release; "" when there is none */
	char *options[CLI_OPTIONS_MAX]; /* --key VALUE pairs, borrowed from argv */
	size_t n_options;
	struct config config;
};

/* A command of a program. The table of them is also its help. */
struct cli_verb {
	const char *name;
	const char *args; /* as help shows them; "" for none */
	const char *help; /* one sentence */
	int min;          /* arguments, options not counted */
	int max;
	const char *const *flags; /* its own flags without values, NULL-terminated; or NULL */
	bool options;             /* configuration options may follow it, too */
	int (*run)(struct cli *c, int argc, char **argv);
};

/* Find the verb in argv, gather options, check the number of arguments and run it. */
int cli_main(struct cli *c, const struct cli_verb *verbs, size_t n_verbs, int argc, char **argv);

/* True when flag is among the arguments. */
bool cli_flag(int argc, char **argv, const char *flag);

/* What the configuration is read for. */
enum cli_purpose {
	CLI_RUN,  /* to be the node: every error counts, a missing cookie is made */
	CLI_SHOW, /* to be printed: as CLI_RUN, but errors are the caller's to print */
	CLI_ASK,  /* to find the running node, which must stay reachable whatever became of the
	             files: only wrong options count, and no name is looked up, because that may
	             wait for a name server which a partition has cut off */
};

/* Read the configuration. CLI_OK or CLI_CONFIG, with the errors on standard error. Call
 * config_close() in every case. */
int cli_load(struct cli *c, enum cli_purpose purpose);

/* Print diagnostics of at least this severity on standard error. */
void cli_diagnostics(const struct cli *c, enum config_severity least);

/* Ask the node that the configuration names. On CLI_OK the caller closes the answer; otherwise
 * the failure was explained on standard error and CLI_DOWN is returned. */
int cli_ask(struct cli *c, const struct control_request *request, struct control_answer *ret);

/* Ask, print what came back, return its exit code. */
int cli_relay(struct cli *c, const char *verb, const char *const *args, size_t n_args,
              int timeout_ms);

#endif

/* bin/erlmcp: runs a node, and asks a running one.
 *
 * A table of verbs; running is in erlmcp_run.c, asking here. */
#include <stdio.h>
#include <string.h>

#include "cmd/cli.h"
#include "cmd/cli_pages.h"
#include "cmd/erlmcp.h"
#include "cmd/show.h"
#include "node/api_help.h"
#include "node/node.h"

enum {
	ASK_MS = 5000,   /* a fenced node, too, answers within a second */
	EVAL_MS = 60000, /* expressions may ping nodes and wait for the cluster */
};

static int ask(struct cli *c, const char *verb, const char *const *args, size_t n, int timeout_ms)
{
	int code = cli_load(c, CLI_ASK);

	if (code == CLI_OK)
		code = cli_relay(c, verb, args, n, timeout_ms);
	config_close(&c->config);
	return code;
}

static int ping(struct cli *c, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return ask(c, "ping", NULL, 0, ASK_MS) == CLI_OK ? CLI_OK : CLI_FAILED;
}

static int pid(struct cli *c, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return ask(c, "pid", NULL, 0, ASK_MS);
}

static int eval(struct cli *c, int argc, char **argv)
{
	return ask(c, "eval", (const char *const *)argv, (size_t)argc, EVAL_MS);
}

static int rpc(struct cli *c, int argc, char **argv)
{
	return ask(c, "rpc", (const char *const *)argv, (size_t)argc, EVAL_MS);
}

static int status(struct cli *c, int argc, char **argv)
{
	struct control_answer a;
	int code = cli_load(c, CLI_ASK);
	const struct control_request request = {c->config.values.data_dir, "cluster-status", NULL,
	                                        0, ASK_MS};

	if (code == CLI_OK)
		code = cli_ask(c, &request, &a);
	config_close(&c->config);
	if (code != CLI_OK)
		return code;
	if (cli_flag(argc, argv, "--json")) {
		(void)fwrite(a.out.base, 1, a.out.len, stdout);
		code = show_serving(&a.out) ? CLI_OK : CLI_FAILED;
	} else {
		code = show_summary(&a.out, show_colour(stdout)) ? CLI_OK : CLI_FAILED;
	}
	buf_close(&a.out);
	buf_close(&a.err);
	return code;
}

static int print(struct buf *b)
{
	const bool ok = buf_status(b) == ST_OK;

	if (ok)
		(void)fwrite(b->base, 1, b->len, stdout);
	else
		(void)fprintf(stderr, "erlmcp: %s\n", status_text(b->st));
	buf_close(b);
	return ok ? CLI_OK : CLI_FAILED;
}

enum { TEXT_MAX = 1024 * 1024 }; /* the table of keys is a few pages */

static int config_table(int argc, char **argv)
{
	struct buf b;

	buf_init(&b, TEXT_MAX);
	if (cli_flag(argc, argv, "--json"))
		config_help_json(&b);
	else if (cli_flag(argc, argv, "--markdown"))
		config_help_markdown(&b);
	else
		config_help(&b);
	return print(&b);
}

static int config(struct cli *c, int argc, char **argv)
{
	struct buf b;
	int code;

	if (cli_flag(argc, argv, "--help"))
		return config_table(argc, argv);
	code = cli_load(c, CLI_SHOW);
	if (code == CLI_OK) {
		buf_init(&b, TEXT_MAX);
		if (cli_flag(argc, argv, "--json"))
			config_print_json(&c->config, &b);
		else
			config_print(&c->config, &b);
		code = print(&b);
		if (!cli_flag(argc, argv, "--json"))
			cli_diagnostics(c, DIAGNOSTIC_NOTE);
		if (c->config.n_errors > 0)
			code = CLI_CONFIG;
	}
	config_close(&c->config);
	return code;
}

/* The functions of the registry: known without a running node. */
static int functions(struct cli *c, int argc, char **argv)
{
	const char *words[2] = {NULL, NULL};
	size_t n = 0;
	struct buf b;

	for (int i = 0; i < argc; i++) {
		if (strncmp(argv[i], "--", 2) != 0 && n < 2)
			words[n++] = argv[i];
	}
	buf_init(&b, TEXT_MAX);
	if (cli_flag(argc, argv, "--markdown")) {
		api_help_markdown(&b);
	} else if (!api_help_text(words[0], words[1], &b)) {
		(void)fprintf(stderr,
		              "%s: there is no such function; `erlmcp functions` lists the "
		              "modules\n",
		              c->program);
		buf_close(&b);
		return CLI_USAGE;
	}
	return print(&b);
}

static int help(struct cli *c, int argc, char **argv);

static const char *const json_flag[] = {"--json", NULL};
static const char *const functions_flags[] = {"--markdown", NULL};
static const char *const config_flags[] = {"--json", "--help", "--markdown", NULL};

static const struct cli_verb verbs[] = {
    {"foreground", "", "Run the node here; the log goes to standard output.", 0, 0, NULL, true,
     run_foreground},
    {"start", "", "Run the node detached; returns when it is up.", 0, 0, NULL, true, run_start},
    {"stop", "", "Stop the node and wait for its end.", 0, 0, NULL, true, run_stop},
    {"restart", "", "Stop the node if it runs, then start it.", 0, 0, NULL, true, run_restart},
    {"ping", "", "pong and exit code 0 when the node answers.", 0, 0, NULL, true, ping},
    {"pid", "", "The node's process id.", 0, 0, NULL, true, pid},
    {"status", "[--json]", "Whether the node serves, and its cluster in brief.", 0, 0, json_flag,
     true, status},
    {"eval", "EXPRESSION", "Evaluate Erlang expressions in the node.", 1, 1, NULL, false, eval},
    {"rpc", "MODULE FUNCTION [ARGS]", "Call a function; ARGS is an Erlang list.", 2, 3, NULL, false,
     rpc},
    {"config", "[--json]", "Effective values and their origin; --help: all keys.", 0, 0,
     config_flags, true, config},
    {"functions", "[MODULE [FUNCTION]] [--markdown]",
     "What can be called with eval and rpc, with examples.", 0, 2, functions_flags, false,
     functions},
    {"version", "", "The version of this program.", 0, 0, NULL, false, cli_pages_version},
    {"completion", "bash|zsh", "The script that completes this program's words.", 1, 1, NULL, false,
     cli_pages_completion},
    {"man", "", "This program's manual page, as roff.", 0, 0, NULL, false, cli_pages_man},
    {"help", "[exit-codes]", "This text, or what the exit codes mean.", 0, 1, NULL, false, help},
};

enum { VERBS = sizeof verbs / sizeof verbs[0] };

static const struct cli_exit_text exit_codes[] = {
    {CLI_OK, "success; a node that was asked to stop ends with this, too"},
    {CLI_FAILED, "eval, rpc: an exception or a syntax error; ping: no answer;\n"
                 "     status: the node runs, but does not serve; start: it did not come up"},
    {CLI_DOWN, "the node is not running or does not answer"},
    {CLI_USAGE, "wrong usage of the command"},
    {EXIT_START, "foreground: the node could not start; its log says why"},
    {EXIT_DISK, "foreground: a write or sync failed, or data on disk is corrupt"},
    {EXIT_MINORITY, "foreground: stopped itself in a minority partition\n"
                    "     (FORCE_SHUTDOWN=true, RB-008); start it again when the network healed"},
    {EXIT_REMOVED, "foreground: removed from the cluster, or refused by it"},
    {CLI_CONFIG, "the configuration is wrong; each error names input, place and remedy"},
};

static const struct cli_pages pages = {
    .program = "erlmcp",
    .what = "runs a node of an erlmcp cluster, and asks it",
    .about = "KEY is any key of `erlmcp config --help`, with - for _. Environment: ERLMCP_ROOT "
             "(release directory), ERLMCP_VM_ARGS, ERLMCP_SYS_CONFIG (files), and those that "
             "`erlmcp config --help` names.",
    .verbs = verbs,
    .n_verbs = VERBS,
    .exits = exit_codes,
    .n_exits = sizeof exit_codes / sizeof exit_codes[0],
};

static int help(struct cli *c, int argc, char **argv)
{
	if (argc == 0)
		return cli_pages_help(c, argc, argv);
	if (strcmp(argv[0], "exit-codes") == 0) {
		for (size_t i = 0; i < sizeof exit_codes / sizeof exit_codes[0]; i++)
			(void)printf("%3d  %s\n", exit_codes[i].code, exit_codes[i].text);
		return CLI_OK;
	}
	for (size_t i = 0; i < VERBS; i++) {
		if (strcmp(verbs[i].name, argv[0]) == 0) {
			cli_pages_verb(verbs[i].name, verbs[i].args, verbs[i].help);
			return CLI_OK;
		}
	}
	(void)fprintf(stderr, "erlmcp: there is no help for \"%s\"\n", argv[0]);
	return CLI_USAGE;
}

int main(int argc, char **argv)
{
	struct cli c = {.program = "erlmcp", .pages = &pages};

	return cli_main(&c, verbs, VERBS, argc, argv);
}

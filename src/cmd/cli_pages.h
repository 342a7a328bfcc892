/* What is made of a program's table of commands: help, the manual page, completion for shells. */
#ifndef CMD_CLI_PAGES_H
#define CMD_CLI_PAGES_H

#include <stdbool.h>
#include <stddef.h>

#include "cmd/cli.h"

/* A command below a command: "cluster join". */
struct cli_sub {
	const char *topic;
	const char *name;
	const char *args;
	const char *help;
};

struct cli_exit_text {
	int code;
	const char *text;
};

struct cli_pages {
	const char *program;
	const char *what;  /* in a phrase, for the head of the manual page */
	const char *about; /* some sentences */
	const struct cli_verb *verbs;
	size_t n_verbs;
	bool (*sub)(size_t i, struct cli_sub *ret); /* NULL: there are none */
	const struct cli_exit_text *exits;
	size_t n_exits;
};

/* Commands that every program with pages has: all commands, at most 80 columns wide; the version;
 * the manual page, section 1, as roff; the script that completes the program's words in the shell
 * that argv names. */
int cli_pages_help(struct cli *c, int argc, char **argv);
int cli_pages_version(struct cli *c, int argc, char **argv);
int cli_pages_man(struct cli *c, int argc, char **argv);
int cli_pages_completion(struct cli *c, int argc, char **argv);

/* One command with its help; blanks in the text are evened out, lines are broken. */
void cli_pages_verb(const char *head, const char *args, const char *help);

#endif

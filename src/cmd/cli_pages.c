#include "cmd/cli_pages.h"

#include <stdio.h>
#include <string.h>

enum { WIDTH = 80, INDENT = 6, HEAD_MAX = 96 };

/* The next word of s; its length, 0 at the end. */
static size_t next_word(const char **s)
{
	*s += strspn(*s, " \n");
	return strcspn(*s, " \n");
}

/* Words in lines behind an indent. */
static void print_wrapped(const char *s, size_t indent)
{
	size_t column = 0;
	size_t len;

	while ((len = next_word(&s)) > 0) {
		if (column > 0 && column + 1 + len > WIDTH) {
			(void)printf("\n");
			column = 0;
		}
		if (column == 0)
			(void)printf("%*s%.*s", (int)indent, "", (int)len, s);
		else
			(void)printf(" %.*s", (int)len, s);
		column += len + (column == 0 ? indent : 1);
		s += len;
	}
	(void)printf("\n");
}

void cli_pages_verb(const char *head, const char *args, const char *help)
{
	(void)printf("  %s%s%s\n", head, args[0] == '\0' ? "" : " ", args);
	print_wrapped(help, INDENT);
}

static void sub_head(const struct cli_sub *sub, char ret[HEAD_MAX])
{
	(void)snprintf(ret, HEAD_MAX, "%s %s", sub->topic, sub->name);
}

int cli_pages_help(struct cli *c, int argc, char **argv)
{
	const struct cli_pages *p = c->pages;
	struct cli_sub sub;
	char head[HEAD_MAX];

	(void)argc;
	(void)argv;
	(void)printf("usage: %s [--KEY VALUE...] COMMAND [ARGUMENT...]\n\n", p->program);
	for (size_t i = 0; i < p->n_verbs; i++)
		cli_pages_verb(p->verbs[i].name, p->verbs[i].args, p->verbs[i].help);
	for (size_t i = 0; p->sub != NULL && p->sub(i, &sub); i++) {
		sub_head(&sub, head);
		(void)printf(i == 0 ? "\n" : "");
		cli_pages_verb(head, sub.args, sub.help);
	}
	(void)printf("\n");
	print_wrapped(p->about, 0);
	(void)printf("\nexit codes:\n");
	for (size_t i = 0; i < p->n_exits; i++) {
		(void)printf("  %d\n", p->exits[i].code);
		print_wrapped(p->exits[i].text, INDENT);
	}
	return CLI_OK;
}

/* --- Manual page --------------------------------------------------------------------- */

/* Text in roff: blanks evened out; nothing of it is a request. */
static void roff(const char *s)
{
	size_t len;
	bool first = true;

	while ((len = next_word(&s)) > 0) {
		(void)printf(first ? "\\&" : " ");
		first = false;
		for (size_t i = 0; i < len; i++) {
			if (s[i] == '\\')
				(void)printf("\\e");
			else if (s[i] == '-')
				(void)printf("\\-");
			else
				(void)printf("%c", s[i]);
		}
		s += len;
	}
	(void)printf("\n");
}

static void roff_entry(const char *head, const char *args, const char *help)
{
	(void)printf(".TP\n.B \"%s\"\n", head);
	if (args[0] != '\0') {
		(void)printf(".br\n");
		roff(args);
		(void)printf(".br\n");
	}
	roff(help);
}

int cli_pages_version(struct cli *c, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	(void)printf("%s %s\n", c->program, ERLMCP_VERSION);
	return CLI_OK;
}

int cli_pages_man(struct cli *c, int argc, char **argv)
{
	const struct cli_pages *p = c->pages;
	struct cli_sub sub;
	char head[HEAD_MAX];

	(void)argc;
	(void)argv;
	(void)printf(".TH \"%s\" 1 \"\" \"erlmcp %s\" \"erlmcp\"\n.SH NAME\n%s \\- ", p->program,
	             ERLMCP_VERSION, p->program);
	roff(p->what);
	(void)printf(".SH SYNOPSIS\n.B %s\n[\\-\\-KEY VALUE...] COMMAND [ARGUMENT...]\n"
	             ".SH DESCRIPTION\n",
	             p->program);
	roff(p->about);
	(void)printf(".SH COMMANDS\n");
	for (size_t i = 0; i < p->n_verbs; i++)
		roff_entry(p->verbs[i].name, p->verbs[i].args, p->verbs[i].help);
	for (size_t i = 0; p->sub != NULL && p->sub(i, &sub); i++) {
		sub_head(&sub, head);
		roff_entry(head, sub.args, sub.help);
	}
	(void)printf(".SH OPTIONS\n");
	roff("Any key of `erlmcp config --help` may be given as --key value, with - for _.");
	(void)printf(".SH ENVIRONMENT\n");
	roff("ERLMCP_ROOT (release directory), ERLMCP_VM_ARGS and ERLMCP_SYS_CONFIG (files), "
	     "NO_COLOR (no colour on terminals either), and those that `erlmcp config --help` "
	     "names.");
	(void)printf(".SH \"EXIT STATUS\"\n");
	for (size_t i = 0; i < p->n_exits; i++) {
		(void)printf(".TP\n.B %d\n", p->exits[i].code);
		roff(p->exits[i].text);
	}
	(void)printf(".SH \"SEE ALSO\"\n.BR erlmcp (1),\n.BR erlmcp\\-admin (1)\n");
	return CLI_OK;
}

/* --- Completion ---------------------------------------------------------------------- */

/* _erlmcp_admin: no function has a dash in its name. */
static void print_function_name(const struct cli_pages *p)
{
	(void)printf("_");
	for (const char *c = p->program; *c != '\0'; c++)
		(void)printf("%c", *c == '-' ? '_' : *c);
}

static void print_flags(const struct cli_verb *v)
{
	for (size_t i = 0; v->flags != NULL && v->flags[i] != NULL; i++)
		(void)printf("%s ", v->flags[i]);
	(void)printf("--help");
}

static void print_subs(const struct cli_pages *p, const char *topic)
{
	struct cli_sub sub;

	for (size_t i = 0; p->sub != NULL && p->sub(i, &sub); i++) {
		if (strcmp(sub.topic, topic) == 0)
			(void)printf("%s ", sub.name);
	}
}

static void print_cases(const struct cli_pages *p)
{
	for (size_t i = 0; i < p->n_verbs; i++) {
		(void)printf("\t%s)\n\t\tflags='", p->verbs[i].name);
		print_flags(&p->verbs[i]);
		(void)printf("'\n\t\tsubs='");
		print_subs(p, p->verbs[i].name);
		(void)printf("'\n\t\t;;\n");
	}
}

static void print_verbs(const struct cli_pages *p)
{
	for (size_t i = 0; i < p->n_verbs; i++)
		(void)printf("%s%s", i == 0 ? "" : " ", p->verbs[i].name);
}

/* The words before the one that is being completed, flags left out: the command, and below it. */
static void bash(const struct cli_pages *p)
{
	(void)printf("# Completion of %s for bash; made by `%s completion bash`.\n", p->program,
	             p->program);
	print_function_name(p);
	(void)printf("() {\n"
	             "\tlocal cur=${COMP_WORDS[COMP_CWORD]} verb='' sub='' flags='' subs='' i\n"
	             "\tCOMPREPLY=()\n"
	             "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	             "\t\t[[ ${COMP_WORDS[i]} == -* ]] && continue\n"
	             "\t\tif [[ -z $verb ]]; then\n"
	             "\t\t\tverb=${COMP_WORDS[i]}\n"
	             "\t\telif [[ -z $sub ]]; then\n"
	             "\t\t\tsub=${COMP_WORDS[i]}\n"
	             "\t\tfi\n"
	             "\tdone\n"
	             "\tcase $verb in\n"
	             "\t'')\n\t\tflags='--help --version'\n\t\tsubs='");
	print_verbs(p);
	(void)printf("'\n\t\t;;\n");
	print_cases(p);
	(void)printf("\tesac\n"
	             "\tif [[ $cur == -* ]]; then\n"
	             "\t\tmapfile -t COMPREPLY < <(compgen -W \"$flags\" -- \"$cur\")\n"
	             "\telif [[ -z $sub && -n $subs ]]; then\n"
	             "\t\tmapfile -t COMPREPLY < <(compgen -W \"$subs\" -- \"$cur\")\n"
	             "\tfi\n"
	             "}\n"
	             "complete -o bashdefault -o default -F ");
	print_function_name(p);
	(void)printf(" %s\n", p->program);
}

static void zsh(const struct cli_pages *p)
{
	(void)printf("#compdef %s\n# Completion of %s for zsh; made by `%s completion zsh`.\n",
	             p->program, p->program, p->program);
	print_function_name(p);
	(void)printf("() {\n"
	             "\tlocal verb='' sub='' flags='' subs='' i\n"
	             "\tfor ((i = 2; i < CURRENT; i++)); do\n"
	             "\t\t[[ ${words[i]} == -* ]] && continue\n"
	             "\t\tif [[ -z $verb ]]; then\n"
	             "\t\t\tverb=${words[i]}\n"
	             "\t\telif [[ -z $sub ]]; then\n"
	             "\t\t\tsub=${words[i]}\n"
	             "\t\tfi\n"
	             "\tdone\n"
	             "\tcase $verb in\n"
	             "\t'')\n\t\tflags='--help --version'\n\t\tsubs='");
	print_verbs(p);
	(void)printf("'\n\t\t;;\n");
	print_cases(p);
	(void)printf("\tesac\n"
	             "\tif [[ ${words[CURRENT]} == -* ]]; then\n"
	             "\t\tcompadd -- ${=flags}\n"
	             "\telif [[ -z $sub && -n $subs ]]; then\n"
	             "\t\tcompadd -- ${=subs}\n"
	             "\telse\n"
	             "\t\t_files\n"
	             "\tfi\n"
	             "}\n"
	             "if [[ ${funcstack[1]} == _%s ]]; then\n\t",
	             p->program);
	print_function_name(p);
	(void)printf(" \"$@\"\nelse\n\tcompdef ");
	print_function_name(p);
	(void)printf(" %s\nfi\n", p->program);
}

int cli_pages_completion(struct cli *c, int argc, char **argv)
{
	(void)argc;
	if (strcmp(argv[0], "bash") == 0) {
		bash(c->pages);
		return CLI_OK;
	}
	if (strcmp(argv[0], "zsh") == 0) {
		zsh(c->pages);
		return CLI_OK;
	}
	(void)fprintf(stderr, "%s: completion is for bash or zsh\n", c->program);
	return CLI_USAGE;
}

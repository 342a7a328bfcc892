#include "cmd/cli.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/cli_pages.h"
#include "io/lockfile.h"

extern char **environ;

static bool is_release(const char *root)
{
	char path[CLI_PATH_MAX + 16];

	(void)snprintf(path, sizeof path, "%s/releases", root);
	return access(path, R_OK | X_OK) == 0;
}

/* The release is what ERLMCP_ROOT says, or the tree around the program's own file. */
static void find_root(struct cli *c)
{
	const char *given = getenv("ERLMCP_ROOT");
	ssize_t n;

	if (given != NULL && given[0] != '\0') {
		(void)snprintf(c->root, sizeof c->root, "%s", given);
		return;
	}
	n = readlink("/proc/self/exe", c->root, sizeof c->root - 1);
	c->root[n < 0 ? 0 : n] = '\0';
	for (int up = 0; up < 2; up++) {
		char *slash = strrchr(c->root, '/');

		if (slash == NULL)
			break;
		*slash = '\0';
	}
	if (!is_release(c->root))
		c->root[0] = '\0';
}

static const char *from_environment(const char *name)
{
	const char *value = getenv(name);

	return value == NULL || value[0] == '\0' ? NULL : value;
}

void cli_diagnostics(const struct cli *c, enum config_severity least)
{
	for (size_t i = 0; i < c->config.n_diagnostics; i++) {
		const struct config_diagnostic *d = &c->config.diagnostics[i];

		if (d->severity >= least)
			(void)fprintf(stderr, "%s: %s: %s\n", c->program,
			              config_severity_name(d->severity), d->text);
	}
	if (c->config.n_dropped > 0)
		(void)fprintf(stderr, "%s: and %zu more\n", c->program, c->config.n_dropped);
}

/* Instead of asking a name server: the name is only shown. */
static bool assume(void *arg, const char *host, char *ret, size_t cap)
{
	(void)arg;
	(void)host;
	(void)snprintf(ret, cap, "127.0.0.1");
	return true;
}

int cli_load(struct cli *c, enum cli_purpose purpose)
{
	struct config_host host = config_host_system;
	struct config_input in = {
	    .vm_args = from_environment("ERLMCP_VM_ARGS"),
	    .sys_config = from_environment("ERLMCP_SYS_CONFIG"),
	    .environment = environ,
	    .options = c->options,
	    .n_options = c->n_options,
	    .create_cookie = purpose == CLI_RUN,
	    .host = &host,
	};
	enum status st;

	find_root(c);
	in.root = c->root[0] == '\0' ? NULL : c->root;
	if (purpose == CLI_ASK)
		host.resolve = assume;
	st = config_load(&in, &c->config);
	if (st == ST_OK || (st == ST_INVALID && purpose != CLI_RUN && !c->config.bad_options))
		return CLI_OK;
	cli_diagnostics(c, DIAGNOSTIC_ERROR);
	if (st != ST_INVALID)
		(void)fprintf(stderr, "%s: the configuration cannot be read: %s\n", c->program,
		              status_text(st));
	return CLI_CONFIG;
}

/* Why nobody answered, with what to do about it. */
static void explain(const struct cli *c, enum status st, int timeout_ms)
{
	const struct node_config *v = &c->config.values;
	char path[CONFIG_PATH_MAX + 16];
	pid_t pid = 0;
	const bool held = lockfile_holder(v->data_dir, &pid) == ST_OK;

	(void)snprintf(path, sizeof path, "%s/" CONTROL_SOCKET, v->data_dir);
	if (st == ST_TIMEOUT)
		(void)fprintf(stderr,
		              "%s: node %s (process %ld) does not answer within %d s: it is "
		              "stopped or overloaded\n",
		              c->program, v->node_name, (long)pid, timeout_ms / 1000);
	else if (st == ST_REFUSED && access(path, R_OK | W_OK) != 0)
		(void)fprintf(stderr,
		              "%s: you may not ask node %s: %s belongs to another user; use that "
		              "user, or root\n",
		              c->program, v->node_name, path);
	else if (held && (st == ST_NOT_FOUND || st == ST_REFUSED))
		(void)fprintf(stderr,
		              "%s: node %s (process %ld) is starting or stopping: try again\n",
		              c->program, v->node_name, (long)pid);
	else if (st == ST_NOT_FOUND || st == ST_REFUSED)
		(void)fprintf(stderr,
		              "%s: node %s is not running (no answer at %s): start it with `erlmcp "
		              "start` or `erlmcp foreground`, or name its directory with "
		              "ERLMCP_DATA_DIR\n",
		              c->program, v->node_name, path);
	else if (st == ST_CLOSED)
		(void)fprintf(stderr,
		              "%s: node %s hung up: it is stopping, or too many programs ask it at "
		              "once\n",
		              c->program, v->node_name);
	else
		(void)fprintf(stderr, "%s: node %s cannot be asked at %s: %s\n", c->program,
		              v->node_name, path, status_text(st));
}

int cli_ask(struct cli *c, const struct control_request *request, struct control_answer *ret)
{
	enum status st;

	assert(c->config.values.data_dir[0] != '\0');
	st = control_call(request, ret);
	if (st == ST_OK)
		return CLI_OK;
	/* Perhaps the files are wrong about where the node is. */
	cli_diagnostics(c, DIAGNOSTIC_ERROR);
	explain(c, st, request->timeout_ms);
	return CLI_DOWN;
}

int cli_relay(struct cli *c, const char *verb, const char *const *args, size_t n_args,
              int timeout_ms)
{
	const struct control_request request = {c->config.values.data_dir, verb, args, n_args,
	                                        timeout_ms};
	struct control_answer a;
	const int code = cli_ask(c, &request, &a);
	int exit_code;

	if (code != CLI_OK)
		return code;
	(void)fwrite(a.out.base, 1, a.out.len, stdout);
	(void)fflush(stdout);
	(void)fwrite(a.err.base, 1, a.err.len, stderr);
	exit_code = a.exit_code;
	buf_close(&a.out);
	buf_close(&a.err);
	return exit_code;
}

bool cli_flag(int argc, char **argv, const char *flag)
{
	for (int i = 0; i < argc; i++) {
		if (strcmp(argv[i], flag) == 0)
			return true;
	}
	return false;
}

static int usage(const struct cli *c, const struct cli_verb *v)
{
	(void)fprintf(stderr, "usage: %s %s %s\n  %s\n", c->program, v->name, v->args, v->help);
	return CLI_USAGE;
}

/* Take --key value or --key=value at argv[i]; returns how many words, 0 when it is no option. */
static int take_option(struct cli *c, int argc, char **argv, int i)
{
	const int n = strchr(argv[i], '=') != NULL || i + 1 == argc ? 1 : 2;

	if (strncmp(argv[i], "--", 2) != 0 || argv[i][2] == '\0')
		return 0;
	for (int k = 0; k < n && c->n_options < CLI_OPTIONS_MAX; k++)
		c->options[c->n_options++] = argv[i + k];
	return n;
}

static bool own_flag(const struct cli_verb *v, const char *word)
{
	for (size_t i = 0; v->flags != NULL && v->flags[i] != NULL; i++) {
		if (strcmp(v->flags[i], word) == 0)
			return true;
	}
	return false;
}

/* Sort the words behind the verb into its arguments (with its flags, compacted to the front of
 * argv) and configuration options. Returns the number of words kept; *ret_n counts arguments. */
static int sort_words(struct cli *c, const struct cli_verb *v, int argc, char **argv, int *ret_n)
{
	int kept = 0;
	int n = 0;

	for (int i = 0; i < argc;) {
		const bool flag = own_flag(v, argv[i]);
		const int taken = v->options && !flag ? take_option(c, argc, argv, i) : 0;

		if (taken > 0) {
			i += taken;
			continue;
		}
		n += flag ? 0 : 1;
		argv[kept++] = argv[i++];
	}
	*ret_n = n;
	return kept;
}

static int run(struct cli *c, const struct cli_verb *v, int argc, char **argv)
{
	int kept;
	int n;

	if (!own_flag(v, "--help") &&
	    (cli_flag(argc, argv, "--help") || cli_flag(argc, argv, "-h"))) {
		(void)printf("usage: %s [--KEY VALUE...] COMMAND [ARGUMENT...]\n\n", c->program);
		cli_pages_verb(v->name, v->args, v->help);
		return CLI_OK;
	}
	kept = sort_words(c, v, argc, argv, &n);
	if (n < v->min || n > v->max)
		return usage(c, v);
	return v->run(c, kept, argv);
}

int cli_main(struct cli *c, const struct cli_verb *verbs, size_t n_verbs, int argc, char **argv)
{
	char help[] = "help";
	char version[] = "version";
	int i = 1;

	/* Conventional spellings of two verbs. */
	if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
		argv[1] = help;
	if (argc == 2 && strcmp(argv[1], "--version") == 0)
		argv[1] = version;
	while (i < argc) {
		const int taken = take_option(c, argc, argv, i);

		if (taken == 0)
			break;
		i += taken;
	}
	for (size_t k = 0; i < argc && k < n_verbs; k++) {
		if (strcmp(argv[i], verbs[k].name) == 0)
			return run(c, &verbs[k], argc - i - 1, argv + i + 1);
	}
	if (i < argc)
		(void)fprintf(stderr, "%s: there is no command \"%s\"; `%s help` lists all\n",
		              c->program, argv[i], c->program);
	else
		(void)fprintf(stderr, "%s: no command given; `%s help` lists all\n", c->program,
		              c->program);
	return CLI_USAGE;
}

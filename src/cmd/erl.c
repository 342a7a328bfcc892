/* bin/erl: the part of Erlang's `erl` that the runbooks use, for hosts without Erlang:
 *
 *     erl -noshell -name N -setcookie C -eval "net_adm:ping('erlmcp@127.0.0.1'), halt()."
 *
 * The same evaluator as in `erlmcp eval`, on a node that only asks. It is no Erlang: no
 * processes, no modules of one's own, no shell. Unlike erl it ends when nothing is left to
 * evaluate. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/erl_host.h"
#include "eval/eval.h"
#include "node/config.h"

enum {
	JOBS_MAX = 32,         /* -eval and -s on one command line */
	JOB_ARGS_MAX = 16,     /* -s Module Function Argument... */
	PRINTED_MAX = 1 << 20, /* an exception's text */
};

enum { ERL_OK = 0, ERL_FAILED = 1, ERL_USAGE = 64 };

struct job {
	const char *eval;                /* text, or NULL: -s */
	const char *words[JOB_ARGS_MAX]; /* -s: module, function, arguments */
	size_t n_words;
};

struct erl {
	const char *name;   /* -name or -sname, as given; NULL: not distributed */
	bool short_name;    /* -sname */
	const char *cookie; /* -setcookie, or NULL: ~/.erlang.cookie */
	bool noshell;
	bool version;
	struct job jobs[JOBS_MAX];
	size_t n_jobs;
};

static int usage(const char *what)
{
	(void)fprintf(
	    stderr,
	    "erl: %s\n"
	    "usage: erl -noshell [-name NAME | -sname NAME] [-setcookie COOKIE] [-hidden]\n"
	    "           -eval EXPRESSIONS... [-s init stop]\n"
	    "       erl -version\n"
	    "This is erlmcp's subset of erl, for hosts without Erlang: expressions only.\n",
	    what);
	return ERL_USAGE;
}

/* What a flag does with its values; n of them follow it. False: wrong number. */
static bool take_name(struct erl *e, char **values, int n)
{
	e->name = n == 1 ? values[0] : NULL;
	return n == 1;
}

static bool take_sname(struct erl *e, char **values, int n)
{
	e->short_name = true;
	return take_name(e, values, n);
}

static bool take_cookie(struct erl *e, char **values, int n)
{
	e->cookie = n == 1 ? values[0] : NULL;
	return n == 1;
}

static bool take_noshell(struct erl *e, char **values, int n)
{
	(void)values;
	(void)n;
	e->noshell = true;
	return true;
}

static bool take_version(struct erl *e, char **values, int n)
{
	(void)values;
	(void)n;
	e->version = true;
	return true;
}

static bool take_ignored(struct erl *e, char **values, int n)
{
	(void)e;
	(void)values;
	(void)n;
	return true;
}

static bool take_eval(struct erl *e, char **values, int n)
{
	for (int i = 0; i < n && e->n_jobs < JOBS_MAX; i++)
		e->jobs[e->n_jobs++].eval = values[i];
	return n > 0;
}

static bool take_start(struct erl *e, char **values, int n)
{
	struct job *job = &e->jobs[e->n_jobs];

	if (n < 1 || n > JOB_ARGS_MAX || e->n_jobs == JOBS_MAX)
		return false;
	for (int i = 0; i < n; i++)
		job->words[job->n_words++] = values[i];
	e->n_jobs++;
	return true;
}

static const struct {
	const char *name;
	bool (*take)(struct erl *e, char **values, int n);
} flags[] = {
    {"-name", take_name},
    {"-sname", take_sname},
    {"-setcookie", take_cookie},
    {"-noshell", take_noshell},
    {"-noinput", take_noshell},
    {"-eval", take_eval},
    {"-s", take_start},
    {"-run", take_start},
    {"-version", take_version},
    {"+V", take_version},
    {"-hidden", take_ignored},
    {"-kernel", take_ignored},
    {"-connect_all", take_ignored},
    {"-boot", take_ignored},
    {"-mode", take_ignored},
    {"-start_epmd", take_ignored},
    {"-dist_listen", take_ignored},
    {"-smp", take_ignored},
};

/* One flag with its values; returns how many words, 0 after a complaint. */
static int take(struct erl *e, int argc, char **argv)
{
	char text[160];
	int n = 1;

	while (n < argc && argv[n][0] != '-' && argv[n][0] != '+')
		n++;
	for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
		if (strcmp(flags[i].name, argv[0]) != 0)
			continue;
		if (flags[i].take(e, argv + 1, n - 1))
			return n;
		(void)snprintf(text, sizeof text, "wrong number of values behind %s", argv[0]);
		(void)usage(text);
		return 0;
	}
	if (argv[0][0] == '+')
		return n;
	(void)snprintf(text, sizeof text, "\"%.100s\" is not supported here", argv[0]);
	(void)usage(text);
	return 0;
}

/* Evaluate one text. Returns an exit code; the host says whether the program was halted. */
static int evaluate(struct erl_host *h, const char *text)
{
	const struct eval_host host = {.arg = h, .call = erl_host_call};
	struct eval_result r;
	struct eval *e;
	struct buf printed;
	int code = ERL_OK;

	if (eval_new(text, strlen(text), &host, &eval_limits_default, &e) != ST_OK) {
		(void)fprintf(stderr, "erl: out of memory\n");
		return ERL_FAILED;
	}
	eval_run(e, &r);
	if (r.output_len > 0)
		(void)fwrite(r.output, 1, r.output_len, stdout);
	(void)fflush(stdout);
	if (!h->halted && r.outcome != EVAL_VALUE) {
		buf_init(&printed, PRINTED_MAX);
		eval_print(&r, &printed);
		(void)fwrite(printed.base, 1, printed.len, stderr);
		buf_close(&printed);
		code = ERL_FAILED;
	}
	eval_free(e);
	return code;
}

/* -s Module [Function [Argument...]] calls Module:Function([Argument...]), or with none
 * Module:Function(); Function is start when it is not given. */
static int start(struct erl_host *h, const struct job *job)
{
	struct buf text;
	int code = ERL_FAILED;

	buf_init(&text, PRINTED_MAX);
	buf_printf(&text, "'%s':'%s'(", job->words[0], job->n_words > 1 ? job->words[1] : "start");
	for (size_t i = 2; i < job->n_words; i++)
		buf_printf(&text, "%s'%s'", i == 2 ? "[" : ",", job->words[i]);
	buf_printf(&text, "%s).", job->n_words > 2 ? "]" : "");
	if (buf_text(&text) != NULL)
		code = evaluate(h, (const char *)text.base);
	buf_close(&text);
	return code;
}

static int run_jobs(struct erl_host *h, const struct erl *e)
{
	for (size_t i = 0; i < e->n_jobs; i++) {
		const int code =
		    e->jobs[i].eval != NULL ? evaluate(h, e->jobs[i].eval) : start(h, &e->jobs[i]);

		if (h->halted)
			return h->exit_code;
		if (code != ERL_OK)
			return code;
	}
	return h->stopping ? h->exit_code : ERL_OK;
}

/* The name completed and the cookie found as a node does it: the flags become a node's
 * settings. An undistributed run needs no cookie. */
static enum status settle(const struct erl *e, struct config *c)
{
	char home[CONFIG_PATH_MAX + 8];
	char cookie[CONFIG_TEXT_MAX];
	char port[64] = "";
	char name[CONFIG_TEXT_MAX];
	char option[] = "--node-name";
	char *environment[] = {home, port, cookie, NULL};
	char *options[] = {option, name};
	const struct config_input in = {
	    .environment = environment,
	    .options = options,
	    .n_options = e->name == NULL ? 0 : 2,
	    .create_cookie = true,
	    .host = &config_host_system,
	};
	const char *dir = getenv("HOME");
	const char *epmd_port = getenv("ERL_EPMD_PORT");
	char host[NODE_NAME_MAX] = "localhost";

	(void)snprintf(home, sizeof home, "HOME=%s", dir == NULL ? "" : dir);
	(void)snprintf(port, sizeof port, "ERL_EPMD_PORT=%s", epmd_port == NULL ? "" : epmd_port);
	(void)snprintf(cookie, sizeof cookie, "ERLANG_COOKIE=%s",
	               e->name == NULL     ? "nocookie"
	               : e->cookie == NULL ? ""
	                                   : e->cookie);
	(void)snprintf(name, sizeof name, "%s", e->name == NULL ? "" : e->name);
	if (e->short_name && strchr(name, '@') == NULL) {
		if (config_host_system.hostname(NULL, host, sizeof host) == ST_OK)
			host[strcspn(host, ".")] = '\0';
		(void)snprintf(name, sizeof name, "%s@%s", e->name, host);
	}
	return config_load(&in, c);
}

static int run(const struct erl *e)
{
	struct config *c = calloc(1, sizeof *c);
	struct erl_host h = {.distributed = e->name != NULL};
	char why[512];
	int code = ERL_FAILED;

	if (c == NULL)
		return code;
	if (settle(e, c) != ST_OK) {
		for (size_t i = 0; i < c->n_diagnostics; i++) {
			if (c->diagnostics[i].severity == DIAGNOSTIC_ERROR)
				(void)fprintf(stderr, "erl: %s\n", c->diagnostics[i].text);
		}
	} else {
		h.name = e->name == NULL ? "nonode@nohost" : c->values.node_name;
		h.cookie = c->values.cookie;
		h.epmd_port = (uint16_t)c->values.epmd_port;
		if (erl_host_open(&h, why, sizeof why) == ST_OK)
			code = run_jobs(&h, e);
		else
			(void)fprintf(stderr, "erl: %s\n", why);
		erl_host_close(&h);
	}
	config_close(c);
	free(c);
	return code;
}

int main(int argc, char **argv)
{
	static const char version[] = "erlmcp " ERLMCP_VERSION " (a subset of erl, no emulator)";
	struct erl e = {.name = NULL};

	for (int i = 1; i < argc;) {
		const int n =
		    strcmp(argv[i], "-extra") == 0 ? argc - i : take(&e, argc - i, argv + i);

		if (n == 0)
			return ERL_USAGE;
		i += n;
	}
	if (e.version) {
		(void)fprintf(stderr, "%s\n", version);
		return ERL_OK;
	}
	if (e.n_jobs == 0)
		return usage("nothing to evaluate: give -eval EXPRESSIONS");
	if (!e.noshell)
		return usage("there is no shell here: give -noshell");
	return run(&e);
}
